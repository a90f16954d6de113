"""Limits, measurements and verdicts, and `decide`, which gives the verdict of a measurement.

Only `decide` returns PASS, and only `worst_first` defines an order of verdicts.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Real
from typing import Any, Literal, NamedTuple, NoReturn, TypedDict, Unpack, final

from mlgates.errors import OptionError
from mlgates.options import OptionsByName, choice, count, flag, number, real, refuse, share

__all__ = [
    "NO_INTERVAL",
    "ROUNDING",
    "Check",
    "Decision",
    "Details",
    "Later",
    "Limit",
    "Measurement",
    "Rule",
    "Unit",
    "Verdict",
    "before_rounding",
    "decide",
    "format_ends",
    "format_interval",
    "format_limit",
    "format_measurement",
    "format_number",
    "format_value",
    "slice_clause",
    "snap_to_limit",
    "worst_first",
]

#: Relative rounding error that is tolerated in a value.
ROUNDING = 1e-12

_MINUTE, _DAY = 60, 86_400
_SPANS = ((3_600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_EXACT = 8  # digits of a limit, enough to show most as they were written
_MOST = 17  # most digits, which distinguish all floats
_ROUNDING_PERCENT = 1e-10  # distance of a percentage from 100 that is a rounding error
_CLOSE = 1e-7  # relative distance of a value from a limit that `_EXACT` digits may hide


@final
@dataclass(frozen=True, slots=True)
class Limit(OptionsByName):
    """The allowed range of a measured value: a smallest value, a largest value, or both.

    `low` and `high` are the same bounds as numbers: `low` is minus infinity if there is no smallest
    value, and `high` is infinity if there is no largest value.

    Examples
    --------
    >>> limit = Limit(at_most=0.2)
    >>> limit.holds(0.2), str(limit)
    (True, 'at most 0.2')
    """

    at_least: float | None = None
    at_most: float | None = None
    low: float = field(init=False, repr=False, compare=False)
    high: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise OptionError("Limit: `at_least` or `at_most` must be given")
        for name in ("at_least", "at_most"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, number("Limit", name, getattr(self, name)))
        object.__setattr__(self, "low", -math.inf if self.at_least is None else self.at_least)
        object.__setattr__(self, "high", math.inf if self.at_most is None else self.at_most)
        if self.low > self.high:
            raise OptionError(
                "Limit: `at_least` must not be greater than `at_most`, got "
                f"{self.at_least!r} and {self.at_most!r}"
            )

    def holds(self, value: float) -> bool:
        """Return whether a value is allowed.

        A value that equals a bound is allowed. NaN is never allowed.
        """
        return self.low <= value <= self.high

    def excludes(self, interval: tuple[float, float]) -> bool:
        """Return whether the whole interval is beyond the limit; False if an end is NaN."""
        low, high = interval
        return low > self.high or high < self.low

    def __str__(self) -> str:
        if self.at_least is None:
            return f"at most {self.at_most:,}"
        if self.at_most is None:
            return f"at least {self.at_least:,}"
        return f"from {self.at_least:,} to {self.at_most:,}"


def snap_to_limit(value: float, limit: Limit, scale: float = 0.0) -> float:
    """Return a bound of the limit if the value differs from it only by a rounding error.

    Otherwise return the value unchanged. For example, ``0.4 - 0.3`` is slightly above 0.1 in
    floating-point arithmetic; with a limit of at most 0.1, the bound 0.1 is returned.

    Parameters
    ----------
    value : float
        The measured value.
    limit : Limit
        The limit for the value.
    scale : float
        Size of the numbers from which the value was computed, if they are larger than the value:
        0.4 for ``0.4 - 0.3``. The rounding error that is tolerated is proportional to it.

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


