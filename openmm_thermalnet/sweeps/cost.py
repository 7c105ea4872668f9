"""What a run costs before it is made: seconds and bytes.

A step of R replicas takes

    t = a + R (b V + c V + d F),

with V variables and F multiply-adds of a forward pass in a replica: a call, what is done per
variable, what is done besides if the engine does not take the step but OpenMM's own integrator
(c V), and matrix products. The four rates are non-negative and belong to a machine; `calibrate`
measures them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from openmm_thermalnet.config import RunConfig
from openmm_thermalnet.errors import InputError

_OWN_STEP = ("langevin-middle", "brownian")  # integrators whose step is the engine's
_INPUTS = {"digits": 64}  # pixels; others have those of MNIST
_CHECKPOINT = 16.0  # bytes a variable, in checkpoint.chk of the CPU platform
_PORTABLE = 58.0  # bytes a variable, in state.xml
_FLOAT = 4.0
_DOUBLE = 8.0


@dataclass(frozen=True)
class Rates:
    """What a machine takes, in seconds.

    Attributes
    ----------
    step : float
        For any step of a stage.
    variable : float
        For a variable and a step.
    stock : float
        For a variable and a step besides, if the step is not the engine's.
    product : float
        For a multiply-add of the forward pass and a step (with its share of the backward pass).
    stage : float
        To set up a stage.
    """

    step: float = 2.5e-6
    variable: float = 3.8e-9
    stock: float = 3.4e-9
    product: float = 3.0e-11
    stage: float = 0.13


def read_rates(table: Mapping[str, Any] | None) -> Rates:
    """Rates of a `[cost]` table; those it does not name are the package's.

    Raises
    ------
    InputError
        If a name is unknown or a number is negative.
    """
    known = [field.name for field in fields(Rates)]
    for name, value in (table or {}).items():
        if name not in known:
            raise InputError(f"{name} is no rate of [cost]; choose from {', '.join(known)}")
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 <= value < math.inf:
            raise InputError(f"{name} is {value!r} in [cost]; give seconds, at least 0")
    return Rates(**{**asdict(Rates()), **(table or {})})


@dataclass(frozen=True)
class Sizes:
    """What the cost of a step depends on.

    Attributes
    ----------
    variables : int
        V, spins and weights of a replica.
    products : int
        F, multiply-adds of the forward pass of all patterns through a replica.
    stock : int
        1 if the integrator's step is OpenMM's own, 0 if it is the engine's.
    """

    variables: int
    products: int
    stock: int


def sizes(config: RunConfig) -> Sizes:
    """Sizes of a run, from its configuration alone."""
    if config.dataset in ("random", "teacher"):
        inputs, outputs = config.input_width, config.output_width
    elif config.dataset.endswith("-pca"):
        inputs, outputs = config.components, 1
    else:
        inputs = _INPUTS.get(config.dataset, 784)
        outputs = 2 if config.groups == "parity" else len(config.digits)
    feedforward = config.model == "feedforward"
    hidden = config.hidden if feedforward else (config.width,) * (config.depth - 1)
    weights = sum(one * other for one, other in itertools.pairwise((inputs, *hidden, outputs)))
    own = feedforward or config.integrator in _OWN_STEP
    spins = 0 if feedforward else config.patterns * sum(hidden)
    return Sizes(spins + weights, config.patterns * weights, int(not own))


def step_seconds(size: Sizes, replicas: int, rates: Rates) -> float:
    """Seconds of one step of R replicas."""
    per_replica = (rates.variable + rates.stock * size.stock) * size.variables
    return rates.step + replicas * (per_replica + rates.product * size.products)


@dataclass(frozen=True)
class StageCost:
    """What a stage of a run takes, or all of them.

    Attributes
    ----------
    name : str
        As in `run.json`.
    length : int
        Steps.
    seconds : float
        Time.
    written, kept : float
        Bytes that go to the disk, and those that stay there; checkpoints are written over.
    """

    name: str
    length: int
    seconds: float
    written: float
    kept: float


def stage_costs(config: RunConfig, rates: Rates) -> list[StageCost]:
    """What each stage of a run takes."""
    from openmm_thermalnet.protocols import setup

    size = sizes(config)
    costs = []
    for spec in setup.stage_specs(config):
        seconds = rates.stage + spec.length * step_seconds(size, spec.slots, rates)
        variables = float(spec.slots * size.variables)
        width = _DOUBLE if config.double_frames else _FLOAT
        records = variables * width * len(setup.frame_steps(config, spec))
        records += _DOUBLE * spec.samples * size.variables  # start.npz
        checkpoints = 1 + seconds // (60.0 * config.checkpoint_minutes)
        state = variables * (_CHECKPOINT + _PORTABLE)
        before = variables * _CHECKPOINT if checkpoints > 1 else 0.0
        costs.append(
            StageCost(
                spec.name,
                spec.length,
                seconds,
                written=records + checkpoints * state,
                kept=records + state + before,
            )
        )
    return costs


def point_cost(config: RunConfig, rates: Rates) -> StageCost:
    """What a whole run takes: the sum of its stages."""
    stages = stage_costs(config, rates)
    return StageCost(
        "run",
        sum(stage.length for stage in stages),
        sum(stage.seconds for stage in stages),
        sum(stage.written for stage in stages),
        sum(stage.kept for stage in stages),
    )
