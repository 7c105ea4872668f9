"""The tests of the engine's kernels in C++, which need no OpenMM: built here and run by ctest."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "openmm_thermalnet/native"
HEADERS = (Path("/usr/include"), Path("/usr/local/include"))
# Programs of this environment, activated or not, before those of the machine.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def run(*command):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env={**os.environ, "PATH": PATH}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_kernels_pass_their_own_tests(tmp_path):
    """For every instruction set that this machine has."""
    for program in ("cmake", "ninja", "ctest"):
        if shutil.which(program, path=PATH) is None:
            pytest.skip(f"{program} is not here; it comes with openmm-thermalnet[dev]")
    if not any((place / "doctest/doctest.h").exists() for place in HEADERS):
        pytest.skip("doctest is not here (Debian: doctest-dev)")
    options = ("-DTHERMALNET_PLUGIN=OFF", "-DTHERMALNET_TESTS=ON")
    run("cmake", "-S", SOURCE, "-B", tmp_path, "-G", "Ninja", *options)
    run("cmake", "--build", tmp_path, "--target", "kernel_tests")
    said = run("ctest", "--test-dir", tmp_path, "--output-on-failure")
    assert "100% tests passed" in said
    assert "Passed" in said  # not all were left out
