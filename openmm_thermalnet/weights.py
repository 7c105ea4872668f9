"""The weights of a network, wherever they come from: a run, a torch module, arrays, a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError, MissingFileError, check_index, check_integer

if TYPE_CHECKING:
    from openmm_thermalnet.results import RunResult, StageResult

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """Weight matrices of one network, or of its replicas.

    Attributes
    ----------
    matrices : tuple of ndarray
        J_l for l = 1 ... L, each (R, N_l, N_{l-1}), float64.
    samples : tuple of int
        Sample of each replica: those of one sample share a random start.
    source : str
        Where they come from, in a few words.
    left_out : tuple of str
        Names of the tensors of the source that are no matrices and not zero, such as biases.
    """

    matrices: tuple[Matrix, ...]
    samples: tuple[int, ...]
    source: str
    left_out: tuple[str, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        """N_0, ..., N_L."""
        return (self.matrices[0].shape[2], *(matrix.shape[1] for matrix in self.matrices))

    @property
    def depth(self) -> int:
        """L, the number of matrices."""
        return len(self.matrices)

    @property
    def replicas(self) -> int:
        """R."""
        return len(self.matrices[0])

    def replica(self, index: int) -> list[Matrix]:
        """Matrices (N_l, N_{l-1}) of one replica.

        Raises
        ------
        InputError
            If there is no such replica.
        """
        check_index("replica", index, self.replicas)
        return [matrix[index] for matrix in self.matrices]


def load_weights(
    source: Any, frame: int = -1, *, step: int | None = None, waiting_time: int | None = None
) -> Weights:
    """Weights from a run, a torch module, arrays, or a file.

    Parameters
    ----------
    source : path, RunResult, torch.nn.Module or sequence of arrays
        - The directory of a run, or a run that is loaded: the weights J_l of every replica of one
          frame, folded into [-1, 1] and not multiplied by the gain.
        - A torch module, such as a Sequential: its two-dimensional tensors, in their order.
        - A file that ``torch.save(model.state_dict(), path)`` wrote: the same; only tensors are
          loaded.
        - A file with the suffix .safetensors: its two-dimensional tensors by name, numbers in
          names counting as numbers (layer.2 before layer.10), since the format keeps no order.
        - Matrices, each (N_l, N_{l-1}), or (R, N_l, N_{l-1}) for R replicas.
    frame : int
        Of a run: which frame, counted as in a list.
    step : int, optional
        Of a run, instead of `frame`: the last frame at or before this step of the stage.
    waiting_time : int, optional
        Of a run: the copies made at this step; by default the quench.

    Returns
    -------
    Weights
        Biases and other tensors that are no matrices are not in it, but named in `left_out`.

    Raises
    ------
    InputError
        If the source cannot be read, has no such frame, has numbers that are not finite, or its
        matrices do not chain: each needs as many columns as the one before has rows.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_dir():
            from openmm_thermalnet.results import load

            with load(path) as run:
                return _of_run(run, frame, step, waiting_time)
        _refuse_frames(path, frame, step, waiting_time)
        return _of_tensors(read_tensors(path), str(path))
    if hasattr(source, "stages"):
        return _of_run(source, frame, step, waiting_time)
    _refuse_frames("this source", frame, step, waiting_time)
    if hasattr(source, "state_dict"):
        return _of_tensors(_arrays(source.state_dict()), type(source).__name__)
    return _of_arrays(source)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Named tensors of a .safetensors file or of a torch state_dict file; nothing is unpickled.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Arrays of float64, in the order of a state_dict, or by natural order of the names of a
        .safetensors file.

    Raises
    ------
    InputError
        If there is no such file, or it cannot be read.
    """
    if not path.is_file():
        raise MissingFileError(
            f"{path} is neither a run nor a file; name a run's directory, a .safetensors file or "
            "a torch state_dict"
        )
    safe = path.suffix == ".safetensors"
    try:
        if safe:
            from safetensors.torch import load_file

            loaded = load_file(path)
            return _arrays({name: loaded[name] for name in sorted(loaded, key=_natural)})
        import torch

        return _arrays(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises many kinds; all mean the same here
        reason = (str(error).splitlines() or ["unknown"])[0]
        kind = "safetensors file" if safe else "torch state_dict"
        raise InputError(f"{path} is no {kind} ({reason}); name another") from error


def matrices_of(
    tensors: Mapping[str, NDArray[Any]],
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Matrices among named tensors, and the names of those that are none and not zero."""
    matrices = {name: value for name, value in tensors.items() if value.ndim == 2}
    others = [name for name, value in tensors.items() if value.ndim != 2 and value.any()]
    return matrices, tuple(others)


