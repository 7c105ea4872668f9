"""What version 0.1.0 wrote is analysed with equal numbers, drawn, and gone on with.

The records are in tests/golden (README.md there); tests work on copies of them.
"""

import csv
import json
import math
import shutil
from pathlib import Path

import matplotlib.image
import pytest
from golden.make import COMMANDS, HERE

from openmm_thermalnet.version import __version__

NINE_DIGITS = 1.1e-8
"""Relative: analysis.json has nine digits, and the last bits of float64, which differ between
processors, may move a number by one unit of the ninth, 1e-8 of it at most."""

CANCELLED = 1e-14
"""Absolute: a difference of numbers near 1 is known to no more."""

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


def assert_equal(found, recorded, where=""):
    """Same structure, text and counts; numbers to `NINE_DIGITS`."""
    if isinstance(recorded, dict):
        assert list(found) == list(recorded), where
        for key in recorded.keys() - WHEN:
            assert_equal(found[key], recorded[key], f"{where}/{key}")
    elif isinstance(recorded, list):
        assert len(found) == len(recorded), where
        for index, pair in enumerate(zip(found, recorded, strict=True)):
            assert_equal(*pair, f"{where}/{index}")
    elif isinstance(recorded, float) and type(found) in (int, float):
        close = math.isclose(found, recorded, rel_tol=NINE_DIGITS, abs_tol=CANCELLED)
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
def test_figures_and_report(golden, thermalnet, name):
    place = golden(name) / name
    assert thermalnet("plot", name)[0] == 0
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


def test_table_of_the_sweep_is_equal(golden, thermalnet):
    golden("sweep")
    Path("sweep/table.csv").unlink()
    assert thermalnet("plot", "sweep")[0] == 0
    assert_equal(read("sweep/table.csv"), read(HERE / "sweep/table.csv"))


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
