"""One function per figure, from the content of `analysis.json` to a matplotlib Figure."""

from openmm_thermalnet.plotting.figures import draw_figures, save_figure
from openmm_thermalnet.plotting.thermal import plot_layer_energies, plot_training

__all__ = [
    "draw_figures",
    "plot_layer_energies",
    "plot_training",
    "save_figure",
]
