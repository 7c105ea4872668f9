"""An ensemble of networks with binary weights, and its file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.arrays import plain_array, plain_number, plain_numbers
from openmm_thermalnet.errors import InputError, MissingFileError, check_index
from openmm_thermalnet.files import write_atomically

Spins = NDArray[np.int8]
FORMAT = "openmm_thermalnet ensemble 1"
_PREFIX = "weights"


@dataclass(frozen=True)
class Ensemble:
    """Binary weights of R runs of one network, T frames of each.

    Attributes
    ----------
    blocks : tuple of ndarray of int8
        Of every layer of weights, (R, T, N_l, N_{l-1}), +1 and -1.
    names : tuple of str
        Of the blocks.
    samples : ndarray of int, shape (R,)
        Runs of one sample began at one start; statistics are taken within samples.
    accuracy : ndarray, shape (R, T), or None
        Of each configuration on the test set, if it is known.
    exchangeable : bool
        Whether every run began at a start of its own, so that hidden units have no names.
    source : str
        Where it comes from.
    settings : dict
        How it was made, ready for JSON.
    """

    blocks: tuple[Spins, ...]
    names: tuple[str, ...]
    samples: NDArray[np.int64]
    accuracy: NDArray[np.float64] | None = None
    exchangeable: bool = False
    source: str = "arrays"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.blocks or len(self.blocks) != len(self.names):
            raise InputError(f"{self.source} has {len(self.blocks)} blocks; give one name for each")
        for name, block in zip(self.names, self.blocks, strict=True):
            plain_numbers(name, block)
            if block.ndim != 4 or block.shape[:2] != self.blocks[0].shape[:2]:
                raise InputError(
                    f"{name} has shape {block.shape}; give (runs, frames, N_l, N_(l-1)), as many "
                    "runs and frames as the other blocks"
                )
            if not (np.abs(block) == 1).all():
                raise InputError(f"{name} holds values that are not +1 or -1; give np.sign of them")
        if self.accuracy is not None and np.isnan(plain_array("accuracy", self.accuracy)).any():
            raise InputError(f"accuracy of {self.source} holds nan; leave those runs out")
        if self.samples.shape != (self.runs,):
            raise InputError(f"samples has shape {self.samples.shape}; give one for each run")

    @property
    def runs(self) -> int:
        """R."""
        return int(self.blocks[0].shape[0])

    @property
    def frames(self) -> int:
        """T."""
        return int(self.blocks[0].shape[1])

    def flat(self, block: int | None = None) -> Spins:
        """Weights of one block, or of all, side by side: (R, T, N)."""
        chosen = self.blocks
        if block is not None:
            chosen = (self.blocks[check_index("block", block, len(self.blocks))],)
        return np.concatenate([b.reshape(self.runs, self.frames, -1) for b in chosen], axis=2)

    def with_flat(self, spins: Spins) -> Ensemble:
        """The same networks with other weights (R, T, N), in the order of `flat`."""
        sizes = np.cumsum([block[0, 0].size for block in self.blocks])[:-1]
        parts = np.split(plain_array("spins", spins), sizes, axis=2)
        blocks = (p.reshape(b.shape) for p, b in zip(parts, self.blocks, strict=True))
        return replace(self, blocks=tuple(blocks))

    def of_runs(self, which: NDArray[Any]) -> Ensemble:
        """The ensemble of some of the runs, an index or mask array."""
        return replace(
            self,
            blocks=tuple(block[which] for block in self.blocks),
            samples=self.samples[which],
            accuracy=None if self.accuracy is None else self.accuracy[which],
        )

    def at_least(self, threshold: float) -> Ensemble:
        """The runs whose test accuracy, averaged over frames, is at least `threshold`.

        Raises
        ------
        InputError
            If accuracies are not known, or none is that high.
        """
        if self.accuracy is None:
            raise InputError(f"{self.source} has no accuracies; leave the threshold out")
        threshold, mean = plain_number("threshold", threshold), self.accuracy.mean(axis=1)
        if not (mean >= threshold).any():
            raise InputError(
                f"threshold is {threshold}, and the best of {self.runs} runs of {self.source} has "
                f"test accuracy {mean.max():.3f}; lower it"
            )
        return self.of_runs(mean >= threshold)

    def permuted(self, orders: Sequence[NDArray[np.intp]]) -> Ensemble:
        """The same networks with hidden units in another order.

        Parameters
        ----------
        orders : sequence of ndarray of int
            For each hidden layer, (R, N_l): unit k of run r becomes ``orders[l][r, k]`` of before.
        """
        blocks = []
        for layer, block in enumerate(self.blocks):
            moved = block
            if layer < len(orders):
                moved = np.take_along_axis(moved, orders[layer][:, None, :, None], axis=2)
            if layer > 0:
                moved = np.take_along_axis(moved, orders[layer - 1][:, None, None, :], axis=3)
            blocks.append(np.ascontiguousarray(moved))
        return replace(self, blocks=tuple(blocks))

    def save(self, path: Path) -> None:
        """Write a .safetensors file, atomically."""
        from safetensors.numpy import save

        tensors: dict[str, NDArray[Any]] = {
            f"{_PREFIX}.{index}.{name}": np.ascontiguousarray(block)
            for index, (name, block) in enumerate(zip(self.names, self.blocks, strict=True))
        }
        tensors["samples"] = np.ascontiguousarray(self.samples)
        if self.accuracy is not None:
            tensors["accuracy"] = np.ascontiguousarray(self.accuracy)
        metadata = {
            "format": FORMAT,
            "exchangeable": json.dumps(self.exchangeable),
            "settings": json.dumps(self.settings, sort_keys=True),
        }
        write_atomically(path, save(tensors, metadata))


def read_ensemble(path: Path) -> Ensemble:
    """Read what `Ensemble.save` wrote.

    Raises
    ------
    InputError
        If there is no such file, or it is something else.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise MissingFileError(f"{path} is no file; make one with thermalnet ensemble --out {path}")
    try:
        with safe_open(path, framework="numpy") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no safetensors file ({error}); name another") from error
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path} is {metadata.get('format', 'no ensemble')!r}; this package reads {FORMAT!r}"
        )
    keys = sorted(
        (key.split(".", 2) for key in tensors if key.startswith(f"{_PREFIX}.")),
        key=lambda parts: int(parts[1]),
    )
    return Ensemble(
        blocks=tuple(tensors[".".join(parts)] for parts in keys),
        names=tuple(parts[2] for parts in keys),
        samples=tensors["samples"],
        accuracy=tensors.get("accuracy"),
        exchangeable=json.loads(metadata["exchangeable"]),
        source=str(path),
        settings=json.loads(metadata["settings"]),
    )
