"""Draw figures as lists of SVG shapes, which a template writes and escapes.

Values beyond a limit and significant changes are marked by a colour and also by a symbol.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, pairwise
from typing import NamedTuple

from mlgates.printable import distinct
from mlgates.render.figures import (
    Bins,
    Figure,
    Histogram,
    Levels,
    Reliability,
    Spans,
    Trend,
    shares,
)
from mlgates.verdict import format_number

WIDTH = 480
_NAMES = 172  # right end of names
_LEFT, _RIGHT = 180, 352  # horizontal range of bars and intervals
_NUMBERS = 360  # left end of signs and numbers
_ROW = 18
_TOP = 8
_LABEL = 14  # height of a label above the rows
_LETTERS = 29  # largest number of characters of a name
_AXIS = 20
_BEGIN, _END = 14, WIDTH - 14  # horizontal range of a histogram
_HEAD, _TALL = 2 * _LABEL, 112
_SQUARE = _RIGHT - _LEFT  # side of a reliability curve
_INTERVAL = re.compile(r"(\S+ < )?x <= \S+")  # the name of a bin of numbers


class Shape(NamedTuple):
    """One SVG element of a `Picture`: tag, attributes, text, and `hint`, the text of a tooltip."""

    tag: str
    attributes: Mapping[str, str]
    text: str = ""
    hint: str = ""


class Picture(NamedTuple):
    """A figure as SVG elements, as `draw` returns it for the HTML report.

    `height` is in pixels, and `shapes` has the elements. `legend` has a pair for each entry: the
    CSS class of its colour, and its text.
    """

    height: int
    shapes: list[Shape]
    legend: list[tuple[str, str]]


def draw(figure: Figure) -> Picture:
    """Return a figure as SVG elements: bars, points, lines and texts, and a legend."""
    match figure:
        case Bins(bins=bins):
            legend = [("reference", "reference"), ("current", "data")]
            legend += [("moved", "significant change")] * any(each.moved for each in bins)
            return Picture(_TOP + _ROW * len(bins), [*_bins(figure)], legend)
        case Spans(spans=spans, lines=lines):
            top = _TOP + _LABEL * len(lines)
            return Picture(top + _ROW * len(spans) + _AXIS, [*_spans(figure, top)], [])
        case Levels(levels=levels, limit=limit):
            top = _TOP + _LABEL * (limit is not None)
            return Picture(top + _ROW * len(levels), [*_levels(figure, top)], [])
        case Histogram():
            legend = [("current", "calls")]
            legend += [("other", "production")] * bool(figure.production)
            legend += [("value", "measured")] * (figure.value is not None)
            legend += [("band", "its interval")] * (figure.low is not None)
            return Picture(_HEAD + _TALL + _AXIS, [*_histogram(figure)], legend)
        case Reliability():
            legend = [("current", "observed share")]
            legend += [("beyond", "differs")] * any(point.beyond for point in figure.points)
            return Picture(_TOP + _SQUARE + 2 * _AXIS, [*_reliability(figure)], legend)
        case Trend():
            return Picture(_TOP + _TALL + _AXIS, [*_trend(figure)], [])
    raise TypeError(figure)


def _bins(figure: Bins) -> Iterator[Shape]:
    scale = (_RIGHT - _LEFT) / (max(max(c.reference, c.current) for c in figure.bins) or 1)
    names = _short(each.label for each in figure.bins)
    for i, each in enumerate(figure.bins):
        y = _TOP + _ROW * i
        before, now = format_number(each.reference, "share"), format_number(each.current, "share")
        hint = f"{each.label}: {before} in the reference, {now} in the data"
        wide, name = scale * each.reference, "moved" if each.moved else "current"
        yield _name(y + 11, each.label, names)
        yield _shape("rect", "reference", "", hint, x=_LEFT, y=y + 1, width=wide, height=_ROW - 5)
        wide = scale * each.current
        yield _shape("rect", name, "", hint, x=_LEFT, y=y + 4.5, width=wide, height=_ROW - 12)
        if each.moved:
            sign = "▲" if each.current > each.reference else "▼"
            yield _shape("text", "sign", sign, x=_NUMBERS, y=y + 11, text_anchor="start")
        for x, share in ((WIDTH - 62, each.reference), (WIDTH, each.current)):
            yield _shape("text", "", f"{100 * share:.1f} %", x=x, y=y + 11, text_anchor="end")
        yield _shape("text", "label", "→", x=WIDTH - 53, y=y + 11, text_anchor="middle")
    bottom = _TOP + _ROW * len(figure.bins)
    yield _shape("line", "axis", x1=_LEFT, x2=_LEFT, y1=_TOP - 2, y2=bottom)


def _levels(figure: Levels, top: int) -> Iterator[Shape]:
    most = max(level.value or 0 for level in figure.levels)
    scale = (_RIGHT - _LEFT) / (max(most, figure.limit.value if figure.limit else 0) or 1)
    bottom = top + _ROW * len(figure.levels)
    names = _short(level.label for level in figure.levels)
    for i, level in enumerate(figure.levels):
        y, share = top + _ROW * i, level.value or 0.0
        value, name = format_number(share, "share"), "beyond" if level.beyond else "current"
        hint = f"{level.label}: {value}"
        yield _name(y + 11, level.label, names)
        yield _shape("rect", name, "", hint, x=_LEFT, y=y + 2, width=scale * share, height=_ROW - 7)
        if level.beyond:
            yield _shape("text", "sign", "✗", x=_NUMBERS, y=y + 11, text_anchor="start")
        yield _shape("text", "", value, x=WIDTH - 40, y=y + 11, text_anchor="end")
    yield _shape("line", "axis", x1=_LEFT, x2=_LEFT, y1=top - 2, y2=bottom)
    if figure.limit:
        name, x = "limit" if figure.limit.value else "zero", _LEFT + scale * figure.limit.value
        yield from _marker(name, figure.limit.label, x, top=_LABEL, bottom=bottom)


def _spans(figure: Spans, top: int) -> Iterator[Shape]:
    values = [line.value for line in figure.lines]
    for span in figure.spans:
        values += [v for v in (span.value, *(span.interval or ())) if v is not None]
    least, most = min(values, default=0.0), max(values, default=1.0)
    margin = 0.04 * (most - least) or abs(most) or 1.0
    least, most = least - margin, most + margin
    scale = (_RIGHT - _LEFT) / (most - least)
    bottom = top + _ROW * len(figure.spans) + 2

    def at(value: float) -> float:
        return _LEFT + scale * (value - least)

    yield _shape("line", "axis", x1=_LEFT, x2=_RIGHT, y1=bottom, y2=bottom)
    for tick in ticks(least, most):
        x, shown = at(tick), format_number(tick, figure.unit)
        yield from _tick(x, bottom, shown)
    for place, line in enumerate(figure.lines, 1):
        other, x = at(figure.lines[0].value) if place > 1 else None, at(line.value)
        name, y = "limit" if line.value else "zero", _LABEL * place
        yield from _marker(name, line.label, x, top=y, bottom=bottom, other=other)
    names = _short(span.label for span in figure.spans)
    for i, span in enumerate(figure.spans):
        y = top + _ROW * i + 8
        yield _name(y + 4, span.label, names)
        if span.value is None:
            yield _shape("text", "label", "undefined", x=WIDTH - 40, y=y + 4, text_anchor="end")
            continue
        x, value = at(span.value), format_number(span.value, figure.unit)
        name, ends = "beyond" if span.beyond else "current", ""
        if span.interval:
            low, high = map(at, span.interval)
            ends = " to ".join(format_number(end, figure.unit) for end in span.interval)
            yield _shape("line", f"{name} mg-interval", x1=low, x2=high, y1=y, y2=y)
            for end in (low, high):
                yield _shape("line", f"{name} mg-interval", x1=end, x2=end, y1=y - 3, y2=y + 3)
        hint = f"{span.label}: {value}{ends and f' ({ends})'}"
        yield _mark(x, y, 4, hint, beyond=span.beyond)
        if span.beyond:
            yield _shape("text", "sign", "✗", x=_NUMBERS, y=y + 4, text_anchor="start")
        yield _shape("text", "", value, x=WIDTH - 40, y=y + 4, text_anchor="end")


def _histogram(figure: Histogram) -> Iterator[Shape]:
    first, last = map(math.log, figure.shown)
    bottom = _HEAD + _TALL

    def at(value: float) -> float:
        share = (math.log(max(value, 1e-12)) - first) / (last - first)
        return _BEGIN + (_END - _BEGIN) * min(max(share, 0.0), 1.0)

    if figure.low is not None:
        left = at(figure.low)
        wide = max((_END if figure.high is None else at(figure.high)) - left, 1)
        yield _shape("rect", "band", x=left, y=_HEAD, width=wide, height=_TALL)
    own, others = shares(figure.counts), shares(figure.production)
    most, total = max(own + others), sum(figure.counts)
    edges = [at(edge) for edge in figure.edges]
    for i, share in enumerate(own):
        if share:
            wide, tall = max(edges[i + 1] - edges[i] - 0.6, 0.4), (_TALL - 10) / most * share
            ends = " to ".join(format_number(edge, "s") for edge in figure.edges[i : i + 2])
            hint = f"{ends}: {figure.counts[i]:,.0f} of {total:,.0f}"
            top = bottom - tall
            yield _shape("rect", "current", "", hint, x=edges[i], y=top, width=wide, height=tall)
    if others:  # draw the production histogram as a line along the tops of its bars
        tops = [bottom - (_TALL - 10) * share / most for share in others]
        points = [(x, top) for i, top in enumerate(tops) for x in edges[i : i + 2]]
        points = [(edges[0], bottom), *points, (edges[-1], bottom)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield _shape("polyline", "other", "", "production", points=line)
    yield _shape("line", "axis", x1=_BEGIN, x2=_END, y1=bottom, y2=bottom)
    for tick in figure.ticks:
        x, shown = at(tick), format_number(tick, "s")
        yield from _tick(x, bottom, shown)
    limit = None if figure.limit is None else at(figure.limit)
    if figure.value is not None:
        label = f"{figure.label} {format_number(figure.value, 's')}"
        yield from _marker("value", label, at(figure.value), top=_HEAD, bottom=bottom, other=limit)
    if limit is not None and figure.limit is not None:
        beyond = figure.value is not None and figure.value > figure.limit
        label = f"the limit, {format_number(figure.limit, 's', 8)}{' ✗' if beyond else ''}"
        name = "limit" if figure.limit else "zero"
        yield from _marker(name, label, limit, top=_LABEL, bottom=bottom)


def _trend(figure: Trend) -> Iterator[Shape]:
    points = figure.points
    values = [limit for point in points for limit in point.limits]
    for point in points:
        values += [v for v in (point.value, *(point.interval or ())) if v is not None]
    least, most = min(values, default=0.0), max(values, default=1.0)
    margin = 0.08 * (most - least) or abs(most) or 1.0
    least, most = least - margin, most + margin
    begin, bottom = 56.0, float(_TOP + _TALL)
    first, last = points[0].place, points[-1].place

    def at(place: float) -> float:
        share = (place - first) / (last - first) if last > first else 0.5
        return begin + 8 + (_END - begin - 16) * share

    def height(value: float) -> float:
        return bottom - _TALL * (value - least) / (most - least)

    yield _shape("line", "axis", x1=begin, x2=_END, y1=bottom, y2=bottom)
    for tick in ticks(least, most):
        y, shown = height(tick), format_number(tick, figure.unit)
        yield _shape("line", "axis", x1=begin - 4, x2=begin, y1=y, y2=y)
        yield _shape("text", "label", shown, x=begin - 7, y=y + 4, text_anchor="end")
    ends = ((points[0], "start", begin), (points[-1], "end", _END))
    for point, anchor, x in ends[: len({first, last})]:
        yield _shape("text", "label", point.label, x=x, y=bottom + 15, text_anchor=anchor)
    for limits, run in groupby(points, key=lambda point: point.limits):
        over = [at(point.place) for point in run]
        for limit in limits:  # at least 8 wide, even for a single point
            x1, x2, y = over[0] - 4, over[-1] + 4, height(limit)
            yield _shape("line", "limit", x1=x1, x2=x2, y1=y, y2=y)
    for low, high in pairwise(points):
        if low.value is not None and high.value is not None:
            y1, y2 = height(low.value), height(high.value)
            yield _shape("line", "axis", x1=at(low.place), x2=at(high.place), y1=y1, y2=y2)
    for point in points:
        x, name = at(point.place), "beyond" if point.beyond else "current"
        if point.value is None:
            yield _shape("text", "label", "?", point.label, x=x, y=bottom - 3, text_anchor="middle")
            continue
        y, hint = height(point.value), f"{point.label}: {format_number(point.value, figure.unit)}"
        if point.interval:
            lows = [height(end) for end in point.interval]
            yield _shape("line", f"{name} mg-interval", x1=x, x2=x, y1=lows[0], y2=lows[1])
        yield _mark(x, y, 3, hint, beyond=point.beyond)


def _reliability(figure: Reliability) -> Iterator[Shape]:
    left, bottom = float(_LEFT), float(_TOP + _SQUARE)

    def at(share: float) -> float:
        return left + _SQUARE * share

    def height(share: float) -> float:
        return bottom - _SQUARE * share

    yield _shape("line", "limit", x1=at(0), x2=at(1), y1=height(0), y2=height(1))
    yield _shape("line", "axis", x1=at(0), x2=at(1), y1=bottom, y2=bottom)
    yield _shape("line", "axis", x1=left, x2=left, y1=bottom, y2=height(1))
    for tick in (0.0, 0.5, 1.0):
        x, y, shown = at(tick), height(tick), format_number(tick, "share")
        yield from _tick(x, bottom, shown)
        yield _shape("line", "axis", x1=left - 4, x2=left, y1=y, y2=y)
        yield _shape("text", "label", shown, x=left - 7, y=y + 4, text_anchor="end")
    middle, below = at(0.5), bottom + 15 + _AXIS
    yield _shape("text", "label", "mean probability", x=middle, y=below, text_anchor="middle")
    for point in figure.points:
        name, value = "beyond" if point.beyond else "current", point.value or 0.0
        x = at(point.place)
        y, (low, high) = height(value), map(height, point.interval or (value, value))
        shares = [format_number(share, "share") for share in (point.place, value)]
        hint = f"{point.label}: {shares[1]} observed, {shares[0]} predicted"
        yield _shape("line", f"{name} mg-interval", x1=x, x2=x, y1=low, y2=high)
        yield _mark(x, y, 3, hint, beyond=point.beyond)


def _shape(
    tag: str, name: str = "", text: str = "", hint: str = "", **attributes: float | str
) -> Shape:
    """Return a shape with the CSS class `name`; numbers are rounded to one decimal place."""
    written = {"class": f"mg-{name}"} if name else {}
    for key, value in attributes.items():
        written[key.replace("_", "-")] = value if isinstance(value, str) else f"{value:.1f}"
    return Shape(tag, written, text, hint)


def _short(labels: Iterable[str]) -> dict[str, str]:
    """Return a short name for each label; "<=" in the name of a bin becomes "≤"."""
    signs = {
        label: label.replace("<=", "≤") if _INTERVAL.fullmatch(label) else label for label in labels
    }
    short = distinct(signs.values(), _LETTERS)
    return {label: short[sign] for label, sign in signs.items()}


def _tick(x: float, bottom: float, label: str) -> Iterator[Shape]:
    """Yield a mark below the horizontal axis, and its label."""
    yield _shape("line", "axis", x1=x, x2=x, y1=bottom, y2=bottom + 4)
    yield _shape("text", "label", label, x=x, y=bottom + 15, text_anchor="middle")


def _mark(x: float, y: float, size: float, hint: str, *, beyond: bool) -> Shape:
    """Return the mark of a value: a square if it is beyond the limit, and otherwise a circle."""
    if beyond:
        left, top, side = x - size, y - size, 2 * size
        return _shape("rect", "beyond", "", hint, x=left, y=top, width=side, height=side)
    return _shape("circle", "current", "", hint, cx=x, cy=y, r=size)


def _name(y: float, label: str, names: Mapping[str, str]) -> Shape:
    hint = label if len(label) > _LETTERS else ""
    return _shape("text", "", names[label], hint, x=_NAMES, y=y, text_anchor="end")


def _marker(
    name: str, label: str, x: float, *, top: float, bottom: float, other: float | None = None
) -> Iterator[Shape]:
    """Yield a vertical line at `x`, and its label above it.

    `name` is the CSS class of both. The label stays within the picture. If another line, at
    `other`, would cross the label, the label is moved to one side.
    """
    yield _shape("line", name, x1=x, x2=x, y1=top, y2=bottom)
    wide = 6 * len(label)
    if other is not None and abs(other - x) < wide:
        left = x <= other and x > wide
        x, anchor = (x - 4, "end") if left else (x + 4, "start")
    else:
        x, anchor = min(max(x, wide / 2 + 2), WIDTH - wide / 2 - 2), "middle"
    yield _shape("text", "label", label, x=x, y=top - 5, text_anchor=anchor)


def ticks(least: float, most: float) -> list[float]:
    """Return two to five round numbers from `least` to `most`.

    Examples
    --------
    >>> ticks(0.1, 0.87)
    [0.2, 0.4, 0.6, 0.8]
    """
    size = 10.0 ** math.floor(math.log10(most - least))
    step = next(
        (s * size for s in (0.1, 0.2, 0.5, 1, 2, 5) if (most - least) / (s * size) < 5),
        size,
    )
    first = math.ceil(least / step)
    return [round(i * step, 12) for i in range(first, math.floor(most / step) + 1)]
