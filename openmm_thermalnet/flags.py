"""Command-line flags made from a configuration model, so that each is written down once.

Flags are read as text and left to the model to check, so that a value of the wrong type is refused
in the same words from the command line and from a file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast, get_args, get_origin

import typer
from pydantic import BaseModel

_PLAIN = (bool, int, float, str, Path)


def with_flags(
    model: type[BaseModel], without: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a flag for every field of `model` but `without` to a typer command (decorator).

    The command gets the flags that were given, and only those, as a dict named `flags`, under the
    names of the model; its own parameters come first on the command line's help.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(command, eval_str=True).parameters.values()
            if parameter.name != "flags"
        ]
        fields = {k: field for k, field in model.model_fields.items() if k not in without}
        parameters = [*own, *(_parameter(name, model) for name in fields)]

        def call(**values: Any) -> None:
            kept = {parameter.name: values[parameter.name] for parameter in own}
            flags = {
                field.alias or name: values[name]
                for name, field in fields.items()
                if values[name] is not None
            }
            command(**kept, flags=flags)

        call.__name__ = command.__name__
        call.__doc__ = command.__doc__
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        return call

    return decorate


def _parameter(name: str, model: type[BaseModel]) -> inspect.Parameter:
    """Optional keyword parameter of a field: None means the flag was not given."""
    field = model.model_fields[name]
    kind = _plain_type(field.annotation)
    read = bool if kind is bool else str
    flag = f"--{field.alias or name}"
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
        help=f"{field.description}{_shown_default(field.default)}",
        show_default=False,
        metavar=None if kind is bool else _metavar(kind),
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[read | None, option],
    )


def _shown_default(default: Any) -> str:
    """What the help says of a default, if there is something to say."""
    if default is None or default is False or default == ():
        return ""
    text = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
    return f" [default: {text}]"


def _plain_type(annotation: Any) -> type:
    """Type that the help shows: the field's own where it is a plain one, else text."""
    if annotation in _PLAIN:
        return cast("type", annotation)
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    if get_origin(annotation) is not tuple and len(arguments) == 1 and arguments[0] in _PLAIN:
        return cast("type", arguments[0])
    return str


def _metavar(kind: type) -> str:
    return {int: "INTEGER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")
