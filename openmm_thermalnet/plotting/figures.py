"""All figures of a run, and how they become files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from openmm_thermalnet.files import write_atomically
from openmm_thermalnet.plotting.thermal import plot_layer_energies, plot_training


@dataclass(frozen=True)
class Drawing:
    """A figure with a name for its files and words for its caption."""

    name: str
    caption: str
    figure: Figure


def draw_figures(analysis: Mapping[str, Any]) -> Iterator[Drawing]:
    """Every figure that a run has data for, one at a time.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.

    Yields
    ------
    Drawing
        Name, caption and figure.
    """
    yield Drawing(
        "training",
        "Quench from a random start: energy and accuracy of the samples. Lines are means over "
        "samples, bands one standard error, thin lines single samples. The label is the largest "
        "output of an ordinary network with the weights of the moment.",
        plot_training(analysis),
    )
    yield Drawing(
        "layer_energies",
        "Quench: energy of each layer, and temperature of the velocities. Dotted: the energy of "
        "a hidden layer in equilibrium, and the temperature of the thermostat.",
        plot_layer_energies(analysis),
    )


def save_figure(figure: Figure, path: Path) -> bytes:
    """Write a figure as PNG and as SVG, atomically.

    Parameters
    ----------
    figure : Figure
        Any.
    path : Path
        Without suffix.

    Returns
    -------
    bytes
        The PNG.
    """
    images = {}
    for kind in ("png", "svg"):
        stream = io.BytesIO()
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(stream, format=kind, metadata=metadata)
        images[kind] = stream.getvalue()
        write_atomically(path.with_name(f"{path.name}.{kind}"), images[kind])
    return images["png"]
