"""One layer's configurations, read from the trajectory when they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.layout import Field
from openmm_thermalnet.trajectory import Trajectory
from openmm_thermalnet.walls import fold


class LayerFrames:
    """Spins, weights or biases of one layer over the frames of a stage, as variables (not raw).

    Indexed like an array; a frame is read when it is asked for, and of it only this layer's
    parameters. ``x[t]`` is one frame (R, rows, columns), ``x[::10, 0]`` every tenth frame of slot
    0, ``np.asarray(x)`` everything at once.

    Parameters
    ----------
    trajectory : Trajectory
        An open trajectory.
    field : layout.Field
        Which layer and kind.
    where : slice
        Where it stands among the parameters.
    flat : bool
        Give the matrix of a slot as one axis, as the functions of `analysis` want it.
    walls : bool
        Whether the variables are folded into [-1, 1].

    Attributes
    ----------
    field : layout.Field
        Name ("S3", "J10"), kind, rows and columns.
    shape : tuple of int
        (T, R, M, N) for spins, (T, R, N_l, N_{l-1}) for weights, (T, R, n) if flat.
    dtype : numpy.dtype
        As stored in the file.
    """

    def __init__(
        self,
        trajectory: Trajectory,
        field: Field,
        where: slice,
        flat: bool = False,
        walls: bool = True,
    ) -> None:
        self._walls = walls
        self._trajectory = trajectory
        self._where = where
        self.field = field
        matrix = (field.size,) if flat else (field.rows, field.columns)
        self.shape: tuple[int, ...] = (len(trajectory.steps), trajectory.q.shape[1], *matrix)
        self.dtype: np.dtype[Any] = trajectory.q.dtype

    @property
    def flat(self) -> LayerFrames:
        """The same with one axis for the variables, shape (T, R, n)."""
        return LayerFrames(self._trajectory, self.field, self._where, True, self._walls)

    def __len__(self) -> int:
        """T, the number of frames."""
        return self.shape[0]

    def __getitem__(self, index: Any, /) -> NDArray[Any]:
        """Frames, and of them what the rest of the index says."""
        first, *rest = index if isinstance(index, tuple) and index else (index,)
        if first is Ellipsis and rest:
            rest = [Ellipsis, *rest]
        frames = np.arange(len(self))[first]
        inside = tuple(rest)
        if frames.ndim == 0:
            return np.asarray(self._read(int(frames))[inside])
        if frames.size == 0:
            return np.empty((0, *np.empty(self.shape[1:], self.dtype)[inside].shape), self.dtype)
        return np.stack([self._read(int(frame))[inside] for frame in frames])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All frames."""
        return np.asarray(self[:], dtype=dtype)

    def _read(self, frame: int) -> NDArray[Any]:
        """One frame, (R, ...)."""
        raw = self._trajectory.q[frame, :, self._where]
        return np.asarray(fold(raw) if self._walls else raw).reshape(self.shape[1:])

    def __repr__(self) -> str:
        """Name and shape."""
        return f"LayerFrames({self.field.name}, shape={self.shape}, dtype={self.dtype})"
