"""Every line of the README runs as it stands, with smaller numbers; the help says all."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from openmm_thermalnet.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SMALL = ["--dataset", "digits", "--patterns", "10", "--test-patterns", "10", "--width", "3"]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def run(directory, *arguments):
    search = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python(tmp_path):
    (script,) = blocks("python")
    (tmp_path / "readme.py").write_text(script.replace("20_000", "1_000"))
    run(tmp_path, "readme.py")
    assert len((tmp_path / "thermo.csv").read_text().splitlines()) == 1 + 2 * 3


SWEEP = """
[run]
dataset = "digits"
patterns = 10
test-patterns = 10
width = 3
waiting-times = [1]
follow = 5

[grid]
depth = [3, 4, 5]
"""
SMALLER = {  # what replaces an argument of the README, and what is added to a command
    "100,1000,10000": "1,10",
    "20000": "20",
    "5000,20000": "1,10",
    "60000": "50",
    "examples/sweep.toml": "sweep.toml",
}
ADDED = {
    "run --waiting-times": SMALL,
    "sweep examples/sweep.toml": ["--workers", "1"],
    "run --model": ["--patterns", "100", "--test-patterns", "10", "--sgd-steps", "5"],
    "ising weights.safetensors": ["--bins", "20", "--tolerance", "0.01", "--processes", "1"],
    "ensemble --out": ["--runs", "40", "--steps", "20", "--hidden", "2", "--components", "2"],
    "effective runs/binary.safetensors": ["--copies", "1", "--points", "3"],
}


def test_command_line(tmp_path):
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("thermalnet")]
    assert {command[1] for command in commands} == {
        *("run", "resume", "analyze", "plot", "info", "sweep", "sweep-status"),
        *("ising", "ensemble", "effective"),
    }
    (tmp_path / "sweep.toml").write_text(SWEEP)
    rng = np.random.default_rng(0)
    matrices = {name: rng.uniform(-1, 1, (4, 4)) for name in ("J1", "J2")}
    save_file(matrices, tmp_path / "weights.safetensors")
    for _, *command in commands:
        smaller = [SMALLER.get(argument, argument) for argument in command]
        added = ADDED.get(" ".join(command[:2]), [])
        run(tmp_path, "-m", "openmm_thermalnet.cli", *smaller, *added)
    for page in ("runs/ageing/report.html", "runs/map/report.html"):
        assert (tmp_path / page).is_file()
    for result in ("runs/ising/ising.json", "runs/effective/effective.json"):
        assert (tmp_path / result).is_file()


@pytest.mark.parametrize("command", ["run", "info"])
def test_help_has_every_flag_and_default_in_full(tmp_path, command):
    shown = run(tmp_path, "-m", "openmm_thermalnet.cli", command, "--help")
    assert "--checkpoint-minutes NUMBER" in shown
    assert "[default: 20000, or to the last waiting time]" in " ".join(shown.split())
    assert "[default: mnist]" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "."], ". cannot be read (Is a directory); name a TOML file"),
        (["--platform", "GPU"], "platform 'GPU' is not here; choose one of Reference, CPU"),
    ],
)
def test_info_refuses_what_a_run_would(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["thermalnet", "info", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"thermalnet: {words}")
