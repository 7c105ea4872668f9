"""Relaxation times of a layer: the step at which its correlation has fallen to 1/e."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from openmm_thermalnet.analysis._frames import check_steps
from openmm_thermalnet.arrays import plain_array, plain_number
from openmm_thermalnet.errors import InputError


@dataclass(frozen=True)
class RelaxationTimes:
    """Relaxation times of the samples, averaged on the logarithmic scale.

    Attributes
    ----------
    tau : float or None
        Geometric mean over the samples that reached the threshold, in steps; None if none did.
    log_error : float
        Standard error of ln tau over those samples; nan with fewer than two.
    n_reached : int
        Number of samples that reached the threshold.
    is_lower_bound : bool
        True when some samples, but not all, reached it: the others are slower than every one that
        did, so that the geometric mean over all samples lies above `tau`.
    per_sample : tuple of (float or None)
        Relaxation time of each sample; None where it was not reached.
    """

    tau: float | None
    log_error: float
    n_reached: int
    is_lower_bound: bool
    per_sample: tuple[float | None, ...]


def compute_relaxation_time(
    steps: ArrayLike, correlation: ArrayLike, *, threshold: float = 1 / math.e
) -> float | None:
    """First step at which a normalised correlation has fallen to the threshold.

    Between the two frames that bracket the crossing the correlation is taken as linear in ln t. A
    bracket that starts at step 0, which has no logarithm, is taken as linear in t; if the first
    frame is later than step 0 and already below, the bracket starts at (0, 1), which every
    normalised correlation goes through. Frames where the correlation is nan are skipped.

    Parameters
    ----------
    steps : array_like of int, shape (T,)
        Steps since the waiting time.
    correlation : array_like, shape (T,)
        Normalised correlation at these steps.
    threshold : float, default 1/e
        Between 0 and 1.

    Returns
    -------
    float or None
        In steps; None if the threshold is not reached in the frames at hand, nan if the
        correlation is nan before it is.

    Raises
    ------
    InputError
        If shapes do not match, steps do not ascend, the threshold is outside (0, 1), or the
        correlation is below it at step 0 already.
    """
    times = check_steps(steps).astype(np.float64)
    values = plain_array("correlation", correlation, np.float64)
    if values.shape != times.shape:
        raise InputError(
            f"correlation has shape {values.shape}, steps {times.shape}: give one value per step"
        )
    if not 0 < plain_number("threshold", threshold) < 1:
        raise InputError(f"threshold {threshold} is outside (0, 1): give one inside, such as 1/e")
    reached = np.flatnonzero(~(values > threshold))  # or not a number
    if reached.size == 0:
        return None
    last = int(reached[0])
    if np.isnan(values[last]):
        return math.nan
    before, start = (0.0, 1.0) if last == 0 else (float(times[last - 1]), float(values[last - 1]))
    after, end = float(times[last]), float(values[last])
    if after == 0.0:
        raise InputError(
            f"correlation is {end:.3g} at step 0, below the threshold {threshold:.3g}: "
            "give a normalised correlation"
        )
    fraction = (start - threshold) / (start - end)
    if before == 0.0:
        return fraction * after
    return float(before * (after / before) ** fraction)


def compute_relaxation_times(
    steps: ArrayLike, per_sample: ArrayLike, *, threshold: float = 1 / math.e
) -> RelaxationTimes:
    """Relaxation time of every sample, and their geometric mean with the error of ln tau.

    Parameters
    ----------
    steps : array_like of int, shape (T,)
        Steps since the waiting time.
    per_sample : array_like, shape (T, n_samples)
        Normalised correlation of each sample, as in `Correlation.per_sample`.
    threshold : float, default 1/e
        Between 0 and 1.

    Returns
    -------
    RelaxationTimes

    Raises
    ------
    InputError
        If `per_sample` is not (T, n_samples), and as `compute_relaxation_time`.
    """
    values = plain_array("per_sample", per_sample, np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError(
            f"per-sample correlations have shape {values.shape}: give (frames, samples)"
        )
    times = tuple(compute_relaxation_time(steps, curve, threshold=threshold) for curve in values.T)
    logs = np.log([tau for tau in times if tau is not None])
    n_reached = logs.size
    return RelaxationTimes(
        tau=float(np.exp(logs.mean())) if n_reached else None,
        log_error=float(logs.std(ddof=1) / math.sqrt(n_reached)) if n_reached > 1 else math.nan,
        n_reached=n_reached,
        is_lower_bound=0 < n_reached < len(times),
        per_sample=times,
    )
