import dataclasses
import datetime as dt
import math
import struct
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnProfile, ColumnView
from mlgates.tables.field import Field
from mlgates.tables.source import as_source

NAN = math.nan
INF = math.inf


def view_of(values, type_=None, name="x"):
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, type_)
    source = as_source(pa.table({name: array}))
    (batch,) = source.batches()
    return ColumnView(batch[name], source.schema[name])


def profile_of(values, type_=None):
    return ColumnProfile.of(view_of(values, type_))


def facts(view):
    found = dataclasses.asdict(ColumnProfile.of(view))
    del found["field"]
    assert (found.pop("missing"), found.pop("valid")) == (view.missing, view.valid)
    return found


def test_nan_and_null_are_missing_and_counted_separately():
    view = view_of([1.0, None, NAN, -INF, INF, INF])
    assert (view.rows, view.nulls, view.nans, view.missing, view.valid) == (6, 1, 1, 2, 4)
    assert (view.neg_inf, view.pos_inf, view.min, view.max) == (1, 2, -INF, INF)
    assert view.missing_mask().tolist() == [False, True, True, False, False, False]
    assert view.values.tolist() == [1.0, -INF, INF, INF]
    assert view.aligned().to_pylist() == [1.0, None, None, -INF, INF, INF]


@pytest.mark.parametrize(
    ("values", "type_", "low", "high"),
    [
        ([3, None, -1], pa.int8(), -1, 3),
        ([2**63 - 1, -(2**63)], pa.int64(), -(2**63), 2**63 - 1),
        ([2**64 - 1, 0], pa.uint64(), 0, 2**64 - 1),
        ([NAN, 2.5, 0.5], pa.float32(), 0.5, 2.5),
        ([NAN, None, INF], pa.float64(), INF, INF),
        ([Decimal("-1.50"), None, Decimal("2.25")], pa.decimal128(9, 2), Decimal("-1.5"), 2.25),
        ([True, None], pa.bool_(), True, True),
        ([1, None, -5], pa.date32(), -5, 1),
        ([7, 9, None], pa.timestamp("ns", "UTC"), 7, 9),
        ([7, 9, None], pa.duration("ms"), 7, 9),
        ([7, 9, None], pa.time32("s"), 7, 9),
        ([None, None], pa.int64(), None, None),
        ([], pa.float64(), None, None),
        ([NAN, NAN], pa.float64(), None, None),
        ([None, None], pa.null(), None, None),
        (["b", "a"], pa.string(), None, None),
        ([[1], [2]], pa.list_(pa.int64()), None, None),
    ],
)
def test_extremes_of_every_kind_are_exact(values, type_, low, high):
    view = view_of(values, type_)
    assert (view.min, view.max) == (low, high)


def test_negative_zero_is_zero():
    view = view_of([-0.0, -0.0])
    assert math.copysign(1, view.min) == math.copysign(1, view.max) == 1
    assert view.checksum() == view_of([0.0, 0.0]).checksum() == 0
    assert len(view_of([0.0, -0.0]).encoded.dictionary) == 1


def test_values_of_a_column_without_missing_are_not_copied():
    numbers = np.arange(10.0)
    assert np.shares_memory(view_of(pa.array(numbers)).values, numbers)
    whole = np.arange(10)
    assert np.shares_memory(view_of(pa.array(whole)).values, whole)


@pytest.mark.parametrize(
    ("values", "type_", "expected"),
    [
        ([1, None, 3], pa.int16(), [1, 3]),
        ([1, None, 3], pa.date32(), [1, 3]),
        ([1, None, 3], pa.time32("ms"), [1, 3]),
        ([1, None, 3], pa.timestamp("us"), [1, 3]),
        ([True, None], pa.bool_(), [True]),
        ([Decimal("0.1"), None], pa.decimal128(5, 1), [0.1]),
        ([None], pa.null(), []),
    ],
)
def test_values_are_plain_numbers(values, type_, expected):
    found = view_of(values, type_).values
    assert found.tolist() == expected
    assert type_ != pa.date32() or found.dtype == np.int64


def test_texts_have_no_numbers():
    with pytest.raises(EvidenceError, match="column 'x' must have numbers, got string values"):
        _ = view_of(["a"]).values


def mixed(word):
    """Return the term of a number with these 64 bits in a checksum."""
    z = (word ^ (word >> 32)) * 0xD6E8FEB86659FD93 % 2**64
    return z * (z >> 32)


def spread(x):
    """Return the term of a float in a checksum."""
    (word,) = struct.unpack(
        "<Q", struct.pack("<d", (x + 0.0) * float.fromhex("0x1.ffb0e44323406p-1"))
    )
    return (word ^ (word >> 31)) ** 2


def checksum_of(texts):
    """Return the checksum of texts."""
    encoded = [text.encode() if isinstance(text, str) else text for text in texts]
    last = sum(mixed(int.from_bytes(text[-8:], "little")) for text in encoded)
    return (sum(map(sum, encoded)) + 2**32 * sum(map(len, encoded)) + last) % 2**64


