"""Straight lines by least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Line:
    """y = offset + slope x.

    Attributes
    ----------
    slope, offset : float
        Of the line.
    slope_error, offset_error : float
        Standard errors; nan if they cannot be estimated.
    chi2 : float
        Sum of the weighted squared residuals.
    freedom : int
        Number of points minus 2.
    """

    slope: float
    offset: float
    slope_error: float
    offset_error: float
    chi2: float
    freedom: int


def fit_line(
    x: NDArray[np.float64], y: NDArray[np.float64], variance: NDArray[np.float64] | None = None
) -> Line:
    """Weighted straight line through points of two x at least.

    Parameters
    ----------
    x, y : ndarray, shape (K,)
        The points.
    variance : ndarray, shape (K,), optional
        Variance of each y, above 0; the errors of the line follow from them. Without, all points
        weigh the same and the errors are estimated from the scatter about the line.

    Returns
    -------
    Line
    """
    weights = np.ones(x.size) if variance is None else 1.0 / variance
    centre = float(np.average(x, weights=weights))
    spread = float(weights @ (x - centre) ** 2)
    slope = float(weights @ ((x - centre) * y)) / spread
    offset = float(np.average(y, weights=weights)) - slope * centre
    chi2, freedom = float(weights @ (y - offset - slope * x) ** 2), x.size - 2
    unit = 1.0
    if variance is None:
        unit = math.sqrt(chi2 / freedom) if freedom else math.nan
    offset_error = unit * math.sqrt(1.0 / float(weights.sum()) + centre**2 / spread)
    return Line(slope, offset, unit * spread**-0.5, offset_error, chi2, freedom)
