"""Ising models of networks: energies, quenches, permutation, exact sums."""

import itertools
import math

import numpy as np
import pytest
import torch
from small_networks import all_energies, chain, configurations, random_network

from openmm_thermalnet.analysis import ising
from openmm_thermalnet.analysis.ising.kernels import wang_landau_walk
from openmm_thermalnet.analysis.ising.network import IsingNetwork

WIDTHS = [3, 4, 2, 3]


# --- energies ----------------------------------------------------------------------------------


def test_energy_of_every_configuration():
    weights = random_network(WIDTHS, 0)
    spins = configurations(sum(WIDTHS))
    np.testing.assert_allclose(ising.energy(weights, spins), all_energies(weights), atol=1e-12)
    layers = np.split(spins, np.cumsum(WIDTHS)[:-1], axis=-1)
    np.testing.assert_array_equal(ising.energy(weights, layers), ising.energy(weights, spins))
    assert ising.energy(weights, spins[5]).shape == ()
    assert ising.energy(weights, spins.reshape(64, 64, -1)).shape == (64, 64)


def test_energy_of_a_torch_network_and_of_one_layer_against_all_inputs():
    net = torch.nn.Sequential(torch.nn.Linear(3, 2, bias=False), torch.nn.Linear(2, 1, bias=False))
    weights = [layer.weight.detach().double().numpy() for layer in net]
    spins = configurations(6)
    np.testing.assert_allclose(ising.energy(net, spins), all_energies(weights), atol=1e-12)
    layers = [configurations(3), np.array([1, -1]), np.array([1])]
    whole = np.concatenate([layers[0], np.tile([1, -1, 1], (8, 1))], axis=1)
    np.testing.assert_allclose(ising.energy(net, layers), ising.energy(net, whole))


def test_flipping_every_second_layer_changes_the_sign():
    weights = random_network(WIDTHS, 1)
    network = IsingNetwork.of(weights)
    spins = configurations(network.spins)[::7]
    np.testing.assert_allclose(
        network.energies(network.flipped_alternate(spins)), -network.energies(spins), atol=1e-12
    )


def test_incremental_fields_and_energies_stay_those_of_the_configuration():
    network = IsingNetwork.of(random_network([20, 30, 10], 2))
    rng = np.random.default_rng(0)
    spins = rng.choice((-1.0, 1.0), network.spins)
    fields, bins, attempts = network.local_fields(spins), 40, 100_000
    top = float(np.abs(network.couplings).sum() / 2)
    log_g, sums = np.zeros((2, bins))
    histogram, visits = np.zeros((2, bins), dtype=np.int64)
    energy, fresh, lowest, highest = wang_landau_walk(
        attempts,
        spins,
        fields,
        network.couplings,
        network.links,
        float(network.energies(spins)),
        -top,
        bins / (2 * top),
        log_g,
        histogram,
        visits,
        sums,
        1.0,
        -1,
        rng,
    )
    np.testing.assert_allclose(fields, network.local_fields(spins), atol=1e-9)
    assert energy == pytest.approx(network.energies(spins), abs=1e-9)
    assert visits.sum() == histogram.sum() == attempts
    assert fresh == np.count_nonzero(visits)
    assert lowest <= energy <= highest
    inside = visits > 0
    centre = -top + (np.flatnonzero(inside) + 0.5) * 2 * top / bins
    assert np.all(np.abs(sums[inside] / visits[inside] - centre) <= top / bins + 1e-9)


def test_energies_that_cannot_be_computed(refused):
    weights = random_network(WIDTHS, 0)
    refused(lambda: ising.energy(weights, np.ones(11)), "(11,)", "give 12", "[3, 4, 2, 3]")
    refused(lambda: ising.energy(weights, [np.ones(3), np.ones(4)]), "give", "[3, 4, 2, 3]")
    refused(lambda: ising.energy(weights, np.zeros(12)), "a spin is 0.0", "-1 or 1")
    refused(lambda: ising.energy(weights[::-1], np.ones(12)), "J2 has 4 columns")
    refused(lambda: ising.energy([np.ones((3, 2, 2))], np.ones(4)), "3 replicas", "choose one")


# --- permutation -------------------------------------------------------------------------------


def test_permutation_keeps_the_pooled_entries():
    weights = random_network([30, 20, 10], 3)
    before = np.concatenate([matrix.ravel() for matrix in weights])
    for fraction in (0.0, 0.25, 1.0):
        after = ising.permuted(weights, fraction, seed=1)
        assert [matrix.shape for matrix in after] == [(20, 30), (10, 20)]
        pooled = np.concatenate([matrix.ravel() for matrix in after])
        np.testing.assert_array_equal(np.sort(pooled), np.sort(before))
        moved = np.count_nonzero(pooled != before)
        assert moved == pytest.approx(fraction * before.size, abs=6)  # a few stay by chance
    crossed = np.isin(ising.permuted(weights, 1.0, seed=1)[1], weights[0]).mean()
    assert crossed == pytest.approx(600 / 800, abs=4 * math.sqrt(0.75 * 0.25 / 200))


def test_permutation_within_layers_keeps_the_entries_of_each():
    weights = random_network([30, 20, 10], 3)
    after = ising.permuted(weights, seed=1, within_layers=True)
    for own, given in zip(after, weights, strict=True):
        assert np.count_nonzero(own == given) < 8
        np.testing.assert_array_equal(np.sort(own, axis=None), np.sort(given, axis=None))


