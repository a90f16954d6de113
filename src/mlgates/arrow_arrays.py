"""Convert between numpy and Arrow without pandas.

Arrow's own ``array``, ``scalar`` and ``to_numpy`` import pandas if it is installed, which takes a
third of a second and 30 MB in each process.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["DTYPES", "array_of", "filled", "from_numpy", "is_malformed", "malformed", "scalar"]

_NAMES = "bool float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64"
#: Numpy dtypes of Arrow's types of numbers. Older versions of Arrow load pandas to find them.
DTYPES = {pa.type_for_alias(name): np.dtype(name) for name in _NAMES.split()}
_TYPES = {dtype: type_ for type_, dtype in DTYPES.items()}


def from_numpy(values: npt.NDArray[Any], mask: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Convert bools or numbers to an Arrow array, with null where `mask` is True.

    If possible, nothing is copied.

    Examples
    --------
    >>> from_numpy(np.array([1, 2]), np.array([False, True])).to_pylist()
    [1, None]
    """
    type_ = _TYPES[values.dtype]
    stored = _bits(values) if values.dtype == np.bool_ else np.ascontiguousarray(values)
    valid = None if mask is None else pa.py_buffer(_bits(~mask))
    return pa.Array.from_buffers(type_, len(values), [valid, pa.py_buffer(stored)])


def _bits(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    return np.packbits(mask, bitorder="little")


_AS_BINARY = {
    pa.lib.Type_STRING: pa.binary(),
    pa.lib.Type_LARGE_STRING: pa.large_binary(),
    pa.lib.Type_STRING_VIEW: pa.binary_view(),
    **{type_.id: type_ for type_ in (pa.binary(), pa.large_binary(), pa.binary_view())},
}


def is_malformed(array: pa.Array) -> bool:
    """Return whether offsets, lengths or indices in an array point outside of its values.

    Arrow does not check them, and its functions then read from wrong addresses. Arrays of strings
    or bytes, dictionary arrays, run-end encoded arrays and unions are checked; for all others the
    result is False. Strings are not checked for valid UTF-8.

    Examples
    --------
    >>> is_malformed(pa.DictionaryArray.from_arrays(pa.array([0, 9]), ["a", "b"], safe=False))
    True
    """
    if isinstance(array, pa.ExtensionArray):
        return is_malformed(array.storage)
    try:
        if pa.types.is_dictionary(array.type):
            if is_malformed(array.dictionary):
                return True
            pa.DictionaryArray.from_arrays(array.indices, pa.nulls(len(array.dictionary)))
        elif pa.types.is_run_end_encoded(array.type):
            if is_malformed(array.values):
                return True
            array.validate()
            return bool((np.diff(array.run_ends.to_numpy(), prepend=0) <= 0).any())
        elif pa.types.is_union(array.type):
            array.validate(full=True)
        elif array.type.id in _AS_BINARY:
            array.view(_AS_BINARY[array.type.id]).validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowIndexError):
        return True
    return False


def malformed(title: str) -> str:
    """Return the message that a column or input is malformed; `title` is its name."""
    return (
        f"{title} is a malformed Arrow array: offsets or indices point outside of its values; "
        "create it again, and check it by its method validate(full=True)"
    )


def array_of(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Convert values, none of which may be None, to an Arrow array of the given type.

    Examples
    --------
    >>> array_of(["a", "bc"], pa.string()).to_pylist(), array_of([7], pa.int8()).to_pylist()
    (['a', 'bc'], [7])
    """
    if type_ in DTYPES:
        return from_numpy(np.array(values, DTYPES[type_]))
    if pa.types.is_decimal(type_):
        return array_of([format(value, "f") for value in values], pa.string()).cast(type_)
    is_text = pa.types.is_string(type_) or pa.types.is_large_string(type_)
    if is_text or pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        cells = [value.encode() for value in values] if is_text else values
        width = np.int32 if type_ in (pa.string(), pa.binary()) else np.int64
        offsets = np.cumsum([0, *map(len, cells)], dtype=width)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(cells))]
        return pa.Array.from_buffers(type_, len(cells), buffers)
    return pa.array(values, type_)


def scalar(value: Any, type_: pa.DataType) -> pa.Scalar:
    """Convert a value, or None, to an Arrow scalar of the given type."""
    return (pa.nulls(1, type_) if value is None else array_of([value], type_))[0]


def filled(chunk: pa.Array | pa.ChunkedArray, value: float) -> npt.NDArray[Any]:
    """Convert bools, integers or floats to a numpy array, with `value` in place of nulls.

    Arrow's own ``to_numpy`` and ``fill_null`` would load pandas.
    """
    dtype = DTYPES[chunk.type]
    if isinstance(chunk, pa.ChunkedArray):
        parts = [filled(part, value) for part in chunk.chunks]
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype), *parts])
    if len(chunk) == 0:
        return np.empty(0, dtype)
    validity, buffer = chunk.buffers()
    if dtype == np.bool_:
        stored = _unpacked_bits(buffer, chunk)
    else:
        stored = np.frombuffer(buffer, dtype, len(chunk), chunk.offset * dtype.itemsize)
        stored.flags.writeable = False
    if chunk.null_count == 0:
        return stored
    return np.where(_unpacked_bits(validity, chunk), stored, dtype.type(value))


def _unpacked_bits(buffer: pa.Buffer, chunk: pa.Array) -> npt.NDArray[np.bool_]:
    """Convert the bits of a buffer that belong to a chunk to one bool per row."""
    first, last = chunk.offset, chunk.offset + len(chunk)
    words = np.frombuffer(buffer, np.uint8)[first // 8 : -(-last // 8)]
    bits = np.unpackbits(words, bitorder="little").view(np.bool_)
    return bits[first % 8 : first % 8 + len(chunk)]
