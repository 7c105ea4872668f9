"""Curves in time with their standard errors."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis._frames import Samples
from openmm_thermalnet.errors import InputError, check_integer

ErrorSource = Literal["samples", "replicas", "none"]


@dataclass(frozen=True)
class Curve:
    """A mean over samples as a function of the step, with its standard error.

    Attributes
    ----------
    steps : ndarray of int64, shape (T,)
        Steps since the waiting time.
    mean : ndarray, shape (T, ...)
        Mean over samples, each sample being averaged over its own replicas first.
    error : ndarray, shape (T, ...)
        Standard error of `mean`; nan where it cannot be estimated.
    error_over : {"samples", "replicas", "none"}
        What the error was taken over: the samples; the replicas of the only sample (then it says
        nothing about other samples); or nothing, too few of either.
    samples : ndarray of int64, shape (n_samples,)
        Sample labels.
    per_sample : ndarray, shape (T, n_samples, ...)
        Value of each sample.
    """

    steps: NDArray[np.int64]
    mean: NDArray[np.float64]
    error: NDArray[np.float64]
    error_over: ErrorSource
    samples: NDArray[np.int64]
    per_sample: NDArray[np.float64]

    def index_at(self, step: int | None = None) -> int:
        """Index of the last frame at or before `step`; the last of all without one.

        Raises
        ------
        InputError
            If `step` lies before the first frame.
        """
        if step is None:
            return self.steps.size - 1
        if check_integer("step", step, -math.inf) < self.steps[0]:
            raise InputError(
                f"step {step} lies before the first frame: give {self.steps[0]} or a later one"
            )
        return int(np.searchsorted(self.steps, step, side="right")) - 1


def average_replicas(values: NDArray[np.float64], samples: Samples) -> NDArray[np.float64]:
    """Average values (T, n_slots, ...) over the replicas of each sample: (T, n_samples, ...)."""
    return np.stack([values[:, member].mean(axis=1) for member in samples.members], axis=1)


def combine_samples(
    per_sample: NDArray[np.float64], left_out: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], ErrorSource]:
    """Mean over samples with its standard error.

    Parameters
    ----------
    per_sample : ndarray, shape (T, n_samples, ...)
        One value per sample.
    left_out : ndarray, shape (T, R, ...), or None
        For a single sample: its value recomputed without replica 1, ..., R. The error is then the
        delete-one jackknife, sqrt((R - 1)/R sum_a (v_a - mean v)^2).

    Returns
    -------
    mean, error : ndarray, shape (T, ...)
    error_over : {"samples", "replicas", "none"}
    """
    mean = per_sample.mean(axis=1)
    n_samples = per_sample.shape[1]
    if n_samples > 1:
        return mean, per_sample.std(axis=1, ddof=1) / np.sqrt(n_samples), "samples"
    if left_out is not None:
        n_replicas = left_out.shape[1]
        return mean, np.sqrt(n_replicas - 1) * left_out.std(axis=1), "replicas"
    return mean, np.full_like(mean, np.nan), "none"


def leave_one_out_means(values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Mean of values (T, R, ...) without each replica in turn; None for a single replica."""
    n_replicas = values.shape[1]
    if n_replicas < 2:
        return None
    total: NDArray[np.float64] = values.sum(axis=1, keepdims=True)
    left_out: NDArray[np.float64] = (total - values) / (n_replicas - 1)
    return left_out
