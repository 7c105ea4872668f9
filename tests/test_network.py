"""ThermalNet: what it is made of, its observables by hand, and what it refuses."""

import json
import math

import numpy as np
import pytest
import torch
from openmm import unit

import openmm_thermalnet as tn
from openmm_thermalnet import feedforward, particles


@pytest.fixture
def four_images():
    """Two inputs, two outputs; the third test image is 0 for sign and 1 for tanh below."""
    inputs = [[1.0, -1.0], [-1.0, 1.0], [0.1, 1.0], [-0.1, -1.0]]
    targets = [[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]]
    return tn.datasets.from_arrays(inputs[:2], targets[:2], inputs, targets)


def with_weights(net, weights):
    spins = [np.zeros((net.patterns, net.width))] * (net.depth - 1)
    return net.positions(spins, weights)


# --- what it is made of ------------------------------------------------------------------------


def test_sizes(make_net):
    net = make_net(depth=4, width=3, replicas=6)
    assert net.widths == (5, 3, 3, 3, 2)
    assert net.patterns == 4
    assert net.particles == 4 * 3 * 3 + (15 + 9 + 9 + 6)
    assert net.replicas == 6
    assert net.storage_ratio == 4 / 3
    assert net.gains == (1.0, 1.0, 1.0, 1.0)
    assert "widths=(5, 3, 3, 3, 2)" in repr(net)


def test_info_is_plain_and_says_which_force(make_net):
    info = json.loads(json.dumps(make_net(replicas=6, gain="fan_in").info(force="python")))
    assert info["force"] == "python"
    assert info["gain"] == "fan_in"
    assert info["particles"] * 6 == info["degrees_of_freedom"]


def test_the_same_network_with_other_replicas(make_net):
    net = make_net(gain="fan_in", energy="squared", precision="double")
    more = net.withReplicas(9)
    assert {**more.info("python"), "replicas": 3, "degrees_of_freedom": 3 * net.particles} == (
        net.info("python")
    )
    assert more.replicas == 9


def test_a_system_of_100_000_particles_is_built_without_a_topology(monkeypatch):
    data = tn.datasets.random_patterns(n_train=1000, input_width=20, output_width=2)
    net = tn.ThermalNet(data, depth=11, width=10)
    assert net.particles > 100_000
    monkeypatch.setattr(particles, "build_topology", lambda *_: pytest.fail("topology was built"))
    assert net.createSystem(force="python").getNumParticles() == net.particles


def test_the_topology_is_that_of_the_system_and_built_once(make_net):
    net = make_net(replicas=6)
    assert net.topology.getNumAtoms() == net.createSystem(force="python").getNumParticles()
    assert net.topology is net.topology


# --- positions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("replicas", [3, 6, 9])
def test_spins_and_weights_round_trip(replicas, make_net):
    net = make_net(depth=4, replicas=replicas)
    start = net.randomPositions(seed=3)
    spins, weights = net.spins(start), net.weights(start)
    assert [s.shape for s in spins] == [(replicas, 4, 3)] * 3
    assert [w.shape for w in weights] == [(replicas, *s) for s in ((3, 5), (3, 3), (3, 3), (2, 3))]
    again = net.positions(spins, weights)
    np.testing.assert_array_equal(again._value, start._value)
    assert again.unit == unit.nanometer


def test_raw_coordinates_are_folded(make_net):
    net = make_net()
    start = net.randomPositions(seed=3)
    for image in (2 * unit.nanometer - start, start + 4 * unit.nanometer, 10 * start._value / 10):
        for found, wanted in zip(net.spins(image), net.spins(start), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-15)
        for found, wanted in zip(net.weights(image), net.weights(start), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-15)
        np.testing.assert_allclose(net.layerEnergies(image), net.layerEnergies(start), rtol=1e-5)


def test_random_positions_are_uniform_and_each_replica_has_its_own_stream(make_net):
    few, many = make_net(width=20), make_net(width=20, replicas=9)
    start = few.layout.coordinates(few.randomPositions(seed=5))
    np.testing.assert_array_equal(many.layout.coordinates(many.randomPositions(seed=5))[:3], start)
    assert (np.abs(start) < 1).all()
    assert len(np.unique(start)) == start.size
    assert abs(start.mean()) < 3 / math.sqrt(3 * start.size)
    assert not (start == few.layout.coordinates(few.randomPositions(seed=6))).any()


