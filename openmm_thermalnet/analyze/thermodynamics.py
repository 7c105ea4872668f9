"""Energies, temperatures and accuracies of a stage against time, and their late averages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis import compute_late_average
from openmm_thermalnet.results import StageResult

ACCURACIES = ("test_sign", "test_tanh", "train_sign", "train_tanh")

_LATE_FRACTION = 0.5  # of the steps of a stage: what comes after is late


def summarise_thermodynamics(stage: StageResult) -> dict[str, Any]:
    """Means over samples with standard errors; replicas are averaged within their sample.

    Parameters
    ----------
    stage : StageResult
        With or without rows yet.

    Returns
    -------
    dict
        As `docs/analysis.md` has it.
    """
    table = stage.thermo
    steps = table["step"][:, 0]
    times = table["time"][:, 0]
    summary: dict[str, Any] = {"steps": steps, "time": times}
    names = ("energy", "energy_ratio", "temperature", *ACCURACIES)
    for name in names:
        summary[name] = _curve(table[name], stage, keep_samples=True)
    layers = [_curve(table[f"e_{layer}"], stage) for layer in range(1, stage.depth + 1)]
    summary["layer_energy"] = {key: [layer[key] for layer in layers] for key in ("mean", "error")}
    summary["late"] = _late_averages(table, steps, stage, names) if len(steps) else None
    return summary


def summarise_training(stage: StageResult) -> dict[str, Any]:
    """Loss, accuracy and all else that the table of a feed-forward network has, against time.

    Parameters
    ----------
    stage : StageResult
        With or without rows yet.

    Returns
    -------
    dict
        As `docs/analysis.md` has it.
    """
    table = stage.thermo
    steps = table["step"][:, 0]
    names = [name for name in table.dtype.names or () if name not in ("step", "time", "replica")]
    return {
        "steps": steps,
        "time": table["time"][:, 0],
        **{name: _curve(table[name], stage, keep_samples=True) for name in names},
        "late": _late_averages(table, steps, stage, names) if len(steps) else None,
    }


def _curve(
    values: NDArray[np.float64], stage: StageResult, keep_samples: bool = False
) -> dict[str, NDArray[np.float64]]:
    """Mean and standard error over samples of values (reports, slots)."""
    per_sample = values.reshape(len(values), stage.samples, stage.replicas).mean(axis=2)
    error = per_sample.std(axis=1, ddof=1) / np.sqrt(stage.samples)
    curve = {"mean": per_sample.mean(axis=1), "error": error}
    return {**curve, "per_sample": per_sample.T} if keep_samples else curve


def _late_averages(
    table: NDArray[Any], steps: NDArray[np.int64], stage: StageResult, names: Sequence[str]
) -> dict[str, Any]:
    """E*, A* and the like: averages over the second half of the steps at hand."""
    start = int(np.ceil(_LATE_FRACTION * int(steps[-1])))
    late: dict[str, Any] = {"start": start}
    for name in names:
        values = table[name]
        if not np.isfinite(values[steps >= start]).all():
            late[name] = None
            continue
        average = compute_late_average(steps, values, stage.sample, start=start)
        late[name] = {
            "mean": average.mean,
            "error": average.error,
            "per_sample": average.per_sample,
        }
    return late
