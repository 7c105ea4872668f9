"""scikit-learn's handwritten digits, 8 x 8: a small stand-in for MNIST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from openmm_thermalnet.datasets.images import Draw, ImagePool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openmm_thermalnet.datasets.dataset import Dataset


def load_digits(
    digits: Sequence[int] = (0, 1),
    n_train: int = 100,
    n_test: int = 100,
    seed: int = 0,
    groups: Literal["parity"] | Sequence[Sequence[int]] | None = None,
    threshold: float = 0.5,
) -> Dataset:
    """Draw black-and-white 8 x 8 handwritten digits (scikit-learn ships 174 to 183 of each).

    The same draw as `load_mnist`, with 64 inputs in place of 784 and intensities from 0 to 16.
    At so few pixels some images coincide: an image that looks like a training image is never
    taken as a test image.

    Parameters
    ----------
    digits : sequence of int
        Two or more digits; the order of the classes.
    n_train, n_test : int
        Number M of training images, and number of test images.
    seed : int
        Seed of the draw, not negative.
    groups : "parity" or sequence of sequences of int, optional
        Classes made of several digits, as in `load_mnist`.
    threshold : float
        Pixels brighter than this fraction of full scale are white (+1), others black (-1).

    Returns
    -------
    Dataset
        Inputs of shape (M, 64) and one-hot targets, all +-1, classes balanced.

    Raises
    ------
    InputError
        If more images are asked for than there are, or an argument cannot be used.
    """
    from sklearn import datasets

    draw = Draw.of(digits, groups, n_train, n_test, seed, threshold)
    images = datasets.load_digits()
    pool = ImagePool(images.data, images.target, 16, "scikit-learn's digits")
    return draw.dataset("digits", {"loader": "load_digits", "arguments": draw.arguments}, pool)
