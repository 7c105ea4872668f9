"""FeedForwardNet: what it is made of, its observables, torch in and out, and what it refuses."""

import json
import math
from itertools import pairwise

import numpy as np
import openmm
import pytest
import torch
from feedforward_peers import random_data
from openmm import app, unit

import openmm_thermalnet as tn
from openmm_thermalnet.forces import PythonTorchEnergyAndForces, UnboundedTorchEnergyAndForces
from openmm_thermalnet.hamiltonians import ACTIVATIONS


@pytest.fixture
def make():
    """A small network; keywords are those of `FeedForwardNet`."""

    def build(widths=(4, 5, 3, 1), dataset=None, **options):
        return tn.FeedForwardNet(dataset or random_data(), widths, **options)

    return build


def zero(net):
    return net.layout.positions(np.zeros((net.replicas, net.particles)))


def energy_and_forces(context):
    state = context.getState(getEnergy=True, getForces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


# --- what it is made of ------------------------------------------------------------------------


def test_sizes_of_the_paper():
    data = random_data(20, inputs=10)
    for width, weights in ((30, 4830), (72, 26712)):
        net = tn.FeedForwardNet(data, (10, *[width] * 6, 1))
        assert net.particles == weights
        assert net.createSystem("python").getNumParticles() == weights
    assert net.depth == 7


def test_particles_are_weights_layer_by_layer_then_biases(make):
    net = make(bias=True, replicas=6)
    names = [field.name for field in net.layout.fields]
    assert names == ["J1", "J2", "J3", "B1", "B2", "B3"]
    chains = [chain.id for chain in net.topology.chains()]
    assert chains == names * 2
    assert net.topology.getPeriodicBoxVectors() is None
    assert net.particles == 20 + 15 + 3 + 5 + 3 + 1


def test_the_system_has_no_walls(make, binding):
    system = make(replicas=6).createSystem(force=binding)
    assert not system.usesPeriodicBoundaryConditions()
    assert system.getNumConstraints() == 0
    assert system.getNumForces() == 1


def test_info_is_plain(make):
    info = json.loads(json.dumps(make(activation="tanh", weightDecay=0.01).info("python")))
    assert info["model"] == "feedforward"
    assert (info["activation"], info["loss"]) == ("tanh", "quadratic-hinge")
    assert (info["weight_decay"], info["bias"], info["widths"]) == (0.01, False, [4, 5, 3, 1])


def test_the_same_network_with_other_replicas(make):
    net = make(activation="tanh", loss="mse", weightDecay=0.1, bias=True, precision="double")
    more = net.withReplicas(9)
    assert {**more.info("python"), "replicas": 3, "degrees_of_freedom": 3 * net.particles} == (
        net.info("python")
    )
    start, fewer = more.randomPositions(3), net.randomPositions(3)
    np.testing.assert_array_equal(more.loss(start)[:3], net.loss(fewer))


# --- as a force --------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["single", "double"])
def test_energy_and_forces_before_and_after_serialization(
    make, make_context, binding, platform, precision
):
    net = make(replicas=6, weightDecay=0.01, bias=True, activation="tanh", precision=precision)
    start = 3 * net.randomPositions(0)  # beyond +-1, where there are no walls
    assert np.abs(start._value).max() > 1
    exact = make(replicas=6, weightDecay=0.01, bias=True, activation="tanh", precision="double")
    wanted = exact.loss(start).sum()
    forces = -exact.createHamiltonian()(exact._state(start))[1]
    blocks = [part.numpy() for part in torch.split(forces, [6 * f.size for f in net.layout.fields])]
    by_replica = np.concatenate([part.reshape(6, -1) for part in blocks], axis=1)
    tight = precision == "double" and platform in ("Reference", "CPU")
    tolerance = 1e-10 if tight else 1e-5
    system = net.createSystem(force=binding)
    serialized = openmm.XmlSerializer.serialize(system)
    for each in (system, openmm.XmlSerializer.deserialize(serialized)):
        context = make_context(each, start, platform)
        for _ in range(3):
            energy, found = energy_and_forces(context)
            assert energy == pytest.approx(wanted, rel=tolerance)
            error = np.abs(net.layout.coordinates(found) - by_replica).max()
            assert error < tolerance * np.abs(by_replica).max()


def test_pythontorchforce_evaluates_the_same(make):
    """No wheel has PythonTorchForce yet: its callable is called as openmm-torch would."""
    net = make(precision="double")
    start = 3 * net.randomPositions(0)
    call = PythonTorchEnergyAndForces(
        UnboundedTorchEnergyAndForces(net.createHamiltonian(), net.layout, net.dtype, walls=False)
    )

    class State:
        def getParameters(self):
            return {"coupling": 0.5}

    energy, forces = call(State(), torch.tensor(start._value))
    assert energy.item() == pytest.approx(0.5 * net.loss(start).sum(), rel=1e-12)
    assert forces.shape == start._value.shape


def test_replicas_do_not_feel_each_other(make):
    net = make(replicas=6, precision="double")
    start = net.layout.coordinates(net.randomPositions(0))
    other = net.layout.coordinates(net.randomPositions(1)).copy()
    losses = net.loss(net.layout.positions(start))
    for replica in range(6):
        mixed = other.copy()
        mixed[replica] = start[replica]
        found = net.loss(net.layout.positions(mixed))
        assert found[replica] == pytest.approx(losses[replica], rel=1e-13)
        assert not np.isclose(np.delete(found, replica), np.delete(losses, replica)).any()


def test_an_openmm_simulation_reports_it(make, tmp_path):
    net = make()
    integrator = openmm.BrownianIntegrator(0, 1, 0.05)
    platform = openmm.Platform.getPlatformByName("Reference")
    simulation = app.Simulation(net.topology, net.createSystem("python"), integrator, platform)
    simulation.context.setPositions(net.randomPositions(seed=0))
    with tn.ThermalReporter(tmp_path / "thermo.csv", 20, net) as reporter:
        simulation.reporters.append(reporter)
        simulation.step(40)
    rows = np.genfromtxt(tmp_path / "thermo.csv", delimiter=",", names=True)
    assert rows.dtype.names == (
        *("step", "time", "replica", "energy", "energy_ratio", "pattern_loss", "weight_decay"),
        *("test_accuracy", "train_accuracy", "unsatisfied"),
    )
    positions = simulation.context.getState(positions=True).getPositions(asNumpy=True)
    np.testing.assert_allclose(rows["energy"][-3:], net.loss(positions), rtol=1e-8)
    np.testing.assert_allclose(rows["unsatisfied"][-3:], net.unsatisfied(positions))
    assert (np.diff(rows["energy"].reshape(-1, 3), axis=0) < 0).all()  # gradient descent


# --- positions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [False, True])
def test_weights_and_positions_are_inverse(make, bias):
    net = make(replicas=6, bias=bias)
    start = net.randomPositions(0)
    weights, biases = net.weights(start), net.biases(start)
    assert [w.shape for w in weights] == [(6, 5, 4), (6, 3, 5), (6, 1, 3)]
    assert [b.shape for b in biases] == ([(6, 5), (6, 3), (6, 1)] if bias else [])
    np.testing.assert_array_equal(net.positions(weights, biases), start)
    alike = net.positions([w[2] for w in weights], [b[2] for b in biases])
    assert len(set(net.loss(alike))) == 1


def test_a_random_start_is_that_of_torch_linear(make):
    """Uniform in +-1/sqrt(fan in), biases too: bounds, and the variance within 5 errors."""
    net = make((4, 100, 50, 1), bias=True, replicas=6)
    start = net.randomPositions(seed=5)
    parts = zip(net.weights(start), net.biases(start), (4, 100, 50), strict=True)
    for weights, biases, fan_in in parts:
        values = np.concatenate([weights.ravel(), biases.ravel()]) * math.sqrt(fan_in)
        assert np.abs(values).max() <= 1
        error = math.sqrt((1 / 5 - 1 / 9) / values.size)
        assert abs((values**2).mean() - 1 / 3) < 5 * error
    assert not np.array_equal(start, net.randomPositions(seed=6))


# --- observables -------------------------------------------------------------------------------


def test_labels_are_signs_of_one_output():
    data = tn.datasets.from_arrays(
        [[1.0], [2.0], [-1.0], [0.5]],
        [[1.0], [-1.0], [-1.0], [1.0]],
        [[1.0]],
        [[1.0]],
        bounded=False,
    )
    net = tn.FeedForwardNet(data, (1, 1))
    positions = net.positions([np.array([[[1.0]], [[-1.0]], [[0.5]]])])
    assert net.accuracy(positions, split="train").tolist() == [0.75, 0.25, 0.75]
    assert net.accuracy(positions).tolist() == [1, 0, 1]
    # margins of the first: 1, -2, 1, 0.5; the third: 0.5, -1, 0.5, 0.25
    assert net.unsatisfied(positions).tolist() == [2, 3, 4]


def test_labels_are_the_largest_of_several_outputs():
    data = random_data(outputs=3)
    net = tn.FeedForwardNet(data, (4, 6, 3), precision="double")
    start = net.randomPositions(0)
    for split in ("test", "train"):
        inputs, truth = getattr(data, f"{split}_inputs"), getattr(data, f"{split}_labels")
        for replica, found in enumerate(net.accuracy(start, split)):
            chosen = net.toTorch(start, replica)(torch.tensor(inputs)).argmax(dim=1)
            assert found == (chosen.numpy() == truth).mean()


def test_accuracy_without_test_patterns_is_not_a_number(make):
    net = make(dataset=random_data(test=0))
    assert np.isnan(net.accuracy(zero(net))).all()


# --- torch in and out --------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", [False, True])
def test_sequential_out_and_in(make, activation, bias):
    net = make(activation=activation, bias=bias, replicas=6, precision="double")
    start = net.randomPositions(1)
    models = [net.toTorch(start, replica) for replica in range(6)]
    np.testing.assert_array_equal(net.fromTorch(models), start)
    inputs = net.dataset.test_inputs
    outputs = torch.stack([model(torch.tensor(inputs)) for model in models])
    np.testing.assert_allclose(net.outputs(start, inputs), outputs.detach(), rtol=1e-12, atol=1e-14)
    alike = net.fromTorch(models[4])
    np.testing.assert_allclose(net.loss(alike), net.loss(start)[4], rtol=1e-13)


def test_a_float32_network_made_by_torch_comes_in(make):
    net = make(precision="double")
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 5, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(5, 3, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(3, 1, bias=False),
    )
    wanted = model(torch.tensor(net.dataset.test_inputs, dtype=torch.float32)).detach()
    found = net.outputs(net.fromTorch(model), net.dataset.test_inputs)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-4, atol=1e-6)


