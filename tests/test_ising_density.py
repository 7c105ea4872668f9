"""Wang-Landau sampling against counted configurations."""

import math
import warnings

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp
from small_networks import all_energies, chain, counted, exact_density, random_network

from openmm_thermalnet.analysis import ising
from openmm_thermalnet.analysis.ising import windows
from openmm_thermalnet.analysis.ising.density import combine_walkers, normalised
from openmm_thermalnet.errors import ConvergenceWarning


def deviations(found, weights):
    """Difference in ln g from the counted configurations, which populate the same bins."""
    exact = counted(all_energies(weights), found.bin_edges)
    populated = np.isfinite(exact)
    np.testing.assert_array_equal(np.isfinite(found.log_g), populated)
    return (found.log_g - exact)[populated]


# --- against counting --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    """Ten spins in fifteen bins."""
    weights = random_network([4, 3, 3], 0)
    return weights, ising.wang_landau(weights, 15, seed=1)


def test_counts_to_one_percent_in_every_populated_bin(small):
    weights, found = small
    assert found.converged
    assert found.problems == ()
    assert np.abs(deviations(found, weights)).max() < 0.01
    assert found.error[np.isfinite(found.log_g)].max() <= 0.004
    assert logsumexp(found.log_g) == pytest.approx(10 * math.log(2))
    assert found.lowest == pytest.approx(all_energies(weights).min())
    assert found.width == pytest.approx(-2 * all_energies(weights).min() / 10)


@pytest.mark.slow
@pytest.mark.parametrize(("widths", "bins"), [([4, 4, 4], 30), ([5, 5, 5, 5], 25)])
def test_counts_to_one_percent_in_larger_networks(widths, bins):
    weights = random_network(widths, 1)
    found = ising.wang_landau(weights, bins, seed=2)
    assert found.converged
    assert np.abs(deviations(found, weights)).max() < 0.01


def test_is_even_within_its_errors(small):
    _, found = small
    error = found.asymmetry_error
    known = np.isfinite(error) & (error > 0)
    assert known.sum() >= 12
    ratio = found.asymmetry[known] / error[known]
    # Student's t with three degrees of freedom has variance 3
    assert math.sqrt(np.mean(ratio**2)) < 3 * math.sqrt(3)
    np.testing.assert_allclose(found.asymmetry, -found.asymmetry[::-1])


def test_energies_of_the_bins_are_means_of_their_configurations(small):
    weights, found = small
    exact = exact_density(weights, 15)
    width = found.bin_edges[1] - found.bin_edges[0]
    np.testing.assert_allclose(found.energies, exact.energies, atol=0.01 * width)


def test_single_bond():
    found = ising.wang_landau([[[0.7]]], 2)
    np.testing.assert_allclose(found.log_g, math.log(2), atol=0.004)
    np.testing.assert_allclose(found.energies, [-0.7, 0.7])
    assert found.converged
    assert found.lowest == -0.7


def test_ferromagnetic_chain_is_binomial():
    spins = 8
    found = ising.wang_landau(chain(spins), spins, seed=3)
    k = np.arange(spins)
    exact = math.log(2) + gammaln(spins) - gammaln(k + 1) - gammaln(spins - k)
    assert np.abs(found.log_g - exact).max() < 0.01
    np.testing.assert_allclose(found.energies, 2 * k - (spins - 1), atol=1e-9)


def test_disconnected_networks_add():
    parts = random_network([2, 3], 4), random_network([3, 2], 5)
    (first,), (second,) = parts
    joined = np.zeros((5, 5))
    joined[:3, :2], joined[3:, 2:] = first, second
    found = ising.wang_landau([joined], 12, seed=1, tolerance=0.01)
    sums = np.add.outer(all_energies([first]), all_energies([second])).ravel()
    exact = counted(sums, found.bin_edges)  # g is the convolution of the two
    populated = np.isfinite(exact)
    assert np.abs((found.log_g - exact)[populated]).max() < 0.03
    assert found.lowest == pytest.approx(all_energies([first]).min() + all_energies([second]).min())


def test_the_mirrored_half_is_even_and_right():
    weights = random_network([3, 3, 3], 0)
    for bins in (12, 13):
        found = ising.wang_landau(weights, bins, seed=1, mirrored=True, tolerance=0.01)
        assert np.abs(deviations(found, weights)).max() < 0.03
        np.testing.assert_allclose(found.log_g, found.log_g[::-1], atol=1e-12)


def test_windows_that_exchange_give_the_same():
    weights = random_network([4, 3, 3], 6)
    found = ising.wang_landau(weights, 24, seed=1, windows=3, tolerance=0.01)
    assert found.converged
    assert np.abs(deviations(found, weights)).max() < 0.03


def test_part_of_the_range():
    weights = random_network([4, 4, 4], 7)
    found = ising.wang_landau(weights, 12, seed=1, reach=0.8, tolerance=0.01)
    energies = all_energies(weights)
    inside = energies[np.abs(energies) < 0.8 * -energies.min()]
    exact = counted(inside, found.bin_edges)
    exact += 12 * math.log(2) - math.log(inside.size)
    assert np.abs(found.log_g - exact).max() < 0.03
    heat = ising.specific_heat(found, [0.2, 1.0])
    assert np.isnan(heat[0])  # the ground state decides
    assert found.truncated


