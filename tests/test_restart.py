"""A run that is interrupted, damaged or short of disk ends as if nothing had happened."""

import errno
import json
import multiprocessing
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import openmm
import pytest
from small_runs import SMALL, assert_same, contents, execute, frames, table

from openmm_thermalnet import cli, files
from openmm_thermalnet.config import make_config
from openmm_thermalnet.protocols import Interrupted, create_run, open_run
from openmm_thermalnet.reporters import ThermalTable

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(
    ["openmm_thermalnet.cli", "openmm_thermalnet.protocols", "pytest"]
)

DENSE = {"report": "linear", "report-interval": 50, "frames": "linear", "frame-interval": 100}


def go_on(directory, log, prepare=None, *arguments):
    """Body of a process: resume, writing what is said to a file; its `.moving` means steps."""
    if prepare is not None:
        prepare(*arguments)
    with Path(log).open("a") as stream:

        def say(line):
            print(line, file=stream, flush=True)

        def progress(*_):
            Path(f"{log}.moving").touch()

        open_run(Path(directory), say).execute(progress, say=say)


def process(directory, log, prepare=None, *arguments):
    return FORKSERVER.Process(target=go_on, args=(directory, log, prepare, *arguments))


def run_to_the_end(directory, log):
    begun = time.monotonic()
    worker = process(directory, log)
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    return time.monotonic() - begun


def make(directory, **changes):
    create_run(make_config({**SMALL, **changes}), directory)
    return directory


# --- killed ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_at_twenty_random_moments(tmp_path):
    changes = {
        **DENSE,
        "steps": 2000,
        "waiting-times": [100, 1500],
        "follow": 1500,
        "checkpoint-minutes": 0.001,
    }
    log = tmp_path / "said"
    whole = make(tmp_path / "whole", **changes)
    work = run_to_the_end(whole, log)
    start = run_to_the_end(whole, log)
    work -= start

    for attempt in range(1, 4):
        broken = make(tmp_path / f"broken-{attempt}", **changes)
        log.write_text("")
        kills = 0
        for number, share in enumerate(np.random.default_rng(attempt).uniform(0, 1, 20)):
            moving = Path(f"{log}.moving")
            moving.unlink(missing_ok=True)
            worker = process(broken, log)
            worker.start()
            if number % 4:  # while it moves, before it has done more than a share of the work
                while not moving.exists() and worker.is_alive():
                    time.sleep(0.001)
                worker.join(share * work / (12 * attempt))
            else:  # while it starts
                worker.join(2 * share * start)
            worker.kill()
            worker.join()
            kills += worker.exitcode == -signal.SIGKILL
        if kills == 20:
            break
    assert kills == 20

    run_to_the_end(broken, log)
    assert_same(contents(whole), contents(broken))
    restarts = [line for line in log.read_text().splitlines() if " goes on at step " in line]
    assert len(restarts) >= 3
    assert not [line for line in log.read_text().splitlines() if "damaged" in line]


def kill_at_write(number):
    """Let this process kill itself at its n-th step towards the disk."""
    done = 0

    def counted(owner, name, after=False):
        plain = getattr(owner, name)

        def call(*arguments, **options):
            nonlocal done
            done += 1
            if done == number and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = plain(*arguments, **options)
            if done == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        setattr(owner, name, call)

    counted(os, "fsync")
    counted(os, "replace", after=True)
    counted(h5py.Dataset, "resize", after=True)
    counted(h5py.Dataset, "flush")
    counted(ThermalTable, "write", after=True)


@pytest.mark.slow
def test_killed_between_any_two_writes(tmp_path):
    changes = {
        **DENSE,
        "steps": 300,
        "waiting-times": [100],
        "follow": 300,
        "checkpoint-minutes": 1e-9,
    }
    log = tmp_path / "said"
    whole = make(tmp_path / "whole", **changes)
    run_to_the_end(whole, log)
    broken = make(tmp_path / "broken", **changes)
    killed = 0
    noise = np.random.default_rng(0)
    for _ in range(25):
        worker = process(broken, log, kill_at_write, int(noise.integers(1, 60)))
        worker.start()
        worker.join()
        if worker.exitcode == 0:
            break
        assert worker.exitcode == -signal.SIGKILL
        killed += 1
    assert killed >= 5
    run_to_the_end(broken, log)
    assert_same(contents(whole), contents(broken))
    assert not list(broken.rglob(".*"))


