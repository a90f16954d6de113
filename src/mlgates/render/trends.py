"""Render a `History` as HTML: the trend of each check, and a table of verdicts.

A window is the period to which a report belongs, such as a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mlgates.printable import clean, distinct, number_of
from mlgates.render.figures import Point, Trend, number, title
from mlgates.render.html import filled
from mlgates.render.svg import draw
from mlgates.report import Report, severity
from mlgates.verdict import Check, Limit, Verdict, format_limit, format_value

_DRAWN = 120  # largest number of trends drawn
_STRIP = 60  # windows in the table of verdicts
_POINTS = 400  # windows in a picture

Key = tuple[str, str, str | None, str]  # gate, subject, group, metric


@dataclass(slots=True)
class _Series:
    """One check over time.

    `name` is the name of the check. `checks` has its result in each window (the data of one period,
    such as a day), by the position of the window.
    """

    name: str
    checks: dict[int, Check] = field(default_factory=dict)


def to_html(
    name: str, times: Sequence[datetime], reports: Sequence[Report], skipped: Sequence[int]
) -> str:
    """Return an HTML page with the verdicts of all gates over time, and the trend of each check.

    Parameters
    ----------
    name : str
        The title of the page.
    times : sequence of datetime
        The time of each window, usually its start, in UTC and in ascending order. A window is the
        period to which a report belongs, such as a day.
    reports : sequence of Report
        The report of each window.
    skipped : sequence of int
        Numbers of the lines of the history's file that could not be read.
    """
    labels = written(times)
    verdict = reports[-1].verdict if reports else Verdict.INCONCLUSIVE
    gates = list(dict.fromkeys(result.name for report in reports for result in report))
    names = distinct(gates)
    first = max(len(times) - _STRIP, 0)
    strips = [
        (names[gate], [_verdict(report, gate) for report in reports[first:]]) for gate in gates
    ]
    series = sorted(_series(reports, names).values(), key=lambda one: _urgency(one, len(times)))
    drawn = [_trend(one, times, labels) for one in series[:_DRAWN]]
    return filled(
        "trends.html.j2",
        name=clean(name),
        verdict=verdict,
        badge=str(verdict) if reports else "",
        page=True,
        facts=_facts(labels, reports, skipped),
        windows=labels[first:],
        total=[report.verdict for report in reports[first:]],
        strips=strips,
        pictures=[(figure, draw(figure)) for figure in drawn],
        undrawn=len(series) - len(drawn),
    )


def written(times: Sequence[datetime]) -> list[str]:
    """Return the times as strings, in the shortest form in which they differ.

    If all times are at midnight, only the dates are returned. Otherwise the strings have the date,
    hours and minutes, and if these are not enough, the time in ISO 8601 with all its digits.

    Examples
    --------
    >>> written([datetime(2026, 1, 1), datetime(2026, 1, 2)])
    ['2026-01-01', '2026-01-02']
    >>> written([datetime(2026, 1, 1), datetime(2026, 1, 1, 9, 30)])
    ['2026-01-01 00:00', '2026-01-01 09:30']
    """
    midnight = all((at.hour, at.minute, at.second, at.microsecond) == (0,) * 4 for at in times)
    spec = "%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M"
    shown = [at.strftime(spec) for at in times]
    return shown if len(set(shown)) == len(shown) else [at.isoformat(" ") for at in times]


def _facts(written: Sequence[str], reports: Sequence[Report], skipped: Sequence[int]) -> list[str]:
    if not reports:
        return ["no windows"]
    facts = [number_of(len(reports), "window"), f"{written[0]} to {written[-1]} (UTC)"]
    passed = sum(report.passed for report in reports)
    facts.append(f"{passed:,} of them passed")
    if skipped:
        lines = ", ".join(map(str, skipped[:10]))
        facts.append(f"{number_of(len(skipped), 'incomplete line')} skipped: {lines}")
    return facts


def _verdict(report: Report, gate: str) -> Verdict | None:
    found = [result.verdict for result in report if result.name == gate]
    return found[0] if found else None


def _series(reports: Sequence[Report], names: Mapping[str, str]) -> dict[Key, _Series]:
    """Return the history of each check that has a limit.

    The keys are tuples of the gate, subject, group and metric. `names` has the name to show for
    each gate.
    """
    found: dict[Key, _Series] = {}
    for place, report in enumerate(reports):
        for result in report:
            for check in result.checks:
                if check.limit is None:
                    continue
                key = (result.name, check.subject, check.group, check.metric)
                label = f"{title(check)} {check.metric}".removeprefix(f"{check.metric} ")
                name = f"{names[result.name]}: {clean(label)}"
                found.setdefault(key, _Series(name)).checks[place] = check
    return found


def _urgency(series: _Series, windows: int) -> tuple[object, ...]:
    """Return a sort key for checks: those that are worst in the latest window come first.

    Checks that are not in the latest window are at the end.
    """
    latest = max(series.checks)
    if latest < windows - 1:
        return (1, -latest, 0.0, 0.0)
    return (0, *severity(series.checks[latest]))


def _trend(series: _Series, times: Sequence[datetime], written: Sequence[str]) -> Trend:
    unit = next(iter(series.checks.values())).unit
    points, cells = [], []
    for place, check in sorted(series.checks.items())[-_POINTS:]:
        limit, value = check.limit or Limit(), number(check.value)
        ends = map(number, (limit.at_least, limit.at_most))
        low, high = map(number, check.interval or (None, None))
        points.append(
            Point(
                label=written[place],
                place=times[place].timestamp(),
                value=value,
                interval=None if low is None or high is None else (low, high),
                limits=tuple(end for end in ends if end is not None),
                beyond=check.verdict in (Verdict.FAIL, Verdict.ERROR),
            )
        )
        shown = format_value(check.value, limit, unit)
        cells.append(
            (written[place], shown, format_limit(limit, unit, check.value), str(check.verdict))
        )
    bad = sum(point.beyond for point in points)
    return Trend(
        title=series.name,
        description=f"{number_of(len(points), 'window')}; {bad} of them FAIL or ERROR.",
        head=("window", "value", "limit", "verdict"),
        rows=cells[::-1],
        unit=unit,
        points=tuple(points),
    )
