"""Positions are read where OpenMM has them, and copied where that cannot be."""

import numpy as np
import openmm
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet import borrowing, forces, release
from openmm_thermalnet.borrowing import borrowed_positions, is_spare
from openmm_thermalnet.errors import InputError

PARTICLES = 5


@pytest.fixture(params=["in place", "copied"])
def way(request, monkeypatch):
    if request.param == "copied":
        monkeypatch.setattr(borrowing, "_library", lambda: None)
    elif borrowing._library() is None:
        pytest.skip("OpenMM's library was not found")
    return request.param


def context_of(particles, *added, platform="Reference"):
    system = openmm.System()
    for _ in range(particles):
        system.addParticle(1.0)
    for force in added:
        system.addForce(force)
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.1), *tn.integrators.find_platform(platform)
    )
    context.setPositions(np.random.default_rng(0).normal(size=(particles, 3)))
    return context


def small_net():
    inputs = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    return tn.ThermalNet(tn.datasets.from_arrays(inputs, np.ones((20, 1))), 3, 4, replicas=3)


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


def test_nobody_else_reads_the_state_of_a_force(way, platform):
    """What `is_spare` says of this OpenMM: forces over the positions, and all else sees these."""
    seen = []

    def first(state):
        positions = borrowed_positions(state, PARTICLES)
        assert is_spare(state)
        energy = 0.5 * (positions**2).sum()
        np.negative(positions, out=positions)
        return energy, positions

    def second(state):
        seen.append(borrowed_positions(state, PARTICLES).copy())
        return 0.0, np.zeros((PARTICLES, 3))

    around = [openmm.PythonForce(second) for _ in range(2)]
    bond = openmm.HarmonicBondForce()
    bond.addBond(0, 1, 0.0, 1.0)
    context = context_of(
        PARTICLES, around[0], openmm.PythonForce(first), around[1], bond, platform=platform
    )
    x = np.random.default_rng(0).normal(size=(PARTICLES, 3))
    state = context.getState(positions=True, energy=True, forces=True)
    np.testing.assert_allclose(state.getPositions(asNumpy=True)._value, x, atol=1e-6)
    np.testing.assert_allclose(seen, [x, x], atol=1e-6)
    distance = np.linalg.norm(x[0] - x[1])
    energy = 0.5 * (x**2).sum() + 0.5 * distance**2
    assert state.getPotentialEnergy()._value == pytest.approx(energy, rel=1e-5)
    wanted = -x
    wanted[0] -= x[0] - x[1]
    wanted[1] += x[0] - x[1]
    np.testing.assert_allclose(state.getForces(asNumpy=True)._value, wanted, atol=1e-5)


def test_a_state_of_ones_own_stays_as_it_is(way):
    net = small_net()
    context = openmm.Context(
        net.createSystem("python"),
        openmm.VerletIntegrator(0.1),
        *tn.integrators.find_platform("Reference"),
    )
    context.setPositions(net.randomPositions(seed=0))
    state = context.getState(positions=True, parameters=True)
    assert not is_spare(state)
    before = state.getPositions(asNumpy=True)._value
    evaluate = forces.EnergyAndForces(
        net.createHamiltonian(), net.layout, net.dtype, net.walls, alone=True
    )
    _, found = evaluate(state)
    np.testing.assert_array_equal(state.getPositions(asNumpy=True)._value, before)
    wanted = context.getState(forces=True).getForces(asNumpy=True)._value
    np.testing.assert_array_equal(found, wanted)


def test_a_function_around_the_evaluation_finds_the_positions_still_there(way):
    net = small_net()
    evaluate = forces.EnergyAndForces(net.createHamiltonian(), net.layout, net.dtype, net.walls)
    changes = []

    def around(state):
        before = state.getPositions(asNumpy=True)._value
        result = evaluate(state)
        changes.append(state.getPositions(asNumpy=True)._value - before)
        return result

    force = openmm.PythonForce(around, {forces.COUPLING: 1.0})
    context_of(net.particles, force).getState(energy=True)
    assert not np.any(changes)
    assert len(changes) == 1


def test_nothing_is_assumed_of_an_openmm_that_was_not_tried(monkeypatch):
    monkeypatch.setattr(release, "version", lambda _: "8.7.0")
    borrowing._states_are_made_for_one_call.cache_clear()
    spare = []

    def computation(state):
        spare.append(is_spare(state))
        return 0.0, np.zeros((PARTICLES, 3))

    try:
        context_of(PARTICLES, openmm.PythonForce(computation)).getState(energy=True)
    finally:
        borrowing._states_are_made_for_one_call.cache_clear()
    assert spare == [False]


def test_a_network_moves_alike_either_way(monkeypatch):
    net = small_net()

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
    monkeypatch.setattr(forces, "is_spare", lambda state: False)
    np.testing.assert_array_equal(in_place, positions())
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
