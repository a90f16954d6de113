"""Schema: columns are there, of their type, and their values keep their rules."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import date
from functools import partial
from typing import ClassVar, Literal

from mlgates import options
from mlgates._gate import Gate
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import Near, as_said, guarded, listed, share_check, yes_or_no
from mlgates.gates.schema.column import Column
from mlgates.limits import Limit
from mlgates.profile.counters import (
    Counter,
    Duplicated,
    Fractional,
    Infinite,
    Missing,
    NotIn,
    NotMatching,
    Outside,
    ValueCounts,
    Violations,
)
from mlgates.profile.scan import Profile
from mlgates.tables.source import Field, TableSchema, as_source
from mlgates.verdict import Check, Measurement

__all__ = ["Column", "Schema"]

_OWNER = "Schema"

_NUMBERS = frozenset({"int", "float", "decimal"})
_DAYS = frozenset({"date", "timestamp"})
_SMALL_SET = 20
_SHOWN_PATTERN = 60


@dataclass(frozen=True, repr=False)
class Schema(Gate):
    """Every declared column is there, of its type, and keeps its rules; no other column is there.

    Parameters
    ----------
    columns : mapping of str to Column or str
        ``{"x": "float"}`` is short for ``{"x": Column("float")}``.
    extra : {"forbid", "allow"}
        Whether columns that are not declared may be there.
    ordered : bool
        Whether the declared columns must stand in the declared order.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    A column gives one check for its type, and one for each rule it has: ``missing`` unless
    nullable, ``infinite`` for floats, ``range``, ``isin``, ``matches``, ``unique``. A failing check
    names the count, the share and the first few offending row numbers (from 0), never a value. A
    rule with no value to judge is INCONCLUSIVE, and so are a table without rows and one that has
    none of the columns. A rule that can't be judged, such as a pattern that takes too long, is
    ERROR; the other rules are judged all the same.

    Examples
    --------
    >>> schema = Schema({"age": Column("int", at_least=0, at_most=120), "name": "string"})
    >>> result = schema.run(data={"age": [31, 140], "name": ["Ann", None]})
    >>> [(check.subject, check.metric, str(check.verdict)) for check in result.checks if not check]
    [('age', 'range', 'fail'), ('name', 'missing', 'fail')]
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    columns: Mapping[str, Column | str] | tuple[tuple[str, Column], ...] = field(
        metadata={"mapping": True}
    )
    _: KW_ONLY
    extra: Literal["forbid", "allow"] = "forbid"
    ordered: bool = False

    def __post_init__(self) -> None:
        pairs = options.mapping(_OWNER, "columns", self.columns, "a mapping of names to columns")
        if not pairs:
            raise options.refuse(
                _OWNER, "columns", "a mapping of at least one column", self.columns
            )
        self._set("columns", tuple((_name(name), _column(name, c)) for name, c in pairs.items()))
        options.choice(_OWNER, "extra", self.extra, ("forbid", "allow"))
        options.flag(_OWNER, "ordered", self.ordered)
        super().__post_init__()

    @property
    def rules(self) -> dict[str, Column]:
        """The columns by name."""
        return dict(self.columns)  # type: ignore[arg-type]

    @classmethod
    def infer(cls, table: object) -> "Schema":
        """Return the schema a table shows, to be reviewed by a person.

        Types, nullability and infinities are written down, and the values of text columns that have
        at most 20 of them, unless each stands only once. A sample's smallest and largest values are
        not made limits: the next honest sample would break them.

        Parameters
        ----------
        table : table
            Anything that ``data=`` takes, of at least one row.

        Raises
        ------
        EvidenceError
            When it is no table, or has no rows to learn from.

        Examples
        --------
        >>> Schema.infer({"city": ["Bonn", "Lille", "Bonn"], "bmi": [21.5, float("nan"), 30.1]})
        Schema({'city': Column('string', isin=('Bonn', 'Lille')),
                'bmi': Column('float', nullable=True)})
        """
        source = as_source(table)
        schema = source.schema
        texts = [ValueCounts(name) for name, found in schema.items() if found.kind == "string"]
        profile = Profile.of(source, texts)
        if profile.rows == 0:
            msg = "Schema.infer: the table has no rows to learn from"
            raise EvidenceError(msg)
        return cls({name: _inferred(found, profile) for name, found in schema.items()})

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what the scan must count: one counter for each rule of a column that is there."""
        for name, column in self.rules.items():
            if name in schema:
                for _, counter, _ in _value_rules(schema[name], column):
                    if counter is not None:
                        yield counter
                if _turned_float(schema[name], column):
                    yield Fractional(name)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the checks column by column, then those of the table's shape."""
        schema, profile = evidence.source("data").schema, evidence.profile()
        if profile.rows == 0:
            said = "the table has no rows: types were judged, values could not be"
            nothing, some = Measurement(0, n=0), Limit(at_least=1)
            yield as_said(Check.judge("rows", "rows", nothing, some, unit="rows"), said)
        rules = self.rules
        absent = [name for name in rules if name not in schema]
        extra = [name for name in schema if name not in rules]
        near = Near(absent, extra)
        for name, column in rules.items():
            if name in schema:
                yield from _column_checks(schema[name], column, profile)
            else:
                yield _absent(name, column, near)
        if not any(name in schema for name in rules):
            said = "none of the declared columns is in the table"
            nothing = Measurement(None, n=0)
            yield as_said(Check.judge("columns", "present", nothing, Limit(at_most=0)), said)
        if self.extra == "forbid":
            yield from _extra(extra, Near(extra, absent), profile.rows)
        yield from self._order(schema, profile.rows)

    def _order(self, schema: TableSchema, rows: int) -> Iterator[Check]:
        declared = self.rules
        if self.ordered:
            wanted = [name for name in declared if name in schema]
            found = [name for name in schema if name in declared]
            moved = tuple(a for a, b in zip(found, wanted, strict=True) if a != b)
            said = (
                f"out of the declared order: {listed(moved)}" if moved else "in the declared order"
            )
            yield yes_or_no("columns", "order", said, broken=len(moved), n=rows)


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise options.refuse(_OWNER, "columns", "keyed by names that are texts", name)
    return name


