"""Clusters and hierarchy among machines (arXiv:2506.06789, Fig. 4)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster import hierarchy
from scipy.linalg import helmert
from scipy.spatial.distance import squareform

from openmm_thermalnet.analysis.overlaps import check_matrix
from openmm_thermalnet.arrays import plain_number
from openmm_thermalnet.errors import InputError, check_integer


@dataclass(frozen=True)
class OverlapClustering:
    """Complete-linkage clustering of machines.

    Attributes
    ----------
    linkage : ndarray, shape (n_machines - 1, 4)
        As `scipy.cluster.hierarchy.linkage`; heights are distances 1 - Q.
    order : ndarray of int, shape (n_machines,)
        Machines in the order of the dendrogram's leaves.
    matrix : ndarray, shape (n_machines, n_machines)
        The overlap matrix in that order.
    dendrogram : dict
        Coordinates for drawing (``icoord``, ``dcoord``, ``leaves``, ...), as
        `scipy.cluster.hierarchy.dendrogram` gives them with ``no_plot=True``.
    cophenetic : float
        Correlation between the distances and the heights at which pairs merge: 1 for a perfectly
        ultrametric set. nan with fewer than three machines, or if all distances are equal.
    """

    linkage: NDArray[np.float64]
    order: NDArray[np.int64]
    matrix: NDArray[np.float64]
    dendrogram: dict[str, Any]
    cophenetic: float

    def labels(self, n_clusters: int) -> NDArray[np.int64]:
        """Cluster of each machine, 1, 2, ..., when the dendrogram is cut into `n_clusters`.

        Raises
        ------
        InputError
            If there are not that many machines.
        """
        n_machines = self.order.size
        if not 1 <= check_integer("n_clusters", n_clusters) <= n_machines:
            raise InputError(
                f"{n_clusters} clusters of {n_machines} machines: give from 1 to {n_machines}"
            )
        return _cut(self.linkage, n_clusters)


@dataclass(frozen=True)
class Hierarchy:
    """Evidence that machines form clusters rather than one cloud.

    Attributes
    ----------
    cophenetic : float
        Cophenetic correlation of the machines with squared distances; 0 if all are equal.
    null_mean, null_sigma : float
        Mean and standard deviation of the same number for structureless clouds.
    score : float
        (cophenetic - null_mean) / null_sigma: about 0 for one cloud, 2 or more for clusters. It
        is bounded, since a correlation is at most 1: judge by `p_value`.
    p_value : float
        Fraction of structureless clouds that do as well, at least 1/(n_null + 1).
    n_clusters : int
        Number of clusters of the cut with the largest mean silhouette; 1 if `p_value` exceeds
        the significance asked for.
    labels : ndarray of int, shape (n_machines,)
        Cluster of each machine, 1, 2, ....
    n_tested : int
        Number of machines that the test was made with.
    """

    cophenetic: float
    null_mean: float
    null_sigma: float
    score: float
    p_value: float
    n_clusters: int
    labels: NDArray[np.int64]
    n_tested: int


def _link(distances: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Complete linkage of condensed distances, and its cophenetic correlation (or nan)."""
    linkage = hierarchy.linkage(distances, method="complete")
    merged = hierarchy.cophenet(linkage)
    if min(np.ptp(distances), np.ptp(merged)) <= 1e-12 * distances.max():
        return linkage, float("nan")
    return linkage, float(np.corrcoef(distances, merged)[0, 1])


def _cut(linkage: NDArray[np.float64], n_clusters: int) -> NDArray[np.int64]:
    return hierarchy.fcluster(linkage, n_clusters, criterion="maxclust").astype(np.int64)


def compute_overlap_clustering(matrix: ArrayLike) -> OverlapClustering:
    """Order machines by complete-linkage clustering with the distance 1 - Q.

    Parameters
    ----------
    matrix : array_like, shape (n_machines, n_machines)
        Overlaps, as from `compute_overlap_matrix`.

    Returns
    -------
    OverlapClustering

    Raises
    ------
    InputError
        If the matrix is not square, symmetric and finite with at least two machines.
    """
    overlap = check_matrix(matrix)
    distances = np.maximum(1.0 - overlap[np.triu_indices_from(overlap, k=1)], 0.0)
    linkage, cophenetic = _link(distances)
    drawing = hierarchy.dendrogram(linkage, no_plot=True)
    order = np.asarray(drawing["leaves"], dtype=np.int64)
    return OverlapClustering(
        linkage=linkage,
        order=order,
        matrix=overlap[np.ix_(order, order)],
        dendrogram=dict(drawing),
        cophenetic=cophenetic,
    )


