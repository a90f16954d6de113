"""Select, copy, change and compare rows of features, in any container that a model takes.

This module never imports pandas or polars. If a container is an object of one of these packages,
that package is imported already.
"""

import copy
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.tables.columns import in_memory
from mlgates.tables.containers import column_at, is_instance_of, kind_of, names_of_columns
from mlgates.tables.objects import is_missing
from mlgates.tables.retyping import Target, retyped
from mlgates.tables.source import Source, as_source, collected

__all__ = ["UNSEEN", "Rows", "rows_like", "run_query", "take_rows"]

#: A string that does not occur as a category in any training data.
UNSEEN = "mlgates: a category never seen"
#: Name of a column that does not occur in any training data.
EXTRA = "mlgates: an extra column"
_WITH_ROWS = frozenset(
    {"pandas", "pandas column", "polars", "polars column", "arrow", "arrow column", "sequence"}
)


class Converted(NamedTuple):
    """Rows of features in which one column was converted to another type, by `Rows.converted`.

    `what` is a string that names the column and the old and the new type. `rows` are the converted
    rows. `rounded` is None if no value changed. For a conversion to float32, which rounds the
    values, it has rows with the rounded values in the old type.
    """

    what: str
    rows: Any
    rounded: Any


class Rows:
    """Rows of features in the container that a model takes, or one request to an application.

    Gates that test a model use it to make changed copies of the rows, in the same container. A
    request can be a value of any type. It counts as one row and has no columns.

    Examples
    --------
    >>> rows = rows_like([[1, "a"], [2, "b"]])
    >>> rows.take([1]), rows.n
    ([[2, 'b']], 2)
    """

    def __init__(self, value: Any, *, request: bool = False) -> None:
        self.value = self._cells = value
        self._request = request
        self._kind = "other" if request else kind_of(value)
        self._is_lazy = self._kind == "lazy"
        if self._is_lazy:  # the query runs only once
            self._kind, self._cells = "polars", collected(value)
            self.value = self._cells.lazy()
        #: number of rows
        self.n = 1 if request else _length(self._cells)
        first = value[0] if self._kind == "sequence" and value else None
        self._keys: list[Any]
        if isinstance(first, dict | list | tuple):
            self._keys = list(first) if isinstance(first, dict) else list(range(len(first)))
        else:
            self._keys = [] if request else names_of_columns(self._cells) or []
        by_number = self._kind == "sparse" or (self._kind == "numpy" and value.ndim == 2)
        #: Whether columns have names, so that their order does not matter.
        self.named = bool(self._keys) and not by_number and not isinstance(first, list | tuple)
        #: Names of the columns, or their numbers if they have no names. Empty if rows have no
        #: columns.
        self.names = tuple(str(key) for key in self._keys)

    def require_distinct_names(self) -> None:
        """Raise EvidenceError if two columns of these rows have the same name."""
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise EvidenceError(f"the rows for the model have two columns named {twice!r}")

    def take(self, where: Any) -> Any:
        """Return the rows at the positions `where`, in a container of the same type."""
        return self._like(_take(self._cells, where))

    def _like(self, cells: Any) -> Any:
        return cells.lazy() if self._is_lazy else cells

    def copy(self) -> Any:
        """Return a copy of the container that shares no changeable data with it."""
        return _copy(self.value)

    def differences(self, other: Any) -> tuple[str, ...]:
        """Return the names of the parts that differ between this container and another one.

        For example, ("columns", "index") means that the names of the columns and the index of a
        pandas frame differ. The types of the columns ("types") are compared only if the names, the
        index and the shape are equal, and the values ("cells") only if the types are equal, too.
        """
        if self._request:
            return () if _same(self.value, other) else ("cells",)
        return _differences(self.value, other)

    def is_text(self, i: int) -> bool:
        """Return whether column number `i` has a string type, or only strings as values."""
        if self._kind == "sparse":
            return False
        column = self._column(i)
        kind = kind_of(column)
        if kind == "sequence":
            cells = column
        elif kind == "arrow column":
            arrow_type = column.type
            if pa.types.is_dictionary(arrow_type):
                arrow_type = arrow_type.value_type
            return bool(pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type))
        elif kind == "polars column":
            return str(column.dtype).partition("(")[0] in {"String", "Categorical"}
        elif is_instance_of(column.dtype, "pandas", "CategoricalDtype"):
            cells = column.cat.categories.tolist()
        elif not isinstance(column.dtype, np.dtype):
            return str(column.dtype).startswith(("str", "string", "large_string"))
        elif column.dtype.kind != "O":
            return bool(column.dtype.kind == "U")
        else:
            cells = column.tolist()
        known = [cell for cell in cells if not is_missing(cell)]
        return bool(known) and all(isinstance(cell, str) for cell in known)

    def _column(self, i: int) -> Any:
        """Return the values of column number `i` as a container of one column."""
        if self._kind != "sequence":
            cells = column_at(self._cells, i)
            return cells.astype(np.float64) if self._kind == "sparse" else cells
        key = self._keys[i]
        return [row.get(key) if isinstance(row, dict) else row[key] for row in self.value]

    def constant(self, i: int, cell: str | None) -> Any:
        """Return a copy of the rows in which one column has the same value in all rows.

        `i` is the position of the column. `cell` is the value: a string, or None for null. The
        result is None if the column can't have this value.
        """
        if not self._keys:
            return None
        kind, value = self._kind, self._cells
        with suppress(TypeError, ValueError, pa.ArrowException):
            cells = _constant_like(self._column(i), cell)
            if kind == "sequence" or self.named:
                return self._with_column(i, cells)
            if cells.dtype.kind in "OU" and cells.dtype.kind != value.dtype.kind:
                return None  # all columns would become strings or objects
            # Integers become floats, as in an array with a missing value. The type of strings
            # becomes wider.
            rows = value.astype(np.result_type(value.dtype, cells))
            rows = rows.tolil() if kind == "sparse" else rows
            rows[:, [i]] = cells.reshape(-1, 1)
            return rows.asformat(value.format) if kind == "sparse" else rows
        return None

    def without(self, i: int) -> Any:
        """Return a copy of the rows without the column at position `i`."""
        kept = [j for j in range(len(self._keys)) if j != i]
        if self.named:
            return self.reordered(kept)
        if self._kind == "sequence":
            return type(self.value)(type(row)(row[j] for j in kept) for row in self.value)
        if self._kind == "sparse":
            return self.value.tocsc()[:, kept].asformat(self.value.format)
        return self.value[:, kept]

    def extended(self) -> Any:
        """Return the rows with one more column at the end.

        The new column is a copy of the first one. Its name is the constant `EXTRA` of this module.
        """
        key, kind, value = self._keys[0], self._kind, self._cells
        if kind == "sequence":
            is_dict = isinstance(value[0], dict)
            more = ({**r, EXTRA: r[key]} if is_dict else type(r)([*r, r[0]]) for r in value)
            return type(value)(more)
        if kind == "mapping":
            return {**value, EXTRA: value[key]}
        if kind == "pandas":
            rows = self.copy()
            rows.insert(len(self._keys), EXTRA, rows.iloc[:, 0])
            return rows
        if kind == "polars":
            return self._like(value.with_columns(value[key].alias(EXTRA)))
        if kind == "arrow":
            arrays = [*value.columns, value.column(0)]
            return type(value).from_arrays(arrays, names=[*self._keys, EXTRA])
        if self.named:
            return _structured(type(value), {k: value[k] for k in self._keys} | {EXTRA: value[key]})
        at = [*range(len(self._keys)), 0]
        return value.tocsc()[:, at].asformat(value.format) if kind == "sparse" else value[:, at]

    def converted(self, i: int, target: Target) -> Converted | None:
        """Return a copy in which one column is converted to another type.

        `i` is the position of the column, and `target` is the type, as for
        `mlgates.tables.retyping.retyped`. All columns of an array without names have one type, so
        they are converted together. The result is None if this type doesn't fit the values of the
        column.
        """
        whole = self._kind == "numpy" and not self.named
        if self._kind == "sparse" or (whole and i):
            return None
        found = retyped(self._cells if whole else self._column(i), target)
        if found is None:
            return None
        title = "the array" if whole else f"column `{self._keys[i]}`"
        parts = (found.cells, found.rounded)
        rows, rounded = (
            cells if whole or cells is None else self._with_column(i, cells) for cells in parts
        )
        return Converted(f"{title} ({found.before}) as {found.after}", rows, rounded)

    def _with_column(self, i: int, cells: Any) -> Any:
        """Return a copy in which one column has other values, which may have another type.

        `i` is the position of the column, and `cells` are its new values. The container must have
        named columns or be a list of rows.
        """
        key, kind, value = self._keys[i], self._kind, self._cells
        if kind == "sequence":
            pairs = zip(value, cells, strict=True)
            return type(value)(_with_cell(row, key, cell) for row, cell in pairs)
        if kind == "mapping":
            return {**value, key: cells}
        if kind == "pandas":
            rows = self.copy()
            rows.isetitem(i, cells)
            return rows
        if kind == "polars":
            return self._like(value.with_columns(cells.alias(key)))
        if kind == "arrow":
            arrays = [cells if j == i else array for j, array in enumerate(value.columns)]
            return type(value).from_arrays(arrays, names=self._keys)
        return _structured(type(value), {**{k: value[k] for k in self._keys}, key: cells})

    def reordered(self, order: Sequence[int]) -> Any:
        """Return the rows with some of their columns, in a given order.

        Column ``i`` of the result is column ``order[i]`` of these rows. Rows without column names
        are returned unchanged.
        """
        if not self.named:
            return self.value
        keys, kind, value = [self._keys[i] for i in order], self._kind, self._cells
        if kind == "sequence":
            return type(value)({key: row[key] for key in keys if key in row} for row in value)
        if kind == "pandas":
            return value.iloc[:, list(order)]
        if kind in ("polars", "arrow"):
            return self._like(value.select(keys))
        columns = {key: value[key] for key in keys}
        return columns if kind == "mapping" else _structured(type(value), columns)


