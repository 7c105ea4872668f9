"""Arrays that begin with a cache line, and vectors of both widths."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from openmm_thermalnet.vectors import aligned


@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64])
def test_aligned_arrays_begin_with_a_cache_line(dtype):
    kept = []
    for size in range(1, 50):
        array = aligned((size, 3), dtype)
        assert array.shape == (size, 3)
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert array.ctypes.data % 64 == 0
        kept.append(array)  # so that the next one lies elsewhere
    assert aligned(7).shape == (7,)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names an x86 CPU")
def test_products_for_a_cpu_of_narrow_registers(tmp_path):
    """Their own tests, compiled for a CPU without AVX-512, whatever this one has."""
    here = Path(__file__).parent
    files = [here / f"test_{name}.py" for name in ("blocks", "conversion", "sparse", "residuals")]
    narrow = {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx2,+fma",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files]
    done = subprocess.run(
        command, env={**os.environ, **narrow}, cwd=here.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert " passed" in done.stdout
