"""Compiled single-spin flips with incremental local fields.

An attempt costs a random number and a few look-ups; an accepted flip updates the fields of the
neurons of the two neighbouring layers, whose couplings are contiguous.
"""

from __future__ import annotations

import math

import numba

_jit = numba.njit(cache=True, nogil=True, error_model="numpy")


@numba.njit(inline="always")
def _flip(i, spins, fields, couplings, links):  # type: ignore[no-untyped-def]
    """Flip spin i and update the local fields of its neighbours."""
    spins[i] = -spins[i]
    change = 2.0 * spins[i]
    for side in range(2):
        first, count, at = links[i, side, 0], links[i, side, 1], links[i, side, 2]
        field, coupling = fields[first : first + count], couplings[at : at + count]
        for k in range(count):
            field[k] += change * coupling[k]


@_jit
def wang_landau_walk(  # type: ignore[no-untyped-def]
    attempts,
    spins,
    fields,
    couplings,
    links,
    energy,
    low,
    per_width,
    log_g,
    histogram,
    visits,
    energy_sums,
    log_f,
    clock,
    rng,
):
    """Attempt flips accepted with min(1, g(E) / g(E')), raising ln g by ln f at every attempt.

    Parameters
    ----------
    attempts : int
        How many.
    spins, fields : ndarray, shape (n,)
        Configuration and its local fields; changed.
    energy : float
        Of the configuration; inside the window.
    low, per_width : float
        Lower edge of the window, and one over the width of a bin.
    log_g, histogram, visits, energy_sums : ndarray, shape (bins,)
        ln g, visits of the stage, of the run, and the sum of the energies met; changed.
    log_f : float
        ln f while `clock` is negative.
    clock : int
        If not negative: attempts made so far, and ln f is the number of bins over the clock
        (Belardinelli and Pereyra, Phys. Rev. E 75, 046701 (2007)).
    rng : numpy.random.Generator

    Returns
    -------
    energy : float
    fresh : int
        Bins that were visited for the first time.
    lowest, highest : float
        Energies that were proposed, also outside of the window.
    """
    n, bins = spins.size, log_g.size
    occupied = 0
    for b in range(bins):
        if visits[b] > 0:
            occupied += 1
    here = min(max(int((energy - low) * per_width), 0), bins - 1)
    fresh, lowest, highest = 0, energy, energy
    for _ in range(attempts):
        drawn = rng.random() * n  # which spin, and behind the point how lucky
        i = int(drawn)
        proposed = energy + 2.0 * spins[i] * fields[i]
        lowest, highest = min(lowest, proposed), max(highest, proposed)
        position = (proposed - low) * per_width
        if 0.0 <= position < bins:
            there = int(position)
            if visits[there] == 0:  # enter it, at the height of the bin before
                log_g[there] = log_g[here]
            difference = log_g[here] - log_g[there]
            if difference >= 0.0 or drawn - i < math.exp(difference):
                _flip(i, spins, fields, couplings, links)
                energy, here = proposed, there
        if visits[here] == 0:
            fresh, occupied = fresh + 1, occupied + 1
        if clock >= 0:
            clock += 1
            log_f = occupied / clock
        log_g[here] += log_f
        histogram[here] += 1
        visits[here] += 1
        energy_sums[here] += energy
    return energy, fresh, lowest, highest


@_jit
def metropolis(attempts, spins, fields, couplings, links, temperature, rng):  # type: ignore[no-untyped-def]
    """Attempt flips of random spins accepted with min(1, exp(-dE / T)); changes spins, fields."""
    n = spins.size
    for _ in range(attempts):
        drawn = rng.random() * n
        i = int(drawn)
        rise = 2.0 * spins[i] * fields[i]
        if rise <= 0.0 or drawn - i < math.exp(-rise / temperature):
            _flip(i, spins, fields, couplings, links)


@_jit
def descend(order, spins, fields, couplings, links, rounding):  # type: ignore[no-untyped-def]
    """Flip what lowers the energy, spin after spin in a given order, until nothing does.

    Fields weaker than `rounding` count as zero.
    """
    moved = True
    while moved:
        moved = False
        for i in order:
            if spins[i] * fields[i] < -rounding:
                _flip(i, spins, fields, couplings, links)
                moved = True
