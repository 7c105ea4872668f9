"""Networks with stochastic binary weights, many trained side by side (arXiv:2007.08093).

P(w = +1) = sigmoid(theta), so a weight has mean mu = tanh(theta / 2) and variance 1 - mu^2. A
pre-activation, a sum of many weights, is Gaussian: z = mu.x + sqrt((1 - mu^2).x^2) xi. Hidden
layers are leaky ReLUs of z / sqrt(fan in), the output is z.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from openmm_thermalnet.datasets import load_mnist
from openmm_thermalnet.datasets.dataset import Dataset
from openmm_thermalnet.ensembles.ensemble import Ensemble, read_ensemble
from openmm_thermalnet.ensembles.settings import CHUNK, TrainingSettings
from openmm_thermalnet.errors import InputError, SimulationError

_START = 0.1  # theta_0 ~ N(0, 0.01)
_LEAST_VARIANCE = 1e-8  # of a pre-activation, where the root would have no slope
_SAVE_EVERY = 4  # chunks


@dataclass(frozen=True)
class Patterns:
    """Training and test patterns as torch tensors: inputs (M, N_0) and labels (M,)."""

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor


def project(data: Dataset, components: int, dtype: torch.dtype = torch.float32) -> Patterns:
    """Project patterns on the first principal components of the training set.

    All components are divided by one number, so that their mean square is 1.

    Raises
    ------
    InputError
        If there are not so many components.
    """
    from sklearn.decomposition import PCA

    most = min(data.patterns, data.input_width)
    if components > most:
        raise InputError(f"components is {components}; give at most {most}")
    pca = PCA(components, svd_solver="full").fit(data.train_inputs)
    train, test = pca.transform(data.train_inputs), pca.transform(data.test_inputs)
    scale = np.sqrt((train**2).mean())
    return Patterns(
        torch.as_tensor(train / scale, dtype=dtype),
        torch.as_tensor(np.array(data.train_labels)),
        torch.as_tensor(test / scale, dtype=dtype),
        torch.as_tensor(np.array(data.test_labels)),
    )


def forward(
    theta: Sequence[Tensor], inputs: Tensor, noise: Sequence[Tensor], slope: float
) -> Tensor:
    """Outputs of the networks with Gaussian pre-activations.

    Parameters
    ----------
    theta : sequence of Tensor
        Of every layer, (R, N_l, N_{l-1}).
    inputs : Tensor, shape (R, B, N_0)
        Patterns of each network.
    noise : sequence of Tensor
        xi of every layer, (R, B, N_l).
    slope : float
        Of the leaky ReLU.

    Returns
    -------
    Tensor, shape (R, B, N_L)
    """
    x = inputs
    for layer, (parameters, xi) in enumerate(zip(theta, noise, strict=True)):
        mu = torch.tanh(0.5 * parameters).transpose(1, 2)
        variance = torch.bmm(x * x, 1.0 - mu * mu)
        z = torch.bmm(x, mu) + torch.sqrt(variance + _LEAST_VARIANCE) * xi
        x = z if layer == len(theta) - 1 else _activation(z, x.shape[-1], slope)
    return x


def outputs_of(weights: Sequence[Tensor], inputs: Tensor, slope: float) -> Tensor:
    """Outputs (R, M, N_L) of networks with weights (R, N_l, N_{l-1}) to the same patterns."""
    x = inputs.expand(weights[0].shape[0], -1, -1)
    for layer, w in enumerate(weights):
        z = torch.bmm(x, w.transpose(1, 2))
        x = z if layer == len(weights) - 1 else _activation(z, x.shape[-1], slope)
    return x


def _activation(z: Tensor, fan_in: int, slope: float) -> Tensor:
    return functional.leaky_relu(z / fan_in**0.5, slope)


def train_chunk(
    patterns: Patterns, settings: TrainingSettings, chunk: int
) -> tuple[list[NDArray[np.int8]], NDArray[np.float64]]:
    """Train `CHUNK` networks and draw one configuration of each.

    Batches are drawn with replacement, of each network its own.

    Returns
    -------
    weights : list of ndarray of int8
        Of every layer, (CHUNK, N_l, N_{l-1}).
    accuracy : ndarray, shape (CHUNK,)
        Of the drawn configurations on the test patterns.

    Raises
    ------
    SimulationError
        If training left the numbers.
    """
    sequence = np.random.SeedSequence(settings.seed, spawn_key=(chunk,))
    generator = torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))
    widths = settings.widths
    theta = [
        (_START * torch.randn(CHUNK, n, m, generator=generator)).requires_grad_()
        for m, n in pairwise(widths)
    ]
    optimizer = torch.optim.Adam(
        theta, lr=settings.learning_rate, weight_decay=settings.l2, foreach=True
    )
    count, shape = len(patterns.inputs), (CHUNK, settings.batch)
    for _ in range(settings.steps):
        chosen = torch.randint(count, shape, generator=generator)
        noise = [torch.randn(*shape, n, generator=generator) for n in widths[1:]]
        outputs = forward(theta, patterns.inputs[chosen], noise, settings.slope)
        # a sum over networks, so that each has the gradient of its own mean loss
        loss = CHUNK * functional.cross_entropy(
            outputs.flatten(0, 1), patterns.labels[chosen].flatten()
        )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    if not all(bool(torch.isfinite(parameters).all()) for parameters in theta):
        raise SimulationError(
            f"networks of chunk {chunk} are not finite; lower learning-rate, which is "
            f"{settings.learning_rate}"
        )
    with torch.no_grad():
        drawn = [
            2.0 * torch.bernoulli(torch.sigmoid(parameters), generator=generator) - 1.0
            for parameters in theta
        ]
        found = outputs_of(drawn, patterns.test_inputs, settings.slope).argmax(dim=-1)
        accuracy = (found == patterns.test_labels).double().mean(dim=1)
    return [w.numpy().astype(np.int8) for w in drawn], accuracy.numpy()


def train_ensemble(
    settings: TrainingSettings,
    path: Path,
    show: Callable[[str, int, int], None] = lambda name, step, length: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Ensemble:
    """Train an ensemble and keep it in a file, which an interrupted call goes on from.

    The networks of the file are the same however often it was interrupted, and more `runs` add to
    those that are there.

    Parameters
    ----------
    settings : TrainingSettings
    path : Path
        A .safetensors file.
    show : callable
        Told the name, the networks done and those wanted, after every chunk.
    stopped : callable
        Whether to stop early, asked after every chunk.

    Returns
    -------
    Ensemble
        With `settings.runs` networks, or fewer where it was stopped.

    Raises
    ------
    InputError
        If the file was made with other settings, or there are not so many images.
    """
    _check_target(path, settings)
    data = load_mnist(
        range(10), settings.patterns, settings.test_patterns, settings.seed, settings.source
    )
    patterns = project(data, settings.components)
    ensemble = read_ensemble(path) if path.exists() else None
    for chunk in _chunks_to_do(ensemble, settings):
        weights, accuracy = train_chunk(patterns, settings, chunk)
        ensemble = _grown(ensemble, weights, accuracy, settings, data.content_hash)
        done = min(ensemble.runs, settings.runs)
        show(path.stem, done, settings.runs)
        stop = stopped() and done < settings.runs
        if stop or done == settings.runs or chunk % _SAVE_EVERY == _SAVE_EVERY - 1:
            ensemble.save(path)
        if stop:
            break
    if ensemble is None:
        raise InputError(f"runs is {settings.runs}; give at least 1")
    return ensemble.of_runs(np.arange(min(ensemble.runs, settings.runs)))


def _check_target(path: Path, settings: TrainingSettings) -> None:
    if path.suffix != ".safetensors":
        raise InputError(f"{path} is no .safetensors file; give a name that ends so")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no directory; make it first")
    if path.exists():
        before = read_ensemble(path).settings.get("training")
        for name, value in settings.as_json().items():
            if name != "runs" and before is not None and before.get(name) != value:
                raise InputError(
                    f"{path} was made with {name} {before.get(name)}, not {value}; give another "
                    "file, or the same settings to go on"
                )
        if before is None:
            raise InputError(f"{path} was not made by training; give another file")


def _chunks_to_do(ensemble: Ensemble | None, settings: TrainingSettings) -> Iterator[int]:
    """Chunks that are not in the file: whole ones are kept, also beyond the runs asked for."""
    there = 0 if ensemble is None else ensemble.runs // CHUNK
    yield from range(there, -(-settings.runs // CHUNK))


def _grown(
    ensemble: Ensemble | None,
    weights: Sequence[NDArray[np.int8]],
    accuracy: NDArray[np.float64],
    settings: TrainingSettings,
    dataset: str,
) -> Ensemble:
    blocks = [block[:, None] for block in weights]
    accuracies = accuracy[:, None]
    if ensemble is not None:
        blocks = [np.concatenate(pair) for pair in zip(ensemble.blocks, blocks, strict=True)]
        if ensemble.accuracy is not None:
            accuracies = np.concatenate([ensemble.accuracy, accuracies])
    return Ensemble(
        blocks=tuple(blocks),
        names=tuple(f"layer {layer}" for layer in range(1, len(blocks) + 1)),
        samples=np.zeros(len(blocks[0]), dtype=np.int64),
        accuracy=accuracies,
        exchangeable=True,
        source="training",
        settings={"training": settings.as_json(), "dataset": dataset},
    )
