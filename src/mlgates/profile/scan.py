"""The profile of a table: rows, columns and counters' states, from one scan."""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain, repeat
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, TypeVar

import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.profile.column import (
    WHOLE,
    ColumnProfile,
    ColumnView,
    Sweep,
    merge_fields,
    sweep_together,
)
from mlgates.profile.counter import BatchView, Counter, State
from mlgates.profile.counters import Distribution, NumericSample
from mlgates.profile.distributions import Ecdf, Frequencies, Sample
from mlgates.tables.exact import NANOSECONDS
from mlgates.tables.field import TableSchema, few
from mlgates.tables.source import Batch, Source, as_source
from mlgates.tables.threads import MANY_ROWS, threads_for

__all__ = ["Profile"]

_DISTRIBUTED = WHOLE | {"float", "decimal", "bool", "string", "null"}


class _Failure(State):
    """In place of a state: the exception that a counter raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def merge(self, other: object, shift: int) -> "_Failure":
        """Return this failure: the counter is not tried again."""
        del other, shift
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Failure):
            return NotImplemented
        return type(self.error) is type(other.error) and str(self.error) == str(other.error)

    __hash__ = None  # type: ignore[assignment]


class Profile:
    """Rows, columns and counters' states of a table, from one scan of it.

    Made by `Profile.of`. Profiles of consecutive parts of a table merge into the profile of the
    whole: ``Profile.of(a).merge(Profile.of(b)) == Profile.of(a + b)``.

    Attributes
    ----------
    rows : int
        Number of rows.
    schema : mapping of str to Field
        All columns of the table, in order.
    columns : mapping of str to ColumnProfile
        Those that were profiled, in the order of the schema.

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
        states: Mapping[Counter, State],
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
        """Return the profile of a table, read once.

        Parameters
        ----------
        table : object
            Whatever `as_source` takes.
        counters : iterable of Counter, optional
            What to count; default: the `Distribution` of every column that has one. One that
            raises does not affect the others: its exception is raised when its state is read.
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
            kinds = {name: field.kind for name, field in source.schema.items()}
            counters = [Distribution(name) for name, kind in kinds.items() if kind in _DISTRIBUTED]
        return _Scan(source, counters, columns, n_jobs).run()

    def __getitem__(self, counter: Counter) -> Any:
        """Return what was counted, by the counter or by one that subsumes it."""
        while counter not in self._states and counter.subsumed_by is not None:
            counter = counter.subsumed_by
        state = self._states[counter]
        if isinstance(state, _Failure):
            raise state.error
        return state

    def __contains__(self, counter: object) -> bool:
        return counter in self._states

    def distribution(self, name: str) -> Ecdf | Sample | Frequencies | None:
        """Return a column's distribution; None where none was counted."""
        for counter in (Distribution(name), NumericSample(name)):
            if counter in self._states:
                state: Ecdf | Sample | Frequencies = self[counter]
                return state
        return None

    def merge(self, other: "Profile") -> "Profile":
        """Return the profile of the rows of both, those of `other` after these.

        Raises
        ------
        EvidenceError
            If they differ in the names or kinds of columns, or in what was counted. A column
            without any value merges with any kind.
        """
        states = other._states  # noqa: SLF001
        pairs: list[tuple[str, Mapping[Any, object], Mapping[Any, object]]] = [
            ("columns", self.schema, other.schema),
            ("profiled columns", self.columns, other.columns),
            ("counters", self._states, states),
        ]
        for what, ours, theirs in pairs:
            alone = [
                *(key for key in ours if key not in theirs),
                *(key for key in theirs if key not in ours),
            ]
            if alone:
                listed = few(map(str, alone))
                msg = f"profiles cannot be merged: only one of them has the {what} {listed}"
                raise EvidenceError(msg)
        return Profile(
            self.rows + other.rows,
            {name: merge_fields(field, other.schema[name]) for name, field in self.schema.items()},
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
        seen: list[object] = []
        for column in self.columns.values():
            # Times in nanoseconds, whatever their unit.
            scale = NANOSECONDS[column.field.unit] if column.field.unit else 1
            counts = (column.nulls, column.nans, column.neg_inf, column.pos_inf)
            ends = [
                end
                if end is None
                else end.hex()
                if isinstance(end, float)
                else str(Fraction(end) * scale)
                for end in (column.min, column.max)
            ]
            seen.append(
                [column.field.name, column.field.kind, *counts, *ends, str(column.checksum)]
            )
        return hashlib.sha256(json.dumps([self.rows, seen]).encode()).hexdigest()

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


States: TypeAlias = dict[Counter, State]
R = TypeVar("R")


class _Counted(NamedTuple):
    """The counts of one batch, of one column or of several."""

    view: ColumnView | None
    profile: ColumnProfile | None
    states: States


Job: TypeAlias = Callable[[], _Counted]


class _Scan:
    """One pass over a source: columns are counted side by side, batches one after another."""

    def __init__(
        self,
        source: Source,
        counters: Iterable[Counter],
        columns: Iterable[str] | None,
        n_jobs: int | None,
    ) -> None:
        self.source, self.n_jobs = source, n_jobs
        schema = source.schema
        wanted = set(schema if columns is None else columns)
        if absent := [name for name in wanted if name not in schema]:
            msg = f"the table has no column {few(absent)}; it has {few(schema, 20)}"
            raise EvidenceError(msg)
        self.profiled = {name: None for name in schema if name in wanted}
        self.order = list(dict.fromkeys(counters))
        self.states: dict[Counter, State] = {}
        own: dict[str, list[Counter]] = {name: [] for name in self.profiled}
        self.joint: list[Counter] = []
        for counter in self.order:
            names = counter.columns
            if lacking := [name for name in names if name not in schema]:
                msg = f"the table has no column {few(lacking)}; it has {few(schema, 20)}"
                self.states[counter] = _Failure(EvidenceError(msg))
                continue
            for name in names:
                own.setdefault(name, [])
            (own[names[0]] if len(names) == 1 else self.joint).append(counter)
        # Long jobs first, so that the threads end together: texts with much to count.
        work = {name: len(own[name]) + 100 * (schema[name].kind == "string") for name in own}
        self.own = {name: own[name] for name in sorted(own, key=lambda name: -work[name])}
        self.sorted = {name for c in self.order if c.needs_sorted for name in c.columns}

    def run(self) -> Profile:
        """Return the profile of the whole source."""
        source, states = self.source, self.states
        profiles: dict[str, ColumnProfile] = {}
        # Rows are counted in a column, though nothing may be counted of any.
        batches = source.batches(list(self.own) or [next(iter(source.schema))])
        if any(counter.needs_all_rows for counter in self.order):
            parts = list(batches)
            if len(parts) > 1:
                table = pa.concat_tables([part.table for part in parts])
                parts = [Batch(table, table)]
            batches = iter(parts)
        threads = threads_for(self.n_jobs, is_large=source.rows is None or source.rows >= MANY_ROWS)
        pending: deque[tuple[int, list[Job]]] = deque()
        total = 0
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(threads)) if threads > 1 else None
            for batch in chain(batches, repeat(None)):
                if batch is not None:
                    pending.append((batch.table.num_rows, self._start(batch, pool)))
                    # A few batches at a time: what was read is not held for longer than needed.
                    if len(pending) < threads:
                        continue
                elif not pending:
                    break
                rows, jobs = pending.popleft()
                for job in jobs:
                    _, profile, counted = job()
                    if profile is not None:
                        name = profile.field.name
                        before = profiles.get(name)
                        profiles[name] = profile if before is None else before.merge(profile)
                    for counter, state in counted.items():
                        known = states.get(counter)
                        merged = state if known is None else _merge_states(known, state, total)
                        states[counter] = merged
                total += rows
            finalized = [_submit(pool, _finalized, states[counter]) for counter in self.order]
            ended = [job() for job in finalized]
        return Profile(
            total,
            source.schema,
            {name: profiles[name] for name in self.profiled},
            dict(zip(self.order, ended, strict=True)),
        )

    def _start(self, batch: Batch, pool: ThreadPoolExecutor | None) -> list[Job]:
        """Start a job for each column of a batch, then one for each counter of several columns."""
        kinds = {name: self.source.schema[name].kind for name in self.own}
        floats = {name: batch.table[name] for name, kind in kinds.items() if kind == "float"}
        # Nothing is added to what is counted of a batch of all rows.
        is_whole = batch.table.num_rows == self.source.rows
        sweeps = sweep_together(floats, self.sorted if is_whole else (), self.n_jobs)
        jobs = {
            name: _submit(pool, self._count_column, batch, name, sweeps.get(name))
            for name in self.own
        }
        return [
            *jobs.values(),
            *(_submit(pool, self._count_joint, batch, counter, jobs) for counter in self.joint),
        ]

    def _count_column(self, batch: Batch, name: str, sweep: Sweep | None) -> _Counted:
        view = ColumnView(batch.table[name], self.source.schema[name], sweep)
        states = self._count(batch, self.own[name], {name: view})
        # After the counters: a checksum is quicker where they encoded the texts.
        profile = ColumnProfile.of(view) if name in self.profiled else None
        return _Counted(view, profile, states)

    def _count_joint(self, batch: Batch, counter: Counter, jobs: Mapping[str, Job]) -> _Counted:
        # The columns' jobs were started before, so that waiting for them ends.
        views = {name: jobs[name]().view for name in counter.columns}
        return _Counted(None, None, self._count(batch, [counter], views))

    def _count(
        self, batch: Batch, counters: Iterable[Counter], columns: Mapping[str, Any]
    ) -> States:
        states, view = {}, BatchView(columns, batch.native, batch.table.num_rows)
        for counter in counters:
            # One that failed is not tried again.
            if not isinstance(self.states.get(counter), _Failure):
                try:
                    state = counter.count(view)
                except Exception as error:  # noqa: BLE001  (raised where the state is read)
                    state = _Failure(error)
                is_whole = batch.table.num_rows == self.source.rows
                states[counter] = _finalized(state) if is_whole else state
        return states


def _submit(pool: ThreadPoolExecutor | None, job: Callable[..., R], *args: Any) -> Callable[[], R]:
    """Run a job, in a thread where there is a pool; the answer waits for its result."""
    if pool is not None:
        return pool.submit(job, *args).result
    result = job(*args)
    return lambda: result


def _finalized(state: State) -> State:
    """Return a state that computed what it would compute when it is first read."""
    try:
        state.finalize()
    except Exception as error:  # noqa: BLE001  (raised where the state is read)
        return _Failure(error)
    return state


def _merge_states(state: State, other: State, shift: int) -> State:
    if isinstance(state, _Failure) or isinstance(other, _Failure):
        return state if isinstance(state, _Failure) else other
    if type(state) is not type(other) and isinstance(state, Ecdf | Frequencies):
        # A column without a value has the distribution of no kind, which goes with any.
        if state.n == 0:
            return other
        if isinstance(other, Ecdf | Frequencies) and other.n == 0:
            return state
    return state.merge(other, shift)
