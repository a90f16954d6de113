import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.profile.distributions import Ecdf

INF = math.inf
whole = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 2**53, 2**53 + 1, 2**63 - 1])
real = st.floats(allow_nan=True) | st.sampled_from([0.0, -0.0, INF, -INF, 2.0**53])


columns = st.one_of(
    st.lists(whole).map(lambda x: np.array(x, np.int64)),
    st.lists(st.integers(0, 2**64 - 1)).map(lambda x: np.array(x, np.uint64)),
    st.lists(st.integers(-128, 127)).map(lambda x: np.array(x, np.int8)),
    st.lists(real).map(lambda x: np.array(x, np.float64)),
    st.lists(st.floats(width=32)).map(lambda x: np.array(x, np.float32)),
)


@given(columns, st.integers(0, 10), st.integers(0, 10))
def test_merging_is_a_monoid(column, i, j):
    i, j = sorted((i, j))
    a, b, c = (Ecdf.of(part) for part in (column[:i], column[i:j], column[j:]))
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == Ecdf.of(column)
    assert c.merge(a).merge(b) == Ecdf.of(column)
    assert a.merge(Ecdf.of(column[:0])) == a == Ecdf.of(column[:0]).merge(a)
    assert Ecdf.of(column).values.tolist() == a.merge(b).merge(c).values.tolist()


@given(columns)
def test_values_are_those_of_the_column_in_order(column):
    ecdf = Ecdf.of(column)
    assert ecdf.values.tolist() == sorted(x for x in column.tolist() if not math.isnan(x))
    assert ecdf.n == len(ecdf.values)


def test_values_are_sorted_without_nan_and_with_one_zero():
    ecdf = Ecdf.of(np.array([np.nan, 0.0, -0.0, INF, -1.5], np.float32))
    assert ecdf.values.tolist() == [-1.5, 0.0, 0.0, INF]
    assert not np.signbit(ecdf.values[1:3]).any()
    assert ecdf.values.dtype == np.float64
    assert repr(ecdf) == "Ecdf(n=4, min=-1.5, max=inf)"


def test_no_values():
    ecdf = Ecdf()
    assert (ecdf.n, len(ecdf.values), repr(ecdf)) == (0, 0, "Ecdf(n=0)")
    assert ecdf == Ecdf.of(np.array([np.nan])) == Ecdf.of(np.array([], np.int8))


def test_large_integers_stay_distinct():
    assert Ecdf.of(np.array([2**53 + 1, 2**53])).values.tolist() == [2**53, 2**53 + 1]
    assert Ecdf.of(np.array([2**64 - 1], np.uint64)).values.tolist() == [2**64 - 1]


def test_signed_and_unsigned_columns_merge_in_the_type_that_holds_both():
    big, small = Ecdf.of(np.array([2**64 - 1], np.uint64)), Ecdf.of(np.array([7]))
    assert big.merge(small).values.tolist() == [7, 2**64 - 1]
    below = Ecdf.of(np.array([2**63], np.uint64)).merge(Ecdf.of(np.array([-7])))
    assert below.values.tolist() == [-7.0, 2.0**63]
    with pytest.raises(EvidenceError, match="no numeric type represents all values"):
        _ = big.merge(Ecdf.of(np.array([-7]))).values


@pytest.mark.parametrize(
    "largest", [np.array([2**63 - 1]), np.array([2**64 - 1], np.uint64), np.array([2**53 + 1])]
)
def test_integers_that_floats_round_are_not_merged_with_floats(largest):
    with pytest.raises(EvidenceError, match="no numeric type represents all values"):
        _ = Ecdf.of(largest).merge(Ecdf.of(np.array([0.5]))).values
    exact = Ecdf.of(np.array([2**60, -(2**63)])).merge(Ecdf.of(np.array([0.5])))
    assert exact.values.tolist() == [-(2.0**63), 0.5, 2.0**60]


def test_the_array_is_neither_changed_nor_kept():
    array = np.array([3.0, 1.0, -0.0])
    ecdf = Ecdf.of(array)
    assert array.tolist() == [3.0, 1.0, -0.0]
    array[:] = 9
    assert ecdf.values.tolist() == [0.0, 1.0, 3.0]
    with pytest.raises(ValueError, match="read-only"):
        ecdf.values[0] = 1


def test_equal_values_make_equal_distributions():
    assert Ecdf.of(np.array([1, 2])) == Ecdf.of(np.array([2.0, 1.0]))
    assert Ecdf.of(np.array([1, 2])) != Ecdf.of(np.array([1, 3]))
    assert Ecdf.of(np.array([1])) != [1]


def test_texts_are_refused():
    with pytest.raises(
        EvidenceError, match="expected an array of numbers, got an array with dtype <U1"
    ):
        Ecdf.of(np.array(["a"]))
