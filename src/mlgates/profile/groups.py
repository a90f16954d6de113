"""Missing cells group by group: groups of equal values, and slices that a condition picks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnView
from mlgates.profile.violations import Views, missing_or_in, need, readable, which_are_bools
from mlgates.tables.containers import is_instance_of
from mlgates.tables.objects import nests_too_deep

__all__ = ["GroupMissing", "MissingBy", "MissingWhere", "rows_where"]

#: Key of a group, its rows, and its missing cells in each of the columns.
Group = tuple[tuple[object, ...], int, tuple[int, ...]]


@dataclass(frozen=True)
class GroupMissing:
    """Rows and missing cells of each group.

    Parameters
    ----------
    groups : tuple
        One ``(key, rows, missing)`` a group, in order of first appearance: the key is a tuple with
        the group's value in each grouping column (None for missing), or with the slice's name;
        `missing` has one count a column.

    Examples
    --------
    >>> a = GroupMissing(((("DE",), 2, (1,)),))
    >>> a.merge(GroupMissing(((("FR",), 1, (0,)), (("DE",), 3, (1,)))), shift=2).groups
    ((('DE',), 5, (2,)), (('FR',), 1, (0,)))
    """

    groups: tuple[Group, ...] = ()

    def merge(self, other: "GroupMissing", shift: int = 0) -> "GroupMissing":
        """Groups of the rows of both; `shift` (the rows before `other`) plays no part."""
        del shift
        merged = {key: (rows, missing) for key, rows, missing in self.groups}
        for key, rows, missing in other.groups:
            before, counts = merged.get(key, (0, (0,) * len(missing)))
            added = tuple(a + b for a, b in zip(counts, missing, strict=True))
            merged[key] = (before + rows, added)
        return GroupMissing(tuple((key, *counts) for key, counts in merged.items()))


@dataclass(frozen=True, init=False)
class MissingBy:
    """Missing cells of some columns for each combination of values in the columns `by`.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns whose missing cells are counted.
    by : tuple of str
        Names of the columns that make the groups.
    values : tuple, optional
        Values that stand for missing and are counted with it, as `In` finds them.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> missing = MissingBy(("age",), by=("city",))
    >>> table = {"age": [31, None, None], "city": ["Bonn", "Bonn", None]}
    >>> Profile.of(table, [missing])[missing].groups
    ((('Bonn',), 2, (1,)), ((None,), 1, (1,)))
    """

    counted: tuple[str, ...]
    by: tuple[str, ...]
    values: tuple[object, ...]
    bools: tuple[bool, ...]

    def __init__(
        self, columns: Iterable[str], by: Iterable[str], values: Iterable[object] = ()
    ) -> None:
        object.__setattr__(self, "counted", tuple(columns))
        object.__setattr__(self, "by", tuple(by))
        object.__setattr__(self, "values", tuple(values))
        object.__setattr__(self, "bools", which_are_bools(self.values))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that are read: those counted and those that make the groups."""
        return tuple(dict.fromkeys((*self.counted, *self.by)))

    def count(self, views: Views, native: object) -> GroupMissing:
        """Groups of one batch."""
        del native
        by = [_groupable(views[name]) for name in self.by]
        rows = by[0].rows
        if rows == 0:
            return GroupMissing()
        groups, first = _combined(by)
        sizes = np.bincount(groups, minlength=len(first)).tolist()
        masks = (missing_or_in(views[name], self.values) for name in self.counted)
        missing = [np.bincount(groups[mask], minlength=len(first)).tolist() for mask in masks]
        labels = [_labels(view, first) for view in by]
        counts = zip(*missing, strict=True) if missing else [()] * len(first)
        keys = zip(*labels, strict=True)
        return GroupMissing(tuple(zip(keys, sizes, counts, strict=True)))


@dataclass(frozen=True)
class MissingWhere:
    """Missing cells of some columns in each slice of the rows.

    Parameters
    ----------
    counted : tuple of str
        Names of the columns whose missing cells are counted.
    slices : tuple of (str, callable)
        Name and condition of each slice. A condition is given the user's table and returns one
        bool a row: numpy, pandas, Arrow, polars, or a list. Null is not in the slice.
    values : tuple, optional
        Values that stand for missing and are counted with it, as `In` finds them.
    beside : tuple of str, optional
        Names of the columns that the conditions look at: of a streamed table they are given
        nothing but what is read.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> def minors(table):
    ...     return [age is not None and age < 18 for age in table["age"]]
    >>> missing = MissingWhere(("income",), (("minors", minors),))
    >>> Profile.of({"age": [12, 40, None], "income": [None, 1.0, None]}, [missing])[missing]
    GroupMissing(groups=((('minors',), 1, (1,)),))
    """

    counted: tuple[str, ...]
    slices: tuple[tuple[str, Callable[..., object]], ...]
    values: tuple[object, ...] = ()
    beside: tuple[str, ...] = ()
    bools: tuple[bool, ...] = field(init=False, repr=False, default=())
    #: A condition may look at all rows, so it is never asked about a part of them.
    whole: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "bools", which_are_bools(self.values))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that are read."""
        return tuple(dict.fromkeys((*self.counted, *self.beside)))

    def count(self, views: Views, native: object) -> GroupMissing:
        """Slices of one batch."""
        rows = next((view.rows for view in views.values()), None)
        masks = [missing_or_in(views[name], self.values) for name in self.counted]
        groups: list[Group] = []
        for name, condition in self.slices:
            inside = rows_where(name, condition, native, rows)
            missing = tuple(int(np.count_nonzero(inside & mask)) for mask in masks)
            groups.append(((name,), int(np.count_nonzero(inside)), missing))
        return GroupMissing(tuple(groups))


def _groupable(view: ColumnView) -> ColumnView:
    if readable(view).field.kind == "nested":
        need(view, frozenset(), "groups")
    return view


def _combined(by: list[ColumnView]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number of each row's group, and each group's first row; numbered by first appearance."""
    codes = np.zeros(by[0].rows, np.int64)
    size = 1
    for view in by:
        width = len(view.encoded.dictionary) + 1
        codes, size = codes * width + (view.codes + 1), size * width
        if size > len(codes):
            # Numbers stay below the number of rows, so that no product overflows.
            codes, size = _numbered(codes)
    return _by_appearance(codes, size)


