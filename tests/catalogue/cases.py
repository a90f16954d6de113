"""Bad inputs and their right verdicts, one row per case.

A case has a table, a gate and the verdict. `check` is the subject, the metric and the verdict of
the row of the report that matters, if there is one.
"""

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

import mlgates as mg

P, U, F, E = "pass", "inconclusive", "fail", "error"  # U: undecided
UTC = dt.UTC
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=UTC)
NAN, INF = math.nan, math.inf
TOP = 2**53
C = mg.Column


@dataclass(frozen=True)
class Case:
    """A case of the catalogue."""

    id: str
    table: Callable[[], object] = field(repr=False)
    gate: mg.Gate
    verdict: str
    check: tuple[str, str, str] | None = None


def rows_of(values: object) -> Callable[[], object]:
    """A table of one column "x"."""
    return lambda: {"x": values}


def schema(dtype: str = "float", **rules: object) -> mg.Schema:
    """A schema of one column "x"."""
    return mg.Schema({"x": C(dtype, **rules)})


def complete(**options: object) -> mg.Completeness:
    return mg.Completeness(**options)


def fresh(**options: object) -> mg.Freshness:
    return mg.Freshness("x", **({"max_age": "24h"} | options))


def empty(kind: pa.DataType) -> Callable[[], object]:
    return rows_of(pa.array([], kind))


def frame(columns: list[object], cells: list[object]) -> Callable[[], object]:
    return lambda: pd.DataFrame([cells], columns=columns)


STAMP = pa.timestamp("us", "UTC")
SIZE = (
    Case("no rows, schema", empty(pa.float64()), schema(), U, ("rows", "rows", U)),
    Case("no rows, schema judges types", empty(pa.int64()), schema(), F, ("x", "type", F)),
    Case("no rows, range", empty(pa.float64()), schema(at_least=0), U, ("x", "range", U)),
    Case("no rows, set", empty(pa.string()), schema("string", isin=["a"]), U, ("x", "isin", U)),
    Case("no rows, unique", empty(pa.int64()), schema("int", unique=True), U, ("x", "unique", U)),
    Case(
        "no rows, pattern",
        empty(pa.string()),
        schema("string", matches="a"),
        U,
        ("x", "matches", U),
    ),
    Case("no rows, completeness", empty(pa.float64()), complete(), F, ("rows", "rows", F)),
    Case("no rows allowed", empty(pa.float64()), complete(min_rows=0), U, ("x", "missing", U)),
    Case("no rows, slices", empty(pa.float64()), complete(min_rows=0, by="x"), U),
    Case("no rows, expected", empty(pa.string()), complete(expected={"x": ["a"]}), F),
    Case("no rows, freshness", empty(STAMP), fresh(), F, ("x", "age", F)),
    Case("no rows in lists, schema", rows_of([]), schema(nullable=True), U, ("x", "type", U)),
    Case("no rows in lists, freshness", rows_of([]), fresh(), F, ("x", "age", F)),
    Case("one row, schema", rows_of([1.5]), schema(unique=True, at_least=0), P),
    Case("one row, completeness", rows_of([1.5]), complete(), P),
    Case("one row under the least", rows_of([1.5]), complete(min_rows=2), F, ("rows", "rows", F)),
    Case("one row, freshness", rows_of([NOW]), fresh(), P),
    Case("one row has no gap", rows_of([NOW]), fresh(max_gap="1h"), U, ("x", "gap", U)),
    Case("more rows than allowed", rows_of([1.0] * 3), complete(max_rows=2), F),
)

NOT_A_TABLE = tuple(
    Case(f"{name}, {gate.kind}", table, gate, E)
    for name, table in {
        "no columns": lambda: pd.DataFrame(index=[0]),
        "not given": lambda: None,
        "a number": lambda: 7,
        "a text": lambda: "x",
        "absent file": lambda: "absent.parquet",
        "a vector": lambda: np.arange(3.0),
        "a Series": lambda: pd.Series([1.0], name="x"),
        "a lazy frame that breaks": lambda: pl.LazyFrame({"x": [1.0]}).select("y"),
        "a list of numbers": lambda: [1, 2],
        "ragged columns": lambda: {"x": [1.0], "y": [1.0, 2.0]},
        "a name twice": frame(["x", "x"], [1.0, 2.0]),
        "a name twice in Arrow": lambda: pa.table([[1.0], [2.0]], names=["x", "x"]),
        "names that are numbers": frame([0, 1], [1.0, 2.0]),
        "names that are None": frame([None, "x"], [1.0, 2.0]),
        "names of two levels": lambda: pd.DataFrame({("x", "a"): [1.0], ("x", "b"): [2.0]}),
        "names 1 and '1'": frame([1, "1"], [1.0, 2.0]),
    }.items()
    for gate in (schema(), complete(), fresh())
)


