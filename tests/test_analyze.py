"""`analysis.json`: planted layers come out, and everything missing is said."""

import html
import json
import math
import os
import shutil
import tracemalloc

import numpy as np
import pytest
from typer.testing import CliRunner

import openmm_thermalnet as tn
from openmm_thermalnet.analyze import analyze_run, current_analysis
from openmm_thermalnet.analyze.dynamics import summarise_dynamics
from openmm_thermalnet.analyze.plain import as_text, plain
from openmm_thermalnet.analyze.run import _ageing
from openmm_thermalnet.cli import app, main
from openmm_thermalnet.errors import InputError, MissingFileError
from openmm_thermalnet.report import write_report

pytest_plugins = ("run_fixtures",)

PARAMETERS = 87  # of the runs written by hand: 3 layers of 5 x 3 spins, weights 18 + 9 + 9 + 6


def copies(rng, frames, parameters=PARAMETERS):
    """Frames (frames, 6, parameters) of 3 samples, 2 copies each, in which nothing moves."""
    start = np.repeat(rng.uniform(-1, 1, (3, parameters)), 2, axis=0)
    return np.repeat(start[None], frames, axis=0)


@pytest.fixture
def copied(tiny_run, tmp_path):
    shutil.copytree(tiny_run, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def analysed(tiny_run, tmp_path_factory):
    """The tiny run's analysis, its directory, and what was said."""
    directory = tmp_path_factory.mktemp("analysed") / "run"
    shutil.copytree(tiny_run, directory)
    said = []
    return analyze_run(directory, said.append), directory, said


def test_file_holds_what_is_returned(analysed):
    analysis, directory, said = analysed
    text = (directory / "analysis.json").read_text()
    assert json.loads(text) == analysis
    assert "NaN" not in text
    assert said == analysis["notes"] == []
    assert analysis["complete"]
    assert analysis["config"]["depth"] == 4
    assert analysis["dataset"]["hash"] == analysis["network"]["dataset_hash"]
    assert analysis["versions"]["openmm_thermalnet"] == tn.__version__


def test_every_observable_has_its_shape(analysed):
    analysis, _, _ = analysed
    assert list(analysis["waiting_times"]) == ["20", "50"]
    for values in analysis["waiting_times"].values():
        frames = len(values["steps"])
        for letter, layers in (("c", 3), ("q", 3), ("C", 4), ("Q", 4)):
            for name in (letter, f"{letter}_raw"):
                for key in (name, f"{name}_error"):
                    assert np.shape(values[key]) == (layers, frames)
                    assert np.shape(values[key.replace(name, f"{name}_global")]) == (frames,)
        for letter, layers in (("c", 3), ("C", 4)):
            for key in ("", "_log_error", "_lower_bound"):
                assert len(values[f"tau_{letter}{key}"]) == layers
        for key in ("q_star", "q_star_error", "phase", "undecided"):
            assert len(values[key]) == 3
        assert values["liquid_depth"] + values["solid_depth"] == 4
        for kind, layers in (("spins", 3), ("weights", 4)):
            found = values["heterogeneity"][kind]
            for name in ("msd", "alpha_2", "chi4"):
                assert np.shape(found[name]["mean"]) == (layers, frames)
            jumps = found["van_hove"]
            assert np.shape(jumps["density"]) == (layers, len(jumps["steps"]), 81)
        space = values["design_space"]
        assert (len(space["weights"]), len(space["representations"])) == (4, 3)
        assert space["machines"] == 6
        assert len(space["weights"][0]["order"]) == 6


def test_correlations_are_those_of_the_frames(analysed):
    analysis, directory, _ = analysed
    values = analysis["waiting_times"]["50"]
    with tn.load(directory) as run:
        stage = run.follow(50)
        spins = np.asarray(stage.spins(2).flat, dtype=np.float64)
        weights = np.asarray(stage.weights(3).flat, dtype=np.float64)

    def overlap(a, b):
        return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))

    np.testing.assert_allclose(values["c"][1], overlap(spins, spins[0]).mean(1), rtol=1e-6)
    pairs = overlap(weights[:, 0::2], weights[:, 1::2])
    np.testing.assert_allclose(values["Q"][2], pairs.mean(1), rtol=1e-6)
    np.testing.assert_allclose(
        values["Q_error"][2], pairs.std(1, ddof=1) / math.sqrt(3), rtol=1e-5, atol=1e-9
    )
    np.testing.assert_allclose(values["q_star"][1], values["q"][1][-1])
    by_sample = np.array(values["Q_star_per_sample"])
    np.testing.assert_allclose(by_sample[2], pairs[-1], rtol=1e-6)
    np.testing.assert_allclose(by_sample.mean(1), values["Q_star"], rtol=1e-6)
    assert np.shape(values["q_star_per_sample"]) == (3, 3)


