"""Large samples in buckets: order statistics, counts and the KS distance, exact, without a sort.

A grid assigns each number one of 65,536 buckets, and never a lower one to a larger number, so that
counts of buckets are exact values of the distribution function. Only the few buckets that matter
are opened: their values are sorted. Sorting all of a million doubles takes four times as long,
where the processor has no instructions for it.
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
#: Values per step: more would leave the processor's caches, and with fewer threads would wait for
#: each other.
_BLOCK = 1 << 16
#: Values counted per call, which takes as long as some ten thousand of them.
_COUNTED = 1 << 18
_SAMPLE = 4096
#: A sample with fewer different values is sorted quickly.
_LEVELS = 3 * _SAMPLE // 4
#: Cells in which a sample is counted to see how evenly a grid would fill.
_COARSE = 256
#: A cell with so many times its even share is crowded; of the sample a quarter may be.
_CROWDED = 13
_MOST_CROWDED = 0.25
#: Beyond, doubles no longer tell integers apart.
_WHOLE = 2.0**52


class Grid(NamedTuple):
    """Buckets of equal width from `start`, `scale` per unit; the outermost hold all beyond."""

    start: float
    scale: float

    def places(self, values: Values, *, inside: bool = False) -> Places:
        """Return the bucket of each value, integers or floats without NaN.

        A larger value is in no lower bucket: subtraction, multiplication and conversion round, but
        keep the order. `inside`: all values are known to lie within the grid.

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
        """Write the distance of each value from the start to `out`, in buckets."""
        with np.errstate(over="ignore"):
            np.subtract(values, self.start, out=out, dtype=np.float64)
            np.multiply(out, self.scale, out=out)
        if not inside:
            np.maximum(out, 0.0, out=out)
            np.minimum(out, _BUCKETS - 1.0, out=out)
        return out

    def holds(self, ends: tuple[float, float]) -> bool:
        """Return whether all from one end to the other lies within the grid."""
        low, high = ((end - self.start) * self.scale for end in ends)
        return low >= 0 and high < _BUCKETS


