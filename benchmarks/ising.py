"""Spin flips per second of Wang-Landau sampling: ``python -m benchmarks.ising [--converge]``.

Networks with Gaussian weights, one walker on one core, in millions of attempts per second: when
every flip is accepted, which is the most work, and while it samples. The best of several turns, in
time of this process alone, since a shared machine drifts. ``--converge`` also measures how long a
network of 60 spins takes from nothing to a converged density of states.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.harness import machine, one_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openmm_thermalnet.analysis.ising.chain import Chain
    from openmm_thermalnet.analysis.ising.network import IsingNetwork

SIZES = {
    "10 layers of 100": [100] * 10,
    "10 layers of 10 on 784 inputs": [784, *[10] * 9, 2],
    "5 layers of 12": [12] * 5,
    "5 layers of 4": [4] * 5,
}
TURNS, ATTEMPTS, SPREAD = 15, 2_000_000, 10_000_000


def gaussian(widths: Sequence[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(rows, columns)) for columns, rows in pairwise(widths)]


def attempts_per_second(widths: Sequence[int]) -> tuple[int, float, float]:
    """Spins, and best attempts per second of one walker: all accepted, and while it samples."""
    from openmm_thermalnet.analysis.ising.chain import Chain, Plan
    from openmm_thermalnet.analysis.ising.ground import quench_network
    from openmm_thermalnet.analysis.ising.network import IsingNetwork

    network = IsingNetwork.of(gaussian(widths))
    ground = quench_network(network, 20, 0, 50)
    bins = min(500, 5 * network.spins)
    edges = np.linspace(1.0001 * ground.lowest, -1.0001 * ground.lowest, bins + 1)
    plan = Plan(edges, ((0, bins),), 0.8, True, 1e-8)
    chain = Chain(network, plan, ground.spins.astype(float), np.random.SeedSequence(0))
    chain.advance(network, SPREAD)
    sampling = rate(chain, network)
    (window,) = chain.windows
    window.log_g[:], window.log_f, window.refining = 0.0, 1e-300, False
    window.visits[:] = 1
    return network.spins, rate(chain, network), sampling


def rate(chain: Chain, network: IsingNetwork) -> float:
    best = 0.0
    (window,) = chain.windows
    for _ in range(TURNS):
        chunks, begun = max(ATTEMPTS // window.chunk, 1), time.process_time()
        for _ in range(chunks):
            chain.walk(network, window)
        best = max(best, chunks * window.chunk / (time.process_time() - begun))
    return best


def converge() -> str:
    """How long 60 spins take in one process."""
    from openmm_thermalnet.analysis import ising

    weights = gaussian(SIZES["5 layers of 12"])
    ising.wang_landau(gaussian([2, 2]), 4, tolerance=0.1)  # compile
    begun, wall = time.process_time(), time.perf_counter()
    found = ising.wang_landau(weights, 60)
    seconds, wall = time.process_time() - begun, time.perf_counter() - wall
    state = "converged" if found.converged else "NOT CONVERGED"
    return (
        f"60 spins, 60 bins, 4 walkers: {state} after {found.steps:.3g} attempts, {seconds:.1f} s "
        f"of one core ({wall:.1f} s passed), largest error of ln g {np.nanmax(found.error):.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--converge", action="store_true")
    options = parser.parse_args()
    described = machine()
    one_thread()
    print(*(f"{key}: {value}" for key, value in described.items()), sep="\n")
    print("\n| network | spins | all accepted | sampling |\n|---|---:|---:|---:|")
    for name, widths in SIZES.items():
        spins, accepted, sampling = attempts_per_second(widths)
        print(f"| {name} | {spins} | {accepted / 1e6:.1f} | {sampling / 1e6:.1f} |", flush=True)
    if options.converge:
        print(f"\n{converge()}")


if __name__ == "__main__":
    main()
