"""Exponents and their intervals, and data collapse, against planted answers."""

import numpy as np
import pytest

from openmm_thermalnet import analysis
from openmm_thermalnet.errors import InputError

X = np.geomspace(0.1, 1e4, 51)


def refused(message, call, *args, **kwargs):
    with pytest.raises(InputError, match=message) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)


# --- power laws --------------------------------------------------------------------------------


def test_an_exact_power_law_is_found():
    y = 3 * X[:, None] ** -0.5 * np.ones(4)
    fit = analysis.compute_power_law(X, y, (1, 1e3))
    assert fit.exponent == pytest.approx(-0.5, abs=1e-12)
    assert fit.prefactor == pytest.approx(3)
    assert fit.error == pytest.approx(0, abs=1e-12)
    assert fit.window == pytest.approx((1, 1e3))
    assert fit.n_points == 31
    local = analysis.compute_local_exponent(X, y)
    np.testing.assert_allclose(local.mean, -0.5)
    assert local.x[0] == pytest.approx(0.1 * 10**0.3)  # the first with half a window before it


def noisy(rng, slots, exponent=-0.5, spread=0.1):
    """Replicas whose exponents differ, each smooth in time: points of a curve say the same."""
    exponents = exponent + spread * rng.normal(size=slots)
    return X[:, None] ** exponents


@pytest.mark.parametrize("slots", [3, 6])
def test_the_interval_covers_as_often_as_it_says(slots):
    """As often as not more: curves with all points correlated, few replicas."""
    rng = np.random.default_rng(slots)
    experiments, hits, errors, found = 2000, 0, [], []
    for _ in range(experiments):
        fit = analysis.compute_power_law(
            X[::5], noisy(rng, slots, spread=0.02)[::5], (1, 1e3), confidence=0.9
        )
        hits += fit.interval[0] <= -0.5 <= fit.interval[1]
        errors.append(fit.error)
        found.append(fit.exponent)
    # the binomial error of the count, and a hundredth for the logarithm of a mean
    assert abs(hits / experiments - 0.9) < 4 * np.sqrt(0.9 * 0.1 / experiments) + 0.01
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(found), rel=0.1)


def test_the_range_a_law_holds_on_is_found():
    y = (X**-0.5 / (1 + (X / 100) ** 3))[:, None] * np.ones(3)  # a law up to x of about 100
    fit = analysis.compute_power_law(X, y, (0.1, 40))
    assert fit.holds[0] < 0.25
    assert 15 < fit.holds[1] < 40
    bent = analysis.compute_power_law(X, np.exp(-X / 3)[:, None] * np.ones(2), (0.1, 30))
    assert bent.holds is None or bent.holds[1] / bent.holds[0] < 3


def test_a_local_exponent_follows_a_crossover_with_its_error():
    rng = np.random.default_rng(5)
    curves = X[:, None] ** 2 / (X[:, None] ** 2 + 400) * (1 + 0.01 * rng.normal(size=12))
    local = analysis.compute_local_exponent(X, curves)
    exact = 800 / (local.x**2 + 400)
    assert np.abs(local.mean - exact).max() < 0.1
    assert local.error.max() < 1e-12  # a factor of its own for each replica changes no slope
    curves = X[:, None] ** (1 + 0.1 * rng.normal(size=400))
    local = analysis.compute_local_exponent(X[20:40], curves[20:40])
    np.testing.assert_allclose(local.error, 0.1 / np.sqrt(400), rtol=0.5)


def test_points_that_have_no_logarithm_are_left_out():
    y = np.concatenate([[1.0], X**-0.5, [0.0]])[:, None] * np.ones(3)
    x = np.concatenate([[0.0], X, [2e4]])
    assert analysis.compute_power_law(x, y, (0, np.inf)).n_points == X.size
    single = analysis.compute_power_law(X, (X**-0.5)[:, None], (1, 10))
    assert np.isnan(single.error)
    assert np.isnan(single.interval).all()
    assert analysis.compute_local_exponent(X[:2], np.ones((2, 3))).x.size == 0


