"""What the positions of a network's particles mean: spins, weights, energies, labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import openmm
import torch
from numpy.typing import NDArray
from openmm import unit

from openmm_thermalnet import feedforward
from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError, check_index
from openmm_thermalnet.particles import (
    ParticleNetwork,
    Split,
    check_split,
    particle_masses,
)
from openmm_thermalnet.sequential import write_sequential
from openmm_thermalnet.walls import fold

_ACCURACIES: tuple[tuple[Split, feedforward.Activation], ...] = (
    ("test", "sign"),
    ("test", "tanh"),
    ("train", "sign"),
    ("train", "tanh"),
)


class Observables(ParticleNetwork):
    """Methods of `network.ThermalNet` that read positions, or make them.

    Attributes
    ----------
    gains : tuple of float
        g_l for l = 1 ... L.
    """

    gains: tuple[float, ...]

    @property
    def energyNames(self) -> tuple[str, ...]:
        """e_1 ... e_L."""
        return tuple(f"e_{layer}" for layer in range(1, self.depth + 1))

    @property
    def measureNames(self) -> tuple[str, ...]:
        """The temperature, and the accuracies of both splits with both activations."""
        return ("temperature", *(f"{split}_{function}" for split, function in _ACCURACIES))

    def measure(
        self, positions: Any, velocities: Any, masses: NDArray[np.float64] | None = None
    ) -> list[NDArray[np.float64]]:
        """Kinetic temperature and accuracies, an array (R,) for each of `measureNames`."""
        accuracies = [self.accuracy(positions, function, split) for split, function in _ACCURACIES]
        return [self.temperatures(velocities, masses), *accuracies]

    def temperatures(
        self, velocities: Any, system: openmm.System | NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Kinetic kT (kJ/mol) of every replica: <m v^2> of its mobile variables.

        Parameters
        ----------
        velocities : Quantity or array, shape (B P, 3)
            In nm/ps. A Brownian integrator's are no thermal velocities.
        system : openmm.System or ndarray (B P,), optional
            Has the masses, or the masses (amu); particles of mass 0 do not move and do not count.
            By default all masses are 1.

        Returns
        -------
        ndarray, shape (R,)
            NaN where nothing can move.

        Raises
        ------
        InputError
            If the velocities, or the particles of the System, are not those of this network.
        """
        speed = unit.nanometer / unit.picosecond
        squares = np.square(self.layout.coordinates(velocities, "velocities", speed))
        if system is None:
            return np.asarray(squares.mean(axis=1))
        if isinstance(system, openmm.System):
            system = particle_masses(system)
        masses = plain_array("masses", system, unit=unit.dalton)
        count = self.layout.blocks * self.particles
        if masses.shape != (count,):
            raise InputError(
                f"masses have shape {masses.shape}; give a System, or one for each of {count}"
            )
        if (masses < 0).any():
            raise InputError(f"a mass is {masses.min()}; give masses that are not negative")
        each = self.layout.coordinates(np.repeat(masses[:, None], 3, axis=1))
        mobile = np.count_nonzero(each, axis=1)
        weighted = np.where(each != 0, each * squares, 0.0).sum(axis=1)
        undefined = np.full(self.replicas, math.nan)
        return np.asarray(np.divide(weighted, mobile, out=undefined, where=mobile > 0))

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
        return self.layout.positions(self._uniform(seed)) * unit.nanometer

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
        return self.energyTerms(positions)

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
            NaN if the split is empty, and where a weight is NaN.

        Raises
        ------
        InputError
            If `activation` or `split` is unknown or the positions have another shape.
        """
        check_split(split)
        inputs = getattr(self.dataset, f"{split}_inputs")
        truth = getattr(self.dataset, f"{split}_labels")
        feedforward.check_activation(activation)
        weights = self.weights(positions)
        if not len(truth):
            return np.full(self.replicas, math.nan)
        outputs = feedforward.local_fields(weights, self.gains, inputs, activation)[-1]
        return feedforward.fraction_right(outputs, truth)

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
        replica = check_index("replica", replica, self.replicas)
        layer = (
            torch.nn.Tanh
            if feedforward.check_activation(activation) == "tanh"
            else feedforward.Sign
        )
        weights = [
            gain * weight[replica]
            for gain, weight in zip(self.gains, self.weights(positions), strict=True)
        ]
        return write_sequential(weights, activation, layer)
