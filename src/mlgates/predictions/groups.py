"""Groups and slices of rows: what the values of some columns, crossed, divide the rows into."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.predictions.labels import encoded, is_whole
from mlgates.predictions.lookup import Given, Lookup, Table
from mlgates.predictions.names import apart, value_name
from mlgates.profile.groups import rows_where
from mlgates.tables.columns import Column, as_array, as_column, columns_of, index_of, is_table

__all__ = ["Groups", "Slice", "groups_of", "slices_of"]

#: More groups than these are no groups.
_MOST = 1_000
#: A feature of more groups than these may be an identifier or a measured number.
_FEW = 20
_UNNAMED = "group"

Condition = Callable[..., object]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Slice:
    """A named part of the rows.

    Parameters
    ----------
    name : str
        ``"sex=f"``, or the name of a condition.
    found : array of bool or EvidenceError
        One for each of the rows given, or why its condition picks none.

    Examples
    --------
    >>> Slice("sex=f", np.array([True, False])).rows.tolist()
    [True, False]
    """

    name: str
    found: npt.NDArray[np.bool_] | EvidenceError

    def __post_init__(self) -> None:
        if not isinstance(self.found, EvidenceError):
            self.found.flags.writeable = False

    @property
    def rows(self) -> npt.NDArray[np.bool_]:
        """Whether each row is in it; EvidenceError where that can't be told."""
        if isinstance(self.found, EvidenceError):  # only now: it is to spoil no other slice
            raise self.found.with_traceback(None)
        return self.found


@dataclass(frozen=True, eq=False)
class Groups:
    """Each row in one group, by the values of one feature or of several, crossed.

    Parameters
    ----------
    features : tuple of str
        Names of the features; an unnamed array is "group".
    names : tuple of str
        One a group: ``"sex=1"`` or ``"sex=1, race=b"``, ``"sex=missing"``. A category that is
        declared and has no rows is a group too.
    codes : array of int
        Group of each of the rows given.
    missing : tuple of bool
        Whether a group is one of missing values.

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

    def __post_init__(self) -> None:
        self.codes.flags.writeable = False


def slices_of(given: Given, by: Any) -> tuple[Slice, ...]:
    """Return the slices that some columns, or conditions, make of the rows.

    Parameters
    ----------
    given : Given
        The evidence of a run.
    by : str, sequence of str, mapping or sequence of pairs
        Names of columns, whose values are crossed; or conditions by the slice's name.

    Raises
    ------
    EvidenceError
        For a column that is not there, has other rows than the labels or too many values, and for
        conditions on no table or one of other rows. One that does not give one bool a row spoils
        its own slice alone, whose `rows` raise.
    """
    lookup = Lookup(given)
    pairs = _conditions(by)
    if pairs is not None:
        return tuple(Slice(name, _where(lookup, name, condition)) for name, condition in pairs)
    names = (by,) if isinstance(by, str) else tuple(by)
    groups = _crossed(lookup, {name: lookup.named(name) for name in names})
    return tuple(Slice(name, groups.codes == code) for code, name in enumerate(groups.names))


def _conditions(by: Any) -> list[tuple[str, Condition]] | None:
    """Return pairs of name and condition; None for names of columns."""
    if isinstance(by, Mapping):
        return list(by.items())
    if isinstance(by, str) or all(isinstance(name, str) for name in by):
        return None
    return list(by)


def _where(
    lookup: Lookup, name: str, condition: Condition
) -> npt.NDArray[np.bool_] | EvidenceError:
    """Return the rows of a condition on `X`, or on `data` where it can't be answered on `X`."""
    tables = [table for table in ("X", "data") if table in lookup.given]
    if not tables:
        msg = f"slice {name!r} is a condition on a table, and neither `X` nor `data` was given"
        raise EvidenceError(msg)
    found = _rows(lookup, tables[0], name, condition)
    if isinstance(found, EvidenceError) and found.__cause__ is not None and len(tables) > 1:
        return _rows(lookup, tables[1], name, condition)  # (the cause is what the condition raised)
    return found


def _rows(
    lookup: Lookup, table: str, name: str, condition: Condition
) -> npt.NDArray[np.bool_] | EvidenceError:
    rows, native = lookup.table(table), lookup.given.read_only(table)
    try:
        found = rows_where(name, condition, native, None if rows is None else rows.rows)
    except EvidenceError as error:
        return error
    lookup.align(rows or Table(f"`{table}`", len(found)))
    return found


