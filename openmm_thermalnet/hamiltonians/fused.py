"""The loss of a feed-forward network and its gradient in one compiled pass, on the CPU.

A block of patterns goes through the whole network, forwards and backwards, while its values stay in
the cache. In single precision, for the commonest activations and losses; torch does the rest, and
tests hold the two together.
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
    take,
)
from openmm_thermalnet.hamiltonians.compiled import tanh
from openmm_thermalnet.vectors import aligned

_F = np.float32

ACTIVATIONS = {"identity": 0, "relu": 1, "tanh": 2}
LOSSES = {"quadratic-hinge": 0, "mse": 1}

WIDEST = 700
"""Widest layer for which this was found faster than torch's products."""


@jit
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


@jit
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


@jit
def _loss(outputs, targets, loss, start, count):  # type: ignore[no-untyped-def]
    """Replace f by the derivative of the loss, and give the loss."""
    total = np.float64(0.0)
    for i in range(outputs.shape[0]):
        row, labels = outputs[i], targets[i, start : start + count]
        part = _F(0.0)
        for mu in range(labels.size):
            y = labels[mu]
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


@jit
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
            take(inputs, start, count, below)
            top = widths[0]
            for layer in range(depth):
                rows, columns = widths[layer + 1], widths[layer]
                first = ends[layer] + replica * rows * columns
                values = scratch[top : top + rows]
                fields(state, first, rows, columns, below, values)
                if bias:
                    for i in range(rows):
                        offset, row = state[ends[depth + layer] + replica * rows + i], values[i]
                        for mu in range(BLOCK):
                            row[mu] += offset
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
                add_slopes(above, below, rows, columns, gradient, first)
                if bias:
                    for i in range(rows):
                        part = _F(0.0)
                        for mu in range(BLOCK):
                            part += above[i, mu]
                        gradient[ends[depth + layer] + replica * rows + i] += part
                if layer > 0:
                    derivatives = scratch[spare : spare + columns]
                    passed(state, first, rows, columns, above, derivatives)
                    _chain(derivatives, below, activation)
                    above = derivatives
                    spare = total + widest if spare == total else total


def fits(activation: str, loss: str, widths: list[int]) -> bool:
    """Whether this pass knows the activation and the loss, and is worth it for these widths."""
    return activation in ACTIVATIONS and loss in LOSSES and max(widths) <= WIDEST


def scratch_for(widths: list[int]) -> NDArray[np.float32]:
    """Scratch array of `add_patterns`."""
    return aligned((sum(widths) + 2 * max(widths), BLOCK))
