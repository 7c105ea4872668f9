"""The phase diagram: solid depth and its growth with the storage ratio (arXiv:2506.06789)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmm_thermalnet.analysis.line import fit_line
from openmm_thermalnet.analysis.phases import check_threshold
from openmm_thermalnet.arrays import plain_array
from openmm_thermalnet.errors import InputError

Bound = Literal["lower", "upper"]
FitErrorSource = Literal["samples", "scatter", "none"]

_LEAST_FOR_LINE = 3
_ROUNDING = 1e-24  # of sums of squares


@dataclass(frozen=True)
class SolidDepth:
    """Solid depth of a machine, one sample at a time.

    Attributes
    ----------
    depth : int
        L, layers of weights.
    per_sample : ndarray, shape (n_samples,)
        L minus the number of liquid layers of each sample; nan if one of its layers is undefined.
    mean : float
        Mean over samples; nan if one of them is.
    error : float
        Its standard error; nan for a single sample.
    bound : {"lower", "upper"} or None
        "lower" if a sample has no liquid layer, so that a deeper machine might have had more solid
        ones; "upper" if a sample has no solid hidden layer.
    """

    depth: int
    per_sample: NDArray[np.float64]
    mean: float
    error: float
    bound: Bound | None

    @property
    def liquid(self) -> float:
        """Mean liquid depth, L - `mean`; it has the same error."""
        return self.depth - self.mean


def compute_solid_depth(q_star: ArrayLike, *, threshold: float = 1 / math.e) -> SolidDepth:
    """Solid depth xi_s from the late replica correlation of every sample.

    The layers of each sample are told liquid (q_l* < 1/e) from solid by its own replicas, and xi_s
    is L minus the number of liquid ones; mean and error are those over samples. The mean is not
    the solid depth of the mean profile (`compute_phases`), from which it differs by a fraction of
    a layer where samples disagree.

    Parameters
    ----------
    q_star : array_like, shape (L - 1, n_samples)
        Normalised replica correlation of the hidden layers l = 1, ..., L - 1 in each sample.
    threshold : float, default 1/e
        Overlap below which a layer is liquid.

    Returns
    -------
    SolidDepth

    Raises
    ------
    InputError
        If there is no layer or no sample, or the threshold is not finite.
    """
    check_threshold(threshold)
    overlap = plain_array("q_star", q_star, np.float64)
    if overlap.ndim != 2 or overlap.size == 0:
        raise InputError(f"q_star has shape {overlap.shape}: give (hidden layers, samples)")
    depth, n_samples = overlap.shape[0] + 1, overlap.shape[1]
    solid = depth - (overlap < threshold).sum(axis=0).astype(np.float64)
    solid[np.isnan(overlap).any(axis=0)] = np.nan
    bound: Bound | None = None
    if (solid == depth).any():
        bound = "lower"
    elif (solid == 1).any():
        bound = "upper"
    spread = float(solid.std(ddof=1)) if n_samples > 1 else math.nan
    return SolidDepth(depth, solid, float(solid.mean()), spread / math.sqrt(n_samples), bound)


@dataclass(frozen=True)
class SolidDepthFit:
    """Straight line xi_s = offset + slope ln alpha.

    Attributes
    ----------
    slope, offset : float
        In layers.
    slope_error, offset_error : float
        Standard errors; nan if they cannot be estimated.
    chi2_per_dof : float or None
        Of the line with the errors of the points; None if those are unknown.
    error_over : {"samples", "scatter", "none"}
        Whether errors come from the differences between samples; where these are single or do not
        differ, from the scatter of the points about the line; or from nothing, if these do not
        scatter either.
    used : ndarray of bool, shape (K,)
        Points the line goes through.
    """

    slope: float
    offset: float
    slope_error: float
    offset_error: float
    chi2_per_dof: float | None
    error_over: FitErrorSource
    used: NDArray[np.bool_]


def compute_solid_depth_fit(ln_alpha: ArrayLike, depths: Sequence[SolidDepth]) -> SolidDepthFit:
    """Fit the growth of the solid depth with the logarithm of the storage ratio.

    Theory has the solid depth grow like ln alpha (H. Yoshino, SciPost Phys. Core 2, 005 (2020)).
    Points that are bounds (`SolidDepth.bound`) or undefined are left out: the line through bounds
    would be too flat. A few samples give no useful error of a single point (solid depths are whole
    numbers, and three may well be equal), so one variance of a sample is pooled from the points in
    use, and a point with n samples has this variance over n. The line is then the weighted least
    squares one.

    Parameters
    ----------
    ln_alpha : array_like, shape (K,)
        Logarithm of the storage ratio M / N of each point.
    depths : sequence of SolidDepth, length K
        Their solid depths.

    Returns
    -------
    SolidDepthFit

    Raises
    ------
    InputError
        If lengths differ, or fewer than three points at different ln alpha can be used.
    """
    x = plain_array("ln_alpha", ln_alpha, np.float64)
    if x.shape != (len(depths),):
        raise InputError(
            f"{len(depths)} solid depths for ln_alpha of shape {x.shape}: give one each"
        )
    used = np.array([d.bound is None and not math.isnan(d.mean) for d in depths], dtype=bool)
    n_values = np.unique(x[used]).size
    if n_values < _LEAST_FOR_LINE:
        raise InputError(
            f"{n_values} of {np.unique(x).size} values of ln alpha have a solid depth that is no "
            "bound: a line and its error need three"
        )
    chosen = [depth for depth, use in zip(depths, used, strict=True) if use]
    mean = np.array([depth.mean for depth in chosen])
    counts = np.array([depth.per_sample.size for depth in chosen])
    squares = sum(float(((d.per_sample - d.mean) ** 2).sum()) for d in chosen)
    freedom = int((counts - 1).sum())
    source: FitErrorSource = "samples"
    if squares > 0:
        line = fit_line(x[used], mean, squares / freedom / counts)
    else:
        line = fit_line(x[used], mean)
        source = "scatter"
        if line.chi2 < _ROUNDING * float(mean @ mean):
            line = replace(line, slope_error=math.nan, offset_error=math.nan)
            source = "none"
    return SolidDepthFit(
        slope=line.slope,
        offset=line.offset,
        slope_error=line.slope_error,
        offset_error=line.offset_error,
        chi2_per_dof=line.chi2 / line.freedom if source == "samples" else None,
        error_over=source,
        used=used,
    )
