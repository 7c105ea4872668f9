"""What the points of a sweep have come to, as rows: states, errors over samples, merged seeds."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
from known_profiles import RUN, melted

from openmm_thermalnet.analyze import current_analysis
from openmm_thermalnet.errors import InputError, MissingFileError
from openmm_thermalnet.sweeps.map import LN_ALPHA, arrange, value_text
from openmm_thermalnet.sweeps.reading import read_sweep_result
from openmm_thermalnet.sweeps.table import collect_table, layer_rows, point_row, write_table

pytest_plugins = ("run_fixtures", "sweep_fixtures")

MAP = {"depth": [5, 10], "patterns": [20, 80, 250]}


def noisy(values):
    return melted(values, noise=0.1)


def read(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_rows_hold_what_the_samples_gave(write_sweep):
    rows = collect_table(write_sweep(MAP, noisy))
    assert [row["name"] for row in rows[:2]] == ["depth-5-patterns-20", "depth-5-patterns-80"]
    for row in rows:
        q_star = noisy({"depth": row["depth"], "patterns": row["patterns"]})
        liquid = (q_star < 1 / math.e).sum(axis=0)
        assert row["liquid_depth"] == pytest.approx(liquid.mean())
        assert row["solid_depth"] == pytest.approx(row["L"] - liquid.mean())
        assert row["depth_error"] == pytest.approx(liquid.std(ddof=1) / math.sqrt(3))
        assert row["state"] == "finished"
        assert row["error"] is None
        assert (row["M"], row["N"], row["L"]) == (row["patterns"], 10, row["depth"])
        assert row["ln_alpha"] == pytest.approx(math.log(row["alpha"]))
        assert row["alpha"] == row["patterns"] / 10
        assert (row["samples"], row["replicas"], row["t_w"], row["t_star"]) == (3, 3, 1000, 5000)
        assert row["late_stage"] == "tw-1000"
        values = np.arange(1, 4) / row["L"]
        floor = row["M"] * 10 * (row["L"] - 1) * 1e-5
        assert row["E_star"] == pytest.approx(values.mean())
        assert row["E_star_over_floor"] == pytest.approx(values.mean() / floor)
        error = values.std(ddof=1) / math.sqrt(3)
        assert row["E_star_over_floor_error"] == pytest.approx(error / floor)
        assert row["A_star_test_sign_error"] == pytest.approx(error)


def test_layers_have_a_row_each(write_sweep):
    found = read_sweep_result(write_sweep(MAP, noisy, run={**RUN, "waiting-times": [100, 1000]}))
    rows = layer_rows(found.points, found.varied)
    assert len(rows) == 3 * 2 * (4 + 9)
    row = rows[-3]
    q_star = noisy({"depth": 10, "patterns": 250})[row["layer"] - 1]
    assert (row["name"], row["t_w"], row["layer"]) == ("depth-10-patterns-250", 1000, 7)
    assert row["q_star"] == pytest.approx(q_star.mean())
    assert row["q_star_error"] == pytest.approx(q_star.std(ddof=1) / math.sqrt(3))
    assert row["phase"] == ("liquid" if q_star.mean() < 1 / math.e else "solid")
    assert row["undecided"] == (abs(q_star.mean() - 1 / math.e) <= row["q_star_error"])


def test_csv_gives_back_every_digit(write_sweep, tmp_path):
    directory = write_sweep(MAP, noisy, left_out=("depth-5-patterns-80",))
    rows = collect_table(directory)
    write_table(rows, tmp_path / "table.csv")
    found = read(tmp_path / "table.csv")
    assert list(found[0]) == list(rows[0])
    for row, there in zip(rows, found, strict=True):
        for name, value in row.items():
            if value is None:
                assert there[name] == ""
            elif isinstance(value, str):
                assert there[name] == value
            else:
                assert float(there[name]) == value
    assert found[1]["state"] == "missing"
    write_table([], tmp_path / "empty.csv")
    assert (tmp_path / "empty.csv").read_bytes() == b""


def test_states_and_errors(write_sweep):
    names = [f"patterns-{m}" for m in (20, 40, 80, 160, 250)]
    sweep = {"patterns": [20, 40, 80, 160, 250]}
    directory = write_sweep(sweep, left_out=tuple(names[1:]))
    begun = directory / "points" / "patterns-40"
    begun.mkdir()
    (begun / "run.json").write_text("{}")
    events = [
        {"event": "failed", "point": "patterns-20", "error": "killed"},
        {"event": "finished", "point": "patterns-20"},
        {"event": "failed", "point": "patterns-40", "error": "killed"},
        {"event": "started", "point": "patterns-40", "attempt": 2},
        {"event": "failed", "point": "patterns-80", "error": "killed"},
        {"event": "gave-up", "point": "patterns-80", "error": "the energy is not finite"},
    ]
    lines = [json.dumps(event) for event in events]
    (directory / "manifest.jsonl").write_text("\n".join([*lines, '{"event": "fai']))
    rows = collect_table(directory)
    assert [row["state"] for row in rows] == [
        "finished",
        "unfinished",
        "failed",
        "missing",
        "missing",
    ]
    assert [row["error"] for row in rows] == [None, None, "the energy is not finite", None, None]
    for row in rows[1:]:
        assert row["ln_alpha"] == math.log(row["M"] / 10)
        assert {row[name] for name in ("E_star", "solid_depth", "t_w", "depth_error")} == {None}
        assert row["samples"] == 0


def test_points_that_differ_in_the_seed_are_one(write_sweep):
    grid = {"patterns": [20, 250], "seed": [1, 2, 3]}
    found = read_sweep_result(write_sweep(grid, noisy, left_out=("patterns-250-seed-2",)))
    cells = arrange(found.points, found.varied).cells
    assert [(cell.points, cell.finished, cell.samples) for cell in cells] == [(3, 3, 9), (3, 2, 6)]
    for cell, seeds in zip(cells, ([1, 2, 3], [1, 3]), strict=True):
        together = np.concatenate([noisy({**cell.values, "seed": seed}) for seed in seeds], axis=1)
        mean, error = cell.last.profile
        np.testing.assert_allclose(mean, together.mean(axis=1), rtol=1e-8)
        spread = together.std(axis=1, ddof=1) / math.sqrt(3 * len(seeds))
        np.testing.assert_allclose(error, spread, rtol=1e-7)
        solid = cell.config.depth - (together < 1 / math.e).sum(axis=0)
        row = point_row(cell, ["patterns"])
        assert (row["name"], row["state"]) == (f"patterns-{cell.config.patterns}", "finished")
        assert row["solid_depth"] == pytest.approx(solid.mean())
        assert row["depth_error"] == pytest.approx(solid.std(ddof=1) / math.sqrt(solid.size))
        assert row["A_star_train_tanh"] == pytest.approx(0.2)
        values = np.tile(np.arange(1, 4) / 10, len(seeds))
        expected = values.std(ddof=1) / math.sqrt(values.size)
        assert row["A_star_train_tanh_error"] == pytest.approx(expected)


def test_seeds_of_which_none_is_finished_stay_a_gap(write_sweep):
    grid = {"patterns": [20, 250], "seed": [1, 2]}
    left_out = ("patterns-250-seed-1", "patterns-250-seed-2")
    found = read_sweep_result(write_sweep(grid, left_out=left_out))
    cell = arrange(found.points, found.varied).cells[1]
    assert (cell.state, cell.points, cell.finished, cell.last) == ("missing", 2, 0, None)


def test_other_flags_keep_points_apart(write_sweep):
    found = read_sweep_result(write_sweep({"data-seed": [1, 2], "seed": [1, 2]}))
    sweep = arrange(found.points, found.varied)
    assert [cell.points for cell in sweep.cells] == [2, 2]


@pytest.mark.parametrize(
    ("grid", "axis", "ticks", "flags", "places"),
    [
        (MAP, LN_ALPHA, None, ("depth",), [math.log(m / 10) for m in (20, 80, 250)]),
        (
            {"kT": [1e-3, 1e-5], "width": [5, 25]},
            LN_ALPHA,
            None,
            ("kT",),
            [math.log(2), math.log(10)],
        ),
        ({"patterns": [20, 80], "width": [5, 25]}, LN_ALPHA, None, ("width",), None),
        ({"depth": [10, 5], "gain": [1.0, "fan_in"]}, "depth", None, ("gain",), [5, 10]),
        ({"gain": [2.0, "fan_in"]}, "gain", ("2", "fan_in"), (), [0, 1]),
        ({"seed": [1, 2]}, LN_ALPHA, None, (), [math.log(5)]),
        ({"digits": [[0, 1], [2, 3, 4]]}, "digits", ("0,1", "2,3,4"), (), [0, 1]),
        ({"depth": [5], "kT": [1e-3, 1e-4]}, "kT", None, (), [1e-4, 1e-3]),
    ],
)
def test_axis(write_sweep, grid, axis, ticks, flags, places):
    run = {**RUN, "patterns": 50}
    for name in grid:
        run.pop(name, None)
    found = read_sweep_result(write_sweep(grid, lambda v: melted({**run, **v}), run=run))
    sweep = arrange(found.points, found.varied)
    assert (sweep.axis, sweep.ticks, sweep.flags) == (axis, ticks, flags)
    if places is not None:
        for series in sweep.series:
            np.testing.assert_allclose(series.positions, places)
            assert list(series.values) == list(flags)
            for cell in series.cells:
                assert all(cell.values[name] == value for name, value in series.values.items())


def test_explicit_points_need_no_grid(write_sweep):
    points = [{"patterns": m, "depth": d} for m, d in ((20, 5), (80, 5), (80, 10))]
    found = read_sweep_result(write_sweep(points))
    sweep = arrange(found.points, found.varied)
    assert [len(series.cells) for series in sweep.series] == [2, 1]
    assert [series.label for series in sweep.series] == ["depth 5", "depth 10"]


def planted(values):
    """One layer more is solid for every factor 4 of the patterns."""
    solid = 3 + round(math.log(values["patterns"] / 20, 4))
    q_star = np.full((values["depth"] - 1, 3), 0.9)
    q_star[: max(values["depth"] - solid, 0)] = 0.1
    return q_star


def test_fit_of_each_series(write_sweep):
    grid = {"depth": [5, 12], "patterns": [20, 80, 320, 1280]}
    found = read_sweep_result(write_sweep(grid, planted))
    shallow, deep = (series.fit for series in arrange(found.points, found.varied).series)
    assert shallow == "2 of 4 values of ln alpha have a solid depth that is no bound: " + (
        "a line and its error need three"
    )
    assert deep.slope == pytest.approx(1 / math.log(4))
    assert (deep.error_over, deep.used.sum()) == ("none", 4)


def test_fit_leaves_gaps_out(write_sweep):
    grid = {"depth": [12], "patterns": [20, 80, 320, 1280]}
    found = read_sweep_result(write_sweep(grid, planted, left_out=("depth-12-patterns-80",)))
    (series,) = arrange(found.points, found.varied).series
    assert series.fit.used.sum() == 3
    run = {**RUN, "replicas": 1}
    found = read_sweep_result(write_sweep(grid, lambda values: None, run=run, name="no-copies"))
    (series,) = arrange(found.points, found.varied).series
    assert series.fit == "no point has replicas at a waiting time"
    assert layer_rows(found.points, found.varied) == []


def test_other_energies_have_no_floor(write_sweep):
    norm, squared = collect_table(write_sweep({"energy": ["norm", "squared"]}))
    assert norm["E_star_over_floor"] > 0
    assert squared["E_star_over_floor"] is None
    assert squared["E_star"] == norm["E_star"]


def test_finished_runs_are_analysed_and_only_those(tiny_run, write_sweep, tmp_path):
    config = json.loads((tiny_run / "run.json").read_text())["config"]
    run = {name: value for name, value in config.items() if name != "seed"}
    directory = write_sweep({"seed": [3, 4, 5]}, run=run, left_out=("seed-3", "seed-4", "seed-5"))
    points = directory / "points"
    shutil.copytree(tiny_run, points / "seed-3")
    shutil.copytree(tiny_run, points / "seed-4")
    shutil.rmtree(points / "seed-4" / "tw-50")
    shutil.copytree(tiny_run, points / "seed-5")
    (points / "seed-5" / "tw-20" / "trajectory.h5").write_bytes(b"damaged")
    said = []
    rows = collect_table(directory, said.append)
    assert [row["state"] for row in rows] == ["finished", "unfinished", "unfinished"]
    assert said == ["analysing seed-3"]
    analysis = current_analysis(points / "seed-3")
    last = analysis["waiting_times"]["50"]
    assert rows[0]["t_w"] == 50
    assert rows[0]["E_star"] == pytest.approx(last["thermodynamics"]["late"]["energy"]["mean"])
    assert rows[0]["E_star_error"] == pytest.approx(
        last["thermodynamics"]["late"]["energy"]["error"]
    )
    said.clear()
    assert collect_table(directory, said.append) == rows
    assert said == []


def test_bad_directories(tmp_path, write_sweep):
    with pytest.raises(MissingFileError, match="holds no sweep"):
        collect_table(tmp_path)
    directory = write_sweep(MAP)
    text = (directory / "sweep.json").read_text()
    (directory / "sweep.json").write_text(text[:50])
    with pytest.raises(InputError, match="is damaged"):
        collect_table(directory)
    (directory / "sweep.json").write_text(text.replace("sweep 1", "sweep 9"))
    with pytest.raises(InputError, match="sweep 9"):
        collect_table(directory)


def test_values_in_words():
    values = (1e-5, 1.0, 250, "fan_in", [100, 1000], (), True)
    assert list(map(value_text, values)) == [
        *("1e-05", "1", "250", "fan_in", "100,1000", "none", "True")
    ]
