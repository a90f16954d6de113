"""Counter of the keys of rows, which are kept as hashes.

A key is the tuple of a row's values in some columns. With the hashes, keys can be found that occur
in several rows of a table, or in two tables.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.profile.counter import BatchView, Counter, State
from mlgates.tables.hashing import RowHashes, row_hashes

__all__ = ["KeyCounter", "KeyHashes"]

#: Number of row numbers that a report shows.
_SHOWN = 5
#: Stands for the row number of a part's first row if that number is not known.
_UNKNOWN = -1

Positions = npt.NDArray[np.int64]


class _Part(NamedTuple):
    """The hashes of the keys of some consecutive rows.

    `rows` has for each key its position among these rows, from 0. It is None if all rows have a
    key, or if row numbers are not known. `start` is the row number, in the whole table, of the
    first of these rows. It is -1 if row numbers are not known.
    """

    hashes: RowHashes
    rows: Positions | None
    start: int


class KeyHashes(State):
    """The hashes of the keys of all rows, 16 bytes per row; the result of `KeyCounter`.

    The key of a row is the tuple of its values in some columns. With the hashes, keys are found
    that occur in several rows of a table, or in two tables.

    Attributes
    ----------
    n : int
        Number of rows with a key.
    missing : int
        Number of rows without a key. A row has no key if its value in one of the key's columns is
        missing. With ``KeyCounter(key, missing_is_value=True)``, it has no key only if all these
        values are missing.
    count : int
        Number of rows that repeat the key of an earlier row.
    rows : tuple of int
        Row numbers, from 0, of the first five rows that repeat an earlier key.
    """

    def __init__(self, missing: int, *parts: _Part) -> None:
        self.missing = missing
        self._parts = parts
        self.n = sum(part.hashes.shape[1] for part in parts)

    @property
    def count(self) -> int:
        """Number of rows that repeat the key of an earlier row.

        The key of a row is the tuple of its values in some columns.
        """
        return self._repeats[0]

    @property
    def rows(self) -> tuple[int, ...]:
        """Row numbers, from 0, of the first five rows that repeat the key of an earlier row."""
        return self._repeats[1]

    @cached_property
    def _repeats(self) -> tuple[int, tuple[int, ...]]:
        places = self.repeated()
        if self._is_unordered:
            return len(places), ()
        first = np.partition(places, _SHOWN)[:_SHOWN] if len(places) > _SHOWN else places
        return len(places), tuple(int(row) for row in np.sort(first))

    @property
    def _is_unordered(self) -> bool:
        return any(part.start == _UNKNOWN for part in self._parts)

    def repeated(self) -> Positions:
        """Return the row numbers of all rows that repeat the key of an earlier row.

        They are in no particular order.
        """
        hashes, rows = self._joined()
        order = _rows_by_hash(hashes)
        repeated = np.ones(max(self.n - 1, 0), np.bool_)
        for side in hashes:
            ordered = side[order]
            repeated &= ordered[1:] == ordered[:-1]
        return rows[order[1:][repeated]]

    def shared_with(self, other: "KeyHashes") -> tuple[Positions, Positions]:
        """Find the rows of this table with a key that also occurs in another table.

        Returns two arrays of the same length. The first has the row numbers of these rows, in
        ascending order. The second has for each of them the number of a row of the other table with
        the same key.

        Examples
        --------
        >>> from mlgates.profile.scan import Profile
        >>> keys = KeyCounter(("id",))
        >>> one, other = (Profile.of({"id": ids}, [keys])[keys] for ids in ([7, 8, 9], [9, 7]))
        >>> one.shared_with(other)
        (array([0, 2]), array([1, 0]))
        """
        hashes, rows = self._joined()
        theirs, their_rows = other._joined()  # noqa: SLF001
        order = _rows_by_hash(theirs)
        ordered = theirs[0][order]
        at = np.searchsorted(ordered, hashes[0])
        found = np.zeros(self.n, np.bool_)
        partner = np.zeros(self.n, np.int64)
        open_rows = np.arange(self.n)
        while len(open_rows):  # once, unless different keys have the same first hash
            open_rows = open_rows[at[open_rows] < other.n]
            open_rows = open_rows[ordered[at[open_rows]] == hashes[0][open_rows]]
            match = order[at[open_rows]]
            same = theirs[1][match] == hashes[1][open_rows]
            found[open_rows[same]] = True
            partner[open_rows[same]] = match[same]
            open_rows = open_rows[~same]
            at[open_rows] += 1
        return rows[found], their_rows[partner[found]]

    def _joined(self) -> tuple[RowHashes, Positions]:
        """Return the hashes of all merged parts in one array, and the row number of each key."""
        hashes = [part.hashes for part in self._parts]
        rows = [
            part.start + (np.arange(part.hashes.shape[1]) if part.rows is None else part.rows)
            for part in self._parts
        ]
        if not hashes:
            return np.empty((2, 0), np.uint64), np.empty(0, np.int64)
        whole = hashes[0] if len(hashes) == 1 else np.concatenate(hashes, axis=1)
        return whole, np.concatenate(rows)

    def finalize(self) -> None:
        """Count the rows with repeated keys now instead of when `count` or `rows` is first read."""
        _ = self._repeats

    def merge(self, other: State, shift: int) -> "KeyHashes":
        """Return the keys of the rows of `self` followed by the rows of `other`.

        `shift` is the number of rows that `self` covers. It is added to the row numbers of `other`.
        """
        if not isinstance(other, KeyHashes):
            raise TypeError(
                f"KeyHashes can be merged with KeyHashes only, got {type(other).__name__}"
            )
        parts = (
            part if part.start == _UNKNOWN else part._replace(start=part.start + shift)
            for part in other._parts  # noqa: SLF001
        )
        return KeyHashes(self.missing + other.missing, *self._parts, *parts)

    def unordered(self) -> "KeyHashes":
        """Return a copy without row numbers, which can be merged in any order."""
        parts = (_Part(part.hashes, None, _UNKNOWN) for part in self._parts)
        return KeyHashes(self.missing, *parts)

    def to_parts(self) -> tuple[Any, ...]:
        """Return the values from which `from_parts` creates the same object.

        They are the number of rows without a key, and a tuple for each merged part of the table. A
        tuple has the first and the second hash of each key, and the fields `rows` and `start` of
        `_Part`: the position of each key's row within the part, and the row number of the part's
        first row in the table.
        """
        return self.missing, *((p.hashes[0], p.hashes[1], p.rows, p.start) for p in self._parts)

    @classmethod
    def from_parts(cls, *parts: Any) -> "KeyHashes":
        """Create the object from `parts`, the values that its method `to_parts` returned."""
        missing, *rest = parts
        return cls(missing, *(_Part(np.stack([a, b]), rows, at) for a, b, rows, at in rest))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyHashes):
            return NotImplemented
        if self.missing != other.missing or self._is_unordered != other._is_unordered:
            return False
        (ours, our_rows), (theirs, their_rows) = self._joined(), other._joined()
        if self._is_unordered:
            ours, theirs = (side[:, _rows_by_hash(side)] for side in (ours, theirs))
            return np.array_equal(ours, theirs)
        return np.array_equal(ours, theirs) and np.array_equal(our_rows, their_rows)

    def __repr__(self) -> str:
        return f"KeyHashes(count={self.count}, n={self.n}, rows={self.rows})"


def _rows_by_hash(hashes: RowHashes) -> Positions:
    """Return the positions of hashes in ascending order of the hashes.

    Equal hashes keep the order of the table.
    """
    order = np.argsort(hashes[0], kind="stable")
    first = hashes[0][order]
    same = first[1:] == first[:-1]
    second = hashes[1][order]
    if np.any(same & (second[1:] != second[:-1])):
        return np.lexsort((hashes[1], hashes[0]))
    return order


@dataclass(frozen=True)
class KeyCounter(Counter):
    """Compute a hash of each row's key: of its values in some columns.

    The result is a `KeyHashes`. Its attribute `n` is the number of rows with a key, and `count` the
    number of rows that repeat the key of an earlier row. `rows` has the row numbers of the first
    five of these.

    Parameters
    ----------
    key : tuple of str
        The columns, at least one.
    missing_is_value : bool
        If True, a missing value is a value like any other, and equals all other missing values.
        Only rows in which all columns of the key are missing have no key. If False, a row has no
        key if at least one of these columns is missing.

    Examples
    --------
    >>> from mlgates.profile.scan import Profile
    >>> keys = KeyCounter(("id", "day"))
    >>> table = {"id": [1, 1, 2, 1], "day": ["mo", "tu", None, "mo"]}
    >>> Profile.of(table, [keys])[keys]
    KeyHashes(count=1, n=3, rows=(3,))
    """

    key: tuple[str, ...]
    missing_is_value: bool = False
    compares_rows: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that make up the key of a row."""
        return self.key

    def count(self, batch: BatchView) -> KeyHashes:
        """Compute a hash of the key of each row in one batch."""
        hashes = row_hashes([(batch[name].array, batch[name].field) for name in self.key])
        masks = [batch.missing(name) for name in self.key]
        without = (np.logical_and if self.missing_is_value else np.logical_or).reduce(masks)
        if not without.any():
            return KeyHashes(0, _Part(hashes, None, 0))
        rows = np.flatnonzero(~without)
        return KeyHashes(int(np.count_nonzero(without)), _Part(hashes[:, rows], rows, 0))
