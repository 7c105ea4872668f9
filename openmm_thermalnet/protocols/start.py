"""Where stages begin: random, from given weights, or copies of a sample."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.files import read_sealed, write_sealed
from openmm_thermalnet.network import ThermalNet
from openmm_thermalnet.weights import matrices_of, read_tensors


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
    def of(cls, net: ThermalNet, positions: Any) -> Start:
        """Start at `positions`, whose energies are E(0)."""
        raw = net.layout.positions(net.layout.coordinates(positions))
        return cls(raw, net.layerEnergies(raw).sum(axis=1))

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

    def replicate(self, net: ThermalNet, copies: int) -> tuple[ThermalNet, Start]:
        """Copies of every replica, side by side: slot ``copies * r + c`` is copy c of replica r.

        Parameters
        ----------
        net : ThermalNet
            Network of this start, with R replicas (the samples).
        copies : int
            Copies of each.

        Returns
        -------
        tuple
            The network of R x copies replicas, and its start.
        """
        many = net.withReplicas(net.replicas * copies)
        coordinates = np.repeat(net.layout.coordinates(self.positions), copies, axis=0)
        energies = np.repeat(self.initial_energies, copies)
        return many, Start(many.layout.positions(coordinates), energies)


def weights_start(net: ThermalNet, weights: Sequence[NDArray[Any]]) -> Start:
    """Start from given weights, the spins from a forward pass with tanh.

    Parameters
    ----------
    net : ThermalNet
        The network.
    weights : sequence of ndarray
        J_l, each (N_l, N_{l-1}) for all replicas alike, or (R, N_l, N_{l-1}).

    Returns
    -------
    Start
        Every hidden layer at zero energy.

    Raises
    ------
    InputError
        If the shapes do not fit, or a weight leaves [-1, 1].
    """
    if len(weights) != net.depth:
        raise InputError(f"{len(weights)} weight matrices given; this network has {net.depth}")
    for layer, weight in enumerate(weights, start=1):
        needed = (net.widths[layer], net.widths[layer - 1])
        if weight.shape[-2:] != needed:
            raise InputError(f"J{layer} has shape {weight.shape[-2:]}; give {needed}")
    return Start.of(net, net.positions(net.forwardSpins(weights), weights))


def read_state_dict(net: ThermalNet, path: Path) -> list[NDArray[np.float64]]:
    """Weights J_l of a file of tensors: its matrices in order, divided by the gain.

    Parameters
    ----------
    net : ThermalNet
        The network that is to have them.
    path : Path
        As `weights.read_tensors` takes it.

    Raises
    ------
    InputError
        If the file cannot be read, has other matrices, or a weight is too large for the walls.
    """
    found, others = matrices_of(read_tensors(path))
    matrices = list(found.values())
    if others:
        raise InputError(f"{path} has {others[0]}, which is no weight matrix; train without biases")
    if len(matrices) != net.depth:
        raise InputError(f"{path} has {len(matrices)} weight matrices; depth is {net.depth}")
    weights = [matrix / gain for matrix, gain in zip(matrices, net.gains, strict=True)]
    largest = max(np.abs(weight).max() for weight in weights)
    if largest > 1:
        needed = 1.005 * max(np.abs(matrix).max() for matrix in matrices)  # 3 digits may round down
        raise InputError(
            f"{path} has weights {largest:.3g} times what the walls allow; give gain {needed:.3g}"
        )
    return weights
