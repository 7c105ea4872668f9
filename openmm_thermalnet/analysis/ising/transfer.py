"""Exact thermodynamics and ground states of narrow networks, layer by layer.

The sum over all configurations factorises along the layers: from the 2^{N_l} states of one hidden
layer to those of the next, whatever the width of the input and the output, whose neurons are
independent once their neighbours are given. A few hidden layers of up to some twelve neurons are no
trouble, with any number of inputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from openmm_thermalnet.analysis.ising.network import IsingNetwork
from openmm_thermalnet.analysis.ising.thermodynamics import check_temperatures, peak
from openmm_thermalnet.errors import InputError, check_integer

Array = NDArray[np.float64]

WIDEST = 12
"""Neurons of a layer whose states are enumerated."""


@dataclass(frozen=True)
class ExactThermodynamics:
    """Canonical averages without sampling.

    Attributes
    ----------
    temperatures : ndarray, shape (K,)
        T.
    log_partition : ndarray, shape (K,)
        ln Z = ln sum exp(-E/T).
    energy : ndarray, shape (K,)
        <E> / n.
    specific_heat : ndarray, shape (K,)
        (<E^2> - <E>^2) / T^2 / n.
    """

    temperatures: Array
    log_partition: Array
    energy: Array
    specific_heat: Array


def exact_thermodynamics(weights: Any, temperatures: ArrayLike) -> ExactThermodynamics:
    """Canonical averages of a narrow network by summing over all configurations.

    Parameters
    ----------
    weights : sequence of ndarray, each (N_l, N_{l-1})
        J_l; or anything of one replica that `load_weights` takes. Hidden layers of at most 12
        neurons; the input and the output may have any number.
    temperatures : array_like, shape (K,)
        T > 0.

    Returns
    -------
    ExactThermodynamics

    Raises
    ------
    InputError
        If a hidden layer is too wide, or a temperature is not positive.
    """
    network = IsingNetwork.of(weights)
    _check_narrow(network)
    values = np.atleast_1d(check_temperatures(temperatures))
    bonds = _bonds(network)
    sums = np.array([_sum_states(bonds, temperature) for temperature in values])
    log_partition, mean, variance = sums.T
    n = network.spins
    return ExactThermodynamics(values, log_partition, mean / n, variance / values**2 / n)


def exact_critical_temperature(weights: Any, points: int = 24) -> tuple[float, float]:
    """T_c = argmax C, to 1e-4, and C(T_c) of a narrow network, by exact sums; nan if none.

    Parameters
    ----------
    weights
        As for `exact_thermodynamics`.
    points : int
        Temperatures tried before the refinement, from a twentieth to five times the ground state's
        energy per spin.

    Raises
    ------
    InputError
        If a hidden layer is too wide, or all weights are zero.
    """
    network = IsingNetwork.of(weights)
    _check_narrow(network)
    check_integer("points", points, 3)
    scale = -float(network.energies(ground_state(network))) / network.spins
    if not scale > 0:
        raise InputError("all weights are zero; there is no critical temperature")
    bonds = _bonds(network)

    def curve(temperatures: ArrayLike) -> Array:
        values = np.asarray(temperatures)
        each = [_sum_states(bonds, one)[2] / one**2 for one in values.ravel()]
        found: Array = np.array(each).reshape(values.shape) / network.spins
        return found

    return peak(curve, 0.05 * scale, 5 * scale, points, precision=1e-4)


def ground_state_energy(weights: Any) -> float:
    """E_min of a narrow network, exactly, by dynamic programming over its layers.

    Raises
    ------
    InputError
        If a hidden layer is too wide.
    """
    network = IsingNetwork.of(weights)
    return float(network.energies(ground_state(network)))


def fits(network: IsingNetwork) -> bool:
    """Whether every hidden layer is narrow enough for the exact sums (`WIDEST`)."""
    return all(len(matrix) <= WIDEST for matrix in _oriented(network)[:-1])


def _check_narrow(network: IsingNetwork) -> None:
    """Refuse a network that is too wide."""
    if not fits(network):
        widest = max(len(matrix) for matrix in _oriented(network)[:-1])
        raise InputError(
            f"a hidden layer has {widest} neurons, too many for exact sums; give at most {WIDEST}, "
            "or use wang_landau"
        )


def _oriented(network: IsingNetwork) -> list[Array]:
    """Matrices such that all but the last have few rows.

    One matrix alone has no hidden layer: its smaller side is enumerated, and an output without
    couplings stands behind it.
    """
    matrices = list(network.matrices)
    if len(matrices) > 1:
        return matrices
    (matrix,) = matrices
    narrow_side = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    return [narrow_side, np.zeros((0, len(narrow_side)))]


def _half_states(width: int) -> Array:
    """Half of the states of a layer, (2^(width - 1), width); the other half are their negatives."""
    bits = np.arange(2 ** (width - 1))[:, None] >> np.arange(width) & 1
    return np.where(bits == 1, -1.0, 1.0)


def _bonds(network: IsingNetwork) -> list[Array]:
    """For an input: local fields (states, N_0); hidden: energies; for an output: local fields."""
    first, *hidden, last = _oriented(network)
    states = _half_states(len(first))
    bonds = [states @ first]
    for matrix in hidden:
        following = _half_states(len(matrix))
        bonds.append(following @ matrix @ states.T)
        states = following
    return [*bonds, states @ last.T]


def _sum_states(bonds: list[Array], temperature: float) -> tuple[float, float, float]:
    """Logarithm ln Z, and mean and variance of the energy, at one temperature.

    All spins up to a layer may be flipped together at no cost but the bonds to the next one, so
    that the sum over half of the states suffices, with one more free spin in their field.
    """
    inputs, *hidden, outputs = bonds
    log_z, mean, variance = (part.sum(axis=1) for part in _free_spins(inputs, temperature))
    for fields in hidden:
        flip, energies, spread = _free_spins(fields, temperature)
        exponent = log_z + flip
        largest = exponent.max(axis=1, keepdims=True)
        weights = np.exp(exponent - largest)
        total = weights.sum(axis=1, keepdims=True)
        weights /= total
        energies += mean
        log_z = (largest + np.log(total))[:, 0]
        mean = (weights * energies).sum(axis=1)
        variance = (weights * (variance + spread + (energies - mean[:, None]) ** 2)).sum(axis=1)
    free = [part.sum(axis=1) for part in _free_spins(outputs, temperature)]
    log_z, mean, variance = log_z + free[0], mean + free[1], variance + free[2]
    total = logsumexp(log_z)
    weights = np.exp(log_z - total)
    average = weights @ mean
    spread = variance + (mean - average) ** 2
    return float(total + math.log(2)), float(average), float(weights @ spread)


def _free_spins(fields: Array, temperature: float) -> tuple[Array, Array, Array]:
    """Logarithm ln Z, mean and variance of the energy, of each independent spin in its field."""
    strength = np.abs(fields)
    falling = np.exp(-2 / temperature * strength)
    tanh = (1 - falling) / (1 + falling)
    log_z = strength / temperature + np.log1p(falling)
    return log_z, -strength * tanh, strength**2 * (1 - tanh**2)


def ground_state(network: IsingNetwork) -> Array:
    """A configuration (n,) of the lowest energy, by dynamic programming over the layers.

    Raises
    ------
    InputError
        If a hidden layer is too wide.
    """
    _check_narrow(network)
    inputs, *hidden, outputs = _bonds(network)
    best = -np.abs(inputs).sum(axis=1)
    chosen = []
    for fields in hidden:
        totals = best - np.abs(fields)
        chosen.append(totals.argmin(axis=1))
        best = totals.min(axis=1)
    state = int((best - np.abs(outputs).sum(axis=1)).argmin())
    matrices = _oriented(network)
    layers = [_half_states(len(matrices[-2]))[state]]
    for matrix, before in zip(matrices[-2:0:-1], chosen[::-1], strict=True):
        state = int(before[state])
        own = _half_states(matrix.shape[1])[state]
        layers.insert(0, own * (1.0 if layers[0] @ matrix @ own >= 0 else -1.0))
    layers.insert(0, _aligned(layers[0] @ matrices[0]))
    layers.append(_aligned(matrices[-1] @ layers[-1]))
    if matrices[0] is not network.matrices[0]:  # one matrix, turned round
        layers = layers[1::-1]
    return np.concatenate(layers)


def _aligned(fields: Array) -> Array:
    return np.where(fields >= 0, 1.0, -1.0)
