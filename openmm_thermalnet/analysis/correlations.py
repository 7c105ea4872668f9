"""Time and replica correlations of the layers (arXiv:2506.06789, Eqs. 13-20).

The printed correlations are raw averages, (1/n) sum x x'. The published curves start at 1 in every
layer although <x^2> < 1, so what they show is sum x x' / sqrt(sum x^2 sum x'^2). Both are here; the
normalised one is the default. A configuration that is exactly 0 has no direction: its normalised
overlaps, and every mean they enter, are nan.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.analysis._frames import (
    Frames,
    Samples,
    check_layer,
    check_reference,
    check_samples,
    check_steps,
    read_frame,
)
from openmm_thermalnet.analysis.estimates import (
    Curve,
    average_replicas,
    combine_samples,
    leave_one_out_means,
)
from openmm_thermalnet.errors import InputError

Kind = Literal["auto", "replica"]


@dataclass(frozen=True)
class Correlation(Curve):
    """A correlation of one layer (or the mean over layers) against the step.

    Attributes
    ----------
    kind : {"auto", "replica"}
        Overlap with the configuration at the waiting time, or with the sample's other replicas.
    normalized : bool
        Whether overlaps are divided by the two norms.
    n_variables : int
        Number of variables of the layer (of all layers, for the mean over layers).
    per_slot : ndarray, shape (T, n_slots)
        The overlap of each slot with its reference, or its mean overlap with the other replicas
        of its sample.
    slots : ndarray of int64, shape (n_slots,)
        Sample label of each slot.

    See Also
    --------
    Curve : the other fields.
    """

    kind: Kind
    normalized: bool
    n_variables: int
    per_slot: NDArray[np.float64]
    slots: NDArray[np.int64]


def _divide(
    product: NDArray[np.float64], square: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Normalised overlap from x.x', x.x and x'.x'; nan where a norm is zero."""
    norms = np.sqrt(square * other)
    return np.divide(product, norms, out=np.full_like(product, np.nan), where=norms > 0)


def auto_overlaps(
    frame: NDArray[np.float64], reference: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normalised and raw overlap of every slot with its reference, each (n_slots,)."""
    product = np.einsum("sn,sn->s", frame, reference)
    square = np.einsum("sn,sn->s", frame, frame)
    other = np.einsum("sn,sn->s", reference, reference)
    return _divide(product, square, other), product / frame.shape[1]


def replica_overlaps(
    frame: NDArray[np.float64], samples: Samples
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean normalised and raw overlap of every slot with its sample's other replicas."""
    normalised, raw = np.empty((2, frame.shape[0]))
    for member in samples.members:
        block = frame[member]
        gram = block @ block.T
        square = np.diag(gram).copy()
        overlap = _divide(gram, square[:, None], square[None, :])
        np.fill_diagonal(gram, 0.0)
        np.fill_diagonal(overlap, 0.0)
        normalised[member] = overlap.sum(axis=1) / (member.size - 1)
        raw[member] = gram.sum(axis=1) / ((member.size - 1) * frame.shape[1])
    return normalised, raw


def summarise(
    per_slot: NDArray[np.float64],
    steps: NDArray[np.int64],
    samples: Samples,
    kind: Kind,
    normalized: bool,
    n_variables: int,
) -> Correlation:
    """Average overlaps (T, n_slots) over replicas and samples, with the standard error."""
    per_sample = average_replicas(per_slot, samples)
    left_out = None
    if samples.labels.size == 1:
        left_out = leave_one_out_means(per_slot)
        n_replicas = per_slot.shape[1]
        if kind == "replica":
            # without replica a its own pairs go, and one term of every other slot's mean with them
            shift = per_slot - per_sample
            left_out = None if n_replicas < 3 else per_sample - 2.0 * shift / (n_replicas - 2)
    mean, error, error_over = combine_samples(per_sample, left_out)
    return Correlation(
        steps=steps,
        mean=mean,
        error=error,
        error_over=error_over,
        samples=samples.labels,
        per_sample=per_sample,
        kind=kind,
        normalized=normalized,
        n_variables=n_variables,
        per_slot=per_slot,
        slots=samples.slots,
    )


def require_pairs(samples: Samples, remedy: str) -> None:
    """Refuse samples of a single replica.

    Raises
    ------
    InputError
        If there is one.
    """
    for label, member in zip(samples.labels, samples.members, strict=True):
        if member.size < 2:
            raise InputError(f"sample {label} has a single replica: {remedy}")


def compute_autocorrelation(
    x: Frames,
    reference: ArrayLike,
    steps: ArrayLike,
    sample: ArrayLike,
    *,
    normalized: bool = True,
) -> Correlation:
    """Autocorrelation of one layer to its configuration at the waiting time.

    Normalised, c(t, t_w) = sum x x' / sqrt(sum x^2 sum x'^2) with x' = x(t_w); raw, (1/n) sum x x'.
    The overlap of each slot is averaged over the replicas of its sample, then over samples.

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
    normalized : bool, default True
        Divide by the norms.

    Returns
    -------
    Correlation
        The error is the standard error over samples, or over replicas when there is one sample.

    Raises
    ------
    InputError
        If shapes do not match, there is no frame, steps do not ascend, or replicas of a sample do
        not share their reference.
    """
    times, samples = check_steps(steps), check_samples(sample)
    n = check_layer(x, times.size, samples)
    start = check_reference(reference, n, samples)
    choice = 0 if normalized else 1
    per_slot = np.stack([auto_overlaps(read_frame(x, t), start)[choice] for t in range(times.size)])
    return summarise(per_slot, times, samples, "auto", normalized, n)


def compute_replica_correlation(
    x: Frames, steps: ArrayLike, sample: ArrayLike, *, normalized: bool = True
) -> Correlation:
    """Correlation between replicas of the same sample at equal time, q(t, t_w).

    Averaged over the pairs of a sample, then over samples. With a single sample the error is a
    jackknife over replicas, since pairs that share a replica are not independent. It is right when
    the overlaps vary through the replicas (q_ab = g_a + g_b) and errs on the safe side when every
    pair varies on its own, by sqrt(2 (R - 1) / (R - 2)); it needs three replicas.

    Parameters
    ----------
    x : array_like, shape (T, n_slots, n)
        Configurations, read one frame at a time.
    steps : array_like of int, shape (T,)
        Steps since the waiting time.
    sample : array_like of int, shape (n_slots,)
        The sample each slot belongs to; at least two slots of each.
    normalized : bool, default True
        Divide by the norms.

    Returns
    -------
    Correlation

    Raises
    ------
    InputError
        If a sample has a single replica, shapes do not match or steps do not ascend.
    """
    times, samples = check_steps(steps), check_samples(sample)
    n = check_layer(x, times.size, samples)
    require_pairs(samples, "replica correlations need at least two per sample")
    choice = 0 if normalized else 1
    per_slot = np.stack(
        [replica_overlaps(read_frame(x, t), samples)[choice] for t in range(times.size)]
    )
    return summarise(per_slot, times, samples, "replica", normalized, n)
