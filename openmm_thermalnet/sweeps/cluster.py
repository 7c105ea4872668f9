"""Where a sweep runs: a Dask cluster of this machine's cores and GPUs, or one that is there."""

from __future__ import annotations

import gc
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from openmm_thermalnet.config import RunConfig
from openmm_thermalnet.errors import DependencyError, InputError
from openmm_thermalnet.sweeps import worker

GPU = "GPU"
"""Resource of a Dask worker that may use one GPU."""

_GPU_PLATFORMS = ("CUDA", "HIP", "OpenCL")
_CONNECT_SECONDS = 10


def needs_gpu(config: RunConfig) -> bool:
    """Whether a run takes a GPU."""
    return config.platform in _GPU_PLATFORMS


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """Client of a scheduler that is there.

    Raises
    ------
    InputError
        If nothing answers at the address.
    """
    distributed = _distributed()
    collects = gc.isenabled()
    # A client that once failed here is closed as garbage; collected while another one starts, it
    # would wait for ever for a lock that this one holds.
    gc.disable()
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"no scheduler answers at {address} ({reason}); start one, or leave --scheduler out"
        ) from None
    finally:
        if collects:
            gc.enable()
    try:
        yield client
    finally:
        client.close(timeout=_CONNECT_SECONDS)


@contextmanager
def local(
    configs: Sequence[RunConfig], workers: int | None, dashboard: bool = False
) -> Iterator[Any]:
    """Client of a cluster on this machine: a process per core, or per GPU, with one thread each.

    Whoever can talk to a Dask cluster can run code on it, and other users of this machine reach
    its ports. So its processes talk TLS, with keys made for this cluster that stay in memory, and
    keep their files in a directory that only this user reaches, which is removed at the end.

    Parameters
    ----------
    configs : sequence of RunConfig
        What is to run; never more workers than that.
    workers : int, optional
        How many processes compute on cores.
    dashboard : bool
        Serve Dask's dashboard, which asks nobody who he is, at an address of this machine.
        Otherwise nothing listens but what needs the keys.

    Raises
    ------
    InputError
        If runs want a GPU and there is none.
    DependencyError
        If Dask, or `cryptography` for the keys, is missing.
    """
    distributed = _distributed()
    from dask import config as dask_config

    specs = worker_specs(configs, workers)
    secured = {"security": _temporary_security(distributed), "protocol": "tls://"}
    for spec in specs.values():
        spec["options"] |= secured
    settings: dict[str, Any] = {
        # Points keep nothing in Dask's memory, so there is nothing to spill or to wait for.
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.scheduler.work-stealing": False,
        # Without a dashboard its web server has no pages, until it is stopped.
        **({} if dashboard else {"distributed.scheduler.http.routes": []}),
    }
    with (
        _private_directory() as directory,
        dask_config.set({**settings, "temporary-directory": directory}),
    ):
        scheduler = {
            "cls": distributed.Scheduler,
            "options": {
                "host": "127.0.0.1",
                "dashboard": dashboard,
                "dashboard_address": "127.0.0.1:8787" if dashboard else "127.0.0.1:0",
                **secured,
            },
        }
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Port 8787 is already in use")  # it takes another
            cluster = distributed.SpecCluster(
                workers=specs,
                scheduler=scheduler,
                security=secured["security"],
                silence_logs=logging.CRITICAL,
            )
        try:
            if not dashboard:
                cluster.scheduler.http_server.stop()
            with distributed.Client(cluster, set_as_default=False) as client:
                yield client
        finally:
            cluster.close()


def worker_specs(configs: Sequence[RunConfig], workers: int | None) -> dict[str, Any]:
    """What `SpecCluster` makes of this machine, by name of the worker.

    Raises
    ------
    InputError
        If runs want a GPU and there is none.
    """
    from dask.system import CPU_COUNT
    from distributed import Nanny
    from distributed.system import MEMORY_LIMIT

    on_gpus = [config for config in configs if needs_gpu(config)]
    on_cores = len(configs) - len(on_gpus)
    devices = _devices(sorted({config.platform for config in on_gpus}))[: len(on_gpus)]
    threads = max((config.threads for config in configs), default=1)
    cores = max(1, CPU_COUNT // threads) if workers is None else workers
    names = [*(f"gpu-{device}" for device in devices)]
    names += [f"core-{core}" for core in range(min(cores, on_cores))]
    common = {
        "nthreads": 1,
        "host": "127.0.0.1",
        "dashboard": False,
        "memory_limit": MEMORY_LIMIT // len(names),
        "preload": [worker.__name__],
        "silence_logs": logging.CRITICAL,
    }
    specs: dict[str, Any] = {name: {"cls": Nanny, "options": dict(common)} for name in names}
    for name, device in zip(names, devices, strict=False):
        specs[name]["options"] |= {"resources": {GPU: 1}, "env": {worker.DEVICE: str(device)}}
    return specs


def _devices(platforms: Sequence[str]) -> list[int]:
    """Indices of the GPUs that the platforms see."""
    from openmm_thermalnet.integrators import find_platform

    indices: list[int] = []
    for name in platforms:
        platform, _ = find_platform(name)
        found = len(platform.getDevices({})) if hasattr(platform, "getDevices") else 1
        if not found:
            raise InputError(f"platform {name} finds no GPU here; choose another platform")
        indices = list(range(max(found, len(indices))))
    return indices


@contextmanager
def _private_directory() -> Iterator[str]:
    """A directory for Dask, which imports from it, and shares one that others made before."""
    with tempfile.TemporaryDirectory(
        prefix="thermalnet-sweep-", ignore_cleanup_errors=True
    ) as directory:
        try:
            yield directory
        finally:
            sys.path[:] = [path for path in sys.path if not path.startswith(directory)]


def _temporary_security(distributed: Any) -> Any:
    """Keys of a cluster, made anew."""
    try:
        return distributed.Security.temporary()
    except ImportError:
        raise DependencyError(
            "a sweep on this machine needs the package cryptography, which is missing; "
            "install openmm-thermalnet[cluster]"
        ) from None


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise DependencyError(
            "a sweep needs Dask, which is missing; install openmm-thermalnet[cluster]"
        ) from None
    # What it has to say of lost workers and connections, the front end says in its own words.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return distributed
