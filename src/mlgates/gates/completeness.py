"""Completeness: check the share of missing cells and the number of rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, ClassVar, NamedTuple

from mlgates import options
from mlgates._gate import Gate, GateInfo, Positions
from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.expressions.condition import Condition
from mlgates.gates._shared import (
    By,
    Near,
    by_column,
    check_limited,
    count_check,
    counted_phrase,
    distinct_values,
    error_check,
    listed,
    max_groups_of,
    parts_of,
    slice_names,
    slices_of,
)
from mlgates.predictions.groups import MAX_GROUPS, too_many_groups
from mlgates.printable import number_of
from mlgates.profile import counters
from mlgates.profile.counter import Counter
from mlgates.profile.counters import Violations
from mlgates.profile.groups import MissingBy, MissingWhere
from mlgates.profile.offending import violating_rows
from mlgates.profile.scan import Profile
from mlgates.tables.field import Field, TableSchema
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    Verdict,
    format_number,
    format_value,
    snap_to_limit,
)

__all__ = ["Completeness"]

_OWNER = "Completeness"

# values that often stand for missing cells; mentioned in a hint, counted only when listed
_PLACEHOLDERS: dict[str, tuple[object, ...]] = {
    "string": ("", " ", "?", " ?", "NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "None", "-"),
    "int": (-999, -9999, -99999),
    "float": (-999, -9999, -99999),
    "decimal": (-999, -9999, -99999),
}
_SHARE_FOR_HINT = 0.01


class _Plan(NamedTuple):
    """Which columns a gate judges, and how.

    `columns` are all of them. Those in `total` are judged over all rows. The objects in `slices`
    count the missing values of the others in each slice (subset of the rows). `unreadable` has the
    columns that can't be judged by slice, because their values can't be compared with the values in
    `missing_values`.
    """

    columns: tuple[str, ...]
    total: tuple[str, ...]
    unreadable: tuple[str, ...]
    slices: tuple[MissingBy | MissingWhere, ...]


@dataclass(frozen=True, repr=False)
class Completeness(Gate):
    """Check the share of missing cells in each column, and the number of rows of a table.

    Parameters
    ----------
    columns : str or sequence of str, optional
        Columns to judge; by default all. A named column that is not in the table is an ERROR.
    max_missing : float or mapping of str to float
        Largest share of the cells of a column that may be missing. A cell is missing if it is null,
        NaN or one of `missing_values`. A mapping gives the share of each column, as in ``{"age":
        0.1, "*": 0.0}``, where ``"*"`` means all other columns (by default 0).
    min_rows, max_rows : int
        Smallest and largest allowed number of rows. By default at least 1 row is required.
    max_row_change : float, optional
        Largest allowed change of the number of rows from ``reference`` to ``data``, as a share of
        the rows of the reference. With 0.5, `data` must have from 0.5 to 1.5 times as many rows as
        the reference. With this option, the gate needs the evidence ``reference``.
    missing_values : sequence
        Values that mean a missing cell, such as ``"?"`` or ``-999``. The string ``"-999"`` and the
        number ``-999`` are different.
    expected : mapping of str to sequence, optional
        Values of a column that must each occur in at least one row, as in
        ``{"store": ["S1", "S2"]}``.
    by : str, sequence of str, or mapping of str to condition, optional
        Judge each column in each slice (subset of the rows) instead of in all rows. Columns, given
        by name, define one slice for each combination of their values; a missing value counts as a
        value. These columns themselves are judged in all rows. A mapping defines slices by
        conditions, as in ``{"old": "age > 60"}``. A condition is a string in the language of
        :doc:`/reference/conditions`, or a function of the table that returns one bool per row.
    max_groups : int
        Largest number of slices that the columns of `by` may define; a larger number is an ERROR.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    Null and NaN are missing in every kind of table. Values such as ``"?"`` are counted as missing
    only if they are in `missing_values`; if they are more than 1 % of a column, the reason has a
    hint. A column or slice that can't be judged is an ERROR, and the others are still judged.

    Examples
    --------
    >>> gate = Completeness(max_missing=0.05, min_rows=3)
    >>> result = gate.run(data={"bmi": [21.5, None, 30.1], "sex": ["f", "m", "f"]})
    >>> print(result.checks[1].reason)
    1 of 3 cells of `bmi` (33.3 %) is missing, first at row 1; the limit is at most 5 %
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    info = GateInfo(
        summary="the share of missing cells; the number of rows; values that must occur in a "
        "column",
        metrics={
            "`missing`": "share of the cells that are missing",
            "`rows`": "number of rows",
            "`row_change`": "change of the number of rows, relative to the reference",
            "`expected`": "number of expected values that no row has",
        },
        fewest_rows="one value in the column, and `min_rows` in the table",
        uses="`reference`, for `max_row_change`",
    )
    columns: str | Iterable[str] | None = None
    _: KW_ONLY
    max_missing: float | Mapping[str, float] | tuple[tuple[str, float], ...] = field(
        default=0.0, metadata={"mapping": True}
    )
    min_rows: int = 1
    max_rows: int | None = None
    max_row_change: float | None = None
    missing_values: Iterable[Any] = ()
    expected: Mapping[str, Iterable[Any]] | tuple[tuple[str, tuple[Any, ...]], ...] | None = field(
        default=None, metadata={"mapping": True}
    )
    by: By | None = None
    max_groups: int = MAX_GROUPS

    def __post_init__(self) -> None:
        self._convert("columns", options.some)
        self._convert("max_missing", by_column, options.share)
        self._convert("max_groups", max_groups_of)
        self._convert("max_row_change", options.number, at_least=0)
        if self.max_row_change is not None:
            self._set("needs", self.needs | {"reference"})
        self._convert("min_rows", options.count)
        self._convert("max_rows", options.count)
        options.in_order(_OWNER, min_rows=self.min_rows, max_rows=self.max_rows)
        values = "sequence of finite numbers, strings, bools, dates or datetimes"
        self._convert("missing_values", distinct_values, f"a {values}", least=0)
        if self.expected is not None:
            allowed = "a non-empty mapping of column names to expected values"
            pairs = options.mapping(_OWNER, "expected", self.expected, allowed)
            if not pairs or not all(isinstance(name, str) for name in pairs):
                raise options.refuse(_OWNER, "expected", allowed, self.expected)
            expected = (
                (
                    name,
                    distinct_values(_OWNER, f"expected[{name!r}]", each, f"a non-empty {values}"),
                )
                for name, each in pairs.items()
            )
            self._set("expected", tuple(expected))
        self._convert("by", slices_of)
        if self.columns is not None:
            check_limited(_OWNER, "max_missing", self._limits, map(str, self.columns))
        super().__post_init__()

    @property
    def _limits(self) -> dict[str, float]:
        """The largest allowed missing share by column; ``"*"`` is for all other columns."""
        if isinstance(self.max_missing, tuple):
            return {"*": 0.0, **dict(self.max_missing)}
        return {"*": self.max_missing}  # type: ignore[dict-item]

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what to count: missing cells, and the values that the option `expected` lists.

        Missing cells are counted in all rows or in each slice, expected values in all rows.
        """
        plan = self._plan(schema)
        for column in plan.total:
            yield counters.Missing(column)
            yield from filter(None, self._value_counters(schema[column]))
        yield from plan.slices
        yield from (
            counters.Occurrences(column, values)
            for column, values in self._expected()
            if column in schema
        )

    def offending(self, evidence: Evidence) -> Positions:
        """Return the numbers of the rows that have a missing cell in a judged column.

        If a column is judged in slices, only rows that belong to a slice are returned.
        """
        source = evidence.source("data")
        plan, wanted = self._plan(source.schema), list[Counter]()
        Near.require(plan.columns, source.schema)
        for column in plan.total:
            listed_values, _ = self._value_counters(source.schema[column])
            wanted += filter(None, (counters.Missing(column), listed_values))
        return violating_rows(source, [*wanted, *plan.slices])

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield checks of the number of rows, of missing cells and of values that must occur."""
        schema, profile = evidence.source("data").schema, evidence.profile()
        limit, n = Limit(self.min_rows, self.max_rows), profile.rows
        text = f"the table has {number_of(n, 'row')}"
        rows = Measurement(n, n=n, method="count")
        yield Check.judge("rows", "rows", rows, limit, min_n=0, unit="rows", said=text)
        if self.max_row_change is not None:
            with suppress_errors() as caught:  # the cells are still judged
                row_change = _row_change(n, evidence.reference().rows, self.max_row_change)
            if caught.error is not None:
                row_change = error_check("rows", "row_change", caught.error)
            yield row_change
        plan, expected, limits = self._plan(schema), self._expected(), self._limits
        unlisted = [name for name in limits if name != "*" and name not in plan.columns]
        named = (*plan.columns, *unlisted, *(column for column, _ in expected))
        near = Near([column for column in named if column not in schema], schema)
        for column in (*plan.columns, *unlisted):
            if column not in schema:
                yield _unknown(column, "missing", near)
            elif column in plan.total:
                listed_values, others = self._value_counters(schema[column])
                hint = ""
                with suppress_errors() as caught:  # the other columns are still judged
                    missing: Violations = profile[counters.Missing(column)]
                    if listed_values is not None:
                        more: Violations = profile[listed_values]
                        first = tuple(sorted({*missing.rows, *more.rows})[:5])
                        missing = Violations(missing.count + more.count, missing.n, first)
                    likely: Violations = profile[others] if others else Violations(0, 0)
                if caught.error is not None:
                    yield error_check(column, "missing", caught.error)
                    continue
                if likely.count > _SHARE_FOR_HINT * likely.n:
                    share = format_number(likely.count / likely.n, "share")
                    kinds = "empty, '?', 'NA'" if schema[column].kind == "string" else "-999"
                    hint = f"{share} of the values are {kinds} or similar; "
                    hint += "list them in `missing_values` if they mean missing"
                yield count_check(
                    column,
                    "missing",
                    missing,
                    at_most=limits.get(column, limits["*"]),
                    hint=hint,
                    remedy="pass a table with at least one row",
                )
            elif column in plan.unreadable:
                yield error_check(column, "missing", EvidenceError(schema[column].problem))
        for counter in plan.slices:
            yield from _slice_checks(counter, profile, limits, self.max_groups)
        for column, values in expected:
            if column not in schema:
                yield _unknown(column, "expected", near)
                continue
            with suppress_errors() as caught:
                counts = profile[counters.Occurrences(column, values)].counts.tolist()
                absent = tuple(v for v, count in zip(values, counts, strict=True) if count == 0)
            if caught.error is not None:
                yield error_check(column, "expected", caught.error)
                continue
            text = counted_phrase(
                len(absent), len(values), "expected values", "are absent", where=f" of `{column}`"
            )
            text += f": {listed(absent)}" if absent else ""
            measured, none = Measurement(len(absent), n=n, method="count"), Limit(at_most=0)
            yield Check.judge(column, "expected", measured, none, min_n=0, said=text)

    def _expected(self) -> tuple[tuple[str, tuple[object, ...]], ...]:
        return self.expected or ()  # type: ignore[return-value]

    def _plan(self, schema: TableSchema) -> _Plan:
        """Return which columns of a table are judged over all rows, and which by slice."""
        columns = tuple(schema if self.columns is None else self.columns)
        present = [column for column in columns if column in schema]
        if self.by is None:
            return _Plan(columns, tuple(present), (), ())
        by = tuple(name for name in self.by if isinstance(name, str))
        values = tuple(self.missing_values)
        unreadable = tuple(c for c in present if values and schema[c].kind == "unreadable")
        counted = tuple(c for c in present if c not in by and c not in unreadable)
        # a counter for each condition, so that one that raises does not affect the others
        slices: list[MissingBy | MissingWhere] = []
        for part in parts_of(self.by, schema):
            name, condition = part.slice or ("", None)
            if condition is None or isinstance(condition, Condition):
                slices.append(MissingBy(counted, part.by, values, part.slice))
            else:
                slices.append(MissingWhere(counted, ((name, condition),), values, tuple(schema)))
        return _Plan(columns, tuple(c for c in present if c in by), unreadable, tuple(slices))

    def _value_counters(self, actual: Field) -> tuple[counters.In | None, counters.In | None]:
        """Return two objects that count in a column: `missing_values`, and usual placeholders.

        Usual placeholders are values such as "?" or -999 that often mean a missing cell. Each of
        the two is None if it has no values to count in a column of this type.
        """
        values = tuple(self.missing_values)
        others = tuple(v for v in _PLACEHOLDERS.get(actual.kind, ()) if v not in values)
        readable = actual.kind not in ("nested", "null")
        return (
            counters.In(actual.name, values) if values and readable else None,
            counters.In(actual.name, others) if others else None,
        )


