"""What is counted and how it adds up: the forms that all counters share."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnView
from mlgates.tables.exact import same_values

__all__ = [
    "SHOWN",
    "Counter",
    "OfColumn",
    "OfValues",
    "State",
    "Views",
    "Violations",
    "alike",
    "among_values",
    "first_true",
    "judge",
    "members",
    "missing_or_in",
    "need",
    "readable",
    "where",
    "which_are_bools",
]

#: How many row numbers are kept.
SHOWN = 5
_BLOCK = 1 << 14
Views = Mapping[str, ColumnView]
Column: TypeAlias = "pa.Array | pa.ChunkedArray"
Hits: TypeAlias = Callable[[Column], Column]


class State(Protocol):
    """What was counted in some rows; it adds up over consecutive rows."""

    def merge(self, other: Any, shift: int) -> Self:
        """State of these rows and, after them, those of `other`; `shift` is how many these are."""


@runtime_checkable
class Counter(Protocol):
    """What is to be counted: a frozen, hashable value."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are read."""

    def count(self, views: Views, native: object) -> State:
        """State of one batch: its columns, and what a user's callable is given of it."""


@dataclass(frozen=True)
class Violations:
    """How many of the values offend, and where the first of them are.

    Parameters
    ----------
    count : int
        Number of offending values.
    n : int
        Number of values that were judged.
    rows : tuple of int
        Row numbers, from 0, of the first five offenders.
    alike : int
        How many offenders are a text that differs from an allowed one in case, blanks or Unicode
        form alone; counted by `NotIn`.

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
        """Violations among the rows of both; `shift` is the number of rows before `other`."""
        rows = self.rows + tuple(row + shift for row in other.rows)
        counts = (self.count + other.count, self.n + other.n, rows[:SHOWN])
        return Violations(*counts, alike=self.alike + other.alike)


@dataclass(frozen=True)
class OfColumn:
    """A counter of one column."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that is read."""
        return (self.column,)


@dataclass(frozen=True)
class OfValues(OfColumn):
    """A counter of one column that compares with values."""

    values: tuple[object, ...]
    bools: tuple[bool, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "bools", which_are_bools(self.values))


def which_are_bools(values: Iterable[object]) -> tuple[bool, ...]:
    """Which values are bools: two counters that differ in this alone would be equal without.

    Examples
    --------
    >>> (1, 0) == (True, False), which_are_bools((1, False))
    (True, (False, True))
    """
    return tuple(isinstance(value, bool | np.bool_) for value in values)


def need(view: ColumnView, kinds: frozenset[str], what: str) -> None:
    """Refuse a column of another kind, saying why."""
    field = view.field
    if field.kind == "unreadable":
        raise EvidenceError(field.problem or f"column {field.name!r} cannot be read")
    if field.kind not in kinds:
        msg = f"column {field.name!r} holds {field.kind} values ({field.type}): no use for {what}"
        raise EvidenceError(msg)


def readable(view: ColumnView) -> ColumnView:
    """The view; refuses a column whose cells could not be read."""
    if view.field.kind == "unreadable":
        need(view, frozenset(), "any values")
    return view


def where(offending: npt.NDArray[np.bool_], view: ColumnView) -> Violations:
    """Violations from a mask over all rows."""
    count = int(np.count_nonzero(offending))
    return Violations(count, view.valid, tuple(first_true(offending).tolist()))


def among_values(offending: npt.NDArray[np.bool_], view: ColumnView) -> Violations:
    """Violations from a mask over the values that are not missing."""
    first = first_true(offending)
    rows = view.valid_rows[first] if len(first) and view.missing else first
    return Violations(int(np.count_nonzero(offending)), view.valid, tuple(rows.tolist()))


def first_true(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Positions of the first five that are true; what comes behind them is not looked at."""
    found: list[npt.NDArray[np.intp]] = []
    for start in range(0, len(mask), _BLOCK):
        found.append(start + np.flatnonzero(mask[start : start + _BLOCK]))
        if sum(map(len, found)) >= SHOWN:
            break
    return np.concatenate(found)[:SHOWN] if found else np.empty(0, np.intp)


def members(view: ColumnView, values: tuple[object, ...], *, offend: bool) -> Violations:
    """Values that are (`offend`) or are not one of `values`."""
    if view.valid == 0:
        return Violations(0, 0)
    return judge(view, partial(_is_in, values), offend=offend, by_row=True)


def alike(view: ColumnView, values: tuple[object, ...]) -> int:
    """How many texts are none of `values`, but one of them but for case, blanks or Unicode form."""
    allowed = {_folded(value) for value in values if isinstance(value, str)}
    counts = view.code_counts.tolist()
    found = zip(view.encoded.dictionary.to_pylist(), counts, strict=True)
    return sum(count for text, count in found if text not in values and _folded(text) in allowed)


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def missing_or_in(view: ColumnView, values: tuple[object, ...]) -> npt.NDArray[np.bool_]:
    """Which rows are missing, or hold one of `values`; only what can be read holds any."""
    mask = view.missing_mask()
    if not values or view.field.kind in {"nested", "null", "unreadable"}:
        return mask
    return mask | np.asarray(_is_in(values, view.plain).to_numpy(), np.bool_)


def _is_in(values: tuple[object, ...], array: Column) -> Column:
    return pc.is_in(array, value_set=same_values(values, array.type))


def judge(view: ColumnView, hits: Hits, *, offend: bool, by_row: bool) -> Violations:
    """Values for which `hits` is true (`offend`) or false: once a value where they are encoded."""
    if view.is_encoded or not by_row:
        return _judge_codes(view, hits, offend=offend)
    hit = hits(view.plain)
    number = int(pc.sum(hit).as_py() or 0)
    count = number if offend else view.valid - number
    if count == 0:
        return Violations(0, view.valid)
    mask = np.asarray(hit.fill_null(False).to_numpy(), np.bool_)  # noqa: FBT003
    return where(mask if offend else ~(mask | view.missing_mask()), view)


def _judge_codes(view: ColumnView, hits: Hits, *, offend: bool) -> Violations:
    counts = view.code_counts
    used = counts > 0
    hit = np.asarray(hits(view.encoded.dictionary.filter(pa.array(used))), np.bool_)
    # One place more, for the code -1 of missing rows.
    offending = np.zeros(len(counts) + 1, np.bool_)
    offending[:-1][used] = hit if offend else ~hit
    if not offending.any():
        return Violations(0, view.valid)
    return where(offending[view.codes], view)
