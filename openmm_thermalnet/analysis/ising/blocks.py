"""Width of the realisable energies, of the whole network, its first layers, or one layer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis.ising.ground import check_quench, quench_network
from openmm_thermalnet.analysis.ising.network import IsingNetwork, single_network
from openmm_thermalnet.analysis.ising.transfer import fits, ground_state


class Width(NamedTuple):
    """W = (E_max - E_min) / n, and whether it is exact or a lower bound from quenches."""

    value: float
    exact: bool


def energy_width(weights: Any, starts: int = 100, seed: int = 0, sweeps: int = 100) -> Width:
    """Width W = (E_max - E_min) / n of the realisable energies per spin (arXiv:2209.08678).

    Exact where the hidden layers are narrow enough to be summed over, else from the lowest energy
    that quenches find, half of them annealed.

    Parameters
    ----------
    weights : sequence of ndarray, each (N_l, N_{l-1})
        J_l; or anything of one replica that `load_weights` takes.
    starts, seed, sweeps
        As for `quench`; so many without and so many with annealing.

    Returns
    -------
    Width

    Raises
    ------
    InputError
        If the weights are no network, or a number is out of range.
    """
    network = IsingNetwork.of(weights)
    lowest, exact = lowest_state(network, starts, seed, sweeps)
    return Width(float(-2 * network.energies(lowest) / network.spins), exact)


def lowest_state(
    network: IsingNetwork, starts: int, seed: int, sweeps: int
) -> tuple[NDArray[np.float64], bool]:
    """Spins (n,) of the lowest energy that is found, and whether there is certainly none lower."""
    check_quench(starts, seed, sweeps)
    if fits(network):
        return ground_state(network), True
    found = [quench_network(network, starts, seed, each) for each in {0, sweeps}]
    best = min(found, key=lambda quenched: quenched.lowest)
    return best.spins.astype(np.float64), False


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
