"""Convert values that users write (limits, sets, categories) exactly to a column's type.

Comparison in double precision is wrong for integers beyond 2**53, for decimals, and for times in
nanoseconds. Here a value becomes a fraction in the unit of the column's values, and a limit is
rounded to the next value of the column's type, which changes no comparison.
"""

import math
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from numbers import Rational, Real
from typing import Any

import numpy as np
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables.field import is_unicode

__all__ = ["ceil_float", "exact", "floor_float", "same_values", "to_decimal", "within"]

NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_DAY = 86_400 * 10**9
_EPOCH = date(1970, 1, 1).toordinal()
#: Precise enough for every decimal of Arrow.
_WIDE = Context(prec=100)

Exact = Fraction | float


def exact(value: object, type_: pa.DataType) -> Exact | None:
    """Return a value exactly, in the unit of a column's values; a float result is infinite.

    The unit is 1 for numbers, a day for dates, and the column's unit for times. Returns None if the
    value is missing (NaN, NaT) or of another kind than the column, so that it equals no value of
    the column. Raises EvidenceError if only one of the two has a time zone.

    Examples
    --------
    >>> exact(Decimal("0.1"), pa.float64())
    Fraction(1, 10)
    >>> exact(date(1970, 1, 3), pa.timestamp("s"))
    Fraction(172800, 1)
    >>> exact(True, pa.int64()) is None
    True
    """
    kinds = pa.types
    count: int | None = None
    if kinds.is_integer(type_) or kinds.is_floating(type_) or kinds.is_decimal(type_):
        if isinstance(value, bool) or not isinstance(value, Real | Decimal):
            return None
        if isinstance(value, Rational):
            return Fraction(int(value.numerator), int(value.denominator))
        if isinstance(value, Decimal) and (value.is_finite() or value.is_nan()):
            return Fraction(value) if value.is_finite() else None
        number = float(value)
        if math.isnan(number):
            return None
        return number if math.isinf(number) else Fraction(number)
    if kinds.is_timestamp(type_):
        count = _instant(value, zone=type_.tz)
    elif kinds.is_date(type_):
        count = _instant(value, zone=None)
    elif kinds.is_time(type_):
        count = _time_of_day(value)
    elif kinds.is_duration(type_):
        count = _span(value)
    if count is None:
        return None
    return Fraction(count, _DAY if kinds.is_date(type_) else NANOSECONDS[type_.unit])


def _instant(value: object, zone: str | None) -> int | None:
    """Return the nanoseconds from 1970-01-01 to a date or datetime; None for other values."""
    if isinstance(value, np.datetime64):
        count, offset = _numpy_nanoseconds(value), None
    elif isinstance(value, date) and value == value:  # noqa: PLR0124  (pandas.NaT is a datetime)
        moment = value if isinstance(value, datetime) else datetime.combine(value, time())
        offset = moment.utcoffset()
        count = (moment.toordinal() - _EPOCH) * _DAY + (_time_of_day(moment.time()) or 0)
        count += getattr(moment, "nanosecond", 0) - (_span(offset) or 0)
    else:
        return None
    aware = offset is not None
    if aware is (zone is None):
        of_value, of_column = ("a", "no") if aware else ("no", "a")
        msg = (
            f"the value {value!s} has {of_value} time zone and the column has {of_column} time zone"
        )
        raise EvidenceError(msg)
    return count


def _time_of_day(value: object) -> int | None:
    if not isinstance(value, time):
        return None
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return seconds * 10**9 + value.microsecond * 1000


def _span(value: object) -> int | None:
    if isinstance(value, np.timedelta64):
        return _numpy_nanoseconds(value)
    if not isinstance(value, timedelta) or value != value:  # noqa: PLR0124  (pandas.NaT)
        return None
    seconds = value.days * 86_400 + value.seconds
    return seconds * 10**9 + value.microseconds * 1000 + getattr(value, "nanoseconds", 0)


