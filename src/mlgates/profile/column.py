"""One column of a batch, and the profile that is kept of every column."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.profile.hashing import BLOCK, float_sum, float_sums, mixed_sum, text_sum, text_weights
from mlgates.stats.counting import in_order
from mlgates.tables import encoding
from mlgates.tables.exact import NANOSECONDS
from mlgates.tables.field import Field
from mlgates.tables.threads import each, threads_for

__all__ = [
    "TEXTS",
    "WHOLE",
    "ColumnProfile",
    "ColumnView",
    "Extreme",
    "Sweep",
    "merge_fields",
    "sweep_together",
]

#: Kinds whose values are whole numbers: dates in days, the others in their unit.
WHOLE = frozenset({"int", "date", "time", "timestamp", "duration"})
#: Kinds whose values are strings of characters or bytes.
TEXTS = frozenset({"string", "binary"})
#: What the smallest and the largest value of a column can be.
Extreme = int | float | Decimal | bool

_WORD = (1 << 64) - 1
#: Values of a matrix of columns: they stay in a processor's cache, and a call takes long enough for
#: threads.
_MATRIX = 1 << 16
#: From so many values on, threads gain more than they cost.
_MANY_VALUES = 1 << 19


class Sweep(NamedTuple):
    """A column of floats at full length, NaN where it is missing, and what one pass gives.

    The extremes are NaN where it has no value. The sorted values are there where they were sorted
    in the same pass.
    """

    floats: npt.NDArray[np.floating]
    low: float
    high: float
    missing: int
    checksum: int
    sorted_values: npt.NDArray[Any] | None = None


class ColumnView:
    """One column of one batch: its missing cells and extremes, and its values in several forms.

    Missing is null or NaN, counted apart. Infinite values are values.
    The array is the column as the source normalised it; a sweep is given for a column of floats
    that `sweep_together` read.

    Attributes
    ----------
    rows, nulls, nans, missing, valid : int
        Number of rows; of nulls and NaN, and both; of values.
    neg_inf, pos_inf : int
        Number of values that are -inf and inf.
    min, max : int, float, Decimal, bool or None
        Smallest and largest value, infinities too; times are whole numbers, as in `values`. None
        without values and for texts and nested values.
    floats : numpy.ndarray
        A column of kind "float" at full length, NaN where it is missing.
    sorted_values : numpy.ndarray or None
        The sorted values, where they are known already.

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
    ) -> None:
        if not isinstance(array, pa.ChunkedArray):
            array = pa.chunked_array([array])
        self.array: pa.ChunkedArray = array
        self.field = field
        self.sorted_values = None if sweep is None else sweep.sorted_values
        self.rows = len(array)
        self._plain: pa.ChunkedArray | None = None
        self._mask: npt.NDArray[np.bool_] | None = None
        self._values: npt.NDArray[np.generic] | None = None
        self._encoded: pa.DictionaryArray | None = None
        self._codes: npt.NDArray[np.int32] | None = None
        self._code_counts: npt.NDArray[np.int64] | None = None
        # Nulls that no validity bitmap of the column shows.
        self._hides_nulls = bool(pa.types.is_union(array.type))
        if pa.types.is_dictionary(array.type):
            self._hides_nulls = any(chunk.dictionary.null_count for chunk in array.chunks)
        if self._hides_nulls:
            self._mask = encoding.is_null(self.plain)
            self.nulls = int(np.count_nonzero(self._mask))
        else:
            self.nulls = int(array.null_count)
        self.missing = self.nulls
        kind = field.kind
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
            numbers = self.whole_numbers() if kind in WHOLE else self.plain
            span = pc.min_max(numbers)
            self.min, self.max = span["min"].as_py(), span["max"].as_py()
        self.valid = self.rows - self.missing

    @property
    def plain(self) -> pa.ChunkedArray:
        """The column as its values, without a dictionary."""
        if self._plain is None:
            self._plain = encoding.decode(self.array)
        return self._plain

    def aligned(self) -> pa.ChunkedArray:
        """Return one plain value a row, null where it is missing: NaN is null here.

        Examples
        --------
        >>> ColumnView(pa.array([1.5, float("nan")]), Field("x", "float", "double")).aligned()[1]
        <pyarrow.DoubleScalar: None>
        """
        if not self.nans:
            return self.plain
        mask = pa.array(self.missing_mask())
        return pc.if_else(mask, pa.scalar(None, self.plain.type), self.plain)

    def missing_mask(self) -> npt.NDArray[np.bool_]:
        """Return which rows are missing."""
        if self._mask is None:
            if self.field.kind == "float":
                self._mask = np.asarray(np.isnan(self.floats))
            elif self.nulls == 0:
                self._mask = np.zeros(self.rows, np.bool_)
            else:
                self._mask = encoding.is_null(self.array)
        return self._mask

    def whole_numbers(self) -> pa.ChunkedArray:
        """Return a column of whole numbers or times as integers, nulls kept."""
        return encoding.to_whole_numbers(self.plain)

    @property
    def values(self) -> npt.NDArray[np.generic]:
        """The values that are not missing; no copy is made where none is needed.

        Integers keep their width; times are 64-bit counts of their unit, dates are days; decimals
        are rounded to double precision.
        """
        if self._values is None:
            kind = self.field.kind
            if kind == "float":
                self._values = self.floats[~self.missing_mask()] if self.missing else self.floats
            elif kind in WHOLE:
                numbers = encoding.to_numpy(self.whole_numbers())
                times = kind != "int"
                self._values = numbers.astype(np.int64, copy=False) if times else numbers
            elif kind == "decimal":
                self._values = encoding.to_doubles(self.plain)
            elif kind == "bool":
                self._values = encoding.to_numpy(self.plain)
            elif kind == "null":
                self._values = np.empty(0)
            else:
                msg = f"column {self.field.name!r} holds {kind} values: they are no numbers"
                raise EvidenceError(msg)
        return self._values

    def in_order(self) -> npt.NDArray[Any]:
        """Return the values as numbers, sorted, as of `mlgates.stats.counting.in_order`."""
        if self.sorted_values is None:
            self.sorted_values = in_order(self.values)
        return self.sorted_values

    @property
    def encoded(self) -> pa.DictionaryArray:
        """The column as one dictionary without repeated values; missing rows are null.

        Values that no row has may be in the dictionary.
        """
        if self._encoded is None:
            kind = self.field.kind
            if kind == "null":
                none = pa.nulls(self.rows, pa.int32())
                empty = pa.array([], pa.string())
                self._encoded = pa.DictionaryArray.from_arrays(none, empty)
            elif kind == "float":
                # One zero; and NaN is missing, not a value.
                self._encoded = pa.array(self.floats + 0.0, from_pandas=True).dictionary_encode()
            else:
                self._encoded = encoding.encode(self.array if kind in TEXTS else self.plain)
        return self._encoded

    @property
    def is_encoded(self) -> bool:
        """Whether reading `encoded` costs next to nothing: it is there already."""
        if self._encoded is not None:
            return True
        return self.field.kind in TEXTS and bool(pa.types.is_dictionary(self.array.type))

    @property
    def codes(self) -> npt.NDArray[np.int32]:
        """Position of each row's value in the dictionary of `encoded`; -1 where missing."""
        if self._codes is None:
            self._codes = np.asarray(self.encoded.indices.fill_null(-1).to_numpy())
        return self._codes

    @property
    def code_counts(self) -> npt.NDArray[np.int64]:
        """How many rows have each value of the dictionary of `encoded`."""
        if self._code_counts is None:
            size = len(self.encoded.dictionary)
            # A missing row's code is -1.
            self._code_counts = np.bincount(self.codes + 1, minlength=size + 1)[1:]
        return self._code_counts

    def checksum(self) -> int:
        """Return a sum over the values modulo 2**64, whatever their width, order and chunks.

        Whole numbers as 64-bit integers, times as nanoseconds, floats and decimals in double
        precision: each number's bits are mixed, so that sets of equal sums differ. Bools by
        the number of those that are true. Texts by the sum of their bytes, their lengths and their
        last eight bytes, so that longer texts whose earlier bytes change places are not told apart.
        0 for all other kinds.
        """
        kind = self.field.kind
        if kind == "float":
            return self.sweep.checksum
        if kind in WHOLE:
            scale = NANOSECONDS[self.field.unit] if self.field.unit else 1
            total = 0
            for chunk in self.whole_numbers().chunks:
                for start in range(0, len(chunk), BLOCK):
                    numbers = encoding.filled(chunk.slice(start, BLOCK), 0)
                    if numbers.dtype != np.uint64:
                        numbers = numbers.astype(np.int64, copy=False)
                    total += mixed_sum(numbers.view(np.uint64), scale)
            return total & _WORD
        if kind == "bool":
            return int(pc.sum(self.plain).as_py() or 0)
        if kind == "decimal":
            return float_sum(self.values)
        if kind in TEXTS and self.is_encoded and 2 * len(self.encoded.dictionary) <= self.rows:
            weights = text_weights(self.encoded.dictionary)
            return int((weights * self.code_counts.astype(np.uint64)).sum())
        return text_sum(self.plain) if kind in TEXTS else 0


