"""Rows that decide: how much of a gap is chance, and what chance a new draw has."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.gates.fairness.sample_size import decisive_growth, shrunk


def test_two_values_within_chance_are_alike():
    assert shrunk([0.4, 0.5], [0.1, 0.1]).tolist() == pytest.approx([0.45, 0.45])


def test_values_far_apart_stay_where_they_are():
    assert shrunk([0.1, 0.9], [1e-6, 1e-6]).tolist() == pytest.approx([0.1, 0.9])


def test_two_values_are_drawn_in_by_one_over_z_squared():
    # z^2 = 0.4^2 / (2 * 0.05^2) = 32
    assert np.ptp(shrunk([0.2, 0.6], [0.05, 0.05])) == pytest.approx(0.4 * (1 - 1 / 32))


@given(
    values=st.lists(st.floats(0, 1), min_size=2, max_size=8),
    errors=st.lists(st.floats(1e-3, 1), min_size=8, max_size=8),
)
def test_no_gap_grows(values, errors):
    drawn = shrunk(values, errors[: len(values)])
    assert min(values) - 1e-9 <= drawn.min()
    assert drawn.max() <= max(values) + 1e-9


def test_a_known_distance_needs_the_textbooks_rows():
    # far from the limit the value is known well enough: (1.96 + 1.036)^2 / 10^2
    growth = decisive_growth(1.0, 0.1, 1.96, 0.0)
    assert growth == pytest.approx((1.96 + 1.036) ** 2 / 100, rel=0.05)


def test_on_the_limit_needs_many_times_the_rows_of_beside_it():
    assert decisive_growth(0.0, 0.1, 1.96, 0.0) > 20 * decisive_growth(0.3, 0.1, 1.96, 0.0)


@given(beyond=st.floats(-1, 1), error=st.floats(1e-4, 1), quantile=st.floats(0.7, 5))
def test_growth_is_scale_free_and_rises_with_the_level(beyond, error, quantile):
    growth = decisive_growth(beyond, error, quantile, 0.67)
    assert growth == pytest.approx(decisive_growth(3 * beyond, 3 * error, quantile, 0.67), rel=1e-3)
    assert growth <= decisive_growth(beyond, error, quantile + 1, 0.67) * 1.001
    assert growth > 0 or math.isinf(growth)
