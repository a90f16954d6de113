"""Counter of timestamps: the newest, those in the future, and the largest gap between them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.profile.column import ColumnView
from mlgates.profile.counter import BatchView, ColumnCounter, State
from mlgates.profile.counters import require_kind
from mlgates.tables import encoding

__all__ = ["Gap", "TimestampState", "Timestamps"]

Ticks = npt.NDArray[np.int64]
_INT64 = np.iinfo(np.int64)
_DAY = 86_400
_KINDS = frozenset({"timestamp", "date", "null"})
#: Timestamps that are converted, and sorted, at a time.
_BLOCK = 1 << 18
#: With more spans than this, spans that are near each other are joined.
_MOST_SPANS = 1 << 16


class Gap(NamedTuple):
    """The largest time between two consecutive timestamps of a column.

    `length` is that time and `after` the timestamp before it, both in ticks of the column's unit.
    If `exact` is false, the largest gap may be shorter.
    """

    length: int
    after: int
    exact: bool


class Spans(NamedTuple):
    """Intervals of time, disjoint and in order, that together contain all timestamps of a column.

    They summarise the timestamps. Each field is an array with one element per span: its `first` and
    its `last` timestamp, the length of the largest gap between timestamps in the span
    (`inner_gap`), and the timestamp after which that gap begins (`after`). `exact` is False if the
    gap may be shorter in truth, because the summary may have lost timestamps within it.
    """

    first: npt.NDArray[Any]
    last: npt.NDArray[Any]
    inner_gap: npt.NDArray[Any]
    after: npt.NDArray[Any]
    exact: npt.NDArray[Any]

    @classmethod
    def of(cls, ticks: Ticks) -> "Spans":
        """Return one span, of length 0, for each distinct timestamp."""
        if np.any(ticks[1:] < ticks[:-1]):
            ticks = np.sort(ticks)
        ticks = ticks[np.concatenate([ticks[:1] == ticks[:1], ticks[1:] != ticks[:-1]])]
        return cls(
            ticks, ticks, np.zeros(len(ticks), np.uint64), ticks, np.ones(len(ticks), np.bool_)
        )

    def gaps(self) -> npt.NDArray[np.uint64]:
        """Return the time from the end of each span to the start of the next, 0 if they overlap."""
        # unsigned, because the difference of two int64 can exceed an int64
        gaps = self.first[1:].view(np.uint64) - self.last[:-1].view(np.uint64)
        return np.where(self.first[1:] > self.last[:-1], gaps, np.uint64(0))

    def merge(self, other: "Spans") -> "Spans":
        """Return the spans of both objects in order; those that overlap are joined."""
        if not len(self.first) or not len(other.first):
            return self if len(self.first) else other
        both = Spans(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))
        order = np.lexsort((both.last, both.first))
        both = Spans(*(values[order] for values in both))
        both = both._replace(last=np.maximum.accumulate(both.last))
        overlaps = both.first[1:] < both.last[:-1]
        return both.joined(both.first[1:] <= both.last[:-1], overlaps)

    def compressed(self, longest: int) -> "Spans":
        """Join neighbouring spans, across the shortest gaps first, until at most 65,536 are left.

        Gaps of more than `longest` ticks are not joined, so that more spans can be left.
        """
        if len(self.first) <= _MOST_SPANS:
            return self
        gaps = self.gaps()
        short = gaps[gaps <= np.uint64(min(longest, 2**64 - 1))]
        if not len(short):
            return self
        position = min(len(self.first) - _MOST_SPANS // 2, len(short)) - 1
        joins = gaps <= np.partition(short, position)[position]
        return self.joined(joins, np.zeros(len(gaps), np.bool_))

    def joined(self, joins: npt.NDArray[np.bool_], overlaps: npt.NDArray[np.bool_]) -> "Spans":
        """Join each span with the next one where `joins` is true.

        `overlaps` is true where a span overlaps with the next one. If spans that overlap are
        joined, the largest gap is not exact, because timestamps of one may be in a gap of the
        other.
        """
        if not joins.any():
            return self
        is_start = np.concatenate([[True], ~joins])
        starts = np.flatnonzero(is_start)
        ends = np.concatenate([starts[1:], [len(self.first)]]) - 1
        # the largest gap of joined spans is in one of them, or before one of them
        before = np.concatenate(
            [np.zeros(1, np.uint64), np.where(joins, self.gaps(), np.uint64(0))]
        )
        is_before = before > self.inner_gap
        length = np.where(is_before, before, self.inner_gap)
        after = np.where(is_before, np.concatenate([self.last[:1], self.last[:-1]]), self.after)
        exact = is_before | self.exact
        largest = np.maximum.reduceat(length, starts)
        number = np.cumsum(is_start) - 1
        candidates = np.flatnonzero(length == largest[number])
        best = candidates[np.unique(number[candidates], return_index=True)[1]]
        is_mixed = np.logical_or.reduceat(np.concatenate([[False], overlaps]), starts)
        return Spans(
            self.first[starts], self.last[ends], largest, after[best], exact[best] & ~is_mixed
        )

    def largest(self) -> Gap | None:
        """Return the largest gap between timestamps; None for fewer than two timestamps.

        If several gaps are equally long, it is the first one.
        """
        if not len(self.first):
            return None
        lengths = np.concatenate([self.gaps(), self.inner_gap])
        after = np.concatenate([self.last[:-1], self.after])
        exact = np.concatenate([np.ones(len(self.first) - 1, np.bool_), self.exact])
        best = np.flatnonzero(lengths == lengths.max())
        best = best[np.argmin(after[best])]
        return Gap(int(lengths[best]), int(after[best]), bool(exact[best]))


_NO_SPANS = Spans.of(np.empty(0, np.int64))


@dataclass(frozen=True)
class TimestampState(State):
    """The counts of timestamps, and what is known of the gaps between them.

    Timestamps are in ticks of the column's unit since 1970 in UTC.

    Parameters
    ----------
    n, future, fresh : int
        Number of timestamps, of those in the future, and of those that are not in the future and
        not older than the limit `oldest` of `Timestamps`.
    newest : int, optional
        The newest timestamp that is not in the future.
    furthest : int, optional
        The newest timestamp of all.
    longest : int, optional
        The longest gap, in ticks, across which two spans may be joined to save memory. None if gaps
        are not measured.
    spans : tuple of arrays
        The fields of `Spans`, of timestamps that are not in the future.
    pending : tuple of arrays
        Timestamps that are not yet in `spans`.
    """

    n: int
    future: int
    fresh: int
    newest: int | None
    furthest: int | None
    longest: int | None = None
    spans: tuple[npt.NDArray[Any], ...] = field(default=tuple(_NO_SPANS), repr=False)
    pending: tuple[Ticks, ...] = field(default=(), repr=False)

    def merge(self, other: "TimestampState", shift: int = 0) -> "TimestampState":  # noqa: ARG002
        """Return the state of the timestamps of both states together; `shift` is not used."""
        spans, pending = Spans(*self.spans), (*self.pending, *other.pending)
        if self.longest is not None:
            if len(other.spans[0]):
                spans = spans.merge(Spans(*other.spans)).compressed(self.longest)
            if sum(map(len, pending)) >= _BLOCK:
                spans, pending = _add_timestamps(spans, pending, self.longest), ()
        newest = [x for x in (self.newest, other.newest) if x is not None]
        furthest = [x for x in (self.furthest, other.furthest) if x is not None]
        return TimestampState(
            self.n + other.n,
            self.future + other.future,
            self.fresh + other.fresh,
            max(newest, default=None),
            max(furthest, default=None),
            self.longest,
            tuple(spans),
            pending,
        )

    def to_parts(self) -> tuple[Any, ...]:
        """Return the fields of the state, after all pending timestamps were added to the spans."""
        counts = self.n, self.future, self.fresh, self.newest, self.furthest, self.longest
        return (*counts, tuple(self._all_spans()))

    def gap(self) -> Gap | None:
        """Return the largest gap between timestamps; None for fewer than two timestamps."""
        return self._all_spans().largest() if self.n - self.future > 1 else None

    def _all_spans(self) -> Spans:
        longest = 0 if self.longest is None else self.longest
        return _add_timestamps(Spans(*self.spans), self.pending, longest)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TimestampState):
            return NotImplemented
        (*counts, spans), (*others, other_spans) = self.to_parts(), other.to_parts()
        return counts == others and all(map(np.array_equal, spans, other_spans))

    __hash__ = None  # type: ignore[assignment]


def _add_timestamps(spans: Spans, pending: tuple[Ticks, ...], longest: int) -> Spans:
    """Return spans of time with more timestamps added; spans are joined if there are too many.

    `pending` are arrays of these timestamps. Spans are not joined across gaps of more than
    `longest` ticks.
    """
    if not pending:
        return spans
    return spans.merge(Spans.of(np.concatenate(pending)).compressed(longest)).compressed(longest)


@dataclass(frozen=True)
class Timestamps(ColumnCounter):
    """Count timestamps, those in the future and those new enough, and find their largest gap.

    The memory does not grow with the number of rows: not all timestamps are kept, but at most
    65,536 spans of time that contain them, and more only if they are separated by gaps longer than
    `longest`. The largest gap is exact if it is longer than `longest`, if the rows are in order of
    time, or if there are at most 65,536 distinct timestamps. Otherwise the true gap may be shorter
    than the result, which is then at most `longest`.

    Parameters
    ----------
    column : str
        A column of timestamps or dates.
    latest : int
        The last tick that is not in the future. Ticks are in the unit of the column since 1970 in
        UTC, for dates in seconds.
    oldest : int
        The first tick that is new enough. Timestamps from this one to `latest` are counted as
        `fresh`.
    longest : int, optional
        The largest gap allowed, in ticks; by default gaps are not measured.
    zone : str, optional
        Time zone of timestamps without one, and of dates; by default UTC.

    Examples
    --------
    >>> from datetime import datetime
    >>> from mlgates.profile.scan import Profile
    >>> times = [datetime(1970, 1, 1, 0, minute) for minute in (5, 1, 2, 9)]
    >>> counter = Timestamps("at", latest=6 * 60 * 10**6, oldest=0, longest=60 * 10**6)
    >>> state = Profile.of({"at": times}, [counter])[counter]
    >>> state.n, state.future, state.newest, state.gap()
    (4, 1, 300000000, Gap(length=180000000, after=120000000, exact=True))
    """

    latest: int
    oldest: int
    longest: int | None = None
    zone: str | None = None

    def count(self, batch: BatchView) -> TimestampState:
        """Count the timestamps of one batch of rows."""
        view = require_kind(batch[self.column], _KINDS, "counted as timestamps")
        state = TimestampState(0, 0, 0, None, None, self.longest)
        for ticks in self._ticks(view):
            state = state.merge(self._state(ticks))
        return state

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all timestamps that are in the future or older than `oldest`."""
        view = require_kind(batch[self.column], _KINDS, "counted as timestamps")
        ticks = np.concatenate([np.empty(0, np.int64), *self._ticks(view)])
        outside = ~_at_most(ticks, self.latest) | _at_most(ticks, self.oldest - 1)
        return np.flatnonzero(~view.missing_mask())[outside]

    def _ticks(self, view: ColumnView) -> Iterator[Ticks]:
        """Yield the timestamps of a column in blocks, as ticks in UTC."""
        if view.field.kind == "null":
            return
        unit = view.field.unit or "s"
        zone = self.zone if view.field.zone is None else None
        for days_or_ticks in _blocks(encoding.to_whole_numbers(view.plain)):
            ticks = days_or_ticks * _DAY if view.field.kind == "date" else days_or_ticks
            yield _in_utc(ticks, unit, zone)

    def _state(self, ticks: Ticks) -> TimestampState:
        """Return the state of timestamps that are given as ticks in UTC."""
        if not len(ticks):
            return TimestampState(0, 0, 0, None, None, self.longest)
        past = ticks[_at_most(ticks, self.latest)]
        return TimestampState(
            len(ticks),
            len(ticks) - len(past),
            len(past) - int(np.count_nonzero(_at_most(past, self.oldest - 1))),
            int(past.max()) if len(past) else None,
            int(ticks.max()),
            self.longest,
            pending=() if self.longest is None or not len(past) else (past,),
        )


def _blocks(numbers: pa.ChunkedArray) -> Iterator[Ticks]:
    """Yield the values of a column of integers in blocks of limited size, without nulls."""
    for chunk in numbers.chunks:
        for start in range(0, len(chunk), _BLOCK):
            values = chunk.slice(start, _BLOCK).drop_null()
            yield values.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)


def _in_utc(ticks: Ticks, unit: str, zone: str | None) -> Ticks:
    """Convert ticks of local time in a time zone to ticks in UTC."""
    if zone in (None, "UTC"):
        return ticks
    naive = pa.array(ticks, type=pa.int64()).cast(pa.timestamp(unit))
    # a repeated hour is the earlier one, and a skipped time is the moment of the change
    aware = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest")
    return np.asarray(aware.cast(pa.int64()).to_numpy())


def _at_most(ticks: Ticks, limit: int) -> npt.NDArray[np.bool_]:
    """Return a mask of the ticks that are at most `limit`, which may be too large for 64 bits."""
    if not int(_INT64.min) <= limit <= int(_INT64.max):
        return np.full(len(ticks), limit > 0)
    return ticks <= np.int64(limit)
