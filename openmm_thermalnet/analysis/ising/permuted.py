"""The untrained comparison: the same weights in random places."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis.ising.network import single_network
from openmm_thermalnet.errors import InputError


def permuted(weights: Any, fraction: float = 1.0, seed: int = 0) -> list[NDArray[np.float64]]:
    """Weights with a fraction of all entries, pooled over the whole network, permuted at random.

    Parameters
    ----------
    weights : sequence of ndarray, each (N_l, N_{l-1})
        J_l; or anything of one replica that `load_weights` takes.
    fraction : float, default 1
        f in [0, 1]: which part of the entries is drawn (without repetition) and permuted.
    seed : int
        Of the draw and of the permutation.

    Returns
    -------
    list of ndarray
        Matrices of the same shapes with the same entries, in float64.

    Raises
    ------
    InputError
        If the weights are no network, or the fraction leaves [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"the permuted fraction is {fraction}; give a number from 0 to 1")
    matrices = single_network(weights)
    pooled = np.concatenate([matrix.ravel() for matrix in matrices])
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(pooled.size)[: round(fraction * pooled.size)]
    pooled[np.sort(chosen)] = pooled[chosen]
    ends = np.cumsum([matrix.size for matrix in matrices])[:-1]
    parts = np.split(pooled, ends)
    return [part.reshape(matrix.shape) for part, matrix in zip(parts, matrices, strict=True)]
