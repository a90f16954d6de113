"""Evidence by name, as columns: arrays as they were given, and columns of `X` or of `data`."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.options import did_you_mean
from mlgates.predictions.numbers import Scores, as_scores
from mlgates.tables.columns import Column, Rows, as_column, columns_of, index_of, same_rows
from mlgates.tables.containers import is_instance_of
from mlgates.tables.read_only import rows_of
from mlgates.tables.source import Source

__all__ = ["Given", "Lookup", "Table"]

_TABLES = ("X", "data")


class Given(Protocol):
    """What the model half reads of a run's evidence."""

    def __contains__(self, name: str) -> bool:
        """Whether it was given."""

    def __getitem__(self, name: str) -> object:
        """Return a value as it was given."""

    def source(self, name: str) -> Source:
        """Return a table's source."""

    def read_only(self, name: str) -> object:
        """Return a value as a user's function gets it."""

    def cached(self, what: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made the first time, or raise what was raised then."""


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of a table, for the question whether they are those of the labels."""

    said: str
    rows: int
    index: Any = None


class Lookup:
    """Evidence by name, each value read once.

    Parameters
    ----------
    given : Given
        The evidence of a run.
    """

    def __init__(self, given: Given) -> None:
        self.given = given

    def column(self, name: str) -> Column:
        """Return one value a row of a piece of evidence; a text names a column."""
        found: Column = self.given.cached("column", name, lambda: self._column(name))
        return found

    def _column(self, name: str) -> Column:
        value = self.given[name]
        return (
            self.named(value, f"`{name}`")
            if isinstance(value, str)
            else as_column(f"`{name}`", value)
        )

    def scores(self, name: str) -> Scores:
        """Return scores that were given; a text names a column."""
        found: Scores = self.given.cached("scores", name, lambda: self._scores(name))
        return found

    def _scores(self, name: str) -> Scores:
        value = self.given[name]
        if not isinstance(value, str):
            return as_scores(f"`{name}`", value)
        column = self.named(value, f"`{name}`")
        found = as_scores(column.said, column.array)
        return replace(found, index=column.index)

    def named(self, column: str, asker: str = "") -> Column:
        """Return a column of `X`, or else of `data`.

        Parameters
        ----------
        column : str
            Its name.
        asker : str
            The evidence that it is, for messages.

        Raises
        ------
        EvidenceError
            When neither table has it.
        """
        table = self.table_with(column, asker)
        key = (table, column)
        found: Column = self.given.cached("named", key, lambda: self._read(table, column))
        said = f"{asker}, column {column!r} of `{table}`," if asker else found.said
        return replace(found, said=said)

    def native(self, column: str, asker: str = "") -> Any:
        """Return a column of `X`, or else of `data`, in the container that the table has."""
        table = self.table_with(column, asker)
        value: Any = self.given[table]
        if _is_eager(value):
            return columns_of(f"`{table}`", value)[column]
        found = self.named(column, asker)
        return found.array.to_numpy() if found.rows else np.empty(0)

    def table_with(self, column: str, asker: str = "") -> str:
        """Return which table has a column: ``"X"`` or ``"data"``; raise when neither has."""
        known: list[str] = []
        for table in _TABLES:
            if table in self.given:
                names = self.names(table)
                if column in names:
                    return table
                known += names
        tables = [f"`{table}`" for table in _TABLES if table in self.given]
        asks = f"{asker} names the column {column!r}" if asker else f"there is no column {column!r}"
        has = {0: "neither `X` nor `data` was given", 1: f"{''.join(tables)} lacks it"}
        lack = has.get(len(tables), "neither `X` nor `data` has it")
        msg = f"{asks}: {lack}{did_you_mean(column, known)}"
        raise EvidenceError(msg)

    def names(self, table: str) -> list[str]:
        """Return the names of a table's columns that are texts; none for what is no table."""
        found: list[str] = self.given.cached("names", table, lambda: self._names(table))
        return found

    def _names(self, table: str) -> list[str]:
        value = self.given[table]
        if _is_eager(value):
            return [name for name in _names_of(value) if isinstance(name, str)]
        if isinstance(value, np.ndarray):
            return [f"x{i}" for i in range(value.shape[1])] if value.ndim == 2 else []
        try:
            return list(self.given.source(table).schema)
        except EvidenceError:
            if table == "data":
                raise
            return []  # what a model takes need not be a table

    def _read(self, table: str, column: str) -> Column:
        said = f"column {column!r} of `{table}`"
        value = self.given[table]
        if _is_eager(value):
            return replace(
                as_column(said, columns_of(f"`{table}`", value)[column]), index=index_of(value)
            )
        if isinstance(value, np.ndarray):
            return as_column(said, value[:, int(column[1:])])
        parts = [batch.table.column(column) for batch in self.given.source(table).batches([column])]
        return as_column(
            said, pa.chunked_array([c for part in parts for c in part.chunks], parts[0].type)
        )

    def table(self, name: str) -> Table | None:
        """Return the rows of a table; None when it was not given, or has no known rows."""
        if name not in self.given:
            return None
        value = self.given[name]
        rows = rows_of(value)
        return None if rows is None else Table(f"`{name}`", rows, index_of(value))

    def anchor(self) -> Rows | None:
        """Return whose rows groups and slices must be of; one with an index where there is."""
        found = [self.rows(name) for name in ("y_true", "y_pred", "y_score", "X")]
        rows = [one for one in found if one is not None]
        alike = [one for one in rows if one.rows == rows[0].rows]
        return next((one for one in alike if one.index is not None), rows[0] if rows else None)

    def rows(self, name: str) -> Rows | None:
        """Return the rows of a piece of evidence; None for what was not given or has none."""
        if name in self.given and isinstance(self.given[name], str):
            return self.column(name)
        return self.table(name)

    def align(self, found: Rows) -> None:
        """Raise unless something is about the same rows as the labels."""
        anchor = self.anchor()
        if anchor is not None and anchor is not found:
            same_rows(anchor, found)


def _is_eager(value: object) -> bool:
    frames = (("pandas", "DataFrame"), ("polars", "DataFrame"))
    return isinstance(value, Mapping | pa.Table | pa.RecordBatch) or any(
        is_instance_of(value, *frame) for frame in frames
    )


def _names_of(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value)
    return list(
        value.schema.names if isinstance(value, pa.Table | pa.RecordBatch) else value.columns
    )
