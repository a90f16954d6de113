"""Rows of features as a model takes them: taken, copied, varied and compared in their container.

Each class has the operations that one kind of container does in its own way; pandas and polars are
used, never imported.
"""

import copy
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables.containers import column_at, is_instance_of, kind_of, names_of_columns
from mlgates.tables.engines import collected
from mlgates.tables.objects import is_missing
from mlgates.tables.source import as_source, in_memory

__all__ = ["UNSEEN", "Rows", "rows_like"]

#: a category that no model has seen
UNSEEN = "mlgates: a category never seen"


class Rows:
    """Rows in a container; this class is for lists and tuples of rows without columns.

    Examples
    --------
    >>> rows_like([[1, "a"], [2, "b"]]).take([1])
    [[2, 'b']]
    """

    #: whether columns have names, so that their order need not matter
    named = False

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.value)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns; none where rows have no columns."""
        return tuple(str(name) for name in names_of_columns(self.value) or ())

    def take(self, where: Any) -> Any:
        """Return the rows at these positions, in a container of the same kind."""
        return type(self.value)(self.value[i] for i in where)

    def copy(self) -> Any:
        """Return a copy that shares nothing that can be changed."""
        return _deep_copy(self.value)

    def parts(self, value: Any) -> dict[str, Any]:
        """Return the parts of a container that a model could change, by name."""
        return {"cells": value}

    def differences(self, other: Any) -> tuple[str, ...]:
        """Return the parts in which another container differs, like "cells"; of some, the first."""
        if type(self.value) is not type(other):
            return ("type",)
        before, after = self.parts(self.value), self.parts(other)
        found: list[str] = []
        for part, value in before.items():
            only_alone = part in ("types", "cells")  # they differ where columns or rows do
            if not (only_alone and found) and not _same(value, after[part]):
                found.append(part)
        return tuple(found)

    def column(self, i: int) -> Any:
        """Return the cells of a column, in a container of their own."""
        return column_at(self.value, i)

    def with_column(self, i: int, cells: Any) -> Any:
        """Return the same rows with other cells in a column."""
        raise NotImplementedError

    def is_text(self, column: int) -> bool:
        """Return whether a column holds texts or categories."""
        return _is_text(self.column(column))

    def missing(self, column: int) -> Any:
        """Return the same rows with a column missing in all of them; None where it can't be."""
        return self._constant(column, None)

    def unseen(self, column: int) -> Any:
        """Return the same rows with an unseen category in a column; None if none can."""
        return self._constant(column, UNSEEN)

    def _constant(self, column: int, cell: str | None) -> Any:
        with suppress(TypeError, ValueError, pa.ArrowException):
            return self.with_column(column, _constant_like(self.column(column), cell))
        return None

    def reordered(self, order: Sequence[int]) -> Any:
        """Return the same rows with their columns in another order, where they have names."""
        del order
        return self.value


