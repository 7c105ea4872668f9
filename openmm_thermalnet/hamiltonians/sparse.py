"""Products with input patterns most of whose pixels have one value, as those of digits have.

Only the other pixels are visited: J S_0 = b sum_j J_j + sum_j J_j (S_0j - b), with the background
b. A pattern's pixels pick rows of the transposed weights, whose replicas and neurons lie side by
side, and a pixel's patterns pick rows of the transposed derivatives. For the CPU, in single
precision, on one core.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor

from openmm_thermalnet.hamiltonians.blocks import BLOCK, jit
from openmm_thermalnet.transposition import transpose
from openmm_thermalnet.vectors import LANES, WIDE, Vectors, aligned

DENSEST = 0.4
"""Fraction of pixels other than the background above which a packed product is faster."""

_PANEL = 32  # rows of weights that are summed together
_VECTORS = _PANEL // LANES
_SUMS = 4 if WIDE else 2  # chains of sums at a time; all lists are filled up to `_FILL`
_FILL = 4
_GROUP = 256  # pixels whose weights the first cache holds


@intrinsic
def _gather(  # type: ignore[no-untyped-def]
    typing, values, places, start, stop, table, top, out, to
):
    """Add ``values[k] table[top + places[k]]``, k in start ... stop, to row `to` of `out`."""
    signature = types.void(values, places, start, stop, table, top, out, to)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments)
        values, places, table, out = v.array(0), v.array(1), v.array(4), v.array(6)
        _, _, start, stop, _, top, _, to = arguments
        first = builder.mul(top, v.index(_PANEL))
        sums = v.sums(_SUMS, _VECTORS)
        with v.loop(stop, _SUMS, start) as (k, _):
            for chain in range(_SUMS):
                entry = builder.add(k, v.index(chain))
                place = builder.zext(v.number(places, entry), v.index(0).type)
                row = builder.add(first, builder.mul(place, v.index(_PANEL)))
                value = v.spread(v.number(values, entry))
                for i in range(_VECTORS):
                    picked = v.load(table, builder.add(row, v.index(i * LANES)))
                    v.add_product(sums[chain][i], value, picked)
        for i in range(_VECTORS):
            place = builder.add(builder.mul(to, v.index(_PANEL)), v.index(i * LANES))
            total = v.load(out, place)
            for chain in range(_SUMS):
                total = builder.fadd(total, builder.load(sums[chain][i]))
            v.store(total, out, place)
        return context.get_dummy_value()

    return signature, generate


@jit
def list_fields(  # type: ignore[no-untyped-def]
    by_pattern, background, weights, table, lines, out
):
    """Write fields (n, M) of weights (n, N_0); the other arguments are those of `PixelLists`."""
    starts, values, places = by_pattern
    rows, width = weights.shape
    patterns = out.shape[1]
    offset = np.empty(_PANEL, dtype=np.float32)
    for top in range(0, rows, _PANEL):
        height = min(_PANEL, rows - top)
        transpose(weights, top * width, width, height, width, table, 0, _PANEL)
        offset[:] = np.float32(0.0)
        for i in range(height):
            offset[i] = background * weights[top + i].sum()
        entry = 0
        for first in range(0, patterns, BLOCK):
            count = min(BLOCK, patterns - first)
            for p in range(count):
                lines[p] = offset
            for left in range(0, width, _GROUP):
                for p in range(count):
                    start, stop = starts[entry + p], starts[entry + p + 1]
                    _gather(values, places, start, stop, table, left, lines, p)
                entry += BLOCK
            transpose(lines, 0, _PANEL, count, height, out, top * patterns + first, patterns)


@jit
def list_slopes(  # type: ignore[no-untyped-def]
    by_pixel, background, fields, table, lines, out
):
    """Write the derivative (n, N_0) by the weights, of that by the fields (n, M)."""
    starts, values, places = by_pixel
    rows, width = out.shape
    patterns = fields.shape[1]
    for top in range(0, rows, _PANEL):
        height = min(_PANEL, rows - top)
        table[:] = np.float32(0.0)
        for first in range(0, patterns, BLOCK):
            count = min(BLOCK, patterns - first)
            transpose(fields, top * patterns + first, patterns, height, count, lines, 0, _PANEL)
            entry = first // BLOCK * width
            for pixel in range(width):
                start, stop = starts[entry + pixel], starts[entry + pixel + 1]
                _gather(values, places, start, stop, lines, 0, table, pixel)
        transpose(table, 0, _PANEL, width, height, out, top * width, width)
        for i in range(top, top + height):
            out[i] += background * fields[i].sum()


_Lists = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[Any]]


class PixelLists(NamedTuple):
    """What compiled functions need of `SparsePatterns`."""

    by_pattern: _Lists
    by_pixel: _Lists
    background: np.float32
    table: NDArray[np.float32]  # scratch (N_0, 32)
    lines: NDArray[np.float32]  # scratch (BLOCK, 32)


class SparsePatterns:
    """Input patterns times the gain, as lists of the pixels that differ from the background.

    Parameters
    ----------
    inputs : Tensor, shape (N_0, M), float32 on the CPU
        S_0, a pattern in each column.
    gain : float
        Factor of both products.
    """

    def __init__(self, inputs: Tensor, gain: float) -> None:
        pixels: NDArray[np.float32] = inputs.numpy()
        width, patterns = pixels.shape
        common = _background(pixels)
        difference = np.float32(gain) * (pixels - common)
        groups, blocks = -(-width // _GROUP), -(-patterns // BLOCK)
        padded = np.zeros((groups, _GROUP, blocks, BLOCK), dtype=np.float32)
        padded.reshape(groups * _GROUP, -1)[:width, :patterns] = difference
        by_block = padded.reshape(-1, blocks, BLOCK)[:width].swapaxes(0, 1)
        self.lists = PixelLists(
            _lists(padded.transpose(2, 0, 3, 1).reshape(-1, _GROUP)),
            _lists(by_block.reshape(-1, BLOCK)),
            np.float32(gain) * common,
            aligned((width, _PANEL)),
            aligned((BLOCK, _PANEL)),
        )
        # Not all of it is always written.
        self.lists.table[:], self.lists.lines[:] = 0.0, 0.0

    def fields(self, weights: Tensor, out: Tensor) -> None:
        """Write the local fields (R N, M) of weights (R N, N_0)."""
        by_pattern, _, background, table, lines = self.lists
        list_fields(by_pattern, background, weights.numpy(), table, lines, out.numpy())

    def gradient(self, fields: Tensor, out: Tensor) -> None:
        """Write the derivative by the weights (R N, N_0), given that by the fields (R N, M)."""
        _, by_pixel, background, table, lines = self.lists
        list_slopes(by_pixel, background, fields.numpy(), table, lines, out.numpy())


def is_sparse(inputs: Tensor) -> bool:
    """Whether few enough pixels differ from the background."""
    pixels: NDArray[np.float32] = inputs.numpy()
    return bool(np.mean(pixels != _background(pixels)) <= DENSEST)


def _background(pixels: NDArray[np.float32]) -> np.float32:
    """The value of most pixels, if there is one: then it is the median."""
    return np.float32(np.partition(pixels, pixels.size // 2, axis=None)[pixels.size // 2])


def _lists(matrix: NDArray[np.float32]) -> _Lists:
    """Where the list of every row begins, values other than 0, and their columns."""
    rows, columns = np.nonzero(matrix)
    counts = np.bincount(rows, minlength=matrix.shape[0])
    filled = -(-counts // _FILL) * _FILL
    starts = np.concatenate(([0], np.cumsum(filled)))
    first = np.concatenate(([0], np.cumsum(counts)[:-1]))
    places = starts[rows] + np.arange(rows.size) - first[rows]
    values = np.zeros(starts[-1], dtype=np.float32)
    index = np.zeros(starts[-1], dtype=np.min_scalar_type(max(matrix.shape[1] - 1, 1)))
    values[places] = matrix[rows, columns]
    index[places] = columns
    return starts, values, index
