"""Convert columns of Python objects to Arrow, according to the types of all their values.

Arrow itself infers the type from the first values, and converts the following values to it. Then
True becomes 1.0 after a float, a timestamp loses its time of day after a date, and nanoseconds are
cut off. This module compares the types of all values first. Types that can be stored together are
called a family; an example is all types of integers. A column with values of several families is
unreadable, and is not converted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from mlgates.errors import suppress_errors
from mlgates.tables.field import ArrowColumn, from_arrow, unreadable

__all__ = ["nests_too_deep"]

#: Exceptions that Arrow, and libraries that export to Arrow, raise for values that they can't
#: convert.
UNCONVERTIBLE = (
    pa.ArrowException,
    TypeError,
    ValueError,
    OverflowError,
    NotImplementedError,
    OSError,
)

#: Types that store integers beyond 64 bits.
_BEYOND_64_BITS = (pa.decimal128(38, 0), pa.decimal256(76, 0))
_INT32 = np.iinfo(np.int32)
# Deepest nesting of lists that is converted. Deeper lists, and lists that contain themselves, would
# crash Arrow, whose C++ code is recursive.
_DEEPEST = 100
_NESTS: tuple[type, ...] = (list, tuple, dict, set, frozenset, np.ndarray, type({}.values()))
# For each kind of dtype, numpy's units that Arrow lacks, and the finer units that replace them.
# (Timedeltas in months are not included, because a month has no fixed number of seconds.)
_FINER = {
    "M": {"Y": "D", "M": "D", "W": "D", "h": "s", "m": "s"},
    "m": {"W": "s", "D": "s", "h": "s", "m": "s"},
}
# Subclasses must come first: a bool is an int, a numpy.timedelta64 is an integer, and a datetime is
# a date.
_FAMILIES: dict[str, tuple[type, ...]] = {
    "datetime64": (np.datetime64,),
    "timedelta64": (np.timedelta64,),
    "bool": (bool, np.bool_),
    "int": (int, np.integer),
    "float": (float, np.float16, np.float32),
    "decimal": (Decimal,),
    "string": (str,),
    "binary": (bytes, bytearray, memoryview),
    "timestamp": (datetime,),
    "date": (date,),
    "time": (time,),
    "duration": (timedelta,),
    "struct": (dict,),
    "list": (list, tuple, np.ndarray),
}
_HAVING_NAN = (float, complex, np.inexact, Decimal, np.datetime64, np.timedelta64)
_MISSING_NAMES = frozenset({"NoneType", "NAType", "NaTType"})


def from_objects(name: str, values: Sequence[Any], *, keep_nan: bool = False) -> ArrowColumn:
    """Convert a column of Python objects to Arrow, according to the types of all its values.

    None, ``pandas.NA``, ``NaT`` and NaN become null. If `keep_nan` is True and all values are
    floats, NaN stays NaN. If the values have types that Arrow can't store in one column (such as
    numbers and strings), or a type that Arrow lacks, the result is an unreadable column, and its
    `field` has the reason.

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
        return from_arrow(name, pa.array(cells, _float_type(values), from_pandas=False))
    if floats and all(v != v for v in [v for v in values if type(v) in floats]):  # noqa: PLR0124
        types -= floats
    if not all(t is type(None) or issubclass(t, float) for t in (seen - types) | floats):
        values = _none_if_missing(values)  # Arrow reads only None and Python's NaN as missing
    families = {_family(t) for t in types}
    if "int" in families and families in ({"int", "float"}, {"int", "decimal"}):
        families -= {"int"}
    names = sorted({t.__name__ for t in types})
    label = ", ".join(names)
    if len(families) <= 1 and None not in families:
        family = str(next(iter(families), "null"))
        try:
            array, field = from_arrow(name, _converted(family, values))
        except _UnreadableError as error:
            problem, label = error.args
        except UnicodeEncodeError:
            label = "str with lone surrogates"
            problem = "holds text that is not valid Unicode (lone surrogates); clean it first"
        except UNCONVERTIBLE:
            problem = f"holds values of type {label} that Arrow can't represent; "
            problem += "convert them to another type first"
        else:  # (a Decimal stays a decimal even if it is a whole number)
            return ArrowColumn(array, replace(field, kind=family) if family == "decimal" else field)
    elif len(names) == 1:
        problem = f"holds Python objects of type {label}; convert them to numbers or text first"
    else:
        problem = f"mixes values of the types {label}; convert them to one type first"
        label = f"mixed ({label})"
    types_of_cells = [None if v is None else type(v).__name__ for v in _none_if_missing(values)]
    return unreadable(name, label, f"column {name!r} {problem}", types_of_cells)


