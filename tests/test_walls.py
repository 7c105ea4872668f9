"""The fold: a triangle wave that is elastic reflection."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import openmm_thermalnet as tn
from openmm_thermalnet.walls import PERIOD, fold_sign

COORDINATES = st.floats(-1e3, 1e3)


def test_the_fold_by_hand():
    q = np.array([-3.0, -2.5, -2.0, -1.5, -1.0, -0.25, 0.0, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.25])
    s = [1.0, 0.5, 0.0, -0.5, -1.0, -0.25, 0.0, 0.75, 1.0, 0.5, 0.0, -0.5, -1.0, 0.25]
    np.testing.assert_array_equal(tn.fold(q), s)
    inside = np.abs(q - np.array([-4, -2, -2, -2, 0, 0, 0, 0, 0, 2, 2, 2, 4, 4])) < 1
    signs = [1, -1, -1, -1, 1, 1, 1, 1, 1, -1, -1, -1, 1, 1]
    np.testing.assert_array_equal(fold_sign(q)[inside], np.array(signs)[inside])


@given(st.floats(-1, 1))
def test_the_fold_is_the_identity_between_the_walls(q):
    assert tn.fold(q) == q


@given(COORDINATES)
def test_the_fold_is_bounded_and_reflects(q):
    folded = tn.fold(q)
    assert -1 <= folded <= 1
    assert tn.fold(2 - q) == pytest.approx(folded, abs=1e-12)
    assert tn.fold(-q) == pytest.approx(-folded, abs=1e-12)


@given(COORDINATES, st.integers(-5, 5))
def test_wrapping_by_the_period_changes_nothing(q, periods):
    assert tn.fold(q + PERIOD * periods) == pytest.approx(tn.fold(q), abs=1e-12)


@given(COORDINATES)
def test_the_sign_is_the_derivative(q):
    h = 1e-6
    if abs(q / 2 - np.rint(q / 2)) < 0.5 - h:
        slope = (tn.fold(q + h) - tn.fold(q - h)) / (2 * h)
        assert fold_sign(q) == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_and_precision_are_kept(dtype):
    q = np.linspace(-7, 7, 12, dtype=dtype).reshape(3, 4)
    assert tn.fold(q).dtype == fold_sign(q).dtype == dtype
    assert tn.fold(q).shape == fold_sign(q).shape == (3, 4)


def test_integers_are_folded_as_numbers():
    np.testing.assert_array_equal(tn.fold([0, 1, 2, 3, 4]), [0.0, 1.0, 0.0, -1.0, 0.0])
