"""All figures of a run, and how they become files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from openmm_thermalnet.files import write_atomically
from openmm_thermalnet.plotting.correlations import (
    plot_ageing,
    plot_correlations,
    plot_profile,
    plot_relaxation_times,
)
from openmm_thermalnet.plotting.glass import (
    plot_log_displacements,
    plot_losses,
    plot_weight_ageing,
    plot_weight_displacements,
    plot_weight_overlap,
)
from openmm_thermalnet.plotting.heterogeneity import plot_heterogeneity, plot_van_hove
from openmm_thermalnet.plotting.machines import (
    Kind,
    plot_overlap_distributions,
    plot_overlap_matrices,
)
from openmm_thermalnet.plotting.style import SETTINGS
from openmm_thermalnet.plotting.thermal import plot_layer_energies, plot_training


@dataclass(frozen=True)
class Drawing:
    """A figure with a name for its files and words for its caption."""

    name: str
    caption: str
    figure: Figure


def draw_figures(analysis: Mapping[str, Any]) -> Iterator[Drawing]:
    """Every figure that a run has data for, one at a time.

    Correlations are drawn for every waiting time; what describes one moment, for the longest.

    Parameters
    ----------
    analysis : mapping
        As `analyze_run` returns it.

    Yields
    ------
    Drawing
        Name, caption and figure.
    """
    if analysis["network"].get("model") == "feedforward":
        yield from _draw_feedforward(analysis)
        return
    if analysis["quench"]["thermodynamics"]["steps"][-1:] > [0]:  # else nothing but the start
        yield from _draw_quench(analysis)
    if analysis["waiting_times"]:
        yield from _draw_across(analysis)
        yield from _draw_moment(analysis, list(analysis["waiting_times"])[-1])


def _draw_quench(analysis: Mapping[str, Any]) -> Iterator[Drawing]:
    """Figures of the samples from the start."""
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


def _draw_feedforward(analysis: Mapping[str, Any]) -> Iterator[Drawing]:
    """Figures of a feed-forward network."""
    if analysis["quench"]["thermodynamics"]["steps"][-1:] > [0]:
        yield Drawing(
            "losses",
            "Langevin training from the end of stochastic gradient descent: thick lines are means "
            "over starts with one standard error, thin lines single starts.",
            plot_losses(analysis),
        )
    if not analysis["waiting_times"]:
        return
    yield Drawing(
        "weight_overlap",
        "Fraction of weights that have moved by no more than eps since t0, and its local exponent. "
        "Thin dashed lines: the free walk, which falls as t^(-1/2) on its own.",
        plot_weight_overlap(analysis),
    )
    yield Drawing(
        "weight_displacements",
        "Displacements of the weights since t0. Dotted: free diffusion; a Gaussian; weights that "
        "move independently of one another.",
        plot_weight_displacements(analysis),
    )
    for waiting_time in analysis["waiting_times"]:
        yield Drawing(
            f"log_displacements_t0-{waiting_time}",
            f"Distribution of the displacements from t0 = {waiting_time}, per decade. Dotted: "
            "Gaussians of the same mean square. Vertical lines: eps of each start.",
            plot_log_displacements(analysis, waiting_time),
        )
    if len(analysis["waiting_times"]) > 1:
        yield Drawing(
            "weight_ageing",
            "Relaxation times of the overlap against t0, with the standard error of their "
            "logarithm. Dashed: the free walk's.",
            plot_weight_ageing(analysis),
        )


def _draw_across(analysis: Mapping[str, Any]) -> Iterator[Drawing]:
    """Figures over all waiting times."""
    follows = analysis["waiting_times"]
    if any(values["q_star"] is not None for values in follows.values()):
        yield Drawing(
            "profile",
            "Late overlap between replicas against the layer: below 1/e (shaded, open symbols) a "
            "layer is liquid, above it solid. Bars are one standard error over samples.",
            plot_profile(analysis),
        )
    for waiting_time in follows:
        yield Drawing(
            f"correlations_tw-{waiting_time}",
            f"Normalised correlations after t_w = {waiting_time} steps, mean over samples with "
            "one standard error. Dotted: 1/e.",
            plot_correlations(analysis, waiting_time),
        )
    yield Drawing(
        "relaxation_times",
        "Step at which a correlation has fallen to 1/e: geometric mean over the samples that got "
        "there, with the standard error of its logarithm. Open symbols: lower bounds, reached by "
        "some samples only. Arrows: not reached by any.",
        plot_relaxation_times(analysis),
    )
    if len(follows) < 2:
        return
    yield Drawing(
        "ageing",
        "Ageing: correlations averaged over the layers for each waiting time, and their "
        "relaxation times with a power law through them. Open symbols: lower bounds, reached by "
        "some samples only, which the power law leaves out.",
        plot_ageing(analysis),
    )


def _draw_moment(analysis: Mapping[str, Any], waiting_time: str) -> Iterator[Drawing]:
    """Figures of one waiting time."""
    after = f"after t_w = {waiting_time} steps"
    yield Drawing(
        f"training_tw-{waiting_time}",
        f"Energy and accuracy of the copies made {after}.",
        plot_training(analysis, waiting_time),
    )
    yield Drawing(
        f"heterogeneity_tw-{waiting_time}",
        f"Displacements {after}: mean square, non-Gaussian parameter, and the four-point "
        "susceptibility of the normalised overlap with t_w (needs replicas). Bands: one standard "
        "error over samples. Dotted: variables spread evenly over the box.",
        plot_heterogeneity(analysis, waiting_time),
    )
    yield Drawing(
        f"van_hove_tw-{waiting_time}",
        f"Density of the displacements of single variables {after}, in units of the layer's root "
        "mean square displacement. Dotted: a Gaussian.",
        plot_van_hove(analysis, waiting_time),
    )
    space = analysis["waiting_times"][waiting_time]["design_space"]
    kinds: tuple[tuple[Kind, str], ...] = (
        ("weights", "the weights of a layer"),
        ("representations", "the hidden units of the sign network on the test images"),
    )
    for kind, words in kinds:
        if space[kind] is None:
            continue
        yield Drawing(
            f"overlap_distribution_{kind}_tw-{waiting_time}",
            f"Overlaps between all {space['machines']} machines in {words}, {after}, at "
            f"t = {space['step']}. Histograms of one and of two samples are weighted by their "
            "number of pairs; the Gaussian has the mean and width of all pairs.",
            plot_overlap_distributions(analysis, waiting_time, kind),
        )
        yield Drawing(
            f"overlap_matrix_{kind}_tw-{waiting_time}",
            "The same overlaps, normalised, as matrices: machines in the order of complete linkage "
            "with the distance one minus overlap, under the dendrogram; rows carry the sample.",
            plot_overlap_matrices(analysis, waiting_time, kind),
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
        with mpl.rc_context(SETTINGS):
            figure.savefig(stream, format=kind, metadata={"Date": None} if kind == "svg" else {})
        figure.set_layout_engine("none")  # what was laid out for the PNG holds for the SVG
        images[kind] = stream.getvalue()
        write_atomically(path.with_name(f"{path.name}.{kind}"), images[kind])
    return images["png"]