def test_what_a_kill_left_of_a_file_goes_even_if_the_run_is_finished(tmp_path):
    """As at a kill in the last checkpoint, when all records are there already."""
    execute(tmp_path / "run", **{**DENSE, "waiting-times": [100], "follow": 100})
    for place in (".", "tw-100"):
        for name in ("state.xml", "checkpoint.chk", "trajectory.h5"):
            files.unfinished(tmp_path / "run" / place / name).write_text("half of")
    open_run(tmp_path / "run").execute()
    assert not list((tmp_path / "run").rglob(".*"))


@pytest.mark.slow
def test_stopped_by_control_c(tmp_path):
    changes = {**DENSE, "steps": 1000, "waiting-times": [100], "follow": 2000}
    execute(tmp_path / "whole", **changes)
    broken = tmp_path / "broken"
    toml = tmp_path / "run.toml"
    toml.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in {**SMALL, **changes}.items()))
    command = [sys.executable, "-m", "openmm_thermalnet.cli"]
    with subprocess.Popen(
        [*command, "run", "--config", toml, "--out", broken], stderr=subprocess.PIPE, text=True
    ) as running:
        while not (broken / "tw-100/thermo.csv").exists():
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        said = running.stderr.read().splitlines()
    assert running.returncode == 130
    assert said[-1] == f"stopped; go on with: thermalnet resume {broken}"
    assert not any("Traceback" in line for line in said)
    kept = frames(broken / "tw-100/trajectory.h5").steps
    assert 1 <= len(kept) < 21

    done = subprocess.run([*command, "resume", broken], capture_output=True, text=True, check=True)
    assert f"{broken / 'tw-100'} goes on at step " in done.stderr
    assert done.stdout.endswith(f"{broken} is complete\n")
    assert_same(contents(tmp_path / "whole"), contents(broken))


# --- damaged -----------------------------------------------------------------------------------

STOPPED = {
    **DENSE,
    "steps": 200,
    "waiting-times": [50],
    "follow": 400,
    "checkpoint-minutes": 1e-9,
}


def interrupt(directory, stage="tw-50", after=3, beyond=150, **changes):
    """A run stopped in a stage, with two checkpoints there."""
    run = create_run(make_config({**SMALL, **STOPPED, **changes}), directory)
    looks = []

    def progress(name, step, length):
        if name == stage and beyond < step < length:
            looks.append(step)

    with pytest.raises(Interrupted):
        run.execute(progress, lambda: len(looks) >= after)
    return looks[-1]


def resume(directory):
    """Resume, and what is said on the way."""
    said = []
    open_run(directory, said.append).execute(say=said.append)
    return said


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole") / "run"
    execute(directory, **STOPPED)
    return contents(directory)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    directory = tmp_path_factory.mktemp("stopped") / "run"
    interrupt(directory)
    assert (directory / "tw-50/checkpoint.previous.chk").exists()
    return directory


@pytest.fixture
def broken(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "run")


def truncate(path):
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])


def garble(path):
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = np.random.default_rng(0).bytes(200)
    path.write_bytes(content)


