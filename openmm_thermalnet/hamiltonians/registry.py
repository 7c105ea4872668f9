"""Energies by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.hamiltonians.layered import LayeredHamiltonian

H = TypeVar("H", bound=type[LayeredHamiltonian])

_CLASSES: dict[str, type[LayeredHamiltonian]] = {}


def register(name: str) -> Callable[[H], H]:
    """Make a Hamiltonian known as ``energy=name`` (class decorator).

    Raises
    ------
    InputError
        If another class already has that name.
    """

    def add(cls: H) -> H:
        known = _CLASSES.get(name)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise InputError(f"energy {name!r} is {known.__qualname__} already; choose another")
        _CLASSES[name] = cls
        return cls

    return add


def names() -> tuple[str, ...]:
    """Registered energies, sorted."""
    return tuple(sorted(_CLASSES))


def find(name: str) -> type[LayeredHamiltonian]:
    """Class of an energy.

    Raises
    ------
    InputError
        If no energy has that name.
    """
    if name not in _CLASSES:
        raise InputError(f"energy {name!r} is unknown; choose one of {', '.join(names())}")
    return _CLASSES[name]
