"""Completeness: cells are not missing, and records are not missing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any, ClassVar

from mlgates import options
from mlgates._gate import Gate
from mlgates.errors import EvidenceError, OptionError
from mlgates.evidence import Evidence, lend
from mlgates.gates._shared import Near, broken, guarded, listed, share_check
from mlgates.limits import Limit, format_number
from mlgates.profile.counters import (
    Counter,
    GroupMissing,
    In,
    Missing,
    MissingBy,
    MissingWhere,
    ValueCounts,
    Violations,
)
from mlgates.profile.groups import Group
from mlgates.profile.scan import Profile
from mlgates.tables.source import Field, TableSchema
from mlgates.verdict import Check, Measurement, Verdict

__all__ = ["Completeness"]

_OWNER = "Completeness"

Slices = str | tuple[str, ...] | tuple[tuple[str, Callable[..., object]], ...]

# what stands for missing in many files; never counted unless listed, only pointed at
_SUSPECTS: dict[str, tuple[object, ...]] = {
    "string": ("", " ", "?", " ?", "NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "None", "-"),
    "int": (-999, -9999, -99999),
    "float": (-999, -9999, -99999),
}
_SUSPICIOUS = 0.01
_MOST_SLICES = 1_000
_LONGEST_LABEL = 80


@dataclass(frozen=True)
class _Condition:
    """A user's condition, which is lent the table and can't change it."""

    condition: Callable[..., object]

    def __call__(self, table: object) -> object:
        return self.condition(lend(table))


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
        Judge each column in each slice instead of in total: by the values of a column or of
        several, or by conditions on the table that give one bool a row. Columns that make the
        slices are judged in total: where they are missing is a slice of its own.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    Missing is null + NaN, in every kind of table. Values such as ``"?"`` that often stand for
    missing are never counted unless listed; where they are more than 1 % of a column's values the
    reason says so.
    A column or slice that can't be judged is ERROR, and the others are judged all the same.

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
        if self.columns is not None:
            self._set("columns", options.some(_OWNER, "columns", self.columns))
        self._set("max_missing", options.share(_OWNER, "max_missing", self.max_missing))
        self._set("min_rows", options.count(_OWNER, "min_rows", self.min_rows))
        if self.max_rows is not None:
            self._set("max_rows", options.count(_OWNER, "max_rows", self.max_rows))
            if self.max_rows < self.min_rows:
                got = f"got {self.min_rows} and {self.max_rows}"
                msg = f"{_OWNER}: `min_rows` must not be greater than `max_rows`, {got}"
                raise OptionError(msg)
        self._set("missing_values", _scalars("missing_values", self.missing_values, empty=True))
        if self.expected is not None:
            self._set("expected", _expected(self.expected))
        if self.by is not None:
            self._set("by", options.slices(_OWNER, "by", self.by))
        super().__post_init__()

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what the scan must count: missing cells, in total or by slice, and values."""
        for column in self._in_total(schema):
            found = schema[column]
            yield Missing(column)
            yield from (c for c in (self._sentinels(found), self._suspects(found)) if c)
        yield from self._grouped(schema)
        yield from (ValueCounts(column) for column in self._expectations() if column in schema)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the number of rows, then the missing cells, then the values expected."""
        schema, profile = evidence.source("data").schema, evidence.profile()
        limit = Limit(self.min_rows, self.max_rows)
        rows = Measurement(profile.rows, n=profile.rows, method="count")
        said = f"the table has {profile.rows:,} row{'' if profile.rows == 1 else 's'}"
        yield Check.judge("rows", "rows", rows, limit, min_n=0, unit="rows", said=said)
        total = self._in_total(schema)
        asked = (*self._judged(schema), *self._expectations())
        near = Near([column for column in asked if column not in schema], schema)
        for column in self._judged(schema):
            if column not in schema:
                yield _unknown(column, "missing", near)
            elif column in total:
                judge = partial(self._missing_check, schema[column], profile)
                yield guarded(column, "missing", judge)
            elif self._is_closed(schema[column]):
                problem = EvidenceError(schema[column].problem)
                yield broken(column, "missing", problem)
        for counter in self._grouped(schema):
            yield from _sliced(counter, profile, self.max_missing)
        for column, values in self._expectations().items():
            if column not in schema:
                yield _unknown(column, "expected", near)
            else:
                judge = partial(_expected_check, column, values, profile)
                yield guarded(column, "expected", judge)

    def _expectations(self) -> dict[str, tuple[object, ...]]:
        return dict(self.expected or ())  # type: ignore[arg-type]

    def _judged(self, schema: TableSchema) -> tuple[str, ...]:
        return tuple(schema if self.columns is None else self.columns)

    def _by(self) -> tuple[str, ...]:
        """Return the columns that make the slices."""
        given: Any = self.by or ()
        return tuple(name for name in given if isinstance(name, str))

    def _in_total(self, schema: TableSchema) -> tuple[str, ...]:
        """Return the columns that are judged in total, not in slices."""
        by = self._by()
        columns = (column for column in self._judged(schema) if column in schema)
        return tuple(column for column in columns if self.by is None or column in by)

    def _grouped(self, schema: TableSchema) -> Iterator[MissingBy | MissingWhere]:
        """Yield what counts the slices: one for each condition, so that none spoils another's."""
        if self.by is None:
            return
        values, by = tuple(self.missing_values), self._by()
        sliced = (c for c in self._judged(schema) if c in schema and c not in by)
        columns = tuple(c for c in sliced if not self._is_closed(schema[c]))
        if by:
            yield MissingBy(columns, by, values)
            return
        given: Any = self.by
        for name, condition in given:
            yield MissingWhere(columns, ((name, _Condition(condition)),), values, tuple(schema))

    def _sentinels(self, found: Field) -> In | None:
        values = tuple(self.missing_values)
        return In(found.name, values) if values and _holds_values(found) else None

    def _is_closed(self, found: Field) -> bool:
        """Whether it can't be told which cells hold a value that stands for missing."""
        return bool(self.missing_values) and found.kind == "unreadable"

    def _suspects(self, found: Field) -> In | None:
        """Return the counter of values that often stand for missing and are not listed."""
        values = tuple(self.missing_values)
        known = tuple(v for v in _SUSPECTS.get(found.kind, ()) if v not in values)
        return In(found.name, known) if known else None

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
            hint=_suspicion(self._suspects(found), found, profile),
        )


