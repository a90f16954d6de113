"""A table as its profile: everything the data gates read, scanned once."""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.profile.batch_sort import look_together
from mlgates.profile.column import WHOLE, ColumnProfile, ColumnView, Extreme, merge_fields
from mlgates.profile.counters import Counter, Distribution
from mlgates.profile.ecdf import Ecdf
from mlgates.profile.frequencies import Frequencies
from mlgates.tables.exact import NANOSECONDS
from mlgates.tables.field import TableSchema, few
from mlgates.tables.source import Batch, Source, as_source
from mlgates.tables.threads import MANY_ROWS, threads_for

__all__ = ["Profile"]

_DISTRIBUTED = WHOLE | {"float", "decimal", "bool", "string", "null"}


class _Failure:
    """In place of a state: the exception that a counter raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Failure):
            return NotImplemented
        return type(self.error) is type(other.error) and str(self.error) == str(other.error)

    __hash__ = None  # type: ignore[assignment]


class Profile:
    """What is known of a table: its rows, its columns, and what the counters asked for.

    Made by `Profile.of`. Profiles of consecutive parts of a table merge into the profile of the
    whole: ``Profile.of(a).merge(Profile.of(b)) == Profile.of(a + b)``.

    Parameters
    ----------
    rows : int
        Number of rows.
    schema : mapping of str to Field
        All columns of the table, in order.
    columns : mapping of str to ColumnProfile
        Those that were profiled, in the order of the schema.
    states : mapping of Counter to State
        What was counted.

    Examples
    --------
    >>> from mlgates.profile.counters import NotIn
    >>> country = NotIn("country", ("DE", "FR"))
    >>> profile = Profile.of({"age": [31, None, 44], "country": ["DE", "IT", "FR"]}, [country])
    >>> profile.rows, profile.columns["age"].missing, profile.columns["age"].max
    (3, 1, 44)
    >>> profile[country]
    Violations(count=1, n=3, rows=(1,))
    """

    def __init__(
        self,
        rows: int,
        schema: TableSchema,
        columns: Mapping[str, ColumnProfile],
        states: Mapping[Counter, Any],
    ) -> None:
        self.rows = rows
        self.schema: TableSchema = MappingProxyType(dict(schema))
        self.columns: Mapping[str, ColumnProfile] = MappingProxyType(dict(columns))
        self._states = dict(states)

    @classmethod
    def of(
        cls,
        table: object,
        counters: Iterable[Counter] | None = None,
        *,
        columns: Iterable[str] | None = None,
        n_jobs: int | None = None,
    ) -> "Profile":
        """Profile of a table, read once.

        Parameters
        ----------
        table : object
            Whatever `as_source` takes.
        counters : iterable of Counter, optional
            What to count; default: the `Distribution` of every column that has one. One that
            raises spoils no other: its exception is raised when its state is read.
        columns : iterable of str, optional
            Columns that get a `ColumnProfile`; default all. What counters need is read anyway.
        n_jobs : int, optional
            Number of threads; default: as many as processors for large tables (100,000 rows, or
            half a million floats), else one. The profile doesn't depend on it.

        Returns
        -------
        Profile

        Raises
        ------
        EvidenceError
            If it is no table, or has no such columns.
        """
        source = as_source(table)
        if counters is None:
            counters = [
                Distribution(name)
                for name, known in source.schema.items()
                if known.kind in _DISTRIBUTED
            ]
        return _Scan(source, counters, columns, n_jobs).run()

    def __getitem__(self, counter: Counter) -> Any:
        state = self._states[counter]
        if isinstance(state, _Failure):
            raise state.error
        return state

    def __contains__(self, counter: object) -> bool:
        return counter in self._states

    def merge(self, other: "Profile") -> "Profile":
        """Profile of the rows of both, those of `other` behind.

        Raises
        ------
        EvidenceError
            If they differ in the names or kinds of columns, or in what was counted. A column
            without any value merges with any kind.
        """
        _refuse_difference("columns", self.schema, other.schema)
        _refuse_difference("profiled columns", self.columns, other.columns)
        states = other._states  # noqa: SLF001
        _refuse_difference("counters", self._states, states)
        return Profile(
            self.rows + other.rows,
            {name: merge_fields(known, other.schema[name]) for name, known in self.schema.items()},
            {name: column.merge(other.columns[name]) for name, column in self.columns.items()},
            {
                counter: _merge_states(state, states[counter], self.rows)
                for counter, state in self._states.items()
            },
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what the scan saw of the profiled columns; no second pass over the rows.

        It covers the number of rows and, column by column, name, kind, nulls, NaNs, infinities,
        extremes and checksum: not the order of the rows, the widths of numbers, or the container.
        It does not see values that change rows within a column, bytes that change places in texts
        before the last eight, nested values, of a float's changes in its last bit one in 1,600, and
        of two floats that exchange their signs one pair in 2**31. Null and NaN are counted apart.
        """
        seen = [self.rows, [_fingerprinted(column) for column in self.columns.values()]]
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Profile):
            return NotImplemented
        return (
            self.rows == other.rows
            and list(self.schema.items()) == list(other.schema.items())
            and self.columns == other.columns
            and self._states == other._states
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"Profile({self.rows:,} rows, {len(self.columns)} of {len(self.schema)} columns, "
            f"{len(self._states)} counters)"
        )


