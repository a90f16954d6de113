"""What a data gate can ask to have counted: values that say so, and the states that add up.

A counter is a frozen value; the state that it counts stands under it in the profile. States of
consecutive rows merge into the state of all of them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.data import patterns
from mlgates.data.column import WHOLE, ColumnView
from mlgates.data.ecdf import Ecdf
from mlgates.data.exact import Exact, ceil_float, exact, floor_float, same_values, to_decimal
from mlgates.data.frequencies import Frequencies
from mlgates.errors import EvidenceError

__all__ = [
    "Counter",
    "Distribution",
    "In",
    "Infinite",
    "Missing",
    "NotIn",
    "NotMatching",
    "Outside",
    "State",
    "ValueCounts",
    "Violations",
]

#: How many row numbers are kept.
_SHOWN = 5
Views = Mapping[str, ColumnView]


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

    Examples
    --------
    >>> Violations(1, 10, (3,)).merge(Violations(2, 10, (0, 9)), shift=10)
    Violations(count=3, n=20, rows=(3, 10, 19))
    """

    count: int
    n: int
    rows: tuple[int, ...] = ()

    def merge(self, other: "Violations", shift: int) -> "Violations":
        """Violations among the rows of both; `shift` is the number of rows before `other`."""
        rows = self.rows + tuple(row + shift for row in other.rows)
        return Violations(self.count + other.count, self.n + other.n, rows[:_SHOWN])


@dataclass(frozen=True)
class _OfColumn:
    """A counter of one column."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that is read."""
        return (self.column,)


@dataclass(frozen=True)
class Missing(_OfColumn):
    """Rows that are null or NaN; every row is judged.

    Parameters
    ----------
    column : str
        Name of the column.

    Examples
    --------
    >>> from mlgates.data.profile import Profile
    >>> Profile.of({"x": [1.5, None, 2.5]}, [Missing("x")])[Missing("x")]
    Violations(count=1, n=3, rows=(1,))
    """

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = views[self.column]
        if view.missing == 0:
            return Violations(0, view.rows)
        rows = np.flatnonzero(view.missing_mask())[:_SHOWN]
        return Violations(view.missing, view.rows, tuple(rows.tolist()))


