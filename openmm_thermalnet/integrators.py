"""OpenMM's integrators by name, in reduced units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import openmm
from openmm import unit

from openmm_thermalnet import units
from openmm_thermalnet.arrays import plain_numbers
from openmm_thermalnet.errors import InputError, check_integer

NAMES = ("langevin-middle", "langevin", "brownian", "nose-hoover", "verlet", "andersen")
"""Integrators that `create_integrator` knows; all but "verlet" have a thermostat."""


@dataclass(frozen=True)
class Thermostat:
    """An integrator, and the force that belongs to it if its thermostat is one.

    Attributes
    ----------
    integrator : openmm.Integrator
        Moves the particles.
    force : openmm.Force or None
        The Andersen thermostat, to be added to the System; else None.
    patterns : int
        The integrator's thermal energy is the kT of a run divided by this: P for the overdamped
        dynamics of a feed-forward network, else 1.
    """

    integrator: Any
    force: openmm.Force | None = None
    patterns: int = 1

    def set_temperature(self, context: openmm.Context, kT: unit.Quantity | float) -> None:
        """Change the temperature of a running simulation; plain Verlet has none to change."""
        kelvin = units.temperature(kT / self.patterns)
        if self.force is not None:
            context.setParameter(openmm.AndersenThermostat.Temperature(), kelvin)
        elif hasattr(self.integrator, "setTemperature"):
            self.integrator.setTemperature(kelvin)

    def set_seed(self, seed: int) -> None:
        """Seed the noise anew, where there is any; a Context notices when it is reinitialized.

        Parameters
        ----------
        seed : int
            Any non-negative integer; it is brought into the range that OpenMM takes.
        """
        source = self.integrator if self.force is None else self.force
        if hasattr(source, "setRandomNumberSeed"):
            source.setRandomNumberSeed(1 + check_integer("seed", seed) % (2**31 - 2))


def create_integrator(
    name: str = "langevin-middle",
    kT: unit.Quantity | float = 1e-5,
    friction: float = 1e-3,
    timestep: unit.Quantity | float = 0.01,
    seed: int = 1,
) -> Thermostat:
    """Integrator by name.

    Parameters
    ----------
    name : str
        "langevin-middle", "langevin", "brownian", "nose-hoover", "verlet" or "andersen". A
        Nose-Hoover chain is one thermostat for the whole System, so it couples the replicas
        through their total kinetic energy; every other one leaves them independent.
    kT : Quantity or float
        Thermal energy (kJ/mol).
    friction : float
        Friction per step, in [0, 1): the fraction of a velocity lost in one step; for
        "nose-hoover" and "andersen" its rate is the collision frequency.
    timestep : Quantity or float
        Reduced time step (ps).
    seed : int
        Positive seed of the noise; OpenMM reads 0 as "choose one".

    Returns
    -------
    Thermostat
        The integrator, and the AndersenThermostat force for "andersen".

    Raises
    ------
    InputError
        If the name is unknown, a number is out of range, or a thermostat that needs friction
        gets none.
    """
    if name not in NAMES:
        raise InputError(f"integrator {name!r} is unknown; choose one of {', '.join(NAMES)}")
    step = units.timestep(timestep)
    kelvin = units.temperature(kT)
    rate = units.friction(friction, timestep)
    if name in ("brownian", "nose-hoover", "andersen") and rate._value == 0:
        raise InputError(f"friction is 0; integrator {name!r} needs a positive one")
    seed = check_seed(seed)
    if name == "verlet":
        return Thermostat(openmm.VerletIntegrator(step))
    if name == "nose-hoover":
        return Thermostat(openmm.NoseHooverIntegrator(kelvin, rate, step))
    if name == "andersen":
        force = openmm.AndersenThermostat(kelvin, rate)
        force.setRandomNumberSeed(seed)
        return Thermostat(openmm.VerletIntegrator(step), force)
    classes = {
        "langevin-middle": openmm.LangevinMiddleIntegrator,
        "langevin": openmm.LangevinIntegrator,
        "brownian": openmm.BrownianIntegrator,
    }
    integrator = classes[name](kelvin, rate, step)
    integrator.setRandomNumberSeed(seed)
    return Thermostat(integrator)


def create_brownian(
    kT: unit.Quantity | float, learning_rate: unit.Quantity | float, patterns: int, seed: int = 1
) -> Thermostat:
    """Overdamped Langevin dynamics of a feed-forward network (arXiv:2405.13098).

    One step is w <- w - eta grad L + sqrt(2 kT eta / P) xi: OpenMM's BrownianIntegrator with a time
    step of eta ps, a friction of 1/ps, and the thermal energy kT/P.

    Parameters
    ----------
    kT : float
        The paper's kT; 0 is gradient descent.
    learning_rate : float
        eta.
    patterns : int
        P.
    seed : int
        Positive seed of the noise; OpenMM reads 0 as "choose one".

    Returns
    -------
    Thermostat
        The integrator.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    learning_rate = plain_numbers("learning rate", learning_rate, unit.picosecond)
    if not 0 < learning_rate < math.inf:
        raise InputError(f"learning rate is {learning_rate!r}; give a positive number")
    kelvin = units.temperature(kT / check_integer("patterns", patterns, 1))
    integrator = openmm.BrownianIntegrator(kelvin, 1.0, learning_rate)
    integrator.setRandomNumberSeed(check_seed(seed))
    return Thermostat(integrator, patterns=patterns)


def check_seed(seed: int) -> int:
    """Return `seed` if OpenMM takes it as the seed of noise.

    Raises
    ------
    InputError
        If it is not from 1 to 2**31 - 1.
    """
    number = check_integer("seed of the noise", seed, 1)
    if number >= 2**31:
        raise InputError(f"seed of the noise is {seed!r}; give an integer from 1 to 2**31 - 1")
    return number


def find_platform(name: str, threads: int = 1) -> tuple[openmm.Platform, dict[str, str]]:
    """Platform by name, with its properties.

    Parameters
    ----------
    name : str
        "CPU", "Reference", "OpenCL", "CUDA" or "HIP"; never OpenMM's own choice.
    threads : int
        Threads of the CPU platform.

    Returns
    -------
    tuple
        The platform and its properties, as `openmm.Context` takes them.

    Raises
    ------
    InputError
        If this OpenMM has no such platform; the message lists those it has.
    """
    present = [
        openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())
    ]
    if name not in present:
        raise InputError(f"platform {name!r} is not here; choose one of {', '.join(present)}")
    threads = check_integer("threads", threads, 1)
    properties = {"Threads": str(threads)} if name == "CPU" else {}
    return openmm.Platform.getPlatformByName(name), properties
