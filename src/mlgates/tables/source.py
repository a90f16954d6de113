"""Read tables of any kind as batches of Arrow data, any number of times.

The schema of a lazy table (a polars LazyFrame or a DuckDB relation) is found without running its
query. Only the requested columns are read, in batches, so that the table need not fit into memory.
An error of the engine becomes an `EvidenceError`.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import from_numpy
from mlgates.errors import EvidenceError, suppress_errors
from mlgates.tables import containers
from mlgates.tables.encoding import check_bytes, decode, filled
from mlgates.tables.field import (
    ArrowColumn,
    Field,
    TableSchema,
    check_names,
    field_of,
    from_arrow,
    no_column,
    normalise,
)
from mlgates.tables.objects import UNCONVERTIBLE

__all__ = ["Source", "as_source"]

#: Largest number of rows, and approximately largest number of bytes, of a batch of a table that is
#: not in memory.
BATCH_ROWS = 98_304
BATCH_BYTES = 1 << 25
_ACCEPTED = (
    "a table is a pandas, polars or Spark DataFrame, a polars LazyFrame, a DuckDB relation, an "
    "Arrow table, batch or stream, a dict of columns, a list of dicts, a 2-D numpy array, the path "
    "of a Parquet or CSV file or of a folder of these, or a list of paths"
)
_BLOCK_ROWS = 4096
_ORIGINS: dict[containers.Kind, str] = {
    "pandas": "pandas.DataFrame",
    "polars": "polars.DataFrame",
    "numpy": "numpy.ndarray",
    "sequence": "list of dicts",
}
_REMEDIES: dict[containers.Kind, str] = {
    "pandas": "write df.columns = df.columns.map(str)",
    "mapping": "write {str(name): values for name, values in table.items()}",
    "sequence": "write [{str(name): value for name, value in row.items()} for row in rows]",
}
# Objects that are almost tables, with advice for users: package, class, advice.
_NEARLY = (
    ("pandas", "Series", "a Series is one column: call .to_frame()"),
    ("polars", "Series", "a Series is one column: call .to_frame()"),
    ("pyarrow", "Array", 'an array is one column: call pyarrow.table({"name": array})'),
    ("pyarrow", "ChunkedArray", 'an array is one column: call pyarrow.table({"name": array})'),
    ("pyarrow", "Dataset", "call .to_table()"),
    ("pyarrow", "Scanner", "call .to_table()"),
    ("pyarrow", "ParquetFile", "give its path, or call .read()"),
    ("scipy", "_spbase", "a sparse matrix must be made dense: call .toarray()"),
)


@dataclass(frozen=True, eq=False, repr=False)
class Source:
    """A table of any kind that can be read in batches, any number of times.

    `as_source` creates it. `origin` is the name of the container's type. `rows` is the number of
    rows, or None if it is not known before the table is read. `schema` has the name and type of
    each column. `read` is a function that takes names of columns and yields batches of these
    columns. `native` is the user's object if the table is in memory, else None.

    If the table is a folder, some values can be in the names of its folders, such as
    ``year=2024``. The types of such columns are inferred from the strings. `inferred` has the names
    of these columns. `retype` is a function that takes other types for these columns, by name, and
    returns the table with these types. For other tables, `inferred` is empty and `retype` is None.

    Examples
    --------
    >>> source = as_source({"x": [1, 2], "y": ["a", None]})
    >>> source
    Source(dict, 2 rows, x: int, y: string)
    >>> [batch.num_columns for batch in source.batches(["y"])]
    [1]
    """

    origin: str
    schema: TableSchema
    rows: int | None
    read: Callable[[list[str]], Iterator[pa.Table]]
    native: object = None
    inferred: Collection[str] = ()
    retype: Callable[[Mapping[str, pa.DataType]], "Source"] | None = None

    def batches(self, columns: Iterable[str] | None = None) -> Iterator[pa.Table]:
        """Yield the table in batches, in the order of its rows and in plain types.

        Plain types are the few Arrow types that the rest of mlgates handles. `columns` are the
        columns to read, by default all. There is at least one batch; a table in memory is one
        batch. EvidenceError is raised if the table lacks a column or can't be read, or if a string
        is not valid UTF-8.
        """
        names = list(self.schema if columns is None else dict.fromkeys(columns))
        absent = [name for name in names if name not in self.schema]
        if absent:
            raise no_column(absent, self.schema)
        checked = [name for name in names if self.schema[name].kind in ("string", "binary")]
        return _check_bytes(self.read(names), checked) if checked else self.read(names)

    def whole(self) -> Any:
        """Return the whole table, for a function of the user.

        If the table is in memory, this is the user's object, else an Arrow table.
        """
        return self.arrow() if self.native is None else self.native

    def arrow(
        self, columns: Iterable[str] | None = None, rows: npt.NDArray[np.int64] | None = None
    ) -> pa.Table:
        """Read columns of the table into one Arrow table in plain types.

        Plain types are the few Arrow types that the rest of mlgates handles. `columns` are the
        names of the columns, by default all. `rows` are the numbers of the rows to read, in
        ascending order, by default all.
        """
        batches = self.batches(columns)
        if rows is not None:
            batches = _taken(batches, rows)
        return pa.concat_tables(map(self._decoded, batches))

    def _decoded(self, batch: pa.Table) -> pa.Table:
        """Decode the dictionary-encoded columns of a batch, except categorical columns."""
        for i, (name, array) in enumerate(zip(batch.column_names, batch.columns, strict=True)):
            if pa.types.is_dictionary(array.type) and not self.schema[name].encoded:
                batch = batch.set_column(i, name, decode(array))
        return batch

    def __repr__(self) -> str:
        rows = "unknown rows" if self.rows is None else f"{self.rows:,} rows"
        columns = ", ".join(f"{field.name}: {field.kind}" for field in self.schema.values())
        return f"Source({self.origin}, {rows}, {columns})"


def as_source(table: Any, title: str = "") -> Source:
    """Return a `Source` that reads a table of any kind that mlgates accepts.

    These are DataFrames of pandas, polars and Spark, lazy frames of polars, tables, batches and
    streams of Arrow, relations of DuckDB, dicts of columns, lists of dicts, numpy arrays with two
    dimensions or with named fields, paths of files and folders, and frames that narwhals supports.
    A `Source` is returned unchanged.

    EvidenceError is raised for any other value; if a `title` of the table is given, such as
    ``"`data`"``, the message names it. EvidenceError is also raised if the column names are not
    distinct strings. A column that can't be read has the kind ``"unreadable"``. Values are not
    copied if Arrow has their type.

    Examples
    --------
    >>> source = as_source([{"age": 31}, {"age": None, "city": "Bonn"}])
    >>> [(field.name, field.kind) for field in source.schema.values()]
    [('age', 'int'), ('city', 'string')]
    """
    if isinstance(table, Source):
        return table
    kind, origin = containers.kind_of(table), containers.name_of(table)
    if kind == "lazy":
        return _open_lazy(table)
    if kind == "duckdb":
        return _open_relation(table)
    if kind == "spark":
        return _open_spark(table)
    if kind == "sequence" and table and all(isinstance(item, str) for item in table):
        named = table[0].lower().endswith((".parquet", ".csv", ".tsv"))
        kind = "path" if named or os.path.exists(table[0]) else kind  # noqa: PTH110
    if kind == "path":
        from mlgates.tables.files import open_files

        return open_files(table)
    if kind in ("reader", "stream"):  # perhaps not readable twice
        try:
            table = table.read_all() if kind == "reader" else pa.table(table)
        except UNCONVERTIBLE as error:
            raise EvidenceError(
                f"the Arrow stream can't be read: {type(error).__name__}: {error!s:.200}"
            ) from error
    elif kind not in ("pandas", "polars", "arrow", "numpy", "mapping", "sequence"):
        advice = next(
            (advice for *of, advice in _NEARLY if containers.is_instance_of(table, *of)), None
        )
        arrow = None if advice else through_narwhals(table)
        if arrow is None:
            raise EvidenceError(_no_table(title, origin, advice or _ACCEPTED))
        table = arrow
    columns = list(_columns_of(kind, table, title))
    lengths = {field.name: len(array) for array, field in columns}
    if len(set(lengths.values())) > 1:
        listed = [f"{name!r} has {length:,}" for name, length in list(lengths.items())[:10]]
        raise EvidenceError(f"the columns of the dict differ in length: {', '.join(listed)}")
    schema = MappingProxyType({field.name: field for _, field in columns})
    plain = pa.table([array for array, _ in columns], names=list(schema))

    origin = _ORIGINS.get(kind, origin)
    return Source(origin, schema, len(plain), lambda names: iter([plain.select(names)]), table)


def _open_spark(frame: Any) -> Source:
    """Return the `Source` of a Spark DataFrame.

    Spark's workers count its rows; the rows are never collected on the driver.
    """
    if not hasattr(frame, "toArrow"):
        msg = "got a pandas-on-Spark DataFrame, or a DataFrame of Spark 3; call .to_spark() on the "
        msg += "first, or upgrade to Spark 4 or later"
        raise EvidenceError(msg)
    with suppress_errors() as caught:
        empty = frame.limit(0).toArrow()
    if caught.error is not None:
        raise EvidenceError(
            f"Spark could not read the DataFrame: {type(caught.error).__name__}"
        ) from caught.error
    schema = as_source(empty).schema
    return Source("pyspark.DataFrame", schema, None, _refuse_rows, frame)


def _refuse_rows(columns: object) -> NoReturn:
    del columns
    msg = (
        "the rows of a Spark DataFrame are counted by Spark and not collected, but they are needed "
    )
    msg += "here; if they fit into memory, give df.toArrow()"
    raise EvidenceError(msg)


def _no_table(title: str, got: str, advice: str) -> str:
    """Return the message of the error for a value that is not a table."""
    start = f"{title} must be a table, got {got}" if title else f"got {got}, which is not a table"
    return f"{start}; {advice}"


def _columns_of(kind: containers.Kind, table: Any, title: str) -> Iterable[ArrowColumn]:
    """Convert each column of a table in memory to Arrow; `kind` is that of its container."""
    remedy = _REMEDIES.get(kind, "rename them")
    if kind == "sequence":
        odd = sorted({containers.name_of(row) for row in table if not isinstance(row, Mapping)})
        if odd:
            got = f"a {containers.name_of(table)} of {', '.join(odd)}"
            raise EvidenceError(_no_table(title, got, _ACCEPTED))
        return _columns_of_records(table, remedy)
    if kind == "numpy" and table.ndim != 2 and not (table.ndim == 1 and table.dtype.names):
        hint = "; for one column write array.reshape(-1, 1)" if table.ndim == 1 else ""
        raise EvidenceError(
            f"an array must have 2 dimensions to be a table, got shape {table.shape}{hint}"
        )
    if isinstance(table, pa.Table | pa.RecordBatch):
        try:
            check_names(table.schema.names)
        except UnicodeDecodeError as error:
            raise EvidenceError(
                "column names must be valid UTF-8; rename the columns when you create the table"
            ) from error
        fields = zip(table.schema, table.columns, strict=True)
        return (from_arrow(field.name, array, field.metadata) for field, array in fields)
    names = containers.names_of_columns(table) or []
    check_names(names, remedy)
    matrix = table if kind == "numpy" and table.ndim == 2 else None
    if kind == "pandas":
        matrix = containers.matrix_of(table, names)
    if matrix is None:
        pairs = zip(names, containers.columns_in(table), strict=True)
        return (containers.from_sequence(str(name), column) for name, column in pairs)
    matrix = matrix if np.ma.isMaskedArray(matrix) else np.asarray(matrix)
    by_column = matrix.T
    if matrix.strides[0] != matrix.itemsize and not np.ma.isMaskedArray(matrix):
        # Transpose in blocks that fit into the processor's cache, which is three times as fast.
        by_column = np.empty(matrix.shape[::-1], dtype=matrix.dtype)
        for start in range(0, len(matrix), _BLOCK_ROWS):
            by_column[:, start : start + _BLOCK_ROWS] = matrix[start : start + _BLOCK_ROWS].T
    return containers.from_matrix(list(map(str, names)), by_column)


def _columns_of_records(records: Sequence[Mapping[Any, Any]], remedy: str) -> Iterable[ArrowColumn]:
    """Convert a list of records (dicts) to Arrow columns; records can have different keys.

    If a record lacks a key, its value in that column is missing. The time is proportional to the
    number of values that are present, even if there are many rare keys. `remedy` is the advice that
    the error message gives for keys that are not strings.
    """
    columns: dict[Any, tuple[list[int], list[Any]]] = {}
    for i, record in enumerate(records):
        for name, value in record.items():
            rows, values = columns.setdefault(name, ([], []))
            rows.append(i)
            values.append(value)
    check_names(columns, remedy)
    for name, (rows, values) in columns.items():
        if 2 * len(rows) > len(records):  # few missing values
            cells = values if len(rows) == len(records) else [row.get(name) for row in records]
            yield containers.from_sequence(name, cells)
            continue
        column, field = containers.from_sequence(name, values)
        places = np.full(len(records), -1)
        places[rows] = np.arange(len(rows))
        yield ArrowColumn(column.take(from_numpy(places, places < 0)), field)


def _open_lazy(frame: Any) -> Source:
    """Return the `Source` of a polars LazyFrame."""

    def read(names: list[str]) -> Iterator[pa.Table]:
        names = names or list(fields)[:1]  # without columns, the first one gives the number of rows
        with _engine_errors("polars"):
            picked = frame.select(names)
            if hasattr(picked, "collect_batches"):
                rows = _rows_at_a_time(fields[name] for name in names)
                parts = picked.collect_batches(chunk_size=rows, maintain_order=True)
            else:  # before polars 1.34
                parts = iter([picked.collect()])
            empty = partial(_arrow_of, nothing.select(names))
            yield from at_least_one(joined(map(_arrow_of, parts)), empty)

    nothing = collected(frame.limit(0))
    check_names(nothing.columns)
    fields = {
        name: containers.from_polars(name, nothing.get_column(name)).field
        for name in nothing.columns
    }
    return Source("polars.LazyFrame", MappingProxyType(fields), None, read)


def collected(frame: Any) -> Any:
    """Collect a polars LazyFrame into a DataFrame; raise EvidenceError if its query fails."""
    with _engine_errors("polars"):
        return frame.collect()


def _arrow_of(frame: Any) -> pa.Table:
    arrays = [containers.from_polars(name, frame.get_column(name)).array for name in frame.columns]
    return pa.table(arrays, names=list(frame.columns))


def _open_relation(relation: Any) -> Source:
    """Return the `Source` of a DuckDB relation, whose query is run each time it is read."""

    def read(names: list[str]) -> Iterator[pa.Table]:
        names = names or list(fields)[:1]  # without columns, the first one gives the number of rows
        with _engine_errors("DuckDB"):
            quoted = ('"' + name.replace('"', '""') + '"' for name in names)
            rows = _rows_at_a_time(fields[name] for name in names)
            reader = _reader_of(relation.project(", ".join(quoted)), rows)
            for table in at_least_one(joined(reader), reader.schema.empty_table):
                arrays = [normalise(table.column(name), fields[name]) for name in names]
                yield pa.table(arrays, names=names)

    with _engine_errors("DuckDB"):
        schema = _reader_of(relation.limit(0), BATCH_ROWS).schema
    check_names(schema.names)
    fields = {field.name: field_of(field.name, field.type, field.metadata) for field in schema}
    return Source("DuckDB relation", MappingProxyType(fields), None, read)


def _taken(batches: Iterator[pa.Table], rows: npt.NDArray[np.int64]) -> Iterator[pa.Table]:
    """Yield those rows of some batches whose row numbers are in `rows`.

    Rows are numbered from 0 through all batches, and `rows` is in ascending order. Each batch gives
    one table, which may be empty.
    """
    start = 0
    for batch in batches:
        first, last = np.searchsorted(rows, [start, start + len(batch)])
        yield batch.take(from_numpy(rows[first:last] - start))
        start += len(batch)


def _rows_at_a_time(fields: Iterable[Field]) -> int:
    """Return the number of rows to request from an engine at a time; few if rows may be large."""
    sizes = {field.kind in ("string", "binary", "nested", "unreadable") for field in fields}
    return _BLOCK_ROWS if True in sizes else BATCH_ROWS


def _reader_of(relation: Any, rows: int) -> pa.RecordBatchReader:
    # The second name is that of DuckDB before 1.4.
    for method in ("to_arrow_reader", "fetch_arrow_reader"):
        if hasattr(relation, method):
            return getattr(relation, method)(rows)
    return pa.RecordBatchReader.from_stream(relation)


def through_narwhals(table: Any) -> pa.Table | None:
    """Convert a frame of another library to Arrow with the package narwhals.

    This is for frames that mlgates does not recognise itself, such as those of Modin, cuDF and
    Dask. The result is None if narwhals is not installed or does not support the value.
    EvidenceError is raised if the library of the frame fails.
    """
    try:
        import narwhals as nw
    except ImportError:
        return None
    frame = nw.from_native(table, pass_through=True)
    if frame is table:
        return None
    with _engine_errors(containers.name_of(table).partition(".")[0]):
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect(backend="pyarrow")
        arrow: pa.Table = frame.to_arrow()
        return arrow


@contextmanager
def _engine_errors(name: str) -> Iterator[None]:
    """Raise any error of a query engine as an EvidenceError.

    `name` is the name of the engine. The engine's message is left out, because it may contain data.
    """
    with suppress_errors() as caught:
        yield
    if isinstance(caught.error, EvidenceError):
        raise caught.error
    if caught.error is not None:
        raise EvidenceError(
            f"{name} can't run the query: {type(caught.error).__name__}; run the query alone to "
            "see the whole message, which may contain data"
        ) from caught.error


def _check_bytes(batches: Iterator[pa.Table], names: list[str]) -> Iterator[pa.Table]:
    """Yield the batches unchanged; raise EvidenceError if a string in them is invalid.

    `names` has the columns that are checked.
    """
    rows = 0
    for batch in batches:
        for name in names:
            check_bytes(f"column {name!r}", batch.column(name), rows)
        rows += len(batch)
        yield batch
        del batch  # free its memory before the next one is read


def joined(parts: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[pa.Table]:
    """Join small tables, such as those of many files, into tables of about the size of a batch.

    Fewer batches are read faster, because each batch takes some time of its own. Record batches
    take less memory and time than tables until they are joined.
    """
    held: list[pa.Table | pa.RecordBatch] = []
    rows, size, encoded = 0, 0.0, []
    for part in parts:
        more: float = part.get_total_buffer_size()  # at least its size, and quick to compute
        if size + more > BATCH_BYTES:
            more = part.nbytes
        if not held or part.schema != held[0].schema:
            if held:
                yield _concatenated(held)
                held, rows, size = [], 0, 0.0
            types = part.schema.types
            encoded = [i for i, type_ in enumerate(types) if pa.types.is_dictionary(type_)]
        for i in encoded:
            more += float(row_bytes(part.column(i)).sum())
        if held and (rows + len(part) > BATCH_ROWS or size + more > BATCH_BYTES):
            yield _concatenated(held)
            held, rows, size = [], 0, 0.0
        held.append(part)
        rows, size = rows + len(part), size + more
        del part  # free its memory before the next one is read
        if rows >= BATCH_ROWS or size >= BATCH_BYTES:  # nothing could be joined to it
            yield _concatenated(held)
            held, rows, size = [], 0, 0.0
    if held:
        yield _concatenated(held)


def row_bytes(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.float64]:
    """Return the number of bytes that each row of a column takes without dictionary encoding."""
    type_ = column.type
    parts = []
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        if pa.types.is_dictionary(type_) and _has_lengths(type_.value_type):
            lengths = filled(pc.binary_length(chunk.dictionary), 0)
            codes = filled(chunk.indices, -1)
            parts.append(np.append(lengths, 0)[codes])
        elif _has_lengths(type_):
            parts.append(filled(pc.binary_length(chunk), 0))
        else:
            parts.append(np.full(len(chunk), chunk.nbytes / max(1, len(chunk))))
    return np.concatenate([np.empty(0), *parts])


def _has_lengths(type_: pa.DataType) -> bool:
    kinds = pa.types
    return bool(
        kinds.is_string(type_)
        or kinds.is_large_string(type_)
        or kinds.is_binary(type_)
        or kinds.is_large_binary(type_)
    )


def _concatenated(parts: list[pa.Table | pa.RecordBatch]) -> pa.Table:
    if len(parts) == 1 and isinstance(parts[0], pa.Table):
        return parts.pop()
    batches: list[pa.RecordBatch] = []
    for part in parts:
        batches += [part] if isinstance(part, pa.RecordBatch) else part.to_batches()
    table = pa.Table.from_batches(batches, parts[0].schema)
    if len(batches) > 1:
        with suppress(pa.ArrowNotImplementedError):  # not possible for unions
            return table.combine_chunks()
    return table


def at_least_one(tables: Iterator[pa.Table], make: Callable[[], pa.Table]) -> Iterator[pa.Table]:
    """Yield the given tables; if there are none, yield the empty table that `make` returns."""
    is_empty = True
    for table in tables:
        is_empty = False
        yield table
        del table  # free its memory before the next one is read
    if is_empty:  # call `make` only if needed, because it loads pandas
        yield make()
