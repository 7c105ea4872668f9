"""Weights of a network as an ordinary `torch.nn.Sequential`, out and in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError


def write_sequential(
    weights: Sequence[NDArray[Any]],
    activation: str,
    layer: Callable[[], torch.nn.Module],
    biases: Sequence[NDArray[Any]] = (),
) -> torch.nn.Sequential:
    """An ordinary torch network with these weights.

    Parameters
    ----------
    weights : sequence of ndarray
        J_l, each (N_l, N_{l-1}).
    activation : str
        Name of the function of the hidden layers.
    layer : callable
        Makes a layer that is this function.
    biases : sequence of ndarray
        One (N_l,) for every layer, or none.

    Returns
    -------
    torch.nn.Sequential
        float64 linear layers, the activation between them, and none at the end.
    """
    parts: OrderedDict[str, torch.nn.Module] = OrderedDict()
    for number, weight in enumerate(weights, start=1):
        rows, columns = weight.shape
        linear = torch.nn.Linear(columns, rows, bias=len(biases) > 0, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.asarray(weight, dtype=np.float64)))
            if len(biases):
                bias = np.asarray(biases[number - 1], dtype=np.float64)
                linear.bias.copy_(torch.from_numpy(bias))
        parts[f"linear{number}"] = linear
        if number < len(weights):
            parts[f"{activation}{number}"] = layer()
    return torch.nn.Sequential(parts)


def read_sequential(
    model: torch.nn.Sequential, layer: type[torch.nn.Module], bias: bool
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Weights and biases of a torch network, the inverse of `write_sequential`.

    Parameters
    ----------
    model : torch.nn.Sequential
        `Linear` layers with one activation between two of them.
    layer : type
        Class of that activation; `Identity` may be left out.
    bias : bool
        Whether the layers have biases.

    Returns
    -------
    tuple of list of ndarray
        One (N_l, N_{l-1}) and, if there are biases, one (N_l,) for every layer.

    Raises
    ------
    InputError
        If it is another kind of network.
    """
    if not isinstance(model, torch.nn.Sequential):
        raise InputError(f"model is a {type(model).__name__}; give a torch.nn.Sequential")
    parts = [part for part in model if not isinstance(part, torch.nn.Identity)]
    linear = parts if layer is torch.nn.Identity else parts[::2]
    between = [] if layer is torch.nn.Identity else parts[1::2]
    for part in linear:
        if not isinstance(part, torch.nn.Linear):
            raise InputError(f"the model has a {type(part).__name__} where a Linear is wanted")
        if (part.bias is not None) != bias:
            has = "has no biases" if part.bias is None else "has biases"
            raise InputError(f"the model {has}; make the network with bias={not bias}")
    for part in between:
        if type(part) is not layer:
            raise InputError(
                f"the model has a {type(part).__name__} between two layers; this network has "
                f"{layer.__name__}"
            )
    if between and len(between) != len(linear) - 1:
        raise InputError("the model ends in an activation; end it in a Linear")
    return (
        [_array(part.weight) for part in linear],
        [_array(part.bias) for part in linear if bias],
    )


def _array(parameter: Any) -> NDArray[np.float64]:
    array: NDArray[np.float64] = parameter.detach().cpu().double().numpy()
    return array
