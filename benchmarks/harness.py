"""Paired timing of contenders in one process, peak memory in a child, and the machine's name.

Timings of a shared machine drift. So all contenders take turns in every round, each for about the
same time, and a ratio is the median over rounds of the ratio within a round.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.peers.common import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONTENDERS = {
    "ours": "benchmarks.ours:Ours",
    "ours-cuda": "benchmarks.ours:OursCuda",
    "torch-loop": "benchmarks.peers.torch_loop:TorchLoop",
    "torch-batched": "benchmarks.peers.torch_batched:TorchBatched",
    "jax-md": "benchmarks.peers.jax_md_loop:JaxMD",
    "openmm-bare": "benchmarks.peers.openmm_bare:OpenMMBare",
    "openmm-idle": "benchmarks.peers.openmm_bare:OpenMMIdle",
}
_WARM_UP = 2
IN_TURNS = "openmm-bare and our energy and forces in turns"
PACKAGES = ("openmm-thermalnet", "openmm", "torch", "numpy", "numba", "jax", "jaxlib", "jax-md")
ROOT = Path(__file__).resolve().parents[1]


def load(name: str) -> type:
    """Class of a contender; ModuleNotFoundError if what it needs is not installed."""
    module, _, attribute = CONTENDERS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def one_thread(*, pin: bool = True) -> int | None:
    """Hold this process to one thread, and to one core if asked and possible.

    To be called before jax is imported: XLA sizes its thread pool by the cores it may use.

    Returns
    -------
    int or None
        The core.
    """
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
    import torch

    torch.set_num_threads(1)
    if not (pin and hasattr(os, "sched_setaffinity")):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


@dataclass
class Timed:
    """One line of a comparison.

    Parameters
    ----------
    name
        Its name.
    run
        Runs n steps.
    machines
        Machines that a step advances.
    """

    name: str
    run: Callable[[int], object]
    machines: int
    steps: int = 1
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def summary(self, reference: Timed | None) -> dict[str, Any]:
        """Medians over rounds; ``ratio`` is this one's time over the reference's."""
        seconds = statistics.median(self.wall)
        result: dict[str, Any] = {
            "seconds_per_replica_step": seconds,
            "fastest": min(self.wall),
            "replica_steps_per_second": 1 / seconds,
            "cpu_over_wall": statistics.median(
                c / w for c, w in zip(self.cpu, self.wall, strict=True)
            ),
            "steps_per_block": self.steps,
            "rounds": list(self.wall),
        }
        if reference is not None:
            pairs = zip(self.wall, reference.wall, strict=True)
            ratios = sorted(a / b for a, b in pairs)
            result["ratio"] = statistics.median(ratios)
            result["ratio_low"] = ratios[len(ratios) // 4]
            result["ratio_high"] = ratios[-1 - len(ratios) // 4]
        return result


def compare(items: Sequence[Timed], *, rounds: int, block: float) -> None:
    """Time the items in turns, in blocks of about ``block`` seconds.

    The order is rotated from round to round, so that nobody always follows the same neighbour. A
    turn begins with a few calls that are not timed: what the others left in the caches is not
    what a long run finds there.
    """
    for item in items:
        item.run(_WARM_UP)
        start = time.perf_counter()
        item.run(2)
        item.steps = max(1, round(2 * block / (time.perf_counter() - start)))
    for turn in range(rounds):
        shift = turn % len(items)
        for item in [*items[shift:], *items[:shift]]:
            item.run(_WARM_UP)
            cpu, start = time.process_time(), time.perf_counter()
            item.run(item.steps)
            per = item.steps * item.machines
            item.wall.append((time.perf_counter() - start) / per)
            item.cpu.append((time.process_time() - cpu) / per)


def repeat(call: Callable[[], object]) -> Callable[[int], None]:
    """Make a call into something that runs n times."""

    def run(n: int) -> None:
        for _ in range(n):
            call()

    return run


def in_turns(step: Callable[[int], object], call: Callable[[], object]) -> Callable[[int], None]:
    """Make one step and one call into something that runs n times."""

    def run(n: int) -> None:
        for _ in range(n):
            step(1)
            call()

    return run


def measure(
    problem: Problem, names: Sequence[str], *, rounds: int, block: float
) -> dict[str, dict[str, Any]]:
    """Time the steps of all contenders, and the parts of a step of those that have any.

    Returns
    -------
    dict
        Name to summary; ratios are to "ours" where it runs. "NAME: energy and forces" is a part,
        `IN_TURNS` OpenMM's own step without a force and ours alone.
    """
    items, setup, there = [], {}, {}
    for name in names:
        kind = load(name)
        start = time.perf_counter()
        contender: Any = kind(problem)
        there[name] = contender
        contender.step(1)
        setup[name] = time.perf_counter() - start
        items.append(Timed(name, contender.step, contender.machines))
        if hasattr(contender, "energy_and_forces"):
            call = repeat(contender.energy_and_forces)
            items.append(Timed(f"{name}: energy and forces", call, contender.machines))
    if {"ours", "openmm-bare"} <= there.keys():
        call = in_turns(there["openmm-bare"].step, there["ours"].energy_and_forces)
        items.append(Timed(IN_TURNS, call, problem.replicas))
    compare(items, rounds=rounds, block=block)
    reference = next((item for item in items if item.name == "ours"), None)
    results = {item.name: item.summary(reference) for item in items}
    for name, seconds in setup.items():
        results[name]["setup_seconds"] = seconds
    return results


def peak_memory(name: str, problem: Problem) -> dict[str, float]:
    """Peak resident memory of a contender in a fresh process, above that of its imports and data.

    Returns
    -------
    dict
        ``bytes``, ``dof`` and ``bytes_per_dof``.
    """
    p = problem
    command = [sys.executable, "-m", "benchmarks.harness", name]
    command += [str(k) for k in (p.M, p.N, p.L, p.N0, p.NL, p.replicas)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    )
    return json.loads(done.stdout.splitlines()[-1])


def _memory_of_this_process(name: str, problem: Problem) -> dict[str, float]:
    kind = load(name)
    # A tiny one first, so that what is loaded or compiled once is not counted per variable.
    kind(Problem.random(4, 2, 3, N0=4, replicas=3)).step(2)
    before = _status("VmRSS")
    contender = kind(problem)
    contender.step(3)
    used = _status("VmHWM") - before
    dof = problem.size * contender.machines
    return {"bytes": used, "dof": dof, "bytes_per_dof": used / dof}


def _status(key: str) -> int:
    """Read a line of /proc/self/status in bytes; elsewhere the peak that getrusage knows.

    Not getrusage on Linux: its peak survives exec, so a child starts with its parent's.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def machine() -> dict[str, Any]:
    """Describe what the numbers were taken on."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(
            (x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), model
        )
        flags = next((x.split(":", 1)[1].split() for x in lines if x.startswith("flags")), [])
    except OSError:
        flags = []
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "absent"
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "simd": [flag for flag in ("avx2", "avx512f", "avx512_bf16") if flag in flags],
        "system": f"{platform.system()} {platform.machine()}",
        "threads": 1,
        "load": os.getloadavg()[0],
        "versions": versions,
    }


def main() -> None:
    """Child of `peak_memory`."""
    parser = argparse.ArgumentParser(description=peak_memory.__doc__)
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("numbers", type=int, nargs=6, metavar="M N L N0 NL R")
    arguments = parser.parse_args()
    one_thread()
    M, N, L, N0, NL, replicas = arguments.numbers
    problem = Problem.random(M, N, L, N0=N0, NL=NL, replicas=replicas)
    print(json.dumps(_memory_of_this_process(arguments.name, problem)))


if __name__ == "__main__":
    main()
