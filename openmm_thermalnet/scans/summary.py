"""What a scan says: where the transition lies, and a figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis import Transition, compute_transition
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.files import write_json
from openmm_thermalnet.plotting.figures import save_figure
from openmm_thermalnet.plotting.scans import plot_jamming, plot_trivialisation
from openmm_thermalnet.scans.config import Kind
from openmm_thermalnet.scans.outcomes import Outcome, read_outcomes
from openmm_thermalnet.scans.scan import read_scan

TRANSITION, FIGURES = "transition.json", "figures"

SMALL_OUTPUT = 0.1
"""A network whose outputs all stay below this is taken for the zero network: others reach 1."""


VANISHED = 0.01
"""A loss, summed over the patterns, below which it is taken for zero: one pattern that the network
does not see at all costs 1/2. Margins may still lack a little of 1 then."""


def columns(outcomes: Sequence[Outcome]) -> dict[str, NDArray[np.float64]]:
    """Columns of a scan as arrays (values, starts), values ascending; "value" is (values,)."""
    values = sorted({outcome.value for outcome in outcomes})
    rows = [sorted((o for o in outcomes if o.value == v), key=lambda o: o.sample) for v in values]
    found = {
        field.name: np.array([[getattr(o, field.name) for o in row] for row in rows], dtype=float)
        for field in fields(Outcome)
    }
    return {**found, "value": np.array(values)}


def locate(kind: Kind, outcomes: Sequence[Outcome]) -> Transition:
    """Transition of a scan.

    Trivialisation: the weight decay from which on a start ends in the zero network (all outputs
    below `SMALL_OUTPUT`). Jamming: the ratio N_w / P from which on the loss vanishes (below
    `VANISHED`), as it does where all patterns can be satisfied.

    Parameters
    ----------
    kind : {"trivialisation", "jamming"}
        What was scanned.
    outcomes : sequence of Outcome
        Of two values or more.

    Raises
    ------
    InputError
        If there are fewer values, or what was measured of a start is nan.
    """
    table = columns(outcomes)
    place, far = _sides(kind, table)
    return compute_transition(place, far, logarithmic=kind == "jamming")


def _sides(
    kind: Kind, table: dict[str, NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The scanned values, and which starts (values, starts) are beyond the transition."""
    measured = "largest_output" if kind == "trivialisation" else "loss"
    if np.isnan(table[measured]).any():
        row, start = (int(i) for i in np.argwhere(np.isnan(table[measured]))[0])
        raise InputError(
            f"{measured} of start {start} at {table['value'][row]:g} is nan; scan again with a "
            "smaller learning rate"
        )
    if kind == "trivialisation":
        return table["value"], table["largest_output"] < SMALL_OUTPUT
    ratio = (table["weights"] / table["patterns"])[:, 0]
    return ratio, table["loss"] * table["patterns"] < VANISHED


def write_summary(directory: Path) -> list[str]:
    """Write `transition.json` and the figure of a finished scan.

    Parameters
    ----------
    directory : Path
        Of the scan.

    Returns
    -------
    list of str
        What a terminal should show.

    Raises
    ------
    InputError
        If there is no scan, or it has fewer than two values yet.
    """
    kind: Kind = read_scan(directory)["config"]["kind"]
    outcomes = read_outcomes(directory)
    found, table = locate(kind, outcomes), columns(outcomes)
    content = {**asdict(found), "error": found.error if math.isfinite(found.error) else None}
    write_json(directory / TRANSITION, content)
    jamming = kind == "jamming"
    draw = plot_jamming if jamming else plot_trivialisation
    (directory / FIGURES).mkdir(exist_ok=True)
    save_figure(draw(table, found), directory / FIGURES / kind)
    head = "    N_w/P" if jamming else "   lambda"
    lines = [f"{head}  median loss  unsatisfied  starts on the far side"]
    place, far = _sides(kind, table)
    lines += [
        f"{at:9.4g}  {np.median(loss):11.4g}  {np.median(wrong):11g}  {side.sum()} of {side.size}"
        for at, loss, wrong, side in zip(
            place, table["loss"], table["unsatisfied"], far, strict=True
        )
    ]
    what = "loss vanishes from N_w/P" if jamming else "zero network from lambda"
    if found.value is None:
        return [*lines, f"{what}: no start changes in this range"]
    return [*lines, f"{what} = {found.value:.4g} +- {found.error:.2g}"]
