"""The counters of the built-in gates."""

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any, ClassVar, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.profile import patterns
from mlgates.profile.column import WHOLE, ColumnView
from mlgates.profile.counter import BatchView, ColumnCounter, Counter, State
from mlgates.profile.distributions import CellCounts, Ecdf, Frequencies, Sample, as_points
from mlgates.profile.sketch import PARTS, QuantileSketch
from mlgates.stats.counting import Edges, Ends, count_unsorted, tally
from mlgates.tables import exact
from mlgates.tables.encoding import distinct_as_doubles
from mlgates.tables.exact import Exact

__all__ = [
    "Distribution",
    "Missing",
    "NumericSample",
    "Ordered",
    "Side",
    "Violations",
    "current_counter",
    "cuts_together",
]

Ordered = Ecdf | Sample | QuantileSketch
Side = Ordered | Frequencies

#: With so many values in each cell, chance plays a part in edges only where several are equal,
_FEW_A_CELL = 200
#: and of more than so many values one that is too small to matter.
_FEW = 10_000
#: Kinds whose values can be compared with others.
COMPARABLE = frozenset(
    {"int", "float", "decimal", "bool", "string", "binary", "null"}
    | {"date", "time", "timestamp", "duration"}
)
#: How many row numbers are kept.
SHOWN = 5
_BLOCK = 1 << 14
Mask: TypeAlias = npt.NDArray[np.bool_]
_ORDERED = WHOLE | {"float", "decimal"}
_READABLE = COMPARABLE | {"nested"}


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
    return pc.is_in(array, value_set=exact.same_values(values, array.type))


def are_bools(values: tuple[object, ...]) -> tuple[bool, ...]:
    """Return which values are bools: counters that differ in this alone would be equal otherwise.

    Examples
    --------
    >>> (1, 0) == (True, False), are_bools((1, False))
    (True, (False, True))
    """
    return tuple(isinstance(value, bool | np.bool_) for value in values)


@dataclass(frozen=True)
class Missing(ColumnCounter):
    """Count rows that are null or NaN.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [1.5, None, 2.5]}, [Missing("x")])[Missing("x")]
    Violations(count=1, n=3, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Return the missing rows of one batch."""
        view = batch[self.column]
        if view.missing == 0:
            return Violations(0, view.rows)
        rows = first_true(view.missing_mask())
        return Violations(view.missing, view.rows, tuple(rows.tolist()))


@dataclass(frozen=True)
class Infinite(ColumnCounter):
    """Count values that are inf or -inf; only columns of floats have any.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [1.5, float("inf")]}, [Infinite("x")])[Infinite("x")]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Return the infinite values of one batch."""
        view = need(batch[self.column], _READABLE, "any values")
        if view.neg_inf + view.pos_inf == 0:
            return Violations(0, view.valid)
        return where(np.isinf(view.floats), view)


@dataclass(frozen=True)
class Fractional(ColumnCounter):
    """Count values that are no whole numbers, infinite ones too.

    Integers have none; a column of integers that missing cells turned into floats has none either.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [1.0, 2.5, None]}, [Fractional("x")])[Fractional("x")]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Return the fractional values of one batch."""
        view = need(batch[self.column], _READABLE, "any values")
        if view.field.kind == "decimal":
            present = view.plain.drop_null()
            return where(np.asarray(pc.not_equal(pc.floor(present), present)), view)
        if view.field.kind != "float":
            return Violations(0, view.valid)
        whole = np.isfinite(view.values) & (view.values == np.trunc(view.values))
        return where(~whole, view)


