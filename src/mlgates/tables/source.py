"""The border: any table in, Arrow batches out, as often as they are asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables.containers import (
    from_numpy,
    from_pandas,
    from_polars,
    from_sequence,
    is_instance_of,
    matrix_of,
)
from mlgates.tables.engines import (
    fields_of_lazy,
    fields_of_relation,
    read_lazy,
    read_relation,
    through_narwhals,
)
from mlgates.tables.field import ArrowColumn, Field, TableSchema, from_arrow
from mlgates.tables.folder import Folder
from mlgates.tables.names import check_names, few
from mlgates.tables.objects import UNCONVERTIBLE
from mlgates.tables.parquet import fields_of, is_parquet, read_batches

__all__ = ["Batch", "Field", "Source", "TableSchema", "as_source"]

_ACCEPTED = (
    "a table must be a pandas or polars DataFrame, a polars LazyFrame, a pyarrow Table, "
    "RecordBatch or RecordBatchReader, a DuckDB relation, a dict of columns, a list of dicts, a "
    "2-D numpy array, the path of a Parquet file or of a folder of them, or an object with "
    "__arrow_c_stream__"
)
_BLOCK_ROWS = 4096
# What is nearly a table: package, class, and the call that makes one of it.
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


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a table, in order.

    Parameters
    ----------
    table : pyarrow.Table
        The columns that were asked for, in plain types.
    native : object
        What a user's callable is given: the user's own object where the batch is the whole table,
        else `table`.

    Examples
    --------
    >>> batch = next(as_source({"x": [1, 2]}).batches())
    >>> batch.table.num_rows, batch.native
    (2, {'x': [1, 2]})
    """

    table: pa.Table
    native: object


class Source:
    """A table that can be read again and again; made by `as_source`.

    Parameters
    ----------
    origin : str
        What the table came from, like ``"pandas.DataFrame"`` or ``"parquet file"``.
    schema : mapping of str to Field
        Its columns, in order.
    rows : int or None
        Number of rows; None when unknown before reading.
    read : callable
        Opens the table: from names of columns to an iterator of batches.
    native : object, optional
        The whole table as a user's callable gets it, where it lies in memory.

    Examples
    --------
    >>> source = as_source({"x": [1, 2], "y": ["a", None]})
    >>> source
    Source(dict, 2 rows, x: int, y: string)
    >>> [batch.table.num_columns for batch in source.batches(["y"])]
    [1]
    """

    def __init__(
        self,
        origin: str,
        schema: TableSchema,
        rows: int | None,
        read: Callable[[list[str]], Iterator[Batch]],
        native: object = None,
    ) -> None:
        self.origin = origin
        self.native = native
        self.schema: TableSchema = MappingProxyType(dict(schema))
        self.rows = rows
        self._read = read

    def batches(self, columns: Iterable[str] | None = None) -> Iterator[Batch]:
        """Open the table and give its rows in order, at least one batch.

        Parameters
        ----------
        columns : iterable of str, optional
            Names of the columns to read; by default all.

        Returns
        -------
        iterator of Batch
            One batch for a table in memory; one without rows for an empty table.

        Raises
        ------
        EvidenceError
            If the table lacks one of `columns`, or a file can't be read.

        Examples
        --------
        >>> source = as_source({"x": []})
        >>> [batch.table.num_rows for batch in source.batches()]
        [0]
        """
        names = list(self.schema if columns is None else dict.fromkeys(columns))
        absent = [name for name in names if name not in self.schema]
        if absent:
            msg = f"the table has no column {few(absent)}; it has {few(self.schema, 20)}"
            raise EvidenceError(msg)
        return self._read(names)

    def __repr__(self) -> str:
        rows = "unknown rows" if self.rows is None else f"{self.rows:,} rows"
        columns = ", ".join(f"{field.name}: {field.kind}" for field in self.schema.values())
        return f"Source({self.origin}, {rows}, {columns})"


