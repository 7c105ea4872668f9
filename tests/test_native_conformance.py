"""The native engine gives the energies and forces of the torch definitions, for every network."""

import itertools
import os
import subprocess
import sys

import numpy as np
import openmm
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import openmm_thermalnet as tn
from openmm_thermalnet import native
from openmm_thermalnet.errors import DependencyError
from openmm_thermalnet.forces import EnergyAndForces, resolve_binding
from openmm_thermalnet.integrators import find_platform
from openmm_thermalnet.native.energies import ACTIVATIONS, ENERGIES

pytestmark = pytest.mark.skipif(native.missing() is not None, reason=str(native.missing()))

# Relative errors allowed, of energies and of the largest force: a few times those of products of
# this length in each precision.
TOLERANCE = {"single": 2e-6, "double": 1e-13}
LAYERED = ("norm", "squared", "softcore")
LOSSES = ("quadratic-hinge", "mse")


def make_context(system, positions, platform="CPU", threads=1):
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.01), *find_platform(platform, threads)
    )
    context.setPositions(positions)
    return context


def energy_and_forces(context):
    state = context.getState(energy=True, forces=True)
    return state.getPotentialEnergy()._value, state.getForces(asNumpy=True)._value


def definition(net, positions):
    """Energy and forces by the torch definition in double precision."""
    hamiltonian = net.createHamiltonian().to(torch.float64)
    evaluation = EnergyAndForces(hamiltonian, net.layout, torch.float64, net.walls)
    energy, forces = evaluation.evaluate(np.ascontiguousarray(positions))
    return energy, forces.copy()


def assert_conforms(net, positions, platform="CPU", threads=1):
    system = net.createSystem("native")
    assert native.NetworkForce.isinstance(system.getForce(0))
    context = make_context(system, positions, platform, threads)
    energy, forces = energy_and_forces(context)
    wanted, wanted_forces = definition(net, positions)
    tolerance = TOLERANCE[net.precision]
    assert energy == pytest.approx(wanted, rel=tolerance, abs=tolerance)
    largest = np.abs(wanted_forces).max(initial=1e-30)
    np.testing.assert_allclose(forces, wanted_forces, rtol=0, atol=4 * tolerance * largest)
    force = native.NetworkForce.cast(system.getForce(0))
    terms = np.asarray(force.getEnergyTerms(context)).reshape(net.replicas, -1)
    np.testing.assert_allclose(
        terms, net.energyTerms(positions), rtol=10 * tolerance, atol=tolerance * max(abs(wanted), 1)
    )


def patterns_of(kind, rng, shape):
    if kind == "grey":
        return rng.uniform(-1, 1, shape)
    if kind == "background":
        return np.full(shape, -1.0)
    return np.where(rng.random(shape) < {"sparse": 0.2, "dense": 0.8}[kind], 1.0, -1.0)


def raw_positions(net, rng):
    """Coordinates in many images of the fold."""
    positions = net.randomPositions(3)._value
    if net.walls:
        positions = positions + 2.0 * rng.integers(-5, 6, positions.shape)
    return np.ascontiguousarray(positions)


@given(
    energy=st.sampled_from(LAYERED),
    precision=st.sampled_from(["single", "double"]),
    kind=st.sampled_from(["sparse", "dense", "grey", "background"]),
    patterns=st.sampled_from([1, 2, 3, 15, 16, 17, 33, 64, 65, 130]),
    inputs=st.integers(1, 140),
    width=st.integers(1, 23),
    outputs=st.integers(1, 9),
    depth=st.integers(2, 5),
    blocks=st.sampled_from([1, 2, 16]),
    gain=st.sampled_from([1.0, 0.3, "fan_in"]),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=80)
