"""Networks and starts of runs of a feed-forward network."""

from __future__ import annotations

from pathlib import Path

from openmm_thermalnet.config import RunConfig
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.descent import check_batch, check_step_size
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.feedforward_network import FeedForwardNet
from openmm_thermalnet.layout import check_replicas
from openmm_thermalnet.protocols.start import Start, last_frame
from openmm_thermalnet.weights import read_tensors


def build_network(config: RunConfig, dataset: Dataset) -> FeedForwardNet:
    """Network of a configuration, with one replica for every sample.

    Raises
    ------
    InputError
        If a parameter is out of its range, of the stage before the quench too.
    """
    if config.sgd_steps:
        check_step_size(config.learning_rate)
        check_batch(config.sgd_batch, dataset.patterns, "sgd-batch")
    return FeedForwardNet(
        dataset,
        (dataset.input_width, *config.hidden, dataset.output_width),
        config.activation,
        config.loss,
        config.weight_decay,
        check_replicas(config.samples, "samples"),
        bias=config.bias,
        precision=config.precision,
    )


def first_start(config: RunConfig, net: FeedForwardNet) -> Start:
    """Where a run begins: at torch's random start, or from given weights.

    Raises
    ------
    InputError
        If `start_from` cannot be read or does not fit.
    """
    source = config.start_from
    if source is None:
        return Start.of(net, net.randomPositions(config.seed))
    if source.is_file():
        return _from_tensors(net, source)
    network, coordinates = last_frame(source, net)
    if network["bias"] != net.bias:
        raise InputError(f"{source} has bias={network['bias']}; this run has bias={net.bias}")
    return Start.of(net, net.layout.positions(coordinates))


def _from_tensors(net: FeedForwardNet, path: Path) -> Start:
    """Start of all replicas at the weights and biases of a file of tensors."""
    tensors = list(read_tensors(path).values())
    weights = [value for value in tensors if value.ndim == 2]
    biases = [value for value in tensors if value.ndim == 1]
    if len(weights) + len(biases) != len(tensors) or bool(biases) != net.bias:
        raise InputError(
            f"{path} has {len(weights)} matrices and {len(biases)} vectors among {len(tensors)} "
            f"tensors; this run has bias={net.bias}"
        )
    try:
        return Start.of(net, net.positions(weights, biases))
    except InputError as error:
        raise InputError(f"{path} does not fit: {error}") from error
