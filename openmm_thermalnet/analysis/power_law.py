"""Exponents of curves that replicas were measured for, with honest intervals.

The points of one curve are correlated in time, so that a regression's own error is far too small.
The independent things are the slots: every error here comes from leaving one of them out in turn
(a delete-one jackknife), and intervals are Student's with one degree of freedom less than there
are slots, which holds for three of them, where percentiles of a bootstrap do not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from openmm_thermalnet.analysis.estimates import leave_one_out_means
from openmm_thermalnet.arrays import plain_array, plain_number
from openmm_thermalnet.errors import InputError


@dataclass(frozen=True)
class PowerLaw:
    """Least-squares line of ln y against ln x in a window.

    Attributes
    ----------
    exponent, error : float
        Slope, with its standard error over slots; nan with a single slot.
    interval : tuple of float
        Confidence interval of the exponent.
    confidence : float
        Its level.
    prefactor : float
        y at x = 1.
    window : tuple of float
        First and last x in the fit.
    holds : tuple of float or None
        First and last x of the longest stretch of the window on which the local exponent is
        within `tolerance` of `exponent`; None if it is nowhere.
    tolerance : float
    n_points : int
        Points in the fit.
    """

    exponent: float
    error: float
    interval: tuple[float, float]
    confidence: float
    prefactor: float
    window: tuple[float, float]
    holds: tuple[float, float] | None
    tolerance: float
    n_points: int


@dataclass(frozen=True)
class LocalExponent:
    """Slope d ln y / d ln x along a curve.

    Attributes
    ----------
    x : ndarray, shape (K,)
        Where it could be taken.
    mean, error : ndarray, shape (K,)
        Of the slope of the mean curve; errors over slots, nan with a single one.
    """

    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    error: NDArray[np.float64]


def compute_local_exponent(x: ArrayLike, y: ArrayLike, *, decades: float = 0.5) -> LocalExponent:
    """Slope of ln y against ln x in a window that slides along the curve.

    Parameters
    ----------
    x : array_like, shape (T,)
        Ascending; points at 0 are left out.
    y : array_like, shape (T, n_slots)
        One curve per independent slot; the mean over slots must be above 0 where it is used, and
        points where it is not are left out.
    decades : float, default 0.5
        Width of the window in log10 x; a point needs two others in its window, and half of the
        window on either side.

    Returns
    -------
    LocalExponent

    Raises
    ------
    InputError
        If shapes do not match, x does not ascend, or the window is not above 0.
    """
    if not plain_number("decades", decades) > 0:
        raise InputError(f"a window of {decades} decades is empty: give a width above 0")
    logarithm, curves = _logarithmic(x, y)
    half = decades / 2 * np.log(10)
    slack = 1e-9
    inside = np.flatnonzero(
        (logarithm >= logarithm[:1] + half - slack) & (logarithm <= logarithm[-1:] - half + slack)
    )
    kept, slopes = [], []
    for centre in inside:
        near = np.abs(logarithm - logarithm[centre]) <= half + slack
        if near.sum() >= 3:
            kept.append(centre)
            slopes.append(_line(logarithm[near], curves[near])[0])
    if not kept:
        return LocalExponent(*np.empty((3, 0)))
    found = np.array(slopes)
    return LocalExponent(np.exp(logarithm[kept]), found[:, 0], _jackknife(found[:, 1:]))


def compute_power_law(
    x: ArrayLike,
    y: ArrayLike,
    window: tuple[float, float],
    *,
    confidence: float = 0.95,
    tolerance: float = 0.1,
    decades: float = 0.5,
) -> PowerLaw:
    """Power law y = prefactor * x^exponent fitted to a window of the mean curve.

    Parameters
    ----------
    x : array_like, shape (T,)
        Ascending, such as t or t / tau_e.
    y : array_like, shape (T, n_slots)
        One curve per independent slot (replicas and samples).
    window : tuple of float
        Smallest and largest x of the fit.
    confidence : float, default 0.95
        Level of the interval.
    tolerance : float, default 0.1
        How far the local exponent may be from the fitted one where the law holds.
    decades : float, default 0.5
        Window of the local exponent (`compute_local_exponent`).

    Returns
    -------
    PowerLaw

    Raises
    ------
    InputError
        If shapes do not match, x does not ascend, fewer than three points with a mean above 0 are
        in the window, or the level is not between 0 and 1.
    """
    if not 0 < plain_number("confidence", confidence) < 1:
        raise InputError(f"confidence is {confidence}: give a level between 0 and 1, such as 0.95")
    plain_number("tolerance", tolerance)
    low, high = (plain_number("window", end) for end in window)
    logarithm, curves = _logarithmic(x, y)
    slack = 1e-12
    inside = (np.exp(logarithm) >= low * (1 - slack)) & (np.exp(logarithm) <= high * (1 + slack))
    if inside.sum() < 3:
        raise InputError(
            f"{inside.sum()} points lie between {low:.3g} and {high:.3g}: a power law "
            "needs at least three, give a wider window or more frames"
        )
    slope, offset = _line(logarithm[inside], curves[inside])
    n_slots = curves.shape[1] - 1
    error = float(_jackknife(slope[None, 1:])[0])
    reach = float(student.ppf((1 + confidence) / 2, n_slots - 1)) * error if n_slots > 1 else np.nan
    used = np.exp(logarithm[inside])
    local = compute_local_exponent(used, np.exp(curves[inside, :1]), decades=decades)
    return PowerLaw(
        exponent=float(slope[0]),
        error=error,
        interval=(float(slope[0] - reach), float(slope[0] + reach)),
        confidence=confidence,
        prefactor=float(np.exp(offset[0])),
        window=(float(used[0]), float(used[-1])),
        holds=_longest(local.x, np.abs(local.mean - slope[0]) <= tolerance),
        tolerance=tolerance,
        n_points=int(inside.sum()),
    )


def _logarithmic(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ln x (K,) and ln of the mean curve and of the leave-one-out means (K, 1 + n_slots)."""
    position, curves = plain_array("x", x, np.float64), plain_array("y", y, np.float64)
    if position.ndim != 1 or curves.ndim != 2 or len(curves) != position.size or not curves.size:
        raise InputError(
            f"x has shape {position.shape} and y {curves.shape}: give (points,) and (points, slots)"
        )
    if not (np.diff(position) > 0).all():
        raise InputError("x does not ascend: sort the points")
    if np.isnan(curves).any():
        row, slot = (int(i) for i in np.argwhere(np.isnan(curves))[0])
        raise InputError(f"y of point {row}, slot {slot} is nan: leave what is no number out")
    left_out = leave_one_out_means(curves)
    means = np.column_stack([curves.mean(axis=1), curves[:, :1] if left_out is None else left_out])
    usable = (position > 0) & (means > 0).all(axis=1)
    return np.log(position[usable]), np.log(means[usable])


def _line(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slopes and offsets of the least-squares lines of the columns of y."""
    centred = x - x.mean()
    slope = centred @ y / (centred @ centred)
    return slope, y.mean(axis=0) - slope * x.mean()


def _jackknife(left_out: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard errors from values (K, n_slots) with each slot left out in turn."""
    n_slots = left_out.shape[1]
    if n_slots < 2:
        return np.full(len(left_out), np.nan)
    return np.asarray(np.sqrt(n_slots - 1) * left_out.std(axis=1))


def _longest(x: NDArray[np.float64], true: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Ends of the longest run of consecutive points that are true, by its width in ln x."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(int)))
    runs = [(x[first], x[last - 1]) for first, last in edges.reshape(-1, 2)]
    return max(runs, key=lambda run: run[1] / run[0]) if runs else None
