"""Count missing values in groups of rows, or in slices.

The rows of a group have the same values in some columns. A slice consists of the rows for which a
condition is true.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.arrow_arrays import from_numpy
from mlgates.errors import EvidenceError, suppress_errors
from mlgates.expressions.condition import Condition
from mlgates.profile.counter import BatchView, Counter, State, check_groups
from mlgates.profile.counters import COMPARABLE, is_in, require_kind, types_of
from mlgates.redaction import describe
from mlgates.tables import encoding
from mlgates.tables.containers import is_instance_of
from mlgates.tables.objects import nests_too_deep

__all__ = [
    "MOST_SLICES",
    "Group",
    "GroupMissing",
    "Mask",
    "MissingBy",
    "MissingWhere",
    "RowCondition",
    "Slice",
    "by_key",
    "columns_of",
    "condition_answers",
    "group_keys",
    "pack_keys",
    "rows_where",
    "unpack_keys",
]

#: Largest number of slices that a gate may have.
MOST_SLICES = 1_000
#: Key of a group, number of its rows, and number of its missing values in each column.
Group = tuple[tuple[object, ...], int, tuple[int, ...]]
RowCondition = Condition | Callable[..., object]
#: The name of a slice, and its condition.
Slice = tuple[str, RowCondition]
Mask = npt.NDArray[np.bool_]
G = TypeVar("G", bound=tuple[Any, ...])


@dataclass(frozen=True)
class GroupMissing(State):
    """Number of rows and of missing values of each group of rows.

    `MissingBy` and `MissingWhere` return this object. `groups` has one tuple ``(key, rows,
    missing)`` for each group, in order of the groups' first rows. If rows are grouped by columns,
    `key` is a tuple of the group's values in these columns (None for a missing value). If the group
    is a slice (the rows for which a condition is true), `key` is a tuple with the slice's name.
    `rows` is the number of rows of the group. `missing` is a tuple with one count for each column
    in which missing values are counted.

    Examples
    --------
    >>> a = GroupMissing(((("DE",), 2, (1,)),))
    >>> a.merge(GroupMissing(((("FR",), 1, (0,)), (("DE",), 3, (1,)))), shift=2).groups
    ((('DE',), 5, (2,)), (('FR',), 1, (0,)))
    """

    groups: tuple[Group, ...] = ()

    def merge(self, other: "GroupMissing", shift: int = 0) -> "GroupMissing":  # noqa: ARG002
        """Return the counts for the rows of both objects together, added up for each group.

        `shift` is not used, because the result has no row numbers.
        """
        merged = {key: (rows, missing) for key, rows, missing in self.groups}
        for key, rows, missing in other.groups:
            before, counts = merged.get(key, (0, (0,) * len(missing)))
            added = tuple(a + b for a, b in zip(counts, missing, strict=True))
            merged[key] = (before + rows, added)
        check_groups(len(merged), MOST_SLICES)
        return GroupMissing(tuple((key, *counts) for key, counts in merged.items()))

    def unordered(self) -> "GroupMissing":
        """Return a copy in which the groups are sorted by key instead of by their first rows."""
        return GroupMissing(by_key(self.groups))

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        They are the keys of the groups, as one sequence of values for each grouping column, and the
        counts of each group.
        """
        return pack_keys([key for key, _, _ in self.groups]), tuple(g[1:] for g in self.groups)

    @classmethod
    def from_parts(cls, *parts: Any) -> "GroupMissing":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        columns, counts = parts
        keys = unpack_keys(columns, len(counts))
        return cls(tuple((key, *rest) for key, rest in zip(keys, counts, strict=True)))


def by_key(groups: Iterable[G]) -> tuple[G, ...]:
    """Sort groups by their keys; the key is the first element of each group.

    A key is the tuple of a group's values in the grouping columns. The order is the same in every
    process. Keys can contain None and values of different types, so they are sorted by type and
    then as strings.
    """

    def rank(group: G) -> list[tuple[str, int, str]]:
        texts = [(type(value).__name__, str(value)) for value in group[0]]
        return [(name, len(text) * (name == "int"), text) for name, text in texts]

    return tuple(sorted(groups, key=rank))


