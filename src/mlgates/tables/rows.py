"""Rows of features as a model gets them: taken, copied, varied and compared in their own container.

One file because each class is the same few operations for one kind of container. pandas and polars
are told by the module of a type; they are used, never imported to find out.
"""

import copy
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables.containers import is_instance_of

__all__ = ["UNSEEN", "Rows", "rows_like"]

#: a category that no model has seen
UNSEEN = "mlgates: a category never seen"


class Rows:
    """Rows in a container; this one knows lists and tuples of rows.

    Parameters
    ----------
    value : object
        The container.

    Examples
    --------
    >>> rows_like([[1, "a"], [2, "b"]]).take([1])
    [[2, 'b']]
    """

    #: whether columns have names, so that their order need not matter
    named: ClassVar[bool] = False

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.value)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, or their numbers; none where rows have no columns."""
        return ()

    def take(self, where: Any) -> Any:
        """Return the rows at these positions, in a container of the same kind."""
        return type(self.value)(self.value[i] for i in where)

    def copy(self) -> Any:
        """Return a copy that shares nothing that can be changed."""
        return _deep(self.value)

    def differences(self, other: Any) -> tuple[str, ...]:
        """Return what of another container differs from this one; nothing when all is equal."""
        return () if _same(self.value, other) else ("cells",)

    def is_text(self, column: int) -> bool:
        """Whether a column holds texts or categories."""
        del column
        return False

    def missing(self, column: int) -> Any:
        """Return the same rows with a column missing in all of them; None where it can't be."""
        del column

    def unseen(self, column: int) -> Any:
        """Return the same rows with an unseen category in a column; None if none can."""
        del column

    def reordered(self, order: Sequence[int]) -> Any:
        """Return the same rows with their columns in another order; as they are without columns."""
        del order
        return self.value


class _Records(Rows):
    """A list of dicts, or of equally long rows."""

    @property
    def named(self) -> bool:  # type: ignore[override]
        return isinstance(self._first, dict)

    @property
    def _first(self) -> Any:
        return self.value[0] if len(self.value) else ()

    @property
    def _keys(self) -> list[Any]:
        first = self._first
        return list(first) if isinstance(first, dict) else list(range(len(first)))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(key) for key in self._keys)

    def is_text(self, column: int) -> bool:
        key = self._keys[column]
        return _all_text([_cell(row, key) for row in self.value])

    def missing(self, column: int) -> Any:
        return self._with(column, None)

    def unseen(self, column: int) -> Any:
        return self._with(column, UNSEEN)

    def reordered(self, order: Sequence[int]) -> Any:
        keys = self._keys
        rows = [{keys[i]: row[keys[i]] for i in order if keys[i] in row} for row in self.value]
        return type(self.value)(rows)

    def _with(self, column: int, cell: object) -> Any:
        key = self._keys[column]
        return type(self.value)(_replaced(row, key, cell) for row in self.value)


class _Columns(Rows):
    """A dict of columns."""

    named = True

    @property
    def n(self) -> int:
        return min((_part(v).n for v in self.value.values()), default=0)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.value)

    def take(self, where: Any) -> Any:
        return {name: _part(column).take(where) for name, column in self.value.items()}

    def differences(self, other: Any) -> tuple[str, ...]:
        if list(self.value) != list(other):
            return ("columns",)
        changed = [_part(self.value[name]).differences(other[name]) for name in self.value]
        return _once(part for parts in changed for part in parts)

    def is_text(self, column: int) -> bool:
        cells = list(self.value.values())[column]
        cells = cells.tolist() if hasattr(cells, "tolist") else list(cells)
        return _all_text(cells)

    def missing(self, column: int) -> Any:
        return self._with(column, None)

    def unseen(self, column: int) -> Any:
        return self._with(column, UNSEEN)

    def _with(self, column: int, cell: object) -> Any:
        name = list(self.value)[column]
        old = self.value[name]
        if not isinstance(old, list | tuple | np.ndarray):
            return None
        new: Any = [cell] * len(old)
        if isinstance(old, np.ndarray):
            kind = np.float64 if cell is None and old.dtype.kind in "iuf" else object
            new = np.array(new, dtype=kind)
        return {**self.value, name: new}

    def reordered(self, order: Sequence[int]) -> Any:
        names = list(self.value)
        return {names[i]: self.value[names[i]] for i in order}