def test_thermodynamics_are_those_of_the_table(analysed):
    analysis, directory, _ = analysed
    with tn.load(directory) as run:
        table = run.follow(20).thermo
    thermo = analysis["waiting_times"]["20"]["thermodynamics"]
    by_sample = table["test_tanh"].reshape(len(table), 3, 2).mean(2)
    np.testing.assert_allclose(thermo["test_tanh"]["per_sample"], by_sample.T, rtol=1e-6)
    np.testing.assert_allclose(thermo["test_tanh"]["mean"], by_sample.mean(1), rtol=1e-6)
    late = table["step"][:, 0] >= thermo["late"]["start"]
    np.testing.assert_allclose(
        thermo["late"]["energy"]["mean"], table["energy"][late].mean(), rtol=1e-6
    )
    assert np.shape(thermo["layer_energy"]["mean"]) == (4, len(table))
    assert analysis["quench"]["thermodynamics"]["energy_ratio"]["mean"][0] == 1


def test_planted_layers_come_out(write_run):
    rng = np.random.default_rng(1)
    steps = np.array([0, 1, 2, 5, 10, 20, 50, 100])
    q = copies(rng, len(steps))
    q[1:, :, 15:30] = rng.uniform(-1, 1, (len(steps) - 1, 6, 15))  # layer 2 forgets at once,
    q[1:, 1::2, 15:30] = -q[1:, 0::2, 15:30]  # its copies go opposite ways
    analysis = analyze_run(write_run(q, steps), print)
    values = analysis["waiting_times"]["10"]
    assert values["phase"] == ["solid", "liquid", "solid"]
    assert (values["liquid_depth"], values["solid_depth"]) == (1, 3)
    np.testing.assert_allclose(values["q_star"][0], 1, rtol=1e-6)
    np.testing.assert_allclose(values["q_star"][1], -1, rtol=1e-6)
    assert values["tau_c"][0] is None
    assert values["tau_c"][1] < 1
    assert values["tau_C"] == [None] * 4
    assert values["heterogeneity"]["spins"]["msd"]["mean"][0] == [0] * len(steps)
    assert values["heterogeneity"]["spins"]["alpha_2"]["mean"][0] == [None] * len(steps)
    same = values["design_space"]["weights"][0]["same_sample"]
    np.testing.assert_allclose(same["mean"], values["design_space"]["weights"][0]["self"])


def test_without_copies_there_is_no_q(write_run):
    q = np.random.default_rng(2).uniform(-1, 1, (3, 3, PARAMETERS))
    analysis = analyze_run(write_run(q, [0, 10, 100], replicas=1))
    values = analysis["waiting_times"]["10"]
    for key in ("q", "Q", "q_raw", "q_error", "q_star", "phase", "liquid_depth", "solid_depth"):
        assert values[key] is None
    assert values["q_star_per_sample"] is values["Q_star_per_sample"] is None
    assert values["heterogeneity"]["spins"]["chi4"] is None
    assert values["design_space"]["weights"][0]["same_sample"] is None
    assert values["design_space"]["weights"][0]["hierarchy"] is None
    assert values["c"][0][0] == 1