@dataclass(frozen=True)
class Outside(ColumnCounter):
    """Count values below `at_least` or above `at_most`, compared exactly.

    The limits are numbers, or dates, datetimes, times, timedeltas for such columns.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> outside = Outside("age", at_least=0, at_most=120)
    >>> Profile.of({"age": [31, -1, None, 200]}, [outside])[outside]
    Violations(count=2, n=3, rows=(1, 3))
    """

    at_least: object = None
    at_most: object = None

    def count(self, batch: BatchView) -> Violations:
        """Return the values of one batch that are beyond a limit."""
        view = batch[self.column]
        if view.field.kind == "null":
            return Violations(0, 0)
        need(view, _ORDERED, "limits")
        broken = np.zeros(view.valid, np.bool_)
        sides = ((self.at_least, view.min, np.less), (self.at_most, view.max, np.greater))
        for limit, extreme, beyond in sides:
            if limit is None:
                continue
            number = exact.exact(limit, view.plain.type)
            if number is None:
                msg = (
                    f"column {view.field.name!r} holds {view.field.kind} values "
                    f"({view.field.type}): they cannot be compared with the limit {limit!r}"
                )
                raise EvidenceError(msg)
            if extreme is not None:
                end = _exactly(extreme)
                if end < number if beyond is np.less else end > number:
                    broken |= _compare(view, number, beyond)
        return where(broken, view)


@dataclass(frozen=True)
class _OfValues(ColumnCounter):
    """A counter of one column that compares with values."""

    values: tuple[object, ...]
    bools: tuple[bool, ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "bools", are_bools(self.values))


@dataclass(frozen=True)
class NotIn(_OfValues):
    """Count values that are none of `values`.

    Numbers are compared by value, a bool is not a number.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> allowed = NotIn("country", ("DE", "FR"))
    >>> Profile.of({"country": ["DE", "IT", None]}, [allowed])[allowed]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Return the other values of one batch; of texts also how many are nearly allowed."""
        view = need(batch[self.column], COMPARABLE, "allowed values")
        if view.valid == 0:
            return Violations(0, 0)
        found = matching(view, partial(is_in, values=self.values), allowed=True)
        if found.count == 0 or view.field.kind != "string":
            return found
        folded = {_fold(value) for value in self.values if isinstance(value, str)}
        counts = zip(view.encoded.dictionary.to_pylist(), view.code_counts.tolist(), strict=True)
        alike = (n for text, n in counts if text not in self.values and _fold(text) in folded)
        return replace(found, alike=sum(alike))


@dataclass(frozen=True)
class In(_OfValues):
    """Count values that are one of `values`: texts and numbers that stand for a missing value.

    Numbers are compared by value; a text or a bool never equals a number.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> coded = In("income", (-999, "NA"))
    >>> Profile.of({"income": [1200.0, -999.0, None]}, [coded])[coded]
    Violations(count=1, n=2, rows=(1,))
    """

    def count(self, batch: BatchView) -> Violations:
        """Return the values of one batch that are one of them."""
        view = need(batch[self.column], _READABLE, "any values")
        values = self.values
        if view.min is not None and view.max is not None and view.field.kind != "bool":
            # Those between the extremes, which are known anyway.
            low, high = _exactly(view.min), _exactly(view.max)
            numbers = ((value, exact.exact(value, view.plain.type)) for value in values)
            values = tuple(v for v, at in numbers if at is not None and low <= at <= high)
        if view.field.kind == "nested" or not values or view.valid == 0:
            return Violations(0, view.valid)
        return matching(view, partial(is_in, values=values), allowed=False)


@dataclass(frozen=True)
class NotMatching(ColumnCounter):
    """Count texts that a regular expression does not match as a whole.

    It has the syntax and meaning of Python's `re`; see `mlgates.profile.patterns.translate`.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> codes = NotMatching("code", "[A-Z][0-9]+")
    >>> Profile.of({"code": ["A1", "A1x", None, "B22"]}, [codes])[codes]
    Violations(count=1, n=3, rows=(1,))
    """

    pattern: str

    def count(self, batch: BatchView) -> Violations:
        """Return the texts of one batch that are not matched."""
        view = batch[self.column]
        if view.field.kind == "null":
            return Violations(0, 0)
        need(view, frozenset({"string"}), "a regular expression")
        by_row = not view.is_encoded and patterns.are_mostly_distinct(view)
        match = partial(patterns.matches, self.pattern)
        return matching(view, match, allowed=True, by_row=by_row)


