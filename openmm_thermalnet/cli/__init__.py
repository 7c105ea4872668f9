"""The command line: parse, validate, call. Heavy imports wait until a command needs them."""

from openmm_thermalnet.cli import effective as effective
from openmm_thermalnet.cli import ising as ising
from openmm_thermalnet.cli import runs as runs  # each module adds its commands
from openmm_thermalnet.cli import scans as scans
from openmm_thermalnet.cli import sweeps as sweeps
from openmm_thermalnet.cli.application import app as app
from openmm_thermalnet.cli.application import main as main

__all__ = ["app", "main"]
