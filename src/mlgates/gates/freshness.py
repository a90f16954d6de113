"""Freshness: the newest record is recent, none is from the future, and there is no hole in time."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates import options
from mlgates._gate import Gate
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import share_check, yes_or_no
from mlgates.limits import Limit, format_number, format_value
from mlgates.options import Duration, seconds
from mlgates.profile.counters import Counter, Distribution, Missing
from mlgates.tables.source import Field, TableSchema
from mlgates.verdict import Check, Measurement

__all__ = ["Freshness"]

_OWNER = "Freshness"

_INT64 = np.iinfo(np.int64)
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400
_ODD_YEARS = (1980, 2200)


@dataclass(frozen=True)
class Stamps:
    """Moments in order of time, as ticks since 1970 in UTC, and how many ticks a second has."""

    ticks: npt.NDArray[np.int64]
    a_second: int

    @property
    def newest(self) -> Fraction:
        """The last one, in seconds since 1970."""
        return Fraction(int(self.ticks[-1]), self.a_second)

    def before(self, moment: Fraction) -> int:
        """How many lie before a moment, compared exactly."""
        return self._position(math.ceil(moment * self.a_second), "left")

    def until(self, moment: Fraction) -> "Stamps":
        """Those up to a moment, it included."""
        end = self._position(math.floor(moment * self.a_second), "right")
        return replace(self, ticks=self.ticks[:end])

    def _position(self, tick: int, side: Literal["left", "right"]) -> int:
        # numpy would search for what is beyond 64 bits among objects
        low, high = int(_INT64.min), int(_INT64.max)
        if not low <= tick <= high:
            return 0 if tick < low else len(self.ticks)
        return int(np.searchsorted(self.ticks, np.int64(tick), side=side))


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
        The zone, such as "Europe/Berlin", in which stamps without one are to be read; without it
        they are an ERROR. Of a time that the end of summer time repeats, the earlier is taken; of
        one that its start skips, the moment of the change.
    min_fresh_share : float, optional
        Smallest share of the rows that must be at most `max_age` old, so that one heartbeat among
        stale rows does not pass.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    Newest is by time, not by row. A table without rows, or without any stamp, is stale; a missing
    stamp is a FAIL of its own. The clock is the evidence ``now``, by default the present.

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
    optional_evidence: ClassVar[frozenset[str]] = frozenset({"now"})
    column: str
    _: KW_ONLY
    max_age: Duration
    max_gap: Duration | None = None
    clock_skew: Duration = "5min"
    assume_timezone: str | None = None
    min_fresh_share: float | None = None

    def __post_init__(self) -> None:
        options.text(_OWNER, "column", self.column)
        self._set("max_age", options.duration(_OWNER, "max_age", self.max_age))
        if self.max_gap is not None:
            self._set("max_gap", options.duration(_OWNER, "max_gap", self.max_gap))
        self._set("clock_skew", options.duration(_OWNER, "clock_skew", self.clock_skew, zero=True))
        if self.assume_timezone is not None:
            _zone(self.assume_timezone)
        if self.min_fresh_share is not None:
            self._set(
                "min_fresh_share", options.share(_OWNER, "min_fresh_share", self.min_fresh_share)
            )
        super().__post_init__()

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield the missing stamps and, of a column of times, all stamps in order."""
        if self.column in schema:
            yield Missing(self.column)
            if schema[self.column].kind in ("timestamp", "date"):
                yield Distribution(self.column)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield missing, future, age, and where asked for gap and fresh_share."""
        found = self._field(evidence.source("data").schema)
        profile, clock = evidence.profile(), _since_1970(evidence.now)
        missing = profile[Missing(self.column)]
        yield share_check(self.column, "missing", missing, "missing", cells="cells")
        if found.kind == "null":  # no stamp at all: nothing is newer than never
            stamps = Stamps(np.empty(0, np.int64), _TICKS["us"])
        else:
            stamps = self._utc(profile[Distribution(self.column)].values, found)
        past = stamps.until(clock + Fraction(seconds(self.clock_skew)))
        yield self._future(stamps, len(stamps.ticks) - len(past.ticks), clock)
        yield self._age(past, clock)
        if self.max_gap is not None:
            yield self._gap(past, seconds(self.max_gap))
        if self.min_fresh_share is not None:
            yield self._share(past, clock, profile.rows)

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
            is_, needed = f"`{self.column}` is {found.type}", "a column of timestamps is needed"
            raise EvidenceError("; ".join(filter(None, [f"{is_}, {needed}", how])))
        if found.kind != "null" and found.zone is None and self.assume_timezone is None:
            without = f"the stamps of `{self.column}` have no time zone"
            msg = f"{without}; say `assume_timezone=`, for instance 'UTC'"
            raise EvidenceError(msg)
        return found

    def _utc(self, values: npt.NDArray[np.int64], found: Field) -> Stamps:
        """Return the stamps in UTC, in order."""
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
        return Stamps(values, _TICKS[unit])

    def _future(self, stamps: Stamps, ahead: int, clock: Fraction) -> Check:
        most = seconds(self.clock_skew)
        skew = format_number(most, "s")
        said = f"no stamp of `{self.column}` lies more than {skew} in the future"
        if ahead:
            furthest = stamps.newest
            of = f"{ahead:,} of {len(stamps.ticks):,} stamps of `{self.column}`"
            by = format_value(float(furthest - clock), Limit(at_most=most), "s")
            said = f"{of} lie more than {skew} in the future, the furthest by {by}{_odd(furthest)}"
        return yes_or_no(self.column, "future", said, broken=ahead, n=len(stamps.ticks))

    def _age(self, stamps: Stamps, clock: Fraction) -> Check:
        limit = Limit(at_most=seconds(self.max_age))
        if not len(stamps.ticks):
            said = f"`{self.column}` has no stamp up to now: there is no newest record"
            age = float("inf")
        else:
            newest = stamps.newest
            age = float(clock - newest)
            ahead = f"{format_number(-age, 's')} ahead of the clock"
            old = f"{format_value(age, limit, 's')} old" if age >= 0 else ahead
            said = f"the newest stamp of `{self.column}` is {old} ({_shown(newest)}){_odd(newest)}"
        measured = Measurement(age, n=len(stamps.ticks), method="newest stamp")
        return Check.judge(self.column, "age", measured, limit, min_n=0, unit="s", said=said)

    def _gap(self, stamps: Stamps, most: float) -> Check:
        said, gap = f"no gap between stamps of `{self.column}` is defined", None
        limit = Limit(at_most=most)
        n = len(stamps.ticks)
        if n > 1:
            # unsigned: the distance of two int64 can be larger than an int64
            steps = np.diff(stamps.ticks.view(np.uint64))
            widest = int(np.argmax(steps))
            gap = float(Fraction(int(steps[widest]), stamps.a_second))
            after = _shown(Fraction(int(stamps.ticks[widest]), stamps.a_second))
            size = format_value(gap, limit, "s")
            said = f"the largest gap in `{self.column}` is {size}, after {after}"
        measured = Measurement(gap, n=n, method="largest difference in order of time")
        return Check.judge(self.column, "gap", measured, limit, min_n=2, unit="s", said=said)

    def _share(self, stamps: Stamps, clock: Fraction, rows: int) -> Check:
        oldest = clock - Fraction(seconds(self.max_age))
        fresh = len(stamps.ticks) - stamps.before(oldest)
        share = fresh / rows if rows else None
        old = format_number(seconds(self.max_age), "s")
        said = f"{fresh:,} of {rows:,} rows have a stamp at most {old} old"
        measured = Measurement(share, n=rows, method="count", details={"count": fresh})
        limit = Limit(at_least=self.min_fresh_share)
        return Check.judge(self.column, "fresh_share", measured, limit, unit="share", said=said)


def _zone(name: object) -> None:
    hint = "; such as 'UTC' or 'Europe/Berlin'"
    allowed = "the name of a time zone"
    try:
        ZoneInfo(options.text(_OWNER, "assume_timezone", name))
    except (ValueError, OSError, KeyError):
        raise options.refuse(_OWNER, "assume_timezone", allowed, name, hint) from None


def _since_1970(moment: datetime) -> Fraction:
    """Return the seconds since 1970, exactly."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return Fraction((since.days * _DAY + since.seconds) * 10**6 + since.microseconds, 10**6)


def _year(moment: Fraction) -> int:
    whole = np.datetime64(math.floor(moment), "s")
    return 1970 + int(whole.astype("datetime64[Y]").astype(np.int64))


def _shown(moment: Fraction) -> str:
    """Return a moment in ISO form, or its year where the calendar of Python ends."""
    whole = math.floor(moment)
    if not -62_135_596_800 <= whole < 253_402_300_800:
        return f"year {_written(_year(moment))}"
    return f"{np.datetime64(whole, 's')}Z"


def _written(year: int) -> str:
    return f"{year:,}" if abs(year) >= 10_000 else str(year)


def _odd(moment: Fraction) -> str:
    """Return a hint when a stamp lies where an epoch read in the wrong unit would put it."""
    low, high = _ODD_YEARS
    year = _year(moment)
    if low <= year <= high:
        return ""
    return (
        f" (hint: the year {_written(year)} suggests an epoch read in the wrong unit, "
        "such as ms for s)"
    )
