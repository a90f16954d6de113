"""Exact order statistics, counts and distances of samples, without sorting all their values.

A grid assigns each number to a bucket. A larger number is never in a lower bucket, so cumulated
counts of buckets are exact values of the distribution function. Only the few buckets that a result
depends on are opened: the values in them are sorted. A bucket of equal values needs no sorting. A
small sample has no grid; all its values are in one bucket.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Counts, Floats, Mask, Values
from mlgates.stats.counting import (
    Edges,
    Ends,
    count_stored,
    distance,
    edges_at,
    in_order,
    quantile_ranks,
    ranks_of,
    round_to,
)

__all__ = [
    "LARGE",
    "SCALE",
    "Bucketed",
    "Grid",
    "are_tied",
    "candidate_buckets",
    "count_unsorted",
    "crossing_buckets",
    "grid_of",
    "ks",
    "wasserstein",
]

_MOST_BUCKETS = 1 << 15
#: Values per bucket, on average.
_PER_BUCKET = 4
#: If no sample has this many values, they are sorted instead of counted in buckets.
_FEW = 8_192
#: Values per block. Larger blocks do not fit into the cache of a processor; smaller ones make
#: threads wait for each other.
_BLOCK = 1 << 16
#: Values looked at to choose a grid.
_SAMPLE = 2_048
#: A bucket is crowded if it has more than this many times the mean number of values.
_CROWDED = 6
#: Half of the number up to which doubles represent all integers, so that the difference of two
#: integers below it is exact.
_WHOLE = 2.0**52
#: Larger doubles are scaled down before their differences are added, to avoid overflow.
LARGE = 2.0**1000
SCALE = 2.0**-60
#: Up to this number of edges, one pass over the values per edge is faster than sorting blocks.
_FEW_EDGES = 37
#: Values compared with all points in turn; they fit into the innermost cache of a processor.
_CHUNK = 4_080
#: The largest sum that fits into a byte.
_BYTE = 255
#: Values compared in one call; more calls would make threads wait for each other. A multiple of
#: `_CHUNK`, and of eight times `_BYTE`.
_PASS = 16 * _CHUNK


class Grid(NamedTuple):
    """A division of the real line into `size` buckets (intervals) of equal width.

    Values are counted in the buckets, so that not all of them have to be sorted. `size` is a power
    of two. The first bucket begins at `start`, and there are `scale` buckets per unit. Numbers
    below the grid belong to the first bucket, and numbers above it to the last one.
    """

    start: float
    scale: float
    size: int = _MOST_BUCKETS

    def positions(self, values: Values, out: Floats | None = None) -> Floats:
        """Return the distance of each value from the start of the grid, plus `size`.

        The distance is measured in widths of a bucket. `size` is the number of buckets, a power of
        two. Positions inside the grid are therefore from `size` to ``2 * size``. All floats in this
        range have the same spacing, so a caller can sum the fractional parts of up to `size`
        positions without rounding errors. `out` is an array for the result; by default a new array
        is returned.
        """
        origin = self.start - self.size / self.scale
        with np.errstate(over="ignore", under="ignore"):
            at = np.subtract(values, origin, out=out, dtype=np.float64)
            return np.multiply(at, self.scale, out=at)

    def places(self, values: Values) -> Counts:
        """Return the number, from 0, of the bucket that each value belongs to.

        Values below the grid are in the first bucket, and values above it in the last one. The
        position of a value in the grid is rounded, so a value close to the end of a bucket can be
        in the next bucket. But a larger value is never in a lower bucket.

        Parameters
        ----------
        values : numpy.ndarray, shape (n,)
            Integers or floats without NaN.

        Examples
        --------
        >>> Grid(0.0, 1.0, 16).places(np.array([-np.inf, -1.0, 0.0, 1.9, 7.0, np.inf])).tolist()
        [0, 0, 0, 1, 7, 15]
        """
        at = np.minimum(np.maximum(self.positions(values), self.size), 2 * self.size - 1)
        return at.astype(np.int64) - self.size


def grid_of(*samples: Values) -> Grid | None:
    """Return a grid of buckets that fits the values of some samples, or None.

    A grid divides the numbers into buckets, in which values are counted instead of sorted. The grid
    is chosen from at most 4,095 values of each sample, called elements here. Their positions in the
    array are evenly spaced. The result is None in these cases, in which sorting is better:

    - Every sample has fewer than 8,192 values.
    - All finite elements are equal.
    - More than 1 % of the elements are above 2**52, or more than 1 % are below -2**52.
    - There are several samples, and the elements of each are identical to those of the first. To
      compute the largest difference between the distribution functions, the values of all buckets
      that can contain it are sorted. For such samples, these would be almost all buckets.
    - There are several samples, at least a quarter of all elements are distinct, and more than a
      third are in crowded buckets. A bucket is crowded if it has more than ``2 + 6 m`` elements,
      where ``m`` is the mean number of elements per bucket.

    Let W be the width of the range that contains the middle 98 % of the elements. The grid covers
    this range and up to W / 8 more on each side, but not much more than the range of all elements.
    If W is 0, the grid covers the range of all finite elements.

    Parameters
    ----------
    *samples : numpy.ndarray
        Integers or floats without NaN, in any order.

    Examples
    --------
    >>> grid = grid_of(np.arange(100_000.0))
    >>> grid.size, grid.places(np.array([0.0, 50_000.0, 99_999.0])).tolist()
    (16384, [481, 8192, 15902])
    """
    n = max(map(len, samples), default=0)
    if n < _FEW:
        return None
    few = [values[:: max(1, len(values) // _SAMPLE)].astype(np.float64) for values in samples]
    sample = np.sort(np.concatenate(few))
    edge = len(sample) // 100
    first, last = sample[[edge, -edge - 1]].tolist()
    width = last - first
    if width == 0:
        # Most values are equal: the grid covers all of them.
        finite = sample[np.isfinite(sample)]
        first, last = finite[[0, -1]].tolist() if len(finite) else (0.0, 0.0)
    if not (last > first and max(-first, last) < _WHOLE):
        return None
    low = max(sample[0].item(), first - width / 8)
    high = min(sample[-1].item(), last + width / 8)
    margin = (high - low) / 32
    size = min(_MOST_BUCKETS, 1 << (n // _PER_BUCKET).bit_length() - 1)
    scale = (size - 2) / (high - low + 2 * margin)
    if not math.isfinite(scale):
        return None
    grid = Grid(low - margin, scale, size)
    if len(samples) > 1:
        held = np.bincount(grid.places(sample))
        crowded = held[held > 2 + _CROWDED * len(sample) / size].sum()
        if 3 * crowded > len(sample) and not are_tied(sample):
            return None
        if all(np.array_equal(few[0], each) for each in few):
            return None
    return grid


def are_tied(values: Values) -> bool:
    """Return whether the distinct values of a sorted sample occur more than four times on average.

    If they do, most buckets of a `Grid` contain equal values only, which need not be sorted.
    """
    return bool(4 * np.count_nonzero(values[1:] != values[:-1]) < len(values))


class Bucketed:
    """A sample of numbers, and the number of its values in each bucket (interval) of a grid.

    With these counts, quantiles, counts and distances are computed exactly, but only the values of
    a few buckets are sorted. A bucket is called open if its values are sorted. Two samples that are
    compared must have the same grid.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Integers or floats without NaN, in any order; not copied.
    grid : Grid, optional
        The buckets; by default there is one bucket with all values.
    sums : bool
        Whether to add up the values of each bucket, which `wasserstein` needs.

    Attributes
    ----------
    n : int
        Number of values. In the shapes below, `size` is the number of buckets.
    before : numpy.ndarray of int64, shape (size + 1,)
        Number of values in all lower buckets; the last element is the number of all values.
    left : numpy.ndarray of float64, shape (size,)
        For each bucket, the sum of the distances from its values to the upper end of the bucket, in
        widths of a bucket. It is only computed with a grid and ``sums=True``.
    inside : numpy.ndarray of bool, shape (size,)
        Which buckets are open. If any bucket is open, the first and the last bucket are open, too.
        These two also have the values below and above the grid.

    Examples
    --------
    >>> sample = Bucketed(np.array([3.0, 1.0, 2.0, 2.0]), Grid(0.0, 1.0, 8))
    >>> sample.at(np.array([1, 4])).tolist()
    [1.0, 3.0]
    >>> [counts.tolist() for counts in sample.count(np.array([2.0, 9.0]))]
    [[1, 4], [3, 4]]
    """

    def __init__(self, values: Values, grid: Grid | None = None, *, sums: bool = False) -> None:
        self.values, self.grid, self.n = values, grid, len(values)
        size = 1 if grid is None else grid.size
        counts = np.full(size, self.n, np.int64)
        if grid is not None:
            counts, self.left = self._counted(grid, sums=sums)
        self.before = np.concatenate(([0], np.cumsum(counts)))
        self.inside = np.zeros(size, np.bool_)
        #: Values of the open buckets in ascending order, and for each of them the number of all
        #: values that are less than or equal to it. Of equal values, only the last one has this
        #: number.
        self._opened, self._upto = values[:0], counts[:0]
        #: Some buckets, the values in them, and the bucket of each value.
        self._kept: tuple[Mask, Values, Values] = self.inside, values[:0], values[:0]

    def _counted(self, grid: Grid, *, sums: bool) -> tuple[Counts, Floats]:
        """Return the counts of the buckets and, with `sums`, the values of `left`."""
        n, size, length = self.n, grid.size, min(self.n, _BLOCK)
        self._places = np.empty(n, np.uint16)
        # Numbers of 32 bits take less time to add.
        kind: Any = np.int32 if n < 1 << 31 else np.int64
        counts, fractions, one = np.zeros(size, kind), np.zeros(size), np.ones(1, kind)
        (positions, weights), rows = np.empty((2, length)), np.zeros(length, np.int32)
        count: Any
        add: Any
        if length == _BLOCK:
            from scipy.sparse import csc_array  # (imported here; small samples do not need it)

            # The product of a sparse column and 1 is what `numpy.bincount` returns. It does not
            # block other threads, and does not need a copy of the rows as 64-bit integers.
            ends, shape = np.array([0, length], np.int32), (size, 1)
            count = csc_array((np.ones(length, kind), rows, ends), shape)
            add = csc_array((weights, rows, ends), shape)
        for part in _blocks(n):
            block = self.values[part]
            row, weight = rows[: len(block)], weights[: len(block)]
            at = grid.positions(block, positions[: len(block)])
            np.clip(at, size, 2 * size - 1, out=at)
            row[:] = at
            # With bits cut off, so that no row can be outside the grid.
            np.bitwise_and(row, size - 1, out=row)
            self._places[part] = row
            is_whole = len(block) == _BLOCK
            counts += count @ one if is_whole else np.bincount(row, minlength=size).astype(kind)
            if sums:
                np.subtract(at, np.floor(at, out=weight), out=weight)
                fractions += add @ np.ones(1) if is_whole else np.bincount(row, weight, size)
        return counts.astype(np.int64), counts - fractions

    def open(self, wanted: npt.NDArray[np.integer] | Mask, *, keeping: Mask | None = None) -> None:
        """Open the buckets in `wanted`: sort the values in them.

        The first and the last bucket are opened, too. Buckets that are open already stay open. If
        this object has no grid, all values are in one bucket, so all of them are sorted.

        `wanted` has the numbers of buckets, from 0, or is a mask with one element for each bucket.
        `keeping` is a mask of further buckets. Their values are not sorted, but a copy of them is
        kept, which makes later calls of `inside_of` for these buckets fast.
        """
        if self.inside[0] and (self.grid is None or self.inside[wanted].all()):
            return
        self.inside = inside = self.inside.copy()
        inside[wanted] = True
        inside[[0, -1]] = True
        if self.grid is None:
            self._opened, self._upto = np.sort(self.values), np.arange(1, self.n + 1)
            return
        counts = np.diff(self.before)
        equal, value = self._equal(counts * inside)
        taken = inside & (counts > 0) & ~equal
        if keeping is not None and keeping.any():
            kept = taken | (keeping & ~inside)
            found = self.inside_of(kept)
            self._kept = kept, found, self.grid.places(found)
        opened, held, start = np.sort(self.inside_of(taken)), counts[taken], self.before[:-1][taken]
        upto = np.arange(1, len(opened) + 1) + np.repeat(start - (np.cumsum(held) - held), held)
        if equal.any():
            opened = np.concatenate([opened, value[equal]])
            upto = np.concatenate([upto, self.before[1:][equal]])
            order = np.argsort(upto)
            opened, upto = opened[order], upto[order]
        self._opened, self._upto = opened, upto

    def inside_of(self, buckets: Mask) -> Values:
        """Return the values in some buckets of the grid, in any order.

        `buckets` is a mask with one element for each bucket.
        """
        known, values, places = self._kept
        if (buckets > known).any():
            values, places = self.values, self._places
        blocks = _blocks(len(values))
        found = (values[rows].compress(buckets.take(places[rows])) for rows in blocks)
        return np.concatenate([values[:0], *found])

    def _equal(self, counts: Counts) -> tuple[Mask, Values]:
        """Find buckets of equal values, which need not be sorted.

        `counts` has for each bucket the number of values that would be sorted. The first result is
        a mask of the buckets that were found. The second result has the value of each of them.
        """
        equal, value = np.zeros(len(counts), np.bool_), np.zeros(len(counts), self.values.dtype)
        if 8 * int(counts.sum()) <= self.n:
            return equal, value
        # Look only at buckets that contain one of these values: the value of every `step`-th row.
        step = max(1, self.n // _BLOCK)
        few = slice(None, None, step)
        value[self._places[few]], equal[self._places[few]] = self.values[few], True
        for rows in (few, *(_blocks(self.n) if step > 1 else ())):
            places = self._places[rows]
            equal[places.compress(value.take(places) != self.values[rows])] = False
            if rows is few and 2 * int(counts[equal].sum()) < counts.sum():
                return np.zeros_like(equal), value
        return equal & (counts > 0), value

    def of_ranks(self, ranks: Counts) -> Counts:
        """Return the number of the bucket that contains the value of each rank.

        The rank of a value is its position in the sorted sample, from 1 to `n`.
        """
        return np.searchsorted(self.before, ranks, side="left") - 1

    def at(self, ranks: Counts) -> Values:
        """Return the value of each rank, that is, the value at this position in the sorted sample.

        Ranks are from 1 to `n`.
        """
        if self.grid is None:
            return self.in_order[ranks - 1]
        self.open(self.of_ranks(ranks))
        values: Values = self._opened[np.searchsorted(self._upto, ranks)]
        return values

    @property
    def in_order(self) -> Values:
        """All values in ascending order, if `grid` is None.

        Do not use this with a grid, because values would then be missing.
        """
        self.open(np.zeros(1, np.int64))
        return self._opened

    def count(self, points: Values) -> tuple[Counts, Counts]:
        """Count the values less than each point, and those less than or equal to it.

        `points` are integers or floats without NaN.
        """
        if self.grid is None:
            return ranks_of(self.in_order, points)
        least = self._open_at(points)
        low, high = ranks_of(self._opened, points)
        upto = np.concatenate(([0], self._upto))
        return np.maximum(least, upto[low]), np.maximum(least, upto[high])

    def up_to(self, points: Values) -> Counts:
        """Count the values less than or equal to each point.

        `points` are integers or floats without NaN.
        """
        least = self._open_at(points)
        keys, under = round_to(points, self._opened.dtype, up=False)
        high = np.where(under, 0, self._opened.searchsorted(keys, side="right"))
        if self.grid is None:
            return high
        return np.maximum(least, np.concatenate(([0], self._upto))[high])

    def _open_at(self, points: Values) -> Counts:
        """Open the buckets of some points, and return how many values are in lower buckets."""
        places = np.zeros(1, np.int64) if self.grid is None else self.grid.places(points)
        self.open(places)
        least: Counts = self.before[places]
        return least

    def distinct(self) -> tuple[Values, Counts]:
        """Return the distinct values in the open buckets, and how many values are up to each.

        The values are in ascending order. A bucket is open if `open` has sorted its values; without
        open buckets, both arrays are empty. The counts are of the whole sample: for each returned
        value, how many values of all buckets are less than or equal to it.
        """
        values = self._opened
        last = np.flatnonzero(np.append(values[1:] != values[:-1], True)[: len(values)])
        return values[last], self._upto[last]

    def edges(self, bins: int) -> Edges:
        """Return the edges that divide the sample into `bins` cells (bins) of about equal share.

        The edges are the distinct quantiles at ``i / bins``, for ``i`` from 1 to ``bins - 1``.

        The quantile at ``q`` is the least value ``v`` such that at least a share ``q`` of the
        sample is less than or equal to ``v`` (inverted distribution function). If a share of at
        least ``1 / bins`` of the sample is equal to a quantile, this value is a cell of its own.
        Infinite values are never edges, because they have cells of their own.

        References
        ----------
        .. [1] Hyndman, R. J. and Fan, Y. (1996). Sample quantiles in statistical packages. The
           American Statistician 50, 361-365 (definition 1).

        Examples
        --------
        >>> edges = Bucketed(np.array([3, 0, 0, 4, 0, 1, 2, 0])).edges(4)
        >>> edges.points.tolist(), edges.atoms.tolist()
        ([0, 2], [True, False])
        """
        n, neighbours, ranks = self.n, None, quantile_ranks(self.n, bins)
        if self.grid is not None:
            # Also open the buckets of neighbours that will be needed, which takes no further pass.
            places = self.of_ranks(ranks)
            places = places[np.diff(self.before)[places] * bins >= n]
            beside = np.concatenate([self.before[places], self.before[places + 1] + 1])
            self.open(self.of_ranks(np.concatenate([ranks, beside.clip(1, n)])))
        quantiles = in_order(self.at(ranks) if n else self.values)
        low, high = self.count(quantiles)
        if quantiles.dtype.kind == "f" and np.any((high - low) * bins >= n):
            # Only atoms need their neighbours, which may be in other buckets.
            below, above = self.at(np.maximum(low, 1)), self.at(np.minimum(high + 1, n))
            neighbours = np.where(low > 0, below, -np.inf), np.where(high < n, above, np.inf)
        return edges_at(quantiles, low, high, n, bins, neighbours=neighbours)

    def cells(self, edges: Edges) -> Counts:
        """Count the values in each cell (bin) between edges.

        The first count is the number of values -inf, and the last one the number of values inf.
        Between these two are the counts of the cells in ascending order. A value equal to an edge
        is in the cell below the edge. But if the edge is an atom (its element of ``edges.atoms`` is
        True), the values equal to it have a cell of their own. The values and the edges may have
        different types.

        Examples
        --------
        >>> edges = Bucketed(np.array([0, 0, 0, 0, 1, 2, 3, 4])).edges(4)
        >>> Bucketed(np.array([2.0, 0.0, -np.inf, 0.5, 7.0, 8.0])).cells(edges).tolist()
        [1, 0, 1, 2, 2, 0]
        """
        first, last = edges.ends
        low, high = self.count(first)
        if first is not last:
            high = self.count(last)[1]
        ends = Ends(self.n)
        if len(self._opened) and not np.isfinite(self._opened[[0, -1]]).all():
            below, upto = self.count(np.array([-np.inf, np.inf]))
            ends = Ends(self.n, int(upto[0]), self.n - int(below[1]))
        return count_stored(low, high, ends, edges)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, n, _BLOCK))


def count_unsorted(values: Values, edges: Edges, ends: Ends | None = None) -> Counts:
    """Count the values of an unsorted array in each cell (bin) between edges, without sorting them.

    The counts are in the order of `Bucketed.cells`: first the number of values -inf, then the
    counts of the cells in ascending order, last the number of values inf. NaN is not counted.

    `ends` has the number of values that are not NaN, of values -inf, and of values inf. By default
    these three numbers are counted here; give `ends` if they are known already.

    Examples
    --------
    >>> edges = Edges(np.array([1.0, 5.0]), np.array([False, True]))
    >>> count_unsorted(np.array([5.0, 9.0, np.nan, 1.0, -3.0, 5.0]), edges).tolist()
    [0, 2, 0, 2, 1, 0]
    """
    if ends is None:
        ends = Ends(len(values))
        if values.dtype.kind == "f":
            sizes = values == values, values == -np.inf, values == np.inf  # noqa: PLR0124  (NaN)
            ends = Ends(*(int(np.count_nonzero(each)) for each in sizes))
    first, last = edges.ends
    if len(edges.points) + np.count_nonzero(edges.atoms) > _FEW_EDGES:
        present = values[values == values] if ends.n < len(values) else values  # noqa: PLR0124
        return Bucketed(present, grid_of(present)).cells(edges)
    low, unreached = round_to(first[edges.atoms], values.dtype, up=True)
    high, under = round_to(last, values.dtype, up=False)
    high_counts = np.where(under, 0, _count_passes(values, high, np.less_equal))
    low_counts = high_counts.copy()
    low_counts[edges.atoms] = np.where(unreached, ends.n, _count_passes(values, low, np.less))
    return count_stored(low_counts, high_counts, ends, edges)


def _count_passes(values: Values, points: Values, compare: np.ufunc) -> Counts:
    """Return for each point how many values fulfil ``compare(values, point)``.

    `compare` is a comparison such as `numpy.less`. All values are compared with one point after
    another, which is fast for few points.
    """
    rest = len(values) % _PASS
    whole, last = values[: len(values) - rest], values[len(values) - rest :]
    counts = np.array([np.count_nonzero(true) for true in compare(last, points[:, None])], np.int64)
    if len(whole) and len(points):
        answers = np.empty((len(points), _PASS), np.bool_)
        by_chunk = answers.reshape(len(points), -1, _CHUNK).swapaxes(0, 1)
        # True is a byte of 1. Bytes are added eight at a time, as words, and at most 255 of them so
        # that none overflows. This takes half the time of `count_nonzero`.
        words = answers.view(np.uint64).reshape(len(points), -1, _BYTE)
        for block in whole.reshape(-1, _PASS // _CHUNK, 1, _CHUNK):
            compare(block, points[:, None], out=by_chunk, order="C")
            sums = np.add.reduce(words, axis=2).view(np.uint8)
            counts += np.add.reduce(sums, axis=1, dtype=np.int64)
    return counts


def candidate_buckets(x: Bucketed, y: Bucketed) -> tuple[int, Mask]:
    """Find the buckets in which the distribution functions of two samples may differ most.

    Both samples are counted in the same grid. ``F`` and ``G`` are their distribution functions, and
    ``n`` and ``m`` their numbers of values. A difference is expressed as the whole number ``n * m *
    |F - G|``.

    The first result is the largest difference at the ends of buckets. The second result is a mask
    of the buckets inside of which the difference may be larger. It is found by a bound: inside a
    bucket, ``F - G`` is at most ``F`` at the end of the bucket minus ``G`` at its start; the bound
    of ``G - F`` is analogous.
    """
    f, g = x.before * y.n, y.before * x.n
    difference = f - g
    best = int(max(difference.max(), -difference.min()))
    return best, (f[1:] - g[:-1] > best) | (g[1:] - f[:-1] > best)


def ks(x: Bucketed, y: Bucketed) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples counted in the same grid.

    The result is exact, also with ties, because it is computed in whole numbers. It is NaN if a
    sample is empty. Only the values of the buckets from `candidate_buckets` are sorted. Inside all
    other buckets, the difference of the distribution functions is not larger than at the ends of
    buckets.

    Examples
    --------
    >>> grid = Grid(0.0, 0.5, 8)
    >>> ks(Bucketed(np.array([1, 4, 3, 2]), grid), Bucketed(np.array([4.0, 3.0, 9.0, 5.0]), grid))
    0.5
    """
    if x.n == 0 or y.n == 0:
        return math.nan
    if x.grid is None:
        return _largest_difference(x, y) / (x.n * y.n)
    best, buckets = candidate_buckets(x, y)
    x.open(buckets)
    y.open(buckets)
    for a, b in ((x, y), (y, x)):
        values, upto = a.distinct()
        best = int((upto * b.n - b.up_to(values) * a.n).max(initial=best))
    return best / (x.n * y.n)


