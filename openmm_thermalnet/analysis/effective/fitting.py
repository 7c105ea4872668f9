"""Couplings and fields from moments: the inverse Ising problem."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from openmm_thermalnet.analysis.effective.exact import (
    LARGEST,
    all_configurations,
    fit_exactly,
    probabilities,
)
from openmm_thermalnet.analysis.effective.learning import Match, learn
from openmm_thermalnet.analysis.effective.model import (
    Array,
    check_configurations,
    check_iterations,
    check_symmetric,
    check_vector,
)
from openmm_thermalnet.analysis.effective.moments import Moments, check_weights, compute_moments
from openmm_thermalnet.analysis.effective.pseudolikelihood import maximize
from openmm_thermalnet.arrays import plain_array, plain_number
from openmm_thermalnet.errors import ConvergenceWarning, InputError

Method = Literal["bethe", "pseudolikelihood", "exact"]

_AGREE = 1e-8
_REMEDY = {
    "bethe": "give more configurations, or their noise, or choose match='pairs'",
    "pseudolikelihood": "give more configurations, or a penalty l2",
    "exact": "give more configurations",
}


@dataclass(frozen=True)
class Fit:
    """Parameters of a fitted model; unpacks into couplings and fields.

    If `converged` is False, couplings and fields are nan.

    Attributes
    ----------
    couplings : ndarray, shape (N, N)
        K, symmetric, zero on the diagonal.
    fields : ndarray, shape (N,)
        h.
    method : {"bethe", "pseudolikelihood", "exact"}
        What was fitted.
    residual : float
        For "bethe", the largest difference between a correlation coefficient of the fitted model
        and of the data, or with `noise` its root mean square; for "pseudolikelihood", the largest
        slope that is left; for "exact", the largest difference between moments.
    iterations : int
        Steps of the method.
    converged : bool
        Whether the residual is within the tolerance.
    messages : ndarray, shape (N, N), or None
        For "bethe": where belief propagation of the fitted model has the moments of the data. A
        model with several states may end elsewhere from other messages.
    """

    couplings: Array
    fields: Array
    method: Method
    residual: float
    iterations: int
    converged: bool
    messages: Array | None = None

    def __iter__(self) -> Iterator[Array]:
        """Couplings and fields."""
        return iter((self.couplings, self.fields))


def fit(
    means: ArrayLike,
    correlations: ArrayLike,
    method: Method = "bethe",
    *,
    match: Match = "response",
    noise: float = 0.0,
    configurations: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    l2: float = 0.0,
    tolerance: float = 1e-6,
    max_iterations: int = 500,
) -> Fit:
    """Find the least structured model, P(s) ~ exp(sum K_ij s_i s_j + sum h_i s_i), of some moments.

    "bethe" is Boltzmann learning, dK ~ eta (C_data - C_model), with the correlations of `bethe` and
    at the means of the data. It starts where the Bethe approximation can be inverted directly,
    which mostly is already the end. The correlations of linear response, the default,
    are the more accurate ones, but where the noise of few configurations dominates no model has
    them; those of messages along the couplings (``match="pairs"``), which arXiv:2007.08093 uses,
    can be had more often.

    "pseudolikelihood" is the maximum of sum_i ln P(s_i | the others), an independent check. It
    takes more than two moments, so it needs the configurations themselves. Without them, and up to
    16 spins, those of the least structured distribution with these moments stand in (all of them,
    with their probabilities), and the answer is that of "exact".

    "exact" is Boltzmann learning with the exact moments, by enumeration, up to 16 spins.

    Parameters
    ----------
    means : array_like, shape (N,)
        <s_i>, between -1 and 1.
    correlations : array_like, shape (N, N)
        Connected correlations; the diagonal is not read, it is 1 - <s_i>^2.
    method : {"bethe", "pseudolikelihood", "exact"}
        See above.
    match : {"response", "pairs"}
        For "bethe": whether the data are the `correlations` of the model, or its
        `pair_correlations`.
    noise : float
        For "bethe": sampling error of the correlation coefficients, such as 1 / sqrt(n) for n
        independent configurations. Learning then starts without couplings and ends as soon as the
        root mean square mismatch is no larger than this, so that noise is not learned.
    configurations : array_like, shape (n, N), optional
        +1 and -1; for "pseudolikelihood". Their moments must be those given.
    weights : array_like, shape (n,), optional
        Relative weights of the configurations, as in `compute_moments`.
    l2 : float
        For "pseudolikelihood": l2 sum_{i<j} K_ij^2 is subtracted from the mean log-likelihood.
    tolerance : float
        Residual that counts as converged.
    max_iterations : int
        Steps after which the fit has not converged.

    Returns
    -------
    Fit

    Warns
    -----
    ConvergenceWarning
        If the method does not converge.

    Raises
    ------
    InputError
        If a spin never flips, the correlation matrix is not positive definite (as it cannot be
        when it was measured on N configurations or fewer), the method is unknown, or something
        it needs is missing.
    """
    if method not in ("bethe", "pseudolikelihood", "exact"):
        raise InputError(f"method {method!r} is unknown; choose bethe, pseudolikelihood or exact")
    if match not in ("response", "pairs"):
        raise InputError(f"match {match!r} is unknown; choose response or pairs")
    l2, noise = plain_number("l2", l2), plain_number("noise", noise)
    check_iterations(tolerance, max_iterations)
    if l2 and method != "pseudolikelihood":
        raise InputError(f"l2 is {l2} with method {method!r}; it belongs to pseudolikelihood")
    if noise < 0 or (noise and method != "bethe"):
        raise InputError(f"noise is {noise} with method {method!r}; it is 0 or more, for bethe")
    if l2 < 0:
        raise InputError(f"l2 is {l2}; give 0 or more")
    moments = check_moments(means, correlations)
    messages = None
    if method == "bethe":
        learned = learn(
            moments.means,
            moments.correlations,
            match=match,
            tolerance=tolerance,
            noise=noise,
            max_iterations=max_iterations,
        )
        K, h, iterations = learned.couplings, learned.fields, learned.iterations
        messages = learned.messages
        residual, tolerance = (learned.rms, noise) if noise else (learned.largest, tolerance)
    elif method == "exact":
        K, h, iterations = fit_exactly(moments.means, moments.correlations)
        spins = all_configurations(h.size)
        residual = _mismatch(moments, compute_moments(spins, probabilities(spins, K, h)))
    else:
        K, h, residual, iterations = _maximize(
            moments, configurations, weights, l2, tolerance, max_iterations
        )
    converged = residual <= tolerance
    if not converged:
        K, h = np.full_like(moments.correlations, np.nan), np.full_like(moments.means, np.nan)
        messages = None
        warnings.warn(
            f"the fit by {method} did not converge: residual {residual:.1e} after {iterations} "
            f"steps; {_REMEDY[method]}",
            ConvergenceWarning,
            stacklevel=2,
        )
    return Fit(K, h, method, residual, iterations, converged, messages)


def check_moments(means: ArrayLike, correlations: ArrayLike) -> Moments:
    """Moments that a model can have, with 1 - <s_i>^2 on the diagonal.

    Raises
    ------
    InputError
        If a mean is not between -1 and 1, or the correlation matrix is not positive definite.
    """
    m = check_vector("means", means)
    outside = np.abs(m) >= 1.0 - 1e-12
    if outside.any():
        where = int(np.argmax(outside))
        raise InputError(
            f"means[{where}] is {m[where]:g}, of a spin that never flips: leave it out, or measure "
            "more configurations"
        )
    given = np.array(plain_array("correlations", correlations), dtype=np.float64, ndmin=2)
    if given.shape == (m.size, m.size):
        np.fill_diagonal(given, (1.0 - m) * (1.0 + m))
    c = check_symmetric("correlations", given, m.size)
    deviations = np.sqrt(np.diag(c))
    lowest = float(linalg.eigvalsh(c / np.outer(deviations, deviations), subset_by_index=[0, 0])[0])
    if lowest < 1e-10:
        raise InputError(
            f"correlations are not positive definite (smallest eigenvalue {lowest:.1e}): "
            f"{m.size} spins need more than {m.size} independent configurations"
        )
    return Moments(m, c)


def _maximize(
    moments: Moments,
    configurations: ArrayLike | None,
    weights: ArrayLike | None,
    l2: float,
    tolerance: float,
    max_iterations: int,
) -> tuple[Array, Array, float, int]:
    """Pseudo-likelihood of configurations, or of the distribution that stands in for them."""
    size = moments.means.size
    if configurations is None:
        if size > LARGEST:
            raise InputError(
                f"pseudolikelihood of {size} spins needs the configurations: give configurations=, "
                "or choose method='bethe', which needs moments alone"
            )
        spins = all_configurations(size)
        p = probabilities(spins, *fit_exactly(moments.means, moments.correlations)[:2])
    else:
        spins = check_configurations(configurations).astype(np.float64)
        if spins.shape[1] != size:
            raise InputError(
                f"configurations have {spins.shape[1]} spins and means {size}: give the same ones"
            )
        p = check_weights(weights, len(spins))
        difference = _mismatch(moments, compute_moments(spins, p))
        if difference > _AGREE:
            raise InputError(
                f"the moments differ from those of the configurations by {difference:.1e}: "
                "give those of compute_moments(configurations)"
            )
    found = maximize(
        spins,
        p,
        np.zeros((size, size)),
        np.arctanh(moments.means),
        l2,
        0.5 * tolerance,
        max_iterations,
    )
    return found.couplings, found.fields, found.slope, found.iterations


def _mismatch(first: Moments, second: Moments) -> float:
    return float(
        max(
            np.abs(first.means - second.means).max(),
            np.abs(first.correlations - second.correlations).max(),
        )
    )
