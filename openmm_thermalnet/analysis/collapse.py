"""Data collapse: whether curves agree when time is measured in relaxation times."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.arrays import plain_array, plain_number
from openmm_thermalnet.errors import InputError


@dataclass(frozen=True)
class Collapse:
    """How well curves agree on a common scale of time.

    Attributes
    ----------
    quality : float
        Mean squared deviation of every curve from the mean of the others, in units of what their
        errors explain: 1 for a collapse within errors, more where the shapes differ; nan without
        errors.
    deviation : float
        Root mean square deviation of a curve from the mean of the others.
    expected : float
        The same as the errors explain it.
    per_curve : ndarray, shape (n_curves,)
        Root mean square deviation of each curve; nan where it meets no other.
    window : tuple of float
        First and last t / tau that was compared.
    n_points : int
        Points compared.
    """

    quality: float
    deviation: float
    expected: float
    per_curve: NDArray[np.float64]
    window: tuple[float, float]
    n_points: int


def compute_collapse(
    x: Sequence[ArrayLike],
    y: Sequence[ArrayLike],
    error: Sequence[ArrayLike],
    *,
    window: tuple[float, float] = (0.0, math.inf),
) -> Collapse:
    """Quality of a data collapse, after Houdayer and Hartmann (Phys. Rev. B 70, 014418).

    Every point of a curve is compared with the mean of the other curves at the same x,
    interpolated in ln x between their points. With d the difference and s^2 its variance from the
    errors, `quality` is sum d^2 / sum s^2. A ratio of sums, not the mean of ratios: with errors
    from three replicas a single small one must not decide. Since tau itself comes from the curves,
    they meet near x = 1 by construction; take a window that leaves this out to judge the tails.

    Parameters
    ----------
    x : sequence of array_like, each of shape (T_k,)
        t / tau of every curve, ascending; points at 0 are left out.
    y, error : sequences of array_like, each of shape (T_k,)
        Values with their standard errors; nan in an error makes only the quality unknown.
    window : tuple of float
        Smallest and largest x to compare at.

    Returns
    -------
    Collapse

    Raises
    ------
    InputError
        If there are fewer than two curves, shapes do not match, an x does not ascend, a y is not
        finite, or no point
        of a curve in the window lies where another curve is.
    """
    curves = _checked(x, y, error)
    low, high = (plain_number("window", end) for end in window)
    deviations: list[NDArray[np.float64]] = []
    variances: list[NDArray[np.float64]] = []
    places: list[NDArray[np.float64]] = []
    for k, (place, value, sigma) in enumerate(curves):
        others = [_at(place, *other) for j, other in enumerate(curves) if j != k]
        means, errors = (np.array(part) for part in zip(*others, strict=True))
        there = ~np.isnan(means)
        count = there.sum(axis=0)
        use = (count > 0) & (place >= math.log(max(low, 1e-300)))
        use &= place <= math.log(high)
        mean = np.where(there, means, 0).sum(axis=0)[use] / count[use]
        variance = np.where(there, errors**2, 0).sum(axis=0)[use] / count[use] ** 2
        places.append(place[use])
        deviations.append(value[use] - mean)
        variances.append(sigma[use] ** 2 + variance)
    d, s2, where = (np.concatenate(parts) for parts in (deviations, variances, places))
    if not d.size:
        raise InputError(
            f"no two curves overlap in {low:.3g} to {high:.3g}: give longer curves or a "
            "wider window"
        )
    expected = float(s2.mean())
    squared = float((d**2).mean())
    return Collapse(
        quality=squared / expected if expected > 0 else math.nan,
        deviation=math.sqrt(squared),
        expected=math.sqrt(expected),
        per_curve=np.array(
            [math.sqrt((part**2).mean()) if part.size else math.nan for part in deviations]
        ),
        window=(float(np.exp(where.min())), float(np.exp(where.max()))),
        n_points=d.size,
    )


Points = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _checked(
    x: Sequence[ArrayLike], y: Sequence[ArrayLike], error: Sequence[ArrayLike]
) -> list[Points]:
    """Return ln x, y and error of every curve, without the points at 0."""
    if not len(x) == len(y) == len(error) or len(x) < 2:
        raise InputError(
            f"{len(x)} x, {len(y)} y and {len(error)} errors: a collapse needs two curves or more, "
            "each with all three"
        )
    curves = []
    for k, parts in enumerate(zip(x, y, error, strict=True)):
        place, value, sigma = (plain_array(f"curve {k}", part, np.float64) for part in parts)
        if place.ndim != 1 or not place.shape == value.shape == sigma.shape:
            raise InputError(
                f"curve {k} has shapes {place.shape}, {value.shape} and {sigma.shape}: give one "
                "value and one error for each x"
            )
        if not (np.diff(place) > 0).all():
            raise InputError(f"x of curve {k} does not ascend: sort its points")
        if not np.isfinite(value).all():
            raise InputError(f"y of curve {k} is not finite everywhere: leave those points out")
        usable = place > 0
        curves.append((np.log(place[usable]), value[usable], sigma[usable]))
    return curves


def _at(
    place: NDArray[np.float64],
    own: NDArray[np.float64],
    value: NDArray[np.float64],
    sigma: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interpolate a curve and its error; nan beyond its ends."""
    if not own.size:
        return np.full(place.shape, np.nan), np.full(place.shape, np.nan)
    return (
        np.interp(place, own, value, left=np.nan, right=np.nan),
        np.interp(place, own, sigma, left=np.nan, right=np.nan),
    )
