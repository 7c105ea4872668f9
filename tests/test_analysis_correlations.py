"""Correlations against processes whose correlations are known exactly."""

import tracemalloc

import h5py
import numpy as np
import pytest
from scipy import stats

from openmm_thermalnet import analysis
from openmm_thermalnet.errors import InputError

ONE_SIGMA = 0.6827


def slots(n_samples, n_replicas):
    return np.repeat(np.arange(n_samples), n_replicas)


def shared_reference(rng, sample, n):
    return rng.uniform(-1, 1, (sample.max() + 1, n))[sample]


def ornstein_uhlenbeck(rng, start, steps, tau):
    """Exact discretisation with unit variance, (T, n_slots, n)."""
    frames = [start]
    for gap in np.diff(steps):
        decay = np.exp(-gap / tau)
        frames.append(decay * frames[-1] + np.sqrt(1 - decay**2) * rng.normal(size=start.shape))
    return np.array(frames)


def reflected_walk(rng, start, steps, diffusion):
    """Independent Brownian walks between reflecting walls at +-1, exact at every frame."""
    frames, free = [start], start.copy()
    for gap in np.diff(steps):
        free = free + np.sqrt(2 * diffusion * gap) * rng.normal(size=start.shape)
        frames.append(np.abs((free - 1) % 4 - 2) - 1)
    return np.array(frames)


def reflected_walk_correlation(steps, diffusion):
    k = np.arange(1, 200, 2)
    decay = np.exp(-diffusion * np.outer(steps, (k * np.pi / 2) ** 2))
    return 96 / np.pi**4 * decay @ k**-4.0


def test_ornstein_uhlenbeck_weights_relax_exponentially():
    rng = np.random.default_rng(1)
    steps = np.unique(np.geomspace(1, 1000, 16).astype(int))
    steps = np.concatenate([[0], steps])
    sample = slots(12, 3)
    start = rng.normal(size=(12, 500))[sample]
    x = ornstein_uhlenbeck(rng, start, steps, tau=100.0)
    c = analysis.compute_autocorrelation(x, start, steps, sample)
    assert c.error_over == "samples"
    assert c.per_sample.shape == (steps.size, 12)
    assert c.mean[0] == 1.0
    deviation = np.abs(c.mean - np.exp(-steps / 100.0))[1:]
    assert (deviation < 4.5 * c.error[1:]).all()
    assert (c.error[1:] < 1 / np.sqrt(500 * 12)).all()
    q = analysis.compute_replica_correlation(x, steps, sample)
    assert (np.abs(q.mean - np.exp(-2 * steps / 100.0))[1:] < 4.5 * q.error[1:]).all()


def test_walks_in_the_box_follow_the_cosine_series():
    rng = np.random.default_rng(2)
    steps = np.array([0, 1, 3, 10, 30, 100, 300, 3000])
    sample = slots(12, 2)
    start = shared_reference(rng, sample, 1500)
    x = reflected_walk(rng, start, steps, diffusion=2e-3)
    exact = reflected_walk_correlation(steps, 2e-3)
    raw = analysis.compute_autocorrelation(x, start, steps, sample, normalized=False)
    assert (np.abs(raw.mean - exact / 3) < 4.5 * raw.error).all()
    c = analysis.compute_autocorrelation(x, start, steps, sample)
    assert (np.abs(c.mean - exact)[1:] < 4.5 * c.error[1:]).all()
    q = analysis.compute_replica_correlation(x, steps, sample)
    assert abs(q.mean[-1]) < 4 / np.sqrt(1500 * 12)


