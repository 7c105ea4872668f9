"""One independent Wang-Landau walker: its energy windows, stages of ln f, and exchanges."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis.ising.kernels import wang_landau_walk
from openmm_thermalnet.analysis.ising.network import IsingNetwork
from openmm_thermalnet.analysis.ising.windows import join
from openmm_thermalnet.errors import InputError

Array = NDArray[np.float64]

_REOPEN = 2.0**-7  # ln f to which a late discovery sets a window back


@dataclass(frozen=True)
class Plan:
    """What all walkers have in common.

    Attributes
    ----------
    edges : ndarray
        Edges of the bins that are sampled.
    windows : tuple of (int, int)
        Their bins.
    flatness : float
        A histogram is flat when its lowest bin has at least this part of the mean.
    refine : bool
        Whether ln f = bins / attempts replaces halving once that is larger.
    log_f_final : float
        The goal.
    """

    edges: Array
    windows: tuple[tuple[int, int], ...]
    flatness: float
    refine: bool
    log_f_final: float


@dataclass
class Window:
    """A configuration that walks through some bins, and what it has learnt of them."""

    first: int
    last: int
    spins: Array
    energy: float
    log_f: float = 1.0
    clock: int = 0
    refining: bool = False
    log_g: Array = field(init=False)
    histogram: NDArray[np.int64] = field(init=False)
    visits: NDArray[np.int64] = field(init=False)
    energy_sums: Array = field(init=False)

    def __post_init__(self) -> None:
        bins = self.last - self.first
        self.log_g, self.energy_sums = np.zeros(bins), np.zeros(bins)
        self.histogram, self.visits = np.zeros((2, bins), dtype=np.int64)

    @property
    def chunk(self) -> int:
        """Attempts between two looks at the histogram."""
        return max(1000 * (self.last - self.first), 20_000)

    def piece(self) -> Array:
        """Curve ln g of the window, -inf where never visited."""
        return np.where(self.visits > 0, self.log_g, -np.inf)

    def flat(self, flatness: float) -> bool:
        """Whether all bins ever visited were visited about equally often in this stage."""
        counts = self.histogram[self.visits > 0]
        return bool(counts.min() >= flatness * counts.mean())


class Chain:
    """An independent walker with one configuration in every window.

    Neighbouring windows exchange configurations (replica-exchange Wang-Landau, Vogel, Li, Wuest and
    Landau, Phys. Rev. Lett. 110, 210603 (2013)), so that a window's states need not be connected
    inside it.

    Parameters
    ----------
    network : IsingNetwork
        The couplings.
    plan : Plan
        Bins, windows and stages.
    ground : ndarray, shape (n,)
        A configuration of the lowest energy known.
    seed : SeedSequence
        Of all random numbers.

    Attributes
    ----------
    steps : int
        Attempted flips.
    lowest, highest : float
        Energies proposed so far, also outside of the bins.
    """

    def __init__(
        self, network: IsingNetwork, plan: Plan, ground: Array, seed: np.random.SeedSequence
    ) -> None:
        self.plan = plan
        self.rng = np.random.Generator(np.random.PCG64(seed))
        self.steps = 0
        self.lowest, self.highest = math.inf, -math.inf
        self.windows = []
        path, energies = _path(network, ground, self.rng)
        for first, last in plan.windows:
            low, high = plan.edges[first], plan.edges[last]
            inside = np.flatnonzero((energies >= low) & (energies < high))
            if not inside.size:
                raise InputError(
                    f"no configuration was found between E = {low:.6g} and {high:.6g}; give fewer "
                    "windows or bins"
                )
            order = inside[np.argsort(energies[inside], kind="stable")]
            for place in (
                order[-1],
                order[0],
            ):  # see the highest energies, then begin at the lowest
                spins = ground.copy()
                spins[path[:place]] *= -1
                if place == order[-1]:
                    window = Window(first, last, spins, float(energies[place]))
                    self.walk(network, window)
                else:
                    window.spins, window.energy = spins, float(energies[place])
            self.windows.append(window)

    @property
    def log_f(self) -> float:
        """The largest ln f of the windows."""
        return max(window.log_f for window in self.windows)

    @property
    def flat(self) -> bool:
        """Whether every window has become flat often enough to be refined, or is finished."""
        return all(window.refining or self._finished(window) for window in self.windows)

    @property
    def finished(self) -> bool:
        """Whether every window has reached the final ln f."""
        return all(map(self._finished, self.windows))

    def advance(self, network: IsingNetwork, steps: int) -> Chain:
        """Walk until at least so many flips were attempted in all, or all windows are finished."""
        while self.steps < steps and not self.finished:
            for window in self.windows:
                self.walk(network, window)
                self._next_stage(window)
            for pair in zip(self.windows[:-1], self.windows[1:], strict=True):
                self._exchange(*pair)
        return self

    def curve(self) -> tuple[Array, bool]:
        """Curve ln g over all bins up to a constant, and whether the windows could be joined."""
        pieces = [window.piece() for window in self.windows]
        return join(pieces, self.plan.windows, len(self.plan.edges) - 1)

    def energy_sums(self) -> tuple[Array, NDArray[np.int64]]:
        """Sum of the energies met in every bin, and how many."""
        bins = len(self.plan.edges) - 1
        sums, counts = np.zeros(bins), np.zeros(bins, dtype=np.int64)
        for window in self.windows:
            sums[window.first : window.last] += window.energy_sums
            counts[window.first : window.last] += window.visits
        return sums, counts

    def walk(self, network: IsingNetwork, window: Window) -> None:
        """One chunk of a window, from fields and an energy computed anew against drift."""
        edges = self.plan.edges
        fields = network.local_fields(window.spins)
        window.energy, fresh, lowest, highest = wang_landau_walk(
            window.chunk,
            window.spins,
            fields,
            network.couplings,
            network.links,
            float(network.energies(window.spins)),
            edges[window.first],
            1 / (edges[1] - edges[0]),
            window.log_g,
            window.histogram,
            window.visits,
            window.energy_sums,
            window.log_f,
            window.clock if window.refining else -1,
            self.rng,
        )
        self.steps += window.chunk
        self.lowest, self.highest = min(self.lowest, lowest), max(self.highest, highest)
        window.clock += window.chunk
        occupied = int(np.count_nonzero(window.visits))
        if fresh and (window.refining or window.log_f < _REOPEN):
            window.log_f, window.clock, window.refining = max(_REOPEN, window.log_f), 0, False
            window.histogram[:] = 0
        elif window.refining:
            window.log_f = occupied / window.clock

    def _next_stage(self, window: Window) -> None:
        """Halve ln f if the histogram is flat; go over to bins / attempts when that is larger."""
        if window.refining or not window.flat(self.plan.flatness):
            return
        window.log_f /= 2
        window.histogram[:] = 0
        slowest = np.count_nonzero(window.visits) / window.clock
        if self.plan.refine and window.log_f < slowest:
            window.log_f, window.refining = float(slowest), True

    def _finished(self, window: Window) -> bool:
        return window.log_f <= self.plan.log_f_final

    def _exchange(self, lower: Window, upper: Window) -> None:
        """Exchange two configurations with the probability that keeps both histograms flat."""
        edges = self.plan.edges
        width = edges[1] - edges[0]
        change = 0.0
        for window, other in ((lower, upper), (upper, lower)):
            own = int((window.energy - edges[window.first]) / width)
            new = math.floor((other.energy - edges[window.first]) / width)
            if not 0 <= new < window.log_g.size or not window.visits[new]:
                return
            change += window.log_g[min(own, window.log_g.size - 1)] - window.log_g[new]
        if change >= 0 or self.rng.random() < math.exp(change):
            lower.spins, upper.spins = upper.spins, lower.spins
            lower.energy, upper.energy = upper.energy, lower.energy


def _path(
    network: IsingNetwork, ground: Array, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Array]:
    """Spins to flip one by one from E_min to E_max, and the energies on the way.

    Flipping every second layer turns E into -E, so a path between them meets every window that is
    wider than its steps.
    """
    turned = network.flipped_alternate(ground) != ground
    path = rng.permutation(np.flatnonzero(turned))
    spins = ground.copy()
    energies = [float(network.energies(spins))]
    for index in path:
        spins[index] *= -1
        energies.append(float(network.energies(spins)))
    return path, np.array(energies)
