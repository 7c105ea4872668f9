"""The weights of a network at work: forward passes, labels and accuracy.

Only the weights matter here, not the machine's spins: S_l = f(g_l J_l S_{l-1}) from an input to
the output's local fields, whose largest component is the label (Eq. 12 of arXiv:2506.06789).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from openmm_thermalnet.arrays import plain_array, plain_numbers
from openmm_thermalnet.errors import InputError

Activation = Literal["sign", "tanh"]

_FUNCTIONS = {"sign": np.sign, "tanh": np.tanh}


class Sign(torch.nn.Module):
    """The sign activation as a torch module."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """-1, 0 or +1, elementwise; nan where x is."""
        return torch.where(x.isnan(), x, torch.sign(x))


def check_activation(activation: str) -> Activation:
    """Return `activation`, or refuse it in one line."""
    if activation not in _FUNCTIONS:
        raise InputError(f"activation {activation!r} is unknown; choose sign or tanh")
    return cast("Activation", activation)


def local_fields(
    weights: Sequence[NDArray[Any]],
    gains: Sequence[float],
    inputs: NDArray[Any],
    activation: Activation = "sign",
) -> list[NDArray[Any]]:
    """Local fields g_l J_l S_{l-1} of every layer in a forward pass.

    Parameters
    ----------
    weights : sequence of ndarray
        J_l for l = 1 ... L, each (..., N_l, N_{l-1}).
    gains : sequence of float
        g_l for l = 1 ... L.
    inputs : ndarray, shape (K, N_0)
        Patterns.
    activation : {"sign", "tanh"}
        Function of the hidden layers.

    Returns
    -------
    list of ndarray
        One (..., K, N_l) per layer; the last is the output before any activation.
    """
    function = _FUNCTIONS[check_activation(activation)]
    state = plain_array("inputs", inputs)
    fields: list[NDArray[Any]] = []
    for layer, (weight, gain) in enumerate(
        zip(plain_numbers("weights", weights), gains, strict=True)
    ):
        if layer:
            state = function(fields[-1])
        fields.append(gain * (state @ np.swapaxes(weight, -1, -2)))
    return fields


def fraction_right(outputs: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.float64]:
    """Fraction (...,) of right labels among outputs (..., K, N_L); NaN where an output is NaN."""
    right = (labels(outputs) == truth).mean(axis=-1)
    return np.where(np.isnan(outputs).any(axis=(-2, -1)), math.nan, right)


def labels(outputs: NDArray[Any]) -> NDArray[np.intp]:
    """Labels (...,) of output fields (..., N_L): the largest one, or the sign of a single one."""
    if outputs.shape[-1] == 1:
        return (outputs[..., 0] > 0).astype(np.intp)
    return np.asarray(outputs.argmax(axis=-1))
