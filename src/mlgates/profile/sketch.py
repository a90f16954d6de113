"""A distribution kept at points: how many values are below, and up to, each of them.

Counts at points are exact and add up over batches, files and machines, and between two points the
number of values is known: so is the error of every distance that is computed from them.
"""

import math
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.jsonfile import fields, items, number, whole
from mlgates.profile.counter import State
from mlgates.profile.distributions import Ecdf, as_points
from mlgates.stats import twosample
from mlgates.stats.counting import Edges, Ends, ranks_of, stored_edges

__all__ = ["PARTS", "QuantileSketch"]

#: A reference is kept at its order statistics at i / 360, which most numbers of bins divide.
PARTS = 360
_KEYS = frozenset({"points", "low", "high", "n", "neg_inf", "pos_inf", "spread"})
Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class QuantileSketch(State):
    """Empirical distribution function at finite, sorted, distinct points.

    `low` and `high` values are below, and up to, each of them; `ends` counts all values and the
    infinite ones; `beyond` is the sum of the distances of values outside the outermost points from
    them. The spread and that sum are NaN when not known.

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
        """Return the sketch at the order statistics ``i / 360`` (inverted CDF) and both ends.

        Up to 360 values are kept whole.
        """
        values, (n, negative, positive) = ecdf.values, _ends(ecdf.values)
        ranks = -(-np.arange(PARTS + 1, dtype=np.int64) * n // PARTS) - 1
        # Infinities are no points: the least and the greatest finite values replace them.
        last = n - positive - 1
        points = values[ranks.clip(negative, last)] if last >= negative else values[:0]
        points = points[np.append(True, points[1:] != points[:-1])[: len(points)]]
        return replace(cls.at(points, ecdf), spread=twosample.spread(values))

    @classmethod
    def at(cls, points: npt.NDArray[Any], ecdf: Ecdf) -> "QuantileSketch":
        """Return the sketch at given points, which are finite, sorted, each once."""
        values = ecdf.values
        return cls(points, *ranks_of(values, points), _ends(values))

    @property
    def n(self) -> int:
        """Number of values."""
        return self.ends.n

    @property
    def whole(self) -> Ecdf:
        """The exact distribution, of a sketch at all values that there are."""
        negative, positive = np.full(self.ends.neg_inf, -np.inf), np.full(self.ends.pos_inf, np.inf)
        return Ecdf([negative, np.repeat(self.points, self.high - self.low), positive])

    def edges(self, bins: int) -> Edges:
        """Return quantile edges at some of the points."""
        return stored_edges(self.points, self.low, self.high, self.ends, bins)

    def merge(self, other: "QuantileSketch", shift: int = 0) -> "QuantileSketch":  # noqa: ARG002
        """Return the sketch of the values of both, at the same points."""
        if not np.array_equal(self.points, other.points):
            msg = "counts at different points can't be added"
            raise EvidenceError(msg)
        ends = Ends(*(a + b for a, b in zip(self.ends, other.ends, strict=True)))
        low, high = self.low + other.low, self.high + other.high
        return QuantileSketch(self.points, low, high, ends, beyond=self.beyond + other.beyond)

    @classmethod
    def from_parts(cls, *parts: Any) -> "QuantileSketch":
        """Return the sketch that `to_parts` took apart."""
        points, low, high, ends, *rest = parts
        return cls(points, low, high, Ends(*ends), *rest)

    def to_dict(self) -> dict[str, object]:
        """Return the sketch as JSON carries it."""
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
        """Return the sketch that `to_dict` wrote; EvidenceError when no distribution has it."""
        found = fields(data, _KEYS, "knots")
        written = items(found["points"], "points")
        if not set(map(type, written)) <= {int, float}:  # infinities, large integers, nonsense
            written = [number(item) for item in written]
        points = as_points(written)
        counts: list[Counts] = []
        for name in ("low", "high"):
            sizes: list[Any] = items(found[name], name)
            if set(map(type, sizes)) != {int} or min(sizes) < 0:
                sizes = [whole(item, name) for item in sizes]
            if max(sizes, default=0) > np.iinfo(np.int64).max:
                msg = f"`{name}` must be counts of rows"
                raise EvidenceError(msg)
            if len(sizes) != len(points):
                msg = f"`{name}` must have as many counts as there are points, got {len(sizes)}"
                raise EvidenceError(msg)
            counts.append(np.array(sizes, dtype=np.int64))
        ends = Ends(*(whole(found[name], name) for name in ("n", "neg_inf", "pos_inf")))
        low, high = counts
        width = number(found["spread"])
        spread = math.nan if width is None else float(width)
        if not np.all(np.isfinite(points)) or np.any(points[1:] <= points[:-1]):
            msg = "knots: points must be finite and rise"
            raise EvidenceError(msg)
        # The least and the greatest finite value are points, and each point is a value.
        steps = np.stack(counts, axis=1).ravel()
        first, last = (steps[0], steps[-1]) if len(steps) else (ends.neg_inf, ends.neg_inf)
        rises = np.diff(steps)
        is_full = (first, last) == (ends.neg_inf, ends.n - ends.pos_inf)
        if np.any(rises < 0) or np.any(rises[::2] == 0) or not is_full:
            msg = "knots: counts must rise from the values of -inf to all that are not inf"
            raise EvidenceError(msg)
        if spread < 0 or spread == np.inf:
            msg = f"knots: no spread can be {spread}"
            raise EvidenceError(msg)
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


def _ends(values: npt.NDArray[Any]) -> Ends:
    """Count sorted values, and those that are infinite."""
    if values.dtype.kind != "f":
        return Ends(len(values))
    negative = int(np.searchsorted(values, -np.inf, side="right"))
    return Ends(len(values), negative, len(values) - int(np.searchsorted(values, np.inf)))
