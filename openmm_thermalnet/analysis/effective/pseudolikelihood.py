"""Maximum pseudo-likelihood: every spin given all others, without any approximation of ln Z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from openmm_thermalnet.analysis.effective.model import Array


@dataclass(frozen=True)
class PseudoLikelihood:
    """Where the maximisation ended: parameters, largest slope left in its units, iterations."""

    couplings: Array
    fields: Array
    slope: float
    iterations: int


def maximize(
    spins: Array,
    weights: Array,
    couplings: Array,
    fields: Array,
    l2: float = 0.0,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
) -> PseudoLikelihood:
    """Maximise sum_c p_c sum_i ln P(s_i | the others) - l2 sum_{i<j} K_ij^2 over symmetric K and h.

    P(s_i | the others) = 1 / (1 + exp(-2 s_i (h_i + sum_j K_ij s_j))): N logistic regressions that
    share K_ij = K_ji, maximised together by L-BFGS. The estimate is consistent for the true
    parameters, at any strength of coupling (Besag, The Statistician 24, 179 (1975)).

    Parameters
    ----------
    spins : ndarray, shape (n, N)
        Configurations.
    weights : ndarray, shape (n,)
        Their probabilities p_c.
    couplings, fields : ndarray
        Where to start.
    l2 : float
        Strength of the penalty.
    tolerance : float
        Largest slope, per standard deviation of the parameter in one configuration, at which the
        maximum is reached.
    max_iterations : int
        Iterations after which it is given up.
    """
    size = spins.shape[1]
    upper = np.triu_indices(size, k=1)
    means = weights @ spins
    variances = (1.0 - means) * (1.0 + means)
    centred = spins - means
    # In these units the parameters are nearly independent and equally stiff: spins relative to
    # their means, and couplings and fields by the curvature that spins on their own would give.
    unit = np.concatenate(
        [1.0 / np.sqrt(variances), (2.0 * (variances[upper[0]] * variances[upper[1]] + l2)) ** -0.5]
    )

    def matrices(theta: Array) -> tuple[Array, Array]:
        K = np.zeros((size, size))
        K[upper] = (unit * theta)[size:]
        return K + K.T, (unit * theta)[:size]

    def loss(theta: Array) -> tuple[float, Array]:
        K, shifted = matrices(theta)
        argument = centred @ K
        argument += shifted
        argument *= spins
        argument *= -2.0
        # ln(1 + exp(y)) and its slope, without overflow
        value = float(weights @ np.logaddexp(0.0, argument).sum(axis=1))
        wrong = 0.5 + 0.5 * np.tanh(0.5 * argument)
        wrong *= spins
        wrong *= -2.0 * weights[:, None]
        response = wrong.T @ centred
        slope = np.concatenate([wrong.sum(axis=0), (response + response.T)[upper]])
        value += l2 * float((K[upper] ** 2).sum())
        slope[size:] += 2.0 * l2 * K[upper]
        return value, unit * slope

    found = optimize.minimize(
        loss,
        np.concatenate([fields + couplings @ means, couplings[upper]]) / unit,
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": max_iterations,
            "maxfun": 2 * max_iterations,
            "maxcor": 20,
            "gtol": tolerance,
            "ftol": 0.0,
        },
    )
    K, shifted = matrices(found.x)
    h = shifted - K @ means
    return PseudoLikelihood(K, h, float(np.abs(found.jac).max()), int(found.nit))
