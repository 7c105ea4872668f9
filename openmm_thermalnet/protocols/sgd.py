"""Stochastic gradient descent before the quench of a feed-forward network, restartable.

It is a stage without an OpenMM System: minibatches make no energy. Where to go on is in `sgd.npz`,
and every batch follows from the seed, the replica and the step, so a stage that was interrupted
ends as one that was not, bit for bit.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from openmm_thermalnet.config import RunConfig
from openmm_thermalnet.conversion import TorchConversion
from openmm_thermalnet.descent import stochastic_descent
from openmm_thermalnet.feedforward_network import FeedForwardNet
from openmm_thermalnet.files import read_sealed, write_sealed
from openmm_thermalnet.protocols.stage import LOOK_UP_SECONDS, Interrupted
from openmm_thermalnet.protocols.start import Start

STATE, NAME = "sgd.npz", "sgd"


def descend(
    config: RunConfig,
    net: FeedForwardNet,
    start: Start,
    directory: Path,
    progress: Callable[[str, int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Start:
    """Take the steps of plain stochastic gradient descent that a configuration asks for.

    Parameters
    ----------
    config : RunConfig
        Its `sgd_steps`, `sgd_batch`, `learning_rate` and `seed`.
    net : FeedForwardNet
        The network.
    start : Start
        Where to begin.
    directory : Path
        Of the run.
    progress : callable, optional
        Called with "sgd", the step and the number of steps about twice a second.
    stop : callable
        Asked as often; True keeps the state and ends the stage.

    Returns
    -------
    Start
        Of the quench; E(0) is its energy.

    Raises
    ------
    Interrupted
        If `stop` said so.
    SimulationError
        If the weights do not stay finite.
    """
    path, steps = directory / STATE, config.sgd_steps
    torch.set_num_threads(config.threads)
    conversion = TorchConversion(net.layout, torch.float64, walls=False)
    hamiltonian = net.createHamiltonian()
    state, step = conversion.state(torch.tensor(start.positions))[0], 0
    content = read_sealed(path)
    if content is not None:
        with np.load(io.BytesIO(content), allow_pickle=False) as kept:
            state, step = torch.from_numpy(kept["state"]), int(kept["step"])
    saved, chunk = time.monotonic(), 10
    while step < steps:
        begun, end = time.monotonic(), min(step + chunk, steps)
        stochastic_descent(
            hamiltonian, state, config.learning_rate, config.sgd_batch, config.seed, step, end
        )
        pace = (time.monotonic() - begun) / (end - step)
        step, chunk = end, max(1, min(2 * chunk, int(LOOK_UP_SECONDS / max(pace, 1e-9))))
        if progress is not None:
            progress(NAME, step, steps)
        stopping = stop() and step < steps
        if stopping or time.monotonic() - saved > 60.0 * config.checkpoint_minutes:
            buffer = io.BytesIO()
            np.savez(buffer, state=state.numpy(), step=step)
            write_sealed(path, buffer.getvalue())
            saved = time.monotonic()
        if stopping:
            raise Interrupted
    return Start.of(net, conversion.positions(state).numpy())
