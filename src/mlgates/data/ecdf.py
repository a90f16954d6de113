"""The distribution of an ordered column, exactly: its sorted values."""

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.data.exact import ceil_float, exact, floor_float, within
from mlgates.data.lazy import lazy
from mlgates.errors import EvidenceError

__all__ = ["Ecdf"]

Values: TypeAlias = npt.NDArray[Any]
#: Where a distribution function can be read.
Point: TypeAlias = float | Decimal | Fraction | np.number[Any]
Side = Literal["left", "right"]


class Ecdf:
    """Empirical cumulative distribution function: how many values are below, or up to, a point.

    Made by `Ecdf.of`; merging adds the values of two of them. Merged values are sorted when they
    are first read.

    Parameters
    ----------
    parts : sequence of numpy.ndarray
        Sorted arrays as `of` makes them.

    Attributes
    ----------
    n : int
        Number of values.

    Examples
    --------
    >>> ecdf = Ecdf.of(np.array([3.0, 1.0, np.nan, 2.0]))
    >>> ecdf.n, ecdf.below(2), ecdf.upto(2)
    (3, 1, 2)
    >>> ecdf.merge(Ecdf.of(np.array([2, 9]))).values
    array([1., 2., 2., 3., 9.])
    """

    def __init__(self, parts: Sequence[Values] = ()) -> None:
        self._parts = tuple(part for part in parts if len(part)) or (_sealed(np.empty(0)),)
        self.n = sum(map(len, self._parts))

    @classmethod
    def of(cls, array: npt.NDArray[np.generic]) -> "Ecdf":
        """Distribution of the values of an array; NaN is no value.

        Parameters
        ----------
        array : numpy.ndarray
            Integers or floats. It is not changed and not kept.
        """
        if array.dtype.kind not in "iuf":
            msg = f"a distribution function needs numbers, not an array of {array.dtype}"
            raise EvidenceError(msg)
        values = np.sort(array, axis=None)
        if values.dtype.kind == "f":
            # NaN is sorted behind inf.
            values = values[: np.searchsorted(values, values.dtype.type(np.nan))]
            values = values.astype(np.float64, copy=False)
            # One zero of the two: written where they stand, for another copy takes longer.
            values[np.searchsorted(values, 0.0) : np.searchsorted(values, 0.0, side="right")] = 0.0
        elif values.dtype == np.uint64 and len(values) and values[-1] > np.iinfo(np.int64).max:
            pass
        else:
            values = values.astype(np.int64, copy=False)
        return cls([_sealed(values)])

    @lazy
    def values(self) -> Values:
        """The values, sorted; 64-bit integers where all of them are, else doubles."""
        if len(self._parts) > 1:
            joined = np.concatenate(_same_type(self._parts))
            # The parts are sorted already: this sort merges runs.
            joined.sort(kind="stable")
            self._parts = (_sealed(joined),)
        return self._parts[0]

    def settle(self) -> None:
        """Do now what the first reading would do."""
        _ = self.values

    @overload
    def below(self, x: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]: ...
    @overload
    def below(self, x: Point) -> int: ...
    def below(self, x: Point | npt.NDArray[np.generic]) -> int | npt.NDArray[np.int64]:
        """Count of values below `x` (or below each of an array), exactly; 0 where `x` is NaN."""
        return self._counts(x, "left") if isinstance(x, np.ndarray) else self._count(x, "left")

    @overload
    def upto(self, x: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]: ...
    @overload
    def upto(self, x: Point) -> int: ...
    def upto(self, x: Point | npt.NDArray[np.generic]) -> int | npt.NDArray[np.int64]:
        """Count of values up to `x` (or up to each of an array), exactly; 0 where `x` is NaN."""
        return self._counts(x, "right") if isinstance(x, np.ndarray) else self._count(x, "right")

    def _counts(self, points: npt.NDArray[np.generic], side: Side) -> npt.NDArray[np.int64]:
        if points.dtype == self.values.dtype:
            counts = np.searchsorted(self.values, points, side=side)
            return np.where(points == points, counts, 0)  # noqa: PLR0124  (NaN)
        counted = [self._count(point, side) for point in points.ravel().tolist()]
        return np.array(counted, np.int64).reshape(points.shape)

    def _count(self, x: object, side: Side) -> int:
        point = exact(x, pa.float64())
        if point is None:
            if isinstance(x, float):
                return 0
            msg = f"a distribution function is read at numbers, not at {type(x).__name__}"
            raise EvidenceError(msg)
        if math.isinf(point):
            return self._beyond(float(point), side)
        values = self.values
        at: int | float
        if values.dtype.kind == "f":
            at = ceil_float(point) if side == "left" else floor_float(point)
        else:
            at = math.ceil(point) if side == "left" else math.floor(point)
            if not within(at, values.dtype):
                return 0 if at < 0 else self.n
        return int(np.searchsorted(values, values.dtype.type(at), side=side))

    def _beyond(self, infinity: float, side: Side) -> int:
        if self.values.dtype.kind == "f":
            return int(np.searchsorted(self.values, infinity, side=side))
        return self.n if infinity > 0 else 0

    def merge(self, other: "Ecdf", shift: int = 0) -> "Ecdf":
        """Distribution of the values of both; `shift` (the rows before `other`) plays no part."""
        del shift
        return Ecdf((*self._parts, *other._parts))  # noqa: SLF001

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ecdf):
            return NotImplemented
        return self.n == other.n and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self.n == 0:
            return "Ecdf(n=0)"
        return f"Ecdf(n={self.n}, min={self.values[0]}, max={self.values[-1]})"


def _sealed(values: Values) -> Values:
    values.flags.writeable = False
    return values


def _same_type(parts: Sequence[Values]) -> list[Values]:
    """Sorted parts in the narrowest type that holds all of them: doubles hold any, rounded."""
    types = {part.dtype for part in parts}
    if len(types) == 1:
        return list(parts)
    if np.dtype(np.float64) not in types and all(part[0] >= 0 for part in parts):
        return [part.astype(np.uint64) for part in parts]
    return [part.astype(np.float64) for part in parts]