def test_thermal_machines_of_any_shape(
    energy, precision, kind, patterns, inputs, width, outputs, depth, blocks, gain, seed
):
    rng = np.random.default_rng(seed)
    data = tn.datasets.from_arrays(
        patterns_of(kind, rng, (patterns, inputs)), rng.choice([-1.0, 1.0], (patterns, outputs))
    )
    net = tn.ThermalNet(data, depth, width, 3 * blocks, energy, gain, precision)
    assert_conforms(net, raw_positions(net, rng))


@given(
    loss=st.sampled_from(LOSSES),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    precision=st.sampled_from(["single", "double"]),
    patterns=st.sampled_from([1, 2, 15, 16, 17, 130]),
    hidden=st.lists(st.integers(1, 37), max_size=3),
    inputs=st.integers(1, 20),
    outputs=st.integers(1, 5),
    blocks=st.sampled_from([1, 3]),
    decay=st.sampled_from([0.0, 0.1]),
    bias=st.booleans(),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=80)
def test_feed_forward_networks_of_any_shape(
    loss, activation, precision, patterns, hidden, inputs, outputs, blocks, decay, bias, seed
):
    rng = np.random.default_rng(seed)
    data = tn.datasets.from_arrays(
        rng.uniform(-1, 1, (patterns, inputs)), rng.choice([-1.0, 1.0], (patterns, outputs))
    )
    net = tn.FeedForwardNet(
        data,
        (inputs, *hidden, outputs),
        activation,
        loss,
        decay,
        3 * blocks,
        bias=bias,
        precision=precision,
    )
    assert_conforms(net, raw_positions(net, rng))


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("energy", LAYERED)
def test_every_layered_energy_on_every_platform(energy, precision, platform, make_net):
    net = make_net(energy=energy, precision=precision, replicas=6)
    if platform in ("Reference", "CPU"):  # the others keep coordinates in single precision
        assert_conforms(net, net.randomPositions(1)._value, platform)
    else:
        context = make_context(net.createSystem("native"), net.randomPositions(1), platform)
        energy_found, forces = energy_and_forces(context)
        wanted, wanted_forces = definition(net, net.randomPositions(1)._value)
        assert energy_found == pytest.approx(wanted, rel=1e-5)
        np.testing.assert_allclose(forces, wanted_forces, atol=1e-4 * np.abs(wanted_forces).max())


@pytest.mark.parametrize(
    ("name", "activation", "precision"),
    [
        *itertools.product(LAYERED, [None], ["single", "double"]),
        *itertools.product(LOSSES, ACTIVATIONS, ["single", "double"]),
    ],
)
def test_the_engine_has_every_energy_that_it_lists(name, activation, precision, make_net):
    """A fallback in any cell is a failure."""
    if activation is None:
        net = make_net(energy=name, precision=precision)
    else:
        data = make_net().dataset
        targets = np.sign(data.train_targets[:, :1])
        data = tn.datasets.from_arrays(data.train_inputs, targets)
        net = tn.FeedForwardNet(data, (5, 3, 1), activation, name, precision=precision)
    assert set(ENERGIES) == {*LAYERED, *LOSSES}
    assert net.nativeLacks is None
    assert net.info("native")["force"] == "native"


def test_an_energy_that_the_engine_lacks_is_refused_by_name(make_net, refused):
    data = make_net().dataset
    data = tn.datasets.from_arrays(data.train_inputs, np.sign(data.train_targets[:, :1]))
    for lacking, part in (
        ({"loss": "cross-entropy"}, "loss 'cross-entropy'"),
        ({"activation": "gelu"}, "activation 'gelu'"),
    ):
        net = tn.FeedForwardNet(data, (5, 3, 1), **lacking)
        refused(lambda net=net: net.createSystem("native"), part, error=DependencyError)
    with pytest.raises(DependencyError, match="torch module"):
        resolve_binding("native", "the energy is a torch module")


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("energy", ["norm", "squared"])
def test_forces_at_a_residual_of_zero_are_zero(energy, precision):
    """Spins, weights and targets of 0: the norm has no slope there, and no NaN either."""
    data = tn.datasets.from_arrays(np.ones((2, 3)), np.zeros((2, 1)))
    net = tn.ThermalNet(data, 3, 2, 3, energy, precision=precision)
    positions = np.zeros((net.particles, 3))
    found, forces = energy_and_forces(make_context(net.createSystem("native"), positions))
    assert found == 0
    np.testing.assert_array_equal(forces, 0.0)


