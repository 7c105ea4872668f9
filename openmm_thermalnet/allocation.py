"""Memory that is freed and wanted again at every step.

For every evaluation of a PythonForce, OpenMM makes and frees arrays of all positions and forces.
Blocks of more than 32 MB glibc takes from the system each time and gives back, and the system
fills every page with zeros anew, which takes longer than the evaluation.
"""

from __future__ import annotations

import ctypes
import sys

LARGE = 32 * 2**20
"""Bytes of the largest blocks that glibc keeps by itself."""

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # parameters of mallopt


def keep_freed_blocks() -> bool:
    """Let this process keep large blocks that it frees, for whoever wants them next.

    Returns
    -------
    bool
        Whether that was possible: with glibc, on Linux.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, -1))
