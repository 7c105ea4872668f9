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

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
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
from openmm_thermalnet.hamiltonians.sparse import PixelLists, list_fields, list_slopes
from openmm_thermalnet.vectors import aligned

_F = np.float32

FirstLayer = PixelLists | tuple[Callable[[Tensor, Tensor], None], Callable[[Tensor, Tensor], None]]
"""Products with the patterns: their lists, or functions that write into their second argument."""


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
    state, out, targets, sizes, gain, power, first_fields, slopes, energies, scratch, passed_down
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


@jit
def _evaluate_with_lists(state, out, lists, machine):  # type: ignore[no-untyped-def]
    """Energies and gradient; `lists` are `PixelLists`, `machine` what `_evaluate` wants besides."""
    by_pattern, by_pixel, background, table, lines = lists
    (R, M, N0, N, _, L), first_fields, slopes = machine[1], machine[4], machine[5]
    spins, first = (L - 1) * R * N * M, R * N * N0
    weights = state[spins : spins + first].reshape(R * N, N0)
    fields, by_weight = first_fields.reshape(R * N, M), slopes[:first].reshape(R * N, N0)
    list_fields(by_pattern, background, weights, table, lines, fields)
    _evaluate(state, out, *machine)
    list_slopes(by_pixel, background, fields, table, lines, by_weight)
    out[spins:] = slopes


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
    first_layer : PixelLists or pair of callables
        The patterns as lists, or what writes the fields (R N, M) of weights (R N, N_0), and what
        writes the derivative by these, given that by the fields.
    """

    def __init__(
        self,
        targets: Tensor,
        sizes: Sizes,
        gain: float,
        power: int,
        first_layer: FirstLayer,
    ) -> None:
        R, M, N0, N, NL, L = sizes
        self._first_layer = first_layer
        self._spins, self._first = (L - 1) * R * N * M, (R * N, N0)
        self._slopes = np.empty(R * (N * N0 + (L - 2) * N * N + NL * N), dtype=_F)
        self._fields = np.empty((R, N, M), dtype=_F)
        self._energies = np.empty((L, R), dtype=_F)
        self._machine = (
            targets.numpy(),
            tuple(sizes),
            _F(gain),
            power,
            self._fields,
            self._slopes,
            self._energies,
            aligned((5, -(-M // BLOCK), max(N, NL), BLOCK)),
            aligned((N, BLOCK)),
        )

    def __call__(self, state: NDArray[np.float32], out: NDArray[np.float32]) -> NDArray[np.float32]:
        """Energies (L, R) of a state (R P,); writes the gradient to `out`, which may be it.

        The energies are overwritten by the next call. A step of OpenMM finds nothing of Python in
        the cache, so that every operation counts: with lists it is one.
        """
        if isinstance(self._first_layer, PixelLists):
            _evaluate_with_lists(state, out, tuple(self._first_layer), self._machine)
            return self._energies
        fields_of, slopes_of = self._first_layer
        fields = torch.from_numpy(self._fields.reshape(self._first[0], -1))
        weights, slopes = (
            torch.from_numpy(flat[: math.prod(self._first)].reshape(self._first))
            for flat in (state[self._spins :], self._slopes)
        )
        fields_of(weights, fields)
        _evaluate(state, out, *self._machine)
        slopes_of(fields, slopes)
        out[self._spins :] = self._slopes
        return self._energies
