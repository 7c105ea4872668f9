"""`NetworkForce` as a force of OpenMM: parameters, copies, XML, and what it refuses."""

import copy
import pickle
import re

import numpy as np
import openmm
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet import native
from openmm_thermalnet.integrators import find_platform

pytestmark = pytest.mark.skipif(native.missing() is not None, reason=str(native.missing()))


def make_context(system, positions, platform="CPU"):
    context = openmm.Context(system, openmm.VerletIntegrator(0.01), *find_platform(platform))
    context.setPositions(positions)
    return context


def the_force(context):
    return native.NetworkForce.cast(context.getSystem().getForce(0))


def terms(context):
    force = the_force(context)
    return np.asarray(force.getEnergyTerms(context)).reshape(force.getNumReplicas(), -1)


def energy(context):
    return context.getState(energy=True).getPotentialEnergy()._value


@pytest.fixture(params=["thermal", "feedforward"])
def net(request, make_net):
    if request.param == "thermal":
        return make_net(replicas=6, precision="double")
    data = make_net().dataset
    data = tn.datasets.from_arrays(data.train_inputs, np.sign(data.train_targets[:, :1]))
    return tn.FeedForwardNet(data, (5, 3, 1), weightDecay=0.1, replicas=6, precision="double")


# --- couplings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_each_replica_has_its_coupling_and_the_prior_another(net, platform):
    context = make_context(net.createSystem("native"), net.randomPositions(1), platform)
    known = terms(context)
    own, prior = (known.sum(axis=1), 0.0) if net.walls else (known[:, 0], known[:, 1].sum())
    assert energy(context) == pytest.approx(own.sum() + prior, rel=1e-12)
    couplings = np.array([0.0, 0.5, 1.0, 2.0, -1.0, 0.25])
    for replica, coupling in enumerate(couplings):
        context.setParameter(f"coupling_{replica}", coupling)
    assert energy(context) == pytest.approx(couplings @ own + prior, rel=1e-12)
    context.setParameter("coupling", 0.3)
    assert energy(context) == pytest.approx(0.3 * couplings @ own + prior, rel=1e-12)
    context.setParameter("decay_coupling", 4.0)
    assert energy(context) == pytest.approx(0.3 * couplings @ own + 4 * prior, rel=1e-12)
    np.testing.assert_allclose(terms(context), known, rtol=1e-14)  # without couplings


def test_forces_are_the_slope_of_the_energy_with_any_couplings(net):
    context = make_context(net.createSystem("native"), net.randomPositions(1))
    for name, value in (("coupling_1", 0.5), ("coupling_3", -2.0), ("decay_coupling", 3.0)):
        context.setParameter(name, value)
    positions = net.randomPositions(1)._value
    forces = context.getState(forces=True).getForces(asNumpy=True)._value
    direction = np.random.default_rng(0).normal(size=positions.shape)
    h = 1e-6
    ends = []
    for sign in (1, -1):
        context.setPositions(positions + sign * h * direction)
        ends.append(energy(context))
    slope = (ends[0] - ends[1]) / (2 * h)
    assert slope == pytest.approx(-(forces * direction).sum(), rel=1e-6)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_derivatives_by_couplings_are_the_energies_of_replicas(net, platform):
    system = net.createSystem("native")
    native.NetworkForce.cast(system.getForce(0)).setCouplingDerivatives(True)
    context = make_context(system, net.randomPositions(1), platform)
    context.setParameter("coupling", 0.5)
    context.setParameter("coupling_2", 3.0)
    for _ in range(2):  # they do not add up from one evaluation to the next
        found = context.getState(parameterDerivatives=True, energy=True)
        derivatives = found.getEnergyParameterDerivatives()
    known = terms(context)
    own = known.sum(axis=1) if net.walls else known[:, 0]
    for replica in range(6):
        assert derivatives[f"coupling_{replica}"] == pytest.approx(0.5 * own[replica], rel=1e-12)


