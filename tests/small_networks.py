"""Small Ising networks whose every configuration is counted."""

import itertools
import math

import numpy as np

from openmm_thermalnet.analysis import ising


def random_network(widths, seed):
    """Gaussian weights between layers of these widths."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(rows, columns)) for columns, rows in itertools.pairwise(widths)]


def chain(spins, coupling=1.0):
    """One spin per layer."""
    return [np.full((1, 1), coupling)] * (spins - 1)


def configurations(spins):
    """All of them, (2^n, n)."""
    return np.array(list(itertools.product((-1.0, 1.0), repeat=spins)))


def all_energies(weights):
    """Energy of every configuration, written out bond by bond."""
    widths = [weights[0].shape[1], *(len(matrix) for matrix in weights)]
    offsets = np.cumsum([0, *widths])
    spins = configurations(offsets[-1])
    energies = np.zeros(len(spins))
    for layer, matrix in enumerate(weights):
        for (i, j), coupling in np.ndenumerate(matrix):
            energies -= coupling * spins[:, offsets[layer + 1] + i] * spins[:, offsets[layer] + j]
    return energies


def counted(energies, edges):
    """Logarithm of the number of configurations in every bin."""
    counts = np.histogram(energies, edges)[0]
    assert counts.sum() == len(energies)
    with np.errstate(divide="ignore"):
        return np.log(counts)


def exact_density(weights, bins):
    """Density of states by counting, for what is computed from it."""
    energies = all_energies(weights)
    lowest = float(energies.min())
    edges = np.linspace(lowest * (1 + 1e-9), -lowest * (1 + 1e-9), bins + 1)
    log_g = counted(energies, edges)
    sums = np.histogram(energies, edges, weights=energies)[0]
    counts = np.exp(log_g)
    means = np.divide(sums, counts, out=np.full(bins, np.nan), where=counts > 0)
    spins = round(math.log2(energies.size))
    return ising.DensityOfStates(
        bin_edges=edges,
        log_g=log_g,
        error=np.zeros(bins),
        converged=True,
        spins=spins,
        energies=means,
        walkers=log_g[None],
        lowest=lowest,
        log_f=0.0,
        steps=0,
    )
