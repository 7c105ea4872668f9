"""Figures show the numbers of the analysis, and the report holds all of them."""

import json
import re
import shutil
import warnings
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from small_runs import execute
from typer.testing import CliRunner

import openmm_thermalnet as tn
from openmm_thermalnet.analyze import analyze_run
from openmm_thermalnet.cli import app
from openmm_thermalnet.plotting import style
from openmm_thermalnet.report import layer_rows, write_report

pytest_plugins = ("run_fixtures",)


@pytest.fixture(scope="module")
def analysed(tiny_run, tmp_path_factory):
    directory = tmp_path_factory.mktemp("plotted") / "run"
    shutil.copytree(tiny_run, directory)
    analyze_run(directory)
    return directory


@pytest.fixture
def analysis(analysed):
    """A fresh copy that a test may change."""
    return json.loads((analysed / "analysis.json").read_text())


@pytest.fixture(scope="module")
def report(analysed):
    analysis = json.loads((analysed / "analysis.json").read_text())
    return write_report({**analysis, "notes": ["a < b"]}, analysed)


def panel_lines(axes):
    """Labelled curves of a panel."""
    return {line.get_label(): line for line in axes.get_lines()}


def test_training_shows_means_and_samples(analysis):
    figure = tn.plotting.plot_training(analysis)
    energy, test, train = figure.axes
    thermo = analysis["quench"]["thermodynamics"]
    steps = np.array(thermo["steps"])
    assert len(energy.get_lines()) == 4  # 3 samples and their mean
    np.testing.assert_array_equal(energy.get_lines()[-1].get_xdata(), steps[steps > 0])
    shown = panel_lines(test)["tanh network"].get_ydata()
    np.testing.assert_allclose(shown, np.array(thermo["test_tanh"]["mean"])[steps > 0])
    assert energy.get_xscale() == test.get_xscale() == train.get_xscale() == "log"
    assert energy.get_ylabel() == "energy $E(t)\\,/\\,E(0)$"
    assert len(energy.collections) == 1  # the band of the error


def test_layer_energies_show_what_equilibrium_gives(analysis):
    layers, temperature = tn.plotting.plot_layer_energies(analysis).axes
    assert [panel_lines(layers)[str(layer)] for layer in range(1, 5)]
    floors = [line.get_ydata()[0] for line in layers.get_lines() if line.get_linestyle() == ":"]
    assert 5 * 3 * 1e-5 in floors
    assert "kJ/mol" in temperature.get_ylabel()
    analysis["config"]["energy"] = "squared"
    layers, _ = tn.plotting.plot_layer_energies(analysis).axes
    assert [text.get_text() for text in layers.texts] == []


def test_what_equilibrium_gives_follows_the_annealing(analysis):
    analysis["config"]["anneal-table"] = [[0, 1e-2], [100, 1e-3]]
    layers, temperature = tn.plotting.plot_layer_energies(analysis).axes
    patterns, width = analysis["network"]["patterns"], analysis["network"]["widths"][1]
    for axes, value in ((layers, patterns * width * 1e-3), (temperature, 1e-3)):
        (dotted,) = (line for line in axes.get_lines() if line.get_linestyle() == ":")
        np.testing.assert_allclose(dotted.get_ydata(), value)


def test_correlations_show_every_layer(analysis):
    figure = tn.plotting.plot_correlations(analysis, "50")
    values = analysis["waiting_times"]["50"]
    for axes, name in zip(figure.axes, "cCqQ", strict=True):
        curves = [line for line in axes.get_lines() if len(line.get_xdata()) > 2]
        assert len(curves) == len(values[name])
        np.testing.assert_allclose(curves[1].get_ydata(), values[name][1][1:])
        assert f"${name}_l" in axes.get_ylabel()
    assert len(figure.legends) == 1


