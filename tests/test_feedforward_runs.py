"""Runs of a feed-forward network: what they do, record and survive."""

import json
import math
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import assert_same, contents, frames, table
from test_restart import kill_at_write, process, run_to_the_end

import openmm_thermalnet as tn
from openmm_thermalnet.config import make_config
from openmm_thermalnet.descent import stochastic_descent
from openmm_thermalnet.protocols import Interrupted, create_run, open_run, setup
from openmm_thermalnet.schedules import logarithmic_steps

NETWORK = {
    "model": "feedforward",
    "dataset": "random",
    "input-width": 5,
    "patterns": 40,
    "test-patterns": 10,
    "hidden": [6, 4],
    "learning-rate": 0.05,
    "sgd-steps": 30,
    "sgd-batch": 8,
    "kT": 0.01,
    "force": "python",
    "seed": 7,
}
TWO_TIMES = {"steps": 300, "waiting-times": [50, 100]}


def configure(**changes):
    return make_config({**NETWORK, **changes})


def execute(directory, **changes):
    run = create_run(configure(**changes), Path(directory))
    run.execute()
    return run


@pytest.fixture(scope="module")
def two_times(tmp_path_factory):
    """A run whose frames begin at two waiting times. Read only."""
    return execute(tmp_path_factory.mktemp("runs") / "two", **TWO_TIMES)


# --- configuration -----------------------------------------------------------------------------


def test_defaults_of_the_model():
    config = make_config({"model": "feedforward"})
    assert (config.dataset, config.patterns, config.test_patterns) == ("mnist-pca", 4500, 500)
    assert (config.follow, config.double_frames) == (0, True)
    assert config.hidden == (30,) * 6
    given = make_config({"model": "feedforward", "double_frames": False, "patterns": 7})
    assert (given.double_frames, given.patterns) == (False, 7)


def test_run_json_holds_what_the_model_uses(two_times):
    described = json.loads((two_times.directory / "run.json").read_text())
    config = described["config"]
    assert make_config(config) == two_times.config
    assert not {"depth", "width", "friction", "timestep", "integrator"} & config.keys()
    assert (config["learning-rate"], config["kT"]) == (0.05, 0.01)
    network = described["network"]
    assert (network["model"], network["widths"]) == ("feedforward", [5, 6, 4, 1])
    assert network["energy_names"] == ["pattern_loss", "weight_decay"]


def test_a_teacher_has_a_width_and_a_depth(tmp_path):
    run = create_run(configure(dataset="teacher", width=3, depth=2, steps=0), tmp_path / "run")
    assert [w.shape for w in run.net.dataset.teacher_weights] == [(3, 5), (1, 3)]
    assert json.loads((tmp_path / "run/run.json").read_text())["config"]["depth"] == 2


def test_a_network_without_hidden_layers(tmp_path):
    assert execute(tmp_path / "run", hidden=[], steps=5).net.widths == (5, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning-rate": 0}, ("0", "give a")),
        ({"sgd-batch": 41}, ("sgd-batch is 41", "40")),
        ({"activation": "sign"}, ("activation 'sign'",)),
        ({"loss": "hinge"}, ("loss 'hinge'",)),
        ({"weight-decay": -1}, ("weightDecay is -1",)),
        ({"samples": 4}, ("samples is 4", "multiple of 3")),
        ({"hidden": [4, 0]}, ("width is 0",)),
        ({"kT": -1}, ("kT is", "not negative")),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(
    tmp_path, refused, changes, words
):
    refused(lambda: create_run(configure(**changes), tmp_path / "run"), *words)
    assert not (tmp_path / "run").exists()


# --- what a run does ---------------------------------------------------------------------------


def test_the_quench_begins_where_stochastic_descent_ends(two_times):
    net = two_times.net
    hamiltonian = net.createHamiltonian()
    first = net.layout.coordinates(net.randomPositions(seed=7))
    state = np.concatenate([first[:, part].ravel() for part in net.layout.slices])
    state = torch.tensor(state)
    stochastic_descent(hamiltonian, state, 0.05, 8, seed=7, start=0, stop=30)
    stored = frames(two_times.directory / "trajectory.h5").q[0]
    found = np.concatenate([stored[:, part].ravel() for part in net.layout.slices])
    np.testing.assert_array_equal(found, state.numpy())
    assert not np.array_equal(stored, first)
    assert not (two_times.directory / "sgd.npz").exists()


def test_without_stochastic_descent_it_begins_at_random(tmp_path):
    run = execute(tmp_path / "run", steps=1, **{"sgd-steps": 0})
    stored = frames(tmp_path / "run/trajectory.h5").q[0]
    np.testing.assert_array_equal(stored, run.net.layout.coordinates(run.net.randomPositions(7)))


def test_at_zero_temperature_it_is_gradient_descent(tmp_path):
    """60 steps of w <- w - eta grad L by torch, weight for weight."""
    changes = {"kT": 0, "precision": "double", "weight-decay": 0.03, "steps": 60, "sgd-steps": 0}
    run = execute(tmp_path / "run", **changes)
    stored = frames(tmp_path / "run/trajectory.h5")
    data = run.net.dataset
    x, y = torch.tensor(data.train_inputs), torch.tensor(data.train_targets)
    start = run.net.layout.positions(stored.q[0])
    for replica in range(3):
        model = run.net.toTorch(start, replica)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=0.03)
        for _ in range(60):
            optimiser.zero_grad()
            ((torch.relu(1 - y * model(x)) ** 2).sum() / (2 * len(y))).backward()
            optimiser.step()
        weights = torch.cat([p.detach().flatten() for p in model.parameters()])
        np.testing.assert_allclose(stored.q[-1][replica], weights, rtol=0, atol=1e-12)
    assert np.abs(stored.q[-1] - stored.q[0]).max() > 0.01


