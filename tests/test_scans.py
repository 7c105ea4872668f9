"""Scans of feed-forward networks: transitions, the protocol, interruptions, bad input."""

import json
import math

import numpy as np
import pytest
import torch

from openmm_thermalnet import analysis
from openmm_thermalnet.config import check_values
from openmm_thermalnet.descent import gradient_descent, stochastic_descent
from openmm_thermalnet.errors import InputError, SimulationError
from openmm_thermalnet.protocols import Interrupted
from openmm_thermalnet.scans.config import ScanConfig
from openmm_thermalnet.scans.outcomes import Outcome, read_outcomes
from openmm_thermalnet.scans.scan import open_scan, read_scan
from openmm_thermalnet.scans.summary import columns, locate, write_summary

SMALL = {
    "kind": "trivialisation",
    "values": [0.0, 0.1, 2.0],
    "patterns": 120,
    "components": 4,
    "width": 4,
    "depth": 3,
    "samples": 3,
    "batch": 30,
    "sgd-steps": 350,
    "eta": 0.05,
}


def config(**changes):
    return check_values(ScanConfig, {**SMALL, **changes}, "scan")


def jamming(**changes):
    kept = {name: value for name, value in SMALL.items() if name != "width"}
    return check_values(ScanConfig, {**kept, "kind": "jamming", **changes}, "scan")


# --- transitions -------------------------------------------------------------------------------


def test_a_planted_transition_is_found_with_its_error():
    rng = np.random.default_rng(0)
    values = np.linspace(0, 1, 41)
    thresholds = rng.normal(0.6, 0.05, 400)
    got = analysis.compute_transition(values, values[:, None] > thresholds)
    assert np.abs(np.array(got.per_start) - thresholds).max() <= 0.0125 + 1e-12
    assert abs(got.value - 0.6) < 4.5 * got.error
    assert got.error == pytest.approx(math.hypot(0.05 / 20, 0.025 / math.sqrt(12)), rel=0.1)
    assert got.all_before == values[values < thresholds.min()][-1]
    assert got.all_after == values[values > thresholds.max()][0]


def test_the_error_is_right_when_the_grid_is_fine():
    rng = np.random.default_rng(1)
    values = np.linspace(0, 1, 2001)
    found = [
        analysis.compute_transition(values, values[:, None] > rng.normal(0.6, 0.05, 6))
        for _ in range(500)
    ]
    spread = np.std([f.value for f in found])
    assert np.sqrt(np.mean([f.error**2 for f in found])) == pytest.approx(spread, rel=0.1)


@pytest.mark.parametrize("kind", ["trivialisation", "jamming"])
def test_a_start_that_is_not_a_number_is_on_no_side(kind, refused):
    measured = {"loss": 0.5, "largest_output": 1.0, "unsatisfied": 3.0, "accuracy": 0.5}
    spoiled = {**measured, **dict.fromkeys(("loss", "largest_output"), math.nan)}
    outcomes = [
        Outcome(
            value,
            sample,
            10,
            5,
            squared_norm=1.0,
            **(spoiled if (value, sample) == (2, 1) else measured),
        )
        for value in (1.0, 2.0, 3.0)
        for sample in (0, 1)
    ]
    refused(lambda: locate(kind, outcomes), "of start 1 at 2 is nan", "smaller learning rate")


def test_middles_on_a_logarithmic_scale():
    got = analysis.compute_transition(
        [0.01, 0.1, 1, 10], [[0, 0], [0, 0], [0, 0], [1, 1]], logarithmic=True
    )
    assert got.value == pytest.approx(math.sqrt(10))
    assert got.error == pytest.approx(got.value * math.log(10) / math.sqrt(12))
    assert (got.all_before, got.all_after) == (1, 10)


def test_starts_that_do_not_change_or_change_back():
    sides = [[0, 1, 0], [0, 1, 1], [0, 1, 0], [0, 1, 1]]
    got = analysis.compute_transition([0, 1, 2, 3], sides)
    assert got.per_start == (None, None, 1.5)
    assert got.value == 1.5
    assert math.isnan(got.error)
    assert got.all_before is None
    assert got.all_after is None
    nothing = analysis.compute_transition([0, 1], [[0], [0]])
    assert nothing.value is None
    assert (nothing.all_before, nothing.all_after) == (1, None)
    everything = analysis.compute_transition([0, 1], [[1], [1]])
    assert (everything.all_before, everything.all_after) == (None, 0)


