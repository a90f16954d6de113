"""The distribution of an ordered column, exactly, from its values in any order."""

from collections.abc import Collection, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mlgates.profile.ecdf import Ecdf
from mlgates.profile.lazy import lazy
from mlgates.stats.buckets import Bucketed, Grid, candidate_buckets, grid_of, ks
from mlgates.stats.counting import (
    Edges,
    Ends,
    count_sorted,
    count_stored,
    edges_at,
    quantile_edges,
    quantile_ranks,
)
from mlgates.stats.twosample import ks_distance

__all__ = ["Sample"]

Values: TypeAlias = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]

#: From so many values on, putting them into buckets is faster than sorting them.
_MANY = 200_000
_INFINITIES = np.array([-np.inf, np.inf])


class Sample:
    """Numbers in any order: sorted when a question needs it, else in the buckets of a grid.

    Two samples are compared in the buckets of the first one's grid, where that has one: each
    question takes the same grid of both.

    Parameters
    ----------
    parts : sequence of numpy.ndarray
        Integers or floats without NaN. They are neither changed nor copied: a sample lives no
        longer than the table that it is of.
    ends : tuple of float
        The least and the greatest of them.
    ordered : numpy.ndarray, optional
        All of them sorted, as of `Ecdf`, where they were already.

    Attributes
    ----------
    n : int
        Number of values.

    Examples
    --------
    >>> sample = Sample([np.array([3.0, 1.0]), np.array([2, 9])], (1.0, 9.0))
    >>> sample.n, sample.values, sample.edges(2).points
    (4, array([1., 2., 3., 9.]), array([2.]))
    """

    def __init__(
        self,
        parts: Sequence[Values],
        ends: tuple[float, float],
        ordered: Values | None = None,
    ) -> None:
        self._parts = tuple(part for part in parts if len(part))
        if ordered is not None:
            # In the place of the others, so that nothing is held twice.
            self._parts = (ordered,)
            self.__dict__["values"] = ordered
        self.ends = ends
        self.n = sum(map(len, self._parts))
        self._edges: dict[int, Edges] = {}
        self._counts: dict[Edges, Counts] = {}
        self._bucketed: Bucketed | None = None
        #: The last reference that this sample was compared with, and the KS distance from it.
        self._distance: tuple[Sample, float] | None = None

    @lazy
    def values(self) -> Values:
        """The values, sorted, as of `Ecdf`."""
        values = reduce(Ecdf.merge, map(Ecdf.of, self._parts or (np.empty(0),))).values
        # In the place of what was read in batches, which would be a second copy.
        self._parts = (values,)
        return values

    @property
    def _is_sorted(self) -> bool:
        return "values" in self.__dict__

    @lazy
    def grid(self) -> Grid | None:
        """The grid whose buckets serve these values; None where sorting does better."""
        if self.n < _MANY or self._is_sorted or not self._is_of_one_type:
            return None
        return grid_of(self._joined, self.ends)

    @property
    def _is_of_one_type(self) -> bool:
        return len({part.dtype for part in self._parts}) == 1

    @property
    def _joined(self) -> Values:
        if len(self._parts) > 1:
            self._parts = (np.concatenate(self._parts),)
        return self._parts[0]

    def _in(self, grid: Grid) -> Bucketed:
        known = self._bucketed
        if known is None or known.grid != grid:
            known = Bucketed(self._joined, grid, inside=grid.holds(self.ends))
            # Another run, to which the same profile is the reference, may let go of it meanwhile.
            self._bucketed = known
        return known

    def _shared(self, other: "Sample") -> Grid | None:
        """The grid that serves a comparison; None where sorted values do, or are there."""
        are_sorted = self._is_sorted and other._is_sorted  # noqa: SLF001
        return self.grid if other._is_of_one_type and not are_sorted else None  # noqa: SLF001

    def edges(self, bins: int) -> Edges:
        """Where the values are cut, as of `mlgates.stats.counting.quantile_edges`."""
        if bins not in self._edges:
            self._edges[bins] = self._cut(bins)
            # At once, while there are buckets.
            self.count(self._edges[bins], self.grid)
        return self._edges[bins]

    def _cut(self, bins: int) -> Edges:
        if self._is_sorted or self.grid is None:
            return quantile_edges(self.values, bins)
        known = self._in(self.grid)
        quantiles = known.at(quantile_ranks(self.n, bins))
        return edges_at(quantiles, *known.count(quantiles), self.n, bins)

    def count(self, edges: Edges, grid: Grid | None) -> Counts:
        """How many values lie in each cell, as of `mlgates.stats.counting.count_sorted`.

        Parameters
        ----------
        edges : Edges
            Where to cut.
        grid : Grid or None
            Of the sample that this one is compared with.
        """
        if edges not in self._counts:
            self._counts[edges] = self._count(edges, grid)
        return self._counts[edges]

    def _count(self, edges: Edges, grid: Grid | None) -> Counts:
        if grid is None or self._is_sorted or not self._is_of_one_type:
            return count_sorted(self.values, edges)
        known = self._in(grid)
        # The outermost buckets, in which infinities are, are opened with the others.
        at_edges = known.count(edges.points)
        below, upto = known.count(_INFINITIES)
        ends = Ends(self.n, int(upto[0]), self.n - int(below[1]))
        return count_stored(*at_edges, ends, edges)

    def meet(self, other: "Sample", bins: Collection[int] = (), *, sort: bool = False) -> None:
        """Find in one go what will be asked of this reference and of another sample.

        Alone, each question would take passes over the values of its own. No buckets are held
        beyond that, for those of all columns would be a quarter of a table. Samples that were
        compared before have met.

        Parameters
        ----------
        other : Sample
            What is compared with this one.
        bins : collection of int
            Into how many cells the values will be cut.
        sort : bool
            Whether the sorted values will be asked for: then they tell the rest.
        """
        if other._distance_from(self) is not None:  # noqa: SLF001
            return
        if sort:
            _ = self.values, other.values
        elif grid := self._shared(other):
            x, y = self._in(grid), other._in(grid)  # noqa: SLF001
            _, buckets = candidate_buckets(x, y)
            at_ranks = [x.of_ranks(quantile_ranks(self.n, number)) for number in bins]
            wanted = np.concatenate([buckets, *at_ranks])
            x.want(wanted)
            y.want(wanted)
        for number in bins:
            other.count(self.edges(number), self.grid)
        self.ks(other)
        self.release()
        other.release()

    def release(self) -> None:
        """Let go of the buckets; what was asked of them is kept."""
        self._bucketed = None

    def ks(self, other: "Sample") -> float:
        """Kolmogorov-Smirnov distance, as of `mlgates.stats.twosample.ks_distance`."""
        known = other._distance_from(self)  # noqa: SLF001
        if known is None:
            grid = self._shared(other)
            if grid is None:
                known = ks_distance(self.values, other.values)
            else:
                known = ks(self._in(grid), other._in(grid))  # noqa: SLF001
            # Kept by the other: a reference may outlive it.
            other._distance = (self, known)  # noqa: SLF001
        return known

    def _distance_from(self, reference: "Sample") -> float | None:
        known = self._distance
        return known[1] if known is not None and known[0] is reference else None

    def merge(self, other: "Sample", shift: int = 0) -> "Sample":
        """Sample of the values of both; `shift` (the rows before `other`) plays no part."""
        del shift
        low, high = other.ends if not self.n else self.ends
        if self.n and other.n:
            low, high = min(low, other.ends[0]), max(high, other.ends[1])
        return Sample((*self._parts, *other._parts), (low, high))  # noqa: SLF001

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sample):
            return NotImplemented
        return self.n == other.n and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Sample(n={self.n})"
