"""Compute the distances and the counts in bins of many short columns at once.

A call of a numpy function takes about a microsecond even for few values. Columns are therefore
combined into groups. The columns of a group are counted in one matrix of buckets, with one row for
each column, so that most calls process all columns of the group. The results are exact, for the
reasons that `mlgates.stats.buckets` describes. That module uses a separate grid of buckets for each
column, which is better for long columns.
"""

import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Counts, Floats, Mask, Values
from mlgates.stats.counting import Edges

__all__ = ["Compared", "Pair", "compare_group", "fits", "groups_of"]

#: Pairs with a longer sample than this are compared one by one.
_LONGEST = 1 << 16
#: Largest number of values in a group. They fit into the processor's cache.
_GROUP = 1 << 17
#: Largest number of columns in a group.
_MOST_COLUMNS = 64
#: Mean number of values per bucket, for distances, and if only quantiles are needed. Quantiles
#: depend on fewer buckets than distances.
_PER_BUCKET = 2
_PER_BUCKET_OF_QUANTILES = 64
_FEWEST_BUCKETS = 64
#: Number of values of a sample from which its grid is chosen.
_LOOKED_AT = 128
#: A column is treated as having ties if more than one in this many of these values equals another
#: value.
_TIED = 16
#: Equal values are looked for if more than one in so many values of a column is in open buckets.
_OPENED = 8
#: Doubles represent all integers up to this number.
_WHOLE = 2**53


class Pair(NamedTuple):
    """A sample of the reference, and a sample to compare with it; `compare_group` takes a list.

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
        current sample in them. The counts are in the order of
        `mlgates.stats.buckets.Bucketed.cells`. A number of bins is left out if a value is
        infinite, or if a value is so frequent that it would be a bin of its own.
    """

    ks: float
    cells: dict[int, tuple[Edges, Counts, Counts]]


def fits(pair: Pair) -> bool:
    """Return whether a pair of samples can be compared by `compare_group`.

    Both samples must be short, and doubles must represent their values exactly.

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
        if kind not in "iuf" or width > 8:
            return False
        if kind == "f" or width < 8 or not len(values):
            continue
        if not -_WHOLE <= int(values.min()) <= int(values.max()) <= _WHOLE:
            return False
    return True


def groups_of(pairs: Iterable[Pair]) -> Iterator[list[int]]:
    """Divide pairs into groups, so that the values of one group fit into the processor's cache.

    Yields a list for each group: the positions of its pairs in `pairs`. Pass these pairs to
    `compare_group`.
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