def _numpy_nanoseconds(value: np.datetime64 | np.timedelta64) -> int | None:
    if np.isnat(value):
        return None
    unit, count = np.datetime_data(value.dtype)
    if unit in {"Y", "M"} and isinstance(value, np.datetime64):
        value, unit, count = value.astype("datetime64[D]"), "D", 1
    sizes = {"W": 7 * _DAY, "D": _DAY, "h": 3600 * 10**9, "m": 60 * 10**9, **NANOSECONDS}
    return int(value.astype(np.int64)) * count * sizes[unit] if unit in sizes else None


def ceil_float(value: Exact) -> float:
    """Round up to a double, so that ``x < value`` exactly when ``x < ceil_float(value)``.

    Examples
    --------
    >>> ceil_float(Fraction(2**53 + 1)) == 2.0**53 + 2
    True
    """
    return -floor_float(-value)


def floor_float(value: Exact) -> float:
    """Round down to a double, so that ``x > value`` exactly when ``x > floor_float(value)``."""
    if isinstance(value, float):
        return value
    try:
        nearest = float(value)
    except OverflowError:
        return math.nextafter(math.inf, 0) if value > 0 else -math.inf
    return math.nextafter(nearest, -math.inf) if nearest > value else nearest


def to_decimal(units: int, scale: int) -> Decimal:
    """Return ``units / 10**scale`` as a Decimal, whatever the precision of the decimal context."""
    return Decimal(units).scaleb(-scale, _WIDE)


def within(number: int, dtype: np.dtype[Any]) -> bool:
    """Return whether a number is in the range of an integer dtype."""
    limits = np.iinfo(dtype)
    return int(limits.min) <= number <= int(limits.max)


def same_values(values: Iterable[object], type_: pa.DataType) -> pa.Array:
    """Convert the values that a column of this type can hold to an array of the type.

    Values that no cell can equal are left out. Numbers are compared by value, whatever their Python
    type; a bool is not a number, and a text equals only texts. For a floating type, zero becomes
    both zeros.

    Examples
    --------
    >>> same_values([1, 2.0, 2.5, "3", True, 300], pa.int8()).to_pylist()
    [1, 2]
    """
    kinds = pa.types
    equal: Iterable[object] | None = None
    if kinds.is_string(type_) or kinds.is_large_string(type_):
        equal = (str(v) for v in values if isinstance(v, str) and is_unicode(v))
    elif kinds.is_boolean(type_):
        equal = (bool(v) for v in values if isinstance(v, bool | np.bool_))
    elif kinds.is_fixed_size_binary(type_):
        equal = (v for v in values if isinstance(v, bytes) and len(v) == type_.byte_width)
    elif kinds.is_binary(type_) or kinds.is_large_binary(type_):
        equal = (v for v in values if isinstance(v, bytes))
    if equal is not None:
        return pa.array(list(equal), type_)
    numbers = [number for value in values if (number := exact(value, type_)) is not None]
    if kinds.is_floating(type_):
        nearest = np.array([floor_float(number) for number in numbers], np.float64)
        with np.errstate(over="ignore"):
            narrow = nearest.astype(type_.to_pandas_dtype())
        pairs = zip(narrow, nearest, numbers, strict=True)
        same = [value for value, double, number in pairs if float(value) == double == number]
        zeros = [0.0, -0.0] if 0.0 in same else []
        return pa.array([*zeros, *same], type_)
    scale = type_.scale if kinds.is_decimal(type_) else 0
    units = [number * 10**scale for number in numbers if isinstance(number, Fraction)]
    whole = [int(unit) for unit in units if unit.denominator == 1]
    if kinds.is_decimal(type_):
        limit = 10**type_.precision
        return pa.array([to_decimal(n, scale) for n in whole if -limit < n < limit], type_)
    storage = type_
    if not kinds.is_integer(type_):
        storage = pa.int32() if type_.bit_width == 32 else pa.int64()
    dtype = np.dtype(storage.to_pandas_dtype())
    return pa.array([n for n in whole if within(n, dtype)], storage).view(type_)