def as_source(table: object) -> Source:
    """Source of any table: its columns are normalised once, and can be read many times.

    Parameters
    ----------
    table : object
        A pandas or polars DataFrame, a polars LazyFrame, a pyarrow Table, RecordBatch or
        RecordBatchReader, a DuckDB relation, a dict of columns, a list of dicts, a 2-D numpy array,
        the path of a Parquet file or of a folder of them, an object with ``__arrow_c_stream__``,
        anything that narwhals knows, or a `Source`, which is returned as it is.

    Returns
    -------
    Source
        Its schema describes every column; one that can't be read is of kind ``"unreadable"``.

    Raises
    ------
    EvidenceError
        If it isn't a table, has no columns, or its names aren't different texts.

    Notes
    -----
    Values are shared with the table wherever Arrow has their type: changing the table afterwards
    changes what is read.

    Examples
    --------
    >>> source = as_source([{"age": 31}, {"age": None, "city": "Bonn"}])
    >>> [(field.name, field.kind) for field in source.schema.values()]
    [('age', 'int'), ('city', 'string')]
    """
    if isinstance(table, Source):
        return table
    for accepts, read in _READERS:
        if accepts(table):
            return read(table)
    remedy = next((call for *of, call in _NEARLY if is_instance_of(table, *of)), None)
    if remedy is None and hasattr(table, "__arrow_c_stream__"):
        return _from_stream(table)
    arrow = None if remedy else through_narwhals(table)
    if arrow is not None:
        return _from_arrow_table(_name_of(table), arrow, arrow)
    msg = f"got {_name_of(table)}, which is not a table; {remedy or _ACCEPTED}"
    raise EvidenceError(msg)


def _in_memory(origin: str, columns: Iterable[ArrowColumn], native: object) -> Source:
    columns = list(columns)
    schema = {field.name: field for _, field in columns}
    table = pa.table([array for array, _ in columns], names=list(schema))

    def read(names: list[str]) -> Iterator[Batch]:
        yield Batch(table.select(names), native)

    return Source(origin, schema, table.num_rows, read, native)


def _from_pandas_frame(frame: Any) -> Source:
    check_names(frame.columns, "write df.columns = df.columns.map(str)")
    matrix = matrix_of(frame)
    if matrix is not None:
        columns = _of_matrix(map(str, frame.columns), matrix)
    else:
        columns = (from_pandas(str(name), series) for name, series in frame.items())
    return _in_memory("pandas.DataFrame", columns, frame)


def _from_polars_frame(frame: Any) -> Source:
    check_names(frame.columns)
    columns = (from_polars(name, frame.get_column(name)) for name in frame.columns)
    return _in_memory("polars.DataFrame", columns, frame)


def _from_polars_lazy(frame: Any) -> Source:
    return _streamed("polars.LazyFrame", fields_of_lazy(frame), None, partial(read_lazy, frame))


def _from_duckdb(relation: Any) -> Source:
    fields = fields_of_relation(relation)
    return _streamed("DuckDB relation", fields, None, partial(read_relation, relation, fields))


def _streamed(
    origin: str,
    fields: Mapping[str, Field],
    rows: int | None,
    tables: Callable[[list[str]], Iterator[pa.Table]],
) -> Source:
    def read(names: list[str]) -> Iterator[Batch]:
        for table in tables(names):
            yield Batch(table, table)

    return Source(origin, fields, rows, read)


def _from_table(table: pa.Table) -> Source:
    return _from_arrow_table("pyarrow.Table", table, table)


def _from_arrow_table(origin: str, table: pa.Table, native: object) -> Source:
    check_names(table.column_names)
    columns = (
        from_arrow(field.name, array, field.metadata)
        for field, array in zip(table.schema, table.columns, strict=True)
    )
    return _in_memory(origin, columns, native)


def _from_batch(batch: pa.RecordBatch) -> Source:
    return _from_arrow_table("pyarrow.RecordBatch", pa.Table.from_batches([batch]), batch)


def _from_reader(reader: pa.RecordBatchReader) -> Source:
    """Source of a reader, which can be read once: the table it gave is kept in its place."""
    table = _read_stream(reader.read_all)
    return _from_arrow_table("pyarrow.RecordBatchReader", table, table)


def _from_stream(exporter: Any) -> Source:
    """Source of a stream: nobody knows whether it can be read again, so its table is kept."""
    table = _read_stream(lambda: pa.table(exporter))
    return _from_arrow_table(_name_of(exporter), table, table)


def _from_mapping(table: Mapping[Any, Any]) -> Source:
    check_names(table, "write {str(name): values for name, values in table.items()}")
    columns = [from_sequence(str(name), values) for name, values in table.items()]
    lengths = {field.name: len(array) for array, field in columns}
    if len(set(lengths.values())) > 1:
        told = [f"{name!r} has {length:,}" for name, length in list(lengths.items())[:10]]
        msg = f"the columns of the dict differ in length: {', '.join(told)}"
        raise EvidenceError(msg)
    return _in_memory(_name_of(table), columns, table)


