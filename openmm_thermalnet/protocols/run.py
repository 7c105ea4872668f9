"""A run: a directory with a quench and, from each waiting time, copies that are followed.

Samples fill the slots of the quench; at each waiting time t_w their state is kept, and a follow
stage starts with every sample copied N_r times: same positions, fresh Maxwell-Boltzmann
velocities, each copy on its own (arXiv:2506.06789).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmm_thermalnet import native
from openmm_thermalnet.config import RunConfig, recorded_config, refuse_former
from openmm_thermalnet.errors import InputError, MissingFileError
from openmm_thermalnet.feedforward_network import FeedForwardNet
from openmm_thermalnet.files import (
    RUN,
    RUN_FORMAT,
    TRAJECTORY,
    check_stages,
    locked,
    remove_unfinished,
    unfinished,
    write_json,
)
from openmm_thermalnet.integrators import find_platform
from openmm_thermalnet.particles import ParticleNetwork
from openmm_thermalnet.protocols import setup, sgd
from openmm_thermalnet.protocols.records import Plan
from openmm_thermalnet.protocols.setup import StageSpec
from openmm_thermalnet.protocols.stage import Stage
from openmm_thermalnet.protocols.start import Start
from openmm_thermalnet.trajectory import Trajectory
from openmm_thermalnet.version import __version__

START = "start.npz"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Run:
    """A run that is set up: everything is checked, and its directory describes it.

    Attributes
    ----------
    directory : Path
        Of the run.
    config : RunConfig
        Its parameters.
    net : ParticleNetwork
        The network, with one replica for every sample.
    specs : list of StageSpec
        Its stages.
    description : dict
        The content of `run.json`.
    """

    directory: Path
    config: RunConfig
    net: ParticleNetwork
    specs: list[StageSpec]
    description: dict[str, Any]

    def execute(
        self,
        progress: Progress | None = None,
        stop: Callable[[], bool] = lambda: False,
        say: Callable[[str], None] = print,
    ) -> None:
        """Run what is not there yet; call again after an interruption.

        Parameters
        ----------
        progress : callable, optional
            Called with a stage's name, its step and its length about twice a second.
        stop : callable
            Asked as often; True ends the run with a checkpoint.
        say : callable
            Gets one line for everything a user should know of a restart.

        Raises
        ------
        Interrupted
            If `stop` said so.
        SimulationError
            If the energy is no longer finite.
        """
        with locked(self.directory):
            for spec in self.specs:
                remove_unfinished(self.directory / spec.directory)
                self._run_stage(spec, self._start(spec, progress, stop), progress, stop, say)

    def _run_stage(
        self,
        spec: StageSpec,
        start: Start | None,
        progress: Progress | None,
        stop: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        if start is None:  # the quench goes back for a start that is lost before this
            raise InputError(f"{spec.name} of {self.directory} has no start; run it anew")
        stage = self.stage(spec, start, say)
        if stage.finished:
            return
        stage.run(
            None if progress is None else lambda step, length: progress(spec.name, step, length),
            stop,
        )

    def _start(
        self, spec: StageSpec, progress: Progress | None, stop: Callable[[], bool]
    ) -> Start | None:
        """Start of a stage in samples: made for the quench, kept by it for the others."""
        path = self.directory / spec.directory / START
        start = Start.load(path)
        if start is None and spec.waiting_time is None:
            start = setup.first_start(self.config, self.net)
            if isinstance(self.net, FeedForwardNet) and self.config.sgd_steps:
                start = sgd.descend(self.config, self.net, start, self.directory, progress, stop)
            start.save(path)
            (self.directory / sgd.STATE).unlink(missing_ok=True)
        return start

    def stage(self, spec: StageSpec, start: Start, say: Callable[[str], None] = print) -> Stage:
        """A stage, ready to run.

        Parameters
        ----------
        spec : StageSpec
            Of this run.
        start : Start
            Of its samples.
        say : callable
            Gets one line for everything a user should know of a restart.
        """
        config = self.config
        net, start = start.replicate(self.net, spec.replicas)
        later = self.specs[1:] if spec.waiting_time is None else []
        plan = Plan(
            length=spec.length,
            report_steps=setup.report_steps(config, spec),
            frame_steps=setup.frame_steps(config, spec),
            kT=setup.build_annealing(config, spec),
            keep={
                int(other.waiting_time or 0): self.directory / other.directory / START
                for other in later
            },
            double_frames=config.double_frames,
            checkpoint_seconds=60.0 * config.checkpoint_minutes,
            metadata={**self.description, "stage": {**vars(spec), "slots": spec.slots}},
        )
        platform, properties = find_platform(config.platform, config.threads)
        return Stage(
            net,
            self.directory / spec.directory,
            plan,
            start,
            setup.build_thermostat(config, spec),
            platform,
            properties,
            spec.velocity_seed,
            config.force,
            config.threads,
            say,
        )


def create_run(config: RunConfig, directory: Path, overwrite: bool = False) -> Run:
    """Check everything, then make the directory of a new run.

    Parameters
    ----------
    config : RunConfig
        Its parameters.
    directory : Path
        Where it goes.
    overwrite : bool
        Delete a run that is already there.

    Returns
    -------
    Run
        Ready for `Run.execute`.

    Raises
    ------
    InputError
        If a parameter cannot be used, or the directory holds something already; nothing is
        written then.
    """
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file; name a directory")
    occupied = directory.is_dir() and bool({*directory.iterdir()} - {unfinished(directory / RUN)})
    if occupied and not (overwrite and (directory / RUN).exists()):
        kind = "a run" if (directory / RUN).exists() else "other files"
        remedy = "; resume it, or give --overwrite" if kind == "a run" else "; name another"
        raise InputError(f"{directory} holds {kind} already{remedy}")
    run = _assemble(setup.with_absolute_paths(config), directory)
    setup.first_start(run.config, run.net)  # refuses a bad start before anything is deleted
    if occupied:
        with locked(directory):
            shutil.rmtree(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{directory} cannot be made ({error.strerror}); name another directory"
        ) from error
    write_json(directory / RUN, run.description)
    return run


def open_run(directory: Path, say: Callable[[str], None] = print) -> Run:
    """A run that was made before, to be resumed.

    Parameters
    ----------
    directory : Path
        Of the run.
    say : callable
        Gets one line if `run.json` is damaged and its copy in the trajectory is used.

    Returns
    -------
    Run
        Ready for `Run.execute`.

    Raises
    ------
    InputError
        If there is no run, it was made by another version of this package, or its dataset is not
        what it was.
    """
    description = read_description(directory, say)
    theirs = description["versions"]["openmm_thermalnet"]
    if theirs != __version__:
        raise InputError(
            f"{directory} was made by openmm_thermalnet {theirs}, this is {__version__}; "
            "resume it with that version"
        )
    theirs, ours = description["network"].get("instruction_set"), native.instruction_set()
    if theirs not in (None, ours):
        say(f"{directory} was begun with {theirs}, this is {ours}: the last bits may differ")
    # The binding that was found then, not what "auto" would find now.
    config = {**description["config"], "force": description["network"]["force"]}
    refuse_former(directory, config)
    run = _assemble(recorded_config(config), directory)
    expected, found = description["dataset"]["hash"], run.net.dataset.content_hash
    if expected != found:
        raise InputError(
            f"the dataset of {directory} has hash {expected[:12]}, what is there now {found[:12]}; "
            "bring the data back that it was made with"
        )
    return Run(directory, run.config, run.net, run.specs, description)


def read_description(directory: Path, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Content of `run.json`, or its copy in the trajectory if the file is damaged.

    Raises
    ------
    InputError
        If neither can be read.
    """
    path = directory / RUN
    if not directory.is_dir() or not (path.exists() or (directory / TRAJECTORY).exists()):
        raise MissingFileError(f"{directory} holds no run; name the directory of one")
    try:
        description: Any = json.loads(path.read_text())
    except (OSError, ValueError):
        description = None
    if isinstance(description, dict) and description.get("format") == RUN_FORMAT:
        check_stages(description, path)
        return description
    source, copied = _copied_description(directory)
    write_json(path, copied)
    say(f"{path} was damaged; it is restored from {source}")
    return copied


def _copied_description(directory: Path) -> tuple[Path, dict[str, Any]]:
    """The copy of `run.json` in the first trajectory that can be read, and its path."""
    for path in (directory / TRAJECTORY, *sorted(directory.glob(f"*/{TRAJECTORY}"))):
        try:
            with Trajectory(path) as trajectory:
                description = trajectory.metadata
        except InputError:
            continue
        if description.pop("stage", None) and description.get("format") == RUN_FORMAT:
            check_stages(description, path)
            return path, description
    raise InputError(f"{directory / RUN} is damaged and no {TRAJECTORY} has a copy; run it anew")


def _assemble(config: RunConfig, directory: Path) -> Run:
    """Everything of a run that can fail, made before anything is written."""
    net, specs = setup.assemble(config, setup.build_dataset(config))
    find_platform(config.platform, config.threads)
    return Run(directory, config, net, specs, setup.describe(config, net, specs))
