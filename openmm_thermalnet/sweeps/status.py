"""How far a sweep is, read from its directory: no Dask, and nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmm_thermalnet.errors import InputError, InUseError
from openmm_thermalnet.files import THERMO, locked
from openmm_thermalnet.sweeps.cost import StageCost, read_rates, stage_costs
from openmm_thermalnet.sweeps.directory import (
    POINTS,
    State,
    last_row,
    point_state,
    read_sweep_json,
)
from openmm_thermalnet.sweeps.manifest import MANIFEST, read_events

PROGRESS = "progress"
"""Directory of what workers say of the points that they have, for a moment."""


@dataclass(frozen=True)
class PointStatus:
    """How far a point is.

    Attributes
    ----------
    name : str
        Of the point.
    state : str
        "waiting", "begun" (it stands still), "running", "finished" or "failed" (given up).
    fraction : float
        Of its work that is done, from its last row or from its worker.
    seconds : float
        Estimate of all its work.
    attempts : int
        How often a worker got it.
    error : str or None
        Of a failed point.
    stage : str
        Where a running point is.
    """

    name: str
    state: str
    fraction: float
    seconds: float
    attempts: int
    error: str | None
    stage: str


def read_status(directory: Path) -> tuple[list[PointStatus], bool]:
    """Status of every point, and whether a sweep is at work on the directory.

    Raises
    ------
    InputError
        If the directory holds no sweep.
    """
    sweep = read_sweep_json(directory)
    rates = read_rates(sweep.cost)
    active = is_active(directory)
    last, attempts = _history(read_events(directory))
    found = []
    for point in sweep.points:
        config = sweep.config(point)
        costs = stage_costs(config, rates)
        event = last.get(point.name, {})
        error, stage = None, ""
        place = directory / POINTS / point.name
        try:
            state = str(point_state(place, config, sweep.analyze))
        except InputError as reason:
            state, error = "failed", str(reason)
        fraction = 1.0
        if state != State.FINISHED:
            fraction = fraction_on_disk(place, costs)
            if active and event.get("event") == "started":
                state = "running"
                progress = read_progress(directory, point.name)
                fraction = max(fraction, fraction_of(progress, costs))
                stage = _where(progress)
            elif event.get("event") == "gave-up":
                state, error = "failed", event.get("error")
        seconds = sum(cost.seconds for cost in costs)
        found.append(
            PointStatus(
                point.name, state, fraction, seconds, attempts.get(point.name, 0), error, stage
            )
        )
    return found, active


def is_active(directory: Path) -> bool:
    """Whether a process runs the sweep of this directory."""
    if not (directory / MANIFEST).exists():
        return False
    try:
        with locked(directory / MANIFEST):
            return False
    except InUseError:
        return True


def read_progress(directory: Path, name: str) -> dict[str, Any] | None:
    """What the worker of a point said last, or None."""
    try:
        found: dict[str, Any] = json.loads((directory / PROGRESS / f"{name}.json").read_text())
    except (OSError, ValueError):
        return None
    return found


def fraction_of(progress: Mapping[str, Any] | None, costs: Sequence[StageCost]) -> float:
    """Fraction of a point's work that is done, by what its worker said."""
    names = [cost.name for cost in costs]
    if progress is None or progress["stage"] not in names:
        return 0.0
    index = names.index(progress["stage"])
    done = sum(cost.seconds for cost in costs[:index])
    done += costs[index].seconds * int(progress["step"]) / max(1, int(progress["length"]))
    return done / sum(cost.seconds for cost in costs)


def fraction_on_disk(place: Path, costs: Sequence[StageCost]) -> float:
    """Fraction of a point's work that is done, by the last rows of its tables."""
    done = 0.0
    for cost in costs:
        row = last_row(place / ("" if cost.name == "quench" else cost.name) / THERMO)
        if row is not None and row[0].isdigit():
            done += cost.seconds * int(row[0]) / max(1, cost.length)
    return min(1.0, done / sum(cost.seconds for cost in costs))


def _where(progress: Mapping[str, Any] | None) -> str:
    if progress is None:
        return ""
    return f"{progress['stage']}, step {progress['step']} of {progress['length']}"


def _history(
    events: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, Mapping[str, Any]], dict[str, int]]:
    """Last event of every point, and how often it was started."""
    last: dict[str, Mapping[str, Any]] = {}
    attempts: dict[str, int] = {}
    for event in events:
        name = event.get("point")
        if name is not None:
            last[name] = event
            attempts[name] = attempts.get(name, 0) + (event["event"] == "started")
    return last, attempts