def grid_of(values: Values, ends: tuple[float, float]) -> Grid | None:
    """Return a grid over a sample's middle 98 % and as much on either side, or None.

    None where sorting is better: many ties, or most values in a small part of the line. 4,096
    values are looked at; `ends` are the least and the greatest, and the grid reaches little
    further.

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
    """The sorted values of some buckets (`inside`).

    `shift` is, for the values of each bucket, the rank in the sample less that in `values`.
    """

    values: Values
    shift: Counts
    inside: Mask


class Bucketed:
    """A sample in the buckets of a grid: its own, or that of the sample it is compared with.

    The values, in any order and without NaN, are kept, not copied. `inside`: all are known to lie
    within the grid. `before`, of shape (65,537,), is the number of values in lower buckets than
    each, last that of all.

    Examples
    --------
    >>> sample = Bucketed(np.array([3.0, 1.0, 2.0, 2.0]), Grid(0.0, 1.0))
    >>> sample.at(np.array([1, 4])).tolist()
    [1.0, 3.0]
    >>> [counts.tolist() for counts in sample.count(np.array([2.0, 9.0]))]
    [[1, 4], [3, 4]]
    """

    def __init__(self, values: Values, grid: Grid, *, inside: bool = False) -> None:
        from scipy.sparse import csc_array  # here, because small samples are never counted

        self.values = values
        self.grid = grid
        self.n = n = len(values)
        buffer, one = np.empty(min(n, _BLOCK)), np.ones(1, np.int32)
        self._places, counts = np.empty(n, np.uint16), np.zeros(_BUCKETS, np.int64)
        size = min(n, _COUNTED)
        rows, ends = np.zeros(size, np.int32), np.array([0, size], np.int32)
        # Counted as the product of a sparse column of ones, at these places, with 1: unlike
        # `numpy.bincount`, it lets other threads run meanwhile.
        column = csc_array((np.ones(size, np.int32), rows, ends), shape=(_BUCKETS, 1))
        for first in range(0, n, _COUNTED):
            part = values[first : first + _COUNTED]
            rows, places = column.indices[: len(part)], self._places[first : first + _COUNTED]
            for start in range(0, len(part), _BLOCK):
                block = part[start : start + _BLOCK]
                here = slice(start, start + len(block))
                rows[here] = grid.scaled(block, buffer[: len(block)], inside=inside)
                # What does not fit into 16 bits would be outside of the matrix.
                places[here] = rows[here]
                rows[here] = places[here]
            column.indptr[1] = len(part)
            counts += np.asarray(column @ one)
        self.before = np.concatenate(([0], np.cumsum(counts)))
        self._opened: Opened | None = None
        # The infinities are in the outermost ones.
        self._wanted = np.array([0, _BUCKETS - 1])

    def want(self, buckets: npt.NDArray[np.integer]) -> None:
        """Add buckets to the next opening: each opening is a pass over the values."""
        self._wanted = np.concatenate([self._wanted, buckets])

    def open(self, buckets: npt.NDArray[np.integer]) -> Opened:
        """Return the sorted values of these buckets and of all others opened or wanted before."""
        known = self._opened
        if known is None or not known.inside[buckets].all():
            # What was opened before stays as it is: another thread may be reading it.
            inside = np.zeros(_BUCKETS, np.bool_) if known is None else known.inside.copy()
            inside[self._wanted] = True
            inside[buckets] = True
            counts = np.where(inside, np.diff(self.before), 0)
            shift = self.before[:-1] - (np.cumsum(counts) - counts)
            found = [self.values[:0]]
            for first in range(0, self.n, _BLOCK):
                rows = slice(first, first + _BLOCK)
                found.append(self.values[rows][inside.take(self._places[rows]).nonzero()[0]])
            known = self._opened = Opened(np.sort(np.concatenate(found)), shift, inside)
        return known

    def of_ranks(self, ranks: Counts) -> Counts:
        """Return the buckets that hold the order statistics of these ranks, from 1 to `n`."""
        return np.searchsorted(self.before, ranks, side="left") - 1

    def at(self, ranks: Counts) -> Values:
        """Return the order statistics of these ranks, from 1 to `n`."""
        places = self.of_ranks(ranks)
        opened = self.open(places)
        found: Values = opened.values[ranks - 1 - opened.shift[places]]
        return found

    def count(self, points: Values) -> tuple[Counts, Counts]:
        """Count the values below, and up to, each point: integers or floats without NaN."""
        places = self.grid.places(points)
        opened = self.open(places)
        shift = opened.shift[places]
        low, high = ranks_of(opened.values, points)
        return low + shift, high + shift


def candidate_buckets(x: Bucketed, y: Bucketed) -> tuple[int, Counts]:
    """Return the largest ``n * m * |F - G|`` between buckets, and those that may exceed it.

    Both samples are in the buckets of one grid. Within a bucket ``F - G`` is at most ``F`` behind
    it less ``G`` before it.
    """
    f, g = x.before * y.n, y.before * x.n
    apart = f - g
    best = int(max(apart.max(), -apart.min()))
    return best, np.flatnonzero((f[1:] - g[:-1] > best) | (g[1:] - f[:-1] > best))


def ks(x: Bucketed, y: Bucketed) -> float:
    """Return the Kolmogorov-Smirnov distance of samples in the buckets of one grid.

    As `mlgates.stats.twosample.ks_distance`: exact with ties, in whole numbers; NaN when a sample
    is empty. Only buckets are opened in which it may exceed what it is between buckets.

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
    best = max(best, _excess(a, b, x.grid, (n, m)), _excess(b, a, x.grid, (m, n)))
    return best / (n * m)


def _excess(x: Opened, y: Opened, grid: Grid, sizes: tuple[int, int]) -> int:
    """Return the largest ``n * m * (F - G)`` at values in buckets opened in both, at least 0."""
    n, m = sizes
    # The last of equal values has all of them up to it.
    last = np.flatnonzero(np.append(x.values[1:] != x.values[:-1], True)[: len(x.values)])
    places = grid.places(x.values[last])
    both = y.inside[places]
    last, places = last[both], places[both]
    keys, under = round_to(x.values[last], y.values.dtype, up=False)
    known = np.where(under, 0, y.values.searchsorted(keys, side="right")) + y.shift[places]
    return int(((last + 1 + x.shift[places]) * m - known * n).max(initial=0))
