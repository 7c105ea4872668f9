"""Between OpenMM's coordinates and the kernels' arrays.

OpenMM hands over float64 positions (B P, 3) and wants forces of that shape; a kernel wants the
folded variables of all replicas, field by field (see `layout`), in its own precision. On the CPU
one compiled pass folds, casts and transposes, and one brings the gradient back; anywhere else the
same is written in torch operations.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmm_thermalnet.layout import Layout


@numba.njit(cache=True, nogil=True)
def _to_state(positions, edges, replicas, walls, state, signs):  # type: ignore[no-untyped-def]
    """Fold, cast and transpose: positions (B, P, 3) -> state (R P,), signs (B, 3, P)."""
    for block in range(positions.shape[0]):
        for field in range(edges.shape[0] - 1):
            low, high = edges[field], edges[field + 1]
            size = high - low
            base = replicas * low + 3 * block * size
            for axis in range(3):
                out = state[base + axis * size : base + (axis + 1) * size]
                sign = signs[block, axis, low:high]
                q = positions[block, low:high, axis]
                if walls:
                    for p in range(size):
                        k = np.rint(q[p] * 0.5)
                        half = k * 0.5
                        s = 1.0 - 4.0 * (half - np.floor(half))
                        sign[p] = s
                        out[p] = s * (q[p] - 2.0 * k)
                else:
                    for p in range(size):
                        sign[p] = 1
                        out[p] = q[p]


@numba.njit(cache=True, nogil=True)
def _to_forces(gradient, signs, edges, replicas, scale, forces):  # type: ignore[no-untyped-def]
    """Gradient (R P,) of the folded variables -> forces (B, P, 3) on the raw coordinates."""
    for block in range(forces.shape[0]):
        for field in range(edges.shape[0] - 1):
            low, high = edges[field], edges[field + 1]
            size = high - low
            base = replicas * low + 3 * block * size
            x = gradient[base : base + size]
            y = gradient[base + size : base + 2 * size]
            z = gradient[base + 2 * size : base + 3 * size]
            sign_x = signs[block, 0, low:high]
            sign_y = signs[block, 1, low:high]
            sign_z = signs[block, 2, low:high]
            into = forces[block, low:high]
            for p in range(size):
                into[p, 0] = -scale * sign_x[p] * x[p]
                into[p, 1] = -scale * sign_y[p] * y[p]
                into[p, 2] = -scale * sign_z[p] * z[p]


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
        blocks, particles = layout.blocks, layout.particles
        self._shape = (blocks, particles, 3)
        self._replicas = layout.replicas
        self._walls = walls
        self._edges = np.array([0] + [where.stop for where in layout.slices], dtype=np.int64)
        self._state = torch.empty(layout.replicas * particles, dtype=dtype)
        self._signs = np.empty((blocks, 3, particles), dtype=np.int8)
        self._forces = np.empty(self._shape)

    def state(self, positions: NDArray[np.float64]) -> Tensor:
        """Kernel state (R P,) of positions (B P, 3) in nm; overwritten by the next call."""
        _to_state(
            positions.reshape(self._shape),
            self._edges,
            self._replicas,
            self._walls,
            self._state.numpy(),
            self._signs,
        )
        return self._state

    def forces(self, gradient: Tensor, coupling: float = 1.0) -> NDArray[np.float64]:
        """Forces (B P, 3) at the last positions, of ``coupling`` times the energy."""
        _to_forces(
            gradient.numpy(), self._signs, self._edges, self._replicas, coupling, self._forces
        )
        return self._forces.reshape(-1, 3)


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
        self.sizes = [group.rows * group.columns for group in layout.groups]
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

    def group(self, blocked: Tensor, group: int) -> Tensor:
        """View (count, B, 3, size) of a group in an array (B, P, 3)."""
        start, count, size = self.starts[group], self.counts[group], self.sizes[group]
        part = blocked[:, start : start + count * size]
        return part.view(self.blocks, count, size, 3).permute(1, 0, 3, 2)

    def segment(self, state: Tensor, group: int) -> Tensor:
        """View (count, B, 3, size) of a group in an array (R P,)."""
        start, count, size = self.starts[group], self.counts[group], self.sizes[group]
        low = self.replicas * start
        part = state[low : low + self.replicas * count * size]
        return part.view(count, self.blocks, 3, size)
