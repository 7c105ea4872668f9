"""Displacements, chi_4 and the van Hove function against exact values."""

import numpy as np
import pytest

from openmm_thermalnet import analysis
from openmm_thermalnet.errors import InputError


def slots(n_samples, n_replicas):
    return np.repeat(np.arange(n_samples), n_replicas)


def box_walk(rng, sample, steps, n, diffusion):
    """Walks between reflecting walls at +-1, replicas of a sample from one uniform start."""
    start = rng.uniform(-1, 1, (sample.max() + 1, n))[sample]
    frames, free = [start], start.copy()
    for gap in np.diff(steps):
        free = free + np.sqrt(2 * diffusion * gap) * rng.normal(size=start.shape)
        frames.append(np.abs((free - 1) % 4 - 2) - 1)
    return np.array(frames), start


def test_walks_in_the_box_fill_it():
    rng = np.random.default_rng(0)
    steps = np.array([0, 1, 1000])
    sample = slots(12, 2)
    x, start = box_walk(rng, sample, steps, 1500, diffusion=0.02)
    got = analysis.compute_displacements(x, start, steps, sample)
    k = np.arange(1, 400, 2)
    c = 96 / np.pi**4 * np.exp(-0.02 * np.outer(steps, (k * np.pi / 2) ** 2)) @ k**-4.0
    assert got.msd.mean[0] == 0
    assert np.isnan(got.alpha_2.mean[0])
    assert (np.abs(got.msd.mean - 2 / 3 * (1 - c))[1:] < 4.5 * got.msd.error[1:]).all()
    assert abs(got.msd.mean[-1] - 2 / 3) < 4.5 * got.msd.error[-1]
    assert abs(got.alpha_2.mean[-1] + 0.2) < 4.5 * got.alpha_2.error[-1]


def test_non_gaussian_parameter_of_two_populations():
    rng = np.random.default_rng(1)
    sample = slots(10, 1)
    scale = np.where(np.arange(4000) % 2, 0.1, 0.3)  # slow and fast variables
    x = (scale * rng.normal(size=(10, 4000)))[None]
    got = analysis.compute_displacements(x, np.zeros((10, 4000)), [5], sample)
    exact = (0.1**4 + 0.3**4) / 2 / ((0.1**2 + 0.3**2) / 2) ** 2 - 1
    assert abs(got.alpha_2.mean[0] - exact) < 4.5 * got.alpha_2.error[0]
    gauss = rng.normal(size=(1, 10, 4000))
    plain = analysis.compute_displacements(gauss, np.zeros((10, 4000)), [5], sample)
    assert abs(plain.alpha_2.mean[0]) < 4.5 * plain.alpha_2.error[0]


def test_displacement_errors_of_one_sample_are_right():
    rng = np.random.default_rng(2)
    n_experiments = 800
    scale = rng.uniform(0.5, 1.5, (n_experiments, 8, 1))
    x = scale * rng.normal(size=(n_experiments, 8, 100))
    got = analysis.compute_displacements(
        x, np.zeros((8, 100)), np.arange(n_experiments), slots(1, 8)
    )
    assert got.msd.error_over == got.alpha_2.error_over == "replicas"
    for curve in (got.msd, got.alpha_2):
        ratio = np.sqrt((curve.error**2).mean()) / curve.mean.std()
        assert 0.9 < ratio < 1.2


def chi4_of_independent(rng, n_experiments, sample, n):
    """Each frame draws every variable anew and uniform: chi_4 = mean(x'^2) / 3 exactly."""
    start = rng.uniform(-1, 1, (sample.max() + 1, n))[sample]
    x = rng.uniform(-1, 1, (n_experiments, sample.size, n))
    c = analysis.compute_autocorrelation(
        x, start, np.arange(n_experiments), sample, normalized=False
    )
    return analysis.compute_chi4(c), start


def test_chi4_of_independent_variables_is_exact():
    rng = np.random.default_rng(3)
    got, start = chi4_of_independent(rng, 400, slots(4, 5), 100)
    exact = (start[::5] ** 2).mean(axis=1) / 3
    standard_error = got.per_sample.std(axis=0, ddof=1) / np.sqrt(400)
    assert (np.abs(got.per_sample.mean(axis=0) - exact) < 4 * standard_error).all()
    assert got.error_over == "samples"


