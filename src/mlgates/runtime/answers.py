"""What a model answered, as arrays that can be compared; what can't be read is said in a clause."""

from collections.abc import Coroutine, Iterator, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.tables.containers import is_instance_of

__all__ = [
    "ROUNDING",
    "MalformedError",
    "alike",
    "alike_leaves",
    "predictions",
    "probabilities",
    "undefined",
]

Mask = npt.NDArray[np.bool_]

_TABLES = (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table"))
_NUMERIC = "biuf"
#: differences that rounding alone makes, in units of the last place of the largest answer
ROUNDING = 8


class MalformedError(ValueError):
    """An answer that breaks the contract of its method: a clause for a reason, without values."""


def predictions(answer: object, rows: int) -> npt.NDArray[Any]:
    """Return one answer a row as a one-dimensional array; only (n, 1) is squeezed.

    Parameters
    ----------
    answer : object
        What `predict` returned.
    rows : int
        How many rows it was given.

    Raises
    ------
    MalformedError
        For what is no array of one answer a row.

    Examples
    --------
    >>> predictions([["no"], ["yes"]], 2)
    array(['no', 'yes'], dtype='<U3')
    >>> predictions([1, 0], 3)
    Traceback (most recent call last):
    mlgates.runtime.answers.MalformedError: gave 2 answers to 3 rows
    """
    values = _array(answer)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        msg = f"gave {_shaped(values)}; one answer a row is wanted"
        raise MalformedError(msg)
    if len(values) != rows:
        msg = f"gave {_counted(len(values), 'answer')} to {_counted(rows, 'row')}"
        raise MalformedError(msg)
    if values.dtype.kind not in "biufUSOMm":
        msg = f"gave answers of type {values.dtype}, which are neither numbers nor labels"
        raise MalformedError(msg)
    if values.dtype.kind == "O":
        odd = next((v for v in values if not _is_label(v)), None)
        if odd is not None:
            kind = type(odd).__name__
            msg = f"gave answers of type {kind}, which are neither numbers nor labels"
            raise MalformedError(msg)
        values = np.array([v.item() if isinstance(v, np.generic) else v for v in values], object)
    return values


def probabilities(answer: object, rows: int) -> npt.NDArray[np.float64]:
    """Return probabilities as an array of a row for each row and a column for each class.

    Raises
    ------
    MalformedError
        For another shape, and for what is no number.
    """
    values = _array(answer)
    if values.ndim != 2:
        msg = f"gave {_shaped(values)}; a column for each class is wanted"
        raise MalformedError(msg)
    if len(values) != rows:
        msg = f"gave {_counted(len(values), 'row')} of answers to {_counted(rows, 'row')}"
        raise MalformedError(msg)
    if values.dtype.kind not in _NUMERIC:
        msg = f"gave values of type {values.dtype}, which are no probabilities"
        raise MalformedError(msg)
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def _shaped(values: npt.NDArray[Any]) -> str:
    return f"an array of shape {values.shape}" if values.ndim else "a single value"


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _array(answer: Any) -> npt.NDArray[Any]:
    if isinstance(answer, Coroutine):
        answer.close()
        msg = "gave a coroutine: an asynchronous model must be called through a plain function"
        raise MalformedError(msg)
    name = type(answer).__name__
    kind = f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"
    table = any(is_instance_of(answer, *names) for names in _TABLES)
    if answer is None or table or isinstance(answer, Iterator | Mapping | AbstractSet | str):
        what = "None" if answer is None else kind
        msg = f"gave {what}; an array of one answer a row is wanted"
        raise MalformedError(msg)
    if is_instance_of(answer, "pyarrow", "Array") or is_instance_of(
        answer, "pyarrow", "ChunkedArray"
    ):
        answer = answer.to_pylist()
    try:
        if isinstance(answer, np.ma.MaskedArray) and np.ma.is_masked(answer):
            cells = np.ma.getdata(answer).astype(object)
            cells[np.ma.getmaskarray(answer)] = None
            return cells
        return np.asarray(answer)
    except Exception:  # noqa: BLE001  (ragged lists; whatever `__array__` of a class raises)
        msg = f"gave {kind} that can't be read as an array"
        raise MalformedError(msg) from None


def _is_label(value: object) -> bool:
    return _is_missing(value) or (
        isinstance(value, str | bytes | Number | np.generic) and not isinstance(value, complex)
    )


def _is_missing(value: object) -> bool:
    return value is None or type(value).__name__ in {"NAType", "NaTType"}


def undefined(values: npt.NDArray[Any]) -> Mask:
    """Return which rows have an answer that is missing, NaN or infinite.

    Examples
    --------
    >>> undefined(np.array([1.0, np.inf, np.nan])).tolist()
    [False, True, True]
    """
    kind = values.dtype.kind
    if kind == "f":
        bad = ~np.isfinite(values)
    elif kind in "mM":
        bad = np.isnat(values)
    elif kind == "O":
        bad = np.array([_has_no_value(value) for value in values], dtype=np.bool_)
    else:
        bad = np.zeros(values.shape, dtype=np.bool_)
    found: Mask = bad.any(axis=1) if bad.ndim == 2 else bad
    return found


def _has_no_value(value: Any) -> bool:
    if isinstance(value, Decimal):
        return not value.is_finite()
    return _is_missing(value) or (isinstance(value, float) and not np.isfinite(value))


def alike(left: npt.NDArray[Any], right: npt.NDArray[Any], rtol: float) -> Mask:
    """Return which rows have the same answer: labels exactly, numbers within `rtol`.

    Parameters
    ----------
    left, right : array of shape (n,) or (n, k)
        Answers to the same rows.
    rtol : float
        Largest difference, relative to the larger of two numbers. Beyond it a difference is
        forgiven when rounding the largest answer explains it.

    Examples
    --------
    >>> alike(np.array([1.0, 2.0]), np.array([1.0 + 1e-9, 2.1]), 1e-6).tolist()
    [True, False]
    >>> alike(np.array(["a", "b"]), np.array(["a", "c"]), 1e-6).tolist()
    [True, False]
    """
    if left.shape != right.shape:
        return np.zeros(len(left), dtype=np.bool_)
    numeric = left.dtype.kind in _NUMERIC and right.dtype.kind in _NUMERIC
    same: Mask
    if numeric and "f" in (left.dtype.kind, right.dtype.kind):
        same = _close(left, right, rtol)
    elif numeric or (left.dtype.kind == right.dtype.kind and left.dtype.kind in "USmM"):
        same = np.asarray(left == right) | (undefined(left) & undefined(right))
    else:
        pairs = zip(left.tolist(), right.tolist(), strict=True)
        same = np.array([alike_leaves(a, b, rtol) for a, b in pairs], dtype=np.bool_)
    return np.asarray(same.all(axis=1) if same.ndim == 2 else same)


def _close(left: npt.NDArray[Any], right: npt.NDArray[Any], rtol: float) -> Mask:
    kinds = [a.dtype for a in (left, right) if a.dtype.kind == "f"]
    step = max(float(np.finfo(kind).eps) for kind in kinds)
    a, b = left.astype(np.float64), right.astype(np.float64)
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(a), np.abs(b))
        finite = np.isfinite(size)
        largest = size[finite].max(initial=0.0)
        near = np.abs(a - b) <= np.maximum(rtol * size, ROUNDING * step * largest)
    found: Mask = (a == b) | (finite & near) | (np.isnan(a) & np.isnan(b))
    return found


