"""Sweeps on real clusters of processes, some of which are killed."""

import csv
import os
import shutil
import signal

import pytest
from small_runs import assert_same
from sweep_processes import TINY, Processes, at_work, events, results, toml, wait_for

from openmm_thermalnet import analyze_run
from openmm_thermalnet.protocols import create_run
from openmm_thermalnet.sweeps.points import read_sweep
from openmm_thermalnet.sweeps.table import collect_table, write_table

pytestmark = pytest.mark.slow

LONG, SHORT = 6_000, 300
POINTS = [{"seed": seed, "follow": SHORT if seed else LONG, "timestep": 0.01} for seed in range(12)]
POISON = {"seed": 99, "follow": SHORT, "timestep": 1e200}  # the first energy is not a number


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    made = Processes(tmp_path_factory.mktemp("processes"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """What each of the twelve points is when it is run by itself."""
    directory = tmp_path_factory.mktemp("serial")
    fixed = {**TINY, "checkpoint-minutes": 5.0}  # which changes no number
    sweep = read_sweep(toml(directory / "sweep.toml", fixed, POINTS))
    for point in sweep.points:
        create_run(sweep.config(point), directory / point.name).execute()
        analyze_run(directory / point.name, str)
    return {point.name: directory / point.name for point in sweep.points}


@pytest.fixture(scope="module")
def killed(processes):
    """A sweep whose worker, then scheduler were killed, and which was then repeated.

    Its directory, its twelve good points' names, the poisoned one's, what was finished when the
    scheduler died, with the times of its files, and what the two calls said.
    """
    out = processes.directory / "out"
    path = toml(processes.directory / "sweep.toml", TINY, [*POINTS, POISON])
    names = [point.name for point in read_sweep(path).points]

    scheduler, address = processes.scheduler()
    workers = [processes.worker(address) for _ in range(2)]
    sweep = processes.sweep(path, "--out", out, "--scheduler", address, "--retries", "1")
    said = wait_for(lambda: at_work(out, names[0]), sweep)
    os.kill(said["pid"], signal.SIGKILL)
    wait_for(lambda: len(events(out, "finished")) >= 4, sweep)
    scheduler.kill()
    first = sweep.wait(), sweep.log.read_text()
    finished = [event["point"] for event in events(out, "finished")]
    times = {
        path: path.stat().st_mtime_ns
        for name in finished
        for path in (out / "points" / name).rglob("*")
    }
    for worker in workers:
        worker.wait()

    _, address = processes.scheduler()
    for _ in range(2):
        processes.worker(address)
    sweep = processes.sweep(path, "--out", out, "--scheduler", address, "--retries", "1")
    second = sweep.wait(), sweep.log.read_text()
    return out, names[:-1], names[-1], finished, times, said["pid"], first, second


def test_the_results_are_those_of_serial_runs(killed, serial):
    out, names, *_ = killed
    assert sorted(names) == sorted(serial)
    for name in names:
        assert_same(results(out / "points" / name), results(serial[name]))


def test_the_table_is_that_of_serial_runs(killed, serial, tmp_path):
    """All columns of all points, of which the poisoned one has no result."""
    out, names, poison, *_ = killed
    (tmp_path / "points").mkdir()
    for name in names:
        (tmp_path / "points" / name).symlink_to(serial[name])
    shutil.copy(out / "sweep.json", tmp_path)
    write_table(collect_table(tmp_path, str), tmp_path / "table.csv")
    with (out / "table.csv").open() as swept, (tmp_path / "table.csv").open() as alone:
        rows, expected = list(csv.DictReader(swept)), list(csv.DictReader(alone))
    assert [row["name"] for row in rows] == [*names, poison]
    assert rows[:-1] == expected[:-1]
    assert all(float(row["E_star"]) > 0 for row in rows[:-1])
    assert rows[-1]["state"] == "failed"
    assert "not finite" in rows[-1]["error"]


def test_a_killed_workers_point_went_on_elsewhere(killed):
    out, names, *_ = killed
    (lost,) = events(out, "lost")
    assert lost["point"] == names[0]
    started = [event for event in events(out, "started") if event["point"] == names[0]]
    assert started[0]["worker"] == lost["worker"]
    assert len({event["worker"] for event in started}) == len(started) > 1
    notes = [event["notes"] for event in events(out, "finished") if event["point"] == names[0]]
    assert "goes on at step" in notes[0][0]


def test_a_poisoned_point_is_reported_and_isolated(killed):
    out, _, poison, *_, second = killed
    failed = [event for event in events(out, "failed") if event["point"] == poison]
    assert len(failed) >= 2
    assert all("the energy is not finite at step 1" in event["error"] for event in failed)
    assert {event["point"] for event in events(out, "failed", "gave-up")} == {poison}
    assert second[0] == 1
    assert f"{poison} is given up: the energy is not finite at step 1" in second[1]
    assert "12 of 13 points" in second[1]


def test_a_lost_scheduler_is_said_in_one_line(killed):
    first = killed[6]
    assert first[0] == 1
    assert first[1].splitlines()[-1] == (
        "thermalnet: the scheduler is gone; start one and repeat the command; "
        "what was computed is kept"
    )


def test_nothing_that_had_finished_ran_again(killed):
    out, _, _, finished, times, *_ = killed
    assert len(finished) >= 4
    second = events(out, "begun")[1]["time"]
    again = {event["point"] for event in events(out, "started") if event["time"] > second}
    assert again
    assert not again & set(finished)
    for path, time in times.items():
        assert path.stat().st_mtime_ns == time, path
    once = [event["point"] for event in events(out, "finished")]
    assert len(once) == len(set(once)) == 12


def test_the_longest_point_went_first(killed):
    out, names, *_ = killed
    assert events(out, "started")[0]["point"] == names[0]
