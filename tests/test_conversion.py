"""From OpenMM's coordinates to the arrays of Hamiltonians and back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openmm_thermalnet.conversion import TorchConversion
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.walls import fold, fold_sign

PATTERNS = st.integers(1, 40) | st.integers(1000, 1020)  # a few tiles, and a few chunks of tiles
LAYOUTS = st.builds(
    Layout.thermal,
    PATTERNS,
    st.lists(st.integers(1, 12), min_size=3, max_size=6).map(tuple),
    st.sampled_from([3, 6, 9]),
)
WALLS = pytest.mark.parametrize("walls", [True, False])


def raw_positions(layout, seed=0, size=9.0):
    shape = (layout.blocks * layout.particles, 3)
    return np.random.default_rng(seed).uniform(-size, size, shape)


def random_gradient(layout, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(layout.replicas * layout.particles, generator=generator, dtype=dtype)


@WALLS
@given(layout=LAYOUTS)
def test_the_state_holds_the_folded_coordinates_and_forces_take_the_sign(walls, layout):
    """Feeding the state back as the gradient of |s|^2/2 gives -s fold'(q) at every coordinate."""
    positions = raw_positions(layout)
    conversion = TorchConversion(layout, torch.float64, walls)
    state, slopes = conversion.state(torch.from_numpy(positions))
    folded = fold(positions) if walls else positions
    signs = fold_sign(positions) if walls else np.ones_like(positions)
    np.testing.assert_array_equal(np.sort(state.numpy()), np.sort(folded, axis=None))
    forces = conversion.forces(state, slopes).numpy()
    np.testing.assert_allclose(forces, -signs * folded, rtol=1e-15)


def test_replicas_of_one_field_are_neighbours():
    """Every field in turn, and in it the replicas in turn: R values of one parameter each here."""
    layout = Layout.thermal(1, (1, 1, 1), replicas=6)
    coordinates = np.arange(18.0).reshape(3, 6).T / 20
    positions = torch.from_numpy(layout.positions(coordinates))
    state, _ = TorchConversion(layout, torch.float64).state(positions)
    np.testing.assert_array_equal(state.numpy(), np.arange(18.0) / 20)


def test_the_fold_is_taken_before_the_cast():
    """Far from the origin float32 has lost the digits that the fold needs."""
    layout = Layout.thermal(1, (1, 1, 1), replicas=3)
    near = raw_positions(layout, size=1.0)
    conversion = TorchConversion(layout, torch.float32)
    state, _ = conversion.state(torch.from_numpy(near + 4e6))
    want, _ = conversion.state(torch.from_numpy(near))
    assert state.dtype == torch.float32
    torch.testing.assert_close(state, want, rtol=0, atol=2e-7)


def test_positions_are_the_inverse_of_the_state_without_walls():
    layout = Layout.thermal(4, (3, 2, 2), replicas=6)
    positions = torch.from_numpy(raw_positions(layout))
    conversion = TorchConversion(layout, torch.float64, walls=False)
    assert torch.equal(conversion.positions(conversion.state(positions)[0]), positions)


@pytest.mark.parametrize("size", [1e3, 1e9, 2.0**51, 2.0**52])
@pytest.mark.parametrize("patterns", [3, 40])  # one by one, and in tiles
def test_the_fold_is_exact_wherever_a_double_is(patterns, size):
    layout = Layout.thermal(patterns, (5, 4, 2), replicas=3)
    positions = raw_positions(layout, size=size)
    conversion = TorchConversion(layout, torch.float64)
    state, signs = conversion.state(torch.from_numpy(positions))
    np.testing.assert_array_equal(np.sort(state.numpy()), np.sort(fold(positions), axis=None))
    ones = torch.ones(3 * layout.particles, dtype=torch.float64)
    np.testing.assert_array_equal(conversion.forces(ones, signs).numpy(), -fold_sign(positions))


@WALLS
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_stays_so(walls, value):
    layout = Layout.thermal(20, (5, 4, 2), replicas=3)
    positions = raw_positions(layout)
    positions[7, 1] = value
    state, _ = TorchConversion(layout, torch.float32, walls).state(torch.from_numpy(positions))
    assert (~torch.isfinite(state)).sum() == 1


def test_single_precision_forces_come_back_in_double():
    layout = Layout.thermal(2, (3, 2, 2), replicas=3)
    conversion = TorchConversion(layout, torch.float32)
    _, signs = conversion.state(torch.from_numpy(raw_positions(layout)))
    forces = conversion.forces(random_gradient(layout, torch.float32), signs)
    assert forces.dtype == torch.float64
    assert forces.shape == (layout.particles, 3)