def _sweep(floats: npt.NDArray[np.floating]) -> Sweep:
    """Read floats once, in blocks that stay in the processor's cache."""
    low, high, missing, total = np.nan, np.nan, 0, 0
    scratch = np.empty((2, min(len(floats), BLOCK)), np.uint64)
    with np.errstate(invalid="ignore"):
        for start in range(0, len(floats), BLOCK):
            block = floats[start : start + BLOCK]
            least, greatest = np.minimum.reduce(block), np.maximum.reduce(block)
            if least != least:  # noqa: PLR0124  (NaN)
                gaps = np.isnan(block)
                missing += int(np.count_nonzero(gaps))
                least, greatest = np.fmin.reduce(block), np.fmax.reduce(block)
                # 0 adds nothing to a checksum.
                block = np.where(gaps, block.dtype.type(0), block)
            low, high = np.fmin(low, least), np.fmax(high, greatest)
            total += float_sum(block, scratch)
    # Adding 0 makes one zero of the two.
    return Sweep(floats, float(low) + 0.0, float(high) + 0.0, missing, total & _WORD)


def sweep_together(
    columns: Mapping[str, pa.ChunkedArray], in_order: Collection[str], n_jobs: int | None = None
) -> dict[str, Sweep]:
    """Read many float columns of few rows at a time, and sort those whose order is needed.

    A call of numpy costs a microsecond or more whatever it works on, and threads that make many
    short ones wait for each other. So columns are copied into a matrix, a row each, and each call
    serves all of them. Columns with nulls or NaN, several chunks or many rows are left out. The
    sorted values of those named `in_order` are kept, too.

    Examples
    --------
    >>> columns = {"a": pa.chunked_array([[2.0, 1.5]]), "b": pa.chunked_array([[0.0, 0.0]])}
    >>> sweep = sweep_together(columns, {"a", "b"})["a"]
    >>> sweep.low, sweep.sorted_values
    (1.5, array([1.5, 2. ]))
    """
    fitting: dict[bool, list[str]] = {True: [], False: []}
    for name, array in columns.items():
        if (
            0 < len(array) <= _MATRIX
            and array.num_chunks == 1
            and array.null_count == 0
            and not pa.types.is_dictionary(array.type)
        ):
            fitting[name in in_order].append(name)
    found = [*fitting[True], *fitting[False]]
    if not found:
        return {}
    rows = len(columns[found[0]])
    width = _MATRIX // rows
    groups = [
        (names[i : i + width], sort)
        for sort, names in fitting.items()
        for i in range(0, len(names), width)
    ]
    threads = threads_for(n_jobs, is_large=rows * len(found) >= _MANY_VALUES)
    threads = min(threads, len(groups))
    if threads == 1 and len(groups) == len(found):
        # Nothing is gained by matrices of one column.
        return {}
    parts = [groups[i::threads] for i in range(threads)]
    swept = each(partial(_sweep_groups, columns), parts, threads)
    return {name: sweep for part in swept for name, sweep in part.items()}


