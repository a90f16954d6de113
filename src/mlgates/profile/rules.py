"""Count the rows that break a condition, in total and by group."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.profile.counter import BatchView, Counter, State, check_groups
from mlgates.profile.counters import first_true
from mlgates.profile.groups import (
    MOST_SLICES,
    Mask,
    RowCondition,
    Slice,
    by_key,
    columns_of,
    condition_answers,
    group_keys,
    pack_keys,
    unpack_keys,
)

__all__ = ["RuleCounter", "RuleCounts", "RuleGroup"]

#: Number of row numbers that a report shows.
_SHOWN = 5


class RuleGroup(NamedTuple):
    """The counts of one group of rows; an element of `RuleCounts`.

    `key` is the tuple of the values that all rows of the group have in the grouping columns. If the
    group is a slice (the rows for which another condition is true), it is a tuple with the name of
    the slice. `rows` is the number of rows of the group, `broken` the number of rows for which the
    condition is false, and `missing` the number of rows for which the condition has no answer
    because a value is missing. `first` has the row numbers of the first five rows that break the
    condition. With ``RuleCounter(..., shows_missing=True)``, rows without an answer are included
    among them.
    """

    key: tuple[object, ...]
    rows: int
    broken: int
    missing: int
    first: tuple[int, ...] = ()


@dataclass(frozen=True)
class RuleCounts(State):
    """Number of rows that break a condition, for each group of rows; the result of `RuleCounter`.

    The groups are in order of their first rows.

    Examples
    --------
    >>> one = RuleCounts((RuleGroup((), 10, 1, 0, (3,)),))
    >>> one.merge(RuleCounts((RuleGroup((), 5, 2, 1, (0, 4)),)), shift=10).groups
    (RuleGroup(key=(), rows=15, broken=3, missing=1, first=(3, 10, 14)),)
    """

    groups: tuple[RuleGroup, ...] = ()

    def merge(self, other: "RuleCounts", shift: int) -> "RuleCounts":
        """Return the counts for the rows of `self` followed by the rows of `other`.

        `shift` is the number of rows that `self` covers. It is added to the row numbers of `other`.
        """
        merged = {group.key: group for group in self.groups}
        for key, rows, broken, missing, first in other.groups:
            before = merged.get(key, RuleGroup(key, 0, 0, 0))
            places = (*before.first, *(row + shift for row in first))[:_SHOWN]
            counts = (before.rows + rows, before.broken + broken, before.missing + missing)
            merged[key] = RuleGroup(key, *counts, places)
        check_groups(len(merged), MOST_SLICES)
        return RuleCounts(tuple(merged.values()))

    def unordered(self) -> "RuleCounts":
        """Return a copy without row numbers, in which the groups are sorted by key."""
        return RuleCounts(tuple(group._replace(first=()) for group in by_key(self.groups)))

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        They are the keys of the groups, as one sequence of values for each grouping column, and the
        counts of each group.
        """
        return pack_keys([group.key for group in self.groups]), tuple(g[1:] for g in self.groups)

    @classmethod
    def from_parts(cls, *parts: Any) -> "RuleCounts":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        columns, counts = parts
        keys = unpack_keys(columns, len(counts))
        return cls(tuple(RuleGroup(k, *rest) for k, rest in zip(keys, counts, strict=True)))


@dataclass(frozen=True)
class RuleCounter(Counter):
    """Count the rows that break a condition: in the whole table, in groups, or in one slice.

    The rows of a group have the same values in the columns `by`. A `slice` is a pair of a name and
    a condition; it consists of the rows for which that condition is true. A condition can be a
    function. It gets each batch as a `pyarrow.Table` of the columns in `read`. It returns one bool
    per row, or null if it has no answer for the row. For each group, the row numbers of the first
    five rows that break the condition are kept. With `shows_missing`, rows without an answer are
    included among them.

    Examples
    --------
    >>> from mlgates.expressions.condition import Condition
    >>> from mlgates.profile.scan import Profile
    >>> rule = RuleCounter(Condition("start <= end"))
    >>> Profile.of({"start": [1, 5, None], "end": [2, 4, 9]}, [rule])[rule].groups
    (RuleGroup(key=(), rows=3, broken=1, missing=1, first=(1,)),)
    """

    condition: RowCondition
    by: tuple[str, ...] = ()
    slice: Slice | None = None
    read: tuple[str, ...] = ()
    #: Whether the row numbers that are kept include rows without an answer.
    shows_missing: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the condition, the groups and the slice use."""
        names = [*self.by, *columns_of(self.condition, self.read)]
        names += columns_of(self.slice[1], self.read) if self.slice else ()
        return tuple(dict.fromkeys(names or self.read))

    def count(self, batch: BatchView) -> RuleCounts:
        """Count the rows of one batch that break the condition."""
        broken, missing, numbers, keys = self._broken(batch)
        listed = broken | missing if self.shows_missing else broken
        sizes = [
            np.bincount(numbers[mask], minlength=len(keys)).tolist()
            for mask in (numbers >= 0, broken, missing)
        ]
        first: list[tuple[int, ...]] = [()] * len(keys)
        if len(keys) == 1:
            first = [tuple(first_true(listed).tolist())]
        else:
            places = np.flatnonzero(listed)
            of_group = numbers[places]
            # Keep the first five rows of each group, in order.
            order = np.argsort(of_group, kind="stable")
            starts = np.flatnonzero(np.diff(of_group[order], prepend=-1))
            for start in starts.tolist():
                group = of_group[order[start]]
                chosen = order[start : start + _SHOWN]
                first[group] = tuple(int(places[i]) for i in chosen if of_group[i] == group)
        groups = zip(keys, *sizes, first, strict=True)
        return RuleCounts(tuple(RuleGroup(*group) for group in groups))

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all rows that break the condition.

        With `shows_missing`, rows for which the condition has no answer are included.
        """
        broken, missing, *_ = self._broken(batch)
        return np.flatnonzero(broken | missing if self.shows_missing else broken)

    def _broken(
        self, batch: BatchView
    ) -> tuple[Mask, Mask, npt.NDArray[np.int64], list[tuple[object, ...]]]:
        """Return masks of the broken and of the missing rows, group numbers, and keys.

        `RuleGroup` says which rows are broken and missing. There is one group number per row, and
        one key per group.
        """
        holds, missing = condition_answers("the rule", self.condition, batch, self.read)
        broken = ~holds & ~missing
        if not self.by and self.slice is None:
            return broken, missing, np.zeros(batch.rows, np.int64), [()]
        numbers, keys = group_keys(batch, self.by, self.slice, self.read)
        inside = numbers >= 0
        return broken & inside, missing & inside, numbers, keys
