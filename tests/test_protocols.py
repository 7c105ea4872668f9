"""Runs: quench, waiting times, copies, annealing, given starts, any integrator."""

import json
import math

import numpy as np
import openmm
import pytest
import torch
from small_runs import SMALL, assert_same, contents, execute, frames, table

import openmm_thermalnet as tn
from openmm_thermalnet import protocols
from openmm_thermalnet.config import make_config
from openmm_thermalnet.errors import SimulationError
from openmm_thermalnet.integrators import NAMES, Thermostat, create_integrator, find_platform
from openmm_thermalnet.protocols import setup
from openmm_thermalnet.protocols.run import START
from openmm_thermalnet.reporters import columns
from openmm_thermalnet.schedules import Annealing, linear_steps, logarithmic_steps
from openmm_thermalnet.trajectory import Trajectory
from openmm_thermalnet.version import __version__

TWO_TIME = {"waiting-times": [0, 10, 100], "follow": 40, "replicas": 4}


@pytest.fixture(scope="module")
def two_time(tmp_path_factory):
    directory = tmp_path_factory.mktemp("two-time") / "run"
    return execute(directory, **TWO_TIME)


# --- seeds -------------------------------------------------------------------------------------


@pytest.mark.parametrize("integrator", NAMES)
def test_same_seed_same_numbers(tmp_path, integrator):
    for name in ("one", "two"):
        execute(tmp_path / name, integrator=integrator)
    assert_same(contents(tmp_path / "one"), contents(tmp_path / "two"))


def test_same_seed_same_numbers_in_every_stage(two_time, tmp_path):
    execute(tmp_path / "again", **TWO_TIME)
    assert_same(contents(two_time.directory), contents(tmp_path / "again"))


@pytest.mark.parametrize("threads", [1, 2])
def test_another_seed_another_run(tmp_path, threads):
    execute(tmp_path / "one", threads=threads)
    execute(tmp_path / "two", threads=threads, seed=SMALL["seed"] + 1)
    one, two = (frames(tmp_path / name / "trajectory.h5") for name in ("one", "two"))
    assert not np.any(one.q == two.q)
    assert (tmp_path / "one/thermo.csv").read_text() != (tmp_path / "two/thermo.csv").read_text()


def test_the_data_may_keep_its_seed(tmp_path):
    hashes = [
        execute(tmp_path / str(seed), seed=seed, data_seed=3, steps=0).net.dataset.content_hash
        for seed in (1, 2)
    ]
    assert hashes[0] == hashes[1]


# --- what a run leaves -------------------------------------------------------------------------


def test_the_table_of_a_quench(two_time):
    thermo = two_time.directory / "thermo.csv"
    assert thermo.read_text().splitlines()[0].split(",") == columns(two_time.net)
    rows = table(thermo)
    assert rows["step"][:, 0].tolist() == logarithmic_steps(100, 10).tolist()
    np.testing.assert_allclose(rows["time"], 0.01 * rows["step"], rtol=1e-9)
    assert np.all(rows["energy_ratio"][0] == 1)
    np.testing.assert_allclose(rows["energy_ratio"], rows["energy"] / rows["energy"][0], rtol=1e-7)


def test_frames_and_energies_belong_together(two_time):
    recorded = frames(two_time.directory / "trajectory.h5")
    assert recorded.steps.tolist() == logarithmic_steps(100, 10).tolist()
    assert recorded.q.dtype == np.float32
    net = two_time.net
    for q, energies in zip(recorded.q, recorded.energies, strict=True):
        positions = net.layout.positions(q)
        np.testing.assert_allclose(net.layerEnergies(positions), energies, rtol=1e-4, atol=1e-5)
    rows = table(two_time.directory / "thermo.csv")
    np.testing.assert_allclose(rows["energy"], recorded.energies.sum(axis=2), rtol=1e-8)


