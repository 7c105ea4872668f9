"""Solid depths, and their growth with ln alpha."""

import math

import numpy as np
import pytest
from scipy import stats

from openmm_thermalnet import analysis
from openmm_thermalnet.analysis.line import fit_line

LOW, HIGH = 0.1, 0.9  # liquid and solid overlaps


def solid_depth(values, depth=20):
    """What was measured of samples with these solid depths."""
    values = np.asarray(values, dtype=float)
    error = values.std(ddof=1) / math.sqrt(values.size) if values.size > 1 else math.nan
    return analysis.SolidDepth(depth, values, values.mean(), error, None)


def profiles(solid, depth):
    """Overlaps (depth - 1, samples) of samples with these solid depths, liquid from the middle."""
    overlaps = np.full((depth - 1, len(solid)), HIGH)
    order = np.argsort(np.abs(np.arange(depth - 1) - (depth - 2) / 2), kind="stable")
    for sample, layers in enumerate(solid):
        overlaps[order[: depth - layers], sample] = LOW
    return overlaps


def test_layers_are_counted_one_sample_at_a_time():
    got = analysis.compute_solid_depth(profiles([4, 6, 8], 10))
    np.testing.assert_array_equal(got.per_sample, [4, 6, 8])
    assert (got.depth, got.mean, got.liquid, got.bound) == (10, 6, 4, None)
    assert got.error == pytest.approx(2 / math.sqrt(3))
    for sample, solid in enumerate(got.per_sample):
        alone = analysis.compute_phases(profiles([4, 6, 8], 10)[:, sample])
        assert alone.solid_depth == solid


def test_mean_over_samples_is_not_that_of_the_mean_profile():
    overlaps = np.array([[0.9, 0.9, 0.2], [0.1, 0.1, 0.9]])
    got = analysis.compute_solid_depth(overlaps)
    assert got.mean == pytest.approx(5 / 3 + 1 / 3)
    assert analysis.compute_phases(overlaps.mean(axis=1)).solid_depth == 2
    assert analysis.compute_solid_depth(overlaps[:, :1]).error is not None
    assert math.isnan(analysis.compute_solid_depth(overlaps[:, :1]).error)


def test_the_threshold_is_1_over_e():
    above, below = np.nextafter(1 / math.e, 1), np.nextafter(1 / math.e, 0)
    got = analysis.compute_solid_depth([[1 / math.e, above, below]])
    np.testing.assert_array_equal(got.per_sample, [2, 2, 1])


@pytest.mark.parametrize(
    ("solid", "bound"),
    [([10, 6, 5], "lower"), ([10, 1, 5], "lower"), ([1, 3, 3], "upper"), ([2, 9, 3], None)],
)
def test_bounds(solid, bound):
    assert analysis.compute_solid_depth(profiles(solid, 10)).bound == bound


def test_undefined_layers_leave_the_depth_undefined():
    overlaps = profiles([4, 6], 10)
    overlaps[0, 1] = np.nan
    got = analysis.compute_solid_depth(overlaps)
    assert got.per_sample[0] == 4
    assert math.isnan(got.per_sample[1])
    assert math.isnan(got.mean)
    assert got.bound is None


def test_line_has_the_errors_of_least_squares():
    rng = np.random.default_rng(0)
    x, sigma = rng.uniform(0, 5, 7), rng.uniform(0.1, 0.5, 7)
    y = 2 - 0.7 * x + sigma * rng.normal(size=7)
    got = fit_line(x, y, sigma**2)
    (slope, offset), covariance = np.polyfit(x, y, 1, w=1 / sigma, cov="unscaled")
    np.testing.assert_allclose([got.slope, got.offset], [slope, offset])
    np.testing.assert_allclose(
        [got.slope_error, got.offset_error], np.sqrt(np.diag(covariance)), rtol=1e-9
    )
    (_, _), covariance = np.polyfit(x, y, 1, cov=True)
    scatter = fit_line(x, y)
    np.testing.assert_allclose(
        [scatter.slope_error, scatter.offset_error], np.sqrt(np.diag(covariance)), rtol=1e-9
    )