def _numbered(codes: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
    distinct, numbers = np.unique(codes, return_inverse=True)
    return numbers.astype(np.int64, copy=False).reshape(-1), len(distinct)


def _by_appearance(
    codes: npt.NDArray[np.int64], size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    last = len(codes)
    first = np.full(size, last, np.int64)
    # Written from the back, the first row of a group is what stays.
    first[codes[::-1]] = np.arange(last - 1, -1, -1)
    order = np.argsort(first, kind="stable")
    order = order[: np.count_nonzero(first < last)]
    number = np.zeros(size, np.int64)
    number[order] = np.arange(len(order))
    return number[codes], first[order]


def _labels(view: ColumnView, rows: npt.NDArray[np.int64]) -> list[object]:
    """The grouping column's value in these rows; None where it is missing."""
    codes = view.codes[rows]
    values = view.encoded.dictionary.take(pa.array(codes, mask=codes < 0))
    labels: list[object] = values.to_pylist()
    return labels


def rows_where(
    name: str, condition: Callable[..., object], native: object, rows: int | None
) -> npt.NDArray[np.bool_]:
    """Rows of a slice: where its condition on the user's table holds; null does not.

    Raises
    ------
    EvidenceError
        When the condition raises (its exception is the cause), or gives no bool for each row.

    Examples
    --------
    >>> rows_where("old", lambda table: [age > 60 for age in table["age"]], {"age": [61, 5]}, 2)
    array([ True, False])
    """
    try:
        answer = condition(native)
    except (Exception, SystemExit) as error:
        # Its message may hold values of the data.
        msg = f"the condition of slice {name!r} raised {type(error).__name__}"
        raise EvidenceError(msg) from error
    if not _in_order(answer, native):
        msg = f"the condition of slice {name!r} returned a Series with another index than the "
        msg += "table: it must return one bool a row, in the order of the rows"
        raise EvidenceError(msg)
    array = _as_arrow(answer)
    kind = type(answer).__name__
    if array is None or not (pa.types.is_boolean(array.type) or pa.types.is_null(array.type)):
        held = "" if array is None else f" of {array.type} values"
        msg = f"the condition of slice {name!r} must return one bool a row, not {kind}{held}"
        raise EvidenceError(msg)
    if rows is not None and len(array) != rows:
        msg = (
            f"the condition of slice {name!r} returned "
            f"{len(array):,} value{'' if len(array) == 1 else 's'} "
            f"for {rows:,} row{'' if rows == 1 else 's'}: it must return one bool a row"
        )
        raise EvidenceError(msg)
    if pa.types.is_null(array.type):
        return np.zeros(len(array), np.bool_)
    return np.asarray(array.fill_null(False).to_numpy(), np.bool_)  # noqa: FBT003


def _in_order(answer: Any, native: Any) -> bool:
    """Whether an answer of pandas has the rows of its table in their order, or plain numbers."""
    both = is_instance_of(answer, "pandas", "Series") and is_instance_of(
        native, "pandas", "DataFrame"
    )
    if not both or len(answer) != len(native) or answer.index.equals(native.index):
        return True
    index = answer.index
    return type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1)


def _as_arrow(answer: object) -> pa.ChunkedArray | None:
    """One column from whatever a condition returned; None when it is no column."""
    if isinstance(answer, pa.ChunkedArray):
        return answer
    no_column = isinstance(answer, str | bytes | Mapping | AbstractSet)  # (a set has no order)
    if no_column or hasattr(answer, "columns") or not hasattr(answer, "__len__"):
        return None
    if isinstance(answer, Sequence) and nests_too_deep(answer):
        return None
    try:
        if hasattr(answer, "__arrow_c_stream__"):
            return pa.chunked_array(answer)
        return pa.chunked_array([pa.array(answer, from_pandas=True)])
    except (pa.ArrowException, TypeError, ValueError):
        return None
