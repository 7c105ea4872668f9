"""MNIST in a directory: IDX files, plain or gzipped, or Keras's ``mnist.npz``."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from openmm_thermalnet.datasets.idx import read_idx
from openmm_thermalnet.datasets.images import ImagePool
from openmm_thermalnet.errors import InputError, MissingFileError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_FOLDERS = (".", "raw", "MNIST/raw")  # the last two are torchvision's
_KINDS = {"images": 3, "labels": 1}
_NPZ = "mnist.npz"


def read_directory(directory: Path) -> tuple[ImagePool, ImagePool | None]:
    """Read the training pool of a directory, and the test pool if it has one.

    Raises
    ------
    MissingFileError
        If the training images are not there, or images lack their labels.
    InputError
        If a file is damaged, or images and labels differ in number.
    """
    if (directory / _NPZ).is_file():
        return _read_npz(directory / _NPZ)
    for folder in _FOLDERS:
        train = _read_split(directory / folder, "train")
        if train is not None:
            return train, _read_split(directory / folder, "t10k")
    raise MissingFileError(
        f"{directory} has no MNIST files; put train-images-idx3-ubyte and train-labels-idx1-ubyte "
        f"(and t10k-..., plain or .gz) or {_NPZ} there"
    )


def _read_split(folder: Path, split: str) -> ImagePool | None:
    """Return the pool of one official split, or None where the folder has neither of its files."""
    paths = {kind: _find(folder, split, kind) for kind in _KINDS}
    present = [path for path in paths.values() if path is not None]
    if not present:
        return None
    for kind, path in paths.items():
        if path is None:
            raise MissingFileError(
                f"{folder / _name(split, kind)} (or .gz) is missing beside {present[0].name}; "
                "put it there"
            )
    images, labels = (
        read_idx(path, _KINDS[kind]) for kind, path in paths.items() if path is not None
    )
    return _pool(images, labels, str(present[0]))


def _name(split: str, kind: str) -> str:
    return f"{split}-{kind}-idx{_KINDS[kind]}-ubyte"


def _find(folder: Path, split: str, kind: str) -> Path | None:
    """Return the plain file, else the gzipped one, else None."""
    plain = folder / _name(split, kind)
    return next((p for p in (plain, plain.with_name(f"{plain.name}.gz")) if p.is_file()), None)


def _read_npz(path: Path) -> tuple[ImagePool, ImagePool]:
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is no npz archive; get the file again")
    try:
        with np.load(path, allow_pickle=False) as archive:
            pools = [
                _pool(archive[f"x_{split}"], archive[f"y_{split}"], f"{path} ({split})")
                for split in ("train", "test")
            ]
    except KeyError as error:
        raise InputError(
            f"{path} lacks an array ({error.args[0]}); give Keras's file, with x_train, y_train, "
            "x_test and y_test"
        ) from error
    except InputError:
        raise
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}); get the file again") from error
    return pools[0], pools[1]


def _pool(images: NDArray[Any], labels: NDArray[Any], origin: str) -> ImagePool:
    if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise InputError(
            f"{origin} has images of shape {images.shape} and type {images.dtype} with labels of "
            f"shape {labels.shape}; give bytes of shape (images, rows, columns), one label each"
        )
    return ImagePool(images.reshape(len(images), -1), labels, 255, origin)