def test_the_noise_is_that_of_kT_over_P(tmp_path):
    """One step at high temperature: variance 2 eta kT/P of 7,050 weights within 4.5 errors."""
    changes = {"kT": 1e6, "steps": 1, "sgd-steps": 0, "hidden": [40, 40], "samples": 3}
    run = execute(tmp_path / "run", **changes)
    stored = frames(tmp_path / "run/trajectory.h5").q
    scaled = (stored[1] - stored[0]).ravel() / math.sqrt(2 * 0.05 * 1e6 / run.net.patterns)
    assert scaled.size > 5000
    assert abs((scaled**2).mean() - 1) < 4.5 * math.sqrt(2 / scaled.size)


def test_the_temperature_follows_a_table(tmp_path):
    changes = {"anneal": "linear", "kT-start": 1.0, "kT": 0.0, "steps": 400, "frames": "linear"}
    run = execute(tmp_path / "run", **changes, **{"frame-interval": 1})
    moved = np.diff(frames(tmp_path / "run/trajectory.h5").q, axis=0)
    variance = (moved**2).mean(axis=(1, 2)) / (2 * 0.05 / run.net.patterns)
    for start, kT in ((0, 1.0), (100, 0.75), (200, 0.5), (300, 0.25)):
        found = variance[start : start + 100].mean()
        assert abs(found - kT) < 0.06 * kT  # 17,000 displacements: 1.1 % error, and the drift
    assert run.config.quench_steps == 400


# --- what it records ---------------------------------------------------------------------------


def test_frames_begin_at_every_waiting_time(two_times):
    stored = frames(two_times.directory / "trajectory.h5")
    assert stored.q.dtype == np.float64
    wanted = set(logarithmic_steps(300, 10).tolist())
    for waiting_time in (50, 100):
        wanted |= {waiting_time + t for t in logarithmic_steps(300 - waiting_time, 10).tolist()}
    assert stored.steps.tolist() == sorted(wanted)
    assert [path.name for path in two_times.directory.iterdir() if path.is_dir()] == []
    rows = table(two_times.directory / "thermo.csv")
    assert rows["step"][:, 0].tolist() == stored.steps.tolist()


def test_the_table_is_what_the_network_says(two_times):
    net = two_times.net
    rows = table(two_times.directory / "thermo.csv")
    stored = frames(two_times.directory / "trajectory.h5")
    np.testing.assert_allclose(rows["time"], 0.05 * rows["step"], rtol=1e-9)
    for index in (0, 10, -1):
        positions = net.layout.positions(stored.q[index])
        np.testing.assert_allclose(rows["energy"][index], net.loss(positions), rtol=1e-8)
        np.testing.assert_allclose(stored.energies[index], net.energyTerms(positions), rtol=1e-12)
        for name, found in (
            ("pattern_loss", net.loss(positions)),
            ("weight_decay", 0.0),
            ("train_accuracy", net.accuracy(positions, "train")),
            ("test_accuracy", net.accuracy(positions)),
            ("unsatisfied", net.unsatisfied(positions)),
        ):
            np.testing.assert_allclose(rows[name][index], found, rtol=1e-8)
    assert np.all(rows["energy_ratio"][0] == 1)


def test_the_result_has_weights_on_the_whole_line(tmp_path):
    run = execute(tmp_path / "run", kT=1e3, steps=1, bias=True)
    with tn.load(tmp_path / "run") as result:
        stage = result.quench
        assert (stage.depth, stage.walls) == (3, False)
        final = np.concatenate([np.ravel(stage.weights(layer)[-1]) for layer in (1, 2, 3)])
        assert np.abs(final).max() > 3  # not folded
        assert stage.weights(2).shape[1:] == (3, 4, 6)
        assert stage.biases(1).shape[1:] == (3, 6, 1)
        assert stage.weights(1).flat.shape[1:] == (3, 30)
        np.testing.assert_allclose(stage.times, 0.05 * stage.steps)
        assert stage.thermo.dtype.names[5:7] == ("pattern_loss", "weight_decay")
        frame = stage.to_mdtraj()
        assert frame.unitcell_lengths is None
        assert frame.n_atoms == run.net.particles
        expected = np.float32(stage.weights(1)[-1][:, 0, 0])
        np.testing.assert_array_equal(frame.xyz[-1, 0], expected)