def remove(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


HARMS = [truncate, garble, remove, empty]


def test_an_undamaged_run_goes_on(broken, whole):
    said = resume(broken)
    assert len(said) == 1
    assert "tw-50 goes on at step " in said[0]
    assert_same(contents(broken), whole)
    assert resume(broken) == []


def test_a_run_goes_on_in_a_new_process(binding, tmp_path):
    """Where OpenMM has been given no positions before the first step."""
    whole, broken, log = tmp_path / "whole", tmp_path / "broken", tmp_path / "said"
    execute(whole, **STOPPED, force=binding)
    interrupt(broken, force=binding)
    run_to_the_end(broken, log)
    assert "tw-50 goes on at step " in log.read_text()
    assert_same(contents(broken), contents(whole))


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(broken, whole, harm):
    harm(broken / "tw-50/checkpoint.chk")
    said = resume(broken)
    if harm is not remove:
        assert said[0].endswith("tw-50/checkpoint.chk is damaged; looking for an earlier state")
    assert "tw-50 goes on at step " in said[-1]
    assert_same(contents(broken), whole)


@pytest.mark.parametrize("harm", [truncate, empty])
def test_without_any_good_checkpoint_the_stage_starts_again(broken, whole, harm):
    harm(broken / "tw-50/checkpoint.chk")
    harm(broken / "tw-50/checkpoint.previous.chk")
    said = resume(broken)
    assert ["is damaged" in line for line in said] == [True, True, False]
    assert said[-1].endswith("tw-50 starts again at step 0: no checkpoint is usable")
    assert_same(contents(broken), whole)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("name", ["trajectory.h5", "thermo.csv"])
@pytest.mark.parametrize("stage", [".", "tw-50"])
def test_damaged_records_are_made_again(broken, whole, stage, name, harm):
    harm(broken / stage / name)
    said = resume(broken)
    assert any(name in line and "looking for an earlier state" in line for line in said)
    assert_same(contents(broken), whole)


@pytest.mark.parametrize("length", [0.995, 0.9, 0.3])
def test_a_table_cut_anywhere_is_made_again(broken, whole, length):
    path = broken / "tw-50/thermo.csv"
    path.write_bytes(path.read_bytes()[: int(length * path.stat().st_size)])
    said = resume(broken)
    assert any("thermo.csv lacks rows up to step" in line for line in said)
    assert_same(contents(broken), whole)


def test_half_a_row_after_the_checkpoint_is_dropped(broken, whole):
    with (broken / "tw-50/thermo.csv").open("a") as stream:
        stream.write("350,3.5,0,1.2")
    assert len(resume(broken)) == 1
    assert_same(contents(broken), whole)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("stage", [".", "tw-50"])
def test_a_damaged_start_is_made_again(broken, whole, stage, harm):
    harm(broken / stage / "start.npz")
    said = resume(broken)
    if stage != ".":
        assert any("start.npz is missing or damaged" in line for line in said)
    assert_same(contents(broken), whole)


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_run_json_is_restored(broken, whole, harm):
    before = json.loads((broken / "run.json").read_text())
    harm(broken / "run.json")
    said = resume(broken)
    assert said[0].endswith(
        "run.json was damaged; it is restored from " + str(broken / "trajectory.h5")
    )
    assert json.loads((broken / "run.json").read_text()) == before
    assert_same(contents(broken), whole)


def test_a_run_json_of_other_content_is_restored(broken, whole):
    (broken / "run.json").write_text("[]\n")
    assert "run.json was damaged" in resume(broken)[0]
    assert_same(contents(broken), whole)


def test_any_trajectory_restores_run_json(broken, whole):
    truncate(broken / "run.json")
    truncate(broken / "trajectory.h5")
    assert resume(broken)[0].endswith(f"restored from {broken / 'tw-50/trajectory.h5'}")
    assert_same(contents(broken), whole)


def test_without_any_description_a_run_is_refused(broken, refused):
    for path in ("run.json", "trajectory.h5", "tw-50/trajectory.h5"):
        truncate(broken / path)
    refused(lambda: open_run(broken), "run.json is damaged", "run it anew")


def test_a_run_killed_before_its_first_checkpoint_starts_again(broken, whole):
    for path in broken.rglob("*.chk"):
        path.unlink()
    shutil.rmtree(broken / "tw-50")
    truncate(broken / "thermo.csv")
    said = resume(broken)
    assert said[0].endswith("starts again at step 0: there is no checkpoint yet")
    assert_same(contents(broken), whole)


@pytest.mark.parametrize(
    "integrator", ["langevin", "brownian", "nose-hoover", "verlet", "andersen"]
)
def test_every_integrator_goes_on_bit_for_bit(tmp_path, integrator):
    execute(tmp_path / "whole", **STOPPED, integrator=integrator)
    interrupt(tmp_path / "broken", integrator=integrator)
    resume(tmp_path / "broken")
    assert_same(contents(tmp_path / "whole"), contents(tmp_path / "broken"))


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "double", "double-frames": True},
        {"anneal": "exponential", "kT-start": 0.1},
        {"platform": "Reference"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_option_goes_on_bit_for_bit(tmp_path, changes):
    stage, beyond = ("quench", 10) if "anneal" in changes else ("tw-50", 150)
    execute(tmp_path / "whole", **{**STOPPED, **changes})
    interrupt(tmp_path / "broken", stage, 1, beyond, **changes)
    resume(tmp_path / "broken")
    assert_same(contents(tmp_path / "whole"), contents(tmp_path / "broken"))


# --- another machine, version or dataset -------------------------------------------------------


def describe(directory, change):
    path = directory / "run.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))


def move_to_reference(directory):
    describe(directory, lambda d: d["config"].update(platform="Reference"))


def test_a_refused_checkpoint_goes_on_from_the_portable_state(broken, whole):
    move_to_reference(broken)
    said = resume(broken)
    assert "checkpoint.chk is not this machine's (" in said[0]
    assert said[0].endswith("state.xml goes on with other noise")
    assert "tw-50 goes on at step " in said[1]
    step = int(said[1].split("goes on at step ")[1].split()[0])
    before, after = whole["tw-50/trajectory.h5"], contents(broken)["tw-50/trajectory.h5"]
    np.testing.assert_array_equal(before.steps, after.steps)
    kept = before.steps <= step
    np.testing.assert_array_equal(before.q[kept], after.q[kept])
    assert not np.any(before.q[~kept] == after.q[~kept])
    rows = table(broken / "tw-50/thermo.csv")
    assert all(np.isfinite(values).all() for values in rows.values())


class Intruder:
    """Its pickle makes a file when it is read."""

    def __init__(self, marker):
        self._marker = marker

    def __call__(self, state):
        return 0.0, np.zeros((1, 3))

    def __reduce__(self):
        return Path.touch, (self._marker,)


def with_a_system(path):
    """Put a System in place of a State, one that runs code when OpenMM reads it."""
    system = openmm.System()
    system.addParticle(1.0)
    system.addForce(openmm.PythonForce(Intruder(path.with_name("marker"))))
    path.write_text(openmm.XmlSerializer.serialize(system))


def forget_the_noise(directory):
    """Leave checkpoints that OpenMM refuses."""
    for path in directory.glob("*.chk"):
        files.write_sealed(path, b"another machine's")


@pytest.mark.slow
def test_the_noise_before_a_portable_state_does_not_come_again(tmp_path):
    # Motion that is all noise: the moves of the walk show it.
    walk = {"kT": 1.0, "friction": 0.5, "integrator": "brownian", "timestep": 1e-4}
    step = interrupt(tmp_path / "run", **walk, **{"frame-interval": 1})
    forget_the_noise(tmp_path / "run/tw-50")
    assert f"goes on at step {step} of" in resume(tmp_path / "run")[1]
    moves = np.diff(frames(tmp_path / "run/tw-50/trajectory.h5").q, axis=0)
    again = np.corrcoef(moves[:50].ravel(), moves[step : step + 50].ravel())[0, 1]
    assert abs(again) < 0.05


def test_the_portable_state_is_exact_without_noise(tmp_path):
    for integrator in ("verlet", "nose-hoover"):
        whole, broken = tmp_path / f"{integrator}-whole", tmp_path / integrator
        changes = {"integrator": integrator, "platform": "Reference"}
        execute(whole, **STOPPED, **changes)
        interrupt(broken, **changes)
        forget_the_noise(broken / "tw-50")
        assert "goes on with other noise" in resume(broken)[0]
        assert_same(contents(whole), contents(broken))


@pytest.mark.parametrize("harm_state", [truncate, Path.unlink, with_a_system])
def test_without_a_portable_state_the_stage_starts_again(broken, harm_state):
    move_to_reference(broken)
    harm_state(broken / "tw-50/state.xml")
    said = resume(broken)
    assert f"{broken / 'tw-50/state.xml'} is no State that can be used" in said[0]
    assert not (broken / "tw-50/marker").exists()
    assert said[-1].endswith("starts again at step 0: no checkpoint is usable")
    assert frames(broken / "tw-50/trajectory.h5").steps.tolist() == [0, 100, 200, 300, 400]


def test_a_portable_state_of_another_energy_is_not_used(broken):
    """No run scales its energy, so such a state is none of its own."""
    move_to_reference(broken)
    path = broken / "tw-50/state.xml"
    text = path.read_text()
    changed = re.sub(r'coupling="1(\.0)?"', 'coupling="0"', text)
    assert changed != text
    path.write_text(changed)
    said = resume(broken)
    assert "has coupling 0.0, which no run of ours has" in said[0]
    assert said[-1].endswith("starts again at step 0: no checkpoint is usable")


def test_another_version_is_refused(broken, refused):
    describe(broken, lambda d: d["versions"].update(openmm_thermalnet="0.0.1"))
    refused(lambda: open_run(broken), "openmm_thermalnet 0.0.1", "resume it with that version")


def test_another_dataset_is_refused(broken, refused):
    describe(broken, lambda d: d["config"].update({"data-seed": 99}))
    refused(lambda: open_run(broken), "the dataset of", "bring the data back")


def test_what_is_no_run_is_refused(tmp_path, refused):
    refused(lambda: open_run(tmp_path), "holds no run", error=FileNotFoundError)
    refused(lambda: open_run(tmp_path / "nothing"), "holds no run", error=FileNotFoundError)


def test_a_run_in_use_is_left_alone(broken, whole, refused):
    with files.locked(broken):
        refused(lambda: resume(broken), "in use by another process")
        config = make_config({**SMALL, **STOPPED})
        refused(lambda: create_run(config, broken, overwrite=True), "in use by another process")
    resume(broken)
    assert_same(contents(broken), whole)


# --- full disk ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (h5py.Dataset, "resize"),
        (h5py.Dataset, "flush"),
        (ThermalTable, "write"),
        (os, "fsync"),
        (os, "replace"),
        (openmm.Context, "createCheckpoint"),
    ],
    ids=lambda part: getattr(part, "__name__", part),
)
@pytest.mark.parametrize("successes", [0, 3, 9])
def test_a_full_disk_is_one_line_and_nothing_is_lost(
    tmp_path, whole, monkeypatch, capsys, owner, name, successes
):
    broken = make(tmp_path / "run", **STOPPED)
    plain, calls = getattr(owner, name), []

    def fail(*arguments, **options):
        calls.append(name)
        if len(calls) > successes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return plain(*arguments, **options)

    monkeypatch.setattr(sys, "argv", ["thermalnet", "resume", str(broken)])
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert ended.value.code == 1
    assert len(calls) == successes + 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("thermalnet")]
    assert len(lines) == 1
    assert "No space left on device" in lines[0]
    assert lines[0].endswith("; what was computed is kept")

    resume(broken)
    assert_same(contents(broken), whole)


def limited(size, stderr):
    """Let writes beyond a file size fail, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)


def resume_by_command(directory, size, stderr):
    limited(size, stderr)
    sys.argv = ["thermalnet", "resume", str(directory)]
    cli.main()


@pytest.mark.slow
def test_writes_that_really_fail(tmp_path):
    changes = {"patterns": 200, "input-width": 12, "frames": "linear", "frame-interval": 10}
    execute(tmp_path / "whole", **changes)
    stderr = tmp_path / "stderr"
    # Of the start, the table, the trajectory's header, and its frames (15 kB each).
    for size in (1500, 40_000, 75_000, 120_000):
        broken = make(tmp_path / str(size), **changes)
        worker = FORKSERVER.Process(target=resume_by_command, args=(broken, size, stderr))
        worker.start()
        worker.join()
        assert worker.exitcode == 1
        *progress, last = stderr.read_text().splitlines()
        assert last.startswith("thermalnet: ")
        assert "File too large" in last
        assert last.endswith("; what was computed is kept")
        assert all(line.startswith("quench: step ") for line in progress)
        resume(broken)
        assert_same(contents(tmp_path / "whole"), contents(broken))
