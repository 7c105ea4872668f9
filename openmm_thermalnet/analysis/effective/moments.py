"""Means and correlations of an ensemble of configurations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from openmm_thermalnet.analysis.effective.model import Array, check_configurations
from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError

_EXACT_COUNTS = 1 << 24  # float32 counts up to here


@dataclass(frozen=True)
class Moments:
    """First and second moments of +-1 variables.

    Attributes
    ----------
    means : ndarray, shape (N,)
        <s_i>.
    correlations : ndarray, shape (N, N)
        Connected, <s_i s_j> - <s_i><s_j>; the diagonal is 1 - <s_i>^2.
    """

    means: Array
    correlations: Array


def compute_moments(configurations: ArrayLike, weights: ArrayLike | None = None) -> Moments:
    """Means and connected correlations of configurations.

    Plain averages: no correction of the sampling error, which for n independent configurations is
    sqrt((1 - m_i^2)(1 - m_j^2) / n) on every correlation.

    Parameters
    ----------
    configurations : array_like, shape (n, N)
        +1 and -1.
    weights : array_like, shape (n,), optional
        Relative weights of the configurations, not negative; by default all count the same.

    Raises
    ------
    InputError
        If there is no configuration, a value is not +1 or -1, or weights do not match.
    """
    s = check_configurations(configurations)
    if weights is None and len(s) < _EXACT_COUNTS:
        x = s.astype(np.float32)  # sums of +-1 are exact
        means = s.mean(axis=0, dtype=np.float64)
        products = (x.T @ x).astype(np.float64) / len(s)
    else:
        y, p = s.astype(np.float64), check_weights(weights, len(s))
        means = p @ y
        products = (y * p[:, None]).T @ y
    correlations = products - np.outer(means, means)
    np.fill_diagonal(correlations, (1.0 - means) * (1.0 + means))
    return Moments(means, 0.5 * (correlations + correlations.T))


def check_weights(weights: ArrayLike | None, count: int) -> Array:
    """Probabilities (count,) from relative weights; uniform without them."""
    if weights is None:
        return np.full(count, 1.0 / count)
    p = plain_array("weights", weights, np.float64)
    if p.shape != (count,) or not np.isfinite(p).all() or (p < 0).any() or p.sum() == 0:
        raise InputError(
            f"weights have shape {p.shape}: give {count} finite ones, none negative, not all zero"
        )
    return np.asarray(p / p.sum())