@dataclass(frozen=True)
class Distribution(ColumnCounter):
    """Count the distribution: `Ecdf` of numbers and times, `Frequencies` of bools and texts.

    Times count in their unit, dates in days, decimals as doubles.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> profile = Profile.of({"x": [3, 1], "c": ["b", "a"]})
    >>> profile[Distribution("x")], profile[Distribution("c")]
    (Ecdf(n=2, min=1, max=3), Frequencies(n=2, values=2))
    """

    needs_sorted: ClassVar[bool] = True

    def count(self, batch: BatchView) -> Ecdf | Frequencies:
        """Return the distribution in one batch."""
        view = batch[self.column]
        if view.field.kind in {"bool", "string"}:
            return Frequencies.counted(view.encoded.dictionary, view.code_counts)
        need(view, _ORDERED | {"null"}, "a distribution")
        if view.field.kind == "decimal":
            # Refuses those that doubles merge.
            numbers_of(view)
        return Ecdf([view.in_order()])


@dataclass(frozen=True)
class NumericSample(ColumnCounter):
    """Keep the numbers of a column as a `Sample`, which sorts them only when it must.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"x": [3, None, 1]}, [NumericSample("x")])[NumericSample("x")]
    Sample(n=2)
    """

    needs_sorted: ClassVar[bool] = True

    @property
    def subsumed_by(self) -> Distribution:
        """The sorted distribution."""
        return Distribution(self.column)

    def count(self, batch: BatchView) -> Sample:
        """Return the sample of one batch."""
        view = batch[self.column]
        values = numbers_of(view)
        if view.min is None or view.max is None:
            return Sample([], (math.nan, math.nan))
        return Sample([values], (float(view.min), float(view.max)), view.sorted_values)


@dataclass(frozen=True)
class AtPoints(ColumnCounter):
    """Count values below, and up to, given finite, sorted, distinct points, in linear time.

    With `tails` the distances of the values beyond the outermost points from them are added up.
    Decimals count as doubles.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> at = AtPoints("x", (1.0, 2.0))
    >>> Profile.of({"x": [0.5, 1.0, 2.5, None]}, [at])[at].high
    array([2, 2])
    """

    points: tuple[float, ...]
    tails: bool = False

    def count(self, batch: BatchView) -> QuantileSketch:
        """Return the counts in one batch."""
        view = batch[self.column]
        points, values = as_points(self.points), numbers_of(view)
        low, high = tally(values, points)
        beyond = 0.0 if self.tails else math.nan
        if self.tails and len(points) and view.min is not None and view.max is not None:
            first, last = points[0].item(), points[-1].item()
            # A point may be beyond what the column's type holds.
            with np.errstate(over="ignore"):
                if view.min < first:
                    beyond += _sum_of_distances(values[values < first], first)
                if view.max > last:
                    beyond += _sum_of_distances(values[values > last], last)
        ends = Ends(view.valid, view.neg_inf, view.pos_inf)
        return QuantileSketch(points, low, high, ends, beyond=beyond)


@dataclass(frozen=True)
class BinCounts(ColumnCounter):
    """Count the values in each cell between given points, in one pass per point, without a sort.

    `points` are finite, sorted and distinct; `atoms` tells which of them are cells of their own.
    The counts can be read off the state of `subsumed_by` as well.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> cells = BinCounts("x", (1.0, 2.0), (False, True))
    >>> Profile.of({"x": [0.5, 1.0, 2.0, 2.5, None]}, [cells])[cells].counts.tolist()
    [0, 2, 0, 1, 1, 0]
    """

    points: tuple[float, ...]
    atoms: tuple[bool, ...]
    subsumed_by: Counter | None = field(default=None, compare=False)

    def count(self, batch: BatchView) -> CellCounts:
        """Return the counts in one batch."""
        view = batch[self.column]
        values = numbers_of(view)
        edges = Edges(as_points(self.points), np.array(self.atoms, np.bool_))
        ends = Ends(view.valid, view.neg_inf, view.pos_inf)
        return CellCounts(count_unsorted(values, edges, ends))


@dataclass(frozen=True)
class ValueCounts(ColumnCounter):
    """Count how often each value occurs, whatever the kind of the column.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> Profile.of({"store": [7, 7, 8]}, [ValueCounts("store")])[ValueCounts("store")][7]
    2
    """

    def count(self, batch: BatchView) -> Frequencies:
        """Return the counts in one batch."""
        view = need(batch[self.column], COMPARABLE, "counts of values")
        return Frequencies.counted(view.encoded.dictionary, view.code_counts)


