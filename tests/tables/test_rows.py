"""Rows in every container: selected, copied, altered and compared."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from mlgates.errors import EvidenceError
from mlgates.tables.rows import UNSEEN, rows_like

AGE = [30.0, 40.0, 50.0, 60.0]
LAND = ["DE", "FR", "DE", "IT"]


def frame(**dtypes) -> pd.DataFrame:
    return pd.DataFrame({"age": AGE, "land": LAND}, index=list("abcd")).astype(dtypes)


NAMED = {
    "pandas": frame(),
    "pandas-object": frame(land=object),
    "pandas-nullable": frame(age="Float64", land="string"),
    "pandas-category": frame(land="category"),
    "polars": pl.DataFrame({"age": AGE, "land": LAND}),
    "polars-lazy": pl.LazyFrame({"age": AGE, "land": LAND}),
    "arrow": pa.table({"age": AGE, "land": LAND}),
    "arrow-dictionary": pa.table({"age": AGE, "land": pa.array(LAND).dictionary_encode()}),
    "batch": pa.record_batch({"age": AGE, "land": LAND}),
    "columns": {"age": AGE, "land": LAND},
    "columns-of-arrays": {"age": np.array(AGE), "land": np.array(LAND, dtype=object)},
    "columns-of-series": {"age": pd.Series(AGE), "land": pl.Series(LAND)},
    "columns-of-arrow": {"age": pa.array(AGE), "land": pa.chunked_array([LAND])},
    "structured": np.array(list(zip(AGE, LAND, strict=True)), dtype=[("age", "f8"), ("land", "O")]),
    "records": [{"age": a, "land": b} for a, b in zip(AGE, LAND, strict=True)],
}
PLACED = {
    "numpy": np.column_stack([AGE, AGE]),
    "numpy-int": np.arange(8).reshape(4, 2),
    "numpy-object": np.array([[a, b] for a, b in zip(AGE, LAND, strict=True)], dtype=object),
    "lists": [[a, b] for a, b in zip(AGE, LAND, strict=True)],
    "tuples": tuple((a, b) for a, b in zip(AGE, LAND, strict=True)),
    "csr": sparse.csr_matrix(np.eye(4)),
    "csc-array": sparse.csc_array(np.eye(4)),
}
SINGLE = {
    "series": pd.Series(LAND, index=list("abcd")),
    "texts": ["one", "two", "three", "four"],
    "vector": np.array(AGE),
    "cube": np.arange(16.0).reshape(4, 2, 2),
    "polars-list": [1, 2, 3, 4],
}
EVERY = NAMED | PLACED | SINGLE
every = pytest.mark.parametrize("value", EVERY.values(), ids=EVERY)
named = pytest.mark.parametrize("value", NAMED.values(), ids=NAMED)


def cells(value) -> list[list[object]]:
    """Rows of a table with columns, as plain lists."""
    if isinstance(value, pl.LazyFrame):
        value = value.collect()
    if isinstance(value, np.ndarray):
        return [list(row) for row in value.tolist()]
    if isinstance(value, dict):
        arrow = (pa.Array, pa.ChunkedArray)
        columns = [c.to_pylist() if isinstance(c, arrow) else list(c) for c in value.values()]
        return [list(row) for row in zip(*columns, strict=True)]
    if isinstance(value, pa.Table | pa.RecordBatch):
        return [list(row.values()) for row in value.to_pylist()]
    if isinstance(value, pl.DataFrame):
        return [list(row) for row in value.rows()]
    if isinstance(value, pd.DataFrame):
        return [list(row) for row in value.itertuples(index=False)]
    return [list(row.values()) for row in value]


@every
def test_takes_rows_in_their_own_container(value):
    rows = rows_like(value)
    assert rows.n == 4
    taken = rows.take([2, 0])
    assert type(taken) is type(value)
    assert rows_like(taken).n == 2
    assert rows_like(taken).differences(rows.take([2, 0])) == ()
    assert rows_like(rows.take([])).n == 0
    assert rows_like(taken).differences(rows.take([0, 2])) != ()


@every
def test_a_copy_is_equal_and_shares_nothing(value):
    rows = rows_like(value)
    made = rows.copy()
    assert rows.differences(made) == ()
    assert rows_like(made).differences(value) == ()


@named
def test_names_texts_and_orders(value):
    rows = rows_like(value)
    assert rows.named
    assert rows.names == ("age", "land")
    assert [rows.is_text(i) for i in range(2)] == [False, True]
    assert cells(rows.reordered([1, 0])) == [row[::-1] for row in cells(value)]


@named
def test_a_missing_value_and_an_unseen_category(value):
    before = copy.copy(cells(value))
    rows = rows_like(value)
    for column in (0, 1):
        gone = [row[column] for row in cells(rows.constant(column, None))]
        assert pd.isna(pd.Series(gone, dtype=object)).all()
        kept = [row[1 - column] for row in cells(rows.constant(column, None))]
        assert kept == [row[1 - column] for row in before]
    assert [row[1] for row in cells(rows.constant(1, UNSEEN))] == [UNSEEN] * 4
    assert cells(value) == before


@pytest.mark.parametrize("name", ["numpy", "numpy-int", "csr", "csc-array"])
def test_a_missing_number_is_nan(name):
    gone = rows_like(PLACED[name]).constant(1, None)
    dense = gone.toarray() if sparse.issparse(gone) else gone
    assert np.isnan(dense[:, 1]).all()
    assert not np.isnan(dense[:, 0]).any()
    assert type(gone) is type(PLACED[name])


def test_types_are_kept_where_a_value_is_missing():
    table = pd.DataFrame(
        {
            "int": [1, 2],
            "bool": [True, False],
            "time": pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True),
            "whole": pd.array([1, 2], dtype="Int64"),
        }
    )
    dtypes = [str(rows_like(table).constant(i, None).dtypes.iloc[i]) for i in range(4)]
    assert dtypes == ["float64", "object", str(table["time"].dtype), "Int64"]


def change_cell(table):
    table.loc["a", "age"] = 99.0


def change_object(table):
    table.loc["a", "tags"].append(3)


def change_type(table):
    table["age"] = table["age"].astype("float32")


def change_label(table):
    table.columns = ["AGE", "tags"]


def change_index(table):
    table.index = table.index[::-1]


def change_name_of_index(table):
    table.index.name = "id"


def change_order(table):
    table.insert(0, "tags", table.pop("tags"))


def add_row(table):
    table.loc["c"] = table.loc["a"]


def note(table):
    table.attrs["seen"] = True


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (change_cell, "cells"),
        (change_object, "cells"),
        (change_type, "types"),
        (change_label, "columns"),
        (change_index, "index"),
        (change_name_of_index, "index"),
        (change_order, "columns"),
        (add_row, "index"),
        (note, "attributes"),
    ],
)
def test_changed_parts_of_a_frame_are_named(change, what):
    table = pd.DataFrame({"age": [1.0, np.nan], "tags": [[1], [2]]}, index=["a", "b"])
    given = rows_like(table).copy()
    change(given)
    assert rows_like(table).differences(given) == (what,)
    assert table["tags"].tolist() == [[1], [2]]


@pytest.mark.parametrize(
    "value",
    [7, "people.csv", None, iter([1]), object(), {"a": [1], "b": []}],
    ids=range(6),
)
def test_values_without_rows_are_refused(value):
    with pytest.raises(EvidenceError):
        rows_like(value)


class Thing:
    def __init__(self, value):
        self.value = value


def test_a_request_of_any_kind_is_copied_and_compared():
    for request in ({"a": [1, {"b": float("nan")}]}, Thing([1]), b"raw", "text", np.arange(3)):
        rows = rows_like(request, request=True)
        assert rows.differences(rows.copy()) == ()
    thing = rows_like(Thing([1]), request=True)
    other = thing.copy()
    other.value.append(2)
    assert thing.differences(other) == ("cells",)
