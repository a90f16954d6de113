"""Compare many short columns with their references at once: KS distances and counts in bins.

A call of a numpy function takes about a microsecond even for few values. Columns are therefore
combined into groups. The columns of a group are counted in one matrix of buckets, with one row for
each column, so that most calls process all columns of the group. The results are exact, for the
reasons that `mlgates.stats.buckets` describes. That module uses a separate grid of buckets for each
column, which is better for long columns.
"""

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Counts, Floats, Mask, Values
from mlgates.stats.counting import Edges, are_doubles

__all__ = ["Compared", "Pair", "compare_group", "fits", "groups_of"]

#: Pairs with a longer sample than this are compared one by one.
_LONGEST = 1 << 16
#: Largest number of values in a group. They fit into the processor's cache.
_GROUP = 1 << 18
#: Largest number of columns in a group.
_MOST_COLUMNS = 64
#: Largest number of buckets of a column, divided by the square root of its number of values. The
#: second number is used if only quantiles are needed, because they depend on fewer buckets than
#: distances.
_BUCKETS = 64
_BUCKETS_OF_QUANTILES = 16
_FEWEST_BUCKETS = 64
#: Number of values of a sample from which its grid is chosen.
_LOOKED_AT = 128
#: A column is treated as having ties if more than one in this many of these values equals another
#: value.
_TIED = 16
#: Equal values are looked for if more than one in this many values of a column is in open buckets.
_OPENED = 8
#: From this number on, all doubles are integers. For an integer i below 2**52, the last 52 bits of
#: the double 2**52 + i are i.
_INTEGERS = 2.0**52
_BITS = int(np.float64(_INTEGERS).view(np.int64))
#: Arrays of each thread for intermediate results, kept from one group to the next.
_MEMORY = threading.local()


class Pair(NamedTuple):
    """A sample of the reference, and a sample to compare with it, for `compare_group`.

    Both are arrays of integers or floats without NaN, in any order. `current` is empty if only the
    edges of bins in the reference are needed.
    """

    reference: Values
    current: Values


class Compared(NamedTuple):
    """The results of comparing the two samples of a `Pair`, as `compare_group` returns them.

    Attributes
    ----------
    ks : float
        Kolmogorov-Smirnov distance; NaN if the current sample is empty.
    cells : dict of int to (Edges, numpy.ndarray, numpy.ndarray)
        For each number of bins, the edges of the bins, and the counts of the reference and of the
        current sample in the bins. The counts are in the order of
        `mlgates.stats.buckets.Bucketed.cells`: the first is the number of values -inf, and the last
        is the number of values inf. Both are always 0, because `cells` is empty if a sample has an
        infinite value. There is no entry for ``b`` bins if one of their edges is equal to at least
        ``1 / b`` of the values of the reference.
    """

    ks: float
    cells: dict[int, tuple[Edges, Counts, Counts]]


def fits(pair: Pair) -> bool:
    """Return whether a pair of samples can be compared by `compare_group`.

    No sample may have more than 65,536 values, the reference must not be empty, and no integer
    may be beyond 2**53, where doubles do not represent all integers.

    Examples
    --------
    >>> one, large = np.array([1]), np.array([2**60])
    >>> fits(Pair(one, one)), fits(Pair(one, large))
    (True, False)
    """
    if not 0 < len(pair.reference) <= _LONGEST or len(pair.current) > _LONGEST:
        return False
    for values in (pair.reference, pair.current):
        kind, width = values.dtype.kind, values.dtype.itemsize
        if kind not in "iuf" or width > 8 or not are_doubles(values):
            return False
    return True


def groups_of(pairs: Iterable[Pair]) -> Iterator[list[int]]:
    """Divide pairs of samples into groups that fit into the processor's cache.

    Yields a list for each group: the positions of its pairs in `pairs`. Pass the pairs of one group
    to `compare_group`.
    """
    group: list[int] = []
    total = 0
    for position, pair in enumerate(pairs):
        size = len(pair.reference) + len(pair.current)
        if group and (total + size > _GROUP or len(group) == _MOST_COLUMNS):
            yield group
            group, total = [], 0
        group.append(position)
        total += size
    if group:
        yield group


