"""Groups of rows with many errors, and the test of a group."""

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.stats.subgroups import excess_p_value, worst_groups

N = 400
rng = np.random.default_rng(0)
PARTS = [rng.random(N) < share for share in (0.5, 0.4, 0.3, 0.2)]


def ratio(wrong, inside):
    """Return the log-likelihood ratio of two error rates against one, from its definition."""

    def likelihood(errors, rows):
        share = errors / rows
        return sum(
            count * math.log(p)
            for count, p in ((errors, share), (rows - errors, 1 - share))
            if count
        )

    a, b = wrong[inside], wrong[~inside]
    sides = likelihood(a.sum(), len(a)) + likelihood(b.sum(), len(b))
    return sides - likelihood(wrong.sum(), len(wrong))


def test_the_group_with_the_largest_likelihood_ratio_comes_first():
    wrong = rng.random(N) < np.where(PARTS[0] & PARTS[2], 0.8, 0.2)
    found = worst_groups(PARTS, wrong, 2, 5)
    scores = {}
    for depth in (1, 2):
        for group in combinations(range(len(PARTS)), depth):
            inside = np.logical_and.reduce([PARTS[i] for i in group])
            if wrong[inside].mean() > wrong[~inside].mean():
                scores[group] = ratio(wrong, inside) - 2 * (depth - 1)
    assert found[0] == max(scores, key=scores.get) == (0, 2)


def test_a_further_condition_must_pay():
    """A condition that removes rows at random is left out."""
    wrong = rng.random(N) < np.where(PARTS[0], 0.9, 0.1)
    assert worst_groups(PARTS, wrong, 3, 5)[0] == (0,)


def test_three_conditions():
    wrong = PARTS[0] & PARTS[1] & PARTS[2]
    assert worst_groups(PARTS, wrong, 3, 5)[0] == (0, 1, 2)
    assert len(worst_groups(PARTS, wrong, 2, 5)[0]) == 2


def test_groups_share_less_than_half_of_their_rows():
    wrong = rng.random(N) < 0.3
    many = [rng.random(N) < 0.3 for _ in range(30)]
    found = worst_groups(many, wrong, 2, 15)
    rows = [np.logical_and.reduce([many[i] for i in group]) for group in found]
    assert len(found) == 3
    for one, other in combinations(rows, 2):
        assert 2 * (one & other).sum() < min(one.sum(), other.sum())
    assert all(inside.sum() >= 15 for inside in rows)


@pytest.mark.parametrize("wrong", [np.zeros(N, bool), np.ones(N, bool)])
def test_nothing_is_worse_where_all_rows_are_alike(wrong):
    assert worst_groups(PARTS, wrong, 2, 5) == []


def test_no_conditions_and_no_rows():
    assert worst_groups([], np.ones(3, bool), 2, 1) == []
    assert worst_groups([np.zeros(0, bool)], np.zeros(0, bool), 2, 1) == []


def test_a_group_of_all_rows_is_none():
    wrong = rng.random(N) < 0.3
    assert worst_groups([np.ones(N, bool)], wrong, 2, 5) == []


@given(st.data())
def test_p_values_count_the_ways_to_deal_the_errors(data):
    n = data.draw(st.integers(1, 30))
    wrong, inside = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    seen = data.draw(st.integers(max(0, inside + wrong - n), min(inside, wrong)))
    ways = sum(
        math.comb(wrong, k) * math.comb(n - wrong, inside - k)
        for k in range(seen, min(inside, wrong) + 1)
    )
    exact = Fraction(ways, math.comb(n, inside))
    assert excess_p_value(seen, inside, wrong, n) == pytest.approx(float(exact), rel=1e-9)
