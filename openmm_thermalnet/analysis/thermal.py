"""Late-time averages of energy and accuracy: E* and A* against ln alpha."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from openmm_thermalnet.analysis._frames import check_samples, check_steps
from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError, check_integer


@dataclass(frozen=True)
class LateAverage:
    """Average of an observable over late times.

    Attributes
    ----------
    mean : float
        Mean over late frames and samples.
    error : float
        Its standard error; nan if it cannot be estimated.
    error_over : {"samples", "blocks", "none"}
        Taken over the samples, or with a single one over blocks of time (then it says nothing
        about other samples).
    n_frames : int
        Number of late frames.
    per_sample : ndarray, shape (n_samples,)
        Late average of each sample.
    """

    mean: float
    error: float
    error_over: Literal["samples", "blocks", "none"]
    n_frames: int
    per_sample: NDArray[np.float64]


def compute_energy_ratio(energy: ArrayLike) -> NDArray[np.float64]:
    """Energy relative to the start of each replica, E(t) / E(0).

    Parameters
    ----------
    energy : array_like, shape (T,) or (T, n_slots)
        Energies, the first frame at t = 0.

    Returns
    -------
    ndarray
        Same shape, 1 in the first frame.

    Raises
    ------
    InputError
        If there is no frame or an initial energy is not above 0.
    """
    values = plain_array("energy", energy, np.float64)
    if values.ndim not in (1, 2) or values.size == 0:
        raise InputError(f"energy has shape {values.shape}: give (frames,) or (frames, slots)")
    if not (values[0] > 0).all():
        raise InputError(
            f"initial energy {np.min(values[0])} is not above 0: give the energy from the start on"
        )
    ratio: NDArray[np.float64] = values / values[0]
    return ratio


def compute_block_error(values: ArrayLike) -> float:
    """Error of the mean of a correlated time series, by block averaging.

    Neighbours are averaged pairwise again and again (Flyvbjerg and Petersen, J. Chem. Phys. 91,
    461 (1989)) until no correlation between blocks is seen by the chi-squared test of Jonsson,
    Phys. Rev. E 98, 043304 (2018), at 99 %. What may be left between neighbouring blocks, rho, is
    then added, (1 + 2 rho) s^2 / n: without it the error of a correlated series is 15 % too small.
    The series should be 100 correlation times long or more, otherwise it still comes out small.

    Parameters
    ----------
    values : array_like, shape (T,)
        Evenly spaced values of a stationary series.

    Returns
    -------
    float
        nan for a single value.

    Raises
    ------
    InputError
        If the series is empty or has more than one dimension.
    """
    series: NDArray[np.float64] = plain_array("values", values, np.float64)
    if series.ndim != 1 or series.size == 0:
        raise InputError(f"series has shape {series.shape}: give at least one value, in time order")
    if series.size == 1:
        return math.nan
    sizes, variances, correlations = [], [], []
    while series.size > 1:
        shift = series - series.mean()
        sizes.append(series.size)
        variances.append(float(shift @ shift) / series.size)
        correlations.append(float(shift[1:] @ shift[:-1]) / series.size)
        even = series.size // 2 * 2
        series = 0.5 * (series[:even:2] + series[1:even:2])
    size, variance = np.array(sizes), np.array(variances)
    ratio = np.divide(correlations, variance, out=np.zeros(size.size), where=variance > 0)
    ratio += (size - 1) / size**2  # the mean is subtracted: uncorrelated values give about -1/n
    remaining = np.cumsum((size * ratio**2)[::-1])[::-1]
    allowed = np.asarray(stats.chi2.ppf(0.99, np.arange(size.size, 0, -1)))
    level = int(np.argmax(np.append(remaining[:-1] < allowed[:-1], True)))
    left = max(float(ratio[level]), 0.0)
    return math.sqrt((1.0 + 2.0 * left) * variance[level] / (size[level] - 1))


def compute_late_average(
    steps: ArrayLike, values: ArrayLike, sample: ArrayLike, *, start: int
) -> LateAverage:
    """Average of an observable from a step on, with its error.

    Slots are averaged within their sample first, frames count equally. With several samples the
    error is the standard error over samples; with one, that of block averaging in time.

    Parameters
    ----------
    steps : array_like of int, shape (T,)
        Steps of the frames.
    values : array_like, shape (T, n_slots)
        The observable, such as E(t)/E(0) or A(t).
    sample : array_like of int, shape (n_slots,)
        The sample each slot belongs to.
    start : int
        First step that counts as late.

    Returns
    -------
    LateAverage

    Raises
    ------
    InputError
        If shapes do not match, a value is not finite, no frame is late, or the error needs block
        averaging and the late frames are not evenly spaced.
    """
    times, samples = check_steps(steps), check_samples(sample)
    array = plain_array("values", values, np.float64)
    expected = (times.size, samples.slots.size)
    if array.shape != expected:
        raise InputError(f"values have shape {array.shape}: give (frames, slots) = {expected}")
    late = times >= check_integer("start", start, -math.inf)
    if not late.any():
        raise InputError(f"no frame lies at or after step {start}: give at most {times[-1]}")
    array = array[late]
    if not np.isfinite(array).all():
        raise InputError("a late value is not finite: leave out the slots where the run broke down")
    series = np.stack([array[:, member].mean(axis=1) for member in samples.members], axis=1)
    per_sample = series.mean(axis=0)
    mean, n_frames = float(per_sample.mean()), int(late.sum())
    if per_sample.size > 1:
        error = float(per_sample.std(ddof=1)) / math.sqrt(per_sample.size)
        return LateAverage(mean, error, "samples", n_frames, per_sample)
    spacing = np.diff(times[late])
    if np.unique(spacing).size > 1:
        raise InputError(
            f"late frames are {spacing.min()} to {spacing.max()} steps apart: "
            "block averaging of a single sample needs them evenly spaced"
        )
    error = compute_block_error(series[:, 0])
    return LateAverage(mean, error, "none" if n_frames < 2 else "blocks", n_frames, per_sample)
