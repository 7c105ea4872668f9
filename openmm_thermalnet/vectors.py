"""Vector instructions inside numba functions.

LLVM vectorizes simple loops by itself, but keeps no block of sums in registers. The few kernels
where that decides are numba intrinsics, written in LLVM's own terms with what is here. To read a
vector that crosses from one cache line to the next takes twice the time; hence `aligned`.
"""

from __future__ import annotations

import math
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba.core import cgutils, config
from numpy.typing import DTypeLike, NDArray


def _features() -> list[str]:
    """What numba compiles for: this CPU, or what NUMBA_CPU_FEATURES says."""
    asked = config.CPU_FEATURES
    text = llvm.get_host_cpu_features().flatten() if asked is None else asked
    return [feature.strip() for feature in text.split(",")]


WIDE = "+avx512f" in _features()
"""Whether there are 32 registers of 512 bits, not 16 of 256."""

LANES = 16 if WIDE else 8
"""Single-precision numbers in a register."""

FAST = ("reassoc", "contract", "nsz", "arcp")
"""Liberties of sums and products: any order, fused. NaN and infinity stay what they are."""

_LINE = 64  # bytes of a cache line


def aligned(shape: int | tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Uninitialized array that begins where a cache line does, as whole vectors want it."""
    kind = np.dtype(dtype)
    size = math.prod(shape) if isinstance(shape, tuple) else shape
    raw = np.empty(size + _LINE // kind.itemsize, dtype=kind)
    first = -raw.ctypes.data % _LINE // kind.itemsize
    return raw[first : first + size].reshape(shape)


class Vectors:
    """Writes the instructions of an intrinsic that works on vectors of numbers.

    Parameters
    ----------
    context, builder, signature, arguments
        What numba hands to the intrinsic.
    number : llvmlite.ir.Type, optional
        Type of a number: single precision by default.
    lanes : int
        Numbers in a vector.
    """

    def __init__(
        self,
        context: Any,
        builder: Any,
        signature: Any,
        arguments: Any,
        number: Any = None,
        lanes: int = LANES,
    ) -> None:
        self._context, self.builder = context, builder
        self._signature, self._arguments = signature, arguments
        self._number, self._lanes = number or ir.FloatType(), lanes
        self._vector = ir.VectorType(self._number, lanes)
        self._align = context.get_abi_sizeof(self._number)

    def array(self, argument: int) -> Any:
        """Pointer to the first element of an array that is the intrinsic's argument."""
        kind = self._context.make_array(self._signature.args[argument])
        return kind(self._context, self.builder, self._arguments[argument]).data

    def index(self, value: int) -> Any:
        """A constant index."""
        return ir.Constant(ir.IntType(64), value)

    def number(self, array: Any, at: Any) -> Any:
        """One element of an array."""
        return self.builder.load(self.builder.gep(array, [at]))

    def load(self, array: Any, at: Any) -> Any:
        """A vector of an array's elements, from index `at` on."""
        return self.builder.load(self._place(array, at), align=self._align)

    def store(self, vector: Any, array: Any, at: Any) -> None:
        """Write a vector to an array, from index `at` on."""
        self.builder.store(vector, self._place(array, at), align=self._align)

    def rows(self, array: Any, first: Any, step: Any, count: int) -> list[Any]:
        """Pointers to `first`, ``first + step`` and so on.

        LLVM would keep as many bases as there are rows, more than there are registers. Every
        fourth pointer passes through an empty piece of assembly, so that LLVM has to take it as it
        is and reaches the next three by multiples of the step.
        """
        builder, pointers = self.builder, []
        for row in range(count):
            if row % 4 == 0:
                base = builder.gep(array, [builder.add(first, builder.mul(step, self.index(row)))])
                kind = ir.FunctionType(base.type, [base.type])
                base = builder.asm(kind, "", "=r,0", [base], False)
            pointers.append(builder.gep(base, [builder.mul(step, self.index(row % 4))]))
        return pointers

    def fetch(self, array: Any, at: Any) -> None:
        """Bring the cache line of an element near; it may lie beyond the array."""
        place, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place, flag, flag, flag])
        fetch = self.builder.module.declare_intrinsic("llvm.prefetch", (place,), kind)
        where = self.builder.bitcast(self.builder.gep(array, [at]), place)
        read, near, data = ir.Constant(flag, 0), ir.Constant(flag, 3), ir.Constant(flag, 1)
        self.builder.call(fetch, [where, read, near, data])

    def shuffle(self, a: Any, b: Any, lanes: list[int]) -> Any:
        """Vector of the numbered lanes of two, as many as asked for."""
        chosen = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
        return self.builder.shuffle_vector(a, b, chosen)

    def constant(self, value: Any, number: Any = None) -> Any:
        """Vector of one value in every lane, of another type of number if asked for."""
        kind = ir.VectorType(number or self._number, self._lanes)
        return ir.Constant(kind, [value] * self._lanes)

    def cast(self, vector: Any, number: Any) -> Any:
        """Vector rounded or widened to another type of floating-point number."""
        kind = ir.VectorType(number, self._lanes)
        if number == self._number:
            return vector
        widens = isinstance(number, ir.DoubleType)
        return (self.builder.fpext if widens else self.builder.fptrunc)(vector, kind)

    def spread(self, number: Any) -> Any:
        """Vector of one number in every lane."""
        nothing = ir.Constant(self._vector, ir.Undefined)
        first = self.builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
        return self.shuffle(first, nothing, [0] * self._lanes)

    def sums(self, *shape: int) -> Any:
        """Nested lists of vectors that begin at 0; LLVM keeps them in registers."""
        if shape:
            return [self.sums(*shape[1:]) for _ in range(shape[0])]
        zero = ir.Constant(self._vector, None)
        place = cgutils.alloca_once(self.builder, self._vector)
        self.builder.store(zero, place)
        return place

    def add_product(self, place: Any, a: Any, b: Any) -> None:
        """Add a b to a sum."""
        product = self.builder.fmul(a, b, flags=FAST)
        self.builder.store(self.builder.fadd(self.builder.load(place), product, flags=FAST), place)

    def total(self, place: Any) -> Any:
        """All lanes of a sum added up."""
        kind = ir.FunctionType(self._number, [self._number, self._vector])
        name = f"llvm.vector.reduce.fadd.v{self._lanes}f{8 * self._align}"
        reduce = cgutils.get_or_insert_function(self.builder.module, kind, name)
        zero = ir.Constant(self._number, -0.0)
        return self.builder.call(reduce, [zero, self.builder.load(place)], fastmath=FAST)

    def loop(self, stop: Any, step: int = 1, start: Any = None) -> Any:
        """Context manager of a loop; its value is a pair with the index first."""
        first = self.index(0) if start is None else start
        return cgutils.for_range_slice(self.builder, first, stop, self.index(step), ir.IntType(64))

    def _place(self, array: Any, at: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(array, [at]), self._vector.as_pointer())