def test_checkpoints_and_states_hold_the_couplings(net):
    context = make_context(net.createSystem("native"), net.randomPositions(1))
    context.setParameter("coupling_4", 0.125)
    checkpoint = context.createCheckpoint()
    state = context.getState(positions=True, parameters=True)
    wanted = energy(context)
    for restore in (
        lambda it: it.loadCheckpoint(checkpoint),
        lambda it: it.setState(state),
    ):
        again = make_context(net.createSystem("native"), net.randomPositions(2))
        restore(again)
        assert again.getParameter("coupling_4") == 0.125
        assert energy(again) == wanted


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["coupling", "coupling_2", "decay_coupling"])
def test_a_coupling_that_is_no_number_is_refused_by_name(net, name, value):
    context = make_context(net.createSystem("native"), net.randomPositions(1))
    context.setParameter(name, value)
    with pytest.raises(openmm.OpenMMException, match=f"parameter {name} is .*; give a finite"):
        energy(context)


# --- terms --------------------------------------------------------------------------------------


def test_terms_follow_the_positions(net):
    """Also where they are asked for after steps, when the last evaluation is of other positions."""
    system = net.createSystem("native")
    context = make_context(system, net.randomPositions(1))
    energy(context)
    for positions in (net.randomPositions(2), net.randomPositions(3)):
        context.setPositions(positions)
        np.testing.assert_allclose(terms(context), net.energyTerms(positions), rtol=1e-12)
    context.getIntegrator().step(3)
    positions = context.getState(positions=True).getPositions(asNumpy=True)
    np.testing.assert_allclose(terms(context), net.energyTerms(positions), rtol=1e-9)


# --- copies -------------------------------------------------------------------------------------

WAYS = {
    "xml": openmm.XmlSerializer.clone,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda it: pickle.loads(pickle.dumps(it)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_system_is_the_same_after(way, net):
    system = net.createSystem("native")
    force = native.NetworkForce.cast(system.getForce(0))
    force.setForceGroup(3)
    force.setName("a network")
    twin = WAYS[way](system)
    found = native.NetworkForce.cast(twin.getForce(0))
    for name in dir(found):
        if name.startswith("get") and name not in ("getEnergyTerms",):
            one, other = getattr(force, name)(), getattr(found, name)()
            assert np.array_equal(np.asarray(one), np.asarray(other)), name
    one = make_context(system, net.randomPositions(1))
    other = make_context(twin, net.randomPositions(1))
    assert energy(one) == energy(other)
    assert openmm.XmlSerializer.serialize(twin) == openmm.XmlSerializer.serialize(system)


def test_xml_holds_no_code(net):
    text = openmm.XmlSerializer.serialize(net.createSystem("native"))
    assert "pickle" not in text
    assert 'type="NetworkForce"' in text


def test_numbers_that_need_double_precision_are_kept(make_net):
    data = make_net().dataset
    inputs = data.train_inputs.copy()
    inputs[0, 0] = 1 / 3
    net = tn.ThermalNet(tn.datasets.from_arrays(inputs, data.train_targets), 3, 2)
    twin = copy.deepcopy(net.createSystem("native"))
    found = np.asarray(native.NetworkForce.cast(twin.getForce(0)).getInputs())
    np.testing.assert_array_equal(found.reshape(inputs.shape), inputs)


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r'(<Inputs base64=".{20}).', r"\1#"),
        (r'(<Inputs base64=".{2})(.)(.)', r"\1\3\2"),
        (r'(<Inputs base64=")....', r"\1"),
        (r'(<Targets [^>]*count=")\d*', r"\g<1>9"),
        (r'(<Targets [^>]*count=")', r"\g<1>-"),
        (r'(<Gains [^>]*crc32=")\d', r"\g<1>"),
        (r"float32", "float16"),
        (r'type="NetworkForce" version="1"', 'type="NetworkForce" version="2"'),
        (r'replicas="6"', 'replicas="7"'),
        (r' energy="\d"', ' energy="9"'),
        (r' energy="\d"', ""),
        (r"<Widths [^>]*>", ""),
    ],
)
def test_damaged_xml_is_refused_in_one_line(pattern, replacement, net):
    text = openmm.XmlSerializer.serialize(net.createSystem("native"))
    damaged = re.sub(pattern, replacement, text, count=1)
    assert damaged != text
    with pytest.raises(openmm.OpenMMException) as caught:
        openmm.XmlSerializer.deserialize(damaged)
    assert "\n" not in str(caught.value)


