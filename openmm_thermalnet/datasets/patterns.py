"""Synthetic patterns: random labels, and labels made by a random teacher network."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from openmm_thermalnet.datasets.dataset import Dataset, pattern_keys
from openmm_thermalnet.errors import InputError, check_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# A random start of the same seed draws from the streams 0, 1, 2, ...; these are others.
_SPAWN_KEY = 2**16


def random_patterns(
    n_train: int,
    n_test: int = 0,
    input_width: int = 10,
    output_width: int = 1,
    seed: int = 0,
) -> Dataset:
    """Draw random inputs with random labels: the random scenario, with nothing to generalise.

    Every input and every output of every pattern is +1 or -1 with probability 1/2, as in
    H. Yoshino, SciPost Phys. Core 2, 005 (2020).

    Parameters
    ----------
    n_train : int
        Number M of training patterns.
    n_test : int
        Number of test patterns, drawn among the inputs that are not training inputs.
    input_width, output_width : int
        Widths N_0 and N_L of the two ends.
    seed : int
        Seed of the draw, not negative. The training patterns do not depend on `n_test`.

    Returns
    -------
    Dataset
        All entries +-1. With more than one output a row of targets is not one-hot, so its class
        label says little: compare outputs instead.

    Raises
    ------
    InputError
        If a number is too small, or the training inputs leave no other input for the test.
    """
    arguments = {
        "n_train": check_integer("n_train", n_train, 1),
        "n_test": check_integer("n_test", n_test),
        "input_width": check_integer("input_width", input_width, 1),
        "output_width": check_integer("output_width", output_width, 1),
        "seed": check_integer("seed", seed),
    }
    streams = _streams(arguments["seed"], 4)
    train = _signs(streams[0], n_train, input_width)
    return Dataset(
        train,
        _signs(streams[1], n_train, output_width),
        _unseen(streams[2], n_test, train),
        _signs(streams[3], n_test, output_width),
        name="random",
        source={"loader": "random_patterns", "arguments": arguments},
    )


def teacher_student(
    n_train: int,
    n_test: int = 400,
    input_width: int = 20,
    width: int = 10,
    depth: int = 3,
    output_width: int = 1,
    seed: int = 0,
) -> Dataset:
    """Draw random inputs and label them with a random network: the teacher-student scenario.

    The teacher has the shape of the network that is to learn. Its weights are uniform in (-1, 1)
    and its activations and outputs are signs, the feed-forward network of arXiv:2506.06789
    (Eq. 12), so a student that finds the teacher's weights makes no error.

    Parameters
    ----------
    n_train : int
        Number M of training patterns.
    n_test : int
        Number of test patterns, drawn among the inputs that are not training inputs.
    input_width, width, output_width : int
        Widths N_0, N and N_L of the input, of each hidden layer and of the output.
    depth : int
        Number L of weight layers; there are L - 1 hidden layers.
    seed : int
        Seed of the draw, not negative. Neither the teacher nor the training patterns depend on
        `n_test`, and the teacher does not depend on `n_train`.

    Returns
    -------
    Dataset
        All entries +-1, with `Dataset.teacher_weights` of shapes (N_l, N_{l-1}). With more than
        one output a row of targets is not one-hot: compare outputs, not class labels.

    Raises
    ------
    InputError
        If a number is too small, or the training inputs leave no other input for the test.
    """
    arguments = {
        "n_train": check_integer("n_train", n_train, 1),
        "n_test": check_integer("n_test", n_test),
        "input_width": check_integer("input_width", input_width, 1),
        "width": check_integer("width", width, 1),
        "depth": check_integer("depth", depth, 1),
        "output_width": check_integer("output_width", output_width, 1),
        "seed": check_integer("seed", seed),
    }
    streams = _streams(arguments["seed"], 3)
    widths = (input_width, *[width] * (depth - 1), output_width)
    teacher = tuple(
        streams[0].uniform(-1, 1, (after, before)) for before, after in pairwise(widths)
    )
    train = _signs(streams[1], n_train, input_width)
    test = _unseen(streams[2], n_test, train)
    return Dataset(
        train,
        _outputs(teacher, train),
        test,
        _outputs(teacher, test),
        name="teacher",
        source={"loader": "teacher_student", "arguments": arguments},
        teacher_weights=teacher,
    )


def _streams(seed: int, count: int) -> list[np.random.Generator]:
    """Independent generators for the parts of a dataset."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_SPAWN_KEY,))
    return np.random.default_rng(sequence).spawn(count)


def _signs(rng: np.random.Generator, rows: int, width: int) -> NDArray[np.float64]:
    return np.where(rng.integers(0, 2, (rows, width)), 1.0, -1.0)


def _unseen(rng: np.random.Generator, rows: int, train: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw random +-1 rows, none of them a row of `train`."""
    width = train.shape[1]
    seen = set(pattern_keys(train))
    if rows and len(seen) == 2**width:
        raise InputError(
            f"n_test={rows} finds no input: the training patterns take all {2**width} of "
            f"input_width={width}; give a larger input_width, a smaller n_train or n_test=0"
        )
    unseen = np.empty((0, width))
    while len(unseen) < rows:
        drawn = _signs(rng, rows, width)
        fresh = [key not in seen for key in pattern_keys(drawn)]
        unseen = np.concatenate([unseen, drawn[fresh]])
    return unseen[:rows]


def _outputs(
    weights: Sequence[NDArray[np.float64]], inputs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the outputs of the sign network with these weights."""
    layer = inputs
    for matrix in weights:
        layer = np.where(layer @ matrix.T >= 0, 1.0, -1.0)
    return layer
