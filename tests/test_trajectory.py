"""The trajectory file: round trip, growth, damage."""

import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections import namedtuple
from pathlib import Path

import h5py
import numpy as np
import pytest

from openmm_thermalnet.errors import InputError
from openmm_thermalnet.files import unfinished
from openmm_thermalnet.layout import Layout
from openmm_thermalnet.trajectory import (
    DamagedFileError,
    Trajectory,
    TrajectoryWriter,
    continue_trajectory,
)
from openmm_thermalnet.walls import fold

WIDTHS = (5, 3, 3, 2)
LAYOUT = Layout.thermal(4, WIDTHS, 6)
DEPTH = 3
METADATA = {"config": {"kT": 1e-5}, "stage": {"name": "quench"}}


def raw_coordinates(seed, low=-1.0, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, (LAYOUT.replicas, LAYOUT.particles))


def energies(seed):
    return np.random.default_rng(seed + 1000).uniform(0, 1, (LAYOUT.replicas, DEPTH))


def write_frames(path, steps, **options):
    writer = TrajectoryWriter(path, LAYOUT, DEPTH, METADATA, **options)
    for step in steps:
        writer.write(step, LAYOUT.positions(raw_coordinates(step)), energies(step))
    return writer


def assert_holds(path, steps):
    with Trajectory(path) as trajectory:
        assert trajectory.steps.tolist() == list(steps)
        assert trajectory.metadata == METADATA
        for frame, step in enumerate(steps):
            expected = raw_coordinates(step).astype(trajectory.q.dtype)
            np.testing.assert_array_equal(trajectory.q[frame], expected)
            np.testing.assert_array_equal(trajectory.layer_energies[frame], energies(step))


# --- round trip --------------------------------------------------------------------------------


@pytest.mark.parametrize(("double", "dtype"), [(False, np.float32), (True, np.float64)])
def test_frames_come_back(tmp_path, double, dtype):
    path = tmp_path / "trajectory.h5"
    write_frames(path, [0, 3, 10], double=double).close()
    assert_holds(path, [0, 3, 10])
    with Trajectory(path) as trajectory:
        assert trajectory.q.shape == (3, 6, LAYOUT.particles)
        assert trajectory.q.dtype == dtype
        assert trajectory.steps.dtype == np.int64
        assert trajectory.layer_energies.dtype == np.float64


def test_the_format_is_plain_hdf5(tmp_path):
    path = tmp_path / "trajectory.h5"
    write_frames(path, [0]).close()
    with h5py.File(path) as file:
        assert set(file) == {"q", "step", "layer_energy"}
        assert file["q"].attrs["unit"] == "nm"
        assert file["layer_energy"].attrs["unit"] == "kJ/mol"
        assert set(file.attrs) == {"format", "metadata"}


@pytest.mark.parametrize("far", [0.0, 4.0, -400.0, 4e6])
def test_coordinates_are_wrapped_by_the_period_of_the_walls(tmp_path, far):
    path = tmp_path / "trajectory.h5"
    coordinates = raw_coordinates(0, -2.5, 2.5) + far
    writer = TrajectoryWriter(path, LAYOUT, DEPTH, METADATA)
    writer.write(0, LAYOUT.positions(coordinates), energies(0))
    writer.close()
    with Trajectory(path) as trajectory:
        stored = trajectory.q[0]
    assert np.abs(stored).max() <= 2.0
    np.testing.assert_allclose(fold(stored), fold(coordinates), atol=2e-7)


def test_without_walls_coordinates_are_kept(tmp_path):
    path = tmp_path / "trajectory.h5"
    coordinates = raw_coordinates(0, -50, 50)
    writer = TrajectoryWriter(path, LAYOUT, DEPTH, METADATA, double=True, walls=False)
    writer.write(0, LAYOUT.positions(coordinates), energies(0))
    writer.close()
    with Trajectory(path) as trajectory:
        np.testing.assert_array_equal(trajectory.q[0], coordinates)