def test_a_context_that_is_made_anew_is_the_same(net):
    context = make_context(net.createSystem("native"), net.randomPositions(1))
    wanted = energy(context)
    context.reinitialize(preserveState=True)
    assert energy(context) == wanted


# --- refused ------------------------------------------------------------------------------------


def force_of(energy=0, widths=(2, 2, 1), inputs=None, targets=None, replicas=3):
    inputs = np.ones(4) if inputs is None else np.asarray(inputs, dtype=float)
    targets = np.ones(2) if targets is None else np.asarray(targets, dtype=float)
    return native.NetworkForce(energy, widths, inputs, targets, replicas)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"energy": 9}, "the energy is 9"),
        ({"widths": (2,)}, "1 widths; give N_0"),
        ({"widths": (2, 0, 1)}, "width of layer 1 is 0"),
        ({"replicas": 0}, "0 replicas; give a positive multiple of 3"),
        ({"replicas": 4}, "such as 6"),
        ({"inputs": []}, "0 inputs; give 2 for each"),
        ({"inputs": np.ones(3)}, "3 inputs; give 2 for each"),
        ({"targets": np.ones(3)}, "3 targets; give 1 for each of 2"),
        ({"inputs": [1, 1, np.nan, 1]}, "inputs of pattern 1 contain nan"),
        ({"targets": [1, np.inf]}, "targets of pattern 1 contain inf"),
        ({"targets": [1, 1.5]}, "contain 1.5"),
        ({"widths": (2, 10**6, 10**6, 1)}, "more than a System can hold"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(options, part):
    with pytest.raises(openmm.OpenMMException, match=r"^NetworkForce: ") as caught:
        force_of(**options)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_settings_that_cannot_be_used_are_refused_and_change_nothing():
    force = force_of()
    for change, part in (
        (lambda: force.setGains(np.ones(3)), "3 gains"),
        (lambda: force.setGains(np.array([1.0, np.nan])), "a gain is nan"),
        (lambda: force.setGains(np.array([1.0, 0.0])), "a gain is 0"),
        (lambda: force.setWeightDecay(-1.0), "weight decay is -1"),
        (lambda: force.setBias(True), "no biases"),
        (lambda: force.setActivation(7), "activation is 7"),
    ):
        with pytest.raises(openmm.OpenMMException, match=part):
            change()
    assert np.asarray(force.getGains()).tolist() == [1.0, 1.0]
    assert force.getWeightDecay() == 0
    assert not force.getBias()


def test_linear_outputs_take_targets_of_any_size():
    force_of(energy=native.NetworkForce.SquaredError, targets=[5.0, -7.5])


def test_a_system_of_another_size_is_refused(net):
    system = net.createSystem("native")
    system.addParticle(1.0)
    with pytest.raises(openmm.OpenMMException, match="particles; give it"):
        openmm.Context(system, openmm.VerletIntegrator(0.01), *find_platform("CPU"))


def test_a_context_keeps_the_network_that_it_was_made_with(make_net):
    net = make_net(precision="double")
    system = net.createSystem("native")
    context = make_context(system, net.randomPositions(1))
    before = energy(context)
    native.NetworkForce.cast(system.getForce(0)).setGains(np.full(3, 2.0))
    assert energy(context) == before
    context.reinitialize()
    context.setPositions(net.randomPositions(1))
    assert energy(context) != before
