"""Positions are read where OpenMM has them, and copied where that cannot be."""

import numpy as np
import openmm
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet import borrowing
from openmm_thermalnet.borrowing import borrowed_positions
from openmm_thermalnet.errors import InputError

PARTICLES = 5


@pytest.fixture(params=["in place", "copied"])
def way(request, monkeypatch):
    if request.param == "copied":
        monkeypatch.setattr(borrowing, "_library", lambda: None)
    elif borrowing._library() is None:
        pytest.skip("OpenMM's library was not found")
    return request.param


def context_of(particles, force=None):
    system = openmm.System()
    for _ in range(particles):
        system.addParticle(1.0)
    if force is not None:
        system.addForce(force)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.1), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(np.random.default_rng(0).normal(size=(particles, 3)))
    return context


def test_they_are_those_of_the_state(way):
    state = context_of(PARTICLES).getState(positions=True)
    found = borrowed_positions(state, PARTICLES)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, state.getPositions(asNumpy=True)._value)
    copied = state.getPositions(asNumpy=True)._value
    assert np.shares_memory(found, copied) == (way == "copied")


def test_they_are_those_of_every_step(way):
    seen = []

    def spring(state):
        positions = borrowed_positions(state, PARTICLES)
        seen.append(positions.copy())
        return 0.5 * (positions**2).sum(), -positions

    context = context_of(PARTICLES, openmm.PythonForce(spring))
    context.setVelocities(np.zeros((PARTICLES, 3)))
    context.getIntegrator().step(3)
    x, velocity = seen[0], np.zeros((PARTICLES, 3))
    for step in range(3):
        np.testing.assert_allclose(seen[step], x, rtol=1e-12)
        velocity -= 0.1 * x
        x = x + 0.1 * velocity


def test_another_number_of_particles_is_an_error(way):
    state = context_of(PARTICLES).getState(positions=True)
    with pytest.raises(InputError, match=r"has 5 particles; .* exactly its own 6"):
        borrowed_positions(state, 6)


def test_a_state_without_positions_is_an_error(way):
    state = context_of(PARTICLES).getState(energy=True)
    with pytest.raises(openmm.OpenMMException, match="positions"):
        borrowed_positions(state, PARTICLES)


def test_a_network_moves_alike_either_way(monkeypatch):
    rng = np.random.default_rng(0)
    data = tn.datasets.from_arrays(rng.uniform(-1, 1, (20, 3)), np.ones((20, 1)))
    net = tn.ThermalNet(data, 3, 4, replicas=3)

    def positions():
        integrator = tn.integrators.create_integrator(kT=1e-3, friction=1e-2, seed=1).integrator
        context = openmm.Context(
            net.createSystem("python"), integrator, *tn.integrators.find_platform("CPU")
        )
        context.setPositions(net.randomPositions(seed=0))
        context.setVelocitiesToTemperature(0, 1)
        integrator.step(20)
        return context.getState(positions=True).getPositions(asNumpy=True)._value

    in_place = positions()
    monkeypatch.setattr(borrowing, "_library", lambda: None)
    np.testing.assert_array_equal(in_place, positions())


def test_a_system_with_a_particle_too_many_says_so():
    data = tn.datasets.from_arrays(np.ones((4, 3)), np.ones((4, 1)))
    net = tn.ThermalNet(data, 3, 2, replicas=3)
    system = net.createSystem("python")
    system.addParticle(1.0)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.1), openmm.Platform.getPlatformByName("Reference")
    )
    context.setPositions(np.zeros((net.particles + 1, 3)))
    with pytest.raises(openmm.OpenMMException, match=r"own .* add none"):
        context.getState(energy=True)