def linear(*sizes, bias=False):
    return [torch.nn.Linear(a, b, bias=bias) for a, b in pairwise(sizes)]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([*linear(4, 5), torch.nn.Tanh(), *linear(5, 1)], ("Tanh", "ReLU")),
        ([*linear(4, 5), torch.nn.ReLU(), *linear(5, 1, bias=True)], ("biases", "bias=True")),
        ([*linear(4, 5), torch.nn.ReLU(), torch.nn.Dropout()], ("Dropout", "Linear")),
        ([*linear(4, 5), torch.nn.ReLU(), *linear(5, 1), torch.nn.ReLU()], ("ends",)),
        ([*linear(4, 5), torch.nn.ReLU(), *linear(5, 1)], ("2 layers", "3")),
        (
            [*linear(4, 5), torch.nn.ReLU(), *linear(5, 4), torch.nn.ReLU(), *linear(4, 1)],
            ("J2", "(3, 4, 5)", "(3, 5)"),
        ),
    ],
)
def test_another_torch_network_is_refused(make, refused, parts, words):
    refused(lambda: make().fromTorch(torch.nn.Sequential(*parts)), *words)


def test_what_is_no_sequential_is_refused(make, refused):
    refused(lambda: make().fromTorch(torch.nn.Linear(4, 1)), "Linear", "torch.nn.Sequential")
    models = [torch.nn.Sequential(torch.nn.Linear(4, 1))] * 2
    refused(lambda: make().fromTorch(models), "2 models", "3")


