"""Ising models of trained networks: ``python docs/reproduction/ising.py DIRECTORY [PART ...]``.

DIRECTORY holds the runs `profile-fan-in` and `profile` of run.py; the parts are machine, layers,
mlp and sampling. Every number is kept in DIRECTORY/ising/ as soon as it is computed, so interrupt
and repeat at will; ising_figures.py draws what is there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

import openmm_thermalnet as tn
from openmm_thermalnet.analysis import ising
from openmm_thermalnet.analyze.ising import analyze_ising
from openmm_thermalnet.analyze.plain import plain
from openmm_thermalnet.files import write_json

RUNS = {"profile-fan-in": "gain fan_in", "profile": "gain 1"}
STEPS = {None: (0, 2512, 3981, 6310, 20_000), 20_000: (200_000,)}
FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
SAMPLES, SEEDS = 3, 3
NETWORKS = {"narrow": (784, 10, 10, 10, 10), "wide": (784, 64, 32, 10)}
SAMPLING = {"bins": 3000, "walkers": 3, "mirrored": True, "reach": 0.98}
Keep = Callable[..., dict[str, Any]]
Matrices = list[np.ndarray]


def twins(matrices: Matrices, seed: int) -> dict[str, Matrices]:
    """The network, and itself permuted over all layers and within each."""
    return {
        "given": matrices,
        "permuted": ising.permuted(matrices, 1.0, seed),
        "within": ising.permuted(matrices, 1.0, seed, within_layers=True),
    }


def machine(keep: Keep, runs: Path) -> dict[str, Any]:
    """W, T_c and accuracy of the thermal machine along a run, and of its permuted twins."""
    found: dict[str, Any] = {}
    for run in RUNS:
        rows = []
        with tn.load(runs / run) as result:
            for waiting_time, steps in STEPS.items():
                stage = result.quench if waiting_time is None else result.follow(waiting_time)
                for step in steps:
                    loaded = tn.load_weights(result, step=step, waiting_time=waiting_time)
                    table = stage.thermo
                    at = int(np.searchsorted(table["step"][:, 0], step, side="right")) - 1
                    for sample in range(SAMPLES):
                        slot = loaded.samples.index(sample)
                        name = f"machine-{run}-{waiting_time or 0}-{step}-{sample}"
                        values = keep(name, exact, loaded.replica(slot), sample)
                        accuracy = {
                            k: float(table[k][at, slot]) for k in ("test_tanh", "test_sign")
                        }
                        whole = (waiting_time or 0) + step
                        rows.append({"step": whole, "sample": sample, **accuracy, **values})
        found[run] = rows
    return found


def exact(matrices: Matrices, seed: int) -> dict[str, Any]:
    """W and T_c by exact sums."""
    return {
        name: {
            "width": ising.energy_width(each).value,
            "critical": ising.exact_critical_temperature(each, 10)[0],
        }
        for name, each in twins(matrices, seed).items()
    }


def layers(keep: Keep, runs: Path) -> dict[str, Any]:
    """W of the first k layers and of each layer alone, at the start and at the end."""
    found: dict[str, Any] = {}
    for run in RUNS:
        for when, frame, waiting_time in (("start", 0, None), ("end", -1, 20_000)):
            loaded = tn.load_weights(runs / run, frame, waiting_time=waiting_time)
            for sample in range(SAMPLES):
                matrices = loaded.replica(loaded.samples.index(sample))
                name = f"layers-{run}-{when}-{sample}"
                found[name] = keep(name, blocks, matrices, sample)
    return found


def blocks(given: Matrices, seed: int) -> dict[str, Any]:
    """W of the parts of a network and of its twins."""
    return {
        name: {
            "first": ising.block_widths(matrices),
            "single": ising.block_widths(matrices, cumulative=False),
            "rank_one": [largest_part(matrix) for matrix in matrices],
            "last_three": ising.exact_critical_temperature(matrices[-3:])[0],
        }
        for name, matrices in twins(given, seed).items()
    }


def largest_part(matrix: np.ndarray) -> float:
    """Part of a matrix's squared norm that its largest singular value has: 1 for rank one."""
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    return float(squares[0] / squares.sum())