def test_forward_spins_leave_the_hidden_layers_without_energy(make_net):
    net = make_net(depth=4, gain="fan_in", precision="double")
    weights = net.weights(net.randomPositions(seed=0))
    energies = net.layerEnergies(net.positions(net.forwardSpins(weights), weights))
    np.testing.assert_allclose(energies[:, :-1], 0, atol=1e-14)


# --- accuracy ----------------------------------------------------------------------------------

FIRST = np.eye(2)
LAST = np.array([[1.0, 0.2], [0.0, 0.5]])  # output 0 wins if f(x_1) > 0.3 f(x_2)


def test_accuracy_by_hand(four_images):
    """Replica 0 is right but for tanh of images 2 and 3; 1 has its outputs swapped; 2 is 0."""
    net = tn.ThermalNet(four_images, depth=2, width=2)
    last = np.stack([LAST, LAST[::-1], np.zeros((2, 2))])
    positions = with_weights(net, [FIRST, last])
    # All outputs 0: the label is the first class.
    assert net.accuracy(positions).tolist() == [1.0, 0.0, 0.5]
    assert net.accuracy(positions, activation="tanh").tolist() == [0.5, 0.5, 0.5]
    assert net.accuracy(positions, "sign", "train").tolist() == [1.0, 0.0, 0.5]
    assert net.accuracy(positions, activation="tanh", split="train").tolist() == [1.0, 0.0, 0.5]


def test_accuracy_of_a_single_output_is_its_sign():
    inputs = [[1.0], [-1.0], [0.5]]
    data = tn.datasets.from_arrays(inputs, [[1.0], [-1.0], [-1.0]], inputs, [[1.0], [1.0], [1.0]])
    net = tn.ThermalNet(data, depth=3, width=1)
    signs = np.array([1.0, -1.0, 1.0]).reshape(3, 1, 1)
    positions = with_weights(net, [np.ones((1, 1)), signs, np.full((1, 1), 0.5)])
    for activation in ("sign", "tanh"):
        right = np.array([2, 1, 2]) / 3
        np.testing.assert_array_equal(net.accuracy(positions, activation, "train"), right)
        np.testing.assert_array_equal(net.accuracy(positions, activation, "test"), right)


def test_accuracy_takes_raw_coordinates(four_images):
    net = tn.ThermalNet(four_images, depth=2, width=2)
    positions = with_weights(net, [FIRST, LAST])
    image = 2 * unit.nanometer - positions
    assert net.accuracy(image).tolist() == [1.0, 1.0, 1.0]


def test_accuracy_of_no_images_is_not_a_number(make_net):
    net = make_net(dataset=tn.datasets.from_arrays([[1.0]], [[1.0]]), replicas=6)
    accuracy = net.accuracy(net.randomPositions(0))
    assert accuracy.shape == (6,)
    assert np.isnan(accuracy).all()
    assert not np.isnan(net.accuracy(net.randomPositions(0), split="train")).any()


