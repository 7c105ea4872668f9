"""The command line: parse, validate, call. Heavy imports wait until a command needs them."""

from importlib import import_module

from openmm_thermalnet.cli.application import app as app
from openmm_thermalnet.cli.application import main as main

for _commands in ("runs", "sweeps", "scans", "ising", "effective"):  # the order of the help
    import_module(f"{__name__}.{_commands}")

__all__ = ["app", "main"]
