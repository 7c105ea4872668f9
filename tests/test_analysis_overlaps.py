"""Overlaps of machines, their distribution, clusters and hierarchy."""

import math

import numpy as np
import pytest
from scipy import stats

from openmm_thermalnet import analysis
from openmm_thermalnet.errors import InputError


def cluster_machines(rng, labels, within, n):
    """Machines of unit variance with overlap `within` in a cluster and 0 between clusters."""
    centres = rng.normal(size=(labels.max() + 1, n))
    noise = rng.normal(size=(labels.size, n))
    return math.sqrt(within) * centres[labels] + math.sqrt(1 - within) * noise


def two_level_machines(rng, n):
    """Two families of two clusters of six: overlaps 0.9 inside, 0.5 in the family, 0 outside."""
    fine = np.repeat(np.arange(4), 6)
    family, cluster = rng.normal(size=(2, n)), rng.normal(size=(4, n))
    noise = rng.normal(size=(24, n))
    machines = (
        math.sqrt(0.5) * family[fine // 2] + math.sqrt(0.4) * cluster[fine] + math.sqrt(0.1) * noise
    )
    return machines, fine


def same_partition(first, second):
    return np.array_equal(first[:, None] == first, second[:, None] == second)


def test_overlap_matrix_raw_and_normalised():
    x = np.array([[1.0, -1.0], [1.0, 1.0], [0.5, -0.5], [0.0, 0.0]])
    raw = analysis.compute_overlap_matrix(x)
    np.testing.assert_allclose(raw[:3, :3], [[1, 0, 0.5], [0, 1, 0], [0.5, 0, 0.25]])
    normalised = analysis.compute_overlap_matrix(list(x), normalized=True)
    np.testing.assert_allclose(normalised[:3, :3], [[1, 0, 1], [0, 1, 0], [1, 0, 1]])
    assert np.isnan(normalised[3]).all()


def test_one_gaussian_around_zero():
    rng = np.random.default_rng(0)
    n = 1000
    matrix = analysis.compute_overlap_matrix(rng.uniform(-1, 1, (60, n)))
    got = analysis.compute_overlap_distribution(matrix, bins=30)
    fit = got.total.fit
    sigma = 1 / (3 * math.sqrt(n))
    n_pairs = 60 * 59 / 2
    assert got.total.n_pairs == n_pairs
    assert abs(fit.mean) < 4 * sigma / math.sqrt(n_pairs)
    assert fit.sigma == pytest.approx(sigma, abs=4 * sigma / math.sqrt(2 * n_pairs))
    assert fit.ks_distance < 1.63 / math.sqrt(n_pairs)
    assert (got.total.density * np.diff(got.edges)).sum() == pytest.approx(1)
    assert got.same is None


def test_two_planted_clusters_show_in_distribution_and_dendrogram():
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat([0, 1], [9, 7]))
    n = 4000
    machines = cluster_machines(rng, labels, 0.7, n)
    matrix = analysis.compute_overlap_matrix(machines, normalized=True)
    got = analysis.compute_overlap_distribution(matrix, labels, bins=200, limits=(-1, 1))
    assert got.same.n_pairs == 36 + 21
    assert got.other.n_pairs == 63
    # the two centres have themselves a random overlap of order 1/sqrt(n)
    assert got.same.fit.mean == pytest.approx(0.7, abs=4 / math.sqrt(n))
    assert got.other.fit.mean == pytest.approx(0.0, abs=4 / math.sqrt(n))
    centres = (got.edges[1:] + got.edges[:-1]) / 2
    assert centres[got.same.density.argmax()] == pytest.approx(0.7, abs=0.05)
    assert got.total.fit.ks_distance > 0.2
    assert not ((got.total.density > 0) & (centres > 0.1) & (centres < 0.6)).any()
    clustering = analysis.compute_overlap_clustering(matrix)
    assert same_partition(clustering.labels(2), labels)
    assert clustering.cophenetic > 0.98
    ordered = labels[clustering.order]
    assert (np.diff(ordered) != 0).sum() == 1
    np.testing.assert_array_equal(clustering.matrix, matrix[np.ix_(*[clustering.order] * 2)])
    assert clustering.dendrogram["leaves"] == clustering.order.tolist()
    assert clustering.linkage[-1, 2] == pytest.approx(1.0, abs=0.1)


