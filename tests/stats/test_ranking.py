"""Areas under the ROC curve: published values, exact fractions, scikit-learn, ties, weights."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from mlgates.stats.ranking import auc, delong, hanley_interval, same_ranking

# DeLong, DeLong and Clarke-Pearson 1988: albumin, total protein, Krebs-Goldberg score, operable
OVARIAN = np.fromstring(
    """3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0
    1.6 5.6 5 1 3.8 5.7 5 1 3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1
    4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1
    3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1
    3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1
    3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1 3.3 5.7 6 1 3.7 6.9 5 1
    3.6 6.6 5 1""",
    sep=" ",
).reshape(-1, 4)
OPERABLE = OVARIAN[:, 3] == 1
ALBUMIN, PROTEIN, SCORE = OVARIAN[:, 0], OVARIAN[:, 1], 10 - OVARIAN[:, 2]
Z = stats.norm.isf(0.025)


def compared(positive, score, other, weight=None):
    """Both areas, and the variance of their difference."""
    (first, second), variance = delong(positive, (score, other), weight, difference=True)
    return first, second, variance.item()


def test_areas_and_errors_of_the_ovarian_data():
    areas, covariance = delong(OPERABLE, [ALBUMIN, PROTEIN, SCORE])
    assert np.count_nonzero(OPERABLE) == 31
    assert areas.round(4).tolist() == [0.7366, 0.6478, 0.7258]
    errors = np.sqrt(np.diag(covariance))
    assert errors.round(4).tolist() == [0.0927, 0.1000, 0.1028]
    assert (areas - Z * errors).round(4).tolist() == [0.5549, 0.4518, 0.5243]
    assert (areas + Z * errors).round(4).tolist() == [0.9182, 0.8439, 0.9273]


@pytest.mark.parametrize(
    ("other", "difference", "error", "p_value", "ends"),
    [
        (ALBUMIN, -0.0108, 0.0953, 0.9102, [-0.1976, 0.1761]),
        (PROTEIN, 0.0780, 0.1046, 0.4561, [-0.1271, 0.2830]),
    ],
    ids=["albumin", "protein"],
)
def test_differences_of_the_ovarian_data(other, difference, error, p_value, ends):
    first, second, variance = compared(OPERABLE, SCORE, other)
    change, se = first - second, math.sqrt(variance)
    assert round(change, 4) == difference
    assert round(se, 4) == error
    assert round(2 * stats.norm.sf(abs(change) / se), 4) == p_value
    assert [round(change - Z * se, 4), round(change + Z * se, 4)] == ends


def test_joint_test_of_the_ovarian_data():
    areas, covariance = delong(OPERABLE, [ALBUMIN, PROTEIN, SCORE])
    contrast = np.array([[1, 0, -1], [0, 1, -1]])
    change = contrast @ areas
    squared = change @ np.linalg.solve(contrast @ covariance @ contrast.T, change)
    assert round(squared, 3) == 2.534
    assert round(stats.chi2.sf(squared, 2), 4) == 0.2817


def won(mine, theirs):
    return Fraction(int(mine > theirs)) + Fraction(int(mine == theirs), 2)


def oracle(positive, scores, weight=None):
    """Areas and covariance by every pair of rows, in fractions."""
    weight = [Fraction(1)] * len(positive) if weight is None else [Fraction(w) for w in weight]
    hits = [i for i, is_one in enumerate(positive) if is_one and weight[i]]
    misses = [i for i, is_one in enumerate(positive) if not is_one and weight[i]]
    sides = {True: (hits, sum(weight[i] for i in hits))}
    sides[False] = (misses, sum(weight[j] for j in misses))
    areas, placed = [], {True: [], False: []}
    for score in scores:
        placed[True].append(
            [
                sum(weight[j] * won(score[i], score[j]) for j in misses) / sides[False][1]
                for i in hits
            ]
        )
        placed[False].append(
            [
                sum(weight[i] * won(score[i], score[j]) for i in hits) / sides[True][1]
                for j in misses
            ]
        )
        total = sum(weight[i] * v for i, v in zip(hits, placed[True][-1], strict=True))
        areas.append(total / sides[True][1])
    covariance = [[Fraction(0)] * len(scores) for _ in scores]
    for side, (rows, total) in sides.items():
        shares = [weight[i] / total for i in rows]
        squares = sum(share * share for share in shares)
        for a, mine in enumerate(placed[side]):
            for b, theirs in enumerate(placed[side]):
                spread = sum(
                    share * share * (x - areas[a]) * (y - areas[b])
                    for share, x, y in zip(shares, mine, theirs, strict=True)
                )
                covariance[a][b] += spread / (1 - squares)
    return np.array(areas, float), np.array(covariance, float)


ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(-3, 3), st.integers(-9, 9), st.integers(0, 4)),
    min_size=4,
    max_size=16,
)


def both_twice(rows, weighted=False):
    counted = [row for row in rows if row[3] or not weighted]
    hits = sum(row[0] for row in counted)
    return 2 <= hits <= len(counted) - 2


@given(ROWS.filter(both_twice))
def test_equals_exact_fractions(rows):
    positive, few, many, _ = map(list, zip(*rows, strict=True))
    areas, covariance = oracle(positive, [few, many])
    found, spread = delong(positive, [few, many])
    assert found.tolist() == areas.tolist()  # to the last bit
    np.testing.assert_allclose(spread, covariance, rtol=1e-12, atol=1e-15)
    two = compared(positive, few, many)
    assert two[:2] == tuple(areas)
    expected = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert two[2] == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert auc(positive, few) == areas[0]


@given(ROWS.filter(lambda rows: both_twice(rows, weighted=True)))
def test_equals_exact_fractions_by_weight(rows):
    positive, few, many, weight = map(list, zip(*rows, strict=True))
    areas, covariance = oracle(positive, [few, many], weight)
    found, spread = delong(positive, [few, many], weight)
    np.testing.assert_allclose(found, areas, rtol=1e-12)
    np.testing.assert_allclose(spread, covariance, rtol=1e-12, atol=1e-15)
    two = compared(positive, few, many, weight)
    expected = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert two[2] == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert auc(positive, few, weight) == pytest.approx(areas[0], rel=1e-12)
    theirs = roc_auc_score(positive, few, sample_weight=weight)
    assert found[0] == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 2, 17])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_is_scikit_learns(decimals, dtype):
    rng = np.random.default_rng(5)
    positive = rng.random(20_000) < 0.03
    score = np.round(rng.normal(size=20_000) + positive, decimals).astype(dtype)
    weight = rng.exponential(size=20_000)
    assert auc(positive, score) == pytest.approx(roc_auc_score(positive, score), abs=1e-12)
    theirs = roc_auc_score(positive, score, sample_weight=weight)
    assert auc(positive, score, weight) == pytest.approx(theirs, abs=1e-12)


def test_equal_weights_change_nothing():
    areas, covariance = delong(OPERABLE, [ALBUMIN, SCORE])
    same, spread = delong(OPERABLE, [ALBUMIN, SCORE], np.full(len(OPERABLE), 7.3))
    np.testing.assert_allclose(same, areas, rtol=1e-13)
    np.testing.assert_allclose(spread, covariance, rtol=1e-12)


def test_rows_of_weight_zero_do_not_count():
    weight = np.ones(len(OPERABLE) + 40)
    weight[-40:] = 0
    junk = np.tile([True, False], 20)
    padded = np.append(OPERABLE, junk), np.append(ALBUMIN, np.arange(40.0))
    found = compared(*padded, np.append(SCORE, np.ones(40)), weight)
    assert found == pytest.approx(compared(OPERABLE, ALBUMIN, SCORE))


@pytest.mark.parametrize(
    ("positive", "score"),
    [([], []), ([True], [0.5]), ([True, True], [0.1, 0.2]), ([False, False], [0.1, 0.2])],
)
def test_one_class_is_undefined(positive, score):
    weight = np.ones(len(score))
    assert math.isnan(auc(positive, score))
    assert math.isnan(auc(positive, score, weight))
    for given_weight in (None, weight):
        areas, covariance = delong(positive, [score], given_weight)
        assert np.isnan(areas).all()
        assert np.isnan(covariance).all()
        assert np.isnan(compared(positive, score, score, given_weight)).all()


def test_one_row_of_a_class_has_an_area_without_a_variance():
    areas, covariance = delong([True, False, False], [[2, 1, 3]])
    assert areas.tolist() == [0.5]
    assert np.isnan(covariance).all()
    _, covariance = delong([True, True, False, False], [[2, 1, 3, 4]], [1, 1e-30, 1, 1])
    assert np.isnan(covariance).all()


def test_scores_keep_their_own_type():
    whole = np.array([2**53, 2**53 + 1], np.int64)
    assert auc([False, True], whole) == 1
    assert auc([False, True], [-0.0, 0.0]) == 0.5
    assert auc([False, True], [-np.inf, np.inf]) == 1
    areas, _ = delong([False, True], [whole, np.array([0.5, 0.5])])
    assert areas.tolist() == [1, 0.5]


def test_scores_with_the_same_ranking_differ_by_exactly_0():
    rng = np.random.default_rng(1)
    positive, score = rng.random(999) < 0.4, rng.normal(size=999)
    found = compared(positive, score, np.exp(score))
    assert (found[0] - found[1], found[2]) == (0, 0)
    weighted = compared(positive, score, np.exp(score), rng.random(999))
    assert (weighted[0] - weighted[1], weighted[2]) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6))
def test_same_ranking_is_every_pair_in_the_same_order(rows):
    score, other = [a for a, _ in rows], [b for _, b in rows]
    expected = all((a < c) == (b < d) and (a == c) == (b == d) for a, b in rows for c, d in rows)
    assert same_ranking(score, other) is expected


def test_interval_by_size_solves_its_equation():
    low, high = hanley_interval(0.8, 20, 30)
    for end in (low, high):
        spread = 1 + 24 * ((1 - end) / (2 - end) + end / (1 + end))
        z = (0.8 - end) / math.sqrt(end * (1 - end) / 600 * spread)
        assert abs(z) == pytest.approx(Z, rel=1e-9)
    assert 0 < low < 0.8 < high < 1
    mirrored = hanley_interval(0.2, 20, 30)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)
    assert hanley_interval(1.0, 20, 30)[1] == 1
    assert hanley_interval(0.0, 20, 30)[0] == 0
    assert hanley_interval(1.0, 200, 300)[0] > hanley_interval(1.0, 20, 30)[0]


def test_many_rows_overflow_nothing():
    rows = 200_000
    positive = np.arange(rows) >= rows // 2
    areas, covariance = delong(positive, [np.arange(rows), np.zeros(rows)])
    assert areas.tolist() == [1, 0.5]
    assert not covariance.any()
