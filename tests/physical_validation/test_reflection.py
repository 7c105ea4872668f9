"""The fold is elastic reflection, step for step."""

import numpy as np
import openmm
import pytest
import torch

from openmm_thermalnet.forces import create_force
from openmm_thermalnet.layout import Field, Layout
from openmm_thermalnet.walls import PERIOD, fold, fold_sign

TIMESTEP = 0.01


class Smooth(torch.nn.Module):
    """V(s) = cos(pi s) / 2: no slope at the walls, so that the steps form a regular motion."""

    def forward(self, state):
        return (torch.cos(torch.pi * state) / 2).sum().view(1, 1), self.slope(state)

    @staticmethod
    def slope(s):
        return -torch.pi / 2 * torch.sin(torch.pi * s)


class Steep(torch.nn.Module):
    """V(s) = s + s^2 + s^4: a slope at both walls."""

    def forward(self, state):
        return (state + state**2 + state**4).sum().view(1, 1), self.slope(state)

    @staticmethod
    def slope(s):
        return 1 + 2 * s + 4 * s**3


@pytest.mark.parametrize(("potential", "steps"), [(Smooth, 10_000), (Steep, 1_000)])
def test_the_fold_reflects_step_for_step(potential, steps):
    """OpenMM's Verlet on raw coordinates against a leapfrog that turns round at the walls.

    A slope at the wall makes the steps themselves chaotic, separable or not: the kick that a
    bounce gets depends on where in its step it falls. Rounding then reaches 1e-9 after about
    2,400 steps, so that potential is followed for 1,000. Coordinates are wrapped into the box every
    100 steps, which changes nothing but keeps their digits: OpenMM takes a velocity from the
    difference of two positions.
    """
    layout = Layout((Field("S1", "spin", 2, 5),), replicas=6)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (layout.blocks * layout.particles, 3))
    v = rng.uniform(1.5, 3, x.shape) * rng.choice([-1, 1], x.shape)  # none rests on a hilltop

    system = openmm.System()
    for _ in x:
        system.addParticle(1.0)
    system.addForce(create_force(potential(), layout, torch.float64, binding="python"))
    integrator = openmm.VerletIntegrator(TIMESTEP)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, integrator, platform)
    context.setPositions(x)
    context.setVelocities(v)

    hits = 0
    worst = 0.0
    for step in range(steps):
        v -= TIMESTEP * potential.slope(torch.from_numpy(x)).numpy()
        x += TIMESTEP * v
        beyond = np.abs(x) > 1
        x = np.where(beyond, 2 * np.sign(x) - x, x)
        v = np.where(beyond, -v, v)
        hits += beyond.sum()

        integrator.step(1)
        state = context.getState(getPositions=True, getVelocities=True)
        raw = state.getPositions(asNumpy=True)._value
        velocities = fold_sign(raw) * state.getVelocities(asNumpy=True)._value
        worst = max(worst, np.abs(fold(raw) - x).max(), np.abs(velocities - v).max())
        if step % 100 == 99:
            assert np.abs(raw).max() > 3
            context.setPositions(raw - PERIOD * np.round(raw / PERIOD))
    assert worst < 1e-9
    assert hits > 0.9 * steps * TIMESTEP * x.size
