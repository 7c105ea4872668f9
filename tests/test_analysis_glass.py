"""Overlap, displacements and chi_4 of weights: walkers whose answers are known."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from openmm_thermalnet import analysis
from openmm_thermalnet.errors import InputError

STEPS = np.array([0, 1, 3, 10, 30, 100, 300, 1000, 3000])
D = 1.7e-5  # per step
EPS = 0.01


def walk(rng, slots, n, diffusion, drift=0.0):
    """Free walks (T, slots, n) from starts of their own; `diffusion` a number or one per weight."""
    start = rng.normal(0, 0.2, (slots, n))
    gaps = np.diff(STEPS)[:, None, None]
    jumps = np.sqrt(2 * diffusion * gaps) * rng.normal(size=(gaps.size, slots, n)) + drift * gaps
    return start + np.concatenate([np.zeros((1, slots, n)), jumps.cumsum(axis=0)])


def close(curve, exact, sigmas=4.5):
    """Within errors; where all replicas agree, as they must at step 0, to a count in all."""
    exact = np.asarray(exact)
    moving = curve.error > 0
    assert moving.sum() >= len(STEPS) - 3
    np.testing.assert_array_less(np.abs(curve.mean - exact)[moving], sigmas * curve.error[moving])
    np.testing.assert_allclose(curve.mean[~moving], exact[~moving], atol=1e-4)


@pytest.fixture(scope="module")
def free():
    """30 replicas of 2,000 freely walking weights, every replica with its own start."""
    return walk(np.random.default_rng(0), 30, 2000, D), np.arange(30) % 1


def test_free_walkers_follow_the_null(free):
    x, sample = free
    overlap = analysis.compute_weight_overlap(x, x[0], STEPS, sample, EPS)
    assert overlap.error_over == "replicas"
    assert overlap.mean[0] == 1
    close(overlap, analysis.compute_gaussian_overlap(EPS, 2 * D * STEPS))
    moved = analysis.compute_displacements(x, x[0], STEPS, sample, shared_start=False)
    close(moved.msd, 2 * D * STEPS)
    gaussian = np.zeros(STEPS.size)
    gaussian[0] = np.nan
    close(moved.alpha_2, gaussian)


def test_free_walkers_fluctuate_as_independent_ones(free):
    x, sample = free
    overlap = analysis.compute_weight_overlap(x, x[0], STEPS, sample, EPS)
    c = analysis.compute_gaussian_overlap(EPS, 2 * D * STEPS)
    got = analysis.compute_chi4(overlap)
    # n var(C) of n independent weights is c (1 - c); its own error that of a variance
    assert got.mean[0] == 0
    np.testing.assert_array_less(
        np.abs(got.mean - c * (1 - c))[1:], 4.5 * (c * (1 - c))[1:] * np.sqrt(2 / 29)
    )


def test_the_free_walk_time_is_that_of_its_null(free):
    x, sample = free
    eps = 4 * EPS
    overlap = analysis.compute_weight_overlap(x, x[0], STEPS, sample, eps)
    for threshold in (0.9, np.exp(-1)):
        exact = analysis.compute_free_walk_time(eps, D, threshold=threshold)
        assert analysis.compute_gaussian_overlap(eps, 2 * D * exact) == pytest.approx(threshold)
        steps = np.unique(np.geomspace(1, 1e5, 400).astype(int))
        null = analysis.compute_gaussian_overlap(eps, 2 * D * steps)
        found = analysis.compute_relaxation_time(steps, null, threshold=threshold)
        assert found == pytest.approx(float(exact), rel=2e-3)
        measured = analysis.compute_relaxation_times(STEPS, overlap.per_slot, threshold=threshold)
        coarse = analysis.compute_gaussian_overlap(eps, 2 * D * STEPS)  # at the same few frames
        expected = analysis.compute_relaxation_time(STEPS, coarse, threshold=threshold)
        assert abs(np.log(measured.tau / expected)) < 4.5 * measured.log_error
    assert np.isinf(analysis.compute_free_walk_time(EPS, 0.0))


def test_the_null_falls_as_the_square_root():
    late = analysis.compute_gaussian_overlap(EPS, 2 * D * np.array([1e7, 1e9]))
    assert late[1] / late[0] == pytest.approx(0.1, rel=1e-4)
    assert analysis.compute_gaussian_overlap([EPS, EPS], [0.0, 0.0]).tolist() == [1, 1]


def test_two_populations_are_not_gaussian():
    """A tenth of the weights is a hundred times faster: alpha_2 and C are those of the mixture."""
    rng = np.random.default_rng(1)
    n, fast = 2000, 200
    diffusion = np.where(np.arange(n) < fast, 100 * D, D)
    x = walk(rng, 30, n, diffusion)
    sample = np.zeros(30, dtype=int)
    moved = analysis.compute_displacements(x, x[0], STEPS, sample, shared_start=False)
    second, fourth = 0.1 * 100 + 0.9, 0.1 * 100**2 + 0.9
    exact = np.full(STEPS.size, fourth / second**2 - 1)
    exact[0] = np.nan
    close(moved.alpha_2, exact)
    assert exact[1] > 7
    overlap = analysis.compute_weight_overlap(x, x[0], STEPS, sample, EPS)
    slow, quick = (analysis.compute_gaussian_overlap(EPS, 2 * d * STEPS) for d in (D, 100 * D))
    close(overlap, 0.9 * slow + 0.1 * quick)


def test_weights_in_wells_stop_and_drifting_ones_do_not():
    """Stationary Ornstein-Uhlenbeck: <dw^2> = 2 v (1 - e^(-k t)), Gaussian, C follows from it."""
    rng = np.random.default_rng(2)
    variance, k, slots, n = 4e-5, 0.01, 30, 2000
    state = rng.normal(0, np.sqrt(variance), (slots, n))
    frames = [state]
    for gap in np.diff(STEPS):
        keep = np.exp(-k * gap)
        noise = rng.normal(0, np.sqrt(variance * (1 - keep**2)), (slots, n))
        state = keep * state + noise
        frames.append(state)
    x, sample = np.array(frames), np.zeros(slots, dtype=int)
    msd = 2 * variance * (1 - np.exp(-k * STEPS))
    moved = analysis.compute_displacements(x, x[0], STEPS, sample, shared_start=False)
    close(moved.msd, msd)
    overlap = analysis.compute_weight_overlap(x, x[0], STEPS, sample, EPS)
    close(overlap, analysis.compute_gaussian_overlap(EPS, msd))

    drift = 2e-5
    x = walk(rng, slots, n, D, drift)
    moved = analysis.compute_displacements(x, x[0], STEPS, sample, shared_start=False)
    close(moved.msd, 2 * D * STEPS + (drift * STEPS) ** 2)
    overlap = analysis.compute_weight_overlap(x, x[0], STEPS, sample, EPS)
    sigma = np.sqrt(2 * D * STEPS[1:])
    inside = norm.cdf(EPS, drift * STEPS[1:], sigma) - norm.cdf(-EPS, drift * STEPS[1:], sigma)
    close(overlap, np.concatenate([[1], inside]))


def test_replicas_of_two_samples_give_an_error_over_samples():
    x = walk(np.random.default_rng(3), 6, 500, D)
    sample = np.array([0, 0, 0, 4, 4, 4])
    overlap = analysis.compute_weight_overlap(x, x[0], STEPS, sample, np.full(6, EPS))
    assert overlap.error_over == "samples"
    inside = (np.abs(x - x[0]) <= EPS).mean(axis=2)
    np.testing.assert_allclose(overlap.per_slot, inside)
    halves = inside.reshape(len(STEPS), 2, 3).mean(axis=2)
    np.testing.assert_allclose(overlap.mean, halves.mean(axis=1))
    np.testing.assert_allclose(overlap.error, halves.std(axis=1, ddof=1) / np.sqrt(2))
    got = analysis.compute_chi4(overlap)
    exact = 500 * inside.reshape(len(STEPS), 2, 3).var(axis=2, ddof=1).mean(axis=1)
    np.testing.assert_allclose(got.mean, exact)


def test_the_width_is_a_part_of_the_deviation():
    weights = np.random.default_rng(4).normal(1, [[0.1], [0.4]], (2, 1000))
    widths = analysis.compute_overlap_width(weights, 500)
    np.testing.assert_allclose(widths, weights.std(axis=1) / 500)
    steps = np.array([0, 5])
    x = np.stack([weights, weights + 1.001 * widths[:, None]])
    got = analysis.compute_weight_overlap(x, weights, steps, [0, 1], widths)
    assert got.mean.tolist() == [1, 0]
    x[1] = weights + 0.999 * widths[:, None]
    assert analysis.compute_weight_overlap(x, weights, steps, [0, 1], widths).mean[1] == 1


def test_log_displacements_of_gaussians_and_of_two_populations():
    rng = np.random.default_rng(5)
    n, slots = 4000, 20
    slow, fast = 1e-4, 1e-2
    x = np.empty((2, slots, n))
    x[0] = rng.normal(0, 0.2, (slots, n))  # no two replicas start alike
    x[1] = x[0] + np.where(np.arange(n) < n // 2, slow, fast) * rng.normal(size=(slots, n))
    x[1, :, 0] = x[0, :, 0]  # one weight of each never moves
    got = analysis.compute_log_displacements(
        x, x[0], [0, 9], np.zeros(slots, dtype=int), [1], bins=24, limits=(-6.0, 0.0)
    )

    def density(z):
        u = 10**z
        parts = [
            np.log(10) * np.sqrt(2 / np.pi) * u / s * np.exp(-(u**2) / (2 * s**2))
            for s in (slow, fast)
        ]
        return sum(parts) / 2

    exact = [
        quad(density, a, b)[0] / (b - a) for a, b in zip(got.edges, got.edges[1:], strict=False)
    ]
    counted = got.density.mean[0] > 0
    assert counted.sum() > 15
    expected = np.array(exact) * n * slots * 0.25
    seen = got.density.mean[0] * n * slots * 0.25
    # counts of independent weights; one in n is missing
    assert (np.abs(seen - expected) < 4.5 * np.sqrt(expected + 1) + slots).all()
    assert seen.sum() <= (n - 1) * slots
    assert seen.sum() == pytest.approx(expected.sum() * (1 - 1 / n), rel=1e-3)


def refused(message, call, *args, **kwargs):
    with pytest.raises(InputError, match=message) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_used_is_refused():
    x = walk(np.random.default_rng(6), 2, 5, D)
    sample = [0, 0]
    for width in (0.0, [0.1], [0.1, -0.1], np.nan):
        refused(
            "give a length above 0", analysis.compute_weight_overlap, x, x[0], STEPS, sample, width
        )
    refused("are all equal at t0", analysis.compute_overlap_width, np.zeros((2, 5)), 500)
    refused("a is 0: give", analysis.compute_overlap_width, x[0], 0)
    refused("give \\(slots, weights\\)", analysis.compute_overlap_width, x, 500)
    refused(
        "start from different configurations",
        analysis.compute_displacements,
        *(x, x[0], STEPS, sample),
    )
    refused(
        "limits go from 1.0 to 0.0",
        analysis.compute_log_displacements,
        *(x, x[0], STEPS, sample, [1]),
        limits=(1.0, 0.0),
    )
    broken = x.copy()
    broken[3, 0, 0] = np.nan
    refused("not finite", analysis.compute_weight_overlap, broken, x[0], STEPS, sample, EPS)