def test_profile_tells_liquid_from_solid(analysis):
    values = analysis["waiting_times"]["50"]
    values["q_star"] = [0.9, 0.1, 0.8]
    spins, _ = tn.plotting.plot_profile(analysis).axes
    open_symbols = [
        line for line in spins.get_lines() if str(line.get_markerfacecolor()) == "white"
    ]
    assert [2] in [line.get_xdata().tolist() for line in open_symbols]
    assert "t^*" in spins.get_ylabel()


def test_relaxation_times_mark_what_was_not_reached(analysis):
    values = analysis["waiting_times"]["50"]
    values["tau_c"] = [20.0, None, 30.0]
    values["tau_c_log_error"] = [0.1, None, None]
    spins, weights = tn.plotting.plot_relaxation_times(analysis).axes
    arrows = [line for line in spins.get_lines() if "arrow" in str(line.get_marker())]
    assert [100] in [line.get_ydata().tolist() for line in arrows]
    assert weights.get_yscale() == "log"


def test_ageing_draws_the_power_law(analysis):
    analysis["ageing"]["c"] = {
        "tau": [10.0, 25.0],
        "log_error": [0.1, None],
        "fit": {"exponent": 1.0, "exponent_error": None, "prefactor": 0.5, "n_used": 2},
    }
    times = tn.plotting.plot_ageing(analysis).axes[2]
    law = next(line for line in times.get_lines() if line.get_linestyle() == "-")
    np.testing.assert_allclose(law.get_ydata(), [10, 25])
    analysis["waiting_times"]["50"]["tau_c_global_lower_bound"] = True
    times = tn.plotting.plot_ageing(analysis).axes[2]
    hollow = [line for line in times.get_lines() if line.get_markerfacecolor() == "white"]
    assert [25] in [line.get_ydata().tolist() for line in hollow]
    analysis["ageing"].update(
        {name: {"tau": [None] * 2, "log_error": [None] * 2, "fit": None} for name in "cC"}
    )
    times = tn.plotting.plot_ageing(analysis).axes[2]
    assert [text.get_text() for text in times.texts] == ["not reached"]


def test_heterogeneity_and_van_hove(analysis):
    figure = tn.plotting.plot_heterogeneity(analysis, "50")
    assert len(figure.axes) == 6
    jumps = analysis["waiting_times"]["50"]["heterogeneity"]["spins"]["van_hove"]
    figure = tn.plotting.plot_van_hove(analysis, "50")
    assert len(figure.axes) == 2 * len(jumps["steps"])
    line = figure.axes[0].get_lines()[0]
    density = np.array(jumps["density"][0][0]) * jumps["sigma"][0][0]
    np.testing.assert_allclose(np.nan_to_num(line.get_ydata()), density)


@pytest.mark.parametrize("kind", ["weights", "representations"])
def test_machines(analysis, kind):
    layers = analysis["waiting_times"]["50"]["design_space"][kind]
    figure = tn.plotting.plot_overlap_distributions(analysis, "50", kind)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        f"layer {index + 1}" for index in range(len(layers))
    ]
    drawn = tn.plotting.plot_overlap_matrices(analysis, "50", kind)
    images = [axes.get_images()[0] for axes in drawn.axes if axes.get_images()]
    shown = [layer for layer in layers if layer["matrix"] is not None]
    assert len(images) == len(shown)
    np.testing.assert_allclose(images[0].get_array(), shown[0]["matrix"])


def test_run_without_copies_draws_what_it_can(write_run):
    q = np.random.default_rng(0).uniform(-1, 1, (3, 3, 87))
    analysis = analyze_run(write_run(q, [0, 10, 100], replicas=1, test_patterns=0))
    names = {}
    for drawing in tn.plotting.draw_figures(analysis):
        drawing.figure.draw_without_rendering()
        names[drawing.name] = drawing.figure
    assert "profile" not in names
    assert len(names["correlations_tw-10"].axes) == 2
    assert len(names["heterogeneity_tw-10"].axes) == 4
    assert not any("representations" in name for name in names)
    assert layer_rows(analysis["waiting_times"]["10"])[0][1:3] == ["", ""]


