"""NVE: Verlet's energy of every network, which only the walls and the step disturb.

The fold turns the force round at a wall between two steps, which costs an energy of order dt and of
random sign each time. So the error of one network is a random walk over its wall hits, of size dt;
it is least, relative to the energy, where many variables share it.
"""

import numpy as np
import openmm
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet.integrators import find_platform


def energies(net, context):
    """Total energy of every network; a leapfrog velocity is half a step behind."""
    state = context.getState(getPositions=True, getVelocities=True, getForces=True)
    half_step = 0.5 * context.getIntegrator().getStepSize()._value
    velocities = state.getVelocities(asNumpy=True)._value
    velocities = velocities + half_step * state.getForces(asNumpy=True)._value
    kinetic = 0.5 * (net.layout.coordinates(velocities) ** 2).sum(axis=1)
    return net.layerEnergies(state.getPositions(asNumpy=True)).sum(axis=1) + kinetic


def drifts(net, timestep, time, platform="Reference"):
    """Relative change of every network's energy after some time from a random start."""
    integrator = openmm.VerletIntegrator(timestep)
    system = net.createSystem()
    context = openmm.Context(system, integrator, *find_platform(platform))
    context.setPositions(net.randomPositions(seed=0))
    context.setVelocitiesToTemperature(tn.units.temperature(1e-5), 1)
    before = energies(net, context)
    integrator.step(round(time / timestep))
    return energies(net, context) / before - 1


def rms(values):
    return np.sqrt(np.mean(values**2))


@pytest.mark.parametrize("name", ["Reference", "CPU"])
def test_the_energy_of_a_small_net_is_kept(name):
    """10,000 steps of 0.01: 0.1 % of each network's energy, rms over 6 networks."""
    data = tn.datasets.random_patterns(n_train=40, input_width=16, output_width=2)
    net = tn.ThermalNet(data, depth=4, width=6, replicas=6, precision="double")
    found = drifts(net, timestep=0.01, time=100, platform=name)
    assert rms(found) < 1e-3
    assert abs(found.mean()) < 1e-3


@pytest.mark.parametrize("energy", ["norm", "squared", "softcore"])
def test_the_drift_falls_at_least_in_proportion_to_the_step(energy):
    """Over a fixed time, in 300 networks: exponent of the rms drift from dt = 0.02 to 0.005.

    Each rms has a relative error of 1/sqrt(2 x 300), so their logarithms' difference has
    1/sqrt(300), and the exponent is known to 1/(sqrt(300) ln 4).
    """
    data = tn.datasets.random_patterns(n_train=6, input_width=8, output_width=2)
    net = tn.ThermalNet(data, depth=3, width=4, replicas=300, energy=energy, precision="double")
    coarse, fine = (rms(drifts(net, timestep, time=10)) for timestep in (0.02, 0.005))
    exponent = np.log(coarse / fine) / np.log(4)
    assert exponent > 1 - 3 / (np.sqrt(300) * np.log(4))
