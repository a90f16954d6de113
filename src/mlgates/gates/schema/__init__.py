"""Schema: the declared columns exist, with their types and rules for their values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import date
from functools import partial
from typing import ClassVar, Literal, NamedTuple

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import Near, count_check, error_check, listed, property_check
from mlgates.gates.schema.column import Column
from mlgates.profile import counters
from mlgates.profile.counter import Counter
from mlgates.profile.counters import Violations
from mlgates.profile.duplicates import Duplicated
from mlgates.profile.scan import Profile
from mlgates.tables.field import Field, TableSchema
from mlgates.tables.source import as_source
from mlgates.verdict import Check, Limit, Verdict

__all__ = ["Column", "Schema"]

_OWNER = "Schema"

_NUMBERS = frozenset({"int", "float", "decimal"})
_DAYS = frozenset({"date", "timestamp"})
_PARSED = frozenset({"int", "float", "number", "timestamp", "date"})
_SMALL_SET = 20
_SHOWN_PATTERN = 60

_undecided = partial(Check, verdict=Verdict.INCONCLUSIVE)


class _Rule(NamedTuple):
    """One rule for the values of a column; no counter where its type has no such rule."""

    metric: str
    counter: Counter | None
    violations: str
    at_most: float


@dataclass(frozen=True, repr=False)
class Schema(Gate):
    """Check that the declared columns exist, have their types and keep the rules for values.

    Parameters
    ----------
    columns : mapping of str to Column or str
        ``{"x": "float"}`` is short for ``{"x": Column("float")}``.
    extra : {"forbid", "allow"}
        Whether the table may have columns that are not declared.
    ordered : bool
        Whether the declared columns must be in the declared order.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    A column gives one check for its type and one for each of its rules: ``missing`` unless
    nullable, ``infinite`` for floats, ``range``, ``isin``, ``matches``, ``unique``. A failing check
    gives the count, the share and the first few row numbers (from 0) of the violations, never a
    value. A rule without values is INCONCLUSIVE, and so are a table without rows and one without
    any of the columns. A rule that can't be judged, such as a limit of another kind, is ERROR; the
    other rules are still judged.

    Examples
    --------
    >>> schema = Schema({"age": Column("int", at_least=0, at_most=120), "name": "string"})
    >>> result = schema.run(data={"age": [31, 140], "name": ["Ann", None]})
    >>> [(check.subject, check.metric, str(check.verdict)) for check in result.checks if not check]
    [('age', 'range', 'fail'), ('name', 'missing', 'fail')]
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    info = GateInfo(
        summary="columns, types, ranges, sets, patterns, uniqueness",
        metrics={
            "`type`, `present`, `extra`, `order`": "number of violations; shown as *holds* or "
            "*violated*",
            "`missing`": "share of the cells",
            "`range`, `isin`, `matches`, `unique`, `infinite`": "share of the values that break "
            "the rule",
            "`rows`": "number of rows",
        },
        fewest_rows="one value",
    )
    columns: Mapping[str, Column | str] | tuple[tuple[str, Column], ...] = field(
        metadata={"mapping": True}
    )
    _: KW_ONLY
    extra: Literal["forbid", "allow"] = "forbid"
    ordered: bool = False

    def __post_init__(self) -> None:
        pairs = options.mapping(_OWNER, "columns", self.columns, "a mapping of names to columns")
        if not pairs:
            allowed = "a mapping of at least one column"
            raise options.refuse(_OWNER, "columns", allowed, self.columns)
        columns: list[tuple[str, Column]] = []
        for name, given in pairs.items():
            if not isinstance(name, str):
                raise options.refuse(_OWNER, "columns", "keyed by names that are texts", name)
            column = Column(given) if isinstance(given, str) else given
            if not isinstance(column, Column):
                allowed = "a Column or the name of a type"
                raise options.refuse(_OWNER, f"columns[{name!r}]", allowed, given)
            columns.append((name, column))
        self._set("columns", tuple(columns))
        options.choice(_OWNER, "extra", self.extra, ("forbid", "allow"))
        options.flag(_OWNER, "ordered", self.ordered)
        super().__post_init__()

    @property
    def rules(self) -> dict[str, Column]:
        """The columns by name."""
        return dict(self.columns)  # type: ignore[arg-type]

    @classmethod
    def infer(cls, table: object) -> "Schema":
        """Return a schema of a table, to be reviewed by a person.

        It has types, nullability and infinities, and the values of text columns with at most 20 of
        them, unless each occurs only once. Smallest and largest values are not made limits, because
        the next sample would break them.

        Parameters
        ----------
        table : table
            Anything that ``data=`` takes, of at least one row.

        Raises
        ------
        EvidenceError
            When it is not a table, or has no rows.

        Examples
        --------
        >>> Schema.infer({"city": ["Bonn", "Lille", "Bonn"], "bmi": [21.5, float("nan"), 30.1]})
        Schema({'city': Column('string', isin=('Bonn', 'Lille')),
                'bmi': Column('float', nullable=True)})
        """
        source = as_source(table)
        schema = source.schema
        texts = [
            counters.ValueCounts(name) for name, actual in schema.items() if actual.kind == "string"
        ]
        profile = Profile.of(source, texts)
        if profile.rows == 0:
            msg = "Schema.infer: the table has no rows to learn from"
            raise EvidenceError(msg)
        columns: dict[str, Column | str] = {}
        for name, actual in schema.items():
            dtype, isin, counted = actual.type, None, profile.columns[name]
            if actual.kind in ("null", "unreadable"):
                dtype = "any"
            elif actual.kind == "decimal" and not actual.encoded:  # its digits are the sample's
                dtype = "number"
            elif actual.kind == "string":
                dtype, counts = "string", profile[counters.ValueCounts(name)]
                if len(counts.values) <= _SMALL_SET and len(counts.values) < counts.n:
                    isin = tuple(counts.values.to_pylist())
            elif actual.encoded:
                dtype = "category"
            elif actual.kind in ("int", "float", "bool", "date", "timestamp"):
                dtype = actual.kind
            infinite = dtype == actual.kind and counted.infinite > 0
            nullable = counted.missing > 0
            columns[name] = Column(dtype, nullable=nullable, isin=isin, allow_inf=infinite)
        return cls(columns)

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield one counter for each rule of the columns that exist."""
        for name, column in self.rules.items():
            if name in schema:
                for rule in _rules(schema[name], column):
                    if rule.counter is not None:
                        yield rule.counter
                if _turned_float(schema[name], column):
                    yield counters.Fractional(name)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the checks column by column, then those of the table's shape."""
        schema, profile = evidence.source("data").schema, evidence.profile()
        rules, rows = self.rules, profile.rows
        if rows == 0:
            reason = "the table has no rows: types were judged, values could not be"
            some = Limit(at_least=1)
            yield _undecided(
                subject="rows", metric="rows", reason=reason, value=0, limit=some, unit="rows"
            )
        present = [name for name in rules if name in schema]
        absent = [name for name in rules if name not in schema]
        extra = [name for name in schema if name not in rules]
        near = Near(absent, extra)
        for name, column in rules.items():
            if name in schema:
                yield from _column_checks(schema[name], column, profile)
            elif not column.required and near.alike(name) is None:
                text = f"`{name}` is absent, and not required"
                yield property_check(name, "present", text, violations=0, n=0)
            else:
                text = f"`{name}` is not in the table{near.hint(name)}"
                yield property_check(name, "present", text, violations=1, n=0)
        if not present:
            reason, none = "none of the declared columns is in the table", Limit(at_most=0)
            yield _undecided(subject="columns", metric="present", reason=reason, limit=none)
        if self.extra == "forbid":
            near = Near(extra, absent)
            for name in extra:
                text = f"`{name}` is not declared{near.hint(name)}"
                yield property_check(name, "extra", text, violations=1, n=rows)
            if not extra:
                text = "every column is declared"
                yield property_check("columns", "extra", text, violations=0, n=rows)
        if self.ordered:
            order = (name for name in schema if name in rules)
            moved = tuple(a for a, b in zip(order, present, strict=True) if a != b)
            text = f"out of the declared order: {listed(moved)}"
            text = text if moved else "in the declared order"
            yield property_check("columns", "order", text, violations=len(moved), n=rows)