class _Records(Rows):
    """A list of dicts, or of equally long rows."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        first = value[0] if len(value) else ()
        self.named = isinstance(first, dict)
        self._keys: list[Any] = list(first) if self.named else list(range(len(first)))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(key) for key in self._keys)

    def column(self, i: int) -> Any:
        key = self._keys[i]
        return [row.get(key) if isinstance(row, dict) else row[key] for row in self.value]

    def with_column(self, i: int, cells: Any) -> Any:
        rows: list[Any] = []
        for row, cell in zip(self.value, cells, strict=True):
            items = {**row} if isinstance(row, dict) else list(row)
            items[self._keys[i]] = cell
            rows.append(tuple(items) if type(row) is tuple else items)
        return type(self.value)(rows)

    def reordered(self, order: Sequence[int]) -> Any:
        keys = [self._keys[i] for i in order]
        return type(self.value)({key: row[key] for key in keys if key in row} for row in self.value)


class _Columns(Rows):
    """A dict of columns."""

    named = True

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self._columns = {name: _rows_in_memory(column) for name, column in value.items()}
        sizes = {column.n for column in self._columns.values()}
        if len(sizes) > 1:
            msg = f"its columns have from {min(sizes):,} to {max(sizes):,} rows"
            raise EvidenceError(msg)
        self._n = max(sizes, default=0)

    @property
    def n(self) -> int:
        return self._n

    def take(self, where: Any) -> Any:
        return {name: column.take(where) for name, column in self._columns.items()}

    def differences(self, other: Any) -> tuple[str, ...]:
        if list(self.value) != list(other):
            return ("columns",)
        parts = [column.differences(other[name]) for name, column in self._columns.items()]
        return tuple(dict.fromkeys(part for of_column in parts for part in of_column))

    def with_column(self, i: int, cells: Any) -> Any:
        return {**self.value, list(self.value)[i]: cells}

    def reordered(self, order: Sequence[int]) -> Any:
        names = list(self.value)
        return {names[i]: self.value[names[i]] for i in order}


class _Array(Rows):
    """A numpy array of one or more dimensions; the fields of a structured one are its columns."""

    def __init__(self, value: Any) -> None:
        super().__init__(value)
        self.named = bool(value.dtype.names) and value.ndim == 1

    def take(self, where: Any) -> Any:
        return self.value[np.asarray(where, dtype=np.intp)]

    def parts(self, value: Any) -> dict[str, Any]:
        return {"shape": value.shape, "types": value.dtype, "cells": value}

    def with_column(self, i: int, cells: Any) -> Any:
        if self.named:
            return self._rebuilt({**{n: self.value[n] for n in self.names}, self.names[i]: cells})
        if cells.dtype.kind in "OU" and cells.dtype.kind != self.value.dtype.kind:
            raise TypeError  # all columns would become texts or objects
        # integers become floats, as in an array that had a gap; texts become wider
        rows = self.value.astype(np.result_type(self.value, cells))
        rows[:, i] = cells.reshape(rows[:, i].shape)  # (a column of np.matrix has two dimensions)
        return rows

    def reordered(self, order: Sequence[int]) -> Any:
        if not self.named:
            return self.value
        return self._rebuilt({self.names[i]: self.value[self.names[i]] for i in order})

    def _rebuilt(self, columns: Mapping[str, Any]) -> Any:
        dtype = [(name, cells.dtype) for name, cells in columns.items()]
        rows = np.empty(self.n, dtype=dtype).view(type(self.value))
        for name, cells in columns.items():
            rows[name] = cells
        return rows


class _Sparse(Rows):
    """A sparse matrix of scipy."""

    @property
    def n(self) -> int:
        return int(self.value.shape[0])

    def take(self, where: Any) -> Any:
        rows = self.value.tocsr()[np.asarray(where, dtype=np.intp)]
        return rows.asformat(self.value.format)

    def parts(self, value: Any) -> dict[str, Any]:
        cells = value.tocoo()
        entries = (cells.row, cells.col, cells.data)
        return {"shape": value.shape, "types": value.dtype, "cells": entries}

    def with_column(self, i: int, cells: Any) -> Any:
        if cells.dtype.kind != "f":
            raise TypeError
        rows = self.value.astype(np.float64).tolil()
        rows[:, i] = cells.reshape(-1, 1)
        return rows.asformat(self.value.format)


class _Frame(Rows):
    """A pandas DataFrame."""

    named = True

    def take(self, where: Any) -> Any:
        # (a copy of its own: pandas 2 warns users who write to a part of another frame)
        return self.value.iloc[np.asarray(where, dtype=np.intp)].copy()

    def copy(self) -> Any:
        rows = self.value.copy(deep=True)
        for i, dtype in enumerate(rows.dtypes):
            if dtype.kind == "O" and isinstance(dtype, np.dtype):
                rows.isetitem(i, _Series(rows.iloc[:, i]).copy())
        rows.columns = rows.columns.copy()
        rows.index = rows.index.copy()
        return rows

    def parts(self, value: Any) -> dict[str, Any]:
        columns, index = value.columns, value.index
        return {
            "columns": (columns, list(columns.names)),
            "index": (index, list(index.names)),
            "types": list(value.dtypes),
            "cells": value,
            "attributes": value.attrs,
        }

    def with_column(self, i: int, cells: Any) -> Any:
        rows = self.copy()
        rows.isetitem(i, cells)
        return rows

    def reordered(self, order: Sequence[int]) -> Any:
        return self.value.iloc[:, list(order)]


class _Series(Rows):
    """A pandas Series: a row is one cell."""

    def take(self, where: Any) -> Any:
        return self.value.iloc[np.asarray(where, dtype=np.intp)]

    def copy(self) -> Any:
        old = self.value
        if old.dtype != object:
            return old.copy(deep=True)
        cells = _deep_copy(old.to_numpy())
        new = sys.modules["pandas"].Series(cells, index=old.index, name=old.name, dtype=object)
        new.attrs = dict(old.attrs)
        return new

    def parts(self, value: Any) -> dict[str, Any]:
        return _Frame.parts(self, value.to_frame("x"))  # type: ignore[arg-type]


class _Polars(Rows):
    """A polars DataFrame, or a LazyFrame, which is run once to take rows of it."""

    named = True

    def __init__(self, value: Any) -> None:
        self._is_lazy = kind_of(value) == "lazy"
        self._frame = collected(value) if self._is_lazy else value
        super().__init__(self._like(self._frame))

    def _like(self, frame: Any) -> Any:
        return frame.lazy() if self._is_lazy else frame

    @property
    def n(self) -> int:
        return int(self._frame.height)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._frame.columns)

    def take(self, where: Any) -> Any:
        return self._like(self._frame[[int(i) for i in where]])

    def copy(self) -> Any:
        return self.value.clone()

    def parts(self, value: Any) -> dict[str, Any]:
        frame = collected(value) if self._is_lazy else value
        return {"columns": list(frame.schema.items()), "cells": frame}

    def column(self, i: int) -> Any:
        return self._frame.to_series(i)

    def with_column(self, i: int, cells: Any) -> Any:
        return self._like(self._frame.with_columns(cells.alias(self.names[i])))

    def reordered(self, order: Sequence[int]) -> Any:
        return self._like(self._frame.select([self.names[i] for i in order]))


class _PolarsSeries(Rows):
    """A polars Series: a row is one cell."""

    def take(self, where: Any) -> Any:
        return self.value[[int(i) for i in where]]

    def parts(self, value: Any) -> dict[str, Any]:
        return {"types": value.dtype, "cells": value}


class _Arrow(Rows):
    """An Arrow table, batch or array, none of which can be changed."""

    named = True

    @property
    def n(self) -> int:
        return int(self.value.num_rows) if names_of_columns(self.value) else len(self.value)

    def take(self, where: Any) -> Any:
        return self.value.take(pa.array(where, type=pa.int64()))

    def copy(self) -> Any:
        return self.value

    def with_column(self, i: int, cells: Any) -> Any:
        arrays = list(self.value.columns)
        arrays[i] = cells
        return type(self.value).from_arrays(arrays, names=list(self.names))

    def reordered(self, order: Sequence[int]) -> Any:
        return self.value.select(list(order))


class _Request(Rows):
    """One request to an application: any value."""

    @property
    def n(self) -> int:
        return 1


def rows_like(value: Any, *, request: bool = False) -> Rows:
    """Return the operations on rows for a container; `request` for one raw request.

    Files, DuckDB relations and streams are read into an Arrow table. Raises EvidenceError for
    values without rows that could be taken one by one.
    """
    if request:
        return _Request(value)
    table = in_memory(value, lambda: as_source(value))
    return _rows_in_memory(as_source(table).whole() if kind_of(table) == "stream" else table)


def _rows_in_memory(value: Any) -> Rows:
    kind = kind_of(value)
    if kind == "sequence":
        has_columns = bool(value) and isinstance(value[0], dict | list | tuple)
        return _Records(value) if has_columns else Rows(value)
    without_rows = (kind == "numpy" and not value.ndim) or (
        kind == "pandas column" and not is_instance_of(value, "pandas", "Series")
    )
    if kind in _ROWS_OF_KIND and not without_rows:
        return _ROWS_OF_KIND[kind](value)
    wanted = "a data frame, a table, an array, a sparse matrix, a list or a dict of columns"
    msg = f"a value of type {type(value).__name__} has no rows to take one by one; give {wanted}"
    raise EvidenceError(msg)


_ROWS_OF_KIND: Mapping[str, type[Rows]] = {
    "pandas": _Frame,
    "pandas column": _Series,
    "polars": _Polars,
    "polars column": _PolarsSeries,
    "lazy": _Polars,
    "arrow": _Arrow,
    "arrow column": _Arrow,
    "numpy": _Array,
    "mapping": _Columns,
    "sparse": _Sparse,
}


def _constant_like(column: Any, cell: str | None) -> Any:
    """Return a column of the same kind and type with the same cell in each row.

    Raises TypeError, ValueError or ArrowException if its type can't hold that cell.
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


