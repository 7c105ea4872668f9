"""Contexts and networks used by several threads at once give what one thread gives."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import openmm
import openmm.app as app
import pytest
import torch

import openmm_thermalnet as tn
from openmm_thermalnet.forces import (
    PythonTorchEnergyAndForces,
    TorchEnergyAndForces,
    UnboundedTorchEnergyAndForces,
)
from openmm_thermalnet.integrators import find_platform

THREADS, CONTEXTS, ROUNDS = 8, 4, 12


def networks(precision):
    """A thermal machine and a feed-forward network, large enough for threads to meet in them."""
    patterns = tn.datasets.random_patterns(
        n_train=80, n_test=60, input_width=40, output_width=2, seed=0
    )
    return [
        tn.ThermalNet(patterns, depth=5, width=8, replicas=6, precision=precision),
        tn.ThermalNet(patterns, depth=3, width=8, energy="softcore", precision=precision),
        tn.FeedForwardNet(patterns, (40, 12, 12, 2), replicas=6, precision=precision),
        tn.FeedForwardNet(
            patterns, (40, 12, 2), "gelu", "mse", 0.1, bias=True, precision=precision
        ),
    ]


def at_once(work, jobs):
    """Results of jobs, each in a thread of its own; all begin together."""
    barrier = Barrier(len(jobs))

    def begin(job):
        barrier.wait()
        return work(job)

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(begin, jobs))


def make_context(net, system, platform, seed):
    # Without noise: Reference draws all of a process from one generator.
    integrator = openmm.VerletIntegrator(tn.units.timestep(0.01))
    context = openmm.Context(system, integrator, *find_platform(platform))
    context.setPositions(net.randomPositions(seed))
    context.setVelocitiesToTemperature(tn.units.temperature(0.01), 1 + seed)
    return context


def energies(context):
    """Energy and forces at every one of a few steps."""
    found = []
    for _ in range(ROUNDS):
        context.getIntegrator().step(1)
        state = context.getState(energy=True, forces=True)
        found.append(state.getPotentialEnergy()._value)
        found.append(state.getForces(asNumpy=True)._value.copy())
    return found


def assert_equal(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_contexts_of_one_system_do_not_disturb_each_other(platform, precision, binding):
    for net in networks(precision):
        if binding == "native" and net.nativeLacks:
            continue
        system = net.createSystem(binding)
        alone = [make_context(net, system, platform, seed) for seed in range(CONTEXTS)]
        wanted = [energies(context) for context in alone]
        together = [make_context(net, system, platform, seed) for seed in range(CONTEXTS)]
        for found, expected in zip(at_once(energies, together), wanted, strict=True):
            assert_equal(found, expected)


class CoupledState:
    """What `PythonTorchEnergyAndForces` asks of a State."""

    def getParameters(self):
        return {"coupling": 1.0}


@pytest.mark.parametrize(
    "copied", [lambda call: call, lambda call: pickle.loads(pickle.dumps(call))]
)
@pytest.mark.parametrize("precision", ["single", "double"])
def test_one_torch_evaluation_answers_several_threads(precision, copied):
    """The callable of a `PythonTorchForce`, which the Contexts of a System share."""
    for net in networks(precision):
        kind = TorchEnergyAndForces if net.walls else UnboundedTorchEnergyAndForces
        module = kind(net.createHamiltonian(), net.layout, net.dtype, net.walls)
        places = [torch.from_numpy(net.randomPositions(seed)._value) for seed in range(THREADS)]
        used = PythonTorchEnergyAndForces(module)
        wanted = [[each.numpy() for each in used(CoupledState(), place)] for place in places]
        call = copied(used)

        def work(place, call=call):
            return [call(CoupledState(), place) for _ in range(ROUNDS)]

        for found, expected in zip(at_once(work, places), wanted, strict=True):
            for each in found:
                assert_equal(each, expected)


def observables(net, positions, velocities):
    """Everything that a network reads from positions."""
    found = [net.energyTerms(positions), *net.measure(positions, velocities)]
    found += [*net.weights(positions), net.accuracy(positions, split="train")]
    if isinstance(net, tn.ThermalNet):
        found += [*net.spins(positions), net.layerEnergies(positions)]
        found += [net.temperatures(velocities), net.accuracy(positions, "tanh")]
    else:
        found += [net.loss(positions), net.unsatisfied(positions), *net.biases(positions)]
        found += [net.outputs(positions, net.dataset.test_inputs)]
    return found


@pytest.mark.parametrize("precision", ["single", "double"])
def test_a_network_answers_several_threads(precision):
    for net in networks(precision):
        places = [net.randomPositions(seed) for seed in range(THREADS)]
        wanted = [observables(net, place, place._value) for place in places]

        def work(thread, net=net, places=places):
            return [observables(net, places[thread], places[thread]._value) for _ in range(ROUNDS)]

        for found, expected in zip(at_once(work, range(THREADS)), wanted, strict=True):
            for each in found:
                assert_equal(each, expected)


def test_reporters_of_one_network_write_what_they_write_alone(tmp_path):
    net = networks("single")[0]
    system = net.createSystem("python")

    def run(name):
        seed = int(name[-1])
        integrator = openmm.LangevinMiddleIntegrator(1.0, 1.0, 0.01)
        integrator.setRandomNumberSeed(1 + seed)
        simulation = app.Simulation(net.topology, system, integrator, *find_platform("CPU"))
        simulation.context.setPositions(net.randomPositions(seed))
        simulation.reporters.append(tn.ThermalReporter(str(tmp_path / name), 1, net))
        simulation.step(40)

    names = [f"{seed}" for seed in range(CONTEXTS)]
    for name in names:
        run(f"alone-{name}")
    at_once(run, [f"together-{name}" for name in names])
    for name in names:
        alone = (tmp_path / f"alone-{name}").read_text()
        assert len(alone.splitlines()) > 40
        assert (tmp_path / f"together-{name}").read_text() == alone


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_network_that_was_used_can_be_copied(copied):
    for net in networks("single"):
        positions = net.randomPositions(0)
        wanted = net.energyTerms(positions)
        np.testing.assert_array_equal(copied(net).energyTerms(positions), wanted)
