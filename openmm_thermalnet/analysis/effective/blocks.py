"""What an ensemble of binary weights says of one block: magnetisations, correlations, entropy.

Configurations are arrays (R, T, N): R independent runs or replicas, T frames of each, N weights of
the block, +1 and -1. A null ensemble permutes the runs of every weight on its own: each weight
keeps its mean and its history, and the weights become independent. What is left in it is noise.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.analysis.effective.bethe import bethe, mutual_information, solve
from openmm_thermalnet.analysis.effective.learning import learn
from openmm_thermalnet.analysis.effective.model import (
    Array,
    binary_entropy,
    check_configurations,
)
from openmm_thermalnet.analysis.effective.moments import Moments, compute_moments
from openmm_thermalnet.analysis.effective.propagation import propagate
from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import ConvergenceWarning, InputError

Spins = NDArray[np.int8]

_SAME = 1e-4  # between means of the data and of the model


@dataclass(frozen=True)
class Block:
    """Statistics of the weights of one block. Entropies are in nats per weight.

    Attributes
    ----------
    weights, runs, configurations : int
        N, R and R T.
    frozen : int
        Weights that have one value in all configurations.
    magnetisation : float
        Mean of |<s_i>|, as measured: noise makes it positive.
    overlap : float
        Mean over pairs of different runs of (1/N) sum_i s_i s'_i, an unbiased mean of <s_i>^2; nan
        for a single run.
    rms_correlation : float
        Root mean square of the connected correlations of pairs i < j, as measured.
    information : float
        Mutual information of all pairs, per weight. Where pairs are few and weak it is the entropy
        that correlations cost; where many weights vary together it counts the same more than once.
    independent_entropy : float
        Mean entropy of the weights one by one; with R > 1 corrected for the finite number of runs
        by the jackknife.
    """

    weights: int
    runs: int
    configurations: int
    frozen: int
    magnetisation: float
    overlap: float
    rms_correlation: float
    information: float
    independent_entropy: float


@dataclass(frozen=True)
class BlockFit:
    """The least structured model of one block.

    Attributes
    ----------
    couplings, fields : ndarray, shapes (n, n) and (n,)
        Of the weights that are free to flip.
    free : ndarray of int, shape (n,)
        Which those are.
    entropy : float
        Nats per weight of the whole block; weights that never flip have none.
    unique : bool
        Whether belief propagation also finds the means of the data from no messages; if not, the
        model has several states, and this one is that of the data.
    mismatch : float
        Root mean square difference of the correlation coefficients of model and data.
    noise : float
        What it was to be within.
    """

    couplings: Array
    fields: Array
    free: NDArray[np.intp]
    entropy: float
    unique: bool
    mismatch: float
    noise: float


def check_runs(configurations: ArrayLike) -> Spins:
    """Configurations (R, T, N) of +1 and -1.

    Raises
    ------
    InputError
        If they are none.
    """
    given = plain_array("configurations", configurations)
    if given.ndim != 3 or given.size == 0:
        raise InputError(
            f"configurations have shape {given.shape}: give (runs, frames, weights), one frame if "
            "the runs have no more"
        )
    return check_configurations(given.reshape(-1, given.shape[2])).reshape(given.shape)


def compute_block(configurations: ArrayLike) -> Block:
    """Magnetisations, correlations and the entropy of single weights of one block.

    Parameters
    ----------
    configurations : array_like, shape (R, T, N)
        +1 and -1; frames of one run may be correlated, runs must be independent.

    Raises
    ------
    InputError
        If the shape is another one or a value is not +1 or -1.
    """
    s = check_runs(configurations)
    R, T, N = s.shape
    moments = compute_moments(s.reshape(-1, N))
    upper = np.triu_indices(N, k=1)
    run_means = s.mean(axis=1, dtype=np.float64)
    total = run_means.sum(axis=0)
    overlap, entropy = float("nan"), float(binary_entropy(moments.means).mean())
    if R > 1:
        overlap = float(((total**2 - (run_means**2).sum(axis=0)) / (R * (R - 1))).mean())
        left_out = binary_entropy((total - run_means) / (R - 1)).mean()
        entropy = R * entropy - (R - 1) * float(left_out)
    return Block(
        weights=N,
        runs=R,
        configurations=R * T,
        frozen=int((np.abs(moments.means) >= 1.0).sum()),
        magnetisation=float(np.abs(moments.means).mean()),
        overlap=overlap,
        rms_correlation=float(np.sqrt((moments.correlations[upper] ** 2).mean())) if N > 1 else 0.0,
        information=_information(moments),
        independent_entropy=entropy,
    )


def shuffle_runs(configurations: ArrayLike, rng: np.random.Generator) -> Spins:
    """The null ensemble: the runs of every weight permuted on their own.

    Parameters
    ----------
    configurations : array_like, shape (R, T, N)
        +1 and -1.
    rng : numpy Generator
        Source of the permutations.
    """
    s = check_runs(configurations)
    order = rng.permuted(np.broadcast_to(np.arange(s.shape[0])[:, None], s.shape[::2]), axis=0)
    return np.asarray(np.take_along_axis(s, order[:, None, :], axis=0))


def fit_block(configurations: ArrayLike, noise: float) -> BlockFit | None:
    """Fit the least structured model to one block, with Bethe moments, to within their noise.

    Parameters
    ----------
    configurations : array_like, shape (R, T, N)
        +1 and -1.
    noise : float
        Root mean square of the correlation coefficients that independent weights would show; see
        `coefficient_noise`.

    Returns
    -------
    BlockFit or None
        None if the correlations cannot be reached.

    Raises
    ------
    InputError
        If there are not more configurations than weights that flip.
    """
    s = check_runs(configurations)
    flat = s.reshape(-1, s.shape[2])
    moments = compute_moments(flat)
    free = np.flatnonzero(np.abs(moments.means) < 1.0)
    if free.size == 0:
        raise InputError("no weight ever flips: give configurations that differ")
    if len(flat) <= free.size:
        raise InputError(
            f"{len(flat)} configurations are too few for the correlations of {free.size} weights: "
            f"give more than {free.size}"
        )
    means, correlations = moments.means[free], moments.correlations[np.ix_(free, free)]
    found = learn(means, correlations, noise=noise)
    if found.rms > noise:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # None and `unique` say it
        there = propagate(found.couplings, found.fields, found.messages)
        solved = solve(found.couplings, found.fields, there)
        anew = bethe(found.couplings, found.fields)
    if not solved.converged or np.abs(solved.means - means).max() > _SAME:
        return None
    return BlockFit(
        found.couplings,
        found.fields,
        free,
        entropy=solved.entropy * free.size / flat.shape[1],
        unique=anew.converged and bool(np.abs(anew.means - means).max() < _SAME),
        mismatch=found.rms,
        noise=noise,
    )


def coefficient_noise(null: ArrayLike) -> float:
    """Root mean square of the correlation coefficients of weights that flip, in a null ensemble.

    Parameters
    ----------
    null : array_like, shape (R, T, N)
        From `shuffle_runs`.
    """
    s = check_runs(null)
    moments = compute_moments(s.reshape(-1, s.shape[2]))
    free = np.flatnonzero(np.abs(moments.means) < 1.0)
    deviations = np.sqrt(np.diag(moments.correlations))[free]
    coefficients = moments.correlations[np.ix_(free, free)] / np.outer(deviations, deviations)
    upper = np.triu_indices(free.size, k=1)
    return float(np.sqrt((coefficients[upper] ** 2).mean())) if free.size > 1 else 0.0


def _information(moments: Moments) -> float:
    """Mutual information of all pairs per weight, from the moments alone."""
    with np.errstate(divide="ignore"):
        fields = np.arctanh(moments.means)
    return 0.5 * float(mutual_information(fields, moments.correlations).sum()) / fields.size
