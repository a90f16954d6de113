"""Convert Arrow columns to numpy arrays, to integers, or to dictionary encoding.

Also sum the bytes of strings, for the checksums of columns.
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import DTYPES, filled, is_malformed, malformed, scalar
from mlgates.errors import EvidenceError

__all__ = [
    "as_bytes",
    "byte_weights",
    "bytes_sum",
    "check_bytes",
    "decode",
    "distinct_as_doubles",
    "encode",
    "filled",
    "null_mask",
    "offsets_and_bytes",
    "rows_of_floats",
    "to_doubles",
    "to_floats",
    "to_numpy",
    "to_whole_numbers",
]

#: The sum of this many bytes fits into 32 bits, because 255 * 2**24 < 2**32.
_BLOCK = 1 << 24
_LENGTH = 1 << 32
#: If the mean length of strings is above this, their bytes are added up string by string.
_LONG = 1 << 12
#: Doubles represent exactly all whole numbers up to `_WHOLE`, and all powers of ten up to
#: ``10**_POWERS``.
_WHOLE = 1 << 53
_POWERS = 22
#: Distinct decimals of up to this many digits have distinct nearest doubles.
_DIGITS = 15


def check_bytes(title: str, array: pa.ChunkedArray, first_row: int = 0) -> None:
    """Raise EvidenceError if a string of a column is not valid UTF-8, or if its offsets are wrong.

    Arrow reads strings without checking their bytes, which could be Latin-1, for example. `title`
    is the name of the column in messages, and `first_row` is the number of its first row in the
    table.
    """
    for chunk in array.chunks:
        try:
            chunk.validate(full=not _is_ascii(chunk))
        except (pa.ArrowInvalid, pa.ArrowIndexError) as error:
            if is_malformed(chunk):
                raise EvidenceError(malformed(title)) from error
            cells = chunk.cast(pa.large_binary()).to_pylist()
            bad = (i for i, cell in enumerate(cells) if cell and not _is_utf8(cell))
            at = next(bad, None)
            row = "" if at is None else f" in row {first_row + at:,}"
            raise EvidenceError(
                f"{title} holds text that is not valid UTF-8{row}; decode it with its own "
                "encoding, such as Latin-1, when you create the table"
            ) from error
        first_row += len(chunk)


def _is_ascii(chunk: pa.Array) -> bool:
    """Return whether all strings of a chunk are ASCII, with valid offsets; False if not known.

    This takes a fifth of the time of Arrow's full validation.
    """
    if not (pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type)):
        return False
    offsets, data = offsets_and_bytes(chunk)
    is_whole = len(data) == offsets[-1] - offsets[0]
    return bool(is_whole and data.max(initial=0) < 128 and (offsets[1:] >= offsets[:-1]).all())


def _is_utf8(cell: bytes) -> bool:
    try:
        cell.decode()
    except UnicodeDecodeError:
        return False
    return True


def decode(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without dictionary encoding; a column that has none is returned unchanged."""
    if not pa.types.is_dictionary(array.type):
        return array
    return pa.chunked_array(
        [chunk.dictionary_decode() for chunk in array.chunks], type=array.type.value_type
    )


def encode(array: pa.ChunkedArray) -> pa.DictionaryArray:
    """Dictionary-encode a column: one dictionary of distinct values, with 32-bit indices.

    In the result, the dictionary contains no null, and missing values have null indices. A column
    that is already encoded is encoded again, because its dictionaries can differ between chunks,
    repeat values, and contain null. Values of its dictionaries that occur in no row are kept.

    Examples
    --------
    >>> column = pa.chunked_array([["b", "a", None], ["a"]])
    >>> encode(column).indices.to_pylist()
    [0, 1, None, 1]
    """
    if not pa.types.is_dictionary(array.type):
        chunks = array.dictionary_encode().chunks
        values = chunks[-1].dictionary if chunks else pa.nulls(0, array.type)
        indices = [chunk.indices for chunk in chunks]
    elif not array.chunks:
        values, indices = pa.nulls(0, array.type.value_type), []
    else:
        dictionaries = [chunk.dictionary for chunk in array.chunks]
        values, starts = dictionaries[0], [0] * len(dictionaries)
        if not all(dictionary.equals(values) for dictionary in dictionaries[1:]):
            starts = np.cumsum([0, *map(len, dictionaries[:-1])]).tolist()
            values = pa.concat_arrays(dictionaries)
        indices = [
            pc.add(chunk.indices.cast(pa.int32()), scalar(start, pa.int32()))
            for chunk, start in zip(array.chunks, starts, strict=True)
        ]
        distinct = values.dictionary_encode()
        if values.null_count or len(distinct.dictionary) < len(values):
            indices = [distinct.indices.take(part) for part in indices]
            values = distinct.dictionary
    joined = pa.concat_arrays(indices) if indices else pa.nulls(0, pa.int32())
    return pa.DictionaryArray.from_arrays(joined, values, safe=False)


