"""Every registered energy: its formula, its gradient, and the derivatives written by hand."""

import pickle

import numpy as np
import own_energy  # noqa: F401  # registers "quartic", which has no derivatives of its own
import pytest
import torch

from openmm_thermalnet import hamiltonians
from openmm_thermalnet.hamiltonians import LayeredHamiltonian, layer_gains

ENERGIES = hamiltonians.names()
BY_HAND = [
    name
    for name in ENERGIES
    if hamiltonians.find(name).local is not hamiltonians.LayeredHamiltonian.local
]

FORMULAS = {
    "norm": lambda s, x: np.sqrt(((s - np.tanh(x)) ** 2).sum()),
    "squared": lambda s, x: 0.5 * ((s - np.tanh(x)) ** 2).sum(),
    "softcore": lambda s, x: (np.minimum(s * x, 0) ** 2).sum(),
    "quartic": lambda s, x: ((s - x) ** 4).sum(),
}

every_energy = pytest.mark.parametrize("energy", ENERGIES)
every_gain = pytest.mark.parametrize("gain", [1.0, "fan_in"])
every_depth = pytest.mark.parametrize("depth", [2, 3, 5])


def random_state(net, seed=0):
    generator = torch.Generator().manual_seed(seed)
    size = net.replicas * net.particles
    return 2 * torch.rand(size, generator=generator, dtype=torch.float64) - 1


def test_every_energy_of_the_package_is_registered():
    assert set(ENERGIES) == set(FORMULAS)
    assert BY_HAND == ["norm", "softcore", "squared"]


@every_energy
@every_gain
@every_depth
def test_layer_energies_are_the_printed_formula(energy, gain, depth, make_net):
    """Written out for one layer of one replica at a time, from the spins and weights."""
    net = make_net(depth=depth, replicas=6, energy=energy, gain=gain, precision="double")
    positions = 3 * net.randomPositions(seed=1)
    spins, weights = net.spins(positions), net.weights(positions)
    data = net.dataset
    wanted = np.empty((net.replicas, depth))
    for replica in range(net.replicas):
        layers = [data.train_inputs, *(s[replica] for s in spins), data.train_targets]
        for layer in range(depth):
            g = 1.0 if gain == 1.0 else 1 / np.sqrt(net.widths[layer])
            fields = g * layers[layer] @ weights[layer][replica].T
            wanted[replica, layer] = FORMULAS[energy](layers[layer + 1], fields)
    np.testing.assert_allclose(net.layerEnergies(positions), wanted, rtol=1e-12)


@every_energy
@every_gain
@every_depth
def test_the_gradient_is_that_of_central_differences(energy, gain, depth, make_net):
    net = make_net(depth=depth, energy=energy, gain=gain, precision="double")
    hamiltonian = net.createHamiltonian()
    state = random_state(net)
    gradient = hamiltonian(state)[1].clone()
    numerical = torch.empty_like(state)
    h = 1e-5
    for i in range(len(state)):
        moved = state.clone()
        moved[i] = state[i] + h
        above = hamiltonian(moved)[0].sum()
        moved[i] = state[i] - h
        numerical[i] = (above - hamiltonian(moved)[0].sum()) / (2 * h)
    assert (gradient - numerical).norm() < 1e-6 * numerical.norm()


@every_energy
@every_gain
@every_depth
def test_float32_differs_from_float64_by_rounding(energy, gain, depth, make_net):
    state = random_state(make_net(depth=depth))
    results = []
    for precision in ("single", "double"):
        net = make_net(depth=depth, energy=energy, gain=gain, precision=precision)
        hamiltonian = net.createHamiltonian()
        energies, gradient = hamiltonian(state.to(hamiltonian.inputs.dtype))
        assert energies.dtype == gradient.dtype == hamiltonian.inputs.dtype
        results.append((energies.double(), gradient.double()))
    for single, double in zip(*results, strict=True):
        assert (single - double).norm() < 2e-6 * double.norm()


