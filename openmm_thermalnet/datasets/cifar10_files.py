"""CIFAR-10 in a directory: the python format (pickled batches) or the binary one."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from openmm_thermalnet.datasets.images import ImagePool
from openmm_thermalnet.errors import InputError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]

PIXELS = 3072  # 32 x 32, red then green then blue
_FOLDERS = (".", "cifar-10-batches-py", "cifar-10-batches-bin")
_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"


def read_directory(directory: Path) -> tuple[ImagePool, ImagePool | None]:
    """Read the training pool of a directory, and the test pool if it has one.

    The directory itself is searched, then its ``cifar-10-batches-py`` and
    ``cifar-10-batches-bin``; any of the five training batches will do. Pickled batches are read
    without running what a pickle may name: only the parts of a numpy array are allowed in it.

    Raises
    ------
    MissingFileError
        If there is no training batch.
    InputError
        If a file is damaged, or is no batch of CIFAR-10.
    """
    readers: tuple[tuple[str, Callable[[Path], Batch]], ...] = (("", _pickled), (".bin", _binary))
    for folder in (directory / name for name in _FOLDERS):
        for suffix, read in readers:
            train = [folder / f"{name}{suffix}" for name in _BATCHES]
            found = [path for path in train if path.is_file()]
            if found:
                test = folder / f"{_TEST}{suffix}"
                pool = _pool([read(path) for path in found], f"CIFAR-10 in {folder}")
                if not test.is_file():
                    return pool, None
                return pool, _pool([read(test)], f"CIFAR-10 in {test}")
    raise MissingFileError(
        f"{directory} has no CIFAR-10 batch; unpack cifar-10-python.tar.gz or "
        "cifar-10-binary.tar.gz there"
    )


def _pool(batches: Sequence[Batch], origin: str) -> ImagePool:
    pixels, classes = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return ImagePool(pixels, classes, 255, origin)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); get the file again") from error


def _binary(path: Path) -> Batch:
    """Read records of one class and `PIXELS` pixels."""
    content = _bytes(path)
    record = 1 + PIXELS
    if not content or len(content) % record:
        raise InputError(
            f"{path} holds {len(content)} bytes, not a multiple of {record}; get the file again"
        )
    table = np.frombuffer(content, np.uint8).reshape(-1, record)
    return _checked(table[:, 1:], table[:, 0], path)


def _pickled(path: Path) -> Batch:
    try:
        batch = _ArraysOnly(io.BytesIO(_bytes(path)), encoding="bytes").load()
    except InputError:
        raise
    except Exception as error:  # a damaged pickle raises anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path} is no pickled batch ({reason}); get the file again") from error
    named = {
        key.decode("latin1") if isinstance(key, bytes) else key: value
        for key, value in (batch.items() if isinstance(batch, dict) else ())
    }
    if "data" not in named or "labels" not in named:
        raise InputError(f"{path} has no 'data' and 'labels'; give a batch of CIFAR-10")
    return _checked(named["data"], named["labels"], path)


def _checked(pixels: Any, classes: Any, path: Path) -> Batch:
    try:
        labels = np.asarray(classes)
    except ValueError:
        labels = np.empty(0)
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.shape != (labels.size, PIXELS)
        or labels.ndim != 1
        or labels.dtype.kind not in "iu"
    ):
        raise InputError(
            f"{path} has no bytes of shape (images, {PIXELS}) with one class each; give a batch of "
            "CIFAR-10"
        )
    unknown = labels[(labels < 0) | (labels > 9)]
    if unknown.size:
        raise InputError(f"{path} has class {unknown[0]}; give a batch of CIFAR-10, 0 to 9")
    return pixels, labels.astype(np.uint8)


class _ArraysOnly(pickle.Unpickler):
    """Plain values and numpy arrays; any other name in the pickle is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin1  # how old protocols spell bytes
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")) or (
            module.replace("numpy._core", "numpy.core"),
            name,
        ) in (("numpy.core.multiarray", "_reconstruct"), ("numpy.core.numeric", "_frombuffer")):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise InputError(
            f"a pickled batch asks for {module}.{name}, which CIFAR-10 has no use for; nothing was "
            "run: get the file again from its source"
        )


def _latin1(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise InputError(f"a pickled batch asks for the codec {encoding!r}; get the file again")
    return text.encode("latin1")