def groups_of(given: Given, features: Any) -> Groups:
    """Return the groups that one or several sensitive features, crossed, make of the rows.

    Parameters
    ----------
    given : Given
        The evidence of a run.
    features : str or sequence of str
        A name of evidence, or names of columns.

    Raises
    ------
    EvidenceError
        For features with other rows than the labels, and for those that make no groups:
        identifiers and measured numbers.
    """
    lookup = Lookup(given)
    value = given[features] if isinstance(features, str) and features in given else features
    columns = _features(lookup, value, str(features))
    return _crossed(lookup, columns, check=_refuse_ungrouped)


def _features(lookup: Lookup, value: Any, evidence: str) -> dict[str, Column]:
    said = f"`{evidence}`"
    if isinstance(value, str):
        return {value: lookup.named(value, said)}
    if are_names(lookup, value):
        return {name: lookup.named(name, said) for name in value}
    if is_table(value):
        inside = columns_of(said, value)
        if not inside:
            msg = f"{said} has no columns"
            raise EvidenceError(msg)
        index = index_of(value)
        return {
            str(name): replace(as_column(f"column {str(name)!r} of {said}", column), index=index)
            for name, column in inside.items()
        }
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] > 1:
        array = as_array(said, value)
        return {f"x{i}": as_column(said, array[:, i]) for i in range(array.shape[1])}
    name = getattr(value, "name", None)
    return {name if isinstance(name, str) and name else _UNNAMED: as_column(said, value)}


def are_names(lookup: Lookup, value: Any) -> bool:
    """Whether a list holds names of columns rather than a group a row."""
    if (
        not isinstance(value, list | tuple)
        or not value
        or len(value) > _FEW
        or not all(isinstance(name, str) for name in value)
    ):
        return False
    known = {
        name for table in ("X", "data") if table in lookup.given for name in lookup.names(table)
    }
    if known.issuperset(value):
        return True
    anchor = lookup.anchor()
    return anchor is not None and anchor.rows != len(value)


def _refuse_ungrouped(column: Column, codes: Codes, values: list[Any]) -> None:
    """Raise for an identifier or a measured number."""
    if len(values) <= _FEW or column.declares:
        return
    advice = "bin it first, or give a feature with fewer groups"
    if len(values) * 2 > len(codes):
        msg = f"{column.said} has {len(values):,} distinct values in {len(codes):,} rows, which "
        msg += f"looks like an identifier: {advice}"
        raise EvidenceError(msg)
    if column.field.kind in ("float", "decimal") and not all(map(is_whole, values)):
        msg = f"{column.said} is a measured number with {len(values):,} distinct values: {advice}"
        raise EvidenceError(msg)


def _crossed(
    lookup: Lookup,
    columns: Mapping[str, Column],
    check: Callable[[Column, Codes, list[Any]], None] = lambda *_: None,
) -> Groups:
    """Return groups by the values of some columns: sorted by value, missing ones last."""
    if not columns:
        msg = "no column was named to make groups of"
        raise EvidenceError(msg)
    for column in columns.values():
        lookup.align(column)
    codes = np.zeros(next(iter(columns.values())).rows, np.intp)
    combined: list[tuple[Any, ...]] = [()]
    for column in columns.values():
        found = encoded(column, declared=True)
        check(column, *found)
        ranks, values = _ranked(column, *found)
        codes = codes * len(values) + ranks
        present = np.bincount(codes, minlength=len(combined) * len(values)) > 0
        if len(columns) == 1:
            present[:] = True  # a category that is declared and has no rows
        places = np.flatnonzero(present)
        _refuse_many(len(places), " and ".join(column.said for column in columns.values()))
        combined = [(*combined[p // len(values)], values[p % len(values)]) for p in places.tolist()]
        codes = (np.cumsum(present) - 1)[codes]
    names = apart([", ".join(map(value_name, columns, combination)) for combination in combined])
    missing = tuple(None in combination for combination in combined)
    return Groups(tuple(columns), names, codes.astype(np.intp, copy=False), missing)


def _ranked(column: Column, codes: Codes, values: list[Any]) -> tuple[Codes, list[Any]]:
    """Return each row's place among the sorted values, and these; None, for missing, is last."""
    _refuse_many(len(values), column.said)
    order = list(range(len(values)))
    if not (column.declares and getattr(column.array.type, "ordered", False)):
        order.sort(key=values.__getitem__)
    rank = np.empty(len(values) + 1, np.intp)
    rank[order] = np.arange(len(values))
    rank[-1] = len(values)
    absent = bool((codes < 0).any())
    return rank[codes], [values[place] for place in order] + [None] * absent


def _refuse_many(groups: int, said: str) -> None:
    if groups > _MOST:
        msg = f"{said} would make {groups:,} groups, too many: at most {_MOST:,}; bin it first"
        raise EvidenceError(msg)
