"""Commands on one run: run, resume, analyze, plot, info."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from openmm_thermalnet.cli.application import ConfigFile, app, say
from openmm_thermalnet.config import RunConfig, make_config, read_toml
from openmm_thermalnet.flags import with_flags


@app.command()
@with_flags(RunConfig)
def run(
    out: Annotated[Path, typer.Option("--out", help="directory of the run")],
    config: ConfigFile = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="replace a run that is there")
    ] = False,
    *,
    flags: dict[str, Any],
) -> None:
    """Train a network by molecular dynamics. Copies made at waiting times are followed."""
    values = {**({} if config is None else read_toml(config)), **flags}
    settings = make_config(values)
    from openmm_thermalnet.protocols import create_run

    _execute(create_run(settings, out, overwrite))


@app.command()
def resume(
    directory: Annotated[Path, typer.Argument(help="directory of a run")],
) -> None:
    """Go on with a run that was interrupted, from its last good state."""
    from openmm_thermalnet.protocols import open_run

    _execute(open_run(directory, say))


@app.command()
def analyze(
    directory: Annotated[Path, typer.Argument(help="directory of a run, finished or not")],
    overlap_divisor: Annotated[
        float,
        typer.Option(
            "--overlap-divisor",
            help="feedforward: a weight has moved beyond its deviation over this",
        ),
    ] = 500.0,
) -> None:
    """Compute every observable of a run. They go to its analysis.json."""
    from openmm_thermalnet.analyze import ANALYSIS, analyze_run
    from openmm_thermalnet.report import summary_lines

    analysis = analyze_run(directory, say, overlap_divisor)
    for line in summary_lines(analysis):
        print(line)
    print(f"{directory / ANALYSIS} is written")


@app.command()
def plot(
    directory: Annotated[Path, typer.Argument(help="directory of a run or sweep, finished or not")],
) -> None:
    """Draw the figures of a run or a sweep and its report.html. Analyses it first if need be."""
    from openmm_thermalnet.sweeps.directory import SWEEP

    if (directory / SWEEP).exists():
        from openmm_thermalnet.sweep_report import write_sweep_report

        print(f"{write_sweep_report(directory, say)}, tables and figures are written")
        return
    from openmm_thermalnet.analyze import analyze_run, current_analysis
    from openmm_thermalnet.report import write_report

    analysis = current_analysis(directory) or analyze_run(directory, say)
    print(f"{write_report(analysis, directory)} and figures are written")


@app.command()
@with_flags(RunConfig)
def info(
    config: ConfigFile = None,
    *,
    flags: dict[str, Any],
) -> None:
    """Show what a run would be. Sizes, binding, platforms and versions."""
    settings = make_config({**({} if config is None else read_toml(config)), **flags})
    import openmm

    from openmm_thermalnet.integrators import find_platform
    from openmm_thermalnet.protocols import setup

    find_platform(settings.platform, settings.threads)
    net = setup.build_network(settings, setup.build_dataset(settings))
    described = net.info(settings.force)  # type: ignore[arg-type]
    rows = {name.replace("_", " "): value for name, value in described.items()}
    rows.update({k: " ".join(map(str, v)) for k, v in rows.items() if isinstance(v, list)})
    rows["threads"] = settings.threads
    rows["platforms"] = " ".join(
        openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())
    )
    rows.update({f"version of {name}": number for name, number in setup.versions().items()})
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:{width}}  {value}")


def _execute(run_to_execute: Any) -> None:
    """Execute a run with progress; Ctrl-C ends it with what was computed kept."""
    from openmm_thermalnet.progress import Progress, StopRequest
    from openmm_thermalnet.protocols import Interrupted

    directory = run_to_execute.directory
    with StopRequest() as stop, Progress() as progress:
        try:
            run_to_execute.execute(progress, stop, progress.say)
        except Interrupted:
            progress.say(f"stopped; go on with: thermalnet resume {directory}")
            raise typer.Exit(130) from None
    _summarise(directory)
    print(f"{directory} is complete")


def _summarise(directory: Path) -> None:
    """Print where the quench ended, averaged over samples."""
    from openmm_thermalnet.results import load

    with load(directory) as result:
        table = result.quench.thermo
        last = table[table["step"] == table["step"].max()]
        feedforward = result.config.model == "feedforward"
        shown = (
            f"L = {last['energy'].mean():.3g}, train accuracy {last['train_accuracy'].mean():.3f}"
            if feedforward
            else f"E/E(0) = {last['energy_ratio'].mean():.2g}"
        )
        parts = [f"step {last['step'][0]}: {shown}"]
        if result.config.test_patterns and feedforward:
            parts.append(f"test accuracy {last['test_accuracy'].mean():.3f}")
        elif result.config.test_patterns:
            tanh, sign = last["test_tanh"].mean(), last["test_sign"].mean()
            parts.append(f"test accuracy {tanh:.3f} (tanh), {sign:.3f} (sign)")
        print(", ".join(parts))
