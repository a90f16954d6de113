"""Convert the values that users write in options (limits, allowed values) to a column's type.

A number in an option means the value that the column would store for this number: ``0.1`` is the
nearest float32 for a column of float32, and one tenth for a column of decimals. After this
conversion, all comparisons are exact. In double precision, comparisons would be wrong for integers
beyond 2**53, for decimals, and for times in nanoseconds.
"""

import math
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from functools import partial
from numbers import Rational, Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.arrow_arrays import array_of
from mlgates.errors import EvidenceError
from mlgates.tables.field import is_unicode

__all__ = [
    "ceil_float",
    "exact",
    "floor_float",
    "same_values",
    "stored_values",
    "to_decimal",
    "within",
]

NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_DAY = 86_400 * 10**9
_EPOCH = date(1970, 1, 1).toordinal()
#: A decimal context with enough digits for every decimal of Arrow.
_WIDE = Context(prec=100)

Exact = Fraction | float


def exact(value: object, type_: pa.DataType) -> Exact | None:
    """Convert a value to a Fraction that can be compared with the numbers of an Arrow column.

    `type_` is the type of the column:

    - Integers: the result is the value.
    - Floating type: the nearest value of the type. A value beyond its range is not changed.
    - Decimals: a float is read as Python prints it, so ``0.1`` is exactly one tenth.
    - Dates: the number of days since 1970.
    - Timestamps: the time since 1970, in the unit of the type, such as seconds. A date is read as
      its midnight.
    - Times of day: the time since midnight, in the unit of the type.
    - Durations: the length, in the unit of the type.

    An infinite value is returned as a float. The result is None if the value is missing (None, NaN,
    NaT) or of another kind than the column, such as a string or a bool for a column of integers.
    EvidenceError is raised if only the value or only the type has a time zone.

    Examples
    --------
    >>> exact(0.1, pa.decimal128(5, 2)), exact(0.1, pa.float16())
    (Fraction(1, 10), Fraction(819, 8192))
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
        number = _to_fraction(value, as_text=kinds.is_decimal(type_))
        if isinstance(number, Fraction) and kinds.is_floating(type_):
            return _nearest(number, _dtype_of(type_))
        return number
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


def _dtype_of(type_: pa.DataType) -> np.dtype[Any]:
    """Return the numpy dtype of an Arrow type of numbers. (Arrow's own method may load pandas.)"""
    if pa.types.is_floating(type_):
        return np.dtype(f"f{type_.bit_width // 8}")
    kind = "u" if pa.types.is_unsigned_integer(type_) else "i"
    return np.dtype(f"{kind}{type_.bit_width // 8}")


def _to_fraction(value: Real | Decimal, *, as_text: bool) -> Exact | None:
    """Convert a number to an exact fraction; None for NaN, and a float for infinities.

    With `as_text`, a float becomes the decimal number that Python prints for it.
    """
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, Decimal) and (value.is_finite() or value.is_nan()):
        return Fraction(value) if value.is_finite() else None
    number = float(value)
    if math.isnan(number):
        return None
    if math.isinf(number):
        return number
    return Fraction(repr(number) if as_text else number)


def _nearest(number: Fraction, dtype: np.dtype[Any]) -> Fraction:
    """Return the number of a floating dtype that is nearest to a fraction.

    A fraction beyond the dtype's range is returned unchanged.
    """
    try:
        with np.errstate(over="ignore", under="ignore"):
            nearest = float(dtype.type(float(number)))
    except OverflowError:
        return number
    return number if math.isinf(nearest) else Fraction(nearest)


def _instant(value: object, zone: str | None) -> int | None:
    """Convert a date or datetime to nanoseconds since 1970-01-01; return None for other values.

    `zone` is the time zone of the column. EvidenceError is raised if only the column or only the
    value has a time zone.
    """
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
        has, other, how = ("a", "none", "without one") if aware else ("no", "one", "with one too")
        raise EvidenceError(
            f"the given value {value!s} has {has} time zone, but the times of the column have "
            f"{other}; write the value {how}"
        )
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
    """Return the smallest double that is at least `value`.

    For a double ``x``, ``x < value`` is the same as ``x < ceil_float(value)``.

    Examples
    --------
    >>> ceil_float(Fraction(2**53 + 1)) == 2.0**53 + 2
    True
    """
    return -floor_float(-value)


def floor_float(value: Exact) -> float:
    """Return the largest double that is at most `value`.

    For a double ``x``, ``x > value`` is the same as ``x > floor_float(value)``.
    """
    if isinstance(value, float):
        return value
    try:
        nearest = float(value)
    except OverflowError:
        return math.nextafter(math.inf, 0) if value > 0 else -math.inf
    return math.nextafter(nearest, -math.inf) if nearest > value else nearest


