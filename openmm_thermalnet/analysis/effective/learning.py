"""Boltzmann learning with the moments of belief propagation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from openmm_thermalnet.analysis.effective.bethe import solve
from openmm_thermalnet.analysis.effective.inverse import invert_response, model_of_pairs
from openmm_thermalnet.analysis.effective.model import Array
from openmm_thermalnet.analysis.effective.propagation import propagate
from openmm_thermalnet.errors import ConvergenceWarning

Match = Literal["response", "pairs"]

_PROPAGATION_STEPS = 400  # more would only find that a trial is no good
_FIRST_RATE, _LEAST_RATE, _LARGEST_RATE = 0.5, 1e-4, 1.0


@dataclass(frozen=True)
class _State:
    """A model, and what its moments lack in units of the spins' standard deviations."""

    couplings: Array
    fields: Array
    messages: Array
    lacking_means: Array
    lacking_correlations: Array

    @property
    def mismatch(self) -> float:
        return float(max(np.abs(self.lacking_means).max(), np.abs(self.lacking_correlations).max()))


def learn(
    means: Array,
    correlations: Array,
    tolerance: float = 1e-6,
    max_iterations: int = 500,
    start: tuple[Array, Array] | None = None,
    match: Match = "response",
) -> tuple[Array, Array, float, int]:
    """Ascend the likelihood with Bethe moments until they are those of the data.

    dK_ij = eta (C_ij - C_ij(model)) / ((1 - m_i^2)(1 - m_j^2)), dh_i = eta (m_i - m_i(model)) /
    (1 - m_i^2) - sum_j dK_ij m_j, so that couplings are learned at fixed means. A step that lowers
    the mismatch makes the next one longer; one that raises it, or leads to where messages do not
    converge, is taken back and halved.

    Parameters
    ----------
    means, correlations : ndarray
        Of the data, checked.
    tolerance : float
        Mismatch of moments, in standard deviations of the spins, at which learning ends.
    max_iterations : int
        Steps after which it is given up.
    start : tuple of ndarray, optional
        K and h to start from; by default the inverted Bethe approximation, and where that has no
        solution independent spins.
    match : {"response", "pairs"}
        Which correlations of the Bethe approximation are C(model).

    Returns
    -------
    couplings, fields : ndarray
    mismatch : float
        inf if messages did not even converge at the start.
    iterations : int
    """
    deviations = np.sqrt((1.0 - means) * (1.0 + means))

    def state_at(K: Array, h: Array, messages: Array | None) -> _State | None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # such a step is taken back
            reached = propagate(K, h, messages, max_iterations=_PROPAGATION_STEPS)
            model = solve(K, h, reached)
        if not model.converged:
            return None
        found = model.correlations if match == "response" else model.pair_correlations
        lacking = (correlations - found) / np.outer(deviations, deviations)
        np.fill_diagonal(lacking, 0.0)
        return _State(K, h, model.messages, (means - model.means) / deviations, lacking)

    independent = np.zeros_like(correlations), np.arctanh(means)
    first_K, first_h = start or _inverted(means, correlations, match) or independent
    state = state_at(first_K, first_h, None) or state_at(*independent, None)
    rate, iteration = _FIRST_RATE, 0
    while state is not None and state.mismatch > tolerance and iteration < max_iterations:
        iteration += 1
        slope = state.lacking_correlations / np.outer(deviations, deviations)
        shift = state.lacking_means / deviations - slope @ means
        trial = state_at(
            state.couplings + rate * slope, state.fields + rate * shift, state.messages
        )
        if trial is not None and trial.mismatch < state.mismatch:
            state, rate = trial, min(1.2 * rate, _LARGEST_RATE)
        elif rate > _LEAST_RATE:
            rate *= 0.5
        else:
            break
    if state is None:
        return *independent, np.inf, iteration
    return state.couplings, state.fields, state.mismatch, iteration


def _inverted(means: Array, correlations: Array, match: Match) -> tuple[Array, Array] | None:
    """The inverted Bethe approximation, where it has a solution."""
    pairs = invert_response(correlations) if match == "response" else correlations
    if pairs is None:
        return None
    K, h = model_of_pairs(means, pairs)
    return (K, h) if np.isfinite(K).all() and np.isfinite(h).all() else None
