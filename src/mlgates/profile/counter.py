"""Base classes of counters and of their results.

A counter is an immutable object that says what to count in a table. Its result for some rows is
called a state. The states of consecutive rows can be merged into the state of all these rows.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import CodeType, FunctionType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.profile import serialization
from mlgates.profile.column import ColumnView

__all__ = [
    "BatchView",
    "ColumnCounter",
    "Counter",
    "State",
    "check_groups",
    "state_classes",
    "state_of",
]


class State:
    """Base class of the results of counters; the results of consecutive rows can be merged.

    A counter is an object that says what to count in a table.

    `to_bytes` and `from_bytes` work for every dataclass with fields that are None, bools, numbers,
    strings, numpy arrays, Arrow arrays, or tuples of these. Other subclasses implement `to_parts`
    and `from_parts`.
    """

    def merge(self, other: Any, shift: int) -> Self:
        """Return the result for the rows of `self` followed by the rows of `other`.

        Parameters
        ----------
        other : State
            Result for the rows that follow those of `self`.
        shift : int
            Number of rows that `self` covers. It is added to the row numbers in `other`.

        Returns
        -------
        State
            A new object; `self` and `other` are not changed.
        """
        raise NotImplementedError

    def finalize(self) -> None:
        """Compute now what would otherwise be computed when an attribute is first read.

        A scan calls this method of each result. By default it does nothing.
        """

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        By default these are the fields of the dataclass. `to_bytes` writes them.
        """
        declared = fields(self)  # type: ignore[arg-type]
        return tuple(getattr(self, field.name) for field in declared if field.init)

    @classmethod
    def from_parts(cls, *parts: Any) -> Self:
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        return cls(*parts)

    def unordered(self) -> Self:
        """Return a copy without row numbers and all else that depends on the order of the rows.

        Such copies can be merged in any order. By default this is the object itself.
        """
        return self

    def to_bytes(self) -> bytes:
        """Return the object as bytes, from which `from_bytes` creates an equal object.

        The bytes are a version, a SHA-256 and a stream in Arrow's IPC format.
        """
        return serialization.to_bytes("state", (type(self).__name__, self.to_parts()))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Create an object from the bytes that `to_bytes` returned.

        Raises
        ------
        EvidenceError
            If the bytes are damaged, or were written by another version or from another class.
        """
        name, parts = serialization.from_bytes("state", data)
        if name != cls.__name__:
            raise EvidenceError(f"the bytes must be a state of class {cls.__name__}, got {name}")
        try:
            return cls.from_parts(*parts)
        except (pa.ArrowException, LookupError, TypeError, ValueError) as error:
            raise EvidenceError(
                f"the bytes are not a state written by `to_bytes`: {error}"
            ) from error


def state_classes() -> dict[str, type[State]]:
    """Return a dict of all subclasses of `State` that were imported, by class name."""
    return {each.__name__: each for each in _subclasses(State)}


def state_of(
    name: str, parts: tuple[Any, ...], classes: Mapping[str, type[State]] | None = None
) -> State:
    """Create a `State` from the name of its class and the values that its `to_parts` returned.

    `classes` maps names to classes. By default it is ``state_classes()``; pass this result if you
    create many objects, because each call takes time. EvidenceError is raised if `classes` has no
    class with this name. The module that defines the class must have been imported.
    """
    classes = state_classes() if classes is None else classes
    if name not in classes:
        msg = f"the Python class {name!r} of a stored result is not known; import the module that "
        msg += "defines the class"
        raise EvidenceError(msg)
    return classes[name].from_parts(*parts)


def _subclasses(of: type[State]) -> list[type[State]]:
    return [each for sub in of.__subclasses__() for each in (sub, *_subclasses(sub))]


class BatchView:
    """One batch of rows of a table: its columns, and the batch as the user gave it.

    Parameters
    ----------
    columns : mapping of str to ColumnView
        Columns of equal length.
    native : object
        The batch in the container that the user gave. Functions of the user are called with it.
    rows : int, optional
        Number of rows. By default it is the length of the columns.

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
        """Return a mask that is True where at least one of the named columns is null or NaN.

        The mask has one element for each row.
        """
        mask = np.zeros(self.rows, np.bool_)
        for name in names:
            mask |= self.columns[name].missing_mask()
        return mask

    def groups(
        self, names: list[str] | tuple[str, ...], most: int | None = None
    ) -> tuple[Any, Any]:
        """Assign each row to the group of rows that have the same values in some columns.

        Two missing values count as equal.

        Raises
        ------
        EvidenceError
            If there are more than `most` groups. A column with more than `most` distinct values,
            such as a column of identifiers, is detected before all its values are read.

        Returns
        -------
        numbers : numpy.ndarray of int64, shape (rows,)
            Number of each row's group. Groups are numbered from 0 in order of their first rows.
        first : numpy.ndarray of int64, shape (groups,)
            Position of each group's first row.
        """
        codes, size = np.zeros(self.rows, np.int64), 1
        for name in names:
            if most is not None:
                check_groups(_least_distinct(self.columns[name], most), most)
            width = len(self.columns[name].encoded.dictionary) + 1
            codes, size = codes * width + (self.columns[name].codes + 1), size * width
            if size > self.rows:
                # After renumbering, all codes are less than the number of rows, so the product of
                # codes and widths cannot overflow.
                distinct, codes = np.unique(codes, return_inverse=True)
                codes, size = codes.astype(np.int64, copy=False).reshape(-1), len(distinct)
        first = np.full(size, self.rows, np.int64)
        # Assign in reverse order: the last assignment of a group is then its first row.
        first[codes[::-1]] = np.arange(self.rows - 1, -1, -1)
        order = np.argsort(first, kind="stable")[: np.count_nonzero(first < self.rows)]
        if most is not None:
            check_groups(len(order), most)
        number = np.zeros(size, np.int64)
        number[order] = np.arange(len(order))
        return number[codes], first[order]


