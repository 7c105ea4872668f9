"""Every public function: units are honoured or refused, masked refused, NaN is NaN or refused."""

import dataclasses
import re
from collections.abc import Mapping

import numpy as np
import pytest
from openmm import unit
from public_functions import NO_NUMBERS, TAKERS, public_functions

from openmm_thermalnet.errors import InputError

MILLIKELVIN = unit.Unit({unit.ScaledUnit(1e-3, unit.kelvin, "millikelvin", "mK"): 1.0})
OTHER = {
    unit.nanometer: unit.angstrom,
    unit.picosecond: unit.femtosecond,
    unit.nanometer / unit.picosecond: unit.angstrom / unit.femtosecond,
    unit.kilojoule_per_mole: unit.kilocalorie_per_mole,
    unit.kelvin: MILLIKELVIN,
    unit.dalton: unit.gram / unit.mole,
}


def is_numbers(value):
    """Whether a float, or an array of numbers."""
    return isinstance(value, float | np.ndarray)


def places(wanted):
    """Pairs of a function and an argument of it that is `wanted`, the first of a list counting."""
    return [
        (name, argument)
        for name, taker in TAKERS.items()
        for argument, value in taker.arguments.items()
        if wanted(value[0] if isinstance(value, list | tuple) else value)
    ]


def call(name, argument=None, spoil=None):
    """What a function gives where one argument, or the first in its list, is spoilt."""
    taker = TAKERS[name]
    arguments = dict(taker.arguments)
    if spoil is not None:
        value = arguments[argument]
        sequence = isinstance(value, list | tuple)
        arguments[argument] = [spoil(value[0]), *value[1:]] if sequence else spoil(value)
    return taker.call(**arguments)


def numbers(found):
    """All numbers in a result; None is nan."""
    if dataclasses.is_dataclass(found):
        found = vars(found)
    if unit.is_quantity(found):
        found = found._value
    if isinstance(found, Mapping):
        found = list(found.values())
    if isinstance(found, list | tuple):
        return np.concatenate([numbers(each) for each in found]) if found else np.empty(0)
    array = np.asarray(np.nan if found is None else found)
    return array.astype(float).ravel() if array.dtype.kind in "fiub" else np.empty(0)


def test_every_public_function_is_here():
    exempt = tuple(name for name in NO_NUMBERS if name[-1] == ".")
    known = {*TAKERS, *NO_NUMBERS}
    missing = {name for name in public_functions() if name not in known}
    assert {name for name in missing if not name.startswith(exempt)} == set()
    assert set(TAKERS) <= set(public_functions())


@pytest.mark.parametrize("name", TAKERS)
def test_good_arguments_are_taken(name):
    call(name)


PHYSICAL = [(name, argument) for name, taker in TAKERS.items() for argument in taker.units]


@pytest.mark.parametrize(("name", "argument"), PHYSICAL)
def test_a_quantity_is_the_number_in_the_unit_of_openmm(name, argument):
    plain = numbers(call(name))
    own = TAKERS[name].units[argument]
    np.testing.assert_array_equal(numbers(call(name, argument, lambda v: v * own)), plain)
    found = numbers(call(name, argument, lambda v: (v * own).in_units_of(OTHER[own])))
    np.testing.assert_allclose(found, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "argument"), places(lambda v: is_numbers(v) or type(v) is int))
def test_a_quantity_of_another_dimension_is_refused(name, argument):
    own = TAKERS[name].units.get(argument)
    wanted = f"give it in {own}" if own else "give"
    with pytest.raises(InputError, match=rf"^[^\n]*\b(A|ampere)\b[^\n]*{re.escape(wanted)}[^\n]*$"):
        call(name, argument, lambda v: v * unit.ampere)


@pytest.mark.parametrize(("name", "argument"), places(lambda v: isinstance(v, np.ndarray)))
def test_a_masked_array_is_refused(name, argument, refused):
    refused(lambda: call(name, argument, np.ma.masked_invalid), "is a masked array; fill or drop")


def spoilt(value):
    if isinstance(value, float):
        return np.nan
    array = np.array(value, dtype=float)
    array.flat[[0, 1, -1]] = np.nan
    return array


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "argument"),
    places(lambda v: is_numbers(v) and np.asarray(v).dtype.kind == "f"),
)
def test_nan_gives_nan_or_is_refused(name, argument):
    try:
        found = numbers(call(name, argument, spoilt))
    except InputError:
        return
    assert np.isnan(found).sum() > np.isnan(numbers(call(name))).sum()


@pytest.mark.parametrize(("name", "argument"), places(lambda v: type(v) is int))
@pytest.mark.parametrize("wrong", [float, str, lambda v: v + 0.5])
def test_what_counts_is_an_integer(name, argument, wrong, refused):
    refused(lambda: call(name, argument, wrong), repr(wrong(TAKERS[name].arguments[argument])))
