"""Errors in one line that names the value and the remedy."""

from __future__ import annotations

import math
import operator
from typing import Any


class InputError(ValueError):
    """A value given by the user cannot be used; the message says what to give instead."""


class MissingFileError(InputError, FileNotFoundError):
    """A file or directory named by the user does not exist."""


class InUseError(InputError):
    """Another process works on a directory; it must end first."""


class DependencyError(InputError, ImportError):
    """An optional package that was asked for is missing or does not fit the others."""


class ConvergenceWarning(UserWarning):
    """An iteration did not settle; what depends on it is marked, or nan."""


class SimulationError(RuntimeError):
    """A simulation left the numbers; the message says where and what to change."""


def check_integer(name: str, value: Any, minimum: float = 0) -> int:
    """Return `value` as an int of at least `minimum`; neither 10.0 nor True is one.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < minimum:
        wanted = "an integer" if minimum == -math.inf else f"an integer of at least {minimum}"
        raise InputError(f"{name} is {value!r}; give {wanted}")
    return number


def check_index(name: str, value: Any, count: int) -> int:
    """Return `value` as an int from 0 to `count` - 1.

    Raises
    ------
    InputError
        If it is none.
    """
    index = check_integer(name, value, -math.inf)
    if not 0 <= index < count:
        raise InputError(f"{name} is {value!r}; give 0 to {count - 1}")
    return index
