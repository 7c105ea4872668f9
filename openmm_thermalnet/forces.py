"""A Hamiltonian as an OpenMM force.

Three bindings of one evaluation: OpenMM's own `PythonForce`, openmm-torch's `TorchForce`
(TorchScript), and its successor `PythonTorchForce`. This is the only room that knows openmm-torch,
and it imports it only when asked.
"""

from __future__ import annotations

import copy
import importlib
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal

import numpy as np
import openmm
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmm_thermalnet.allocation import LARGE, keep_freed_blocks
from openmm_thermalnet.borrowing import borrowed_positions, is_spare
from openmm_thermalnet.conversion import HostConversion, TorchConversion
from openmm_thermalnet.errors import DependencyError, InputError, check_integer
from openmm_thermalnet.hamiltonians import Hamiltonian
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.release import openmm_release
from openmm_thermalnet.threads import ThreadLocal

Binding = Literal["auto", "python", "torch", "pythontorch"]

_Evaluation = Callable[[], tuple[NDArray[Any], NDArray[Any]]]

# OpenMM 8.5 loads NumPy's C interface when it is first given a sequence of numbers. A PythonForce
# that is evaluated before, as after loadCheckpoint or setState in a new process, ends the process.
openmm.Discrete1DFunction([0.0])

COUPLING = "coupling"
"""Global parameter that scales the energy (default 1)."""