@pytest.mark.parametrize("gain", [1.0, "fan_in"])
@pytest.mark.parametrize("activation", ["tanh", "sign"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_torch_network_gives_the_labels_that_accuracy_counts(gain, activation, outputs):
    data = tn.datasets.random_patterns(
        n_train=20, n_test=200, input_width=9, output_width=outputs, seed=1
    )
    net = tn.ThermalNet(data, depth=4, width=6, replicas=6, gain=gain)
    positions = 3 * net.randomPositions(seed=2)
    accuracy = net.accuracy(positions, activation)
    for replica in range(net.replicas):
        model = net.toTorch(positions, replica, activation)
        assert isinstance(model, torch.nn.Sequential)
        with torch.no_grad():
            fields = model(torch.tensor(data.test_inputs)).numpy()
        weights = [weight[replica] for weight in net.weights(positions)]
        wanted = feedforward.local_fields(weights, net.gains, data.test_inputs, activation)[-1]
        np.testing.assert_allclose(fields, wanted, rtol=1e-12, atol=1e-14)
        predicted = fields[:, 0] > 0 if outputs == 1 else fields.argmax(axis=1)
        assert (predicted == data.test_labels).mean() == accuracy[replica]


def test_the_torch_network_by_hand(four_images):
    net = tn.ThermalNet(four_images, depth=2, width=2, gain="fan_in")
    positions = with_weights(net, [FIRST, LAST])
    model = net.toTorch(positions, replica=0)
    assert [type(part).__name__ for part in model] == ["Linear", "Tanh", "Linear"]
    assert all(part.bias is None for part in model if isinstance(part, torch.nn.Linear))
    np.testing.assert_allclose(model[2].weight.detach(), LAST / math.sqrt(2), rtol=1e-15)
    signs = net.toTorch(positions, 0, activation="sign")
    output = signs(torch.tensor([[0.3, -2.0]], dtype=torch.float64))
    np.testing.assert_allclose(output.detach(), [[0.8 / math.sqrt(2), -0.5 / math.sqrt(2)]])


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "remedy"),
    [
        ("depth", 1, "at least 2"),
        ("depth", 0, "at least 2"),
        ("depth", 2.5, "integer of at least 2"),
        ("depth", "ten", "integer of at least 2"),
        ("depth", None, "integer of at least 2"),
        ("width", 0, "at least 1"),
        ("width", -3, "at least 1"),
        ("width", 1.5, "integer of at least 1"),
        ("replicas", 4, "such as 6"),
        ("replicas", 0, "such as 3"),
        ("replicas", "6", "such as 3"),
        ("replicas", math.inf, "such as 3"),
        ("gain", None, "positive number or 'fan_in'"),
        ("gain", 0.0, "positive number or 'fan_in'"),
        ("gain", math.nan, "positive number or 'fan_in'"),
        ("gain", "fan_out", "positive number or 'fan_in'"),
        ("precision", "half", "single or double"),
        ("energy", "loss", "choose one of norm"),
    ],
)
def test_a_bad_constructor_argument_is_refused(option, value, remedy, make_net, refused):
    refused(lambda: make_net(**{option: value}), option, repr(value), remedy)


def test_what_is_no_dataset_seed_or_number_of_threads_is_refused(make_net, refused):
    refused(lambda: tn.ThermalNet("mnist", depth=3, width=4), "dataset is 'mnist'", "datasets")
    refused(lambda: make_net().randomPositions(seed=-1), "seed is -1", "at least 0")
    refused(lambda: make_net().createSystem(threads=0), "threads is 0", "at least 1")


def test_positions_of_another_shape_are_refused_everywhere(make_net, refused):
    net = make_net()
    wrong = np.zeros((net.particles + 1, 3))
    for call in (
        net.spins,
        net.weights,
        net.layerEnergies,
        net.accuracy,
        lambda positions: net.toTorch(positions, 0),
    ):
        refused(lambda call=call: call(wrong), str(wrong.shape), str((net.particles, 3)))


@pytest.mark.parametrize("value", [1.5, -1.01, math.nan])
def test_values_beyond_the_walls_are_refused(value, make_net, refused):
    net = make_net()
    start = net.randomPositions(0)
    spins, weights = net.spins(start), net.weights(start)
    spins[0][0, 0, 0] = value
    refused(lambda: net.positions(spins, weights), f"{abs(value):g}", "values in [-1, 1]")


def test_a_missing_layer_is_refused(make_net, refused):
    net = make_net()
    start = net.randomPositions(0)
    refused(
        lambda: net.positions(net.spins(start)[1:], net.weights(start)),
        "4 arrays",
        "has 5: S1, S2, J1, J2, J3",
    )


def test_unknown_names_are_refused(make_net, refused):
    net = make_net()
    start = net.randomPositions(0)
    refused(lambda: net.accuracy(start, activation="relu"), "'relu'", "sign or tanh")
    refused(lambda: net.accuracy(start, split="valid"), "'valid'", "train or test")
    refused(lambda: net.toTorch(start, 0, "relu"), "'relu'", "sign or tanh")
    for replica in (-1, 3):
        refused(lambda replica=replica: net.toTorch(start, replica), str(replica), "0 to 2")