def _sweep_groups(
    columns: Mapping[str, pa.ChunkedArray], groups: Sequence[tuple[list[str], bool]]
) -> dict[str, Sweep]:
    """Read groups of columns one after another, each as a matrix, in the same memory."""
    swept, scratch = {}, np.empty((0, 0))
    # Whatever is done to some kinds of NaN is invalid, and is reported, before they are found.
    with np.errstate(invalid="ignore"):
        for names, sort in groups:
            floats = [encoding.to_floats(columns[name]) for name in names]
            shape = len(names), len(floats[0])
            if scratch.shape != shape:
                scratch = np.empty(shape)
            np.stack(floats, out=scratch)
            matrix = np.empty_like(scratch)
            low, high = np.minimum.reduce(scratch, axis=1), np.maximum.reduce(scratch, axis=1)
            # Each uses the memory of the other.
            sums = float_sums(scratch, matrix).tolist()
            if sort:
                np.add(np.stack(floats, out=matrix), 0.0, out=matrix)
                matrix.sort(axis=1)
                matrix.flags.writeable = False
            # One zero of the two.
            ends = zip((low + 0.0).tolist(), (high + 0.0).tolist(), strict=True)
            found = zip(names, floats, matrix, ends, sums, strict=True)
            for name, column, values, (least, greatest), total in found:
                if least == least:  # noqa: PLR0124  (no NaN)
                    in_order = values if sort else None
                    swept[name] = Sweep(column, least, greatest, 0, total, in_order)
    return swept


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """Counts, extremes and checksum of a column, kept for every profiled column.

    They are those of `ColumnView`: dates are days since 1970-01-01, other times whole numbers of
    their unit.

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
        """Return the profile of one column of one batch."""
        return cls(
            field=view.field,
            rows=view.rows,
            nulls=view.nulls,
            nans=view.nans,
            neg_inf=view.neg_inf,
            pos_inf=view.pos_inf,
            min=view.min,
            max=view.max,
            checksum=view.checksum(),
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
        """Return the profile of the rows of both; EvidenceError when their kinds differ."""
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
    """Return the field of the rows of both; a column of nulls alone takes the other's kind."""
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
