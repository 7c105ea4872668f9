"""Boltzmann learning with the moments of the Bethe approximation.

At given means m the messages need not be iterated: the two of a coupling follow from K_ij, m_i and
m_j alone, and with them the correlation of the pair; the fields are then those that give m. So the
means are kept at those of the data, and the couplings learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from openmm_thermalnet.analysis.effective.bethe import linear_response
from openmm_thermalnet.analysis.effective.inverse import (
    couplings_of_pairs,
    invert_response,
    messages_of_pairs,
    pairs_of_couplings,
)
from openmm_thermalnet.analysis.effective.model import STRONGEST, Array

Match = Literal["response", "pairs"]

_FIRST_RATE, _LEAST_RATE, _LARGEST_RATE = 0.5, 1e-4, 1.0


@dataclass(frozen=True)
class Learned:
    """Where learning ended.

    Attributes
    ----------
    couplings, fields : ndarray
        K and h.
    messages : ndarray, shape (N, N)
        Of the Bethe approximation at the means of the data.
    largest, rms : float
        Largest and root mean square difference between the correlation coefficients of the model
        and of the data; inf if there is no model.
    iterations : int
        Steps.
    """

    couplings: Array
    fields: Array
    messages: Array
    largest: float
    rms: float
    iterations: int


@dataclass(frozen=True)
class _State:
    """Couplings, the correlations of pairs that they give, and those compared with the data."""

    couplings: Array
    pairs: Array
    found: Array
    lacking: Array

    @property
    def largest(self) -> float:
        return float(np.abs(self.lacking).max())

    @property
    def rms(self) -> float:
        size = len(self.lacking)
        return float(np.sqrt((self.lacking**2).sum() / max(size * (size - 1), 1)))


def learn(
    means: Array,
    correlations: Array,
    *,
    match: Match = "response",
    tolerance: float = 1e-6,
    noise: float = 0.0,
    max_iterations: int = 500,
    start: Array | None = None,
) -> Learned:
    """Raise the likelihood with Bethe moments until the correlations are those of the data.

    dK_ij = eta (k(C_ij) - k(C_ij(model))), where k(C) is the coupling that two spins on their own
    would need for C at their means. To first order that is eta (C_ij - C_ij(model)) / ((1 - m_i^2)
    (1 - m_j^2)), the gradient of the likelihood in natural units; k also holds for spins that
    seldom flip. A step that lowers the mismatch makes the next one longer; one that raises it, or
    leads to where the Bethe free energy has no minimum, is taken back and halved.

    Parameters
    ----------
    means, correlations : ndarray
        Of the data, checked.
    match : {"response", "pairs"}
        Which correlations of the Bethe approximation are C(model).
    tolerance : float
        Largest mismatch at which learning ends.
    noise : float
        Root mean square mismatch at which it ends as well.
    max_iterations : int
        Steps after which it is given up.
    start : ndarray, optional
        K to start from; by default no couplings if there is noise, else the inverted Bethe
        approximation, where that has a solution.
    """
    deviations = np.sqrt((1.0 - means) * (1.0 + means))
    scale = np.outer(deviations, deviations)
    wanted = correlations / scale
    np.fill_diagonal(wanted, 0.0)
    target = couplings_of_pairs(means, wanted * scale)

    def state_at(K: Array) -> _State | None:
        pairs = pairs_of_couplings(means, K)
        rho = pairs / scale
        np.fill_diagonal(rho, 0.0)
        response = linear_response(rho, (1.0 - rho) * (1.0 + rho))
        if response is None:
            return None
        found = response if match == "response" else rho
        np.fill_diagonal(found, 0.0)
        return _State(K, pairs, found, wanted - found)

    state = state_at(np.zeros_like(wanted) if start is None else start)
    if start is None and noise <= 0.0:
        direct = _inverted(means, correlations, match)
        state = (None if direct is None else state_at(direct)) or state
    rate, iteration = _FIRST_RATE, 0
    while (
        state is not None
        and state.largest > tolerance
        and state.rms > noise
        and iteration < max_iterations
    ):
        iteration += 1
        step = target - couplings_of_pairs(means, state.found * scale)
        trial = state_at(np.clip(state.couplings + rate * step, -STRONGEST, STRONGEST))
        if trial is not None and trial.rms < state.rms:
            state, rate = trial, min(1.2 * rate, _LARGEST_RATE)
        elif rate > _LEAST_RATE:
            rate *= 0.5
        else:
            break
    if state is None:
        none = np.zeros_like(wanted)
        return Learned(none, np.arctanh(means), none, np.inf, np.inf, iteration)
    u = messages_of_pairs(means, state.pairs)
    h = np.arctanh(means) - u.sum(axis=0)
    return Learned(state.couplings, h, u, state.largest, state.rms, iteration)


def _inverted(means: Array, correlations: Array, match: Match) -> Array | None:
    """Couplings of the inverted Bethe approximation, where it has a solution."""
    pairs = invert_response(correlations) if match == "response" else correlations
    return None if pairs is None else couplings_of_pairs(means, pairs)
