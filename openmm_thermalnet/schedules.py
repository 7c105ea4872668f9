"""When something is done: report steps, and the temperature as a function of the step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from openmm import unit

from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError, check_integer


def linear_steps(last: int, interval: int) -> NDArray[np.int64]:
    """Steps 0, interval, 2 interval, ..., and `last`.

    Parameters
    ----------
    last : int
        Last step, at least 0.
    interval : int
        Distance between two, at least 1.

    Returns
    -------
    ndarray of int64
        Ascending steps.

    Raises
    ------
    InputError
        If `last` is negative or `interval` not positive.
    """
    interval, last = check_integer("interval", interval, 1), check_integer("steps", last)
    return np.union1d(np.arange(0, last + 1, interval), [last]).astype(np.int64)


def logarithmic_steps(last: int, per_decade: int) -> NDArray[np.int64]:
    """Step 0, then `per_decade` steps in every decade up to `last`, which is always one.

    Parameters
    ----------
    last : int
        Last step, at least 0.
    per_decade : int
        How many in a decade, at least 1; the first decades have fewer, since steps are whole.

    Returns
    -------
    ndarray of int64
        Ascending steps.

    Raises
    ------
    InputError
        If `last` is negative or `per_decade` not positive.
    """
    per_decade = check_integer("frames per decade", per_decade, 1)
    last = check_integer("steps", last)
    decades = math.log10(max(last, 1))
    exponents = np.arange(0, math.floor(decades * per_decade) + 1) / per_decade
    steps = np.rint(10.0**exponents)
    return np.unique(np.concatenate([[0, last], steps[steps <= last]])).astype(np.int64)


def logarithmic_steps_from(origins: Sequence[int], last: int, per_decade: int) -> NDArray[np.int64]:
    """Union of logarithmic schedules, one from each origin, all up to `last`.

    Parameters
    ----------
    origins : sequence of int
        Steps t0 from which times are counted, at most `last`.
    last : int
        Last step.
    per_decade : int
        As in `logarithmic_steps`.

    Returns
    -------
    ndarray of int64
        Ascending steps; for every t0 it has t0 + t for all t of `logarithmic_steps`.

    Raises
    ------
    InputError
        If an origin is beyond `last`, or `per_decade` is not positive.
    """
    last = check_integer("steps", last)
    origins = [check_integer("an origin", origin) for origin in origins]
    late = [origin for origin in origins if origin > last]
    if late:
        raise InputError(f"step {late[0]} is beyond the last step {last}; give more steps")
    parts = [origin + logarithmic_steps(last - origin, per_decade) for origin in origins]
    return np.unique(np.concatenate(parts))


class Annealing:
    """Thermal energy kT as a function of the step.

    Parameters
    ----------
    table : sequence of (step, kT)
        Ascending steps with their kT (kJ/mol, or a Quantity). Before the first and after the last
        kT is constant.
    exponential : bool
        Interpolate ln kT instead of kT between two entries.
    interval : int
        The temperature changes every so many steps.

    Raises
    ------
    InputError
        If the table is empty, its steps do not ascend, or a kT cannot be used.
    """

    def __init__(
        self,
        table: Sequence[tuple[int, unit.Quantity | float]],
        exponential: bool = False,
        interval: int = 100,
    ) -> None:
        if not table:
            raise InputError("the temperature table is empty; give (step, kT) pairs")
        interval = check_integer("annealing interval", interval, 1)
        checked = [check_integer("an annealing step", step) for step, _ in table]
        steps = np.array(checked, dtype=np.float64)
        values = plain_array("kT", [kT for _, kT in table], np.float64, unit.kilojoule_per_mole)
        if np.any(np.diff(steps) <= 0):
            raise InputError(f"annealing steps {steps.tolist()} do not ascend; sort them")
        if not np.all(np.isfinite(values)) or np.any(values < 0):
            raise InputError(f"annealing kT {values.tolist()} has a negative or non-finite number")
        if exponential and np.any(values == 0):
            raise InputError("exponential annealing cannot reach kT = 0; give a positive number")
        self._steps = steps
        self._values = np.log(values) if exponential else values
        self._exponential = exponential
        self.interval = interval

    @property
    def constant(self) -> bool:
        """Whether the temperature never changes."""
        return bool(np.all(self._values == self._values[0]))

    def kT(self, step: int) -> float:
        """Thermal energy (kJ/mol) from `step` on, until the next change."""
        at = check_integer("step", step) // self.interval * self.interval
        value = float(np.interp(at, self._steps, self._values))
        return math.exp(value) if self._exponential else value

    def changes(self, last: int) -> NDArray[np.int64]:
        """Steps from 1 to `last` at which the temperature is set anew."""
        check_integer("last", last)
        if self.constant:
            return np.empty(0, dtype=np.int64)
        return np.arange(self.interval, last + 1, self.interval, dtype=np.int64)
