"""One value a row, from whatever holds it, as Arrow; and where the rows are named, by what index.

Nothing is reshaped but ``(n, 1)``, nothing is cast, and nothing is read that can be read only once.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.tables import encoding
from mlgates.tables.containers import from_sequence, is_instance_of
from mlgates.tables.field import Field
from mlgates.tables.objects import UNCONVERTIBLE

__all__ = [
    "NUMBERS",
    "Column",
    "Rows",
    "as_array",
    "as_column",
    "columns_of",
    "index_of",
    "is_table",
    "same_rows",
]

#: Kinds of columns whose values are numbers; True is 1.
NUMBERS = frozenset({"bool", "int", "float", "decimal"})
_ONE_EACH = "give one value a row: a 1-D array, a Series, an Arrow array or a list"


class Rows(Protocol):
    """Whatever has a value a row: what messages call it, how many, and the names of the rows."""

    @property
    def said(self) -> str:
        """What messages call it."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def index(self) -> Any:
        """A pandas index, or None."""


@dataclass(frozen=True, eq=False)
class Column:
    """One value a row.

    Parameters
    ----------
    said : str
        What messages call it: ``"`y_true`"``.
    array : pyarrow.ChunkedArray
        Its values, in plain types.
    field : Field
        What they are.
    index : pandas.Index, optional
        The names of the rows.
    declares : bool
        Whether its dictionary is a declaration: a category without rows is still a category.

    Examples
    --------
    >>> column = as_column("`y_true`", [1, None, 0])
    >>> column.rows, column.field.kind, column.missing.tolist()
    (3, 'int', [False, True, False])
    """

    said: str
    array: pa.ChunkedArray
    field: Field
    index: Any = None
    declares: bool = False

    @property
    def rows(self) -> int:
        """Number of rows, missing ones too."""
        return len(self.array)

    @cached_property
    def missing(self) -> npt.NDArray[np.bool_] | None:
        """Which rows are null or NaN; None when none is."""
        if self.field.kind == "float":
            mask = np.isnan(self.floats)
        elif self.array.null_count or pa.types.is_dictionary(self.array.type):
            mask = encoding.is_null(encoding.decode(self.array))
        else:
            return None
        return mask if mask.any() else None

    @cached_property
    def floats(self) -> npt.NDArray[np.float64]:
        """Numbers as float64, NaN where they are missing."""
        plain = encoding.decode(self.array)
        if self.field.kind == "decimal":
            found = np.full(len(plain), np.nan)
            found[~encoding.is_null(plain)] = encoding.to_doubles(plain)
            return found
        if self.field.kind == "null":
            return np.full(len(plain), np.nan)
        if self.field.kind == "bool":
            plain = plain.cast(pa.int8())
        return np.asarray(encoding.to_floats(pc.cast(plain, pa.float64(), safe=False)), np.float64)


def as_column(said: str, value: object) -> Column:
    """Return one value a row of whatever holds it.

    Parameters
    ----------
    said : str
        What messages call it.
    value : object
        A 1-D or (n, 1) array, a Series, an Arrow array, a list, a tuple, or a table of one column.

    Raises
    ------
    EvidenceError
        For what is no such thing, or holds what can't be read.

    Examples
    --------
    >>> as_column("`y_pred`", np.zeros((3, 1))).rows
    3
    >>> as_column("`y_pred`", np.zeros((1, 3)))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `y_pred` has shape (1, 3): give one value a row, such as .ravel()
    """
    index, values = index_of(value), _named_intervals(_one(said, value))
    try:
        array, field = from_sequence(said.strip("`"), _dictionary(values))
    except UNCONVERTIBLE as error:
        if isinstance(error, EvidenceError):
            raise
        msg = f"{said} can't be read: {type(error).__name__}; {_ONE_EACH}"
        raise EvidenceError(msg) from None
    if field.kind == "nested":
        msg = f"{said} holds lists or dicts; {_ONE_EACH}"
        raise EvidenceError(msg)
    if field.problem is not None:
        numbers = _unmixed(values) if field.type.startswith("mixed") else None
        if numbers is None:
            raise EvidenceError(_problem(said, field.problem))
        return Column(said, *from_sequence(said, numbers), index)
    return Column(said, array, field, index, _declares(values))


def _problem(said: str, problem: str) -> str:
    """Return what is wrong with a column, called by its name as evidence."""
    return problem.replace(f"column {said.strip('`')!r}", said, 1)


