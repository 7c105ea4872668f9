"""Tables of a feed-forward network's dynamics, for a report and a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openmm_thermalnet.page import table

WEIGHT_HEADS = (
    "t0",
    "tau_90",
    "free walk",
    "tau_e",
    "free walk",
    "exponent of C",
    "free walk",
    "on t/tau_e",
)


def is_feedforward(analysis: Mapping[str, Any]) -> bool:
    """Whether an analysis is of a feed-forward network."""
    return bool(analysis["network"].get("model") == "feedforward")


def weight_rows(analysis: Mapping[str, Any]) -> list[list[str]]:
    """Rows of the table of relaxation times and exponents, as text.

    Parameters
    ----------
    analysis : mapping
        Of a feed-forward network.
    """
    rows = []
    for t0, values in analysis["waiting_times"].items():
        row = [t0]
        for name in ("tau_90", "tau_e"):
            row += [_time(values[name]), _number(values[name]["free_walk"])]
        fits = values["power_law"]
        if fits is None:
            rows.append([*row, "–", "–", "–"])
            continue
        low, high = fits["overlap"]["interval"]
        reach = "" if low is None else f" ({low:.3f} to {high:.3f})"
        first, last = fits["overlap"]["window"]
        row += [
            f"{fits['overlap']['exponent']:.3f}{reach}",
            f"{fits['free_walk']['exponent']:.3f}",
            f"{first:.2g} to {last:.3g}",
        ]
        rows.append(row)
    return rows


def weight_sections(analysis: Mapping[str, Any]) -> list[str]:
    """HTML of the tables: the end of training, relaxation times and exponents."""
    found = analysis["quench"]["thermodynamics"]
    names = ("pattern_loss", "test_accuracy", "train_accuracy", "unsatisfied")
    ends = [
        [name, f"{found[name]['mean'][-1]:.4g}" if found[name]["mean"][-1:] != [None] else "–"]
        for name in names
        if found[name]["mean"]
    ]
    words = (
        f"<p>Times in steps from t0. A weight has moved if it moved by more than the deviation of "
        f"all weights over {analysis['overlap_divisor']:g}; kT/P = {analysis['temperature']:.3g} "
        "kJ/mol. Errors of times are those of their logarithm; exponents have 95 % intervals over "
        "independent starts.</p>"
    )
    return [
        "<h2>At the last row</h2>",
        table(("quantity", "mean over starts"), ends),
        "<h2>Relaxation of the weights</h2>",
        words,
        table(WEIGHT_HEADS, weight_rows(analysis)),
    ]


def _time(found: Mapping[str, Any]) -> str:
    tau, error = found["tau"], found["log_error"]
    if tau is None:
        return "not reached"
    if found["lower_bound"]:
        return f"> {_number(tau)}"
    return _number(tau) + ("" if error is None else f" ± {_number(tau * error)}")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
