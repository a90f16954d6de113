"""Divide rows into groups and slices (subsets), by the values of columns or by conditions."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.expressions.condition import Condition
from mlgates.options import did_you_mean, shown
from mlgates.predictions import lookup
from mlgates.predictions.crossing import Coded, Crossing, cross, renumber
from mlgates.predictions.labels import encode, label_text
from mlgates.printable import shorten
from mlgates.profile.column import ColumnView
from mlgates.profile.counter import BatchView
from mlgates.profile.groups import condition_answers, rows_where
from mlgates.tables import columns

if TYPE_CHECKING:
    from mlgates.evidence import Evidence

__all__ = [
    "MAX_GROUPS",
    "GroupRequest",
    "Groups",
    "Slice",
    "groups_of",
    "slices_of",
    "too_many_groups",
]

#: Default of the option `max_groups`.
MAX_GROUPS = 50
#: A list of more names than these holds one group per row, not names of columns.
_MOST_NAMES = 20
_LONGEST_NAME = 100
_MISSING = "missing"
_UNNAMED = "group"


@dataclass(frozen=True, eq=False)
class Slice:
    """A named subset of the rows, such as the rows in which ``sex`` is ``"f"``.

    Parameters
    ----------
    name : str
        The name, such as ``"sex=f"``, or the name of a condition.
    mask : array of bool or EvidenceError
        For each row, whether it is in the slice. If the condition of the slice raised an error,
        this error.

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
        """The mask of the rows in the slice.

        If the condition of the slice raised an error, it is raised here.
        """
        if isinstance(self.mask, EvidenceError):  # raised here, so that other slices are measured
            raise self.mask.with_traceback(None)
        return self.mask


@dataclass(frozen=True, eq=False)
class Groups:
    """The group of each row, by the values of one sensitive feature or of several together.

    Parameters
    ----------
    features : tuple of str
        Names of the features. A feature that is given as an array without a name is called "group".
    names : tuple of str
        Name of each group, such as ``"sex=1"``, ``"sex=1, race=b"`` or ``"sex=missing"``. A
        category of a categorical column is a group even if it has no rows.
    values : tuple of tuple
        Value of each feature in each group; None for a missing value.
    crossing : Crossing
        The division of the rows into cells, by the features of all gates of the run. The rows of a
        cell have the same value of each feature.
    of_cells : array of int
        For each cell of the crossing, the position in `names` of the group that contains the cell.
    strata : tuple of Slice
        The subsets of the rows that are judged separately, as masks of the cells of `crossing`.

    Examples
    --------
    >>> from mlgates.evidence import Evidence
    >>> groups = Evidence({"sensitive_features": ["f", None, "f"]}).groups()
    >>> groups.names, groups.codes.tolist(), groups.missing
    (('group=f', 'group=missing'), [0, 1, 0], (False, True))
    """

    features: tuple[str, ...]
    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    crossing: Crossing
    of_cells: npt.NDArray[np.intp]
    strata: tuple[Slice, ...] = ()

    @cached_property
    def codes(self) -> npt.NDArray[np.intp]:
        """For each row, the position of its group in `names`."""
        codes = self.of_cells[self.crossing.cell]
        codes.flags.writeable = False
        return codes

    @property
    def missing(self) -> tuple[bool, ...]:
        """For each group, whether at least one of the feature values that define it is missing."""
        return tuple(None in combination for combination in self.values)


def slices_of(evidence: "Evidence", by: Any, max_groups: int = MAX_GROUPS) -> tuple[Slice, ...]:
    """Return slices (named subsets) of the rows, as the option `by` of a gate defines them.

    `by` is the name of a column or a sequence of names; it then defines one slice for each
    combination of values, and at most `max_groups`. Or it is a mapping from names of slices to
    conditions, or a sequence of such pairs. If a condition raises an error, the error is raised
    when the `rows` of its slice are read.

    Raises
    ------
    EvidenceError
        If a column is not found or has too many values, if there are conditions but neither `X` nor
        `data` was given, or if a column or the table of a condition does not have the same rows as
        the labels.
    """
    if isinstance(by, str):
        by = (by,)
    if isinstance(by, Mapping):
        by = tuple(by.items())
    elif all(isinstance(name, str) for name in by):
        groups = _grouped(evidence, _strata(by), (), max_groups)
        return tuple(Slice(name, groups.codes == code) for code, name in enumerate(groups.names))
    return tuple(Slice(name, _slice_mask(evidence, name, condition)) for name, condition in by)


