"""Correlations, relaxation times, phases and heterogeneity of the copies of one waiting time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis import (
    Curve,
    LayerCorrelations,
    TwoTimeCorrelations,
    compute_chi4,
    compute_correlations,
    compute_displacements,
    compute_phases,
    compute_relaxation_times,
    compute_van_hove,
)
from openmm_thermalnet.results import LayerFrames, StageResult

_VAN_HOVE_FRAMES = 4


def summarise_dynamics(stage: StageResult) -> dict[str, Any]:
    """Two-time correlations of all layers and what follows from them.

    Parameters
    ----------
    stage : StageResult
        With at least one frame after its first, which is the waiting time itself.

    Returns
    -------
    dict
        As `docs/analysis.md` has it.
    """
    spins = [stage.spins(layer).flat for layer in range(1, stage.depth)]
    weights = [stage.weights(layer).flat for layer in range(1, stage.depth + 1)]
    summary: dict[str, Any] = {"steps": stage.steps}
    heterogeneity: dict[str, Any] = {}
    for kind, letters, layers in (("spins", "cq", spins), ("weights", "CQ", weights)):
        references = [layer[0] for layer in layers]
        found = compute_correlations(
            layers, references, stage.steps, stage.sample, pairs=stage.replicas > 1
        )
        summary.update(_correlations(found, *letters))
        heterogeneity[kind] = _heterogeneity(stage, layers, references, found.auto)
    summary.update(_phases(summary, stage.depth))
    summary["heterogeneity"] = heterogeneity
    return summary


def _correlations(found: TwoTimeCorrelations, auto: str, replica: str) -> dict[str, Any]:
    """Curves under the letters of the paper, and the relaxation times of the first."""
    summary: dict[str, Any] = {}
    for name, curves in (
        (auto, found.auto),
        (f"{auto}_raw", found.auto_raw),
        (replica, found.replica),
        (f"{replica}_raw", found.replica_raw),
    ):
        if curves is None:
            keys = (name, f"{name}_error", f"{name}_global", f"{name}_global_error")
            summary.update(dict.fromkeys(keys))
            continue
        summary[name] = [curve.mean for curve in curves.layers]
        summary[f"{name}_error"] = [curve.error for curve in curves.layers]
        summary[f"{name}_global"] = curves.overall.mean
        summary[f"{name}_global_error"] = curves.overall.error
    times = [_relaxation(curve) for curve in found.auto.layers]
    overall = _relaxation(found.auto.overall)
    for key in ("tau", "log_error", "lower_bound"):
        name = f"tau_{auto}" if key == "tau" else f"tau_{auto}_{key}"
        summary[name] = [time[key] for time in times]
        summary[name.replace(f"tau_{auto}", f"tau_{auto}_global")] = overall[key]
    return summary


def _relaxation(curve: Curve) -> dict[str, Any]:
    times = compute_relaxation_times(curve.steps, curve.per_sample)
    return {"tau": times.tau, "log_error": times.log_error, "lower_bound": times.is_lower_bound}


def _phases(summary: dict[str, Any], depth: int) -> dict[str, Any]:
    """Phases of the hidden layers at the last step."""
    keys = ("q_star", "q_star_error", "phase", "undecided", "liquid_depth", "solid_depth")
    if summary["q"] is None:
        return dict.fromkeys((*keys, "Q_star", "Q_star_error"))
    last = {f"{name}_star": [curve[-1] for curve in summary[name]] for name in "qQ"}
    error = {
        f"{name}_star_error": [curve[-1] for curve in summary[f"{name}_error"]] for name in "qQ"
    }
    phases = compute_phases(last["q_star"], error["q_star_error"], depth=depth)
    return {
        **last,
        **error,
        "phase": phases.phase,
        "undecided": phases.undecided,
        "liquid_depth": phases.liquid_depth,
        "solid_depth": phases.solid_depth,
    }


def _heterogeneity(
    stage: StageResult,
    layers: Sequence[LayerFrames],
    references: Sequence[NDArray[Any]],
    auto: LayerCorrelations,
) -> dict[str, Any]:
    """MSD, alpha_2, chi_4 and van Hove function of every layer of one kind."""
    steps, sample = stage.steps, stage.sample
    moved = [
        compute_displacements(layer, reference, steps, sample)
        for layer, reference in zip(layers, references, strict=True)
    ]
    last = len(steps) - 1
    chosen = np.unique(np.linspace(min(1, last), last, _VAN_HOVE_FRAMES).round().astype(np.int64))
    jumps = [
        compute_van_hove(layer, reference, steps, sample, chosen.tolist())
        for layer, reference in zip(layers, references, strict=True)
    ]
    chi4 = [compute_chi4(curve) for curve in auto.layers] if stage.replicas > 1 else None
    return {
        "msd": _curves([displacement.msd for displacement in moved]),
        "alpha_2": _curves([displacement.alpha_2 for displacement in moved]),
        "chi4": None if chi4 is None else _curves(chi4),
        "van_hove": {
            "edges": jumps[0].edges,
            "steps": jumps[0].density.steps,
            "density": [jump.density.mean for jump in jumps],
            "error": [jump.density.error for jump in jumps],
        },
    }


def _curves(curves: Sequence[Curve]) -> dict[str, Any]:
    return {"mean": [curve.mean for curve in curves], "error": [curve.error for curve in curves]}
