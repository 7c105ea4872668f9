"""A stage of a run as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError, check_integer
from openmm_thermalnet.files import THERMO, TRAJECTORY
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.results import molecular
from openmm_thermalnet.results.layers import LayerFrames
from openmm_thermalnet.results.table import read_thermo
from openmm_thermalnet.trajectory import Trajectory


class StageResult:
    """The frames and the table of one stage; frames are read when they are asked for.

    Parameters
    ----------
    directory : Path
        Of the stage.
    stage : mapping
        What `run.json` says of it.
    network : mapping
        What `run.json` says of the network.
    timestep : float
        In ps.

    Attributes
    ----------
    name : str
        "quench", or "tw-1000" for the copies made at step 1000.
    waiting_time : int or None
        Step of the quench at which the copies were made; None for the quench.
    length : int
        Steps it has, or will have.
    samples, replicas : int
        N_s starts and N_r copies of each.
    sample : ndarray of int64, shape (R,)
        Sample of every slot.
    steps : ndarray of int64, shape (T,)
        Steps of the frames, from the start of the stage.
    layer_energies : ndarray, shape (T, R, L)
        E_l of the frames, kJ/mol; of a feed-forward network the two terms of its energy.
    energy_names : tuple of str
        Names of these terms in the table.
    walls : bool
        Whether the variables are folded into [-1, 1].
    complete : bool
        Whether the last frame is there.
    layout : Layout
        Which parameter stands where.

    Raises
    ------
    InputError
        If there is no trajectory or it is damaged.
    """

    def __init__(
        self,
        directory: Path,
        stage: Mapping[str, Any],
        network: Mapping[str, Any],
        timestep: float,
    ) -> None:
        self.directory = directory
        self.name: str = stage["name"]
        self.waiting_time: int | None = stage["waiting_time"]
        self.length: int = stage["length"]
        self.samples: int = stage["samples"]
        self.replicas: int = stage["replicas"]
        self.depth: int = network["depth"]
        self.timestep = timestep
        slots = self.samples * self.replicas
        self.layout = Layout.of(network, slots)
        self.walls = network.get("model", "thermal") == "thermal"
        self.energy_names: tuple[str, ...] = tuple(
            network.get("energy_names", [f"e_{layer}" for layer in range(1, self.depth + 1)])
        )
        self.sample: NDArray[np.int64] = np.arange(slots, dtype=np.int64) // self.replicas
        self._trajectory = Trajectory(directory / TRAJECTORY)
        expected = (slots, self.layout.particles)
        if self._trajectory.q.shape[1:] != expected:
            found = self._trajectory.q.shape[1:]
            self.close()
            raise InputError(
                f"{self._trajectory.path} has (slots, parameters) = {found}, its run.json "
                f"{expected}; bring the two files together that belong together"
            )
        self.steps = self._trajectory.steps
        self.layer_energies = self._trajectory.layer_energies

    @property
    def complete(self) -> bool:
        """Whether the last frame is there."""
        return bool(len(self.steps)) and int(self.steps[-1]) == self.length

    @property
    def times(self) -> NDArray[np.float64]:
        """Times of the frames (ps), from the start of the stage."""
        return np.asarray(self.steps * self.timestep, dtype=np.float64)

    def spins(self, layer: int) -> LayerFrames:
        """Spins S_l of one hidden layer, shape (T, R, M, N).

        Parameters
        ----------
        layer : int
            l = 1 ... L-1.

        Raises
        ------
        InputError
            If there is no such layer.
        """
        return self._frames("S", layer, self.depth - 1)

    def weights(self, layer: int) -> LayerFrames:
        """Weights J_l into one layer, shape (T, R, N_l, N_{l-1}).

        Parameters
        ----------
        layer : int
            l = 1 ... L.

        Raises
        ------
        InputError
            If there is no such layer.
        """
        return self._frames("J", layer, self.depth)

    def biases(self, layer: int) -> LayerFrames:
        """Biases B_l of one layer, shape (T, R, N_l, 1), of a network that has them.

        Parameters
        ----------
        layer : int
            l = 1 ... L.

        Raises
        ------
        InputError
            If there are none.
        """
        return self._frames("B", layer, self.depth)

    def _frames(self, letter: Literal["S", "J", "B"], layer: int, last: int) -> LayerFrames:
        if check_integer("layer", layer, 1) > last:
            raise InputError(f"layer is {layer!r}; {letter} has layers 1 to {last}")
        names = [field.name for field in self.layout.fields]
        if f"{letter}{layer}" not in names:
            raise InputError(f"this network has no {letter}{layer}; it has {', '.join(names)}")
        index = names.index(f"{letter}{layer}")
        field, where = self.layout.fields[index], self.layout.slices[index]
        return LayerFrames(self._trajectory, field, where, walls=self.walls)

    @cached_property
    def thermo(self) -> NDArray[Any]:
        """Table of the stage as a structured array (reports, R).

        ``thermo["energy_ratio"]`` is an array (reports, R); the fields are the columns of
        `thermo.csv`. Reports that are not written for all slots yet are left out.
        """
        return read_thermo(self.directory / THERMO, self.energy_names, len(self.sample))

    def to_mdtraj(
        self,
        replica: int | None = None,
        block: int = 0,
        frames: slice | None = None,
        raw: bool = False,
    ) -> Any:
        """The stage as an `mdtraj.Trajectory` with the network's topology.

        Parameters
        ----------
        replica : int, optional
            One slot, its variables as x, with y = z = 0. By default the three slots of a block
            are x, y and z, as in the simulation.
        block : int
            Which three: slots 3 b, 3 b + 1, 3 b + 2.
        frames : slice, optional
            Which frames; by default all.
        raw : bool
            Give the raw coordinates instead of the folded variables. They are wrapped into one
            period of 4 nm.

        Returns
        -------
        mdtraj.Trajectory
            P atoms, lengths in nm, times in ps from the start of the stage, in the 4 nm box.

        Raises
        ------
        InputError
            If there is no such slot or block.
        """
        slots = molecular.chosen_slots(replica, block, len(self.sample))
        kept = np.arange(len(self.steps))[frames or slice(None)]
        return molecular.to_mdtraj(
            self._trajectory.q, kept, slots, self.times[kept], self.layout, self.walls, raw
        )

    def export(self, path: str | Path, **selection: Any) -> None:
        """Write the stage for other programs, through MDTraj.

        Parameters
        ----------
        path : str or Path
            The suffix chooses the format: .dcd (coordinates alone), .pdb (with topology,
            1e-4 nm), .h5 (MDTraj's own, with topology; needs PyTables).
        **selection
            As `to_mdtraj`.

        Raises
        ------
        InputError
            If the format is not one of these; .xtc keeps 1e-3 nm, which is too coarse.
        DependencyError
            If PyTables is needed and missing.
        """
        target = molecular.check_target(Path(path))
        self.to_mdtraj(**selection).save(str(target))

    def close(self) -> None:
        """Close the trajectory."""
        self._trajectory.close()

    def __repr__(self) -> str:
        """Name, frames and slots in one line."""
        return (
            f"StageResult({self.name}, frames={len(self.steps)}, samples={self.samples}, "
            f"replicas={self.replicas}, complete={self.complete})"
        )
