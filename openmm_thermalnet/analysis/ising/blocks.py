"""Width of the realisable energies, of the whole network, its first layers, or one layer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis.ising.ground import quench
from openmm_thermalnet.analysis.ising.network import single_network
from openmm_thermalnet.analysis.ising.transfer import ground_state_energy, narrow


class Width(NamedTuple):
    """W = (E_max - E_min) / n, and whether it is exact or a lower bound from quenches."""

    value: float
    exact: bool


def energy_width(weights: Any, starts: int = 100, seed: int = 0, sweeps: int = 100) -> Width:
    """Width W = (E_max - E_min) / n of the realisable energies per spin (arXiv:2209.08678).

    Exact where the hidden layers are narrow enough to be summed over, else from the lowest energy
    that annealed quenches find.

    Parameters
    ----------
    weights : sequence of ndarray, each (N_l, N_{l-1})
        J_l; or anything of one replica that `load_weights` takes.
    starts, seed, sweeps
        As for `quench`.

    Returns
    -------
    Width

    Raises
    ------
    InputError
        If the weights are no network, or a number is out of range.
    """
    matrices = single_network(weights)
    if narrow(matrices):
        spins = matrices[0].shape[1] + sum(len(matrix) for matrix in matrices)
        return Width(-2 * ground_state_energy(matrices) / spins, True)
    return Width(quench(matrices, starts, seed, sweeps).width, False)


def block_widths(
    weights: Any, cumulative: bool = True, starts: int = 100, seed: int = 0, sweeps: int = 100
) -> NDArray[np.float64]:
    """W of the first k layers for k = 1 ... L, or of every layer alone.

    Parameters
    ----------
    weights : sequence of ndarray, each (N_l, N_{l-1})
        J_l; or anything of one replica that `load_weights` takes.
    cumulative : bool
        The first k layers; else layer k alone.
    starts, seed, sweeps
        As for `quench`.

    Returns
    -------
    ndarray, shape (L,)
        Per spin of the part.

    Raises
    ------
    InputError
        If the weights are no network, or a number is out of range.
    """
    matrices = single_network(weights)
    parts = [
        matrices[:layer] if cumulative else matrices[layer - 1 : layer]
        for layer in range(1, len(matrices) + 1)
    ]
    return np.array([energy_width(part, starts, seed, sweeps).value for part in parts])