class Scratch(threading.local):
    """Working memory of a thread for `compare_group`, which is used for one group after another.

    This saves time, because to allocate new memory takes longer than most operations on it.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, npt.NDArray[Any]] = {}

    def array(self, name: str, size: int, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
        """Return an array of `size` elements with undefined values.

        `name` says for which purpose. The array uses the same memory as arrays returned earlier for
        this name, so do not use these any more.
        """
        known = self._arrays.get(name)
        if known is None or len(known) < size:
            known = self._arrays[name] = np.empty(size, dtype)
        return known[:size]


class _Side(NamedTuple):
    """The samples of one side (reference or current) of all pairs of a group, as doubles.

    `values` has all samples, one after another. `lengths` and `starts` have the number of values of
    each sample and the position of its first value, both of shape (columns, 1).
    """

    values: Floats
    lengths: Counts
    starts: Counts

    @classmethod
    def of(cls, samples: Sequence[Values], memory: npt.NDArray[Any]) -> "_Side":
        lengths = np.array([[len(sample)] for sample in samples])
        values = np.concatenate(samples, out=memory[: lengths.sum()])
        return cls(values, lengths, np.cumsum(lengths).reshape(-1, 1) - lengths)

    def looked_at(self, most: int) -> Floats:
        """Return `most` evenly spaced values of each sample, as a matrix with a row per sample."""
        return self.values.take(self.starts + np.arange(most) * self.lengths // most, mode="clip")


class _Grids(NamedTuple):
    """A grid of buckets of equal width for each column.

    `start` and `scale` (buckets per unit) have shape (columns, 1). `size` is the number of buckets
    of a column, a power of two.
    """

    start: Floats
    scale: Floats
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
        share = _PER_BUCKET if len(sides) > 1 else _PER_BUCKET_OF_QUANTILES
        size = max(_FEWEST_BUCKETS, 1 << max(longest // share, 1).bit_length() - 1)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            low = np.maximum(first, lower - (upper - lower))
            high = np.minimum(last, upper + (upper - lower))
            margin = (high - low) / 32
            start, scale = low - margin, (size - 2) / (high - low + 2 * margin)
        # If the range is empty or infinite, each bucket is one unit wide. The buckets still have
        # the order of the values.
        usable = np.isfinite(start) & np.isfinite(scale) & (scale > 0)
        ties = np.count_nonzero(looked_at[:, 1:] == looked_at[:, :-1], axis=1)
        grids = cls(np.where(usable, start, 0.0), np.where(usable, scale, 1.0), size)
        return grids, ties * _TIED > looked_at.shape[1]

    def places(self, values: Floats, lengths: Counts, at: Floats, places: Counts) -> Counts:
        """Return the number of the bucket of each value.

        `values` has the values of all columns, one column after another, and `lengths` has their
        numbers of values. The buckets of column ``i`` have the numbers ``i * size`` to ``(i + 1) *
        size - 1``. A larger value of a column is never in a lower bucket, because rounding keeps
        the order. `at` and `places` are working memory of the size of `values`. The result is
        stored in `places`.
        """
        base = np.arange(len(self.start))[:, None] * self.size
        arrays: list[Any] = [self.start, self.scale, base]
        if (lengths == lengths[0]).all():
            values, at = values.reshape(len(base), -1), at.reshape(len(base), -1)
            places = places.reshape(len(base), -1)
        else:
            arrays = [np.repeat(each, lengths[:, 0]) for each in arrays]
        start, scale, base = arrays
        with np.errstate(over="ignore", under="ignore"):
            np.subtract(values, start, out=at)
            np.multiply(at, scale, out=at)
        np.maximum(at, 0.0, out=at)
        np.minimum(at, self.size - 1.0, out=at)
        places[...] = at
        places += base
        return places.reshape(-1)


_Entries: TypeAlias = tuple[Counts, Floats, Counts | int, Counts | int]


def _opened(
    sides: Sequence[_Side],
    places: Sequence[Counts],
    held: Sequence[Counts],
    *,
    is_open: Mask,
    ties: Mask,
    scratch: Scratch,
) -> tuple[Floats, list[Counts]]:
    """Return the values in some buckets, sorted for each column, and how often each value occurs.

    `is_open` is a mask of these buckets. `places` has the bucket of each value of a side, and
    `held` the number of values in each bucket. The first result is a matrix with one row per
    column, whose rows are filled up with inf. The second is a list with a matrix of counts for each
    side. In columns with ties, a bucket of equal values is one element of the row. In other
    columns, each value is an element.
    """
    columns, size = is_open.shape
    taken = is_open.reshape(-1)
    entries: list[_Entries] = []
    if ties.any():
        value_of = np.empty(taken.size)
        equal = (is_open & ties[:, None] & (held[0] + held[1] > 0)).reshape(-1)
        for side, at in zip(sides, places, strict=True):
            value_of[at] = side.values
        for side, at in zip(sides, places, strict=True):
            same = value_of.take(at, out=scratch.array("at", len(at)), mode="clip")
            differs = np.not_equal(same, side.values, out=scratch.array("bool", len(at), np.bool_))
            equal[at[differs.nonzero()[0]]] = False
        taken = taken & ~equal
        at = equal.nonzero()[0]
        entries.append((at, value_of[at], held[0].reshape(-1)[at], held[1].reshape(-1)[at]))
    for number, (side, at) in enumerate(zip(sides, places, strict=True)):
        chosen = taken.take(at, out=scratch.array("bool", len(at), np.bool_), mode="clip")
        found = chosen.nonzero()[0]
        entries.append((at[found], side.values[found], 1 - number, number))
    row_of = [at // size for at, *_ in entries]
    lengths = np.array([np.bincount(row, minlength=columns) for row in row_of])
    starts, width = np.cumsum(lengths, axis=0) - lengths, int(lengths.sum(axis=0).max())
    values = np.full(columns * width, np.inf)
    counts = np.zeros((2, columns * width), np.int64)
    for (_, items, *own), row, start, length in zip(entries, row_of, starts, lengths, strict=True):
        # The elements of a row come after those of the earlier entries.
        first = np.arange(columns) * width + start - (np.cumsum(length) - length)
        at = np.arange(len(row)) + first[row]
        values[at] = items
        counts[0, at], counts[1, at] = own
    values = values.reshape(columns, width)
    order = np.argsort(values, axis=1)
    order += np.arange(columns)[:, None] * width
    return values.take(order), [count.take(order) for count in counts]


def compare_group(
    pairs: Sequence[Pair], bins: Iterable[int], scratch: Scratch | None = None
) -> list[Compared]:
    """Return the Kolmogorov-Smirnov distance and the counts in bins for several pairs of samples.

    `fits` must be True for each pair. The results are exact, even if values are tied. `bins` has
    one or more numbers of bins. For each of them, the reference is divided at quantiles into this
    number of bins of about equal size. `scratch` is working memory; if you compare several groups,
    pass the same object each time.

    Examples
    --------
    >>> pair = Pair(np.array([3.0, 1.0, 2.0, 4.0]), np.array([3, 4, 5, 9]))
    >>> compared = compare_group([pair], bins=[2])[0]
    >>> edges, before, now = compared.cells[2]
    >>> compared.ks, edges.points.tolist(), before.tolist(), now.tolist()
    (0.5, [2.0], [0, 2, 2, 0], [0, 0, 4, 0])
    """
    scratch = Scratch() if scratch is None else scratch
    sizes = [sum(len(pair[number]) for pair in pairs) for number in (0, 1)]
    sides = [
        _Side.of([pair[i] for pair in pairs], scratch.array(f"values {i}", size))
        for i, size in enumerate(sizes)
    ]
    n, m = (side.lengths for side in sides)
    grids, ties = _Grids.of(*(side for side in sides if len(side.values)))
    shape = len(pairs), grids.size
    places = [
        grids.places(*side[:2], scratch.array("at", size), scratch.array(f"at {i}", size, np.int64))
        for i, (side, size) in enumerate(zip(sides, sizes, strict=True))
    ]
    held = [np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape) for at in places]
    upto = np.cumsum(held[0], axis=1)
    difference = upto * m - np.cumsum(held[1], axis=1) * n
    best = np.abs(difference).max(axis=1, keepdims=True)
    # Within a bucket, F - G is at most F at its end minus G at its start, and G - F is at most G at
    # its end minus F at its start. (F and G are the distribution functions of the samples.)
    is_open = (difference + held[1] * n > best) | (held[0] * m - difference > best)
    is_open[:, [0, -1]] = True
    # With `offsets`, each rank of a column is larger than all ranks of the columns before it.
    offsets = np.arange(len(pairs))[:, None] * (int(n.max()) + 1)
    parts = {number: -(-np.arange(1, number) * n // number) for number in bins}
    ranks = np.concatenate([n[:, :0], *parts.values()], axis=1) + offsets
    is_open.reshape(-1)[(upto + offsets).reshape(-1).searchsorted(ranks)] = True
    # Equal values are found in a pass over all values: only where many would be sorted.
    many = sum((each * is_open).sum(axis=1) for each in held) * _OPENED > (n + m)[:, 0]
    ties &= many
    values, weights = _opened(sides, places, held, is_open=is_open, ties=ties, scratch=scratch)
    memory = np.empty(values.size), np.empty(values.size, np.int64)
    bucket = grids.places(values, np.full_like(n, values.shape[1]), *memory).reshape(values.shape)
    counts = [
        np.cumsum(weight, axis=1) + np.cumsum(each * ~is_open, axis=1).take(bucket)
        for weight, each in zip(weights, held, strict=True)
    ]
    # If values are equal, the last one has the counts of all of them.
    is_last, is_first = np.ones((2, *values.shape), np.bool_)
    is_last[:, :-1] = is_first[:, 1:] = values[:, 1:] != values[:, :-1]
    gaps = np.abs(counts[0] * m - counts[1] * n) * is_last
    steps = np.maximum(best[:, 0], gaps.max(axis=1, initial=0)).tolist()
    found = (counts[0] + offsets).reshape(-1).searchsorted(ranks)
    starts = is_first.reshape(-1).nonzero()[0]
    run = starts.searchsorted(found, side="right") - 1
    first, last = starts[run], is_last.reshape(-1).nonzero()[0][run]
    points, low = values.take(found) + 0.0, (counts[0] - weights[0]).take(first)
    high = [each.take(last) for each in counts]
    is_finite = ~(np.isinf(values) & (weights[0] + weights[1] > 0)).any(axis=1)
    products = (n * m)[:, 0].tolist()
    results = [Compared(a / b if b else math.nan, {}) for a, b in zip(steps, products, strict=True)]
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
