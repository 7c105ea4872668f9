"""A scan: descent from random starts at every value of a parameter, and where it ends.

Topology trivialisation: does every start end in the zero network? Scanned in the weight decay.
Jamming: is there a network that satisfies every pattern? Scanned in the width at no weight decay.
Both stop as arXiv:2405.13098 does: stochastic gradient descent, then full descent at eta and at
eta/10.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from openmm import unit

from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.descent import (
    check_batch,
    check_step_size,
    gradient_descent,
    stochastic_descent,
)
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.feedforward_network import FeedForwardNet
from openmm_thermalnet.files import locked, read_sealed, write_json, write_sealed
from openmm_thermalnet.protocols import Interrupted
from openmm_thermalnet.protocols.setup import build_dataset, versions
from openmm_thermalnet.scans.config import ScanConfig
from openmm_thermalnet.scans.outcomes import Outcome, read_outcomes, write_outcomes

SCAN, SCAN_FORMAT = "scan.json", "openmm_thermalnet scan 1"

_CHECKPOINT = "scan.chk"
_CHECKPOINT_SECONDS = 30.0
_CHUNK = 100  # steps between looks at the clock

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Scan:
    """A scan that is set up: everything is checked, and its directory describes it.

    Attributes
    ----------
    directory : Path
        Of the scan.
    config : ScanConfig
        Its parameters.
    dataset : Dataset
        What is learned.
    """

    directory: Path
    config: ScanConfig
    dataset: Dataset

    @property
    def outcomes(self) -> list[Outcome]:
        """What is there so far."""
        return read_outcomes(self.directory)

    def execute(
        self, progress: Progress | None = None, stop: Callable[[], bool] = lambda: False
    ) -> list[Outcome]:
        """Run what is not there yet; call again after an interruption.

        Parameters
        ----------
        progress : callable, optional
            Called with a name, steps done and steps in all.
        stop : callable
            True ends the scan with a checkpoint.

        Returns
        -------
        list of Outcome
            All starts at all values.

        Raises
        ------
        Interrupted
            If `stop` said so.
        SimulationError
            If weights do not stay finite.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(self.config.threads)
        try:
            with locked(self.directory):
                done = {outcome.value for outcome in self.outcomes}
                for value in self.config.scanned:
                    if value not in done:
                        found = self._run_value(value, progress, stop)
                        write_outcomes(self.directory, [*self.outcomes, *found])
                        (self.directory / _CHECKPOINT).unlink(missing_ok=True)
        finally:
            torch.set_num_threads(threads)
        return self.outcomes

    def network(self, value: float) -> FeedForwardNet:
        """Network at a value, with one replica for every start."""
        config = self.config
        jamming = config.kind == "jamming"
        width = int(value) if jamming else config.width
        return FeedForwardNet(
            self.dataset,
            (self.dataset.input_width, *[width] * (config.depth - 1), self.dataset.output_width),
            config.activation,
            config.loss,
            config.weight_decay if jamming else value,
            config.samples,
            precision=config.precision,
        )

    def _run_value(
        self, value: float, progress: Progress | None, stop: Callable[[], bool]
    ) -> list[Outcome]:
        config = self.config
        net = self.network(value)
        hamiltonian = net.createHamiltonian()
        state, step = self._resume(value)
        if state is None:
            start = net.randomPositions(config.seed)
            state = _flat(net.weights(start))
        name = f"{'weight decay' if config.kind == 'trivialisation' else 'width'} {value:g}"
        kept = time.monotonic()
        while step < config.sgd_steps:
            end = min(step + _CHUNK, config.sgd_steps)
            stochastic_descent(hamiltonian, state, config.eta, config.batch, config.seed, step, end)
            step = end
            stopped = stop()
            if stopped or time.monotonic() - kept > _CHECKPOINT_SECONDS:
                kept = time.monotonic()
                self._keep(value, state, step)
            if progress is not None:
                progress(name, step, config.sgd_steps)
            if stopped:
                raise Interrupted
        gradient_descent(hamiltonian, state, config.eta, config.descent_steps)
        gradient_descent(hamiltonian, state, config.eta / 10, config.descent_steps)
        return self._outcomes(value, net, net.positions(_layers(net, state)))

    def _outcomes(
        self, value: float, net: FeedForwardNet, positions: unit.Quantity
    ) -> list[Outcome]:
        squared = sum((weight**2).sum(axis=(1, 2)) for weight in net.weights(positions))
        outputs = np.abs(net.outputs(positions, self.dataset.train_inputs)).max(axis=(1, 2))
        columns = (
            net.energyTerms(positions)[:, 0],
            squared,
            outputs,
            net.unsatisfied(positions),
            net.accuracy(positions, "train"),
        )
        return [
            Outcome(
                value, sample, net.particles, net.patterns, *(c[sample].item() for c in columns)
            )
            for sample in range(self.config.samples)
        ]

    def _keep(self, value: float, state: torch.Tensor, step: int) -> None:
        head = json.dumps({"value": value, "step": step}).encode()
        write_sealed(self.directory / _CHECKPOINT, head + b"\n" + state.numpy().tobytes())

    def _resume(self, value: float) -> tuple[torch.Tensor | None, int]:
        content = read_sealed(self.directory / _CHECKPOINT)
        head, _, body = (content or b"").partition(b"\n")
        found = json.loads(head) if head else None
        if found is None or found["value"] != value:
            return None, 0
        return torch.from_numpy(np.frombuffer(body, np.float64).copy()), int(found["step"])


