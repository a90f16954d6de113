"""Base classes of counters, which describe what to count in a table, and of their results.

A counter is a frozen value that describes what to count. Its result for some rows is a state.
States of consecutive rows merge into one state.
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

__all__ = ["BatchView", "ColumnCounter", "Counter", "State", "check_groups"]

_MAGIC = b"mlgates state "
_VERSION = 1
_DIGEST = hashlib.sha256().digest_size


class State:
    """The result of a counter for some rows; states of consecutive rows can be merged.

    `to_bytes` and `from_bytes` work for every dataclass whose fields are None, bools, numbers,
    strings, numpy arrays, Arrow arrays, or tuples of these. Other classes implement `to_parts` and
    `from_parts`.
    """

    def merge(self, other: Any, shift: int) -> Self:
        """Return the state of these rows followed by those of `other`.

        Parameters
        ----------
        other : State
            State of the rows that follow.
        shift : int
            Number of rows before those of `other`. It is added to the row numbers in `other`.

        Returns
        -------
        State
            A new state; both old ones stay as they are.
        """
        raise NotImplementedError

    def finalize(self) -> None:
        """Compute now the results that are otherwise computed on first access."""

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` can build the state again.

        By default these are the fields of the dataclass.
        """
        declared = fields(self)  # type: ignore[arg-type]
        return tuple(getattr(self, field.name) for field in declared if field.init)

    @classmethod
    def from_parts(cls, *parts: Any) -> Self:
        """Build a state from the values that `to_parts` returned."""
        return cls(*parts)

    def to_bytes(self) -> bytes:
        """Serialize the state: a version, a SHA-256 and an Arrow IPC stream."""
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
        """Build a state from the bytes that `to_bytes` returned.

        Raises
        ------
        EvidenceError
            If the bytes are damaged, of another version, or of another class of state.
        """
        written, _, rest = data.partition(b"\n")
        digest, stream = rest[:_DIGEST], rest[_DIGEST:]
        if not written.startswith(_MAGIC):
            msg = "the bytes are not a state written by `to_bytes`"
            raise EvidenceError(msg)
        if written != _MAGIC + b"%d" % _VERSION:
            version = written.removeprefix(_MAGIC)[:20].decode("ascii", "replace")
            msg = f"the state has format version {version}, this mlgates reads version {_VERSION}"
            raise EvidenceError(msg)
        if hashlib.sha256(stream).digest() != digest:
            msg = "the SHA-256 of the state does not match: its bytes were changed or truncated"
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
            msg = f"the bytes are not a state written by `to_bytes`: {error}"
            raise EvidenceError(msg) from error
        msg = f"the bytes are a state of class {name}, expected {cls.__name__}"
        raise EvidenceError(msg)


