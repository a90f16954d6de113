"""The verdict: what was measured, held against a limit, by a stated rule.

`decide` is the only place where a PASS is born, and `Verdict.worst` the only place that knows which
verdict is worse than which.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Integral, Real
from typing import Literal, NamedTuple, NoReturn, final

from mlgates.errors import OptionError
from mlgates.options import choice, number

__all__ = ["Check", "Decision", "Limit", "Measurement", "Rule", "Verdict", "decide"]

Rule = Literal["estimate", "significance", "interval"]
RULES: tuple[Rule, ...] = ("estimate", "significance", "interval")


class Verdict(StrEnum):
    """What a check, a gate or a suite says; only PASS is true.

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
        """Return the worst: ERROR, then FAIL, INCONCLUSIVE, PASS; SKIP only when all are skipped.

        Raises
        ------
        ValueError
            When no verdict is given: nothing was judged, so nothing can be said.
        """
        given = [cls(verdict) for verdict in verdicts]
        if not given:
            msg = "the worst of no verdicts is undefined"
            raise ValueError(msg)
        judged = [verdict for verdict in given if verdict is not cls.SKIP]
        order = (cls.PASS, cls.INCONCLUSIVE, cls.FAIL, cls.ERROR)
        return max(judged, key=order.index, default=cls.SKIP)

    def __bool__(self) -> bool:
        return self is Verdict.PASS

    def _unordered(self, other: object) -> NoReturn:
        msg = f"verdicts have no order of their own, so {self!r} can't be compared with {other!r}; use Verdict.worst"
        raise TypeError(msg)

    __lt__ = __le__ = __gt__ = __ge__ = _unordered


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

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            msg = "Limit: `at_least` or `at_most` must be given"
            raise OptionError(msg)
        for name in ("at_least", "at_most"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, number("Limit", name, getattr(self, name)))
        if None not in (self.at_least, self.at_most) and self.low > self.high:
            msg = f"Limit: `at_least` must not be greater than `at_most`, got {self.at_least!r} and {self.at_most!r}"
            raise OptionError(msg)

    @property
    def low(self) -> float:
        """The smallest value that holds; minus infinity without `at_least`."""
        return -math.inf if self.at_least is None else self.at_least

    @property
    def high(self) -> float:
        """The largest value that holds; infinity without `at_most`."""
        return math.inf if self.at_most is None else self.at_most

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


class Details(Mapping[str, object]):
    """A read-only mapping of plain values, equal to any mapping with the same items."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, object]) -> None:
        self._items = {str(key): _plain(value, str(key)) for key, value in items.items()}

    def __getitem__(self, key: str) -> object:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


def _plain(value: object, key: str) -> object:
    """Return a value that JSON can carry: numpy scalars as Python's, NaN as None, lists as tuples."""
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, StrEnum) else value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return None if math.isnan(value) else float(value)
    if isinstance(value, Mapping):
        return Details(value)
    if isinstance(value, list | tuple):
        return tuple(_plain(item, key) for item in value)
    msg = f"details: `{key}` must be made of None, bools, numbers, texts, sequences and mappings, got {type(value).__name__}"
    raise TypeError(msg)


def _defined(value: object) -> float | None:
    """Return a number in plain form, None for undefined (None or NaN)."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        msg = f"a measured value must be a number or None, got {value!r}"
        raise TypeError(msg)
    if isinstance(value, Integral):
        return int(value)
    return None if math.isnan(value) else float(value)


@final
@dataclass(frozen=True, slots=True)
class Measurement:
    """One number that was observed, with what it rests on.

    Parameters
    ----------
    value : float or None
        What was observed; None (or NaN, kept as None) when it is undefined.
    n : int
        Rows used.
    dropped : int
        Rows that could not be used.
    interval : (float, float), optional
        Two-sided interval at `confidence`. One with an undefined end is kept as None.
    confidence : float, optional
        Level of the interval.
    p_value : float, optional
        Chance of a value at least as far when nothing changed, after any correction.
    method : str
        How the value was had.
    details : Mapping
        Whatever else a reader may want: plain values only.
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
        ends = [_defined(end) for end in self.interval or ()]
        undefined = self.interval is None or None in ends
        for name, value in {
            "value": _defined(self.value),
            "p_value": _defined(self.p_value),
            "interval": None if undefined else tuple(ends),
            "n": int(self.n),
            "dropped": int(self.dropped),
            "details": Details(self.details),
        }.items():
            object.__setattr__(self, name, value)


