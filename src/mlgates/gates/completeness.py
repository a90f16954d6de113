"""Completeness: cells are not missing, and records are not missing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar

from mlgates import options
from mlgates.base import Gate
from mlgates.data.counters import Counter, In, Missing, ValueCounts, Violations
from mlgates.data.groups import GroupMissing, MissingBy, MissingWhere
from mlgates.data.profile import Profile
from mlgates.data.source import Field, TableSchema
from mlgates.errors import EvidenceError, OptionError
from mlgates.evidence import Evidence
from mlgates.gates.violations import listed, share_check
from mlgates.verdict import Check, Limit, Measurement, Verdict, quantity

__all__ = ["Completeness"]

Slices = str | tuple[str, ...] | tuple[tuple[str, Callable[..., object]], ...]

# what stands for missing in many files; never counted unless listed, only pointed at
_SUSPECTS: dict[str, tuple[object, ...]] = {
    "string": ("", " ", "?", "NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "None", "-"),
    "int": (-999, -9999, -99999),
    "float": (-999, -9999, -99999),
}
_SUSPICIOUS = 0.01
_MOST_SLICES = 1_000


@dataclass(frozen=True, repr=False)
class Completeness(Gate):
    """At most a share of the cells of each column is missing, and enough records are there.

    Parameters
    ----------
    columns : str or sequence of str, optional
        Columns to judge; every column by default. One that is not in the table is ERROR.
    max_missing : float
        Largest share of missing cells (null, NaN or one of `missing_values`) in a column.
    min_rows, max_rows : int
        Bounds for the number of rows; 0 rows FAIL by default.
    missing_values : sequence
        Values that stand for missing, such as ``"?"`` or ``-999``. A text never equals a number.
    expected : mapping of str to sequence, optional
        ``{"store": ["S1", "S2"]}``: each of these values must have rows.
    by : str, sequence of str, or mapping of str to callable, optional
        Judge each column in each slice instead of in total: by the values of a column or of several,
        or by conditions on the table that give one bool a row.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    Missing is null + NaN, in every kind of table. Values such as ``"?"`` that often stand for missing
    are never counted unless listed; where they are more than 1 % of a column the reason says so.

    Examples
    --------
    >>> gate = Completeness(max_missing=0.05, min_rows=3)
    >>> result = gate.run(data={"bmi": [21.5, None, 30.1], "sex": ["f", "m", "f"]})
    >>> print(result.checks[1].reason)
    1 of 3 cells of `bmi` (33.3 %) are missing, first at row 1; the limit is at most 5 %
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    columns: str | Iterable[str] | None = None
    _: KW_ONLY
    max_missing: float = 0.0
    min_rows: int = 1
    max_rows: int | None = None
    missing_values: Iterable[Any] = ()
    expected: Mapping[str, Iterable[Any]] | tuple[tuple[str, tuple[Any, ...]], ...] | None = field(
        default=None, metadata={"mapping": True}
    )
    by: str | Iterable[str] | Mapping[str, Callable[..., object]] | Slices | None = None

    def __post_init__(self) -> None:
        kind = "Completeness"
        if self.columns is not None:
            self._set("columns", _some(kind, "columns", self.columns))
        self._set("max_missing", options.share(kind, "max_missing", self.max_missing))
        self._set("min_rows", options.count(kind, "min_rows", self.min_rows))
        if self.max_rows is not None:
            self._set("max_rows", options.count(kind, "max_rows", self.max_rows))
            if self.max_rows < self.min_rows:
                msg = f"{kind}: `min_rows` must not be greater than `max_rows`, got {self.min_rows} and {self.max_rows}"
                raise OptionError(msg)
        self._set("missing_values", _scalars("missing_values", self.missing_values, empty=True))
        if self.expected is not None:
            self._set("expected", _expected(self.expected))
        if self.by is not None:
            self._set("by", _slices(self.by))
        super().__post_init__()

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what the scan must count: missing cells, in total or by slice, and values."""
        columns = [name for name in self._judged(schema) if name in schema]
        for column in columns:
            yield from (c for c in (self._sentinels(schema[column]), _suspects(schema[column])) if c)
            if self.by is None:
                yield Missing(column)
        if self.by is not None:
            yield self._grouped(tuple(columns))
        for column, _ in self.expected or ():
            if column in schema and schema[column].kind not in ("nested", "unreadable"):
                yield ValueCounts(column)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the number of rows, then the missing cells, then the values expected."""
        schema, profile = evidence.source("data").schema, evidence.profile()
        limit = Limit(self.min_rows, self.max_rows)
        rows = Measurement(profile.rows, n=profile.rows, method="count")
        said = f"the table has {profile.rows:,} rows"
        yield Check.judge("rows", "rows", rows, limit, min_n=0, unit="rows", said=said)
        columns = self._judged(schema)
        for column in columns:
            if column not in schema:
                yield _unknown(column, "missing", schema)
            elif self.by is None:
                yield self._missing_check(schema[column], profile)
        if self.by is not None:
            yield from self._sliced(profile, tuple(c for c in columns if c in schema))
        for column, values in self.expected or ():
            yield _expected_check(column, tuple(values), schema, profile)

    def _judged(self, schema: TableSchema) -> tuple[str, ...]:
        if self.columns is None:
            return tuple(schema)
        return tuple(self.columns)

    def _sentinels(self, found: Field) -> In | None:
        return In(found.name, tuple(self.missing_values)) if self.missing_values and _holds_values(found) else None

    def _missing_check(self, found: Field, profile: Profile) -> Check:
        missing: Violations = profile[Missing(found.name)]
        listed_as: Violations | None = None
        sentinels = self._sentinels(found)
        if sentinels is not None:
            listed_as = profile[sentinels]
            rows = tuple(sorted({*missing.rows, *listed_as.rows})[:5])
            missing = Violations(missing.count + listed_as.count, missing.n, rows)
        return share_check(
            found.name,
            "missing",
            missing,
            "missing",
            at_most=self.max_missing,
            cells="cells",
            hint=_suspicion(found, profile, tuple(self.missing_values)),
        )

    def _grouped(self, columns: tuple[str, ...]) -> MissingBy | MissingWhere:
        by: Any = self.by
        values = tuple(self.missing_values)
        if isinstance(by[0], str):
            return MissingBy(columns, by, values)
        return MissingWhere(columns, by, values)

    def _sliced(self, profile: Profile, columns: tuple[str, ...]) -> Iterator[Check]:
        counter = self._grouped(columns)
        found: GroupMissing = profile[counter]
        if len(found.groups) > _MOST_SLICES:
            msg = f"`by` makes {len(found.groups):,} slices; at most {_MOST_SLICES:,} can be judged"
            raise EvidenceError(msg)
        names = counter.by if isinstance(counter, MissingBy) else ()
        for key, rows, missing in found.groups or (((), 0, (0,) * len(columns)),):
            for column, count in zip(columns, missing, strict=True):
                yield share_check(
                    column,
                    "missing",
                    Violations(count, rows, ()),
                    "missing",
                    at_most=self.max_missing,
                    cells="cells",
                    group=_slice_name(names, key),
                )


