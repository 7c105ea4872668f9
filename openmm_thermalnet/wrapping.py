"""Keep single-precision coordinates near the origin.

A variable that diffuses through many periods of the walls' fold takes its raw coordinate far away,
where float32 has no digits left. OpenMM wraps coordinates only for forces with a cutoff, so on a
platform that stores them in single precision it must be asked for. Wrapping by the period of the
fold changes neither variables nor energies.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from openmm_thermalnet.errors import check_integer
from openmm_thermalnet.walls import PERIOD

INTERVAL = 1000
"""Steps between two wrappings in a run; a variable moves far less than a period in between."""

_DOUBLE = ("CPU", "Reference")  # platforms that integrate in double precision


def loses_digits(context: Any) -> bool:
    """Whether the context's platform keeps coordinates in less than double precision."""
    platform = context.getPlatform()
    if platform.getName() in _DOUBLE:
        return False
    return bool(platform.getPropertyValue(context, "Precision") != "double")


def wrap_positions(context: Any) -> None:
    """Bring every coordinate of a context into [-2, 2] by whole periods of the fold."""
    positions = context.getState(positions=True).getPositions(asNumpy=True)._value
    context.setPositions(positions - PERIOD * np.rint(positions / PERIOD))


class WrapReporter:
    """OpenMM reporter that wraps coordinates now and then; needed on CUDA, HIP and OpenCL.

    Parameters
    ----------
    reportInterval : int
        Steps between two wrappings.

    Raises
    ------
    InputError
        If it is no positive integer.
    """

    def __init__(self, reportInterval: int = INTERVAL) -> None:
        self._interval = check_integer("reportInterval", reportInterval, 1)

    def describeNextReport(self, simulation: Any) -> dict[str, Any]:
        """Steps to the next wrapping (OpenMM's reporter protocol)."""
        steps = self._interval - simulation.currentStep % self._interval
        return {"steps": steps, "periodic": False, "include": []}

    def report(self, simulation: Any, state: Any) -> None:
        """Wrap the coordinates of the simulation."""
        wrap_positions(simulation.context)
