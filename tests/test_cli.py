"""The command line: what it runs, what it refuses, what it shows."""

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from small_runs import SMALL, assert_same, contents, execute

from openmm_thermalnet import cli, progress
from openmm_thermalnet.forces import resolve_binding
from openmm_thermalnet.progress import Progress, StopRequest
from openmm_thermalnet.version import __version__

SMALL_FLAGS = [part for name, value in SMALL.items() for part in (f"--{name}", str(value))]


@pytest.fixture
def refuses(thermalnet, tmp_path):
    """Run with these flags must be refused in one line, and leave nothing behind."""

    def check(*arguments, parts, out=None):
        out = out or tmp_path / "run"
        before = sorted(tmp_path.rglob("*"))
        status, _, lines = thermalnet("run", *SMALL_FLAGS, "--out", out, *arguments)
        assert status == 2
        assert len(lines) == 1
        assert lines[0].startswith("thermalnet: ")
        for part in parts:
            assert part in lines[0]
        assert sorted(tmp_path.rglob("*")) == before

    return check


# --- what it runs ------------------------------------------------------------------------------


def test_run_from_flags(thermalnet, tmp_path):
    flags = ["--waiting-times", "0,10", "--follow", 20, "--replicas", 2, "--double-frames"]
    status, said, shown = thermalnet("run", *SMALL_FLAGS, *flags, "--out", tmp_path / "run")
    assert status == 0
    assert said[-1] == f"{tmp_path / 'run'} is complete"
    assert {line.split(":")[0] for line in shown} == {"quench", "tw-0", "tw-10"}
    changes = {"waiting-times": [0, 10], "follow": 20, "replicas": 2, "double-frames": True}
    execute(tmp_path / "library", **changes)
    assert_same(contents(tmp_path / "run"), contents(tmp_path / "library"))


@pytest.mark.parametrize("patterns", [0, 6])
def test_the_end_is_told_without_what_was_not_measured(thermalnet, tmp_path, patterns):
    flags = ["--test-patterns", patterns, "--out", tmp_path / "run"]
    status, said, _ = thermalnet("run", *SMALL_FLAGS, *flags)
    assert status == 0
    accuracy = r", test accuracy 0\.\d{3} \(tanh\), 0\.\d{3} \(sign\)" if patterns else ""
    assert re.fullmatch(rf"step 100: E/E\(0\) = \S+\d{accuracy}", said[0])


def test_flags_win_over_the_file(thermalnet, tmp_path):
    toml = tmp_path / "run.toml"
    toml.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in SMALL.items()))
    status, _, _ = thermalnet(
        "run", "--config", toml, "--steps", 10, "--kT", "2e-3", "--out", tmp_path / "run"
    )
    assert status == 0
    config = json.loads((tmp_path / "run/run.json").read_text())["config"]
    assert config == {**config, **SMALL, "steps": 10, "kT": 2e-3}


def test_a_run_is_replaced_only_when_told_to(thermalnet, refuses, tmp_path):
    thermalnet("run", *SMALL_FLAGS, "--out", tmp_path / "run")
    before = contents(tmp_path / "run")
    (tmp_path / "run/notes.txt").write_text("of the first")
    refuses("--seed", 8, parts=["holds a run already", "resume it, or give --overwrite"])
    refuses("--overwrite", "--samples", 4, parts=["samples is 4"])
    assert_same(contents(tmp_path / "run"), before)
    flags = ["--seed", 8, "--overwrite"]
    status, _, _ = thermalnet("run", *SMALL_FLAGS, *flags, "--out", tmp_path / "run")
    assert status == 0
    assert contents(tmp_path / "run")["thermo.csv"] != before["thermo.csv"]
    assert not (tmp_path / "run/notes.txt").exists()


def test_an_empty_directory_will_do(thermalnet, tmp_path):
    (tmp_path / "run").mkdir()
    assert thermalnet("run", *SMALL_FLAGS, "--out", tmp_path / "run")[0] == 0


