"""Leakage: check that no rows of the data, or only a few, are also in the reference."""

from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import ClassVar

from mlgates import options
from mlgates._gate import Gate, GateInfo, Positions
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import Near
from mlgates.printable import number_of
from mlgates.profile.counter import Counter
from mlgates.profile.keys import KeyCounter, KeyHashes
from mlgates.profile.scan import Profile
from mlgates.tables.field import TableSchema
from mlgates.verdict import Check, Limit, Measurement, format_value

__all__ = ["Leakage"]

#: Pairs of rows that a report names.
_SHOWN = 5


@dataclass(frozen=True, repr=False)
class Leakage(Gate):
    """Check that rows of `data`, such as a test set, are not in `reference`, the training set.

    Parameters
    ----------
    columns : str or sequence of str, optional
        The columns by which rows are compared, such as the id of a patient; by default all columns
        that both tables have.
    at_most : float
        Largest share of rows of `data` that are also in `reference`.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    Values are compared in the common type of both tables: 1 and 1.0 are equal. A missing value
    equals another missing value, but rows in which all values are missing are not counted. If a
    table has few distinct rows, for example because it has three columns of few categories each,
    rows can be equal without a leak. Then name the columns of a key in `columns`, or raise
    `at_most`.

    Rows are compared by 128-bit hashes. Two different rows have the same hash with a probability of
    about 2**-128. The hashes need 16 bytes for each row of both tables. The reference must be a
    table: a `Baseline` has statistics of a table instead of its rows.

    Examples
    --------
    >>> train = {"id": [1, 2, 3], "age": [31, 44, 45]}
    >>> test = {"id": [4, 2], "age": [52, 44]}
    >>> print(Leakage("id").run(data=test, reference=train).reason)
    1 of 2 rows (50 %) has the same `id` as a row of the reference: row 1 (row 1 there); the
    limit is at most 0 %
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data", "reference"})
    info = GateInfo(
        summary="no row of the data (test rows) is also in the reference (training rows)",
        metrics={"`leakage`": "share of the rows of the data that are also in the reference"},
        fewest_rows="one row in each table",
    )
    columns: str | Iterable[str] | None = None
    _: KW_ONLY
    at_most: float = 0.0

    def __post_init__(self) -> None:
        self._convert("columns", options.some)
        self._convert("at_most", options.share)
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """The kind of the gate, and the columns that are compared: ``"leakage:patient"``."""
        return self.kind if self.columns is None else f"{self.kind}:{','.join(self.columns)}"

    def request_counts(self, evidence: Evidence) -> None:
        """Request that the rows of both tables are hashed while the tables are read."""
        evidence.request(partial(self._keys, evidence), partial(self._keys, evidence))

    def offending(self, evidence: Evidence) -> Positions:
        """Return the numbers of the rows that are also in the reference."""
        keys, theirs = self._hashes(evidence)
        return keys.shared_with(theirs)[0]

    def _hashes(self, evidence: Evidence) -> tuple[KeyHashes, KeyHashes]:
        """Return the hashes of the rows of both tables.

        EvidenceError is raised if the reference is a baseline.
        """
        reference = evidence.reference()
        if isinstance(evidence["reference"], Profile) or not isinstance(reference, Profile):
            raise EvidenceError(
                "the reference is a baseline, which has no rows; pass the table itself"
            )
        counter = self._counter(evidence)
        return evidence.profile()[counter], reference[counter]

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the check of the share of rows that are also in the reference."""
        keys, theirs = self._hashes(evidence)
        counter = self._counter(evidence)
        shared, others = keys.shared_with(theirs)
        count = len(shared)
        pairs = tuple(zip(shared[:_SHOWN].tolist(), others[:_SHOWN].tolist(), strict=True))
        limit = Limit(at_most=self.at_most)
        share = count / keys.n if keys.n and theirs.n else None
        subject = "rows" if self.columns is None else ", ".join(counter.key)
        ours = "the only row is not" if keys.n == 1 else f"none of the {keys.n:,} rows is"
        text = f"{ours} in the reference ({number_of(theirs.n, 'row')})"
        if count:
            have = "has" if count == 1 else "have"
            same = f"the same `{'`, `'.join(counter.key)}` as a row of the reference"
            if self.columns is None:
                have, same = ("is" if count == 1 else "are"), "also in the reference"
            shown = [f"row {ours:,} (row {other:,} there)" for ours, other in pairs]
            text = f"{count:,} of {keys.n:,} rows ({format_value(share, limit, 'share')}) "
            text += f"{have} {same}: {', '.join(shown)}"
        empty = ""
        if share is None:
            text, empty = "", f"the {'reference' if keys.n else 'data'} has no rows with values"
        elif keys.missing:
            text += f"; {number_of(keys.missing, 'row has', 'rows have')} no value (not counted)"
        details = {"count": count, "pairs": pairs, "columns": counter.key}
        measured = Measurement(share, n=keys.n, method="count of hashed rows", details=details)
        yield Check.judge(
            subject, "leakage", measured, limit, unit="share", said=text, insufficient=empty
        )

    def _counter(self, evidence: Evidence) -> KeyCounter:
        """Return the counter of row hashes; raise EvidenceError if the tables share no column."""
        ours, theirs = (evidence.source(name).schema for name in ("data", "reference"))
        names = tuple(sorted(name for name in ours if name in theirs))
        if self.columns is not None:
            names = tuple(map(str, self.columns))
            for table, schema in (("data", ours), ("reference", theirs)):
                absent = [name for name in names if name not in schema]
                if absent:
                    hint = Near(absent, schema).hint(absent[0])
                    raise EvidenceError(f"`{absent[0]}` is not in `{table}`{hint}")
        if not names:
            raise EvidenceError("`data` and `reference` have no column in common")
        return KeyCounter(names, missing_is_value=True)

    def _keys(self, evidence: Evidence, _: TableSchema) -> Iterable[Counter]:
        return (self._counter(evidence),)
