"""Files that are whole or not there: names, atomic writes, checksums, locks."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from openmm_thermalnet.errors import InputError, InUseError

RUN, RUN_FORMAT = "run.json", "openmm_thermalnet run 1"
"""Description of a run, and what its `format` says."""

THERMO, TRAJECTORY = "thermo.csv", "trajectory.h5"
"""Records of each stage of a run."""

_MARK = b"\nthermalnet sha256 "


# Nothing that separates directories, hides a file or is markup.
_PLAIN_NAME = re.compile(r"""[^./\\<>"'&\x00-\x1f\x7f][^/\\<>"'&\x00-\x1f\x7f]*""")


def check_name(name: Any, where: Path) -> str:
    """Return `name` if it is that of a file or directory here, and of nothing elsewhere.

    Parameters
    ----------
    name : str
        Read from a file that may come from anywhere.
    where : Path
        That file.

    Raises
    ------
    InputError
        If it could lead out of the directory.
    """
    if isinstance(name, str) and _PLAIN_NAME.fullmatch(name):
        return name
    raise InputError(
        f"{where} has the name {name!r}, which is not one of this package; run it anew"
    )


def check_stages(description: dict[str, Any], where: Path) -> None:
    """Refuse a description of a run, read from `where`, that has a stage outside it.

    Raises
    ------
    InputError
        If it has.
    """
    for stage in description.get("stages", ()):
        if stage["directory"] != ".":  # the quench
            check_name(stage["directory"], where)


class Closeable:
    """Something with a `close`, which leaving a ``with`` block calls."""

    def close(self) -> None:
        """Close it."""
        raise TypeError("a Closeable defines close()")

    def __enter__(self) -> Self:
        """Enter the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the block."""
        self.close()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from locking `path` meanwhile; the lock dies with the process.

    Parameters
    ----------
    path : Path
        A directory, or a file, which NFS locks too.

    Raises
    ------
    InUseError
        If another process has it.
    """
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise InUseError(f"{path} is in use by another process; wait for it, or stop it") from None
    except OSError:  # a file system without locks
        pass
    try:
        yield
    finally:
        os.close(descriptor)


def unfinished(path: Path) -> Path:
    """Where `write_atomically` writes a file before it moves it to `path`."""
    return path.with_name(f".{path.name}.tmp")


def remove_unfinished(directory: Path) -> None:
    """Delete what a killed process left of `write_atomically`; for who has locked the directory."""
    for path in directory.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to the disk, and move it there.

    What a killed process left beside it is overwritten; see `locked` for two at a time.
    """
    temporary = unfinished(path)
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON, atomically; non-finite numbers are refused."""
    text = json.dumps(value, indent=2, allow_nan=False)
    write_atomically(path, text.encode() + b"\n")


def write_sealed(path: Path, content: bytes) -> None:
    """Write `content` followed by its checksum, so that a reader sees whether it is whole."""
    write_atomically(path, content + _MARK + hashlib.sha256(content).hexdigest().encode())


def read_sealed(path: Path) -> bytes | None:
    """Content written by `write_sealed`, or None if the file is missing or damaged."""
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    content, mark, digest = whole.rpartition(_MARK)
    if not mark or hashlib.sha256(content).hexdigest().encode() != digest:
        return None
    return content
