"""The cost of a sweep: sizes against real networks, bytes against real runs, schedules by hand."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from small_runs import SMALL, execute

from openmm_thermalnet.config import make_config
from openmm_thermalnet.protocols import setup
from openmm_thermalnet.sweeps.calibration import calibrate
from openmm_thermalnet.sweeps.cost import (
    Rates,
    point_cost,
    read_rates,
    sizes,
    stage_costs,
    step_seconds,
)
from openmm_thermalnet.sweeps.lines import plan_lines, rates_lines
from openmm_thermalnet.sweeps.points import read_sweep
from openmm_thermalnet.sweeps.schedule import simulate


@pytest.mark.parametrize(
    "values",
    [
        {"dataset": "random", "input-width": 7, "output-width": 3},
        {"dataset": "mnist", "digits": [0, 1, 2]},
        {"dataset": "mnist", "digits": [0, 1, 2, 3], "groups": "parity"},
        {"dataset": "digits"},
    ],
    ids=lambda values: values["dataset"],
)
def test_sizes_are_those_of_the_network(values):
    config = make_config({"patterns": 12, "test-patterns": 12, "width": 5, "depth": 4, **values})
    net = setup.build_network(config, setup.build_dataset(config))
    weights = sum(one * other for one, other in itertools.pairwise(net.widths))
    found = sizes(config)
    assert found.variables == net.particles
    assert found.products == 12 * weights
    assert found.stock == 0
    assert sizes(make_config({"integrator": "verlet"})).stock == 1


def test_seconds_are_the_law():
    rates = Rates(step=1.0, variable=2.0, stock=3.0, product=5.0, stage=7.0)
    config = make_config({**SMALL, "replicas": 4, "waiting-times": [10], "follow": 20})
    size = sizes(config)
    step = 1.0 + 6 * (2.0 * size.variables + 5.0 * size.products)
    assert step_seconds(size, 6, rates) == pytest.approx(step)
    without = step_seconds(replace(size, stock=1), 6, rates)
    assert without == pytest.approx(step + 6 * 3.0 * size.variables)
    quench, follow = stage_costs(config, rates)
    assert quench.seconds == pytest.approx(7.0 + 100 * step_seconds(size, 3, rates))
    assert follow.seconds == pytest.approx(7.0 + 20 * step_seconds(size, 12, rates))
    assert (quench.name, quench.length, follow.name, follow.length) == ("quench", 100, "tw-10", 20)
    assert point_cost(config, rates).seconds == pytest.approx(quench.seconds + follow.seconds)


@pytest.mark.parametrize("double", [False, True])
def test_bytes_are_those_of_a_run(tmp_path, double):
    changes = {"patterns": 200, "input-width": 20, "width": 10, "waiting-times": [50]}
    changes |= {"follow": 100, "double-frames": double}
    run = execute(tmp_path / "run", **changes)
    found = sum(path.stat().st_size for path in run.directory.rglob("*") if path.is_file())
    cost = point_cost(run.config, Rates())
    assert found == pytest.approx(cost.kept, rel=0.03)  # without tables and the files' own frames
    assert cost.written == cost.kept


def test_long_runs_write_more_than_they_keep():
    config = make_config({"steps": 1000, "checkpoint-minutes": 5})
    state = 74.0 * 3 * sizes(config).variables
    short = point_cost(config, Rates(1e-3, 0.0, 0.0, 0.0, 0.0))
    long = point_cost(
        config, Rates(1.0, 0.0, 0.0, 0.0, 0.0)
    )  # 1000 s: checkpoints at 300, 600, 900
    assert long.written - short.written == pytest.approx(3 * state)
    assert long.kept - short.kept == pytest.approx(16.0 * 3 * sizes(config).variables)


def test_rates_of_a_table_are_checked(refused):
    assert read_rates(None) == Rates()
    assert read_rates({"stock": 0}) == Rates(stock=0)
    refused(lambda: read_rates({"stok": 1.0}), "stok is no rate", "stock")
    refused(lambda: read_rates({"stock": -1.0}), "stock is -1.0", "at least 0")
    refused(lambda: read_rates({"stock": "much"}), "stock is 'much'")


@pytest.mark.parametrize(
    ("costs", "workers", "seconds"),
    [
        ([3.0, 1.0, 2.0], 1, 6.0),
        ([3.0, 1.0, 2.0], 2, 3.0),
        ([3.0, 1.0, 2.0], 8, 3.0),
        ([5.0, 5.0, 4.0, 4.0, 3.0, 3.0, 3.0], 3, 11.0),  # Graham's worst case: 9 is possible
        ([], 4, 0.0),
    ],
)
def test_schedules_by_hand(costs, workers, seconds):
    found = simulate(costs, workers)
    assert found.seconds == seconds
    assert found.efficiency == (sum(costs) / (workers * seconds) if costs else 1.0)


def test_a_schedule_is_within_grahams_bound():
    costs = np.random.default_rng(0).lognormal(size=200).tolist()
    for workers in (1, 8, 64, 512):
        shortest = max(sum(costs) / workers, max(costs))
        longest = sum(costs) / workers + max(costs) * (1 - 1 / workers)
        assert shortest <= simulate(costs, workers).seconds <= longest + 1e-9


def test_the_plan_in_words(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(
        "[run]\nsteps = 1000\n[grid]\ndepth = [5, 10]\nseed = [1, 2, 3, 4, 5, 6, 7, 8]\n"
        "[cost]\nstep = 1\nvariable = 0\nstock = 0\nproduct = 0\nstage = 0\n"
    )
    lines = list(plan_lines(read_sweep(path)))
    assert lines[1].split()[:3] == ["depth-5-seed-1", "17", "min"]
    assert "and 4 shorter ones" in lines
    table = [line.split() for line in lines[-4:]]
    assert table == [
        ["1", "4.4", "h", "100.0%"],
        ["8", "33", "min", "100.0%"],
        ["64", "17", "min", "25.0%"],
        ["512", "17", "min", "3.1%"],
    ]


@pytest.mark.slow
def test_calibration_finds_rates_that_fit():
    rates, timings = calibrate(seconds=0.3, rounds=3)
    assert rates.variable + rates.stock > 0
    ratios = np.array([timing.fitted / timing.measured for timing in timings])
    assert np.all((ratios > 0.2) & (ratios < 5))  # on a busy machine
    lines = list(rates_lines(rates, timings))
    assert lines[0] == "[cost]"
    assert len(lines) == 6 + 1 + len(timings)
