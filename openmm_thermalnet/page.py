"""A self-contained HTML page: text, tables, and figures that are files as well."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from openmm_thermalnet.files import check_name, write_atomically
from openmm_thermalnet.plotting import Drawing, save_figure

FIGURES, REPORT = "figures", "report.html"

_CSS = """
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b;
       font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.9rem 0.15rem 0; text-align: left; vertical-align: top; }
thead th { border-bottom: 1px solid #888; font-weight: 600; }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; }
figcaption { color: #444; max-width: 48rem; }
.columns { display: flex; flex-wrap: wrap; gap: 0 3rem; }
.note { border-left: 3px solid #b5472f; padding-left: 0.8rem; }
"""


def write_page(
    directory: Path,
    kind: str,
    notes: Iterable[str],
    sections: Iterable[str],
    drawings: Iterable[Drawing],
    closing: Iterable[str],
) -> Path:
    """Save figures into `figures/` and write `report.html` with everything on it.

    Parameters
    ----------
    directory : Path
        Where they go; its name is part of the title.
    kind : str
        What the page is about, before that name.
    notes : iterable of str
        Text of the remarks under the title.
    sections, closing : iterable of str
        HTML before and after the figures.
    drawings : iterable of Drawing
        The figures, taken one at a time.

    Returns
    -------
    Path
        Of the page.
    """
    target = directory / FIGURES
    target.mkdir(exist_ok=True)
    figures = []
    for drawing in drawings:
        # Names hold what was read from files, such as waiting times.
        name = check_name(drawing.name, directory)
        image = base64.b64encode(save_figure(drawing.figure, target / name)).decode()
        caption = html.escape(drawing.caption)
        figures.append(
            f'<figure id="{name}"><img alt="{caption}" '
            f'src="data:image/png;base64,{image}"><figcaption>{caption}</figcaption></figure>'
        )
    title = html.escape(directory.resolve().name)
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        f"<style>{_CSS}</style></head><body>",
        f"<h1>{kind}: {title}</h1>",
        *(f'<p class="note">{html.escape(note)}</p>' for note in notes),
        *sections,
        *(["<h2>Figures</h2>", *figures] if figures else ()),
        *closing,
        "</body></html>",
    ]
    path = directory / REPORT
    write_atomically(path, "\n".join(parts).encode())
    return path


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """HTML table of text; everything is escaped."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    top = f"<thead><tr>{head}</tr></thead>" if heads else ""
    return f"<table>{top}<tbody>{body}</tbody></table>"


def columns(tables: dict[str, dict[str, Any]]) -> str:
    """HTML of tables of names and values, side by side under their titles."""
    parts = []
    for title, values in tables.items():
        rows = [[name, as_text(value)] for name, value in values.items()]
        parts.append(f"<div><h3>{title}</h3>{table((), rows)}</div>")
    return f'<div class="columns">{"".join(parts)}</div>'


def as_text(value: Any) -> str:
    """A value for a reader: lists with spaces, nothing as a dash."""
    if isinstance(value, list):
        return " ".join(map(as_text, value))
    return "–" if value is None else str(value)


def with_error(mean: float | None, error: float | None) -> str:
    """A number with its standard error, both to the digits that the error has."""
    if mean is None:
        return "undefined"
    if not error:
        return f"{mean:.3f}"
    digits = max(3, -math.floor(math.log10(error)))
    return f"{mean:.{digits}f} ± {error:.{digits}f}"