class EnergyAndForces:
    """The callable of a `PythonForce`: a State in, energy and forces out.

    Picklable, so that a System that holds it can be serialized. Its arrays are allocated at the
    first call of each thread, which reuses them: Contexts of one System may be stepped in several
    threads. For Systems of more than 1.4 million particles this process is told to
    keep what it frees (see `allocation`).

    Parameters
    ----------
    hamiltonian : Hamiltonian
        Maps a flat state to energy terms (K, R) and its gradient.
    layout : Layout
        The map of the network.
    dtype : torch.dtype
        Precision of the evaluation.
    walls : bool
        Whether the variables are folded into [-1, 1].
    threads : int
        Torch threads; set in the calling thread at every evaluation.
    alone : bool
        Whether OpenMM calls it, and not another function that may read the State afterwards:
        forces then take the place of positions in States that OpenMM makes for one call.
    """

    def __init__(
        self,
        hamiltonian: Hamiltonian,
        layout: Layout,
        dtype: torch.dtype,
        walls: bool = True,
        threads: int = 1,
        alone: bool = False,
    ) -> None:
        self._arguments = (hamiltonian, layout, dtype, walls, threads, alone)
        self._alone = alone
        self._particles = layout.blocks * layout.particles
        self._threads = threads
        self._own = ThreadLocal()

    def __call__(self, state: openmm.State) -> tuple[float, NDArray[np.float64]]:
        """Energy (kJ/mol) and forces (B P, 3) (kJ/mol/nm) of a State."""
        if 24 * self._particles > LARGE and not hasattr(self._own, "prepared"):  # bytes
            keep_freed_blocks()
        positions = borrowed_positions(state, self._particles)
        out = positions if self._alone and is_spare(state) else None
        return self.evaluate(positions, state.getParameters()[COUPLING], out)

    def evaluate(
        self,
        positions: NDArray[np.float64],
        coupling: float = 1.0,
        out: NDArray[np.float64] | None = None,
    ) -> tuple[float, NDArray[np.float64]]:
        """Energy and forces of positions (B P, 3) in nm.

        The forces are written to `out`, or to an array that this thread's next call overwrites.
        """
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        if not hasattr(self._own, "prepared"):
            hamiltonian, layout, dtype, walls, *_ = self._arguments
            conversion = HostConversion(layout, dtype, walls)
            # Anything callable may be a Hamiltonian here; twins of ours share their data.
            twin = getattr(hamiltonian, "twin", lambda: copy.deepcopy(hamiltonian))
            self._own.prepared = conversion, _bound(twin(), conversion.state(positions))
        prepared: tuple[HostConversion, _Evaluation] = self._own.prepared
        conversion, energies_and_gradient = prepared
        conversion.state(positions)
        energies, gradient = energies_and_gradient()
        energy = math.fsum(energies.ravel().tolist())
        return coupling * energy, conversion.forces(gradient, coupling, out)

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the arguments; the work arrays are not kept."""
        return type(self), self._arguments


def _bound(hamiltonian: Hamiltonian, state: Tensor) -> _Evaluation:
    """Energies and gradient of what a tensor holds whenever this is called; it may change that."""

    def call() -> tuple[NDArray[Any], NDArray[Any]]:
        energies, gradient = hamiltonian(state)
        return energies.numpy(), gradient.numpy()

    bind = getattr(hamiltonian, "bound", None)
    return (bind and bind(state)) or call


class TorchEvaluation(torch.nn.Module):
    """Energy and forces in torch operations: tensors in, tensors out, no copy to the host.

    Parameters
    ----------
    hamiltonian : Hamiltonian
        Maps a flat state to energy terms (K, R) and its gradient.
    layout : Layout
        The map of the network.
    dtype : torch.dtype
        Precision of the evaluation.
    walls : bool
        Whether the variables are folded into [-1, 1].
    """

    def __init__(
        self,
        hamiltonian: Hamiltonian,
        layout: Layout,
        dtype: torch.dtype,
        walls: bool = True,
    ) -> None:
        super().__init__()
        self.hamiltonian = hamiltonian
        self.conversion = TorchConversion(layout, dtype, walls)

    def evaluate(self, positions: Tensor, coupling: Tensor) -> tuple[Tensor, Tensor]:
        """Energy (kJ/mol) and forces (B P, 3) (kJ/mol/nm) of positions (B P, 3) in nm."""
        with torch.no_grad():
            state, signs = self.conversion.state(positions)
            energies, gradient = self.hamiltonian(state)
            forces = self.conversion.forces(gradient, signs)
            return (
                coupling * energies.sum(dtype=torch.float64),
                (coupling * forces).to(positions.dtype),
            )


class TorchEnergyAndForces(TorchEvaluation):
    """The module of a `TorchForce` with a periodic box, that of walls."""

    def forward(self, positions: Tensor, box: Tensor, coupling: Tensor) -> tuple[Tensor, Tensor]:
        """Energy and forces; the box only wraps coordinates, so it is not used."""
        return self.evaluate(positions, coupling)


class UnboundedTorchEnergyAndForces(TorchEvaluation):
    """The module of a `TorchForce` without a box."""

    def forward(self, positions: Tensor, coupling: Tensor) -> tuple[Tensor, Tensor]:
        """Energy and forces."""
        return self.evaluate(positions, coupling)


class PythonTorchEnergyAndForces:
    """The callable of a `PythonTorchForce`: a State and a positions tensor in, tensors out.

    Each thread evaluates with a copy of the module, whose scratch tensors are its own: Contexts of
    one System may be stepped in several threads. The copy follows the positions to their device.

    Parameters
    ----------
    module : TorchEvaluation
        The evaluation.
    """

    def __init__(self, module: TorchEvaluation) -> None:
        self._module = module
        self._own = ThreadLocal()

    def __call__(self, state: openmm.State, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Energy (kJ/mol) and forces (B P, 3) (kJ/mol/nm)."""
        if getattr(self._own, "device", None) != positions.device:
            self._own.module = copy.deepcopy(self._module).to(positions.device)
            self._own.device = positions.device
        coupling = positions.new_tensor(state.getParameters()[COUPLING])
        module: TorchEvaluation = self._own.module
        return module.evaluate(positions, coupling)


