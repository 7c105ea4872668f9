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
def _to_state(particles, table, replicas, state):  # type: ignore[no-untyped-def]
    """Transpose particles (B, 3 P) to the kernels' order (R P,).

    A tile of 16 rows fills the cache lines it writes; its fixed length lets the compiler unroll.
    """
    for block in range(particles.shape[0]):
        for field in range(table.shape[0]):
            start, rows, columns = table[field]
            size, width = rows * columns, 3 * columns
            base = replicas * start + 3 * block * size
            for top in range(0, rows, 16):
                height = min(16, rows - top)
                first = 3 * start + top * width
                tile = particles[block, first : first + height * width].reshape(height, width)
                for column in range(columns):
                    for axis in range(3):
                        at = base + axis * size + column * rows + top
                        into = state[at : at + height]
                        source = 3 * column + axis
                        if height == 16:
                            for row in range(16):
                                into[row] = tile[row, source]
                        else:
                            for row in range(height):
                                into[row] = tile[row, source]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _to_forces(gradient, signs, table, replicas, scale, forces):  # type: ignore[no-untyped-def]
    """Forces (B, 3 P) on the raw coordinates of a gradient (R P,) by the folded ones."""
    for block in range(forces.shape[0]):
        force, sign = forces[block], signs[block]
        for field in range(table.shape[0]):
            start, rows, columns = table[field]
            size = rows * columns
            base = replicas * start + 3 * block * size
            x = gradient[base : base + size]
            y = gradient[base + size : base + 2 * size]
            z = gradient[base + 2 * size : base + 3 * size]
            for row in range(rows):
                for column in range(columns):
                    p = 3 * (start + row * columns + column)
                    source = column * rows + row
                    force[p] = -scale * sign[p] * x[source]
                    force[p + 1] = -scale * sign[p + 1] * y[source]
                    force[p + 2] = -scale * sign[p + 2] * z[source]


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
        shape = (layout.blocks, 3 * layout.particles)
        self._state = torch.empty(count, dtype=dtype)
        self._particles = torch.empty(shape, dtype=dtype).numpy()
        self._signs = np.ones(shape, dtype=np.int8)
        self._forces = np.empty(shape)

    def state(self, positions: NDArray[np.float64]) -> Tensor:
        """Kernel state (R P,) of positions (B P, 3) in nm; overwritten by the next call."""
        if self._walls:
            _fold(positions.reshape(-1), self._particles.reshape(-1), self._signs.reshape(-1))
        else:
            np.copyto(self._particles, positions.reshape(self._particles.shape), "same_kind")
        _to_state(self._particles, self._table, self._replicas, self._state.numpy())
        return self._state

    def forces(self, gradient: Tensor, coupling: float = 1.0) -> NDArray[np.float64]:
        """Forces (B P, 3) at the last positions, of ``coupling`` times the energy."""
        _to_forces(
            gradient.numpy(), self._signs, self._table, self._replicas, coupling, self._forces
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
