"""The table of a stage as a structured array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError, MissingFileError


def read_thermo(path: Path, energies: Sequence[str], slots: int) -> NDArray[Any]:
    """Rows of a `thermo.csv`, shape (reports, slots).

    Parameters
    ----------
    path : Path
        The table; it may still be growing, and reports that are not whole are left out.
    energies : sequence of str
        Names of the terms of the energy.
    slots : int
        R, rows in a report.

    Returns
    -------
    ndarray
        Structured: "step" and "replica" are int64, all other fields float64.

    Raises
    ------
    InputError
        If there is no such table, or it is not one of a stage of this size.
    """
    try:
        lines = path.read_text().splitlines(keepends=True)
    except FileNotFoundError:
        raise MissingFileError(f"{path} does not exist; resume its run") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); resume its run") from error
    names = lines[0].rstrip("\n").split(",") if lines else []
    known = ["step", "time", "replica", "energy", "energy_ratio", *energies]
    if names[: len(known)] != known:
        raise InputError(f"{path} has no columns {', '.join(energies)}; resume its run")
    kinds = [(name, np.int64 if name in ("step", "replica") else np.float64) for name in names]
    rows = [line for line in lines[1:] if line.endswith("\n")]
    reports = len(rows) // slots
    if reports == 0:
        return np.empty((0, slots), dtype=kinds)
    try:
        table = np.loadtxt(rows[: reports * slots], delimiter=",", dtype=kinds, ndmin=1)
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}); resume its run") from error
    table = table.reshape(reports, slots)
    if np.any(table["replica"] != np.arange(slots)) or np.any(
        table["step"] != table["step"][:, :1]
    ):
        raise InputError(f"{path} does not have {slots} replicas in every report; resume its run")
    return np.asarray(table)
