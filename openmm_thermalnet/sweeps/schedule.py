"""How long a sweep takes on so many workers: its points in turn, longest first."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple


class Makespan(NamedTuple):
    """A sweep on a number of workers.

    Attributes
    ----------
    workers : int
        How many.
    seconds : float
        From the start to the end of the last point.
    efficiency : float
        Work done over work that the workers could have done in that time.
    """

    workers: int
    seconds: float
    efficiency: float


def simulate(costs: Sequence[float], workers: int) -> Makespan:
    """List scheduling: whoever is free takes the longest point that is left.

    At most 4/3 - 1/(3 workers) times the shortest possible (Graham, SIAM J. Appl. Math. 17, 416).

    Parameters
    ----------
    costs : sequence of float
        Seconds of every point.
    workers : int
        How many, each with one point at a time.
    """
    free = [0.0] * min(workers, len(costs))
    for cost in sorted(costs, reverse=True):
        heapq.heapreplace(free, free[0] + cost)
    end = max(free, default=0.0)
    return Makespan(workers, end, sum(costs) / (workers * end) if end else 1.0)
