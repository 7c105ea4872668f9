"""Dynamic heterogeneity of a layer, as for glass formers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.analysis._frames import (
    Frames,
    check_layer,
    check_reference,
    check_samples,
    check_steps,
    read_frame,
)
from openmm_thermalnet.analysis.correlations import Correlation
from openmm_thermalnet.analysis.estimates import (
    Curve,
    average_replicas,
    combine_samples,
    leave_one_out_means,
)
from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError, check_integer


@dataclass(frozen=True)
class Displacements:
    """Moments of the displacements since the waiting time.

    Attributes
    ----------
    msd : Curve
        Mean squared displacement, <dx^2>.
    alpha_2 : Curve
        Non-Gaussian parameter, <dx^4> / (3 <dx^2>^2) - 1; nan where nothing has moved.
    """

    msd: Curve
    alpha_2: Curve


@dataclass(frozen=True)
class VanHove:
    """Self part of the van Hove function, the density of displacements.

    Attributes
    ----------
    edges : ndarray, shape (n_bins + 1,)
        Bin edges in dx, or in log10 |dx|.
    density : Curve
        G_s(dx, t): mean and error of shape (n_frames, n_bins), steps of the chosen frames.
    """

    edges: NDArray[np.float64]
    density: Curve


def _non_gaussian(second: NDArray[np.float64], fourth: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.divide(
        fourth, 3.0 * second**2, out=np.full_like(second, np.nan), where=second**2 > 0
    )
    return ratio - 1.0


def compute_displacements(
    x: Frames,
    reference: ArrayLike,
    steps: ArrayLike,
    sample: ArrayLike,
    *,
    shared_start: bool = True,
) -> Displacements:
    """Mean squared displacement and non-Gaussian parameter of the variables of one layer.

    With dx = x(t_w + t) - x(t_w), averaged over variables and the replicas of a sample;
    alpha_2 is formed from the moments of each sample, then averaged over samples. Variables that
    have forgotten their start and fill the box [-1, 1] evenly have <dx^2> = 2/3, alpha_2 = -1/5.

    Parameters
    ----------
    x : array_like, shape (T, n_slots, n)
        Configurations, read one frame at a time.
    reference : array_like, shape (n_slots, n)
        The configuration at the waiting time.
    steps : array_like of int, shape (T,)
        Steps since the waiting time.
    sample : array_like of int, shape (n_slots,)
        The sample each slot belongs to.
    shared_start : bool, default True
        Whether replicas of a sample must have one configuration at the waiting time; give False
        for replicas that went their own ways before it.

    Returns
    -------
    Displacements
        Errors over samples, or by jackknife over replicas when there is one sample.

    Raises
    ------
    InputError
        If shapes do not match, there is no frame, or steps do not ascend.
    """
    times, samples = check_steps(steps), check_samples(sample)
    n = check_layer(x, times.size, samples)
    start = check_reference(reference, n, samples, shared=shared_start)
    second, fourth = np.empty((2, times.size, samples.slots.size))
    for t in range(times.size):
        squared = (read_frame(x, t) - start) ** 2
        second[t] = squared.mean(axis=1)
        fourth[t] = np.einsum("sn,sn->s", squared, squared) / n
    means = average_replicas(second, samples), average_replicas(fourth, samples)
    left_second = left_fourth = left_alpha = None
    if samples.labels.size == 1:
        left_second, left_fourth = leave_one_out_means(second), leave_one_out_means(fourth)
    if left_second is not None and left_fourth is not None:
        left_alpha = _non_gaussian(left_second, left_fourth)
    alpha = _non_gaussian(*means)
    return Displacements(
        msd=Curve(times, *combine_samples(means[0], left_second), samples.labels, means[0]),
        alpha_2=Curve(times, *combine_samples(alpha, left_alpha), samples.labels, alpha),
    )


def compute_chi4(autocorrelation: Correlation) -> Curve:
    """Four-point susceptibility chi_4(t, t_w) = n (<c^2> - <c>^2) over replicas.

    c is the overlap of a replica with the configuration at the waiting time and n the number of
    variables, so independent variables give a number of order 1: for the raw overlap
    c = (1/n) sum x x', exactly (1/n) sum x'^2 var(x). The variance is the unbiased one, with
    R - 1, within each sample (fluctuations of the dynamics from one start, not between starts);
    the result is the mean over samples. Raw or normalised is that of the correlation given.

    Parameters
    ----------
    autocorrelation : Correlation
        From `compute_autocorrelation`, or a layer of `compute_correlations(...).auto`.

    Returns
    -------
    Curve
        The error is over samples, or by jackknife over replicas when there is one sample, which
        needs three replicas.

    Raises
    ------
    InputError
        If a replica correlation is given, or a sample has a single replica.
    """
    if autocorrelation.kind != "auto":
        raise InputError("chi_4 of a replica correlation is not defined: give an autocorrelation")
    samples = check_samples(autocorrelation.slots)
    if samples.fewest < 2:
        raise InputError("a sample has a single replica: chi_4 needs at least two of each")
    n = autocorrelation.n_variables
    overlaps = autocorrelation.per_slot
    chi = n * np.stack([overlaps[:, m].var(axis=1, ddof=1) for m in samples.members], axis=1)
    left_out = None
    n_replicas = overlaps.shape[1]
    if samples.labels.size == 1 and n_replicas > 2:
        shift = overlaps - overlaps.mean(axis=1, keepdims=True)
        squares = (shift**2).sum(axis=1, keepdims=True)
        # dropping one value lowers the sum of squares about the mean by R/(R-1) shift^2
        left_out = n * (squares - n_replicas / (n_replicas - 1) * shift**2) / (n_replicas - 2)
    return Curve(
        autocorrelation.steps, *combine_samples(chi, left_out), autocorrelation.samples, chi
    )


def compute_van_hove(
    x: Frames,
    reference: ArrayLike,
    steps: ArrayLike,
    sample: ArrayLike,
    frames: Sequence[int],
    *,
    bins: int = 101,
    limits: tuple[float, float] = (-2.0, 2.0),
) -> VanHove:
    """Self part of the van Hove function, G_s(dx, t), at chosen frames.

    The density of displacements dx = x(t_w + t) - x(t_w) over variables and replicas of a sample,
    averaged over samples. It integrates to 1 over the full range, which in the box is [-2, 2].

    Parameters
    ----------
    x : array_like, shape (T, n_slots, n)
        Configurations; only the chosen frames are read.
    reference : array_like, shape (n_slots, n)
        The configuration at the waiting time.
    steps : array_like of int, shape (T,)
        Steps since the waiting time.
    sample : array_like of int, shape (n_slots,)
        The sample each slot belongs to.
    frames : sequence of int
        Indices of the frames, ascending, from 0 to T - 1.
    bins : int, default 101
        Number of bins.
    limits : tuple of float, default (-2, 2)
        First and last bin edge.

    Returns
    -------
    VanHove

    Raises
    ------
    InputError
        If shapes do not match, a frame is not there, or bins or limits are empty.
    """
    edges = _edges(bins, limits)
    return VanHove(edges, _densities(x, reference, steps, sample, frames, edges))


def compute_log_displacements(
    x: Frames,
    reference: ArrayLike,
    steps: ArrayLike,
    sample: ArrayLike,
    frames: Sequence[int],
    *,
    bins: int = 80,
    limits: tuple[float, float] = (-7.0, 1.0),
) -> VanHove:
    """Distribution of log10 |dx| at chosen frames, where slow and fast variables stand apart.

    The density of log10 |dx|, dx = x(t_w + t) - x(t_w), per decade, over the variables and
    replicas of a sample, averaged over samples. Displacements beyond the limits, such as those of
    variables that did not move at all, are left out: the density then integrates to less than 1.
    Gaussian displacements of variance s^2 have the density
    ln(10) sqrt(2/pi) (u/s) exp(-u^2 / (2 s^2)) at log10 u.

    Parameters
    ----------
    x : array_like, shape (T, n_slots, n)
        Configurations; only the chosen frames are read.
    reference : array_like, shape (n_slots, n)
        The configuration at the waiting time; replicas of a sample need not share it.
    steps : array_like of int, shape (T,)
        Steps since the waiting time.
    sample : array_like of int, shape (n_slots,)
        The sample each slot belongs to.
    frames : sequence of int
        Indices of the frames, ascending, from 0 to T - 1.
    bins : int, default 80
        Number of bins.
    limits : tuple of float, default (-7, 1)
        First and last bin edge in log10 |dx|.

    Returns
    -------
    VanHove
        Edges in log10 |dx|.

    Raises
    ------
    InputError
        If shapes do not match, a frame is not there, or bins or limits are empty.
    """
    edges = _edges(bins, limits)
    return VanHove(edges, _densities(x, reference, steps, sample, frames, edges, logarithmic=True))


def _edges(bins: int, limits: tuple[float, float]) -> NDArray[np.float64]:
    low, high = plain_array("limits", limits, np.float64).tolist()
    if not low < high:
        raise InputError(f"limits go from {low} to {high}: give them ascending")
    return np.linspace(low, high, check_integer("bins", bins, 1) + 1)


def _densities(
    x: Frames,
    reference: ArrayLike,
    steps: ArrayLike,
    sample: ArrayLike,
    frames: Sequence[int],
    edges: NDArray[np.float64],
    *,
    logarithmic: bool = False,
) -> Curve:
    """Density of dx at the chosen frames; if `logarithmic`, of log10 |dx|, from any starts."""
    times, samples = check_steps(steps), check_samples(sample)
    n = check_layer(x, times.size, samples)
    start = check_reference(reference, n, samples, shared=not logarithmic)
    chosen = check_steps(frames, name="frames")
    if chosen[-1] >= times.size:
        raise InputError(f"frame {chosen[-1]} is not there: give indices below {times.size}")
    per_slot = np.empty((chosen.size, samples.slots.size, edges.size - 1))
    for i, frame in enumerate(chosen):
        displacement = read_frame(x, int(frame)) - start
        for slot, values in enumerate(displacement):
            if logarithmic:
                values = np.log10(np.abs(values[values != 0]))
            per_slot[i, slot] = np.histogram(values, edges)[0] / (n * np.diff(edges))
    density = average_replicas(per_slot, samples)
    left_out = leave_one_out_means(per_slot) if samples.labels.size == 1 else None
    return Curve(times[chosen], *combine_samples(density, left_out), samples.labels, density)
