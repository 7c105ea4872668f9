"""R machines batched in PyTorch with hand-written gradients: the nearest thing to a limit there.

Three choices matter (``python -m benchmarks.variants`` measures them): patterns are the last axis,
so that a layer is J (N, N) @ S (N, M) with long rows; tanh x = 2 sigmoid(2x) - 1, whose kernel is
ten times as fast as tanh's; and the first layer's products with the fixed patterns go to oneDNN
with the patterns packed once, where this build of PyTorch has it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from benchmarks.peers.common import FloatArray, Problem


class TorchBatched:
    """One flat buffer each for x, v and the gradient; the layers are views.

    Parameters
    ----------
    problem
        What to solve.
    onednn
        First layer through oneDNN with packed patterns; None: where available.
    """

    name = "torch batched"

    def __init__(self, problem: Problem, *, onednn: bool | None = None) -> None:
        p = self.problem = problem
        self.machines = R = p.replicas
        self.onednn = has_onednn() if onednn is None else onednn
        torch.manual_seed(p.seed)
        self.x, self.v = (self._pack(a) for a in (p.start(), p.start_velocities()))
        self.grad, self.scratch, self.scratch2 = (torch.empty_like(self.x) for _ in range(3))
        self.spins, self.first, self.middle, self.last = self._views(self.x)
        self.dspins, self.dfirst, self.dmiddle, self.dlast = self._views(self.grad)
        self.inputs = torch.as_tensor(p.inputs)
        self.targets = torch.as_tensor(p.targets).T.contiguous()
        if self.onednn:
            reorder = torch.ops.mkldnn._reorder_linear_weight
            self.packed = reorder(2 * self.inputs, R * p.N)
            self.packed_t = reorder(-4 * self.inputs.T.contiguous(), R * p.N)
        self.sigma = torch.empty_like(self.spins)
        self.slope = torch.empty_like(self.spins)
        self.last_sigma, self.last_residual, self.last_slope = (
            torch.empty(R, p.NL, p.M) for _ in range(3)
        )
        self.norms = torch.empty(p.L, R)

    def _views(self, flat: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Spins (L-1, R, N, M), then J_1 (R N, N0), J_2.. (L-2, R, N, N) and J_L (R, NL, N)."""
        p, at, views = self.problem, 0, []
        R = self.machines
        for shape in (
            (p.L - 1, R, p.N, p.M),
            (R * p.N, p.N0),
            (p.L - 2, R, p.N, p.N),
            (R, p.NL, p.N),
        ):
            n = math.prod(shape)
            views.append(flat[at : at + n].view(shape))
            at += n
        return tuple(views)

    def _pack(self, x: FloatArray) -> torch.Tensor:
        spins, weights = self.problem.split(x)
        parts = [s.swapaxes(1, 2) for s in spins] + weights
        return torch.as_tensor(np.concatenate([a.ravel() for a in parts]))

    def _unpack(self, flat: torch.Tensor) -> FloatArray:
        R = self.machines
        spins, first, middle, last = self._views(flat)
        parts = [s.transpose(1, 2).reshape(R, -1) for s in spins]
        parts += [j.reshape(R, -1) for j in (first, *middle, last)]
        return torch.cat(parts, 1).numpy()

    def energy_and_forces(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Layer energies (L, R) and minus the forces, flat; both are reused by the next call."""
        p, R, pairs = self.problem, self.machines, (self.problem.L - 2) * self.machines
        spins, sigma, slope, dspins = self.spins, self.sigma, self.slope, self.dspins
        below = spins[:-1].view(pairs, p.N, p.M)
        middle = self.middle.view(pairs, p.N, p.N)

        # sigma = sigmoid(2 J S), t = 2 sigma - 1
        hidden = sigma.view((p.L - 1) * R, p.N, p.M)
        if self.onednn:
            h1 = torch.ops.mkldnn._linear_pointwise(self.first, self.packed, None, "none", [], "")
            torch.sigmoid(h1.view(R, p.N, p.M), out=sigma[0])
        else:
            torch.addmm(
                sigma[0].view(R * p.N, p.M),
                self.first,
                self.inputs.T,
                beta=0,
                alpha=2,
                out=sigma[0].view(R * p.N, p.M),
            )
            sigma[0].sigmoid_()
        torch.baddbmm(hidden[R:], middle, below, beta=0, alpha=2, out=hidden[R:])
        hidden[R:].sigmoid_()
        top = self.last_sigma
        torch.baddbmm(top, self.last, spins[-1], beta=0, alpha=2, out=top).sigmoid_()

        # u = r / |r|; a residual of zero has a gradient of zero
        torch.sub(spins, sigma, alpha=2, out=dspins).add_(1)
        torch.linalg.vector_norm(dspins, dim=(2, 3), out=self.norms[:-1])
        residual = torch.sub(self.targets, top, alpha=2, out=self.last_residual).add_(1)
        torch.linalg.vector_norm(residual, dim=(1, 2), out=self.norms[-1])
        inverse = self.norms.reciprocal().nan_to_num_(posinf=0.0)[..., None, None]
        dspins.mul_(inverse[:-1])
        residual.mul_(inverse[-1])

        # d = -u (1 - t^2) = -4 u (sigma - sigma^2); the -4 goes into the products
        torch.addcmul(sigma, sigma, sigma, value=-1, out=slope).mul_(dspins)
        torch.addcmul(top, top, top, value=-1, out=self.last_slope).mul_(residual)

        d = slope.view((p.L - 1) * R, p.N, p.M)
        du = dspins.view((p.L - 1) * R, p.N, p.M)
        torch.baddbmm(du[:pairs], middle.mT, d[R:], alpha=-4, out=du[:pairs])
        torch.baddbmm(dspins[-1], self.last.mT, self.last_slope, alpha=-4, out=dspins[-1])
        if self.onednn:
            op = torch.ops.mkldnn._linear_pointwise
            self.dfirst.copy_(op(d[:R].view(R * p.N, p.M), self.packed_t, None, "none", [], ""))
        else:
            d1 = d[:R].view(R * p.N, p.M)
            torch.addmm(self.dfirst, d1, self.inputs, beta=0, alpha=-4, out=self.dfirst)
        dm = self.dmiddle.view(pairs, p.N, p.N)
        torch.baddbmm(dm, d[R:], below.mT, beta=0, alpha=-4, out=dm)
        torch.baddbmm(self.dlast, self.last_slope, spins[-1].mT, beta=0, alpha=-4, out=self.dlast)
        return self.norms, self.grad

    def step(self, n: int) -> None:
        """Advance by n steps."""
        p, x, v, s, out = self.problem, self.x, self.v, self.scratch, self.scratch2
        noise = math.sqrt(p.eta * (2 - p.eta) * p.kT)
        with torch.inference_mode():
            for _ in range(n):
                self.energy_and_forces()
                v.mul_(1 - p.eta).add_(self.grad, alpha=-p.dt).add_(s.normal_(), alpha=noise)
                x.add_(v, alpha=p.dt)
                torch.clamp(x, -1, 1, out=s)
                torch.ne(x, s, out=out)  # as 0.0 and 1.0: the bool kernel is five times slower
                v.addcmul_(v, out, value=-2)
                x.lerp_(s, 2.0)  # 2 s - x

    def positions(self) -> FloatArray:
        """Positions (machines, P), inside the walls."""
        return self._unpack(self.x)

    def energies(self) -> FloatArray:
        """Layer energies (machines, L)."""
        return self.energy_and_forces()[0].T.numpy().copy()

    def gradients(self) -> FloatArray:
        """Gradient of the energy (machines, P)."""
        return self._unpack(self.energy_and_forces()[1])


def has_onednn() -> bool:
    """Whether this build of PyTorch can multiply by a packed matrix through oneDNN."""
    return torch.backends.mkldnn.is_available() and hasattr(
        torch.ops.mkldnn, "_reorder_linear_weight"
    )
