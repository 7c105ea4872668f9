"""Observables of the machine: pure functions on arrays, with standard errors.

Configurations of one layer are arrays (frames, slots, variables), where the slots are the replicas
of one or more samples; frames are read one at a time, so an HDF5-backed object may stand in for an
array. Steps are counted from the waiting time. `ising` is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from openmm_thermalnet.analysis import effective as effective
from openmm_thermalnet.analysis.ageing import AgeingFit, compute_ageing
from openmm_thermalnet.analysis.clustering import (
    Hierarchy,
    OverlapClustering,
    compute_hierarchy,
    compute_overlap_clustering,
)
from openmm_thermalnet.analysis.collapse import Collapse, compute_collapse
from openmm_thermalnet.analysis.correlations import (
    Correlation,
    compute_autocorrelation,
    compute_replica_correlation,
)
from openmm_thermalnet.analysis.estimates import Curve
from openmm_thermalnet.analysis.glass import (
    compute_free_walk_time,
    compute_gaussian_overlap,
    compute_overlap_width,
    compute_weight_overlap,
)
from openmm_thermalnet.analysis.heterogeneity import (
    Displacements,
    VanHove,
    compute_chi4,
    compute_displacements,
    compute_log_displacements,
    compute_van_hove,
)
from openmm_thermalnet.analysis.overlaps import (
    GaussianFit,
    OverlapDistribution,
    PairDistribution,
    compute_overlap_distribution,
    compute_overlap_matrix,
)
from openmm_thermalnet.analysis.phase_diagram import (
    SolidDepth,
    SolidDepthFit,
    compute_solid_depth,
    compute_solid_depth_fit,
)
from openmm_thermalnet.analysis.phases import Phases, compute_phases
from openmm_thermalnet.analysis.power_law import (
    LocalExponent,
    PowerLaw,
    compute_local_exponent,
    compute_power_law,
)
from openmm_thermalnet.analysis.relaxation import (
    RelaxationTimes,
    compute_relaxation_time,
    compute_relaxation_times,
)
from openmm_thermalnet.analysis.thermal import (
    LateAverage,
    compute_block_error,
    compute_energy_ratio,
    compute_late_average,
)
from openmm_thermalnet.analysis.transition import Transition, compute_transition
from openmm_thermalnet.analysis.two_time import (
    LayerCorrelations,
    TwoTimeCorrelations,
    compute_correlations,
)

if TYPE_CHECKING:
    from openmm_thermalnet.analysis import ising as ising

_MODULES = ("ising",)

__all__ = [
    "AgeingFit",
    "Collapse",
    "Correlation",
    "Curve",
    "Displacements",
    "GaussianFit",
    "Hierarchy",
    "LateAverage",
    "LayerCorrelations",
    "LocalExponent",
    "OverlapClustering",
    "OverlapDistribution",
    "PairDistribution",
    "Phases",
    "PowerLaw",
    "RelaxationTimes",
    "SolidDepth",
    "SolidDepthFit",
    "Transition",
    "TwoTimeCorrelations",
    "VanHove",
    "compute_ageing",
    "compute_autocorrelation",
    "compute_block_error",
    "compute_chi4",
    "compute_collapse",
    "compute_correlations",
    "compute_displacements",
    "compute_energy_ratio",
    "compute_free_walk_time",
    "compute_gaussian_overlap",
    "compute_hierarchy",
    "compute_late_average",
    "compute_local_exponent",
    "compute_log_displacements",
    "compute_overlap_clustering",
    "compute_overlap_distribution",
    "compute_overlap_matrix",
    "compute_overlap_width",
    "compute_phases",
    "compute_power_law",
    "compute_relaxation_time",
    "compute_relaxation_times",
    "compute_replica_correlation",
    "compute_solid_depth",
    "compute_solid_depth_fit",
    "compute_transition",
    "compute_van_hove",
    "compute_weight_overlap",
    "effective",
    "ising",
]


def __getattr__(name: str) -> Any:
    """Import a module on first use."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