def test_ageing_is_fitted_where_it_can_be(analysed):
    ageing = analysed[0]["ageing"]
    assert ageing["waiting_times"] == [20, 50]
    assert set(ageing["c"]) == {"tau", "log_error", "fit"}


def test_the_power_law_of_ageing_leaves_lower_bounds_out():
    taus = {
        "100": (10.0, False),
        "1000": (100.0, False),
        "10000": (1000.0, False),
        "100000": (2000.0, True),
    }
    waiting_times = {
        time: {
            f"tau_{name}_global{suffix}": value
            for name in "cC"
            for suffix, value in (("", tau), ("_log_error", 0.1), ("_lower_bound", bound))
        }
        for time, (tau, bound) in taus.items()
    }
    ageing = _ageing(waiting_times)
    assert ageing["c"]["tau"] == [10, 100, 1000, 2000]
    assert ageing["c"]["fit"]["n_used"] == 3
    np.testing.assert_allclose(ageing["c"]["fit"]["exponent"], 1)
    del waiting_times["1000"]
    assert _ageing(waiting_times)["c"]["fit"] is None


def test_quench_alone(copied):
    for name in ("tw-20", "tw-50"):
        shutil.rmtree(copied / name)
    description = json.loads((copied / "run.json").read_text())
    description["stages"] = description["stages"][:1]
    (copied / "run.json").write_text(json.dumps(description))
    analysis = analyze_run(copied)
    assert analysis["waiting_times"] == {}
    assert analysis["notes"] == []
    assert analysis["quench"]["thermodynamics"]["late"]["energy_ratio"]["mean"] > 0


def test_run_in_progress_is_analysed_and_says_so(write_run, capsys):
    q = copies(np.random.default_rng(3), 3)
    directory = write_run(q, [0, 10, 50], follow=1000)
    analysis = analyze_run(directory)
    assert capsys.readouterr().out == (
        "tw-10 is in progress, at step 50 of 1000; these are its frames so far\n"
    )
    assert not analysis["complete"]
    assert analysis["waiting_times"]["10"]["steps"] == [0, 10, 50]
    assert current_analysis(directory) is None


def test_stages_too_young_are_left_out(write_run):
    q = copies(np.random.default_rng(4), 1)
    directory = write_run(q, [0], follow=1000)
    said = []
    assert analyze_run(directory, said.append)["waiting_times"] == {}
    assert said == ["tw-10 is in progress, at step 0 of 1000; it is left out"]
    shutil.rmtree(directory / "tw-10")
    said.clear()
    analyze_run(directory, said.append)
    assert said == ["tw-10 has not begun; it is left out"]


@pytest.mark.parametrize(
    ("config", "hash_", "message"),
    [
        ({"dataset": "/nowhere"}, None, "the dataset cannot be made: dataset '/nowhere'"),
        ({}, "0" * 64, "no longer what the run had"),
    ],
)
def test_lost_dataset_costs_only_the_representations(copied, config, hash_, message):
    path = copied / "run.json"
    description = json.loads(path.read_text())
    description["config"].update(config)
    description["dataset"]["hash"] = hash_ or description["dataset"]["hash"]
    path.write_text(json.dumps(description))
    said = []
    analysis = analyze_run(copied, said.append)
    assert len(said) == 1
    assert message in said[0]
    for values in analysis["waiting_times"].values():
        assert values["design_space"]["representations"] is None
        assert len(values["design_space"]["weights"]) == 4


def test_table_without_reports_or_test_patterns(copied):
    follow, quench = copied / "tw-20" / "thermo.csv", copied / "thermo.csv"
    follow.write_text(follow.read_text().splitlines()[0] + "\n")
    rows = [line.split(",") for line in quench.read_text().splitlines()]
    column = rows[0].index("test_sign")
    for row in rows[1:]:
        row[column] = "nan"
    quench.write_text("".join(",".join(row) + "\n" for row in rows))
    analysis = analyze_run(copied)
    thermo = analysis["waiting_times"]["20"]["thermodynamics"]
    assert (thermo["steps"], thermo["late"]) == ([], None)
    thermo = analysis["quench"]["thermodynamics"]
    assert thermo["late"]["test_sign"] is None
    assert set(thermo["test_sign"]["mean"]) == {None}
    assert thermo["late"]["test_tanh"] is not None


