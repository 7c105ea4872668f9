"""Runs of a network so small that thousands of steps take a second, and what they left."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from openmm_thermalnet.config import make_config
from openmm_thermalnet.protocols import create_run
from openmm_thermalnet.trajectory import Trajectory

SMALL = {
    "dataset": "random",
    "input-width": 5,
    "patterns": 4,
    "test-patterns": 6,
    "width": 3,
    "depth": 3,
    "kT": 0.01,
    "friction": 0.05,
    "force": "python",
    "steps": 100,
    "seed": 7,
}


class Frames(NamedTuple):
    """A trajectory, read whole."""

    steps: np.ndarray
    q: np.ndarray
    energies: np.ndarray


def frames(path):
    with Trajectory(path) as trajectory:
        return Frames(
            trajectory.steps, trajectory.q[: len(trajectory.steps)], trajectory.layer_energies
        )


def execute(directory, **changes):
    """A finished run; changes are keys of the configuration, with underscores."""
    run = create_run(make_config({**SMALL, **changes}), Path(directory))
    run.execute()
    return run


def contents(directory):
    """Everything a run computed: bytes of the tables and starts, arrays of the trajectories."""
    directory = Path(directory)
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.name in ("thermo.csv", "start.npz"):
            found[name] = path.read_bytes()
        elif path.name == "trajectory.h5":
            found[name] = frames(path)
    return found


def assert_same(left, right):
    """Two results of `contents` are equal, bit for bit."""
    assert left.keys() == right.keys()
    for name, value in left.items():
        if isinstance(value, bytes):
            assert value == right[name], name
        else:
            for one, other in zip(value, right[name], strict=True):
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other, err_msg=name)


def table(path):
    """Columns of a thermo.csv, each (reports, replicas)."""
    rows = np.genfromtxt(path, delimiter=",", names=True)
    replicas = 1 + int(rows["replica"].max())
    return {name: rows[name].reshape(-1, replicas) for name in rows.dtype.names}