def test_frozen_layer_has_correlation_one():
    rng = np.random.default_rng(3)
    sample = slots(3, 3)
    start = shared_reference(rng, sample, 997).astype(np.float32)
    x = np.repeat(start[None], 4, axis=0)
    steps = np.arange(4)
    c = analysis.compute_autocorrelation(x, start, steps, sample)
    q = analysis.compute_replica_correlation(x, steps, sample)
    np.testing.assert_array_equal(c.mean, 1.0)
    np.testing.assert_allclose(q.mean, 1.0, rtol=0, atol=4e-16)
    raw = analysis.compute_replica_correlation(x, steps, sample, normalized=False)
    expected = (start.astype(float) ** 2).mean(axis=1)
    np.testing.assert_allclose(raw.per_slot[0], expected, rtol=1e-14)


def test_layer_at_zero_has_no_overlap():
    sample, steps = slots(2, 2), np.arange(2)
    zero = np.zeros((2, 4, 5))
    got = analysis.compute_correlations([zero, zero + 0.5], [zero[0], zero[0] + 0.5], steps, sample)
    assert np.isnan(got.auto.layers[0].mean).all()
    assert np.isnan(got.replica.layers[0].mean).all()
    assert np.isnan(got.auto.overall.mean).all()
    np.testing.assert_array_equal(got.auto_raw.layers[0].mean, 0.0)
    np.testing.assert_allclose(got.auto.layers[1].mean, 1.0)
    np.testing.assert_allclose(got.replica_raw.overall.mean, 0.125)


def test_replica_correlation_is_the_mean_over_pairs():
    rng = np.random.default_rng(4)
    sample = np.array([7, 2, 7, 2, 7])  # unsorted labels, unequal numbers of replicas
    x = rng.uniform(-1, 1, (3, 5, 20))
    q = analysis.compute_replica_correlation(x, [0, 1, 5], sample)
    assert q.samples.tolist() == [2, 7]
    for t in range(3):
        norm = np.linalg.norm(x[t], axis=1)
        overlap = x[t] @ x[t].T / np.outer(norm, norm)
        expected = [overlap[1, 3], np.mean([overlap[0, 2], overlap[0, 4], overlap[2, 4]])]
        np.testing.assert_allclose(q.per_sample[t], expected)
        np.testing.assert_allclose(q.mean[t], np.mean(expected))


def test_jackknife_over_pairs_equals_brute_force():
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, (2, 5, 30)) + 0.3
    q = analysis.compute_replica_correlation(x, [0, 1], slots(1, 5), normalized=False)
    assert q.error_over == "replicas"
    for t in range(2):
        left_out = []
        for gone in range(5):
            rest = np.delete(x[t], gone, axis=0)
            overlap = rest @ rest.T / 30
            left_out.append(overlap[np.triu_indices(4, 1)].mean())
        expected = np.sqrt(4 / 5 * ((left_out - np.mean(left_out)) ** 2).sum())
        assert q.error[t] == pytest.approx(expected)


def test_layers_together_equal_layers_alone_and_their_mean():
    rng = np.random.default_rng(6)
    sample, steps = slots(3, 3), np.array([0, 2, 9])
    layers = [rng.uniform(-1, 1, (3, 9, n)).astype(np.float32) for n in (40, 7, 90)]
    starts = [shared_reference(rng, sample, n) for n in (40, 7, 90)]
    got = analysis.compute_correlations(layers, starts, steps, sample)
    for k in range(3):
        for normalized, auto, replica in (
            (True, got.auto, got.replica),
            (False, got.auto_raw, got.replica_raw),
        ):
            alone = analysis.compute_autocorrelation(
                layers[k], starts[k], steps, sample, normalized=normalized
            )
            np.testing.assert_array_equal(auto.layers[k].mean, alone.mean)
            np.testing.assert_array_equal(auto.layers[k].error, alone.error)
            pair = analysis.compute_replica_correlation(
                layers[k], steps, sample, normalized=normalized
            )
            np.testing.assert_array_equal(replica.layers[k].per_sample, pair.per_sample)
            assert replica.layers[k].n_variables == (40, 7, 90)[k]
    mean = np.mean([layer.per_sample for layer in got.replica.layers], axis=0)
    np.testing.assert_allclose(got.replica.overall.per_sample, mean)
    np.testing.assert_allclose(
        got.replica.overall.error, mean.std(axis=1, ddof=1) / np.sqrt(3), rtol=1e-12
    )
    single = analysis.compute_correlations(layers, starts, steps, sample, pairs=False)
    assert single.replica is None
    assert single.replica_raw is None


