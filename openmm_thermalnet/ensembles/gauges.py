"""Hidden units without names: what a permutation of them does to an ensemble.

Networks trained from starts of their own find the same solution with their hidden units in any
order, and means over the ensemble are means over all orders. That alone makes weights between
hidden layers look free. `symmetrize` takes this mean completely, `align` takes it away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from openmm_thermalnet.ensembles.ensemble import Ensemble
from openmm_thermalnet.errors import InputError, check_integer

_ROUNDS = 20


def symmetrize(ensemble: Ensemble, copies: int, rng: np.random.Generator) -> Ensemble:
    """Every configuration in `copies` random orders of its hidden units, as further frames.

    Moments keep their expectation if runs are exchangeable, and lose noise.

    Raises
    ------
    InputError
        If the runs are not exchangeable, or `copies` is no count.
    """
    _check(ensemble)
    check_integer("copies", copies, 1)
    runs, frames = ensemble.runs, ensemble.frames
    spread = Ensemble(
        blocks=tuple(
            np.repeat(block.reshape(runs * frames, 1, *block.shape[2:]), copies, axis=0)
            for block in ensemble.blocks
        ),
        names=ensemble.names,
        samples=np.repeat(ensemble.samples, frames * copies),
        exchangeable=True,
        source=ensemble.source,
        settings=ensemble.settings,
    )
    orders = [
        rng.permuted(np.tile(np.arange(block.shape[2]), (spread.runs, 1)), axis=1)
        for block in ensemble.blocks[:-1]
    ]
    permuted = spread.permuted(orders)
    return Ensemble(
        blocks=tuple(
            block.reshape(runs, frames * copies, *block.shape[2:]) for block in permuted.blocks
        ),
        names=ensemble.names,
        samples=ensemble.samples,
        exchangeable=True,
        source=ensemble.source,
        settings=ensemble.settings,
    )


def align(ensemble: Ensemble) -> Ensemble:
    """Hidden units of every run in the order that overlaps most with the mean of all runs.

    The template begins as the first run. Layer by layer the best order is found (a linear
    assignment), then the template becomes the mean of the ordered runs; twenty rounds, or until
    nothing changes. Alignment finds some overlap in noise as well: compare with aligned noise.

    Raises
    ------
    InputError
        If the runs are not exchangeable.
    """
    _check(ensemble)
    aligned, template = ensemble, [block[:1].mean(axis=(0, 1)) for block in ensemble.blocks]
    for _ in range(_ROUNDS):
        changed = False
        for layer in range(len(ensemble.blocks) - 1):
            orders = _best_orders(aligned, template, layer)
            identity = np.arange(orders.shape[1])
            changed |= bool((orders != identity).any())
            others = [
                np.tile(np.arange(block.shape[2]), (ensemble.runs, 1))
                for block in ensemble.blocks[:-1]
            ]
            others[layer] = orders
            aligned = aligned.permuted(others)
        template = [block.mean(axis=(0, 1)) for block in aligned.blocks]
        if not changed:
            break
    return aligned


def _best_orders(
    ensemble: Ensemble, template: list[NDArray[np.float64]], layer: int
) -> NDArray[np.intp]:
    """Order (R, N_l) of one hidden layer's units that overlaps most with the template."""
    into, out = (ensemble.blocks[layer + k].mean(axis=1) for k in (0, 1))
    similarity = np.einsum("ka,rua->rku", template[layer], into)
    similarity += np.einsum("bk,rbu->rku", template[layer + 1], out)
    return np.stack([linear_sum_assignment(-one)[1] for one in similarity])


def _check(ensemble: Ensemble) -> None:
    if not ensemble.exchangeable:
        raise InputError(
            f"the runs of {ensemble.source} have hidden units of their own names; only ensembles "
            "of independent starts are permuted"
        )
