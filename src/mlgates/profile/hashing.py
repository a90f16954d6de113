"""Checksums of columns, and hashes of texts that find those that may occur twice."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.tables.encoding import as_bytes, bytes_sum, offsets_and_bytes, weigh

__all__ = [
    "BLOCK",
    "float_sum",
    "float_sums",
    "may_repeat",
    "mixed_sum",
    "text_sum",
    "text_weights",
]

#: Longer texts are not hashed: each eight bytes are a pass over all rows.
_LONGEST = 128
#: Rows that are hashed at a time; they stay in the cache.
_BLOCK = 1 << 14
_WORD = np.dtype("<u8")
#: What is kept of a word of which so many bytes belong to the text.
_KEEP = np.array([(1 << (8 * size)) - 1 for size in range(9)], np.uint64)
_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)
#: A little less than 1, with digits down to the last: products with it are rounded, each otherwise,
#: and stay finite; of doubles that are neighbours one pair in 1,600 has the same.
_SPREAD = float.fromhex("0x1.ffb0e44323406p-1")
_FOLD = np.uint64(31)
#: Numbers that are worked on at a time: with fewer, threads would wait for each other.
BLOCK = 1 << 16


def mixed_sum(bits: npt.NDArray[np.uint64], scale: int = 1) -> int:
    """Return the sum of ``scale * bits`` modulo 2**64, each mixed before it is added.

    Of ``x = scale * bits`` it is ``z * (z >> 32)`` for ``z = c * (x ^ (x >> 32))`` and an odd
    constant ``c``, all modulo 2**64: sets of numbers of equal sum have different sums of these.
    0 adds 0. Counts of seconds with a scale of 10**9 are counts of nanoseconds.
    """
    total, factor = 0, np.uint64(scale)
    buffer = np.empty(min(len(bits), BLOCK), np.uint64)
    for start in range(0, len(bits), BLOCK):
        block = bits[start : start + BLOCK]
        total += _mix(np.multiply(block, factor, out=buffer[: len(block)]))
    return total % 2**64


def float_sum(values: npt.NDArray[Any], scratch: npt.NDArray[np.uint64] | None = None) -> int:
    """Return the sum over floats without NaN, as doubles, of mixed bits modulo 2**64.

    Of ``p``, the bits of the double ``b * x`` for a constant ``b`` a little below 1, it is the
    square of ``p ^ (p >> 31)`` modulo 2**64: the rounding of products, and exponents and signs
    mixed into the lower bits, give sets of numbers of equal sum different sums of these. Zeros add
    0: the square of -0 is a multiple of 2**64. `scratch`, of shape (2, BLOCK), is memory to work in
    for repeated calls.
    """
    total = 0
    if scratch is None:
        scratch = np.empty((2, min(len(values), BLOCK)), np.uint64)
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        mixed = _mixed(block, scratch[0, : len(block)], scratch[1, : len(block)])
        # Of integers a product of vectors is one pass; it wraps around, as it should.
        total += int(np.dot(mixed, mixed))
    return total % 2**64


def float_sums(
    rows: npt.NDArray[np.float64], scratch: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint64]:
    """Return the `float_sum` of each row of a matrix, which is overwritten; any number with NaN.

    `scratch`, of the same shape, is memory to work in.
    """
    mixed = _mixed(rows, scratch.view(np.uint64), rows.view(np.uint64))
    np.multiply(mixed, mixed, out=mixed)
    return np.asarray(np.add.reduce(mixed, axis=1))


def _mixed(
    values: npt.NDArray[Any], bits: npt.NDArray[np.uint64], out: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """Mix the bits of values as `float_sum` does; `out` may be the memory of the values."""
    with np.errstate(invalid="ignore", under="ignore"):
        np.multiply(values, _SPREAD, out=bits.view(np.float64), dtype=np.float64)
    np.right_shift(bits, _FOLD, out=out)
    return np.bitwise_xor(bits, out, out=out)


def _mix(words: npt.NDArray[np.uint64]) -> int:
    """Mix words in place, as `mixed_sum` does, and return their sum modulo 2**64."""
    shifted = words >> _HALF
    words ^= shifted
    words *= _MULTIPLIER
    words *= np.right_shift(words, _HALF, out=shifted)
    return int(np.add.reduce(words))


def text_sum(texts: pa.ChunkedArray) -> int:
    """Return the sum of `text_weights` modulo 2**64, over what is not null."""
    total = bytes_sum(texts)
    for part in texts.chunks:
        chunk = as_bytes(part)
        if chunk.null_count:
            # Arrow allows any bytes behind a null.
            chunk = chunk.drop_null()
        offsets, data = offsets_and_bytes(chunk)
        for row in range(0, len(chunk), _BLOCK):
            words = _last_words(offsets[row : row + _BLOCK + 1], offsets[0], data)
            total += _mix(words)
    return total % 2**64


def text_weights(texts: pa.Array) -> npt.NDArray[np.uint64]:
    """Return what each text adds to the checksum of its column.

    The sum of its bytes, 2**32 times their number, and its last eight bytes, mixed: it doesn't see
    bytes that change places before the last eight.

    Examples
    --------
    >>> len(set(text_weights(pa.array(["listen", "silent", "enlist"])).tolist()))
    3
    """
    offsets, data = offsets_and_bytes(as_bytes(texts))
    words = _last_words(offsets, offsets[0], data)
    _mix(words)
    return weigh(texts) + words


def _last_words(
    offsets: npt.NDArray[np.integer], first: int, data: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint64]:
    """Return the last eight bytes of each text as one number; shorter texts whole."""
    # Only the bytes of these texts are copied, behind eight zeros.
    begin, end = int(offsets[0] - first), int(offsets[-1] - first)
    padded = np.concatenate([np.zeros(8, np.uint8), data[begin:end]])
    words = np.ndarray((end - begin + 1,), _WORD, padded, strides=(1,))
    sizes = np.diff(offsets).astype(np.int64, copy=False)
    ends = (offsets[1:] - offsets[0]).astype(np.int64, copy=False)
    surplus = 8 * np.maximum(8 - sizes, 0)
    # All 64 bits are shifted out of the word of an empty text.
    return np.asarray(words[ends] >> surplus.astype(np.uint64))


def may_repeat(texts: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Return which texts, without nulls, have the hash of another; the others occur once.

    All may repeat when there are texts too long to be hashed.

    Examples
    --------
    >>> may_repeat(pa.chunked_array([["a", "b"], ["a", "c"]]))
    array([ True, False,  True, False])
    """
    parts = []
    for chunk in map(as_bytes, texts.chunks):
        offsets, data = offsets_and_bytes(chunk)
        lengths = np.diff(offsets).astype(np.int64, copy=False)
        if len(chunk) and int(lengths.max()) > _LONGEST:
            return np.ones(len(texts), np.bool_)
        # Eight bytes from any byte on, as one number; behind the last byte there are zeros.
        padded = np.concatenate([data, np.zeros(8, np.uint8)])
        words = np.ndarray((len(data) + 1,), _WORD, padded, strides=(1,))
        starts = (offsets[:-1] - offsets[0]).astype(np.int64, copy=False)
        for row in range(0, len(chunk), _BLOCK):
            rows = slice(row, row + _BLOCK)
            parts.append(_hashes(words, starts[rows], lengths[rows]))
    every = np.concatenate(parts) if parts else np.empty(0, np.uint64)
    ordered = np.sort(every)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated) == 0:
        return np.zeros(len(texts), np.bool_)
    return np.isin(every, repeated)


def _hashes(
    words: npt.NDArray[np.uint64], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """Return the hash of each text: a sum over its words of eight bytes."""
    total = lengths.astype(np.uint64) * _MULTIPLIER
    for at in range(0, int(lengths.max()), 8):
        word = words[np.minimum(starts + at, len(words) - 1)]
        word &= _KEEP[np.clip(lengths - at, 0, 8)]
        # Another odd factor at each place. Nothing is added behind the end of a text, so that its
        # hash does not depend on how long the others are.
        word *= np.uint64(int(_MULTIPLIER) * (at + 1) % 2**64)
        word ^= word >> _HALF
        word *= _MULTIPLIER
        total += word
    return total