def train(widths: tuple[int, ...], seed: int) -> tuple[Matrices, Matrices, Any]:
    """A perceptron without biases before and after training on the ten digits, and its test."""
    data = tn.datasets.load_mnist(range(10), n_train=4000, n_test=1000, seed=seed)
    x, y = torch.tensor(data.train_inputs).float(), torch.tensor(data.train_labels)
    torch.manual_seed(seed)
    parts: list[torch.nn.Module] = []
    for columns, rows in pairwise(widths):
        parts += [torch.nn.Linear(columns, rows, bias=False), torch.nn.ReLU()]
    net = torch.nn.Sequential(*parts[:-1])
    before = tn.load_weights(net).replica(0)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(30):
        for batch in torch.randperm(len(x)).split(50):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimiser.step()

    def accuracy(matrices: Matrices) -> float:
        state = np.asarray(data.test_inputs, dtype=np.float64)
        for matrix in matrices[:-1]:
            state = np.maximum(state @ matrix.T, 0)
        return float(np.mean((state @ matrices[-1].T).argmax(axis=1) == data.test_labels))

    return before, tn.load_weights(net).replica(0), accuracy


def mlp(keep: Keep, runs: Path) -> dict[str, Any]:
    """W and T_c of perceptrons before and after training, and against the permuted fraction."""
    found = {}
    for size, widths in NETWORKS.items():
        for seed in range(SEEDS):
            found[f"mlp-{size}-{seed}"] = keep(f"mlp-{size}-{seed}", perceptron, widths, seed)
    return found


def perceptron(widths: tuple[int, ...], seed: int) -> dict[str, Any]:
    """W, T_c and accuracy of a perceptron, and of it with its weights permuted."""
    before, after, accuracy = train(widths, seed)
    networks = {
        "untrained": before,
        "untrained, permuted": ising.permuted(before, 1.0, seed),
        "within": ising.permuted(after, 1.0, seed, within_layers=True),
        **{f"f={f:g}": ising.permuted(after, f, seed) for f in FRACTIONS},
    }
    found = {}
    for name, matrices in networks.items():
        width = ising.energy_width(matrices, starts=50)
        found[name] = {
            "width": width.value,
            "exact": width.exact,
            "accuracy": accuracy(matrices),
            "scale": float(np.sqrt(np.mean(np.concatenate([m.ravel() for m in matrices]) ** 2))),
            "critical": ising.exact_critical_temperature(matrices, 12)[0] if width.exact else None,
            "single": ising.block_widths(matrices, cumulative=False, starts=50),
        }
    return found


def sampling(keep: Keep, runs: Path) -> dict[str, Any]:
    """Wang-Landau sampling of the machine, against the exact sums, and of the wide perceptron."""
    last = tn.load_weights(runs / "profile-fan-in", waiting_time=20_000).replica(0)
    _, after, _ = train(NETWORKS["wide"], 0)
    networks = {
        "machine": last,
        "machine-permuted": ising.permuted(last, 1.0, 0),
        "wide": after,
        "wide-permuted": ising.permuted(after, 1.0, 0),
    }
    return {name: keep(f"sampling-{name}", sample, m) for name, m in networks.items()}


def sample(matrices: Matrices) -> dict[str, Any]:
    """Density of states by sampling."""
    return analyze_ising(tn.load_weights(matrices), sampling=SAMPLING)


PARTS: dict[str, Callable[[Keep, Path], dict[str, Any]]] = {
    "machine": machine,
    "layers": layers,
    "mlp": mlp,
    "sampling": sampling,
}


def keeping(directory: Path) -> Keep:
    """Compute what is not in `directory` yet, and put it there."""

    def keep(name: str, compute: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
        path = directory / f"{name}.json"
        if not path.exists():
            print(name, file=sys.stderr, flush=True)
            write_json(path, plain(compute(*arguments)))
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    return keep


def main() -> None:
    """Compute what is named, or everything."""
    runs, names = Path(sys.argv[1]), sys.argv[2:] or list(PARTS)
    kept = runs / "ising"
    kept.mkdir(parents=True, exist_ok=True)
    for name in names:
        write_json(kept / f"{name}.json", PARTS[name](keeping(kept), runs))


if __name__ == "__main__":
    main()
