"""JAX: the energy under jit, advanced by jax-md's BAOAB Langevin integrator.

XLA takes its thread count when JAX is first imported: the harness pins the process to one core
before that.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax_md import simulate, space

if TYPE_CHECKING:
    from benchmarks.peers.common import FloatArray, Problem


def fold(q: jax.Array) -> jax.Array:
    """Triangle wave of period 4: elastic reflection at +-1."""
    return 1 - jnp.abs((q + 1) % 4 - 2)


class JaxMD:
    """R machines as an array (R, P); walls by folding the coordinate inside the energy."""

    name = "jax-md"

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.machines = problem.replicas
        inputs, targets = jnp.asarray(problem.inputs), jnp.asarray(problem.targets)

        def layer_energies(q: jax.Array) -> jax.Array:
            spins, weights = problem.split(fold(q))
            spins = [inputs, *spins, targets]
            residuals = [spins[k + 1] - jnp.tanh(spins[k] @ J.T) for k, J in enumerate(weights)]
            return jnp.stack([jnp.sqrt(jnp.sum(r**2)) for r in residuals])

        def energy(q: jax.Array) -> jax.Array:
            return jnp.sum(jax.vmap(layer_energies)(q))

        _, shift = space.free()
        init, step = simulate.nvt_langevin(
            energy, shift, problem.dt, problem.kT, problem.friction_rate
        )

        @partial(jax.jit, donate_argnums=0)
        def run(state: simulate.NVTLangevinState, n: int) -> simulate.NVTLangevinState:
            return jax.lax.fori_loop(0, n, lambda _, s: step(s), state)

        self._run = run
        self._layer_energies = jax.jit(jax.vmap(layer_energies))
        self._gradient = jax.jit(jax.grad(energy))
        key = jax.random.PRNGKey(problem.seed)
        momenta = jnp.asarray(problem.start_velocities())
        self.state = init(key, jnp.asarray(problem.start()), momenta=momenta)

    def step(self, n: int) -> None:
        """Advance by n steps."""
        self.state = jax.block_until_ready(self._run(self.state, n))

    def positions(self) -> FloatArray:
        """Positions (machines, P), inside the walls."""
        return np.asarray(fold(self.state.position))

    def energies(self) -> FloatArray:
        """Layer energies (machines, L)."""
        return np.asarray(self._layer_energies(self.state.position))

    def gradients(self) -> FloatArray:
        """Gradient in the folded coordinate: fold'(q) undone."""
        q = self.state.position
        sign = jnp.where((q + 1) % 4 < 2, 1.0, -1.0)
        return np.asarray(sign * self._gradient(q))
