"""Count values exactly: below points, up to points, and in the cells between points.

When numpy compares a 64-bit integer with a double, or a signed with an unsigned integer, it casts
both to doubles, so that different values beyond 2**53 become equal. Here a point is rounded up or
down to the next value of the array's type instead, which does not change any comparison.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Counts, Floats, Mask, Values

__all__ = [
    "Edges",
    "Ends",
    "are_doubles",
    "category_cells",
    "count_stored",
    "distance",
    "edges_at",
    "in_order",
    "quantile_ranks",
    "ranks_of",
    "round_to",
    "snapped",
    "split",
    "stored_edges",
]


#: A value is equal to a point up to rounding if their distance is at most this share of the
#: distance from the point to the nearest other point.
_ROUNDING = 1e-9
#: Integers of 64 bits are split at this number into two parts that are doubles.
_HIGH = 2.0**32
#: Doubles represent all integers up to this number.
_WHOLE = 2**53


def are_doubles(values: Values) -> bool:
    """Return whether doubles represent all numbers of an array exactly.

    `values` are integers, or floats of at most 64 bits.

    Examples
    --------
    >>> are_doubles(np.array([1, 2])), are_doubles(np.array([2**53 + 1]))
    (True, False)
    """
    if values.dtype.kind == "f" or values.dtype.itemsize < 8 or not len(values):
        return True
    return max(-int(values.min()), int(values.max())) <= _WHOLE


def in_order(numbers: Values) -> Values:
    """Return a sorted copy of an array of numbers, read-only, without NaN and with -0.0 as 0.0.

    Integers become int64, or uint64 if one of them is too large for int64. Floats become float64.

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
        # In place, because adding 0.0 would make another copy.
        values[values.searchsorted(0.0) : values.searchsorted(0.0, side="right")] = 0.0
    elif values.dtype != np.uint64 or not len(values) or values[-1] <= np.iinfo(np.int64).max:
        values = values.astype(np.int64, copy=False)
    values.flags.writeable = False
    return values


def ranks_of(values: Values, points: Values) -> tuple[Counts, Counts]:
    """Count the values less than each point, and the values less than or equal to each point.

    Integers and floats are compared exactly, also beyond 2**53.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Sorted integers or floats without NaN.
    points : numpy.ndarray, shape (k,)
        Integers or floats without NaN.

    Returns
    -------
    low, high : numpy.ndarray of int64, shape (k,)
        For each point, the number of values less than it, and less than or equal to it.

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
    """Round points up, or down, to the next value of a numeric type, `dtype`.

    Points are integers or floats without NaN. The first result has the rounded points. The second
    result is a mask of the points for which the type has no such value, because they are above its
    largest value (or below its smallest value, if points are rounded down). In the first result,
    these points are the largest (or smallest) value of the type.

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
            # If the nearest float is on the wrong side of the point, take the next one.
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
    """Return the range of an integer type, and masks of the points below and above that range.

    The points are whole numbers, of an integer or a floating type.
    """
    info = np.iinfo(dtype)
    ends = dtype.type(info.min), dtype.type(info.max)
    if points.dtype.kind == "f":
        # The largest integer may not be a float, but the next one is a power of two.
        points = points.astype(np.float64, copy=False)
        return *ends, points < float(info.min), points >= float(int(info.max) + 1)
    own = np.iinfo(points.dtype)
    none = np.zeros(points.shape, np.bool_)
    under = points < points.dtype.type(info.min) if own.min < info.min else none
    above = points > points.dtype.type(info.max) if own.max > info.max else none
    return *ends, under, above


def distance(a: Values, b: Values) -> Floats:
    """Return ``|a - b|`` as doubles.

    The difference is computed exactly and then rounded to a double. Large integers are not rounded
    before they are subtracted.

    Examples
    --------
    >>> distance(np.array([2**60 + 1]), np.array([2.0**60]))
    array([1.])
    """
    kinds = a.dtype.kind + b.dtype.kind
    if kinds == "ff":
        return np.abs(np.subtract(a, b, dtype=np.float64))
    if "f" not in kinds and (a.dtype == b.dtype or "u" not in kinds):
        # Modulo 2**64 the larger minus the smaller is exact for any signs.
        larger, smaller = np.maximum(a, b), np.minimum(a, b)
        return (larger.astype(np.uint64) - smaller.astype(np.uint64)).astype(np.float64)
    # No type represents both: subtract multiples of 2**32 and remainders, each of which is exact.
    high_a, low_a = split(a)
    high_b, low_b = split(b)
    return np.abs((high_a - high_b) + (low_a - low_b))


