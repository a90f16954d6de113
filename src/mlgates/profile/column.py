"""One column: what is read off it once, and what is kept of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.profile.hashing import BLOCK, float_sum, mixed_sum, text_sum, text_weights
from mlgates.profile.lazy import lazy
from mlgates.stats.counting import in_order
from mlgates.tables import encoding
from mlgates.tables.exact import NANOSECONDS
from mlgates.tables.field import Field

__all__ = ["TEXTS", "WHOLE", "ColumnProfile", "ColumnView", "Extreme", "Swept"]

#: Kinds whose values are whole numbers: dates in days, the others in their unit.
WHOLE = frozenset({"int", "date", "time", "timestamp", "duration"})
#: Kinds whose values are strings of characters or bytes.
TEXTS = frozenset({"string", "binary"})
#: What the smallest and the largest value of a column can be.
Extreme = int | float | Decimal | bool

_WORD = (1 << 64) - 1


class Swept(NamedTuple):
    """Extremes of a float column (NaN where it has no value), missing rows, and its checksum."""

    low: float
    high: float
    missing: int
    checksum: int


class ColumnView:
    """One column of one batch; whatever is derived from it is computed when asked for, and once.

    Missing is null or NaN, counted apart. Infinite values are values.

    Parameters
    ----------
    array : pyarrow.ChunkedArray or pyarrow.Array
        The column as the source normalised it.
    field : Field
        What the source says of it.

    Examples
    --------
    >>> view = ColumnView(pa.array([2.5, None, float("nan"), -1.0]), Field("x", "float", "double"))
    >>> view.nulls, view.nans, view.min, view.max
    (1, 1, -1.0, 2.5)
    >>> view.values
    array([ 2.5, -1. ])
    """

    def __init__(self, array: pa.ChunkedArray | pa.Array, field: Field) -> None:
        whole = isinstance(array, pa.ChunkedArray)
        self.array: pa.ChunkedArray = array if whole else pa.chunked_array([array])
        self.field = field

    @property
    def rows(self) -> int:
        """Number of rows, missing ones too."""
        return len(self.array)

    @lazy
    def plain(self) -> pa.ChunkedArray:
        """The column as its values, without a dictionary."""
        return encoding.decode(self.array)

    @lazy
    def nulls(self) -> int:
        """Number of nulls."""
        if self._has_hidden_nulls:
            return int(np.count_nonzero(encoding.is_null(self.plain)))
        return int(self.array.null_count)

    @lazy
    def _has_hidden_nulls(self) -> bool:
        """Whether there are nulls that no validity bitmap of the column tells."""
        if pa.types.is_dictionary(self.array.type):
            return any(chunk.dictionary.null_count for chunk in self.array.chunks)
        return bool(pa.types.is_union(self.array.type))

    @lazy
    def nans(self) -> int:
        """Number of NaN."""
        return self.swept.missing - self.nulls if self.field.kind == "float" else 0

    @property
    def missing(self) -> int:
        """Number of nulls and NaN."""
        return self.nulls + self.nans

    @property
    def valid(self) -> int:
        """Number of values."""
        return self.rows - self.missing

    def missing_mask(self) -> npt.NDArray[np.bool_]:
        """Which rows are missing."""
        return self._missing_mask

    @lazy
    def _missing_mask(self) -> npt.NDArray[np.bool_]:
        if self.field.kind == "float":
            return np.asarray(np.isnan(self.floats))
        if self._has_hidden_nulls:
            return encoding.is_null(self.plain)
        if self.nulls == 0:
            return np.zeros(self.rows, np.bool_)
        return encoding.is_null(self.array)

    @lazy
    def valid_rows(self) -> npt.NDArray[np.intp]:
        """Row numbers of the values, in order."""
        return np.flatnonzero(~self.missing_mask())

    @lazy
    def floats(self) -> npt.NDArray[np.floating]:
        """A column of kind "float" at full length, NaN where it is missing."""
        return encoding.to_floats(self.plain)

    @lazy
    def whole_numbers(self) -> pa.ChunkedArray:
        """A column of whole numbers or times as integers, nulls kept."""
        return encoding.to_whole_numbers(self.plain)

    @lazy
    def values(self) -> npt.NDArray[np.generic]:
        """The values that are not missing; no copy is made where none is needed.

        Integers keep their width; times are 64-bit counts of their unit, dates are days; decimals
        are rounded to double precision.
        """
        kind = self.field.kind
        if kind == "float":
            return self.floats[~self._missing_mask] if self.missing else self.floats
        if kind == "int":
            return encoding.to_numpy(self.whole_numbers)
        if kind in WHOLE:
            return encoding.to_numpy(self.whole_numbers).astype(np.int64, copy=False)
        if kind == "decimal":
            return encoding.to_doubles(self.plain)
        if kind == "bool":
            return encoding.to_numpy(self.plain)
        if kind == "null":
            return np.empty(0)
        msg = f"column {self.field.name!r} holds {kind} values: they are no numbers"
        raise EvidenceError(msg)

    @lazy
    def ordered(self) -> npt.NDArray[Any]:
        """The values as numbers, sorted, as of `mlgates.stats.counting.in_order`."""
        return in_order(self.values)

    @property
    def is_ordered(self) -> bool:
        """Whether reading `ordered` costs nothing: it is there already."""
        return "ordered" in self.__dict__

    @lazy
    def encoded(self) -> pa.DictionaryArray:
        """The column as one dictionary without repeated values; missing rows are null.

        Values that no row has may be in the dictionary.
        """
        kind = self.field.kind
        if kind == "null":
            none = pa.nulls(self.rows, pa.int32())
            return pa.DictionaryArray.from_arrays(none, pa.array([], pa.string()))
        if kind == "float":
            # One zero; and NaN is missing, not a value.
            return pa.array(self.floats + 0.0, from_pandas=True).dictionary_encode()
        return encoding.encode(self.array if kind in TEXTS else self.plain)

    @property
    def is_encoded(self) -> bool:
        """Whether reading `encoded` costs next to nothing: it is there already."""
        if "encoded" in self.__dict__:
            return True
        return self.field.kind in TEXTS and bool(pa.types.is_dictionary(self.array.type))

    @lazy
    def codes(self) -> npt.NDArray[np.int32]:
        """Position of each row's value in the dictionary of `encoded`; -1 where missing."""
        codes: npt.NDArray[np.int32] = self.encoded.indices.fill_null(-1).to_numpy()
        return codes

    @lazy
    def code_counts(self) -> npt.NDArray[np.int64]:
        """How many rows have each value of the dictionary of `encoded`."""
        size = len(self.encoded.dictionary)
        if self.encoded.null_count:
            return np.bincount(self.codes + 1, minlength=size + 1)[1:]
        return np.bincount(self.codes, minlength=size)

    @lazy
    def is_ascii(self) -> bool:
        """Whether every text is pure ASCII; False may also come from what no row shows."""
        return encoding.is_ascii(self.encoded.dictionary if self.is_encoded else self.array)

    @lazy
    def swept(self) -> Swept:
        """What one pass over a column of kind "float" tells.

        Blocks stay in the processor's cache meanwhile.
        """
        low, high, missing, total = np.nan, np.nan, 0, 0
        scratch = np.empty((2, min(self.rows, BLOCK)), np.uint64)
        with np.errstate(invalid="ignore"):
            for start in range(0, self.rows, BLOCK):
                block = self.floats[start : start + BLOCK]
                least, greatest = np.minimum.reduce(block), np.maximum.reduce(block)
                if least != least:  # noqa: PLR0124  (NaN)
                    gaps = np.isnan(block)
                    missing += int(np.count_nonzero(gaps))
                    least, greatest = np.fmin.reduce(block), np.fmax.reduce(block)
                    # 0 adds nothing to a checksum.
                    block = np.where(gaps, block.dtype.type(0), block)
                low, high = np.fmin(low, least), np.fmax(high, greatest)
                total += float_sum(block, scratch)
        return Swept(float(low) + 0.0, float(high) + 0.0, missing, total & _WORD)

    @lazy
    def _extremes(self) -> tuple[Extreme | None, Extreme | None]:
        kind = self.field.kind
        if self.valid == 0:
            return (None, None)
        if kind == "float":
            return (self.swept.low, self.swept.high)
        if kind in WHOLE or kind in {"decimal", "bool"}:
            span = pc.min_max(self.whole_numbers if kind in WHOLE else self.plain)
            return (span["min"].as_py(), span["max"].as_py())
        return (None, None)

    @property
    def min(self) -> Extreme | None:
        """Smallest value, -inf among them; None without values and for texts and nested values.

        Times are whole numbers, as in `values`.
        """
        return self._extremes[0]

    @property
    def max(self) -> Extreme | None:
        """Largest value, inf among them; None without values and for texts and nested values."""
        return self._extremes[1]

    @lazy
    def neg_inf(self) -> int:
        """Number of values that are -inf."""
        if self.field.kind != "float" or self.min != -np.inf:
            return 0
        return int(np.count_nonzero(self.floats == -np.inf))

    @lazy
    def pos_inf(self) -> int:
        """Number of values that are inf."""
        if self.field.kind != "float" or self.max != np.inf:
            return 0
        return int(np.count_nonzero(self.floats == np.inf))

    @lazy
    def checksum(self) -> int:
        """Sum of the values' bits, mixed, modulo 2**64, whatever their width, order and chunks.

        Whole numbers as 64-bit integers, times as nanoseconds, floats and decimals in double
        precision: each number's bits are mixed, so that sets of equal sums differ. Bools by
        the number of those that are true. Texts by the sum of their bytes, their lengths and their
        last eight bytes, so that longer texts whose earlier bytes change places are not told apart.
        0 for all other kinds.
        """
        kind = self.field.kind
        if kind in WHOLE:
            scale = NANOSECONDS[self.field.unit] if self.field.unit else 1
            return sum(mixed_sum(part, scale) for part in self._words()) & _WORD
        if kind == "bool":
            return int(pc.sum(self.plain).as_py() or 0)
        if kind == "float":
            return self.swept.checksum
        if kind == "decimal":
            return float_sum(self.values)
        if kind in TEXTS and self.is_encoded and 2 * len(self.encoded.dictionary) <= self.rows:
            weights = text_weights(self.encoded.dictionary)
            return int((weights * self.code_counts.astype(np.uint64)).sum())
        return text_sum(self.plain) if kind in TEXTS else 0

    def _words(self) -> Iterator[npt.NDArray[np.uint64]]:
        """Whole numbers as 64-bit words, 0 where they are null, a few at a time."""
        for chunk in self.whole_numbers.chunks:
            for start in range(0, len(chunk), BLOCK):
                part = chunk.slice(start, BLOCK)
                numbers = encoding.filled(part, 0)
                unsigned = numbers.dtype == np.uint64
                whole = numbers if unsigned else numbers.astype(np.int64, copy=False)
                yield whole.view(np.uint64)


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What is known of every profiled column.

    Parameters
    ----------
    field : Field
        Name, kind and type.
    rows, nulls, nans, neg_inf, pos_inf : int
        How many rows there are, and how many of them are null, NaN, -inf and inf.
    min, max : int, float, Decimal, bool or None
        Smallest and largest value. Times are whole numbers of their unit, dates are days since
        1970-01-01. None without values, and for kinds that are not ordered here (texts, nested).
    checksum : int
        Sum of the values' bits, mixed, modulo 2**64.

    Examples
    --------
    >>> field = Field("x", "float", "double")
    >>> a, b = (ColumnProfile.of(ColumnView(pa.array(x), field)) for x in ([1.0, None], [7.5]))
    >>> both = a.merge(b)
    >>> both.rows, both.missing, both.valid, both.max
    (3, 1, 2, 7.5)
    """

    field: Field
    rows: int
    nulls: int
    nans: int
    neg_inf: int
    pos_inf: int
    min: Extreme | None
    max: Extreme | None
    checksum: int

    @classmethod
    def of(cls, view: ColumnView) -> "ColumnProfile":
        """Profile of one column of one batch."""
        return cls(
            field=view.field,
            rows=view.rows,
            nulls=view.nulls,
            nans=view.nans,
            neg_inf=view.neg_inf,
            pos_inf=view.pos_inf,
            min=view.min,
            max=view.max,
            checksum=view.checksum,
        )

    @property
    def missing(self) -> int:
        """Number of nulls and NaN."""
        return self.nulls + self.nans

    @property
    def valid(self) -> int:
        """Number of values that are not missing."""
        return self.rows - self.missing

    @property
    def infinite(self) -> int:
        """Number of values that are inf or -inf."""
        return self.neg_inf + self.pos_inf

    def merge(self, other: "ColumnProfile") -> "ColumnProfile":
        """Profile of the rows of both; EvidenceError when they hold different kinds of values."""
        return replace(
            self,
            field=merge_fields(self.field, other.field),
            rows=self.rows + other.rows,
            nulls=self.nulls + other.nulls,
            nans=self.nans + other.nans,
            neg_inf=self.neg_inf + other.neg_inf,
            pos_inf=self.pos_inf + other.pos_inf,
            min=min((x for x in (self.min, other.min) if x is not None), default=None),
            max=max((x for x in (self.max, other.max) if x is not None), default=None),
            checksum=(self.checksum + other.checksum) & _WORD,
        )


def merge_fields(a: Field, b: Field) -> Field:
    """The field of the rows of both; a column of nulls alone goes with any other."""
    if a.kind == "null":
        return replace(b, name=a.name)
    if b.kind == "null":
        return a
    if a.kind != b.kind:
        msg = (
            f"profiles cannot be merged: column {a.name!r} holds {a.kind} values ({a.type}) "
            f"in one and {b.kind} values ({b.type}) in the other"
        )
        raise EvidenceError(msg)
    if (a.unit, a.zone is None) != (b.unit, b.zone is None):
        msg = (
            f"profiles cannot be merged: the {a.kind} values of column {a.name!r} are {a.type} "
            f"in one and {b.type} in the other; cast them to one unit, with or without a zone"
        )
        raise EvidenceError(msg)
    return a
