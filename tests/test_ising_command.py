"""``thermalnet ising``: what it writes, draws and refuses."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_networks import all_energies, random_network

import openmm_thermalnet as tn
from openmm_thermalnet.analysis import ising
from openmm_thermalnet.analyze.ising import analyze_ising, summary_lines
from openmm_thermalnet.weights import load_weights

pytest_plugins = ("run_fixtures",)

QUICK = ["--bins", 9, "--tolerance", 0.1, "--processes", 1]


@pytest.fixture
def source(tmp_path):
    """A file with the weights of nine spins, and a bias."""
    weights = random_network([3, 4, 2], 0)
    tensors = {f"{k}.weight": torch.from_numpy(matrix) for k, matrix in enumerate(weights)}
    save_file({**tensors, "0.bias": torch.ones(4)}, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_writes_numbers_and_figures(thermalnet, source, tmp_path):
    out = tmp_path / "out"
    status, said, _ = thermalnet("ising", source, *QUICK, "--seed", 3, "--out", out)
    assert status == 0
    result = json.loads((out / "ising.json").read_text())
    assert result["converged"]
    assert result["widths"] == [3, 4, 2]
    assert result["settings"] == {**result["settings"], "bins": 9, "seed": 3, "tolerance": 0.1}
    energies = all_energies(random_network([3, 4, 2], 0))
    assert result["lowest_energy"] == pytest.approx(energies.min())
    assert result["width"] == {"value": pytest.approx(-2 * energies.min() / 9), "exact": True}
    counts = np.histogram(energies, result["density_of_states"]["bin_edges"])[0]
    for value, count in zip(result["density_of_states"]["log_g"], counts, strict=True):
        assert (value is None) == (count == 0)
        if count:
            assert value == pytest.approx(np.log(count), abs=0.5)
    assert [len(result["block_widths"][kind]) for kind in ("first", "single")] == [2, 2]
    exact, height = ising.exact_critical_temperature(random_network([3, 4, 2], 0))
    assert result["specific_heat"]["exact"]["maximum"]["value"] == pytest.approx(exact)
    assert result["specific_heat"]["plain"]["maximum"]["height"] == pytest.approx(height, rel=0.2)
    for name in ("density_of_states", "specific_heat"):
        assert (out / f"{name}.png").stat().st_size > 10_000
    assert said[-1] == f"{out / 'ising.json'} and figures are written"
    assert any("9 spins in layers of [3, 4, 2]" in line for line in said)
    assert any("converged" in line for line in said)
    assert any(line.startswith("not in the model: 0.bias") for line in said)


def test_of_a_run(thermalnet, tiny_run, tmp_path):
    flags = ["--replica", 2, "--waiting-time", 20, "--layers", 2, "--permute", 0.5]
    status, said, _ = thermalnet("ising", tiny_run, *QUICK, *flags, "--out", tmp_path / "out")
    assert status == 0
    result = json.loads((tmp_path / "out/ising.json").read_text())
    assert result["widths"] == [6, 3, 3]
    assert (result["replica"], result["sample"], result["permuted"]) == (2, 1, 0.5)
    assert "tw-20, step 100" in result["source"]
    matrices = load_weights(tiny_run, waiting_time=20).replica(2)[:2]
    expected = tn.analysis.ising.ground_state_energy(ising.permuted(matrices, 0.5, 0))
    assert result["lowest_energy"] == pytest.approx(expected)
    assert said[0].startswith(str(tiny_run))


def test_what_does_not_converge_is_marked(source):
    result = analyze_ising(load_weights(source), sampling={"bins": 20, "max_steps": 1})
    assert not result["converged"]
    assert any(
        "NOT CONVERGED: 4 of 4 walkers never became flat" in s for s in summary_lines(result)
    )
    drawings = list(tn.plotting.draw_ising_figures(result))
    assert all(drawing.caption.endswith("NOT CONVERGED.") for drawing in drawings)
    label = drawings[0].figure.axes[0].get_legend().get_texts()[0].get_text()
    assert "NOT CONVERGED" in label


def test_no_maximum_in_reach_is_said(source):
    sampling = {"bins": 9, "tolerance": 0.1, "reach": 0.5, "walkers": 2}
    result = analyze_ising(load_weights(source), sampling=sampling)
    assert result["specific_heat"]["plain"]["maximum"]["value"] is None
    lines = summary_lines(result)
    assert "T_c: no maximum in reach of the bins" in lines
    assert any(line.startswith("exact T_c = ") for line in lines)
    names = [drawing.name for drawing in tn.plotting.draw_ising_figures(result)]
    assert names[0] == "density_of_states"


def test_one_result_is_not_replaced_by_another(thermalnet, source, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "ising.json").write_text("{}")
    status, _, lines = thermalnet("ising", source, *QUICK, "--out", out)
    assert status == 2
    assert "has an ising.json already; give --overwrite" in lines[0]
    assert (out / "ising.json").read_text() == "{}"
    assert thermalnet("ising", source, *QUICK, "--overwrite", "--out", out)[0] == 0


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--bins", 1], ["bins is 1"]),
        (["--replica", 1], ["replica is 1", "0 to 0"]),
        (["--layers", 3], ["layers is 3", "1 to 2"]),
        (["--permute", 2], ["the permuted fraction is 2.0"]),
        (["--waiting-time", 5], ["waiting time is 5", "no run"]),
        (["--processes", 0], ["processes is 0"]),
        (["--bins", "x"], ["bins"]),
    ],
)
def test_what_it_refuses(thermalnet, source, tmp_path, flags, parts):
    out = tmp_path / "out"
    status, _, lines = thermalnet("ising", source, *QUICK, *flags, "--out", out)
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith("thermalnet: ")
    for part in parts:
        assert part in lines[0]
    assert not out.exists()


def test_a_missing_source(thermalnet, tmp_path):
    status, _, lines = thermalnet("ising", tmp_path / "no.pt", "--out", tmp_path / "out")
    assert status == 2
    assert "no.pt is neither a run nor a file" in lines[0]
