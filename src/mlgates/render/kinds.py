"""The kinds of figure: numbers as they are drawn, and the same in words and as a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mlgates.limits import format_number

__all__ = ["Cell", "Cells", "Figure", "Histogram", "Level", "Levels", "Line", "Span", "Spans"]

_TICKS = 8

Table = tuple[tuple[str, ...], Sequence[tuple[str, ...]]]


class Cell(NamedTuple):
    """A cell of two distributions: a range of values or a category."""

    label: str
    reference: float
    current: float
    moved: bool


class Line(NamedTuple):
    """A value that others are held against."""

    value: float
    label: str


class Span(NamedTuple):
    """A value with its interval, where it has one."""

    label: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    beyond: bool
    note: str = ""


class Level(NamedTuple):
    """A value from zero upwards."""

    label: str
    value: float
    beyond: bool


@dataclass(frozen=True, slots=True)
class Cells:
    """Two distributions over the same cells."""

    title: str
    cells: tuple[Cell, ...]
    note: str = ""

    @property
    def description(self) -> str:
        """What there is to see, in words."""
        moved = [cell.label for cell in self.cells if cell.moved]
        told = f"{len(moved)} moved beyond chance: {', '.join(moved)}" if moved else "none moved"
        return f"Shares of {len(self.cells)} cells in the reference and in the data; {told}."

    def table(self) -> Table:
        """The numbers drawn: a head and rows."""
        rows = [
            (c.label, _share(c.reference), _share(c.current), "moved" if c.moved else "")
            for c in self.cells
        ]
        return ("cell", "reference", "data", ""), rows


@dataclass(frozen=True, slots=True)
class Spans:
    """Values with intervals, one above the other, and the lines that they are held against."""

    title: str
    unit: str
    spans: tuple[Span, ...]
    lines: tuple[Line, ...]
    note: str = ""

    @property
    def description(self) -> str:
        """What there is to see, in words."""
        lines = ", ".join(line.label for line in self.lines)
        beyond = [span.label for span in self.spans if span.beyond]
        told = f"beyond it: {', '.join(beyond)}" if beyond else "none is beyond"
        against = f" against {lines}; {told}" if lines else ""
        count = len(self.spans)
        what = "1 value with its interval" if count == 1 else f"{count} values with intervals"
        return f"{what}{against}."

    def table(self) -> Table:
        """The numbers drawn: a head and rows."""
        rows = [
            (
                span.label,
                _told(span.value, self.unit) or "undefined",
                _interval(span.low, span.high, self.unit),
                "" if span.n is None else f"{span.n:,}",
                span.note,
            )
            for span in self.spans
        ]
        return ("", "value", "interval", "n", ""), rows


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of times between edges, with the quantile, its interval and the limit.

    An interval without an upper end is open: too few calls tell of the slowest ones.
    """

    title: str
    edges: tuple[float, ...]
    counts: tuple[float, ...]
    production: tuple[float, ...] | None
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    label: str
    note: str = ""

    @property
    def description(self) -> str:
        """What there is to see, in words."""
        told = f"{sum(self.counts):,.0f} times from {self._span(0)} to {self._span(-1)}"
        value = f"; {self.label} is {_told(self.value, 's')}" if self.value is not None else ""
        limit = f"; the limit is {_told(self.limit, 's')}" if self.limit is not None else ""
        return f"{told}{value}{limit}."

    def _span(self, end: int) -> str:
        return format_number(self.edges[end], "s")

    @property
    def shown(self) -> tuple[float, float]:
        """The least and the greatest time to show: bins that hold something, and the lines."""
        others = self.production or (0.0,) * len(self.counts)
        held = [i for i, (a, b) in enumerate(zip(self.counts, others, strict=True)) if a or b]
        times = [self.edges[held[0]], self.edges[held[-1] + 1]]
        times += [t for t in (self.value, self.limit, self.low, self.high) if t is not None]
        positive = [time for time in times if time > 0] or [1.0]
        return min(positive) / 1.1, max(positive) * 1.1

    @property
    def ticks(self) -> list[float]:
        """Round times on a logarithmic axis, at most eight."""
        least, most = self.shown
        decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
        found: list[float] = []
        for parts in ((1, 2, 5), (1, 3), (1,)):
            times = (float(f"{part}e{decade}") for decade in decades for part in parts)
            found = [time for time in times if least <= time <= most]
            if len(found) <= _TICKS:
                return found
        return found[:: len(found) // _TICKS + 1]

    def table(self) -> Table:
        """The numbers drawn: a head and rows; bins that hold nothing are left out."""
        rows = []
        for i, count in enumerate(self.counts):
            other = None if self.production is None else self.production[i]
            if count or other:
                cells = (format_number(self.edges[i], "s"), format_number(self.edges[i + 1], "s"))
                more = () if other is None else (f"{other:,.0f}",)
                rows.append((*cells, f"{count:,.0f}", *more))
        return ("from", "to", "calls", *(() if self.production is None else ("production",))), rows


@dataclass(frozen=True, slots=True)
class Levels:
    """Values from zero upwards, a bar each, and the limit."""

    title: str
    unit: str
    levels: tuple[Level, ...]
    limit: Line | None
    note: str = ""

    @property
    def description(self) -> str:
        """What there is to see, in words."""
        beyond = [level.label for level in self.levels if level.beyond]
        told = f"beyond it: {', '.join(beyond)}" if beyond else "none is beyond"
        limit = f"; {self.limit.label}; {told}" if self.limit else ""
        return f"{len(self.levels)} column{'' if len(self.levels) == 1 else 's'}{limit}."

    def table(self) -> Table:
        """The numbers drawn: a head and rows."""
        rows = [(level.label, _told(level.value, self.unit)) for level in self.levels]
        return ("column", self.title), rows


Figure = Cells | Spans | Histogram | Levels


def _told(value: float | None, unit: str) -> str:
    return "" if value is None else format_number(value, unit)


def _share(value: float) -> str:
    return format_number(value, "share")


def _interval(low: float | None, high: float | None, unit: str) -> str:
    return "" if low is None or high is None else f"{_told(low, unit)} to {_told(high, unit)}"
