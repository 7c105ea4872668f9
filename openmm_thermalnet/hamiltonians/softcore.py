"""Yoshino's perceptron network: soft-core energies of the gaps."""

from __future__ import annotations

import torch
from torch import Tensor

from openmm_thermalnet.hamiltonians.layered import LayeredHamiltonian
from openmm_thermalnet.hamiltonians.registry import register


@register("softcore")
class SoftcoreHamiltonian(LayeredHamiltonian):
    """E_l = sum over patterns and neurons of v(S_l g_l J_l S_{l-1}), v(x) = x^2 for x < 0 else 0.

    The gap x says whether a neuron agrees with its local field (H. Yoshino, SciPost Phys. Core 2,
    005 (2020)); the soft core penalises the neurons that do not. That paper's gap carries
    1/sqrt(N_{l-1}), which is ``gain="fan_in"`` here.
    """

    def layer_energy(self, spins: Tensor, fields: Tensor) -> Tensor:
        """Sum of v(S x) of every layer and replica."""
        return (spins * fields).clamp(max=0.0).square().sum(dim=(2, 3))

    def local(self, spins: Tensor, fields: Tensor, spin_gradient: Tensor) -> Tensor:
        """Energies and derivatives: 2 min(gap, 0) times the field, and times the spin."""
        overlap = torch.mul(spins, fields, out=spin_gradient).clamp_(max=0.0)
        energies: Tensor = torch.linalg.vector_norm(overlap, dim=(2, 3)).square()
        overlap.mul_(2.0)
        by_field = overlap * spins
        overlap.mul_(fields)
        fields.copy_(by_field)
        return energies
