"""One function per figure, from the content of `analysis.json` to a matplotlib Figure."""

from openmm_thermalnet.plotting.comparison import plot_late_averages, plot_profiles
from openmm_thermalnet.plotting.correlations import (
    plot_ageing,
    plot_correlations,
    plot_profile,
    plot_relaxation_times,
)
from openmm_thermalnet.plotting.figures import Drawing, draw_figures, save_figure
from openmm_thermalnet.plotting.glass import (
    plot_log_displacements,
    plot_losses,
    plot_weight_ageing,
    plot_weight_displacements,
    plot_weight_overlap,
)
from openmm_thermalnet.plotting.heterogeneity import plot_heterogeneity, plot_van_hove
from openmm_thermalnet.plotting.ising import (
    draw_ising_figures,
    plot_density_of_states,
    plot_specific_heat,
)
from openmm_thermalnet.plotting.machines import (
    plot_overlap_distributions,
    plot_overlap_matrices,
)
from openmm_thermalnet.plotting.phase_diagram import plot_phase_diagram
from openmm_thermalnet.plotting.scans import plot_jamming, plot_trivialisation
from openmm_thermalnet.plotting.sweep import (
    draw_sweep_figures,
    plot_solid_depth,
    plot_sweep_averages,
)
from openmm_thermalnet.plotting.temperatures import (
    plot_relaxation_against_temperature,
    plot_superposition,
    plot_temperatures,
)
from openmm_thermalnet.plotting.thermal import plot_layer_energies, plot_training

__all__ = [
    "Drawing",
    "draw_figures",
    "draw_ising_figures",
    "draw_sweep_figures",
    "plot_ageing",
    "plot_correlations",
    "plot_density_of_states",
    "plot_heterogeneity",
    "plot_jamming",
    "plot_late_averages",
    "plot_layer_energies",
    "plot_log_displacements",
    "plot_losses",
    "plot_overlap_distributions",
    "plot_overlap_matrices",
    "plot_phase_diagram",
    "plot_profile",
    "plot_profiles",
    "plot_relaxation_against_temperature",
    "plot_relaxation_times",
    "plot_solid_depth",
    "plot_specific_heat",
    "plot_superposition",
    "plot_sweep_averages",
    "plot_temperatures",
    "plot_training",
    "plot_trivialisation",
    "plot_van_hove",
    "plot_weight_ageing",
    "plot_weight_displacements",
    "plot_weight_overlap",
    "save_figure",
]
