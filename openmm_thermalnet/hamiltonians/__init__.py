"""Energies of a network, batched over replicas, with their gradients."""

from openmm_thermalnet.hamiltonians.activations import ACTIVATIONS
from openmm_thermalnet.hamiltonians.feedforward import FeedForwardHamiltonian
from openmm_thermalnet.hamiltonians.hamiltonian import Hamiltonian
from openmm_thermalnet.hamiltonians.layered import Gain, LayeredHamiltonian, layer_gains
from openmm_thermalnet.hamiltonians.losses import LOSSES
from openmm_thermalnet.hamiltonians.registry import find, names, register
from openmm_thermalnet.hamiltonians.softcore import SoftcoreHamiltonian
from openmm_thermalnet.hamiltonians.thermal import NormHamiltonian, SquaredHamiltonian

BUILT_IN = (NormHamiltonian, SquaredHamiltonian, SoftcoreHamiltonian)
"""Energies of the package itself, which the native engine has too."""

__all__ = [
    "ACTIVATIONS",
    "BUILT_IN",
    "LOSSES",
    "FeedForwardHamiltonian",
    "Gain",
    "Hamiltonian",
    "LayeredHamiltonian",
    "NormHamiltonian",
    "SoftcoreHamiltonian",
    "SquaredHamiltonian",
    "find",
    "layer_gains",
    "names",
    "register",
]