def test_linkage_is_complete_with_distance_one_minus_overlap():
    matrix = np.array([[1.0, 0.9, 0.6], [0.9, 1.0, 0.4], [0.6, 0.4, 1.0]])
    got = analysis.compute_overlap_clustering(matrix)
    np.testing.assert_allclose(got.linkage[:, 2], [0.1, 0.6])
    expected = np.corrcoef([0.1, 0.4, 0.6], [0.1, 0.6, 0.6])[0, 1]
    assert got.cophenetic == pytest.approx(expected)


def test_samples_without_replicas_have_no_pairs_of_the_same():
    matrix = np.eye(3) * 0.9 + 0.1
    got = analysis.compute_overlap_distribution(matrix, [0, 1, 2])
    assert got.same is None
    assert got.other.n_pairs == 3
    assert got.other.fit.sigma == 0
    assert math.isnan(got.other.fit.ks_distance)
    assert math.isnan(analysis.compute_overlap_clustering(matrix).cophenetic)


CLOUDS = {
    "many variables": np.ones(500),
    "few variables": np.ones(3),
    "one dominant direction": np.r_[10.0, np.ones(60)],
    "offset": np.r_[3.0, 3.0, np.full(100, 0.2)],
}


@pytest.mark.parametrize("spread", CLOUDS.values(), ids=CLOUDS.keys())
def test_one_cloud_has_uniform_p_values(spread):
    rng = np.random.default_rng(2)
    p_values = []
    for trial in range(200):
        machines = 2.0 + spread * rng.normal(size=(9, spread.size))
        got = analysis.compute_hierarchy(
            analysis.compute_overlap_matrix(machines), n_null=19, significance=0.05, seed=trial
        )
        p_values.append(got.p_value - rng.uniform(0, 1 / 20))  # spread the steps of 1/20
    assert stats.kstest(p_values, "uniform").pvalue > 0.003


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("sizes", [(8, 8), (3, 3, 3), (10, 5), (4, 4, 4, 4)])
def test_planted_clusters_are_told_from_a_cloud(sizes, normalized):
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    machines = cluster_machines(rng, labels, 0.6, 500)
    got = analysis.compute_hierarchy(
        analysis.compute_overlap_matrix(machines, normalized=normalized)
    )
    assert got.p_value <= 0.01
    assert got.score > 2
    assert got.n_clusters == len(sizes)
    assert same_partition(got.labels, labels)


def test_some_of_many_machines_are_tested_and_all_are_cut():
    rng = np.random.default_rng(8)
    labels = rng.permutation(np.repeat(np.arange(5), 60))
    matrix = analysis.compute_overlap_matrix(cluster_machines(rng, labels, 0.6, 500))
    got = analysis.compute_hierarchy(matrix, max_tested=20)
    assert (got.n_tested, got.n_clusters) == (20, 5)
    assert got.p_value <= 0.01
    assert same_partition(got.labels, labels)
    chosen = np.random.default_rng(0).choice(300, 20, replace=False)
    tested = analysis.compute_hierarchy(matrix[np.ix_(chosen, chosen)])
    np.testing.assert_allclose(got.cophenetic, tested.cophenetic)
    cloud = analysis.compute_overlap_matrix(rng.normal(size=(300, 400)))
    got = analysis.compute_hierarchy(cloud, max_tested=20)
    assert (got.n_tested, got.n_clusters, got.labels.size) == (20, 1, 300)
    assert analysis.compute_hierarchy(matrix[:20, :20], n_null=99).n_tested == 20


def test_a_choice_of_machines_leaves_p_values_uniform():
    rng = np.random.default_rng(9)
    p_values = []
    for trial in range(200):
        machines = 2.0 + CLOUDS["one dominant direction"] * rng.normal(size=(15, 61))
        got = analysis.compute_hierarchy(
            analysis.compute_overlap_matrix(machines),
            n_null=19,
            significance=0.05,
            max_tested=7,
            seed=trial,
        )
        p_values.append(got.p_value - rng.uniform(0, 1 / 20))
    assert stats.kstest(p_values, "uniform").pvalue > 0.003