@dataclass(frozen=True)
class Infinite(_OfColumn):
    """Values that are inf or -inf; only columns of floats have any.

    Parameters
    ----------
    column : str
        Name of the column.

    Examples
    --------
    >>> from mlgates.data.profile import Profile
    >>> Profile.of({"x": [1.5, float("inf")]}, [Infinite("x")])[Infinite("x")]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = _readable(views[self.column])
        if view.neg_inf + view.pos_inf == 0:
            return Violations(0, view.valid)
        return _where(np.isinf(view.floats), view)


@dataclass(frozen=True)
class Outside(_OfColumn):
    """Values below `at_least` or above `at_most`, compared exactly.

    Parameters
    ----------
    column : str
        Name of a column of numbers or times.
    at_least, at_most : optional
        Inclusive limits: numbers, or dates, datetimes, times, timedeltas for such columns.

    Examples
    --------
    >>> from mlgates.data.profile import Profile
    >>> outside = Outside("age", at_least=0, at_most=120)
    >>> Profile.of({"age": [31, -1, None, 200]}, [outside])[outside]
    Violations(count=2, n=3, rows=(1, 3))
    """

    at_least: object = None
    at_most: object = None

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = views[self.column]
        if view.field.kind == "null":
            return Violations(0, 0)
        _need(view, WHOLE | {"float", "decimal"}, "limits")
        low = self._limit(self.at_least, view)
        high = self._limit(self.at_most, view)
        if view.min is None or view.max is None:
            return Violations(0, 0)
        beyond = np.zeros(view.valid, np.bool_)
        if low is not None and _exactly(view.min) < low:
            beyond |= _compare(view, low, np.less)
        if high is not None and _exactly(view.max) > high:
            beyond |= _compare(view, high, np.greater)
        return _among_values(beyond, view)

    @staticmethod
    def _limit(limit: object, view: ColumnView) -> Exact | None:
        if limit is None:
            return None
        number = exact(limit, view.plain.type)
        if number is None:
            msg = (
                f"Column {view.field.name!r} holds {view.field.kind} values ({view.field.type}): "
                f"they cannot be compared with the limit {limit!r}."
            )
            raise EvidenceError(msg)
        return number


@dataclass(frozen=True)
class NotIn(_OfColumn):
    """Values that are none of `values`.

    Parameters
    ----------
    column : str
        Name of the column.
    values : tuple
        Allowed values. Numbers are compared by value, a bool is not a number.

    Examples
    --------
    >>> from mlgates.data.profile import Profile
    >>> allowed = NotIn("country", ("DE", "FR"))
    >>> Profile.of({"country": ["DE", "IT", None]}, [allowed])[allowed]
    Violations(count=1, n=2, rows=(1,))
    """

    values: tuple[object, ...]

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = _readable(views[self.column])
        if view.field.kind == "nested":
            _need(view, frozenset(), "allowed values")
        return _members(view, self.values, offend=False)


@dataclass(frozen=True)
class In(_OfColumn):
    """Values that are one of `values`: texts and numbers that stand for a missing value.

    Parameters
    ----------
    column : str
        Name of the column.
    values : tuple
        Numbers are compared by value; a text never equals a number, nor a bool a number.

    Examples
    --------
    >>> from mlgates.data.profile import Profile
    >>> coded = In("income", (-999, "NA"))
    >>> Profile.of({"income": [1200.0, -999.0, None]}, [coded])[coded]
    Violations(count=1, n=2, rows=(1,))
    """

    values: tuple[object, ...]

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = _readable(views[self.column])
        if view.field.kind == "nested":
            return Violations(0, view.valid)
        return _members(view, self.values, offend=True)


@dataclass(frozen=True)
class NotMatching(_OfColumn):
    """Texts of which not the whole is matched by a regular expression.

    Parameters
    ----------
    column : str
        Name of a column of texts.
    pattern : str
        Regular expression in the syntax and meaning of Python's `re`.

    Examples
    --------
    >>> from mlgates.data.profile import Profile
    >>> codes = NotMatching("code", "[A-Z][0-9]+")
    >>> Profile.of({"code": ["A1", "A1x", None, "B22"]}, [codes])[codes]
    Violations(count=1, n=3, rows=(1,))
    """

    pattern: str

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = views[self.column]
        if view.field.kind == "null":
            return Violations(0, 0)
        _need(view, frozenset({"string"}), "a regular expression")
        by_row = not view.is_encoded and patterns.is_worth_each_row(self.pattern, view)
        return _judge(
            view, lambda texts: patterns.matches(self.pattern, texts), offend=False, by_row=by_row
        )


@dataclass(frozen=True)
class Distribution(_OfColumn):
    """The distribution: `Ecdf` of numbers and times, `Frequencies` of bools and texts.

    Parameters
    ----------
    column : str
        Name of the column. Times count in their unit, dates in days, decimals as doubles.

    Examples
    --------
    >>> from mlgates.data.profile import Profile
    >>> profile = Profile.of({"x": [3, 1], "c": ["b", "a"]})
    >>> profile[Distribution("x")], profile[Distribution("c")]
    (Ecdf(n=2, min=1, max=3), Frequencies(n=2, values=2))
    """

    def count(self, views: Views, native: object) -> Ecdf | Frequencies:
        """Distribution in one batch."""
        del native
        view = views[self.column]
        if view.field.kind in {"bool", "string"}:
            return _frequencies(view)
        _need(view, WHOLE | {"float", "decimal", "null"}, "a distribution")
        return Ecdf.of(view.values)


@dataclass(frozen=True)
class ValueCounts(_OfColumn):
    """How often each value occurs, whatever the kind of the column.

    Parameters
    ----------
    column : str
        Name of the column.

    Examples
    --------
    >>> from mlgates.data.profile import Profile
    >>> Profile.of({"store": [7, 7, 8]}, [ValueCounts("store")])[ValueCounts("store")][7]
    2
    """

    def count(self, views: Views, native: object) -> Frequencies:
        """Counts in one batch."""
        del native
        view = _readable(views[self.column])
        if view.field.kind == "nested":
            _need(view, frozenset(), "counts of values")
        return _frequencies(view)


# What counters share ------------------------------------------------------------------------------


def _need(view: ColumnView, kinds: frozenset[str], what: str) -> None:
    """Refuse a column of another kind, saying why."""
    field = view.field
    if field.kind == "unreadable":
        raise EvidenceError(field.problem or f"Column {field.name!r} cannot be read.")
    if field.kind not in kinds:
        msg = f"Column {field.name!r} holds {field.kind} values ({field.type}): no use for {what}."
        raise EvidenceError(msg)


def _readable(view: ColumnView) -> ColumnView:
    if view.field.kind == "unreadable":
        _need(view, frozenset(), "any values")
    return view


def _where(offending: npt.NDArray[np.bool_], view: ColumnView) -> Violations:
    """Violations from a mask over all rows."""
    rows = np.flatnonzero(offending)
    return Violations(len(rows), view.valid, tuple(rows[:_SHOWN].tolist()))


def _among_values(offending: npt.NDArray[np.bool_], view: ColumnView) -> Violations:
    """Violations from a mask over the values that are not missing."""
    positions = np.flatnonzero(offending)
    first = positions[:_SHOWN]
    rows = view.valid_rows[first] if len(first) and view.missing else first
    return Violations(len(positions), view.valid, tuple(rows.tolist()))


def _frequencies(view: ColumnView) -> Frequencies:
    return Frequencies.counted(view.encoded.dictionary, view.code_counts)


def _exactly(value: int | float | Decimal) -> Exact:
    infinite = isinstance(value, float) and math.isinf(value)
    return float(value) if infinite else Fraction(value)


def _compare(view: ColumnView, limit: Exact, beyond: np.ufunc) -> npt.NDArray[np.bool_]:
    """Which values are below (`np.less`) or above (`np.greater`) the limit, exactly.

    The limit is rounded towards the values that are within, to one that the column can hold.
    """
    below = beyond is np.less
    kind = view.field.kind
    if kind == "float":
        edge = ceil_float(limit) if below else floor_float(limit)
        result: npt.NDArray[np.bool_] = beyond(view.values.astype(np.float64, copy=False), edge)
        return result
    scale = view.plain.type.scale if kind == "decimal" else 0
    if isinstance(limit, float):
        return np.full(view.valid, (limit > 0) is below)
    units = math.ceil(limit * 10**scale) if below else math.floor(limit * 10**scale)
    if kind != "decimal":
        limits = np.iinfo(view.values.dtype)
        if not limits.min <= units <= limits.max:
            return np.full(view.valid, (units > 0) is below)
        result = beyond(view.values, view.values.dtype.type(units))
        return result
    if abs(units) >= 10**view.plain.type.precision:
        return np.full(view.valid, (units > 0) is below)
    edge_scalar = pa.scalar(to_decimal(units, scale), view.plain.type)
    compare = pc.less if below else pc.greater
    return np.asarray(compare(view.plain.drop_null(), edge_scalar).to_numpy(), np.bool_)


def _members(view: ColumnView, values: tuple[object, ...], *, offend: bool) -> Violations:
    """Values that are (`offend`) or are not one of `values`."""
    if view.valid == 0:
        return Violations(0, 0)
    type_ = view.encoded.dictionary.type if view.is_encoded else view.plain.type
    same = same_values(values, type_)
    return _judge(view, lambda array: pc.is_in(array, value_set=same), offend=offend, by_row=True)


Hits = Callable[[pa.Array | pa.ChunkedArray], pa.Array | pa.ChunkedArray]


def _judge(view: ColumnView, hits: Hits, *, offend: bool, by_row: bool) -> Violations:
    """Values for which `hits` is true (`offend`) or false: once a value where they are encoded."""
    if view.is_encoded or not by_row:
        return _judge_codes(view, hits, offend=offend)
    hit = hits(view.plain)
    number = int(pc.sum(hit).as_py() or 0)
    count = number if offend else view.valid - number
    if count == 0:
        return Violations(0, view.valid)
    mask = np.asarray(hit.fill_null(False).to_numpy(), np.bool_)  # noqa: FBT003
    return _where(mask if offend else ~(mask | view.missing_mask()), view)


def _judge_codes(view: ColumnView, hits: Hits, *, offend: bool) -> Violations:
    counts = view.code_counts
    used = counts > 0
    hit = np.asarray(hits(view.encoded.dictionary.filter(pa.array(used))), np.bool_)
    # One place more, for the code -1 of missing rows.
    offending = np.zeros(len(counts) + 1, np.bool_)
    offending[:-1][used] = hit if offend else ~hit
    if not offending.any():
        return Violations(0, view.valid)
    return _where(offending[view.codes], view)
