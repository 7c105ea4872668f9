"""A feed-forward network at several temperatures: superposition, relaxation, displacements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from openmm_thermalnet.plotting.glass import FROM_T0, LOCAL, finish_exponents, local_exponents
from openmm_thermalnet.plotting.style import (
    DARK,
    MIDDLE,
    draw_curve,
    letter,
    line_style,
    numbers,
    panels,
    styled,
    threshold_line,
)

TEMPERATURE = "temperature of the noise $kT/P$ (kJ/mol)"


@styled
def plot_superposition(
    analyses: Sequence[Mapping[str, Any]], comparison: Mapping[str, Any]
) -> Figure:
    """Overlaps of all temperatures against t, against t / tau_e, and their local exponents.

    Parameters
    ----------
    analyses : sequence of mapping
        Of the runs, as `analyze_run` returns them.
    comparison : mapping
        Of the same runs, as `analyze.compare_temperatures` returns it.
    """
    t0, runs = str(comparison["t0"]), _sorted(analyses)
    figure, (row,) = panels(1, 3, 11.4, 3.7)
    for axes in row[:2]:
        axes.set(xscale="log", yscale="log")
    for index, analysis in enumerate(runs):
        values = analysis["waiting_times"][t0]
        steps = numbers(values["steps"])
        shown = steps > 0
        style = line_style(index, len(runs))
        mean, error = (numbers(values["overlap"][key])[shown] for key in ("mean", "error"))
        draw_curve(row[0], steps[shown], mean, error, label=_label(analysis), **style)
        tau = values["tau_e"]["tau"]
        if tau is not None:
            draw_curve(row[1], steps[shown] / tau, mean, error, **style)
        local_exponents(row[2], values, style)
    reach = np.geomspace(1, 1e3, 40)
    row[1].plot(reach, 0.45 * reach**-0.5, color="black", linestyle=":", linewidth=1)
    for axes, label in zip(row, (FROM_T0, "$t / \\tau_e$"), strict=False):
        axes.set(xlabel=label, ylabel=f"$C(t, t_0)$, $t_0$ = {t0}")
        threshold_line(axes)
    row[0].legend(title="$kT/P$")
    letter(row[0], 0, "overlap")
    found = comparison["collapse"]
    words = "" if found is None else f": rms {found['deviation']:.2g}, S = {found['quality']:.3g}"
    letter(row[1], 1, f"superposition{words}")
    finish_exponents(row[2], 2, FROM_T0)
    return figure


@styled
def plot_relaxation_against_temperature(comparison: Mapping[str, Any]) -> Figure:
    """Relaxation times against the temperature of the noise, beside those of the free walk.

    Parameters
    ----------
    comparison : mapping
        As `analyze.compare_temperatures` returns it.
    """
    runs = [run for run in comparison["runs"] if run["temperature"] > 0]
    temperature = numbers([run["temperature"] for run in runs])
    figure, (row,) = panels(1, 2, 8.2, 3.5)
    for axes in row:
        axes.set(xscale="log", xlabel=TEMPERATURE)
    row[0].set_yscale("log")
    for name, label, colour, marker in (
        ("tau_90", "$C = 0.9$", DARK, "o"),
        ("tau_e", "$C = 1/e$", MIDDLE, "s"),
    ):
        tau, error, free = (
            numbers([run[name][key] for run in runs]) for key in ("tau", "log_error", "free_walk")
        )
        bars = np.where(np.isfinite(error), error, 0)
        row[0].errorbar(
            temperature, tau, tau * bars, color=colour, marker=marker, capsize=2, label=label
        )
        row[0].plot(temperature, free, color=colour, linestyle="--", linewidth=0.8)
        row[1].errorbar(
            temperature, tau / free, tau / free * bars, color=colour, marker=marker, capsize=2
        )
    cold = [run for run in comparison["runs"] if run["temperature"] == 0]
    for run in cold:
        for name, colour in (("tau_90", DARK), ("tau_e", MIDDLE)):
            if run[name]["tau"] is not None:
                row[0].axhline(run[name]["tau"], color=colour, linestyle=":", linewidth=1)
    row[1].axhline(1, color="black", linestyle=":", linewidth=1)
    row[1].set_ylim(bottom=0)
    row[0].set_ylabel("relaxation time (steps)")
    row[1].set_ylabel("relaxation time / free walk's")
    row[0].legend()
    letter(row[0], 0, f"$t_0$ = {comparison['t0']}; dashed: free walk; dotted: $kT = 0$")
    letter(row[1], 1, "beside the free walk")
    return figure


@styled
def plot_temperatures(analyses: Sequence[Mapping[str, Any]], waiting_time: str) -> Figure:
    """MSD with its local exponent, and non-Gaussian parameter, at all temperatures.

    Parameters
    ----------
    analyses : sequence of mapping
        As `analyze_run` returns them.
    waiting_time : str
        t0.
    """
    runs = _sorted(analyses)
    figure, (row,) = panels(1, 3, 11.4, 3.6)
    row[0].set(xscale="log", yscale="log")
    row[1].set_xscale("log")
    row[2].set_xscale("log")
    for index, analysis in enumerate(runs):
        values = analysis["waiting_times"][waiting_time]
        steps = numbers(values["steps"])
        shown = steps > 0
        style = line_style(index, len(runs))
        for axes, name in ((row[0], "msd"), (row[2], "alpha_2")):
            mean, error = (numbers(values[name][key])[shown] for key in ("mean", "error"))
            draw_curve(axes, steps[shown], mean, error, label=_label(analysis), **style)
        local = values["local_exponents"]["msd"]
        draw_curve(row[1], local["x"], local["mean"], local["error"], **style)
    for level in (1, 2):
        row[1].axhline(level, color="black", linestyle=":", linewidth=1)
    row[2].axhline(0, color="black", linestyle=":", linewidth=1)
    labels = (
        "$\\langle\\Delta w^2\\rangle$",
        LOCAL.replace("C", "\\langle\\Delta w^2\\rangle"),
        "$\\alpha_2$",
    )
    titles = ("mean squared displacement", "its local exponent", "non-Gaussian parameter")
    for index, (axes, label) in enumerate(zip(row, labels, strict=True)):
        axes.set(xlabel=FROM_T0, ylabel=label)
        letter(axes, index, titles[index])
    row[0].legend(title="$kT/P$")
    return figure


def _sorted(analyses: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(analyses, key=lambda analysis: analysis["temperature"])


def _label(analysis: Mapping[str, Any]) -> str:
    return f"{analysis['temperature']:.2g}"
