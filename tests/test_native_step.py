"""The engine's steps: the same bits, noise that is never replayed, strangers left alone."""

import subprocess
import sys
from os import environ
from pathlib import Path

import numpy as np
import openmm
import pytest
from openmm import app

import openmm_thermalnet as tn
from openmm_thermalnet import native
from openmm_thermalnet.integrators import create_brownian, create_integrator, find_platform

pytestmark = pytest.mark.skipif(native.missing() is not None, reason=str(native.missing()))

KT = 0.05
KINDS = ("langevin-middle", "brownian")
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def net():
    """Enough coordinates for several blocks of noise: 4,272 in two blocks of particles."""
    data = tn.datasets.random_patterns(n_train=30, n_test=4, input_width=8, output_width=2, seed=0)
    return tn.ThermalNet(data, depth=3, width=10, replicas=6)


def make_integrator(kind, seed=7):
    if kind == "brownian":
        return create_brownian(kT=KT, learning_rate=0.01, patterns=1, seed=max(seed, 1)).integrator
    return create_integrator(kind, kT=KT, friction=0.1, timestep=0.01, seed=max(seed, 1)).integrator


def make_simulation(net, kind="langevin-middle", seed=7, threads=1, start=1):
    integrator = make_integrator(kind, seed)
    if seed == 0:
        integrator.setRandomNumberSeed(0)
    simulation = app.Simulation(
        net.topology, net.createSystem("native"), integrator, *find_platform("CPU", threads)
    )
    simulation.context.setPositions(net.randomPositions(start))
    simulation.context.setVelocitiesToTemperature(tn.units.temperature(KT), 1)
    return simulation


def configuration(simulation):
    state = simulation.context.getState(positions=True, velocities=True)
    return np.stack(
        [state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value]
    )


# --- the same bits ------------------------------------------------------------------------------


@every_kind
def test_the_same_bits_for_any_number_of_threads(kind, net):
    found = []
    for threads in (1, 2, 3, 5):
        simulation = make_simulation(net, kind, threads=threads)
        simulation.step(20)
        found.append(configuration(simulation))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@every_kind
@pytest.mark.parametrize("way", ["checkpoint", "state"])
def test_a_run_goes_on_with_the_noise_that_it_would_have_had(kind, way, net, tmp_path):
    """Seed and counter are in checkpoints and in States."""
    simulation = make_simulation(net, kind)
    simulation.step(9)
    (simulation.saveCheckpoint if way == "checkpoint" else simulation.saveState)(
        str(tmp_path / "saved")
    )
    simulation.step(14)
    wanted = configuration(simulation)
    for calls in ([14], [1] * 14, [5, 9]):
        again = make_simulation(net, kind, start=2)
        again.step(3)  # other noise, which leaves no trace
        (again.loadCheckpoint if way == "checkpoint" else again.loadState)(str(tmp_path / "saved"))
        for steps in calls:
            again.step(steps)
        np.testing.assert_array_equal(configuration(again), wanted)


_IN_A_NEW_PROCESS = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[3])
from test_native_step import configuration, make_simulation
import openmm_thermalnet as tn
data = tn.datasets.random_patterns(n_train=30, n_test=4, input_width=8, output_width=2, seed=0)
net = tn.ThermalNet(data, depth=3, width=10, replicas=6)
simulation = make_simulation(net, sys.argv[1], start=2)
simulation.loadState(sys.argv[2])
simulation.step(14)
np.save(sys.argv[2] + ".npy", configuration(simulation))
"""


@every_kind
def test_and_so_it_does_in_a_new_process(kind, net, tmp_path):
    simulation = make_simulation(net, kind)
    simulation.step(9)
    saved = tmp_path / "state.xml"
    simulation.saveState(str(saved))
    simulation.step(14)
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", _IN_A_NEW_PROCESS, kind, str(saved), here]
    subprocess.run(command, check=True)
    np.testing.assert_array_equal(np.load(f"{saved}.npy"), configuration(simulation))


def test_every_instruction_set_draws_the_same_noise():
    program = """
