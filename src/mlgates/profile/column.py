"""One column of one batch of rows: its values, its profile and its checksum."""

import dataclasses
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import from_numpy, scalar
from mlgates.errors import EvidenceError
from mlgates.tables import encoding
from mlgates.tables.encoding import as_bytes, byte_weights, bytes_sum, offsets_and_bytes
from mlgates.tables.exact import NANOSECONDS
from mlgates.tables.field import Field, stored_kind

__all__ = ["ColumnProfile", "ColumnView"]

#: Kinds whose values are stored as whole numbers: dates in days, other times in their unit.
WHOLE = frozenset({"int", "date", "time", "timestamp", "duration"})
#: Kinds whose values are numbers.
NUMBERS = frozenset({"int", "float", "decimal"})
#: Kinds whose values are strings of characters or bytes.
TEXTS = frozenset({"string", "binary"})
#: Types of the smallest and the largest value of a column.
Extreme = int | float | Decimal | bool

_WORD = (1 << 64) - 1
_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)
#: Factor of the checksum. It is less than 1, so that products stay finite. Its last bits are not 0,
#: so that products are rounded. One of 1,600 pairs of neighbouring doubles has equal products.
_SPREAD = float.fromhex("0x1.ffb0e44323406p-1")
_FOLD = np.uint64(31)
#: Numbers per block. The block and its working memory fit into the processor's cache. With smaller
#: blocks, threads would wait for each other.
_BLOCK = 1 << 15
#: Number of bits to drop from the last eight bytes of a string of 0, 1, ..., 7, and 8 or more
#: bytes. For an empty string, all 64 bits are shifted out.
_SURPLUS = np.arange(64, -1, -8).astype(np.uint64)
#: Strings per block. The block fits into the cache of a processor.
_TEXTS_BLOCK = 1 << 14


class Sweep(NamedTuple):
    """The values of a column of floats, with the results of reading them once.

    `sweep_together` creates one for each column, so that `ColumnView` need not read the values
    again.

    `floats` has all rows of the column, with NaN for a missing value. `low` and `high` are the
    smallest and the largest value, or NaN if the column has no value. `missing` is the number of
    missing values, and `checksum` is the checksum of the column, which does not depend on the order
    of the values.
    """

    floats: npt.NDArray[np.floating]
    low: float
    high: float
    missing: int
    checksum: int


