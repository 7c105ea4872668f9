"""Ensembles of networks with binary weights: trained ones, files, and runs of the machine.

Names are imported when they are first used: the command line reads the settings without torch.
"""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = {
    "EffectiveOptions": "options",
    "Ensemble": "ensemble",
    "TrainingSettings": "settings",
    "align": "gauges",
    "describe": "description",
    "load_ensemble": "sources",
    "read_ensemble": "ensemble",
    "symmetrize": "gauges",
    "table_lines": "tables",
    "train_ensemble": "training",
    "write_effective": "tables",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
