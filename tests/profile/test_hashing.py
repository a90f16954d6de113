import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.profile import column, duplicates
from mlgates.profile.column import (
    ColumnView,
    _sweep,
    float_sums,
    mixed_sum,
    text_sum,
    text_weights,
)
from mlgates.profile.counter import BatchView
from mlgates.profile.duplicates import Duplicated, may_repeat
from mlgates.tables.field import from_arrow

TYPES = [pa.string(), pa.large_string()]
texts = st.lists(
    st.sampled_from(["", "\0", "a", "a\0", "12345678", "123456789", "é"]) | st.text(max_size=30),
    max_size=40,
)


def float_sum(values):
    return _sweep(values).checksum


def repeated(values, type_=None):
    view = ColumnView(*from_arrow("x", pa.array(values, type_)))
    state = Duplicated("x").count(BatchView({"x": view}))
    return state.count, state.rows


@given(texts, st.integers(0, 40), st.sampled_from(TYPES))
def test_a_text_that_occurs_twice_is_always_suspected(values, cut, type_):
    array = pa.chunked_array([pa.array(values[:cut], type_), pa.array(values[cut:], type_)])
    suspected = may_repeat(array).tolist()
    assert len(suspected) == len(values)
    # Hashes of so few texts do not collide.
    assert suspected == [values.count(value) > 1 for value in values]


def test_slices_and_bytes():
    assert may_repeat(pa.chunked_array([pa.array(["a", "b", "a"])[1:]])).tolist() == [False, False]
    fixed = pa.chunked_array([pa.array([b"ab", b"cd", b"ab"], pa.binary(2))])
    assert may_repeat(fixed).tolist() == [True, False, True]
    assert may_repeat(pa.chunked_array([], type=pa.string())).tolist() == []


def test_texts_too_long_to_be_hashed_are_compared_whole():
    long = "x" * 1000
    assert may_repeat(pa.chunked_array([["a", long]])).all()
    assert repeated([long + "a", long + "b", long + "a", "c"]) == (1, (2,))


def test_texts_of_equal_hash_are_told_apart(monkeypatch):
    def constant(words, starts, lengths):
        return np.zeros(len(lengths), np.uint64)

    monkeypatch.setattr(duplicates, "_hashes", constant)
    assert repeated(["a", "b", "c", "b"]) == (1, (3,))
    assert repeated(["a", "b", "c"]) == (0, ())


@pytest.mark.parametrize("type_", TYPES)
def test_more_rows_than_one_block(type_):
    values = [f"user{i}" for i in range(40_000)]
    values[39_999] = "user7"
    values[20_000] = "user3"
    assert repeated(values, type_) == (2, (20_000, 39_999))


# Checksums

WORD = 2**64
FACTOR = 0xD6E8FEB86659FD93


def mixed(word, scale=1):
    """One number, in plain Python."""
    word = word * scale % WORD
    z = (word ^ (word >> 32)) * FACTOR % WORD
    return z * (z >> 32) % WORD


def weight(text):
    """One text, in plain Python."""
    return (sum(text) + len(text) * 2**32 + mixed(int.from_bytes(text[-8:], "little"))) % WORD


@given(st.lists(st.integers(0, WORD - 1)), st.sampled_from([1, 1_000, 10**9]))
def test_sum_of_mixed_numbers_against_plain_python(numbers, scale):
    found = mixed_sum(np.array(numbers, np.uint64), scale)
    assert found == sum(mixed(number, scale) for number in numbers) % WORD


def test_sum_of_mixed_numbers_does_not_depend_on_blocks(monkeypatch):
    numbers = np.arange(10_000, dtype=np.uint64) ** 3
    whole = mixed_sum(numbers)
    view = ColumnView(*from_arrow("x", pa.array(numbers)))
    monkeypatch.setattr(column, "_BLOCK", 77)
    assert view.checksum() == whole


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1, 2, 5, 8], [1, 3, 4, 8]),  # equal sums
        ([0, 1, 8, 10], [0, 4, 7, 10]),  # equal sums of squares
        ([0, 2, 2, 5, 7, 9], [0, 1, 4, 4, 7, 9]),
        ([2**63, 2**63, 1], [0, 0, 1]),  # equal modulo 2**64
    ],
)
def test_numbers_whose_sums_are_equal_are_told_apart(a, b):
    assert mixed_sum(np.array(a, np.uint64)) != mixed_sum(np.array(b, np.uint64))


