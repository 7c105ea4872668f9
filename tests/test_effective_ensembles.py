"""Ensembles of binary networks: training, permutations, statistics of blocks, the command line."""

import json
import math

import numpy as np
import pytest
import torch

from openmm_thermalnet import datasets, ensembles, results
from openmm_thermalnet.analysis import effective
from openmm_thermalnet.analysis.effective import blocks
from openmm_thermalnet.config import check_values
from openmm_thermalnet.ensembles import training
from openmm_thermalnet.ensembles.ensemble import Ensemble
from openmm_thermalnet.errors import SimulationError

pytest_plugins = ("run_fixtures",)

TINY = {"runs": 100, "hidden": "6", "patterns": 300, "test-patterns": 100, "components": 8}


def settings(**changes):
    return check_values(ensembles.TrainingSettings, {**TINY, "steps": 40, **changes}, "ensemble")


def signs(rng, *shape):
    return rng.choice(np.array([-1, 1], dtype=np.int8), shape)


def ensemble_of(block_list, **options):
    return Ensemble(
        blocks=tuple(block_list),
        names=tuple(f"layer {k + 1}" for k in range(len(block_list))),
        samples=options.pop("samples", np.zeros(len(block_list[0]), dtype=np.int64)),
        **options,
    )


# --- training -------------------------------------------------------------------------------------


def test_gaussian_preactivations_have_the_moments_of_drawn_weights():
    generator = torch.Generator().manual_seed(0)
    theta = torch.randn(1, 4, 9, generator=generator, dtype=torch.float64)
    x = torch.randn(1, 3, 9, generator=generator, dtype=torch.float64)
    count = 200_000
    w = 2.0 * torch.bernoulli(torch.sigmoid(theta).expand(count, -1, -1), generator=generator) - 1
    z = torch.einsum("rnm,bm->rbn", w, x[0])
    xi = torch.tensor([0.0, 1.0], dtype=torch.float64).reshape(2, 1, 1).expand(2, 3, 4)
    mean, shifted = training.forward([theta.expand(2, -1, -1)], x.expand(2, -1, -1), [xi], 0.1)
    deviation = shifted - mean
    assert ((z.mean(0) - mean).abs() < 5 * deviation / math.sqrt(count)).all()
    np.testing.assert_allclose(z.std(0), deviation, rtol=0.02)


def test_gradient_of_the_loss():
    generator = torch.Generator().manual_seed(1)
    double = {"generator": generator, "dtype": torch.float64}
    theta = [torch.randn(2, 5, 4, **double), torch.randn(2, 3, 5, **double)]
    x = torch.randn(2, 6, 4, **double)
    noise = [torch.randn(2, 6, 5, **double), torch.randn(2, 6, 3, **double)]
    labels = torch.randint(3, (12,), generator=generator)

    def loss(first, second):
        outputs = training.forward([first, second], x, noise, 0.1)
        return torch.nn.functional.cross_entropy(outputs.flatten(0, 1), labels)

    for t in theta:
        t.requires_grad_()
    assert torch.autograd.gradcheck(loss, theta, eps=1e-6, atol=1e-9, rtol=1e-6)


def test_saturated_weights_are_deterministic():
    w = torch.sign(torch.randn(1, 4, 7, generator=torch.Generator().manual_seed(2)))
    v = torch.sign(torch.randn(1, 2, 4, generator=torch.Generator().manual_seed(3)))
    x = torch.randn(1, 5, 7, generator=torch.Generator().manual_seed(4))
    noise = [torch.ones(1, 5, 4), torch.ones(1, 5, 2)]
    soft = training.forward([80 * w, 80 * v], x, noise, 0.1)
    hard = training.outputs_of([w, v], x, 0.1)
    np.testing.assert_allclose(soft, hard, atol=1e-3)
    hidden = np.maximum(1, 0.1) * (w[0].numpy() @ x[0].numpy().T) / math.sqrt(7)
    hidden = np.where(hidden > 0, hidden, 0.1 * hidden)
    np.testing.assert_allclose(hard[0], (v[0].numpy() @ hidden).T, rtol=1e-5)


