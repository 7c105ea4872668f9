"""The analysis works on arrays alone."""

import ast
import sys
from pathlib import Path

import pytest

from openmm_thermalnet import analysis

ALLOWED = {"numba", "numpy", "scipy", *sys.stdlib_module_names}
OWN = tuple(f"openmm_thermalnet.{name}" for name in ("analysis", "arrays", "errors", "weights"))


@pytest.mark.parametrize(
    "path", sorted(Path(analysis.__file__).parent.rglob("*.py")), ids=lambda p: p.stem
)
def test_needs_only_numpy_scipy_and_numba(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        for name in names:
            assert name.startswith(OWN) or name.split(".")[0] in ALLOWED


def test_public_names_are_there():
    assert sorted(analysis.__all__) == analysis.__all__
    for name in analysis.__all__:
        assert getattr(analysis, name).__doc__
