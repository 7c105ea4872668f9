"""A sweep as tables: one row per point, one row per layer."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openmm_thermalnet.analysis import compute_phases
from openmm_thermalnet.files import write_atomically
from openmm_thermalnet.sweeps.map import value_text
from openmm_thermalnet.sweeps.outcomes import ACCURACIES, Outcome
from openmm_thermalnet.sweeps.reading import Say, read_sweep_result
from openmm_thermalnet.sweeps.weights import is_weight_sweep, weight_point_rows

TABLE, CELLS, LAYERS = "table.csv", "cells.csv", "layers.csv"

Row = dict[str, Any]

_LATE = {
    "energy": "E_star",
    "energy_ratio": "E_star_over_E0",
    "energy_over_floor": "E_star_over_floor",
    **{name: f"A_star_{name}" for name in ACCURACIES},
}


def collect_table(directory: str | Path, say: Say = print) -> list[Row]:
    """One row for every point of a sweep, in its order.

    Parameters
    ----------
    directory : str or Path
        Of the sweep; see `reading.read_sweep_result`.
    say : callable
        Gets one line for every point that is analysed or cannot be.

    Returns
    -------
    list of dict
        As `docs/analysis.md` has it; None is what is not known.

    Raises
    ------
    InputError
        If the directory holds no sweep, or its description is damaged.
    """
    found = read_sweep_result(directory, say)
    if is_weight_sweep(found):
        return weight_point_rows(found)
    return [point_row(point, found.varied) for point in found.points]


def point_row(point: Outcome, varied: Sequence[str]) -> Row:
    """Row of a point, or of several merged ones, for `table.csv`."""
    late: Row = {}
    for name, column in _LATE.items():
        mean, error = point.late_average(name)
        late |= {column: mean, f"{column}_error": error}
    solid, copies = point.solid_depth, point.copies[-1] if point.copies else None
    row = {
        **_described(point, varied),
        "kT": point.config.kT,
        "gain": point.config.gain,
        "samples": point.samples,
        "replicas": point.config.replicas if point.config.waiting_times else None,
        "t_w": copies.waiting_time if copies else None,
        "t_star": copies.last_step if copies else None,
        "state": point.state,
        "error": point.error or None,
        "late_stage": point.late_stage,
        **late,
        "solid_depth": solid.mean if solid else None,
        "liquid_depth": solid.liquid if solid else None,
        "depth_error": solid.error if solid else None,
        "depth_bound": solid.bound if solid else None,
    }
    return {name: _known(value) for name, value in row.items()}


def layer_rows(points: Sequence[Outcome], varied: Sequence[str]) -> list[Row]:
    """Rows of `layers.csv`: every layer of every waiting time of the points with a result."""
    rows = []
    for point in points:
        for copies in point.copies:
            if copies.q_star is None:
                continue
            mean, error = copies.profile
            phases = compute_phases(mean, error)
            for layer in range(1, phases.depth):
                row = {
                    **_described(point, varied),
                    "t_w": copies.waiting_time,
                    "t_star": copies.last_step,
                    "layer": layer,
                    "q_star": float(mean[layer - 1]),
                    "q_star_error": float(error[layer - 1]),
                    "phase": phases.phase[layer - 1],
                    "undecided": phases.undecided[layer - 1],
                }
                rows.append({name: _known(value) for name, value in row.items()})
    return rows


def _described(point: Outcome, varied: Sequence[str]) -> Row:
    """What a row says of its point, whatever came out."""
    values = {name: point.values.get(name) for name in varied}
    return {
        "name": point.name,
        **{
            name: value_text(value) if isinstance(value, (list, tuple)) else value
            for name, value in values.items()
        },
        "M": point.config.patterns,
        "N": point.config.width,
        "L": point.config.depth,
        "alpha": point.config.patterns / point.config.width,
        "ln_alpha": point.ln_alpha,
    }


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write rows as CSV, atomically.

    Numbers have all their digits; what is not known is empty.

    Parameters
    ----------
    rows : sequence of dict
        All with the same names.
    path : Path
        Of the file.
    """
    stream = io.StringIO()
    if rows:
        table = csv.DictWriter(stream, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    write_atomically(path, stream.getvalue().encode())
