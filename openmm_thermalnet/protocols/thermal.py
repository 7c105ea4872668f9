"""Networks and starts of runs of the thermal machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.config import RunConfig
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.layout import check_replicas
from openmm_thermalnet.network import ThermalNet
from openmm_thermalnet.protocols.start import Start, last_frame
from openmm_thermalnet.weights import check_finite, matrices_of, read_tensors


def build_network(config: RunConfig, dataset: Dataset) -> ThermalNet:
    """Network of a configuration, with one replica for every sample.

    Raises
    ------
    InputError
        If a parameter is out of its range.
    """
    return ThermalNet(
        dataset,
        config.depth,
        config.width,
        check_replicas(config.samples, "samples"),
        config.energy,
        config.gain,
        config.precision,
    )


def first_start(config: RunConfig, net: ThermalNet) -> Start:
    """Where the quench begins: at random, or from given weights.

    Raises
    ------
    InputError
        If `start_from` cannot be read or does not fit.
    """
    source = config.start_from
    if source is None:
        return Start.of(net, net.randomPositions(config.seed))
    if source.is_file():
        return weights_start(net, read_state_dict(net, source))
    network, coordinates = last_frame(source, net)
    hidden = network["patterns"] * net.width * (net.depth - 1)
    own_spins = net.patterns * net.width * (net.depth - 1)
    padded = np.zeros((net.replicas, net.particles))
    padded[:, own_spins:] = coordinates[:, hidden:]
    weights = net.weights(net.layout.positions(padded))
    return weights_start(net, weights)


def weights_start(net: ThermalNet, weights: Sequence[NDArray[Any]]) -> Start:
    """Start from given weights, the spins from a forward pass with tanh.

    Parameters
    ----------
    net : ThermalNet
        The network.
    weights : sequence of ndarray
        J_l, each (N_l, N_{l-1}) for all replicas alike, or (R, N_l, N_{l-1}).

    Returns
    -------
    Start
        Every hidden layer at zero energy.

    Raises
    ------
    InputError
        If the shapes do not fit, or a weight leaves [-1, 1].
    """
    if len(weights) != net.depth:
        raise InputError(f"{len(weights)} weight matrices given; this network has {net.depth}")
    for layer, weight in enumerate(weights, start=1):
        needed = (net.widths[layer], net.widths[layer - 1])
        if weight.shape[-2:] != needed:
            raise InputError(f"J{layer} has shape {weight.shape[-2:]}; give {needed}")
    return Start.of(net, net.positions(net.forwardSpins(weights), weights))


def read_state_dict(net: ThermalNet, path: Path) -> list[NDArray[np.float64]]:
    """Weights J_l of a file of tensors: its matrices in order, divided by the gain.

    Parameters
    ----------
    net : ThermalNet
        The network that is to have them.
    path : Path
        As `weights.read_tensors` takes it.

    Raises
    ------
    InputError
        If the file cannot be read, has other matrices, or a weight is not finite or too large for
        the walls.
    """
    found, others = matrices_of(read_tensors(path))
    matrices = list(found.values())
    if others:
        raise InputError(f"{path} has {others[0]}, which is no weight matrix; train without biases")
    if len(matrices) != net.depth:
        raise InputError(f"{path} has {len(matrices)} weight matrices; depth is {net.depth}")
    for name, matrix in found.items():
        check_finite(name, matrix)
    weights = [matrix / gain for matrix, gain in zip(matrices, net.gains, strict=True)]
    largest = max(np.abs(weight).max() for weight in weights)
    if largest > 1:
        needed = 1.005 * max(np.abs(matrix).max() for matrix in matrices)  # 3 digits may round down
        raise InputError(
            f"{path} has weights {largest:.3g} times what the walls allow; give gain {needed:.3g}"
        )
    return weights
