"""Measure what this machine takes for a step: the rates of `sweeps.cost`."""

from __future__ import annotations

import time
from dataclasses import astuple
from typing import Any, NamedTuple

import numpy as np
import openmm
from scipy.optimize import nnls

from openmm_thermalnet.config import RunConfig, make_config
from openmm_thermalnet.integrators import find_platform
from openmm_thermalnet.protocols import setup
from openmm_thermalnet.protocols.start import Start
from openmm_thermalnet.sweeps.cost import Rates, sizes, step_seconds

_MACHINES = (  # patterns, width, depth, samples, integrator
    (20, 5, 5, 3, "langevin-middle"),
    (100, 10, 10, 3, "verlet"),
    (250, 10, 10, 3, "langevin-middle"),
    (250, 10, 10, 12, "langevin-middle"),
    (500, 20, 5, 6, "langevin-middle"),
    (500, 40, 10, 3, "langevin-middle"),
    (1000, 10, 20, 3, "langevin-middle"),
    (1000, 20, 10, 3, "verlet"),
    (2000, 10, 5, 3, "langevin-middle"),
)


class Timing(NamedTuple):
    """A machine that was timed: its parameters, and seconds of a step measured and fitted."""

    config: RunConfig
    measured: float
    fitted: float


def calibrate(
    platform: str = "CPU",
    precision: str = "single",
    threads: int = 1,
    seconds: float = 1.5,
    rounds: int = 10,
) -> tuple[Rates, list[Timing]]:
    """Rates of this machine: steps of machines of several sizes, timed and fitted.

    The rates are the non-negative ones with the least squared relative deviation; a machine counts
    with its fastest round, since others may be using the computer.

    Parameters
    ----------
    platform, precision, threads
        As for a run.
    seconds : float
        How long each machine runs, about.
    rounds : int
        In how many parts.

    Raises
    ------
    InputError
        If the platform is not here.
    """
    fixed: dict[str, Any] = {"dataset": "random", "input-width": 784, "output-width": 2}
    fixed |= {"platform": platform, "precision": precision, "threads": threads}
    configs, simulations, stages = [], [], []
    for patterns, width, depth, samples, integrator in _MACHINES:
        varied = {"patterns": patterns, "width": width, "depth": depth, "samples": samples}
        config = make_config({**fixed, **varied, "integrator": integrator})
        begun = time.perf_counter()
        simulations.append(_simulation(config))
        stages.append(time.perf_counter() - begun)
        configs.append(config)
    counts = [_steps(integrator, seconds / rounds) for _, integrator in simulations]
    measured = np.full(len(configs), np.inf)
    for _ in range(rounds):  # in turns: what else the computer does changes with time
        for machine, (_, integrator) in enumerate(simulations):
            taken = _seconds(integrator, counts[machine]) / counts[machine]
            measured[machine] = min(measured[machine], taken)
    terms = np.array([_terms(config) for config in configs])
    solution, _ = nnls(terms / measured[:, None], np.ones(len(measured)))
    step, variable, stock, product = map(float, solution)
    rates = Rates(step, variable, stock, product, float(np.median(stages)))
    fitted = [step_seconds(sizes(config), config.samples, rates) for config in configs]
    return rates, [Timing(*row) for row in zip(configs, measured.tolist(), fitted, strict=True)]


def _terms(config: RunConfig) -> list[float]:
    """What each rate is multiplied with, which is linear in them."""
    unit = np.eye(len(astuple(Rates())))
    return [step_seconds(sizes(config), config.samples, Rates(*row)) for row in unit[:-1]]


def _simulation(config: RunConfig) -> tuple[Any, Any]:
    """A Context and its integrator, after the first steps, which compile and allocate."""
    net, (spec,) = setup.assemble(config, setup.build_dataset(config))
    thermostat = setup.build_thermostat(config, spec)
    system = net.createSystem("auto", config.threads)
    platform = find_platform(config.platform, config.threads)
    context = openmm.Context(system, thermostat.integrator, *platform)
    context.setPositions(Start.of(net, net.randomPositions(0)).positions)
    thermostat.integrator.step(10)
    return context, thermostat.integrator


def _steps(integrator: Any, seconds: float) -> int:
    """How many steps take about so long."""
    steps = 10
    while (taken := _seconds(integrator, steps)) < seconds / 2:
        steps *= 2
    return max(10, round(steps * seconds / taken))


def _seconds(integrator: Any, steps: int) -> float:
    begun = time.perf_counter()
    integrator.step(steps)
    return time.perf_counter() - begun