def _column(name: object, column: object) -> Column:
    if isinstance(column, str):
        return Column(column)
    if not isinstance(column, Column):
        raise options.refuse(_OWNER, f"columns[{name!r}]", "a Column or the name of a type", column)
    return column


def _inferred(found: Field, profile: Profile) -> Column:
    known = profile.columns[found.name]
    nullable, allow_inf = known.missing > 0, known.infinite > 0
    if found.kind in ("null", "unreadable"):
        return Column("any", nullable=nullable)
    if found.kind == "decimal" and not found.encoded:  # whose digits are those of the sample
        return Column("number", nullable=nullable)
    if found.kind == "string":
        counts = profile[ValueCounts(found.name)]
        small = len(counts.values) <= _SMALL_SET and len(counts.values) < counts.n
        isin = tuple(counts.values.to_pylist()) if small else None
        return Column("string", nullable=nullable, isin=isin)
    if found.kind in ("int", "float", "bool", "date", "timestamp") and not found.encoded:
        return Column(found.kind, nullable=nullable, allow_inf=allow_inf)
    return Column("category" if found.encoded else found.type, nullable=nullable)


def _value_rules(found: Field, column: Column) -> Iterator[tuple[str, Counter | None, str]]:
    """Yield metric, counter and what offenders are; no counter where the type has no such rule."""
    name, comparable = found.name, found.kind not in ("unreadable", "nested")
    if not column.nullable:
        yield "missing", Missing(name), "missing"
    if found.kind == "float" and not column.allow_inf:
        yield "infinite", Infinite(name), "infinite"
    if column.at_least is not None or column.at_most is not None:
        dates = any(isinstance(end, date) for end in (column.at_least, column.at_most))
        fits = found.kind in (_DAYS if dates else _NUMBERS)
        outside = Outside(name, column.at_least, column.at_most)
        yield "range", outside if fits else None, column.range
    if column.isin is not None:
        others = NotIn(name, tuple(column.isin))
        yield "isin", others if comparable else None, "outside the set allowed"
    if column.matches is not None:
        unlike = NotMatching(name, column.matches)
        what = f"mismatches of {_cut(column.matches)}"
        yield "matches", unlike if found.kind == "string" else None, what
    if column.unique:
        yield "unique", Duplicated(name) if comparable else None, "repetitions of an earlier value"


