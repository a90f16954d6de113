"""What a data gate can ask to have counted: values that say so, and the states that add up.

A counter is a frozen value; the state that it counts stands under it in the profile. States of
consecutive rows merge into the state of all of them.
"""

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.profile import patterns
from mlgates.profile.column import WHOLE, ColumnView
from mlgates.profile.duplicates import Duplicated, Duplicates
from mlgates.profile.ecdf import Ecdf
from mlgates.profile.frequencies import Frequencies
from mlgates.profile.groups import GroupMissing, MissingBy, MissingWhere
from mlgates.profile.knots import numbers_of
from mlgates.profile.sample import Sample
from mlgates.profile.violations import (
    Counter,
    OfColumn,
    OfValues,
    State,
    Views,
    Violations,
    alike,
    among_values,
    first_true,
    judge,
    members,
    need,
    readable,
    where,
)
from mlgates.tables.exact import Exact, ceil_float, exact, floor_float, to_decimal, within

__all__ = [
    "Counter",
    "Distribution",
    "Duplicated",
    "Duplicates",
    "Fractional",
    "GroupMissing",
    "In",
    "Infinite",
    "Missing",
    "MissingBy",
    "MissingWhere",
    "NotIn",
    "NotMatching",
    "Numbers",
    "Outside",
    "State",
    "ValueCounts",
    "Violations",
]


@dataclass(frozen=True)
class Missing(OfColumn):
    """Rows that are null or NaN; every row is judged.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [1.5, None, 2.5]}, [Missing("x")])[Missing("x")]
    Violations(count=1, n=3, rows=(1,))
    """

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = views[self.column]
        if view.missing == 0:
            return Violations(0, view.rows)
        rows = first_true(view.missing_mask())
        return Violations(view.missing, view.rows, tuple(rows.tolist()))


@dataclass(frozen=True)
class Infinite(OfColumn):
    """Values that are inf or -inf; only columns of floats have any.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [1.5, float("inf")]}, [Infinite("x")])[Infinite("x")]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = readable(views[self.column])
        if view.neg_inf + view.pos_inf == 0:
            return Violations(0, view.valid)
        return where(np.isinf(view.floats), view)


@dataclass(frozen=True)
class Fractional(OfColumn):
    """Values that are no whole numbers, infinite ones among them: integers have none.

    A column of integers that missing cells turned into floats has none either.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [1.0, 2.5, None]}, [Fractional("x")])[Fractional("x")]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = readable(views[self.column])
        if view.field.kind == "decimal":
            present = view.plain.drop_null()
            return among_values(np.asarray(pc.not_equal(pc.floor(present), present)), view)
        if view.field.kind != "float":
            return Violations(0, view.valid)
        whole = np.isfinite(view.values) & (view.values == np.trunc(view.values))
        return among_values(~whole, view)


@dataclass(frozen=True)
class Outside(OfColumn):
    """Values below `at_least` or above `at_most`, compared exactly.

    Parameters
    ----------
    column : str
        Name of a column of numbers or times.
    at_least, at_most : optional
        Inclusive limits: numbers, or dates, datetimes, times, timedeltas for such columns.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
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
        need(view, WHOLE | {"float", "decimal"}, "limits")
        low = self._limit(self.at_least, view)
        high = self._limit(self.at_most, view)
        if view.min is None or view.max is None:
            return Violations(0, 0)
        beyond = np.zeros(view.valid, np.bool_)
        if low is not None and _exactly(view.min) < low:
            beyond |= _compare(view, low, np.less)
        if high is not None and _exactly(view.max) > high:
            beyond |= _compare(view, high, np.greater)
        return among_values(beyond, view)

    @staticmethod
    def _limit(limit: object, view: ColumnView) -> Exact | None:
        if limit is None:
            return None
        number = exact(limit, view.plain.type)
        if number is None:
            msg = (
                f"column {view.field.name!r} holds {view.field.kind} values ({view.field.type}): "
                f"they cannot be compared with the limit {limit!r}"
            )
            raise EvidenceError(msg)
        return number


@dataclass(frozen=True)
class NotIn(OfValues):
    """Values that are none of `values`.

    Parameters
    ----------
    column : str
        Name of the column.
    values : tuple
        Allowed values. Numbers are compared by value, a bool is not a number.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> allowed = NotIn("country", ("DE", "FR"))
    >>> Profile.of({"country": ["DE", "IT", None]}, [allowed])[allowed]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = readable(views[self.column])
        if view.field.kind == "nested":
            need(view, frozenset(), "allowed values")
        found = members(view, self.values, offend=False)
        if found.count and view.field.kind == "string":
            return replace(found, alike=alike(view, self.values))
        return found


