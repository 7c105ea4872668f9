"""All figures of a sweep; solid depths and late averages against its axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from openmm_thermalnet.analysis import SolidDepthFit
from openmm_thermalnet.plotting.figures import Drawing
from openmm_thermalnet.plotting.phase_diagram import plot_phase_diagram, spans_decades
from openmm_thermalnet.plotting.style import letter, line_style, numbers, panels, styled
from openmm_thermalnet.sweeps.map import Series, SweepMap, value_text

_ASIDE, _WIDEST = 6.0, 36.0  # points between symbols of two series, and of all
_ARROW = 0.5  # layers
_ROOM = 0.08  # of the axis, at either end

_AVERAGES = (
    ("energy_over_floor", "$E^*\\,/\\,MN(L-1)\\,kT$", "energy over its floor"),
    ("test_tanh", "test accuracy $A^*$", "tanh network, test images"),
    ("test_sign", "test accuracy $A^*$", "sign network, test images"),
    ("energy", "$E^*$ (kJ/mol)", "energy"),
    ("train_tanh", "training accuracy $A^*$", "tanh network, training images"),
    ("train_sign", "training accuracy $A^*$", "sign network, training images"),
)


def draw_sweep_figures(sweep: SweepMap) -> Iterator[Drawing]:
    """Every figure that a sweep has data for, one at a time.

    Parameters
    ----------
    sweep : SweepMap
        As `sweeps.arrange` returns it.

    Yields
    ------
    Drawing
        Name, caption and figure.
    """
    if any(cell.last is not None for cell in sweep.cells):
        yield from _draw_phase_diagrams(sweep)
        yield Drawing(
            "solid_depth",
            "Solid depth, L minus the number of liquid layers: mean over samples, each classified "
            "by its own replicas, with one standard error. Open symbols are bounds: with an arrow "
            "up, a sample has no liquid layer; with an arrow down, one has no solid hidden layer. "
            "Lines are least-squares fits through the filled symbols. Dotted: the depth L.",
            plot_solid_depth(sweep),
        )
    if any(cell.late for cell in sweep.cells):
        yield Drawing(
            "late_averages",
            "Energy and accuracies, averaged over the second half of the last stage: mean over "
            'samples with one standard error. Dotted: equilibrium of the energy "norm".',
            plot_sweep_averages(sweep),
        )


def _draw_phase_diagrams(sweep: SweepMap) -> Iterator[Drawing]:
    """One figure, or one for each combination of the third and further flags."""
    after = sorted({(c.last.waiting_time, c.last.last_step) for c in sweep.cells if c.last})
    times = " and ".join(f"t_w = {waiting}, t* = {last}" for waiting, last in after[:3])
    caption = (
        f"Late overlap between replicas, layer by layer, at {times}"
        + (" and others" if len(after) > 3 else "")
        + " steps. White line: 1/e, the border between solid and liquid layers. Hatched: within "
        "one standard error of 1/e. Grey: no result."
    )
    further = [{n: s.values[n] for n in sweep.flags[2:]} for s in sweep.series]
    drawn = {tuple(map(value_text, others.values())): others for others in further}
    for words, others in drawn.items():
        named = [f"{name}-{word}" for name, word in zip(sweep.flags[2:], words, strict=True)]
        suffix = "".join(f"_{part}" for part in named)
        shown = f" {', '.join(named)}." if named else ""
        yield Drawing(f"phase_diagram{suffix}", caption + shown, plot_phase_diagram(sweep, others))


@styled
def plot_solid_depth(sweep: SweepMap) -> Figure:
    """Solid depth against the axis of a sweep, with straight lines where it is ln alpha.

    Open symbols are bounds, which no line goes through.

    Parameters
    ----------
    sweep : SweepMap
        As `sweeps.arrange` returns it, with replicas at one point at least.
    """
    figure, grid = panels(1, 1, 6.4, 3.4 + 0.18 * len(sweep.series))
    axes = grid[0][0]
    count = len(sweep.series)
    _set_axis(axes, sweep)
    for index, series in enumerate(sweep.series):
        aside = min(_ASIDE, _WIDEST / count) * (index - (count - 1) / 2)
        _draw_depths(axes, series, line_style(index, count, marker=True), aside)
    axes.set_ylim(0, 1 + max(c.config.depth for c in sweep.cells if c.solid_depth is not None))
    axes.set_ylabel("solid depth $\\xi_s$ (layers)")
    handles, labels = axes.get_legend_handles_labels()
    if any(labels):
        figure.legend(handles, labels, loc="outside lower left")
    return figure


def _draw_depths(axes: Axes, series: Series, style: dict[str, Any], aside: float) -> None:
    """Solid depths of a series, its line, and the depth; symbols stand `aside` points aside."""
    known = [
        (place, cell.solid_depth)
        for place, cell in zip(series.positions, series.cells, strict=True)
        if cell.solid_depth is not None
    ]
    if not known:
        return
    x = numbers([place for place, _ in known])
    mean = numbers([depth.mean for _, depth in known])
    error = np.nan_to_num(numbers([depth.error for _, depth in known]))
    bounds = np.array([depth.bound or "" for _, depth in known])
    label = series.label
    if isinstance(series.fit, SolidDepthFit):
        _draw_line(axes, series.fit, x, style)
        label = f"{label}: {_slope_text(series.fit)}".lstrip(": ")
    shift = ScaledTranslation(aside / 72, 0, axes.figure.dpi_scale_trans)
    symbol = {**style, "linestyle": "none", "transform": axes.transData + shift}
    for bound, how in (
        ("", {"capsize": 2, "label": label}),
        ("lower", {"lolims": True, "markerfacecolor": "white"}),
        ("upper", {"uplims": True, "markerfacecolor": "white"}),
    ):
        at = bounds == bound
        reach = _ARROW if bound else error[at]
        axes.errorbar(x[at], mean[at], yerr=reach, **{**symbol, **how})
    depths = {depth.depth for _, depth in known}
    if len(depths) == 1:
        axes.axhline(*depths, color=style["color"], linestyle=":", linewidth=0.8)


def _draw_line(axes: Axes, fit: SolidDepthFit, x: Any, style: dict[str, Any]) -> None:
    ends = numbers([x[fit.used].min(), x[fit.used].max()])
    line = {name: style[name] for name in ("color", "linestyle")}
    axes.plot(ends, fit.offset + fit.slope * ends, linewidth=1.2, **line)


def _slope_text(fit: SolidDepthFit) -> str:
    """Slope with its error, and how well the line fits."""
    if fit.error_over == "none":
        return f"slope {fit.slope:.2f} (samples do not differ)"
    quality = "" if fit.chi2_per_dof is None else f", $\\chi^2$/dof {fit.chi2_per_dof:.2g}"
    return f"slope {fit.slope:.2f} ± {fit.slope_error:.2f}{quality}"


@styled
def plot_sweep_averages(sweep: SweepMap) -> Figure:
    """Late energy E* and accuracies A* against the axis of a sweep, a line for each series.

    Parameters
    ----------
    sweep : SweepMap
        As `sweeps.arrange` returns it.
    """
    shown = [entry for entry in _AVERAGES if any(entry[0] in cell.late for cell in sweep.cells)]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure, grid = panels(rows, columns, 1.4 + 3.0 * columns, 2.8 * rows)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for index, (name, label, title) in enumerate(shown):
        axes = grid.flat[index]
        for k, series in enumerate(sweep.series):
            _draw_average(axes, series, name, line_style(k, len(sweep.series), marker=True))
        if name.startswith("energy"):
            low, high = axes.dataLim.intervaly
            axes.set_yscale("log" if low > 0 and high > 10 * low else "linear")
        else:
            axes.set_ylim(0, 1.03)
        if name == "energy_over_floor":
            axes.axhline(1.0, color="black", linestyle=":", linewidth=1)
        axes.set_ylabel(label)
        letter(axes, index, title)
        _set_axis(axes, sweep)
    handles, labels = grid[0][0].get_legend_handles_labels()
    if any(labels):
        figure.legend(handles, labels, loc="outside right center")
    return figure


def _draw_average(axes: Axes, series: Series, name: str, style: dict[str, Any]) -> None:
    """One late average of the cells that have it."""
    values = numbers([cell.late_average(name) for cell in series.cells])
    known = np.isfinite(values[:, 0])
    x, (mean, error) = numbers(series.positions)[known], values[known].T
    axes.errorbar(x, mean, yerr=np.nan_to_num(error), capsize=2, label=series.label, **style)


def _set_axis(axes: Axes, sweep: SweepMap) -> None:
    """Abscissa of a figure that has the axis of the sweep there, with room at both ends."""
    places = numbers([place for series in sweep.series for place in series.positions])
    axes.set_xlabel(sweep.label)
    if sweep.ticks is not None:
        axes.set_xticks(range(len(sweep.ticks)), sweep.ticks)
    elif spans_decades(sweep):
        axes.set_xscale("log")
        room = _ROOM * np.log(places.max() / places.min())
        axes.set_xlim(places.min() * np.exp(-room), places.max() * np.exp(room))
        return
    room = _ROOM * np.ptp(places) or 0.5
    axes.set_xlim(places.min() - room, places.max() + room)
