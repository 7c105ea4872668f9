"""From moments to couplings and fields, where the Bethe approximation can be inverted."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from openmm_thermalnet.analysis.effective.model import Array

_STEPS = 100
_LARGEST = 1e3  # of R_ii (1/R)_ii, which is 1 without correlations
_TOLERANCE = 1e-11


def model_of_pairs(means: Array, pairs: Array) -> tuple[Array, Array]:
    """Couplings and fields whose messages give these means and correlations of coupled pairs.

    With p the distribution of two spins with these moments,
    K_ij = 1/4 ln(p(++) p(--) / (p(+-) p(-+))), and the field that acts on i in it but for j,
    1/4 ln(p(++) p(+-) / (p(-+) p(--))), is atanh m_i less the message of j; so h_i is
    atanh m_i less all of them. nan where a pair has no such distribution.

    Parameters
    ----------
    means : ndarray, shape (N,)
        m_i, between -1 and 1.
    pairs : ndarray, shape (N, N)
        Connected correlations; the diagonal is not used.
    """
    up, down = 0.5 * (1.0 + means), 0.5 * (1.0 - means)
    c = 0.25 * pairs
    with np.errstate(invalid="ignore", divide="ignore"):
        # logarithms relative to independent spins, so that small correlations keep their digits
        both = np.log1p(c / np.outer(up, up))
        none = np.log1p(c / np.outer(down, down))
        first = np.log1p(-c / np.outer(up, down))
        second = np.log1p(-c / np.outer(down, up))
        K = 0.25 * (both + none - first - second)
        messages = -0.25 * (both + first - second - none)  # of j to i, [i, j]
    np.fill_diagonal(K, 0.0)
    np.fill_diagonal(messages, 0.0)
    return K, np.arctanh(means) - messages.sum(axis=1)


def invert_response(correlations: Array) -> Array | None:
    """Correlations of coupled pairs whose linear response is given off the diagonal.

    The off-diagonal elements a of the inverse response fix the coefficients rho by
    a = -rho / (1 - rho^2). Its diagonal is not given, since linear response on a graph with loops
    does not keep 1 - m^2; it is the one for which A_ii = 1 + sum_j rho^2 / (1 - rho^2), found by
    damped Newton steps of the diagonal. None if that does not succeed.

    Parameters
    ----------
    correlations : ndarray, shape (N, N)
        Connected, with 1 - m^2 on the diagonal.
    """
    deviations = np.sqrt(np.diag(correlations))
    scale = np.outer(deviations, deviations)
    response = correlations / scale
    diagonal = np.ones(len(deviations))
    step, before = 1.0, np.inf
    for _ in range(_STEPS):
        np.fill_diagonal(response, diagonal)
        try:
            inverse = linalg.inv(response)
        except linalg.LinAlgError:
            return None
        excess = 0.5 * (np.sqrt(1.0 + 4.0 * inverse**2) - 1.0)  # rho^2 / (1 - rho^2)
        np.fill_diagonal(excess, 0.0)
        actual = np.diag(inverse)
        if (actual <= 0).any() or (actual * diagonal > _LARGEST).any():
            return None
        miss = actual - 1.0 - excess.sum(axis=1)
        size = float(np.abs(miss / actual).max())
        if size < _TOLERANCE:
            break
        if size >= before:
            step = max(0.5 * step, 1e-3)
        before = size
        diagonal = diagonal * np.exp(step * miss / (actual**2 * diagonal))
    else:
        return None
    rho = -2.0 * inverse / (1.0 + np.sqrt(1.0 + 4.0 * inverse**2))
    np.fill_diagonal(rho, 0.0)
    return np.asarray(0.5 * (rho + rho.T) * scale)
