"""The report of a run: its figures as files, and one page with everything on it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openmm_thermalnet.page import columns, table, with_error, write_page
from openmm_thermalnet.plotting import draw_figures
from openmm_thermalnet.weight_tables import (
    WEIGHT_HEADS,
    is_feedforward,
    weight_rows,
    weight_sections,
)

_HEADS = ("layer", "phase", "q*", "τ_c (steps)", "τ_C (steps)")

_MACHINE_HEADS = (
    "layer",
    "overlap, same sample (mean ± width)",
    "overlap, two samples",
    "cophenetic correlation",
    "p of one cloud",
    "clusters",
)


def write_report(analysis: Mapping[str, Any], directory: Path) -> Path:
    """Draw all figures into `figures/` and write the self-contained `report.html`.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.
    directory : Path
        Of the run.

    Returns
    -------
    Path
        Of the report.
    """
    closing = ["<h2>How it was made</h2>", _description(analysis)]
    drawings = draw_figures(analysis)
    if is_feedforward(analysis):
        sections = weight_sections(analysis)
        title = "Feed-forward network"
        return write_page(directory, title, analysis["notes"], sections, drawings, closing)
    sections = [
        "<h2>Late averages</h2>",
        _late_table(analysis),
        *(_layer_section(time, values) for time, values in analysis["waiting_times"].items()),
    ]
    return write_page(directory, "Thermal network", analysis["notes"], sections, drawings, closing)


def layer_rows(values: Mapping[str, Any]) -> list[list[str]]:
    """Rows of the table of layers: l, phase, q*, tau_c, tau_C, as text.

    Parameters
    ----------
    values : mapping
        One waiting time of `analysis.json`.
    """
    rows = []
    hidden = len(values["tau_c"])
    for index in range(hidden + 1):
        row = [str(index + 1), "", "", ""]
        if index < hidden:
            row[3] = _time(values, "tau_c", index)
            if values["phase"] is not None:
                doubt = " (within one error of 1/e)" if values["undecided"][index] else ""
                row[1] = values["phase"][index] + doubt
                row[2] = with_error(values["q_star"][index], values["q_star_error"][index])
        rows.append([*row, _time(values, "tau_C", index)])
    return rows


def summary_lines(analysis: Mapping[str, Any]) -> list[str]:
    """The table of layers of every waiting time, for a terminal.

    Of a feed-forward network, the table of relaxation times.
    """
    if is_feedforward(analysis):
        return _aligned([list(WEIGHT_HEADS), *weight_rows(analysis)])
    lines = []
    for waiting_time, values in analysis["waiting_times"].items():
        lines.append(f"t_w = {waiting_time}, t* = {values['steps'][-1]} steps")
        lines += _aligned([list(_HEADS), *layer_rows(values)])
    return lines


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a table as lines of text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _time(values: Mapping[str, Any], name: str, index: int) -> str:
    """A relaxation time with its error, or that it was not reached."""
    tau, error = values[name][index], values[f"{name}_log_error"][index]
    if tau is None:
        return "not reached"
    if values[f"{name}_lower_bound"][index]:
        return f"> {_steps(tau)}"
    return _steps(tau) + ("" if error is None else f" ± {_steps(tau * error)}")


def _steps(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _layer_section(waiting_time: str, values: Mapping[str, Any]) -> str:
    """Heading and table of layers of one waiting time."""
    steps = values["steps"][-1]
    depths = ""
    if values["liquid_depth"] is not None:
        depths = f", liquid depth {values['liquid_depth']}, solid depth {values['solid_depth']}"
    title = f"Layers after t_w = {waiting_time}, t* = {steps} steps{depths}"
    parts = [f"<h2>{html.escape(title)}</h2>", table(_HEADS, layer_rows(values))]
    parts += [
        f"<h3>Machines by their {kind}</h3>" + table(_MACHINE_HEADS, _machine_rows(layers))
        for kind, layers in values["design_space"].items()
        if kind in ("weights", "representations") and layers is not None
    ]
    return "".join(parts)


def _machine_rows(layers: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Rows of the table of machines: overlaps, and whether they form clusters."""
    rows = []
    for index, layer in enumerate(layers):
        row = [str(index + 1), *(_pairs(layer[name]) for name in ("same_sample", "other_sample"))]
        cophenetic, found = layer["cophenetic"], layer["hierarchy"]
        row.append("–" if cophenetic is None else f"{cophenetic:.3f}")
        row += (
            ["–", "–"] if found is None else [f"{found['p_value']:.3g}", f"{found['n_clusters']}"]
        )
        rows.append(row)
    return rows


def _pairs(pairs: Mapping[str, Any] | None) -> str:
    return "–" if pairs is None else f"{pairs['mean']:.3f} ± {pairs['sigma']:.3f}"


def _late_table(analysis: Mapping[str, Any]) -> str:
    """Late averages of the quench and of every waiting time."""
    names = ("energy_ratio", "temperature", "test_tanh", "test_sign", "train_tanh", "train_sign")
    heads = ("stage", "from step", "E*/E(0)", "kT (kJ/mol)", *(f"A* {n}" for n in names[2:]))
    stages = {"quench": analysis["quench"]}
    stages.update({f"t_w = {t}": v for t, v in analysis["waiting_times"].items()})
    rows = []
    for name, stage in stages.items():
        late = stage["thermodynamics"]["late"]
        if late is None:
            continue
        values = [late[key] for key in names]
        rows.append([name, str(late["start"]), *(_late(value) for value in values)])
    return table(heads, rows)


def _late(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return "–"
    error = value["error"]
    return f"{value['mean']:.3g}" + ("" if error is None else f" ± {error:.1g}")


def _description(analysis: Mapping[str, Any]) -> str:
    """Configuration, network, dataset and versions."""
    made = analysis["analysis_versions"]
    return columns(
        {
            "Configuration": analysis["config"],
            "Network": analysis["network"],
            "Versions": {
                **analysis["versions"],
                **{f"{name} (analysis)": number for name, number in made.items()},
            },
        }
    )
