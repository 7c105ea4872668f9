"""The loss of a feed-forward network and its gradient, against torch.autograd."""

import itertools
import pickle

import numpy as np
import pytest
import torch
from feedforward_peers import random_data, torch_loss

import openmm_thermalnet as tn
from openmm_thermalnet.forces import EnergyAndForces, UnboundedTorchEnergyAndForces
from openmm_thermalnet.hamiltonians import ACTIVATIONS, LOSSES, feedforward

WIDTHS = (4, 5, 6, 6, 3)

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
every_loss = pytest.mark.parametrize("loss", LOSSES)


def make(activation="relu", loss="quadratic-hinge", outputs=1, **options):
    options = {"weightDecay": 0.02, "replicas": 6, "precision": "double", **options}
    data = random_data(outputs=outputs)
    return tn.FeedForwardNet(data, (*WIDTHS[:-1], outputs), activation, loss, **options)


def by_torch(net, positions):
    """Energy terms (R, 2) and gradient (B P, 3) from autograd on ordinary torch networks."""
    terms, gradients = [], []
    for replica in range(net.replicas):
        model = net.toTorch(positions, replica)
        value, decay = torch_loss(model, net.dataset, net.lossName, net.weightDecay)
        (value + decay).backward()
        terms.append([value.item(), decay.item()])
        linear = [part for part in model if isinstance(part, torch.nn.Linear)]
        parts = [part.weight.grad for part in linear]
        parts += [part.bias.grad for part in linear if net.bias]
        gradients.append(torch.cat([part.flatten() for part in parts]).numpy())
    return np.array(terms), net.layout.positions(np.stack(gradients))


@every_activation
@every_loss
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
def test_loss_and_gradient_are_those_of_autograd(activation, loss, bias, outputs):
    net = make(activation, loss, outputs, bias=bias)
    positions = net.randomPositions(seed=1)
    terms, gradient = by_torch(net, positions)
    np.testing.assert_allclose(net.energyTerms(positions), terms, rtol=1e-10)
    np.testing.assert_allclose(net.loss(positions), terms.sum(axis=1), rtol=1e-10)
    system = net.createSystem(force="python")
    energy, forces = EnergyAndForces(
        net.createHamiltonian(), net.layout, net.dtype, walls=False
    ).evaluate(positions._value)
    assert system.getNumParticles() == 2 * net.particles
    assert energy == pytest.approx(terms.sum(), rel=1e-10)
    assert np.abs(forces + gradient).max() < 1e-10 * np.abs(gradient).max()
    assert np.abs(gradient).max() > 1e-3


@every_activation
@every_loss
@pytest.mark.parametrize("bias", [False, True])
def test_single_precision_agrees_with_double(activation, loss, bias):
    """Odd and even widths; the second call finds the first one's scratch."""
    for outputs, patterns in ((1, 1), (1, 301), (3, 256)):
        data = random_data(patterns, outputs=outputs)
        nets = [
            tn.FeedForwardNet(
                data, (4, 5, 6, 7, outputs), activation, loss, 0.01, 6, bias=bias, precision=digits
            )
            for digits in ("double", "single")
        ]
        double, single = (net.createHamiltonian() for net in nets)
        positions = nets[0].randomPositions(seed=1)
        state = nets[1]._state(positions)
        wanted, slope = double(nets[0]._state(positions))
        for _ in range(2):
            found, gradient = single(state)
            torch.testing.assert_close(found, wanted, rtol=3e-6, atol=1e-7)
            assert (gradient - slope).abs().max() < 3e-6 * slope.abs().max()


@every_activation
@every_loss
def test_what_is_not_a_number_shows(activation, loss):
    """In the loss and the gradient of its replica."""
    net = tn.FeedForwardNet(random_data(30), (4, 5, 1), activation, loss, 0.0, 3)
    state = net._state(net.randomPositions(seed=1))
    state[0] = float("nan")
    energies, gradient = net.createHamiltonian()(state)
    assert energies[0].isnan().tolist() == [True, False, False]
    assert gradient.isnan().any()


@pytest.mark.parametrize(("patterns", "numbers"), [(40, 7), (41, 1), (200, 64)])
def test_slices_of_patterns_add_up(monkeypatch, patterns, numbers):
    """Whatever fits the cache, the energy is that of all patterns."""
    data = random_data(patterns)
    whole = tn.FeedForwardNet(data, (4, 5, 1), precision="double")
    positions = whole.randomPositions(seed=0)
    monkeypatch.setattr(feedforward, "_SLICE", numbers)
    monkeypatch.setattr(feedforward, "_LEAST", numbers)
    sliced = tn.FeedForwardNet(data, (4, 5, 1), precision="double")
    assert sliced.createHamiltonian().most == numbers
    np.testing.assert_allclose(sliced.loss(positions), whole.loss(positions), rtol=1e-13)
    state = whole._state(positions)
    expected = whole.createHamiltonian()(state)[1]
    torch.testing.assert_close(sliced.createHamiltonian()(state)[1], expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("bias", [False, True])
def test_the_zero_network_has_loss_one_half_for_each_output(outputs, bias):
    net = make(outputs=outputs, bias=bias, precision="single")
    zero = net.layout.positions(np.zeros((net.replicas, net.particles)))
    assert net.loss(zero).tolist() == [0.5 * outputs] * net.replicas
    gradient = net.createHamiltonian()(net._state(zero))[1]
    if not bias:  # a stationary point
        assert not gradient.any()


def test_single_precision_agrees_to_its_digits():
    double, single = make(), make(precision="single")
    positions = double.randomPositions(seed=2)
    np.testing.assert_allclose(single.loss(positions), double.loss(positions), rtol=1e-6)


def test_extreme_outputs_stay_finite():
    """softplus and softmax do not overflow, and a huge margin costs nothing."""
    for outputs, loss in itertools.product((1, 3), LOSSES):
        net = make(loss=loss, outputs=outputs, weightDecay=0.0)
        huge = net.positions([1e4 * w for w in net.weights(net.randomPositions(0))])
        energies, gradient = net.createHamiltonian()(net._state(huge))
        assert torch.isfinite(energies).all()
        assert torch.isfinite(gradient).all()


@every_activation
@every_loss
def test_torchscript_compiles_every_activation_and_loss(activation, loss):
    """As TorchForce would, but without openmm-torch."""
    net = make(activation, loss, bias=True)
    positions = net.randomPositions(seed=3)
    terms, gradient = by_torch(net, positions)
    module = UnboundedTorchEnergyAndForces(
        net.createHamiltonian(), net.layout, net.dtype, walls=False
    )
    scripted = torch.jit.script(module)
    for _ in range(3):  # TorchScript compiles anew after the first calls
        one = torch.tensor(1.0, dtype=torch.float64)
        energy, forces = scripted(torch.tensor(positions._value), one, one)
        assert energy.item() == pytest.approx(terms.sum(), rel=1e-10)
        np.testing.assert_allclose(forces.numpy(), -gradient, rtol=0, atol=1e-10)


def test_a_used_hamiltonian_is_saved_without_scratch():
    net = tn.FeedForwardNet(random_data(400), (4, 50, 50, 1))
    hamiltonian = net.createHamiltonian()
    state = net._state(net.randomPositions(0))
    energies, gradient = hamiltonian(state)
    saved = pickle.dumps(hamiltonian)
    assert len(saved) < 20_000  # the patterns are 8,000 bytes, the scratch tensors 240,000
    again = pickle.loads(saved)(state)
    assert torch.equal(again[0], energies)
    assert torch.equal(again[1], gradient)