def rows_like(value: Any, *, request: bool = False) -> Rows:
    """Return a `Rows` object for a container of rows, or for a single request to an application.

    With ``request=True``, the value is a single request. It can have any type and is kept
    unchanged. Otherwise the value is a container with rows of features, which may be empty. Files,
    DuckDB relations and streams are read into an Arrow table. EvidenceError is raised for a value
    that is no container of rows, such as a number.
    """
    if request:
        return Rows(value, request=True)
    table = in_memory(value, lambda: as_source(value))
    return Rows(as_source(table).whole() if kind_of(table) == "stream" else table)


def take_rows(table: Any, source: Source, where: npt.NDArray[np.int64]) -> Any:
    """Return some rows of a table; `where` has their numbers in ascending order.

    If the table is in memory, the result has the same type; a pandas frame also keeps its index.
    Otherwise the rows are read in batches from `source`, which is the `Source` of the table, and
    the result is an Arrow table.

    Examples
    --------
    >>> table = {"x": [1, 2, 3], "y": range(3)}
    >>> take_rows(table, as_source(table), np.array([0, 2]))
    {'x': [1, 3], 'y': [0, 2]}
    """
    kind = kind_of(table)
    if kind in ("pandas", "polars", "arrow", "numpy", "mapping", "sequence"):
        return _take(table, where)
    return source.arrow(rows=where)


