"""The points of a sweep as a map: what is its axis, and what tells its panels apart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openmm_thermalnet.analysis import SolidDepthFit, compute_solid_depth_fit
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.sweeps.outcomes import Outcome, merge_seeds

LN_ALPHA = "ln alpha"

_RATIO = ("patterns", "width")  # what the storage ratio is made of
_UNITS = {"kT": "kJ/mol", "kT-start": "kJ/mol", "timestep": "ps"}


@dataclass(frozen=True)
class Series:
    """Cells that differ in the quantity of the axis alone.

    Attributes
    ----------
    values : dict
        What the cells share of the varied flags.
    cells : tuple of Outcome
        Ascending along the axis.
    positions : tuple of float
        Where they stand on it.
    fit : SolidDepthFit, str or None
        Line of the solid depth against ln alpha, or why there is none; None on another axis.
    """

    values: Mapping[str, Any]
    cells: tuple[Outcome, ...]
    positions: tuple[float, ...]
    fit: SolidDepthFit | str | None

    @property
    def label(self) -> str:
        """Its values in words; empty if it is the only one."""
        return ", ".join(f"{name} {value_text(value)}" for name, value in self.values.items())


@dataclass(frozen=True)
class SweepMap:
    """A sweep arranged for tables and figures.

    Attributes
    ----------
    axis : str
        "ln alpha" if the patterns or the width vary, else the first varied flag with numbers, else
        the first varied flag.
    ticks : tuple of str, or None
        Words at the positions 0, 1, ... of an axis without numbers.
    flags : tuple of str
        Varied flags besides the axis and the seed.
    series : tuple of Series
        One for each combination of their values.
    """

    axis: str
    ticks: tuple[str, ...] | None
    flags: tuple[str, ...]
    series: tuple[Series, ...]

    @property
    def cells(self) -> list[Outcome]:
        """All cells, series after series."""
        return [cell for series in self.series for cell in series.cells]

    @property
    def label(self) -> str:
        """Axis label, with its unit."""
        if self.axis == LN_ALPHA:
            return r"$\ln\,\alpha$,  $\alpha = M/N$"
        unit = _UNITS.get(self.axis)
        return self.axis if unit is None else f"{self.axis} ({unit})"


def arrange(points: Sequence[Outcome], varied: Sequence[str]) -> SweepMap:
    """Merge points that differ in their seed alone, and arrange the cells.

    Parameters
    ----------
    points : sequence of Outcome
        Of one sweep, in any state.
    varied : sequence of str
        Its varied flags.

    Returns
    -------
    SweepMap
    """
    cells = merge_seeds(points)
    differing = [
        name
        for name in varied
        if name != "seed" and len({_key(cell.values[name]) for cell in cells}) > 1
    ]
    chosen = _axis_flag(cells, differing)
    flags = tuple(name for name in differing if name != chosen)
    ticks = None
    if chosen is None or chosen in _RATIO:
        axis, places = LN_ALPHA, [cell.ln_alpha for cell in cells]
    else:
        axis, values = chosen, [cell.values[chosen] for cell in cells]
        if not _are_numbers(values):
            ticks = tuple(dict.fromkeys(map(value_text, values)))
            values = [ticks.index(value_text(value)) for value in values]
        places = list(map(float, values))
    groups: dict[str, list[tuple[float, Outcome]]] = {}
    for place, cell in zip(places, cells, strict=True):
        key = _key([cell.values[name] for name in flags])
        groups.setdefault(key, []).append((place, cell))
    series = tuple(_series(group, flags, axis) for group in groups.values())
    return SweepMap(axis, ticks, flags, series)


def _axis_flag(cells: Sequence[Outcome], differing: Sequence[str]) -> str | None:
    """The varied flag that becomes the axis, if any does."""
    numeric = [name for name in differing if _are_numbers([cell.values[name] for cell in cells])]
    candidates = [name for name in _RATIO if name in differing] + numeric + list(differing)
    return candidates[0] if candidates else None


def _series(group: Sequence[tuple[float, Outcome]], flags: Sequence[str], axis: str) -> Series:
    ordered = sorted(group, key=lambda placed: placed[0])
    cells = tuple(cell for _, cell in ordered)
    values = {name: cells[0].values[name] for name in flags}
    fit = _fit(cells) if axis == LN_ALPHA else None
    return Series(values, cells, tuple(place for place, _ in ordered), fit)


def _fit(cells: Sequence[Outcome]) -> SolidDepthFit | str | None:
    """Line through the solid depths of the cells that have one, or why there is none."""
    known = [(cell.ln_alpha, cell.solid_depth) for cell in cells if cell.solid_depth is not None]
    if not known:
        return "no point has replicas at a waiting time"
    try:
        return compute_solid_depth_fit(*map(list, zip(*known, strict=True)))
    except InputError as error:
        return str(error)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)


def _key(value: Any) -> str:
    """Text that is equal for equal values, which may be lists."""
    return json.dumps(value)


def value_text(value: Any) -> str:
    """A varied value in words, as the command line takes it."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(value_text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
