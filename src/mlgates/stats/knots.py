"""Count many values at points that are known before the values are read, without sorting them."""

import hashlib
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from mlgates.stats.arrays import Counts, Values
from mlgates.stats.buckets import Grid
from mlgates.stats.counting import ranks_of

__all__ = ["Knots"]

#: Buckets per point, and the least and the largest number of buckets of a table.
_PER_POINT = 16
_LEAST_BUCKETS = 1 << 13
_MOST_BUCKETS = 1 << 17
_MOST_TABLES = 3
#: No further table is made if at most this share of the points needs one.
_FEW = 1 / 64
#: Values per block. All arrays of a block fit into the cache of a processor.
_BLOCK = 1 << 15
#: Doubles represent all integers up to this number.
_WHOLE = 2**53


class _Table(NamedTuple):
    """The buckets of a grid, and the number of points that are below each bucket.

    The number is one more than that of all points if the bucket has several points.
    """

    grid: Grid
    before: Counts


class Knots:
    """Points at which values are counted: how many are less than each point, and how many up to it.

    A table of buckets (intervals) is made once for the points, and each value is assigned to its
    bucket. If the bucket contains at most one point, the value is compared with the next point.
    Values in buckets with several points are looked up in another table with narrower buckets.
    There are at most three tables. Values that are in a bucket with several points of the last
    table are sorted.

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
        if not (len(self.points) and _are_doubles(self.points) and _are_doubles(values)):
            return ranks_of(np.sort(values), self.points)
        # A cell for each point, one below it, and one above all of them; the last one is for values
        # in a bucket with several points.
        size = 2 * len(self.points) + 3
        cells, places = np.full(len(values), size - 1), np.arange(len(values))
        for table in self._tables:
            rest = values if table is self._tables[0] else values[places]
            found = self._cells(rest, table)
            if rest is values:
                cells = found
            else:
                cells[places] = found
            places = places[(found == size - 1).nonzero()[0]]
        rest = np.sort(values[places])
        # In another order, which does not change the counts.
        cells[places] = sum(
            self._padded[:-2].searchsorted(rest, side) for side in ("left", "right")
        )
        upto = np.bincount(cells, minlength=size).cumsum()
        return upto[0 : size - 3 : 2], upto[1 : size - 2 : 2]

    def _cells(self, values: Values, table: _Table) -> Counts:
        """Return the number of the cell of each value, or of the last cell if it is not known.

        The cell of a value that is equal to point number ``i`` is ``2 * i + 1``. Values between two
        points are in the cell between theirs.
        """
        (start, scale, size), before = table
        cells = np.empty(len(values), np.int64)
        length = min(_BLOCK, len(values))
        floats, places, beyond = np.empty(length), np.empty(length, np.int64), np.empty(length, "?")
        for first in range(0, len(values), _BLOCK):
            block = values[first : first + _BLOCK]
            n = len(block)
            at, place, greater, cell = floats[:n], places[:n], beyond[:n], cells[first : first + n]
            with np.errstate(over="ignore", under="ignore"):
                np.subtract(block, start, out=at, dtype=np.float64)
                np.multiply(at, scale, out=at)
            np.maximum(at, 0.0, out=at)
            np.minimum(at, size - 1.0, out=at)
            np.copyto(place, at, casting="unsafe")
            # Without the mode "clip", `take` would make a copy.
            before.take(place, out=cell, mode="clip")
            self._padded.take(cell, out=at, mode="clip")
            np.add(cell, cell, out=cell)
            for beyond_point in (np.greater, np.greater_equal):
                beyond_point(block, at, out=greater)
                np.add(cell, greater, out=cell)
        return cells

    @cached_property
    def _padded(self) -> Values:
        """The points as doubles, and NaN, which no value is greater than."""
        return np.append(self.points.astype(np.float64), [np.nan, np.nan])

    @cached_property
    def _tables(self) -> list[_Table]:
        tables: list[_Table] = []
        points = left = self._padded[:-2]
        while len(tables) < _MOST_TABLES and len(left) > max(1, _FEW * len(points)):
            # The buckets are narrow where most of the points are.
            edge = len(left) // 100
            first, last = left[[edge, -edge - 1]].tolist()
            low = max(left[0].item(), first - (last - first))
            high = min(left[-1].item(), last + (last - first))
            size = 1 << (_PER_POINT * len(left)).bit_length()
            size = min(_MOST_BUCKETS, max(_LEAST_BUCKETS, size))
            with np.errstate(over="ignore", divide="ignore"):
                scale = (np.float64(size - 1) / (np.float64(high) - low)).item()
            if not 0 < scale < np.inf:
                break
            grid = Grid(low, scale, size)
            places = np.minimum(np.maximum((points - low) * scale, 0.0), size - 1.0).astype(
                np.int64
            )
            held = np.bincount(places, minlength=size)
            tables.append(_Table(grid, np.where(held > 1, len(points) + 1, np.cumsum(held) - held)))
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


def _are_doubles(values: Values) -> bool:
    """Return whether each of the values is represented by a double exactly."""
    if values.dtype.kind == "f" or values.dtype.itemsize < 8 or not len(values):
        return True
    return max(-int(values.min()), int(values.max())) <= _WHOLE