def test_analysis_is_kept_until_the_run_changes(copied):
    assert current_analysis(copied) is None
    analysis = analyze_run(copied)
    assert current_analysis(copied) == analysis
    path = copied / "analysis.json"
    later = path.stat().st_mtime_ns + 1  # a touch may fall into the same tick of the clock
    os.utime(copied / "tw-50" / "thermo.csv", ns=(later, later))
    assert current_analysis(copied) is None
    path.write_text("{}")
    assert current_analysis(copied) is None
    path.write_text("{")
    assert current_analysis(copied) is None


def test_memory_is_that_of_a_few_frames(write_run):
    rng = np.random.default_rng(5)
    patterns, width = 500, 20
    parameters = patterns * width * 3 + width * (6 + 2 * width + 2)
    q = copies(rng, 12, parameters).astype(np.float32)
    whole = q.nbytes
    directory = write_run(q, range(0, 120, 10), patterns=patterns, width=width, test_patterns=0)
    del q
    with tn.load(directory) as run:
        tracemalloc.start()
        summarise_dynamics(run.follow(10))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < whole / 2


def test_bad_directories(tmp_path, copied):
    with pytest.raises(MissingFileError, match="holds no run"):
        analyze_run(tmp_path / "nowhere")
    (copied / "run.json").write_text("{")
    with pytest.raises(InputError, match="is damaged"):
        analyze_run(copied)


def test_command_prints_the_layers(copied):
    finished = CliRunner().invoke(app, ["analyze", str(copied)])
    assert finished.exit_code == 0
    assert "t_w = 20, t* = 100 steps" in finished.output
    assert "not reached" in finished.output
    assert (copied / "analysis.json").exists()


def test_command_refuses_in_one_line(tmp_path, monkeypatch, capsys):
    for command in ("analyze", "plot"):
        monkeypatch.setattr("sys.argv", ["thermalnet", command, str(tmp_path)])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code == 2
        assert capsys.readouterr().err == (
            f"thermalnet: {tmp_path} holds no run; name the directory of one\n"
        )


def test_plain_numbers():
    value = {1: np.array([1.0, np.nan]), "b": (np.int64(3), np.float32(0.5), np.inf, None, "x")}
    found = plain({"a": value, "c": np.bool_(True), "empty": {}})
    assert found == {
        "a": {"1": [1.0, None], "b": [3, 0.5, None, None, "x"]},
        "c": True,
        "empty": {},
    }
    assert json.loads(as_text(found)) == found
    assert '    "1": [1.0,null],\n' in as_text(found)


def test_replicas_that_are_not_numbers_are_named(copied):
    path = next(copied.glob("**/thermo.csv"))
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    for row in rows:
        if row[header.index("replica")] == "1":
            row[header.index("test_tanh")] = "nan"
    path.write_text("".join(",".join(row) + "\n" for row in (header, *rows)))
    found = analyze_run(copied, lambda line: None)
    (note,) = found["notes"]
    assert note.startswith("test_tanh of replicas [1] of ")
    assert note.endswith(" are not numbers; averages over them are left out")


def test_a_replica_whose_weights_are_not_numbers_is_named_and_its_waiting_time_left_out(write_run):
    q = copies(np.random.default_rng(0), 3)
    q[2, 3, -1] = np.nan  # a weight of the last layer
    directory = write_run(q, [0, 10, 100])
    found = analyze_run(directory, lambda line: None)
    assert found["waiting_times"] == {}
    (line,) = (line for line in found["notes"] if line.startswith("t_w = 10 is left out"))
    assert "frame 2 of layer 3 holds values that are not finite, in replicas [3]" in line
    assert html.escape(line) in write_report(found, directory).read_text()
