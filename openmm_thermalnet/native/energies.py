"""Which energies the native engine has, and its force for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import openmm
from numpy.typing import NDArray

from openmm_thermalnet import native
from openmm_thermalnet.datasets import Dataset

ENERGIES = {
    "norm": "Norm",
    "squared": "Squared",
    "softcore": "Softcore",
    "quadratic-hinge": "QuadraticHinge",
    "mse": "SquaredError",
}
"""Energies of layers and losses of feed-forward networks, by their names in `NetworkForce`."""

ACTIVATIONS = {"identity": "Identity", "relu": "ReLU", "tanh": "Tanh"}
"""Activations of feed-forward networks, by their names in `NetworkForce`."""


def create_network_force(
    dataset: Dataset,
    widths: tuple[int, ...],
    replicas: int,
    energy: str,
    *,
    walls: bool,
    precision: str,
    gains: tuple[float, ...] | None = None,
    activation: str | None = None,
    weight_decay: float = 0.0,
    bias: bool = False,
) -> openmm.Force:
    """`NetworkForce` of a network.

    Parameters
    ----------
    dataset : Dataset
        Its training patterns.
    widths : tuple of int
        (N_0, ..., N_L).
    replicas : int
        R.
    energy : str
        One of `ENERGIES`.
    walls : bool
        Whether the variables are folded into [-1, 1].
    precision : {"single", "double"}
        Of the evaluation.
    gains : tuple of float, optional
        Of each layer of a layered energy; 1 by default.
    activation : str, optional
        One of `ACTIVATIONS`, for a feed-forward network.
    weight_decay : float
        lambda of a feed-forward network.
    bias : bool
        Whether the neurons of a feed-forward network have biases.

    Raises
    ------
    DependencyError
        If there is no engine.
    """
    kind: Any = native.NetworkForce
    force = kind(
        getattr(kind, ENERGIES[energy]),
        widths,
        _numbers(dataset.train_inputs),
        _numbers(dataset.train_targets),
        replicas,
    )
    force.setWalls(walls)
    force.setDoublePrecision(precision == "double")
    if gains is not None:
        force.setGains(np.array(gains, dtype=np.float64))
    if activation is not None:
        force.setActivation(getattr(kind, ACTIVATIONS[activation]))
        force.setBias(bias)
        force.setWeightDecay(weight_decay)
    return force


def energy_terms(context: openmm.Context) -> NDArray[np.float64] | None:
    """Terms (R, K) of the energies of a Context's replicas; None if the engine has no force in it.

    Nothing is computed if the Context has just computed its energy; see `NetworkForce`.
    """
    if native.missing() is not None:
        return None
    kind: Any = native.NetworkForce
    for force in context.getSystem().getForces():
        if kind.isinstance(force):
            found = kind.cast(force)
            terms = np.array(found.getEnergyTerms(context))
            return terms.reshape(found.getNumReplicas(), -1)
    return None


def _numbers(array: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ascontiguousarray(array, dtype=np.float64)
