"""Files that are whole or not there."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.files import locked, read_sealed, write_atomically, write_json, write_sealed

SAME_DIRECTORY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def disk_full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_writing_replaces_the_whole_file(tmp_path):
    path = tmp_path / "state"
    for content in (b"first, the longer one", b"second", b""):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_an_interrupted_write_leaves_the_old_content(tmp_path, monkeypatch, failing):
    path = tmp_path / "state"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, failing, disk_full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_does_not_pile_up(tmp_path):
    path = tmp_path / "state"
    program = (
        "import os, pathlib, signal, sys\n"
        "from openmm_thermalnet import files\n"
        "os.fsync = lambda number: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.write_atomically(pathlib.Path(sys.argv[1]), b'half')\n"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", program, path], check=False)
        assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 1
    write_atomically(path, b"whole")
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_readable_and_refuses_what_is_no_number(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, {"kT": 1e-5, "stages": [1, None]})
    assert json.loads(path.read_text()) == {"kT": 1e-5, "stages": [1, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"kT": float("nan")})
    assert json.loads(path.read_text())["kT"] == 1e-5


@SAME_DIRECTORY
@given(content=st.binary(max_size=300))
def test_a_sealed_file_gives_its_content_back(tmp_path, content):
    path = tmp_path / "sealed"
    write_sealed(path, content)
    assert read_sealed(path) == content


def test_content_may_look_like_a_seal(tmp_path):
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    write_sealed(inner, b"content")
    write_sealed(outer, inner.read_bytes())
    assert read_sealed(outer) == inner.read_bytes()


@SAME_DIRECTORY
@given(content=st.binary(max_size=300), data=st.data())
def test_a_seal_shows_truncation_and_every_flipped_bit(tmp_path, content, data):
    path = tmp_path / "sealed"
    write_sealed(path, content)
    whole = path.read_bytes()

    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert read_sealed(path) is None

    flipped = bytearray(whole)
    flipped[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(flipped)
    assert read_sealed(path) is None


def test_a_missing_sealed_file_is_none(tmp_path):
    assert read_sealed(tmp_path / "nothing") is None
    assert read_sealed(tmp_path) is None


def test_a_lock_is_exclusive_and_given_back(tmp_path):
    refusal = pytest.raises(InputError, match="in use by another process")
    with locked(tmp_path), refusal, locked(tmp_path):
        pass
    with locked(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_a_lock_dies_with_its_process(tmp_path):
    program = (
        "import pathlib, sys, time\n"
        "from openmm_thermalnet.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n"
        "    print('locked', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(InputError, match="in use"), locked(tmp_path):
            pass
        holder.kill()
        holder.wait()
    with locked(tmp_path):
        pass
