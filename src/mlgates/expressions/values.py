"""Operators of row conditions, applied to columns and constants without rounding errors.

If a value is missing (null or NaN), the result is missing, unless it does not depend on this value.
"""

import math
import operator
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import array_of, filled, from_numpy, scalar
from mlgates.expressions.syntax import Moment, Rounded

__all__ = [
    "ZERO",
    "TypeMismatchError",
    "Value",
    "arithmetic",
    "call",
    "compare",
    "described",
    "every",
    "invert",
    "is_in",
    "some",
    "without_nan",
]

#: The values of a column as a `pyarrow.Array`, or one constant: a Fraction, str, bool, date or
#: Moment, or None for a missing value.
Value = Any

ZERO = Fraction(0)

_COMPARE: dict[str, tuple[Callable[..., Any], Callable[[Any, Any], bool]]] = {
    "<": (pc.less, operator.lt),
    "<=": (pc.less_equal, operator.le),
    ">": (pc.greater, operator.gt),
    ">=": (pc.greater_equal, operator.ge),
    "==": (pc.equal, operator.eq),
    "!=": (pc.not_equal, operator.ne),
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_CHECKED = {"+": pc.add_checked, "-": pc.subtract_checked, "*": pc.multiply_checked}
_PLAIN = {"+": pc.add, "-": pc.subtract, "*": pc.multiply}
_EXACT_IN_FLOAT = 2**53
#: 10 to this power is the largest power of ten that is exact as a double.
_EXACT_POWERS = 22
_INT64 = range(-(2**63), 2**63)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400
_WIDEST = 76


class TypeMismatchError(Exception):
    """An operator of a condition got a value of a type that it does not support.

    `Condition.evaluate` raises an EvidenceError instead. Its message also shows the part of the
    condition that has this operator.
    """


def described(value: Value) -> str:
    """Return the type of a value for messages, such as "a value of type int64" or "a string"."""
    if isinstance(value, pa.Array):
        return f"a value of type {value.type}"
    kinds: dict[type, str] = {Fraction: "a number", str: "a string", bool: "true or false"}
    kinds[Rounded] = kinds[Fraction]
    kinds |= {date: "a date", Moment: "a timestamp", type(None): "a missing value"}
    return kinds[type(value)]


def _kind(value: Value) -> str:
    """Return the kind of a value, such as "number" or "time".

    Values can be compared only with values of the same kind.
    """
    if not isinstance(value, pa.Array):
        kinds: dict[type, str] = {Fraction: "number", Rounded: "number", str: "text", bool: "bool"}
        kinds |= {date: "time", Moment: "time", type(None): "null"}
        return kinds[type(value)]
    kind = value.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return "bool" if pa.types.is_boolean(kind) else "null"
    if pa.types.is_timestamp(kind) or pa.types.is_date32(kind):
        return "time"
    if pa.types.is_duration(kind) or pa.types.is_time(kind):
        return "duration" if pa.types.is_duration(kind) else "time of day"
    return "other"


def without_nan(array: pa.Array) -> pa.Array:
    """Return an array in which NaN is replaced by null; the values are not copied.

    In a condition, both mean that the value is missing.
    """
    if not pa.types.is_floating(array.type):
        return array
    number = pc.invert(pc.is_nan(array))
    if pc.all(number, skip_nulls=True).as_py() is not False:
        return array
    if array.offset or number.offset:
        return pc.if_else(number, array, scalar(None, array.type))
    valid = pc.fill_null(number, scalar(False, pa.bool_()))  # noqa: FBT003
    return pa.Array.from_buffers(array.type, len(array), [valid.buffers()[1], array.buffers()[1]])


# Three-valued logic


def every(conditions: Sequence[Value]) -> Value:
    """Combine conditions by "and", separately for each row.

    The result is false if one condition is false. Otherwise it is missing if one condition is
    missing, else true.
    """
    return reduce(partial(_combined, decisive=False), conditions)


def some(conditions: Sequence[Value]) -> Value:
    """Combine conditions by "or", separately for each row.

    The result is true if one condition is true. Otherwise it is missing if one condition is
    missing, else false.
    """
    return reduce(partial(_combined, decisive=True), conditions)


def invert(condition: Value) -> Value:
    """Negate a condition: true becomes false, false becomes true, and missing stays missing."""
    _need_bool(condition)
    if isinstance(condition, pa.Array):
        return pc.invert(condition.cast(pa.bool_()))
    return None if condition is None else not condition


def _combined(left: Value, right: Value, *, decisive: bool) -> Value:
    """Combine two conditions by "or" if `decisive` is true, and by "and" if it is false.

    A condition with the value `decisive` alone decides the result.
    """
    _need_bool(left, right)
    if left is decisive or right is decisive:
        return decisive
    if isinstance(left, pa.Array) or isinstance(right, pa.Array):
        combine = pc.or_kleene if decisive else pc.and_kleene
        return combine(*_as_bools(left, right))
    return None if left is None or right is None else not decisive


def _need_bool(*conditions: Value) -> None:
    for condition in conditions:
        if _kind(condition) not in ("bool", "null"):
            raise TypeMismatchError(
                f"{described(condition)} is not true or false; compare it with a constant"
            )


def _as_bools(*conditions: Value) -> list[Any]:
    return [
        each.cast(pa.bool_()) if isinstance(each, pa.Array) else scalar(each, pa.bool_())
        for each in conditions
    ]


# Comparisons


def compare(sign: str, left: Value, right: Value) -> Value:
    """Compare two values with a sign such as ``<=``; the result is missing if a value is missing.

    Numbers are compared exactly. When a column of floats is compared with a constant such as
    ``0.1``, the constant is first rounded to the type of the column. When a decimal is compared
    with a float, the double nearest to the decimal is used.
    """
    kinds = {_kind(left), _kind(right)}
    if "null" in kinds:
        return _missing_like(left, right)
    kind = next(iter(kinds)) if len(kinds) == 1 else "other"
    if kind == "other":
        raise TypeMismatchError(f"can't compare {described(left)} with {described(right)}")
    if kind == "bool" and sign not in ("==", "!="):
        raise TypeMismatchError(f"`{sign}` can't compare true and false; write `==` or `!=`")
    if not isinstance(left, pa.Array) and not isinstance(right, pa.Array):
        return _compare_constants(sign, left, right)
    if not isinstance(left, pa.Array):
        return compare(_MIRRORED[sign], right, left)
    kernel = _COMPARE[sign][0]
    if kind in ("text", "bool"):
        other = right if isinstance(right, pa.Array) else scalar(right, left.type)
        return kernel(left, other)
    if kind == "number":
        return _compare_numbers(sign, left, right)
    return _compare_times(sign, left, right)


def _missing_like(*operands: Value) -> Value:
    arrays = [operand for operand in operands if isinstance(operand, pa.Array)]
    return pa.nulls(len(arrays[0]), pa.bool_()) if arrays else None


def _compare_constants(sign: str, left: Any, right: Any) -> bool:
    if isinstance(left, date | Moment):
        left, right = _in_ticks(left, "ns"), _in_ticks(right, "ns")
    return _COMPARE[sign][1](left, right)


def _compare_numbers(sign: str, left: pa.Array, right: Any) -> pa.Array:
    if isinstance(right, Fraction):
        if pa.types.is_integer(left.type):
            return _compare_whole(sign, left, right)
        if pa.types.is_floating(left.type):
            return _compare_floats(sign, left, right)
        unscaled = _unscaled(left, left.type.scale)
        return _compare_whole(sign, unscaled, right * 10**left.type.scale)
    kernel = _COMPARE[sign][0]
    floats = [pa.types.is_floating(each.type) for each in (left, right)]
    if all(floats) or left.type == right.type:
        return kernel(left, right)
    if any(floats):
        if floats[0]:
            sign, kernel = _MIRRORED[sign], _COMPARE[_MIRRORED[sign]][0]
            left, right = right, left
        if pa.types.is_decimal(left.type):
            return kernel(_as_floats(left), right)
        return _compare_whole_with_floats(sign, left, right)
    return kernel(*_common_decimals(left, right, whole=True))


def _compare_whole(sign: str, left: pa.Array, constant: Fraction) -> pa.Array:
    """Compare integers, or decimals without decimal places, with an exact constant."""
    whole = constant.denominator == 1
    if not whole:
        if sign in ("==", "!="):
            return _constant_where_valid(left, value=sign == "!=")
        # Less than 2.5 means at most 2, and at least 2.5 means more than 2.
        sign = {"<": "<=", "<=": "<=", ">": ">", ">=": ">"}[sign]
    number = math.floor(constant)
    if pa.types.is_integer(left.type):
        bits, signed = left.type.bit_width, pa.types.is_signed_integer(left.type)
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    else:
        high = 10**left.type.precision - 1
        low = -high
    if low <= number <= high:
        exact = Decimal(number) if pa.types.is_decimal(left.type) else number
        return _COMPARE[sign][0](left, scalar(exact, left.type))
    # The type can't store the number, so all values are on one side of it.
    return _constant_where_valid(left, value=_COMPARE[sign][1](0, number))


def nearest_half(value: Value) -> Value:
    """Round a number of a condition to float16; integers are not rounded.

    A number that was written with a decimal point or an exponent, as in ``"x > 1e4"``, does not
    count as an integer. Values of other types, and numbers that are too large for float16, are
    returned unchanged. The function is used for comparisons with a column that was float16 in the
    user's table.
    """
    if not isinstance(value, Rounded) and not (isinstance(value, Fraction) and value % 1):
        return value
    with np.errstate(over="ignore"):
        nearest = float(np.float16(float(value)))
    return Fraction(nearest) if math.isfinite(nearest) else value


def _compare_floats(sign: str, left: pa.Array, constant: Fraction) -> pa.Array:
    """Compare floats with a constant.

    An integer is compared exactly, unless it was written with a decimal point or an exponent. Any
    other constant is first rounded to the type of the floats, unless it is too large for this type.
    """
    make = np.float32 if left.type == pa.float32() else np.float64
    largest = Fraction(float(np.finfo(make).max))
    nearest = float(make(float(min(max(constant, -largest), largest))))
    whole = constant.denominator == 1 and not isinstance(constant, Rounded)
    if Fraction(nearest) != constant and (whole or abs(constant) > largest):
        if sign in ("==", "!="):
            return _constant_where_valid(left, value=sign == "!=")
        # There is no value of the type between the constant and the nearest value.
        if Fraction(nearest) > constant:
            sign = {"<": "<", "<=": "<", ">": ">=", ">=": ">="}[sign]
        else:
            sign = {"<": "<=", "<=": "<=", ">": ">", ">=": ">"}[sign]
    return _COMPARE[sign][0](left, scalar(nearest, left.type))


def _compare_whole_with_floats(sign: str, whole: pa.Array, floats: pa.Array) -> pa.Array:
    """Compare a column of integers with a column of floats exactly."""
    kernel, exact = _COMPARE[sign]
    answer = kernel(whole.cast(pa.float64(), safe=False), floats)
    most = scalar(_EXACT_IN_FLOAT, pa.int64())
    large = pc.or_(pc.greater(whole, most), pc.less(whole, pc.negate(most)))
    rows = pc.indices_nonzero(pc.and_kleene(large, pc.is_valid(answer)))
    if not len(rows):
        return answer
    numbers, others = whole.take(rows).to_pylist(), floats.take(rows).to_pylist()
    corrected = [exact(a, b) for a, b in zip(numbers, others, strict=True)]
    mask = np.zeros(len(answer), np.bool_)
    mask[filled(rows, 0)] = True
    return pc.replace_with_mask(answer, from_numpy(mask), array_of(corrected, pa.bool_()))


def _constant_where_valid(array: pa.Array, *, value: bool) -> pa.Array:
    """Return an array with `value` in each row that is not missing, and null in the others."""
    return pc.if_else(pc.is_valid(array), *(scalar(x, pa.bool_()) for x in (value, None)))


def is_in(value: Value, constants: Sequence[Any]) -> Value:
    """Return whether a value equals one of several constants, separately for each row.

    The result is missing if the value is missing.
    """
    if isinstance(value, pa.Array) and _kind(value) == "text" and len(constants) > 1:
        if wrong := next((each for each in constants if not isinstance(each, str)), None):
            return compare("==", value, wrong)  # raises
        found = pc.is_in(value, value_set=array_of(constants, value.type))
        return pc.if_else(pc.is_valid(value), found, scalar(None, pa.bool_()))
    return some([compare("==", value, constant) for constant in constants])


# Times


def _compare_times(sign: str, left: pa.Array, right: Any) -> pa.Array:
    """Compare dates, timestamps, durations or times of day exactly, even if their units differ."""
    if not isinstance(right, pa.Array):
        unit = "day" if pa.types.is_date32(left.type) else left.type.unit
        _need_same_zone(_zone(left), _zone(right))
        return _compare_whole(sign, _ticks(left), _in_ticks(right, unit))
    _need_same_zone(_zone(left), _zone(right))
    if left.type == right.type:
        return _COMPARE[sign][0](left, right)
    sides = []
    for array in (left, right):
        per = _DAY * 10**9
        if not pa.types.is_date32(array.type):
            per = 10**9 // _PER_SECOND[array.type.unit]
        sides.append((_ticks(array), per))
    finest = min(per for _, per in sides)
    try:
        scaled = [pc.multiply_checked(ticks, per // finest) for ticks, per in sides]
    except pa.ArrowInvalid:  # out of the range of nanoseconds
        wide = pa.decimal128(38, 0)
        scaled = [
            pc.multiply(
                ticks.cast(pa.decimal128(19, 0)), scalar(per // finest, pa.decimal128(18, 0))
            )
            for ticks, per in sides
        ]
        scaled = [each.cast(wide) for each in scaled]
    return _COMPARE[sign][0](*scaled)


def _ticks(array: pa.Array) -> pa.Array:
    """Return times as integers in their own unit; 64-bit times are not copied."""
    if pa.types.is_date32(array.type) or pa.types.is_time32(array.type):
        return array.view(pa.int32()).cast(pa.int64())
    return array.view(pa.int64())


def _zone(value: Any) -> bool | None:
    """Return whether a timestamp or date has a time zone.

    The result is None for durations and times of day.
    """
    if isinstance(value, pa.Array):
        if pa.types.is_timestamp(value.type):
            return value.type.tz is not None
        return False if pa.types.is_date32(value.type) else None
    return value.aware if isinstance(value, Moment) else False


def _need_same_zone(left: object, right: object) -> None:
    if left != right:
        raise TypeMismatchError(
            "one time has a zone and the other has none; write timestamp('2026-01-31T00:00:00Z')"
        )


def _in_ticks(moment: date | Moment, unit: str) -> Fraction:
    """Convert a date or timestamp constant to a number of units since 1970; `unit` is the unit."""
    if isinstance(moment, Moment):
        ticks = Fraction(moment.nanoseconds, 10**9)
    else:
        ticks = Fraction((moment - date(1970, 1, 1)).days * _DAY)
    return ticks / _DAY if unit == "day" else ticks * _PER_SECOND[unit]


# Arithmetic


def arithmetic(sign: str, left: Value, right: Value) -> Value:
    """Compute ``+``, ``-``, ``*``, ``/`` or ``%`` of two values.

    The result is missing if an operand is missing, or if the divisor is zero. Integers are computed
    with 64 bits; ArrowInvalid is raised if they overflow. Decimals are computed exactly. The result
    of ``/`` is the double nearest to the quotient. The result of ``%`` has the sign of the divisor.
    If an operand is a float, all operands are converted to doubles.
    """
    for operand in (left, right):
        if _kind(operand) not in ("number", "null"):
            raise TypeMismatchError(f"`{sign}` takes numbers, got {described(operand)}")
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        if sign in "/%" and right == 0:
            return None
        plain = {"+": operator.add, "-": operator.sub, "*": operator.mul}
        return (plain | {"/": operator.truediv, "%": operator.mod})[sign](left, right)
    if "null" in (_kind(left), _kind(right)):
        arrays = [operand for operand in (left, right) if isinstance(operand, pa.Array)]
        return pa.nulls(len(arrays[0]), pa.float64()) if arrays else None
    if any(_is_float(operand) for operand in (left, right)):
        return _float_arithmetic(sign, _as_floats(left), _as_floats(right))
    if sign == "/":
        return _quotient(left, right)
    whole = all(_is_whole(operand) for operand in (left, right))
    if whole and all(_fits_64_bits(operand) for operand in (left, right)):
        pair = _as_int64(left), _as_int64(right)
        return _CHECKED[sign](*pair) if sign != "%" else _remainder(*pair)
    first, second = _common_decimals(left, right, whole=sign != "*")
    if sign == "%":
        return _decimal_remainder(first, second)
    return _decimal_arithmetic(sign, first, second)


def call(function: str, value: Value) -> Value:
    """Apply one of the functions of conditions: ``abs``, ``len`` or ``lower``.

    ``abs`` takes a number. ``len`` returns the number of characters of a string, and ``lower`` the
    string in lower case.
    """
    if function == "abs":
        if _kind(value) not in ("number", "null"):
            raise TypeMismatchError(f"`abs` takes numbers, got {described(value)}")
        if not isinstance(value, pa.Array):
            return None if value is None else abs(value)
        if pa.types.is_integer(value.type):
            if not _fits_64_bits(value):  # unsigned
                return value
            return pc.abs_checked(value.cast(pa.int64()))
        return value if _kind(value) == "null" else pc.abs(value)
    if _kind(value) not in ("text", "null"):
        raise TypeMismatchError(f"`{function}` takes strings, got {described(value)}")
    if not isinstance(value, pa.Array):
        if value is None:
            return None
        return Fraction(len(value)) if function == "len" else value.lower()
    if _kind(value) == "null":
        return value
    if function == "lower":
        return pc.utf8_lower(value)
    return pc.utf8_length(value)


def _is_float(value: Value) -> bool:
    if isinstance(value, pa.Array):
        return bool(pa.types.is_floating(value.type))
    return isinstance(value, Fraction) and _decimal_digits(value) is None


def _decimal_digits(value: Fraction) -> int | None:
    """Return how many decimal places a number has.

    The result is None if it has more than 38, or infinitely many.
    """
    places = next((n for n in range(39) if 10**n % value.denominator == 0), None)
    return places if places is not None and abs(value) < 10**38 else None


def _is_whole(value: Value) -> bool:
    if isinstance(value, pa.Array):
        return bool(pa.types.is_integer(value.type))
    return isinstance(value, Fraction) and value.denominator == 1


def _fits_64_bits(value: Value) -> bool:
    if isinstance(value, Fraction):
        return int(value) in _INT64
    if value.type != pa.uint64():
        return True
    largest = pc.max(value).as_py()
    return largest is None or largest in _INT64


def _as_int64(value: Value) -> Any:
    if isinstance(value, Fraction):
        return scalar(int(value), pa.int64())
    return value.cast(pa.int64())


def _as_floats(value: Value) -> Any:
    if isinstance(value, Fraction):
        return scalar(float(value), pa.float64())
    if not pa.types.is_decimal(value.type):
        return value.cast(pa.float64(), safe=False)
    # Arrow's cast of a decimal does not always give the nearest double.
    scale, units = value.type.scale, _unscaled(value, value.type.scale)
    if scale <= _EXACT_POWERS and _is_exact_in_float(units):
        return pc.divide(units.cast(pa.float64()), float(10**scale))
    return value.cast(pa.large_string()).cast(pa.float64())


def _float_arithmetic(sign: str, left: Any, right: Any) -> pa.Array:
    if sign in "/%":
        zero = pc.equal(right, scalar(0.0, pa.float64()))
        right = pc.if_else(zero, scalar(None, pa.float64()), right)
    if sign == "%":
        sides = [_filled(each) for each in (left, right)]
        with np.errstate(all="ignore"):
            answer = from_numpy(np.remainder(*sides))
    else:
        answer = (_PLAIN | {"/": pc.divide})[sign](left, right)
    return without_nan(answer)  # such as inf - inf


def _filled(floats: Any) -> Any:
    """Convert floats to a numpy array in which missing values are NaN."""
    if isinstance(floats, pa.Array):
        return filled(floats, math.nan)
    return math.nan if floats.as_py() is None else floats.as_py()


def _remainder(left: Any, right: Any) -> pa.Array:
    """Return the remainder of 64-bit integers, with the sign of the divisor."""
    sides: list[Any] = []
    missing: Any = np.False_
    for side in (left, right):
        if isinstance(side, pa.Array):
            missing = missing | filled(side.is_null(), 0)
            sides.append(filled(side, 0))
        else:
            sides.append(np.int64(side.as_py()))
    missing = missing | (sides[1] == 0)
    with np.errstate(all="ignore"):
        answer = np.remainder(*sides)
    return from_numpy(answer, np.broadcast_to(missing, np.shape(answer)))


def _quotient(left: Any, right: Any) -> pa.Array:
    """Divide integers or decimals, and round the quotient to the nearest double.

    The result is missing if the divisor is 0.
    """
    scale = max(_scale(left), _scale(right))
    sides: list[Any] = []
    for side in (left, right):
        if isinstance(side, Fraction):
            sides.append(int(side * 10**scale))
        elif pa.types.is_integer(side.type) and not scale:
            sides.append(side)
        else:
            sides.append(_unscaled(_as_decimal(side, scale), scale))
    if all(_is_exact_in_float(side) for side in sides):
        floats = [
            scalar(float(side), pa.float64()) if isinstance(side, int) else side.cast(pa.float64())
            for side in sides
        ]
        return _float_arithmetic("/", *floats)
    rows = max(len(side) for side in sides if isinstance(side, pa.Array))
    tops, bottoms = (
        [side] * rows
        if isinstance(side, int)
        else [None if x is None else int(x) for x in side.to_pylist()]
        for side in sides
    )
    pairs = zip(tops, bottoms, strict=True)
    answers = [None if a is None or not b else float(Fraction(a, b)) for a, b in pairs]
    return pa.array(answers, pa.float64())


def _is_exact_in_float(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) <= _EXACT_IN_FLOAT
    if pa.types.is_integer(value.type) and value.type.bit_width <= 32:
        return True
    span = pc.min_max(value).as_py()
    ends = [end for end in span.values() if end is not None]
    return all(abs(end) <= _EXACT_IN_FLOAT for end in ends)


# Decimals


def _scale(value: Any) -> int:
    if isinstance(value, Fraction):
        return _decimal_digits(value) or 0
    return value.type.scale if pa.types.is_decimal(value.type) else 0


def _decimal_type(precision: int, scale: int) -> pa.DataType:
    if precision > _WIDEST:
        raise TypeMismatchError(
            f"the result would have {precision} digits, at most {_WIDEST} are possible"
        )
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def _digits(value: Any) -> int:
    """Return how many digits the largest value has before the decimal point."""
    if isinstance(value, Fraction):
        return len(str(abs(int(value))))
    span = pc.min_max(value).as_py()
    return max((len(str(abs(int(end)))) for end in span.values() if end is not None), default=1)


def _as_decimal(value: Any, scale: int, digits: int | None = None) -> Any:
    """Convert numbers to decimals with `scale` decimal places, in the narrowest type that fits.

    `digits` is the number of digits before the decimal point. By default it is that of the largest
    number.
    """
    kind = _decimal_type((_digits(value) if digits is None else digits) + scale, scale)
    if isinstance(value, Fraction):
        return scalar(Decimal(int(value * 10**scale)).scaleb(-scale), kind)
    if pa.types.is_integer(value.type):
        value = value.cast(pa.decimal128(20, 0))
    return value.cast(kind)


def _common_decimals(left: Any, right: Any, *, whole: bool) -> tuple[Any, Any]:
    """Convert the two operands of an operator to Arrow decimals.

    If `whole` is False, each operand keeps its own number of decimal places. If it is True, both
    get the larger number of decimal places and the same number of digits. The integers that Arrow
    stores for them can then be compared or divided.
    """
    if not whole:
        return _as_decimal(left, _scale(left)), _as_decimal(right, _scale(right))
    scale, digits = max(_scale(left), _scale(right)), max(_digits(left), _digits(right))
    return _as_decimal(left, scale, digits), _as_decimal(right, scale, digits)


def _decimal_arithmetic(sign: str, left: Any, right: Any) -> pa.Array:
    kinds = left.type, right.type
    if sign == "*":
        precision = kinds[0].precision + kinds[1].precision + 1
    else:
        precision = max(kind.precision for kind in kinds) + 1
    if precision > 38:
        sides = []
        for side, kind in zip((left, right), kinds, strict=True):
            wide = pa.decimal256(kind.precision, kind.scale)
            sides.append(side.cast(wide))
        left, right = sides
        _decimal_type(precision, 0)
    return _PLAIN[sign](left, right)


def _decimal_remainder(left: Any, right: Any) -> pa.Array:
    kind = left.type
    rows = max(len(side) for side in (left, right) if isinstance(side, pa.Array))
    tops, bottoms = (
        side.to_pylist() if isinstance(side, pa.Array) else [side.as_py()] * rows
        for side in (left, right)
    )
    answers = [
        None if a is None or not b else _floor_remainder(a, b)
        for a, b in zip(tops, bottoms, strict=True)
    ]
    return pa.array(answers, kind)


def _floor_remainder(top: Decimal, bottom: Decimal) -> Decimal:
    exact = Fraction(top) % Fraction(bottom)
    scale = max(-int(top.as_tuple().exponent), -int(bottom.as_tuple().exponent), 0)
    return Decimal(int(exact * 10**scale)).scaleb(-scale)


def _unscaled(array: pa.Array, scale: int) -> pa.Array:
    """Multiply decimals by ``10**scale``, so that they become integers; nothing is copied."""
    if scale == 0:
        return array
    make = pa.decimal128 if array.type.bit_width == 128 else pa.decimal256
    kind = make(array.type.precision, 0)
    return pa.Array.from_buffers(
        kind, len(array), array.buffers(), null_count=array.null_count, offset=array.offset
    )