def test_training_learns_and_is_reproducible(tmp_path):
    short = ensembles.train_ensemble(settings(steps=1), tmp_path / "short.safetensors")
    long = ensembles.train_ensemble(settings(steps=150, hidden=""), tmp_path / "a.safetensors")
    assert short.accuracy.mean() < 0.2
    assert long.accuracy.mean() > 0.45
    assert long.flat().shape == (100, 1, 80)
    again = ensembles.train_ensemble(settings(steps=150, hidden=""), tmp_path / "b.safetensors")
    np.testing.assert_array_equal(again.flat(), long.flat())
    np.testing.assert_array_equal(again.accuracy, long.accuracy)
    other = ensembles.train_ensemble(settings(steps=1, seed=1), tmp_path / "c.safetensors")
    assert (other.flat() != short.flat()).any()


def test_training_that_left_the_numbers_is_refused(refused):
    inputs, labels = torch.full((4, 8), math.nan), torch.zeros(4, dtype=torch.int64)
    broken = training.Patterns(inputs, labels, inputs, labels)
    chosen = settings(batch=4, steps=1)
    refused(
        lambda: training.train_chunk(broken, chosen, 0),
        "lower learning-rate",
        error=SimulationError,
    )


def test_interrupted_training_goes_on_to_the_same_end(tmp_path, refused):
    whole = ensembles.train_ensemble(settings(steps=5, runs=120), tmp_path / "a.safetensors")
    assert whole.runs == 120
    path = tmp_path / "b.safetensors"
    cut = ensembles.train_ensemble(settings(steps=5, runs=120), path, stopped=lambda: True)
    assert cut.runs == training.CHUNK
    rest = ensembles.train_ensemble(settings(steps=5, runs=120), path)
    np.testing.assert_array_equal(rest.flat(), whole.flat())
    fewer = ensembles.train_ensemble(settings(steps=5, runs=30), path)
    np.testing.assert_array_equal(fewer.flat(), whole.flat()[:30])
    refused(lambda: ensembles.train_ensemble(settings(steps=6), path), "steps 5, not 6")
    refused(lambda: ensembles.train_ensemble(settings(), tmp_path / "x.npz"), ".safetensors")
    refused(
        lambda: ensembles.train_ensemble(settings(), tmp_path / "no" / "x.safetensors"), "directory"
    )


def test_principal_components():
    data = datasets.load_mnist(range(10), 200, 50, seed=0)
    got = training.project(data, 6, torch.float64)
    x = np.asarray(got.inputs)
    assert x.shape == (200, 6)
    assert (x**2).mean() == pytest.approx(1)
    np.testing.assert_allclose(np.cov(x.T) - np.diag(np.var(x, axis=0, ddof=1)), 0, atol=1e-10)
    centred = data.train_inputs - data.train_inputs.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    spread = singular[:6] / np.sqrt((singular[:6] ** 2).sum() / 6 / 200) / math.sqrt(200)
    np.testing.assert_allclose(np.sqrt((x**2).mean(axis=0)), spread, rtol=1e-6)
    test = (data.test_inputs - data.train_inputs.mean(axis=0)) @ directions[:6].T
    ratio = np.asarray(got.test_inputs) / test
    np.testing.assert_allclose(np.abs(ratio), np.abs(ratio).flat[0], rtol=1e-6)


# --- permutations ---------------------------------------------------------------------------------


def test_permuted_networks_are_the_same_functions():
    rng = np.random.default_rng(3)
    one = ensemble_of([signs(rng, 5, 2, 6, 4), signs(rng, 5, 2, 7, 6), signs(rng, 5, 2, 3, 7)])
    orders = [rng.permuted(np.tile(np.arange(n), (5, 1)), axis=1) for n in (6, 7)]
    other = one.permuted(orders)
    assert (one.flat() != other.flat()).any()
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(5))
    for frame in (0, 1):
        results = [
            training.outputs_of([torch.tensor(b[:, frame]).float() for b in e.blocks], x, 0.1)
            for e in (one, other)
        ]
        np.testing.assert_allclose(*results, rtol=1e-4, atol=1e-5)


