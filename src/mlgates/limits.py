"""Limits, and how numbers are written next to them."""

import math
from dataclasses import dataclass, field
from typing import final

from mlgates.errors import OptionError
from mlgates.options import number

__all__ = ["ROUNDING", "Limit", "format_limit", "format_number", "format_value", "snap_to_limit"]

#: Share of a value that may be rounding: values are right to this.
ROUNDING = 1e-12

_DAY = 86_400
_SPANS = ((3_600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "us"))
_EXACT = 8  # digits of a limit: as it was written
_MOST = 16  # digits that tell any two floats apart


@final
@dataclass(frozen=True, slots=True)
class Limit:
    """An inclusive bound: at least, at most, or both.

    Examples
    --------
    >>> limit = Limit(at_most=0.2)
    >>> limit.holds(0.2), str(limit)
    (True, 'at most 0.2')
    """

    at_least: float | None = None
    at_most: float | None = None
    #: The smallest value that holds; minus infinity without `at_least`.
    low: float = field(init=False, repr=False, compare=False)
    #: The largest value that holds; infinity without `at_most`.
    high: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            msg = "Limit: `at_least` or `at_most` must be given"
            raise OptionError(msg)
        for name in ("at_least", "at_most"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, number("Limit", name, getattr(self, name)))
        object.__setattr__(self, "low", -math.inf if self.at_least is None else self.at_least)
        object.__setattr__(self, "high", math.inf if self.at_most is None else self.at_most)
        if self.low > self.high:
            got = f"got {self.at_least!r} and {self.at_most!r}"
            msg = f"Limit: `at_least` must not be greater than `at_most`, {got}"
            raise OptionError(msg)

    def holds(self, value: float) -> bool:
        """Whether a value is within; NaN never is."""
        return self.low <= value <= self.high

    def excludes(self, interval: tuple[float, float]) -> bool:
        """Whether no value of an interval is within; an interval with a NaN excludes nothing."""
        low, high = interval
        return low > self.high or high < self.low

    def __str__(self) -> str:
        if self.at_least is None:
            return f"at most {self.at_most:,}"
        if self.at_most is None:
            return f"at least {self.at_least:,}"
        return f"from {self.at_least:,} to {self.at_most:,}"


def snap_to_limit(value: float, limit: Limit, scale: float = 0.0) -> float:
    """Return a value, or the bound that it misses by rounding alone.

    Parameters
    ----------
    value : float
        What was measured.
    limit : Limit
        The limit that it is compared with.
    scale : float
        Size of the numbers that it was computed from, where they are larger than the value.

    Examples
    --------
    >>> limit = Limit(at_most=0.1)
    >>> snap_to_limit(0.4 - 0.3, limit, scale=0.4), snap_to_limit(0.1001, limit)
    (0.1, 0.1001)
    """
    tolerance = ROUNDING * max(abs(value), scale)
    for bound in (limit.low, limit.high):
        if math.isfinite(value) and abs(value - bound) <= tolerance:
            return bound
    return value


def format_number(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a number for a message, in its unit.

    Examples
    --------
    >>> format_number(0.1234567), format_number(0.05, "share"), format_number(93_600, "s")
    ('0.1235', '5 %', '26 h')
    """
    if math.isinf(value):
        return "never" if unit == "s" else ("infinite" if value > 0 else "-infinite")
    if unit == "violations":
        return "holds" if value == 0 else "violated" if value == 1 else f"violated {value:,} times"
    suffix = ""
    if unit == "share":
        value, suffix = 100 * value, " %"
    elif unit == "s":
        # the largest unit that fits; hours and minutes from two of them on, and exactly one
        size = abs(value)
        scale, name = next(
            (s for s in _SPANS if size >= (2 * s[0] if s[0] > 1 else s[0]) or size == s[0]),
            (1, "s"),
        )
        if size >= 2 * _DAY:
            scale, name = _DAY, "d"
        value, suffix = value / scale, f" {name}"
    elif isinstance(value, int):
        return f"{value:,}"
    else:
        digits += 1
    # at least so many significant digits, without an exponent where that can be read
    is_whole = 10**digits - 0.5 <= abs(value) < 1e15
    return (f"{value:,.0f}" if is_whole else f"{value:,.{digits}g}") + suffix


def format_limit(limit: Limit, unit: str = "") -> str:
    """Return a limit for a message, in its unit; "" for the unit "violations".

    Examples
    --------
    >>> format_limit(Limit(at_most=0.05), "share"), format_limit(Limit(at_least=1_000), "rows")
    ('at most 5 %', 'at least 1,000')
    """
    if unit == "violations":
        return ""
    low, high = (format_number(end, unit, _EXACT) for end in (limit.low, limit.high))
    if limit.at_least is None:
        return f"at most {high}"
    return f"at least {low}" if limit.at_most is None else f"from {low} to {high}"


def format_value(value: float | None, limit: Limit, unit: str = "") -> str:
    """Return a value with enough digits to show on which side of its limit it lies.

    Examples
    --------
    >>> format_value(0.31234, Limit(at_most=0.2))
    '0.3123'
    >>> format_value(0.0500004, Limit(at_most=0.05), "share")
    '5.00004 %'
    """
    if value is None:
        return "undefined"
    if value in (limit.low, limit.high):
        return format_number(value, unit, _EXACT)
    gap = min(abs(value - limit.low), abs(value - limit.high))
    if value == 0 or math.isinf(gap):
        return format_number(value, unit)
    if gap == 0:  # an integer too long for a float to show the difference
        return format_number(value, unit, _MOST)
    # rounding to d digits moves a value by less than 10 ** (1 - d) / 2 of its size
    digits = 2 + math.floor(math.log10(abs(value)) - math.log10(gap) - math.log10(2))
    return format_number(value, unit, min(max(digits, 3), _MOST))
