"""Sweeps written by hand (a pytest plugin)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from known_profiles import RUN, Profile, analysis_of, melted

from openmm_thermalnet.version import __version__


@pytest.fixture
def write_sweep(tmp_path: Path) -> Callable[..., Path]:
    """Writes a sweep: ``write_sweep({"depth": [5, 7], ...}, profile, left_out=["depth-5", ...])``.

    ``profile`` gives the overlaps (L - 1, samples) of a point's values, or None without replicas.
    """

    def write(
        grid: Mapping[str, list[Any]] | list[dict[str, Any]],
        profile: Profile = melted,
        left_out: tuple[str, ...] = (),
        run: Mapping[str, Any] = RUN,
        name: str = "sweep",
    ) -> Path:
        directory = tmp_path / name
        directory.mkdir()
        points = []
        rows = (
            grid
            if isinstance(grid, list)
            else [dict(zip(grid, row, strict=True)) for row in itertools.product(*grid.values())]
        )
        for row in rows:
            point = "-".join(f"{flag}-{value}" for flag, value in row.items())
            points.append({"name": point, "values": row})
            if point in left_out:
                continue
            place = directory / "points" / point
            place.mkdir(parents=True)
            (place / "run.json").write_text("{}")
            analysis = analysis_of({**run, **row}, profile(row))
            (place / "analysis.json").write_text(json.dumps(analysis))
        description = {
            "format": "openmm_thermalnet sweep 1",
            "run": dict(run),
            "varied": list(rows[0]),
            "points": points,
            "analyze": True,
            "cost": None,
            "versions": {"openmm_thermalnet": __version__},
        }
        (directory / "sweep.json").write_text(json.dumps(description))
        (directory / "manifest.jsonl").touch()
        return directory

    return write
