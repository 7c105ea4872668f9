"""Commands on many runs: sweep, sweep-status, sweep-calibrate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from openmm_thermalnet.cli.application import app, say
from openmm_thermalnet.errors import InputError


@app.command()
def sweep(
    file: Annotated[
        Path, typer.Argument(metavar="SWEEP.toml", help="[run], and [grid] or [[points]]")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="directory of the sweep")] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="address of a Dask scheduler [default: this machine]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="processes here [default: one per core]")
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", min=0, help="new tries for a point that fails")
    ] = 2,
    dashboard: Annotated[
        bool,
        typer.Option("--dashboard", help="serve Dask's dashboard to all users of this machine"),
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="only show what it would take, on 1 to 512 workers")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="more than a million points are meant")
    ] = False,
) -> None:
    """Run many runs on a Dask cluster. Call it again for what is missing."""
    from openmm_thermalnet.sweeps.points import read_sweep

    table = read_sweep(file, lambda count: yes or _confirmed(count))
    if plan:
        from openmm_thermalnet.sweeps.lines import plan_lines

        for line in plan_lines(table):
            print(line)
        return
    if out is None:
        raise InputError("no directory is given; name one with --out, or ask for a --plan")
    from openmm_thermalnet.progress import StopRequest
    from openmm_thermalnet.sweeps.display import SweepDisplay
    from openmm_thermalnet.sweeps.execute import execute_sweep

    with StopRequest() as stop, SweepDisplay(out) as display:
        summary = execute_sweep(table, out, display, stop, scheduler, workers, retries, dashboard)
    print(f"{summary.finished} of {summary.points} points of {out} are finished")
    if summary.interrupted:
        say("stopped; repeat the command to go on")
        raise typer.Exit(130)
    if summary.failed:
        say(f"points that failed: {len(summary.failed)}; see thermalnet sweep-status {out}")
        raise typer.Exit(1)


@app.command()
def sweep_status(
    directory: Annotated[Path, typer.Argument(help="directory of a sweep, running or not")],
) -> None:
    """Show how far a sweep and its points are. It may be running."""
    from openmm_thermalnet.sweeps.lines import status_lines

    for line in status_lines(directory):
        print(line)


@app.command()
def sweep_calibrate(
    platform: Annotated[str, typer.Option("--platform", help="OpenMM platform")] = "CPU",
    precision: Annotated[str, typer.Option("--precision", help="single or double")] = "single",
    threads: Annotated[int, typer.Option("--threads", min=1, help="threads of a run")] = 1,
) -> None:
    """Measure what this machine takes for a step. Prints a [cost] table for a sweep's file."""
    from openmm_thermalnet.sweeps.calibration import calibrate
    from openmm_thermalnet.sweeps.lines import rates_lines

    for line in rates_lines(*calibrate(platform, precision, threads)):
        print(line)


def _confirmed(count: int) -> bool:
    """Ask on a terminal; elsewhere nobody can answer."""
    return sys.stdin.isatty() and typer.confirm(f"{count:,} points: are that many meant?", err=True)