class ColumnView:
    """One column of one batch of rows: its values, their extremes, and counts of missing values.

    Nulls and NaNs are missing values, and are counted separately. Infinities are not missing.

    Parameters
    ----------
    array : pyarrow.ChunkedArray or pyarrow.Array
        The column, in one of the few Arrow types to which `mlgates.tables.field` converts columns.
    field : Field
        Name and type of the column.
    sweep : Sweep, optional
        Result of `sweep_together` for a column of floats. By default it is computed.
    shown : int
        If values break a rule, this many of their row numbers are kept, at most: those of the first
        such rows. Default 5.

    Attributes
    ----------
    rows, nulls, nans, missing, valid : int
        Number of rows, of nulls, of NaN, of nulls and NaN, and of values.
    neg_inf, pos_inf : int
        Number of values that are -inf and inf.
    min, max : int, float, Decimal, bool or None
        Smallest and largest value, including infinities; times are whole numbers, as in `values`.
        None if there is no value, and for strings, binary and nested values.
    floats : numpy.ndarray
        All rows of a column of kind "float", NaN where missing.

    Examples
    --------
    >>> view = ColumnView(pa.array([2.5, None, float("nan"), -1.0]), Field("x", "float", "double"))
    >>> view.nulls, view.nans, view.min, view.max
    (1, 1, -1.0, 2.5)
    >>> view.values
    array([ 2.5, -1. ])
    """

    min: Extreme | None = None
    max: Extreme | None = None
    nans = neg_inf = pos_inf = 0

    def __init__(
        self,
        array: pa.ChunkedArray | pa.Array,
        field: Field,
        sweep: Sweep | None = None,
        shown: int = 5,
    ) -> None:
        self.shown = shown
        if not isinstance(array, pa.ChunkedArray):
            array = pa.chunked_array([array])
        self.array: pa.ChunkedArray = array
        self.field = field
        self.rows = len(array)
        self._mask: npt.NDArray[np.bool_] | None = None
        hides_nulls = field.kind == "nested" and bool(pa.types.is_union(array.type))
        if sweep is None and pa.types.is_dictionary(array.type):
            hides_nulls = any(chunk.dictionary.null_count for chunk in array.chunks)
        if hides_nulls:
            # The validity bitmap of the column does not include these nulls.
            self._mask = encoding.null_mask(self.plain)
            self.nulls = int(np.count_nonzero(self._mask))
        else:
            self.nulls = int(array.null_count)
        self.missing = self.nulls
        #: Kind of the values in Arrow. It differs from the field's kind for integers beyond 64
        #: bits, which are stored as decimals.
        self.stored = kind = stored_kind(field, array)
        if kind == "float":
            self.sweep = _sweep(encoding.to_floats(self.plain)) if sweep is None else sweep
            self.floats = self.sweep.floats
            self.missing = self.sweep.missing
            self.nans = self.missing - self.nulls
            if self.missing < self.rows:
                self.min, self.max = self.sweep.low, self.sweep.high
            if self.min == -np.inf:
                self.neg_inf = int(np.count_nonzero(self.floats == -np.inf))
            if self.max == np.inf:
                self.pos_inf = int(np.count_nonzero(self.floats == np.inf))
        elif kind in WHOLE or kind in {"decimal", "bool"}:
            numbers = encoding.to_whole_numbers(self.plain) if kind in WHOLE else self.plain
            span = pc.min_max(numbers)
            self.min, self.max = span["min"].as_py(), span["max"].as_py()
            if kind == "decimal" and field.kind == "int" and self.min is not None:
                self.min, self.max = int(self.min), int(self.max or 0)
        self.valid = self.rows - self.missing

    @cached_property
    def plain(self) -> pa.ChunkedArray:
        """The column as an Arrow array that is not dictionary-encoded, with all rows."""
        return encoding.decode(self.array)

    @property
    def given_type(self) -> pa.DataType:
        """The Arrow type that values of the column have when they are compared with constants.

        If the user's column has half floats, this is float16, although `plain` stores them as
        float32. A constant such as 0.1 is then rounded to a half float, too. Otherwise it is the
        type of `plain`.
        """
        is_half = self.field.kind == "float" and "halffloat" in self.field.type
        type_ = self.array.type  # (decoding strings takes long, if they repeat)
        type_ = type_.value_type if pa.types.is_dictionary(type_) else type_
        return pa.float16() if is_half else type_

    def aligned(self) -> pa.ChunkedArray:
        """Return one value per row as an Arrow array; null and NaN both become null.

        Examples
        --------
        >>> ColumnView(pa.array([1.5, float("nan")]), Field("x", "float", "double")).aligned()[1]
        <pyarrow.DoubleScalar: None>
        """
        if not self.nans:
            return self.plain
        mask = from_numpy(self.missing_mask())
        return pc.if_else(mask, scalar(None, self.plain.type), self.plain)

    def missing_mask(self) -> npt.NDArray[np.bool_]:
        """Return a mask, shape (rows,), that is true for rows with null or NaN."""
        if self._mask is None:
            if self.field.kind == "float":
                self._mask = np.asarray(np.isnan(self.floats))
            elif self.nulls == 0:
                self._mask = np.zeros(self.rows, np.bool_)
            else:
                self._mask = encoding.null_mask(self.array)
        return self._mask

    @cached_property
    def values(self) -> npt.NDArray[np.generic]:
        """The values that are not missing, shape (valid,), as a numpy array.

        Integers keep their width. Dates are converted to days since 1970, and times and durations
        to 64-bit integers in the unit of the column. Decimals are rounded to doubles. The array is
        a copy only if this is necessary. EvidenceError is raised for strings, binary and nested
        values.
        """
        kind = self.stored
        if kind == "float":
            return self.floats[~self.missing_mask()] if self.missing else self.floats
        if kind in WHOLE:
            numbers = encoding.to_numpy(encoding.to_whole_numbers(self.plain))
            return numbers if kind == "int" else numbers.astype(np.int64, copy=False)
        if kind == "decimal":
            return encoding.to_doubles(self.plain)
        if kind == "bool":
            return encoding.to_numpy(self.plain)
        if kind != "null":
            raise EvidenceError(f"column {self.field.name!r} must have numbers, got {kind} values")
        return np.empty(0)

    @cached_property
    def encoded(self) -> pa.DictionaryArray:
        """The column as a dictionary-encoded Arrow array; missing rows are null.

        The values of the dictionary are distinct, but some of them may occur in no row.
        """
        kind = self.field.kind
        if kind == "null":
            none = pa.nulls(self.rows, pa.int32())
            return pa.DictionaryArray.from_arrays(none, pa.nulls(0, pa.string()))
        if kind == "float":
            # Adding 0 turns -0.0 into 0.0; NaN becomes null.
            return from_numpy(self.floats + 0.0, self.missing_mask()).dictionary_encode()
        return encoding.encode(self.array if kind in TEXTS else self.plain)

    @property
    def is_encoded(self) -> bool:
        """Whether the column is already dictionary-encoded, so that `encoded` takes little time."""
        is_dictionary = pa.types.is_dictionary(self.array.type)
        return "encoded" in vars(self) or bool(self.field.kind in TEXTS and is_dictionary)

    @cached_property
    def codes(self) -> npt.NDArray[np.int32]:
        """Position of each row's value in the dictionary of `encoded`; -1 for a missing value."""
        return encoding.filled(self.encoded.indices, -1)

    @cached_property
    def code_counts(self) -> npt.NDArray[np.int64]:
        """Number of rows for each value of the dictionary of `encoded`, in its order."""
        size = len(self.encoded.dictionary)
        if not self.missing:
            return np.bincount(self.codes, minlength=size)
        return np.bincount(self.codes + 1, minlength=size + 1)[1:]  # missing rows have the code -1

    def checksum(self) -> int:
        """Return a checksum of the values, a sum modulo 2**64.

        The checksum does not depend on the width of numbers, on the order of the values, or on
        chunks. Whole numbers are added as 64-bit integers, times as nanoseconds, floats and
        decimals as doubles. The bits of each number are mixed first, because otherwise columns with
        the same sum would have the same checksum.

        The checksum of bools is the number of true values. A string or a binary value adds a number
        that is computed from its length, the sum of its bytes, and its last eight bytes in their
        order. So the order of the bytes before the last eight makes no difference. The checksum is
        0 for columns of any other kind.
        """
        kind = self.stored
        if kind == "float":
            return self.sweep.checksum
        if kind in WHOLE:
            scale = NANOSECONDS[self.field.unit] if self.field.unit else 1
            total = 0
            for chunk in encoding.to_whole_numbers(self.plain).chunks:
                for start in range(0, len(chunk), _BLOCK):
                    numbers = encoding.filled(chunk.slice(start, _BLOCK), 0)
                    if numbers.dtype != np.uint64:
                        numbers = numbers.astype(np.int64, copy=False)
                    total += mixed_sum(numbers.view(np.uint64), scale)
            return total & _WORD
        if kind == "bool":
            return int(pc.sum(self.plain).as_py() or 0)
        if kind == "decimal":
            return _sweep(self.values.astype(np.float64, copy=False)).checksum
        if kind in TEXTS and self.is_encoded and 2 * len(self.encoded.dictionary) <= self.rows:
            weights = _text_weights(self.encoded.dictionary)
            return int((weights * self.code_counts.astype(np.uint64)).sum())
        return _text_sum(self.plain) if kind in TEXTS else 0


