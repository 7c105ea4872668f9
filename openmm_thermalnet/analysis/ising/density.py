"""The density of states: how many spin configurations have which energy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DensityOfStates:
    """ln g(E) of a network on bins of energy.

    Attributes
    ----------
    bin_edges : ndarray, shape (bins + 1,)
        From the lowest to the highest energy, in the units of the weights.
    log_g : ndarray, shape (bins,)
        ln of the number of configurations in each bin: ``exp(log_g).sum()`` is 2^n; -inf where
        never visited.
    error : ndarray, shape (bins,)
        Standard error of `log_g` over independent walkers; nan with one walker, inf in bins that
        some walkers have visited and others have not.
    converged : bool
        Whether every walker became flat and reached its goal; `problems` says why not.
    spins : int
        n.
    energies : ndarray, shape (bins,)
        Mean energy of the configurations met in each bin; nan where never visited.
    walkers : ndarray, shape (walkers, bins)
        ln g of each walker, normalised like `log_g`.
    lowest : float
        Lowest energy met, by the quenches or by a walker.
    log_f : float
        The largest final ln f.
    steps : int
        Attempted flips of all walkers together.
    mirrored : bool
        Whether only one half was sampled and the other half is its mirror image.
    problems : tuple of str
        What kept the walkers from converging.
    """

    bin_edges: Array
    log_g: Array
    error: Array
    converged: bool
    spins: int
    energies: Array
    walkers: Array
    lowest: float
    log_f: float
    steps: int
    mirrored: bool = False
    problems: tuple[str, ...] = field(default=())

    @property
    def width(self) -> float:
        """W = (E_max - E_min) / n of the energies met, with E_max = -E_min."""
        return -2 * self.lowest / self.spins

    @property
    def truncated(self) -> bool:
        """Whether the bins end above the lowest energy: low temperatures are out of reach."""
        return bool(self.bin_edges[0] > self.lowest)

    @property
    def asymmetry(self) -> Array:
        """Difference ln g(E) - ln g(-E), shape (bins,); nan where one of them was never visited.

        The exact g is even: flipping every second layer turns E into -E. A test of the sampling.
        """
        return _odd_part(self.log_g)

    @property
    def asymmetry_error(self) -> Array:
        """Standard error of `asymmetry` over the walkers, shape (bins,)."""
        return standard_error(np.stack([_odd_part(one) for one in self.walkers]))


def _odd_part(log_g: Array) -> Array:
    mirror = log_g[::-1]
    both = np.isfinite(log_g) & np.isfinite(mirror)
    return np.subtract(log_g, mirror, out=np.full_like(log_g, np.nan), where=both)


def standard_error(values: Array) -> Array:
    """Standard error of the mean of values (walkers, ...) over the walkers; nan for one."""
    count = len(values)
    if count < 2:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.std(axis=0, ddof=1) / math.sqrt(count))


def normalised(log_g: Array, spins: int) -> Array:
    """`log_g` shifted so that the sum of exp(log_g) is 2^n."""
    shift: float = spins * math.log(2) - logsumexp(log_g)
    return np.asarray(log_g + shift)


def combine_walkers(walkers: Array, spins: int) -> tuple[Array, Array]:
    """Mean and standard error of the walkers' ln g (walkers, bins).

    A bin that only some walkers have visited gets their mean, and the error inf.
    """
    visited = np.isfinite(walkers)
    everywhere, anywhere = visited.all(axis=0), visited.any(axis=0)
    mean = np.full(walkers.shape[1], -np.inf)
    sums = np.where(visited, walkers, 0.0).sum(axis=0)
    mean[anywhere] = sums[anywhere] / visited.sum(axis=0)[anywhere]
    error = np.full(walkers.shape[1], np.nan)
    error[everywhere] = standard_error(walkers[:, everywhere])
    error[anywhere & ~everywhere] = np.inf
    return normalised(mean, spins), error