# --- schedules and seeds -----------------------------------------------------------------------


def test_refinement_makes_the_error_fall():
    weights = random_network([4, 3, 3], 0)

    def error(log_f_final, **options):
        options = {"tolerance": 0, "seed": 5, **options}
        found = ising.wang_landau(weights, 15, log_f_final=log_f_final, **options)
        assert found.log_f <= log_f_final
        each = [deviations(vars_of(found, one), weights) for one in found.walkers]
        return math.sqrt(np.mean(np.square(each)))

    coarse, fine = error(2e-4), error(2e-6)
    assert fine < coarse / 4  # expected: 10
    assert fine < error(1e-8, schedule="sqrt") / 2


def vars_of(found, log_g):
    """The same density with another ln g."""
    return ising.DensityOfStates(**{**vars(found), "log_g": log_g})


def test_one_seed_one_result():
    weights = random_network([3, 2, 2], 8)
    one, same, other = (
        ising.wang_landau(weights, 8, seed=seed, tolerance=0.05, walkers=2) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.log_g, same.log_g)
    assert not np.array_equal(one.log_g, other.log_g)
    assert not np.array_equal(one.walkers[0], one.walkers[1])


@pytest.mark.slow
def test_processes_change_nothing():
    weights = random_network([3, 2, 2], 8)
    one, two = (
        ising.wang_landau(weights, 8, tolerance=0.05, walkers=3, processes=count)
        for count in (1, 2)
    )
    np.testing.assert_array_equal(one.walkers, two.walkers)


def test_progress_and_stop():
    seen = []
    with pytest.warns(ConvergenceWarning, match="stopped before the end"):
        found = ising.wang_landau(
            random_network([4, 4, 4], 0),
            20,
            progress=lambda *said: seen.append(said),
            stop=lambda: len(seen) == 2,
        )
    assert not found.converged
    assert len(seen) == 2
    assert all(name == "Wang-Landau" and 0 <= done <= 27 for name, done, _ in seen)
    assert {total for *_, total in seen} == {27}


# --- what does not converge --------------------------------------------------------------------


def test_walkers_that_are_never_flat_are_marked():
    with pytest.warns(ConvergenceWarning, match="4 of 4 walkers never became flat"):
        found = ising.wang_landau(random_network([12, 12, 12], 0), 60, max_steps=1)
    assert not found.converged
    assert "give more max_steps" in found.problems[0]


def test_an_error_above_the_tolerance_is_marked():
    with pytest.warns(ConvergenceWarning, match="the largest error of ln g is"):
        found = ising.wang_landau(
            random_network([4, 3, 3], 0), 12, tolerance=1e-4, max_steps=4_000_000
        )
    assert not found.converged


def test_bins_of_some_walkers_only_have_no_error_bar():
    walkers = np.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]])
    with np.errstate(divide="ignore"):
        walkers[1, 0] = np.log(0.0)
        log_g, error = combine_walkers(np.stack([normalised(one, 3) for one in walkers]), 3)
    assert math.exp(logsumexp(log_g)) == pytest.approx(8)
    assert np.isinf(error[0])
    assert np.isfinite(error[1:]).all()


def test_windows_join_a_curve_and_a_gap_is_said():
    bins = 40
    curve = -((np.arange(bins) - 20.0) ** 2) / 30
    parts = windows.split_bins(bins, 4)
    assert parts[0][0] == 0
    assert parts[-1][1] == bins
    pieces = [curve[a:b] + shift for (a, b), shift in zip(parts, (3, -7, 0.5, 2), strict=True)]
    pieces[1][0] = -np.inf
    joined, whole = windows.join(pieces, parts, bins)
    assert whole
    np.testing.assert_allclose(joined - joined[20], curve - curve[20], atol=1e-12)
    pieces[2][:] = -np.inf
    joined, whole = windows.join(pieces, parts, bins)
    assert not whole
    assert np.isinf(joined[parts[1][1] :]).all()


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"bins": 1}, ["bins is 1", "at least 2"]),
        ({"walkers": 0}, ["walkers is 0"]),
        ({"windows": 15}, ["15 windows of 20 bins"]),
        ({"processes": 0}, ["processes is 0"]),
        ({"log_f_final": 0.0}, ["log_f_final is 0.0"]),
        ({"flatness": 1.0}, ["flatness is 1.0"]),
        ({"schedule": "linear"}, ["linear", "1/t or sqrt"]),
        ({"tolerance": -1.0}, ["tolerance is -1.0"]),
        ({"reach": 0.0}, ["reach is 0.0"]),
        ({"weights": [np.zeros((2, 2))]}, ["all weights are zero"]),
        ({"weights": [np.full((2, 2), np.nan)]}, ["J1 has a weight nan"]),
        ({"weights": [np.ones((2, 2)), np.ones((2, 3))]}, ["J2 has 3 columns"]),
    ],
)
def test_what_cannot_be_sampled(options, parts, refused):
    options = {"weights": [np.ones((3, 3))], "bins": 20, **options}
    refused(lambda: ising.wang_landau(**options), *parts)


def test_sampling_warns_of_nothing_else():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ising.wang_landau(random_network([3, 2, 2], 8), 9, tolerance=0.05)
