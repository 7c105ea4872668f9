"""The thermal floor: a cold machine's layer has energy kT per free residual coordinate."""

import numpy as np
import openmm
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet import native
from openmm_thermalnet.integrators import find_platform

KT = 1e-4


def energy_per_coordinate(force, platform, timestep=0.01):
    """<E_l> / (M N) of the hidden layers, after cooling from a random start.

    The targets are +-0.5, which the last layer can meet: then it is a cone like the others, with
    M N_L coordinates. Were it frustrated (tanh never reaches +-1) it would tilt them. Twelve
    networks and 60 time units give the mean to about 1 %.
    """
    rng = np.random.default_rng(0)
    data = tn.datasets.from_arrays(
        rng.choice([-1.0, 1.0], (4, 10)), rng.choice([-0.5, 0.5], (4, 1))
    )
    net = tn.ThermalNet(data, depth=4, width=6, replicas=12, gain="fan_in", precision="double")
    integrator = openmm.LangevinMiddleIntegrator(
        tn.units.temperature(KT), tn.units.friction(0.01), tn.units.timestep(timestep)
    )
    integrator.setRandomNumberSeed(1)
    system = net.createSystem(force)
    context = openmm.Context(system, integrator, *find_platform(platform))
    context.setPositions(net.randomPositions(seed=1))
    context.setVelocitiesToTemperature(tn.units.temperature(KT), 1)
    every = round(0.5 / timestep)
    integrator.step(120 * every)
    frames = []
    for _ in range(120):
        integrator.step(every)
        state = context.getState(getPositions=True)
        frames.append(net.layerEnergies(state.getPositions(asNumpy=True)))
    return np.mean(frames, axis=(0, 1))[:-1] / (net.patterns * net.width)


def test_a_cold_layer_has_kT_per_coordinate(platform):
    """<E_l> = M N kT in every hidden layer, to 5 %."""
    np.testing.assert_allclose(energy_per_coordinate("auto", platform), KT, rtol=0.05)


@pytest.mark.skipif(native.missing() is not None, reason=str(native.missing()))
@pytest.mark.parametrize("timestep", [0.01, 0.005, 0.0025])
@pytest.mark.parametrize("platform", ["CPU", "Reference"])
def test_the_engine_and_the_stock_step_keep_it_at_every_time_step(platform, timestep):
    """On the CPU platform the step is the engine's, on Reference OpenMM's own."""
    found = energy_per_coordinate("native", platform, timestep)
    np.testing.assert_allclose(found, KT, rtol=0.05)
