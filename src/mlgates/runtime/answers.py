"""Check the form of the answers of models and applications, and compare two answers."""

import math
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.predictions.score_columns import column_of_each_label
from mlgates.printable import number_of
from mlgates.runtime.wire import NotPlainError, plain
from mlgates.tables.columns import columns_of, is_table
from mlgates.tables.containers import kind_of

__all__ = [
    "MalformedError",
    "computed",
    "difference_of_numbers",
    "first_difference",
    "is_finite",
    "largest_floats",
    "predictions",
    "probabilities",
    "same_answers",
    "same_value",
    "undefined",
]

Mask = npt.NDArray[np.bool_]

_NUMERIC = "biuf"
#: Largest difference that is explained by rounding, in units in the last place (ulp) of the largest
#: answer.
_ROUNDING = 8


class MalformedError(ValueError):
    """The answer of a model has the wrong form, such as too few predictions.

    The message describes the form, and does not contain values of the answer.
    """


_EAGER = (np.ndarray, np.generic, str, bytes, int, float, complex, type(None))


def computed(answer: Any) -> Any:
    """Return an answer in which everything that is lazy or on another device has been computed.

    - Lazy arrays, columns and tables are computed. A future is replaced by its result; the function
      waits for it.
    - Arrays, tables and sequences of libraries other than numpy, pandas, polars and Arrow are
      converted to objects of numpy, pandas or Arrow, or to lists. Arrays on another device, such as
      a GPU, are copied to memory first.
    - The elements of lists, tuples and mappings are computed in the same way. Mappings become
      dicts.
    - Other answers are returned unchanged.

    Examples
    --------
    >>> class Lazy:
    ...     def compute(self):
    ...         return [0.5]
    >>> computed(Lazy()), computed([Lazy()]), computed([0.5])
    ([0.5], [[0.5]], [0.5])
    """
    if isinstance(answer, _EAGER):
        return answer
    if isinstance(answer, list | tuple) and type(answer) in (list, tuple):
        kinds = {type(item) for item in answer}
        eager = all(issubclass(kind, _EAGER) for kind in kinds)
        return answer if eager else type(answer)(map(computed, answer))
    if kind_of(answer).removesuffix(" column") in ("pandas", "polars", "arrow"):
        return answer
    # Methods are looked up in the class, because a mock object has any attribute.
    for name in ("block_until_ready", "compute", "collect", "result"):
        method = getattr(type(answer), name, None)
        if callable(method):
            value = method(answer)
            return answer if value is answer or value is None else computed(value)
    if isinstance(answer, Mapping):
        return {key: computed(answer[key]) for key in answer}
    return _read(answer)


