"""Count the rows whose value in a column also occurs in an earlier row."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import from_numpy
from mlgates.profile.counter import BatchView, ColumnCounter, State
from mlgates.profile.counters import COMPARABLE, SHOWN, first_true, require_kind
from mlgates.profile.distributions import concatenated
from mlgates.tables import encoding
from mlgates.tables.hashing import text_hashes

__all__ = ["Duplicated", "Duplicates"]

#: Repeated integers are found with an array of flags, one per possible value, if it has at most
#: this many flags per value of the column; otherwise the values are sorted, which takes longer.
_SPARSE = 8
_HEAD = 1024
#: Stands for the row number of a part's first row if that number is not known.
_UNKNOWN = -1
#: Kinds whose values are compared in Arrow; values of other kinds are numbers.
_HASHED = frozenset({"string", "binary", "decimal"})

#: A numpy array, or a chunked array of Arrow.
Values: TypeAlias = Any
Positions: TypeAlias = npt.NDArray[np.intp]


class _Part(NamedTuple):
    """The values of one column in some consecutive rows.

    `rows` has for each value its position among these rows, from 0. It is None if no value is
    missing. `start` is the row number, in the whole table, of the first of these rows. It is -1 if
    row numbers are not known.
    """

    values: Values
    rows: Positions | None
    start: int


class Duplicates(State):
    """How many rows repeat a value of an earlier row, and which are the first five of them.

    `Duplicated` returns this object. `n` is the number of values that are not missing. All values
    are kept, because a value can be repeated in rows that are merged later. The repetitions are
    counted when `count` or `rows` is first read.
    """

    #: Always 0. It exists because gates read this attribute of `Violations`, and treat objects of
    #: both classes in the same way.
    alike = 0

    def __init__(self, *parts: _Part) -> None:
        self._parts = parts
        #: Number of values.
        self.n = sum(len(part.values) for part in parts)

    @property
    def count(self) -> int:
        """Number of rows that repeat a value of an earlier row."""
        return self._repeats[0]

    @property
    def rows(self) -> tuple[int, ...]:
        """Row numbers, from 0, of the first five rows that repeat an earlier value."""
        return self._repeats[1]

    @property
    def _is_unordered(self) -> bool:
        return any(part.start == _UNKNOWN for part in self._parts)

    @cached_property
    def _repeats(self) -> tuple[int, tuple[int, ...]]:
        if self.n == 0:
            return 0, ()
        values = self._values()
        repeated = _repeated_numbers if isinstance(values, np.ndarray) else _repeated_texts
        count, first = repeated(values)
        if self._is_unordered:
            return count, ()
        return count, tuple(self._rows()[first].tolist()) if count else ()

    def _values(self) -> Values:
        """Return all values in one array, of a type that represents each value exactly."""
        values = [part.values for part in self._parts]
        if len(values) == 1:
            return values[0]
        arrays = [part for part in values if isinstance(part, np.ndarray)]
        if len(arrays) == len(values):
            if len({part.dtype == np.uint64 for part in arrays}) == 1 or any(
                part.dtype.kind == "f" for part in arrays
            ):
                whole = [x.astype(np.int64) if x.dtype.kind in "bi" else x for x in arrays]
                return concatenated(whole)
            if all(part.min() >= 0 for part in arrays):
                return np.concatenate([part.astype(np.uint64) for part in arrays])
            values = [
                pa.chunked_array([from_numpy(part)]).cast(pa.decimal128(20, 0)) for part in arrays
            ]
        types, kinds = {part.type for part in values}, pa.types
        if len(types) > 1:
            if all(map(kinds.is_decimal, types)):
                wide = pa.decimal256(76, max(type_.scale for type_ in types))
            elif any(kinds.is_string(type_) or kinds.is_large_string(type_) for type_ in types):
                wide = pa.large_string()
            else:
                wide = pa.large_binary()
            values = [part.cast(wide) for part in values]
        return pa.chunked_array([chunk for part in values for chunk in part.chunks])

    def _rows(self) -> Positions:
        """Return the row number of each value."""
        rows = [
            part.start + (np.arange(len(part.values)) if part.rows is None else part.rows)
            for part in self._parts
        ]
        return np.concatenate(rows)

    def finalize(self) -> None:
        """Count the repeated values now instead of when `count` or `rows` is first read."""
        _ = self._repeats

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        There is one tuple for each merged part of the table: the values, their positions (None if
        all rows have a value), and the number of the part's first row.
        """
        return self._parts

    @classmethod
    def from_parts(cls, *parts: Any) -> "Duplicates":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        return cls(
            *(
                _Part(x if isinstance(x, np.ndarray) else pa.chunked_array([x]), rows, start)
                for x, rows, start in parts
            )
        )

    def merge(self, other: State, shift: int) -> "Duplicates":
        """Return the result for the rows of `self` followed by the rows of `other`.

        `shift` is the number of rows that `self` covers. It is added to the row numbers of `other`.
        """
        if not isinstance(other, Duplicates):
            raise TypeError(
                f"Duplicates can be merged with Duplicates only, got {type(other).__name__}"
            )
        parts = (
            part if part.start == _UNKNOWN else part._replace(start=part.start + shift)
            for part in other._parts  # noqa: SLF001
        )
        merged = Duplicates()
        merged._parts = (*self._parts, *parts)
        merged.n = self.n + other.n
        return merged

    def unordered(self) -> "Duplicates":
        """Return a copy without row numbers.

        Such copies can be merged with each other in any order.
        """
        return Duplicates(*(part._replace(rows=None, start=_UNKNOWN) for part in self._parts))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Duplicates):
            return NotImplemented
        if (self.n, self.count, self.rows) != (other.n, other.count, other.rows):
            return False
        if self.n == 0:
            return True
        ours, theirs = self._values(), other._values()
        if type(ours) is not type(theirs) or self._is_unordered != other._is_unordered:
            return False
        if self._is_unordered:
            arrays = isinstance(ours, np.ndarray)
            ours, theirs = (
                np.sort(side) if arrays else pa.chunked_array([side.take(pc.sort_indices(side))])
                for side in (ours, theirs)
            )
        elif not np.array_equal(self._rows(), other._rows()):
            return False
        return np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs

    def __repr__(self) -> str:
        return f"Duplicates(count={self.count}, n={self.n}, rows={self.rows})"


