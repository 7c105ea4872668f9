"""The trajectory file of one stage: HDF5, appended frame by frame, readable while it grows.

Datasets: `q[frame, replica, parameter]`, the raw coordinates (nm) wrapped into one period of the
walls' fold, [-2, 2], in the order of `layout` (float32 keeps 1e-7 of them there);
`step[frame]`, int64, counted from the start of the stage; `layer_energy[frame, replica, layer]`,
float64, kJ/mol. Attributes: `metadata`, JSON text with configuration, seeds, versions and dataset
hash.

The file is written in HDF5's single-writer-multiple-reader mode: whatever kills the writer, the
frames flushed before are there. `step` is extended last, so its length is the number of whole
frames. HDF5 keeps checksums of everything but `step`, and refuses to read what does not fit them.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError, MissingFileError
from openmm_thermalnet.files import Closeable, unfinished
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.walls import PERIOD

FORMAT = "openmm_thermalnet trajectory 1"

_DAMAGED = (OSError, KeyError, ValueError, RuntimeError)  # what h5py raises

_ROOM = 2**16  # bytes that must be free at the start

_READ_ATTEMPTS = 24  # the last one after 2**24 ns

_CHUNK = 2**16  # parameters of one replica in an HDF5 chunk: a layer is read without the others


class DamagedFileError(InputError):
    """A file of a run was cut short or garbled; the message says which and how."""


class TrajectoryWriter:
    """Appends frames to a new trajectory file.

    Parameters
    ----------
    path : Path
        The file; it must not exist.
    layout : Layout
        The map of the network.
    depth : int
        L, the number of layer energies.
    metadata : dict
        JSON-able description of the run.
    double : bool
        Store `q` as float64 instead of float32.
    walls : bool
        Whether coordinates are wrapped by the period of the fold.

    Raises
    ------
    OSError
        Here or later, if the file cannot be written; its whole frames can be read then.
    """

    def __init__(
        self,
        path: Path,
        layout: Layout,
        depth: int,
        metadata: dict[str, Any],
        double: bool = False,
        walls: bool = True,
    ) -> None:
        self._path = path
        self._layout = layout
        self._walls = walls
        replicas, particles = layout.replicas, layout.particles
        self._file = h5py.File(path, "x", libver="latest")
        with self._writing():
            # Of fixed length: HDF5 keeps other strings in a heap without checksums.
            self._file.attrs["format"] = np.bytes_(FORMAT)
            self._file.attrs["metadata"] = np.bytes_(json.dumps(metadata, allow_nan=False))
            self._q = self._file.create_dataset(
                "q",
                shape=(0, replicas, particles),
                maxshape=(None, replicas, particles),
                dtype=np.float64 if double else np.float32,
                chunks=(1, 1, min(particles, _CHUNK)),
                fletcher32=True,
            )
            self._q.attrs["unit"] = "nm"
            self._energy = self._file.create_dataset(
                "layer_energy",
                shape=(0, replicas, depth),
                maxshape=(None, replicas, depth),
                dtype=np.float64,
                chunks=(1, replicas, depth),  # written once: no reader sees half a checksum
                fletcher32=True,
            )
            self._energy.attrs["unit"] = "kJ/mol"
            self._step = self._file.create_dataset(
                "step", shape=(0,), maxshape=(None,), dtype=np.int64, chunks=(256,)
            )
            self._file.flush()
            self._try_room()
            self._file.swmr_mode = True

    def write(self, step: int, positions: Any, layer_energies: NDArray[np.float64]) -> None:
        """Append one frame and flush it.

        Parameters
        ----------
        step : int
            Steps since the start of the stage.
        positions : Quantity or array, shape (B P, 3)
            As OpenMM gives them.
        layer_energies : ndarray, shape (R, L)
            In kJ/mol.
        """
        coordinates = self._layout.coordinates(positions)
        if self._walls:
            # In the precision they come in: float32 would lose digits far from the origin.
            coordinates = coordinates - PERIOD * np.rint(coordinates / PERIOD)
        self._append(coordinates, layer_energies, step)

    def _append(
        self, coordinates: NDArray[Any], layer_energies: NDArray[np.float64], step: int
    ) -> None:
        frame = len(self._step)
        with self._writing():
            for dataset, value in ((self._q, coordinates), (self._energy, layer_energies)):
                dataset.resize(frame + 1, axis=0)
                dataset[frame] = value
                dataset.flush()
            self._step.resize(frame + 1, axis=0)
            self._step[frame] = step
            self._step.flush()

    def _try_room(self) -> None:
        """Write a little behind the end, and take it back: HDF5 cannot close what fails next."""
        descriptor = self._file.id.get_vfd_handle()
        size = os.fstat(descriptor).st_size
        os.pwrite(descriptor, bytes(_ROOM), size)
        os.ftruncate(descriptor, size)

    def copy_frames(self, source: Trajectory, last_step: int) -> None:
        """Append the frames of another trajectory up to `last_step`.

        Raises
        ------
        DamagedFileError
            If a frame does not fit its checksum.
        """
        for frame in np.flatnonzero(source.steps <= last_step):
            try:
                coordinates = source.q[frame]
            except _DAMAGED as error:
                raise _damage(source.path, error) from error
            self._append(coordinates, source.layer_energies[frame], int(source.steps[frame]))

    def close(self) -> None:
        """Close the file."""
        if self._file:
            with self._writing():
                self._file.flush()
            self._file.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Turn what h5py raises into an OSError of one line; the file is closed then."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            # HDF5 insists on writing what it still holds, and crashes the interpreter at its end if
            # it cannot. The file stays as it is, like that of a killed process.
            with Path(os.devnull).open("r+b") as nowhere:
                os.dup2(nowhere.fileno(), self._file.id.get_vfd_handle())
            with suppress(OSError, RuntimeError):
                self._file.close()
            found = re.search(r"error message = '([^']+)'", str(error))
            reason = found[1] if found else str(error).splitlines()[0]
            raise OSError(f"{self._path} cannot be written ({reason})") from error


class Trajectory(Closeable):
    """A trajectory file, opened for reading; frames are read when they are asked for.

    Parameters
    ----------
    path : str or Path
        The file. It may still be growing.

    Attributes
    ----------
    steps : ndarray of int64, shape (T,)
        Steps since the start of the stage.
    q : h5py.Dataset, shape (T, R, P)
        Raw coordinates (nm).
    layer_energies : ndarray, shape (T, R, L)
        In kJ/mol.
    metadata : dict
        Configuration, seeds, versions and dataset hash.

    Raises
    ------
    MissingFileError
        If there is no such file.
    DamagedFileError
        If it is damaged.
    InputError
        If it is no trajectory of this package.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise MissingFileError(f"{self.path} does not exist; name a trajectory.h5 of a run")
        opened = None
        try:
            opened = self._file = _open_growing(self.path)
            kind = _text(self._file.attrs.get("format"))
            if kind == FORMAT:
                self.steps: NDArray[np.int64] = self._file["step"][()]
                frames = len(self.steps)
                self.q = self._file["q"]
                self._check_size(frames)
                self.layer_energies: NDArray[np.float64] = self._file["layer_energy"][:frames]
                self.metadata: dict[str, Any] = json.loads(_text(self._file.attrs["metadata"]))
        except _DAMAGED as error:
            if opened is not None:
                opened.close()
            raise _damage(self.path, error) from error
        if kind != FORMAT:
            self._file.close()
            raise InputError(f"{self.path} is {kind!r}; this package reads {FORMAT!r}")

    def _check_size(self, frames: int) -> None:
        """Refuse a file that ends within its frames: HDF5 would read zeros there."""
        ends = [0]

        def note(chunk: Any) -> None:
            if chunk.chunk_offset[0] < frames:
                ends.append(chunk.byte_offset + chunk.size)

        for name in ("step", "q", "layer_energy"):
            self._file[name].id.chunk_iter(note)
        size = self.path.stat().st_size
        if max(ends) > size:
            raise OSError(f"its frames take {max(ends)} bytes, it has {size}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def continue_trajectory(
    path: Path, layout: Layout, depth: int, last_step: int, double: bool, walls: bool = True
) -> TrajectoryWriter:
    """Reopen an interrupted trajectory for writing, with its frames up to `last_step`.

    The frames are copied into a fresh file that then takes the old one's place, since HDF5 does
    not reopen for writing what a killed process left open.

    Raises
    ------
    DamagedFileError
        If the old file is damaged.
    InputError
        If there is no room for the copy.
    """
    renewed = unfinished(path)
    renewed.unlink(missing_ok=True)
    with Trajectory(path) as old:
        needed = old.path.stat().st_size
        if shutil.disk_usage(path.parent).free < needed:
            raise InputError(f"{path.parent} has less than {needed} bytes free; make room for them")
        writer = TrajectoryWriter(renewed, layout, depth, old.metadata, double, walls)
        try:
            writer.copy_frames(old, last_step)
            renewed.replace(path)
        except BaseException:
            writer.close()
            renewed.unlink(missing_ok=True)
            raise
    return writer


def _open_growing(path: Path) -> h5py.File:
    """Open a file that may have a writer, or had one that was killed."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    # HDF5 reads what does not fit its checksum again, as a writer may be at it, and waits twice as
    # long each time: 2**100 ns in the end. h5py has no function for less.
    hdf5 = ctypes.CDLL(h5py.h5p.__file__)
    hdf5.H5Pset_metadata_read_attempts(ctypes.c_int64(access.id), ctypes.c_uint(_READ_ATTEMPTS))
    mode = h5py.h5f.ACC_RDONLY | h5py.h5f.ACC_SWMR_READ
    return h5py.File(h5py.h5f.open(os.fsencode(path), mode, fapl=access))


def _text(attribute: Any) -> str:
    """An attribute as text, whichever kind of string it is."""
    return attribute.decode() if isinstance(attribute, bytes) else str(attribute)


def _damage(path: Path, error: Exception) -> DamagedFileError:
    """One line for what HDF5 says of a damaged file."""
    reason = (str(error).splitlines() or ["unreadable"])[0]
    return DamagedFileError(f"{path} is damaged ({reason}); resume its run")
