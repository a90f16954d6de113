"""Counts in cells against plain Python, for all types of input."""

import numpy as np
import pytest
from arrays import count_at, count_in, ordered_cells, quantile_edges
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlgates.stats.buckets import count_unsorted
from mlgates.stats.counting import (
    Edges,
    Ends,
    category_cells,
    ranks_of,
    snapped,
    stored_edges,
)
from mlgates.stats.divergence import psi

LEVELS = st.integers(-5, 5).map(float) | st.sampled_from([np.inf, -np.inf, 0.5])
TYPES = ["int8", "int64", "uint64", "float32", "float64"]


def samples(elements=LEVELS, low=0, high=60):
    return hnp.arrays(np.float64, st.integers(low, high), elements=elements)


def by_hand(values, edges):
    """Return the counts, with each value assigned to its cell in plain Python."""
    counts = [0] * len(edges.labels())
    cells = edges.labels(map(repr, edges.points.tolist()))
    for value in values.tolist():
        held = [i for i, cell in enumerate(cells) if holds(cell, value)]
        assert len(held) == 1
        counts[held[0]] += 1
    return counts


def holds(condition, x):
    infinite = condition in {"x = -inf", "x = inf"}
    if infinite or np.isinf(x):
        return condition == f"x = {x}"
    if condition == "x finite":
        return True
    parts = condition.split()
    compare = {"<": float.__lt__, "<=": float.__le__, "=": float.__eq__}
    place = parts.index("x")
    numbers = [x if part == "x" else part for part in parts]
    return all(
        compare[numbers[i]](float(numbers[i - 1]), float(numbers[i + 1]))
        for i in (place - 1, place + 1)
        if 0 < i < len(parts)
    )


@examples(60)
@given(samples(low=1), samples(), st.integers(2, 12))
def test_every_value_lies_in_one_cell(reference, current, bins):
    reference.sort()
    edges = quantile_edges(reference, bins)
    counts = by_hand(current, edges)
    assert count_in(np.sort(current), edges).tolist() == counts
    assert count_unsorted(current, edges).tolist() == counts
    with_nan = np.append(current, np.nan)
    known = Ends(len(current), int((current == -np.inf).sum()), int((current == np.inf).sum()))
    assert count_unsorted(with_nan, edges).tolist() == counts
    assert count_unsorted(with_nan, edges, known).tolist() == counts


@examples(60)
@given(samples(low=1), st.sampled_from([2, 3, 5, 10]), st.integers(1, 4))
def test_stored_counts_give_the_same_edges(reference, bins, finer):
    reference.sort()
    knots = quantile_edges(reference, bins * finer).points
    ends = Ends(len(reference), int((reference == -np.inf).sum()), int((reference == np.inf).sum()))
    stored = stored_edges(knots, *ranks_of(reference, knots), ends, bins)
    direct = quantile_edges(reference, bins)
    assert stored.points.tolist() == direct.points.tolist()
    assert stored.atoms.tolist() == direct.atoms.tolist()


def test_edges_are_order_statistics_of_the_inverted_distribution_function():
    rng = np.random.default_rng(0)
    for n in (1, 9, 10, 11, 1_000, 12_345):
        x = np.sort(rng.normal(size=n))
        expected = np.unique(np.quantile(x, np.arange(1, 10) / 10, method="inverted_cdf"))
        assert quantile_edges(x, 10).points.tolist() == expected.tolist()


def test_quantile_cells_of_the_reference_are_of_equal_size():
    cells = ordered_cells(np.arange(1_000.0), np.arange(500.0), 10)
    assert cells.reference.tolist() == [100] * 10
    assert cells.current.tolist() == [100] * 5 + [0] * 5
    assert cells.ordered


def test_heavy_values_are_cells_of_their_own():
    reference = np.sort(np.r_[np.zeros(95), np.arange(1.0, 6)])
    edges = quantile_edges(reference, 10)
    assert edges.labels() == ("x = -inf", "x < 0.0", "x = 0.0", "0.0 < x", "x = inf")
    half = np.sort(np.r_[np.zeros(50), np.arange(1.0, 51)])
    cells = ordered_cells(reference, half, 10)
    assert cells.reference.tolist() == [95, 5]
    assert cells.current.tolist() == [50, 50]


def test_constant_reference_has_cells_below_and_above():
    cells = ordered_cells(np.full(40, 7), np.array([6, 7, 7, 8, 9]), 10)
    assert cells.reference.tolist() == [0, 40, 0]
    assert cells.current.tolist() == [1, 2, 2]
    assert ordered_cells(np.full(40, 7), np.full(3, 7), 10).reference.tolist() == [40]


def test_under_and_overflow_and_infinities_have_cells():
    reference = np.sort(np.random.default_rng(3).normal(size=10_000))
    same = ordered_cells(reference, reference, 10)
    moved = reference.copy()
    # A method that merges both ends into one cell would not detect this move.
    moved[-1_000:] = -50
    below_all = ordered_cells(reference, np.sort(moved), 10)
    assert psi(same.reference, same.current) == 0
    assert psi(below_all.reference, below_all.current) > 0.2
    for infinity in (np.inf, -np.inf):
        moved[-1_000:] = infinity
        cells = ordered_cells(reference, np.sort(moved), 10)
        assert len(cells.reference) == 11
        assert cells.current[cells.reference == 0].tolist() == [1_000]


def test_reference_without_finite_values_has_no_edges():
    for reference in (np.array([-np.inf, np.inf]), np.zeros(0)):
        edges = quantile_edges(reference, 10)
        assert edges.labels() == ("x = -inf", "x finite", "x = inf")
        assert count_in(np.array([1.0, 2, np.inf]), edges).tolist() == [0, 2, 1]
    assert ordered_cells(np.zeros(0), np.zeros(0), 10).reference.tolist() == []
    stored = stored_edges(np.zeros(0), np.zeros(0, int), np.zeros(0, int), Ends(2, 1, 1), 10)
    assert len(stored.labels()) == 3


