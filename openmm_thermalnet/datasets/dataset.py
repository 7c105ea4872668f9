"""The `Dataset`: validated, read-only patterns and where they came from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from openmm_thermalnet.datasets.validation import matrix
from openmm_thermalnet.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ARRAYS = ("train_inputs", "train_targets", "test_inputs", "test_targets")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Patterns that a network learns, and patterns it is tested on.

    The rows of `train_inputs` and `train_targets` are the fixed ends S_0 and S_L of the thermal
    deep learning machine (arXiv:2506.06789). The arrays are copied, checked and made read-only.
    Two datasets hold the same patterns if their `content_hash` is the same.

    Parameters
    ----------
    train_inputs : ndarray, shape (M, N_0)
        Input patterns, in [-1, 1] if `bounded`.
    train_targets : ndarray, shape (M, N_L)
        Label patterns, in [-1, 1]; for classes, one-hot as +1 and -1.
    test_inputs : ndarray, shape (M_test, N_0)
        Input patterns that are not learned; ``M_test`` may be 0.
    test_targets : ndarray, shape (M_test, N_L)
        Their labels.
    name : str
        A short name, such as ``"mnist"``.
    source : dict
        How the dataset was made, ready for JSON: ``"loader"``, the name of a function of this
        package, and ``"arguments"``, what it was called with.
    teacher_weights : tuple of ndarray, shapes (N_l, N_{l-1}), optional
        Weights of the network that made the labels (see `teacher_student`), input side first.
    bounded : bool
        Whether inputs lie in [-1, 1], as those of a thermal machine must; without the bound they
        are any finite numbers, as a feed-forward network takes them. Targets always lie there.

    Raises
    ------
    InputError
        If an array is not 2-D, holds a value out of its range, does not fit the others, or there
        is no training pattern; if `source` cannot be written as JSON.
    """

    train_inputs: NDArray[np.float64]
    train_targets: NDArray[np.float64]
    test_inputs: NDArray[np.float64]
    test_targets: NDArray[np.float64]
    name: str = "arrays"
    source: dict[str, Any] = field(default_factory=dict)
    teacher_weights: tuple[NDArray[np.float64], ...] | None = None
    bounded: bool = True

    def __post_init__(self) -> None:
        for array in _ARRAYS:
            is_input = "inputs" in array
            columns = "(patterns, inputs)" if is_input else "(patterns, outputs)"
            bounded = self.bounded or not is_input
            checked = matrix(array, getattr(self, array), columns, bounded=bounded)
            object.__setattr__(self, array, checked)
        self._check_shapes()
        try:
            source = json.loads(json.dumps(self.source, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"source cannot be written as JSON ({error}); give strings, numbers and lists"
            ) from error
        object.__setattr__(self, "source", source)
        if self.teacher_weights is not None:
            object.__setattr__(self, "teacher_weights", self._checked_teacher(self.teacher_weights))

    def _check_shapes(self) -> None:
        if self.patterns == 0:
            raise InputError("train_inputs has no pattern; give at least one row")
        for part in ("train", "test"):
            inputs, targets = getattr(self, f"{part}_inputs"), getattr(self, f"{part}_targets")
            if len(inputs) != len(targets):
                raise InputError(
                    f"{part}_targets has {len(targets)} rows and {part}_inputs has {len(inputs)}; "
                    "give one target for each input"
                )
        for kind in ("inputs", "targets"):
            train, test = getattr(self, f"train_{kind}"), getattr(self, f"test_{kind}")
            if train.shape[1] != test.shape[1]:
                raise InputError(
                    f"test_{kind} has {test.shape[1]} columns and train_{kind} has "
                    f"{train.shape[1]}; give both the same width"
                )

    def _checked_teacher(
        self, weights: tuple[NDArray[np.float64], ...]
    ) -> tuple[NDArray[np.float64], ...]:
        checked = tuple(
            matrix(f"teacher_weights[{i}]", w, "(N_l, N_{l-1})") for i, w in enumerate(weights)
        )
        outgoing = (self.input_width, *(len(w) for w in checked))
        incoming = (*(w.shape[1] for w in checked), self.output_width)
        if not checked or outgoing != incoming:
            raise InputError(
                f"teacher_weights has shapes {[w.shape for w in checked]}; give matrices "
                f"that lead from {self.input_width} inputs to {self.output_width} outputs"
            )
        return checked

    @property
    def patterns(self) -> int:
        """Number M of training patterns."""
        return len(self.train_inputs)

    @property
    def test_patterns(self) -> int:
        """Number of test patterns; may be 0."""
        return len(self.test_inputs)

    @property
    def input_width(self) -> int:
        """Width N_0 of the input layer."""
        return int(self.train_inputs.shape[1])

    @property
    def output_width(self) -> int:
        """Width N_L of the output layer."""
        return int(self.train_targets.shape[1])

    @cached_property
    def train_labels(self) -> NDArray[np.int64]:
        """Class of each training pattern, shape (M,).

        The index of the largest target; with a single output, 1 where the target is positive and
        0 elsewhere.
        """
        return _labels(self.train_targets)

    @cached_property
    def test_labels(self) -> NDArray[np.int64]:
        """Class of each test pattern, shape (M_test,), as `train_labels`."""
        return _labels(self.test_targets)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, of the shapes and values of the four pattern arrays."""
        digest = hashlib.sha256()
        for name in _ARRAYS:
            array = getattr(self, name)
            digest.update(np.array(array.shape, dtype="<i8").tobytes())
            digest.update(array.astype("<f8", copy=False).tobytes())
        return digest.hexdigest()

    def __reduce__(self) -> tuple[type[Dataset], tuple[Any, ...]]:
        # Built anew, so that a dataset sent to another process is read-only there too.
        return Dataset, tuple(getattr(self, f.name) for f in fields(self))

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name!r}: {self.patterns} training and {self.test_patterns} test "
            f"patterns, {self.input_width} inputs, {self.output_width} outputs, "
            f"hash {self.content_hash[:12]})"
        )


def pattern_keys(patterns: NDArray[Any]) -> list[bytes]:
    """Return one key per row of a +-1 (or boolean) array; equal rows have equal keys."""
    return [row.tobytes() for row in np.packbits(patterns > 0, axis=1)]


def _labels(targets: NDArray[np.float64]) -> NDArray[np.int64]:
    classes = targets[:, 0] > 0 if targets.shape[1] == 1 else targets.argmax(axis=1)
    labels = np.array(classes, dtype=np.int64)
    labels.flags.writeable = False
    return labels
