"""Tables that an engine makes when they are read: polars lazy frames, DuckDB relations, others.

Each is described without running it over rows, and read in batches of the columns asked for, so
that it need not fit into memory. What the engine raises becomes `EvidenceError`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables.containers import from_polars
from mlgates.tables.field import Field, field_of, normalise
from mlgates.tables.names import check_names

__all__ = ["fields_of_lazy", "fields_of_relation", "read_lazy", "read_relation", "through_narwhals"]

_BATCH_ROWS = 131_072


def fields_of_lazy(frame: Any) -> dict[str, Field]:
    """Columns of a polars LazyFrame.

    Examples
    --------
    >>> import polars as pl
    >>> fields_of_lazy(pl.LazyFrame({"x": [1]}))["x"].kind
    'int'
    """
    with _engine("polars"):
        empty = frame.limit(0).collect()
    check_names(empty.columns)
    return {name: from_polars(name, empty.get_column(name)).field for name in empty.columns}


def read_lazy(frame: Any, names: list[str]) -> Iterator[pa.Table]:
    """Rows of a polars LazyFrame, in plain types.

    Parameters
    ----------
    frame : polars.LazyFrame
        What is to be run.
    names : list of str
        The columns to read; without any, the first, for its rows.
    """
    with _engine("polars"):
        picked = frame.select(names or frame.collect_schema().names()[:1])
        if hasattr(picked, "collect_batches"):
            parts = picked.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True)
        else:  # before polars 1.34
            parts = iter([picked.collect()])
        empty = True
        for part in parts:
            empty = False
            yield _table_of(part)
        if empty:
            yield _table_of(picked.limit(0).collect())


def _table_of(frame: Any) -> pa.Table:
    columns = [from_polars(name, frame.get_column(name)) for name in frame.columns]
    return pa.table([array for array, _ in columns], names=list(frame.columns))


def fields_of_relation(relation: Any) -> dict[str, Field]:
    """Columns of a DuckDB relation."""
    with _engine("DuckDB"):
        schema = _stream(relation.limit(0)).schema
    check_names(schema.names)
    return {field.name: field_of(field.name, field.type, field.metadata) for field in schema}


def read_relation(relation: Any, fields: dict[str, Field], names: list[str]) -> Iterator[pa.Table]:
    """Rows of a DuckDB relation, in plain types; the query is run anew each time.

    Parameters
    ----------
    relation : duckdb.DuckDBPyRelation
        What is to be run.
    fields : dict of str to Field
        Its columns.
    names : list of str
        The columns to read; without any, the first, for its rows.
    """
    with _engine("DuckDB"):
        quoted = ('"' + name.replace('"', '""') + '"' for name in names or list(fields)[:1])
        reader = _stream(relation.project(", ".join(quoted)))
        empty = reader.schema.empty_table()
        for table in (pa.Table.from_batches([batch]) for batch in reader):
            empty = None
            yield _normalised(table, fields)
        if empty is not None:
            yield _normalised(empty, fields)


def _normalised(table: pa.Table, fields: dict[str, Field]) -> pa.Table:
    arrays = [normalise(table.column(name), fields[name]) for name in table.column_names]
    return pa.table(arrays, names=table.column_names)


def _stream(relation: Any) -> pa.RecordBatchReader:
    # the second is what it was called before DuckDB 1.4
    for door in ("to_arrow_reader", "fetch_arrow_reader"):
        if hasattr(relation, door):
            return getattr(relation, door)(_BATCH_ROWS)
    return pa.RecordBatchReader.from_stream(relation)


def through_narwhals(table: Any) -> pa.Table | None:
    """The table as Arrow, where narwhals knows its kind and is installed; else None.

    It serves the frames that have no door of their own here, such as Modin, cuDF and Dask.
    """
    try:
        import narwhals as nw
    except ImportError:
        return None
    frame = nw.from_native(table, pass_through=True)
    if frame is table:
        return None
    with _engine(type(table).__module__.partition(".")[0]):
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect(backend="pyarrow")
        found: pa.Table = frame.to_arrow()
        return found


@contextmanager
def _engine(name: str) -> Iterator[None]:
    """Make `EvidenceError` of what an engine raises; its message may hold values of the data."""
    try:
        yield
    except EvidenceError:
        raise
    except Exception as error:
        msg = f"{name} can't run the query: {type(error).__name__}"
        raise EvidenceError(msg) from error