def test_what_is_not_there_is_refused(two_times, refused):
    with tn.load(two_times.directory) as result:
        refused(lambda: result.quench.spins(1), "no S1", "J1")
        refused(lambda: result.quench.biases(1), "no B1", "J1")
        refused(lambda: result.quench.weights(4), "layer is 4", "1 to 3")


def test_copies_are_made_if_they_are_followed(tmp_path):
    changes = {"waiting-times": [20], "follow": 30, "replicas": 2, "steps": 40}
    execute(tmp_path / "run", **changes)
    quench = frames(tmp_path / "run/trajectory.h5")
    assert quench.steps.tolist() == logarithmic_steps(40, 10).tolist()
    copies = frames(tmp_path / "run/tw-20/trajectory.h5")
    at = np.flatnonzero(quench.steps == 20)[0]
    np.testing.assert_array_equal(copies.q[0], np.repeat(quench.q[at], 2, axis=0))
    assert not np.array_equal(copies.q[-1][0], copies.q[-1][1])


# --- starts ------------------------------------------------------------------------------------


def test_it_goes_on_from_another_run(tmp_path, two_times, refused):
    changes = {"start-from": str(two_times.directory), "sgd-steps": 0, "steps": 2}
    execute(tmp_path / "run", **changes)
    begun = frames(tmp_path / "run/trajectory.h5").q[0]
    np.testing.assert_array_equal(begun, frames(two_times.directory / "trajectory.h5").q[-1])
    for other, words in (
        ({"hidden": [6, 5]}, ("widths [5, 6, 4, 1]", "[5, 6, 5, 1]")),
        ({"bias": True}, ("bias=False", "bias=True")),
    ):
        config = configure(**changes, **other)
        refused(lambda config=config: create_run(config, tmp_path / "no"), *words)
    thermal = make_config({"start-from": str(two_times.directory), "dataset": "random"})
    refused(lambda: create_run(thermal, tmp_path / "no"), "model feedforward", "thermal")


@pytest.mark.parametrize("bias", [False, True])
def test_it_starts_from_a_torch_file(tmp_path, refused, bias):
    changes = {"sgd-steps": 0, "steps": 1, "bias": bias}
    config = configure(**changes)
    net = setup.build_network(config, setup.build_dataset(config))
    start = net.randomPositions(99)
    torch.save(net.toTorch(start, 1).state_dict(), tmp_path / "weights.pt")
    changes["start-from"] = str(tmp_path / "weights.pt")
    execute(tmp_path / "run", **changes)
    begun = frames(tmp_path / "run/trajectory.h5").q[0]
    np.testing.assert_array_equal(begun, np.repeat(net.layout.coordinates(start)[1:2], 3, axis=0))
    wrong = configure(**{**changes, "bias": not bias})
    refused(lambda: create_run(wrong, tmp_path / "no"), "weights.pt", f"bias={not bias}")
    wider = configure(**changes, hidden=[7, 4])
    refused(lambda: create_run(wider, tmp_path / "no"), "weights.pt does not fit", "J1")


# --- interrupted -------------------------------------------------------------------------------


def test_stopped_during_descent_and_during_the_quench(tmp_path, two_times):
    directory = tmp_path / "broken"
    run = create_run(configure(**TWO_TIMES), directory)
    stages = []
    for wanted in ("sgd", "quench", "quench"):
        calls = 0

        def progress(name, step, length):
            stages.append((name, step))

        def stop(wanted=wanted):
            nonlocal calls
            calls += stages[-1][0] == wanted
            return calls > (wanted == "quench")

        with pytest.raises(Interrupted):
            run.execute(progress, stop, say=lambda _: None)
        if wanted == "sgd":
            assert (directory / "sgd.npz").exists()
            assert not (directory / "trajectory.h5").exists()
        run = open_run(directory)
    run.execute(say=lambda _: None)
    assert_same(contents(two_times.directory), contents(directory))


@pytest.mark.slow
def test_killed_between_any_two_writes(tmp_path):
    """SIGKILL in the descent and in the quench; then every number is that of a run left alone."""
    changes = {
        "sgd-steps": 400,
        "steps": 300,
        "waiting-times": [50, 100],
        "checkpoint-minutes": 1e-9,
    }
    log = tmp_path / "said"
    whole = create_run(configure(**changes), tmp_path / "whole").directory
    run_to_the_end(whole, log)
    broken = create_run(configure(**changes), tmp_path / "broken").directory
    killed = 0
    for number in (2, 5, *np.random.default_rng(0).integers(1, 60, 10)):
        worker = process(broken, log, kill_at_write, int(number))
        worker.start()
        worker.join()
        if worker.exitcode == 0:
            break
        assert worker.exitcode == -signal.SIGKILL
        killed += 1
    assert killed >= 4
    run_to_the_end(broken, log)
    assert_same(contents(whole), contents(broken))