def to_decimal(units: int, scale: int) -> Decimal:
    """Return ``units / 10**scale`` as a Decimal; the current decimal context has no effect."""
    return Decimal(units).scaleb(-scale, _WIDE)


def within(number: int, dtype: np.dtype[Any]) -> bool:
    """Return whether an integer dtype of numpy can represent an integer."""
    limits = np.iinfo(dtype)
    return int(limits.min) <= number <= int(limits.max)


def same_values(
    values: Iterable[object], type_: pa.DataType, given: pa.DataType | None = None
) -> pa.Array:
    """Convert values to an Arrow array of a column's type; leave out values that cannot be in it.

    For example, a column of integers cannot contain 2.5 or a string. `stored_values` has the rules,
    and describes the arguments. For a floating type, zero becomes both 0.0 and -0.0.

    Examples
    --------
    >>> same_values([1, 2.0, 2.5, "3", True, 300], pa.int8()).to_pylist()
    [1, 2]
    """
    array, _ = stored_values(values, type_, given)
    if pa.types.is_floating(type_) and 0.0 in array.to_pylist():
        return pa.concat_arrays([array, array_of([-0.0], type_)])
    return array


def stored_values(
    values: Iterable[object], type_: pa.DataType, given: pa.DataType | None = None
) -> tuple[pa.Array, npt.NDArray[np.intp]]:
    """Convert values to a column's type; leave out values that cannot be in such a column.

    The first result is an Arrow array of the type `type_`. The second result has, for each element
    of this array, the position in `values` of the value that was converted. Numbers are converted
    as in `exact`. A bool is not a number, and a string equals only strings. `given` is the type of
    the column in the user's table, by default `type_`. It differs for float16, which is converted
    to float32 when the column is read.

    Examples
    --------
    >>> array, positions = stored_values([1, 2.0, 2.5, "3", True, 300], pa.int8())
    >>> array.to_pylist(), positions.tolist()
    ([1, 2], [0, 1])
    """
    storage, convert = _storage(type_, given or type_)
    cells = [convert(value) for value in values]
    positions = np.array([i for i, cell in enumerate(cells) if cell is not None], np.intp)
    array = array_of([cell for cell in cells if cell is not None], storage)
    return array if storage == type_ else array.view(type_), positions


def _storage(type_: pa.DataType, given: pa.DataType) -> tuple[pa.DataType, Callable[[Any], object]]:
    """Return the Arrow type to which values are converted first, and the function that converts.

    The function converts one value. It returns None for a value that can't be equal to any value of
    the column. `type_` is the type of the column, and `given` is its type in the user's table.
    """
    kinds = pa.types
    if kinds.is_string(type_) or kinds.is_large_string(type_):
        return type_, lambda v: str(v) if isinstance(v, str) and is_unicode(v) else None
    if kinds.is_boolean(type_):
        return type_, lambda v: bool(v) if isinstance(v, bool | np.bool_) else None
    if kinds.is_fixed_size_binary(type_):
        width = type_.byte_width
        return type_, lambda v: v if isinstance(v, bytes) and len(v) == width else None
    if kinds.is_binary(type_) or kinds.is_large_binary(type_):
        return type_, lambda v: v if isinstance(v, bytes) else None
    if kinds.is_floating(type_):
        return type_, partial(_float_cell, _dtype_of(type_), given)
    if kinds.is_decimal(type_):
        return type_, partial(_decimal_cell, type_)
    storage = type_
    if not kinds.is_integer(type_):
        storage = pa.int32() if type_.bit_width == 32 else pa.int64()
    return storage, partial(_integer_cell, type_, _dtype_of(storage))


def _float_cell(dtype: np.dtype[Any], given: pa.DataType, value: object) -> object:
    number = exact(value, given)
    if number is None:
        return None
    nearest = floor_float(number)
    with np.errstate(over="ignore"):
        cell = dtype.type(nearest)
    return cell if float(cell) == nearest == number else None


def _decimal_cell(type_: pa.DataType, value: object) -> object:
    number = exact(value, type_)
    units = number * Fraction(10) ** type_.scale if isinstance(number, Fraction) else None
    if units is None or units.denominator != 1 or abs(units) >= 10**type_.precision:
        return None
    return to_decimal(int(units), type_.scale)


def _integer_cell(type_: pa.DataType, dtype: np.dtype[Any], value: object) -> object:
    number = exact(value, type_)
    if not isinstance(number, Fraction) or number.denominator != 1:
        return None
    return int(number) if within(int(number), dtype) else None
