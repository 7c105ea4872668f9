"""Run the benchmark: ``python -m benchmarks.run [--quick]``.

Writes JSON and a Markdown table to benchmarks/results/ and prints the table.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __package__ in (None, ""):  # python benchmarks/run.py
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks import harness
from benchmarks.peers.common import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZES = ((250, 10, 10), (2000, 10, 10), (2000, 40, 10), (500, 100, 10))
REPLICAS = (3, 12, 48)
CURVES: dict[str, tuple[int, ...]] = {
    "M": (125, 250, 500, 1000, 2000, 4000),
    "N": (5, 10, 20, 40, 80),
    "L": (3, 5, 10, 20, 40),
    "R": (3, 6, 12, 24, 48),
}
CURVE_BASE = {"M": 500, "N": 10, "L": 10, "R": 3}
RESULTS = Path(__file__).resolve().parent / "results"


def size(text: str) -> tuple[int, int, int]:
    M, N, L = (int(part) for part in text.split("x"))
    return M, N, L


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, the two small sizes")
    parser.add_argument("--sizes", type=size, nargs="+", metavar="MxNxL", help="such as 250x10x10")
    parser.add_argument("--replicas", type=int, nargs="+", help="multiples of 3")
    parser.add_argument("--contenders", nargs="+", choices=harness.CONTENDERS)
    parser.add_argument("--rounds", type=int, help="paired rounds")
    parser.add_argument("--block", type=float, help="seconds of one contender's turn")
    parser.add_argument("--max-dof", type=float, default=1e7, help="leave out larger problems")
    parser.add_argument("--no-curves", action="store_true", help="leave out the cost law")
    parser.add_argument("--no-memory", action="store_true", help="leave out peak memory")
    parser.add_argument("--no-pin", action="store_true", help="do not bind to one core")
    parser.add_argument("--out", type=Path, help="files to write, without suffix")
    options = parser.parse_args(argv)
    quick = options.quick
    options.sizes = options.sizes or (SIZES[:2] if quick else SIZES)
    options.replicas = options.replicas or ((3,) if quick else REPLICAS)
    options.rounds = options.rounds or (5 if quick else 11)
    options.block = options.block or (0.08 if quick else 0.3)
    options.no_curves |= quick
    return options


def available(names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Contenders that import, and why the others do not."""
    there, missing = [], {}
    for name in names:
        try:
            reason = getattr(harness.load(name), "unavailable", lambda: None)()
        except ModuleNotFoundError as error:
            reason = str(error)
        if reason is None:
            there.append(name)
        else:
            missing[name] = reason
    return there, missing


def sweep(options: argparse.Namespace, names: Sequence[str]) -> list[dict[str, Any]]:
    """All sizes and replica numbers."""
    rows = []
    for M, N, L in options.sizes:
        for replicas in options.replicas:
            problem = Problem.random(M, N, L, replicas=replicas)
            if problem.size * replicas > options.max_dof:
                note(f"left out {M}x{N}x{L}, R = {replicas}: more than --max-dof")
                continue
            note(f"{M}x{N}x{L}, R = {replicas}: {problem.size * replicas:,} variables")
            results = harness.measure(problem, names, rounds=options.rounds, block=options.block)
            rows.append({"M": M, "N": N, "L": L, "R": replicas, "results": results})
    return rows


def curves(names: Sequence[str]) -> list[dict[str, Any]]:
    """Cost of a step against M, N, L and R, one at a time."""
    points = []
    for axis, values in CURVES.items():
        for value in values:
            k = {**CURVE_BASE, axis: value}
            note(f"curve {axis} = {value}")
            problem = Problem.random(k["M"], k["N"], k["L"], replicas=k["R"])
            timed = harness.measure(problem, names, rounds=5, block=0.1)
            seconds = {n: timed[n]["seconds_per_replica_step"] * k["R"] for n in names}
            points.append({"axis": axis, "value": value, "seconds_per_step": seconds})
    return points


