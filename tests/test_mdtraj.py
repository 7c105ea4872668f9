"""Runs in the hands of MDTraj, MDAnalysis and OpenMM's reporters."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import mdtraj
import numpy as np
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet.errors import DependencyError, InputError

pytest_plugins = ("run_fixtures",)

EXAMPLE = Path(__file__).parent.parent / "examples" / "analyse_with_mdtraj.py"


@pytest.fixture
def stage(tiny_run):
    with tn.load(tiny_run) as run:
        yield run.follow(50)


def parameters(stage, frame, slot):
    """The folded variables of one slot in the order of the particles."""
    spins = [stage.spins(layer)[frame, slot].ravel() for layer in range(1, stage.depth)]
    weights = [stage.weights(layer)[frame, slot].ravel() for layer in range(1, stage.depth + 1)]
    return np.concatenate([*spins, *weights])


def test_block_has_its_three_slots_as_x_y_and_z(stage):
    trajectory = stage.to_mdtraj(block=1)
    assert isinstance(trajectory, mdtraj.Trajectory)
    assert trajectory.xyz.shape == (len(stage.steps), stage.layout.particles, 3)
    for axis in range(3):
        np.testing.assert_array_equal(trajectory.xyz[-1, :, axis], parameters(stage, -1, 3 + axis))


def test_replica_has_its_variables_as_x(stage):
    trajectory = stage.to_mdtraj(replica=4)
    np.testing.assert_array_equal(trajectory.xyz[-1, :, 0], parameters(stage, -1, 4))
    assert not trajectory.xyz[..., 1:].any()


def test_times_box_and_chosen_frames(stage):
    trajectory = stage.to_mdtraj(frames=slice(1, None, 2))
    np.testing.assert_allclose(trajectory.time, 0.01 * stage.steps[1::2], rtol=1e-6)
    np.testing.assert_array_equal(trajectory.unitcell_lengths, 4)
    np.testing.assert_array_equal(trajectory.unitcell_angles, 90)


def test_raw_coordinates_fold_to_the_variables(write_run):
    q = np.random.default_rng(0).uniform(-9, 9, (2, 6, 87))
    with tn.load(write_run(q, [0, 100])) as run:
        stage = run.follow(10)
        raw, folded = stage.to_mdtraj(raw=True).xyz, stage.to_mdtraj().xyz
    assert 1 < np.abs(raw).max() <= 2
    np.testing.assert_allclose(tn.fold(raw), folded, atol=1e-6)


def test_selections_pick_layers_and_neurons(stage):
    topology = stage.to_mdtraj().topology
    assert topology.n_atoms == stage.layout.particles
    assert [chain.chain_id for chain in topology.chains] == [f.name for f in stage.layout.fields]
    first = len(parameters(stage, 0, 0)) - sum(
        field.size for field in stage.layout.fields if field.kind == "weight"
    )
    np.testing.assert_array_equal(topology.select("resname J01"), first + np.arange(18))
    assert len(topology.select("resname J01 and resSeq 2")) == 6
    assert len(topology.select("chainid 0")) == 15


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"replica": 6}, "replica is 6; give 0 to 5"),
        ({"replica": -1}, "replica is -1; give 0 to 5"),
        ({"block": 2}, "block is 2; give 0 to 1"),
    ],
)
def test_slots_that_are_not_there(stage, choice, message):
    with pytest.raises(InputError, match=message):
        stage.to_mdtraj(**choice)


@pytest.mark.parametrize(("suffix", "tolerance"), [(".dcd", 1e-6), (".pdb", 1e-4)])
def test_exported_files_come_back(stage, tmp_path, suffix, tolerance):
    path = tmp_path / f"stage{suffix}"
    stage.export(path, block=1)
    expected = stage.to_mdtraj(block=1)
    top = None if suffix == ".pdb" else expected.topology
    read = mdtraj.load(path, top=top) if top else mdtraj.load(path)
    np.testing.assert_allclose(read.xyz, expected.xyz, atol=tolerance)


def test_h5_is_written_or_says_what_it_needs(stage, tmp_path):
    path = tmp_path / "stage.h5"
    if importlib.util.find_spec("tables"):
        stage.export(path)
        assert mdtraj.load(path).n_frames == len(stage.steps)
        return
    with pytest.raises(DependencyError, match="needs PyTables"):
        stage.export(path)
    assert not path.exists()


def test_xtc_is_refused_with_the_reason(stage, tmp_path):
    with pytest.raises(InputError, match="would keep 1e-3 nm"):
        stage.export(tmp_path / "stage.xtc")
    with pytest.raises(InputError, match="has no known suffix; choose"):
        stage.export(tmp_path / "stage.gro")
    assert list(tmp_path.iterdir()) == []


def test_example_runs(tmp_path):
    pytest.importorskip("MDAnalysis")
    finished = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path / "example")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "OpenMM: 5 frames" in finished.stdout
    assert "refused: " in finished.stdout
    assert (tmp_path / "example" / "state.csv").read_text().count("\n") == 6
