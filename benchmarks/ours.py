"""openmm_thermalnet as a contender: a ThermalNet in OpenMM, on one CPU thread or on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openmm

    from benchmarks.peers.common import FloatArray, Problem


class Network:
    """The System, the integrator and the Context that the README's example makes.

    Subclasses say how they differ.

    Parameters
    ----------
    problem
        What to solve.
    """

    name = "openmm_thermalnet"
    force = "native"
    platform = "CPU"
    threads = 1

    def __init__(self, problem: Problem) -> None:
        import openmm

        import openmm_thermalnet as tn

        self.problem = problem
        self.machines = problem.replicas
        data = tn.datasets.from_arrays(problem.inputs, problem.targets)
        self.net = tn.ThermalNet(data, problem.L, problem.N, replicas=problem.replicas)
        self.system = self.net.createSystem(force=self.force)
        self.integrator = tn.integrators.create_integrator(
            kT=problem.kT,
            friction=problem.eta,
            timestep=problem.dt,
            seed=problem.seed + 1,
        ).integrator
        platform, properties = tn.integrators.find_platform(self.platform, threads=self.threads)
        self.context = openmm.Context(self.system, self.integrator, platform, properties)
        self.context.setPositions(self.net.positions(*problem.split(problem.start())))
        self.context.setVelocitiesToTemperature(tn.units.temperature(problem.kT), problem.seed)

    def step(self, n: int) -> None:
        """Advance by n steps."""
        self.integrator.step(n)

    def positions(self) -> FloatArray:
        """Positions (machines, P), inside the walls."""
        x = self._state(positions=True).getPositions(asNumpy=True)
        parts = self.net.spins(x) + self.net.weights(x)
        return np.concatenate([a.reshape(self.machines, -1) for a in parts], axis=1)

    def energies(self) -> FloatArray:
        """Layer energies (machines, L)."""
        return self.net.layerEnergies(self._state(positions=True).getPositions(asNumpy=True))

    def gradients(self) -> FloatArray:
        """Minus the forces, with the sign of the fold undone."""
        state = self._state(positions=True, forces=True)
        raw = state.getPositions(asNumpy=True)._value
        sign = np.where((raw + 1) % 4 < 2, 1.0, -1.0)
        by_particle = -sign * state.getForces(asNumpy=True)._value
        blocks = by_particle.reshape(-1, self.problem.size, 3).transpose(0, 2, 1)
        return blocks.reshape(self.machines, -1)

    def _state(self, **what: bool) -> openmm.State:
        return self.context.getState(**what)


class Ours(Network):
    """The default: a Langevin step every step, on the CPU."""

    def energy_and_forces(self) -> openmm.State:
        """Evaluate both; OpenMM's copy of the forces into a State takes part of the time."""
        return self._state(energy=True, forces=True)


class OursCuda(Network):
    """OpenMM's CUDA platform with openmm-torch."""

    name = "openmm_thermalnet on CUDA"
    force = "auto"
    platform = "CUDA"

    def step(self, n: int) -> None:
        """Advance by n steps, and wait for the last."""
        super().step(n)
        self._state(velocities=True)

    @staticmethod
    def unavailable() -> str | None:
        """Why this machine cannot run it, or None."""
        from openmm_thermalnet.errors import InputError
        from openmm_thermalnet.integrators import find_platform

        try:
            find_platform("CUDA")
        except InputError as error:
            return str(error)
        return None
