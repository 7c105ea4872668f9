"""How far the weights of a network have moved: the overlap of arXiv:2405.13098 and its null."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfinv

from openmm_thermalnet.analysis._frames import (
    Frames,
    check_layer,
    check_reference,
    check_samples,
    check_steps,
    read_frame,
)
from openmm_thermalnet.analysis.correlations import Correlation, summarise
from openmm_thermalnet.arrays import plain_array, plain_number
from openmm_thermalnet.errors import InputError


def compute_overlap_width(reference: ArrayLike, a: float) -> NDArray[np.float64]:
    """Distance within which a weight counts as unmoved, eps = (std of all weights) / a.

    Parameters
    ----------
    reference : array_like, shape (n_slots, n)
        The weights of each slot at t0.
    a : float
        How many times smaller than their deviation.

    Returns
    -------
    ndarray, shape (n_slots,)

    Raises
    ------
    InputError
        If `a` is not above 0, the shape is another, a weight is not finite, or all weights of a
        slot are equal.
    """
    weights = plain_array("reference", reference, np.float64)
    if weights.ndim != 2:
        raise InputError(f"weights at t0 have shape {weights.shape}: give (slots, weights)")
    if not 0 < plain_number("a", a) < np.inf:
        raise InputError(f"the overlap's divisor a is {a}: give a number above 0, such as 500")
    broken = np.flatnonzero(~np.isfinite(weights).all(axis=1)).tolist()
    if broken:
        raise InputError(f"weights at t0 are not finite in replicas {broken}: leave these out")
    deviations = weights.std(axis=1)
    if not (deviations > 0).all():
        slot = int(np.flatnonzero(~(deviations > 0))[0])
        raise InputError(
            f"the weights of slot {slot} are all equal at t0: an overlap of the zero network says "
            "nothing, give another run"
        )
    widths: NDArray[np.float64] = deviations / a
    return widths


def compute_weight_overlap(
    x: Frames, reference: ArrayLike, steps: ArrayLike, sample: ArrayLike, width: ArrayLike
) -> Correlation:
    """Overlap C(t, t0): the fraction of weights with |w(t0 + t) - w(t0)| <= eps.

    Parameters
    ----------
    x : array_like, shape (T, n_slots, n)
        Weights, read one frame at a time.
    reference : array_like, shape (n_slots, n)
        Weights at t0; replicas of a sample need not share them.
    steps : array_like of int, shape (T,)
        Steps since t0.
    sample : array_like of int, shape (n_slots,)
        The sample each slot belongs to.
    width : array_like, shape (n_slots,) or a number
        eps, from `compute_overlap_width`.

    Returns
    -------
    Correlation
        Of kind "auto", normalised: 1 at t = 0. `compute_chi4` of it is the four-point
        susceptibility n (<C^2> - <C>^2). The error is over samples, or over replicas when there
        is one sample.

    Raises
    ------
    InputError
        If shapes do not match, there is no frame, steps do not ascend, or a width is not above 0.
    """
    times, samples = check_steps(steps), check_samples(sample)
    n = check_layer(x, times.size, samples)
    start = check_reference(reference, n, samples, shared=False)
    widths = plain_array("width", width, np.float64)
    if widths.shape not in ((), samples.slots.shape) or not (widths > 0).all():
        raise InputError(
            f"the overlap's width is {widths.tolist()}: give a length above 0, or one for each of "
            f"the {samples.slots.size} slots"
        )
    reach = np.broadcast_to(widths, samples.slots.shape)[:, None]
    per_slot = np.stack(
        [(np.abs(read_frame(x, t) - start) <= reach).mean(axis=1) for t in range(times.size)]
    )
    return summarise(per_slot, times, samples, "auto", True, n)


def compute_gaussian_overlap(width: ArrayLike, msd: ArrayLike) -> NDArray[np.float64]:
    """Overlap of weights with Gaussian displacements, erf(eps / sqrt(2 <dw^2>)).

    With <dw^2> = 2 D t it is the free walk's, erf(eps / sqrt(4 D t)), which itself falls as
    t^(-1/2): the null beside which an exponent must be shown. D = (kT/P) eta for the update
    w <- w - eta grad L + sqrt(2 kT eta / P) xi, t in steps.

    Parameters
    ----------
    width : array_like
        eps.
    msd : array_like
        Mean squared displacement, not negative; broadcast with `width`.

    Returns
    -------
    ndarray
        1 where the displacement is 0, nan where a number is nan.
    """
    eps, squared = np.broadcast_arrays(
        plain_array("width", width, np.float64), plain_array("msd", msd, np.float64)
    )
    deviation = np.sqrt(2 * squared)
    ratio = np.divide(
        eps, deviation, out=np.where(np.isnan(eps), np.nan, np.inf), where=deviation != 0
    )
    return np.asarray(erf(ratio))


def compute_free_walk_time(
    width: ArrayLike, diffusion: float, *, threshold: float = float(np.exp(-1))
) -> NDArray[np.float64]:
    """Steps after which the overlap of a free walk has fallen to the threshold.

    eps^2 / (4 D erfinv(threshold)^2), infinite without diffusion.

    Parameters
    ----------
    width : array_like
        eps.
    diffusion : float
        D, per step.
    threshold : float, default 1/e
        Between 0 and 1.

    Returns
    -------
    ndarray

    Raises
    ------
    InputError
        If the threshold is outside (0, 1), or a number is none.
    """
    squared = plain_array("width", width, np.float64) ** 2
    if not 0 < plain_number("threshold", threshold) < 1:
        raise InputError(f"threshold {threshold} is outside (0, 1): give one inside, such as 1/e")
    if plain_number("diffusion", diffusion) == 0:
        return np.where(np.isnan(squared), np.nan, np.inf)
    return np.asarray(squared / (4 * diffusion * erfinv(threshold) ** 2))
