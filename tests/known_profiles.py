"""Analyses of runs with known profiles, without a simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from openmm_thermalnet.analyze.plain import plain
from openmm_thermalnet.analyze.run import FORMAT
from openmm_thermalnet.config import make_config
from openmm_thermalnet.version import __version__

RUN = {"friction": 1e-3, "waiting-times": [1000], "follow": 5000, "test-patterns": 40}

Profile = Callable[[dict[str, Any]], np.ndarray]


def melted(values: Mapping[str, Any], noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Overlaps (L - 1, 3): a parabola in the layer, whose minimum rises with ln alpha."""
    config = make_config({**RUN, **values})
    layers = np.arange(1, config.depth)
    bottom = 0.1 * np.log(config.patterns / config.width) - 0.2
    middle = config.depth / 2
    profile = bottom + (1 - bottom) * ((layers - middle) / (middle - 1)) ** 2
    rng = np.random.default_rng([seed, config.patterns, config.depth, config.seed])
    return profile[:, None] + noise * rng.normal(size=(len(layers), 3))


def analysis_of(values: Mapping[str, Any], q_star: np.ndarray | None) -> dict[str, Any]:
    """What `analyze_run` would say of a run with these overlaps, as far as a sweep reads it."""
    config = make_config(values)
    per_sample = np.arange(1.0, 4.0) / config.depth
    late = {
        name: {"mean": per_sample.mean(), "error": 0.0, "per_sample": per_sample}
        for name in (
            *("energy", "energy_ratio", "temperature"),
            *("test_sign", "test_tanh", "train_sign", "train_tanh"),
        )
    }
    stage = {"thermodynamics": {"late": {"start": 500, **late}}}
    follows = {
        str(time): {**stage, "steps": [0, config.follow], "q_star_per_sample": q_star}
        for time in config.waiting_times
    }
    widths = [784, *[config.width] * (config.depth - 1), 2]
    return plain(
        {
            "format": FORMAT,
            "config": config.as_json(),
            "analysis_versions": {"openmm_thermalnet": __version__},
            "network": {"patterns": config.patterns, "widths": widths},
            "complete": True,
            "quench": stage,
            "waiting_times": follows,
        }
    )