def all_missing() -> dict[str, object]:
    return {
        "null": [None] * 3,
        "NaN": np.full(3, NAN),
        "NaT": np.full(3, "NaT", "M8[us]"),
        "NA": pd.Series([pd.NA] * 3, dtype="Float64"),
        "None in objects": pd.Series([None] * 3, dtype=object),
        "null floats": pa.nulls(3, pa.float64()),
        "null texts": pa.nulls(3, pa.string()),
        "null categories": pd.Categorical([None] * 3, categories=["a"]),
        "masked": np.ma.masked_all(3),
    }


MISSING = (
    *(
        Case(f"all {name}, not nullable", rows_of(v), schema("any"), F, ("x", "missing", F))
        for name, v in all_missing().items()
    ),
    *(
        Case(f"all {name}, completeness", rows_of(v), complete(), F, ("x", "missing", F))
        for name, v in all_missing().items()
    ),
    *(
        Case(
            f"all {name}, set of a nullable column",
            rows_of(v),
            schema("any", nullable=True, isin=["a"]),
            U,
            ("x", "isin", U),
        )
        for name, v in all_missing().items()
    ),
    *(
        Case(
            f"all {name}, unique in a nullable column",
            rows_of(v),
            schema("any", nullable=True, unique=True),
            U,
            ("x", "unique", U),
        )
        for name, v in all_missing().items()
    ),
    Case(
        "all NaN, range of a nullable column",
        rows_of([NAN] * 3),
        schema(nullable=True, at_least=0),
        U,
        ("x", "range", U),
    ),
    Case(
        "all null, pattern of a nullable column",
        rows_of(pa.nulls(3, pa.string())),
        schema("string", nullable=True, matches="a"),
        U,
        ("x", "matches", U),
    ),
    Case("all NaT, freshness", rows_of(pa.nulls(3, STAMP)), fresh(), F, ("x", "age", F)),
    Case("one NaT, freshness", rows_of([NOW, None]), fresh(), F, ("x", "missing", F)),
    Case(
        "98 % null within a limit of 5 %",
        rows_of([None] * 98 + [1, 1]),
        complete(max_missing=0.05),
        F,
    ),
    Case(
        "NaN and null are one",
        rows_of(pa.array([NAN, None, 1.0, 1.0])),
        complete(max_missing=0.4),
        F,
    ),
    Case("NaN is not a value", rows_of([NAN, 1.0]), schema(nullable=True, isin=[1.0]), P),
    Case(
        "NaN is not a repetition", rows_of([NAN, NAN, 1.0]), schema(nullable=True, unique=True), P
    ),
    Case("empty text is a value", rows_of(["", "a"]), complete(), P, ("x", "missing", P)),
    Case("NA as text is a value", rows_of(["NA", "null", "a"]), complete(), P),
    Case("NA as text when listed", rows_of(["NA", "a"]), complete(missing_values=["NA"]), F),
    Case("-999 when listed", rows_of([-999, 1]), complete(missing_values=[-999]), F),
    Case("-999 in floats when listed", rows_of([-999.0, 1]), complete(missing_values=[-999]), F),
    Case("zero is not missing", rows_of([0, 0.0]), complete(), P),
    Case("False is not missing", rows_of([False, False]), complete(missing_values=[0]), P),
    Case("masked values are missing", rows_of(np.ma.masked_array([1, 2], [1, 0])), complete(), F),
    Case(
        "slice of missing keys", lambda: {"x": [1.0], "g": [None]}, complete(columns="x", by="g"), P
    ),
)