def _memory(name: str, size: int, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
    """Return an array of `size` elements with undefined values, for intermediate results.

    `name` is the purpose of the array. Arrays with the same name use the same memory, so an array
    that was returned earlier for this name in this thread must no longer be used. This saves time,
    because to allocate new memory takes longer than most operations on it.
    """
    known = getattr(_MEMORY, name, None)
    if known is None or len(known) < size:
        known = np.empty(size, dtype)
        setattr(_MEMORY, name, known)
    return np.asarray(known[:size])


class _Side(NamedTuple):
    """The samples of one side (reference or current) of all pairs of a group, as doubles.

    `values` has all samples, one after another. `lengths` and `starts` have the number of values of
    each sample and the position of its first value, both of shape (columns, 1).
    """

    values: Floats
    lengths: Counts
    starts: Counts

    @classmethod
    def of(cls, samples: Sequence[Values], name: str) -> "_Side":
        lengths = np.array([[len(sample)] for sample in samples])
        values = np.concatenate(samples, out=_memory(name, lengths.sum()))
        return cls(values, lengths, np.cumsum(lengths).reshape(-1, 1) - lengths)

    def looked_at(self, most: int) -> Floats:
        """Return `most` values of each sample, as a matrix with a row per sample.

        The positions of the values in the sample are evenly spaced.
        """
        return self.values.take(self.starts + np.arange(most) * self.lengths // most, mode="clip")

    def part(self, columns: slice) -> slice:
        """Return where the samples of some columns are in `values`."""
        start, last = int(self.starts[columns.start, 0]), columns.stop - 1
        return slice(start, int(self.starts[last, 0] + self.lengths[last, 0]))


class _Grids(NamedTuple):
    """A grid of buckets of equal width for each column.

    The bucket of a value is ``value * scale + shift``, rounded to an integer from 0 to ``size -
    1``. `scale` and `shift` have shape (columns, 1). `size` is a power of two.
    """

    scale: Floats
    shift: Floats
    size: int

    @classmethod
    def of(cls, *sides: _Side) -> tuple["_Grids", Mask]:
        """Return grids for the samples of both sides, and a mask of the columns that have ties.

        The range of the middle 98 % of the values is extended by its width on each side, but not
        beyond the smallest and the largest value. The grid covers the result.
        """
        few = [side.looked_at(min(_LOOKED_AT, int(side.lengths.max()))) for side in sides]
        looked_at = np.sort(np.concatenate(few, axis=1), axis=1)
        cut = looked_at.shape[1] // 100
        first, lower, upper, last = looked_at[:, [0, cut, -cut - 1, -1]].T[:, :, None]
        longest = max(int(side.lengths.max()) for side in sides)
        factor = _BUCKETS if len(sides) > 1 else _BUCKETS_OF_QUANTILES
        size = 1 << max(int(factor * math.sqrt(longest)), _FEWEST_BUCKETS).bit_length() - 1
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            low = np.maximum(first, lower - (upper - lower))
            high = np.minimum(last, upper + (upper - lower))
            margin = (high - low) / 32
            scale = (size - 2) / (high - low + 2 * margin)
            shift = (margin - low) * scale
        # If the range is empty or infinite, each bucket is one unit wide. The buckets still have
        # the order of the values.
        usable = np.isfinite(shift) & np.isfinite(scale) & (scale > 0)
        ties = np.count_nonzero(looked_at[:, 1:] == looked_at[:, :-1], axis=1)
        grids = cls(np.where(usable, scale, 1.0), np.where(usable, shift, 0.0), size)
        return grids, ties * _TIED > looked_at.shape[1]

    def places(self, side: _Side, memory: Floats) -> Counts:
        """Return the number of the bucket of each value of a side; it is stored in `memory`.

        The buckets of column ``i`` have the numbers ``i * size`` to ``(i + 1) * size - 1``. A
        larger value of a column is never in a lower bucket, because rounding keeps the order.
        """
        columns = len(self.scale)
        base = np.arange(columns)[:, None] * self.size - _BITS
        # Columns of equal lengths are the rows of one matrix.
        whole = (side.lengths == side.lengths[0]).all()
        for rows in [slice(columns)] if whole else [slice(i, i + 1) for i in range(columns)]:
            part = side.part(slice(rows.start or 0, rows.stop))
            at = memory[part].reshape(len(base[rows]), -1)
            with np.errstate(over="ignore", under="ignore"):
                np.multiply(side.values[part].reshape(at.shape), self.scale[rows], out=at)
            at += self.shift[rows] + _INTEGERS
            np.clip(at, _INTEGERS, _INTEGERS + (self.size - 1), out=at)
            bits = at.view(np.int64)
            bits += base[rows]
        return memory.view(np.int64)


def _equal_values(
    sides: Sequence[_Side], places: Sequence[Counts], buckets: Mask, columns: Iterable[int]
) -> tuple[Counts, Floats]:
    """Return those buckets of some columns in which all values are equal, and these values.

    `buckets` is a mask of the buckets to look at, none of which is empty. `places` has the bucket
    of each value of a side.
    """
    equal, value_of = np.zeros(buckets.size, np.bool_), np.empty(buckets.size)
    for column in columns:
        parts = [side.part(slice(column, column + 1)) for side in sides]
        own = [
            (at[part], side.values[part])
            for side, at, part in zip(sides, places, parts, strict=True)
        ]
        for at, values in own:
            value_of[at] = values
        equal.reshape(buckets.shape)[column] = buckets[column]
        for at, values in own:
            equal[at[value_of.take(at) != values]] = False
    at = equal.nonzero()[0]
    return at, value_of[at]


def _times(counts: Counts, factor: Counts) -> Counts:
    return counts if (factor == 1).all() else counts * factor


def compare_group(pairs: Sequence[Pair], bins: Iterable[int]) -> list[Compared]:
    """Return the Kolmogorov-Smirnov distance and the counts in bins for several pairs of samples.

    The results are exact, even if values are tied.

    Parameters
    ----------
    pairs : sequence of Pair
        Each has a reference and a current sample. `fits` must return True for each pair.
    bins : iterable of int
        One or more numbers of bins. For each of them, both samples are counted in this number of
        bins between quantiles of the reference, see `mlgates.stats.buckets.Bucketed.edges`.

    Returns
    -------
    list of Compared
        One for each pair. ``cells[number]`` has the edges of `number` bins, and two arrays of
        ``number + 2`` counts: first the values -inf, then the values in each bin, last the values
        inf. There is no ``cells[number]`` if a sample of the pair has an infinite value, or if one
        of the edges is equal to at least ``1 / number`` of the values of the reference.

    Examples
    --------
    >>> pair = Pair(np.array([3.0, 1.0, 2.0, 4.0]), np.array([3, 4, 5, 9]))
    >>> compared = compare_group([pair], bins=[2])[0]
    >>> edges, before, now = compared.cells[2]
    >>> compared.ks, edges.points.tolist(), before.tolist(), now.tolist()
    (0.5, [2.0], [0, 2, 2, 0], [0, 0, 4, 0])
    """
    sides = [_Side.of(samples, f"values {i}") for i, samples in enumerate(zip(*pairs, strict=True))]
    grids, ties = _Grids.of(*(side for side in sides if len(side.values)))
    shape = len(pairs), grids.size
    places = [
        grids.places(side, _memory(f"at {i}", len(side.values))) for i, side in enumerate(sides)
    ]
    # Both are flat arrays; the counts `upto` include those of the columns before.
    held = [np.bincount(at, minlength=shape[0] * shape[1]) for at in places]
    memory = [_memory(f"buckets {i}", len(held[0]), np.int64) for i in range(4)]
    upto = [np.cumsum(each, out=out) for each, out in zip(held, memory[:2], strict=True)]
    n, m = (side.lengths for side in sides)
    # Distances are whole numbers of the unit 1 / (n * factor).
    factor, of_current = m // np.gcd(n, m), n // np.gcd(n, m)
    difference, bound = (each.reshape(shape) for each in memory[2:])
    f, g = (each.reshape(shape) for each in upto)
    np.subtract(_times(f, factor), _times(g, of_current), out=difference)
    difference -= sides[0].starts * factor - sides[1].starts * of_current
    best = np.maximum(difference.max(axis=1), -difference.min(axis=1))[:, None]
    # Within a bucket, F - G is at most F at its end minus G at its start, and G - F is at most G at
    # its end minus F at its start. (F and G are the distribution functions of the samples.)
    f, g = (each.reshape(shape) for each in held)
    is_open = np.add(difference, _times(g, of_current), out=bound) > best
    is_open |= np.subtract(_times(f, factor), difference, out=bound) > best
    is_open[:, [0, -1]] = True
    taken = is_open.reshape(-1)
    parts = {number: -(-np.arange(1, number) * n // number) for number in bins}
    ranks = np.concatenate([n[:, :0], *parts.values()], axis=1) + sides[0].starts
    taken[upto[0].searchsorted(ranks)] = True
    opened = taken.nonzero()[0]
    inside = [each.take(opened) for each in held]
    # Finding equal values takes passes over all values of a column, so it is done only for columns
    # of which many values would be sorted.
    many = np.bincount(opened // grids.size, inside[0] + inside[1], shape[0])
    ties &= many * _OPENED > (n + m)[:, 0]
    entries: list[tuple[Any, ...]] = []
    if ties.any():
        filled = is_open & (np.add(f, g, out=bound) > 0)
        at, equal = _equal_values(sides, places, filled, ties.nonzero()[0].tolist())
        entries = [(at, equal, *(each.take(at) for each in held))]
        taken[at] = False
    for number, (side, at) in enumerate(zip(sides, places, strict=True)):
        chosen = taken.take(at, out=_memory("bool", len(at), np.bool_), mode="clip")
        found = chosen.nonzero()[0]
        own = np.zeros((2, len(found)), np.int64)
        own[number] = 1
        entries.append((at[found], side.values[found], *own))
    at, values, *weights = map(np.concatenate, zip(*entries, strict=True))
    # Sort by value, and then by column with a stable sort, so that the values of each column are in
    # order. A stable sort of short integers takes linear time.
    order = np.argsort(values)
    numbers = (at // grids.size).astype(np.uint16).take(order)
    order = order.take(np.argsort(numbers, kind="stable"))
    at, values, *weights = (each.take(order) for each in (at, values, *weights))
    # For each of these values, the number of values of its column that are not larger, plus the
    # number of all values of the columns before.
    bucket, column = opened.searchsorted(at), at // grids.size
    counts = [
        np.cumsum(weight) + (total.take(opened) - np.cumsum(own)).take(bucket)
        for weight, total, own in zip(weights, upto, inside, strict=True)
    ]
    # If values are equal, the last one has the counts of all of them.
    differs = (values[1:] != values[:-1]) | (column[1:] != column[:-1])
    first, last = (
        np.concatenate(each).nonzero()[0] for each in (([True], differs), (differs, [True]))
    )
    column_of = column.take(last)
    f, g = (
        (count.take(last) - side.starts[column_of, 0]) * unit[column_of, 0]
        for count, side, unit in zip(counts, sides, (factor, of_current), strict=True)
    )
    steps = best[:, 0]
    np.maximum.at(steps, column_of, np.abs(f - g))
    products = (n * factor)[:, 0]
    results = [
        Compared(a / b if b else math.nan, {})
        for a, b in zip(steps.tolist(), products.tolist(), strict=True)
    ]
    found = counts[0].searchsorted(ranks)
    run = first.searchsorted(found, side="right") - 1
    points, low = values.take(found) + 0.0, (counts[0] - weights[0]).take(first[run])
    low -= sides[0].starts
    high = [each.take(last[run]) - side.starts for each, side in zip(counts, sides, strict=True)]
    is_finite = np.bincount(column, np.isinf(values), shape[0]) == 0
    stop = 0
    for number in parts:
        part = slice(stop, stop := stop + number - 1)
        equal = high[0][:, part] - low[:, part]
        usable = is_finite & (equal * number < n).all(axis=1)
        tied, no_atoms = (equal > 1).any(axis=1).tolist(), np.zeros(number - 1, np.bool_)
        # There are no infinite values.
        cells = [
            np.diff(np.concatenate([0 * size, 0 * size, each[:, part], size, size], axis=1))
            for each, size in zip(high, (n, m), strict=True)
        ]
        for i in usable.nonzero()[0].tolist():
            is_whole = pairs[i].reference.dtype.kind != "f"
            own = points[i, part].astype(np.int64) if is_whole else points[i, part]
            edges = Edges(own, no_atoms, tied[i])
            results[i].cells[number] = edges, cells[0][i], cells[1][i]
    return results
