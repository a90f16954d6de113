"""Distributions of a column, exactly: sorted or unsorted numbers, categories, counts in bins."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

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

#: From so many values on, putting them into buckets is faster than sorting them.
_MANY = 200_000
_INFINITIES = np.array([-np.inf, np.inf])


class Ecdf(State):
    """Empirical cumulative distribution function: the sorted values.

    Made by `Ecdf.of`, or of sorted arrays as `mlgates.stats.counting.in_order` makes them. Merged
    values are sorted when they are first read.

    Examples
    --------
    >>> ecdf = Ecdf.of(np.array([3.0, 1.0, np.nan, 2.0]))
    >>> ecdf.n, ecdf.values
    (3, array([1., 2., 3.]))
    >>> ecdf.merge(Ecdf.of(np.array([2, 9]))).values
    array([1., 2., 2., 3., 9.])
    """

    def __init__(self, parts: Sequence[Values] = ()) -> None:
        self._parts = tuple(part for part in parts if len(part)) or (
            counting.in_order(np.empty(0)),
        )
        self.n = sum(map(len, self._parts))

    @classmethod
    def of(cls, array: npt.NDArray[np.generic]) -> "Ecdf":
        """Return the distribution of integers or floats; NaN is no value."""
        if array.dtype.kind not in "iuf":
            msg = f"a distribution function needs numbers, not an array of {array.dtype}"
            raise EvidenceError(msg)
        return cls([counting.in_order(array)])

    @property
    def values(self) -> Values:
        """The values, sorted; 64-bit integers where all of them are, else doubles."""
        parts = self._parts
        if len(parts) > 1:
            if len({part.dtype for part in parts}) > 1:
                # Signed and unsigned integers: doubles where some of them are negative.
                positive = all(part.dtype.kind != "f" and part[0] >= 0 for part in parts)
                dtype = np.uint64 if positive else np.float64
                parts = tuple(part.astype(dtype, copy=False) for part in parts)
            joined = np.concatenate(parts)
            # The parts are sorted already: this sort merges runs.
            joined.sort(kind="stable")
            joined.flags.writeable = False
            self._parts = (joined,)
        return self._parts[0]

    def edges(self, bins: int) -> Edges:
        """Return quantile edges, as of `mlgates.stats.counting.quantile_edges`."""
        return counting.quantile_edges(self.values, bins)

    def finalize(self) -> None:
        """Sort merged values."""
        _ = self.values

    def to_parts(self) -> tuple[Any, ...]:
        """Return the sorted arrays."""
        return (self._parts,)

    def merge(self, other: "Ecdf", shift: int = 0) -> "Ecdf":  # noqa: ARG002
        """Return the distribution of the values of both."""
        return Ecdf((*self._parts, *other._parts))  # noqa: SLF001

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ecdf) and np.array_equal(self.values, other.values)

    def __repr__(self) -> str:
        if self.n == 0:
            return "Ecdf(n=0)"
        return f"Ecdf(n={self.n}, min={self.values[0]}, max={self.values[-1]})"


class Sample(State):
    """Numbers in any order: sorted when a question needs it, else put into the buckets of a grid.

    Two samples are compared in the buckets of the first one's grid, where it has one. The parts, of
    integers or floats without NaN, are neither changed nor copied: a sample must not outlive its
    table. `ends` are the least and the greatest value; `ordered` are all values, where they were
    sorted already.

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
        # Sorted values replace the others, so that nothing is held twice.
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
        """The values, sorted, as of `Ecdf`."""
        if self._sorted is None:
            parts = [counting.in_order(part) for part in self._parts]
            self._sorted = parts[0] if len(parts) == 1 else Ecdf(parts).values
            # The unsorted ones would be a second copy.
            self._parts = (self._sorted,)
        return self._sorted

    @cached_property
    def grid(self) -> Grid | None:
        """The grid whose buckets serve these values; None where sorting is faster."""
        few = self.n < _MANY or self._sorted is not None or not self._is_of_one_type()
        return None if few else buckets.grid_of(self._joined(), self.ends)

    def _is_of_one_type(self) -> bool:
        return len({part.dtype for part in self._parts}) == 1

    def _joined(self) -> Values:
        if len(self._parts) > 1:
            self._parts = (np.concatenate(self._parts),)
        return self._parts[0]

    def _in(self, grid: Grid) -> Bucketed:
        """Return the values in the buckets of a grid, kept until `release`."""
        bucketed = self._bucketed
        if bucketed is None or bucketed.grid != grid:
            bucketed = Bucketed(self._joined(), grid, inside=grid.holds(self.ends))
            # Another run, to which the same profile is the reference, may release it meanwhile.
            self._bucketed = bucketed
        return bucketed

    def _shared(self, other: "Sample") -> Grid | None:
        """Return the grid for a comparison; None where sorted values are better or known."""
        are_sorted = self._sorted is not None and other._sorted is not None  # noqa: SLF001
        return self.grid if other._is_of_one_type() and not are_sorted else None  # noqa: SLF001

    def edges(self, bins: int) -> Edges:
        """Return quantile edges, as of `mlgates.stats.counting.quantile_edges`."""
        if bins not in self._edges:
            if self._sorted is not None or self.grid is None:
                edges = counting.quantile_edges(self.values, bins)
            else:
                bucketed = self._in(self.grid)
                quantiles = bucketed.at(counting.quantile_ranks(self.n, bins))
                edges = counting.edges_at(quantiles, *bucketed.count(quantiles), self.n, bins)
            self._edges[bins] = edges
            # At once, while there are buckets.
            self.count(edges, self.grid)
        return self._edges[bins]

    def count(self, edges: Edges, grid: Grid | None) -> Counts:
        """Count values per cell, as `mlgates.stats.counting.count_sorted` does.

        `grid` is that of the sample that this one is compared with.
        """
        if edges not in self._counts:
            if grid is None or self._sorted is not None or not self._is_of_one_type():
                counts = counting.count_sorted(self.values, edges)
            else:
                bucketed = self._in(grid)
                # The outermost buckets, in which infinities are, are opened with the others.
                at_edges = bucketed.count(edges.points)
                below, upto = bucketed.count(_INFINITIES)
                ends = Ends(self.n, int(upto[0]), self.n - int(below[1]))
                counts = counting.count_stored(*at_edges, ends, edges)
            self._counts[edges] = counts
        return self._counts[edges]

    def precompute(
        self, other: "Sample", bins: Collection[int] = (), *, sort: bool = False
    ) -> None:
        """Compute together what will be read of this reference and of another sample.

        Alone, each question would take passes over the values of its own. No buckets are held
        beyond that: those of all columns would take a quarter of a table's memory. Nothing is done
        for samples that were compared before. With `sort` the sorted values will be read, and the
        rest is computed from them.
        """
        if other._distance_from(self) is not None:  # noqa: SLF001
            return
        if sort:
            _ = self.values, other.values
        elif grid := self._shared(other):
            x, y = self._in(grid), other._in(grid)  # noqa: SLF001
            _, candidates = buckets.candidate_buckets(x, y)
            at_ranks = [x.of_ranks(counting.quantile_ranks(self.n, number)) for number in bins]
            wanted = np.concatenate([candidates, *at_ranks])
            x.want(wanted)
            y.want(wanted)
        for number in bins:
            other.count(self.edges(number), self.grid)
        self.ks(other)
        self.release()
        other.release()

    def release(self) -> None:
        """Free the buckets; the answers read off them are kept."""
        self._bucketed = None

    def ks(self, other: "Sample") -> float:
        """Return the Kolmogorov-Smirnov distance of `mlgates.stats.twosample.ks_distance`."""
        distance = other._distance_from(self)  # noqa: SLF001
        if distance is None:
            grid = self._shared(other)
            if grid is None:
                distance = twosample.ks_distance(self.values, other.values)
            else:
                distance = buckets.ks(self._in(grid), other._in(grid))  # noqa: SLF001
            # Kept by the other: a reference may outlive it.
            other._distance = (self, distance)  # noqa: SLF001
        return distance

    def _distance_from(self, reference: "Sample") -> float | None:
        kept = self._distance
        return kept[1] if kept is not None and kept[0] is reference else None

    def to_parts(self) -> tuple[Any, ...]:
        """Return the arrays, sorted ones apart, and their ends."""
        return (() if self._sorted is not None else self._parts, self.ends, self._sorted)

    def merge(self, other: "Sample", shift: int = 0) -> "Sample":  # noqa: ARG002
        """Return the sample of the values of both."""
        low, high = other.ends if not self.n else self.ends
        if self.n and other.n:
            low, high = min(low, other.ends[0]), max(high, other.ends[1])
        return Sample((*self._parts, *other._parts), (low, high))  # noqa: SLF001

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sample) and np.array_equal(self.values, other.values)

    def __repr__(self) -> str:
        return f"Sample(n={self.n})"


