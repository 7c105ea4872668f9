"""Gradient descent of feed-forward networks, plain and stochastic: all replicas at once.

Weights are kept in double precision, whatever the precision of the gradient: at a small step and a
flat loss a float32 weight would not move at all.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmm_thermalnet.errors import InputError, SimulationError, check_integer
from openmm_thermalnet.hamiltonians import FeedForwardHamiltonian


def check_step_size(eta: float) -> float:
    """Return the step size if it is finite and positive.

    Raises
    ------
    InputError
        If it is not.
    """
    if not 0 < eta < float("inf"):
        raise InputError(f"eta is {eta}; give a step size above 0, such as 1e-3")
    return float(eta)


def check_batch(batch: int, patterns: int, name: str = "batch") -> int:
    """Return the size of a minibatch if there are as many patterns; `name` is its parameter's.

    Raises
    ------
    InputError
        If it is no integer from 1 to `patterns`.
    """
    if check_integer(name, batch, 1) > patterns:
        raise InputError(f"{name} is {batch}; give at most the {patterns} training patterns")
    return int(batch)


def stochastic_descent(
    hamiltonian: FeedForwardHamiltonian,
    state: Tensor,
    eta: float,
    batch: int,
    seed: int,
    start: int,
    stop: int,
) -> None:
    """Take steps w <- w - eta grad L_B of plain stochastic gradient descent, in place.

    L_B is the loss of a minibatch B, weight decay included. Every replica draws its own batches:
    an epoch is a random order of all patterns cut into batches, and the rest that fills no batch
    is left out. The batch of a step depends on the seed, the replica and the step alone, so that
    steps 0 to n in one call or in several are the same.

    Parameters
    ----------
    hamiltonian : FeedForwardHamiltonian
        Of R replicas and P patterns.
    state : Tensor of float64, shape (R P_w,)
        Weights in the kernels' order; changed.
    eta : float
        Step size.
    batch : int
        Patterns in a minibatch, at most P.
    seed : int
        Of the batches.
    start, stop : int
        First step, and the one before which to end.

    Raises
    ------
    InputError
        If the step size or the batch cannot be used.
    SimulationError
        If the weights do not stay finite.
    """
    eta, batch = check_step_size(eta), check_batch(batch, hamiltonian.patterns)
    seed, start = check_integer("seed", seed), check_integer("start", start)
    stop = check_integer("stop", stop, start)
    dtype = hamiltonian.inputs.dtype
    gradient = torch.empty(state.shape, dtype=dtype)
    with torch.no_grad():
        for chosen in _batches(
            hamiltonian.patterns, hamiltonian.replicas, batch, seed, start, stop
        ):
            weights = state.to(dtype)
            gradient.zero_()
            hamiltonian.add_patterns(
                weights,
                _gathered(hamiltonian.inputs, chosen),
                _gathered(hamiltonian.targets, chosen),
                gradient,
            )
            gradient.div_(batch)
            hamiltonian.add_decay(weights, gradient)
            state.sub_(gradient, alpha=eta)
    _check_finite(state, f"step {stop} of stochastic descent", eta)


def gradient_descent(
    hamiltonian: FeedForwardHamiltonian, state: Tensor, eta: float, steps: int
) -> None:
    """Take steps w <- w - eta grad L of all patterns, in place.

    Parameters
    ----------
    hamiltonian : FeedForwardHamiltonian
        Of R replicas.
    state : Tensor of float64, shape (R P_w,)
        Weights in the kernels' order; changed.
    eta : float
        Step size.
    steps : int
        How many.

    Raises
    ------
    InputError
        If the step size cannot be used.
    SimulationError
        If the weights do not stay finite.
    """
    eta = check_step_size(eta)
    for _ in range(steps):
        _, gradient = hamiltonian(state.to(hamiltonian.inputs.dtype))
        state.sub_(gradient, alpha=eta)
    _check_finite(state, f"step {steps} of descent", eta)


def _batches(
    patterns: int, replicas: int, batch: int, seed: int, start: int, stop: int
) -> Iterator[NDArray[np.int64]]:
    """Patterns (R, batch) of every step."""
    per_epoch = patterns // batch
    orders = np.empty((replicas, patterns), dtype=np.int64)
    epoch = -1
    for step in range(start, stop):
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            for replica in range(replicas):
                sequence = np.random.SeedSequence(seed, spawn_key=(replica, epoch))
                orders[replica] = np.random.default_rng(sequence).permutation(patterns)
        first = (step % per_epoch) * batch
        yield orders[:, first : first + batch]


def _gathered(columns: Tensor, chosen: NDArray[np.int64]) -> Tensor:
    """Columns (N, P) of the patterns of every replica, (R, N, batch)."""
    return columns[:, torch.from_numpy(chosen)].transpose(0, 1)


def _check_finite(state: Tensor, where: str, eta: float) -> None:
    if not bool(torch.isfinite(state).all()):
        raise SimulationError(f"weights are not finite at {where}; lower eta, which is {eta}")
