"""What pyproject.toml says fits together, and the files of constraints."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirement(requirements, name):
    (found,) = [text for text in requirements if re.match(rf"{name}\b", text)]
    return found.removeprefix(name)


def minor(version):
    return tuple(map(int, version.split(".")[:2]))


def test_the_engine_is_built_for_the_newest_openmm_that_is_allowed():
    """An isolated build knows no constraints, and what it makes loads into one minor version."""
    built = requirement(PROJECT["build-system"]["requires"], "openmm")
    runs = requirement(PROJECT["project"]["dependencies"], "openmm")
    (first, last) = re.fullmatch(r"==(\d+)\.(\d+)\.\*", built).groups()
    assert runs == f">=8.5,<{first}.{int(last) + 1}"


@pytest.mark.parametrize(
    ("constraints", "allowed"),
    [("constraints.txt", (8, 6)), ("constraints-torchforce.txt", (8, 5))],
)
def test_both_environments_have_an_openmm_that_is_allowed(constraints, allowed):
    pinned = requirement((ROOT / constraints).read_text().splitlines(), "openmm")
    assert minor(pinned.removeprefix("==")) == allowed
