"""Reduced units and OpenMM's units, in one place.

The network's variables are dimensionless, have mass 1 and an energy of order 1. Read as nm, amu
and kJ/mol, their time unit is exactly 1 ps, so a reduced number *is* an OpenMM number; only the
temperature needs Boltzmann's constant and the friction needs a logarithm.
"""

from __future__ import annotations

import math
from typing import Any

from openmm import unit

from openmm_thermalnet.arrays import plain_numbers
from openmm_thermalnet.errors import InputError

MASS = 1.0 * unit.dalton
"""Mass of every particle (the reduced mass is 1)."""

_KB = unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)


def _not_negative(name: str, value: Any, wanted: unit.Unit | None = None) -> float:
    """Return `value` as a float in the unit `wanted`, or refuse it in one line."""
    number = float(plain_numbers(name, value, wanted))
    if not math.isfinite(number) or number < 0:
        raise InputError(f"{name} is {value!r}; give a finite number that is not negative")
    return number


def temperature(kT: unit.Quantity | float) -> unit.Quantity:
    """Temperature at which the thermal energy is `kT`.

    Parameters
    ----------
    kT : Quantity or float
        Reduced thermal energy (kJ/mol).

    Returns
    -------
    openmm.unit.Quantity
        Temperature in kelvin; ``kT=1e-5`` is 1.2027e-3 K.

    Raises
    ------
    InputError
        If `kT` is negative, not finite or no energy.
    """
    return _not_negative("kT", kT, unit.kilojoule_per_mole) / _KB * unit.kelvin


def reduced_temperature(kelvin: unit.Quantity | float) -> float:
    """Thermal energy kT (reduced, kJ/mol) of a temperature: the inverse of `temperature`.

    Raises
    ------
    InputError
        If `kelvin` has another unit than a temperature.
    """
    return float(plain_numbers("temperature", kelvin, unit.kelvin)) * float(_KB)


def friction(eta: float, timestep: unit.Quantity | float = 0.01) -> unit.Quantity:
    """Friction rate of a per-step friction `eta`.

    One step of Eq. 10 of arXiv:2506.06789 leaves the fraction ``1 - eta`` of a velocity; a
    friction rate gamma leaves ``exp(-gamma dt)``. So ``gamma = -ln(1 - eta) / dt``.

    Parameters
    ----------
    eta : float
        Per-step friction, ``0 <= eta < 1``.
    timestep : Quantity or float
        The time step it refers to (ps; the paper's 0.01 by default).

    Returns
    -------
    openmm.unit.Quantity
        Friction rate in 1/ps; ``eta=1e-3`` is 0.10005 / ps.

    Raises
    ------
    InputError
        If `eta` is outside [0, 1) or `timestep` is not positive.
    """
    fraction = _not_negative("friction", eta)
    if fraction >= 1:
        raise InputError(f"friction per step is {eta!r}; give a number in [0, 1)")
    return -math.log1p(-fraction) / _positive_timestep(timestep) / unit.picosecond


def timestep(dt: unit.Quantity | float) -> unit.Quantity:
    """Time step in picoseconds of a reduced time step.

    Parameters
    ----------
    dt : Quantity or float
        Reduced time step (ps).

    Returns
    -------
    openmm.unit.Quantity
        Time step in ps.

    Raises
    ------
    InputError
        If `dt` is not a positive finite time.
    """
    return _positive_timestep(dt) * unit.picosecond


def _positive_timestep(dt: unit.Quantity | float) -> float:
    """Return `dt` in ps, or refuse it in one line."""
    number = _not_negative("timestep", dt, unit.picosecond)
    if number == 0:
        raise InputError("timestep is 0; give a positive number")
    return number