def _rules(actual: Field, column: Column) -> Iterator[_Rule]:
    """Yield the rules that a column declares, for the actual type."""
    name, most = actual.name, column.max_invalid
    comparable = actual.kind not in ("unreadable", "nested")
    if not column.nullable:
        yield _Rule("missing", counters.Missing(name), "missing", 0.0)
    if actual.kind == "float" and not column.allow_inf:
        yield _Rule("infinite", counters.Infinite(name), "infinite", most)
    if column.at_least is not None or column.at_most is not None:
        dates = any(isinstance(end, date) for end in (column.at_least, column.at_most))
        fits = actual.kind in (_DAYS if dates else _NUMBERS)
        outside = counters.Outside(name, column.at_least, column.at_most)
        yield _Rule("range", outside if fits else None, column.range, most)
    if column.isin is not None:
        others = counters.NotIn(name, tuple(column.isin))
        yield _Rule("isin", others if comparable else None, "outside the set allowed", most)
    if column.matches is not None:
        unlike = counters.NotMatching(name, column.matches)
        shown = repr(column.matches[:_SHOWN_PATTERN])
        shown = shown if len(column.matches) <= _SHOWN_PATTERN else f"{shown}..."
        is_text = actual.kind == "string"
        yield _Rule("matches", unlike if is_text else None, f"mismatches of {shown}", most)
    if column.unique:
        repeated = Duplicated(name) if comparable else None
        yield _Rule("unique", repeated, "repetitions of an earlier value", most)