def test_slope_and_its_error_over_many_sweeps():
    """With normal samples of one variance, (slope - truth)/error is Student's t, chi2/dof F."""
    rng = np.random.default_rng(1)
    x, counts = np.array([0.7, 2.1, 3.2, 3.9, 4.6]), (3, 3, 6, 3, 9)
    slopes, scores, ratios = [], [], []
    for _ in range(600):
        depths = [
            solid_depth(rng.normal(2 + 1.3 * a, 0.8, n)) for a, n in zip(x, counts, strict=True)
        ]
        got = analysis.compute_solid_depth_fit(x, depths)
        assert got.error_over == "samples"
        slopes.append(got.slope)
        scores.append((got.slope - 1.3) / got.slope_error)
        ratios.append(got.chi2_per_dof)
    freedom = sum(counts) - len(counts)
    assert stats.kstest(scores, stats.t(freedom).cdf).pvalue > 1e-3
    assert stats.kstest(ratios, stats.f(len(x) - 2, freedom).cdf).pvalue > 1e-3
    assert np.mean(slopes) == pytest.approx(1.3, abs=4.5 * np.std(slopes) / math.sqrt(600))


def test_slope_of_whole_layers_over_many_sweeps():
    """Solid depths of samples are whole numbers whose mean lies on the line: no bias is left."""
    rng = np.random.default_rng(2)
    x = np.arange(1.0, 6.0)
    slopes, errors = [], []
    for _ in range(400):
        solid = np.floor(3.4 + x[:, None] + rng.uniform(size=(5, 3))).astype(int)
        depths = [analysis.compute_solid_depth(profiles(samples, 15)) for samples in solid]
        got = analysis.compute_solid_depth_fit(x, depths)
        slopes.append(got.slope)
        errors.append(got.slope_error)
    scatter = np.std(slopes)
    assert np.mean(slopes) == pytest.approx(1, abs=4.5 * scatter / 20)
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(scatter, rel=4.5 / math.sqrt(800))


def test_bounds_are_left_out_of_the_line():
    x = [0.0, 1.0, 2.0, 3.0, 4.0]
    depths = [analysis.compute_solid_depth(profiles([n] * 2, 10)) for n in (1, 3, 5, 7, 10)]
    got = analysis.compute_solid_depth_fit(x, depths)
    np.testing.assert_array_equal(got.used, [False, True, True, True, False])
    assert (got.slope, got.offset) == pytest.approx((2, 1))
    assert (got.chi2_per_dof, got.error_over) == (None, "none")
    assert math.isnan(got.slope_error)
    assert math.isnan(got.offset_error)


def test_points_of_samples_that_agree_have_the_error_of_their_scatter():
    x = [0.0, 1.0, 2.0, 3.0]
    depths = [analysis.compute_solid_depth(profiles([n] * 3, 10)) for n in (3, 5, 6, 8)]
    got = analysis.compute_solid_depth_fit(x, depths)
    (slope, _), covariance = np.polyfit(x, [3, 5, 6, 8], 1, cov=True)
    assert (got.chi2_per_dof, got.error_over) == (None, "scatter")
    assert (got.slope, got.slope_error) == pytest.approx((slope, math.sqrt(covariance[0, 0])))


def test_too_few_points_make_no_line(refused):
    low = analysis.compute_solid_depth(profiles([4, 5], 10))
    top = analysis.compute_solid_depth(profiles([10, 10], 10))

    def fit(x, depths):
        return lambda: analysis.compute_solid_depth_fit(x, depths)

    refused(fit([1, 2, 3, 4], [low, low, top, top]), "2 of 4 values", "need three")
    refused(fit([1, 1, 2], [low, low, low]), "2 of 2 values", "need three")
    refused(fit([], []), "0 of 0")
    refused(fit([1, 2], [low]), "1 solid depths", "(2,)")
    refused(lambda: analysis.compute_solid_depth([0.1, 0.9]), "(2,)")