def test_schedules_and_precision_can_be_chosen(tmp_path):
    run = execute(
        tmp_path / "run",
        report="linear",
        report_interval=30,
        frames="linear",
        frame_interval=40,
        double_frames=True,
    )
    recorded = frames(run.directory / "trajectory.h5")
    assert recorded.steps.tolist() == linear_steps(100, 40).tolist()
    assert recorded.q.dtype == np.float64
    assert table(run.directory / "thermo.csv")["step"][:, 0].tolist() == [0, 30, 60, 90, 100]
    ends = execute(tmp_path / "ends", frames="none")
    assert frames(ends.directory / "trajectory.h5").steps.tolist() == [0, 100]


def test_a_quench_of_no_steps(tmp_path):
    run = execute(tmp_path / "run", steps=0, waiting_times=[0], follow=5, replicas=1)
    assert frames(run.directory / "trajectory.h5").steps.tolist() == [0]
    assert frames(run.directory / "tw-0/trajectory.h5").steps.tolist() == [0, 1, 2, 3, 4, 5]


def test_run_json_describes_everything(two_time):
    description = json.loads((two_time.directory / "run.json").read_text())
    assert description["format"] == "openmm_thermalnet run 1"
    assert make_config(description["config"]) == two_time.config
    versions = description["versions"]
    assert versions["openmm_thermalnet"] == __version__
    assert set(versions) >= {"python", "openmm", "torch", "numpy", "h5py"}
    assert description["dataset"]["hash"] == two_time.net.dataset.content_hash
    assert description["dataset"]["source"]["loader"] == "random_patterns"
    assert description["network"]["force"] == "python"
    assert description["network"]["widths"] == [5, 3, 3, 1]
    stages = description["stages"]
    assert [stage["name"] for stage in stages] == ["quench", "tw-0", "tw-10", "tw-100"]
    assert [stage["waiting_time"] for stage in stages] == [None, 0, 10, 100]
    assert [stage["length"] for stage in stages] == [100, 40, 40, 40]
    assert [stage["slots"] for stage in stages] == [3, 12, 12, 12]
    seeds = [stage[name] for stage in stages for name in ("velocity_seed", "noise_seed")]
    assert len(set(seeds)) == len(seeds)


def test_a_trajectory_carries_the_description_of_its_run(two_time):
    description = json.loads((two_time.directory / "run.json").read_text())
    for stage in description["stages"]:
        path = two_time.directory / stage["directory"] / "trajectory.h5"
        with Trajectory(path) as trajectory:
            metadata = dict(trajectory.metadata)
        assert metadata.pop("stage") == stage
        assert metadata == description


# --- two times ---------------------------------------------------------------------------------