def is_missing(value: object) -> bool:
    """Return whether a value is None, NA, NaT or NaN; the function never raises.

    Examples
    --------
    >>> is_missing(float("nan")), is_missing(Decimal("NaN")), is_missing("")
    (True, True, False)
    """
    if type(value).__name__ in _MISSING_NAMES:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    # Only NaN and NaT are not equal to themselves.
    return isinstance(value, _HAVING_NAN) and bool(value != value)  # noqa: PLR0124


class _UnreadableError(Exception):
    """No Arrow type can store the values of a column.

    The exception has two arguments. The first is the problem, as the end of a sentence that begins
    with the column's name, such as "holds integers of more than 76 digits; convert them to text or
    float". The second is the type of the column for messages, such as "int".
    """


def _family(cell_type: type) -> str | None:
    return next((family for family, of in _FAMILIES.items() if issubclass(cell_type, of)), None)


def _none_if_missing(values: Sequence[Any]) -> Sequence[Any]:
    """Return the values, with None in place of each missing value (NA, NaT, NaN)."""
    types = set(map(type, values))
    absent = {t for t in types if t.__name__ in _MISSING_NAMES}
    doubtful = {t for t in types - absent if issubclass(t, _HAVING_NAN)}
    if not absent and not doubtful:
        return values
    return [
        None if (t := type(value)) in absent or (t in doubtful and is_missing(value)) else value
        for value in values
    ]


def _converted(family: str, values: Sequence[Any]) -> Any:
    """Convert values of one family of types, such as "int", to an Arrow array."""
    if family == "null":
        return pa.nulls(len(values))
    if family in ("int", "float", "decimal"):
        return _numbers(family, values)
    if family in ("timestamp", "time", "duration"):
        return _times(family, _none_if_missing(values))
    if family in ("datetime64", "timedelta64"):
        return _numpy_times(_none_if_missing(values))
    if family in ("struct", "list"):
        with suppress_errors() as caught:  # a user's subclass of list can raise anything
            deep = nests_too_deep(values)
        if caught.error is not None:
            label = ", ".join(sorted({type(value).__name__ for value in values}))
            why = type(caught.error).__name__
            problem = f"holds values of type {label} that raise {why} when read"
            raise _UnreadableError(problem, label)
        if deep:
            problem = f"holds lists or dicts nested more than {_DEEPEST} deep; flatten them first"
            raise _UnreadableError(problem, "nested too deep")
    return pa.array(values, from_pandas=True)


def _numbers(family: str, values: Any) -> Any:
    """Convert numbers to an Arrow array.

    The type of integers is the first of int64, uint64 and decimals that can store all of them.
    """
    if family == "float":
        try:
            return pa.array(values, _float_type(values), from_pandas=True)
        except (OverflowError, pa.ArrowInvalid):
            problem = (
                "holds integers beyond 2**53 among floats, which no float can represent "
                "exactly; convert all to Decimal, or to float if the loss doesn't matter"
            )
            raise _UnreadableError(problem, "mixed (float, int)") from None
    if family == "decimal":
        try:
            return pa.array(_none_if_missing(values))
        except UNCONVERTIBLE:
            problem = (
                "holds Decimal values that Arrow can't represent (infinite, or of more than "
                "76 digits); convert them to float"
            )
            raise _UnreadableError(problem, "Decimal") from None
    try:
        return pa.array(values, pa.int64(), from_pandas=True)
    except (OverflowError, pa.ArrowInvalid):
        cells = [None if value is None else int(value) for value in _none_if_missing(values)]
    for wider in (pa.uint64(), *_BEYOND_64_BITS):
        try:
            return pa.array(cells, wider)
        except (OverflowError, pa.ArrowInvalid):
            continue
    problem = "holds integers of more than 76 digits; convert them to text or float"
    raise _UnreadableError(problem, "int")