@pytest.mark.parametrize("reference", TYPES)
@pytest.mark.parametrize("current", TYPES)
def test_cells_do_not_depend_on_types(reference, current):
    a, b = np.array([0, 1, 1, 1, 2, 3, 5, 8]), np.array([0, 2, 2, 9, 100])
    edges = quantile_edges(a.astype(reference), 4)
    assert edges.points.tolist() == [1, 3]
    assert count_in(b.astype(current), edges).tolist() == [0, 1, 0, 2, 2, 0]
    assert count_unsorted(b[::-1].astype(current), edges).tolist() == [0, 1, 0, 2, 2, 0]
    low, high = count_at(b[::-1].astype(current), edges.points)
    assert (low.tolist(), high.tolist()) == ([1, 3], [1, 3])


def test_edges_outside_the_range_of_a_type():
    edges = Edges(np.array([-300.5, 300.5]), np.array([True, True]))
    values = np.array([-128, 127, 0], np.int8)
    assert count_unsorted(values, edges).tolist() == [0, 0, 0, 3, 0, 0, 0]
    edges = Edges(np.array([2**53, 2**53 + 1]), np.array([False, True]))
    values = np.array([2.0**53, 2.0**53 + 2, 0])
    assert count_unsorted(values, edges).tolist() == [0, 2, 0, 0, 1, 0]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("size", [0, 1, 65_280, 65_281, 300_001])
def test_many_values_are_counted_as_one_by_one(dtype, size):
    values = (np.random.default_rng(size).normal(size=size) * 1_000).astype(dtype)
    points = np.linspace(-2_000, 2_000, 81)
    low, high = count_at(values, points)
    assert low.tolist() == [int((values < point).sum()) for point in points]
    assert high.tolist() == [int((values <= point).sum()) for point in points]
    few, many = points[::9], Edges(points, np.zeros(81, bool))
    edges = Edges(few, np.arange(len(few)) % 2 == 0)
    assert np.array_equal(count_unsorted(values, edges), count_in(np.sort(values), edges))
    assert np.array_equal(count_unsorted(values, many), count_in(np.sort(values), many))


def test_many_values_of_one_cell():
    # the largest possible number of true comparisons
    edges = Edges(np.array([1.0, 2.0]), np.array([False, True]))
    apart = np.repeat([[0.5, 1.5, 2.5]], 200_000, axis=0)
    for column, counts in enumerate(([0, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0])):
        values = apart[:, column]
        assert count_unsorted(values, edges).tolist() == [200_000 * count for count in counts]
    no_edges = Edges(np.empty(0), np.zeros(0, np.bool_))
    assert count_unsorted(apart[:, 0], no_edges).tolist() == [0, 200_000, 0]


@examples(50)
@given(samples(), samples())
def test_tallies_add_up(a, b):
    points = np.array([-2.0, 0, 0.25, np.inf])
    both = count_at(np.concatenate([a, b]), points)
    for whole, one, other in zip(both, count_at(a, points), count_at(b, points), strict=True):
        assert np.array_equal(whole, one + other)


def test_counts_do_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(4)
    values = rng.integers(0, 30, 5_000)
    edges = quantile_edges(np.sort(values), 10)
    assert np.array_equal(
        count_unsorted(values, edges), count_unsorted(rng.permutation(values), edges)
    )


def test_categories():
    cells = category_cells(np.array([5, 3, 0, 2]), np.array([4, 0, 0, 9]))
    assert cells.reference.tolist() == [5, 3, 2]
    assert cells.current.tolist() == [4, 0, 9]
    assert cells.positions.tolist() == [0, 1, 3]
    assert not cells.ordered
    sides = np.array([5]), np.array([4])
    assert category_cells(*sides, unseen=7).current.tolist() == [4, 7]
    assert category_cells(*sides, unseen=[3, 4]).current.tolist() == [4, 7]
    assert category_cells(*sides, unseen=[3, 4], together=False).current.tolist() == [4, 3, 4]
    assert category_cells(np.zeros(0, int), np.zeros(0, int)).reference.tolist() == []


def test_reach_of_atoms_is_a_billionth_of_the_gap_to_the_nearest_other():
    reference = np.repeat([0.0, 1.0, 1e10], 10)
    edges = quantile_edges(reference, 10)
    assert edges.atoms.tolist() == [True, True, True]
    assert edges.reach.tolist() == pytest.approx([1e-9, 1e-9, 1e-9 * (1e10 - 1)])
    near = np.sort([-5e-10, 0.0, 1 - 9e-10, 1 + 2e-9, 1e10 + 5])
    assert count_in(near, edges).tolist() == [0, 0, 2, 0, 1, 1, 1, 0, 0]
    for size in (1, 20_000):
        many = np.repeat(near, size)
        assert (count_unsorted(many, edges) == size * count_in(near, edges)).all()
    assert snapped(near, edges).tolist() == [0.0, 0.0, 1.0, 1 + 2e-9, 1e10]


def test_values_of_the_reference_are_never_within_reach():
    edges = quantile_edges(np.repeat([0.0, 1e-12, 1.0], [50, 1, 50]), 3)
    assert edges.points.tolist() == [0.0, 1.0]
    assert edges.reach.tolist() == pytest.approx([1e-21, 1e-9])
    single = quantile_edges(np.repeat([0.1], 50), 10)
    assert single.reach is None
    assert quantile_edges(np.repeat([0, 1], 50), 10).reach is None
