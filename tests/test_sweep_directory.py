"""The directory of a sweep: what is believed of it, what is refused, what its history says."""

import json
import shutil

import pytest
from small_runs import SMALL, execute

from openmm_thermalnet import analyze_run
from openmm_thermalnet.config import make_config
from openmm_thermalnet.files import locked
from openmm_thermalnet.sweeps.cost import Rates
from openmm_thermalnet.sweeps.directory import (
    State,
    make_directory,
    point_state,
    read_sweep_json,
    write_sweep,
)
from openmm_thermalnet.sweeps.display import SweepDisplay
from openmm_thermalnet.sweeps.execute import execute_sweep
from openmm_thermalnet.sweeps.lines import status_lines
from openmm_thermalnet.sweeps.manifest import Manifest, read_events
from openmm_thermalnet.sweeps.points import read_sweep
from openmm_thermalnet.sweeps.status import fraction_of, read_status, stage_costs

CONFIG = make_config(SMALL)


@pytest.fixture
def make_sweep(tmp_path):
    """Build a sweep of small runs; keywords are lists of values."""

    def make(**grid):
        path = tmp_path / "sweep.toml"
        run = {name: value for name, value in SMALL.items() if name not in grid}
        lines = ["[run]", *(f"{name} = {json.dumps(value)}" for name, value in run.items())]
        lines += ["[grid]", *(f"{name} = {json.dumps(value)}" for name, value in grid.items())]
        path.write_text("\n".join(lines))
        return read_sweep(path)

    return make


# --- points -----------------------------------------------------------------------------------


def test_the_state_of_a_point_is_that_of_its_files(tmp_path):
    place = tmp_path / "point"
    assert point_state(place, CONFIG, True) == State.WAITING
    place.mkdir()
    (place / ".run.json.tmp").touch()  # killed while it was written
    assert point_state(place, CONFIG, True) == State.WAITING
    execute(place)
    assert point_state(place, CONFIG, False) == State.FINISHED
    assert point_state(place, CONFIG, True) == State.BEGUN  # not analysed yet
    analyze_run(place, str)
    assert point_state(place, CONFIG, True) == State.FINISHED
    whole = (place / "thermo.csv").read_bytes()
    (place / "thermo.csv").write_bytes(whole[:-1])
    assert point_state(place, CONFIG, False) == State.BEGUN
    (place / "thermo.csv").unlink()
    assert point_state(place, CONFIG, False) == State.BEGUN
    (place / "thermo.csv").write_bytes(whole)
    (place / "run.json").write_bytes(b"{")
    assert point_state(place, CONFIG, False) == State.BEGUN
    (place / "run.json").unlink()
    assert point_state(place, CONFIG, False) == State.BEGUN


def test_how_often_checkpoints_are_written_changes_no_run(tmp_path):
    execute(tmp_path / "point")
    config = CONFIG.model_copy(update={"checkpoint_minutes": 60.0})
    assert point_state(tmp_path / "point", config, False) == State.FINISHED


def test_a_directory_with_something_else_is_refused(tmp_path, refused):
    place = execute(tmp_path / "point", seed=8).directory
    refused(lambda: point_state(place, CONFIG, False), str(place), "its seed is 8, the sweep's 7")
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").touch()
    refused(lambda: point_state(other, CONFIG, False), "holds other files", "move them away")
    refused(lambda: point_state(other / "thesis.tex", CONFIG, False), "Not a directory")


def test_a_begun_point_of_another_version_is_refused(tmp_path, refused):
    place = execute(tmp_path / "point").directory
    description = json.loads((place / "run.json").read_text())
    description["versions"]["openmm_thermalnet"] = "0.0.1"
    (place / "run.json").write_text(json.dumps(description))
    assert point_state(place, CONFIG, False) == State.FINISHED
    (place / "trajectory.h5").unlink()
    refused(lambda: point_state(place, CONFIG, False), "openmm_thermalnet 0.0.1", "that version")


# --- sweep.json -------------------------------------------------------------------------------


def test_a_sweep_is_read_as_it_was_written(tmp_path, make_sweep):
    sweep = make_sweep(depth=[3, 4], seed=[1, 2])
    write_sweep(sweep, tmp_path)
    assert read_sweep_json(tmp_path) == sweep
    found = json.loads((tmp_path / "sweep.json").read_text())
    assert found["format"] == "openmm_thermalnet sweep 1"
    assert found["varied"] == ["depth", "seed"]
    assert found["points"][1] == {"name": "depth-3-seed-2", "values": {"depth": 3, "seed": 2}}
    assert found["run"]["patterns"] == SMALL["patterns"]
    assert "openmm" in found["versions"]


def test_a_sweep_may_grow_but_not_change(tmp_path, make_sweep, refused):
    write_sweep(make_sweep(depth=[3, 4]), tmp_path)
    write_sweep(make_sweep(depth=[3, 4, 5]), tmp_path)
    assert len(read_sweep_json(tmp_path).points) == 3
    refused(lambda: write_sweep(make_sweep(depth=[3, 4]), tmp_path), "depth-5", "another --out")
    other = make_sweep(depth=[3, 4, 5])
    other = type(other)({**other.run, "kT": 1.0}, other.varied, other.points)
    refused(lambda: write_sweep(other, tmp_path), "its kT is 0.01, the sweep's 1.0")