def test_bad_curves_are_refused():
    y = np.ones((X.size, 2))
    refused("1 points lie between", analysis.compute_power_law, X, y, (1, 1.2))
    refused("does not ascend", analysis.compute_power_law, X[::-1], y, (1, 10))
    refused("give \\(points,\\)", analysis.compute_power_law, X, y[:, 0], (1, 10))
    refused("confidence is 1:", analysis.compute_power_law, X, y, (1, 10), confidence=1)
    refused("window of 0 decades", analysis.compute_local_exponent, X, y, decades=0)


# --- collapse ----------------------------------------------------------------------------------


def master(x):
    return 1 / (1 + x) ** 0.5


TAU = np.array([3.0, 20.0, 400.0])


def measured(rng, shape=master, sigma=0.01, replicas=3):
    """Curves at fixed steps with errors from a few replicas, smooth in time as real ones are."""
    steps = np.geomspace(1, 1e4, 41)
    y, error = [], []
    for k, tau in enumerate(TAU):
        form = shape(steps / tau) if shape is master else shape(steps / tau, k)
        curves = form[:, None] + sigma * rng.normal(size=replicas)
        y.append(curves.mean(axis=1))
        error.append(curves.std(axis=1, ddof=1) / np.sqrt(replicas))
    return [steps / tau for tau in TAU], y, error


def test_an_exact_collapse_has_quality_one():
    rng = np.random.default_rng(0)
    found = [analysis.compute_collapse(*measured(rng, replicas=30)) for _ in range(400)]
    # the sums that quality is the ratio of agree on average
    squares = np.array([[c.deviation**2, c.expected**2] for c in found])
    ratio = squares[:, 0].mean() / squares[:, 1].mean()
    spread = squares[:, 0].std() / squares[:, 0].mean() / np.sqrt(len(found))
    assert abs(ratio - 1) < 4.5 * spread
    few = [analysis.compute_collapse(*measured(rng)) for _ in range(400)]
    assert 0.5 < np.median([c.quality for c in few]) < 2.5


def test_without_errors_only_the_deviation_is_known():
    x, y, _ = measured(np.random.default_rng(1), sigma=0)
    got = analysis.compute_collapse(x, y, [np.zeros(len(part)) for part in x])
    assert np.isnan(got.quality)
    assert got.deviation < 1e-3  # interpolation
    assert got.expected == 0


def test_a_broken_collapse_is_seen():
    rng = np.random.default_rng(2)
    # one curve of another shape
    other = analysis.compute_collapse(
        *measured(rng, lambda x, k: master(x) if k < 2 else np.exp(-x))
    )
    assert other.quality > 50
    assert np.argmax(other.per_curve) == 2
    # the right shape on a wrong scale of time: no tau at all
    x, y, error = measured(rng)
    plain = analysis.compute_collapse(
        [part * tau for part, tau in zip(x, TAU, strict=True)], y, error
    )
    scaled = analysis.compute_collapse(x, y, error)
    assert plain.deviation > 10 * scaled.deviation


def test_the_window_and_the_ends_of_the_curves_bound_the_comparison():
    x, y, error = measured(np.random.default_rng(3))
    got = analysis.compute_collapse(x, y, error, window=(1, 50))
    assert got.window[0] >= 1
    assert got.window[1] <= 50
    alone = analysis.compute_collapse(
        [[1.0, 10], [5.0, 20], [1e3, 1e4]], [[1, 0.5]] * 3, [[0.1, 0.1]] * 3
    )
    assert np.isnan(alone.per_curve[2])
    assert alone.n_points == 2


def test_bad_collapses_are_refused():
    x, y, error = measured(np.random.default_rng(4))
    refused("needs two curves", analysis.compute_collapse, x[:1], y[:1], error[:1])
    refused("3 x, 2 y", analysis.compute_collapse, x, y[:2], error)
    refused("curve 0 has shapes", analysis.compute_collapse, [X, *x[1:]], y, error)
    refused("x of curve 1", analysis.compute_collapse, [x[0], x[1][::-1], x[2]], y, error)
    refused("no two curves overlap", analysis.compute_collapse, x, y, error, window=(1e6, 1e7))
