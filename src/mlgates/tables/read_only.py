"""What holds rows: how many there are, and copies that a user's code can't write through."""

import copy
from collections.abc import (
    Callable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
)
from typing import Any

import numpy as np

from mlgates.errors import EvidenceError
from mlgates.tables.containers import is_instance_of
from mlgates.tables.source import Source

__all__ = ["lend", "rows_of"]


def rows_of(value: object) -> int | None:
    """Return how many rows a table or array has; None for what has no rows, such as a model.

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
        return min(known, default=None if sizes else 0)  # no columns, no rows
    if isinstance(value, Source):
        return value.rows
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:  # a sparse matrix has a shape, but no length
        return int(shape[0])
    try:
        return len(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def lend(value: Any) -> Any:
    """Return a shallow copy that a user's function can't write through to the caller's data.

    numpy arrays become read-only views, containers of them are copied around such views; what is
    immutable, or no data at all (a model), is returned as it is. Python objects in the cells of an
    array are not copied.

    Raises
    ------
    EvidenceError
        For a generator and whatever else can be read only once: the next gate would find nothing.
    """
    if isinstance(value, Iterator):
        kind = type(value).__name__
        msg = f"got a {kind}, which can be read only once; give a list or an array"
        raise EvidenceError(msg)
    return next((lender(value) for accepts, lender in _LENDERS if accepts(value)), value)


def _lend_array(value: Any) -> Any:
    # a view of a masked array would share its mask
    view = value.copy() if isinstance(value, np.ma.MaskedArray) else value.view()
    view.flags.writeable = False
    return view


def _lend_named(value: Any) -> Any:
    return value._make(map(_lend_item, value)) if hasattr(value, "_make") else value


def _lend_item(item: Any) -> Any:
    plain = type(item) in (int, float, str, bool)  # lists may have millions of these
    return item if plain else lend(item)


def _lend_pandas(value: Any) -> Any:
    import pandas as pd

    def column(series: Any) -> Any:
        # (of objects a copy: pandas 2 can't compare texts that lie in a read-only array)
        if isinstance(series.dtype, np.dtype) and series.dtype != object:
            frozen = lend(series.to_numpy())
            return pd.Series(frozen, index=index, name=series.name, copy=False)
        return series.copy()

    index = value.index.copy()  # shares its labels, but has names of its own
    if type(value) is pd.Series:
        return column(value)
    if type(value) is not pd.DataFrame or not value.columns.is_unique:
        return value.copy()
    lent = pd.DataFrame(
        {name: column(value[name]) for name in value.columns}, index=index, copy=False
    )
    lent.columns = value.columns.copy()
    lent.attrs = dict(value.attrs)
    return lent


def _of(package: str, *kinds: str) -> Callable[[object], bool]:
    return lambda value: any(is_instance_of(value, package, kind) for kind in kinds)


# what is lent, and how; the first that accepts it does
_LENDERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (lambda value: isinstance(value, np.ndarray), _lend_array),
    (lambda value: isinstance(value, dict), lambda v: {key: lend(item) for key, item in v.items()}),
    (lambda value: type(value) in (list, tuple), lambda v: type(v)(map(_lend_item, v))),
    (lambda value: isinstance(value, tuple), _lend_named),
    (_of("pandas", "DataFrame", "Series"), _lend_pandas),
    (_of("polars", "DataFrame", "Series"), lambda v: v.clone()),
    # what has no view that can't be written through
    (_of("pandas", "ExtensionArray"), lambda v: v.copy()),
    (_of("scipy", "_spbase"), lambda v: v.copy()),
    (lambda value: isinstance(value, MutableSequence | MutableSet | MutableMapping), copy.copy),
)
