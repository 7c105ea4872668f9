"""Names that a file from elsewhere gives lead nowhere but into its own directory."""

import json
import shutil

import h5py
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet.files import check_name
from openmm_thermalnet.page import REPORT, write_page
from openmm_thermalnet.plotting import Drawing
from openmm_thermalnet.protocols.run import open_run

pytest_plugins = ("run_fixtures",)

HOSTILE = ("../outside", "/etc/passwd", "a/b", "..", "", '"><svg onload=alert(1)>', "x\n", 3, None)


@pytest.mark.parametrize(
    "name", ["quench", "tw-10", "depth-10-gain-0.5", "correlations_tw-1e+05", "digits-[0, 1]"]
)
def test_names_of_ours_are_taken(name, tmp_path):
    assert check_name(name, tmp_path) == name


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_could_lead_elsewhere_are_refused(name, tmp_path, refused):
    refused(lambda: check_name(name, tmp_path / "run.json"), "run.json", "not one of this package")


@pytest.mark.parametrize("name", HOSTILE[:6])
def test_no_figure_is_written_beside_the_directory_and_no_markup_into_the_page(
    name, tmp_path, refused
):
    import matplotlib.pyplot as plt

    drawing = Drawing(name, "caption", plt.figure())
    directory = tmp_path / "run"
    directory.mkdir()
    refused(lambda: write_page(directory, "Run", (), (), [drawing], ()), "not one of this package")
    assert not (directory / REPORT).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    plt.close("all")


def test_a_copy_of_a_description_is_checked_too(tmp_path, refused, tiny_run):
    """Of run.json, which resume restores from a trajectory."""
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    (run / "run.json").write_text("damaged")
    for path in run.rglob("trajectory.h5"):
        with h5py.File(path, "r+") as file:
            name, kept = next(
                (name, value) for name, value in file.attrs.items() if '"stages"' in str(value)
            )
            description = json.loads(kept)
            description["stages"][-1]["directory"] = "../outside"
            file.attrs[name] = json.dumps(description)
    refused(lambda: open_run(run), "'../outside'")


@pytest.mark.parametrize("use", [tn.load, tn.analyze_run, open_run])
def test_a_stage_outside_its_run_is_refused(use, tmp_path, refused, tiny_run):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    description = json.loads((run / "run.json").read_text())
    description["stages"][-1]["directory"] = "../outside"
    (run / "run.json").write_text(json.dumps(description))
    refused(lambda: use(run), "'../outside'")
