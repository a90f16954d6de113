"""The distribution of an ordered column, exactly: its sorted values."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.profile.lazy import lazy
from mlgates.stats.counting import in_order

__all__ = ["Ecdf"]

Values: TypeAlias = npt.NDArray[Any]


class Ecdf:
    """Empirical cumulative distribution function, as the sorted values; kernels read it.

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
    >>> ecdf.n, ecdf.values
    (3, array([1., 2., 3.]))
    >>> ecdf.merge(Ecdf.of(np.array([2, 9]))).values
    array([1., 2., 2., 3., 9.])
    """

    def __init__(self, parts: Sequence[Values] = ()) -> None:
        self._parts = tuple(part for part in parts if len(part)) or (in_order(np.empty(0)),)
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
        return cls([in_order(array)])

    @lazy
    def values(self) -> Values:
        """The values, sorted; 64-bit integers where all of them are, else doubles."""
        if len(self._parts) > 1:
            joined = np.concatenate(_same_type(self._parts))
            # The parts are sorted already: this sort merges runs.
            joined.sort(kind="stable")
            joined.flags.writeable = False
            self._parts = (joined,)
        return self._parts[0]

    def settle(self) -> None:
        """Do now what the first reading would do."""
        _ = self.values

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


def _same_type(parts: Sequence[Values]) -> list[Values]:
    """Sorted parts in the narrowest type that holds all of them: doubles hold any, rounded."""
    types = {part.dtype for part in parts}
    if len(types) == 1:
        return list(parts)
    if np.dtype(np.float64) not in types and all(part[0] >= 0 for part in parts):
        return [part.astype(np.uint64) for part in parts]
    return [part.astype(np.float64) for part in parts]
