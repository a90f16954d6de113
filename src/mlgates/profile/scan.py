"""Read a table once: its number of rows, profiles of its columns and results of counters."""

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import astuple
from fractions import Fraction
from functools import partial
from importlib import import_module
from itertools import chain, repeat
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.profile import serialization
from mlgates.profile.column import (
    WHOLE,
    ColumnProfile,
    ColumnView,
    Sweep,
    float_sums,
    merge_fields,
)
from mlgates.profile.counter import BatchView, Counter, State, state_classes, state_of
from mlgates.profile.counters import Distribution
from mlgates.profile.distributions import Ecdf, Frequencies
from mlgates.profile.sketch import QuantileSketch
from mlgates.tables import encoding
from mlgates.tables.containers import kind_of
from mlgates.tables.exact import NANOSECONDS
from mlgates.tables.field import Field, TableSchema, few, no_column
from mlgates.tables.source import Source, as_source

__all__ = [
    "MANY_ROWS",
    "Failure",
    "Profile",
    "each",
    "merge_states",
    "sweep_together",
    "threads_for",
]

#: Threads make a scan faster if the table has at least this many rows.
MANY_ROWS = 100_000
#: Number of values in a matrix of columns. Such a matrix fits into the processor's cache.
_MATRIX = 1 << 16
T = TypeVar("T")
R = TypeVar("R")
_MODULES = ("duplicates", "groups", "grouped", "keys", "rules", "summaries", "times")
_DISTRIBUTED = WHOLE | {"float", "decimal", "bool", "string", "null"}


