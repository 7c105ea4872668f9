"""Overdamped Langevin dynamics of feed-forward networks, against exact answers and plain torch."""

import math

import numpy as np
import openmm
import pytest
import torch
from scipy import stats

import openmm_thermalnet as tn
from openmm_thermalnet.integrators import create_brownian

KT = 0.02


def simulate(net, positions, kT, eta, seed=1, coupling=1.0, platform="Reference"):
    """Context in which a step is one step of the paper."""
    thermostat = create_brownian(kT, eta, net.patterns, seed)
    context = openmm.Context(
        net.createSystem(),
        thermostat.integrator,
        openmm.Platform.getPlatformByName(platform),
    )
    context.setParameter("coupling", coupling)
    context.setPositions(positions)
    return context, thermostat.integrator


def weights_of(net, context):
    """All weights (R, P)."""
    return net.layout.coordinates(context.getState(positions=True).getPositions(asNumpy=True))


def random_data(patterns, inputs, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(patterns, inputs)) * np.linspace(0.6, 1.6, inputs)
    return tn.datasets.from_arrays(x, np.sign(x[:, :1] + 0.3 * x[:, 1:2]), bounded=False)


@pytest.mark.parametrize("kT", [1e-10, 1.0])
def test_without_a_loss_weights_diffuse_freely(kT):
    """MSD = 2 eta (kT/P) t in every coordinate: variance and normality of 15,000 walks."""
    net = tn.FeedForwardNet(random_data(50, 4), (4, 10, 1), replicas=300, precision="double")
    start = net.randomPositions(0)
    context, integrator = simulate(net, start, kT, eta := 1e-3, coupling=0.0)
    before, done = weights_of(net, context), 0
    for steps in (1, 10, 100):
        integrator.step(steps - done)
        done = steps
        moved = weights_of(net, context) - before
        scaled = moved.ravel() / math.sqrt(2 * eta * kT / net.patterns * steps)
        count = scaled.size
        assert count == 15_000
        assert abs((scaled**2).mean() - 1) < 4.5 * math.sqrt(2 / count)
        assert abs(scaled.mean()) < 4.5 / math.sqrt(count)
        assert stats.kstest(scaled, "norm").pvalue > 1e-3


def test_stationary_covariance_of_a_linear_network():
    """w' = w - eta (H w - b) + noise is exactly normal: covariance (kT/P) / (h (1 - eta h / 2)).

    The factor of the finite step is 1.1 to 2 here, and known to 1 %.
    """
    data = random_data(40, 4)
    decay, eta, frames = 0.1, 0.35, 25
    net = tn.FeedForwardNet(
        data, (4, 1), loss="mse", weightDecay=decay, replicas=3000, precision="double"
    )
    x, y = data.train_inputs, data.train_targets[:, 0]
    hessian = x.T @ x / net.patterns + decay * np.eye(4)
    minimum = np.linalg.solve(hessian, x.T @ y / net.patterns)
    h, modes = np.linalg.eigh(hessian)
    bias = 1 / (1 - eta * h / 2)
    assert bias.min() < 1.15
    assert bias.max() > 1.8
    exact = KT / net.patterns / h * bias
    context, integrator = simulate(net, net.randomPositions(0), KT, eta)
    integrator.step(200)
    apart = 40
    assert np.abs(1 - eta * h).max() ** apart < 0.01  # frames are independent
    samples = []
    for _ in range(frames):
        integrator.step(apart)
        samples.append((weights_of(net, context) - minimum) @ modes)
    scaled = np.concatenate(samples) / np.sqrt(exact)
    count = len(scaled)
    assert np.abs(scaled.mean(axis=0)).max() < 4.5 / math.sqrt(count)
    covariance = scaled.T @ scaled / count
    errors = np.where(np.eye(4) > 0, math.sqrt(2 / count), math.sqrt(1 / count))
    assert (np.abs(covariance - np.eye(4)) < 4.5 * errors).all()


def plain_torch(net, start, kT, eta, steps, seed):
    """|dw| (R, P) of the printed update, every replica an ordinary torch network."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.tensor(net.dataset.train_inputs)
    y = torch.tensor(net.dataset.train_targets)
    moved = []
    for replica in range(net.replicas):
        model = net.toTorch(start, replica)
        weights = list(model.parameters())
        first = [weight.detach().clone() for weight in weights]
        for _ in range(steps):
            loss = (torch.relu(1 - y * model(x)) ** 2).sum() / (2 * len(y))
            gradients = torch.autograd.grad(loss, weights)
            with torch.no_grad():
                for weight, gradient in zip(weights, gradients, strict=True):
                    noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
                    weight -= eta * gradient
                    weight += math.sqrt(2 * kT * eta / len(y)) * noise
        parts = zip(weights, first, strict=True)
        moved.append(torch.cat([(w.detach() - w0).abs().flatten() for w, w0 in parts]))
    return torch.stack(moved).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("kT", [1e-6, 1e-2])
def test_openmm_moves_as_the_printed_update(kT):
    """|dw| after 1,000 steps, OpenMM against a plain torch loop: two-sample tests.

    Same start, other noise, 9 replicas of 127 weights. At the lower temperature the drift decides,
    at the higher one the noise. Half the steps, or noise of kT instead of kT/P, are told apart.
    """
    net = tn.FeedForwardNet(random_data(60, 5), (5, 10, 7, 1), replicas=9, precision="single")
    start, eta, steps = net.randomPositions(3), 0.02, 1000
    context, integrator = simulate(net, start, kT, eta, platform="CPU")
    before = weights_of(net, context)
    integrator.step(steps)
    ours = np.abs(weights_of(net, context) - before).ravel()
    theirs = plain_torch(net, start, kT, eta, steps, seed=5).ravel()
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-2
    wrong = (kT * net.patterns, steps) if kT > 1e-3 else (kT, steps // 2)
    other = plain_torch(net, start, wrong[0], eta, wrong[1], seed=6).ravel()
    assert stats.ks_2samp(ours, other).pvalue < 1e-4
