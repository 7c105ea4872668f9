"""The fused single-precision passes agree with plain torch, and their tanh with numpy's."""

import numpy as np
import pytest
import torch

from openmm_thermalnet import hamiltonians
from openmm_thermalnet.hamiltonians import compiled, packed


def test_tanh_keeps_the_digits_of_float32():
    x = np.concatenate([[0.0], np.geomspace(1e-30, 30, 200_001)]).astype(np.float32)
    x = np.concatenate([-x, x])
    fields = torch.from_numpy(x.copy()).reshape(1, 1, 1, -1)
    compiled.residual_norms(torch.zeros_like(fields), fields, torch.empty_like(fields))
    exact = np.tanh(x.astype(np.float64))
    error = np.abs(fields.numpy().ravel() - exact)
    assert (error <= 5e-7 * np.abs(exact)).all()
    assert np.abs(fields.numpy()).max() <= 1


@pytest.mark.parametrize("energy", ["norm", "squared"])
@pytest.mark.parametrize("broadcast", [False, True])
def test_fused_passes_agree_with_torch(energy, broadcast, make_net):
    hamiltonian = make_net(energy=energy, precision="single").createHamiltonian()
    generator = torch.Generator().manual_seed(3)
    shape = (2, 3, 7, 401)
    spins = 2 * torch.rand(shape, generator=generator) - 1
    if broadcast:  # as the targets are: one pattern matrix for all replicas
        spins = spins[:1, :1].expand(shape)
    fields = 2 * torch.randn(shape, generator=generator)
    fused_fields, fused_spins = fields.clone(), torch.empty(shape)
    energies = hamiltonian.compiled_local(spins, fused_fields, fused_spins)
    plain_fields, plain_spins = fields.double(), torch.empty(shape, dtype=torch.float64)
    plain = hamiltonians.find(energy).local(hamiltonian, spins.double(), plain_fields, plain_spins)
    torch.testing.assert_close(energies.double(), plain, rtol=1e-6, atol=0)
    for ours, exact in ((fused_spins, plain_spins), (fused_fields, plain_fields)):
        assert (ours.double() - exact).abs().max() < 1e-6 * exact.abs().max()


def test_a_zero_residual_has_a_zero_gradient(make_net):
    hamiltonian = make_net(energy="norm", precision="single").createHamiltonian()
    fields, gradient = torch.zeros(1, 3, 2, 5), torch.empty(1, 3, 2, 5)
    energies = hamiltonian.local(torch.zeros(1, 3, 2, 5), fields, gradient)
    assert not energies.any()
    assert not gradient.any()
    assert not fields.any()


@pytest.mark.parametrize("gain", [0.7, "fan_in"])
def test_packed_patterns_agree_with_the_plain_product(gain, make_net):
    net = make_net(gain=gain, precision="single")
    fast, plain = net.createHamiltonian(), net.createHamiltonian()
    generator = torch.Generator().manual_seed(2)
    state = 2 * torch.rand(net.replicas * net.particles, generator=generator) - 1
    energies, gradient = fast(state)
    assert (fast.patterns_packed is not None) == packed.available()
    plain.pack = lambda _: None
    plain_energies, plain_gradient = plain(state)
    assert plain.patterns_packed is None
    torch.testing.assert_close(energies, plain_energies, rtol=2e-6, atol=0)
    assert (gradient - plain_gradient).norm() < 2e-6 * plain_gradient.norm()


def test_a_module_that_moves_makes_its_scratch_anew(make_net):
    """As one evaluation shared by two Contexts on different devices would."""
    net = make_net(precision="single")
    hamiltonian = net.createHamiltonian()
    state = torch.zeros(net.replicas * net.particles)
    hamiltonian(state)
    hamiltonian.to(torch.float64)
    assert hamiltonian.patterns_packed is None
    energies, gradient = hamiltonian(state.double())
    assert energies.dtype == gradient.dtype == torch.float64
