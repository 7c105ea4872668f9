"""Which parameters of a run belong to which model."""

from __future__ import annotations

from typing import Any

_OWN = {
    "thermal": (
        "width",
        "depth",
        "energy",
        "gain",
        "friction",
        "timestep",
        "integrator",
    ),
    "feedforward": (
        "hidden",
        "activation",
        "loss",
        "weight_decay",
        "bias",
        "learning_rate",
        "sgd_steps",
        "sgd_batch",
    ),
}

DEFAULTS: dict[str, dict[str, Any]] = {
    "feedforward": {
        "dataset": "mnist-pca",
        "patterns": 4500,
        "test-patterns": 500,
        "follow": 0,
        "double-frames": True,
    }
}
"""Defaults of flags that a model has for itself."""


def unused(model: str, dataset: str) -> tuple[str, ...]:
    """Parameters that a run of this model has no use for.

    Parameters
    ----------
    model : str
        "thermal" or "feedforward".
    dataset : str
        Name of its dataset: the network of "teacher" has a width and a depth in any case.
    """
    teacher = ("width", "depth") if dataset == "teacher" else ()
    others = [name for other, names in _OWN.items() if other != model for name in names]
    return tuple(name for name in others if name not in teacher)
