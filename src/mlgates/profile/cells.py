"""A column in any order, counted in the cells of a reference: a pass an edge, no sort."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnView
from mlgates.profile.knots import as_points, numbers_of
from mlgates.profile.violations import Counter, OfColumn
from mlgates.stats.counting import Edges, Ends, count_unsorted

__all__ = ["CellCounts", "InCells"]


@dataclass(frozen=True, slots=True, eq=False)
class CellCounts:
    """How many values lie in each cell; those of two parts of a table add up.

    Parameters
    ----------
    counts : numpy.ndarray of int64
        As of `mlgates.stats.counting.count_sorted`.
    """

    counts: npt.NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of values."""
        return int(self.counts.sum())

    def merge(self, other: "CellCounts", shift: int = 0) -> "CellCounts":
        """Counts of the values of both; `shift` plays no part."""
        del shift
        if len(self.counts) != len(other.counts):
            msg = "counts in different cells can't be added"
            raise EvidenceError(msg)
        return CellCounts(self.counts + other.counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CellCounts):
            return NotImplemented
        return np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class InCells(OfColumn):
    """How many values of a column lie in each of the cells between given points.

    Parameters
    ----------
    column : str
        Name of a column of numbers; decimals count as doubles.
    points : tuple
        Finite, sorted, each once.
    atoms : tuple of bool
        Which of them are cells of their own.
    finer : Counter, optional
        What the counts can be read off as well: where a gate asks for that, this is not counted.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> cells = InCells("x", (1.0, 2.0), (False, True))
    >>> Profile.of({"x": [0.5, 1.0, 2.0, 2.5, None]}, [cells])[cells].counts.tolist()
    [0, 2, 0, 1, 1, 0]
    """

    points: tuple[float, ...]
    atoms: tuple[bool, ...]
    finer: Counter | None = field(default=None, compare=False)

    @classmethod
    def of(cls, column: str, edges: Edges, finer: Counter | None = None) -> "InCells":
        """The counter of the cells that edges make."""
        return cls(column, tuple(edges.points.tolist()), tuple(edges.atoms.tolist()), finer)

    def count(self, views: Mapping[str, ColumnView], native: object) -> CellCounts:
        """Counts in one batch."""
        del native
        view = views[self.column]
        values = numbers_of(view)
        edges = Edges(as_points(self.points), np.array(self.atoms, np.bool_))
        return CellCounts(
            count_unsorted(values, edges, Ends(view.valid, view.neg_inf, view.pos_inf))
        )
