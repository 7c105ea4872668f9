"""The effective model of binary weights: landscapes, and blocks side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from openmm_thermalnet.plotting.figures import Drawing
from openmm_thermalnet.plotting.style import (
    letter,
    line_style,
    numbers,
    panels,
    styled,
    threshold_line,
)

Blocks = Sequence[Mapping[str, Any]]

_QUANTITIES = {
    "overlap": "overlap $\\langle s_i\\rangle^2$",
    "rms_excess": "rms connected correlation",
    "independent_entropy": "entropy (nats per weight)",
}
_LEAST = 1e-4  # of a correlation on a logarithmic axis


@styled
def plot_landscapes(ensembles: Mapping[str, Blocks]) -> Figure:
    """Distance d(x) and entropy s(d) around trained configurations, a row for every ensemble.

    Lines and circles go forward in x, crosses backward: apart, they show hysteresis. The grey line
    is the largest entropy that is possible at d.

    Parameters
    ----------
    ensembles : mapping
        Under a label, blocks as `ensembles.describe` returns them; those without a landscape are
        left out.
    """
    figure, grid = panels(len(ensembles), 2, 8.4, 0.5 + 2.7 * len(ensembles))
    for row, (label, blocks) in enumerate(ensembles.items()):
        across, along = grid[row]
        shown = [block for block in blocks if block["landscapes"]]
        for index, block in enumerate(shown):
            style = line_style(index, len(shown))
            for number, found in enumerate(block["landscapes"]):
                name = block["name"] if number == 0 else None
                _draw_scans(across, along, found, style, name)
        d = np.linspace(0, 1, 201)[1:-1]
        along.plot(d, -d * np.log(d) - (1 - d) * np.log1p(-d), color="0.6", lw=4, zorder=0)
        across.set_xlabel("tilting field $x$")
        across.set_ylabel("distance $d$")
        along.set_xlabel("distance $d$")
        along.set_ylabel("entropy $s(d)$ (nats per weight)")
        for column, axes in enumerate((across, along)):
            letter(axes, 2 * row + column, label)
        across.legend()
    return figure


def _draw_scans(
    across: Axes, along: Axes, found: Mapping[str, Any], style: dict[str, Any], name: str | None
) -> None:
    x, dots = numbers(found["x"]), {"color": style["color"], "ls": ""}
    for way, order in (("forward", slice(None)), ("backward", slice(None, None, -1))):
        d, s = numbers(found[way]["distances"]), numbers(found[way]["entropies"])
        if way == "forward":
            across.plot(x[order], d, **style, label=name)
            along.plot(d, s, **dots, marker="o", markerfacecolor="none")
        else:
            across.plot(x[order], d, **dots, marker="x")
            along.plot(d, s, **dots, marker="x")


@styled
def plot_blocks(ensembles: Mapping[str, Blocks]) -> Figure:
    """Overlap, correlations and entropy of every block, one curve for each ensemble.

    Bars are one standard error. Of the correlations the noise is subtracted; an open symbol stands
    where nothing was left. Entropies are those of the weights one by one, crosses those of the
    fitted model; the dotted line is ln 2.

    Parameters
    ----------
    ensembles : mapping
        Under a label, blocks as `ensembles.describe` returns them.
    """
    figure, grid = panels(1, 3, 10.2, 3.5)
    names = max(([b["name"] for b in blocks] for blocks in ensembles.values()), key=len)
    for index, (label, blocks) in enumerate(ensembles.items()):
        style = {**line_style(index, len(ensembles), marker=True), "linewidth": 0.8}
        known = [block for block in blocks if block["name"] in names]
        where = numbers([names.index(block["name"]) for block in known])
        where += 0.1 * (index - 0.5 * (len(ensembles) - 1))
        for axes, key in zip(grid[0], _QUANTITIES, strict=True):
            mean = numbers([block[key]["mean"] for block in known])
            error = np.nan_to_num(numbers([block[key]["error"] for block in known]))
            if key == "rms_excess":
                lost = mean < _LEAST
                axes.plot(where[lost], np.full(lost.sum(), _LEAST), **_open(style))
                mean = np.where(lost, np.nan, mean)
            axes.errorbar(where, mean, error, label=label, **style)
        fits = [block["fit"] for block in known]
        model = numbers([None if fit is None else fit["entropy"] for fit in fits])
        grid[0][2].plot(where, model, ls="", marker="x", ms=7, color=style["color"])
    for index, (axes, title) in enumerate(zip(grid[0], _QUANTITIES.values(), strict=True)):
        axes.set_xticks(range(len(names)), [name.removeprefix("layer ") for name in names])
        axes.set_xlabel("layer of weights")
        axes.set_ylabel(title)
        letter(axes, index, ("overlap of runs", "correlations", "entropy")[index])
    grid[0][1].set_yscale("log")
    grid[0][2].axhline(math.log(2), color="black", linestyle=":", linewidth=1)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


@styled
def plot_liquid(
    ensembles: Mapping[str, Blocks], overlaps: Mapping[str, tuple[Sequence[float], Sequence[float]]]
) -> Figure:
    """Liquid layers by the overlap of spins, and by overlap, correlations and entropy of weights.

    Bars are one standard error over samples.

    Parameters
    ----------
    ensembles : mapping
        Under a label, blocks of all layers of a run as `ensembles.describe` returns them.
    overlaps : mapping
        Under the same labels, q_l of the spins of layers 1 ... L-1 and their errors.
    """
    figure, grid = panels(2, 2, 8.4, 5.8)
    axes = grid.ravel()
    for index, (label, blocks) in enumerate(ensembles.items()):
        style = {**line_style(index, len(ensembles), marker=True), "linewidth": 0.8}
        q, error = (numbers(values) for values in overlaps[label])
        axes[0].errorbar(np.arange(1, q.size + 1), q, np.nan_to_num(error), label=label, **style)
        layers = np.arange(1, len(blocks) + 1)
        shown = ("overlap", "independent_entropy", "rms_excess")
        for panel, key in zip(axes[1:], shown, strict=True):
            mean = numbers([block[key]["mean"] for block in blocks])
            spread = numbers([block[key]["error"] for block in blocks])
            panel.errorbar(layers, mean, np.nan_to_num(spread), **style)
        noise = numbers([block["null_rms_correlation"]["mean"] for block in blocks])
        axes[3].plot(layers, noise, color=style["color"], ls=":", lw=1)
    threshold_line(axes[0])
    axes[2].axhline(math.log(2), color="black", linestyle=":", linewidth=1)
    titles = (
        ("spins", "overlap of replicas $q_l$"),
        ("signs of weights", "overlap of replicas"),
        ("signs of weights", "entropy (nats per weight)"),
        ("signs of weights (dotted: noise)", "rms connected correlation"),
    )
    for index, (title, ordinate) in enumerate(titles):
        letter(axes[index], index, title)
        axes[index].set_ylabel(ordinate)
        axes[index].set_xlabel("layer $l$")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _open(style: Mapping[str, Any]) -> dict[str, Any]:
    return {**style, "linestyle": "", "markerfacecolor": "white"}


def draw_effective(result: Mapping[str, Any]) -> Iterator[Drawing]:
    """The figures of `effective.json`.

    Parameters
    ----------
    result : mapping
        As `ensembles.describe` returns it.

    Yields
    ------
    Drawing
        Name, caption and figure.
    """
    found = {
        f"{Path(ensemble['source']).stem}, {gauge}": blocks
        for ensemble in result["ensembles"]
        for gauge, blocks in ensemble["gauges"].items()
    }
    yield Drawing(
        "blocks",
        "Overlap of different runs, connected correlations without noise, and entropy of every "
        "block of weights. Bars are one standard error.",
        plot_blocks(found),
    )
    walked = {
        label: blocks
        for label, blocks in found.items()
        if any(block["landscapes"] for block in blocks)
    }
    if walked:
        yield Drawing(
            "landscapes",
            "Distance from a reference against the tilting field, and entropy against distance; "
            "lines and circles forward, crosses backward in the field. Grey: the largest entropy "
            "possible.",
            plot_landscapes(walked),
        )