def create_force(
    hamiltonian: Hamiltonian,
    layout: Layout,
    dtype: torch.dtype,
    *,
    binding: Binding = "auto",
    walls: bool = True,
    threads: int = 1,
    cuda_graphs: bool = False,
) -> openmm.Force:
    """OpenMM force of a Hamiltonian.

    Parameters
    ----------
    hamiltonian : Hamiltonian
        Maps a flat state to energy terms (K, R) and its gradient.
    layout : Layout
        The map of the network.
    dtype : torch.dtype
        Precision of the evaluation.
    binding : {"auto", "python", "torch", "pythontorch"}
        Which class binds it; see `resolve_binding`.
    walls : bool
        Whether the variables are folded into [-1, 1].
    threads : int
        Torch threads of the evaluation.
    cuda_graphs : bool
        Let `TorchForce` capture the evaluation as a CUDA graph.

    Returns
    -------
    openmm.Force
        With a global parameter "coupling" that scales the energy; periodic if there are walls, so
        that OpenMM may wrap coordinates by the fold's period.

    Raises
    ------
    InputError
        If the binding is unknown, `cuda_graphs` is asked for with another than "torch", or
        `threads` is not positive.
    DependencyError
        If openmm-torch is asked for and missing, or does not fit this OpenMM.
    """
    chosen = resolve_binding(binding)
    threads = check_integer("threads", threads, 1)
    if cuda_graphs and chosen != "torch":
        raise InputError(f"cudaGraphs needs force='torch', not {chosen!r}; leave it out")
    force: Any
    if chosen == "python":
        evaluation = EnergyAndForces(hamiltonian, layout, dtype, walls, threads, alone=True)
        force = openmm.PythonForce(evaluation, {COUPLING: 1.0})
    else:
        openmmtorch = importlib.import_module("openmmtorch")
        torch.set_num_threads(threads)
        kind = TorchEnergyAndForces if walls else UnboundedTorchEnergyAndForces
        module = kind(hamiltonian, layout, dtype, walls)
        if chosen == "torch":
            force = openmmtorch.TorchForce(torch.jit.script(module))
            force.setOutputsForces(True)
            force.addGlobalParameter(COUPLING, 1.0)
            if cuda_graphs:
                force.setProperty("useCUDAGraphs", "true")
        else:
            force = openmmtorch.PythonTorchForce(
                PythonTorchEnergyAndForces(module), {COUPLING: 1.0}
            )
    force.setUsesPeriodicBoundaryConditions(walls)
    return force


def resolve_binding(binding: str) -> Literal["python", "torch", "pythontorch"]:
    """Binding that a name stands for on this machine.

    "auto" takes openmm-torch where it imports and fits (`PythonTorchForce` before `TorchForce`),
    else `PythonForce`.

    Raises
    ------
    InputError
        If the name is unknown.
    DependencyError
        If openmm-torch is asked for and missing, or does not fit this OpenMM.
    """
    if binding == "python":
        return "python"
    if binding not in ("auto", "torch", "pythontorch"):
        raise InputError(f"force {binding!r} is unknown; choose auto, python, torch or pythontorch")
    plugin, reason = _openmmtorch()
    has_python_torch = plugin is not None and hasattr(plugin, "PythonTorchForce")
    if binding == "pythontorch" or (binding == "auto" and has_python_torch):
        if not has_python_torch:
            raise DependencyError(
                f"force 'pythontorch': {reason or 'this openmm-torch has no PythonTorchForce'}; "
                "use force='python'"
            )
        return "pythontorch"
    if plugin is not None and not has_python_torch and openmm_release() >= (8, 6):
        # Released TorchForce wheels are built for 8.5: serializing a System then kills Python.
        reason = (
            f"this openmm-torch crashes openmm {openmm.__version__} when a System is serialized"
        )
    if reason is not None:
        if binding == "auto":
            return "python"
        raise DependencyError(
            f"force 'torch': {reason}; install openmm-thermalnet[torchforce-cpu] in its own "
            "environment, or use force='python'"
        )
    return "torch"


def _openmmtorch() -> tuple[ModuleType | None, str | None]:
    """The plugin, or why it cannot be had."""
    try:
        return importlib.import_module("openmmtorch"), None
    except ModuleNotFoundError:
        return None, "openmm-torch is not installed"
    except (ImportError, OSError) as error:
        return None, f"openmm-torch does not import ({str(error).splitlines()[0]})"
