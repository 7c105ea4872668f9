"""What the rest of the package asks of an energy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor


class Hamiltonian(torch.nn.Module):
    """Energy of R copies of a network, and its gradient, as a function of one flat state.

    A subclass defines `forward`, which `TorchForce` compiles with TorchScript, so it is written in
    its subset of Python. It keeps its inputs as buffers and its scratch tensors as non-persistent
    buffers, and allocates those whenever `gradient` does not have the size of the state.

    Parameters
    ----------
    dtype : torch.dtype
        Precision of the scratch tensors.
    scratch : tuple of str
        Names of its scratch tensors besides `gradient`; they begin empty.
    """

    def __init__(self, dtype: torch.dtype, scratch: tuple[str, ...]) -> None:
        super().__init__()
        self.weight_decay = 0.0  # lambda of a prior (lambda/2) |w|^2 that is the last term, if any
        for name in ("gradient", *scratch):
            self.register_buffer(name, torch.empty(0, dtype=dtype), persistent=False)
        self.gradient: Tensor

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Energies and gradient of all replicas.

        Parameters
        ----------
        state : Tensor, shape (R P,)
            The parameters of all replicas, in the kernels' order of `layout`.

        Returns
        -------
        energies : Tensor, shape (K, R)
            The K terms whose sum is the energy (kJ/mol): of the layers, or whatever it has.
        gradient : Tensor, shape (R P,)
            Derivative of the sum of all terms of all replicas; the same tensor at every call,
            overwritten by the next.
        """
        raise TypeError("a Hamiltonian defines forward(state)")

    @torch.jit.unused
    def twin(self) -> Self:
        """A copy with scratch tensors of its own, which shares the data: one for each thread."""
        data = [buffer for name, buffer in self.named_buffers() if "." not in name]
        return copy.deepcopy(self, {id(buffer): buffer for buffer in data})

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move to another device or precision, where the scratch tensors are made anew."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.gradient = self.gradient.new_empty(0)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the scratch tensors, which a copy makes for itself."""
        state = self.__dict__.copy()
        state["_buffers"] = {
            name: buffer.new_empty(0) if name in self._non_persistent_buffers_set else buffer
            for name, buffer in self._buffers.items()
            if buffer is not None
        }
        return state
