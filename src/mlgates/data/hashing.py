"""Which texts may occur twice, told from 64-bit hashes: quicker than a dictionary of all texts."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.data.encoding import as_bytes, offsets_and_bytes

__all__ = ["may_repeat"]

#: Longer texts are not hashed: each eight bytes are a pass over all rows.
_LONGEST = 128
#: Rows that are hashed at a time; they stay in the cache.
_BLOCK = 1 << 14
_WORD = np.dtype("<u8")
#: What is kept of a word of which so many bytes belong to the text.
_KEEP = np.array([(1 << (8 * size)) - 1 for size in range(9)], np.uint64)
_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_HALF = np.uint64(32)


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
