"""An ordinary feed-forward network: the energy is its loss, a function of the weights alone.

Layer by layer, all replicas in one batched product, patterns side by side. The patterns go through
the network in slices that fit the cache; every slice adds to the loss and to the gradient, so the
energy is that of all of them.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from openmm_thermalnet.hamiltonians.activations import find_activation
from openmm_thermalnet.hamiltonians.hamiltonian import Hamiltonian
from openmm_thermalnet.hamiltonians.losses import find_loss

_SLICE = 2**20
"""Numbers that a slice's hidden layers may take on the CPU, all replicas together."""

_LEAST = 64
"""Patterns that a slice has at least, if there are so many."""


class FeedForwardHamiltonian(Hamiltonian):
    """Loss of R feed-forward networks on P patterns, with weight decay.

    H = (1/P) sum_mu loss(f(x_mu), y_mu) + (lambda/2) |w|^2 for every replica, with
    f = W_L a(W_{L-1} ... a(W_1 x)) and, if asked for, biases, which count among the w.

    Parameters
    ----------
    inputs : Tensor, shape (P, N_0)
        x.
    targets : Tensor, shape (P, N_L)
        y.
    widths : tuple of int
        (N_0, N_1, ..., N_L).
    replicas : int
        R.
    activation : str
        Of the hidden layers (`activations.ACTIVATIONS`).
    loss : str
        See `losses.LOSSES`.
    weight_decay : float
        lambda.
    bias : bool
        Whether every neuron has a bias.
    dtype : torch.dtype
        Precision of the evaluation; energies are summed in double.

    Notes
    -----
    The state and its gradient are flat tensors of R P_w numbers in the kernels' order of `layout`:
    J_1 (R, N_1, N_0) ... J_L (R, N_L, N_{L-1}), then with biases B_1 (R, N_1) ... B_L (R, N_L).
    The two energy terms are the loss and the weight decay.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        widths: tuple[int, ...],
        replicas: int,
        activation: str = "relu",
        loss: str = "quadratic-hinge",
        weight_decay: float = 0.0,
        bias: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(dtype, ("scratch",))
        self.patterns = int(inputs.shape[0])
        self.widths = [int(width) for width in widths]
        self.depth = len(widths) - 1
        self.replicas = int(replicas)
        self.activation = find_activation(activation)()
        self.keeps_fields = self.activation.keeps_fields
        self.loss = find_loss(loss)()
        self.weight_decay = float(weight_decay)
        self.bias = bool(bias)
        sizes = [above * below for below, above in pairwise(widths)]
        ends = [0]
        for size in [*sizes, *(widths[1:] if bias else ())]:
            ends.append(ends[-1] + int(replicas) * int(size))
        self.ends = ends
        self.register_buffer("inputs", inputs.t().to(dtype).contiguous())
        self.register_buffer("targets", targets.t().to(dtype).contiguous())
        self.inputs: Tensor
        self.targets: Tensor
        self.scratch: Tensor
        # Numbers for one pattern: hidden layers, twice if their fields are kept; two gradients.
        hidden = sum(self.widths[1:-1]) * (2 if self.keeps_fields else 1)
        self.numbers = self.replicas * (hidden + 2 * max(self.widths[1:]))
        self.most = max(_LEAST, _SLICE // self.numbers)
        self.slice_size = 0

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Energies and gradient of all replicas.

        Parameters
        ----------
        state : Tensor, shape (R P_w,)
            Weights, in the kernels' order.

        Returns
        -------
        energies : Tensor of float64, shape (2, R)
            Loss and weight decay (kJ/mol).
        gradient : Tensor, shape (R P_w,)
            dH/dstate; the same tensor at every call, overwritten by the next.
        """
        with torch.no_grad():
            if self.gradient.numel() != state.numel():
                self.gradient = torch.empty_like(state)
                self.slice_size = self.balanced_slice(state)
                self.scratch = self.scratch.new_empty([0])
            self.gradient.zero_()
            losses = torch.zeros([self.replicas], dtype=torch.float64, device=state.device)
            for start in range(0, self.patterns, self.slice_size):
                end = min(start + self.slice_size, self.patterns)
                losses += self.add_patterns(
                    state, self.inputs[:, start:end], self.targets[:, start:end], self.gradient
                )
            losses /= self.patterns
            self.gradient.div_(self.patterns)
            return torch.stack([losses, self.add_decay(state, self.gradient)]), self.gradient

    def balanced_slice(self, state: Tensor) -> int:
        """Patterns in a slice: all alike, and small enough for the cache of a CPU."""
        if state.device.type != "cpu":
            return self.patterns
        slices = (self.patterns + self.most - 1) // self.most
        return (self.patterns + slices - 1) // slices

    def matrix(self, state: Tensor, layer: int) -> Tensor:
        """View (R, N_l, N_{l-1}) of the weights into a layer, counted from 0."""
        shape = [self.replicas, self.widths[layer + 1], self.widths[layer]]
        return state[self.ends[layer] : self.ends[layer + 1]].view(shape)

    def biases(self, state: Tensor, layer: int) -> Tensor:
        """View (R, N_l, 1) of the biases of a layer, counted from 0."""
        field = self.depth + layer
        shape = [self.replicas, self.widths[layer + 1], 1]
        return state[self.ends[field] : self.ends[field + 1]].view(shape)

    def fields(self, state: Tensor, layer: int, below: Tensor, out: Tensor) -> None:
        """Write W h (+ b) of a layer for the values (R, N_{l-1}, K), or (N_0, K), below it."""
        weights = self.matrix(state, layer)
        if below.dim() == 2:  # the same for all replicas: one product
            torch.mm(weights.flatten(0, 1), below, out=out.view([-1, out.shape[2]]))
        else:
            torch.bmm(weights, below, out=out)
        if self.bias:
            out.add_(self.biases(state, layer))

    def add_patterns(
        self, state: Tensor, inputs: Tensor, targets: Tensor, gradient: Tensor
    ) -> Tensor:
        """Sum of the loss over some patterns; its derivative is added to `gradient`.

        Parameters
        ----------
        state : Tensor, shape (R P_w,)
            Weights.
        inputs : Tensor, shape (N_0, K) or (R, N_0, K)
            For all replicas alike, or each its own.
        targets : Tensor, shape (N_L, K) or (R, N_L, K)
            Their targets.
        gradient : Tensor, shape (R P_w,)
            Changed in place.

        Returns
        -------
        Tensor of float64, shape (R,)
        """
        R, K = self.replicas, inputs.shape[-1]
        if self.scratch.numel() < K * self.numbers:
            self.scratch = state.new_empty([K * self.numbers])
        fields: list[Tensor] = []
        values: list[Tensor] = [inputs]
        used = 0
        for layer in range(self.depth - 1):
            shape = [R, self.widths[layer + 1], K]
            size = R * self.widths[layer + 1] * K
            field = self.scratch[used : used + size].view(shape)
            used += size
            value = field
            if self.keeps_fields:
                value = self.scratch[used : used + size].view(shape)
                used += size
            self.fields(state, layer, values[layer], field)
            self.activation.evaluate(field, value)
            fields.append(field)
            values.append(value)
        here, other = used, used + (self.scratch.numel() - used) // 2
        last = self.depth - 1
        above = self.scratch[here : here + R * self.widths[-1] * K].view([R, self.widths[-1], K])
        self.fields(state, last, values[last], above)
        losses: Tensor = self.loss(above, targets)

        for step in range(self.depth):
            layer = last - step
            below, into = values[layer], self.matrix(gradient, layer)
            if below.dim() == 2:
                flat = into.view([-1, into.shape[2]])
                torch.addmm(flat, above.view([-1, K]), below.t(), out=flat)
            else:
                torch.baddbmm(into, above, below.transpose(1, 2), out=into)
            if self.bias:
                self.biases(gradient, layer).add_(above.sum(dim=2, keepdim=True))
            if layer > 0:
                here, other = other, here
                size = R * self.widths[layer] * K
                passed = self.scratch[here : here + size].view([R, self.widths[layer], K])
                torch.bmm(self.matrix(state, layer).transpose(1, 2), above, out=passed)
                self.activation.chain(passed, fields[layer - 1], values[layer])
                above = passed
        return losses

    def add_decay(self, state: Tensor, gradient: Tensor) -> Tensor:
        """Weight decay (R,) of every replica; its derivative is added to `gradient`."""
        decay = torch.zeros([self.replicas], dtype=torch.float64, device=state.device)
        if self.weight_decay > 0:
            for field in range(len(self.ends) - 1):
                part = state[self.ends[field] : self.ends[field + 1]].view([self.replicas, -1])
                decay += part.square().sum(dim=1, dtype=torch.float64)
            gradient.add_(state, alpha=self.weight_decay)
        return (0.5 * self.weight_decay) * decay

    def outputs(self, state: Tensor, inputs: Tensor) -> Tensor:
        """Outputs f, without a loss.

        Parameters
        ----------
        state : Tensor, shape (R P_w,)
            Weights.
        inputs : Tensor, shape (K, N_0)
            Any patterns.

        Returns
        -------
        Tensor, shape (R, N_L, K)
        """
        with torch.no_grad():
            value = inputs.t().to(state.dtype)
            for layer in range(self.depth):
                field = state.new_empty([self.replicas, self.widths[layer + 1], inputs.shape[0]])
                self.fields(state, layer, value, field)
                if layer < self.depth - 1:
                    value = torch.empty_like(field) if self.keeps_fields else field
                    self.activation.evaluate(field, value)
            return field
