"""A run of a feed-forward network: training, dynamics from every t0, ageing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from openmm_thermalnet.analysis import compute_ageing
from openmm_thermalnet.analyze.glass import THRESHOLDS, frames_since, summarise_weights
from openmm_thermalnet.analyze.thermodynamics import summarise_training
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.results import RunResult, StageResult

_LEAST_FRAMES = 3


def summarise_feedforward(
    run: RunResult, divisor: float, note: Callable[[str], None]
) -> dict[str, Any]:
    """What `analysis.json` has of a run of a feed-forward network.

    Parameters
    ----------
    run : RunResult
        Of the model "feedforward".
    divisor : float
        a of the overlap, eps = (std of all weights) / a.
    note : callable
        Gets one line for everything that could not be computed.

    Returns
    -------
    dict
        "overlap_divisor", "temperature" (kT/P), "quench", "waiting_times" and "ageing", as
        `docs/analysis.md` has it.

    Raises
    ------
    InputError
        If the divisor is not above 0.
    """
    if not 0 < divisor < float("inf"):
        raise InputError(f"overlap-divisor is {divisor}; give a number above 0, such as 500")
    if run.config.anneal != "constant" or run.config.anneal_table is not None:
        note(f"kT changes during the run; the free walk is that of the last one, {run.config.kT}")
    temperature = run.config.kT / run.network["patterns"]
    waiting_times = {}
    for t0, stage, begin in _clocks(run):
        frames = frames_since(stage, begin, run.config.per_decade)
        if len(frames) < _LEAST_FRAMES:
            note(f"t0 = {t0} has {len(frames)} frames; it is left out")
            continue
        try:
            waiting_times[str(t0)] = {
                "complete": stage.complete,
                "length": stage.length - begin,
                "samples": stage.samples,
                "replicas": stage.replicas,
                **summarise_weights(stage, frames, divisor, temperature, run.config.learning_rate),
            }
        except InputError as error:
            note(f"t0 = {t0} is left out: {error}")
    return {
        "overlap_divisor": divisor,
        "temperature": temperature,
        "quench": {
            "complete": run.quench.complete,
            "length": run.quench.length,
            "samples": run.quench.samples,
            "thermodynamics": summarise_training(run.quench),
        },
        "waiting_times": waiting_times,
        "ageing": _ageing(waiting_times),
    }


def _clocks(run: RunResult) -> list[tuple[int, StageResult, int]]:
    """Every t0, the stage it is observed in, and the step of that stage at which it begins."""
    if run.config.follow:
        follows = [stage for stage in run.stages if stage.waiting_time is not None]
        return [(stage.waiting_time or 0, stage, 0) for stage in follows]
    return [(t0, run.quench, t0) for t0 in sorted({0, *run.config.waiting_times})]


def _ageing(waiting_times: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Relaxation times against t0, with a power law where there are three above t0 = 0."""
    times = [int(time) for time in waiting_times]
    found: dict[str, Any] = {"waiting_times": times}
    for name in THRESHOLDS:
        tau = [values[name]["tau"] for values in waiting_times.values()]
        usable = [
            (time, value)
            for time, value, values in zip(times, tau, waiting_times.values(), strict=True)
            if time > 0
            and value is not None
            and math.isfinite(value)
            and not values[name]["lower_bound"]
        ]
        fit = None
        if len(usable) > 2:  # a line through two points says nothing about a power law
            fit = vars(compute_ageing(*map(list, zip(*usable, strict=True))))
        found[name] = {
            "tau": tau,
            "log_error": np.array([v[name]["log_error"] for v in waiting_times.values()]),
            "fit": fit,
        }
    return found
