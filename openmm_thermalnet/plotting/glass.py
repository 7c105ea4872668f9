"""Dynamics of a feed-forward network's weights: one run, every t0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from openmm_thermalnet.plotting.style import (
    DARK,
    LIGHT,
    MIDDLE,
    STEPS,
    draw_curve,
    letter,
    line_style,
    log_time,
    numbers,
    panels,
    shades,
    styled,
    threshold_line,
)

FROM_T0 = "time from $t_0$, $t$ (steps)"
LOCAL = "$d\\,\\ln C / d\\,\\ln t$"


@styled
def plot_losses(analysis: Mapping[str, Any]) -> Figure:
    """Loss, accuracies and unsatisfied patterns of every start against time.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it for a feed-forward network.
    """
    found = analysis["quench"]["thermodynamics"]
    steps = numbers(found["steps"])
    figure, grid = panels(1, 3, 10.2, 3.2)
    for index, (names, label) in enumerate(
        (
            (("pattern_loss",), "mean loss of the patterns"),
            (("test_accuracy", "train_accuracy"), "accuracy"),
            (("unsatisfied",), "unsatisfied patterns (margin < 1)"),
        )
    ):
        axes = grid[0, index]
        shown = log_time(axes, steps, STEPS)
        for name, colour in zip(names, (DARK, MIDDLE), strict=False):
            for sample in numbers(found[name]["per_sample"]):
                axes.plot(steps[shown], sample[shown], color=colour, linewidth=0.6, alpha=0.5)
            mean, error = numbers(found[name]["mean"]), numbers(found[name]["error"])
            words = name.split("_")[0]
            draw_curve(axes, steps[shown], mean[shown], error[shown], color=colour, label=words)
        axes.set_ylabel(label)
        if len(names) > 1:
            axes.legend()
        letter(axes, index, label.split(" (")[0])
    return figure


@styled
def plot_weight_overlap(analysis: Mapping[str, Any]) -> Figure:
    """Overlap C(t, t0) for every t0 beside the free walk's, and their local exponents.

    Thin dashed lines are the free walk, erf(eps / sqrt(4 D t)), which falls as t^(-1/2) on its own.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it for a feed-forward network.
    """
    times = analysis["waiting_times"]
    figure, (row,) = panels(1, 2, 8.2, 3.5)
    for index, (t0, values) in enumerate(times.items()):
        steps = numbers(values["steps"])
        shown = steps > 0
        style = line_style(index, len(times))
        overlap = {key: numbers(values["overlap"][key])[shown] for key in ("mean", "error")}
        row[0].set(xscale="log", yscale="log")
        draw_curve(row[0], steps[shown], *overlap.values(), label=f"$t_0$ = {t0}", **style)
        null = numbers(values["free_walk"])[shown]
        row[0].plot(steps[shown], null, color=style["color"], linewidth=0.7, linestyle="--")
        local_exponents(row[1], values, style)
    threshold_line(row[0])
    row[0].set(xlabel=FROM_T0, ylabel="$C(t, t_0)$")
    row[0].legend()
    letter(row[0], 0, "overlap; dashed: free walk")
    finish_exponents(row[1], 1, FROM_T0)
    return figure


def local_exponents(axes: Axes, values: Mapping[str, Any], style: Mapping[str, Any]) -> None:
    """Local exponent of the overlap with its error, and that of the free walk, thin."""
    local, null = values["local_exponents"]["overlap"], values["local_exponents"]["free_walk"]
    axes.set_xscale("log")
    draw_curve(axes, local["x"], local["mean"], local["error"], **style)
    axes.plot(
        numbers(null["x"]), numbers(null["mean"]), color=style["color"], linewidth=0.7, ls="--"
    )


def finish_exponents(axes: Axes, index: int, label: str) -> None:
    """Scale, the line at -1/2 and the words of a panel of local exponents."""
    axes.axhline(-0.5, color="black", linestyle=":", linewidth=1)
    axes.set(xlabel=label, ylabel=LOCAL, ylim=(-1.05, 0.1))
    letter(axes, index, "local exponent; dotted: $-1/2$")


@styled
def plot_weight_displacements(analysis: Mapping[str, Any]) -> Figure:
    """MSD with its local exponent, non-Gaussian parameter and chi_4 for every t0.

    A caging plateau would be a stretch where the local exponent of the MSD falls towards 0. Weights
    that move independently have chi_4 = C (1 - C).

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it for a feed-forward network.
    """
    times = analysis["waiting_times"]
    figure, grid = panels(2, 2, 8.2, 6.2)
    msd, exponent, alpha, chi = grid.ravel()
    for axes in grid.ravel():
        axes.set_xscale("log")
    msd.set_yscale("log")
    for index, (t0, values) in enumerate(times.items()):
        steps = numbers(values["steps"])
        shown = steps > 0
        style = line_style(index, len(times))
        for axes, name in ((msd, "msd"), (alpha, "alpha_2"), (chi, "chi4")):
            curve = {key: numbers(values[name][key])[shown] for key in ("mean", "error")}
            draw_curve(axes, steps[shown], *curve.values(), label=f"$t_0$ = {t0}", **style)
        free = numbers(values["free_walk_msd"])[shown]
        if (free > 0).any():
            msd.plot(steps[shown], free, color="black", linestyle=":", linewidth=1)
        c = numbers(values["overlap"]["mean"])[shown]
        chi.plot(steps[shown], c * (1 - c), color="black", linestyle=":", linewidth=1)
        local = values["local_exponents"]["msd"]
        draw_curve(exponent, local["x"], local["mean"], local["error"], **style)
    exponent.axhline(1, color="black", linestyle=":", linewidth=1)
    alpha.axhline(0, color="black", linestyle=":", linewidth=1)
    words = (
        (msd, "$\\langle\\Delta w^2\\rangle$", "mean squared displacement; dotted: free"),
        (exponent, "$d\\,\\ln\\langle\\Delta w^2\\rangle / d\\,\\ln t$", "its local exponent"),
        (alpha, "$\\alpha_2$", "non-Gaussian parameter"),
        (chi, "$\\chi_4$", "four-point susceptibility; dotted: independent"),
    )
    for index, (axes, label, title) in enumerate(words):
        axes.set(xlabel=FROM_T0, ylabel=label)
        letter(axes, index, title)
    msd.legend()
    return figure


@styled
def plot_log_displacements(analysis: Mapping[str, Any], waiting_time: str) -> Figure:
    """Distribution of log10 |dw| at a few times, beside Gaussians of the same MSD.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it for a feed-forward network.
    waiting_time : str
        t0, a key of ``analysis["waiting_times"]``.
    """
    values = analysis["waiting_times"][waiting_time]
    found = values["log_displacements"]
    edges = numbers(found["edges"])
    centres = 0.5 * (edges[1:] + edges[:-1])
    figure, ((axes,),) = panels(1, 1, 5.2, 3.6)
    axes.set_yscale("log", nonpositive="mask")
    steps = list(values["steps"])
    colours = shades(len(found["steps"]))
    for step, density, error, colour in zip(
        found["steps"], found["density"], found["error"], colours, strict=True
    ):
        mean = numbers(density)
        draw_curve(
            axes,
            centres,
            np.where(mean > 0, mean, np.nan),
            error,
            color=colour,
            label=f"$t$ = {step}",
        )
        sigma = np.sqrt(numbers(values["msd"]["mean"])[steps.index(step)])
        u = 10**centres / sigma
        gauss = np.log(10) * np.sqrt(2 / np.pi) * u * np.exp(-0.5 * u**2)
        axes.plot(centres, gauss, color=colour, linestyle=":", linewidth=1)
    for width in values["width"]:
        axes.axvline(np.log10(width), color=LIGHT, linewidth=0.8)
    axes.set(xlabel="$\\log_{10}|\\Delta w|$", ylabel="density per decade", ylim=(1e-4, 5))
    axes.legend()
    letter(axes, 0, f"displacements, $t_0$ = {waiting_time}; dotted: Gaussian")
    return figure


@styled
def plot_weight_ageing(analysis: Mapping[str, Any]) -> Figure:
    """Relaxation times against t0, with the power law through them if there is one.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it for a feed-forward network.
    """
    found = analysis["ageing"]
    times = numbers(found["waiting_times"])
    figure, ((axes,),) = panels(1, 1, 4.4, 3.4)
    axes.set_yscale("log")
    for name, label, colour, marker in (
        ("tau_90", "$C = 0.9$", DARK, "o"),
        ("tau_e", "$C = 1/e$", MIDDLE, "s"),
    ):
        tau, error = numbers(found[name]["tau"]), numbers(found[name]["log_error"])
        bar = tau * np.where(np.isfinite(error), error, 0)
        axes.errorbar(times, tau, bar, color=colour, marker=marker, capsize=2, label=label)
        free = [analysis["waiting_times"][str(int(t0))][name]["free_walk"] for t0 in times]
        axes.plot(times, numbers(free), color=colour, linestyle="--", linewidth=0.8)
    axes.set(xlabel="$t_0$ (steps)", ylabel="relaxation time (steps)")
    axes.legend()
    letter(axes, 0, "ageing; dashed: free walk")
    return figure
