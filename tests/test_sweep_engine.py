"""Who gets which point when, what counts as a failure, and when it ends: without a cluster."""

import os

import pytest

from openmm_thermalnet.sweeps import engine as module
from openmm_thermalnet.sweeps.engine import Engine, Task
from openmm_thermalnet.sweeps.manifest import Manifest, read_events


class Future:
    """Done at once, with a result, an error, or nothing because its worker is gone."""

    def __init__(self, answer):
        self._answer = answer
        self.status = {dict: "finished", type(None): "pending"}.get(type(answer), "error")

    def result(self, timeout):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def add_done_callback(self, call):
        if self.status != "pending":
            call(self)

    def cancel(self):
        self.status = "cancelled"


class KilledWorker(Exception):
    """What Dask raises for a task that killed its workers."""


def answer(outcome, error=None):
    return {"outcome": outcome, "error": error, "seconds": 1.0, "notes": []}


class Cluster:
    """A client and the crew of its workers; ``answers[name]`` are what attempts come to."""

    def __init__(self, members, answers):
        self.members = dict(members)
        self._answers = {name: list(found) for name, found in answers.items()}
        self.handed_out = []
        self.lost = []

    def submit(self, call, job, *, workers, **options):
        (worker,) = workers
        self.handed_out.append((job["name"], worker))
        found = self._answers.get(job["name"]) or [answer("finished")]
        first = found.pop(0)
        if callable(first):
            first = first(job)
        if first is None:
            self.lost.append(worker)
        return Future(first)

    def look(self):
        for worker in self.lost:
            self.members.pop(worker, None)
            self.members[f"{worker}'"] = False  # a nanny makes a new one
        self.lost = []

    def check(self):
        pass


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run points, given by name and seconds, to the end."""
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(module, "_BUSY_SECONDS", 0.0)

    def call(seconds, answers=None, members=None, retries=1, gpu=()):
        cluster = Cluster(members or {"w": False}, answers or {})
        tasks = []
        for name, cost in seconds.items():
            directory = tmp_path / name
            directory.mkdir()
            job = {"name": name, "directory": directory, "progress": tmp_path / f"{name}.json"}
            tasks.append(Task(name, job, cost, gpu=name in gpu))
        said = []
        found = Engine(cluster, Manifest(tmp_path), retries, said.append)
        found.run(tasks, cluster, lambda: False)
        return found, cluster, said

    return call


def kinds(directory):
    return [(event["event"], event["point"]) for event in read_events(directory)]


def test_the_longest_point_goes_out_first(run):
    found, cluster, said = run({"b": 2.0, "d": 4.0, "a": 1.0, "c": 3.0})
    assert [name for name, _ in cluster.handed_out] == ["d", "c", "b", "a"]
    assert found.finished == ["d", "c", "b", "a"]
    assert (found.done, found.busy) == (10.0, 4.0)
    assert (found.failed, said) == ([], [])


def test_a_failed_point_is_tried_again_behind_the_others_and_given_up(run, tmp_path):
    found, cluster, said = run({"a": 2.0, "b": 1.0}, {"a": [answer("failed", "boom")] * 3})
    assert [name for name, _ in cluster.handed_out] == ["a", "b", "a"]
    assert (found.finished, found.failed) == (["b"], ["a"])
    assert said == ["a is given up: boom"]
    assert kinds(tmp_path) == [
        ("started", "a"),
        ("failed", "a"),
        ("started", "b"),
        ("finished", "b"),
        ("started", "a"),
        ("failed", "a"),
        ("gave-up", "a"),
    ]


def test_a_point_that_kills_its_worker_is_given_up(run, tmp_path):
    found, cluster, said = run({"a": 2.0, "b": 1.0}, {"a": [None, None, None]})
    assert (found.finished, found.failed) == (["b"], ["a"])
    assert said == ["a is given up: its worker died: killed, or out of memory"]
    assert cluster.handed_out == [("a", "w"), ("b", "w'"), ("a", "w'")]
    assert ("lost", "a") not in kinds(tmp_path)


def test_a_point_that_gets_on_may_lose_any_number_of_workers(run, tmp_path):
    stamps = iter(range(10**18, 10**19, 10**18))

    def die(job):
        path = job["directory"] / "checkpoint.chk"
        path.touch()
        os.utime(path, ns=(next(stamps),) * 2)

    found, _, _ = run({"a": 1.0}, {"a": [die, die, die, answer("finished")]}, retries=0)
    assert found.finished == ["a"]
    events = [event for event, _ in kinds(tmp_path)]
    assert events.count("started") == 4
    assert events[-1] == "finished"


def test_a_point_that_dask_gives_up_or_someone_else_holds(run, tmp_path):
    answers = {
        "a": [KilledWorker("a"), RuntimeError("no\nway")],
        "b": [answer("busy", "b is held")],
    }
    found, _, said = run({"a": 2.0, "b": 1.0}, answers, retries=2)
    assert sorted(found.finished) == ["a", "b"]
    errors = [event["error"] for event in read_events(tmp_path) if event["event"] == "failed"]
    assert errors == ["its worker died: killed, or out of memory", "RuntimeError: no"]
    assert said == ["b is held; it is tried again later"]


def test_gpus_are_kept_for_what_needs_them(run):
    _, cluster, _ = run(
        {"long": 9.0, "on-gpu": 1.0, "short": 2.0},
        members={"with": True, "without": False},
        gpu=["on-gpu"],
    )
    assert cluster.handed_out[:2] == [("long", "without"), ("on-gpu", "with")]


def test_a_lost_scheduler_ends_it(run, monkeypatch):
    def gone(self):
        raise ConnectionError("the scheduler is gone")

    monkeypatch.setattr(Cluster, "look", gone)
    with pytest.raises(ConnectionError):
        run({"a": 1.0})
