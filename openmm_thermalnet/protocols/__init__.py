"""What is run: quench, wait, copy, follow; checkpoints and resuming."""

from openmm_thermalnet.protocols.records import Plan
from openmm_thermalnet.protocols.run import Run, create_run, open_run
from openmm_thermalnet.protocols.stage import Interrupted, Stage
from openmm_thermalnet.protocols.start import Start
from openmm_thermalnet.protocols.thermal import read_state_dict, weights_start

__all__ = [
    "Interrupted",
    "Plan",
    "Run",
    "Stage",
    "Start",
    "create_run",
    "open_run",
    "read_state_dict",
    "weights_start",
]
