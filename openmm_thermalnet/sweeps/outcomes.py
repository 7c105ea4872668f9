"""What the points of a sweep have come to: their states, and their numbers sample by sample."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from openmm_thermalnet.analysis import SolidDepth, compute_solid_depth
from openmm_thermalnet.analyze.thermodynamics import ACCURACIES as ACCURACIES
from openmm_thermalnet.config import RunConfig
from openmm_thermalnet.equilibrium import thermal_floor

State = Literal["finished", "unfinished", "failed", "missing"]

LATE = ("energy", "energy_ratio", "energy_over_floor", *ACCURACIES)


@dataclass(frozen=True)
class Copies:
    """The copies of one waiting time.

    Attributes
    ----------
    waiting_time : int
        t_w in steps.
    last_step : int
        t*, steps since t_w.
    q_star : ndarray, shape (L - 1, n_samples), or None
        Late replica correlation of the hidden layers in each sample; None without pairs.
    """

    waiting_time: int
    last_step: int
    q_star: NDArray[np.float64] | None

    @property
    def profile(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean of q_star over samples and its standard error, each (L - 1,)."""
        if self.q_star is None:
            raise ValueError("copies without pairs have no profile")
        n_samples = self.q_star.shape[1]
        if n_samples < 2:
            return self.q_star.mean(axis=1), np.full(len(self.q_star), np.nan)
        spread = self.q_star.std(axis=1, ddof=1)
        return self.q_star.mean(axis=1), spread / math.sqrt(n_samples)


@dataclass(frozen=True)
class Outcome:
    """One point of a sweep, or several that differ in their seed alone.

    Attributes
    ----------
    name : str
        Of the point, and of its directory.
    values : dict
        Its varied parameters under the names of their flags.
    config : RunConfig
        All of its parameters.
    state : {"finished", "unfinished", "failed", "missing"}
        Of its run; of several, "finished" if one is.
    error : str
        Why it failed, else empty.
    points, finished : int
        Number of points, and of those with a result.
    late_stage : str or None
        Where late averages come from: the copies of the last waiting time, else the quench.
    late : dict of str to ndarray, shape (n_samples,)
        Late averages of each sample under the names of `LATE`; what was not measured is missing.
    copies : tuple of Copies
        One for each waiting time.
    """

    name: str
    values: Mapping[str, Any]
    config: RunConfig
    state: State
    error: str = ""
    points: int = 1
    finished: int = 0
    late_stage: str | None = None
    late: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    copies: tuple[Copies, ...] = ()

    @property
    def ln_alpha(self) -> float:
        """Logarithm of the storage ratio M / N."""
        return math.log(self.config.patterns / self.config.width)

    @property
    def samples(self) -> int:
        """Number of samples with a result."""
        return self.finished * self.config.samples

    @property
    def last(self) -> Copies | None:
        """The copies of the last waiting time, if they have pairs."""
        return self.copies[-1] if self.copies and self.copies[-1].q_star is not None else None

    @property
    def solid_depth(self) -> SolidDepth | None:
        """Solid depth after the last waiting time."""
        return None if self.last is None else compute_solid_depth(self.last.q_star)  # type: ignore[arg-type]

    def late_average(self, name: str) -> tuple[float, float]:
        """Mean over samples of a late average, and its standard error; nan where unknown."""
        values = self.late.get(name)
        if values is None:
            return math.nan, math.nan
        error = values.std(ddof=1) / math.sqrt(values.size) if values.size > 1 else math.nan
        return float(values.mean()), float(error)


def measure(point: Outcome, analysis: Mapping[str, Any]) -> Outcome:
    """The point with what the analysis of its run says.

    Parameters
    ----------
    point : Outcome
        With its name, values and configuration.
    analysis : mapping
        As `analyze_run` returns it.
    """
    if point.config.model == "feedforward":  # a run without layers of spins
        return replace(point, state="finished", error="", finished=1)
    follows = analysis["waiting_times"]
    copies = tuple(
        Copies(
            int(waiting_time),
            int(follow["steps"][-1]),
            None
            if follow["q_star_per_sample"] is None
            else np.array(follow["q_star_per_sample"], dtype=np.float64),
        )
        for waiting_time, follow in follows.items()
    )
    stage = analysis["quench"] if not follows else list(follows.values())[-1]
    found = stage["thermodynamics"]["late"] or {}
    late = {
        name: np.array(values["per_sample"], dtype=np.float64)
        for name, values in found.items()
        if name in LATE and values is not None
    }
    if "energy" in late and point.config.energy == "norm":
        late["energy_over_floor"] = late["energy"] / thermal_floor(analysis)
    return replace(
        point,
        state="finished",
        error="",
        finished=1,
        late_stage=f"tw-{copies[-1].waiting_time}" if copies else "quench",
        late=late,
        copies=copies,
    )


def merge_seeds(points: Sequence[Outcome]) -> list[Outcome]:
    """Points that differ only in their seed as one, with all of their samples.

    Parameters
    ----------
    points : sequence of Outcome
        In any state; those without a result add no samples.

    Returns
    -------
    list of Outcome
        In the order of their first points; a point that is alone is itself.
    """
    groups: dict[str, list[Outcome]] = {}
    for point in points:
        key = point.config.model_copy(update={"seed": 0}).model_dump_json()
        groups.setdefault(key, []).append(point)
    return [group[0] if len(group) == 1 else _merge(group) for group in groups.values()]


def _merge(group: Sequence[Outcome]) -> Outcome:
    done = [point for point in group if point.state == "finished"]
    first = done[0] if done else group[0]
    values = {name: value for name, value in first.values.items() if name != "seed"}
    merged = replace(
        first,
        name="-".join(f"{name}-{value}" for name, value in values.items()) or "all seeds",
        values=values,
        points=len(group),
        finished=len(done),
    )
    if not done:
        return merged
    common = set.intersection(*(set(point.late) for point in done))
    return replace(
        merged,
        late={
            name: np.concatenate([p.late[name] for p in done]) for name in LATE if name in common
        },
        copies=tuple(map(_join, zip(*(point.copies for point in done), strict=True))),
    )


def _join(same: Sequence[Copies]) -> Copies:
    """Copies of one waiting time in several runs."""
    overlaps = [copies.q_star for copies in same if copies.q_star is not None]
    whole = len(overlaps) == len(same)
    return replace(same[0], q_star=np.concatenate(overlaps, axis=1) if whole else None)
