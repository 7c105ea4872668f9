"""Correlations, relaxation times, phases and heterogeneity of the copies of one waiting time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis import (
    Curve,
    Displacements,
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

_VAN_HOVE_DECADES = 4  # frames: the last, and one for each decade before it
_VAN_HOVE_BINS = 81
_VAN_HOVE_REACH = 8.0  # root mean square displacements on either side


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
    summary[f"{replica}_star_per_sample"] = (
        None if found.replica is None else [curve.per_sample[-1] for curve in found.replica.layers]
    )
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
    chi4 = [compute_chi4(curve) for curve in auto.layers] if stage.replicas > 1 else None
    return {
        "msd": _curves([displacement.msd for displacement in moved]),
        "alpha_2": _curves([displacement.alpha_2 for displacement in moved]),
        "chi4": None if chi4 is None else _curves(chi4),
        "van_hove": _van_hove(stage, layers, references, moved),
    }


def _van_hove(
    stage: StageResult,
    layers: Sequence[LayerFrames],
    references: Sequence[NDArray[Any]],
    moved: Sequence[Displacements],
) -> dict[str, Any]:
    """Densities of displacements at a few frames, binned in units of their width."""
    steps = stage.steps
    wanted = steps[-1] / 10.0 ** np.arange(_VAN_HOVE_DECADES)
    frames = np.unique([int(np.argmin(np.abs(steps[1:] - step))) + 1 for step in wanted])
    summary: dict[str, Any] = {"steps": steps[frames]}
    for name in ("sigma", "edges", "density", "error"):
        summary[name] = [[] for _ in layers]
    for k, (layer, reference) in enumerate(zip(layers, references, strict=True)):
        for frame in frames:
            sigma = math.sqrt(moved[k].msd.mean[frame])
            reach = _VAN_HOVE_REACH * sigma or 1.0
            jumps = compute_van_hove(
                layer,
                reference,
                steps,
                stage.sample,
                [int(frame)],
                bins=_VAN_HOVE_BINS,
                limits=(-reach, reach),
            )
            summary["sigma"][k].append(sigma)
            summary["edges"][k].append(jumps.edges)
            summary["density"][k].append(jumps.density.mean[0])
            summary["error"][k].append(jumps.density.error[0])
    return summary


def _curves(curves: Sequence[Curve]) -> dict[str, Any]:
    return {"mean": [curve.mean for curve in curves], "error": [curve.error for curve in curves]}
