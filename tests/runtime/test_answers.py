"""Answers as arrays: which are read, which are refused, and which are equal."""

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.runtime.answers import (
    MalformedError,
    largest_floats,
    predictions,
    probabilities,
    same_answers,
    same_value,
    undefined,
)
from mlgates.runtime.wire import NotPlainError, decode, encode, plain


@pytest.mark.parametrize(
    "answer",
    [
        [1, 0, 1],
        (1, 0, 1),
        np.array([1, 0, 1]),
        np.array([[1], [0], [1]]),
        pd.Series([1, 0, 1], index=[5, 6, 7]),
        pd.Series([1, 0, 1], dtype="Int64"),
        pd.Series([1, 0, 1], dtype="category"),
        pl.Series([1, 0, 1]),
        pa.array([1, 0, 1]),
        pa.chunked_array([[1], [0, 1]]),
    ],
)
def test_reads_one_answer_per_row(answer):
    read = predictions(answer, 3)
    assert read.shape == (3,)
    assert read.tolist() == [1, 0, 1]


def test_missing_answers_are_found_in_every_container():
    for answer in (
        [1.0, None],
        pd.Series([1, None], dtype="Int64"),
        np.ma.array([1.0, 2.0], mask=[False, True]),
        np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
        [1.0, math.inf],
        [Decimal(1), Decimal("NaN")],
        [Decimal(1), Decimal("-Infinity")],
        pl.Series([1, None]),
        pa.array(["a", None]),
    ):
        assert undefined(predictions(answer, 2)).tolist() == [False, True]


@pytest.mark.parametrize("answer", [[[1, 2], [3]], {"a": 1}, {1, 2}, "ab", 1 + 2j, [1j, 2j]])
def test_values_that_are_no_array_of_answers_are_refused(answer):
    with pytest.raises(MalformedError):
        predictions(answer, 2)


@pytest.mark.parametrize(
    "answer", [[0.1, 0.2], [["a", "b"]] * 2, [[0.1, 0.9]], np.zeros((2, 2, 2))]
)
def test_values_that_are_no_table_of_probabilities_are_refused(answer):
    with pytest.raises(MalformedError):
        probabilities(answer, 2)


TABLES = [
    pd.DataFrame,
    lambda columns: pl.DataFrame({str(name): values for name, values in columns.items()}),
    lambda columns: pa.table({str(name): values for name, values in columns.items()}),
    dict,
]


@pytest.mark.parametrize("table", TABLES, ids=range(4))
def test_tables_of_probabilities_are_read_by_name(table):
    columns = {"p_yes": [0.75, 0.5], "p_no": [0.25, 0.5]}
    expected = [[0.25, 0.75], [0.5, 0.5]]
    assert probabilities(table(columns), 2, ["no", "yes"]).tolist() == expected
    assert probabilities(table(columns), 2, ["yes", "no"])[:, 0].tolist() == [0.75, 0.5]
    reversed_columns = dict(reversed(columns.items()))
    for classes in ([], ["no", "yes"]):
        found = [probabilities(table(each), 2, classes) for each in (columns, reversed_columns)]
        assert np.array_equal(*found)
    numbers = table({1: [0.75, 0.5], 0: [0.25, 0.5]})
    assert probabilities(numbers, 2, [0, 1]).tolist() == expected
    with pytest.raises(MalformedError, match=r"must be named after one label, got names 'a', 'b'"):
        probabilities(table({"a": [0.5, 0.5], "b": [0.5, 0.5]}), 2, ["no", "yes"])
    assert predictions(table({"y": ["no", "yes"]}), 2).tolist() == ["no", "yes"]
    with pytest.raises(MalformedError, match=r"shape \(2, 2\); expected one answer per row"):
        predictions(table(columns), 2)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(
        MalformedError, match=r"different lengths, from 1 to 2; expected one value per row"
    ):
        probabilities({"no": [0.5], "yes": [0.5, 0.5]}, 2)


