"""Ground states by quenches, and the width of the realisable energies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis.ising import kernels
from openmm_thermalnet.analysis.ising.network import Array, IsingNetwork
from openmm_thermalnet.errors import InputError, check_integer


@dataclass(frozen=True)
class Quench:
    """Local minima that quenches from random starts end in.

    Attributes
    ----------
    energies : ndarray, shape (starts,)
        Of the minima, in the order of the starts.
    spins : ndarray of int8, shape (n,)
        The lowest of them.
    """

    energies: Array
    spins: NDArray[np.int8]

    @property
    def lowest(self) -> float:
        """Lowest energy found: an upper bound of the ground state's, E_min."""
        return float(self.energies.min())

    @property
    def width(self) -> float:
        """W = (E_max - E_min) / n. E_max = -E_min, since a layered network is bipartite."""
        return -2 * self.lowest / self.spins.size


def quench(weights: Any, starts: int = 100, seed: int = 0, sweeps: int = 0) -> Quench:
    """Quench the spins at zero temperature from random starts.

    Spins are visited in a random order and flipped where that lowers the energy, until none does.

    Parameters
    ----------
    weights : sequence of ndarray, each (N_l, N_{l-1})
        J_l; or anything of one replica that `load_weights` takes.
    starts : int, default 100
        Random configurations to start from.
    seed : int
        Of the starts and orders.
    sweeps : int, default 0
        Anneal before the quench: so many sweeps of Metropolis flips while the temperature falls
        in equal ratios from twice the typical local field to a hundredth of it. Finds lower
        energies on rugged landscapes.

    Returns
    -------
    Quench

    Raises
    ------
    InputError
        If the weights are no network, or a number is out of range.
    """
    return quench_network(IsingNetwork.of(weights), starts, seed, sweeps)


def check_quench(starts: int, seed: int, sweeps: int) -> None:
    """Refuse numbers of a quench that are no integers, or too small."""
    check_integer("starts", starts, 1)
    check_integer("seed", seed)
    check_integer("sweeps", sweeps)


def quench_network(network: IsingNetwork, starts: int, seed: int, sweeps: int) -> Quench:
    """`quench` of a network that is laid out."""
    check_quench(starts, seed, sweeps)
    rng = np.random.default_rng(seed)
    energies = np.empty(starts)
    best = np.empty(network.spins)
    inside = network.couplings, network.links
    for start in range(starts):
        spins = rng.choice((-1.0, 1.0), network.spins)
        fields = network.local_fields(spins)
        scale = float(np.sqrt(np.mean(fields**2)))
        if sweeps and scale > 0:
            for temperature in np.geomspace(2 * scale, 0.01 * scale, sweeps):
                kernels.metropolis(network.spins, spins, fields, *inside, temperature, rng)
            fields = network.local_fields(spins)
        order = rng.permutation(network.spins)
        kernels.descend(order, spins, fields, *inside, 1e-12 * scale)
        energies[start] = network.energies(spins)
        if energies[start] <= energies[: start + 1].min():
            best = spins
    return Quench(energies, best.astype(np.int8))


def first_layers(weights: Any, layers: int) -> list[Array]:
    """The network of the first matrices J_1 ... J_k alone.

    Raises
    ------
    InputError
        If there are fewer.
    """
    matrices = list(IsingNetwork.of(weights).matrices)
    if not 1 <= check_integer("layers", layers, 1) <= len(matrices):
        raise InputError(f"layers is {layers}; this network has 1 to {len(matrices)}")
    return matrices[:layers]
