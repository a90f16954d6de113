"""Exact distributions of a column: numbers, categories, or counts in bins."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import from_numpy
from mlgates.errors import EvidenceError
from mlgates.profile.counter import State
from mlgates.stats import buckets, counting, twosample
from mlgates.stats.buckets import Bucketed
from mlgates.stats.counting import Edges
from mlgates.stats.knots import Knots
from mlgates.stats.many_columns import Pair, compare_group, fits, groups_of
from mlgates.tables import encoding
from mlgates.tables.exact import same_values

__all__ = ["CellCounts", "Comparison", "Ecdf", "Frequencies", "compare_together"]

Values: TypeAlias = npt.NDArray[Any]
Counts: TypeAlias = npt.NDArray[np.int64]

#: Merged frequencies are added up when their parts have more values than twice the distinct values
#: plus this number.
_FEW_ENTRIES = 1 << 16
#: Values looked at to see whether most are tied.
_LOOKED_AT = 2_048
#: A sample with more distinct values has no `Ecdf.knots`.
_MOST_KNOTS = 1 << 16


def concatenated(parts: Sequence[Values]) -> Values:
    """Join arrays of numbers to one array, of a type that represents each value exactly.

    `parts` are non-empty arrays of integers or floats. Without parts the result has no values.

    Raises
    ------
    EvidenceError
        If doubles cannot represent some of the integers exactly, and no type of integers can be
        used: because some arrays have floats, or because one array has unsigned integers of 64 bits
        and another one negative integers.

    Examples
    --------
    >>> concatenated([np.array([1, 2]), np.array([0.5])])
    array([1. , 2. , 0.5])
    """
    if not parts:
        return np.empty(0)
    common = np.result_type(*parts)
    if common.kind in "iu" or len({part.dtype for part in parts}) == 1:
        return np.concatenate(parts)
    if all(part.dtype.kind != "f" and part.min() >= 0 for part in parts):
        return np.concatenate([part.astype(np.uint64) for part in parts])
    doubles = [part.astype(np.float64) for part in parts]
    # float(2**63 - 1) is 2**63, which int64 lacks. Its conversion depends on the processor.
    if any(
        rounded.max() >= float(np.iinfo(part.dtype).max)
        or not np.array_equal(part, rounded.astype(part.dtype))
        for part, rounded in zip(parts, doubles, strict=True)
        if part.dtype.kind != "f" and part.dtype.itemsize == 8
    ):
        raise EvidenceError(
            "no numeric type represents all values: integers beyond 2**53 cannot be merged with "
            "floats, and integers from 2**63 on cannot be merged with negative integers"
        )
    return np.concatenate(doubles)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The distances of a sample from its reference, as `Ecdf.compare` returns them.

    Attributes
    ----------
    ks : float
        Kolmogorov-Smirnov distance. NaN if a sample is empty.
    area : float
        Wasserstein distance in the unit of the values, rounded to 12 digits. NaN if it was not
        requested, or if a sample is empty or has an infinite value.
    spread : float
        Scale of the reference, see `mlgates.stats.twosample.spread`. NaN if the Wasserstein
        distance was not requested, or if the reference is empty.
    beyond : tuple of int
        Number of values of the sample below the smallest value of the reference, and above its
        largest value. Both are 0 if the Wasserstein distance was not requested.
    """

    ks: float
    area: float
    spread: float
    beyond: tuple[int, int]