FINITE = st.floats(allow_nan=False) | st.integers(-1_000, 1_000).map(float)


@given(st.lists(FINITE, max_size=40), st.sampled_from([np.float64, np.float32]))
def test_sum_of_mixed_floats_against_plain_python(numbers, dtype):
    with np.errstate(over="ignore"):
        array = np.array(numbers, dtype)
    total = 0
    for x in array.tolist():
        (word,) = struct.unpack("<Q", struct.pack("<d", x * float.fromhex("0x1.ffb0e44323406p-1")))
        total += (word ^ (word >> 31)) ** 2
    assert float_sum(array) == total % WORD


@given(st.integers(0, 4), st.integers(0, 9))
def test_sums_of_rows_are_those_of_each(height, width):
    rows = np.random.default_rng(height).normal(size=(height, width))
    expected = [float_sum(row) for row in rows]
    assert float_sums(rows, np.empty_like(rows)).tolist() == expected


def test_numpy_told_to_raise_is_not_heard():
    with np.errstate(all="raise"):
        assert float_sum(np.array([5e-324, -1e308, np.inf])) > 0


def test_sum_of_mixed_floats_does_not_depend_on_blocks_or_order(monkeypatch):
    numbers = np.random.default_rng(0).normal(size=10_000)
    whole = float_sum(numbers)
    monkeypatch.setattr(column, "_BLOCK", 77)
    assert float_sum(numbers) == float_sum(np.sort(numbers)) == whole


@pytest.mark.parametrize("shift", [0.0, 0.5, 64.0, 1e6, 2.0**40, -3.0])
@pytest.mark.parametrize("scale", [1.0, 2.0, 0.25, 2.0**-30, 1e-3])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1, 3], [2, 2]),  # equal sums
        ([2.5, 3], [2, 3.5]),  # equal sums, and the same bits exchanged
        ([0, 4, 5], [1, 2, 6]),  # equal sums of squares too
        ([0, 2, 2, 5, 7, 9], [0, 1, 4, 4, 7, 9]),
        ([1, 4, 2], [1, 2, 2]),
        ([1, 2, 4, 8], [2, 2, 4, 4]),
        ([1], [-1]),
        ([1, -2], [-1, 2]),  # exchanged signs
        ([1, 8], [2, 4]),  # equal sums of exponents
    ],
)
def test_floats_whose_sums_are_equal_are_told_apart(a, b, scale, shift):
    x, y = (scale * np.array(side) + shift for side in (a, b))
    if sorted(x) != sorted(y):
        assert float_sum(x) != float_sum(y)


def test_floats_one_bit_apart_are_told_apart():
    x = np.random.default_rng(0).normal(size=4_000)
    y = np.nextafter(x, np.inf)
    same = sum(float_sum(x[i : i + 1]) == float_sum(y[i : i + 1]) for i in range(len(x)))
    assert same < 10


@given(st.lists(st.none() | st.text()), st.integers(0, 20), st.sampled_from(TYPES))
def test_sum_of_texts_against_plain_python(values, cut, type_):
    array = pa.chunked_array([pa.array(values[:cut], type_), pa.array(values[cut:], type_)])
    given_ = [value.encode() for value in values if value is not None]
    assert text_sum(array) == sum(map(weight, given_)) % WORD
    weights = text_weights(pa.array(given_, pa.binary()))
    assert weights.tolist() == [weight(text) for text in given_]


def test_sum_of_texts_of_more_than_one_block(monkeypatch):
    texts = pa.chunked_array([[f"user{i}" for i in range(1_000)]])
    whole = text_sum(texts)
    monkeypatch.setattr(column, "_TEXTS_BLOCK", 7)
    assert text_sum(texts) == whole == text_sum(texts.slice(500)) + text_sum(texts.slice(0, 500))


@pytest.mark.parametrize(
    ("a", "b", "differ"),
    [
        (["AB", "BA"], ["AB", "AB"], True),  # swapped letters
        (["listen"], ["silent"], True),
        (["user00001234"], ["user00001243"], True),
        (["ab", "c"], ["a", "bc"], True),  # letters that move between texts
        (["abcdefghijkl"], ["bacdefghijkl"], False),  # not seen: before the last eight bytes
    ],
)
def test_what_a_sum_of_texts_sees(a, b, differ):
    sums = [text_sum(pa.chunked_array([texts])) % WORD for texts in (a, b)]
    assert (sums[0] != sums[1]) is differ
