"""The Ising model of a network: its density of states and thermodynamics (arXiv:2209.08678).

Every neuron is a spin of +-1, the weights are the couplings, and there is no field. All functions
take a list of matrices (N_l, N_{l-1}), or anything of one replica that `load_weights` takes.
"""

from openmm_thermalnet.analysis.ising.blocks import Width, block_widths, energy_width
from openmm_thermalnet.analysis.ising.density import DensityOfStates
from openmm_thermalnet.analysis.ising.ground import Quench, first_layers, quench
from openmm_thermalnet.analysis.ising.network import energy
from openmm_thermalnet.analysis.ising.permuted import permuted
from openmm_thermalnet.analysis.ising.sampling import wang_landau
from openmm_thermalnet.analysis.ising.thermodynamics import (
    CriticalTemperature,
    canonical_energy,
    critical_temperature,
    normalised_specific_heat,
    specific_heat,
)
from openmm_thermalnet.analysis.ising.transfer import (
    ExactThermodynamics,
    exact_critical_temperature,
    exact_thermodynamics,
    ground_state_energy,
)

__all__ = [
    "CriticalTemperature",
    "DensityOfStates",
    "ExactThermodynamics",
    "Quench",
    "Width",
    "block_widths",
    "canonical_energy",
    "critical_temperature",
    "energy",
    "energy_width",
    "exact_critical_temperature",
    "exact_thermodynamics",
    "first_layers",
    "ground_state_energy",
    "normalised_specific_heat",
    "permuted",
    "quench",
    "specific_heat",
    "wang_landau",
]
