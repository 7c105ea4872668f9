"""The thermal deep learning machine: layer energies from the residual S_l - tanh(g J_l S_{l-1})."""

from __future__ import annotations

import torch
from torch import Tensor

from openmm_thermalnet.hamiltonians.layered import LayeredHamiltonian
from openmm_thermalnet.hamiltonians.registry import register


@register("norm")
class NormHamiltonian(LayeredHamiltonian):
    """E_l = |S_l - tanh(g_l J_l S_{l-1})|, the printed energy (Eqs. 2-3 of arXiv:2506.06789).

    A layer's energy is the norm of its residual over all patterns and neurons: a cone, whose
    gradient is a unit vector, and 0 where the residual is 0. In equilibrium <E_l> = K_l kT, with
    K_l the number of free residual coordinates (M N for a hidden layer).
    """

    def layer_energy(self, spins: Tensor, fields: Tensor) -> Tensor:
        """|S - tanh(x)| of every layer and replica."""
        norms: Tensor = torch.linalg.vector_norm(spins - torch.tanh(fields), dim=(2, 3))
        return norms

    def local(self, spins: Tensor, fields: Tensor, spin_gradient: Tensor) -> Tensor:
        """Energies and derivatives: u = r/|r| by the spins, -u (1 - tanh^2) by the fields."""
        outputs = fields.tanh_()
        residual = torch.sub(spins, outputs, out=spin_gradient)
        norms: Tensor = torch.linalg.vector_norm(residual, dim=(2, 3))
        inverse = torch.where(norms > 0, 1 / norms, torch.zeros_like(norms))
        unit = residual.mul_(inverse[:, :, None, None])
        outputs.square_().sub_(1.0).mul_(unit)
        return norms


@register("squared")
class SquaredHamiltonian(LayeredHamiltonian):
    """E_l = 1/2 |S_l - tanh(g_l J_l S_{l-1})|^2: a bowl where the printed energy has a cone."""

    def layer_energy(self, spins: Tensor, fields: Tensor) -> Tensor:
        """Half the squared residual of every layer and replica."""
        return 0.5 * (spins - torch.tanh(fields)).square().sum(dim=(2, 3))

    def local(self, spins: Tensor, fields: Tensor, spin_gradient: Tensor) -> Tensor:
        """Energies and derivatives: r by the spins, -r (1 - tanh^2) by the fields."""
        outputs = fields.tanh_()
        residual = torch.sub(spins, outputs, out=spin_gradient)
        energies: Tensor = 0.5 * torch.linalg.vector_norm(residual, dim=(2, 3)).square()
        outputs.square_().sub_(1.0).mul_(residual)
        return energies