def _packed(value: Any, arrays: list[pa.Array]) -> object:
    """Convert the parts of a state to JSON values; its arrays are appended to `arrays`.

    In the result, each array is replaced by its position in that list.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return [_packed(item, arrays) for item in value]
    if not isinstance(value, np.ndarray | pa.Array | pa.ChunkedArray):
        msg = (
            "a state can be written if it consists of None, bools, numbers, strings, arrays and "
            f"tuples of these, got {type(value).__name__}"
        )
        raise TypeError(msg)
    kind = "numpy" if isinstance(value, np.ndarray) else "arrow"
    if isinstance(value, pa.ChunkedArray):
        value = value.combine_chunks()
    arrays.append(value if kind == "arrow" else pa.array(value))
    return {kind: len(arrays) - 1}


def _unpacked(value: Any, arrays: list[pa.Array]) -> Any:
    """Restore the values that `_packed` converted, taking their arrays from `arrays`."""
    if isinstance(value, list):
        return tuple(_unpacked(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    ((kind, position),) = value.items()
    array = arrays[position]
    return array if kind == "arrow" else array.to_numpy(zero_copy_only=False)


class BatchView:
    """One batch of rows of a table: its columns, and the batch as the user gave it.

    Parameters
    ----------
    columns : mapping of str to ColumnView
        Columns of equal length.
    native : object
        The table as the user gave it, to be given to functions that the user wrote.
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
        """Return a mask, shape (rows,), that is true where any of these columns is null or NaN."""
        mask = np.zeros(self.rows, np.bool_)
        for name in names:
            mask |= self.columns[name].missing_mask()
        return mask

    def groups(
        self, names: list[str] | tuple[str, ...], most: int | None = None
    ) -> tuple[Any, Any]:
        """Number the groups of rows that have the same values in some columns.

        Missing cells are equal to each other.

        Raises
        ------
        EvidenceError
            If there are more than `most` groups. Columns with more values, such as identifiers, are
            detected before all their values are read.

        Returns
        -------
        numbers : numpy.ndarray of int64, shape (rows,)
            Groups are numbered from 0 by their first appearance.
        first : numpy.ndarray of int64, shape (groups,)
            Each group's first row.
        """
        codes, size = np.zeros(self.rows, np.int64), 1
        for name in names:
            if most is not None:
                check_groups(_least_distinct(self.columns[name], most), most)
            width = len(self.columns[name].encoded.dictionary) + 1
            codes, size = codes * width + (self.columns[name].codes + 1), size * width
            if size > self.rows:
                # Renumbered codes are less than the number of rows, so that no product overflows.
                distinct, codes = np.unique(codes, return_inverse=True)
                codes, size = codes.astype(np.int64, copy=False).reshape(-1), len(distinct)
        first = np.full(size, self.rows, np.int64)
        # Assigned in reverse order, so that the first row of each group is assigned last.
        first[codes[::-1]] = np.arange(self.rows - 1, -1, -1)
        order = np.argsort(first, kind="stable")[: np.count_nonzero(first < self.rows)]
        if most is not None:
            check_groups(len(order), most)
        number = np.zeros(size, np.int64)
        number[order] = np.arange(len(order))
        return number[codes], first[order]


def check_groups(number: int, most: int) -> None:
    """Raise EvidenceError if `number`, the slices that the option `by` makes, is above `most`."""
    if number > most:
        msg = f"`by` makes more than {most:,} slices; at most {most:,} are allowed"
        raise EvidenceError(msg)


def _least_distinct(view: ColumnView, most: int) -> int:
    """Return the number of distinct values of a column, or a lower bound of that number.

    A lower bound is returned only if it exceeds `most`. It is computed from the first rows, so that
    a column of identifiers is not read to its end.
    """
    if not view.is_encoded:
        # Missing cells and both zeros may be among them.
        first = len(view.plain.slice(0, 8 * most).unique()) - 3
        if first > most:
            return first
    return int(np.count_nonzero(view.code_counts))


class Counter:
    """Base class of counters: frozen, hashable values that describe what to count in a table.

    Subclasses are frozen dataclasses that define `columns` and `count`.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns that are read.
    needs_sorted : bool
        Whether `count` reads the sorted values; default False. If True, the scan sorts
        short columns of floats together, which is faster than one after another.
    needs_all_rows : bool
        Whether `count` needs all rows as one batch; default False.
    subsumed_by : Counter or None
        A counter whose state contains the same information; default None. If a run requests both,
        only the other one is counted.
    """

    needs_sorted: ClassVar[bool] = False
    needs_all_rows: ClassVar[bool] = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the counter reads."""
        raise NotImplementedError

    @property
    def subsumed_by(self) -> "Counter | None":
        """Another counter that makes this one unnecessary, or None."""
        return None

    def count(self, batch: BatchView) -> State:
        """Count in one batch of rows, and return the result as a state.

        Raises
        ------
        EvidenceError
            If the columns are of a type that cannot be counted.
        """
        raise NotImplementedError

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all rows of a batch that violate the rule, in ascending order.

        Only `mlgates.profile.offending` calls it, for counters of violations.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class ColumnCounter(Counter):
    """Base class of counters that read one column."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of the column, in a tuple of one."""
        return (self.column,)
