"""What gates share: counts of violations as checks, hints at column names, slices, rows needed."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from mlgates import options
from mlgates.limits import Limit, format_value, snap_to_limit
from mlgates.options import did_you_mean
from mlgates.predictions import Slice
from mlgates.profile.counters import Violations
from mlgates.redaction import describe
from mlgates.verdict import Check, Measurement, Verdict

__all__ = [
    "By",
    "Near",
    "as_said",
    "broken",
    "checked",
    "confidence_of",
    "guarded",
    "in_slices",
    "listed",
    "rounded_up",
    "rows_needed",
    "settled",
    "share_check",
    "yes_or_no",
]


def guarded(subject: str, metric: str, judge: Callable[[], Check]) -> Check:
    """Return the check that `judge` makes; an ERROR check in its place when it raises.

    What one rule breaks on (a pattern that takes too long, a limit that the values can't be
    compared with) then hides no other rule of the gate.

    Parameters
    ----------
    subject, metric : str
        As in `Check`; they name the rule.
    judge : callable
        Reads what was counted, which may raise, and judges it.

    Examples
    --------
    >>> check = guarded("age", "range", lambda: Check.judge("age", 1 / 0))
    >>> print(check.verdict, "-", check.reason)
    error - `range` of `age` could not be judged: ZeroDivisionError: division by zero
    """
    try:
        return judge()
    except Exception as error:  # noqa: BLE001  (whatever the rule's counter raised)
        return broken(subject, metric, error)


def broken(subject: str, metric: str, error: Exception, *, group: str | None = None) -> Check:
    """Return the ERROR check of a rule that raised, its message without values of the data."""
    what = f"`{metric}`" if metric == subject else f"`{metric}` of `{subject}`"
    reason = f"{what} could not be judged: {describe(error)}"
    return Check(subject=subject, metric=metric, group=group, verdict=Verdict.ERROR, reason=reason)


def share_check(
    subject: str,
    metric: str,
    found: Violations,
    what: str,
    *,
    at_most: float = 0.0,
    cells: str = "values",
    group: str | None = None,
    hint: str = "",
) -> Check:
    """Return the check that the share of violating cells is at most a limit.

    Parameters
    ----------
    subject, metric, group
        As in `Check`.
    found : Violations
        How many, of how many, and the first offending rows, counted from 0.
    what : str
        What the offenders are, as in ``"missing"``.
    at_most : float
        The largest share allowed.
    cells : str
        What is counted.
    hint : str
        What may be behind it, when there is something to say.
    """
    share, limit = found.count / found.n if found.n else None, Limit(at_most=at_most)
    where = f"`{subject}`" if group is None else f"`{subject}` where {group}"
    if found.n == 0:
        said = f"{where} has no {cells} to judge"
    elif found.count == 0:
        said = f"none of the {found.n:,} {cells} of {where} are {what}"
    else:
        of = f"{found.count:,} of {found.n:,} {cells} of {where}"
        said = f"{of} ({format_value(share, limit, 'share')}) are {what}"
        if found.rows:
            said += f", first at row{'s' if len(found.rows) > 1 else ''} {listed(found.rows)}"
    said = f"{said} (hint: {hint})" if hint else said
    details = {"count": found.count, "rows": found.rows}
    check = Check.judge(
        subject,
        metric,
        Measurement(share, n=found.n, method="count", details=details),
        limit,
        group=group,
        unit="share",
        said=said,
    )
    return check if found.n else as_said(check, said)


def yes_or_no(subject: str, metric: str, said: str, *, broken: int, n: int) -> Check:
    """Return the check that a property without a number holds: violations, at most 0.

    It may rest on 0 rows: a table without rows still has columns and types. What was said names
    what was wanted too, so the reason has no limit.
    """
    measurement = Measurement(broken, n=n, method="count")
    limit = Limit(at_most=0)
    return Check.judge(subject, metric, measurement, limit, min_n=0, unit="violations", said=said)


def as_said(check: Check, said: str) -> Check:
    """Return a check whose reason is all that is to be said: the limit would tell nothing more."""
    return replace(check, reason=said)


def listed(values: tuple[object, ...], most: int = 5) -> str:
    """Return the first few values, and how many more there are; a bool is no number.

    Examples
    --------
    >>> listed((4, 17, 99), most=2)
    '4, 17 and 1 more'
    """
    shown = ", ".join(
        f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else repr(value)
        for value in values[:most]
    )
    return shown if len(values) <= most else f"{shown} and {len(values) - most:,} more"


# comparing two names takes some 30 microseconds, and more for long ones
_MOST_PAIRS = 5_000
_LONGEST = 200


class Near:
    """Hints at the names that others may be a misspelling of.

    Parameters
    ----------
    unknown, known : iterable of str
        Names that are not known, and those that they may stand for. When there are too many of
        both to be compared one by one, only a difference in case or outer blanks is noticed.

    Examples
    --------
    >>> near = Near(["Age", "incme"], ["age ", "income"])
    >>> near.hint("Age"), near.hint("incme")
    ("; did you mean 'age '?", "; did you mean 'income'?")
    """

    def __init__(self, unknown: Iterable[str], known: Iterable[str]) -> None:
        names = list(known)
        self._alike = {_folded(name): name for name in reversed(names)}
        few = len(list(unknown)) * len(names) <= _MOST_PAIRS
        self._compared = [name for name in names if len(name) <= _LONGEST] if few else []

    def alike(self, name: str) -> str | None:
        """Return the known name that differs in case and outer blanks alone."""
        return self._alike.get(_folded(name))

    def hint(self, name: str) -> str:
        """Return ``"; did you mean 'x'?"``, or an empty text."""
        alike = self.alike(name)
        if alike is not None:
            return f"; did you mean {alike!r}?"
        return did_you_mean(name, self._compared) if len(name) <= _LONGEST else ""


def _folded(name: str) -> str:
    return name.strip().casefold()


Found = TypeVar("Found")

#: Chance of a decision that is aimed at, so that at least 0.8 is reached: intervals are a little
#: wider than z errors.
_POWER = 0.82

#: How slices are declared, and how a gate keeps them: names, or pairs of name and condition.
By = str | Iterable[str] | Mapping[str, Callable[..., object]] | tuple[Any, ...]


def checked(owner: str, gate: Any, rules: tuple[str, ...]) -> dict[str, object]:
    """Return in their checked form the options that every gate of a metric has."""
    options.choice(owner, "decide_by", gate.decide_by, rules)
    return {
        "by": None if gate.by is None else options.slices(owner, "by", gate.by),
        "min_samples": options.count(owner, "min_samples", gate.min_samples, at_least=1),
        "confidence": confidence_of(owner, gate.confidence),
    }


def in_slices(
    name: str, slices: tuple[Slice, ...], measure: Callable[[Slice | None], Found]
) -> tuple[list[Found], list[Check]]:
    """Return what was measured of each slice, and an ERROR for each that broke.

    Where there are none, none were asked for or there are no rows: all rows are measured.
    """
    if not slices:
        return [measure(None)], []
    found: list[Found] = []
    wrong: list[Check] = []
    for part in slices:
        try:
            found.append(measure(part))
        except Exception as error:  # noqa: BLE001  (a slice that breaks hides no other)
            wrong.append(broken(name, name, error, group=part.name))
    return found, wrong


def confidence_of(owner: str, given: object) -> float:
    """Return a level of confidence: from 0.5 to less than 1; 95 is refused with a hint."""
    level = options.share(owner, "confidence", given)
    if not 0.5 <= level <= 1 - 1e-9:
        raise options.refuse(owner, "confidence", "from 0.5 to less than 1", given)
    return level


def settled(measured: Measurement, limit: Limit, scale: float = 0.0) -> Measurement:
    """Return a measurement whose value, and whose ends, lie on the limit if only rounding differs.

    Examples
    --------
    >>> settled(Measurement(0.4 - 0.3, n=9), Limit(at_most=0.1), scale=0.4).value
    0.1
    """
    value, ends = measured.value, measured.interval
    if value is None:
        return measured
    return replace(
        measured,
        value=snap_to_limit(value, limit, scale),
        interval=ends
        and (snap_to_limit(ends[0], limit, scale), snap_to_limit(ends[1], limit, scale)),
    )


def rows_needed(
    value: float | None,
    interval: tuple[float, float] | None,
    limit: Limit,
    n: int,
    level: float,
) -> int | None:
    """Return how many rows decide in four of five samples where an interval reaches across a limit.

    Parameters
    ----------
    value, interval, n
        What was measured, its interval and the rows it rests on.
    limit : Limit
        The side that the interval reaches across counts.
    level : float
        Of the interval.

    Returns
    -------
    int or None
        Rounded up to two digits; None where the interval decides already, where nothing is
        known, and where the value lies on the limit, so that no number of rows decides.

    Examples
    --------
    >>> rows_needed(0.0, (-0.02, 0.02), Limit(at_least=-0.01), 1_000, 0.95)
    8700
    """
    if value is None or interval is None or not all(map(math.isfinite, (value, *interval))):
        return None
    low, high = interval
    needed = 0.0
    if limit.holds(value):
        spans = [(value - low, value - limit.low), (high - value, limit.high - value)]
        across = [low < limit.low, high > limit.high]
    else:
        below = value < limit.low
        span = (high - value, limit.low - value) if below else (value - low, value - limit.high)
        spans, across = [span], [span[0] >= span[1]]
    from scipy import special

    from mlgates.stats.proportions import rows_to_decide

    z = float(special.ndtri((1 + level) / 2))
    # with more rows an interval loses its skewness: its shorter side tells too little
    half = (high - low) / 2
    for (reach, distance), is_across in zip(spans, across, strict=True):
        if is_across:
            rows = rows_to_decide(n, max(reach, half) / z, distance, level, _POWER)
            needed = max(needed, rows)
    return rounded_up(needed) if 0 < needed < 1e15 else None


def rounded_up(rows: float) -> int:
    """Return two digits of a number of rows or calls: all that such an estimate is good for.

    Examples
    --------
    >>> rounded_up(8_115.2), rounded_up(7.1)
    (8200, 8)
    """
    unit = int(10 ** max(len(str(math.ceil(rows))) - 2, 0))
    return math.ceil(rows / unit) * unit
