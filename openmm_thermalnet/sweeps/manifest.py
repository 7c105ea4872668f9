"""The history of a sweep: one JSON object per line, only ever appended to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MANIFEST = "manifest.jsonl"


class Manifest:
    """Appends events to `manifest.jsonl`; each is on the disk when the call returns.

    Parameters
    ----------
    directory : Path
        Of the sweep.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / MANIFEST
        self.path.touch()

    def write(self, event: str, point: str | None = None, **more: Any) -> None:
        """Append one event.

        Parameters
        ----------
        event : str
            What happened.
        point : str, optional
            Name of the point that it happened to, if to one.
        **more
            JSON-able values.
        """
        self.write_all([{"event": event, "point": point, **more}])

    def write_all(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Append several events at once."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = "".join(json.dumps({"time": time, **event}) + "\n" for event in events)
        with self.path.open("r+b") as stream:
            end = stream.seek(0, os.SEEK_END)
            if end:
                stream.seek(end - 1)
                if stream.read(1) != b"\n":  # killed while it wrote
                    lines = "\n" + lines
            stream.write(lines.encode())
            stream.flush()
            os.fsync(stream.fileno())


def read_events(directory: Path) -> list[dict[str, Any]]:
    """Events of a sweep so far; a line that was cut short is left out."""
    events = []
    try:
        text = (directory / MANIFEST).read_text(errors="replace")
    except FileNotFoundError:
        return []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            events.append(event)
    return events
