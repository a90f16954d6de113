"""Convert a column to another type without changing its values: numbers as strings, for example.

This module never imports pandas or polars. If a column is an object of one of these packages, that
package is imported already.
"""

import datetime as dt
import sys
from contextlib import suppress
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa

from mlgates.tables.containers import is_instance_of, kind_of
from mlgates.tables.objects import is_missing

__all__ = ["TARGETS", "Retyped", "Target", "retyped"]

#: The types to which a column can be converted.
Target = Literal["text", "float", "float32", "int"]
TARGETS: tuple[Target, ...] = get_args(Target)
#: Not all larger integers are exact as floats.
_LARGEST_EXACT = 2**53
#: The target types by the kind of the values.
_OF_KIND: dict[str, tuple[Target, ...]] = {
    "int": ("text", "float"),
    "float": ("text", "float32"),
    "bool": ("text", "int"),
    "time": ("text",),
    "category": ("text",),
}
_NAMES: dict[Target, str] = {
    "text": "text",
    "float": "float64",
    "float32": "float32",
    "int": "int64",
}


class Retyped(NamedTuple):
    """A column that `retyped` converted to another type.

    `before` and `after` are the names of the old and the new type, and `cells` is the converted
    column. `rounded` is None if no value changed. For a conversion to float32, which rounds the
    values, it has the rounded values in the old type.
    """

    before: str
    after: str
    cells: Any
    rounded: Any = None


def retyped(column: Any, target: Target) -> Retyped | None:
    """Return a column converted to another type, or None if it can't be converted.

    Parameters
    ----------
    column : list, array, or column of pandas, polars or Arrow
        An array may have two dimensions.
    target : {"text", "float", "float32", "int"}
        The new type. Numbers, bools, times and categories can be converted to "text" (strings),
        whole numbers to "float", floats of 64 bits to "float32", and bools to "int".

    Returns
    -------
    Retyped or None
        None if values of this type are not converted to `target`, if all values are missing, and if
        a value would be lost: an infinity or a number beyond the range of float32 as a float32, a
        whole number beyond 2**53 as a float, or a missing value as an int.

    Examples
    --------
    >>> retyped([1, 2], "float")
    Retyped(before='int', after='float64', cells=[1.0, 2.0], rounded=None)
    >>> retyped(["a", "b"], "text")
    """
    items = _items(column)
    known = [item for item in items if not is_missing(item)]
    kind = _kind(column, known)
    if target not in _OF_KIND.get(kind, ()):
        return None
    before, after = _type_name(column, kind), _NAMES[target]
    with suppress(TypeError, ValueError, OverflowError, pa.ArrowException):
        if target == "text":
            return Retyped(before, after, _as_texts(column, items))
        if target == "float" and any(abs(item) > _LARGEST_EXACT for item in known):
            return None
        if target == "int" and len(known) < len(items):
            return None
        if target != "float32":
            return Retyped(before, after, _cast(column, target))
        if before in ("float32", "float16", "halffloat"):
            return None
        with np.errstate(over="ignore"):
            narrow = _cast(column, "float32")
        if np.isinf(np.asarray(narrow, np.float64)).any():
            return None
        return Retyped(before, after, narrow, _cast(narrow, "float"))
    return None


def _items(column: Any) -> list[Any]:
    """Return the cells of a column as Python objects."""
    kind = kind_of(column)
    if kind == "sequence":
        return list(column)
    if kind == "arrow column":
        return list(column.to_pylist())
    if kind == "polars column":
        return list(column.to_list())
    if kind == "numpy":
        if column.dtype.kind in "mM":
            column = column.astype(object) if column.dtype.kind == "m" else column
            return list(column.ravel())
        return list(column.ravel().tolist())
    return list(column.tolist())


def _kind(column: Any, known: list[Any]) -> str:
    """Return the kind of the values of a column; "" if it is none of those that are converted."""
    if not known:
        return ""
    of = kind_of(column)
    dtype = getattr(column, "type" if of == "arrow column" else "dtype", None)
    is_category = (
        is_instance_of(dtype, "pandas", "CategoricalDtype")
        or (of == "arrow column" and pa.types.is_dictionary(dtype))
        or (of == "polars column" and str(dtype).startswith(("Categorical", "Enum")))
    )
    if is_category:
        return "category"
    types = {type(item) for item in known}
    if types <= {bool, np.bool_}:
        return "bool"
    if types <= {int}:
        is_float = isinstance(dtype, np.dtype) and dtype.kind == "f"
        return "float" if is_float else "int"
    if types <= {int, float}:
        return "float"
    times = (dt.date, dt.time, np.datetime64)  # datetimes are dates
    return "time" if all(issubclass(each, times) for each in types) else ""


def _type_name(column: Any, kind: str) -> str:
    """Return the name of the type of a column."""
    of = kind_of(column)
    if of == "sequence":
        return kind
    name = str(column.type if of == "arrow column" else column.dtype).lower()
    return (
        {"double": "float64", "float": "float32"}.get(name, name) if of == "arrow column" else name
    )


def _as_texts(column: Any, items: list[Any]) -> Any:
    """Return a column with each value as a string, such as "0.5".

    Missing values stay missing, except in a numpy array of numbers or times: NaN becomes "nan".
    """
    of = kind_of(column)
    if of == "numpy" and column.dtype.kind != "O":
        return column.astype(str)
    texts = [None if is_missing(item) else str(item) for item in items]
    if of == "polars column":
        return type(column)(column.name, texts)
    if of == "arrow column":
        return pa.array(texts, pa.string())
    if of == "numpy":
        return np.array(texts, dtype=object).reshape(column.shape)
    if of == "pandas column":
        return type(column)(texts, index=column.index, name=column.name)
    return texts


def _cast(column: Any, target: Target) -> Any:
    """Return a column of numbers or bools with another numeric type."""
    of, name = kind_of(column), _NAMES[target]
    if of == "polars column":
        types = {"float64": "Float64", "float32": "Float32", "int64": "Int64"}
        return column.cast(getattr(sys.modules["polars"], types[name]))
    if of == "arrow column":
        return column.cast({"float64": pa.float64(), "float32": pa.float32()}.get(name, pa.int64()))
    if of == "sequence":
        convert = {"float": float, "float32": np.float32}.get(target, int)
        return [None if is_missing(item) else convert(item) for item in column]
    return column.astype(name)
