"""Late-time averages and their errors."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from openmm_thermalnet import analysis
from openmm_thermalnet.errors import InputError

ONE_SIGMA = 0.6827


def correlated(rng, n_series, length, decay):
    """Stationary series of unit variance with correlation decay^t, (n_series, length)."""
    kick = math.sqrt(1 - decay**2) * rng.normal(size=(n_series, length))
    kick[:, 0] /= math.sqrt(1 - decay**2)
    return lfilter([1.0], [1.0, -decay], kick, axis=1)


def exact_error(length, decay):
    lag = np.arange(1, length)
    return math.sqrt((1 + 2 * ((1 - lag / length) * decay**lag).sum()) / length)


@pytest.mark.parametrize(
    ("decay", "length"), [(0.0, 1000), (0.5, 1000), (0.9, 3000), (0.98, 20000)]
)
def test_block_error_of_a_correlated_series(decay, length):
    rng = np.random.default_rng(0)
    series = correlated(rng, 300, length, decay)
    errors = np.array([analysis.compute_block_error(values) for values in series])
    assert np.sqrt((errors**2).mean()) == pytest.approx(exact_error(length, decay), rel=0.1)
    hits = np.mean(np.abs(series.mean(axis=1)) < errors)
    assert hits == pytest.approx(ONE_SIGMA, abs=4 * math.sqrt(ONE_SIGMA * (1 - ONE_SIGMA) / 300))


def test_block_error_of_short_and_constant_series():
    assert math.isnan(analysis.compute_block_error([1.0]))
    assert analysis.compute_block_error(np.full(100, 0.5)) == 0
    assert analysis.compute_block_error([0.0, 1.0]) == pytest.approx(0.5)
    with pytest.raises(InputError, match="at least one value"):
        analysis.compute_block_error([])


def test_late_average_covers_the_truth_over_samples():
    rng = np.random.default_rng(1)
    steps, sample = np.arange(0, 1000, 10), np.repeat(np.arange(4), 2)
    hits = 0
    for _ in range(500):
        level = 0.9 + 0.05 * rng.normal(size=4)
        values = level[sample] + 0.1 * rng.normal(size=(100, 8))
        values[:50] = 100.0  # not yet late
        got = analysis.compute_late_average(steps, values, sample, start=500)
        hits += abs(got.mean - 0.9) < stats.t.ppf((1 + ONE_SIGMA) / 2, 3) * got.error
    assert got.error_over == "samples"
    assert got.n_frames == 50
    assert got.per_sample.shape == (4,)
    band = 4 * math.sqrt(ONE_SIGMA * (1 - ONE_SIGMA) / 500)
    assert hits / 500 == pytest.approx(ONE_SIGMA, abs=band)


def test_late_average_of_one_sample_uses_blocks():
    rng = np.random.default_rng(2)
    values = correlated(rng, 3, 2000, 0.8).T + 5.0
    got = analysis.compute_late_average(np.arange(2000), values, [0, 0, 0], start=0)
    assert got.error_over == "blocks"
    assert abs(got.mean - 5) < 4 * got.error
    assert got.error == pytest.approx(exact_error(2000, 0.8) / math.sqrt(3), rel=0.4)
    last = analysis.compute_late_average(np.arange(2000), values, [0, 0, 0], start=1999)
    assert last.error_over == "none"
    assert math.isnan(last.error)


def test_energy_ratio_starts_at_one():
    np.testing.assert_allclose(
        analysis.compute_energy_ratio([[4.0, 2.0], [1.0, 1.0]]), [[1, 1], [0.25, 0.5]]
    )
    with pytest.raises(InputError, match="not above 0"):
        analysis.compute_energy_ratio([0.0, 1.0])
    with pytest.raises(InputError, match="frames"):
        analysis.compute_energy_ratio([])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.zeros((3, 2))}, r"\(frames, slots\) = \(3, 1\)"),
        ({"start": 9}, "no frame lies at or after step 9"),
        ({"values": np.full((3, 1), np.nan)}, "not finite"),
        ({"steps": [0, 1, 5]}, "1 to 4 steps apart"),
    ],
)
def test_bad_late_average(change, message):
    good = {"steps": [0, 1, 2], "values": np.zeros((3, 1)), "sample": [0], "start": 0}
    with pytest.raises(InputError, match=message):
        analysis.compute_late_average(**(good | change))
