"""Checksums of columns, and hashes of texts that may repeat."""

import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.profile import column, duplicates
from mlgates.profile.duplicates import Duplicated
from mlgates.profile.scan import Profile

TYPES = [pa.string(), pa.large_string()]
texts = st.lists(
    st.sampled_from(["", "\0", "a", "a\0", "12345678", "123456789", "é"]) | st.text(max_size=30),
    max_size=40,
)


def checksum(values, type_=None):
    array = values if isinstance(values, pa.ChunkedArray) else pa.array(values, type_)
    return Profile.of(pa.table({"x": array}), []).columns["x"].checksum


def repeated(values, type_=None):
    array = values if isinstance(values, pa.ChunkedArray) else pa.array(values, type_)
    state = Profile.of(pa.table({"x": array}), [Duplicated("x")])[Duplicated("x")]
    return state.count, state.rows


def in_chunks(values, cut, type_):
    return pa.chunked_array([pa.array(values[:cut], type_), pa.array(values[cut:], type_)])


@given(texts, st.integers(0, 40), st.sampled_from(TYPES))
def test_repeated_texts_against_plain_python(values, cut, type_):
    rows = [i for i, value in enumerate(values) if value in values[:i]]
    assert repeated(in_chunks(values, cut, type_)) == (len(rows), tuple(rows[:5]))


def test_only_texts_with_equal_hashes_are_compared(monkeypatch):
    compared = []
    encode = duplicates.encoding.encode
    monkeypatch.setattr(
        duplicates.encoding, "encode", lambda array: compared.append(len(array)) or encode(array)
    )
    assert repeated([f"user{i % 990}" for i in range(1_000)])[0] == 10
    assert compared == [20]


def test_slices_and_bytes():
    assert repeated(pa.chunked_array([pa.array(["a", "b", "a"])[1:]])) == (0, ())
    assert repeated([b"ab", b"cd", b"ab"], pa.binary(2)) == (1, (2,))
    assert repeated([], pa.string()) == (0, ())


def test_long_texts_are_hashed_to_their_end():
    long = "x" * 1000
    assert repeated([long + "a", long + "b", long + "a", "c"]) == (1, (2,))


def test_texts_with_equal_hashes_are_compared(monkeypatch):
    def constant(texts):
        return np.zeros(len(texts), np.uint64)

    monkeypatch.setattr(duplicates, "text_hashes", constant)
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


UNITS = {"ns": 1, "us": 1_000, "s": 10**9}


@given(st.lists(st.integers(0, WORD - 1)))
def test_checksum_of_integers_against_plain_python(numbers):
    assert checksum(numbers, pa.uint64()) == sum(map(mixed, numbers)) % WORD


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.sampled_from(list(UNITS)))
def test_checksum_of_times_against_plain_python(numbers, unit):
    expected = sum(mixed(number, UNITS[unit]) for number in numbers) % WORD
    assert checksum(numbers, pa.duration(unit)) == expected


def test_checksum_of_integers_does_not_depend_on_blocks(monkeypatch):
    numbers = np.arange(10_000, dtype=np.uint64) ** 3
    whole = checksum(numbers)
    monkeypatch.setattr(column, "_BLOCK", 77)
    assert checksum(numbers) == whole


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([1, 2, 5, 8], [1, 3, 4, 8]),  # equal sums
        ([0, 1, 8, 10], [0, 4, 7, 10]),  # equal sums of squares
        ([0, 2, 2, 5, 7, 9], [0, 1, 4, 4, 7, 9]),
        ([2**63, 2**63, 1], [0, 0, 1]),  # equal modulo 2**64
    ],
)
def test_checksums_of_numbers_with_equal_sums_differ(a, b):
    assert checksum(a, pa.uint64()) != checksum(b, pa.uint64())


FINITE = st.floats(allow_nan=False) | st.integers(-1_000, 1_000).map(float)


@given(st.lists(FINITE, max_size=40), st.sampled_from([np.float64, np.float32]))
def test_checksum_of_floats_against_plain_python(numbers, dtype):
    with np.errstate(over="ignore"):
        array = np.array(numbers, dtype)
    total = 0
    for x in array.tolist():
        (word,) = struct.unpack("<Q", struct.pack("<d", x * float.fromhex("0x1.ffb0e44323406p-1")))
        total += (word ^ (word >> 31)) ** 2
    assert checksum(array) == total % WORD


def test_checksum_ignores_errstate_raise():
    with np.errstate(all="raise"):
        assert checksum(np.array([5e-324, -1e308, np.inf])) > 0


def test_checksum_of_floats_does_not_depend_on_blocks_or_order(monkeypatch):
    numbers = np.random.default_rng(0).normal(size=10_000)
    whole = checksum(numbers)
    monkeypatch.setattr(column, "_BLOCK", 77)
    assert checksum(numbers) == checksum(np.sort(numbers)) == whole


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
def test_checksums_of_floats_with_equal_sums_differ(a, b):
    for scale in (1.0, 2.0, 0.25, 2.0**-30, 1e-3):
        for shift in (0.0, 0.5, 64.0, 1e6, 2.0**40, -3.0):
            x, y = (scale * np.array(side) + shift for side in (a, b))
            if sorted(x) != sorted(y):
                assert checksum(x) != checksum(y), (scale, shift)


def test_checksums_of_neighbouring_floats_differ():
    x = np.random.default_rng(0).normal(size=4_000)
    same = 0
    for first in range(0, len(x), 500):
        # One row each, so that each pair is compared by itself.
        pairs = [x[first : first + 500], np.nextafter(x[first : first + 500], np.inf)]
        columns = {
            f"{side}{i}": [v]
            for side, vs in zip("ab", pairs, strict=True)
            for i, v in enumerate(vs)
        }
        sums = {name: c.checksum for name, c in Profile.of(columns, []).columns.items()}
        same += sum(sums[f"a{i}"] == sums[f"b{i}"] for i in range(500))
    assert same < 10


@given(st.lists(st.none() | st.text()), st.integers(0, 20), st.sampled_from(TYPES))
def test_checksum_of_texts_against_plain_python(values, cut, type_):
    expected = sum(weight(value.encode()) for value in values if value is not None)
    assert checksum(in_chunks(values, cut, type_)) == expected % WORD
    twice = pa.chunked_array([pa.array(values * 2, type_).dictionary_encode()])
    assert checksum(twice) == 2 * expected % WORD


def test_checksum_of_texts_does_not_depend_on_blocks(monkeypatch):
    values = [f"user{i}" for i in range(1_000)]
    whole = checksum(values)
    monkeypatch.setattr(column, "_TEXTS_BLOCK", 7)
    assert checksum(values) == whole
    assert whole == (checksum(values[500:]) + checksum(values[:500])) % WORD


@pytest.mark.parametrize(
    ("a", "b", "differ"),
    [
        (["AB", "BA"], ["AB", "AB"], True),  # swapped letters
        (["listen"], ["silent"], True),
        (["user00001234"], ["user00001243"], True),
        (["ab", "c"], ["a", "bc"], True),  # letters that move between texts
        (["abcdefghijkl"], ["bacdefghijkl"], False),  # before the last eight bytes
    ],
)
def test_changes_detected_by_the_checksum_of_texts(a, b, differ):
    assert (checksum(a) != checksum(b)) is differ
