"""Count timestamps, and find the newest, those in the future, and the largest gap between them."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import from_numpy
from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnView
from mlgates.profile.counter import BatchView, ColumnCounter, State
from mlgates.profile.counters import require_kind
from mlgates.tables import encoding

__all__ = ["Gap", "TimestampState", "Timestamps"]

Ticks = npt.NDArray[np.int64]
_INT64 = np.iinfo(np.int64)
_DAY = 86_400
_KINDS = frozenset({"timestamp", "date", "null"})
#: Number of timestamps that are converted and sorted at a time.
_BLOCK = 1 << 18
#: If there are more spans than this, neighbouring spans are joined.
_MOST_SPANS = 1 << 16


class Gap(NamedTuple):
    """The largest time between two consecutive timestamps of a column.

    `TimestampState.gap` returns it. `length` is this time, and `after` is the timestamp at which it
    begins. Both are whole numbers in the unit of the column. If `exact` is False, the true largest
    gap may be shorter than `length`.
    """

    length: int
    after: int
    exact: bool


class Spans(NamedTuple):
    """Disjoint spans of time, in order, that together contain all timestamps of a column.

    They are kept instead of the timestamps, so that the memory is bounded. `first` and `last` have
    the first and the last timestamp in each span, in ticks. A tick is one unit of the column.

    If there are at most 65,536 distinct timestamps, each of them is a span of its own, and `power`
    is 0. Otherwise time is divided into intervals of ``2**power`` ticks, and all timestamps in the
    same interval are one span. `power` is the smallest number for which there are at most 65,536
    spans. But an interval is never longer than the largest gap that the user allows. If even these
    intervals give too many spans, `power` is None. Then two consecutive timestamps are in the same
    span if the gap between them is allowed.

    The spans therefore depend only on the set of timestamps, and not on their order.
    """

    first: Ticks
    last: Ticks
    power: int | None = 0

    @classmethod
    def of(cls, ticks: Ticks) -> "Spans":
        """Return one span for each distinct timestamp, which begins and ends at this timestamp."""
        if np.any(ticks[1:] < ticks[:-1]):
            ticks = np.sort(ticks)
        ticks = ticks[np.concatenate([ticks[:1] == ticks[:1], ticks[1:] != ticks[:-1]])]
        return cls(ticks, ticks)

    def gaps(self) -> npt.NDArray[np.uint64]:
        """Return an array with the time from the end of each span to the start of the next one."""
        # Unsigned, because the difference of two int64 can be too large for an int64.
        return np.asarray(self.first[1:].view(np.uint64) - self.last[:-1].view(np.uint64))

    def merge(self, other: "Spans", longest: int) -> "Spans":
        """Return the spans of the timestamps of both objects together.

        If there are more than 65,536 spans, they are joined into longer ones, as `Spans` describes.
        Spans that are more than `longest` ticks apart are never joined. `longest` is the largest
        gap that the user allows; a tick is one unit of the column.
        """
        power = None
        if self.power is not None and other.power is not None:
            power = max(self.power, other.power)
        sides = (self.coarser(power, longest), other.coarser(power, longest))
        first = np.concatenate([side.first for side in sides])
        order = np.argsort(first, kind="stable")
        last = np.maximum.accumulate(np.concatenate([side.last for side in sides])[order])
        return Spans(first[order], last).coarser(power, longest).bounded(longest)

    def bounded(self, longest: int) -> "Spans":
        """Return the spans; if there are more than 65,536, they are joined into longer ones.

        `Spans` describes which spans are joined. Spans that are more than `longest` ticks apart are
        never joined. `longest` is the largest gap that the user allows; a tick is one unit of the
        column.
        """
        spans = self
        while len(spans.first) > _MOST_SPANS and spans.power is not None:
            power = spans.power + 1
            spans = spans.coarser(power if 2**power <= longest else None, longest)
        return spans

    def coarser(self, power: int | None, longest: int) -> "Spans":
        """Return the spans, joined into longer ones.

        If `power` is given, time is divided into intervals of ``2**power`` ticks (units of the
        column), and spans that begin in the same interval are joined. Spans that begin in different
        intervals must not overlap. If `power` is None, spans are joined if they overlap, or if the
        gap between them is at most `longest` ticks.
        """
        if power is None:
            overlaps = self.first[1:] <= self.last[:-1]
            is_start = ~(overlaps | (self.gaps() <= np.uint64(min(longest, 2**64 - 1))))
        else:
            cells = self.first >> power
            is_start = cells[1:] != cells[:-1]
        is_start = np.concatenate([self.first[:1] == self.first[:1], is_start])
        ends = np.concatenate([is_start[1:], is_start[:1]])
        return Spans(self.first[is_start], self.last[ends], power)

    def largest(self, longest: int) -> Gap | None:
        """Return the largest gap between consecutive timestamps; None if there are no timestamps.

        Only the first and the last timestamp of each span are known. So a gap between two spans is
        known exactly. A gap inside a span is at most as long as the span. As long as `power` is
        None, only timestamps that are at most `longest` apart are joined to a span, so a gap inside
        a span is also at most `longest`.

        If a gap inside a span can be as long as the largest gap between spans, the result has the
        upper bound of the gap as its `length`, the start of the longest span as `after`, and False
        as `exact`. Otherwise the result is the largest gap between spans, with True as `exact`. If
        several gaps or spans are equally long, the first of them is used. If all timestamps are
        equal, the gap has length 0. `longest` is the largest gap that the user allows, in ticks
        (units of the column).
        """
        if not len(self.first):
            return None
        gaps, lengths = self.gaps(), self.last.view(np.uint64) - self.first.view(np.uint64)
        within = int(lengths.max()) if self.power else min(int(lengths.max()), longest)
        between = int(gaps.max()) if len(gaps) else 0
        if between > within or not within:
            after = self.last[np.argmax(gaps)] if len(gaps) else self.last[0]
            return Gap(between, int(after), exact=True)
        return Gap(within, int(self.first[np.argmax(lengths)]), exact=False)

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        The values are `power`, the start of the first span (None without spans), the differences
        between the starts of consecutive spans, and the lengths of the spans. If `power` is 0, each
        span is a single timestamp, and None is returned instead of the lengths.
        """
        ticks = self.first.view(np.uint64)
        steps = ticks[1:] - ticks[:-1]
        lengths = (
            None if self.power == 0 else self.last.view(np.uint64) - self.first.view(np.uint64)
        )
        start = int(self.first[0]) if len(self.first) else None
        return self.power, start, _narrow(steps), None if lengths is None else _narrow(lengths)

    @classmethod
    def from_parts(cls, *parts: Any) -> "Spans":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        power, start, steps, lengths = parts
        if start is None:
            return _NO_SPANS._replace(power=power)
        begin = np.array([start], np.int64).view(np.uint64)
        first = np.cumsum(np.concatenate([begin, steps.astype(np.uint64)]), dtype=np.uint64)
        last = first if lengths is None else first + lengths
        return cls(first.view(np.int64), last.view(np.int64), power)


