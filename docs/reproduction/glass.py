"""Runs and scans of docs/reproduction.md on ordinary networks (arXiv:2405.13098).

``python docs/reproduction/glass.py DIRECTORY [NAME ...]``; interrupt and repeat at will: finished
runs are left alone and unfinished ones go on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from openmm_thermalnet.config import check_values, make_config
from openmm_thermalnet.progress import Progress, StopRequest
from openmm_thermalnet.protocols import Interrupted, create_run, open_run
from openmm_thermalnet.scans.config import ScanConfig
from openmm_thermalnet.scans.scan import open_scan
from openmm_thermalnet.scans.summary import write_summary

PAPERS_PATTERNS, PATTERNS = 60_000, 1000

SETTINGS: dict[str, Any] = {
    "model": "feedforward",
    "patterns": PATTERNS,
    "test-patterns": 500,
    "sgd-steps": 20_000,
    "steps": 60_000,
    "waiting-times": [5_000, 10_000, 20_000],
}

RUNS: dict[str, dict[str, Any]] = {
    # At the paper's kT / P: the names have the paper's kT, for 60,000 patterns.
    f"kT-{kT:g}": {**SETTINGS, "kT": kT * PATTERNS / PAPERS_PATTERNS}
    for kT in (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 0.0)
}

SCANS: dict[str, dict[str, Any]] = {
    "trivialisation": {
        "kind": "trivialisation",
        "values": [
            *(0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15)
        ],
        "eta": 0.01,
        "sgd-steps": 15_000,
    },
    # Twice as long: has the change come to rest?
    "trivialisation-longer": {
        "kind": "trivialisation",
        "values": [0.015, 0.02, 0.025, 0.03],
        "eta": 0.01,
        "sgd-steps": 30_000,
    },
    "jamming": {
        "kind": "jamming",
        "values": [3, 4, 5, 6, 7, 8, 10, 12, 16, 22, 30],
        "patterns": 500,
        "eta": 0.02,
        "sgd-steps": 20_000,
    },
}


def main() -> None:
    """Run what is named, or everything, in order."""
    directory, names = Path(sys.argv[1]), sys.argv[2:] or [*SCANS, *RUNS]
    for name in names:
        where = directory / name
        with StopRequest() as stop, Progress() as progress:
            progress.say(f"{where}")
            try:
                if name in SCANS:
                    config = check_values(ScanConfig, SCANS[name], "scan")
                    open_scan(config, where).execute(progress, stop)
                    print(*write_summary(where), sep="\n")
                    continue
                if (where / "run.json").exists():
                    run = open_run(where, progress.say)
                else:
                    run = create_run(make_config(RUNS[name]), where)
                run.execute(progress, stop, progress.say)
            except Interrupted:
                progress.say("stopped; repeat the command to go on")
                sys.exit(130)


if __name__ == "__main__":
    main()
