"""What every layered energy shares: the network's matrix products, forwards and backwards.

An energy of the form H = sum_l E(S_l, x_l), with the local fields x_l = g_l J_l S_{l-1}, needs
only its own derivatives with respect to S_l and x_l; the chain through the network is the same
for all. `LayeredHamiltonian` does that part for all replicas and layers in five matrix products,
so a new energy is a few lines.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Literal

import torch
from torch import Tensor

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.hamiltonians.hamiltonian import Hamiltonian

Gain = float | Literal["fan_in"]


def layer_gains(gain: Gain, widths: tuple[int, ...]) -> tuple[float, ...]:
    """Gain g_l of every layer l = 1 ... L.

    Parameters
    ----------
    gain : float or "fan_in"
        One number for all layers, or 1/sqrt(N_{l-1}).
    widths : tuple of int
        (N_0, N, ..., N_L).

    Raises
    ------
    InputError
        If `gain` is neither a positive finite number nor "fan_in".
    """
    if isinstance(gain, str) and gain == "fan_in":
        return tuple(1.0 / math.sqrt(width) for width in widths[:-1])
    if not isinstance(gain, Real) or not math.isfinite(gain) or gain <= 0:
        raise InputError(f"gain is {gain!r}; give a positive number or 'fan_in'")
    return (float(gain),) * (len(widths) - 1)


def scaled_product(a: Tensor, b: Tensor, scale: float, out: Tensor) -> None:
    """Write ``scale * a @ b`` into `out`."""
    torch.addmm(out, a, b, beta=0.0, alpha=scale, out=out)


def scaled_products(a: Tensor, b: Tensor, scale: float, out: Tensor) -> None:
    """Write ``scale * a @ b`` into `out`, for a batch."""
    torch.baddbmm(out, a, b, beta=0.0, alpha=scale, out=out)


class LayeredHamiltonian(Hamiltonian):
    """Energy of R copies of a network, as a sum over its layers.

    A subclass defines `layer_energy`; that is enough, its derivatives then come from automatic
    differentiation. One that must be fast overrides `local` as well. Both are compiled by
    TorchScript for `TorchForce`, so they are written in its subset of Python.

    Parameters
    ----------
    inputs : Tensor, shape (M, N_0)
        S_0.
    targets : Tensor, shape (M, N_L)
        S_L.
    widths : tuple of int
        (N_0, N, ..., N_L); all hidden layers have one width.
    replicas : int
        R.
    gain : float or "fan_in"
        Factor g_l of the local fields (see `layer_gains`).
    dtype : torch.dtype
        Precision of the evaluation.

    Notes
    -----
    The state and its gradient are flat tensors of R P numbers in the kernels' order of `layout`:
    spins (L-1, R, N, M), then J_1 (R, N, N_0), J_2 ... J_{L-1} (L-2, R, N, N) and
    J_L (R, N_L, N). Scratch tensors and the returned gradient are allocated at the first call and
    reused by the next.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        widths: tuple[int, ...],
        replicas: int,
        gain: Gain = 1.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(dtype, ("fields", "output_fields", "output_gradient"))
        self.patterns = int(inputs.shape[0])
        self.depth = len(widths) - 1
        self.width = int(widths[1])
        self.input_width = int(widths[0])
        self.output_width = int(widths[-1])
        self.replicas = int(replicas)
        gains = layer_gains(gain, widths)
        self.first_gain = gains[0]
        self.gain = gains[-1]  # of every later layer: they all have N inputs
        self.register_buffer("inputs", inputs.t().to(dtype).contiguous())
        self.register_buffer("targets", targets.t().to(dtype).contiguous())
        self.inputs: Tensor
        self.targets: Tensor
        self.fields: Tensor
        self.output_fields: Tensor
        self.output_gradient: Tensor

    def layer_energy(self, spins: Tensor, fields: Tensor) -> Tensor:
        """Energy of every layer and replica.

        Parameters
        ----------
        spins : Tensor, shape (K, R, n, M)
            S_l of K layers.
        fields : Tensor, shape (K, R, n, M)
            Their local fields g_l J_l S_{l-1}.

        Returns
        -------
        Tensor, shape (K, R)
        """
        raise TypeError("a Hamiltonian defines layer_energy(spins, fields)")

    def local(self, spins: Tensor, fields: Tensor, spin_gradient: Tensor) -> Tensor:
        """Energy of every layer and replica, with its derivatives.

        Parameters
        ----------
        spins : Tensor, shape (K, R, n, M)
            S_l of K layers.
        fields : Tensor, shape (K, R, n, M)
            Their local fields; overwritten by the derivative with respect to them.
        spin_gradient : Tensor, shape (K, R, n, M)
            Overwritten by the derivative with respect to `spins`.

        Returns
        -------
        Tensor, shape (K, R)
        """
        grad_mode = torch.is_grad_enabled()
        torch.set_grad_enabled(True)  # TorchScript knows this, not `with torch.enable_grad()`
        s = spins.detach().clone().requires_grad_(True)
        x = fields.detach().clone().requires_grad_(True)
        energies = self.layer_energy(s, x)
        derivatives = torch.autograd.grad([energies.sum()], [s, x])
        torch.set_grad_enabled(grad_mode)
        by_spin, by_field = derivatives[0], derivatives[1]
        assert by_spin is not None  # TorchScript's types
        assert by_field is not None
        spin_gradient.copy_(by_spin)
        fields.copy_(by_field)
        return energies.detach()

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Energies and gradient of all replicas.

        Parameters
        ----------
        state : Tensor, shape (R P,)
            Spins and weights in [-1, 1], in the kernels' order.

        Returns
        -------
        energies : Tensor, shape (L, R)
            Layer energies E_l (kJ/mol).
        gradient : Tensor, shape (R P,)
            dH/dstate; the same tensor at every call, overwritten by the next.
        """
        with torch.no_grad():
            self.allocate(state)
            spins, first, middle, last = self.split(state)
            d_spins, d_first, d_middle, d_last = self.split(self.gradient)
            R, M, N = self.replicas, self.patterns, self.width
            batch = (self.depth - 2) * R
            fields, output_fields = self.fields, self.output_fields
            first_fields = fields[0].view(R * N, M)
            below, above = spins[:-1].view(batch, N, M), fields[1:].view(batch, N, M)
            top = spins[-1]

            # Local fields. One product serves the first layer of all replicas.
            scaled_product(first, self.inputs, self.first_gain, first_fields)
            if batch > 0:
                scaled_products(middle, below, self.gain, above)
            scaled_products(last, top, self.gain, output_fields)

            # Energies, and derivatives in place of the fields.
            hidden = self.local(spins, fields, d_spins)
            targets = self.targets.expand(1, R, self.output_width, M)
            output = self.local(
                targets, output_fields.unsqueeze(0), self.output_gradient.unsqueeze(0)
            )

            # The chain: S_{l-1} and J_l through the fields of layer l.
            scaled_product(first_fields, self.inputs.t(), self.first_gain, d_first)
            if batch > 0:
                scaled_products(above, below.transpose(1, 2), self.gain, d_middle)
                lower = d_spins[:-1].view(batch, N, M)
                lower.baddbmm_(middle.transpose(1, 2), above, alpha=self.gain)
            scaled_products(output_fields, top.transpose(1, 2), self.gain, d_last)
            d_spins[-1].baddbmm_(last.transpose(1, 2), output_fields, alpha=self.gain)
        return torch.cat([hidden, output]), self.gradient

    def split(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Views of a flat tensor: spins, first, middle and last weights."""
        R, M, N, L = self.replicas, self.patterns, self.width, self.depth
        first = R * (L - 1) * M * N
        middle = first + R * N * self.input_width
        last = middle + R * (L - 2) * N * N
        return (
            state[:first].view(L - 1, R, N, M),
            state[first:middle].view(R * N, self.input_width),
            state[middle:last].view((L - 2) * R, N, N),
            state[last:].view(R, self.output_width, N),
        )

    def allocate(self, state: Tensor) -> None:
        """Make the scratch tensors, once, of the state's precision and where it lives."""
        if self.gradient.numel() == state.numel():
            return
        R, M, N = self.replicas, self.patterns, self.width
        self.gradient = torch.empty_like(state)
        self.fields = state.new_empty([self.depth - 1, R, N, M])
        self.output_fields = state.new_empty([R, self.output_width, M])
        self.output_gradient = torch.empty_like(self.output_fields)
