"""A network whose parameters are particles: what every model shares."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
import openmm
import torch
from numpy.typing import NDArray
from openmm import app, unit
from torch import Tensor

from openmm_thermalnet import native
from openmm_thermalnet.conversion import TorchConversion
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.errors import InputError, check_integer
from openmm_thermalnet.forces import Binding, create_force, resolve_binding
from openmm_thermalnet.hamiltonians import Hamiltonian
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.native.energies import energy_terms
from openmm_thermalnet.threads import ThreadLocal
from openmm_thermalnet.topology import build_topology
from openmm_thermalnet.units import MASS
from openmm_thermalnet.walls import PERIOD

Split = Literal["train", "test"]

_DTYPES = {"single": torch.float32, "double": torch.float64}


class ParticleNetwork:
    """R networks as an OpenMM System: one particle per parameter, x, y and z three replicas.

    A model says what its energy is (`createHamiltonian`, `energyNames`), what else of a moment
    belongs in a table (`measure`, `measureNames`), and how it is copied (`withReplicas`).

    Parameters
    ----------
    dataset : Dataset
        What it learns.
    layout : Layout
        Which particle and coordinate holds which parameter.
    widths : tuple of int
        (N_0, ..., N_L).
    precision : {"single", "double"}
        Precision in which the energy is evaluated.

    Raises
    ------
    InputError
        If `precision` is unknown.
    """

    model: ClassVar[str]
    """Name of the model: "thermal" or "feedforward"."""

    walls: ClassVar[bool]
    """Whether the variables live between walls at -1 and +1 (see `walls`)."""

    def __init__(
        self, dataset: Dataset, layout: Layout, widths: tuple[int, ...], precision: str
    ) -> None:
        if precision not in _DTYPES:
            raise InputError(f"precision is {precision!r}; choose single or double")
        self.dataset = dataset
        self.layout = layout
        self.widths = widths
        self.precision = precision
        self._own = ThreadLocal()

    @property
    def particles(self) -> int:
        """P, the variables of one network."""
        return self.layout.particles

    @property
    def replicas(self) -> int:
        """R, the networks in the System."""
        return self.layout.replicas

    @property
    def depth(self) -> int:
        """L, the layers of weights."""
        return len(self.widths) - 1

    @property
    def patterns(self) -> int:
        """M, the training patterns."""
        return self.dataset.patterns

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the energy as torch has it."""
        return _DTYPES[self.precision]

    @cached_property
    def topology(self) -> app.Topology:
        """Topology of the System (built when first asked for); see `topology.build_topology`."""
        return build_topology(self.layout, self.walls)

    @property
    def energyNames(self) -> tuple[str, ...]:
        """Names of the K terms of the energy."""
        raise TypeError("a ParticleNetwork defines energyNames")

    @property
    def measureNames(self) -> tuple[str, ...]:
        """Names of what `measure` gives."""
        raise TypeError("a ParticleNetwork defines measureNames")

    def measure(
        self, positions: Any, velocities: Any, masses: NDArray[np.float64] | None = None
    ) -> list[NDArray[np.float64]]:
        """What belongs in a table beside the energies, an array (R,) for each name.

        Parameters
        ----------
        positions, velocities : Quantity or array, shape (B P, 3)
            As OpenMM gives them.
        masses : ndarray, shape (B P,), optional
            Of the particles (amu); by default all are 1.
        """
        raise TypeError("a ParticleNetwork defines measure(positions, velocities, masses)")

    def createHamiltonian(self) -> Hamiltonian:
        """The energy as a torch module of the flat state; see `hamiltonians`."""
        raise TypeError("a ParticleNetwork defines createHamiltonian()")

    @property
    def nativeLacks(self) -> str | None:
        """Why the native engine has not this network's energy; None if it has."""
        return f"the engine has no energy of {type(self).__name__}"

    def createNetworkForce(self) -> openmm.Force:
        """The energy as a force of the native engine; see `native.energies`."""
        raise TypeError("a ParticleNetwork defines createNetworkForce(), or what it lacks")

    def withReplicas(self, replicas: int) -> Self:
        """The same network with another number of replicas.

        Raises
        ------
        InputError
            If `replicas` is not a positive multiple of 3.
        """
        raise TypeError("a ParticleNetwork defines withReplicas(replicas)")

    def createSystem(
        self, force: Binding = "auto", threads: int = 1, cudaGraphs: bool = False
    ) -> openmm.System:
        """System of R independent networks.

        Parameters
        ----------
        force : {"auto", "native", "python", "torch", "pythontorch"}
            How the energy is bound: the engine's `NetworkForce`, OpenMM's `PythonForce`, or
            openmm-torch's `TorchForce` or `PythonTorchForce`. "auto" takes the first of these that
            is there and has this energy, openmm-torch before `PythonForce`.
        threads : int
            Torch threads of the evaluation. Those of OpenMM, which the engine uses, are the
            platform's property "Threads".
        cudaGraphs : bool
            Let `TorchForce` capture the evaluation as a CUDA graph.

        Returns
        -------
        openmm.System
            B P particles of mass 1 amu, no constraints, no centre-of-mass remover. Between walls,
            a periodic box of 4 nm (the period of their fold). Global parameters, 1 by default:
            "coupling" and "coupling_0" ... "coupling_{R-1}" scale the energies of all replicas and
            of each ("torch" has only the first), "decay_coupling" scales the weight decay.

        Raises
        ------
        InputError
            If `force` is unknown, or `cudaGraphs` is asked for with another than "torch".
        DependencyError
            If openmm-torch is asked for and missing, or does not fit; if the engine is asked for
            and missing, or has not this energy.
        """
        binding = resolve_binding(force, self.nativeLacks)
        if cudaGraphs and binding != "torch":
            raise InputError(f"cudaGraphs needs force='torch', not {binding!r}; leave it out")
        threads = check_integer("threads", threads, 1)
        system = openmm.System()
        mass = MASS.value_in_unit(unit.dalton)
        for _ in range(self.layout.blocks * self.particles):
            system.addParticle(mass)
        if self.walls:
            system.setDefaultPeriodicBoxVectors(
                (PERIOD, 0.0, 0.0), (0.0, PERIOD, 0.0), (0.0, 0.0, PERIOD)
            )
        if binding == "native":
            system.addForce(self.createNetworkForce())
            return system
        hamiltonian = self.createHamiltonian()
        system.addForce(
            create_force(
                hamiltonian,
                self.layout,
                self.dtype,
                binding=binding,
                walls=self.walls,
                threads=threads,
                cuda_graphs=cudaGraphs,
            )
        )
        return system

    def energyTerms(self, positions: Any) -> NDArray[np.float64]:
        """Terms of the energy of every replica.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them (nm).

        Returns
        -------
        ndarray, shape (R, K)
            In kJ/mol, in the order of `energyNames`, evaluated in the network's precision.

        Raises
        ------
        InputError
            If the positions have another shape.
        """
        hamiltonian, _ = self._evaluation
        energies, _ = hamiltonian(self._state(positions))
        by_replica: NDArray[np.float64] = energies.t().to(torch.float64).numpy()
        return by_replica

    def contextEnergyTerms(
        self, context: openmm.Context, positions: Any = None
    ) -> NDArray[np.float64]:
        """Terms of the energy of every replica in a Context of this network, by its own force.

        Parameters
        ----------
        context : openmm.Context
            Of a System of this network.
        positions : Quantity or array, shape (B P, 3), optional
            Those of the Context, if they are known already.

        Returns
        -------
        ndarray, shape (R, K)
            In kJ/mol and without couplings, in the order of `energyNames`.
        """
        terms = energy_terms(context)
        if terms is not None:
            return terms
        if positions is None:
            positions = context.getState(positions=True).getPositions(asNumpy=True)
        return self.energyTerms(positions)

    @property
    def _evaluation(self) -> tuple[Hamiltonian, TorchConversion]:
        """The evaluation that this thread has for observables."""
        if not hasattr(self._own, "evaluation"):
            conversion = TorchConversion(self.layout, self.dtype, self.walls)
            self._own.evaluation = self.createHamiltonian(), conversion
        found: tuple[Hamiltonian, TorchConversion] = self._own.evaluation
        return found

    def _state(self, positions: Any) -> Tensor:
        """Positions as Hamiltonians want them."""
        _, conversion = self._evaluation
        raw = self.layout.positions(self.layout.coordinates(positions))
        return conversion.state(torch.from_numpy(raw))[0]

    def _uniform(self, seed: int) -> NDArray[np.float64]:
        """Numbers (R, P) uniform in (-1, 1); those of replica r follow from `seed` and r alone.

        Raises
        ------
        InputError
            If `seed` is no integer or negative.
        """
        streams = np.random.SeedSequence(check_integer("seed", seed)).spawn(self.replicas)
        return np.stack(
            [np.random.default_rng(stream).uniform(-1, 1, self.particles) for stream in streams]
        )

    def info(self, force: Binding = "auto") -> dict[str, Any]:
        """What this network is, and which binding its System would use.

        Returns
        -------
        dict
            Plain values, as `run.json` and ``thermalnet info`` show them.
        """
        binding = resolve_binding(force, self.nativeLacks)
        return {
            "model": self.model,
            "dataset": self.dataset.name,
            "dataset_hash": self.dataset.content_hash,
            "patterns": self.patterns,
            "test_patterns": self.dataset.test_patterns,
            "widths": list(self.widths),
            "depth": self.depth,
            **self._own_info(),
            "energy_names": list(self.energyNames),
            "precision": self.precision,
            "replicas": self.replicas,
            "particles": self.particles,
            "degrees_of_freedom": self.particles * self.replicas,
            "force": binding,
            **({"instruction_set": native.instruction_set()} if binding == "native" else {}),
        }

    def _own_info(self) -> dict[str, Any]:
        """What this model has that others have not."""
        return {}


def particle_masses(system: openmm.System) -> NDArray[np.float64]:
    """Masses (amu) of the particles of a System; 0 for one that does not move."""
    count = system.getNumParticles()
    return np.fromiter((system.getParticleMass(i)._value for i in range(count)), float, count)


def check_dataset(dataset: Any) -> Dataset:
    """Return `dataset` if it is one that a network can learn.

    Raises
    ------
    InputError
        If it is not, or its targets are 0 and 1: energies, losses and labels take -1 and +1.
    """
    if not isinstance(dataset, Dataset):
        given = (repr(dataset).splitlines() or ["?"])[0]
        raise InputError(f"dataset is {given}; give one made by openmm_thermalnet.datasets")
    for targets in (dataset.train_targets, dataset.test_targets):
        if set(np.unique(targets).tolist()) == {0.0, 1.0}:
            raise InputError("targets are 0 and 1; give -1 and +1, that is 2 * targets - 1")
    return dataset


def check_split(split: str) -> Split:
    """Return `split`, or refuse it in one line."""
    if split not in ("train", "test"):
        raise InputError(f"split {split!r} is unknown; choose train or test")
    return split  # type: ignore[return-value]
