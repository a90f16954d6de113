"""Figures as SVG, built as data: shapes with attributes, which a template writes and escapes.

Colour never says anything alone: what moved or is beyond a limit has a sign of its own.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlgates.limits import format_number
from mlgates.render.clean import abbreviated
from mlgates.render.kinds import (
    Cells,
    Figure,
    Histogram,
    Levels,
    Line,
    Span,
    Spans,
)

__all__ = ["Picture", "Shape", "draw"]

_WIDTH = 460
_NAMES = 148  # where names end
_LEFT, _RIGHT = 156, 334  # of what is drawn
_NUMBERS = 340  # where signs and numbers begin
_ROW = 18
_TOP = 8
_LABEL = 14
_LETTERS = 24  # of a name
_AXIS = 20
_INTERVAL = re.compile(r"(\S+ < )?x <= \S+")  # of numbers, as cells of drift are called


@dataclass(frozen=True, slots=True)
class Shape:
    """One element of a picture.

    Parameters
    ----------
    tag : str
        Name of the element.
    attributes : Mapping
        Its attributes; numbers are written with one decimal.
    text : str
        What stands in it.
    hint : str
        What is shown when the pointer rests on it.
    """

    tag: str
    attributes: Mapping[str, str]
    text: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing with what it is called and what there is to see, in words."""

    title: str
    description: str
    width: int
    height: int
    shapes: tuple[Shape, ...]
    legend: tuple[tuple[str, str], ...]  # names of classes, and what they stand for
    note: str = ""


def draw(figure: Figure) -> Picture:
    """Return the picture of a figure.

    Parameters
    ----------
    figure : Cells, Spans, Histogram or Levels
        What to draw.
    """
    legend: list[tuple[str, str]] = []
    match figure:
        case Cells():
            shapes, height = list(_cells(figure)), _TOP + _ROW * len(figure.cells)
            legend = [("reference", "reference"), ("current", "data")]
            legend += [("moved", "moved beyond chance")] * any(c.moved for c in figure.cells)
        case Spans():
            top = _top(figure.lines)
            shapes, height = list(_spans(figure, top)), top + _ROW * len(figure.spans) + _AXIS
        case Levels():
            top = _top([figure.limit] if figure.limit else [])
            shapes, height = list(_levels(figure, top)), top + _ROW * len(figure.levels)
        case Histogram():
            shapes, height = list(_histogram(figure)), _HEAD + _TALL + _AXIS
            legend = [("current", "calls")]
            legend += [("other", "production")] * (figure.production is not None)
            legend += [("value", "measured")] * (figure.value is not None)
            legend += [("band", "its interval")] * (figure.low is not None)
    told = (figure.title, figure.description, _WIDTH, height)
    return Picture(*told, tuple(shapes), tuple(legend), figure.note)


def _top(lines: Sequence[Line]) -> int:
    """Return where rows begin: under the labels of the lines."""
    return _TOP + _LABEL * len(lines)


def _shape(
    tag: str, name: str = "", text: str = "", hint: str = "", **attributes: float | str
) -> Shape:
    told = {"class": f"mg-{name}"} if name else {}
    for key, value in attributes.items():
        shown = value if isinstance(value, str) else f"{value:.1f}"
        told[key.rstrip("_").replace("_", "-")] = shown
    return Shape(tag, told, text, hint)


def _words(x: float, y: float, text: str, anchor: str = "start", name: str = "") -> Shape:
    return _shape("text", name, text, x=x, y=y, text_anchor=anchor)


def _name(y: float, label: str) -> Shape:
    # Categories are shown as they are written.
    shown = label.replace("<=", "≤") if _INTERVAL.fullmatch(label) else label
    hint = label if len(label) > _LETTERS else ""
    shown = abbreviated(shown, _LETTERS)
    return _shape("text", "", shown, hint, x=_NAMES, y=y, text_anchor="end")


def _bar(x: float, y: float, size: tuple[float, float], name: str, hint: str = "") -> Shape:
    width, height = max(size[0], 0.0), size[1]
    return _shape("rect", name, hint=hint, x=x, y=y, width=width, height=height)


def _upright(x: float, top: float, bottom: float, name: str) -> Shape:
    return _shape("line", name, x1=x, x2=x, y1=top, y2=bottom)