VALUES = (
    Case("inf", rows_of([1.0, INF]), schema(), F, ("x", "infinite", F)),
    Case("-inf", rows_of([1.0, -INF]), schema(), F, ("x", "infinite", F)),
    Case("inf allowed", rows_of([1.0, INF]), schema(allow_inf=True), P),
    Case(
        "inf in a range without end",
        rows_of([INF] * 2),
        schema(at_least=0),
        F,
        ("x", "infinite", F),
    ),
    Case(
        "inf beyond a range",
        rows_of([INF]),
        schema(allow_inf=True, at_most=9),
        F,
        ("x", "range", F),
    ),
    Case("inf in float16", rows_of(np.array([INF], "f2")), schema(), F, ("x", "infinite", F)),
    Case("inf is not missing", rows_of([INF]), complete(), P),
    Case("constant column", rows_of([1.5] * 9), schema(at_least=1.5, at_most=1.5), P),
    Case("-0.0 is 0.0 in a range", rows_of([-0.0]), schema(at_least=0), P),
    Case("-0.0 is 0.0 in a set", rows_of([-0.0, 0.0]), schema(isin=[0]), P),
    Case("-0.0 repeats 0.0", rows_of([-0.0, 0.0]), schema(unique=True), F),
    Case("2**53 + 1 in a range", rows_of([TOP + 1]), schema("int", at_most=TOP), F),
    Case("2**53 + 1 in a set", rows_of([TOP + 1]), schema("int", isin=[TOP]), F),
    Case("2**53 + 1 repeats nothing", rows_of([TOP, TOP + 1]), schema("int", unique=True), P),
    Case("largest uint64", rows_of(np.array([2**64 - 1], "u8")), schema("int", at_most=2**63), F),
    Case("uint64 against a negative", rows_of(np.array([0], "u8")), schema("int", at_least=-1), P),
    Case("smallest int64", rows_of(np.array([-(2**63)])), schema("int", at_least=0), F),
    Case("int8 against a wide bound", rows_of(np.array([7], "i1")), schema("int", at_most=300), P),
    Case("float32 of a tenth", rows_of(np.array([0.1], "f4")), schema(at_most=0.1), P),
    Case(
        "Decimal of a tenth", rows_of([Decimal("0.1")]), schema("number", at_most=Decimal("0.1")), P
    ),
    Case("Decimal NaN", rows_of([Decimal("NaN"), Decimal(1)]), complete(), F),
    Case("bool where int is declared", rows_of([True, False]), schema("int"), F, ("x", "type", F)),
    Case("int where bool is declared", rows_of([0, 1]), schema("bool"), F, ("x", "type", F)),
    Case("True is not 1", rows_of([True]), schema("any", isin=[1]), F, ("x", "isin", F)),
    Case("int turned float by a null", rows_of([1.0, NAN]), schema("int", nullable=True), F),
    Case("float where int is declared", rows_of([1.0, 2.0]), schema("int"), F, ("x", "type", F)),
    Case("int where float is declared", rows_of([1, 2]), schema(), F, ("x", "type", F)),
    Case("text of numbers", rows_of(["1", "2"]), schema("int", at_least=0), F, ("x", "range", U)),
    Case(
        "text of numbers, any type", rows_of(["9"]), schema("any", at_most=1), U, ("x", "range", U)
    ),
    Case("text of times", rows_of(["2026-03-01T12:00:00Z"]), fresh(), E),
    Case("mixed objects", rows_of([1, "a"]), schema("int"), F, ("x", "type", F)),
    Case(
        "mixed objects, set", rows_of([1, "a"]), schema("any", isin=[1, "a"]), U, ("x", "isin", U)
    ),
    Case("mixed objects are there", rows_of([1, "a"]), complete(), P),
    Case("mixed objects, one missing", rows_of([1, "a", None]), complete(), F, ("x", "missing", F)),
    Case("mixed objects, freshness", rows_of([NOW, "a"]), fresh(), E),
    Case("objects of a class", rows_of([object(), object()]), schema("any", unique=True), U),
    Case("complex numbers", rows_of(np.array([1j])), schema("number"), F, ("x", "type", F)),
    Case("unseen category", rows_of(["a", "z"]), schema("string", isin=["a"]), F, ("x", "isin", F)),
    Case("category of another case", rows_of(["A"]), schema("string", isin=["a"]), F),
    Case("category with a blank", rows_of(["a "]), schema("string", isin=["a"]), F),
    Case("category in another form", rows_of(["e\u0301"]), schema("string", isin=["\xe9"]), F),
    Case(
        "unused category",
        rows_of(pd.Categorical(["a"], ["a", "z"])),
        schema("string", isin=["a"]),
        P,
    ),
    Case("category where text is declared", rows_of(pd.Categorical(["a"])), schema("string"), P),
    Case(
        "text where category is declared", rows_of(["a"]), schema("category"), F, ("x", "type", F)
    ),
    Case("lists", rows_of([[1], [2]]), schema("list<item: int64>"), P),
    Case("lists, unique", rows_of([[1], [1]]), schema("any", unique=True), U, ("x", "unique", U)),
    Case("dicts, set", rows_of([{"a": 1}]), schema("any", isin=[1]), U, ("x", "isin", U)),
    Case("dicts are there", rows_of([{"a": 1}, None]), complete(), F, ("x", "missing", F)),
    Case("sparse values", rows_of(pd.arrays.SparseArray([0.0, 2.0])), schema(at_most=1), F),
    Case(
        "periods",
        lambda: pd.DataFrame({"x": pd.period_range("2020", periods=2)}),
        schema("date"),
        F,
    ),
    Case("text of 10 MB", rows_of(["a" * 10**7]), schema("string", isin=["a"]), F),
    Case("text with NUL", rows_of(["a\0b"]), schema("string", matches="a"), F, ("x", "matches", F)),
    Case("text with NUL in a set", rows_of(["a\0"]), schema("string", isin=["a"]), F),
    Case("lone surrogate", rows_of(["\ud800"]), schema("string"), F, ("x", "type", F)),
    Case(
        "share that may be invalid",
        rows_of([1.0] * 99 + [-1.0]),
        schema(at_least=0, max_invalid=0.01),
        P,
    ),
    Case(
        "share beyond what may be invalid",
        rows_of([1.0] * 98 + [-1.0] * 2),
        schema(at_least=0, max_invalid=0.01),
        F,
    ),
    Case(
        "dates before 1970",
        rows_of([dt.date(1, 1, 1)]),
        schema("date", at_least=dt.date(1900, 1, 1)),
        F,
    ),
    Case(
        "times after 2262",
        rows_of(np.array(["9000-01-01"], "M8[s]")),
        schema("timestamp", at_most=dt.datetime(2100, 1, 1)),
        F,
    ),
    Case("pattern on a part of the text", rows_of(["abXXX"]), schema("string", matches="ab"), F),
    Case("pattern and a newline", rows_of(["ab\n"]), schema("string", matches="^ab$"), F),
    Case(
        "pattern that backtracks", rows_of(["a" * 99 + "b"]), schema("string", matches="(a+)+$"), F
    ),
)

