"""Intervals and tests of proportions: published values, scipy, and shares of 0 and 1."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlgates.stats.proportions import (
    wilson_interval,
)
from mlgates.stats.two_by_two import fisher_exact, two_proportions_pvalue


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (0, 10, 0, 0.2775),
        (19, 20, 0.7639, 0.9911),
    ],
)
def test_wilson_interval_of_newcombes_table_1(x, n, low, high):
    found = wilson_interval(x, n)
    assert (round(float(found[0]), 4), round(float(found[1]), 4)) == (low, high)


@given(st.integers(1, 10**9), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.999]))
def test_wilson_interval_is_scipys(n, share, confidence):
    x = round(n * share)
    theirs = stats.binomtest(x, n).proportion_ci(confidence, method="wilson")
    low, high = wilson_interval(x, n, confidence)
    assert low == pytest.approx(theirs.low, abs=1e-12)
    assert high == pytest.approx(theirs.high, abs=1e-12)
    assert 0 <= low <= x / n <= high <= 1
    mirrored = wilson_interval(n - x, n, confidence)
    assert low == pytest.approx(1 - mirrored[1], abs=1e-12)


def test_wilson_interval_of_arrays_and_without_trials():
    low, high = wilson_interval([0, 5, 0], [0, 5, 5])
    assert np.isnan(low[0])
    assert np.isnan(high[0])
    assert (high[1], low[2]) == (1, 0)
    assert math.isnan(wilson_interval(0, 0)[0])


@given(*[st.integers(0, 60)] * 4)
def test_fisher_exact_is_scipys(a, b, c, d):
    theirs = stats.fisher_exact([[a, b], [c, d]]).pvalue
    assert fisher_exact(a, b, c, d) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(
    "table", [(3, 999_997, 12, 999_988), (0, 30, 4, 9_996), (2_000, 1, 2_100, 9), (0, 0, 5, 7)]
)
def test_fisher_exact_of_large_counts_is_scipys(table):
    a, b, c, d = table
    theirs = stats.fisher_exact([[a, b], [c, d]]).pvalue
    assert fisher_exact(a, b, c, d) == pytest.approx(theirs, rel=1e-7)


@given(st.integers(1, 2_000), st.integers(1, 2_000), st.floats(0, 1), st.floats(0, 1))
def test_two_proportions_are_chi_square_or_fisher(n, m, share, other):
    x, y = round(n * share), round(m * other)
    table = np.array([[x, n - x], [y, m - y]])
    p = two_proportions_pvalue(x, n, y, m)
    if not table.sum(axis=0).all():
        assert p == 1
    elif np.outer(table.sum(axis=1), table.sum(axis=0)).min() < 5 * (n + m):
        assert p == pytest.approx(stats.fisher_exact(table).pvalue, rel=1e-9)
    else:
        theirs = stats.chi2_contingency(table, correction=False)
        assert p == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-300)
    assert two_proportions_pvalue(y, m, x, n) == pytest.approx(p, rel=1e-9)


def test_two_proportions_without_trials_or_successes():
    assert math.isnan(two_proportions_pvalue(0, 0, 1, 5))
    assert math.isnan(two_proportions_pvalue(1, 5, 0, 0))
    assert two_proportions_pvalue(0, 5, 0, 9) == 1
    assert two_proportions_pvalue(5, 5, 9, 9) == 1
    assert two_proportions_pvalue(0, 10**6, 940_000, 10**6) == 0
