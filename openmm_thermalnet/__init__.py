"""Neural networks as molecular systems: thermal deep learning on OpenMM.

Names are imported when they are first used, so that the command line answers at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from openmm_thermalnet.version import __version__

if TYPE_CHECKING:
    from openmm_thermalnet import (
        analysis,
        datasets,
        hamiltonians,
        integrators,
        plotting,
        protocols,
        schedules,
        units,
    )
    from openmm_thermalnet.analyze import analyze_run
    from openmm_thermalnet.feedforward_network import FeedForwardNet
    from openmm_thermalnet.network import ThermalNet
    from openmm_thermalnet.reporters import ThermalReporter
    from openmm_thermalnet.results import load
    from openmm_thermalnet.walls import fold
    from openmm_thermalnet.weights import Weights, load_weights
    from openmm_thermalnet.wrapping import WrapReporter

_MODULES = (
    "analysis",
    "datasets",
    "hamiltonians",
    "integrators",
    "plotting",
    "protocols",
    "schedules",
    "units",
)
_NAMES = {
    "FeedForwardNet": "feedforward_network",
    "ThermalNet": "network",
    "ThermalReporter": "reporters",
    "Weights": "weights",
    "analyze_run": "analyze",
    "WrapReporter": "wrapping",
    "fold": "walls",
    "load": "results",
    "load_weights": "weights",
}

__all__ = [
    "FeedForwardNet",
    "ThermalNet",
    "ThermalReporter",
    "Weights",
    "WrapReporter",
    "__version__",
    "analysis",
    "analyze_run",
    "datasets",
    "fold",
    "hamiltonians",
    "integrators",
    "load",
    "load_weights",
    "plotting",
    "protocols",
    "schedules",
    "units",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names, also before they are imported."""
    return sorted(__all__)