import numpy as np, sys
sys.path.insert(0, sys.argv[1])
from test_native_step import draws
from openmm_thermalnet import native
print(native.instruction_set(), *draws(3, 5).ravel().view(np.uint64))
"""
    found = {}
    for name in ("x86-64-v2", "x86-64-v3", "x86-64-v4", native.instruction_set()):
        run = subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            env={**environ, "THERMALNET_INSTRUCTION_SET": name},
            capture_output=True,
            text=True,
        )
        if run.returncode == 0:
            used, numbers = run.stdout.split(maxsplit=1)
            assert used == name
            found[name] = numbers
    assert native.instruction_set() in found
    assert len(set(found.values())) == 1


# --- noise --------------------------------------------------------------------------------------


def free(particles, seed=7, kind="brownian", threads=1, start=0.0):
    """Particles without forces: a feed-forward network whose couplings are 0."""
    data = tn.datasets.from_arrays(np.ones((1, particles)), np.ones((1, 1)))
    system = tn.FeedForwardNet(data, (particles, 1)).createSystem("native")
    integrator = make_integrator(kind, seed)
    integrator.setRandomNumberSeed(seed)
    context = openmm.Context(system, integrator, *find_platform("CPU", threads))
    context.setParameter("coupling", 0.0)
    context.setParameter("decay_coupling", 0.0)
    context.setPositions(np.full((particles, 3), start))
    return context


def noise(context, steps):
    """The noise (steps, particles, 3) of Brownian steps, in units of its standard deviation."""
    integrator = context.getIntegrator()
    found = []
    before = context.getState(positions=True).getPositions(asNumpy=True)._value
    for _ in range(steps):
        integrator.step(1)
        after = context.getState(positions=True).getPositions(asNumpy=True)._value
        found.append(after - before)
        before = after
    return np.array(found) / np.sqrt(2 * KT * 0.01)


def draws(steps, particles, seed=7):
    return noise(free(particles, seed), steps)


def assert_uncorrelated(one, other):
    """Not of the same draws, not shifted by a step, and not the other way round."""
    n = one[0].size
    for a in one:
        for b in other:
            assert abs(np.mean(a * b)) < 4 / np.sqrt(n)


def test_numbers_are_normal():
    """Moments to the sixth of 1.2e7 numbers within 4.5 standard errors, and their distribution."""
    from scipy import stats

    numbers = draws(40, 100_000).ravel()
    n = numbers.size
    assert n == 12_000_000
    # The variance of x^k is <x^2k> - <x^k>^2, with <x^2k> = (2k - 1)!!.
    moments = {0: 1, 2: 1, 4: 3, 6: 15, 8: 105, 10: 945, 12: 10_395}
    for k in range(1, 7):
        expected = moments.get(k, 0)
        error = np.sqrt((moments[2 * k] - expected**2) / n)
        assert abs(np.mean(numbers**k) - expected) < 4.5 * error, k
    assert stats.kstest(numbers, "norm").pvalue > 1e-3
    assert 5.0 < np.abs(numbers).max() < 6.7


def test_steps_particles_replicas_and_seeds_are_independent():
    steps, particles = 12, 20_000
    found = draws(steps, particles)
    assert_uncorrelated(found[:6], found[6:])
    assert_uncorrelated(found, draws(steps, particles, seed=8))
    flat = found.reshape(steps, -1)
    for shift in (1, 2, 3, 4, 255, 256, 512, 768, 1023, 1024):  # places of one Philox block too
        correlation = np.mean(flat[:, shift:] * flat[:, :-shift])
        assert abs(correlation) < 4.5 / np.sqrt(flat.size)
    x, y, z = np.moveaxis(found, 2, 0).reshape(3, -1)
    for one, other in ((x, y), (y, z), (x, z)):
        assert abs(np.mean(one * other)) < 4.5 / np.sqrt(x.size)


def test_seed_zero_draws_one():
    assert_uncorrelated(draws(4, 20_000, seed=0), draws(4, 20_000, seed=0))


def set_back_step_count(context):
    context.setStepCount(0)
    context.setTime(0.0)


def begin_again(context):
    positions = context.getState(positions=True).getPositions()
    context.reinitialize()
    context.setParameter("coupling", 0.0)
    context.setParameter("decay_coupling", 0.0)
    context.setPositions(positions)


def begin_again_with_the_state(context):
    context.reinitialize(preserveState=True)


@pytest.mark.parametrize("event", [set_back_step_count, begin_again, begin_again_with_the_state])
def test_noise_is_never_replayed(event):
    context = free(80_000)
    earlier = noise(context, 10)
    event(context)
    assert_uncorrelated(earlier, noise(context, 10))


def test_a_state_in_a_context_of_another_seed_has_other_noise():
    context = free(20_000)
    earlier = noise(context, 6)
    state = context.getState(positions=True, velocities=True, parameters=True)
    other = free(20_000, seed=8)
    other.setState(state)
    goes_on = noise(other, 6)
    assert_uncorrelated(earlier, goes_on)
    assert_uncorrelated(noise(context, 6), goes_on)


def test_a_new_stage_with_the_same_seed_has_other_noise():
    """It begins at other positions."""
    context = free(20_000)
    earlier = noise(context, 6)
    stage = free(20_000)
    stage.setPositions(context.getState(positions=True).getPositions())
    assert_uncorrelated(earlier, noise(stage, 6))


def test_the_same_start_and_seed_are_the_same_run():
    np.testing.assert_array_equal(draws(3, 100), draws(3, 100))


# --- strangers ----------------------------------------------------------------------------------

_STRANGER = """
import sys
import numpy as np, openmm
if sys.argv[1] == "with":
    from openmm_thermalnet import native
    native.NetworkForce
