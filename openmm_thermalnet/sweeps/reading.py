"""From the directory of a sweep to the outcomes of its points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openmm_thermalnet.analyze import analyze_run, current_analysis
from openmm_thermalnet.config import recorded_config
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.files import RUN, TRAJECTORY
from openmm_thermalnet.results import load
from openmm_thermalnet.sweeps.directory import POINTS, read_description
from openmm_thermalnet.sweeps.manifest import read_events
from openmm_thermalnet.sweeps.outcomes import Outcome, measure

Say = Callable[[str], None]


@dataclass(frozen=True)
class SweepResult:
    """A sweep as far as it has come.

    Attributes
    ----------
    directory : Path
        Of the sweep.
    run : dict
        Parameters that all points share.
    varied : tuple of str
        Names of the others.
    versions : dict
        Of what the sweep was begun with.
    points : tuple of Outcome
        All of them, in the order of the sweep.
    """

    directory: Path
    run: dict[str, Any]
    varied: tuple[str, ...]
    versions: dict[str, str]
    points: tuple[Outcome, ...]


def read_sweep_result(directory: str | Path, say: Say = print) -> SweepResult:
    """Read what the points of a sweep have come to.

    Points whose runs are finished are analysed if their analysis is missing or old. Of a point
    that is not finished only its state is read.

    Parameters
    ----------
    directory : str or Path
        Of the sweep, which may still be going on.
    say : callable
        Gets one line for every point that is analysed or cannot be.

    Returns
    -------
    SweepResult

    Raises
    ------
    InputError
        If the directory holds no sweep, or its description is damaged.
    """
    where = Path(directory)
    description = read_description(where)
    failures = _read_failures(where)
    points = []
    for point in description["points"]:
        config = recorded_config({**description["run"], **point["values"]})
        outcome = Outcome(point["name"], point["values"], config, "missing")
        points.append(_read_point(where / POINTS / point["name"], outcome, failures, say))
    return SweepResult(
        where,
        description["run"],
        tuple(description["varied"]),
        description["versions"],
        tuple(points),
    )


def _read_point(place: Path, point: Outcome, failures: dict[str, str], say: Say) -> Outcome:
    """State of a point, and its numbers if it is finished."""
    analysis = current_analysis(place)
    try:
        if analysis is None and _is_complete(place):
            say(f"analysing {point.name}")
            analysis = analyze_run(place, lambda line: say(f"{point.name}: {line}"))
    except InputError as error:
        say(f"{point.name} cannot be analysed: {error}")
        return replace(point, state="failed", error=str(error))
    if analysis is not None:
        return measure(point, analysis)
    if point.name in failures:
        return replace(point, state="failed", error=failures[point.name])
    begun = (place / RUN).exists() or (place / TRAJECTORY).exists()
    return replace(point, state="unfinished" if begun else "missing")


def _is_complete(place: Path) -> bool:
    if not (place / RUN).exists():
        return False
    try:
        with load(place) as run:
            return run.complete
    except InputError:  # no frame yet, or cut off while it was written
        return False


def _read_failures(directory: Path) -> dict[str, str]:
    """Errors of the points whose last event is that they failed."""
    failures: dict[str, str] = {}
    for event in read_events(directory):
        failures.pop(str(event.get("point")), None)
        if event["event"] in ("failed", "gave-up"):
            failures[event["point"]] = event.get("error", "")
    return failures
