import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgates.data import hashing
from mlgates.data.column import ColumnView
from mlgates.data.counters import Duplicated
from mlgates.data.field import from_arrow
from mlgates.data.hashing import may_repeat

TYPES = [pa.string(), pa.large_string()]
texts = st.lists(
    st.sampled_from(["", "\0", "a", "a\0", "12345678", "123456789", "é"]) | st.text(), max_size=40
)


def repeated(values, type_=None):
    state = Duplicated("x").count(
        {"x": ColumnView(*from_arrow("x", pa.array(values, type_)))}, None
    )
    return state.count, state.rows


@settings(deadline=None)
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

    monkeypatch.setattr(hashing, "_sum", constant)
    assert repeated(["a", "b", "c", "b"]) == (1, (3,))
    assert repeated(["a", "b", "c"]) == (0, ())


@pytest.mark.parametrize("type_", TYPES)
def test_more_rows_than_one_block(type_):
    values = [f"user{i}" for i in range(40_000)]
    values[39_999] = "user7"
    values[20_000] = "user3"
    assert repeated(values, type_) == (2, (20_000, 39_999))
