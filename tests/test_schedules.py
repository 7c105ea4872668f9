"""Schedules: which steps, which temperature."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmm_thermalnet.schedules import (
    Annealing,
    linear_steps,
    logarithmic_steps,
    logarithmic_steps_from,
)

LASTS = st.integers(0, 10_000_000)
TEMPERATURES = st.floats(1e-9, 1e3)


@st.composite
def tables(draw):
    steps = sorted(draw(st.sets(st.integers(0, 100_000), min_size=1, max_size=6)))
    return [(step, draw(TEMPERATURES)) for step in steps]


@given(last=st.integers(0, 100_000), interval=st.integers(1, 200_000))
def test_linear_steps_go_from_zero_to_last_at_equal_distance(last, interval):
    steps = linear_steps(last, interval)
    assert steps.dtype == np.int64
    assert steps[0] == 0
    assert steps[-1] == last
    gaps = np.diff(steps)
    assert np.all(gaps[:-1] == interval)
    assert np.all((gaps[-1:] > 0) & (gaps[-1:] <= interval))


@given(last=LASTS, per_decade=st.integers(1, 50))
def test_logarithmic_steps_ascend_from_zero_to_last(last, per_decade):
    steps = logarithmic_steps(last, per_decade)
    assert steps.dtype == np.int64
    assert steps[0] == 0
    assert steps[-1] == last
    assert np.all(np.diff(steps) > 0)


@given(last=LASTS, per_decade=st.integers(1, 50))
def test_a_full_decade_of_logarithmic_steps_has_as_many_as_asked_for(last, per_decade):
    steps = logarithmic_steps(last, per_decade)
    for power in range(7):
        low, high = 10**power, 10 ** (power + 1)
        inside = np.sum((steps >= low) & (steps < high) & (steps != last))
        assert inside <= per_decade
        # From here on two neighbours are more than a step apart, so none coincide.
        if last >= high and low * (10 ** (1 / per_decade) - 1) > 1:
            assert np.sum((steps >= low) & (steps < high)) == per_decade
            assert {low, high} <= set(steps)


@given(last=st.integers(0, 10**6), shares=st.sets(st.floats(0, 1), min_size=1, max_size=4))
def test_schedules_from_several_origins_are_united(last, shares):
    origins = sorted({int(share * last) for share in shares})
    steps = logarithmic_steps_from(origins, last, 5)
    assert np.all(np.diff(steps) > 0)
    wanted = [origin + logarithmic_steps(last - origin, 5) for origin in origins]
    assert set(steps.tolist()) == set(np.concatenate(wanted).tolist())


@given(short=LASTS, more=LASTS, per_decade=st.integers(1, 20))
def test_a_longer_run_keeps_the_logarithmic_steps_of_a_shorter_one(short, more, per_decade):
    kept = set(logarithmic_steps(short, per_decade)) - {short}
    assert kept <= set(logarithmic_steps(short + more, per_decade))


@given(table=tables(), exponential=st.booleans(), step=st.integers(0, 200_000))
def test_annealing_stays_between_its_entries(table, exponential, step):
    annealing = Annealing(table, exponential)
    values = [kT for _, kT in table]
    tolerance = 1e-12 * max(values)
    assert min(values) - tolerance <= annealing.kT(step) <= max(values) + tolerance
    assert annealing.kT(0) == pytest.approx(values[0])
    assert annealing.kT(300_000) == pytest.approx(values[-1])


@given(
    table=tables(),
    exponential=st.booleans(),
    interval=st.integers(1, 5000),
    last=st.integers(0, 20_000),
)
def test_temperature_changes_at_the_announced_steps_alone(table, exponential, interval, last):
    annealing = Annealing(table, exponential, interval)
    edges = [0, *annealing.changes(last).tolist(), last + 1]
    assert edges == sorted(set(edges))
    for low, high in pairwise(edges):
        assert annealing.kT(low) == annealing.kT(high - 1)


@given(kT=TEMPERATURES, step=st.integers(0, 10**9))
def test_one_entry_is_a_constant_temperature(kT, step):
    annealing = Annealing([(0, kT)])
    assert annealing.constant
    assert annealing.kT(step) == kT
    assert len(annealing.changes(10**6)) == 0


def test_linear_annealing_is_linear_and_exponential_geometric():
    linear = Annealing([(0, 4.0), (1000, 2.0)])
    assert [linear.kT(step) for step in (0, 99, 100, 500, 1000, 5000)] == pytest.approx(
        [4.0, 4.0, 3.8, 3.0, 2.0, 2.0]
    )
    geometric = Annealing([(0, 4.0), (1000, 1.0)], exponential=True)
    assert [geometric.kT(step) for step in (0, 500, 1000)] == pytest.approx([4.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("call", "part"),
    [
        (lambda: linear_steps(-1, 10), "steps is -1"),
        (lambda: linear_steps(10, 0), "interval is 0"),
        (lambda: logarithmic_steps(-1, 10), "steps is -1"),
        (lambda: logarithmic_steps(10, 0), "per decade is 0"),
        (lambda: logarithmic_steps_from([0, 11], 10, 10), "step 11 is beyond the last step 10"),
        (lambda: Annealing([]), "empty"),
        (lambda: Annealing([(0, 1.0)], interval=0), "interval is 0"),
        (lambda: Annealing([(5, 1.0), (5, 2.0)]), "do not ascend"),
        (lambda: Annealing([(0, 1.0), (5, -2.0)]), "-2.0"),
        (lambda: Annealing([(0, 1.0), (5, np.nan)]), "nan"),
        (lambda: Annealing([(0, 1.0), (5, 0.0)], exponential=True), "exponential"),
    ],
)
def test_refused(refused, call, part):
    refused(call, part)