def test_cloud_is_one_cluster():
    rng = np.random.default_rng(4)
    got = analysis.compute_hierarchy(analysis.compute_overlap_matrix(rng.normal(size=(20, 300))))
    assert abs(got.score) < 3
    assert got.n_clusters == 1
    assert (got.labels == 1).all()


def test_two_levels_are_found_one_inside_the_other():
    rng = np.random.default_rng(5)
    machines, fine = two_level_machines(rng, 2000)
    matrix = analysis.compute_overlap_matrix(machines, normalized=True)
    clustering = analysis.compute_overlap_clustering(matrix)
    assert same_partition(clustering.labels(2), fine // 2)
    assert same_partition(clustering.labels(4), fine)
    assert clustering.cophenetic > 0.98
    whole = analysis.compute_hierarchy(matrix)
    assert whole.n_clusters in (2, 4)
    assert whole.score > 3
    family, single = np.flatnonzero(fine // 2 == 0), np.flatnonzero(fine == 0)
    assert analysis.compute_hierarchy(matrix[np.ix_(family, family)]).n_clusters == 2
    assert analysis.compute_hierarchy(matrix[np.ix_(single, single)]).n_clusters == 1
    # a flat pair of clusters has nothing below
    flat = np.repeat([0, 1], 12)
    other = analysis.compute_overlap_matrix(cluster_machines(rng, flat, 0.9, 2000), normalized=True)
    assert analysis.compute_hierarchy(other[:12, :12]).n_clusters == 1


def test_identical_machines_have_no_structure():
    rng = np.random.default_rng(6)
    same = np.repeat(rng.uniform(-1, 1, (1, 50)), 6, axis=0)
    got = analysis.compute_hierarchy(analysis.compute_overlap_matrix(same))
    assert (got.score, got.p_value, got.n_clusters) == (0.0, 1.0, 1)


def test_result_depends_only_on_the_seed():
    matrix = analysis.compute_overlap_matrix(np.random.default_rng(7).normal(size=(8, 30)))
    assert (
        analysis.compute_hierarchy(matrix, seed=1).null_mean
        == analysis.compute_hierarchy(matrix, seed=1).null_mean
        != analysis.compute_hierarchy(matrix, seed=2).null_mean
    )


@pytest.mark.parametrize(
    ("machines", "message"),
    [
        ([np.zeros(3), np.zeros(5)], "3 and 5 variables"),
        (np.zeros(3), "machines, variables"),
        (np.zeros((0, 3)), "machines, variables"),
        (np.full((2, 3), np.nan), "not finite"),
    ],
)
def test_bad_machines(machines, message):
    with pytest.raises(InputError, match=message):
        analysis.compute_overlap_matrix(machines)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((2, 3)), "square"),
        (np.ones((1, 1)), "at least 2"),
        (np.full((2, 2), np.nan), "not finite"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), "not symmetric"),
    ],
)
def test_bad_matrix(matrix, message):
    for function in (analysis.compute_overlap_distribution, analysis.compute_overlap_clustering):
        with pytest.raises(InputError, match=message):
            function(matrix)


def test_bad_options():
    matrix = np.eye(4)
    with pytest.raises(InputError, match="3 entries for 4 machines"):
        analysis.compute_overlap_distribution(matrix, [0, 0, 1])
    with pytest.raises(InputError, match="bins is 0"):
        analysis.compute_overlap_distribution(matrix, bins=0)
    with pytest.raises(InputError, match="ascending"):
        analysis.compute_overlap_distribution(matrix, limits=(1.0, -1.0))
    with pytest.raises(InputError, match="from 1 to 4"):
        analysis.compute_overlap_clustering(matrix).labels(5)
    with pytest.raises(InputError, match="at least 4"):
        analysis.compute_hierarchy(np.eye(3))
    with pytest.raises(InputError, match="max_clusters is 4"):
        analysis.compute_hierarchy(matrix, max_clusters=4)
    with pytest.raises(InputError, match="n_null of at least 99"):
        analysis.compute_hierarchy(matrix, n_null=50)
    with pytest.raises(InputError, match="max_tested is 3"):
        analysis.compute_hierarchy(matrix, max_tested=3)
