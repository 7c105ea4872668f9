"""Products of a block of patterns agree with numpy's in double precision, whatever their shape."""

import numpy as np
import pytest

from openmm_thermalnet.hamiltonians import blocks

SHAPES = [(1, 1), (2, 7), (4, 5), (5, 4), (6, 11), (10, 10), (13, 30), (72, 33)]
MARGIN = 1000


@pytest.fixture
def draw():
    rng = np.random.default_rng(4)
    return lambda *shape: rng.standard_normal(shape).astype(np.float32)


def guarded(*shape):
    """An array inside a larger one, and a function that says whether the rest was left alone."""
    size = int(np.prod(shape))
    whole = np.full(size + 2 * MARGIN, 7.0, dtype=np.float32)

    def untouched():
        return (whole[:MARGIN] == 7).all() and (whole[-MARGIN:] == 7).all()

    return whole[MARGIN:-MARGIN].reshape(shape), untouched


def assert_close(ours, exact, terms):
    """To the rounding of a sum of so many terms of order one."""
    assert np.abs(ours - exact).max() < 1e-6 * terms


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_fields_and_what_is_passed_down(rows, columns, draw):
    weights = draw(3 + rows * columns)
    matrix = weights[3:].reshape(rows, columns).astype(np.float64)
    below, above = draw(columns, blocks.BLOCK), draw(rows, blocks.BLOCK)
    out, untouched = guarded(rows, blocks.BLOCK)
    blocks.fields(weights, 3, rows, columns, below, out)
    assert_close(out, matrix @ below, columns)
    assert untouched()
    out, untouched = guarded(columns, blocks.BLOCK)
    blocks.passed(weights, 3, rows, columns, above, out)
    assert_close(out, matrix.T @ above, rows)
    assert untouched()


@pytest.mark.parametrize(("rows", "columns"), SHAPES)
def test_slopes_are_added(rows, columns, draw):
    above, below = draw(rows, blocks.BLOCK), draw(columns, blocks.BLOCK)
    slopes, untouched = guarded(rows * columns)
    slopes[:] = 2.0
    blocks.add_slopes(above, below, rows, columns, slopes, 0)
    exact = 2.0 + above.astype(np.float64) @ below.T
    assert_close(slopes.reshape(rows, columns), exact, blocks.BLOCK)
    assert untouched()


@pytest.mark.parametrize("count", [1, 100, blocks.BLOCK])
def test_patterns_are_taken_and_put_back(count, draw):
    source = draw(3, 300 + count)
    block, target = draw(3, blocks.BLOCK), np.zeros_like(source)
    blocks.take(source, 300, count, block)
    np.testing.assert_array_equal(block[:, :count], source[:, 300:])
    assert not block[:, count:].any()
    blocks.put(block, 300, count, target)
    np.testing.assert_array_equal(target[:, 300:], source[:, 300:])
    assert not target[:, :300].any()