# --- bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"widths": (5, 3, 1)}, ("(5, 3, 1)", "4 inputs", "1 output")),
        ({"widths": (4, 3, 2)}, ("(4, 3, 2)", "4 inputs", "1 output")),
        ({"widths": (4, 0, 1)}, ("a width is 0", "at least 1")),
        ({"widths": (4,)}, ("widths is (4,)", "(N_0, N_1, ..., N_L)")),
        ({"widths": 30}, ("widths is 30",)),
        ({"activation": "sign"}, ("activation 'sign'", "relu")),
        ({"loss": "hinge"}, ("loss 'hinge'", "quadratic-hinge")),
        ({"weightDecay": -1}, ("weightDecay is -1", "not negative")),
        ({"weightDecay": math.nan}, ("weightDecay is nan",)),
        ({"weightDecay": "big"}, ("weightDecay is 'big'",)),
        ({"replicas": 4}, ("replicas is 4", "multiple of 3")),
        ({"precision": "half"}, ("precision is 'half'", "single or double")),
        ({"batch": 10}, ("batch is 10", "all 40 patterns", "leave it out")),
    ],
)
def test_bad_input_is_refused_in_one_line(make, refused, options, words):
    refused(lambda: make(**options), *words)


def test_a_dataset_is_needed(refused):
    refused(lambda: tn.FeedForwardNet(np.eye(3), (3, 3)), "dataset is", "datasets")


def test_cross_entropy_needs_classes(refused):
    data = tn.datasets.from_arrays([[0.0], [1.0]], [[1.0, -1.0], [1.0, 1.0]])
    refused(
        lambda: tn.FeedForwardNet(data, (1, 2), loss="cross-entropy"),
        *("pattern 1", "[1.0, 1.0]", "-1 for the others"),
    )


def test_wrong_weights_and_positions_are_refused(make, refused):
    net = make(bias=True)
    start = net.randomPositions(0)
    weights, biases = net.weights(start), net.biases(start)
    refused(lambda: net.positions(weights), "3 arrays", "6")
    refused(lambda: net.positions(weights[::-1], biases), "J1 has shape (3, 1, 3)")
    refused(lambda: net.loss(np.zeros((5, 3))), "(5, 3)")
    refused(lambda: net.accuracy(start, split="all"), "split 'all'")
    refused(lambda: net.toTorch(start, 3), "replica is 3", "0 to 2")
    refused(lambda: net.randomPositions(-1), "seed is -1")
    assert unit.is_quantity(start)