def test_metadata_may_be_long(tmp_path):
    path = tmp_path / "trajectory.h5"
    metadata = {"anneal-table": [[step, 1e-5] for step in range(10_000)]}
    TrajectoryWriter(path, LAYOUT, DEPTH, metadata).close()
    with Trajectory(path) as trajectory:
        assert trajectory.metadata == metadata
        assert len(trajectory.steps) == 0


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    path = tmp_path / "trajectory.h5"
    write_frames(path, [0]).close()
    with pytest.raises(FileExistsError):
        TrajectoryWriter(path, LAYOUT, DEPTH, METADATA)
    assert_holds(path, [0])


# --- growth ------------------------------------------------------------------------------------


def test_another_process_reads_while_it_grows(tmp_path):
    path = tmp_path / "trajectory.h5"
    program = (
        "import sys\n"
        "from openmm_thermalnet.trajectory import Trajectory\n"
        "for line in sys.stdin:\n"
        "    with Trajectory(sys.argv[1]) as t:\n"
        "        print(len(t.steps), repr(float(t.q[len(t.steps) - 1, 0, 0])), flush=True)\n"
    )
    writer = write_frames(path, [0])
    with subprocess.Popen(
        [sys.executable, "-c", program, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        for count in range(1, 5):
            reader.stdin.write("look\n")
            reader.stdin.flush()
            first = np.float32(raw_coordinates(count - 1)[0, 0])
            assert reader.stdout.readline().split() == [str(count), repr(float(first))]
            writer.write(count, LAYOUT.positions(raw_coordinates(count)), energies(count))
        reader.stdin.close()
    writer.close()
    assert_holds(path, range(5))


def test_the_same_process_reads_while_it_grows_and_twice_at_once(tmp_path):
    path = tmp_path / "trajectory.h5"
    writer = write_frames(path, [0, 1])
    with Trajectory(path) as first, Trajectory(path) as second:
        assert len(first.steps) == len(second.steps) == 2
        writer.write(2, LAYOUT.positions(raw_coordinates(2)), energies(2))
        first.close()
        assert second.q[1].shape == (LAYOUT.replicas, LAYOUT.particles)
    assert_holds(path, [0, 1, 2])
    writer.close()


def test_frames_survive_the_kill_of_their_writer(tmp_path):
    path = tmp_path / "trajectory.h5"
    if (child := os.fork()) == 0:
        write_frames(path, [0, 1, 2])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert_holds(path, [0, 1, 2])


def test_memory_does_not_grow_with_the_length(tmp_path):
    layout = Layout.thermal(1000, (10, 10, 10, 2), 3)
    frame = 3 * layout.particles * 8
    writer = TrajectoryWriter(tmp_path / "trajectory.h5", layout, DEPTH, METADATA)
    positions = layout.positions(np.zeros((3, layout.particles)))
    energy = np.zeros((3, DEPTH))

    def resident():
        with open("/proc/self/statm") as statm:  # noqa: PTH123
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for step in range(10):
        writer.write(step, positions, energy)
    before = resident()
    tracemalloc.start()
    for step in range(10, 210):
        writer.write(step, positions, energy)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    writer.close()
    assert peak < 5 * frame
    assert resident() - before < 20 * frame


@pytest.mark.parametrize("particles", [58, 200_000])
def test_one_layer_of_one_replica_can_be_read_without_the_others(tmp_path, particles):
    layout = Layout.thermal(1, (particles - 2, 1, 1), 3)
    assert layout.particles == particles
    path = tmp_path / "trajectory.h5"
    writer = TrajectoryWriter(path, layout, 2, METADATA)
    for step in range(2):
        writer.write(step, np.zeros((particles, 3)), np.zeros((3, 2)))
    writer.close()
    with Trajectory(path) as trajectory:
        assert trajectory.q.chunks == (1, 1, min(particles, 2**16))


# --- going on ----------------------------------------------------------------------------------


def test_a_continued_file_keeps_what_is_before_the_step(tmp_path):
    path = tmp_path / "trajectory.h5"
    write_frames(path, [0, 3, 10]).close()
    renewed = unfinished(path)
    renewed.write_bytes(b"left by a killed process")
    writer = continue_trajectory(path, LAYOUT, DEPTH, 9, double=False)
    for step in (10, 20):
        writer.write(step, LAYOUT.positions(raw_coordinates(step)), energies(step))
    writer.close()
    assert_holds(path, [0, 3, 10, 20])
    assert list(tmp_path.iterdir()) == [path]


def test_without_room_for_the_copy_nothing_is_touched(tmp_path, monkeypatch, refused):
    path = tmp_path / "trajectory.h5"
    write_frames(path, [0, 3]).close()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1000, 900, 100))
    refused(lambda: continue_trajectory(path, LAYOUT, DEPTH, 3, False), "bytes free", "make room")
    assert_holds(path, [0, 3])