def _sweep(floats: npt.NDArray[np.floating]) -> Sweep:
    """Compute the extremes, the number of NaNs and the checksum of floats in one pass.

    The floats are read in blocks, each of which fits into the processor's cache.
    """
    low, high, missing, total = np.nan, np.nan, 0, 0
    scratch = np.empty((2, min(len(floats), _BLOCK)), np.uint64)
    with np.errstate(invalid="ignore"):
        for start in range(0, len(floats), _BLOCK):
            block = floats[start : start + _BLOCK]
            least, greatest = np.minimum.reduce(block), np.maximum.reduce(block)
            if least != least:  # noqa: PLR0124  (NaN)
                gaps = np.isnan(block)
                missing += int(np.count_nonzero(gaps))
                least, greatest = np.fmin.reduce(block), np.fmax.reduce(block)
                # Replace NaN by 0, which adds nothing to a checksum.
                block = np.where(gaps, block.dtype.type(0), block)
            low, high = np.fmin(low, least), np.fmax(high, greatest)
            mixed = _mixed(block, scratch[0, : len(block)], scratch[1, : len(block)])
            # The dot product of integers is one pass over them, modulo 2**64.
            total += int(np.dot(mixed, mixed))
    # Adding 0 turns -0.0 into 0.0.
    return Sweep(floats, float(low) + 0.0, float(high) + 0.0, missing, total & _WORD)


