"""The configuration: from flags and files, checked once, written down whole."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmm_thermalnet.config import RunConfig, make_config, read_toml
from openmm_thermalnet.protocols import setup


def test_defaults_are_those_of_the_interface():
    config = make_config({})
    assert (config.dataset, config.patterns, config.test_patterns) == ("mnist", 250, 400)
    assert (config.width, config.depth, config.gain, config.energy) == (10, 10, 1.0, "norm")
    assert (config.kT, config.friction, config.timestep) == (1e-5, 1e-3, 0.01)
    assert (config.integrator, config.platform) == ("langevin-middle", "CPU")
    assert (config.samples, config.replicas, config.seed) == (3, 3, 0)
    assert config.quench_steps == 20_000
    assert config.follow == 100_000
    assert config.waiting_times == ()


def test_text_means_what_values_mean():
    text = {
        "depth": "5",
        "kT": "2e-5",
        "gain": "0.5",
        "digits": "0, 1,7",
        "waiting-times": "0,10,100",
        "double-frames": "true",
        "steps": "100",
    }
    values = {
        "depth": 5,
        "kT": 2e-5,
        "gain": 0.5,
        "digits": [0, 1, 7],
        "waiting-times": [0, 10, 100],
        "double-frames": True,
        "steps": 100,
    }
    assert make_config(text) == make_config(values)
    assert make_config({"waiting_times": [5], "kT_start": None}).waiting_times == (5,)
    assert make_config({"waiting-times": 7, "gain": "fan_in"}).gain == "fan_in"
    assert make_config({"waiting-times": ""}).waiting_times == ()


@given(
    depth=st.integers(2, 50),
    kT=st.floats(0, 1e3),
    times=st.sets(st.integers(0, 10**6)),
    gain=st.one_of(st.just("fan_in"), st.floats(0.01, 100)),
    table=st.none() | st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1)), max_size=4),
)
def test_what_run_json_holds_comes_back(depth, kT, times, gain, table):
    config = make_config(
        {
            "depth": depth,
            "kT": kT,
            "waiting-times": sorted(times),
            "gain": gain,
            "anneal-table": table,
            "start-from": "runs/before",
        }
    )
    text = json.dumps(config.as_json(), allow_nan=False)
    assert make_config(json.loads(text)) == config
    assert set(json.loads(text)) == {
        field.alias or name
        for name, field in RunConfig.model_fields.items()
        if name not in config.unused
    }


@given(times=st.lists(st.integers(-5, 20), max_size=5))
def test_waiting_times_ascend_from_zero(times):
    good = times == sorted(set(times)) and all(time >= 0 for time in times)
    if good:
        assert make_config({"waiting-times": times}).waiting_times == tuple(times)
    else:
        with pytest.raises(ValueError, match="do not ascend from 0"):
            make_config({"waiting-times": times})


@pytest.mark.parametrize(
    ("text", "times"), [("none", ()), ("", ()), ("7", (7,)), ("0, 10", (0, 10))]
)
def test_lists_of_numbers_as_a_command_line_gives_them(text, times):
    assert make_config({"waiting-times": text}).waiting_times == times


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({}, 20_000),
        ({"waiting-times": [5, 90]}, 90),
        ({"waiting-times": [0]}, 0),
        ({"steps": 50, "waiting-times": [5, 90]}, 90),
        ({"steps": 500, "waiting-times": [5, 90]}, 500),
        ({"steps": 0}, 0),
    ],
)
def test_the_quench_reaches_the_last_waiting_time(values, steps):
    assert make_config(values).quench_steps == steps


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"depht": 3}, ("depht is no parameter", "did you mean depth?")),
        ({"waiting_time": 3}, ("waiting-time", "did you mean waiting-times?")),
        ({"temperature": 3}, ("temperature is no parameter", "--help")),
        ({"depth": "x"}, ("depth is 'x'", "integer")),
        ({"depth": 2.5}, ("depth is 2.5", "integer")),
        ({"kT": "warm"}, ("kT is 'warm'", "number")),
        ({"kT": math.nan}, ("kT is nan", "finite")),
        ({"checkpoint-minutes": math.inf}, ("checkpoint-minutes is inf", "finite")),
        ({"checkpoint-minutes": 0}, ("checkpoint-minutes is 0", "more than 0")),
        ({"gain": "fanin"}, ("gain is 'fanin'", "positive number or fan_in")),
        ({"gain": math.nan}, ("gain is nan",)),
        ({"digits": "0,x"}, ("digits is 'x'", "integer")),
        ({"report": "often"}, ("report is 'often'", "'log' or 'linear'")),
        ({"frames": "all"}, ("frames is 'all'", "'none'")),
        ({"groups": "thirds"}, ("groups is 'thirds'", "'parity'")),
        ({"waiting-times": "10,5"}, ("waiting-times 10,5 do not ascend", "sort them")),
        ({"waiting-times": "5,5"}, ("waiting-times 5,5 do not ascend",)),
        ({"waiting-times": "-1,5"}, ("waiting-times -1,5 do not ascend from 0",)),
        ({"waiting-times": "5", "follow": -1}, ("follow is -1", "not negative")),
        ({"waiting-times": "5", "follow": 0}, ("waiting-times end at 5", "give more steps")),
        ({"waiting-times": "5", "follow": 0, "steps": 5}, ("waiting-times end at 5",)),
        ({"hidden": "5,5"}, ("hidden is (5, 5)", "model thermal")),
        ({"model": "feedforward", "depth": 4}, ("depth is 4", "model feedforward")),
        ({"model": "feedforward", "integrator": "verlet"}, ("integrator is 'verlet'",)),
        ({"model": "glass"}, ("model is 'glass'", "thermal")),
        ({"model": "feedforward", "sgd-steps": -1}, ("sgd-steps is -1",)),
        ({"model": "feedforward", "hidden": "30,x"}, ("hidden is",)),
        ({"waiting-times": "5", "replicas": 0}, ("replicas is 0", "at least 1")),
        ({"steps": -1}, ("steps is -1", "not negative")),
        ({"seed": -1}, ("seed is -1", "not negative")),
        ({"anneal": "linear"}, ("anneal is 'linear'", "give kT-start")),
        ({"anneal": "stepwise"}, ("anneal is 'stepwise'",)),
        ({"kT-start": 0.1}, ("kT-start is 0.1", "give anneal too")),
        ({"anneal-steps": 10}, ("anneal-steps is 10", "give anneal too")),
        (
            {"anneal": "linear", "kT-start": 1, "anneal-table": [[0, 1]]},
            ("anneal-table and anneal", "choose one"),
        ),
        ({"anneal-table": "nothing.csv"}, ("anneal-table is 'nothing.csv'", "can be read")),
    ],
)
def test_refused(refused, values, parts):
    refused(lambda: make_config(values), *parts)


# --- files -------------------------------------------------------------------------------------


def test_a_toml_file_has_the_names_of_the_flags(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("depth = 4\nkT = 1e-4\nwaiting-times = [0, 10]\ntest_patterns = 7\n")
    assert read_toml(path) == {
        "depth": 4,
        "kT": 1e-4,
        "waiting-times": [0, 10],
        "test-patterns": 7,
    }


def test_files_that_are_no_toml_are_refused(tmp_path, refused):
    path = tmp_path / "run.toml"
    refused(lambda: read_toml(path), "run.toml does not exist", error=FileNotFoundError)
    for content in (b"depth = \n", b"depth 4\n", b"\xff\xfe\x00"):
        path.write_bytes(content)
        refused(lambda: read_toml(path), "run.toml is not TOML")
    refused(lambda: read_toml(tmp_path), "cannot be read")


@pytest.mark.parametrize("header", ["", "step,kT\n", "# step,kT\n"])
def test_a_table_of_temperatures_is_read_from_a_file(tmp_path, header):
    path = tmp_path / "cooling.csv"
    path.write_text(f"{header}0,1e-2\n\n 500 , 5e-3\n1000,1e-3\n")
    config = make_config({"anneal-table": str(path), "steps": 1000})
    assert config.anneal_table == ((0, 1e-2), (500, 5e-3), (1000, 1e-3))
    annealing = setup.build_annealing(config, setup.stage_specs(config)[0])
    assert annealing.kT(500) == pytest.approx(5e-3)
    assert make_config(config.as_json()) == config


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("0,1e-2,3\n", "'0,1e-2,3' is no step,kT"),
        ("0 1e-2\n", "'0 1e-2' is no step,kT"),
        ("0,1e-2\nten,1e-3\n", "'ten'"),
        ("0,nan\n", "finite"),
        ("0.5,1\n", "integer"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, refused, content, part):
    path = tmp_path / "cooling.csv"
    path.write_text(content)
    refused(lambda: make_config({"anneal-table": str(path)}), "anneal-table is", part)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "temperature table is empty"),
        ("5,1\n5,2\n", "do not ascend"),
        ("0,-1\n", "negative"),
        ("0,1\n-5,1\n", "an annealing step is -5"),
    ],
)
def test_a_table_that_cannot_be_followed_is_refused(tmp_path, refused, content, part):
    path = tmp_path / "cooling.csv"
    path.write_text(content)
    config = make_config({"anneal-table": str(path)})
    refused(lambda: setup.build_annealing(config, setup.stage_specs(config)[0]), part)