def test_resume_of_a_finished_run_changes_nothing(thermalnet, tmp_path):
    thermalnet("run", *SMALL_FLAGS, "--out", tmp_path / "run")
    before = contents(tmp_path / "run")
    status, said, shown = thermalnet("resume", tmp_path / "run")
    assert (status, shown) == (0, [])
    assert said[-1] == f"{tmp_path / 'run'} is complete"
    assert_same(contents(tmp_path / "run"), before)


def test_paths_hold_wherever_it_is_resumed_from(thermalnet, tmp_path, monkeypatch):
    write_idx(tmp_path / "data/mnist")
    monkeypatch.chdir(tmp_path / "data")
    flags = ["--dataset", "mnist", "--patterns", 4, "--test-patterns", 4]
    relative = [*flags, "--dataset", "./mnist"]
    assert thermalnet("run", *SMALL_FLAGS, *relative, "--out", tmp_path / "run")[0] == 0
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run/thermo.csv").unlink()
    assert thermalnet("resume", tmp_path / "run")[0] == 0


def test_another_dataset_is_refused(thermalnet, tmp_path):
    write_idx(tmp_path / "mnist")
    flags = ["--dataset", tmp_path / "mnist", "--patterns", 4, "--test-patterns", 4]
    assert thermalnet("run", *SMALL_FLAGS, *flags, "--out", tmp_path / "run")[0] == 0
    write_idx(tmp_path / "mnist", seed=1)
    status, said, shown = thermalnet("resume", tmp_path / "run")
    assert (status, said) == (2, [])
    assert len(shown) == 1
    assert re.search("the dataset of .* has hash .*; bring the data back", shown[0])


def test_info_shows_what_a_run_would_be(thermalnet):
    status, said, _ = thermalnet("info", *SMALL_FLAGS)
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in said)
    assert status == 0
    assert rows["widths"] == "5 3 3 1"
    assert rows["force"] == "python"
    assert "CPU" in rows["platforms"]
    assert rows["version of openmm_thermalnet"] == __version__


