"""Descent against torch's own optimiser and against the exact answer of a linear network."""

import numpy as np
import pytest
import torch

import openmm_thermalnet as tn
from openmm_thermalnet.descent import gradient_descent, stochastic_descent
from openmm_thermalnet.errors import InputError, SimulationError

P, BATCH, SEED = 50, 16, 7  # three batches in an epoch, two patterns left over


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    inputs = rng.normal(0, 3, (P, 4))
    return tn.datasets.from_arrays(inputs, np.sign(inputs[:, :1]), bounded=False)


@pytest.fixture
def make(data):
    def build(widths=(4, 6, 5, 1), **options):
        net = tn.FeedForwardNet(data, widths, precision="double", **options)
        state = torch.tensor(np.concatenate([w.ravel() for w in net.weights(
            net.randomPositions(seed=1))]))  # fmt: skip
        return net, net.createHamiltonian(), state

    return build


def order_of(replica, epoch):
    sequence = np.random.SeedSequence(SEED, spawn_key=(replica, epoch))
    return np.random.default_rng(sequence).permutation(P)


def unpacked(net, state):
    """Weights of each layer (R, N_l, N_{l-1}) of a flat state."""
    sizes = [3 * a * b for a, b in zip(net.widths[1:], net.widths, strict=False)]
    parts = np.split(state.numpy(), np.cumsum(sizes)[:-1])
    return [
        part.reshape(3, a, b) for part, a, b in zip(parts, net.widths[1:], net.widths, strict=False)
    ]


@pytest.mark.parametrize("decay", [0.0, 0.03])
def test_steps_are_those_of_torch_sgd(make, data, decay):
    net, hamiltonian, state = make(weightDecay=decay)
    start = net.positions(unpacked(net, state))
    stochastic_descent(hamiltonian, state, 0.05, BATCH, SEED, 0, 8)
    found = unpacked(net, state)
    inputs, targets = torch.tensor(data.train_inputs), torch.tensor(data.train_targets)
    for replica in range(3):
        model = net.toTorch(start, replica)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=decay)
        for step in range(8):
            first = step % 3 * BATCH
            batch = torch.tensor(order_of(replica, step // 3)[first : first + BATCH])
            optimiser.zero_grad()
            slack = torch.relu(1 - targets[batch] * model(inputs[batch]))
            (0.5 * (slack**2).mean()).backward()
            optimiser.step()
        for mine, theirs in zip(found, model.parameters(), strict=True):
            np.testing.assert_allclose(mine[replica], theirs.detach().numpy(), atol=1e-13)


def test_it_goes_on_as_if_never_stopped(make):
    _, hamiltonian, whole = make()
    parts = whole.clone()
    stochastic_descent(hamiltonian, whole, 0.05, BATCH, SEED, 0, 10)
    for start, stop in ((0, 1), (1, 5), (5, 5), (5, 10)):
        stochastic_descent(hamiltonian, parts, 0.05, BATCH, SEED, start, stop)
    assert torch.equal(whole, parts)
    other = make()[2]
    stochastic_descent(hamiltonian, other, 0.05, BATCH, SEED + 1, 0, 10)
    assert not torch.equal(whole, other)


def test_an_epoch_meets_every_pattern_once():
    seen = np.concatenate([order_of(1, 3)[k * BATCH : (k + 1) * BATCH] for k in range(3)])
    assert np.unique(seen).size == 3 * BATCH
    assert not np.array_equal(order_of(1, 3), order_of(1, 4))
    assert not np.array_equal(order_of(0, 3), order_of(1, 3))


def test_a_linear_network_decays_as_it_must(make, data):
    """One layer, squared loss: w_n = w* + (1 - eta A)^n (w_0 - w*), A = X X^T / P + lambda."""
    net, hamiltonian, state = make((4, 1), loss="mse", weightDecay=0.2, activation="identity")
    start = unpacked(net, state)[0][:, 0].copy()
    gradient_descent(hamiltonian, state, 0.02, 25)
    curvature = data.train_inputs.T @ data.train_inputs / P + 0.2 * np.eye(4)
    best = np.linalg.solve(curvature, data.train_inputs.T @ data.train_targets[:, 0] / P)
    shrink = np.linalg.matrix_power(np.eye(4) - 0.02 * curvature, 25)
    np.testing.assert_allclose(
        unpacked(net, state)[0][:, 0], best + (start - best) @ shrink, atol=1e-13
    )


def test_small_steps_are_not_lost_in_single_precision(data):
    """Each step moves a weight by less than float32 could tell at its size."""
    moved = {}
    for precision in ("single", "double"):
        net = tn.FeedForwardNet(data, (4, 1), precision=precision)
        state = torch.full((12,), 0.7, dtype=torch.float64)
        gradient_descent(net.createHamiltonian(), state, 1e-9, 100)
        moved[precision] = (state - 0.7).numpy()
    assert 0 < np.abs(moved["double"]).max() / 100 < 0.5 * np.spacing(np.float32(0.7))
    np.testing.assert_allclose(moved["single"], moved["double"], rtol=1e-4)


def test_bad_steps_are_refused(make):
    _, hamiltonian, state = make()
    for eta in (0, -1e-3, float("nan"), float("inf")):
        with pytest.raises(InputError, match="give a step size above 0"):
            gradient_descent(hamiltonian, state, eta, 1)
    for batch, message in ((P + 1, "give at most the 50"), (0, "integer of at least 1")):
        with pytest.raises(InputError, match=message):
            stochastic_descent(hamiltonian, state, 0.1, batch, 0, 0, 1)
    with pytest.raises(SimulationError, match="not finite at step 50 of descent; lower eta"):
        gradient_descent(hamiltonian, state, 1e6, 50)