STRUCTURE = (
    Case(
        "missing column, schema",
        lambda: {"y": [1.0]},
        mg.Schema({"x": "float", "y": "float"}),
        F,
        ("x", "present", F),
    ),
    Case(
        "missing column hides no other",
        lambda: {"y": ["a"]},
        mg.Schema({"x": "float", "y": "float"}),
        F,
        ("y", "type", F),
    ),
    Case(
        "missing column, completeness",
        lambda: {"y": [1.0]},
        complete(columns=["x", "y"]),
        E,
        ("y", "missing", P),
    ),
    Case("missing column, slices", lambda: {"y": [1.0]}, complete(by="x"), E, ("rows", "rows", P)),
    Case(
        "missing column, expected",
        lambda: {"y": [1.0]},
        complete(expected={"x": [1]}),
        E,
        ("y", "missing", P),
    ),
    Case("missing column, freshness", lambda: {"y": [NOW]}, fresh(), E),
    Case("extra column, schema", lambda: {"x": [1.0], "y": [1]}, schema(), F, ("y", "extra", F)),
    Case(
        "extra column allowed",
        lambda: {"x": [1.0], "y": [1]},
        mg.Schema({"x": "float"}, extra="allow"),
        P,
    ),
    Case("extra column, completeness", lambda: {"x": [1.0], "y": [1]}, complete(), P),
    Case("extra column, freshness", lambda: {"x": [NOW], "y": [None]}, fresh(), P),
    Case(
        "column order", lambda: {"y": [1.0], "x": [1.0]}, mg.Schema({"x": "float", "y": "float"}), P
    ),
    Case(
        "column order, ordered",
        lambda: {"y": [1.0], "x": [1.0]},
        mg.Schema({"x": "float", "y": "float"}, ordered=True),
        F,
        ("columns", "order", F),
    ),
    Case(
        "name in another case",
        lambda: {"X": [1.0]},
        mg.Schema({"x": "float"}, extra="allow"),
        F,
        ("x", "present", F),
    ),
    Case(
        "name with a blank",
        lambda: {"x ": [1.0]},
        mg.Schema({"x": "float"}, extra="allow"),
        F,
        ("x", "present", F),
    ),
    Case(
        "optional name with a blank",
        lambda: {"x ": [1.0], "y": [1]},
        mg.Schema({"x": C("float", required=False), "y": "int"}, extra="allow"),
        F,
        ("x", "present", F),
    ),
    Case(
        "none of the optional columns",
        lambda: {"y": [1]},
        mg.Schema({"x": C("float", required=False)}, extra="allow"),
        U,
    ),
    Case("hostile name", lambda: {"x": [1.0], "<script>\x1b]52;\n| a": [1]}, schema(), F),
    Case("empty name", lambda: {"": [1.0]}, mg.Schema({"": "float"}), P),
    Case(
        "empty slice",
        lambda: {"x": [1.0]},
        complete(by={"none": lambda t: [False]}),
        U,
        ("x", "missing", U),
    ),
    Case(
        "slice that raises",
        lambda: {"x": [1.0]},
        complete(by={"bad": lambda t: 1 / 0}),
        E,
        ("rows", "rows", P),
    ),
    Case(
        "too many slices",
        lambda: {"x": list(range(2_000))},
        complete(by="x"),
        E,
        ("x", "missing", P),
    ),
    Case(
        "group that is gone",
        rows_of(["a", "b"]),
        complete(expected={"x": ["a", "b", "c"]}),
        F,
        ("x", "expected", F),
    ),
)

