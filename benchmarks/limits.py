"""A step beside what the machine can do: ``python -m benchmarks.limits``.

Three tables: feed-forward rows as a share of the peak of multiplications and additions that a
loop in registers reaches; thermal machines with the bytes that a step moves as a share of the rate
of copying; and what two threads gain, beside what copying gains in the same minutes. Peak and
copying are measured by limits.cpp, which is compiled here, in turns with the steps.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import feedforward
from benchmarks.harness import machine, one_thread
from benchmarks.ours import Ours
from benchmarks.peers.common import Problem
from benchmarks.run import SIZES

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parent / "openmm_thermalnet/native/kernels"
COPIED = 256 << 20  # bytes; far beyond any cache
# Bytes that a step moves for one coordinate of a spin, if every array is read from and written to
# memory: positions, velocities and forces in the step (8 each, 5 times); forces set to zero, and
# read and written with both derivatives (8 + 16 + 8); derivatives written, and the positions for
# them read three times (8 + 24).
BYTES = 40 + 32 + 32


class Limits:
    """The machine's limits, by a library compiled for it."""

    def __init__(self, directory: Path) -> None:
        library = directory / "limits.so"
        subprocess.run(
            [
                *("c++", "-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-pthread"),
                "-Wno-psabi",
                "-DTHERMALNET_ISA=host",
                f"-I{KERNELS}",
                str(HERE / "limits.cpp"),
                "-o",
                str(library),
            ],
            check=True,
        )
        calls = ctypes.CDLL(str(library))
        self._peak, self._copy = calls.peak_flops, calls.copy_bytes
        self._peak.restype = self._copy.restype = ctypes.c_double
        self._from, self._to = np.ones(COPIED, np.uint8), np.zeros(COPIED, np.uint8)

    def flops(self) -> float:
        """Operations a second of one thread."""
        return self._peak(ctypes.c_long(20_000_000))

    def copying(self, threads: int) -> float:
        """Bytes a second, read and written."""
        to, source = (ctypes.c_void_p(a.ctypes.data) for a in (self._to, self._from))
        return self._copy(to, source, ctypes.c_long(COPIED), threads, 2)


def seconds(call: Callable[[int], object], block: float) -> float:
    """Seconds of one step, over a block of about ``block`` seconds."""
    call(2)
    start = time.perf_counter()
    call(2)
    steps = max(1, round(2 * block / (time.perf_counter() - start)))
    start = time.perf_counter()
    call(steps)
    return (time.perf_counter() - start) / steps


def feedforward_flops(patterns: int, width: int) -> int:
    """Multiplications and additions of a loss and its gradient, times two."""
    widths = (10, *[width] * 6, 1)
    products = [a * b for a, b in itertools.pairwise(widths)]
    return 2 * patterns * (3 * sum(products) - products[0])


def feedforward_rows(limits: Limits, rounds: int, block: float) -> None:
    """Print the share of the peak that a step of feed-forward networks reaches."""
    print("| P, w | step, ms | Gflop/s | peak, Gflop/s | share |")
    print("|---|---:|---:|---:|---:|")
    for patterns, width in feedforward.SIZES:
        ours = feedforward.Ours(patterns, width, 3)
        reached, peak = [], []
        for _ in range(rounds):
            peak.append(limits.flops())
            reached.append(3 * feedforward_flops(patterns, width) / seconds(ours.step, block))
        share = statistics.median(a / b for a, b in zip(reached, peak, strict=True))
        each = feedforward_flops(patterns, width) / statistics.median(reached)
        print(
            f"| {patterns}, {width} | {1e3 * each:.3g} | {1e-9 * statistics.median(reached):.1f} "
            f"| {1e-9 * statistics.median(peak):.1f} | {share:.3f} |",
            flush=True,
        )


def thermal_rows(limits: Limits, rounds: int, block: float) -> None:
    """Print the bytes that a thermal machine's step moves, beside the rate of copying."""
    print("| M, N, L | step, ms | GB/s | copying, GB/s | share | Gflop/s |")
    print("|---|---:|---:|---:|---:|---:|")
    for M, N, L in SIZES:
        problem = Problem.random(M, N, L, replicas=3)
        ours = Ours(problem)
        taken, rate = [], []
        for _ in range(rounds):
            rate.append(limits.copying(1))
            taken.append(seconds(ours.step, block))
        moved = 3 * problem.size * BYTES
        share = statistics.median(moved / t / r for t, r in zip(taken, rate, strict=True))
        step = statistics.median(taken)
        flops = 3 * 6 * M * ((L - 2) * N * N + N * problem.NL)
        print(
            f"| {M}, {N}, {L} | {1e3 * step / 3:.4g} | {1e-9 * moved / step:.1f} "
            f"| {1e-9 * statistics.median(rate):.1f} | {share:.2f} | {1e-9 * flops / step:.1f} |",
            flush=True,
        )


class WithThreads(Ours):
    """The same step on two threads."""

    threads = 2


def two_threads(limits: Limits, rounds: int, block: float) -> None:
    """Print what two threads gain, beside what copying gains."""
    print("| M, N, L | gain of a step | gain of copying | ratio |")
    print("|---|---:|---:|---:|")
    for M, N, L in SIZES:
        problem = Problem.random(M, N, L, replicas=3)
        one, two = Ours(problem), WithThreads(problem)
        steps, copies = [], []
        for _ in range(rounds):
            steps.append(seconds(one.step, block) / seconds(two.step, block))
            copies.append(limits.copying(2) / limits.copying(1))
        ratio = statistics.median(a / b for a, b in zip(steps, copies, strict=True))
        gains = f"{statistics.median(steps):.2f} | {statistics.median(copies):.2f}"
        print(f"| {M}, {N}, {L} | {gains} | {ratio:.2f} |", flush=True)


def main() -> None:
    """Print the tables, and the machine they were made on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--block", type=float, default=0.3, help="seconds of a turn")
    options = parser.parse_args()
    one_thread(pin=False)
    with tempfile.TemporaryDirectory() as directory:
        limits = Limits(Path(directory))
        for table in (feedforward_rows, thermal_rows, two_threads):
            table(limits, options.rounds, options.block)
            print()
    print(json.dumps(machine()))


if __name__ == "__main__":
    main()
