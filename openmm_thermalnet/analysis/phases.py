"""Liquid and solid layers (arXiv:2506.06789, Fig. 1b)."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.arrays import plain_array, plain_number
from openmm_thermalnet.errors import InputError, check_integer

Phase = Literal["liquid", "solid", "undefined"]


@dataclass(frozen=True)
class Phases:
    """Phase of every hidden layer of one machine.

    Attributes
    ----------
    depth : int
        L: the machine has hidden layers l = 1, ..., L - 1.
    q_star : ndarray, shape (L - 1,)
        Late replica correlation of each hidden layer.
    phase : tuple of {"liquid", "solid", "undefined"}
        Undefined where `q_star` is nan (a layer that is exactly 0).
    undecided : tuple of (bool or None)
        True where `q_star` is within one standard error of the threshold; None where no error is
        known.
    liquid_depth : int or None
        Number of liquid layers among the L - 1 hidden ones; None if a layer is undefined.
    solid_depth : int or None
        L - `liquid_depth`. It counts L layers, not L - 1: a machine whose hidden layers are all
        solid has solid depth L, and it is never below 1.
    """

    depth: int
    q_star: NDArray[np.float64]
    phase: tuple[Phase, ...]
    undecided: tuple[bool | None, ...]
    liquid_depth: int | None
    solid_depth: int | None


def compute_phases(
    q_star: ArrayLike,
    error: ArrayLike | None = None,
    *,
    depth: int | None = None,
    threshold: float = 1 / math.e,
) -> Phases:
    """Tell liquid from solid layers by their late replica correlation.

    A layer is liquid if q_l(t*, t_w) < 1/e, otherwise solid.

    Parameters
    ----------
    q_star : array_like, shape (L - 1,)
        Normalised replica correlation of the spins of layers l = 1, ..., L - 1 at the late step t*.
    error : array_like, shape (L - 1,), optional
        Its standard error.
    depth : int, optional
        L, when it should be checked against the number of layers.
    threshold : float, default 1/e
        Overlap below which a layer is liquid.

    Returns
    -------
    Phases

    Raises
    ------
    InputError
        If shapes do not match, `depth` is not the number of layers plus 1, or the threshold is not
        finite.
    """
    check_threshold(threshold)
    overlap = plain_array("q_star", q_star, np.float64)
    if overlap.ndim != 1 or overlap.size == 0:
        raise InputError(f"q_star has shape {overlap.shape}: give one overlap per hidden layer")
    if depth is not None and check_integer("depth", depth) != overlap.size + 1:
        raise InputError(
            f"{overlap.size} overlaps do not fit depth {depth}: "
            f"give those of the {depth - 1} hidden layers"
        )
    spread = (
        np.full_like(overlap, np.nan) if error is None else plain_array("error", error, np.float64)
    )
    if spread.shape != overlap.shape:
        raise InputError(
            f"error has shape {spread.shape}, q_star {overlap.shape}: give one error per layer"
        )
    phase = tuple(_name_phase(float(q), threshold) for q in overlap)
    undecided = tuple(
        None if math.isnan(q) or math.isnan(sigma) else abs(q - threshold) <= sigma
        for q, sigma in zip(overlap.tolist(), spread.tolist(), strict=True)
    )
    liquid = None if "undefined" in phase else phase.count("liquid")
    return Phases(
        depth=overlap.size + 1,
        q_star=overlap,
        phase=phase,
        undecided=undecided,
        liquid_depth=liquid,
        solid_depth=None if liquid is None else overlap.size + 1 - liquid,
    )


def check_threshold(threshold: float) -> None:
    """Refuse an overlap that separates nothing, such as nan."""
    if not math.isfinite(plain_number("threshold", threshold)):
        raise InputError(f"threshold is {threshold}: give a finite overlap, such as 1/e")


def _name_phase(overlap: float, threshold: float) -> Phase:
    if math.isnan(overlap):
        return "undefined"
    return "liquid" if overlap < threshold else "solid"
