"""Columns of evidence: arrays as given, or columns of `X` and `data` found by name."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from mlgates.errors import EvidenceError
from mlgates.options import did_you_mean
from mlgates.tables.columns import Column, Rows, as_column, columns_of, index_of, rows_of
from mlgates.tables.containers import kind_of, names_of_columns

if TYPE_CHECKING:
    from mlgates.evidence import Evidence

__all__ = ["column_of"]

_TABLES = ("X", "data")


class TableRows(NamedTuple):
    """Name, length and pandas index of a table, to check that its rows are those of the labels."""

    said: str
    rows: int
    index: Any = None


def column_of(evidence: "Evidence", name: str) -> Column:
    """Return a piece of evidence as one value per row; a string names a column of a table."""
    value = evidence[name]
    read = partial(as_column, f"`{name}`", value)
    if isinstance(value, str):
        read = partial(named_column, evidence, value, name)
    return cast("Column", evidence.cached("column", name, read))


def named_column(evidence: "Evidence", column: str, role: str = "") -> Column:
    """Return a column of `X`, or else of `data`; `role` is the evidence that names it.

    Raises
    ------
    EvidenceError
        When neither table has the column.
    """
    table = _table_with(evidence, column, role)
    read = partial(_read_column, evidence, table, column)
    found = cast("Column", evidence.cached("named", (table, column), read))
    return replace(found, said=f"`{role}`, column {column!r} of `{table}`,") if role else found


def native_column(evidence: "Evidence", column: str, role: str) -> Any:
    """Return a column of `X`, or else of `data`, in the container that the table uses."""
    table = _table_with(evidence, column, role)
    value: Any = evidence[table]
    if names_of_columns(value) is not None:
        return columns_of(f"`{table}`", value, [column])[column]
    found = named_column(evidence, column, role)
    return found.array.to_numpy() if found.rows else np.empty(0)


def _table_with(evidence: "Evidence", column: str, role: str) -> str:
    """Return which table has a column: ``"X"`` or ``"data"``; raise when neither has."""
    tables = [table for table in _TABLES if table in evidence]
    known: list[str] = []
    for table in tables:
        names = column_names(evidence, table)
        if column in names:
            return table
        known += names
    missing = f"`{role}` names the column {column!r}" if role else f"there is no column {column!r}"
    reason = "neither `X` nor `data` has it"
    if len(tables) < len(_TABLES):
        reason = f"`{tables[0]}` lacks it" if tables else "neither `X` nor `data` was given"
    msg = f"{missing}: {reason}{did_you_mean(column, known)}"
    raise EvidenceError(msg)


def column_names(evidence: "Evidence", table: str) -> list[str]:
    """Return a table's column names that are strings; none for a value that is not a table."""
    return cast("list[str]", evidence.cached("names", table, partial(_read_names, evidence, table)))


def _read_names(evidence: "Evidence", table: str) -> list[str]:
    value: Any = evidence[table]
    names = names_of_columns(value)
    if names is not None:
        return [name for name in names if isinstance(name, str)]
    try:
        return list(evidence.source(table).schema)
    except EvidenceError:
        kinds = ("path", "reader", "lazy", "duckdb", "unopened")
        if table == "data" or kind_of(value) in kinds:
            raise
        return []  # a model's input need not be a table


def _read_column(evidence: "Evidence", table: str, column: str) -> Column:
    said, value = f"column {column!r} of `{table}`", evidence[table]
    if names_of_columns(value) is None:
        return as_column(said, evidence.source(table).arrow([column]).column(column))
    found = as_column(said, columns_of(f"`{table}`", value, [column])[column])
    return replace(found, index=index_of(value))


def rows_of_evidence(evidence: "Evidence", name: str) -> Rows | None:
    """Return length and index of evidence; None if it was not given or has no known length."""
    if name not in evidence:
        return None
    value = evidence[name]
    if isinstance(value, str) and name not in _TABLES:
        return column_of(evidence, name)
    if name == "X":  # (the rows of a file are counted without reading it)
        is_file = kind_of(value) == "path"
        value = evidence.source(name) if is_file else evidence.in_memory(name)
    rows = rows_of(value)
    return None if rows is None else TableRows(f"`{name}`", rows, index_of(value))


def anchor_rows(evidence: "Evidence") -> Rows | None:
    """Return the rows that groups and slices must match, preferably some with a pandas index."""
    names = ("y_true", "y_pred", "y_score", "X")
    given = [rows for name in names if (rows := rows_of_evidence(evidence, name)) is not None]
    alike = [rows for rows in given if rows.rows == given[0].rows]
    return next((rows for rows in alike if rows.index is not None), given[0] if given else None)
