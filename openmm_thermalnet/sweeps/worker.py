"""What a Dask worker does: one point after another, each an ordinary run, and nothing else.

A point's files are its result; Dask carries only what to do and how it ended. Heavy imports wait
for the first point.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from openmm_thermalnet import version
from openmm_thermalnet.errors import InUseError
from openmm_thermalnet.files import RUN, TRAJECTORY, locked, write_json

DEVICE = "OPENMM_THERMALNET_DEVICE"
"""Environment variable with the index of the GPU that a worker computes on."""

_PROGRESS_SECONDS = 2.0  # between two messages of how far a point is
_NOTES = 20  # lines of a restart that are kept

_stopped: set[str] = set()


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C and SIGTERM to the process that the user started (a Dask preload).

    Both may go to all processes of a group; that process ends its workers in good order. The
    worker's web server, which asks nobody for a key, ends here.
    """
    worker.http_server.stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def describe(path: str) -> dict[str, Any]:
    """What the front end must know before it gives work to this process.

    Parameters
    ----------
    path : str
        Of a file that both must see.
    """
    try:
        seen = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        seen = None
    found: dict[str, Any] = {"openmm_thermalnet": version.__version__}
    for name in ("openmm", "torch", "numpy"):
        with suppress(PackageNotFoundError):
            found[name] = installed(name)
    return {"versions": found, "seen": seen, "pid": os.getpid(), "host": socket.gethostname()}


def request_stop(token: str) -> None:
    """Let the points of one sweep end with a checkpoint."""
    _stopped.add(token)


def execute_point(job: dict[str, Any]) -> dict[str, Any]:
    """Run a point to its end, from wherever its files are.

    Parameters
    ----------
    job : dict
        "directory", "config" (plain values), "analyze", "progress" (a file) and "token" (of the
        sweep).

    Returns
    -------
    dict
        "outcome": "finished", "interrupted", "busy" (another process works on it) or "failed";
        "error", one line or None; "seconds"; "notes", what was said of a restart.
    """
    from openmm_thermalnet.protocols import Interrupted

    begun = time.monotonic()
    notes: list[str] = []
    outcome, error = "finished", None
    try:
        _execute(job, _stop(job["token"]), notes.append)
    except Interrupted:
        outcome = "interrupted"
    except InUseError as reason:
        outcome, error = "busy", str(reason)
    except Exception as reason:  # whatever it is, the other points go on
        outcome, error = "failed", one_line(reason)
    finally:
        Path(job["progress"]).unlink(missing_ok=True)
    seconds = round(time.monotonic() - begun, 3)
    return {"outcome": outcome, "error": error, "seconds": seconds, "notes": notes[-_NOTES:]}


def _execute(job: dict[str, Any], stop: Callable[[], bool], say: Callable[[str], None]) -> None:
    from openmm_thermalnet.analyze import analyze_run, current_analysis
    from openmm_thermalnet.config import make_config
    from openmm_thermalnet.protocols import Interrupted, create_run, open_run

    choose_device(job["config"]["platform"])
    directory = Path(job["directory"])
    if any((directory / name).exists() for name in (RUN, TRAJECTORY)):
        run = open_run(directory, say)
    else:
        run = create_run(make_config(job["config"]), directory)
    with locked(directory / RUN):  # NFS has no locks on directories
        run.execute(_reporter(Path(job["progress"])), stop, say)
        if stop():
            raise Interrupted
        if job["analyze"] and current_analysis(directory) is None:
            analyze_run(directory, say)


def choose_device(platform: str) -> None:
    """Make the worker's GPU the default of a platform that has several."""
    index = os.environ.get(DEVICE)
    if index is not None:
        from openmm_thermalnet.integrators import find_platform

        found, _ = find_platform(platform)
        if "DeviceIndex" in found.getPropertyNames():
            found.setPropertyDefaultValue("DeviceIndex", index)


def _reporter(path: Path) -> Callable[[str, int, int], None]:
    """Writes how far a run is, for whoever looks; losing it costs nothing."""
    path.parent.mkdir(exist_ok=True)
    last = -_PROGRESS_SECONDS

    def report(stage: str, step: int, length: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_SECONDS:
            last = now
            where = {"pid": os.getpid(), "host": socket.gethostname()}
            with suppress(OSError):
                write_json(path, {"stage": stage, "step": step, "length": length, **where})

    return report


def _stop(token: str) -> Callable[[], bool]:
    """Whether the point should end: asked to, or nobody waits for it any more."""
    from distributed import get_worker
    from distributed.core import Status

    worker = get_worker()
    key = worker.get_current_task()

    def stop() -> bool:
        task = worker.state.tasks.get(key)
        return (
            token in _stopped
            or worker.status not in (Status.running, Status.paused)
            or task is None
            or task.state != "executing"
        )

    return stop


def one_line(error: Exception) -> str:
    """An error in one line, with its kind where the package has no words of its own for it."""
    text = (str(error).splitlines() or [""])[0]
    own = type(error).__module__.startswith("openmm_thermalnet")
    return text if own and text else f"{type(error).__name__}: {text}".removesuffix(": ")