def run_query(table: Any) -> Any:
    """Run the query of a lazy table, and return its result in memory.

    Other tables are returned unchanged. The query must be run only once, because a second run may
    return the rows in another order, and row numbers would then be wrong.

    Examples
    --------
    >>> run_query({"x": [1]})
    {'x': [1]}
    """
    kind = kind_of(table)
    if kind == "lazy":
        return collected(table)
    return as_source(table).arrow() if kind == "duckdb" else table


def _length(value: Any) -> int:
    """Return the number of rows of a container; raise EvidenceError if it has no rows."""
    kind = kind_of(value)
    if kind == "mapping":
        sizes = {name: _length(column) for name, column in value.items()}
        if len(set(sizes.values())) > 1:
            shown = [f"{name!r} has {size:,}" for name, size in list(sizes.items())[:10]]
            raise EvidenceError(f"the columns of the dict differ in length: {', '.join(shown)}")
        return max(sizes.values(), default=0)
    if kind == "sparse" or (kind == "numpy" and value.ndim):
        return int(value.shape[0])
    if kind in _WITH_ROWS and (kind != "pandas column" or hasattr(value, "iloc")):
        return len(value)
    wanted = "a data frame, a table, an array, a sparse matrix, a list or a dict of columns"
    raise EvidenceError(
        f"the rows for the model must be {wanted}, got a value of type {type(value).__name__}"
    )


