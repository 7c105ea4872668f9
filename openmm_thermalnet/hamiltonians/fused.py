"""The loss of a feed-forward network and its gradient in one compiled pass, on the CPU.

Hidden layers of tens of neurons make matrix products too small for a library: a third of its speed
is lost, and every pass between two products goes through memory. Here a block of patterns goes
through the whole network, forwards and backwards, while its values stay in the cache. In single
precision, for the commonest activations and losses; torch does the rest, and tests hold the two
together.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.hamiltonians.compiled import tanh

_F = np.float32

ACTIVATIONS = {"identity": 0, "relu": 1, "tanh": 2}
LOSSES = {"quadratic-hinge": 0, "mse": 1}

WIDEST = 256
"""Widest layer for which this is faster than torch's products."""

BLOCK = 256
"""Patterns that go through together; the last ones are filled up with zeros."""

_jit = numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")


@_jit
def _fields(weights, below, out):  # type: ignore[no-untyped-def]
    """Add W h to the rows of `out`."""
    rows, columns = weights.shape
    even = columns - columns % 4
    for i in range(rows):
        row = out[i]
        for j in range(0, even, 4):
            w0, w1, w2, w3 = weights[i, j], weights[i, j + 1], weights[i, j + 2], weights[i, j + 3]
            h0, h1, h2, h3 = below[j], below[j + 1], below[j + 2], below[j + 3]
            for mu in range(BLOCK):
                row[mu] += w0 * h0[mu] + w1 * h1[mu] + w2 * h2[mu] + w3 * h3[mu]
        for j in range(even, columns):
            w0, h0 = weights[i, j], below[j]
            for mu in range(BLOCK):
                row[mu] += w0 * h0[mu]


@_jit
def _passed(weights, above, out):  # type: ignore[no-untyped-def]
    """Write the derivative W^T d by the values below."""
    rows, columns = weights.shape
    even = rows - rows % 4
    for j in range(columns):
        row = out[j]
        row[:] = _F(0.0)
        for i in range(0, even, 4):
            w0, w1, w2, w3 = weights[i, j], weights[i + 1, j], weights[i + 2, j], weights[i + 3, j]
            d0, d1, d2, d3 = above[i], above[i + 1], above[i + 2], above[i + 3]
            for mu in range(BLOCK):
                row[mu] += w0 * d0[mu] + w1 * d1[mu] + w2 * d2[mu] + w3 * d3[mu]
        for i in range(even, rows):
            w0, d0 = weights[i, j], above[i]
            for mu in range(BLOCK):
                row[mu] += w0 * d0[mu]


@_jit
def _slopes(above, below, gradient):  # type: ignore[no-untyped-def]
    """Add the derivative d h^T by the weights."""
    rows, columns = gradient.shape
    even_rows, even_columns = rows - rows % 2, columns - columns % 2
    for i in range(0, even_rows, 2):
        d0, d1 = above[i], above[i + 1]
        for j in range(0, even_columns, 2):
            h0, h1 = below[j], below[j + 1]
            g00 = g01 = g10 = g11 = _F(0.0)
            for mu in range(BLOCK):
                g00 += d0[mu] * h0[mu]
                g01 += d0[mu] * h1[mu]
                g10 += d1[mu] * h0[mu]
                g11 += d1[mu] * h1[mu]
            gradient[i, j] += g00
            gradient[i, j + 1] += g01
            gradient[i + 1, j] += g10
            gradient[i + 1, j + 1] += g11
        for j in range(even_columns, columns):
            h0 = below[j]
            g00 = g10 = _F(0.0)
            for mu in range(BLOCK):
                g00 += d0[mu] * h0[mu]
                g10 += d1[mu] * h0[mu]
            gradient[i, j] += g00
            gradient[i + 1, j] += g10
    for i in range(even_rows, rows):
        d0 = above[i]
        for j in range(columns):
            h0 = below[j]
            g00 = _F(0.0)
            for mu in range(BLOCK):
                g00 += d0[mu] * h0[mu]
            gradient[i, j] += g00


@_jit
def _activate(values, activation):  # type: ignore[no-untyped-def]
    """Replace x by f(x)."""
    for i in range(values.shape[0]):
        row = values[i]
        if activation == 1:
            for mu in range(BLOCK):
                row[mu] = max(row[mu], _F(0.0))
        elif activation == 2:
            for mu in range(BLOCK):
                row[mu] = tanh(row[mu])


