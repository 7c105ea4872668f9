"""Compiled passes between OpenMM's coordinates and the kernels' arrays, for the CPU.

A field of OpenMM's coordinates is a matrix (rows, 3 columns), with x, y and z of a particle side by
side; the kernels want it transposed, the three replicas apart (see `layout`). Tiles of 16 rows and
8 columns are folded, cast and transposed in registers between one read and one write. Fields of one
column, as weights are, only come apart by axis, 16 particles at a time. Tiles at the edges overlap
their neighbours.

Rows are taken in bands: of all columns, before the next rows. Those of the gradient, of which
little is read at a time, are higher. Each tile has its own place among the slopes of the fold,
whatever the bands.
"""

from __future__ import annotations

import numba
import numpy as np

from openmm_thermalnet.tiles import (
    HEIGHT,
    fetch,
    fold_rows,
    fold_triples,
    force_rows,
    force_triples,
)
from openmm_thermalnet.transposition import SIDE

_FOLD_BAND, _FORCE_BAND = 32, 128  # rows

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")
_inline = numba.njit(inline="always", error_model="numpy")


@_inline
def _set_places(to, rows, columns, places):  # type: ignore[no-untyped-def]
    """Write where columns of coordinates begin in a field of the state: by axis, then neuron."""
    for column in range(columns):
        for axis in range(3):
            places[3 * column + axis] = to + (axis * columns + column) * rows


@_inline
def _eight(places, left):  # type: ignore[no-untyped-def]
    """Eight places as a tuple."""
    return (
        places[left],
        places[left + 1],
        places[left + 2],
        places[left + 3],
        places[left + 4],
        places[left + 5],
        places[left + 6],
        places[left + 7],
    )


@_inline
def _down(rows):  # type: ignore[no-untyped-def]
    """Rows of the tiles of a field."""
    return -(-rows // HEIGHT) * HEIGHT


@_jit
def _fold_weights(  # type: ignore[no-untyped-def]
    positions, first, count, half, slopes, entry, state, places
):
    """Fold `count` particles, one column. Gives the next free slope, as the next two do."""
    axes = (places[0], places[1], places[2])
    for edge in range(0, count, HEIGHT):
        at = min(edge, count - HEIGHT)
        place = first + 3 * at
        fold_triples(positions, place, SIDE, half, slopes, entry, state, axes, at)
        entry += 6
    return entry


@_jit
def _fold_few(  # type: ignore[no-untyped-def]
    positions, first, rows, width, half, slopes, entry, state, places
):
    """Fold a field smaller than a tile, one by one."""
    for column in range(width):
        for row in range(rows):
            q = positions[first + row * width + column]
            k = np.rint(q * half)
            falls = k != 2.0 * np.rint(0.5 * k)
            distance = q - 2.0 * k
            state[places[column] + row] = -distance if falls else distance
            slopes[entry] = falls
            entry += 1
    return entry


@_jit
def _fold_tiles(  # type: ignore[no-untyped-def]
    positions, first, rows, width, half, slopes, entry, state, places
):
    """Fold a field tile by tile, asking for the next band meanwhile."""
    across, down = -(-width // SIDE), _down(rows)
    share = HEIGHT * width // across
    for top in range(0, rows, _FOLD_BAND):
        stop = min(top + _FOLD_BAND, rows)
        ahead = first + stop * width
        for tile in range(across):
            left = min(tile * SIDE, width - SIDE)
            targets = _eight(places, left)
            for corner in range(top, stop, HEIGHT):
                row = min(corner, rows - HEIGHT)
                place, byte = first + row * width + left, entry + tile * down + corner
                fetch(positions, ahead)
                ahead += share
                fold_rows(positions, place, width, half, slopes, byte, state, targets, row)
    return entry + across * down


@_jit
def to_state(positions, blocks, table, half, slopes, state):  # type: ignore[no-untyped-def]
    """Fold positions (B P, 3), cast them and bring them to the kernels' order (3 B P,).

    `table` has a line for every field: its first particle in a block, rows and columns. `half` is
    0.5, or 0 where there are no walls. `slopes` gets the fold's slopes. The fold is that of
    `walls`, up to |q| = 2^52.
    """
    positions, entry = positions.reshape(-1), 0
    length = positions.size // blocks
    places = np.empty(3 * table[:, 2].max(), np.int64)
    for block in range(blocks):
        for start, rows, columns in table:
            first, width = block * length + 3 * start, 3 * columns
            _set_places(3 * (blocks * start + block * rows * columns), rows, columns, places)
            if columns == 1 and rows >= HEIGHT:
                entry = _fold_weights(positions, first, rows, half, slopes, entry, state, places)
            elif rows < HEIGHT or width < SIDE:
                entry = _fold_few(positions, first, rows, width, half, slopes, entry, state, places)
            else:
                entry = _fold_tiles(
                    positions, first, rows, width, half, slopes, entry, state, places
                )


@_jit
def _force_weights(  # type: ignore[no-untyped-def]
    gradient, places, count, factor, slopes, entry, forces, first
):
    """The inverse of `_fold_weights`, with the force ``factor`` times the gradient."""
    axes = (places[0], places[1], places[2])
    for edge in range(0, count, HEIGHT):
        at = min(edge, count - HEIGHT)
        place = first + 3 * at
        force_triples(gradient, axes, at, factor, slopes, entry, forces, place, SIDE)
        entry += 6
    return entry


@_jit
def _force_few(  # type: ignore[no-untyped-def]
    gradient, places, rows, width, factor, slopes, entry, forces, first
):
    """The inverse of `_fold_few`."""
    for column in range(width):
        for row in range(rows):
            force = factor * gradient[places[column] + row]
            forces[first + row * width + column] = -force if slopes[entry] else force
            entry += 1
    return entry


@_jit
def _force_tiles(  # type: ignore[no-untyped-def]
    gradient, places, rows, width, factor, slopes, entry, forces, first
):
    """The inverse of `_fold_tiles`."""
    across, down = -(-width // SIDE), _down(rows)
    for top in range(0, rows, _FORCE_BAND):
        stop = min(top + _FORCE_BAND, rows)
        for tile in range(across):
            left = min(tile * SIDE, width - SIDE)
            origins = _eight(places, left)
            for corner in range(top, stop, HEIGHT):
                row = min(corner, rows - HEIGHT)
                place, byte = first + row * width + left, entry + tile * down + corner
                force_rows(gradient, origins, row, factor, slopes, byte, forces, place, width)
    return entry + across * down


@_jit
def to_forces(gradient, blocks, table, slopes, factor, forces):  # type: ignore[no-untyped-def]
    """Write `factor` times a gradient (3 B P,) by the folded coordinates, by the raw (B P, 3).

    The inverse of `to_state`, with the slopes it wrote.
    """
    forces, entry = forces.reshape(-1), 0
    length = forces.size // blocks
    places = np.empty(3 * table[:, 2].max(), np.int64)
    for block in range(blocks):
        for start, rows, columns in table:
            first, width = block * length + 3 * start, 3 * columns
            _set_places(3 * (blocks * start + block * rows * columns), rows, columns, places)
            if columns == 1 and rows >= HEIGHT:
                entry = _force_weights(gradient, places, rows, factor, slopes, entry, forces, first)
            elif rows < HEIGHT or width < SIDE:
                entry = _force_few(
                    gradient, places, rows, width, factor, slopes, entry, forces, first
                )
            else:
                entry = _force_tiles(
                    gradient, places, rows, width, factor, slopes, entry, forces, first
                )