class Frequencies(State):
    """How often each value occurs, sorted by value; missing is no value.

    Made by `Frequencies.of`. Merged counts are added up when they are first read.

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

    @classmethod
    def of(cls, array: pa.Array | pa.ChunkedArray) -> "Frequencies":
        """Count the values of an array, plain or dictionary-encoded; NaN and null are missing."""
        chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
        encoded = encoding.encode(chunked)
        size = len(encoded.dictionary)
        codes = encoded.indices.fill_null(size).to_numpy()
        return cls.counted(encoded.dictionary, np.bincount(codes, minlength=size + 1)[:size])

    @classmethod
    def counted(cls, values: pa.Array, counts: Counts) -> "Frequencies":
        """Return counts of values that are given once each; those that count 0 are left out."""
        kinds, type_ = pa.types, values.type
        if kinds.is_null(type_):
            return cls()
        if kinds.is_floating(type_):
            # As doubles, without NaN and with one zero of the two.
            doubles = values.cast(pa.float64()).to_numpy(zero_copy_only=False) + 0.0
            kept = (counts > 0) & ~np.isnan(doubles)
            distinct, positions = np.unique(doubles[kept], return_inverse=True)
            summed = np.zeros(len(distinct), np.int64)
            np.add.at(summed, positions, counts[kept])
            return cls((pa.array(distinct), summed))
        if not counts.all():
            values, counts = values.filter(pa.array(counts > 0)), counts[counts > 0]
        # One type for each kind, so that equal counts are equal.
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
        """Return each value once, in any order, and its count."""
        if not self._parts:
            return pa.nulls(0), np.zeros(0, np.int64)
        if len(self._parts) > 1:
            arrays, kinds = [values for values, _ in self._parts], pa.types
            types = {array.type for array in arrays}
            if len(types) > 1:
                # One type that holds the values of all of them.
                decimals = [type_ for type_ in types if kinds.is_decimal(type_)]
                whole = [type_ for type_ in types if kinds.is_integer(type_)]
                if len(decimals) + len(whole) < len(types):
                    names = " and ".join(sorted(map(str, types)))
                    msg = f"counts of {names} values cannot be added"
                    raise EvidenceError(msg)
                if decimals:
                    wide = pa.decimal256(76, max(type_.scale for type_ in decimals))
                else:
                    positive = all(pc.min(array).as_py() >= 0 for array in arrays)
                    wide = pa.uint64() if positive else pa.decimal128(20, 0)
                arrays = [array.cast(wide) for array in arrays]
            values = pa.chunked_array(arrays)
            encoded = encoding.encode(values)
            counts = np.zeros(len(encoded.dictionary), np.int64)
            added = np.concatenate([counts for _, counts in self._parts])
            np.add.at(counts, encoded.indices.to_numpy(), added)
            self._parts = ((encoded.dictionary, counts),)
        return self._parts[0]

    @cached_property
    def _in_order(self) -> tuple[pa.Array, Counts]:
        # Millions of texts take a second to sort, and often only their number is read.
        values, counts = self._summed()
        order = pc.array_sort_indices(values)
        counts = counts[order.to_numpy()].astype(np.int64, copy=False)
        counts.flags.writeable = False
        return values.take(order), counts

    @property
    def values(self) -> pa.Array:
        """The values that occur, each once, sorted."""
        return self._in_order[0]

    @property
    def counts(self) -> Counts:
        """How often each of `values` occurs."""
        return self._in_order[1]

    def edges(self, bins: int) -> None:
        """Return None: categories are not cut."""

    def finalize(self) -> None:
        """Add up merged counts."""
        self._summed()

    def to_parts(self) -> tuple[Any, ...]:
        """Return values and counts, part by part."""
        return self._parts

    def __getitem__(self, value: object) -> int:
        """How often `value` occurs: 0 when it does not, whatever it is."""
        values, counts = self._summed()
        if len(values) == 0:
            return 0
        same = same_values([value], values.type)
        # Both zeros are looked up, and may be found as one.
        positions = pc.index_in(same, value_set=values).drop_null().unique().to_numpy()
        return int(counts[positions].sum())

    def __len__(self) -> int:
        return len(self._summed()[0])

    def merge(self, other: "Frequencies", shift: int = 0) -> "Frequencies":  # noqa: ARG002
        """Return the counts over both."""
        return Frequencies(*self._parts, *other._parts)  # noqa: SLF001

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
    """How many values lie in each cell, as of `mlgates.stats.counting.count_sorted`."""

    counts: Counts

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    def merge(self, other: "CellCounts", shift: int = 0) -> "CellCounts":  # noqa: ARG002
        """Return the counts of the values of both."""
        if len(self.counts) != len(other.counts):
            msg = "counts in different cells can't be added"
            raise EvidenceError(msg)
        return CellCounts(self.counts + other.counts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellCounts) and np.array_equal(self.counts, other.counts)


def as_points(points: Any) -> npt.NDArray[Any]:
    """Return points in one type: integers where all of them are, else doubles."""
    if len(points) == 0 or not all(isinstance(point, int) for point in points):
        return np.array(points, dtype=np.float64)
    for dtype in (np.int64, np.uint64):
        try:
            return np.array(points, dtype=dtype)
        except OverflowError:
            continue
    msg = "knots: no column has integers of more than 64 bits"
    raise EvidenceError(msg)
