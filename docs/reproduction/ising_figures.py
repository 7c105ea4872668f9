"""Figures and tables of Ising models: ``python docs/reproduction/ising_figures.py DIRECTORY OUT``.

DIRECTORY is that of ising.py, whose finished parts are drawn; OUT is for the figures.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from openmm_thermalnet.plotting.style import (
    DARK,
    LIGHT,
    MIDDLE,
    draw_curve,
    letter,
    panels,
    styled,
)

RUNS = {"profile-fan-in": "gain 1/sqrt(N)", "profile": "gain 1"}
TWINS = {
    "given": ("trained", DARK, "-"),
    "permuted": ("permuted", MIDDLE, "--"),
    "within": ("permuted within layers", LIGHT, ":"),
}
FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


def mean_error(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis, with its standard error."""
    array = np.asarray(values, dtype=np.float64)
    return array.mean(axis=0), array.std(axis=0, ddof=1) / np.sqrt(len(array))


def shown(values: Any, digits: int = 3) -> str:
    """Mean and standard error of numbers."""
    mean, error = mean_error(values)
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


@styled
def draw_machine(found: dict[str, Any]) -> Figure:
    """W, T_c and accuracy of the machine along a run."""
    figure, grid = panels(2, 3, 9.6, 5.6, sharex=True)
    for row, (run, label) in enumerate(RUNS.items()):
        steps = sorted({entry["step"] for entry in found[run]})
        by_step = [[e for e in found[run] if e["step"] == step] for step in steps]
        for column, key in enumerate(("width", "critical")):
            for twin, (name, color, line) in TWINS.items():
                each = [mean_error([e[twin][key] for e in entries]) for entries in by_step]
                mean, error = np.transpose(each)
                axes, style = grid[row, column], {"color": color, "linestyle": line, "marker": "o"}
                draw_curve(axes, steps, mean, error, label=name, **style)
        for key, name, color in (("test_tanh", "tanh", DARK), ("test_sign", "sign", MIDDLE)):
            each = [mean_error([e[key] for e in entries]) for entries in by_step]
            mean, error = np.transpose(each)
            axes = grid[row, 2]
            draw_curve(axes, steps, mean, error, label=name, color=color, marker="o")
        texts = ("width $W$", "critical temperature $T_c$", "test accuracy")
        for column, text in enumerate(texts):
            axes = grid[row, column]
            axes.set_xscale("symlog", linthresh=1000, linscale=0.5)
            axes.set_xticks([0, 1e3, 1e4, 1e5], ["0", "$10^3$", "$10^4$", "$10^5$"])
            axes.set_ylabel(text)
            letter(axes, 3 * row + column, label)
            if row == 1:
                axes.set_xlabel("time $t$ (steps)")
    grid[1, 0].legend(loc="upper left")
    grid[0, 2].legend(loc="lower right")
    return figure


@styled
def draw_layers(found: dict[str, Any]) -> Figure:
    """W of single layers and of the first k, at the start and at the end."""
    figure, grid = panels(2, 2, 8.4, 5.6, sharex=True)
    curves = (
        ("start", "given", "random start", "black", (0, (1, 2))),
        *(("end", twin, *style) for twin, style in TWINS.items()),
    )
    for row, (run, label) in enumerate(RUNS.items()):
        for column, kind in enumerate(("single", "first")):
            axes = grid[row, column]
            for when, twin, name, color, line in curves:
                samples = [found[f"layers-{run}-{when}-{s}"][twin][kind] for s in range(3)]
                mean, error = mean_error(samples)
                k = np.arange(1, len(mean) + 1)
                draw_curve(axes, k, mean, error, label=name, color=color, linestyle=line)
            axes.set_ylabel("$W$ of layer $l$ alone" if kind == "single" else "$W$ of layers 1-$l$")
            axes.set_xticks(range(1, 11))
            letter(axes, 2 * row + column, label)
            if row == 1:
                axes.set_xlabel("layer $l$")
    grid[0, 0].legend(loc="upper left")
    return figure


@styled
def draw_sampling(found: dict[str, Any]) -> Figure:
    """Entropy and specific heat by sampling, with the exact ones where the layers are narrow."""
    figure, grid = panels(1, 3, 9.6, 3.2)
    pairs = (("machine", "trained", DARK, "-"), ("machine-permuted", "permuted", MIDDLE, "--"))
    entropy, machine_heat, wide_heat = grid[0]
    for name, label, color, line in pairs:
        style = {"color": color, "linestyle": line}
        density, spins = found[name]["density_of_states"], found[name]["spins"]
        x = np.array(density["energies"], dtype=np.float64) / spins
        y = np.array(density["log_g"], dtype=np.float64) / spins
        entropy.plot(x, y, label=label, **style)
        heat = found[name]["specific_heat"]
        machine_heat.plot(heat["plain"]["temperatures"], heat["plain"]["values"], **style)
        exact = heat["exact"]
        machine_heat.plot(exact["temperatures"], exact["values"], "o", color=color, markersize=3)
        heat = found[name.replace("machine", "wide")]["specific_heat"]["plain"]
        wide_heat.plot(heat["temperatures"], heat["values"], **style)
        wide_heat.axvline(heat["maximum"]["value"], color=color, linestyle=":", linewidth=1)
    entropy.set_xlabel("energy per spin $E/n$")
    entropy.set_ylabel("$\\ln g\\,/\\,n$")
    entropy.legend(loc="lower center")
    letter(entropy, 0, "machine")
    for index, (axes, text) in enumerate(
        ((machine_heat, "machine"), (wide_heat, "784-64-32-10")), start=1
    ):
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("temperature $T$")
        axes.set_ylabel("specific heat $C/n$")
        letter(axes, index, text)
    wide_heat.set_xticks([0.5, 1, 2, 5], ["0.5", "1", "2", "5"])
    wide_heat.minorticks_off()
    return figure


