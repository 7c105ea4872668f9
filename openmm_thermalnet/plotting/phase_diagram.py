"""The phase diagram of a sweep: which layers are solid, and which liquid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy import ndimage

from openmm_thermalnet.analysis import compute_phases
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.plotting.style import panels, styled
from openmm_thermalnet.sweeps.map import LN_ALPHA, Series, SweepMap, value_text

THRESHOLD = 1 / math.e
"""Overlap below which a layer is liquid."""

_COLORS = mpl.colormaps["viridis"]
_HATCHED: Any = {
    "facecolor": _COLORS(THRESHOLD),  # what such a cell has, or nearly
    "edgecolor": "white",
    "hatch": "////",
    "linewidth": 0,
    "zorder": 2,
}
_COLUMNS = 3  # panels side by side, where one flag tells them apart
_LAYER, _HEIGHT = 0.3, 2.7  # inches of a layer, and of a panel
_LEAST_NAMED = 0.08  # of the map: smaller regions carry no word
_MOST_TICKS = 8  # one for every row


@styled
def plot_phase_diagram(sweep: SweepMap, others: Mapping[str, Any] | None = None) -> Figure:
    """Late overlap q_l* over the layer and the axis of a sweep, with the contour at 1/e.

    A cell is a layer of one point (or of several that differ in their seed). The white line is
    where q* = 1/e, between the cells' centres. Hatched cells are within one standard error of
    it. Where a point has no result, its state is written. One flag besides the axis gives one
    panel for each of its values, two a grid of panels.

    Parameters
    ----------
    sweep : SweepMap
        As `sweeps.arrange` returns it.
    others : mapping, optional
        Values of the third and further flags, which this figure shows.

    Raises
    ------
    InputError
        If no point has such values.
    """
    chosen = [
        series
        for series in sweep.series
        if all(series.values[name] == value for name, value in (others or {}).items())
    ]
    if not chosen:
        raise InputError(f"no point has {others}; give values of {', '.join(sweep.flags[2:])}")
    grid = _arrange_panels(chosen, sweep.flags[:2])
    rows, columns = len(grid), len(grid[0])
    deepest = [max(_depth(series) for series in column) for column in zip(*grid, strict=True)]
    figure, axes_grid = panels(
        rows,
        columns,
        1.4 + sum(_LAYER * depth + 0.5 for depth in deepest),
        _HEIGHT * rows + 0.5,
        sharex="col",
        sharey=True,
        width_ratios=deepest,
    )
    doubtful = False
    for axes, series in zip(axes_grid.flat, [s for row in grid for s in row], strict=True):
        if series is None:
            axes.set_axis_off()
            continue
        doubtful |= _draw_map(axes, sweep, series)
        axes.set_title(", ".join(f"{n} {value_text(series.values[n])}" for n in sweep.flags[:2]))
    for axes, depth in zip(axes_grid[-1], deepest, strict=True):
        axes.set_xlim(0.5, depth - 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("layer $l$")
    for axes in axes_grid[:, 0]:
        axes.set_ylabel(sweep.label)
    _draw_keys(figure, axes_grid, doubtful)
    return figure


def _depth(series: Series | None) -> int:
    """L of the deepest machine of a panel."""
    return 2 if series is None else max(cell.config.depth for cell in series.cells)


def _arrange_panels(chosen: Sequence[Series], flags: Sequence[str]) -> list[list[Series | None]]:
    """Series in rows and columns: by two flags, or wrapped."""
    if len(flags) < 2:
        width = min(len(chosen), _COLUMNS)
        padded = [*chosen, *[None] * (-len(chosen) % width)]
        return [padded[i : i + width] for i in range(0, len(padded), width)]
    places = {tuple(value_text(s.values[name]) for name in flags): s for s in chosen}
    columns, rows = (list(dict.fromkeys(key[i] for key in places)) for i in (0, 1))
    return [[places.get((column, row)) for column in columns] for row in rows]


def _draw_map(axes: Axes, sweep: SweepMap, series: Series) -> bool:
    """One panel; whether a cell of it is within one error of the threshold."""
    places = np.array(series.positions)
    if spans_decades(sweep):
        axes.set_yscale("log")
        edges = 10 ** _edges(np.log10(places))
    else:
        edges = _edges(places)
    axes.set_ylim(edges[0], edges[-1])
    overlap = np.full((len(places), _depth(series) - 1), np.nan)
    doubtful = []
    for row, cell in enumerate(series.cells):
        if cell.last is None:
            word = "no replicas" if cell.finished else cell.state
            _draw_gap(axes, cell.config.depth, edges[row : row + 2], word)
            continue
        mean, error = cell.last.profile
        overlap[row, : mean.size] = mean
        undecided = compute_phases(mean, error).undecided
        doubtful += [(layer, row) for layer, doubt in enumerate(undecided) if doubt]
    layers = np.arange(overlap.shape[1] + 1) + 0.5
    values = np.ma.masked_invalid(overlap)
    axes.pcolormesh(layers, edges, values, cmap=_COLORS, vmin=0, vmax=1, zorder=1)
    for layer, row in doubtful:
        height = edges[row + 1] - edges[row]
        axes.add_patch(Rectangle((layer + 0.5, edges[row]), 1, height, **_HATCHED))
    _draw_contour(axes, sweep, series, edges, overlap)
    _name_regions(axes, series, overlap)
    if sweep.ticks is not None:
        axes.set_yticks(range(len(sweep.ticks)), sweep.ticks)
    elif len(places) <= _MOST_TICKS:
        digits = ".2f" if sweep.axis == LN_ALPHA else ".3g"
        axes.set_yticks(places, [f"{place:{digits}}" for place in places])
        axes.minorticks_off()
    return bool(doubtful)


def _draw_gap(axes: Axes, depth: int, edges: NDArray[np.float64], word: str) -> None:
    """A row without a result, and why."""
    low, high = edges
    axes.add_patch(Rectangle((0.5, low), depth - 1, high - low, color="0.93", zorder=1))
    middle = math.sqrt(low * high) if axes.get_yscale() == "log" else (low + high) / 2
    axes.text(depth / 2, middle, word, ha="center", va="center", color="0.4")


def spans_decades(sweep: SweepMap) -> bool:
    """Whether the axis needs a logarithmic scale."""
    places = [place for series in sweep.series for place in series.positions]
    return sweep.axis != LN_ALPHA and min(places) > 0 and max(places) > 20 * min(places)


def _edges(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of cells around their places: midway between neighbours."""
    if places.size == 1:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    middle = (places[:-1] + places[1:]) / 2
    return np.concatenate([[2 * places[0] - middle[0]], middle, [2 * places[-1] - middle[-1]]])


