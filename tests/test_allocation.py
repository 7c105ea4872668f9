"""Large Systems do not ask the system for their memory anew at every step."""

import ctypes
import subprocess
import sys

import pytest

STEPS = """
import resource
import numpy as np
import openmm
import openmm_thermalnet as tn

rng = np.random.default_rng(0)
data = tn.datasets.from_arrays(rng.uniform(-1, 1, (30_000, 3)), np.ones((30_000, 1)))
net = tn.ThermalNet(data, 6, 10, replicas=3)
assert 24 * net.particles > tn.allocation.LARGE
integrator = tn.integrators.create_integrator(kT=1e-5, friction=1e-3).integrator
platform = tn.integrators.find_platform("CPU")
context = openmm.Context(net.createSystem("python"), integrator, *platform)
context.setPositions(net.randomPositions(seed=0))
integrator.step(3)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
integrator.step(5)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 5)
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library does not let one choose"
)
def test_a_step_of_a_large_system_finds_its_memory():
    """Each of at least three arrays of 36 MB would be 9,000 pages a step."""
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1000
