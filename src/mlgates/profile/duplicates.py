"""Values that occur again: how many rows, and the first of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.profile.column import ColumnView
from mlgates.profile.hashing import may_repeat
from mlgates.profile.lazy import lazy
from mlgates.profile.violations import (
    SHOWN,
    OfColumn,
    Views,
    Violations,
    first_true,
    need,
    readable,
)
from mlgates.tables import encoding

__all__ = ["Duplicated", "Duplicates"]

#: A table of flags is quicker than sorting when it has at most so many places a value.
_SPARSE = 8
_HEAD = 1024
#: Kinds whose values are compared in Arrow; the others are numbers.
_HASHED = frozenset({"string", "binary", "decimal"})

#: A numpy array, or a chunked array of Arrow.
Values: TypeAlias = Any


class _Part(NamedTuple):
    """Values of consecutive rows: where the first row is, and which rows have a value."""

    values: Values
    rows: npt.NDArray[np.intp] | None
    start: int


class Duplicates(Violations):
    """Rows whose value occurred before; the values are kept, so that states can be merged.

    Equal as `Violations` are, and in the values kept. Counted when first read.

    Parameters
    ----------
    parts : sequence of _Part
        Values in the order of the rows.
    """

    def __init__(self, parts: Sequence[_Part]) -> None:
        # The fields of a frozen dataclass: `count` and `rows` are computed when they are read.
        self.__dict__["parts"] = tuple(parts)
        self.__dict__["n"] = sum(len(part.values) for part in parts)

    parts: tuple[_Part, ...]

    @lazy
    def count(self) -> int:
        """Number of rows whose value occurred before."""
        return self._found[0]

    @lazy
    def rows(self) -> tuple[int, ...]:
        """Row numbers, from 0, of the first five of them."""
        count, first = self._found
        return tuple(self._rows[first].tolist()) if count else ()

    @lazy
    def _found(self) -> tuple[int, npt.NDArray[np.intp]]:
        if self.n == 0:
            return 0, np.empty(0, np.intp)
        values = self._values
        return _repeated(values) if isinstance(values, np.ndarray) else _repeated_texts(values)

    @lazy
    def _values(self) -> Values:
        values = [part.values for part in self.parts]
        return values[0] if len(values) == 1 else _joined(values)

    @property
    def _rows(self) -> npt.NDArray[np.intp]:
        rows = [
            part.start + (np.arange(len(part.values)) if part.rows is None else part.rows)
            for part in self.parts
        ]
        return np.concatenate(rows)

    def settle(self) -> None:
        """Do now what the first reading would do."""
        _ = self.rows

    def merge(self, other: Violations, shift: int) -> "Duplicates":
        """Duplicates among the rows of both; `shift` is the number of rows before `other`."""
        if not isinstance(other, Duplicates):
            msg = "duplicates add up only with the values kept by other duplicates"
            raise TypeError(msg)
        shifted = [part._replace(start=part.start + shift) for part in other.parts]
        return Duplicates((*self.parts, *shifted))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Duplicates):
            return NotImplemented
        if (self.n, self.count, self.rows) != (other.n, other.count, other.rows):
            return False
        if self.n == 0:
            return True
        return np.array_equal(self._rows, other._rows) and _equal(self._values, other._values)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Duplicates(count={self.count}, n={self.n}, rows={self.rows})"


@dataclass(frozen=True)
class Duplicated(OfColumn):
    """Rows beyond the first that have the same value; missing is no value.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> repeated = Duplicated("id")
    >>> Profile.of({"id": ["a", "b", "a", None, "a", None]}, [repeated])[repeated]
    Duplicates(count=2, n=4, rows=(2, 4))
    """

    def count(self, views: Views, native: object) -> Duplicates:
        """Duplicates of one batch."""
        del native
        view = readable(views[self.column])
        if view.field.kind == "nested":
            need(view, frozenset(), "equality")
        if view.valid == 0:
            return Duplicates(())
        rows = view.valid_rows if view.missing else None
        return Duplicates((_Part(_kept(view), rows, 0),))


def _kept(view: ColumnView) -> Values:
    """The values, in memory that nobody else can change."""
    if view.field.kind in _HASHED:
        return view.plain.drop_null() if view.nulls else view.plain
    values = view.values
    if values.dtype == np.bool_:
        return values.astype(np.int64)
    if values.dtype == np.uint64 and values.max() <= np.iinfo(np.int64).max:
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        # One zero.
        return values.astype(np.float64, copy=False) + 0.0
    return values.copy()


def _joined(values: list[Values]) -> Values:
    """Values one after another, in one type that holds all of them exactly."""
    arrays = [part for part in values if isinstance(part, np.ndarray)]
    if len(arrays) == len(values):
        unsigned = {part.dtype == np.uint64 for part in arrays}
        if len(unsigned) == 1:
            return np.concatenate(arrays)
        if all(part.min() >= 0 for part in arrays):
            return np.concatenate([part.astype(np.uint64) for part in arrays])
        values = [pa.chunked_array([part]).cast(pa.decimal128(20, 0)) for part in arrays]
    kinds = [part.type for part in values]
    if len(set(kinds)) > 1:
        values = [part.cast(_wide(kinds)) for part in values]
    return pa.chunked_array([chunk for part in values for chunk in part.chunks])


def _wide(types: list[pa.DataType]) -> pa.DataType:
    if all(map(pa.types.is_decimal, types)):
        return pa.decimal256(76, max(type_.scale for type_ in types))
    text = any(pa.types.is_string(type_) or pa.types.is_large_string(type_) for type_ in types)
    return pa.large_string() if text else pa.large_binary()


def _equal(a: Values, b: Values) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and np.array_equal(a, b)
    return bool(a.type == b.type and a.equals(b))


def _repeated(values: npt.NDArray[Any]) -> tuple[int, npt.NDArray[np.intp]]:
    """How many numbers occurred before, and the positions of the first five of them."""
    count = len(values) - _distinct(values)
    size = _HEAD
    while count:
        head = values[:size]
        order = np.argsort(head, kind="stable")
        ordered = head[order]
        repeats = order[1:][ordered[1:] == ordered[:-1]]
        if len(repeats) >= min(SHOWN, count):
            return count, np.sort(repeats)[:SHOWN]
        size *= 8
    return 0, np.empty(0, np.intp)


def _distinct(values: npt.NDArray[Any]) -> int:
    """Number of different values."""
    if values.dtype.kind != "f":
        low, high = int(values.min()), int(values.max())
        if high - low < _SPARSE * len(values):
            seen = np.zeros(high - low + 1, np.bool_)
            seen[_from_zero(values, low)] = True
            return int(np.count_nonzero(seen))
    ordered = np.sort(values)
    return 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


def _from_zero(values: npt.NDArray[Any], low: int) -> npt.NDArray[Any]:
    if values.dtype.itemsize < 8:
        values = values.astype(np.int64)
    return values if low == 0 else values - values.dtype.type(low)


def _repeated_texts(values: pa.ChunkedArray) -> tuple[int, npt.NDArray[np.intp]]:
    """How many texts (or decimals) occurred before, and the first five of them."""
    if pa.types.is_decimal(values.type):
        suspects = np.ones(len(values), np.bool_)
    else:
        suspects = may_repeat(values)
    if not suspects.all():
        values = values.filter(pa.array(suspects))
    encoded = encoding.encode(values)
    count = len(encoded) - len(encoded.dictionary)
    if count == 0:
        return 0, np.empty(0, np.intp)
    codes = encoded.indices.to_numpy()
    # New values get new, higher codes; a code that is no new maximum occurred before.
    repeats = 1 + first_true(codes[1:] <= np.maximum.accumulate(codes)[:-1])
    return count, np.flatnonzero(suspects)[repeats]
