"""How a sweep shows where it is: bars on a terminal, quiet lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from openmm_thermalnet.progress import LINE_SECONDS, open_bar, say_beside
from openmm_thermalnet.sweeps.cost import StageCost
from openmm_thermalnet.sweeps.engine import Engine
from openmm_thermalnet.sweeps.lines import duration
from openmm_thermalnet.sweeps.schedule import simulate
from openmm_thermalnet.sweeps.status import fraction_of, read_progress

_REFRESH_SECONDS = 2.0
_BARS = 12  # points that have bars of their own
_TRUST_SECONDS = 30.0  # of work after which the pace counts as much as the estimate
_SIMULATED = 10_000  # points up to which the remaining time is simulated


class SweepDisplay:
    """Progress of a sweep, as a context manager.

    Parameters
    ----------
    directory : Path
        Of the sweep.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._bar: Any = None
        self._whole: Any = None
        self._bars: dict[str, Any] = {}
        self._drawn = -LINE_SECONDS
        self.plan({}, 0, 0.0)

    def __enter__(self) -> Self:
        """Open the bars if there is a terminal for them."""
        if sys.stderr.isatty():
            self._bar = open_bar("{task.percentage:>3.0f} %", "{task.fields[left]}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the bars."""
        if self._bar is not None:
            self._bar.stop()

    def plan(self, costs: dict[str, list[StageCost]], points: int, seconds: float) -> None:
        """Say what is to do.

        Parameters
        ----------
        costs : dict
            Stages of the points that are left.
        points : int
            How many there are in all.
        seconds : float
            Estimate of all their work.
        """
        self._costs, self._points, self._seconds = costs, points, seconds

    def say(self, line: str) -> None:
        """Print one line beside the bars."""
        say_beside(self._bar, line)

    def show(self, engine: Engine) -> None:
        """Show where the engine is."""
        now = time.monotonic()
        if now - self._drawn < (_REFRESH_SECONDS if self._bar is not None else LINE_SECONDS):
            return
        self._drawn = now
        fractions = {
            task.name: fraction_of(
                read_progress(self._directory, task.name), self._costs[task.name]
            )
            for task, _ in engine.running
        }
        left = self._left(engine, fractions)
        time_left = f"{duration(_pace(engine, left) * _makespan(left, engine.workers))} left"
        finished = self._points - len(self._costs) + len(engine.finished)
        failed = f", {len(engine.failed)} given up" if engine.failed else ""
        words = f"{finished} of {self._points} points{failed}"
        if self._bar is None:
            running = f"{len(fractions)} running on {engine.workers} workers"
            self.say(f"{words}; {running}, {time_left}")
            return
        if self._whole is None:
            self._whole = self._bar.add_task(words, total=1.0, left="")
        done = 1 - sum(left) / self._seconds
        self._bar.update(self._whole, description=words, completed=done, left=time_left)
        self._show_points(fractions)

    def _left(self, engine: Engine, fractions: dict[str, float]) -> list[float]:
        """Estimated seconds of every point that is not through."""
        left = [task.seconds for task in engine.waiting]
        for task, _ in engine.running:
            whole = sum(stage.seconds for stage in self._costs[task.name])
            left.append(min(task.seconds, whole * (1 - fractions[task.name])))
        return left

    def _show_points(self, fractions: dict[str, float]) -> None:
        for name in self._bars.keys() - fractions.keys():
            self._bar.remove_task(self._bars.pop(name))
        for name, fraction in fractions.items():
            if name not in self._bars and len(self._bars) < _BARS:
                self._bars[name] = self._bar.add_task(name, total=1.0, left="")
            if name in self._bars:
                self._bar.update(self._bars[name], completed=fraction)


def _pace(engine: Engine, left: Sequence[float]) -> float:
    """Seconds that a worker takes for an estimated second, so far."""
    taken = engine.busy + sum(seconds for _, seconds in engine.running)
    rest = sum(left) - sum(task.seconds for task in engine.waiting)
    done = engine.done + sum(task.seconds for task, _ in engine.running) - rest
    return (taken + _TRUST_SECONDS) / (max(0.0, done) + _TRUST_SECONDS)


def _makespan(left: Sequence[float], workers: int) -> float:
    if len(left) > _SIMULATED:
        return sum(left) / max(1, workers)
    return simulate(left, max(1, workers)).seconds
