"""Integrators by name, and platforms."""

import numpy as np
import openmm
import pytest
from openmm import unit

from openmm_thermalnet import units
from openmm_thermalnet.integrators import NAMES, Thermostat, create_integrator, find_platform

CLASSES = {
    "langevin-middle": openmm.LangevinMiddleIntegrator,
    "langevin": openmm.LangevinIntegrator,
    "brownian": openmm.BrownianIntegrator,
    "nose-hoover": openmm.NoseHooverIntegrator,
    "verlet": openmm.VerletIntegrator,
    "andersen": openmm.VerletIntegrator,
}
NOISY = ("langevin-middle", "langevin", "brownian", "andersen")
PARTICLES = 30


def context_of(thermostat, platform="Reference", threads=1, velocity_seed=1):
    """A Context of harmonic springs, started at rest positions with velocities at kT = 1."""
    system = openmm.System()
    spring = openmm.CustomExternalForce("0.5 * (x^2 + y^2 + z^2)")
    for _ in range(PARTICLES):
        spring.addParticle(system.addParticle(1.0))
    system.addForce(spring)
    if thermostat.force is not None:
        system.addForce(thermostat.force)
    context = openmm.Context(system, thermostat.integrator, *find_platform(platform, threads))
    context.setPositions(np.zeros((PARTICLES, 3)))
    context.setVelocitiesToTemperature(units.temperature(1.0), velocity_seed)
    return context


def moved(name, seed, steps=50):
    thermostat = create_integrator(name, kT=1.0, friction=0.1, timestep=0.05, seed=seed)
    context = context_of(thermostat)
    thermostat.integrator.step(steps)
    return context.getState(positions=True).getPositions(asNumpy=True)._value


def test_names_are_all_covered_here():
    assert tuple(CLASSES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gives_openmms_class_in_reduced_units(name):
    thermostat = create_integrator(name, kT=2e-3, friction=1e-3, timestep=0.02, seed=3)
    integrator = thermostat.integrator
    assert type(integrator) is CLASSES[name]
    assert integrator.getStepSize() == 0.02 * unit.picosecond
    rate = -np.log1p(-1e-3) / 0.02
    if name == "andersen":
        assert isinstance(thermostat.force, openmm.AndersenThermostat)
        assert units.reduced_temperature(thermostat.force.getDefaultTemperature()) == (
            pytest.approx(2e-3)
        )
        assert thermostat.force.getDefaultCollisionFrequency()._value == pytest.approx(rate)
        assert thermostat.force.getRandomNumberSeed() == 3
        return
    assert thermostat.force is None
    if name == "verlet":
        return
    assert units.reduced_temperature(integrator.getTemperature()) == pytest.approx(2e-3)
    if name == "nose-hoover":
        assert integrator.getCollisionFrequency()._value == pytest.approx(rate)
    else:
        assert integrator.getFriction()._value == pytest.approx(rate)
        assert integrator.getRandomNumberSeed() == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_fixes_the_noise(name):
    first = moved(name, seed=5)
    np.testing.assert_array_equal(first, moved(name, seed=5))
    assert np.array_equal(first, moved(name, seed=6)) == (name not in NOISY)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("platform", "threads"), [("Reference", 1), ("CPU", 1), ("CPU", 2)])
def test_a_checkpoint_goes_on_bit_for_bit(name, platform, threads):
    def make():
        thermostat = create_integrator(name, kT=1.0, friction=0.1, timestep=0.05, seed=2)
        return thermostat.integrator, context_of(thermostat, platform, threads)

    integrator, context = make()
    integrator.step(33)
    checkpoint = context.createCheckpoint()
    integrator.step(60)

    resumed, other = make()
    resumed.step(5)
    other.loadCheckpoint(checkpoint)
    for _ in range(20):
        resumed.step(3)
    for quantity in ("Positions", "Velocities"):
        states = [c.getState(positions=True, velocities=True) for c in (context, other)]
        one, two = (getattr(state, f"get{quantity}")(asNumpy=True)._value for state in states)
        np.testing.assert_array_equal(one, two)
    assert context.getTime() == other.getTime()
    assert other.getStepCount() == 93


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("verlet", "brownian")])
def test_the_temperature_can_be_changed_while_it_runs(name):
    thermostat = create_integrator(name, kT=1.0, friction=0.3, timestep=0.1, seed=1)
    context = context_of(thermostat)
    thermostat.set_temperature(context, 9.0)
    thermostat.integrator.step(200)
    kinetic = []
    for _ in range(200):
        thermostat.integrator.step(20)
        kinetic.append(context.getState(energy=True).getKineticEnergy()._value)
    # <K> = 3 n kT / 2; its fluctuation is sqrt(3 n / 2) kT, and 200 draws are nearly independent.
    expected = 1.5 * PARTICLES * 9.0
    assert np.mean(kinetic) == pytest.approx(expected, abs=0.03 * expected)


def test_plain_verlet_has_no_temperature_to_change():
    thermostat = create_integrator("verlet", seed=1)
    thermostat.set_temperature(context_of(thermostat), 9.0)


@pytest.mark.parametrize("name", NAMES)
def test_noise_can_be_seeded_anew(name):
    thermostat = create_integrator(name, kT=1.0, friction=0.1, timestep=0.05, seed=5)
    context = context_of(thermostat)
    state = context.getState(positions=True, velocities=True)
    thermostat.set_seed(10**12)
    context.reinitialize()
    context.setState(state)
    thermostat.integrator.step(50)
    positions = context.getState(positions=True).getPositions(asNumpy=True)._value
    assert np.array_equal(positions, moved(name, seed=5)) == (name not in NOISY)


def test_any_integrator_can_be_wrapped():
    custom = openmm.CustomIntegrator(0.01)
    custom.addComputePerDof("x", "x + dt * v")
    thermostat = Thermostat(custom)
    context = context_of(thermostat)
    thermostat.set_temperature(context, 1.0)
    thermostat.set_seed(4)
    thermostat.integrator.step(3)
    assert context.getStepCount() == 3


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"name": "leapfrog"}, ("'leapfrog'", "langevin-middle")),
        ({"kT": -1e-5}, ("kT is -1e-05",)),
        ({"kT": float("nan")}, ("kT is nan",)),
        ({"timestep": -0.01}, ("timestep is -0.01",)),
        ({"timestep": 0}, ("timestep is 0",)),
        ({"friction": -1e-3}, ("friction is -0.001",)),
        ({"friction": 1.0}, ("friction per step is 1.0", "[0, 1)")),
        ({"name": "brownian", "friction": 0}, ("brownian", "positive")),
        ({"name": "nose-hoover", "friction": 0}, ("nose-hoover", "positive")),
        ({"name": "andersen", "friction": 0}, ("andersen", "positive")),
        ({"seed": 0}, ("seed of the noise is 0",)),
        ({"seed": 2**31}, ("seed of the noise is 2147483648",)),
    ],
)
def test_refused(refused, changes, parts):
    refused(lambda: create_integrator(**changes), *parts)


def test_a_platform_is_found_by_name():
    platform, properties = find_platform("CPU", threads=2)
    assert platform.getName() == "CPU"
    assert properties == {"Threads": "2"}
    assert find_platform("Reference")[1] == {}


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [(("GPU",), ("'GPU'", "Reference", "CPU")), (("CPU", 0), ("threads is 0",))],
)
def test_platform_refused(refused, arguments, parts):
    refused(lambda: find_platform(*arguments), *parts)
