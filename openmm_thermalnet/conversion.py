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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fold(positions, folded, signs):  # type: ignore[no-untyped-def]
    """Fold and cast, element by element: the triangle wave of `walls` and its slope."""
    for p in range(positions.size):
        k = np.rint(positions[p] * 0.5)
        half = k * 0.5
        sign = 1.0 - 4.0 * (half - np.floor(half))
        signs[p] = sign
        folded[p] = sign * (positions[p] - 2.0 * k)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _unfold(slopes, signs, scale, forces):  # type: ignore[no-untyped-def]
    """Forces on the raw coordinates from the derivatives by the folded ones."""
    for p in range(slopes.size):
        forces[p] = -scale * signs[p] * slopes[p]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _transpose(particles, table, replicas, state, inward):  # type: ignore[no-untyped-def]
    """Copy particles (B, 3 P) to the kernels' order (R P,) if `inward`, else back."""
    for block in range(particles.shape[0]):
        for field in range(table.shape[0]):
            start, rows, columns = table[field]
            size = rows * columns
            base = replicas * start + 3 * block * size
            ours = particles[block, 3 * start : 3 * (start + size)]
            theirs = state[base : base + 3 * size]
            for tile in range(0, rows, 16):  # both sides of a tile stay in the nearest cache
                end = min(tile + 16, rows)
                for column in range(columns):
                    for axis in range(3):
                        at = axis * size + column * rows
                        source = 3 * column + axis
                        if inward:
                            for row in range(tile, end):
                                theirs[at + row] = ours[row * 3 * columns + source]
                        else:
                            for row in range(tile, end):
                                ours[row * 3 * columns + source] = theirs[at + row]


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
        count = layout.replicas * layout.particles
        self._blocks = layout.blocks
        self._replicas = layout.replicas
        self._walls = walls
        # Where each field starts, and the matrix to transpose: weights are transposed already.
        self._table = np.array(
            [
                (where.start, field.rows, field.columns)
                if field.kind == "spin"
                else (where.start, field.size, 1)
                for field, where in zip(layout.fields, layout.slices, strict=True)
            ]
        )
        self._state = torch.empty(count, dtype=dtype)
        self._particles = torch.empty(count, dtype=dtype).numpy()
        self._signs = np.ones(count, dtype=np.int8)
        self._forces = np.empty(count)

    def state(self, positions: NDArray[np.float64]) -> Tensor:
        """Kernel state (R P,) of positions (B P, 3) in nm; overwritten by the next call."""
        if self._walls:
            _fold(positions.reshape(-1), self._particles, self._signs)
        else:
            np.copyto(self._particles, positions.reshape(-1), casting="same_kind")
        self._move(self._state, inward=True)
        return self._state

    def forces(self, gradient: Tensor, coupling: float = 1.0) -> NDArray[np.float64]:
        """Forces (B P, 3) at the last positions, of ``coupling`` times the energy."""
        self._move(gradient, inward=False)
        _unfold(self._particles, self._signs, coupling, self._forces)
        return self._forces.reshape(-1, 3)

    def _move(self, state: Tensor, inward: bool) -> None:
        particles = self._particles.reshape(self._blocks, -1)
        _transpose(particles, self._table, self._replicas, state.numpy(), inward)


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