def _take(value: Any, where: Any) -> Any:
    kind = kind_of(value)
    if kind == "mapping":
        return {name: _take(column, where) for name, column in value.items()}
    if kind == "sequence":
        return type(value)(value[i] for i in where)
    if kind in ("arrow", "arrow column"):
        return value.take(pa.array(where, type=pa.int64()))
    if kind in ("polars", "polars column"):
        return value[[int(i) for i in where]]
    if isinstance(value, range):
        return [value[i] for i in where]
    if kind == "stream":
        return pa.chunked_array(value).take(pa.array(where, type=pa.int64()))
    at = np.asarray(where, dtype=np.intp)
    if kind == "pandas":
        # Copy, because pandas 2 warns if users write to a part of another frame.
        return value.iloc[at].copy()
    if kind == "sparse":
        return value.tocsr()[at].asformat(value.format)
    return value.iloc[at] if kind == "pandas column" else value[at]


def _copy(value: Any) -> Any:
    """Return a copy of a container and of all objects in it.

    Immutable containers, and objects that can't be copied, are not copied.
    """
    kind = kind_of(value)
    if kind in ("arrow", "arrow column"):
        return value
    if kind in ("polars", "polars column", "lazy"):
        return value.clone()
    if kind == "pandas column" and hasattr(value, "iloc"):
        if value.dtype != object:
            return value.copy(deep=True)
        cells = _copy(value.to_numpy())
        new = sys.modules["pandas"].Series(cells, index=value.index, name=value.name, dtype=object)
        new.attrs = dict(value.attrs)
        return new
    if kind == "pandas":
        rows = value.copy(deep=True)
        for i, dtype in enumerate(rows.dtypes):
            if dtype.kind == "O" and isinstance(dtype, np.dtype):
                rows.isetitem(i, _copy(rows.iloc[:, i]))
        rows.columns = rows.columns.copy()
        rows.index = rows.index.copy()
        return rows
    with suppress_errors():  # locks, open files, users' classes that raise
        return copy.deepcopy(value)
    return copy.copy(value)


def _differences(left: Any, right: Any) -> tuple[str, ...]:
    """Return the names of the parts that differ between two containers, as `Rows.differences`."""
    if type(left) is not type(right):
        return ("type",)
    if isinstance(left, Mapping):
        if list(left) != list(right):
            return ("columns",)
        of_columns = [_differences(left[name], right[name]) for name in left]
        return tuple(dict.fromkeys(part for parts in of_columns for part in parts))
    found: list[str] = []
    before, after = _parts(left), _parts(right)
    for part, value in before.items():
        if not (part in ("types", "cells") and found) and not _same(value, after[part]):
            found.append(part)
    return tuple(found)


def _parts(value: Any) -> dict[str, Any]:
    """Return a dict of everything in a container that a model could change, such as its index."""
    kind = kind_of(value)
    if kind in ("numpy", "sparse"):
        cells = value if kind == "numpy" else value.tocoo()
        cells = cells if kind == "numpy" else (cells.row, cells.col, cells.data)
        return {"shape": value.shape, "types": value.dtype, "cells": cells}
    if kind == "lazy":
        return _parts(collected(value))
    if kind == "polars":
        return {"columns": list(value.schema.items()), "cells": value}
    if kind == "pandas column" and hasattr(value, "iloc"):
        return _parts(value.to_frame("x"))
    if kind == "pandas":
        return {
            "columns": (value.columns, list(value.columns.names)),
            "index": (value.index, list(value.index.names)),
            "types": list(value.dtypes),
            "cells": value,
            "attributes": value.attrs,
        }
    return {"cells": value}


