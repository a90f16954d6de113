"""Freshness: check that the newest timestamp is recent and that none is in the future."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from mlgates import options
from mlgates._gate import Gate, GateInfo, Positions
from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates._shared import (
    By,
    Near,
    Part,
    count_check,
    counted_phrase,
    described_type,
    error_check,
    max_groups_of,
    named_groups,
    parts_of,
    property_check,
    slices_of,
)
from mlgates.options import Duration, seconds
from mlgates.predictions.groups import MAX_GROUPS
from mlgates.printable import number_of
from mlgates.profile.counter import Counter
from mlgates.profile.counters import Missing, Violations
from mlgates.profile.grouped import Grouped, GroupState
from mlgates.profile.offending import violating_rows
from mlgates.profile.times import Timestamps, TimestampState
from mlgates.tables.field import Field, TableSchema
from mlgates.verdict import Check, Limit, Measurement, format_number, format_value, slice_clause

__all__ = ["Freshness"]

_OWNER = "Freshness"

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400
#: Below every tick.
_NEVER = -(2**64)
_FIRST_YEAR, _LAST_YEAR = 1980, 2200
_NO_TIMES = TimestampState(0, 0, 0, None, None)


@dataclass(frozen=True, repr=False)
class Freshness(Gate):
    """Check that the newest timestamp of a column is recent, and that none is in the future.

    Parameters
    ----------
    column : str
        Name of a column of timestamps or dates. Strings and numbers are not converted.
    max_age : str, timedelta or float
        Largest age of the newest timestamp, such as "24h". A number means seconds.
    max_gap : str, timedelta or float, optional
        Largest time between two timestamps that follow each other in time. By default it is not
        checked.
    clock_skew : str, timedelta or float
        How far in the future a timestamp may be. A later timestamp is a FAIL, and does not count as
        the newest.
    assume_timezone : str, optional
        Time zone, such as "Europe/Berlin", of timestamps without a time zone. By default such
        timestamps are an ERROR. If a local time occurs twice when summer time ends, the earlier
        moment is meant. If a local time does not exist because summer time begins, the moment of
        the change is meant.
    min_fresh_share : float, optional
        Smallest share of the rows that must be at most `max_age` old. By default a single row that
        is new enough passes.
    by : str, sequence of str, or mapping of str to condition, optional
        Check each slice (subset of the rows) instead of all rows. Columns, given by name, define
        one slice for each combination of their values that occurs. A mapping defines slices by
        conditions, as in ``{"eu": "region == 'EU'"}``; a slice without rows is then a FAIL. A
        condition is a string in the language of :doc:`/reference/conditions`, or a function that
        gets each batch of rows as a `pyarrow.Table` and returns one bool per row.
    max_groups : int
        Largest number of slices that the columns of `by` may define; a larger number is an ERROR.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The newest timestamp is the latest in time, not the one in the last row. Ages are measured at
    the time given as ``now``, by default the present time. A table without timestamps is a FAIL,
    and so is a missing timestamp. With fewer than two timestamps, the check of `max_gap` is
    INCONCLUSIVE.

    The memory needed does not grow with the number of rows, but with the number of slices. With
    `max_gap`, it also grows with the number of gaps that are longer than `max_gap`. If a table or
    slice has more than 65,536 different timestamps, they are counted in at most 65,536 intervals of
    time. A gap that is shorter than one of these intervals is reported as "at most" the length of
    the interval.

    Examples
    --------
    >>> from datetime import datetime, timedelta, timezone
    >>> now = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    >>> stamps = [now - timedelta(hours=30), now - timedelta(hours=50)]
    >>> result = Freshness("at", max_age="24h").run(data={"at": stamps}, now=now)
    >>> print(result.reason)
    the newest timestamp of `at` is 30 h old (2026-02-28T06:00:00Z); the limit is at most 24 h
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    optional_evidence: ClassVar[frozenset[str]] = frozenset({"now"})
    info = GateInfo(
        summary="the age of the newest timestamp; timestamps in the future; long gaps between "
        "timestamps",
        metrics={
            "`missing`": "share of the cells that are missing",
            "`age`": "age of the newest timestamp",
            "`gap`": "longest time between two consecutive timestamps",
            "`future`": "number of timestamps in the future",
            "`fresh_share`": "share of the rows that are recent enough",
        },
        fewest_rows="one value",
    )
    column: str
    _: KW_ONLY
    max_age: Duration
    max_gap: Duration | None = None
    clock_skew: Duration = "5min"
    assume_timezone: str | None = None
    min_fresh_share: float | None = None
    by: By | None = None
    max_groups: int = MAX_GROUPS

    def __post_init__(self) -> None:
        self._convert("column", options.text)
        self._convert("max_age", options.duration)
        self._convert("max_gap", options.duration)
        self._convert("clock_skew", options.duration, zero=True)
        zone = self.assume_timezone
        if zone is not None:
            try:
                ZoneInfo(options.text(_OWNER, "assume_timezone", zone))
            except (ValueError, OSError, KeyError):
                allowed = "the name of a time zone, such as 'UTC' or 'Europe/Berlin'"
                raise options.refuse(_OWNER, "assume_timezone", allowed, zone) from None
        self._convert("min_fresh_share", options.share)
        self._convert("by", slices_of)
        self._convert("max_groups", max_groups_of)
        super().__post_init__()

    def request_counts(self, evidence: Evidence) -> None:
        """Register what to count: missing timestamps, and the ages of the others."""
        evidence.request(partial(self._counts, evidence))

    def _counts(self, evidence: Evidence, schema: TableSchema) -> Iterable[Counter]:
        field = schema.get(self.column)
        if field is None:
            return
        if self.by is not None:
            yield from (counter for _, counter in self._parts(evidence, schema))
            return
        yield Missing(self.column)
        if field.kind in ("timestamp", "date"):
            yield self._counter(_clock(evidence), field)

    def _parts(self, evidence: Evidence, schema: TableSchema) -> Iterator[tuple[Part, Grouped]]:
        """Yield pairs of a part of the table (all rows or a slice) and what to count in it."""
        counter = self._counter(_clock(evidence), schema[self.column])
        for part in parts_of(self.by, schema):
            yield part, Grouped(counter, part.by, part.slice, part.read)

    def _counter(self, clock: Fraction, field: Field) -> Timestamps:
        """Return what to count: timestamps, with options converted to the unit of the column.

        `clock` is the time of the run, in seconds since 1970.
        """
        per_second = _PER_SECOND[field.unit or "s"]
        skew, age = Fraction(seconds(self.clock_skew)), Fraction(seconds(self.max_age))
        gap = None if self.max_gap is None else Fraction(seconds(self.max_gap))
        return Timestamps(
            self.column,
            latest=math.floor((clock + skew) * per_second),
            oldest=math.ceil((clock - age) * per_second),
            longest=None if gap is None else math.floor(gap * per_second),
            zone=self.assume_timezone,
            limits=(seconds(self.clock_skew), seconds(self.max_age)),
        )

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the checks ``missing``, ``future`` and ``age``, and those of the optional limits.

        The optional limits are the options `max_gap` and `min_fresh_share`.
        """
        schema, profile = evidence.source("data").schema, evidence.profile()
        field = self._checked_field(schema)
        if self.by is None:
            times = _NO_TIMES
            if field.kind != "null":
                times = profile[self._counter(_clock(evidence), field)]
            whole = GroupState((), profile.rows, times)
            yield from self._checks(None, whole, profile[Missing(self.column)], evidence)
            return
        for part, counter in self._parts(evidence, schema):
            with suppress_errors() as caught:  # the other slices are still judged
                named = list(named_groups(part, profile[counter].groups, self.max_groups))
            if caught.error is not None:
                yield error_check(self.column, "age", caught.error, part.name)
                continue
            # a table without rows has no groups
            for name, group in named or [(part.name, GroupState((), 0, _NO_TIMES))]:
                missing = Violations(group.rows - group.state.n, group.rows)
                yield from self._checks(name, group, missing, evidence)

    def _checks(
        self, group: str | None, part: GroupState, missing: Violations, evidence: Evidence
    ) -> Iterator[Check]:
        """Yield the checks of all rows, or of the slice with the name `group`.

        `part` is what was counted in these rows, and `missing` counts the missing timestamps.
        """
        field, clock = evidence.source("data").schema[self.column], _clock(evidence)
        counter = self._counter(clock, field)
        # A profile may have been made at another time.
        times: TimestampState = part.state.at(counter.latest, counter.oldest)
        column, per_second = self.column, _PER_SECOND[field.unit or "s"]
        where = f"`{column}`{slice_clause(group)}"
        yield count_check(column, "missing", missing, group=group)
        skew, n, ahead, hint = seconds(self.clock_skew), times.n, times.future, ""
        most = format_number(skew, "s")
        text = f"no timestamp of {where} is more than {most} in the future"
        if ahead and times.furthest is not None:
            furthest = Fraction(times.furthest, per_second)
            by = format_value(float(furthest - clock), Limit(at_most=skew), "s")
            text = counted_phrase(
                ahead, n, "timestamps", f"are more than {most} in the future", where=f" of {where}"
            )
            text += f": it is {by} ahead" if ahead == 1 else f": the furthest is {by} ahead"
            hint = _unit_hint(furthest)
        summary = f"{number_of(ahead, 'timestamp')} in the future"
        yield property_check(
            column, "future", text, violations=ahead, n=n, group=group, hint=hint, summary=summary
        )

        n, age, hint, summary = n - ahead, math.inf, "", "no timestamp"
        limit = Limit(at_most=seconds(self.max_age))
        ages = f"{where} has no timestamps"
        if n + ahead:
            ages = f"the only timestamp of {where} is in the future"
            if n + ahead > 1:
                every = "both" if n + ahead == 2 else f"all {n + ahead:,}"
                ages = f"{every} timestamps of {where} are in the future"
        text = f"{ages}, so the age counts as infinite"
        if times.newest is not None:
            newest = Fraction(times.newest, per_second)
            age, summary = float(clock - newest), ""
            old = f"{format_number(-age, 's')} in the future"
            old = f"{format_value(age, limit, 's')} old" if age >= 0 else old
            text = f"the newest timestamp of {where} is {old} ({_iso(newest)})"
            hint = _unit_hint(newest)
        measured = Measurement(age, n=n, method="newest timestamp")
        yield Check.judge(
            column,
            "age",
            measured,
            limit,
            group=group,
            min_n=0,
            unit="s",
            said=text,
            hint=hint,
            summary=summary,
        )

        if self.max_gap is not None:
            gap, limit, largest = None, Limit(at_most=seconds(self.max_gap)), times.gap()
            text = f"no gap between timestamps of {where} can be measured"
            text += " (those in the future are left out)" if ahead else ""
            if largest is not None:
                gap = float(Fraction(largest.length, per_second))
                shown = format_value(gap, limit, "s")
                text = f"the largest gap between timestamps of {where} is "
                if largest.exact:
                    text += f"{shown}, after {_iso(Fraction(largest.after, per_second))}"
                else:
                    text += f"at most {shown}"
            measured = Measurement(gap, n=n, method="largest difference in order of time")
            yield Check.judge(
                column,
                "gap",
                measured,
                limit,
                group=group,
                min_n=2,
                unit="s",
                said=text,
                noun="timestamps",
            )

        if self.min_fresh_share is not None:
            if times.fresh is None:
                raise EvidenceError(
                    "`data` is a profile that was made at another time, so it is not known how "
                    "many timestamps are recent now; pass the time of the profile as `now`"
                )
            fresh, rows = times.fresh, part.rows
            share, details = fresh / rows if rows else None, {"count": fresh}
            oldest = format_number(seconds(self.max_age), "s")
            text = counted_phrase(
                fresh,
                rows,
                "rows",
                f"have a timestamp at most {oldest} old",
                where=slice_clause(group),
            )
            measured = Measurement(share, n=rows, method="count", details=details)
            limit = Limit(at_least=self.min_fresh_share)
            check = Check.judge(
                column, "fresh_share", measured, limit, group=group, unit="share", said=text
            )
            none = f"there are no rows{slice_clause(group)} to judge"
            yield check if rows else replace(check, reason=none)

    def offending(self, evidence: Evidence) -> Positions:
        """Return the numbers of the rows whose timestamp is missing or in the future.

        If `min_fresh_share` is given, rows whose timestamp is too old are returned too.
        """
        source = evidence.source("data")
        field = self._checked_field(source.schema)
        wanted: list[Counter] = [Missing(self.column)]
        if field.kind != "null":
            counter = self._counter(_clock(evidence), field)
            first = counter.oldest if self.min_fresh_share is not None else _NEVER
            wanted.append(replace(counter, oldest=first))
        if self.by is not None:
            parts = list(parts_of(self.by, source.schema))
            wanted = [Grouped(one, p.by, p.slice, p.read) for one in wanted for p in parts]
        return violating_rows(source, wanted)

    def _checked_field(self, schema: TableSchema) -> Field:
        """Return the field of the column; raise EvidenceError unless it has times in a known zone.

        A column of nulls only is accepted too.
        """
        column = self.column
        Near.require([column], schema)
        field = schema[column]
        if field.kind not in ("timestamp", "date", "null"):
            epochs = "convert epoch times, with their unit, to timestamps when the table is loaded"
            if field.problem is not None:
                raise EvidenceError(f"expected timestamps or dates, but {field.problem}")
            how = {
                "string": "strings are not parsed; convert the column when the table is loaded",
                "int": epochs,
                "float": epochs,
                "decimal": epochs,
            }.get(field.kind, "name another column")
            raise EvidenceError(
                f"`{column}` has {described_type(field)}, expected timestamps or dates; {how}"
            )
        if field.kind != "null" and field.zone is None and self.assume_timezone is None:
            msg = f"the timestamps of `{column}` have no time zone"
            msg += "; set `assume_timezone`, for example to 'UTC'"
            raise EvidenceError(msg)
        return field


def _clock(evidence: Evidence) -> Fraction:
    """Return the time of the run, in seconds since 1970 in UTC."""
    since = evidence.now - datetime(1970, 1, 1, tzinfo=UTC)
    return Fraction((since.days * _DAY + since.seconds) * 10**6 + since.microseconds, 10**6)


def _year(moment: Fraction) -> tuple[int, str]:
    """Return the year of a moment (in seconds since 1970), as a number and as a string."""
    whole = np.datetime64(math.floor(moment), "s")
    year = 1970 + int(whole.astype("datetime64[Y]").astype(np.int64))
    return year, f"{year:,}" if abs(year) >= 10_000 else str(year)


def _iso(moment: Fraction) -> str:
    """Return a moment in ISO format, or only its year if it is outside the years 1 to 9999."""
    whole = math.floor(moment)
    if not -62_135_596_800 <= whole < 253_402_300_800:
        return f"year {_year(moment)[1]}"
    return f"{np.datetime64(whole, 's')}Z"


def _unit_hint(moment: Fraction) -> str:
    """Return a hint if the year suggests that epoch times were read in a wrong unit, else ""."""
    year, shown = _year(moment)
    if _FIRST_YEAR <= year <= _LAST_YEAR:
        return ""
    return f"the year {shown} suggests an epoch read in the wrong unit, such as ms instead of s"
