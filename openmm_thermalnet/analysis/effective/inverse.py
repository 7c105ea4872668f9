"""From moments to couplings and fields, where the Bethe approximation can be inverted."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from openmm_thermalnet.analysis.effective.model import STRONGEST, Array

_STEPS = 100
_INSIDE = 1.0 - 1e-9  # of the range of correlations that two spins can have
_LARGEST = 1e3  # of R_ii (1/R)_ii, which is 1 without correlations
_TOLERANCE = 1e-11


def couplings_of_pairs(means: Array, pairs: Array) -> Array:
    """Couplings of two spins on their own with these means and connected correlations.

    With p the distribution of the two spins, K_ij = 1/4 ln(p(++) p(--) / (p(+-) p(-+))). In the
    Bethe approximation that is the coupling of the pair whatever the others do. Correlations that
    no two spins can have are taken as almost the largest, or smallest, that they can.

    Parameters
    ----------
    means : ndarray, shape (N,)
        m_i, between -1 and 1.
    pairs : ndarray, shape (N, N)
        Connected correlations; the diagonal is not used.
    """
    terms = _logarithms(means, pairs)
    K = 0.25 * (terms[0] + terms[1] - terms[2] - terms[3])
    np.fill_diagonal(K, 0.0)
    return np.asarray(np.clip(K, -STRONGEST, STRONGEST))


def messages_of_pairs(means: Array, pairs: Array) -> Array:
    """Messages u[k, i] of the Bethe approximation with these means and correlations of pairs.

    In the distribution p of two spins the field on i is 1/4 ln(p(++) p(+-) / (p(-+) p(--))), which
    is atanh m_i less the message of k. The fields of the model are atanh m_i less all messages.
    """
    both, none, first, second = _logarithms(means, pairs)
    messages = 0.25 * (none - both + second - first).T
    np.fill_diagonal(messages, 0.0)
    return np.ascontiguousarray(messages)


def _logarithms(means: Array, pairs: Array) -> tuple[Array, Array, Array, Array]:
    """Ln of p(++), p(--), p(+-), p(-+) relative to independent spins: small ones keep digits."""
    up, down = 0.5 * (1.0 + means), 0.5 * (1.0 - means)
    most = np.minimum(np.outer(up, down), np.outer(down, up))
    least = -np.minimum(np.outer(up, up), np.outer(down, down))
    c = np.clip(0.25 * pairs, _INSIDE * least, _INSIDE * most)
    return (
        np.log1p(c / np.outer(up, up)),
        np.log1p(c / np.outer(down, down)),
        np.log1p(-c / np.outer(up, down)),
        np.log1p(-c / np.outer(down, up)),
    )


def pairs_of_couplings(means: Array, couplings: Array) -> Array:
    """Connected correlations of two spins on their own with these means and couplings.

    The inverse of `couplings_of_pairs`: with p, q the probabilities of +1, the excess D of p(++)
    over pq solves (pq + D)(p'q' + D) = exp(4 K) (pq' - D)(p'q - D).
    """
    up, down = 0.5 * (1.0 + means), 0.5 * (1.0 - means)
    variance = up * down
    product = np.outer(variance, variance)
    alike = np.outer(up, up) + np.outer(down, down)
    unlike = np.outer(up, down) + np.outer(down, up)
    b = np.exp(-2.0 * couplings) * alike + np.exp(2.0 * couplings) * unlike
    slope = 2.0 * np.sinh(2.0 * couplings)
    root = np.sqrt(np.maximum(b**2 - 4.0 * slope**2 * product, 0.0))
    excess = 2.0 * slope * product / (b + root)
    pairs = 4.0 * excess
    np.fill_diagonal(pairs, (1.0 - means) * (1.0 + means))
    return np.asarray(pairs)


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
