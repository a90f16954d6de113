"""Violations: how many values of a column break a rule, and which rows are the first of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnView
from mlgates.profile.counter import State
from mlgates.tables.exact import same_values

__all__ = [
    "COMPARABLE",
    "SHOWN",
    "Violations",
    "are_bools",
    "first_true",
    "is_in",
    "matching",
    "need",
    "where",
]

#: Kinds whose values can be compared with others.
COMPARABLE = frozenset(
    {"int", "float", "decimal", "bool", "string", "binary", "null"}
    | {"date", "time", "timestamp", "duration"}
)
#: How many row numbers are kept.
SHOWN = 5
_BLOCK = 1 << 14
Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Violations(State):
    """Number of values that break a rule, and the first rows with one.

    `count` of `n` values break it, and `rows` are the row numbers, from 0, of the first five.
    `alike`, counted by `NotIn`, are texts that differ from an allowed one in case, blanks or
    Unicode form alone.

    Examples
    --------
    >>> Violations(1, 10, (3,)).merge(Violations(2, 10, (0, 9)), shift=10)
    Violations(count=3, n=20, rows=(3, 10, 19))
    """

    count: int
    n: int
    rows: tuple[int, ...] = ()
    alike: int = field(default=0, repr=False)

    def merge(self, other: "Violations", shift: int) -> "Violations":
        """Return the violations among the rows of both; `shift` rows are before `other`."""
        rows = self.rows + tuple(row + shift for row in other.rows)
        counts = (self.count + other.count, self.n + other.n, rows[:SHOWN])
        return Violations(*counts, alike=self.alike + other.alike)


def need(view: ColumnView, kinds: frozenset[str], what: str) -> ColumnView:
    """Return the view; EvidenceError when the column is of another kind, or was not readable."""
    found = view.field
    if found.kind == "unreadable":
        raise EvidenceError(found.problem or f"column {found.name!r} cannot be read")
    if found.kind not in kinds:
        msg = f"column {found.name!r} holds {found.kind} values ({found.type}): no use for {what}"
        raise EvidenceError(msg)
    return view


def first_true(mask: Mask) -> npt.NDArray[np.intp]:
    """Return the positions of the first five that are true, reading no further than needed."""
    positions: list[npt.NDArray[np.intp]] = []
    for start in range(0, len(mask), _BLOCK):
        positions.append(start + np.flatnonzero(mask[start : start + _BLOCK]))
        if sum(map(len, positions)) >= SHOWN:
            break
    return np.concatenate(positions)[:SHOWN] if positions else np.empty(0, np.intp)


def where(broken: Mask, view: ColumnView) -> Violations:
    """Return violations from a mask over all rows, or over the values that are not missing."""
    rows = first_true(broken)
    if len(broken) < view.rows and len(rows):
        rows = np.flatnonzero(~view.missing_mask())[rows]
    return Violations(int(np.count_nonzero(broken)), view.valid, tuple(rows.tolist()))


def matching(
    view: ColumnView, matches: Callable[[Any], Any], *, allowed: bool, by_row: bool = True
) -> Violations:
    """Return as violations the values that match, or those that don't where matches are allowed.

    `matches` takes plain Arrow values and returns a bool for each, null for null. Without `by_row`,
    and where the column is encoded, each different value is matched once.
    """
    if not by_row or view.is_encoded:
        counts = view.code_counts
        used = counts > 0
        hit = np.asarray(matches(view.encoded.dictionary.filter(pa.array(used))), np.bool_)
        # One place more, for the code -1 of missing rows.
        broken = np.zeros(len(counts) + 1, np.bool_)
        broken[:-1][used] = ~hit if allowed else hit
        return where(broken[view.codes], view) if broken.any() else Violations(0, view.valid)
    hits = matches(view.plain)
    number = int(pc.sum(hits).as_py() or 0)
    if number == (view.valid if allowed else 0):
        return Violations(0, view.valid)
    mask = np.asarray(hits.fill_null(False).to_numpy(), np.bool_)  # noqa: FBT003
    return where(~(mask | view.missing_mask()) if allowed else mask, view)


def is_in(array: Any, values: tuple[object, ...]) -> Any:
    """Return which values of an Arrow array are one of `values`, compared exactly."""
    return pc.is_in(array, value_set=same_values(values, array.type))


def are_bools(values: tuple[object, ...]) -> tuple[bool, ...]:
    """Return which values are bools: counters that differ in this alone would be equal otherwise.

    Examples
    --------
    >>> (1, 0) == (True, False), are_bools((1, False))
    (True, (False, True))
    """
    return tuple(isinstance(value, bool | np.bool_) for value in values)
