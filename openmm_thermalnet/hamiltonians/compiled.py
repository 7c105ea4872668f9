"""Fused element-wise passes of the energies for the CPU in single precision.

Torch does each operation in a pass of its own and its tanh is several times slower than a rational
function that keeps all digits of float32. The results agree with the plain torch expressions to
rounding; tests hold them to that.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from openmm_thermalnet.hamiltonians.blocks import jit

_F = np.float32

# tanh x = x P(x^2) / Q(x^2) on [-8, 8], beyond which float32 knows no difference from 1: the
# minimax fit of relative error 3.3e-10, by iteratively reweighted least squares.
_CLIP = _F(8.0)
_P = tuple(
    map(
        _F,
        (
            0.9999999996718846,
            0.1372618197286998,
            0.003926599945373116,
            2.920435372435509e-05,
            3.3570380526148965e-08,
            -1.4546501266452628e-11,
        ),
    )
)
_Q = tuple(
    map(
        _F,
        (
            1.0,
            0.47059514958067106,
            0.027458322612136085,
            0.0004042077823704895,
            1.3723177779388913e-06,
        ),
    )
)


@numba.njit(inline="always")
def tanh(x):  # type: ignore[no-untyped-def]
    """Hyperbolic tangent, to 4e-7 relative."""
    x = _CLIP if x > _CLIP else x
    x = -_CLIP if x < -_CLIP else x
    y = x * x
    p = ((((_P[5] * y + _P[4]) * y + _P[3]) * y + _P[2]) * y + _P[1]) * y + _P[0]
    q = (((_Q[4] * y + _Q[3]) * y + _Q[2]) * y + _Q[1]) * y + _Q[0]
    return x * p / q


@jit
def _residuals(spins, fields, residuals, norms):  # type: ignore[no-untyped-def]
    """Leave t = tanh(x) in place of x, r = S - t, and |r|, for every matrix (layer and replica)."""
    for k in range(fields.shape[0]):
        total = np.float64(0.0)
        for i in range(fields.shape[1]):
            spin, field, residual = spins[k, i], fields[k, i], residuals[k, i]
            row = _F(0.0)  # one neuron's patterns in single precision, the neurons in double
            for mu in range(field.size):
                t = tanh(field[mu])
                r = spin[mu] - t
                field[mu] = t
                residual[mu] = r
                row += r * r
            total += row
        norms[k] = np.sqrt(total)


@jit
def _derivatives(factors, fields, residuals):  # type: ignore[no-untyped-def]
    """Leave u = factor r in place of r, and -u (1 - t^2) in place of t, for every matrix."""
    for k in range(fields.shape[0]):
        factor = _F(factors[k])
        field, residual = fields[k].reshape(-1), residuals[k].reshape(-1)
        for p in range(field.size):
            u = factor * residual[p]
            t = field[p]
            residual[p] = u
            field[p] = (t * t - _F(1.0)) * u


def residual_norms(spins: Tensor, fields: Tensor, residuals: Tensor) -> Tensor:
    """Norms of the residuals r = S - tanh(x).

    Parameters
    ----------
    spins : Tensor, shape (K, R, n, M), float32 on the CPU
        S.
    fields : Tensor, shape (K, R, n, M)
        x; overwritten by tanh(x).
    residuals : Tensor, shape (K, R, n, M)
        Overwritten by r.

    Returns
    -------
    Tensor, shape (K, R)
    """
    norms = fields.new_empty(fields.shape[:2])
    _residuals(_matrices(spins), _matrices(fields), _matrices(residuals), norms.numpy().ravel())
    return norms


def residual_derivatives(factors: Tensor, fields: Tensor, residuals: Tensor) -> None:
    """Derivatives of an energy of |r|, after `residual_norms`.

    Parameters
    ----------
    factors : Tensor, shape (K, R)
        dE/d|r| / |r|.
    fields : Tensor, shape (K, R, n, M)
        tanh(x); overwritten by the derivative by x.
    residuals : Tensor, shape (K, R, n, M)
        r; overwritten by the derivative by S.
    """
    _derivatives(factors.numpy().ravel(), _matrices(fields), _matrices(residuals))


def _matrices(tensor: Tensor) -> NDArray[np.float32]:
    """View (K R, n, M) of a contiguous tensor (K, R, n, M); a broadcast one is copied."""
    array: NDArray[np.float32] = tensor.numpy()
    return array.reshape(-1, *array.shape[2:])
