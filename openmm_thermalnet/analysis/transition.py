"""Where starts of a scan go over from one end to another."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError


@dataclass(frozen=True)
class Transition:
    """Value of a scanned parameter at which starts change sides.

    Attributes
    ----------
    value : float or None
        Mean over the starts that change within the scan; None if none does.
    error : float
        Its standard error: of the mean over starts, and of the grid (a spacing over sqrt(12)), in
        quadrature; nan with fewer than two starts.
    per_start : tuple of (float or None)
        Middle of the two values between which each start changes; None if it does not.
    all_before : float or None
        Largest value up to which no start has changed; None if some have at the first.
    all_after : float or None
        Smallest value from which on all have; None if some have not at the last.
    """

    value: float | None
    error: float
    per_start: tuple[float | None, ...]
    all_before: float | None
    all_after: float | None


def compute_transition(
    values: ArrayLike, changed: ArrayLike, *, logarithmic: bool = False
) -> Transition:
    """Locate a transition from the side on which each start ends at each value.

    Every start has a threshold of its own: the middle between the first value at which it has
    changed and the value before. A start that changes back and forth counts by the middle of the
    last value on this side and the first on that one.

    Parameters
    ----------
    values : array_like, shape (K,)
        Scanned values, ascending.
    changed : array_like of bool, shape (K, n_starts)
        Whether a start is on the far side.
    logarithmic : bool, default False
        Take middles and means on the logarithmic scale, for values above 0.

    Returns
    -------
    Transition

    Raises
    ------
    InputError
        If shapes do not match, values do not ascend, or one has no logarithm.
    """
    grid, given = plain_array("values", values, np.float64), plain_array("changed", changed)
    if not np.isin(given, (0, 1)).all():
        raise InputError("changed holds values that are not true or false: leave those starts out")
    sides = given.astype(bool)
    if grid.ndim != 1 or grid.size < 2 or sides.ndim != 2 or len(sides) != grid.size:
        raise InputError(
            f"values have shape {grid.shape} and sides {sides.shape}: give (values,) and "
            "(values, starts), two values or more"
        )
    if not (np.diff(grid) > 0).all():
        raise InputError("values of a scan do not ascend: sort them")
    if logarithmic and grid[0] <= 0:
        raise InputError(f"value {grid[0]:g} has no logarithm: leave it out, or scan linearly")
    scale = np.log(grid) if logarithmic else grid
    thresholds = [_threshold(scale, start) for start in sides.T]
    found = np.array([pair for pair in thresholds if pair is not None])
    changes, remains = np.atleast_1d(sides.any(axis=1)), np.atleast_1d(~sides.all(axis=1))
    before = int(changes.argmax()) if changes.any() else grid.size
    after = grid.size - int(remains[::-1].argmax()) if remains.any() else 0

    def shown(place: float) -> float:
        return math.exp(place) if logarithmic else place

    value = error = math.nan
    if len(found):
        value = float(found[:, 0].mean())
    if len(found) > 1:
        error = math.hypot(
            float(found[:, 0].std(ddof=1)) / math.sqrt(len(found)),
            float(found[:, 1].mean()) / math.sqrt(12),
        )
    return Transition(
        value=shown(value) if len(found) else None,
        error=shown(value) * error if logarithmic else error,
        per_start=tuple(None if pair is None else shown(pair[0]) for pair in thresholds),
        all_before=float(grid[before - 1]) if before else None,
        all_after=float(grid[after]) if after < grid.size else None,
    )


def _threshold(scale: NDArray[np.float64], sides: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Middle and spacing of the values around a change, None if there is none."""
    if sides.all() or not sides.any():
        return None
    first, last = int(sides.argmax()), sides.size - 1 - int((~sides)[::-1].argmax())
    low, high = sorted((float(scale[first]), float(scale[last])))
    return (low + high) / 2, high - low
