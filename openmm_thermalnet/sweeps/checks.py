"""Everything that can be wrong with a point, found before any work starts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from openmm_thermalnet.config import RunConfig
from openmm_thermalnet.datasets import Dataset
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.forces import resolve_binding
from openmm_thermalnet.integrators import find_platform
from openmm_thermalnet.protocols import setup
from openmm_thermalnet.sweeps.points import Point, Sweep

_DATA = {
    *("dataset", "source", "components", "digits", "groups", "input_width", "output_width"),
    *("patterns", "test_patterns", "seed", "data_seed"),
}


def check_points(sweep: Sweep, here: bool) -> Sweep:
    """Make dataset, network and integrator of every point once.

    Parameters
    ----------
    sweep : Sweep
        Its points are valid in themselves.
    here : bool
        Whether they run on this machine, so that platform and binding must be here too.

    Returns
    -------
    Sweep
        The same, with absolute paths.

    Raises
    ------
    InputError
        In one line, which names the point.
    """
    made: tuple[Any, Dataset] | None = None
    points = []
    for point in sweep.points:
        config = setup.with_absolute_paths(sweep.config(point))
        fields = _DATA | ({"width", "depth"} if config.dataset == "teacher" else set())
        data = config.model_dump(include=fields)
        try:
            if made is None or made[0] != data:
                made = data, setup.build_dataset(config)
            _check(config, made[1], here)
        except InputError as error:
            raise InputError(f"point {point.name}: {error}") from None
        plain = config.as_json()
        points.append(Point(point.name, {name: plain[name] for name in sweep.varied}))
        run = {name: plain[name] for name in sweep.run}
    return replace(sweep, run=run, points=tuple(points))


def _check(config: RunConfig, dataset: Dataset, here: bool) -> None:
    net, _ = setup.assemble(config, dataset)
    if config.start_from is not None:
        setup.first_start(config, net)
    if here:
        find_platform(config.platform, config.threads)
        resolve_binding(config.force, net.nativeLacks)
