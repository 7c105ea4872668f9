"""The report of a sweep of feed-forward networks: relaxation, exponents and superposition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from openmm_thermalnet.analyze.temperatures import compare_temperatures
from openmm_thermalnet.page import columns, table, write_page
from openmm_thermalnet.plotting import (
    Drawing,
    plot_relaxation_against_temperature,
    plot_superposition,
    plot_temperatures,
)
from openmm_thermalnet.sweeps.map import value_text
from openmm_thermalnet.sweeps.reading import SweepResult
from openmm_thermalnet.sweeps.table import TABLE, write_table
from openmm_thermalnet.sweeps.weights import read_analyses, weight_point_rows
from openmm_thermalnet.weight_tables import WEIGHT_HEADS, weight_rows

_TRAINING = ("pattern_loss", "test_accuracy", "train_accuracy", "unsatisfied")


def write_weight_sweep(found: SweepResult, notes: Sequence[str]) -> Path:
    """Write `table.csv`, the figures and `report.html` of a sweep of feed-forward networks.

    Temperatures are laid over one another where `kT` is the one flag that varies.

    Parameters
    ----------
    found : SweepResult
        Of which finished points have been analysed.
    notes : sequence of str
        Remarks for the page.

    Returns
    -------
    Path
        Of the page.
    """
    analyses = read_analyses(found)
    write_table(weight_point_rows(found), found.directory / TABLE)
    sections = ["<h2>Points</h2>"]
    heads = (*found.varied, *WEIGHT_HEADS)
    sections.append(
        table(
            heads,
            [
                [*(value_text(point.values[name]) for name in found.varied), *row]
                for point in found.points
                if point.name in analyses
                for row in weight_rows(analyses[point.name])
            ],
        )
    )
    drawings: Iterator[Drawing] = iter(())
    if tuple(found.varied) == ("kT",) and len(analyses) > 1:
        drawings = draw_temperatures(list(analyses.values()))
    closing = [
        "<h2>How it was made</h2>",
        columns({"Parameters of all points": found.run, "Versions": found.versions}),
    ]
    return write_page(
        found.directory, "Sweep of feed-forward networks", notes, sections, drawings, closing
    )


def draw_temperatures(analyses: Sequence[Mapping[str, Any]]) -> Iterator[Drawing]:
    """Figures of runs that differ in their temperature, at the longest t0 that all of them have.

    Parameters
    ----------
    analyses : sequence of mapping
        As `analyze_run` returns them.

    Yields
    ------
    Drawing
        Name, caption and figure; none without a common t0.
    """
    common = set.intersection(*(set(map(int, each["waiting_times"])) for each in analyses))
    if not common:
        return
    t0 = max(common)
    comparison = compare_temperatures(analyses, t0)
    yield Drawing(
        "superposition",
        f"Overlap from t0 = {t0} at all temperatures, against t and against t / tau_e, and its "
        "local exponent. Thin dashed lines: the free walk. rms is the distance of a curve from the "
        "mean of the others on t / tau_e in [1, 1000]; S is its square over what errors explain.",
        plot_superposition(analyses, comparison),
    )
    yield Drawing(
        "relaxation",
        "Relaxation times against the temperature of the noise, beside the free walk's.",
        plot_relaxation_against_temperature(comparison),
    )
    yield Drawing(
        "temperatures",
        f"Displacements from t0 = {t0} at all temperatures.",
        plot_temperatures(analyses, str(t0)),
    )
