"""The effective model: Bethe approximation, fits and landscapes against exact answers."""

import warnings

import numpy as np
import pytest

from openmm_thermalnet.analysis import effective
from openmm_thermalnet.analysis.effective.inverse import (
    couplings_of_pairs,
    messages_of_pairs,
    pairs_of_couplings,
)
from openmm_thermalnet.analysis.effective.learning import learn
from openmm_thermalnet.analysis.effective.propagation import exerted_fields
from openmm_thermalnet.errors import ConvergenceWarning


def enumerate_model(couplings, fields):
    """All configurations, their probabilities, and means, correlations, entropy per spin."""
    size = len(fields)
    spins = np.array(np.meshgrid(*[[-1.0, 1.0]] * size)).reshape(size, -1).T
    weight = np.exp(np.einsum("ci,ij,cj->c", spins, np.triu(couplings), spins) + spins @ fields)
    p = weight / weight.sum()
    means = p @ spins
    correlations = np.einsum("c,ci,cj->ij", p, spins, spins) - np.outer(means, means)
    return spins, p, means, correlations, -(p @ np.log(p)) / size


def symmetric(upper):
    return np.triu(upper, 1) + np.triu(upper, 1).T


def random_model(rng, size, coupling, field):
    K = symmetric(coupling * rng.normal(size=(size, size)))
    return K, field * rng.normal(size=size)


def random_tree(rng, size, coupling=1.0, field=0.7):
    K = np.zeros((size, size))
    for spin in range(1, size):
        parent = rng.integers(spin)
        K[spin, parent] = K[parent, spin] = coupling * rng.normal()
    return K, field * rng.normal(size=size)


def planted_ferromagnet(rng, size, strength):
    """Curie-Weiss couplings, gauged to a random reference."""
    reference = rng.choice([-1.0, 1.0], size)
    K = strength / size * np.outer(reference, reference)
    np.fill_diagonal(K, 0.0)
    return K, reference


# --- the Bethe approximation ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_trees_are_exact(seed):
    rng = np.random.default_rng(seed)
    K, h = random_tree(rng, 13)
    _, _, means, correlations, entropy = enumerate_model(K, h)
    got = effective.bethe(K, h)
    assert got.converged
    assert np.abs(got.means - means).max() < 1e-10
    assert np.abs(got.correlations - correlations).max() < 1e-10
    assert abs(got.entropy - entropy) < 1e-10
    bonds = K != 0
    assert np.abs(got.pair_correlations - correlations)[bonds].max() < 1e-10
    assert not got.pair_correlations[~bonds & ~np.eye(13, dtype=bool)].any()


@pytest.mark.parametrize("size", [6, 11, 16])
def test_weak_couplings_agree_with_enumeration(size):
    rng = np.random.default_rng(size)
    K, h = random_model(rng, size, 0.2 / size, 0.4)
    _, _, means, correlations, entropy = enumerate_model(K, h)
    got = effective.bethe(K, h)
    assert np.abs(got.means - means).max() < 1e-3
    assert np.abs(got.correlations - correlations).max() < 1e-3
    assert abs(got.entropy - entropy) < 1e-2
    # the error is one of loops, of third order: ten times weaker is a thousand times better
    _, _, means, correlations, entropy = enumerate_model(K / 10, h)
    got = effective.bethe(K / 10, h)
    assert np.abs(got.means - means).max() < 1e-6
    assert np.abs(got.correlations - correlations).max() < 1e-6
    assert abs(got.entropy - entropy) < 1e-6


def test_spins_without_couplings():
    h = np.array([-2.0, -0.3, 0.0, 0.1, 1.5])
    got = effective.bethe(np.zeros((5, 5)), h)
    up = 1 / (1 + np.exp(-2 * h))
    np.testing.assert_allclose(got.means, np.tanh(h), atol=1e-15)
    np.testing.assert_allclose(got.correlations, np.diag(1 / np.cosh(h) ** 2), atol=1e-15)
    exact = -np.mean(up * np.log(up) + (1 - up) * np.log(1 - up))
    assert abs(got.entropy - exact) < 1e-14


def test_response_is_the_derivative_of_the_means():
    rng = np.random.default_rng(5)
    K, h = random_model(rng, 30, 0.1, 0.5)
    got = effective.bethe(K, h)
    step = 1e-5
    for spin in (0, 17):
        shift = step * (np.arange(30) == spin)
        response = (effective.bethe(K, h + shift).means - effective.bethe(K, h - shift).means) / (
            2 * step
        )
        others = np.arange(30) != spin
        np.testing.assert_allclose(response[others], got.correlations[spin][others], atol=1e-8)