def before_rounding(exact: float, snapped: float, limit: Limit) -> dict[str, float]:
    """Return a dict with the exact value if it passes only because a rounding error is tolerated.

    `exact` is the measured value, and `snapped` is what `snap_to_limit` returned for it. If
    `snapped` is within the limit and `exact` is not, the result is an item for the details of a
    check, which `Check.judge` shows in the reason. Otherwise the result is an empty dict.

    Examples
    --------
    >>> before_rounding(0.4 - 0.3, 0.1, Limit(at_most=0.1))
    {'before_rounding': 0.10000000000000003}
    """
    return {"before_rounding": exact} if limit.holds(snapped) and not limit.holds(exact) else {}


def format_number(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a number as a string with its unit, rounded to `digits` significant digits.

    A float without a unit gets one digit more. Below 1e15, digits before the point are never
    rounded away: 12345.6 becomes "12,346". A share that is just below 100 % gets as many digits as
    are needed to show this. Integers without a unit are not rounded.

    With the unit "share", 0.05 becomes "5 %". With the unit "s", a number of seconds becomes a time
    such as "26 h".

    Examples
    --------
    >>> format_number(0.1234567), format_number(0.05, "share"), format_number(93_600, "s")
    ('0.1235', '5 %', '26 h')
    """
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinity"
    if unit == "violations":
        return "holds" if value == 0 else "violated" if value == 1 else f"{value:,} violations"
    suffix = ""
    if unit == "share":
        value, suffix = 100 * value, " %"
    elif unit == "s":
        # Use the largest unit in which the time is at least 2 or exactly 1. For seconds and smaller
        # units, at least 1 is enough.
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
        digits = min(digits + 1, _MOST)
    # at least `digits` significant digits, without an exponent below 1e15
    is_whole = 10**digits - 0.5 <= abs(value) < 1e15
    if unit == "share" and _ROUNDING_PERCENT < 100 - abs(value) < 1:  # below 100 %, if only just
        enough = (d for d in range(digits, _MOST) if float(f"{abs(value):.{d}g}") < 100)
        digits = next(enough, _MOST)
    return (f"{value:,.0f}" if is_whole else f"{value:,.{digits}g}") + suffix


def format_limit(limit: Limit, unit: str = "", value: float | None = None) -> str:
    """Return a limit in words, such as "at most 5 %" for a share.

    Times and shares are written with their unit, and counts, such as "rows", without it. A limit on
    the number of violations is always 0, so for "violations" the result is empty. If a `value` is
    given, the limit gets enough digits to show whether the value is within it.

    Examples
    --------
    >>> format_limit(Limit(at_most=0.05), "share"), format_limit(Limit(at_least=1_000), "rows")
    ('at most 5 %', 'at least 1,000')
    """
    if unit == "violations":
        return ""
    if limit.at_least is None:
        return f"at most {_format_bound(limit.high, unit, value)}"
    low = _format_bound(limit.low, unit, value)
    if limit.at_most is None:
        return f"at least {low}"
    return f"from {low} to {_format_bound(limit.high, unit, value)}"


def _format_bound(bound: float, unit: str, value: float | None) -> str:
    """Format a bound; use all digits if fewer could hide its difference from a value."""
    digits = _EXACT
    if value is not None and abs(value - bound) <= _CLOSE * abs(bound) < math.inf:
        # The default `_MOST` is for long integers that are equal to no float.
        enough = (d for d in range(_EXACT, _MOST) if float(f"{bound:.{d}g}") == bound)
        digits = next(enough, _MOST)
        # minutes and hours have other digits than seconds
        if unit == "s" and abs(bound) >= _MINUTE and value != bound:
            digits = max(digits, _digits(bound, value))
    return format_number(bound, unit, digits)


def _digits(value: float, other: float) -> int:
    """Return how many significant digits are enough to show that two numbers differ."""
    gap = abs(value - other)
    if gap == 0:  # the difference of long integers is lost as float
        return _MOST
    # rounding to d digits changes a value by less than 10 ** (1 - d) / 2 of its size
    digits = 2 + math.floor(math.log10(abs(value)) - math.log10(gap) - math.log10(2))
    return min(max(digits, 3), _MOST)


def slice_clause(group: str | None) -> str:
    """Return words that name a slice (subset of the rows), such as ``" where sex=f"``.

    They are added to the end of a clause of a message. If `group` is None, the clause is about all
    rows, and the result is "".

    Examples
    --------
    >>> slice_clause("pclass=1"), slice_clause("recent"), slice_clause(None)
    (' where pclass=1', ' in slice `recent`', '')
    """
    if group is None:
        return ""
    return f" where {group}" if "=" in group else f" in slice `{group}`"


def format_value(value: float | None, limit: Limit, unit: str = "") -> str:
    """Return a value as a string, with enough digits to show on which side of its limit it is.

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
        return _format_bound(value, unit, value)
    nearest = min(limit.low, limit.high, key=lambda end: abs(value - end))
    if value == 0 or math.isinf(value - nearest):
        return format_number(value, unit)
    text = format_number(value, unit, _digits(value, nearest))
    if text in (_format_bound(end, unit, value) for end in (limit.low, limit.high)):
        # Converted to the unit, value and limit are the same float, so add the exact value.
        text += f" ({value!r})"
    return text


def format_interval(
    interval: tuple[float, float],
    confidence: float | None,
    unit: str = "",
    limit: Limit | None = None,
) -> str:
    """Return a confidence interval in words, with its confidence level if it is not None.

    If a `limit` is given, the ends get enough digits to show on which side of the limit they are.

    Examples
    --------
    >>> format_interval((0.81, 0.85), 0.95), format_interval((2.0, math.inf), None, "s")
    ('95 % interval 0.81 to 0.85', 'interval from 2 s upwards')
    """
    level = "" if confidence is None else f"{format_number(confidence, 'share')} "
    return f"{level}interval {format_ends(interval, unit, limit)}"


def format_ends(interval: tuple[float, float], unit: str = "", limit: Limit | None = None) -> str:
    """Return the two ends of an interval in words; an infinite end is left out.

    If both ends are infinite, the result is "minus infinity to infinity". If a `limit` is given,
    the ends get enough digits to show on which side of the limit they are.

    Examples
    --------
    >>> format_ends((0.81, 0.85)), format_ends((2.0, math.inf), "s"), format_ends((-math.inf, 2))
    ('0.81 to 0.85', 'from 2 s upwards', 'up to 2')
    """
    low, high = (
        format_number(end, unit) if limit is None else format_value(end, limit, unit)
        for end in interval
    )
    if not math.isinf(interval[1]):
        return f"up to {high}" if math.isinf(interval[0]) else f"{low} to {high}"
    return f"{low} to infinity" if math.isinf(interval[0]) else f"from {low} upwards"


def format_measurement(measurement: "Measurement", limit: Limit, unit: str = "") -> str:
    """Return the value of a measurement in words, with its interval and its number of rows.

    The value and the interval get enough digits to show on which side of the `limit` they are.

    Examples
    --------
    >>> measured = Measurement(0.06, n=100, interval=(0.028, 0.125), confidence=0.95)
    >>> format_measurement(measured, Limit(at_most=0.1), "share")
    '6 % (95 % interval 2.8 % to 12.5 %, n = 100)'
    """
    ends, interval = measurement.interval, ""
    if ends is not None:
        interval = f"{format_interval(ends, measurement.confidence, unit, limit)}, "
    return f"{format_value(measurement.value, limit, unit)} ({interval}n = {measurement.n:,})"


Rule = Literal["estimate", "significance", "interval"]
RULES: tuple[Rule, ...] = ("estimate", "significance", "interval")
Unit = Literal["", "share", "s", "rows", "violations"]
UNITS: tuple[Unit, ...] = ("", "share", "s", "rows", "violations")


class Verdict(StrEnum):
    """The verdict of a check, a gate or a suite; as a bool, only PASS is true.

    Examples
    --------
    >>> Verdict.worst([Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE])
    <Verdict.FAIL: 'fail'>
    >>> bool(Verdict.INCONCLUSIVE)
    False
    """

    PASS = "pass"
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    ERROR = "error"
    SKIP = "skip"

    @classmethod
    def worst(cls, verdicts: Iterable["Verdict"]) -> "Verdict":
        """Return the worst of the given verdicts.

        From the worst to the best, the order is ERROR, FAIL, INCONCLUSIVE, PASS. SKIP is ignored,
        unless all verdicts are SKIP; then the result is SKIP.

        Raises
        ------
        ValueError
            If no verdict is given.
        """
        given = [cls(verdict) for verdict in verdicts]
        if not given:
            raise ValueError("Verdict.worst needs at least one verdict")
        return min(given, key=worst_first)

    def __bool__(self) -> bool:
        return self is Verdict.PASS

    def _unordered(self, other: object) -> NoReturn:
        raise TypeError(f"verdicts can't be ordered, got {self!r} and {other!r}; use Verdict.worst")

    __lt__ = __le__ = __gt__ = __ge__ = _unordered


_WORST_FIRST = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.SKIP)