@dataclass(frozen=True)
class Duplicated(ColumnCounter):
    """Count the rows that repeat a value of an earlier row in one column.

    Missing values are never counted as repetitions.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> repeated = Duplicated("id")
    >>> Profile.of({"id": ["a", "b", "a", None, "a", None]}, [repeated])[repeated]
    Duplicates(count=2, n=4, rows=(2, 4))
    """

    compares_rows: ClassVar[bool] = True

    def count(self, batch: BatchView) -> Duplicates:
        """Return a `Duplicates` object with the values of one batch of rows.

        Numbers are copied, so that later changes of the user's table have no effect.
        """
        view = require_kind(batch[self.column], COMPARABLE, "tested for equality")
        if view.valid == 0:
            return Duplicates()
        rows = np.flatnonzero(~view.missing_mask()) if view.missing else None
        if view.stored in _HASHED:
            return Duplicates(_Part(view.plain.drop_null() if view.nulls else view.plain, rows, 0))
        values: npt.NDArray[Any] = view.values
        small = values.dtype == np.uint64 and values.max() <= np.iinfo(np.int64).max
        if small or values.dtype == np.bool_:
            values = values.astype(np.int64)
        elif values.dtype.kind == "f":
            # Adding 0 turns -0.0 into 0.0.
            values = values.astype(np.float64, copy=False) + 0.0
        else:
            values = values.copy()
        return Duplicates(_Part(values, rows, 0))


def _repeated_numbers(values: npt.NDArray[Any]) -> tuple[int, Positions]:
    """Count the numbers that occurred earlier in the array.

    Returns this count, and the positions of the first five such numbers.
    """
    whole = values.dtype.kind != "f"
    low, high = (int(values.min()), int(values.max())) if whole else (0, 0)
    if whole and high - low < _SPARSE * len(values):
        seen = np.zeros(high - low + 1, np.bool_)
        wide = values.astype(np.int64) if values.dtype.itemsize < 8 else values
        seen[wide - wide.dtype.type(low) if low else wide] = True
        distinct = int(np.count_nonzero(seen))
    else:
        ordered = np.sort(values)
        distinct = 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))
    count, size = len(values) - distinct, _HEAD
    while count:
        head = values[:size]
        order = np.argsort(head, kind="stable")
        ordered = head[order]
        repeats = order[1:][ordered[1:] == ordered[:-1]]
        if len(repeats) >= min(SHOWN, count):
            return count, np.sort(repeats)[:SHOWN]
        size *= 8
    return 0, np.empty(0, np.intp)


def _repeated_texts(values: pa.ChunkedArray) -> tuple[int, Positions]:
    """Count the strings or decimals that occurred earlier in the array.

    Returns this count, and the positions of the first five such values.
    """
    if pa.types.is_decimal(values.type):
        suspects = np.ones(len(values), np.bool_)
    else:
        suspects = _may_repeat(values)
    if not suspects.all():
        values = values.filter(from_numpy(suspects))
    encoded = encoding.encode(values)
    count = len(encoded) - len(encoded.dictionary)
    if count == 0:
        return 0, np.empty(0, np.intp)
    codes = encoding.filled(encoded.indices, -1)
    # Codes are given in order of first appearance. So a code that is not larger than all codes
    # before it belongs to a repeated value.
    repeats = 1 + first_true(codes[1:] <= np.maximum.accumulate(codes)[:-1])
    return count, np.flatnonzero(suspects)[repeats]


def _may_repeat(texts: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return for each string whether another string has the same hash.

    The result is a bool mask. Equal strings have equal hashes, so where the mask is False, the
    string occurs only once. Where it is True, the string may be repeated. `texts` must not contain
    nulls.

    Examples
    --------
    >>> _may_repeat(pa.chunked_array([["a", "b"], ["a", "c"]]))
    array([ True, False,  True, False])
    """
    hashes = text_hashes(texts)
    ordered = np.sort(hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated) == 0:
        return np.zeros(len(texts), np.bool_)
    return np.isin(hashes, repeated)
