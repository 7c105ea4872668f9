"""Tiles of coordinates, folded or brought back in vector registers.

A tile is some vectors of eight coordinates in the order of OpenMM, and its numbers rearranged in
vectors of sixteen as the kernels' arrays hold them. The slope of the fold, -1 or 1, is one bit of a
coordinate and a byte of a vector of eight.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from openmm_thermalnet.transposition import SIDE, transposed
from openmm_thermalnet.vectors import Vectors

HEIGHT = 16
"""Numbers in a vector of the kernels' arrays."""

_PAIR = list(range(2 * SIDE))
_HALVES = _PAIR[:SIDE], _PAIR[SIDE:]

_ROUNDER = 1.5 * 2.0**52
"""Added to a double below 2^51, it leaves the nearest integer in the last bits."""

_Arrange = Callable[[Vectors, list[Any]], list[Any]]


def _folded(doubles: Vectors, q: Any, half: Any) -> tuple[Any, Any]:
    """Fold of a vector, and where its slope is -1.

    With k the integer nearest to q/2, the fold is (-1)^k (q - 2k). With 0 in place of `half` it is
    q itself.
    """
    builder, integer = doubles.builder, ir.IntType(64)
    exact = ("contract",)  # products with a half and two do not round
    shifted = builder.fadd(
        builder.fmul(q, half, flags=exact), doubles.constant(_ROUNDER), flags=exact
    )
    k = builder.fsub(shifted, doubles.constant(_ROUNDER))
    twice = builder.fmul(k, doubles.constant(2.0), flags=exact)
    distance = builder.fsub(q, twice, flags=exact)
    bits = ir.VectorType(integer, SIDE)
    sign = builder.shl(builder.bitcast(shifted, bits), doubles.constant(63, integer))
    fold = builder.bitcast(builder.xor(builder.bitcast(distance, bits), sign), q.type)
    return fold, builder.icmp_signed("<", sign, doubles.constant(0, integer))


def _rows_to_columns(v: Vectors, rows: list[Any]) -> list[Any]:
    """Sixteen rows of eight become eight columns of sixteen."""
    return transposed(v, [v.shuffle(rows[k], rows[k + SIDE], _PAIR) for k in range(SIDE)])


def _columns_to_rows(v: Vectors, columns: list[Any]) -> list[Any]:
    """The inverse."""
    pairs = transposed(v, columns)
    return [v.shuffle(pair, pair, half) for half in _HALVES for pair in pairs]


def _pick(v: Vectors, vectors: list[Any], chosen: list[tuple[int, int]]) -> Any:
    """Vector of chosen lanes of three vectors of sixteen: (which vector, which lane)."""
    two = [lane + HEIGHT * which if which < 2 else 0 for which, lane in chosen]
    three = [i if which < 2 else HEIGHT + lane for i, (which, lane) in enumerate(chosen)]
    return v.shuffle(v.shuffle(vectors[0], vectors[1], two), vectors[2], three)


def _triples_to_axes(v: Vectors, triples: list[Any]) -> list[Any]:
    """Six vectors of eight, x y z x y z ..., become x, y and z of sixteen particles."""
    pairs = [v.shuffle(a, b, _PAIR) for a, b in zip(triples[::2], triples[1::2], strict=True)]
    return [
        _pick(v, pairs, [divmod(3 * particle + axis, HEIGHT) for particle in range(HEIGHT)])
        for axis in range(3)
    ]


