"""What equilibrium gives the energy "norm", from the description of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def last_kT(config: Mapping[str, Any]) -> float:
    """Thermal energy of the bath at the end of the quench (kJ/mol).

    Parameters
    ----------
    config : mapping
        The run's configuration under the names of the flags.
    """
    table = config["anneal-table"]
    return float(config["kT"] if table is None else table[-1][1])


def thermal_floor(analysis: Mapping[str, Any]) -> float:
    """Energy M N (L - 1) kT of the hidden layers in equilibrium (kJ/mol).

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.
    """
    network = analysis["network"]
    hidden = sum(network["widths"][1:-1])
    return float(network["patterns"] * hidden * last_kT(analysis["config"]))