@dataclass(frozen=True)
class In(OfValues):
    """Values that are one of `values`: texts and numbers that stand for a missing value.

    Parameters
    ----------
    column : str
        Name of the column.
    values : tuple
        Numbers are compared by value; a text never equals a number, nor a bool a number.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> coded = In("income", (-999, "NA"))
    >>> Profile.of({"income": [1200.0, -999.0, None]}, [coded])[coded]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, views: Views, native: object) -> Violations:
        """Violations of one batch."""
        del native
        view = readable(views[self.column])
        if view.field.kind == "nested":
            return Violations(0, view.valid)
        values = _within_extremes(self.values, view)
        return members(view, values, offend=True) if values else Violations(0, view.valid)


@dataclass(frozen=True)
class NotMatching(OfColumn):
    """Texts of which not the whole is matched by a regular expression.

    Parameters
    ----------
    column : str
        Name of a column of texts.
    pattern : str
        Regular expression in the syntax and meaning of Python's `re`.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
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
        need(view, frozenset({"string"}), "a regular expression")
        by_row = not view.is_encoded and patterns.is_worth_each_row(self.pattern, view)
        return judge(
            view, lambda texts: patterns.matches(self.pattern, texts), offend=False, by_row=by_row
        )


@dataclass(frozen=True)
class Distribution(OfColumn):
    """The distribution: `Ecdf` of numbers and times, `Frequencies` of bools and texts.

    Parameters
    ----------
    column : str
        Name of the column. Times count in their unit, dates in days, decimals as doubles.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> profile = Profile.of({"x": [3, 1], "c": ["b", "a"]})
    >>> profile[Distribution("x")], profile[Distribution("c")]
    (Ecdf(n=2, min=1, max=3), Frequencies(n=2, values=2))
    """

    sorts: ClassVar[bool] = True

    def count(self, views: Views, native: object) -> Ecdf | Frequencies:
        """Distribution in one batch."""
        del native
        view = views[self.column]
        if view.field.kind in {"bool", "string"}:
            return _frequencies(view)
        need(view, WHOLE | {"float", "decimal", "null"}, "a distribution")
        if view.field.kind == "decimal":
            # Refuses what doubles can't tell apart.
            numbers_of(view)
        return Ecdf([view.ordered])


@dataclass(frozen=True)
class Numbers(OfColumn):
    """The distribution of numbers as a `Sample`: what is asked of it may need no sorting.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [3, None, 1]}, [Numbers("x")])[Numbers("x")]
    Sample(n=2)
    """

    sorts: ClassVar[bool] = True

    @property
    def finer(self) -> Distribution:
        """What tells the same: where a gate asks for that, this is not counted."""
        return Distribution(self.column)

    def count(self, views: Views, native: object) -> Sample:
        """Sample of one batch."""
        del native
        view = views[self.column]
        values = numbers_of(view)
        if view.min is None or view.max is None:
            return Sample([], (math.nan, math.nan))
        ends = float(view.min), float(view.max)
        return Sample([values], ends, view.ordered if view.is_ordered else None)


@dataclass(frozen=True)
class ValueCounts(OfColumn):
    """How often each value occurs, whatever the kind of the column.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"store": [7, 7, 8]}, [ValueCounts("store")])[ValueCounts("store")][7]
    2
    """

    def count(self, views: Views, native: object) -> Frequencies:
        """Counts in one batch."""
        del native
        view = readable(views[self.column])
        if view.field.kind == "nested":
            need(view, frozenset(), "counts of values")
        return _frequencies(view)


def _within_extremes(values: tuple[object, ...], view: ColumnView) -> tuple[object, ...]:
    """Those of `values` that an ordered column can hold, for its extremes are known anyway."""
    if view.min is None or view.max is None or view.field.kind == "bool":
        return values
    low, high = _exactly(view.min), _exactly(view.max)
    known = ((value, exact(value, view.plain.type)) for value in values)
    return tuple(value for value, at in known if at is not None and low <= at <= high)


def _frequencies(view: ColumnView) -> Frequencies:
    return Frequencies.counted(view.encoded.dictionary, view.code_counts)


def _exactly(value: float | Decimal) -> Exact:
    infinite = isinstance(value, float) and math.isinf(value)
    return float(value) if infinite else Fraction(value)


def _compare(view: ColumnView, limit: Exact, beyond: np.ufunc) -> npt.NDArray[np.bool_]:
    """Which values are below (`np.less`) or above (`np.greater`) the limit, exactly.

    The limit is rounded towards the values that are within, to one that the column can hold.
    """
    below = beyond is np.less
    if view.field.kind == "float":
        edge = ceil_float(limit) if below else floor_float(limit)
        return np.asarray(beyond(view.values.astype(np.float64, copy=False), edge))
    if isinstance(limit, float):
        return np.full(view.valid, (limit > 0) is below)
    type_ = view.plain.type
    decimal = view.field.kind == "decimal"
    scaled = limit * 10**type_.scale if decimal else limit
    units = math.ceil(scaled) if below else math.floor(scaled)
    if not _can_hold(view, units):
        return np.full(view.valid, (units > 0) is below)
    if decimal:
        compare = pc.less if below else pc.greater
        scalar = pa.scalar(to_decimal(units, type_.scale), type_)
        return np.asarray(compare(view.plain.drop_null(), scalar), np.bool_)
    return np.asarray(beyond(view.values, view.values.dtype.type(units)))


def _can_hold(view: ColumnView, units: int) -> bool:
    """Whether the column's type can hold so many units of its last place."""
    if view.field.kind == "decimal":
        return bool(abs(units) < 10**view.plain.type.precision)
    return within(units, view.values.dtype)