def _cells(figure: Cells) -> Iterator[Shape]:
    most = max((max(c.reference, c.current) for c in figure.cells), default=0) or 1
    scale = (_RIGHT - _LEFT) / most
    for i, cell in enumerate(figure.cells):
        y = _TOP + _ROW * i
        before, now = format_number(cell.reference, "share"), format_number(cell.current, "share")
        hint = f"{cell.label}: {before} in the reference, {now} in the data"
        yield _name(y + 11, cell.label)
        yield _bar(_LEFT, y + 1, (scale * cell.reference, _ROW - 5), "reference", hint)
        sort = "moved" if cell.moved else "current"
        yield _bar(_LEFT, y + 4.5, (scale * cell.current, _ROW - 12), sort, hint)
        if cell.moved:
            sign = "▲" if cell.current > cell.reference else "▼"
            yield _words(_NUMBERS, y + 11, sign, name="sign")
        for x, share in ((_WIDTH - 62, cell.reference), (_WIDTH, cell.current)):
            yield _words(x, y + 11, f"{100 * share:.1f} %", "end")
        yield _words(_WIDTH - 53, y + 11, "→", "middle", "told")
    yield _upright(_LEFT, _TOP - 2, _TOP + _ROW * len(figure.cells), "axis")


def _levels(figure: Levels, top: int) -> Iterator[Shape]:
    highest = max((level.value for level in figure.levels), default=0)
    most = max(highest, figure.limit.value if figure.limit else 0) or 1
    scale = (_RIGHT - _LEFT) / most
    bottom = top + _ROW * len(figure.levels)
    for i, level in enumerate(figure.levels):
        y = top + _ROW * i
        value = format_number(level.value, figure.unit)
        yield _name(y + 11, level.label)
        sort = "beyond" if level.beyond else "current"
        yield _bar(_LEFT, y + 2, (scale * level.value, _ROW - 7), sort, f"{level.label}: {value}")
        if level.beyond:
            yield _words(_NUMBERS, y + 11, "✗", name="sign")
        yield _words(_WIDTH - 40, y + 11, value, "end")
    yield _upright(_LEFT, top - 2, bottom, "axis")
    if figure.limit:
        yield from _line(figure.limit, _LEFT + scale * figure.limit.value, 0, bottom)


def _line(
    line: Line, x: float, place: int, bottom: float, other: float | None = None
) -> Iterator[Shape]:
    """Yield a line that values are held against, its label above all rows.

    `other` is where another line passes the label, which then stands on the side away from it.
    """
    y = _LABEL * (place + 1)
    yield _upright(x, y, bottom, "limit" if line.value else "zero")
    yield _beside(x, y - 5, line.label, other)


def _beside(x: float, y: float, label: str, other: float | None = None) -> Shape:
    """Return a label over a line, that stays within the picture."""
    wide = 6 * len(label)
    if other is not None and abs(other - x) < wide:
        left = x <= other and x > wide
        return _words(x - 4 if left else x + 4, y, label, "end" if left else "start", "told")
    middle = min(max(x, wide / 2 + 2), _WIDTH - wide / 2 - 2)
    return _words(middle, y, label, "middle", "told")


def _spans(figure: Spans, top: int) -> Iterator[Shape]:
    least, most = _range(figure)
    scale = (_RIGHT - _LEFT) / (most - least)
    bottom = top + _ROW * len(figure.spans)

    def x(value: float) -> float:
        return _LEFT + scale * (value - least)

    yield _shape("line", "axis", x1=_LEFT, x2=_RIGHT, y1=bottom + 2, y2=bottom + 2)
    for tick in ticks(least, most):
        yield _upright(x(tick), bottom + 2, bottom + 6, "axis")
        yield _words(x(tick), bottom + 17, format_number(tick, figure.unit), "middle", "told")
    for place, line in enumerate(figure.lines):
        other = x(figure.lines[0].value) if place else None
        yield from _line(line, x(line.value), place, bottom + 2, other)
    for i, span in enumerate(figure.spans):
        yield from _span(span, top + _ROW * i + 8, x, figure.unit)


