"""Find the row numbers of all violations of a rule. Counters keep only the first five."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlgates.profile.counter import BatchView, Counter, State
from mlgates.profile.scan import Profile
from mlgates.tables.source import Source

__all__ = ["violating_rows"]

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _RowNumbers(State):
    """The row numbers of some rows of a table, from 0 and in ascending order."""

    rows: Positions

    def merge(self, other: "_RowNumbers", shift: int) -> "_RowNumbers":
        return _RowNumbers(np.concatenate([self.rows, other.rows + shift]))


@dataclass(frozen=True)
class _ViolatingRows(Counter):
    """Find the row numbers of all rows that violate the rule of `counter`.

    `counter` is an object that counts the violations of a rule, such as `Missing`.
    """

    counter: Counter

    @property
    def columns(self) -> tuple[str, ...]:
        return self.counter.columns

    @property
    def needs_all_rows(self) -> bool:  # type: ignore[override]
        return self.counter.needs_all_rows

    def count(self, batch: BatchView) -> _RowNumbers:
        return _RowNumbers(self.counter.violating(batch))


def violating_rows(source: Source, counters: Iterable[Counter]) -> Positions:
    """Return the numbers of all rows that violate the rule of at least one counter.

    A counter is an object that counts the violations of a rule, such as `Missing`. Rows are
    numbered from 0, and the result is in ascending order. The table is read once. If a counter
    raises an exception, this function raises it.

    Examples
    --------
    >>> from mlgates.profile.counters import Missing, Outside
    >>> from mlgates.tables.source import as_source
    >>> source = as_source({"age": [31, None, -1, 44], "name": ["Ann", "Bea", "Cy", None]})
    >>> violating_rows(source, [Outside("age", at_least=0), Missing("name")])
    array([2, 3])
    """
    wanted = [_ViolatingRows(counter) for counter in dict.fromkeys(counters)]
    profile = Profile.of(source, wanted, columns=())
    rows = [profile[counter].rows for counter in wanted]
    return np.unique(np.concatenate([np.empty(0, np.int64), *rows]))
