"""From the directory of a run to `analysis.json`, whose content `docs/analysis.md` describes."""

from openmm_thermalnet.analyze.run import ANALYSIS, analyze_run, current_analysis

__all__ = ["ANALYSIS", "analyze_run", "current_analysis"]
