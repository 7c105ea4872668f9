"""Overlapping windows of energy bins, and the curve their pieces join to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError

Array = NDArray[np.float64]


def split_bins(bins: int, windows: int, overlap: float = 0.5) -> list[tuple[int, int]]:
    """First and last-plus-one bin of windows of equal length that overlap their neighbours.

    Parameters
    ----------
    bins : int
        To cover.
    windows : int
        How many.
    overlap : float
        Part of a window that it shares with the next one.

    Raises
    ------
    InputError
        If a window would have fewer than two bins that are its own, or share fewer than two.
    """
    if windows == 1:
        return [(0, bins)]
    length = bins / (1 + (windows - 1) * (1 - overlap))
    if length * min(overlap, 1 - overlap) < 2:
        raise InputError(f"{windows} windows of {bins} bins are too narrow; give fewer windows")
    firsts = [round(k * length * (1 - overlap)) for k in range(windows)]
    return [(first, min(round(first + length), bins)) for first in firsts[:-1]] + [
        (firsts[-1], bins)
    ]


def join(
    pieces: Sequence[Array], windows: Sequence[tuple[int, int]], bins: int
) -> tuple[Array, bool]:
    """One curve of ln g from the pieces of the windows.

    Each piece is shifted to fit the one before it in the bins they share, by least squares of ln g;
    there the curve goes over from one to the other linearly, since windows are least reliable at
    their edges.

    Parameters
    ----------
    pieces : sequence of ndarray
        ln g of each window up to a constant, -inf where never visited.
    windows : sequence of (int, int)
        Their bins, in order.
    bins : int
        Of the curve.

    Returns
    -------
    log_g : ndarray, shape (bins,)
        -inf where no window was.
    joined : bool
        Whether every piece shares a visited bin with the one before; what follows a gap is -inf.
    """
    curve = np.full(bins, -np.inf)
    end = 0
    for piece, (first, last) in zip(pieces, windows, strict=True):
        shared = max(end - first, 0)
        before, own = curve[first : first + shared], piece[:shared]
        both = np.isfinite(before) & np.isfinite(own)
        if end and not both.any():
            return curve, False
        shift = float(np.mean(before[both] - own[both])) if end else 0.0
        weight = (np.arange(shared) + 0.5) / max(shared, 1)
        mixed = np.where(np.isfinite(own), own + shift, before)
        mixed[both] = (1 - weight[both]) * before[both] + weight[both] * (own[both] + shift)
        curve[first : first + shared] = mixed
        curve[first + shared : last] = piece[shared:] + shift
        end = last
    return curve, True
