"""Figures and table of docs/reproduction.md: ``python docs/reproduction/figures.py DIRECTORY OUT``.

DIRECTORY holds the runs of run.py; those that are missing are left out, and said.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import openmm_thermalnet as tn
from openmm_thermalnet.analyze import current_analysis
from openmm_thermalnet.equilibrium import thermal_floor
from openmm_thermalnet.sweeps.map import arrange
from openmm_thermalnet.sweeps.reading import read_sweep_result

PROFILES = {
    "profile": "printed friction",
    "timestep-0.002": "time step 0.002",
    "profile-slow": "slow cooling",
    "profile-fan-in": "gain fan_in",
}
SERIES = {
    "patterns": ("patterns", "patterns $M$"),
    "kT": ("kT", "thermal energy $kT$"),
    "friction": ("friction", "friction per step"),
}
ALSO = {"friction": "patterns-250", "kT": "profile"}  # runs that belong to two series
COPIES = {"training": "profile", "correlations": "profile", "ageing": "ageing"}


def main() -> None:
    """Analyse what is there and draw it."""
    runs, out = Path(sys.argv[1]), Path(sys.argv[2])
    analyses: dict[str, Any] = {}
    for directory in sorted(path for path in runs.iterdir() if (path / "run.json").exists()):
        analyses[directory.name] = current_analysis(directory) or tn.analyze_run(directory)
    figures = {}
    for name, run in COPIES.items():
        if run not in analyses:
            continue
        analysis = analyses[run]
        last = list(analysis["waiting_times"])[-1]
        if name == "training":
            figures[name] = tn.plotting.plot_training(analysis)
        elif name == "correlations":
            figures[name] = tn.plotting.plot_correlations(analysis, last)
            figures["overlaps"] = tn.plotting.plot_overlap_distributions(analysis, last)
            figures["matrices"] = tn.plotting.plot_overlap_matrices(analysis, last)
            figures["heterogeneity"] = tn.plotting.plot_heterogeneity(analysis, last)
        else:
            figures[name] = tn.plotting.plot_ageing(analysis)
    profiles = {label: analyses[run] for run, label in PROFILES.items() if run in analyses}
    if profiles:
        figures["profiles"] = tn.plotting.plot_profiles(profiles)
    for name, (key, label) in SERIES.items():
        members = [
            analysis
            for run, analysis in analyses.items()
            if run.startswith(f"{name}-") or run == ALSO.get(name)
        ]
        if members:
            values = [float(a["config"][key]) for a in members]
            figures[name] = tn.plotting.plot_late_averages(values, members, label)
    if (runs / "map" / "sweep.json").exists():
        found = read_sweep_result(runs / "map")
        sweep = arrange(found.points, found.varied)
        figures["map"] = tn.plotting.plot_phase_diagram(sweep)
        figures["map-solid-depth"] = tn.plotting.plot_solid_depth(sweep)
        figures["map-averages"] = tn.plotting.plot_sweep_averages(sweep)
    out.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(out / f"{name}.png", dpi=110)
    print(*table(analyses), sep="\n")


def table(analyses: dict[str, Any]) -> list[str]:
    """One Markdown row for each run: late averages of the quench, phases of the copies."""
    rows = [
        "| run | steps | late E*/MN(L-1)kT | late kinetic kT / kT | test tanh | test sign "
        "| train tanh | liquid layers |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, analysis in analyses.items():
        late = analysis["quench"]["thermodynamics"]["late"]
        kT = analysis["config"]["kT"]
        liquid = "-"
        for entry in analysis["waiting_times"].values():
            if entry["phase"] is not None:
                layers = [str(i + 1) for i, p in enumerate(entry["phase"]) if p == "liquid"]
                liquid = " ".join(layers) or "none"
        cells = [
            f"{late['energy']['mean'] / thermal_floor(analysis):.3g}",
            f"{late['temperature']['mean'] / kT:.3g}",
            *(
                f"{late[k]['mean']:.3f} ± {late[k]['error']:.3f}"
                for k in ("test_tanh", "test_sign", "train_tanh")
            ),
        ]
        steps = analysis["quench"]["length"]
        rows.append(f"| {name} | {steps} | {' | '.join(cells)} | {liquid} |")
    return rows


if __name__ == "__main__":
    main()
