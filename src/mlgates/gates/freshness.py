"""Freshness: the newest record is recent, none is from the future, and there is no hole in time."""

from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates import options
from mlgates.base import Gate
from mlgates.data.counters import Counter, Distribution, Missing
from mlgates.data.source import Field, TableSchema
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates.violations import share_check
from mlgates.options import Duration, seconds
from mlgates.verdict import Check, Limit, Measurement, quantity

__all__ = ["Freshness"]

_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400
_ODD_YEARS = (1980, 2200)


@dataclass(frozen=True, repr=False)
class Freshness(Gate):
    """The newest time stamp of a column is at most `max_age` old, and none lies in the future.

    Parameters
    ----------
    column : str
        A column of timestamps or dates. Text is never guessed to be a date, nor a number an epoch.
    max_age : str, timedelta or float
        Largest age of the newest stamp: "24h", a ``timedelta`` or seconds.
    max_gap : str, timedelta or float, optional
        Largest time between two stamps that follow each other.
    clock_skew : str, timedelta or float
        How far ahead of the clock a stamp may lie; one beyond is a FAIL, and never counts as fresh.
    assume_timezone : str, optional
        The zone, such as "Europe/Berlin", in which stamps without one are to be read; without it they
        are an ERROR. Of a time that the end of summer time repeats, the earlier is taken.
    min_fresh_share : float, optional
        Smallest share of the rows that must be at most `max_age` old, so that one heartbeat among
        stale rows does not pass.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    Newest is by time, not by row. A table without rows, or without any stamp, is stale; a missing stamp
    is a FAIL of its own. The clock is the evidence ``now``, by default the present.

    Examples
    --------
    >>> from datetime import datetime, timedelta, timezone
    >>> now = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    >>> stamps = [now - timedelta(hours=30), now - timedelta(hours=50)]
    >>> result = Freshness("at", max_age="24h").run(data={"at": stamps}, now=now)
    >>> print(result.reason)
    the newest stamp of `at` is 30 h old (2026-02-28T06:00:00Z); the limit is at most 24 h
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    column: str
    _: KW_ONLY
    max_age: Duration
    max_gap: Duration | None = None
    clock_skew: Duration = "5min"
    assume_timezone: str | None = None
    min_fresh_share: float | None = None

    def __post_init__(self) -> None:
        kind = "Freshness"
        options.text(kind, "column", self.column)
        self._set("max_age", options.duration(kind, "max_age", self.max_age))
        if self.max_gap is not None:
            self._set("max_gap", options.duration(kind, "max_gap", self.max_gap))
        self._set("clock_skew", options.duration(kind, "clock_skew", self.clock_skew, zero=True))
        if self.assume_timezone is not None:
            _zone(self.assume_timezone)
        if self.min_fresh_share is not None:
            self._set("min_fresh_share", options.share(kind, "min_fresh_share", self.min_fresh_share))
        super().__post_init__()

    @property
    def wants(self) -> frozenset[str]:
        """`data`, and `now` when it is given."""
        return self.needs | {"now"}

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield the missing stamps and, of a column of times, all stamps in order."""
        if self.column in schema:
            yield Missing(self.column)
            if schema[self.column].kind in ("timestamp", "date"):
                yield Distribution(self.column)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield missing, future, age, and where asked for gap and fresh_share."""
        found = self._field(evidence.source("data").schema)
        profile, now = evidence.profile(), evidence.now
        yield share_check(self.column, "missing", profile[Missing(self.column)], "missing", cells="cells")
        if found.kind == "null":  # no stamp at all: nothing is newer than never
            stamps = np.empty(0, dtype=np.int64)
            scale = _TICKS["us"]
        else:
            stamps, scale = self._utc(profile[Distribution(self.column)].values, found)
        clock = _ticks(now, scale)
        skew = round(seconds(self.clock_skew) * scale)
        past = int(np.searchsorted(stamps, clock + skew, side="right")) if len(stamps) else 0
        yield self._future(stamps, past, clock, scale)
        yield self._age(stamps[:past], clock, scale)
        if self.max_gap is not None:
            yield self._gap(stamps[:past], scale)
        if self.min_fresh_share is not None:
            yield self._share(stamps[:past], clock, scale, profile.rows)

    def _field(self, schema: TableSchema) -> Field:
        if self.column not in schema:
            msg = f"`{self.column}` is not in the table{options.did_you_mean(self.column, schema)}"
            raise EvidenceError(msg)
        found = schema[self.column]
        if found.kind not in ("timestamp", "date", "null"):
            how = {
                "string": "text is never guessed to be a date: parse it where the table is loaded",
                "int": "if they are epochs, convert them with their unit where the table is loaded",
                "unreadable": found.problem or "",
            }.get(found.kind, "")
            msg = f"`{self.column}` is {found.type}, a column of timestamps is needed{f'; {how}' if how else ''}"
            raise EvidenceError(msg)
        if found.kind != "null" and found.zone is None and self.assume_timezone is None:
            msg = f"the stamps of `{self.column}` have no time zone; say `assume_timezone=`, for instance 'UTC'"
            raise EvidenceError(msg)
        return found

    def _utc(self, values: npt.NDArray[np.int64], found: Field) -> tuple[npt.NDArray[np.int64], int]:
        """Return sorted stamps as ticks since 1970 in UTC, and how many ticks a second has."""
        if found.kind == "date":
            values, unit = values.astype(np.int64) * _DAY, "s"
        else:
            unit = found.unit or "us"
        if found.zone is None and self.assume_timezone not in (None, "UTC"):
            naive = pa.array(values, type=pa.int64()).cast(pa.timestamp(unit))
            aware = pc.assume_timezone(
                naive, self.assume_timezone, ambiguous="earliest", nonexistent="earliest"
            )
            # an hour that summer time repeats or skips can change the order
            values = np.sort(aware.cast(pa.int64()).to_numpy())
        return values, _TICKS[unit]

    def _future(self, stamps: npt.NDArray[np.int64], past: int, clock: int, scale: int) -> Check:
        ahead = len(stamps) - past
        said = f"no stamp of `{self.column}` lies in the future"
        if ahead:
            far = quantity((int(stamps[-1]) - clock) / scale, "s")
            said = (
                f"{ahead:,} of {len(stamps):,} stamps of `{self.column}` lie in the future, "
                f"the furthest by {far}{_odd(int(stamps[-1]), scale)}"
            )
        measured = Measurement(ahead, n=len(stamps), method="count")
        return Check.judge(self.column, "future", measured, Limit(at_most=0), min_n=0, said=said)

    def _age(self, stamps: npt.NDArray[np.int64], clock: int, scale: int) -> Check:
        limit = Limit(at_most=seconds(self.max_age))
        if not len(stamps):
            said = f"`{self.column}` has no stamp up to now: there is no newest record"
            age = float("inf")
        else:
            newest = int(stamps[-1])
            age = (clock - newest) / scale
            when = _shown(newest, scale)
            said = f"the newest stamp of `{self.column}` is {quantity(age, 's')} old ({when}){_odd(newest, scale)}"
        measured = Measurement(age, n=len(stamps), method="newest stamp")
        return Check.judge(self.column, "age", measured, limit, min_n=0, unit="s", said=said)

    def _gap(self, stamps: npt.NDArray[np.int64], scale: int) -> Check:
        said, gap = f"`{self.column}` has fewer than two stamps: no gap is defined", None
        if len(stamps) > 1:
            # unsigned: the distance of two int64 can be larger than an int64
            steps = np.diff(stamps.view(np.uint64))
            widest = int(np.argmax(steps))
            gap = int(steps[widest]) / scale
            said = f"the largest gap in `{self.column}` is {quantity(gap, 's')}, after {_shown(int(stamps[widest]), scale)}"
        measured = Measurement(gap, n=len(stamps), method="largest difference in order of time")
        limit = Limit(at_most=seconds(self.max_gap or 0))
        return Check.judge(self.column, "gap", measured, limit, min_n=2, unit="s", said=said)

    def _share(self, stamps: npt.NDArray[np.int64], clock: int, scale: int, rows: int) -> Check:
        oldest = clock - round(seconds(self.max_age) * scale)
        fresh = len(stamps) - int(np.searchsorted(stamps, oldest, side="left"))
        share = fresh / rows if rows else None
        said = f"{fresh:,} of {rows:,} rows are at most {quantity(seconds(self.max_age), 's')} old"
        measured = Measurement(share, n=rows, method="count", details={"count": fresh})
        limit = Limit(at_least=self.min_fresh_share)
        return Check.judge(self.column, "fresh_share", measured, limit, unit="share", said=said)


def _zone(name: object) -> None:
    hint = "; such as 'UTC' or 'Europe/Berlin'"
    allowed = "the name of a time zone"
    try:
        ZoneInfo(options.text("Freshness", "assume_timezone", name))
    except (ValueError, OSError, KeyError):
        raise options.refuse("Freshness", "assume_timezone", allowed, name, hint) from None


def _ticks(moment: datetime, scale: int) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * _DAY + since.seconds) * 10**6 + since.microseconds
    return micros * scale // 10**6


def _year(stamp: int, scale: int) -> float:
    return 1970 + stamp / scale / (365.2425 * _DAY)


def _shown(stamp: int, scale: int) -> str:
    """Return a stamp in ISO form, or its year where the calendar of Python ends."""
    whole = stamp // scale
    if not -62_135_596_800 <= whole < 253_402_300_800:  # noqa: PLR2004
        return f"year {_year(stamp, scale):,.0f}"
    return f"{np.datetime64(whole, 's')}Z"


def _odd(stamp: int, scale: int) -> str:
    """Return a hint when a stamp lies where an epoch read in the wrong unit would put it."""
    low, high = _ODD_YEARS
    year = _year(stamp, scale)
    if low <= year <= high:
        return ""
    return f" (hint: the year {year:,.0f} suggests an epoch read in the wrong unit, such as ms for s)"
