"""Intervals of deviations, of differences and of ratios: against scipy, equations and searches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlgates.stats.changes import deviation_interval, ratio_interval, welch_intervals
from mlgates.stats.means import mean_interval
from mlgates.stats.proportions import square_and_add

RNG = np.random.default_rng(5)


def powers_of(values):
    return [((values - values.mean()) ** order).sum() for order in range(2, 7)]


def test_deviation_of_normal_values_is_near_chi_square():
    values = RNG.normal(0, 2, 20_000)
    found = deviation_interval(powers_of(values), len(values))
    ends = stats.chi2.ppf([0.975, 0.025], 19_999)
    assert found == pytest.approx(values.std(ddof=1) * np.sqrt(19_999 / ends), rel=1e-3)


def test_interval_of_a_deviation_is_hall_s_of_the_squared_deviations():
    values = RNG.exponential(1, 300)
    squares = (values - values.mean()) ** 2 * 300 / 299
    expected = np.sqrt(mean_interval(squares))
    assert deviation_interval(powers_of(values), 300) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("values", [[1.0], [2.0, 2.0, 2.0], [1e200, 0.0, 5.0], [1e-200, 0.0]])
def test_deviation_without_an_interval(values):
    with np.errstate(all="ignore"):
        powers = powers_of(np.array(values))
    assert deviation_interval(powers, len(values)) is None


def test_deviation_of_two_equally_frequent_values():
    low, high = deviation_interval(powers_of(np.tile([0.0, 2.0], 50)), 100)
    assert 0.9 < low < 1 < high < 1.1


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_difference_of_means_is_that_of_scipy(level):
    a, b = RNG.normal(0, 1, 12), RNG.normal(1, 5, 40)
    samples = tuple((x.mean(), x.var(ddof=1), len(x)) for x in (a, b))
    first, second = welch_intervals(samples, level)
    ends = square_and_add(a.mean(), first, b.mean(), second)
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(level)
    assert ends == pytest.approx((expected.low, expected.high), rel=1e-10)


@pytest.mark.parametrize(
    "samples", [((1, 1, 1), (1, 1, 9)), ((1, 0, 9), (2, 0, 9)), ((1, math.inf, 9), (2, 1, 9))]
)
def test_difference_without_an_interval(samples):
    assert welch_intervals(samples) is None


def test_one_constant_sample_leaves_the_interval_of_the_other():
    first, second = welch_intervals(((1.0, 4.0, 10), (2.0, 0.0, 50)))
    assert second == (2.0, 2.0)
    assert first == pytest.approx(stats.t.interval(0.95, 9, 1.0, math.sqrt(0.4)))


def excludes(value, interval, other, other_interval, ratio):
    """Return whether square-and-add excludes that ``value - ratio * other`` is 0."""
    scaled = tuple(sorted(ratio * end for end in other_interval))
    low, high = square_and_add(value, interval, ratio * other, scaled)
    return not low <= 0 <= high


arms = st.tuples(st.floats(0, 4), st.floats(0, 4))


@given(st.floats(-9, 9), arms, st.floats(0.5, 9), st.floats(0.05, 0.95), st.floats(0, 2))
def test_ratio_is_excluded_beyond_the_ends_alone(value, arms, other, near, far):
    interval = (value - arms[0], value + arms[1])
    other_interval = (other * near, other * (1 + far))
    low, high = ratio_interval(value, interval, other, other_interval)
    assert low <= value / other + 1e-9
    assert high >= value / other - 1e-9
    for end, side in ((low, -1), (high, 1)):
        step = 1e-6 * max(abs(low), abs(high), 1e-3)
        given_ = (value, interval, other, other_interval)
        assert excludes(*given_, end + side * step)
        if step < high - low:
            assert not excludes(*given_, end - side * step)
    turned = ratio_interval(value, interval, -other, (-other_interval[1], -other_interval[0]))
    assert turned == pytest.approx((-high, -low), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("interval", "other_interval"),
    [((1, 2), (-1, 3)), ((1, 2), (0, 3)), ((-math.inf, 2), (1, 3)), ((1, 2), (1, math.inf))],
)
def test_ratio_without_a_bound(interval, other_interval):
    assert ratio_interval(1.5, interval, 2.0, other_interval) is None