def check_groups(number: int, most: int) -> None:
    """Raise EvidenceError if there are more groups of rows than allowed.

    `number` is the number of groups that the option `by` of a gate makes, and `most` the largest
    number allowed.
    """
    if number > most:
        raise EvidenceError(f"`by` makes more than {most:,} slices; at most {most:,} are allowed")


def _least_distinct(view: ColumnView, most: int) -> int:
    """Return the number of distinct values of a column, or a lower bound that exceeds `most`.

    The lower bound is computed from the first rows. It is returned so that a column of identifiers
    need not be read to its end.
    """
    if not view.is_encoded:
        # Subtract 3: null, NaN and -0.0 may be among the distinct values.
        first = len(view.plain.slice(0, 8 * most).unique()) - 3
        if first > most:
            return first
    return int(np.count_nonzero(view.code_counts))


class Counter:
    """Base class of counters, which say what to count in a table.

    The method `count` counts in one batch of rows and returns the result, a `State`. The results of
    all batches are merged into the result for the table.

    Counters are frozen and hashable. Subclasses are frozen dataclasses that define `columns` and
    `count`.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns that the counter reads.
    needs_all_rows : bool
        Whether `count` must be called with all rows of the table at once. Default False.
    compares_rows : bool
        Whether the counter compares rows with each other, for example to find duplicates. Then no
        row can be judged without the others. Default False.
    subsumed_by : Counter or None
        Another counter with a result that contains everything that this one counts. If a run
        requests both, only the other counter is applied. Default None.
    """

    needs_all_rows: ClassVar[bool] = False
    compares_rows: ClassVar[bool] = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that the counter reads."""
        raise NotImplementedError

    @property
    def subsumed_by(self) -> "Counter | None":
        """Another counter with a result that contains everything that this one counts, or None.

        If a run requests both, only the other counter is applied.
        """
        return None

    @property
    def identity(self) -> str:
        """A string that is equal for two counters if they count the same, in any process.

        It consists of the name of the class, the columns, and a SHA-256 of the fields that are used
        to compare counters. Fields that have their default value are left out.
        """
        text = json.dumps(_canonical(self), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        return " ".join([type(self).__name__, *self.columns, digest])

    def count(self, batch: BatchView) -> State:
        """Count in one batch of rows, and return the result as a `State`.

        Raises
        ------
        EvidenceError
            If a column has a type that cannot be counted.
        """
        raise NotImplementedError

    def violating(self, batch: BatchView) -> npt.NDArray[np.int64]:
        """Return the positions of all rows of a batch that violate the counter's rule.

        The positions are in ascending order. Only counters that test a rule have this method. It is
        called to show a user all offending rows, because the result of `count` has only the first
        five.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class ColumnCounter(Counter):
    """Base class of counters that read a single column; `column` is its name.

    A counter is an object that says what to count.
    """

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """A tuple with the name of the column."""
        return (self.column,)


def _canonical(value: Any) -> object:
    """Convert a counter, or the value of one of its fields, to JSON for `Counter.identity`."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, tuple):
        return [_canonical(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        kept = {
            field.name: _canonical(getattr(value, field.name))
            for field in fields(value)
            if field.compare and field.init
            if field.default is MISSING or getattr(value, field.name) != field.default
        }
        return {type(value).__name__: kept}
    if isinstance(value, FunctionType):
        # The name alone is not enough, because all lambdas of a module have the same name.
        known = (value.__defaults__, *(cell.cell_contents for cell in value.__closure__ or ()))
        content = [_canonical(value.__code__), _canonical(known)]
        return {"function": [value.__module__, value.__qualname__, content]}
    if isinstance(value, CodeType):
        return [value.co_code.hex(), _canonical(value.co_consts), _canonical(value.co_names)]
    return {type(value).__name__: repr(value)}