def coverage(curve, truth, freedom):
    return np.mean(
        np.abs(curve.mean - truth) < stats.t.ppf((1 + ONE_SIGMA) / 2, freedom) * curve.error
    )


def planted(rng, n_experiments, sample, strength, n=200):
    """Every frame is one experiment: x = strength * start + noise, on a start of +-1."""
    start = rng.choice([-1.0, 1.0], (sample.max() + 1, n))[sample]
    noise = rng.normal(size=(n_experiments, sample.size, n))
    return strength[..., None] * start + np.sqrt(1 - strength[..., None] ** 2) * noise, start


N_EXPERIMENTS = 1500
BAND = 4 * np.sqrt(ONE_SIGMA * (1 - ONE_SIGMA) / N_EXPERIMENTS)


def test_errors_over_samples_cover_the_truth():
    rng = np.random.default_rng(7)
    sample, steps = slots(5, 3), np.arange(N_EXPERIMENTS)
    strength = rng.uniform(0.3, 0.7, (N_EXPERIMENTS, 5))[:, sample]
    x, start = planted(rng, N_EXPERIMENTS, sample, strength)
    c = analysis.compute_autocorrelation(x, start, steps, sample, normalized=False)
    assert abs(coverage(c, 0.5, 4) - ONE_SIGMA) < BAND
    q = analysis.compute_replica_correlation(x, steps, sample, normalized=False)
    assert abs(coverage(q, 0.25 + 0.16 / 12, 4) - ONE_SIGMA) < BAND


def test_errors_over_replicas_cover_the_truth():
    rng = np.random.default_rng(8)
    sample, steps = slots(1, 8), np.arange(N_EXPERIMENTS)
    strength = rng.uniform(0.3, 0.7, (N_EXPERIMENTS, 8))
    x, start = planted(rng, N_EXPERIMENTS, sample, strength, n=400)
    c = analysis.compute_autocorrelation(x, start, steps, sample, normalized=False)
    assert c.error_over == "replicas"
    assert abs(coverage(c, 0.5, 7) - ONE_SIGMA) < BAND
    q = analysis.compute_replica_correlation(x, steps, sample, normalized=False)
    # the pairs' own noise makes the jackknife a little too large, never too small
    assert -BAND < coverage(q, 0.25, 7) - ONE_SIGMA < 0.06


def test_jackknife_of_unrelated_replicas_is_too_large_by_the_stated_factor():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(N_EXPERIMENTS, 6, 60))
    q = analysis.compute_replica_correlation(
        x, np.arange(N_EXPERIMENTS), slots(1, 6), normalized=False
    )
    ratio = np.sqrt((q.error**2).mean()) / q.mean.std()
    assert ratio == pytest.approx(np.sqrt(2 * 5 / 4), rel=0.08)


@pytest.mark.parametrize(
    ("n_replicas", "auto", "replica"), [(1, "none", None), (2, "replicas", "none")]
)
def test_too_few_replicas_for_an_error_say_so(n_replicas, auto, replica):
    rng = np.random.default_rng(10)
    sample = slots(1, n_replicas)
    start = shared_reference(rng, sample, 9)
    x = rng.uniform(-1, 1, (2, n_replicas, 9))
    got = analysis.compute_correlations([x], [start], [0, 1], sample, pairs=replica is not None)
    assert got.auto.layers[0].error_over == auto
    assert np.isnan(got.auto.layers[0].error).all() == (auto == "none")
    if replica is not None:
        assert got.replica.layers[0].error_over == replica
        assert np.isnan(got.replica.layers[0].error).all()


