"""Counters of values that break a rule, of occurrences of values, and of values in bins.

A counter is an object that says what to count in a column while the table is read.
"""

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import from_numpy, scalar
from mlgates.errors import EvidenceError
from mlgates.profile import patterns
from mlgates.profile.column import WHOLE, ColumnView
from mlgates.profile.counter import BatchView, ColumnCounter, Counter, State
from mlgates.profile.distributions import CellCounts, Ecdf, Frequencies, as_points
from mlgates.profile.sketch import PARTS, QuantileSketch
from mlgates.stats.buckets import count_unsorted
from mlgates.stats.counting import Edges, Ends, distance, in_order, round_to
from mlgates.stats.knots import Knots
from mlgates.tables import encoding, exact
from mlgates.tables.encoding import distinct_as_doubles
from mlgates.tables.exact import Exact

__all__ = [
    "AtPoints",
    "BinCounts",
    "Distribution",
    "Fractional",
    "In",
    "Infinite",
    "Missing",
    "NotIn",
    "NotMatching",
    "NumericSample",
    "Occurrences",
    "Ordered",
    "Outside",
    "Side",
    "ValueCounts",
    "Violations",
    "current_counter",
    "cuts_together",
]

Ordered = Ecdf | QuantileSketch
Side = Ordered | Frequencies

#: If the reference has fewer values per bin than this, chance has an influence on the edges of
#: bins.
_FEW_A_CELL = 200
#: If values of the reference are tied, chance has an influence on the edges up to this number of
#: values.
_FEW = 10_000
#: Kinds of columns whose values can be compared with each other.
COMPARABLE = frozenset(
    {"int", "float", "decimal", "bool", "string", "binary", "null"}
    | {"date", "time", "timestamp", "duration"}
)
#: Number of row numbers that a result keeps.
SHOWN = 5
_BLOCK = 1 << 14
Mask: TypeAlias = npt.NDArray[np.bool_]
_ORDERED = WHOLE | {"float", "decimal"}
_READABLE = COMPARABLE | {"nested"}


