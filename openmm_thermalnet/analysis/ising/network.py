"""A list of weight matrices as an Ising model: one +-1 spin for every neuron, no field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.arrays import plain_numbers
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.weights import Weights, load_weights

Array = NDArray[np.float64]


@dataclass(frozen=True)
class IsingNetwork:
    """Couplings of a layered network, laid out for single-spin flips.

    Attributes
    ----------
    matrices : tuple of ndarray
        J_l for l = 1 ... L, each (N_l, N_{l-1}).
    offsets : ndarray of int, shape (L + 2,)
        Spins of layer l are offsets[l] ... offsets[l + 1] - 1 of all n.
    couplings : ndarray
        Every J_l row by row, and again column by column, so that the couplings of a neuron to the
        layer below, and to the layer above, are each contiguous.
    links : ndarray of int, shape (n, 2, 3)
        For every spin and side (below, above): first neighbour, how many, and where their
        couplings begin.
    """

    matrices: tuple[Array, ...]
    offsets: NDArray[np.int64]
    couplings: Array
    links: NDArray[np.int64]

    @classmethod
    def of(cls, weights: Any) -> IsingNetwork:
        """Network of one set of weights, see `single_network`."""
        matrices = tuple(single_network(weights))
        widths = [matrices[0].shape[1], *(len(matrix) for matrix in matrices)]
        offsets = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
        links = np.zeros((offsets[-1], 2, 3), dtype=np.int64)
        parts: list[Array] = []
        begin = 0
        for layer, matrix in enumerate(matrices, start=1):
            for own, other, side, rows in (
                (layer, layer - 1, 0, matrix),
                (layer - 1, layer, 1, matrix.T),
            ):
                entry = links[offsets[own] : offsets[own + 1], side]
                entry[:, 0] = offsets[other]
                entry[:, 1] = widths[other]
                entry[:, 2] = begin + widths[other] * np.arange(widths[own])
                parts.append(rows.ravel())
                begin += matrix.size
        return cls(matrices, offsets, np.concatenate(parts), links)

    @property
    def spins(self) -> int:
        """n, the number of spins, those of the input neurons included."""
        return int(self.offsets[-1])

    def layers(self, spins: Array) -> list[Array]:
        """Views (..., N_l) of concatenated spins (..., n)."""
        return np.split(spins, self.offsets[1:-1], axis=-1)

    def local_fields(self, spins: Array) -> Array:
        """h_i = sum_j J_ij sigma_j of concatenated spins (..., n)."""
        fields = np.zeros_like(spins)
        own, into = self.layers(spins), self.layers(fields)
        for layer, matrix in enumerate(self.matrices, start=1):
            into[layer] += own[layer - 1] @ matrix.T
            into[layer - 1] += own[layer] @ matrix
        return fields

    def energies(self, spins: Array) -> Array:
        """E of concatenated spins (..., n), shape (...)."""
        return np.asarray(-0.5 * (spins * self.local_fields(spins)).sum(axis=-1))

    def flipped_alternate(self, spins: Array) -> Array:
        """Spins with every second layer flipped, which turns E into -E."""
        flipped = spins.copy()
        for layer in self.layers(flipped)[1::2]:
            layer *= -1
        return flipped


def single_network(weights: Any) -> list[Array]:
    """Matrices (N_l, N_{l-1}) of one network.

    Parameters
    ----------
    weights : Weights or anything that `load_weights` takes
        Of one replica.

    Raises
    ------
    InputError
        If it has several replicas, is not finite, or does not chain.
    """
    found = weights if isinstance(weights, Weights) else load_weights(weights)
    if found.replicas != 1:
        raise InputError(
            f"the weights have {found.replicas} replicas; choose one, such as weights.replica(0)"
        )
    return found.replica(0)


def energy(weights: Any, spins: ArrayLike | Sequence[ArrayLike]) -> Array:
    """Energy of spin configurations, E = -sum_l sigma_l^T J_l sigma_{l-1} (arXiv:2209.08678).

    Parameters
    ----------
    weights : sequence of ndarray, each (N_l, N_{l-1})
        J_l; or anything of one replica that `load_weights` takes.
    spins : array_like, shape (..., n), or sequence of array_like, each (..., N_l)
        +-1 for every neuron, those of the input included: concatenated, or layer by layer for
        l = 0 ... L.

    Returns
    -------
    ndarray, shape (...)
        In the units of the weights.

    Raises
    ------
    InputError
        If the weights are no network, or the spins do not fit or are not +-1.
    """
    network = IsingNetwork.of(weights)
    spins = plain_numbers("spins", spins)
    widths = np.diff(network.offsets).tolist()
    try:
        if isinstance(spins, list | tuple) and all(np.ndim(layer) > 0 for layer in spins):
            layers = [np.asarray(layer, dtype=np.float64) for layer in spins]
            if [layer.shape[-1] for layer in layers] == widths:
                layers = [np.broadcast_to(x, (*_common(layers), x.shape[-1])) for x in layers]
                return network.energies(_checked(np.concatenate(layers, axis=-1)))
        joined = np.asarray(spins, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"spins do not fit ({error}); give layers of {widths}") from error
    if joined.ndim == 0 or joined.shape[-1] != network.spins:
        raise InputError(
            f"spins have shape {joined.shape}; give {network.spins} along the last axis, or a "
            f"list of layers of {widths}"
        )
    return network.energies(_checked(joined))


def _common(layers: Sequence[Array]) -> tuple[int, ...]:
    """Shape that the batches of all layers share."""
    return np.broadcast_shapes(*(layer.shape[:-1] for layer in layers))


def _checked(spins: Array) -> Array:
    """Spins that are +-1."""
    wrong = spins[np.abs(spins) != 1]
    if wrong.size:
        raise InputError(f"a spin is {wrong[0]}; give -1 or 1")
    return spins
