"""What a pattern array must be; anything else is refused in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from openmm_thermalnet.arrays import plain_numbers
from openmm_thermalnet.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def matrix(
    name: str, value: ArrayLike, columns: str, *, bounded: bool = True
) -> NDArray[np.float64]:
    """Copy `value` into a read-only 2-D float64 array of finite entries, in [-1, 1] if `bounded`.

    Parameters
    ----------
    name : str
        What the user calls the array.
    value : array_like
        Real numbers, 2-D.
    columns : str
        The shape to name in the error, such as ``"(patterns, inputs)"``.
    bounded : bool
        Refuse entries outside [-1, 1]; else only those that are not finite.
    """
    wanted = "in [-1, 1]" if bounded else "finite"
    numbers = plain_numbers(name, value)
    try:
        given = np.asarray(numbers)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not an array of numbers; give shape {columns}") from error
    if given.dtype.kind not in "iuf":
        raise InputError(f"{name} has type {given.dtype}; give real numbers, {wanted}")
    if given.ndim != 2:
        raise InputError(f"{name} has shape {given.shape}; give two dimensions, {columns}")
    if given.shape[1] == 0:
        raise InputError(f"{name} has shape {given.shape}, no columns; give {columns}")
    array = np.array(given, dtype=np.float64, order="C")
    _refuse_first(name, array, ~np.isfinite(array), f"not {wanted}; remove or replace it")
    if bounded:
        loud = np.abs(array) > 1
        _refuse_first(name, array, loud, "not in [-1, 1]; scale the values to [-1, 1]")
    array += 0.0  # -0.0 becomes 0.0: equal arrays have equal bytes
    array.flags.writeable = False
    return array


def _refuse_first(
    name: str, array: NDArray[np.float64], bad: NDArray[np.bool_], fault: str
) -> None:
    """Raise for the first entry of `array` marked in `bad`, if there is one."""
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(f"{name}[{row}, {column}] is {float(array[row, column])!r}, {fault}")
