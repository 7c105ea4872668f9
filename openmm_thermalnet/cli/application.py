"""The application: what every command shares, and how errors end it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from openmm_thermalnet.errors import InputError, SimulationError
from openmm_thermalnet.version import __version__

app = typer.Typer(
    name="thermalnet",
    help="Neural networks as molecular systems: train them by molecular dynamics with OpenMM.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # it would cut long flags and take "[default: ...]" for markup
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_UsageError: Any = typer.BadParameter.__mro__[1]  # typer does not export it

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="TOML file with the same names; flags win")
]


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options before a command."""


def say(line: str) -> None:
    """Print one line for the user, apart from results."""
    print(line, file=sys.stderr)


def main() -> None:
    """Entry point: input errors are one line on stderr and exit status 2."""
    try:
        sys.exit(app(standalone_mode=False))
    except KeyboardInterrupt:  # while modules are imported
        sys.exit(130)
    except _UsageError as error:
        message = error.format_message()
        if "\n" in message:  # the help, where no command is given
            say(message)
        else:
            command = error.ctx.command_path if error.ctx else "thermalnet"
            say(f"thermalnet: {message.rstrip('.')}; see {command} --help")
        sys.exit(error.exit_code)
    except InputError as error:
        say(f"thermalnet: {error}")
        sys.exit(2)
    except (OSError, SimulationError) as error:
        say(f"thermalnet: {error}; what was computed is kept")
        sys.exit(1)