LATE = dt.timedelta(days=2)
TIME = (
    Case("stamp within the skew", rows_of([NOW + dt.timedelta(minutes=5)]), fresh(), P),
    Case(
        "stamp beyond the skew",
        rows_of([NOW + dt.timedelta(minutes=6)]),
        fresh(),
        F,
        ("x", "future", F),
    ),
    Case("future beside fresh", rows_of([NOW, NOW + LATE]), fresh(), F, ("x", "age", P)),
    Case("future beside stale", rows_of([NOW - LATE, NOW + LATE]), fresh(), F, ("x", "age", F)),
    Case("stale", rows_of([NOW - LATE]), fresh(), F, ("x", "age", F)),
    Case("exactly as old as allowed", rows_of([NOW - dt.timedelta(days=1)]), fresh(), P),
    Case("naive stamps", rows_of([NOW.replace(tzinfo=None)]), fresh(), E),
    Case(
        "naive stamps in a zone",
        rows_of([NOW.replace(tzinfo=None)]),
        fresh(assume_timezone="UTC"),
        P,
    ),
    Case("dates without a zone", rows_of([dt.date(2026, 3, 1)]), fresh(), E),
    Case("dates in a zone", rows_of([dt.date(2026, 3, 1)]), fresh(assume_timezone="UTC"), P),
    Case(
        "mixed zones",
        rows_of([NOW, NOW.astimezone(dt.timezone(dt.timedelta(hours=9)))]),
        fresh(),
        P,
    ),
    Case("naive beside aware", rows_of([NOW, NOW.replace(tzinfo=None)]), fresh(), E),
    Case(
        "milliseconds read as nanoseconds",
        rows_of(np.array([1_772_366_400_000], "M8[ns]")),
        fresh(assume_timezone="UTC"),
        F,
        ("x", "age", F),
    ),
    Case(
        "milliseconds read as seconds",
        rows_of(np.array([1_772_366_400_000], "M8[s]")),
        fresh(assume_timezone="UTC"),
        F,
        ("x", "future", F),
    ),
    Case("epochs as integers", rows_of([1_772_366_400]), fresh(), E),
    Case("epochs as floats", rows_of([1.7723664e9]), fresh(), E),
    Case("year 0", rows_of(np.array(["0000-01-01"], "M8[s]")), fresh(assume_timezone="UTC"), F),
    Case(
        "year 9999",
        rows_of([dt.datetime(9999, 12, 31, tzinfo=UTC)]),
        fresh(),
        F,
        ("x", "future", F),
    ),
    Case(
        "one heartbeat",
        rows_of([NOW] + [NOW - 99 * LATE] * 99),
        fresh(min_fresh_share=0.5),
        F,
        ("x", "fresh_share", F),
    ),
    Case(
        "hole in time",
        rows_of([NOW, NOW - dt.timedelta(hours=9)]),
        fresh(max_gap="8h"),
        F,
        ("x", "gap", F),
    ),
    Case("no column of times", rows_of([True]), fresh(), E),
    Case("column of nulls", rows_of([None]), fresh(), F, ("x", "age", F)),
    Case(
        "one stamp, all else missing", rows_of([NOW, None, None]), fresh(), F, ("x", "missing", F)
    ),
)

CASES = (*SIZE, *NOT_A_TABLE, *MISSING, *VALUES, *STRUCTURE, *TIME)