def check_finite(name: str, matrix: NDArray[Any]) -> None:
    """Refuse a matrix with a weight that is not finite, in one line."""
    if not np.isfinite(matrix).all():
        bad = matrix[~np.isfinite(matrix)][0]
        raise InputError(f"{name} has a weight {bad}; give finite weights")


def check_matrices(matrices: Mapping[str, NDArray[Any]]) -> None:
    """Check that matrices are finite, not empty, and chain.

    Parameters
    ----------
    matrices : mapping of str to ndarray
        J_l by name, each (..., N_l, N_{l-1}).

    Raises
    ------
    InputError
        If they do not; the message names the matrix.
    """
    if not matrices:
        raise InputError("there are 0 weight matrices; give at least one")
    before = None
    for name, matrix in matrices.items():
        if not matrix.size:
            raise InputError(f"{name} has shape {matrix.shape}; give at least one weight")
        check_finite(name, matrix)
        rows, columns = matrix.shape[-2:]
        if before is not None and columns != before:
            raise InputError(
                f"{name} has {columns} columns, the matrix before it {before} rows; give matrices "
                "(N_l, N_{l-1}) that chain"
            )
        before = rows


def _of_run(run: RunResult, frame: int, step: int | None, waiting_time: int | None) -> Weights:
    """Weights of every replica of a run at one frame."""
    stage = run.quench if waiting_time is None else run.follow(waiting_time)
    index = _frame_index(stage, frame, step)
    matrices = [
        np.asarray(stage.weights(layer)[index], dtype=np.float64)
        for layer in range(1, stage.depth + 1)
    ]
    check_matrices({f"J{layer}": matrix for layer, matrix in enumerate(matrices, start=1)})
    where = f"{run.directory}, {stage.name}, step {stage.steps[index]}"
    return Weights(tuple(matrices), tuple(map(int, stage.sample)), where)


def _frame_index(stage: StageResult, frame: int, step: int | None) -> int:
    """Index of the frame that is asked for."""
    if step is None:
        count = len(stage.steps)
        if check_integer("frame", frame, -count) >= count:
            raise InputError(f"frame is {frame}; {stage.name} has {-count} to {count - 1}")
        return frame % count
    if frame != -1:
        raise InputError(f"frame is {frame} and step is {step}; give one of them")
    step = check_integer("step", step)
    if step < stage.steps[0]:
        raise InputError(f"step is {step}; {stage.name} begins at {stage.steps[0]}")
    return int(np.searchsorted(stage.steps, step, side="right")) - 1


def _refuse_frames(source: object, frame: int, step: int | None, waiting_time: int | None) -> None:
    """Refuse a frame, step or waiting time where there is but one set of weights."""
    asked = {"frame": None if frame == -1 else frame, "step": step, "waiting time": waiting_time}
    for name, value in asked.items():
        if value is not None:
            raise InputError(f"{name} is {value}, but {source} is no run; leave it out")


def _of_tensors(tensors: Mapping[str, NDArray[Any]], source: str) -> Weights:
    """Weights of one network from its named tensors."""
    matrices, others = matrices_of(tensors)
    if not matrices:
        raise InputError(f"{source} has 0 weight matrices; give at least one")
    check_matrices(matrices)
    return Weights(tuple(matrix[None] for matrix in matrices.values()), (0,), source, others)


def _of_arrays(arrays: Iterable[Any]) -> Weights:
    """Weights from matrices without names."""
    try:
        found = [_array(value) for value in arrays]
    except (TypeError, ValueError) as error:
        raise InputError(f"the weights are no list of arrays ({error}); give one") from error
    for layer, value in enumerate(found, start=1):
        if value.ndim not in (2, 3):
            raise InputError(
                f"J{layer} has {value.ndim} dimensions; give 2 or, with replicas first, 3"
            )
    stacked = [value if value.ndim == 3 else value[None] for value in found]
    check_matrices({f"J{layer}": value for layer, value in enumerate(stacked, start=1)})
    replicas = sorted({len(value) for value in stacked})
    if len(replicas) > 1:
        raise InputError(f"the matrices have {replicas} replicas; give the same number for all")
    return Weights(tuple(stacked), tuple(range(replicas[0])), "arrays")


def _arrays(tensors: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Torch tensors as arrays of float64."""
    return {name: _array(value) for name, value in tensors.items()}


def _array(value: Any) -> Matrix:
    """Anything like an array as float64; torch tensors from any device and precision."""
    if hasattr(value, "detach"):
        value = value.detach().double().cpu().numpy()
    return plain_array("a weight matrix", value, np.float64)


def _natural(name: str) -> list[tuple[int, str, int]]:
    """Sorting key that takes numbers in a name as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, "", int(part)) if part.isdigit() else (1, part, 0) for part in parts]
