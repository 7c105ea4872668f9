"""The residuals of all layers and the derivatives of their norms, a block of patterns at a time.

With r_l = S_l - tanh(x_l), x_l = g J_l S_{l-1}, an energy sum_l E(|r_l|) has the derivatives

    dH/dS_l = f_l r_l + g J_{l+1}^T f_{l+1} v_{l+1},   dH/dJ_l = g f_l v_l S_{l-1}^T,
    v_l = -r_l (1 - tanh^2 x_l),   f_l = E'(|r_l|) / |r_l|.

The factors f_l are known only when all patterns are through. So a block of patterns passes all
layers once, while its values stay in the cache, and leaves r, J^T v and v S^T; the factors are put
in at the end. For the CPU, in single precision, on one core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

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
from openmm_thermalnet.vectors import aligned

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
def _factor(square, power):  # type: ignore[no-untyped-def]
    """Give f = |r|^(power - 2) for a power of 1 or 2, or 0 where there is no residual."""
    if square == 0:
        return _F(0.0)
    return _F(1.0) if power == 2 else _F(1.0 / np.sqrt(square))


@jit
def _add_patterns(  # type: ignore[no-untyped-def]
    state, targets, sizes, gain, first_fields, gradient, by_layer_above, squares, scratch
):
    """Leave r and v S^T in `gradient`, J_{l+1}^T v_{l+1} in `by_layer_above`, v_1 for x_1."""
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
def _finish(  # type: ignore[no-untyped-def]
    squares, power, gain, sizes, by_layer_above, gradient, energies
):
    """Energies |r|^power / power, and their factors into what `_add_patterns` left."""
    R, M, N0, N, NL, L = sizes
    layer_size = N * M
    first = (L - 1) * R * layer_size
    for layer in range(L):
        size = N * (NL if layer == L - 1 else N)
        if layer == 0:
            size = N * N0
        for replica in range(R):
            square = squares[layer, replica]
            energies[layer, replica] = 0.5 * square if power == 2 else np.sqrt(square)
            factor = _factor(square, power)
            if layer > 0:
                own, factor = _factor(squares[layer - 1, replica], power), gain * factor
                at = ((layer - 1) * R + replica) * layer_size
                by_spin = gradient[at : at + layer_size]
                above = by_layer_above[layer - 1, replica].reshape(-1)
                for p in range(by_spin.size):
                    by_spin[p] = own * by_spin[p] + factor * above[p]
            by_weight = gradient[first : first + size]
            for p in range(by_weight.size):
                by_weight[p] *= factor
            first += size


class Sizes(NamedTuple):
    """Of a machine: replicas, patterns, input, hidden and output width, depth."""

    R: int
    M: int
    N0: int
    N: int
    NL: int
    L: int


class ResidualPass:
    """Energies |r_l|^power / power and their gradient, for one state tensor.

    Parameters
    ----------
    state, gradient : Tensor, shape (R P,)
        Spins and weights, and the derivative by them, in the kernels' order.
    scratch : Tensor, shape (L - 1, R, N, M)
        Overwritten.
    targets : Tensor, shape (N_L, M)
        S_L.
    sizes : Sizes
        Of the machine.
    gain : float
        g of the layers above the first.
    power : int
        1 or 2.
    first_layer, first_layer_gradient : callable
        Write the fields (R N, M) of weights (R N, N_0) into the second argument; and back.
    """

    def __init__(
        self,
        state: Tensor,
        gradient: Tensor,
        scratch: Tensor,
        targets: Tensor,
        sizes: Sizes,
        gain: float,
        power: int,
        first_layer: Callable[[Tensor, Tensor], None],
        first_layer_gradient: Callable[[Tensor, Tensor], None],
    ) -> None:
        R, M, N0, N, NL, L = sizes
        self.state = state
        self._sizes, self._gain, self._power = sizes, _F(gain), power
        self._first_layer, self._first_layer_gradient = first_layer, first_layer_gradient
        first = slice((L - 1) * R * N * M, (L - 1) * R * N * M + R * N * N0)
        self._weights = state[first].view(R * N, N0)
        self._by_weight = gradient[first].view(R * N, N0)
        self._fields = state.new_empty((R * N, M))
        self._first_fields = self._fields.numpy().reshape(R, N, M)
        self._arrays = state.numpy(), targets.numpy(), gradient.numpy()
        self._by_layer_above = scratch.numpy()
        self._squares = np.empty((L, R))
        self._block = aligned((4 * max(N, NL), BLOCK))

    def __call__(self) -> NDArray[np.float32]:
        """Energies (L, R); writes the gradient."""
        state, targets, gradient = self._arrays
        sizes, gain, above = self._sizes, self._gain, self._by_layer_above
        squares, energies = self._squares, np.empty(self._squares.shape, dtype=_F)
        self._first_layer(self._weights, self._fields)
        _add_patterns(
            state,
            targets,
            sizes,
            gain,
            self._first_fields,
            gradient,
            above,
            squares,
            self._block,
        )
        self._first_layer_gradient(self._fields, self._by_weight)
        _finish(squares, self._power, gain, sizes, above, gradient, energies)
        return energies
