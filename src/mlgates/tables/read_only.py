"""Read-only copies of tables, arrays and other containers, for calls of user code."""

import copy
import sys
from collections.abc import Iterator, MutableMapping, MutableSequence, MutableSet
from typing import Any

import numpy as np

from mlgates.errors import EvidenceError
from mlgates.tables.containers import kind_of

__all__ = ["read_only"]


def read_only(value: Any, title: str = "the argument") -> Any:
    """Return a copy of a value through which user code can't change the caller's data.

    A numpy array becomes a read-only view. A container becomes a new container with such views.
    Immutable values, and values that are not data (such as models), are returned unchanged. Python
    objects in an array are not copied. EvidenceError is raised for generators and other values that
    can be read only once, because the next gate would get nothing. `title` is the name of the value
    in the message, such as "`y_true`".
    """
    if isinstance(value, Iterator):
        kind = type(value).__name__
        msg = f"{title} has a value of type {kind}, which can be read only once; give a list or an "
        msg += "array"
        raise EvidenceError(msg)
    if isinstance(value, dict):
        return {key: read_only(item, title) for key, item in value.items()}
    if isinstance(value, tuple) or type(value) is list:
        # Skip plain items, because there may be millions of them.
        plain = (int, float, str, bool)
        items = (item if type(item) in plain else read_only(item, title) for item in value)
        if type(value) in (list, tuple):
            return type(value)(items)
        return value._make(items) if hasattr(value, "_make") else value
    kind = kind_of(value)
    if kind == "numpy":
        # Copy a masked array, because a view of it would share its mask, which can be changed.
        view = value.copy() if isinstance(value, np.ma.MaskedArray) else value.view()
        view.flags.writeable = False
        return view
    if kind == "pandas" or (kind == "pandas column" and hasattr(value, "index")):
        return _read_only_pandas(value)
    if kind in ("polars", "polars column"):
        return value.clone()
    if kind in ("pandas column", "sparse"):
        return value.copy()
    mutable = isinstance(value, MutableSequence | MutableSet | MutableMapping)
    return copy.copy(value) if mutable else value


def _read_only_pandas(value: Any) -> Any:
    """Return a copy of a frame or series that consists of read-only views of its numpy arrays."""
    pandas = sys.modules["pandas"]
    index = value.index.copy()  # shares the labels, but not the names

    def column_of(series: Any) -> Any:
        # Copy columns of objects, because pandas 2 can't compare strings in a read-only array.
        if not isinstance(series.dtype, np.dtype) or series.dtype == object:
            return series.copy()
        return pandas.Series(
            read_only(series.to_numpy()), index=index, name=series.name, copy=False
        )

    if type(value) is pandas.Series:
        return column_of(value)
    if type(value) is not pandas.DataFrame or not value.columns.is_unique:
        return value.copy()
    columns = {name: column_of(value[name]) for name in value.columns}
    frame = pandas.DataFrame(columns, index=index, copy=False)
    frame.columns = value.columns.copy()
    frame.attrs = dict(value.attrs)
    return frame