def _column_checks(actual: Field, column: Column, profile: Profile) -> Iterator[Check]:
    """Yield the check of a column's type, then one for each rule; a rule that raises is ERROR."""
    name = actual.name
    try:
        yield _type_check(actual, column, profile)
    except Exception as error:  # noqa: BLE001
        yield error_check(name, "type", error)
    for rule in _rules(actual, column):
        if rule.counter is None:
            on = f"of type {actual.type}"
            on = "without a value that tells its type" if actual.kind == "null" else on
            reason = f"`{rule.metric}` of `{name}` can't be judged on a column {on}"
            most = Limit(at_most=rule.at_most)
            yield _undecided(
                subject=name, metric=rule.metric, reason=reason, limit=most, unit="share"
            )
            continue
        try:
            counted: Violations = profile[rule.counter]
            alike = "differ from an allowed value in case, blanks or Unicode form alone"
            yield count_check(
                name,
                rule.metric,
                counted,
                rule.violations,
                at_most=rule.at_most,
                hint=f"{counted.alike:,} {alike}" if counted.alike else "",
            )
        except Exception as error:  # noqa: BLE001  (whatever the counter raised)
            yield error_check(name, rule.metric, error)


def _type_check(actual: Field, column: Column, profile: Profile) -> Check:
    """Return the check of a column's type, with a hint at how another type came about."""
    name, n = actual.name, profile.rows
    if column.accepts(actual):
        text = f"`{name}` is {actual.type}, as declared ({column.dtype})"
        return property_check(name, "type", text, violations=0, n=n)
    if actual.kind == "null":
        reason = f"`{name}` has no value that tells its type ({column.dtype} is declared)"
        return _undecided(subject=name, metric="type", reason=reason, limit=Limit(at_most=0))
    hint = actual.problem or ""
    if not hint and _turned_float(actual, column):
        fractional: Violations = profile[counters.Fractional(name)]
        counted = profile.columns.get(name)
        if fractional.n and not fractional.count and counted is not None and counted.missing:
            hint = (
                "every value is whole: an integer column that missing cells turned into float; "
                "keep it integer (pandas: 'Int64') or declare 'float'"
            )
    if not hint and actual.kind == "string" and column.dtype in _PARSED:
        hint = "text is never read as another type: convert it where the table is loaded"
    text = f"`{name}` is {actual.type}, {column.dtype} is declared"
    return property_check(name, "type", text, violations=1, n=n, hint=hint)


def _turned_float(actual: Field, column: Column) -> bool:
    """Return whether integers are declared and the actual type is float."""
    return actual.kind == "float" and column.dtype.startswith(("int", "uint"))
