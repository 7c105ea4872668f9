"""The thermal deep learning machine: layer energies from the residual S_l - tanh(g J_l S_{l-1})."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from openmm_thermalnet.hamiltonians import compiled, residuals
from openmm_thermalnet.hamiltonians.layered import LayeredHamiltonian
from openmm_thermalnet.hamiltonians.registry import register


class ResidualHamiltonian(LayeredHamiltonian):
    """E_l is a function of |r|, r = S_l - tanh(g_l J_l S_{l-1}) over all patterns and neurons."""

    def radial(self, norms: Tensor) -> tuple[Tensor, Tensor]:
        """Energies of residual norms |r|, and dE/d|r| / |r|, which multiplies r in the gradient.

        Parameters
        ----------
        norms : Tensor, shape (K, R)
            |r| of every layer and replica.

        Returns
        -------
        tuple of Tensor, each of shape (K, R)
        """
        raise TypeError("a ResidualHamiltonian defines radial(norms)")

    def layer_energy(self, spins: Tensor, fields: Tensor) -> Tensor:
        """Energy of the residual of every layer and replica."""
        norms = torch.linalg.vector_norm(spins - torch.tanh(fields), dim=(2, 3))
        return self.radial(norms)[0]

    def local(self, spins: Tensor, fields: Tensor, spin_gradient: Tensor) -> Tensor:
        """Energies and derivatives: u along r by the spins, -u (1 - tanh^2) by the fields."""
        # TorchScript leaves a branch out only if its whole condition is this one.
        if not torch.jit.is_scripting():  # noqa: SIM102
            if fields.device.type == "cpu" and fields.dtype == torch.float32:
                return self.compiled_local(spins, fields, spin_gradient)
        outputs = fields.tanh_()
        residual = torch.sub(spins, outputs, out=spin_gradient)
        norms = torch.linalg.vector_norm(residual, dim=(2, 3))
        energies, factors = self.radial(norms)
        residual.mul_(factors[:, :, None, None])
        outputs.square_().sub_(1.0).mul_(residual)
        return energies

    @torch.jit.unused
    def compiled_pass(self, state: Tensor) -> tuple[Tensor, Tensor] | None:
        """All layers, a block of patterns at a time: on one core, in single precision."""
        if self.threads > 1 or state.device.type != "cpu" or state.dtype != torch.float32:
            return None
        R, N = self.replicas, self.width
        if self.first_fields.numel() == 0:
            self.first_fields = state.new_empty([R * N, self.patterns])
            self.block_scratch = residuals.scratch_for(N, self.output_width)
        sizes = (R, self.patterns, self.input_width, N, self.output_width, self.depth)
        gain = np.float32(self.gain)
        squares = np.empty((self.depth, R))
        first, by_first = self.split(state)[1], self.split(self.gradient)[1]
        gradient, by_layer_above = self.gradient.numpy(), self.fields.numpy()
        self.first_layer(first, self.first_fields)
        residuals.add_patterns(
            state.numpy(),
            self.targets.numpy(),
            sizes,
            gain,
            self.first_fields.numpy().reshape(R, N, self.patterns),
            gradient,
            by_layer_above,
            squares,
            self.block_scratch,
        )
        self.first_layer_gradient(self.first_fields, by_first)
        norms = torch.from_numpy(np.sqrt(squares).astype(np.float32))
        energies, factors = self.radial(norms)
        residuals.scale(factors.numpy(), gain, sizes, by_layer_above, gradient)
        return energies, self.gradient

    def compiled_local(self, spins: Tensor, fields: Tensor, spin_gradient: Tensor) -> Tensor:
        """`local` in two fused passes."""
        norms = compiled.residual_norms(spins, fields, spin_gradient)
        energies, factors = self.radial(norms)
        compiled.residual_derivatives(factors, fields, spin_gradient)
        return energies


@register("norm")
class NormHamiltonian(ResidualHamiltonian):
    """E_l = |S_l - tanh(g_l J_l S_{l-1})|, the printed energy (Eqs. 2-3 of arXiv:2506.06789).

    A layer's energy is the norm of its residual: a cone, whose gradient is a unit vector, and 0
    where the residual is 0. In equilibrium <E_l> = K_l kT, with K_l the number of free residual
    coordinates (M N for a hidden layer).
    """

    def radial(self, norms: Tensor) -> tuple[Tensor, Tensor]:
        """|r|, and 1/|r| or 0."""
        return norms, torch.where(norms > 0, 1 / norms, torch.zeros_like(norms))


@register("squared")
class SquaredHamiltonian(ResidualHamiltonian):
    """E_l = 1/2 |S_l - tanh(g_l J_l S_{l-1})|^2: a bowl where the printed energy has a cone."""

    def radial(self, norms: Tensor) -> tuple[Tensor, Tensor]:
        """|r|^2 / 2, and 1."""
        return 0.5 * norms.square(), torch.ones_like(norms)