def _near(left: float, right: float, rtol: float) -> bool:
    """Whether two numbers, at least one a float, are the same within `rtol`; NaN is NaN."""
    try:
        a, b = float(left), float(right)
    except OverflowError:  # an integer beyond all floats
        return False
    nan = a != a and b != b  # noqa: PLR0124
    finite = np.isfinite(a) and np.isfinite(b)
    return bool(left == right or nan or (finite and abs(a - b) <= rtol * max(abs(a), abs(b))))


def alike_leaves(left: Any, right: Any, rtol: float) -> bool:
    """Whether two plain values are the same, leaf by leaf: numbers within `rtol`, texts exactly.

    Examples
    --------
    >>> alike_leaves({"p": [0.1, 0.2]}, {"p": [0.1, 0.2 + 1e-12]}, 1e-6)
    True
    >>> alike_leaves({"p": 1}, {"p": "1"}, 1e-6)
    False
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(
            alike_leaves(left[key], right[key], rtol) for key in left
        )
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(
            alike_leaves(a, b, rtol) for a, b in zip(left, right, strict=True)
        )
    if _is_missing(left) or _is_missing(right):
        return _is_missing(left) and _is_missing(right)
    both = (left, right)
    if all(isinstance(v, int | float) for v in both) and any(isinstance(v, float) for v in both):
        return _near(left, right, rtol)
    return bool(left == right)