def test_strong_fields_and_couplings_keep_their_digits():
    K = np.array([[0.0, 10.0, 0.0], [10.0, 0.0, -0.3], [0.0, -0.3, 0.0]])
    h = np.array([300.0, -299.0, 0.2])
    got = effective.bethe(K, h)
    field = -299.0 + 10.0
    assert got.converged
    np.testing.assert_allclose(got.means, [1.0, -1.0, np.tanh(0.5)], rtol=1e-12)
    assert got.correlations[0, 0] == pytest.approx(4 * np.exp(-2 * 290), rel=1e-9)
    assert got.correlations[1, 1] == pytest.approx(4 * np.exp(2 * field), rel=1e-9)
    glued = effective.bethe(K, [0.3, -0.1, 0.2])
    _, _, means, correlations, entropy = enumerate_model(K, [0.3, -0.1, 0.2])
    np.testing.assert_allclose(glued.means, means, atol=1e-9)
    np.testing.assert_allclose(glued.correlations, correlations, atol=1e-7)
    assert abs(glued.entropy - entropy) < 1e-9
    a, b = np.array([[3.0, -3.0, 0.5, 0.0]]), np.array([[2.0, 2.5, -4.0, 1.0]])
    expected = np.arctanh(np.tanh(a) * np.tanh(b))
    np.testing.assert_allclose(exerted_fields(a, b), expected, rtol=1e-9)


def test_messages_that_do_not_settle_are_marked():
    rng = np.random.default_rng(0)
    K = symmetric(3.0 / np.sqrt(60) * rng.normal(size=(60, 60)))
    with pytest.warns(ConvergenceWarning, match="did not converge") as caught:
        got = effective.bethe(K, 0.05 * rng.normal(size=60))
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert not got.converged
    assert got.residual > 1e-3
    assert np.isnan(got.means).all()
    assert np.isnan(got.correlations).all()
    assert np.isnan(got.pair_correlations).all()
    assert np.isnan(got.entropy)


@pytest.mark.parametrize("strength", [0.7, 1.6])
def test_no_messages_may_be_an_unstable_fixed_point(strength):
    # without fields zero is a fixed point; in a spin glass it is unstable from strength 1 on,
    # although it stays a minimum of the Bethe free energy
    K = symmetric(strength / np.sqrt(120) * np.random.default_rng(2).normal(size=(120, 120)))
    if strength < 1:
        assert effective.bethe(K, np.zeros(120)).converged
        return
    with pytest.warns(ConvergenceWarning, match="not stable"):
        got = effective.bethe(K, np.zeros(120))
    assert not got.converged
    assert np.isnan(got.means).all()
    with pytest.warns(ConvergenceWarning):
        landscape = effective.entropy_landscape(K, np.zeros(120), np.ones(120), [0.0])
    assert not landscape.converged.any()


def test_a_maximum_of_the_free_energy_is_no_solution():
    K, reference = planted_ferromagnet(np.random.default_rng(1), 40, 2.0)
    with pytest.warns(ConvergenceWarning, match="not stable"):
        got = effective.bethe(K, np.zeros(40))
    assert not got.converged
    assert np.isnan(got.entropy)
    tilted = effective.bethe(K, 0.01 * reference)
    assert tilted.converged
    assert (tilted.means * reference > 0.9).all()


# --- fits -----------------------------------------------------------------------------------------


def test_fit_recovers_a_tree():
    K, h = random_tree(np.random.default_rng(3), 12, coupling=0.6)
    _, _, means, correlations, _ = enumerate_model(K, h)
    couplings, fields = effective.fit(means, correlations)
    np.testing.assert_allclose(couplings, K, atol=1e-7)
    np.testing.assert_allclose(fields, h, atol=1e-7)


def test_fit_recovers_weak_couplings_from_exact_moments():
    rng = np.random.default_rng(4)
    K, h = random_model(rng, 12, 0.05, 0.4)
    _, _, means, correlations, _ = enumerate_model(K, h)
    got = effective.fit(means, correlations)
    assert got.converged
    assert np.abs(got.couplings - K).max() < 2e-3
    assert np.abs(got.fields - h).max() < 2e-3
    model = effective.bethe(got.couplings, got.fields)
    np.testing.assert_allclose(model.means, means, atol=2e-6)
    np.testing.assert_allclose(model.correlations, correlations, atol=2e-6)


