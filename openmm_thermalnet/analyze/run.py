"""Analyse a run and keep the result beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from openmm_thermalnet.analysis import compute_ageing
from openmm_thermalnet.analyze.dynamics import summarise_dynamics
from openmm_thermalnet.analyze.feedforward import summarise_feedforward
from openmm_thermalnet.analyze.machines import summarise_machines
from openmm_thermalnet.analyze.plain import as_text, plain
from openmm_thermalnet.analyze.thermodynamics import summarise_thermodynamics
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.files import RUN, THERMO, TRAJECTORY, write_atomically
from openmm_thermalnet.results import RunResult, StageResult
from openmm_thermalnet.version import __version__

FORMAT = "openmm_thermalnet analysis 2"
ANALYSIS = "analysis.json"

Say = Callable[[str], None]


def analyze_run(
    directory: str | Path, say: Say = print, overlap_divisor: float = 500.0
) -> dict[str, Any]:
    """Compute every observable of a run and write them as `analysis.json` in its directory.

    The keys of the result: "format", "config", "versions" (of the run), "analysis_versions",
    "dataset", "network", "complete", "notes"; "quench", the thermodynamics of the samples from
    the start; "waiting_times", which has for every waiting time (a string) the steps, the
    correlations c, C, q, Q with errors and raw twins, relaxation times, phases, heterogeneity,
    design space and thermodynamics; "ageing". A list over layers begins with l = 1. None is what
    could not be computed, or a relaxation time that was not reached. `docs/analysis.md` names
    everything, also what a run of a feed-forward network has instead.

    Parameters
    ----------
    directory : str or Path
        Of a run, which may still be going on.
    say : callable
        Gets one line for everything that could not be computed.
    overlap_divisor : float, default 500
        For feed-forward networks: a weight has moved if it moved by more than the deviation of all
        weights over so much.

    Returns
    -------
    dict
        The content of the file.

    Raises
    ------
    InputError
        If the directory holds no run, the run has no frame, or a file is damaged; if the divisor
        is not above 0.
    """
    notes: list[str] = []

    def note(line: str) -> None:
        notes.append(line)
        say(line)

    with RunResult(directory) as run:
        _note_progress(run, note)
        if run.config.model == "feedforward":
            content = summarise_feedforward(run, overlap_divisor, note)
        else:
            content = _summarise_thermal(run, note)
        result = plain(
            {
                "format": FORMAT,
                "config": run.description["config"],
                "versions": run.description["versions"],
                "analysis_versions": {
                    "openmm_thermalnet": __version__,
                    **{name: version(name) for name in ("numpy", "scipy")},
                },
                "dataset": run.description["dataset"],
                "network": run.network,
                "complete": run.complete,
                "notes": notes,
                **content,
            }
        )
    write_atomically(Path(directory) / ANALYSIS, as_text(result).encode() + b"\n")
    return dict(result)


def current_analysis(directory: str | Path) -> dict[str, Any] | None:
    """The content of `analysis.json`, or None if it has to be made anew.

    That is so if it is missing, damaged, of another version, older than the run, or was made of a
    run in progress.
    """
    path = Path(directory) / ANALYSIS
    try:
        made = path.stat().st_mtime_ns
        sources = [
            source.stat().st_mtime_ns
            for pattern in (RUN, f"**/{THERMO}", f"**/{TRAJECTORY}")
            for source in path.parent.glob(pattern)
        ]
        analysis: dict[str, Any] = json.loads(path.read_text())
        fits = analysis["format"] == FORMAT and analysis["complete"]
        fits = fits and analysis["analysis_versions"]["openmm_thermalnet"] == __version__
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return analysis if fits and made >= max(sources, default=made + 1) else None


def _summarise_thermal(run: RunResult, note: Say) -> dict[str, Any]:
    """What a run of the thermal machine has."""
    follows = [
        stage for stage in run.stages if stage.waiting_time is not None and len(stage.steps) > 1
    ]
    dataset = _dataset(run, note) if follows else None
    waiting_times = {}
    for stage in follows:
        try:
            waiting_times[str(stage.waiting_time)] = _summarise_follow(run, stage, dataset)
        except InputError as error:
            note(f"t_w = {stage.waiting_time} is left out: {error}")
    return {
        "quench": _summarise_quench(run.quench),
        "waiting_times": waiting_times,
        "ageing": _ageing(waiting_times),
    }


def _note_progress(run: RunResult, note: Say) -> None:
    """Say which stages are not whole."""
    found = {stage.name: stage for stage in run.stages}
    for described in run.description["stages"]:
        stage = found.get(described["name"])
        if stage is None:
            note(f"{described['name']} has not begun; it is left out")
        elif not stage.complete:
            at = int(stage.steps[-1])
            left_out = stage.waiting_time is not None and len(stage.steps) < 2
            note(
                f"{stage.name} is in progress, at step {at} of {stage.length}"
                + ("; it is left out" if left_out else "; these are its frames so far")
            )
        if stage is not None:
            _note_not_numbers(stage, run.network["test_patterns"], note)


def _note_not_numbers(stage: StageResult, test_patterns: int, note: Say) -> None:
    """Name the replicas, and the columns of their table, that hold nan."""
    spoiled: dict[tuple[int, ...], list[str]] = {}
    for name in stage.thermo.dtype.names or ():
        broken = np.flatnonzero(np.isnan(stage.thermo[name]).any(axis=0))
        if broken.size and (test_patterns or not name.startswith("test_")):
            spoiled.setdefault(tuple(broken.tolist()), []).append(name)
    for replicas, names in spoiled.items():
        note(
            f"{', '.join(names)} of replicas {list(replicas)} of {stage.name} are not numbers; "
            "averages over them are left out"
        )


def _dataset(run: RunResult, note: Say) -> Dataset | None:
    """The run's dataset, made anew from its configuration."""
    from openmm_thermalnet.protocols.setup import build_dataset

    try:
        dataset = build_dataset(run.config)
    except (InputError, OSError) as error:
        note(f"no internal representations, since the dataset cannot be made: {error}")
        return None
    if dataset.content_hash != run.dataset_hash:
        note("no internal representations, since the dataset is no longer what the run had")
        return None
    return dataset