rng = np.random.default_rng(0)
for make in (
    lambda: openmm.LangevinMiddleIntegrator(300, 1, 0.002),
    lambda: openmm.BrownianIntegrator(300, 1, 0.002),
):
    system = openmm.System()
    for _ in range(30):
        system.addParticle(16.0)
    bonds = openmm.HarmonicBondForce()
    angles = openmm.HarmonicAngleForce()
    charges = openmm.NonbondedForce()
    for i in range(30):
        charges.addParticle(0.1, 0.3, 0.5)
    for i in range(29):
        bonds.addBond(i, i + 1, 0.15, 1000)
    for i in range(28):
        angles.addAngle(i, i + 1, i + 2, 2.0, 50)
    for force in (bonds, angles, charges):
        system.addForce(force)
    integrator = make()
    integrator.setRandomNumberSeed(5)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": "1"})
    steps = np.full((30, 3), 0.09) + 0.02 * rng.normal(size=(30, 3))
    context.setPositions(np.cumsum(steps, axis=0))
    context.setVelocitiesToTemperature(300, 1)
    integrator.step(50)
    state = context.getState(positions=True, velocities=True, energy=True)
    print(*state.getPositions(asNumpy=True)._value.ravel().view(np.uint64))
    print(*state.getVelocities(asNumpy=True)._value.ravel().view(np.uint64))
    print(state.getPotentialEnergy()._value.hex())
"""


def test_a_molecule_in_the_same_process_keeps_its_trajectory():
    """Bit for bit, whether the engine is loaded or not."""
    found = [
        subprocess.run(
            [sys.executable, "-c", _STRANGER, way], check=True, capture_output=True, text=True
        ).stdout
        for way in ("with", "without")
    ]
    assert found[0]
    assert found[0] == found[1]


def heavier(system):
    system.setParticleMass(3, 2.0)


def massless(system):
    system.setParticleMass(3, 0.0)


def constrained(system):
    system.addConstraint(0, 1, 0.5)


def asked_for_stock_steps(system):
    native.NetworkForce.cast(system.getForce(0)).setStockSteps(True)


@pytest.mark.parametrize("change", [heavier, massless, constrained, asked_for_stock_steps])
@every_kind
def test_what_one_pass_does_not_do_is_left_to_openmm(change, kind, net):
    """The counter of the engine's noise stays 0; a bond to others does not matter."""
    system = net.createSystem("native")
    change(system)
    context = openmm.Context(system, make_integrator(kind), *find_platform("CPU"))
    context.setPositions(net.randomPositions(1))
    if change is constrained:
        context.applyConstraints(1e-6)
    context.getIntegrator().step(3)
    assert context.getParameter("noise_counter") == 0
    assert np.isfinite(context.getState(energy=True).getPotentialEnergy()._value)


@every_kind
def test_other_forces_beside_the_network_act(kind, net):
    """Also those of the CPU platform, which read its own copies of positions."""
    system = net.createSystem("native")
    charges = openmm.NonbondedForce()
    for _ in range(system.getNumParticles()):
        charges.addParticle(0.0, 1.0, 0.0)
    system.addForce(charges)
    spring = openmm.CustomExternalForce("1000 * x")
    for i in range(system.getNumParticles()):
        spring.addParticle(i, [])
    system.addForce(spring)
    context = openmm.Context(system, make_integrator(kind), *find_platform("CPU"))
    context.setPositions(net.randomPositions(1))
    alone = openmm.Context(net.createSystem("native"), make_integrator(kind), *find_platform("CPU"))
    alone.setPositions(net.randomPositions(1))
    forces = [
        each.getState(forces=True).getForces(asNumpy=True)._value for each in (context, alone)
    ]
    np.testing.assert_allclose(forces[0] - forces[1], [[-1000, 0, 0]] * len(forces[0]), atol=1e-3)
    context.getIntegrator().step(2)
    assert context.getParameter("noise_counter") == 2