def test_version(thermalnet):
    assert thermalnet("--version") == (0, [__version__], [])


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["run", "--help"], ["ising", "--help"], ["--version"]]
)
def test_help_does_without_heavy_modules(arguments):
    program = (
        "import sys\n"
        "from openmm_thermalnet import cli\n"
        f"sys.argv = ['thermalnet', *{arguments!r}]\n"
        "try:\n"
        "    cli.main()\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code\n"
        "heavy = {'torch', 'openmm', 'numba', 'sklearn', 'scipy', 'matplotlib', 'h5py', 'mdtraj'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command(thermalnet):
    _, said, _ = thermalnet("--help")
    for command in ("run", "resume", "analyze", "plot", "info", "ising", "scan"):
        assert any(line.strip().startswith(command) for line in said)


# --- what it refuses ---------------------------------------------------------------------------

BAD = [
    (["--samples", "4"], ["samples is 4", "such as 6"]),
    (["--samples", "0"], ["samples is 0", "such as 3"]),
    (["--samples", "-3"], ["samples is -3"]),
    (["--depth", "1"], ["depth is 1", "at least 2"]),
    (["--depth", "x"], ["depth is 'x'", "integer"]),
    (["--width", "0"], ["width is 0", "at least 1"]),
    (["--patterns", "0"], ["0"]),
    (["--test-patterns", "-1"], ["-1"]),
    (["--dataset", "mnist", "--patterns", "1200"], ["1200", "lower n_train"]),
    (["--dataset", "mnist", "--test-patterns", "998"], ["499 images", "lower"]),
    (["--dataset", "mnist", "--digits", "0,10"], ["10", "digit"]),
    (["--dataset", "mnist", "--digits", "3"], ["digits", "two or more"]),
    (["--dataset", "minst"], ["'minst'", "mnist"]),
    (["--kT", "-1e-5"], ["kT is -1e-05", "not negative"]),
    (["--kT", "nan"], ["kT is 'nan'", "finite"]),
    (["--timestep", "-0.01"], ["timestep is -0.01"]),
    (["--timestep", "0"], ["timestep is 0"]),
    (["--friction", "-0.1"], ["friction is -0.1"]),
    (["--friction", "1"], ["friction per step is 1.0", "[0, 1)"]),
    (["--integrator", "leapfrog"], ["'leapfrog'", "langevin-middle"]),
    (["--integrator", "brownian", "--friction", "0"], ["friction is 0", "brownian"]),
    (["--platform", "Abacus"], ["'Abacus'", "Reference"]),
    (["--threads", "0"], ["threads is 0"]),
    (["--energy", "cubic"], ["'cubic'", "norm"]),
    (["--force", "magnetic"], ["'magnetic'", "python"]),
    (["--precision", "half"], ["'half'", "single or double"]),
    (["--gain", "-1"], ["-1"]),
    (["--gain", "big"], ["gain is 'big'", "fan_in"]),
    (["--seed", "-1"], ["seed is -1"]),
    (["--data-seed", "-1"], ["seed is -1"]),
    (["--steps", "-1"], ["steps is -1"]),
    (["--waiting-times", "10,5"], ["waiting-times 10,5", "sort"]),
    (["--waiting-times", "10", "--follow", "-1"], ["follow is -1"]),
    (["--waiting-times", "10", "--replicas", "0"], ["replicas is 0"]),
    (["--waiting-times", "ten"], ["waiting-times is 'ten'"]),
    (["--report", "linear", "--report-interval", "0"], ["interval is 0"]),
    (["--per-decade", "0"], ["per decade is 0"]),
    (["--anneal", "linear"], ["give kT-start"]),
    (["--anneal", "linear", "--kT-start", "-1"], ["-1"]),
    (["--anneal", "linear", "--kT-start", "1", "--anneal-steps", "0"], ["anneal-steps is 0"]),
    (["--start-from", "nothing.pt"], ["nothing.pt", "name a torch state_dict"]),
    (["--depht", "3"], ["--depht", "--depth", "thermalnet run --help"]),
    (["--depth"], ["--depth", "argument"]),
    (["surplus"], ["surplus", "--help"]),
    (["--config", "nothing.toml"], ["nothing.toml does not exist"]),
]


@pytest.mark.parametrize(("flags", "parts"), BAD, ids=lambda value: " ".join(value))
def test_bad_flags_are_refused_in_one_line(refuses, flags, parts):
    refuses(*flags, parts=parts)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("depth = \n", ["is not TOML"]),
        ("depht = 3\n", ["depht is no parameter", "did you mean depth?"]),
        ("[run]\ndepth = 3\n", ["run is no parameter"]),
        ('depth = "deep"\n', ["depth is 'deep'"]),
        ("samples = 5\n", ["samples is 5", "6"]),
    ],
)
def test_bad_files_are_refused_in_one_line(thermalnet, tmp_path, content, parts):
    toml = tmp_path / "run.toml"
    toml.write_text(content)
    status, _, lines = thermalnet("run", "--config", toml, "--out", tmp_path / "run")
    assert (status, len(lines)) == (2, 1)
    for part in parts:
        assert part in lines[0]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("binding", ["torch", "pythontorch"])
def test_openmm_torch_that_is_missing_is_refused(refuses, binding):
    try:
        resolve_binding(binding)
    except ImportError:
        refuses("--force", binding, parts=[f"force '{binding}'", "python"])
    else:
        pytest.skip("it is installed")


def test_an_output_that_is_no_directory_is_refused(refuses, tmp_path):
    (tmp_path / "file").write_text("something")
    refuses(out=tmp_path / "file", parts=["file is a file", "name a directory"])
    refuses(out=tmp_path / "file/run", parts=["cannot be made", "name another"])
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.tex").write_text("important")
    refuses(out=tmp_path / "full", parts=["holds other files already", "name another"])
    refuses("--overwrite", out=tmp_path / "full", parts=["holds other files already"])


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["run"], ["--out", "thermalnet run --help"]),
        (["fly"], ["fly", "--help"]),
        (["resume"], ["directory", "thermalnet resume --help"]),
        (["resume", "nothing"], ["nothing holds no run"]),
        (["info", "--depth", "1"], ["depth is 1"]),
    ],
)
def test_other_commands_refuse_in_one_line(thermalnet, arguments, parts):
    status, said, lines = thermalnet(*arguments)
    assert (status, said, len(lines)) == (2, [], 1)
    for part in parts:
        assert part in lines[0]


