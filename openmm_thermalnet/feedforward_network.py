"""FeedForwardNet: an ordinary feed-forward network becomes an OpenMM System."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import openmm
import torch
from openmm import unit

from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.errors import InputError, check_integer
from openmm_thermalnet.feedforward_observables import FeedForwardObservables
from openmm_thermalnet.hamiltonians import FeedForwardHamiltonian
from openmm_thermalnet.hamiltonians.activations import find_activation
from openmm_thermalnet.hamiltonians.losses import find_loss
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.native.energies import ACTIVATIONS, ENERGIES, create_network_force
from openmm_thermalnet.particles import check_dataset


class FeedForwardNet(FeedForwardObservables):
    """A feed-forward network whose loss is the energy of a molecular system (arXiv:2405.13098).

    Only the weights move, on the whole line. The energy of a replica is its loss over all P
    training patterns, L(w) = (1/P) sum_mu loss(f(x_mu), y_mu) + (lambda/2) |w|^2, in kJ/mol.
    Targets y are those of the dataset: +-1 for one output, one-hot as +1 and -1 for several.

    Parameters
    ----------
    dataset : Dataset
        From `openmm_thermalnet.datasets`.
    widths : sequence of int
        (N_0, N_1, ..., N_L); the first and the last are those of the dataset.
    activation : str
        Of the hidden layers: "relu", "tanh", "leaky_relu", "elu", "gelu", "silu", "softplus",
        "sigmoid" or "identity", as in `torch.nn.functional`. The output has none.
    loss : {"quadratic-hinge", "mse", "cross-entropy"}
        Of a pattern: (1/2) sum_k max(0, 1 - y_k f_k)^2, (1/2) sum_k (f_k - y_k)^2, or the
        cross-entropy of softmax(f), which for one output is ln(1 + e^(-y f)).
    weightDecay : float
        lambda; biases count among the w.
    replicas : int
        R, networks in the System; a positive multiple of 3. They do not interact.
    bias : bool
        Whether every neuron has a bias.
    precision : {"single", "double"}
        Precision in which the energy is evaluated.
    batch : int, optional
        Refused unless it is P: an energy is a function of the state, so no minibatches.

    Attributes
    ----------
    particles : int
        Number of weights and biases of one network.
    replicas : int
        R.
    widths : tuple of int
        (N_0, ..., N_L).

    Raises
    ------
    InputError
        If a parameter is out of its range or the widths are not those of the dataset.

    Examples
    --------
    >>> import openmm_thermalnet as tn
    >>> data = tn.datasets.load_mnist_pca(n_train=100, n_test=50)
    >>> net = tn.FeedForwardNet(data, (10, 8, 8, 1))
    >>> zero = net.positions([0 * w for w in net.weights(net.randomPositions(seed=0))])
    >>> net.loss(zero)
    array([0.5, 0.5, 0.5])
    """

    def __init__(
        self,
        dataset: Dataset,
        widths: Sequence[int],
        activation: str = "relu",
        loss: str = "quadratic-hinge",
        weightDecay: float = 0.0,
        replicas: int = 3,
        *,
        bias: bool = False,
        precision: str = "single",
        batch: int | None = None,
    ) -> None:
        checked = _check_widths(check_dataset(dataset), widths)
        if batch is not None and check_integer("batch", batch, 1) != dataset.patterns:
            raise InputError(
                f"batch is {batch!r}; the energy is a function of the state, of all "
                f"{dataset.patterns} patterns: leave it out"
            )
        number = float(weightDecay) if isinstance(weightDecay, Real) else math.nan
        if not (math.isfinite(number) and number >= 0):
            raise InputError(
                f"weightDecay is {weightDecay!r}; give a finite number that is not negative"
            )
        find_activation(activation)
        find_loss(loss).check(dataset.train_targets)
        super().__init__(
            dataset, Layout.feedforward(checked, replicas, bool(bias)), checked, precision
        )
        self.activation = activation
        self.lossName = loss
        self.weightDecay = number
        self.bias = bool(bias)

    def withReplicas(self, replicas: int) -> FeedForwardNet:
        """The same network with another number of replicas.

        Raises
        ------
        InputError
            If `replicas` is not a positive multiple of 3.
        """
        return FeedForwardNet(
            self.dataset,
            self.widths,
            self.activation,
            self.lossName,
            self.weightDecay,
            replicas,
            bias=self.bias,
            precision=self.precision,
        )

    def createHamiltonian(self) -> FeedForwardHamiltonian:
        """The energy as a torch module of the flat state; see `hamiltonians`."""
        return FeedForwardHamiltonian(
            torch.tensor(self.dataset.train_inputs),
            torch.tensor(self.dataset.train_targets),
            self.widths,
            self.replicas,
            self.activation,
            self.lossName,
            self.weightDecay,
            self.bias,
            self.dtype,
        )

    @property
    def nativeLacks(self) -> str | None:
        """Why the native engine has not this energy; None if it has."""
        if self.lossName not in ENERGIES:
            return f"the engine has no loss {self.lossName!r}"
        if self.activation not in ACTIVATIONS:
            return f"the engine has no activation {self.activation!r}"
        return None

    def createNetworkForce(self) -> openmm.Force:
        """The energy as a force of the native engine."""
        return create_network_force(
            self.dataset,
            self.widths,
            self.replicas,
            self.lossName,
            walls=self.walls,
            precision=self.precision,
            activation=self.activation,
            weight_decay=self.weightDecay,
            bias=self.bias,
        )

    def randomPositions(self, seed: int) -> unit.Quantity:
        """Random start as torch's `nn.Linear`: uniform in +-1/sqrt(fan in), biases too.

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
        bounds = [1.0 / math.sqrt(width) for width in self.widths[:-1]] * (2 if self.bias else 1)
        each = np.repeat(bounds, [field.size for field in self.layout.fields])
        return self.layout.positions(each * self._uniform(seed)) * unit.nanometer

    def _own_info(self) -> dict[str, Any]:
        return {
            "activation": self.activation,
            "loss": self.lossName,
            "weight_decay": self.weightDecay,
            "bias": self.bias,
        }

    def __repr__(self) -> str:
        """Sizes in one line."""
        return (
            f"FeedForwardNet({self.dataset.name}, widths={self.widths}, P={self.patterns}, "
            f"activation={self.activation!r}, loss={self.lossName!r}, "
            f"weightDecay={self.weightDecay!r}, replicas={self.replicas})"
        )


def _check_widths(dataset: Dataset, widths: Sequence[int]) -> tuple[int, ...]:
    """Return the widths if they lead from the inputs to the outputs of the dataset."""
    if not isinstance(widths, Sequence) or isinstance(widths, str) or len(widths) < 2:
        raise InputError(f"widths is {widths!r}; give (N_0, N_1, ..., N_L)")
    checked = tuple(check_integer("a width", width, 1) for width in widths)
    needed = (dataset.input_width, dataset.output_width)
    if (checked[0], checked[-1]) != needed:
        raise InputError(
            f"widths is {checked}, but the dataset has {needed[0]} inputs and {needed[1]} outputs; "
            f"give ({needed[0]}, ..., {needed[1]})"
        )
    return checked
