"""Reduced units and OpenMM's units, in one place.

The network's variables are dimensionless, have mass 1 and an energy of order 1. Read as nm, amu
and kJ/mol, their time unit is exactly 1 ps, so a reduced number *is* an OpenMM number; only the
temperature needs Boltzmann's constant and the friction needs a logarithm.
"""

from __future__ import annotations

import math
from typing import Any

from openmm import unit

from openmm_thermalnet.errors import InputError

MASS = 1.0 * unit.dalton
"""Mass of every particle (the reduced mass is 1)."""

_KB = unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)


def _not_negative(name: str, value: float) -> float:
    """Return `value` as a float, or refuse it in one line."""
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise InputError(f"{name} is {value!r}; give a finite number that is not negative")
    return number


def temperature(kT: float) -> unit.Quantity:
    """Temperature at which the thermal energy is `kT`.

    Parameters
    ----------
    kT : float
        Reduced thermal energy (kJ/mol).

    Returns
    -------
    openmm.unit.Quantity
        Temperature in kelvin; ``kT=1e-5`` is 1.2027e-3 K.

    Raises
    ------
    InputError
        If `kT` is negative or not finite.
    """
    return _not_negative("kT", kT) / _KB * unit.kelvin


def reduced_temperature(kelvin: unit.Quantity | float) -> float:
    """Thermal energy kT (reduced, kJ/mol) of a temperature: the inverse of `temperature`."""
    number: Any = kelvin
    if unit.is_quantity(number):
        number = number.value_in_unit(unit.kelvin)
    return float(number) * float(_KB)


def friction(eta: float, timestep: float = 0.01) -> unit.Quantity:
    """Friction rate of a per-step friction `eta`.

    One step of Eq. 10 of arXiv:2506.06789 leaves the fraction ``1 - eta`` of a velocity; a
    friction rate gamma leaves ``exp(-gamma dt)``. So ``gamma = -ln(1 - eta) / dt``.

    Parameters
    ----------
    eta : float
        Per-step friction, ``0 <= eta < 1``.
    timestep : float
        The time step it refers to (reduced; the paper's 0.01 by default).

    Returns
    -------
    openmm.unit.Quantity
        Friction rate in 1/ps; ``eta=1e-3`` is 0.10005 / ps.

    Raises
    ------
    InputError
        If `eta` is outside [0, 1) or `timestep` is not positive.
    """
    if not 0 <= _not_negative("friction", eta) < 1:
        raise InputError(f"friction per step is {eta!r}; give a number in [0, 1)")
    if _not_negative("timestep", timestep) == 0:
        raise InputError("timestep is 0; give a positive number")
    return -math.log1p(-eta) / timestep / unit.picosecond


def timestep(dt: float) -> unit.Quantity:
    """Time step in picoseconds of a reduced time step.

    Parameters
    ----------
    dt : float
        Reduced time step.

    Returns
    -------
    openmm.unit.Quantity
        Time step in ps.

    Raises
    ------
    InputError
        If `dt` is not a positive finite number.
    """
    if _not_negative("timestep", dt) == 0:
        raise InputError("timestep is 0; give a positive number")
    return float(dt) * unit.picosecond
