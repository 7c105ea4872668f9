"""Gives points to workers, longest first, until all are finished or given up.

Never more points are handed out than there are workers: the next goes out when one comes back, to
the worker that is free. So the order is exact, and the manifest says who has what.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openmm_thermalnet.sweeps import worker
from openmm_thermalnet.sweeps.cluster import GPU
from openmm_thermalnet.sweeps.crew import Crew
from openmm_thermalnet.sweeps.manifest import Manifest

_LOOK_SECONDS = 1.0  # between two looks at the cluster
_RESULT_SECONDS = 30.0  # for the few bytes that a worker answers
_BUSY_SECONDS = 10.0  # before a point that another process holds is tried again
_STOP_SECONDS = 120.0  # that workers have for their last checkpoint


@dataclass
class Task:
    """A point on its way.

    Attributes
    ----------
    name : str
        Of the point.
    job : dict
        What `worker.execute_point` gets.
    seconds : float
        Estimate of what is left of it.
    gpu : bool
        Whether it needs a worker with a GPU.
    attempt : int
        How often it was given to a worker.
    failures : int
        How often in vain.
    not_before : float
        Monotonic time before which it is not to be tried.
    """

    name: str
    job: dict[str, Any]
    seconds: float
    gpu: bool = False
    attempt: int = 0
    failures: int = 0
    not_before: float = 0.0


@dataclass
class _Flight:
    """A task that a worker has."""

    task: Task
    worker: str
    future: Any
    begun: float
    checkpoint: int


@dataclass
class Engine:
    """Runs tasks on the workers of a Dask client.

    Attributes
    ----------
    client : distributed.Client
        Of the cluster.
    manifest : Manifest
        Gets every event.
    retries : int
        How often a task is tried again after a failure.
    say : callable
        Gets one line for what a user should know.
    show : callable
        Called about every second with the engine.
    token : str
        Of this sweep's tasks, for `worker.request_stop`.
    waiting : list of Task
        Longest first.
    finished, failed : list of str
        Names of points that are through.
    interrupted : bool
        Whether `stop` ended it.
    done, busy : float
        Estimated seconds of the finished points, and what the workers took for all attempts.
    """

    client: Any
    manifest: Manifest
    retries: int
    say: Callable[[str], None]
    show: Callable[[Engine], None] = lambda engine: None
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    waiting: list[Task] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    interrupted: bool = False
    done: float = 0.0
    busy: float = 0.0

    def run(self, tasks: Iterable[Task], crew: Crew, stop: Callable[[], bool]) -> None:
        """Work until nothing is left, or until `stop` says so.

        Raises
        ------
        ConnectionError
            If the scheduler is gone.
        """
        self._flights: list[_Flight] = []
        self._crew = crew
        self._looked = -_LOOK_SECONDS
        self._came_back = threading.Event()
        self.waiting = sorted(tasks, key=lambda task: -task.seconds)
        while self.waiting or self._flights:
            if stop():
                self.interrupted = True
                self._end()
                return
            self._look()
            self._hand_out()
            self._collect(_LOOK_SECONDS)
            self.show(self)

    @property
    def running(self) -> list[tuple[Task, float]]:
        """Tasks that workers have, and for how many seconds."""
        now = time.monotonic()
        return [(flight.task, now - flight.begun) for flight in self._flights]

    @property
    def workers(self) -> int:
        """How many there are."""
        return len(self._crew.members)

    def _look(self) -> None:
        """See who is there; what a lost worker had goes back."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._crew.look()
        for flight in list(self._flights):
            if flight.worker not in self._crew.members:
                self._lose(flight)

    def _hand_out(self) -> None:
        """Give each free worker the longest task that it can do."""
        busy = {flight.worker for flight in self._flights}
        # Those with a GPU last, so that they stay free for what needs one.
        for address, gpu in sorted(self._crew.members.items(), key=lambda member: member[1]):
            if address not in busy:
                task = (self._next(gpu=True) if gpu else None) or self._next(gpu=False)
                if task is not None:
                    self._submit(task, address)

    def _next(self, gpu: bool) -> Task | None:
        now = time.monotonic()
        tasks = (task for task in self.waiting if task.gpu == gpu and task.not_before <= now)
        return next(tasks, None)

    def _submit(self, task: Task, address: str) -> None:
        self.waiting.remove(task)
        task.attempt += 1
        begun, checkpoint = time.monotonic(), _newest_checkpoint(Path(task.job["directory"]))
        future = self.client.submit(
            worker.execute_point,
            {**task.job, "token": self.token},
            key=f"{task.name}-{self.token[:8]}-{task.attempt}",
            workers=[address],
            allow_other_workers=False,
            resources={GPU: 1} if task.gpu else None,
            pure=False,
        )
        future.add_done_callback(lambda _: self._came_back.set())
        self._flights.append(_Flight(task, address, future, begun, checkpoint))
        self.manifest.write("started", task.name, attempt=task.attempt, worker=address)

    def _collect(self, timeout: float) -> None:
        """Wait for a task to come back, and note those that did."""
        self._came_back.wait(timeout)
        self._came_back.clear()
        for flight in list(self._flights):
            status = flight.future.status
            if status == "pending":
                continue
            self._crew.check()
            try:
                result = flight.future.result(timeout=_RESULT_SECONDS)
            except TimeoutError:  # its worker died with it; the next attempt finds the files
                self._lose(flight)
            except CancelledError:
                self._lose(flight)
            except Exception as error:
                self._break(flight, error)
            else:
                self._note(flight, result)

    def _note(self, flight: _Flight, result: dict[str, Any]) -> None:
        """What a worker said of a point."""
        self._flights.remove(flight)
        task = flight.task
        outcome, more = result["outcome"], {"attempt": task.attempt, "worker": flight.worker}
        more |= {"seconds": result["seconds"], "notes": result["notes"]}
        self.busy += result["seconds"]
        if outcome == "finished":
            self.finished.append(task.name)
            self.done += task.seconds
            self.manifest.write("finished", task.name, **more)
        elif outcome == "failed":
            self._fail(task, result["error"], more)
        else:
            self.manifest.write(outcome, task.name, error=result["error"], **more)
            if outcome == "busy":
                self.say(f"{result['error']}; it is tried again later")
                task.not_before = time.monotonic() + _BUSY_SECONDS
            self.waiting.append(task)

    def _break(self, flight: _Flight, error: Any) -> None:
        """Dask itself gave a task up."""
        if type(error).__name__ == "KilledWorker":
            self._lose(flight)
            return
        self._flights.remove(flight)
        line = (str(error).splitlines() or [""])[0]
        self._fail(flight.task, f"{type(error).__name__}: {line}", {"worker": flight.worker})

    def _lose(self, flight: _Flight) -> None:
        """A worker died: its point goes on elsewhere, and failed if it got nowhere."""
        flight.future.cancel()
        self._flights.remove(flight)
        task = flight.task
        Path(task.job["progress"]).unlink(missing_ok=True)
        more = {"attempt": task.attempt, "worker": flight.worker}
        more["seconds"] = round(time.monotonic() - flight.begun, 3)
        if _newest_checkpoint(Path(task.job["directory"])) > flight.checkpoint:
            self.manifest.write("lost", task.name, **more)
            self.waiting.insert(0, task)
        else:
            self._fail(task, "its worker died: killed, or out of memory", more)

    def _fail(self, task: Task, error: str, more: dict[str, Any]) -> None:
        task.failures += 1
        self.manifest.write("failed", task.name, error=error, **more)
        if task.failures > self.retries:
            self.failed.append(task.name)
            self.manifest.write("gave-up", task.name, error=error, attempt=task.attempt)
            self.say(f"{task.name} is given up: {error}")
        else:
            self.waiting.append(task)  # behind those that may do better

    def _end(self) -> None:
        """Let what runs write a checkpoint and come back."""
        self.say("stopping: running points write a checkpoint")
        addresses = [flight.worker for flight in self._flights]
        if addresses:
            self.client.run(worker.request_stop, self.token, workers=addresses, on_error="ignore")
        limit = time.monotonic() + _STOP_SECONDS
        while self._flights and time.monotonic() < limit:
            self._look()
            self._collect(_LOOK_SECONDS)


def _newest_checkpoint(directory: Path) -> int:
    """When the last checkpoint of a run was written (ns), or 0."""
    return max((path.stat().st_mtime_ns for path in directory.glob("**/*.chk")), default=0)
