"""Langevin dynamics with a sparse thermostat: when it acts, and what it samples."""

import numpy as np
import openmm
import pytest
from openmm import unit
from sampling import assert_exact
from test_three_variables import integrate

import openmm_thermalnet as tn
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.intermittent import IntermittentLangevinIntegrator

REFERENCE = openmm.Platform.getPlatformByName("Reference")


def free_particles(integrator, count=500):
    system = openmm.System()
    for _ in range(count):
        system.addParticle(1.0)
    context = openmm.Context(system, integrator, REFERENCE)
    context.setPositions(np.zeros((count, 3)))
    context.setVelocities(np.ones((count, 3)))
    return context


def velocities(context):
    state = context.getState(velocities=True)
    return state.getVelocities(asNumpy=True).value_in_unit(unit.nanometer / unit.picosecond)


@pytest.mark.parametrize("calls", [[12], [1] * 12, [5, 7], [3, 1, 8]])
def test_the_thermostat_acts_at_every_interval_whatever_the_calls(calls):
    """At zero temperature each action leaves exp(-k gamma dt) of a velocity, and nothing else."""
    integrator = IntermittentLangevinIntegrator(
        0 * unit.kelvin, 0.3 / unit.picosecond, 0.1 * unit.picosecond, 4
    )
    context = free_particles(integrator)
    for steps in calls:
        integrator.step(steps)
    np.testing.assert_allclose(velocities(context), np.exp(-3 * 4 * 0.3 * 0.1), rtol=1e-12)
    assert context.getStepCount() == 12


def test_the_count_goes_on_after_a_checkpoint():
    integrator = IntermittentLangevinIntegrator(
        0 * unit.kelvin, 0.3 / unit.picosecond, 0.1 * unit.picosecond, 4
    )
    context = free_particles(integrator)
    integrator.setStepsTaken(3)
    integrator.step(1)
    np.testing.assert_allclose(velocities(context), np.exp(-4 * 0.3 * 0.1), rtol=1e-12)


@pytest.mark.parametrize("interval", [0, -1, 2.5])
def test_a_bad_interval_is_refused(interval):
    with pytest.raises(InputError, match=f"interval is {interval}"):
        IntermittentLangevinIntegrator(
            1 * unit.kelvin, 1 / unit.picosecond, 1 * unit.picosecond, interval
        )


@pytest.mark.slow
@pytest.mark.parametrize("interval", [5, 20])
def test_it_samples_the_boltzmann_distribution(interval):
    """The three-variable machine; its networks are independent samples at one late moment."""
    kT = 0.3
    data = tn.datasets.from_arrays([[1.0]], [[1.0]])
    net = tn.ThermalNet(data, depth=2, width=1, replicas=3000, precision="double")
    thermostat = tn.integrators.create_integrator(
        "langevin-middle", kT=kT, friction=0.01, timestep=0.01, seed=11, interval=interval
    )
    context = openmm.Context(net.createSystem("python"), thermostat.integrator, REFERENCE)
    context.setPositions(net.randomPositions(4))
    context.setVelocitiesToTemperature(tn.units.temperature(kT), 5)
    thermostat.integrator.step(6000)
    positions = context.getState(positions=True).getPositions(asNumpy=True)
    energies = net.layerEnergies(positions)
    samples = {"E_1": energies[:, 0], "E_2": energies[:, 1]}
    assert_exact(samples, integrate(kT), comparisons=4)