def write_idx(directory, seed=0, images=40, cut=0, magic=0x803, packed=False):
    """A tiny MNIST of random 28 x 28 images of zeros and ones, as IDX files."""
    directory.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed)
    for split in ("train", "t10k"):
        pixels = noise.integers(0, 256, (images, 28, 28), dtype=np.uint8)
        sizes = np.array([magic, images, 28, 28], ">u4").tobytes()
        content = sizes + pixels.tobytes()
        content = content[: len(content) - cut]
        labels = np.array([0x801, images], ">u4").tobytes() + bytes(i % 2 for i in range(images))
        for kind, whole in (("images-idx3", content), ("labels-idx1", labels)):
            path = directory / f"{split}-{kind}-ubyte"
            if packed:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(whole)[: -cut or None])
            else:
                path.write_bytes(whole)


def test_damaged_idx_files_are_refused(refuses, tmp_path):
    data = tmp_path / "mnist"
    flags = ["--dataset", data, "--patterns", 4, "--test-patterns", 4]
    refuses(*flags, parts=["dataset", "mnist", "directory of IDX files"])
    data.mkdir()
    refuses(*flags, parts=["has no MNIST files", "train-images-idx3-ubyte"])
    write_idx(data, cut=100)
    refuses(*flags, parts=["train-images-idx3-ubyte holds", "get the file again"])
    write_idx(data, magic=0x903)
    refuses(*flags, parts=["0x00000903", "0x00000803"])
    write_idx(data, images=6)
    refuses(*flags, "--patterns", 8, parts=["n_train=8", "lower n_train"])
    for path in data.iterdir():
        path.unlink()
    write_idx(data, cut=100, packed=True)
    refuses(*flags, parts=["cannot be unpacked", "get the file again"])


# --- what it shows -----------------------------------------------------------------------------


def test_quiet_lines_without_a_terminal(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 10.0, 31.0, 40.0, 62.0, 70.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress() as shown:
        for step in (100, 1000, 3200, 4100, 6300, 7000):
            shown("quench", step, 7000)
        shown.say("stopped [by hand]")
    assert capsys.readouterr().err.splitlines() == [
        "quench: step 100 of 7000",
        "quench: step 3200 of 7000, 100 steps/s, 38 s left",
        "quench: step 6300 of 7000, 100 steps/s, 7 s left",
        "quench: step 7000 of 7000, 99 steps/s",
        "stopped [by hand]",
    ]


def test_a_bar_on_a_terminal(thermalnet, tmp_path, monkeypatch):
    main_end, terminal = pty.openpty()
    seen = []

    def read():
        try:
            while data := os.read(main_end, 4096):
                seen.append(data)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        status, said, _ = thermalnet("run", *SMALL_FLAGS, "--out", tmp_path / "run")
        monkeypatch.undo()
    reader.join()
    os.close(main_end)
    shown = b"".join(seen).decode()
    assert status == 0
    assert said[-1] == f"{tmp_path / 'run'} is complete"
    assert "quench" in shown
    assert "100/100" in shown
    assert "steps/s" in shown
    assert "━" in shown
    assert re.search(r"\d:\d\d:\d\d", shown)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_request(number):
    before = signal.getsignal(number)
    with StopRequest() as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        assert signal.getsignal(number) == before  # the second one is not held back
    assert signal.getsignal(number) == before


def test_a_signal_while_modules_are_imported_ends_quietly(thermalnet, monkeypatch):
    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.application, "app", interrupted)
    assert thermalnet("run") == (130, [], [])


def test_the_command_is_installed():
    command = Path(sys.executable).with_name("thermalnet")
    if not command.exists():
        pytest.skip("run from a checkout that is not installed")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == __version__
