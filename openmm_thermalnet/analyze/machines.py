"""The design space: overlaps between all machines of a stage at its last frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet import feedforward
from openmm_thermalnet.analysis import (
    PairDistribution,
    compute_hierarchy,
    compute_overlap_clustering,
    compute_overlap_distribution,
    compute_overlap_matrix,
)
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.hamiltonians.layered import layer_gains
from openmm_thermalnet.results import StageResult

_LEAST_FOR_HIERARCHY = 4


def summarise_machines(
    stage: StageResult, gain: float | str, dataset: Dataset | None
) -> dict[str, Any]:
    """Overlaps of weights, and of the sign network's answers to the test inputs.

    Parameters
    ----------
    stage : StageResult
        Its slots at the last frame are the machines.
    gain : float or "fan_in"
        Of the network.
    dataset : Dataset or None
        Without one, or without test patterns, "representations" is None.

    Returns
    -------
    dict
        As `docs/analysis.md` has it.
    """
    last = len(stage.steps) - 1
    weights = [stage.weights(layer)[last].astype(np.float64) for layer in range(1, stage.depth + 1)]
    machines = len(stage.sample)
    summary: dict[str, Any] = {"step": stage.steps[last], "machines": machines}
    summary["weights"] = [
        _overlaps(weight.reshape(machines, -1), stage.sample) for weight in weights
    ]
    summary["representations"] = None
    if dataset is not None and len(dataset.test_inputs):
        widths = (dataset.input_width, *(weight.shape[1] for weight in weights))
        gains = layer_gains(gain, widths)  # type: ignore[arg-type]
        fields = feedforward.local_fields(weights, gains, dataset.test_inputs, activation="sign")
        summary["representations"] = [
            _overlaps(np.sign(field).reshape(machines, -1), stage.sample) for field in fields[:-1]
        ]
    return summary


def _overlaps(machines: NDArray[np.float64], sample: NDArray[np.int64]) -> dict[str, Any]:
    """Distribution and hierarchy of the raw overlaps, tree and matrix of the normalised ones."""
    matrix = compute_overlap_matrix(machines)
    n_pairs = len(matrix) * (len(matrix) - 1) // 2
    found = compute_overlap_distribution(matrix, sample, bins=_bins(n_pairs))
    summary: dict[str, Any] = {
        "edges": found.edges,
        "total": _pairs(found.total),
        "same_sample": _pairs(found.same),
        "other_sample": _pairs(found.other),
        "self": float(np.diag(matrix).mean()),
        **dict.fromkeys(("matrix", "order", "linkage", "cophenetic", "hierarchy")),
    }
    normalised = compute_overlap_matrix(machines, normalized=True)
    if np.isfinite(normalised).all():
        clusters = compute_overlap_clustering(normalised)
        for name in ("matrix", "order", "linkage", "cophenetic"):
            summary[name] = getattr(clusters, name)
    if len(matrix) >= _LEAST_FOR_HIERARCHY:
        summary["hierarchy"] = vars(compute_hierarchy(matrix))
    return summary


def _bins(n_pairs: int) -> int:
    """Bins for so many pairs, by the Rice rule, from 8 to 50."""
    return int(np.clip(np.ceil(2 * np.cbrt(n_pairs)), 8, 50))


def _pairs(pairs: PairDistribution | None) -> dict[str, Any] | None:
    if pairs is None:
        return None
    return {"n_pairs": pairs.n_pairs, "density": pairs.density, **vars(pairs.fit)}
