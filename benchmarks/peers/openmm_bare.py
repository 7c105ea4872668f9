"""OpenMM's own Langevin integrator with no force at all: the floor of any OpenMM system.

And with a PythonForce that reads positions and returns zeros: the floor of any energy in Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openmm
from openmm import unit

if TYPE_CHECKING:
    from benchmarks.peers.common import FloatArray, Problem


class OpenMMBare:
    """P R / 3 free particles of mass 1: coordinate c of block b is replica 3 b + c."""

    name = "OpenMM, no force"

    def __init__(self, problem: Problem) -> None:
        if problem.replicas % 3:
            msg = f"replicas must be a multiple of 3, not {problem.replicas}"
            raise ValueError(msg)
        self.problem = problem
        self.machines = problem.replicas
        system = openmm.System()
        for _ in range(problem.size * problem.replicas // 3):
            system.addParticle(1.0)
        box = np.diag([4.0, 4.0, 4.0])
        system.setDefaultPeriodicBoxVectors(*box)
        self._add_forces(system)
        kelvin = problem.kT / unit.MOLAR_GAS_CONSTANT_R.value_in_unit(
            unit.kilojoule_per_mole / unit.kelvin
        )
        self.integrator = openmm.LangevinMiddleIntegrator(kelvin, problem.friction_rate, problem.dt)
        self.integrator.setRandomNumberSeed(problem.seed + 1)
        platform = openmm.Platform.getPlatformByName("CPU")
        self.context = openmm.Context(system, self.integrator, platform, {"Threads": "1"})
        self.context.setPositions(self._particles(problem.start()))
        self.context.setVelocities(self._particles(problem.start_velocities()))

    def _add_forces(self, system: openmm.System) -> None:
        """Nothing."""

    def _particles(self, x: FloatArray) -> FloatArray:
        blocks = x.reshape(-1, 3, self.problem.size).transpose(0, 2, 1)
        return blocks.reshape(-1, 3).astype(np.float64)

    def step(self, n: int) -> None:
        """Advance by n steps."""
        self.integrator.step(n)

    def positions(self) -> FloatArray:
        """Positions (machines, P), inside the walls."""
        raw = self.context.getState(positions=True).getPositions(asNumpy=True)._value
        x = raw.reshape(-1, self.problem.size, 3).transpose(0, 2, 1).reshape(self.machines, -1)
        return 1 - np.abs((x + 1) % 4 - 2)

    def energies(self) -> FloatArray:
        """Zeros (machines, L)."""
        return np.zeros((self.machines, self.problem.L))

    def gradients(self) -> FloatArray:
        """Zeros (machines, P)."""
        return np.zeros((self.machines, self.problem.size))


class OpenMMIdle(OpenMMBare):
    """The same particles, and a callback that computes nothing."""

    name = "OpenMM, idle PythonForce"

    def _add_forces(self, system: openmm.System) -> None:
        zeros = np.zeros((system.getNumParticles(), 3))

        def read(state: openmm.State) -> tuple[float, FloatArray]:
            state.getPositions(asNumpy=True)
            return 0.0, zeros

        system.addForce(openmm.PythonForce(read))