class Decision(NamedTuple):
    """A verdict, why, and whether chance alone stands between it and a decision."""

    verdict: Verdict
    because: str = ""
    by_chance: bool = False


def decide(
    measurement: Measurement,
    limit: Limit,
    rule: Rule = "estimate",
    *,
    min_n: int = 1,
    max_dropped: float = 0.0,
    significance: float = 0.05,
) -> Decision:
    """Return PASS only when the value is defined, finite, rests on enough rows, and is within the limit.

    Parameters
    ----------
    measurement : Measurement
        What was observed.
    limit : Limit
        What is allowed; inclusive.
    rule : {"estimate", "significance", "interval"}
        "estimate": the value decides. "significance": a value beyond the limit is a FAIL only when its
        p-value is at most `significance`. "interval": the whole interval must be within for PASS and
        beyond for FAIL.
    min_n : int
        Rows needed; fewer are INCONCLUSIVE.
    max_dropped : float
        Share of rows that may have been dropped; more is INCONCLUSIVE.
    significance : float
        Level for the rule "significance".

    Returns
    -------
    Decision
        An undefined value is INCONCLUSIVE. An infinite one beyond the limit is FAIL; within it, ERROR:
        no measure can be better than possible.

    Examples
    --------
    >>> decide(Measurement(0.31, n=4_012), Limit(at_most=0.2)).verdict
    <Verdict.FAIL: 'fail'>
    >>> decide(Measurement(None, n=0), Limit(at_most=0.2)).because
    'nothing to measure: 0 rows'
    """
    choice("decide", "rule", rule, RULES)
    value, n, dropped = measurement.value, measurement.n, measurement.dropped
    if n < min_n:
        few = (
            f"too few rows: {n:,}, at least {min_n:,} are needed"
            if n
            else "nothing to measure: 0 rows"
        )
        return Decision(Verdict.INCONCLUSIVE, few)
    if value is None:
        return Decision(Verdict.INCONCLUSIVE, "undefined for these rows")
    if dropped > max_dropped * (n + dropped):
        lost = f"{dropped:,} of {n + dropped:,} rows were dropped; at most {max_dropped:.3g} of them may be"
        return Decision(Verdict.INCONCLUSIVE, lost)
    within, beyond = _sides(measurement, value, limit, rule, significance)
    if math.isinf(value) and not beyond:
        return Decision(Verdict.ERROR, "infinite")
    if within:
        return Decision(Verdict.PASS)
    if beyond:
        return Decision(Verdict.FAIL)
    return _undecided(measurement, rule)


def _undecided(measurement: Measurement, rule: Rule) -> Decision:
    """Return INCONCLUSIVE, saying whether chance is the reason or the proof is missing altogether."""
    if rule == "significance":
        tested = measurement.p_value is not None
        chance = "beyond the limit, but chance alone does that at this size"
        because = chance if tested else "beyond the limit, but no test says whether by chance"
    else:
        tested = measurement.interval is not None
        because = "the interval reaches across the limit" if tested else "no interval is defined"
    return Decision(Verdict.INCONCLUSIVE, because, by_chance=tested)