class _Array(Rows):
    """A numpy array of one or more dimensions."""

    @property
    def names(self) -> tuple[str, ...]:
        two = self.value.ndim == 2
        return tuple(str(i) for i in range(self.value.shape[1])) if two else ()

    def take(self, where: Any) -> Any:
        return self.value[np.asarray(where, dtype=np.intp)]

    def copy(self) -> Any:
        return _deep(self.value)

    def differences(self, other: Any) -> tuple[str, ...]:
        before = self.value
        if type(before) is not type(other) or before.shape != other.shape:
            return ("shape",)
        if before.dtype != other.dtype:
            return ("types",)
        return () if _same_cells(before, other) else ("cells",)

    def is_text(self, column: int) -> bool:
        kind = self.value.dtype.kind
        return kind == "U" or (kind == "O" and _all_text(self.value[:, column].tolist()))

    def missing(self, column: int) -> Any:
        dtype = self.value.dtype
        if dtype.kind not in "iufOmM":
            return None
        # an array of integers that had a gap would have come as floats
        rows = self.value.astype(np.float64) if dtype.kind in "iu" else self.copy()
        empty = {"O": None, "m": np.timedelta64("NaT"), "M": np.datetime64("NaT")}
        rows[:, column] = empty.get(dtype.kind, np.nan)
        return rows

    def unseen(self, column: int) -> Any:
        wide = self.value.dtype.kind == "U"
        rows = self.value.astype(f"<U{max(len(UNSEEN), 64)}") if wide else self.copy()
        rows[:, column] = UNSEEN
        return rows


class _Sparse(Rows):
    """A sparse matrix of scipy."""

    @property
    def n(self) -> int:
        return int(self.value.shape[0])

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(i) for i in range(self.value.shape[1]))

    def take(self, where: Any) -> Any:
        rows = self.value.tocsr()[np.asarray(where, dtype=np.intp)]
        return rows.asformat(self.value.format)

    def copy(self) -> Any:
        return self.value.copy()

    def differences(self, other: Any) -> tuple[str, ...]:
        before = self.value
        if type(before) is not type(other) or before.shape != other.shape:
            return ("shape",)
        if before.dtype != other.dtype:
            return ("types",)
        left, right = before.tocoo(), other.tocoo()
        pairs = ((left.row, right.row), (left.col, right.col), (left.data, right.data))
        return () if all(_same_cells(a, b) for a, b in pairs) else ("cells",)

    def missing(self, column: int) -> Any:
        rows = self.value.astype(np.float64).tolil()
        rows[:, column] = np.nan
        return rows.asformat(self.value.format)


class _Frame(Rows):
    """A pandas DataFrame."""

    named = True

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.value.columns)

    def take(self, where: Any) -> Any:
        # (a copy of its own: pandas 2 warns whoever writes to what it took for a part)
        return self.value.iloc[np.asarray(where, dtype=np.intp)].copy()

    def copy(self) -> Any:
        rows = self.value.copy(deep=True)
        for i, dtype in enumerate(rows.dtypes):
            if dtype.kind == "O" and isinstance(dtype, np.dtype):
                rows.isetitem(i, _series(rows.iloc[:, i], _deep(rows.iloc[:, i].to_numpy())))
        rows.columns = rows.columns.copy()
        rows.index = rows.index.copy()
        return rows

    def differences(self, other: Any) -> tuple[str, ...]:
        before = self.value
        if type(before) is not type(other):
            return ("type",)
        found = []
        if not _same_labels(before.columns, other.columns):
            found.append("columns")
        if not _same_labels(before.index, other.index):
            found.append("index")
        if not found and list(before.dtypes) != list(other.dtypes):
            found.append("types")
        if not found and not _equal_frames(before, other):
            found.append("cells")
        if before.attrs != other.attrs:
            found.append("attributes")
        return tuple(found)

    def is_text(self, column: int) -> bool:
        return _is_text(self.value.iloc[:, column])

    def missing(self, column: int) -> Any:
        old = self.value.iloc[:, column]
        dtype = old.dtype
        if isinstance(dtype, np.dtype):
            dtype = np.dtype({"i": "f8", "u": "f8", "b": "O"}.get(dtype.kind, dtype))
        return self._with(column, None, dtype)

    def unseen(self, column: int) -> Any:
        old = self.value.iloc[:, column]
        dtype = old.dtype
        if is_instance_of(dtype, "pandas", "CategoricalDtype"):
            dtype = old.cat.add_categories([UNSEEN]).dtype
        return self._with(column, UNSEEN, dtype)

    def _with(self, column: int, cell: object, dtype: Any) -> Any:
        rows = self.copy()
        pandas = sys.modules["pandas"]
        with suppress(TypeError, ValueError):
            new = pandas.Series([cell] * len(rows), index=rows.index, dtype=dtype)
            rows.isetitem(column, new)
            return rows
        return None

    def reordered(self, order: Sequence[int]) -> Any:
        return self.value.iloc[:, list(order)]


