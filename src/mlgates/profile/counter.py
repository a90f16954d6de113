"""Counters and their states: the interface between what a gate needs and the scan of a table.

A counter is a frozen value; what it counts in some rows is a state. States of consecutive rows
merge into the state of all of them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnView

__all__ = ["BatchView", "ColumnCounter", "Counter", "State"]

_MAGIC = b"mlgates state "
_VERSION = 1
_DIGEST = hashlib.sha256().digest_size


class State:
    """What a counter counted in some rows; states of consecutive rows merge.

    A state that is a dataclass inherits the byte form. Its fields, or whatever `to_parts` returns,
    are None, bools, numbers, strings, numpy arrays, Arrow arrays, and tuples of these.
    """

    def merge(self, other: Any, shift: int) -> Self:
        """Return the state of these rows followed by those of `other`.

        Parameters
        ----------
        other : State
            State of the rows that follow.
        shift : int
            Number of rows before them, to be added to their row numbers.
        """
        raise NotImplementedError

    def finalize(self) -> None:
        """Compute now, in the scan's thread, what is otherwise computed at the first reading."""

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` builds an equal state: a dataclass's fields."""
        declared = fields(self)  # type: ignore[arg-type]
        return tuple(getattr(self, field.name) for field in declared if field.init)

    @classmethod
    def from_parts(cls, *parts: Any) -> Self:
        """Return the state that `to_parts` took apart."""
        return cls(*parts)

    def to_bytes(self) -> bytes:
        """Return the state as bytes, to be merged elsewhere: version, SHA-256, Arrow IPC stream."""
        arrays: list[pa.Array] = []
        header = json.dumps([type(self).__name__, _packed(self.to_parts(), arrays)])
        # Each array is one cell of a table of one row, for arrays differ in length.
        cells = [pa.LargeListArray.from_arrays(pa.array([0, len(x)], "i8"), x) for x in arrays]
        schema = pa.schema([(str(i), x.type) for i, x in enumerate(cells)], {"state": header})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            if cells:
                writer.write_batch(pa.record_batch(cells, schema=schema))
        stream: bytes = sink.getvalue().to_pybytes()
        return _MAGIC + b"%d\n" % _VERSION + hashlib.sha256(stream).digest() + stream

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the state that `to_bytes` wrote.

        Raises
        ------
        EvidenceError
            When the bytes are damaged, of another version, or of another kind of state.
        """
        written, _, rest = data.partition(b"\n")
        digest, stream = rest[:_DIGEST], rest[_DIGEST:]
        if not written.startswith(_MAGIC):
            msg = "these bytes are no state of a counter"
            raise EvidenceError(msg)
        if written != _MAGIC + b"%d" % _VERSION:
            version = written.removeprefix(_MAGIC)[:20].decode("ascii", "replace")
            msg = f"this mlgates reads states of version {_VERSION}, got {version}"
            raise EvidenceError(msg)
        if hashlib.sha256(stream).digest() != digest:
            msg = "the SHA-256 does not fit: the state was changed or cut off"
            raise EvidenceError(msg)
        try:
            with pa.ipc.open_stream(stream) as reader:
                name, parts = json.loads(reader.schema.metadata[b"state"])
                batches = list(reader)
            for batch in batches:
                batch.validate(full=True)
            arrays = [column.values for batch in batches for column in batch.columns]
            if name == cls.__name__:
                return cls.from_parts(*_unpacked(parts, arrays))
        except (pa.ArrowException, LookupError, OSError, TypeError, ValueError) as error:
            msg = f"these bytes are no state of a counter: {error}"
            raise EvidenceError(msg) from error
        msg = f"these bytes are the state {name}, not {cls.__name__}"
        raise EvidenceError(msg)


def _packed(value: Any, arrays: list[pa.Array]) -> object:
    """Return a value as JSON; arrays are appended to `arrays` and replaced by their position."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [_packed(item, arrays) for item in value]
    if not isinstance(value, np.ndarray | pa.Array | pa.ChunkedArray):
        msg = f"a state cannot be written with a {type(value).__name__}"
        raise TypeError(msg)
    kind = "numpy" if isinstance(value, np.ndarray) else "arrow"
    if isinstance(value, pa.ChunkedArray):
        value = value.combine_chunks()
    arrays.append(value if kind == "arrow" else pa.array(value))
    return {kind: len(arrays) - 1}


def _unpacked(value: Any, arrays: list[pa.Array]) -> Any:
    if isinstance(value, list):
        return tuple(_unpacked(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    ((kind, position),) = value.items()
    array = arrays[position]
    return array if kind == "arrow" else array.to_numpy(zero_copy_only=False)


class BatchView:
    """Columns of one batch of rows, aligned row by row.

    Parameters
    ----------
    columns : mapping of str to ColumnView
        Columns of equal length.
    native : object
        The user's own table, for a user's callable.
    rows : int, optional
        Number of rows; by default that of the columns.

    Examples
    --------
    >>> from mlgates.tables.field import Field
    >>> arrays = {"a": pa.array([1, None, 3]), "b": pa.array([2, 2, 2])}
    >>> batch = BatchView({k: ColumnView(v, Field(k, "int", "int64")) for k, v in arrays.items()})
    >>> batch.rows, batch.missing("a", "b")
    (3, array([False,  True, False]))
    >>> batch.groups(["b"])
    (array([0, 0, 0]), array([0]))
    """

    def __init__(
        self, columns: Mapping[str, ColumnView], native: object = None, rows: int | None = None
    ) -> None:
        self.columns = columns
        self.native = native
        self.rows = next(iter(columns.values())).rows if rows is None else rows

    def __getitem__(self, name: str) -> ColumnView:
        return self.columns[name]

    def missing(self, *names: str) -> npt.NDArray[np.bool_]:
        """Return which rows are missing (null or NaN) in any of the columns."""
        mask = np.zeros(self.rows, np.bool_)
        for name in names:
            mask |= self.columns[name].missing_mask()
        return mask

    def groups(self, names: list[str] | tuple[str, ...]) -> tuple[Any, Any]:
        """Number rows by their combination of values; missing is a value of its own.

        Returns
        -------
        numbers : numpy.ndarray of int64, shape (rows,)
            Groups are numbered from 0 by their first appearance.
        first : numpy.ndarray of int64, shape (groups,)
            Each group's first row.
        """
        codes, size = np.zeros(self.rows, np.int64), 1
        for name in names:
            width = len(self.columns[name].encoded.dictionary) + 1
            codes, size = codes * width + (self.columns[name].codes + 1), size * width
            if size > self.rows:
                # Codes stay below the number of rows, so that no product overflows.
                distinct, codes = np.unique(codes, return_inverse=True)
                codes, size = codes.astype(np.int64, copy=False).reshape(-1), len(distinct)
        first = np.full(size, self.rows, np.int64)
        # Written from the back, so that each group's first row remains.
        first[codes[::-1]] = np.arange(self.rows - 1, -1, -1)
        order = np.argsort(first, kind="stable")[: np.count_nonzero(first < self.rows)]
        number = np.zeros(size, np.int64)
        number[order] = np.arange(len(order))
        return number[codes], first[order]


class Counter:
    """What is to be counted of a table: a frozen, hashable value.

    Subclass it as a frozen dataclass, name the `columns` that are read and implement `count`.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns that are read.
    needs_sorted : bool
        Whether `count` reads the sorted values, which are then sorted for many columns at once.
    needs_all_rows : bool
        Whether `count` must be given all rows as one batch; default no.
    subsumed_by : Counter or None
        A counter whose state answers the same questions: where it is counted, this one is not.
    """

    needs_sorted: ClassVar[bool] = False
    needs_all_rows: ClassVar[bool] = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are read."""
        raise NotImplementedError

    @property
    def subsumed_by(self) -> "Counter | None":
        """Return the counter in the place of which this one need not be counted; default none."""
        return None

    def count(self, batch: BatchView) -> State:
        """Return the state of one batch of rows; EvidenceError where nothing can be counted."""
        raise NotImplementedError


@dataclass(frozen=True)
class ColumnCounter(Counter):
    """A counter of one column."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column that is read."""
        return (self.column,)
