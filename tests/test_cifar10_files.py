"""CIFAR-10 from its files and from OpenML: what is read, and what is refused."""

import os
import pickle
import re
import struct
from urllib.error import URLError

import numpy as np
import pytest

from openmm_thermalnet import datasets
from openmm_thermalnet.datasets import principal_components
from openmm_thermalnet.errors import InputError, MissingFileError

PIXELS = 3072


def refused(message, call, *args, error=InputError, **kwargs):
    with pytest.raises(error, match=message) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)


def standardised(pixels):
    deviation = pixels.std(axis=0)
    return (pixels - pixels.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def batch(seed, n=40):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, PIXELS), dtype=np.uint8), rng.permutation(np.arange(n) % 10)


def as_python_2(pixels, classes):
    """The bytes of CIFAR-10's own batches: protocol 2, with the strings of Python 2."""

    def text(value):
        return b"U" + bytes([len(value)]) + value

    raw = pixels.tobytes()
    shape = struct.pack("<i", len(pixels)), struct.pack("<i", PIXELS)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text(b"b") + b"\x87R"
        b"(K\x01J" + shape[0] + b"J" + shape[1] + b"\x86"
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\0K\x01\x87R(K\x03"
        + text(b"|")
        + b"NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\0tb\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    )
    labels = b"](" + b"".join(b"K" + bytes([c]) for c in classes) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + labels + b"u."


def as_protocol(protocol):
    def write(pixels, classes):
        content = {b"data": pixels, b"labels": classes.tolist(), b"batch_label": b"one"}
        return pickle.dumps(content, protocol)

    return write


def as_binary(pixels, classes):
    return np.column_stack([classes.astype(np.uint8), pixels]).tobytes()


FORMATS = {
    "python-2": ("cifar-10-batches-py", "", as_python_2),
    "protocol-2": (".", "", as_protocol(2)),
    "protocol-4": ("cifar-10-batches-py", "", as_protocol(4)),
    "protocol-5": (".", "", as_protocol(5)),
    "binary": ("cifar-10-batches-bin", ".bin", as_binary),
    "binary-here": (".", ".bin", as_binary),
}


def write(root, style, batches=(1, 2), test=True):
    folder, suffix, encode = FORMATS[style]
    (root / folder).mkdir(parents=True, exist_ok=True)
    for number in batches:
        (root / folder / f"data_batch_{number}{suffix}").write_bytes(encode(*batch(number)))
    if test:
        (root / folder / f"test_batch{suffix}").write_bytes(encode(*batch(9)))
    return root


def cifar(root, **changes):
    return datasets.load_cifar10_pca(**{"n_train": 80, "n_test": 40, "source": root, **changes})


@pytest.mark.parametrize("style", FORMATS)
def test_cifar_formats_hold_the_same_images(tmp_path, style):
    data = cifar(write(tmp_path, style))
    pixels, classes = (np.concatenate(parts) for parts in zip(batch(1), batch(2), strict=True))
    x = standardised(pixels.astype(np.float64))
    spectrum = np.linalg.svd(x, compute_uv=False)[:10]
    np.testing.assert_allclose(np.linalg.norm(data.train_inputs, axis=0), spectrum, rtol=1e-9)
    # each drawn image with its own class: lengths in component space tell images apart
    axes = np.linalg.svd(x, full_matrices=False)[2][:10]
    lengths = np.linalg.norm(x @ axes.T, axis=1)
    order, mine = np.argsort(lengths), np.argsort(np.linalg.norm(data.train_inputs, axis=1))
    even = np.where(classes % 2 == 0, 1.0, -1.0)
    np.testing.assert_array_equal(data.train_targets[mine, 0], even[order])
    assert np.sum(data.test_targets == 1) == 20
    assert data.name == "cifar10-pca"


def test_without_a_test_batch_one_pool_serves_both(tmp_path):
    write(tmp_path, "binary", test=False)
    data = cifar(tmp_path, n_train=60, n_test=20)
    assert np.concatenate([data.train_targets, data.test_targets]).sum() == 0
    refused("n_test=21 is more than the 20 images of CIFAR-10 in .* beside", cifar, tmp_path,
            n_train=60, n_test=21)  # fmt: skip


class Intruder:
    def __reduce__(self):
        return os.mkdir, ("intruder",)


@pytest.mark.parametrize(
    "evil",
    [
        pickle.dumps({"data": Intruder(), "labels": []}),
        b"cos\nsystem\n(S'mkdir intruder'\ntR.",
        b'cbuiltins\neval\n(S\'__import__("os").mkdir("intruder")\'\ntR.',
        b"cnumpy.core.multiarray\nfromfile\n(S'intruder'\ntR.",
        b"c_codecs\nencode\n(S'zz'\nS'rot13'\ntR.",
    ],
)
def test_a_pickle_that_would_run_something_is_refused(tmp_path, monkeypatch, evil):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(evil)
    refused("a pickled batch asks for", cifar, tmp_path)
    assert not (tmp_path / "intruder").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"data": np.zeros((2, 7), np.uint8), "labels": [1, 2]}), "no bytes of shape"),
        (pickle.dumps({"data": np.zeros((2, PIXELS)), "labels": [1, 2]}), "no bytes of shape"),
        (pickle.dumps({"data": np.zeros((2, PIXELS), np.uint8), "labels": [1]}), "no bytes of"),
        (pickle.dumps({"data": np.zeros((1, PIXELS), np.uint8), "labels": "a"}), "no bytes of"),
        (pickle.dumps({"data": np.zeros((1, PIXELS), np.uint8), "labels": [[1], [1, 2]]}), "bytes"),
        (pickle.dumps({"data": np.zeros((1, PIXELS), np.uint8), "labels": [10]}), "has class 10"),
        (pickle.dumps({"labels": [1]}), "has no 'data' and 'labels'"),
        (pickle.dumps([1]), "has no 'data' and 'labels'"),
        (b"", "is no pickled batch"),
        (as_python_2(*batch(1))[:-50], "is no pickled batch"),
        (b"\x80\x02garbage", "is no pickled batch"),
    ],
)
def test_damaged_batches_are_refused(tmp_path, content, message):
    (tmp_path / "data_batch_1").write_bytes(content)
    refused(re.escape(str(tmp_path / "data_batch_1")) + f".*{message}", cifar, tmp_path)