def worst_first(verdict: Verdict) -> int:
    """Return a sort key for verdicts that puts the worst first, and SKIP last."""
    return _WORST_FIRST.index(verdict)


# the types of most details, which need no conversion
_PLAIN = frozenset({type(None), bool, float, str})


class Later(NamedTuple):
    """A value of `Details` that is computed when it is first read.

    Many details of many checks take long to compute, and are read only if a report is shown or
    saved.
    """

    make: Callable[[], object]


class Details(Mapping[str, object]):
    """A read-only mapping from strings to values, each of which can be written as JSON.

    Sequences become tuples, and NaN becomes None. The mapping is equal to a dict with the same
    items. To compute a value only when it is first read, give it as a `Later`.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[Any, object]) -> None:
        if type(items) is Details:  # already plain and read-only
            self._items: dict[str, object] = items._items  # noqa: SLF001
            return
        self._items = {}
        for key, value in items.items():
            if not isinstance(key, str):  # 1 and "1" would be the same key in JSON
                raise TypeError(f"details: keys must be strings, got {key!r}")
            self._items[str(key)] = value if type(value) is Later else _plain(value, key)

    def __getitem__(self, key: str) -> object:
        value = self._items[key]
        if type(value) is Later:
            value = self._items[key] = _plain(value.make(), key)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return Details, (dict(self),)


def _plain(value: Any, key: str) -> object:
    """Convert a value of details to JSON types; raise TypeError if that is impossible.

    Numpy scalars become Python's, NaN becomes None, and lists become tuples.
    """
    if type(value) in _PLAIN:
        return None if value != value else value  # noqa: PLR0124  (NaN)
    if type(value) is int:
        return _number_or_none(key, value)
    item = value.item() if getattr(value, "shape", None) == () else value
    if isinstance(item, dict | Mapping):  # `dict` first, because isinstance is slow for Mapping
        return Details(item)
    if isinstance(item, list | tuple):
        return tuple([_plain(part, key) for part in item])  # (a generator is slower)
    if item is None or isinstance(item, bool):
        return item
    if isinstance(item, str):
        return str(item)
    if isinstance(item, Real):
        return _number_or_none(key, item)
    allowed = "None, bools, numbers, strings, sequences and mappings"
    raise TypeError(f"details: `{key}` must be made of {allowed}, got {type(value).__name__}")


def _number_or_none(name: str, value: object) -> float | None:
    """Check that a field is a number or None; return it as int or float, and NaN as None."""
    if value is None:
        return None
    plain = real(value)
    if isinstance(plain, int) and abs(plain) > sys.float_info.max:
        msg = f"`{name}` must be a number that a float can hold, of at most {sys.float_info.max:g}"
        msg += f", got an integer of {plain.bit_length():,} bits"
        raise TypeError(msg)
    if plain is None:
        raise TypeError(f"`{name}` must be a number or None, got {value!r}")
    return None if plain != plain else plain  # noqa: PLR0124


def _normalize(thing: "Measurement | Check") -> None:
    """Check the fields that measurements and checks both have, and convert them to plain types."""
    owner = type(thing).__name__
    if not isinstance(thing.method, str):
        raise refuse(owner, "method", "a string", thing.method)
    if thing.interval is not None:
        ends = [_number_or_none("interval", end) for end in thing.interval]
        known = [end for end in ends if end is not None]
        if len(ends) != 2 or known != sorted(known):
            raise refuse(owner, "interval", "(low, high)", tuple(ends))
        # an interval with an undefined end counts as undefined
        interval = (known[0], known[1]) if len(known) == 2 else None
        object.__setattr__(thing, "interval", interval)
    for name in ("value", *_LEVELS):
        plain = _number_or_none(name, getattr(thing, name))
        if plain is not None and name in _LEVELS:
            share(owner, name, plain)
        object.__setattr__(thing, name, plain)
    for name in ("n", "dropped"):
        object.__setattr__(thing, name, count(owner, name, getattr(thing, name)))
    object.__setattr__(thing, "details", Details(thing.details))


_LEVELS = ("confidence", "p_value")
#: The fields that a check copies from its measurement.
_OF_MEASUREMENT = ("value", "interval", "n", "dropped", "method", "details", *_LEVELS)


@final
@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured value, the number of rows that it is computed from, and its uncertainty.

    A function with the decorator `gate` can return a measurement. `decide` and `Check.judge`
    compare it with a limit.

    Parameters
    ----------
    value : float or None
        The value; None if it is undefined. NaN becomes None.
    n : int
        Number of rows that the value is computed from.
    dropped : int
        Number of rows that were left out because they could not be used; by default 0.
    interval : (float, float), optional
        Two-sided confidence interval of the value. It becomes None if an end is None or NaN.
    confidence : float, optional
        Confidence level of the interval, between 0 and 1.
    p_value : float, optional
        Probability of a value at least as extreme as this one, if the null hypothesis is true (for
        example, if nothing changed). The p-value is compared with the significance level as it is.
        If you make several tests, correct their p-values first.
    method : str
        Name of the statistical method that computed the value or the interval, for reports.
    details : Mapping
        Further information for reports. Its values are None, bools, numbers, strings, sequences and
        mappings.
    """

    value: float | None
    n: int
    dropped: int = 0
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    p_value: float | None = None
    method: str = ""
    details: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _normalize(self)