def _axes_to_triples(v: Vectors, axes: list[Any]) -> list[Any]:
    """The inverse."""
    pairs = [
        _pick(v, axes, [(place % 3, place // 3) for place in range(first, first + HEIGHT)])
        for first in range(0, 3 * HEIGHT, HEIGHT)
    ]
    return [v.shuffle(pair, pair, half) for pair in pairs for half in _HALVES]


def _fold_tile(count: int, arrange: _Arrange) -> Any:
    """Intrinsic that folds so many vectors of coordinates and writes them rearranged."""

    @intrinsic
    def tile(  # type: ignore[no-untyped-def]
        typing, positions, first, step, half, slopes, entry, state, targets, at
    ):
        """Vectors of eight begin at ``first + i step``; their new ones at ``targets + at``."""
        signature = types.void(positions, first, step, half, slopes, entry, state, targets, at)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            number = context.get_data_type(signature.args[6].dtype)
            doubles = Vectors(context, builder, signature, arguments, ir.DoubleType(), SIDE)
            v = Vectors(context, builder, signature, arguments, number, HEIGHT)
            _, first, step, half, _, entry, _, targets, at = arguments
            factor, slopes, vectors = doubles.spread(half), v.array(4), []
            for i, row in enumerate(doubles.rows(v.array(0), first, step, count)):
                fold, falls = _folded(doubles, doubles.load(row, v.index(0)), factor)
                vectors.append(doubles.cast(fold, number))
                byte = builder.gep(slopes, [builder.add(entry, v.index(i))])
                builder.store(builder.bitcast(falls, ir.IntType(8)), byte)
            starts = cgutils.unpack_tuple(builder, targets)
            for vector, start in zip(arrange(v, vectors), starts, strict=True):
                v.store(vector, v.array(6), builder.add(start, at))
            return context.get_dummy_value()

        return signature, generate

    return tile


def _force_tile(arrange: _Arrange) -> Any:
    """Intrinsic that writes forces from a gradient: the inverse of `_fold_tile`."""

    @intrinsic
    def tile(  # type: ignore[no-untyped-def]
        typing, gradient, origins, at, scale, slopes, entry, forces, first, step
    ):
        signature = types.void(gradient, origins, at, scale, slopes, entry, forces, first, step)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            number = context.get_data_type(signature.args[0].dtype)
            v = Vectors(context, builder, signature, arguments, number, HEIGHT)
            eight = Vectors(context, builder, signature, arguments, number, SIDE)
            doubles = Vectors(context, builder, signature, arguments, ir.DoubleType(), SIDE)
            _, origins, at, scale, _, entry, _, first, step = arguments
            rises, slopes = doubles.spread(scale), v.array(4)
            falls, mask = builder.fneg(rises), ir.VectorType(ir.IntType(1), SIDE)
            starts = cgutils.unpack_tuple(builder, origins)
            vectors = [v.load(v.array(0), builder.add(start, at)) for start in starts]
            columns = arrange(v, vectors)
            rows = doubles.rows(v.array(6), first, step, len(columns))
            for i, (vector, row) in enumerate(zip(columns, rows, strict=True)):
                byte = builder.load(builder.gep(slopes, [builder.add(entry, v.index(i))]))
                factor = builder.select(builder.bitcast(byte, mask), falls, rises)
                force = builder.fmul(eight.cast(vector, ir.DoubleType()), factor)
                doubles.store(force, row, v.index(0))
            return context.get_dummy_value()

        return signature, generate

    return tile


@intrinsic
def fetch(typing, array, at):  # type: ignore[no-untyped-def]
    """Ask for the kilobyte of doubles from element `at` on, before it is read."""
    signature = types.void(array, at)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v = Vectors(context, builder, signature, arguments, ir.DoubleType(), SIDE)
        for line in range(2 * SIDE):
            v.fetch(v.array(0), builder.add(arguments[1], v.index(line * SIDE)))
        return context.get_dummy_value()

    return signature, generate


fold_rows = _fold_tile(HEIGHT, _rows_to_columns)
"""A matrix of 16 rows of 8 coordinates, transposed."""

fold_triples = _fold_tile(6, _triples_to_axes)
"""The x, y and z of 16 particles, taken apart."""

force_rows, force_triples = _force_tile(_columns_to_rows), _force_tile(_axes_to_triples)
