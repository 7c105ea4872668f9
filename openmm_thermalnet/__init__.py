"""Neural networks as molecular systems: thermal deep learning on OpenMM."""

from openmm_thermalnet.version import __version__

__all__ = ["__version__"]
