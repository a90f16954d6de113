"""Exact counts of values below, up to and between points, and the cells that points cut.

Comparing a 64-bit integer with a double, or a signed with an unsigned integer, numpy casts both to
doubles, which merges values beyond 2**53. Here a point is rounded to the next value that the array
can hold, up or down as the comparison needs, which leaves every comparison as it was.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Counts, Mask, Values

__all__ = [
    "Edges",
    "Ends",
    "count_sorted",
    "count_stored",
    "count_unsorted",
    "edges_at",
    "in_order",
    "quantile_edges",
    "quantile_ranks",
    "ranks_of",
    "stored_edges",
    "tally",
]


#: Every integer up to here is a double.
_WHOLE = 2**53
#: Up to so many edges, one pass over the values per edge is faster than sorting blocks of them.
_FEW_EDGES = 37
#: Values compared with all points, one after another: they stay in the innermost cache.
_CHUNK = 4_080
#: The largest sum that fits into a byte.
_BYTE = 255
#: Values compared in one call: with more calls, threads would wait for each other. A multiple of
#: `_CHUNK`, and of eight times `_BYTE`.
_PASS = 16 * _CHUNK
#: Values sorted at once.
_SORTED = 65_536


def in_order(numbers: Values) -> Values:
    """Return numbers sorted, without NaN, -0.0 as 0.0: a read-only array.

    Integers become int64, or uint64 where that is too narrow; floats float64. The numbers are
    neither changed nor kept.

    Examples
    --------
    >>> in_order(np.array([3.0, -0.0, np.nan, 1.0]))
    array([0., 1., 3.])
    """
    values = np.sort(numbers, axis=None)
    if values.dtype.kind == "f":
        # NaN is sorted behind inf.
        values = values[: values.searchsorted(values.dtype.type(np.nan))]
        values = values.astype(np.float64, copy=False)
        # In place, because another copy takes longer.
        values[values.searchsorted(0.0) : values.searchsorted(0.0, side="right")] = 0.0
    elif values.dtype != np.uint64 or not len(values) or values[-1] <= np.iinfo(np.int64).max:
        values = values.astype(np.int64, copy=False)
    values.flags.writeable = False
    return values


def ranks_of(values: Values, points: Values) -> tuple[Counts, Counts]:
    """Count the values less than each point, and those not greater.

    `values` are sorted; both arrays hold integers or floats of any type without NaN.

    Examples
    --------
    >>> big = np.array([2**53, 2**53 + 1])
    >>> [counts.tolist() for counts in ranks_of(big, np.array([2.0**53, 2.0**53 + 2, 0.5]))]
    [[0, 2, 0], [1, 2, 0]]
    """
    if values.dtype == points.dtype:
        return values.searchsorted(points), values.searchsorted(points, side="right")
    keys, above = round_to(points, values.dtype, up=True)
    low = np.where(above, len(values), values.searchsorted(keys))
    keys, under = round_to(points, values.dtype, up=False)
    return low, np.where(under, 0, values.searchsorted(keys, side="right"))


def round_to(points: Values, dtype: np.dtype[Any], *, up: bool) -> tuple[Values, Mask]:
    """Round points to the nearest value of `dtype` that is not less (`up`), or not greater.

    Also return where `dtype` has no such value: there, its last one in the other direction is
    given. Integers or floats without NaN.

    Examples
    --------
    >>> round_to(np.array([2.7, -0.5]), np.dtype("uint8"), up=False)
    (array([2, 0], dtype=uint8), array([False,  True]))
    """
    nowhere = np.zeros(points.shape, np.bool_)
    if points.dtype == dtype:
        return points, nowhere
    if dtype.kind == "f":
        with np.errstate(over="ignore", under="ignore"):
            keys = points.astype(dtype)
            nearest, under, above = keys, nowhere, nowhere
            if points.dtype.kind != "f":
                _, _, under, above = _range(keys, points.dtype)
                nearest = np.where(under | above, dtype.type(0), keys).astype(points.dtype)
            # The nearest float may lie on the wrong side: then the next one in the direction.
            if up:
                wrong, towards = under | (~above & (nearest < points)), np.inf
            else:
                wrong, towards = above | (~under & (nearest > points)), -np.inf
            return np.where(wrong, np.nextafter(keys, dtype.type(towards)), keys), nowhere
    if points.dtype.kind == "f":
        points = (np.ceil if up else np.floor)(points, dtype=np.float64)
    least, greatest, under, above = _range(points, dtype)
    inside = np.where(under | above, points.dtype.type(0), points).astype(dtype)
    keys = np.where(under, least, np.where(above, greatest, inside))
    return keys, above if up else under


def _range(points: Values, dtype: np.dtype[Any]) -> tuple[Any, Any, Mask, Mask]:
    """Return the ends of an integer type, and which whole points lie below and above them."""
    info = np.iinfo(dtype)
    ends = dtype.type(info.min), dtype.type(info.max)
    if points.dtype.kind == "f":
        # The greatest integer may be no float, but the next one is a power of two.
        points = points.astype(np.float64, copy=False)
        return *ends, points < float(info.min), points >= float(int(info.max) + 1)
    own = np.iinfo(points.dtype)
    none = np.zeros(points.shape, np.bool_)
    under = points < points.dtype.type(info.min) if own.min < info.min else none
    above = points > points.dtype.type(info.max) if own.max > info.max else none
    return *ends, under, above


def alike(x: Values, y: Values) -> tuple[Values, Values]:
    """Return two sorted arrays in one type, with every comparison between them unchanged.

    The values are kept where one type holds both arrays exactly. Where none does (64-bit integers
    beyond 2**53 and fractions, negative integers and those beyond 2**63) each value ``v`` becomes
    the sum of its `ranks_of` among the integers of one array: the values of the other that lie
    between the same two of these become one.

    Examples
    --------
    >>> alike(np.array([2**53, 2**53 + 1]), np.array([0.5, 2.0**53]))
    (array([1, 3]), array([0, 1]))
    """
    if x.dtype == y.dtype:
        return x, y
    common = np.promote_types(x.dtype, y.dtype)
    if common.kind != "f" or (x.dtype.kind == y.dtype.kind == "f"):
        return x.astype(common, copy=False), y.astype(common, copy=False)
    if all(
        side.dtype.kind == "f"
        or len(side) == 0
        or (int(side[0]) >= -_WHOLE and int(side[-1]) <= _WHOLE)
        for side in (x, y)
    ):
        return x.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    if x.dtype.kind == "f":
        codes, others = alike(y, x)
        return others, codes
    return np.add(*ranks_of(x, x)), np.add(*ranks_of(x, y))


class Ends(NamedTuple):
    """Sizes of a sample: all values (NaN is none), and how many are -inf and inf."""

    n: int
    neg_inf: int = 0
    pos_inf: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Where an ordered column is cut: at finite, sorted, distinct points.

    `atoms` are cells of their own, any other point belongs to the cell below it. `tied`: the sample
    that was cut holds some point more than once.
    """

    points: Values
    atoms: Mask
    tied: bool = False

    def labels(self, points: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return the cells as conditions on ``x``, with the points as given or by default as `str`.

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
    """Counts of two samples in the same cells, none of which is empty in both.

    `ordered`: the cells have an order. `positions`: which cells these are, of `Edges.labels` or of
    the categories given, unseen ones last.
    """

    reference: Counts
    current: Counts
    ordered: bool
    positions: Counts

    @classmethod
    def of(cls, reference: Counts, current: Counts, *, ordered: bool) -> "Cells":
        """Return the cells that are not empty in both samples."""
        kept = (reference + current).nonzero()[0]
        return cls(reference[kept], current[kept], ordered, kept)


def quantile_edges(reference: Values, bins: int) -> Edges:
    """Return edges at the distinct order statistics of the reference at ``i / bins``.

    The order statistic at ``q`` is the least value up to which a share of at least ``q`` lies (the
    inverted distribution function). One that holds at least ``1 / bins`` of the reference is a
    cell of its own. Infinities are never edges: they have their own cells. `reference` is sorted,
    integers or floats without NaN; without finite values there are no edges.

    References
    ----------
    .. [1] Hyndman, R. J. and Fan, Y. (1996). Sample quantiles in statistical packages. The American
       Statistician 50, 361-365 (definition 1).

    Examples
    --------
    >>> edges = quantile_edges(np.array([0, 0, 0, 0, 1, 2, 3, 4]), 4)
    >>> edges.points.tolist(), edges.atoms.tolist()
    ([0, 2], [True, False])
    """
    n = len(reference)
    quantiles = reference[quantile_ranks(n, bins) - 1] if n else reference
    return edges_at(quantiles, *ranks_of(reference, quantiles), n, bins)


def quantile_ranks(n: int, bins: int) -> Counts:
    """Return the ranks, from 1, of the order statistics of `n` values at ``i / bins``.

    Examples
    --------
    >>> quantile_ranks(8, 4)
    array([2, 4, 6])
    """
    return -(-np.arange(1, bins, dtype=np.int64) * n // bins)


def edges_at(quantiles: Values, low: Counts, high: Counts, n: int, bins: int) -> Edges:
    """Return the edges of `quantile_edges` from sorted quantiles and counts at them.

    `low` and `high` are the counts of the `n` values below, and up to, each quantile.
    """
    distinct = np.isfinite(quantiles)
    distinct[1:] &= quantiles[1:] != quantiles[:-1]
    held = (high - low)[distinct]
    # Adding 0 makes 0.0 of -0.0: edges are written in reports.
    points = quantiles[distinct] + quantiles.dtype.type(0)
    return Edges(points, held * bins >= n, bool(np.any(held > 1)))


def stored_edges(points: Values, low: Counts, high: Counts, ends: Ends, bins: int) -> Edges:
    """Return the edges of `quantile_edges` from the reference's counts at stored points.

    The points, sorted and distinct, include the finite order statistics at ``i / bins``, as those
    at ``i / (k * bins)`` do for any ``k``.

    Examples
    --------
    >>> kept = np.array([0, 1, 2, 3])
    >>> low, high = ranks_of(np.array([0, 0, 0, 0, 1, 2, 3, 4]), kept)
    >>> stored_edges(kept, low, high, Ends(8), 4).points.tolist()
    [0, 2]
    """
    ranks = quantile_ranks(ends.n, bins)
    ranks = ranks[(ranks > ends.neg_inf) & (ranks <= ends.n - ends.pos_inf)]
    at = np.searchsorted(high, ranks)
    return edges_at(points[at], low[at], high[at], ends.n, bins)


def count_sorted(values: Values, edges: Edges) -> Counts:
    """Count the values of a sorted array without NaN in each cell.

    The cells are -inf, those from below to above, and inf. The array's type need not be that of the
    edges.

    Examples
    --------
    >>> edges = quantile_edges(np.array([0, 0, 0, 0, 1, 2, 3, 4]), 4)
    >>> count_sorted(np.array([-np.inf, 0.0, 0.5, 2.0, 7.0, 8.0]), edges).tolist()
    [1, 0, 1, 2, 2, 0]
    """
    ends = Ends(len(values))
    if ends.n and not (math.isfinite(values[0]) and math.isfinite(values[-1])):
        # Of the array's own type: for another, numpy would cast the array.
        infinity = values.dtype.type(np.inf)
        negative = int(values.searchsorted(-infinity, side="right"))
        ends = Ends(ends.n, negative, ends.n - int(values.searchsorted(infinity)))
    return count_stored(*ranks_of(values, edges.points), ends, edges)


def count_stored(low: Counts, high: Counts, ends: Ends, edges: Edges) -> Counts:
    """Count the values in each cell, from the counts below, and up to, each of ``edges.points``.

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
    """Count the values of an array in any order in each cell, as `count_sorted`, in linear time.

    NaN lies in no cell. Sizes are counted where `ends` is not given.

    Examples
    --------
    >>> edges = Edges(np.array([1.0, 5.0]), np.array([False, True]))
    >>> count_unsorted(np.array([5.0, 9.0, np.nan, 1.0, -3.0, 5.0]), edges).tolist()
    [0, 2, 0, 2, 1, 0]
    """
    if ends is None:
        ends = Ends(len(values))
        if values.dtype.kind == "f":
            sizes = values == values, values == -np.inf, values == np.inf  # noqa: PLR0124  (NaN)
            ends = Ends(*(int(np.count_nonzero(each)) for each in sizes))
    if len(edges.points) + np.count_nonzero(edges.atoms) > _FEW_EDGES:
        return count_stored(*tally(values, edges.points), ends, edges)
    low, unreached = round_to(edges.points[edges.atoms], values.dtype, up=True)
    high, under = round_to(edges.points, values.dtype, up=False)
    high_counts = np.where(under, 0, _count_passes(values, high, np.less_equal))
    low_counts = high_counts.copy()
    low_counts[edges.atoms] = np.where(unreached, ends.n, _count_passes(values, low, np.less))
    return count_stored(low_counts, high_counts, ends, edges)


def _count_passes(values: Values, points: Values, compare: np.ufunc) -> Counts:
    """Count the values that compare true with each point, by one pass over the values for each."""
    rest = len(values) % _PASS
    whole, last = values[: len(values) - rest], values[len(values) - rest :]
    counts = np.array([np.count_nonzero(true) for true in compare(last, points[:, None])], np.int64)
    if len(whole) and len(points):
        answers = np.empty((len(points), _PASS), np.bool_)
        by_chunk = answers.reshape(len(points), -1, _CHUNK).swapaxes(0, 1)
        # True is a byte of 1: added as words of eight bytes, so few that none overflows into the
        # next, in half the time of `count_nonzero`.
        words = answers.view(np.uint64).reshape(len(points), -1, _BYTE)
        for block in whole.reshape(-1, _PASS // _CHUNK, 1, _CHUNK):
            compare(block, points[:, None], out=by_chunk, order="C")
            sums = np.add.reduce(words, axis=2).view(np.uint8)
            counts += np.add.reduce(sums, axis=1, dtype=np.int64)
    return counts


def tally(values: Values, points: Values) -> tuple[Counts, Counts]:
    """Count the values of an array in any order below, and up to, each of many points.

    Blocks that fit into the processor's cache are sorted and the points searched in each, which
    takes half the time of sorting all. NaN is neither below nor up to any point; the counts of two
    arrays add up.

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
        below, upto = ranks_of(block, points)
        low += below
        high += upto
    return low, high


def category_cells(
    reference: Counts, current: Counts, unseen: npt.ArrayLike = (), *, together: bool = True
) -> Cells:
    """Return one cell per category of the reference, and one for all others together.

    `reference` and `current` count the reference's categories in both samples (0 where one
    vanished), `unseen` the current sample's others. For a test, give each of these its own cell
    (`together=False`): a cell that is empty on one side because of how it was chosen makes any test
    reject. (Of 1,000 categories, 1,000 rows miss many that the next 200 rows will show.)

    Examples
    --------
    >>> counts = np.array([30, 70, 0]), np.array([20, 0, 0])
    >>> cells = category_cells(*counts, unseen=[4, 1])
    >>> cells.reference.tolist(), cells.current.tolist(), cells.positions.tolist()
    ([30, 70, 0], [20, 0, 5], [0, 1, 3])
    """
    others = np.atleast_1d(np.asarray(unseen, np.int64))
    if together:
        others = others.sum(keepdims=True)
    counts = np.append(reference, np.zeros_like(others)), np.append(current, others)
    return Cells.of(*counts, ordered=False)
