"""The command that scans a parameter of feed-forward networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from openmm_thermalnet.cli.application import ConfigFile, app
from openmm_thermalnet.config import check_values, read_toml
from openmm_thermalnet.flags import with_flags
from openmm_thermalnet.scans.config import ScanConfig


@app.command()
@with_flags(ScanConfig, without=("kind",))
def scan(
    kind: Annotated[str, typer.Argument(help="trivialisation or jamming")],
    out: Annotated[Path, typer.Option("--out", help="directory of the scan")],
    config: ConfigFile = None,
    *,
    flags: dict[str, Any],
) -> None:
    """Train feed-forward networks at many weight decays or widths. Repeat to go on."""
    values = {**({} if config is None else read_toml(config)), **flags, "kind": kind}
    settings = check_values(ScanConfig, values, "scan")
    from openmm_thermalnet.progress import Progress, StopRequest
    from openmm_thermalnet.protocols import Interrupted
    from openmm_thermalnet.scans.scan import open_scan
    from openmm_thermalnet.scans.summary import write_summary

    opened = open_scan(settings, out)
    with StopRequest() as stop, Progress() as progress:
        try:
            opened.execute(progress, stop)
        except Interrupted:
            progress.say("stopped; repeat the command to go on")
            raise typer.Exit(130) from None
    for line in write_summary(out):
        print(line)