def exponent(points: Sequence[dict[str, Any]], axis: str, name: str) -> float:
    """Slope of log seconds against log value over the upper half of a curve."""
    line = [(p["value"], p["seconds_per_step"][name]) for p in points if p["axis"] == axis]
    (x0, y0), (x1, y1) = line[len(line) // 2 - 1], line[-1]
    return math.log(y1 / y0) / math.log(x1 / x0)


def memory(options: argparse.Namespace, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Peak memory at three million variables (quick: a third of a million)."""
    problem = Problem.random(250 if options.quick else 2000, 10, 10, replicas=12)
    if not options.quick:
        problem = Problem.random(2000, 10, 10, replicas=18)
    results = {}
    for name in names:
        note(f"memory of {name}")
        results[name] = harness.peak_memory(name, problem)
    return results


def checks(row: dict[str, Any]) -> list[tuple[str, float]]:
    """Work out the ratios that the package is judged by: medians of the rounds' ratios."""
    r = {k: np.array(v["rounds"]) for k, v in row["results"].items()}
    part = ": energy and forces"
    quotients = [
        ("torch-loop / ours", ["torch-loop"], ["ours"]),
        ("jax-md / ours", ["jax-md"], ["ours"]),
        ("torch-batched / ours", ["torch-batched"], ["ours"]),
        ("ours / (openmm-bare + our energy and forces)", ["ours"], ["openmm-bare", "ours" + part]),
        (
            "in turns / (openmm-bare + our energy and forces)",
            [harness.IN_TURNS],
            ["openmm-bare", "ours" + part],
        ),
        ("energy and forces, ours / torch-batched", ["ours" + part], ["torch-batched" + part]),
    ]
    return [
        (label, float(np.median(sum(r[k] for k in top) / sum(r[k] for k in bottom))))
        for label, top, bottom in quotients
        if {*top, *bottom} <= r.keys()
    ]


def markdown(report: dict[str, Any]) -> str:
    m = report["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in m["versions"].items())
    lines = [
        f"{m['cpu']} ({', '.join(m['simd'])}), {m['cores']} cores, one thread"
        f"{' pinned to one core' if report['pinned'] else ''}; {m['system']}; {versions}.",
        f"Load average at the start {m['load']:.2f}. {report['date']}.",
    ]
    lines += [f"Not run: {name} ({why})." for name, why in report["missing"].items()]
    for row in report["steps"]:
        lines += [
            "",
            f"### M = {row['M']}, N = {row['N']}, L = {row['L']}, R = {row['R']}",
            "",
            "| | ms per replica-step | replica-steps/s | time / ours (quartiles) | set-up s |",
            "|---|---:|---:|---:|---:|",
        ]
        for name, r in row["results"].items():
            ratio = "-"
            if "ratio" in r:
                ratio = f"{r['ratio']:.2f} ({r['ratio_low']:.2f}-{r['ratio_high']:.2f})"
            lines.append(
                f"| {name} | {1e3 * r['seconds_per_replica_step']:.4g} "
                f"| {r['replica_steps_per_second']:.4g} | {ratio} "
                f"| {format(r['setup_seconds'], '.2f') if 'setup_seconds' in r else '-'} |"
            )
        lines += ["", *[f"- {label}: {value:.2f}" for label, value in checks(row)]]
    if report["memory"]:
        lines += ["", "| | peak bytes per variable | variables |", "|---|---:|---:|"]
        lines += [
            f"| {name} | {r['bytes_per_dof']:.0f} | {r['dof']:,} |"
            for name, r in report["memory"].items()
        ]
    if report["curves"]:
        names = list(report["curves"][0]["seconds_per_step"])
        lines += ["", f"Milliseconds per step from {CURVE_BASE}, one number varied:", ""]
        lines += [f"| | | {' | '.join(names)} |", "|---|---:|" + "---:|" * len(names)]
        for axis in CURVES:
            for point in (p for p in report["curves"] if p["axis"] == axis):
                cells = [f"{1e3 * point['seconds_per_step'][n]:.4g}" for n in names]
                lines.append(f"| {axis} | {point['value']} | {' | '.join(cells)} |")
            cells = [f"{exponent(report['curves'], axis, n):.2f}" for n in names]
            lines.append(f"| {axis} | exponent | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(argv)
    described = harness.machine()
    core = harness.one_thread(pin=not options.no_pin)
    names, missing = available(options.contenders or list(harness.CONTENDERS))
    for name, why in missing.items():
        note(f"not run: {name} ({why})")
    report = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": described,
        "pinned": core is not None,
        "missing": missing,
        "steps": sweep(options, names),
        "memory": {} if options.no_memory else memory(options, names),
        "curves": [] if options.no_curves else curves(names),
    }
    stem = options.out or RESULTS / f"bench-{report['date'][:19].replace(':', '')}"
    stem.parent.mkdir(parents=True, exist_ok=True)
    table = markdown(report)
    stem.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    stem.with_suffix(".md").write_text(table)
    print(table)
    note(f"written to {stem}.json and .md")


if __name__ == "__main__":
    main()