def test_labels_are_compared_exactly_and_numbers_within_rtol():
    def same(left, right, rtol=1e-6):
        return same_answers(np.array(left), np.array(right), rtol).tolist()

    assert same([1, 2], [1, 3]) == [True, False]
    assert same([10**6, 2], [10**6 + 1, 2]) == [False, True]  # integers are labels
    assert same([0, 1], [0.0, 1.0]) == [True, True]
    assert same([True, False], [1, 1]) == [True, False]
    assert same([1.0, math.nan], [1.0 + 5e-7, math.nan]) == [True, True]
    assert same([1.0, math.inf], [1.1, math.inf]) == [False, True]
    assert same([1.0, math.inf], [1.0, -math.inf]) == [True, False]
    assert same([1e-30, 1.0], [0.0, 1.0]) == [True, True]  # what rounding of 1.0 explains
    assert same([1e-12, 1.0], [0.0, 1.0]) == [False, True]
    assert same([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 5.0]]) == [True, False]
    assert same([1.0, 2.0], [1.0, 2.0, 3.0]) == [False, False]
    assert same(["a", "b"], [1, 2]) == [False, False]
    mixed = np.array(["a", 1.0, None], dtype=object)
    assert same_answers(mixed, np.array(["a", 1.0 + 1e-9, None], dtype=object), 1e-6).all()


def test_leaves_are_compared_one_by_one():
    answer = {"a": [1.0, "x", None, True], "b": {"c": b"z"}}
    assert same_value(answer, {"b": {"c": b"z"}, "a": [1.0 + 1e-9, "x", None, True]}, 1e-6)
    for other in (
        {"a": [1.1, "x", None, True], "b": {"c": b"z"}},
        {"a": [1.0, "x", None], "b": {"c": b"z"}},
        {"a": [1.0, "x", 0, True], "b": {"c": b"z"}},
        {"a": [1.0, "x", None, True]},
        {"a": [1.0, "x", None, True], "b": {"c": "z"}},
    ):
        assert not same_value(answer, other, 1e-6)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
VALUES = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4)
)


@given(VALUES)
def test_plain_values_arrive_as_they_were_sent(value):
    assert repr(decode(encode(value))) == repr(value)
    assert repr(plain(value)) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.array(["a", "bc"]),
        np.array([b"a"]),
        np.array([True, False]),
        np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
        np.array([1, "a", None, 2.5], dtype=object),
        np.empty((0,)),
        np.array([math.nan, -math.inf]),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array([1.5], dtype=">f4"),
    ],
)
def test_arrays_arrive_as_they_were_sent(array):
    arrived = decode(encode({"x": [array]}))["x"][0]
    assert arrived.dtype == array.dtype
    np.testing.assert_array_equal(arrived, array)


def test_what_is_plain():
    assert plain(np.float64(1.5)) == 1.5
    assert plain((1, {"a": np.arange(2)})) == [1, {"a": [0, 1]}]
    assert plain({1: Decimal("1.10")}) == {"1": "1.10"}
    assert plain(pd.Series([1, 2])) == [1, 2]
    nested: list[object] = []
    nested.append(nested)
    for value in (object(), {1, 2}, lambda: 1, nested, pd.DataFrame({"a": [1]})):
        with pytest.raises(NotPlainError):
            plain(value)


# Responses of applications


KNOWN = [
    {"id": 1e12, "score": 0.0, "p": [0.0, 1.0], "ok": True, "n": 1},
    {"id": 2e12, "score": 0.7, "p": [0.5, 0.5], "ok": False, "n": 10**400},
]
LARGEST = largest_floats(KNOWN)


def same_as_known(**changed):
    return same_value(KNOWN[0], {**KNOWN[0], **changed}, 1e-6, LARGEST)


@pytest.mark.parametrize(
    "changed",
    [{}, {"score": 1e-18}, {"score": -1e-16}, {"p": [1e-17, 1.0]}, {"n": 1.0}, {"id": 1e12 + 1}],
)
def test_responses_that_are_the_same(changed):
    assert same_as_known(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"score": 1e-9},  # much less than rounding of the ids
        {"score": math.nan},
        {"score": None},
        {"score": "0.0"},
        {"score": False},
        {"p": [0.0]},
        {"p": [1.0, 0.0]},
        {"p": {"0": 0.0}},
        {"ok": 1},
        {"ok": 1.0},
        {"ok": False},
        {"n": True},
        {"n": 2},
        {"n": 10**400},
        {"score": 10**400},
        {"more": 1},
    ],
)
def test_responses_that_are_not_the_same(changed):
    assert not same_as_known(**changed)


def test_values_that_are_not_finite_equal_only_themselves():
    odd = {"a": math.inf, "b": math.nan}
    largest = largest_floats([odd])
    assert same_value(odd, {"a": math.inf, "b": math.nan}, 1e-6, largest)
    assert not same_value(odd, {"a": -math.inf, "b": math.nan}, 1e-6, largest)
    assert not same_value(odd, {"a": 1.0, "b": math.nan}, 1e-6, largest)
