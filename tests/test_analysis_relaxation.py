"""Relaxation times, phases and ageing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmm_thermalnet import analysis
from openmm_thermalnet.errors import InputError

STEPS = np.concatenate([[0], np.unique(np.geomspace(1, 1e5, 51).astype(int))])


@given(tau=st.floats(3.0, 5e4), stretch=st.floats(0.3, 1.5))
def test_planted_relaxation_time_is_found(tau, stretch):
    found = analysis.compute_relaxation_time(STEPS, np.exp(-((STEPS / tau) ** stretch)))
    assert found == pytest.approx(tau, rel=0.05)


def test_relaxation_is_exact_for_a_logarithmic_decay():
    steps = np.array([0, 10, 100, 1000, 10000])
    curve = np.array([1.0, 0.8, 0.6, 0.2, 0.1])
    exponent = 2 + (0.6 - 1 / math.e) / 0.4
    assert analysis.compute_relaxation_time(steps, curve) == pytest.approx(10**exponent)
    assert analysis.compute_relaxation_time(steps, curve, threshold=0.6) == pytest.approx(100)


def test_relaxation_before_the_first_frames_is_linear_in_time():
    expected = 8 * (1 - 1 / math.e)
    assert analysis.compute_relaxation_time([0, 8], [1.0, 0.0]) == pytest.approx(expected)
    assert analysis.compute_relaxation_time([8, 16], [0.0, 0.0]) == pytest.approx(expected)


def test_not_reached_is_none():
    assert analysis.compute_relaxation_time([0, 1, 2], [1.0, 0.9, 0.5]) is None


def test_relaxation_time_of_a_correlation_that_is_no_number_is_none_either():
    assert math.isnan(analysis.compute_relaxation_time([0, 1, 2], [np.nan] * 3))
    assert math.isnan(analysis.compute_relaxation_time([0, 10, 1000], [1.0, np.nan, 0.0]))
    assert analysis.compute_relaxation_time([0, 8, 16], [1.0, 0.0, np.nan]) == pytest.approx(
        8 * (1 - 1 / math.e)
    )


def test_relaxation_times_of_samples_have_the_error_of_their_logarithm():
    taus = np.array([100.0, 200.0, 400.0])
    got = analysis.compute_relaxation_times(STEPS, np.exp(-STEPS[:, None] / taus))
    assert got.tau == pytest.approx(200, rel=0.02)
    assert got.log_error == pytest.approx(math.log(2) / math.sqrt(3), rel=0.05)
    assert got.n_reached == 3
    assert not got.is_lower_bound
    slow = analysis.compute_relaxation_times(STEPS, np.exp(-STEPS[:, None] / [100.0, 1e9]))
    assert slow.per_sample[1] is None
    assert slow.n_reached == 1
    assert slow.is_lower_bound
    assert math.isnan(slow.log_error)
    frozen = analysis.compute_relaxation_times(STEPS, np.ones((STEPS.size, 2)))
    assert frozen.tau is None
    assert frozen.n_reached == 0
    assert not frozen.is_lower_bound


def test_error_of_log_tau_covers_the_truth():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        taus = 300 * np.exp(0.5 * rng.normal(size=6))
        got = analysis.compute_relaxation_times(STEPS, np.exp(-STEPS[:, None] / taus))
        hits += abs(math.log(got.tau / 300)) < 1.111 * got.log_error  # t quantile, 5 degrees
    assert hits / 400 == pytest.approx(0.6827, abs=4 * math.sqrt(0.6827 * 0.3173 / 400))


@pytest.mark.parametrize(
    ("steps", "curve", "threshold", "message"),
    [
        ([0, 1], [1.0], 0.5, "one value per step"),
        ([0, 1], [1.0, 0.5], 1.0, "outside"),
        ([0, 1], [0.3, 0.2], 0.5, "normalised"),
        ([3, 1], [1.0, 0.2], 0.5, "ascending"),
    ],
)
def test_bad_relaxation_input(steps, curve, threshold, message):
    with pytest.raises(InputError, match=message):
        analysis.compute_relaxation_time(steps, curve, threshold=threshold)


def test_samples_need_two_dimensions():
    with pytest.raises(InputError, match="frames, samples"):
        analysis.compute_relaxation_times([0, 1], [1.0, 0.5])


def test_solid_liquid_solid():
    q = [0.95, 0.8, 0.40, 0.1, 0.3, 0.36, 0.5, 0.9, 0.99]
    got = analysis.compute_phases(q, np.full(9, 0.05), depth=10)
    assert got.phase == ("solid",) * 3 + ("liquid",) * 3 + ("solid",) * 3
    assert got.undecided == (False, False, True, False, False, True, False, False, False)
    assert (got.liquid_depth, got.solid_depth, got.depth) == (3, 7, 10)
    assert analysis.compute_phases(q).undecided == (None,) * 9


def test_all_solid_machine_has_solid_depth_of_its_whole_depth():
    got = analysis.compute_phases([0.9, 0.9], [0.1, np.nan])
    assert (got.liquid_depth, got.solid_depth) == (0, 3)
    assert got.undecided == (False, None)


def test_undefined_layer_leaves_depths_undefined():
    got = analysis.compute_phases([0.9, np.nan, 0.1])
    assert got.phase == ("solid", "undefined", "liquid")
    assert got.liquid_depth is None
    assert got.solid_depth is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"q_star": []}, "one overlap per hidden layer"),
        ({"q_star": [0.1, 0.2], "depth": 2}, "do not fit depth 2"),
        ({"q_star": [0.1, 0.2], "error": [0.1]}, "one error per layer"),
    ],
)
def test_bad_phase_input(arguments, message):
    with pytest.raises(InputError, match=message):
        analysis.compute_phases(**arguments)


def test_power_law_of_ageing_is_found():
    waiting = np.array([10, 100, 1000, 10000])
    fit = analysis.compute_ageing(waiting, list(3.0 * waiting**0.7))
    assert fit.exponent == pytest.approx(0.7)
    assert fit.prefactor == pytest.approx(3.0)
    assert fit.exponent_error == pytest.approx(0.0, abs=1e-12)
    partly = analysis.compute_ageing(waiting, [*(3.0 * waiting[:3] ** 0.7), None], np.full(4, 0.1))
    assert partly.n_used == 3
    assert partly.exponent == pytest.approx(0.7)
    assert partly.exponent_error == pytest.approx(0.1 / (math.log(10) * math.sqrt(2)))
    assert math.isnan(analysis.compute_ageing([1, 10], [1.0, 5.0]).exponent_error)


@pytest.mark.parametrize("known", [True, False])
def test_error_of_the_ageing_exponent_covers_the_truth(known):
    rng = np.random.default_rng(3)
    waiting = np.array([100, 200, 400, 1000, 3000, 10000])
    sigma = np.array([0.1, 0.1, 0.2, 0.3, 0.2, 0.1]) if known else np.full(6, 0.2)
    quantile = 1.0 if known else 1.1416  # normal, or t with 4 degrees of freedom
    hits = 0
    for _ in range(600):
        tau = 5 * waiting**0.8 * np.exp(sigma * rng.normal(size=6))
        fit = analysis.compute_ageing(waiting, list(tau), sigma if known else None)
        hits += abs(fit.exponent - 0.8) < quantile * fit.exponent_error
    assert hits / 600 == pytest.approx(0.6827, abs=4 * math.sqrt(0.6827 * 0.3173 / 600))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([10, 10], [1.0, 2.0]), "waiting times go from 10 to 10"),
        (([0, 10], [1.0, 2.0]), "leave it out"),
        (([1, 10], [1.0]), "one for each"),
        (([1, 10], [1.0, None]), "1 of 2"),
        (([1, 10], [1.0, 0.0]), "no logarithm"),
        (([1, 10], [1.0, 2.0], [0.1]), "one error for each"),
        (([1, 10], [1.0, 2.0], [0.1, np.nan]), "not above 0"),
    ],
)
def test_bad_ageing_input(arguments, message):
    with pytest.raises(InputError, match=message):
        analysis.compute_ageing(*arguments)