def _mixed(
    values: npt.NDArray[Any], bits: npt.NDArray[np.uint64], out: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """Convert floats to doubles and mix their bits, for a checksum.

    The floats must not contain NaN. `bits` is the memory for intermediate results, and `out` that
    for the final results. `out` may be the memory of `values`.

    The result for a double ``x`` is ``p ^ (p >> 31)``, where ``p`` are the bits of the product ``b
    * x`` and ``b`` is a constant a little less than 1. The checksum of a column is the sum of the
    squares of these results, modulo 2**64. The product is rounded, and its exponent and sign are
    mixed into the lower bits. Different numbers with the same sum therefore have different
    checksums. Zeros add 0: the square of the result for -0 is a multiple of 2**64.
    """
    with np.errstate(invalid="ignore", under="ignore"):
        np.multiply(values, _SPREAD, out=bits.view(np.float64), dtype=np.float64)
    np.right_shift(bits, _FOLD, out=out)
    return np.bitwise_xor(bits, out, out=out)


def float_sums(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.uint64]:
    """Return one checksum for each row of a matrix of floats.

    Each row of the matrix has the values of one column of a table. Its checksum is the one that
    `ColumnView.checksum` computes for this column. If a row contains NaN, its checksum is
    meaningless.
    """
    bits, mixed = np.empty((2, *rows.shape), np.uint64)
    _mixed(rows, bits, mixed)
    np.multiply(mixed, mixed, out=mixed)
    return np.asarray(np.add.reduce(mixed, axis=1))


def mixed_sum(bits: npt.NDArray[np.uint64], scale: int = 1) -> int:
    """Return a checksum of 64-bit integers, a sum modulo 2**64.

    Each integer ``i`` is multiplied by `scale`: ``x = scale * i``. Then its bits are mixed: ``y = c
    * (x ^ (x >> 32))``, where ``c`` is an odd constant. The result is the sum of ``y * (y >> 32)``.
    All operations are modulo 2**64. Without the mixing, columns with the same sum would have the
    same checksum. The integer 0 adds 0. With a scale of 10**9, numbers of seconds are added as
    nanoseconds.
    """
    return int(np.dot(*_factors(bits if scale == 1 else bits * np.uint64(scale))))


def _factors(words: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], ...]:
    """Mix the bits of 64-bit integers; return the two factors of the products that are added up.

    They are ``y`` and ``y >> 32`` in the description of `mixed_sum`.
    """
    shifted = words >> _HALF
    mixed = np.bitwise_xor(words, shifted)
    mixed *= _MULTIPLIER
    return mixed, np.right_shift(mixed, _HALF, out=shifted)


def _text_sum(texts: pa.ChunkedArray) -> int:
    """Return the checksum of a column of strings or binary values.

    It is the sum of the numbers from `_text_weights`, modulo 2**64, over all values that are not
    null.
    """
    total = 0
    for part in texts.chunks:
        chunk = as_bytes(part)
        offsets, data = offsets_and_bytes(chunk)
        # The bytes of a null in Arrow can be any. A null without bytes adds 0, as an empty string.
        if chunk.null_count and len(data) != (pc.sum(pc.binary_length(chunk)).as_py() or 0):
            offsets, data = offsets_and_bytes(chunk.drop_null())
        total += bytes_sum(data)
        for row in range(0, len(offsets) - 1, _TEXTS_BLOCK):
            words = _last_eight_bytes(offsets[row : row + _TEXTS_BLOCK + 1], offsets[0], data)
            total += int(np.dot(*_factors(words)))
    return total % 2**64


def _text_weights(texts: pa.Array) -> npt.NDArray[np.uint64]:
    """Return for each string the number that it adds to the checksum of its column.

    The number is a sum of three terms: the sum of the bytes of the string, 2**32 times the number
    of bytes, and a number that is computed from the last eight bytes by mixing their bits. The
    order of the bytes before the last eight has no effect.

    Examples
    --------
    >>> len(set(_text_weights(pa.array(["listen", "silent", "enlist"])).tolist()))
    3
    """
    offsets, data = offsets_and_bytes(as_bytes(texts))
    words = _last_eight_bytes(offsets, offsets[0], data)
    return byte_weights(texts) + np.multiply(*_factors(words))


