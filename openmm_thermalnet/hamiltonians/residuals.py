"""The residuals of all layers and the derivatives of their norms, a layer at a time.

With r_l = S_l - tanh(x_l), x_l = g J_l S_{l-1}, an energy sum_l E(|r_l|) has the derivatives

    dH/dS_l = f_l r_l + g J_{l+1}^T f_{l+1} v_{l+1},   dH/dJ_l = g f_l v_l S_{l-1}^T,
    v_l = -r_l (1 - tanh^2 x_l),   f_l = E'(|r_l|) / |r_l|.

The factor f_l is known when all patterns have passed layer l. So for each replica the patterns pass
a layer twice, in blocks: forwards to r_l, v_l and the norm; then, while they are still in the
cache, backwards to the derivatives by J_l and, with what the layer below has kept, by S_{l-1}. For
the CPU, in single precision, on one core.
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
def _multiply(values, factor, rows):  # type: ignore[no-untyped-def]
    """Multiply the first rows of a block by a number."""
    for i in range(rows):
        row = values[i]
        for mu in range(BLOCK):
            row[mu] *= factor


@jit
def _put_sum(factor, own, above, start, count, out):  # type: ignore[no-untyped-def]
    """Write ``factor own + above`` to patterns ``start ... start + count`` of every row."""
    for i in range(out.shape[0]):
        row, first, second = out[i, start : start + count], own[i], above[i]
        for mu in range(row.size):
            row[mu] = factor * first[mu] + second[mu]


@jit
def _factor(square, power):  # type: ignore[no-untyped-def]
    """Give f = |r|^(power - 2) for a power of 1 or 2, or 0 where there is no residual."""
    if square == 0:
        return _F(0.0)
    return _F(1.0) if power == 2 else _F(1.0 / np.sqrt(square))


@jit
def _evaluate(  # type: ignore[no-untyped-def]
    state, targets, sizes, gain, power, first_fields, out, slopes, energies, scratch, passed_down
):
    """Energies and gradient but by J_1, for which f_1 v_1 is left in place of x_1.

    Derivatives by spins go to `out`, which may be the state: a layer's spins are not read again
    when their derivatives are written. Those by weights are added up in `slopes`.
    """
    R, M, N0, N, NL, L = sizes
    spins = state[: (L - 1) * R * N * M].reshape(L - 1, R, N, M)
    by_spin = out[: spins.size].reshape(spins.shape)
    middle = spins.size + R * N * N0
    slopes[R * N * N0 :] = _F(0.0)
    below, here, values, own, own_below = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    blocks = below.shape[0]
    for replica in range(R):
        factor_below = _F(0.0)
        for layer in range(L):
            rows, first, slope = N, middle + ((layer - 1) * R + replica) * N * N, gain
            if layer == L - 1:
                rows, first = NL, middle + (L - 2) * R * N * N + replica * NL * N
            if layer == 0:
                slope = _F(1.0)
            square = 0.0
            for block in range(blocks):
                start = block * BLOCK
                count = min(BLOCK, M - start)
                if layer == 0:
                    take(first_fields[replica], start, count, values[block])
                else:
                    fields(state, first, rows, N, below[block], values[block])
                if layer == L - 1:
                    take(targets, start, count, here[block])
                else:
                    take(spins[layer, replica], start, count, here[block])
                square += _residuals(here[block], values[block], slope, own[block], rows)
            energies[layer, replica] = 0.5 * square if power == 2 else np.sqrt(square)
            factor = _factor(square, power)
            for block in range(blocks):
                start = block * BLOCK
                count = min(BLOCK, M - start)
                _multiply(values[block], slope * factor, rows)
                if layer == 0:
                    put(values[block], start, count, first_fields[replica])
                else:
                    add_slopes(values[block], below[block], rows, N, slopes, first - spins.size)
                    passed(state, first, rows, N, values[block], passed_down)
                    into = by_spin[layer - 1, replica]
                    _put_sum(factor_below, own_below[block], passed_down, start, count, into)
            factor_below = factor
            below, here = here, below
            own, own_below = own_below, own


class Sizes(NamedTuple):
    """Of a machine: replicas, patterns, input, hidden and output width, depth."""

    R: int
    M: int
    N0: int
    N: int
    NL: int
    L: int


class ResidualPass:
    """Energies |r_l|^power / power and their gradient.

    Parameters
    ----------
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
        targets: Tensor,
        sizes: Sizes,
        gain: float,
        power: int,
        first_layer: Callable[[Tensor, Tensor], None],
        first_layer_gradient: Callable[[Tensor, Tensor], None],
    ) -> None:
        R, M, N0, N, NL, L = sizes
        self._sizes, self._gain, self._power = sizes, _F(gain), power
        self._first_layer, self._first_layer_gradient = first_layer, first_layer_gradient
        self._targets = targets.numpy()
        self._spins = (L - 1) * R * N * M
        self._slopes = targets.new_empty(R * (N * N0 + (L - 2) * N * N + NL * N))
        self._slopes_array = self._slopes.numpy()
        self._fields = targets.new_empty((R * N, M))
        self._first_fields = self._fields.numpy().reshape(R, N, M)
        self._scratch = aligned((5, -(-M // BLOCK), max(N, NL), BLOCK))
        self._passed_down = aligned((N, BLOCK))

    def __call__(self, state: Tensor, out: Tensor) -> NDArray[np.float32]:
        """Energies (L, R) of a state (R P,); writes the gradient to `out`, which may be it."""
        R, _, N0, N, _, L = self._sizes
        energies = np.empty((L, R), dtype=_F)
        weights = state[self._spins :]
        first = R * N * N0
        self._first_layer(weights[:first].view(R * N, N0), self._fields)
        _evaluate(
            state.numpy(),
            self._targets,
            self._sizes,
            self._gain,
            self._power,
            self._first_fields,
            out.numpy(),
            self._slopes_array,
            energies,
            self._scratch,
            self._passed_down,
        )
        self._first_layer_gradient(self._fields, self._slopes[:first].view(R * N, N0))
        out[self._spins :].copy_(self._slopes)
        return energies
