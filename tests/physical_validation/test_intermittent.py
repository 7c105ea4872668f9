"""Langevin dynamics with a sparse thermostat: when it acts, and what it samples."""

import numpy as np
import openmm
import pytest
from openmm import unit

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
    """Three variables S, J_1, J_2 with E = |S - tanh J_1| + |1 - tanh(J_2 S)|, against quadrature.

    The 3,000 networks are independent: standard errors come from them at one late moment.
    """
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
    sampled = net.layerEnergies(positions)

    def first(s):  # the integrals over J_1 and J_2 factorise for a given S
        j = np.linspace(-1, 1, 4001)
        e = np.abs(s - np.tanh(j))
        return np.trapezoid(np.exp(-e / kT), j), np.trapezoid(e * np.exp(-e / kT), j)

    def second(s):
        j = np.linspace(-1, 1, 4001)
        e = np.abs(1 - np.tanh(j * s))
        return np.trapezoid(np.exp(-e / kT), j), np.trapezoid(e * np.exp(-e / kT), j)

    grid = np.linspace(-1, 1, 801)
    z1, e1 = np.array([first(s) for s in grid]).T
    z2, e2 = np.array([second(s) for s in grid]).T
    norm = np.trapezoid(z1 * z2, grid)
    exact = np.array([np.trapezoid(e1 * z2, grid), np.trapezoid(z1 * e2, grid)]) / norm
    error = sampled.std(axis=0, ddof=1) / np.sqrt(net.replicas)
    assert (np.abs(sampled.mean(axis=0) - exact) < 3 * error).all()
