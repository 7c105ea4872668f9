"""The least structured model of a set of +-1 variables, and what its parameters must be.

P(s) ~ exp(sum_{i<j} K_ij s_i s_j + sum_i h_i s_i) is the distribution of largest entropy among
those with given means and pair correlations (arXiv:2007.08093).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from openmm_thermalnet.arrays import plain_array, plain_number, plain_numbers
from openmm_thermalnet.errors import InputError, check_integer

Array = NDArray[np.float64]

STRONGEST = 12.0
"""Coupling beyond which 1 - tanh^2 K is lost in the rounding of a response."""


def check_vector(name: str, values: ArrayLike, size: int | None = None) -> Array:
    """Finite float64 vector, of a given size if there is one.

    Raises
    ------
    InputError
        If it is none.
    """
    vector = _numbers(name, values)
    if vector.ndim != 1 or vector.size == 0 or (size is not None and vector.size != size):
        wanted = "one number per spin" if size is None else f"{size}, one per spin"
        raise InputError(f"{name} has shape {vector.shape}: give {wanted}")
    if not np.isfinite(vector).all():
        where = int(np.argmin(np.isfinite(vector)))
        raise InputError(f"{name}[{where}] is {vector[where]}: give finite numbers")
    return vector


def check_symmetric(name: str, values: ArrayLike, size: int) -> Array:
    """Finite symmetric float64 matrix (size, size).

    Raises
    ------
    InputError
        If it is none.
    """
    matrix = _numbers(name, values)
    if matrix.shape != (size, size):
        raise InputError(f"{name} have shape {matrix.shape}: give ({size}, {size})")
    if not np.isfinite(matrix).all():
        i, j = (int(k) for k in np.argwhere(~np.isfinite(matrix))[0])
        raise InputError(f"{name}[{i}, {j}] is {matrix[i, j]}: give finite numbers")
    if not np.allclose(matrix, matrix.T, rtol=0.0, atol=1e-10 * max(1.0, np.abs(matrix).max())):
        raise InputError(f"{name} are not symmetric: give {name}[i, j] = {name}[j, i]")
    return 0.5 * (matrix + matrix.T)


def check_model(couplings: ArrayLike, fields: ArrayLike) -> tuple[Array, Array]:
    """Couplings (N, N), symmetric with zeros on the diagonal, and fields (N,), all finite.

    Raises
    ------
    InputError
        If they are not.
    """
    h = check_vector("fields", fields)
    K = check_symmetric("couplings", couplings, h.size)
    if np.abs(K).max() > STRONGEST:
        i, j = (int(k) for k in np.argwhere(np.abs(K) > STRONGEST)[0])
        raise InputError(
            f"couplings[{i}, {j}] is {K[i, j]:g}, which makes one spin of two: merge them, "
            f"couplings up to {STRONGEST:g} can be told apart"
        )
    if np.diag(K).any():
        where = int(np.argmax(np.diag(K) != 0))
        raise InputError(f"couplings[{where}, {where}] is {K[where, where]}: give zeros there")
    return K, h


def check_configurations(configurations: ArrayLike) -> NDArray[np.int8]:
    """Configurations (n, N) of +1 and -1.

    Raises
    ------
    InputError
        If there is none, or a value is not +1 or -1.
    """
    given = plain_array("configurations", configurations)
    if given.dtype.kind not in "iuf":
        raise InputError(f"configurations have type {given.dtype}: give +1 and -1")
    if given.ndim != 2 or given.size == 0:
        raise InputError(f"configurations have shape {given.shape}: give (configurations, spins)")
    wrong = np.abs(given) != 1
    if wrong.any():
        i, j = (int(k) for k in np.argwhere(wrong)[0])
        raise InputError(
            f"configurations[{i}, {j}] is {given[i, j]}: give +1 and -1, such as np.sign(weights)"
        )
    return given.astype(np.int8, copy=False)


def check_iterations(tolerance: float, max_iterations: int) -> None:
    """Refuse a tolerance or a number of iterations that is none.

    Raises
    ------
    InputError
        In one line.
    """
    plain_number("tolerance", tolerance)
    check_integer("max_iterations", max_iterations, 1)


def _numbers(name: str, values: ArrayLike) -> Array:
    numbers = plain_numbers(name, values)
    try:
        return np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} are not an array of numbers: give one") from error


def sech_squared(x: Array) -> Array:
    """1 - tanh^2 x, with its digits also where it is small."""
    small = np.exp(-2.0 * np.abs(x))
    return np.asarray(4.0 * small / (1.0 + small) ** 2)


def binary_entropy(means: Array) -> Array:
    """Entropy (nats) of single spins with these means."""
    return np.asarray(special.entr(0.5 * (1.0 + means)) + special.entr(0.5 * (1.0 - means)))
