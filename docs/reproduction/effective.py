"""The effective model of docs/reproduction.md: ``python docs/reproduction/effective.py DIR OUT``.

Trains the ensembles, runs the machine with many replicas, fits the models, draws the figures into
OUT and prints the tables. Interrupt and repeat at will. Other runs of run.py that are in DIR
(`profile`, `profile-fan-in`) are drawn beside.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from scipy import stats

import openmm_thermalnet as tn
from openmm_thermalnet.analyze import current_analysis
from openmm_thermalnet.config import make_config
from openmm_thermalnet.ensembles import (
    EffectiveOptions,
    TrainingSettings,
    describe,
    load_ensemble,
    table_lines,
    train_ensemble,
    write_effective,
)
from openmm_thermalnet.plotting.effective import plot_blocks, plot_landscapes, plot_liquid
from openmm_thermalnet.progress import Progress, StopRequest
from openmm_thermalnet.protocols import Interrupted, create_run, open_run

ENSEMBLES: dict[str, tuple[dict[str, Any], float]] = {
    "shallow": ({"hidden": (), "runs": 3000, "steps": 250}, 0.70),
    "deep-500": ({"runs": 1500, "steps": 500, "patterns": 500}, 0.64),
    "deep": ({"runs": 800, "steps": 600}, 0.68),
}
"""How each ensemble is trained, and the test accuracy that is kept."""

REPLICAS = {
    "dataset": "digits",
    "patterns": 20,
    "test-patterns": 200,
    "friction": 1e-3,
    "replicas": 24,
    "waiting-times": [20_000],
    "follow": 60_000,
    "report": "linear",
    "report-interval": 2000,
    "frames": "linear",
    "frame-interval": 2000,
}
RUNS = {  # frames from which step on
    "replicas": (30_000, "digits, M = 20, 3 x 24 replicas"),
    "profile": (100_000, "profile: gain 1, 3 x 3 replicas"),
    "profile-fan-in": (100_000, "profile-fan-in: gain 1/sqrt(N)"),
}


def main() -> None:
    """Make what is missing, then the figures and tables."""
    torch.set_num_threads(1)
    directory, out = Path(sys.argv[1]), Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    with StopRequest() as stop, Progress() as progress:
        for name, (values, _) in ENSEMBLES.items():
            settings = TrainingSettings(**values)
            path = directory / f"{name}.safetensors"
            if train_ensemble(settings, path, progress, stop).runs < settings.runs:
                progress.say("stopped; repeat the command to go on")
                sys.exit(130)
        where = directory / "replicas"
        run = (
            open_run(where, progress.say)
            if (where / "run.json").exists()
            else create_run(make_config(REPLICAS), where)
        )
        try:
            run.execute(progress, stop, progress.say)
        except Interrupted:
            progress.say("stopped; repeat the command to go on")
            sys.exit(130)
    results = {name: trained(directory, name) for name in ENSEMBLES}
    draw_trained(results, out)
    draw_machines(directory, out)


def trained(directory: Path, name: str) -> dict[str, Any]:
    """The description of one ensemble, computed once."""
    path = directory / f"effective-{name}" / "effective.json"
    options = EffectiveOptions(threshold=ENSEMBLES[name][1], references=3, check=True)
    if path.exists():
        result: dict[str, Any] = json.loads(path.read_text())
        same = result["ensembles"][0]["runs"] == ENSEMBLES[name][0]["runs"]
        if same and result["options"] == options.as_json():
            return result
    ensemble = load_ensemble(directory / f"{name}.safetensors")
    result = describe([ensemble], options, lambda line: print(line, file=sys.stderr))
    write_effective(result, path.parent)
    return result


def draw_trained(results: dict[str, dict[str, Any]], out: Path) -> None:
    """Figures and tables of the trained ensembles."""
    gauges = {name: result["ensembles"][0]["gauges"] for name, result in results.items()}
    plot_blocks(gauges["deep"]).savefig(out / "effective-blocks.png", dpi=110)
    shown = {
        "deep, symmetrised": gauges["deep"]["symmetrised"],
        "deep-500, symmetrised": gauges["deep-500"]["symmetrised"],
        "shallow": gauges["shallow"]["as it is"],
    }
    plot_landscapes(shown).savefig(out / "effective-landscapes.png", dpi=110)
    for result in results.values():
        print(*table_lines(result), sep="\n")
        for gauge, found in result["ensembles"][0]["gauges"].items():
            for block in found:
                print(gauge, block["name"], told(block))


def told(block: dict[str, Any]) -> str:
    """Fit, cross-check and landscapes of a block in a line."""
    fit, check = block["fit"], block["cross_check"]
    if fit is None:
        return "no model"
    parts = [f"mismatch {fit['mismatch']:.4f} of noise {fit['noise']:.4f}"]
    if check is not None:
        parts.append(f"pseudo-likelihood: correlation of couplings {check['correlation']:.3f}")
    for found in block["landscapes"]:
        way = found["hysteresis"]
        if way is not None:
            parts.append(
                f"gap {way['gap']:.3f}, jumps {way['jump_forward']:.3f} at {way['x_forward']:.2f} "
                f"and {way['jump_backward']:.3f} at {way['x_backward']:.2f}, "
                f"deficit {found['deficit']:.3f}"
            )
    return "; ".join(parts)


def draw_machines(directory: Path, out: Path) -> None:
    """Liquid by overlap and liquid by entropy, of the machine's replicas."""
    found, overlaps = {}, {}
    for name, (after, label) in RUNS.items():
        run = directory / name
        if not (run / "run.json").exists():
            print(f"{name} is not there, and left out")
            continue
        analysis = current_analysis(run) or tn.analyze_run(run)
        last = list(analysis["waiting_times"].values())[-1]
        result = describe([load_ensemble(run, after=after)], EffectiveOptions(fit=False))
        print(*table_lines(result), sep="\n")
        for layer, (q, error) in enumerate(
            zip(last["q_star"], last["q_star_error"], strict=True), start=1
        ):
            print(f"{name}: q_{layer} = {q:.2f} ± {error:.2f}, {last['phase'][layer - 1]}")
        entropies = [
            block["independent_entropy"]["mean"]
            for block in result["ensembles"][0]["gauges"]["as it is"][: len(last["q_star"])]
        ]
        rank = stats.spearmanr(last["q_star"], entropies).statistic
        print(f"{name}: rank correlation of q_l and the entropy of the weights of l: {rank:.2f}")
        found[label] = result["ensembles"][0]["gauges"]["as it is"]
        overlaps[label] = (last["q_star"], last["q_star_error"])
    plot_liquid(found, overlaps).savefig(out / "effective-liquid.png", dpi=110)


if __name__ == "__main__":
    main()
