"""The Ising model of a network: ising."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from openmm_thermalnet.cli.application import app
from openmm_thermalnet.errors import InputError


@app.command()
def ising(
    source: Annotated[
        Path,
        typer.Argument(help="directory of a run, a .safetensors file, or a torch state_dict"),
    ],
    out: Annotated[Path, typer.Option("--out", help="directory for ising.json and figures")],
    bins: Annotated[int, typer.Option("--bins", help="bins of energy")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="of everything")] = 0,
    replica: Annotated[int, typer.Option("--replica", help="which replica of a run")] = 0,
    frame: Annotated[int, typer.Option("--frame", help="of a run, counted as in a list")] = -1,
    step: Annotated[
        int | None, typer.Option("--step", help="of a run: the last frame at or before it")
    ] = None,
    waiting_time: Annotated[
        int | None, typer.Option("--waiting-time", help="the copies made at this step")
    ] = None,
    layers: Annotated[
        int | None, typer.Option("--layers", help="only the first layers of weights")
    ] = None,
    permute: Annotated[
        float, typer.Option("--permute", help="fraction of all weights to permute before")
    ] = 0.0,
    windows: Annotated[int, typer.Option("--windows", help="overlapping energy windows")] = 1,
    walkers: Annotated[int, typer.Option("--walkers", help="independent ones, for errors")] = 4,
    processes: Annotated[
        int | None,
        typer.Option("--processes", help="to spread walkers over [default: one per core]"),
    ] = None,
    log_f_final: Annotated[
        float, typer.Option("--log-f-final", help="ln f at which a walker is finished")
    ] = 1e-8,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", help="error of ln g to stop at [default: 2e-4 per spin]"),
    ] = None,
    reach: Annotated[
        float, typer.Option("--reach", help="part of the ground state's energy to reach")
    ] = 1.0,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="sample E < 0 only; the other half is its image")
    ] = False,
    max_steps: Annotated[
        int, typer.Option("--max-steps", help="flips attempted by a walker at most")
    ] = 5_000_000_000,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="replace a result that is there")
    ] = False,
) -> None:
    """Density of states of a network as an Ising model. Its width, specific heat and T_c."""
    if (out / "ising.json").exists() and not overwrite:
        raise InputError(f"{out} has an ising.json already; give --overwrite or another --out")
    from openmm_thermalnet.analyze.ising import ISING, analyze_ising, summary_lines
    from openmm_thermalnet.analyze.plain import as_text
    from openmm_thermalnet.files import write_atomically
    from openmm_thermalnet.plotting import draw_ising_figures, save_figure
    from openmm_thermalnet.progress import Progress, StopRequest
    from openmm_thermalnet.weights import load_weights

    weights = load_weights(source, frame, step=step, waiting_time=waiting_time)
    sampling = {
        "bins": bins,
        "seed": seed,
        "log_f_final": log_f_final,
        "windows": windows,
        "walkers": walkers,
        "tolerance": tolerance,
        "reach": reach,
        "mirrored": mirrored,
        "max_steps": max_steps,
        "processes": min(walkers, os.cpu_count() or 1) if processes is None else processes,
    }
    with StopRequest() as stop, Progress() as progress:
        result = analyze_ising(weights, replica, permute, layers, sampling, progress, stop)
        stopped = stop()
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / ISING, as_text(result).encode() + b"\n")
    for drawing in draw_ising_figures(result):
        save_figure(drawing.figure, out / drawing.name)
    for line in summary_lines(result):
        print(line)
    print(f"{out / ISING} and figures are written")
    if stopped:
        raise typer.Exit(130)
