"""A sweep of feed-forward networks over kT: its table, figures and report."""

import csv
import json

import pytest
from test_analyze_glass import NETWORK, run

from openmm_thermalnet.analyze import current_analysis
from openmm_thermalnet.sweep_report import write_sweep_report
from openmm_thermalnet.sweeps.table import collect_table
from openmm_thermalnet.version import __version__

KT = (0.0, 0.02, 0.2)
MISSING = 0.5


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Three finished points and one that is missing. Only analysed."""
    directory = tmp_path_factory.mktemp("sweeps") / "sweep"
    for kT in KT:
        place = directory / "points" / f"kT-{kT}"
        place.parent.mkdir(parents=True, exist_ok=True)
        run(place, kT=kT)
    shared = {name: value for name, value in NETWORK.items() if name != "kT"}
    description = {
        "format": "openmm_thermalnet sweep 1",
        "run": shared,
        "varied": ["kT"],
        "points": [{"name": f"kT-{kT}", "values": {"kT": kT}} for kT in (*KT, MISSING)],
        "analyze": True,
        "cost": None,
        "versions": {"openmm_thermalnet": __version__},
    }
    (directory / "sweep.json").write_text(json.dumps(description))
    (directory / "manifest.jsonl").touch()
    return directory


def test_rows_are_what_the_analyses_say(sweep):
    rows = collect_table(sweep, lambda line: None)
    assert [row["t0"] for row in rows] == ["0", "50", "100", "200"] * 3 + [None]
    assert [row["kT"] for row in rows[::4]] == ["0", "0.02", "0.2", "0.5"]
    assert rows[-1]["state"] == "missing"
    assert rows[-1]["tau_e"] is rows[-1]["pattern_loss"] is None
    for row in rows[:-1]:
        analysis = current_analysis(sweep / "points" / row["name"])
        values = analysis["waiting_times"][row["t0"]]
        assert row["tau_e"] == values["tau_e"]["tau"]
        assert row["tau_90_free_walk"] == values["tau_90"]["free_walk"]
        assert row["temperature"] == analysis["temperature"]
        assert (
            row["pattern_loss"] == analysis["quench"]["thermodynamics"]["pattern_loss"]["mean"][-1]
        )
        fits = values["power_law"]
        assert row["exponent"] == (fits and fits["overlap"]["exponent"])
        assert row["alpha_2_largest"] == max(values["alpha_2"]["mean"][1:])
    assert len({tuple(row) for row in rows}) == 1  # the same columns


def test_the_report_lays_temperatures_over_one_another(sweep):
    said = []
    page = write_sweep_report(sweep, said.append).read_text()
    assert said[-1] == f"1 point is missing: kT-{MISSING}"
    assert "Sweep of feed-forward networks" in page
    assert page.count("<figure") == 3
    for name in ("superposition", "relaxation", "temperatures"):
        assert (sweep / "figures" / f"{name}.png").exists()
    with (sweep / "table.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 13
