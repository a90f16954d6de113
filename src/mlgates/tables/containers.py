"""One column of any container, as Arrow: numpy, pandas, polars, Arrow, plain sequences.

pandas and polars are told by the module of a type, never imported to find out. Each column is
converted alone, so that one that can't be is a finding about that column.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables.field import ArrowColumn, from_arrow, no_plain_form, unreadable
from mlgates.tables.objects import UNCONVERTIBLE, from_objects, in_arrow_units

__all__ = [
    "from_numpy",
    "from_pandas",
    "from_polars",
    "from_sequence",
    "is_instance_of",
    "matrix_of",
]


def is_instance_of(value: object, module: str, name: str) -> bool:
    """Whether a value is of a class of a package, or of a subclass; the package is not imported.

    Examples
    --------
    >>> import fractions
    >>> is_instance_of(fractions.Fraction(1), "fractions", "Fraction")
    True
    """
    return any(
        base.__name__ == name and base.__module__.partition(".")[0] == module
        for base in type(value).__mro__
    )


def from_sequence(name: str, values: object) -> ArrowColumn:
    """Column of whatever holds one: an array, a series, a list, a range.

    Raises
    ------
    EvidenceError
        If it isn't one column.

    Examples
    --------
    >>> from_sequence("x", range(3)).field.type
    'int64'
    """
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return from_arrow(name, values)
    if is_instance_of(values, "polars", "Series"):
        return from_polars(name, values)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(
        values, pandas.Series | pandas.Index | pandas.api.extensions.ExtensionArray
    ):
        return from_pandas(name, pandas.Series(values))
    if isinstance(values, np.ndarray):
        return from_numpy(name, values)
    if isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray):
        return from_objects(name, list(values), keep_nan=True)
    if hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
        return from_arrow(name, pa.chunked_array(values))
    msg = (
        f"column {name!r} is a {type(values).__name__}; a column of a dict must be a 1-D array, "
        "a Series, an Arrow array, a list, a tuple or a range"
    )
    raise EvidenceError(msg)


def from_numpy(name: str, values: Any) -> ArrowColumn:
    """Column of a one-dimensional numpy array; NaN stays NaN, masked is null.

    The memory of a contiguous array of numbers is shared.

    Raises
    ------
    EvidenceError
        If the array hasn't one dimension.

    Examples
    --------
    >>> from_numpy("x", np.array([1.0, np.nan])).array.null_count
    0
    """
    if values.ndim != 1:
        msg = f"column {name!r} is an array of {values.ndim} dimensions; a column has one"
        raise EvidenceError(msg)
    mask = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
    values = np.ma.getdata(values) if mask is not None else np.asarray(values)
    if values.dtype.kind in "OT":
        cells = values.astype(object)
        if mask is not None:
            cells = np.where(mask, None, cells)
        return from_objects(name, cells)
    try:
        return from_arrow(name, pa.array(_arrow_dtype(values), mask=mask, from_pandas=False))
    except UNCONVERTIBLE:
        missing = _nan_mask(values) if mask is None else mask | _nan_mask(values)
        return _unreadable(name, str(values.dtype), values.dtype.type.__name__, missing)


def from_pandas(name: str, series: Any) -> ArrowColumn:
    """Column of a pandas Series, whatever its dtype; the index is ignored.

    NaN of numpy floats stays NaN; NA, None, NaT and the NaN of objects are null.

    Examples
    --------
    >>> import pandas as pd
    >>> from_pandas("x", pd.Series([1, None], dtype="Int64")).array.null_count
    1
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


def matrix_of(frame: Any) -> Any | None:
    """The numbers of a pandas frame that keeps them in one array; None for any other.

    To hand them out column by column takes pandas longer than a thousand of them take to sort.

    Examples
    --------
    >>> import pandas as pd
    >>> matrix_of(pd.DataFrame({"x": [1.5, 2.5], "y": [0.0, 1.0]})).shape
    (2, 2)
    >>> matrix_of(pd.DataFrame({"x": [1.5, 2.5], "y": ["a", "b"]})) is None
    True
    """
    types = set(frame.dtypes)
    if len(types) != 1 or not all(isinstance(t, np.dtype) and t.kind in "biuf" for t in types):
        return None
    first, last = (frame.iloc[:, i].to_numpy() for i in (0, -1))
    return frame.to_numpy() if first.base is not None and first.base is last.base else None


def from_polars(name: str, series: Any) -> ArrowColumn:
    """Column of a polars Series; zero copy save for texts.

    Columns of Python objects are read by the types of their cells.

    Examples
    --------
    >>> import polars as pl
    >>> from_polars("x", pl.Series(["a", None])).field.type
    'string_view'
    """
    dtype = str(series.dtype)
    if dtype == "Object":  # Arrow would be given the addresses of the objects
        return from_objects(name, series.to_list())
    if dtype in {"Int128", "UInt128"}:
        column = from_objects(name, series.to_list())
        none = column.field.kind == "null"
        return from_arrow(name, pa.nulls(len(series), pa.int64())) if none else column
    try:
        # As a frame: the stream of a series alone is broken in polars 1.20.
        table = pa.table(series.to_frame())
        return from_arrow(name, table.column(0), table.field(0).metadata)
    except UNCONVERTIBLE:
        return _unreadable(name, dtype, dtype, series.is_null().to_numpy())


def _from_categorical(name: str, series: Any) -> ArrowColumn:
    """Dictionary of the categories, which are read like any column."""
    codes = series.cat.codes.to_numpy()
    categories = series.cat.categories
    pandas = sys.modules["pandas"]
    values, field = from_pandas(name, pandas.Series(categories))
    if field.kind == "unreadable":
        label = f"category of {field.type}"
        names = [*values.to_pylist(), None]  # code -1 is a missing cell
        cells = [names[code] for code in codes]
        return unreadable(name, label, str(field.problem), cells)
    # pandas calls the categories of an all-missing column floats
    if len(categories) == 0 and categories.dtype.kind in "fO":
        values = pa.chunked_array([pa.nulls(0)])
    array = pa.DictionaryArray.from_arrays(
        pa.array(codes, mask=codes < 0), values.combine_chunks(), ordered=bool(series.cat.ordered)
    )
    return from_arrow(name, array)


def _arrow_dtype(values: Any) -> Any:
    """Array in the nearest dtype that Arrow has: native byte order, units from days on."""
    dtype = values.dtype
    if not dtype.isnative:
        values = values.astype(dtype.newbyteorder("="))
    return in_arrow_units(values) if dtype.kind in "mM" else values


def _nan_mask(values: Any) -> Any:
    """Where the cells are NaN; nowhere for a dtype without one."""
    if values.dtype.kind in "fc":
        return np.isnan(values)
    return np.isnat(values) if values.dtype.kind in "mM" else np.zeros(len(values), dtype=bool)


def _unreadable(name: str, label: str, cell: str, missing: Any) -> ArrowColumn:
    cells = [None if absent else cell for absent in missing]
    return unreadable(name, label, no_plain_form(name, label), cells)
