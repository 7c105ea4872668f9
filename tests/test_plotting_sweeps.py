"""Figures and report of a sweep show its numbers, its gaps and its bounds."""

import math
import shutil

import matplotlib as mpl
import numpy as np
import pytest
from known_profiles import RUN, melted
from matplotlib.contour import QuadContourSet
from matplotlib.patches import Rectangle
from small_runs import SMALL, execute
from typer.testing import CliRunner

import openmm_thermalnet as tn
from openmm_thermalnet.cli import app
from openmm_thermalnet.errors import InputError
from openmm_thermalnet.sweep_report import missing_notes, write_sweep_report
from openmm_thermalnet.sweeps.map import arrange
from openmm_thermalnet.sweeps.reading import read_sweep_result

pytest_plugins = ("sweep_fixtures",)

MAP = {"depth": [5, 10], "patterns": [20, 80, 250]}
PATTERNS = {"patterns": [20, 80, 250, 500]}


@pytest.fixture
def write_map(write_sweep):
    """Writes a sweep and reads it as a map; takes what `write_sweep` takes."""

    def make(*arguments, **options):
        found = read_sweep_result(write_sweep(*arguments, **options))
        return arrange(found.points, found.varied)

    return make


def maps(figure):
    """Axes with a map, without the colour bar."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def shown(axes):
    """Overlaps of a map, row by row; masked where there are none."""
    (mesh,) = [c for c in axes.collections if isinstance(c, mpl.collections.QuadMesh)]
    return mesh.get_array()


def contour_lines(axes):
    """Corners (x, y) of the lines at 1/e."""
    found = [c for c in axes.collections if isinstance(c, QuadContourSet)]
    return [
        line
        for c in found
        for path in c.get_paths()
        for line in path.to_polygons(None, closed_only=False)
    ]


def hatched(axes):
    """Layers and middles of the cells that are undecided."""
    patches = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()]
    return [(round(p.get_x() + 0.5), p.get_y() + p.get_height() / 2) for p in patches]


def words(axes):
    return [text.get_text() for text in axes.texts]


def test_map_shows_the_mean_profile(write_map):
    figure = tn.plotting.plot_phase_diagram(write_map(MAP, lambda v: melted(v, 0.1)))
    shallow, deep = maps(figure)
    for axes, depth in ((shallow, 5), (deep, 10)):
        means = [melted({"depth": depth, "patterns": m}, 0.1).mean(axis=1) for m in MAP["patterns"]]
        np.testing.assert_allclose(shown(axes), means, rtol=1e-6)
        assert axes.get_xlim() == (0.5, depth - 0.5)
        np.testing.assert_allclose(axes.get_yticks(), np.log([2, 8, 25]))
        assert axes.get_title(loc="left") == f"depth {depth}"
    assert [text.get_text() for text in shallow.get_yticklabels()] == ["0.69", "2.08", "3.22"]
    assert shallow.get_ylabel() == r"$\ln\,\alpha$,  $\alpha = M/N$"


def test_contour_lies_where_the_known_profile_crosses(write_map):
    """q = b + (1 - b) x^2 with x = (l - L/2)/(L/2 - 1), drawn on straight lines between layers."""
    (axes,) = maps(tn.plotting.plot_phase_diagram(write_map(PATTERNS)))
    lines = contour_lines(axes)
    assert len(lines) == 2
    for patterns in PATTERNS["patterns"]:
        profile = melted({"patterns": patterns})[:, 0] - 1 / math.e
        left = np.argmax(profile < 0)
        step = profile[left - 1] / (profile[left - 1] - profile[left])
        height = math.log(patterns / 10)
        for line, crossing in zip(
            sorted(lines, key=lambda found: found[:, 0].min()),
            (left + step, 10 - left - step),
            strict=True,
        ):
            at = np.argmin(np.abs(line[:, 1] - height) + 10 * (np.abs(line[:, 0] - crossing) > 0.5))
            np.testing.assert_allclose(line[at], [crossing, height], atol=1e-9)
    edges = axes.get_ylim()
    for line in lines:
        assert (line[:, 1].min(), line[:, 1].max()) == pytest.approx(edges)
    assert words(axes) == ["liquid", "solid", "solid"]


def test_undecided_layers_are_hatched(write_map):
    def profile(values):
        q_star = np.full((9, 3), 0.9)
        q_star[3] = [0.1, 0.4, 0.6]  # 1/e within one standard error
        q_star[4] = [0.1, 0.11, 0.12]
        return q_star

    figure = tn.plotting.plot_phase_diagram(write_map({"patterns": [20, 80]}, profile))
    (axes,) = maps(figure)
    heights = np.log([2, 8])
    np.testing.assert_allclose(hatched(axes), [(4, heights[0]), (4, heights[1])])
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        "within one standard error of 1/e"
    ]
    sure = tn.plotting.plot_phase_diagram(write_map({"patterns": [20, 80]}, name="sure"))
    assert hatched(maps(sure)[0]) == []
    assert sure.legends == []


def test_gaps_break_the_contour_and_are_named(write_map):
    sweep = write_map(PATTERNS, left_out=("patterns-80",))
    (axes,) = maps(tn.plotting.plot_phase_diagram(sweep))
    values = shown(axes)
    assert values.mask[1].all()
    assert not values.mask[[0, 2, 3]].any()
    assert "missing" in words(axes)
    edges = np.log([2, 8, 25])
    gap = ((edges[0] + edges[1]) / 2, (edges[1] + edges[2]) / 2)
    for line in contour_lines(axes):
        assert (line[:, 1] <= gap[0] + 1e-9).all() or (line[:, 1] >= gap[1] - 1e-9).all()
    assert len(contour_lines(axes)) == 4


def test_rows_of_other_depths_are_not_joined(write_map):
    (axes,) = maps(tn.plotting.plot_phase_diagram(write_map({"depth": [5, 8, 10]})))
    assert shown(axes).mask[0].tolist() == [False] * 4 + [True] * 5
    for line in contour_lines(axes):
        assert np.ptp(line[:, 0]) == pytest.approx(0)
    assert len(contour_lines(axes)) == 6


@pytest.mark.parametrize(
    ("grid", "shape", "figures"),
    [
        (PATTERNS, 1, 1),
        ({"kT": [1e-5, 1e-3], "gain": [1.0]}, 1, 1),
        ({"gain": [1.0, "fan_in"]}, 1, 1),
        ({"depth": [5]}, 1, 1),
        ({"depth": [5, 6, 7, 8], **PATTERNS}, 4, 1),
        ({"depth": [5, 7], "kT": [1e-5, 1e-4], **PATTERNS}, 4, 1),
        ({"depth": [5, 7], "kT": [1e-5, 1e-4], "gain": [1.0, 2.0, 3.0], **PATTERNS}, 4, 3),
    ],
)
def test_one_to_four_varied_flags(write_map, grid, shape, figures):
    drawings = list(tn.plotting.draw_sweep_figures(write_map(grid)))
    diagrams = [d for d in drawings if d.name.startswith("phase_diagram")]
    assert len({d.name for d in drawings}) == len(drawings) == figures + 2
    assert len(diagrams) == figures
    for drawing in drawings:
        drawing.figure.draw_without_rendering()
    for diagram in diagrams:
        drawn = [axes for axes in maps(diagram.figure) if axes.axison]
        assert len(drawn) == shape
    if figures > 1:
        assert [d.name for d in diagrams] == [f"phase_diagram_gain-{g}" for g in (1, 2, 3)]


def test_an_unknown_choice_is_refused(write_map):
    sweep = write_map({"depth": [5, 7], "kT": [1e-5, 1e-4], "gain": [1.0, 2.0], **PATTERNS})
    with pytest.raises(InputError, match="no point has"):
        tn.plotting.plot_phase_diagram(sweep, {"gain": 3.0})


def test_words_on_an_axis_without_numbers(write_map):
    figure = tn.plotting.plot_phase_diagram(write_map({"gain": [1.0, "fan_in"]}))
    (axes,) = maps(figure)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["1", "fan_in"]


def planted(values):
    """Solid depth 3, 4, 5, ... for M = 20, 80, 320, ...; all that do not melt are solid."""
    solid = 3 + round(math.log(values["patterns"] / 20, 4))
    q_star = np.full((values["depth"] - 1, 3), 0.9)
    q_star[: max(values["depth"] - solid, 0)] = 0.1
    return q_star


def test_solid_depth_with_its_line_and_bounds(write_map):
    grid = {"depth": [5, 12], "patterns": [20, 80, 320, 1280]}
    figure = tn.plotting.plot_solid_depth(write_map(grid, planted))
    (axes,) = figure.axes
    handles, labels = axes.get_legend_handles_labels()
    assert labels == ["depth 5", "depth 12: slope 0.72 (samples do not differ)"]
    x = np.log([2, 8, 32, 128])
    shallow, deep = (handle.lines[0] for handle in handles)
    np.testing.assert_allclose(shallow.get_xdata(), x[:2])
    np.testing.assert_allclose(deep.get_ydata(), [3, 4, 5, 6])
    hollow = [one for one in axes.get_lines() if str(one.get_markerfacecolor()) == "white"]
    np.testing.assert_allclose(
        np.concatenate([one.get_xydata() for one in hollow]), [[x[2], 5], [x[3], 5]]
    )
    (line,) = [
        one for one in axes.get_lines() if len(one.get_xdata()) == 2 and one.get_linestyle() == "--"
    ]
    np.testing.assert_allclose(line.get_xydata(), [[x[0], 3], [x[3], 6]])


@pytest.mark.parametrize(
    "grid", [{"kT": [1e-5, 1e-4, 1e-2]}, PATTERNS, {"gain": [1.0, "fan_in"]}, {"depth": [5, 9]}]
)
def test_all_points_are_in_sight(write_map, grid):
    sweep = write_map(grid)
    for figure in (tn.plotting.plot_solid_depth(sweep), tn.plotting.plot_sweep_averages(sweep)):
        for axes in figure.axes:
            low, high = axes.get_xlim()
            places = sweep.series[0].positions
            assert low < places[0] < places[-1] < high
            assert axes.get_xscale() == ("log" if "kT" in grid else "linear")


def test_line_shows_its_error(write_map):
    sweep = write_map(PATTERNS, lambda values: melted(values, 0.15))
    (label,) = tn.plotting.plot_solid_depth(sweep).axes[0].get_legend_handles_labels()[1]
    fit = sweep.series[0].fit
    assert label.startswith(f"slope {fit.slope:.2f} ± {fit.slope_error:.2f}, ")
    assert f"dof {fit.chi2_per_dof:.2g}" in label


def test_averages_with_a_line_for_each_series(write_map):
    figure = tn.plotting.plot_sweep_averages(write_map(MAP, left_out=("depth-5-patterns-80",)))
    assert len(figure.axes) == 6
    accuracy = figure.axes[1]
    handles, labels = accuracy.get_legend_handles_labels()
    assert labels == ["depth 5", "depth 10"]
    shallow, deep = (handle.lines[0] for handle in handles)
    np.testing.assert_allclose(shallow.get_xdata(), np.log([2, 25]))
    np.testing.assert_allclose(deep.get_ydata(), [0.2] * 3)
    energy = figure.axes[3].get_legend_handles_labels()[0][0]
    np.testing.assert_allclose(energy.lines[0].get_ydata(), [0.4] * 2)


def test_nothing_finished_makes_no_figure(write_sweep):
    directory = write_sweep(
        MAP, left_out=tuple(f"depth-{d}-patterns-{m}" for d in (5, 10) for m in (20, 80, 250))
    )
    said = []
    page = write_sweep_report(directory, said.append).read_text()
    assert said == [
        "6 points are missing: depth-5-patterns-20, depth-5-patterns-80, depth-5-patterns-250, "
        "depth-10-patterns-20, depth-10-patterns-80 and 1 more"
    ]
    assert said[0] in page
    assert "<h2>Figures</h2>" not in page
    assert (directory / "layers.csv").read_bytes() == b""
    assert len((directory / "table.csv").read_text().splitlines()) == 7


def test_report_has_tables_figures_and_what_is_missing(write_sweep):
    grid = {"patterns": [20, 80, 250], "seed": [1, 2]}
    left_out = ("patterns-80-seed-2",)
    directory = write_sweep(grid, lambda v: melted(v, 0.1), left_out=left_out)
    said = []
    page = write_sweep_report(directory, said.append).read_text()
    assert said == ["1 point is missing: patterns-80-seed-2"]
    for part in (
        *("1 of 2 seeds finished", said[0], "Growth of the solid depth", "3 of 3"),
        *("Parameters of all points", "friction", "waiting-times", "openmm_thermalnet"),
    ):
        assert part in page
    assert page.count("<figure") == 3
    names = {path.name for path in directory.iterdir()}
    assert names >= {"table.csv", "cells.csv", "layers.csv", "report.html", "figures"}
    assert len((directory / "cells.csv").read_text().splitlines()) == 4


def test_notes_name_every_error(write_sweep):
    directory = write_sweep({"patterns": [20, 80]}, left_out=("patterns-20", "patterns-80"))
    (directory / "manifest.jsonl").write_text(
        '{"event": "gave-up", "point": "patterns-80", "error": "NaN < 1"}\n'
    )
    page = write_sweep_report(directory, lambda line: None).read_text()
    assert missing_notes(read_sweep_result(directory).points) == [
        *("1 point is missing: patterns-20", "1 point is failed: patterns-80"),
        "patterns-80 failed: NaN < 1",
    ]
    assert "NaN &lt; 1" in page


def test_command_draws_a_sweep_of_real_runs(write_sweep):
    run = {
        **SMALL,
        "waiting-times": [50],
        "follow": 100,
        "replicas": 2,
        "samples": 3,
    }
    grid = {"depth": [3, 4]}
    run.pop("depth")
    directory = write_sweep(grid, run=run, left_out=("depth-3", "depth-4"))
    (directory / "points").mkdir()
    execute(directory / "points" / "depth-4", **run, depth=4)
    finished = CliRunner().invoke(app, ["plot", str(directory)])
    assert finished.exit_code == 0, finished.output
    assert "analysing depth-4" in finished.output
    assert "1 point is missing: depth-3" in finished.output
    assert f"{directory / 'report.html'}, tables and figures are written" in finished.output
    assert {path.stem for path in (directory / "figures").iterdir()} == {
        *("phase_diagram", "solid_depth", "late_averages")
    }
    shutil.rmtree(directory / "points" / "depth-4")
    assert CliRunner().invoke(app, ["plot", str(directory)]).exit_code == 0


def test_style_is_left_alone(write_map):
    before = dict(mpl.rcParams)
    tn.plotting.plot_phase_diagram(write_map(PATTERNS, run=RUN))
    assert dict(mpl.rcParams) == before
