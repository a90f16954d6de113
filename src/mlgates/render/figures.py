"""What of a gate's result can be drawn, as plain numbers: for pictures in HTML and for plots.

Details of a check may come from a file, so that they can be anything. What isn't as a gate writes
it gives no figure; it never raises, and never guesses.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from mlgates.limits import Limit, format_limit, format_number
from mlgates.render.clean import clean
from mlgates.render.kinds import (
    Cell,
    Cells,
    Figure,
    Histogram,
    Level,
    Levels,
    Line,
    Span,
    Spans,
)
from mlgates.report import GateResult
from mlgates.verdict import Check, worst_first

__all__ = ["cells", "figures", "number", "of_check"]

_LABEL = 60
_MOST_BINS = 400
_MOST_ROWS = 40
_MOST_BARS = 24
_CLOSE = 1e-9
_LARGEST, _TINIEST = 1e15, 1e-100


def figures(result: GateResult) -> Iterator[Figure]:
    """Yield what can be drawn of a gate's result, the worst first.

    Checks with a distribution of their own have a figure each; checks of one metric that have
    intervals share one; so do the columns of `Completeness`.
    """
    checks = sorted(result.checks, key=lambda check: worst_first(check.verdict))
    yield from _levels(result, checks)
    yield from _together(checks)
    for check in checks:
        yield from of_check(check)


def of_check(check: Check) -> Iterator[Figure]:
    """Yield the figures of what one check knows: its cells, its groups, its times."""
    subject = clean(check.subject, _LABEL)
    title = subject if check.group is None else f"{subject} [{clean(check.group, _LABEL)}]"
    if found := cells(check):
        yield Cells(title, found[:_MOST_ROWS])
    yield from _groups(check)
    yield from _times(check, title)


def cells(check: Check) -> tuple[Cell, ...]:
    """Return the cells of a distribution that a check knows, in their order."""
    return tuple(filter(None, map(_cell, _items(check.details, "cells"))))


def _cell(item: object) -> Cell | None:
    if not isinstance(item, Mapping):
        return None
    before, now = number(item.get("reference")), number(item.get("current"))
    if before is None or now is None or not (0 <= before <= 1 and 0 <= now <= 1):
        return None
    return Cell(_label(item.get("cell")), before, now, item.get("moved") is True)


def _groups(check: Check) -> Iterator[Spans]:
    spans = tuple(filter(None, map(_group, _items(check.details, "groups"))))
    if not spans:
        return
    line = _bound(check, [span.value for span in spans if span.value is not None])
    shown = [span._replace(beyond=_is_beyond(span.value, check.limit, line)) for span in spans]
    shown.sort(key=lambda span: not span.beyond)
    rate, title = check.details.get("rate"), clean(check.metric, _LABEL)
    if isinstance(rate, str) and rate != check.metric:
        title = f"{clean(rate, _LABEL)} of each group"
    kept = tuple(shown[:_MOST_ROWS])
    yield Spans(title, "", kept, (line,) if line else (), _left_out(len(shown) - len(kept)))


def _group(item: object) -> Span | None:
    if not isinstance(item, Mapping):
        return None
    note, n = item.get("note"), number(item.get("n"))
    value, low, high = (number(item.get(key)) for key in ("value", "low", "high"))
    if low is None or high is None or value is None or not low <= value <= high:
        low = high = None
    told = clean(note, _LABEL) if isinstance(note, str) else ""
    size = None if n is None else int(n)
    return Span(_label(item.get("group")), value, low, high, size, beyond=False, note=told)


def _bound(check: Check, values: Sequence[float]) -> Line | None:
    """Return where the limit of a gap lies among the values of the groups, as the numbers show.

    A gap is the difference or the ratio of the least and the greatest value, or one of these alone;
    where it is none of them there is no line to draw.
    """
    limit, gap = check.limit, check.value
    if limit is None or gap is None or not values:
        return None
    least, most = min(values), max(values)
    shown = format_limit(limit, check.unit)
    if _is(gap, most - least) and limit.at_most is not None:
        return Line(most - limit.at_most, f"{shown} below the highest")
    if most and _is(gap, least / most) and limit.at_least is not None:
        return Line(most * limit.at_least, f"{shown} of the highest")
    if (_is(gap, least) and limit.at_least is not None) or (
        _is(gap, most) and limit.at_most is not None
    ):
        return Line(_end(limit), f"the limit, {shown}")
    return None


def _is(one: float, other: float) -> bool:
    return abs(one - other) <= _CLOSE


def _end(limit: Limit) -> float:
    return limit.high if limit.at_least is None else limit.low


def _is_beyond(value: float | None, limit: Limit | None, line: Line | None) -> bool:
    if value is None or limit is None or line is None:
        return False
    if limit.at_most is not None and _is(line.value, limit.high):
        return value > line.value + _CLOSE
    return value < line.value - _CLOSE


def _times(check: Check, title: str) -> Iterator[Histogram]:
    found = _histogram(check.details.get("histogram"))
    if found is None:
        return
    edges, counts = found
    other = _histogram(check.details.get("histogram_production"))
    production = other[1] if other is not None and other[0] == edges else None
    timed = check.unit == "s"
    low, high = map(number, check.interval or (None, None)) if timed else (None, None)
    limit = check.limit.at_most if timed and check.limit is not None else None
    value = number(check.value) if timed else None
    yield Histogram(
        title, edges, counts, production, value, low, high, limit, clean(check.metric, _LABEL)
    )


def _histogram(item: object) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    if not isinstance(item, Mapping):
        return None
    edges, counts = ([number(x) for x in _items(item, name)] for name in ("edges", "counts"))
    if not 1 <= len(counts) <= _MOST_BINS or len(edges) != len(counts) + 1:
        return None
    ends = tuple(edge for edge in edges if edge is not None and edge >= 0)
    sizes = tuple(count for count in counts if count is not None and count >= 0)
    rising = all(a < b for a, b in pairwise(ends))
    if len(ends) != len(edges) or len(sizes) != len(counts) or not rising or not any(sizes):
        return None
    return ends, sizes


def _together(checks: Sequence[Check]) -> Iterator[Spans]:
    """Yield a figure for the checks of one metric and limit that have values and intervals."""
    sets: dict[tuple[str, str, Limit], list[Check]] = {}
    for check in checks:
        own = any(check.details.get(name) for name in ("cells", "groups", "histogram"))
        if check.limit is not None and number(check.value) is not None and not own:
            sets.setdefault((check.metric, check.unit, check.limit), []).append(check)
    for (metric, unit, limit), found in sets.items():
        if any(check.interval is not None for check in found):
            kept = found[:_MOST_ROWS]
            spans = tuple(_span(check, limit) for check in kept)
            zero = [Line(0.0, "no difference")] if _is_difference(found) else []
            ends = [number(end) for end in (limit.at_least, limit.at_most)]
            lines = [
                Line(end, f"the limit, {format_number(end, unit, 8)}")
                for end in ends
                if end is not None
            ]
            title = clean(metric, _LABEL) + (", candidate minus production" if zero else "")
            yield Spans(title, unit, spans, (*zero, *lines), _left_out(len(found) - len(kept)))


def _is_difference(checks: Sequence[Check]) -> bool:
    return any("tolerance" in check.details for check in checks)


def _span(check: Check, limit: Limit) -> Span:
    low, high = _finite_interval(check)
    label = _label(check.subject if check.group is None else check.group)
    value = number(check.value)
    beyond = value is not None and not limit.holds(value)
    return Span(label, value, low, high, check.n, beyond)


def _finite_interval(check: Check) -> tuple[float | None, float | None]:
    low, high = check.interval or (None, None)
    ends = number(low), number(high)
    return (None, None) if None in ends else ends


def _levels(result: GateResult, checks: Sequence[Check]) -> Iterator[Levels]:
    if result.kind != "completeness":
        return
    found = [
        (Level(_name(check), value, not check.limit.holds(value)), check.limit)
        for check in checks
        if check.metric == "missing"
        and check.limit is not None
        and (value := number(check.value)) is not None
        and 0 <= value <= 1
    ]
    some = sorted((each for each in found if each[0].value), key=lambda each: -each[0].value)
    if not some:  # nothing is missing: nothing to see
        return
    limit = some[0][1]
    bound = f"the limit, {format_limit(limit, 'share')}"
    line = None if limit.at_most is None else Line(limit.at_most, bound)
    levels = tuple(level for level, _ in some[:_MOST_BARS])
    none, rest = len(found) - len(some), _left_out(len(some) - len(levels))
    told = [f"none is missing in {none:,} more"] if none else []
    yield Levels(
        "missing cells", "share", levels, line, "; ".join([*told, *([rest] if rest else [])])
    )


def _name(check: Check) -> str:
    return _label(check.subject if check.group is None else f"{check.subject} [{check.group}]")


def _items(details: Mapping[str, object], name: str) -> Sequence[object]:
    found = details.get(name)
    return found if isinstance(found, tuple | list) else ()


def number(value: object) -> float | None:
    """Return a number of a size that can be drawn, the tiniest as 0; None for whatever else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    if not abs(found) < _LARGEST:
        return None
    return found if abs(found) > _TINIEST else 0.0


def _label(value: object) -> str:
    return clean(value, _LABEL) if isinstance(value, str) else "?"


def _left_out(count: int) -> str:
    return f"{count:,} more are not drawn" if count else ""