@pytest.mark.parametrize("energy", BY_HAND)
def test_derivatives_by_hand_are_those_of_autograd(energy, make_net):
    hamiltonian = make_net(energy=energy, precision="double").createHamiltonian()
    generator = torch.Generator().manual_seed(2)
    spins = 2 * torch.rand((2, 3, 4, 5), generator=generator, dtype=torch.float64) - 1
    fields = torch.randn((2, 3, 4, 5), generator=generator, dtype=torch.float64)
    by_hand, by_autograd = torch.empty_like(spins), torch.empty_like(spins)
    field_by_hand, field_by_autograd = fields.clone(), fields.clone()
    energies = hamiltonian.local(spins, field_by_hand, by_hand)
    checked = LayeredHamiltonian.local(hamiltonian, spins, field_by_autograd, by_autograd)
    torch.testing.assert_close(energies, checked, rtol=1e-13, atol=0)
    torch.testing.assert_close(energies, hamiltonian.layer_energy(spins, fields))
    torch.testing.assert_close(by_hand, by_autograd, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(field_by_hand, field_by_autograd, rtol=1e-13, atol=1e-14)


def test_autograd_leaves_the_grad_mode_as_it_was(make_net):
    hamiltonian = make_net(energy="quartic").createHamiltonian()
    spins, fields = torch.zeros(1, 3, 4, 5), torch.ones(1, 3, 4, 5)
    for enabled in (True, False):
        with torch.set_grad_enabled(enabled):
            energies = hamiltonian.local(spins, fields.clone(), torch.empty_like(spins))
            assert torch.is_grad_enabled() == enabled
        assert not energies.requires_grad


@every_energy
def test_a_zero_residual_has_a_finite_gradient(energy, make_net):
    """The cone of the norm has no slope at its tip: it must come out as 0, never NaN."""
    net = make_net(energy=energy, precision="double")
    zero = torch.zeros(net.replicas * net.particles, dtype=torch.float64)
    energies, gradient = net.createHamiltonian()(zero)
    hidden = slice(None, net.depth - 1)
    assert torch.equal(energies[hidden], torch.zeros_like(energies[hidden]))
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_a_layer_without_residual_exerts_no_force(make_net):
    """Spins that follow their fields feel only the layer above, at the norm's cone too."""
    net = make_net(depth=4, precision="double")
    weights = net.weights(net.randomPositions(seed=0))
    positions = net.positions(net.forwardSpins(weights), weights)
    energies = net.layerEnergies(positions)
    np.testing.assert_allclose(energies[:, :-1], 0, atol=1e-14)
    assert (energies[:, -1] > 0.1).all()


def test_scratch_is_reused_and_not_copied(make_net):
    hamiltonian = make_net(replicas=6).createHamiltonian()
    state = random_state(make_net(replicas=6)).float()
    before = pickle.dumps(hamiltonian)
    first = hamiltonian(state)[1]
    assert hamiltonian(-state)[1] is first
    assert len(pickle.dumps(hamiltonian)) == len(before)
    energies, gradient = pickle.loads(before)(state)
    torch.testing.assert_close(energies, hamiltonian(state)[0], rtol=0, atol=0)
    torch.testing.assert_close(gradient, hamiltonian(state)[1], rtol=0, atol=0)


# --- names and gains ---------------------------------------------------------------------------


def test_the_gain_of_every_layer():
    assert layer_gains(2, (784, 10, 10, 2)) == (2.0, 2.0, 2.0)
    assert layer_gains("fan_in", (4, 16, 25, 2)) == (0.5, 0.25, 0.2)


@pytest.mark.parametrize("gain", [0, -1.0, float("nan"), float("inf"), "fan_out"])
def test_a_bad_gain_is_refused(gain, refused):
    refused(lambda: layer_gains(gain, (2, 2, 2)), repr(gain), "positive number or 'fan_in'")


def test_an_unknown_energy_is_refused_with_those_there_are(refused):
    refused(lambda: hamiltonians.find("loss"), "'loss'", "norm, quartic, softcore, squared")


def test_a_name_is_given_once(refused):
    def again():
        @hamiltonians.register("norm")
        class Other(LayeredHamiltonian):
            pass

    refused(again, "'norm'", "NormHamiltonian", "choose another")
    known = hamiltonians.find("norm")
    assert hamiltonians.register("norm")(known) is known


def test_an_energy_that_defines_nothing_says_what_is_missing(patterns):
    bare = LayeredHamiltonian(
        torch.tensor(patterns.train_inputs), torch.tensor(patterns.train_targets), (5, 3, 2), 3
    )
    with pytest.raises(TypeError, match="defines layer_energy"):
        bare(torch.zeros(3 * (4 * 3 + 15 + 6)))
