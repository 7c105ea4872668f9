"""Reading configurations frame by frame, and the checks shared by the estimators."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.arrays import plain_array, plain_numbers
from openmm_thermalnet.errors import InputError


class Frames(Protocol):
    """Configurations of one layer, shape (T, n_slots, n): an array, or anything sliced like one.

    Only ``shape`` and ``x[t]`` are used, so that an HDF5-backed object is read one frame at a time.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True)
class Samples:
    """Which slots belong to which sample.

    Attributes
    ----------
    slots : ndarray of int, shape (n_slots,)
        Sample label of every slot.
    labels : ndarray of int, shape (n_samples,)
        The distinct labels, ascending.
    members : tuple of ndarray of int
        Slot indices of each sample, in the order of `labels`.
    """

    slots: NDArray[np.int64]
    labels: NDArray[np.int64]
    members: tuple[NDArray[np.int64], ...]

    @property
    def fewest(self) -> int:
        """Number of replicas of the sample that has fewest."""
        return min(len(member) for member in self.members)


def check_samples(sample: ArrayLike) -> Samples:
    """Validate the sample index of the slots.

    Raises
    ------
    InputError
        If `sample` is not a non-empty one-dimensional array of integers.
    """
    slots = plain_array("sample", sample)
    if slots.ndim != 1 or slots.size == 0 or slots.dtype.kind not in "iu":
        raise InputError(
            f"sample has shape {slots.shape} and type {slots.dtype}: "
            "give one integer per slot, the sample it belongs to"
        )
    labels = np.unique(slots)
    return Samples(
        slots.astype(np.int64),
        labels.astype(np.int64),
        tuple(np.flatnonzero(slots == label) for label in labels),
    )


def check_steps(steps: ArrayLike, name: str = "steps") -> NDArray[np.int64]:
    """Validate frame steps: integers, not negative, strictly ascending.

    Raises
    ------
    InputError
        If they are not.
    """
    array = plain_array(name, steps)
    if array.ndim != 1 or array.size == 0:
        raise InputError(
            f"{name} has shape {array.shape}: give at least one step, in one dimension"
        )
    if array.dtype.kind not in "iu":
        raise InputError(f"{name} are of type {array.dtype}: give whole numbers of steps")
    array = array.astype(np.int64)
    if array[0] < 0:
        raise InputError(f"{name} start at {array[0]}: give steps counted from 0 upwards")
    fall = np.flatnonzero(np.diff(array) <= 0)
    if fall.size:
        first, second = array[fall[0]], array[fall[0] + 1]
        raise InputError(f"{name} go from {first} to {second}: give them strictly ascending")
    return array


def check_layer(x: Frames, n_frames: int, samples: Samples, layer: int = 0) -> int:
    """Validate the shape of one layer against the steps and the samples; return its n.

    Raises
    ------
    InputError
        If `x` is not (T, n_slots, n) with T = `n_frames` and at least one variable.
    """
    plain_numbers(f"layer {layer}", x)
    shape = tuple(x.shape)
    if len(shape) != 3:
        raise InputError(
            f"configurations of layer {layer} have shape {shape}: give (frames, slots, variables)"
        )
    if shape[0] != n_frames:
        raise InputError(
            f"layer {layer} has {shape[0]} frames but there are {n_frames} steps: give one each"
        )
    if shape[1] != samples.slots.size:
        raise InputError(
            f"layer {layer} has {shape[1]} slots but sample has {samples.slots.size} entries: "
            "give one sample index per slot"
        )
    if shape[2] == 0:
        raise InputError(f"layer {layer} has no variables: give at least one")
    return shape[2]


def check_reference(
    reference: ArrayLike, n: int, samples: Samples, layer: int = 0, *, shared: bool = True
) -> NDArray[np.float64]:
    """Validate the configurations at the waiting time; if `shared`, a sample has only one.

    Raises
    ------
    InputError
        If the shape is not (n_slots, n), a value is not finite, or two replicas of one sample do
        not start from the same configuration though they should.
    """
    array = plain_array("reference", reference)
    expected = (samples.slots.size, n)
    if array.shape != expected:
        raise InputError(
            f"reference of layer {layer} has shape {array.shape}, the frames need {expected}: "
            "give replicas and reference of the same network"
        )
    if not np.isfinite(array).all():
        broken = np.flatnonzero(~np.isfinite(array).all(axis=1)).tolist()
        raise InputError(
            f"reference of layer {layer} holds values that are not finite, in replicas {broken}: "
            "leave these out"
        )
    for label, member in zip(samples.labels, samples.members, strict=True):
        for slot in member[1:] if shared else ():
            if not np.array_equal(array[slot], array[member[0]]):
                raise InputError(
                    f"slots {member[0]} and {slot} are both of sample {label} but start from "
                    f"different configurations in layer {layer}: correct the sample index"
                )
    return array.astype(np.float64)


def read_frame(x: Frames, frame: int, layer: int = 0) -> NDArray[np.float64]:
    """Read one frame, (n_slots, n), in float64.

    Raises
    ------
    InputError
        If it holds a value that is not finite.
    """
    values = plain_array(f"frame {frame}", x[frame], np.float64)
    if not np.isfinite(values).all():
        broken = np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist()
        raise InputError(
            f"frame {frame} of layer {layer} holds values that are not finite, in replicas "
            f"{broken}: leave these, or the frames after the run broke down, out"
        )
    return values