def _last_eight_bytes(
    offsets: npt.NDArray[np.integer], first: int, data: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint64]:
    """Return the last eight bytes of each string as an integer; of a shorter string all bytes.

    `data` has the bytes of all strings, one string after another. The first byte of string i is at
    position ``offsets[i] - first``.
    """
    # Copy only the bytes of these strings, and put eight zeros before them.
    begin, end = int(offsets[0] - first), int(offsets[-1] - first)
    padded = np.concatenate([np.zeros(8, np.uint8), data[begin:end]])
    words = np.ndarray((end - begin + 1,), "<u8", padded, strides=(1,))
    sizes = np.diff(offsets)
    least = int(sizes.min()) if len(sizes) else 0
    last: npt.NDArray[np.uint64]
    if least > 0 and least * len(sizes) == end - begin:
        # Strings of equal length end at equal distances, and are read in a third of the time.
        last = words[least::least].copy()
    else:
        last = words[offsets[1:] - offsets[0]]
    if least < 8:
        last >>= _SURPLUS.take(sizes, mode="clip")
    return last


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """Counts of rows and missing values, extremes and checksum of a column.

    A profile is computed for each batch of rows, and these profiles are merged into that of the
    whole column. `field` has its name and type. `rows`, `nulls`, `nans`, `neg_inf` and `pos_inf`
    are the numbers of rows, of nulls, of NaNs, of -inf and of inf. `missing` is the number of nulls
    and NaNs together, and `valid` the number of other rows. `checksum` is a number computed from
    all values, which does not depend on their order.

    `min` and `max` are the smallest and the largest value. They are None if there is no value, and
    for strings, binary and nested values. Dates are numbers of days since 1970-01-01. Other times
    are numbers of units of the column's type, such as microseconds: timestamps since 1970-01-01,
    times of day since midnight, and durations.

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
    #: Number of nulls and NaN.
    missing: int = dataclasses.field(init=False)
    #: Number of values.
    valid: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "missing", self.nulls + self.nans)
        object.__setattr__(self, "valid", self.rows - self.missing)

    @classmethod
    def of(cls, view: ColumnView) -> "ColumnProfile":
        """Return the profile of one column of one batch of rows, `view`."""
        counts = (view.rows, view.nulls, view.nans, view.neg_inf, view.pos_inf)
        return cls(view.field, *counts, view.min, view.max, view.checksum())

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same profile.

        They are plain values: name and type of the column, its counts, extremes and checksum.
        """
        field, *counts, low, high, checksum = dataclasses.astuple(self)[:_FIELDS]
        # A decimal is written as a tuple with its string.
        ends = [(str(end),) if isinstance(end, Decimal) else end for end in (low, high)]
        return field, *counts, *ends, checksum - (checksum >> 63 << 64)  # as 64 bits with a sign

    @classmethod
    def from_parts(cls, *parts: Any) -> "ColumnProfile":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        field, *counts, low, high, checksum = parts
        ends = [Decimal(*end) if isinstance(end, tuple) else end for end in (low, high)]
        return cls(Field(*field), *counts, *ends, checksum & _WORD)  # type: ignore[call-arg]

    @property
    def infinite(self) -> int:
        """Number of values that are inf or -inf."""
        return self.neg_inf + self.pos_inf

    def merge(self, other: "ColumnProfile") -> "ColumnProfile":
        """Return the profile of the rows of both profiles together.

        `merge_fields` determines the type of the result, and raises EvidenceError for types that
        cannot be merged. If one profile has integers and the other floats, the result has floats,
        because many libraries read a column of integers as floats if a value is missing. In this
        case, the checksum of the result differs from the checksum of one column of floats with the
        same values.
        """
        field = merge_fields(self.field, other.field)
        low = min((x for x in (self.min, other.min) if x is not None), default=None)
        high = max((x for x in (self.max, other.max) if x is not None), default=None)
        if field.kind == "float":
            low, high = (None if end is None else float(end) for end in (low, high))
        return replace(
            self,
            field=field,
            rows=self.rows + other.rows,
            nulls=self.nulls + other.nulls,
            nans=self.nans + other.nans,
            neg_inf=self.neg_inf + other.neg_inf,
            pos_inf=self.pos_inf + other.pos_inf,
            min=low,
            max=high,
            checksum=(self.checksum + other.checksum) & _WORD,
        )


_FIELDS = sum(field.init for field in dataclasses.fields(ColumnProfile))


def merge_fields(a: Field, b: Field) -> Field:
    """Return the name and type of a column that is merged from columns of two tables.

    If one of the columns has only missing values (its kind is "null"), the result has the kind of
    the other. Two different kinds of numbers become floats, or decimals if neither of them is
    float. EvidenceError is raised for any other pair of different kinds.
    """
    if a.kind == "null":
        return replace(b, name=a.name)
    if b.kind == "null":
        return a
    if a.kind != b.kind and {a.kind, b.kind} <= NUMBERS:
        widest = max(a, b, key=lambda field: ("int", "decimal", "float").index(field.kind))
        return replace(widest, name=a.name)
    if a.kind != b.kind:
        raise EvidenceError(
            f"profiles cannot be merged: column {a.name!r} has {a.kind} values ({a.type}) "
            f"in one and {b.kind} values ({b.type}) in the other"
        )
    if (a.unit, a.zone is None) != (b.unit, b.zone is None):
        raise EvidenceError(
            f"profiles cannot be merged: column {a.name!r} has type {a.type} in one and {b.type} "
            "in the other; cast both to one unit, both with or both without a time zone"
        )
    return a