def _slice_name(names: tuple[str, ...], key: tuple[object, ...]) -> str | None:
    """Return ``"sex=f, age=31"`` for the values of columns, or the name that a condition was given."""
    if not names:
        return str(key[0]) if key else None
    values = ("(missing)" if value is None else value for value in key)
    return ", ".join(f"{name}={value}" for name, value in zip(names, values, strict=False)) or None


def _holds_values(found: Field) -> bool:
    return found.kind not in ("nested", "unreadable", "null")


def _suspects(found: Field) -> In | None:
    """Return the counter of values that often stand for missing; None where the type has none."""
    known = _SUSPECTS.get(found.kind)
    return None if known is None else In(found.name, known)


def _suspicion(found: Field, profile: Profile, listed_values: tuple[object, ...]) -> str:
    counter = _suspects(found)
    if counter is None:
        return ""
    suspects: Violations = profile[counter]
    if listed_values or suspects.count <= _SUSPICIOUS * suspects.n:
        return ""
    some = f"{quantity(suspects.count / suspects.n, 'share')} of the values"
    kinds = "empty, '?', 'NA' or the like" if found.kind == "string" else "-999 or the like"
    return f"{some} are {kinds}; list them in `missing_values` if they stand for missing"


def _expected_check(column: str, values: tuple[object, ...], schema: TableSchema, profile: Profile) -> Check:
    if column not in schema:
        return _unknown(column, "expected", schema)
    counts = profile[ValueCounts(column)]
    absent = tuple(value for value in values if counts[value] == 0)
    said = f"each of the {len(values):,} values expected of `{column}` has rows"
    if absent:
        said = f"{len(absent):,} of {len(values):,} values expected of `{column}` have no rows: {listed(absent)}"
    measured = Measurement(len(absent), n=profile.rows, method="count")
    return Check.judge(column, "expected", measured, Limit(at_most=0), min_n=0, said=said)


def _unknown(column: str, metric: str, schema: TableSchema) -> Check:
    near = options.did_you_mean(column, schema)
    reason = f"`{column}` is not in the table{near}"
    return Check(subject=column, metric=metric, verdict=Verdict.ERROR, reason=reason)


def _some(owner: str, option: str, value: object) -> tuple[str, ...]:
    found = options.names(owner, option, value)
    if not found:
        raise options.refuse(owner, option, "at least one name", value)
    return found


def _scalars(option: str, given: object, *, empty: bool = False) -> tuple[object, ...]:
    allowed = "a sequence of finite numbers, texts, bools, dates or datetimes"
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise options.refuse("Completeness", option, allowed, given)
    values = tuple(options.scalar("Completeness", option, value) for value in given)
    if not values and not empty:
        raise options.refuse("Completeness", option, f"{allowed}, at least one", given)
    return tuple(dict.fromkeys(values))


def _expected(given: object) -> tuple[tuple[str, tuple[object, ...]], ...]:
    try:
        pairs = dict(given)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        pairs = {}
    if not pairs or not all(isinstance(name, str) for name in pairs):
        raise options.refuse("Completeness", "expected", "a mapping of columns to the values expected", given)
    return tuple((name, _scalars(f"expected[{name!r}]", values)) for name, values in pairs.items())


def _slices(given: object) -> Slices:
    if isinstance(given, Mapping) or (isinstance(given, tuple) and given and isinstance(given[0], tuple)):
        pairs = dict(given)
        if not pairs or not all(isinstance(n, str) and callable(c) for n, c in pairs.items()):
            allowed = "a mapping of names to conditions on the table"
            raise options.refuse("Completeness", "by", allowed, given)
        return tuple(pairs.items())
    return _some("Completeness", "by", given)
