"""The common look of the figures: readable in grey, errors as bands, no global state."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

P = ParamSpec("P")

STEPS = "time $t$ (steps)"
SINCE = "time after waiting $t$ (steps)"

DARK, MIDDLE, LIGHT = "#1b2a49", "#b5472f", "#9aa3ad"

SETTINGS: Any = {
    "axes.grid": False,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.dpi": 110,
    "font.size": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "savefig.dpi": 160,
    "svg.hashsalt": "openmm_thermalnet",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}

_LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with the package's style and leave matplotlib's settings alone (decorator)."""

    @functools.wraps(draw)
    def with_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(SETTINGS):
            return draw(*args, **kwargs)

    return with_style


def panels(
    rows: int, columns: int, width: float, height: float, **options: Any
) -> tuple[Figure, NDArray[Any]]:
    """Figure of `width` x `height` inches and its axes (rows, columns)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def numbers(values: Any) -> NDArray[np.float64]:
    """Array of what `analysis.json` holds; null becomes nan."""
    return np.asarray(values, dtype=np.float64)


def shades(count: int) -> list[Any]:
    """So many colours of a perceptually uniform map, dark to light, all dark enough for white."""
    return list(mpl.colormaps["viridis"](np.linspace(0.0, 0.86, max(count, 2))[:count]))


def line_style(index: int, count: int, marker: bool = False) -> dict[str, Any]:
    """Colour, line and marker of curve `index` of `count`: told apart also in grey."""
    style: dict[str, Any] = {
        "color": shades(count)[index],
        "linestyle": _LINES[index % len(_LINES)],
    }
    if marker:
        style["marker"] = _MARKERS[index % len(_MARKERS)]
    return style


def draw_curve(
    axes: Axes, x: ArrayLike, mean: ArrayLike, error: ArrayLike | None = None, **style: Any
) -> None:
    """Line with a band of one standard error; set a logarithmic scale before.

    Values that are not finite are left out.
    """
    abscissa, ordinate = numbers(x), numbers(mean)
    (line,) = axes.plot(abscissa, ordinate, **style)
    if error is None:
        return
    spread = numbers(error)
    if np.isfinite(spread).any():
        below = ordinate - spread
        if axes.get_yscale() == "log":
            below = np.where(below > 0, below, np.nanmin(ordinate[ordinate > 0], initial=np.inf))
        axes.fill_between(
            abscissa,
            below,
            ordinate + spread,
            color=line.get_color(),
            alpha=0.18,
            linewidth=0,
        )


def log_time(axes: Axes, steps: ArrayLike, label: str) -> NDArray[np.bool_]:
    """Logarithmic time axis; returns which steps it can show (all but step 0)."""
    times = numbers(steps)
    shown: NDArray[np.bool_] = times > 0
    if shown.sum() > 1:
        axes.set_xscale("log")
        axes.set_xlim(times[shown][0], times[shown][-1])
    axes.set_xlabel(label)
    return shown


def letter(axes: Axes, index: int, text: str) -> None:
    """Panel title, such as "(b)  test accuracy"."""
    axes.set_title(f"({chr(ord('a') + index)})  {text}")


def whole_decades(*panels_alike: Axes) -> None:
    """Logarithmic ordinates, alike, from one power of ten to another or a little beyond."""
    low = min(axes.dataLim.intervaly[0] for axes in panels_alike)
    high = max(axes.dataLim.intervaly[1] for axes in panels_alike)
    for axes in panels_alike:
        axes.set_yscale("log")
    if not 0 < low <= high < math.inf:
        return
    bottom = 10.0 ** math.floor(math.log10(low) + 0.05)
    top = 10.0 ** math.ceil(math.log10(high) - 0.05)
    for axes in panels_alike:
        axes.set_ylim(min(bottom, low / 1.1), max(top, high * 1.1))


def threshold_line(axes: Axes) -> None:
    """The line 1/e that separates liquid from solid, and defines relaxation times."""
    axes.axhline(1 / math.e, color="black", linestyle=":", linewidth=1)
    axes.annotate(
        "1/e",
        (1.0, 1 / math.e),
        xycoords=("axes fraction", "data"),
        xytext=(2, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
    )


def layer_legend(figure: Figure, depth: int) -> None:
    """Legend of the layers, right of all panels."""
    handles = [
        Line2D([], [], label=f"{index + 1}", **line_style(index, depth)) for index in range(depth)
    ]
    figure.legend(handles=handles, title="layer $l$", loc="outside right center")
