"""Entropy landscapes around trained configurations, and a second opinion on the couplings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis.effective.blocks import BlockFit
from openmm_thermalnet.analysis.effective.fitting import fit
from openmm_thermalnet.analysis.effective.landscape import (
    Landscape,
    bound,
    compare,
    entropy_landscape,
)
from openmm_thermalnet.analysis.effective.moments import compute_moments
from openmm_thermalnet.ensembles.options import EffectiveOptions
from openmm_thermalnet.errors import ConvergenceWarning, InputError

_MOST_CONFIGURATIONS, _MOST_WEIGHTS = 6000, 300  # of the cross-check

Spins = NDArray[np.int8]


def describe_landscapes(
    name: str,
    model: BlockFit,
    spins: Spins,
    options: EffectiveOptions,
    rng: np.random.Generator,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Landscapes of a model around configurations of different runs, forward and backward in x.

    Parameters
    ----------
    name : str
        Of the block, for messages.
    model : BlockFit
    spins : ndarray, shape (R, T, N)
        Configurations the model was fitted to.
    options : EffectiveOptions
    rng : numpy Generator
        Draws the references.
    say : callable
        Told where belief propagation did not converge.

    Returns
    -------
    list of dict
        Plain values; null where belief propagation did not converge.
    """
    x = np.linspace(-options.x_max, options.x_max, options.points)
    found = []
    for run in rng.choice(len(spins), min(options.references, len(spins)), replace=False):
        reference = spins[run, 0][model.free]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said below
            there = entropy_landscape(model.couplings, model.fields, reference, x)
            back = entropy_landscape(
                model.couplings, model.fields, reference, x[::-1], messages=there.messages
            )
        failed = int((~there.converged).sum() + (~back.converged).sum())
        if failed:
            say(f"{name}: belief propagation did not converge at {failed} of {2 * x.size} points")
        enough = (there.converged & back.converged[::-1]).sum() > 1
        found.append(
            {
                "run": int(run),
                "x": x.tolist(),
                "forward": _plain(there),
                "backward": _plain(back),
                "hysteresis": vars(compare(there, back)) if enough else None,
                "deficit": _deficit(there, back) if enough else None,
            }
        )
    return found


def _deficit(*scans: Landscape) -> float:
    """Largest distance of s(d) below the bound."""
    lost = [
        bound(scan.distances[scan.converged]) - scan.entropies[scan.converged] for scan in scans
    ]
    return float(np.concatenate(lost).max())


def _plain(scan: Landscape) -> dict[str, list[float | None]]:
    return {
        "distances": [float(v) if np.isfinite(v) else None for v in scan.distances],
        "entropies": [float(v) if np.isfinite(v) else None for v in scan.entropies],
    }


def cross_check(spins: Spins, noise: float) -> dict[str, Any] | None:
    """Couplings by Bethe moments and by pseudo-likelihood, from the same configurations.

    At most 6,000 configurations are used for both, and pseudo-likelihood has a penalty noise^2.
    None if one of the fits does not converge, or there are more than 300 weights.
    """
    if spins.shape[2] > _MOST_WEIGHTS:
        return None
    flat = spins.transpose(1, 0, 2).reshape(-1, spins.shape[2])[:_MOST_CONFIGURATIONS]
    moments = compute_moments(flat)
    free = np.flatnonzero(np.abs(moments.means) < 1.0)
    means, correlations = moments.means[free], moments.correlations[np.ix_(free, free)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            first = fit(means, correlations, noise=noise)
            second = fit(
                means,
                correlations,
                "pseudolikelihood",
                configurations=flat[:, free],
                l2=noise**2,
                tolerance=1e-5,
            )
        except InputError:
            return None
    if not (first.converged and second.converged):
        return None
    upper = np.triu_indices(free.size, k=1)
    one, other = first.couplings[upper], second.couplings[upper]
    return {
        "configurations": len(flat),
        "correlation": float(np.corrcoef(one, other)[0, 1]),
        "rms_difference": float(np.sqrt(((one - other) ** 2).mean())),
        "rms_coupling": float(np.sqrt((other**2).mean())),
    }