def _is_text(column: Any) -> bool:
    """Return whether a column holds nothing but texts, or is of a type for them."""
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


def _deep_copy(value: Any) -> Any:
    """Return a deep copy; objects that can't be copied are shared."""
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  (locks, open files, errors of a user's class)
        return copy.copy(value)


def _same(left: Any, right: Any) -> bool:
    """Return whether two values are equal all the way down; a NaN equals itself."""
    if left is right or type(left) is not type(right):
        return left is right
    if isinstance(left, np.ndarray):
        return _same_arrays(left, right)
    if isinstance(left, Mapping):
        return list(left) == list(right) and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    kind = kind_of(left)
    if kind in ("pandas", "pandas column", "polars", "polars column", "arrow", "arrow column"):
        with suppress(Exception):  # cells that pandas can't compare
            if left.equals(right):
                return True
        columns = range(left.shape[1]) if kind == "pandas" else ()
        pairs = ((left.iloc[:, i].to_numpy(), right.iloc[:, i].to_numpy()) for i in columns)
        return kind == "pandas" and all(_same(cells, others) for cells, others in pairs)
    try:
        # objects of a class without `==` of its own are compared by their attributes
        if getattr(type(left), "__eq__", None) is _IDENTITY:
            return _same(getattr(left, "__dict__", None), getattr(right, "__dict__", None))
        return bool(left == right) or bool(left != left and right != right)  # noqa: PLR0124
    except Exception:  # noqa: BLE001  (a value that can't be compared was copied, not changed)
        return True


def _same_arrays(left: Any, right: Any) -> bool:
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype.kind == "O" or left.dtype.names:
        return _same(left.tolist(), right.tolist())
    masks = np.array_equal(np.ma.getmaskarray(left), np.ma.getmaskarray(right))
    cells, others = np.ma.getdata(left), np.ma.getdata(right)
    return masks and bool(np.array_equal(cells, others, equal_nan=left.dtype.kind in "fcmM"))


_IDENTITY: Any = object.__eq__
