"""Which particle and coordinate holds which network parameter.

A particle is one network parameter; its x, y and z are three replicas of it. R replicas take
B = R/3 blocks of P particles; replica r = 3 b + c is coordinate c of block b. Inside a block the
parameters stand layer by layer in the order of `Layout.fields`: for the thermal machine first the
spins S1 ... S(L-1), each as [pattern, neuron], then the weights J1 ... JL, each as
[neuron, input]. A feed-forward network has no spins, but after its weights it may have biases
B1 ... BL.

Kernels use another order, in which the replicas of one field are neighbours: for every field in
turn, R matrices; (N_l, N_{l-1}) for weights, but (N, M) for spins, so that patterns, which are
many, lie side by side. Consecutive fields of one shape then form a single batch, and one matrix
product serves all middle layers of all replicas. `conversion` goes between the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from openmm import unit

from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError, check_integer

Kind = Literal["spin", "weight", "bias"]


@dataclass(frozen=True)
class Field:
    """The parameters of one layer and kind: a matrix per replica.

    Attributes
    ----------
    name : str
        "S3" for the spins of layer 3, "J10" for the weights into layer 10, "B2" for biases.
    kind : {"spin", "weight", "bias"}
        What the parameters are.
    rows, columns : int
        Shape of the matrix: (M, N) for spins, (N_l, N_{l-1}) for weights, (N_l, 1) for biases.
    """

    name: str
    kind: Kind
    rows: int
    columns: int

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Group:
    """Consecutive fields of one shape, which kernels see as one batch."""

    start: int
    count: int
    rows: int
    columns: int
    transposed: bool

    @property
    def size(self) -> int:
        """Number of parameters of one replica in all fields of the group."""
        return self.count * self.rows * self.columns


def check_replicas(replicas: int, name: str = "replicas") -> int:
    """Return `replicas` if x, y and z can hold it, else say which number can.

    Raises
    ------
    InputError
        If `replicas` is not a positive multiple of 3.
    """
    try:
        fits = check_integer(name, replicas, 1) % 3 == 0
    except InputError:
        fits = False
    if not fits:
        number = float(replicas) if isinstance(replicas, Real) else math.nan
        above = max(3, 3 * math.ceil(number / 3)) if math.isfinite(number) else 3
        raise InputError(
            f"{name} is {replicas!r}; give a positive multiple of 3 (x, y and z each hold one), "
            f"such as {above}"
        )
    return int(replicas)


@dataclass(frozen=True)
class Layout:
    """The map between a network's parameters and OpenMM's particles.

    Parameters
    ----------
    fields : tuple of Field
        The parameters, in the order of the particles of a block.
    replicas : int
        R, a positive multiple of 3.

    Raises
    ------
    InputError
        If `replicas` is not a positive multiple of 3.
    """

    fields: tuple[Field, ...]
    replicas: int

    def __post_init__(self) -> None:
        check_replicas(self.replicas)

    @classmethod
    def thermal(cls, patterns: int, widths: Sequence[int], replicas: int) -> Layout:
        """Layout of the thermal machine: spins of the hidden layers, then all weights.

        Parameters
        ----------
        patterns : int
            M.
        widths : sequence of int
            (N_0, N, ..., N_L).
        replicas : int
            R, a positive multiple of 3.
        """
        spins = [
            Field(f"S{layer}", "spin", patterns, width)
            for layer, width in enumerate(widths[1:-1], start=1)
        ]
        return cls((*spins, *_weights(widths)), replicas)

    @classmethod
    def feedforward(cls, widths: Sequence[int], replicas: int, bias: bool = False) -> Layout:
        """Layout of a feed-forward network: all weights, then all biases if it has them.

        Parameters
        ----------
        widths : sequence of int
            (N_0, N_1, ..., N_L).
        replicas : int
            R, a positive multiple of 3.
        bias : bool
            Whether every neuron has a bias.
        """
        biases = [
            Field(f"B{layer}", "bias", width, 1) for layer, width in enumerate(widths[1:], start=1)
        ]
        return cls((*_weights(widths), *(biases if bias else ())), replicas)

    @classmethod
    def of(cls, network: Mapping[str, Any], replicas: int) -> Layout:
        """Layout of a network that `run.json` describes.

        Parameters
        ----------
        network : mapping
            With "widths", and "patterns" or "bias"; "model" is "thermal" if it is not there.
        replicas : int
            R, a positive multiple of 3.
        """
        if network.get("model", "thermal") == "feedforward":
            return cls.feedforward(network["widths"], replicas, network["bias"])
        return cls.thermal(network["patterns"], network["widths"], replicas)

    @cached_property
    def particles(self) -> int:
        """P: particles of one block, which is the number of parameters of one network."""
        return sum(field.size for field in self.fields)

    @property
    def blocks(self) -> int:
        """B = R / 3."""
        return self.replicas // 3

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where each field stands among the P parameters."""
        ends = np.cumsum([field.size for field in self.fields])
        return tuple(
            slice(int(end) - field.size, int(end))
            for field, end in zip(self.fields, ends, strict=True)
        )

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Runs of consecutive fields of one kind and shape."""
        groups, start = [], 0
        for (kind, rows, columns), run in groupby(
            self.fields, key=lambda field: (field.kind, field.rows, field.columns)
        ):
            group = Group(start, len(list(run)), rows, columns, transposed=kind == "spin")
            groups.append(group)
            start += group.size
        return tuple(groups)

    def coordinates(
        self, positions: Any, name: str = "positions", of: unit.Unit = unit.nanometer
    ) -> NDArray[np.floating]:
        """Raw coordinates of every replica.

        Parameters
        ----------
        positions : Quantity or array, shape (B P, 3)
            Positions as OpenMM gives them, in nm if without unit.
        name : str
            What they are, such as velocities, for an error.
        of : openmm.unit.Unit
            Their unit if they have none.

        Returns
        -------
        ndarray, shape (R, P)
            A view where numpy can give one.

        Raises
        ------
        InputError
            If the shape is not (B P, 3), they have another unit, or are a masked array.
        """
        array = plain_array(name, positions, unit=of)
        if not np.issubdtype(array.dtype, np.floating):
            array = array.astype(np.float64)
        expected = (self.blocks * self.particles, 3)
        if array.shape != expected:
            raise InputError(
                f"{name} have shape {array.shape}; this network of {self.replicas} replicas "
                f"needs {expected}"
            )
        return (
            array.reshape(self.blocks, self.particles, 3)
            .transpose(0, 2, 1)
            .reshape(self.replicas, self.particles)
        )

    def positions(self, coordinates: NDArray[np.floating]) -> NDArray[np.float64]:
        """Positions (B P, 3) in nm of coordinates (R, P): the inverse of `coordinates`."""
        blocked = np.asarray(coordinates, dtype=np.float64).reshape(self.blocks, 3, self.particles)
        return np.ascontiguousarray(blocked.transpose(0, 2, 1)).reshape(-1, 3)

    def unpack(self, coordinates: NDArray[Any], kind: Kind) -> list[NDArray[Any]]:
        """Fields of one kind, each (..., rows, columns), from coordinates (..., P)."""
        return [
            coordinates[..., where].reshape(*coordinates.shape[:-1], field.rows, field.columns)
            for field, where in zip(self.fields, self.slices, strict=True)
            if field.kind == kind
        ]

    def pack(self, values: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Coordinates (R, P) from one array (R, rows, columns), or (rows, columns), per field.

        Raises
        ------
        InputError
            If an array is missing or has another shape.
        """
        if len(values) != len(self.fields):
            raise InputError(
                f"{len(values)} arrays given; this network has {len(self.fields)}: "
                + ", ".join(field.name for field in self.fields)
            )
        coordinates = np.empty((self.replicas, self.particles))
        for field, where, value in zip(self.fields, self.slices, values, strict=True):
            array = plain_array(field.name, value)
            shape = (field.rows, field.columns)
            if array.shape not in (shape, (self.replicas, *shape)):
                raise InputError(
                    f"{field.name} has shape {array.shape}; give {(self.replicas, *shape)}, "
                    f"or {shape} for all replicas alike"
                )
            coordinates[:, where] = np.broadcast_to(array, (self.replicas, *shape)).reshape(
                self.replicas, -1
            )
        return coordinates


def _weights(widths: Sequence[int]) -> list[Field]:
    """Fields of the weights of all layers."""
    return [
        Field(f"J{layer}", "weight", widths[layer], widths[layer - 1])
        for layer in range(1, len(widths))
    ]
