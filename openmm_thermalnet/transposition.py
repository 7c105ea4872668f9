"""Matrices transposed in vector registers.

Tiles at the edges overlap their neighbours: writing a value twice is cheaper than treating
remainders.
"""

from __future__ import annotations

from typing import Any

import numba
from numba.core import cgutils, types
from numba.extending import intrinsic

from openmm_thermalnet.vectors import Vectors

SIDE = 8
"""Vectors that are transposed together."""

_inline = numba.njit(inline="always", error_model="numpy")


def transposed(v: Vectors, rows: list[Any]) -> list[Any]:
    """Transpose eight vectors of eight numbers; of sixteen, both halves on their own.

    A transposition swaps the bits of row and column numbers, one pair of bits at a time: three
    rounds of two-source shuffles, which LLVM maps to the machine's own.
    """
    rows, lanes = list(rows), rows[0].type.count
    for bit in (1, 2, 4):
        low = [i + lanes - bit if i & bit else i for i in range(lanes)]
        high = [i + lanes if i & bit else i + bit for i in range(lanes)]
        for k in range(SIDE):
            if not k & bit:
                a, b = rows[k], rows[k + bit]
                rows[k], rows[k + bit] = v.shuffle(a, b, low), v.shuffle(a, b, high)
    return rows


@intrinsic
def _move_tile(typing, source, origins, shift, into, targets, at):  # type: ignore[no-untyped-def]
    """Read eight values from each of ``origins + shift``, write them transposed to `targets`."""
    signature = types.void(source, origins, shift, into, targets, at)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.get_data_type(signature.args[0].dtype)
        v = Vectors(context, builder, signature, arguments, number, SIDE)

        def places(starts: int, offset: int) -> list[Any]:
            return [
                builder.add(start, arguments[offset])
                for start in cgutils.unpack_tuple(builder, arguments[starts])
            ]

        rows = transposed(v, [v.load(v.array(0), place) for place in places(1, 2)])
        for row, place in zip(rows, places(4, 5), strict=True):
            v.store(row, v.array(3), place)
        return context.get_dummy_value()

    return signature, generate


@_inline
def _steps(first, width):  # type: ignore[no-untyped-def]
    """Where eight rows begin."""
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
def transpose(  # type: ignore[no-untyped-def]
    source, first, step, rows, columns, out, to, out_step
):
    """Write the transpose of a matrix that begins at ``source[first]`` to where ``out[to]`` is.

    Neighbouring rows are `step` and `out_step` elements apart.
    """
    if rows < SIDE or columns < SIDE:
        from_, into = source.reshape(-1), out.reshape(-1)
        for row in range(rows):
            for column in range(columns):
                into[to + column * out_step + row] = from_[first + row * step + column]
    else:
        for edge in range(0, columns, SIDE):
            left = min(edge, columns - SIDE)
            origins, targets = _steps(first + left, step), _steps(to + left * out_step, out_step)
            for corner in range(0, rows, SIDE):
                row = min(corner, rows - SIDE)
                _move_tile(source, origins, row * step, out, targets, row)
