"""Several runs in one figure: late averages against a parameter, and profiles side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from openmm_thermalnet.equilibrium import thermal_floor
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.plotting.style import (
    DARK,
    MIDDLE,
    letter,
    line_style,
    numbers,
    panels,
    styled,
    threshold_line,
)


@styled
def plot_late_averages(
    values: Sequence[float], analyses: Sequence[Mapping[str, Any]], label: str, log: bool = True
) -> Figure:
    """Late energy per degree of freedom and accuracies A* of quenches against a parameter.

    The energy is divided by its thermal floor, M N (L - 1) kT, so that 1 is equilibrium. Bars are
    one standard error over samples.

    Parameters
    ----------
    values : sequence of float
        The parameter of each run, such as ln alpha or the friction.
    analyses : sequence of mapping
        As `analyze_run` returns them.
    label : str
        Of the abscissa.
    log : bool
        Whether the abscissa is logarithmic.

    Raises
    ------
    InputError
        If there are no runs, or another number of values.
    """
    if not analyses or len(values) != len(analyses):
        raise InputError(
            f"{len(values)} values for {len(analyses)} runs; give one for each of at least one"
        )
    figure, grid = panels(1, 3, 9.6, 3.1)
    energy, test, train = grid[0]
    late = [analysis["quench"]["thermodynamics"]["late"] for analysis in analyses]
    floors = np.array([thermal_floor(analysis) for analysis in analyses])
    _draw(energy, values, late, "energy", 1 / floors, DARK, "o-", "")
    energy.axhline(1.0, color="black", linestyle=":", linewidth=1)
    energy.set_yscale("log")
    energy.set_ylabel("energy $E^*\\,/\\,MN(L-1)\\,kT$")
    letter(energy, 0, "energy")
    for index, (axes, split) in enumerate(((test, "test"), (train, "train")), start=1):
        ones = np.ones(len(values))
        _draw(axes, values, late, f"{split}_tanh", ones, DARK, "o-", "tanh network")
        _draw(axes, values, late, f"{split}_sign", ones, MIDDLE, "s--", "sign network")
        axes.set_ylim(0, 1.03)
        axes.set_ylabel(f"{split} accuracy $A^*$")
        letter(axes, index, "test images" if split == "test" else "training images")
    for axes in grid[0]:
        axes.set_xlabel(label)
        if log:
            axes.set_xscale("log")
    test.legend(loc="best")
    return figure


def _draw(
    axes: Axes,
    values: Sequence[float],
    late: Sequence[Mapping[str, Any]],
    name: str,
    scale: Any,
    color: str,
    line: str,
    legend: str,
) -> None:
    mean = numbers([entry[name]["mean"] for entry in late]) * scale
    error = numbers([entry[name]["error"] for entry in late]) * scale
    order = np.argsort(values)
    axes.errorbar(
        np.asarray(values, dtype=np.float64)[order],
        mean[order],
        yerr=np.nan_to_num(error[order]),
        fmt=line,
        color=color,
        capsize=2,
        label=legend,
    )


@styled
def plot_profiles(analyses: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Late replica correlations q_l* and Q_l* against the layer, of several runs.

    Parameters
    ----------
    analyses : mapping of str to mapping
        Label and `analyze_run`'s result; the last waiting time of each is drawn.

    Raises
    ------
    InputError
        If a run has no replicas at a waiting time.
    """
    figure, grid = panels(1, 2, 8.6, 3.3, sharey=True)
    for k, (label, analysis) in enumerate(analyses.items()):
        entries = [e for e in analysis["waiting_times"].values() if e["q_star"] is not None]
        if not entries:
            raise InputError(f"{label} has no replicas; give it waiting times and replicas")
        for axes, name in zip(grid[0], "qQ", strict=True):
            star = numbers(entries[-1][f"{name}_star"])
            error = np.nan_to_num(numbers(entries[-1][f"{name}_star_error"]))
            layers = np.arange(1, len(star) + 1)
            style = line_style(k, len(analyses), marker=True)
            axes.errorbar(layers, star, yerr=error, capsize=2, label=label, **style)
    for index, (axes, name) in enumerate(zip(grid[0], "qQ", strict=True)):
        low = min(axes.get_ylim()[0], 0.0)
        axes.axhspan(low, 1 / math.e, color="0.93", zorder=0, linewidth=0)
        axes.set_ylim(low, 1.05)
        threshold_line(axes)
        axes.set_xlabel("layer $l$")
        axes.set_ylabel(f"${name}_l(t^*, t_w)$")
        axes.xaxis.get_major_locator().set_params(integer=True)
        letter(axes, index, "spins" if name == "q" else "weights")
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside right center")
    return figure
