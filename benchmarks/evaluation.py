"""Energy and gradient by compiled passes and by torch: ``python -m benchmarks.evaluation``.

What the choices in `hamiltonians` rest on: passes over blocks of patterns (`blocks`) against the
products of torch on one and two threads, and the two ways of the first layer by how many pixels
differ from the background (`sparse`, `packed`), on one thread.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.harness import Timed, compare, machine, repeat
from openmm_thermalnet import FeedForwardNet, ThermalNet, datasets
from openmm_thermalnet.hamiltonians import fused, packed, sparse
from openmm_thermalnet.hamiltonians.blocks import MOST_THREADS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from openmm_thermalnet.hamiltonians import Hamiltonian
    from openmm_thermalnet.particles import ParticleNetwork

MACHINES = ((250, 10), (2000, 10), (2000, 40), (500, 100))
NETWORKS = ((1000, 30), (5000, 72), (2000, 256), (2000, 700))
DENSITIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.6)


def images(patterns: int, density: float, pixels: int = 784) -> NDArray[np.float32]:
    """Patterns of grey levels, so many of them not the background."""
    rng = np.random.default_rng(0)
    grey = rng.integers(1, 256, (patterns, pixels)) / 127.5 - 1
    return np.where(rng.random(grey.shape) < density, grey, -1.0).astype(np.float32)


def thermal(patterns: int, width: int, replicas: int) -> ThermalNet:
    """A thermal machine of ten layers on images as sparse as MNIST's."""
    targets = np.sign(np.random.default_rng(1).normal(size=(patterns, 2)))
    data = datasets.from_arrays(images(patterns, 0.2), targets)
    return ThermalNet(data, 10, width, replicas=replicas, precision="single")


def feedforward(patterns: int, width: int, replicas: int) -> FeedForwardNet:
    """Three hidden layers on ten inputs."""
    rng = np.random.default_rng(1)
    inputs, targets = rng.normal(size=(patterns, 10)), np.sign(rng.normal(size=(patterns, 1)))
    data = datasets.from_arrays(inputs, targets, bounded=False)
    return FeedForwardNet(data, (10, width, width, width, 1), replicas=replicas)


def on_threads(hamiltonian: Hamiltonian, state: torch.Tensor, threads: int) -> Callable[[], object]:
    """Evaluate with so many torch threads."""

    def call() -> object:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        return hamiltonian(state)

    return call


def against_torch(net: ParticleNetwork) -> dict[str, Callable[[], object]]:
    """The compiled pass, and torch's products on one and on two threads."""
    state = 0.1 * torch.randn(net.replicas * net.particles)
    torch_alone = net.createHamiltonian()
    torch_alone.use_threads(MOST_THREADS + 1)
    return {
        "pass": on_threads(net.createHamiltonian(), state, 1),
        "torch, 1 thread": on_threads(torch_alone, state, 1),
        "torch, 2 threads": on_threads(torch_alone, state, 2),
    }


def first_layer(density: float, rows: int = 30) -> dict[str, Callable[[], object]]:
    """Both products with 2000 patterns, by lists of pixels and by oneDNN."""
    inputs = torch.from_numpy(images(2000, density).T.copy())
    weights, fields = torch.randn(rows, 784), torch.empty(rows, 2000)
    ways = {"lists": sparse.SparsePatterns(inputs, 1.0)}
    if packed.available():
        ways["oneDNN, packed"] = packed.PackedPatterns(inputs, 1.0, rows)

    def both(products: sparse.SparsePatterns | packed.PackedPatterns) -> Callable[[], None]:
        def call() -> None:
            products.fields(weights, fields)
            products.gradient(fields, torch.empty_like(weights))

        return call

    return {name: both(products) for name, products in ways.items()}


def row(title: str, calls: dict[str, Callable[[], object]], rounds: int, block: float) -> str:
    """Milliseconds of each, and its time over the first's."""
    items = [Timed(name, repeat(call), 1) for name, call in calls.items()]
    compare(items, rounds=rounds, block=block)
    cells = []
    for item in items:
        summary = item.summary(items[0])
        ms = 1e3 * summary["seconds_per_replica_step"]
        cells.append(f"{item.name} {ms:.3g} ms (x {summary['ratio']:.2f})")
    return f"  {title:26s} " + ", ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="paired rounds")
    parser.add_argument("--block", type=float, default=0.1, help="seconds of one turn")
    parser.add_argument("--replicas", type=int, default=3, help="a multiple of 3")
    options = parser.parse_args()
    fused.WIDEST = max(width for _, width in NETWORKS)
    timing = options.rounds, options.block
    print(f"Thermal machine of 10 layers, R = {options.replicas}")
    for patterns, width in MACHINES:
        calls = against_torch(thermal(patterns, width, options.replicas))
        print(row(f"M = {patterns}, N = {width}", calls, *timing), flush=True)
    print(f"Feed-forward network of 3 hidden layers, R = {options.replicas}")
    for patterns, width in NETWORKS:
        calls = against_torch(feedforward(patterns, width, options.replicas))
        print(row(f"P = {patterns}, w = {width}", calls, *timing), flush=True)
    print("First layer of 2000 patterns, 30 neurons, by pixels other than the background")
    torch.set_num_threads(1)
    for density in DENSITIES:
        print(row(f"{density:.0%}", first_layer(density), *timing), flush=True)
    print(json.dumps(machine()))


if __name__ == "__main__":
    main()
