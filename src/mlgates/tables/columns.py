"""Read one value per row from any container, and check that several inputs have the same rows.

Arrays of shape ``(n, 1)`` are flattened. Other values are not reshaped or cast. Iterators are
refused.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.tables import containers, encoding
from mlgates.tables.field import Field, stored_kind
from mlgates.tables.objects import UNCONVERTIBLE
from mlgates.tables.source import Source, as_source, collected

__all__ = [
    "NUMBERS",
    "Column",
    "RowAxis",
    "as_array",
    "as_column",
    "columns_of",
    "in_memory",
    "index_of",
    "is_table",
    "require_same_rows",
    "rows_of",
]

#: Kinds of columns whose values count as numbers. True counts as 1.
NUMBERS = frozenset({"bool", "int", "float", "decimal"})
_ONE_EACH = "give one value per row: a 1-D array, a Series, an Arrow array or a list"


@dataclass(frozen=True, eq=False)
class RowAxis:
    """The number of rows of one input such as `y_true`, and its pandas index.

    With these, `require_same_rows` checks whether several inputs have the same rows. `title` is the
    name of the input in messages. `index` is None if the input has no pandas index.
    """

    #: Name of the input in messages, such as "`y_true`".
    title: str
    #: Number of rows, including those with missing values.
    rows: int
    #: Pandas index of the rows, or None.
    index: Any


@dataclass(frozen=True, eq=False)
class Column(RowAxis):
    """An input with one value per row, such as `y_true`, as an Arrow array.

    `as_column` creates it. `array` has the values in a plain type, which is one of the few Arrow
    types that the rest of mlgates handles, and `field` describes the type. `declares` is True if
    the type of the input lists its categories (a pandas categorical or a polars Enum). Such a list
    can have categories that occur in no row.
    """

    array: pa.ChunkedArray
    field: Field
    declares: bool = False

    @cached_property
    def missing(self) -> npt.NDArray[np.bool_] | None:
        """Mask that is True for the rows with null or NaN; None if there are no such rows."""
        if self.field.kind == "float":
            mask = np.isnan(self.floats)
        elif self.array.null_count or pa.types.is_dictionary(self.array.type):
            mask = encoding.null_mask(encoding.decode(self.array))
        else:
            return None
        return mask if mask.any() else None

    @cached_property
    def floats(self) -> npt.NDArray[np.float64]:
        """The values as float64; missing values are NaN."""
        plain = encoding.decode(self.array)
        if stored_kind(self.field, self.array) == "decimal":
            found = np.full(len(plain), np.nan)
            found[~encoding.null_mask(plain)] = encoding.to_doubles(plain)
            return found
        if self.field.kind == "null":
            return np.full(len(plain), np.nan)
        if self.field.kind == "bool":
            plain = plain.cast(pa.int8())
        return np.asarray(encoding.to_floats(pc.cast(plain, pa.float64(), safe=False)), np.float64)


def as_column(title: str, value: object, hint: str = "") -> Column:
    """Read one value per row from an array, a Series, a list, or a table with one column.

    EvidenceError is raised for anything else, and for values that can't be read. `title` is the
    name of the input in messages. `hint` is added to the message if a value is a list or dict.

    Examples
    --------
    >>> as_column("`y_pred`", np.zeros((3, 1))).rows
    3
    >>> as_column("`y`", np.zeros((1, 3)))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `y` has shape (1, 3): give one value per row, for example with
    .ravel()
    """
    index, values = index_of(value), _to_single_column(title, value)
    dtype: Any = getattr(values, "dtype", None)
    categories = getattr(getattr(dtype, "categories", None), "dtype", None)
    if containers.is_instance_of(dtype, "pandas", "IntervalDtype"):  # result of `pandas.cut`
        names = np.array(values.astype(str), object)
        names[np.asarray(values.isna())] = None
        values = names
    elif containers.is_instance_of(categories, "pandas", "IntervalDtype"):
        values = getattr(values, "cat", values).rename_categories(str)
    elif type(values) is np.ndarray and dtype.kind == "U" and dtype.isnative and values.nbytes:
        # Encode strings by their bytes, which is eight times as fast as encoding them one by one.
        buffer = pa.py_buffer(np.ascontiguousarray(values))
        cells = pa.Array.from_buffers(pa.binary(dtype.itemsize), len(values), [None, buffer])
        encoded = cells.dictionary_encode()
        distinct = np.frombuffer(b"".join(encoded.dictionary.to_pylist()), dtype).tolist()
        values = pa.DictionaryArray.from_arrays(encoded.indices, pa.array(distinct, pa.string()))
    try:
        array, field = containers.from_sequence(title.strip("`"), values)
    except EvidenceError:
        raise
    except UNCONVERTIBLE as error:
        raise EvidenceError(f"{title} can't be read: {type(error).__name__}; {_ONE_EACH}") from None
    if field.kind in ("string", "binary"):
        encoding.check_bytes(title, array)
    if field.kind == "nested":
        raise EvidenceError(f"{title} holds lists or dicts; {_ONE_EACH}{hint}")
    if field.problem is not None:
        numbers = _unify_numbers(values) if field.type.startswith("mixed") else None
        if numbers is None:  # (the message has the title, not a column's name)
            raise EvidenceError(field.problem.replace(f"column {title.strip('`')!r}", title, 1))
        return Column(title, len(numbers), index, *containers.from_sequence(title, numbers))
    field = replace(field, kind=stored_kind(field, array))
    dtype = getattr(values, "dtype", None)
    declares = containers.is_instance_of(dtype, "pandas", "CategoricalDtype") or (
        containers.kind_of(values) == "polars column" and str(dtype).startswith("Enum")
    )
    return Column(title, len(array), index, array, field, declares)


def _to_single_column(title: str, value: Any) -> Any:
    """Convert an input to a container of one value per row, as `from_sequence` accepts it.

    EvidenceError is raised if this is impossible. `title` is the name of the input in messages.
    """
    kind, type_name = containers.kind_of(value), type(value).__name__
    if kind == "path" and not isinstance(value, str):
        return _to_single_column(title, as_source(value).arrow())
    names = ("__len__", "__array__", "__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")
    no_column = isinstance(value, str | bytes | bytearray) or not (
        any(hasattr(value, name) for name in names) or is_table(value)
    )
    msg = ""
    if isinstance(value, Iterator):
        msg = (
            f"{title} is of type {type_name}, which can be read only once; give a list or an array"
        )
    elif isinstance(value, AbstractSet):
        msg = f"{title} is of type {type_name}, which has no order; {_ONE_EACH}"
    elif no_column:
        msg = f"{title} is of type {type_name}; {_ONE_EACH}"
    elif kind == "sparse":
        msg = f"{title} is a sparse matrix; call .toarray() first"
    elif kind != "sequence" and is_table(value):
        inside = columns_of(title, value)
        if len(inside) == 1:
            return _to_single_column(title, *inside.values())
        names_of_some = ", ".join(map(repr, list(inside)[:5]))
        msg = f"{title} is a table of {len(inside)} columns ({names_of_some}); give one of them"
    if msg:
        raise EvidenceError(msg)
    if kind == "sequence":
        rows = (list, tuple, np.ndarray)  # each row has one value
        if value and all(isinstance(row, rows) and np.shape(row) == (1,) for row in value):
            return [row[0] for row in value]
        return list(value)
    only_arrow = hasattr(value, "__arrow_c_array__") and not hasattr(value, "__array__")
    if isinstance(value, Sequence) or kind.endswith("column") or only_arrow:
        return value
    array = as_array(title, value)
    if array.ndim == 2 and array.shape[1] == 1:
        return array.reshape(-1)
    if array.ndim != 1:
        what = f"has shape {array.shape}" if array.ndim else "is a single value"
        hint = ""
        if array.ndim == 2 and array.shape[0] == 1:
            hint = ", for example with .ravel()"
        elif array.ndim == 2:
            hint = f", for example one column of the {'x'.join(map(str, array.shape))} array"
        raise EvidenceError(f"{title} {what}: give one value per row{hint}")
    return array


def _unify_numbers(values: Any) -> list[Any] | None:
    """Convert numbers of different Python types to one type; return None for other values.

    Bools become 0 and 1.
    """
    cells = list(values)
    types = {type(cell) for cell in cells}
    missing = {t for t in types if t.__name__ in ("NoneType", "NAType", "NaTType")}
    numbers = (bool, int, float, Decimal, np.bool_, np.integer, np.floating)
    if not all(issubclass(t, numbers) for t in types - missing):
        return None
    floats = any(issubclass(t, float | np.floating) for t in types)
    convert: dict[type, Callable[[Any], Any]] = {t: t for t in types}
    for t in types:
        if issubclass(t, bool | np.bool_):
            convert[t] = int
        elif t is Decimal and floats:
            convert[t] = float
        elif issubclass(t, int) and Decimal in types and not floats:
            convert[t] = Decimal
    return [None if type(cell) in missing else convert[type(cell)](cell) for cell in cells]


def as_array(title: str, value: Any) -> npt.NDArray[Any]:
    """Convert a value to a numpy array; a masked array is returned unchanged.

    EvidenceError is raised if numpy can't convert it. `title` is the name of the value in messages.
    """
    if isinstance(value, np.ma.MaskedArray):
        return value
    # This fails, for example, for a tensor that is on another device or requires a gradient.
    with suppress_errors() as caught:
        return np.asarray(value)
    kind = type(value).__name__
    raise EvidenceError(
        f"{title} is of type {kind}, which numpy can't convert; make it a numpy array first"
    ) from caught.error


def is_table(value: Any) -> bool:
    """Return whether a value is a table with named columns, and not an array without names."""
    kind = containers.kind_of(value)
    if kind == "sequence":
        return bool(value) and all(isinstance(row, Mapping) for row in value)
    if kind == "numpy":
        return bool(value.dtype.names)
    # A stream that has columns is a frame of another library.
    return kind in ("pandas", "polars", "lazy", "arrow", "duckdb", "mapping") or (
        kind == "stream" and hasattr(value, "columns")
    )


def columns_of(title: str, table: Any, names: Sequence[Any] | None = None) -> dict[Any, Any]:
    """Return a dict of the columns of a table, as objects of the table's own library.

    `names` are the columns to return, by default all. EvidenceError is raised if a name occurs
    twice in the table. `title` is the name of the table in messages.
    """
    if containers.kind_of(table) == "lazy":
        table = collected(table)
    known = containers.names_of_columns(table)
    if known is None:
        table = as_source(table).arrow(names)
        known = list(table.schema.names)
    twice = sorted(str(name) for name, count in Counter(known).items() if count > 1)
    if twice:
        raise EvidenceError(
            f"{title} has more than one column {twice[0]!r}; rename or drop the others"
        )
    if names is None:
        return dict(zip(known, containers.columns_in(table), strict=True))
    return {name: containers.column_at(table, known.index(name)) for name in names}


def index_of(value: Any) -> Any:
    """Return the index of a pandas Series or DataFrame; None for other values."""
    pandas = containers.kind_of(value) == "pandas" or containers.is_instance_of(
        value, "pandas", "Series"
    )
    return value.index if pandas else None


def require_same_rows(*parts: RowAxis) -> None:
    """Raise EvidenceError if inputs differ in their number of rows or in their pandas index.

    Inputs without a pandas index are compared by their number of rows only.

    Examples
    --------
    >>> require_same_rows(as_column("`y_true`", [0, 1]), as_column("`y_pred`", [0, 1, 1]))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `y_true` has 2 rows and `y_pred` has 3
    """
    indexed = tuple(part for part in parts if part.index is not None)
    for one, other in ((group[0], part) for group in (parts, indexed) for part in group[1:]):
        if one.rows != other.rows:
            rows = f"{one.rows:,} {'row' if one.rows == 1 else 'rows'}"
            raise EvidenceError(f"{one.title} has {rows} and {other.title} has {other.rows:,}")
        if one.index is None or other.index is None or one.index.equals(other.index):
            continue
        advice = "if their rows are in the same order, call .reset_index(drop=True) on both"
        unique = one.index.is_unique and other.index.is_unique
        if unique and one.index.isin(other.index).all():
            first, second = (
                c.title.split("`")[1] if "`" in c.title else c.title for c in (one, other)
            )
            advice = (
                f"they hold the same labels in another order; write {second}.loc[{first}.index]"
            )
        raise EvidenceError(
            f"the indexes of {one.title} and {other.title} differ, so that it is not known which "
            f"rows belong together: {advice}"
        )


def rows_of(value: object) -> int | None:
    """Return the number of rows of a table or array; None for other values, such as models.

    Examples
    --------
    >>> rows_of([1, 2, 3]), rows_of({"x": [1, 2]}), rows_of("label")
    (3, 2, None)
    """
    if isinstance(value, str | bytes):
        return None
    if isinstance(value, Mapping):
        sizes = [rows_of(item) for item in value.values()]
        known = [size for size in sizes if size is not None]
        return min(known, default=None if sizes else 0)  # no columns: no rows
    if isinstance(value, Source):
        return value.rows
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:  # a sparse matrix has a shape, but no length
        return int(shape[0])
    try:
        return len(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def in_memory(table: Any, source: Callable[[], Source]) -> Any:
    """Return a table of features in a form that models take.

    Models can't take files, DuckDB relations and streams. For these, `source` is called without
    arguments, and the table that it returns is read into an Arrow table. Any other table is
    returned unchanged, and `source` is not called.
    """
    kind = containers.kind_of(table)
    read = kind in ("path", "duckdb", "reader", "unopened") or isinstance(table, Source)
    # Frames of other libraries are returned unchanged.
    read = read or (kind == "stream" and not hasattr(table, "__array__"))
    return source().whole() if read else table
