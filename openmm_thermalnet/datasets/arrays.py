"""A dataset from the user's own arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from openmm_thermalnet.datasets.dataset import Dataset
from openmm_thermalnet.datasets.validation import matrix
from openmm_thermalnet.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def from_arrays(
    train_inputs: ArrayLike,
    train_targets: ArrayLike,
    test_inputs: ArrayLike | None = None,
    test_targets: ArrayLike | None = None,
    *,
    bounded: bool = True,
) -> Dataset:
    """Make a dataset from arrays.

    Parameters
    ----------
    train_inputs : array_like, shape (M, N_0)
        Input patterns, in [-1, 1] if `bounded`.
    train_targets : array_like, shape (M, N_L)
        Label patterns, in [-1, 1]; for classes, one-hot as +1 and -1.
    test_inputs, test_targets : array_like, shapes (M_test, N_0) and (M_test, N_L), optional
        The test set; without it the dataset has none.
    bounded : bool
        Give False for inputs that are any finite numbers: a feed-forward network takes them, a
        thermal machine does not.

    Returns
    -------
    Dataset
        The arrays are copied. They are kept as given: a test pattern may repeat a training one.

    Raises
    ------
    InputError
        If an array is not 2-D, holds a value out of its range, does not fit the others, or there is
        no training pattern; if only one of the two test arrays is given.

    Examples
    --------
    >>> from openmm_thermalnet import datasets
    >>> datasets.from_arrays([[1, -1], [-1, 1]], [[1], [-1]]).train_labels
    array([1, 0])
    """
    inputs = matrix("train_inputs", train_inputs, "(patterns, inputs)", bounded=bounded)
    targets = matrix("train_targets", train_targets, "(patterns, outputs)")
    if (test_inputs is None) != (test_targets is None):
        missing = "test_inputs" if test_inputs is None else "test_targets"
        raise InputError(f"{missing} is missing; give both test_inputs and test_targets or neither")
    if test_inputs is None or test_targets is None:
        test_inputs = np.empty((0, inputs.shape[1]))
        test_targets = np.empty((0, targets.shape[1]))
    return Dataset(
        inputs,
        targets,
        matrix("test_inputs", test_inputs, "(patterns, inputs)", bounded=bounded),
        matrix("test_targets", test_targets, "(patterns, outputs)"),
        name="arrays",
        source={"loader": "from_arrays", "arguments": {}},
        bounded=bounded,
    )
