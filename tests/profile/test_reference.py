"""Both sides of a column have the same cells for every way of counting."""

import math

import numpy as np
import pyarrow as pa
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st

from mlgates.gates.drift.columns import candidates
from mlgates.gates.drift.statistics import binned_pair
from mlgates.profile.baseline import Baseline
from mlgates.profile.counters import (
    AtPoints,
    BinCounts,
    Distribution,
    NumericSample,
    current_counter,
)
from mlgates.profile.scan import Profile

INF = math.inf


def distribution_of(known, name):
    """Return the distribution of a column that a drift gate compares."""
    _, side = candidates(known, "psi", (name,), ()).judged[name]
    return side


def both_ways(reference, data, bins, type_=None):
    """The cut of two columns, from rows and from knots, each by what cells ask for and in full.

    The last of them, in full at knots, is not what a test on cells is given of a small reference.
    """
    sides = [pa.table({"x": pa.array(values, type_)}) for values in (reference, data)]
    found = []
    for known in (Profile.of(sides[0]), Baseline.from_data(sides[0])):
        side = distribution_of(known, "x")
        edges = side.edges(bins)
        cells = current_counter("x", side, edges)
        found += [
            binned_pair(side, Profile.of(sides[1], [counter])[counter], edges, bins)
            for counter in (cells, cells.subsumed_by or cells)
        ]
    return found


numbers = st.lists(
    st.integers(-9, 9) | st.floats(-9, 9) | st.sampled_from([INF, -INF]), min_size=1, max_size=60
)


@given(numbers, numbers, st.sampled_from([2, 5, 10, 20]))
def test_numbers_are_cut_alike_from_rows_and_from_knots(reference, data, bins):
    cuts = both_ways(reference, data, bins, pa.float64())
    for each in cuts:
        assert each.cells.reference.tolist() == cuts[0].cells.reference.tolist()
        assert each.cells.current.tolist() == cuts[0].cells.current.tolist()
        assert each.labels == cuts[0].labels
        for cells in (each.cells, each.test_cells):
            assert cells.ordered
            assert int(cells.reference.sum()) == len(reference)
            assert int(cells.current.sum()) == len(data)
    first, *others = (each.test_cells for each in cuts[:3])
    for each in others:
        assert each.reference.tolist() == first.reference.tolist()
        assert each.current.tolist() == first.current.tolist()


@pytest.mark.parametrize("rows", [300, 1_000, 10_000, 10_001])
def test_many_numbers_are_cut_alike_from_rows_and_from_knots(rows):
    rng = np.random.default_rng(rows)
    reference, data = (
        np.where(rng.random(n) < 0.5, rng.integers(0, 9, n), rng.normal(4, 4, n))
        for n in (rows, 2_000)
    )
    first, *others = both_ways(reference, data, 10, pa.float64())
    for each in others[: 2 if rows <= 360 else 3]:
        for one, other in ((each.cells, first.cells), (each.test_cells, first.test_cells)):
            assert one.reference.tolist() == other.reference.tolist()
            assert one.current.tolist() == other.current.tolist()
    # a small reference's test has cells that both sides make
    assert (first.test_cells is first.cells) == (rows > 10_000)


@examples(40)
@given(st.lists(st.sampled_from("abc"), min_size=1), st.lists(st.sampled_from("bcdef"), min_size=1))
def test_categories_are_cut_by_the_reference(reference, data):
    for each in both_ways(reference, data, 10):
        counts = {
            name: (int(a), int(b))
            for name, a, b in zip(
                each.labels, each.cells.reference, each.cells.current, strict=True
            )
        }
        expected = {c: (reference.count(c), data.count(c)) for c in sorted(set(reference))}
        unseen = [c for c in data if c not in reference]
        if unseen:
            expected["(not in the reference)"] = (0, len(unseen))
        assert counts == expected
        assert not each.cells.ordered
        # for the test each of them is a cell
        assert len(each.test_cells.current) == len(set(reference)) + len(set(unseen))


def test_bools_are_categories():
    for each in both_ways([True, True, False], [True], 10):
        assert each.labels == ("False", "True")
        assert each.cells.current.tolist() == [0, 1]


def test_cells_in_words():
    (each, *_) = both_ways([-INF, 1, 2, 3, 3, 3, 3, 5_000, INF], [0.5, INF], 4)
    assert each.labels == ("x = -inf", "x <= 2", "x = 3", "3 < x", "x = inf")
    (each, *_) = both_ways([1_000, 2_000, 3_000, 4_000], [1], 4)
    assert each.labels == ("x < 1,000", "x = 1,000", "x = 2,000", "x = 3,000", "3,000 < x")
    (each, *_) = both_ways([1 / 3, 2 / 3, 1e9, 4e9, 4e9], [1.0], 5)
    assert each.labels[:3] == ("x = 0.333333", "x = 0.666667", "0.666667 < x < 1e+09")
    (each, *_) = both_ways([INF, INF], [INF, 1.0], 2)
    assert each.labels == ("x finite", "x = inf")


def test_similar_points_get_more_digits():
    near = [1.0, 1.0 + 2**-52, 1.0 + 2**-51, 1.0 + 3 * 2**-52]
    (each, *_) = both_ways(near, near, 4)
    assert len(set(each.labels)) == 4


def test_counter_of_the_current_side():
    few, many = ({"x": np.arange(n) * 1.0} for n in (2, 401))
    tied, more = ({"x": np.arange(n) // 2 * 1.0} for n in (10_000, 10_002))
    for table in (few, many, tied, more):
        side, knots = (
            distribution_of(known, "x") for known in (Profile.of(table), Baseline.from_data(table))
        )
        in_full = NumericSample("x"), AtPoints("x", tuple(knots.points.tolist()), tails=True)
        assert (current_counter("x", side), current_counter("x", knots)) == in_full
        edges = side.edges(2)
        found = current_counter("x", side, edges), current_counter("x", knots, knots.edges(2))
        # of a small reference more than its own cells
        if table is few:
            assert found == (NumericSample("x"), Distribution("x"))
        else:
            cells = BinCounts("x", tuple(edges.points.tolist()), tuple(edges.atoms.tolist()))
            assert found == (in_full if table is tied else (cells,) * 2)
    assert current_counter("c", None) == Distribution("c")


def test_cells_from_full_counts():
    side = distribution_of(Profile.of({"x": np.arange(501) / 250}), "x")
    edges = side.edges(2)
    counter = current_counter("x", side, edges)
    data = {"x": [0.0, 2.5]}
    for asked in ([counter], [Distribution("x")]):
        state = Profile.of(data, asked)[counter]
        assert binned_pair(side, state, edges, 2).cells.current.tolist() == [1, 1]


def test_counter_without_a_stored_distribution():
    table = {"id": [f"user{i}" for i in range(50)]}
    for known in (Baseline.from_data(table), Profile.of(table, [])):
        found = candidates(known, "psi", ("id", "nobody"), ())
        assert not found.judged
        assert list(found.refused) == ["id", "nobody"]


@pytest.mark.parametrize("type_", [pa.int8(), pa.uint64(), pa.float32(), pa.decimal128(9, 1)])
def test_types_of_numbers_do_not_matter(type_):
    for each in both_ways(range(100), range(50, 100), 4, type_):
        assert each.cells.reference.tolist() == [25, 25, 25, 25]
        assert each.cells.current.tolist() == [0, 0, 25, 25]
