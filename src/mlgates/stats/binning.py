"""Cells of a column: where the reference is cut, and how many values of two sides lie in each."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.stats.ranks import below, round_down, round_up, upto

__all__ = [
    "Cells",
    "Edges",
    "Ends",
    "category_cells",
    "count_sorted",
    "count_stored",
    "count_unsorted",
    "edges_at",
    "quantile_edges",
    "quantile_ranks",
    "stored_edges",
    "tally",
]

Values = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Up to so many lines, a pass over the values for each is faster than sorting blocks of them.
_FEW_LINES = 40
#: Values that are compared with all points, one after another: they stay in the innermost cache.
_CHUNK = 4_080
#: The largest sum that fits into a byte.
_BYTE = 255
#: Values that are compared in one call, and their answers counted in another: with more calls,
#: threads would wait for each other. A multiple of `_CHUNK`, and of eight times `_BYTE`.
_PASS = 16 * _CHUNK
#: Values sorted at once.
_SORTED = 65_536


class Ends(NamedTuple):
    """What is known of a side without its edges.

    Attributes
    ----------
    n : int
        Number of values; NaN is none.
    neg_inf, pos_inf : int
        How many of them are infinite.
    """

    n: int
    neg_inf: int = 0
    pos_inf: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Where an ordered column is cut.

    Attributes
    ----------
    points : numpy.ndarray
        Finite, sorted, each once.
    atoms : numpy.ndarray of bool
        Which of the points are cells of their own. Any other belongs to the cell below it.
    tied : bool
        Whether any of them is more than one value of what they were taken from.
    """

    points: Values
    atoms: Mask
    tied: bool = False

    @property
    def size(self) -> int:
        """Number of cells, those of the infinities among them."""
        return len(self.points) + int(np.count_nonzero(self.atoms)) + 3

    def labels(self, points: Iterable[str] | None = None) -> tuple[str, ...]:
        """The cells as conditions on the value ``x``.

        Parameters
        ----------
        points : iterable of str, optional
            The points as they are to be written.

        Examples
        --------
        >>> Edges(np.array([1, 5]), np.array([False, True])).labels()
        ('x = -inf', 'x <= 1', '1 < x < 5', 'x = 5', '5 < x', 'x = inf')
        """
        cells, before = ["x = -inf"], ""
        written = map(str, self.points.tolist()) if points is None else points
        for at, atom in zip(written, self.atoms.tolist(), strict=True):
            if atom:
                cells += (f"{before}x < {at}", f"x = {at}")
            else:
                cells.append(f"{before}x <= {at}")
            before = f"{at} < "
        return (*cells, f"{before}x" if before else "x finite", "x = inf")


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Counts of two sides in the same cells, of which none is empty on both sides.

    Attributes
    ----------
    reference, current : numpy.ndarray of int64
        How many values of each side lie in each cell.
    ordered : bool
        Whether neighbouring cells are neighbours.
    positions : numpy.ndarray of int64
        Which cells these are among all: of `Edges.labels`, or of the categories given, with the
        unseen ones behind them.
    """

    reference: Counts
    current: Counts
    ordered: bool
    positions: Counts

    @classmethod
    def of(cls, reference: Counts, current: Counts, *, ordered: bool) -> "Cells":
        """Cells that are not empty on both sides.

        Examples
        --------
        >>> Cells.of(np.array([3, 0, 0]), np.array([1, 0, 2]), ordered=True).positions
        array([0, 2])
        """
        kept = (reference + current).nonzero()[0]
        return cls(reference[kept], current[kept], ordered, kept)


def quantile_edges(reference: Values, bins: int) -> Edges:
    """Order statistics of the reference at ``i / bins``, each once.

    The order statistic at ``q`` is the least value up to which a share of at least ``q`` lies (the
    inverted distribution function). One that holds at least ``1 / bins`` of the reference is a
    cell of its own. Infinities are never edges: they have their own cells.

    Parameters
    ----------
    reference : numpy.ndarray
        Sorted integers or floats without NaN.
    bins : int
        At least 2: how many cells of equal size are wished.

    Returns
    -------
    Edges
        Without points when there are no finite values.

    References
    ----------
    .. [1] Hyndman, R. J. and Fan, Y. (1996). Sample quantiles in statistical packages. The American
       Statistician 50, 361-365 (definition 1).

    Examples
    --------
    >>> quantile_edges(np.arange(8), 4).points.tolist()
    [1, 3, 5]
    >>> edges = quantile_edges(np.array([0, 0, 0, 0, 1, 2, 3, 4]), 4)
    >>> edges.points.tolist(), edges.atoms.tolist()
    ([0, 2], [True, False])
    """
    if len(reference) == 0:
        return Edges(reference, np.zeros(0, np.bool_))
    n = len(reference)

    def count(points: Values) -> tuple[Counts, Counts]:
        return below(reference, points), upto(reference, points)

    return edges_at(reference[quantile_ranks(n, bins) - 1], count, n, bins)


def edges_at(
    quantiles: Values, count: Callable[[Values], tuple[Counts, Counts]], n: int, bins: int
) -> Edges:
    """The edges that `quantile_edges` gives, from the quantiles that `quantile_ranks` names.

    Parameters
    ----------
    quantiles : numpy.ndarray
        Sorted.
    count : callable
        Gives how many values are below, and up to, each of some points.
    n : int
        How many values there are.
    bins : int
        At least 2.
    """
    points = _distinct(quantiles)
    low, high = count(points)
    return _edges(points, high - low, n, bins)


def _edges(points: Values, held: Counts, n: int, bins: int) -> Edges:
    return Edges(points, held * bins >= n, bool(np.any(held > 1)))


def stored_edges(points: Values, low: Counts, high: Counts, ends: Ends, bins: int) -> Edges:
    """The edges that `quantile_edges` gives, from counts at points that were kept.

    Parameters
    ----------
    points : numpy.ndarray
        Sorted, each once; among them the order statistics at ``i / bins`` that are finite. Those
        at ``i / (k * bins)`` will do for any ``k``.
    low, high : numpy.ndarray of int64
        How many values of the reference are below, and up to, each point.
    ends : Ends
        Number of values and of infinite ones of the reference.
    bins : int
        At least 2.

    Examples
    --------
    >>> x = np.array([0, 0, 0, 0, 1, 2, 3, 4])
    >>> kept = np.array([0, 1, 2, 3])
    >>> stored_edges(kept, below(x, kept), upto(x, kept), Ends(len(x)), 4).points.tolist()
    [0, 2]
    """
    ranks = quantile_ranks(ends.n, bins)
    ranks = ranks[(ranks > ends.neg_inf) & (ranks <= ends.n - ends.pos_inf)]
    at = np.unique(np.searchsorted(high, ranks))
    return _edges(points[at], high[at] - low[at], ends.n, bins)


def quantile_ranks(n: int, bins: int) -> Counts:
    """Ranks, from 1, of the order statistics of `n` values at ``i / bins``.

    Examples
    --------
    >>> quantile_ranks(8, 4)
    array([2, 4, 6])
    """
    return -(-np.arange(1, bins, dtype=np.int64) * n // bins)


def _distinct(points: Values) -> Values:
    """Finite values of a sorted array, each once."""
    fresh = np.isfinite(points)
    fresh[1:] &= points[1:] != points[:-1]
    # One zero: it is written in reports.
    finite: Values = points[fresh] + points.dtype.type(0)
    return finite


def count_sorted(values: Values, edges: Edges) -> Counts:
    """How many values of a sorted array lie in each cell.

    Parameters
    ----------
    values : numpy.ndarray
        Sorted integers or floats without NaN, not necessarily of the edges' type.
    edges : Edges
        Where to cut.

    Returns
    -------
    numpy.ndarray of int64
        ``edges.size`` counts: -inf, the cells from below to above, inf.

    Examples
    --------
    >>> edges = quantile_edges(np.array([0, 0, 0, 0, 1, 2, 3, 4]), 4)
    >>> count_sorted(np.array([-np.inf, 0.0, 0.5, 2.0, 7.0, 8.0]), edges).tolist()
    [1, 0, 1, 2, 2, 0]
    """
    at_edges = below(values, edges.points), upto(values, edges.points)
    return count_stored(*at_edges, _ends_of_sorted(values), edges)


def _ends_of_sorted(values: Values) -> Ends:
    n = len(values)
    if n == 0 or (math.isfinite(values[0]) and math.isfinite(values[-1])):
        return Ends(n)
    # Of the array's own type: for another, numpy would cast the array.
    infinity = values.dtype.type(np.inf)
    negative = int(values.searchsorted(-infinity, side="right"))
    return Ends(n, negative, n - int(values.searchsorted(infinity)))


def count_stored(low: Counts, high: Counts, ends: Ends, edges: Edges) -> Counts:
    """How many values lie in each cell, from counts at the edges.

    Parameters
    ----------
    low, high : numpy.ndarray of int64
        How many values are below, and up to, each of ``edges.points``.
    ends : Ends
        Number of values and of infinite ones.
    edges : Edges
        Where to cut.

    Returns
    -------
    numpy.ndarray of int64
        As of `count_sorted`.

    Examples
    --------
    >>> edges = Edges(np.array([1.0, 5.0]), np.array([False, True]))
    >>> count_stored(np.array([2, 6]), np.array([3, 9]), Ends(10, pos_inf=1), edges).tolist()
    [0, 3, 3, 3, 0, 1]
    """
    cuts = np.empty((len(low) + 2, 2), np.int64)
    cuts[0] = 0, ends.neg_inf
    cuts[1:-1, 0], cuts[1:-1, 1] = low, high
    cuts[-1] = ends.n - ends.pos_inf, ends.n
    drawn = np.ones(cuts.shape, np.bool_)
    drawn[1:-1, 0] = edges.atoms
    drawn_cuts = cuts[drawn]
    return drawn_cuts[1:] - drawn_cuts[:-1]


def count_unsorted(values: Values, edges: Edges, ends: Ends | None = None) -> Counts:
    """How many values of an array in any order lie in each cell, in linear time.

    Parameters
    ----------
    values : numpy.ndarray
        Integers or floats; NaN lies in no cell.
    edges : Edges
        Where to cut.
    ends : Ends, optional
        Number of values and of infinite ones, where they are known; else they are counted.

    Returns
    -------
    numpy.ndarray of int64
        As of `count_sorted`.

    Examples
    --------
    >>> edges = Edges(np.array([1.0, 5.0]), np.array([False, True]))
    >>> count_unsorted(np.array([5.0, 9.0, np.nan, 1.0, -3.0, 5.0]), edges).tolist()
    [0, 2, 0, 2, 1, 0]
    """
    if ends is None:
        ends = _ends(values)
    if edges.size > _FEW_LINES:
        return count_stored(*tally(values, edges.points), ends, edges)
    low, unreached = round_up(edges.points[edges.atoms], values.dtype)
    high, under = round_down(edges.points, values.dtype)
    high_counts = np.where(under, 0, _passes(values, high, np.less_equal))
    low_counts = high_counts.copy()
    low_counts[edges.atoms] = np.where(unreached, ends.n, _passes(values, low, np.less))
    return count_stored(low_counts, high_counts, ends, edges)


def _ends(values: Values) -> Ends:
    if values.dtype.kind != "f":
        return Ends(len(values))
    n = int(np.count_nonzero(values == values))  # noqa: PLR0124  (NaN)
    infinite = (int(np.count_nonzero(values == end)) for end in (-np.inf, np.inf))
    return Ends(n, *infinite)


def _passes(values: Values, points: Values, compare: np.ufunc) -> Counts:
    """How many values compare true with each point: one pass over the values for each."""
    rest = len(values) % _PASS
    whole, last = values[: len(values) - rest], values[len(values) - rest :]
    found = compare(last, points[:, None])
    counts = np.array([np.count_nonzero(answer) for answer in found], np.int64)
    if len(whole) and len(points):
        answers = np.empty((len(points), _PASS), np.bool_)
        by_chunk = answers.reshape(len(points), -1, _CHUNK).swapaxes(0, 1)
        for block in whole.reshape(-1, _PASS // _CHUNK, 1, _CHUNK):
            compare(block, points[:, None], out=by_chunk, order="C")
            counts += _count_true(answers)
    return counts


def _count_true(answers: Mask) -> Counts:
    """How many of each row of `_PASS` answers are true, in half the time of `count_nonzero`."""
    # True is a byte of 1: added as words of eight bytes, so few that none overflows into the next.
    words = answers.view(np.uint64).reshape(len(answers), -1, _BYTE)
    sums = np.add.reduce(words, axis=2).view(np.uint8)
    return np.asarray(np.add.reduce(sums, axis=1, dtype=np.int64))


def tally(values: Values, points: Values) -> tuple[Counts, Counts]:
    """How many values of an array in any order are below, and up to, each of many points.

    Blocks that fit into the processor's cache are sorted and the points searched in each, which
    takes half the time of sorting all.

    Parameters
    ----------
    values : numpy.ndarray
        Integers or floats; NaN is neither below nor up to any point.
    points : numpy.ndarray
        Integers or floats without NaN.

    Returns
    -------
    low, high : numpy.ndarray of int64
        Counts below, and up to, each point. Those of two arrays add up.

    Examples
    --------
    >>> low, high = tally(np.array([3, 1, 2, 2]), np.array([2, 9]))
    >>> low.tolist(), high.tolist()
    ([1, 4], [3, 4])
    """
    low, high = np.zeros(len(points), np.int64), np.zeros(len(points), np.int64)
    for first in range(0, len(values), _SORTED):
        block = np.sort(values[first : first + _SORTED])
        if block.dtype.kind == "f":
            # NaN is sorted behind inf.
            block = block[: block.searchsorted(block.dtype.type(np.nan))]
        low += below(block, points)
        high += upto(block, points)
    return low, high


def category_cells(
    reference: Counts, current: Counts, unseen: npt.ArrayLike = (), *, together: bool = True
) -> Cells:
    """Cells of categories: one for each of the reference, one for all others together.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64
        How often each category of the reference occurs on each side; 0 where it vanished.
    unseen : array_like of int, optional
        How often each category occurs that is none of them.
    together : bool, default True
        Whether the unseen ones are one cell, as measures of distance want them. For a test, give
        each its own: a cell that is empty on one side because of how it was chosen makes any test
        reject. (Of 1,000 categories, 1,000 rows miss many that the next 200 rows will show.)

    Examples
    --------
    >>> sides = np.array([30, 70, 0]), np.array([20, 0, 0])
    >>> cells = category_cells(*sides, unseen=[4, 1])
    >>> cells.reference.tolist(), cells.current.tolist(), cells.positions.tolist()
    ([30, 70, 0], [20, 0, 5], [0, 1, 3])
    >>> category_cells(*sides, unseen=[4, 1], together=False).current.tolist()
    [20, 0, 4, 1]
    """
    others = np.atleast_1d(np.asarray(unseen, np.int64))
    if together:
        others = others.sum(keepdims=True)
    none = np.zeros_like(others)
    both = np.concatenate([reference, none]), np.concatenate([current, others])
    return Cells.of(*both, ordered=False)
