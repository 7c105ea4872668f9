"""The effective model as a table, and as files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from openmm_thermalnet.files import write_json

EFFECTIVE = "effective.json"

_COLUMNS = (
    ("N", 5),
    ("frozen", 7),
    ("|m|", 13),
    ("overlap", 15),
    ("rms C", 15),
    ("noise", 7),
    ("s alone", 15),
    ("I pairs", 15),
    ("s model", 8),
    ("states", 7),
    ("jump", 5),
)


def table_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Lines of the table: a heading for every ensemble and gauge, a line for every block.

    Parameters
    ----------
    result : mapping
        As `describe` returns it.
    """
    for ensemble in result["ensembles"]:
        reached = ensemble["accuracy"]
        told = f", test accuracy {reached['kept_mean']:.3f}" if reached else ""
        for gauge, blocks in ensemble["gauges"].items():
            yield (
                f"{ensemble['source']}, {gauge}: {ensemble['kept']} of {ensemble['runs']} runs, "
                f"{ensemble['samples']} samples, {ensemble['frames']} frames{told}"
            )
            wide = max([5, *(len(block["name"]) for block in blocks)])
            yield " ".join(["block".ljust(wide), *(name.rjust(size) for name, size in _COLUMNS)])
            for block in blocks:
                cells = _cells(block)
                yield " ".join(
                    [
                        block["name"].ljust(wide),
                        *(c.rjust(size) for c, (_, size) in zip(cells, _COLUMNS, strict=True)),
                    ]
                )
    yield "C: connected correlations without noise; s: nats per weight, ln 2 = 0.6931;"
    yield "alone: one by one; I pairs: information of all pairs without noise; model: of the fit"


def _cells(block: Mapping[str, Any]) -> list[str]:
    fit, jumps = block["fit"], [found["hysteresis"] for found in block["landscapes"]]
    jump = "-"
    if jumps:
        whole = all(found is not None and found["missing"] == 0 for found in jumps)
        seen = any(found is not None and found["first_order"] for found in jumps)
        jump = "yes" if seen else ("no" if whole else "?")
    model = None if fit is None else fit["entropy"]
    return [
        str(block["weights"]),
        f"{block['frozen']:.2f}",
        _value(block["magnetisation"], 3),
        _value(block["overlap"], 4),
        _value(block["rms_excess"], 4),
        _number(block["null_rms_correlation"]["mean"], 4),
        _value(block["independent_entropy"], 4),
        _value(block["information"], 4),
        _number(model, 4),
        "-" if fit is None else ("one" if fit["unique"] else "several"),
        jump,
    ]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _value(found: Mapping[str, Any], digits: int) -> str:
    mean, error = found["mean"], found["error"]
    if mean is None or error is None:
        return _number(mean, digits)
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def write_effective(result: Mapping[str, Any], directory: Path) -> Path:
    """Write effective.json and the figures into a directory, each file whole or not at all.

    Returns
    -------
    Path
        Of effective.json.
    """
    from openmm_thermalnet.plotting.effective import draw_effective
    from openmm_thermalnet.plotting.figures import save_figure

    directory.mkdir(parents=True, exist_ok=True)
    figures = directory / "figures"
    figures.mkdir(exist_ok=True)
    for drawing in draw_effective(result):
        save_figure(drawing.figure, figures / drawing.name)
    write_json(directory / EFFECTIVE, result)
    return directory / EFFECTIVE
