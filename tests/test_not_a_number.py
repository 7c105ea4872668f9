"""What is not a number in one replica is so in no other; masks inside lists; the sign of nan.

`test_public_functions.py` spoils every argument of every public function.
"""

import numpy as np
import pytest
import torch

from openmm_thermalnet import analysis
from openmm_thermalnet.analysis import ising
from openmm_thermalnet.feedforward import Sign

FALLING = np.array([1.0, 0.6, 0.2, 0.1])
STEPS = [0, 1, 2, 4]

# functions of one number, or one column, for every replica
BY_REPLICA = {
    "energy ratio": lambda x: analysis.compute_energy_ratio([np.ones(3), x])[1],
    "gaussian overlap of a width": lambda x: analysis.compute_gaussian_overlap(x, 0.1),
    "gaussian overlap of nothing moved": lambda x: analysis.compute_gaussian_overlap(x, 0.0),
    "gaussian overlap of a displacement": lambda x: analysis.compute_gaussian_overlap(0.1, x),
    "free walk": lambda x: analysis.compute_free_walk_time(x, 0.1),
    "no free walk": lambda x: analysis.compute_free_walk_time(x, 0.0),
    "solid depth": lambda x: analysis.compute_solid_depth(FALLING[:3, None] * x).per_sample,
    "relaxation time": lambda x: np.array(
        analysis.compute_relaxation_times(STEPS, FALLING[:, None] * x).per_sample
    ),
}


@pytest.mark.parametrize("name", BY_REPLICA)
@pytest.mark.filterwarnings("error")
def test_a_replica_that_is_not_a_number_leaves_the_others_as_they_are(name):
    whole, spoilt = np.array([1.0, 0.9, 0.8]), np.array([1.0, np.nan, 0.8])
    function = BY_REPLICA[name]
    wanted, found = function(whole), function(spoilt)
    np.testing.assert_array_equal(found[[0, 2]], wanted[[0, 2]])
    assert np.isnan(found[1])
    assert not np.isnan(wanted[1])


def test_a_masked_array_in_a_list_is_refused(refused):
    machines = [
        np.ma.masked_greater(row, 0.5) for row in np.random.default_rng(0).standard_normal((5, 9))
    ]
    refused(lambda: analysis.compute_overlap_matrix(machines), "is a masked array")
    network = [np.ones((3, 4)), np.ones((2, 3))]
    layers = [np.ma.masked_array(np.ones(n), mask=True) for n in (4, 3, 2)]
    refused(lambda: ising.energy(network, layers), "is a masked array")


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
