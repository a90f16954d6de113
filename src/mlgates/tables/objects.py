"""Columns of Python objects: read only when their cells are of one family of types.

Arrow alone guesses from the first cells and converts the others: True becomes 1.0 beside a float,
a timestamp is cut to a date beside a date, and nanoseconds go. Here the set of the cells' types
decides first, and a column that mixes families is a finding, never a conversion.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from mlgates.tables.field import ArrowColumn, from_arrow, unreadable

__all__ = ["UNCONVERTIBLE", "from_objects", "in_arrow_units", "is_missing", "nests_too_deep"]

#: What Arrow and its producers raise when values can't be converted.
UNCONVERTIBLE = (
    pa.ArrowException,
    TypeError,
    ValueError,
    OverflowError,
    NotImplementedError,
    OSError,
)

_INT128_DIGITS = 38
_INT32 = np.iinfo(np.int32)
# Arrow recurses into lists in C: deeper ones, and a list within itself, would end the process.
_DEEPEST = 100
_NESTS: tuple[type, ...] = (list, tuple, dict, set, frozenset, np.ndarray, type({}.values()))
# Units of numpy that Arrow lacks, and a finer one that it has, by kind of dtype. (A month is no
# fixed number of seconds.)
_FINER = {
    "M": {"Y": "D", "M": "D", "W": "D", "h": "s", "m": "s"},
    "m": {"W": "s", "D": "s", "h": "s", "m": "s"},
}
# In this order: a bool is an int, a numpy.timedelta64 an integer, a datetime a date.
_FAMILIES: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("datetime64", (np.datetime64,)),
    ("timedelta64", (np.timedelta64,)),
    ("bool", (bool, np.bool_)),
    ("int", (int, np.integer)),
    ("float", (float, np.float16, np.float32)),
    ("decimal", (Decimal,)),
    ("string", (str,)),
    ("binary", (bytes, bytearray, memoryview)),
    ("timestamp", (datetime,)),
    ("date", (date,)),
    ("time", (time,)),
    ("duration", (timedelta,)),
    ("struct", (dict,)),
    ("list", (list, tuple, np.ndarray)),
)
_HAVING_NAN = (float, complex, np.inexact, Decimal, np.datetime64, np.timedelta64)
_MISSING_NAMES = frozenset({"NoneType", "NAType", "NaTType"})


def from_objects(name: str, values: Sequence[Any], *, keep_nan: bool = False) -> ArrowColumn:
    """Column of Python objects, read by the types of its cells.

    Parameters
    ----------
    name : str
        Name of the column.
    values : sequence or one-dimensional object array
        Its cells. None, ``pandas.NA``, ``NaT`` and NaN are missing.
    keep_nan : bool, default False
        Whether the NaN of a column that holds only floats stays NaN; else it is null.

    Returns
    -------
    ArrowColumn
        Unreadable when the cells are of several families, or of types that Arrow doesn't know.

    Examples
    --------
    >>> from_objects("x", [1, 2.5, None]).field.type
    'double'
    >>> from_objects("x", [1, "a"]).field.type
    'mixed (int, str)'
    """
    seen = set(map(type, values))
    types = {t for t in seen if t.__name__ not in _MISSING_NAMES}
    floats = {t for t in types if _family(t) == "float"}
    if keep_nan and floats and types == floats:
        cells = [None if type(value) not in floats else value for value in values]
        return from_arrow(name, pa.array(cells, pa.float64(), from_pandas=False))
    if floats and _nan_only(values, floats):
        types -= floats
    if not all(t is type(None) or issubclass(t, float) for t in (seen - types) | floats):
        values = _present(values)  # Arrow knows None and Python's own NaN
    families = {_family(t) for t in types}
    if families == {"int", "float"}:
        families = {"float"}
    elif families == {"int", "decimal"}:
        families = {"decimal"}
    if len(families) > 1 or None in families:
        return _mixed(name, values, types)
    family = next(iter(families), "null")
    try:
        return from_arrow(name, _READERS.get(str(family), _inferred)(values))
    except _UnreadableError as error:
        return _refused(name, values, error.label, error.problem)
    except UnicodeEncodeError:
        return _refused(
            name,
            values,
            "str with lone surrogates",
            "holds text that is not valid Unicode (lone surrogates); clean it first",
        )
    except UNCONVERTIBLE:
        label = ", ".join(sorted(t.__name__ for t in types))
        problem = f"holds values of type {label} that Arrow can't represent; convert them first"
        return _refused(name, values, label, problem)


def is_missing(value: object) -> bool:
    """Whether a cell is None, NA, NaT or a NaN; never raises, whatever the cell is.

    Examples
    --------
    >>> is_missing(float("nan")), is_missing(Decimal("NaN")), is_missing("")
    (True, True, False)
    """
    if type(value).__name__ in _MISSING_NAMES:
        return True
    if isinstance(value, float | complex | np.inexact):
        return bool(value != value)  # noqa: PLR0124  (what NaN means)
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, np.datetime64 | np.timedelta64) and bool(np.isnat(value))


class _UnreadableError(Exception):
    """These cells are of one family, yet no one Arrow type holds them."""

    def __init__(self, label: str, problem: str) -> None:
        super().__init__(problem)
        self.label = label
        self.problem = problem


def _family(cell_type: type) -> str | None:
    return next((family for family, of in _FAMILIES if issubclass(cell_type, of)), None)


def _nan_only(values: Iterable[Any], floats: set[type]) -> bool:
    """Whether every float among the cells is NaN."""
    return all(v != v for v in [v for v in values if type(v) in floats])  # noqa: PLR0124


def _present(values: Sequence[Any]) -> Sequence[Any]:
    """Cells with None for every missing one; tested one by one only if one may be a NaN."""
    types = set(map(type, values))
    absent = {t for t in types if t.__name__ in _MISSING_NAMES}
    doubtful = {t for t in types - absent if issubclass(t, _HAVING_NAN)}
    if not absent and not doubtful:
        return values
    return [
        None if (t := type(value)) in absent or (t in doubtful and is_missing(value)) else value
        for value in values
    ]


def _inferred(values: Any) -> Any:
    return pa.array(values, from_pandas=True)


def _integers(values: Any) -> Any:
    try:
        return pa.array(values, pa.int64(), from_pandas=True)
    except (OverflowError, pa.ArrowInvalid):
        cells = [None if value is None else int(value) for value in _present(values)]
    for wider in (pa.uint64(), pa.decimal128(_INT128_DIGITS, 0)):
        try:
            return pa.array(cells, wider)
        except (OverflowError, pa.ArrowInvalid):
            continue
    label, problem = "int", "holds integers of more than 38 digits; convert them to text or float"
    raise _UnreadableError(label, problem)


def _floats(values: Any) -> Any:
    try:
        return pa.array(values, pa.float64(), from_pandas=True)
    except (OverflowError, pa.ArrowInvalid):
        problem = (
            "holds integers beyond 2**53 beside floats, which no float can represent exactly; "
            "convert all to Decimal, or to float if the loss doesn't matter"
        )
        label = "mixed (float, int)"
        raise _UnreadableError(label, problem) from None


def _decimals(values: Any) -> Any:
    try:
        return pa.array(_present(values))
    except UNCONVERTIBLE:
        problem = (
            "holds Decimal values that Arrow can't represent (infinite, or of more than 76 "
            "digits); convert them to float"
        )
        label = "Decimal"
        raise _UnreadableError(label, problem) from None


def _timestamps(values: Any) -> Any:
    cells = _present(values)
    zones = {cell.tzinfo for cell in cells if cell is not None}
    if None in zones and len(zones) > 1:
        problem = "mixes timestamps with and without a time zone; give all of them one, or none"
        label = "mixed (naive datetime, aware datetime)"
        raise _UnreadableError(label, problem)
    unit = "ns" if _has_nanoseconds(cells) else "us"
    return pa.array(cells, pa.timestamp(unit, _zone_name(zones)))


def _zone_name(zones: set[Any]) -> str | None:
    """Name of the one zone of the cells; UTC for several, or one that Arrow has no name for."""
    if zones == {None}:
        return None
    # A pytz zone is another object on either side of a clock change, but bears one name.
    names = {getattr(zone, "zone", None) or zone for zone in zones}
    (zone, *others) = names
    if others or not isinstance(zone, str | timezone | ZoneInfo):
        return "UTC"
    return str(zone) if isinstance(zone, str) else _arrow_zone(zone)


def _arrow_zone(zone: timezone | ZoneInfo) -> str:
    name: str = pa.array([datetime(1970, 1, 2, tzinfo=zone)]).type.tz
    return name


def _times(values: Any) -> Any:
    cells = _present(values)
    if any(cell is not None and cell.tzinfo is not None for cell in cells):
        problem = "holds times of day with a time zone, which Arrow would drop; remove it first"
        label = "time with zone"
        raise _UnreadableError(label, problem)
    return pa.array(cells)


def _durations(values: Any) -> Any:
    cells = _present(values)
    return pa.array(cells, pa.duration("ns" if _has_nanoseconds(cells) else "us"))


def _has_nanoseconds(cells: Iterable[Any]) -> bool:
    """Whether a pandas Timestamp or Timedelta among them is finer than a microsecond."""
    return any(getattr(cell, "nanosecond", 0) or getattr(cell, "nanoseconds", 0) for cell in cells)


def _numpy_times(values: Any) -> Any:
    """Times of numpy scalars, in the finest unit among them."""
    cells = _present(values)
    empty = type(next(cell for cell in cells if cell is not None))("NaT")
    array = np.array([empty if cell is None else cell for cell in cells])
    pairs = [pair for pair in zip(array, cells, strict=True) if pair[1] is not None]
    # (a comparison in the finer unit would wrap around as the conversion did)
    if any(fine.astype(cell.dtype) != cell for fine, cell in pairs):
        label, problem = str(array.dtype), "holds times that no one unit of 64 bits can hold"
        raise _UnreadableError(label, f"{problem}; remove what is out of range first")
    return pa.array(in_arrow_units(array), from_pandas=True)


def in_arrow_units(values: Any) -> Any:
    """Times of numpy in the nearest unit that Arrow has.

    Raises
    ------
    OverflowError
        When a time is beyond that unit's range, which numpy and Arrow would wrap around.
    """
    unit, count = np.datetime_data(values.dtype)
    finer = _FINER[values.dtype.kind].get(unit, unit)
    if (finer, 1) != (unit, count):
        coarse, values = values, values.astype(f"{values.dtype.kind}8[{finer}]")
        if not np.array_equal(values.astype(coarse.dtype).view("i8"), coarse.view("i8")):
            raise OverflowError
    if values.dtype == "M8[D]":
        days = values[~np.isnat(values)].astype(np.int64)
        if len(days) and not _INT32.min <= days.min() <= days.max() <= _INT32.max:
            raise OverflowError
    return values


def nests_too_deep(cells: Iterable[Any]) -> bool:
    """Whether lists and dicts among the cells hold others 100 deep, or hold themselves."""
    level = [cell for cell in cells if isinstance(cell, _NESTS)]
    for _ in range(_DEEPEST):
        kinds = set(map(type, chain.from_iterable(map(_inside, level))))
        nests = {kind for kind in kinds if issubclass(kind, _NESTS)}
        if not nests:
            return False
        inner = (item for cell in level for item in _inside(cell) if type(item) in nests)
        level = list({id(item): item for item in inner}.values())
    return True


def _inside(cell: Any) -> Iterable[Any]:
    len(cell)  # Arrow would not notice that it raises
    if isinstance(cell, np.ndarray):
        return cell.ravel().tolist() if cell.dtype.hasobject else ()
    return cell.values() if isinstance(cell, dict) else cell


def _nested(values: Sequence[Any]) -> Any:
    try:
        deep = nests_too_deep(values)
    except Exception as error:  # noqa: BLE001  (a list of a class of its own can raise anything)
        label = ", ".join(sorted({type(value).__name__ for value in values}))
        problem = f"holds values of type {label} that raise {type(error).__name__} when read"
        raise _UnreadableError(label, problem) from None
    if deep:
        problem = f"holds lists or dicts nested more than {_DEEPEST} deep; flatten them first"
        label = "nested too deep"
        raise _UnreadableError(label, problem)
    return _inferred(values)


def _nothing(values: Sequence[Any]) -> Any:
    return pa.nulls(len(values))


_READERS = {
    "null": _nothing,
    "int": _integers,
    "float": _floats,
    "decimal": _decimals,
    "timestamp": _timestamps,
    "time": _times,
    "duration": _durations,
    "datetime64": _numpy_times,
    "timedelta64": _numpy_times,
    "struct": _nested,
    "list": _nested,
}


def _mixed(name: str, values: Sequence[Any], types: set[type]) -> ArrowColumn:
    names = sorted({t.__name__ for t in types})
    listed = ", ".join(names)
    if len(names) == 1:
        problem = f"holds Python objects of type {listed}; convert them to numbers or text first"
        return _refused(name, values, listed, problem)
    problem = f"mixes values of the types {listed}; convert them to one type first"
    return _refused(name, values, f"mixed ({listed})", problem)


def _refused(name: str, values: Sequence[Any], label: str, problem: str) -> ArrowColumn:
    cells = [None if value is None else type(value).__name__ for value in _present(values)]
    return unreadable(name, label, f"column {name!r} {problem}", cells)
