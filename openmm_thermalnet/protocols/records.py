"""What a stage writes, and whether all of it is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from openmm_thermalnet.errors import InputError, SimulationError
from openmm_thermalnet.files import THERMO, TRAJECTORY, write_atomically
from openmm_thermalnet.particles import ParticleNetwork
from openmm_thermalnet.protocols.start import Start
from openmm_thermalnet.reporters import ThermalTable, columns
from openmm_thermalnet.schedules import Annealing
from openmm_thermalnet.trajectory import Trajectory, TrajectoryWriter, continue_trajectory


@dataclass(frozen=True)
class Plan:
    """What a stage does and records.

    Attributes
    ----------
    length : int
        Steps.
    report_steps, frame_steps : ndarray of int64
        Steps with rows in `thermo.csv` and frames in `trajectory.h5`, ascending.
    kT : Annealing
        Thermal energy against the step.
    keep : dict of int to Path
        Steps at which the state is kept as the start of another stage, and the file for it.
    double_frames : bool
        Store frames in float64.
    checkpoint_seconds : float
        Time between checkpoints.
    metadata : dict
        JSON-able description, kept in the trajectory.
    """

    length: int
    report_steps: NDArray[np.int64]
    frame_steps: NDArray[np.int64]
    kT: Annealing
    keep: dict[int, Path] = field(default_factory=dict)
    double_frames: bool = False
    checkpoint_seconds: float = 300.0
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def events(self) -> NDArray[np.int64]:
        """Steps at which the integrator must stop."""
        end = np.array([self.length, *self.keep], dtype=np.int64)
        changes = self.kT.changes(self.length)
        return np.unique(np.concatenate([self.report_steps, self.frame_steps, changes, end]))


class Records:
    """The table, the trajectory and the kept states of one stage.

    Parameters
    ----------
    directory : Path
        Of the stage.
    net : ParticleNetwork
        The network.
    plan : Plan
        What is written when.
    start : Start
        Whose E(0) the table's energy_ratio divides by.
    """

    def __init__(self, directory: Path, net: ParticleNetwork, plan: Plan, start: Start) -> None:
        self._thermo = directory / THERMO
        self._path = directory / TRAJECTORY
        self._net = net
        self._plan = plan
        self._initial_energies = start.initial_energies
        self._stream: TextIO | None = None
        self._trajectory: TrajectoryWriter | None = None

    @property
    def begun(self) -> bool:
        """Whether a trajectory is there."""
        return self._path.exists()

    def begin(self) -> None:
        """Open empty records."""
        self._path.unlink(missing_ok=True)
        self._trajectory = TrajectoryWriter(
            self._path,
            self._net.layout,
            len(self._net.energyNames),
            self._plan.metadata,
            self._plan.double_frames,
            self._net.walls,
        )
        self._stream = self._thermo.open("w", newline="")
        self._table = ThermalTable(
            self._net, self._stream, self._initial_energies, constant_masses=True
        )

    def resume(self, step: int) -> None:
        """Reopen complete records, without what is later than `step`.

        Raises
        ------
        DamagedFileError
            If a frame does not fit its checksum.
        """
        self._trajectory = continue_trajectory(
            self._path,
            self._net.layout,
            len(self._net.energyNames),
            step,
            self._plan.double_frames,
            self._net.walls,
        )
        lines = 1 + self._net.replicas * int(np.sum(self._plan.report_steps <= step))
        kept = self._thermo.read_bytes().splitlines(keepends=True)[:lines]
        write_atomically(self._thermo, b"".join(kept))
        self._stream = self._thermo.open("a", newline="")
        self._table = ThermalTable(
            self._net, self._stream, self._initial_energies, header=False, constant_masses=True
        )

    def write(self, step: int, context: openmm.Context) -> None:
        """Write what is due at this step.

        Raises
        ------
        SimulationError
            If the energy is not finite.
        """
        plan = self._plan
        frame, row = _holds(plan.frame_steps, step), _holds(plan.report_steps, step)
        if not (frame or row or step in plan.keep):
            return
        state = context.getState(getPositions=True, getVelocities=True)
        positions = state.getPositions(asNumpy=True)._value
        energies = self._net.contextEnergyTerms(context, positions)
        if not np.isfinite(energies).all():
            raise SimulationError(
                f"the energy is not finite at step {step}; give a smaller timestep or learning rate"
            )
        if frame and self._trajectory is not None:
            self._trajectory.write(step, positions, energies)
        if row:
            self._table.write(
                step,
                state.getTime().value_in_unit(unit.picosecond),
                positions,
                state.getVelocities(asNumpy=True)._value,
                context.getSystem(),
                energies,
            )
        if step in plan.keep:
            Start(positions, self._initial_energies).save(plan.keep[step])

    def missing(self, step: int) -> str | None:
        """What is not there of the records up to `step`, in words, or None."""
        plan = self._plan
        try:
            with Trajectory(self._path) as trajectory:
                frames = trajectory.steps[trajectory.steps <= step]
        except InputError as error:
            return str(error)
        if not np.array_equal(frames, plan.frame_steps[plan.frame_steps <= step]):
            return f"{self._path} lacks frames up to step {step}"
        if not self._table_is_whole(step):
            return f"{self._thermo} lacks rows up to step {step}"
        for kept, path in plan.keep.items():
            if kept <= step and Start.load(path) is None:
                return f"{path} is missing or damaged"
        return None

    def _table_is_whole(self, step: int) -> bool:
        """Whether the rows of all reports up to `step` are there."""
        try:
            lines = self._thermo.read_text().splitlines(keepends=True)
        except (OSError, UnicodeDecodeError):
            return False
        names = columns(self._net)
        due = self._plan.report_steps[self._plan.report_steps <= step]
        expected = [
            (str(report), str(replica)) for report in due for replica in range(self._net.replicas)
        ]
        rows = [line.rstrip("\n").split(",") for line in lines if line.endswith("\n")]
        rows = rows[: 1 + len(expected)]
        return (
            len(rows) == 1 + len(expected)
            and rows[0] == names
            and all(len(row) == len(names) for row in rows)
            and [(row[0], row[2]) for row in rows[1:]] == expected
        )

    def close(self) -> None:
        """Close the files."""
        stream, self._stream = self._stream, None
        trajectory, self._trajectory = self._trajectory, None
        try:
            if stream is not None:
                stream.close()
        finally:
            if trajectory is not None:
                trajectory.close()


def _holds(steps: NDArray[np.int64], step: int) -> bool:
    """Whether ascending `steps` has `step`."""
    index = int(np.searchsorted(steps, step))
    return index < len(steps) and int(steps[index]) == step
