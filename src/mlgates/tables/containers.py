"""Find out what kind of container a value is, and convert single columns of it to Arrow.

Containers are recognised by the names of their classes, so that this module never imports pandas,
polars and other packages. Columns are converted one by one. If one of them can't be converted, it
is unreadable, and the others are not affected.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from os import PathLike
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from mlgates import arrow_arrays
from mlgates.errors import EvidenceError
from mlgates.tables.field import ArrowColumn, Field, from_arrow, no_plain_form, unreadable
from mlgates.tables.objects import UNCONVERTIBLE, from_objects, in_arrow_units

__all__ = ["is_instance_of", "kind_of"]

Kind = Literal[
    # tables in memory
    "pandas", "polars", "arrow", "numpy", "mapping", "sequence", "sparse",
    # tables that are not in memory; their rows are read or computed when needed
    "lazy", "duckdb", "spark", "reader", "stream", "path",
    # one column
    "pandas column", "polars column", "arrow column",
    # objects with a method that returns a table; anything else
    "unopened", "other",
]  # fmt: skip
_CLASSES: dict[Kind, tuple[str, str]] = {
    "pandas": ("pandas", "DataFrame"),
    "pandas column": ("pandas", "Series Index ExtensionArray"),
    "polars": ("polars", "DataFrame"),
    "lazy": ("polars", "LazyFrame"),
    "polars column": ("polars", "Series"),
    "duckdb": ("duckdb", "DuckDBPyRelation"),
    "spark": ("pyspark", "DataFrame"),
    "arrow": ("pyarrow", "Table RecordBatch"),
    "reader": ("pyarrow", "RecordBatchReader"),
    "arrow column": ("pyarrow", "Array ChunkedArray"),
    "unopened": ("pyarrow", "Dataset Scanner ParquetFile"),
    "numpy": ("numpy", "ndarray"),
    "sparse": ("scipy", "_spbase"),
}
#: Types of numbers and bools.
_PLAIN = frozenset(arrow_arrays.DTYPES.values())
_KINDS = {(pkg, name): kind for kind, (pkg, names) in _CLASSES.items() for name in names.split()}


def kind_of(value: object) -> Kind:
    """Return the kind of container that a value is, such as "pandas".

    A subclass has the kind of its base class.

    Examples
    --------
    >>> kind_of({"x": [1]}), kind_of([1]), kind_of(np.zeros(2)), kind_of("people.parquet")
    ('mapping', 'sequence', 'numpy', 'path')
    """
    for base in type(value).__mro__:
        kind = _KINDS.get((base.__module__.partition(".")[0], base.__name__))
        if kind is not None:
            return kind
    if isinstance(value, Mapping):
        return "mapping"
    if isinstance(value, list | tuple):
        return "path" if value and isinstance(value[0], PathLike) else "sequence"
    if isinstance(value, str | PathLike):
        return "path"
    return "stream" if hasattr(value, "__arrow_c_stream__") else "other"


def is_instance_of(value: object, module: str, name: str) -> bool:
    """Return whether a value is an instance of the class `name` of the package `module`.

    Subclasses count, too. The package is not imported.
    """
    return any(
        base.__name__ == name and base.__module__.partition(".")[0] == module
        for base in type(value).__mro__
    )


def name_of(value: object) -> str:
    """Return the name of a value's type, with its package, such as ``pandas.DataFrame``."""
    if value is None:
        return "None"
    package = type(value).__module__.partition(".")[0]
    name = type(value).__qualname__
    return name if package == "builtins" else f"{package}.{name}"


def names_of_columns(table: Any) -> list[Any] | None:
    """Return the column names of a table in memory; None for any other value."""
    kind = kind_of(table)
    if kind == "mapping":
        return list(table)
    if kind == "pandas":
        return list(table.columns.tolist())
    if kind == "polars":
        return list(table.columns)
    if kind == "arrow":
        return list(table.schema.names)
    if kind == "numpy" and table.ndim == 1 and table.dtype.names:
        return list(table.dtype.names)
    if kind in ("numpy", "sparse"):
        return [f"x{i}" for i in range(table.shape[1])] if table.ndim == 2 else []
    return None