def test_checksum_does_not_depend_on_width_chunks_order_or_encoding():
    whole = [5, -3, None, 5]
    widths = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
    same = {view_of(cells, t).checksum() for t in widths for cells in (whole, whole[::-1])}
    assert same == {(2 * mixed(5) + mixed(2**64 - 3)) % 2**64}
    large = view_of([2**64 - 1, 2], pa.uint64()).checksum()
    assert large == (mixed(2**64 - 1) + mixed(2)) % 2**64
    floats = [0.5, -0.0, NAN, None, INF]
    bits = (spread(0.5) + spread(INF)) % 2**64
    assert view_of(floats, pa.float32()).checksum() == view_of(floats).checksum() == bits
    texts = ["ab", None, "", "é"]
    encoded = pa.array(texts).dictionary_encode()
    chunked = pa.chunked_array([texts[:1], texts[1:]])
    for column in (texts, encoded, chunked, pa.array(texts, pa.large_string())):
        assert view_of(column).checksum() == checksum_of(["ab", "", "é"])
    assert view_of([b"ab", None], pa.binary(2)).checksum() == checksum_of(["ab"])
    assert view_of([True, None, True]).checksum() == 2
    decimals = [[Decimal("1.5"), None], [Decimal("1.50"), None]]
    assert {view_of(cells).checksum() for cells in decimals} == {spread(1.5) % 2**64}
    assert view_of([[1], None]).checksum() == 0


def test_checksum_of_times_does_not_depend_on_their_unit():
    stamps = [dt.datetime(2026, 3, 1), None, dt.datetime(1960, 1, 1)]
    units = {view_of(stamps, pa.timestamp(unit)).checksum() for unit in ("s", "ms", "us", "ns")}
    assert len(units) == 1
    spans = [dt.timedelta(days=-1), dt.timedelta(seconds=7)]
    units = {view_of(spans, pa.duration(unit)).checksum() for unit in ("s", "ms", "us", "ns")}
    assert len(units) == 1


@pytest.mark.parametrize("length", [1, 7, 8, 9])
def test_checksum_of_texts_of_equal_length(length):
    texts = [f"{i:0{length}}"[:length] for i in range(9)]
    assert view_of(texts).checksum() == checksum_of(texts)
    assert view_of([*texts, "x" * 12]).checksum() == checksum_of([*texts, "x" * 12])


@pytest.mark.parametrize("times", [1, 20])
def test_checksum_of_texts_is_the_same_once_they_are_encoded(times):
    view = view_of(["b", "a", None, "ba"] * times)
    _ = view.encoded
    assert view.checksum() == view_of(["b", "a", None, "ba"] * times).checksum()


def test_bytes_of_a_null_are_not_counted():
    offsets = pa.py_buffer(np.array([0, 2, 4], np.int32))
    validity = pa.py_buffer(b"\x01")
    array = pa.Array.from_buffers(pa.string(), 2, [validity, offsets, pa.py_buffer(b"ab\xff\xff")])
    assert array.to_pylist() == ["ab", None]
    assert view_of(array).checksum() == view_of(["ab", None]).checksum()


def test_slices_are_read_from_their_offset():
    numbers = pa.array([1.0, NAN, 3.0, None, 5.0])[2:]
    assert view_of(numbers).values.tolist() == [3.0, 5.0]
    assert view_of(numbers).checksum() == view_of([3.0, 5.0]).checksum()
    texts = pa.array(["abc", "d", "ef"])[1:]
    assert view_of(texts).checksum() == view_of(["d", "ef"]).checksum()
    encoded = pa.array(["abc", "d", "ef", "d"]).dictionary_encode()[1:]
    assert view_of(encoded).codes.tolist() == [1, 2, 1]
    assert view_of(encoded).code_counts.tolist() == [0, 2, 1]


def test_dictionary_with_null_and_repeated_values():
    dictionary = pa.array(["a", None, "a", "unused"])
    indices = pa.array([0, 1, 2, None, 2], pa.int8())
    array = pa.DictionaryArray.from_arrays(indices, dictionary)
    view = ColumnView(array, Field("x", "string", "dictionary", encoded=True))
    assert (view.nulls, view.valid) == (2, 3)
    assert view.missing_mask().tolist() == [False, True, False, True, False]
    assert view.encoded.to_pylist() == ["a", None, "a", None, "a"]
    assert view.encoded.dictionary.to_pylist() == ["a", "unused"]
    assert view.code_counts.tolist() == [3, 0]
    assert view.checksum() == view_of(["a"] * 3).checksum()


def test_chunks_may_have_different_dictionaries():
    parts = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["b", None]).dictionary_encode()]
    view = view_of(pa.chunked_array(parts))
    assert view.encoded.to_pylist() == ["a", "b", "b", None]
    assert view.encoded.dictionary.to_pylist() == ["a", "b"]