def _largest_difference(x: Bucketed, y: Bucketed) -> int:
    """Return the largest ``n * m * |F - G|`` of two samples without a grid.

    The difference is first computed only at some evenly spaced values of both samples. Let ``d`` be
    the largest of these differences. At the value ``v`` of rank ``i`` of the first sample, ``n * m
    * (F - G)`` is more than ``d`` only if the value of rank ``ceil((i * m - d) / n)`` of the second
    sample is greater than ``v``. All other values are skipped.
    """
    best, sides = 0, [(x, y), (y, x)]
    steps = [max(1, side.n // _SAMPLE) for side in (x, y)]
    for (a, b), step in zip(sides, steps, strict=True):
        ranks = np.arange(step, a.n + 1, step)
        best = int((ranks * b.n - b.up_to(a.at(ranks)) * a.n).max(initial=best))
    for (a, b), step in zip(sides, steps, strict=True):
        if step == 1:
            continue
        values, other = a.in_order, b.in_order
        if values.dtype != other.dtype:
            ranks = np.arange(1, a.n + 1)
        elif a.n == b.n:
            less = best // a.n
            ranks = np.flatnonzero(other[: a.n - less] > values[less:]) + (less + 1)
        else:
            own = np.arange(1, a.n + 1)
            at = -((best - own * b.n) // a.n) - 1
            ranks = own[(at >= 0) & (other[np.maximum(at, 0)] > values)]
        best = int((ranks * b.n - b.up_to(a.at(ranks)) * a.n).max(initial=best))
    return best


def crossing_buckets(x: Bucketed, y: Bucketed) -> Mask:
    """Return a mask of the buckets in which ``F - G`` may change its sign.

    ``F`` and ``G`` are the distribution functions of two samples counted in the same grid.
    """
    f, g = x.before * y.n, y.before * x.n
    crossing: Mask = (f[:-1] < g[1:]) & (g[:-1] < f[1:])
    return crossing


def wasserstein(x: Bucketed, y: Bucketed) -> float:
    """Return the first Wasserstein distance of two samples.

    Both samples must be counted in the same grid of buckets, with ``sums=True``, or both without a
    grid.

    The distance is the area ``integral |F - G|`` between the distribution functions, in the unit of
    the values. It is NaN if a sample is empty or has an infinite value.

    Notes
    -----
    If ``F - G`` does not change its sign in a bucket, the area in this bucket is ``|integral F -
    integral G|``. Both integrals are computed from the number and the sum of the values in the
    bucket. If many values are in the other buckets, these are divided into narrower buckets, for
    which the same is done. Only the values in the buckets that then remain are sorted.

    References
    ----------
    .. [1] Vallender, S. S. (1974). Calculation of the Wasserstein distance between probability
       distributions on the line. Theory of Probability and Its Applications 18, 784-786.

    Examples
    --------
    >>> wasserstein(*map(Bucketed, (np.array([1.0, 0.0]), np.array([0.0, 3.0, 1.0, 1.0]))))
    0.75
    """
    n, m, grid = x.n, y.n, x.grid
    ends = [side.at(np.array([1, side.n])) for side in (x, y) if side.n]
    if len(ends) < 2 or not all(np.isfinite(each).all() for each in ends):
        return math.nan
    if grid is None:
        reach = max(abs(float(end)) for each in ends for end in each)
        scale = SCALE if reach > LARGE else 1.0
        first, second = x.in_order, y.in_order
        with np.errstate(under="ignore"):
            if scale != 1:
                first, second = first * scale, second * scale
            if n == m:
                return float(distance(first, second).sum()) / n / scale
            # The area between the quantile functions, whose steps are at i / n and at j / m.
            i, j = np.arange(n), np.arange(m)
            at_i, at_j = i - (-i * m // n), j + j * n // m + 1
            steps_at, is_first = np.full(n + m + 1, n * m), np.zeros(n + m, np.int64)
            steps_at[at_i], steps_at[at_j], is_first[at_i] = i * m, j * n, 1
            taken = np.cumsum(is_first) - 1
            others = np.maximum(np.arange(n + m) - taken - 1, 0)
            gaps = distance(first[taken], second[others])
            return float((gaps * np.diff(steps_at)).sum()) / (n * m) / scale
    x.open(y.inside)
    y.open(x.inside)
    area = _area((x, y), (m, -n), np.zeros(grid.size, np.int64)) / (n * m) / grid.scale
    return area if math.isfinite(area) else wasserstein(Bucketed(x.values), Bucketed(y.values))


def _area(sides: Sequence[Bucketed], steps: tuple[int, int], jumps: Counts) -> float:
    """Return the area between a step function and 0, in widths of a bucket.

    The two samples must be counted in the same grid, with ``sums=True``, and have the same open
    buckets. The function rises by ``steps[0]``, which is positive, at each value of the first
    sample. It changes by ``steps[1]``, which is negative, at each value of the second sample, and
    by one of `jumps` at the start of each bucket. It is 0 at both ends.

    If many values are in buckets in which the function may change its sign, these buckets are put
    next to each other and divided into narrower ones, to which this function is applied.
    """
    (first, second), (up, down) = sides, steps
    grid: Any = first.grid
    rise, fall = up * np.diff(first.before), down * np.diff(second.before)
    stop = np.cumsum(jumps + rise + fall)
    start = stop - rise - fall
    crossing = (start + rise > 0) & (start + fall < 0) & ~first.inside
    one_sign = ~(crossing | first.inside)
    area = float(np.abs(start + up * first.left + down * second.left)[one_sign].sum())
    places = crossing.nonzero()[0]
    held = int((rise[places] // up + fall[places] // down).sum())
    parts = min(_MOST_BUCKETS, held // _PER_BUCKET) // max(len(places), 1)
    if held > _FEW and parts > 1 and 2 * held < first.n + second.n:
        parts = 1 << parts.bit_length() - 1
        narrow = Grid(0.0, parts, 1 << (parts * len(places)).bit_length())
        moves, inner = np.cumsum(crossing) - 1 - np.arange(len(crossing)), []
        for side in sides:
            at = grid.positions(side.inside_of(crossing)) - grid.size
            inner.append(Bucketed(at + moves.take(at.astype(np.int64)), narrow, sums=True))
        changes = np.append(start[places], 0) - np.append(0, stop[places])
        jumps = np.zeros(narrow.size, np.int64)
        jumps[: parts * len(changes) : parts] = changes
        area += _area(inner, steps, jumps) / parts
        crossing[:] = False
    # In the other buckets, the area is added up from one change of the function to the next one.
    places = (first.inside | crossing).nonzero()[0]
    changed, by = [places + grid.size, places + (grid.size + 1)], [start[places], -stop[places]]
    for side, step in zip(sides, steps, strict=True):
        values, upto = side.distinct()
        before = np.maximum(np.append(0, upto)[:-1], side.before[grid.places(values)])
        others = side.inside_of(crossing)
        changed += [grid.positions(values), grid.positions(others)]
        by += [step * (upto - before), np.full(len(others), step)]
    at = np.concatenate(changed)
    order = np.argsort(at)
    height = np.cumsum(np.concatenate(by)[order])[:-1]
    with np.errstate(invalid="ignore"):
        # Not `@`, because threads of the BLAS library would wait for more work and slow this down.
        return area + float((np.abs(height) * np.diff(at[order])).sum())