@styled
def draw_perceptrons(found: dict[str, Any]) -> Figure:
    """W, T_c and accuracy against the permuted fraction."""
    figure, grid = panels(1, 3, 9.6, 3.2)
    sizes = (("narrow", "784-10-10-10-10", DARK), ("wide", "784-64-32-10", MIDDLE))
    for size, label, color in sizes:
        seeds = [values for name, values in found.items() if name.startswith(f"mlp-{size}")]
        for axes, key in zip(grid[0], ("width", "critical", "accuracy"), strict=True):
            series = [[seed[f"f={f:g}"][key] for f in FRACTIONS] for seed in seeds]
            if None in series[0]:
                continue
            mean, error = mean_error(series)
            draw_curve(axes, FRACTIONS, mean, error, color=color, marker="o", label=label)
            if key != "accuracy":
                for name, marker in (("within", "x"), ("untrained", "v")):
                    level, _ = mean_error([seed[name][key] for seed in seeds])
                    at = 1.06 if name == "within" else -0.06
                    axes.plot([at], [level], marker, color=color)
    texts = ("width $W$", "critical temperature $T_c$", "test accuracy")
    for index, (axes, text) in enumerate(zip(grid[0], texts, strict=True)):
        axes.set_xlabel("permuted fraction $f$")
        axes.set_ylabel(text)
        letter(axes, index, text.split(" $")[0])
        axes.set_xticks([0, 0.5, 1])
        axes.set_ylim(bottom=0)
    grid[0, 2].legend(loc="upper right")
    return figure


def machine_table(found: dict[str, Any]) -> list[str]:
    """One Markdown row for every time."""
    rows = [
        "| run | step | test tanh | W | W permuted | W within | T_c | T_c permuted | T_c within |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for run in RUNS:
        for step in sorted({entry["step"] for entry in found[run]}):
            entries = [entry for entry in found[run] if entry["step"] == step]
            cells = [shown([entry["test_tanh"] for entry in entries])]
            for key in ("width", "critical"):
                cells += [shown([entry[twin][key] for entry in entries]) for twin in TWINS]
            rows.append(f"| {run} | {step} | {' | '.join(cells)} |")
    return rows


def layers_table(found: dict[str, Any]) -> list[str]:
    """One Markdown row for every run and time: how nearly the layers have rank one."""
    layers = " | ".join(f"l = {k}" for k in range(1, 11))
    rows = [f"| | {layers} | T_c of l = 8-10 | permuted |", "|---|" + "---:|" * 12]
    for run, label in RUNS.items():
        for when in ("start", "end"):
            samples = [found[f"layers-{run}-{when}-{s}"] for s in range(3)]
            mean, _ = mean_error([sample["given"]["rank_one"] for sample in samples])
            critical = [
                shown([sample[twin]["last_three"] for sample in samples], 2)
                for twin in ("given", "permuted")
            ]
            parts = [f"{value:.2f}" for value in mean]
            rows.append(f"| {label}, {when} | {' | '.join([*parts, *critical])} |")
    return rows


def perceptron_table(found: dict[str, Any]) -> list[str]:
    """One Markdown row for every network."""
    rows = [
        "| network | weights | accuracy | W | T_c | W of each layer alone |",
        "|---|---|---:|---:|---:|---|",
    ]
    for size in ("narrow", "wide"):
        seeds = [values for name, values in found.items() if name.startswith(f"mlp-{size}")]
        for name in seeds[0]:
            cells = [shown([seed[name][key] for seed in seeds]) for key in ("accuracy", "width")]
            known = seeds[0][name]["critical"] is not None
            cells.append(shown([seed[name]["critical"] for seed in seeds]) if known else "-")
            single, _ = mean_error([seed[name]["single"] for seed in seeds])
            cells.append(", ".join(f"{width:.2f}" for width in single))
            rows.append(f"| {size} | {name} | {' | '.join(cells)} |")
    return rows


def sampling_table(found: dict[str, Any]) -> list[str]:
    """One Markdown row for every density of states."""
    rows = [
        "| network | converged | attempts | largest error of ln g | W | T_c | exact T_c |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, result in found.items():
        heat = result["specific_heat"]
        plain = heat["plain"]["maximum"]
        exact = "-" if heat["exact"] is None else f"{heat['exact']['maximum']['value']:.4f}"
        largest = max(e for e in result["density_of_states"]["error"] if e is not None)
        value = f"{plain['value']:.4f} ± {plain['error']:.4f}" if plain["value"] else "none"
        rows.append(
            f"| {name} | {'yes' if result['converged'] else 'NO'} "
            f"| {result['density_of_states']['steps']:.2g} | {largest:.2f} "
            f"| {result['width']['value']:.3f} "
            f"| {value if plain['resolved'] else 'not resolved'} | {exact} |"
        )
    return rows


PARTS: dict[str, tuple[Any, Any]] = {
    "machine": (draw_machine, machine_table),
    "layers": (draw_layers, layers_table),
    "mlp": (draw_perceptrons, perceptron_table),
    "sampling": (draw_sampling, sampling_table),
}


def main() -> None:
    """Draw what is there."""
    kept, out = Path(sys.argv[1]) / "ising", Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name, (draw, table) in PARTS.items():
        if not (kept / f"{name}.json").exists():
            print(f"{name} is not there yet", file=sys.stderr)
            continue
        found = json.loads((kept / f"{name}.json").read_text())
        draw(found).savefig(out / f"ising-{name}.png", dpi=110)
        print(*table(found), "", sep="\n")


if __name__ == "__main__":
    main()
