"""Exact distributions of a column: sorted or unsorted numbers, categories, or counts in bins."""

from collections.abc import Collection, Sequence
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
from mlgates.stats.buckets import Bucketed, Grid
from mlgates.stats.counting import Edges, Ends
from mlgates.tables import encoding
from mlgates.tables.exact import same_values

__all__ = ["CellCounts", "Ecdf", "Frequencies", "Sample"]

Values: TypeAlias = npt.NDArray[Any]
Counts: TypeAlias = npt.NDArray[np.int64]

#: From this number of values on, counting them in buckets is faster than sorting them.
_MANY = 200_000
_INFINITIES = np.array([-np.inf, np.inf])
#: Merged frequencies are added up when they have this many values more than needed.
_FEW_ENTRIES = 1 << 16


def concatenated(parts: Sequence[Values]) -> Values:
    """Join arrays of numbers to one array, of a type that represents each value exactly.

    `parts` are non-empty arrays of int64, uint64 or floats.

    Raises
    ------
    EvidenceError
        If there is no such type: for integers beyond 2**53 with fractions, or integers from 2**63
        on with negative ones.

    Examples
    --------
    >>> concatenated([np.array([1, 2]), np.array([0.5])])
    array([1. , 2. , 0.5])
    """
    if len({part.dtype for part in parts}) == 1:
        return np.concatenate(parts)
    if all(part.dtype.kind != "f" and part.min() >= 0 for part in parts):
        return np.concatenate([part.astype(np.uint64) for part in parts])
    doubles = [part.astype(np.float64) for part in parts]
    # A number that rounding moved beyond its type is not the same when converted back.
    with np.errstate(invalid="ignore"):
        pairs = [(a, b.astype(a.dtype)) for a, b in zip(parts, doubles, strict=True)]
    if not all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs):
        msg = (
            "no numeric type represents all values: integers beyond 2**53 cannot be merged with "
            "floats, nor those from 2**63 on with negative integers"
        )
        raise EvidenceError(msg)
    return np.concatenate(doubles)


class Ecdf(State):
    """Empirical cumulative distribution function of a column, kept as its sorted values.

    Create it by `Ecdf.of`, or from sorted arrays as `mlgates.stats.counting.in_order` returns them.
    The values of merged distributions are sorted on first access.

    Examples
    --------
    >>> ecdf = Ecdf.of(np.array([3.0, 1.0, np.nan, 2.0]))
    >>> ecdf.n, ecdf.values
    (3, array([1., 2., 3.]))
    >>> ecdf.merge(Ecdf.of(np.array([2, 9]))).values
    array([1., 2., 2., 3., 9.])
    """

    def __init__(self, parts: Sequence[Values] = ()) -> None:
        self._parts = tuple(part for part in parts if len(part))
        self.n = sum(map(len, self._parts))

    @classmethod
    def of(cls, array: npt.NDArray[np.generic]) -> "Ecdf":
        """Return the distribution of an array of integers or floats; NaN is left out."""
        if array.dtype.kind not in "iuf":
            msg = f"a distribution function needs an array of numbers, got one of {array.dtype}"
            raise EvidenceError(msg)
        return cls([counting.in_order(array)])

    @property
    def values(self) -> Values:
        """The sorted values, shape (n,): 64-bit integers if all of them are integers, else doubles.

        Raises EvidenceError if no type represents all merged values.
        """
        parts = self._parts
        if len(parts) == 0:
            return counting.in_order(np.empty(0))
        if len(parts) > 1:
            joined = concatenated(parts)
            # A stable sort merges the parts, which are sorted already, in linear time.
            joined.sort(kind="stable")
            joined.flags.writeable = False
            self._parts = (joined,)
        return self._parts[0]

    def edges(self, bins: int) -> Edges:
        """Return the quantiles that divide the values into `bins` cells of about equal share.

        They are those of `stats.counting.quantile_edges`.
        """
        return counting.quantile_edges(self.values, bins)

    def finalize(self) -> None:
        """Sort the values of merged distributions now, not on first access."""
        _ = self.values

    def to_parts(self) -> tuple[Any, ...]:
        """Return the sorted values."""
        return ((self.values,) if self.n else (),)

    def merge(self, other: "Ecdf", shift: int = 0) -> "Ecdf":  # noqa: ARG002
        """Return the distribution of the values of both distributions together."""
        merged = Ecdf()
        merged._parts = (*self._parts, *other._parts)  # noqa: SLF001
        merged.n = self.n + other.n
        return merged

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ecdf) and np.array_equal(self.values, other.values)

    def __repr__(self) -> str:
        if self.n == 0:
            return "Ecdf(n=0)"
        return f"Ecdf(n={self.n}, min={self.values[0]}, max={self.values[-1]})"