def _cut(pattern: str) -> str:
    """Return a pattern as it is shown: a long one by its beginning."""
    shown = repr(pattern[:_SHOWN_PATTERN])
    return shown if len(pattern) <= _SHOWN_PATTERN else f"{shown}..."


def _column_checks(found: Field, column: Column, profile: Profile) -> Iterator[Check]:
    yield guarded(found.name, "type", partial(_type_check, found, column, profile))
    for metric, counter, what in _value_rules(found, column):
        most = 0.0 if metric == "missing" else column.max_invalid
        if counter is None:
            yield _no_use(found, metric, most)
        else:
            judge = partial(_rule_check, found.name, metric, counter, what, most, profile)
            yield guarded(found.name, metric, judge)


def _rule_check(  # noqa: PLR0917
    name: str, metric: str, counter: Counter, what: str, most: float, profile: Profile
) -> Check:
    counted: Violations = profile[counter]
    cells = "cells" if metric == "missing" else "values"
    hint = ""
    if counted.alike:
        hint = (
            f"{counted.alike:,} differ from an allowed value in case, blanks or Unicode form alone"
        )
    return share_check(name, metric, counted, what, at_most=most, cells=cells, hint=hint)


def _no_use(found: Field, metric: str, most: float) -> Check:
    """Return the check of a rule that has no meaning for the type that was found."""
    on = "without a value that tells its type" if found.kind == "null" else f"of type {found.type}"
    said = f"`{metric}` of `{found.name}` can't be judged on a column {on}"
    nothing, limit = Measurement(None, n=0), Limit(at_most=most)
    return as_said(Check.judge(found.name, metric, nothing, limit, unit="share"), said)


def _type_check(found: Field, column: Column, profile: Profile) -> Check:
    name, rows = found.name, profile.rows
    if column.accepts(found):
        said = f"`{name}` is {found.type}"
        return yes_or_no(name, "type", f"{said}, as declared ({column.dtype})", broken=0, n=rows)
    if found.kind == "null":
        said = f"`{name}` has no value that tells its type ({column.dtype} is declared)"
        return as_said(Check.judge(name, "type", Measurement(None, n=0), Limit(at_most=0)), said)
    said = f"`{name}` is {found.type}, {column.dtype} is declared"
    hint = found.problem or _type_hint(found, column, profile)
    return yes_or_no(name, "type", f"{said}{f' (hint: {hint})' if hint else ''}", broken=1, n=rows)


def _turned_float(found: Field, column: Column) -> bool:
    return found.kind == "float" and column.dtype.startswith(("int", "uint"))


def _type_hint(found: Field, column: Column, profile: Profile) -> str:
    known = profile.columns.get(found.name)
    if _turned_float(found, column):
        whole: Violations = profile[Fractional(found.name)]
        if whole.n and not whole.count and known is not None and known.missing:
            return (
                "every value is whole: an integer column that missing cells turned into float; "
                "keep it integer (pandas: 'Int64') or declare 'float'"
            )
    if found.kind == "string" and column.dtype in ("int", "float", "number", "timestamp", "date"):
        return "text is never read as another type: convert it where the table is loaded"
    return ""


def _extra(extra: list[str], near: Near, rows: int) -> Iterator[Check]:
    for name in extra:
        said = f"`{name}` is not declared{near.hint(name)}"
        yield yes_or_no(name, "extra", said, broken=1, n=rows)
    if not extra:
        yield yes_or_no("columns", "extra", "every column is declared", broken=0, n=rows)


def _absent(name: str, column: Column, near: Near) -> Check:
    if not column.required and near.alike(name) is None:
        return yes_or_no(name, "present", f"`{name}` is absent, and not required", broken=0, n=0)
    said = f"`{name}` is not in the table{near.hint(name)}"
    return yes_or_no(name, "present", said, broken=1, n=0)
