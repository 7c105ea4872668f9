"""Runs of version 0.1.0 that name a thermostat interval, which no run has any more."""

import json

import pytest
from small_runs import SMALL, assert_same, contents, execute

import openmm_thermalnet as tn
from openmm_thermalnet.config import make_config
from openmm_thermalnet.protocols import open_run
from openmm_thermalnet.report import write_report
from openmm_thermalnet.results import RunResult
from openmm_thermalnet.sweeps.directory import State, point_state, write_sweep
from openmm_thermalnet.sweeps.points import read_sweep
from openmm_thermalnet.sweeps.reading import read_sweep_result

SWEEP = "[run]\nseed = 1\n[grid]\ndepth = [3, 4]\n"


def old(directory, interval, **changes):
    """A run as 0.1.0 described it."""
    execute(directory, **changes)
    path = directory / "run.json"
    description = json.loads(path.read_text())
    description["config"]["thermostat-interval"] = interval
    path.write_text(json.dumps(description))
    return directory


def old_sweep(directory, interval):
    """The description of a sweep that 0.1.0 began."""
    (directory / "old.toml").write_text(SWEEP)
    sweep = read_sweep(directory / "old.toml")
    write_sweep(sweep, directory)
    path = directory / "sweep.json"
    description = json.loads(path.read_text())
    description["run"]["thermostat-interval"] = interval
    path.write_text(json.dumps(description))
    return sweep


def test_a_run_with_a_thermostat_interval_is_not_resumed(tmp_path, refused):
    directory = old(tmp_path / "run", 10)
    refused(lambda: open_run(directory), str(directory), "thermostat-interval 10", "anew")


def test_a_run_with_the_former_default_is_resumed(tmp_path):
    directory = old(tmp_path / "run", 1)
    whole = contents(directory)
    for name in ("checkpoint.chk", "trajectory.h5", "thermo.csv"):
        (directory / name).unlink()
    open_run(directory, str).execute(say=str)
    assert_same(contents(directory), whole)


def test_a_sweep_adopts_no_point_with_a_thermostat_interval(tmp_path, refused):
    config = make_config(SMALL)
    directory = old(tmp_path / "sparse", 10)
    refused(lambda: point_state(directory, config, False), str(directory), "anew")
    assert point_state(old(tmp_path / "every", 1), config, False) == State.FINISHED


def test_a_sweep_with_a_thermostat_interval_does_not_go_on(tmp_path, refused):
    sweep = old_sweep(tmp_path, 10)
    refused(lambda: write_sweep(sweep, tmp_path), "thermostat-interval 10", "anew")


def test_a_sweep_with_the_former_default_goes_on(tmp_path):
    write_sweep(old_sweep(tmp_path, 1), tmp_path)
    assert "thermostat-interval" not in json.loads((tmp_path / "sweep.json").read_text())["run"]


@pytest.mark.parametrize("interval", [1, 10])
def test_old_results_are_read_analysed_and_plotted(tmp_path, interval):
    directory = old(tmp_path / "run", interval)
    assert RunResult(directory).config == make_config(SMALL)
    page = write_report(tn.analyze_run(directory, str), directory)
    assert page.exists()


@pytest.mark.parametrize("interval", [1, 10])
def test_old_sweeps_are_read(tmp_path, interval):
    old_sweep(tmp_path, interval)
    found = read_sweep_result(tmp_path)
    assert [point.name for point in found.points] == ["depth-3", "depth-4"]


def test_a_new_file_that_names_it_is_refused(tmp_path, refused):
    refused(lambda: make_config({"thermostat-interval": 1}), "thermostat-interval is no parameter")
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP.replace("seed = 1", "thermostat-interval = 10"))
    refused(lambda: read_sweep(path), "thermostat-interval is no parameter of a run")
