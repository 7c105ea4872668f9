"""Ensembles from a run of the thermal machine, or from files of configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.ensembles.ensemble import FORMAT, Ensemble, read_ensemble
from openmm_thermalnet.errors import InputError, MissingFileError, check_integer
from openmm_thermalnet.results import load


def load_ensemble(
    source: str | Path, *, waiting_time: int | None = None, after: int = 0
) -> Ensemble:
    """Read an ensemble of binary weights.

    Parameters
    ----------
    source : str or Path
        - The directory of a run: sign(J) of its replicas, frame by frame. Replicas of one sample
          are its runs; statistics are taken within samples.
        - A file of `thermalnet ensemble`.
        - Another .safetensors file, or an .npz file: arrays of +1 and -1, each (n, N_l, N_{l-1})
          or (n, N), taken as n independent configurations of the blocks of a network.
    waiting_time : int, optional
        Of a run: the copies made at this step; by default the longest waiting time. The quench
        has no replicas.
    after : int
        Of a run: only frames from this step after the waiting time on.

    Raises
    ------
    InputError
        If the source cannot be read, or has no such frames.
    """
    path = Path(source)
    check_integer("after", after)
    if path.is_dir():
        return _of_run(path, waiting_time, after)
    for name, value in (("waiting time", waiting_time), ("after", after or None)):
        if value is not None:
            raise InputError(f"{name} is {value}, but {path} is no run; leave it out")
    if not path.is_file():
        raise MissingFileError(f"{path} is neither a run nor a file; name one")
    if path.suffix == ".npz":
        return _of_arrays(_read_npz(path), str(path))
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stream:
            if (stream.metadata() or {}).get("format") == FORMAT:
                return read_ensemble(path)
            arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no safetensors file ({error}); name another") from error
    return _of_arrays(arrays, str(path))


def _of_run(directory: Path, waiting_time: int | None, after: int) -> Ensemble:
    with load(directory) as run:
        if waiting_time is None:
            if not run.waiting_times:
                raise InputError(
                    f"{directory} has no copies to compare; run it with --waiting-times"
                )
            waiting_time = max(run.waiting_times)
        stage = run.follow(waiting_time)
        kept = np.flatnonzero(stage.steps >= after)
        if not kept.size:
            raise InputError(
                f"after is {after}, and the last frame of {directory} is at step "
                f"{stage.steps[-1]}; lower it"
            )
        blocks = []
        for layer in range(1, stage.depth + 1):
            weights = stage.weights(layer)
            frames = np.stack([np.asarray(weights[int(t)]) for t in kept], axis=1)
            broken = np.isnan(frames).any(axis=tuple(range(1, frames.ndim)))
            if broken.any():
                raise InputError(
                    f"weights of layer {layer} of replicas {np.flatnonzero(broken).tolist()} of "
                    f"{directory} are nan; run it again with a smaller timestep"
                )
            blocks.append(np.where(frames < 0, -1, 1).astype(np.int8))
        settings = {
            "run": run.config.as_json(),
            "waiting-time": waiting_time,
            "steps": stage.steps[kept].tolist(),
        }
        return Ensemble(
            blocks=tuple(blocks),
            names=tuple(f"layer {layer}" for layer in range(1, stage.depth + 1)),
            samples=np.asarray(stage.sample, dtype=np.int64),
            source=str(directory),
            settings=settings,
        )


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} is no npz file of numbers ({error}); name another") from error


def _of_arrays(arrays: dict[str, NDArray[Any]], source: str) -> Ensemble:
    blocks = []
    for name, value in arrays.items():
        if value.ndim not in (2, 3) or value.size == 0:
            raise InputError(
                f"{name} of {source} has shape {value.shape}; give (n, N) or (n, N_l, N_(l-1))"
            )
        if not np.isin(value, (-1, 1)).all():
            raise InputError(f"{name} of {source} holds values that are not +1 or -1; give signs")
        matrix = value if value.ndim == 3 else value[:, None, :]
        blocks.append(matrix[:, None].astype(np.int8))
    if len({len(block) for block in blocks}) != 1:
        raise InputError(
            f"{source} has blocks of {sorted({len(b) for b in blocks})} configurations; give one "
            "array or more, with as many configurations in each"
        )
    return Ensemble(
        blocks=tuple(blocks),
        names=tuple(arrays),
        samples=np.zeros(len(blocks[0]), dtype=np.int64),
        source=source,
    )