def test_a_disk_that_fills_up_is_one_line_and_keeps_whole_frames(tmp_path):
    program = (
        "import pathlib, resource, signal, sys\n"
        "sys.path.append(sys.argv[3])\n"
        "from test_trajectory import write_frames\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "try:\n"
        "    write_frames(pathlib.Path(sys.argv[1]), range(200))\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    for size in (500, 8000, 67_000, 100_000):
        path = tmp_path / str(size)
        done = subprocess.run(
            [sys.executable, "-c", program, path, str(size), Path(__file__).parent],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        assert done.stdout == f"{path} cannot be written (File too large)\n"
    with Trajectory(path) as trajectory:
        count = len(trajectory.steps)
    assert 10 < count < 200
    assert_holds(path, range(count))


# --- damage ------------------------------------------------------------------------------------


def test_a_truncated_file_is_refused(tmp_path):
    path, cut = tmp_path / "trajectory.h5", tmp_path / "cut.h5"
    write_frames(path, range(20)).close()
    content = path.read_bytes()
    for length in np.linspace(0, len(content) - 1, 60).astype(int):
        cut.write_bytes(content[:length])
        with pytest.raises(DamagedFileError, match=r"cut\.h5 is damaged .*; resume its run"):
            Trajectory(cut)


def test_a_flipped_bit_in_the_data_is_seen(tmp_path):
    path = tmp_path / "trajectory.h5"
    write_frames(path, range(5)).close()
    needle = raw_coordinates(3).astype(np.float32)[4].tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(needle) + 17] ^= 4
    path.write_bytes(content)
    with Trajectory(path) as trajectory, pytest.raises(OSError, match="filter"):
        trajectory.q[3]
    with pytest.raises(DamagedFileError, match="filter"):
        continue_trajectory(path, LAYOUT, DEPTH, 4, double=False)
    assert list(tmp_path.iterdir()) == [path]
    continue_trajectory(path, LAYOUT, DEPTH, 2, double=False).close()
    assert_holds(path, [0, 1, 2])


def test_flipped_bytes_never_pass_for_good_frames(tmp_path):
    path, bad = tmp_path / "trajectory.h5", tmp_path / "bad.h5"
    write_frames(path, range(5)).close()
    content = path.read_bytes()
    noise = np.random.default_rng(0)
    for _ in range(200):
        garbled = bytearray(content)
        start = noise.integers(len(garbled) - 8)
        garbled[start : start + 8] = noise.bytes(8)
        bad.write_bytes(garbled)
        try:
            with Trajectory(bad) as trajectory:
                if trajectory.steps.tolist() != list(range(5)):
                    continue  # which the records of a stage compare with their plan
                frames = [trajectory.q[frame] for frame in range(5)]
                found = trajectory.layer_energies
        except (InputError, OSError):
            continue
        for frame in range(5):
            np.testing.assert_array_equal(frames[frame], raw_coordinates(frame).astype("f4"))
            np.testing.assert_array_equal(found[frame], energies(frame))


def test_other_files_are_refused(tmp_path, refused):
    refused(lambda: Trajectory(tmp_path / "nothing.h5"), "does not exist", error=FileNotFoundError)
    text = tmp_path / "text.h5"
    text.write_text("step,time\n")
    refused(lambda: Trajectory(text), "is damaged", error=DamagedFileError)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file.attrs["format"] = "someone else's"
    refused(lambda: Trajectory(other), "someone else's", "openmm_thermalnet trajectory 1")
    with h5py.File(other, "w"):
        pass
    refused(lambda: Trajectory(other), "None")
