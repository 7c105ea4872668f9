"""The long runs of docs/reproduction.md: ``python docs/reproduction/run.py DIRECTORY [NAME ...]``.

Each run is an ordinary one of the package, named below with the flags it does not take by default.
Interrupt and repeat at will: finished runs are left alone and unfinished ones go on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from openmm_thermalnet.config import make_config
from openmm_thermalnet.progress import Progress, StopRequest
from openmm_thermalnet.protocols import Interrupted, create_run, open_run

RUNS: dict[str, dict[str, Any]] = {
    # Overlaps long after a waiting time, with the printed friction and with slower cooling.
    "profile": {"friction": 1e-3, "waiting-times": [20_000], "follow": 200_000},
    "profile-fan-in": {
        "friction": 1e-3,
        "waiting-times": [20_000],
        "follow": 200_000,
        "gain": "fan_in",
    },
    "profile-slow": {"friction": 2e-4, "waiting-times": [40_000], "follow": 100_000},
    # Ageing.
    "ageing": {
        "friction": 1e-3,
        "waiting-times": [100, 1_000, 10_000],
        "follow": 20_000,
    },
    # Accuracy and energy against the number of patterns, cooled slowly.
    **{
        f"patterns-{patterns}": {"patterns": patterns, "friction": 2e-4, "steps": 40_000}
        for patterns in (10, 20, 40, 80, 160, 250, 500)
    },
    # Temperatures.
    **{
        f"kT-{kT:g}": {"kT": kT, "friction": 1e-3, "steps": 20_000}
        for kT in (1e-5, 5e-4, 1e-3, 2e-3, 1e-2)
    },
    # Which reading of the equations generalises: cooling rate, gain, start.
    **{
        f"friction-{friction:g}": {"friction": friction, "steps": steps}
        for friction, steps in (
            (1e-2, 20_000),
            (1e-3, 40_000),
            (5e-4, 40_000),
            (1e-4, 80_000),
            (5e-5, 160_000),
        )
    },
    **{
        f"fan-in-friction-{friction:g}": {
            "gain": "fan_in",
            "friction": friction,
            "steps": 40_000,
        }
        for friction in (1e-3, 2e-4)
    },
    # The same times in finer steps: is a step of 0.01 small enough?
    "timestep-0.002": {
        "timestep": 0.002,
        "friction": 2e-4,
        "waiting-times": [100_000],
        "follow": 300_000,
    },
    "timestep-0.002-slow": {"timestep": 0.002, "friction": 4e-5, "steps": 200_000},
    # The machine of M = 20 in the map of map.toml, with the thermal noise per spin of M = 500.
    "map-warm": {
        "patterns": 20,
        "friction": 1e-3,
        "kT": 5e-5,
        "waiting-times": [20_000],
        "follow": 100_000,
    },
}


def main() -> None:
    """Run what is named, or everything, in order."""
    directory, names = Path(sys.argv[1]), sys.argv[2:] or list(RUNS)
    for name in names:
        where = directory / name
        with StopRequest() as stop, Progress() as progress:
            progress.say(f"{where}")
            if (where / "run.json").exists():
                run = open_run(where, progress.say)
            else:
                run = create_run(make_config(RUNS[name]), where)
            try:
                run.execute(progress, stop, progress.say)
            except Interrupted:
                progress.say("stopped; repeat the command to go on")
                sys.exit(130)


if __name__ == "__main__":
    main()
