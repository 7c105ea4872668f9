"""Dynamics of a feed-forward network's weights from one t0 (arXiv:2405.13098)."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis import (
    Correlation,
    Curve,
    compute_chi4,
    compute_displacements,
    compute_free_walk_time,
    compute_gaussian_overlap,
    compute_local_exponent,
    compute_log_displacements,
    compute_overlap_width,
    compute_power_law,
    compute_relaxation_times,
    compute_weight_overlap,
)
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.results import LayerFrames, StageResult
from openmm_thermalnet.schedules import logarithmic_steps

THRESHOLDS = {"tau_90": 0.9, "tau_e": math.exp(-1)}
WINDOW = (1.0, 1e3)  # of the power law, in t / tau_e

_HISTOGRAM_DECADES = 4  # frames: the last, and one for each decade before it
_HISTOGRAM_BINS = 72
_HISTOGRAM_REACH = (-7.0, 2.0)  # log10 of a displacement over the deviation of the weights


class WeightFrames:
    """All weights and biases of a stage at some of its frames, as the analysis reads them.

    Parameters
    ----------
    stage : StageResult
        Of a feed-forward network.
    frames : ndarray of int
        Which frames; ``x[0]`` is the first of these.

    Attributes
    ----------
    shape : tuple of int
        (frames, slots, weights).
    """

    def __init__(self, stage: StageResult, frames: NDArray[np.intp]) -> None:
        self._parts: list[LayerFrames] = []
        for field in stage.layout.fields:
            read = stage.weights if field.kind == "weight" else stage.biases
            self._parts.append(read(int(field.name[1:])).flat)
        self._frames = frames
        self.shape = (len(frames), len(stage.sample), stage.layout.particles)

    def __getitem__(self, index: int, /) -> NDArray[np.float64]:
        """One frame, (slots, weights)."""
        frame = int(self._frames[index])
        return np.concatenate([part[frame] for part in self._parts], axis=1, dtype=np.float64)


def frames_since(stage: StageResult, t0: int, per_decade: int) -> NDArray[np.intp]:
    """Frames of a stage at t0 and at logarithmic distances from it, as many as there are.

    A stage that was written on another schedule gives all its frames from t0 on.

    Parameters
    ----------
    stage : StageResult
        With frames.
    t0 : int
        Step of the stage.
    per_decade : int
        Of the schedule.

    Returns
    -------
    ndarray of int
        Indices of frames, the first one at t0; empty if there is no frame at t0.
    """
    if t0 not in stage.steps:
        return np.empty(0, dtype=np.intp)
    wanted = t0 + logarithmic_steps(stage.length - t0, per_decade)
    chosen = np.flatnonzero(np.isin(stage.steps, wanted))
    if len(chosen) < 0.9 * np.sum(wanted <= stage.steps[-1]):
        chosen = np.flatnonzero(stage.steps >= t0)
    return chosen


def summarise_weights(
    stage: StageResult,
    frames: NDArray[np.intp],
    divisor: float,
    temperature: float,
    learning_rate: float,
) -> dict[str, Any]:
    """Overlap, displacements and what follows from them, counted from the first of the frames.

    Parameters
    ----------
    stage : StageResult
        Of a feed-forward network.
    frames : ndarray of int
        Two frames or more; the first is t0.
    divisor : float
        a: a weight has moved if it moved by more than eps = (std of all weights) / a.
    temperature : float
        kT / P, the temperature of the noise.
    learning_rate : float
        eta.

    Returns
    -------
    dict
        As `docs/analysis.md` has it.

    Raises
    ------
    InputError
        If the weights are all zero at t0, or not finite.
    """
    x = WeightFrames(stage, frames)
    start = x[0]
    steps = stage.steps[frames] - stage.steps[frames[0]]
    width = compute_overlap_width(start, divisor)
    overlap = compute_weight_overlap(x, start, steps, stage.sample, width)
    moved = compute_displacements(x, start, steps, stage.sample, shared_start=False)
    runs = _independent(overlap)
    diffusion = temperature * learning_rate
    null = compute_gaussian_overlap(width, 2 * diffusion * steps[:, None]).mean(axis=1)
    gaussian = compute_gaussian_overlap(width.mean(), moved.msd.mean)
    summary: dict[str, Any] = {
        "steps": steps,
        "divisor": divisor,
        "width": width,
        "overlap": {**_curve(overlap), "per_run": runs.T},
        "free_walk": null,
        "gaussian": gaussian,
        "msd": _curve(moved.msd),
        "free_walk_msd": 2 * diffusion * steps,
        "alpha_2": _curve(moved.alpha_2),
        "chi4": _chi4(overlap),
        "log_displacements": _histograms(stage, x, start, steps),
    }
    for name, threshold in THRESHOLDS.items():
        times = compute_relaxation_times(steps, runs, threshold=threshold)
        summary[name] = {
            "tau": times.tau,
            "log_error": times.log_error,
            "lower_bound": times.is_lower_bound,
            "per_run": times.per_sample,
            "free_walk": float(
                np.mean(compute_free_walk_time(width, diffusion, threshold=threshold))
            ),
        }
    summary["power_law"] = _power_laws(steps, runs, null, summary["tau_e"]["tau"])
    summary["local_exponents"] = {
        "overlap": vars(compute_local_exponent(steps, runs)),
        "free_walk": vars(compute_local_exponent(steps, null[:, None])),
        "msd": vars(compute_local_exponent(steps, moved.msd.per_sample)),
    }
    return summary


def _independent(overlap: Correlation) -> NDArray[np.float64]:
    """Overlap (T, runs) of the independent runs: the samples, or the replicas of a single one."""
    return overlap.per_slot if overlap.samples.size == 1 else overlap.per_sample


def _chi4(overlap: Correlation) -> dict[str, Any]:
    """chi_4 over the replicas of each sample, or over samples where they have no replicas."""
    over = "replicas"
    if overlap.samples.size == overlap.slots.size:
        over = "samples"
        overlap = replace(
            overlap, slots=np.zeros_like(overlap.slots), samples=np.zeros(1, dtype=np.int64)
        )
    return {**_curve(compute_chi4(overlap)), "over": over}


def _histograms(
    stage: StageResult, x: WeightFrames, start: NDArray[np.float64], steps: NDArray[np.int64]
) -> dict[str, Any]:
    """Densities of log10 |dw| at the last frame and at the ends of a few decades before it."""
    wanted = steps[-1] / 10.0 ** np.arange(_HISTOGRAM_DECADES)
    chosen = sorted({int(np.argmin(np.abs(steps - step))) for step in wanted if step >= 1})
    scale = round(math.log10(float(start.std())))
    limits = (_HISTOGRAM_REACH[0] + scale, _HISTOGRAM_REACH[1] + scale)
    found = compute_log_displacements(
        x, start, steps, stage.sample, chosen, bins=_HISTOGRAM_BINS, limits=limits
    )
    return {"steps": steps[chosen], "edges": found.edges, **_curve(found.density, "density")}


def _power_laws(
    steps: NDArray[np.int64],
    runs: NDArray[np.float64],
    null: NDArray[np.float64],
    tau: float | None,
) -> dict[str, Any] | None:
    """Exponents of the overlap and of its null on the same times, None without enough of them."""
    if tau is None:
        return None
    try:
        fits = {
            name: asdict(compute_power_law(steps / tau, curves, WINDOW))
            for name, curves in (("overlap", runs), ("free_walk", null[:, None]))
        }
    except InputError:  # too few frames beyond tau
        return None
    return fits


def _curve(curve: Curve, name: str = "mean") -> dict[str, Any]:
    return {name: curve.mean, "error": curve.error}
