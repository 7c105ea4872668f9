"""What the positions of a feed-forward network's particles mean: weights, loss, labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from openmm import unit

from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError, check_index
from openmm_thermalnet.feedforward import fraction_right
from openmm_thermalnet.hamiltonians import FeedForwardHamiltonian
from openmm_thermalnet.hamiltonians.activations import find_activation
from openmm_thermalnet.particles import ParticleNetwork, Split, check_split
from openmm_thermalnet.sequential import read_sequential, write_sequential


class FeedForwardObservables(ParticleNetwork):
    """Methods of `feedforward_network.FeedForwardNet` that read positions, or make them.

    Attributes
    ----------
    activation : str
        Of the hidden layers.
    bias : bool
        Whether every neuron has a bias.
    """

    model = "feedforward"
    walls = False
    activation: str
    bias: bool

    def createHamiltonian(self) -> FeedForwardHamiltonian:
        """The energy as a torch module of the flat state; see `hamiltonians`."""
        raise TypeError("a feed-forward network defines createHamiltonian()")

    def weights(self, positions: Any) -> list[NDArray[np.floating]]:
        """Weights of all layers.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm).

        Returns
        -------
        list of ndarray
            For l = 1 ... L an array (R, N_l, N_{l-1}).

        Raises
        ------
        InputError
            If the positions have another shape.
        """
        return self.layout.unpack(self.layout.coordinates(positions), "weight")

    def biases(self, positions: Any) -> list[NDArray[np.floating]]:
        """Biases of all layers, arrays (R, N_l) for l = 1 ... L; none without biases."""
        columns = self.layout.unpack(self.layout.coordinates(positions), "bias")
        return [column[..., 0] for column in columns]

    def positions(
        self, weights: Sequence[NDArray[Any]], biases: Sequence[NDArray[Any]] = ()
    ) -> unit.Quantity:
        """Positions of given weights and biases: the inverse of `weights` and `biases`.

        Parameters
        ----------
        weights : sequence of array
            For l = 1 ... L an array (R, N_l, N_{l-1}), or (N_l, N_{l-1}) for all replicas alike.
        biases : sequence of array
            For l = 1 ... L an array (R, N_l), or (N_l,), if the network has biases.

        Returns
        -------
        Quantity, shape (B P, 3)
            Positions in nm.

        Raises
        ------
        InputError
            If an array is missing or has another shape.
        """
        columns = [plain_array("a bias", bias)[..., None] for bias in biases]
        return self.layout.positions(self.layout.pack([*weights, *columns])) * unit.nanometer

    @property
    def energyNames(self) -> tuple[str, ...]:
        """The mean loss of the patterns, and the weight decay."""
        return ("pattern_loss", "weight_decay")

    def loss(self, positions: Any) -> NDArray[np.float64]:
        """Loss of every replica, weight decay included: its energy.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm).

        Returns
        -------
        ndarray, shape (R,)
            In kJ/mol, evaluated in the network's precision.

        Raises
        ------
        InputError
            If the positions have another shape.
        """
        return np.asarray(self.energyTerms(positions).sum(axis=1))

    def outputs(self, positions: Any, inputs: NDArray[Any]) -> NDArray[np.floating]:
        """Outputs f of any patterns.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm).
        inputs : ndarray, shape (K, N_0)
            Patterns.

        Returns
        -------
        ndarray, shape (R, K, N_L)

        Raises
        ------
        InputError
            If the positions have another shape.
        """
        state = self._state(positions)
        hamiltonian = self.createHamiltonian()
        found: NDArray[np.floating] = hamiltonian.outputs(
            state, torch.tensor(plain_array("inputs", inputs))
        ).numpy()
        return found.transpose(0, 2, 1)

    def accuracy(self, positions: Any, split: Split = "test") -> NDArray[np.float64]:
        """Fraction of right labels: the largest output, or the sign of a single one.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm).
        split : {"test", "train"}
            Which patterns.

        Returns
        -------
        ndarray, shape (R,)
            NaN if the split is empty, and where a parameter is NaN.

        Raises
        ------
        InputError
            If `split` is unknown or the positions have another shape.
        """
        inputs = getattr(self.dataset, f"{check_split(split)}_inputs")
        truth = getattr(self.dataset, f"{split}_labels")
        if not len(truth):
            return np.full(self.replicas, math.nan)
        return fraction_right(self.outputs(positions, inputs), truth)

    def unsatisfied(self, positions: Any) -> NDArray[np.float64]:
        """Number (R,) of training patterns with a margin y_k f_k below 1 at some output.

        NaN where a parameter is NaN.
        """
        margins = self.outputs(positions, self.dataset.train_inputs) * self.dataset.train_targets
        count = (margins < 1).any(axis=-1).sum(axis=-1)
        return np.where(np.isnan(margins).any(axis=(-2, -1)), math.nan, count)

    @property
    def measureNames(self) -> tuple[str, ...]:
        """Accuracies, and the number of unsatisfied patterns."""
        return ("test_accuracy", "train_accuracy", "unsatisfied")

    def measure(
        self, positions: Any, velocities: Any, masses: NDArray[np.float64] | None = None
    ) -> list[NDArray[Any]]:
        """An array (R,) for each of `measureNames`; velocities mean nothing in Brownian motion."""
        accuracies = [self.accuracy(positions, split) for split in ("test", "train")]
        return [*accuracies, self.unsatisfied(positions)]

    def toTorch(self, positions: Any, replica: int) -> torch.nn.Sequential:
        """One replica as an ordinary torch network.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm).
        replica : int
            0 ... R-1.

        Returns
        -------
        torch.nn.Sequential
            float64 `Linear` layers, the activation between them and none at the end.

        Raises
        ------
        InputError
            If there is no such replica or the positions have another shape.
        """
        replica = check_index("replica", replica, self.replicas)
        weights = [weight[replica] for weight in self.weights(positions)]
        biases = [bias[replica] for bias in self.biases(positions)]
        return write_sequential(
            weights, self.activation, find_activation(self.activation).layer, biases
        )

    def fromTorch(
        self, model: torch.nn.Sequential | Sequence[torch.nn.Sequential]
    ) -> unit.Quantity:
        """Positions of an ordinary torch network: the inverse of `toTorch`.

        Parameters
        ----------
        model : torch.nn.Sequential or sequence of them
            One for all replicas alike, or one for each.

        Returns
        -------
        Quantity, shape (B P, 3)
            Positions in nm.

        Raises
        ------
        InputError
            If its layers, activations or biases are not those of this network.
        """
        models = [model] if isinstance(model, torch.nn.Module) else list(model)
        if len(models) not in (1, self.replicas):
            raise InputError(f"{len(models)} models given; give one, or {self.replicas}")
        read = [
            read_sequential(each, find_activation(self.activation).layer, self.bias)
            for each in models
        ]
        if any(len(weights) != self.depth for weights, _ in read):
            raise InputError(f"the model has {len(read[0][0])} layers; this one {self.depth}")
        stacked = [
            [np.stack(arrays) for arrays in zip(*kind, strict=True)]
            for kind in zip(*read, strict=True)
        ]
        weights, biases = (
            [np.broadcast_to(a, (self.replicas, *a.shape[1:])) if len(a) == 1 else a for a in kind]
            for kind in stacked
        )
        return self.positions(weights, biases)
