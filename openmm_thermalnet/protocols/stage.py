"""One stage of a run: a System moved for a number of steps, recorded, and restartable.

A stage is a directory. What was computed is in `thermo.csv` and `trajectory.h5`; where to go on is
in `checkpoint.chk` (OpenMM's, with a checksum behind it; the one before is kept), and beside it the
portable `state.xml`. Continued from a checkpoint, a stage on the CPU platform repeats the
uninterrupted one bit for bit, so records later than the checkpoint are dropped and made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openmm

from openmm_thermalnet import units, wrapping
from openmm_thermalnet.errors import InputError, SimulationError
from openmm_thermalnet.files import read_sealed, write_atomically, write_sealed
from openmm_thermalnet.integrators import Thermostat
from openmm_thermalnet.particles import ParticleNetwork
from openmm_thermalnet.portable import read_state
from openmm_thermalnet.protocols.records import Plan, Records
from openmm_thermalnet.protocols.start import Start
from openmm_thermalnet.trajectory import DamagedFileError

CHECKPOINT, PREVIOUS, PORTABLE = "checkpoint.chk", "checkpoint.previous.chk", "state.xml"

LOOK_UP_SECONDS = 0.5
"""How long an integrator runs before it looks up."""


class Interrupted(Exception):
    """The stage was asked to stop; what it had computed is kept."""


class Stage:
    """A System, what moves it, and the directory its records go to.

    Parameters
    ----------
    net : ParticleNetwork
        The network.
    directory : Path
        Made if it does not exist.
    plan : Plan
        What to do and record.
    start : Start
        Where it begins.
    thermostat : Thermostat
        From `integrators`, or any OpenMM integrator as ``Thermostat(integrator)``.
    platform : openmm.Platform
        Named platform.
    properties : dict
        Its properties.
    velocity_seed : int
        Seed of the Maxwell-Boltzmann velocities of a fresh start.
    force : str
        Binding of the energy (`createSystem`).
    threads : int
        Torch threads.
    say : callable
        Gets one line for everything a user should know of a restart.
    """

    def __init__(
        self,
        net: ParticleNetwork,
        directory: Path,
        plan: Plan,
        start: Start,
        thermostat: Thermostat,
        platform: openmm.Platform,
        properties: dict[str, str],
        velocity_seed: int,
        force: Any = "auto",
        threads: int = 1,
        say: Callable[[str], None] = print,
    ) -> None:
        self._net = net
        self._directory = directory
        self._plan = plan
        self._start = start
        self._thermostat = thermostat
        self._platform = (platform, properties)
        self._velocity_seed = velocity_seed
        self._binding = (force, threads)
        self._say = say
        self._records = Records(directory, net, plan, start)

    @property
    def finished(self) -> bool:
        """Whether everything the plan wants is recorded."""
        return self._records.missing(self._plan.length) is None

    def run(
        self,
        progress: Callable[[int, int], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Go on from the last good checkpoint, or begin, and run to the end.

        Parameters
        ----------
        progress : callable, optional
            Called with the step and the length about twice a second.
        stop : callable
            Asked as often; True ends the stage with a checkpoint.

        Raises
        ------
        Interrupted
            If `stop` said so.
        SimulationError
            If the energy is no longer finite, or OpenMM cannot go on.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        system = self._net.createSystem(*self._binding)
        if self._thermostat.force is not None:
            system.addForce(self._thermostat.force)
        try:
            context = openmm.Context(system, self._thermostat.integrator, *self._platform)
            step = self._restore(context)
            if step is None:
                step = self._begin(context)
            self._advance(context, step, progress, stop)
        except openmm.OpenMMException as error:
            raise SimulationError(f"OpenMM stopped {self._directory}: {_reason(error)}") from error
        finally:
            self._records.close()

    def _begin(self, context: openmm.Context) -> int:
        """Fresh positions, velocities, noise and records."""
        context.reinitialize()  # of a checkpoint whose records were found bad
        context.setPositions(self._start.positions)
        kelvin = units.temperature(self._plan.kT.kT(0))
        context.setVelocitiesToTemperature(kelvin, self._velocity_seed)
        context.setStepCount(0)
        context.setTime(0.0)
        for name in (CHECKPOINT, PREVIOUS, PORTABLE):
            (self._directory / name).unlink(missing_ok=True)
        self._records.begin()
        self._records.write(0, context)
        return 0

    def _restore(self, context: openmm.Context) -> int | None:
        """Load the last good checkpoint and cut the records to it; its step, or None."""
        found = False
        for name in (CHECKPOINT, PREVIOUS):
            path = self._directory / name
            if not path.exists():
                continue
            found = True
            content = read_sealed(path)
            if content is None:
                self._say(f"{path} is damaged; looking for an earlier state")
                continue
            portable = None
            try:
                context.loadCheckpoint(content)
            except openmm.OpenMMException as error:
                portable = self._portable_state(f"{path} is not this machine's ({_reason(error)})")
                if portable is None:
                    continue
                context.setState(portable)
            step = int(context.getStepCount())
            lost = self._resume_records(step)
            if lost is None:
                if portable is not None:
                    self._renew_noise(context, portable)
                self._say(f"{self._directory} goes on at step {step} of {self._plan.length}")
                return step
            self._say(f"{lost}; looking for an earlier state")
        if found:
            self._say(f"{self._directory} starts again at step 0: no checkpoint is usable")
        elif self._records.begun:
            self._say(f"{self._directory} starts again at step 0: there is no checkpoint yet")
        return None

    def _resume_records(self, step: int) -> str | None:
        """Reopen the records up to `step`, or say what is missing of them."""
        lost = self._records.missing(step)
        if lost is None:
            try:
                self._records.resume(step)
            except DamagedFileError as error:
                return str(error)
        return lost

    def _portable_state(self, why: str) -> openmm.State | None:
        """The portable state, or None if it cannot be read."""
        try:
            state = read_state(self._directory / PORTABLE)
            for name, value in dict(state.getParameters()).items():
                if "coupling" in name and value != 1.0:
                    raise InputError(f"{PORTABLE} has {name} {value}, which no run of ours has")
        except InputError as error:
            self._say(f"{why}, and {error}")
            return None
        self._say(f"{why}; {PORTABLE} goes on with other noise")
        return state

    def _renew_noise(self, context: openmm.Context, state: openmm.State) -> None:
        """Go on from a State with noise that was not used before it."""
        self._thermostat.set_seed(self._velocity_seed + state.getStepCount())
        context.reinitialize()
        context.setState(state)

    def _advance(
        self,
        context: openmm.Context,
        step: int,
        progress: Callable[[int, int], None] | None,
        stop: Callable[[], bool],
    ) -> None:
        """Run from `step` to the end, looking up at every event and every half second."""
        plan, thermostat = self._plan, self._thermostat
        thermostat.set_temperature(context, plan.kT.kT(step))
        wraps = self._net.walls and wrapping.loses_digits(context)
        events = plan.events
        if wraps:
            events = np.union1d(events, np.arange(0, plan.length, wrapping.INTERVAL))
        saved = looked = time.monotonic()
        chunk = 1
        for target in events[events > step].tolist():
            while step < target:
                count = min(chunk, target - step)
                thermostat.integrator.step(count)
                step += count
                if step == target:
                    self._records.write(step, context)
                    if wraps and step % wrapping.INTERVAL == 0:
                        wrapping.wrap_positions(context)
                    thermostat.set_temperature(context, plan.kT.kT(step))
                now = time.monotonic()
                if count == chunk:
                    pace = max((now - looked) / count, 1e-9)
                    chunk = max(1, min(2 * chunk, int(LOOK_UP_SECONDS / pace)))
                looked = now
                if progress is not None:
                    progress(step, plan.length)
                stopping = stop() and step < plan.length
                if stopping or step == plan.length or now - saved > plan.checkpoint_seconds:
                    self._save(context)
                    saved = time.monotonic()
                if stopping:
                    raise Interrupted

    def _save(self, context: openmm.Context) -> None:
        """Write the portable state and a checkpoint; the checkpoint before is kept."""
        state = context.getState(
            positions=True, velocities=True, parameters=True, integratorParameters=True
        )
        serialized = openmm.XmlSerializer.serialize(state)
        write_atomically(self._directory / PORTABLE, serialized.encode())
        path = self._directory / CHECKPOINT
        if path.exists():
            path.replace(self._directory / PREVIOUS)
        write_sealed(path, context.createCheckpoint())


def _reason(error: openmm.OpenMMException) -> str:
    """First line of what OpenMM says."""
    return (str(error).splitlines() or ["unknown"])[0]
