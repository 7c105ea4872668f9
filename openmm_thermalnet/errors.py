"""Errors in one line that names the value and the remedy."""


class InputError(ValueError):
    """A value given by the user cannot be used; the message says what to give instead."""


class MissingFileError(InputError, FileNotFoundError):
    """A file or directory named by the user does not exist."""


class DependencyError(InputError, ImportError):
    """An optional package that was asked for is missing or does not fit the others."""


class SimulationError(RuntimeError):
    """A simulation left the numbers; the message says where and what to change."""
