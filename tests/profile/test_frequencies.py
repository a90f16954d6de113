import math
from collections import Counter
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.profile.distributions import Frequencies

lists = st.one_of(
    st.tuples(st.just(pa.string()), st.lists(st.none() | st.text(max_size=2))),
    st.tuples(st.just(pa.int8()), st.lists(st.none() | st.integers(-3, 3))),
    st.tuples(st.just(pa.uint64()), st.lists(st.sampled_from([0, 1, 2**63, 2**64 - 1]))),
    st.tuples(st.just(pa.bool_()), st.lists(st.none() | st.booleans())),
    st.tuples(
        st.just(pa.float64()), st.lists(st.none() | st.sampled_from([0.0, -0.0, math.nan, 1.5]))
    ),
    st.tuples(st.just(pa.binary()), st.lists(st.none() | st.binary(max_size=1))),
)


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


def counts_of(frequencies):
    return dict(zip(frequencies.values.to_pylist(), frequencies.counts.tolist(), strict=True))


@given(lists, st.integers(0, 10), st.booleans())
def test_counts_against_plain_python(column, cut, encode):
    type_, values = column
    array = pa.chunked_array([pa.array(values[:cut], type_), pa.array(values[cut:], type_)])
    frequencies = Frequencies.of(array.dictionary_encode() if encode else array)
    valid = [x for x in values if x is not None and not is_nan(x)]
    assert counts_of(frequencies) == Counter(valid)
    assert frequencies.values.to_pylist() == sorted(set(valid))
    assert (frequencies.n, len(frequencies)) == (len(valid), len(set(valid)))
    for value in set(valid):
        assert frequencies[value] == valid.count(value)


@given(lists, st.integers(0, 10), st.integers(0, 10))
def test_merging_is_a_commutative_monoid(column, i, j):
    type_, values = column
    i, j = sorted((i, j))
    array = pa.array(values, type_)
    a, b, c = (Frequencies.of(part) for part in (array[:i], array[i:j], array[j:]))
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == Frequencies.of(array)
    assert c.merge(a).merge(b) == Frequencies.of(array)
    assert a.merge(Frequencies()) == a == Frequencies.of(array[:0]).merge(a)


def test_lookup_compares_value_and_type():
    numbers = Frequencies.of(pa.array([1, 1, 2]))
    assert [numbers[x] for x in (1, 1.0, Decimal(2), "1", True, None, 3)] == [2, 2, 1, 0, 0, 0, 0]
    texts = Frequencies.of(pa.array(["1", "a"]))
    assert [texts[x] for x in ("1", 1, b"a", "\ud800", math.nan)] == [1, 0, 0, 0, 0]
    bools = Frequencies.of(pa.array([True, True, False]))
    assert [bools[x] for x in (True, np.False_, 1, 0.0)] == [2, 1, 0, 0]
    assert Frequencies()["a"] == 0


def test_unused_entries_of_a_dictionary_are_not_counted():
    dictionary = pa.array(["unused", "b", None, "b"])
    array = pa.DictionaryArray.from_arrays(pa.array([1, 2, 3, None]), dictionary)
    assert counts_of(Frequencies.of(array)) == {"b": 2}


def test_widths_do_not_matter():
    assert Frequencies.of(pa.array(["a"])) == Frequencies.of(pa.array(["a"], pa.large_string()))
    assert Frequencies.of(pa.array([7], pa.int8())) == Frequencies.of(pa.array([7], pa.uint64()))
    assert Frequencies.of(pa.array([1.5], pa.float32())) == Frequencies.of(pa.array([1.5]))
    assert Frequencies.of(pa.array(["a"])) != Frequencies.of(pa.array(["b"]))
    assert Frequencies.of(pa.array(["a"])) != {"a": 1}


def test_signed_and_unsigned_counts_merge_exactly():
    big = Frequencies.of(pa.array([2**64 - 1], pa.uint64()))
    merged = big.merge(Frequencies.of(pa.array([-1, -1])))
    assert (merged[2**64 - 1], merged[-1]) == (1, 2)
    money = Frequencies.of(pa.array([Decimal("1.50")]))
    assert money.merge(Frequencies.of(pa.array([Decimal("1.5")])))[1.5] == 2


def test_counts_of_other_kinds_do_not_merge():
    merged = Frequencies.of(pa.array(["a"])).merge(Frequencies.of(pa.array([1])))
    with pytest.raises(EvidenceError, match="counts of int64 and large_string values cannot be"):
        _ = merged.values


def test_counts_are_read_only():
    frequencies = Frequencies.of(pa.array(["a"]))
    with pytest.raises(ValueError, match="read-only"):
        frequencies.counts[0] = 5
    assert repr(frequencies) == "Frequencies(n=1, values=1)"


def test_merged_counts_are_added_up_from_time_to_time():
    counts = part = Frequencies.of(pa.array([f"category {i}" for i in range(1_000)]))
    for _ in range(1_000):
        counts = counts.merge(part)
        assert len(counts.to_parts()) <= 70
    assert set(counts.counts.tolist()) == {1_001}
