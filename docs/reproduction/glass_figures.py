"""Figures and table of docs/reproduction.md on ordinary networks.

``python docs/reproduction/glass_figures.py DIRECTORY OUT``. DIRECTORY holds the runs and scans of
glass.py; those that are missing are left out.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import openmm_thermalnet as tn
from openmm_thermalnet.analyze import current_analysis
from openmm_thermalnet.analyze.temperatures import compare_temperatures
from openmm_thermalnet.scans.summary import write_summary

T0, LATE = "5000", "20000"
COLD = "kT-0.0001"  # the run whose single-run figures are shown


def main() -> None:
    """Analyse what is there, draw it, and print the tables."""
    runs, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name in ("trivialisation", "jamming"):
        if (runs / name / "scan.csv").exists():
            print(f"### {name}", *write_summary(runs / name), "", sep="\n")
            shutil.copy(runs / name / "figures" / f"{name}.png", out / f"{name}.png")
    analyses: dict[str, Any] = {
        directory.name: current_analysis(directory) or tn.analyze_run(directory)
        for directory in sorted(runs.glob("kT-*"))
        if (directory / "trajectory.h5").exists()
    }
    found = [a for a in analyses.values() if T0 in a["waiting_times"]]
    comparison = compare_temperatures(found, T0)
    figures = {
        "superposition": tn.plotting.plot_superposition(found, comparison),
        "relaxation": tn.plotting.plot_relaxation_against_temperature(comparison),
        "temperatures": tn.plotting.plot_temperatures(found, T0),
    }
    if COLD in analyses:
        figures["overlap"] = tn.plotting.plot_weight_overlap(analyses[COLD])
        figures["log"] = tn.plotting.plot_log_displacements(analyses[COLD], T0)
    for name, figure in figures.items():
        figure.savefig(out / f"glass_{name}.png", dpi=110)
    for name in ("collapse", "collapse_all", "unscaled"):
        print(name, comparison[name])
    print(*table(analyses), sep="\n")


def table(analyses: dict[str, Any]) -> list[str]:
    """One Markdown row for each run and two t0."""
    rows = [
        "| kT of the paper | kT/P | t0 | last t | tau_90 (free walk) | tau_e (free walk) "
        "| exponent of C, 95 % | free walk's | on t/tau_e | largest alpha_2 | least MSD exponent |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, analysis in sorted(analyses.items(), key=lambda item: -item[1]["temperature"]):
        for t0, values in analysis["waiting_times"].items():
            if t0 not in (T0, LATE):
                continue
            fits = values["power_law"]
            alpha = [
                (mean, error)
                for mean, error in zip(*values["alpha_2"].values(), strict=True)
                if mean is not None
            ]
            slope = values["local_exponents"]["msd"]
            least = min(zip(slope["mean"], slope["error"], strict=True), default=None)
            cells = [
                name.removeprefix("kT-"),
                f"{analysis['temperature']:.2g}",
                t0,
                str(values["steps"][-1]),
                *(_times(values[key]) for key in ("tau_90", "tau_e")),
                "-" if fits is None else _exponent(fits["overlap"]),
                "-" if fits is None else f"{fits['free_walk']['exponent']:.2f}",
                "-" if fits is None else "{:.2g} to {:.3g}".format(*fits["overlap"]["window"]),
                "{:.2f} ± {:.2f}".format(*max(alpha)),
                "-" if least is None else "{:.2f} ± {:.2f}".format(*least),
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return rows


def _times(found: dict[str, Any]) -> str:
    free = "" if found["free_walk"] is None else f" ({found['free_walk']:.3g})"
    if found["tau"] is None:
        return f"not reached{free}"
    return f"{found['tau']:.3g} ± {found['tau'] * found['log_error']:.1g}{free}"


def _exponent(fit: dict[str, Any]) -> str:
    low, high = fit["interval"]
    return f"{fit['exponent']:.3f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
