"""The thermal deep learning machine: layer energies from the residual S_l - tanh(g J_l S_{l-1})."""

from __future__ import annotations

import torch
from torch import Tensor

from openmm_thermalnet.hamiltonians.layered import LayeredHamiltonian
from openmm_thermalnet.hamiltonians.registry import register


class ResidualHamiltonian(LayeredHamiltonian):
    """E_l = |r|^power / power, r = S_l - tanh(g_l J_l S_{l-1}) over all patterns and neurons."""

    power: int
    __constants__ = ("power",)

    def radial(self, norms: Tensor) -> tuple[Tensor, Tensor]:
        """Energies of residual norms |r|, and dE/d|r| / |r|, which multiplies r in the gradient.

        Parameters
        ----------
        norms : Tensor, shape (K, R)
            |r| of every layer and replica.

        Returns
        -------
        tuple of Tensor, each of shape (K, R)
            The second is 0 where the residual is.
        """
        factors = torch.where(norms > 0, norms ** (self.power - 2), torch.zeros_like(norms))
        return norms**self.power / self.power, factors

    def layer_energy(self, spins: Tensor, fields: Tensor) -> Tensor:
        """Energy of the residual of every layer and replica."""
        norms = torch.linalg.vector_norm(spins - torch.tanh(fields), dim=(2, 3))
        return self.radial(norms)[0]

    def local(self, spins: Tensor, fields: Tensor, spin_gradient: Tensor) -> Tensor:
        """Energies and derivatives: u along r by the spins, -u (1 - tanh^2) by the fields."""
        outputs = fields.tanh_()
        residual = torch.sub(spins, outputs, out=spin_gradient)
        norms = torch.linalg.vector_norm(residual, dim=(2, 3))
        energies, factors = self.radial(norms)
        residual.mul_(factors[:, :, None, None])
        outputs.square_().sub_(1.0).mul_(residual)
        return energies


@register("norm")
class NormHamiltonian(ResidualHamiltonian):
    """E_l = |S_l - tanh(g_l J_l S_{l-1})|, the printed energy (Eqs. 2-3 of arXiv:2506.06789).

    A layer's energy is the norm of its residual: a cone, whose gradient is a unit vector, and 0
    where the residual is 0. In equilibrium <E_l> = K_l kT, with K_l the number of free residual
    coordinates (M N for a hidden layer).
    """

    power = 1


@register("squared")
class SquaredHamiltonian(ResidualHamiltonian):
    """E_l = 1/2 |S_l - tanh(g_l J_l S_{l-1})|^2: a bowl where the printed energy has a cone."""

    power = 2
