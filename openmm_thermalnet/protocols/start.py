"""Where stages begin, and copies of it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError, MissingFileError, check_integer
from openmm_thermalnet.files import TRAJECTORY, read_sealed, write_sealed
from openmm_thermalnet.particles import ParticleNetwork
from openmm_thermalnet.trajectory import Trajectory


@dataclass(frozen=True)
class Start:
    """Where a stage begins.

    Attributes
    ----------
    positions : ndarray, shape (B P, 3)
        Raw coordinates (nm).
    initial_energies : ndarray, shape (R,)
        E(0) of each replica (kJ/mol), which `energy_ratio` divides by.
    """

    positions: NDArray[np.float64]
    initial_energies: NDArray[np.float64]

    @classmethod
    def of(cls, net: ParticleNetwork, positions: Any) -> Start:
        """Start at `positions`, whose energies are E(0)."""
        raw = net.layout.positions(net.layout.coordinates(positions))
        return cls(raw, net.energyTerms(raw).sum(axis=1))

    def save(self, path: Path) -> None:
        """Write the start as an npz file that carries its checksum, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez(buffer, positions=self.positions, initial_energies=self.initial_energies)
        write_sealed(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Start | None:
        """Start written by `save`, or None if the file is missing or damaged."""
        content = read_sealed(path)
        if content is None:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(arrays["positions"], arrays["initial_energies"])

    def replicate(self, net: ParticleNetwork, copies: int) -> tuple[ParticleNetwork, Start]:
        """Copies of every replica, side by side: slot ``copies * r + c`` is copy c of replica r.

        Parameters
        ----------
        net : ParticleNetwork
            Network of this start, with R replicas (the samples).
        copies : int
            Copies of each.

        Returns
        -------
        tuple
            The network of R x copies replicas, and its start.
        """
        many = net.withReplicas(net.replicas * check_integer("copies", copies, 1))
        coordinates = np.repeat(net.layout.coordinates(self.positions), copies, axis=0)
        energies = np.repeat(self.initial_energies, copies)
        return many, Start(many.layout.positions(coordinates), energies)


def last_frame(directory: Path, net: ParticleNetwork) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Coordinates of the last frame of another run, dealt out in turns to this network's replicas.

    Parameters
    ----------
    directory : Path
        Of the other run.
    net : ParticleNetwork
        Of this run.

    Returns
    -------
    tuple
        What the other run says of its network, and coordinates (R, P of that network).

    Raises
    ------
    InputError
        If there is no run, it has no frame, or its model or widths are others.
    """
    if not (directory / TRAJECTORY).is_file():
        raise MissingFileError(
            f"{directory} is neither a file nor a run; name a torch state_dict or a run's directory"
        )
    with Trajectory(directory / TRAJECTORY) as trajectory:
        if not len(trajectory.steps):
            raise InputError(f"{directory} has no frame yet; wait, or start from another run")
        network: dict[str, Any] = trajectory.metadata["network"]
        coordinates = trajectory.q[len(trajectory.steps) - 1].astype(np.float64)
    model, widths = network.get("model", "thermal"), network["widths"]
    if model != net.model:
        raise InputError(f"{directory} is of model {model}; this run is of {net.model}")
    if widths != list(net.widths):
        raise InputError(f"{directory} has widths {widths}; this run has {list(net.widths)}")
    return network, coordinates[np.arange(net.replicas) % len(coordinates)]
