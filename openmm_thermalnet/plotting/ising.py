"""The Ising model of a network: density of states and specific heat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.plotting.figures import Drawing
from openmm_thermalnet.plotting.style import (
    letter,
    line_style,
    numbers,
    panels,
    styled,
)

_FORMS = {
    "plain": ("temperature $T$", "$C\\,/\\,n$", "per spin"),
    "normalised": ("temperature $T/W$", "normalised $C$", "normalised form"),
}


def draw_ising_figures(result: Mapping[str, Any]) -> Iterator[Drawing]:
    """Figures of one network.

    Parameters
    ----------
    result : mapping
        As `analyze_ising` returns it.

    Yields
    ------
    Drawing
        Name, caption and figure.
    """
    mark = "" if result["converged"] else " NOT CONVERGED."
    yield Drawing(
        "density_of_states",
        f"Entropy per spin against the energy per spin, with one standard error.{mark}",
        plot_density_of_states({_label(result): result}),
    )
    if all(np.isnan(_curve(result, form)).all() for form in _FORMS):
        return
    yield Drawing(
        "specific_heat",
        f"Specific heat: per spin, and in the paper's normalised form. Dashed: T_c.{mark}",
        plot_specific_heat({_label(result): result}),
    )


def _label(result: Mapping[str, Any]) -> str:
    name = f"permuted, f = {result['permuted']:g}" if result["permuted"] else "as given"
    return name if result["converged"] else f"{name} (NOT CONVERGED)"


@styled
def plot_density_of_states(results: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Entropy ln g / n and its error against E / n, of one or several networks.

    Parameters
    ----------
    results : mapping of str to mapping
        Label and `analyze_ising`'s result.
    """
    figure, grid = panels(1, 2, 8.4, 3.3)
    entropy, error = grid[0]
    for k, (label, result) in enumerate(results.items()):
        density, spins = result["density_of_states"], result["spins"]
        energies = numbers(density["energies"]) / spins
        style = line_style(k, len(results))
        entropy.plot(energies, numbers(density["log_g"]) / spins, label=label, **style)
        error.plot(energies, numbers(density["error"]), **style)
    entropy.axhline(np.log(2), color="black", linestyle=":", linewidth=1)
    entropy.set_ylabel("$\\ln g(E)\\,/\\,n$")
    error.set_ylabel("standard error of $\\ln g$")
    error.set_ylim(bottom=0)
    for index, (axes, text) in enumerate(((entropy, "entropy per spin"), (error, "error"))):
        axes.set_xlabel("energy per spin $E/n$")
        letter(axes, index, text)
    entropy.legend(loc="lower center")
    return figure


@styled
def plot_specific_heat(results: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Specific heat of some networks with its maxima: per spin, and in the normalised form.

    A form without a single number is left out: short of the ground state the normalised one is.

    Parameters
    ----------
    results : mapping of str to mapping
        Label and `analyze_ising`'s result.

    Raises
    ------
    InputError
        If no temperature could be computed.
    """
    forms = [
        form
        for form in _FORMS
        if any(np.isfinite(_curve(result, form)).any() for result in results.values())
    ]
    if not forms:
        raise InputError("no temperature is in reach of the bins; give more bins")
    figure, grid = panels(1, len(forms), 4.2 * len(forms), 3.3)
    for index, form in enumerate(forms):
        axes = grid[0, index]
        for k, (label, result) in enumerate(results.items()):
            style = line_style(k, len(results))
            heat = result["specific_heat"]
            axes.plot(heat[form]["temperatures"], _curve(result, form), label=label, **style)
            if heat[form]["maximum"]["value"] is not None:
                position = heat[form]["maximum"]["value"]
                axes.axvline(position, color=style["color"], linestyle="--", linewidth=0.8)
            exact = heat["exact"]
            if form == "plain" and exact is not None:
                points = {"color": style["color"], "label": "exact"}
                axes.plot(exact["temperatures"], exact["values"], "o", **points)
        if form == "plain":
            axes.set_xscale("log")
        axes.set_xlabel(_FORMS[form][0])
        axes.set_ylabel(_FORMS[form][1])
        axes.set_ylim(bottom=0)
        letter(axes, index, _FORMS[form][2])
    grid[0, 0].legend(loc="best")
    return figure


def _curve(result: Mapping[str, Any], form: str) -> NDArray[np.float64]:
    return numbers(result["specific_heat"][form]["values"])
