"""ThermalNet: a dataset and a depth become an OpenMM System."""

from __future__ import annotations

from typing import Any

import openmm
import torch

from openmm_thermalnet import hamiltonians
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.errors import InputError, check_integer
from openmm_thermalnet.hamiltonians import Gain
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.native.energies import create_network_force
from openmm_thermalnet.observables import Observables
from openmm_thermalnet.particles import check_dataset


class ThermalNet(Observables):
    """A thermal deep learning machine as a molecular system (arXiv:2506.06789).

    The hidden layers' spins S_l[mu, i] of every training pattern and all weights J_l[i, j] are
    free variables in [-1, 1]; the patterns S_0 and the labels S_L are fixed. Each variable is a
    particle of mass 1, and its x, y and z coordinates are three replicas of the network.

    Parameters
    ----------
    dataset : Dataset
        From `openmm_thermalnet.datasets`; its training set has M patterns.
    depth : int
        L, the number of layers of weights; at least 2.
    width : int
        N, neurons in each of the L - 1 hidden layers.
    replicas : int
        R, networks in the System; a positive multiple of 3. They do not interact.
    energy : str
        Registered Hamiltonian: "norm" (Eqs. 2-3), "squared", "softcore", or a user's own.
    gain : float or "fan_in"
        Factor of the local fields; "fan_in" is 1/sqrt(N_{l-1}).
    precision : {"single", "double"}
        Precision in which the energy is evaluated.

    Attributes
    ----------
    particles : int
        P, variables of one network: M N (L-1) + sum_l N_l N_{l-1}.
    replicas : int
        R.
    widths : tuple of int
        (N_0, N, ..., N_L).
    gains : tuple of float
        g_l for l = 1 ... L.

    Raises
    ------
    InputError
        If a parameter is out of its range; the message says which values are not.

    Examples
    --------
    >>> import openmm_thermalnet as tn
    >>> data = tn.datasets.load_mnist(digits=(0, 1), n_train=20, n_test=40)
    >>> net = tn.ThermalNet(data, depth=3, width=4, replicas=3)
    >>> net.createSystem().getNumParticles() == net.particles
    True
    """

    model = "thermal"
    walls = True

    def __init__(
        self,
        dataset: Dataset,
        depth: int,
        width: int,
        replicas: int = 3,
        energy: str = "norm",
        gain: Gain = 1.0,
        precision: str = "single",
    ) -> None:
        check_dataset(dataset)
        if not dataset.bounded:
            raise InputError(
                f"dataset {dataset.name!r} has inputs beyond [-1, 1]; give a thermal machine one "
                "that is bounded, or train a feed-forward network"
            )
        hidden = check_integer("depth", depth, 2) - 1
        self.width = check_integer("width", width, 1)
        widths = (dataset.input_width, *(self.width,) * hidden, dataset.output_width)
        layout = Layout.thermal(dataset.patterns, widths, replicas)
        super().__init__(dataset, layout, widths, precision)
        self.energy = energy
        self.gain = gain
        self.gains = hamiltonians.layer_gains(gain, widths)
        self._hamiltonian_class = hamiltonians.find(energy)

    @property
    def storage_ratio(self) -> float:
        """Storage ratio alpha = M / N."""
        return self.patterns / self.width

    def withReplicas(self, replicas: int) -> ThermalNet:
        """The same network with another number of replicas.

        Raises
        ------
        InputError
            If `replicas` is not a positive multiple of 3.
        """
        return ThermalNet(
            self.dataset,
            self.depth,
            self.width,
            replicas,
            self.energy,
            self.gain,
            self.precision,
        )

    def createHamiltonian(self) -> hamiltonians.LayeredHamiltonian:
        """The energy as a torch module of the flat state; see `hamiltonians`."""
        return self._hamiltonian_class(
            torch.tensor(self.dataset.train_inputs),
            torch.tensor(self.dataset.train_targets),
            self.widths,
            self.replicas,
            self.gain,
            self.dtype,
        )

    @property
    def nativeLacks(self) -> str | None:
        """Why the native engine has not this energy; None if it has."""
        if self._hamiltonian_class in hamiltonians.BUILT_IN:
            return None
        return f"the engine has no energy {self.energy!r}, which is a torch module"

    def createNetworkForce(self) -> openmm.Force:
        """The energy as a force of the native engine."""
        return create_network_force(
            self.dataset,
            self.widths,
            self.replicas,
            self.energy,
            walls=self.walls,
            precision=self.precision,
            gains=self.gains,
        )

    def _own_info(self) -> dict[str, Any]:
        return {
            "storage_ratio": self.storage_ratio,
            "energy": self.energy,
            "gain": self.gain,
        }

    def __repr__(self) -> str:
        """Sizes in one line."""
        return (
            f"ThermalNet({self.dataset.name}, widths={self.widths}, M={self.patterns}, "
            f"energy={self.energy!r}, gain={self.gain!r}, replicas={self.replicas})"
        )
