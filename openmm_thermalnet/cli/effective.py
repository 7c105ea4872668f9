"""Commands on binary weights: ensemble trains them, effective fits the model of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from openmm_thermalnet.cli.application import app, say
from openmm_thermalnet.config import check_values
from openmm_thermalnet.ensembles.options import EffectiveOptions
from openmm_thermalnet.ensembles.settings import TrainingSettings
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.flags import with_flags


@app.command()
@with_flags(TrainingSettings)
def ensemble(
    out: Annotated[Path, typer.Option("--out", help="file.safetensors; repeat to go on with it")],
    threads: Annotated[int, typer.Option("--threads", min=1, help="threads of torch")] = 1,
    *,
    flags: dict[str, Any],
) -> None:
    """Train many networks with binary weights. One configuration of each goes to a file."""
    settings = check_values(TrainingSettings, flags, "ensemble")
    import torch

    from openmm_thermalnet.ensembles.training import train_ensemble
    from openmm_thermalnet.progress import Progress, StopRequest

    torch.set_num_threads(threads)
    with StopRequest() as stop, Progress() as progress:
        trained = train_ensemble(settings, out, progress, stop)
    if trained.runs < settings.runs:
        say(f"stopped at {trained.runs} of {settings.runs} runs; repeat the command to go on")
        raise typer.Exit(130)
    if trained.accuracy is not None:
        low, high = trained.accuracy.min(), trained.accuracy.max()
        print(
            f"{trained.runs} networks, test accuracy {trained.accuracy.mean():.3f} on average, "
            f"{low:.3f} to {high:.3f}"
        )
    print(f"{out} is complete; next: thermalnet effective {out} --out DIRECTORY")


@app.command()
@with_flags(EffectiveOptions)
def effective(
    sources: Annotated[
        list[str],
        typer.Argument(help="files of thermalnet ensemble, runs, or .npz files of +1 and -1"),
    ],
    out: Annotated[Path, typer.Option("--out", help="directory of the results")],
    waiting_time: Annotated[
        int | None, typer.Option("--waiting-time", help="of runs [default: the longest]")
    ] = None,
    after: Annotated[
        int, typer.Option("--after", min=0, help="of runs: frames from this step on")
    ] = 0,
    *,
    flags: dict[str, Any],
) -> None:
    """Fit the effective model of binary weights. Table, effective.json and figures."""
    options = check_values(EffectiveOptions, flags, "effective")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is no directory; give another --out")
    from openmm_thermalnet.ensembles.description import describe
    from openmm_thermalnet.ensembles.sources import load_ensemble
    from openmm_thermalnet.ensembles.tables import table_lines, write_effective

    loaded = [
        load_ensemble(source, waiting_time=waiting_time, after=after)
        if Path(source).is_dir()
        else load_ensemble(source)
        for source in sources
    ]
    result = describe(loaded, options, say)
    print(*table_lines(result), sep="\n")
    print(f"{write_effective(result, out)} and figures are written")
