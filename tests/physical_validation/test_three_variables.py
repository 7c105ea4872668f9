"""The smallest thermal machine, one spin and two weights, against numerical integration.

N_0 = N = N_L = 1, L = 2, M = 1: H = |S - tanh(J_1)| + |1 - tanh(J_2 S)| with S, J_1 and J_2 in
[-1, 1]. 1,500 machines in one System start at random; 5 means x 2 temperatures x 5 thermostats
make 50 comparisons.
"""

import numpy as np
import pytest
from sampling import THERMOSTATS, assert_exact, sample

import openmm_thermalnet as tn
from openmm_thermalnet import native

TEMPERATURES = (0.1, 1.0)
OBSERVABLES = ("E_1", "E_2", "J_1^2", "J_2^2", "S^2")
COMPARISONS = len(THERMOSTATS) * len(TEMPERATURES) * len(OBSERVABLES)


@pytest.fixture(scope="module")
def net():
    data = tn.datasets.from_arrays([[1.0]], [[1.0]])
    return tn.ThermalNet(data, depth=2, width=1, replicas=1500, precision="double")


def integrate(kT, points=2000):
    """Canonical means by the midpoint rule; given S, the two weights are independent."""
    x = (2 * np.arange(points) + 1) / points - 1
    energies = np.abs(x[:, None] - np.tanh(x)), np.abs(1 - np.tanh(x[:, None] * x))
    boltzmann = [np.exp(-energy / kT) for energy in energies]
    first, second = (factor.sum(axis=1) for factor in boltzmann)  # functions of S
    partition = (first * second).sum()
    return {
        "E_1": ((energies[0] * boltzmann[0]).sum(axis=1) * second).sum() / partition,
        "E_2": ((energies[1] * boltzmann[1]).sum(axis=1) * first).sum() / partition,
        "J_1^2": ((x**2 * boltzmann[0]).sum(axis=1) * second).sum() / partition,
        "J_2^2": ((x**2 * boltzmann[1]).sum(axis=1) * first).sum() / partition,
        "S^2": (x**2 * first * second).sum() / partition,
    }


@pytest.mark.parametrize("kT", TEMPERATURES)
def test_the_integration_has_converged(kT):
    coarse, fine = integrate(kT, points=1000), integrate(kT)
    for name in OBSERVABLES:
        assert coarse[name] == pytest.approx(fine[name], rel=1e-5)


def sampled_means(net, name, kT, force="auto", **options):
    """Time averages in every network, by observable."""

    def observe(positions):
        weights = [weight.ravel() ** 2 for weight in net.weights(positions)]
        spins = net.spins(positions)[0].ravel() ** 2
        return np.stack([*net.layerEnergies(positions).T, *weights, spins])

    system = net.createSystem(force)
    means = sample(system, net.randomPositions(seed=1), name, kT, observe, **options)
    return dict(zip(OBSERVABLES, means, strict=True))


@pytest.mark.parametrize("kT", TEMPERATURES)
@pytest.mark.parametrize("name", THERMOSTATS)
def test_canonical_averages(name, kT, net):
    assert_exact(sampled_means(net, name, kT), integrate(kT), COMPARISONS)


@pytest.mark.skipif(native.missing() is not None, reason=str(native.missing()))
@pytest.mark.parametrize("kT", TEMPERATURES)
@pytest.mark.parametrize("name", ["langevin-middle", "brownian"])
def test_the_engine_gives_them(name, kT, net):
    """Its force and its step, on the CPU platform."""
    samples = sampled_means(net, name, kT, force="native", platform="CPU")
    assert_exact(samples, integrate(kT), COMPARISONS)


def test_every_platform_gives_them(platform, net):
    """Also those that keep coordinates in single precision."""
    samples = sampled_means(net, "langevin-middle", 0.3, platform=platform)
    assert_exact(samples, integrate(0.3), 4 * len(OBSERVABLES))
