"""The report of a sweep: its tables and figures as files, and one page with everything on it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from openmm_thermalnet.analysis import SolidDepthFit
from openmm_thermalnet.page import columns, table, with_error, write_page
from openmm_thermalnet.plotting import draw_sweep_figures
from openmm_thermalnet.sweeps.map import SweepMap, arrange, value_text
from openmm_thermalnet.sweeps.outcomes import Outcome
from openmm_thermalnet.sweeps.reading import Say, SweepResult, read_sweep_result
from openmm_thermalnet.sweeps.table import (
    CELLS,
    LAYERS,
    TABLE,
    layer_rows,
    point_row,
    write_table,
)
from openmm_thermalnet.sweeps.weights import is_weight_sweep
from openmm_thermalnet.weight_sweep import write_weight_sweep

_NAMED = 5  # points that a note names; of more, it tells the number

_HEADS = (
    "ln α",
    "samples",
    "E*/E(0)",
    "E*/floor",
    "A* test tanh",
    "A* test sign",
    "A* train tanh",
    "solid depth",
    "state",
)

_FIT_HEADS = ("", "layers per unit of ln α", "at ln α = 0", "χ²/dof", "points used")


def write_sweep_report(directory: Path, say: Say = print) -> Path:
    """Write `table.csv`, `layers.csv`, the figures and `report.html` of a sweep.

    Where points differ in their seed alone, `cells.csv` has a row for all of their samples. A sweep
    of feed-forward networks has tables and figures of its own (`weight_sweep`).

    Parameters
    ----------
    directory : Path
        Of the sweep, which may still be going on.
    say : callable
        Gets one line for everything that is missing.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    InputError
        If the directory holds no sweep, or its description is damaged.
    """
    found = read_sweep_result(directory, say)
    notes = missing_notes(found.points)
    for note in notes:
        say(note)
    if is_weight_sweep(found):
        return write_weight_sweep(found, notes)
    sweep = arrange(found.points, found.varied)
    write_table([point_row(point, found.varied) for point in found.points], directory / TABLE)
    write_table(layer_rows(found.points, found.varied), directory / LAYERS)
    if len(sweep.cells) < len(found.points):
        names = [name for name in found.varied if name != "seed"]
        write_table([point_row(cell, names) for cell in sweep.cells], directory / CELLS)
    sections = ["<h2>Points</h2>", _cell_table(sweep), *_fit_section(sweep)]
    closing = ["<h2>How it was made</h2>", _description(found)]
    drawings = draw_sweep_figures(sweep)
    return write_page(directory, "Sweep of thermal networks", notes, sections, drawings, closing)


def missing_notes(points: Iterable[Outcome]) -> list[str]:
    """One line for each state other than finished, and for each error."""
    notes = []
    for state in ("unfinished", "missing", "failed"):
        there = [point for point in points if point.state == state]
        names = ", ".join(point.name for point in there[:_NAMED])
        if len(there) > _NAMED:
            names += f" and {len(there) - _NAMED} more"
        if there:
            number = "1 point is" if len(there) == 1 else f"{len(there)} points are"
            notes.append(f"{number} {state}: {names}")
        notes += [f"{point.name} failed: {point.error}" for point in there[:_NAMED] if point.error]
    return notes


def _cell_table(sweep: SweepMap) -> str:
    """What came out, a row for each cell of the map."""
    varied = list(dict.fromkeys(name for cell in sweep.cells for name in cell.values))
    shown = [name for name in varied if name != "seed"]
    rows = [
        [*(value_text(cell.values[name]) for name in shown), *_cell_row(cell)]
        for cell in sweep.cells
    ]
    return table([*shown, *_HEADS], rows)


def _cell_row(cell: Outcome) -> list[str]:
    names = ("energy_ratio", "energy_over_floor", "test_tanh", "test_sign", "train_tanh")
    averages = [_mean(*cell.late_average(name)) for name in names]
    solid = cell.solid_depth
    depth = "–"
    if solid is not None:
        depth = {"lower": "≥ ", "upper": "≤ ", None: ""}[solid.bound] + _mean(
            solid.mean, solid.error
        )
    state = cell.state if cell.points == 1 else f"{cell.finished} of {cell.points} seeds finished"
    return [f"{cell.ln_alpha:.2f}", str(cell.samples), *averages, depth, state]


def _mean(mean: float, error: float) -> str:
    """A mean with its error; a dash where there is none."""
    return "–" if math.isnan(mean) else with_error(mean, None if math.isnan(error) else error)


def _fit_section(sweep: SweepMap) -> list[str]:
    """Growth of the solid depth with ln alpha, or why it is not known."""
    fits = [(series.label, series.fit, len(series.cells)) for series in sweep.series]
    rows = [_fit_row(label, fit, count) for label, fit, count in fits if fit is not None]
    if not rows:
        return []
    return ["<h2>Growth of the solid depth</h2>", table(_FIT_HEADS, rows)]


def _fit_row(label: str, fit: SolidDepthFit | str, count: int) -> Sequence[str]:
    if isinstance(fit, str):
        return [label, f"no line: {fit}", "", "", ""]
    quality = "–" if fit.chi2_per_dof is None else f"{fit.chi2_per_dof:.2g}"
    return [
        label,
        _mean(fit.slope, fit.slope_error),
        _mean(fit.offset, fit.offset_error),
        quality,
        f"{int(fit.used.sum())} of {count}",
    ]


def _description(found: SweepResult) -> str:
    """What the points share, and versions."""
    described = {
        "Parameters of all points": dict(found.run),
        "Varied": {
            name: value_text(list(dict.fromkeys(value_text(p.values[name]) for p in found.points)))
            for name in found.varied
        },
        "Versions": dict(found.versions),
    }
    return columns(described)
