"""A run as data: spins and weights read lazily, thermodynamics as tables, MDTraj trajectories."""

from openmm_thermalnet.results.layers import LayerFrames
from openmm_thermalnet.results.run import RunResult, load
from openmm_thermalnet.results.stage import StageResult

__all__ = ["LayerFrames", "RunResult", "StageResult", "load"]
