"""Hard walls at -1 and +1, as a fold of the line.

OpenMM's particles move on the whole line with a raw coordinate q; the network's variable is the
triangle wave s = fold(q). By the method of images this *is* elastic reflection at the walls,
exactly and step for step, for every integrator and thermostat: the force is -dE/ds fold'(q), and
the noise is symmetric. The period of the fold is 4, which is why a System declares a periodic box
of 4 nm: wrapping a coordinate into it changes nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from openmm import unit

from openmm_thermalnet.arrays import plain_array

PERIOD = 4.0
"""Period of the fold (nm)."""


def _nearest_image(q: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Distance to the nearest even number 2k, and the sign (-1)^k."""
    k = np.rint(q * 0.5)
    sign = 1.0 - 2.0 * np.mod(k, 2.0)
    return q - 2.0 * k, sign


def fold(q: ArrayLike | unit.Quantity) -> NDArray[Any]:
    """Network variable of a raw coordinate: the triangle wave of period 4.

    ``fold(q) = q`` on [-1, 1] and ``2 - q`` on [1, 3].

    Parameters
    ----------
    q : Quantity or array_like
        Raw coordinates, in nm if without unit. The fold is taken in their own precision: cast
        afterwards, since far from the origin float32 has lost the digits.

    Returns
    -------
    ndarray
        Values in [-1, 1], same shape and floating type.

    Raises
    ------
    InputError
        If `q` has another unit than a length, or is a masked array.
    """
    distance, sign = _nearest_image(_floating(q))
    return np.asarray(sign * distance)


def fold_sign(q: ArrayLike | unit.Quantity) -> NDArray[Any]:
    """Derivative of `fold`: +1 or -1.

    The velocity of the network variable is ``fold_sign(q)`` times that of the coordinate.
    """
    return np.asarray(_nearest_image(_floating(q))[1])


def _floating(q: Any) -> NDArray[Any]:
    array = plain_array("q", q, unit=unit.nanometer)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)