def pack_keys(keys: Sequence[tuple[object, ...]]) -> tuple[Any, ...]:
    """Convert the keys of groups to one sequence of values for each grouping column.

    A key is the tuple of a group's values, one for each grouping column. The result has one
    sequence for each grouping column. This sequence is a tuple if the values are bools, numbers or
    strings, and an Arrow array for other values, such as times. `unpack_keys` is the inverse.

    Examples
    --------
    >>> pack_keys([("DE", 1), ("FR", None)])
    (('DE', 'FR'), (1, None))
    """
    columns: list[Any] = list(zip(*keys, strict=True))
    for at, values in enumerate(columns):
        first = next((value for value in values if value is not None), None)
        if first is not None and not isinstance(first, bool | int | float | str):
            # Other values, such as times, are stored as Arrow arrays.
            type_ = pa.scalar(first).type
            if hasattr(first, "nanosecond"):
                type_ = pa.timestamp("ns", type_.tz)
            elif hasattr(first, "nanoseconds"):
                type_ = pa.duration("ns")
            columns[at] = pa.array(values, None if pa.types.is_decimal(type_) else type_)
    return tuple(columns)


def unpack_keys(columns: Sequence[Any], groups: int) -> list[tuple[object, ...]]:
    """Return the keys of groups from `columns`, the result of `pack_keys`.

    A key is the tuple of a group's values in the grouping columns. `groups` is the number of
    groups. It is needed because `columns` is empty if there are no grouping columns; each key is
    then an empty tuple.
    """
    lists = [column.to_pylist() if isinstance(column, pa.Array) else column for column in columns]
    return list(zip(*lists, strict=True)) if lists else [()] * groups


