"""The distribution of an ordered column at knots: how many values are below, and up to, each.

Counts at knots are exact and add up over batches, files and machines, and between two knots the
number of values is known: so is the error of every distance that is computed from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.jsonfile import fields, items, number, plain, whole
from mlgates.profile.column import ColumnView
from mlgates.profile.ecdf import Ecdf
from mlgates.stats.counting import Ends, ranks_of, tally
from mlgates.stats.twosample import spread
from mlgates.tables.encoding import doubles_tell

__all__ = ["PARTS", "AtKnots", "Knots", "as_points", "numbers_of"]

#: A reference is kept at its order statistics at i / 360, which most numbers of bins divide.
PARTS = 360
_KEYS = frozenset({"points", "low", "high", "n", "neg_inf", "pos_inf", "spread"})
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Knots:
    """Empirical distribution function at points.

    Parameters
    ----------
    points : numpy.ndarray
        Finite, sorted, each once.
    low, high : numpy.ndarray of int64
        How many values are below, and up to, each of them.
    ends : Ends
        Number of values, and of infinite ones.
    spread : float
        Of the values, as `mlgates.stats.twosample.spread` has it; NaN when not known.
    beyond : float
        Sum of the distances of values less than the first or greater than the last point from it;
        NaN when not known.

    Examples
    --------
    >>> knots = Knots.of(Ecdf.of(np.array([3.0, 1.0, 2.0, 2.0])))
    >>> knots.points.tolist(), knots.low.tolist(), knots.high.tolist()
    ([1.0, 2.0, 3.0], [0, 1, 3], [1, 3, 4])
    """

    points: npt.NDArray[Any]
    low: Counts
    high: Counts
    ends: Ends
    spread: float = float("nan")
    beyond: float = float("nan")

    @classmethod
    def of(cls, ecdf: Ecdf) -> "Knots":
        """Knots at the order statistics ``i / 360`` (inverted CDF), the least and the greatest.

        Parameters
        ----------
        ecdf : Ecdf
            The exact distribution. With up to 360 values it is kept whole.
        """
        values, (n, negative, positive) = ecdf.values, _infinities(ecdf.values)
        ranks = -(-np.arange(PARTS + 1, dtype=np.int64) * n // PARTS) - 1
        # Infinities are no points: the least and the greatest finite values stand in for them.
        last = n - positive - 1
        points = values[ranks.clip(negative, last)] if last >= negative else values[:0]
        points = points[np.append(True, points[1:] != points[:-1])[: len(points)]]
        return replace(cls.at(points, ecdf), spread=spread(values))

    @classmethod
    def at(cls, points: npt.NDArray[Any], ecdf: Ecdf) -> "Knots":
        """Knots at given points, which are finite, sorted, each once."""
        values = ecdf.values
        return cls(points, *ranks_of(values, points), _infinities(values))

    @property
    def n(self) -> int:
        """Number of values."""
        return self.ends.n

    @property
    def whole(self) -> Ecdf:
        """The exact distribution, of knots at all values that there are."""
        negative, positive = np.full(self.ends.neg_inf, -np.inf), np.full(self.ends.pos_inf, np.inf)
        return Ecdf([negative, np.repeat(self.points, self.high - self.low), positive])

    def merge(self, other: "Knots", shift: int = 0) -> "Knots":
        """Knots of the values of both, at the same points; `shift` plays no part."""
        del shift
        if not np.array_equal(self.points, other.points):
            msg = "counts at different points can't be added"
            raise EvidenceError(msg)
        ends = Ends(*(a + b for a, b in zip(self.ends, other.ends, strict=True)))
        low, high = self.low + other.low, self.high + other.high
        return Knots(self.points, low, high, ends, beyond=self.beyond + other.beyond)

    def to_dict(self) -> dict[str, object]:
        """Return the knots as JSON carries them."""
        written = {
            "points": self.points.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "n": self.ends.n,
            "neg_inf": self.ends.neg_inf,
            "pos_inf": self.ends.pos_inf,
            "spread": self.spread if np.isfinite(self.spread) else None,
        }
        return {key: plain(value) for key, value in written.items()}

    @classmethod
    def from_dict(cls, data: object) -> "Knots":
        """Return the knots that `to_dict` wrote.

        Raises
        ------
        EvidenceError
            When no distribution can be like that.
        """
        found = fields(data, _KEYS, "knots")
        written = items(found["points"], "points")
        if not set(map(type, written)) <= {int, float}:  # infinities, large integers, nonsense
            written = [number(item) for item in written]
        points = as_points(written)
        low, high = (_counts(found, name, len(points)) for name in ("low", "high"))
        ends = Ends(*(whole(found[name], name) for name in ("n", "neg_inf", "pos_inf")))
        width = number(found["spread"])
        knots = cls(points, low, high, ends, float("nan") if width is None else float(width))
        knots._refuse_nonsense()
        return knots

    def _refuse_nonsense(self) -> None:
        n, negative, positive = self.ends
        steps = np.stack([self.low, self.high], axis=1).ravel()
        rises = np.diff(steps) if len(steps) else np.zeros(0)
        if not np.all(np.isfinite(self.points)) or np.any(self.points[1:] <= self.points[:-1]):
            msg = "knots: points must be finite and rise"
            raise EvidenceError(msg)
        # the least and the greatest finite value are points, and each point is a value
        first, last = (steps[0], steps[-1]) if len(steps) else (negative, negative)
        if (
            np.any(rises < 0)
            or np.any(rises[::2] == 0)
            or (first, last) != (negative, n - positive)
        ):
            msg = "knots: counts must rise from the values of -inf to all that are not inf"
            raise EvidenceError(msg)
        if self.spread < 0 or self.spread == np.inf:
            msg = f"knots: no spread can be {self.spread}"
            raise EvidenceError(msg)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Knots):
            return NotImplemented
        return self.ends == other.ends and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("points", "low", "high")
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Knots(n={self.ends.n:,}, {len(self.points)} points)"


@dataclass(frozen=True)
class AtKnots:
    """Values of a column below, and up to, given points, counted in linear time.

    Parameters
    ----------
    column : str
        Name of a column of numbers; decimals count as doubles.
    points : tuple
        Finite, sorted, each once.
    tails : bool
        Whether to add up how far the values beyond the outermost points are from them.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> at = AtKnots("x", (1.0, 2.0))
    >>> Profile.of({"x": [0.5, 1.0, 2.5, None]}, [at])[at].high
    array([2, 2])
    """

    column: str
    points: tuple[float, ...]
    tails: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that is read."""
        return (self.column,)

    def count(self, views: Mapping[str, ColumnView], native: object) -> Knots:
        """Counts in one batch."""
        del native
        view = views[self.column]
        points = as_points(self.points)
        low, high = tally(numbers_of(view), points)
        beyond = _beyond(view, points) if self.tails else float("nan")
        ends = Ends(view.valid, view.neg_inf, view.pos_inf)
        return Knots(points, low, high, ends, beyond=beyond)


