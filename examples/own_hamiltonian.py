"""Another energy in a few lines: say what a layer's energy is, and give it a name.

The derivatives come from automatic differentiation; the energy is then as good as the built-in
ones, with every force binding, integrator and observable. Keep the class in a module that can be
imported if a System that holds it is to be read back from XML.

    python examples/own_hamiltonian.py [STEPS]
"""

import sys

import openmm
from openmm import app
from torch import Tensor

import openmm_thermalnet as tn
from openmm_thermalnet.hamiltonians import LayeredHamiltonian, register


@register("smooth-norm")
class SmoothNormHamiltonian(LayeredHamiltonian):
    """E_l = sqrt(|S_l - tanh(x_l)|^2 + 0.01) - 0.1: the printed cone with a rounded tip."""

    def layer_energy(self, spins: Tensor, fields: Tensor) -> Tensor:
        """Energy (K, R) of K layers and R replicas; spins and fields are (K, R, neurons, M)."""
        residual = spins - fields.tanh()
        return (residual.square().sum(dim=(2, 3)) + 0.01).sqrt() - 0.1


if __name__ == "__main__":
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    data = tn.datasets.load_digits(digits=(0, 1), n_train=50, n_test=200, seed=0)
    net = tn.ThermalNet(data, depth=4, width=8, replicas=3, energy="smooth-norm")
    integrator = openmm.LangevinMiddleIntegrator(
        tn.units.temperature(1e-4), tn.units.friction(1e-3), tn.units.timestep(0.01)
    )
    platform = openmm.Platform.getPlatformByName("CPU")
    sim = app.Simulation(net.topology, net.createSystem(), integrator, platform)
    sim.context.setPositions(net.randomPositions(seed=0))
    sim.context.setVelocitiesToTemperature(tn.units.temperature(1e-4), 0)
    for _ in range(5):
        sim.step(steps // 5)
        positions = sim.context.getState(getPositions=True).getPositions(asNumpy=True)
        energy = net.layerEnergies(positions).sum(axis=1).mean()
        accuracy = net.accuracy(positions, activation="tanh").mean()
        print(f"step {sim.currentStep:6d}: energy {energy:8.4f}, test accuracy {accuracy:.3f}")
