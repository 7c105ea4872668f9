"""Sweeps in words: the plan, the status, the rates, line by line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.filesize import decimal

from openmm_thermalnet.sweeps.cost import Rates, point_cost, read_rates
from openmm_thermalnet.sweeps.points import Sweep
from openmm_thermalnet.sweeps.schedule import simulate
from openmm_thermalnet.sweeps.status import read_status

if TYPE_CHECKING:
    from openmm_thermalnet.sweeps.calibration import Timing

WORKERS = (1, 8, 64, 512)
"""Numbers of workers of a plan."""

_LISTED = 12  # points of a plan that are listed
_ALL = 40  # points of a status up to which the finished ones are listed too


def plan_lines(sweep: Sweep) -> Iterator[str]:
    """What a sweep would take: its dearest points, and all of it on several numbers of workers."""
    rates = read_rates(sweep.cost)
    costs = {point.name: point_cost(sweep.config(point), rates) for point in sweep.points}
    dearest = sorted(costs, key=lambda name: -costs[name].seconds)
    width = max(map(len, dearest[:_LISTED]))
    yield f"{'point':{width}}  {'time':>9}  {'written':>9}  {'kept':>9}"
    for name in dearest[:_LISTED]:
        cost = costs[name]
        yield (
            f"{name:{width}}  {duration(cost.seconds):>9}  {decimal(round(cost.written)):>9}  "
            f"{decimal(round(cost.kept)):>9}"
        )
    if len(costs) > _LISTED:
        yield f"and {len(costs) - _LISTED} shorter ones"
    written = decimal(round(sum(cost.written for cost in costs.values())))
    kept = decimal(round(sum(cost.kept for cost in costs.values())))
    yield f"{len(costs)} points write {written}, of which {kept} stay"
    yield f"{'workers':>7}  {'makespan':>9}  {'efficiency':>10}"
    for workers in WORKERS:
        found = simulate([cost.seconds for cost in costs.values()], workers)
        yield f"{workers:7}  {duration(found.seconds):>9}  {found.efficiency:10.1%}"


def status_lines(directory: Path) -> Iterator[str]:
    """How far a sweep is."""
    points, active = read_status(directory)
    counts = Counter(point.state for point in points)
    states = ", ".join(f"{number} {state}" for state, number in counts.items())
    whole = sum(point.seconds for point in points)
    done = sum(point.seconds * point.fraction for point in points) / whole
    yield f"{len(points)} points: {states}; {done:.0%} of the work is done"
    yield "a process is at work on it" if active else "no process is at work on it"
    shown = [point for point in points if len(points) <= _ALL or point.state != "finished"]
    shown = [point for point in shown if len(points) <= _ALL or point.state != "waiting"]
    width = max((len(point.name) for point in shown), default=0)
    for point in shown:
        tries = f"  {point.attempts} tries" if point.attempts > 1 else ""
        more = f"  {point.error or point.stage}" if point.error or point.stage else ""
        yield f"{point.name:{width}}  {point.state:8}  {point.fraction:4.0%}{tries}{more}"


def rates_lines(rates: Rates, timings: Sequence[Timing]) -> Iterator[str]:
    """A `[cost]` table, and how well it fits."""
    yield "[cost]"
    for name, value in asdict(rates).items():
        yield f"{name} = {value:.3g}"
    yield "# patterns, width, depth, samples, integrator: ms a step, measured and fitted"
    for config, measured, fitted in timings:
        numbers = (config.patterns, config.width, config.depth, config.samples)
        sizes = ", ".join(map(str, (*numbers, config.integrator)))
        yield f"# {sizes}: {1e3 * measured:.3g}, {1e3 * fitted:.3g}"


def duration(seconds: float) -> str:
    """A time in words, as exact as one needs it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
