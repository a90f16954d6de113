"""How a count of violations becomes a check: shared by the gates that count cells."""

from collections.abc import Callable
from dataclasses import replace

from mlgates.data.counters import Violations
from mlgates.limits import Limit, beside
from mlgates.redaction import describe
from mlgates.verdict import Check, Measurement, Verdict

__all__ = ["as_said", "broken", "guarded", "listed", "share_check", "yes_or_no"]


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
        said = f"{of} ({beside(share, limit, 'share')}) are {what}"
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
