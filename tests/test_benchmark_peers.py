"""The benchmark's peers solve the same problem: same energy, same gradient, same temperature."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import harness, run
from benchmarks.peers import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers import Peer

NETWORKS = ["torch-loop", "torch-batched", "jax-md", "ours"]


@pytest.fixture(autouse=True)
def _one_torch_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make(name: str, problem: Problem) -> Peer:
    if name == "jax-md":
        pytest.importorskip("jax_md", reason="needs benchmarks/requirements.txt")
    return harness.load(name)(problem)


def reference(problem: Problem, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Layer energies (machines, L) and gradient in float64, by autograd."""
    q = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    spins, weights = problem.split(q)
    spins = [torch.tensor(problem.inputs), *spins, torch.tensor(problem.targets)]
    energies = torch.stack(
        [
            (spins[k + 1] - torch.tanh(spins[k].double() @ J.mT)).square().sum((-2, -1)).sqrt()
            for k, J in enumerate(weights)
        ],
        dim=-1,
    )
    energies.sum().backward()
    return energies.detach().numpy(), q.grad.numpy()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(17, 5, 4), (9, 4, 2)])
def test_energy_and_gradient(name: str, shape: tuple[int, int, int]) -> None:
    problem = Problem.random(*shape, N0=30, NL=3, replicas=6)
    peer = make(name, problem)
    start = problem.start()[: peer.machines]
    np.testing.assert_allclose(peer.positions(), start, atol=2e-7)
    energies, gradient = reference(problem, start)
    np.testing.assert_allclose(peer.energies(), energies, rtol=3e-6)
    np.testing.assert_allclose(peer.gradients(), gradient, atol=3e-6)


@pytest.mark.parametrize("onednn", [False, True])
def test_batched_first_layer_both_ways(onednn: bool) -> None:
    batched = harness.load("torch-batched")
    if onednn and not batched(Problem.random(4, 2, 3, N0=4)).onednn:
        pytest.skip("this build of PyTorch has no packed oneDNN product")
    problem = Problem.random(50, 10, 5)
    peer = batched(problem, onednn=onednn)
    energies, gradient = reference(problem, problem.start())
    np.testing.assert_allclose(peer.energies(), energies, rtol=3e-6)
    np.testing.assert_allclose(peer.gradients(), gradient, atol=5e-6)


@pytest.mark.parametrize("name", [*NETWORKS, "openmm-bare", "openmm-idle"])
def test_walls_hold(name: str) -> None:
    problem = Problem.random(8, 4, 4, N0=10, kT=0.5)
    peer = make(name, problem)
    for _ in range(5):
        peer.step(40)
        x = peer.positions()
        assert np.abs(x).max() <= 1
        assert np.isfinite(peer.energies()).all()
    # hot and free: uniform between the walls, so <x^2> = 1/3
    assert (x**2).mean() == pytest.approx(1 / 3, abs=0.05)


class Solved(Problem):
    """Starts next to a zero of the energy: random weights, the spins and labels that follow."""

    @classmethod
    def of(cls, problem: Problem) -> Solved:
        solved = cls(**vars(problem))
        outputs = cls.forward(solved, solved.split(Problem.start(solved)[0])[1])[-1]
        return replace(solved, targets=outputs)

    def forward(self, weights: list[np.ndarray]) -> list[np.ndarray]:
        states = [self.inputs]
        for J in weights:
            states.append(np.tanh(states[-1] @ J.T))
        return states[1:]

    def start(self) -> np.ndarray:
        x = super().start()
        weights = self.split(x[0])[1]
        parts = [*self.forward(weights)[:-1], *weights]
        exact = np.concatenate([a.ravel() for a in parts])
        return np.clip(exact + 1e-3 * x, -1, 1).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_thermal_energy(name: str) -> None:
    """<E_l> = K_l kT with K_l = M n_l residuals; sharpest in the larger hidden layers."""
    problem = Solved.of(Problem.random(10, 6, 4, N0=20, kT=1e-4, eta=0.02))
    peer = make(name, problem)
    peer.step(500)
    samples = []
    for _ in range(150):
        peer.step(20)
        samples.append(peer.energies().mean(axis=0))
    ratio = np.mean(samples, axis=0) / (problem.M * problem.kT * np.array(problem.widths[1:]))
    np.testing.assert_allclose(ratio, 1, atol=0.2)
    np.testing.assert_allclose(ratio[:-1], 1, atol=0.08)


def test_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "one_thread", lambda **_: None)
    run.main(
        "--quick --sizes 8x4x3 --replicas 3 --rounds 3 --block 0.001 --no-memory "
        f"--contenders torch-loop torch-batched ours openmm-bare --out {tmp_path / 'b'}".split()
    )
    report = json.loads((tmp_path / "b.json").read_text())
    results = report["steps"][0]["results"]
    assert results["ours"]["ratio"] == 1
    assert results["torch-loop"]["seconds_per_replica_step"] > 0
    table = (tmp_path / "b.md").read_text()
    assert "| torch-batched: energy and forces |" in table
    assert "- torch-loop / ours: " in table


def test_peak_memory_is_of_the_child() -> None:
    problem = Problem.random(1000, 10, 10, N0=100, replicas=12)
    ballast = np.ones(40_000_000)  # 320 MB here, not there
    memory = harness.peak_memory("torch-batched", problem)
    assert ballast.size == 40_000_000
    assert memory["dof"] == problem.size * 12
    assert 20 < memory["bytes_per_dof"] < 120