def _slice_mask(
    evidence: "Evidence", name: str, condition: str | Callable[..., object]
) -> npt.NDArray[np.bool_] | EvidenceError:
    """Return a mask of the rows that the condition of a slice selects, or the error it raised.

    A function is called with `X`. If it raises an exception, it is called with `data`. The columns
    that a string names are looked up one by one, in `X` and then in `data`.
    """
    if isinstance(condition, str):
        try:
            return _evaluated(evidence, Condition(condition))
        except EvidenceError as error:
            return EvidenceError(f"the condition of slice {name!r}: {error}")
    tables = [table for table in ("X", "data") if table in evidence]
    if not tables:
        raise EvidenceError(f"slice {name!r} needs a table for its condition: pass `X` or `data`")
    for table in tables:
        rows, native = lookup.rows_of_evidence(evidence, table), evidence.read_only(table)
        known, n = lookup.column_names(evidence, table), None if rows is None else rows.rows
        try:
            mask = rows_where(name, condition, native, n, known)
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
    """Return a mask of the rows for which a condition is true; a missing answer becomes False."""
    views, anchor = {}, lookup.anchor_rows(evidence)
    for name in condition.columns:
        column = lookup.named_column(evidence, name)
        if anchor is None:
            anchor = column
        columns.require_same_rows(anchor, column)
        views[name] = ColumnView(column.array, column.field)
    if anchor is None:
        raise EvidenceError(f"`{condition.text}` names no column")
    return condition_answers("", condition, BatchView(views, rows=anchor.rows))[0]


def groups_of(
    evidence: "Evidence",
    features: str | tuple[str, ...],
    names: Sequence[str] = (),
    by: Any = None,
    max_groups: int = MAX_GROUPS,
) -> Groups:
    """Return the group of each row, by one sensitive feature or by several together.

    `features` is the name of the argument of the run that has the features, such as
    "sensitive_features", or a tuple of names of columns of `X` or `data`. All these features are
    used, unless `names` are given. Then only the features with these names are used. A name that is
    not among the features is looked up as a column of `X` or `data`.

    `by` divides the rows into strata (subsets that are judged separately), and has the same forms
    as in `slices_of`. `max_groups` is the largest number of groups or strata allowed.

    Raises
    ------
    EvidenceError
        If a feature does not have the same rows as the labels, if there are too many groups or
        strata, or if a name is neither that of a feature nor that of a column of `X` or `data`.
    """
    return _grouped(evidence, _features(evidence, features, names), _strata(by), max_groups)


@dataclass(frozen=True)
class GroupRequest:
    """The features by which one gate of a run divides the rows into groups.

    The gate registers this object before the rows are divided, so that they are divided once for
    all gates. `names` are the names of the features; empty for all features of the run. `by` also
    divides the rows into strata (subsets that are judged separately), by columns or conditions.
    `max_groups` is the largest number of groups or strata allowed.
    """

    names: tuple[str, ...] = ()
    by: Any = None
    max_groups: int = MAX_GROUPS


@dataclass(frozen=True)
class Division:
    """Something that divides the rows into groups: a feature, a column, or a condition.

    `name` is the name of the feature, of the column, or of the subset of the rows for which the
    condition is true. The meaning of the field `of` depends on `kind`:

    - "feature": the argument of the run that has the feature, such as "sensitive_features".
    - "column" (of `X` or `data`): the option in which the user named the column, for messages; ""
      if messages do not mention it.
    - "condition": the condition, a string or a function.

    `key` is `of` in a form that can be hashed. Two divisions with equal `kind`, `name` and `key`
    are equal.
    """

    kind: Literal["feature", "column", "condition"]
    name: str
    key: Hashable
    of: Any = field(compare=False)


def _features(
    evidence: "Evidence", features: str | tuple[str, ...], names: Sequence[str]
) -> list[Division]:
    """Return a division for each sensitive feature; if `names` are given, only for these."""
    is_given = isinstance(features, str) and features in evidence
    given = _given_features(evidence, features) if is_given or not names else {}
    found = []
    for name in names or given:
        if name in given:
            found.append(Division("feature", name, features, features))
            continue
        try:
            lookup.named_column(evidence, name, "sensitive")
        except EvidenceError as error:
            if not is_given:
                raise
            raise EvidenceError(
                f"{error}; it is not in `{features}` either{did_you_mean(name, given)}"
            ) from error
        found.append(Division("column", name, "sensitive", "sensitive"))
    return found


