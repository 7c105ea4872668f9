"""How the thermostats are sampled, and how far a mean may be from its exact value.

Every network of a System is an independent sample, so a time average per replica, and the spread of
these averages over thousands of replicas, give a mean and its standard error without any
assumption about correlation times.

Time steps. Positions are sampled first at a coarse step, to forget the start, then at a fine one
whose error is well below the statistical one. Averages of a cone |r| are of first order in the
step, so Brownian and Andersen dynamics need a finer one than the Langevin middle scheme, which
keeps the positions' distribution.

Nose-Hoover. OpenMM's chain is one thermostat for the whole System. With thousands of networks it
hardly fluctuates, and each network would stay near its own energy for ever: the chain keeps the
canonical distribution but does not produce it from a random start (with 1,500 three-variable
networks, <E_1> is then off by 4 % and 4 standard errors). So all velocities are redrawn
every 2 time units, as the two-time protocol does when it copies a sample; in between the chain
alone moves the system.
"""

from dataclasses import dataclass

import numpy as np
import openmm
from scipy import stats

from openmm_thermalnet import units
from openmm_thermalnet.integrators import NAMES, create_integrator, find_platform

THERMOSTATS = tuple(name for name in NAMES if name != "verlet")


@dataclass(frozen=True)
class Schedule:
    """Friction rate, time steps, and how many of each."""

    rate: float = 1.0
    coarse: float = 0.02
    burn_in: int = 2000
    fine: float = 0.02
    steps: int = 2000
    redraw: int | None = None

    @property
    def friction(self):
        """Friction per coarse step, as the package's integrators take it."""
        return -np.expm1(-self.rate * self.coarse)


SCHEDULES = {
    "langevin-middle": Schedule(),
    "langevin": Schedule(),
    "brownian": Schedule(rate=20.0, coarse=0.04, burn_in=6000, fine=0.004, steps=5000),
    "nose-hoover": Schedule(fine=0.01, steps=4000, redraw=100),
    "andersen": Schedule(fine=0.005, steps=5000),
}


def start(system, positions, name, kT, schedule, platform="Reference", seed=1):
    """Context of a thermostat, with Maxwell-Boltzmann velocities."""
    thermostat = create_integrator(name, kT, schedule.friction, schedule.coarse, seed)
    if thermostat.force is not None:
        system.addForce(thermostat.force)
    context = openmm.Context(system, thermostat.integrator, *find_platform(platform))
    context.setPositions(positions)
    context.setVelocitiesToTemperature(units.temperature(kT), seed)
    return context


def positions(context):
    return context.getState(getPositions=True).getPositions(asNumpy=True)


def sample(system, begin, name, kT, observe, interval=20, platform="Reference"):
    """Time average of ``observe(positions)``, an array (..., replicas), in every replica."""
    schedule = SCHEDULES[name]
    context = start(system, begin, name, kT, schedule, platform)
    integrator = context.getIntegrator()
    seeds = iter(range(1, 1_000_000))

    def run(steps, frames):
        for done in range(0, steps, interval):
            if schedule.redraw and done % schedule.redraw == 0:
                context.setVelocitiesToTemperature(units.temperature(kT), next(seeds))
            integrator.step(interval)
            if frames is not None:
                frames.append(observe(positions(context)))

    run(schedule.burn_in, None)
    integrator.setStepSize(schedule.fine)
    run(schedule.steps // 5, None)
    frames = []
    run(schedule.steps, frames)
    return np.mean(frames, axis=0)


def assert_exact(samples, exact, comparisons):
    """Means over replicas are within their errors of the exact values.

    With `comparisons` in all, the bound on each is that at which the chance of any false alarm is
    that of one comparison at 3 standard errors, 0.27 % (Bonferroni).
    """
    bound = stats.norm.isf(stats.norm.sf(3) / comparisons)
    for name, values in samples.items():
        error = values.std(ddof=1) / np.sqrt(values.size)
        deviation = (values.mean() - exact[name]) / error
        assert abs(deviation) < bound, (
            f"{name} = {values.mean():.5f} +- {error:.5f}, exactly {exact[name]:.5f}: "
            f"{deviation:+.2f} standard errors, allowed {bound:.2f}"
        )
