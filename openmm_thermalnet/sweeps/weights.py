"""Rows of a sweep of feed-forward networks for `table.csv`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from openmm_thermalnet.analyze import current_analysis
from openmm_thermalnet.sweeps.directory import POINTS
from openmm_thermalnet.sweeps.map import value_text

if TYPE_CHECKING:
    from openmm_thermalnet.sweeps.outcomes import Outcome
    from openmm_thermalnet.sweeps.reading import SweepResult
    from openmm_thermalnet.sweeps.table import Row

_TRAINING = ("pattern_loss", "test_accuracy", "train_accuracy", "unsatisfied")


def is_weight_sweep(found: SweepResult) -> bool:
    """Whether its points are feed-forward networks."""
    return any(point.config.model == "feedforward" for point in found.points)


def read_analyses(found: SweepResult) -> dict[str, dict[str, Any]]:
    """Analyses of the points that have one, by name."""
    return {
        point.name: analysis
        for point in found.points
        if (analysis := current_analysis(found.directory / POINTS / point.name)) is not None
    }


def weight_point_rows(found: SweepResult) -> list[Row]:
    """Rows of all points, one for each t0; one without numbers for a point that has none.

    Parameters
    ----------
    found : SweepResult
        Of feed-forward networks.
    """
    analyses = read_analyses(found)
    return [
        row
        for point in found.points
        for row in _rows(point, analyses.get(point.name), found.varied)
    ]


def _rows(
    point: Outcome, analysis: Mapping[str, Any] | None, varied: Sequence[str]
) -> Iterator[Row]:
    """Rows of a point for `table.csv`, one for each t0; one without numbers if it has none."""
    known: Row = {
        "name": point.name,
        **{name: value_text(point.values[name]) for name in varied},
        "state": point.state,
        "error": point.error or None,
    }
    training = {} if analysis is None else analysis["quench"]["thermodynamics"]
    known["temperature"] = None if analysis is None else analysis["temperature"]
    for name in _TRAINING:
        known[name] = training[name]["mean"][-1] if training.get("steps") else None
    seen = {} if analysis is None else analysis["waiting_times"]
    for t0, values in seen.items():
        yield known | _numbers(t0, values)
    if not seen:
        yield known | _numbers(None, None)


def _numbers(t0: str | None, values: Mapping[str, Any] | None) -> Row:
    """What was seen from t0."""
    row: Row = {"t0": t0, "t_star": None if values is None else values["steps"][-1]}
    for name in ("tau_90", "tau_e"):
        for key in ("tau", "log_error", "free_walk"):
            row[name if key == "tau" else f"{name}_{key}"] = (
                None if values is None else values[name][key]
            )
    fits = None if values is None else values["power_law"]
    low, high = (None, None) if fits is None else fits["overlap"]["interval"]
    row |= {
        "exponent": None if fits is None else fits["overlap"]["exponent"],
        "exponent_low": low,
        "exponent_high": high,
        "exponent_free_walk": None if fits is None else fits["free_walk"]["exponent"],
    }
    alpha = [] if values is None else [a for a in values["alpha_2"]["mean"] if a is not None]
    return row | {"alpha_2_largest": max(alpha, default=None)}