def split(values: Values) -> tuple[Floats, Floats]:
    """Return two arrays of doubles that add up to each number exactly, also for large integers.

    The first array has each number rounded towards 0 to a multiple of 2**32. The second array has
    the rest, which has the same sign.
    """
    if values.dtype.kind == "f":
        values = values.astype(np.float64, copy=False)
        low = np.fmod(np.where(np.isfinite(values), values, 0.0), _HIGH)
        return values - low, low
    if values.dtype.itemsize < 8:
        values = values.astype(np.int64)
    low = np.fmod(values, values.dtype.type(int(_HIGH)))
    return (values - low).astype(np.float64), low.astype(np.float64)


class Ends(NamedTuple):
    """The number of values of a sample, and how many of them are infinite.

    `n` is the number of all values without NaN, `neg_inf` the number of values -inf, and `pos_inf`
    the number of values inf.
    """

    n: int
    neg_inf: int = 0
    pos_inf: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The edges of cells (bins) in which values are counted: finite, sorted, distinct points.

    There is one cell below the first edge, one between each edge and the next, and one above the
    last edge. There are further cells for the value -inf, for the value inf, and for the values
    equal to each edge that is an atom.

    Attributes
    ----------
    points : numpy.ndarray, shape (k,)
        The points.
    atoms : numpy.ndarray of bool, shape (k,)
        Whether the values equal to a point are a cell of their own (an atom). Otherwise they belong
        to the cell below the point.
    tied : bool
        Whether some point occurs more than once in the sample that the edges were computed from.
    reach : numpy.ndarray of float64, shape (k,), optional
        The tolerance of each point for rounding. A value counts as equal to an atom if it differs
        from the atom by at most this tolerance. By default there is no tolerance.
    """

    points: Values
    atoms: Mask
    tied: bool = False
    reach: Floats | None = None

    @property
    def ends(self) -> tuple[Values, Values]:
        """The least and the greatest value that count as equal to each point, as two arrays.

        They are the point minus and plus its `reach`. If `reach` is None, both are the point
        itself.
        """
        if self.reach is None or not self.reach.any():
            return self.points, self.points
        return self.points - self.reach, self.points + self.reach

    def labels(self, points: Iterable[str] | None = None) -> tuple[str, ...]:
        """Return a label for each cell (bin), such as ``1 < x <= 5``.

        `points` has a string for each edge; by default edges are written as numbers.

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
    """Counts of two samples in the same cells, without cells that are empty in both samples.

    A cell is a bin of numbers, or a category. Distances and tests are computed from these counts.

    Attributes
    ----------
    reference, current : numpy.ndarray of int64, shape (k,)
        The counts.
    ordered : bool
        Whether the cells have an order, as quantile cells have; False for categories.
    positions : numpy.ndarray of int64, shape (k,)
        For each cell, its position in the list `Edges.labels`, or in the list of categories.
    """

    reference: Counts
    current: Counts
    ordered: bool
    positions: Counts

    @classmethod
    def of(cls, reference: Counts, current: Counts, *, ordered: bool) -> "Cells":
        """Create `Cells` from the counts of two samples; leave out cells that are empty in both.

        `reference` and `current` have one count for each cell. `ordered` says whether the cells
        have an order, as bins of numbers have.
        """
        kept = (reference + current).nonzero()[0]
        return cls(reference[kept], current[kept], ordered, kept)


