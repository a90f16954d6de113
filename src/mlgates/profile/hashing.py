"""Texts and numbers as 64-bit hashes: which texts may occur twice, and checksums of columns."""

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
    """Sum of numbers' bits modulo 2**64, each mixed before it is added.

    Of ``x = scale * bits`` it is ``z * (z >> 32)`` for ``z = c * (x ^ (x >> 32))`` and an odd
    constant ``c``, all modulo 2**64: two sets of numbers of equal sum have other sums of these.
    0 adds 0.

    Parameters
    ----------
    bits : numpy.ndarray of uint64
        The numbers.
    scale : int
        What they are multiplied by: counts of seconds by 10**9 are counts of nanoseconds.

    Examples
    --------
    >>> sums = (mixed_sum(np.array(x, np.uint64)) for x in ([1, 2, 5, 8], [1, 3, 4, 8]))
    >>> len(set(sums))
    2
    >>> mixed_sum(np.array([3], np.uint64), 1_000) == mixed_sum(np.array([3_000], np.uint64))
    True
    """
    total, factor = 0, np.uint64(scale)
    buffer = np.empty(min(len(bits), BLOCK), np.uint64)
    for start in range(0, len(bits), BLOCK):
        block = bits[start : start + BLOCK]
        total += _mix(np.multiply(block, factor, out=buffer[: len(block)]))
    return total % 2**64


def float_sum(values: npt.NDArray[Any], scratch: npt.NDArray[np.uint64] | None = None) -> int:
    """Sum over numbers, as doubles, of mixed bits modulo 2**64.

    Of ``p``, the bits of the double ``b * x`` for a constant ``b`` a little below 1, it is the
    square of ``p ^ (p >> 31)`` modulo 2**64: what products are rounded by, and exponents and signs
    beside the lower bits, let two sets of numbers of equal sum have other sums of these. Zeros add
    0: the square of -0 is a multiple of 2**64.

    Parameters
    ----------
    values : numpy.ndarray
        Floats without NaN.
    scratch : numpy.ndarray of uint64, shape (2, BLOCK), optional
        Memory to work in, for who calls this often.

    Examples
    --------
    >>> sums = (float_sum(np.array(x)) for x in ([1.0, 2.0, 5.0, 8.0], [1.0, 3.0, 4.0, 8.0]))
    >>> len(set(sums))
    2
    >>> float_sum(np.array([0.0, -0.0]))
    0
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
    """What `float_sum` gives of each row of a matrix, which is written over.

    Parameters
    ----------
    rows : numpy.ndarray of float64, shape (k, n)
        A row that has NaN gives any number.
    scratch : numpy.ndarray of float64, shape (k, n)
        Memory to work in.

    Examples
    --------
    >>> rows = np.array([[1.0, 2.0], [0.0, 0.0]])
    >>> float_sums(rows, np.empty((2, 2))).tolist()[1]
    0
    """
    mixed = _mixed(rows, scratch.view(np.uint64), rows.view(np.uint64))
    np.multiply(mixed, mixed, out=mixed)
    return np.asarray(np.add.reduce(mixed, axis=1))


def _mixed(
    values: npt.NDArray[Any], bits: npt.NDArray[np.uint64], out: npt.NDArray[np.uint64]
) -> npt.NDArray[np.uint64]:
    """Mix the bits of values, which may lie where the answer is written, as `float_sum` says."""
    with np.errstate(invalid="ignore", under="ignore"):
        np.multiply(values, _SPREAD, out=bits.view(np.float64), dtype=np.float64)
    np.right_shift(bits, _FOLD, out=out)
    return np.bitwise_xor(bits, out, out=out)


def _mix(words: npt.NDArray[np.uint64]) -> int:
    """Mix words where they stand, as `mixed_sum` does, and return their sum modulo 2**64."""
    shifted = words >> _HALF
    words ^= shifted
    words *= _MULTIPLIER
    words *= np.right_shift(words, _HALF, out=shifted)
    return int(np.add.reduce(words))


def text_sum(texts: pa.ChunkedArray) -> int:
    """Sum of `text_weights` modulo 2**64, over what is not null.

    Examples
    --------
    >>> text_sum(pa.chunked_array([["ab", None]])) == text_sum(pa.chunked_array([["ba"]]))
    False
    """
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
    """What each text adds to the checksum of its column.

    The sum of its bytes, 2**32 times their number, and its last eight bytes, mixed: what it does
    not tell are bytes that change places before the last eight.

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
    """The last eight bytes of each text as one number; shorter texts whole."""
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
    """Which texts have the hash of another one; all others occur once, for certain.

    Parameters
    ----------
    texts : pyarrow.ChunkedArray
        Texts or bytes without nulls.

    Returns
    -------
    numpy.ndarray of bool
        All true when there are texts too long to be hashed.

    Examples
    --------
    >>> may_repeat(pa.chunked_array([["a", "b"], ["a", "c"]]))
    array([ True, False,  True, False])
    """
    parts = []
    for chunk in texts.chunks:
        hashes = _hash(as_bytes(chunk))
        if hashes is None:
            return np.ones(len(texts), np.bool_)
        parts.append(hashes)
    every = np.concatenate(parts) if parts else np.empty(0, np.uint64)
    ordered = np.sort(every)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated) == 0:
        return np.zeros(len(texts), np.bool_)
    return np.isin(every, repeated)


def _hash(chunk: pa.Array) -> npt.NDArray[np.uint64] | None:
    """Hash of each text: a sum over its words of eight bytes."""
    offsets, data = offsets_and_bytes(chunk)
    lengths = np.diff(offsets).astype(np.int64, copy=False)
    if len(chunk) and int(lengths.max()) > _LONGEST:
        return None
    # Eight bytes from any byte on, as one number; behind the last byte there are zeros.
    padded = np.concatenate([data, np.zeros(8, np.uint8)])
    words = np.ndarray((len(data) + 1,), _WORD, padded, strides=(1,))
    hashes = np.empty(len(chunk), np.uint64)
    starts = (offsets[:-1] - offsets[0]).astype(np.int64, copy=False)
    for row in range(0, len(chunk), _BLOCK):
        rows = slice(row, row + _BLOCK)
        hashes[rows] = _sum(words, starts[rows], lengths[rows])
    return hashes


def _sum(
    words: npt.NDArray[np.uint64], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
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