def test_boltzmann_learning_ends_at_the_inverted_model():
    K, h = random_model(np.random.default_rng(5), 15, 0.08, 0.3)
    _, _, means, correlations, _ = enumerate_model(K, h)
    np.fill_diagonal(correlations, 1 - means**2)
    direct = learn(means, correlations, tolerance=1e-8)
    assert direct.iterations == 0
    learned = learn(means, correlations, tolerance=1e-8, start=np.zeros((15, 15)))
    assert 0 < learned.iterations < 500
    np.testing.assert_allclose(learned.couplings, direct.couplings, atol=1e-6)
    np.testing.assert_allclose(learned.fields, direct.fields, atol=1e-6)


def test_two_spins_and_back():
    rng = np.random.default_rng(6)
    K = symmetric(rng.normal(size=(14, 14)))
    means = np.tanh(2 * rng.normal(size=14))
    pairs = pairs_of_couplings(means, K)
    np.testing.assert_allclose(couplings_of_pairs(means, pairs), K, atol=1e-7)
    K, h = random_model(rng, 14, 0.06, 0.3)
    solved = effective.bethe(K, h)
    np.testing.assert_allclose(
        pairs_of_couplings(solved.means, K), solved.pair_correlations, atol=1e-10
    )
    messages = messages_of_pairs(solved.means, solved.pair_correlations)
    np.testing.assert_allclose(messages, solved.messages, atol=1e-8)


def test_noise_is_not_learned():
    rng = np.random.default_rng(18)
    drawn = rng.choice([-1, 1], (900, 150))
    moments = effective.compute_moments(drawn)
    got = effective.fit(moments.means, moments.correlations, noise=1.1 / np.sqrt(900))
    assert got.converged
    assert not got.couplings.any()
    K, h = random_model(rng, 10, 0.3, 0.3)
    spins, p, *_ = enumerate_model(K, h)
    drawn = spins[rng.choice(len(p), 2000, p=p)]
    moments = effective.compute_moments(drawn)
    got = effective.fit(moments.means, moments.correlations, noise=1 / np.sqrt(2000))
    assert got.converged
    assert got.residual <= 1 / np.sqrt(2000)
    upper = np.triu_indices(10, k=1)
    assert np.corrcoef(got.couplings[upper], K[upper])[0, 1] > 0.9


def test_noisy_correlations_are_matched_by_pairs():
    drawn = np.random.default_rng(17).choice([-1, 1], (900, 150))
    moments = effective.compute_moments(drawn)
    with pytest.warns(ConvergenceWarning, match="match='pairs'"):
        failed = effective.fit(moments.means, moments.correlations)
    assert not failed.converged
    got = effective.fit(moments.means, moments.correlations, match="pairs")
    assert got.converged
    model = effective.bethe(got.couplings, got.fields)
    np.testing.assert_allclose(model.means, moments.means, atol=2e-6)
    np.testing.assert_allclose(model.pair_correlations, moments.correlations, atol=2e-6)
    # sampling noise looks like order: every pair has mutual information 1 / 2n
    assert abs(np.log(2) - model.entropy - (151 + 1) / (4 * 900)) < 0.004


@pytest.mark.parametrize("method", ["exact", "pseudolikelihood"])
def test_fits_by_enumeration_are_exact(method):
    K, h = random_model(np.random.default_rng(7), 7, 0.4, 0.5)
    spins, p, means, correlations, _ = enumerate_model(K, h)
    got = effective.fit(means, correlations, method)
    np.testing.assert_allclose(got.couplings, K, atol=1e-5)
    np.testing.assert_allclose(got.fields, h, atol=1e-5)
    if method == "pseudolikelihood":
        same = effective.fit(means, correlations, method, configurations=spins, weights=p)
        np.testing.assert_allclose(same.couplings, K, atol=1e-5)


def test_pseudolikelihood_recovers_the_model_of_samples():
    rng = np.random.default_rng(8)
    K, h = random_model(rng, 8, 0.35, 0.4)
    spins, p, *_ = enumerate_model(K, h)
    fits = []
    for _ in range(25):
        drawn = spins[rng.choice(len(p), 4000, p=p)]
        moments = effective.compute_moments(drawn)
        fits.append(
            effective.fit(
                moments.means, moments.correlations, "pseudolikelihood", configurations=drawn
            )
        )
    for found, true in (([f.couplings for f in fits], K), ([f.fields for f in fits], h)):
        error = np.std(found, axis=0, ddof=1) / 5
        assert (np.abs(np.mean(found, axis=0) - true) <= 5 * error).all()
        assert error.max() < 0.02


