"""Means, correlations and entropy in the Bethe approximation, exact on trees."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, special

from openmm_thermalnet.analysis.effective.model import (
    Array,
    binary_entropy,
    check_iterations,
    check_model,
    sech_squared,
)
from openmm_thermalnet.analysis.effective.propagation import (
    Propagation,
    cavity_fields,
    is_stable,
    propagate,
    total_fields,
)
from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import ConvergenceWarning, InputError


@dataclass(frozen=True)
class Bethe:
    """The Bethe approximation of a model of N spins.

    If `converged` is False every number but `residual` and `iterations` is nan.

    Attributes
    ----------
    means : ndarray, shape (N,)
        <s_i>.
    correlations : ndarray, shape (N, N)
        Connected, <s_i s_j> - <s_i><s_j>, of all pairs, by linear response: the response of
        <s_i> to h_j. The diagonal is 1 - <s_i>^2.
    pair_correlations : ndarray, shape (N, N)
        The same from the two messages along each coupling alone; 0 where there is no coupling.
    entropy : float
        Nats per spin.
    converged : bool
        Whether the messages settled, on a stable minimum of the Bethe free energy.
    residual : float
        Largest change of a message in a last full step.
    iterations : int
        Steps of belief propagation.
    messages : ndarray, shape (N, N)
        u[k, i], the field that k exerts on i; a start for a model nearby.
    """

    means: Array
    correlations: Array
    pair_correlations: Array
    entropy: float
    converged: bool
    residual: float
    iterations: int
    messages: Array


def bethe(
    couplings: ArrayLike,
    fields: ArrayLike,
    *,
    messages: ArrayLike | None = None,
    tolerance: float = 1e-11,
    max_iterations: int = 3000,
) -> Bethe:
    """Solve P(s) ~ exp(sum_{i<j} K_ij s_i s_j + sum_i h_i s_i) by belief propagation.

    With the means m, m' of two spins in the absence of each other, C_ij = (tanh K + m m') /
    (1 + tanh K m m'), and the entropy is that of the single spins less the mutual information of
    the coupled pairs. All of it is exact on trees. On graphs with loops it is good for weak
    couplings; linear response also counts the indirect paths that C_ij leaves out (Welling and
    Teh, Neural Comput. 16, 197 (2004)).

    Parameters
    ----------
    couplings : array_like, shape (N, N)
        K, symmetric, with zeros on the diagonal.
    fields : array_like, shape (N,)
        h.
    messages : array_like, shape (N, N), optional
        Where to start, such as those of a solution nearby; by default no messages.
    tolerance : float
        Residual at which messages have converged.
    max_iterations : int
        Steps after which they have not.

    Returns
    -------
    Bethe

    Warns
    -----
    ConvergenceWarning
        If the messages do not settle, or settle on a point that is no minimum of the free energy
        (such as zero magnetisation of a ferromagnet below its critical temperature).

    Raises
    ------
    InputError
        If shapes do not match, values are not finite, or couplings are not symmetric.
    """
    K, h = check_model(couplings, fields)
    check_iterations(tolerance, max_iterations)
    start = None if messages is None else check_messages(messages, h.size)
    reached = propagate(K, h, start, tolerance, max_iterations)
    if reached.converged and not is_stable(K, h, reached.messages):
        return _unsettled(
            reached,
            "belief propagation started at a fixed point that is not stable; add a small field, or "
            "start from messages that break the symmetry",
            stacklevel=3,
        )
    return solve(K, h, reached)


def check_messages(messages: ArrayLike, size: int) -> Array:
    """Messages to start from, finite and of shape (size, size)."""
    start = plain_array("messages", messages, np.float64)
    if start.shape != (size, size) or not np.isfinite(start).all():
        raise InputError(
            f"messages have shape {start.shape}: give ({size}, {size}) finite ones, or None"
        )
    return start


def solve(couplings: Array, fields: Array, reached: Propagation) -> Bethe:
    """What the messages mean, if they have converged; else nan and a warning."""
    if not reached.converged:
        return _unsettled(
            reached,
            f"belief propagation did not converge: messages still change by {reached.residual:.1e} "
            f"after {reached.iterations} steps; the couplings are too strong or too frustrated",
        )
    means = np.tanh(total_fields(fields, reached.messages))
    rho, rest, variances = pair_coefficients(couplings, fields, reached.messages)
    response = linear_response(rho, rest)
    if response is None:
        return _unsettled(
            reached,
            "belief propagation settled on a point that is no minimum of the free energy; "
            "start from messages that break the symmetry, or add a small field",
        )
    deviations = np.sqrt(variances)
    scale = np.outer(deviations, deviations)
    correlations = response * scale
    np.fill_diagonal(correlations, variances)
    pairs = rho * scale
    np.fill_diagonal(pairs, variances)
    shared = 0.5 * mutual_information(total_fields(fields, reached.messages), pairs).sum()
    return Bethe(
        means=means,
        correlations=correlations,
        pair_correlations=pairs,
        entropy=float(binary_entropy(means).sum() - shared) / means.size,
        converged=True,
        residual=reached.residual,
        iterations=reached.iterations,
        messages=reached.messages,
    )


def _unsettled(reached: Propagation, line: str, stacklevel: int = 4) -> Bethe:
    warnings.warn(line, ConvergenceWarning, stacklevel=stacklevel)
    size = len(reached.messages)
    unknown = np.full((size, size), np.nan)
    return Bethe(
        means=unknown[0].copy(),
        correlations=unknown,
        pair_correlations=unknown.copy(),
        entropy=float("nan"),
        converged=False,
        residual=reached.residual,
        iterations=reached.iterations,
        messages=reached.messages,
    )


def pair_coefficients(
    couplings: Array, fields: Array, messages: Array
) -> tuple[Array, Array, Array]:
    """Correlation coefficients rho of coupled pairs, 1 - rho^2, and variances 1 - m_i^2.

    rho_ij = t sqrt((1 - m^2)(1 - m'^2) / ((1 - t^2 m'^2)(1 - t^2 m^2))) with t = tanh K_ij and the
    means m, m' in the absence of each other: no difference of close numbers is taken.
    """
    t, bare = np.tanh(couplings), sech_squared(couplings)
    cavity = cavity_fields(fields, messages)
    m = np.tanh(cavity)
    narrow = sech_squared(cavity)
    wide = narrow + bare * m**2  # 1 - t^2 m^2
    ratio = np.sqrt(narrow / wide)
    rho = t * ratio * ratio.T
    rest = bare * (1.0 - (t * m * m.T) ** 2) / (wide * wide.T)
    np.fill_diagonal(rho, 0.0)
    return rho, rest, sech_squared(total_fields(fields, messages))


def linear_response(rho: Array, rest: Array) -> Array | None:
    """Correlation coefficients of all pairs from those of coupled pairs.

    The inverse of the Hessian of the Bethe free energy with respect to the means, in units of
    their standard deviations: A_ii = 1 + sum_j rho_ij^2 / (1 - rho_ij^2), A_ij = -rho_ij /
    (1 - rho_ij^2), where `rest` is 1 - rho^2. None if A is not positive definite: then there is no
    minimum.
    """
    hessian = -rho / rest
    np.fill_diagonal(hessian, 1.0 + (rho**2 / rest).sum(axis=1))
    try:
        factor = linalg.cho_factor(hessian, lower=True)
    except linalg.LinAlgError:
        return None
    inverse = linalg.cho_solve(factor, np.eye(len(rho)))
    return np.asarray(0.5 * (inverse + inverse.T))


def mutual_information(total: Array, pairs: Array) -> Array:
    """Mutual information (nats) of pairs of spins with means tanh(total) and these correlations.

    The diagonal is 0.
    """
    up, down = special.expit(2.0 * total), special.expit(-2.0 * total)
    information = np.zeros_like(pairs)
    quarter = 0.25 * pairs
    for first, second, sign in ((up, up, 1), (up, down, -1), (down, up, -1), (down, down, 1)):
        product = np.outer(first, second)
        joint = np.maximum(product + sign * quarter, 0.0)
        relative = np.divide(sign * quarter, product, out=np.zeros_like(pairs), where=product > 0)
        information += special.xlog1py(joint, np.maximum(relative, -1.0))
    np.fill_diagonal(information, 0.0)
    return information