class Sample(State):
    """The numbers of a column, in any order, which are sorted only if necessary.

    Without sorting, the numbers are counted in buckets: a grid divides the real line into buckets
    of equal width. To compare two samples, both are counted in the grid of the reference, if it has
    one. The arrays are neither changed nor copied, so a sample must not be used after its table has
    changed.

    Parameters
    ----------
    parts : sequence of numpy.ndarray
        Integers or floats without NaN, one array per batch of rows.
    ends : tuple of float
        The least and the greatest value.
    ordered : numpy.ndarray, optional
        All values, sorted, if they have been sorted already.

    Examples
    --------
    >>> sample = Sample([np.array([3.0, 1.0]), np.array([2, 9])], (1.0, 9.0))
    >>> sample.n, sample.values, sample.edges(2).points
    (4, array([1., 2., 3., 9.]), array([2.]))
    """

    def __init__(
        self,
        parts: Sequence[Values],
        ends: tuple[float, float],
        ordered: Values | None = None,
    ) -> None:
        # Sorted values replace the unsorted ones, so that no value is held twice.
        self._parts = tuple(p for p in parts if len(p)) if ordered is None else (ordered,)
        self._sorted = ordered
        self.ends = ends
        self.n = sum(map(len, self._parts))
        self._edges: dict[int, Edges] = {}
        self._counts: dict[Edges, Counts] = {}
        self._bucketed: Bucketed | None = None
        #: The last reference that this sample was compared with, and the KS distance from it.
        self._distance: tuple[Sample, float] | None = None

    @property
    def values(self) -> Values:
        """The sorted values, of the types that `Ecdf.values` has."""
        if self._sorted is None:
            parts = [counting.in_order(part) for part in self._parts]
            self._sorted = parts[0] if len(parts) == 1 else Ecdf(parts).values
            # Drop the unsorted values, which would be a second copy.
            self._parts = (self._sorted,)
        return self._sorted

    @cached_property
    def grid(self) -> Grid | None:
        """The grid of buckets in which the values are counted; None if sorting them is faster."""
        few = self.n < _MANY or self._sorted is not None or not self._is_of_one_type()
        return None if few else buckets.grid_of(self._joined(), self.ends)

    def _is_of_one_type(self) -> bool:
        return len({part.dtype for part in self._parts}) == 1

    def _joined(self) -> Values:
        if len(self._parts) > 1:
            self._parts = (np.concatenate(self._parts),)
        return self._parts[0]

    def _bucketed_in(self, grid: Grid) -> Bucketed:
        """Count the values in the buckets of a grid; the result is kept until `release`."""
        bucketed = self._bucketed
        if bucketed is None or bucketed.grid != grid:
            bucketed = Bucketed(self._joined(), grid, inside=grid.holds(self.ends))
            # Another run with the same reference may release the buckets at the same time.
            self._bucketed = bucketed
        return bucketed

    def _common_grid(self, other: "Sample") -> Grid | None:
        """Return the grid in which both samples are counted when they are compared.

        None if comparing sorted values is faster, or if both samples are sorted already.
        """
        are_sorted = self._sorted is not None and other._sorted is not None  # noqa: SLF001
        return self.grid if other._is_of_one_type() and not are_sorted else None  # noqa: SLF001

    def edges(self, bins: int) -> Edges:
        """Return the quantiles that divide the values into `bins` cells of about equal share.

        They are those of `stats.counting.quantile_edges`.
        """
        if bins not in self._edges:
            if self._sorted is not None or self.grid is None:
                edges = counting.quantile_edges(self.values, bins)
            else:
                bucketed = self._bucketed_in(self.grid)
                quantiles = bucketed.at(counting.quantile_ranks(self.n, bins))
                low, high = bucketed.count(quantiles)
                neighbours = None
                if quantiles.dtype.kind == "f" and np.any((high - low) * bins >= self.n):
                    # Only atoms need their neighbours, which takes further passes.
                    below = bucketed.at(np.maximum(low, 1))
                    above = bucketed.at(np.minimum(high + 1, self.n))
                    neighbours = (
                        np.where(low > 0, below, -np.inf),
                        np.where(high < self.n, above, np.inf),
                    )
                edges = counting.edges_at(quantiles, low, high, self.n, bins, neighbours=neighbours)
            self._edges[bins] = edges
            # Counted now, before the buckets are released.
            self.count(edges, self.grid)
        return self._edges[bins]

    def count(self, edges: Edges, grid: Grid | None) -> Counts:
        """Count the values in each cell between edges.

        They are counted as `mlgates.stats.counting.count_sorted` does. `grid` is the grid of the
        reference that this sample is compared with, or None to use sorted values.
        """
        if edges not in self._counts:
            if grid is None or self._sorted is not None or not self._is_of_one_type():
                counts = counting.count_sorted(self.values, edges)
            else:
                bucketed = self._bucketed_in(grid)
                # Infinities are in the outermost buckets, which are always opened.
                first, last = edges.ends
                at_edges = bucketed.count(first)
                if first is not last:
                    at_edges = at_edges[0], bucketed.count(last)[1]
                below, upto = bucketed.count(_INFINITIES)
                ends = Ends(self.n, int(upto[0]), self.n - int(below[1]))
                counts = counting.count_stored(*at_edges, ends, edges)
            self._counts[edges] = counts
        return self._counts[edges]

    def precompute(
        self, other: "Sample", bins: Collection[int] = (), *, sort: bool = False
    ) -> None:
        """Compute all results of comparing this reference with another sample at once.

        This takes fewer passes over the values than to compute each result separately. The bucket
        counts are released at the end, because the counts of all columns would take a quarter of
        the memory of a table. Nothing is done if `other` was last compared with this reference.

        Parameters
        ----------
        other : Sample
            The sample to compare with.
        bins : collection of int
            Numbers of quantile cells in which values will be counted.
        sort : bool
            Whether the sorted values will be read; all results are then computed from them.
        """
        if other._distance_from(self) is not None:  # noqa: SLF001
            return
        if sort:
            _ = self.values, other.values
        elif grid := self._common_grid(other):
            x, y = self._bucketed_in(grid), other._bucketed_in(grid)  # noqa: SLF001
            _, candidates = buckets.candidate_buckets(x, y)
            at_ranks = [x.of_ranks(counting.quantile_ranks(self.n, number)) for number in bins]
            requested = np.concatenate([candidates, *at_ranks])
            x.request(requested)
            y.request(requested)
        for number in bins:
            other.count(self.edges(number), self.grid)
        self.ks(other)
        self.release()
        other.release()

    def release(self) -> None:
        """Free the memory of the bucket counts; results computed from them are kept."""
        self._bucketed = None

    def ks(self, other: "Sample") -> float:
        """Return the Kolmogorov-Smirnov distance of another sample from this one.

        It equals that of `mlgates.stats.twosample.ks_distance`, and is remembered by the other
        sample.
        """
        distance = other._distance_from(self)  # noqa: SLF001
        if distance is None:
            grid = self._common_grid(other)
            if grid is None:
                distance = twosample.ks_distance(self.values, other.values)
            else:
                distance = buckets.ks(self._bucketed_in(grid), other._bucketed_in(grid))  # noqa: SLF001
            # Stored in the other sample, because a reference may be used for many of them.
            other._distance = (self, distance)  # noqa: SLF001
        return distance

    def _distance_from(self, reference: "Sample") -> float | None:
        kept = self._distance
        return kept[1] if kept is not None and kept[0] is reference else None

    def to_parts(self) -> tuple[Any, ...]:
        """Return the unsorted arrays, the least and greatest value, and the sorted array."""
        return (() if self._sorted is not None else self._parts, self.ends, self._sorted)

    def merge(self, other: "Sample", shift: int = 0) -> "Sample":  # noqa: ARG002
        """Return the sample that has the values of both samples."""
        low, high = other.ends if not self.n else self.ends
        if self.n and other.n:
            low, high = min(low, other.ends[0]), max(high, other.ends[1])
        return Sample((*self._parts, *other._parts), (low, high))  # noqa: SLF001

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sample) and np.array_equal(self.values, other.values)

    def __repr__(self) -> str:
        return f"Sample(n={self.n})"


