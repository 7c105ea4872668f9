"""The directory of a sweep: which points it has, and how far each of them is."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Any

from openmm_thermalnet.config import RunConfig, recorded_config, refuse_former
from openmm_thermalnet.errors import InputError, MissingFileError
from openmm_thermalnet.files import RUN, THERMO, TRAJECTORY, check_name, unfinished, write_json
from openmm_thermalnet.sweeps.points import Point, Sweep
from openmm_thermalnet.version import __version__

SWEEP, FORMAT = "sweep.json", "openmm_thermalnet sweep 1"
"""Description of a sweep, and what its `format` says."""

POINTS = "points"
"""Directory of the runs."""

_WITHOUT_EFFECT = ("checkpoint-minutes",)  # parameters that change nothing of a result


class State(enum.StrEnum):
    """How far a point is."""

    WAITING = "waiting"
    BEGUN = "begun"
    FINISHED = "finished"


def make_directory(directory: Path) -> None:
    """Make the directory of a sweep, if there is none.

    Raises
    ------
    InputError
        If it cannot be made, or is a run.
    """
    for name in (RUN, TRAJECTORY):
        if (directory / name).exists():
            raise InputError(f"{directory} is a run; name another --out")
    try:
        (directory / POINTS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{directory} cannot be made ({error.strerror}); name another --out"
        ) from None


def write_sweep(sweep: Sweep, directory: Path) -> None:
    """Write `sweep.json`; a sweep that is there may get more points, but loses and changes none.

    Raises
    ------
    InputError
        If the directory is that of another sweep.
    """
    from openmm_thermalnet.protocols.setup import versions

    path = directory / SWEEP
    if path.exists():
        there = read_sweep_json(directory)
        new = {point.name: sweep.config(point) for point in sweep.points}
        for point in there.points:
            if point.name not in new:
                raise InputError(f"{directory} is a sweep with {point.name}; name another --out")
            refuse_former(directory, {**there.run, **point.values})
            different = _differs(there.config(point), new[point.name])
            if different:
                raise InputError(f"{directory} is another sweep ({different}); name another --out")
    description = {
        "format": FORMAT,
        "run": sweep.run,
        "varied": list(sweep.varied),
        "points": [vars(point) for point in sweep.points],
        "analyze": sweep.analyze,
        "cost": sweep.cost,
        "versions": versions(),
    }
    write_json(path, description)


def read_sweep_json(directory: Path) -> Sweep:
    """The sweep that a directory holds.

    Raises
    ------
    InputError
        If there is none, or its description is damaged.
    """
    found = read_description(directory)
    points = tuple(Point(point["name"], point["values"]) for point in found["points"])
    analyze, cost = found.get("analyze", True), found.get("cost")
    return Sweep(found["run"], tuple(found["varied"]), points, analyze, cost)


def read_description(directory: Path) -> dict[str, Any]:
    """The content of `sweep.json`.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    path = directory / SWEEP
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        kind = found["format"]
    except FileNotFoundError:
        raise MissingFileError(f"{directory} holds no sweep; name the directory of one") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged; repeat thermalnet sweep with its file") from error
    if kind != FORMAT:
        raise InputError(f"{path} is {kind!r}; this package reads {FORMAT!r}")
    for point in found.get("points", ()):
        check_name(point["name"], path)
    return found


def point_state(directory: Path, config: RunConfig, analyze: bool) -> State:
    """How far the run in a directory is, from its files alone.

    Parameters
    ----------
    directory : Path
        Of the point.
    config : RunConfig
        What it should be a run of.
    analyze : bool
        Whether its analysis belongs to it.

    Raises
    ------
    InputError
        If the directory holds something else: another run, or one of another version of the
        package that is not finished.
    """
    if not directory.exists():
        return State.WAITING
    try:
        description = json.loads((directory / RUN).read_text())
    except FileNotFoundError:
        if (directory / TRAJECTORY).exists():
            return State.BEGUN  # resuming restores run.json
        if {*directory.iterdir()} - {unfinished(directory / RUN)}:
            raise InputError(f"{directory} holds other files; move them away") from None
        return State.WAITING
    except (NotADirectoryError, PermissionError) as error:
        raise InputError(f"{directory} cannot be used ({error.strerror}); move it away") from None
    except ValueError:
        return State.BEGUN
    refuse_former(directory, description["config"])
    different = _differs(recorded_config(description["config"]), config)
    if different:
        raise InputError(f"{directory} is another run ({different}); move it, or change --out")
    if not _complete(directory, description["stages"]):
        version = description["versions"]["openmm_thermalnet"]
        if version != __version__:
            raise InputError(
                f"{directory} was begun by openmm_thermalnet {version}, this is {__version__}; "
                "finish the sweep with that version"
            )
        return State.BEGUN
    if analyze:
        from openmm_thermalnet.analyze import current_analysis

        if current_analysis(directory) is None:
            return State.BEGUN
    return State.FINISHED


def _differs(there: RunConfig, wanted: RunConfig) -> str | None:
    """The first parameter in which two runs differ, in words."""
    one, other = there.as_json(), wanted.as_json()
    for name, value in other.items():
        if name not in _WITHOUT_EFFECT and one[name] != value:
            return f"its {name} is {one[name]}, the sweep's {value}"
    return None


def _complete(directory: Path, stages: list[dict[str, Any]]) -> bool:
    """Whether every stage has its last frame and its last row."""
    from openmm_thermalnet.trajectory import Trajectory

    for stage in stages:
        place = directory / stage["directory"]
        try:
            with Trajectory(place / TRAJECTORY) as trajectory:
                steps = trajectory.steps
        except InputError:
            return False
        last = [str(stage["length"]), str(stage["slots"] - 1)]
        if not len(steps) or steps[-1] != stage["length"] or last_row(place / THERMO) != last:
            return False
    return True


def last_row(path: Path) -> list[str] | None:
    """Step and replica of the last whole row of a thermo.csv."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - 65536))
            rows = stream.read().splitlines(keepends=True)
    except OSError:
        return None
    if not rows or not rows[-1].endswith(b"\n"):
        return None
    cells = rows[-1].decode(errors="replace").split(",")
    return [cells[0], cells[2]] if len(cells) > 2 else None