def test_run_of_its_start_alone_has_no_figure(tmp_path):
    execute(tmp_path / "run", steps=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finished = CliRunner().invoke(app, ["plot", str(tmp_path / "run")])
    assert finished.exit_code == 0, finished.output
    page = (tmp_path / "run/report.html").read_text()
    assert "<h2>Late averages</h2>" in page
    assert "<h2>Figures</h2>" not in page
    assert list((tmp_path / "run/figures").iterdir()) == []


def test_figures_are_told_apart_in_grey():
    for count in (3, 10):
        grey = [np.dot(color[:3], [0.299, 0.587, 0.114]) for color in style.shades(count)]
        assert np.all(np.diff(grey) > 0)
        assert grey[-1] < 0.8
    lines = [str(style.line_style(index, 10)["linestyle"]) for index in range(10)]
    assert all(one != other for one, other in zip(lines[1:], lines[:-1], strict=True))


def test_style_leaves_matplotlib_alone(analysis):
    before = dict(mpl.rcParams)
    figure = tn.plotting.plot_training(analysis)
    assert isinstance(figure, Figure)
    assert dict(mpl.rcParams) == before


def test_files_are_png_and_svg(report):
    figures = sorted((report.parent / "figures").iterdir())
    assert {path.suffix for path in figures} == {".png", ".svg"}
    assert {path.stem for path in figures} >= {"training", "profile", "correlations_tw-20"}
    assert figures[0].read_bytes().startswith(b"\x89PNG")
    ElementTree.parse(figures[1])


def test_same_analysis_gives_the_same_svg(analysis, tmp_path):
    for name in ("one", "two"):
        tn.plotting.save_figure(tn.plotting.plot_training(analysis), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_report_is_self_contained_and_whole(report):
    class Page(HTMLParser):
        def __init__(self):
            super().__init__()
            self.sources, self.links, self.text = [], [], []

        def handle_starttag(self, tag, attrs):
            values = dict(attrs)
            self.sources += [values["src"]] if "src" in values else []
            self.links += [values["href"]] if "href" in values else []

        def handle_data(self, data):
            self.text.append(data)

    page = Page()
    content = report.read_text()
    page.feed(content)
    text = " ".join(page.text)
    assert len(page.sources) == len(list((report.parent / "figures").glob("*.png")))
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert page.links == []
    assert "<script" not in content
    for part in (
        "a < b",
        "Layers after t_w = 50",
        "solid depth",
        "waiting-times",
        "20 50",
        "numpy",
    ):
        assert part in text


def test_layer_rows_show_errors_and_bounds():
    values = {
        "tau_c": [None, 8.0],
        "tau_c_log_error": [None, 0.25],
        "tau_c_lower_bound": [False, False],
        "tau_C": [1234.5, 500.0, None],
        "tau_C_log_error": [0.1, 0.1, None],
        "tau_C_lower_bound": [False, True, False],
        "q_star": [0.91, None],
        "q_star_error": [0.02, None],
        "phase": ["solid", "undefined"],
        "undecided": [True, None],
    }
    assert layer_rows(values) == [
        ["1", "solid (within one error of 1/e)", "0.910 ± 0.020", "not reached", "1234 ± 123"],
        ["2", "undefined", "undefined", "8 ± 2", "> 500"],
        ["3", "", "", "", "not reached"],
    ]


def test_command_analyses_first_if_need_be(tiny_run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_run, copy)
    description = json.loads((copy / "run.json").read_text())
    description["stages"] = description["stages"][:1]
    (copy / "run.json").write_text(json.dumps(description))
    finished = CliRunner().invoke(app, ["plot", str(copy)])
    assert finished.exit_code == 0, finished.output
    assert re.search(r"report.html and figures are written", finished.output)
    assert (copy / "analysis.json").exists()
    names = {path.name for path in (copy / "figures").iterdir()}
    assert names == {
        f"{name}.{kind}" for name in ("training", "layer_energies") for kind in ("png", "svg")
    }