# --- exact distributions ------------------------------------------------------------------------


def sampled(context, stride, count, burn):
    integrator = context.getIntegrator()
    integrator.step(burn)
    found = []
    for _ in range(count):
        integrator.step(stride)
        state = context.getState(positions=True, velocities=True)
        found.append(
            [state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value]
        )
    return np.array(found)


@pytest.mark.parametrize("friction", [0.05, 0.3, 0.9])
def test_harmonic_oscillators_have_their_exact_distribution(friction):
    """(lambda/2) w^2 for 20,000 weights: <w^2> = kT / lambda to O(dt^2), <v^2> by the scheme.

    With k = lambda dt^2 = 0.01 the configurations of this scheme are exact, <x^2> = kT / lambda;
    the velocities of the half step have <v^2> = kT (1 + O(k)).
    """
    particles, decay = 20_000, 100.0
    data = tn.datasets.from_arrays(np.ones((1, particles)), np.ones((1, 1)))
    net = tn.FeedForwardNet(data, (particles, 1), weightDecay=decay, precision="double")
    integrator = create_integrator(
        "langevin-middle", kT=KT, friction=friction, timestep=0.01, seed=3
    ).integrator
    context = openmm.Context(net.createSystem("native"), integrator, *find_platform("CPU"))
    context.setParameter("coupling", 0.0)
    rng = np.random.default_rng(0)
    context.setPositions(rng.normal(scale=np.sqrt(KT / decay), size=(particles, 3)))
    context.setVelocitiesToTemperature(tn.units.temperature(KT), 2)
    x, v = np.moveaxis(sampled(context, 1, 1, 200)[0], 0, 0)
    n = x.size
    for variance, expected in ((np.mean(x**2), KT / decay), (np.mean(v**2), KT)):
        assert abs(variance / expected - 1) < 4.5 * np.sqrt(2 / n) + 0.25 * 0.01
    kurtosis = np.mean(x**4) / np.mean(x**2) ** 2
    assert abs(kurtosis - 3) < 4.5 * np.sqrt(24 / n)


@pytest.mark.parametrize("mobility", [0.01, 0.2])
def test_brownian_oscillators_have_the_distribution_of_their_scheme(mobility):
    """x' = (1 - h) x + sqrt(2 kT h / lambda) xi has <x^2> = (kT / lambda) / (1 - h / 2)."""
    particles, decay = 20_000, 1.0
    data = tn.datasets.from_arrays(np.ones((1, particles)), np.ones((1, 1)))
    net = tn.FeedForwardNet(data, (particles, 1), weightDecay=decay, precision="double")
    integrator = create_brownian(kT=KT, learning_rate=mobility, patterns=1, seed=3).integrator
    context = openmm.Context(net.createSystem("native"), integrator, *find_platform("CPU"))
    context.setParameter("coupling", 0.0)
    context.setPositions(np.zeros((particles, 3)))
    integrator.step(int(8 / mobility))
    x = context.getState(positions=True).getPositions(asNumpy=True)._value
    expected = KT / decay / (1 - mobility / 2)
    assert abs(np.mean(x**2) / expected - 1) < 4.5 * np.sqrt(2 / x.size)


def test_between_walls_free_particles_are_uniform():
    from scipy import stats

    data = tn.datasets.random_patterns(n_train=60, n_test=0, input_width=9, output_width=2, seed=0)
    net = tn.ThermalNet(data, depth=4, width=30, replicas=6)
    integrator = create_integrator(
        "langevin-middle", kT=KT, friction=0.01, timestep=0.01, seed=3
    ).integrator
    context = openmm.Context(net.createSystem("native"), integrator, *find_platform("CPU"))
    context.setParameter("coupling", 0.0)
    context.setPositions(np.zeros((2 * net.particles, 3)))
    context.setVelocitiesToTemperature(tn.units.temperature(KT), 2)
    integrator.step(12_000)  # 15 times the slowest relaxation time
    x = tn.fold(context.getState(positions=True).getPositions(asNumpy=True)._value).ravel()
    assert stats.kstest(x, "uniform", args=(-1, 2)).pvalue > 1e-3