def _strata(by: Any) -> list[Division]:
    """Return a division for each column or condition in the option `by`."""
    found = []
    for item in (by,) if isinstance(by, str) else tuple(by or ()):
        if isinstance(item, str):
            found.append(Division("column", item, "", ""))
            continue
        name, condition = item
        key = condition if isinstance(condition, str) else id(condition)
        found.append(Division("condition", name, key, condition))
    return found


def _coded(evidence: "Evidence", division: Division) -> Coded:
    """Return the values of a division by row, which are read once for all gates of a run."""
    return evidence.cached("coded", division, partial(_code, evidence, division))


def _code(evidence: "Evidence", division: Division) -> Coded:
    if division.kind == "condition":
        mask = _slice_mask(evidence, division.name, division.of)
        if isinstance(mask, EvidenceError):
            raise mask
        return Coded(division.name, len(mask), None, mask.astype(np.intp), (False, True))
    if division.kind == "feature":
        column = _given_features(evidence, division.of)[division.name]()
    else:
        column = lookup.named_column(evidence, division.name, division.of)
    anchor = lookup.anchor_rows(evidence)
    if anchor is not None:
        columns.require_same_rows(anchor, column)
    found, values = encode(column, declared=True)
    order = list(range(len(values)))
    if not (column.declares and getattr(column.array.type, "ordered", False)):
        order.sort(key=values.__getitem__)
    rank = np.empty(len(values) + 1, np.intp)  # the last one is for missing values
    rank[order] = np.arange(len(values))
    rank[-1] = len(values)
    values = [values[place] for place in order] + [None] * bool((found < 0).any())
    return Coded(column.title, column.rows, column.index, rank[found], tuple(values))


def _grouped(
    evidence: "Evidence", features: Sequence[Division], strata: Sequence[Division], max_groups: int
) -> Groups:
    """Return the groups of rows by some features, and the strata of these rows.

    A stratum is a subset of the rows that is judged separately.
    """
    if not features:
        raise EvidenceError("at least one column is required to make groups")
    failed: dict[Division, EvidenceError] = {}
    for division in (*features, *strata):
        try:
            _check_size(_coded(evidence, division), max_groups)
        except EvidenceError as error:
            if division.kind != "condition":
                raise
            failed[division] = error  # the other strata are still judged
    crossing = _crossing(evidence, [*features, *(d for d in strata if d not in failed)])
    groups = _combined(evidence, features, crossing, max_groups)
    if strata and strata[0].kind == "column":
        parts = _combined(evidence, strata, crossing, max_groups)
        slices = [Slice(name, parts.of_cells == code) for code, name in enumerate(parts.names)]
    else:
        slices = [
            Slice(d.name, failed[d] if d in failed else crossing.codes[d] == 1) for d in strata
        ]
    return replace(groups, strata=tuple(slices))


def _crossing(evidence: "Evidence", own: Sequence[Division]) -> Crossing:
    """Return the rows, divided by the features of a gate and those of all other gates of the run.

    All gates that have registered a `GroupRequest` get the same division of the rows.
    """
    shared = evidence.cached("divisions", None, partial(_requested, evidence))
    divisions = shared if set(own) <= set(shared) else tuple(own)
    make = partial(cross, {division: _coded(evidence, division) for division in divisions})
    return evidence.cached("crossing", divisions, make)


def _requested(evidence: "Evidence") -> tuple[Division, ...]:
    """Return the divisions that all gates of the run need, without those that can't be read."""
    found: dict[Division, int] = {}
    for request in evidence.registered(GroupRequest):
        with suppress_errors():  # raised to the gate that needs these features
            features = _features(evidence, "sensitive_features", request.names)
            for division in (*features, *_strata(request.by)):
                with suppress_errors():
                    coded = _coded(evidence, division)
                    _check_size(coded, request.max_groups)
                    found[division] = coded.rows
    rows = next(iter(found.values()), 0)
    return tuple(division for division, n in found.items() if n == rows)


