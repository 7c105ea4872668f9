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


def test_slurm_job_script(tmp_path):
    """What would be submitted: a worker of one thread per job, which ends before its time is up."""
    keys = tmp_path / "keys"
    call = (4, "--script", "--queue", "long", "--hours", 12, "--keys", keys)
    script = run("slurm.py", tmp_path, *call).splitlines()
    assert script[0] == "#!/usr/bin/env bash"
    directives = [line.removeprefix("#SBATCH ") for line in script if line.startswith("#SBATCH")]
    assert set(directives) == {
        "-J dask-worker",
        "-p long",
        "-n 1",
        "--cpus-per-task=1",
        "--mem=4G",
        "-t 12:00:00",
    }
    assert "export OMP_NUM_THREADS=1" in script
    command = next(line for line in script if "dask_worker" in line)
    assert command.startswith(f"{sys.executable} -m distributed.cli.dask_worker tls://")
    assert any(line.startswith("scratch=$(mktemp -d /tmp/") for line in script)
    for option in (
        *("--nthreads 1", "--lifetime 715m", "--death-timeout", "--no-dashboard"),
        *("--dashboard-address 127.0.0.1:0", '--local-directory "$scratch"'),
    ):
        assert option in command
    assert "--nworkers" not in command
    assert f"--tls-key {keys}/key.pem" in command
    assert keys.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()} == {
        "ca.pem": 0o600,
        "key.pem": 0o600,
    }
    assert "GPU" not in "".join(script)


def test_slurm_job_script_with_gpus(tmp_path):
    script = run("slurm.py", tmp_path, 2, "--script", "--gpu", "--keys", tmp_path)
    assert "#SBATCH --gres=gpu:1" in script
    assert "--resources GPU=1" in script
