"""Tables of sweeps: which points they make, what these are called, and what is refused."""

import json

import pytest

from openmm_thermalnet.config import make_config
from openmm_thermalnet.sweeps.checks import check_points
from openmm_thermalnet.sweeps.points import MANY, read_sweep


@pytest.fixture
def write(tmp_path):
    """Write a TOML file."""

    def call(text):
        path = tmp_path / "sweep.toml"
        path.write_text(text)
        return path

    return call


RANDOM = '[run]\ndataset = "random"\n'


def test_a_grid_is_every_combination_in_order(write):
    path = write("[run]\nfriction = 1e-3\n[grid]\ndepth = [5, 7, 10]\npatterns = [20, 80]\n")
    sweep = read_sweep(path)
    assert sweep.varied == ("depth", "patterns")
    assert [point.values for point in sweep.points] == [
        {"depth": depth, "patterns": patterns} for depth in (5, 7, 10) for patterns in (20, 80)
    ]
    assert sweep.points[3].name == "depth-7-patterns-80"
    assert sweep.config(sweep.points[3]) == make_config(
        {"friction": 1e-3, "depth": 7, "patterns": 80}
    )
    assert sweep.analyze
    assert json.loads(json.dumps(sweep.run)) == {"friction": 1e-3}


def test_points_share_the_columns_that_any_of_them_has(write):
    path = write("[[points]]\ndepth = 5\n[[points]]\nwaiting-times = [10, 20]\nkT = 1\n")
    sweep = read_sweep(path)
    assert sweep.varied == ("depth", "waiting-times", "kT")
    assert [point.values for point in sweep.points] == [
        {"depth": 5, "waiting-times": [], "kT": 1e-5},
        {"depth": 10, "waiting-times": [10, 20], "kT": 1.0},
    ]
    assert [point.name for point in sweep.points] == [
        "depth-5-waiting-times-none-kT-1e-05",
        "depth-10-waiting-times-10+20-kT-1.0",
    ]


def test_names_are_names_of_directories_and_differ(write, tmp_path):
    long = "x" * 120
    dataset = json.dumps([f"{tmp_path}/a b", f"{tmp_path}/a?b", long + "1", long + "2"])
    names = [point.name for point in read_sweep(write(f"[grid]\ndataset = {dataset}\n")).points]
    assert len(set(names)) == 4
    for name in names:
        assert set(name) <= set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+_-"
        )
        assert len(name) < 120


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[grid]\n", ["[grid]", "is empty"]),
        ("[grid]\ndepth = []\n", ["depth has no values"]),
        ("[grid]\ndepth = 5\n", ["depth is 5 in [grid]", "[5]"]),
        ("[grid]\ndepth = [5, 5]\n", ["depth has 5 twice"]),
        ("[grid]\ndpeth = [5]\n", ["dpeth is no parameter", "did you mean depth?"]),
        ("[run]\nfrictoin = 1\n[grid]\ndepth = [5]\n", ["frictoin", "did you mean friction?"]),
        ("[run]\ndepth = 5\n[grid]\ndepth = [5]\n", ["depth is in [run] and varied too"]),
        ("[grid]\ndepth = ['deep']\n", ["point depth-deep: depth is 'deep'"]),
        ("[run]\nkT = 'hot'\n[grid]\ndepth = [5]\n", ["point depth-5: kT is 'hot'"]),
        ("[grid]\nsteps = [5, -1]\n", ["point steps--1", "not negative"]),
        ("[gird]\ndepth = [5]\n", ["gird", "did you mean grid?"]),
        ("[run]\n", ["neither [grid] nor [[points]]"]),
        ("[grid]\ndepth = [5]\n[[points]]\ndepth = 5\n", ["both [grid] and [[points]]"]),
        ("[[points]]\n", ["empty"]),
        ("points = 3\n", ["begin each with [[points]]"]),
        ("run = 3\n[grid]\ndepth = [5]\n", ["make it a table, [run]"]),
        ("[[points]]\ndepth = 5\n[[points]]\ndepth = 5\n", ["depth-5 is there twice"]),
        ("[[points]]\ndepth = 10\n[[points]]\nwidth = 10\n", ["is there twice"]),
        ("analyze = 1\n[grid]\ndepth = [5]\n", ["analyze is 1", "true or false"]),
        ("[grid\n", ["is not TOML"]),
    ],
)
def test_bad_tables_are_refused_in_one_line(write, refused, text, parts):
    refused(lambda: read_sweep(write(text)), *parts)


def test_more_than_a_million_points_must_be_meant(write, refused):
    numbers = ", ".join(map(str, range(1, 1002)))
    path = write(f"[grid]\npatterns = [{numbers}]\nseed = [{numbers}]\n")
    refused(lambda: read_sweep(path), "1,002,001 points", "--yes")
    asked = []
    refused(lambda: read_sweep(path, lambda count: bool(asked.append(count))), "--yes")
    assert asked == [1001**2]
    assert asked[0] > MANY


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (RANDOM + "[grid]\nsamples = [3, 4]\n", ["point samples-4: samples", "4"]),
        (RANDOM + "[grid]\ntimestep = [0.01, -1]\n", ["point timestep--1.0: timestep"]),
        (RANDOM + "[grid]\nintegrator = ['leapfrog']\n", ["integrator 'leapfrog' is unknown"]),
        (RANDOM + "[grid]\nplatform = ['GPU']\n", ["point platform-GPU: platform 'GPU'"]),
        (RANDOM + "[grid]\nforce = ['magic']\n", ["force 'magic' is unknown"]),
        (RANDOM + "[grid]\nstart-from = ['nothing']\n", ["point start-from-nothing: "]),
        ("[grid]\npatterns = [100000]\n", ["point patterns-100000: "]),
    ],
)
def test_every_point_is_tried_before_any_work(write, refused, text, parts):
    sweep = read_sweep(write(text))
    refused(lambda: check_points(sweep, here=True), *parts)


def test_a_platform_that_only_workers_have_is_theirs_to_find(write):
    sweep = read_sweep(write(RANDOM + "[grid]\nplatform = ['GPU']\n"))
    assert check_points(sweep, here=False) == sweep


def test_paths_are_made_absolute(write, tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    from openmm_thermalnet.protocols import setup

    monkeypatch.chdir(tmp_path)
    config = make_config({"dataset": "random", "depth": 3, "width": 3, "patterns": 4})
    net = setup.build_network(config, setup.build_dataset(config))
    weights = net.weights(net.randomPositions(0))
    save_file({str(i): weight[0] for i, weight in enumerate(weights)}, "w.safetensors")
    text = RANDOM + "depth = 3\nwidth = 3\npatterns = 4\nstart-from = 'w.safetensors'\n"
    sweep = check_points(read_sweep(write(text + "[grid]\nseed = [1, 2]\n")), here=True)
    assert sweep.run["start-from"] == str(tmp_path / "w.safetensors")
