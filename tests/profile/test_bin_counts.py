"""Counts in cells without sorting: the same as from the sorted column, for any division."""

import numpy as np
import pytest
from arrays import count_in, quantile_edges
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.profile.counters import BinCounts, Distribution
from mlgates.profile.distributions import CellCounts
from mlgates.profile.scan import Profile

VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, np.inf, -np.inf, None, np.nan]),
    st.floats(-5, 5),
)
FEW = BinCounts("x", (1.0, 2.0), (False, True))


@given(st.lists(VALUES, max_size=40), st.lists(VALUES, max_size=40), st.integers(2, 12))
def test_counts_are_those_of_the_sorted_column(reference, values, bins):
    known = Profile.of({"x": np.array(reference, float)})[Distribution("x")]
    edges = quantile_edges(known.values, bins)
    reach = () if edges.reach is None else tuple(edges.reach.tolist())
    points, atoms = tuple(edges.points.tolist()), tuple(edges.atoms.tolist())
    counter = BinCounts("x", points, atoms, reach=reach)
    data = {"x": np.array(values, float)}
    counts = Profile.of(data, [counter])[counter].counts
    expected = count_in(Profile.of(data)[Distribution("x")].values, edges)
    assert counts.tolist() == expected.tolist()


@given(st.lists(VALUES, max_size=30), st.lists(VALUES, max_size=30))
def test_parts_add_up_to_the_whole(first, second):
    a, b, both = (
        Profile.of({"x": np.array(part, float)}, [FEW]) for part in (first, second, first + second)
    )
    assert a.merge(b)[FEW] == both[FEW]
    assert both[FEW].n == both.columns["x"].valid


def test_integers_are_compared_exactly():
    counter = BinCounts("x", (2**60,), (True,))
    data = {"x": np.array([2**60 - 1, 2**60, 2**60 + 1])}
    assert Profile.of(data, [counter])[counter].counts.tolist() == [0, 1, 1, 1, 0]


def test_texts_are_refused():
    profile = Profile.of({"x": ["a", "b"]}, [FEW])
    with pytest.raises(EvidenceError, match=r"column 'x' must have numbers, got string values"):
        profile[FEW]


def test_counts_in_other_cells_are_not_added():
    with pytest.raises(EvidenceError, match="of the same bins, got 2 and 3 bins"):
        CellCounts(np.array([1, 2])).merge(CellCounts(np.array([1, 2, 3])))
    assert CellCounts(np.array([1])) != "one"


def test_subsumed_counter_is_not_counted():
    finer = Distribution("x")
    coarse = BinCounts("x", (1.0,), (False,), subsumed_by=finer)
    assert coarse == BinCounts("x", (1.0,), (False,))
    for asked, kept in (((coarse,), coarse), ((coarse, finer), finer)):
        evidence = Evidence({"data": {"x": [0.5, 1.5]}})
        evidence.request(lambda _, asked=asked: asked)
        profile = evidence.profile()
        assert (coarse in profile, finer in profile) == (True, kept is finer)
        assert profile[coarse] is profile[kept]