@pytest.mark.parametrize("waiting_time", TWO_TIME["waiting-times"])
def test_copies_start_where_their_sample_is(two_time, waiting_time):
    quench = frames(two_time.directory / "trajectory.h5")
    copies = frames(two_time.directory / f"tw-{waiting_time}/trajectory.h5")
    assert copies.steps.tolist() == logarithmic_steps(40, 10).tolist()
    at_waiting_time = quench.q[quench.steps.tolist().index(waiting_time)]
    for slot in range(12):
        np.testing.assert_array_equal(copies.q[0, slot], at_waiting_time[slot // 4])
    for frame in copies.q[2:]:
        assert len(np.unique(frame[:, 0])) == 12


@pytest.mark.parametrize("waiting_time", TWO_TIME["waiting-times"])
def test_copies_keep_the_first_energy_of_their_sample(two_time, waiting_time):
    first = table(two_time.directory / "thermo.csv")["energy"][0]
    rows = table(two_time.directory / f"tw-{waiting_time}/thermo.csv")
    expected = rows["energy"] / np.repeat(first, 4)
    np.testing.assert_allclose(rows["energy_ratio"], expected, rtol=1e-7)


def test_copies_get_fresh_thermal_velocities(two_time):
    quench = table(two_time.directory / "thermo.csv")
    started = [
        table(two_time.directory / f"tw-{waiting_time}/thermo.csv")["temperature"][0]
        for waiting_time in TWO_TIME["waiting-times"]
    ]
    values = np.concatenate([quench["temperature"][0], *started])
    assert len(np.unique(values)) == len(values)
    variables = two_time.net.particles
    error = SMALL["kT"] * np.sqrt(2 / (variables * len(values)))
    assert abs(values.mean() - SMALL["kT"]) < 3 * error
    spread = SMALL["kT"] * np.sqrt(2 / variables)
    assert 0.6 * spread < values.std() < 1.5 * spread


def test_two_samples_never_start_alike(two_time):
    first = frames(two_time.directory / "trajectory.h5").q[0]
    assert len(np.unique(first[:, 0])) == 3
    assert np.abs(first).max() <= 1


@pytest.mark.slow
def test_a_thermalised_run_has_the_temperature_it_was_given(tmp_path):
    run = execute(tmp_path / "run", steps=12_000, report="linear", report_interval=100)
    kT = table(run.directory / "thermo.csv")["temperature"][20:]
    # The velocities forget in 1 / friction = 20 steps, so that rows are independent.
    error = SMALL["kT"] * np.sqrt(2 / (kT.size * run.net.particles))
    assert abs(kT.mean() - SMALL["kT"]) < 3 * error


# --- annealing ---------------------------------------------------------------------------------

RAMPS = {
    "linear": {"anneal": "linear", "kT-start": 0.05},
    "exponential": {"anneal": "exponential", "kT-start": 0.05},
    "table": {"anneal-table": [[0, 0.05], [600, 0.02], [1000, 0.01]]},
}


@pytest.mark.parametrize("ramp", RAMPS)
def test_the_integrator_follows_the_ramp(tmp_path, monkeypatch, ramp):
    given = []
    plain = Thermostat.set_temperature

    def note(self, context, kT):
        given.append((context.getStepCount(), kT))
        plain(self, context, kT)

    monkeypatch.setattr(Thermostat, "set_temperature", note)
    run = execute(
        tmp_path / "run", steps=1000, frames="none", waiting_times=[300], follow=5, **RAMPS[ramp]
    )
    quench, follow = (setup.build_annealing(run.config, spec) for spec in run.specs)
    starts = [index for index, (step, _) in enumerate(given) if step == 0]
    of_quench, of_follow = given[: starts[1]], given[starts[1] :]
    assert {step for step, _ in of_quench} >= set(range(0, 1001, 100))
    assert of_quench == [(step, quench.kT(step)) for step, _ in of_quench]
    assert quench.kT(0) == pytest.approx(0.05)
    assert quench.kT(1000) == pytest.approx(0.01)
    assert {kT for _, kT in of_follow} == {quench.kT(300)} == {follow.kT(0)}


def test_a_constant_temperature_is_the_default():
    config = make_config(SMALL)
    annealing = setup.build_annealing(config, setup.stage_specs(config)[0])
    assert annealing.constant
    assert annealing.kT(10**6) == SMALL["kT"]


@pytest.mark.slow
@pytest.mark.parametrize("integrator", ["langevin-middle", "andersen"])
def test_the_network_cools_with_the_ramp(tmp_path, integrator):
    run = execute(
        tmp_path / "run",
        integrator=integrator,
        samples=30,
        steps=4000,
        friction=0.1,
        timestep=0.02,
        report="linear",
        report_interval=40,
        frames="none",
        anneal="exponential",
        kT_start=0.1,
        kT=0.01,
    )
    rows = table(run.directory / "thermo.csv")
    expected = np.array([0.1 * 0.1 ** (step / 4000) for step in rows["step"][:, 0]])
    ratio = rows["temperature"].mean(axis=1) / expected
    for window in (slice(20, 40), slice(40, 60), slice(60, 80), slice(80, 100)):
        assert ratio[window].mean() == pytest.approx(1, abs=0.1)


# --- given starts ------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [1.0, 2.5, "fan_in"])
def test_start_from_a_state_dict(tmp_path, gain):
    first = execute(tmp_path / "first", steps=0, gain=gain)
    net = first.net
    q = frames(first.directory / "trajectory.h5").q[0].astype(float)
    model = net.toTorch(net.layout.positions(q), replica=1)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    run = execute(tmp_path / "second", gain=gain, start_from=str(tmp_path / "weights.pt"))
    start = net.layout.positions(frames(run.directory / "trajectory.h5").q[0])
    given = net.weights(net.layout.positions(q))
    for own, theirs in zip(net.weights(start), given, strict=True):
        np.testing.assert_allclose(own, np.broadcast_to(theirs[1], own.shape), atol=1e-6)
    rows = table(run.directory / "thermo.csv")
    for layer in (1, 2):
        assert np.all(rows[f"e_{layer}"][0] < 1e-5)
    assert np.all(rows["e_3"][0] > 0.1)


def test_start_from_an_earlier_run(two_time, tmp_path):
    run = execute(tmp_path / "run", samples=6, patterns=3, start_from=str(two_time.directory))
    source, net = two_time.net, run.net
    last = frames(two_time.directory / "trajectory.h5").q[-1]
    given = source.weights(source.layout.positions(last))
    start = net.layout.positions(frames(run.directory / "trajectory.h5").q[0])
    for own, theirs in zip(net.weights(start), given, strict=True):
        np.testing.assert_allclose(own, np.concatenate([theirs, theirs]), atol=1e-6)
    rows = table(run.directory / "thermo.csv")
    for layer in (1, 2):
        assert np.all(rows[f"e_{layer}"][0] < 1e-5)


def test_start_from_is_refused_before_anything_is_made(two_time, tmp_path, refused):
    def start(source, **changes):
        execute(tmp_path / "run", start_from=str(source), **changes)

    shapes = [(3, 5), (3, 3), (1, 3)]
    zeros = {f"{2 * layer}.weight": torch.zeros(shape) for layer, shape in enumerate(shapes)}
    path = tmp_path / "weights.pt"

    torch.save({**zeros, "2.weight": torch.full((3, 3), 3.004)}, path)
    refused(lambda: start(path), "3 times what the walls allow", "give gain 3.02")
    execute(tmp_path / "remedied", start_from=str(path), gain=3.02, steps=0)
    torch.save({**zeros, "2.weight": torch.full((3, 3), math.nan)}, path)
    refused(lambda: start(path), "2.weight has a weight nan; give finite weights")

    torch.save({**zeros, "2.bias": torch.ones(3)}, path)
    refused(lambda: start(path), "2.bias", "without biases")
    torch.save({**zeros, "2.weight": torch.zeros(4, 3)}, path)
    refused(lambda: start(path), "J2 has shape (4, 3)", "give (3, 3)")
    torch.save({"0.weight": zeros["0.weight"]}, path)
    refused(lambda: start(path), "1 weight matrices", "depth is 3")
    path.write_text("no weights")
    refused(lambda: start(path), "weights.pt is no torch state_dict")
    refused(lambda: start(tmp_path / "nothing.pt"), "nothing.pt is neither a file nor a run")

    refused(lambda: start(two_time.directory, width=4), "widths [5, 3, 3, 1]", "[5, 4, 4, 1]")
    (tmp_path / "empty").mkdir()
    refused(lambda: start(tmp_path / "empty"), "empty is neither a file nor a run")
    assert not (tmp_path / "run").exists()


# --- as a library ------------------------------------------------------------------------------


def make_stage(net, directory, integrator, length=60, say=print, **plan):
    start = protocols.Start.of(net, net.randomPositions(seed=1))
    steps = linear_steps(length, 20)
    return protocols.Stage(
        net,
        directory,
        protocols.Plan(length, steps, steps, Annealing([(0, 0.01)]), **plan),
        start,
        integrator if isinstance(integrator, Thermostat) else Thermostat(integrator),
        *find_platform("Reference"),
        velocity_seed=5,
        force="python",
        say=say,
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: openmm.LangevinIntegrator(tn.units.temperature(0.01), 5.0, 0.01),
        lambda: openmm.VariableVerletIntegrator(1e-4),
        lambda: openmm.NoseHooverIntegrator(tn.units.temperature(0.01), 5.0, 0.01),
        lambda: create_integrator("andersen", kT=0.01, friction=0.05),
    ],
    ids=["langevin", "variable-verlet", "nose-hoover", "andersen"],
)
def test_a_stage_takes_any_integrator_and_platform(make_net, tmp_path, make):
    net = make_net()
    stage = make_stage(net, tmp_path / "stage", make())
    assert not stage.finished
    stage.run()
    assert stage.finished
    assert frames(tmp_path / "stage/trajectory.h5").steps.tolist() == [0, 20, 40, 60]


def test_a_stage_is_stopped_and_goes_on(make_net, tmp_path):
    def make(name):
        integrator = openmm.LangevinIntegrator(tn.units.temperature(0.01), 5.0, 0.01)
        integrator.setRandomNumberSeed(3)
        return make_stage(make_net(), tmp_path / name, integrator, 600, metadata={"own": "words"})

    make("whole").run()
    seen = []
    with pytest.raises(protocols.Interrupted):
        make("parts").run(lambda step, length: seen.append((step, length)), lambda: len(seen) > 4)
    assert 0 < seen[-1][0] < 600
    assert seen[-1][1] == 600
    again = make("parts")
    assert not again.finished
    again.run()
    assert_same(contents(tmp_path / "whole"), contents(tmp_path / "parts"))


def test_copies_of_a_start(make_net):
    net = make_net(replicas=6)
    start = protocols.Start.of(net, net.randomPositions(seed=2))
    many, copies = start.replicate(net, 2)
    assert many.replicas == 12
    before = net.layout.coordinates(start.positions)
    after = many.layout.coordinates(copies.positions)
    np.testing.assert_array_equal(after, np.repeat(before, 2, axis=0))
    np.testing.assert_array_equal(copies.initial_energies, np.repeat(start.initial_energies, 2))


def test_a_start_is_kept_in_a_file_that_shows_damage(make_net, tmp_path):
    net, path = make_net(), tmp_path / "new" / START
    start = protocols.Start.of(net, net.randomPositions(seed=2))
    start.save(path)
    loaded = protocols.Start.load(path)
    np.testing.assert_array_equal(loaded.positions, start.positions)
    np.testing.assert_array_equal(loaded.initial_energies, start.initial_energies)
    path.write_bytes(path.read_bytes()[:-10])
    assert protocols.Start.load(path) is None
    assert protocols.Start.load(tmp_path / "nothing") is None


def test_weights_of_the_wrong_shape_are_refused(make_net, refused):
    net = make_net()
    weights = [np.zeros((3, 5)), np.zeros((3, 3)), np.zeros((2, 3))]
    start = protocols.weights_start(net, weights)
    np.testing.assert_allclose(net.layerEnergies(start.positions)[:, :2], 0)
    refused(lambda: protocols.weights_start(net, weights[:2]), "2 weight matrices", "has 3")
    weights[1] = np.zeros((3, 4))
    refused(lambda: protocols.weights_start(net, weights), "J2 has shape (3, 4)", "give (3, 3)")
    weights[1] = np.full((3, 3), 1.5)
    refused(lambda: protocols.weights_start(net, weights), "1.5", "[-1, 1]")


def test_an_energy_that_is_not_finite_stops_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(
        tn.ThermalNet, "energyTerms", lambda self, _: np.full((self.replicas, 3), np.nan)
    )
    with pytest.raises(SimulationError, match=r"not finite at step 0.*timestep"):
        execute(tmp_path / "run")


def test_what_openmm_cannot_do_is_one_line(make_net, tmp_path):
    used = openmm.VerletIntegrator(0.01)
    make_stage(make_net(), tmp_path / "stage", used).run()
    with pytest.raises(SimulationError, match=r"OpenMM stopped .*bound to a context") as caught:
        make_stage(make_net(), tmp_path / "other", used).run()
    assert "\n" not in str(caught.value)
