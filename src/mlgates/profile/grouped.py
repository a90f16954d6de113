"""A counter that applies any other counter to each group of rows, or to one slice."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.profile.column import ColumnView
from mlgates.profile.counter import BatchView, Counter, State, check_groups
from mlgates.profile.groups import (
    MOST_SLICES,
    Slice,
    columns_of,
    group_keys,
    pack_keys,
    unpack_keys,
)

__all__ = ["GroupState", "Grouped", "GroupedStates"]


class GroupState(NamedTuple):
    """The result of counting in one group of rows.

    `key` are the values that the rows have in common, or the name of the slice. `rows` is their
    number, and `state` is the state of the counter.
    """

    key: tuple[object, ...]
    rows: int
    state: Any


@dataclass(frozen=True)
class GroupedStates(State):
    """The states of a counter for each group of rows, in order of the groups' first rows.

    Row numbers in the state of a group are positions among the rows of that group, from 0.
    """

    groups: tuple[GroupState, ...] = ()

    def merge(self, other: "GroupedStates", shift: int = 0) -> "GroupedStates":  # noqa: ARG002
        """Return the states of all groups of both; those of groups with equal keys are merged.

        The rows of `other` follow the rows of this state; `shift` is not used.
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
        """Call ``finalize()`` of the state of each group."""
        for group in self.groups:
            group.state.finalize()

    def to_parts(self) -> tuple[Any, ...]:
        """Return the keys of the groups, the name of the class of their states, and the states.

        Each state is a pair: the number of rows of the group, and the parts of its state.
        """
        keys = pack_keys([group.key for group in self.groups])
        name = type(self.groups[0].state).__name__ if self.groups else ""
        states = tuple((group.rows, group.state.to_parts()) for group in self.groups)
        return keys, name, states

    @classmethod
    def from_parts(cls, *parts: Any) -> "GroupedStates":
        """Build the states from the values that `to_parts` returned."""
        columns, name, states = parts
        of = {each.__name__: each for each in _subclasses(State)}
        keys = unpack_keys(columns, len(states))
        pairs = zip(keys, states, strict=True)
        groups = (GroupState(key, rows, of[name].from_parts(*p)) for key, (rows, p) in pairs)
        return cls(tuple(groups))


def _subclasses(of: type[State]) -> list[type[State]]:
    return [each for sub in of.__subclasses__() for each in (sub, *_subclasses(sub))]


@dataclass(frozen=True)
class Grouped(Counter):
    """Apply a counter to each group of rows, or to one slice.

    The rows of a group have the same values in the columns `by`. With a `slice`, a pair of a name
    and a condition, the counter is applied only to the rows for which the condition is true. A
    condition that is a function gets each batch as a `pyarrow.Table` of the columns in `read`.

    Examples
    --------
    >>> from mlgates.profile.counters import Missing
    >>> from mlgates.profile.scan import Profile
    >>> missing = Grouped(Missing("x"), by=("shop",))
    >>> groups = Profile.of({"x": [1, None], "shop": ["a", "b"]}, [missing])[missing].groups
    >>> [(group.key, group.state.count) for group in groups]
    [(('a',), 0), (('b',), 1)]
    """

    counter: Counter
    by: tuple[str, ...] = ()
    slice: Slice | None = None
    read: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the counter, the groups and the slice use."""
        of_slice = columns_of(self.slice[1], self.read) if self.slice else ()
        return tuple(dict.fromkeys((*self.counter.columns, *self.by, *of_slice)))

    def count(self, batch: BatchView) -> GroupedStates:
        """Apply the counter to each group in one batch of rows."""
        numbers, keys = group_keys(batch, self.by, self.slice, self.read)
        # short integers are sorted in linear time
        order = np.argsort(numbers.astype(np.int16), kind="stable")
        sizes = np.bincount(numbers + 1, minlength=len(keys) + 1)
        ends = np.cumsum(sizes).tolist()
        rows = pa.array(order)
        ordered = {}
        for name in self.counter.columns:
            array = batch[name].plain
            # taking from many chunks is slow
            joined = array.combine_chunks() if array.num_chunks > 1 else array
            ordered[name] = joined.take(rows)
        groups = []
        for key, start, end in zip(keys, ends[:-1], ends[1:], strict=True):
            views = {
                name: ColumnView(array.slice(start, end - start), batch[name].field)
                for name, array in ordered.items()
            }
            state = self.counter.count(BatchView(views, rows=end - start))
            groups.append(GroupState(key, end - start, state))
        return GroupedStates(tuple(groups))

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all rows that are in a group and violate the counter's rule."""
        numbers, _ = group_keys(batch, self.by, self.slice, self.read)
        rows = self.counter.violating(batch)
        return rows[numbers[rows] >= 0]
