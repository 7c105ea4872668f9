"""A user's own energy: it only says what a layer's energy is."""

from torch import Tensor

from openmm_thermalnet.hamiltonians import LayeredHamiltonian, register


@register("quartic")
class QuarticHamiltonian(LayeredHamiltonian):
    """E_l = sum of (S_l - x_l)^4."""

    def layer_energy(self, spins: Tensor, fields: Tensor) -> Tensor:
        return (spins - fields).pow(4).sum(dim=(2, 3))
