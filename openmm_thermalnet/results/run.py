"""A run directory as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openmm_thermalnet.config import RunConfig, recorded_config
from openmm_thermalnet.errors import InputError, MissingFileError, check_integer
from openmm_thermalnet.files import RUN, RUN_FORMAT, TRAJECTORY, Closeable, check_stages
from openmm_thermalnet.results.stage import StageResult


class RunResult(Closeable):
    """What a run has written so far; nothing is changed.

    Parameters
    ----------
    directory : str or Path
        Of the run; it may still be going on.

    Attributes
    ----------
    directory : Path
        Of the run.
    description : dict
        The content of `run.json`: versions, configuration, dataset, network, stages.
    config : RunConfig
        Its parameters.
    network : dict
        Sizes, widths and energy of the network (`ThermalNet.info`).
    dataset_hash : str
        SHA-256 of the patterns.
    stages : tuple of StageResult
        Those that have frames, in order; the first is the quench.

    Raises
    ------
    InputError
        If the directory holds no run, the run has no frame, or a file is damaged.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.description = _read_description(self.directory)
        self.config: RunConfig = recorded_config(self.description["config"])
        self.network: dict[str, Any] = self.description["network"]
        self.dataset_hash: str = self.description["dataset"]["hash"]
        found = []
        for stage in self.description["stages"]:
            place = self.directory / stage["directory"]
            if (place / TRAJECTORY).exists():
                found.append(StageResult(place, stage, self.network, self.config.step_time))
        self.stages = tuple(stage for stage in found if len(stage.steps))
        if not self.stages or self.stages[0].waiting_time is not None:
            raise InputError(f"{self.directory} has no frame yet; run or resume it")

    @property
    def quench(self) -> StageResult:
        """The stage from the random start."""
        return self.stages[0]

    @property
    def waiting_times(self) -> tuple[int, ...]:
        """Waiting times whose follow stages have frames."""
        times = (stage.waiting_time for stage in self.stages)
        return tuple(time for time in times if time is not None)

    @property
    def complete(self) -> bool:
        """Whether all stages are there and complete."""
        stages = self.description["stages"]
        return len(self.stages) == len(stages) and all(stage.complete for stage in self.stages)

    def follow(self, waiting_time: int) -> StageResult:
        """The copies made at a waiting time.

        Raises
        ------
        InputError
            If there is no such stage, or it has no frame yet.
        """
        waiting_time = check_integer("waiting time", waiting_time)
        for stage in self.stages:
            if stage.waiting_time == waiting_time:
                return stage
        there = ", ".join(map(str, self.waiting_times)) or "none"
        raise InputError(f"waiting time {waiting_time!r} is not in {self.directory}; {there} is")

    def close(self) -> None:
        """Close the trajectories."""
        for stage in self.stages:
            stage.close()

    def __repr__(self) -> str:
        """Directory and stages in one line."""
        names = ", ".join(stage.name for stage in self.stages)
        return f"RunResult({self.directory}, stages=[{names}], complete={self.complete})"


def load(directory: str | Path) -> RunResult:
    """Read a run.

    Parameters
    ----------
    directory : str or Path
        Of a run, which may still be going on.

    Returns
    -------
    RunResult
        Configuration, tables, and frames that are read when they are asked for.

    Raises
    ------
    InputError
        If the directory holds no run, the run has no frame, or a file is damaged.
    """
    return RunResult(directory)


def _read_description(directory: Path) -> dict[str, Any]:
    path = directory / RUN
    if not path.is_file():
        if (directory / TRAJECTORY).exists():
            raise MissingFileError(f"{path} is missing; thermalnet resume restores it")
        raise MissingFileError(f"{directory} holds no run; name the directory of one")
    try:
        description: dict[str, Any] = json.loads(path.read_text())
        kind = description["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged; thermalnet resume restores it") from error
    if kind != RUN_FORMAT:
        raise InputError(f"{path} is {kind!r}; this package reads {RUN_FORMAT!r}")
    check_stages(description, path)
    missing = {"versions", "config", "dataset", "network", "stages"} - description.keys()
    if missing:
        raise InputError(f"{path} lacks {', '.join(sorted(missing))}; run it anew")
    return description
