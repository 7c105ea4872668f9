"""Numbers as a user gives them: with a unit, in a masked array, or plain.

numpy drops the unit of a Quantity and the mask of an array without a word. OpenMM is not imported
here, since the analysis does without it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.ma import isMaskedArray
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError


def plain_numbers(name: str, value: Any, unit: Any = None) -> Any:
    """Return `value` without its unit; what has none is returned as it is.

    Parameters
    ----------
    name : str
        What the user calls it.
    value : Quantity, array_like or number
        Or a list of them.
    unit : openmm.unit.Unit, optional
        Unit of the result; without it, `value` has no dimension.

    Raises
    ------
    InputError
        If `value` has another dimension, or is a masked array: what is hidden in it would be used.
    """
    if isinstance(value, list | tuple):
        return [plain_numbers(name, each, unit) for each in value]
    if hasattr(value, "value_in_unit"):
        wanted = value.unit / value.unit if unit is None else unit
        if not value.unit.is_compatible(wanted):
            remedy = "plain numbers, without a unit" if unit is None else f"it in {unit}"
            raise InputError(f"{name} is in {value.unit}; give {remedy}")
        value = value.value_in_unit(wanted)
    if isMaskedArray(value):
        raise InputError(f"{name} is a masked array; fill or drop the masked values first")
    return value


def plain_array(name: str, value: Any, dtype: Any = None, unit: Any = None) -> NDArray[Any]:
    """Return `value` as an array, as `numpy.asarray` does, but lose neither unit nor mask.

    Raises
    ------
    InputError
        As `plain_numbers`.
    """
    return np.asarray(plain_numbers(name, value, unit), dtype=dtype)


def plain_number(name: str, value: Any) -> float:
    """Return `value` as a float, if it is a number without a unit.

    Raises
    ------
    InputError
        If it is none, or nan.
    """
    number = plain_array(name, value)
    if number.ndim or number.dtype.kind not in "iuf" or np.isnan(number):
        raise InputError(f"{name} is {value!r}; give a number")
    return float(number)
