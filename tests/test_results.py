"""A run read back: every number where the network's own functions put it."""

import json
import shutil

import numpy as np
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet.config import make_config
from openmm_thermalnet.errors import InputError, MissingFileError
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.protocols import setup
from openmm_thermalnet.results import LayerFrames
from openmm_thermalnet.trajectory import Trajectory, TrajectoryWriter

pytest_plugins = ("run_fixtures",)


@pytest.fixture
def run(tiny_run):
    with tn.load(tiny_run) as result:
        yield result


def test_run_knows_its_configuration_and_stages(run, tiny_run):
    assert run.directory == tiny_run
    assert run.config.depth == 4
    assert run.network["widths"] == [6, 3, 3, 3, 2]
    assert run.waiting_times == (20, 50)
    assert [stage.name for stage in run.stages] == ["quench", "tw-20", "tw-50"]
    assert run.complete
    assert len(run.dataset_hash) == 64
    assert run.quench.waiting_time is None
    assert run.follow(50) is run.stages[2]


def test_slots_are_copies_of_samples(run):
    stage = run.follow(20)
    np.testing.assert_array_equal(stage.sample, [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(run.quench.sample, [0, 1, 2])
    first = stage.weights(1)[0]
    np.testing.assert_array_equal(first[0::2], first[1::2])
    assert not np.array_equal(stage.weights(1)[-1][0], stage.weights(1)[-1][1])


def test_steps_and_times(run):
    stage = run.follow(20)
    assert stage.steps[0] == 0
    assert stage.steps[-1] == stage.length == 100
    np.testing.assert_allclose(stage.times, 0.01 * stage.steps)
    assert stage.layer_energies.shape == (len(stage.steps), 6, 4)


def test_layers_are_those_of_the_network(run, tiny_run):
    config = run.config
    net = setup.build_network(config, setup.build_dataset(config)).withReplicas(6)
    stage = run.follow(50)
    with Trajectory(tiny_run / "tw-50" / "trajectory.h5") as trajectory:
        q = trajectory.q[-1].astype(np.float64)
    positions = net.layout.positions(q)
    for layer, expected in enumerate(net.spins(positions), start=1):
        np.testing.assert_allclose(stage.spins(layer)[-1], expected, atol=1e-6)
    for layer, expected in enumerate(net.weights(positions), start=1):
        np.testing.assert_allclose(stage.weights(layer)[-1], expected, atol=1e-6)


def test_layer_is_indexed_like_an_array(run):
    lazy = run.follow(20).weights(1)
    whole = np.asarray(lazy)
    frames = len(run.follow(20).steps)
    assert lazy.shape == whole.shape == (frames, 6, 3, 6)
    assert len(lazy) == frames
    assert lazy.dtype == np.float32
    for index in (0, -1, slice(1, None, 2), [0, 2], (slice(None), 1), (2, 0, 1, 2), np.s_[..., 0]):
        np.testing.assert_array_equal(lazy[index], whole[index])
    np.testing.assert_array_equal(lazy[:0], whole[:0])
    np.testing.assert_array_equal(np.asarray(lazy.flat), whole.reshape(frames, 6, 18))
    assert lazy.flat.shape == (frames, 6, 18)
    assert np.abs(whole).max() <= 1
    with pytest.raises(IndexError):
        lazy[frames]


def test_only_the_layer_asked_for_is_read():
    class Recorder:
        shape, dtype = (4, 3, 100), np.dtype(np.float32)

        def __init__(self):
            self.read = []

        def __getitem__(self, index):
            self.read.append(index)
            return np.zeros((3, 6), np.float32)

    class Frames:
        steps = np.arange(4)
        q = Recorder()

    layout = Layout.thermal(2, (4, 3, 2), 3)
    lazy = LayerFrames(Frames(), layout.fields[0], layout.slices[0])
    assert Frames.q.read == []
    lazy[1]
    assert Frames.q.read == [(1, slice(None), slice(0, 6))]


def test_thermo_is_the_table(run, tiny_run):
    table = run.follow(20).thermo
    lines = (tiny_run / "tw-20" / "thermo.csv").read_text().splitlines()
    assert table.shape == ((len(lines) - 1) // 6, 6)
    last = dict(zip(lines[0].split(","), lines[-1].split(","), strict=True))
    for name in ("step", "time", "replica", "energy", "e_4", "test_tanh"):
        assert table[name][-1, -1] == float(last[name])
    np.testing.assert_allclose(run.quench.thermo["energy_ratio"][0], 1)


def test_unfinished_reports_are_left_out(tiny_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    table = copy / "thermo.csv"
    table.write_text(table.read_text() + "99,0.99,0,1.0")
    with tn.load(copy) as cut:
        assert cut.quench.thermo["step"].max() == 50
    table.write_text(table.read_text().splitlines()[0] + "\n")
    with tn.load(copy) as cut:
        assert cut.quench.thermo.shape == (0, 3)


def shorten(directory, frames):
    """Leave only the first frames of a stage, as if it were going on."""
    path = directory / "trajectory.h5"
    old = directory / "old.h5"
    path.rename(old)
    with Trajectory(old) as whole:
        layout = Layout.thermal(5, (6, 3, 3, 3, 2), whole.q.shape[1])
        writer = TrajectoryWriter(path, layout, 4, whole.metadata)
        if frames:
            writer.copy_frames(whole, int(whole.steps[frames - 1]))
        writer.close()
    old.unlink()


def test_run_in_progress_is_read(tiny_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    shorten(copy / "tw-50", 3)
    shutil.rmtree(copy / "tw-20")
    with tn.load(copy) as growing:
        assert not growing.complete
        assert growing.waiting_times == (50,)
        assert not growing.follow(50).complete
        assert growing.follow(50).spins(1).shape[0] == 3
        with pytest.raises(InputError, match=r"waiting time 20 is not in .*; 50 is"):
            growing.follow(20)


def test_stage_without_frames_is_not_listed(tiny_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    shorten(copy / "tw-50", 0)
    with tn.load(copy) as growing:
        assert growing.waiting_times == (20,)
    shorten(copy, 0)
    with pytest.raises(InputError, match="has no frame yet"):
        tn.load(copy)


@pytest.mark.parametrize("kind", ["spins", "weights"])
@pytest.mark.parametrize("layer", [0, 5, -1])
def test_layers_that_are_not_there(run, kind, layer):
    with pytest.raises(
        InputError, match=f"layer is {layer}; (give an integer of at least 1|[SJ] has layers 1 to)"
    ):
        getattr(run.quench, kind)(layer)


def test_directories_that_are_no_runs(tmp_path, tiny_run):
    with pytest.raises(MissingFileError, match="holds no run"):
        tn.load(tmp_path / "nowhere")
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    description = json.loads((copy / "run.json").read_text())
    for content, message in (
        ("{", "is damaged"),
        ("[]", "is damaged"),
        (json.dumps({**description, "format": "something else"}), "is 'something else'"),
        (json.dumps({"format": description["format"]}), "lacks config, dataset"),
    ):
        (copy / "run.json").write_text(content)
        with pytest.raises(InputError, match=message):
            tn.load(copy)
    (copy / "run.json").unlink()
    with pytest.raises(MissingFileError, match="thermalnet resume restores it"):
        tn.load(copy)


def test_frames_of_another_network_are_refused(tiny_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    shutil.copy(copy / "trajectory.h5", copy / "tw-50" / "trajectory.h5")
    with pytest.raises(InputError, match=r"\(slots, parameters\) = \(3, \d+\), its run.json \(6"):
        tn.load(copy)


@pytest.mark.parametrize(
    ("content", "message"),
    [("step,time\n", "no columns"), (None, "does not exist"), ("1,2,x\n", "no columns")],
)
def test_damaged_tables(tiny_run, tmp_path, content, message):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    table = copy / "thermo.csv"
    table.unlink() if content is None else table.write_text(content)
    with tn.load(copy) as run, pytest.raises(InputError, match=message):
        _ = run.quench.thermo


def test_table_with_garbage_or_missing_rows(tiny_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    table = copy / "thermo.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join([*lines[:2], *lines[3:]]))
    with tn.load(copy) as run, pytest.raises(InputError, match="3 replicas in every report"):
        _ = run.quench.thermo
    table.write_text("".join([lines[0], *["a" + line for line in lines[1:]]]))
    with tn.load(copy) as run, pytest.raises(InputError, match="is damaged"):
        _ = run.quench.thermo


def test_configuration_is_the_one_of_the_run(run):
    assert run.config == make_config(run.description["config"])
    assert "waiting" not in repr(run)
    assert "quench, tw-20, tw-50" in repr(run)
    assert "replicas=2" in repr(run.follow(20))
    assert "S1" in repr(run.follow(20).spins(1))
