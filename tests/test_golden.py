"""What version 0.1.0 wrote is analysed with equal numbers, drawn, and gone on with.

The records are in tests/golden (README.md there); tests work on copies of them.
"""

import csv
import json
import math
import shutil
from importlib.metadata import version
from pathlib import Path

import matplotlib.image
import pytest
from golden.make import COMMANDS, HERE, INTERRUPTED, STOPPED_AT, interrupt
from small_runs import assert_same, contents, frames

from openmm_thermalnet.protocols import Interrupted, open_run
from openmm_thermalnet.version import __version__

NINE_DIGITS = 1.1e-8
"""Relative: analysis.json has nine digits, and the last bits of float64, which differ between
processors, may move a number by one unit of the ninth, 1e-8 of it at most."""

CANCELLED = 1e-14
"""Absolute: a difference of numbers near 1 is known to no more."""

LOCATED = 1.5e-8
"""Relative: the place of a maximum is known to the square root of float64's precision; so are the
differences between walkers that make its error, which is far smaller than the place."""

WHEN = {"analysis_versions", "version"}
"""Keys that say which versions computed the numbers."""

WAITING = ["profile", "relaxation_times", "training", "layer_energies"]
MOMENT = [
    *("training", "heterogeneity", "van_hove"),
    *(f"overlap_{what}_{of}" for what in ("distribution", "matrix") for of in ("weights",)),
    *(f"overlap_{what}_representations" for what in ("distribution", "matrix")),
]
T0 = (0, 500, 1000, 2000)
FIGURES = {
    "thermal": ["training", "layer_energies"],
    "waiting": [
        *(*WAITING, "ageing", *(f"correlations_tw-{t}" for t in (10, 30, 100))),
        *(f"{name}_tw-100" for name in MOMENT),
    ],
    "double-frames": [*WAITING, *(f"{name}_tw-50" for name in ("correlations", *MOMENT))],
    "glass": [
        *("losses", "weight_overlap", "weight_displacements", "weight_ageing"),
        *(f"log_displacements_t0-{t0}" for t0 in T0),
    ],
    "sweep": ["phase_diagram", "solid_depth", "late_averages"],
}
RUNS = ["thermal", "waiting", "double-frames", "glass"]
POINTS = sorted(path.parent.relative_to(HERE) for path in HERE.glob("sweep/points/*/run.json"))


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """Copies directories side by side, where commands are called; gives the place."""
    monkeypatch.chdir(tmp_path)

    def copy(*names):
        for name in names:
            shutil.copytree(HERE / name, tmp_path / name)
        return tmp_path

    return copy


def assert_equal(found, recorded, where="", absolute=CANCELLED):
    """Same structure, text and counts; numbers to `NINE_DIGITS`."""
    if isinstance(recorded, dict):
        assert list(found) == list(recorded), where
        if where.endswith("/maximum"):
            absolute = LOCATED * recorded["value"]
        for key in recorded.keys() - WHEN:
            assert_equal(found[key], recorded[key], f"{where}/{key}", absolute)
    elif isinstance(recorded, list):
        assert len(found) == len(recorded), where
        for index, pair in enumerate(zip(found, recorded, strict=True)):
            assert_equal(*pair, f"{where}/{index}", absolute)
    elif isinstance(recorded, float) and type(found) in (int, float):
        close = math.isclose(found, recorded, rel_tol=NINE_DIGITS, abs_tol=absolute)
        assert close, f"{where} is {found!r}, was {recorded!r}"
    else:
        same = type(found) is type(recorded) and found == recorded
        assert same, f"{where} is {found!r}, was {recorded!r}"


def read(path):
    """Content of a JSON or CSV file, with numbers as numbers."""
    path = Path(path)
    if path.suffix == ".json":
        return json.loads(path.read_text())
    with path.open(newline="") as stream:
        return [{k: _number(v) for k, v in row.items()} for row in csv.DictReader(stream)]


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text


def bytes_of(directory):
    return {path: path.read_bytes() for path in Path(directory).rglob("*") if path.is_file()}


def assert_drawn(directory, names):
    """Exactly these figures are there, as PNG and SVG, and none of them is blank."""
    assert {path.name for path in directory.iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("png", "svg")
    }
    for name in names:
        assert matplotlib.image.imread(directory / f"{name}.png").std() > 0.01, name
        assert "<path" in (directory / f"{name}.svg").read_text(), name


@pytest.mark.parametrize("run", [*RUNS, *POINTS], ids=str)
def test_analysis_is_equal(golden, thermalnet, run):
    golden(run)
    Path(run, "analysis.json").unlink()
    assert thermalnet("analyze", run)[0] == 0
    assert_equal(read(f"{run}/analysis.json"), read(HERE / run / "analysis.json"))


@pytest.mark.parametrize("name", FIGURES)
def test_figures_report_and_table(golden, thermalnet, name):
    place = golden(name) / name
    (place / "table.csv").unlink(missing_ok=True)
    assert thermalnet("plot", name)[0] == 0
    if name == "sweep":
        assert_equal(read(place / "table.csv"), read(HERE / name / "table.csv"))
    assert_drawn(place / "figures", FIGURES[name])
    report = (place / "report.html").read_text()
    assert all(f'<figure id="{figure}">' in report for figure in FIGURES[name])


