"""Single-precision coordinates keep their digits however far a variable diffuses."""

import numpy as np
import openmm
import pytest
from openmm import app

import openmm_thermalnet as tn
from openmm_thermalnet import wrapping
from openmm_thermalnet.errors import InputError


def free_network(platform, properties):
    """A network without energy, so hot that its coordinates leave the origin."""
    net = tn.ThermalNet(tn.datasets.random_patterns(20, 0, 10, 1), depth=3, width=10, replicas=3)
    thermostat = tn.integrators.create_integrator(kT=100.0, friction=1e-3, seed=2)
    system = net.createSystem()
    simulation = app.Simulation(net.topology, system, thermostat.integrator, platform, properties)
    simulation.context.setParameter("coupling", 0.0)
    simulation.context.setPositions(net.randomPositions(1))
    simulation.context.setVelocitiesToTemperature(tn.units.temperature(100.0), 3)
    return simulation


def coordinates(simulation):
    return simulation.context.getState(positions=True).getPositions(asNumpy=True)._value


def test_wrapping_changes_no_variable():
    simulation = free_network(openmm.Platform.getPlatformByName("Reference"), {})
    simulation.step(300)
    before = coordinates(simulation)
    assert np.abs(before).max() > 6
    wrapping.wrap_positions(simulation.context)
    after = coordinates(simulation)
    assert np.abs(after).max() <= 2
    np.testing.assert_allclose(tn.fold(after), tn.fold(before), atol=1e-13)


@pytest.mark.parametrize("name", ["Reference", "CPU"])
def test_double_precision_needs_no_wrapping(name):
    simulation = free_network(openmm.Platform.getPlatformByName(name), {})
    assert not wrapping.loses_digits(simulation.context)


@pytest.mark.opencl
def test_free_diffusion_keeps_the_digits_of_float32():
    """10,000 steps at kT = 100 diffuse as far as 10^6 steps at kT = 1.

    Without wrapping coordinates reach hundreds of nm, where neighbouring float32 numbers are more
    than 1e-5 apart; with it the raw coordinates that the force is computed from stay near the box,
    where they are 5e-7 apart.
    """
    try:
        opencl, _ = tn.integrators.find_platform("OpenCL")
    except InputError as error:
        pytest.skip(str(error))
    lost = free_network(opencl, {"Precision": "single"})
    assert wrapping.loses_digits(lost.context)
    lost.step(10_000)
    assert np.spacing(np.abs(coordinates(lost)).max().astype(np.float32)) > 1e-5
    kept = free_network(opencl, {"Precision": "single"})
    kept.reporters.append(tn.WrapReporter(20))
    farthest = 0.0
    for _ in range(200):
        kept.step(50)
        farthest = max(farthest, np.abs(coordinates(kept)).max())
    assert np.spacing(np.float32(farthest)) < 3e-6
    density, _ = np.histogram(tn.fold(coordinates(kept)), bins=20, range=(-1, 1))
    expected = density.sum() / 20
    assert ((density - expected) ** 2 / expected).sum() < 45.3  # 99.9 % of chi-square, 19 d.o.f.
