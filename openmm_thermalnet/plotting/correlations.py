"""Two-time correlations, relaxation times and ageing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from openmm_thermalnet.plotting.style import (
    DARK,
    MIDDLE,
    SINCE,
    draw_curve,
    layer_legend,
    letter,
    line_style,
    log_time,
    numbers,
    panels,
    styled,
    threshold_line,
    whole_decades,
)

_TITLES = {
    "c": "spins with $t_w$",
    "C": "weights with $t_w$",
    "q": "spins, between replicas",
    "Q": "weights, between replicas",
}


@styled
def plot_correlations(analysis: Mapping[str, Any], waiting_time: str) -> Figure:
    """Normalised correlations c_l, C_l, q_l and Q_l of every layer against time.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.
    waiting_time : str
        A key of ``analysis["waiting_times"]``.
    """
    values = analysis["waiting_times"][waiting_time]
    names = "cC" if values["q"] is None else "cCqQ"
    depth = len(values["C"])
    figure, grid = panels(len(names) // 2, 2, 8.6, 2.9 * len(names) // 2, sharey=True)
    for index, (axes, name) in enumerate(zip(grid.flat, names, strict=True)):
        shown = log_time(axes, values["steps"], SINCE)
        steps = numbers(values["steps"])[shown]
        for layer, (mean, error) in enumerate(
            zip(values[name], values[f"{name}_error"], strict=True)
        ):
            draw_curve(
                axes,
                steps,
                numbers(mean)[shown],
                numbers(error)[shown],
                **line_style(layer, depth),
            )
        threshold_line(axes)
        axes.set_ylabel(f"${name}_l(t, t_w)$")
        letter(axes, index, _TITLES[name])
    layer_legend(figure, depth)
    return figure


@styled
def plot_relaxation_times(analysis: Mapping[str, Any]) -> Figure:
    """Relaxation times of spins and weights against the layer, for every waiting time.

    Open symbols are lower bounds, since not every sample relaxed. Arrows are layers that did not
    relax within the run, drawn at its length.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it, with at least one waiting time.
    """
    follows = analysis["waiting_times"]
    figure, grid = panels(1, 2, 8.6, 3.2, sharey=True)
    for index, (axes, name) in enumerate(zip(grid[0], "cC", strict=True)):
        for k, (waiting_time, values) in enumerate(follows.items()):
            _draw_times(axes, values, name, k, len(follows), f"{waiting_time}")
        axes.set_yscale("log")
        axes.set_xlabel("layer $l$")
        axes.set_ylabel(f"relaxation time $\\tau_l^{name}$ (steps)")
        axes.xaxis.get_major_locator().set_params(integer=True)
        letter(axes, index, "spins" if name == "c" else "weights")
    whole_decades(*grid[0])
    grid[0][1].legend(title="$t_w$ (steps)", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _draw_times(
    axes: Axes, values: Mapping[str, Any], name: str, index: int, count: int, label: str
) -> None:
    """Relaxation times of one waiting time; arrows where they were not reached."""
    tau = numbers(values[f"tau_{name}"])
    log_error = np.nan_to_num(numbers(values[f"tau_{name}_log_error"]))
    layers = np.arange(1, len(tau) + 1) + 0.12 * (index - (count - 1) / 2)
    style = line_style(index, count, marker=True)
    spread = np.stack([tau - tau * np.exp(-log_error), tau * np.exp(log_error) - tau])
    axes.errorbar(layers, tau, yerr=spread, capsize=2, linewidth=1, label=label, **style)
    bounds = np.asarray(values[f"tau_{name}_lower_bound"], dtype=bool)
    hollow = {**style, "linestyle": "none", "markerfacecolor": "white", "zorder": 3}
    axes.plot(layers[bounds], tau[bounds], **hollow)
    missing = np.isnan(tau)
    last = np.full(missing.sum(), values["steps"][-1])
    arrow, color = r"$\uparrow$", style["color"]
    axes.plot(layers[missing], last, linestyle="none", marker=arrow, markersize=9, color=color)


@styled
def plot_ageing(analysis: Mapping[str, Any]) -> Figure:
    """Global correlations for every waiting time, and how relaxation slows down.

    Open symbols are lower bounds, since not every sample relaxed; no power law goes through them.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it, with at least one waiting time.
    """
    follows, ageing = analysis["waiting_times"], analysis["ageing"]
    figure, grid = panels(1, 3, 10.2, 3.1)
    grid[0][0].sharey(grid[0][1])
    spins, weights, times = grid[0]
    for index, (axes, name) in enumerate(((spins, "c"), (weights, "C"))):
        for k, (waiting_time, values) in enumerate(follows.items()):
            shown = log_time(axes, values["steps"], SINCE)
            draw_curve(
                axes,
                numbers(values["steps"])[shown],
                numbers(values[f"{name}_global"])[shown],
                numbers(values[f"{name}_global_error"])[shown],
                label=waiting_time,
                **line_style(k, len(follows)),
            )
        threshold_line(axes)
        axes.set_ylabel(f"global ${name}(t, t_w)$")
        letter(axes, index, "spins" if name == "c" else "weights")
    spins.legend(title="$t_w$ (steps)", loc="center left")
    for name, color, marker in (("c", DARK, "o"), ("C", MIDDLE, "s")):
        bounds = [values[f"tau_{name}_global_lower_bound"] for values in follows.values()]
        _draw_ageing(times, ageing["waiting_times"], ageing[name], bounds, name, color, marker)
    times.set_xscale("log")
    whole_decades(times)
    times.set_xlabel("waiting time $t_w$ (steps)")
    times.set_ylabel("relaxation time $\\tau$ (steps)")
    handles, labels = times.get_legend_handles_labels()
    if handles:
        times.legend(handles, labels, loc="best")
    else:
        times.set_axis_off()
        times.text(0.5, 0.5, "not reached", transform=times.transAxes, ha="center")
    letter(times, 2, "relaxation times")
    return figure


def _draw_ageing(
    axes: Axes,
    waiting_times: Sequence[int],
    found: Mapping[str, Any],
    bounds: Sequence[bool],
    name: str,
    color: str,
    marker: str,
) -> None:
    """Relaxation times of a global correlation, and the power law through them."""
    waiting, tau = numbers(waiting_times), numbers(found["tau"])
    shown = (waiting > 0) & np.isfinite(tau)
    if not shown.any():
        return
    error = np.nan_to_num(numbers(found["log_error"])) * tau
    fit = found["fit"]
    label = f"$\\tau^{name}$"
    if fit is not None:
        error_of = fit["exponent_error"]
        spread = "" if error_of is None else f"\\pm {error_of:.2f}"
        label += f" $\\propto t_w^{{{fit['exponent']:.2f}{spread}}}$"
        ends = numbers([waiting[shown][0], waiting[shown][-1]])
        axes.plot(ends, fit["prefactor"] * ends ** fit["exponent"], color=color, linewidth=1)
    axes.errorbar(
        waiting[shown],
        tau[shown],
        yerr=error[shown],
        color=color,
        marker=marker,
        linestyle="none",
        capsize=2,
        label=label,
    )
    hollow = shown & np.asarray(bounds, dtype=bool)
    style: dict[str, Any] = {"color": color, "marker": marker, "markerfacecolor": "white"}
    axes.plot(waiting[hollow], tau[hollow], linestyle="none", zorder=3, **style)


@styled
def plot_profile(analysis: Mapping[str, Any]) -> Figure:
    """Late replica correlations q_l* and Q_l* against the layer: the phases.

    Open symbols are liquid layers, filled ones solid; bars are one standard error.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it, with replicas at one waiting time at least.
    """
    follows = {
        name: values
        for name, values in analysis["waiting_times"].items()
        if values["q_star"] is not None
    }
    figure, grid = panels(1, 2, 8.6, 3.3, sharey=True)
    for index, (axes, name) in enumerate(zip(grid[0], "qQ", strict=True)):
        for k, (waiting_time, values) in enumerate(follows.items()):
            star = numbers(values[f"{name}_star"])
            error = np.nan_to_num(numbers(values[f"{name}_star_error"]))
            layers = np.arange(1, len(star) + 1)
            style = line_style(k, len(follows), marker=True)
            axes.errorbar(layers, star, yerr=error, capsize=2, label=waiting_time, **style)
            liquid = star < 1 / math.e
            axes.plot(
                layers[liquid],
                star[liquid],
                linestyle="none",
                marker=style["marker"],
                color=style["color"],
                markerfacecolor="white",
                zorder=3,
            )
        low = min(axes.get_ylim()[0], 0.0)
        axes.axhspan(low, 1 / math.e, color="0.93", zorder=0, linewidth=0)
        axes.set_ylim(low, 1.05)
        threshold_line(axes)
        axes.text(0.99, 0.01, "liquid", transform=axes.transAxes, ha="right", va="bottom")
        axes.set_xlabel("layer $l$")
        axes.set_ylabel(f"${name}_l(t^*, t_w)$")
        axes.xaxis.get_major_locator().set_params(integer=True)
        letter(axes, index, "spins" if name == "q" else "weights")
    grid[0][1].legend(title="$t_w$ (steps)", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
