"""Divide rows into groups and slices, by the values of columns or by conditions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.expressions.condition import Condition
from mlgates.options import shown
from mlgates.predictions import lookup
from mlgates.predictions.labels import encode, label_text
from mlgates.printable import shorten
from mlgates.profile.column import ColumnView
from mlgates.profile.counter import BatchView
from mlgates.profile.groups import condition_answers, rows_where
from mlgates.tables import columns

if TYPE_CHECKING:
    from mlgates.evidence import Evidence

__all__ = ["MAX_GROUPS", "Groups", "Slice", "groups_of", "slices_of", "too_many_groups"]

#: Default of the option `max_groups`.
MAX_GROUPS = 50
#: A list of more names than these holds one group per row, not names of columns.
_MOST_NAMES = 20
_LONGEST_NAME = 100
_MISSING = "missing"
_UNNAMED = "group"


@dataclass(frozen=True, eq=False)
class Slice:
    """A named subset of the rows, such as those with ``sex=f``.

    Parameters
    ----------
    name : str
        ``"sex=f"``, or the name of a condition.
    mask : array of bool or EvidenceError
        Whether each row is in the slice, or the error that the slice's condition raised.

    Examples
    --------
    >>> Slice("sex=f", np.array([True, False])).rows.tolist()
    [True, False]
    """

    name: str
    mask: npt.NDArray[np.bool_] | EvidenceError

    def __post_init__(self) -> None:
        if not isinstance(self.mask, EvidenceError):
            self.mask.flags.writeable = False

    @property
    def rows(self) -> npt.NDArray[np.bool_]:
        """Mask of the rows in the slice; raises the error of the condition if it failed."""
        if isinstance(self.mask, EvidenceError):  # raised here, so that other slices are measured
            raise self.mask.with_traceback(None)
        return self.mask


@dataclass(frozen=True, eq=False)
class Groups:
    """The group that each row belongs to, by the values of one feature or of several together.

    Parameters
    ----------
    features : tuple of str
        Names of the features; an array without a name is called "group".
    names : tuple of str
        Name of each group: ``"sex=1"``, ``"sex=1, race=b"`` or ``"sex=missing"``. Categories of a
        categorical column are groups even if they have no rows.
    codes : array of int
        Position in `names` of the group of each row.
    missing : tuple of bool
        Whether each group consists of rows with a missing value.

    Examples
    --------
    >>> from mlgates.evidence import Evidence
    >>> groups = Evidence({"sensitive_features": ["f", None, "f"]}).groups()
    >>> groups.names, groups.codes.tolist(), groups.missing
    (('group=f', 'group=missing'), [0, 1, 0], (False, True))
    """

    features: tuple[str, ...]
    names: tuple[str, ...]
    codes: npt.NDArray[np.intp]
    missing: tuple[bool, ...]


def slices_of(evidence: "Evidence", by: Any, max_groups: int = MAX_GROUPS) -> tuple[Slice, ...]:
    """Return slices of the rows: one per combination of column values, or one per condition.

    `by` is a column name, a sequence of names, a mapping from slice name to condition, or a
    sequence of such pairs. The error of a condition is raised when the `rows` of its slice are
    read.

    Raises
    ------
    EvidenceError
        For a column that is not found, has too many values or does not match the rows of the
        labels, for conditions if neither `X` nor `data` was given, and for a condition on a table
        that does not have the rows of the labels.
    """
    if isinstance(by, str):
        by = (by,)
    if isinstance(by, Mapping):
        by = tuple(by.items())
    elif all(isinstance(name, str) for name in by):
        by_name = {name: lookup.named_column(evidence, name) for name in by}
        groups = _combined_groups(evidence, by_name, max_groups)
        return tuple(Slice(name, groups.codes == code) for code, name in enumerate(groups.names))
    return tuple(Slice(name, _slice_mask(evidence, name, condition)) for name, condition in by)


def _slice_mask(
    evidence: "Evidence", name: str, condition: str | Callable[..., object]
) -> npt.NDArray[np.bool_] | EvidenceError:
    """Return a mask of the rows that the condition of a slice selects, or the error it raised.

    A function is called with `X`. If it raises an exception, it is called with `data`. The columns
    of a text are looked up one by one, in `X` and then in `data`.
    """
    if isinstance(condition, str):
        try:
            return _evaluated(evidence, Condition(condition))
        except EvidenceError as error:
            return EvidenceError(f"the condition of slice {name!r}: {error}")
    tables = [table for table in ("X", "data") if table in evidence]
    if not tables:
        msg = f"slice {name!r} needs a table for its condition: pass `X` or `data`"
        raise EvidenceError(msg)
    for table in tables:
        rows, native = lookup.rows_of_evidence(evidence, table), evidence.read_only(table)
        try:
            mask = rows_where(name, condition, native, None if rows is None else rows.rows)
        except EvidenceError as error:
            if error.__cause__ is None or table == tables[-1]:
                return error
            continue  # the condition raised on this table
        anchor = lookup.anchor_rows(evidence)
        if anchor is not None:
            columns.require_same_rows(
                anchor, rows or columns.RowAxis(f"`{table}`", len(mask), None)
            )
        break
    return mask


def _evaluated(evidence: "Evidence", condition: Condition) -> npt.NDArray[np.bool_]:
    """Return a mask of the rows for which a condition is true; it is false where one is missing."""
    views, anchor = {}, lookup.anchor_rows(evidence)
    for name in condition.columns:
        column = lookup.named_column(evidence, name)
        if anchor is None:
            anchor = column
        columns.require_same_rows(anchor, column)
        views[name] = ColumnView(column.array, column.field)
    if anchor is None:
        msg = f"`{condition.text}` names no column"
        raise EvidenceError(msg)
    return condition_answers("", condition, BatchView(views, rows=anchor.rows))[0]


def groups_of(
    evidence: "Evidence",
    features: str | Sequence[str],
    names: Sequence[str] = (),
    max_groups: int = MAX_GROUPS,
) -> Groups:
    """Return the groups of rows by one sensitive feature, or by several together.

    `features` is the name of an evidence value that has the features, or the names of columns of
    `X` or `data`. If `names` are given, only the features with these names are used. A name that is
    not among the features must be that of a column of `X` or `data`.

    Raises
    ------
    EvidenceError
        For features that do not match the rows of the labels or have too many values, and for names
        of unknown features.
    """
    return _combined_groups(evidence, _features(evidence, features, names), max_groups)


def _features(
    evidence: "Evidence", features: str | Sequence[str], names: Sequence[str]
) -> dict[str, columns.Column]:
    """Return the sensitive features by name; if `names` are given, only these."""
    if not names:
        return _given_features(evidence, features, names)
    is_given = isinstance(features, str) and features in evidence
    given = _given_features(evidence, features, names) if is_given else {}
    by_name = {}
    for name in names:
        if name in given:
            by_name[name] = given[name]
            continue
        try:
            by_name[name] = lookup.named_column(evidence, name, "sensitive")
        except EvidenceError as error:
            if not is_given:
                raise
            msg = f"{error}; it is not in `{features}` either"
            raise EvidenceError(msg) from error
    return by_name


def _given_features(
    evidence: "Evidence", features: str | Sequence[str], names: Sequence[str]
) -> dict[str, columns.Column]:
    """Read the features from an evidence value, or from the columns that it names.

    Of a table, only the columns in `names` are read, if there are any.
    """
    role = str(features)
    value: Any = features
    if isinstance(features, str) and features in evidence:
        value = evidence[features]
        value = value if isinstance(value, str) else evidence.in_memory(features)
    title = f"`{role}`"
    if isinstance(value, str):
        by_name = {value: lookup.named_column(evidence, value, role)}
    elif isinstance(value, list | tuple) and are_names(evidence, value):
        by_name = {name: lookup.named_column(evidence, name, role) for name in value}
    elif columns.is_table(value):
        inside, index = columns.columns_of(title, value), columns.index_of(value)
        if not inside:
            msg = f"{title} must have at least one column, got a table without columns"
            raise EvidenceError(msg)
        by_name = {
            str(name): replace(
                columns.as_column(f"column {str(name)!r} of {title}", column), index=index
            )
            for name, column in inside.items()
            if not names or str(name) in names
        }
    elif isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] > 1:
        by_name = {f"x{i}": columns.as_column(title, value[:, i]) for i in range(value.shape[1])}
    else:
        name = getattr(value, "name", None)  # of a Series
        name = name if isinstance(name, str) and name else _UNNAMED
        by_name = {name: columns.as_column(title, value)}
    return by_name


def are_names(evidence: "Evidence", value: Any) -> bool:
    """Return whether a list contains names of columns, and not the group of each row."""
    is_short = isinstance(value, list | tuple) and 0 < len(value) <= _MOST_NAMES
    if not is_short or not all(isinstance(name, str) for name in value):
        return False
    tables = [table for table in ("X", "data") if table in evidence]
    if set(value).issubset(
        name for table in tables for name in lookup.column_names(evidence, table)
    ):
        return True
    anchor = lookup.anchor_rows(evidence)
    return anchor is not None and anchor.rows != len(value)


def _combined_groups(
    evidence: "Evidence", by_name: Mapping[str, columns.Column], max_groups: int
) -> Groups:
    """Group the rows by the values of some columns together.

    The groups are sorted by value, with missing values last.
    """
    if not by_name:
        msg = "at least one column is required to make groups"
        raise EvidenceError(msg)
    anchor = lookup.anchor_rows(evidence)
    for column in by_name.values():
        if anchor is not None:
            columns.require_same_rows(anchor, column)
    codes = np.zeros(next(iter(by_name.values())).rows, np.intp)
    combined: list[tuple[Any, ...]] = [()]
    for column in by_name.values():
        found, values = encode(column, declared=True)
        if len(values) > max_groups:
            raise EvidenceError(too_many_groups(column.title, len(values), max_groups))
        order = list(range(len(values)))
        if not (column.declares and getattr(column.array.type, "ordered", False)):
            order.sort(key=values.__getitem__)
        rank = np.empty(len(values) + 1, np.intp)  # the last one is for missing values
        rank[order] = np.arange(len(values))
        rank[-1] = len(values)
        values = [values[place] for place in order] + [None] * bool((found < 0).any())
        codes = codes * len(values) + rank[found]
        present = np.bincount(codes, minlength=len(combined) * len(values)) > 0
        if len(by_name) == 1:
            present[:] = True  # categories without rows are groups too
        places = np.flatnonzero(present)
        if len(places) > max_groups:
            title = " and ".join(column.title for column in by_name.values())
            raise EvidenceError(too_many_groups(title, len(places), max_groups))
        combined = [(*combined[p // len(values)], values[p % len(values)]) for p in places.tolist()]
        codes = (np.cumsum(present) - 1)[codes]
    codes = codes.astype(np.intp, copy=False)
    codes.flags.writeable = False
    names = [", ".join(map(group_name, by_name, combination)) for combination in combined]
    missing = tuple(None in combination for combination in combined)
    return Groups(tuple(by_name), unique_names(names), codes, missing)


def too_many_groups(title: str, groups: int, max_groups: int) -> str:
    """Return the message for more groups than the option `max_groups` allows.

    `title` names the columns that make the groups.
    """
    return (
        f"{title} makes {groups:,} groups, at most {max_groups:,} are allowed: bin the values "
        "first, or raise `max_groups`"
    )


def group_name(feature: str, value: object) -> str:
    """Return the name of a group of rows, such as ``"sex=f"``; None means a missing value.

    Examples
    --------
    >>> group_name("sex", "f"), group_name("pclass", 1.0), group_name("sex", None)
    ('sex=f', 'pclass=1', 'sex=missing')
    >>> group_name("sex", "missing"), group_name("sex", " f")
    ("sex='missing'", "sex=' f'")
    """
    if value is None:
        return f"{feature}={_MISSING}"
    if isinstance(value, datetime | date | time):
        return f"{feature}={value.isoformat()}"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and (
        not value.isprintable() or value != value.strip() or value in ("", _MISSING)
    ):
        return f"{feature}={label_text(value)}"
    text = shown(value) if isinstance(value, bool | int | float) else str(value)
    return f"{feature}={shorten(text, _LONGEST_NAME)}"


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Make names distinct by adding a number in parentheses to repeated ones."""
    taken: dict[str, None] = {}
    for name in names:
        new, number = name, 1
        while new in taken:
            number += 1
            new = f"{name} ({number})"
        taken[new] = None
    return tuple(taken)
