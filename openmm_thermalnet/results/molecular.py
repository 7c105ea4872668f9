"""Frames of a stage as MDTraj trajectories and as files of molecular dynamics."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.errors import DependencyError, InputError, check_index
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.topology import build_topology
from openmm_thermalnet.walls import PERIOD, fold

FORMATS = (".dcd", ".pdb", ".h5")


def chosen_slots(replica: int | None, block: int, slots: int) -> list[int]:
    """Slots that become x, y and z: one replica, or the three of a block.

    Raises
    ------
    InputError
        If there is no such replica or block.
    """
    if replica is not None:
        return [check_index("replica", replica, slots)]
    first = 3 * check_index("block", block, slots // 3)
    return [first, first + 1, first + 2]


def to_mdtraj(
    q: Any,
    frames: NDArray[np.intp],
    slots: Sequence[int],
    times: NDArray[np.float64],
    layout: Layout,
    walls: bool,
    raw: bool,
) -> Any:
    """Trajectory of chosen frames, the chosen slots as x, y and z.

    Parameters
    ----------
    q : h5py.Dataset, shape (T, R, P)
        Raw coordinates (nm).
    frames : ndarray of int
        Which frames.
    slots : sequence of int
        Up to three slots, for x, y and z; what is not given is 0.
    times : ndarray
        Times of the chosen frames (ps).
    layout : Layout
        The map of the network.
    walls : bool
        Whether the variables are folded into [-1, 1]; else they are the raw coordinates, and there
        is no box.
    raw : bool
        Give the raw coordinates instead of the folded variables.

    Returns
    -------
    mdtraj.Trajectory
    """
    import mdtraj

    topology = mdtraj.Topology.from_openmm(build_topology(Layout(layout.fields, 3), walls))
    xyz = np.zeros((len(frames), layout.particles, 3), dtype=np.float32)
    for k, frame in enumerate(frames):
        for axis, slot in enumerate(slots):
            coordinates = q[frame, slot]
            xyz[k, :, axis] = fold(coordinates) if walls and not raw else coordinates
    box: dict[str, NDArray[np.float32]] = {}
    if walls:
        box["unitcell_lengths"] = np.full((len(frames), 3), PERIOD, dtype=np.float32)
        box["unitcell_angles"] = np.full((len(frames), 3), 90.0, dtype=np.float32)
    return mdtraj.Trajectory(xyz, topology, time=times, **box)


def check_target(path: Path) -> Path:
    """Return `path` if its suffix names a format that holds the coordinates.

    Raises
    ------
    InputError
        If it does not.
    DependencyError
        If MDTraj needs a package for this format that is missing.
    """
    suffix = path.suffix.lower()
    if suffix == ".xtc":
        raise InputError(
            f"{path} would keep 1e-3 nm, coarser than the thermal motion of a solid layer; "
            f"choose {', '.join(FORMATS)}"
        )
    if suffix not in FORMATS:
        raise InputError(f"{path} has no known suffix; choose {', '.join(FORMATS)}")
    if suffix == ".h5" and importlib.util.find_spec("tables") is None:
        raise DependencyError(f"{path} needs PyTables; pip install tables, or choose .dcd")
    return path
