"""What is not a number, hidden, of another unit or of another convention: NaN, or refused."""

import io

import numpy as np
import openmm
import openmm.app as app
import pytest
from openmm import unit

import openmm_thermalnet as tn
from openmm_thermalnet.errors import check_integer
from openmm_thermalnet.integrators import find_platform
from openmm_thermalnet.reporters import ThermalTable


@pytest.fixture
def feedforward(patterns):
    return tn.FeedForwardNet(patterns, (5, 4, 2), weightDecay=0.1)


def spoiled(net):
    """A start with one NaN, in a weight of replica 1."""
    positions = net.randomPositions(0)._value.copy()
    positions[-1, 1] = np.nan
    return positions


# --- not a number -------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("activation", ["sign", "tanh"])
def test_a_machine_with_a_nan_has_no_accuracy(make_net, activation, split):
    net = make_net()
    wanted = net.accuracy(net.randomPositions(0), activation, split)
    found = net.accuracy(spoiled(net), activation, split)
    assert np.isnan(found).tolist() == [False, True, False]
    np.testing.assert_array_equal(found[[0, 2]], wanted[[0, 2]])


@pytest.mark.parametrize(
    "activation", ["relu", "tanh", "gelu", "sigmoid", "leaky_relu", "softplus"]
)
@pytest.mark.parametrize("output_width", [1, 2])
def test_a_feedforward_net_with_a_nan_has_no_numbers(activation, output_width):
    data = tn.datasets.random_patterns(20, 10, 5, output_width, seed=1)
    net = tn.FeedForwardNet(data, (5, 4, output_width), activation)
    for place in (0, -1):  # the first weight, and the last
        positions = net.randomPositions(0)._value.copy()
        positions[place, 1] = np.nan
        for each in (
            net.accuracy(positions),
            net.accuracy(positions, "train"),
            net.unsatisfied(positions),
            net.loss(positions),
        ):
            assert np.isnan(each).tolist() == [False, True, False]


def test_a_table_says_nan_of_a_replica_with_a_nan(make_net, feedforward):
    for net in (make_net(), feedforward):
        stream = io.StringIO()
        ThermalTable(net, stream).write(0, 0.0, spoiled(net), spoiled(net))
        header, *rows = [line.split(",") for line in stream.getvalue().splitlines()]
        measured = [header.index(name) for name in ("energy", *net.measureNames)]
        assert all(rows[1][column] == "nan" for column in measured)
        assert all(rows[r][column] != "nan" for r in (0, 2) for column in measured)


# --- masked -------------------------------------------------------------------------------------


def test_masked_arrays_are_refused(make_net, feedforward, refused):
    net = make_net()
    whole = net.randomPositions(0)._value
    masked = np.ma.masked_greater(whole, 0.5)
    spins, weights = net.spins(whole), net.weights(whole)
    hidden = [np.ma.masked_greater(weights[0], 0.5), *weights[1:]]
    ends = np.ones((3, 2)), -np.ones((3, 1)), np.ones((1, 2)), np.ones((1, 1))
    calls = [
        lambda: tn.fold(masked),
        lambda: net.spins(masked),
        lambda: net.weights(masked * unit.nanometer),
        lambda: net.energyTerms(masked),
        lambda: net.accuracy(masked),
        lambda: net.temperatures(masked),
        lambda: net.toTorch(masked, 0),
        lambda: net.positions(spins, hidden),
        lambda: feedforward.loss(np.ma.masked_less(feedforward.randomPositions(0)._value, 0)),
    ]
    for place in range(4):
        arrays = list(ends)
        arrays[place] = np.ma.masked_invalid(arrays[place])
        calls.append(lambda arrays=arrays: tn.datasets.from_arrays(*arrays))
    for call in calls:
        refused(call, "is a masked array; fill or drop")


# --- targets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("output_width", [1, 2])
def test_targets_of_0_and_1_are_refused(output_width, refused):
    rng = np.random.default_rng(0)
    inputs = rng.choice([-1.0, 1.0], (20, 5))
    targets = np.zeros((20, output_width))
    targets[::2, 0] = 1
    zero_one = tn.datasets.from_arrays(inputs, targets, inputs, targets)
    signs = tn.datasets.from_arrays(inputs, 2 * targets - 1, inputs, 2 * targets - 1)
    widths = (5, 4, output_width)
    for loss in ("quadratic-hinge", "mse", "cross-entropy"):
        refused(lambda loss=loss: tn.FeedForwardNet(zero_one, widths, loss=loss), "2 * targets - 1")
        if output_width == 1:
            tn.FeedForwardNet(signs, widths, loss=loss)
    refused(lambda: tn.ThermalNet(zero_one, 3, 4), "2 * targets - 1")
    tn.ThermalNet(signs, 3, 4)
    mixed = tn.datasets.from_arrays(inputs, 2 * targets - 1, inputs, targets)
    refused(lambda: tn.ThermalNet(mixed, 3, 4), "2 * targets - 1")  # those of the test alone


@pytest.mark.parametrize("batch", [5.0, True, "all"])
def test_a_batch_is_an_integer(batch, refused):
    data = tn.datasets.random_patterns(n_train=5, n_test=0, input_width=4, output_width=1)
    refused(lambda: tn.FeedForwardNet(data, (4, 3, 1), batch=batch), "batch is", "give an integer")
    tn.FeedForwardNet(data, (4, 3, 1), batch=5)


