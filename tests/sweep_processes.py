"""Sweeps in processes of their own, which tests start, watch and kill."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from small_runs import contents

from openmm_thermalnet.sweeps.manifest import read_events

ROOT = Path(__file__).parents[1]
DEADLINE = 600.0  # for what takes seconds on an idle machine

TINY = {
    "force": "python",  # slow enough to be interrupted, and the same wherever tests run
    "dataset": "random",
    "input-width": 6,
    "output-width": 2,
    "patterns": 5,
    "test-patterns": 8,
    "width": 3,
    "depth": 4,
    "replicas": 2,
    "waiting-times": [20],
    "friction": 0.01,
    "per-decade": 6,
    "checkpoint-minutes": 0.005,
}
"""A run of milliseconds, but for `follow`, with checkpoints to go on from."""


def toml(path, run, points):
    """A sweep's file with an explicit list of points."""
    lines = ["[run]", *(f"{name} = {json.dumps(value)}" for name, value in run.items())]
    for point in points:
        lines += ["[[points]]", *(f"{name} = {json.dumps(value)}" for name, value in point.items())]
    path.write_text("\n".join(lines))
    return path


def wait_for(happened, process=None):
    """Look until something has happened; its value."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        value = happened()
        if value:
            return value
        assert process is None or process.poll() is None, "the process ended before"
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Processes:
    """Processes of a test; none is left when it ends."""

    def __init__(self, directory):
        self.directory = directory
        self._started = []

    def start(self, *arguments, name):
        search = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        log = self.directory / f"{name}-{len(self._started)}.log"
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", *map(str, arguments)],
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": search},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        process.log = log
        self._started.append(process)
        return process

    def scheduler(self, *arguments):
        """A scheduler, and its address."""
        contact = self.directory / "scheduler.json"
        contact.unlink(missing_ok=True)
        process = self.start(
            *("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"),
            *("--no-dashboard", "--scheduler-file", contact, *arguments),
            name="scheduler",
        )

        def address():
            try:
                return json.loads(contact.read_text())["address"]
            except (OSError, ValueError):
                return None

        return process, wait_for(address, process)

    def worker(self, address, *arguments):
        """A worker that the scheduler knows of."""
        process = self.start(
            *("distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1"),
            *("--no-dashboard", "--local-directory", self.directory, *arguments),
            name="worker",
        )
        wait_for(lambda: "Registered to" in process.log.read_text(), process)
        return process

    def sweep(self, *arguments):
        return self.start("openmm_thermalnet.cli", "sweep", *arguments, name="sweep")

    def end(self):
        for process in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def events(directory, *kinds):
    """Events of these kinds in a sweep's manifest."""
    return [event for event in read_events(directory) if event["event"] in kinds]


def at_work(directory, name):
    """What the worker of a point says, once it has a checkpoint to go on from."""
    try:
        said = json.loads((directory / f"progress/{name}.json").read_text())
    except (OSError, ValueError):
        return None
    return said if (directory / f"points/{name}/tw-20/checkpoint.chk").exists() else None


def results(directory):
    """Everything a point computed."""
    analysis = json.loads((directory / "analysis.json").read_text())
    for name in ("versions", "config"):
        analysis.pop(name)
    return {**contents(directory), "analysis": json.dumps(analysis).encode()}
