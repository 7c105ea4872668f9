"""Balanced draws of labelled images, in black and white, from one pool or two."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from openmm_thermalnet.datasets.dataset import Dataset, pattern_keys
from openmm_thermalnet.errors import InputError, check_integer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ImagePool:
    """Images to draw from: `pixels` (n, N_0) between 0 and `full_scale`, `digits` (n,)."""

    pixels: NDArray[Any]
    digits: NDArray[Any]
    full_scale: float
    origin: str


@dataclass(frozen=True)
class Draw:
    """What to draw: validated, and the same for every pool."""

    groups: Groups
    n_train: int
    n_test: int
    seed: int
    threshold: float

    @classmethod
    def of(
        cls,
        digits: Sequence[int],
        groups: Literal["parity"] | Sequence[Sequence[int]] | None,
        n_train: int,
        n_test: int,
        seed: int,
        threshold: float,
    ) -> Draw:
        """Check a loader's arguments."""
        if not isinstance(threshold, Real) or not 0 <= threshold < 1:
            raise InputError(f"threshold is {threshold!r}; give a fraction of full scale in [0, 1)")
        return cls(
            _grouped(_distinct_digits(digits), groups),
            check_integer("n_train", n_train, 1),
            check_integer("n_test", n_test),
            check_integer("seed", seed),
            float(threshold),
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """The loader's arguments that lead to this draw."""
        plain = all(len(group) == 1 for group in self.groups)
        return {
            "digits": [digit for group in self.groups for digit in group],
            "n_train": self.n_train,
            "n_test": self.n_test,
            "seed": self.seed,
            "groups": None if plain else [list(group) for group in self.groups],
            "threshold": self.threshold,
        }

    def dataset(
        self, name: str, source: dict[str, Any], pool: ImagePool, test_pool: ImagePool | None = None
    ) -> Dataset:
        """Draw the images; the test images come from `pool` too where there is no `test_pool`."""
        if test_pool is not None and test_pool.pixels.shape[1] != pool.pixels.shape[1]:
            raise InputError(
                f"{test_pool.origin} has images of {test_pool.pixels.shape[1]} pixels and "
                f"{pool.origin} of {pool.pixels.shape[1]}; give files that belong together"
            )
        train_images, train_groups, rest = [], [], {}
        for group, digit, count in self._counts(self.n_train):
            found = self._shuffled(pool, digit, 0)
            if len(found) < count:
                raise InputError(
                    f"n_train={self.n_train} wants {count} images of digit {digit}, but "
                    f"{pool.origin} has {len(found)}; lower n_train or give a larger source"
                )
            train_images.append(found[:count])
            train_groups += [group] * count
            # From the far end: the test images hardly change when n_train does.
            rest[digit] = found[count:][::-1]
        train = np.concatenate(train_images)
        seen = set(pattern_keys(train))

        test_images, test_groups = [train[:0]], []
        for group, digit, count in self._counts(self.n_test):
            found = rest[digit] if test_pool is None else self._shuffled(test_pool, digit, 1)
            fresh = found[[key not in seen for key in pattern_keys(found)]]
            if len(fresh) < count:
                origin = pool.origin if test_pool is None else test_pool.origin
                raise InputError(
                    f"n_test={self.n_test} wants {count} images of digit {digit}, but {origin} has "
                    f"{len(fresh)} that are not training images (n_train={self.n_train}); lower "
                    "n_train or n_test or give a larger source"
                )
            test_images.append(fresh[:count])
            test_groups += [group] * count
        return Dataset(
            *self._mixed(train, train_groups, 2),
            *self._mixed(np.concatenate(test_images), test_groups, 3),
            name=name,
            source=source,
        )

    def _counts(self, total: int) -> list[tuple[int, int, int]]:
        """Return (group index, digit, images), balanced over the groups and within each."""
        return [
            (index, digit, count)
            for index, (group, size) in enumerate(
                zip(self.groups, _shares(total, len(self.groups)), strict=True)
            )
            for digit, count in zip(group, _shares(size, len(group)), strict=True)
        ]

    def _shuffled(self, pool: ImagePool, digit: int, stream: int) -> NDArray[np.bool_]:
        """Return all images of a digit, black and white, in an order that the seed decides."""
        pixels = pool.pixels[pool.digits == digit]
        order = self._rng(stream, digit).permutation(len(pixels))
        return np.asarray(pixels[order] > self.threshold * pool.full_scale)

    def _mixed(
        self, white: NDArray[np.bool_], groups: list[int], stream: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return inputs and one-hot targets, +-1, in random order."""
        order = self._rng(stream).permutation(len(white))
        one_hot = np.eye(len(self.groups), dtype=np.bool_)[np.array(groups, dtype=np.intp)]
        return np.where(white[order], 1.0, -1.0), np.where(one_hot[order], 1.0, -1.0)

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=stream))


def _shares(total: int, parts: int) -> list[int]:
    """Split `total` into `parts` that differ by at most one, the larger ones first."""
    return [total // parts + (part < total % parts) for part in range(parts)]


def _distinct_digits(digits: Sequence[int]) -> tuple[int, ...]:
    if isinstance(digits, int):
        raise InputError(f"digits is {digits}; give two or more different digits")
    chosen = tuple(check_integer("a digit", digit) for digit in digits)
    unknown = [digit for digit in chosen if digit > 9]
    if unknown:
        raise InputError(f"digits has {unknown[0]}, which is not a digit; give digits from 0 to 9")
    if len(set(chosen)) < max(2, len(chosen)):
        raise InputError(f"digits is {chosen}; give two or more different digits")
    return chosen


def _grouped(
    digits: tuple[int, ...], groups: Literal["parity"] | Sequence[Sequence[int]] | None
) -> Groups:
    """Split the digits into the groups that are the classes."""
    if groups is None:
        return tuple((digit,) for digit in digits)
    if isinstance(groups, str):
        if groups != "parity":
            raise InputError(f"groups is {groups!r}; give 'parity', groups of digits or None")
        split: Groups = tuple(tuple(d for d in digits if d % 2 == odd) for odd in (0, 1))
    else:
        split = tuple(tuple(check_integer("a digit", digit) for digit in group) for group in groups)
    members = sorted(digit for group in split for digit in group)
    if len(split) < 2 or not all(split) or members != sorted(digits):
        raise InputError(
            f"groups is {groups!r} and digits is {digits}; give two or more groups, none empty, "
            "with each of the digits in exactly one"
        )
    return split
