"""The distribution of a column of categories, exactly: each value and its count."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.profile.lazy import lazy
from mlgates.tables import encoding
from mlgates.tables.exact import same_values

__all__ = ["Frequencies"]


class _Part(NamedTuple):
    values: pa.Array
    counts: npt.NDArray[np.int64]


class Frequencies:
    """How often each value occurs, sorted by value; missing is no value.

    Made by `Frequencies.of`; merging adds the counts of two of them. Merged counts are added up
    when they are first read.

    Parameters
    ----------
    parts : sequence of (pyarrow.Array, numpy.ndarray)
        Values and counts as `of` makes them.

    Attributes
    ----------
    n : int
        Sum of the counts.

    Examples
    --------
    >>> counts = Frequencies.of(pa.array(["b", "a", None, "b"]))
    >>> counts.values.to_pylist(), counts.counts, counts.n
    (['a', 'b'], array([1, 2]), 3)
    >>> counts["b"], counts["unseen"]
    (2, 0)
    """

    def __init__(self, parts: Sequence[tuple[pa.Array, npt.NDArray[np.int64]]] = ()) -> None:
        self._parts = tuple(_Part(*part) for part in parts if len(part[0]))
        self.n = sum(int(part.counts.sum()) for part in self._parts)

    @classmethod
    def of(cls, array: pa.Array | pa.ChunkedArray) -> "Frequencies":
        """Counts of the values of an array, plain or dictionary-encoded.

        Parameters
        ----------
        array : pyarrow.Array or pyarrow.ChunkedArray
            Values that can be ordered. NaN and null are missing.
        """
        chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
        encoded = encoding.encode(chunked)
        size = len(encoded.dictionary)
        codes = encoded.indices.fill_null(size).to_numpy()
        return cls.counted(encoded.dictionary, np.bincount(codes, minlength=size + 1)[:size])

    @classmethod
    def counted(cls, values: pa.Array, counts: npt.NDArray[np.int64]) -> "Frequencies":
        """Counts of values that are given once each; those that count 0 are left out."""
        if pa.types.is_null(values.type):
            return cls()
        if pa.types.is_floating(values.type):
            return cls([_one_zero(values, counts)])
        if not counts.all():
            values, counts = values.filter(pa.array(counts > 0)), counts[counts > 0]
        return cls([_Part(_widest(values), counts)])

    @lazy
    def _table(self) -> _Part:
        """Each value once, in any order."""
        if len(self._parts) > 1:
            values = pa.chunked_array(_same_type([part.values for part in self._parts]))
            encoded = encoding.encode(values)
            counts = np.zeros(len(encoded.dictionary), np.int64)
            added = np.concatenate([part.counts for part in self._parts])
            np.add.at(counts, encoded.indices.to_numpy(), added)
            self._parts = (_Part(encoded.dictionary, counts),)
        return self._parts[0] if self._parts else _Part(pa.nulls(0), np.zeros(0, np.int64))

    @lazy
    def _sorted(self) -> _Part:
        # Millions of texts take a second to sort, and often nobody asks for more than their number.
        values, counts = self._table
        order = pc.array_sort_indices(values)
        counts = counts[order.to_numpy()].astype(np.int64, copy=False)
        counts.flags.writeable = False
        return _Part(values.take(order), counts)

    @property
    def values(self) -> pa.Array:
        """The values that occur, each once, sorted."""
        return self._sorted.values

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How often each of `values` occurs."""
        return self._sorted.counts

    def settle(self) -> None:
        """Do now what the first reading would do."""
        _ = self._table

    def __getitem__(self, value: object) -> int:
        """How often `value` occurs: 0 when it does not, whatever it is."""
        values, counts = self._table
        if len(values) == 0:
            return 0
        same = same_values([value], values.type)
        # Both zeros are looked up, and may be found as one.
        positions = pc.index_in(same, value_set=values).drop_null().unique().to_numpy()
        return int(counts[positions].sum())

    def __len__(self) -> int:
        return len(self._table.values)

    def merge(self, other: "Frequencies", shift: int = 0) -> "Frequencies":
        """Counts over both; `shift` (the rows before `other`) plays no part."""
        del shift
        return Frequencies((*self._parts, *other._parts))  # noqa: SLF001

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frequencies):
            return NotImplemented
        return (
            self.n == other.n
            and np.array_equal(self.counts, other.counts)
            and (self.n == 0 or self.values.equals(other.values))
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Frequencies(n={self.n}, values={len(self)})"


def _one_zero(values: pa.Array, counts: npt.NDArray[np.int64]) -> _Part:
    """Floats as doubles, without NaN and with one zero."""
    doubles = values.cast(pa.float64()).to_numpy(zero_copy_only=False) + 0.0
    kept = (counts > 0) & ~np.isnan(doubles)
    distinct, positions = np.unique(doubles[kept], return_inverse=True)
    summed = np.zeros(len(distinct), np.int64)
    np.add.at(summed, positions, counts[kept])
    return _Part(pa.array(distinct), summed)


def _widest(values: pa.Array) -> pa.Array:
    """Values in the one type that stands for their kind, so that equal counts are equal."""
    kinds, type_ = pa.types, values.type
    if kinds.is_string(type_):
        return values.cast(pa.large_string())
    if kinds.is_binary(type_) or kinds.is_fixed_size_binary(type_):
        return values.cast(pa.binary()).cast(pa.large_binary())
    if kinds.is_uint64(type_):
        largest = pc.max(values).as_py() or 0
        return values if largest > np.iinfo(np.int64).max else values.cast(pa.int64())
    return values.cast(pa.int64()) if kinds.is_integer(type_) else values


def _same_type(parts: list[pa.Array]) -> list[pa.Array]:
    """Arrays of one kind in one type that holds the values of all of them."""
    types = {part.type for part in parts}
    if len(types) == 1:
        return parts
    kinds = pa.types
    if all(kinds.is_integer(type_) for type_ in types):
        if all(pc.min(part).as_py() >= 0 for part in parts):
            return [part.cast(pa.uint64()) for part in parts]
        return [part.cast(pa.decimal128(20, 0)) for part in parts]
    if all(kinds.is_integer(type_) or kinds.is_decimal(type_) for type_ in types):
        scale = max(type_.scale for type_ in types if kinds.is_decimal(type_))
        return [part.cast(pa.decimal256(76, scale)) for part in parts]
    msg = f"counts of {' and '.join(sorted(map(str, types)))} values cannot be added"
    raise EvidenceError(msg)
