"""The problem that every contender solves, and the face that the harness sees."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Problem:
    """One network, its data and its dynamics.

    Parameters
    ----------
    M, N, L, N0, NL
        Patterns, hidden width, depth (number of weight layers), input width, output width.
    replicas
        Machines advanced together, by the contenders that can.
    dt, kT, eta
        Time step, temperature and per-step friction, in reduced units.
    seed
        Seed of the start and of the noise.
    inputs, targets
        Patterns (M, N0) and labels (M, NL), float32.
    """

    M: int
    N: int
    L: int
    N0: int
    NL: int
    replicas: int
    dt: float
    kT: float
    eta: float
    seed: int
    inputs: FloatArray
    targets: FloatArray

    @classmethod
    def random(
        cls,
        M: int,
        N: int,
        L: int,
        *,
        N0: int = 784,
        NL: int = 2,
        replicas: int = 3,
        dt: float = 0.01,
        kT: float = 1e-5,
        eta: float = 1e-3,
        seed: int = 0,
        label: float = 1.0,
    ) -> Problem:
        """Random patterns with as many white pixels as MNIST has (one in five), one-hot labels."""
        rng = np.random.default_rng(seed)
        inputs = np.where(rng.random((M, N0)) < 0.2, 1.0, -1.0).astype(np.float32)
        classes = rng.integers(NL, size=M)
        targets = np.where(np.arange(NL) == classes[:, None], label, -label).astype(np.float32)
        return cls(M, N, L, N0, NL, replicas, dt, kT, eta, seed, inputs, targets)

    @property
    def widths(self) -> tuple[int, ...]:
        """Layer widths (N0, N, ..., N, NL)."""
        return (self.N0, *[self.N] * (self.L - 1), self.NL)

    @property
    def spins(self) -> int:
        """Free spins of one machine."""
        return self.M * self.N * (self.L - 1)

    @property
    def weights(self) -> int:
        """Weights of one machine."""
        w = self.widths
        return sum(a * b for a, b in itertools.pairwise(w))

    @property
    def size(self) -> int:
        """P: free variables of one machine."""
        return self.spins + self.weights

    @property
    def friction_rate(self) -> float:
        """Friction per unit time that equals ``eta`` per step."""
        return -math.log1p(-self.eta) / self.dt

    def start(self) -> FloatArray:
        """Draw the common random start (replicas, P), uniform in (-1, 1), float32."""
        rng = np.random.default_rng(self.seed + 1)
        return rng.uniform(-1, 1, (self.replicas, self.size)).astype(np.float32)

    def start_velocities(self) -> FloatArray:
        """Maxwell-Boltzmann velocities (replicas, P), float32."""
        rng = np.random.default_rng(self.seed + 2)
        v = rng.standard_normal((self.replicas, self.size)) * math.sqrt(self.kT)
        return v.astype(np.float32)

    def split(self, x: FloatArray) -> tuple[list[FloatArray], list[FloatArray]]:
        """Cut (..., P) into the spins (..., M, N) and the weights (..., N_l, N_{l-1})."""
        lead, w, at = x.shape[:-1], self.widths, 0
        shapes = [(self.M, self.N)] * (self.L - 1)
        shapes += [(w[k], w[k - 1]) for k in range(1, self.L + 1)]
        parts = []
        for shape in shapes:
            n = math.prod(shape)
            parts.append(x[..., at : at + n].reshape(*lead, *shape))
            at += n
        return parts[: self.L - 1], parts[self.L - 1 :]


class Peer(Protocol):
    """What the harness asks of a contender.

    Arrays are (machines, P) in the order of the package: spins l = 1..L-1 as [mu, i], then the
    weights l = 1..L as [i, j]; positions are inside the walls.
    """

    name: str
    machines: int

    def __init__(self, problem: Problem) -> None: ...

    def step(self, n: int) -> None:
        """Advance by n steps and wait for the result."""

    def positions(self) -> FloatArray:
        """Positions (machines, P)."""

    def energies(self) -> FloatArray:
        """Layer energies (machines, L)."""

    def gradients(self) -> FloatArray:
        """Gradient of the energy (machines, P)."""
