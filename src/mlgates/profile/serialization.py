"""Convert plain values and arrays to bytes and back, without pickle.

The bytes are a line with the version, a SHA-256, and a stream in Arrow's IPC format. The schema of
the stream contains the structure of the value as JSON. The stream has one row, which contains all
numbers and arrays. So two values of the same structure have equal schemas.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from mlgates.arrow_arrays import filled, from_numpy
from mlgates.errors import EvidenceError

__all__ = ["from_bytes", "to_bytes"]

_VERSION = 1
_DIGEST = hashlib.sha256().digest_size
_INT64 = np.iinfo(np.int64)


def to_bytes(kind: str, value: tuple[Any, ...]) -> bytes:
    """Convert a value to bytes, from which `from_bytes` creates an equal value.

    The value may consist of None, bools, numbers, strings, numpy arrays, Arrow arrays, and tuples
    of these. `kind` is a name, such as "state", that is written with the value; `from_bytes`
    refuses bytes of another kind.

    Examples
    --------
    >>> from_bytes("state", to_bytes("state", (1, "a", (0.5, None))))
    (1, 'a', (0.5, None))
    """
    writer = _Writer()
    structure = json.dumps(writer.packed(value))
    sizes, numbers = (
        from_numpy(np.array(writer.ints, np.int64)),
        from_numpy(np.array(writer.floats, np.float64)),
    )
    cells = [sizes, numbers, *map(pa.concat_arrays, writer.arrays.values())]
    # The table has one row and one column for each type of array. Its cells are lists, because
    # arrays differ in length.
    row = [pa.LargeListArray.from_arrays(from_numpy(np.array([0, len(x)])), x) for x in cells]
    schema = pa.schema([(str(i), x.type) for i, x in enumerate(row)], {kind: structure})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_batch(pa.record_batch(row, schema=schema))
    content: bytes = sink.getvalue().to_pybytes()
    line = f"mlgates {kind} {_VERSION}\n".encode()
    return line + hashlib.sha256(content).digest() + content


def from_bytes(kind: str, data: Any) -> Any:
    """Return the value that `to_bytes` converted to these bytes.

    `kind` is the name that `to_bytes` was called with.

    Raises
    ------
    EvidenceError
        If the bytes are damaged, or were written by another version or for another kind.
    """
    refused = f"the bytes are not a {kind} written by `to_bytes`"
    if not isinstance(data, bytes | bytearray | memoryview):
        raise EvidenceError(f"{refused}: got {type(data).__name__}, expected bytes")
    line, _, rest = bytes(data).partition(b"\n")
    digest, content = rest[:_DIGEST], rest[_DIGEST:]
    start = f"mlgates {kind} ".encode()
    if not line.startswith(start):
        raise EvidenceError(refused)
    if line != start + b"%d" % _VERSION:
        version = line.removeprefix(start)[:20].decode("ascii", "replace")
        raise EvidenceError(
            f"the {kind} has format version {version}, this mlgates reads version {_VERSION}"
        )
    if hashlib.sha256(content).digest() != digest:
        raise EvidenceError(
            f"the SHA-256 of the {kind} does not match: its bytes were changed or truncated"
        )
    try:
        with pa.ipc.open_stream(content) as stream:
            structure = json.loads(stream.schema.metadata[kind.encode()])
            (batch,) = stream
        batch.validate(full=True)
        sizes, numbers, *arrays = (column.values for column in batch.columns)
        return _Reader(sizes, numbers, arrays).unpacked(structure)
    except (
        pa.ArrowException,
        LookupError,
        OSError,
        RecursionError,
        StopIteration,
        TypeError,
        ValueError,
    ) as error:
        raise EvidenceError(f"{refused}: {error}") from error


class _Writer:
    """Converts a value to JSON, in which letters replace the numbers and arrays.

    The numbers and arrays are collected separately. The letter is "i" for an integer, "f" for a
    float, "n" for a numpy array and "a" for an Arrow array. After "n" and "a" follows the number of
    the array's type.
    """

    def __init__(self) -> None:
        self.ints: list[int] = []
        self.floats: list[float] = []
        self.arrays: dict[pa.DataType, list[pa.Array]] = {}

    def packed(self, value: Any) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return {"text": value}
        if isinstance(value, int):
            if not _INT64.min <= value <= _INT64.max:
                return {"int": hex(value)}
            self.ints.append(value)
            return "i"
        if isinstance(value, float):
            self.floats.append(value)
            return "f"
        if isinstance(value, tuple):
            return [self.packed(item) for item in value]
        if not isinstance(value, np.ndarray | pa.Array | pa.ChunkedArray):
            raise TypeError(
                "a state can be written if it consists of None, bools, numbers, strings, arrays "
                f"and tuples of these, got {type(value).__name__}"
            )
        letter = "n" if isinstance(value, np.ndarray) else "a"
        if isinstance(value, pa.ChunkedArray):
            value = value.combine_chunks()
        array = value if letter == "a" else from_numpy(value)
        self.arrays.setdefault(array.type, []).append(array)
        self.ints.append(len(array))
        return f"{letter}{list(self.arrays).index(array.type)}"


class _Reader:
    """Restores a value from the JSON, numbers and arrays that `_Writer` collected."""

    def __init__(self, ints: pa.Array, floats: pa.Array, arrays: list[pa.Array]) -> None:
        self.ints: Iterator[int] = iter(ints.to_pylist())
        self.floats: Iterator[float] = iter(floats.to_pylist())
        self.arrays = arrays
        self.starts = [0] * len(arrays)

    def unpacked(self, value: Any) -> Any:
        if isinstance(value, list):
            return tuple(map(self.unpacked, value))
        if isinstance(value, dict):
            return value["text"] if "text" in value else int(value["int"], 16)
        if not isinstance(value, str):
            return value
        if value == "i":
            return next(self.ints)
        if value == "f":
            return next(self.floats)
        number, size = int(value[1:]), next(self.ints)
        start = self.starts[number]
        self.starts[number] += size
        array = self.arrays[number].slice(start, size)
        if len(array) != size:
            raise ValueError(f"an array has {len(array)} values, expected {size}")
        return array if value[0] == "a" else filled(array, 0)
