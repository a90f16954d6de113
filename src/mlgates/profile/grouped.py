"""Counters that apply other counters to each group of rows, or to one slice of the table."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.arrow_arrays import from_numpy
from mlgates.errors import suppress_errors
from mlgates.profile.column import ColumnProfile, ColumnView
from mlgates.profile.counter import BatchView, Counter, State, check_groups, state_of
from mlgates.profile.groups import (
    MOST_SLICES,
    Slice,
    by_key,
    columns_of,
    group_keys,
    pack_keys,
    unpack_keys,
)
from mlgates.profile.scan import Failure, Profile, merge_states
from mlgates.tables.field import TableSchema

__all__ = ["GroupState", "Grouped", "GroupedStates", "Several", "SeveralStates"]


class GroupState(NamedTuple):
    """The result of counting in one group of rows; an element of `GroupedStates`.

    `key` is the tuple of the values that all rows of the group have in the grouping columns. If the
    group is a slice (the rows for which a condition is true), it is a tuple with the name of the
    slice. `rows` is the number of rows of the group, and `state` is the result of the counter (the
    object that says what to count) for them.
    """

    key: tuple[object, ...]
    rows: int
    state: Any


@dataclass(frozen=True)
class GroupedStates(State):
    """The results of `Grouped`, one for each group of rows.

    The groups are in order of their first rows. In the result of a group, row numbers count only
    the rows of this group, from 0.
    """

    groups: tuple[GroupState, ...] = ()

    def merge(self, other: "GroupedStates", shift: int = 0) -> "GroupedStates":  # noqa: ARG002
        """Return the results for the rows of `self` followed by the rows of `other`.

        The results of groups with equal keys (values of the grouping columns) are merged. `shift`
        is not used, because each group has row numbers of its own.
        """
        merged = {group.key: group for group in self.groups}
        for group in other.groups:
            before = merged.get(group.key)
            if before is not None:
                state = before.state.merge(group.state, before.rows)
                group = GroupState(group.key, before.rows + group.rows, state)  # noqa: PLW2901
            merged[group.key] = group
        check_groups(len(merged), MOST_SLICES)
        return GroupedStates(tuple(merged.values()))

    def finalize(self) -> None:
        """Call `finalize` of the result of each group, which computes what is not yet computed."""
        for group in self.groups:
            group.state.finalize()

    def unordered(self) -> "GroupedStates":
        """Return a copy without row numbers, in which the groups are sorted by key."""
        groups = by_key(self.groups)
        return GroupedStates(tuple(g._replace(state=g.state.unordered()) for g in groups))

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        They are the keys of the groups, the class name of their results, and for each group a pair
        of its number of rows and the values from `to_parts` of its result.
        """
        keys = pack_keys([group.key for group in self.groups])
        name = type(self.groups[0].state).__name__ if self.groups else ""
        states = tuple((group.rows, group.state.to_parts()) for group in self.groups)
        return keys, name, states

    @classmethod
    def from_parts(cls, *parts: Any) -> "GroupedStates":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        columns, name, states = parts
        keys = unpack_keys(columns, len(states))
        pairs = zip(keys, states, strict=True)
        return cls(tuple(GroupState(key, rows, state_of(name, p)) for key, (rows, p) in pairs))