def test_symmetrised_moments_are_those_of_all_orders():
    rng = np.random.default_rng(4)
    one = ensemble_of([signs(rng, 40, 1, 3, 2), signs(rng, 40, 1, 2, 3)], exchangeable=True)
    got = ensembles.symmetrize(one, 400, rng).flat()
    orders = np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    all_of_them = np.concatenate(
        [one.permuted([np.tile(order, (40, 1))]).flat() for order in orders], axis=1
    )
    exact = effective.compute_moments(all_of_them.reshape(-1, 12))
    found = effective.compute_moments(got.reshape(-1, 12))
    assert np.abs(found.means - exact.means).max() < 5 / math.sqrt(400 * 40)
    assert np.abs(found.correlations - exact.correlations).max() < 5 / math.sqrt(400 * 40)


def test_alignment_undoes_permutations(refused):
    rng = np.random.default_rng(5)
    first, second = signs(rng, 1, 1, 12, 20), signs(rng, 1, 1, 4, 12)
    noisy = [
        np.where(rng.random((60, *b.shape[1:])) < 0.1, -b, b).astype(np.int8)
        for b in (first, second)
    ]
    mixed = ensemble_of(noisy, exchangeable=True).permuted(
        [rng.permuted(np.tile(np.arange(12), (60, 1)), axis=1)]
    )
    before = blocks.compute_block(mixed.flat()).overlap
    after = blocks.compute_block(ensembles.align(mixed).flat()).overlap
    assert before < 0.2
    assert after == pytest.approx(0.64, abs=0.02)  # (1 - 2 x 0.1)^2
    refused(lambda: ensembles.align(ensemble_of(noisy)), "independent starts")


# --- blocks ---------------------------------------------------------------------------------------


def test_block_of_independent_weights():
    rng = np.random.default_rng(6)
    means = np.tanh(rng.normal(size=50))
    s = np.where(rng.random((4000, 1, 50)) < (1 + means) / 2, 1, -1)
    got = blocks.compute_block(s)
    entropy = effective.bethe(np.zeros((50, 50)), np.arctanh(means)).entropy
    assert got.overlap == pytest.approx((means**2).mean(), abs=0.01)
    assert got.magnetisation == pytest.approx(np.abs(means).mean(), abs=0.005)
    assert got.independent_entropy == pytest.approx(entropy, abs=0.003)
    variance = (1 - means**2)[np.triu_indices(50, 1)[0]] * (1 - means**2)[np.triu_indices(50, 1)[1]]
    assert got.rms_correlation == pytest.approx(np.sqrt(variance.mean() / 4000), rel=0.05)
    null = blocks.compute_block(blocks.shuffle_runs(s, rng))
    assert null.rms_correlation == pytest.approx(got.rms_correlation, rel=0.05)
    assert null.information == pytest.approx(got.information, rel=0.05)
    assert got.information == pytest.approx(49 / (4 * 4000), rel=0.1)


def test_few_runs_are_corrected():
    rng = np.random.default_rng(7)
    got = [blocks.compute_block(signs(rng, 24, 1, 300)) for _ in range(20)]
    entropy = np.array([one.independent_entropy for one in got])
    overlap = np.array([one.overlap for one in got])
    # uncorrected, the entropy would be 1/48 too small and the overlap 1/24 too large
    assert abs(entropy.mean() - math.log(2)) < 1e-3 + 4 * entropy.std() / math.sqrt(20)
    assert abs(overlap.mean()) < 4 * overlap.std(ddof=1) / math.sqrt(20)


