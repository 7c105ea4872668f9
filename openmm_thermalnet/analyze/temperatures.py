"""Runs of a feed-forward network at several temperatures, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis import compute_collapse
from openmm_thermalnet.analyze.glass import WINDOW
from openmm_thermalnet.errors import InputError


def compare_temperatures(analyses: Sequence[Mapping[str, Any]], t0: int | str) -> dict[str, Any]:
    """Time-temperature superposition of the overlaps of several runs.

    The overlaps C(t, t0) above kT = 0 are compared against t / tau_e, where tau_e was reached, and
    against t itself; see `analysis.compute_collapse`.

    Parameters
    ----------
    analyses : sequence of mapping
        Of runs of one network, as `analyze_run` returns them.
    t0 : int or str
        From which time.

    Returns
    -------
    dict
        "runs", for every run by ascending temperature, "kT", "temperature" (kT/P), "tau_e" and
        "tau_90" (each with "tau", "log_error" and "free_walk") and "power_law"; "collapse", the
        quality on t / tau_e in [1, 1000], and "collapse_all", on all t / tau_e; "unscaled", the
        same on t. They are None with fewer than two curves.

    Raises
    ------
    InputError
        If a run is of another model or has no such t0.
    """
    runs = sorted(analyses, key=lambda analysis: _of(analysis)["temperature"])
    found = [_at(analysis, t0) for analysis in runs]
    warm = [
        values
        for analysis, values in zip(runs, found, strict=True)
        if analysis["temperature"] > 0 and values["tau_e"]["tau"] is not None
    ]
    plain = [(numbers(values["steps"]), *_overlap(values)) for values in warm]
    scaled = [
        (steps / values["tau_e"]["tau"], *curve)
        for values, (steps, *curve) in zip(warm, plain, strict=True)
    ]
    return {
        "t0": int(t0),
        "runs": [
            {
                "kT": analysis["config"]["kT"],
                "temperature": analysis["temperature"],
                **{name: values[name] for name in ("tau_90", "tau_e", "power_law")},
            }
            for analysis, values in zip(runs, found, strict=True)
        ],
        "collapse": _collapse(scaled, WINDOW),
        "collapse_all": _collapse(scaled, (0.0, np.inf)),
        "unscaled": _collapse(plain, (0.0, np.inf)),
    }


def numbers(values: Any) -> NDArray[np.float64]:
    """Array of what `analysis.json` holds; null becomes nan."""
    return np.asarray(values, dtype=np.float64)


def _of(analysis: Mapping[str, Any]) -> Mapping[str, Any]:
    """The analysis, if it is of a feed-forward network."""
    if analysis["network"].get("model") != "feedforward":
        raise InputError("a run is no feed-forward network; compare runs made with that model")
    return analysis


def _at(analysis: Mapping[str, Any], t0: int | str) -> Mapping[str, Any]:
    """What was observed from t0."""
    there = analysis["waiting_times"]
    if str(t0) not in there:
        raise InputError(
            f"t0 = {t0} is not in the run at kT = {analysis['config']['kT']}; it has "
            f"{', '.join(there) or 'none'}"
        )
    values: Mapping[str, Any] = there[str(t0)]
    return values


def _overlap(values: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return numbers(values["overlap"]["mean"]), numbers(values["overlap"]["error"])


def _collapse(
    curves: Sequence[tuple[NDArray[np.float64], ...]], window: tuple[float, float]
) -> dict[str, Any] | None:
    """Quality of a collapse, None if there is nothing to compare."""
    if len(curves) < 2:
        return None
    try:
        return asdict(compute_collapse(*zip(*curves, strict=True), window=window))
    except InputError:  # no overlap in the window
        return None
