"""Arrays that begin with a cache line."""

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
