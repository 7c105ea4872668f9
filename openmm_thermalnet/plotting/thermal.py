"""Energies, temperature and accuracies against time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from openmm_thermalnet.equilibrium import last_kT
from openmm_thermalnet.plotting.style import (
    DARK,
    LIGHT,
    MIDDLE,
    SINCE,
    STEPS,
    draw_curve,
    letter,
    line_style,
    log_time,
    numbers,
    panels,
    styled,
    whole_decades,
)


def _stage(analysis: Mapping[str, Any], waiting_time: str | None) -> tuple[dict[str, Any], str]:
    """Thermodynamics of the quench or of a waiting time, and the label of its time axis."""
    if waiting_time is None:
        return analysis["quench"]["thermodynamics"], STEPS
    return analysis["waiting_times"][waiting_time]["thermodynamics"], SINCE


@styled
def plot_training(analysis: Mapping[str, Any], waiting_time: str | None = None) -> Figure:
    """Energy relative to the start, and accuracies on test and training images, against time.

    Thick lines are means over samples with a band of one standard error, thin ones the samples.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.
    waiting_time : str, optional
        A key of ``analysis["waiting_times"]`` for its copies; by default the quench.
    """
    thermo, label = _stage(analysis, waiting_time)
    figure, grid = panels(1, 3, 9.6, 3.1)
    energy, test, train = grid[0]
    _draw_samples(energy, thermo, "energy_ratio", label, DARK, "-", "")
    if (numbers(thermo["energy_ratio"]["mean"]) > 0).all():
        whole_decades(energy)
    energy.set_ylabel("energy $E(t)\\,/\\,E(0)$")
    letter(energy, 0, "energy")
    for index, (axes, split) in enumerate(((test, "test"), (train, "train")), start=1):
        _draw_samples(axes, thermo, f"{split}_tanh", label, DARK, "-", "tanh network")
        _draw_samples(axes, thermo, f"{split}_sign", label, MIDDLE, (0, (4, 1.5)), "sign network")
        axes.set_ylim(0, 1.03)
        axes.set_ylabel(f"{split} accuracy $A(t)$")
        letter(axes, index, "test images" if split == "test" else "training images")
    test.legend(loc="best")
    return figure


def _draw_samples(
    axes: Axes,
    thermo: Mapping[str, Any],
    name: str,
    label: str,
    color: str,
    line: Any,
    legend: str,
) -> None:
    """Mean with its band over the light curves of the samples."""
    shown = log_time(axes, thermo["steps"], label)
    steps = numbers(thermo["steps"])[shown]
    curves = thermo[name]
    for sample in numbers(curves["per_sample"]):
        axes.plot(steps, sample[shown], color=color, linewidth=0.6, alpha=0.35, linestyle=line)
    mean, error = numbers(curves["mean"])[shown], numbers(curves["error"])[shown]
    draw_curve(axes, steps, mean, error, color=color, linestyle=line, label=legend, linewidth=1.8)


@styled
def plot_layer_energies(analysis: Mapping[str, Any], waiting_time: str | None = None) -> Figure:
    """Energy of every layer and the kinetic temperature against time.

    For the energy "norm" the dotted line is what equilibrium gives a hidden layer,
    <E_l> = M N kT, at the kT that an annealed run ends with.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.
    waiting_time : str, optional
        A key of ``analysis["waiting_times"]`` for its copies; by default the quench.
    """
    thermo, label = _stage(analysis, waiting_time)
    figure, grid = panels(1, 2, 9.0, 3.4, width_ratios=[3, 2])
    layers, kinetic = grid[0]
    shown = log_time(layers, thermo["steps"], label)
    steps = numbers(thermo["steps"])[shown]
    energies = thermo["layer_energy"]
    depth = len(energies["mean"])
    for index in range(depth):
        mean = numbers(energies["mean"][index])[shown]
        error = numbers(energies["error"][index])[shown]
        style = line_style(index, depth)
        draw_curve(layers, steps, mean, error, label=f"{index + 1}", **style)
    config, network = analysis["config"], analysis["network"]
    if config["energy"] == "norm" and network["widths"][1] * network["patterns"] > 0:
        floor = network["patterns"] * network["widths"][1] * last_kT(config)
        layers.axhline(floor, color="black", linestyle=":", linewidth=1)
        layers.annotate(
            "$M N k_\\mathrm{B}T$",
            (0.01, floor),
            xycoords=("axes fraction", "data"),
            xytext=(2, 3),
            textcoords="offset points",
            fontsize=8,
        )
    layers.set_yscale("log" if (numbers(energies["mean"]) > 0).all() else "linear")
    layers.set_ylabel("layer energy $E_l$ (kJ/mol)")
    layers.legend(title="layer $l$", loc="center left", bbox_to_anchor=(1, 0.5))
    letter(layers, 0, "layer energies")
    shown = log_time(kinetic, thermo["steps"], label)
    temperature = thermo["temperature"]
    for sample in numbers(temperature["per_sample"]):
        kinetic.plot(steps, sample[shown], color=LIGHT, linewidth=0.6)
    mean, error = numbers(temperature["mean"])[shown], numbers(temperature["error"])[shown]
    draw_curve(kinetic, steps, mean, error, color=DARK, linewidth=1.8)
    kinetic.axhline(last_kT(config), color="black", linestyle=":", linewidth=1)
    kinetic.set_yscale("log")
    kinetic.set_ylabel("kinetic $k_\\mathrm{B}T$ (kJ/mol)")
    letter(kinetic, 1, "temperature")
    return figure
