"""The compiled pass over blocks of patterns agrees with torch in double precision."""

import copy
import gc
import weakref

import numpy as np
import pytest
import torch

import openmm_thermalnet as tn
from openmm_thermalnet.hamiltonians.blocks import BLOCK, MOST_THREADS


def build(patterns=20, depth=4, width=5, outputs=2, energy="norm", **options):
    """A network of two blocks of replicas on random patterns, and a state of it."""
    rng = np.random.default_rng(patterns + width)
    inputs = np.where(rng.random((patterns, 11)) < 0.3, rng.uniform(-1, 1, (patterns, 11)), -1.0)
    data = tn.datasets.from_arrays(inputs, np.sign(rng.normal(size=(patterns, outputs))))
    net = tn.ThermalNet(
        data, depth, width, replicas=6, energy=energy, precision="single", **options
    )
    state = rng.uniform(-1, 1, net.replicas * net.particles).astype(np.float32)
    return net, torch.from_numpy(state)


def assert_agrees(net, state):
    """Ours against the plain operations in double precision, to float32's rounding."""
    hamiltonian, exact = net.createHamiltonian(), net.createHamiltonian().double()
    energies, gradient = hamiltonian(state)
    assert hamiltonian.pass_in_use is not None
    exact_energies, exact_gradient = exact(state.double())
    assert exact.pass_in_use is None
    assert energies.dtype == gradient.dtype == torch.float32
    torch.testing.assert_close(energies.double(), exact_energies, rtol=1e-6, atol=0)
    scale = exact_gradient.abs().max()
    assert (gradient - exact_gradient).abs().max() < 2e-6 * scale


@pytest.mark.parametrize("energy", ["norm", "squared"])
@pytest.mark.parametrize("patterns", [1, 7, BLOCK, 2 * BLOCK + 3])
def test_any_number_of_patterns(energy, patterns):
    assert_agrees(*build(patterns, energy=energy))


@pytest.mark.parametrize(
    ("depth", "width", "outputs"), [(2, 1, 1), (2, 5, 7), (3, 4, 2), (5, 13, 1), (3, 30, 30)]
)
@pytest.mark.parametrize("gain", [0.4, "fan_in"])
def test_any_shape(depth, width, outputs, gain):
    assert_agrees(*build(depth=depth, width=width, outputs=outputs, gain=gain))


@pytest.mark.parametrize("energy", ["norm", "squared"])
def test_no_residual_has_no_gradient(energy):
    """Weights of 0 and spins of 0: only the output layer has a residual."""
    net, state = build(energy=energy)
    energies, gradient = net.createHamiltonian()(torch.zeros_like(state))
    assert not energies[:-1].any()
    assert (energies[-1] > 0).all()
    assert not gradient.any()


@pytest.mark.parametrize("energy", ["norm", "squared"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("place", [0, -1])
def test_what_is_not_finite_shows(energy, bad, place):
    """A spin or a weight of replica 0, or of the last one."""
    net, state = build(energy=energy)
    state[place] = bad
    energies, gradient = net.createHamiltonian()(state)
    assert not energies.isfinite().all()
    assert energies.isfinite().any()
    assert not gradient.isfinite().all()


@pytest.mark.parametrize("energy", ["norm", "squared", "softcore"])
@pytest.mark.parametrize("patterns", [7, 2 * BLOCK + 3])
@pytest.mark.parametrize("depth", [2, 3, 5])
def test_the_gradient_can_take_the_place_of_the_state(energy, patterns, depth):
    net, state = build(patterns, depth, energy=energy)
    hamiltonian = net.createHamiltonian()
    energies, gradient = (result.clone() for result in hamiltonian(state))
    for _ in range(2):
        copied = state.clone()
        evaluate = hamiltonian.bound(copied)
        if energy == "softcore":  # has no compiled pass
            assert evaluate is None
            continue
        again, in_place = evaluate()
        np.testing.assert_array_equal(again, energies.numpy())
        np.testing.assert_array_equal(in_place, gradient.numpy())
        assert np.shares_memory(in_place, copied.numpy())


def test_results_outlast_the_next_call_and_another_state():
    net, state = build()
    hamiltonian = net.createHamiltonian()
    first, _ = hamiltonian(state)
    kept = first.clone()
    other, gradient = hamiltonian(0.5 * state)
    torch.testing.assert_close(first, kept, rtol=0, atol=0)
    again, fresh = net.createHamiltonian()(0.5 * state)
    torch.testing.assert_close(other, again, rtol=0, atol=0)
    torch.testing.assert_close(gradient, fresh, rtol=0, atol=0)


def test_a_machine_that_is_done_with_leaves_no_arrays_behind():
    """Without waiting for the collector of cycles: sweeps make many machines in one process."""
    net, state = build()
    hamiltonian = net.createHamiltonian()
    hamiltonian(state)
    used = weakref.ref(hamiltonian.pass_in_use)
    gc.disable()
    try:
        del hamiltonian
        assert used() is None
    finally:
        gc.enable()


def test_threads_precision_and_copies_choose_anew():
    net, state = build()
    hamiltonian = net.createHamiltonian()
    energies, _ = hamiltonian(state)
    duplicate = copy.deepcopy(hamiltonian)
    assert duplicate.pass_in_use is None
    torch.testing.assert_close(duplicate(state)[0], energies, rtol=0, atol=0)
    hamiltonian.use_threads(MOST_THREADS + 1)
    assert hamiltonian.pass_in_use is None
    torch.testing.assert_close(hamiltonian(state)[0], energies, rtol=1e-6, atol=0)
    assert hamiltonian.pass_in_use is None
    duplicate.double()
    assert duplicate.pass_in_use is None
    torch.testing.assert_close(duplicate(state.double())[0].float(), energies)
