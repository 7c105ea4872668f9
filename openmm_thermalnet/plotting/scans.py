"""Where descent ends against a scanned parameter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from openmm_thermalnet.analysis import Transition
from openmm_thermalnet.plotting.style import DARK, LIGHT, MIDDLE, letter, panels, styled

_FLOOR = 1e-16

Table = Mapping[str, NDArray[np.float64]]


@styled
def plot_trivialisation(table: Table, transition: Transition) -> Figure:
    """Loss, outputs and norm at the end of descent against weight decay, every start a point.

    What is smaller than 1e-16 stands there.

    Parameters
    ----------
    table : mapping
        Columns of a scan, as `scans.columns` gives them.
    transition : Transition
        Where starts go over to the zero network; shaded with its error.
    """
    figure, grid = panels(1, 3, 10.2, 3.3)
    weights = table["weights"]
    quantities = (
        ("final loss of the patterns", table["loss"], "final loss"),
        ("largest output $|f|$", table["largest_output"], "outputs"),
        ("$|w|^2 / N_w$", table["squared_norm"] / weights, "weights"),
    )
    for index, (label, values, title) in enumerate(quantities):
        axes = grid[0, index]
        if index:
            axes.set_yscale("log")
        _points(axes, table["value"], np.maximum(values, _FLOOR) if index else values)
        _mark(axes, transition)
        axes.set_xlabel("weight decay $\\lambda$")
        axes.set_ylabel(label)
        letter(axes, index, title)
    grid[0, 0].axhline(0.5, color="black", linestyle=":", linewidth=1)
    return figure


@styled
def plot_jamming(table: Table, transition: Transition) -> Figure:
    """Loss and unsatisfied patterns at the end of descent against N_w / P, every start a point.

    What is smaller than 1e-16 stands there.

    Parameters
    ----------
    table : mapping
        Columns of a scan, as `scans.columns` gives them.
    transition : Transition
        Where the loss vanishes; shaded with its error.
    """
    figure, grid = panels(1, 2, 7.4, 3.3)
    ratio = (table["weights"] / table["patterns"])[:, 0]
    lost = np.maximum(table["loss"], _FLOOR)
    for index, (label, values, title) in enumerate(
        (
            ("final loss of the patterns", lost, "final loss"),
            ("fraction with margin < 1", table["unsatisfied"] / table["patterns"], "unsatisfied"),
        )
    ):
        axes = grid[0, index]
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        if index == 0:
            axes.set_yscale("log")
        _points(axes, ratio, values)
        _mark(axes, transition)
        axes.set_xlabel("weights per pattern $N_w / P$")
        axes.set_ylabel(label)
        letter(axes, index, title)
    return figure


def _points(axes: Axes, x: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    """Every start a point, a line through their medians."""
    for start in values.T:
        axes.plot(x, start, "o", color=LIGHT, markersize=3.5)
    axes.plot(x, np.median(values, axis=1), "-", color=DARK, label="median")


def _mark(axes: Axes, transition: Transition) -> None:
    """Line and band of a transition, if there is one."""
    if transition.value is None:
        return
    axes.axvline(transition.value, color=MIDDLE, linestyle="--", linewidth=1)
    if np.isfinite(transition.error):
        low, high = (transition.value + sign * transition.error for sign in (-1, 1))
        axes.axvspan(low, high, color=MIDDLE, alpha=0.15, linewidth=0)