class DecideOptions(TypedDict, total=False):
    """The names and types of the optional arguments of `decide` and `Check.judge`.

    It is only used in annotations, for type checkers.
    """

    rule: Rule
    min_n: int
    max_dropped: float
    significance: float
    pass_p_value: float | None
    pass_significance: float | None
    insufficient: str
    insufficient_by_chance: bool
    insufficient_for_pass: str
    chance: str
    remedy: str
    noun: str


class Decision(NamedTuple):
    """The result of `decide`: a verdict, its reason, and whether more rows could change it.

    `because` is the reason; it is empty for PASS and FAIL, because the value and the limit explain
    them. `by_chance` is True if the verdict is INCONCLUSIVE only because more rows are needed to
    decide: the interval contains the limit, or the p-value is too large.
    """

    verdict: Verdict
    because: str = ""
    by_chance: bool = False


#: The reason if the rule is "interval" and there is no interval.
NO_INTERVAL = (
    "no confidence interval can be computed; set decide_by='estimate' to decide by the value alone"
)


def decide(
    measurement: Measurement,
    limit: Limit,
    rule: Rule = "estimate",
    *,
    min_n: int = 1,
    max_dropped: float = 0.0,
    significance: float = 0.05,
    pass_p_value: float | None = None,
    pass_significance: float | None = None,
    insufficient: str = "",
    insufficient_by_chance: bool = False,
    insufficient_for_pass: str = "",
    chance: str = "",
    remedy: str = "",
    noun: str = "rows",
) -> Decision:
    """Compare a measured value with a limit and return the verdict.

    The verdict is PASS only for a finite value within the limit that is computed from enough rows.

    Parameters
    ----------
    measurement : Measurement
        The measured value.
    limit : Limit
        The allowed values.
    rule : {"estimate", "significance", "interval"}
        How the verdict follows. "estimate": PASS if the value is within the limit, FAIL if it is
        beyond. "significance": PASS if the value is within the limit; a value beyond the limit is a
        FAIL if its p-value is at most `significance`, and INCONCLUSIVE otherwise. "interval": PASS
        if the whole confidence interval is within the limit, FAIL if the whole interval is beyond,
        and INCONCLUSIVE otherwise.
    min_n : int
        Smallest number of rows; if there are fewer, the verdict is INCONCLUSIVE.
    max_dropped : float
        Largest share of the rows that may be left out, from 0 to 1; above it, the verdict is
        INCONCLUSIVE.
    significance : float
        Largest p-value of a FAIL by the rule "significance".
    pass_p_value, pass_significance : float, optional
        A second test for the rule "significance", whose small p-values show that the true value is
        within the limit. A value within the limit is a PASS only if `pass_p_value` is at most
        `pass_significance`, and INCONCLUSIVE otherwise. By default there is no second test, and
        each value within the limit is a PASS.
    insufficient : str
        Reason why neither PASS nor FAIL is possible. If it is not empty, the verdict is
        INCONCLUSIVE.
    insufficient_by_chance : bool
        Whether more rows would remove the reason in `insufficient`. The field `by_chance` of the
        result is then True.
    insufficient_for_pass : str
        Reason why PASS is not possible. If it is not empty, the verdict is INCONCLUSIVE instead of
        PASS; FAIL is still possible.
    chance : str
        Values that are expected by chance, such as ``"differences up to 0.18"``. They are named in
        the reason if a value beyond the limit is not significant.
    remedy : str
        What would be enough to decide, such as ``"about 1,900 rows would be enough to decide"``. It
        is added to the reason if `by_chance` is True in the result.
    noun : str
        What the measurement counts, in the plural, for the reason: "rows", "calls", "requests".

    Returns
    -------
    Decision
        The verdict and its reason. A value of None is INCONCLUSIVE. An infinite value within the
        limit is an ERROR, because no real measurement is infinite. An infinite value beyond the
        limit is a FAIL. By the rule "interval", it is INCONCLUSIVE if there is an interval that is
        not wholly beyond the limit.

    Raises
    ------
    OptionError
        For an invalid option, and if `pass_significance` is given but the rule is not
        "significance".

    Examples
    --------
    >>> decide(Measurement(0.31, n=4_012), Limit(at_most=0.2)).verdict
    <Verdict.FAIL: 'fail'>
    >>> decide(Measurement(None, n=0), Limit(at_most=0.2)).because
    'no rows to measure'
    """
    owner = "decide"
    choice(owner, "rule", rule, RULES)
    count(owner, "min_n", min_n)
    share(owner, "max_dropped", max_dropped)
    share(owner, "significance", significance)
    if pass_p_value is not None:
        share(owner, "pass_p_value", pass_p_value)
    if pass_significance is not None:
        share(owner, "pass_significance", pass_significance)
        if rule != "significance":
            raise refuse(owner, "pass_significance", "None unless rule='significance'", rule)
    value, n, dropped = measurement.value, measurement.n, measurement.dropped
    if n < min_n:
        few = f"too few {noun}: {n:,}, at least {min_n:,} are needed"
        return Decision(Verdict.INCONCLUSIVE, few if n else insufficient or f"no {noun} to measure")
    if value is None:
        return Decision(
            Verdict.INCONCLUSIVE, insufficient or f"no value can be computed from these {noun}"
        )
    if insufficient:
        by_chance = insufficient_by_chance and math.isfinite(value)
        return Decision(Verdict.INCONCLUSIVE, insufficient, by_chance)
    # a quotient, because 57 of 100 is 0.57, where 0.57 * 100 is less than 57
    if dropped and dropped / (n + dropped) > max_dropped:
        lost = format_value(dropped / (n + dropped), Limit(at_most=max_dropped), "share")
        because = f"{dropped:,} of {n + dropped:,} {noun} ({lost}) could not be used"
        if max_dropped:
            because += f", more than the allowed {format_number(max_dropped, 'share')}"
        return Decision(Verdict.INCONCLUSIVE, because)
    holds, p_value, ends = limit.holds(value), measurement.p_value, measurement.interval
    if holds and math.isinf(value):
        return Decision(Verdict.ERROR, "an infinite value can't pass")
    if rule == "estimate":
        within, beyond = holds, not holds
    elif rule == "significance":
        significant = p_value is not None and p_value <= significance
        beyond = not holds and (significant or math.isinf(value))
        shown = pass_significance is None or (
            pass_p_value is not None and pass_p_value <= pass_significance
        )
        within = holds and shown
    else:
        beyond = not holds and (math.isinf(value) if ends is None else limit.excludes(ends))
        within = holds and ends is not None and all(map(limit.holds, ends))
    if beyond:
        return Decision(Verdict.FAIL)
    if within and insufficient_for_pass:
        return Decision(Verdict.INCONCLUSIVE, insufficient_for_pass)
    if within:
        return Decision(Verdict.PASS)
    if rule == "interval":
        tested = ends is not None
        because = "the interval contains the limit" if tested else NO_INTERVAL
    else:
        tested = (pass_p_value if holds else p_value) is not None
        because = f"{'within' if holds else 'beyond'} the limit, but no p-value can be computed; "
        because += "set decide_by='estimate' to decide by the value alone"
        if tested and holds:
            because = "within the limit, but not significantly"
        elif tested:
            expected = f": {chance} are expected by chance" if chance else ""
            because = f"not significant{expected} at this sample size"
    by_chance = tested and math.isfinite(value)
    return Decision(
        Verdict.INCONCLUSIVE, f"{because}; {remedy}" if by_chance and remedy else because, by_chance
    )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One comparison of a measured value with a limit, and its verdict: one row of a report.

    Parameters
    ----------
    subject : str
        The column, metric or property that was checked.
    metric : str
        The name of what was measured, such as ``"missing"`` or ``"accuracy"``.
    verdict : Verdict
        The verdict. PASS is allowed only with a finite value within the limit.
    reason : str
        The verdict explained in one sentence: what was measured, the limit and, if the check is
        INCONCLUSIVE, what is needed to decide.
    group : str, optional
        The name of the slice (subset of the rows) that was measured, such as ``"pclass=1"``. None
        means all rows.
    limit : Limit, optional
        The allowed values.
    value, interval, confidence, n, dropped, p_value, method, details
        As in `Measurement`. The p-value is corrected for the number of checks of the gate.
    unit : {"", "share", "s", "rows", "violations"}
        Unit of the value and the limit. "violations" is for properties that either hold or do not:
        the value is the number of violations, and the limit is not shown.
    by_chance : bool
        Whether the check is INCONCLUSIVE only because more rows are needed to decide: the interval
        contains the limit, or the p-value is too large. With the option ``inconclusive="allow"`` of
        a gate, such a check does not block the release.
    hint : str
        The likely cause, or what to do. `Check.judge` adds it to the reason.
    summary : str
        What was measured, in a few words such as ``"column not found"``. Reports show it in place
        of metric and value.
    """

    subject: str
    metric: str
    verdict: Verdict
    reason: str
    group: str | None = None
    value: float | None = None
    limit: Limit | None = None
    interval: tuple[float, float] | None = None
    confidence: float | None = None
    n: int = 0
    dropped: int = 0
    p_value: float | None = None
    method: str = ""
    unit: Unit = ""
    by_chance: bool = False
    details: Mapping[str, object] = field(default_factory=dict, hash=False)
    hint: str = ""
    summary: str = ""

    def __post_init__(self) -> None:
        owner = "Check"
        for name in ("subject", "metric", "reason", "hint", "summary", "group"):
            given = getattr(self, name)
            if not (isinstance(given, str) or (name == "group" and given is None)):
                raise refuse(owner, name, "a string", given)
        if self.limit is not None and not isinstance(self.limit, Limit):
            raise refuse(owner, "limit", "a Limit or None", self.limit)
        choice(owner, "unit", self.unit, UNITS)
        flag(owner, "by_chance", self.by_chance)
        _normalize(self)
        object.__setattr__(self, "verdict", Verdict(self.verdict))
        value, limit = self.value, self.limit
        finite = value is not None and math.isfinite(value)
        shown = finite and limit is not None and value is not None and limit.holds(value)
        if self.verdict is Verdict.PASS and not shown:
            raise ValueError(
                f"a PASS needs a finite value within its limit, got {value!r} "
                f"(limit: {limit or 'none'})"
            )
        if self.by_chance and not (finite and self.verdict is Verdict.INCONCLUSIVE):
            raise ValueError(
                "`by_chance` must be False unless the check is INCONCLUSIVE with a finite value"
            )

    @property
    def passed(self) -> bool:
        """Whether the verdict of the check is PASS."""
        return self.verdict is Verdict.PASS

    def __bool__(self) -> bool:
        return self.verdict is Verdict.PASS

    @classmethod
    def judge(
        cls,
        subject: str,
        metric: str,
        measurement: Measurement,
        limit: Limit,
        *,
        group: str | None = None,
        unit: Unit = "",
        said: str = "",
        hint: str = "",
        summary: str = "",
        **options: Unpack[DecideOptions],
    ) -> "Check":
        """Return the check of a measurement, with the verdict that `decide` returns.

        Parameters
        ----------
        subject, metric, group, unit, hint, summary
            As in `Check`.
        measurement, limit, **options
            As in `decide`.
        said : str
            The first part of the reason. By default it says the metric, the subject, the value, its
            interval if there is one, and the number of rows.
        """
        verdict, because, by_chance = decide(measurement, limit, **options)
        if not said:
            prefix = "" if metric == subject else f"`{metric}` of "
            where = f"`{subject}`{slice_clause(group)}"
            said = f"{prefix}{where} is {format_measurement(measurement, limit, unit)}"
        if hint:
            said += f" (hint: {hint})"
        exact = measurement.details.get("before_rounding")
        rounded = ""
        if isinstance(exact, float):
            unrounded = f"{100 * exact!r} %" if unit == "share" else f"{exact!r}"
            unrounded += " s" if unit == "s" else ""
            rounded = f"the computed value, {unrounded}, counts as equal to the limit, "
            rounded += "because they differ only by a rounding error"
        reason = "; ".join(filter(None, [said, rounded, because]))
        bound = format_limit(limit, unit, measurement.value)
        if bound:
            reason += f" (limit: {bound})" if because else f"; the limit is {bound}"
        by_value = bound and not because and options.get("rule", "estimate") == "estimate"
        ends = measurement.interval if by_value else None
        if ends is not None and not (limit.excludes(ends) or all(map(limit.holds, ends))):
            reason += " and is compared with the value, not with its confidence interval"
        return cls(
            subject=subject,
            metric=metric,
            verdict=verdict,
            reason=reason,
            group=group,
            limit=limit,
            unit=unit,
            by_chance=by_chance,
            hint=hint,
            summary=summary,
            **{name: getattr(measurement, name) for name in _OF_MEASUREMENT},
        )
