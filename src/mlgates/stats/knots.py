"""For each of some points, count the values less than it, and the values less than or equal to it.

The same points are used for many arrays of values, so the points are divided into buckets once.
"""

import hashlib
import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Counts, Mask, Values
from mlgates.stats.buckets import Bucketed, Grid, grid_of
from mlgates.stats.counting import are_doubles, ranks_of

__all__ = ["Knots"]

#: Buckets per point, and the least and the largest number of buckets of a table.
_PER_POINT = 16
_LEAST_BUCKETS = 1 << 13
_MOST_BUCKETS = 1 << 16
_MOST_TABLES = 3
#: No further table is made if at most this share of the points needs one.
_FEW = 1 / 64
#: Values per block. All arrays of a block fit into the cache of a processor.
_BLOCK = 1 << 14
#: More than _MANY values are counted in buckets that are fitted to the values, if there are fewer
#: than _FEW_POINTS points.
_MANY = 1 << 18
_FEW_POINTS = 1 << 10


class _Table(NamedTuple):
    """The buckets of a grid, and the number of points that are below each bucket.

    The number is one more than that of all points if the bucket has several points.
    """

    grid: Grid
    before: npt.NDArray[np.int32]


class Knots:
    """Count the values less than each point, and the values less than or equal to each point.

    A table of buckets (intervals) is made once for the points. A value in a bucket with at most one
    point is compared with one point only: the first one that is not below the bucket. Values in
    buckets with several points are looked up in another table, with narrower buckets. There are at
    most three tables. Values that are in a bucket with several points in every table are sorted,
    and compared with the points by binary search.

    Two objects with the same points are equal.

    Parameters
    ----------
    points : numpy.ndarray, shape (k,)
        Integers of 64 bits or doubles: finite, sorted and distinct.

    Examples
    --------
    >>> knots = Knots(np.array([1.0, 2.0]))
    >>> [counts.tolist() for counts in knots.count(np.array([2.0, 0.5, 2.0, np.inf]))]
    [[1, 1], [1, 3]]
    """

    def __init__(self, points: Values) -> None:
        self.points = points
        self._digest = hashlib.sha256(points.dtype.str.encode() + points.tobytes()).hexdigest()

    def count(self, values: Values) -> tuple[Counts, Counts]:
        """Count the values less than each point, and those less than or equal to it, exactly.

        `values` are integers or floats without NaN, in any order.
        """
        if not (len(self.points) and are_doubles(self.points) and are_doubles(values)):
            return ranks_of(np.sort(values), self.points)
        if len(values) > _MANY and len(self.points) < _FEW_POINTS:
            # For many values, buckets that are fitted to the values take less time.
            return Bucketed(values, grid_of(values)).count(self.points)
        size = len(self.points) + 2
        first, equal = np.zeros((2, size), np.int64)
        for table in (*self._tables, None):
            found, is_equal = (
                self._search(np.sort(values)) if table is None else self._look_up(values, table)
            )
            first += np.bincount(found, minlength=size)
            equal += np.bincount(found[is_equal.nonzero()[0]], minlength=size)
            values = values[(found == size - 1).nonzero()[0]]
            if not len(values):
                break
        high = first[:-2].cumsum()
        return high - equal[:-2], high

    def _search(self, values: Values) -> tuple[Counts, Mask]:
        """Return the position of the first point that is not less than each of some sorted values.

        The position is the number of points if there is no such point. The second result is a mask
        of the values that are equal to their point.
        """
        found = self._padded[:-2].searchsorted(values)
        return found, self._padded[found] == values

    def _look_up(self, values: Values, table: _Table) -> tuple[Counts, Mask]:
        """Return what `_search` returns, for values in any order.

        The position of a value in a bucket with several points is one more than the number of
        points.
        """
        (start, scale, size), before = table
        found, equal = np.empty(len(values), np.int64), np.empty(len(values), np.bool_)
        length = min(_BLOCK, len(values))
        floats, numbers, masks = np.empty(length), np.empty(length, np.int64), np.empty(length, "?")
        short = np.empty(length, np.int32)
        for first in range(0, len(values), _BLOCK):
            rows = slice(first, first + _BLOCK)
            block, position = values[rows], found[rows]
            n = len(block)
            at, place, above = floats[:n], numbers[:n], masks[:n]
            with np.errstate(over="ignore", under="ignore"):
                np.subtract(block, start, out=at, dtype=np.float64)
                np.multiply(at, scale, out=at)
            np.maximum(at, 0.0, out=at)
            np.minimum(at, size - 1.0, out=at)
            np.copyto(place, at, casting="unsafe")
            # Without the mode "clip", `take` would make a copy.
            before.take(place, out=short[:n], mode="clip")
            np.copyto(position, short[:n])
            self._padded.take(position, out=at, mode="clip")
            np.equal(block, at, out=equal[rows])
            np.greater(block, at, out=above)
            np.add(position, above, out=position)
        return found, equal

    @cached_property
    def _padded(self) -> Values:
        """The points as doubles, and NaN, which no value is greater than."""
        return np.append(self.points.astype(np.float64), [np.nan, np.nan])

    @cached_property
    def _tables(self) -> list[_Table]:
        tables: list[_Table] = []
        points = left = self._padded[:-2]
        while len(tables) < _MOST_TABLES and len(left) > _FEW * len(points):
            # The buckets are narrow where most of the points are.
            edge = len(left) // 100
            first, last = left[[edge, -edge - 1]].tolist()
            low = max(left[0].item(), first - (last - first))
            high = min(left[-1].item(), last + (last - first))
            size = 1 << (_PER_POINT * len(left)).bit_length()
            size = min(_MOST_BUCKETS, max(_LEAST_BUCKETS, size))
            scale = (size - 1) / (high - low) if high > low else 1.0
            if not 0 < scale < math.inf:
                break
            grid = Grid(low, scale, size)
            with np.errstate(over="ignore", under="ignore"):
                places = np.clip((points - low) * scale, 0.0, size - 1.0).astype(np.int64)
            held = np.bincount(places, minlength=size)
            tables.append(
                _Table(
                    grid,
                    np.where(held > 1, len(points) + 1, np.cumsum(held) - held).astype(np.int32),
                )
            )
            left = np.intersect1d(points[held[places] > 1], left, assume_unique=True)
        return tables

    def __reduce__(self) -> tuple[Any, ...]:
        return Knots, (self.points,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Knots) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return f"Knots({len(self.points)} points, SHA-256 {self._digest})"
