"""Counter of the rows that break a condition, in total and by group."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.expressions.condition import Condition
from mlgates.profile.counter import BatchView, Counter, State, check_groups
from mlgates.profile.counters import COMPARABLE, first_true, require_kind
from mlgates.profile.groups import MOST_SLICES, pack_keys, row_answers, unpack_keys

__all__ = ["RuleCounter", "RuleCounts", "RuleGroup", "Slice"]

#: Rows that are named in a report.
_SHOWN = 5

Mask = npt.NDArray[np.bool_]
#: The name of a slice, and its condition.
Slice = tuple[str, Condition | Callable[..., object]]


class RuleGroup(NamedTuple):
    """The counts of one group of rows.

    `key` are the values that the rows have in common. `rows` counts all rows, `broken` those for
    which the condition is false, and `missing` those for which it has no answer. `first` are the
    row numbers of the first broken rows.
    """

    key: tuple[object, ...]
    rows: int
    broken: int
    missing: int
    first: tuple[int, ...] = ()


@dataclass(frozen=True)
class RuleCounts(State):
    """How many rows break a condition in each group, in order of first appearance.

    Examples
    --------
    >>> one = RuleCounts((RuleGroup((), 10, 1, 0, (3,)),))
    >>> one.merge(RuleCounts((RuleGroup((), 5, 2, 1, (0, 4)),)), shift=10).groups
    (RuleGroup(key=(), rows=15, broken=3, missing=1, first=(3, 10, 14)),)
    """

    groups: tuple[RuleGroup, ...] = ()

    def merge(self, other: "RuleCounts", shift: int) -> "RuleCounts":
        """Return the counts of these rows followed by those of `other`.

        `shift` is the number of rows before those of `other`, and is added to their row numbers.
        """
        merged = {group.key: group for group in self.groups}
        for key, rows, broken, missing, first in other.groups:
            before = merged.get(key, RuleGroup(key, 0, 0, 0))
            places = (*before.first, *(row + shift for row in first))[:_SHOWN]
            counts = (before.rows + rows, before.broken + broken, before.missing + missing)
            merged[key] = RuleGroup(key, *counts, places)
        check_groups(len(merged), MOST_SLICES)
        return RuleCounts(tuple(merged.values()))

    def to_parts(self) -> tuple[Any, ...]:
        """Return the keys of the groups, one array per grouping column, and their counts."""
        return pack_keys([group.key for group in self.groups]), tuple(g[1:] for g in self.groups)

    @classmethod
    def from_parts(cls, *parts: Any) -> "RuleCounts":
        """Build the state from the values that `to_parts` returned."""
        columns, counts = parts
        keys = unpack_keys(columns, len(counts))
        return cls(tuple(RuleGroup(k, *rest) for k, rest in zip(keys, counts, strict=True)))


@dataclass(frozen=True)
class RuleCounter(Counter):
    """Count the rows that break a condition: in the whole table, in groups, or in one slice.

    `by` are columns whose values make the groups. A condition that is a callable gets each batch as
    a `pyarrow.Table` of the columns in `read`, and returns one bool per row, null for a missing
    answer.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> rule = RuleCounter(Condition("start <= end"))
    >>> Profile.of({"start": [1, 5, None], "end": [2, 4, 9]}, [rule])[rule].groups
    (RuleGroup(key=(), rows=3, broken=1, missing=1, first=(1,)),)
    """

    condition: Condition | Callable[..., object]
    by: tuple[str, ...] = ()
    slice: Slice | None = None
    read: tuple[str, ...] = ()
    #: whether rows with a missing answer are among the first broken ones
    shows_missing: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the condition, the groups and the slice use."""
        names = list(self.by)
        for condition in (self.condition, self.slice and self.slice[1]):
            if isinstance(condition, Condition):
                names += condition.columns
            elif condition is not None:
                names += self.read
        return tuple(dict.fromkeys(names or self.read))

    def count(self, batch: BatchView) -> RuleCounts:
        """Count the rows of one batch that break the condition."""
        broken, missing, rows = self._broken(batch)
        listed = broken | missing if self.shows_missing else broken
        if self.by:
            return _by_values(batch, self.by, broken, missing, listed)
        key = () if self.slice is None else (self.slice[0],)
        counts = int(np.count_nonzero(broken)), int(np.count_nonzero(missing))
        first = tuple(int(row) for row in first_true(listed))
        return RuleCounts((RuleGroup(key, rows, *counts, first),))

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all broken rows, with `shows_missing` also of missing answers."""
        broken, missing, _ = self._broken(batch)
        return np.flatnonzero(broken | missing if self.shows_missing else broken)

    def _broken(self, batch: BatchView) -> tuple[Mask, Mask, int]:
        """Return where the condition is false and where it is missing, and the number of rows."""
        holds, missing = self._answers("the rule", self.condition, batch)
        broken = ~holds & ~missing
        if self.slice is None:
            return broken, missing, batch.rows
        name, condition = self.slice
        inside, _ = self._answers(f"the condition of slice {name!r}", condition, batch)
        return broken & inside, missing & inside, int(np.count_nonzero(inside))

    def _answers(
        self, subject: str, condition: Condition | Callable[..., object], batch: BatchView
    ) -> tuple[Mask, Mask]:
        """Return in which rows a condition is true, and in which its answer is missing.

        `subject` names the condition in errors.
        """
        if isinstance(condition, Condition):
            columns = {}
            for name in condition.columns:
                view = batch[name]
                if view.field.kind == "unreadable":
                    raise EvidenceError(view.field.problem or f"column {name!r} can't be read")
                columns[name] = view.plain
            answer = condition.evaluate(columns, batch.rows)
        else:
            names = self.read or tuple(batch.columns)
            table = pa.table([batch[name].plain for name in names], names=list(names))
            answer = row_answers(subject, condition, table, batch.rows)
        missing = np.asarray(answer.is_null())
        return np.asarray(answer.fill_null(False)), missing  # noqa: FBT003


def _by_values(
    batch: BatchView, by: tuple[str, ...], broken: Mask, missing: Mask, listed: Mask
) -> RuleCounts:
    """Count the broken rows for each combination of values in the columns `by`.

    Row numbers of the first `listed` rows are kept.
    """
    for name in by:
        require_kind(batch[name], COMPARABLE, "grouped by value")
    numbers, starts = batch.groups(by, MOST_SLICES)
    keys = []
    for name in by:
        codes = batch[name].codes[starts]
        keys.append(
            batch[name].encoded.dictionary.take(pa.array(codes, mask=codes < 0)).to_pylist()
        )
    size = len(starts)
    rows = np.bincount(numbers, minlength=size).tolist()
    counted = [np.bincount(numbers[m], minlength=size).tolist() for m in (broken, missing)]
    first: list[list[int]] = [[] for _ in range(size)]
    places = np.flatnonzero(listed)
    of_group = numbers[places]
    # in order of the rows, the first five of each group
    order = np.argsort(of_group, kind="stable")
    ends = np.flatnonzero(np.diff(of_group[order], prepend=-1))
    for start in ends.tolist():
        group = of_group[order[start]]
        chosen = order[start : start + _SHOWN]
        first[group] = [int(places[i]) for i in chosen if of_group[i] == group]
    key_rows = zip(*keys, strict=True)
    groups = zip(key_rows, rows, *counted, map(tuple, first), strict=True)
    return RuleCounts(tuple(RuleGroup(*group) for group in groups))
