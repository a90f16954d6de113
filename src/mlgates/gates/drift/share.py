"""The check of the share of columns that drifted."""

from collections.abc import Sequence

from mlgates.report import severity
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    Verdict,
    format_value,
    slice_clause,
    snap_to_limit,
)

__all__ = ["drifted_share"]


def drifted_share(checks: Sequence[Check], most: float, group: str | None) -> Check:
    """Return the check that at most the share `most` of the columns has drifted.

    `checks` are the checks of the columns, at least one. A column has drifted if one of its checks
    is FAIL, and it is INCONCLUSIVE if one is INCONCLUSIVE and none is FAIL. The result is
    INCONCLUSIVE if all columns are INCONCLUSIVE. Otherwise two shares are compared with the limit:
    one as if none of the INCONCLUSIVE columns had drifted, and one as if all of them had. If only
    the first share is within the limit, the result is INCONCLUSIVE, too.
    `group` is the name of the slice (subset of the rows); None means all rows.
    """
    worst = {check.subject: check for check in sorted(checks, key=severity, reverse=True)}
    columns = sorted(worst.values(), key=severity)
    failed = [check for check in columns if check.verdict is Verdict.FAIL]
    undecided = [check for check in columns if check.verdict is Verdict.INCONCLUSIVE]
    n, limit, few = len(columns), Limit(at_most=most), ""
    value, highest = (
        snap_to_limit(count / n, limit) for count in (len(failed), len(failed) + len(undecided))
    )
    text = f"{len(failed):,} of {n:,} columns drifted"
    if failed:
        text += f" ({format_value(value, limit, 'share')}): {_listed_columns(failed, 5)}"
    if undecided:
        text += f"; undecided: {_listed_columns(undecided, 5)}"
    if limit.holds(value) and (len(undecided) == n or not limit.holds(highest)):
        first, shown = undecided[0], (format_value(x, limit, "share") for x in (value, highest))
        ends = "unknown" if len(undecided) == n else f"between {' and '.join(shown)}"
        few = f"the check of `{first.subject}` says: '{first.reason}'; so the share of the columns "
        few += f"that drifted is {ends}"
    listed = [
        {
            "column": check.subject,
            "metric": check.metric,
            "value": check.value,
            "limit": check.limit and check.limit.high,
            "p_value": check.p_value,
            "note": f"{check.metric}, {check.verdict}",
            "beyond": check.verdict is Verdict.FAIL,
        }
        for check in columns
    ]
    summary = ""
    if failed and limit.holds(value):  # otherwise the reason is shown, which lists them
        summary = f"drifted_share {format_value(value, limit, 'share')}"
        summary += f" ({_listed_columns(failed, 3)})"
    measured = Measurement(value, n=n, method="count of columns", details={"columns": listed})
    return Check.judge(
        "columns",
        "drifted_share",
        measured,
        limit,
        group=group,
        unit="share",
        noun="columns",
        insufficient=few,
        insufficient_by_chance=all(check.by_chance for check in undecided),
        said=text if group is None else f"{slice_clause(group).lstrip()}, {text}",
        summary=summary,
    )


def _listed_columns(checks: Sequence[Check], most: int) -> str:
    """Return the columns of some checks with their values, as in ```age` (psi 0.31)``."""
    shown = [
        f"`{c.subject}`"
        if c.value is None or c.limit is None
        else f"`{c.subject}` ({c.metric} {format_value(c.value, c.limit, c.unit)})"
        for c in checks[:most]
    ]
    more = [f"{len(checks) - most:,} more"] if len(checks) > most else []
    return ", ".join([*shown, *more])
