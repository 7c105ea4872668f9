"""The native engine: a plugin of OpenMM in C++, and the class of its force.

`NetworkForce` is an `openmm.Force`. Where the package was installed without a C++ compiler, or for
another release of OpenMM, there is none: `engine` says why.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import openmm

from openmm_thermalnet.errors import DependencyError

_LIBRARY = "libOpenMMThermalNet.so"
_BUILT_FOR = "built_for.txt"
_AGAIN = "install the package again"


@cache
def _load() -> tuple[ModuleType | None, str | None]:
    """The wrapper of the plugin, which is loaded into OpenMM; or why it cannot be had."""
    # An editable installation has two directories: that of the source, and that of the libraries.
    found = [Path(place) for place in __path__ if (Path(place) / _LIBRARY).exists()]
    if not found:
        return None, f"it was not built: get a C++ compiler, such as g++, and {_AGAIN}"
    # Nothing is loaded into another OpenMM than it was built for.
    compiled, present = (found[0] / _BUILT_FOR).read_text().strip(), openmm.__version__
    minor = ".".join(compiled.split(".")[:2])
    if minor != ".".join(present.split(".")[:2]):
        return None, (
            f"it was built for OpenMM {compiled}, and this is {present}: {_AGAIN} with "
            f"--no-build-isolation, or openmm=={minor}.*"
        )
    try:
        module = importlib.import_module(f"{__name__}.networkforce")
        openmm.Platform.loadPluginLibrary(str(found[0] / _LIBRARY))
    except (ImportError, openmm.OpenMMException) as error:
        return None, f"it does not load ({str(error).splitlines()[0]}): {_AGAIN}"
    if not module.NetworkForce.getInstructionSet():
        return None, "this machine has none of the instruction sets that it was built for"
    return module, None


def missing() -> str | None:
    """Why there is no engine, and the remedy; None if there is one."""
    return _load()[1]


def instruction_set() -> str | None:
    """Instruction set of the engine's kernels on this machine, such as "x86-64-v3"."""
    module, _ = _load()
    return None if module is None else module.NetworkForce.getInstructionSet()


def __getattr__(name: str) -> Any:
    """Load the plugin when `NetworkForce` is asked for."""
    if name != "NetworkForce":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, reason = _load()
    if module is None:
        raise DependencyError(f"there is no native engine: {reason}")
    return module.NetworkForce