@dataclass(frozen=True)
class Violations(State):
    """Number of values that violate a rule, and the row numbers of the first five of them.

    It is the result of an object that tests a rule, such as `Missing` or `Outside`.

    Attributes
    ----------
    count : int
        Number of values that violate the rule.
    n : int
        Number of values that were tested. For `Missing`, number of rows.
    rows : tuple of int
        Row numbers, from 0, of the first five violations.
    alike : int
        Number of strings that differ from an allowed string only in case, blanks or Unicode form.
        Only `NotIn` counts them; otherwise 0.

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
        """Return the violations in the rows of `self` followed by the rows of `other`.

        `shift` is the number of rows that `self` covers. It is added to the row numbers of `other`.
        """
        rows = self.rows + tuple(row + shift for row in other.rows)
        counts = (self.count + other.count, self.n + other.n, rows[:SHOWN])
        return Violations(*counts, alike=self.alike + other.alike)

    def unordered(self) -> "Violations":
        """Return a copy without row numbers, which can be merged in any order."""
        return replace(self, rows=())


def require_kind(view: ColumnView, kinds: frozenset[str], purpose: str) -> ColumnView:
    """Return the column `view`; raise EvidenceError if the kind of its values is not in `kinds`.

    A kind is a type of values, such as "int" or "string". EvidenceError is also raised if the
    column cannot be read. `purpose` is the end of the error message "column 'x' has bool values,
    which cannot be ...".
    """
    actual = view.field
    if actual.kind == "unreadable":
        raise EvidenceError(actual.problem or f"column {actual.name!r} cannot be read")
    if actual.kind not in kinds:
        held = f"column {actual.name!r} has {actual.kind} values ({actual.type})"
        raise EvidenceError(f"{held}, which cannot be {purpose}")
    return view


def first_true(mask: Mask, most: int = SHOWN) -> npt.NDArray[np.intp]:
    """Return the positions of the first `most` true elements of a mask.

    The rest of the mask is not read.
    """
    positions: list[npt.NDArray[np.intp]] = []
    found = 0
    for start in range(0, len(mask), _BLOCK):
        positions.append(start + np.flatnonzero(mask[start : start + _BLOCK]))
        found += len(positions[-1])
        if found >= most:
            break
    return np.concatenate(positions)[:most] if positions else np.empty(0, np.intp)


def _violations_at(mask: Mask, view: ColumnView) -> Violations:
    """Return `Violations` for a mask that is True where a value of a column violates a rule.

    The mask has one element for each row of the column `view`, or one for each of its values that
    is not missing.
    """
    rows = first_true(mask, view.shown)
    if len(mask) < view.rows and len(rows):
        rows = np.flatnonzero(~view.missing_mask())[rows]
    return Violations(int(np.count_nonzero(mask)), view.valid, tuple(rows.tolist()))


def matching(
    view: ColumnView, matches: Callable[[Any], Any], *, allowed: bool, by_row: bool = True
) -> Violations:
    """Count the values of a column that break a rule, given a function that tests values.

    Parameters
    ----------
    view : ColumnView
        The column.
    matches : callable
        Takes an Arrow array that is not dictionary-encoded. Returns a bool for each value, and null
        for a null.
    allowed : bool
        If True, the values for which `matches` returns False break the rule. If False, the values
        for which it returns True break the rule.
    by_row : bool
        If True, each row is tested. If False, or if the column is dictionary-encoded, each distinct
        value is tested once.
    """
    if not by_row or view.is_encoded:
        counts = view.code_counts
        used = counts > 0
        hit = encoding.filled(matches(view.encoded.dictionary.filter(from_numpy(used))), 0)
        # Missing rows have the code -1, so the last element is for them.
        violates = np.zeros(len(counts) + 1, np.bool_)
        violates[:-1][used] = ~hit if allowed else hit
        if not violates.any():
            return Violations(0, view.valid)
        return _violations_at(violates[view.codes], view)
    hits = matches(view.plain)
    number = int(pc.sum(hits).as_py() or 0)
    if number == (view.valid if allowed else 0):
        return Violations(0, view.valid)
    mask = encoding.filled(hits, 0)
    return _violations_at(~(mask | view.missing_mask()) if allowed else mask, view)


def is_in(array: Any, values: tuple[object, ...], given: pa.DataType) -> Any:
    """Return a mask of the elements of an Arrow array that equal one of `values` exactly.

    `given` is the Arrow type that the column has in the user's table, see `ColumnView.given_type`.
    It can differ from the type of `array`.
    """
    return pc.is_in(array, value_set=_value_set(values, types_of(values), array.type, given))


def _is_code(array: Any, values: tuple[object, ...], given: pa.DataType) -> Any:
    """Return the mask of `is_in`, faster if no string is as short as the `values`."""
    if pa.types.is_large_string(array.type) or pa.types.is_string(array.type):
        listed = _value_set(values, types_of(values), array.type, given)
        most = pc.max(pc.binary_length(listed)).as_py()
        least = pc.min(pc.binary_length(array)).as_py()
        if most is None or least is None or least > most:
            return from_numpy(np.zeros(len(array), np.bool_))
    return is_in(array, values, given)


@lru_cache(maxsize=32)
def _value_set(
    values: tuple[object, ...],
    types: tuple[str, ...],  # noqa: ARG001  (part of the key)
    type_: pa.DataType,
    given: pa.DataType,
) -> pa.Array:
    """Convert values to `type_`, the type of a column, by `same_values`.

    The result is cached, so that values are converted once for all batches. `given` is the type of
    the column in the user's table. `types` is ``types_of(values)``, and is used only as a part of
    the cache's key. Without it, values that are equal in Python, such as 1 and True, would have the
    same key.
    """
    return exact.same_values(values, type_, given)


@lru_cache(maxsize=32)
def _numbers_among(
    values: tuple[object, ...],
    types: tuple[str, ...],  # noqa: ARG001  (part of the key, as above)
    given: pa.DataType,
) -> list[tuple[object, Exact]]:
    """Return those of some values that a column of numbers or times can have, and their numbers.

    `given` is the type of the column in the user's table. The result is cached for all batches.
    """
    numbers = ((value, exact.exact(value, given)) for value in values)
    return [(value, at) for value, at in numbers if at is not None]


def types_of(values: tuple[object, ...]) -> tuple[str, ...]:
    """Return for each value "bool", "float", or "" if it has another type.

    In Python ``1 == True`` and ``2 == 2.0``, but in some columns these are different values.
    Counters with such values would be equal in Python although they count differently. They
    therefore store the result of this function in a field that is compared, too.

    Examples
    --------
    >>> (1, 2) == (True, 2.0), types_of((1, True, 2.0))
    (True, ('', 'bool', 'float'))
    """
    return tuple(
        "bool"
        if isinstance(value, bool | np.bool_)
        else "float"
        if isinstance(value, float)
        else ""
        for value in values
    )


class _RuleCounter(ColumnCounter):
    """Base class of objects that count the values that violate a rule.

    A subclass, such as `Missing`, defines the rule. The result is a `Violations`.
    """

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all rows of a batch that violate the rule."""
        view = batch[self.column]
        whole = ColumnView(view.array, view.field, shown=view.rows)
        state = self.count(BatchView({self.column: whole}, batch.native, batch.rows))
        return np.array(state.rows, np.int64)

    def count(self, batch: BatchView) -> Violations:
        """Count the violations in one batch of rows."""
        raise NotImplementedError


