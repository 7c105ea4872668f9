"""How far variables move, and how unevenly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from openmm_thermalnet.plotting.style import (
    SINCE,
    draw_curve,
    layer_legend,
    letter,
    line_style,
    log_time,
    numbers,
    panels,
    styled,
)

_QUANTITIES = {
    "msd": "$\\langle\\Delta x^2\\rangle$",
    "alpha_2": "$\\alpha_2$",
    "chi4": "$\\chi_4$",
}
_UNIFORM_MSD = 2 / 3
_DECADES = 1e-8  # what is smaller than so much of the largest is rounding


@styled
def plot_heterogeneity(analysis: Mapping[str, Any], waiting_time: str) -> Figure:
    """MSD, non-Gaussian parameter and chi_4 of spins and weights, per layer, against time.

    The dotted line is the MSD of variables that fill the box evenly and have forgotten their start.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.
    waiting_time : str
        A key of ``analysis["waiting_times"]``.
    """
    values = analysis["waiting_times"][waiting_time]
    found = values["heterogeneity"]
    names = [name for name in _QUANTITIES if found["weights"][name] is not None]
    depth = len(values["C"])
    figure, grid = panels(2, len(names), 3.3 * len(names) + 0.6, 5.4)
    for row, kind in enumerate(("spins", "weights")):
        for column, name in enumerate(names):
            axes = grid[row, column]
            shown = log_time(axes, values["steps"], SINCE)
            steps = numbers(values["steps"])[shown]
            curves = found[kind][name]
            _scale(axes, name, numbers(curves["mean"])[:, shown])
            for layer, (mean, error) in enumerate(
                zip(curves["mean"], curves["error"], strict=True)
            ):
                style = line_style(layer, depth)
                draw_curve(axes, steps, numbers(mean)[shown], numbers(error)[shown], **style)
            if name == "msd":
                axes.axhline(_UNIFORM_MSD, color="black", linestyle=":", linewidth=1)
            axes.set_ylabel(f"{_QUANTITIES[name]}, {kind}")
            letter(axes, row * len(names) + column, kind)
    layer_legend(figure, depth)
    return figure


def _scale(axes: Axes, name: str, means: NDArray[np.float64]) -> None:
    """Ordinate of a quantity: alpha_2 has both signs, the others go over many decades."""
    if name == "alpha_2":
        axes.set_yscale("symlog", linthresh=1)
    elif (means > 0).any():
        axes.set_yscale("log", nonpositive="mask")
        highest = np.nanmax(means)
        axes.set_ylim(max(np.nanmin(means[means > 0]), _DECADES * highest), 10 * highest)


@styled
def plot_van_hove(analysis: Mapping[str, Any], waiting_time: str) -> Figure:
    """Density of the displacements of spins and weights at a few times, per layer.

    Displacements are in units of their own root mean square; the dotted line is a Gaussian.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.
    waiting_time : str
        A key of ``analysis["waiting_times"]``.
    """
    values = analysis["waiting_times"][waiting_time]
    depth = len(values["C"])
    times = values["heterogeneity"]["weights"]["van_hove"]["steps"]
    figure, grid = panels(2, len(times), 2.6 * len(times) + 0.7, 5.0, sharex=True, sharey=True)
    x = np.linspace(-4, 4, 161)
    for row, kind in enumerate(("spins", "weights")):
        jumps = values["heterogeneity"][kind]["van_hove"]
        for column, step in enumerate(times):
            axes = grid[row, column]
            axes.set_yscale("log", nonpositive="mask")
            for layer in range(len(jumps["density"])):
                edges, density, error = (
                    numbers(jumps[name][layer][column]) for name in ("edges", "density", "error")
                )
                sigma = numbers(jumps["sigma"][layer][column])
                centres = 0.5 * (edges[1:] + edges[:-1]) / sigma
                seen = sigma * np.where(density > 0, density, np.nan)
                style = line_style(layer, depth)
                draw_curve(axes, centres, seen, sigma * error, linewidth=1, **style)
            axes.plot(x, np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi), color="black", ls=":", lw=1)
            axes.set_ylim(1e-4, 10)
            letter(axes, row * len(times) + column, f"{kind}, $t = {step}$")
        grid[row, 0].set_ylabel("$\\sigma_l\\, G_s(\\Delta x, t)$")
    for axes in grid[-1]:
        axes.set_xlabel("displacement $\\Delta x / \\sigma_l(t)$")
    layer_legend(figure, depth)
    return figure