def null_mask(array: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return a mask, one bool per row, that is True where a column of any type is null."""
    if pa.types.is_union(array.type):
        # Unions have no validity bitmap, and older versions of Arrow do not find nulls in their
        # children.
        return np.array([cell is None for cell in array.to_pylist()], np.bool_)
    return np.asarray(to_numpy(pc.is_null(array)), np.bool_)


def to_numpy(array: pa.ChunkedArray) -> npt.NDArray[np.generic]:
    """Convert a column of bools, integers or floats to numpy; nulls are left out.

    If possible, nothing is copied.
    """
    present = (chunk.drop_null() if chunk.null_count else chunk for chunk in array.chunks)
    parts = [filled(chunk, 0) for chunk in present]
    empty = np.empty(0, DTYPES[array.type])
    return parts[0] if len(parts) == 1 else np.concatenate([empty, *parts])


def to_floats(array: pa.ChunkedArray) -> npt.NDArray[np.floating]:
    """Convert a column of floats to a numpy array with one value per row; nulls become NaN."""
    return filled(array, np.nan)


def rows_of_floats(chunks: Sequence[pa.Array]) -> npt.NDArray[Any] | list[npt.NDArray[Any]]:
    """Convert columns of floats to numpy arrays; the columns have equal lengths and no nulls.

    If the columns follow each other in one buffer, as those of a pandas frame do, the result is a
    matrix with a row for each column.

    Examples
    --------
    >>> both = pa.array([1.0, 2.0, 3.0, 4.0])
    >>> rows_of_floats([both.slice(0, 2), both.slice(2, 2)])
    array([[1., 2.],
           [3., 4.]])
    """
    first, rows = chunks[0], len(chunks[0])
    data = first.buffers()[1]
    for i, chunk in enumerate(chunks):
        follows = chunk.type == first.type and chunk.offset == first.offset + i * rows
        if not follows or chunk.buffers()[1].address != data.address:
            return [filled(each, np.nan) for each in chunks]
    size = rows * len(chunks)
    whole = pa.Array.from_buffers(first.type, size, [None, data], 0, first.offset)
    return filled(whole, np.nan).reshape(-1, rows)


def to_doubles(array: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Convert decimals to the nearest doubles; nulls are left out.

    Arrow's own cast multiplies by a rounded power of ten. It can convert 0.3 with one decimal place
    and 0.30 with two decimal places to different doubles.

    Examples
    --------
    >>> from decimal import Decimal
    >>> column = pa.chunked_array([[Decimal("0.3"), None, Decimal("0.7")]])
    >>> to_doubles(column), column.cast(pa.float64())[0].as_py()
    (array([0.3, 0.7]), 0.30000000000000004)
    """
    scale, parts = array.type.scale, [np.empty(0)]
    for chunk in array.chunks:
        present = chunk.drop_null() if chunk.null_count else chunk
        size = len(present)
        if size and scale <= _POWERS and pa.types.is_decimal128(array.type):
            words = np.frombuffer(present.buffers()[1], "<i8", 2 * size, 16 * present.offset)
            units, upper = words[::2], words[1::2]
            fits = units.min() >= -_WHOLE and units.max() <= _WHOLE
            if fits and np.array_equal(upper, units >> 63):
                # Both operands are exact, so only the division rounds, to the nearest double.
                parts.append(np.asarray(units / float(10**scale)))
                continue
        doubles = present.cast(pa.large_string()).cast(pa.float64())
        parts.append(filled(doubles, 0))
    return np.concatenate(parts)


def distinct_as_doubles(decimals: pa.ChunkedArray) -> bool:
    """Return whether distinct decimals are still distinct after rounding to doubles.

    If the type has no decimal places, each number must also equal its double exactly. Numbers of
    few digits always pass. Other numbers are rounded and compared.

    Examples
    --------
    >>> from decimal import Decimal
    >>> [distinct_as_doubles(pa.chunked_array([[Decimal(x)]])) for x in (2**53, 2**53 + 1)]
    [True, False]
    """
    scale, ends = decimals.type.scale, pc.min_max(decimals).values()
    known = [end.as_py() for end in ends if end.is_valid]
    most = Decimal((0, (1,), _DIGITS - scale)) if scale > 0 else Decimal(_WHOLE)
    # Use only comparisons and copies, because these don't depend on the user's decimal context.
    if all(end.copy_abs() <= most for end in known):
        return True
    distinct = decimals.drop_null().unique()
    doubles = to_doubles(pa.chunked_array([distinct]))
    if scale > 0:
        return len(np.unique(doubles)) == len(distinct)
    pairs = zip(doubles.tolist(), distinct, strict=True)
    return all(Decimal(double) == value.as_py() for double, value in pairs)


def to_whole_numbers(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert dates to days since 1970, and times and durations to integers in their unit.

    Timestamps count from 1970, and times of day from midnight. Integers are returned unchanged.
    """
    if pa.types.is_integer(array.type):
        return array
    storage = pa.int32() if array.type.bit_width == 32 else pa.int64()
    return pa.chunked_array([chunk.view(storage) for chunk in array.chunks], type=storage)


def bytes_sum(data: npt.NDArray[np.uint8]) -> int:
    """Return the sum of some bytes plus 2**32 times their number."""
    blocks = (data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK))
    return len(data) * _LENGTH + sum(int(np.add.reduce(part, dtype=np.uint32)) for part in blocks)


def byte_weights(dictionary: pa.Array) -> npt.NDArray[np.uint64]:
    """Return for each string the sum of its bytes plus 2**32 times its length, modulo 2**64.

    The sum of these numbers over all rows of a column is `bytes_sum` of the bytes of the column,
    modulo 2**64. `dictionary` has the strings, without nulls.
    """
    dictionary = as_bytes(dictionary)
    offsets, data = offsets_and_bytes(dictionary)
    lengths = np.diff(offsets).astype(np.uint64)
    ends = offsets - offsets[0]
    if len(data) > _LONG * len(lengths):  # needs less memory
        texts = (data[start:end] for start, end in pairwise(ends))
        sums = np.fromiter((np.add.reduce(text, dtype=np.uint64) for text in texts), np.uint64)
        return np.asarray(sums + lengths * np.uint64(_LENGTH))
    totals = np.zeros(len(data) + 1, np.uint64)
    np.cumsum(data, out=totals[1:], dtype=np.uint64)
    return np.asarray(totals[ends[1:]] - totals[ends[:-1]] + lengths * np.uint64(_LENGTH))


def as_bytes(array: pa.Array) -> pa.Array:
    """Convert fixed-size binary to variable-size binary; other arrays are returned unchanged."""
    fixed = pa.types.is_fixed_size_binary(array.type)
    return array.cast(pa.binary()) if fixed else array


def offsets_and_bytes(chunk: pa.Array) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
    """Return the offsets of the strings of a chunk, and the bytes of all its strings.

    There is one offset more than there are strings. The bytes of string i begin at ``offsets[i] -
    offsets[0]`` and end before ``offsets[i + 1] - offsets[0]``.
    """
    if len(chunk) == 0:
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    large = pa.types.is_large_string(chunk.type) or pa.types.is_large_binary(chunk.type)
    _, ends, content = chunk.buffers()
    offsets = np.frombuffer(ends, np.int64 if large else np.int32)
    offsets = offsets[chunk.offset : chunk.offset + len(chunk) + 1]
    if content is None or offsets[0] == offsets[-1]:
        return offsets, np.empty(0, np.uint8)
    return offsets, np.frombuffer(content, np.uint8)[offsets[0] : offsets[-1]]
