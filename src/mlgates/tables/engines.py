"""Tables that an engine makes when they are read: polars lazy frames, DuckDB relations, others.

Each is described without running it over rows, and read in batches of the columns asked for, so
that it need not fit into memory. Errors of the engine become `EvidenceError`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables.containers import from_polars, name_of
from mlgates.tables.field import Field, check_names, field_of, normalise

__all__ = ["Stream", "as_tables", "collected", "open_lazy", "open_relation", "through_narwhals"]

_BATCH_ROWS = 131_072


class Stream(NamedTuple):
    """A table that is read anew each time: where it comes from, its columns, and how to read it.

    `rows` is None when unknown before reading; `read` yields tables in plain types, at least one.
    """

    origin: str
    fields: dict[str, Field]
    rows: int | None
    read: Callable[[list[str]], Iterator[pa.Table]]


def as_tables(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield a table for each batch; one without rows if there is no batch."""
    empty = True
    for batch in batches:
        empty = False
        yield pa.Table.from_batches([batch])
    if empty:
        yield schema.empty_table()


def open_lazy(frame: Any) -> Stream:
    """Return the table of a polars LazyFrame."""

    def read(names: list[str]) -> Iterator[pa.Table]:
        with _engine("polars"):  # (without any column, the first is read for its rows)
            picked = frame.select(names or list(fields)[:1])
            if hasattr(picked, "collect_batches"):
                parts = picked.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True)
            else:  # before polars 1.34
                parts = iter([picked.collect()])
            empty = True
            for part in parts:
                empty = False
                yield _arrow_of(part)
            if empty:
                yield _arrow_of(picked.limit(0).collect())

    nothing = collected(frame.limit(0))
    check_names(nothing.columns)
    fields = {name: from_polars(name, nothing.get_column(name)).field for name in nothing.columns}
    return Stream("polars.LazyFrame", fields, None, read)


def collected(frame: Any) -> Any:
    """Return the polars DataFrame that a LazyFrame makes; EvidenceError if its query fails."""
    with _engine("polars"):
        return frame.collect()


def _arrow_of(frame: Any) -> pa.Table:
    arrays = [from_polars(name, frame.get_column(name)).array for name in frame.columns]
    return pa.table(arrays, names=list(frame.columns))


def open_relation(relation: Any) -> Stream:
    """Return the table of a DuckDB relation; its query is run anew each time."""

    def read(names: list[str]) -> Iterator[pa.Table]:
        with _engine("DuckDB"):  # (without any column, the first is read for its rows)
            names = names or list(fields)[:1]
            quoted = ('"' + name.replace('"', '""') + '"' for name in names)
            reader = _reader_of(relation.project(", ".join(quoted)))
            for table in as_tables(reader, reader.schema):
                arrays = [normalise(table.column(name), fields[name]) for name in names]
                yield pa.table(arrays, names=names)

    with _engine("DuckDB"):
        schema = _reader_of(relation.limit(0)).schema
    check_names(schema.names)
    fields = {field.name: field_of(field.name, field.type, field.metadata) for field in schema}
    return Stream("DuckDB relation", fields, None, read)


def _reader_of(relation: Any) -> pa.RecordBatchReader:
    # the second is the method's name before DuckDB 1.4
    for method in ("to_arrow_reader", "fetch_arrow_reader"):
        if hasattr(relation, method):
            return getattr(relation, method)(_BATCH_ROWS)
    return pa.RecordBatchReader.from_stream(relation)


def through_narwhals(table: Any) -> pa.Table | None:
    """Return a table of any library that narwhals reads, if it is installed; else None.

    It serves frames that are no kind of container here, such as those of Modin, cuDF and Dask.
    """
    try:
        import narwhals as nw
    except ImportError:
        return None
    frame = nw.from_native(table, pass_through=True)
    if frame is table:
        return None
    with _engine(name_of(table).partition(".")[0]):
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect(backend="pyarrow")
        arrow: pa.Table = frame.to_arrow()
        return arrow


@contextmanager
def _engine(name: str) -> Iterator[None]:
    """Raise EvidenceError for any error of an engine, whose message may hold values of the data."""
    try:
        yield
    except EvidenceError:
        raise
    except Exception as error:
        msg = f"{name} can't run the query: {type(error).__name__}"
        raise EvidenceError(msg) from error
