"""A summary of a distribution: counts of the values below, and below or equal to, some points.

The counts are exact, and can be added up over batches, files and machines. The number of values
between two points is known. So the largest error of a distance computed from the counts is known,
too.
"""

import math
import sys
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.jsonfile import fields, items, number, whole
from mlgates.profile.counter import State
from mlgates.profile.distributions import Ecdf, as_points
from mlgates.stats import twosample
from mlgates.stats.buckets import Bucketed
from mlgates.stats.counting import Edges, Ends, count_stored, ranks_of, stored_edges

__all__ = ["PARTS", "QuantileSketch", "number_in_range", "quantile_points"]

#: A reference is summarised at its quantiles at 0, 1/360, 2/360, ..., 1. Because 360 has many
#: divisors, these include the edges of bins of equal size for most numbers of bins.
PARTS = 360
_KEYS = frozenset({"points", "low", "high", "n", "neg_inf", "pos_inf", "spread"})
Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class QuantileSketch(State):
    """A summary of a distribution: counts of the values below, and below or equal to, some points.

    A baseline has one for each numeric column, and `AtPoints` returns one. The counts are enough to
    compute bounds of the distance from another sample.

    Attributes
    ----------
    points : numpy.ndarray, shape (k,)
        Finite, sorted, distinct points.
    low, high : numpy.ndarray of int64, shape (k,)
        For each point, the number of values below it, and the number of values below or equal to
        it.
    ends : Ends
        Number of all values, and of infinite ones.
    spread : float
        Scale of the values, see `mlgates.stats.twosample.spread`; NaN if it is not known.
    beyond : float
        Sum of distances: of each value below the first point from that point, and of each value
        above the last point from that point. NaN if it is not known.

    Examples
    --------
    >>> sketch = QuantileSketch.of(Ecdf.of(np.array([3.0, 1.0, 2.0, 2.0])))
    >>> sketch.points.tolist(), sketch.low.tolist(), sketch.high.tolist()
    ([1.0, 2.0, 3.0], [0, 1, 3], [1, 3, 4])
    """

    points: npt.NDArray[Any]
    low: Counts
    high: Counts
    ends: Ends
    spread: float = math.nan
    beyond: float = math.nan

    @classmethod
    def of(cls, ecdf: Ecdf) -> "QuantileSketch":
        """Summarise a distribution at its `quantile_points`, and compute its spread.

        A distribution of at most 360 values is represented exactly.
        """
        spread = twosample.spread(Bucketed(ecdf.values))
        return replace(cls.at(quantile_points(ecdf), ecdf), spread=spread)

    @classmethod
    def at(cls, points: npt.NDArray[Any], ecdf: Ecdf) -> "QuantileSketch":
        """Create a sketch of a distribution with the given points.

        `ecdf` has all values of the distribution. The sketch has, for each point, the number of
        values below it, and the number of values below or equal to it. `points` must be finite,
        sorted and distinct.
        """
        values = ecdf.values
        return cls(points, *ranks_of(values, points), _ends(values))

    @property
    def n(self) -> int:
        """Number of values in the distribution."""
        return self.ends.n

    @property
    def whole(self) -> Ecdf:
        """The distribution as an `Ecdf` of all values.

        Use it only if `points` has every distinct finite value of the distribution.
        """
        negative, positive = np.full(self.ends.neg_inf, -np.inf), np.full(self.ends.pos_inf, np.inf)
        return Ecdf([negative, np.repeat(self.points, self.high - self.low), positive])

    def edges(self, bins: int) -> Edges:
        """Return the edges that divide the values into `bins` bins of about equal share.

        All edges are quantiles, and all of them are points of this sketch.
        """
        return stored_edges(self.points, self.low, self.high, self.ends, bins)

    def count(self, edges: Edges) -> Counts:
        """Count the values in each cell (bin) between edges, see `stats.buckets.Bucketed.cells`.

        Each edge must be a point of the sketch. If the edges have a `reach`, values that differ
        from an edge by at most its reach count as equal to it. Then the edge minus its reach and
        the edge plus its reach must be points, too, unless the counts of this sketch were made with
        the same reach.
        """
        if edges.ends[0] is self.points:
            return count_stored(self.low, self.high, self.ends, edges)
        first, _, last = self._places(edges)
        return count_stored(self.low[first], self.high[last], self.ends, edges)

    def snapped(self, edges: Edges) -> "QuantileSketch":
        """Return a sketch in which values that are almost equal to an atom are counted as equal.

        An atom is an edge that is so frequent that its value is a bin of its own. ``edges.reach``
        has, for each edge, the largest difference that is taken for rounding. `points` of this
        sketch must have each edge, each edge minus its reach, and each edge plus its reach.
        """
        low, high = self.low.copy(), self.high.copy()
        for first, at, last in np.stack(self._places(edges), axis=1).tolist():
            low[first : at + 1] = high[first:at] = self.low[first]
            low[at + 1 : last + 1] = high[at : last + 1] = self.high[last]
        return replace(self, low=low, high=high)

    def _places(self, edges: Edges) -> tuple[Counts, Counts, Counts]:
        """Return the positions, among the points, of the first end, the point and the last end."""
        first, last = edges.ends
        at = ranks_of(self.points, edges.points)[0]
        if first is last:
            return at, at, at
        return ranks_of(self.points, first)[0], at, ranks_of(self.points, last)[1] - 1

    def merge(self, other: "QuantileSketch", shift: int = 0) -> "QuantileSketch":  # noqa: ARG002
        """Return the sum of the counts of both sketches.

        EvidenceError is raised if their points differ. `shift` is not used, because the result has
        no row numbers.
        """
        if not np.array_equal(self.points, other.points):
            raise EvidenceError(
                "counts can be added only if their cut points are equal; these differ"
            )
        ends = Ends(*(a + b for a, b in zip(self.ends, other.ends, strict=True)))
        low, high = self.low + other.low, self.high + other.high
        return QuantileSketch(self.points, low, high, ends, beyond=self.beyond + other.beyond)

    @classmethod
    def from_parts(cls, *parts: Any) -> "QuantileSketch":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        points, low, high, ends, *rest = parts
        return cls(points, low, high, Ends(*ends), *rest)

    def to_dict(self) -> dict[str, object]:
        """Return the sketch as a dict of JSON values, for the file of a baseline."""
        return {
            "points": self.points.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "n": self.ends.n,
            "neg_inf": self.ends.neg_inf,
            "pos_inf": self.ends.pos_inf,
            "spread": self.spread if np.isfinite(self.spread) else None,
        }

    @classmethod
    def from_dict(cls, data: object) -> "QuantileSketch":
        """Create a sketch from the dict that `to_dict` returned.

        EvidenceError is raised if the dict has no valid counts.
        """
        given = fields(data, _KEYS, "knots")
        written = items(given["points"], "points")
        if not set(map(type, written)) <= {int, float}:  # infinities, large integers, wrong types
            written = [number(item, "points") for item in written]
        points = as_points(written)
        counts: list[Counts] = []
        for name in ("low", "high"):
            sizes: list[Any] = items(given[name], name)
            if set(map(type, sizes)) != {int} or min(sizes) < 0:
                sizes = [whole(item, name) for item in sizes]
            if max(sizes, default=0) > np.iinfo(np.int64).max:
                raise EvidenceError(f"`{name}` must be counts of rows, got a number beyond 64 bits")
            if len(sizes) != len(points):
                raise EvidenceError(
                    f"`{name}` must have one count per point ({len(points)}), got {len(sizes)}"
                )
            counts.append(np.array(sizes, dtype=np.int64))
        ends = Ends(*(whole(given[name], name) for name in ("n", "neg_inf", "pos_inf")))
        low, high = counts
        width = number_in_range(given["spread"], "spread")
        spread = math.nan if width is None else float(width)
        if not np.all(np.isfinite(points)) or np.any(points[1:] <= points[:-1]):
            raise EvidenceError("`points` must be finite and increasing")
        # The first and the last point are the least and the greatest finite value, and each point
        # is a value of the distribution.
        steps = np.stack(counts, axis=1).ravel()
        first, last = (steps[0], steps[-1]) if len(steps) else (ends.neg_inf, ends.neg_inf)
        rises = np.diff(steps)
        is_full = (first, last) == (ends.neg_inf, ends.n - ends.pos_inf)
        if np.any(rises < 0) or np.any(rises[::2] == 0) or not is_full:
            msg = "`low` and `high` must be cumulative counts of the values below and up to each "
            msg += "point: the first is `neg_inf`, the last `n` minus `pos_inf`, and at each point "
            msg += "is at least one value"
            raise EvidenceError(msg)
        if spread < 0 or spread == np.inf:
            raise EvidenceError(f"`spread` must be finite and at least 0, got {spread}")
        return cls(points, low, high, ends, spread)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, QuantileSketch)
            and self.ends == other.ends
            and np.array_equal(self.points, other.points)
            and np.array_equal(self.low, other.low)
            and np.array_equal(self.high, other.high)
        )

    def __repr__(self) -> str:
        return f"QuantileSketch(n={self.ends.n:,}, {len(self.points)} points)"


