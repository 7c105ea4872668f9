"""Belief propagation on a graph that may be dense: all messages of a step in one pass.

The message of spin k to spin i is the field u_{k->i} that k alone would exert on i,

    u_{k->i} = atanh(tanh K_ki tanh(h_k + sum_{l != i} u_{l->k})),

so that m_{i->a} of arXiv:2007.08093 is tanh(h_i + sum_{b != a} u_{b->i}).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmm_thermalnet.analysis.effective.model import Array, sech_squared

_WINDOW = 12
_SMALLEST_STEP = 0.03
_STALLED = 40  # windows without progress, at the smallest step, that end it
_PROBES, _PROBED, _PROBE_STEP = 200, 40, 0.5
_PRODUCT_UP_TO = 2.0  # beyond this coupling atanh(tanh tanh) loses digits


@dataclass(frozen=True)
class Propagation:
    """Messages where belief propagation ended.

    Attributes
    ----------
    messages : ndarray, shape (N, N)
        u[k, i], the field of k on i; zero where there is no coupling.
    residual : float
        Largest change of a message in a full step.
    iterations : int
        Steps done.
    converged : bool
        Whether the residual is within the tolerance.
    """

    messages: Array
    residual: float
    iterations: int
    converged: bool


def total_fields(fields: Array, messages: Array) -> Array:
    """Fields h_i + sum_k u_{k->i}, shape (N,): the mean of spin i is their tanh."""
    return np.asarray(fields + messages.sum(axis=0))


def cavity_fields(fields: Array, messages: Array) -> Array:
    """Field on k in the absence of i, [k, i]."""
    return total_fields(fields, messages)[:, None] - messages.T


def exerted_fields(couplings: Array, cavity: Array) -> Array:
    """Fields atanh(tanh K tanh H) that spins in cavity fields H exert through couplings K."""
    if np.abs(couplings).max(initial=0.0) < _PRODUCT_UP_TO:
        return np.asarray(np.arctanh(np.tanh(couplings) * np.tanh(cavity)))
    # 1/2 ln(cosh(K + H) / cosh(K - H)), which cannot overflow and keeps the digits
    a, b = np.abs(couplings), np.abs(cavity)
    far, near = np.exp(-2.0 * (a + b)), np.exp(-2.0 * np.abs(a - b))
    size = np.minimum(a, b) + 0.5 * (np.log1p(far) - np.log1p(near))
    return np.asarray(np.sign(couplings) * np.sign(cavity) * size)


def propagate(
    couplings: Array,
    fields: Array,
    messages: Array | None = None,
    tolerance: float = 1e-11,
    max_iterations: int = 3000,
) -> Propagation:
    """Iterate the messages to a fixed point.

    Full steps as long as the residual falls; whenever it did not over a window of steps, the
    steps are made shorter (damping). Messages that still do not settle are not converged.

    Parameters
    ----------
    couplings, fields : ndarray, shapes (N, N) and (N,)
        K and h, checked.
    messages : ndarray, shape (N, N), optional
        Where to start; by default no message.
    tolerance : float
        Residual at which the messages have converged.
    max_iterations : int
        Steps after which they have not.
    """
    u = np.zeros_like(couplings) if messages is None else messages.copy()
    step, best_before, best, stalled = 1.0, np.inf, np.inf, 0
    residual, iteration = np.inf, 0
    for iteration in range(1, max_iterations + 1):
        change = exerted_fields(couplings, cavity_fields(fields, u))
        change -= u
        residual = float(np.abs(change).max(initial=0.0))
        if residual <= tolerance:
            break
        change *= step
        u += change
        best = min(best, residual)
        if iteration % _WINDOW == 0:
            if best >= best_before:
                stalled = stalled + 1 if step <= _SMALLEST_STEP else 0
                step = max(0.7 * step, _SMALLEST_STEP)
            else:
                stalled = 0
            best_before, best = min(best, best_before), np.inf
            if stalled >= _STALLED:
                break
    return Propagation(u, residual, iteration, residual <= tolerance)


def is_stable(couplings: Array, fields: Array, messages: Array) -> bool:
    """Whether damped belief propagation returns to a fixed point from nearby.

    Messages that settled by themselves are stable; those that were there from the start need not
    be, such as none at all where there are no fields. Small deviations are followed to first
    order, du_{k->i} = du/dH (sum_l du_{l->k} - du_{i->k}), for 200 steps of half length; they grow
    if the last 40 did not make them smaller.
    """
    cavity = cavity_fields(fields, messages)
    t, bare, narrow = np.tanh(couplings), sech_squared(couplings), sech_squared(cavity)
    slope = t * narrow / (narrow + bare * np.tanh(cavity) ** 2)
    v = np.random.default_rng(0).normal(size=messages.shape) * (couplings != 0)
    before = 1.0
    for step in range(_PROBES):
        size = float(np.abs(v).max(initial=0.0))
        if size == 0.0:
            return True
        v /= size
        if step >= _PROBES - _PROBED:
            before *= size
        v += _PROBE_STEP * (slope * (v.sum(axis=0)[:, None] - v.T) - v)
    return before <= 1.0
