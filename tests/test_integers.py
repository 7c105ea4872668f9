"""Whatever counts is an integer: anything else is refused in one line, everywhere alike."""

import io
import re

import numpy as np
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet import integrators, schedules
from openmm_thermalnet.descent import check_batch, stochastic_descent
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.layout import check_replicas
from openmm_thermalnet.results.molecular import chosen_slots
from openmm_thermalnet.wrapping import WrapReporter

WEIGHTS = [np.ones((3, 2)), np.ones((1, 3))]


def feedforward(patterns, replicas=3):
    return tn.FeedForwardNet(patterns, (5, 3, 2), loss="mse", replicas=replicas)


def thermal(patterns, **options):
    return tn.ThermalNet(patterns, **{"depth": 3, "width": 3, **options})


def descend(patterns, **options):
    hamiltonian = feedforward(patterns).createHamiltonian()
    options = {"batch": 2, "seed": 0, "start": 0, "stop": 1, **options}
    stochastic_descent(hamiltonian, None, 0.1, **options)  # refused before the state is looked at


def to_torch(net, replica):
    return net.toTorch(net.randomPositions(seed=0), replica)


TAKERS = {
    "ThermalNet depth": lambda p, n: thermal(p, depth=n),
    "ThermalNet width": lambda p, n: thermal(p, width=n),
    "ThermalNet replicas": lambda p, n: thermal(p, replicas=n),
    "ThermalNet withReplicas": lambda p, n: thermal(p).withReplicas(n),
    "ThermalNet randomPositions": lambda p, n: thermal(p).randomPositions(n),
    "ThermalNet toTorch": lambda p, n: to_torch(thermal(p), n),
    "ThermalNet createSystem": lambda p, n: thermal(p).createSystem("python", threads=n),
    "FeedForwardNet widths": lambda p, n: tn.FeedForwardNet(p, (5, n, 2)),
    "FeedForwardNet replicas": feedforward,
    "FeedForwardNet withReplicas": lambda p, n: feedforward(p).withReplicas(n),
    "FeedForwardNet randomPositions": lambda p, n: feedforward(p).randomPositions(n),
    "FeedForwardNet toTorch": lambda p, n: to_torch(feedforward(p), n),
    "ThermalReporter interval": lambda p, n: tn.ThermalReporter(io.StringIO(), n, thermal(p)),
    "ThermalReporter steps": lambda p, n: tn.ThermalReporter(io.StringIO(), [0, n], thermal(p)),
    "WrapReporter": lambda _, n: WrapReporter(n),
    "check_replicas": lambda _, n: check_replicas(n),
    "linear_steps last": lambda _, n: schedules.linear_steps(n, 2),
    "linear_steps interval": lambda _, n: schedules.linear_steps(10, n),
    "logarithmic_steps last": lambda _, n: schedules.logarithmic_steps(n, 2),
    "logarithmic_steps per_decade": lambda _, n: schedules.logarithmic_steps(10, n),
    "logarithmic_steps_from origins": lambda _, n: schedules.logarithmic_steps_from([n], 99, 2),
    "logarithmic_steps_from last": lambda _, n: schedules.logarithmic_steps_from([0], n, 2),
    "Annealing steps": lambda _, n: schedules.Annealing([(n, 0.1)]),
    "Annealing interval": lambda _, n: schedules.Annealing([(0, 0.1)], interval=n),
    "create_integrator seed": lambda _, n: integrators.create_integrator(seed=n),
    "create_brownian patterns": lambda _, n: integrators.create_brownian(0.1, 0.1, n),
    "create_brownian seed": lambda _, n: integrators.create_brownian(0.1, 0.1, 3, n),
    "set_seed": lambda _, n: integrators.create_integrator().set_seed(n),
    "find_platform threads": lambda _, n: integrators.find_platform("Reference", n),
    "check_batch": lambda _, n: check_batch(n, 100),
    "descent batch": lambda p, n: descend(p, batch=n),
    "descent seed": lambda p, n: descend(p, seed=n),
    "descent start": lambda p, n: descend(p, start=n, stop=100),
    "descent stop": lambda p, n: descend(p, stop=n),
    "to_mdtraj block": lambda _, n: chosen_slots(None, n, 99),
    "Weights replica": lambda _, n: tn.load_weights(WEIGHTS).replica(n),
    "random_patterns n_train": lambda _, n: tn.datasets.random_patterns(n, 1),
    "random_patterns seed": lambda _, n: tn.datasets.random_patterns(2, 1, seed=n),
}

NO_INTEGERS = [10.0, 10.7, float("nan"), "10", True, np.float64(9.0), None, [[3]]]


@pytest.mark.parametrize("value", NO_INTEGERS, ids=repr)
@pytest.mark.parametrize("taker", TAKERS)
def test_what_is_no_integer_is_refused(patterns, taker, value):
    with pytest.raises(InputError) as caught:
        TAKERS[taker](patterns, value)
    message = str(caught.value)
    assert "\n" not in message
    assert re.search(re.escape(repr(value)) + "|" + re.escape(repr([3])), message)


@pytest.mark.parametrize("interval", [10, np.int32(10)])
def test_integers_of_numpy_are_taken(patterns, interval):
    tn.ThermalReporter(io.StringIO(), interval, thermal(patterns, replicas=np.int64(3)))
    assert schedules.linear_steps(20, interval).tolist() == [0, 10, 20]
