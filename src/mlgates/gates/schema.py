"""Schema: check that declared columns exist, have their types, and follow rules for values."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from mlgates import options
from mlgates._gate import Gate, GateInfo, Positions
from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence import DeclaredTypes, Evidence
from mlgates.gates._shared import (
    Near,
    count_check,
    described_type,
    distinct_values,
    error_check,
    listed,
    property_check,
)
from mlgates.profile import counters
from mlgates.profile.counter import Counter
from mlgates.profile.duplicates import Duplicated
from mlgates.profile.keys import KeyCounter
from mlgates.profile.offending import violating_rows
from mlgates.profile.patterns import translate
from mlgates.profile.scan import Profile
from mlgates.tables.field import Field, TableSchema
from mlgates.tables.source import as_source
from mlgates.verdict import Check, Limit, Verdict

__all__ = ["Column", "Schema"]

_COLUMN, _SCHEMA = "Column", "Schema"

FAMILIES: dict[str, frozenset[str]] = {
    "int": frozenset({"int"}),
    "float": frozenset({"float"}),
    "number": frozenset({"int", "float", "decimal"}),
    "bool": frozenset({"bool"}),
    "string": frozenset({"string"}),
    "category": frozenset(),
    "date": frozenset({"date"}),
    "timestamp": frozenset({"timestamp"}),
    "any": frozenset(),
}
_ARROW_TYPES = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.large_string(),
    "category": pa.dictionary(pa.int32(), pa.large_string()),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
# names of Arrow types with parameters, as Arrow writes them; `type_for_alias` does not parse these
_PARAMETRIC = re.compile(
    r"decimal(32|64|128|256)\([0-9]+, -?[0-9]+\)|fixed_size_binary\[[0-9]+\]"
    r"|timestamp\[(s|ms|us|ns), tz=[^\]]+\]"
    r"|((large_|fixed_size_)?list|(large_)?list_view|map|struct|dictionary|run_end_encoded"
    r"|(dense|sparse)_union|extension)<.+>(\[[0-9]+\])?"
)
# type names of Python, numpy and pandas, by their beginning, and the family of each
_FOREIGN_NAMES = (
    ("str", "string"),
    ("object", "string"),
    ("datetime", "timestamp"),
    ("text", "string"),
)
_LONGEST_PATTERN = 10_000
# Python types that the values of `isin` may have, by the declared type
_MEMBER_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int, float, Decimal),
    "float": (int, float, Decimal),
    "number": (int, float, Decimal),
    "bool": (bool,),
    "string": (str,),
    "date": (date,),
    "timestamp": (datetime,),
}
Bound = int | float | Decimal | date
_NUMBERS = frozenset({"int", "float", "decimal"})
_DAYS = frozenset({"date", "timestamp"})
_PARSED = frozenset({"int", "float", "number", "timestamp", "date"})
_SMALL_SET = 20
_SHOWN_PATTERN = 60

#: What to do if a check has no values to check, by metric.
_REMEDIES = {
    "missing": "pass a table with at least one row",
    "infinite": "if the column may be empty, switch off the check for infinite values by "
    "`allow_inf=True`",
}

_undecided = partial(Check, verdict=Verdict.INCONCLUSIVE)


@dataclass(frozen=True, repr=False)
class Column(options.OptionsByName):
    """The declared type of one column, and the rules for its values.

    Parameters
    ----------
    dtype : str
        The type. It is a family of types: "int", "float", "number" (int, float or decimal), "bool",
        "string" (also if dictionary-encoded), "category" (only if dictionary-encoded), "date",
        "timestamp" or "any". Or it is the name of one exact Arrow type, such as "int64" or
        "timestamp[us, tz=UTC]".
    required : bool
        Whether the column must exist.
    nullable : bool
        Whether cells may be missing (null or NaN).
    at_least, at_most : number, date or datetime, optional
        Smallest and largest allowed value, inclusive.
    isin : sequence, optional
        The allowed values. Whether cells may be missing is said by `nullable`, not here.
    matches : str, optional
        Regular expression in Python's syntax. Each string must match it as a whole. Look-around,
        back-references and word boundaries are refused, because they can't be matched in linear
        time.
    unique : bool
        Whether each value may occur only once; missing cells are ignored.
    allow_inf : bool
        Whether infinite values are allowed.
    max_invalid : float
        Largest share of the non-missing values that may break a rule. It does not apply to a wrong
        type, an absent column or missing cells.

    Raises
    ------
    OptionError
        For an unknown type (the message suggests similar names), for a rule that does not apply to
        the type, and for an invalid regular expression.

    Examples
    --------
    >>> Column("int", at_least=0, at_most=120)
    Column('int', at_least=0, at_most=120)
    """

    dtype: str
    _: KW_ONLY
    required: bool = True
    nullable: bool = False
    at_least: Bound | None = None
    at_most: Bound | None = None
    isin: Iterable[Any] | None = None
    matches: str | None = None
    unique: bool = False
    allow_inf: bool = False
    max_invalid: float = 0.0

    def __post_init__(self) -> None:
        self._set("dtype", _checked_type(self.dtype))
        for option in ("required", "nullable", "unique", "allow_inf"):
            options.flag(_COLUMN, option, getattr(self, option))
        for option in ("at_least", "at_most"):
            if getattr(self, option) is not None:
                self._set(option, self._checked_bound(option, getattr(self, option)))
        options.in_order(_COLUMN, at_least=self.at_least, at_most=self.at_most)
        if self.isin is not None:
            allowed = "a non-empty sequence of values"
            values = distinct_values(_COLUMN, "isin", self.isin, allowed)
            is_whole = self.dtype.startswith(("int", "uint"))
            types = _MEMBER_TYPES.get("int" if is_whole else self.dtype, (object,))
            for value in values if types != (object,) else ():
                # a bool is an int too, and a datetime a date
                odd_bool = isinstance(value, bool) and self.dtype != "bool"
                odd_date = isinstance(value, datetime) and self.dtype == "date"
                if odd_bool or odd_date or not isinstance(value, types):
                    allowed = f"values of type {self.dtype!r}"
                    raise options.refuse(_COLUMN, "isin", allowed, self.isin)
            self._set("isin", values)
        if self.matches is not None:
            pattern: object = self.matches
            texts = ("string", "category", "large_string", "dictionary", "utf8", "large_utf8")
            if not self._is_declared(*texts):
                allowed = f"left out for type {self.dtype!r}"
                raise options.refuse(_COLUMN, "matches", allowed, pattern)
            if not isinstance(pattern, str):
                raise options.refuse(_COLUMN, "matches", "a string", pattern)
            if len(pattern) > _LONGEST_PATTERN:
                allowed = f"a string of at most {_LONGEST_PATTERN:,} characters"
                raise options.refuse(_COLUMN, "matches", allowed, f"{pattern[:40]}...")
            try:
                translate(pattern)
            except EvidenceError as error:
                allowed, hint = "a regular expression", f"; {error}"
                raise options.refuse(_COLUMN, "matches", allowed, pattern, hint) from None
        self._set("max_invalid", options.share(_COLUMN, "max_invalid", self.max_invalid))

    def _set(self, option: str, value: object) -> None:
        object.__setattr__(self, option, value)

    def _is_declared(self, *names: str) -> bool:
        """Return whether the declared type is "any" or starts with one of these names."""
        return self.dtype.startswith((*names, "any"))

    def _checked_bound(self, option: str, value: object) -> object:
        """Return a bound as a plain number or date.

        OptionError is raised if it does not fit the type of the column. `option` is the name of the
        bound, for the message.
        """
        if isinstance(value, date):
            options.scalar(_COLUMN, option, value)  # pandas.NaT is a date too
            wanted = "timestamp" if isinstance(value, datetime) else "date"
            if not self._is_declared(wanted):
                hint = f"; this bound fits columns of type {wanted!r}"
                raise options.refuse(
                    _COLUMN, option, f"a bound that fits type {self.dtype!r}", value, hint
                )
            return value
        if self.dtype.startswith(("date", "timestamp")):
            kind = "date" if self.dtype.startswith("date") else "datetime"
            raise options.refuse(_COLUMN, option, f"a {kind} for type {self.dtype!r}", value)
        if not self._is_declared("int", "uint", "float", "double", "half", "number", "decimal"):
            raise options.refuse(_COLUMN, option, f"left out for type {self.dtype!r}", value)
        if isinstance(value, Decimal) and value.is_finite():
            return value
        return options.number(_COLUMN, option, value)

    @property
    def range(self) -> str:
        """Say in words which values break the rule on the range, such as "above 5"."""
        if self.at_least is None:
            return f"above {self.at_most}"
        if self.at_most is None:
            return f"below {self.at_least}"
        return f"outside {self.at_least} to {self.at_most}"

    def accepts(self, field: Field) -> bool:
        """Return whether a column of a table, given as its `Field`, has the declared type."""
        if self.dtype == "any":
            return True
        if self.dtype == "category":
            return field.encoded
        if self.dtype in FAMILIES:
            return field.kind in FAMILIES[self.dtype]
        try:
            return field.type == str(pa.type_for_alias(self.dtype))  # "float64" is "double"
        except ValueError:
            return field.type == self.dtype

    def __repr__(self) -> str:
        return options.written(self)


def _arrow_type(dtype: str) -> pa.DataType | None:
    """Return an Arrow type that fits the declared type; None if no single type represents it."""
    if dtype in FAMILIES:
        return _ARROW_TYPES.get(dtype)
    try:
        return pa.type_for_alias(dtype)
    except ValueError:
        return None


def _checked_type(dtype: object) -> str:
    """Return the usual spelling of a declared type; raise OptionError for an unknown name."""
    if isinstance(dtype, pa.DataType):
        dtype = str(dtype)
        # "float" and "string" of Arrow are exact types; the families of these names are wider
        return {"float": "float32", "string": "utf8"}.get(dtype, dtype)
    if isinstance(dtype, str) and dtype != "str":  # (to Arrow "str" is one exact type of strings)
        spaced = re.sub(r"(?<=[0-9]),(?=-?[0-9])", ", ", dtype)  # "decimal128(10,2)"
        if dtype in FAMILIES:
            return dtype
        if _PARAMETRIC.fullmatch(spaced):
            return spaced
        try:
            pa.type_for_alias(dtype)
        except ValueError:
            pass
        else:
            return dtype
    common = [*FAMILIES, "int64", "int32", "float64", "float32", "large_string", "date32", "binary"]
    meant = next((own for foreign, own in _FOREIGN_NAMES if str(dtype).startswith(foreign)), None)
    near = f"; did you mean {meant!r}?" if meant else options.did_you_mean(dtype, common)
    allowed = f"one of {', '.join(map(repr, FAMILIES))} or the name of an Arrow type"
    raise options.refuse(_COLUMN, "dtype", allowed, dtype, near)


class _Rule(NamedTuple):
    """A rule for the values of a column, and the largest share of values that may break it.

    `metric` is the name of the rule in the report, and `at_most` the largest share. `counter`
    counts the violations; it is None if the rule does not apply to the actual type. `verb_phrase`
    says what a value that breaks the rule does, such as "are missing".
    """

    metric: str
    counter: Counter | None
    verb_phrase: str
    at_most: float


@dataclass(frozen=True, repr=False)
class Schema(Gate):
    """Check that the declared columns exist, have their types and follow rules for their values.

    Parameters
    ----------
    columns : mapping of str to Column or str
        The declared columns by name, such as ``{"age": Column("int", at_least=0)}``. ``{"x":
        "float"}`` is short for ``{"x": Column("float")}``.
    extra : {"forbid", "allow"}
        Whether the table may have columns that are not declared.
    ordered : bool
        Whether the columns must be in the order in which they are declared.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    Each column has one check for its type and one for each of its rules: ``missing`` unless
    nullable, ``infinite`` for floats, ``range``, ``isin``, ``matches``, ``unique``. A check that
    fails shows the count, the share and the first few row numbers (from 0) of the violations, but
    not the values. A rule for a column without values is INCONCLUSIVE. So is a table that has no
    rows, or that has not a single one of the declared columns. A rule that can't be evaluated is an
    ERROR, such as a bound without a time zone for timestamps with a time zone; the other rules are
    still judged.

    Examples
    --------
    >>> schema = Schema({"age": Column("int", at_least=0, at_most=120), "name": "string"})
    >>> result = schema.run(data={"age": [31, 140], "name": ["Ann", None]})
    >>> [(check.subject, check.metric, str(check.verdict)) for check in result.checks if not check]
    [('age', 'range', 'fail'), ('name', 'missing', 'fail')]
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    info = GateInfo(
        summary="the columns of a table, their types, and rules for their values",
        metrics={
            "`type`, `present`, `extra`, `order`": "number of violations (the report shows words "
            "instead)",
            "`missing`": "share of the cells that are missing",
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
        allowed = "a mapping of names to `Column` objects or types"
        pairs = options.mapping(_SCHEMA, "columns", self.columns, allowed)
        if not pairs:
            allowed = "a mapping with at least one column"
            raise options.refuse(_SCHEMA, "columns", allowed, self.columns)
        columns: list[tuple[str, Column]] = []
        for name, given in pairs.items():
            if not isinstance(name, str):
                raise options.refuse(_SCHEMA, "columns", "a mapping with strings as keys", name)
            column = Column(given) if isinstance(given, str) else given
            if not isinstance(column, Column):
                allowed = "a Column or the name of a type"
                raise options.refuse(_SCHEMA, f"columns[{name!r}]", allowed, given)
            columns.append((name, column))
        self._set("columns", tuple(columns))
        options.choice(_SCHEMA, "extra", self.extra, ("forbid", "allow"))
        options.flag(_SCHEMA, "ordered", self.ordered)
        super().__post_init__()

    @property
    def rules(self) -> dict[str, Column]:
        """The declared columns: a mapping from each name to its `Column`."""
        return dict(self.columns)  # type: ignore[arg-type]

    @classmethod
    def infer(cls, table: object) -> "Schema":
        """Return a draft of a schema for tables like the given one, for a person to review.

        The draft declares the type of each column, and whether cells may be missing and values may
        be infinite. If a column of strings has at most 20 different values, and at least one of
        them occurs twice, they are declared as the allowed values. The smallest and the largest
        value of a column do not become limits, because the next sample would break them.

        Parameters
        ----------
        table : table
            A table with at least one row, in any form that `Gate.run` takes as ``data=``.

        Raises
        ------
        EvidenceError
            If `table` is not a table, or has no rows.

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
            raise EvidenceError("Schema.infer: `table` must have at least one row, got 0 rows")
        columns: dict[str, Column | str] = {}
        for name, actual in schema.items():
            dtype, isin, counted = actual.type, None, profile.columns[name]
            if actual.kind in ("null", "unreadable"):
                dtype = "any"
            elif actual.kind == "decimal" and not actual.encoded:  # another sample has other digits
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

    def request_counts(self, evidence: Evidence) -> None:
        """Register what to count, and the declared types of columns that come from folder names.

        A folder named ``day=2026-01-31`` defines a column ``day``.
        """
        types = {name: _arrow_type(column.dtype) for name, column in self.rules.items()}
        evidence.register(DeclaredTypes({k: type_ for k, type_ in types.items() if type_}))
        super().request_counts(evidence)

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what to count for each rule of each declared column that is in the table."""
        for name, column in self.rules.items():
            if name in schema:
                for rule in _rules(schema[name], column):
                    if rule.counter is not None:
                        yield rule.counter
                if _turned_float(schema[name], column):
                    yield counters.Fractional(name)
                if schema[name].kind == "string":  # read even without a rule: it may not decode
                    yield counters.Missing(name)

    def offending(self, evidence: Evidence) -> Positions:
        """Return the numbers of the rows that have a value that breaks a rule."""
        source, counted = evidence.source("data"), []
        repeats = [np.empty(0, np.int64)]
        for name, column in self.rules.items():
            if name in source.schema:
                for rule in _rules(source.schema[name], column):
                    if isinstance(rule.counter, Duplicated):
                        key = KeyCounter((name,))
                        repeats.append(Profile.of(source, [key], columns=())[key].repeated())
                    elif rule.counter is not None:
                        counted.append(rule.counter)
        return np.concatenate([violating_rows(source, counted), *repeats])

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the checks of each column, then the checks of the table as a whole."""
        schema, profile = evidence.source("data").schema, evidence.profile()
        rules, rows = self.rules, profile.rows
        if rows == 0:
            reason = "the table has no rows, so only types were checked; give it at least one row"
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
                text = f"`{name}` is not in the table, but is not required"
                summary = "optional column not found"
                yield property_check(name, "present", text, violations=0, n=0, summary=summary)
            else:
                text = f"`{name}` is not in the table{near.hint(name)}"
                summary = "column not found"
                yield property_check(name, "present", text, violations=1, n=0, summary=summary)
        if not present:
            reason = "none of the declared columns was found; check that this is the right table"
            none = Limit(at_most=0)
            yield _undecided(
                subject="columns", metric="present", reason=reason, limit=none, summary="none found"
            )
        if self.extra == "forbid":
            near = Near(extra, absent)
            for name in extra:
                text = f"column `{name}` is not declared{near.hint(name)}"
                summary = "column not declared"
                yield property_check(name, "extra", text, violations=1, n=rows, summary=summary)
            if not extra:
                text, summary = "all columns are declared", "no extra columns"
                yield property_check(
                    "columns", "extra", text, violations=0, n=rows, summary=summary
                )
        if self.ordered:
            order = (name for name in schema if name in rules)
            moved = tuple(a for a, b in zip(order, present, strict=True) if a != b)
            text = f"{listed(moved)} are not at their places in the declared order"
            text = text if moved else "the columns are in the declared order"
            summary = f"{len(moved):,} out of order" if moved else "in order"
            yield property_check(
                "columns", "order", text, violations=len(moved), n=rows, summary=summary
            )


def _rules(actual: Field, column: Column) -> Iterator[_Rule]:
    """Yield the rules that a column declares, and what to count if a rule fits the actual type."""
    name, most = actual.name, column.max_invalid
    comparable = actual.kind not in ("unreadable", "nested")
    if not column.nullable:
        yield _Rule("missing", counters.Missing(name), "are missing", 0.0)
    if actual.kind == "float" and not column.allow_inf:
        yield _Rule("infinite", counters.Infinite(name), "are infinite", most)
    if column.at_least is not None or column.at_most is not None:
        fits = actual.kind in (_DAYS if _has_dates(column) else _NUMBERS)
        outside = counters.Outside(name, column.at_least, column.at_most)
        yield _Rule("range", outside if fits else None, f"are {column.range}", most)
    if column.isin is not None:
        others = counters.NotIn(name, tuple(column.isin))
        yield _Rule("isin", others if comparable else None, "are outside the allowed set", most)
    if column.matches is not None:
        unlike = counters.NotMatching(name, column.matches)
        shown = repr(column.matches[:_SHOWN_PATTERN])
        shown = shown if len(column.matches) <= _SHOWN_PATTERN else f"{shown}..."
        is_text = actual.kind == "string"
        yield _Rule("matches", unlike if is_text else None, f"violate the pattern {shown}", most)
    if column.unique:
        repeated = Duplicated(name) if comparable else None
        yield _Rule("unique", repeated, "repeat an earlier value", most)


def _has_dates(column: Column) -> bool:
    """Return whether the bounds of a column are dates or datetimes."""
    return any(isinstance(end, date) for end in (column.at_least, column.at_most))


def _column_checks(actual: Field, column: Column, profile: Profile) -> Iterator[Check]:
    """Yield the check of a column's type, then one for each rule; an exception becomes ERROR."""
    name = actual.name
    with suppress_errors() as caught:
        check = _type_check(actual, column, profile)
    yield check if caught.error is None else error_check(name, "type", caught.error)
    for rule in _rules(actual, column):
        if rule.counter is None:
            if actual.kind == "null":
                found, remedy = "no values", "remove the rule if the column may be empty"
            else:
                found, remedy = described_type(actual), "convert the column or remove the rule"
            if rule.metric == "range":
                bounds = "dates or timestamps" if _has_dates(column) else "numbers"
                reason = f"the bounds of `range` are {bounds}, but `{name}` has {found}; {remedy}"
            else:
                fits = "strings" if rule.metric == "matches" else "plain values"
                reason = f"`{rule.metric}` applies only to {fits}; `{name}` has {found}; {remedy}"
            most = Limit(at_most=rule.at_most)
            yield _undecided(
                subject=name, metric=rule.metric, reason=reason, limit=most, unit="share"
            )
            continue
        with suppress_errors() as caught:  # whatever the counter raised
            counted: counters.Violations = profile[rule.counter]
        if caught.error is not None:
            yield error_check(name, rule.metric, caught.error)
            continue
        alike = "it differs" if counted.count == 1 else f"{counted.alike:,} of them differ"
        alike = (
            f"{counted.alike:,} of them differs" if counted.alike == 1 < counted.count else alike
        )
        alike += " from an allowed value only in case, blanks or Unicode form"
        yield count_check(
            name,
            rule.metric,
            counted,
            rule.verb_phrase,
            at_most=rule.at_most,
            hint=alike if counted.alike else "",
            remedy=_REMEDIES.get(rule.metric, "remove the rule if the column may be empty"),
        )


def _type_check(actual: Field, column: Column, profile: Profile) -> Check:
    """Return the check of a column's type; a wrong type gets a hint at the likely cause."""
    name, n = actual.name, profile.rows
    if column.accepts(actual):
        text = f"`{name}` has {described_type(actual)}, as declared ({column.dtype})"
        summary = f"type {column.dtype}"
        return property_check(name, "type", text, violations=0, n=n, summary=summary)
    if actual.kind == "null":
        reason = f"`{name}` has no values, so its type is unknown; expected {column.dtype}; "
        reason += "declare 'any' if the column may be empty"
        return _undecided(subject=name, metric="type", reason=reason, limit=Limit(at_most=0))
    hint = ""
    if _turned_float(actual, column):
        fractional: counters.Violations = profile[counters.Fractional(name)]
        counted = profile.columns.get(name)
        if fractional.n and not fractional.count and counted is not None and counted.missing:
            hint = (
                "all values are whole numbers: missing cells turned an integer column into float; "
                "keep it integer (pandas: 'Int64') or declare 'float'"
            )
    if not hint and actual.kind == "string" and column.dtype in _PARSED:
        hint = "strings are not parsed; convert the column when the table is loaded"
    text = f"`{name}` has {described_type(actual)}, expected {column.dtype}"
    if actual.problem is not None:  # it names the type of the column, or of its values
        text = f"expected {column.dtype}, but {actual.problem}"
    summary = described_type(actual)
    return property_check(name, "type", text, violations=1, n=n, hint=hint, summary=summary)


def _turned_float(actual: Field, column: Column) -> bool:
    """Return whether integers are declared, but the actual column holds floats."""
    return actual.kind == "float" and column.dtype.startswith(("int", "uint"))
