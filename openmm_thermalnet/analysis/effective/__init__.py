"""The effective model of the weight space, and its entropy landscape (arXiv:2007.08093).

An ensemble of binary weights is described by the least structured distribution with its means and
pair correlations, P(s) ~ exp(sum_{i<j} K_ij s_i s_j + sum_i h_i s_i): `compute_moments` measures
them, `fit` finds K and h, `bethe` solves a model for its moments and entropy, and
`entropy_landscape` counts the configurations around a reference.
"""

from openmm_thermalnet.analysis.effective.bethe import Bethe, bethe
from openmm_thermalnet.analysis.effective.fitting import Fit, fit
from openmm_thermalnet.analysis.effective.landscape import (
    Hysteresis,
    Landscape,
    bound,
    compare,
    entropy_landscape,
)
from openmm_thermalnet.analysis.effective.moments import Moments, compute_moments

__all__ = [
    "Bethe",
    "Fit",
    "Hysteresis",
    "Landscape",
    "Moments",
    "bethe",
    "bound",
    "compare",
    "compute_moments",
    "entropy_landscape",
    "fit",
]