def column_at(table: Any, i: int) -> Any:
    """Return the column at position `i` of a table in memory, as an object of the table's library.

    For example, a column of a pandas frame is a pandas Series. Positions are from 0.
    """
    kind = kind_of(table)
    if kind == "pandas":
        return table.iloc[:, i]
    if kind == "polars":
        return table.to_series(i)
    if kind == "arrow":
        return table.column(i)
    if kind == "mapping":
        return next(islice(table.values(), i, None))
    if kind == "sparse":
        return table.tocsc()[:, [i]].toarray().ravel()
    return table[:, i] if table.ndim == 2 else table[table.dtype.names[i]]


def columns_in(table: Any) -> Iterable[Any]:
    """Return all columns of a table in memory in order, as objects of the table's library.

    For example, the columns of a pandas frame are pandas Series.
    """
    kind = kind_of(table)
    if kind == "pandas":
        return (series for _, series in table.items())
    if kind == "mapping":
        return list(table.values())
    return (column_at(table, i) for i in range(len(names_of_columns(table) or ())))


def from_sequence(name: str, values: Any) -> ArrowColumn:
    """Convert the values of one column to an Arrow column with the name `name`.

    `values` is a one-dimensional numpy array, a Series of pandas or polars, an Arrow array, or a
    sequence such as a list or a range. EvidenceError is raised for any other value, such as a
    string.

    Examples
    --------
    >>> from_sequence("x", range(3)).field.type
    'int64'
    """
    kind = kind_of(values)
    if kind == "numpy":
        return from_numpy(name, values)
    if kind == "arrow column":
        return from_arrow(name, values)
    if kind == "polars column":
        return from_polars(name, values)
    if kind == "pandas column":
        is_series = isinstance(values, sys.modules["pandas"].Series)
        return from_pandas(name, values if is_series else sys.modules["pandas"].Series(values))
    if isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray):
        return from_objects(name, list(values), keep_nan=True)
    if hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
        return from_arrow(name, pa.chunked_array(values))
    raise EvidenceError(
        f"column {name!r} must be a 1-D array, a Series, an Arrow array, a list, a tuple or a "
        f"range, got {type(values).__name__}"
    )


def from_numpy(name: str, values: Any) -> ArrowColumn:
    """Convert a one-dimensional numpy array to an Arrow column with the name `name`.

    NaN stays NaN, and masked values become null. A contiguous array of numbers is not copied: the
    result shares its memory.

    Examples
    --------
    >>> from_numpy("x", np.array([1.0, np.nan])).array.null_count
    0
    """
    if values.ndim != 1:
        raise EvidenceError(
            f"column {name!r} must have 1 dimension, got an array of shape {values.shape}"
        )
    mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
    values = np.ma.getdata(values) if mask is not None else np.asarray(values)
    dtype = values.dtype
    if dtype.kind in "OT":
        cells = values.astype(object)
        return from_objects(name, cells if mask is None else np.where(mask, None, cells))
    try:  # native byte order, and a unit that Arrow has
        native = values if dtype.isnative else values.astype(dtype.newbyteorder("="))
        native = in_arrow_units(native) if dtype.kind in "mM" else native
        if native.dtype in _PLAIN:
            return from_arrow(name, arrow_arrays.from_numpy(native, mask))
        return from_arrow(name, pa.array(native, mask=mask, from_pandas=False))
    except UNCONVERTIBLE:
        missing = np.zeros(len(values), dtype=bool) if mask is None else mask
        if dtype.kind in "fcmM":
            missing = missing | (values != values)  # noqa: PLR0124  (NaN and NaT)
        return _unreadable(name, str(dtype), dtype.type.__name__, missing)


