"""What the outputs of a feed-forward network cost, with the derivative by them.

y are the targets of a pattern, +-1 for a single output and +1 / -1 one-hot for several; f are the
outputs, without an activation. A loss is summed over outputs here; the Hamiltonian takes the mean
over patterns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmm_thermalnet.errors import InputError


class Loss(torch.nn.Module):
    """Loss of every replica."""

    @classmethod
    def check(cls, targets: NDArray[Any]) -> None:
        """Refuse targets (P, N_L) that this loss cannot use; most can use any.

        Raises
        ------
        InputError
            In one line.
        """

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss, summed over patterns, and its derivative in place of the outputs.

        Parameters
        ----------
        outputs : Tensor, shape (R, N_L, K)
            f; overwritten by the derivative of the sum by f.
        targets : Tensor, shape (N_L, K) or (R, N_L, K)
            y.

        Returns
        -------
        Tensor of float64, shape (R,)
        """
        raise TypeError("a Loss defines forward(outputs, targets)")


class QuadraticHinge(Loss):
    """(1/2) sum_k max(0, 1 - y_k f_k)^2; a margin y f of 1 is enough."""

    @classmethod
    def check(cls, targets: NDArray[Any]) -> None:
        """The margin is that of classes, whose y are +1 and -1."""
        others = targets[np.abs(targets) != 1]
        if others.size:
            raise InputError(
                f"targets have {others.flat[0]}; for the quadratic hinge give +1 and -1, or take "
                "another loss, such as mse"
            )

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss and derivative -y max(0, 1 - y f)."""
        slack = outputs.mul_(targets).neg_().add_(1.0).clamp_(min=0.0)
        losses = 0.5 * slack.square().sum(dim=(1, 2), dtype=torch.float64)
        slack.mul_(targets).neg_()
        return losses


class MeanSquaredError(Loss):
    """(1/2) sum_k (f_k - y_k)^2."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss and derivative f - y."""
        residual = outputs.sub_(targets)
        return 0.5 * residual.square().sum(dim=(1, 2), dtype=torch.float64)


class CrossEntropy(Loss):
    """-sum_k p_k ln softmax(f)_k with p = (1 + y) / 2; for one output ln(1 + e^(-y f))."""

    @classmethod
    def check(cls, targets: NDArray[Any]) -> None:
        """The p of several outputs are probabilities: they sum to 1."""
        totals = (0.5 + 0.5 * targets).sum(axis=1)
        if targets.shape[1] > 1 and not np.allclose(totals, 1.0):
            row = int(np.argmax(np.abs(totals - 1.0)))
            raise InputError(
                f"targets of pattern {row} are {targets[row].tolist()}; for cross-entropy "
                "give +1 for one output and -1 for the others"
            )

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss and derivative: softmax(f) - p, or sigmoid(f) - p for one output."""
        p = 0.5 + 0.5 * targets
        if outputs.shape[1] == 1:
            each = torch.nn.functional.softplus(outputs) - p * outputs
            losses = each.sum(dim=(1, 2), dtype=torch.float64)
            torch.sigmoid(outputs, out=outputs)
        else:
            logarithms = torch.log_softmax(outputs, dim=1)
            losses = -(p * logarithms).sum(dim=(1, 2), dtype=torch.float64)
            torch.exp(logarithms, out=outputs)
        outputs.sub_(p)
        return losses


LOSSES: dict[str, type[Loss]] = {
    "quadratic-hinge": QuadraticHinge,
    "mse": MeanSquaredError,
    "cross-entropy": CrossEntropy,
}
"""Losses by name."""


def find_loss(name: str) -> type[Loss]:
    """Loss by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in LOSSES:
        raise InputError(f"loss {name!r} is unknown; choose one of {', '.join(LOSSES)}")
    return LOSSES[name]