@dataclass(frozen=True)
class MissingBy(Counter):
    """Count missing values of some columns, in groups of rows or in one slice.

    `counted` are these columns. The rows of a group have the same values in the columns `by`. A
    `slice` is a pair of a name and a `Condition`; it consists of the rows for which the condition
    is true. Values that equal one of `values` count as missing; they are compared as by `In`. The
    result is a `GroupMissing`: for each group its key, its number of rows, and the number of
    missing values in each of the columns `counted`.

    `types` is ``types_of(values)``. Counters are equal only if their `types` are equal, too. So a
    counter with the value 1 differs from one with the value True, although ``1 == True`` in Python.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> missing = MissingBy(("age",), by=("city",))
    >>> table = {"age": [31, None, None], "city": ["Bonn", "Bonn", None]}
    >>> Profile.of(table, [missing])[missing].groups
    ((('Bonn',), 2, (1,)), ((None,), 1, (1,)))
    """

    counted: tuple[str, ...]
    by: tuple[str, ...] = ()
    values: tuple[object, ...] = ()
    slice: Slice | None = None
    types: tuple[str, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", types_of(self.values))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the counted columns, of the columns `by`, and of the slice's columns."""
        of_slice = columns_of(self.slice[1]) if self.slice else ()
        return tuple(dict.fromkeys((*self.counted, *self.by, *of_slice)))

    def count(self, batch: BatchView) -> GroupMissing:
        """Count the missing values of each group in one batch of rows."""
        numbers, keys = group_keys(batch, self.by, self.slice)
        sizes = np.bincount(numbers[numbers >= 0], minlength=len(keys)).tolist()
        missing = []
        for name in self.counted:
            of_group = numbers[_missing_or_in(batch, name, self.values)]
            missing.append(np.bincount(of_group[of_group >= 0], minlength=len(keys)))
        counts = np.array(missing, np.int64).reshape(len(missing), len(keys)).T.tolist()
        return GroupMissing(tuple(zip(keys, sizes, map(tuple, counts), strict=True)))

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all rows of a batch with a missing value in a counted column.

        The counted columns are those in `counted`. If there is a slice, only its rows are tested.
        The positions are in ascending order.
        """
        numbers, _ = group_keys(batch, self.by, self.slice)
        masks = [_missing_or_in(batch, name, self.values) for name in self.counted]
        missing = np.logical_or.reduce([np.zeros(batch.rows, np.bool_), *masks])
        return np.flatnonzero(missing & (numbers >= 0))


@dataclass(frozen=True)
class MissingWhere(Counter):
    """Count missing values of some columns in slices that functions select.

    `counted` are these columns. Each slice has a name and a condition. The condition is a function
    of the user's table that returns one bool per row, as a list or an array of numpy, pandas, Arrow
    or polars. A row for which it returns null is not in the slice. Values that equal one of
    `values` count as missing; they are compared as by `In`. `read` has the names of further columns
    that the conditions use. If the table is a file or a stream, no other columns are read. The
    result is a `GroupMissing`: for each slice a tuple with its name, its number of rows, and the
    number of missing values in each of the columns `counted`.

    `types` is ``types_of(values)``. Counters are equal only if their `types` are equal, too. So a
    counter with the value 1 differs from one with the value True, although ``1 == True`` in Python.

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
    read: tuple[str, ...] = ()
    types: tuple[str, ...] = field(init=False, repr=False, default=())
    #: A condition is never called with a part of the table, because its result may depend on all
    #: rows.
    needs_all_rows: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", types_of(self.values))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the counted columns, and of those that the conditions use."""
        return tuple(dict.fromkeys((*self.counted, *self.read)))

    def count(self, batch: BatchView) -> GroupMissing:
        """Count the missing values of each slice in one batch of rows."""
        masks = [_missing_or_in(batch, name, self.values) for name in self.counted]
        groups: list[Group] = []
        for name, condition in self.slices:
            inside = rows_where(name, condition, batch.native, batch.rows, tuple(batch.columns))
            missing = tuple(int(np.count_nonzero(inside & mask)) for mask in masks)
            groups.append(((name,), int(np.count_nonzero(inside)), missing))
        return GroupMissing(tuple(groups))

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all rows of a batch with a missing value in a counted column.

        The counted columns are those in `counted`. Only rows that are in at least one slice are
        tested. The positions are in ascending order.
        """
        found = np.zeros(batch.rows, np.bool_)
        for name, condition in self.slices:
            found |= rows_where(name, condition, batch.native, batch.rows, tuple(batch.columns))
        masks = [_missing_or_in(batch, name, self.values) for name in self.counted]
        return np.flatnonzero(found & np.logical_or.reduce([np.zeros_like(found), *masks]))


def group_keys(
    batch: BatchView, by: tuple[str, ...], slice_: Slice | None = None, read: tuple[str, ...] = ()
) -> tuple[npt.NDArray[np.int64], list[tuple[object, ...]]]:
    """Return the number of each row's group, and the key of each group.

    If `slice_` is None, the rows of a group have the same values in the columns `by`. The key is
    the tuple of these values. Groups are numbered from 0 in order of their first rows.

    A `slice_` is a pair of a name and a condition. There is then one group: the rows for which the
    condition is true. These rows have the number 0, and all other rows have -1. The key is a tuple
    with the name. If the condition is a function, it gets the columns in `read`.

    Raises
    ------
    EvidenceError
        If a column can't be grouped, there are more than 1,000 groups, or the condition can't be
        evaluated.
    """
    if slice_ is not None:
        name, condition = slice_
        inside, _ = condition_answers(f"the condition of slice {name!r}", condition, batch, read)
        return inside.astype(np.int64) - 1, [(name,)]
    for name in by:
        require_kind(batch[name], COMPARABLE, "grouped by value")
    numbers, first = batch.groups(by, MOST_SLICES)
    labels = []
    for name in by:
        codes = batch[name].codes[first]
        values = batch[name].encoded.dictionary.take(from_numpy(codes, codes < 0))
        labels.append(values.to_pylist())
    return numbers, list(zip(*labels, strict=True))


def columns_of(condition: RowCondition, read: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names of the columns that a condition reads.

    `read` is used only if the condition is a function: it has the names of the function's columns,
    and is then the result.
    """
    return condition.columns if isinstance(condition, Condition) else read


def condition_answers(
    subject: str, condition: RowCondition, batch: BatchView, read: tuple[str, ...] = ()
) -> tuple[Mask, Mask]:
    """Return two masks: of rows where a condition is true, and of rows where it has no answer.

    A condition has no answer for a row if its result depends on a missing value. If the condition
    is a function, it gets a `pyarrow.Table` of the columns in `read`, or of all columns if `read`
    is empty. `subject` is the name of the condition in error messages.
    """
    if isinstance(condition, Condition):
        columns = {}
        for name in condition.columns:
            view = batch[name]
            if view.field.kind == "unreadable":
                raise EvidenceError(view.field.problem or f"column {name!r} can't be read")
            columns[name] = view.plain
        halves = [name for name in columns if pa.types.is_float16(batch[name].given_type)]
        answer = condition.evaluate(columns, batch.rows, halves)
    else:
        names = read or tuple(batch.columns)
        table = pa.table([batch[name].plain for name in names], names=list(names))
        answer = _row_answers(subject, condition, table, batch.rows, names)
    missing = encoding.filled(answer.is_null(), 0)
    return encoding.filled(answer, 0), missing


def _missing_or_in(
    batch: BatchView, name: str, values: tuple[object, ...]
) -> npt.NDArray[np.bool_]:
    """Return a mask of rows in which column `name` is missing or equals one of `values`."""
    view, mask = batch[name], batch[name].missing_mask()
    if not values or view.field.kind in {"nested", "null", "unreadable"}:
        return mask
    found: Mask = encoding.filled(is_in(view.plain, values, view.given_type), 0)
    return mask | found


def rows_where(
    name: str,
    condition: Callable[..., Any],
    native: Any,
    rows: int | None,
    columns: Collection[str] = (),
) -> npt.NDArray[np.bool_]:
    """Return a mask of the rows for which a function of the user's table is true.

    Null counts as False.

    Parameters
    ----------
    name : str
        Name of the slice, for error messages.
    condition : callable
        Takes the table and returns one bool per row.
    native : object
        The user's table.
    rows : int or None
        Number of rows; None if it is not known.
    columns : collection of str
        Names that error messages may show, such as those of the table's columns. If the condition
        raises a KeyError for an unknown name, the message suggests a similar one of these.

    Raises
    ------
    EvidenceError
        If the condition raises an exception (which becomes the cause), or does not return one bool
        per row.

    Examples
    --------
    >>> rows_where("old", lambda table: [age > 60 for age in table["age"]], {"age": [61, 5]}, 2)
    array([ True, False])
    """
    answer = _row_answers(f"the condition of slice {name!r}", condition, native, rows, columns)
    return encoding.filled(answer, 0)


def _row_answers(
    subject: str,
    condition: Callable[..., Any],
    native: Any,
    rows: int | None,
    columns: Collection[str],
) -> pa.Array:
    """Call a condition with the user's table, and return one bool per row.

    The bool is null where the condition has no answer. `subject` is the name of the condition in
    error messages. `native` is the table, and `rows` is its number of rows, or None if that is not
    known. `columns` are names that error messages may show and suggest, see `rows_where`.

    Raises
    ------
    EvidenceError
        If the condition raises an exception (which becomes the cause), or does not return one bool
        per row.
    """
    with suppress_errors() as caught:
        answer = condition(native)
        array = _as_arrow(answer)
    if caught.error is not None:
        raise EvidenceError(f"{subject} raised {describe(caught.error, columns)}") from caught.error
    of_pandas = is_instance_of(answer, "pandas", "Series")
    if of_pandas and is_instance_of(native, "pandas", "DataFrame") and len(answer) == len(native):
        index = answer.index
        plain = type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1)
        moved = not plain and not index.equals(native.index)
    else:
        moved = False
    if moved:
        raise EvidenceError(
            f"{subject} must return a Series with the index of the table, got another index"
        )
    kind = type(answer).__name__
    if array is None or not (pa.types.is_boolean(array.type) or pa.types.is_null(array.type)):
        held = "" if array is None else f" of {array.type} values"
        raise EvidenceError(f"{subject} must return one bool per row, got {kind}{held}")
    if rows is not None and len(array) != rows:
        values = f"{len(array):,} value{'' if len(array) == 1 else 's'}"
        given = f"{values} for {rows:,} row{'' if rows == 1 else 's'}"
        raise EvidenceError(f"{subject} must return one bool per row, got {given}")
    return array.combine_chunks().cast(pa.bool_())


def _as_arrow(answer: object) -> pa.ChunkedArray | None:
    """Convert the result of a condition to an Arrow array; None if it is not one value per row."""
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