def test_bad_transitions_are_refused(refused):
    call = analysis.compute_transition
    refused(lambda: call([0], [[1]]), "two values or more")
    refused(lambda: call([0, 1], [1, 1]), "(values, starts)")
    refused(lambda: call([1, 0], [[0], [1]]), "do not ascend")
    refused(lambda: call([0, 1], [[0], [1]], logarithmic=True), "value 0 has no logarithm")


# --- the protocol ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    directory = tmp_path_factory.mktemp("scans") / "trivialisation"
    open_scan(config(), directory).execute()
    return directory


def test_a_scan_ends_where_its_descent_does(finished):
    scan = open_scan(config(), finished)
    net = scan.network(0.1)
    hamiltonian = net.createHamiltonian()
    state = torch.tensor(
        np.concatenate([w.ravel() for w in net.weights(net.randomPositions(0))]).astype(float)
    )
    stochastic_descent(hamiltonian, state, 0.05, 30, 0, 0, 350)
    gradient_descent(hamiltonian, state, 0.05, 50)
    gradient_descent(hamiltonian, state, 0.005, 50)
    energies, _ = hamiltonian(state.float())
    rows = [outcome for outcome in scan.outcomes if outcome.value == 0.1]
    assert [row.sample for row in rows] == [0, 1, 2]
    np.testing.assert_allclose([row.loss for row in rows], energies[0].numpy(), rtol=1e-6)
    norms = [row.squared_norm for row in rows]
    np.testing.assert_allclose(0.5 * 0.1 * np.array(norms), energies[1].numpy(), rtol=1e-6)
    assert {row.weights for row in rows} == {4 * 4 + 4 * 4 + 4}
    assert {row.patterns for row in rows} == {120}


def test_much_weight_decay_ends_in_the_zero_network(finished):
    table = columns(read_outcomes(finished))
    assert table["value"].tolist() == [0, 0.1, 2]
    np.testing.assert_allclose(table["loss"][2], 0.5, atol=1e-6)
    assert (table["largest_output"][2] < 1e-6).all()
    assert (table["unsatisfied"][2] == 120).all()
    assert (table["loss"][0] < 0.4).any()
    found = locate("trivialisation", read_outcomes(finished))
    assert found.all_after <= 2
    assert 0 < found.value < 2


def test_the_summary_has_a_figure_and_the_transition(finished):
    lines = write_summary(finished)
    assert "zero network from lambda = " in lines[-1]
    content = json.loads((finished / "transition.json").read_text())
    assert content["value"] == locate("trivialisation", read_outcomes(finished)).value
    for kind in ("png", "svg"):
        assert (finished / "figures" / f"trivialisation.{kind}").stat().st_size > 5000


def test_jamming_scans_the_width(tmp_path):
    scan = open_scan(jamming(values=[1, 12]), tmp_path / "jam")
    outcomes = scan.execute()
    assert {o.weights for o in outcomes} == {4 + 1 + 1, 4 * 12 + 144 + 12}
    table = columns(outcomes)
    assert np.median(table["loss"][1]) < np.median(table["loss"][0])
    assert all("N_w/P" in line for line in write_summary(tmp_path / "jam")[:: len(table)])
    assert (tmp_path / "jam" / "figures" / "jamming.png").exists()


@pytest.mark.parametrize("asked", [0, 2, 5])
def test_an_interrupted_scan_goes_on_as_if_it_were_not(finished, tmp_path, asked):
    scan = open_scan(config(), tmp_path / "scan")
    answers = iter([False] * asked + [True])
    with pytest.raises(Interrupted):
        scan.execute(stop=lambda: next(answers))
    assert (tmp_path / "scan" / "scan.chk").exists()
    seen = []
    again = open_scan(config(), tmp_path / "scan")
    again.execute(progress=lambda name, step, length: seen.append((name, step)))
    assert seen[0][1] == (asked % 4 + 2) * 100 if asked % 4 < 2 else 350
    mine, theirs = (path / "scan.csv" for path in (tmp_path / "scan", finished))
    assert mine.read_text() == theirs.read_text()
    assert not (tmp_path / "scan" / "scan.chk").exists()