def quantile_points(ecdf: Ecdf) -> npt.NDArray[Any]:
    """Return the distinct finite quantiles of a distribution at 0, 1/360, 2/360, ..., 1.

    The quantiles are values of the distribution (inverted CDF). Infinities are replaced by the
    least and the greatest finite value.
    """
    values, (n, negative, positive) = ecdf.values, _ends(ecdf.values)
    ranks = -(-np.arange(PARTS + 1, dtype=np.int64) * n // PARTS) - 1
    last = n - positive - 1
    points = values[ranks.clip(negative, last)] if last >= negative else values[:0]
    return np.asarray(points[np.append(True, points[1:] != points[:-1])[: len(points)]])


def number_in_range(value: object, name: str) -> float | None:
    """Convert a JSON value to a float, or return None for null.

    EvidenceError is raised if the number is too large for a double. `name` is the key of the value
    in the file, for the error message.
    """
    read = number(value, name)
    exact: object = read
    if isinstance(exact, int) and abs(exact) > int(sys.float_info.max):
        raise EvidenceError(
            f"`{name}` must be a number between -1.8e308 and 1.8e308, got a larger integer"
        )
    return read


def _ends(values: npt.NDArray[Any]) -> Ends:
    """Count the values of a sorted array, and how many of them are -inf and inf."""
    if values.dtype.kind != "f":
        return Ends(len(values))
    negative = int(np.searchsorted(values, -np.inf, side="right"))
    return Ends(len(values), negative, len(values) - int(np.searchsorted(values, np.inf)))
