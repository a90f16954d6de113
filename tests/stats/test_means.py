"""Means and medians: Student's interval where nothing is skewed, order statistics, weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlgates.stats.means import mean_interval, median_interval, weighted_median


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=20), st.sampled_from([0.8, 0.95, 0.99]))
def test_mean_interval_is_students_where_rows_are_symmetric(half, confidence):
    values = np.array([x for y in half for x in (5 + y, 5 - y)])
    found = mean_interval(values, confidence=confidence)
    spread = values.std(ddof=1) / np.sqrt(len(values))
    if np.ptp(values) < 1e-6:
        assert found is None or found[1] - found[0] < 1e-4
        return
    theirs = stats.t.interval(confidence, len(values) - 1, 5, spread)
    assert found == pytest.approx(theirs, rel=1e-6, abs=1e-6)


def test_mean_interval_reaches_to_the_side_of_the_tail():
    values = np.random.default_rng(0).exponential(size=50)
    low, high = mean_interval(values)
    mean = values.mean()
    assert high - mean > mean - low
    mirrored = mean_interval(-values)
    assert mirrored == pytest.approx((-high, -low))
    for scale in (1e-100, 1e-9, 1e110):
        assert mean_interval(values * scale) == pytest.approx((low * scale, high * scale), 1e-9, 0)


def test_mean_interval_of_weights():
    values = np.random.default_rng(1).normal(size=30)
    assert mean_interval(values, np.full(30, 0.3)) == pytest.approx(mean_interval(values))
    twice = np.where(np.arange(30) < 15, 1.0, 5.0)
    n = twice.sum() ** 2 / (twice**2).sum()
    low, high = mean_interval(values, twice)
    mean = np.average(values, weights=twice)
    assert low < mean < high
    assert (high - low) * np.sqrt(n) == pytest.approx(
        np.diff(mean_interval(values))[0] * np.sqrt(30), rel=0.2
    )


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 300),
    st.floats(0.5, 5),
    st.sampled_from([0.1, 0.5, 0.8, 0.95, 0.999]),
)
def test_mean_interval_holds_the_mean_whatever_the_weights(seed, n, tail, confidence):
    rng = np.random.default_rng(seed)
    values = rng.choice([-1, 1]) * rng.lognormal(sigma=tail, size=n)
    for weight in (None, 10 ** rng.uniform(-4, 0, n)):
        found = mean_interval(values, weight, confidence)
        if found is not None:
            mean = np.average(values, weights=weight)
            crumb = 1e-12 * abs(mean)
            assert found[0] - crumb <= mean <= found[1] + crumb


@pytest.mark.parametrize("far", [-1e4, 1e4])
@pytest.mark.parametrize("light", [1e-3, 0.02])
def test_a_far_row_of_little_weight_narrows_no_side(far, light):
    values = np.append(np.random.default_rng(5).normal(size=1_000), far)
    weight = np.append(np.ones(1_000), light)
    low, high = mean_interval(values, weight)
    mean = np.average(values, weights=weight)
    n = weight.sum() ** 2 / (weight**2).sum()
    error = np.sqrt(np.average((values - mean) ** 2, weights=weight) / (n - 1))
    student = stats.t.ppf(0.975, n - 1) * error
    assert mean - low >= student * (1 - 1e-12)
    assert high - mean >= student * (1 - 1e-12)
    # on the side of the row the interval reaches as far as one row among equals can carry it
    assert max(mean - low, high - mean) == pytest.approx(6.12 * error, rel=0.01)


def test_rows_without_weights_are_corrected_in_full():
    values = np.append(np.zeros(99), 1.0)
    low, high = mean_interval(values)
    c = stats.skew(values) / 30
    error = values.std() / np.sqrt(99)

    def hall(end):
        t = (0.01 - end) / error
        return t + c * t**2 + c**2 * t**3 / 3 + c / 2

    assert 0.32 < c < 1 / 3
    t = stats.t.ppf(0.975, 99)
    assert (hall(low), hall(high)) == pytest.approx((t, -t))


def test_mean_without_an_interval():
    assert mean_interval(np.array([1.0])) is None
    assert mean_interval(np.full(9, 0.1)) is None
    assert mean_interval(np.array([1.0, 2.0]), np.array([1.0, 0.0])) is None


@pytest.mark.parametrize(("n", "ends"), [(100, (40, 61)), (6, (1, 6)), (10, (2, 9)), (5, None)])
def test_median_interval_of_ranks(n, ends):
    values = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    assert median_interval(values) == ends
    assert median_interval(values, np.full(n, 2.5)) == ends


@given(st.integers(6, 5_000), st.sampled_from([0.9, 0.95, 0.99]))
def test_median_interval_is_binomial(n, confidence):
    tail = (1 - confidence) / 2
    low, high = stats.binom.ppf(tail, n, 0.5), stats.binom.ppf(1 - tail, n, 0.5) + 1
    found = median_interval(np.arange(1.0, n + 1), confidence=confidence)
    assert found == (None if low < 1 else (low, high))


def test_weighted_median_counts_whole_weights_as_rows():
    rng = np.random.default_rng(4)
    for _ in range(50):
        values, weight = rng.integers(9, size=7).astype(float), rng.integers(4, size=7)
        if not weight.any():
            continue
        expected = np.median(np.repeat(values, weight))
        assert weighted_median(values, weight.astype(float)) == expected