def test_chi4_jackknife_error_is_right():
    rng = np.random.default_rng(4)
    got, _ = chi4_of_independent(rng, 1500, slots(1, 12), 60)
    assert got.error_over == "replicas"
    ratio = np.sqrt((got.error**2).mean()) / got.mean.std()
    assert 0.9 < ratio < 1.15


def test_chi4_jackknife_equals_brute_force():
    rng = np.random.default_rng(5)
    start = np.repeat(rng.uniform(-1, 1, (1, 30)), 5, axis=0)
    x = rng.uniform(-1, 1, (1, 5, 30))
    c = analysis.compute_autocorrelation(x, start, [3], slots(1, 5))
    got = analysis.compute_chi4(c)
    overlaps = c.per_slot[0]
    left_out = np.array([30 * np.delete(overlaps, a).var(ddof=1) for a in range(5)])
    assert got.mean[0] == pytest.approx(30 * overlaps.var(ddof=1))
    assert got.error[0] == pytest.approx(np.sqrt(4) * left_out.std())


def test_chi4_grows_with_cooperation():
    rng = np.random.default_rng(6)
    sample, n = slots(3, 400), 50
    start = rng.choice([-1.0, 1.0], (3, n))[sample]
    together = rng.choice([-1.0, 1.0], (1, sample.size, 1)) * start  # all variables flip as one
    c = analysis.compute_autocorrelation(together, start, [1], sample, normalized=False)
    got = analysis.compute_chi4(c)
    assert got.mean[0] == pytest.approx(n, rel=0.02)


def test_chi4_needs_an_autocorrelation_of_replicas():
    x = np.random.default_rng(7).uniform(-1, 1, (1, 4, 6))
    q = analysis.compute_replica_correlation(x, [0], slots(2, 2))
    with pytest.raises(InputError, match="give an autocorrelation"):
        analysis.compute_chi4(q)
    c = analysis.compute_autocorrelation(x, x[0], [0], slots(4, 1))
    with pytest.raises(InputError, match="single replica"):
        analysis.compute_chi4(c)
    pair = analysis.compute_autocorrelation(
        x[:, :2], np.repeat(x[0, :1], 2, axis=0), [0], slots(1, 2)
    )
    assert analysis.compute_chi4(pair).error_over == "none"


def test_van_hove_of_forgotten_variables_is_a_triangle():
    rng = np.random.default_rng(8)
    sample, steps = slots(8, 3), np.array([0, 10, 10_000])
    x, start = box_walk(rng, sample, steps, 2000, diffusion=0.02)
    got = analysis.compute_van_hove(x, start, steps, sample, [0, 2], bins=41)
    assert got.density.steps.tolist() == [0, 10_000]
    assert got.density.mean.shape == (2, 41)
    width = np.diff(got.edges)
    np.testing.assert_allclose(got.density.mean @ width, 1.0)
    assert got.density.mean[0, 20] * width[20] == pytest.approx(1.0)  # nothing has moved yet
    cumulative = np.where(
        got.edges < 0, (2 + got.edges) ** 2 / 8, 1 - (2 - got.edges) ** 2 / 8
    )  # of the triangle (2 - |dx|) / 4
    exact = np.diff(cumulative) / width
    sigma = np.sqrt(exact / (24 * 2000 * width))
    assert (np.abs(got.density.mean[1] - exact) < 5 * sigma + 5e-3 * exact).all()
    assert got.density.error_over == "samples"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": [2]}, "frame 2 is not there"),
        ({"frames": [1, 0]}, "frames go from 1 to 0"),
        ({"frames": []}, "at least one"),
        ({"bins": 0}, "bins is 0"),
        ({"limits": (1.0, 1.0)}, "limits go from 1.0 to 1.0"),
        ({"reference": np.zeros((2, 5))}, "same network"),
    ],
)
def test_bad_van_hove_input(change, message):
    good = {
        "x": np.zeros((2, 2, 3)),
        "reference": np.zeros((2, 3)),
        "steps": [0, 1],
        "sample": [0, 0],
        "frames": [0],
    }
    with pytest.raises(InputError, match=message):
        analysis.compute_van_hove(**(good | change))
