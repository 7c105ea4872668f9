"""OpenMM reporters: thermodynamics and accuracy as a table, configurations as a trajectory."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TextIO, cast

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from openmm_thermalnet.arrays import plain_numbers
from openmm_thermalnet.errors import InputError, check_integer
from openmm_thermalnet.files import Closeable
from openmm_thermalnet.particles import ParticleNetwork, particle_masses


class ThermalTable:
    """The rows of `thermo.csv`: one per replica and report.

    Parameters
    ----------
    net : ParticleNetwork
        The network.
    stream : text file
        Open for writing.
    initial_energies : array (R,), optional
        E(0) of every replica for `energy_ratio`; by default those of the first report.
    header : bool
        Whether to write the column names.
    constant_masses : bool
        Whether the System's masses are the same at every report, so that they are read once.
    """

    def __init__(
        self,
        net: ParticleNetwork,
        stream: TextIO,
        initial_energies: NDArray[np.float64] | None = None,
        header: bool = True,
        constant_masses: bool = False,
    ) -> None:
        self._net = net
        self._stream = stream
        self._writer = csv.writer(stream, lineterminator="\n")
        self._initial = initial_energies
        self._constant = constant_masses
        self._masses: NDArray[np.float64] | None = None
        if header:
            self._writer.writerow(columns(net))

    def write(
        self,
        step: int,
        time: float,
        positions: Any,
        velocities: Any,
        system: openmm.System | None = None,
        terms: NDArray[np.float64] | None = None,
    ) -> None:
        """Append the rows of one moment and flush them.

        Parameters
        ----------
        step : int
            Step number.
        time : float
            Time (ps).
        positions, velocities : Quantity or array, shape (B P, 3)
            As OpenMM gives them.
        system : openmm.System, optional
            Has the masses for the temperature; by default all are 1.
        terms : array (R, K), optional
            Terms of the energies; by default they are computed.
        """
        net = self._net
        if terms is None:
            terms = net.energyTerms(positions)
        energies = terms.sum(axis=1)
        if self._initial is None:
            self._initial = energies
        if system is not None and (self._masses is None or not self._constant):
            self._masses = particle_masses(system)
        measured = net.measure(positions, velocities, self._masses)
        for replica in range(net.replicas):
            initial = self._initial[replica]
            ratio = energies[replica] / initial if initial else math.nan
            numbers = [
                energies[replica],
                ratio,
                *terms[replica],
                *(values[replica] for values in measured),
            ]
            self._writer.writerow([step, f"{time:.10g}", replica, *(f"{x:.9g}" for x in numbers)])
        self._stream.flush()


def columns(net: ParticleNetwork) -> list[str]:
    """Column names of `thermo.csv` for a network."""
    return [
        "step",
        "time",
        "replica",
        "energy",
        "energy_ratio",
        *net.energyNames,
        *net.measureNames,
    ]


class ThermalReporter(Closeable):
    """Reporter of energies, temperatures and accuracies as a CSV table.

    One row per replica and report: step, time (ps), replica, energy (kJ/mol), energy_ratio
    E(t)/E(0), the terms of the energy, and what the network measures: for a `ThermalNet` the layer
    energies e_1 ... e_L, temperature (kT from the kinetic energy), and the accuracies test_sign,
    test_tanh, train_sign, train_tanh; for a `FeedForwardNet` loss, weight_decay, test_accuracy,
    train_accuracy and unsatisfied. The first rows are those of the moment at which the simulation
    first asks for a report, so that E(0) is the energy before the first step.

    Parameters
    ----------
    file : str, Path or text file
        Where the table goes; a path is overwritten unless `append`.
    reportInterval : int or sequence of int
        Steps between reports, or the steps themselves (see `schedules`).
    net : ParticleNetwork
        The network of the simulation.
    append : bool
        Go on with the table at a path, for a simulation that goes on from a checkpoint or State:
        E(0) is read from its first rows (9 digits), and rows later than the simulation's step are
        dropped when it first asks. A table that is missing or has no report is begun.

    Raises
    ------
    InputError
        If the interval is no positive integer, the steps are none or do not ascend, or what
        `append` names is no path or no table of this network.
    """

    def __init__(
        self,
        file: str | Path | TextIO,
        reportInterval: int | Sequence[int],
        net: ParticleNetwork,
        append: bool = False,
    ) -> None:
        self._schedule = _Schedule(reportInterval)
        self._owned: TextIO | None = None
        self._continued: Path | None = None  # until the first question cuts it
        self._net = net
        initial = None
        if isinstance(file, (str, Path)):
            path = Path(file)
            initial = _initial_energies(path, net) if append else None
            self._continued = None if initial is None else path
            mode: Literal["w", "a"] = "w" if initial is None else "a"
            file = self._owned = path.open(mode, newline="")
        elif append:
            raise InputError("append is True for a stream, whose E(0) is not known; give a path")
        self._table = ThermalTable(net, file, initial, header=initial is None)
        self._started = initial is not None

    def describeNextReport(self, simulation: Any) -> dict[str, Any]:
        """Steps to the next report and what it needs (OpenMM's reporter protocol)."""
        if self._continued is not None:
            self._cut(self._continued, simulation.currentStep)
            self._continued = None
        if not self._started:
            state = simulation.context.getState(getPositions=True, getVelocities=True)
            self.report(simulation, state)
        steps = self._schedule.until_next(simulation.currentStep)
        return {"steps": steps, "periodic": False, "include": ["positions", "velocities"]}

    def report(self, simulation: Any, state: Any) -> None:
        """Write the rows of this State."""
        self._started = True
        positions = state.getPositions(asNumpy=True)
        self._table.write(
            simulation.currentStep,
            state.getTime().value_in_unit(unit.picosecond),
            positions,
            state.getVelocities(asNumpy=True),
            simulation.system,
            self._net.contextEnergyTerms(simulation.context, positions),
        )

    def _cut(self, path: Path, step: int) -> None:
        """Drop rows that are later than `step`, and an incomplete report at the end."""
        lines = path.read_bytes().splitlines(keepends=True)

        def early(line: bytes) -> bool:
            return line.endswith(b"\n") and int(line.partition(b",")[0]) <= step

        kept = list(itertools.takewhile(early, lines[1:]))
        whole = len(kept) - len(kept) % self._net.replicas
        if not whole:
            raise InputError(f"{path} begins after step {step}; leave out append")
        if self._owned is not None:
            self._owned.truncate(sum(map(len, [lines[0], *kept[:whole]])))

    def close(self) -> None:
        """Close the file if this reporter opened it."""
        if self._owned is not None:
            self._owned.close()


def _initial_energies(path: Path, net: ParticleNetwork) -> NDArray[np.float64] | None:
    """E(0) of every replica from the first report of a table; None if it has none."""
    try:
        with path.open(newline="") as stream:
            rows = list(itertools.islice(csv.reader(stream), 1 + net.replicas))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read; name another file") from None
    if rows and rows[0] != columns(net):
        raise InputError(f"{path} is no table of this network; name another, or leave out append")
    if len(rows) <= net.replicas or len(rows[-1]) != len(rows[0]):
        return None
    return np.array([float(row[3]) for row in rows[1:]])


class _Schedule:
    """Next report of an interval or of a list of steps."""

    _NEVER = 2**31 - 1

    def __init__(self, steps: int | Sequence[int]) -> None:
        self._interval: int | None = None
        steps = plain_numbers("reportInterval", steps)
        if isinstance(steps, str) or not np.iterable(steps):
            self._interval = check_integer("reportInterval", steps, 1)
        else:
            checked = [check_integer("a report step", step) for step in cast("Any", steps)]
            self._steps = np.array(checked, dtype=np.int64)
            if np.any(np.diff(self._steps) <= 0):
                raise InputError("the report steps do not ascend; sort them and drop repeats")

    def until_next(self, step: int) -> int:
        """Steps from `step` to the next report."""
        if self._interval is not None:
            return self._interval - step % self._interval
        index = int(np.searchsorted(self._steps, step, side="right"))
        return int(self._steps[index]) - step if index < len(self._steps) else self._NEVER