class _Scan:
    """One pass over a source: columns are counted side by side, batches one after another."""

    def __init__(
        self,
        source: Source,
        counters: Iterable[Counter],
        columns: Iterable[str] | None,
        n_jobs: int | None,
    ) -> None:
        self.source = source
        self.n_jobs = n_jobs
        schema = source.schema
        wanted = set(schema if columns is None else columns)
        absent = [name for name in wanted if name not in schema]
        if absent:
            msg = f"the table has no column {few(absent)}; it has {few(schema, 20)}"
            raise EvidenceError(msg)
        self.wanted = wanted
        self.profiled = [name for name in schema if name in wanted]
        self.order = list(dict.fromkeys(counters))
        self.failed: dict[Counter, _Failure] = {}
        self.counters: dict[tuple[str, ...], list[Counter]] = {(n,): [] for n in self.profiled}
        for counter in self.order:
            lacking = [name for name in counter.columns if name not in schema]
            if lacking:
                msg = f"the table has no column {few(lacking)}; it has {few(schema, 20)}"
                self.failed[counter] = _Failure(EvidenceError(msg))
            self.counters.setdefault(() if lacking else counter.columns, []).append(counter)
        names = dict.fromkeys(name for names in self.counters for name in names)
        #: Columns whose sorted values may be asked for.
        self.sorted = {
            name
            for counter in self.order
            if getattr(counter, "sorts", False)
            for name in counter.columns
        }
        # Rows are counted in a column, though nothing may be asked of any.
        self.read = list(names) or [next(iter(schema))]
        self.counters = dict(sorted(self.counters.items(), key=self._length))

    def _length(self, job: tuple[tuple[str, ...], list[Counter]]) -> tuple[bool, int]:
        """Sorts jobs, so that the threads end together: texts with much to count come first."""
        names, counters = job
        schema = self.source.schema
        text = len(names) == 1 and schema[names[0]].kind == "string"
        return (len(names) != 1, -len(counters) - 100 * text)

    def run(self) -> Profile:
        """Profile of the whole source."""
        rows = self.source.rows
        threads = threads_for(self.n_jobs, is_large=rows is None or rows >= MANY_ROWS)
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(threads)) if threads > 1 else None
            total = _Counted()
            waiting: deque[tuple[int, list[Callable[[], _Counted]]]] = deque()
            for batch in self._batches():
                jobs = [_start(pool, job) for job in self._jobs_of(batch)]
                waiting.append((batch.table.num_rows, jobs))
                # A few batches at a time: what was read is not held for longer than needed.
                if len(waiting) >= threads:
                    self._collect(total, *waiting.popleft())
            while waiting:
                self._collect(total, *waiting.popleft())
            settled = [_start(pool, partial(_settle, state)) for state in total.states.values()]
            for wait in settled:
                wait()
        return Profile(
            total.rows,
            self.source.schema,
            {name: total.columns[name] for name in self.profiled},
            {counter: total.states[counter] for counter in self.order},
        )

    def _batches(self) -> Iterator[Batch]:
        """The source's batches; one of all rows where a counter must see them together."""
        batches = self.source.batches(self.read)
        if not any(getattr(counter, "whole", False) for counter in self.order):
            return batches
        parts = list(batches)
        if len(parts) > 1:
            table = pa.concat_tables([part.table for part in parts])
            parts = [Batch(table, table)]
        return iter(parts)

    def _is_whole(self, batch: Batch) -> bool:
        """Whether nothing will be added to what is counted in a batch."""
        return bool(batch.table.num_rows == self.source.rows)

    def _jobs_of(self, batch: Batch) -> Iterator[Callable[[], "_Counted"]]:
        """One job for each column or combination of columns, long ones first."""
        views = {
            name: ColumnView(batch.table[name], self.source.schema[name]) for name in self.read
        }
        look_together(views.values(), self.sorted if self._is_whole(batch) else (), self.n_jobs)
        for names, counters in self.counters.items():
            yield partial(self._count, names, counters, views, batch)

    def _count(
        self,
        names: tuple[str, ...],
        counters: list[Counter],
        views: dict[str, ColumnView],
        batch: Batch,
    ) -> "_Counted":
        counted = _Counted()
        for counter in counters:
            state = self.failed.get(counter) or _state(counter, views, batch.native)
            if self._is_whole(batch):
                # Nothing will be added: what a first reading would do is done here, in the thread.
                state = _settle(state)
            counted.states[counter] = state
        if len(names) == 1 and names[0] in self.wanted:
            counted.columns[names[0]] = ColumnProfile.of(views[names[0]])
        return counted

    def _collect(self, total: "_Counted", rows: int, jobs: list[Callable[[], "_Counted"]]) -> None:
        """Add one batch of so many rows to the total."""
        before = total.rows
        total.rows += rows
        for wait in jobs:
            part = wait()
            for name, column in part.columns.items():
                known = total.columns.get(name)
                total.columns[name] = column if known is None else known.merge(column)
            for counter, counted in part.states.items():
                state = counted
                if counter in total.states:
                    state = _merge_states(total.states[counter], counted, before)
                total.states[counter] = state
                if isinstance(state, _Failure):
                    # It is not tried again: a slow pattern would be slow in every batch.
                    self.failed[counter] = state


