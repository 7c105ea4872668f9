"""Compiled passes between OpenMM's coordinates and the kernels' arrays, for the CPU.

A field of OpenMM's coordinates is a matrix (rows, 3 columns), with x, y and z of a particle side by
side; the kernels want it transposed, the three replicas apart (see `layout`). Chunks of rows that
fit the first cache are folded and cast in one contiguous pass, and transposed in registers, eight
by eight. Tiles at the edges overlap their neighbours: writing a value twice is cheaper than
treating remainders.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from openmm_thermalnet.vectors import Vectors

_TILE = 8
_CHUNK, _ROWS = 4096, 128

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")
_inline = numba.njit(inline="always", error_model="numpy")


@intrinsic
def move_tile(typing, source, origins, shift, into, targets, at):  # type: ignore[no-untyped-def]
    """Read eight values from each of ``origins + shift``, write them transposed, as at `targets`.

    A transposition swaps the bits of row and column numbers, one pair of bits at a time: three
    rounds of two-source shuffles, which LLVM maps to the machine's own.
    """
    signature = types.void(source, origins, shift, into, targets, at)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.get_data_type(signature.args[0].dtype)
        v = Vectors(context, builder, signature, arguments, number, _TILE)

        def places(starts: int, offset: int) -> list[Any]:
            return [
                builder.add(start, arguments[offset])
                for start in cgutils.unpack_tuple(builder, arguments[starts])
            ]

        rows = [v.load(v.array(0), place) for place in places(1, 2)]
        for bit in (1, 2, 4):
            for k in range(_TILE):
                if not k & bit:
                    a, b = rows[k], rows[k + bit]
                    low = [i + _TILE - bit if i & bit else i for i in range(_TILE)]
                    high = [i + _TILE if i & bit else i + bit for i in range(_TILE)]
                    rows[k], rows[k + bit] = v.shuffle(a, b, low), v.shuffle(a, b, high)
        for row, place in zip(rows, places(4, 5), strict=True):
            v.store(row, v.array(3), place)
        return context.get_dummy_value()

    return signature, generate


def chunk_size(columns: int) -> int:
    """Coordinates in the largest chunk of a field with this many columns."""
    return max(_CHUNK, _ROWS * 3 * columns)


@_inline
def _height(rows, width):  # type: ignore[no-untyped-def]
    """Rows of a chunk: what the first cache holds, but enough to read ahead in every column."""
    return min(rows, max(_ROWS, _CHUNK // width // _TILE * _TILE))


@_inline
def _steps(first, width):  # type: ignore[no-untyped-def]
    """Where eight rows of particles begin."""
    return (
        first,
        first + width,
        first + 2 * width,
        first + 3 * width,
        first + 4 * width,
        first + 5 * width,
        first + 6 * width,
        first + 7 * width,
    )


@_inline
def _place(source, rows, size):  # type: ignore[no-untyped-def]
    """Where a column of particles begins as a row of the state: axis by axis, then columns."""
    return source % 3 * size + source // 3 * rows


@_inline
def _places(left, rows, size):  # type: ignore[no-untyped-def]
    """Where eight columns begin."""
    return (
        _place(left, rows, size),
        _place(left + 1, rows, size),
        _place(left + 2, rows, size),
        _place(left + 3, rows, size),
        _place(left + 4, rows, size),
        _place(left + 5, rows, size),
        _place(left + 6, rows, size),
        _place(left + 7, rows, size),
    )


@_inline
def transpose(  # type: ignore[no-untyped-def]
    source, first, step, rows, columns, out, to, out_step
):
    """Write the transpose of a matrix that begins at ``source[first]`` to where ``out[to]`` is.

    Neighbouring rows are `step` and `out_step` elements apart.
    """
    if rows < _TILE or columns < _TILE:
        from_, into = source.reshape(-1), out.reshape(-1)
        for row in range(rows):
            for column in range(columns):
                into[to + column * out_step + row] = from_[first + row * step + column]
    else:
        for edge in range(0, columns, _TILE):
            left = min(edge, columns - _TILE)
            origins, targets = _steps(first + left, step), _steps(to + left * out_step, out_step)
            for corner in range(0, rows, _TILE):
                row = min(corner, rows - _TILE)
                move_tile(source, origins, row * step, out, targets, row)


@_jit
def _chunk_to_state(chunk, height, top, rows, columns, state):  # type: ignore[no-untyped-def]
    """Rows ``top ... top + height`` of a field (height, 3 columns), transposed, to its state."""
    width, size = 3 * columns, rows * columns
    if columns == 1:
        x, y, z = state[top:size], state[size + top : 2 * size], state[2 * size + top : 3 * size]
        for p in range(height):
            x[p] = chunk[3 * p]
            y[p] = chunk[3 * p + 1]
            z[p] = chunk[3 * p + 2]
    elif height < _TILE or width < _TILE:
        for row in range(height):
            for source in range(width):
                state[_place(source, rows, size) + top + row] = chunk[row * width + source]
    else:
        for corner in range(0, width, _TILE):
            left = min(corner, width - _TILE)
            origins, targets = _steps(left, width), _places(left, rows, size)
            for edge in range(0, height, _TILE):
                row = min(edge, height - _TILE)
                move_tile(chunk, origins, row * width, state, targets, top + row)


@_jit
def _chunk_from_state(state, height, top, rows, columns, chunk):  # type: ignore[no-untyped-def]
    """The inverse of `_chunk_to_state`."""
    width, size = 3 * columns, rows * columns
    if columns == 1:
        x, y, z = state[top:size], state[size + top : 2 * size], state[2 * size + top : 3 * size]
        for p in range(height):
            chunk[3 * p] = x[p]
            chunk[3 * p + 1] = y[p]
            chunk[3 * p + 2] = z[p]
    elif height < _TILE or width < _TILE:
        for row in range(height):
            for source in range(width):
                chunk[row * width + source] = state[_place(source, rows, size) + top + row]
    else:
        for corner in range(0, width, _TILE):
            left = min(corner, width - _TILE)
            origins, targets = _places(left, rows, size), _steps(left, width)
            for edge in range(0, height, _TILE):
                row = min(edge, height - _TILE)
                move_tile(state, origins, top + row, chunk, targets, row * width)


@_jit
def to_state(positions, table, walls, signs, chunk, state):  # type: ignore[no-untyped-def]
    """Fold positions (B, 3 P), cast them and bring them to the kernels' order (3 B P,).

    `signs` gets the fold's slope: the triangle wave is that of `walls`.
    """
    blocks = positions.shape[0]
    for block in range(blocks):
        for start, rows, columns in table:
            size, width = rows * columns, 3 * columns
            base = 3 * (blocks * start + block * size)
            field = state[base : base + 3 * size]
            height = _height(rows, width)
            for edge in range(0, rows, height):
                top = min(edge, rows - height)
                first = 3 * start + top * width
                raw = positions[block, first : first + height * width]
                if walls:
                    sign = signs[block, first : first + height * width]
                    for p in range(raw.size):
                        u = raw[p] * 0.25
                        u = 4.0 * (u - np.rint(u))  # in [-2, 2]
                        chunk[p] = max(min(u, 2.0 - u), -2.0 - u)
                        sign[p] = 1 if abs(u) <= 1.0 else -1
                else:
                    for p in range(raw.size):
                        chunk[p] = raw[p]
                _chunk_to_state(chunk, height, top, rows, columns, field)


@_jit
def to_forces(gradient, table, signs, scale, chunk, forces):  # type: ignore[no-untyped-def]
    """Forces (B, 3 P) on the raw coordinates of a gradient (3 B P,) by the folded ones."""
    blocks = forces.shape[0]
    for block in range(blocks):
        for start, rows, columns in table:
            size, width = rows * columns, 3 * columns
            base = 3 * (blocks * start + block * size)
            field = gradient[base : base + 3 * size]
            height = _height(rows, width)
            for edge in range(0, rows, height):
                top = min(edge, rows - height)
                first = 3 * start + top * width
                _chunk_from_state(field, height, top, rows, columns, chunk)
                force = forces[block, first : first + height * width]
                sign = signs[block, first : first + height * width]
                for p in range(force.size):
                    force[p] = -scale * sign[p] * chunk[p]
