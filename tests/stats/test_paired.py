"""Paired differences: published tables, score equations solved elsewhere, exact chances."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from mlgates.stats.proportions import (
    mcnemar,
    rows_to_decide,
    tango_interval,
)

Z = stats.norm.isf(0.025)


@pytest.mark.parametrize(
    ("counts", "tango"),
    [((12, 2, 50), (0.0611, 0.3447)), ((86, 150, 1600), (-0.0590, -0.0214))],
)
def test_intervals_of_published_tables(counts, tango):
    assert tuple(round(float(end), 4) for end in tango_interval(*counts)) == tango


def test_tango_interval_of_one_discordant_row():
    low, high = tango_interval(1, 0, 44)
    assert (round(float(low), 4), round(float(high), 4)) == (-0.0594, 0.1181)


def likely_loss(b, c, n, d):
    """The share of lost rows that makes the counts likeliest, by search over the likelihood."""

    def unlikely(q):
        shares = np.array([q + d, q, 1 - 2 * q - d])
        seen = np.array([b, c, n - b - c])
        with np.errstate(divide="ignore", invalid="ignore"):
            return -np.sum(np.where(seen > 0, seen * np.log(np.maximum(shares, 1e-300)), 0))

    bounds = max(0, -d), (1 - d) / 2
    return optimize.minimize_scalar(unlikely, bounds=bounds, options={"xatol": 1e-13}).x


@pytest.mark.parametrize(
    "counts", [(12, 2, 50), (3, 5, 40), (1, 9, 200), (0, 4, 33), (7, 0, 31), (20, 20, 41)]
)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_ends_of_tangos_interval_solve_the_score_equation(counts, confidence):
    b, c, n = counts
    z = stats.norm.isf((1 - confidence) / 2)
    ends = tango_interval(b, c, n, confidence)
    for sign, end in zip((1, -1), ends, strict=True):
        q = likely_loss(b, c, n, end)
        score = (b - c - n * end) / math.sqrt(n * (2 * q + end * (1 - end)))
        assert score == pytest.approx(sign * z, abs=1e-4)


COUNTS = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)).filter(any)


@given(COUNTS, st.sampled_from([0.5, 0.95, 0.999]))
def test_tango_interval_holds_the_estimate_and_mirrors(counts, confidence):
    b, c, others = counts
    n = b + c + others
    low, high = tango_interval(b, c, n, confidence)
    assert -1 <= low <= (b - c) / n <= high <= 1
    assert low < high
    assert tango_interval(c, b, n, confidence) == (-high, -low)
    wide = tango_interval(b, c, n, 0.9999)
    assert wide[0] <= low
    assert wide[1] >= high


def test_intervals_of_arrays_and_without_rows():
    low, high = tango_interval([12, 0, 50, 0], [2, 0, 0, 0], [50, 0, 50, 30])
    assert low[0].round(4) == 0.0611
    assert np.isnan([low[1], high[1]]).all()
    assert high[2] == 1
    assert high[3] == pytest.approx(Z**2 / (30 + Z**2), rel=1e-12)
    assert low[3] == -high[3]
    assert math.isnan(tango_interval(0, 0, 0)[0])


def test_many_discordant_rows_bring_the_interval_to_walds():
    rows = 10**6
    half = Z * math.sqrt(9_000 - 1_000**2 / rows) / rows
    found = tango_interval(4_000, 5_000, rows)
    np.testing.assert_allclose(found, (-0.001 - half, -0.001 + half), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("counts", "exact", "mid"),
    [
        ((150, 86), 3.716e-5, 2.893e-5),
        ((121, 59), 4.434e-6, 3.267e-6),
        ((25, 15), 0.15386, 0.11728),
        ((11, 1), 0.0063477, 0.0034180),
    ],
)
def test_mcnemar_of_published_tables(counts, exact, mid):
    assert mcnemar(*counts) == pytest.approx((exact, mid), rel=2e-4)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_a_binomial_test_with_probability_one_half(b, c):
    chances = [Fraction(math.comb(b + c, k), 2 ** (b + c)) for k in range(min(b, c) + 1)]
    exact, mid = mcnemar(b, c)
    assert exact == pytest.approx(min(1, float(2 * sum(chances))), rel=1e-11)
    assert mid == pytest.approx(float(2 * sum(chances) - chances[-1]), rel=1e-11)
    assert mcnemar(c, b) == (exact, mid)
    if b + c:
        assert exact == pytest.approx(stats.binomtest(b, b + c).pvalue, rel=1e-9)


def test_mcnemar_of_no_and_of_many_discordant_rows():
    assert mcnemar(0, 0) == (1, 1)
    exact, mid = mcnemar(500_000, 501_000)
    assert exact == pytest.approx(stats.binomtest(500_000, 1_001_000).pvalue, rel=1e-6)
    assert mid == pytest.approx(stats.chi2.sf(1_000**2 / 1_001_000, 1), rel=1e-3)
    assert mcnemar(10.5, 3.25)[1] == pytest.approx(0.0619, abs=0.02)


@pytest.mark.parametrize(
    ("discordance", "confidence", "rows"),
    [
        (0.04, 0.90, 2_474),
        (0.10, 0.90, 6_183),
        (0.04, 0.95, 3_140),
        (0.10, 0.95, 7_849),
        (2 * 0.9 * 0.1, 0.90, 11_129),  # on different rows, 90 % of them right
    ],
)
def test_rows_of_published_plans(discordance, confidence, rows):
    error = math.sqrt(discordance / 500)
    assert math.ceil(rows_to_decide(500, error, 0.01, confidence)) == rows
    assert rows_to_decide(500, error, -0.01) == rows_to_decide(500, error, 0.01)


def test_rows_to_decide_at_the_limit_and_without_error():
    assert rows_to_decide(500, 0.01, 0.0) == math.inf
    assert rows_to_decide(500, 0.0, 0.01) == 0
