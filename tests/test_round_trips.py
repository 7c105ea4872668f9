"""What lives in a Simulation is the same after XML, pickle, copies, and OpenMM's checkpoint."""

import copy
import io
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import openmm
import pytest
import torch
from openmm import app, unit
from small_runs import table

import openmm_thermalnet as tn
from openmm_thermalnet.forces import EnergyAndForces
from openmm_thermalnet.integrators import NAMES, create_brownian, create_integrator, find_platform
from openmm_thermalnet.reporters import columns

WAYS = {
    "xml": openmm.XmlSerializer.clone,
    "pickle": lambda it: pickle.loads(pickle.dumps(it)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}
IN_PYTHON = [name for name in WAYS if name != "xml"]
INTEGRATORS = [*NAMES, "descent"]

every_way = pytest.mark.parametrize("way", WAYS)
every_integrator = pytest.mark.parametrize("name", INTEGRATORS)


def make_thermostat(name):
    if name == "descent":
        return create_brownian(kT=0.5, learning_rate=0.01, patterns=4, seed=3)
    return create_integrator(name, kT=0.05, friction=0.05, timestep=0.01, seed=3)


@pytest.fixture(params=["thermal", "feedforward", "feedforward-bias"])
def net(request, make_net, patterns):
    """A network of each kind."""
    if request.param == "thermal":
        return make_net()
    data = tn.datasets.from_arrays(patterns.train_inputs, np.sign(patterns.train_targets[:, :1]))
    return tn.FeedForwardNet(data, (5, 3, 1), bias=request.param.endswith("bias"))


def energy_and_forces(system, net):
    context = openmm.Context(system, openmm.VerletIntegrator(0.01), *find_platform("Reference"))
    context.setPositions(net.randomPositions(1))
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


def assert_equal(found, wanted):
    assert found[0] == wanted[0] != 0
    np.testing.assert_array_equal(found[1], wanted[1])


# --- objects ------------------------------------------------------------------------------------


@every_way
def test_a_system(way, net, binding):
    system = net.createSystem(binding)
    wanted = energy_and_forces(system, net)
    twin = WAYS[way](system)
    assert_equal(energy_and_forces(twin, net), wanted)
    del system  # the twin owns what it needs
    assert_equal(energy_and_forces(WAYS[way](twin), net), wanted)


@every_way
@every_integrator
def test_an_integrator(way, name):
    thermostat = make_thermostat(name)
    parts = [thermostat.integrator, *([thermostat.force] if thermostat.force else [])]
    for part in parts:
        twin = WAYS[way](part)
        assert isinstance(part, type(twin))  # OpenMM's XML makes of Langevin its parent class
        serialize = openmm.XmlSerializer.serialize
        assert serialize(twin) == serialize(part)


@pytest.mark.parametrize("way", IN_PYTHON)
def test_a_network_and_its_parts(way, net):
    wanted = energy_and_forces(net.createSystem("python"), net)
    twin = WAYS[way](net)
    assert_equal(energy_and_forces(twin.createSystem("python"), twin), wanted)
    positions = net.randomPositions(1)
    np.testing.assert_array_equal(twin.energyTerms(positions), net.energyTerms(positions))
    assert twin.info("python") == net.info("python")
    assert WAYS[way](net.layout) == net.layout
    data = WAYS[way](net.dataset)
    assert data.content_hash == net.dataset.content_hash
    assert not data.train_inputs.flags.writeable
    state = np.random.default_rng(0).normal(size=(net.layout.blocks * net.layout.particles, 3))
    one, other = (
        EnergyAndForces(hamiltonian, net.layout, torch.float32, net.walls).evaluate(state)
        for hamiltonian in (net.createHamiltonian(), WAYS[way](net.createHamiltonian()))
    )
    assert one[0] == other[0]


@pytest.mark.parametrize("way", IN_PYTHON)
def test_a_temperature_schedule(way):
    annealing = tn.schedules.Annealing([(0, 1.0), (500, 0.1)], exponential=True)
    twin = WAYS[way](annealing)
    steps = range(0, 700, 7)
    assert [twin.kT(step) for step in steps] == [annealing.kT(step) for step in steps]
    assert twin.changes(600).tolist() == annealing.changes(600).tolist()


# --- simulations --------------------------------------------------------------------------------


def make_simulation(net, name="langevin-middle", platform="Reference"):
    thermostat = make_thermostat(name)
    system = net.createSystem("python")
    if thermostat.force is not None:
        system.addForce(thermostat.force)
    simulation = app.Simulation(
        net.topology, system, thermostat.integrator, *find_platform(platform)
    )
    simulation.context.setPositions(net.randomPositions(0))
    simulation.context.setVelocitiesToTemperature(tn.units.temperature(0.05), 1)
    return simulation


def configuration(simulation):
    state = simulation.context.getState(positions=True, velocities=True)
    return np.stack(
        [state.getPositions(asNumpy=True)._value, state.getVelocities(asNumpy=True)._value]
    )


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
@every_integrator
def test_a_checkpoint_goes_on_as_if_nothing_had_happened(name, platform, make_net, tmp_path):
    """To the bit, and again from the same file; the later half is taken in other calls.

    Noise of Brownian and Andersen dynamics on the CPU platform comes from one generator of the
    process, whose state is part of a checkpoint; so simulations are stepped one after the other.
    """
    net = make_net()
    simulation = make_simulation(net, name, platform)
    simulation.step(7)
    simulation.saveCheckpoint(str(tmp_path / "checkpoint.chk"))
    simulation.step(13)
    wanted = configuration(simulation)
    for calls in ([13], [1] * 13, [6, 7]):
        again = make_simulation(net, name, platform)
        again.step(2)
        again.loadCheckpoint(str(tmp_path / "checkpoint.chk"))
        assert again.currentStep == 7
        for steps in calls:
            again.step(steps)
        np.testing.assert_array_equal(configuration(again), wanted)


@every_integrator
def test_a_state_holds_everything_but_the_noise(name, make_net, tmp_path):
    net = make_net()
    simulation = make_simulation(net, name)
    simulation.context.setParameter("coupling", 0.5)
    simulation.step(7)
    simulation.saveState(str(tmp_path / "state.xml"))
    again = make_simulation(net, name)
    again.loadState(str(tmp_path / "state.xml"))
    np.testing.assert_array_equal(configuration(again), configuration(simulation))
    assert again.currentStep == 7
    assert again.context.getTime() == simulation.context.getTime()
    assert dict(again.context.getParameters()) == dict(simulation.context.getParameters())
    if name in ("verlet", "nose-hoover"):
        simulation.step(13)
        again.step(13)
        np.testing.assert_array_equal(configuration(again), configuration(simulation))


def go_on(system, checkpoint, state):
    """Body of a process: a System from XML, moved on from a checkpoint or State."""
    context = openmm.Context(
        openmm.XmlSerializer.deserialize(system),
        openmm.VerletIntegrator(0.01),
        *find_platform("Reference"),
    )
    if checkpoint is not None:
        context.loadCheckpoint(checkpoint)
    else:
        context.setState(openmm.XmlSerializer.deserialize(state))
    context.getIntegrator().step(5)
    return context.getState(positions=True).getPositions(asNumpy=True)._value


@pytest.mark.parametrize("way", ["checkpoint", "state"])
def test_a_system_goes_on_in_a_new_process(way, make_net, make_context):
    """Where OpenMM has been given no positions before the first step."""
    net = make_net()
    system = net.createSystem("python")
    context = make_context(system, net.randomPositions(0))
    context.getIntegrator().step(5)
    checkpoint = context.createCheckpoint() if way == "checkpoint" else None
    state = openmm.XmlSerializer.serialize(context.getState(positions=True, velocities=True))
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        moved = process.submit(go_on, openmm.XmlSerializer.serialize(system), checkpoint, state)
        context.getIntegrator().step(5)
        wanted = context.getState(positions=True).getPositions(asNumpy=True)._value
        np.testing.assert_array_equal(moved.result(), wanted)


@every_integrator
def test_a_step_size_that_is_set_is_the_one_taken(name, make_net):
    simulation = make_simulation(make_net(), name)
    simulation.integrator.setStepSize(0.003 * unit.picosecond)
    simulation.step(10)
    assert simulation.context.getTime()._value == pytest.approx(0.03)
    assert simulation.integrator.getStepSize()._value == 0.003


# --- reporters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["checkpoint", "state"])
@pytest.mark.parametrize("steps", [6, [4, 10, 25, 35, 40]], ids=["interval", "steps"])
def test_a_table_goes_on_as_if_nothing_had_happened(way, steps, make_net, tmp_path):
    """E(0) is that of the first rows, no row is lost or there twice; late ones are made again."""
    net = make_net(replicas=6)
    name = "verlet"  # a State has no noise
    saved = tmp_path / "saved"
    simulation = make_simulation(net, name)
    simulation.reporters.append(tn.ThermalReporter(tmp_path / "whole.csv", steps, net))
    simulation.step(42)
    simulation.reporters[0].close()
    broken = make_simulation(net, name)
    broken.reporters.append(tn.ThermalReporter(tmp_path / "broken.csv", steps, net))
    broken.step(20)
    (broken.saveCheckpoint if way == "checkpoint" else broken.saveState)(str(saved))
    broken.step(8)  # rows beyond what was saved
    broken.reporters[0].close()
    with (tmp_path / "broken.csv").open("a") as stream:
        stream.write("30,0.3,0,1.2")  # killed while it was writing
    again = make_simulation(net, name)
    (again.loadCheckpoint if way == "checkpoint" else again.loadState)(str(saved))
    again.reporters.append(tn.ThermalReporter(tmp_path / "broken.csv", steps, net, append=True))
    again.step(22)
    again.reporters[0].close()
    whole, broken = table(tmp_path / "whole.csv"), table(tmp_path / "broken.csv")
    for column, wanted in whole.items():
        rtol = 2e-9 if column == "energy_ratio" else 0  # E(0) is read with 9 digits
        np.testing.assert_allclose(broken[column], wanted, rtol=rtol, atol=0, err_msg=column)


def test_a_table_that_is_not_there_is_begun(make_net, tmp_path):
    net = make_net()
    path = tmp_path / "thermo.csv"
    for text in (None, "", ",".join(columns(net)) + "\n"):
        if text is not None:
            path.write_text(text)
        simulation = make_simulation(net)
        with tn.ThermalReporter(path, 5, net, append=True) as reporter:
            simulation.reporters.append(reporter)
            simulation.step(5)
        assert table(path)["step"][:, 0].tolist() == [0, 5]


def test_a_table_that_does_not_fit_is_not_continued(make_net, tmp_path, refused):
    net, path = make_net(), tmp_path / "thermo.csv"
    path.write_text("step,volume\n0,1\n")
    refused(lambda: tn.ThermalReporter(path, 5, net, append=True), "no table of this network")
    refused(lambda: tn.ThermalReporter(io.StringIO(), 5, net, append=True), "give a path")
    simulation = make_simulation(net)
    simulation.step(3)
    with tn.ThermalReporter(path, 5, net) as reporter:
        reporter.describeNextReport(simulation)
    early = make_simulation(net)
    with tn.ThermalReporter(path, 5, net, append=True) as reporter:
        refused(lambda: reporter.describeNextReport(early), "begins after step 0", "leave out")
