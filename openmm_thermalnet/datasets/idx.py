"""Read IDX, the file format of MNIST: big-endian sizes, then unsigned bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from openmm_thermalnet.errors import InputError, MissingFileError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_UNSIGNED_BYTE = 0x08
_GZIP = b"\x1f\x8b"


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, plain or gzipped (told apart by content, not name).

    Parameters
    ----------
    path : Path
        The file.
    dimensions : int
        Number of dimensions that the file must have: 3 for images, 1 for labels.

    Returns
    -------
    ndarray of uint8
        Read-only, with the shape written in the file.

    Raises
    ------
    MissingFileError
        If there is no such file.
    InputError
        If the file cannot be read or unpacked, is of another kind, or is shorter or longer than
        its header says.
    """
    content = _bytes(path)
    magic = _UNSIGNED_BYTE << 8 | dimensions
    header = 4 + 4 * dimensions
    if content[:4] != magic.to_bytes(4, "big"):
        raise InputError(
            f"{path} starts with 0x{content[:4].hex()}, not 0x{magic:08x} (IDX, unsigned bytes, "
            f"{dimensions}-D); give the right file or get it again"
        )
    if len(content) < header:
        raise InputError(f"{path} ends within its header; get the file again")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    if len(content) - header != math.prod(shape):
        raise InputError(
            f"{path} holds {len(content) - header} bytes where its header says "
            f"{math.prod(shape)}; get the file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _bytes(path: Path) -> bytes:
    """Return the content of the file, unpacked if it is gzipped."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} does not exist; put the file there") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a file") from error
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} cannot be unpacked ({error}); get the file again") from error
