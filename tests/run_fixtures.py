"""Runs that several test modules share (a pytest plugin): one real, others written by hand."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TINY = {
    "dataset": "random",
    "input-width": 6,
    "output-width": 2,
    "patterns": 5,
    "test-patterns": 8,
    "width": 3,
    "depth": 4,
    "samples": 3,
    "replicas": 2,
    "waiting-times": [20, 50],
    "follow": 100,
    "friction": 0.01,
    "per-decade": 6,
    "seed": 3,
}


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 3 samples x 2 replicas with two waiting times. Read only: copy it."""
    from openmm_thermalnet.config import make_config
    from openmm_thermalnet.protocols import create_run

    directory = tmp_path_factory.mktemp("runs") / "tiny"
    create_run(make_config(TINY), directory).execute()
    return directory


WriteRun = Callable[..., Path]


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    """Writes a run with given frames: ``write_run(q, steps, replicas=2, **config)``.

    ``q`` (frames, slots, parameters) are the raw coordinates after the waiting time 10.
    """

    def write(q: np.ndarray, steps: Any, replicas: int = 2, **config: Any) -> Path:
        from openmm_thermalnet.config import make_config
        from openmm_thermalnet.layout import Layout
        from openmm_thermalnet.protocols import setup
        from openmm_thermalnet.reporters import columns
        from openmm_thermalnet.trajectory import TrajectoryWriter

        last = int(np.max(steps, initial=100))
        values = {**TINY, "replicas": replicas, "waiting-times": [10], "follow": last, **config}
        settings = make_config(values)
        net = setup.build_network(settings, setup.build_dataset(settings))
        specs = setup.stage_specs(settings)
        directory = tmp_path / "written"
        directory.mkdir()
        description = setup.describe(settings, net, specs)
        (directory / "run.json").write_text(json.dumps(description))
        for spec in specs:
            place = directory / spec.directory
            place.mkdir(exist_ok=True)
            layout = Layout.thermal(net.patterns, net.widths, spec.slots)
            quench = spec.waiting_time is None
            frames = q[:1, ::replicas] if quench else q
            writer = TrajectoryWriter(place / "trajectory.h5", layout, net.depth, description)
            for step, frame in zip([spec.length] if quench else steps, frames, strict=False):
                writer.write(int(step), layout.positions(frame), np.ones((spec.slots, net.depth)))
            writer.close()
            with (place / "thermo.csv").open("w", newline="") as stream:
                table = csv.writer(stream, lineterminator="\n")
                table.writerow(columns(net))
                for step in (0, 1, 10):
                    for slot in range(spec.slots):
                        table.writerow([step, step / 100, slot, *[0.5] * (net.depth + 7)])
        return directory

    return write
