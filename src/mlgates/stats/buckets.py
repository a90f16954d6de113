"""Exact order statistics, counts and KS distances of large samples, computed without sorting them.

A grid assigns each number to one of 65,536 buckets. A larger number is never in a lower bucket, so
cumulated counts of buckets are exact values of the distribution function. Only the few buckets that
a result depends on are opened, that is, their values are sorted. For a million doubles this takes
about a quarter of the time of sorting all of them, on processors without instructions for sorting.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Counts, Floats, Mask, Values
from mlgates.stats.counting import ranks_of, round_to

__all__ = ["Bucketed", "Grid", "candidate_buckets", "grid_of", "ks"]

Places = npt.NDArray[np.uint16]

_BUCKETS = 1 << 16
#: Values per block. Larger blocks do not fit into the cache of a processor; smaller ones make
#: threads wait for each other.
_BLOCK = 1 << 16
#: Values counted per call. The overhead of a call equals the time for ten thousand values.
_COUNTED = 1 << 18
#: Values looked at to choose a grid.
_SAMPLE = 4096
#: With fewer distinct values among these, sorting is faster.
_LEVELS = 3 * _SAMPLE // 4
#: Cells in which these values are counted, to see how evenly they fill a grid.
_COARSE = 256
#: A cell is crowded if it has this many times the mean count of a cell.
_CROWDED = 13
#: Largest share of values that may be in crowded cells.
_MOST_CROWDED = 0.25
#: Doubles represent all integers up to twice this number.
_WHOLE = 2.0**52


class Grid(NamedTuple):
    """A division of the real line into 65,536 buckets of equal width.

    The first bucket begins at `start`, and there are `scale` buckets per unit. Numbers below the
    grid belong to the first bucket, numbers above it to the last one.
    """

    start: float
    scale: float

    def places(self, values: Values, *, inside: bool = False) -> Places:
        """Return the number of the bucket that each value belongs to.

        A larger value is never in a lower bucket, because rounding keeps the order.

        Parameters
        ----------
        values : numpy.ndarray, shape (n,)
            Integers or floats without NaN.
        inside : bool
            Whether all values are known to lie within the grid.

        Examples
        --------
        >>> Grid(0.0, 1.0).places(np.array([-np.inf, -1.0, 0.0, 1.9, 7.0, np.inf])).tolist()
        [0, 0, 0, 1, 7, 65535]
        """
        places = np.empty(len(values), np.uint16)
        buffer = np.empty(min(len(values), _BLOCK))
        for first in range(0, len(values), _BLOCK):
            block = values[first : first + _BLOCK]
            places[first : first + _BLOCK] = self.scaled(block, buffer[: len(block)], inside=inside)
        return places

    def scaled(self, values: Values, out: Floats, *, inside: bool) -> Floats:
        """Return the distance of each value from the start of the grid, in bucket widths.

        The result is written to `out`, an array of the same length, and returned. With
        ``inside=True``, all values are known to lie within the grid. Otherwise distances outside
        the grid are clipped to the number of the first or the last bucket.
        """
        with np.errstate(over="ignore"):
            np.subtract(values, self.start, out=out, dtype=np.float64)
            np.multiply(out, self.scale, out=out)
        if not inside:
            np.maximum(out, 0.0, out=out)
            np.minimum(out, _BUCKETS - 1.0, out=out)
        return out

    def holds(self, ends: tuple[float, float]) -> bool:
        """Return whether both ends of a range lie within the grid."""
        low, high = ((end - self.start) * self.scale for end in ends)
        return low >= 0 and high < _BUCKETS


def grid_of(values: Values, ends: tuple[float, float]) -> Grid | None:
    """Return a grid that fits the values of a sample; None if sorting the sample is faster.

    Let W be the width of the range that contains the middle 98 % of the values. The grid covers
    this range and up to W more on each side. It is shorter where the least or the greatest value is
    nearer than that. Sorting is faster if there are many ties, or if most values are in a small
    part of the range. Both are checked in a sample of 4,096 values.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Integers or floats without NaN, in any order.
    ends : tuple of float
        The least and the greatest value.

    Examples
    --------
    >>> grid = grid_of(np.arange(100_000.0), (0.0, 99_999.0))
    >>> grid.places(np.array([0.0, 50_000.0, 99_999.0])).tolist()
    [1927, 32767, 63606]
    """
    sample = np.sort(values[:: max(1, len(values) // _SAMPLE)].astype(np.float64))
    if len(sample) < _SAMPLE:
        return None
    edge = len(sample) // 100
    first, last = sample[[edge, -edge - 1]].tolist()
    width = last - first
    if not (width > 0 and max(-first, last) < _WHOLE):
        return None
    low, high = max(ends[0], first - width), min(ends[1], last + width)
    margin = (high - low) / 32
    grid = Grid(low - margin, (_BUCKETS - 2) / (high - low + 2 * margin))
    levels = sample[np.append(True, sample[1:] != sample[:-1])]
    if not math.isfinite(grid.scale) or len(levels) < _LEVELS:
        return None
    counts = np.bincount(grid.places(levels) // (_BUCKETS // _COARSE), minlength=_COARSE)
    crowded = counts[counts > _CROWDED * len(levels) / _COARSE].sum()
    return grid if crowded <= _MOST_CROWDED * len(levels) else None


class Opened(NamedTuple):
    """The sorted values of some of the buckets of a sample.

    `values` are these values, from all of these buckets together. `inside` has one bool per bucket
    of the grid: whether the bucket's values are included. `shift` has one integer per bucket: the
    number of smaller values of the sample that are not included. Added to the position of a value
    in `values`, it gives the value's position in the whole sorted sample.
    """

    values: Values
    shift: Counts
    inside: Mask


class Bucketed:
    """A sample, and the number of its values in each bucket of a grid.

    The grid can be made for this sample, or for another one that it is compared with.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Integers or floats without NaN, in any order; not copied.
    grid : Grid
        The buckets.
    inside : bool
        Whether all values are known to lie within the grid.

    Attributes
    ----------
    before : numpy.ndarray of int64, shape (65537,)
        Number of values in all lower buckets; the last element is the number of all values.

    Examples
    --------
    >>> sample = Bucketed(np.array([3.0, 1.0, 2.0, 2.0]), Grid(0.0, 1.0))
    >>> sample.at(np.array([1, 4])).tolist()
    [1.0, 3.0]
    >>> [counts.tolist() for counts in sample.count(np.array([2.0, 9.0]))]
    [[1, 4], [3, 4]]
    """

    def __init__(self, values: Values, grid: Grid, *, inside: bool = False) -> None:
        from scipy.sparse import csc_array  # (imported here, since small samples do not need it)

        self.values = values
        self.grid = grid
        self.n = n = len(values)
        buffer, one = np.empty(min(n, _BLOCK)), np.ones(1, np.int32)
        self._places, counts = np.empty(n, np.uint16), np.zeros(_BUCKETS, np.int64)
        size = min(n, _COUNTED)
        rows, ends = np.zeros(size, np.int32), np.array([0, size], np.int32)
        # Counted as the product of a sparse column, with ones at these rows, and 1. Unlike
        # `numpy.bincount`, it does not block other threads.
        column = csc_array((np.ones(size, np.int32), rows, ends), shape=(_BUCKETS, 1))
        for first in range(0, n, _COUNTED):
            part = values[first : first + _COUNTED]
            rows, places = column.indices[: len(part)], self._places[first : first + _COUNTED]
            for start in range(0, len(part), _BLOCK):
                block = part[start : start + _BLOCK]
                here = slice(start, start + len(block))
                rows[here] = grid.scaled(block, buffer[: len(block)], inside=inside)
                # Converted to 16 bits and back, so that no row can be outside the matrix.
                places[here] = rows[here]
                rows[here] = places[here]
            column.indptr[1] = len(part)
            counts += np.asarray(column @ one)
        self.before = np.concatenate(([0], np.cumsum(counts)))
        self._opened: Opened | None = None
        # The outermost buckets have the infinities.
        self._requested = np.array([0, _BUCKETS - 1])

    def request(self, buckets: npt.NDArray[np.integer]) -> None:
        """Add buckets to those that the next call of `open` will sort.

        A single pass over the values is then enough for these buckets and for those that `open` is
        called with.
        """
        self._requested = np.concatenate([self._requested, buckets])

    def open(self, buckets: npt.NDArray[np.integer]) -> Opened:
        """Sort the values of these buckets, and of the requested ones, and return them.

        The result also contains all buckets that were opened before.
        """
        opened = self._opened
        if opened is None or not opened.inside[buckets].all():
            # A new object is made, because another thread may be reading the old one.
            inside = np.zeros(_BUCKETS, np.bool_) if opened is None else opened.inside.copy()
            inside[self._requested] = True
            inside[buckets] = True
            counts = np.where(inside, np.diff(self.before), 0)
            shift = self.before[:-1] - (np.cumsum(counts) - counts)
            parts = [self.values[:0]]
            for first in range(0, self.n, _BLOCK):
                rows = slice(first, first + _BLOCK)
                parts.append(self.values[rows][inside.take(self._places[rows]).nonzero()[0]])
            opened = self._opened = Opened(np.sort(np.concatenate(parts)), shift, inside)
        return opened

    def of_ranks(self, ranks: Counts) -> Counts:
        """Return the bucket that contains the value of each rank; ranks count from 1 to `n`."""
        return np.searchsorted(self.before, ranks, side="left") - 1

    def at(self, ranks: Counts) -> Values:
        """Return the value of each rank in the sorted sample; ranks count from 1 to `n`."""
        places = self.of_ranks(ranks)
        opened = self.open(places)
        values: Values = opened.values[ranks - 1 - opened.shift[places]]
        return values

    def count(self, points: Values) -> tuple[Counts, Counts]:
        """Count the values less than each point, and those less than or equal to it.

        `points` are integers or floats without NaN.
        """
        places = self.grid.places(points)
        opened = self.open(places)
        shift = opened.shift[places]
        low, high = ranks_of(opened.values, points)
        return low + shift, high + shift


def candidate_buckets(x: Bucketed, y: Bucketed) -> tuple[int, Counts]:
    """Return the largest distance at bucket ends, and the buckets that may contain a larger one.

    Both samples are counted in the same grid. ``F`` and ``G`` are their distribution functions, and
    ``n`` and ``m`` are their sizes. A distance is a whole number, ``n * m * |F - G|``. The second
    item has the numbers of the buckets. They are found by a bound: inside a bucket, ``F - G`` is at
    most ``F`` at its end minus ``G`` at its start, and likewise for ``G - F``.
    """
    f, g = x.before * y.n, y.before * x.n
    difference = f - g
    best = int(max(difference.max(), -difference.min()))
    return best, np.flatnonzero((f[1:] - g[:-1] > best) | (g[1:] - f[:-1] > best))


def ks(x: Bucketed, y: Bucketed) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples counted in the same grid.

    The result is that of `mlgates.stats.twosample.ks_distance`: computed in whole numbers, exact
    with ties, and NaN if a sample is empty. Only those buckets are opened in which the distance may
    exceed its largest value at ends of buckets.

    Examples
    --------
    >>> grid = Grid(0.0, 0.5)
    >>> ks(Bucketed(np.array([1, 4, 3, 2]), grid), Bucketed(np.array([4.0, 3.0, 9.0, 5.0]), grid))
    0.5
    """
    n, m = x.n, y.n
    if n == 0 or m == 0:
        return math.nan
    best, buckets = candidate_buckets(x, y)
    a, b = x.open(buckets), y.open(buckets)
    best = max(
        best, _largest_difference(a, b, x.grid, (n, m)), _largest_difference(b, a, x.grid, (m, n))
    )
    return best / (n * m)


def _largest_difference(x: Opened, y: Opened, grid: Grid, sizes: tuple[int, int]) -> int:
    """Return the largest ``n * m * (F - G)`` at the values of buckets opened in both samples.

    ``F`` and ``G`` are the distribution functions of the samples `x` and `y`. `sizes` are their
    numbers of values, ``n`` and ``m``. The result is at least 0.
    """
    n, m = sizes
    # F at a value is the rank of the last of those equal to it.
    last = np.flatnonzero(np.append(x.values[1:] != x.values[:-1], True)[: len(x.values)])
    places = grid.places(x.values[last])
    both = y.inside[places]
    last, places = last[both], places[both]
    keys, under = round_to(x.values[last], y.values.dtype, up=False)
    upto = np.where(under, 0, y.values.searchsorted(keys, side="right")) + y.shift[places]
    return int(((last + 1 + x.shift[places]) * m - upto * n).max(initial=0))
