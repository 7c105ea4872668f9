"""The Ising model of a network: density of states and specific heat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from openmm_thermalnet.plotting.figures import Drawing
from openmm_thermalnet.plotting.style import (
    letter,
    line_style,
    numbers,
    panels,
    styled,
)


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
    """Specific heat per spin and in the normalised form, with the maxima, of some networks.

    Parameters
    ----------
    results : mapping of str to mapping
        Label and `analyze_ising`'s result.
    """
    figure, grid = panels(1, 2, 8.4, 3.3)
    for k, (label, result) in enumerate(results.items()):
        style = line_style(k, len(results))
        for axes, form in zip(grid[0], ("plain", "normalised"), strict=True):
            curve = result["specific_heat"][form]
            axes.plot(curve["temperatures"], numbers(curve["values"]), label=label, **style)
            if curve["maximum"]["value"] is not None:
                axes.axvline(
                    curve["maximum"]["value"], color=style["color"], linestyle="--", linewidth=0.8
                )
        exact = result["specific_heat"]["exact"]
        if exact is not None:
            grid[0, 0].plot(
                exact["temperatures"], exact["values"], "o", color=style["color"], label="exact"
            )
    plain, normalised = grid[0]
    plain.set_xscale("log")
    plain.set_xlabel("temperature $T$")
    plain.set_ylabel("$C\\,/\\,n$")
    normalised.set_xlabel("temperature $T/W$")
    normalised.set_ylabel("normalised $C$")
    letter(plain, 0, "per spin")
    letter(normalised, 1, "normalised form")
    for axes in grid[0]:
        axes.set_ylim(bottom=0)
    plain.legend(loc="best")
    return figure
