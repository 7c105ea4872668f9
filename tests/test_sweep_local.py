"""Sweeps on this machine, Ctrl-C, workers that end politely, and clusters that are refused."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from small_runs import assert_same
from sweep_processes import TINY, Processes, at_work, events, results, toml, wait_for

from openmm_thermalnet import analyze_run, cli
from openmm_thermalnet.config import make_config
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.files import locked
from openmm_thermalnet.integrators import find_platform
from openmm_thermalnet.protocols import create_run
from openmm_thermalnet.sweeps import cluster, worker
from openmm_thermalnet.sweeps.display import SweepDisplay
from openmm_thermalnet.sweeps.execute import execute_sweep
from openmm_thermalnet.sweeps.points import read_sweep
from openmm_thermalnet.sweeps.status import is_active, read_status
from openmm_thermalnet.version import __version__

LONG, SHORT = 6_000, 300


@pytest.fixture
def processes(tmp_path):
    made = Processes(tmp_path)
    yield made
    made.end()


@pytest.fixture
def address(processes):
    """Of a scheduler without workers."""
    return processes.scheduler()[1]


@pytest.fixture
def refuses(tmp_path, monkeypatch, capsys):
    """A sweep with these flags must be refused in one line, before any point is begun."""

    def check(path, *arguments, parts):
        out = tmp_path / "out"
        call = ["thermalnet", "sweep", path, "--out", out, *arguments]
        monkeypatch.setattr(sys, "argv", [str(argument) for argument in call])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        line = capsys.readouterr().err.splitlines()[-1]
        assert ended.value.code == 2
        assert line.startswith("thermalnet: ")
        for part in parts:
            assert part in line
        assert not list(out.glob("points/*"))

    return check


# --- this machine -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_everything_and_the_next_call_goes_on(tmp_path, processes, number):
    # So long that neither is past its last step when the signal comes.
    points = [
        {"seed": 1, "follow": 4 * LONG},
        {"seed": 2, "follow": 4 * LONG},
        {"seed": 3, "follow": SHORT},
    ]
    path, out = toml(tmp_path / "sweep.toml", TINY, points), tmp_path / "out"
    sweep = read_sweep(path)
    names = [point.name for point in sweep.points]
    call = (path, "--out", out, "--workers", 2)

    process = processes.sweep(*call)
    said = [wait_for(lambda name=name: at_work(out, name), process) for name in names[:2]]
    os.killpg(process.pid, number)  # as a terminal or SLURM does: to the workers too
    assert process.wait() == 130
    text = process.log.read_text()
    assert text.splitlines()[-1] == "stopped; repeat the command to go on"
    assert "dashboard" not in text
    assert "Traceback" not in text
    assert {event["point"] for event in events(out, "interrupted")} == set(names[:2])
    for one in said:
        assert not Path(f"/proc/{one['pid']}").exists()
    assert not list((out / "progress").iterdir())

    process = processes.sweep(*call)
    assert process.wait() == 0
    assert f"3 of 3 points of {out} are finished" in process.log.read_text()
    notes = {event["point"]: event["notes"] for event in events(out, "finished")}
    for name in names[:2]:
        assert "goes on at step" in notes[name][0]
    for point in sweep.points:
        serial = tmp_path / "serial" / point.name
        create_run(sweep.config(point), serial).execute()
        analyze_run(serial, str)
        assert_same(results(out / "points" / point.name), results(serial))
    assert len((out / "table.csv").read_text().splitlines()) == 4


# --- workers of its own -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_worker_that_is_told_to_end_hands_its_point_on(tmp_path, processes, address):
    """As SLURM does when time is up, or `--lifetime` before it."""
    path, out = toml(tmp_path / "sweep.toml", TINY, [{"seed": 1, "follow": LONG}]), tmp_path / "out"
    (name,) = (point.name for point in read_sweep(path).points)
    for _ in range(2):
        processes.worker(address)
    told = []

    def stop():  # asked about every second: a place to look from
        said = at_work(out, name)
        if said and not told:
            os.kill(said["pid"], signal.SIGTERM)
            told.append(said["pid"])
        return False

    summary = execute_sweep(
        read_sweep(path), out, SweepDisplay(out), stop, scheduler=address, retries=0
    )
    assert (summary.finished, summary.failed) == (1, [])
    assert len(told) == 1
    assert [event["attempt"] for event in events(out, "started")] == [1, 2]
    assert not events(out, "failed")


@pytest.mark.slow
@pytest.mark.opencl
def test_points_for_gpus_go_to_workers_that_have_one(tmp_path, processes, address, refuses):
    try:
        find_platform("OpenCL")
    except InputError as error:
        pytest.skip(str(error))
    points = [{"platform": platform, "follow": SHORT} for platform in ("OpenCL", "CPU")]
    path, out = toml(tmp_path / "sweep.toml", TINY, points), tmp_path / "sweep"
    processes.worker(address)
    refuses(path, "--scheduler", address, parts=["no worker has a GPU", "--resources GPU=1"])
    processes.worker(address, "--resources", "GPU=1")
    summary = execute_sweep(read_sweep(path), out, SweepDisplay(out), scheduler=address)
    assert summary.finished == 2
    started = {event["point"]: event["worker"] for event in events(out, "started")}
    assert len(set(started.values())) == 2


@pytest.mark.slow
@pytest.mark.parametrize("here", [True, False], ids=["local cluster", "cluster that is there"])
def test_nothing_goes_on_for_a_sweep_that_was_killed(tmp_path, processes, here):
    points = [{"seed": 1, "follow": 100 * LONG}]  # it would go on for minutes
    path, out = toml(tmp_path / "sweep.toml", TINY, points), tmp_path / "out"
    (name,) = (point.name for point in read_sweep(path).points)
    where = ["--workers", 1]
    if not here:
        where = ["--scheduler", processes.scheduler()[1]]
        processes.worker(where[1])
    process = processes.sweep(path, "--out", out, *where)
    said = wait_for(lambda: at_work(out, name), process)
    process.kill()
    process.wait()
    if here:
        wait_for(lambda: not Path(f"/proc/{said['pid']}").exists())
    else:  # the worker lives, and ends the point in good order
        wait_for(lambda: not (out / f"progress/{name}.json").exists())
    assert not is_active(out)
    with locked(out / "points" / name), locked(out / "points" / name / "run.json"):
        (status,), _ = read_status(out)
    assert status.state == "begun"
    assert 0 < status.fraction < 1


# --- what is refused --------------------------------------------------------------------------


def test_an_address_where_nothing_answers_is_refused(tmp_path, refuses, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 1)
    path = toml(tmp_path / "sweep.toml", TINY, [{"seed": 1}])
    for where in ("tcp://127.0.0.1:1", "nowhere", "http://127.0.0.1:1"):
        refuses(path, "--scheduler", where, parts=["no scheduler answers at", where])


@pytest.mark.slow
def test_workers_with_another_version_are_refused(tmp_path, processes, address, refuses):
    other = tmp_path / "other.py"
    other.write_text(
        "from openmm_thermalnet import version\n"
        "def dask_setup(worker): version.__version__ = '0.0.1'\n"
    )
    processes.worker(address, "--preload", other)
    path = toml(tmp_path / "sweep.toml", TINY, [{"seed": 1}])
    parts = ["openmm_thermalnet 0.0.1, this is", __version__, "the same version on both"]
    refuses(path, "--scheduler", address, parts=parts)


def test_a_sweep_needs_a_place(tmp_path, monkeypatch, capsys):
    path = toml(tmp_path / "sweep.toml", TINY, [{"seed": 1}])
    monkeypatch.setattr(sys, "argv", ["thermalnet", "sweep", str(path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "name one with --out" in capsys.readouterr().err


# --- how many workers, and which GPU ----------------------------------------------------------


def test_as_many_workers_as_cores_or_points(monkeypatch):
    monkeypatch.setattr("dask.system.CPU_COUNT", 8)
    plain, four = make_config({}), make_config({"threads": 4})
    assert list(cluster.worker_specs([plain] * 3, None)) == ["core-0", "core-1", "core-2"]
    assert len(cluster.worker_specs([plain] * 30, None)) == 8
    assert len(cluster.worker_specs([four] * 30, None)) == 2
    assert len(cluster.worker_specs([plain] * 30, 12)) == 12
    for spec in cluster.worker_specs([plain] * 3, None).values():
        assert spec["options"]["nthreads"] == 1
        assert "resources" not in spec["options"]


def test_one_worker_for_each_gpu(monkeypatch):
    monkeypatch.setattr("dask.system.CPU_COUNT", 8)
    monkeypatch.setattr(cluster, "_devices", lambda platforms: [0, 1, 2][: 3 * len(platforms)])
    plain, gpu = make_config({}), make_config({"platform": "CUDA"})
    specs = cluster.worker_specs([gpu] * 9 + [plain], None)
    assert list(specs) == ["gpu-0", "gpu-1", "gpu-2", "core-0"]
    assert [spec["options"].get("resources") for spec in specs.values()] == [{"GPU": 1}] * 3 + [
        None
    ]
    assert specs["gpu-2"]["options"]["env"] == {worker.DEVICE: "2"}
    assert list(cluster.worker_specs([gpu], None)) == ["gpu-0"]


@pytest.mark.opencl
def test_a_worker_computes_on_its_own_gpu(monkeypatch):
    try:
        platform, _ = find_platform("OpenCL")
    except InputError as error:
        pytest.skip(str(error))
    before = platform.getPropertyDefaultValue("DeviceIndex")
    monkeypatch.setenv(worker.DEVICE, "5")
    try:
        worker.choose_device("CPU")
        assert platform.getPropertyDefaultValue("DeviceIndex") == before
        worker.choose_device("OpenCL")
        assert platform.getPropertyDefaultValue("DeviceIndex") == "5"
    finally:
        platform.setPropertyDefaultValue("DeviceIndex", before)


def test_whatever_a_point_raises_is_one_line():
    assert worker.one_line(MemoryError()) == "MemoryError"
    assert worker.one_line(ValueError("one\ntwo")) == "ValueError: one"
    assert worker.one_line(InputError("depth is 0; give more")) == "depth is 0; give more"
    assert json.dumps(worker.describe("/nothing"))