def test_penalty_makes_couplings_smaller():
    rng = np.random.default_rng(9)
    drawn = rng.choice([-1, 1], (200, 10))
    moments = effective.compute_moments(drawn)
    sizes = []
    for l2 in (0.0, 0.1, 1.0):
        got = effective.fit(
            moments.means, moments.correlations, "pseudolikelihood", configurations=drawn, l2=l2
        )
        sizes.append(np.linalg.norm(got.couplings))
    assert sizes[0] > 1.05 * sizes[1] > 1.1 * sizes[2]


def test_moments_of_configurations():
    drawn = np.random.default_rng(10).choice([-1, 1], (500, 6))
    got = effective.compute_moments(drawn)
    np.testing.assert_allclose(got.means, drawn.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(got.correlations, np.cov(drawn.T, ddof=0), atol=1e-14)
    doubled = effective.compute_moments(np.vstack([drawn, drawn[:100]]))
    weighted = effective.compute_moments(drawn, 1.0 + (np.arange(500) < 100))
    np.testing.assert_allclose(weighted.correlations, doubled.correlations, atol=1e-14)


# --- the landscape --------------------------------------------------------------------------------


def test_landscape_of_independent_spins():
    rng = np.random.default_rng(11)
    h, reference = 0.5 * rng.normal(size=30), rng.choice([-1, 1], 30)
    x = np.linspace(-3, 3, 25)
    got = effective.entropy_landscape(np.zeros((30, 30)), h, reference, x)
    field = h + x[:, None] * reference
    up = 1 / (1 + np.exp(-2 * field))
    entropies = -(up * np.log(up) + (1 - up) * np.log1p(-up)).mean(axis=1)
    distances = 0.5 * (1 - (reference * np.tanh(field)).mean(axis=1))
    assert got.converged.all()
    np.testing.assert_allclose(got.distances, distances, atol=1e-13)
    np.testing.assert_allclose(got.entropies, entropies, atol=1e-13)
    assert (got.entropies <= effective.bound(got.distances)).all()
    free = effective.entropy_landscape(np.zeros((30, 30)), np.zeros(30), reference, x)
    np.testing.assert_allclose(free.entropies, effective.bound(free.distances), atol=1e-13)


def test_landscape_agrees_with_enumeration():
    K, h = random_model(np.random.default_rng(12), 11, 0.03, 0.3)
    reference = np.where(np.arange(11) % 3, 1, -1)
    x = np.linspace(-2, 2, 9)
    distances, entropies = effective.entropy_landscape(K, h, reference, x)
    for tilt, distance, entropy in zip(x, distances, entropies, strict=True):
        _, _, means, _, exact = enumerate_model(K, h + tilt * reference)
        assert abs(distance - 0.5 * (1 - reference @ means / 11)) < 1e-3
        assert abs(entropy - exact) < 1e-3


def test_planted_ferromagnet_jumps_where_mean_field_theory_says():
    strength, size = 2.0, 300
    K, reference = planted_ferromagnet(np.random.default_rng(13), size, strength)
    x = np.linspace(-1, 1, 41)
    there = effective.entropy_landscape(K, np.zeros(size), reference, x)
    back = effective.entropy_landscape(
        K, np.zeros(size), reference, x[::-1], messages=there.messages
    )
    found = effective.compare(there, back)
    assert found.first_order
    assert found.gap > 0.7
    assert min(found.jump_forward, found.jump_backward) > 0.6
    # m = tanh(J m + x) loses its branch at m^2 = 1 - 1/J
    edge = np.sqrt(1 - 1 / strength)
    spinodal = strength * edge - np.arctanh(edge)
    assert abs(found.x_forward - spinodal) < 0.05
    assert abs(found.x_backward + spinodal) < 0.05
    solved = [effective.bethe(K, tilt * reference).means @ reference / size for tilt in x[[0, -1]]]
    np.testing.assert_allclose(solved, 1 - 2 * there.distances[[0, -1]], atol=1e-6)


def test_weak_ferromagnet_has_no_jump():
    K, reference = planted_ferromagnet(np.random.default_rng(14), 100, 0.8)
    x = np.linspace(-1, 1, 41)
    there = effective.entropy_landscape(K, np.zeros(100), reference, x)
    back = effective.entropy_landscape(K, np.zeros(100), reference, x[::-1])
    found = effective.compare(there, back)
    assert not found.first_order
    assert found.gap < 1e-6
    assert found.jump_forward < 0.15


def test_landscape_marks_where_messages_do_not_settle(refused):
    rng = np.random.default_rng(0)
    K = symmetric(3.0 / np.sqrt(60) * rng.normal(size=(60, 60)))
    x, h = [8.0, 4.0, 0.0], rng.normal(size=60)
    with pytest.warns(ConvergenceWarning, match="1 of 3 values") as caught:
        got = effective.entropy_landscape(K, 0.05 * h, np.ones(60), x)
    assert len(caught) == 1
    assert got.converged.tolist() == [True, True, False]
    assert np.isnan(got.distances).tolist() == np.isnan(got.entropies).tolist()
    assert np.isnan(got.distances).tolist() == [False, False, True]
    refused(lambda: effective.compare(got, got), "different x")
    with pytest.warns(ConvergenceWarning):
        back = effective.entropy_landscape(K, 0.05 * h, np.ones(60), x[::-1], max_iterations=300)
    compared = effective.compare(got, back)
    assert compared.missing == 1
    assert compared.jump_forward == pytest.approx(got.distances[1] - got.distances[0])


# --- what is refused ------------------------------------------------------------------------------


def test_bad_models_are_refused(refused):
    K, h = np.zeros((3, 3)), np.zeros(3)
    nan = K.copy()
    nan[0, 1] = np.nan
    refused(lambda: effective.bethe(nan, h), "couplings[0, 1]", "finite")
    refused(lambda: effective.bethe(K, [0.0, np.inf, 0.0]), "fields[1]", "finite")
    refused(lambda: effective.bethe(np.triu(np.ones((3, 3)), 1), h), "not symmetric")
    refused(lambda: effective.bethe(np.eye(3), h), "couplings[0, 0]", "zeros")
    refused(lambda: effective.bethe(np.zeros((2, 3)), h), "(2, 3)", "(3, 3)")
    refused(lambda: effective.bethe(K, "a b c"), "numbers")
    refused(lambda: effective.bethe(400 * (1 - np.eye(3)), h), "couplings[0, 1]", "merge")
    refused(lambda: effective.bethe(K, h, messages=np.zeros(3)), "messages")
    refused(lambda: effective.entropy_landscape(K, h, [1, 0, -1], [0.0]), "+1 and -1")
    refused(lambda: effective.entropy_landscape(K, h, [1, -1], [0.0]), "reference", "3 spins")
    refused(lambda: effective.bound([1.2]), "[0, 1]")


def test_bad_moments_are_refused(refused):
    m, c = np.zeros(20), np.eye(20)
    rng = np.random.default_rng(15)
    few = rng.choice([-1, 1], (15, 20))
    moments = effective.compute_moments(few)
    refused(
        lambda: effective.fit(moments.means, moments.correlations),
        "not positive definite",
        "more than 20",
    )
    refused(lambda: effective.fit(m, c, "pseudolikelihood"), "configurations=")
    refused(lambda: effective.fit(m, c, "exact"), "20 spins", "16")
    refused(lambda: effective.fit(m, c, "newton"), "newton", "bethe")
    refused(lambda: effective.fit([1.0, 0.0], np.eye(2)), "means[0]", "never flips")
    refused(lambda: effective.fit(m, c, l2=0.1), "l2", "pseudolikelihood")
    refused(lambda: effective.fit(m, c, noise=-0.1), "noise", "-0.1")
    refused(lambda: effective.fit(m, c, match="messages"), "messages", "pairs")
    refused(
        lambda: effective.fit(m, c, "pseudolikelihood", configurations=rng.choice([-1, 1], (9, 3))),
        "3 spins",
    )
    refused(
        lambda: effective.fit(
            m, c, "pseudolikelihood", configurations=rng.choice([-1, 1], (400, 20))
        ),
        "compute_moments",
    )
    refused(lambda: effective.compute_moments([[1, 0]]), "configurations[0, 1]", "np.sign")
    refused(lambda: effective.compute_moments(few, np.zeros(15)), "weights")


def test_a_fit_that_fails_is_marked():
    # a strongly frustrated model: its moments are those of many states, which no Bethe state has
    rng = np.random.default_rng(16)
    K = symmetric(rng.normal(size=(12, 12)))
    _, _, means, correlations, _ = enumerate_model(K, 0.1 * rng.normal(size=12))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = effective.fit(means, correlations, max_iterations=60)
    assert [w.category for w in caught] == [ConvergenceWarning]
    assert not got.converged
    assert np.isnan(got.couplings).all()
    assert np.isnan(got.fields).all()