@pytest.mark.parametrize("energy", LAYERED)
def test_not_a_number_stays_so_for_its_replica_alone(energy, make_net):
    net = make_net(energy=energy, replicas=6)
    positions = net.randomPositions(1)._value
    positions[-1, 1] = np.nan  # a weight of replica 4
    context = make_context(net.createSystem("native"), positions)
    _, forces = energy_and_forces(context)
    force = native.NetworkForce.cast(context.getSystem().getForce(0))
    terms = np.asarray(force.getEnergyTerms(context)).reshape(6, -1)
    by_replica = net.layout.coordinates(forces)
    assert np.isnan(terms[4]).any()
    assert np.isnan(by_replica[4]).any()
    others = [0, 1, 2, 3, 5]
    assert np.isfinite(terms[others]).all()
    assert np.isfinite(by_replica[others]).all()


@pytest.mark.parametrize("shape", [(1, 1, 1), (130, 40, 7), (300, 9, 3)])
def test_the_same_bits_for_any_number_of_threads(shape):
    patterns, inputs, width = shape
    rng = np.random.default_rng(1)
    data = tn.datasets.from_arrays(
        patterns_of("sparse", rng, (patterns, inputs)), rng.choice([-1.0, 1.0], (patterns, 2))
    )
    nets = [
        tn.ThermalNet(data, 4, width, 6),
        tn.FeedForwardNet(data, (inputs, width, 2), replicas=6),
    ]
    for net in nets:
        system = net.createSystem("native")
        found = [
            energy_and_forces(make_context(system, net.randomPositions(1), "CPU", threads))
            for threads in (1, 2, 3, 5)
        ]
        for energy, forces in found[1:]:
            assert energy == found[0][0]
            np.testing.assert_array_equal(forces, found[0][1])


_ON_ONE_SET = """
import numpy as np, openmm, sys
import openmm_thermalnet as tn
from openmm_thermalnet import native
from openmm_thermalnet.integrators import find_platform
data = tn.datasets.random_patterns(n_train=37, n_test=0, input_width=19, output_width=3, seed=0)
print(native.instruction_set())
for precision in ("single", "double"):
    net = tn.ThermalNet(data, 4, 5, 3, precision=precision)
    context = openmm.Context(
        net.createSystem("native"), openmm.VerletIntegrator(0.01), *find_platform("CPU")
    )
    context.setPositions(net.randomPositions(1))
    state = context.getState(energy=True, forces=True)
    print(state.getPotentialEnergy()._value, *state.getForces(asNumpy=True)._value.ravel())
"""


def test_every_instruction_set_gives_the_same_numbers():
    """To rounding; a set that this machine lacks is refused in one line."""
    found = {}
    for name in ("x86-64-v2", "x86-64-v3", "x86-64-v4", native.instruction_set()):
        run = subprocess.run(
            [sys.executable, "-c", _ON_ONE_SET],
            env={**os.environ, "THERMALNET_INSTRUCTION_SET": name},
            capture_output=True,
            text=True,
        )
        if run.returncode:
            assert "none of the instruction sets" in run.stderr.splitlines()[-1]
            continue
        lines = run.stdout.splitlines()
        assert lines[0] == name
        found[name] = [np.array(line.split(), dtype=float) for line in lines[1:]]
    single, double = found[native.instruction_set()]
    for one, other in found.values():
        np.testing.assert_allclose(one, single, rtol=0, atol=1e-6 * np.abs(single).max())
        np.testing.assert_allclose(other, double, rtol=0, atol=1e-14 * np.abs(double).max())
