"""The paper's own way: one machine, a plain PyTorch loop, forces by autograd."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from benchmarks.peers.common import FloatArray, Problem


class TorchLoop:
    """Leapfrog Langevin (Eqs. 9-11) over a list of layer tensors."""

    name = "torch loop"
    machines = 1

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        torch.manual_seed(problem.seed)
        self.inputs = torch.as_tensor(problem.inputs)
        self.targets = torch.as_tensor(problem.targets)
        spins, weights = problem.split(problem.start()[0])
        self.x = [torch.tensor(a, requires_grad=True) for a in spins + weights]
        spins, weights = problem.split(problem.start_velocities()[0])
        self.v = [torch.tensor(a) for a in spins + weights]

    def layer_energies(self) -> list[torch.Tensor]:
        """Norm of every layer's residual."""
        hidden = self.problem.L - 1
        spins = [self.inputs, *self.x[:hidden], self.targets]
        return [
            torch.linalg.vector_norm(spins[k + 1] - torch.tanh(spins[k] @ J.T))
            for k, J in enumerate(self.x[hidden:])
        ]

    def grad(self) -> tuple[torch.Tensor, ...]:
        """Gradient of the energy with respect to every free tensor."""
        return torch.autograd.grad(sum(self.layer_energies()), self.x)

    def step(self, n: int) -> None:
        """Advance by n steps."""
        p = self.problem
        noise = math.sqrt(p.eta * (2 - p.eta) * p.kT)
        for _ in range(n):
            grads = self.grad()
            with torch.no_grad():
                for x, v, g in zip(self.x, self.v, grads, strict=True):
                    v.mul_(1 - p.eta).sub_(g, alpha=p.dt).add_(torch.randn_like(v), alpha=noise)
                    x.add_(v, alpha=p.dt)
                    outside = x.abs() > 1
                    v[outside] *= -1
                    x[outside] = 2 * x[outside].sign() - x[outside]

    def positions(self) -> FloatArray:
        """Positions (machines, P), inside the walls."""
        return _flat(self.x)

    def energies(self) -> FloatArray:
        """Layer energies (machines, L)."""
        with torch.no_grad():
            return torch.stack(self.layer_energies())[None].numpy()

    def gradients(self) -> FloatArray:
        """Gradient of the energy (machines, P)."""
        return _flat(self.grad())


def _flat(tensors: list[torch.Tensor] | tuple[torch.Tensor, ...]) -> FloatArray:
    return torch.cat([t.detach().flatten() for t in tensors])[None].numpy()
