"""What an ensemble says, block by block: the content of `effective.json`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis.effective.blocks import (
    Block,
    BlockFit,
    coefficient_noise,
    compute_block,
    fit_block,
    shuffle_runs,
)
from openmm_thermalnet.ensembles.ensemble import Ensemble
from openmm_thermalnet.ensembles.gauges import align, symmetrize
from openmm_thermalnet.ensembles.landscapes import cross_check, describe_landscapes
from openmm_thermalnet.ensembles.options import EffectiveOptions
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.version import __version__

FORMAT = "openmm_thermalnet effective model 1"
PARTS = 10  # of the jackknife

Spins = NDArray[np.int8]
Say = Callable[[str], None]


def describe(
    ensembles: Sequence[Ensemble], options: EffectiveOptions, say: Say = lambda line: None
) -> dict[str, Any]:
    """Statistics, models and landscapes of ensembles, ready for JSON.

    Parameters
    ----------
    ensembles : sequence of Ensemble
    options : EffectiveOptions
    say : callable
        Told in a line what is being done, and what was left out.

    Raises
    ------
    InputError
        If no run reaches the threshold, or a layer is not there.
    """
    return {
        "format": FORMAT,
        "version": __version__,
        "options": options.as_json(),
        "ensembles": [_describe_one(ensemble, options, say) for ensemble in ensembles],
    }


def _describe_one(ensemble: Ensemble, options: EffectiveOptions, say: Say) -> dict[str, Any]:
    kept = ensemble if options.threshold is None else ensemble.at_least(options.threshold)
    rng = np.random.default_rng(np.random.SeedSequence(options.seed))
    accuracy = None
    if ensemble.accuracy is not None and kept.accuracy is not None:
        accuracy = {
            "mean": float(ensemble.accuracy.mean()),
            "highest": float(ensemble.accuracy.max()),
            "kept_mean": float(kept.accuracy.mean()),
        }
    result: dict[str, Any] = {
        "source": ensemble.source,
        "settings": ensemble.settings,
        "runs": ensemble.runs,
        "kept": kept.runs,
        "frames": kept.frames,
        "samples": int(np.unique(kept.samples).size),
        "accuracy": accuracy,
        "gauges": {},
    }
    for gauge, seen, wanted in _gauges(kept, options, rng):
        say(f"{ensemble.source}: {gauge}")
        result["gauges"][gauge] = [
            _describe_block(name, spins, seen, wanted, rng, say)
            for name, spins in _blocks(seen, options, rng, say)
        ]
    return result


def _gauges(
    ensemble: Ensemble, options: EffectiveOptions, rng: np.random.Generator
) -> Iterator[tuple[str, Ensemble, EffectiveOptions]]:
    """The ensemble as it is, and where units have no names also without and with names."""
    yield "as it is", ensemble, options
    if ensemble.exchangeable and len(ensemble.blocks) > 1:
        yield "symmetrised", symmetrize(ensemble, options.copies, rng), options
        yield "aligned", align(ensemble), options
        plain = options.model_copy(update={"fit": False})
        yield "aligned noise", align(ensemble.with_flat(shuffle_runs(ensemble.flat(), rng))), plain


def _blocks(
    ensemble: Ensemble, options: EffectiveOptions, rng: np.random.Generator, say: Say
) -> Iterator[tuple[str, Spins]]:
    """Blocks by name, (R, T, N), and all weights together where they are not too many."""
    count = len(ensemble.blocks)
    layers = range(1, count + 1) if options.layers is None else options.layers
    for layer in layers:
        if not 1 <= layer <= count:
            raise InputError(f"layers has {layer}; {ensemble.source} has layers 1 to {count}")
        spins = ensemble.flat(layer - 1)
        if spins.shape[2] > options.most_weights:
            say(
                f"{ensemble.names[layer - 1]}: {options.most_weights} of its {spins.shape[2]} "
                "weights, drawn at random"
            )
            chosen = np.sort(rng.choice(spins.shape[2], options.most_weights, replace=False))
            spins = spins[:, :, chosen]
        yield ensemble.names[layer - 1], spins
    whole = sum(block[0, 0].size for block in ensemble.blocks)
    if count > 1 and whole <= options.most_weights and options.layers is None:
        yield "whole", ensemble.flat()


def _describe_block(
    name: str,
    spins: Spins,
    ensemble: Ensemble,
    options: EffectiveOptions,
    rng: np.random.Generator,
    say: Say,
) -> dict[str, Any]:
    samples = [np.flatnonzero(ensemble.samples == s) for s in np.unique(ensemble.samples)]
    nulls = [compute_block(shuffle_runs(spins[member], rng)) for member in samples]
    values = [_statistics(spins[m], null) for m, null in zip(samples, nulls, strict=True)]
    if len(samples) > 1:
        error = {k: _standard_error([v[k] for v in values]) for k in values[0]}
    else:
        error = _jackknife(spins, nulls[0], rng)
    described: dict[str, Any] = {
        "name": name,
        "weights": int(spins.shape[2]),
        "runs": min(len(member) for member in samples),
        "frozen": float(np.mean([v.pop("frozen") for v in values])),
        **{
            key: {"mean": _plain(np.mean([v[key] for v in values])), "error": _plain(error[key])}
            for key in values[0]
        },
        "fit": None,
        "cross_check": None,
        "landscapes": [],
    }
    if len(samples) == 1 and options.fit:
        null = shuffle_runs(spins, rng)
        model = _fit(name, spins, coefficient_noise(null), say)
        if model is not None:
            described["fit"] = _describe_fit(model)
            described["cross_check"] = cross_check(spins, model.noise) if options.check else None
            described["landscapes"] = describe_landscapes(name, model, spins, options, rng, say)
    return described


def _statistics(spins: Spins, null: Block) -> dict[str, float]:
    """Measured statistics, those of the null, and what remains."""
    block = compute_block(spins)
    return {
        "frozen": block.frozen / block.weights,
        "magnetisation": block.magnetisation,
        "overlap": block.overlap,
        "rms_correlation": block.rms_correlation,
        "null_rms_correlation": null.rms_correlation,
        "rms_excess": float(np.sqrt(max(block.rms_correlation**2 - null.rms_correlation**2, 0.0))),
        "independent_entropy": block.independent_entropy,
        "information": block.information - null.information,
    }


def _jackknife(spins: Spins, null: Block, rng: np.random.Generator) -> dict[str, float]:
    """Standard errors by leaving out each tenth of the runs."""
    runs = spins.shape[0]
    if runs < 2 * PARTS:
        return dict.fromkeys(_statistics(spins, null), float("nan"))
    part = rng.permutation(np.arange(runs) % PARTS)
    seen = [_statistics(spins[part != k], null) for k in range(PARTS)]
    return {key: float(np.sqrt(PARTS - 1) * np.std([one[key] for one in seen])) for key in seen[0]}


def _standard_error(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _fit(name: str, spins: Spins, noise: float, say: Say) -> BlockFit | None:
    try:
        model = fit_block(spins, noise)
    except InputError as error:
        say(f"{name}: no model, {error}")
        return None
    if model is None:
        say(f"{name}: no model, the Bethe approximation does not reach these correlations")
    return model


def _describe_fit(model: BlockFit) -> dict[str, float | bool]:
    upper = np.triu_indices(len(model.fields), k=1)
    return {
        "entropy": model.entropy,
        "unique": model.unique,
        "mismatch": model.mismatch,
        "noise": model.noise,
        "rms_coupling": float(np.sqrt((model.couplings[upper] ** 2).mean())),
        "rms_field": float(np.sqrt((model.fields**2).mean())),
    }


def _plain(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