class _Series(Rows):
    """A pandas Series: a row is one cell."""

    def take(self, where: Any) -> Any:
        return self.value.iloc[np.asarray(where, dtype=np.intp)]

    def copy(self) -> Any:
        if self.value.dtype == object:
            return _series(self.value, _deep(self.value.to_numpy()))
        return self.value.copy(deep=True)

    def differences(self, other: Any) -> tuple[str, ...]:
        if type(self.value) is not type(other):
            return ("type",)
        return _Frame(self.value.to_frame("x")).differences(other.to_frame("x"))


class _Polars(Rows):
    """A polars DataFrame."""

    named = True

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.value.columns)

    def take(self, where: Any) -> Any:
        return self.value[[int(i) for i in where]]

    def copy(self) -> Any:
        return self.value.clone()

    def differences(self, other: Any) -> tuple[str, ...]:
        if type(self.value) is not type(other):
            return ("type",)
        if self.value.schema != other.schema or self.value.columns != other.columns:
            return ("columns",)
        return () if self.value.equals(other) else ("cells",)

    def is_text(self, column: int) -> bool:
        return str(self.value.dtypes[column]).partition("(")[0] in {"String", "Categorical"}

    def missing(self, column: int) -> Any:
        return self._with(column, None)

    def unseen(self, column: int) -> Any:
        return self._with(column, UNSEEN)

    def _with(self, column: int, cell: object) -> Any:
        polars = sys.modules["polars"]
        name, dtype = self.value.columns[column], self.value.dtypes[column]
        return self.value.with_columns(polars.lit(cell).cast(dtype).alias(name))

    def reordered(self, order: Sequence[int]) -> Any:
        return self.value.select([self.value.columns[i] for i in order])


