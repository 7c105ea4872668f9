"""Exact thermodynamics and ground states of narrow networks, layer by layer.

The sum over all configurations factorises along the layers: from the 2^{N_l} states of one hidden
layer to those of the next, whatever the width of the input and the output, whose neurons are
independent once their neighbours are given. A few hidden layers of up to some twelve neurons are no
trouble, with any number of inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from openmm_thermalnet.analysis.ising.network import IsingNetwork
from openmm_thermalnet.analysis.ising.thermodynamics import check_temperatures, peak
from openmm_thermalnet.errors import InputError

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


def narrow(weights: Any) -> bool:
    """Whether every hidden layer is narrow enough for the exact sums (`WIDEST`)."""
    return _fits(IsingNetwork.of(weights))


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
    network = _narrow_network(weights)
    values = np.atleast_1d(check_temperatures(temperatures))
    sums = np.array([_sum_states(network, temperature) for temperature in values])
    log_partition, mean, variance = sums.T
    n = network.spins
    return ExactThermodynamics(values, log_partition, mean / n, variance / values**2 / n)


def exact_critical_temperature(weights: Any, points: int = 24) -> tuple[float, float]:
    """T_c = argmax C and C(T_c) of a narrow network, without sampling; nan if there is none.

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
    network = _narrow_network(weights)
    scale = -_lowest(network) / network.spins
    if not scale > 0:
        raise InputError("all weights are zero; there is no critical temperature")

    def curve(temperatures: ArrayLike) -> Array:
        values = np.asarray(temperatures)
        each = [_sum_states(network, one)[2] / one**2 for one in values.ravel()]
        found: Array = np.array(each).reshape(values.shape) / network.spins
        return found

    return peak(curve, 0.05 * scale, 5 * scale, points)


def ground_state_energy(weights: Any) -> float:
    """E_min of a narrow network, exactly, by dynamic programming over its layers.

    Raises
    ------
    InputError
        If a hidden layer is too wide.
    """
    return _lowest(_narrow_network(weights))


def _fits(network: IsingNetwork) -> bool:
    return all(len(matrix) <= WIDEST for matrix in _oriented(network)[:-1])


def _narrow_network(weights: Any) -> IsingNetwork:
    network = IsingNetwork.of(weights)
    if not _fits(network):
        widest = max(len(matrix) for matrix in _oriented(network)[:-1])
        raise InputError(
            f"a hidden layer has {widest} neurons, too many for exact sums; give at most {WIDEST}, "
            "or use wang_landau"
        )
    return network


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


def _states(width: int) -> Array:
    """All states of a layer, (2^width, width)."""
    bits = np.arange(2**width)[:, None] >> np.arange(width) & 1
    return np.where(bits == 1, -1.0, 1.0)


def _bonds(network: IsingNetwork) -> Iterator[Array]:
    """For an input: local fields (states, N_0); hidden: energies; for an output: local fields."""
    first, *hidden, last = _oriented(network)
    states = _states(len(first))
    yield states @ first
    for matrix in hidden:
        following = _states(len(matrix))
        yield -following @ matrix @ states.T
        states = following
    yield states @ last.T


def _sum_states(network: IsingNetwork, temperature: float) -> tuple[float, float, float]:
    """Logarithm ln Z, and mean and variance of the energy, at one temperature."""
    inputs, *hidden, outputs = _bonds(network)
    log_z, mean, variance = _free_spins(inputs, temperature)
    for energies in hidden:
        exponent = log_z - energies / temperature
        total = logsumexp(exponent, axis=1)
        weights = np.exp(exponent - total[:, None])
        each = mean + energies
        following = (weights * each).sum(axis=1)
        variance = (weights * (variance + (each - following[:, None]) ** 2)).sum(axis=1)
        log_z, mean = total, following
    free = _free_spins(outputs, temperature)
    log_z, mean, variance = log_z + free[0], mean + free[1], variance + free[2]
    total = logsumexp(log_z)
    weights = np.exp(log_z - total)
    average = weights @ mean
    return float(total), float(average), float(weights @ (variance + (mean - average) ** 2))


def _free_spins(fields: Array, temperature: float) -> tuple[Array, Array, Array]:
    """As `_sum_states`, of independent spins in fields (states, spins)."""
    x = np.abs(fields) / temperature
    log_z = (x + np.log1p(np.exp(-2 * x))).sum(axis=1)
    tanh = np.tanh(x)
    return (
        log_z,
        -(np.abs(fields) * tanh).sum(axis=1),
        (fields**2 * (1 - tanh**2)).sum(axis=1),
    )


def _lowest(network: IsingNetwork) -> float:
    inputs, *hidden, outputs = _bonds(network)
    best = -np.abs(inputs).sum(axis=1)
    for energies in hidden:
        best = (best + energies).min(axis=1)
    return float((best - np.abs(outputs).sum(axis=1)).min())
