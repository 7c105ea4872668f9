"""ThermalReporter on an ordinary OpenMM simulation."""

import io

import numpy as np
import openmm
import pytest
from openmm import app
from small_runs import table

import openmm_thermalnet as tn
from openmm_thermalnet.reporters import columns
from openmm_thermalnet.schedules import logarithmic_steps

KT = 0.05


@pytest.fixture
def make_simulation(make_net):
    def make(**options):
        net = make_net(**options)
        integrator = openmm.LangevinMiddleIntegrator(
            tn.units.temperature(KT), tn.units.friction(0.05), tn.units.timestep(0.01)
        )
        integrator.setRandomNumberSeed(1)
        platform = openmm.Platform.getPlatformByName("Reference")
        simulation = app.Simulation(net.topology, net.createSystem("python"), integrator, platform)
        simulation.context.setPositions(net.randomPositions(seed=0))
        simulation.context.setVelocitiesToTemperature(tn.units.temperature(KT), 1)
        return net, simulation

    return make


def test_columns_are_those_of_the_interface(make_net):
    assert ",".join(columns(make_net(depth=2))) == (
        "step,time,replica,energy,energy_ratio,e_1,e_2,temperature,"
        "test_sign,test_tanh,train_sign,train_tanh"
    )


def test_rows_at_an_interval(make_simulation, tmp_path):
    net, simulation = make_simulation(replicas=6)
    path = tmp_path / "thermo.csv"
    simulation.reporters.append(tn.ThermalReporter(str(path), 10, net))
    simulation.step(25)
    simulation.step(15)
    simulation.reporters[0].close()
    assert path.read_text().splitlines()[0].split(",") == columns(net)
    rows = table(path)
    assert rows["step"][:, 0].tolist() == [0, 10, 20, 30, 40]
    np.testing.assert_allclose(rows["time"], 0.01 * rows["step"], rtol=1e-9)
    assert np.all(rows["replica"] == np.arange(6))
    assert np.all(rows["energy_ratio"][0] == 1)
    np.testing.assert_allclose(rows["energy_ratio"], rows["energy"] / rows["energy"][0], rtol=1e-8)
    layers = [rows[f"e_{layer}"] for layer in range(1, net.depth + 1)]
    np.testing.assert_allclose(rows["energy"], np.sum(layers, axis=0), rtol=1e-8)


def test_rows_are_what_the_network_says(make_simulation, tmp_path):
    net, simulation = make_simulation(precision="double")
    path = tmp_path / "thermo.csv"
    with tn.ThermalReporter(path, 30, net) as reporter:
        simulation.reporters.append(reporter)
        simulation.step(30)
    state = simulation.context.getState(positions=True, velocities=True)
    positions = state.getPositions(asNumpy=True)
    rows = {name: values[-1] for name, values in table(path).items()}
    energies = net.layerEnergies(positions)
    np.testing.assert_allclose(rows["energy"], energies.sum(axis=1), rtol=1e-8)
    for layer in range(net.depth):
        np.testing.assert_allclose(rows[f"e_{layer + 1}"], energies[:, layer], rtol=1e-8)
    for split in ("test", "train"):
        for activation in ("sign", "tanh"):
            expected = net.accuracy(positions, activation, split)
            np.testing.assert_allclose(rows[f"{split}_{activation}"], expected, rtol=1e-8)
    velocities = state.getVelocities(asNumpy=True)
    np.testing.assert_allclose(rows["temperature"], (velocities._value**2).mean(axis=0), rtol=1e-8)
    np.testing.assert_array_equal(net.temperatures(velocities), net.temperatures(velocities._value))


@pytest.mark.parametrize("steps", [logarithmic_steps(100, 4), [0, 1, 7, 30], (2, 3), [0]])
def test_rows_at_given_steps(make_simulation, steps):
    net, simulation = make_simulation()
    stream = io.StringIO()
    simulation.reporters.append(tn.ThermalReporter(stream, steps, net))
    simulation.step(60)
    simulation.step(60)
    stream.seek(0)
    expected = sorted({0, *steps})
    assert table(stream)["step"][:, 0].tolist() == expected


def test_a_text_stream_stays_open(make_simulation):
    net, simulation = make_simulation()
    stream = io.StringIO()
    with tn.ThermalReporter(stream, 5, net) as reporter:
        simulation.reporters.append(reporter)
        simulation.step(5)
    assert stream.getvalue().count("\n") == 1 + 2 * 3


def test_it_works_beside_openmms_own(make_simulation, tmp_path):
    net, simulation = make_simulation(replicas=6)
    thermo, theirs = tmp_path / "thermo.csv", tmp_path / "state.csv"
    state_data = app.StateDataReporter(
        str(theirs), 4, step=True, time=True, potentialEnergy=True, temperature=True
    )
    simulation.reporters += [tn.ThermalReporter(thermo, 6, net), state_data]
    simulation.reporters.append(app.CheckpointReporter(str(tmp_path / "simulation.chk"), 5))
    simulation.step(24)
    del state_data, simulation.reporters[1:]
    rows, state = table(thermo), np.genfromtxt(theirs, delimiter=",", skip_header=1)
    assert rows["step"][:, 0].tolist() == [0, 6, 12, 18, 24]
    assert state[:, 0].tolist() == [4, 8, 12, 16, 20, 24]
    for row in (2, 4):
        potential, kelvin = state[state[:, 0] == rows["step"][row, 0]][0, 2:4]
        assert rows["energy"][row].sum() == pytest.approx(potential, rel=1e-6)
        # Every coordinate is a degree of freedom, so OpenMM's temperature is right as it is.
        kT = tn.units.reduced_temperature(kelvin)
        assert rows["temperature"][row].mean() == pytest.approx(kT, rel=1e-6)
    assert (tmp_path / "simulation.chk").stat().st_size > 0


def test_the_ratio_begins_where_the_reporter_does(make_simulation, tmp_path):
    net, simulation = make_simulation()
    simulation.step(7)
    path = tmp_path / "thermo.csv"
    simulation.reporters.append(tn.ThermalReporter(path, 5, net))
    simulation.step(10)
    rows = table(path)
    assert rows["step"][:, 0].tolist() == [7, 10, 15]
    assert np.all(rows["energy_ratio"][0] == 1)


@pytest.mark.parametrize(
    ("interval", "part"), [(0, "reportInterval is 0"), (-5, "-5"), ([3, 3], "do not ascend")]
)
def test_refused(make_net, refused, tmp_path, interval, part):
    path = tmp_path / "thermo.csv"
    refused(lambda: tn.ThermalReporter(path, interval, make_net()), part)
    assert not path.exists()