def test_null_keeps_histories_and_destroys_correlations():
    rng = np.random.default_rng(8)
    common = signs(rng, 300, 1, 1)
    s = np.where(rng.random((300, 4, 12)) < 0.2, -common, common)
    null = blocks.shuffle_runs(s, rng)
    assert blocks.compute_block(s).rms_correlation > 0.3
    assert blocks.compute_block(null).rms_correlation < 0.1
    histories = [sorted(map(bytes, np.asarray(x)[:, :, 5].astype(np.int8))) for x in (s, null)]
    assert histories[0] == histories[1]


def test_fit_of_a_block(refused):
    rng = np.random.default_rng(9)
    K = np.zeros((10, 10))
    K[0, 1] = K[1, 0] = 0.7
    spins = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1).T
    weight = np.exp(0.5 * np.einsum("ci,ij,cj->c", spins, K, spins))
    drawn = spins[rng.choice(1024, 3000, p=weight / weight.sum())]
    s = np.concatenate([drawn, np.ones((3000, 2))], axis=1)[:, None]
    noise = blocks.coefficient_noise(blocks.shuffle_runs(s, rng))
    assert noise == pytest.approx(1 / math.sqrt(3000), rel=0.2)
    got = blocks.fit_block(s, noise)
    assert got.unique
    assert got.free.tolist() == list(range(10))
    assert 0.3 < got.couplings[0, 1] < 0.75
    assert np.abs(np.triu(got.couplings, 1).ravel()[2:]).max() < 0.1
    pair = 2 / (1 + math.exp(-1.4))
    exact = 8 * math.log(2) + math.log(2) - sum(p * math.log(p) for p in (pair / 2, 1 - pair / 2))
    assert got.entropy == pytest.approx(exact / 12, abs=0.01)
    refused(lambda: blocks.fit_block(s[:9], noise), "9 configurations", "10 weights")
    refused(lambda: blocks.fit_block(np.ones((30, 1, 4)), noise), "flips")


# --- files and the command line -------------------------------------------------------------------


def test_an_ensemble_survives_its_file(tmp_path, refused):
    rng = np.random.default_rng(10)
    one = ensemble_of(
        [signs(rng, 6, 2, 3, 4), signs(rng, 6, 2, 2, 3)],
        accuracy=rng.random((6, 2)),
        exchangeable=True,
        settings={"a": [1, 2]},
    )
    one.save(tmp_path / "e.safetensors")
    got = ensembles.load_ensemble(tmp_path / "e.safetensors")
    np.testing.assert_array_equal(got.flat(), one.flat())
    np.testing.assert_array_equal(got.accuracy, one.accuracy)
    assert (got.names, got.exchangeable, got.settings) == (one.names, True, {"a": [1, 2]})
    best = one.accuracy.mean(axis=1).max()
    assert one.at_least(best).runs == 1
    refused(lambda: one.at_least(0.9999), "0.9999", "lower it")
    np.savez(tmp_path / "s.npz", first=signs(rng, 20, 3, 4), second=signs(rng, 20, 5))
    plain = ensembles.load_ensemble(tmp_path / "s.npz")
    assert [b.shape for b in plain.blocks] == [(20, 1, 3, 4), (20, 1, 1, 5)]
    np.savez(tmp_path / "bad.npz", first=np.zeros((20, 3)))
    refused(lambda: ensembles.load_ensemble(tmp_path / "bad.npz"), "first", "+1 or -1")
    (tmp_path / "e.npz").write_bytes(b"nothing")
    refused(lambda: ensembles.load_ensemble(tmp_path / "e.npz"), "no npz")
    (tmp_path / "f.safetensors").write_bytes(b"nothing")
    refused(lambda: ensembles.load_ensemble(tmp_path / "f.safetensors"), "no safetensors")
    refused(lambda: ensembles.load_ensemble(tmp_path / "none.npz"), "neither a run nor a file")
    refused(lambda: ensembles.load_ensemble(tmp_path / "s.npz", after=5), "no run")


