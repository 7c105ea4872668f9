"""Figures of several runs show their late averages, in order of the parameter."""

import copy
import shutil

import numpy as np
import pytest

import openmm_thermalnet as tn
from openmm_thermalnet.equilibrium import thermal_floor
from openmm_thermalnet.errors import InputError

pytest_plugins = ("run_fixtures",)


@pytest.fixture(scope="module")
def analysis(tiny_run, tmp_path_factory):
    directory = tmp_path_factory.mktemp("comparison") / "run"
    return tn.analyze_run(shutil.copytree(tiny_run, directory))


def test_the_floor_counts_the_hidden_spins(analysis):
    assert thermal_floor(analysis) == pytest.approx(5 * 3 * 3 * 1e-5)  # M N (L - 1) kT


def test_late_averages_are_drawn_in_order_with_errors(analysis):
    other = copy.deepcopy(analysis)
    late = other["quench"]["thermodynamics"]["late"]
    late["test_tanh"] = {"mean": 0.25, "error": 0.125, "per_sample": [0.25]}
    figure = tn.plotting.plot_late_averages([100.0, 10.0], [analysis, other], "patterns")
    energy, test, _ = figure.axes
    x, y = test.containers[0].lines[0].get_data()
    mean = analysis["quench"]["thermodynamics"]["late"]["test_tanh"]["mean"]
    np.testing.assert_allclose(x, [10, 100])
    np.testing.assert_allclose(y, [0.25, mean])
    bar = test.containers[0].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(bar[:, 1], [0.125, 0.375])
    value = analysis["quench"]["thermodynamics"]["late"]["energy"]["mean"]
    drawn = energy.containers[0].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, value / thermal_floor(analysis))
    assert energy.get_xscale() == "log"


def test_profiles_carry_the_numbers_of_their_runs(analysis):
    figure = tn.plotting.plot_profiles({"one": analysis, "two": analysis})
    last = list(analysis["waiting_times"].values())[-1]
    for axes, name in zip(figure.axes, "qQ", strict=True):
        for container in axes.containers:
            np.testing.assert_allclose(container.lines[0].get_ydata(), last[f"{name}_star"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]


def test_what_cannot_be_compared_is_refused(analysis):
    with pytest.raises(InputError, match="1 values for 2 runs"):
        tn.plotting.plot_late_averages([1.0], [analysis, analysis], "x")
    alone = {**analysis, "waiting_times": {}}
    with pytest.raises(InputError, match="alone has no replicas"):
        tn.plotting.plot_profiles({"alone": alone})
