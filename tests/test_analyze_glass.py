"""Analysis, figures and reports of feed-forward runs against what their frames say."""

import html
import json
import math
import shutil

import h5py
import numpy as np
import pytest
from scipy.special import erf
from typer.testing import CliRunner

import openmm_thermalnet as tn
from openmm_thermalnet import plotting
from openmm_thermalnet.analyze.glass import frames_since
from openmm_thermalnet.analyze.temperatures import compare_temperatures
from openmm_thermalnet.cli import app
from openmm_thermalnet.config import make_config
from openmm_thermalnet.protocols import create_run
from openmm_thermalnet.report import summary_lines, write_report
from openmm_thermalnet.schedules import logarithmic_steps

pytest_plugins = ("run_fixtures",)

NETWORK = {
    "model": "feedforward",
    "dataset": "random",
    "input-width": 5,
    "patterns": 40,
    "test-patterns": 10,
    "hidden": [6, 4],
    "bias": True,
    "learning-rate": 0.01,
    "sgd-steps": 20,
    "sgd-batch": 8,
    "kT": 0.02,
    "steps": 400,
    "waiting-times": [50, 100, 200],
    "samples": 6,
    "force": "python",
    "seed": 7,
}
DIVISOR = 20.0


def run(directory, **changes):
    create_run(make_config({**NETWORK, **changes}), directory).execute()
    return directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A run on one trajectory with frames from three t0."""
    return run(tmp_path_factory.mktemp("glass") / "run")


@pytest.fixture(scope="module")
def analysis(directory):
    return tn.analyze_run(directory, overlap_divisor=DIVISOR)


@pytest.fixture(scope="module")
def frames(directory):
    """Steps of the frames, and all weights and biases (frames, slots, parameters)."""
    with tn.load(directory) as result:
        stage = result.quench
        parts = [stage.weights(layer).flat[:] for layer in (1, 2, 3)]
        parts += [stage.biases(layer).flat[:] for layer in (1, 2, 3)]
        return stage.steps, np.concatenate(parts, axis=2)


def numbers(values):
    return np.asarray(values, dtype=float)


def since(frames, t0):
    steps, weights = frames
    schedule = t0 + logarithmic_steps(400 - t0, 10)
    chosen = np.isin(steps, schedule)
    assert chosen.sum() == len(schedule)
    return steps[chosen] - t0, weights[chosen]


@pytest.mark.parametrize("t0", [0, 50, 100, 200])
def test_overlap_and_displacements_are_those_of_the_frames(analysis, frames, t0):
    found = analysis["waiting_times"][str(t0)]
    steps, weights = since(frames, t0)
    assert found["steps"] == steps.tolist()
    width = weights[0].std(axis=1) / DIVISOR
    np.testing.assert_allclose(found["width"], width, rtol=1e-8)
    moved = weights - weights[0]
    inside = (np.abs(moved) <= width[:, None]).mean(axis=2)
    np.testing.assert_allclose(numbers(found["overlap"]["per_run"]).T, inside, rtol=1e-8)
    np.testing.assert_allclose(found["overlap"]["mean"], inside.mean(axis=1), rtol=1e-8)
    error = inside.std(axis=1, ddof=1) / math.sqrt(6)
    np.testing.assert_allclose(found["overlap"]["error"], error, atol=1e-12, rtol=1e-7)
    n = weights.shape[2]
    np.testing.assert_allclose(found["chi4"]["mean"], n * inside.var(axis=1, ddof=1), atol=1e-9)
    assert found["chi4"]["over"] == "samples"
    second = (moved**2).mean(axis=2)
    np.testing.assert_allclose(found["msd"]["mean"], second.mean(axis=1), rtol=1e-7)
    alpha = ((moved**4).mean(axis=2)[1:] / (3 * second[1:] ** 2) - 1).mean(axis=1)
    assert found["alpha_2"]["mean"][0] is None
    np.testing.assert_allclose(found["alpha_2"]["mean"][1:], alpha, rtol=1e-6)
    diffusion = 0.02 / 40 * 0.01
    null = erf(width / np.sqrt(4 * diffusion * steps[1:, None])).mean(axis=1)
    np.testing.assert_allclose(found["free_walk"][1:], null, rtol=1e-8)
    np.testing.assert_allclose(found["free_walk_msd"], 2 * diffusion * steps, rtol=1e-8)


def test_relaxation_times_are_those_of_the_runs(analysis, frames):
    found = analysis["waiting_times"]["50"]
    for name, threshold in (("tau_90", 0.9), ("tau_e", math.exp(-1))):
        times = [
            tn.analysis.compute_relaxation_time(found["steps"], curve, threshold=threshold)
            for curve in found["overlap"]["per_run"]
        ]
        assert None not in times
        np.testing.assert_allclose(found[name]["per_run"], times, rtol=1e-7)
        assert found[name]["tau"] == pytest.approx(np.exp(np.mean(np.log(times))))
        width = np.array(found["width"])
        free = tn.analysis.compute_free_walk_time(width, 0.02 / 40 * 0.01, threshold=threshold)
        assert found[name]["free_walk"] == pytest.approx(free.mean(), rel=1e-6)
        assert analysis["ageing"][name]["tau"][1] == found[name]["tau"]
    assert analysis["ageing"]["waiting_times"] == [0, 50, 100, 200]
    assert analysis["ageing"]["tau_e"]["fit"]["n_used"] == 3  # t0 = 0 has no logarithm


def test_exponents_are_those_of_the_curves(analysis):
    found = analysis["waiting_times"]["0"]
    tau = found["tau_e"]["tau"]
    fit = found["power_law"]["overlap"]
    again = tn.analysis.compute_power_law(
        numbers(found["steps"]) / tau, numbers(found["overlap"]["per_run"]).T, (1, 1e3)
    )
    assert fit["exponent"] == pytest.approx(again.exponent, rel=1e-6)
    assert fit["interval"] == pytest.approx(again.interval, rel=1e-5)
    assert found["power_law"]["free_walk"]["interval"] == [None, None]
    local = found["local_exponents"]["msd"]
    assert len(local["x"]) == len(local["mean"]) == len(local["error"]) > 3


def test_the_histogram_counts_all_weights(analysis):
    found = analysis["waiting_times"]["0"]["log_displacements"]
    edges = numbers(found["edges"])
    for density in found["density"]:
        assert np.sum(numbers(density) * np.diff(edges)) == pytest.approx(1, abs=0.01)
    assert found["steps"] == [4, 40, 400]


def test_the_rest_of_the_analysis(analysis, directory):
    assert analysis["temperature"] == pytest.approx(0.02 / 40)
    assert analysis["overlap_divisor"] == DIVISOR
    assert analysis["complete"]
    training = analysis["quench"]["thermodynamics"]
    with tn.load(directory) as result:
        table = result.quench.thermo
    np.testing.assert_allclose(training["energy"]["mean"], table["energy"].mean(axis=1), rtol=1e-7)
    late = table["unsatisfied"][table["step"][:, 0] >= 200]
    assert late.min() <= training["late"]["unsatisfied"]["mean"] <= late.max()
    written = tn.analyze_run(directory, overlap_divisor=DIVISOR)
    assert json.loads((directory / "analysis.json").read_text()) == written == analysis


def test_copies_are_replicas_of_their_samples(tmp_path):
    made = run(tmp_path / "copies", follow=60, replicas=2, samples=3, **{"waiting-times": [50]})
    found = tn.analyze_run(made, overlap_divisor=DIVISOR)["waiting_times"]["50"]
    with tn.load(made) as result:
        stage = result.follow(50)
        x = np.concatenate([stage.weights(k).flat[:] for k in (1, 2, 3)], axis=2)
        x = np.concatenate([x, *[stage.biases(k).flat[:] for k in (1, 2, 3)]], axis=2)
    inside = (np.abs(x - x[0]) <= x[0].std(axis=1)[:, None] / DIVISOR).mean(axis=2)
    pairs = inside.reshape(-1, 3, 2)
    assert found["chi4"]["over"] == "replicas"
    chi = x.shape[2] * pairs.var(axis=2, ddof=1).mean(axis=1)
    np.testing.assert_allclose(found["chi4"]["mean"], chi, atol=1e-9)
    np.testing.assert_allclose(numbers(found["overlap"]["per_run"]).T, pairs.mean(axis=2))


def test_frames_on_another_schedule_are_all_taken(tmp_path):
    made = run(tmp_path / "linear", frames="linear", **{"frame-interval": 10})
    with tn.load(made) as result:
        assert result.quench.steps[frames_since(result.quench, 100, 10)].tolist() == [
            *range(100, 401, 10)
        ]
        assert frames_since(result.quench, 55, 10).size == 0


def test_a_run_at_zero_temperature_has_no_free_walk(tmp_path):
    made = run(tmp_path / "cold", kT=0)
    found = tn.analyze_run(made, overlap_divisor=DIVISOR)["waiting_times"]["50"]
    assert found["tau_e"]["free_walk"] is None
    assert set(found["free_walk"]) == {1.0}
    assert found["free_walk_msd"][-1] == 0
    assert list(plotting.draw_figures(tn.analyze_run(made)))


# --- figures, reports, commands ----------------------------------------------------------------


def test_every_figure_is_drawn(analysis):
    names = [drawing.name for drawing in plotting.draw_figures(analysis)]
    assert names == [
        "losses",
        "weight_overlap",
        "weight_displacements",
        *(f"log_displacements_t0-{t0}" for t0 in (0, 50, 100, 200)),
        "weight_ageing",
    ]


def test_the_overlap_is_drawn_with_its_null(analysis):
    axes = plotting.plot_weight_overlap(analysis).axes[0]
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    drawn = [line for line in dashed if line.get_linewidth() < 1]
    assert len(drawn) == 4
    for line, values in zip(drawn, analysis["waiting_times"].values(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), numbers(values["free_walk"])[1:])


def test_the_table_of_relaxation_times(analysis):
    lines = summary_lines(analysis)
    assert len(lines) == 5
    assert lines[2].startswith("50 ")


def test_commands(directory):
    result = CliRunner().invoke(app, ["analyze", str(directory), "--overlap-divisor", "30"])
    assert result.exit_code == 0, result.output
    assert "tau_90" in result.output
    result = CliRunner().invoke(app, ["plot", str(directory)])
    assert result.exit_code == 0, result.output
    assert json.loads((directory / "analysis.json").read_text())["overlap_divisor"] == 30
    page = (directory / "report.html").read_text()
    assert "Feed-forward network" in page
    assert "exponent of C" in page
    assert page.count("<figure") == 8


@pytest.mark.parametrize("divisor", [0, -1, math.nan, math.inf])
def test_bad_divisors_are_refused(directory, refused, divisor):
    refused(lambda: tn.analyze_run(directory, overlap_divisor=divisor), "overlap-divisor is")


# --- several temperatures ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def temperatures(tmp_path_factory, analysis):
    root = tmp_path_factory.mktemp("temperatures")
    others = [run(root / f"kT-{kT}", kT=kT) for kT in (0.2, 0.0)]
    return [analysis, *(tn.analyze_run(other, overlap_divisor=DIVISOR) for other in others)]


def test_temperatures_are_compared_on_their_relaxation_times(temperatures):
    found = compare_temperatures(temperatures, 50)
    assert [r["kT"] for r in found["runs"]] == [0.0, 0.02, 0.2]
    reached = [a["waiting_times"]["50"] for a in temperatures if a["temperature"] > 0]
    assert len(reached) == 2
    again = tn.analysis.compute_collapse(
        [numbers(v["steps"]) / v["tau_e"]["tau"] for v in reached],
        [v["overlap"]["mean"] for v in reached],
        [v["overlap"]["error"] for v in reached],
        window=(1, 1e3),
    )
    assert found["collapse"]["deviation"] == pytest.approx(again.deviation)
    assert found["collapse"]["quality"] == pytest.approx(again.quality)
    assert found["unscaled"]["deviation"] > found["collapse_all"]["deviation"]


def test_figures_of_temperatures(temperatures):
    found = compare_temperatures(temperatures, 50)
    superposed = plotting.plot_superposition(temperatures, found)
    assert "superposition: rms" in superposed.axes[1].get_title(loc="left")
    assert len(plotting.plot_relaxation_against_temperature(found).axes) == 2
    assert len(plotting.plot_temperatures(temperatures, "50").axes) == 3


def test_runs_that_cannot_be_compared_are_refused(temperatures, tiny_run, refused, tmp_path):
    refused(lambda: compare_temperatures(temperatures, 51), "t0 = 51 is not in the run")
    thermal = tn.analyze_run(shutil.copytree(tiny_run, tmp_path / "run"), lambda line: None)
    refused(lambda: compare_temperatures([thermal], 20), "is no feed-forward network")
    assert compare_temperatures(temperatures[:1], 50)["collapse"] is None


def test_a_replica_whose_weights_are_not_numbers_is_named(directory, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(directory, copy)
    with h5py.File(copy / "trajectory.h5", "r+") as file:
        file["q"][-1, 4, 0] = np.nan
    found = tn.analyze_run(copy, lambda line: None, overlap_divisor=DIVISOR)
    assert found["waiting_times"] == {}
    for t0 in (0, 50, 100, 200):
        (line,) = (line for line in found["notes"] if line.startswith(f"t0 = {t0} is left out"))
        assert "not finite, in replicas [4]" in line
        assert html.escape(line) in write_report(found, copy).read_text()
