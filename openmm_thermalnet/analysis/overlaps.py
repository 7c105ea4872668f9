"""Overlaps between machines: the design space (arXiv:2506.06789, Fig. 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from openmm_thermalnet.analysis._frames import check_samples
from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError, check_integer


@dataclass(frozen=True)
class GaussianFit:
    """A Gaussian with the mean and standard deviation of the overlaps (maximum likelihood).

    Attributes
    ----------
    mean, sigma : float
        Its mean and standard deviation.
    ks_distance : float
        Goodness: the largest difference between the cumulative distributions of overlaps and fit,
        0 for a perfect fit, 0.34 for two sharp peaks of equal weight. Pairs
        that share a machine are not independent, so no p-value is attached. nan if sigma is 0.
    """

    mean: float
    sigma: float
    ks_distance: float


@dataclass(frozen=True)
class PairDistribution:
    """Distribution of the overlaps of one class of pairs.

    Attributes
    ----------
    n_pairs : int
        Number of pairs a < b.
    density : ndarray, shape (n_bins,)
        Histogram that integrates to 1 over the bins (to the fraction inside them, if the edges
        leave some out).
    fit : GaussianFit
    """

    n_pairs: int
    density: NDArray[np.float64]
    fit: GaussianFit


@dataclass(frozen=True)
class OverlapDistribution:
    """P(Q) over pairs of machines.

    Attributes
    ----------
    edges : ndarray, shape (n_bins + 1,)
        Bin edges shared by the three histograms.
    total : PairDistribution
        All pairs.
    same, other : PairDistribution or None
        Pairs of the same sample and of two samples; None if there is no such pair, or the samples
        were not given.
    """

    edges: NDArray[np.float64]
    total: PairDistribution
    same: PairDistribution | None
    other: PairDistribution | None


def check_matrix(matrix: ArrayLike, least: int = 2) -> NDArray[np.float64]:
    """Validate a symmetric overlap matrix of at least `least` machines.

    Raises
    ------
    InputError
        If it is not square, symmetric and finite, or too small.
    """
    array = plain_array("overlap matrix", matrix, np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise InputError(f"overlap matrix has shape {array.shape}: give a square one")
    if array.shape[0] < least:
        raise InputError(f"overlap matrix holds {array.shape[0]} machines: give at least {least}")
    if not np.isfinite(array).all():
        raise InputError("overlap matrix holds values that are not finite: leave out zero machines")
    if not np.allclose(array, array.T, rtol=0.0, atol=1e-10):
        raise InputError("overlap matrix is not symmetric: give Q[a, b] = Q[b, a]")
    return array


def compute_overlap_matrix(
    machines: ArrayLike | Sequence[ArrayLike], *, normalized: bool = False
) -> NDArray[np.float64]:
    """Overlaps between all pairs of machines.

    Raw, Q^{ab} = (1/n) sum_i x_i^a x_i^b; normalised, sum x^a x^b / sqrt(sum (x^a)^2 sum (x^b)^2).
    The machines may be weights or spins of one layer, or the +-1 internal representations of the
    test images.

    Parameters
    ----------
    machines : array_like, shape (n_machines, n)
        One configuration per machine, flattened.
    normalized : bool, default False
        Divide by the norms.

    Returns
    -------
    ndarray, shape (n_machines, n_machines)
        Symmetric; normalised, the diagonal is 1, and rows of a machine that is exactly 0 are nan.

    Raises
    ------
    InputError
        If machines have different numbers of variables, or there is none.
    """
    if not isinstance(machines, np.ndarray) and isinstance(machines, Sequence):
        sizes = sorted({np.size(machine) for machine in machines})
        if len(sizes) > 1:
            raise InputError(
                f"machines have {sizes[0]} and {sizes[-1]} variables: give replicas of one network"
            )
    x: NDArray[np.float64] = plain_array("machines", machines, np.float64)
    if x.ndim != 2 or x.size == 0:
        raise InputError(f"machines have shape {x.shape}: give (machines, variables)")
    if not np.isfinite(x).all():
        raise InputError("machines hold values that are not finite: leave those machines out")
    gram = x @ x.T
    if not normalized:
        raw: NDArray[np.float64] = gram / x.shape[1]
        return raw
    square = np.diag(gram)
    norms = np.sqrt(np.outer(square, square))
    overlap = np.divide(gram, norms, out=np.full_like(gram, np.nan), where=norms > 0)
    np.fill_diagonal(overlap, np.where(square > 0, 1.0, np.nan))
    return overlap


def _fit(values: NDArray[np.float64]) -> GaussianFit:
    mean, sigma = float(values.mean()), float(values.std())
    if sigma <= 1e-12:
        return GaussianFit(mean, 0.0, float("nan"))
    distance = stats.kstest(values, stats.norm(mean, sigma).cdf).statistic
    return GaussianFit(mean, sigma, float(distance))


def _distribution(values: NDArray[np.float64], edges: NDArray[np.float64]) -> PairDistribution:
    counts = np.histogram(values, edges)[0]
    return PairDistribution(values.size, counts / (values.size * np.diff(edges)), _fit(values))


def compute_overlap_distribution(
    matrix: ArrayLike,
    sample: ArrayLike | None = None,
    *,
    bins: int = 50,
    limits: tuple[float, float] | None = None,
) -> OverlapDistribution:
    """Distribution P(Q) of the overlaps between machines, with Gaussian fits.

    Parameters
    ----------
    matrix : array_like, shape (n_machines, n_machines)
        Overlaps, as from `compute_overlap_matrix`.
    sample : array_like of int, shape (n_machines,), optional
        The sample of each machine, to separate pairs of the same from pairs of two samples.
    bins : int, default 50
        Number of bins.
    limits : tuple of float, optional
        First and last bin edge; by default the range of the overlaps.

    Returns
    -------
    OverlapDistribution

    Raises
    ------
    InputError
        If the matrix is not square and symmetric with at least two machines, `sample` does not
        match it, or bins or limits are empty.
    """
    overlap = check_matrix(matrix)
    upper = np.triu_indices_from(overlap, k=1)
    values = overlap[upper]
    check_integer("bins", bins, 1)
    low, high = plain_array("limits", limits or (values.min(), values.max()), np.float64).tolist()
    if limits is None and high - low < 1e-12:
        low, high = low - 0.01, high + 0.01
    if not low < high:
        raise InputError(f"limits go from {low} to {high}: give them ascending")
    edges = np.linspace(low, high, bins + 1)
    total = _distribution(values, edges)
    if sample is None:
        return OverlapDistribution(edges, total, None, None)
    slots = check_samples(sample).slots
    if slots.size != overlap.shape[0]:
        raise InputError(
            f"sample has {slots.size} entries for {overlap.shape[0]} machines: give one per machine"
        )
    same = slots[upper[0]] == slots[upper[1]]
    return OverlapDistribution(
        edges,
        total,
        _distribution(values[same], edges) if same.any() else None,
        _distribution(values[~same], edges) if not same.all() else None,
    )