def _from_matrix(array: Any) -> Source:
    if array.ndim != 2:
        hint = "; for one column write array.reshape(-1, 1)" if array.ndim == 1 else ""
        msg = f"got an array of {array.ndim} dimensions, a table has 2{hint}"
        raise EvidenceError(msg)
    names = [f"x{i}" for i in range(array.shape[1])]
    check_names(names)
    plain = array if np.ma.isMaskedArray(array) else np.asarray(array)
    return _in_memory("numpy.ndarray", _of_matrix(names, plain), array)


def _of_matrix(names: Iterable[str], matrix: Any) -> Iterator[ArrowColumn]:
    column_wise = matrix.strides[0] == matrix.itemsize or np.ma.isMaskedArray(matrix)
    by_column = matrix.T if column_wise else _transposed(matrix)
    return (from_numpy(name, by_column[i]) for i, name in enumerate(names))


def _transposed(array: Any) -> Any:
    """Copy with each column in one piece, by blocks that fit the cache (three times as fast)."""
    copy = np.empty(array.shape[::-1], dtype=array.dtype)
    for start in range(0, len(array), _BLOCK_ROWS):
        copy[:, start : start + _BLOCK_ROWS] = array[start : start + _BLOCK_ROWS].T
    return copy


def _from_records(records: Sequence[Any]) -> Source:
    odd = sorted({_name_of(row) for row in records if not isinstance(row, Mapping)})
    if odd:
        msg = f"got a {_name_of(records)} of {', '.join(odd)}, which is not a table; {_ACCEPTED}"
        raise EvidenceError(msg)
    names = list(dict.fromkeys(name for row in records for name in row))
    check_names(names, "write [{str(name): value for name, value in row.items()} for row in rows]")
    columns = (from_sequence(name, [row.get(name) for row in records]) for name in names)
    return _in_memory("list of dicts", columns, records)


def _from_path(path: str | PathLike[str]) -> Source:
    file = Path(path)
    first, *more = str(path).split("\n")  # what lies in a text given for a path is not shown
    shown = f"{first + '...' if more else first!r:.200}"
    try:
        problem = _problem_of_file(file)
    except OSError as error:  # a name that is too long, a file that may not be read
        problem = f"the file {{}} can't be read: {type(error).__name__}"
    if problem:
        raise EvidenceError(problem.format(shown))
    if file.is_dir():
        folder = Folder(file)
        return _streamed("folder of parquet files", folder.fields, folder.rows, folder.read)
    fields, rows = fields_of(file)

    def tables(names: list[str]) -> Iterator[pa.Table]:
        return read_batches(file, {name: fields[name] for name in names})

    return _streamed("parquet file", fields, rows, tables)


def _problem_of_file(file: Path) -> str | None:
    if file.is_dir():
        return None
    if not file.is_file():
        return "there is no file {}"
    if not is_parquet(file):
        return "the file {} is not a Parquet file; read it first and give the table"
    return None


def _read_stream(read: Callable[[], pa.Table]) -> pa.Table:
    """Table of a stream; what its producer raises becomes `EvidenceError`."""
    try:
        return read()
    except UNCONVERTIBLE as error:
        msg = f"the Arrow stream can't be read: {type(error).__name__}: {error!s:.200}"
        raise EvidenceError(msg) from error


def _name_of(value: object) -> str:
    """Name of a type with its package, like ``pandas.DataFrame``."""
    if value is None:
        return "None"
    package = type(value).__module__.partition(".")[0]
    name = type(value).__qualname__
    return name if package == "builtins" else f"{package}.{name}"


# What is a table, and how it is read; the first that accepts it does.
_READERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Source]], ...] = (
    (lambda table: is_instance_of(table, "pandas", "DataFrame"), _from_pandas_frame),
    (lambda table: is_instance_of(table, "polars", "DataFrame"), _from_polars_frame),
    (lambda table: is_instance_of(table, "polars", "LazyFrame"), _from_polars_lazy),
    (lambda table: is_instance_of(table, "duckdb", "DuckDBPyRelation"), _from_duckdb),
    (lambda table: isinstance(table, pa.Table), _from_table),
    (lambda table: isinstance(table, pa.RecordBatch), _from_batch),
    (lambda table: isinstance(table, pa.RecordBatchReader), _from_reader),
    (lambda table: isinstance(table, Mapping), _from_mapping),
    (lambda table: isinstance(table, np.ndarray), _from_matrix),
    (lambda table: isinstance(table, str | PathLike), _from_path),
    (lambda table: isinstance(table, list | tuple), _from_records),
)
