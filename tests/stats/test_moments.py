"""Exact sums and moments: against fractions and scipy, for any order and any parts."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlgates.stats.moments import Moments, sum_of_units

floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
near = st.floats(-1e50, 1e50, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-50)
RNG = np.random.default_rng(3)


@given(st.lists(near, min_size=1, max_size=40))
def test_sums_are_exact(values):
    sample = Moments.of(np.array(values), squares=True)
    assert sample.total == sum(map(Fraction, values))
    assert sample.squares == sum(Fraction(value) ** 2 for value in values)
    assert sample.mean == float(sample.total / len(values))


@given(st.lists(floats, min_size=1, max_size=20))
def test_sums_of_any_doubles_are_finite_or_overflow_as_fractions_do(values):
    sample = Moments.of(np.array(values))
    exact = sum(map(Fraction, values))
    assert abs(sample.total - exact) <= Fraction(1, 10**200) * max(map(abs, map(Fraction, values)))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64"])
def test_sums_of_integers_are_exact(dtype):
    info = np.iinfo(dtype)
    values = RNG.integers(info.min, info.max, 70_000, dtype, endpoint=True)
    sample = Moments.of(values, squares=True)
    assert sample.total == sum(values.tolist())
    if info.bits <= 32:
        assert sample.squares == sum(value**2 for value in values.tolist())
    assert sample.skewness == pytest.approx(stats.skew(values.astype(float)), abs=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e-40, 1e40])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_moments_are_those_of_scipy(scale, shift):
    values = (RNG.gamma(2, 1, 100_000) + shift) * scale
    sample = Moments.of(values, squares=True)
    assert sample.variance == pytest.approx(values.var(ddof=1), rel=1e-9)
    assert sample.skewness == pytest.approx(stats.skew(values), rel=1e-7)
    for order, power in enumerate(sample.powers, 2):
        assert power == pytest.approx(((values - values.mean()) ** order).sum(), rel=1e-5)


def test_a_mean_far_from_0_does_not_cancel():
    values = 1e9 + np.arange(1_000) % 2
    assert Moments.of(values, squares=True).variance == 250 / 999
    assert Moments.of(values).variance == pytest.approx(250 / 999, rel=1e-12)


@given(st.lists(near, max_size=30), st.integers(0, 30), st.randoms(use_true_random=False))
def test_order_and_parts_make_no_difference(values, cut, random):
    whole = Moments.of(np.array(values), squares=True)
    shuffled = list(values)
    random.shuffle(shuffled)
    parts = [Moments.of(np.array(p), squares=True) for p in (shuffled[:cut], shuffled[cut:])]
    merged = parts[0].merge(parts[1])
    assert (merged.n, merged.total, merged.squares) == (whole.n, whole.total, whole.squares)
    if len(values) > 1:
        assert merged.variance == whole.variance
        largest = max(map(abs, values))
        for order, pair in enumerate(zip(merged.powers, whole.powers, strict=True), 2):
            assert pair[0] == pytest.approx(pair[1], rel=1e-6, abs=1e-9 * largest**order)


def test_rounded_moments_keep_the_variance():
    sample = Moments.of(RNG.normal(1e5, 1, 999), squares=True)
    assert sample.without_squares().variance == sample.variance
    assert sample.without_squares().squares is None


def test_without_values_and_with_equal_ones():
    none, same = Moments(), Moments.of(np.full(5, 3.5))
    assert math.isnan(none.mean)
    assert none.merge(same) == same.merge(none) == same
    assert (same.mean, same.variance, same.powers) == (3.5, 0, (0, 0))
    assert math.isnan(same.skewness)
    assert math.isnan(Moments.of(np.array([1.0])).variance)


@pytest.mark.parametrize("width", [4, 8, 16, 32])
def test_units_of_decimals(width):
    most = 2 ** (8 * width - 1)
    units = [0, 1, -1, most - 1, -most, 12345, most // 3]
    data = b"".join(unit.to_bytes(width, "little", signed=True) for unit in units)
    assert sum_of_units(np.frombuffer(data, np.uint8), width) == sum(units)