def _float_type(values: Sequence[Any]) -> pa.DataType:
    """Return the numpy float type that all values have; double if their types differ."""
    types = set(map(type, values))
    narrow = types & {np.float16, np.float32}
    if len(narrow) != 1:
        return pa.float64()
    (kind,) = narrow
    others = [v for v in values if type(v) is not kind and not is_missing(v)]
    return pa.float64() if others else pa.from_numpy_dtype(kind)


def _times(family: str, cells: Sequence[Any]) -> Any:
    """Convert datetimes, times of day or timedeltas to an Arrow array.

    The unit is nanoseconds if at least one value has nanoseconds, else microseconds.
    """
    if family == "time":
        if any(cell is not None and cell.tzinfo is not None for cell in cells):
            problem = (
                "holds times of day with a time zone, which Arrow can't store; remove the zone"
            )
            raise _UnreadableError(problem, "time with zone")
        return pa.array(cells)
    # pandas' Timestamp and Timedelta can have nanoseconds.
    fine = any(getattr(c, "nanosecond", 0) or getattr(c, "nanoseconds", 0) for c in cells)
    unit = "ns" if fine else "us"
    if family == "duration":
        return pa.array(cells, pa.duration(unit))
    zones = {cell.tzinfo for cell in cells if cell is not None}
    if None in zones and len(zones) > 1:
        problem = "mixes timestamps with and without a time zone; give all of them one, or none"
        raise _UnreadableError(problem, "mixed (naive datetime, aware datetime)")
    # pytz has different objects for winter and summer time of one zone. Their names are equal.
    (zone, *others) = {getattr(zone, "zone", None) or zone for zone in zones}
    if zone is not None:
        if others or not isinstance(zone, str | timezone | ZoneInfo):
            zone = "UTC"  # several zones, or one without a name in Arrow
        elif not isinstance(zone, str):
            zone = pa.array([datetime(1970, 1, 2, tzinfo=zone)]).type.tz
    return pa.array(cells, pa.timestamp(unit, zone))


def _numpy_times(cells: Sequence[Any]) -> Any:
    """Convert numpy datetimes or timedeltas to an Arrow array; its unit is the finest of theirs."""
    empty = type(next(cell for cell in cells if cell is not None))("NaT")
    array = np.array([empty if cell is None else cell for cell in cells])
    pairs = [pair for pair in zip(array, cells, strict=True) if pair[1] is not None]
    # Compare in the coarser unit. In the finer unit, both sides would overflow in the same way, and
    # would be equal.
    if any(fine.astype(cell.dtype) != cell for fine, cell in pairs):
        problem = (
            "holds times whose range exceeds 64 bits in their finest unit; remove the "
            "outliers or convert to a coarser unit"
        )
        raise _UnreadableError(problem, str(array.dtype))
    return pa.array(in_arrow_units(array), from_pandas=True)


def in_arrow_units(values: Any) -> Any:
    """Convert numpy datetimes or timedeltas to a unit that Arrow has, without loss of precision.

    For example, minutes become seconds. OverflowError is raised if a value is outside of the range
    of the new unit, because numpy and Arrow would return wrong values and raise no error.
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
    """Return whether lists or dicts in a column are nested 100 deep, or contain themselves."""
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
    len(cell)  # raises here; Arrow would ignore the exception
    if isinstance(cell, np.ndarray):
        return cell.ravel().tolist() if cell.dtype.hasobject else ()
    return cell.values() if isinstance(cell, dict) else cell
