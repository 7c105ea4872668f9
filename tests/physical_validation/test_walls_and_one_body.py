"""Density between the walls: uniform without a potential, Boltzmann's in one."""

import numpy as np
import openmm
import pytest
import torch
from sampling import THERMOSTATS, Schedule, assert_exact, positions, sample, start
from scipy import integrate, stats

import openmm_thermalnet as tn
from openmm_thermalnet.forces import create_force
from openmm_thermalnet.layout import Field, Layout

REPLICAS = 3000
KT = 0.7


class OneBody(torch.nn.Module):
    """V(s) = s + 2 s^2 for every coordinate: its slope is not zero at either wall."""

    def forward(self, state):
        return self.energy(state).sum().view(1, 1), 1 + 4 * state

    @staticmethod
    def energy(s):
        return s + 2 * s**2


def one_body_system(layout):
    system = openmm.System()
    for _ in range(layout.blocks * layout.particles):
        system.addParticle(1.0)
    system.addForce(create_force(OneBody(), layout, torch.float64, binding="python"))
    return system


@pytest.fixture(scope="module")
def layout():
    return Layout((Field("S1", "spin", 1, 1),), REPLICAS)


@pytest.mark.parametrize("name", THERMOSTATS)
def test_uniform_density_without_energy(name):
    """All 9,000 coordinates start at 0.5; 40 time units later their density is uniform.

    Coordinates are independent, so the Kolmogorov-Smirnov test holds as it stands. Its
    significance is 0.2 % for each of the 5 thermostats, 1 % for all.
    """
    data = tn.datasets.from_arrays([[1.0]], [[1.0]])
    net = tn.ThermalNet(data, depth=2, width=1, replicas=REPLICAS)
    schedule = Schedule(coarse=0.1)
    system = net.createSystem()
    context = start(system, np.full((REPLICAS, 3), 0.5), name, 1.0, schedule)
    context.setParameter("coupling", 0.0)
    context.getIntegrator().step(400)
    raw = positions(context)._value
    assert np.abs(raw).max() > 5  # most went through several walls
    variables = tn.fold(raw).ravel()
    assert stats.kstest(variables, stats.uniform(-1, 2).cdf).pvalue > 0.002


@pytest.mark.parametrize("name", THERMOSTATS)
def test_moments_in_a_one_body_potential(name, layout):
    """<s> and <s^2> against quadrature: 2 means x 5 thermostats are 10 comparisons."""
    begin = np.random.default_rng(0).uniform(-1, 1, (layout.blocks, 3))

    def observe(raw):
        s = tn.fold(layout.coordinates(raw)[:, 0])
        return np.stack([s, s**2])

    means = sample(one_body_system(layout), begin, name, KT, observe)

    def moment(power):
        return integrate.quad(lambda s: s**power * np.exp(-OneBody.energy(s) / KT), -1, 1)[0]

    exact = {"s": moment(1) / moment(0), "s^2": moment(2) / moment(0)}
    assert_exact(dict(zip(exact, means, strict=True)), exact, comparisons=2 * len(THERMOSTATS))
