"""Ageing: how relaxation slows down with the waiting time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from openmm_thermalnet.analysis._frames import check_steps
from openmm_thermalnet.analysis.line import fit_line
from openmm_thermalnet.arrays import plain_array, plain_numbers
from openmm_thermalnet.errors import InputError


@dataclass(frozen=True)
class AgeingFit:
    """Power law tau = prefactor * t_w^exponent.

    Attributes
    ----------
    exponent : float
        0 without ageing, 1 for simple ageing (correlations depend on t / t_w).
    exponent_error : float
        Its standard error; nan if it cannot be estimated (two points without errors).
    prefactor : float
        In steps^(1 - exponent).
    n_used : int
        Number of waiting times whose relaxation time was reached.
    """

    exponent: float
    exponent_error: float
    prefactor: float
    n_used: int


def compute_ageing(
    waiting_steps: ArrayLike,
    tau: Sequence[float | None],
    log_error: ArrayLike | None = None,
) -> AgeingFit:
    """Fit the growth of the relaxation time with the waiting time, tau ~ t_w^mu.

    A straight line through ln tau against ln t_w by least squares. With errors of ln tau the
    points are weighted by them and the error of the exponent follows from them; without, it is
    estimated from the scatter about the line.

    Parameters
    ----------
    waiting_steps : array_like of int, shape (K,)
        Waiting times in steps, above 0 and ascending.
    tau : sequence of (float or None), length K
        Relaxation times in steps. Those that were not reached are left out; if they are the
        longest ones, as they usually are, the exponent comes out too small.
    log_error : array_like, shape (K,), optional
        Standard errors of ln tau, as `RelaxationTimes.log_error`.

    Returns
    -------
    AgeingFit

    Raises
    ------
    InputError
        If waiting times do not ascend from above 0, lengths differ, fewer than two relaxation
        times were reached, or an error in use is not above 0.
    """
    waiting = check_steps(waiting_steps, name="waiting times")
    if waiting[0] == 0:
        raise InputError("waiting time 0 has no place in a power law: leave it out")
    if len(tau) != waiting.size:
        raise InputError(
            f"{len(tau)} relaxation times for {waiting.size} waiting times: give one for each"
        )
    tau = plain_numbers("tau", tau)
    used = np.array([value is not None for value in tau])
    if used.sum() < 2:
        raise InputError(
            f"{used.sum()} of {used.size} relaxation times were reached: a fit needs at least two"
        )
    times = np.array([value for value in tau if value is not None])
    if not (np.isfinite(times) & (times > 0)).all():
        raise InputError(f"relaxation time {times.min()} has no logarithm: give times above 0")
    variance = None
    if log_error is not None:
        errors = plain_array("log_error", log_error, np.float64)
        if errors.shape != waiting.shape:
            raise InputError(
                f"log_error has shape {errors.shape}: give one error for each waiting time"
            )
        if not (errors[used] > 0).all():
            raise InputError(
                "an error of ln tau is not above 0: leave errors out, or give them all"
            )
        variance = errors[used] ** 2
    line = fit_line(np.log(waiting[used]), np.log(times), variance)
    return AgeingFit(line.slope, line.slope_error, math.exp(line.offset), times.size)
