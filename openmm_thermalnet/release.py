"""Which OpenMM is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import openmm


def openmm_release() -> tuple[int, ...]:
    """Release of the installed OpenMM as numbers, such as (8, 6)."""
    try:
        release = version("openmm")
    except PackageNotFoundError:
        release = openmm.Platform.getOpenMMVersion()
    return tuple(int(part) for part in release.split(".")[:2])
