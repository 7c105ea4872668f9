"""The entropy landscape around a reference configuration (Franz-Parisi type)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.analysis.effective.bethe import Bethe, check_messages, solve
from openmm_thermalnet.analysis.effective.model import (
    Array,
    binary_entropy,
    check_configurations,
    check_iterations,
    check_model,
    check_vector,
)
from openmm_thermalnet.analysis.effective.propagation import is_stable, propagate
from openmm_thermalnet.arrays import plain_array, plain_number
from openmm_thermalnet.errors import ConvergenceWarning, InputError


@dataclass(frozen=True)
class Landscape:
    """Entropy against distance along a scan of the tilting field x; unpacks into the two.

    Attributes
    ----------
    x : ndarray, shape (n,)
        Fields towards the reference, in the order of the scan.
    distances : ndarray, shape (n,)
        d = (1 - q) / 2, the expected fraction of spins that differ from the reference.
    entropies : ndarray, shape (n,)
        s, nats per spin.
    converged : ndarray of bool, shape (n,)
        Whether belief propagation converged; d and s are nan where it did not.
    messages : ndarray, shape (N, N)
        At the end of the scan: where a scan back starts.
    """

    x: Array
    distances: Array
    entropies: Array
    converged: NDArray[np.bool_]
    messages: Array

    def __iter__(self) -> Iterator[Array]:
        """Distances and entropies."""
        return iter((self.distances, self.entropies))


@dataclass(frozen=True)
class Hysteresis:
    """A scan of the tilting field and the scan back, compared.

    Attributes
    ----------
    gap : float
        Largest difference in d between the two at the same x.
    jump_forward, jump_backward : float
        Largest change of d between neighbouring x.
    x_forward, x_backward : float
        Where that change lies (the middle of the two x).
    first_order : bool
        Whether the gap exceeds the threshold: then d(x) has two branches.
    missing : int
        Values of x that are left out, since belief propagation did not converge in both scans.
    """

    gap: float
    jump_forward: float
    jump_backward: float
    x_forward: float
    x_backward: float
    first_order: bool
    missing: int


def entropy_landscape(
    couplings: ArrayLike,
    fields: ArrayLike,
    reference: ArrayLike,
    x: ArrayLike,
    *,
    messages: ArrayLike | None = None,
    tolerance: float = 1e-9,
    max_iterations: int = 3000,
) -> Landscape:
    """Entropy of the configurations at a distance from a reference (arXiv:2007.08093).

    The fields become h_i + x s*_i, one x after the other, each solved from the messages of the one
    before: a scan follows a branch until it ends. At every x,
    d = (1 - sum_i s*_i <s_i> / N) / 2, and s is the Bethe entropy per spin; `bound` is the largest
    s that any model could have at d. For the scan back give x in reverse, and as `messages` those
    of the first scan; `compare` tells whether the two are the same.

    Parameters
    ----------
    couplings : array_like, shape (N, N)
        K, symmetric, with zeros on the diagonal.
    fields : array_like, shape (N,)
        h.
    reference : array_like, shape (N,)
        s*, +1 and -1.
    x : array_like, shape (n,)
        Fields towards the reference, in the order of the scan.
    messages : array_like, shape (N, N), optional
        Where to start.
    tolerance : float
        Residual at which messages have converged.
    max_iterations : int
        Steps for every x after which they have not.

    Returns
    -------
    Landscape

    Warns
    -----
    ConvergenceWarning
        In one line, if belief propagation did not converge at some x.

    Raises
    ------
    InputError
        If shapes do not match, values are not finite, couplings are not symmetric, or the
        reference is not made of +1 and -1.
    """
    K, h = check_model(couplings, fields)
    if np.shape(reference) != h.shape:
        raise InputError(
            f"reference has shape {np.shape(reference)}: give {h.size} spins, +1 and -1"
        )
    target = check_configurations(plain_array("reference", reference)[None])[0].astype(np.float64)
    check_iterations(tolerance, max_iterations)
    scan = check_vector("x", x)
    u = np.zeros_like(K) if messages is None else check_messages(messages, h.size)
    distances, entropies = np.full((2, scan.size), np.nan)
    converged = np.zeros(scan.size, dtype=np.bool_)
    for step, tilt in enumerate(scan):
        solution = _solve_quietly(K, h + tilt * target, u, tolerance, max_iterations)
        if solution.converged:
            distances[step] = 0.5 * (1.0 - target @ solution.means / h.size)
            entropies[step] = solution.entropy
            converged[step] = True
            u = solution.messages
    if not converged.all():
        warnings.warn(
            f"belief propagation did not converge at {(~converged).sum()} of {scan.size} values "
            f"of x, the first {scan[np.argmin(converged)]:g}; d and s are nan there",
            ConvergenceWarning,
            stacklevel=2,
        )
    return Landscape(scan, distances, entropies, converged, u)


def _solve_quietly(
    couplings: Array, fields: Array, start: Array, tolerance: float, max_iterations: int
) -> Bethe:
    reached = propagate(couplings, fields, start, tolerance, max_iterations)
    if reached.iterations == 1 and not is_stable(couplings, fields, reached.messages):
        reached = replace(reached, converged=False)  # it was there, and did not settle there
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # counted by the caller
        return solve(couplings, fields, reached)


def bound(distances: ArrayLike) -> Array:
    """Entropy per spin (nats) of all configurations at distance d: -d ln d - (1-d) ln(1-d)."""
    d = plain_array("distances", distances, np.float64)
    if ((d < 0) | (d > 1)).any():
        raise InputError("distances lie outside [0, 1]: give fractions of spins")
    return binary_entropy(1.0 - 2.0 * d)


def compare(forward: Landscape, backward: Landscape, threshold: float = 0.02) -> Hysteresis:
    """Tell a smooth d(x) from one with a first-order jump, by scans in both directions.

    Parameters
    ----------
    forward, backward : Landscape
        The same x in opposite order.
    threshold : float
        Difference in d at the same x above which the two scans are on different branches.

    Raises
    ------
    InputError
        If x are not the same in opposite order, or there are fewer than two at which both scans
        converged.
    """
    plain_number("threshold", threshold)
    if not np.array_equal(forward.x, backward.x[::-1]):
        raise InputError("the scans have different x: give one the x of the other in reverse")
    both = forward.converged & backward.converged[::-1]
    if both.sum() < 2:
        raise InputError(f"both scans converged at {both.sum()} values of x: give at least 2")
    x = forward.x[both]
    there, back = forward.distances[both], backward.distances[::-1][both]
    steps = [np.abs(np.diff(d)) for d in (there, back)]
    at = [int(np.argmax(step)) for step in steps]
    gap = float(np.abs(there - back).max())
    return Hysteresis(
        gap=gap,
        jump_forward=float(steps[0][at[0]]),
        jump_backward=float(steps[1][at[1]]),
        x_forward=float(x[at[0] : at[0] + 2].mean()),
        x_backward=float(x[at[1] : at[1] + 2].mean()),
        first_order=gap > threshold,
        missing=int((~both).sum()),
    )
