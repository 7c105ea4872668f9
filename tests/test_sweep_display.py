"""What a running sweep shows: bars on a terminal, quiet lines elsewhere."""

import json

import pytest
from small_runs import SMALL

from openmm_thermalnet.config import make_config
from openmm_thermalnet.sweeps import display as module
from openmm_thermalnet.sweeps.cost import Rates, stage_costs
from openmm_thermalnet.sweeps.display import SweepDisplay
from openmm_thermalnet.sweeps.engine import Engine, Task
from openmm_thermalnet.sweeps.lines import duration


class Running(Engine):
    """An engine with tasks that seem to run."""

    flights: list = []  # noqa: RUF012
    workers = 2

    @property
    def running(self):
        return self.flights


@pytest.fixture
def engine(tmp_path):
    """Three points of 1000 s each, one of them a quarter done in 500 s; a fourth is finished."""
    found = Running(None, None, 0, print)
    tasks = [Task(name, {}, 1000.0) for name in "abc"]
    found.flights = [(tasks[0], 500.0)]
    found.waiting = tasks[1:]
    (tmp_path / "progress").mkdir()
    (tmp_path / "progress/a.json").write_text(
        json.dumps({"stage": "quench", "step": 25, "length": 100})
    )
    return found


def plan(shown):
    costs = stage_costs(make_config(SMALL), Rates(10.0, 0.0, 0.0, 0.0, 0.0))
    shown.plan(dict.fromkeys("abc", costs), 4, 4000.0)


def test_lines(tmp_path, engine, capsys):
    with SweepDisplay(tmp_path) as shown:
        plan(shown)
        for _ in range(3):
            shown.show(engine)
    (line,) = capsys.readouterr().err.splitlines()
    # 250 s of work took 500 s (and 30 s are taken on trust); two workers have 750 + 2 x 1000 s.
    left = duration((500 + 30) / (250 + 30) * 1750)
    assert line == f"1 of 4 points; 1 running on 2 workers, {left} left"


def test_bars(tmp_path, engine, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(module, "_REFRESH_SECONDS", 0.0)
    with SweepDisplay(tmp_path) as shown:
        plan(shown)
        shown.show(engine)
        whole, point = shown._bar.tasks
        assert whole.description == "1 of 4 points"
        assert whole.percentage == pytest.approx(100 * 1250 / 4000)
        assert whole.fields["left"] == "55 min left"
        assert (point.description, point.percentage) == ("a", 25.0)
        engine.finished.append("a")
        engine.failed.append("b")
        engine.flights = []
        engine.waiting = engine.waiting[1:]
        shown.show(engine)
        (whole,) = shown._bar.tasks
        assert whole.description == "2 of 4 points, 1 given up"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (99, "99 s"), (600, "10 min"), (7200, "2.0 h"), (200_000, "2.3 days")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words
