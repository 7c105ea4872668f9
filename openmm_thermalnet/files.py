"""Files that are whole or not there: atomic writes, and binary files that carry their checksum."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

_MARK = b"\nthermalnet sha256 "


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to the disk, and move it there."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
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