def _structured(kind: type, columns: Mapping[str, Any]) -> Any:
    """Return a structured array with the given columns; `kind` is the class of the array."""
    dtype = [(name, cells.dtype) for name, cells in columns.items()]
    rows: Any = np.empty(len(next(iter(columns.values()))), dtype=dtype).view(kind)
    for name, cells in columns.items():
        rows[name] = cells
    return rows


def _with_cell(row: Any, key: Any, cell: object) -> Any:
    """Return a copy of a row (a dict or a sequence) in which one value is replaced."""
    if isinstance(row, dict):
        return {**row, key: cell}
    cells = [*row[:key], cell, *row[key + 1 :]]
    return tuple(cells) if type(row) is tuple else cells


def _constant_like(column: Any, cell: str | None) -> Any:
    """Return a column like `column` (same type and length) with the value `cell` in all rows.

    TypeError, ValueError or ArrowException is raised if the type can't have this value.
    """
    kind, n = kind_of(column), len(column)
    if kind == "sequence":
        return [cell] * n
    if kind == "polars column":
        return sys.modules["polars"].Series([cell] * n, dtype=column.dtype)
    if kind == "arrow column":
        if cell is None:
            return pa.nulls(n, column.type)
        cells = pa.array([cell] * n)
        encoded = pa.types.is_dictionary(column.type)
        return cells.dictionary_encode() if encoded else cells.cast(column.type)
    dtype = column.dtype
    if kind == "numpy":
        if cell is not None:
            return np.full(column.size, cell, dtype=None if dtype.kind == "U" else object)
        if dtype.kind in "mM":
            return np.full(column.size, "NaT", dtype=dtype)
        gap = {"f": dtype, "i": np.float64, "u": np.float64}.get(dtype.kind, object)
        return np.full(column.size, None if gap is object else np.nan, dtype=gap)
    if isinstance(dtype, np.dtype):
        if cell is None:
            dtype = np.dtype({"i": "f8", "u": "f8", "b": "O"}.get(dtype.kind, dtype))
    elif cell is not None and is_instance_of(dtype, "pandas", "CategoricalDtype"):
        dtype = column.cat.add_categories([cell]).dtype
    return sys.modules["pandas"].Series([cell] * n, index=column.index, dtype=dtype)


def _same(left: Any, right: Any) -> bool:
    """Return whether two values are equal, including all values inside them.

    NaN equals NaN.
    """
    if left is right or type(left) is not type(right):
        return left is right
    if isinstance(left, np.ndarray):
        alike = left.dtype == right.dtype and left.shape == right.shape
        if left.dtype.kind == "O" or left.dtype.names:
            return alike and _same(left.tolist(), right.tolist())
        alike = alike and np.array_equal(np.ma.getmaskarray(left), np.ma.getmaskarray(right))
        cells, others = np.ma.getdata(left), np.ma.getdata(right)
        equal_nan = left.dtype.kind in "fcmM"
        return alike and bool(np.array_equal(cells, others, equal_nan=equal_nan))
    if isinstance(left, Mapping):
        return list(left) == list(right) and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    kind = kind_of(left)
    if kind in ("pandas", "pandas column", "polars", "polars column", "arrow", "arrow column"):
        with suppress_errors():  # values that pandas can't compare
            if left.equals(right):
                return True
        columns = range(left.shape[1]) if kind == "pandas" else ()
        pairs = ((left.iloc[:, i].to_numpy(), right.iloc[:, i].to_numpy()) for i in columns)
        return kind == "pandas" and all(_same(cells, others) for cells, others in pairs)
    with suppress_errors():
        # Compare objects by their attributes if their class does not define `==`.
        if getattr(type(left), "__eq__", None) is _IDENTITY:
            return _same(getattr(left, "__dict__", None), getattr(right, "__dict__", None))
        return bool(left == right) or bool(left != left and right != right)  # noqa: PLR0124
    return True  # values that can't be compared count as equal


_IDENTITY: Any = object.__eq__
