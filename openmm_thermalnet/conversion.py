"""Between OpenMM's coordinates and the kernels' arrays.

OpenMM hands over float64 positions (B P, 3) and wants forces of that shape; a kernel wants the
folded variables of all replicas, field by field (see `layout`), in its own precision. On the CPU
one compiled pass folds, casts and transposes, and one brings the gradient back; anywhere else the
same is written in torch operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmm_thermalnet import folding
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.vectors import aligned


class HostConversion:
    """Compiled conversion for numpy positions, into arrays allocated once.

    Parameters
    ----------
    layout : Layout
        The map of the network.
    dtype : torch.dtype
        Precision of the kernel's state.
    walls : bool
        Whether the variables are folded into [-1, 1].
    """

    def __init__(self, layout: Layout, dtype: torch.dtype, walls: bool = True) -> None:
        self._half = 0.5 if walls else 0.0
        # Where each field starts, and the matrix to transpose: weights are transposed already.
        self._table = np.array(
            [
                (where.start, field.rows, field.columns)
                if field.kind == "spin"
                else (where.start, field.size, 1)
                for field, where in zip(layout.fields, layout.slices, strict=True)
            ]
        )
        self._blocks, size = layout.blocks, layout.replicas * layout.particles
        self._state = torch.empty(size, dtype=dtype)
        self._numbers = self._state.numpy()
        self._slopes = np.zeros(size, dtype=np.uint8)
        self._forces = aligned((size // 3, 3), np.float64)

    def state(self, positions: NDArray[np.float64]) -> Tensor:
        """Kernel state (R P,) of positions (B P, 3) in nm; overwritten by the next call.

        The positions lie in one piece, row by row.
        """
        folding.to_state(
            positions, self._blocks, self._table, self._half, self._slopes, self._numbers
        )
        return self._state

    def positions(self, state: Tensor) -> NDArray[np.float64]:
        """Positions (B P, 3) of a kernel state: the inverse of `state` where there are no walls."""
        return self.forces(state.numpy(), -1.0).copy()

    def forces(
        self,
        gradient: NDArray[Any],
        coupling: float = 1.0,
        out: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Forces (B P, 3) at the last positions, of ``coupling`` times the energy.

        They are written to `out`, or to an array that the next call overwrites.
        """
        out = self._forces if out is None else out
        folding.to_forces(gradient, self._blocks, self._table, self._slopes, -coupling, out)
        return out


class TorchConversion(torch.nn.Module):
    """The same conversion in torch operations, on the device of the positions.

    Parameters
    ----------
    layout : Layout
        The map of the network.
    dtype : torch.dtype
        Precision of the kernel's state. The fold is taken in the precision of the positions.
    walls : bool
        Whether the variables are folded into [-1, 1].
    """

    def __init__(self, layout: Layout, dtype: torch.dtype, walls: bool = True) -> None:
        super().__init__()
        self.blocks = layout.blocks
        self.particles = layout.particles
        self.replicas = layout.replicas
        self.starts = [group.start for group in layout.groups]
        self.counts = [group.count for group in layout.groups]
        self.rows = [group.rows for group in layout.groups]
        self.columns = [group.columns for group in layout.groups]
        self.transposed = [group.transposed for group in layout.groups]
        self.dtype = dtype
        self.walls = walls

    def state(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Kernel state (R P,) and signs (B, P, 3) of positions (B P, 3)."""
        blocked = positions.view(self.blocks, self.particles, 3)
        if self.walls:
            k = torch.round(blocked * 0.5)
            signs = 1.0 - 2.0 * torch.remainder(k, 2.0)
            folded = (signs * (blocked - 2.0 * k)).to(self.dtype)
        else:
            signs = torch.ones_like(blocked)
            folded = blocked.to(self.dtype)
        state = torch.empty(
            [self.replicas * self.particles], dtype=self.dtype, device=positions.device
        )
        for group in range(len(self.starts)):
            self.segment(state, group).copy_(self.group(folded, group))
        return state, signs

    def forces(self, gradient: Tensor, signs: Tensor) -> Tensor:
        """Forces (B P, 3) on the raw coordinates, in the precision of the signs."""
        forces = torch.empty_like(signs)
        for group in range(len(self.starts)):
            self.group(forces, group).copy_(self.segment(gradient, group))
        return forces.mul_(signs).neg_().view(-1, 3)

    def couple(
        self,
        weight_decay: float,
        state: Tensor,
        energies: Tensor,
        gradient: Tensor,
        replicas: Tensor,
        decay: Tensor,
    ) -> Tensor:
        """Energy with couplings; the gradient (R P,) is changed in place.

        Parameters
        ----------
        weight_decay : float
            lambda of the prior (lambda/2) |w|^2 that is the last term; 0 if there is none.
        state, energies, gradient : Tensor, shapes (R P,), (K, R) and (R P,)
            Of a Hamiltonian.
        replicas : Tensor, shape (R,)
            Factors of the replicas' energies.
        decay : Tensor, shape ()
            Factor of the prior.

        Returns
        -------
        Tensor of float64, shape ()
        """
        each = energies.to(torch.float64)
        self.scale(gradient, replicas)
        if weight_decay <= 0:
            return (replicas * each.sum(dim=0)).sum()
        prior = (weight_decay * state).to(gradient.dtype)
        self.scale(prior, decay - replicas)
        gradient.add_(prior)
        return (replicas * each[:-1].sum(dim=0)).sum() + decay * each[-1].sum()

    def scale(self, gradient: Tensor, factors: Tensor) -> None:
        """Multiply the gradient (R P,) of every replica by its factor (R,), in place."""
        by_replica = factors.to(gradient.dtype).view(1, self.blocks, 3, 1, 1)
        for group in range(len(self.starts)):
            self.segment(gradient, group).mul_(by_replica)

    def group(self, blocked: Tensor, group: int) -> Tensor:
        """View (count, B, 3, ., .) of a group in an array (B, P, 3), as kernels see it."""
        start, count = self.starts[group], self.counts[group]
        rows, columns = self.rows[group], self.columns[group]
        part = blocked[:, start : start + count * rows * columns]
        part = part.view(self.blocks, count, rows, columns, 3).permute(1, 0, 4, 2, 3)
        return part.transpose(3, 4) if self.transposed[group] else part

    def segment(self, state: Tensor, group: int) -> Tensor:
        """View (count, B, 3, ., .) of a group in an array (R P,)."""
        start, count = self.starts[group], self.counts[group]
        rows, columns = self.rows[group], self.columns[group]
        low = self.replicas * start
        part = state[low : low + self.replicas * count * rows * columns]
        if self.transposed[group]:
            return part.view(count, self.blocks, 3, columns, rows)
        return part.view(count, self.blocks, 3, rows, columns)
