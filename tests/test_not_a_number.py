"""Functions that take arrays: nan gives nan or is refused, and masked arrays are refused."""

import numpy as np
import pytest
import torch

import openmm_thermalnet as tn
from openmm_thermalnet import analysis
from openmm_thermalnet.analysis import effective, ising
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.feedforward import Sign

RNG = np.random.default_rng(3)
STEPS, SAMPLE = np.arange(4), np.array([0, 0, 0])
FRAMES = RNG.standard_normal((4, 3, 6))
FRAMES[0] = FRAMES[0, 0]
START = FRAMES[0]
SIGNS = RNG.choice([-1.0, 1.0], (12, 4))
OVERLAPS = analysis.compute_overlap_matrix(RNG.standard_normal((5, 9)), normalized=True)
POINTS = np.geomspace(1, 100, 12)
CURVES = POINTS[:, None] ** -0.5 * np.ones(3)
FALLING = np.array([1.0, 0.6, 0.2, 0.1])
NETWORK = [RNG.standard_normal((3, 4)), RNG.standard_normal((2, 3))]
COUPLINGS = 0.1 * (np.ones((4, 4)) - np.eye(4))
THREE = np.array([0.1, 0.5, 0.9])

# name: (function of one array, that array)
CALLS = {
    "autocorrelation": (
        lambda x: analysis.compute_autocorrelation(x, START, STEPS, SAMPLE).mean,
        FRAMES,
    ),
    "reference": (
        lambda x: analysis.compute_autocorrelation(FRAMES, x, STEPS, SAMPLE).mean,
        START,
    ),
    "replica correlation": (
        lambda x: analysis.compute_replica_correlation(x, STEPS, SAMPLE).mean,
        FRAMES,
    ),
    "weight overlap": (
        lambda x: analysis.compute_weight_overlap(x, FRAMES[0], STEPS, SAMPLE, 1.0).mean,
        FRAMES,
    ),
    "overlap width": (lambda x: analysis.compute_overlap_width(x, 500.0), FRAMES[0]),
    "gaussian overlap": (lambda x: analysis.compute_gaussian_overlap(0.1, x), THREE),
    "gaussian width": (lambda x: analysis.compute_gaussian_overlap(x, 0.1), THREE),
    "free walk": (lambda x: analysis.compute_free_walk_time(x, 0.1), THREE),
    "no free walk": (lambda x: analysis.compute_free_walk_time(x, 0.0), THREE),
    "overlap matrix": (analysis.compute_overlap_matrix, RNG.standard_normal((5, 9))),
    "overlap distribution": (
        lambda x: analysis.compute_overlap_distribution(x, np.array([0, 0, 0, 1, 1]), bins=8),
        OVERLAPS,
    ),
    "clustering": (analysis.compute_overlap_clustering, OVERLAPS),
    "energy ratio": (analysis.compute_energy_ratio, FALLING),
    "block error": (analysis.compute_block_error, RNG.standard_normal(64)),
    "late average": (
        lambda x: analysis.compute_late_average(STEPS, x, SAMPLE, start=0),
        RNG.standard_normal((4, 3)),
    ),
    "power law": (lambda y: analysis.compute_power_law(POINTS, y, (1, 100)), CURVES),
    "power law x": (lambda x: analysis.compute_power_law(x, CURVES, (1, 100)), POINTS),
    "local exponent": (lambda y: analysis.compute_local_exponent(POINTS, y).mean, CURVES),
    "solid depth": (lambda q: analysis.compute_solid_depth(q).mean, RNG.random((3, 2))),
    "phases": (
        lambda q: np.nan if analysis.compute_phases(q).solid_depth is None else 0.0,
        THREE,
    ),
    "transition": (
        lambda x: analysis.compute_transition(THREE, x),
        np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
    ),
    "transition values": (
        lambda x: analysis.compute_transition(x, [[False], [False], [True]]),
        THREE,
    ),
    "ageing": (lambda tau: analysis.compute_ageing([1, 2, 4], tau), THREE),
    "configurations": (effective.model.check_configurations, SIGNS),
    "couplings": (lambda k: effective.model.check_model(k, np.zeros(4)), COUPLINGS),
    "fields": (lambda h: effective.model.check_model(COUPLINGS, h), np.zeros(4)),
    "entropy bound": (effective.landscape.bound, THREE),
    "ising weights": (lambda j: ising.energy([j, NETWORK[1]], np.ones(9)), NETWORK[0]),
    "ising spins": (lambda s: ising.energy(NETWORK, s), np.ones(9)),
    "temperatures": (ising.thermodynamics.check_temperatures, THREE),
    "load_weights": (lambda j: tn.load_weights([j, NETWORK[1]]), NETWORK[0]),
    "fold": (tn.fold, THREE),
}


@pytest.mark.parametrize("name", CALLS)
def test_nan_gives_nan_or_is_refused(name):
    function, whole = CALLS[name]
    function(whole)
    spoiled = np.array(whole)
    spoiled.flat[-1] = np.nan
    try:
        found = function(spoiled)
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert np.isnan(np.asarray(found, dtype=float)).any()
    assert "\n" not in message


@pytest.mark.parametrize("name", CALLS)
def test_a_masked_array_is_refused(name, refused):
    function, whole = CALLS[name]
    refused(lambda: function(np.ma.masked_equal(whole, whole.flat[-1])), "is a masked array")


def test_a_masked_array_in_a_list_is_refused(refused):
    machines = [np.ma.masked_greater(row, 0.5) for row in RNG.standard_normal((5, 9))]
    refused(lambda: analysis.compute_overlap_matrix(machines), "is a masked array")
    layers = [np.ma.masked_array(np.ones(n), mask=True) for n in (4, 3, 2)]
    refused(lambda: ising.energy(NETWORK, layers), "is a masked array")


def test_the_torch_network_of_a_nan_is_nan(make_net):
    net = make_net()
    positions = net.randomPositions(0)._value.copy()
    positions[:, 0] = np.nan  # all of replica 0
    inputs = torch.tensor(net.dataset.test_inputs, dtype=torch.float64)
    for activation in ("sign", "tanh"):
        assert torch.isnan(net.toTorch(positions, 0, activation)(inputs)).all()
        assert not torch.isnan(net.toTorch(positions, 1, activation)(inputs)).any()


def test_the_sign_of_a_nan_is_nan():
    found = Sign()(torch.tensor([float("nan"), -2.0, 0.0, 3.0]))
    assert torch.isnan(found[0])
    assert found[1:].tolist() == [-1.0, 0.0, 1.0]