@dataclass(frozen=True)
class SeveralStates(State):
    """The result of `Several`: profiles of columns, and results of several counters.

    All of them are for the same rows. `rows` is the number of these rows. `columns` has the
    profiles (missing values, extremes, checksum), and `states` the result of each counter, in
    order.
    """

    rows: int
    columns: tuple[ColumnProfile, ...]
    states: tuple[State, ...]

    def merge(self, other: "SeveralStates", shift: int) -> "SeveralStates":
        """Return the results for the rows of `self` followed by the rows of `other`.

        `shift` is the number of rows that `self` covers. It is added to the row numbers of `other`.
        """
        columns = (a.merge(b) for a, b in zip(self.columns, other.columns, strict=True))
        pairs = zip(self.states, other.states, strict=True)
        states = (merge_states(a, b, shift) for a, b in pairs)
        return SeveralStates(self.rows + other.rows, tuple(columns), tuple(states))

    def finalize(self) -> None:
        """Call `finalize` of the result of each counter, after the last batch of rows."""
        for state in self.states:
            state.finalize()

    def unordered(self) -> "SeveralStates":
        """Return a copy without row numbers and all else that depends on the order of the rows."""
        return replace(self, states=tuple(state.unordered() for state in self.states))

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        They are the number of rows, and the result of `to_parts` of each profile and of each
        counter's state.
        """
        columns = tuple(column.to_parts() for column in self.columns)
        states = tuple((type(state).__name__, state.to_parts()) for state in self.states)
        return self.rows, columns, states

    @classmethod
    def from_parts(cls, *parts: Any) -> "SeveralStates":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        rows, columns, states = parts
        profiles = tuple(ColumnProfile.from_parts(*column) for column in columns)
        return cls(rows, profiles, tuple(state_of(name, p) for name, p in states))


@dataclass(frozen=True)
class Several(Counter):
    """A counter that applies several counters to the same rows, and profiles some columns.

    A counter is an object that says what to count in a table, such as `Missing`. `profiled` has the
    names of the columns of which missing values, extremes and a checksum are computed. If this
    counter is used inside `Grouped`, each group of rows gets all these results.

    Examples
    --------
    >>> from mlgates.profile.counters import Missing
    >>> both = Several(("x",), (Missing("x"), Missing("y")))
    >>> state = Profile.of({"x": [1, None], "y": [2, 3]}, [both])[both]
    >>> state.rows, state.columns[0].max, [each.count for each in state.states]
    (2, 1, [1, 0])
    """

    profiled: tuple[str, ...]
    counters: tuple[Counter, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the profiled columns, and of the columns that the counters read."""
        names = (name for counter in self.counters for name in counter.columns)
        return tuple(dict.fromkeys((*self.profiled, *names)))

    def count(self, batch: BatchView) -> SeveralStates:
        """Apply the counters to one batch of rows.

        If a counter raises an exception, a `Failure` with this exception takes the place of its
        result.
        """
        states: list[State] = []
        for counter in self.counters:
            with suppress_errors() as caught:  # `Profile` raises it later
                states.append(counter.count(batch))
            if caught.error is not None:
                states.append(Failure(caught.error))
        columns = tuple(ColumnProfile.of(batch[name]) for name in self.profiled)
        return SeveralStates(batch.rows, columns, tuple(states))

    def profile(self, state: SeveralStates, schema: TableSchema) -> Profile:
        """Return `state`, a result of this counter, as a `Profile`.

        `schema` has all columns of the table.
        """
        columns = dict(zip(self.profiled, state.columns, strict=True))
        return Profile(
            state.rows, schema, columns, dict(zip(self.counters, state.states, strict=True))
        )


@dataclass(frozen=True)
class Grouped(Counter):
    """A counter that applies another counter to each group of rows, or to one slice.

    A counter is an object that says what to count in a table, such as `Missing`. The rows of a
    group have the same values in the columns `by`. A `slice` is a pair of a name and a condition;
    it consists of the rows for which the condition is true. If the condition is a function, it gets
    each batch as a `pyarrow.Table` of the columns in `read`. `counter` is applied to each group
    that is not in `special`. `special` has pairs of the key of a group and the counter for this
    group; the key is the tuple of the group's values in the columns `by`.

    Examples
    --------
    >>> from mlgates.profile.counters import Missing
    >>> missing = Grouped(Missing("x"), by=("shop",))
    >>> groups = Profile.of({"x": [1, None], "shop": ["a", "b"]}, [missing])[missing].groups
    >>> [(group.key, group.state.count) for group in groups]
    [(('a',), 0), (('b',), 1)]
    """

    counter: Counter
    by: tuple[str, ...] = ()
    slice: Slice | None = None
    read: tuple[str, ...] = ()
    special: tuple[tuple[tuple[object, ...], Counter], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the counters, the groups and the slice use."""
        of_slice = columns_of(self.slice[1], self.read) if self.slice else ()
        return tuple(dict.fromkeys((*self._counted, *self.by, *of_slice)))

    @property
    def _counted(self) -> tuple[str, ...]:
        """Names of the columns that the counters read."""
        every = (self.counter, *(counter for _, counter in self.special))
        return tuple(dict.fromkeys(name for counter in every for name in counter.columns))

    def count(self, batch: BatchView) -> GroupedStates:
        """Apply the counter to each group of rows in one batch, and return all results."""
        numbers, keys = group_keys(batch, self.by, self.slice, self.read)
        # numpy sorts integers of 16 bits in linear time.
        order = np.argsort(numbers.astype(np.int16), kind="stable")
        sizes = np.bincount(numbers + 1, minlength=len(keys) + 1)
        ends = np.cumsum(sizes).tolist()
        rows = from_numpy(order)
        ordered = {}
        for name in self._counted:
            array = batch[name].plain
            # `take` is slow for arrays of many chunks.
            joined = array.combine_chunks() if array.num_chunks > 1 else array
            ordered[name] = joined.take(rows)
        groups, special = [], dict(self.special)
        for key, start, end in zip(keys, ends[:-1], ends[1:], strict=True):
            counter = special.get(key, self.counter)
            views = {
                name: ColumnView(ordered[name].slice(start, end - start), batch[name].field)
                for name in counter.columns
            }
            state = counter.count(BatchView(views, rows=end - start))
            groups.append(GroupState(key, end - start, state))
        return GroupedStates(tuple(groups))

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all rows of a batch that violate the counter's rule.

        If there is a slice, only its rows are tested. The positions are in ascending order.
        """
        numbers, _ = group_keys(batch, self.by, self.slice, self.read)
        rows = self.counter.violating(batch)
        return rows[numbers[rows] >= 0]