def _check_size(coded: Coded, max_groups: int) -> None:
    """Raise EvidenceError if a feature has too many values."""
    values = len(coded.values) - (None in coded.values)
    if values > max_groups:
        raise EvidenceError(too_many_groups(coded.title, values, max_groups))


def _combined(
    evidence: "Evidence", divisions: Sequence[Division], crossing: Crossing, max_groups: int
) -> Groups:
    """Group the cells of `crossing` by the values of some features together.

    The groups are sorted by value, with missing values last.
    """
    first = crossing.codes[divisions[0]]
    codes = np.zeros_like(first)
    combined: list[tuple[Any, ...]] = [()]
    for division in divisions:
        values = _coded(evidence, division).values
        codes = codes * len(values) + crossing.codes[division]
        places = np.arange(len(values))  # categories without rows are groups, too
        if len(divisions) > 1:
            codes, places = renumber(codes, len(combined) * len(values))
        if len(places) > max_groups:
            title = " and ".join(_coded(evidence, each).title for each in divisions)
            raise EvidenceError(too_many_groups(title, len(places), max_groups))
        combined = [(*combined[p // len(values)], values[p % len(values)]) for p in places.tolist()]
    features = tuple(division.name for division in divisions)
    names = [", ".join(map(group_name, features, combination)) for combination in combined]
    return Groups(features, unique_names(names), tuple(combined), crossing, codes)


def _given_features(
    evidence: "Evidence", features: str | tuple[str, ...]
) -> dict[str, Callable[[], columns.Column]]:
    """Return the features in an evidence value, or the columns that it names.

    For each feature, the result has a function that reads the feature.
    """
    make = partial(_find_features, evidence, features)
    return evidence.cached("features", features, make)


def _find_features(
    evidence: "Evidence", features: str | tuple[str, ...]
) -> dict[str, Callable[[], columns.Column]]:
    role = str(features)
    value: Any = features
    if isinstance(features, str) and features in evidence:
        value = evidence[features]
        value = value if isinstance(value, str) else evidence.in_memory(features)
    title = f"`{role}`"
    read = columns.as_column
    if isinstance(value, str):
        return {value: partial(lookup.named_column, evidence, value, role)}
    if isinstance(value, list | tuple) and are_names(evidence, value):
        return {name: partial(lookup.named_column, evidence, name, role) for name in value}
    if columns.is_table(value):
        inside, index = columns.columns_of(title, value), columns.index_of(value)
        if not inside:
            raise EvidenceError(
                f"{title} must have at least one column, got a table without columns"
            )
        return {
            str(name): partial(_feature, f"column {str(name)!r} of {title}", column, index)
            for name, column in inside.items()
        }
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] > 1:
        return {f"x{i}": partial(read, title, value[:, i]) for i in range(value.shape[1])}
    name = getattr(value, "name", None)  # of a Series
    return {name if isinstance(name, str) and name else _UNNAMED: partial(read, title, value)}


def _feature(title: str, column: Any, index: Any) -> columns.Column:
    """Read a column of a table of features; `index` is the pandas index of the table."""
    return replace(columns.as_column(title, column), index=index)


def are_names(evidence: "Evidence", value: Any) -> bool:
    """Return whether a value is a list of column names, and not an array with a value for each row.

    It is a list of names if it is a list or tuple of at most 20 strings, and at least one of these
    conditions is true: all strings are names of columns of `X` or `data`, or their number is not
    the number of rows.
    """
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


def too_many_groups(title: str, groups: int, max_groups: int) -> str:
    """Return the message of the error for more groups than the option `max_groups` allows.

    `title` names the columns that define the groups.
    """
    return (
        f"the {groups:,} groups of {title} are more than the {max_groups:,} allowed: bin the "
        "values "
        "first, or raise `max_groups`"
    )


def group_name(feature: str, value: object) -> str:
    """Return the name of the group of rows with one value of a feature, such as ``"sex=f"``.

    None means a missing value.

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
    """Return the names, but make repeated names different by a number in parentheses.

    For example, a second "x" becomes "x (2)".
    """
    taken: dict[str, None] = {}
    for name in names:
        new, number = name, 1
        while new in taken:
            number += 1
            new = f"{name} ({number})"
        taken[new] = None
    return tuple(taken)
