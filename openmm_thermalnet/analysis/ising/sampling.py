"""Wang-Landau sampling of the density of states, with independent walkers in parallel."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from multiprocessing import get_context
from typing import Any, Literal

import numpy as np

from openmm_thermalnet.analysis.ising.blocks import lowest_state
from openmm_thermalnet.analysis.ising.chain import Chain, Plan
from openmm_thermalnet.analysis.ising.density import (
    Array,
    DensityOfStates,
    combine_walkers,
    normalised,
)
from openmm_thermalnet.analysis.ising.network import IsingNetwork
from openmm_thermalnet.analysis.ising.windows import split_bins
from openmm_thermalnet.arrays import plain_number
from openmm_thermalnet.errors import ConvergenceWarning, InputError, check_integer

Schedule = Literal["1/t", "sqrt"]
Advance = Callable[[list[Chain], int], list[Chain]]

_MARGIN = 1e-9  # of the range: beyond E_min and E_max, so that rounding keeps them inside
_LONGEST_ROUND = 200_000_000
_STARTS, _SWEEPS = 200, 100  # quenches that look for the ground state of a wide network


def wang_landau(
    weights: Any,
    bins: int,
    seed: int = 0,
    log_f_final: float = 1e-8,
    *,
    windows: int = 1,
    walkers: int = 4,
    flatness: float = 0.8,
    schedule: Schedule = "1/t",
    tolerance: float | None = None,
    reach: float = 1.0,
    mirrored: bool = False,
    max_steps: int = 5_000_000_000,
    processes: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> DensityOfStates:
    """Density of states of the Ising model of a network (arXiv:2209.08678).

    Single-spin flips are accepted with min(1, g(E)/g(E')), and every attempt raises ln g of the
    current bin by ln f (Wang and Landau, Phys. Rev. Lett. 86, 2050 (2001)); a flip that would leave
    the range counts the current state again. Whenever the histogram is flat ln f is halved, until
    it is smaller than bins / attempts, which it is from then on: halving alone leaves an error that
    does not decay (Belardinelli and Pereyra, Phys. Rev. E 75, 046701 (2007)). A bin that is
    discovered late sets its window back. Walkers are independent; the result is their mean.

    Parameters
    ----------
    weights : sequence of ndarray, each (N_l, N_{l-1})
        J_l; or anything of one replica that `load_weights` takes.
    bins : int
        Equal bins from the ground state energy (exact for narrow layers, else the lowest that
        quenches find) to its negative. Where energies are discrete, an odd number keeps E = 0 off
        an edge.
    seed : int
        Of everything; the result does not depend on `processes`.
    log_f_final : float, default 1e-8
        A walker is finished when ln f is as small as this.
    windows : int, default 1
        Overlapping energy windows a walker is split into, one configuration in each, which
        exchange. Saves time from some hundred bins on.
    walkers : int, default 4
        Independent ones, for the error.
    flatness : float, default 0.8
        Part of the mean that the lowest bin of a flat histogram has.
    schedule : {"1/t", "sqrt"}
        "sqrt" halves ln f to the end, as Wang and Landau did.
    tolerance : float, optional
        With "1/t", all are finished when no bin has a larger standard error; 0 goes on to
        `log_f_final`. By default 2e-4 n, since ln g reaches n ln 2, but not below 0.004.
    reach : float, default 1
        Part of the range that is covered. Close to the ground state of a rugged landscape a few
        configurations that are hard to find hold up everything.
    mirrored : bool
        Sample the lower half only and mirror it, which saves half of the time and the test of
        evenness.
    max_steps : int
        Flips attempted by a walker before it is given up.
    processes : int, default 1
        Processes the walkers are spread over; 1 keeps to this one. More need the usual
        ``if __name__ == "__main__"`` in a script.
    progress : callable, optional
        Called with a name, halvings of ln f so far, and halvings to do.
    stop : callable, optional
        Asked between rounds; True ends the sampling with what there is.

    Returns
    -------
    DensityOfStates
        With ``converged`` False, and a ConvergenceWarning, where a goal was not reached.

    Raises
    ------
    InputError
        If the weights are no network or all zero, or a parameter is out of range.
    """
    network = IsingNetwork.of(weights)
    if tolerance is None:
        tolerance = max(2e-4 * network.spins, 0.004)
    _check(bins, windows, walkers, processes, max_steps)
    _check_numbers(log_f_final, flatness, schedule, tolerance, reach)
    own_seed, *seeds = np.random.SeedSequence(check_integer("seed", seed)).spawn(walkers + 1)
    ground, _ = lowest_state(network, _STARTS, int(own_seed.generate_state(1)[0]), _SWEEPS)
    lowest = float(network.energies(ground))
    if not lowest < 0:
        raise InputError("all weights are zero; there is but one energy")
    top = -lowest * (reach + (2 * _MARGIN if reach == 1 else 0.0))
    edges = np.linspace(-top, top, bins + 1)
    half = (bins + 1) // 2 if mirrored else bins
    plan = Plan(
        edges[: half + 1],
        tuple(split_bins(half, windows)),
        flatness,
        schedule == "1/t",
        log_f_final,
    )
    chains = [Chain(network, plan, ground, each) for each in seeds]
    steps = 10 * sum(window.chunk for window in chains[0].windows)
    stopped = False
    with _pool(network, processes, walkers) as advance:
        while True:
            chains = advance(chains, min(steps, max_steps))
            if progress is not None:
                progress("Wang-Landau", *_halvings(chains, log_f_final))
            if _done(chains, tolerance, network.spins) or steps >= max_steps:
                break
            stopped = stop is not None and stop()
            if stopped:
                break
            steps += min(steps // 2, _LONGEST_ROUND)
    found = _assemble(network, chains, edges, lowest, tolerance, mirrored, stopped)
    if not found.converged:
        warnings.warn("; ".join(found.problems), ConvergenceWarning, stacklevel=2)
    return found


def _check(bins: int, windows: int, walkers: int, processes: int, max_steps: int) -> None:
    check_integer("bins", bins, 2)
    check_integer("windows", windows, 1)
    check_integer("walkers", walkers, 1)
    check_integer("processes", processes, 1)
    check_integer("max_steps", max_steps, 1)


def _check_numbers(
    log_f_final: float, flatness: float, schedule: str, tolerance: float, reach: float
) -> None:
    if not 0 < plain_number("log_f_final", log_f_final) < 1:
        raise InputError(f"log_f_final is {log_f_final}; give a number between 0 and 1")
    if not 0 < plain_number("flatness", flatness) < 1:
        raise InputError(f"flatness is {flatness}; give a number between 0 and 1")
    if schedule not in ("1/t", "sqrt"):
        raise InputError(f"schedule {schedule!r} is unknown; choose 1/t or sqrt")
    if not plain_number("tolerance", tolerance) >= 0:
        raise InputError(f"tolerance is {tolerance}; give 0 or a positive number")
    if not 0 < plain_number("reach", reach) <= 1:
        raise InputError(f"reach is {reach}; give a number above 0 and at most 1")


@contextmanager
def _pool(network: IsingNetwork, processes: int, walkers: int) -> Iterator[Advance]:
    """What advances chains: here, or in processes that live as long as the sampling."""
    if min(processes, walkers) == 1:
        yield lambda chains, steps: [chain.advance(network, steps) for chain in chains]
        return
    with ProcessPoolExecutor(min(processes, walkers), get_context("spawn")) as pool:
        yield lambda chains, steps: list(
            pool.map(Chain.advance, chains, repeat(network), repeat(steps))
        )


def _halvings(chains: list[Chain], log_f_final: float) -> tuple[int, int]:
    total = math.ceil(-math.log2(log_f_final))
    return min(math.floor(-math.log2(max(chain.log_f for chain in chains))), total), total


def _walkers(chains: list[Chain], spins: int) -> tuple[Array, bool]:
    """Normalised ln g of every walker (walkers, bins), and whether all windows were joined."""
    curves, joined = zip(*(chain.curve() for chain in chains), strict=True)
    return np.stack([normalised(curve, spins) for curve in curves]), all(joined)


def _done(chains: list[Chain], tolerance: float, spins: int) -> bool:
    """Whether all walkers are finished, or refined and agree within the tolerance."""
    if all(chain.finished for chain in chains):
        return True
    if len(chains) == 1 or not all(chain.flat for chain in chains):
        return False
    walkers, joined = _walkers(chains, spins)
    return joined and _largest(combine_walkers(walkers, spins)[1]) <= tolerance


def _largest(error: Array) -> float:
    """Largest of the errors that are numbers."""
    return float(np.nanmax(error)) if np.isfinite(error).any() else math.inf


def _assemble(
    network: IsingNetwork,
    chains: list[Chain],
    edges: Array,
    ground: float,
    tolerance: float,
    mirrored: bool,
    stopped: bool,
) -> DensityOfStates:
    """The density of states that the walkers have come to."""
    walkers, joined = _walkers(chains, network.spins)
    sums, counts = (sum(parts) for parts in zip(*(c.energy_sums() for c in chains), strict=True))
    energies = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    if mirrored:
        rest = len(edges) - 1 - walkers.shape[1]
        both = np.concatenate([walkers, walkers[:, :rest][:, ::-1]], axis=1)
        walkers = np.stack([normalised(one, network.spins) for one in both])
        energies = np.concatenate([energies, -energies[:rest][::-1]])
    log_g, error = combine_walkers(walkers, network.spins)
    lowest = min(ground, *(min(chain.lowest, -chain.highest) for chain in chains))
    problems = _problems(chains, error, joined, tolerance, stopped)
    if lowest < ground * (1 + _MARGIN):
        problems.append(
            f"the walkers met E = {lowest:.9g}, below the {ground:.9g} that bounds the "
            "bins; change the seed"
        )
    return DensityOfStates(
        bin_edges=edges,
        log_g=log_g,
        error=error,
        converged=not problems,
        spins=network.spins,
        energies=energies,
        walkers=walkers,
        lowest=lowest,
        log_f=max(chain.log_f for chain in chains),
        steps=sum(chain.steps for chain in chains),
        mirrored=mirrored,
        problems=tuple(problems),
    )


def _problems(
    chains: list[Chain], error: Array, joined: bool, tolerance: float, stopped: bool
) -> list[str]:
    """What is wrong with the walkers, in words."""
    problems = []
    if stopped:
        problems.append("stopped before the end")
    rough = sum(not chain.flat for chain in chains)
    if rough:
        problems.append(
            f"{rough} of {len(chains)} walkers never became flat; give more max_steps, fewer bins, "
            "or reach below 1"
        )
    if not joined:
        problems.append("the windows share no visited bin; give fewer windows")
    apart = int(np.isinf(error).sum())
    if apart:
        problems.append(f"{apart} bins were found by some walkers only; give more max_steps")
    unfinished = sum(not chain.finished for chain in chains)
    if unfinished and not rough and _largest(error[~np.isinf(error)]) > tolerance:
        problems.append(
            f"the largest error of ln g is {_largest(error[~np.isinf(error)]):.2g}, the tolerance "
            f"{tolerance:g}; give more max_steps"
        )
    return problems
