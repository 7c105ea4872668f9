"""The residuals of all layers and the derivatives of their norms, a block of patterns at a time.

With r_l = S_l - tanh(x_l), x_l = g J_l S_{l-1}, an energy sum_l E(|r_l|) has the derivatives

    dH/dS_l = f_l r_l + g J_{l+1}^T f_{l+1} v_{l+1},   dH/dJ_l = g f_l v_l S_{l-1}^T,
    v_l = -r_l (1 - tanh^2 x_l),   f_l = E'(|r_l|) / |r_l|.

The factors f_l are known only when all patterns are through. So a block of patterns passes all
layers once, while its values stay in the cache, and leaves r, J^T v and v S^T; `scale` puts the
factors in. For the CPU, in single precision, on one core.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.hamiltonians.blocks import (
    BLOCK,
    add_slopes,
    fields,
    jit,
    passed,
    put,
    take,
)
from openmm_thermalnet.hamiltonians.compiled import tanh

_F = np.float32


@jit
def _residuals(spins, values, gain, residuals, rows):  # type: ignore[no-untyped-def]
    """Write r, put v in place of the fields, and give |r|^2, of the first rows of a block."""
    total = np.float64(0.0)
    for i in range(rows):
        spin, value, residual = spins[i], values[i], residuals[i]
        part = _F(0.0)  # one neuron's patterns in single precision, the neurons in double
        for mu in range(BLOCK):
            t = tanh(gain * value[mu])
            r = spin[mu] - t
            residual[mu] = r
            value[mu] = (t * t - _F(1.0)) * r
            part += r * r
        total += part
    return total


@jit
def add_patterns(  # type: ignore[no-untyped-def]
    state, targets, sizes, gain, first_fields, gradient, by_layer_above, squares, scratch
):
    """All patterns through all layers.

    Parameters
    ----------
    state : ndarray of float32, shape (R P,)
        Spins and weights, in the kernels' order.
    targets : ndarray of float32, shape (N_L, M)
        S_L.
    sizes : tuple of int
        (R, M, N_0, N, N_L, L).
    gain : float32
        g of the layers above the first.
    first_fields : ndarray of float32, shape (R, N, M)
        x_1; overwritten by v_1.
    gradient : ndarray of float32, shape (R P,)
        Overwritten by r where spins are, and by v S^T where weights are, but for J_1.
    by_layer_above : ndarray of float32, shape (L - 1, R, N, M)
        Overwritten by J_{l+1}^T v_{l+1}.
    squares : ndarray of float64, shape (L, R)
        Overwritten by |r_l|^2.
    scratch : ndarray of float32, see `scratch_for`
        Overwritten.
    """
    R, M, N0, N, NL, L = sizes
    spins = state[: (L - 1) * R * N * M].reshape(L - 1, R, N, M)
    by_spin = gradient[: spins.size].reshape(spins.shape)
    middle = spins.size + R * N * N0
    gradient[middle:] = _F(0.0)
    squares[:] = 0.0
    widest = max(N, NL)
    below, here, values, out = (
        scratch[:widest],
        scratch[widest : 2 * widest],
        scratch[2 * widest : 3 * widest],
        scratch[3 * widest :],
    )
    for replica in range(R):
        for start in range(0, M, BLOCK):
            count = min(BLOCK, M - start)
            take(first_fields[replica], start, count, values)
            take(spins[0, replica], start, count, below)
            squares[0, replica] += _residuals(below, values, _F(1.0), out, N)
            put(values, start, count, first_fields[replica])
            put(out, start, count, by_spin[0, replica])
            for layer in range(1, L):
                rows = N if layer < L - 1 else NL
                first = middle + ((layer - 1) * R + replica) * N * N
                if layer == L - 1:
                    first = middle + (L - 2) * R * N * N + replica * NL * N
                fields(state, first, rows, N, below, values)
                if layer < L - 1:
                    take(spins[layer, replica], start, count, here)
                else:
                    take(targets, start, count, here)
                squares[layer, replica] += _residuals(here, values, gain, out, rows)
                if layer < L - 1:
                    put(out, start, count, by_spin[layer, replica])
                add_slopes(values, below, rows, N, gradient, first)
                passed(state, first, rows, N, values, out)
                put(out, start, count, by_layer_above[layer - 1, replica])
                below, here = here, below


@jit
def scale(factors, gain, sizes, by_layer_above, gradient):  # type: ignore[no-untyped-def]
    """Put the factors f (L, R) into what `add_patterns` left; makes `gradient` dH/dstate."""
    R, M, N0, N, NL, L = sizes
    layer_size = N * M
    weights = (L - 1) * R * layer_size
    first = weights
    for layer in range(L):
        size = N * (NL if layer == L - 1 else N)
        if layer == 0:
            size = N * N0
        for replica in range(R):
            by_weight = gradient[first : first + size]
            factor = factors[layer, replica]
            if layer > 0:
                factor *= gain
                at = ((layer - 1) * R + replica) * layer_size
                by_spin = gradient[at : at + layer_size]
                above = by_layer_above[layer - 1, replica].reshape(-1)
                own = factors[layer - 1, replica]
                for p in range(layer_size):
                    by_spin[p] = own * by_spin[p] + factor * above[p]
            for p in range(size):
                by_weight[p] *= factor
            first += size


def scratch_for(width: int, output_width: int) -> NDArray[np.float32]:
    """Scratch array of `add_patterns`."""
    size = 4 * max(width, output_width) * BLOCK
    raw = np.empty(size + 64, dtype=_F)
    first = -raw.ctypes.data // 4 % 64
    return raw[first : first + size].reshape(-1, BLOCK)