def quantile_ranks(n: int, bins: int) -> Counts:
    """Return the ranks, in a sorted sample, of the values that divide it into equal parts.

    `n` is the number of values and `bins` the number of parts. The values are the quantiles at ``i
    / bins``, for ``i`` from 1 to ``bins - 1``. The rank of the least value is 1.

    Examples
    --------
    >>> quantile_ranks(8, 4)
    array([2, 4, 6])
    """
    return -(-np.arange(1, bins, dtype=np.int64) * n // bins)


def edges_at(
    quantiles: Values,
    low: Counts,
    high: Counts,
    n: int,
    bins: int,
    *,
    neighbours: tuple[Values, Values] | None = None,
) -> Edges:
    """Return the edges between cells (bins) from the quantiles of a sample and counts at them.

    The edges are the distinct finite quantiles. An edge is an atom (a cell of its own) if at least
    ``1 / bins`` of the values are equal to it.

    Parameters
    ----------
    quantiles : numpy.ndarray, shape (k,)
        The quantiles of the sample at ``i / bins``, for ``i`` from 1 to ``bins - 1``, in ascending
        order. They can be repeated. Infinite ones can be left out.
    low, high : numpy.ndarray of int64, shape (k,)
        For each quantile, the number of values of the sample that are less than it, and the number
        of those that are less than or equal to it.
    n : int
        Number of values of the sample.
    bins : int
        Number of cells of about equal share.
    neighbours : tuple of numpy.ndarray, shape (k,), optional
        For each quantile, the next smaller and the next greater value of the sample, infinite where
        there is none. If they are given, the field `reach` of the edges is computed from them.
    """
    distinct = np.isfinite(quantiles)
    distinct[1:] &= quantiles[1:] != quantiles[:-1]
    held = (high - low)[distinct]
    # Adding 0 turns -0.0 into 0.0, because edges are shown in reports.
    points = quantiles[distinct] + quantiles.dtype.type(0)
    atoms, reach = held * bins >= n, None
    if neighbours is not None:
        reach = _reach(points, atoms, *(side[distinct] for side in neighbours))
    return Edges(points, atoms, bool(np.any(held > 1)), reach)


def _reach(points: Values, atoms: Mask, below: Values, above: Values) -> Floats | None:
    """Return the distance up to which a value differs from each atom by rounding alone.

    An atom is a point that is a cell of its own, and `atoms` says which points are atoms. `below`
    and `above` are the next smaller and the next greater value of the sample. The distance is 1e-9
    of the gap between the atom and the nearest other atom, or the nearest other point if there is
    only one atom. If a value of the sample is within that distance, the result is 1e-9 of the gap
    between the atom and that value. It is 0 for points that are not atoms.
    """
    if len(points) < 2 or not atoms.any() or points.dtype.kind != "f":
        return None
    others = points[atoms] if np.count_nonzero(atoms) > 1 else points
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        at = np.searchsorted(others, points)
        left = points - others[np.maximum(at - 1, 0)]
        right = others[np.minimum(at + 1, len(others) - 1)] - points
        gap = np.minimum(np.where(left > 0, left, np.inf), np.where(right > 0, right, np.inf))
        nearest = np.minimum(points - below, above - points)
        reach = _ROUNDING * np.where(nearest <= _ROUNDING * gap, nearest, gap)
    return np.where(atoms & np.isfinite(reach), reach, 0.0)


def snapped(values: Values, edges: Edges) -> Values:
    """Return sorted values with rounding errors at atoms removed.

    An atom is an edge that is so frequent that its value is a cell (bin) of its own. Each value
    that differs from an atom by at most its element of ``edges.reach`` is replaced by the atom.
    `values` must be sorted, and the result is sorted, too.
    """
    first, last = edges.ends
    if first is last:
        return values
    copy = values.astype(np.float64)
    for at in np.flatnonzero(first < last).tolist():
        start, stop = values.searchsorted(first[at]), values.searchsorted(last[at], side="right")
        copy[start:stop] = edges.points[at]
    return copy


def stored_edges(points: Values, low: Counts, high: Counts, ends: Ends, bins: int) -> Edges:
    """Return the edges between cells (bins) from stored counts, without the values of the sample.

    The result is the same as that of `mlgates.stats.buckets.Bucketed.edges` with the values.

    For each point, `low` has the number of values less than it, and `high` the number of values
    less than or equal to it. `ends` has the number of all values and of infinite values, and `bins`
    is the number of cells of about equal share. The points must be sorted and distinct, and must
    include all finite quantiles at ``i / bins``. For example, the quantiles at ``i / 360`` are
    enough if 360 is a multiple of `bins`.

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
    padded = np.concatenate([[-np.inf], points, [np.inf]]) if points.dtype.kind == "f" else None
    neighbours = None if padded is None else (padded[at], padded[at + 2])
    return edges_at(points[at], low[at], high[at], ends.n, bins, neighbours=neighbours)


def count_stored(low: Counts, high: Counts, ends: Ends, edges: Edges) -> Counts:
    """Count the values in each cell (bin) from cumulated counts at the edges of the cells.

    For each of ``edges.points``, `low` has the number of values less than this point, and `high`
    the number of values less than or equal to it. `ends` has the number of all values and of
    infinite values.

    The first count is the number of values -inf, and the last one the number of values inf. Between
    these two are the counts of the cells in ascending order. A point is in the cell below it. But
    if the point is an atom (its element of ``edges.atoms`` is True), it is a cell of its own.

    Examples
    --------
    The point 5 is an atom. The cells are ``x <= 1``, ``1 < x < 5``, ``x = 5`` and ``x > 5``.
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


def category_cells(
    reference: Counts, current: Counts, unseen: npt.ArrayLike = (), *, together: bool = True
) -> Cells:
    """Return the counts of two samples per category, also for categories not in the reference.

    Categories of the current sample that are not in the reference are called unseen. To measure a
    distance, they are merged into one cell (``together=True``). For a test, each of them must be a
    cell of its own (``together=False``), because with a merged cell the test would reject too
    often: of 1,000 equally frequent categories, many are missing in the 1,000 rows of a reference,
    and some of these appear in the next 200 rows.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64, shape (k,)
        Counts of the reference's categories in both samples.
    unseen : array_like of int, shape (j,)
        Counts of the unseen categories in the current sample.
    together : bool
        Whether the unseen categories are merged into one cell.

    Returns
    -------
    Cells
        The counts of both samples. Its `positions` number the categories of the reference from 0,
        and then the unseen categories. Categories that no sample has are left out.

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
