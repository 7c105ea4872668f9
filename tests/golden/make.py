"""Make the golden directories anew: ``python tests/golden/make.py [NAME ...]``.

They are records: run this only where README.md says so. Figures and reports are not kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent

_RANDOM = "--dataset random --input-width 6 --output-width 2 --patterns 8 --test-patterns 20"
_AGEING = (
    f"{_RANDOM} --width 4 --depth 4 --kT 0.05 --timestep 0.04 --friction 0.02"
    " --force python --seed 3 --waiting-times 10,30,100 --follow 2000 --per-decade 6"
)

COMMANDS = {
    "thermal": (
        "run --dataset teacher --input-width 8 --patterns 20 --test-patterns 40 --width 5"
        " --depth 4 --energy squared --anneal exponential --kT-start 0.1 --kT 1e-3"
        " --friction 0.01 --force python --seed 1 --steps 2000 --out thermal",
        "analyze thermal",
    ),
    "waiting": (
        f"run {_AGEING} --out waiting",
        "analyze waiting",
    ),
    "double-frames": (
        f"run {_RANDOM} --width 5 --depth 3 --energy softcore --gain fan_in --precision double"
        " --integrator langevin --kT 0.05 --friction 0.05 --force python --seed 2"
        " --waiting-times 50 --follow 400 --report linear --report-interval 20"
        " --frames linear --frame-interval 40 --double-frames --out double-frames",
        "analyze double-frames",
    ),
    "glass": (
        "run --model feedforward --dataset random --input-width 10 --patterns 60"
        " --test-patterns 100 --hidden 6,6 --bias --weight-decay 1e-3 --learning-rate 1e-2"
        " --kT 1e-4 --sgd-steps 300 --sgd-batch 20 --force python --seed 4 --steps 10000"
        " --waiting-times 500,1000,2000 --per-decade 6 --out glass",
        "analyze glass",
    ),
    "sweep": ("sweep sweep.toml --workers 2 --out sweep",),
    "ising": (
        "ising thermal --replica 1 --bins 31 --seed 5 --tolerance 0.03 --processes 1 --out ising",
    ),
    "effective": ("effective waiting effective/spins.npz --check --seed 6 --out effective",),
    "ensemble": (
        "ensemble --runs 100 --hidden 5 --patterns 300 --test-patterns 100 --components 6"
        " --steps 60 --seed 7 --out ensemble/networks.safetensors",
        "effective ensemble/networks.safetensors --seed 8 --out ensemble",
    ),
}
"""What made each directory: arguments of ``thermalnet``, called in `HERE`."""

INTERRUPTED = f"{_AGEING} --checkpoint-minutes 1e-6"
"""Of the ninth, `interrupted`: a run like "waiting", stopped in its second stage."""

STOPPED_AT = ("tw-10", 100)
"""Stage and step."""


def draw_spins(path: Path) -> None:
    """600 configurations of twelve spins that lean on a common one."""
    rng = np.random.default_rng(9)
    common, own = rng.normal(size=(600, 1)), rng.normal(size=(600, 12))
    spins = np.where(own + 0.5 * common * np.linspace(-1, 1, 12) + 0.3 > 0, 1, -1)
    np.savez_compressed(path, spins=spins.astype(np.int8))


def interrupt(directory: Path) -> None:
    """Run to `STOPPED_AT`, and leave what a user leaves who presses Ctrl-C there."""
    from openmm_thermalnet.config import make_config
    from openmm_thermalnet.protocols import Interrupted, create_run

    words = INTERRUPTED.split()
    values = {flag.removeprefix("--"): v for flag, v in zip(words[::2], words[1::2], strict=True)}
    at = []
    try:
        create_run(make_config(values), directory).execute(
            lambda stage, step, length: at.append((stage, step)), lambda: STOPPED_AT in at
        )
    except Interrupted:
        return
    raise RuntimeError(f"{directory} was not stopped at {STOPPED_AT}")


def make(name: str) -> None:
    """Make one directory."""
    place = HERE / name
    shutil.rmtree(place, ignore_errors=True)
    if name == "interrupted":
        interrupt(place)
        return
    if name in ("effective", "ensemble"):
        place.mkdir()
    if name == "effective":
        draw_spins(place / "spins.npz")
    path = os.pathsep.join(entry for entry in sys.path if entry)
    for command in COMMANDS[name]:
        call = [sys.executable, "-m", "openmm_thermalnet.cli", *command.split()]
        subprocess.run(call, cwd=HERE, env={**os.environ, "PYTHONPATH": path}, check=True)
    shutil.rmtree(place / "figures", ignore_errors=True)
    for pattern in ("*.png", "*.svg"):
        for figure in place.glob(pattern):
            figure.unlink()


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*COMMANDS, "interrupted"]:
        make(wanted)
