"""The untrained comparison: the same weights in random places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis.ising.network import single_network
from openmm_thermalnet.arrays import plain_number
from openmm_thermalnet.errors import InputError, check_integer


def permuted(
    weights: Any, fraction: float = 1.0, seed: int = 0, *, within_layers: bool = False
) -> list[NDArray[np.float64]]:
    """Weights with a fraction of all entries, pooled over the whole network, permuted at random.

    Parameters
    ----------
    weights : sequence of ndarray, each (N_l, N_{l-1})
        J_l; or anything of one replica that `load_weights` takes.
    fraction : float, default 1
        f in [0, 1]: which part of the entries is drawn (without repetition) and permuted.
    seed : int
        Of the draw and of the permutation.
    within_layers : bool
        Permute every matrix in itself, so that each layer keeps its distribution of weights.

    Returns
    -------
    list of ndarray
        Matrices of the same shapes with the same entries, in float64.

    Raises
    ------
    InputError
        If the weights are no network, or the fraction leaves [0, 1].
    """
    if not 0 <= plain_number("fraction", fraction) <= 1:
        raise InputError(f"the permuted fraction is {fraction}; give a number from 0 to 1")
    matrices = single_network(weights)
    rng = np.random.default_rng(check_integer("seed", seed))
    pools = [matrix.ravel().copy() for matrix in matrices]
    if not within_layers:
        pools = [np.concatenate(pools)]
    for pool in pools:
        chosen = rng.permutation(pool.size)[: round(fraction * pool.size)]
        pool[np.sort(chosen)] = pool[chosen]
    ends = np.cumsum([matrix.size for matrix in matrices])[:-1]
    parts = np.split(np.concatenate(pools), ends)
    return [part.reshape(matrix.shape) for part, matrix in zip(parts, matrices, strict=True)]