def _summarise_quench(stage: StageResult) -> dict[str, Any]:
    return {
        "complete": stage.complete,
        "length": stage.length,
        "samples": stage.samples,
        "thermodynamics": summarise_thermodynamics(stage),
    }


def _summarise_follow(
    run: RunResult, stage: StageResult, dataset: Dataset | None
) -> dict[str, Any]:
    return {
        "complete": stage.complete,
        "length": stage.length,
        "samples": stage.samples,
        "replicas": stage.replicas,
        **summarise_dynamics(stage),
        "design_space": summarise_machines(stage, run.config.gain, dataset),
        "thermodynamics": summarise_thermodynamics(stage),
    }


def _ageing(waiting_times: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Relaxation times of the global correlations against the waiting time.

    The power law goes through those that every sample reached, where there are at least three; the
    others are lower bounds.
    """
    times = [int(time) for time in waiting_times]
    fits: dict[str, Any] = {"waiting_times": times}
    for name in "cC":
        tau, log_error, bound = (
            [values[f"tau_{name}_global{suffix}"] for values in waiting_times.values()]
            for suffix in ("", "_log_error", "_lower_bound")
        )
        usable = [
            (time, value)
            for time, value, lower in zip(times, tau, bound, strict=True)
            if time > 0 and value is not None and math.isfinite(value) and not lower
        ]
        fit = None
        if len(usable) > 2:  # a line through two points says nothing about a power law
            fit = vars(compute_ageing(*map(list, zip(*usable, strict=True))))
        fits[name] = {"tau": tau, "log_error": log_error, "fit": fit}
    return fits
