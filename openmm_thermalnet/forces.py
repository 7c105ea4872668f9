"""A Hamiltonian as an OpenMM force.

Three bindings of one evaluation: OpenMM's own `PythonForce`, openmm-torch's `TorchForce`
(TorchScript), and its successor `PythonTorchForce`. This is the only room that knows openmm-torch,
and it imports it only when asked. The native engine's force (`native.energies`) needs no
Hamiltonian; which of all is taken is decided here.
"""

from __future__ import annotations

import copy
import importlib
import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np
import openmm
import torch
from numpy.typing import NDArray
from torch import Tensor

from openmm_thermalnet import native
from openmm_thermalnet.conversion import TorchConversion
from openmm_thermalnet.errors import DependencyError, InputError, check_integer
from openmm_thermalnet.hamiltonians import Hamiltonian
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.release import openmm_release
from openmm_thermalnet.threads import ThreadLocal

TorchBinding = Literal["python", "torch", "pythontorch"]
Binding = Literal["auto", "native"] | TorchBinding

# OpenMM 8.5 loads NumPy's C interface when it is first given a sequence of numbers. A PythonForce
# that is evaluated before, as after loadCheckpoint or setState in a new process, ends the process.
openmm.Discrete1DFunction([0.0])

COUPLING = "coupling"
"""Global parameter that scales the energies of all replicas, without weight decay (default 1)."""

DECAY_COUPLING = "decay_coupling"
"""Global parameter that scales the weight decay (default 1)."""


def replica_coupling(replica: int) -> str:
    """Name of the global parameter that scales the energy of one replica (default 1)."""
    return f"{COUPLING}_{replica}"


class Couplings(NamedTuple):
    """Factors of the energies of replicas, and of the weight decay."""

    replicas: tuple[float, ...]
    decay: float

    @classmethod
    def of(cls, parameters: Mapping[str, float], replicas: int) -> Couplings:
        """Those of a Context; 1 where it has no such parameter."""
        common = parameters.get(COUPLING, 1.0)
        each = tuple(common * parameters.get(replica_coupling(r), 1.0) for r in range(replicas))
        return cls(each, parameters.get(DECAY_COUPLING, 1.0))

    def check(self) -> None:
        """Refuse what is not finite.

        Raises
        ------
        InputError
            In one line.
        """
        if not math.isfinite(math.fsum(map(abs, (*self.replicas, self.decay)))):
            raise InputError(
                f"couplings are {self.replicas}, that of weight decay is {self.decay}; "
                "give finite numbers"
            )


def _read(state: openmm.State) -> dict[str, float]:
    """Parameters of a State; item by item it would take a millisecond for a thousand replicas."""
    parameters = state.getParameters()
    return dict(zip(parameters.keys(), parameters.values(), strict=True))


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
        self.weight_decay: float = getattr(hamiltonian, "weight_decay", 0.0)
        self.replicas = layout.replicas

    def evaluate(self, positions: Tensor, replicas: Tensor, decay: Tensor) -> tuple[Tensor, Tensor]:
        """Energy (kJ/mol) and forces (B P, 3) (kJ/mol/nm) of positions (B P, 3) in nm.

        The couplings of replicas have the shape (R,), that of the weight decay ().
        """
        with torch.no_grad():
            state, signs = self.conversion.state(positions)
            energies, gradient = self.hamiltonian(state)
            energy = self.conversion.couple(
                self.weight_decay, state, energies, gradient, replicas, decay
            )
            return energy, self.conversion.forces(gradient, signs).to(positions.dtype)