class Ecdf(State):
    """Empirical cumulative distribution function of a column: its values, sorted when necessary.

    `Distribution` and `NumericSample` return this object. It refers to the arrays of the table
    until `finalize` or `values` has sorted them; until then, the table must not be changed.

    Parameters
    ----------
    parts : sequence of numpy.ndarray
        Integers or floats without NaN, one array per batch of rows.
    ordered : bool
        Whether each array is sorted, as `mlgates.stats.counting.in_order` returns it.

    Examples
    --------
    >>> ecdf = Ecdf.of(np.array([3.0, 1.0, np.nan, 2.0]))
    >>> ecdf.n, ecdf.values
    (3, array([1., 2., 3.]))
    >>> ecdf.merge(Ecdf([np.array([9, 2])], ordered=False)).values
    array([1., 2., 2., 3., 9.])
    """

    def __init__(self, parts: Sequence[Values] = (), *, ordered: bool = True) -> None:
        self._parts = tuple(part for part in parts if len(part))
        self._ordered = ordered
        self.n = sum(map(len, self._parts))
        self._edges: dict[int, Edges] = {}
        self._counts: dict[Edges, Counts] = {}
        self._knots: dict[frozenset[int], Knots | None] = {}
        #: The last reference that this sample was compared with, and the results.
        self._compared: tuple[Ecdf, Comparison] | None = None

    @classmethod
    def of(cls, array: npt.NDArray[np.generic]) -> "Ecdf":
        """Return the distribution of an array of integers or floats; NaN is left out."""
        if array.dtype.kind not in "iuf":
            raise EvidenceError(
                f"expected an array of numbers, got an array with dtype {array.dtype}"
            )
        return cls([counting.in_order(array)])

    @property
    def values(self) -> Values:
        """The sorted values, shape (n,): 64-bit integers if all of them are integers, else doubles.

        EvidenceError is raised if no type represents all values, for example if integers beyond
        2**53 were merged with floats.
        """
        if not self._ordered:
            self._parts = tuple(map(counting.in_order, self._parts))
            self._ordered = True
        if len(self._parts) != 1:
            joined = concatenated(self._parts)
            # A stable sort merges the parts, which are sorted already, in linear time.
            joined.sort(kind="stable")
            joined.flags.writeable = False
            self._parts = (joined,)
        return self._parts[0]

    @property
    def unsorted(self) -> Values:
        """All values in one array, in any order, with the number type that the table has."""
        if len(self._parts) != 1:
            self._parts, self._ordered = (concatenated(self._parts),), False
        return self._parts[0]

    def edges(self, bins: int, *others: int) -> Edges:
        """Return the edges of bins that have about equal shares of the values.

        `bins` is the number of bins. `stats.buckets.Bucketed.edges` defines the edges. `others` are
        other numbers of bins, for which edges will be needed later. They are computed and stored
        now, because this needs no further pass over the values.
        """
        lacking = {bins, *others} - set(self._edges)
        if lacking:
            bucketed = Bucketed(self.unsorted, buckets.grid_of(self.unsorted))
            for number in lacking:
                self._edges[number] = edges = bucketed.edges(number)
                self._counts[edges] = bucketed.cells(edges)
        return self._edges[bins]

    def count(self, edges: Edges) -> Counts:
        """Count the values in each bin between edges, see `stats.buckets.Bucketed.cells`."""
        if edges not in self._counts:
            grid = buckets.grid_of(self.unsorted)
            values = self.values if grid is None else self.unsorted
            self._counts[edges] = Bucketed(values, grid).cells(edges)
        return self._counts[edges]

    def snapped(self, edges: Edges) -> "Ecdf":
        """Return the distribution with rounding errors at atoms removed.

        An atom is an edge that is so frequent that its value is a bin of its own. Each value that
        differs from an atom by at most its element of ``edges.reach`` is replaced by the atom.
        """
        return Ecdf([counting.snapped(self.values, edges)])

    def knots(self, bins: Iterable[int]) -> Knots | None:
        """Return the points at which another sample must be counted to compare it with this one.

        At each point, the other sample is counted by `Knots.count`: the values less than the point,
        and the values less than or equal to it. From these counts follow

        - the exact Kolmogorov-Smirnov distance of the two samples,
        - for each number in `bins`, the counts of the other sample between the edges that
          ``edges(number)`` returns.

        The points are the distinct finite values of this sample. If an edge has a `reach` (see
        `Edges`), the points ``edge - reach`` and ``edge + reach`` are added. The result is None if
        this sample has more than 65,536 distinct values.
        """
        key = frozenset(bins)
        if key not in self._knots:
            # Do not sort many values if the first ones show that there are too many.
            self._knots[key], first = None, self.unsorted[: 2 * _MOST_KNOTS]
            if len(np.unique(first)) <= _MOST_KNOTS:
                values = self.values
                is_new = np.append(True, values[1:] != values[:-1])[: len(values)]
                points = values[is_new & np.isfinite(values)]
                if len(points) <= _MOST_KNOTS:
                    edges = map(self.edges, key)
                    ends = [end for each in edges if each.reach is not None for end in each.ends]
                    self._knots[key] = Knots(np.unique(np.concatenate([points, *ends])))
        return self._knots[key]

    def compare(
        self, other: "Ecdf", bins: Collection[int] = (), *, area: bool = False
    ) -> Comparison:
        """Return the distances of another sample from this reference, and count both in bins.

        To compute all results at once takes fewer passes over the values than to compute each of
        them separately. The edges of the bins are stored in the reference, and the counts in both
        objects; `edges` and `count` return them later. The distances are stored in `other`, so that
        a second call is fast.

        Parameters
        ----------
        other : Ecdf
            The sample to compare with.
        bins : collection of int
            Numbers of bins. For each of them, both samples are counted in this number of bins
            between quantiles of the reference.
        area : bool
            Whether the Wasserstein distance is needed.
        """
        known = other._compared  # noqa: SLF001
        if known is not None and known[0] is self and not (area and math.isnan(known[1].spread)):
            return known[1]
        grid = buckets.grid_of(self.unsorted, other.unsorted)
        x, y = (Bucketed(each.unsorted, grid, sums=area) for each in (self, other))
        if grid is not None:
            wanted = buckets.candidate_buckets(x, y)[1]
            if self.n:
                # The spread of the reference needs its quartiles.
                for number in {*bins, *((4,) if area else ())}:
                    wanted[x.of_ranks(counting.quantile_ranks(self.n, number))] = True
            if area and self.n and other.n:
                for side in (x, y):
                    wanted[side.of_ranks(np.array([1, side.n]))] = True
            crossing = buckets.crossing_buckets(x, y) if area else np.zeros_like(wanted)
            held = int((np.diff(x.before) + np.diff(y.before))[wanted | crossing].sum())
            few = np.sort(self.unsorted[:: max(1, self.n // _LOOKED_AT)])
            if 3 * held > x.n + y.n and not buckets.are_tied(few):
                # If many values would be sorted, it is faster to sort all of them.
                x, y = Bucketed(self.unsorted), Bucketed(other.unsorted)
            else:
                for side in (x, y):
                    side.open(wanted, keeping=crossing)
        for number in bins:
            edges = self._edges.setdefault(number, x.edges(number))
            self._counts[edges], other._counts[edges] = x.cells(edges), y.cells(edges)  # noqa: SLF001
        size, unit, beyond = math.nan, math.nan, (0, 0)
        if area and self.n:
            low, high = y.count(x.at(np.array([1, self.n])))
            beyond = int(low[0]), other.n - int(high[1])
            # Round to 12 digits, because the last digits depend on the order of the rows.
            size = float(f"{buckets.wasserstein(x, y):.12g}")
            unit = twosample.spread(x)
        found = Comparison(buckets.ks(x, y), size, unit, beyond)
        other._compared = self, found  # noqa: SLF001
        return found

    def finalize(self) -> None:
        """Sort the values now instead of when `values` is first read.

        This does nothing for an `Ecdf` of the counter `NumericSample`, because gates that use this
        counter often do not need sorted values.
        """
        if self._ordered:
            _ = self.values

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object: one sorted array."""
        return ((self.values,) if self.n else (),)

    def merge(self, other: "Ecdf", shift: int = 0) -> "Ecdf":  # noqa: ARG002
        """Return the distribution of the values of both objects together.

        `shift` is not used, because the result has no row numbers.
        """
        sides = [side for side in (self, other) if side.n]
        parts = [part for side in sides for part in side._parts]  # noqa: SLF001
        if len({side._ordered for side in sides}) == 2:  # noqa: SLF001
            parts = list(map(counting.in_order, parts))
        return Ecdf(parts, ordered=any(side._ordered for side in sides))  # noqa: SLF001

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ecdf) and np.array_equal(self.values, other.values)

    def __repr__(self) -> str:
        if self.n == 0:
            return "Ecdf(n=0)"
        return f"Ecdf(n={self.n}, min={self.values[0]}, max={self.values[-1]})"


def compare_together(
    samples: Iterable[tuple[Ecdf, Ecdf, Collection[int]]], each: Callable[..., object]
) -> None:
    """Compare many short samples with their references at once, which is faster than one by one.

    The results are stored in the samples and references. `Ecdf.compare`, `Ecdf.edges` and
    `Ecdf.count` then return them. Pairs that `mlgates.stats.many_columns.fits` refuses are left
    out, for example if a sample has more than 65,536 values. For these, the three methods compute
    the results as usual.

    Parameters
    ----------
    samples : iterable of (Ecdf, Ecdf, collection of int)
        A reference, a sample to compare with it, and numbers of bins. For each of these numbers,
        both are counted in this number of bins between quantiles of the reference. If the sample
        has no values, only the bins of the reference are computed.
    each : callable
        Calls a function for each item of a list, for example in threads.
    """
    chosen: dict[frozenset[int], list[tuple[Ecdf, Ecdf]]] = {}
    pairs: dict[frozenset[int], list[Pair]] = {}
    for reference, other, bins in samples:
        known = other._compared  # noqa: SLF001
        is_known = set(bins) <= set(reference._edges)  # noqa: SLF001
        if other.n:
            is_known = known is not None and known[0] is reference
        pair = Pair(reference.unsorted, other.unsorted)
        if not is_known and fits(pair):
            chosen.setdefault(frozenset(bins), []).append((reference, other))
            pairs.setdefault(frozenset(bins), []).append(pair)

    def compare(work: tuple[frozenset[int], list[int]]) -> None:
        bins, group = work
        compared = compare_group([pairs[bins][position] for position in group], bins)
        for position, found in zip(group, compared, strict=True):
            reference, other = chosen[bins][position]
            for number, (edges, counts, others) in found.cells.items():
                known = reference._edges.setdefault(number, edges)  # noqa: SLF001
                reference._counts[known], other._counts[known] = counts, others  # noqa: SLF001
            if other.n:
                comparison = Comparison(found.ks, math.nan, math.nan, (0, 0))
                other._compared = reference, comparison  # noqa: SLF001

    each(compare, [(bins, group) for bins, own in pairs.items() for group in groups_of(own)])


class Frequencies(State):
    """How often each value of a column occurs; missing values are not counted.

    Create it by `Frequencies.of`. The counts of merged objects are added up when they are first
    read.

    Examples
    --------
    >>> counts = Frequencies.of(pa.array(["b", "a", None, "b"]))
    >>> counts.values.to_pylist(), counts.counts, counts.n
    (['a', 'b'], array([1, 2]), 3)
    >>> counts["b"], counts["unseen"]
    (2, 0)
    """

    def __init__(self, *parts: tuple[pa.Array, Counts]) -> None:
        self._parts = tuple(part for part in parts if len(part[0]))
        self.n = sum(int(counts.sum()) for _, counts in self._parts)
        sizes = [len(values) for values, _ in self._parts]
        #: Number of values in all parts, and a lower bound of the number of distinct values.
        self._entries, self._distinct = sum(sizes), max(sizes, default=0)

    @classmethod
    def of(cls, array: pa.Array | pa.ChunkedArray) -> "Frequencies":
        """Count the values of an Arrow array, dictionary-encoded or not, without null and NaN."""
        chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
        encoded = encoding.encode(chunked)
        size = len(encoded.dictionary)
        codes = encoding.filled(encoded.indices, size)
        return cls.counted(encoded.dictionary, np.bincount(codes, minlength=size + 1)[:size])

    @classmethod
    def counted(cls, values: pa.Array, counts: Counts) -> "Frequencies":
        """Build frequencies from distinct values and their counts; counts of 0 are left out."""
        kinds, type_ = pa.types, values.type
        if kinds.is_null(type_):
            return cls()
        if kinds.is_floating(type_):
            # As doubles without NaN, with -0.0 as 0.0.
            doubles = encoding.filled(values.cast(pa.float64()), np.nan) + 0.0
            kept = (counts > 0) & ~np.isnan(doubles)
            distinct, positions = np.unique(doubles[kept], return_inverse=True)
            summed = np.zeros(len(distinct), np.int64)
            np.add.at(summed, positions, counts[kept])
            return cls((from_numpy(distinct), summed))
        if not counts.all():
            values, counts = values.filter(from_numpy(counts > 0)), counts[counts > 0]
        # One type for each kind, so that frequencies from different containers are equal.
        if kinds.is_string(type_):
            values = values.cast(pa.large_string())
        elif kinds.is_binary(type_) or kinds.is_fixed_size_binary(type_):
            values = values.cast(pa.binary()).cast(pa.large_binary())
        elif kinds.is_uint64(type_):
            if (pc.max(values).as_py() or 0) <= np.iinfo(np.int64).max:
                values = values.cast(pa.int64())
        elif kinds.is_integer(type_):
            values = values.cast(pa.int64())
        return cls((values, counts))

    def _summed(self) -> tuple[pa.Array, Counts]:
        """Return the distinct values of all merged parts, unsorted, and the count of each."""
        if not self._parts:
            return pa.nulls(0), np.zeros(0, np.int64)
        if len(self._parts) > 1:
            arrays, kinds = [values for values, _ in self._parts], pa.types
            types = {array.type for array in arrays}
            if len(types) > 1:
                # A common type that represents all values exactly.
                decimals = [type_ for type_ in types if kinds.is_decimal(type_)]
                whole = [type_ for type_ in types if kinds.is_integer(type_)]
                has_floats = pa.float64() in types and not decimals
                if len(decimals) + len(whole) + has_floats < len(types):
                    names = " and ".join(sorted(map(str, types)))
                    raise EvidenceError(f"counts of {names} values cannot be added")
                if has_floats:
                    wide = pa.float64()
                elif decimals:
                    wide = pa.decimal256(76, max(type_.scale for type_ in decimals))
                else:
                    positive = all(pc.min(array).as_py() >= 0 for array in arrays)
                    wide = pa.uint64() if positive else pa.decimal128(20, 0)
                try:
                    arrays = [array.cast(wide) for array in arrays]
                except pa.ArrowInvalid as error:
                    raise EvidenceError(
                        f"tables cannot be merged: {wide} does not hold the values of both"
                    ) from error
            values = pa.chunked_array(arrays)
            encoded = encoding.encode(values)
            counts = np.zeros(len(encoded.dictionary), np.int64)
            added = np.concatenate([counts for _, counts in self._parts])
            np.add.at(counts, encoding.filled(encoded.indices, -1), added)
            self._parts = ((encoded.dictionary, counts),)
        return self._parts[0]

    @cached_property
    def _in_order(self) -> tuple[pa.Array, Counts]:
        # Sorted on demand: millions of strings take a second, and often only their number is
        # needed.
        values, counts = self._summed()
        order = pc.array_sort_indices(values)
        counts = counts[encoding.filled(order, -1)].astype(np.int64, copy=False)
        counts.flags.writeable = False
        return values.take(order), counts

    @property
    def values(self) -> pa.Array:
        """The distinct values, sorted."""
        return self._in_order[0]

    @property
    def counts(self) -> Counts:
        """Number of occurrences of each element of `values`."""
        return self._in_order[1]

    def edges(self, bins: int) -> None:
        """Return None, because categories have no order; `bins` is not used.

        `Ecdf` and `QuantileSketch` have a method of the same name, which returns quantiles of
        numbers.
        """

    def finalize(self) -> None:
        """Add up the counts of merged objects now instead of when they are first read."""
        self._summed()

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        The tuple has one element: the pair of the distinct values and their counts. It is empty if
        there are no values.
        """
        return (self._in_order,) if self.n else ()

    def __getitem__(self, value: object) -> int:
        """Return the number of occurrences of `value`, which may be of any type."""
        values, counts = self._summed()
        if len(values) == 0:
            return 0
        same = same_values([value], values.type)
        # `same` has both 0.0 and -0.0, which may have the same position.
        positions = pc.index_in(same, value_set=values).drop_null().unique().to_numpy()
        return int(counts[positions].sum())

    def __len__(self) -> int:
        return len(self._summed()[0])

    def merge(self, other: "Frequencies", shift: int = 0) -> "Frequencies":  # noqa: ARG002
        """Return the frequencies of the values of both objects together.

        `shift` is not used, because the result has no row numbers.
        """
        merged = Frequencies()
        merged._parts = (*self._parts, *other._parts)  # noqa: SLF001
        merged.n = self.n + other.n
        merged._entries = self._entries + other._entries  # noqa: SLF001
        merged._distinct = max(self._distinct, other._distinct)  # noqa: SLF001
        if merged._entries > 2 * merged._distinct + _FEW_ENTRIES:
            # Added up from time to time, so that memory depends on the distinct values alone.
            merged._distinct = merged._entries = len(merged)
        return merged

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Frequencies)
            and self.n == other.n
            and np.array_equal(self.counts, other.counts)
            and (self.n == 0 or self.values.equals(other.values))
        )

    def __repr__(self) -> str:
        return f"Frequencies(n={self.n}, values={len(self)})"


@dataclass(frozen=True, slots=True, eq=False)
class CellCounts(State):
    """Number of values in each of several cells; a cell is a range of numbers, or one value.

    `BinCounts` and `Occurrences` return this object. `counts` is in the order of their bins or
    values.
    """

    counts: Counts

    @property
    def n(self) -> int:
        """Number of values in all cells."""
        return int(self.counts.sum())

    def merge(self, other: "CellCounts", shift: int = 0) -> "CellCounts":  # noqa: ARG002
        """Return the sum of the counts of both objects, cell by cell.

        EvidenceError is raised if the numbers of cells differ. `shift` is not used, because the
        result has no row numbers.
        """
        if len(self.counts) != len(other.counts):
            raise EvidenceError(
                "counts can be added only if they are of the same bins, got "
                f"{len(self.counts)} and {len(other.counts)} bins"
            )
        return CellCounts(self.counts + other.counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellCounts) and np.array_equal(self.counts, other.counts)


def as_points(points: Any) -> npt.NDArray[Any]:
    """Convert the points of a sketch to an array.

    The array has 64-bit integers if all points are integers, else doubles. EvidenceError is raised
    for larger integers.
    """
    whole = len(points) > 0 and all(isinstance(point, int) for point in points)
    for dtype in (np.int64, np.uint64) if whole else (np.float64,):
        try:
            return np.array(points, dtype=dtype)
        except OverflowError:
            continue
    raise EvidenceError("`points` must be numbers of at most 64 bits, got a larger integer")
