"""What the positions of a network's particles mean: spins, weights, energies, labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from openmm import unit

from openmm_thermalnet import feedforward
from openmm_thermalnet.conversion import HostConversion
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.errors import InputError, check_integer
from openmm_thermalnet.hamiltonians import LayeredHamiltonian
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.walls import fold

Split = Literal["train", "test"]


class Observables:
    """Methods of `network.ThermalNet` that read positions, or make them.

    Attributes
    ----------
    dataset : Dataset
        Its training set has M patterns.
    layout : Layout
        Which particle and coordinate holds which parameter.
    gains : tuple of float
        g_l for l = 1 ... L.
    """

    dataset: Dataset
    layout: Layout
    gains: tuple[float, ...]

    @property
    def particles(self) -> int:
        """P, the variables of one network."""
        return self.layout.particles

    @property
    def replicas(self) -> int:
        """R, the networks in the System."""
        return self.layout.replicas

    def createHamiltonian(self) -> LayeredHamiltonian:
        """The energy as a torch module of the flat state; see `hamiltonians`."""
        raise TypeError("a network defines createHamiltonian()")

    def randomPositions(self, seed: int) -> unit.Quantity:
        """Random start: every variable uniform in (-1, 1), independent in every replica.

        Parameters
        ----------
        seed : int
            Replica r depends on `seed` and r alone, not on how many replicas there are.

        Returns
        -------
        Quantity, shape (B P, 3)
            Positions in nm.

        Raises
        ------
        InputError
            If `seed` is no integer or negative.
        """
        streams = np.random.SeedSequence(check_integer("seed", seed)).spawn(self.replicas)
        coordinates = np.stack(
            [np.random.default_rng(stream).uniform(-1, 1, self.particles) for stream in streams]
        )
        return self.layout.positions(coordinates) * unit.nanometer

    def spins(self, positions: Any) -> list[NDArray[np.floating]]:
        """Spins of the hidden layers.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm), folded or not.

        Returns
        -------
        list of ndarray
            For l = 1 ... L-1 an array (R, M, N), folded into [-1, 1].

        Raises
        ------
        InputError
            If the positions have another shape.
        """
        return self.layout.unpack(fold(self.layout.coordinates(positions)), "spin")

    def weights(self, positions: Any) -> list[NDArray[np.floating]]:
        """Weights of all layers.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm), folded or not.

        Returns
        -------
        list of ndarray
            For l = 1 ... L an array (R, N_l, N_{l-1}), folded into [-1, 1].

        Raises
        ------
        InputError
            If the positions have another shape.
        """
        return self.layout.unpack(fold(self.layout.coordinates(positions)), "weight")

    def positions(
        self, spins: Sequence[NDArray[Any]], weights: Sequence[NDArray[Any]]
    ) -> unit.Quantity:
        """Positions of given spins and weights: the inverse of `spins` and `weights`.

        Parameters
        ----------
        spins : sequence of array
            For l = 1 ... L-1 an array (R, M, N), or (M, N) for all replicas alike.
        weights : sequence of array
            For l = 1 ... L an array (R, N_l, N_{l-1}), or (N_l, N_{l-1}).

        Returns
        -------
        Quantity, shape (B P, 3)
            Positions in nm.

        Raises
        ------
        InputError
            If an array is missing, has another shape, or leaves [-1, 1].
        """
        coordinates = self.layout.pack([*spins, *weights])
        outside = np.abs(coordinates).max(initial=0.0)
        if not outside <= 1:
            raise InputError(f"a spin or weight is {outside:g} in size; give values in [-1, 1]")
        return self.layout.positions(coordinates) * unit.nanometer

    def forwardSpins(self, weights: Sequence[NDArray[Any]]) -> list[NDArray[np.floating]]:
        """Spins S_l = tanh(g_l J_l S_{l-1}) of the training patterns: zero hidden-layer energy.

        Parameters
        ----------
        weights : sequence of array
            For l = 1 ... L an array (..., N_l, N_{l-1}).

        Returns
        -------
        list of ndarray
            For l = 1 ... L-1 an array (..., M, N).
        """
        fields = feedforward.local_fields(
            weights, self.gains, self.dataset.train_inputs, activation="tanh"
        )
        return [np.tanh(field) for field in fields[:-1]]

    def layerEnergies(self, positions: Any) -> NDArray[np.float64]:
        """Energy of every layer of every replica.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm), folded or not.

        Returns
        -------
        ndarray, shape (R, L)
            E_l in kJ/mol (Eq. 3 for the printed energy), evaluated in the network's precision.

        Raises
        ------
        InputError
            If the positions have another shape.
        """
        coordinates = self.layout.coordinates(positions)
        hamiltonian, conversion = self._evaluation
        energies, _ = hamiltonian(conversion.state(self.layout.positions(coordinates)))
        by_replica: NDArray[np.float64] = energies.t().to(torch.float64).numpy()
        return by_replica

    @cached_property
    def _evaluation(self) -> tuple[LayeredHamiltonian, HostConversion]:
        """The network's own evaluation, for observables."""
        hamiltonian = self.createHamiltonian()
        return hamiltonian, HostConversion(self.layout, hamiltonian.inputs.dtype)

    def accuracy(
        self,
        positions: Any,
        activation: feedforward.Activation = "sign",
        split: Split = "test",
    ) -> NDArray[np.float64]:
        """Fraction of right labels of the weights in an ordinary feed-forward network (Eq. 12).

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm), folded or not.
        activation : {"sign", "tanh"}
            Function of the hidden layers: "sign" is the paper's, "tanh" the machine's own
            zero-temperature limit. The label is the largest output field.
        split : {"test", "train"}
            Which images.

        Returns
        -------
        ndarray, shape (R,)
            NaN if the split is empty.

        Raises
        ------
        InputError
            If `activation` or `split` is unknown or the positions have another shape.
        """
        if split not in ("train", "test"):
            raise InputError(f"split {split!r} is unknown; choose train or test")
        inputs = getattr(self.dataset, f"{split}_inputs")
        truth = getattr(self.dataset, f"{split}_labels")
        feedforward.check_activation(activation)
        weights = self.weights(positions)
        if not len(truth):
            return np.full(self.replicas, math.nan)
        outputs = feedforward.local_fields(weights, self.gains, inputs, activation)[-1]
        return np.asarray((feedforward.labels(outputs) == truth).mean(axis=-1))

    def toTorch(
        self, positions: Any, replica: int, activation: feedforward.Activation = "tanh"
    ) -> torch.nn.Sequential:
        """One replica's weights as an ordinary torch network.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm), folded or not.
        replica : int
            0 ... R-1.
        activation : {"tanh", "sign"}
            Function of the hidden layers.

        Returns
        -------
        torch.nn.Sequential
            float64 `Linear` layers without biases (the gain multiplied in) and activations between
            them; the output is the local field of the last layer, so that the largest component,
            or the sign of a single one, is the label that `accuracy` counts.

        Raises
        ------
        InputError
            If there is no such replica or the positions have another shape.
        """
        if not 0 <= replica < self.replicas:
            raise InputError(f"replica is {replica!r}; give 0 to {self.replicas - 1}")
        weights = [weight[replica] for weight in self.weights(positions)]
        return feedforward.sequential(weights, self.gains, activation)