@_jit
def _chain(derivatives, values, activation):  # type: ignore[no-untyped-def]
    """Multiply by f'(x), given f(x)."""
    for i in range(values.shape[0]):
        row, value = derivatives[i], values[i]
        if activation == 1:
            for mu in range(BLOCK):
                row[mu] = row[mu] if value[mu] > _F(0.0) else _F(0.0)
        elif activation == 2:
            for mu in range(BLOCK):
                row[mu] *= _F(1.0) - value[mu] * value[mu]


@_jit
def _loss(outputs, targets, loss, start, count):  # type: ignore[no-untyped-def]
    """Replace f by the derivative of the loss, and give the loss."""
    total = np.float64(0.0)
    for i in range(outputs.shape[0]):
        row = outputs[i]
        part = _F(0.0)
        for mu in range(count):
            y = targets[i, start + mu]
            if loss == 0:
                slack = max(_F(1.0) - y * row[mu], _F(0.0))
                row[mu] = -y * slack
            else:
                slack = row[mu] - y
                row[mu] = slack
            part += slack * slack
        row[count:] = _F(0.0)
        total += part
    return 0.5 * total


@_jit
def add_patterns(  # type: ignore[no-untyped-def]
    state, gradient, ends, widths, bias, inputs, targets, activation, loss, scratch, losses
):
    """Add the loss of all patterns, and its derivative, for every replica.

    Parameters
    ----------
    state, gradient : ndarray of float32, shape (R P_w,)
        Weights, then biases, in the kernels' order; the derivative is added to the second.
    ends : ndarray of int64
        Where each field of the state ends, after a 0.
    widths : ndarray of int64, shape (L + 1,)
        (N_0, ..., N_L).
    bias : bool
        Whether there are biases.
    inputs, targets : ndarray of float32, shapes (N_0, P) and (N_L, P)
        Patterns.
    activation, loss : int
        From `ACTIVATIONS` and `LOSSES`.
    scratch : ndarray of float32, shape (sum of widths + 2 max of widths, BLOCK)
        Overwritten.
    losses : ndarray of float64, shape (R,)
        Sums over patterns are added.
    """
    depth, replicas, patterns = len(widths) - 1, len(losses), inputs.shape[1]
    total, widest = widths.sum(), widths.max()
    for replica in range(replicas):
        for start in range(0, patterns, BLOCK):
            count = min(BLOCK, patterns - start)
            below = scratch[: widths[0]]
            below[:, :count] = inputs[:, start : start + count]
            below[:, count:] = _F(0.0)
            top = widths[0]
            for layer in range(depth):
                rows, columns = widths[layer + 1], widths[layer]
                first = ends[layer] + replica * rows * columns
                weights = state[first : first + rows * columns].reshape(rows, columns)
                values = scratch[top : top + rows]
                for i in range(rows):
                    offset = _F(0.0)
                    if bias:
                        offset = state[ends[depth + layer] + replica * rows + i]
                    values[i] = offset
                _fields(weights, below, values)
                if layer < depth - 1:
                    _activate(values, activation)
                below = values
                top += rows
            losses[replica] += _loss(below, targets, loss, start, count)
            above, top = below, top - widths[depth]
            spare = total
            for layer in range(depth - 1, -1, -1):
                rows, columns = widths[layer + 1], widths[layer]
                first = ends[layer] + replica * rows * columns
                top -= columns
                below = scratch[top : top + columns]
                slopes = gradient[first : first + rows * columns].reshape(rows, columns)
                _slopes(above, below, slopes)
                if bias:
                    for i in range(rows):
                        part = _F(0.0)
                        for mu in range(BLOCK):
                            part += above[i, mu]
                        gradient[ends[depth + layer] + replica * rows + i] += part
                if layer > 0:
                    weights = state[first : first + rows * columns].reshape(rows, columns)
                    passed = scratch[spare : spare + columns]
                    _passed(weights, above, passed)
                    _chain(passed, below, activation)
                    above = passed
                    spare = total + widest if spare == total else total


def fits(activation: str, loss: str, widths: list[int]) -> bool:
    """Whether this pass knows the activation and the loss, and is worth it for these widths."""
    return activation in ACTIVATIONS and loss in LOSSES and max(widths) <= WIDEST


def scratch_for(widths: list[int]) -> NDArray[np.float32]:
    """Scratch array of `add_patterns`."""
    return np.empty((sum(widths) + 2 * max(widths), BLOCK), dtype=_F)