@pytest.mark.parametrize("masses", [2.0, -1.0, object()])
def test_masses_are_of_every_particle_and_not_negative(masses, refused, make_net):
    net = make_net()
    velocities = np.ones((net.particles, 3))
    refused(lambda: net.temperatures(velocities, masses), "mass")
    refused(lambda: net.temperatures(velocities, np.full(net.particles, -1.0)), "a mass is -1.0")


def test_targets_of_a_regression_are_taken():
    inputs = np.linspace(-1, 1, 12).reshape(6, 2)
    targets = np.linspace(0, 1, 6)[:, None]
    data = tn.datasets.from_arrays(inputs, targets, inputs, targets)
    net = tn.FeedForwardNet(data, (2, 1), "identity", "mse")
    zero = net.positions([np.zeros((1, 2))])
    np.testing.assert_allclose(net.loss(zero), 0.5 * (targets**2).mean(), rtol=1e-6)


# --- masses -------------------------------------------------------------------------------------


def test_temperatures_are_those_of_the_systems_masses_and_mobile_particles(make_net):
    net = make_net(replicas=6)
    system = net.createSystem("python")
    rng = np.random.default_rng(0)
    masses = rng.choice([0.0, 1.0, 4.0], system.getNumParticles())
    for i, mass in enumerate(masses):
        system.setParticleMass(i, mass)
    velocities = rng.normal(size=(len(masses), 3))
    found = net.temperatures(velocities, system)
    half = len(masses) // 2
    for replica in range(6):
        block = slice(half) if replica < 3 else slice(half, None)
        mobile = masses[block] > 0
        v = velocities[block, replica % 3][mobile]
        assert found[replica] == pytest.approx((masses[block][mobile] * v**2).mean())
    np.testing.assert_allclose(net.temperatures(velocities, masses), found)
    np.testing.assert_allclose(
        net.temperatures(velocities), net.temperatures(velocities, 0 * masses + 1)
    )


def test_where_nothing_moves_there_is_no_temperature(make_net, refused):
    net = make_net()
    system = net.createSystem("python")
    for i in range(system.getNumParticles()):
        system.setParticleMass(i, 0.0)
    assert np.isnan(net.temperatures(net.randomPositions(0)._value, system)).all()
    system.addParticle(1.0)
    refused(lambda: net.temperatures(net.randomPositions(0)._value, system), "masses have shape")


def test_a_reporter_takes_the_masses_of_the_simulation(make_net):
    """Half of the particles frozen, the others of mass 3: the kinetic kT of what moves."""
    net = make_net()
    system = net.createSystem("python")
    for i in range(system.getNumParticles()):
        system.setParticleMass(i, 0.0 if i % 2 else 3.0)
    simulation = app.Simulation(
        net.topology, system, openmm.VerletIntegrator(0.001), *find_platform("Reference")
    )
    simulation.context.setPositions(net.randomPositions(0))
    simulation.context.setVelocitiesToTemperature(tn.units.temperature(0.5), 1)
    stream = io.StringIO()
    simulation.reporters.append(tn.ThermalReporter(stream, 5, net))
    simulation.step(5)
    header, *rows = [line.split(",") for line in stream.getvalue().splitlines()]
    column = header.index("temperature")
    state = simulation.context.getState(energy=True)
    mobile = 3 * len(range(0, system.getNumParticles(), 2))
    kinetic = 2 * state.getKineticEnergy()._value / mobile
    assert np.mean([float(row[column]) for row in rows[3:]]) == pytest.approx(kinetic, rel=1e-2)


# --- integers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [10.0, 10.7, np.float64(3), True, "10", None, float("nan"), 1j])
def test_what_is_no_integer_is_refused(value, make_net, refused):
    net = make_net()
    refused(lambda: check_integer("n", value), "n is", "give an integer")
    refused(lambda: tn.ThermalReporter(io.StringIO(), value, net), "give an integer of at least 1")
    refused(lambda: tn.ThermalReporter(io.StringIO(), [5, value], net), "a report step is")
    refused(lambda: tn.ThermalNet(net.dataset, 3, value), "width is")
    refused(lambda: net.randomPositions(value), "seed is")


@pytest.mark.parametrize("value", [5, np.int32(5), np.uint8(5), np.array(5)])
def test_any_integer_type_is_an_integer(value, make_net):
    tn.ThermalReporter(io.StringIO(), value, make_net())
    tn.ThermalReporter(io.StringIO(), [value, 10], make_net())


# --- units --------------------------------------------------------------------------------------


def test_positions_of_any_length_unit_are_the_same_positions(make_net):
    net = make_net()
    nm = 3 * net.randomPositions(0)
    angstrom = nm.in_units_of(unit.angstrom)
    np.testing.assert_allclose(tn.fold(angstrom), tn.fold(nm._value), atol=1e-12)
    np.testing.assert_allclose(tn.fold(nm), tn.fold(nm._value), atol=0)
    for read in (net.energyTerms, net.accuracy):
        np.testing.assert_allclose(read(angstrom), read(nm._value), rtol=1e-5)
    for read in (net.spins, net.weights):
        for one, other in zip(read(angstrom), read(nm), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)


def test_coordinates_of_another_dimension_are_refused(refused):
    refused(lambda: tn.fold(np.ones(3) * unit.kelvin), "q is in kelvin; give it in nanometer")