@pytest.mark.parametrize(
    ("name", "needs", "result", "figures"),
    [
        ("ising", "thermal", "ising.json", ["density_of_states", "specific_heat"]),
        ("effective", "waiting", "effective.json", ["blocks", "landscapes"]),
        ("ensemble", None, "effective.json", ["blocks", "landscapes"]),
    ],
)
def test_models_are_equal(golden, thermalnet, name, needs, result, figures):
    place = golden(*filter(None, (name, needs))) / name
    (place / result).unlink()
    assert thermalnet(*COMMANDS[name][-1].split())[0] == 0
    assert_equal(read(place / result), read(HERE / name / result))
    for figure in figures:
        found = list(place.rglob(f"{figure}.png"))
        assert matplotlib.image.imread(found[0]).std() > 0.01


@pytest.mark.parametrize("name", RUNS)
def test_a_finished_run_is_left_alone(golden, thermalnet, name):
    golden(name)
    before = bytes_of(name)
    status, _, said = thermalnet("resume", name)
    if read(f"{name}/run.json")["versions"]["openmm_thermalnet"] == __version__:
        assert status == 0
    else:
        assert (status, len(said)) == (2, 1)
    assert bytes_of(name) == before


def test_a_finished_sweep_is_left_alone(golden, thermalnet):
    golden("sweep")
    for point in POINTS:  # a checkout may leave an analysis older than its run
        thermalnet("analyze", point)
    before = bytes_of("sweep/points")
    status, said, _ = thermalnet("sweep", HERE / "sweep.toml", "--out", "sweep")
    assert (status, said[-1]) == (0, f"{len(POINTS)} of {len(POINTS)} points of sweep are finished")
    assert bytes_of("sweep/points") == before


def test_a_finished_ensemble_is_left_alone(golden, thermalnet):
    before = bytes_of(golden("ensemble"))
    assert thermalnet(*COMMANDS["ensemble"][0].split())[0] == 0
    assert bytes_of("ensemble") == {p.relative_to(Path.cwd()): b for p, b in before.items()}


def checkpoints_fit():
    """Whether this is the OpenMM of the record: another gives other bits."""
    return read(HERE / "interrupted/run.json")["versions"]["openmm"] == version("openmm")


def test_an_interrupted_run_goes_to_its_end(golden, thermalnet):
    stage, step = STOPPED_AT
    golden("interrupted")
    before = frames(f"interrupted/{stage}/trajectory.h5")
    shutil.copytree("interrupted", "twice")
    status, _, said = thermalnet("resume", "interrupted")
    assert status == 0
    assert any(f"interrupted/{stage} goes on at step {step} of 2000" in line for line in said)
    after = contents("interrupted")
    kept = len(before.steps)
    assert before.steps[-1] <= step
    for one, other in zip(before, after[f"{stage}/trajectory.h5"], strict=True):
        assert (one == other[:kept]).all()
    looks = []
    with pytest.raises(Interrupted):
        open_run(Path("twice")).execute(
            lambda name, at, length: looks.append((name, at)), lambda: ("tw-30", 100) in looks
        )
    assert thermalnet("resume", "twice")[0] == 0
    assert_same(contents("twice"), after)
    assert thermalnet("analyze", "interrupted")[0] == 0
    assert read("interrupted/analysis.json")["complete"]


def test_interrupted_or_not_a_run_is_the_same(golden, thermalnet):
    golden("interrupted")
    recorded = contents("interrupted")
    thermalnet("run", *INTERRUPTED.split(), "--out", "whole")
    interrupt(Path("here"))
    computes_alike = all(
        (frames(f"here/{place}").q == recorded[place].q).all()
        for place in recorded
        if place.endswith("trajectory.h5")
    )
    whole = contents("whole")
    assert thermalnet("resume", "here")[0] == 0
    assert_same(contents("here"), whole)
    if computes_alike and checkpoints_fit():
        assert thermalnet("resume", "interrupted")[0] == 0
        assert_same(contents("interrupted"), whole)


@pytest.mark.parametrize("name", RUNS)
def test_an_altered_number_is_noticed(name):
    recorded = read(HERE / name / "analysis.json")
    numbers = list(places_of_numbers(recorded))
    assert len(numbers) > 300
    for holder, key in numbers[:: len(numbers) // 100]:
        right, holder[key] = holder[key], holder[key] * (1 + 1e-6)
        with pytest.raises(AssertionError, match=" was "):
            assert_equal(recorded, read(HERE / name / "analysis.json"))
        holder[key] = right
    assert_equal(recorded, read(HERE / name / "analysis.json"))


def places_of_numbers(value):
    """Every mapping or list that holds a float of which 1e-6 is above `CANCELLED`, with its key."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, float) and abs(item) > 1e7 * CANCELLED:
            yield value, key
        elif isinstance(item, dict | list):
            yield from places_of_numbers(item)