def test_categories_that_are_numbers_are_numbers():
    encoded = pa.array([2.5, None, NAN, 2.5]).dictionary_encode()
    view = view_of(encoded)
    assert view.field.kind == "float"
    assert (view.nulls, view.nans, view.min) == (1, 1, 2.5)
    assert view.encoded.dictionary.to_pylist() == [2.5]
    whole = view_of(pa.array([7, None, 9]).dictionary_encode())
    assert (whole.nulls, whole.max, whole.values.tolist()) == (1, 9, [7, 9])


def test_missing_cells_of_nested_and_unreadable_columns_are_counted():
    assert view_of([[1], None, [None]]).missing == 1
    cells = ColumnView(pa.array(["int", None, "str"]), Field("x", "unreadable", "mixed (int, str)"))
    assert (cells.missing, cells.min, cells.checksum()) == (1, None, 0)
    union = pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], pa.int8()), [pa.array([1, None, None]), pa.array(["a", None, "c"])]
    )
    assert ColumnView(union, Field("x", "nested", "union")).missing == 2


@pytest.mark.parametrize("type_", [pa.float64(), pa.int64(), pa.string(), pa.bool_(), pa.null()])
@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_no_rows(type_, chunks):
    array = pa.chunked_array([pa.array([], type_)] * chunks, type=type_)
    view = view_of(array)
    assert facts(view) == {
        "rows": 0,
        "nulls": 0,
        "nans": 0,
        "neg_inf": 0,
        "pos_inf": 0,
        "min": None,
        "max": None,
        "checksum": 0,
    }
    assert len(view.encoded) == len(view.codes) == len(view.missing_mask()) == 0


def test_profiles_of_columns_merge():
    merged = profile_of([1.0, None]).merge(profile_of([NAN, -INF]))
    assert merged == profile_of([1.0, None, NAN, -INF])
    assert (merged.missing, merged.valid, merged.infinite) == (2, 2, 1)


def test_a_column_of_nulls_merges_with_any_kind():
    nulls, texts = profile_of([None, None]), profile_of(["a", None])
    assert nulls.merge(texts).field == texts.merge(nulls).field == texts.field
    assert nulls.merge(texts).nulls == 3


def test_other_kinds_do_not_merge():
    with pytest.raises(
        EvidenceError,
        match=r"column 'x' has int values \(int64\) in one and string values \(string\) in the",
    ):
        profile_of([1]).merge(profile_of(["a"]))


def test_other_units_and_zones_do_not_merge():
    with pytest.raises(
        EvidenceError,
        match=r"has type timestamp\[us\] in one and timestamp\[ns\] in the other; cast both",
    ):
        profile_of([1], pa.timestamp("us")).merge(profile_of([1], pa.timestamp("ns")))
    with pytest.raises(EvidenceError, match="both with or both without a time zone"):
        profile_of([1], pa.timestamp("us")).merge(profile_of([1], pa.timestamp("us", "UTC")))


floats = st.lists(
    st.none() | st.sampled_from([0.0, -0.0, NAN, INF, -INF, 1.5, -2.0]) | st.floats(width=32)
)


@given(floats, st.integers(0, 20), st.sampled_from([pa.float32(), pa.float64()]))
def test_floats_against_plain_python(values, cut, type_):
    array = pa.chunked_array([pa.array(values[:cut], type_), pa.array(values[cut:], type_)])
    view = view_of(array)
    valid = [x for x in values if x is not None and not math.isnan(x)]
    bits = sum(map(spread, valid))
    assert facts(view) == {
        "rows": len(values),
        "nulls": values.count(None),
        "nans": len(values) - values.count(None) - len(valid),
        "neg_inf": valid.count(-INF),
        "pos_inf": valid.count(INF),
        "min": min(valid, default=None),
        "max": max(valid, default=None),
        "checksum": bits % 2**64,
    }
    assert view.values.tolist() == valid
    assert [None if x is None else x + 0.0 for x in view.encoded.to_pylist()] == [
        None if x is None or math.isnan(x) else x + 0.0 for x in values
    ]


texts = st.lists(st.none() | st.sampled_from(["", "a", "b", "é", "\0"]) | st.text())


@given(texts, st.integers(0, 20), st.booleans(), st.sampled_from([pa.string(), pa.large_string()]))
def test_texts_against_plain_python(values, cut, encode, type_):
    array = pa.chunked_array([pa.array(values[:cut], type_), pa.array(values[cut:], type_)])
    view = view_of(array.dictionary_encode() if encode else array)
    valid = [x for x in values if x is not None]
    assert view.nulls == len(values) - len(valid)
    assert view.checksum() == checksum_of(valid)
    assert view.encoded.to_pylist() == values
    distinct = view.encoded.dictionary.to_pylist()
    assert len(set(distinct)) == len(distinct)
    assert dict(zip(distinct, view.code_counts.tolist(), strict=True)) == {
        x: valid.count(x) for x in valid
    }
    assert view.missing_mask().tolist() == [x is None for x in values]
