"""A thermal network learns handwritten zeros and ones, with OpenMM's own application layer.

Writes `thermo.csv` into the working directory; 20,000 steps take minutes on one core.

    python examples/quickstart.py [STEPS]
"""

import sys

import openmm
from openmm import app

import openmm_thermalnet as tn

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000

data = tn.datasets.load_mnist(digits=(0, 1), n_train=250, n_test=400, seed=0)
net = tn.ThermalNet(data, depth=10, width=10, replicas=3)
system = net.createSystem()
integrator = openmm.LangevinMiddleIntegrator(
    tn.units.temperature(1e-5), tn.units.friction(1e-3), tn.units.timestep(0.01)
)
platform = openmm.Platform.getPlatformByName("CPU")
sim = app.Simulation(net.topology, system, integrator, platform)
sim.context.setPositions(net.randomPositions(seed=0))
sim.context.setVelocitiesToTemperature(tn.units.temperature(1e-5), 0)
sim.reporters.append(tn.ThermalReporter("thermo.csv", 1000, net))
sim.step(steps)

state = sim.context.getState(getPositions=True)
positions = state.getPositions(asNumpy=True)
print("energy of each layer:", net.layerEnergies(positions).mean(axis=0).round(2))
print("test accuracy (tanh):", net.accuracy(positions, activation="tanh"))