@dataclass(frozen=True)
class Missing(_RuleCounter):
    """Count the rows in which a column is null or NaN.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [1.5, None, 2.5]}, [Missing("x")])[Missing("x")]
    Violations(count=1, n=3, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Count the rows of one batch in which the column is null or NaN."""
        view = batch[self.column]
        if view.missing == 0:
            return Violations(0, view.rows)
        rows = first_true(view.missing_mask(), view.shown)
        return Violations(view.missing, view.rows, tuple(rows.tolist()))


@dataclass(frozen=True)
class Infinite(_RuleCounter):
    """Count the values that are inf or -inf.

    The count is 0 for columns that are not floats.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [1.5, float("inf")]}, [Infinite("x")])[Infinite("x")]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Count the infinite values of one batch of rows."""
        view = require_kind(batch[self.column], _READABLE, "tested for infinities")
        if view.neg_inf + view.pos_inf == 0:
            return Violations(0, view.valid)
        return _violations_at(np.isinf(view.floats), view)


@dataclass(frozen=True)
class Fractional(ColumnCounter):
    """Count the values that are not whole numbers; infinite values are counted, too.

    Integers are not counted, even if they are stored as floats because values of the column are
    missing.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [1.0, 2.5, None]}, [Fractional("x")])[Fractional("x")]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Count the fractional and infinite values of one batch of rows."""
        view = require_kind(batch[self.column], _READABLE, "tested for whole numbers")
        if view.stored == "decimal":
            present = view.plain.drop_null()
            return _violations_at(
                encoding.filled(pc.not_equal(pc.floor(present), present), 0), view
            )
        if view.field.kind != "float":
            return Violations(0, view.valid)
        whole = np.isfinite(view.values) & (view.values == np.trunc(view.values))
        return _violations_at(~whole, view)