def test_damaged_binary_batches_are_refused(tmp_path):
    path = tmp_path / "data_batch_1.bin"
    for content in (b"", as_binary(*batch(1))[:-1]):
        path.write_bytes(content)
        refused("not a multiple of 3073; get the file again", cifar, tmp_path)
    path.write_bytes(bytes([77]) + bytes(PIXELS))
    refused("has class 77", cifar, tmp_path)


def test_missing_batches_say_what_to_do(tmp_path):
    refused("no CIFAR-10 batch; unpack cifar-10-python", cifar, tmp_path, error=MissingFileError)
    refused("which is no directory; give 'openml'", cifar, "nowhere", error=MissingFileError)
    refused("which is no directory", cifar, 3, error=MissingFileError)


@pytest.fixture
def fresh_openml():
    principal_components._openml.cache_clear()
    yield
    principal_components._openml.cache_clear()


@pytest.mark.usefixtures("fresh_openml")
def test_openml_without_a_network_says_what_to_do(monkeypatch):
    def offline(*_args, **_kwargs):
        raise URLError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", offline)
    refused(
        "'openml' cannot be downloaded .*no route.*directory with the CIFAR-10 batches",
        datasets.load_cifar10_pca,
    )


@pytest.mark.usefixtures("fresh_openml")
def test_openml_is_asked_for_cifar_10(monkeypatch):
    asked = []

    def fetch(name, **options):
        asked.append((name, options["version"]))
        pixels, classes = batch(1)
        return pixels.astype(np.float64), classes.astype(str).astype(object)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    data = datasets.load_cifar10_pca(n_train=30, n_test=10)
    assert asked == [("CIFAR_10", 1)]
    assert np.concatenate([data.train_targets, data.test_targets]).sum() == 0
