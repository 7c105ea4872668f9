"""Between OpenMM's coordinates and the arrays of Hamiltonians.

OpenMM hands over positions (B P, 3) and wants forces of that shape; a Hamiltonian wants the folded
variables of all replicas, field by field (see `layout`), in its own precision.
"""

from __future__ import annotations

import torch
from torch import Tensor

from openmm_thermalnet.layout import Layout


class TorchConversion(torch.nn.Module):
    """Conversion in torch operations, on the device of the positions.

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

    def positions(self, state: Tensor) -> Tensor:
        """Positions (B P, 3) of a state (R P,): the inverse of `state` where there are no walls."""
        return self.forces(state, -state.new_ones([self.blocks, self.particles, 3]))

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