def from_matrix(names: Sequence[str], columns: Any) -> Iterable[ArrowColumn]:
    """Convert each row of a numpy matrix to an Arrow column; `names` are their names.

    Rows that follow each other in memory are parts of one Arrow array, because to create an array
    for each column takes longer.

    Examples
    --------
    >>> [column.array.to_pylist() for column in from_matrix("xy", np.array([[1, 2], [3, 4]]))]
    [[1, 2], [3, 4]]
    """
    if columns.dtype not in _PLAIN or not columns.flags.c_contiguous or np.ma.isMA(columns):
        yield from map(from_numpy, names, columns)
        return
    rows = columns.shape[1]
    array, field = from_numpy("", columns.reshape(-1))
    for i, name in enumerate(names):
        yield ArrowColumn(array.slice(i * rows, rows), Field(name, field.kind, field.type))


def from_pandas(name: str, series: Any) -> ArrowColumn:
    """Convert a pandas Series of any dtype to an Arrow column with the name `name`.

    The index is ignored. NaN in a numpy array of floats stays NaN. NA, None and NaT become null,
    and so does NaN in an array of objects.
    """
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return from_numpy(name, series.to_numpy())
    if hasattr(series, "sparse") and is_instance_of(dtype, "pandas", "SparseDtype"):
        return from_pandas(name, series.sparse.to_dense())
    if is_instance_of(dtype, "pandas", "CategoricalDtype"):
        return _from_categorical(name, series)
    try:
        column = from_arrow(name, pa.array(series, from_pandas=True))
    except UNCONVERTIBLE:
        column = None
    if column is None or column.field.kind == "unreadable":
        return _unreadable(name, str(dtype), dtype.type.__name__, series.isna().to_numpy())
    return column


def matrix_of(frame: Any, names: Sequence[str]) -> Any | None:
    """Return the single numpy array in which a pandas frame stores its numbers, or None.

    The result is None if the frame is not stored in this way. Reading this array is much faster
    than reading the columns of the frame one by one. `names` are the names of its columns.
    """
    types = set(frame.dtypes)
    if len(types) != 1 or not all(isinstance(t, np.dtype) and t.kind in "biuf" for t in types):
        return None
    first = frame[names[0]].to_numpy()
    # If the first column is a view of an array that is large enough for all columns, `to_numpy`
    # returns this array. Otherwise it would copy the columns.
    size = 0 if first.base is None else getattr(first.base, "size", 0)
    return frame.to_numpy() if size >= first.size * len(names) > 0 else None


def from_polars(name: str, series: Any) -> ArrowColumn:
    """Convert a polars Series to an Arrow column with the name `name`.

    Only strings are copied. A column of Python objects is converted according to the types of its
    values.
    """
    dtype = str(series.dtype)
    if dtype == "Object":  # Arrow would read their addresses
        return from_objects(name, series.to_list())
    if dtype in {"Int128", "UInt128"}:  # the same type in all batches
        array, field = from_arrow(name, pa.array(series.to_list(), pa.decimal256(76, 0)))
        return ArrowColumn(array, replace(field, type=dtype.lower()))
    try:
        # Export the series in a frame, because polars 1.20 exports a single series incorrectly.
        table = pa.table(series.to_frame())
        return from_arrow(name, table.column(0), table.field(0).metadata, is_valid=True)
    except UNCONVERTIBLE:
        return _unreadable(name, dtype, dtype, series.is_null().to_numpy())


def _from_categorical(name: str, series: Any) -> ArrowColumn:
    """Convert a pandas categorical to a dictionary-encoded Arrow array.

    Its categories are converted like the values of any column.
    """
    codes = series.cat.codes.to_numpy()
    categories = series.cat.categories
    values, field = from_sequence(name, categories)
    if field.kind == "unreadable":
        names = [*values.to_pylist(), None]  # code -1 is missing
        cells = [names[code] for code in codes]
        return unreadable(name, f"category of {field.type}", str(field.problem), cells)
    # If all values are missing, pandas gives the categories the type float or object.
    if len(categories) == 0 and categories.dtype.kind in "fO":
        values = pa.chunked_array([pa.nulls(0)])
    array = pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=codes < 0), values.combine_chunks(), ordered=bool(series.cat.ordered)
    )
    return from_arrow(name, array)


def _unreadable(name: str, label: str, cell: str, missing: Any) -> ArrowColumn:
    cells = [None if absent else cell for absent in missing]
    return unreadable(name, label, no_plain_form(name, label), cells)