def _named_intervals(values: Any) -> Any:
    """Return the intervals of pandas, which `pandas.cut` gives, by their names."""
    dtype = getattr(values, "dtype", None)
    if is_instance_of(dtype, "pandas", "IntervalDtype"):
        names = np.array(values.astype(str), object)
        names[np.asarray(values.isna())] = None
        return names
    kinds = getattr(getattr(dtype, "categories", None), "dtype", None)
    if is_instance_of(kinds, "pandas", "IntervalDtype"):
        return getattr(values, "cat", values).rename_categories(str)
    return values


def _dictionary(values: Any) -> Any:
    """Return texts of fixed width as a dictionary, eight times as fast as text by text."""
    texts = type(values) is np.ndarray and values.dtype.kind == "U" and values.dtype.isnative
    if not texts or not values.itemsize or not len(values):
        return values
    width, buffer = values.itemsize, pa.py_buffer(np.ascontiguousarray(values))
    cells = pa.Array.from_buffers(pa.binary(width), len(values), [None, buffer])
    encoded = cells.dictionary_encode()
    distinct = np.frombuffer(b"".join(encoded.dictionary.to_pylist()), values.dtype)
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(distinct.tolist(), pa.string()))


def _unmixed(values: Any) -> list[Any] | None:
    """Return numbers of several types as of one, bools as 0 and 1; None for anything else."""
    cells = list(values)
    kinds = {type(cell) for cell in cells}
    numbers = (bool, int, float, Decimal, np.bool_, np.integer, np.floating)
    missing = {kind for kind in kinds if kind.__name__ in ("NoneType", "NAType", "NaTType")}
    if not all(issubclass(kind, numbers) for kind in kinds - missing):
        return None
    exact = Decimal in kinds and not any(issubclass(kind, float | np.floating) for kind in kinds)
    plain = {kind: Decimal if exact and issubclass(kind, int) else kind for kind in kinds}
    plain |= {kind: float for kind in kinds if Decimal in kinds and not exact and kind is Decimal}
    bools = {kind for kind in kinds if issubclass(kind, bool | np.bool_)}
    return [
        None
        if type(cell) in missing
        else int(cell)
        if type(cell) in bools
        else plain[type(cell)](cell)
        for cell in cells
    ]


def _one(said: str, value: Any) -> Any:
    """Return one value a row in a container that `from_sequence` reads."""
    _refuse_unfit(said, value)
    if is_table(value):
        inside = columns_of(said, value)
        if len(inside) != 1:
            few = ", ".join(map(repr, list(inside)[:5]))
            msg = f"{said} is a table of {len(inside)} columns ({few}): give one of them"
            raise EvidenceError(msg)
        (value,) = inside.values()
        return _one(said, value)
    if isinstance(value, list | tuple):
        return _of_rows(value)
    if isinstance(value, Sequence) or _reads(value):
        return value
    array = as_array(said, value)
    if array.ndim == 2 and array.shape[1] == 1:
        return array.reshape(-1)
    if array.ndim != 1:
        shape = "x".join(map(str, array.shape))
        told = f"has shape {array.shape}" if array.ndim else "is a single value"
        hint = ""
        if array.ndim == 2 and array.shape[0] == 1:
            hint = ", such as .ravel()"
        elif array.ndim == 2:
            hint = f", such as one column of the {shape} array"
        msg = f"{said} {told}: give one value a row{hint}"
        raise EvidenceError(msg)
    return array


def _of_rows(value: list[Any] | tuple[Any, ...]) -> list[Any]:
    """Return a list of values, also of rows that hold one value each."""
    rows = (list, tuple, np.ndarray)
    if value and all(isinstance(row, rows) and np.shape(row) == (1,) for row in value):
        return [row[0] for row in value]
    return list(value)


def _refuse_unfit(said: str, value: object) -> None:
    """Raise for what has no rows, no order, or can be read only once."""
    kind = type(value).__name__
    if isinstance(value, Iterator):
        msg = f"{said} is of type {kind}, which can be read only once; give a list or an array"
    elif isinstance(value, AbstractSet):
        msg = f"{said} is of type {kind}, which has no order; {_ONE_EACH}"
    elif isinstance(value, str | bytes | bytearray) or not _holds(value):
        msg = f"{said} is of type {kind}; {_ONE_EACH}"
    elif is_instance_of(value, "scipy", "_spbase"):
        msg = f"{said} is a sparse matrix; call .toarray() first"
    else:
        return
    raise EvidenceError(msg)


def _holds(value: object) -> bool:
    names = ("__len__", "__array__", "__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")
    return any(hasattr(value, name) for name in names)


