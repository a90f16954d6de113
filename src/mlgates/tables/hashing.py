"""Hashes of strings and of rows: equal rows have equal hashes, even in different tables."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import scalar
from mlgates.errors import EvidenceError
from mlgates.tables import encoding
from mlgates.tables.encoding import as_bytes, offsets_and_bytes
from mlgates.tables.field import Field, stored_kind

__all__ = ["RowHashes", "mixed", "row_hashes", "text_hashes"]

Words = npt.NDArray[np.uint64]
#: Two hashes of 64 bits for each of n rows: an array of shape (2, n).
RowHashes = Words

#: Number of rows that are hashed at a time. They fit into the processor's cache.
_BLOCK = 1 << 14
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_STEP = 0x9E3779B97F4A7C15
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_MASK = (1 << 64) - 1
#: Factors of the two hashes of a string. They are odd numbers.
_FACTORS = _STEP, 0xD6E8FEB86659FD93
#: Up to this number of bytes, each step is applied to all strings; after it, only to strings that
#: are longer.
_COMMON = 32
#: Masks that keep 0, 1, ..., 8 bytes of a word of eight bytes.
_KEEP = np.array([(1 << (8 * size)) - 1 for size in range(9)], np.uint64)
_DAY = 86_400
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_TWO_63 = 2.0**63
#: A number for each kind of value, so that values of different kinds with the same bits get
#: different hashes.
_TAGS = {
    "number": 1, "fraction": 2, "large": 3, "bool": 4, "string": 5, "binary": 6, "naive": 7,
    "zoned": 8, "duration": 9, "time": 10, "missing": 11,
}  # fmt: skip


def row_hashes(columns: Sequence[tuple[pa.ChunkedArray, Field]]) -> RowHashes:
    """Return two hashes of 64 bits for each row of some columns.

    Parameters
    ----------
    columns : sequence of (pyarrow.ChunkedArray, Field)
        Columns of equal length in plain types, see `mlgates.tables.field`.

    Returns
    -------
    numpy.ndarray of uint64, shape (2, n)
        The two hashes of each row. Rows are equal if all their values are equal, and equal rows
        have equal hashes. Numbers of different types can be equal, such as 1, 1.0 and
        Decimal("1.00"). A decimal with a fraction equals the nearest double. Times are equal if
        they mean the same moment, even if their units differ. A date equals its midnight without a
        time zone. Null equals NaN. Two different rows have the same pair of hashes with a
        probability of about 2**-128.

    Raises
    ------
    EvidenceError
        If a column is nested or can't be read.

    Examples
    --------
    >>> from mlgates.tables.field import field_of
    >>> x = pa.chunked_array([[1, 2, 1]]), field_of("x", pa.int64())
    >>> y = pa.chunked_array([[1.0, 2.5, 1.0]]), field_of("y", pa.float64())
    >>> one, other = row_hashes([x]), row_hashes([y])
    >>> (one == other).all(axis=0)
    array([ True, False,  True])
    """
    rows = len(columns[0][0])
    total = np.zeros((2, rows), np.uint64)
    for place, (array, field) in enumerate(columns):
        first, second, tag = _words(array, field)
        for side, cells in enumerate((first, second)):
            seed = np.uint64((_STEP * (2 * place + side + 1)) & _MASK)
            for start in range(0, rows, _BLOCK):
                block = slice(start, start + _BLOCK)
                total[side, block] += mixed(mixed(cells[block] + seed) + tag[block])
    return total


def mixed(words: Words) -> Words:
    """Mix the bits of each integer in `words`, in place, and return `words`.

    Similar integers become very different, and different integers stay different. So the result can
    be used as a hash.
    """
    words ^= words >> _SHIFTS[0]
    words *= _FIRST
    words ^= words >> _SHIFTS[1]
    words *= _SECOND
    words ^= words >> _SHIFTS[2]
    return words


def _words(array: pa.ChunkedArray, field: Field) -> tuple[Words, Words, Any]:
    """Return three 64-bit integers for each row: a word for each of the two hashes, and a tag.

    The words are computed from the value of the row. The tag is a number for the kind of the value.
    Because of the tag, values of different kinds, such as 1 and "1", have different hashes.
    """
    kind, array = field.kind, encoding.decode(array)
    if kind in ("nested", "unreadable"):
        msg = f"column {field.name!r} has nested values (lists or structs), so its rows can't be "
        msg += "compared; name the columns to compare in `columns`, or convert it to text"
        raise EvidenceError(field.problem or msg)
    if kind == "null":
        empty = np.zeros(len(array), np.uint64)
        return empty, empty, _tags(len(array), "missing")
    missing = encoding.null_mask(array) if array.null_count else None
    if kind in ("string", "binary"):
        first, second = text_hashes(array, 0), text_hashes(array, 1)
        tag = _tags(len(array), kind)
    else:
        first, tag = _numbers(array, field)
        second = first
    if missing is not None:
        first, second = first.copy(), second.copy()
        first[missing] = second[missing] = 0
        tag[missing] = _TAGS["missing"]
    return first, second, tag


def _tags(rows: int, kind: str) -> Words:
    return np.full(rows, _TAGS[kind], np.uint64)


def _numbers(array: pa.ChunkedArray, field: Field) -> tuple[Words, Words]:
    """Return a 64-bit word for each number, bool or time, and a tag for its kind.

    The hash of a value is computed from the word and the tag. Equal numbers have equal words and
    tags. Values of different kinds have different tags.
    """
    if field.kind == "float":
        return _floats(encoding.to_floats(array).astype(np.float64, copy=False))
    if stored_kind(field, array) == "decimal":
        return _decimals(array)
    if field.kind == "bool":
        values = _joined(array, np.bool_).astype(np.uint64)
        return values, _tags(len(values), "bool")
    if field.kind == "int":
        values = _joined(array, np.dtype(str(array.type)))
        if values.dtype != np.uint64:
            return values.astype(np.int64, copy=False).view(np.uint64), _tags(len(values), "number")
        large = values >= np.uint64(2**63)
        tag = _tags(len(values), "number")
        tag[large] = _TAGS["large"]
        return values, tag
    ticks = _joined(encoding.to_whole_numbers(array), None).astype(np.int64, copy=False)
    if field.kind == "date":
        days, rest = ticks, np.zeros(len(ticks), np.int64)
    else:
        per = _PER_SECOND[field.unit or "us"]
        days = ticks // (_DAY * per)
        rest = (ticks - days * (_DAY * per)) * (10**9 // per)
    kind = "zoned" if field.zone else "naive"
    if field.kind in ("duration", "time"):
        kind = field.kind
    words = mixed(days.view(np.uint64).copy()) + rest.view(np.uint64)
    return words, _tags(len(words), kind)


def _joined(array: pa.ChunkedArray, dtype: Any) -> npt.NDArray[Any]:
    """Join the chunks of a column of bools or integers to one numpy array, with 0 for nulls."""
    parts = [encoding.filled(chunk, 0) for chunk in array.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype or np.int64), *parts])


def _floats(values: npt.NDArray[np.float64]) -> tuple[Words, Words]:
    """Return a 64-bit word for each float, and a tag for its kind.

    The hash of a float is computed from the word and the tag. The word of a whole number is this
    number as an integer. The word of any other float consists of the float's bits.
    """
    words, tag = np.empty(len(values), np.uint64), np.empty(len(values), np.uint64)
    number, fraction = np.uint64(_TAGS["number"]), np.uint64(_TAGS["fraction"])
    for start in range(0, len(values), _BLOCK):
        block = slice(start, start + _BLOCK)
        part = values[block]
        whole = np.rint(part) == part
        words[block] = (
            part.view(np.uint64) if part.flags.c_contiguous else part.copy().view(np.uint64)
        )
        tag[block] = fraction
        if whole.any():
            small = whole & (part >= -_TWO_63) & (part < _TWO_63)
            large = (part >= _TWO_63) & (part < 2 * _TWO_63)
            words[block][small] = part[small].astype(np.int64).view(np.uint64)
            words[block][large] = part[large].astype(np.uint64)
            tag[block][small], tag[block][large] = number, _TAGS["large"]
        missing = np.isnan(part)
        if missing.any():
            words[block][missing], tag[block][missing] = 0, _TAGS["missing"]
    return words, tag


def _decimals(array: pa.ChunkedArray) -> tuple[Words, Words]:
    """Return a 64-bit word for each decimal, and a tag for its kind.

    The hash of a decimal is computed from the word and the tag. The word of a whole number is this
    number as an integer. Any other decimal has the word of its nearest double. The tag is the
    number in `_TAGS` for "number", "large" (from 2**63), "fraction" or "missing".
    """
    filled = pc.fill_null(array, scalar(Decimal(0), array.type))
    doubles = encoding.to_doubles(filled)
    words, tag = _floats(doubles)
    # Whole numbers from 2**53 may have no exact double.
    beyond = np.flatnonzero((tag != _TAGS["fraction"]) & (np.abs(doubles) >= 2**53))
    for row in beyond.tolist():
        number = int(filled[row].as_py())
        words[row] = np.uint64(number & _MASK)
        tag[row] = _TAGS["large" if number >= 2**63 else "number"]
    return words, tag


def text_hashes(texts: pa.ChunkedArray, side: int = 0) -> Words:
    """Return a hash of 64 bits for each string.

    `side` is 0 or 1, and selects one of two independent hash functions.

    Examples
    --------
    >>> first, second, third = text_hashes(pa.chunked_array([["a", "b"], ["a"]])).tolist()
    >>> first == third, first == second
    (True, False)
    """
    parts = [np.empty(0, np.uint64)]
    for chunk in map(as_bytes, texts.chunks):
        offsets, data = offsets_and_bytes(chunk)
        starts = (offsets[:-1] - offsets[0]).astype(np.int64, copy=False)
        lengths = np.diff(offsets).astype(np.int64, copy=False)
        # `words[i]` is the number formed by the eight bytes from byte i on. Zeros follow the last
        # byte.
        padded = np.concatenate([data, np.zeros(8, np.uint8)])
        words = np.ndarray((len(data) + 1,), "<u8", padded, strides=(1,))
        for row in range(0, len(chunk), _BLOCK):
            rows = slice(row, row + _BLOCK)
            parts.append(_hashes_of_block(words, starts[rows], lengths[rows], _FACTORS[side]))
    return np.concatenate(parts)


def _hashes_of_block(
    words: Words, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], factor: int
) -> Words:
    """Return the hash of each string of a block.

    A string is divided into words of eight bytes, and its hash is a sum over these words.
    `words[i]` is the word that begins at byte i of all strings. `starts` has the position of the
    first byte of each string, and `lengths` has its number of bytes. `factor` is an odd number that
    selects the hash function.
    """
    total = lengths.astype(np.uint64) * np.uint64(factor)
    rows: Any = slice(None)
    for at in range(0, int(lengths.max(initial=0)), 8):
        if at >= _COMMON:  # only longer strings have more words
            rows = np.flatnonzero(lengths > at)
        word = words[np.minimum(starts[rows] + at, len(words) - 1)]
        word &= _KEEP[np.clip(lengths[rows] - at, 0, 8)]
        # Each position has its own odd factor. Nothing is added after the end of a string, so its
        # hash does not depend on the lengths of other strings.
        word *= np.uint64(factor * (at + 1) & _MASK)
        total[rows] += mixed(word)
    return total
