"""Positions of an OpenMM State where they lie in memory.

OpenMM's Python layer copies them out of a State, which at every step costs as much as bringing them
to the kernels' arrays. The C functions of the library that it has loaded give their address.

For each evaluation of each PythonForce, OpenMM makes a State of its own and drops it afterwards:
its positions are a copy that nobody reads again, so the forces can be handed over in their place.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from numpy.typing import NDArray

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.release import openmm_release


@cache
def _library() -> ctypes.CDLL | None:
    """OpenMM's C functions, or None where its library is not found."""
    file = "libOpenMM.dylib" if sys.platform == "darwin" else "libOpenMM.so"
    try:
        # Only if it is loaded already: a State of another copy could look different.
        mode = os.RTLD_NOLOAD | os.RTLD_NOW
        library = ctypes.CDLL(str(Path(openmm.version.openmm_library_path) / file), mode)
        for name, arguments, result in (
            ("OpenMM_State_getPositions", [ctypes.c_void_p], ctypes.c_void_p),
            ("OpenMM_Vec3Array_getSize", [ctypes.c_void_p], ctypes.c_int),
            ("OpenMM_Vec3Array_get", [ctypes.c_void_p, ctypes.c_int], ctypes.c_void_p),
        ):
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, result
    except (AttributeError, OSError):  # no RTLD_NOLOAD on Windows
        return None
    return library


def borrowed_positions(state: openmm.State, particles: int) -> NDArray[np.float64]:
    """Positions of a State, without a copy where that is possible.

    Parameters
    ----------
    state : openmm.State
        With positions.
    particles : int
        How many there must be.

    Returns
    -------
    ndarray, shape (particles, 3)
        In nm. Only as long as the State lives, and to be read only unless it `is_spare`.

    Raises
    ------
    InputError
        If there are more or fewer.
    openmm.OpenMMException
        If the State has no positions.
    """
    library = _library()
    # Asked for positions that are not there, the C functions would end the process. States that
    # OpenMM hands to a force have them.
    if library is None or (state.thisown and not state.getDataTypes() & openmm.State.Positions):
        copied: NDArray[np.float64] = state.getPositions(asNumpy=True)._value
        _check_count(len(copied), particles)
        return copied
    vector = library.OpenMM_State_getPositions(int(state.this))
    _check_count(library.OpenMM_Vec3Array_getSize(vector), particles)
    first = library.OpenMM_Vec3Array_get(vector, 0)
    return _array_at(first, particles)


def is_spare(state: openmm.State) -> bool:
    """Whether nobody reads a State's positions after the call of a PythonForce that it is for.

    Those that OpenMM hands to a PythonForce are such, in the releases for which the tests have
    shown it. A State that Python owns is somebody's.
    """
    return not state.thisown and _states_are_made_for_one_call()


@cache
def _states_are_made_for_one_call() -> bool:
    return openmm_release() <= (8, 6)


@lru_cache(maxsize=8)
def _array_at(address: int, particles: int) -> NDArray[np.float64]:
    """View of the coordinates at an address, which tends to be that of the step before."""
    numbers: Any = (ctypes.c_double * (3 * particles)).from_address(address)
    return np.frombuffer(numbers, dtype=np.float64).reshape(-1, 3)


def _check_count(found: int, particles: int) -> None:
    """Raise InputError unless a System has as many particles as its network."""
    if found != particles:
        raise InputError(
            f"the System has {found} particles; this network's force needs exactly its own "
            f"{particles}: add none, remove none"
        )