class EnergyAndForces:
    """The callable of a `PythonForce`: a State in, energy and forces out.

    Picklable, so that a System that holds it can be serialized. Each thread evaluates with scratch
    tensors of its own: Contexts of one System may be stepped in several threads.

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
    """

    def __init__(
        self,
        hamiltonian: Hamiltonian,
        layout: Layout,
        dtype: torch.dtype,
        walls: bool = True,
        threads: int = 1,
    ) -> None:
        self._arguments = (hamiltonian, layout, dtype, walls, threads)
        self._threads = threads
        self._own = ThreadLocal()

    def __call__(self, state: openmm.State) -> tuple[float, NDArray[np.float64]]:
        """Energy (kJ/mol) and forces (B P, 3) (kJ/mol/nm) of a State."""
        couplings = Couplings.of(_read(state), self._arguments[1].replicas)
        couplings.check()
        return self.evaluate(state.getPositions(asNumpy=True)._value, couplings)

    def evaluate(
        self, positions: NDArray[np.float64], couplings: Couplings | None = None
    ) -> tuple[float, NDArray[np.float64]]:
        """Energy and forces of positions (B P, 3) in nm; all couplings are 1 by default."""
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        hamiltonian, layout, dtype, walls, _ = self._arguments
        if not hasattr(self._own, "module"):
            # Anything callable may be a Hamiltonian here; twins of ours share their data.
            twin = getattr(hamiltonian, "twin", lambda: copy.deepcopy(hamiltonian))
            self._own.module = TorchEvaluation(twin(), layout, dtype, walls)
        module: TorchEvaluation = self._own.module
        replicas, decay = couplings or Couplings((1.0,) * layout.replicas, 1.0)
        energy, forces = module.evaluate(
            torch.from_numpy(positions),
            torch.tensor(replicas, dtype=torch.float64),
            torch.tensor(decay, dtype=torch.float64),
        )
        return float(energy), forces.numpy()

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the arguments; the work arrays are not kept."""
        return type(self), self._arguments


class TorchEnergyAndForces(TorchEvaluation):
    """The module of a `TorchForce` with a periodic box, that of walls."""

    def forward(
        self, positions: Tensor, box: Tensor, coupling: Tensor, decay_coupling: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Energy and forces; the box only wraps coordinates, so it is not used."""
        return self.evaluate(positions, coupling.double().expand(self.replicas), decay_coupling)


class UnboundedTorchEnergyAndForces(TorchEvaluation):
    """The module of a `TorchForce` without a box."""

    def forward(
        self, positions: Tensor, coupling: Tensor, decay_coupling: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Energy and forces."""
        return self.evaluate(positions, coupling.double().expand(self.replicas), decay_coupling)


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
        module: TorchEvaluation = self._own.module
        couplings = Couplings.of(_read(state), module.replicas)
        couplings.check()
        replicas, decay = map(positions.double().new_tensor, couplings)
        return module.evaluate(positions, replicas, decay)


def create_force(
    hamiltonian: Hamiltonian,
    layout: Layout,
    dtype: torch.dtype,
    *,
    binding: TorchBinding = "python",
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
    binding : {"python", "torch", "pythontorch"}
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
        With global parameters: "coupling" and "coupling_0" ... "coupling_{R-1}" scale the energies
        of all replicas and of each ("torch" has only the first), "decay_coupling" scales the weight
        decay, which the others do not. Periodic if there are walls, so that OpenMM may wrap
        coordinates by the fold's period.

    Raises
    ------
    InputError
        If `threads` is not positive.
    """
    threads = check_integer("threads", threads, 1)
    names = [COUPLING, DECAY_COUPLING, *map(replica_coupling, range(layout.replicas))]
    parameters = dict.fromkeys(names, 1.0)
    force: Any
    if binding == "python":
        evaluation = EnergyAndForces(hamiltonian, layout, dtype, walls, threads)
        force = openmm.PythonForce(evaluation, parameters)
    else:
        openmmtorch = importlib.import_module("openmmtorch")
        torch.set_num_threads(threads)
        kind = TorchEnergyAndForces if walls else UnboundedTorchEnergyAndForces
        module = kind(hamiltonian, layout, dtype, walls)
        if binding == "torch":
            force = openmmtorch.TorchForce(torch.jit.script(module))
            force.setOutputsForces(True)
            # TorchScript has no functions of any number of arguments: none for each replica.
            force.addGlobalParameter(COUPLING, 1.0)
            force.addGlobalParameter(DECAY_COUPLING, 1.0)
            if cuda_graphs:
                force.setProperty("useCUDAGraphs", "true")
        else:
            force = openmmtorch.PythonTorchForce(PythonTorchEnergyAndForces(module), parameters)
    force.setUsesPeriodicBoundaryConditions(walls)
    return force


def resolve_binding(binding: str, lacking: str | None = None) -> Literal["native"] | TorchBinding:
    """Binding that a name stands for on this machine.

    "auto" takes the native engine where it is there and has the energy, then openmm-torch where it
    imports and fits (`PythonTorchForce` before `TorchForce`), else `PythonForce`.

    Parameters
    ----------
    binding : str
        "auto", or a binding.
    lacking : str, optional
        Why the native engine has not this energy, if it has not.

    Raises
    ------
    InputError
        If the name is unknown.
    DependencyError
        If openmm-torch is asked for and missing, or does not fit this OpenMM; if the native engine
        is asked for and missing, or has not this energy.
    """
    if binding == "python":
        return "python"
    if binding in ("auto", "native"):
        reason = lacking or native.missing()
        if reason is None:
            return "native"
        if binding == "native":
            raise DependencyError(f"force 'native': {reason}; or use force='python'")
    if binding not in ("auto", "torch", "pythontorch"):
        raise InputError(
            f"force {binding!r} is unknown; choose auto, native, python, torch or pythontorch"
        )
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