def _sides(
    measurement: Measurement, value: float, limit: Limit, rule: Rule, significance: float
) -> tuple[bool, bool]:
    """Return whether the rule shows the measurement within the limit, and whether beyond it."""
    holds = limit.holds(value)
    if rule == "estimate" or math.isinf(value):
        return holds, not holds
    if rule == "significance":
        p_value = measurement.p_value
        return holds, not holds and p_value is not None and p_value <= significance
    ends = measurement.interval
    if ends is None:
        return False, False
    return holds and all(map(limit.holds, ends)), not holds and limit.excludes(ends)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A measurement held against a limit: a row of the report.

    Parameters
    ----------
    subject : str
        The column, metric or property judged.
    metric : str
        What was measured of it.
    verdict : Verdict
        A PASS is refused unless its value is within its limit.
    reason : str
        One sentence: what was measured, the limit, and what would decide it.
    group : str, optional
        The slice, as in ``"pclass=1"``.
    value, limit, interval, confidence, n, dropped, p_value, method, details
        As in `Measurement`; the p-value is adjusted for all that the gate looks at.
    unit : {"", "share", "s", "rows"}
        Unit of the value and the limit.
    by_chance : bool
        Whether an INCONCLUSIVE measured something on enough rows and only chance keeps it undecided:
        what ``inconclusive="allow"`` forgives.
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
    unit: Literal["", "share", "s", "rows"] = ""
    by_chance: bool = False
    details: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", Verdict(self.verdict))
        object.__setattr__(self, "value", _defined(self.value))
        object.__setattr__(self, "details", Details(self.details))
        shown = self.limit is not None and self.value is not None and self.limit.holds(self.value)
        if self.verdict and not shown:
            msg = f"a check can't pass: the value {self.value!r} is not shown to be {self.limit or 'within a limit'}"
            raise ValueError(msg)
        if self.by_chance and (self.verdict is not Verdict.INCONCLUSIVE or self.value is None):
            msg = "only an INCONCLUSIVE check with a value can be undecided by chance"
            raise ValueError(msg)

    @property
    def passed(self) -> bool:
        """Whether the verdict is PASS."""
        return self.verdict is Verdict.PASS

    def __bool__(self) -> bool:
        return self.passed

    @classmethod
    def judge(
        cls,
        subject: str,
        metric: str,
        measurement: Measurement,
        limit: Limit,
        *,
        rule: Rule = "estimate",
        min_n: int = 1,
        max_dropped: float = 0.0,
        significance: float = 0.05,
        group: str | None = None,
        unit: Literal["", "share", "s", "rows"] = "",
        said: str = "",
    ) -> "Check":
        """Return the check that `decide` makes of a measurement.

        Parameters
        ----------
        subject, metric, group, unit
            As in `Check`.
        measurement, limit, rule, min_n, max_dropped, significance
            As in `decide`.
        said : str
            What was measured, as a clause; by default the metric, the subject, the value and n.
        """
        verdict, because, by_chance = decide(
            measurement,
            limit,
            rule,
            min_n=min_n,
            max_dropped=max_dropped,
            significance=significance,
        )
        where = f"`{subject}`" if group is None else f"`{subject}` where {group}"
        what = "" if metric == subject else f"`{metric}` of "
        value = "undefined" if measurement.value is None else quantity(measurement.value, unit)
        said = said or f"{what}{where} is {value} (n = {measurement.n:,})"
        reason = "; ".join(filter(None, [said, because, f"the limit is {spell(limit, unit)}"]))
        return cls(
            subject=subject,
            metric=metric,
            verdict=verdict,
            reason=reason,
            group=group,
            value=measurement.value,
            limit=limit,
            interval=measurement.interval,
            confidence=measurement.confidence,
            n=measurement.n,
            dropped=measurement.dropped,
            p_value=measurement.p_value,
            method=measurement.method,
            unit=unit,
            by_chance=by_chance,
            details=measurement.details,
        )


def quantity(value: float, unit: str = "") -> str:
    """Return a number as a person reads it.

    Examples
    --------
    >>> quantity(0.1234567), quantity(0.05, "share"), quantity(93_600, "s"), quantity(1_000, "rows")
    ('0.1235', '5 %', '26 h', '1,000')
    """
    if math.isinf(value):
        return "never" if unit == "s" else ("infinite" if value > 0 else "-infinite")
    if unit == "share":
        return f"{100 * value:.3g} %"
    if unit == "s":
        return _span(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if abs(value) < 1e5 else f"{value:,.6g}"


def _span(value: float) -> str:
    """Return seconds in the largest unit that leaves at least two of it."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"), (1e-3, "ms")):
        if abs(value) >= 2 * size:
            return (
                f"{value / size:.3g} {unit}"
                if abs(value) < 1e6 * size
                else f"{value / size:,.0f} {unit}"
            )
    return f"{value:.3g} s"


def spell(limit: Limit, unit: str = "") -> str:
    """Return a limit as a person reads it, in its unit.

    Examples
    --------
    >>> spell(Limit(at_most=0.05), "share"), spell(Limit(at_least=1_000), "rows")
    ('at most 5 %', 'at least 1,000')
    """
    if limit.at_least is None:
        return f"at most {quantity(limit.high, unit)}"
    if limit.at_most is None:
        return f"at least {quantity(limit.low, unit)}"
    return f"from {quantity(limit.low, unit)} to {quantity(limit.high, unit)}"