class CountingFrames:
    def __init__(self, dataset):
        self.dataset, self.shape, self.read = dataset, dataset.shape, []

    def __getitem__(self, index):
        self.read.append(index)
        return self.dataset[index]


def test_stored_frames_are_read_once_and_one_at_a_time(tmp_path):
    rng = np.random.default_rng(11)
    sample, steps = slots(3, 3), np.arange(20)
    start = shared_reference(rng, sample, 20_000).astype(np.float32)
    with h5py.File(tmp_path / "frames.h5", "w") as file:
        dataset = file.create_dataset("x", (20, 9, 20_000), dtype="f4")
        for t in range(20):
            dataset[t] = rng.uniform(-1, 1, (9, 20_000))
        frames = CountingFrames(dataset)
        one_frame = 9 * 20_000 * 8
        tracemalloc.start()
        got = analysis.compute_correlations([frames], [start], steps, sample)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert frames.read == list(range(20))
        assert peak < 6 * one_frame
        whole = analysis.compute_autocorrelation(dataset[:], start, steps, sample)
    np.testing.assert_array_equal(got.auto.layers[0].mean, whole.mean)


def test_value_at_a_late_step():
    x = np.ones((3, 2, 4))
    q = analysis.compute_replica_correlation(x, [0, 10, 100], slots(1, 2))
    assert q.index_at() == 2
    assert q.index_at(99) == 1
    assert q.index_at(100) == 2
    late = analysis.compute_replica_correlation(x, [5, 10, 100], slots(1, 2))
    with pytest.raises(InputError, match="before the first frame"):
        late.index_at(4)


GOOD = {
    "x": np.full((2, 4, 3), 0.5),
    "reference": np.full((4, 3), 0.5),
    "steps": [0, 1],
    "sample": [0, 0, 1, 1],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((2, 4))}, "shape"),
        ({"x": np.zeros((3, 4, 3))}, "3 frames but there are 2 steps"),
        ({"x": np.zeros((2, 5, 3))}, "5 slots but sample has 4"),
        ({"x": np.zeros((2, 4, 0))}, "no variables"),
        ({"x": np.zeros((0, 4, 3)), "steps": np.zeros(0, int)}, "at least one step"),
        ({"x": np.full((2, 4, 3), np.nan)}, "frame 0 .* not finite"),
        ({"reference": np.zeros((4, 5))}, "same network"),
        ({"reference": np.full((4, 3), np.inf)}, "not finite"),
        ({"reference": np.arange(12.0).reshape(4, 3)}, "slots 0 and 1 are both of sample 0"),
        ({"steps": [1, 1]}, "strictly ascending"),
        ({"steps": [-1, 1]}, "start at -1"),
        ({"steps": [0.0, 1.5]}, "whole numbers"),
        ({"steps": [[0, 1]]}, "one dimension"),
        ({"sample": [0.0, 0.0, 1.0, 1.0]}, "one integer per slot"),
        ({"sample": []}, "one integer per slot"),
    ],
)
def test_bad_input_is_named_in_one_line(change, message):
    with pytest.raises(InputError, match=message) as caught:
        analysis.compute_autocorrelation(**(GOOD | change))
    assert "\n" not in str(caught.value)


def test_replica_correlations_need_two_replicas():
    x, steps, sample = np.ones((2, 3, 4)), [0, 1], [0, 0, 5]
    with pytest.raises(InputError, match="sample 5 has a single replica"):
        analysis.compute_replica_correlation(x, steps, sample)
    with pytest.raises(InputError, match="pairs=False"):
        analysis.compute_correlations([x], [x[0]], steps, sample)


def test_layers_and_references_go_together():
    with pytest.raises(InputError, match="1 layers and 0 references"):
        analysis.compute_correlations([GOOD["x"]], [], [0, 1], GOOD["sample"])
    with pytest.raises(InputError, match="at least one layer"):
        analysis.compute_correlations([], [], [0, 1], GOOD["sample"])