def _slice_checks(
    counter: MissingBy | MissingWhere, profile: Profile, limits: Mapping[str, float], most: int
) -> Iterator[Check]:
    """Yield a check for each slice and column; a single ERROR if the slices can't be formed.

    `limits` are the largest missing shares by column (``"*"`` for all others), and `most` is the
    largest number of slices.
    """
    slice_ = counter.slice if isinstance(counter, MissingBy) else counter.slices[0]
    condition = None if slice_ is None else slice_[0]
    with suppress_errors() as caught:  # a condition raised, or a column can't be grouped
        groups = profile[counter].groups
    if caught.error is not None:
        yield error_check("by", "missing", caught.error, condition, what="the slices of `by`")
        return
    if len(groups) > most:
        msg = too_many_groups("`by`", len(groups), most)
        yield error_check("by", "missing", EvidenceError(msg), what="the slices of `by`")
        return
    slices = groups or [((), 0, (0,) * len(counter.counted))]
    names: Sequence[str | None] = [condition] * len(slices)
    if isinstance(counter, MissingBy) and counter.by and groups:
        names = slice_names(counter.by, [key for key, *_ in groups])
    for (_, rows, missing), name in zip(slices, names, strict=True):
        for column, count in zip(counter.counted, missing, strict=True):
            counted = Violations(count, rows)
            remedy = "pass a table with at least one row"
            if name is not None:
                remedy = "pass rows of this slice, or leave it out"
            limit = limits.get(column, limits["*"])
            yield count_check(column, "missing", counted, at_most=limit, group=name, remedy=remedy)


def _row_change(rows: int, reference: int, most: float) -> Check:
    """Return the check that the number of rows differs by at most a share from the reference."""
    if not reference:
        raise EvidenceError("the reference has no rows, so the number of rows can't be compared")
    limit = Limit(-most, most)
    change = snap_to_limit((rows - reference) / reference, limit)
    sign = "more" if change > 0 else "fewer"
    text = f"the table has {rows:,} rows, the reference {reference:,}"
    if change:
        shown = format_value(abs(change), Limit(at_most=most), "share")
        text += f": {shown} {sign}"
    measured = Measurement(change, n=rows, method="count", details={"reference": reference})
    # a table without rows can fail, but not pass
    least = 1 if limit.holds(change) else 0
    return Check.judge("rows", "row_change", measured, limit, min_n=least, unit="share", said=text)


def _unknown(column: str, metric: str, near: Near) -> Check:
    """Return the ERROR check of a column that is not in the table."""
    reason = f"`{column}` is not in the table{near.hint(column)}"
    return Check(subject=column, metric=metric, verdict=Verdict.ERROR, reason=reason)
