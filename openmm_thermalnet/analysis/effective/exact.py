"""All configurations of a few spins: the exact answers that approximations are held to."""

from __future__ import annotations

import numpy as np
from scipy import linalg, special

from openmm_thermalnet.analysis.effective.model import Array
from openmm_thermalnet.errors import InputError

LARGEST = 16
"""Spins up to which enumeration is offered."""


def all_configurations(size: int) -> Array:
    """The 2^N configurations of N spins, shape (2^N, N).

    Raises
    ------
    InputError
        If N is larger than 16.
    """
    if size > LARGEST:
        raise InputError(
            f"{size} spins have too many configurations to enumerate; {LARGEST} is the most"
        )
    bits = np.arange(1 << size)[:, None] >> np.arange(size)
    return np.asarray(1.0 - 2.0 * (bits & 1), dtype=np.float64)


def probabilities(spins: Array, couplings: Array, fields: Array) -> Array:
    """Probabilities (2^N,) of all configurations under a model."""
    exponent = 0.5 * np.einsum("ci,ci->c", spins @ couplings, spins) + spins @ fields
    return np.asarray(special.softmax(exponent))


def fit_exactly(
    means: Array, correlations: Array, tolerance: float = 1e-10, max_iterations: int = 200
) -> tuple[Array, Array, int]:
    """Couplings and fields of the least structured distribution with these moments, by Newton.

    The dual, ln Z - sum K <ss> - sum h <s>, is convex; its Hessian is the covariance of the
    N (N + 1) / 2 moments. Returns K, h and the steps taken; the last step was too small to count.

    Raises
    ------
    InputError
        If there are more than 16 spins, or no distribution of full support has these moments.
    """
    size = means.size
    spins = all_configurations(size)
    rows, columns = np.triu_indices(size, k=1)
    observables = np.concatenate([spins, spins[:, rows] * spins[:, columns]], axis=1)
    target = np.concatenate([means, correlations[rows, columns] + means[rows] * means[columns]])
    theta = np.zeros(target.size)
    theta[:size] = np.arctanh(means)
    value = special.logsumexp(observables @ theta) - theta @ target
    for iteration in range(1, max_iterations + 1):
        p = special.softmax(observables @ theta)
        moments = p @ observables
        gradient = moments - target
        if np.abs(gradient).max() <= tolerance:
            K = np.zeros((size, size))
            K[rows, columns] = K[columns, rows] = theta[size:]
            return K, theta[:size], iteration
        hessian = (observables * p[:, None]).T @ observables - np.outer(moments, moments)
        try:
            step = linalg.solve(hessian, gradient, assume_a="pos")
        except linalg.LinAlgError:
            break
        fraction = 1.0
        while fraction > 1e-6:
            trial = theta - fraction * step
            new = special.logsumexp(observables @ trial) - trial @ target
            if new <= value - 1e-4 * fraction * (gradient @ step) or np.abs(step).max() < 1e-7:
                break
            fraction *= 0.5
        else:
            break
        theta, value = trial, new
        if np.abs(theta).max() > 50:
            break
    raise InputError(
        "no distribution in which every configuration is possible has these moments; "
        "measure them on more configurations"
    )
