"""From SWEEP.toml to the points of a sweep: which runs there are, and what they are called."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openmm_thermalnet.config import RunConfig, make_config, read_toml, recorded_config
from openmm_thermalnet.errors import InputError

MANY = 1_000_000
"""Points above which a sweep must be confirmed."""

_TABLES = ("run", "grid", "points", "cost", "analyze")
_LONGEST = 100  # characters of a point's name, which is that of a directory


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes
    ----------
    name : str
        Of its directory.
    values : dict
        Its varied parameters, as plain values under the names of the flags.
    """

    name: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """Runs that share some parameters and differ in others.

    Attributes
    ----------
    run : dict
        Parameters that all points share, as plain values under the names of the flags.
    varied : tuple of str
        Names of the others, in the order of the names of the points.
    points : tuple of Point
        The runs, at least one.
    analyze : bool
        Whether each run is analysed when it is finished.
    cost : dict
        Table `[cost]` of the file: rates of `sweeps.cost.Rates`, if any.
    """

    run: dict[str, Any]
    varied: tuple[str, ...]
    points: tuple[Point, ...]
    analyze: bool = True
    cost: dict[str, Any] | None = None

    def config(self, point: Point) -> RunConfig:
        """Configuration of one point."""
        return recorded_config({**self.run, **point.values})


def read_sweep(path: Path, confirm: Callable[[int], bool] = lambda count: False) -> Sweep:
    """Points of a TOML file with `[run]` and `[grid]` or `[[points]]`; every one is validated.

    Parameters
    ----------
    path : Path
        The file.
    confirm : callable
        Asked with their number whether more than a million points are meant.

    Raises
    ------
    InputError
        In one line: an unknown table or parameter (with the nearest known one), a value that does
        not fit, an empty grid, a parameter that is both fixed and varied, points that are the
        same run, or more than a million points that are not confirmed.
    """
    tables = read_toml(path)
    for name in tables:
        if name not in _TABLES:
            near = difflib.get_close_matches(name, _TABLES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(_TABLES)}"
            raise InputError(f"{path} has {name}, which is nothing of a sweep; {hint}")
    run = _table(path, tables, "run")
    if ("grid" in tables) == ("points" in tables):
        both = "both [grid] and [[points]]" if "grid" in tables else "neither [grid] nor [[points]]"
        raise InputError(f"{path} has {both}; give one of them")
    if "grid" in tables:
        varied, count, rows = _grid(path, _table(path, tables, "grid"))
    else:
        varied, count, rows = _listed(path, tables["points"])
    for name in (*run, *varied):
        if not _known(name):
            make_config({name: None})  # refuses it, and names the nearest
    for name in varied:
        if name in run:
            raise InputError(f"{name} is in [run] and varied too; take it out of [run]")
    if count > MANY and not confirm(count):
        raise InputError(f"{path} has {count:,} points; give --yes if that many are meant")
    analyze = tables.get("analyze", True)
    if not isinstance(analyze, bool):
        raise InputError(f"analyze is {analyze!r}; give true or false")
    return _sweep(run, varied, rows, analyze, _table(path, tables, "cost") or None)


def _table(path: Path, tables: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"{path} has {name} = {table!r}; make it a table, [{name}]")
    return {flag.replace("_", "-"): value for flag, value in table.items()}


def _grid(
    path: Path, grid: Mapping[str, Any]
) -> tuple[tuple[str, ...], int, Iterator[dict[str, Any]]]:
    """Names, number and rows of all combinations."""
    if not grid:
        raise InputError(f"[grid] of {path} is empty; give a list for each varied parameter")
    for name, values in grid.items():
        if not isinstance(values, list):
            raise InputError(f"{name} is {values!r} in [grid]; give a list, as in [{values!r}]")
        if not values:
            raise InputError(f"{name} has no values in [grid]; give some, or take it out")
        twice = [value for value, times in Counter(map(repr, values)).items() if times > 1]
        if twice:
            raise InputError(f"{name} has {twice[0]} twice in [grid]; give each value once")
    names = tuple(grid)
    rows = (dict(zip(names, row, strict=True)) for row in itertools.product(*grid.values()))
    return names, math.prod(map(len, grid.values())), rows


def _listed(path: Path, points: Any) -> tuple[tuple[str, ...], int, Iterator[dict[str, Any]]]:
    """Names, number and rows of an explicit list."""
    if not isinstance(points, list) or not all(isinstance(row, dict) for row in points):
        raise InputError(f"{path} has points that are no tables; begin each with [[points]]")
    rows = [{name.replace("_", "-"): value for name, value in row.items()} for row in points]
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise InputError(f"[[points]] of {path} are empty; give each what it varies")
    return names, len(rows), iter(rows)


def _known(name: str) -> bool:
    return any(name == (field.alias or key) for key, field in RunConfig.model_fields.items())


def _sweep(
    run: dict[str, Any],
    varied: tuple[str, ...],
    rows: Iterator[dict[str, Any]],
    analyze: bool,
    cost: dict[str, Any] | None,
) -> Sweep:
    """Validate every point, and give it its name."""
    points: list[Point] = []
    seen: dict[bytes, str] = {}
    names: set[str] = set()
    fixed: dict[str, Any] = {}
    for row in rows:
        try:
            config = make_config({**run, **row}).as_json()
        except InputError as error:
            raise InputError(f"point {_name(row)}: {error}" if row else str(error)) from None
        values = {name: config[name] for name in varied}
        fixed = {name: config[name] for name in run}
        digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).digest()
        name = _name(values)
        if digest in seen:
            raise InputError(f"point {name} is there twice (as {seen[digest]}); take one out")
        if len(name) > _LONGEST or name in names:
            name = f"{name[:_LONGEST]}-{digest.hex()[:10]}"
        seen[digest] = name
        names.add(name)
        points.append(Point(name, values))
    return Sweep(fixed, varied, tuple(points), analyze, cost)


def _name(values: Mapping[str, Any]) -> str:
    """Name of a point: its flags and values, as far as a directory's name can hold them."""
    return "-".join(f"{flag}-{_text(value)}" for flag, value in values.items())


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, list):
        return "+".join(map(_text, value)) or "none"
    return re.sub(r"[^A-Za-z0-9.+_-]", "_", str(value)) or "_"