@dataclass
class _Counted:
    """What was counted in some rows of some columns; `rows` counts those that are added up."""

    rows: int = 0
    columns: dict[str, ColumnProfile] = field(default_factory=dict)
    states: dict[Counter, Any] = field(default_factory=dict)


def _start(pool: ThreadPoolExecutor | None, job: Callable[[], _Counted]) -> Callable[[], _Counted]:
    """Run a job, in a thread where there is a pool; the answer waits for it."""
    return job if pool is None else pool.submit(job).result


def _state(counter: Counter, views: Mapping[str, ColumnView], native: object) -> Any:
    try:
        return counter.count(views, native)
    except Exception as error:  # noqa: BLE001  (raised again where the state is read)
        return _Failure(error)


def _settle(state: Any) -> Any:
    """Do now, in a thread, what the first reading of a state would do."""
    settle = getattr(state, "settle", None)
    if settle is None:
        return state
    try:
        settle()
    except Exception as error:  # noqa: BLE001  (raised again where the state is read)
        return _Failure(error)
    return state


def _merge_states(state: Any, other: Any, shift: int) -> Any:
    if isinstance(state, _Failure):
        return state
    if isinstance(other, _Failure):
        return other
    if type(state) is not type(other) and isinstance(state, Ecdf | Frequencies):
        # A column without a value has the distribution of no kind, which goes with any.
        if state.n == 0:
            return other
        if other.n == 0:
            return state
    return state.merge(other, shift)


def _refuse_difference(what: str, ours: Iterable[object], theirs: Iterable[object]) -> None:
    """Refuse to merge profiles that do not hold the same."""
    ours, theirs = dict.fromkeys(ours), dict.fromkeys(theirs)
    lone = [
        *(key for key in ours if key not in theirs),
        *(key for key in theirs if key not in ours),
    ]
    if lone:
        msg = f"profiles cannot be merged: only one of them has the {what} {few(map(str, lone))}"
        raise EvidenceError(msg)


def _fingerprinted(column: ColumnProfile) -> list[object]:
    """What stands for a column in the fingerprint: times in nanoseconds, whatever their unit."""
    scale = NANOSECONDS[column.field.unit] if column.field.unit else 1
    return [
        column.field.name,
        column.field.kind,
        column.nulls,
        column.nans,
        column.neg_inf,
        column.pos_inf,
        _written(column.min, scale),
        _written(column.max, scale),
        str(column.checksum),
    ]


def _written(value: Extreme | None, scale: int) -> str | None:
    if value is None:
        return None
    if isinstance(value, float):
        return value.hex()
    return str(Fraction(value) * scale)
