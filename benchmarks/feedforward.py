"""Overdamped Langevin training side by side: ``python -m benchmarks.feedforward``.

OpenMM's BrownianIntegrator on a `FeedForwardNet` against the printed update of arXiv:2405.13098 in
a plain torch loop, w <- w - eta grad L + sqrt(2 kT eta / P) xi, at the paper's network. The loop
moves one network with autograd, as one would write the paper; ours moves R of them.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics

import numpy as np

from benchmarks.harness import Timed, compare, machine, one_thread, repeat

ETA, KT = 1e-3, 1e-4
SIZES = ((1000, 30), (5000, 30), (5000, 72), (20_000, 30))


class Ours:
    """A System of R networks on OpenMM's CPU platform, in single precision."""

    name = "ours"

    def __init__(self, patterns: int, width: int, replicas: int) -> None:
        import openmm

        import openmm_thermalnet as tn

        rng = np.random.default_rng(0)
        inputs, targets = rng.normal(size=(patterns, 10)), np.sign(rng.normal(size=(patterns, 1)))
        data = tn.datasets.from_arrays(inputs, targets, bounded=False)
        self.machines = replicas
        self.net = tn.FeedForwardNet(data, (10, *[width] * 6, 1), replicas=replicas)
        self.start = self.net.randomPositions(seed=0)
        self.integrator = tn.integrators.create_brownian(KT, ETA, patterns).integrator
        platform, properties = tn.integrators.find_platform("CPU")
        system = self.net.createSystem(force="native")
        self.context = openmm.Context(system, self.integrator, platform, properties)
        self.context.setPositions(self.start)

    def step(self, n: int) -> None:
        """Advance by n steps."""
        self.integrator.step(n)

    def energy_and_forces(self) -> object:
        """Evaluate both, always at the same positions."""
        return self.context.getState(energy=True, forces=True)


class TorchLoop:
    """One network as `torch.nn.Sequential`, gradient by autograd, in single precision."""

    name = "torch loop"
    machines = 1

    def __init__(self, ours: Ours) -> None:
        import torch

        data = ours.net.dataset
        self.model = ours.net.toTorch(ours.start, replica=0).float()
        self.weights = list(self.model.parameters())
        self.inputs = torch.tensor(data.train_inputs, dtype=torch.float32)
        self.targets = torch.tensor(data.train_targets, dtype=torch.float32)
        self.generator = torch.Generator().manual_seed(0)
        self.noise = math.sqrt(2 * KT * ETA / data.patterns)

    def step(self, n: int) -> None:
        """Advance by n steps."""
        import torch

        for _ in range(n):
            slack = torch.relu(1 - self.targets * self.model(self.inputs))
            loss = slack.square().sum() / (2 * len(self.targets))
            gradients = torch.autograd.grad(loss, self.weights)
            with torch.no_grad():
                for weight, gradient in zip(self.weights, gradients, strict=True):
                    xi = torch.randn(weight.shape, generator=self.generator)
                    weight.add_(gradient, alpha=-ETA).add_(xi, alpha=self.noise)


def measure(
    patterns: int, width: int, replicas: int, rounds: int, block: float
) -> dict[str, dict[str, float]]:
    """Processor time of a step of both, and of energy and forces alone, per network.

    Not wall-clock time: all run on one thread, and a shared machine stretches the clock.
    """
    ours = Ours(patterns, width, replicas)
    loop = TorchLoop(ours)
    items = [
        Timed("ours", ours.step, replicas),
        Timed("energy and forces", repeat(ours.energy_and_forces), replicas),
        Timed("torch loop", loop.step, 1),
    ]
    compare(items, rounds=rounds, block=block)
    return {
        item.name: {
            "cpu_seconds": statistics.median(item.cpu),
            "ratio": statistics.median(a / b for a, b in zip(item.cpu, items[0].cpu, strict=True)),
        }
        for item in items
    }


def main() -> None:
    """Print a table, and the machine it was made on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--block", type=float, default=0.3, help="seconds of a turn")
    parser.add_argument("--replicas", type=int, nargs="+", default=[3, 12])
    options = parser.parse_args()
    one_thread()
    print("| P, w | R | ours | energy and forces | torch loop | loop / ours |")
    print("|---|---:|---:|---:|---:|---:|")
    for patterns, width in SIZES:
        for replicas in options.replicas:
            found = measure(patterns, width, replicas, options.rounds, options.block)
            times = [f"{1e3 * each['cpu_seconds']:.3g}" for each in found.values()]
            ratio = found["torch loop"]["ratio"]
            row = " | ".join(times)
            print(f"| {patterns}, {width} | {replicas} | {row} | {ratio:.2f} |", flush=True)
    print(json.dumps(machine()))


if __name__ == "__main__":
    main()
