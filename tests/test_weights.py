"""Weights from every source they can come from."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import openmm_thermalnet as tn
from openmm_thermalnet.errors import MissingFileError
from openmm_thermalnet.weights import load_weights

pytest_plugins = ("run_fixtures",)

SHAPES = [(3, 5), (4, 3), (2, 4)]


@pytest.fixture
def matrices():
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in SHAPES]


@pytest.fixture
def model(matrices):
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 3), torch.nn.Tanh(), torch.nn.Linear(3, 4, bias=False), torch.nn.ReLU()
    )
    net.append(torch.nn.Linear(4, 2, bias=False)).double()
    with torch.no_grad():
        for place, matrix in zip((0, 2, 4), matrices, strict=True):
            net[place].weight.copy_(torch.from_numpy(matrix))
    return net


def assert_same(found, matrices):
    assert found.depth == len(matrices)
    for own, given in zip(found.matrices, matrices, strict=True):
        assert own.dtype == np.float64
        np.testing.assert_array_equal(own, given)


# --- where they come from ----------------------------------------------------------------------


def test_of_matrices(matrices):
    found = load_weights(matrices)
    assert_same(found, [matrix[None] for matrix in matrices])
    assert found.widths == (5, 3, 4, 2)
    assert (found.replicas, found.samples) == (1, (0,))
    assert_same(load_weights([torch.from_numpy(m) for m in matrices]), found.matrices)
    two = [np.stack([matrix, -matrix]) for matrix in matrices]
    assert_same(load_weights(two), two)
    for own, given in zip(load_weights(two).replica(1), matrices, strict=True):
        np.testing.assert_array_equal(own, -given)


def test_of_a_module_without_its_biases(model, matrices):
    found = load_weights(model)
    assert_same(found, [matrix[None] for matrix in matrices])
    assert found.left_out == ("0.bias",)
    torch.nn.init.zeros_(model[0].bias)
    assert load_weights(model).left_out == ()


def test_of_a_state_dict_file(model, matrices, tmp_path):
    torch.save(model.state_dict(), tmp_path / "model.pt")
    found = load_weights(tmp_path / "model.pt")
    assert_same(found, [matrix[None] for matrix in matrices])
    assert found.left_out == ("0.bias",)
    assert str(tmp_path / "model.pt") in found.source


def test_of_a_safetensors_file_by_numbers_in_the_names(tmp_path):
    chain = [torch.full((layer + 2, layer + 1), float(layer)) for layer in range(12)]
    tensors = {f"layers.{layer}.weight": value for layer, value in enumerate(chain)}
    save_file({**tensors, "layers.3.bias": torch.ones(5)}, tmp_path / "model.safetensors")
    found = load_weights(str(tmp_path / "model.safetensors"))
    assert_same(found, [value.numpy()[None] for value in chain])
    assert found.left_out == ("layers.3.bias",)


def test_half_precision_is_read(tmp_path):
    save_file({"a": torch.ones(2, 3, dtype=torch.bfloat16)}, tmp_path / "half.safetensors")
    assert_same(load_weights(tmp_path / "half.safetensors"), [np.ones((1, 2, 3))])


def test_of_a_run(tiny_run):
    found = load_weights(tiny_run, waiting_time=20)
    with tn.load(tiny_run) as run:
        stage = run.follow(20)
        assert_same(found, [stage.weights(layer)[-1] for layer in range(1, 5)])
        assert found.samples == (0, 0, 1, 1, 2, 2)
        assert found.source == f"{tiny_run}, tw-20, step 100"
        third = [run.quench.weights(layer)[3] for layer in range(1, 5)]
        assert_same(load_weights(run, 3), third)
        assert_same(load_weights(str(tiny_run), step=int(run.quench.steps[4]) - 1), third)
        assert_same(load_weights(run, -len(run.quench.steps) + 3), third)
    assert load_weights(tiny_run).samples == (0, 1, 2)


# --- what is refused ---------------------------------------------------------------------------


def test_matrices_that_make_no_network(matrices, refused):
    refused(lambda: load_weights([]), "0 weight matrices")
    refused(lambda: load_weights(matrices[::-1]), "J2 has 3 columns", "2 rows")
    refused(lambda: load_weights([np.ones(3)]), "J1 has 1 dimensions")
    refused(lambda: load_weights([np.ones((0, 3))]), "J1 has shape (1, 0, 3)")
    refused(lambda: load_weights(3.0), "no list of arrays")
    refused(lambda: load_weights([["a"]]), "no list of arrays")
    many = [np.ones((2, 3, 3)), np.ones((1, 3, 3))]
    refused(lambda: load_weights(many), "[1, 2] replicas")
    for bad in (np.nan, np.inf):
        matrices[1][2, 1] = bad
        refused(lambda: load_weights(matrices), "J2", str(bad), "give finite weights")


def test_files_that_hold_no_weights(tmp_path, refused):
    refused(lambda: load_weights(tmp_path / "no.pt"), "no.pt", error=MissingFileError)
    refused(lambda: load_weights(tmp_path), "holds no run", error=MissingFileError)
    for name in ("a.pt", "a.safetensors"):
        (tmp_path / name).write_text("no weights")
        refused(lambda name=name: load_weights(tmp_path / name), f"{name} is no")
    save_file({"bias": torch.ones(3)}, tmp_path / "b.safetensors")
    refused(lambda: load_weights(tmp_path / "b.safetensors"), "0 weight matrices")
    torch.save({"0.weight": torch.full((2, 2), torch.nan)}, tmp_path / "nan.pt")
    refused(lambda: load_weights(tmp_path / "nan.pt"), "0.weight", "nan")


def test_frames_and_replicas_that_are_not_there(tiny_run, matrices, refused):
    refused(lambda: load_weights(tiny_run, 1000), "frame is 1000")
    refused(lambda: load_weights(tiny_run, step=-1), "step is -1")
    refused(lambda: load_weights(tiny_run, 2, step=3), "give one of them")
    refused(lambda: load_weights(tiny_run, waiting_time=7), "waiting time 7")
    refused(lambda: load_weights(matrices, 2), "frame is 2", "no run")
    refused(lambda: load_weights(matrices, waiting_time=2), "waiting time is 2", "no run")
    refused(lambda: load_weights(matrices).replica(1), "replica is 1", "0 to 0")