def test_a_damaged_checkpoint_costs_one_value(finished, tmp_path):
    scan = open_scan(config(), tmp_path / "scan")
    answers = iter([False] * 6 + [True])
    with pytest.raises(Interrupted):
        scan.execute(stop=lambda: next(answers))
    path = tmp_path / "scan" / "scan.chk"
    path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    open_scan(config(), tmp_path / "scan").execute()
    assert (tmp_path / "scan" / "scan.csv").read_text() == (finished / "scan.csv").read_text()


def test_a_finished_scan_is_left_alone(finished):
    def stop():
        raise AssertionError("nothing is left to do")

    assert open_scan(config(), finished).execute(stop=stop) == read_outcomes(finished)


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"kind": "both"}, ("kind is 'both'",)),
        ({"values": [0.1, 0.0]}, ("values 0.1,0 do not ascend; sort",)),
        ({"values": [0.1]}, ("values has only 0.1; give two",)),
        ({"values": [-1, 1]}, ("values has -1; give numbers that are not negative",)),
        ({"kind": "jamming", "values": [1, 2]}, ("width is what jamming scans; give its values",)),
        ({"weight-decay": 0.1}, ("weight-decay is what trivialisation scans",)),
        ({"etta": 1}, ("etta is no parameter of a scan; did you mean eta?",)),
        ({"eta": "fast"}, ("eta is 'fast'",)),
    ],
)
def test_bad_parameters_are_refused(refused, changes, parts):
    refused(lambda: config(**changes), *parts)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"eta": 0}, "eta is 0"),
        ({"batch": 121}, "batch is 121; give at most the 120"),
        ({"samples": 4}, "give a positive multiple of 3"),
        ({"dataset": "nowhere"}, "dataset 'nowhere' is unknown"),
        ({"activation": "rulu"}, "rulu"),
        ({"patterns": 6000}, "n_train=6000 is more"),
    ],
)
def test_what_cannot_be_scanned_is_refused_before_anything_is_written(
    refused, tmp_path, changes, part
):
    refused(lambda: open_scan(config(**changes), tmp_path / "scan"), part)
    assert not (tmp_path / "scan").exists()


def test_bad_widths_are_refused(refused, tmp_path):
    refused(lambda: jamming(values=[1, 2.5]), "values 1,2.5 are widths; give whole")
    refused(lambda: open_scan(jamming(values=[0, 3]), tmp_path / "scan"), "a width is 0")


def test_other_directories_are_refused(refused, tmp_path, finished):
    refused(lambda: open_scan(config(eta=0.01), finished), "holds a scan with eta 0.05, not 0.01")
    (tmp_path / "notes.txt").write_text("mine")
    refused(lambda: open_scan(config(), tmp_path), "holds other files already")
    refused(lambda: open_scan(config(), tmp_path / "notes.txt"), "is a file; name a directory")
    refused(lambda: read_scan(tmp_path), "cannot be read; name the directory of a scan")
    (tmp_path / "scan.json").write_text("{}")
    refused(lambda: read_scan(tmp_path), "is no openmm_thermalnet scan")


def test_weights_that_run_away_end_the_scan(tmp_path):
    scan = open_scan(config(eta=1e5), tmp_path / "scan")
    with pytest.raises(SimulationError, match="lower eta"):
        scan.execute()


def test_the_command_runs_and_goes_on(tmp_path):
    from typer.testing import CliRunner

    from openmm_thermalnet.cli import app

    flags = [
        part
        for name, value in SMALL.items()
        if name != "kind"
        for part in (
            f"--{name}",
            ",".join(map(str, value)) if isinstance(value, list) else str(value),
        )
    ]
    command = ["scan", "trivialisation", *flags, "--out", str(tmp_path / "scan")]
    for _ in range(2):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        assert "zero network from lambda" in result.output
    wrong = CliRunner().invoke(app, [*command, "--eta", "2"])
    assert isinstance(wrong.exception, InputError)
