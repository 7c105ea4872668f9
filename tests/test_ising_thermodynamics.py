"""What is computed from a density of states: energy, specific heat, critical temperature."""

import math

import numpy as np
import pytest
from small_networks import chain, exact_density, random_network

from openmm_thermalnet.analysis import ising


def test_two_levels():
    found = exact_density([np.array([[2.0]])], 2)
    temperatures = np.array([0.1, 1.0, 2.0, 40.0])
    x = 2 / temperatures
    np.testing.assert_allclose(
        ising.canonical_energy(found, temperatures, per_spin=False), -2 * np.tanh(x)
    )
    np.testing.assert_allclose(
        ising.specific_heat(found, temperatures, per_spin=False), (x / np.cosh(x)) ** 2, rtol=1e-9
    )
    got = ising.critical_temperature(found)
    assert got.value == pytest.approx(2 / 1.1996786402577338, rel=1e-5)
    assert math.isnan(got.error)
    assert got.resolved


def test_chain():
    found = exact_density(chain(9), 9)
    temperatures = np.geomspace(0.2, 10, 7)
    heat = 8 / 9 / temperatures**2 / np.cosh(1 / temperatures) ** 2
    np.testing.assert_allclose(ising.specific_heat(found, temperatures), heat, rtol=1e-10)
    np.testing.assert_allclose(
        ising.specific_heat(found, 1.5, per_spin=False), 9 * ising.specific_heat(found, 1.5)
    )


def test_fine_bins_give_the_exact_specific_heat():
    weights = random_network([4, 4, 4], 9)
    found = exact_density(weights, 400)
    temperatures = np.array([0.7, 1.0, 2.0, 5.0])
    exact = ising.exact_thermodynamics(weights, temperatures)
    np.testing.assert_allclose(
        ising.specific_heat(found, temperatures), exact.specific_heat, rtol=1e-3
    )
    np.testing.assert_allclose(ising.canonical_energy(found, temperatures), exact.energy, rtol=1e-3)


def test_normalised_specific_heat_by_its_sums():
    found = exact_density(random_network([4, 4, 4], 9), 21)
    width = 1.3 * found.width
    e = found.energies / found.spins / width
    for temperature in (0.2, 0.9):
        weights = np.exp(found.log_g / found.spins - e / temperature)
        weights = np.where(np.isfinite(e), weights, 0) / np.nansum(weights)
        mean = np.nansum(weights * e)
        heat = np.nansum(weights * (e - mean) ** 2) / temperature**2
        assert ising.normalised_specific_heat(found, temperature, width) == pytest.approx(heat)
    got = ising.critical_temperature(found, width)
    grid = np.linspace(0.01, 1, 2000)
    heat = ising.normalised_specific_heat(found, grid, width)
    assert got.value == pytest.approx(grid[heat.argmax()], abs=1e-3)
    assert not found.truncated


def shortened(found, bins):
    """The density without so many bins at each end."""
    kept = slice(bins, -bins)
    parts = {name: getattr(found, name)[kept] for name in ("bin_edges", "log_g", "energies")}
    return ising.DensityOfStates(**{**vars(found), **parts, "walkers": parts["log_g"][None]})


def test_nothing_is_said_where_the_range_ends_above_it():
    whole = exact_density(random_network([6, 5, 4], 3), 61)
    got = ising.critical_temperature(shortened(whole, 12))
    assert math.isnan(got.value)
    assert not got.resolved
    whole = exact_density(chain(15), 15)
    heat = ising.specific_heat(shortened(whole, 1), [0.5, 40.0])
    assert np.isnan(heat[0])
    assert heat[1] == pytest.approx(ising.specific_heat(whole, 40.0), rel=0.05)


def test_critical_temperature_has_the_error_of_its_walkers():
    weights = random_network([4, 3, 3], 0)
    found = ising.wang_landau(weights, 15, seed=1, tolerance=0.01)
    exact, height = ising.exact_critical_temperature(weights)
    got = ising.critical_temperature(found)
    # fifteen bins resolve the maximum to a few percent; the walkers agree far better
    assert got.value == pytest.approx(exact, rel=0.05)
    assert got.height == pytest.approx(height, rel=0.05)
    assert 0 < got.error < 0.01 * exact


def test_bins_too_wide_for_the_critical_temperature_are_said():
    weights = random_network([6, 5, 4], 3)
    exact, _ = ising.exact_critical_temperature(weights)
    fine, coarse = (ising.critical_temperature(exact_density(weights, b)) for b in (61, 7))
    assert fine.resolved
    assert fine.value == pytest.approx(exact, rel=5e-3)
    assert not coarse.resolved


def test_temperatures_and_widths_that_make_no_sense(refused):
    found = exact_density(chain(3), 3)
    refused(lambda: ising.specific_heat(found, [1.0, 0.0]), "a temperature is 0.0")
    refused(lambda: ising.canonical_energy(found, math.nan), "a temperature is nan")
    refused(lambda: ising.normalised_specific_heat(found, 1.0, -1.0), "the width is -1.0")
