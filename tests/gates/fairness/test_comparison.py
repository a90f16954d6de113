"""How many rows decide: shrunk values, and the probability that a larger sample decides."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.gates.fairness.comparison import decisive_growth, shrunk


def drawn_in(values, errors):
    return shrunk(np.array(values), np.array(errors))


def growth_of(beyond, error, quantile, farthest):
    return float(decisive_growth(np.array([beyond]), np.array([error]), quantile, farthest)[0])


def test_two_values_that_differ_by_chance_are_shrunk_to_their_mean():
    assert drawn_in([0.4, 0.5], [0.1, 0.1]).tolist() == pytest.approx([0.45, 0.45])


def test_values_far_apart_are_not_shrunk():
    assert drawn_in([0.1, 0.9], [1e-6, 1e-6]).tolist() == pytest.approx([0.1, 0.9])


def test_two_values_are_shrunk_by_one_over_z_squared():
    # z^2 = 0.4^2 / (2 * 0.05^2) = 32
    assert np.ptp(drawn_in([0.2, 0.6], [0.05, 0.05])) == pytest.approx(0.4 * (1 - 1 / 32))


@given(
    values=st.lists(st.floats(0, 1), min_size=2, max_size=8),
    errors=st.lists(st.floats(1e-3, 1), min_size=8, max_size=8),
)
def test_shrinking_never_increases_a_gap(values, errors):
    drawn = drawn_in(values, errors[: len(values)])
    assert min(values) - 1e-9 <= drawn.min()
    assert drawn.max() <= max(values) + 1e-9


def test_a_known_distance_needs_as_many_rows_as_in_textbooks():
    # far from the limit the value is known well enough: (1.96 + 1.036)^2 / 10^2
    assert growth_of(1.0, 0.1, 1.96, 0.0) == pytest.approx((1.96 + 1.036) ** 2 / 100, rel=0.05)


def test_a_value_on_the_limit_needs_many_times_more_rows_than_one_near_it():
    assert growth_of(0.0, 0.1, 1.96, 0.0) > 20 * growth_of(0.3, 0.1, 1.96, 0.0)


@given(beyond=st.floats(-1, 1), error=st.floats(1e-4, 1), quantile=st.floats(0.7, 5))
def test_growth_is_scale_free_and_rises_with_the_level(beyond, error, quantile):
    growth = growth_of(beyond, error, quantile, 0.67)
    assert growth == pytest.approx(growth_of(3 * beyond, 3 * error, quantile, 0.67), rel=1e-3)
    assert growth <= growth_of(beyond, error, quantile + 1, 0.67) * 1.001
    assert growth > 0 or math.isinf(growth)


def test_each_value_has_its_own_growth():
    beyond, errors = np.array([-0.3, 0.2, 0.0]), np.array([0.05, 0.1, 0.2])
    together = decisive_growth(beyond, errors, 2.2, 0.9).tolist()
    alone = [growth_of(b, e, 2.2, 0.9) for b, e in zip(beyond, errors, strict=True)]
    assert together == pytest.approx(alone)