def _span(span: Span, y: float, x: Callable[[float], float], unit: str) -> Iterator[Shape]:
    yield _name(y + 4, span.label)
    if span.value is None:
        yield _words(_WIDTH - 40, y + 4, "undefined", "end", "told")
        return
    value, interval = format_number(span.value, unit), ""
    sort = "beyond" if span.beyond else "current"
    if span.low is not None and span.high is not None:
        interval = f" ({format_number(span.low, unit)} to {format_number(span.high, unit)})"
        yield _shape("line", f"{sort} mg-interval", x1=x(span.low), x2=x(span.high), y1=y, y2=y)
        for end in (span.low, span.high):
            yield _upright(x(end), y - 3, y + 3, f"{sort} mg-interval")
    hint = f"{span.label}: {value}{interval}"
    if span.beyond:
        yield _bar(x(span.value) - 4, y - 4, (8, 8), sort, hint)
        yield _words(_NUMBERS, y + 4, "✗", name="sign")
    else:
        yield _shape("circle", sort, hint=hint, cx=x(span.value), cy=y, r=4)
    yield _words(_WIDTH - 40, y + 4, value, "end")


def _range(figure: Spans) -> tuple[float, float]:
    values = [line.value for line in figure.lines]
    for span in figure.spans:
        values += [v for v in (span.value, span.low, span.high) if v is not None]
    least, most = min(values, default=0.0), max(values, default=1.0)
    room = 0.04 * (most - least) or abs(most) or 1.0
    return least - room, most + room


def ticks(least: float, most: float) -> list[float]:
    """Return two to five round numbers within a range.

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


_TALL = 112
_HEAD = 2 * _LABEL  # over a histogram: what was measured, and the limit
_BEGIN, _END = 14, _WIDTH - 14


def _histogram(figure: Histogram) -> Iterator[Shape]:
    x = _Scale(*figure.shown)
    bottom = _HEAD + _TALL
    if figure.low is not None:
        left, right = x(figure.low), _END if figure.high is None else x(figure.high)
        yield _bar(left, _HEAD, (max(right - left, 1), _TALL), "band")
    others = figure.production or ()
    most = max(_shares(figure.counts) + _shares(others))
    yield from _bars(figure, x, (_TALL - 10) / most)
    if any(others):
        yield _outline(figure, x, [(_TALL - 10) * share / most for share in _shares(others)])
    yield _shape("line", "axis", x1=_BEGIN, x2=_END, y1=bottom, y2=bottom)
    for tick in figure.ticks:
        yield _upright(x(tick), bottom, bottom + 4, "axis")
        yield _words(x(tick), bottom + 15, format_number(tick, "s"), "middle", "told")
    limit = None if figure.limit is None else x(figure.limit)
    if figure.value is not None:
        yield _upright(x(figure.value), 2 * _LABEL, bottom, "value")
        label = f"{figure.label} {format_number(figure.value, 's')}"
        yield _beside(x(figure.value), 2 * _LABEL - 5, label, limit)
    if limit is not None and figure.limit is not None:
        beyond = figure.value is not None and figure.value > figure.limit
        label = f"the limit, {format_number(figure.limit, 's', 8)}{' ✗' if beyond else ''}"
        yield from _line(Line(figure.limit, label), limit, 0, bottom)


def _bars(figure: Histogram, x: Callable[[float], float], scale: float) -> Iterator[Shape]:
    total = sum(figure.counts)
    for i, share in enumerate(_shares(figure.counts)):
        left, right = x(figure.edges[i]), x(figure.edges[i + 1])
        ends = " to ".join(format_number(edge, "s") for edge in figure.edges[i : i + 2])
        hint = f"{ends}: {figure.counts[i]:,.0f} of {total:,.0f}"
        size = (max(right - left - 0.6, 0.4), scale * share)
        if share:
            yield _bar(left, _HEAD + _TALL - size[1], size, "current", hint)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts) or 1
    return [count / total for count in counts]


def _outline(figure: Histogram, x: Callable[[float], float], heights: Sequence[float]) -> Shape:
    """Return the other distribution as the line along the tops of its bars."""
    bottom = _HEAD + _TALL
    points: list[tuple[float, float]] = [(x(figure.edges[0]), bottom)]
    for i, tall in enumerate(heights):
        points += [(x(figure.edges[i]), bottom - tall), (x(figure.edges[i + 1]), bottom - tall)]
    points.append((x(figure.edges[-1]), bottom))
    told = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    return _shape("polyline", "other", hint="production", points=told)


class _Scale:
    """Where a value lies on the picture."""

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = math.log(least), math.log(most)

    def __call__(self, value: float) -> float:
        share = (math.log(max(value, 1e-12)) - self.least) / (self.most - self.least)
        return _BEGIN + (_END - _BEGIN) * min(max(share, 0.0), 1.0)
