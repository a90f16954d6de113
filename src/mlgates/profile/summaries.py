"""Counters that compute the moments, or the smallest and the largest value, of a column.

A counter is an object that says what to compute from a column while the table is read.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa

from mlgates.profile.column import Extreme
from mlgates.profile.counter import BatchView, ColumnCounter, State
from mlgates.profile.counters import require_kind
from mlgates.stats.moments import Moments, sum_of_units

__all__ = ["ExtremeState", "Extremes", "MomentCounter", "MomentState"]

_KINDS = frozenset({"int", "float", "decimal", "null"})


@dataclass(frozen=True)
class MomentState(State):
    """Moments of the finite values of a column, and the number of infinite values.

    `MomentCounter` returns this object.

    Attributes
    ----------
    infinite : int
        Number of values that are inf or -inf.
    moments : Moments
        Moments of the finite values.
    is_exact : bool
        Whether all values are integers or decimals. If not, the sum adds the binary values of
        floats. A float that is written as 0.1, for example, is not exactly 0.1.
    """

    infinite: int
    moments: Moments
    is_exact: bool = True

    def merge(self, other: "MomentState", shift: int = 0) -> "MomentState":  # noqa: ARG002
        """Return the moments of the values of both objects together.

        `shift` is not used, because the result has no row numbers.
        """
        moments = self.moments.merge(other.moments)
        is_exact = self.is_exact and other.is_exact
        return MomentState(self.infinite + other.infinite, moments, is_exact)

    def __eq__(self, other: object) -> bool:
        """Return whether the sums are equal exactly, and the other moments up to rounding."""
        if not isinstance(other, MomentState):
            return NotImplemented
        pairs = zip(self.moments.powers, other.moments.powers, strict=True)
        return (
            (self.infinite, self.is_exact) == (other.infinite, other.is_exact)
            and self.moments[:3] == other.moments[:3]
            and all(math.isclose(a, b, rel_tol=1e-9) for a, b in pairs)
        )

    __hash__ = None  # type: ignore[assignment]

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        Exact sums are written as pairs of a numerator and a denominator.
        """
        n, total, squares, powers = self.moments
        exact = (total, Fraction(0) if squares is None else squares)
        pairs = tuple(sum_.as_integer_ratio() for sum_ in exact)
        return self.infinite, self.is_exact, n, squares is None, *pairs, powers

    @classmethod
    def from_parts(cls, *parts: Any) -> "MomentState":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        infinite, is_exact, n, without, total, squares, powers = parts
        exact = None if without else Fraction(*squares)
        return cls(infinite, Moments(n, Fraction(*total), exact, powers), is_exact)


@dataclass(frozen=True)
class MomentCounter(ColumnCounter):
    """Compute the moments of a column: the sum of its values, and sums of powers of deviations.

    The sum of the values is exact; for a float, its exact binary value is added. The deviations are
    those from the mean. The sums of their second and third powers are computed.

    With ``squares=True``, also the sums of their fourth to sixth powers are computed, and the exact
    sum of the squared values. The variance then does not depend on the order of the rows, but
    counting takes four times as long.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> counter = MomentCounter("x")
    >>> Profile.of({"x": [1, 2, None, 6]}, [counter])[counter].moments.mean
    3.0
    """

    squares: bool = False

    @property
    def subsumed_by(self) -> "MomentCounter | None":
        """The `MomentCounter` of the same column with ``squares=True``; None if this is that one.

        If a run requests both, only the counter with ``squares=True`` is applied.
        """
        return None if self.squares else MomentCounter(self.column, squares=True)

    def count(self, batch: BatchView) -> MomentState:
        """Compute the moments of the column in one batch of rows."""
        view = require_kind(batch[self.column], _KINDS, "added up")
        infinite = view.neg_inf + view.pos_inf
        values: Any = view.values
        if infinite:
            values = values[np.isfinite(values)]
        total = _decimal_sum(view.plain) if view.stored == "decimal" else None
        moments = Moments.of(values, squares=self.squares, total=total)
        return MomentState(infinite, moments, view.field.kind != "float")


def _decimal_sum(decimals: pa.ChunkedArray) -> Fraction:
    """Return the exact sum of a column of decimals."""
    units, width = 0, decimals.type.bit_width // 8
    for chunk in decimals.chunks:
        present = chunk.drop_null()
        size = len(present)
        if size:
            data = np.frombuffer(
                present.buffers()[1], np.uint8, size * width, present.offset * width
            )
            units += sum_of_units(data, width)
    return Fraction(f"{units}e{-decimals.type.scale}")


@dataclass(frozen=True)
class ExtremeState(State):
    """Number of values of a column (`n`), and the smallest (`low`) and largest (`high`) of them.

    `Extremes` returns this object. `low` and `high` are None if there are no values. Integers stay
    integers, and decimals are stored as fractions.
    """

    n: int
    low: int | float | Fraction | None = None
    high: int | float | Fraction | None = None

    def merge(self, other: "ExtremeState", shift: int = 0) -> "ExtremeState":  # noqa: ARG002
        """Return the smallest and the largest of the values of both objects together.

        `shift` is not used, because the result has no row numbers.
        """
        lows = [low for low in (self.low, other.low) if low is not None]
        highs = [high for high in (self.high, other.high) if high is not None]
        return ExtremeState(self.n + other.n, min(lows, default=None), max(highs, default=None))

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object: ``(n, low, high)``.

        If `low` or `high` is a fraction, a tuple of its numerator and denominator takes its place.
        """
        ends = (self.low, self.high)
        pairs = (end.as_integer_ratio() if isinstance(end, Fraction) else end for end in ends)
        return self.n, *pairs

    @classmethod
    def from_parts(cls, *parts: Any) -> "ExtremeState":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        n, *ends = parts
        return cls(n, *(Fraction(*end) if isinstance(end, tuple) else end for end in ends))


@dataclass(frozen=True)
class Extremes(ColumnCounter):
    """Find the smallest and the largest value of a column of numbers.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> counter = Extremes("x")
    >>> Profile.of({"x": [2**60 + 1, None, 7]}, [counter])[counter].high == 2**60 + 1
    True
    """

    def count(self, batch: BatchView) -> ExtremeState:
        """Find the smallest and the largest value in one batch of rows."""
        view = require_kind(batch[self.column], _KINDS, "compared as numbers")
        return ExtremeState(view.valid, _as_number(view.min), _as_number(view.max))


def _as_number(end: Extreme | None) -> int | float | Fraction | None:
    return Fraction(end) if isinstance(end, Decimal) else end
