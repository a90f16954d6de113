"""Compute the content of figures, for the pictures in HTML and the plots of `display`.

The details of a check can be loaded from a file, so they can contain any values. If they do not
have the form that the gates of this library write, there is no figure, and no exception is raised.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from mlgates.printable import clean, distinct, number_of, visible
from mlgates.report import GateResult, severity
from mlgates.verdict import Check, Limit, format_ends, format_limit, format_number

__all__ = [
    "Bins",
    "Figure",
    "Histogram",
    "Point",
    "Reliability",
    "Spans",
    "Trend",
    "figures",
    "shares",
]

_MOST_BINS = 400
_MOST_ROWS = 40
_WITHOUT_INTERVALS = ("performance", "regression")  # have a figure even if no value has an interval
_MOST_BARS = 24
_TICKS = 8
_CLOSE = 1e-9
_LARGEST, _TINIEST = 1e15, 1e-100


class Bin(NamedTuple):
    """One bin or category in the figure `Bins`.

    `label` is its name. `reference` and `current` are its share of the values in the reference and
    in the data. `moved` is True if the two shares differ significantly.
    """

    label: str
    reference: float
    current: float
    moved: bool


class Line(NamedTuple):
    """A vertical line in a figure, which marks a value such as the limit, and its label."""

    value: float
    label: str


class Span(NamedTuple):
    """One row of the figure `Spans`: a value with its label, its interval and its number of rows.

    `interval` is None if there is no interval, and `n`, the number of rows, is None if it is not
    known. `note` is a remark, which is shown only in the table of the figure. `beyond` is True if
    the value is beyond its limit.
    """

    label: str
    value: float | None
    interval: tuple[float, float] | None = None
    n: int | None = None
    note: str = ""
    beyond: bool = False


class Point(NamedTuple):
    """A point in the figure `Trend` or `Reliability`: a value, and its horizontal position.

    `label` is the name of the point, such as a time. The table below the figure shows it with the
    value. `place` is the horizontal position. `interval` is the interval of the value, or None if
    it has none. `limits` are the limits of the value at this position. `beyond` is True if the
    value is marked as bad, for example because it is beyond a limit.
    """

    label: str
    place: float
    value: float | None
    interval: tuple[float, float] | None = None
    limits: tuple[float, ...] = ()
    beyond: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Base class of figures: a title, a description in words, and the numbers as a table.

    `head` has the names of the columns of the table, and `rows` has its rows. `note` says what is
    not drawn. It is empty if everything is drawn.
    """

    title: str
    description: str = field(repr=False)
    head: tuple[str, ...] = field(repr=False)
    rows: Sequence[tuple[str, ...]] = field(repr=False)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins(Figure):
    """A figure of two distributions over the same bins or categories: reference and data.

    `bins` are the bins or categories.
    """

    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans(Figure):
    """A figure of values with intervals, one below the other, and vertical lines such as limits.

    `spans` are the values with their intervals, `lines` are the vertical lines, and `unit` is the
    unit of all of them.
    """

    unit: str
    spans: tuple[Span, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels(Figure):
    """A figure of shares, each drawn as a horizontal bar, and their limit.

    `levels` are the shares.
    """

    levels: tuple[Span, ...]
    limit: Line | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend(Figure):
    """A figure of a value over time, as points in ascending order of `place` (position in time).

    `unit` is the unit of the value.
    """

    unit: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability(Figure):
    """A reliability curve: the observed share of positive rows for each mean probability.

    Each of the `points` is a bin of predicted probabilities. Its `place` is their mean, and its
    `value` is the observed share, both from 0 to 1. A point is `beyond` if the interval of the
    share does not contain the mean probability.
    """

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram(Figure):
    """A histogram of times in seconds, with the measured quantile, its interval and the limit.

    `edges` are the edges of the bins, and `counts` the numbers of times in them. `production` has
    the counts of the model in production. It is empty if there is no such model. `value` is the
    measured quantile, and `label` is its name. Its interval is from `low` to `high`; `high` is None
    if the interval has no upper end. `shown` is the range to draw. It includes all bins that are
    not empty, and all lines. `ticks` are round times in this range.
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    production: tuple[float, ...]
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    label: str
    shown: tuple[float, float]
    ticks: tuple[float, ...]


def figures(result: GateResult) -> Iterator[Figure]:
    """Yield the figures of a gate's result, the worst check first.

    A check with bins, groups or a histogram in its details has its own figure. Checks with
    intervals of the same metric share a figure, and so do all columns of `Completeness`.
    """
    checks = sorted(result.checks, key=severity)
    if result.kind == "completeness":
        yield from _missing_cells(checks)
    yield from _intervals(checks, result.kind)
    for check in checks:
        for detail, make in _OF_DETAIL.items():
            figure = make(check) if check.details.get(detail) else None
            if figure is not None:
                yield figure


def _missing_cells(checks: Sequence[Check]) -> Iterator[Levels]:
    """Yield the figure of missing values: one bar per column, the largest first."""
    judged = [
        (
            value,
            Span(visible(title(check)), value, beyond=not check.limit.holds(value)),
            check.limit,
        )
        for check in checks
        if check.metric == "missing" and check.limit is not None
        if (value := number(check.value)) is not None and 0 <= value <= 1
    ]
    some = sorted((each for each in judged if each[0]), key=lambda each: -each[0])
    if not some:
        return
    shown, limit = [level for _, level, _ in some[:_MOST_BARS]], some[0][2]
    line, against = None, ""
    if limit.at_most is not None:
        line = Line(limit.at_most, f"the limit, {format_limit(limit, 'share')}")
        beyond = [level.label for level in shown if level.beyond]
        over = f"beyond it: {', '.join(beyond)}" if beyond else "none is beyond"
        against = f"; {line.label}; {over}"
    none, more = len(judged) - len(some), len(some) - len(shown)
    more_columns = "1 more column has" if none == 1 else f"{none:,} more columns have"
    notes = [f"{more_columns} no missing cells"] if none else []
    notes += [f"{more:,} more are not drawn"] if more else []
    yield Levels(
        title="missing cells",
        description=f"{number_of(len(shown), 'column')}{against}.",
        head=("column", "missing cells"),
        rows=[
            (level.label, format_number(value, "share")) for value, level, _ in some[:_MOST_BARS]
        ],
        note="; ".join(notes),
        levels=tuple(shown),
        limit=line,
    )


def _intervals(checks: Sequence[Check], kind: str) -> Iterator[Spans]:
    """Yield a figure for each metric and limit, with the values and intervals of the checks.

    `kind` is the kind of the gate. For most kinds, there is a figure only if a value has an
    interval.
    """
    alike: dict[tuple[str, str, Limit], list[Check]] = {}
    for check in checks:
        found = [check.details.get(detail) for detail in _OF_DETAIL if detail != "reliability"]
        # For a calibration error, the detail "bins" is only the number of bins.
        own = any(detail for detail in found if not isinstance(detail, int))
        if check.limit is not None and number(check.value) is not None and not own:
            alike.setdefault((check.metric, check.unit, check.limit), []).append(check)
    for (metric, unit, limit), same in alike.items():
        if all(check.interval is None for check in same) and kind not in _WITHOUT_INTERVALS:
            continue
        spans, labels = [], distinct(map(_slice, same))
        for check in same:
            label, value = labels[_slice(check)], number(check.value)
            low, high = map(number, check.interval or (None, None))
            interval = None if low is None or high is None else (low, high)
            beyond = value is not None and not limit.holds(value)
            spans.append(Span(label, value, interval, check.n, beyond=beyond))
        name, lines = clean(metric), []
        if any("tolerance" in check.details for check in same):
            name += ", candidate minus production"
            lines.append(Line(0.0, "no difference"))
        ends = [end for end in map(number, (limit.at_least, limit.at_most)) if end is not None]
        lines += [Line(end, f"the limit, {format_number(end, unit, 8)}") for end in ends]
        yield _spans(name, unit, spans, lines)


def _slice(check: Check) -> str:
    return check.subject if check.group is None else check.group


def _spans(title: str, unit: str, spans: list[Span], lines: list[Line]) -> Spans:
    """Return a figure of the first 40 values with their intervals."""
    shown = spans[:_MOST_ROWS]
    more = len(spans) - len(shown)
    rows = []
    for span in shown:
        value = "undefined" if span.value is None else format_number(span.value, unit)
        ends = format_ends(span.interval, unit) if span.interval else ""
        rows.append((span.label, value, ends, "" if span.n is None else f"{span.n:,}", span.note))
    what = f"{number_of(len(shown), 'value')}"
    if any(span.interval for span in shown):
        what = f"{what} with intervals" if len(shown) > 1 else "1 value with its interval"
    listed = ", ".join(line.label for line in lines)
    beyond = [span.label for span in shown if span.beyond]
    over = f"beyond it: {', '.join(beyond)}" if beyond else "none is beyond"
    against = f" against {listed}; {over}" if lines else ""
    return Spans(
        title=title,
        description=f"{what}{against}.",
        head=("", "value", "interval", "n", ""),
        rows=rows,
        note=f"{more:,} more are not drawn" if more else "",
        unit=unit,
        spans=tuple(shown),
        lines=tuple(lines),
    )


def _distributions(check: Check) -> Bins | None:
    shown = bins(check)[:_MOST_ROWS]  # (`Drift` itself stores fewer)
    if not shown:
        return None
    moved = [each.label for each in shown if each.moved]
    changes = "none changed significantly"
    if moved:
        changes = f"{len(moved)} changed significantly: {', '.join(moved)}"
    return Bins(
        title=visible(title(check)),
        description=(
            f"Shares of {len(shown)} bins or categories in the reference and in the data; "
            f"{changes}."
        ),
        head=("bin or category", "reference", "data", ""),
        rows=[
            (label, *(format_number(share, "share") for share in shares), "moved" * moved)
            for label, *shares, moved in shown
        ],
        bins=shown,
    )


def bins(check: Check) -> tuple[Bin, ...]:
    """Return the bins or categories in a check's details, in their order.

    The result is empty if the details have none.
    """
    found = []
    listed = _entries(check, "bins", "bin")
    # in reports of earlier versions
    listed = listed or _entries(check, "cells", "cell")
    for label, item in listed:
        reference, current = number(item.get("reference")), number(item.get("current"))
        if reference is None or current is None:
            continue
        if 0 <= reference <= 1 and 0 <= current <= 1:
            found.append(Bin(label, reference, current, item.get("moved") is True))
    return tuple(found)


def _entries(check: Check, detail: str, name: str) -> list[tuple[str, Mapping[str, object]]]:
    """Return the mappings in the list ``details[detail]`` of a check, each with a label.

    The label is the value of the key `name` in the mapping. Equal labels are changed so that they
    differ.
    """
    listed = check.details.get(detail)
    entries = []
    for item in listed if isinstance(listed, tuple | list) else ():
        if isinstance(item, Mapping):
            label = item.get(name)
            entries.append((label if isinstance(label, str) else "?", item))
    labels = distinct(label for label, _ in entries)
    return [(labels[label], item) for label, item in entries]


def title(check: Check) -> str:
    """Return the subject of a check and its group as a string, as in ``"age [sex=f]"``."""
    return check.subject if check.group is None else f"{check.subject} [{check.group}]"


def _groups(check: Check) -> Spans | None:
    """Return the figure of the groups between which a check measured a gap.

    The result is None if the check has no groups.
    """
    spans = []
    for label, item in _entries(check, "groups", "group"):
        value, low, high, n = (number(item.get(name)) for name in ("value", "low", "high", "n"))
        interval, note = None, item.get("note")
        if value is not None and low is not None and high is not None and low <= value <= high:
            interval = (low, high)
        shown = clean(note) if isinstance(note, str) else ""
        spans.append(Span(label, value, interval, None if n is None else int(n), shown))
    if not spans:
        return None
    limit = check.limit
    line = _gap_line(check, [span.value for span in spans if span.value is not None])
    if line is not None and limit is not None:
        # If the limit is for the largest value of the groups, values above the line are beyond the
        # limit. In all other cases, values below the line are.
        above = limit.at_most is not None and abs(line.value - limit.high) <= _CLOSE
        for i, (_, value, *_) in enumerate(spans):
            over = 0.0 if value is None else value - line.value
            spans[i] = spans[i]._replace(beyond=(over if above else -over) > _CLOSE)
    at = line.value if line else 0.0
    # Values beyond the limit come first, and the one farthest from it is the first of them.
    spans.sort(key=lambda span: -abs((span.value or 0.0) - at) if span.beyond else math.inf)
    rate, name = check.details.get("rate"), clean(check.metric)
    if isinstance(rate, str) and rate != check.metric:
        name = f"{clean(rate)} of each group"
    return _spans(name, "", spans, [line] if line else [])


def _columns(check: Check) -> Spans | None:
    """Return the figure of the columns that a classifier uses to distinguish data and reference.

    The result is None for all other checks.
    """
    spans = []
    for label, item in _entries(check, "columns", "column"):
        note = item.get("note")
        shown = clean(note) if isinstance(note, str) else ""
        beyond = item.get("beyond") is True
        spans.append(Span(label, number(item.get("value")), note=shown, beyond=beyond))
    return _spans(f"{visible(title(check))}: columns", "", spans, []) if spans else None


def _gap_line(check: Check, values: Sequence[float]) -> Line | None:
    """Return a line at the value at which a group would make the gap equal to its limit.

    `values` are the values of all groups. The gap is one of four numbers: their largest minus their
    smallest, their smallest divided by their largest, their smallest, or their largest. The check
    does not say which. So each of these numbers is compared with the value of the check. The result
    is None if none of them is equal to it.
    """
    limit, gap = check.limit, check.value
    if limit is None or gap is None or not values:
        return None
    least, most = min(values), max(values)
    shown = format_limit(limit, check.unit, check.value)
    if abs(gap - (most - least)) <= _CLOSE and limit.at_most is not None:
        return Line(most - limit.at_most, f"{shown} below the highest")
    if most and abs(gap - least / most) <= _CLOSE and limit.at_least is not None:
        return Line(most * limit.at_least, f"{shown} of the highest")
    end, of = (limit.high, most) if limit.at_least is None else (limit.low, least)
    return Line(end, f"the limit, {shown}") if abs(gap - of) <= _CLOSE else None


def _histogram(check: Check) -> Histogram | None:
    """Return the histogram of a check, or None. A value or limit that is not a time is left out."""
    bins = _bins(check.details.get("histogram"))
    others = _bins(check.details.get("histogram_production"))
    if bins is None:
        return None
    edges, counts = bins
    production = others[1] if others is not None and others[0] == edges else ()
    value = low = high = limit = None
    if check.unit == "s":
        value = number(check.value)
        low, high = map(number, check.interval or (None, None))
        limit = None if check.limit is None else check.limit.at_most
    label = clean(check.metric)
    measured = f"; {label} is {format_number(value, 's')}" if value is not None else ""
    against = f"; the limit is {format_number(limit, 's')}" if limit is not None else ""
    spread = f"from {format_number(edges[0], 's')} to {format_number(edges[-1], 's')}"

    heights = zip(counts, *([production] if production else []), strict=True)
    filled = [bar for bar in zip(pairwise(edges), heights, strict=True) if any(bar[1])]
    times = [filled[0][0][0], filled[-1][0][1]]
    times += [time for time in (value, limit, low, high) if time is not None]
    positive = [time for time in times if time > 0] or [1.0]
    shown = (min(positive) / 1.1, max(positive) * 1.1)
    return Histogram(
        title=visible(title(check)),
        description=f"{sum(counts):,.0f} times {spread}{measured}{against}.",
        head=("from", "to", "calls", *(("production",) if production else ())),
        rows=[
            (*(format_number(end, "s") for end in ends), *(f"{height:,.0f}" for height in heights))
            for ends, heights in filled
        ],
        edges=edges,
        counts=counts,
        production=production,
        value=value,
        low=low,
        high=high,
        limit=limit,
        label=label,
        shown=shown,
        ticks=_round_times(*shown),
    )


def _looks(check: Check) -> Trend | None:
    """Return the figure of a value that was computed several times as traffic came in.

    A look is a period of time, as in `Traffic`. The figure has one point per look. The result is
    None for all other checks.
    """
    bounds = (check.limit.at_least, check.limit.at_most) if check.limit else ()
    limits = tuple(end for end in map(number, bounds) if end is not None)
    points, rows = [], []
    for place, (label, item) in enumerate(_entries(check, "looks", "look")[-_MOST_BINS:]):
        low, high = item.get("low"), item.get("high")
        known, interval = number(item.get("value")), _ordered(low, high)
        shown = "undefined" if known is None else format_number(known, check.unit)
        ends = format_ends(interval, check.unit) if interval else ""
        rows.append((label, shown, ends))
        beyond = known is not None and check.limit is not None and not check.limit.holds(known)
        points.append(Point(label, place, known, interval, limits, beyond))
    # Do not use early intervals for the range to draw, because they are very long.
    known_last = [p for p in points if p.value is not None][-1:]
    reach = [*limits, *(p.value for p in known_last if p.value is not None)]
    reach += [p.interval[1] for p in known_last if p.interval and p.interval[1] < math.inf]
    if len(points) < 2 or not reach:
        return None
    most = 2 * max(reach)
    cut = [
        point._replace(
            value=None if point.value is None else min(point.value, most),
            interval=point.interval
            and (min(point.interval[0], most), min(point.interval[1], most)),
        )
        for point in points
    ]
    clipped = cut != points
    return Trend(
        title=f"{visible(title(check))}: {clean(check.metric)}",
        description=f"The value and its interval after each of {len(points)} looks at the traffic.",
        head=("look", "value", "interval"),
        rows=rows,
        note=f"cut off at {format_number(most)}" if clipped else "",
        unit=check.unit,
        points=tuple(cut),
    )


def _reliability(check: Check) -> Reliability | None:
    """Return the reliability curve of a check, or None if its details have no such curve."""
    points, rows = [], []
    for label, item in _entries(check, "reliability", "bin")[:_MOST_BINS]:
        place, share, n = (number(item.get(name)) for name in ("probability", "share", "n"))
        interval = _ordered(item.get("low"), item.get("high"))
        if place is None or share is None or interval is None or n is None:
            continue
        if not all(0 <= each <= 1 for each in (place, share, *interval)):
            continue
        beyond = not interval[0] <= place <= interval[1]
        points.append(Point(label, place, share, interval, beyond=beyond))
        shares = (format_number(each, "share") for each in (place, share))
        ends = " to ".join(format_number(end, "share") for end in interval)
        rows.append((label, *shares, ends, f"{n:,.0f}", "differs" * beyond))
    if not points:
        return None
    differ = [point.label for point in points if point.beyond]
    said = f"different in {', '.join(differ)}" if differ else "not different in any bin"
    bins = "1 bin" if len(points) == 1 else f"{len(points)} bins"
    return Reliability(
        title=f"{visible(title(check))}: reliability",
        description=f"Observed shares against mean probabilities in {bins}; {said}.",
        head=("probability", "mean", "observed share", "interval", "rows", ""),
        rows=rows,
        points=tuple(points),
    )


def _ordered(low: object, high: object) -> tuple[float, float] | None:
    """Return two ends as an interval; None if they are not numbers in ascending order.

    The upper end can be infinite.
    """
    first, last = number(low), math.inf if high == math.inf else number(high)
    return (first, last) if first is not None and last is not None and first <= last else None


def _bins(item: object) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return the edges and counts of a histogram, or None if the details have none."""
    if not isinstance(item, Mapping):
        return None
    edges, counts = (
        tuple(-1.0 if (x := number(value)) is None else x for value in listed)
        if isinstance(listed, tuple | list)
        else ()
        for listed in (item.get("edges"), item.get("counts"))
    )
    if not 1 <= len(counts) <= _MOST_BINS or len(edges) != len(counts) + 1 or not any(counts):
        return None
    rising = all(a < b for a, b in pairwise(edges))
    return (edges, counts) if rising and min(edges + counts) >= 0 else None


def _round_times(least: float, most: float) -> tuple[float, ...]:
    """Return at most eight round times from `least` to `most`, for a logarithmic axis."""
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    times: list[float] = []
    for parts in ((1, 2, 5), (1, 3), (1,)):
        rounded = (float(f"{part}e{decade}") for decade in decades for part in parts)
        times = [time for time in rounded if least <= time <= most]
        if len(times) <= _TICKS:
            return tuple(times)
    return tuple(times[:: len(times) // _TICKS + 1])


#: The functions that return the figure of a check, by the name of the detail that they need.
_OF_DETAIL = {
    "bins": _distributions,
    "cells": _distributions,  # in reports of earlier versions
    "columns": _columns,
    "groups": _groups,
    "histogram": _histogram,
    "looks": _looks,
    "reliability": _reliability,
}


def number(value: object) -> float | None:
    """Return a value as a float that a figure can show; None if it can't show the value.

    The result is None for bools, for values that are not numbers, for NaN, and for numbers whose
    absolute value is at least 1e15. Numbers whose absolute value is at most 1e-100 become 0.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        return None
    return float(value) if abs(value) > _TINIEST else 0.0


def shares(counts: Sequence[float]) -> list[float]:
    """Convert counts to shares of their sum."""
    total = sum(counts) or 1
    return [count / total for count in counts]