def test_signs_of_a_run(tiny_run, thermalnet, tmp_path, refused):
    got = ensembles.load_ensemble(tiny_run, waiting_time=20, after=50)
    assert got.samples.tolist() == [0, 0, 1, 1, 2, 2]
    assert [b.shape[2:] for b in got.blocks] == [(3, 6), (3, 3), (3, 3), (2, 3)]
    with results.load(tiny_run) as run:
        stage = run.follow(20)
        kept = stage.steps >= 50
        assert got.settings["steps"] == stage.steps[kept].tolist()
        for layer, block in enumerate(got.blocks, start=1):
            weights = np.array([stage.weights(layer)[t] for t in np.flatnonzero(kept)])
            np.testing.assert_array_equal(block, np.sign(weights).swapaxes(0, 1))
    refused(lambda: ensembles.load_ensemble(tiny_run, after=1000), "after is 1000")
    refused(lambda: ensembles.load_ensemble(tiny_run, waiting_time=7), "7")
    status, said, _ = thermalnet("effective", tiny_run, "--layers", "2,3", "--out", tmp_path)
    assert status == 0
    assert sum(line.startswith("layer") for line in said) == 2
    (one,) = json.loads((tmp_path / "effective.json").read_text())["ensembles"]
    assert one["samples"] == 3
    assert all(block["fit"] is None for block in one["gauges"]["as it is"])
    assert thermalnet("effective", tiny_run, "--layers", "5", "--out", tmp_path)[0] == 2


def test_weights_that_are_not_numbers_make_no_ensemble(write_run, refused):
    q = np.random.default_rng(0).uniform(-1, 1, (3, 6, 87))
    q[2, 4, -1] = np.nan
    directory = write_run(q, [0, 10, 100])
    refused(lambda: ensembles.load_ensemble(directory), "weights of layer 4 of replicas [4]", "nan")


def test_commands(thermalnet, tmp_path):
    path, out = tmp_path / "tiny.safetensors", tmp_path / "result"
    flags = [part for name, value in TINY.items() for part in (f"--{name}", value)]
    status, said, _ = thermalnet("ensemble", *flags, "--steps", 30, "--out", path)
    assert status == 0
    assert said[-1].startswith(f"{path} is complete")
    status, said, shown = thermalnet(
        "effective", path, "--out", out, "--copies", 4, "--points", 9, "--check"
    )
    assert status == 0
    assert sum("layer 1" in line for line in said) == 4  # the last: aligned noise
    assert all("\n" not in line for line in shown)
    result = json.loads((out / "effective.json").read_text())
    (one,) = result["ensembles"]
    assert one["kept"] == 100
    assert [b["weights"] for b in one["gauges"]["aligned"]] == [48, 60, 108]
    for name in ("blocks.png", "blocks.svg"):
        assert (out / "figures" / name).stat().st_size > 1000
    fitted = [b for blocks in one["gauges"].values() for b in blocks if b["fit"]]
    assert fitted
    assert (out / "figures" / "landscapes.png").exists()
    for block in fitted:
        assert block["fit"]["entropy"] <= block["independent_entropy"]["mean"] + 0.02
        assert len(block["landscapes"][0]["forward"]["distances"]) == 9


def test_commands_refuse_in_one_line(thermalnet, tmp_path):
    for arguments, part in (
        (("effective", tmp_path / "no.npz", "--out", tmp_path / "o"), "neither a run nor a file"),
        (("effective", tmp_path / "no.npz", "--out", tmp_path / "o", "--points", "x"), "points"),
        (("ensemble", "--out", tmp_path / "x.npz"), ".safetensors"),
        (("ensemble", "--out", tmp_path / "x.safetensors", "--runs", 0), "runs"),
    ):
        status, _, lines = thermalnet(*arguments)
        assert status == 2
        assert len(lines) == 1
        assert part in lines[0]
    assert not list(tmp_path.iterdir())
