"""Where there is an engine, and what is said where there is none."""

import importlib.metadata
from pathlib import Path
from types import SimpleNamespace

import openmm
import pytest

from openmm_thermalnet import native
from openmm_thermalnet.errors import DependencyError


def test_an_installation_has_the_engine():
    """Whoever runs these tests has a compiler; a fallback would hide what they are for."""
    assert native.missing() is None
    assert native.instruction_set()
    assert issubclass(native.NetworkForce, openmm.Force)


@pytest.fixture
def reload(monkeypatch):
    """Look for the engine in some directory, as in a new process."""

    def look(*places):
        monkeypatch.setattr(native, "__path__", [str(place) for place in places])
        native._load.cache_clear()
        return native.missing()

    yield look
    monkeypatch.undo()
    native._load.cache_clear()


def built(directory, version):
    (directory / "libOpenMMThermalNet.so").write_bytes(b"")
    (directory / "built_for.txt").write_text(version + "\n")
    return directory


def assert_refused(reason, *parts):
    assert "\n" not in reason
    for part in parts:
        assert part in reason
    with pytest.raises(DependencyError) as caught:
        native.NetworkForce  # noqa: B018
    assert str(caught.value) == f"there is no native engine: {reason}"
    assert native.instruction_set() is None


def test_an_installation_without_compiler_says_how_to_get_one(reload, tmp_path):
    assert_refused(reload(tmp_path), "was not built", "C++ compiler", "install the package again")


def test_an_engine_for_another_minor_version_of_openmm_is_not_loaded(reload, tmp_path):
    assert_refused(
        reload(built(tmp_path, "8.4.0")),
        "built for OpenMM 8.4.0",
        f"this is {openmm.__version__}",
        "again with --no-build-isolation, or openmm==8.4.*",
    )


def test_a_damaged_engine_is_refused(reload, tmp_path):
    assert_refused(reload(built(tmp_path, openmm.__version__)), "does not load", "again")


def test_a_machine_without_the_instruction_sets_says_so(reload, monkeypatch):
    places = list(native.__path__)
    fake = SimpleNamespace(NetworkForce=SimpleNamespace(getInstructionSet=lambda: ""))
    monkeypatch.setattr(native.importlib, "import_module", lambda _: fake)
    assert_refused(reload(*places), "none of the instruction sets")


def test_only_the_python_of_the_engine_is_in_the_package():
    """Sources are in the sdist; a wheel has the libraries."""
    files = importlib.metadata.files("openmm-thermalnet") or []
    assert not [file for file in files if Path(file).suffix in (".cpp", ".h", ".i")]