def _reads(value: object) -> bool:
    """Whether `from_sequence` reads it as one column, and better than numpy would."""
    pandas = ("Series", "Index", "ExtensionArray")
    return (
        isinstance(value, pa.Array | pa.ChunkedArray)
        or is_instance_of(value, "polars", "Series")
        or any(is_instance_of(value, "pandas", kind) for kind in pandas)
        or (hasattr(value, "__arrow_c_array__") and not hasattr(value, "__array__"))
    )


def as_array(said: str, value: Any) -> npt.NDArray[Any]:
    """Return an array of what numpy knows to make one of; a masked array stays one."""
    if isinstance(value, np.ma.MaskedArray):
        return value
    try:
        return np.asarray(value)
    except Exception as error:
        # (of a tensor on another device, or one that needs a gradient)
        kind = type(value).__name__
        msg = f"{said} is of type {kind}, which numpy can't read; make it a numpy array first"
        raise EvidenceError(msg) from error


def is_table(value: object) -> bool:
    """Whether a value is a table or a dict, rather than an array.

    Examples
    --------
    >>> is_table({"x": [1]}), is_table(np.zeros((2, 2)))
    (True, False)
    """
    frames = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("polars", "LazyFrame"))
    return (
        isinstance(value, Mapping | pa.Table | pa.RecordBatch)
        or any(is_instance_of(value, *frame) for frame in frames)
        # another library's frame, such as a DuckDB relation
        or (hasattr(value, "__arrow_c_stream__") and hasattr(value, "columns"))
    )


def columns_of(said: str, table: Any) -> dict[Any, Any]:
    """Return the columns of a table or dict by name.

    Raises
    ------
    EvidenceError
        When a name occurs twice.

    Examples
    --------
    >>> columns_of("`X`", {"x": [1], "y": [2]})
    {'x': [1], 'y': [2]}
    """
    if is_instance_of(table, "polars", "LazyFrame"):
        table = table.collect()
    if isinstance(table, Mapping):
        return dict(table)
    if is_instance_of(table, "pandas", "DataFrame") or is_instance_of(table, "polars", "DataFrame"):
        names = list(table.columns)
        get = table.__getitem__
    else:
        table = table if isinstance(table, pa.Table | pa.RecordBatch) else pa.table(table)
        names = list(table.schema.names)
        get = table.column
    if len(set(names)) < len(names):
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        msg = f"{said} has more than one column {twice[0]!r}; rename or drop the others"
        raise EvidenceError(msg)
    return {name: get(name) for name in names}


def index_of(value: object) -> Any:
    """Return the index of a pandas Series or DataFrame; None for anything else.

    Examples
    --------
    >>> index_of([1, 2]) is None
    True
    """
    pandas = any(is_instance_of(value, "pandas", kind) for kind in ("Series", "DataFrame"))
    return value.index if pandas else None  # type: ignore[attr-defined]


def same_rows(one: Rows, other: Rows) -> None:
    """Raise unless two columns are about the same rows: as many of them, under the same names.

    Raises
    ------
    EvidenceError
        When they differ in length, or both are of pandas and their indexes differ.

    Examples
    --------
    >>> same_rows(as_column("`y_true`", [0, 1]), as_column("`y_pred`", [0, 1, 1]))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `y_true` has 2 rows and `y_pred` has 3
    """
    if one.rows != other.rows:
        msg = f"{one.said} has {one.rows:,} rows and {other.said} has {other.rows:,}"
        raise EvidenceError(msg)
    if one.index is None or other.index is None or one.index is other.index:
        return
    if not one.index.equals(other.index):
        raise EvidenceError(unlike(one, other))


def unlike(one: Rows, other: Rows) -> str:
    """Return what to do about two pandas indexes that differ."""
    msg = f"the indexes of {one.said} and {other.said} differ, so that it is not known which rows "
    msg += "belong together: "
    unique = one.index.is_unique and other.index.is_unique
    if unique and one.index.isin(other.index).all():
        call = f"{_bare(other)}.loc[{_bare(one)}.index]"
        return f"{msg}they hold the same labels in another order; write {call}"
    return f"{msg}where the rows stand in the same order, call .reset_index(drop=True) on both"


def _bare(column: Rows) -> str:
    return column.said.split("`")[1] if "`" in column.said else column.said


def _declares(values: Any) -> bool:
    """Whether a container says which categories there are, apart from its rows."""
    dtype = getattr(values, "dtype", None)
    return is_instance_of(dtype, "pandas", "CategoricalDtype") or (
        is_instance_of(values, "polars", "Series") and str(dtype).startswith("Enum")
    )