def _read(answer: Any) -> Any:
    """Read the values of an object of another library; return any other object unchanged.

    The first of these that the object's class supports is used: the array protocol of numpy (a
    tensor on a GPU is copied to memory first), ``to_numpy``, ``to_pandas``, the stream or array
    protocol of Arrow, and the methods of a sequence.
    """
    kind = type(answer)
    if hasattr(kind, "__array__"):
        on_device = next((name for name in ("cpu", "get") if hasattr(kind, name)), None)
        return np.asarray(getattr(answer, on_device)() if on_device else answer)
    for name in ("to_numpy", "to_pandas"):
        if hasattr(kind, name):
            return getattr(answer, name)()
    if hasattr(kind, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(answer).read_all()
    if hasattr(kind, "__arrow_c_array__"):
        return pa.array(answer)
    if hasattr(kind, "__len__") and hasattr(kind, "__getitem__"):
        return computed(list(answer))
    return answer


def predictions(answer: object, rows: int) -> npt.NDArray[Any]:
    """Convert the answer of `predict` to an array of shape (rows,).

    An answer of shape (rows, 1) is accepted, too. MalformedError is raised for any other form.

    Examples
    --------
    >>> predictions([["no"], ["yes"]], 2)
    array(['no', 'yes'], dtype='<U3')
    >>> predictions([1, 0], 3)
    Traceback (most recent call last):
    mlgates.runtime.answers.MalformedError: 2 answers for 3 rows
    """
    values = _array(answer)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise MalformedError(f"{_shape(values)}; expected one answer per row")
    if len(values) != rows:
        raise MalformedError(f"{number_of(len(values), 'answer')} for {number_of(rows, 'row')}")
    wrong_type = None if values.dtype.kind in "biufUSOMm" else str(values.dtype)
    if values.dtype.kind == "O":
        for value in values:
            label = isinstance(value, str | bytes | Number | np.generic)
            if not _is_missing(value) and (not label or isinstance(value, complex)):
                wrong_type = type(value).__name__
                break
        values = np.array([v.item() if isinstance(v, np.generic) else v for v in values], object)
    if wrong_type is not None:
        raise MalformedError(f"answers of type {wrong_type}, which are neither numbers nor labels")
    return values


def probabilities(
    answer: object, rows: int, classes: Sequence[object] = ()
) -> npt.NDArray[np.floating]:
    """Convert the answer of `predict_proba` to an array of shape (rows, classes).

    If the answer is a table, its columns are sorted in the order of `classes`. The name of a column
    must be its class or contain it as a word: "yes" and "p_yes" are names for the class "yes".
    Without `classes`, columns are sorted by name. MalformedError is raised for an answer of another
    form.

    Examples
    --------
    >>> probabilities({"p_yes": [0.9], "p_no": [0.1]}, 1, ["no", "yes"])
    array([[0.1, 0.9]])
    """
    values = _array(answer, classes)
    if values.ndim != 2:
        raise MalformedError(f"{_shape(values)}; expected one column per class")
    if len(values) != rows:
        raise MalformedError(
            f"{number_of(len(values), 'row')} of answers for {number_of(rows, 'row')}"
        )
    if values.dtype.kind not in _NUMERIC:
        raise MalformedError(f"values of type {values.dtype}, expected numbers")
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def response(answer: object) -> object:
    """Convert the response of an application to plain values such as lists and dicts.

    MalformedError is raised if this is not possible.
    """
    if isinstance(answer, Coroutine):
        answer.close()
        raise MalformedError(
            "a coroutine; wrap an asynchronous application in a synchronous function"
        )
    try:
        return plain(answer)
    except NotPlainError as error:
        msg = f"{error}; expected numbers, strings, lists and mappings, such as the body of a "
        msg += "response"
        raise MalformedError(msg) from None


def _shape(values: npt.NDArray[Any]) -> str:
    return f"an array of shape {values.shape}" if values.ndim else "a single value"


def _array(answer: Any, classes: Sequence[object] = ()) -> npt.NDArray[Any]:
    """Convert an answer to an array of any shape; masked values become None.

    The columns of a table are sorted in the order of `classes`.
    """
    if isinstance(answer, Coroutine):
        answer.close()
        raise MalformedError("a coroutine; wrap an asynchronous model in a synchronous function")
    name = type(answer).__name__
    kind = f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"
    if is_table(answer):
        return _table_array(kind, answer, classes)
    if answer is None or isinstance(answer, Iterator | AbstractSet | str):
        raise MalformedError(
            f"{'None' if answer is None else kind}; expected an array of one answer per row"
        )
    if kind_of(answer) == "arrow column":
        answer = answer.to_pylist()
    with suppress_errors():  # lists of different lengths, or any error in `__array__`
        if isinstance(answer, np.ma.MaskedArray) and np.ma.is_masked(answer):
            cells = np.ma.getdata(answer).astype(object)
            cells[np.ma.getmaskarray(answer)] = None
            return cells
        return np.asarray(answer)
    raise MalformedError(f"{kind} that can't be read as an array")


def _table_array(kind: str, table: Any, classes: Sequence[object]) -> npt.NDArray[Any]:
    """Convert a table to an array whose columns are in the order of the classes.

    Columns are matched to classes by name. `kind` is the type of the table for messages, such as "a
    DataFrame".
    """
    try:
        columns = columns_of("the answer", table)
        arrays = [_array(column) for column in columns.values()]
        names = list(columns)
        if len(names) == len(classes) > 1:
            by_class = column_of_each_label("the answer", names, classes)
            order = [at if by_class is None else by_class[c] for at, c in enumerate(classes)]
        else:
            order = sorted(range(len(names)), key=lambda at: str(names[at]))
    except EvidenceError as error:
        raise MalformedError(f"{kind}: {error}") from None
    sizes = {len(array) for array in arrays if array.ndim == 1}
    problem = ""
    if not arrays:
        problem = "without columns"
    elif any(array.ndim != 1 for array in arrays):
        problem = "with a column that has several values per row"
    elif len(sizes) > 1:
        problem = f"with columns of different lengths, from {min(sizes):,} to {max(sizes):,}"
    if problem:
        raise MalformedError(f"{kind} {problem}; expected one value per row in each column")
    return np.column_stack([arrays[at] for at in order])


def _is_missing(value: object) -> bool:
    return value is None or type(value).__name__ in {"NAType", "NaTType"}


def undefined(values: npt.NDArray[Any]) -> Mask:
    """Return a mask of the rows in which a value is missing, NaN or infinite.

    Examples
    --------
    >>> undefined(np.array([1.0, np.inf, np.nan])).tolist()
    [False, True, True]
    """
    kind = values.dtype.kind
    if kind == "O":
        return np.array([_is_missing(v) or not is_finite(v) for v in values], dtype=np.bool_)
    bad = np.zeros(values.shape, dtype=np.bool_)
    if kind == "f":
        bad = ~np.isfinite(values)
    elif kind in "mM":
        bad = np.isnat(values)
    return np.asarray(bad.any(axis=1) if bad.ndim == 2 else bad)


def is_finite(value: Any) -> bool:
    """Return whether a number is finite, or all numbers in a list or mapping are.

    Values that are not numbers count as finite.
    """
    if isinstance(value, Mapping):
        return all(map(is_finite, value.values()))
    if isinstance(value, list):
        return all(map(is_finite, value))
    if isinstance(value, Decimal):
        return value.is_finite()
    return not isinstance(value, float) or math.isfinite(value)


def same_answers(
    left: npt.NDArray[Any], right: npt.NDArray[Any], rtol: float, atol: float | None = None
) -> Mask:
    """Return a mask of the rows with the same answer in both arrays.

    Labels must be equal. Numbers may differ by `rtol` times the larger of the two, or by `atol`. By
    default, `atol` is the rounding error of the largest number in the arrays. Both arrays have
    shape (n,) or (n, k). If they have different shapes, the result is False for all rows.

    Examples
    --------
    >>> same_answers(np.array([1.0, 2.0]), np.array([1.0 + 1e-9, 2.1]), 1e-6).tolist()
    [True, False]
    >>> same_answers(np.array(["a", "b"]), np.array(["a", "c"]), 1e-6).tolist()
    [True, False]
    """
    if left.shape != right.shape:
        return np.zeros(len(left), dtype=np.bool_)
    floats = [array.dtype for array in (left, right) if array.dtype.kind == "f"]
    numeric = left.dtype.kind in _NUMERIC and right.dtype.kind in _NUMERIC
    same: Mask
    if numeric and floats:
        step = max(float(np.finfo(dtype).eps) for dtype in floats)
        a, b = left.astype(np.float64), right.astype(np.float64)
        with np.errstate(all="ignore"):
            size = np.maximum(np.abs(a), np.abs(b))
            finite = np.isfinite(size)
            if atol is None:
                atol = _ROUNDING * step * size[finite].max(initial=0.0)
            near = np.abs(a - b) <= np.maximum(rtol * size, atol)
        same = (a == b) | (finite & near) | (np.isnan(a) & np.isnan(b))
    elif numeric or (left.dtype.kind == right.dtype.kind and left.dtype.kind in "USmM"):
        same = np.asarray(left == right) | (undefined(left) & undefined(right))
    else:
        pairs = zip(left.tolist(), right.tolist(), strict=True)
        same = np.array([same_value(a, b, rtol) for a, b in pairs], dtype=np.bool_)
    return np.asarray(same.all(axis=1) if same.ndim == 2 else same)


def difference_of_numbers(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the largest absolute and the largest relative difference of two arrays of answers.

    A relative difference is the difference of two numbers, divided by the larger of their absolute
    values. Numbers that are NaN or infinite are left out. Both results are 0 if neither array has
    floats, as for labels, or if the arrays have different shapes.

    Examples
    --------
    >>> difference_of_numbers(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    (0.5, 0.2)
    """
    numeric = left.dtype.kind in _NUMERIC and right.dtype.kind in _NUMERIC
    if not numeric or left.shape != right.shape or "f" not in left.dtype.kind + right.dtype.kind:
        return 0.0, 0.0
    a, b = left.astype(np.float64), right.astype(np.float64)
    with np.errstate(all="ignore"):
        size, apart = np.maximum(np.abs(a), np.abs(b)), np.abs(a - b)
        relative = apart / size
    finite = np.isfinite(apart) & (size > 0)
    return float(apart[finite].max(initial=0.0)), float(relative[finite].max(initial=0.0))


_Place = tuple[str | int | None, ...]
_Largest = Mapping[_Place, float]


def same_value(
    left: Any, right: Any, rtol: float, largest: _Largest | None = None, place: _Place = ()
) -> bool:
    """Return whether two nested values (lists, dicts, numbers) are equal within a tolerance.

    The values are two responses of an application, or parts of them. `rtol` is the relative
    tolerance for numbers. NaN equals NaN.

    Two more rules apply if `largest` is given. It is the result of `largest_floats` for all
    expected responses. Two floats are then also equal if they differ by at most the rounding error
    of the largest float at the same place, and a bool does not equal a number. `place` is the path
    of the two values in the response, if they are parts of it.

    Examples
    --------
    >>> same_value({"p": [0.1, 0.2]}, {"p": [0.1, 0.2 + 1e-12]}, 1e-6)
    True
    >>> same_value({"p": 0.0}, {"p": 1e-18}, 1e-6, largest_floats([{"p": 0.0}, {"p": 0.7}]))
    True
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(
            same_value(left[key], right[key], rtol, largest, (*place, key)) for key in left
        )
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        triples = zip(left, right, _places(left, place), strict=False)
        return len(left) == len(right) and all(
            same_value(a, b, rtol, largest, at) for a, b, at in triples
        )
    both = (left, right)
    if largest is not None and any(isinstance(v, bool) for v in both):
        return left is right
    if any(map(_is_missing, both)):
        return all(map(_is_missing, both))
    numbers = all(isinstance(v, int | float) for v in both)
    if not (numbers and any(isinstance(v, float) for v in both)):
        return bool(left == right)
    try:
        a, b = float(left), float(right)
    except OverflowError:  # an integer too large for a float
        return False
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b or (math.isnan(a) and math.isnan(b))
    allowed = rtol * max(abs(a), abs(b))
    if largest is not None and all(isinstance(v, float) for v in both):
        allowed = max(allowed, _ROUNDING * 2.0**-52 * largest.get(place, 0.0))
    return bool(left == right) or abs(a - b) <= allowed


def first_difference(left: Any, right: Any, rtol: float, place: str = "") -> str:
    """Return the place of the first difference between two nested values, for a message.

    `left` is the expected value, and `right` the one that was got. They must differ. The place is a
    path of keys and positions. If there are two numbers or two bools at this place, they follow it.
    Strings are not shown, because they can be personal data. The result is "" if the values differ
    as a whole, such as two strings or two lists of different lengths.

    `rtol` is the relative tolerance for numbers. `place` is the path that leads to the two given
    values.

    Examples
    --------
    >>> first_difference({"status": 200, "p": [0.5]}, {"status": 503, "p": [0.5]}, 1e-6)
    '`status`: expected 200, got 503'
    >>> first_difference([{"label": "Ann"}], [{"label": "Eve"}], 1e-6)
    '`0.label`'
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping) and left.keys() == right.keys():
        parts = [(str(key), left[key], right[key]) for key in left]
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        parts = [(str(i), a, b) for i, (a, b) in enumerate(zip(left, right, strict=True))]
    else:
        both = (left, right)
        shown = ""
        if all(type(v) in (int, float) for v in both):
            shown = f"expected {left:.6g}, got {right:.6g}"
        if all(isinstance(v, bool) for v in both):
            shown = f"expected {left}, got {right}"
        return ": ".join(filter(None, [place and f"`{place}`", shown]))
    for key, a, b in parts:
        same = same_value(a, b, rtol)
        if not same or isinstance(a, bool) is not isinstance(b, bool):
            return first_difference(a, b, rtol, f"{place}.{key}" if place else key)
    return ""


def largest_floats(values: Iterable[Any]) -> dict[_Place, float]:
    """Return the largest absolute value of the floats at each place in several nested values.

    A place is the path of keys and list positions that lead to a value. All items of a list of
    floats, such as probabilities, have the same place. Infinite floats are left out.
    """
    largest: dict[_Place, float] = {}
    pending: list[tuple[Any, _Place]] = [(value, ()) for value in values]
    while pending:
        value, place = pending.pop()
        if isinstance(value, Mapping):
            pending += [(item, (*place, key)) for key, item in value.items()]
        elif isinstance(value, list):
            pending += zip(value, _places(value, place), strict=True)
        elif isinstance(value, float) and math.isfinite(value):
            largest[place] = max(largest.get(place, 0.0), abs(value))
    return largest


def _places(items: Sequence[Any], place: _Place) -> list[_Place]:
    """Return the place (path) of each item of a list.

    All items of a list of floats have the same place.
    """
    shared = all(isinstance(item, float) for item in items)
    return [(*place, None if shared else i) for i in range(len(items))]
