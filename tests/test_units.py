"""Reduced units against the numbers of the paper."""

import math

import pytest
from openmm import unit

from openmm_thermalnet import units

NOT_NUMBERS = [math.nan, math.inf]


def test_temperature_of_the_paper():
    kelvin = units.temperature(1e-5).value_in_unit(unit.kelvin)
    assert kelvin == pytest.approx(1.2027e-3, rel=1e-4)


def test_temperature_times_boltzmann_is_the_thermal_energy():
    energy = unit.MOLAR_GAS_CONSTANT_R * units.temperature(0.3)
    assert energy.value_in_unit(unit.kilojoule_per_mole) == pytest.approx(0.3, rel=1e-14)


@pytest.mark.parametrize("kT", [0.0, 1e-5, 2.5])
def test_reduced_temperature_is_the_inverse(kT):
    quantity = units.temperature(kT)
    assert units.reduced_temperature(quantity) == pytest.approx(kT, rel=1e-14)
    assert units.reduced_temperature(quantity._value) == pytest.approx(kT, rel=1e-14)


def test_friction_of_the_paper():
    rate = units.friction(1e-3)
    assert rate.value_in_unit(unit.picosecond**-1) == pytest.approx(0.10005, rel=1e-5)


@pytest.mark.parametrize(("eta", "timestep"), [(0.0, 0.01), (1e-3, 0.02), (0.9, 0.5)])
def test_friction_leaves_the_fraction_of_a_velocity_that_one_step_keeps(eta, timestep):
    rate = units.friction(eta, timestep).value_in_unit(unit.picosecond**-1)
    assert math.exp(-rate * timestep) == pytest.approx(1 - eta, rel=1e-12)


def test_a_reduced_time_is_a_picosecond():
    """sqrt(amu nm^2 / (kJ/mol)) is 1 ps, so reduced numbers are OpenMM's."""
    time = (units.MASS * unit.nanometer**2 / unit.kilojoule_per_mole).sqrt()
    assert time.value_in_unit(unit.picosecond) == pytest.approx(1, rel=1e-12)
    assert units.timestep(0.01) == 0.01 * unit.picosecond


@pytest.mark.parametrize("kT", [-1e-5, *NOT_NUMBERS])
def test_a_bad_temperature_is_refused(kT, refused):
    refused(lambda: units.temperature(kT), "kT", repr(kT), "not negative")


@pytest.mark.parametrize("eta", [-0.1, 1.0, 1.5, *NOT_NUMBERS])
def test_a_bad_friction_is_refused(eta, refused):
    refused(lambda: units.friction(eta), "friction", repr(eta), "give a")


@pytest.mark.parametrize("dt", [0.0, -0.01, *NOT_NUMBERS])
def test_a_bad_time_step_is_refused(dt, refused):
    shown = "0" if dt == 0 else repr(dt)
    refused(lambda: units.timestep(dt), "timestep", shown, "give a")
    refused(lambda: units.friction(1e-3, dt), "timestep", shown, "give a")
