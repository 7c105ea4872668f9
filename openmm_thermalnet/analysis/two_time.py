"""Two-time correlations of all layers at one pass (arXiv:2506.06789, Eqs. 13-20)."""

from collections.abc import Sequence
from dataclasses import dataclass

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
from openmm_thermalnet.analysis.correlations import (
    Correlation,
    Kind,
    auto_overlaps,
    replica_overlaps,
    require_pairs,
    summarise,
)
from openmm_thermalnet.errors import InputError


@dataclass(frozen=True)
class LayerCorrelations:
    """One kind of correlation for a list of layers.

    Attributes
    ----------
    layers : tuple of Correlation
        One per layer.
    overall : Correlation
        The global correlation: the plain mean over layers, each layer counting once.
    """

    layers: tuple[Correlation, ...]
    overall: Correlation


@dataclass(frozen=True)
class TwoTimeCorrelations:
    """Everything `compute_correlations` gives.

    Attributes
    ----------
    auto, auto_raw : LayerCorrelations
        c_l(t, t_w), or C_l for weights, normalised and raw.
    replica, replica_raw : LayerCorrelations or None
        q_l(t, t_w), or Q_l for weights, normalised and raw; None without pairs.
    """

    auto: LayerCorrelations
    auto_raw: LayerCorrelations
    replica: LayerCorrelations | None
    replica_raw: LayerCorrelations | None


def _summarise_layers(
    per_slot: NDArray[np.float64],
    steps: NDArray[np.int64],
    samples: Samples,
    kind: Kind,
    normalized: bool,
    sizes: Sequence[int],
) -> LayerCorrelations:
    """Summarise overlaps (n_layers, T, n_slots) layer by layer and averaged over layers."""
    layers = tuple(
        summarise(values, steps, samples, kind, normalized, size)
        for values, size in zip(per_slot, sizes, strict=True)
    )
    overall = summarise(per_slot.mean(axis=0), steps, samples, kind, normalized, sum(sizes))
    return LayerCorrelations(layers, overall)


def compute_correlations(
    layers: Sequence[Frames],
    references: Sequence[ArrayLike],
    steps: ArrayLike,
    sample: ArrayLike,
    *,
    pairs: bool = True,
) -> TwoTimeCorrelations:
    """All two-time correlations of a list of layers, reading every frame once.

    Parameters
    ----------
    layers : sequence of array_like, each of shape (T, n_slots, n_l)
        Configurations of each layer.
    references : sequence of array_like, each of shape (n_slots, n_l)
        Configurations at the waiting time.
    steps : array_like of int, shape (T,)
        Steps since the waiting time.
    sample : array_like of int, shape (n_slots,)
        The sample each slot belongs to.
    pairs : bool, default True
        Compute replica correlations too; needs two replicas of every sample.

    Returns
    -------
    TwoTimeCorrelations
        Normalised and raw, per layer and averaged over layers.

    Raises
    ------
    InputError
        As `compute_autocorrelation` and `compute_replica_correlation`, and if the numbers of
        layers and references differ or are zero.
    """
    if len(layers) == 0 or len(layers) != len(references):
        raise InputError(
            f"there are {len(layers)} layers and {len(references)} references: "
            "give one reference per layer, and at least one layer"
        )
    times, samples = check_steps(steps), check_samples(sample)
    sizes = [check_layer(x, times.size, samples, k) for k, x in enumerate(layers)]
    starts = [
        check_reference(reference, n, samples, k)
        for k, (reference, n) in enumerate(zip(references, sizes, strict=True))
    ]
    if pairs:
        require_pairs(samples, "give two, or pass pairs=False to leave out replica correlations")
    shape = (2, len(layers), times.size, samples.slots.size)
    auto, replica = np.empty(shape), np.empty(shape)
    for t in range(times.size):
        for k, x in enumerate(layers):
            frame = read_frame(x, t, k)
            auto[:, k, t] = auto_overlaps(frame, starts[k])
            if pairs:
                replica[:, k, t] = replica_overlaps(frame, samples)
    return TwoTimeCorrelations(
        auto=_summarise_layers(auto[0], times, samples, "auto", True, sizes),
        auto_raw=_summarise_layers(auto[1], times, samples, "auto", False, sizes),
        replica=(
            _summarise_layers(replica[0], times, samples, "replica", True, sizes) if pairs else None
        ),
        replica_raw=(
            _summarise_layers(replica[1], times, samples, "replica", False, sizes)
            if pairs
            else None
        ),
    )
