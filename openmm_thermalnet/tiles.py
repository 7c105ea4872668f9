"""Tiles of coordinates, folded or brought back in vector registers.

A tile is some vectors of eight coordinates in the order of OpenMM, and its numbers rearranged in
vectors of sixteen as the kernels' arrays hold them. Two vectors of eight are folded in double
precision and make one of sixteen; where the fold falls it then changes sign, and these places are
the bits of a word.
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
_LOW = list(range(0, 4 * SIDE, 2))  # the low halves of two vectors of doubles

_INTEGERS = ir.VectorType(ir.IntType(32), 2 * SIDE)
_BITS = ir.VectorType(ir.IntType(1), HEIGHT)
_WORD = ir.IntType(HEIGHT)

_ROUNDER = 1.5 * 2.0**52
"""Added to a double below 2^51, it leaves the nearest integer in the last bits."""

_Arrange = Callable[[Vectors, list[Any]], list[Any]]


def _folded(doubles: Vectors, q: Any, half: Any) -> tuple[Any, Any]:
    """Fold of a vector but for its sign, and integers that are odd where the slope is -1.

    With k the integer nearest to q/2, the fold is (-1)^k (q - 2k). With 0 in place of `half` it is
    q itself.
    """
    builder, exact = doubles.builder, ("contract",)  # products with a half and two do not round
    shifted = builder.fadd(
        builder.fmul(q, half, flags=exact), doubles.constant(_ROUNDER), flags=exact
    )
    k = builder.fsub(shifted, doubles.constant(_ROUNDER))
    twice = builder.fmul(k, doubles.constant(2.0), flags=exact)
    return builder.fsub(q, twice, flags=exact), builder.bitcast(shifted, _INTEGERS)


def _negated(builder: Any, vector: Any, where: Any) -> Any:
    """Vector with another sign where bits are set."""
    return builder.select(where, builder.fneg(vector), vector)


def _pick(v: Vectors, vectors: list[Any], chosen: list[tuple[int, int]]) -> Any:
    """Vector of chosen lanes of three vectors of sixteen: (which vector, which lane)."""
    two = [lane + HEIGHT * which if which < 2 else 0 for which, lane in chosen]
    three = [i if which < 2 else HEIGHT + lane for i, (which, lane) in enumerate(chosen)]
    return v.shuffle(v.shuffle(vectors[0], vectors[1], two), vectors[2], three)


def _triples_to_axes(v: Vectors, triples: list[Any]) -> list[Any]:
    """Three vectors x y z x y z ... become x, y and z of sixteen particles."""
    return [
        _pick(v, triples, [divmod(3 * particle + axis, HEIGHT) for particle in range(HEIGHT)])
        for axis in range(3)
    ]


def _axes_to_triples(v: Vectors, axes: list[Any]) -> list[Any]:
    """The inverse."""
    return [
        _pick(v, axes, [(place % 3, place // 3) for place in range(first, first + HEIGHT)])
        for first in range(0, 3 * HEIGHT, HEIGHT)
    ]


def _fold_tile(pairs: list[tuple[int, int]], arrange: _Arrange) -> Any:
    """Intrinsic that folds pairs of vectors of coordinates and writes them rearranged."""

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
            rows = doubles.rows(v.array(0), first, step, 2 * len(pairs))
            for i, pair in enumerate(pairs):
                (a, odd_a), (b, odd_b) = (
                    _folded(doubles, doubles.load(rows[k], v.index(0)), factor) for k in pair
                )
                last_bits = builder.trunc(v.shuffle(odd_a, odd_b, _LOW), _BITS)
                both = v.shuffle(doubles.cast(a, number), doubles.cast(b, number), _PAIR)
                vectors.append(_negated(builder, both, last_bits))
                word = builder.bitcast(last_bits, _WORD)
                builder.store(word, _place(builder, slopes, entry, i), align=1)
            starts = cgutils.unpack_tuple(builder, targets)
            for vector, start in zip(arrange(v, vectors), starts, strict=True):
                v.store(vector, v.array(6), builder.add(start, at))
            return context.get_dummy_value()

        return signature, generate

    return tile


def _force_tile(pairs: list[tuple[int, int]], arrange: _Arrange) -> Any:
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
            factor, slopes = doubles.spread(scale), v.array(4)
            starts = cgutils.unpack_tuple(builder, origins)
            vectors = [v.load(v.array(0), builder.add(start, at)) for start in starts]
            rows = doubles.rows(v.array(6), first, step, 2 * len(pairs))
            for i, (pair, vector) in enumerate(zip(pairs, arrange(v, vectors), strict=True)):
                word = builder.load(_place(builder, slopes, entry, i), align=1)
                both = _negated(builder, vector, builder.bitcast(word, _BITS))
                for k, half in zip(pair, _HALVES, strict=True):
                    force = eight.cast(v.shuffle(both, both, half), ir.DoubleType())
                    doubles.store(builder.fmul(force, factor), rows[k], v.index(0))
            return context.get_dummy_value()

        return signature, generate

    return tile


def _place(builder: Any, slopes: Any, entry: Any, pair: int) -> Any:
    """Pointer to the slopes of a pair of vectors, a bit of a coordinate."""
    at = builder.add(entry, ir.Constant(entry.type, pair * HEIGHT // 8))
    return builder.bitcast(builder.gep(slopes, [at]), _WORD.as_pointer())


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


_ROWS = [(k, k + SIDE) for k in range(SIDE)]
_TRIPLES = [(0, 1), (2, 3), (4, 5)]

fold_rows, force_rows = _fold_tile(_ROWS, transposed), _force_tile(_ROWS, transposed)
"""A matrix of 16 rows of 8 coordinates, transposed."""

fold_triples = _fold_tile(_TRIPLES, _triples_to_axes)
force_triples = _force_tile(_TRIPLES, _axes_to_triples)
"""The x, y and z of 16 particles, taken apart."""
