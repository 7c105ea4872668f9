"""Matrix products of a block of patterns, on one core of a CPU in single precision.

A layer of tens of neurons makes products too small for a library. Here a block of patterns is an
array (neurons, BLOCK) that stays in the cache, and tiles of the result are summed in registers.
Tiles at the edge of a product overlap their neighbours: writing a value twice is cheaper than
treating remainders.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

from openmm_thermalnet.vectors import FAST, LANES, WIDE, Vectors

BLOCK = 256
"""Patterns that go through a network together; the last ones are filled up with zeros."""

MOST_THREADS = 2
"""Passes made of these products run on one core; with more threads than this, torch is faster."""

# A tile takes most of the registers: 5 x 4 or 5 x 2 vectors of a product, 5 x 5 or 3 x 3 of slopes.
_HEIGHT, _VECTORS = 5, 4 if WIDE else 2
_STRIP = _VECTORS * LANES
_SIDE = 5 if WIDE else 3

jit = numba.njit(cache=True, nogil=True, fastmath=set(FAST), error_model="numpy")
_inline = numba.njit(inline="always", error_model="numpy")


def _product_tile(height: int) -> Any:
    """Intrinsic that writes so many rows of a product, in one strip of patterns."""

    @intrinsic
    def tile(  # type: ignore[no-untyped-def]
        typing, weights, first, row_step, column_step, columns, values, at, out, to
    ):
        signature = types.void(weights, first, row_step, column_step, columns, values, at, out, to)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = Vectors(context, builder, signature, arguments)
            weights, values, out = v.array(0), v.array(5), v.array(7)
            _, first, row_step, column_step, columns, _, at, _, to = arguments
            sums = v.sums(height, _VECTORS)
            with v.loop(columns) as (column, _):
                row = builder.add(at, builder.mul(column, v.index(BLOCK)))
                below = [
                    v.load(values, builder.add(row, v.index(k * LANES))) for k in range(_VECTORS)
                ]
                corner = builder.add(first, builder.mul(column, column_step))
                for i in range(height):
                    place = builder.add(corner, builder.mul(row_step, v.index(i)))
                    weight = v.spread(v.number(weights, place))
                    for k in range(_VECTORS):
                        v.add_product(sums[i][k], weight, below[k])
            for i in range(height):
                for k in range(_VECTORS):
                    place = builder.add(to, v.index(i * BLOCK + k * LANES))
                    v.store(builder.load(sums[i][k]), out, place)
            return context.get_dummy_value()

        return signature, generate

    return tile


def _slopes_tile(height: int, width: int) -> Any:
    """Intrinsic that adds a tile of slopes, summed over the patterns of a block."""

    @intrinsic
    def tile(typing, above, top, below, left, slopes, to, step):  # type: ignore[no-untyped-def]
        signature = types.void(above, top, below, left, slopes, to, step)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v = Vectors(context, builder, signature, arguments)
            above, below, slopes = v.array(0), v.array(2), v.array(4)
            _, top, _, left, _, to, step = arguments
            sums = v.sums(height, width)
            with v.loop(v.index(BLOCK), LANES) as (pattern, _):
                start = builder.add(left, pattern)
                values = [
                    v.load(below, builder.add(start, v.index(j * BLOCK))) for j in range(width)
                ]
                start = builder.add(top, pattern)
                for i in range(height):
                    derivative = v.load(above, builder.add(start, v.index(i * BLOCK)))
                    for j in range(width):
                        v.add_product(sums[i][j], derivative, values[j])
            for i in range(height):
                row = builder.add(to, builder.mul(step, v.index(i)))
                for j in range(width):
                    place = builder.gep(slopes, [builder.add(row, v.index(j))])
                    total = builder.fadd(builder.load(place), v.total(sums[i][j]))
                    builder.store(total, place)
            return context.get_dummy_value()

        return signature, generate

    return tile


_rows, _row = _product_tile(_HEIGHT), _product_tile(1)
_square, _column = _slopes_tile(_SIDE, _SIDE), _slopes_tile(_SIDE, 1)
_line, _one = _slopes_tile(1, _SIDE), _slopes_tile(1, 1)


@_inline
def _product(  # type: ignore[no-untyped-def]
    weights, first, row_step, column_step, rows, columns, values, out
):
    """out_i = sum_j w_ij values_j, with w_ij at ``first + i row_step + j column_step``."""
    if rows < _HEIGHT:
        for i in range(rows):
            corner = first + i * row_step
            for at in range(0, BLOCK, _STRIP):
                to = i * BLOCK + at
                _row(weights, corner, row_step, column_step, columns, values, at, out, to)
    else:
        for edge in range(0, rows, _HEIGHT):
            i = min(edge, rows - _HEIGHT)
            corner = first + i * row_step
            for at in range(0, BLOCK, _STRIP):
                to = i * BLOCK + at
                _rows(weights, corner, row_step, column_step, columns, values, at, out, to)


@jit
def fields(weights, first, rows, columns, below, out):  # type: ignore[no-untyped-def]
    """Write W h, the fields of a layer.

    Parameters
    ----------
    weights : ndarray of float32, any shape
        W (rows, columns) begins at its element `first`.
    below, out : ndarray of float32, shapes (columns, BLOCK) and (rows, BLOCK), or longer
        Values h of the layer below; the fields.
    """
    _product(weights, first, columns, 1, rows, columns, below, out)


@jit
def passed(weights, first, rows, columns, above, out):  # type: ignore[no-untyped-def]
    """Write W^T d, what the derivatives d (rows, BLOCK) by the fields pass to the layer below."""
    _product(weights, first, 1, columns, columns, rows, above, out)


@jit
def add_slopes(above, below, rows, columns, slopes, first):  # type: ignore[no-untyped-def]
    """Add d h^T, the derivative by the weights, to the matrix that begins at ``slopes[first]``."""
    even_rows, even_columns = rows - rows % _SIDE, columns - columns % _SIDE
    for i in range(0, even_rows, _SIDE):
        to = first + i * columns
        for j in range(0, even_columns, _SIDE):
            _square(above, i * BLOCK, below, j * BLOCK, slopes, to + j, columns)
        for j in range(even_columns, columns):
            _column(above, i * BLOCK, below, j * BLOCK, slopes, to + j, columns)
    for i in range(even_rows, rows):
        to = first + i * columns
        for j in range(0, even_columns, _SIDE):
            _line(above, i * BLOCK, below, j * BLOCK, slopes, to + j, columns)
        for j in range(even_columns, columns):
            _one(above, i * BLOCK, below, j * BLOCK, slopes, to + j, columns)


@jit
def take(source, start, count, out):  # type: ignore[no-untyped-def]
    """Copy patterns ``start ... start + count`` of every row into a block."""
    for i in range(source.shape[0]):
        # Slices, and then indices from 0: only those are known not to count from the end.
        row, block, rest = source[i, start : start + count], out[i, :count], out[i, count:]
        for mu in range(row.size):
            block[mu] = row[mu]
        for mu in range(rest.size):
            rest[mu] = np.float32(0.0)


@jit
def put(block, start, count, out):  # type: ignore[no-untyped-def]
    """Copy a block to patterns ``start ... start + count`` of every row: the inverse of `take`."""
    for i in range(out.shape[0]):
        row, values = out[i, start : start + count], block[i]
        for mu in range(row.size):
            row[mu] = values[mu]