def _sliced(counter: MissingBy | MissingWhere, profile: Profile, most: float) -> Iterator[Check]:
    """Yield a check for each slice and column, or the one ERROR of slices that can't be judged."""
    if isinstance(counter, MissingBy):
        columns, names, group = counter.counted, counter.by, None
    else:
        columns, names, group = counter.counted, (), counter.slices[0][0]
    try:
        groups = _groups(profile[counter])
    except Exception as error:  # noqa: BLE001  (a condition raised, a column makes no groups)
        yield broken("by", "missing", error, group=group)
        return
    for key, rows, missing in groups or [((), 0, (0,) * len(columns))]:
        label = group or _slice_name(names, key)
        for column, count in zip(columns, missing, strict=True):
            found = Violations(count, rows)
            yield share_check(
                column, "missing", found, "missing", at_most=most, cells="cells", group=label
            )


def _groups(found: GroupMissing) -> tuple[Group, ...]:
    if len(found.groups) > _MOST_SLICES:
        msg = f"`by` makes {len(found.groups):,} slices; at most {_MOST_SLICES:,} can be judged"
        raise EvidenceError(msg)
    return found.groups


def _slice_name(names: tuple[str, ...], key: tuple[object, ...]) -> str | None:
    """Return ``"sex=f, age=31"`` for the values of columns."""
    values = ["(missing)" if value is None else str(value) for value in key]
    cut = [v if len(v) <= _LONGEST_LABEL else f"{v[:_LONGEST_LABEL]}..." for v in values]
    return (
        ", ".join(f"{name}={value}" for name, value in zip(names, cut, strict=True))
        if cut
        else None
    )


def _holds_values(found: Field) -> bool:
    return found.kind not in ("nested", "null")


def _suspicion(counter: In | None, found: Field, profile: Profile) -> str:
    """Return the hint that values stand for missing that are not listed."""
    if counter is None:
        return ""
    suspects: Violations = profile[counter]
    if suspects.count <= _SUSPICIOUS * suspects.n:
        return ""
    some = f"{format_number(suspects.count / suspects.n, 'share')} of the values"
    kinds = "empty, '?', 'NA' or the like" if found.kind == "string" else "-999 or the like"
    return f"{some} are {kinds}; list them in `missing_values` if they stand for missing"


def _expected_check(column: str, values: tuple[object, ...], profile: Profile) -> Check:
    counts = profile[ValueCounts(column)]
    absent = tuple(value for value in values if counts[value] == 0)
    expected = f"{len(values):,} values expected of `{column}`"
    said = f"each of the {expected} has rows"
    if absent:
        said = f"{len(absent):,} of {expected} have no rows: {listed(absent)}"
    measured = Measurement(len(absent), n=profile.rows, method="count")
    return Check.judge(column, "expected", measured, Limit(at_most=0), min_n=0, said=said)


def _unknown(column: str, metric: str, near: Near) -> Check:
    reason = f"`{column}` is not in the table{near.hint(column)}"
    return Check(subject=column, metric=metric, verdict=Verdict.ERROR, reason=reason)


def _scalars(option: str, given: object, *, empty: bool = False) -> tuple[object, ...]:
    allowed = "a sequence of finite numbers, texts, bools, dates or datetimes"
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise options.refuse(_OWNER, option, allowed, given)
    values = options.ordered(tuple(options.scalar(_OWNER, option, value) for value in given), given)
    if not values and not empty:
        raise options.refuse(_OWNER, option, f"{allowed}, at least one", given)
    return options.distinct(values)


def _expected(given: object) -> tuple[tuple[str, tuple[object, ...]], ...]:
    allowed = "a mapping of columns to the values expected"
    pairs = options.mapping(_OWNER, "expected", given, allowed)
    if not pairs or not all(isinstance(name, str) for name in pairs):
        raise options.refuse(_OWNER, "expected", allowed, given)
    return tuple((name, _scalars(f"expected[{name!r}]", values)) for name, values in pairs.items())
