"""Columns compared together have the results of each column alone, and those of scipy."""

import numpy as np
import pytest
from arrays import ks_distance
from hypothesis import given
from hypothesis import strategies as st
from samples import FLOATS, SHAPES, TIED, samples

from mlgates.profile.distributions import Ecdf, compare_together
from mlgates.stats.buckets import Bucketed
from mlgates.stats.many_columns import Pair, compare_group, fits, groups_of

EXACT = [name for name in SHAPES if name != "beyond 2**53"]
BINS = (2, 4, 10, 20)


def assert_as_alone(pair, found, bins=BINS):
    """Compare the result of a group with the results of the pair without a grid."""
    reference, current = (Bucketed(np.asarray(each)) for each in pair)
    if len(pair.current):
        assert found.ks == pytest.approx(ks_distance(*pair), abs=1e-15)
    else:
        assert np.isnan(found.ks)
    for number in bins:
        alone = reference.edges(number)
        if number not in found.cells:
            infinite = not all(np.isfinite(each).all() for each in pair)
            points, counts = np.unique(np.asarray(pair.reference), return_counts=True)
            assert infinite or (counts * number >= len(pair.reference)).any(), points
            continue
        edges, *counts = found.cells[number]
        assert edges.points.tolist() == alone.points.tolist()
        assert edges.points.dtype == alone.points.dtype
        assert edges.atoms.tolist() == alone.atoms.tolist()
        assert edges.tied == alone.tied
        assert [each.tolist() for each in counts] == [
            side.cells(alone).tolist() for side in (reference, current)
        ]


@given(st.lists(st.tuples(samples(), samples(low=0)), min_size=1, max_size=5))
def test_small_samples_in_one_group(drawn):
    pairs = [Pair(*each) for each in drawn]
    for pair, found in zip(pairs, compare_group(pairs, BINS), strict=True):
        assert_as_alone(pair, found)


@given(samples(TIED), samples(FLOATS), samples(TIED, low=0))
def test_a_group_does_not_depend_on_its_other_columns(x, y, z):
    pairs = [Pair(x, y), Pair(y, x), Pair(x, z)]
    together = compare_group(pairs, BINS)
    for pair, found in zip(pairs, together, strict=True):
        (alone,) = compare_group([pair], BINS)
        assert found.ks == alone.ks or (np.isnan(found.ks) and np.isnan(alone.ks))
        assert found.cells.keys() == alone.cells.keys()


@pytest.mark.parametrize("x", [[0.0, 1.7e308], [-1.7e308, 1.7e308], [5e-324, 0.0], [1e308] * 3])
def test_ranges_that_no_grid_covers(x):
    pairs = [Pair(np.array(x), np.array(y)) for y in ([1.74e308], [0.0, -1e308, 1e308], x)]
    for pair, found in zip(pairs, compare_group(pairs, BINS), strict=True):
        assert_as_alone(pair, found)


@pytest.mark.parametrize("sizes", [(900, 900), (2_000, 1_500), (6_000, 40)])
def test_columns_of_any_shape(sizes):
    rng = np.random.default_rng(sum(sizes))
    pairs = [Pair(*(SHAPES[name](rng, size) for size in sizes)) for name in EXACT]
    pairs += [Pair(pair.reference[:77], pair.current) for pair in pairs[:5]]
    assert all(map(fits, pairs))
    for group in groups_of(pairs):
        members = [pairs[position] for position in group]
        for pair, found in zip(members, compare_group(members, BINS), strict=True):
            assert_as_alone(pair, found)


def test_groups_have_all_pairs_in_order():
    pairs = [Pair(np.zeros(size), np.zeros(0)) for size in (*[60_000] * 6, 10, *[1] * 100)]
    groups = list(groups_of(pairs))
    assert [position for group in groups for position in group] == list(range(len(pairs)))
    assert len(groups) > 2


def test_samples_that_are_long_or_inexact_do_not_fit():
    short = np.zeros(5)
    assert fits(Pair(short, short[:0]))
    assert fits(Pair(np.array([2**53]), np.array([-(2**53)])))
    for other in (np.zeros(70_000), np.array([2**53 + 1]), np.array([2**63], np.uint64)):
        assert not fits(Pair(short, other))
        assert not fits(Pair(other, short))
    assert not fits(Pair(short[:0], short))


@pytest.mark.parametrize("name", SHAPES)
def test_distributions_compared_together_are_those_compared_alone(name):
    rng = np.random.default_rng(5)
    values = [SHAPES[name](rng, size) for size in (3_000, 2_500)]
    alone, together = ([Ecdf([each], ordered=False) for each in values] for _ in range(2))
    compare_together([(*together, (10,))], lambda do, groups: [do(group) for group in groups])
    results = []
    for reference, current in (alone, together):
        edges = reference.edges(10)
        counts = [side.count(edges).tolist() for side in (reference, current)]
        results.append((reference.compare(current).ks, edges.points.tolist(), counts))
    assert results[0] == results[1]
