"""Simultaneous intervals, against published quantiles, scipy, statsmodels and simulation."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from newcombe import newcombe_interval
from scipy.integrate import trapezoid
from scipy.stats import studentized_range

from mlgates.stats.proportions import (
    group_level,
    koopman_interval,
    pair_level,
    pair_pvalues,
    range_quantile,
    range_sf,
    square_and_add,
    wilson_interval,
)

# 95 % quantiles of the range of k standard normals, from tables
QUANTILES = {
    2: 2.7718,
    3: 3.3145,
    4: 3.6332,
    5: 3.8577,
    8: 4.2863,
    10: 4.4741,
    20: 5.0117,
}
# means of the range of k standard normals, from tables of control charts
MEANS = {2: 1.1284, 3: 1.6926, 4: 2.0588, 5: 2.3259, 8: 2.8472, 10: 3.0775, 20: 3.7350}


@pytest.mark.parametrize(("k", "expected"), QUANTILES.items())
def test_quantile_is_that_of_the_tables(k, expected):
    assert range_quantile(0.05, k) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("k", "expected"), MEANS.items())
def test_mean_of_the_range_is_that_of_control_charts(k, expected):
    q = np.arange(0, 20, 0.01)
    assert trapezoid(range_sf(q, k), q) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("k", [2, 3, 5, 20, 200])
def test_range_agrees_with_scipy(k):
    q = np.array([0.3, 1.0, 2.5, 4.0, 6.0])
    assert range_sf(q, k) == pytest.approx(studentized_range.sf(q, k, np.inf), abs=1e-8)


@pytest.mark.parametrize("k", [2, 3, 10])
@pytest.mark.parametrize("level", [0.001, 0.05, 0.5, 0.95])
def test_quantile_agrees_with_scipy(k, level):
    expected = studentized_range.isf(level, k, np.inf)
    assert range_quantile(level, k) == pytest.approx(expected, abs=1e-8)


def test_small_chances_keep_their_digits():
    # for large ranges the probabilities of pairs can be added
    for k in (3, 8):
        alone = float(range_sf(20.0, 2))
        assert float(range_sf(20.0, k)) == pytest.approx(alone * k * (k - 1) / 2, rel=1e-6)
    assert range_sf(1e3, 3) == 0


def test_range_at_the_ends():
    assert range_sf([0.0, -1.0], 3).tolist() == [1.0, 1.0]
    assert math.isnan(range_sf(math.nan, 3))
    assert math.isnan(range_sf(math.nan, 2))
    assert range_sf(1e-300, 4) == pytest.approx(1)
    assert np.shape(range_sf([[1.0, 2.0]], 3)) == (1, 2)


@given(
    level=st.floats(1e-12, 0.999),
    k=st.integers(2, 1_000),
)
def test_quantile_is_the_inverse(level, k):
    assert float(range_sf(range_quantile(level, k), k)) == pytest.approx(level, rel=1e-10)


def test_level_of_pairs_and_of_groups():
    assert pair_level(0.95, 2) == 0.95
    assert pair_level(0.95, 1) == 0.95
    # 1 - 2 Phi(-3.8577 / sqrt(2))
    assert pair_level(0.95, 5) == pytest.approx(0.99363, abs=1e-5)
    assert group_level(0.95, 1) == 0.95
    assert group_level(0.95, 5) ** 5 == pytest.approx(0.95)


@given(p=st.floats(0, 1), k=st.integers(2, 50))
@example(p=1 - 2**-53, k=3)
def test_adjusted_p_value_is_between_its_own_and_bonferronis(p, k):
    adjusted = float(pair_pvalues(p, k))
    assert p <= adjusted <= min(1.0, p * k * (k - 1) / 2 * (1 + 1e-9) + 1e-300)


def test_adjusted_p_value_is_at_the_level_where_the_interval_ends_at_0():
    k, confidence = 6, 0.95
    assert float(pair_pvalues(1 - pair_level(confidence, k), k)) == pytest.approx(1 - confidence)
    assert np.isnan(pair_pvalues([math.nan, 0.5], 4)).tolist() == [True, False]


NEWCOMBE = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0)),
    ((10, 10, 0, 10), (0.6075, 1.0)),
]


@pytest.mark.parametrize(("counts", "expected"), NEWCOMBE)
def test_square_and_add_of_wilsons_intervals_is_newcombes(counts, expected):
    x1, n1, x2, n2 = counts
    found = square_and_add(x1 / n1, wilson_interval(x1, n1), x2 / n2, wilson_interval(x2, n2))
    assert found == pytest.approx(expected, abs=6e-5)
    assert found == pytest.approx(newcombe_interval(*counts))


# counts, and Koopman's intervals by statsmodels 0.15.0
RATIOS = [
    ((56, 70, 48, 80), (1.079822, 1.670806)),
    ((9, 10, 3, 10), (1.353237, 8.467669)),
    ((30, 1000, 50, 1000), (0.386052, 0.931634)),
    ((1, 40, 2, 4000), (6.568852, 370.299773)),
]


@pytest.mark.parametrize(("counts", "koopman"), RATIOS)
def test_intervals_of_ratios_are_those_of_statsmodels(counts, koopman):
    assert koopman_interval(*counts) == pytest.approx(koopman, rel=1e-5)


def test_ratio_with_nothing_on_a_side():
    low, high = koopman_interval([0, 5, 0, 3], [20, 20, 20, 0], [5, 0, 0, 3], [20, 20, 20, 5])
    assert low[0] == 0
    assert 0 < high[0] < 1
    assert high[1] == math.inf
    assert low[1] == pytest.approx(1 / high[0])
    assert np.isnan([low[2:], high[2:]]).all()


@given(
    n1=st.integers(1, 5_000),
    n2=st.integers(1, 5_000),
    share1=st.floats(0, 1),
    share2=st.floats(0, 1),
)
def test_koopmans_interval_turns_with_the_ratio_and_holds_it(n1, n2, share1, share2):
    x1, x2 = round(n1 * share1), round(n2 * share2)
    low, high = koopman_interval(x1, n1, x2, n2)
    if not x1 and not x2:
        assert math.isnan(low)
        return
    turned_low, turned_high = koopman_interval(x2, n2, x1, n1)
    ratio = math.inf if x2 == 0 else (x1 / n1) / (x2 / n2)
    assert low <= ratio * (1 + 1e-9)
    assert ratio <= high * (1 + 1e-9)
    if x1 and x2:
        assert [1 / turned_high, 1 / turned_low] == pytest.approx([low, high], rel=1e-9)


def test_koopmans_interval_excludes_1_where_the_score_test_rejects():
    from mlgates.stats.two_by_two import two_proportions_pvalue

    p_value = two_proportions_pvalue(60, 200, 45, 220)
    low, _ = koopman_interval(60, 200, 45, 220, 1 - p_value)
    assert low == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(("k", "n", "share"), [(2, 100, 0.5), (5, 50, 0.5), (8, 200, 0.1)])
def test_intervals_of_all_pairs_cover_simultaneously(k, n, share):
    """Of 2,000 draws of equal groups; the bootstrap of the largest gap never holds 0 at k > 2."""
    rng = np.random.default_rng(0)
    x = rng.binomial(n, share, (2_000, k))
    i, j = np.triu_indices(k, 1)
    low, high = newcombe_interval(x[:, i], n, x[:, j], n, pair_level(0.95, k))
    held = ((low <= 0) & (high >= 0)).all(axis=1)
    assert 0.935 < held.mean() < 0.99