_NO_SPANS = Spans.of(np.empty(0, np.int64))


def _narrow(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    """Convert numbers to the narrowest integer type that represents all of them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max()) if len(numbers) else 0))


@dataclass(frozen=True)
class TimestampState(State):
    """The result of `Timestamps`: counts of timestamps, and the spans of time that contain them.

    A timestamp is a number of ticks since 1970 in UTC. A tick is one unit of the column.

    Parameters
    ----------
    n, future, fresh : int
        `n` is the number of timestamps, and `future` the number of those after `latest`. `fresh` is
        the number of those from `oldest` to `latest`. It is None if it is not known, which happens
        if results that were counted at different times are merged.
    newest : int, optional
        The newest timestamp that is not in the future.
    furthest : int, optional
        The newest timestamp of all.
    longest : int, optional
        The largest gap that the user allows, in ticks. None if gaps are not measured.
    latest, oldest : int, optional
        The arguments of `Timestamps` with these names. None if no rows were counted.
    spans : Spans
        The spans of time that contain the timestamps that are not in the future. Gaps are measured
        between them.
    pending : tuple of arrays
        Timestamps that are not yet in `spans`.
    """

    n: int
    future: int
    fresh: int | None
    newest: int | None
    furthest: int | None
    longest: int | None = None
    latest: int | None = field(default=None, repr=False)
    oldest: int | None = field(default=None, repr=False)
    spans: Spans = field(default=_NO_SPANS, repr=False)
    pending: tuple[Ticks, ...] = field(default=(), repr=False)

    def at(self, latest: int | None, oldest: int | None) -> "TimestampState":
        """Return the result that `Timestamps` would have with the limits `latest` and `oldest`.

        The limits are in ticks. The result is computed from the fields of this object, without
        reading the timestamps again. If the number of timestamps from `oldest` to `latest` does not
        follow from the fields, `fresh` is None in the result. If `latest` or `oldest` is None, the
        object is returned unchanged.

        Raises
        ------
        EvidenceError
            If the number of timestamps after `latest` does not follow from the fields.
        """
        if (self.latest, self.oldest) == (latest, oldest) or latest is None or oldest is None:
            return self
        state = replace(self, latest=latest, oldest=oldest)
        if self.latest is None or self.oldest is None or not self.n:
            return state
        if self.oldest != oldest and self.newest is not None:
            state = replace(state, fresh=0 if self.newest < oldest else None)
        # In this case, `future` stays the same: all timestamps after `self.latest` are also after
        # `latest`, and no other timestamps are.
        if latest <= self.latest and (self.newest is None or self.newest <= latest):
            return state
        if latest >= self.latest and not self.future:
            return state
        raise EvidenceError(
            "the timestamps were counted at another time than `now`, and some of them were in the "
            "future at that time; give that time as `now`"
        )

    def merge(self, other: "TimestampState", shift: int = 0) -> "TimestampState":  # noqa: ARG002
        """Return the result for the timestamps of both objects together.

        If the objects have different limits `latest` and `oldest`, because they were counted at
        different times, both are first converted to the later limits by the method `at`, which can
        raise EvidenceError. `shift` is not used, because the result has no row numbers.
        """
        if (self.latest, self.oldest) != (other.latest, other.oldest):
            latest = max((x for x in (self.latest, other.latest) if x is not None), default=None)
            oldest = max((x for x in (self.oldest, other.oldest) if x is not None), default=None)
            if self.latest != latest or self.oldest != oldest:
                return self.at(latest, oldest).merge(other)
            return self.merge(other.at(latest, oldest))
        spans, pending = self.spans, (*self.pending, *other.pending)
        if self.longest is not None:
            if len(other.spans.first):
                spans = spans.merge(other.spans, self.longest)
            if sum(map(len, pending)) >= _BLOCK:
                spans, pending = _add_timestamps(spans, pending, self.longest), ()
        newest = [x for x in (self.newest, other.newest) if x is not None]
        furthest = [x for x in (self.furthest, other.furthest) if x is not None]
        return TimestampState(
            self.n + other.n,
            self.future + other.future,
            None if self.fresh is None or other.fresh is None else self.fresh + other.fresh,
            max(newest, default=None),
            max(furthest, default=None),
            self.longest,
            self.latest,
            self.oldest,
            spans,
            pending,
        )

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object: the fields, in order.

        The timestamps in `pending` are returned as part of the spans.
        """
        counts = self.n, self.future, self.fresh, self.newest, self.furthest
        limits = self.longest, self.latest, self.oldest
        return (*counts, *limits, self._all_spans().to_parts())

    @classmethod
    def from_parts(cls, *parts: Any) -> "TimestampState":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        *counts, spans = parts
        state: TimestampState = cls(*counts, Spans.from_parts(*spans))  # type: ignore[call-arg]
        return state

    def gap(self) -> Gap | None:
        """Return the largest gap between timestamps that are not in the future.

        The result is None if there are fewer than two of them.
        """
        return self._all_spans().largest(self.longest or 0) if self.n - self.future > 1 else None

    def _all_spans(self) -> Spans:
        return _add_timestamps(self.spans, self.pending, self.longest or 0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TimestampState):
            return NotImplemented
        (*ours, spans), (*theirs, other_spans) = self.to_parts(), other.to_parts()
        return ours == theirs and all(map(np.array_equal, spans, other_spans))

    __hash__ = None  # type: ignore[assignment]


def _add_timestamps(spans: Spans, pending: tuple[Ticks, ...], longest: int) -> Spans:
    """Return the spans of time with the timestamps in the arrays `pending` added."""
    if not pending:
        return spans
    return spans.merge(Spans.of(np.concatenate(pending)), longest)


@dataclass(frozen=True)
class Timestamps(ColumnCounter):
    """Count the timestamps of a column, and find the largest gap between consecutive ones.

    There are three counts: of all timestamps (`n`), of those in the future (`future`), and of those
    that are new enough (`fresh`). Gaps are measured between timestamps that are not in the future.

    Instead of all timestamps, the spans of time that contain them are kept. So the memory does not
    grow with the number of rows. If there would be more than 65,536 spans, neighbouring spans are
    joined, except across gaps longer than `longest`.

    The largest gap is exact if there are at most 65,536 distinct timestamps, or if the gap is
    longer than the longest span or longer than `longest`. Otherwise the result is at most
    `longest`, and the true gap may be shorter than the result.

    Parameters
    ----------
    column : str
        A column of timestamps or dates.
    latest : int
        Later timestamps count as in the future. This is a number of ticks since 1970 in UTC. A tick
        is one unit of the column, and for dates a second.
    oldest : int
        Timestamps from this tick to `latest` are counted as `fresh`.
    longest : int, optional
        The largest gap allowed, in ticks; by default gaps are not measured.
    zone : str, optional
        Time zone of timestamps without one, and of dates; by default UTC.
    limits : tuple of float
        The two durations, in seconds, from which `latest` and `oldest` were computed. `latest` is
        the time of the run plus the first duration, and `oldest` is the time of the run minus the
        second one. Two counters with equal `limits` are equal even if their times differ, so that
        profiles of different days can be merged.

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

    latest: int = field(compare=False)
    oldest: int = field(compare=False)
    longest: int | None = None
    zone: str | None = None
    limits: tuple[float, ...] = ()

    def count(self, batch: BatchView) -> TimestampState:
        """Count the timestamps of one batch of rows."""
        view = require_kind(batch[self.column], _KINDS, "counted as timestamps")
        state = self._state(np.empty(0, np.int64))
        for ticks in self._ticks(view):
            state = state.merge(self._state(ticks))
        return state

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all rows with a timestamp after `latest` or before `oldest`."""
        view = require_kind(batch[self.column], _KINDS, "counted as timestamps")
        ticks = np.concatenate([np.empty(0, np.int64), *self._ticks(view)])
        outside = ~_at_most(ticks, self.latest) | _at_most(ticks, self.oldest - 1)
        return np.flatnonzero(~view.missing_mask())[outside]

    def _ticks(self, view: ColumnView) -> Iterator[Ticks]:
        """Yield the timestamps of a column in blocks, as integers: units since 1970 in UTC."""
        if view.field.kind == "null":
            return
        unit = view.field.unit or "s"
        zone = self.zone if view.field.zone is None else None
        for days_or_ticks in _blocks(encoding.to_whole_numbers(view.plain)):
            ticks = days_or_ticks * _DAY if view.field.kind == "date" else days_or_ticks
            yield _in_utc(ticks, unit, zone)

    def _state(self, ticks: Ticks) -> TimestampState:
        """Return the `TimestampState` of timestamps that are given as units since 1970 in UTC."""
        past = ticks[_at_most(ticks, self.latest)]
        return TimestampState(
            len(ticks),
            len(ticks) - len(past),
            len(past) - int(np.count_nonzero(_at_most(past, self.oldest - 1))),
            int(past.max()) if len(past) else None,
            int(ticks.max()) if len(ticks) else None,
            self.longest,
            self.latest,
            self.oldest,
            pending=() if self.longest is None or not len(past) else (past,),
        )


def _blocks(numbers: pa.ChunkedArray) -> Iterator[Ticks]:
    """Yield the values of a column of integers, without nulls, in blocks of limited size."""
    for chunk in numbers.chunks:
        for start in range(0, len(chunk), _BLOCK):
            values = chunk.slice(start, _BLOCK).drop_null()
            yield encoding.filled(values, 0).astype(np.int64, copy=False)


def _in_utc(ticks: Ticks, unit: str, zone: str | None) -> Ticks:
    """Convert timestamps in the local time of a time zone to UTC.

    `ticks` are integers: numbers of the unit `unit` since 1970.
    """
    if zone in (None, "UTC"):
        return ticks
    naive = from_numpy(ticks).cast(pa.timestamp(unit))
    # When clocks are set back, an hour occurs twice: take the earlier one. When they are set
    # forward, an hour is skipped: a time in it becomes the moment of the change.
    aware = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest")
    return encoding.filled(aware.cast(pa.int64()), 0)


def _at_most(ticks: Ticks, limit: int) -> npt.NDArray[np.bool_]:
    """Return a mask of the elements of `ticks` that are at most `limit`, an integer of any size."""
    if not int(_INT64.min) <= limit <= int(_INT64.max):
        return np.full(len(ticks), limit > 0)
    return ticks <= np.int64(limit)