def current_counter(name: str, side: Side | None, edges: Edges | None = None) -> Counter:
    """Return the counter of the current side of a column, given the reference's.

    More than the cells of a small reference, for then both sides make those of a test.
    With `edges` only the cells are needed, and nothing is sorted.
    """
    finer: Counter = NumericSample(name) if isinstance(side, Sample) else Distribution(name)
    if isinstance(side, QuantileSketch):
        finer = AtPoints(name, tuple(side.points.tolist()), tails=True)
    if edges is None or not cuts_together(side, edges):
        if edges is None:
            return finer
        return BinCounts(name, tuple(edges.points.tolist()), tuple(edges.atoms.tolist()), finer)
    return Distribution(name) if isinstance(side, QuantileSketch) and side.n <= PARTS else finer


def cuts_together(side: Side | None, edges: Edges) -> TypeGuard[Ordered]:
    """Return whether a reference is so small that chance makes some of its edges.

    Of many equal values some have, among few, a cell's share by chance; made cells because of that,
    they seem to have lost it in the data. Then both sides together say where a test cuts.
    """
    if not isinstance(side, Ordered):
        return False
    is_thin = side.n < _FEW_A_CELL * (len(edges.points) + 1)
    return is_thin or (edges.tied and side.n <= _FEW)


def numbers_of(view: ColumnView) -> npt.NDArray[np.generic]:
    """Return the values of a column of numbers; EvidenceError for any other.

    Also for decimals that differ by less than the doubles by which they are replaced.
    """
    found = view.field
    if found.kind not in {"int", "float", "decimal", "null"}:
        msg = f"column {found.name!r} holds {found.kind} values ({found.type}), no numbers"
        raise EvidenceError(msg)
    if found.kind == "decimal" and not distinct_as_doubles(view.plain):
        msg = (
            f"column {found.name!r} holds values ({found.type}) that differ by less than doubles "
            "can tell; give it with fewer digits, or as texts"
        )
        raise EvidenceError(msg)
    return view.values


def _fold(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _sum_of_distances(values: npt.NDArray[Any], point: Any) -> float:
    """Sum the distances of values on one side of a point from it."""
    if values.dtype.kind == "f" or isinstance(point, float):
        # Infinite where doubles have no such number: then the distance is not known.
        with np.errstate(over="ignore"):
            return float(np.abs(values.astype(np.float64) - point).sum())
    # Of integers they are exact before they are rounded: modulo 2**64, in which each one fits.
    away = values.astype(np.uint64) - np.uint64(point % 2**64)
    return float((away if values[0] > point else 0 - away).astype(np.float64).sum())


def _exactly(value: float | Decimal) -> Exact:
    infinite = isinstance(value, float) and math.isinf(value)
    return float(value) if infinite else Fraction(value)


def _compare(view: ColumnView, limit: Exact, beyond: np.ufunc) -> npt.NDArray[np.bool_]:
    """Return which values are below (`np.less`) or above (`np.greater`) the limit, exactly.

    The limit is rounded towards the values that are within, to one that the column can hold.
    """
    below = beyond is np.less
    if view.field.kind == "float":
        edge = exact.ceil_float(limit) if below else exact.floor_float(limit)
        return np.asarray(beyond(view.values.astype(np.float64, copy=False), edge))
    none_or_all = np.full(view.valid, (limit > 0) is below)
    if isinstance(limit, float):
        return none_or_all
    if view.field.kind == "decimal":
        type_ = view.plain.type
        scaled = limit * 10**type_.scale
        units = math.ceil(scaled) if below else math.floor(scaled)
        if abs(units) >= 10**type_.precision:
            return none_or_all
        scalar = pa.scalar(exact.to_decimal(units, type_.scale), type_)
        compare = pc.less if below else pc.greater
        return np.asarray(compare(view.plain.drop_null(), scalar), np.bool_)
    units = math.ceil(limit) if below else math.floor(limit)
    if not exact.within(units, view.values.dtype):
        return none_or_all
    return np.asarray(beyond(view.values, view.values.dtype.type(units)))