def numbers_of(view: ColumnView) -> npt.NDArray[np.generic]:
    """Return the values of a column of numbers; EvidenceError for any other.

    And for decimals that differ by less than doubles, as which they count, can tell.
    """
    field = view.field
    if field.kind not in {"int", "float", "decimal", "null"}:
        msg = f"column {field.name!r} holds {field.kind} values ({field.type}), no numbers"
        raise EvidenceError(msg)
    if field.kind == "decimal" and not doubles_tell(view.plain):
        msg = (
            f"column {field.name!r} holds values ({field.type}) that differ by less than doubles "
            "can tell; give it with fewer digits, or as texts"
        )
        raise EvidenceError(msg)
    return view.values


def _beyond(view: ColumnView, points: npt.NDArray[Any]) -> float:
    """Sum of the distances of the values beyond the outermost points from them."""
    if len(points) == 0 or view.valid == 0:
        return 0.0
    first, last, total = points[0].item(), points[-1].item(), 0.0
    values = view.values
    # A point may be beyond what the column's type holds.
    with np.errstate(over="ignore"):
        if view.min is not None and view.min < first:
            total += _apart(values[values < first], first)
        if view.max is not None and view.max > last:
            total += _apart(values[values > last], last)
    return total


def _apart(values: npt.NDArray[Any], point: Any) -> float:
    """Sum of the distances of values on one side of a point from it."""
    if values.dtype.kind == "f" or isinstance(point, float):
        # Infinite where doubles have no such number: then nothing is known of the distance.
        with np.errstate(over="ignore"):
            return float(np.abs(values.astype(np.float64) - point).sum())
    # Of integers they are exact before they are rounded: modulo 2**64, in which each one fits.
    away = values.astype(np.uint64) - np.uint64(point % 2**64)
    return float((away if values[0] > point else 0 - away).astype(np.float64).sum())


def as_points(points: Any) -> npt.NDArray[Any]:
    """Return points in one type: integers where all of them are, else doubles."""
    whole = all(isinstance(point, int) for point in points)
    if not whole or len(points) == 0:
        return np.array(points, dtype=np.float64)
    try:
        return np.array(points, dtype=np.int64)
    except OverflowError:
        pass
    try:
        return np.array(points, dtype=np.uint64)
    except OverflowError:
        msg = "knots: no column has integers of more than 64 bits"
        raise EvidenceError(msg) from None


def _infinities(values: npt.NDArray[Any]) -> Ends:
    if values.dtype.kind != "f":
        return Ends(len(values))
    negative = int(np.searchsorted(values, -np.inf, side="right"))
    return Ends(len(values), negative, len(values) - int(np.searchsorted(values, np.inf)))


def _counts(found: Mapping[str, object], name: str, size: int) -> Counts:
    counts: list[Any] = items(found[name], name)
    if set(map(type, counts)) != {int} or min(counts) < 0:
        counts = [whole(item, name) for item in counts]
    if max(counts, default=0) > np.iinfo(np.int64).max:
        msg = f"`{name}` must be counts of rows"
        raise EvidenceError(msg)
    if len(counts) != size:
        msg = f"`{name}` must have as many counts as there are points, got {len(counts)}"
        raise EvidenceError(msg)
    return np.array(counts, dtype=np.int64)
