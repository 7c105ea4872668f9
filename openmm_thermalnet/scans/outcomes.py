"""Where the starts of a scan ended: the rows of `scan.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from openmm_thermalnet.files import write_atomically

TABLE = "scan.csv"


@dataclass(frozen=True)
class Outcome:
    """Where one start ended, a row of `scan.csv`.

    Attributes
    ----------
    value : float
        Of the scanned parameter.
    sample : int
        The start.
    weights : int
        N_w, the number of weights.
    patterns : int
        P.
    loss : float
        Mean loss of the patterns, without weight decay.
    squared_norm : float
        |w|^2.
    largest_output : float
        Largest |f| over the training patterns: 0 in the zero network.
    unsatisfied : float
        Training patterns with a margin below 1.
    accuracy : float
        Of the training patterns.
    """

    value: float
    sample: int
    weights: int
    patterns: int
    loss: float
    squared_norm: float
    largest_output: float
    unsatisfied: float
    accuracy: float


def read_outcomes(directory: Path) -> list[Outcome]:
    """Rows of `scan.csv`, none if it is not there yet."""
    path = directory / TABLE
    if not path.exists():
        return []
    kinds = {"int": int, "float": float}
    with path.open(newline="") as stream:
        return [
            Outcome(**{f.name: kinds[str(f.type)](row[f.name]) for f in fields(Outcome)})
            for row in csv.DictReader(stream)
        ]


def write_outcomes(directory: Path, outcomes: Sequence[Outcome]) -> None:
    """Write `scan.csv`, atomically."""
    stream = io.StringIO(newline="")
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(field.name for field in fields(Outcome))
    table.writerows(asdict(outcome).values() for outcome in outcomes)
    write_atomically(directory / TABLE, stream.getvalue().encode())
