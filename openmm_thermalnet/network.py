"""ThermalNet: a dataset and a depth become an OpenMM System."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import openmm
import torch
from openmm import app, unit

from openmm_thermalnet import hamiltonians
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.errors import InputError, check_integer
from openmm_thermalnet.forces import Binding, create_force, resolve_binding
from openmm_thermalnet.hamiltonians import Gain
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.observables import Observables
from openmm_thermalnet.topology import build_topology
from openmm_thermalnet.units import MASS
from openmm_thermalnet.walls import PERIOD

_DTYPES = {"single": torch.float32, "double": torch.float64}


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
        if not isinstance(dataset, Dataset):
            raise InputError(f"dataset is {dataset!r}; give one made by openmm_thermalnet.datasets")
        if not dataset.bounded:
            raise InputError(
                f"dataset {dataset.name!r} has inputs beyond [-1, 1]; give a thermal machine one "
                "that is bounded, or train a feed-forward network"
            )
        if precision not in _DTYPES:
            raise InputError(f"precision is {precision!r}; choose single or double")
        self.dataset = dataset
        self.depth = check_integer("depth", depth, 2)
        self.width = check_integer("width", width, 1)
        self.energy = energy
        self.gain = gain
        self.precision = precision
        self.widths = (
            dataset.input_width,
            *(self.width,) * (self.depth - 1),
            dataset.output_width,
        )
        self.gains = hamiltonians.layer_gains(gain, self.widths)
        self.layout = Layout.thermal(dataset.patterns, self.widths, replicas)
        self._hamiltonian_class = hamiltonians.find(energy)

    @property
    def patterns(self) -> int:
        """M, the training patterns."""
        return self.dataset.patterns

    @property
    def storage_ratio(self) -> float:
        """Storage ratio alpha = M / N."""
        return self.patterns / self.width

    @cached_property
    def topology(self) -> app.Topology:
        """Topology of the System (built when first asked for); see `topology.build_topology`."""
        return build_topology(self.layout)

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

    def createSystem(
        self, force: Binding = "auto", threads: int = 1, cudaGraphs: bool = False
    ) -> openmm.System:
        """System of R independent networks.

        Parameters
        ----------
        force : {"auto", "python", "torch", "pythontorch"}
            How the energy is bound: OpenMM's `PythonForce`, or openmm-torch's `TorchForce` or
            `PythonTorchForce`. "auto" takes openmm-torch where it imports and fits this OpenMM.
        threads : int
            Torch threads of the evaluation (OpenMM's are the platform's property "Threads").
        cudaGraphs : bool
            Let `TorchForce` capture the evaluation as a CUDA graph.

        Returns
        -------
        openmm.System
            B P particles of mass 1 amu, no constraints, no centre-of-mass remover, a periodic box
            of 4 nm (the period of the walls' fold). A global parameter "coupling" (default 1)
            scales the energy.

        Raises
        ------
        InputError
            If `force` is unknown.
        DependencyError
            If openmm-torch is asked for and missing, or does not fit.
        """
        system = openmm.System()
        mass = MASS.value_in_unit(unit.dalton)
        for _ in range(self.layout.blocks * self.particles):
            system.addParticle(mass)
        system.setDefaultPeriodicBoxVectors(
            (PERIOD, 0.0, 0.0), (0.0, PERIOD, 0.0), (0.0, 0.0, PERIOD)
        )
        system.addForce(
            create_force(
                self.createHamiltonian(),
                self.layout,
                _DTYPES[self.precision],
                binding=force,
                threads=threads,
                cuda_graphs=cudaGraphs,
            )
        )
        return system

    def createHamiltonian(self) -> hamiltonians.LayeredHamiltonian:
        """The energy as a torch module of the flat state; see `hamiltonians`."""
        return self._hamiltonian_class(
            torch.tensor(self.dataset.train_inputs),
            torch.tensor(self.dataset.train_targets),
            self.widths,
            self.replicas,
            self.gain,
            _DTYPES[self.precision],
        )

    def info(self, force: Binding = "auto") -> dict[str, Any]:
        """What this network is, and which binding its System would use.

        Returns
        -------
        dict
            Plain values, as `run.json` and ``thermalnet info`` show them.
        """
        return {
            "dataset": self.dataset.name,
            "dataset_hash": self.dataset.content_hash,
            "patterns": self.patterns,
            "test_patterns": len(self.dataset.test_inputs),
            "widths": list(self.widths),
            "depth": self.depth,
            "storage_ratio": self.storage_ratio,
            "energy": self.energy,
            "gain": self.gain,
            "precision": self.precision,
            "replicas": self.replicas,
            "particles": self.particles,
            "degrees_of_freedom": self.particles * self.replicas,
            "force": resolve_binding(force),
        }

    def __repr__(self) -> str:
        """Sizes in one line."""
        return (
            f"ThermalNet({self.dataset.name}, widths={self.widths}, M={self.patterns}, "
            f"energy={self.energy!r}, gain={self.gain!r}, replicas={self.replicas})"
        )
