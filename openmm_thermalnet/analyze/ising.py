"""Everything the Ising model of one network gives, as JSON."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from openmm_thermalnet.analysis import ising
from openmm_thermalnet.analyze.plain import plain
from openmm_thermalnet.errors import ConvergenceWarning
from openmm_thermalnet.version import __version__
from openmm_thermalnet.weights import Weights

FORMAT = "openmm_thermalnet ising 1"
ISING = "ising.json"

_POINTS = 120


def analyze_ising(
    weights: Weights,
    replica: int = 0,
    permute: float = 0.0,
    layers: int | None = None,
    sampling: Mapping[str, Any] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Density of states, widths and thermodynamics of the Ising model of one network.

    The keys of the result are in `docs/ising.md`. None is what could not be computed, and ln g of a
    bin that was never visited.

    Parameters
    ----------
    weights : Weights
        The networks.
    replica : int
        Which of them.
    permute : float
        Fraction of all weights to permute before, with the seed of the sampling.
    layers : int, optional
        Only the first matrices J_1 ... J_k, taken before the permutation.
    sampling : mapping
        Keywords of `analysis.ising.wang_landau`; `bins` is needed.
    progress, stop
        As `wang_landau` takes them.

    Returns
    -------
    dict
        JSON-able; "converged" says whether the density of states can be relied on.

    Raises
    ------
    InputError
        If there is no such replica or layer, or a parameter is out of range.
    """
    settings = {"seed": 0, **(sampling or {})}
    matrices = weights.replica(replica)
    matrices = ising.first_layers(matrices, len(matrices) if layers is None else layers)
    matrices = ising.permuted(matrices, permute, settings["seed"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the result says it
        found = ising.wang_landau(matrices, progress=progress, stop=stop, **settings)
    width = ising.energy_width(matrices, seed=settings["seed"])
    result = {
        "format": FORMAT,
        "version": __version__,
        "source": weights.source,
        "left_out": weights.left_out,
        "replica": replica,
        "sample": weights.samples[replica],
        "permuted": permute,
        "widths": [matrices[0].shape[1], *(len(matrix) for matrix in matrices)],
        "spins": found.spins,
        "settings": settings,
        "converged": found.converged,
        "problems": found.problems,
        "lowest_energy": found.lowest,
        "width": {"value": max(width.value, found.width), "exact": width.exact},
        "block_widths": {
            "first": ising.block_widths(matrices, seed=settings["seed"]),
            "single": ising.block_widths(matrices, cumulative=False, seed=settings["seed"]),
        },
        "density_of_states": {
            "bin_edges": found.bin_edges,
            "energies": found.energies,
            "log_g": found.log_g,
            "error": found.error,
            "log_f": found.log_f,
            "steps": found.steps,
            "mirrored": found.mirrored,
            "asymmetry": _root_mean_square(found.asymmetry),
            "asymmetry_expected": _root_mean_square(found.asymmetry_error),
        },
        "specific_heat": _specific_heats(found, matrices, width.exact),
    }
    described: dict[str, Any] = plain(result)
    return described


def _specific_heats(
    found: ising.DensityOfStates, matrices: list[Any], narrow: bool
) -> dict[str, Any]:
    """Both forms of C(T), their maxima, and the exact one where the layers are narrow."""
    scale = -found.lowest / found.spins
    low = max(0.05 * scale, float(found.bin_edges[1] - found.bin_edges[0]))
    temperatures = np.geomspace(low, max(5 * scale, 10 * low), _POINTS)
    reduced = np.linspace(1 / _POINTS, 1, _POINTS)
    curves: dict[str, Any] = {
        "plain": {
            "temperatures": temperatures,
            "values": ising.specific_heat(found, temperatures),
            "energies": ising.canonical_energy(found, temperatures),
            "maximum": vars(ising.critical_temperature(found)),
        },
        "normalised": {
            "temperatures": reduced,
            "values": ising.normalised_specific_heat(found, reduced, found.width),
            "maximum": vars(ising.critical_temperature(found, found.width)),
        },
        "exact": None,
    }
    if narrow:
        some = np.geomspace(0.05 * scale, 5 * scale, 24)
        exact = ising.exact_thermodynamics(matrices, some)
        value, height = ising.exact_critical_temperature(matrices)
        curves["exact"] = {
            "temperatures": some,
            "values": exact.specific_heat,
            "energies": exact.energy,
            "maximum": {"value": value, "error": 0.0, "height": height, "resolved": True},
        }
    return curves


def _root_mean_square(values: Any) -> float:
    """Of those that are finite; nan if none is."""
    kept = values[np.isfinite(values)]
    return math.sqrt(float(np.mean(kept**2))) if kept.size else math.nan


def summary_lines(result: Mapping[str, Any]) -> list[str]:
    """What the command line says of a result of `analyze_ising`."""
    density, heat = result["density_of_states"], result["specific_heat"]
    width = result["width"]
    known = "exact" if width["exact"] else "from the lowest energy found"
    visited = sum(value is not None for value in density["log_g"])
    state = (
        "converged" if result["converged"] else "NOT CONVERGED: " + "; ".join(result["problems"])
    )
    errors = [value for value in density["error"] if value is not None]
    lines = [
        f"{result['source']}: {result['spins']} spins in layers of {result['widths']}",
        f"W = {width['value']:.6g} per spin ({known}), E_min = {result['lowest_energy']:.6g}",
        f"g(E) in {visited} of {len(density['log_g'])} bins, {state}",
        f"largest error of ln g {_shown(max(errors, default=None))}, asymmetry "
        f"{_shown(density['asymmetry'])} (expected {_shown(density['asymmetry_expected'])})",
    ]
    names = {"plain": "T_c", "normalised": "T_c / W in the normalised form", "exact": "exact T_c"}
    for form, name in names.items():
        if heat[form] is not None:
            maximum = heat[form]["maximum"]
            if maximum["value"] is None:
                lines.append(f"{name}: no maximum in reach of the bins")
                continue
            error = "" if form == "exact" else f" +- {_shown(maximum['error'])}"
            wide = "" if maximum["resolved"] else "; THE BINS ARE TOO WIDE for it, give more"
            height = _shown(maximum["height"])
            lines.append(f"{name} = {_shown(maximum['value'])}{error}, where C = {height}{wide}")
    if result["left_out"]:
        lines.append(f"not in the model: {', '.join(result['left_out'])}")
    return lines


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"