class _Arrow(Rows):
    """An Arrow table or batch; nobody can change it."""

    named = True

    @property
    def n(self) -> int:
        return int(self.value.num_rows)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.value.schema.names)

    def take(self, where: Any) -> Any:
        return self.value.take(pa.array(where, type=pa.int64()))

    def copy(self) -> Any:
        return self.value

    def differences(self, other: Any) -> tuple[str, ...]:
        return () if other is self.value or self.value.equals(other) else ("cells",)

    def is_text(self, column: int) -> bool:
        kind = self.value.schema.field(column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    def missing(self, column: int) -> Any:
        kind = self.value.schema.field(column).type
        return self._with(column, pa.nulls(self.n, kind))

    def unseen(self, column: int) -> Any:
        kind = self.value.schema.field(column).type
        cells = pa.array([UNSEEN] * self.n)
        with suppress(pa.ArrowException):
            encoded = pa.types.is_dictionary(kind)
            return self._with(column, cells.dictionary_encode() if encoded else cells.cast(kind))
        return None

    def _with(self, column: int, cells: Any) -> Any:
        arrays = list(self.value.columns)
        arrays[column] = cells
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

    Raises
    ------
    EvidenceError
        For what holds no rows in memory that could be taken one by one.
    """
    if request:
        return _Request(value)
    for package, name, kind in _KINDS:
        if is_instance_of(value, package, name):
            return kind(value)
    if isinstance(value, np.ndarray) and value.ndim:
        return _Array(value)
    if isinstance(value, Mapping):
        sizes = {_part(column).n for column in value.values()}
        if len(sizes) > 1:
            msg = f"its columns have from {min(sizes):,} to {max(sizes):,} rows"
            raise EvidenceError(msg)
        return _Columns(value)
    if isinstance(value, list | tuple):
        first = value[0] if value else None
        columns = isinstance(first, dict | list | tuple)
        return _Records(value) if columns else Rows(value)
    kind_of = type(value).__name__
    wanted = "a data frame, a table, an array, a sparse matrix, a list or a dict of columns"
    msg = f"a value of type {kind_of} has no rows to take one by one; give {wanted}"
    raise EvidenceError(msg)


_KINDS: tuple[tuple[str, str, type[Rows]], ...] = (
    ("pandas", "DataFrame", _Frame),
    ("pandas", "Series", _Series),
    ("polars", "DataFrame", _Polars),
    ("pyarrow", "Table", _Arrow),
    ("pyarrow", "RecordBatch", _Arrow),
    ("scipy", "_spbase", _Sparse),
)


def _part(column: Any) -> Rows:
    return rows_like(column)


def _deep(value: Any) -> Any:
    """Return a deep copy; what can't be copied is shared."""
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  (locks, open files, whatever a class of the user's raises)
        return copy.copy(value)


def _series(old: Any, cells: Any) -> Any:
    made = sys.modules["pandas"].Series(cells, index=old.index, name=old.name, dtype=object)
    made.attrs = dict(old.attrs)
    return made


def _cell(row: Any, key: Any) -> Any:
    return row.get(key) if isinstance(row, dict) else row[key]


def _replaced(row: Any, key: Any, cell: object) -> Any:
    if isinstance(row, dict):
        return {**row, key: cell}
    cells = list(row)
    cells[key] = cell
    return type(row)(cells) if type(row) in (list, tuple) else cells


def _all_text(cells: list[Any]) -> bool:
    known = [cell for cell in cells if cell is not None and cell == cell]  # noqa: PLR0124
    return bool(known) and all(isinstance(cell, str) for cell in known)


def _is_text(series: Any) -> bool:
    if is_instance_of(series.dtype, "pandas", "CategoricalDtype"):
        return _all_text(series.cat.categories.tolist())
    if isinstance(series.dtype, np.dtype):
        return series.dtype == object and _all_text(series.dropna().tolist())
    return str(series.dtype).startswith(("str", "string", "large_string"))


def _same_labels(left: Any, right: Any) -> bool:
    return bool(
        type(left) is type(right) and left.equals(right) and list(left.names) == list(right.names)
    )


def _equal_frames(left: Any, right: Any) -> bool:
    with suppress(Exception):  # cells that can't be compared by pandas
        if left.equals(right):
            return True
    columns = range(left.shape[1])
    return all(
        _same_cells(left.iloc[:, i].to_numpy(), right.iloc[:, i].to_numpy()) for i in columns
    )


def _same_cells(left: Any, right: Any) -> bool:
    if left.dtype.kind == "O" or left.dtype.names:
        return left.shape == right.shape and _same(left.tolist(), right.tolist())
    masks = np.array_equal(np.ma.getmaskarray(left), np.ma.getmaskarray(right))
    left, right = np.ma.getdata(left), np.ma.getdata(right)
    nan = left.dtype.kind in "fcmM"
    return masks and bool(np.array_equal(left, right, equal_nan=nan))


def _same(left: Any, right: Any) -> bool:
    """Whether two values are equal all the way down; a NaN equals itself."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and _same_cells(left, right)
    if isinstance(left, Mapping):
        return list(left) == list(right) and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(_same, left, right))
    return _same_value(left, right)


def _same_value(left: Any, right: Any) -> bool:
    try:
        if getattr(type(left), "__eq__", None) is _IDENTITY:  # equal to nothing but itself
            return _same(getattr(left, "__dict__", None), getattr(right, "__dict__", None))
        return bool(left == right) or bool(left != left and right != right)  # noqa: PLR0124
    except Exception:  # noqa: BLE001  (a value that can't be compared was copied, not changed)
        return True


_IDENTITY: Any = object.__eq__


def _once(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
