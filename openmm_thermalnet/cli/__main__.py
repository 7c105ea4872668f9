"""``python -m openmm_thermalnet.cli``."""

from openmm_thermalnet.cli import main

main()
