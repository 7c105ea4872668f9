"""Canonical averages from a density of states: energy, specific heat, critical temperature."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from openmm_thermalnet.analysis.ising.density import DensityOfStates, standard_error
from openmm_thermalnet.arrays import plain_array, plain_number
from openmm_thermalnet.errors import InputError

Array = NDArray[np.float64]

_WIDEST_BIN = 1.5  # in units of T_c
_CUT = 0.01  # weight that bins may have which are missing between E_min and the range


@dataclass(frozen=True)
class CriticalTemperature:
    """Where a specific heat is largest.

    Attributes
    ----------
    value : float
        T_c; nan if the specific heat has no maximum inside the temperatures.
    error : float
        Standard error over the walkers; nan if it cannot be estimated.
    height : float
        C(T_c).
    resolved : bool
        Whether the bins are narrow enough to trust it: at most 1.5 T_c wide. In wider ones most
        configurations that count at T_c sit at an edge.
    """

    value: float
    error: float
    height: float
    resolved: bool


def canonical_energy(dos: DensityOfStates, temperatures: ArrayLike, per_spin: bool = True) -> Array:
    """Canonical mean energy, <E> = sum g E exp(-E/T) / sum g exp(-E/T).

    Parameters
    ----------
    dos : DensityOfStates
        The density of states; each bin stands at the mean energy of its configurations.
    temperatures : array_like
        T > 0, in the units of the weights (k_B = 1). Below the width of a bin the bins show.
    per_spin : bool
        Divide by n.

    Returns
    -------
    ndarray, as `temperatures`
        nan where the energies that count lie below the range of the bins (`reach`).

    Raises
    ------
    InputError
        If a temperature is not positive.
    """
    mean, _ = _moments(dos, dos.log_g, temperatures)
    return np.asarray(mean / (dos.spins if per_spin else 1))


def specific_heat(dos: DensityOfStates, temperatures: ArrayLike, per_spin: bool = True) -> Array:
    """Specific heat C(T) = (<E^2> - <E>^2) / T^2.

    Parameters
    ----------
    dos, temperatures, per_spin
        As for `canonical_energy`.

    Returns
    -------
    ndarray, as `temperatures`

    Raises
    ------
    InputError
        If a temperature is not positive.
    """
    return _plain(dos, dos.log_g, temperatures, per_spin)


def normalised_specific_heat(dos: DensityOfStates, temperatures: ArrayLike, width: float) -> Array:
    """Specific heat as arXiv:2209.08678 plots it.

    Energies are e = E / (n W), their weights exp(ln g / n - e/T), so that one spin's entropy
    competes with a range of energies of order one: C = (<e^2> - <e>^2) / T^2 for T in (0, 1].
    It is no canonical average, and depends on the bins where they are few.

    Parameters
    ----------
    dos : DensityOfStates
        The density of states.
    temperatures : array_like
        T > 0, in units of W.
    width : float
        W of the trained network, by which the permuted one is divided too.

    Returns
    -------
    ndarray, as `temperatures`

    Raises
    ------
    InputError
        If a temperature or the width is not positive.
    """
    return _paper(dos, dos.log_g, temperatures, width)


def critical_temperature(dos: DensityOfStates, width: float | None = None) -> CriticalTemperature:
    """Temperature at which the specific heat is largest, T_c = argmax C.

    Parameters
    ----------
    dos : DensityOfStates
        The density of states.
    width : float, optional
        Take the normalised form with this W, on T in (0, 1]; by default the plain one, from a
        fiftieth to ten times the ground state's energy per spin.

    Returns
    -------
    CriticalTemperature
        The maximum of the mean curve, with the standard error of the walkers' own maxima.

    Raises
    ------
    InputError
        If the width is not positive.
    """

    def curve(log_g: Array) -> Callable[[ArrayLike], Array]:
        if width is None:
            return lambda temperatures: _plain(dos, log_g, temperatures, True)
        return lambda temperatures: _paper(dos, log_g, temperatures, width)

    scale = -dos.lowest / dos.spins
    bounds = (0.02 * scale, 10 * scale) if width is None else (0.005, 1.0)
    value, height = peak(curve(dos.log_g), *bounds)
    unit = 1.0 if width is None else dos.spins * width
    resolved = (dos.bin_edges[1] - dos.bin_edges[0]) / unit <= _WIDEST_BIN * value
    each = np.array([peak(curve(one), *bounds)[0] for one in dos.walkers])
    return CriticalTemperature(value, float(standard_error(each)), height, bool(resolved))


def peak(
    curve: Callable[[ArrayLike], Array],
    low: float,
    high: float,
    points: int = 200,
    precision: float = 1e-6,
) -> tuple[float, float]:
    """Position and height of the highest maximum of a curve inside (low, high); nan if none.

    Found on a grid in equal ratios and refined between its neighbours to a relative precision.
    """
    grid = np.geomspace(low, high, points)
    values = np.nan_to_num(curve(grid), nan=-math.inf)
    best = int(values.argmax())
    if best in (0, points - 1) or not np.isfinite(values[best - 1 : best + 2]).all():
        return math.nan, math.nan
    refined = minimize_scalar(
        lambda logarithm: -float(curve(math.exp(logarithm))),
        bounds=(math.log(grid[best - 1]), math.log(grid[best + 1])),
        method="bounded",
        options={"xatol": precision},
    )
    return math.exp(refined.x), -float(refined.fun)


def check_temperatures(temperatures: ArrayLike) -> Array:
    """Temperatures as an array.

    Raises
    ------
    InputError
        If one is not positive and finite.
    """
    values = plain_array("temperatures", temperatures, np.float64)
    wrong = values[~((values > 0) & np.isfinite(values))]
    if wrong.size:
        raise InputError(f"a temperature is {wrong.flat[0]}; give positive numbers")
    return values


def _plain(dos: DensityOfStates, log_g: Array, temperatures: ArrayLike, per_spin: bool) -> Array:
    _, variance = _moments(dos, log_g, temperatures)
    return np.asarray(
        variance / check_temperatures(temperatures) ** 2 / (dos.spins if per_spin else 1)
    )


def _paper(dos: DensityOfStates, log_g: Array, temperatures: ArrayLike, width: float) -> Array:
    if not 0 < plain_number("width", width) < math.inf:
        raise InputError(f"the width is {width}; give a positive number")
    scale = dos.spins * width
    _, variance = _moments(dos, log_g, temperatures, dos.spins, scale)
    return np.asarray(variance / check_temperatures(temperatures) ** 2)


def _moments(
    dos: DensityOfStates,
    log_g: Array,
    temperatures: ArrayLike,
    spins: int = 1,
    scale: float = 1.0,
) -> tuple[Array, Array]:
    """Mean and variance of E / scale under the weights exp(ln g / spins - E / scale / T).

    They are nan at temperatures that need energies below the range.
    """
    values = check_temperatures(temperatures)
    visited = np.isfinite(log_g)
    energies = dos.energies[visited] / scale
    weights = softmax(log_g[visited] / spins - energies / values[..., None], axis=-1)
    mean = weights @ energies
    variance = (weights * (energies - mean[..., None]) ** 2).sum(axis=-1)
    if dos.truncated:
        missing = (dos.bin_edges[0] - dos.lowest) / (dos.bin_edges[1] - dos.bin_edges[0])
        cut = missing * weights[..., 0] > _CUT
        mean, variance = np.where(cut, np.nan, mean), np.where(cut, np.nan, variance)
    return np.asarray(mean), np.asarray(variance)