def _draw_contour(
    axes: Axes, sweep: SweepMap, series: Series, edges: NDArray[np.float64], overlap: NDArray[Any]
) -> None:
    """The line q* = 1/e through rows that follow one another; the outer ones to their edges."""
    depths = [cell.config.depth for cell in series.cells]
    joined = sweep.ticks is None and len(set(depths)) == 1  # else rows have nothing between them
    known = [cell.last is not None for cell in series.cells]
    outline: list[AbstractPathEffect] = [withStroke(linewidth=3, foreground="black")]
    first = 0
    for end in range(1, len(depths) + 1):
        if end < len(depths) and joined and known[end] == known[first]:
            continue
        layers = np.arange(1, depths[first])
        if known[first] and layers.size > 1:
            block = overlap[[first, *range(first, end), end - 1], : layers.size]
            heights = [edges[first], *series.positions[first:end], edges[end]]
            contour = axes.contour(
                layers,
                heights,
                np.ma.masked_invalid(block),
                levels=[THRESHOLD],
                colors="white",
                linewidths=1.6,
                zorder=3,
            )
            contour.set_path_effects(outline)
        first = end


def _name_regions(axes: Axes, series: Series, overlap: NDArray[np.float64]) -> None:
    """Words in the middle of the larger regions of one phase."""
    for word, inside, color, shade in (
        ("liquid", overlap < THRESHOLD, "white", "black"),
        ("solid", overlap >= THRESHOLD, "black", "white"),
    ):
        regions, count = ndimage.label(inside)
        for region in range(1, count + 1):
            rows, columns = np.nonzero(regions == region)
            if rows.size < max(2, _LEAST_NAMED * overlap.size):
                continue
            row = rows[np.argmin(np.abs(rows - rows.mean()))]
            there = columns[rows == row]
            for run in np.split(there, np.flatnonzero(np.diff(there) > 1) + 1):
                axes.text(
                    float(run.mean()) + 1,
                    series.positions[row],
                    word,
                    ha="center",
                    va="center",
                    color=color,
                    rotation=0 if run.size > 1 else 90,
                    zorder=4,
                    path_effects=[withStroke(linewidth=2, foreground=shade)],
                )


def _draw_keys(figure: Figure, axes_grid: Any, doubtful: bool) -> None:
    """Colour bar with 1/e marked, and what hatching means."""
    bar = figure.colorbar(
        ScalarMappable(mpl.colors.Normalize(0, 1), _COLORS),
        ax=list(axes_grid.flat),
        ticks=[0, THRESHOLD, 0.5, 0.75, 1],
        label="late overlap $q_l(t^*, t_w)$",
        aspect=20 * len(axes_grid),
    )
    bar.ax.set_yticklabels(["≤ 0", "1/e", "0.5", "0.75", "1"])
    bar.ax.axhline(THRESHOLD, color="white", linewidth=1.6)
    if doubtful:
        key = Patch(**_HATCHED, label="within one standard error of 1/e")
        figure.legend(handles=[key], loc="outside lower left")
