"""Unique: check that no two rows have the same key."""

from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal

from mlgates import options
from mlgates._gate import Gate, GateInfo, Positions
from mlgates.evidence import Evidence
from mlgates.gates._shared import Near, listed
from mlgates.printable import number_of
from mlgates.profile.counter import Counter
from mlgates.profile.keys import KeyCounter, KeyHashes
from mlgates.profile.scan import Profile
from mlgates.tables.field import TableSchema
from mlgates.verdict import Check, Limit, Measurement, format_value

__all__ = ["Unique"]


@dataclass(frozen=True, repr=False)
class Unique(Gate):
    """Check that no row, or only few rows, repeat the key of an earlier row.

    The key of a row is the tuple of its values in `columns`.

    Parameters
    ----------
    columns : str or sequence of str, optional
        The columns of the key. By default these are all columns, so that only rows that are equal
        as a whole are repeated.
    max_duplicates : float
        Largest share of the rows that may repeat the key of an earlier row.
    missing : {"ignore", "value"}
        What happens with a row in which a column of the key is missing (null or NaN). "ignore": the
        row is left out, as for a unique key in SQL. "value": the row is compared, and a missing
        value equals another missing value. A row in which all columns of the key are missing is
        left out in any case.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The values 1 and 1.0 are equal. Strings that differ in case or in blanks are different. Keys are
    compared by 128-bit hashes. Two different keys have the same hash with a probability of about
    2**-128. The hashes need 16 bytes per row, and about 70 bytes per row while they are compared,
    also for a file that is read in batches. If all keys are missing, the verdict is INCONCLUSIVE.

    Examples
    --------
    >>> visits = {"patient": [1, 1, 2, 1], "day": ["mo", "tu", "mo", "mo"]}
    >>> print(Unique(["patient", "day"]).run(data=visits).reason)
    1 of 4 rows (25 %) repeats the values of `patient`, `day` in an earlier row, first at row 3;
    the limit is at most 0 %
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    info = GateInfo(
        summary="no row repeats the key of an earlier row",
        metrics={"`duplicates`": "share of the rows that repeat the key of an earlier row"},
        fewest_rows="one row without a missing value in the columns",
    )
    columns: str | Iterable[str] | None = None
    _: KW_ONLY
    max_duplicates: float = 0.0
    missing: Literal["ignore", "value"] = "ignore"

    def __post_init__(self) -> None:
        self._convert("columns", options.some)
        self._convert("max_duplicates", options.share)
        options.choice("Unique", "missing", self.missing, ("ignore", "value"))
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """The kind of the gate, and the columns of the key: ``"unique:id,day"``."""
        return self.kind if self.columns is None else f"{self.kind}:{','.join(self.columns)}"

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what to count: rows that repeat the key of an earlier row.

        Nothing is yielded if a column of the key is not in the table.
        """
        counter = self._counter(schema)
        if all(column in schema for column in counter.key):
            yield counter

    def offending(self, evidence: Evidence) -> Positions:
        """Return the numbers of the rows that repeat the key of an earlier row."""
        source = evidence.source("data")
        counter = self._counter(source.schema)
        Near.require(counter.key, source.schema)
        keys: KeyHashes = Profile.of(source, [counter], columns=())[counter]
        return keys.repeated()

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the check of the share of rows that repeat the key of an earlier row."""
        schema = evidence.source("data").schema
        counter = self._counter(schema)
        Near.require(counter.key, schema)
        keys: KeyHashes = evidence.profile()[counter]
        limit = Limit(at_most=self.max_duplicates)
        share = keys.count / keys.n if keys.n else None
        subject = "rows" if self.columns is None else ", ".join(counter.key)
        of, earlier = "another row", "an earlier row"
        if self.columns is not None:
            of = f"the values of `{'`, `'.join(counter.key)}`"
            earlier = f"{of} in an earlier row"
        text = f"none of the {keys.n:,} rows repeats {of}"
        if keys.n == 1:
            only = "there is only 1 row"
            if keys.missing:
                only = (
                    f"only 1 row has {'a value' if self.missing == 'value' else 'no missing value'}"
                )
            text = f"{only}, so it can't repeat {of}"
        if keys.count:
            repeats = "repeats" if keys.count == 1 else "repeat"
            text = f"{keys.count:,} of {keys.n:,} rows ({format_value(share, limit, 'share')}) "
            text += f"{repeats} {earlier}"
        if keys.rows:  # merged parts have no row numbers
            text += f", first at row{'s' if len(keys.rows) > 1 else ''} {listed(keys.rows)}"
        empty = ""
        if keys.missing and not keys.n:
            empty = "the only row has" if keys.missing == 1 else f"all {keys.missing:,} rows have"
            empty += " no value" if self.missing == "value" else " a missing value"
            empty += "" if self.columns is None else f" in `{'`, `'.join(counter.key)}`"
        elif keys.missing:
            what = "no value" if self.missing == "value" else "a missing value"
            text += f"; {number_of(keys.missing, 'row has', 'rows have')} {what} (not counted)"
        details = {"count": keys.count, "missing": keys.missing, "rows": keys.rows}
        measured = Measurement(share, n=keys.n, method="count of hashed keys", details=details)
        yield Check.judge(
            subject,
            "duplicates",
            measured,
            limit,
            unit="share",
            said=text if keys.n else "",
            insufficient=empty,
        )

    def _counter(self, schema: TableSchema) -> KeyCounter:
        key = tuple(sorted(schema) if self.columns is None else map(str, self.columns))
        return KeyCounter(key, missing_is_value=self.missing == "value")