def open_scan(config: ScanConfig, directory: Path) -> Scan:
    """Check everything and make the directory of a scan, or go on with the one that is there.

    Parameters
    ----------
    config : ScanConfig
        Its parameters.
    directory : Path
        Where it goes.

    Returns
    -------
    Scan
        Ready for `Scan.execute`.

    Raises
    ------
    InputError
        If a parameter cannot be used, or the directory holds a scan with other parameters or
        something else; nothing is written then.
    """
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file; name a directory")
    config = config.with_absolute_paths()
    dataset = build_dataset(config.data)
    scan = Scan(directory, config, dataset)
    check_step_size(config.eta)
    check_batch(config.batch, dataset.patterns)
    for value in config.scanned:
        scan.network(value)
    description = {
        "format": SCAN_FORMAT,
        "config": config.model_dump(mode="json", by_alias=True),
        "dataset": {
            "name": dataset.name,
            "source": dataset.source,
            "hash": dataset.content_hash,
        },
        "versions": versions(),
    }
    if (directory / SCAN).exists():
        _check_same(read_scan(directory), description, directory)
        return scan
    if directory.is_dir() and any(directory.iterdir()):
        raise InputError(f"{directory} holds other files already; name another")
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / SCAN, description)
    return scan


def read_scan(directory: Path) -> dict[str, Any]:
    """Content of `scan.json`.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    path = directory / SCAN
    try:
        description: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read; name the directory of a scan") from error
    if not isinstance(description, dict) or description.get("format") != SCAN_FORMAT:
        raise InputError(f"{path} is no {SCAN_FORMAT}; name the directory of a scan")
    return description


def _check_same(theirs: dict[str, Any], ours: dict[str, Any], directory: Path) -> None:
    """Refuse to go on with a scan that was made otherwise."""
    for name, value in ours["config"].items():
        if name != "threads" and theirs["config"].get(name) != value:
            raise InputError(
                f"{directory} holds a scan with {name} {theirs['config'].get(name)}, not {value}; "
                "give its parameters to go on with it, or name another directory"
            )
    if theirs["dataset"]["hash"] != ours["dataset"]["hash"]:
        raise InputError(
            f"the dataset of {directory} has hash {theirs['dataset']['hash'][:12]}, what is there "
            f"now {ours['dataset']['hash'][:12]}; bring the data back that it was made with"
        )


def _flat(weights: list[Any]) -> torch.Tensor:
    """Weights of all layers in the kernels' order, in double precision."""
    parts = [np.asarray(weight, dtype=np.float64).ravel() for weight in weights]
    return torch.from_numpy(np.concatenate(parts))


def _layers(net: FeedForwardNet, state: torch.Tensor) -> list[Any]:
    """The inverse of `_flat`."""
    shapes = [
        (net.replicas, above, below)
        for below, above in zip(net.widths, net.widths[1:], strict=False)
    ]
    ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
    return [
        part.reshape(shape)
        for part, shape in zip(np.split(state.numpy(), ends), shapes, strict=True)
    ]