def test_what_is_no_sweep_is_refused(tmp_path, refused, make_sweep):
    refused(lambda: read_sweep_json(tmp_path), "holds no sweep", error=FileNotFoundError)
    (tmp_path / "sweep.json").write_text("{")
    refused(lambda: read_sweep_json(tmp_path), "is damaged")
    (tmp_path / "sweep.json").write_text('{"format": "a poem"}')
    refused(lambda: read_sweep_json(tmp_path), "'a poem'")
    refused(lambda: make_directory(execute(tmp_path / "run").directory), "is a run")
    refused(lambda: make_directory(tmp_path / "sweep.json" / "x"), "cannot be made")


# --- manifest ---------------------------------------------------------------------------------


def test_a_manifest_is_only_appended_to_and_survives_a_torn_line(tmp_path):
    manifest = Manifest(tmp_path)
    manifest.write("started", "a", attempt=1)
    first = manifest.path.read_bytes()
    with manifest.path.open("ab") as stream:
        stream.write(b'{"time": "2026-11-22T05')
    Manifest(tmp_path).write_all([{"event": "finished", "point": "a"}, {"event": "ended"}])
    assert manifest.path.read_bytes().startswith(first)
    events = read_events(tmp_path)
    assert [event["event"] for event in events] == ["started", "finished", "ended"]
    assert events[0]["point"] == "a"
    assert all(event["time"].endswith("+00:00") for event in events)
    assert read_events(tmp_path / "nothing") == []


# --- what is there beforehand, and who else is at it ------------------------------------------


def test_points_that_are_finished_are_adopted(tmp_path, make_sweep):
    """All points are there, so no cluster is needed, and nothing is touched."""
    sweep = make_sweep(seed=[7, 8])
    for point in sweep.points:
        execute(tmp_path / "out/points" / point.name, seed=point.values["seed"])
        analyze_run(tmp_path / "out/points" / point.name, str)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/points").rglob("*")}
    for _ in range(2):
        summary = execute_sweep(sweep, tmp_path / "out", SweepDisplay(tmp_path / "out"))
        assert (summary.points, summary.finished, summary.failed) == (2, 2, [])
        events = [(event["event"], event["point"]) for event in read_events(tmp_path / "out")]
        assert events == [("adopted", point.name) for point in sweep.points]
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/points").rglob("*")}
    assert before == after


def test_a_second_sweep_is_refused(tmp_path, make_sweep, refused):
    sweep = make_sweep(seed=[7, 8])
    out = tmp_path / "out"
    out.mkdir()
    Manifest(out)
    with locked(out / "manifest.jsonl"):
        refused(lambda: execute_sweep(sweep, out, SweepDisplay(out)), "in use by another process")
    assert [path.name for path in out.iterdir()] == ["manifest.jsonl", "points"]


def test_another_run_in_the_place_of_a_point_is_refused(tmp_path, make_sweep, refused):
    out = tmp_path / "out"
    execute(out / "points/seed-8", seed=9)
    sweep = make_sweep(seed=[7, 8])
    refused(lambda: execute_sweep(sweep, out, SweepDisplay(out)), "its seed is 9, the sweep's 8")
    assert not (out / "sweep.json").exists()


# --- status -----------------------------------------------------------------------------------


def test_status_of_every_kind_of_point(tmp_path, make_sweep):
    sweep = make_sweep(seed=[1, 2, 3, 4, 5])
    write_sweep(sweep, tmp_path)
    manifest = Manifest(tmp_path)
    names = [point.name for point in sweep.points]
    done, begun, running, given_up, _ = (tmp_path / "points" / name for name in names)
    execute(done, seed=1)
    analyze_run(done, str)
    shutil.copytree(done, begun)
    description = json.loads((begun / "run.json").read_text())
    description["config"]["seed"] = 2
    (begun / "run.json").write_text(json.dumps(description))
    rows = (begun / "thermo.csv").read_text().splitlines(keepends=True)
    half = [row for row in rows if row.split(",")[0] in ("step", "0", "50")]
    (begun / "thermo.csv").write_text("".join(half))
    manifest.write("started", running.name)
    (tmp_path / "progress").mkdir()
    (tmp_path / f"progress/{running.name}.json").write_text(
        json.dumps({"stage": "quench", "step": 25, "length": 100})
    )
    manifest.write("started", given_up.name)
    manifest.write("gave-up", given_up.name, error="boom")
    with locked(manifest.path):
        points, active = read_status(tmp_path)
        lines = list(status_lines(tmp_path))
    assert active
    states = ["finished", "begun", "running", "failed", "waiting"]
    assert [point.state for point in points] == states
    assert [point.fraction for point in points] == pytest.approx([1.0, 0.5, 0.25, 0.0, 0.0])
    assert points[3].error == "boom"
    assert "35% of the work is done" in lines[0]
    assert "quench, step 25 of 100" in lines[4]
    assert lines[5].endswith("boom")
    points, active = read_status(tmp_path)  # the process is gone
    assert not active
    assert points[2].state == "waiting"


def test_fractions_weigh_stages_by_their_cost():
    config = make_config({**SMALL, "replicas": 4, "waiting-times": [100], "follow": 300})
    costs = stage_costs(config, Rates(0.0, 1e-3, 0.0, 0.0, 0.0))
    assert costs[1].seconds == pytest.approx(12 * costs[0].seconds)
    assert fraction_of(None, costs) == 0.0
    at = {"stage": "quench", "step": 50, "length": 100}
    assert fraction_of(at, costs) == pytest.approx(0.5 / 13)
    at = {"stage": "tw-100", "step": 150, "length": 300}
    assert fraction_of(at, costs) == pytest.approx(7 / 13)
