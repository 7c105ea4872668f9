"""Langevin dynamics whose thermostat acts at every k-th step.

Drawing the noise is the larger part of a Langevin step on the CPU; between two weak kicks the
motion is Newton's anyway. `LangevinMiddleIntegrator` without friction is the leapfrog of
`VerletIntegrator`, so the two take turns on the same velocities, and each keeps the Boltzmann
distribution.
"""

from __future__ import annotations

from typing import Any

import openmm
from openmm import unit

from openmm_thermalnet.errors import check_integer


class IntermittentLangevinIntegrator(openmm.CompoundIntegrator):  # type: ignore[misc]
    """Verlet steps, and every `interval`-th a Langevin step of `interval` times the friction.

    The stationary distribution is that of `openmm.LangevinMiddleIntegrator`, and so is the mean
    loss of velocity over `interval` steps. Faster motion than that sees the noise in kicks:
    the product of interval, friction and time step should stay well below 1.

    Parameters
    ----------
    temperature : Quantity
        Of the heat bath.
    frictionCoeff : Quantity
        Friction rate, averaged over all steps.
    stepSize : Quantity
        Time step.
    interval : int
        k, at least 1.

    Raises
    ------
    InputError
        If `interval` is not a positive integer.
    """

    def __init__(self, temperature: Any, frictionCoeff: Any, stepSize: Any, interval: int) -> None:
        interval = check_integer("thermostat interval", interval, 1)
        super().__init__()
        self._interval = interval
        self._taken = 0
        rate = frictionCoeff.value_in_unit(unit.picosecond**-1) * self._interval
        self.addIntegrator(openmm.VerletIntegrator(stepSize))
        self.addIntegrator(
            openmm.LangevinMiddleIntegrator(temperature, rate / unit.picosecond, stepSize)
        )

    def step(self, steps: int) -> None:
        """Advance the simulation; the thermostat acts at each step that `interval` divides."""
        while steps > 0:
            free = min(steps, self._interval - 1 - self._taken % self._interval)
            if free:
                self.setCurrentIntegrator(0)
                super().step(free)
            else:
                free = 1
                self.setCurrentIntegrator(1)
                super().step(1)
            self._taken += free
            steps -= free

    def setStepsTaken(self, steps: int) -> None:
        """Say how many steps lie behind, after a checkpoint was loaded."""
        self._taken = int(steps)

    def setTemperature(self, temperature: Any) -> None:
        """Change the temperature of the heat bath."""
        self.getIntegrator(1).setTemperature(temperature)

    def setRandomNumberSeed(self, seed: int) -> None:
        """Seed the noise."""
        self.getIntegrator(1).setRandomNumberSeed(seed)
