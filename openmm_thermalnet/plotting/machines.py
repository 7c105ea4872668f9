"""The design space: distributions, matrices and trees of overlaps between machines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster import hierarchy

from openmm_thermalnet.plotting.style import DARK, MIDDLE, numbers, panels, styled

Kind = Literal["weights", "representations"]

_COLUMNS = 5
_MOST_TICKS = 12
_SYMBOLS = {"weights": "Q", "representations": "o"}


@styled
def plot_overlap_distributions(
    analysis: Mapping[str, Any], waiting_time: str, kind: Kind = "weights"
) -> Figure:
    """P(Q_l) over all pairs of machines at the last frame, with a Gaussian fit.

    Filled: all pairs; lines: those of one sample and of two, weighted by their number.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.
    waiting_time : str
        A key of ``analysis["waiting_times"]``.
    kind : {"weights", "representations"}
        Overlaps of the weights, or of the sign network's hidden units on the test images.
    """
    layers = analysis["waiting_times"][waiting_time]["design_space"][kind]
    rows, columns = _grid(len(layers))
    figure, grid = panels(rows, columns, 2.1 * columns + 0.3, 2.1 * rows + 0.3)
    for index, axes in enumerate(grid.flat):
        if index >= len(layers):
            axes.set_axis_off()
            continue
        _draw_distribution(axes, layers[index])
        axes.set_title(f"layer {index + 1}")
    figure.supxlabel(f"overlap ${_SYMBOLS[kind]}_l^{{ab}}$", fontsize=10)
    figure.supylabel(f"density $P({_SYMBOLS[kind]}_l)$", fontsize=10)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def _draw_distribution(axes: Axes, layer: Mapping[str, Any]) -> None:
    """Histograms of one layer and the Gaussian with the mean and width of all pairs."""
    edges = numbers(layer["edges"])
    total = layer["total"]
    axes.stairs(numbers(total["density"]), edges, fill=True, color="0.82", label="all pairs")
    for name, color, line, label in (
        ("same_sample", MIDDLE, "-", "same sample"),
        ("other_sample", DARK, "--", "two samples"),
    ):
        pairs = layer[name]
        if pairs is not None:
            weight = pairs["n_pairs"] / total["n_pairs"]
            density = weight * numbers(pairs["density"])
            axes.stairs(density, edges, color=color, linestyle=line, linewidth=1.1, label=label)
    mean, sigma = total["mean"], total["sigma"]
    if sigma:
        x = np.linspace(mean - 4 * sigma, mean + 4 * sigma, 200)
        density = np.exp(-0.5 * ((x - mean) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
        axes.plot(x, density, color="black", linestyle=":", linewidth=1.2, label="Gaussian fit")
    axes.set_ylim(bottom=0)
    axes.locator_params(axis="x", nbins=3)
    axes.locator_params(axis="y", nbins=4)


@styled
def plot_overlap_matrices(
    analysis: Mapping[str, Any], waiting_time: str, kind: Kind = "weights"
) -> Figure:
    """Normalised overlaps as matrices, ordered by complete linkage, under their dendrograms.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.
    waiting_time : str
        A key of ``analysis["waiting_times"]``.
    kind : {"weights", "representations"}
        Overlaps of the weights, or of the sign network's hidden units on the test images.
    """
    values = analysis["waiting_times"][waiting_time]
    layers = [layer for layer in values["design_space"][kind] if layer["matrix"] is not None]
    rows, columns = _grid(len(layers))
    heights = [1.0, 2.2] * rows
    figure, grid = panels(2 * rows, columns, 2.0 * columns + 0.9, 3.2 * rows, height_ratios=heights)
    matrices = [numbers(layer["matrix"]) for layer in layers]
    low = min(0.0, *(matrix.min() for matrix in matrices))
    drawn = []
    for index in range(rows * columns):
        row, column = divmod(index, columns)
        tree, square = grid[2 * row, column], grid[2 * row + 1, column]
        if index >= len(layers):
            tree.set_axis_off()
            square.set_axis_off()
            continue
        _draw_tree(tree, numbers(layers[index]["linkage"]))
        tree.set_title(f"layer {index + 1}")
        if column == 0:
            tree.set_ylabel(f"$1 - {_SYMBOLS[kind]}^{{ab}}$")
        drawn.append(
            square.imshow(matrices[index], vmin=low, vmax=1, cmap="viridis", aspect="equal")
        )
        _label_machines(square, layers[index]["order"], values["replicas"])
        if column == 0:
            square.set_ylabel("machine $a$")
    figure.colorbar(
        drawn[0],
        ax=grid,
        label=f"normalised overlap ${_SYMBOLS[kind]}_l^{{ab}}$",
        shrink=0.6,
        pad=0.01,
    )
    return figure


def _draw_tree(axes: Axes, linkage: NDArray[np.float64]) -> None:
    """Dendrogram whose leaves stand over the columns of the matrix."""
    drawing = hierarchy.dendrogram(linkage, no_plot=True)
    for x, y in zip(drawing["icoord"], drawing["dcoord"], strict=True):
        axes.plot((numbers(x) - 5) / 10, y, color=DARK, linewidth=1)
    heights = linkage[:, 2]
    room = 0.08 * max(np.ptp(heights), 1e-9)
    axes.set_ylim(heights.min() - 4 * room, heights.max() + room)
    axes.set_xlim(-0.5, len(linkage) + 0.5)
    axes.set_xticks([])
    axes.spines.bottom.set_visible(False)
    axes.locator_params(axis="y", nbins=3)


def _label_machines(axes: Axes, order: list[int], replicas: int) -> None:
    """Sample of each machine along the rows, where there is room."""
    axes.set_xticks([])
    axes.set_xlabel("machine $b$")
    for side in axes.spines.values():
        side.set_visible(False)
    if len(order) > _MOST_TICKS:
        axes.set_yticks([])
        return
    labels = [str(machine // replicas) for machine in order]
    axes.set_yticks(range(len(order)), labels, fontsize=7)
    axes.tick_params(length=0)


def _grid(count: int) -> tuple[int, int]:
    columns = min(count, _COLUMNS)
    return math.ceil(count / columns), columns