class Failure(State):
    """The exception that a counter raised; it is kept in place of the counter's result.

    A counter is an object that says what to count in a table. Reading this result from a `Profile`
    raises the exception again.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def to_parts(self) -> tuple[Any, ...]:
        """Return the message of the exception if it is an EvidenceError, else only the type's name.

        `from_parts` creates a `Failure` from it.
        """
        if isinstance(self.error, EvidenceError):
            return (str(self.error),)
        # Leave out the message, because it may contain values of the data.
        return (f"a counter raised {type(self.error).__name__}",)

    @classmethod
    def from_parts(cls, *parts: Any) -> "Failure":
        """Create a failure from the message that `to_parts` returned.

        The new failure has an EvidenceError with this message, whatever the type of the first
        exception was.
        """
        return cls(EvidenceError(*parts))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Failure)
            and type(self.error) is type(other.error)
            and str(self.error) == str(other.error)
        )

    def __repr__(self) -> str:
        return f"Failure({self.error!r})"


class Profile:
    """The result of reading a table once: number of rows, profiles of columns, results of counters.

    A counter is an object that says what to count, such as `NotIn`: ``profile[counter]`` is its
    result. Create a profile with `Profile.of`. To use a profile as ``data=`` of a run, create it
    with `Plan.count`. The profiles of consecutive parts of a table can be merged into the profile
    of the whole: ``Profile.of(a).merge(Profile.of(b)) == Profile.of(a + b)``. The profiles of a
    plan can be merged in any order, because they have no row numbers.

    Attributes
    ----------
    rows : int
        Number of rows.
    schema : mapping of str to Field
        Names and types of all columns of the table, in order.
    columns : mapping of str to ColumnProfile
        Profiles of the columns that were requested in `Profile.of`, in the order of the schema.
    is_planned : bool
        Whether the profile was created by a `Plan`, or read by `from_bytes`.
    reference : str or None
        Fingerprint of the reference of the `Plan` that created the profile. None if there was no
        plan or no reference.

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
        states: Mapping[Any, State],
        *,
        is_planned: bool = False,
        reference: str | None = None,
    ) -> None:
        self.rows = rows
        self.is_planned = is_planned
        self.reference = reference
        self.schema: TableSchema = MappingProxyType(dict(schema))
        self.columns: Mapping[str, ColumnProfile] = MappingProxyType(dict(columns))
        #: The keys are counters; in the profile of a plan, the identities of counters.
        self._states: dict[Any, State] = dict(states)

    @classmethod
    def of(
        cls,
        table: object,
        counters: Iterable[Counter] | None = None,
        *,
        columns: Iterable[str] | None = None,
        n_jobs: int | None = None,
    ) -> "Profile":
        """Scan a table once and return its profile.

        Parameters
        ----------
        table : object
            Any table that `mlgates.tables.source.as_source` takes.
        counters : iterable of Counter, optional
            What to count. By default the `Distribution` of each of `columns` that has numbers,
            times, bools or strings. If a counter raises an exception, the other counters are not
            affected. The exception is raised when the result of this counter is read.
        columns : iterable of str, optional
            Columns of which a `ColumnProfile` is computed; by default all. Other columns are read
            only if a counter needs them.
        n_jobs : int, optional
            Number of threads. By default one for each processor if the table is large (100,000
            rows), else one. The result does not depend on it.

        Returns
        -------
        Profile

        Raises
        ------
        EvidenceError
            If `table` is not a table, or does not have all of `columns`.
        """
        source = as_source(table)
        columns = None if columns is None else list(columns)
        if counters is None:
            names = source.schema if columns is None else columns
            kinds = {name: source.schema[name].kind for name in names if name in source.schema}
            counters = [Distribution(name) for name, kind in kinds.items() if kind in _DISTRIBUTED]
        if kind_of(source.native) == "spark":
            from mlgates.profile.spark import profile_of

            return profile_of(source, counters, list(source.schema) if columns is None else columns)
        return _Scan(source, counters, columns).run(n_jobs)

    def of_table(self, schema: TableSchema) -> "Profile":
        """Return a copy with the schema of the whole table, which has more columns than were read.

        `schema` has all columns of the table.
        """
        whole = self.rows, schema, self.columns, self._states
        return Profile(*whole, is_planned=self.is_planned, reference=self.reference)

    def select(self, columns: Collection[str]) -> "Profile":
        """Return a copy with only some columns, and only the counters that read no other column."""
        return Profile(
            self.rows,
            {name: field for name, field in self.schema.items() if name in columns},
            {name: column for name, column in self.columns.items() if name in columns},
            {
                key: state
                for key, state in self._states.items()
                if not isinstance(key, Counter) or set(key.columns) <= set(columns)
            },
            is_planned=self.is_planned,
            reference=self.reference,
        )

    def planned(self, reference: str | None = None) -> "Profile":
        """Return a copy without everything that depends on the order of the rows.

        `Plan.count` returns such profiles, which can be merged in any order. `reference` is the
        fingerprint of the plan's reference; None if it has no reference.
        """
        if self.is_planned and reference in (None, self.reference):
            return self
        states = self._states
        if not self.is_planned:
            states = {key.identity: state.unordered() for key, state in states.items()}
        whole = self.rows, self.schema, self.columns, states
        return Profile(*whole, is_planned=True, reference=reference)

    def to_bytes(self) -> bytes:
        """Return the profile as bytes: a version, a SHA-256 and a stream in Arrow's IPC format.

        Row numbers are left out. The size does not depend on the number of rows, except for
        counters that keep values or keys, see :doc:`/howto/parts`.
        """
        profile = self.planned()
        fields = tuple(astuple(field) for field in self.schema.values())
        columns = tuple(column.to_parts() for column in self.columns.values())
        states = tuple((k, type(s).__name__, s.to_parts()) for k, s in profile._states.items())  # noqa: SLF001
        whole = self.rows, profile.reference, fields, columns, states
        return serialization.to_bytes("profile", whole)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Profile":
        """Create a profile from the bytes that `to_bytes` returned.

        Raises
        ------
        EvidenceError
            If the bytes are damaged, were written by another version, or are not a profile. The
            SHA-256 in them detects accidental changes. It does not protect against an attacker.

        Examples
        --------
        >>> profile = Profile.of({"age": [31, None, 44]})
        >>> Profile.from_bytes(profile.to_bytes()).columns["age"].max
        44
        """
        read = serialization.from_bytes("profile", data)
        for module in _MODULES:  # `state_classes` finds classes of imported modules only
            import_module(f"mlgates.profile.{module}")
        try:
            rows, reference, fields, columns, states = read
            schema = {field[0]: Field(*field) for field in fields}
            profiles = {column[0][0]: ColumnProfile.from_parts(*column) for column in columns}
            classes = state_classes()
            found = {key: state_of(name, parts, classes) for key, name, parts in states}
        except EvidenceError:
            raise
        except (pa.ArrowException, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise EvidenceError(
                f"the bytes are not a profile written by `to_bytes`: {error}"
            ) from error
        return cls(rows, schema, profiles, found, is_planned=True, reference=reference)

    def __getitem__(self, counter: Counter) -> Any:
        """Return the result of a counter.

        If the counter itself was not applied, this can be the result of a counter that contains the
        same counts, see `Counter.subsumed_by`.

        Raises
        ------
        KeyError
            If the profile has no result for the counter, and was not created by a `Plan`.
        Exception
            The exception that the counter raised when the table was read.
        """
        state = self._find(counter)
        if state is None:
            if self.is_planned:  # the plan was made for another suite or table
                where = ", ".join(f"`{name}`" for name in counter.columns) or "the rows"
                raise EvidenceError(
                    f"the profile has no counts of {where} for this gate: it was made for another "
                    "suite or table; make it with the `plan` of this suite, or pass the rows"
                )
            raise KeyError(counter)
        if isinstance(state, Failure):
            raise state.error
        return state

    def __contains__(self, counter: Counter) -> bool:
        """Return whether the profile has a result for the counter, see ``Profile.__getitem__``."""
        return self._find(counter) is not None

    def _find(self, counter: Counter) -> State | None:
        wanted: Counter | None = counter
        while wanted is not None:
            state = self._states.get(wanted.identity if self.is_planned else wanted)
            if state is not None:
                return state
            wanted = wanted.subsumed_by
        return None

    def merge(self, other: "Profile") -> "Profile":
        """Return the profile for the rows of `self` followed by the rows of `other`.

        Raises
        ------
        EvidenceError
            If the profiles have different columns, counters or references, or if the kinds of a
            column cannot be merged. A column without values can be merged with any kind, and
            integers with floats.
        """
        if type(other) is not Profile:
            raise EvidenceError(
                f"Profile.merge: `other` must be a Profile, got {type(other).__name__}"
            )
        if self.is_planned != other.is_planned:
            return self.planned(other.reference).merge(other.planned(self.reference))
        if self.reference != other.reference:
            raise EvidenceError(
                "profiles cannot be merged: their plans were made with different references"
            )
        states = other._states  # noqa: SLF001
        pairs: list[tuple[str, Mapping[Any, object], Mapping[Any, object]]] = [
            ("the column", self.schema, other.schema),
            ("counts of the column", self.columns, other.columns),
            ("results of", self._states, states),
        ]
        for noun, ours, theirs in pairs:
            unpaired = [key for key in {**ours, **theirs} if key not in ours or key not in theirs]
            if unpaired:
                listed = few(map(str, unpaired))
                many = "s" if len(unpaired) > 1 and noun.endswith("column") else ""
                raise EvidenceError(
                    f"profiles cannot be merged: only one of them has {noun}{many} {listed}"
                )
        merged = {
            counter: merge_states(state, states[counter], self.rows)
            for counter, state in self._states.items()
        }
        if self.is_planned:
            merged = {key: state.unordered() for key, state in merged.items()}
        return Profile(
            self.rows + other.rows,
            {name: merge_fields(field, other.schema[name]) for name, field in self.schema.items()},
            {name: column.merge(other.columns[name]) for name, column in self.columns.items()},
            merged,
            is_planned=self.is_planned,
            reference=self.reference,
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the number of rows and of the column profiles, as a hexadecimal string.

        It depends on the name, the kind, the numbers of nulls, NaNs and infinities, the smallest
        and the largest value, and the checksum of each column. It does not depend on the container,
        the order of the rows, or the widths of numbers. These changes are not detected: a value
        moves to another row of its column; a value inside a list or struct changes; two bytes of a
        string are swapped, and neither is among the last eight bytes of the string. A change of the
        last bit of a float is missed in 1 of 1,600 cases. An exchange of the signs of two floats is
        missed in 1 of 2**31 cases.
        """
        seen: list[object] = []
        for column in self.columns.values():
            # Times of any unit are converted to nanoseconds.
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
            and self.reference == other.reference
            and self._states == other._states
        )

    def __repr__(self) -> str:
        return (
            f"Profile({self.rows:,} rows, {len(self.columns)} of {len(self.schema)} columns, "
            f"{len(self._states)} counters)"
        )


class _Merger:
    """Merge the results of counting in all batches, in an order in which little is copied.

    The last two results are merged as soon as the last one covers as many batches as the one before
    it. For n batches, each row is then copied about log(n) times. If each new result were merged at
    once with that of all earlier batches, the latter would be copied for every batch.
    """

    def __init__(self) -> None:
        #: Number of batches, number of rows, and result for these rows.
        self._parts: list[tuple[int, int, State]] = []

    def add(self, state: State, rows: int) -> None:
        """Add the result for the next batch, which has `rows` rows."""
        self._parts.append((1, rows, state))
        # A sketch of one batch takes as much memory as a sketch of all batches, so merge it now.
        at_once = isinstance(state, QuantileSketch)
        while len(self._parts) > 1 and (at_once or self._parts[-1][0] >= self._parts[-2][0]):
            self._merge_last()

    def result(self) -> State:
        """Merge the remaining results, and return the result for all batches."""
        while len(self._parts) > 1:
            self._merge_last()
        return self._parts[0][2]

    def _merge_last(self) -> None:
        later, other_rows, other = self._parts.pop()
        batches, rows, state = self._parts.pop()
        merged = merge_states(state, other, rows)
        self._parts.append((batches + later, rows + other_rows, merged))

    @property
    def failure(self) -> "Failure | None":
        """The exception that merging raised, or None."""
        last = self._parts[-1][2]
        return last if isinstance(last, Failure) else None


class _Counted(NamedTuple):
    """The results of counters for one batch of rows.

    A counter says what to count. `states` has the result of each counter. If the counters read one
    column, `view` and `profile` are the column and its profile. If they read several columns, both
    are None.
    """

    view: ColumnView | None
    profile: ColumnProfile | None
    states: dict[Counter, State]


class _Scan:
    """Reads a table once, and applies all counters to each batch of rows.

    A counter is an object that says what to count. `columns` are the columns of which missing
    values, extremes and a checksum are computed; None for all. The columns of a batch are counted
    in parallel. The batches are counted one after another.
    """

    def __init__(
        self, source: Source, counters: Iterable[Counter], columns: Iterable[str] | None
    ) -> None:
        self.source, schema = source, source.schema
        wanted = set(schema if columns is None else columns)
        if absent := [name for name in wanted if name not in schema]:
            raise no_column(absent, schema)
        self.profiled = {name: None for name in schema if name in wanted}
        self.order = list(dict.fromkeys(counters))
        self.states: dict[Counter, State] = {}
        own: dict[str, list[Counter]] = {name: [] for name in self.profiled}
        self.joint: list[Counter] = []
        for counter in self.order:
            names = counter.columns
            if lacking := [name for name in names if name not in schema]:
                self.states[counter] = Failure(no_column(lacking, schema))
                continue
            for name in names:
                own.setdefault(name, [])
            (own[names[0]] if len(names) == 1 else self.joint).append(counter)
        # Start with string columns with many counters, because they take longest. Otherwise the
        # other threads would wait for them at the end.
        work = {name: len(own[name]) + 100 * (schema[name].kind == "string") for name in own}
        self.own = {name: own[name] for name in sorted(own, key=lambda name: -work[name])}

    def run(self, n_jobs: int | None) -> Profile:
        """Read the whole table with `n_jobs` threads, and return its profile."""
        source, states = self.source, self.states
        profiles: dict[str, ColumnProfile] = {}
        mergers: dict[Counter, _Merger] = {}
        # Read at least one column, so that rows can be counted.
        read = list(self.own) or [next(iter(source.schema))]
        batches = source.batches(read)
        if any(counter.needs_all_rows for counter in self.order):
            batches = iter([source.arrow(read)])
        floats = [name for name in self.own if source.schema[name].kind == "float"]
        threads = threads_for(n_jobs, is_large=source.rows is None or source.rows >= MANY_ROWS)
        pending: deque[tuple[pa.Table, Iterable[_Counted]]] = deque()
        total = rows = 0
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(threads)) if threads > 1 else None
            side_by_side: Callable[..., Iterable[Any]] = map if pool is None else pool.map
            for new in chain(batches, repeat(None)):
                if new is not None:
                    arrays = dict(zip(new.column_names, new.columns, strict=True))
                    sweeps = sweep_together({name: arrays[name] for name in floats})
                    count = partial(self._count_column, new, arrays, sweeps)
                    pending.append((new, side_by_side(count, self.own)))
                    # Keep at most one batch per thread in memory.
                    if len(pending) < threads:
                        continue
                elif not pending:
                    break
                batch, results = pending.popleft()
                columns = dict(zip(self.own, results, strict=True))
                joint = side_by_side(partial(self._count_joint, batch, columns), self.joint)
                for _, profile, counted in chain(columns.values(), joint):
                    if profile is not None:
                        name = profile.field.name
                        before = profiles.get(name)
                        profiles[name] = profile if before is None else before.merge(profile)
                    for counter, state in counted.items():
                        merger = mergers.setdefault(counter, _Merger())
                        merger.add(state, batch.num_rows)
                        if merger.failure is not None:
                            # With this entry, the counter is not applied to later batches.
                            states.setdefault(counter, merger.failure)
                rows = batch.num_rows
                total += rows
                del batch  # free its memory before the next one is read
            for counter, merger in mergers.items():
                if counter not in states:
                    states[counter] = merger.result()
            if rows != source.rows:
                finalized = side_by_side(_finalized, [states[counter] for counter in self.order])
                states.update(zip(self.order, finalized, strict=True))
        return Profile(
            total,
            source.schema,
            {name: profiles[name] for name in self.profiled},
            {counter: states[counter] for counter in self.order},
        )

    def _count_column(
        self,
        batch: pa.Table,
        arrays: Mapping[str, pa.ChunkedArray],
        sweeps: Mapping[str, Sweep],
        name: str,
    ) -> _Counted:
        view = ColumnView(arrays[name], self.source.schema[name], sweeps.get(name))
        states = self._count(batch, self.own[name], {name: view})
        # Compute the profile after the counters: if a counter encoded the strings, the checksum is
        # faster.
        profile = ColumnProfile.of(view) if name in self.profiled else None
        # Keep the column only if a counter of several columns needs it.
        return _Counted(view if self.joint else None, profile, states)

    def _count_joint(
        self, batch: pa.Table, columns: Mapping[str, _Counted], counter: Counter
    ) -> _Counted:
        views = {name: columns[name].view for name in counter.columns}
        return _Counted(None, None, self._count(batch, [counter], views))

    def _count(
        self, batch: pa.Table, counters: Iterable[Counter], columns: Mapping[str, Any]
    ) -> dict[Counter, State]:
        states, rows = {}, batch.num_rows
        native = batch if self.source.native is None else self.source.native
        view = BatchView(columns, native, rows)
        for counter in counters:
            # Skip a counter that failed in an earlier batch.
            if not isinstance(self.states.get(counter), Failure):
                with suppress_errors() as caught:  # `Profile.__getitem__` raises it
                    state = counter.count(view)
                    if rows == self.source.rows:
                        state.finalize()
                states[counter] = state if caught.error is None else Failure(caught.error)
        return states


def _finalized(state: State) -> State:
    """Call ``state.finalize()`` and return the state; if that raises, return a `Failure`."""
    with suppress_errors() as caught:  # `Profile.__getitem__` raises it
        state.finalize()
    return state if caught.error is None else Failure(caught.error)


def merge_states(state: State, other: State, shift: int) -> State:
    """Merge two results of one counter, and return an exception as a `Failure`.

    `state` is the result for the first `shift` rows, and `other` the result for the rows that
    follow. A `Failure` is returned if one of them is a `Failure`, or if their method `merge` raises
    an exception.
    """
    if isinstance(state, Failure) or isinstance(other, Failure):
        return state if isinstance(state, Failure) else other
    if type(state) is not type(other) and isinstance(state, Ecdf | Frequencies):
        # The distribution of a column without values can be merged with that of any kind.
        if state.n == 0:
            return other
        if isinstance(other, Ecdf | Frequencies) and other.n == 0:
            return state
    with suppress_errors() as caught:
        merged = state.merge(other, shift)
    return merged if caught.error is None else Failure(caught.error)


def sweep_together(columns: Mapping[str, pa.ChunkedArray]) -> dict[str, Sweep]:
    """Compute the extremes and checksums of many short columns of floats at once.

    The result has a `Sweep` for each column that was processed. It leaves out columns with nulls or
    NaN, with several chunks, or with many rows; `ColumnView` processes these columns one by one.

    Each call of a numpy function takes a microsecond or more even for little data, and threads that
    make many short calls wait for each other. The columns are therefore read as a matrix, one row
    for each column, so that one call processes all of them.

    Examples
    --------
    >>> columns = {"a": pa.chunked_array([[2.0, 1.5]]), "b": pa.chunked_array([[0.0, 0.0]])}
    >>> sweep = sweep_together(columns)["a"]
    >>> sweep.low, sweep.high
    (1.5, 2.0)
    """
    fitted = [
        name
        for name, array in columns.items()
        if 0 < len(array) <= _MATRIX // 2
        and array.num_chunks == 1
        and array.null_count == 0
        and not pa.types.is_dictionary(array.type)
    ]
    swept: dict[str, Sweep] = {}
    if len(fitted) < 2:  # for a single column, a matrix saves no time
        return swept
    width = _MATRIX // len(columns[fitted[0]])
    for start in range(0, len(fitted), width):
        swept |= _sweep_group(columns, fitted[start : start + width])
    return swept


def _sweep_group(columns: Mapping[str, pa.ChunkedArray], names: list[str]) -> dict[str, Sweep]:
    """Compute the extremes and checksums of the named columns of floats as one matrix."""
    swept = {}
    floats = encoding.rows_of_floats([columns[name].chunk(0) for name in names])
    # NaNs are detected below. Without this, operations on signalling NaNs would warn before.
    with np.errstate(invalid="ignore"):
        matrix = floats if isinstance(floats, np.ndarray) else np.stack(floats, dtype=np.float64)
        low, high = np.minimum.reduce(matrix, axis=1), np.maximum.reduce(matrix, axis=1)
        sums = float_sums(matrix).tolist()
        # Adding 0 turns -0.0 into 0.0.
        ends = zip((low + 0.0).tolist(), (high + 0.0).tolist(), strict=True)
    for name, column, (least, greatest), total in zip(names, floats, ends, sums, strict=True):
        if least == least:  # noqa: PLR0124  (no NaN)
            swept[name] = Sweep(column, least, greatest, 0, total)
    return swept


def threads_for(n_jobs: int | None, *, is_large: bool) -> int:
    """Return the number of threads to use.

    It is `n_jobs` if given. By default it is the number of processors for a large table, else 1.

    Examples
    --------
    >>> threads_for(3, is_large=False), threads_for(None, is_large=False)
    (3, 1)
    """
    if n_jobs is not None:
        return max(1, n_jobs)
    return (os.cpu_count() or 1) if is_large else 1


def each(do: Callable[[T], R], items: Iterable[T], threads: int) -> list[R]:
    """Call a function with each item, in threads; return the results in the order of the items.

    Examples
    --------
    >>> each(abs, [-2, 1], threads=2)
    [2, 1]
    """
    if threads == 1:
        return [do(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(do, items))