def _silhouette(distances: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Mean silhouette; a machine alone in its cluster counts 0."""
    member = (labels[:, None] == np.unique(labels)).astype(np.float64)
    if member.shape[1] < 2:
        return 0.0
    counts = member.sum(axis=0)
    sums = distances @ member
    own_count = member @ counts
    own = (sums * member).sum(axis=1) / np.maximum(own_count - 1.0, 1.0)
    nearest = np.where(member > 0, np.inf, sums / counts).min(axis=1)
    largest = np.maximum(own, nearest)
    gain = np.divide(nearest - own, largest, out=np.zeros_like(own), where=largest > 0)
    return float(np.where(own_count > 1, gain, 0.0).mean())


def _best_cut(
    distances: NDArray[np.float64], linkage: NDArray[np.float64], max_clusters: int
) -> NDArray[np.int64]:
    cuts = [_cut(linkage, k) for k in range(2, max_clusters + 1)]
    return cuts[int(np.argmax([_silhouette(distances, labels) for labels in cuts]))]


def _squared_distances(gram: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Squared distances |x_a - x_b|^2 from inner products; rounding below `floor` becomes 0."""
    square = np.diag(gram)
    distances = square[:, None] + square[None, :] - (gram + gram.T)
    distances[distances < floor] = 0.0
    np.fill_diagonal(distances, 0.0)
    return distances


def compute_hierarchy(
    matrix: ArrayLike,
    *,
    max_clusters: int | None = None,
    significance: float = 0.01,
    n_null: int = 199,
    max_tested: int = 256,
    seed: int = 0,
) -> Hierarchy:
    """Test whether machines form clusters or one structureless cloud.

    The statistic is the cophenetic correlation of complete linkage with the squared distances
    Q^{aa} + Q^{bb} - 2 Q^{ab} (for normalised overlaps 2 (1 - Q), the dendrogram's own up to the
    factor): how nearly ultrametric the machines are. It is compared with clouds that have the same
    principal variances but no other structure: the eigenvalues of the centred overlap matrix are
    kept and its eigenvectors replaced by random ones.

    For machines drawn independently from one Gaussian, whatever its covariance, the eigenvectors
    *are* uniformly random given the eigenvalues, so the test is exact: the number of variables
    and the correlations between them need not be known, and pairs that share a machine are
    not taken as independent. A test on P(Q) alone (a mixture fit, a dip) counts every pair as
    independent and is blind to which machines have which overlap. Among the statistics tried with
    these clouds (best silhouette, cophenetic correlation of distances or of their ranks) the
    one used finds planted clusters most reliably. Give raw overlaps for the exact test;
    normalised ones change little unless norms differ much.

    The work of the test grows with the third power of the number of machines. Of more than
    `max_tested` it takes so many at random: the test stays exact, and overlooks clusters of which
    it draws too few machines. Clusters that are accepted are cut from the tree of all machines.

    The test does not tell one level of clusters from several: apply it again to the machines of
    one cluster to look for a level below. A machine far from all others counts as a cluster.

    Parameters
    ----------
    matrix : array_like, shape (n_machines, n_machines)
        Overlaps with their diagonal, as from `compute_overlap_matrix`.
    max_clusters : int, optional
        Finest cut tried; by default half the number of machines, at most 24.
    significance : float, default 0.01
        Largest p-value at which clusters are accepted.
    n_null : int, default 199
        Number of structureless clouds.
    max_tested : int, default 256
        Largest number of machines, at least 4, that the test is made with.
    seed : int, default 0
        Seed of the random eigenvectors, and of the choice of machines.

    Returns
    -------
    Hierarchy

    Raises
    ------
    InputError
        If the matrix is not square, symmetric and finite with at least four machines, or a
        parameter is out of range.
    """
    gram = check_matrix(matrix, least=4)
    n_machines = gram.shape[0]
    finest = min(n_machines // 2, 24)
    if max_clusters is not None:
        finest = check_integer("max_clusters", max_clusters)
    if not 2 <= finest < n_machines:
        raise InputError(
            f"max_clusters is {finest}: give from 2 to {n_machines - 1} for {n_machines} machines"
        )
    significance = plain_number("significance", significance)
    if check_integer("n_null", n_null) * significance < 1 - significance:
        raise InputError(
            f"{n_null} structureless clouds cannot resolve significance {significance}: "
            f"give n_null of at least {int(np.ceil(1 / significance)) - 1}"
        )
    check_integer("max_tested", max_tested, 4)
    rng = np.random.default_rng(check_integer("seed", seed))
    tested = gram
    if n_machines > max_tested:
        chosen = rng.choice(n_machines, max_tested, replace=False)
        tested = gram[np.ix_(chosen, chosen)]
    floor = 1e-12 * float(np.abs(np.diag(gram)).max())
    distances = _squared_distances(tested, floor)
    linkage, statistic = _link(squareform(distances, checks=False))
    statistic = 0.0 if np.isnan(statistic) else statistic

    basis = helmert(len(tested))
    variances = np.linalg.eigvalsh(basis @ tested @ basis.T)
    scale = np.sqrt(np.where(variances > floor, variances, 0.0))
    null = np.empty(n_null)
    for i in range(n_null):
        rotation = np.linalg.qr(rng.standard_normal((len(scale), len(scale))))[0]
        cloud = basis.T @ (rotation * scale)
        spread = _squared_distances(cloud @ cloud.T, floor)
        null[i] = _link(squareform(spread, checks=False))[1]
    null[np.isnan(null)] = 0.0

    p_value = (1 + int((null >= statistic).sum())) / (n_null + 1)
    sigma = float(null.std(ddof=1))
    labels = np.ones(n_machines, dtype=np.int64)
    if p_value <= significance:
        if len(tested) < n_machines:
            distances = _squared_distances(gram, floor)
            linkage = _link(squareform(distances, checks=False))[0]
        labels = _best_cut(distances, linkage, finest)
    return Hierarchy(
        cophenetic=statistic,
        null_mean=float(null.mean()),
        null_sigma=sigma,
        score=(statistic - float(null.mean())) / sigma if sigma > 0 else 0.0,
        p_value=p_value,
        n_clusters=int(np.unique(labels).size),
        labels=labels,
        n_tested=len(tested),
    )
