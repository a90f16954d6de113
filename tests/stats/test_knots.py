"""Counts at knots are exact, and the bounds of distances from them contain those of the values."""

import math
import pickle

import numpy as np
import pytest
from arrays import ks_distance, wasserstein
from hypothesis import example, given
from hypothesis import strategies as st
from samples import SHAPES, samples
from scipy import stats

from mlgates.stats import knots
from mlgates.stats.counting import in_order, ranks_of
from mlgates.stats.knots import Knots
from mlgates.stats.twosample import Bounded, PointCounts, ks_between, wasserstein_between

NAN = math.nan


def knots_at(points):
    points = np.unique(in_order(points))
    return Knots(points[np.isfinite(points)])


def check_counts(points, values):
    low, high = points.count(values)
    expected = ranks_of(np.sort(values), points.points)
    assert low.tolist() == expected[0].tolist()
    assert high.tolist() == expected[1].tolist()


@pytest.mark.parametrize("size", [1, 30, 2_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_counts_at_knots(shape, size):
    rng = np.random.default_rng(size)
    points = knots_at(SHAPES[shape](rng, size))
    for other in (shape, "normal", "integers", "beyond 2**53", "float32", "huge"):
        check_counts(points, SHAPES[other](rng, 3_000))
    check_counts(points, points.points)
    check_counts(points, np.empty(0))


@given(samples(), samples() | samples(st.integers(-(2**60), 2**60), np.int64), st.integers(0, 3))
@example(np.array([0.0, 0.25, 1e307]), np.array([0.0]), 2)
def test_counts_at_any_knots_of_any_values(points, values, tables):
    points = knots_at(points)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knots, "_MOST_TABLES", tables)
        patch.setattr(knots, "_LEAST_BUCKETS", 2)
        patch.setattr(knots, "_BLOCK", 7)
        patch.setattr(knots, "_MANY", 30)
        check_counts(points, values)


def test_knots_are_equal_by_their_points():
    points = Knots(np.array([1.0, 2.0]))
    points.count(np.array([1.0]))
    copy = pickle.loads(pickle.dumps(points))
    assert copy == points
    assert len({copy, points, Knots(np.array([1, 2])), Knots(np.array([1.0, 3.0]))}) == 3
    assert repr(copy) == repr(points)
    assert len(pickle.dumps(points)) < 1_000


def known(values, points):
    values = np.sort(np.asarray(values))
    return PointCounts(*ranks_of(values, points), len(values))


def beyond(values, points):
    values = np.asarray(values, float)
    under, above = points[0] - values, values - points[-1]
    return float(np.maximum(under, 0).sum() + np.maximum(above, 0).sum())


values = st.lists(st.integers(-20, 20) | st.floats(-20, 20), min_size=1, max_size=40)


@given(values, values, st.lists(st.floats(-25, 25), max_size=10, unique=True))
def test_ks_lies_within_the_bounds_at_any_points(x, y, points):
    points = np.sort(np.array(points, float))
    found = ks_between(known(x, points), known(y, points))
    truth = ks_distance(np.sort(np.array(x, float)), np.sort(np.array(y, float)))
    assert found.value == found.low
    assert found.low - 1e-12 <= truth <= found.high + 1e-12
    assert 0 <= found.low <= found.high <= 1


@given(values, values)
def test_ks_is_exact_where_all_values_of_a_side_are_points(x, y):
    points = np.unique(np.array(x, float))
    found = ks_between(known(x, points), known(y, points))
    truth = ks_distance(np.sort(np.array(x, float)), np.sort(np.array(y, float)))
    assert found == (truth, truth, truth)


@pytest.mark.parametrize("times", [1, 10**6, 10**9, 2**54])
def test_ks_of_any_number_of_rows_is_exact(times):
    """The distance is 0.1, where a difference of shares would be 0.10000000000000003."""
    x = PointCounts(np.array([20, 130]) * times, np.array([80, 154]) * times, 200 * times)
    y = PointCounts(np.array([20, 110]) * times, np.array([60, 140]) * times, 200 * times)
    assert ks_between(x, y) == (0.1, 0.1, 0.35)


@given(values, values, st.integers(0, 6))
def test_wasserstein_lies_within_the_bounds(x, y, between):
    inner = np.linspace(min(x), max(x), between + 2)
    points = np.unique(np.array([min(x), *inner, max(x)], float))
    points = points[(points >= min(x)) & (points <= max(x))]
    found = wasserstein_between(points, known(x, points), known(y, points), beyond(y, points))
    truth = stats.wasserstein_distance(x, y)
    assert found.low - 1e-9 <= truth <= found.high + 1e-9
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9


@given(values, values)
def test_wasserstein_is_exact_where_all_values_are_points(x, y):
    points = np.unique(np.array([*x, *y], float))
    found = wasserstein_between(points, known(x, points), known(y, points))
    truth = wasserstein(np.sort(np.array(x, float)), np.sort(np.array(y, float)))
    assert tuple(found) == pytest.approx((truth,) * 3, abs=1e-9)


def test_swapping_sides_changes_nothing():
    points = np.array([0.0, 1.0, 2.0])
    x, y = known([0, 0.5, 2], points), known([0, 1.5, 1.7, 2], points)
    assert ks_between(x, y) == ks_between(y, x)
    assert wasserstein_between(points, x, y) == wasserstein_between(points, y, x)


def test_far_away_values_are_counted_at_their_distance():
    points = np.array([0.0, 1.0])
    x, y = known([0.0, 1.0], points), known([1_001.0, 1_001.0], points)
    assert wasserstein_between(points, x, y, beyond=2_000.0) == Bounded(1_000.5, 1_000.5, 1_000.5)


@pytest.mark.parametrize("least", [5e-324, 1e-310, 1e-300])
def test_distances_of_the_least_doubles_are_those_of_others(least):
    points = np.arange(0, 1_000, 5.0)
    x, y = (known(np.arange(low, 1_000.0), points) for low in (0, 300))
    usual, small = wasserstein_between(points, x, y), wasserstein_between(points * least, x, y)
    assert small.value == pytest.approx(usual.value * least, rel=0.05)
    assert small.low <= small.value <= small.high


def test_widths_of_large_integers_are_exact():
    top = 2**53
    points = np.array([top, top + 1], np.int64)
    x = PointCounts(np.array([0, 1]), np.array([1, 1]), 1)
    y = PointCounts(np.array([0, 0]), np.array([0, 1]), 1)
    assert wasserstein_between(points, x, y).value == 1.0
    ends = np.array([-(2**63), 2**63 - 1], np.int64)
    assert wasserstein_between(ends, x, y).value == 2.0**64


@pytest.mark.parametrize(
    ("points", "n", "beyond"),
    [
        ([0.0, 1.0], 0, 0.0),
        ([], 1, 0.0),
        ([0.0, 1.0], 1, NAN),
        ([0.0, 1.0], 1, math.inf),
        ([-1.7e308, 1.7e308], 1, 0.0),
    ],
)
def test_undefined(points, n, beyond):
    points = np.array(points)
    low, high = np.arange(len(points)), np.minimum(np.arange(len(points)) + 1, 1)
    x = PointCounts(low, np.maximum(high, low), 1)
    y = PointCounts(np.zeros(len(points), int), np.zeros(len(points), int), n)
    assert all(map(math.isnan, wasserstein_between(points, x, y, beyond)))
    if n == 0:
        assert all(map(math.isnan, ks_between(x, y)))
        assert all(map(math.isnan, ks_between(y, x)))


def test_no_points_leave_everything_open():
    none = PointCounts(np.zeros(0, int), np.zeros(0, int), 3)
    assert ks_between(none, none) == Bounded(0.0, 0.0, 1.0)