@dataclass(frozen=True)
class Outside(_RuleCounter):
    """Count the values below `at_least` or above `at_most`, compared without rounding.

    The limits are numbers for a column of numbers, and dates, datetimes, times or timedeltas for a
    column of these. A limit of None is not tested.

    `types` is the result of `types_of` for the limits. Counters are equal only if their `types` are
    equal, too. So a counter with the limit 1 differs from one with the limit True, although ``1 ==
    True`` in Python.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> outside = Outside("age", at_least=0, at_most=120)
    >>> Profile.of({"age": [31, -1, None, 200]}, [outside])[outside]
    Violations(count=2, n=3, rows=(1, 3))
    """

    at_least: object = None
    at_most: object = None
    types: tuple[str, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", types_of((self.at_least, self.at_most)))

    def count(self, batch: BatchView) -> Violations:
        """Count the values of one batch of rows that are outside of the limits."""
        view = batch[self.column]
        if view.field.kind == "null":
            return Violations(0, 0)
        require_kind(view, _ORDERED, "compared with limits")
        violates = np.zeros(view.valid, np.bool_)
        sides = ((self.at_least, view.min, np.less), (self.at_most, view.max, np.greater))
        for limit, extreme, beyond in sides:
            if limit is None:
                continue
            number = exact.exact(limit, view.given_type)
            if number is None:
                raise EvidenceError(
                    f"column {view.field.name!r} has {view.field.kind} values "
                    f"({view.field.type}), which cannot be compared with the limit {limit!r}"
                )
            if extreme is not None:
                end = _to_fraction(extreme)
                if end < number if beyond is np.less else end > number:
                    violates |= _compare(view, number, beyond)
        return _violations_at(violates, view)


@dataclass(frozen=True)
class _ValuesCounter(ColumnCounter):
    """Base class of objects that compare the values of a column with a list, and count them.

    `values` is this list. `types` is ``types_of(values)``. Counters are equal only if their `types`
    are equal, too. So a counter with the value 1 differs from one with the value True, although
    ``1 == True`` in Python.
    """

    values: tuple[object, ...]
    types: tuple[str, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", types_of(self.values))


@dataclass(frozen=True)
class NotIn(_ValuesCounter, _RuleCounter):
    """Count values that are not in `values`.

    Numbers are compared by value. A bool does not equal a number.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> allowed = NotIn("country", ("DE", "FR"))
    >>> Profile.of({"country": ["DE", "IT", None]}, [allowed])[allowed]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Count the values of one batch of rows that are not in `values`.

        Strings that differ from an allowed string only in case, blanks or Unicode form are also
        counted separately, as `Violations.alike`.
        """
        view = require_kind(batch[self.column], COMPARABLE, "compared with allowed values")
        if view.valid == 0:
            return Violations(0, 0)
        violations = matching(
            view, partial(is_in, values=self.values, given=view.given_type), allowed=True
        )
        if violations.count == 0 or view.field.kind != "string":
            return violations
        allowed = {value for value in self.values if isinstance(value, str)}
        folded = set(map(_fold, allowed))
        counts = zip(view.encoded.dictionary.to_pylist(), view.code_counts.tolist(), strict=True)
        alike = (n for text, n in counts if text not in allowed and _fold(text) in folded)
        return replace(violations, alike=sum(alike))


@dataclass(frozen=True)
class In(_ValuesCounter, _RuleCounter):
    """Count values that are in `values`, such as codes for a missing value.

    Numbers are compared by value. A string or a bool does not equal a number.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> coded = In("income", (-999, "NA"))
    >>> Profile.of({"income": [1200.0, -999.0, None]}, [coded])[coded]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Count the values of one batch of rows that equal one of `values`."""
        view = require_kind(batch[self.column], _READABLE, "compared with values")
        values = self.values
        if view.min is not None and view.max is not None and view.field.kind != "bool":
            # A value that is less than the column's minimum, or greater than its maximum, does not
            # occur in it.
            low, high = _to_fraction(view.min), _to_fraction(view.max)
            numbers = _numbers_among(values, self.types, view.given_type)
            values = tuple(value for value, at in numbers if low <= at <= high)
        if view.field.kind == "nested" or not values or view.valid == 0:
            return Violations(0, view.valid)
        matches = partial(_is_code, values=values, given=view.given_type)
        return matching(view, matches, allowed=False)


@dataclass(frozen=True)
class NotMatching(_RuleCounter):
    """Count the strings that a regular expression (`pattern`) does not match from start to end.

    The expression has the meaning that it has in Python's `re.fullmatch`. See
    `mlgates.profile.patterns.translate` for the expressions that are supported.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> codes = NotMatching("code", "[A-Z][0-9]+")
    >>> Profile.of({"code": ["A1", "A1x", None, "B22"]}, [codes])[codes]
    Violations(count=1, n=3, rows=(1,))
    """

    pattern: str

    def count(self, batch: BatchView) -> Violations:
        """Count the strings of one batch of rows that the pattern does not match."""
        view = batch[self.column]
        if view.field.kind == "null":
            return Violations(0, 0)
        require_kind(view, frozenset({"string"}), "matched with a regular expression")
        by_row = not view.is_encoded and patterns.are_mostly_distinct(view)
        match = partial(patterns.matches, self.pattern)
        return matching(view, match, allowed=True, by_row=by_row)


@dataclass(frozen=True)
class Distribution(ColumnCounter):
    """Determine the distribution of a column: an `Ecdf`, or `Frequencies` for bools and strings.

    Dates are converted to days since 1970, and times and durations to integers in the unit of the
    column. Decimals are rounded to doubles.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> profile = Profile.of({"x": [3, 1], "c": ["b", "a"]})
    >>> profile[Distribution("x")], profile[Distribution("c")]
    (Ecdf(n=2, min=1, max=3), Frequencies(n=2, values=2))
    """

    def count(self, batch: BatchView) -> Ecdf | Frequencies:
        """Return the distribution of the values of one batch of rows."""
        view = batch[self.column]
        if view.field.kind in {"bool", "string"}:
            return Frequencies.counted(view.encoded.dictionary, view.code_counts)
        require_kind(view, _ORDERED | {"null"}, "summarized as a distribution")
        if view.stored == "decimal":
            # `_numbers_of` raises if distinct decimals are rounded to the same double.
            _numbers_of(view)
        return Ecdf([in_order(view.values)])


@dataclass(frozen=True)
class NumericSample(ColumnCounter):
    """Keep the values of a column of numbers as an `Ecdf`, which is sorted only when necessary.

    Until it is sorted, the `Ecdf` refers to the values of the table itself, and not to a copy.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [3, None, 1]}, [NumericSample("x")])[NumericSample("x")]
    Ecdf(n=2, min=1, max=3)
    """

    @property
    def subsumed_by(self) -> Distribution:
        """The counter `Distribution` of the same column.

        If a run requests both counters, only `Distribution` is applied, because its result has the
        same values, sorted.
        """
        return Distribution(self.column)

    def count(self, batch: BatchView) -> Ecdf:
        """Return the values of the column in one batch of rows, as an `Ecdf`."""
        return Ecdf([_numbers_of(batch[self.column])], ordered=False)


@dataclass(frozen=True)
class AtPoints(ColumnCounter):
    """Count for each of some points the values below it, and the values below or equal to it.

    The result is a `QuantileSketch`, with these counts as `low` and `high`. The values are not
    sorted. `points` are finite, sorted and distinct; many points are given as `Knots`. `reach` has
    one number for each point, by default 0: values that differ from the point by at most this
    number count as equal to the point. Decimals are rounded to doubles.

    With ``tails=True``, the result also has a sum of distances: the distance of each value below
    the first point from that point, and of each value above the last point from that point.

    `subsumed_by` is a counter with a result from which these counts follow. If a run requests both,
    only `subsumed_by` is applied. By default there is no such counter.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> counter = AtPoints("x", points=(1.0, 2.0))
    >>> sketch = Profile.of({"x": [0.5, 1.0, 2.5, None]}, [counter])[counter]
    >>> sketch.low, sketch.high
    (array([1, 2]), array([2, 2]))
    """

    points: tuple[float, ...] | Knots
    tails: bool = False
    reach: tuple[float, ...] = ()
    subsumed_by: Counter | None = field(default=None, compare=False)

    @cached_property
    def _prepared(self) -> tuple[npt.NDArray[Any], Knots, Any, Any]:
        """The points, the knots, and the positions of the first and last knot of each point.

        All values between these two knots count as equal to the point.
        """
        if isinstance(self.points, Knots):
            return self.points.points, self.points, slice(None), slice(None)
        points = as_points(self.points)
        if not self.reach:
            return points, Knots(points), slice(None), slice(None)
        first, last = points - self.reach, points + self.reach
        knots = np.union1d(first, last)
        return points, Knots(knots), np.searchsorted(knots, first), np.searchsorted(knots, last)

    def count(self, batch: BatchView) -> QuantileSketch:
        """Count the values of one batch below each of `points`, and those below or equal to it."""
        view = batch[self.column]
        points, knots, first, last = self._prepared
        values = _numbers_of(view)
        low, high = knots.count(values)
        low, high = low[first], high[last]
        beyond = 0.0 if self.tails else math.nan
        if self.tails and len(points) and view.min is not None and view.max is not None:
            if view.min < points[0].item():
                beyond += _sum_beyond(values, points[:1], above=False)
            if view.max > points[-1].item():
                beyond += _sum_beyond(values, points[-1:], above=True)
        ends = Ends(view.valid, view.neg_inf, view.pos_inf)
        return QuantileSketch(points, low, high, ends, beyond=beyond)


@dataclass(frozen=True)
class BinCounts(ColumnCounter):
    """Count the values in each bin between given points, without sorting the values.

    The result is a `CellCounts`. The points are edges of bins: they are finite, sorted and
    distinct. A value equal to a point is counted in the bin below it, unless the element of `atoms`
    for this point is True: then the values equal to this point are a bin of their own. The first
    bin is for -inf, and the last one for inf.

    `reach` has a number for each point: values that differ from the point by at most this number
    count as equal to it. By default only equal values do.

    `subsumed_by` is another counter (an object that says what to count) with a result that contains
    the same counts. If a run requests both, only `subsumed_by` is applied. By default there is no
    such counter.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> counter = BinCounts("x", points=(1.0, 2.0), atoms=(False, True))
    >>> table = {"x": [0.5, 1.0, 2.0, 2.5, None]}
    >>> # the bins: -inf, up to 1, between 1 and 2, equal to 2, above 2, inf
    >>> Profile.of(table, [counter])[counter].counts.tolist()
    [0, 2, 0, 1, 1, 0]
    """

    points: tuple[float, ...]
    atoms: tuple[bool, ...]
    subsumed_by: Counter | None = field(default=None, compare=False)
    reach: tuple[float, ...] = ()

    def count(self, batch: BatchView) -> CellCounts:
        """Count the values of one batch of rows in each bin."""
        view = batch[self.column]
        values = _numbers_of(view)
        reach = np.array(self.reach) if self.reach else None
        edges = Edges(as_points(self.points), np.array(self.atoms, np.bool_), reach=reach)
        ends = Ends(view.valid, view.neg_inf, view.pos_inf)
        return CellCounts(count_unsorted(values, edges, ends))


@dataclass(frozen=True)
class ValueCounts(ColumnCounter):
    """Count how often each value of a column occurs.

    Columns of nested values are refused with EvidenceError.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"store": [7, 7, 8]}, [ValueCounts("store")])[ValueCounts("store")][7]
    2
    """

    def count(self, batch: BatchView) -> Frequencies:
        """Count how often each value occurs in one batch of rows."""
        view = require_kind(batch[self.column], COMPARABLE, "counted by value")
        return Frequencies.counted(view.encoded.dictionary, view.code_counts)


@dataclass(frozen=True)
class Occurrences(_ValuesCounter):
    """Count how often each element of `values` occurs in a column.

    Other values of the column are ignored. Values are compared as by `In`.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> stores = Occurrences("store", (7, 9))
    >>> Profile.of({"store": [7, 7, 8]}, [stores])[stores].counts.tolist()
    [2, 0]
    """

    def count(self, batch: BatchView) -> CellCounts:
        """Count how often each element of `values` occurs in one batch of rows."""
        view = require_kind(batch[self.column], COMPARABLE, "counted by value")
        dictionary, counts = view.encoded.dictionary, np.zeros(len(self.values), np.int64)
        if len(dictionary):
            cells, positions = exact.stored_values(self.values, dictionary.type, view.given_type)
            where = encoding.filled(pc.index_in(cells, value_set=dictionary), -1)
            counts[positions[where >= 0]] = view.code_counts[where[where >= 0]]
        return CellCounts(counts)


def current_counter(
    name: str, reference: Side | None, edges: Edges | None = None, *, in_bins: bool = True
) -> Counter:
    """Return the counter for a column of the data that is compared with a reference.

    A counter is an object that says what to count in a column.

    Parameters
    ----------
    name : str
        The column.
    reference : Ecdf, QuantileSketch, Frequencies or None
        The distribution of the column in the reference: all numbers (`Ecdf`), a summary of them
        (`QuantileSketch`), or the counts of categories (`Frequencies`). None if there is none.
    edges : Edges, optional
        The edges of bins between quantiles of the reference.
    in_bins : bool
        Whether the comparison needs only the counts in bins. If False, it also compares single
        values, as the Kolmogorov-Smirnov distance does.

    Returns
    -------
    Counter
        The counter that keeps the least that the comparison needs. It is the first of these that
        applies:

        - `BinCounts`, which counts the values in the bins between `edges`, if `edges` are given,
          `in_bins` is True, and the test of significance needs no other bins (`cuts_together` is
          False).
        - `NumericSample`, which keeps all values, if `reference` is an `Ecdf`.
        - `AtPoints`, which counts the values below, and below or equal to, each point of the
          sketch, if `reference` is a `QuantileSketch`. Exception: if `edges` are given, `in_bins`
          is True, and the sketch has all values of the reference, it is `Distribution`.
        - `Distribution`, which keeps all values.
    """
    finer: Counter = NumericSample(name) if isinstance(reference, Ecdf) else Distribution(name)
    reach = () if edges is None or edges.reach is None else tuple(edges.reach.tolist())
    if isinstance(reference, QuantileSketch):
        finer = AtPoints(name, tuple(reference.points.tolist()), tails=True)
        if edges is not None and any(reach):
            at_points = np.zeros(len(reference.points))
            at_points[np.searchsorted(reference.points, edges.points)] = reach
            finer = AtPoints(name, finer.points, tails=True, reach=tuple(at_points.tolist()))
    if edges is None or not in_bins:
        return finer
    if not cuts_together(reference, edges):
        points, atoms = tuple(edges.points.tolist()), tuple(edges.atoms.tolist())
        return BinCounts(name, points, atoms, finer, reach if any(reach) else ())
    has_all = isinstance(reference, QuantileSketch) and reference.n <= PARTS
    return Distribution(name) if has_all else finer


def cuts_together(reference: Side | None, edges: Edges) -> TypeGuard[Ordered]:
    """Return whether a test of significance needs bins that are made from both tables together.

    `reference` is the distribution of a column in the reference, and `edges` are the edges of bins
    between quantiles of this distribution. If the reference has few values, some of them are
    frequent only by chance, and become bins of their own. The data have smaller shares in these
    bins, which would look like drift.

    So the result is True if the reference has fewer than 200 values per bin. It is also True if it
    has at most 10,000 values, and an edge of a bin occurs in it more than once. It is False if
    `reference` is not a distribution of numbers.
    """
    if not isinstance(reference, Ordered):
        return False
    is_thin = reference.n < _FEW_A_CELL * (len(edges.points) + 1)
    return is_thin or (edges.tied and reference.n <= _FEW)


def _numbers_of(view: ColumnView) -> npt.NDArray[np.generic]:
    """Return the values of a column of numbers; decimals are rounded to doubles.

    Missing values are left out.

    Raises
    ------
    EvidenceError
        If the column is not a column of numbers, or if distinct decimals of it are rounded to the
        same double.
    """
    actual = view.field
    if actual.kind not in {"int", "float", "decimal", "null"}:
        raise EvidenceError(
            f"column {actual.name!r} must have numbers, got {actual.kind} values ({actual.type})"
        )
    if view.stored == "decimal" and not distinct_as_doubles(view.plain):
        raise EvidenceError(
            f"column {actual.name!r} ({actual.type}) has distinct values that are equal when "
            "rounded to doubles; round them to fewer digits, or convert them to strings"
        )
    return view.values


def _fold(text: str) -> str:
    """Return a string without blanks, in the same form for all cases and Unicode variants."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _sum_beyond(values: npt.NDArray[Any], point: npt.NDArray[Any], *, above: bool) -> float:
    """Return the sum of the distances of values from a point, for the values on one side of it.

    If `above` is True, these are the values above the point, else those below it. `point` is an
    array with one element.
    """
    keys, are_all = round_to(point, values.dtype, up=not above)
    if not are_all[0]:
        values = values[(values > keys[0] if above else values < keys[0]).nonzero()[0]]
    # If the sum overflows, it is infinite, and is treated as unknown.
    with np.errstate(over="ignore"):
        return float(distance(values, point[0]).sum())


def _to_fraction(value: float | Decimal) -> Exact:
    """Return a number as an exact fraction; an infinity stays a float."""
    infinite = isinstance(value, float) and math.isinf(value)
    return float(value) if infinite else Fraction(value)


def _compare(view: ColumnView, limit: Exact, beyond: np.ufunc) -> npt.NDArray[np.bool_]:
    """Return a mask of the values below (`np.less`) or above (`np.greater`) a limit.

    The comparison is exact: the limit is first rounded, towards the allowed values, to a value that
    the column's type represents.
    """
    below = beyond is np.less
    if view.field.kind == "float":
        edge = exact.ceil_float(limit) if below else exact.floor_float(limit)
        return np.asarray(beyond(view.values.astype(np.float64, copy=False), edge))
    none_or_all = np.full(view.valid, (limit > 0) is below)
    if isinstance(limit, float):
        return none_or_all
    if view.stored == "decimal":
        type_ = view.plain.type
        scaled = limit * Fraction(10) ** type_.scale
        units = math.ceil(scaled) if below else math.floor(scaled)
        if abs(units) >= 10**type_.precision:
            return none_or_all
        least = scalar(exact.to_decimal(units, type_.scale), type_)
        compare = pc.less if below else pc.greater
        return encoding.filled(compare(view.plain.drop_null(), least), 0)
    units = math.ceil(limit) if below else math.floor(limit)
    if not exact.within(units, view.values.dtype):
        return none_or_all
    return np.asarray(beyond(view.values, view.values.dtype.type(units)))
