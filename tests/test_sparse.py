"""Products with patterns of one background agree with the plain products."""

import numpy as np
import pytest
import torch

import openmm_thermalnet as tn
from openmm_thermalnet.hamiltonians import sparse
from openmm_thermalnet.hamiltonians.blocks import MOST_THREADS


def draw_inputs(width, patterns, density, background):
    rng = np.random.default_rng(width + patterns)
    values = rng.uniform(-1, 1, (width, patterns))
    inputs = np.where(rng.random((width, patterns)) < density, values, background)
    return torch.from_numpy(inputs.astype(np.float32))


@pytest.mark.parametrize("rows", [1, 8, 30, 32, 75])
@pytest.mark.parametrize(
    ("width", "patterns"), [(1, 1), (3, 300), (50, 7), (50, 8), (300, 256), (70, 600)]
)
def test_both_products_agree_with_plain_ones(rows, width, patterns):
    inputs, gain = draw_inputs(width, patterns, 0.2, -1.0), 0.3
    products = sparse.SparsePatterns(inputs, gain)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(rows, width, generator=generator)
    derivatives = torch.randn(rows, patterns, generator=generator)
    exact = (
        gain * weights.double() @ inputs.double(),
        gain * derivatives.double() @ inputs.t().double(),
    )
    for _ in range(2):  # the scratch of the first call does not show in the second
        fields, slopes = torch.empty(rows, patterns), torch.empty(rows, width)
        products.fields(weights, fields)
        products.gradient(derivatives, slopes)
        assert (fields - exact[0]).abs().max() < 1e-6 * gain * width
        assert (slopes - exact[1]).abs().max() < 1e-6 * gain * patterns


def test_patterns_of_background_alone():
    products = sparse.SparsePatterns(torch.full((5, 9), 0.5), 2.0)
    weights, fields, slopes = torch.ones(2, 5), torch.empty(2, 9), torch.empty(2, 5)
    products.fields(weights, fields)
    products.gradient(torch.ones(2, 9), slopes)
    assert (fields == 5).all()
    assert (slopes == 9).all()


@pytest.mark.parametrize(
    ("density", "expected"), [(0.0, True), (0.2, True), (0.5, False), (1.0, False)]
)
def test_sparse_is_what_has_a_background(density, expected):
    assert sparse.is_sparse(draw_inputs(40, 400, density, -1.0)) is expected


@pytest.mark.parametrize(("density", "few"), [(0.2, True), (0.8, False)])
@pytest.mark.parametrize("energy", ["norm", "softcore"])
def test_a_network_takes_them_where_patterns_are_sparse(density, few, energy):
    inputs = draw_inputs(12, 9, density, -1.0).t().numpy()
    data = tn.datasets.from_arrays(inputs, np.sign(np.random.default_rng(0).normal(size=(9, 2))))
    net = tn.ThermalNet(data, 3, 4, replicas=3, energy=energy, precision="single")
    hamiltonian, with_torch = net.createHamiltonian(), net.createHamiltonian()
    with_torch.use_threads(MOST_THREADS + 1)
    exact = net.createHamiltonian().double()
    state = torch.rand(net.replicas * net.particles, generator=torch.Generator().manual_seed(0))
    results = [h(state.to(h.inputs.dtype)) for h in (hamiltonian, with_torch, exact)]
    assert isinstance(hamiltonian.patterns_packed, sparse.SparsePatterns) is few
    assert not isinstance(with_torch.patterns_packed, sparse.SparsePatterns)
    for energies, gradient in results[:2]:
        torch.testing.assert_close(energies.double(), results[2][0], rtol=2e-6, atol=1e-6)
        assert (gradient - results[2][1]).abs().max() < 2e-6 * results[2][1].abs().max()
