"""A sweep from its table to its end: check, plan, run what is missing, write the table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.files import locked
from openmm_thermalnet.sweeps import cluster
from openmm_thermalnet.sweeps.checks import check_points
from openmm_thermalnet.sweeps.cost import Rates, StageCost, read_rates, stage_costs
from openmm_thermalnet.sweeps.crew import Crew
from openmm_thermalnet.sweeps.directory import (
    POINTS,
    SWEEP,
    State,
    make_directory,
    point_state,
    write_sweep,
)
from openmm_thermalnet.sweeps.display import SweepDisplay
from openmm_thermalnet.sweeps.engine import Engine, Task
from openmm_thermalnet.sweeps.manifest import Manifest, read_events
from openmm_thermalnet.sweeps.points import Sweep
from openmm_thermalnet.sweeps.status import PROGRESS, fraction_on_disk
from openmm_thermalnet.sweeps.table import TABLE, collect_table, write_table


@dataclass(frozen=True)
class Summary:
    """How a call of `execute_sweep` ended.

    Attributes
    ----------
    points : int
        In all.
    finished : int
        Of them finished, now or before.
    failed : list of str
        Names of those given up.
    interrupted : bool
        Whether it was asked to stop.
    """

    points: int
    finished: int
    failed: list[str]
    interrupted: bool


def execute_sweep(
    sweep: Sweep,
    directory: Path,
    display: SweepDisplay,
    stop: Callable[[], bool] = lambda: False,
    scheduler: str | None = None,
    workers: int | None = None,
    retries: int = 2,
    dashboard: bool = False,
) -> Summary:
    """Run what is missing of a sweep.

    Parameters
    ----------
    sweep : Sweep
        Its points.
    directory : Path
        Of the sweep, which may be there already.
    display : SweepDisplay
        Shows where it is.
    stop : callable
        Asked about every second; True ends it, with a checkpoint of what runs.
    scheduler : str, optional
        Address of a Dask scheduler; by default a cluster of this machine is made.
    workers : int, optional
        Processes of that cluster [default: one per core].
    retries : int
        How often a point is tried again after a failure.
    dashboard : bool
        Serve Dask's dashboard of that cluster (see `cluster.local`).

    Raises
    ------
    InputError
        In one line, before any work starts: a point that cannot run, a directory that is in use
        or something else, a cluster that does not answer or does not fit.
    ConnectionError
        If the scheduler goes away.
    """
    if dashboard and scheduler is not None:
        raise InputError(
            f"the dashboard is that of the scheduler at {scheduler}; leave --dashboard out"
        )
    sweep = check_points(sweep, here=scheduler is None)
    make_directory(directory)
    manifest = Manifest(directory)
    with locked(manifest.path):
        tasks, costs, total = _survey(sweep, directory)
        write_sweep(sweep, directory)
        _note_plan(manifest, sweep, tasks, costs)
        display.plan(costs, len(sweep.points), total)
        before = len(sweep.points) - len(tasks)
        if not tasks:
            _write_table(sweep, directory, display)
            return Summary(before, before, [], False)
        with _client(sweep, tasks, scheduler, workers, dashboard) as client:
            display.say(f"{before} of {len(sweep.points)} points are finished")
            if client.dashboard_link and (dashboard or scheduler is not None):
                display.say(f"dashboard: {client.dashboard_link}")
            crew = Crew(client, directory / SWEEP, display.say, any(task.gpu for task in tasks))
            engine = Engine(client, manifest, retries, display.say, display.show)
            manifest.write("begun", workers=sorted(crew.members), retries=retries)
            engine.run(tasks, crew, stop)
        finished = before + len(engine.finished)
        manifest.write("ended", finished=finished, failed=len(engine.failed))
        if not engine.interrupted:
            _write_table(sweep, directory, display)
    return Summary(len(sweep.points), finished, engine.failed, engine.interrupted)


def _survey(sweep: Sweep, directory: Path) -> tuple[list[Task], dict[str, list[StageCost]], float]:
    """What is left to do, its stages, and an estimate of all work, done or not."""
    rates: Rates = read_rates(sweep.cost)
    tasks, costs, total = [], {}, 0.0
    for point in sweep.points:
        config = sweep.config(point)
        stages = stage_costs(config, rates)
        seconds = sum(stage.seconds for stage in stages)
        total += seconds
        place = directory / POINTS / point.name
        state = point_state(place, config, sweep.analyze)
        if state == State.FINISHED:
            continue
        left = seconds * (1 - fraction_on_disk(place, stages)) if state == State.BEGUN else seconds
        job = {
            "directory": str(place.absolute()),
            "config": config.as_json(),
            "analyze": sweep.analyze,
            "progress": str((directory / PROGRESS / f"{point.name}.json").absolute()),
        }
        tasks.append(Task(point.name, job, left, cluster.needs_gpu(config)))
        costs[point.name] = stages
    return tasks, costs, total


def _note_plan(
    manifest: Manifest, sweep: Sweep, tasks: list[Task], costs: dict[str, list[StageCost]]
) -> None:
    """Note points that the manifest does not know yet: planned, or finished by someone else."""
    events = read_events(manifest.path.parent)
    known = {event.get("point") for event in events}
    over = {event.get("point") for event in events if event["event"] in ("finished", "adopted")}
    new: list[dict[str, Any]] = [
        {"event": "planned", "point": task.name, "seconds": round(task.seconds, 3)}
        for task in tasks
        if task.name not in known
    ]
    new += [
        {"event": "adopted", "point": point.name}
        for point in sweep.points
        if point.name not in costs and point.name not in over
    ]
    if new:
        manifest.write_all(new)


def _write_table(sweep: Sweep, directory: Path, display: SweepDisplay) -> None:
    """Write `table.csv`, if the points are analysed."""
    if sweep.analyze:
        write_table(collect_table(directory, display.say), directory / TABLE)


def _client(
    sweep: Sweep,
    tasks: list[Task],
    scheduler: str | None,
    workers: int | None,
    dashboard: bool,
) -> AbstractContextManager[Any]:
    if scheduler is not None:
        return cluster.connect(scheduler)
    names = {task.name for task in tasks}
    configs = [sweep.config(point) for point in sweep.points if point.name in names]
    return cluster.local(configs, workers, dashboard)