class Frequencies(State):
    """How often each value of a column occurs; missing cells are not counted.

    Create it by `Frequencies.of`. Merged counts are added up on first access.

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
        #: Number of values in all parts, and at least how many of them are distinct.
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
                    msg = f"counts of {names} values cannot be added"
                    raise EvidenceError(msg)
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
                    msg = f"tables cannot be merged: {wide} does not hold the values of both"
                    raise EvidenceError(msg) from error
            values = pa.chunked_array(arrays)
            encoded = encoding.encode(values)
            counts = np.zeros(len(encoded.dictionary), np.int64)
            added = np.concatenate([counts for _, counts in self._parts])
            np.add.at(counts, encoding.filled(encoded.indices, -1), added)
            self._parts = ((encoded.dictionary, counts),)
        return self._parts[0]

    @cached_property
    def _in_order(self) -> tuple[pa.Array, Counts]:
        # Sorted on demand: millions of texts take a second, and often only their number is needed.
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
        """Return None, because categories have no edges; for numbers, `edges` returns quantiles."""

    def finalize(self) -> None:
        """Add up the counts of merged frequencies now, not on first access."""
        self._summed()

    def to_parts(self) -> tuple[Any, ...]:
        """Return a pair of arrays, the values in order and their counts; nothing without values."""
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
        """Return the frequencies of the values in the rows of both objects together."""
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
    """Number of values in each cell; a cell is a range of numbers, or one value.

    The cells can be those of `mlgates.stats.counting.count_sorted`.
    """

    counts: Counts

    @property
    def n(self) -> int:
        """Number of values in all cells."""
        return int(self.counts.sum())

    def merge(self, other: "CellCounts", shift: int = 0) -> "CellCounts":  # noqa: ARG002
        """Add the counts of two states cell by cell."""
        if len(self.counts) != len(other.counts):
            msg = (
                "counts can be added for the same cells only, got "
                f"{len(self.counts)} and {len(other.counts)} cells"
            )
            raise EvidenceError(msg)
        return CellCounts(self.counts + other.counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellCounts) and np.array_equal(self.counts, other.counts)


def as_points(points: Any) -> npt.NDArray[Any]:
    """Convert points to an array: 64-bit integers if all points are integers, else doubles."""
    whole = len(points) > 0 and all(isinstance(point, int) for point in points)
    for dtype in (np.int64, np.uint64) if whole else (np.float64,):
        try:
            return np.array(points, dtype=dtype)
        except OverflowError:
            continue
    msg = "`points` must be numbers of at most 64 bits, got a larger integer"
    raise EvidenceError(msg)