def test_permutation_is_seeded(refused):
    weights = random_network(WIDTHS, 3)
    same, again, other = (ising.permuted(weights, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(same[0], again[0])
    assert not np.array_equal(same[0], other[0])
    refused(lambda: ising.permuted(weights, 1.1), "1.1", "from 0 to 1")


# --- quenches ----------------------------------------------------------------------------------


def mattis(widths, seed):
    """A ferromagnet in disguise: J_ij = xi_i xi_j, and the hidden ground state xi."""
    rng = np.random.default_rng(seed)
    layers = [rng.choice((-1.0, 1.0), width) for width in widths]
    return [np.outer(b, a) for a, b in itertools.pairwise(layers)], layers


def test_quench_finds_the_ground_state_of_a_disguised_ferromagnet():
    widths = [8, 6, 7, 5]
    weights, hidden = mattis(widths, 0)
    found = ising.quench(weights, starts=50, seed=0)
    bonds = 8 * 6 + 6 * 7 + 7 * 5
    assert found.lowest == -bonds
    assert found.width == 2 * bonds / sum(widths)
    aligned = found.spins * np.concatenate(hidden)
    assert abs(aligned.sum()) == sum(widths)


@pytest.mark.parametrize("sweeps", [0, 20])
def test_quenches_end_in_local_minima(sweeps):
    weights = random_network([12, 12, 12], 4)
    found = ising.quench(weights, starts=30, seed=1, sweeps=sweeps)
    network = IsingNetwork.of(weights)
    spins = found.spins.astype(float)
    assert np.all(spins * network.local_fields(spins) >= 0)
    assert network.energies(spins) == pytest.approx(found.lowest)
    assert found.lowest >= ising.ground_state_energy(weights) - 1e-9
    again = ising.quench(weights, starts=30, seed=1, sweeps=sweeps)
    np.testing.assert_array_equal(found.energies, again.energies)


def test_annealing_finds_lower_energies():
    weights = random_network([12, 12, 12, 12, 12], 5)
    cold = ising.quench(weights, starts=40, seed=0)
    annealed = ising.quench(weights, starts=40, seed=0, sweeps=60)
    assert annealed.energies.mean() < cold.energies.mean() - 4 * cold.energies.std() / math.sqrt(40)
    assert annealed.lowest == pytest.approx(ising.ground_state_energy(weights))


def test_width_of_first_layers_and_of_single_ones(refused):
    weights = random_network([30, 5, 4, 14], 6)
    first = ising.block_widths(weights)
    single = ising.block_widths(weights, cumulative=False)
    assert first.shape == single.shape == (3,)
    assert first[0] == single[0]
    two = [-2 * ising.ground_state_energy(ising.first_layers(weights, 2)) / 39]
    assert ising.energy_width(weights) == (pytest.approx(first[2]), True)
    assert first[1] == pytest.approx(two[0])
    assert single[2] == pytest.approx(-2 * ising.ground_state_energy(weights[2:]) / 18)
    wide = random_network([13, 13, 13], 6)
    assert not ising.energy_width(wide, starts=3).exact
    refused(lambda: ising.first_layers(weights, 4), "layers is 4", "1 to 3")
    refused(lambda: ising.quench(weights, starts=0), "starts is 0")


# --- exact sums --------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [[3, 4, 2, 3], [5, 2], [2, 5], [6, 1, 5], [1, 1]])
def test_sums_over_layers_are_sums_over_configurations(widths):
    weights = random_network(widths, 7)
    energies = all_energies(weights)
    temperatures = np.array([0.05, 0.5, 1.0, 3.0, 50.0])
    found = ising.exact_thermodynamics(weights, temperatures)
    for k, temperature in enumerate(temperatures):
        boltzmann = np.exp(-(energies - energies.min()) / temperature)
        log_z = math.log(boltzmann.sum()) - energies.min() / temperature
        boltzmann /= boltzmann.sum()
        mean = boltzmann @ energies
        variance = boltzmann @ (energies - mean) ** 2
        assert found.log_partition[k] == pytest.approx(log_z, rel=1e-12)
        assert found.energy[k] == pytest.approx(mean / sum(widths), rel=1e-10)
        heat = variance / temperature**2 / sum(widths)
        assert found.specific_heat[k] == pytest.approx(heat, rel=1e-8, abs=1e-14)
    assert ising.ground_state_energy(weights) == pytest.approx(energies.min())


def test_critical_temperature_of_a_chain():
    value, height = ising.exact_critical_temperature(chain(7, 2.0))
    x = 1.1996786402577338  # x tanh x = 1, where x^2 / cosh^2 x is largest
    assert value == pytest.approx(2 / x, rel=2e-4)
    assert height == pytest.approx(6 / 7 * (x / math.cosh(x)) ** 2, rel=1e-6)


def test_exact_sums_that_are_too_long(refused):
    wide = random_network([3, 13, 3], 0)
    refused(lambda: ising.exact_thermodynamics(wide, 1.0), "13 neurons", "at most 12")
    refused(lambda: ising.ground_state_energy(wide), "13 neurons")
    refused(lambda: ising.exact_thermodynamics(chain(3), [1.0, 0.0]), "a temperature is 0.0")
    refused(lambda: ising.exact_critical_temperature([np.zeros((2, 2))]), "all weights are zero")
