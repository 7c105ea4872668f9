"""The example scripts run as they are, each in an empty directory."""

import csv
import math
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(script, directory, *arguments):
    """Output of an example; the package is the one under test."""
    search = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / script), *map(str, arguments)],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_quickstart(tmp_path):
    """1,000 steps: a row per replica before the first and after the last, at a lower energy."""
    output = run("quickstart.py", tmp_path, 1000)
    assert "test accuracy" in output
    assert [path.name for path in tmp_path.iterdir()] == ["thermo.csv"]
    with (tmp_path / "thermo.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["step"], row["replica"]) for row in rows] == [
        (step, replica) for step in ("0", "1000") for replica in "012"
    ]
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())
    assert all(float(row["energy_ratio"]) < 0.5 for row in rows[3:])
    assert all(float(row["e_10"]) > 0 for row in rows)


def test_own_hamiltonian(tmp_path):
    lines = run("own_hamiltonian.py", tmp_path, 500).splitlines()
    assert [int(line.split(":")[0].split()[1]) for line in lines if line.startswith("step")] == [
        100,
        200,
        300,
        400,
        500,
    ]
    energies = [float(line.split("energy")[1].split(",")[0]) for line in lines[-5:]]
    assert energies[-1] < energies[0]
    assert list(tmp_path.iterdir()) == []
