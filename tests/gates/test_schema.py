"""The verdicts and messages of `Schema`."""

import datetime as dt
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from example_counts import examples
from gate_examples import NOW, Example
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.verdict import Verdict

PASS, INCONCLUSIVE, FAIL, ERROR = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
UTC = dt.UTC


def judged(column, values, **options):
    """Verdicts by metric for a table of one column "x"."""
    result = mg.Schema({"x": column}, **options).run(data={"x": values})
    return {check.metric: check.verdict for check in result.checks if check.subject == "x"}


def check_of(result, subject, metric):
    (check,) = [c for c in result.checks if (c.subject, c.metric) == (subject, metric)]
    return check


def only(column, values, metric):
    return check_of(mg.Schema({"x": column}).run(data={"x": values}), "x", metric)


# Options


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {}, "Schema: `columns` must be a mapping with at least one column, got {}"),
        ((), {}, "Schema: `columns` must be a mapping with at least one column, got ()"),
        (
            7,
            {},
            "Schema: `columns` must be a mapping of names to `Column` objects or types, got 7",
        ),
        (
            ["age"],
            {},
            "`columns` must be a mapping of names to `Column` objects or types, got ['age']",
        ),
        ({1: "int"}, {}, "Schema: `columns` must be a mapping with strings as keys, got 1"),
        ({("a", "b"): "int"}, {}, "`columns` must be a mapping with strings as keys"),
        (
            {"age": int},
            {},
            "Schema: `columns['age']` must be a Column or the name of a type, got <class 'int'>",
        ),
        ({"age": "it"}, {}, "Column: `dtype` must be one of"),
        (
            {"age": "int"},
            {"extra": "forbit"},
            (
                "Schema: `extra` must be one of 'forbid', 'allow', got 'forbit'; "
                "did you mean 'forbid'?"
            ),
        ),
        ({"age": "int"}, {"extra": True}, "Schema: `extra` must be one of 'forbid', 'allow'"),
        ({"age": "int"}, {"ordered": 1}, "Schema: `ordered` must be True or False, got 1"),
    ],
)
def test_bad_option_is_refused(columns, options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Schema(columns, **options)
    assert message in str(caught.value)


def test_type_alone_is_short_for_a_column():
    short = mg.Schema({"x": "float"})
    assert short == mg.Schema({"x": mg.Column("float")})
    assert short.rules == {"x": mg.Column("float")}
    assert repr(short) == "Schema({'x': Column('float')})"


# Presence and names


def test_passing_table_in_full():
    schema = mg.Schema({"age": mg.Column("int", at_least=0, unique=True), "name": "string"})
    result = schema.run(data={"age": [31, 45], "name": ["Ann", "Bob"]})
    assert result.verdict is PASS
    assert result.reason == "all 7 checks passed"
    assert [(c.subject, c.metric, c.reason) for c in result.checks] == [
        ("age", "type", "`age` has type int64, as declared (int)"),
        ("age", "missing", "none of the 2 cells of `age` are missing; the limit is at most 0 %"),
        ("age", "range", "none of the 2 values of `age` are below 0; the limit is at most 0 %"),
        (
            "age",
            "unique",
            ("none of the 2 values of `age` repeat an earlier value; the limit is at most 0 %"),
        ),
        ("name", "type", "`name` has type string, as declared (string)"),
        ("name", "missing", "none of the 2 cells of `name` are missing; the limit is at most 0 %"),
        ("columns", "extra", "all columns are declared"),
    ]


@pytest.mark.parametrize(
    ("there", "near"),
    [
        ("AGE", "; did you mean 'AGE'?"),
        (" age ", "; did you mean ' age '?"),
        ("age\t", "; did you mean 'age\\t'?"),
        ("agee", "; did you mean 'agee'?"),
        ("income", ""),
    ],
)
def test_absent_column_fails_and_suggests_a_similar_name(there, near):
    result = mg.Schema({"age": "int", "id": "int"}, extra="allow").run(data={there: [1], "id": [1]})
    check = check_of(result, "age", "present")
    assert check.verdict is FAIL
    assert check.reason == f"`age` is not in the table{near}"
    # the other column is still judged
    assert check_of(result, "id", "type").verdict is PASS


def test_declared_name_is_not_suggested():
    result = mg.Schema({"age": "int", "AGE": "int"}).run(data={"AGE": [1]})
    assert check_of(result, "age", "present").reason == "`age` is not in the table"


def test_absent_optional_column_passes():
    schema = mg.Schema({"id": "int", "note": mg.Column("string", required=False)})
    result = schema.run(data={"id": [1]})
    assert result.verdict is PASS
    assert (
        check_of(result, "note", "present").reason
        == "`note` is not in the table, but is not required"
    )


def test_optional_column_is_judged_if_present():
    schema = mg.Schema({"id": "int", "note": mg.Column("string", required=False)})
    assert schema.run(data={"id": [1], "note": [7]}).verdict is FAIL


@pytest.mark.parametrize(
    ("name", "there", "shown"),
    [
        ("note", "Note", "'Note'"),
        ("note", " note", "' note'"),
        ("note", "\ufeffnote", "'\\ufeffnote'"),
        ("note", "no\u200bte", "'no\\u200bte'"),
        ("b\u00e9", "be\u0301", "'be\\u0301' (another Unicode form)"),
        ("be\u0301", "b\u00e9", "'b\\xe9' (another Unicode form)"),
    ],
)
@pytest.mark.parametrize("extra", ["allow", "forbid"])
def test_optional_column_under_a_similar_name_fails(name, there, shown, extra):
    schema = mg.Schema({"id": "int", name: mg.Column("string", required=False)}, extra=extra)
    check = check_of(schema.run(data={"id": [1], there: ["a"]}), name, "present")
    assert check.verdict is FAIL
    assert check.reason == f"`{name}` is not in the table; did you mean {shown}?"


def test_table_without_any_declared_column_is_not_passed():
    schema = mg.Schema({"note": mg.Column("string", required=False)}, extra="allow")
    result = schema.run(data={"id": [1]})
    assert result.verdict is INCONCLUSIVE
    assert result.reason == (
        "none of the declared columns was found; check that this is the right table"
    )


def test_extra_column_is_forbidden_by_default():
    result = mg.Schema({"age": "int", "sex": "string"}).run(
        data={"age": [1], "Sex ": ["f"], "z": [1]}
    )
    assert result.verdict is FAIL
    extra = {c.subject: c.reason for c in result.checks if c.metric == "extra"}
    assert extra == {
        "Sex ": "column `Sex ` is not declared; did you mean 'sex'?",
        "z": "column `z` is not declared",
    }


def test_extra_column_can_be_allowed():
    result = mg.Schema({"age": "int"}, extra="allow").run(data={"age": [1], "z": [1]})
    assert result.verdict is PASS
    assert all(check.metric != "extra" for check in result.checks)


def test_order_is_judged_only_if_ordered_is_set():
    table = {"b": [1], "a": [1], "c": [1]}
    columns = {"a": "int", "b": "int", "c": "int"}
    assert mg.Schema(columns).run(data=table).verdict is PASS
    result = mg.Schema(columns, ordered=True).run(data=table)
    check = check_of(result, "columns", "order")
    assert (check.verdict, check.value) == (FAIL, 2)
    assert check.reason == "'b', 'a' are not at their places in the declared order"
    kept = mg.Schema(columns, ordered=True).run(data={"a": [1], "b": [1], "c": [1]})
    assert check_of(kept, "columns", "order").reason == "the columns are in the declared order"


def test_order_ignores_columns_that_are_not_declared():
    schema = mg.Schema(
        {"a": "int", "gone": mg.Column("int", required=False), "b": "int"},
        extra="allow",
        ordered=True,
    )
    assert schema.run(data={"z": [1], "a": [1], "y": [1], "b": [1]}).verdict is PASS


# Types


FRAME = {
    "int": [1, 2],
    "float": [1.5, 2.5],
    "bool": [True, False],
    "string": ["a", "b"],
    "date": [dt.date(2020, 1, 1), dt.date(2020, 1, 2)],
    "timestamp": [dt.datetime(2020, 1, 1, tzinfo=UTC)] * 2,
}


def containers():
    table = pa.table(FRAME)
    return {
        "pandas": table.to_pandas(),
        "pandas nullable": table.to_pandas().convert_dtypes(),
        "pandas Arrow": table.to_pandas(types_mapper=pd.ArrowDtype),
        "pandas object": table.to_pandas().astype(object),
        "polars": pl.from_arrow(table),
        "pyarrow": table,
        "dict": FRAME,
        "records": table.to_pylist(),
    }


@pytest.mark.parametrize("container", containers().values(), ids=containers())
@pytest.mark.parametrize("declared", [*FRAME, "number", "any"])
def test_families_give_equal_verdicts_for_all_containers(container, declared):
    result = mg.Schema(dict.fromkeys(FRAME, declared)).run(data=container)
    verdicts = {c.subject: c.verdict for c in result.checks if c.metric == "type"}
    accepted = {"number": {"int", "float"}, "any": set(FRAME)}.get(declared, {declared})
    assert verdicts == {name: PASS if name in accepted else FAIL for name in FRAME}


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["a", "b"], dtype="category"),
        pl.Series(["a", "b"], dtype=pl.Categorical),
        pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
        pa.array(["a", "b"]).dictionary_encode(),
    ],
    ids=["pandas", "polars", "enum", "pyarrow"],
)
def test_string_accepts_and_category_requires_dictionary_encoding(values):
    rules = {"isin": ["a", "b"], "matches": "[ab]", "unique": True}
    assert set(judged(mg.Column("string", **rules), values).values()) == {PASS}
    assert set(judged(mg.Column("category", **rules), values).values()) == {PASS}
    assert judged("category", ["a", "b"])["type"] is FAIL
    assert judged("any", values)["type"] is PASS


@pytest.mark.parametrize(
    ("declared", "values", "reason"),
    [
        (
            "int",
            ["1", "2"],
            (
                "`x` has type string, expected int (hint: strings are not parsed; "
                "convert the column when the table is loaded)"
            ),
        ),
        (
            "timestamp",
            ["2020-01-01"],
            (
                "`x` has type string, expected timestamp (hint: strings are not parsed; "
                "convert the column when the table is loaded)"
            ),
        ),
        ("int", [True, False], "`x` has type bool, expected int"),
        ("bool", [0, 1], "`x` has type int64, expected bool"),
        ("int64", np.array([1], "int32"), "`x` has type int32, expected int64"),
        ("float32", np.array([1.0]), "`x` has type float64 (Arrow double), expected float32"),
        (
            "int",
            [1.0, None, 3.0],
            (
                "`x` has type float64 (Arrow double), expected int (hint: all values are whole "
                "numbers: missing cells turned an integer column into float; keep it integer "
                "(pandas: 'Int64') or declare 'float')"
            ),
        ),
        ("int", [1.0, 3.0], "`x` has type float64 (Arrow double), expected int"),
        ("int", [1.5, None], "`x` has type float64 (Arrow double), expected int"),
        ("int", [1.0, math.inf, None], "`x` has type float64 (Arrow double), expected int"),
    ],
)
def test_wrong_type_fails_and_reports_the_actual_type(declared, values, reason):
    check = only(mg.Column(declared, nullable=True), values, "type")
    assert (check.verdict, check.value, check.reason) == (FAIL, 1, reason)


def test_mixed_column_fails_with_a_remedy_and_others_are_judged():
    table = {"x": [1, "a", None], "y": [1, 2, 3]}
    result = mg.Schema({"x": mg.Column("int", at_least=0), "y": "int"}).run(data=table)
    check = check_of(result, "x", "type")
    assert check.verdict is FAIL
    assert check.reason == (
        "expected int, but column 'x' mixes values of the types int, str; convert them to one type "
        "first"
    )
    assert check_of(result, "x", "missing").details == {"count": 1, "rows": (2,)}
    assert check_of(result, "x", "range").verdict is INCONCLUSIVE
    assert check_of(result, "y", "type").verdict is PASS


@pytest.mark.parametrize("declared", ["int", "float", "string", "date", "timestamp", "int64"])
def test_type_of_a_column_without_values_is_inconclusive(declared):
    check = only(mg.Column(declared, nullable=True), [None, None], "type")
    assert check.verdict is INCONCLUSIVE
    assert check.reason == (
        f"`x` has no values, so its type is unknown; expected {declared}; "
        "declare 'any' if the column may be empty"
    )


# Missing


@pytest.mark.parametrize(
    "values",
    [
        [1.5, None, math.nan],
        np.array([1.5, np.nan, np.nan]),
        pd.Series([1.5, None, pd.NA], dtype="Float64"),
        pl.Series([1.5, None, math.nan]),
        pa.array([1.5, None, math.nan]),
        np.ma.masked_array([1.5, 2.5, 3.5], [False, True, True]),
    ],
    ids=["list", "numpy", "pandas", "polars", "pyarrow", "masked"],
)
def test_missing_cells_are_null_and_nan(values):
    check = only("float", values, "missing")
    assert (check.verdict, check.n, check.details["count"]) == (FAIL, 3, 2)
    assert check.reason == (
        "2 of 3 cells of `x` (66.7 %) are missing, first at rows 1, 2; the limit is at most 0 %"
    )
    assert "missing" not in judged(mg.Column("float", nullable=True), values)


def test_missing_cells_are_not_forgiven_by_max_invalid():
    assert judged(mg.Column("float", max_invalid=1.0), [1.5, None])["missing"] is FAIL


@pytest.mark.parametrize(
    ("rules", "metrics"),
    [
        ({"dtype": "float", "at_least": 0}, {"infinite", "range"}),
        ({"dtype": "float", "unique": True}, {"infinite", "unique"}),
        ({"dtype": "float", "isin": [1.5]}, {"infinite", "isin"}),
        ({"dtype": "float", "max_invalid": 1.0, "at_most": 0}, {"infinite", "range"}),
    ],
)
def test_rules_of_an_all_missing_nullable_column_are_inconclusive(rules, metrics):
    result = mg.Schema({"x": mg.Column(nullable=True, **rules)}).run(data={"x": [math.nan] * 3})
    for metric in metrics:
        check = check_of(result, "x", metric)
        assert check.verdict is INCONCLUSIVE
        how = "remove the rule if the column may be empty"
        if metric == "infinite":
            how = "if the column may be empty, switch off the check for infinite values by "
            how += "`allow_inf=True`"
        assert check.reason == f"`x` has no values to judge; {how}"
    assert result.verdict is INCONCLUSIVE


# Range


TOP = 2**53
RANGES = [
    # values, bounds, offending rows
    ([0, 1, 120, 121], {"at_least": 1, "at_most": 120}, (0, 3)),
    ([1.0, math.inf, -math.inf], {"at_most": 5}, (1,)),
    ([1.0, math.inf, -math.inf], {"at_least": -5}, (2,)),
    ([-0.0, 0.0], {"at_least": 0}, ()),
    ([TOP, TOP + 1], {"at_most": TOP}, (1,)),
    ([TOP, TOP + 1], {"at_least": TOP + 1}, (0,)),
    (np.array([2**63, 2**64 - 1], "uint64"), {"at_most": 2**63}, (1,)),
    (np.array([0, 2**64 - 1], "uint64"), {"at_least": -1}, ()),
    (np.array([-(2**63), 2**63 - 1]), {"at_most": 2**63 - 2}, (1,)),
    (np.array([-(2**63), 2**63 - 1]), {"at_least": -(2**70), "at_most": 2**70}, ()),
    (np.array([-128, 127], "int8"), {"at_most": 1000}, ()),
    (np.array([-128, 127], "int8"), {"at_least": 126.5}, (0,)),
    ([2, 3], {"at_most": 2.5}, (1,)),
    (np.array([0.1], "float32"), {"at_most": 0.1}, ()),
    (np.array([0.7], "float32"), {"at_least": 0.7}, ()),
    (np.array([0.1], "float32"), {"at_most": float(np.float32(0.1))}, ()),
    (np.array([0.1, 65504.0], "float16"), {"at_most": 60000}, (1,)),
    ([Decimal("0.1"), Decimal("0.11")], {"at_most": Decimal("0.1")}, (1,)),
    ([Decimal("0.1")], {"at_most": 0.1}, ()),
    ([Decimal("0.1")], {"at_least": 0.1}, ()),
    ([0.1], {"at_most": Decimal("0.1")}, ()),
    (
        [dt.date(1, 1, 1), dt.date(2020, 1, 1), dt.date(9999, 12, 31)],
        {"at_least": dt.date(2020, 1, 1), "at_most": dt.date(9999, 12, 30)},
        (0, 2),
    ),
]


@pytest.mark.parametrize(("values", "bounds", "rows"), RANGES)
def test_range_is_exact(values, bounds, rows):
    check = only(mg.Column("any", allow_inf=True, **bounds), values, "range")
    assert check.verdict is (FAIL if rows else PASS)
    assert check.details == {"count": len(rows), "rows": rows}


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ({"at_least": 5}, "below 5"),
        ({"at_most": -5}, "above -5"),
        ({"at_least": 4, "at_most": 4.5}, "outside 4 to 4.5"),
    ],
)
def test_range_in_words(bounds, words):
    check = only(mg.Column("int", **bounds), [0, 0], "range")
    assert check.reason == (
        f"2 of 2 values of `x` (100 %) are {words}, first at rows 0, 1; the limit is at most 0 %"
    )


NAIVE, AWARE = dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=UTC)
BERLIN = dt.datetime(2020, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))


@pytest.mark.parametrize(
    ("values", "bound", "verdict"),
    [
        ([NAIVE], NAIVE, PASS),
        ([NAIVE], NAIVE + dt.timedelta(microseconds=1), FAIL),
        ([AWARE], AWARE, PASS),
        ([AWARE], BERLIN, PASS),
        ([AWARE], BERLIN + dt.timedelta(seconds=1), FAIL),
        (np.array(["2262-04-11", "9000-01-01"], "M8[s]"), NAIVE, PASS),
        (np.array(["1500-01-01"], "M8[us]"), NAIVE, FAIL),
        (np.array(["NaT", "2020-01-01"], "M8[ns]"), NAIVE, PASS),
    ],
)
def test_range_of_timestamps(values, bound, verdict):
    check = only(mg.Column("timestamp", at_least=bound, nullable=True), values, "range")
    assert check.verdict is verdict


@pytest.mark.parametrize(
    ("values", "bound", "words"),
    [
        ([NAIVE], AWARE, ("a", "none; write the value without one")),
        ([AWARE], NAIVE, ("no", "one; write the value with one too")),
    ],
    ids=["naive column", "aware column"],
)
@pytest.mark.parametrize("rule", ["at_least", "at_most", "isin"])
def test_naive_bound_of_aware_timestamps_is_an_error_and_others_are_judged(
    values, bound, words, rule
):
    given = [bound] if rule == "isin" else bound
    schema = mg.Schema({"x": mg.Column("timestamp", unique=True, **{rule: given}), "y": "int"})
    result = schema.run(data={"x": values, "y": ["a"]})
    assert result.verdict is ERROR
    metric = "isin" if rule == "isin" else "range"
    check = check_of(result, "x", metric)
    assert check.verdict is ERROR
    assert check.reason == (
        f"`{metric}` of `x` could not be judged: the given value {bound} has {words[0]} time zone, "
        f"but the times of the column have {words[1]}"
    )
    others = {(c.subject, c.metric): c.verdict for c in result.checks if c is not check}
    assert others == {
        ("x", "type"): PASS,
        ("x", "missing"): PASS,
        ("x", "unique"): PASS,
        ("y", "type"): FAIL,
        ("y", "missing"): PASS,
        ("columns", "extra"): PASS,
    }


@pytest.mark.parametrize(
    ("values", "bounds"),
    [
        (["5"], {"at_least": 0}),
        ([True], {"at_least": 0}),
        ([dt.date(2020, 1, 1)], {"at_least": 0}),
        ([AWARE], {"at_least": 0}),
        ([5], {"at_least": dt.date(2020, 1, 1)}),
        ([5], {"at_least": NAIVE}),
        ([dt.timedelta(1)], {"at_least": 0}),
        ([b"a"], {"at_least": 0}),
        ([[1]], {"at_least": 0}),
        ([1 + 2j], {"at_least": 0}),
    ],
)
def test_range_that_does_not_fit_the_type_never_passes(values, bounds):
    result = mg.Schema({"x": mg.Column("any", **bounds)}).run(data={"x": values})
    check = check_of(result, "x", "range")
    assert (result.verdict, check.verdict, check.value) == (INCONCLUSIVE, INCONCLUSIVE, None)
    kind = "numbers"
    if isinstance(next(iter(bounds.values())), dt.date):
        kind = "dates or timestamps"
    start = f"the bounds of `range` are {kind}, but `x` has type "
    assert check.reason.startswith(start)


# Sets


@pytest.mark.parametrize(
    ("values", "allowed", "rows"),
    [
        (["a", "b", "c"], ["a", "b"], (2,)),
        (["a", "A", "a "], ["a"], (1, 2)),
        (["é", "e\u0301"], ["é"], (1,)),  # one letter in two forms of Unicode
        ([1, 2, 3], [1, 2.0], (2,)),
        ([1.0, 2.5], [1, Decimal("2.5")], ()),
        ([0.1], [Decimal("0.1")], ()),
        ([Decimal("0.1")], [0.1], ()),
        (np.array([0.1, 0.2], "float32"), [0.1], (1,)),
        (np.array([0.1, 0.2], "float16"), [0.1], (1,)),
        ([True, False], [True], (1,)),
        ([True, False], [1, 0], (0, 1)),
        ([1, 0], [True, False], (0, 1)),
        (["1"], [1], (0,)),
        ([1], ["1"], (0,)),
        ([TOP, TOP + 1], [TOP], (1,)),
        (np.array([0, 2**64 - 1], "uint64"), [2**64 - 1], (0,)),
        ([-0.0, 0.0], [0], ()),
        ([math.inf, 1.0], [1], (0,)),
        ([dt.date(2020, 1, 1)], [dt.date(2020, 1, 1)], ()),
        ([BERLIN], [AWARE], ()),
        ([b"a"], ["a"], (0,)),
        (["a", None, "z"], ["a"], (2,)),
    ],
)
def test_allowed_values_are_compared_by_value_and_type(values, allowed, rows):
    column = mg.Column("any", isin=allowed, nullable=True, allow_inf=True)
    check = only(column, values, "isin")
    assert check.verdict is (FAIL if rows else PASS)
    assert check.details == {"count": len(rows), "rows": rows}


def test_sets_of_true_and_of_one_are_counted_separately():
    table = {"x": [True, False]}
    gates = [
        mg.Schema({"x": mg.Column("any", isin=[True, False])}, name="bools"),
        mg.Schema({"x": mg.Column("any", isin=[1, 0])}, name="numbers"),
    ]
    assert [r.verdict for r in mg.GateSuite(gates).run(data=table)] == [PASS, FAIL]
    assert [r.verdict for r in mg.GateSuite(gates[::-1]).run(data=table)] == [FAIL, PASS]


def test_many_values_outside_a_large_set():
    allowed = [f"v{i}" for i in range(20_000)]
    check = only(mg.Column("string", isin=allowed), [f"V{i}" for i in range(1, 40_001)], "isin")
    assert (check.verdict, check.value) == (FAIL, 1)
    assert "(hint: 19,999 of them differ from an allowed value only in case" in check.reason


# Patterns


@pytest.mark.parametrize(
    ("pattern", "texts", "rows"),
    [
        ("ab", ["ab", "abXXX", "XXab", "ab\n"], (1, 2, 3)),
        ("^ab$", ["ab", "ab\n"], (1,)),
        ("a|ab", ["ab"], ()),
        ("(?i)ab", ["AB", "aB"], ()),
        (r"\d+", ["12", "٣", "1_000"], (2,)),
        (r"(?a)\d+", ["12", "٣"], (1,)),
        (r"\w+", ["é", "a-b"], (1,)),
        (".*", ["", "a\nb"], (1,)),
        ("", ["", "a"], (1,)),
        (r"a\x00b", ["a\x00b", "ab"], (1,)),
        (r"\D\W", ["é-", "٣-"], (1,)),
    ],
)
def test_pattern_matches_whole_texts_as_in_python(pattern, texts, rows):
    check = only(mg.Column("string", matches=pattern), texts, "matches")
    assert check.verdict is (FAIL if rows else PASS)
    assert check.details == {"count": len(rows), "rows": rows}


def test_failing_pattern_is_shown_and_shortened_if_long():
    check = only(mg.Column("string", matches="[A-Z]{2}"), ["DE", "fr"], "matches")
    assert check.reason == (
        "1 of 2 values of `x` (50 %) violates the pattern '[A-Z]{2}', first at row 1; "
        "the limit is at most 0 %"
    )
    long = only(mg.Column("string", matches="a" * 500), ["b"], "matches")
    assert f"(row 0) violates the pattern '{'a' * 60}'...;" in long.reason


def test_pattern_with_nested_repetition_is_matched_in_linear_time():
    check = only(mg.Column("string", matches="(a+)+$"), ["a" * 5_000 + "b"], "matches")
    assert check.verdict is FAIL


def test_pattern_without_linear_time_is_refused_when_declared():
    with pytest.raises(mg.OptionError) as caught:
        mg.Column("string", matches=r"(a+)+(?<!b)$")
    assert str(caught.value) == (
        "Column: `matches` must be a regular expression, got '(a+)+(?<!b)$'; look-ahead and "
        "look-behind are not supported; write a function with `@gate` instead"
    )


def test_rule_that_cannot_be_judged_is_an_error_and_others_are_judged():
    schema = mg.Schema(
        {
            "x": mg.Column("timestamp", at_most=dt.datetime(2024, 1, 1)),
            "y": mg.Column("int", at_most=0),
        }
    )
    suite = mg.GateSuite([schema, mg.Completeness()])
    report = suite.run(data={"x": [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], "y": [1]})
    check = check_of(report["schema"], "x", "range")
    assert check.verdict is ERROR
    assert check.reason.startswith("`range` of `x` could not be judged: ")
    others = {(c.subject, c.metric): c.verdict for c in report["schema"].checks if c is not check}
    assert others == {
        ("x", "type"): PASS,
        ("x", "missing"): PASS,
        ("y", "type"): PASS,
        ("y", "missing"): PASS,
        ("y", "range"): FAIL,
        ("columns", "extra"): PASS,
    }
    assert report["completeness"].verdict is PASS
    assert report.verdict is ERROR


def test_pattern_for_numbers_never_passes():
    check = only(mg.Column("any", matches=r"\d"), [1, 2], "matches")
    assert check.verdict is INCONCLUSIVE
    assert check.reason == (
        "`matches` applies only to strings; `x` has type int64; convert the column or remove the "
        "rule"
    )


# Unique, infinite, max_invalid


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        ([1, 2, 1, 1], (2, 3)),
        (["a", "b", None, None], ()),
        ([0.0, -0.0], (1,)),
        ([math.nan, math.nan, 1.0], ()),
        ([TOP, TOP + 1], ()),
        ([Decimal("1.0"), Decimal("1.00")], (1,)),
        ([True, False, True], (2,)),
        ([AWARE, BERLIN], (1,)),
    ],
)
def test_unique_counts_repetitions(values, rows):
    check = only(mg.Column("any", unique=True, nullable=True), values, "unique")
    assert check.verdict is (FAIL if rows else PASS)
    assert check.details == {"count": len(rows), "rows": rows}


@pytest.mark.parametrize("values", [[[1], [1]], [{"a": 1}], [1, "a"]], ids=repr)
@pytest.mark.parametrize("rule", [{"unique": True}, {"isin": [1]}])
def test_values_without_equality_never_pass(values, rule):
    result = mg.Schema({"x": mg.Column("any", **rule)}).run(data={"x": values})
    assert result.verdict is INCONCLUSIVE
    assert "applies only to plain values; `x` has type" in result.reason


def test_infinite_values_fail_unless_allowed():
    values = [1.0, math.inf, -math.inf, None]
    check = only(mg.Column("float", nullable=True), values, "infinite")
    assert (check.verdict, check.n) == (FAIL, 3)
    assert check.reason == (
        "2 of 3 values of `x` (66.7 %) are infinite, first at rows 1, 2; the limit is at most 0 %"
    )
    assert "infinite" not in judged(mg.Column("float", allow_inf=True, nullable=True), values)
    # an infinite value is still beyond every bound
    allowed = mg.Column("float", allow_inf=True, nullable=True, at_most=5)
    assert only(allowed, values, "range").details["rows"] == (1,)


@pytest.mark.parametrize("declared", ["int", "any", "string"])
def test_infinite_values_fail_for_every_declared_type(declared):
    assert judged(declared, [1.0, math.inf])["infinite"] is FAIL


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.0, FAIL), (0.24, FAIL), (0.25, PASS), (1.0, PASS)]
)
@pytest.mark.parametrize("rule", [{"at_most": 3}, {"isin": [1, 2, 3]}, {"unique": True}], ids=repr)
def test_max_invalid_is_a_share_of_the_values(rule, share, verdict):
    values = [1, 2, 3, 3, None] if "unique" in rule else [1, 2, 3, 9, None]
    column = mg.Column("any", nullable=True, max_invalid=share, **rule)
    metric = {"at_most": "range", "isin": "isin", "unique": "unique"}[next(iter(rule))]
    check = only(column, pa.array(values), metric)
    assert (check.verdict, check.value, check.n) == (verdict, 0.25, 4)


def test_table_without_rows_judges_types_and_never_passes():
    schema = mg.Schema({"x": mg.Column("int", at_least=0), "s": mg.Column("string", nullable=True)})
    table = pa.table({"x": pa.array([], pa.float64()), "s": pa.array([], pa.string())})
    result = schema.run(data=table)
    verdicts = {(c.subject, c.metric): c.verdict for c in result.checks}
    assert verdicts == {
        ("rows", "rows"): INCONCLUSIVE,
        ("x", "type"): FAIL,
        ("x", "missing"): INCONCLUSIVE,
        ("x", "infinite"): INCONCLUSIVE,
        ("x", "range"): INCONCLUSIVE,
        ("s", "type"): PASS,
        ("columns", "extra"): PASS,
    }
    only_types = mg.Schema({"s": mg.Column("string", nullable=True)}, extra="allow")
    result = only_types.run(data=table)
    assert result.verdict is INCONCLUSIVE
    assert result.reason == (
        "the table has no rows, so only types were checked; give it at least one row"
    )


def test_only_the_first_five_rows_are_named():
    check = only(mg.Column("int", at_least=0), [-1] * 2_000, "range")
    assert check.details == {"count": 2_000, "rows": (0, 1, 2, 3, 4)}
    assert "(100 %) are below 0, first at rows 0, 1, 2, 3, 4; the limit" in check.reason


# Privacy


CANARY = "canary-7391"


@pytest.mark.parametrize(
    "column",
    [
        mg.Column("string", isin=["a"]),
        mg.Column("string", matches="[a-z]"),
        mg.Column("string", matches=r"(?i)[^b]"),
        mg.Column("string", unique=True),
        mg.Column("int", at_least=0),
        mg.Column("timestamp"),
        mg.Column("category"),
        mg.Column("any", at_least=0),
        mg.Column("any", at_least=AWARE),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "values",
    [
        [CANARY, CANARY, None],
        [CANARY, 1, None],
        pd.Categorical([CANARY, CANARY, None]),
        [[CANARY], [CANARY], None],
        [{"k": CANARY}, {"k": CANARY}, None],
        [CANARY.encode(), b"", None],
    ],
    ids=["text", "mixed", "category", "list", "struct", "bytes"],
)
def test_no_value_of_the_data_is_ever_reported(column, values):
    report = mg.GateSuite([mg.Schema({"x": column})]).run(data={"x": values})
    assert report.verdict is not PASS
    for text in (str(report), report.to_json(), report["schema"].reason, repr(report)):
        assert CANARY not in text
    assert CANARY not in report.to_frame().to_csv()


# Inference


def test_inferred_schema_in_full():
    table = pa.table(
        {
            "id": [1, 2, 3],
            "score": [0.5, math.inf, None],
            "city": ["Bonn", "Lille", "Bonn"],
            "name": ["Ann", "Bob", "Cid"],
            "vip": [True, None, False],
            "price": [Decimal("1.50")] * 3,
            "born": [dt.date(2000, 1, 1)] * 3,
            "seen": [AWARE] * 3,
            "size": pa.array(["S", "M", "S"]).dictionary_encode(),
            "level": pa.array([1, 2, 1]).dictionary_encode(),
            "took": [dt.timedelta(1)] * 3,
            "tags": [["a"], [], None],
            "gone": pa.nulls(3),
        }
    )
    assert mg.Schema.infer(table).rules == {
        "id": mg.Column("int"),
        "score": mg.Column("float", nullable=True, allow_inf=True),
        "city": mg.Column("string", isin=["Bonn", "Lille"]),
        "name": mg.Column("string"),
        "vip": mg.Column("bool", nullable=True),
        "price": mg.Column("number"),
        "born": mg.Column("date"),
        "seen": mg.Column("timestamp"),
        "size": mg.Column("string", isin=["M", "S"]),
        "level": mg.Column("category"),
        "took": mg.Column("duration[us]"),
        "tags": mg.Column(table.schema.field("tags").type, nullable=True),
        "gone": mg.Column("any", nullable=True),
    }


@pytest.mark.parametrize(
    ("distinct", "rows", "listed"), [(20, 21, True), (20, 20, False), (21, 100, False)]
)
def test_small_sets_of_texts_are_inferred(distinct, rows, listed):
    texts = [f"v{i % distinct:02d}" for i in range(rows)]
    column = mg.Schema.infer({"x": texts}).rules["x"]
    assert column.isin == (tuple(sorted(set(texts))) if listed else None)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"x": []}, "Schema.infer: `table` must have at least one row, got 0 rows"),
        (None, "got None, which is not a table"),
        ({}, "the table has no columns"),
    ],
)
def test_tables_without_rows_or_columns_are_refused(table, message):
    with pytest.raises(mg.EvidenceError) as caught:
        mg.Schema.infer(table)
    assert message in str(caught.value)


def test_stream_is_read_once():
    table = pa.table({"x": [1, 2], "s": ["a", "a"]})
    assert mg.Schema.infer(table.to_reader()) == mg.Schema.infer(table)


CELLS = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=64),
    "bool": st.booleans(),
    "string": st.text(st.characters(codec="utf-8"), max_size=4),
    "date": st.dates(),
    "timestamp": st.datetimes(timezones=st.just(UTC)),
    "duration": st.timedeltas(dt.timedelta(-1000), dt.timedelta(1000)),
    "decimal": st.decimals(-1000, 1000, places=2),
    "binary": st.binary(max_size=3),
}


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 12))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    return {
        f"{kind}{i}": draw(
            st.lists(st.one_of(st.none(), CELLS[kind]), min_size=rows, max_size=rows)
        )
        for i, kind in enumerate(kinds)
    }


@examples(150, derandomize=True)
@given(tables())
def test_table_keeps_the_schema_inferred_from_it(table):
    schema = mg.Schema.infer(table)
    result = schema.run(data=table)
    # a nullable column without values leaves its value rules undecided, and fails none
    assert result.verdict in (PASS, INCONCLUSIVE), result.reason
    if all(any(not pd.isna(v) for v in values) for values in table.values()):
        assert result.verdict is PASS, result.reason
    names = {"Schema": mg.Schema, "Column": mg.Column}
    assert eval(repr(schema), names) == schema  # noqa: S307


@pytest.mark.parametrize("seed", range(5))
def test_second_sample_keeps_the_schema_inferred_from_the_first(seed):
    rng = np.random.default_rng(seed)

    def sample(n):
        return pd.DataFrame(
            {
                "age": rng.integers(18, 80, n),
                "income": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(10, 1, n)),
                "country": rng.choice(["DE", "FR", "IT", "ES"], n),
                "user": [f"u{i}" for i in rng.integers(0, 10**9, n)],
                "size": pd.Categorical(rng.choice(["S", "M"], n)),
                "price": [Decimal(int(cents)) / 100 for cents in rng.lognormal(5, 3, n)],
                "seen": pd.Timestamp("2026-01-01", tz="UTC")
                + pd.to_timedelta(rng.exponential(1e5, n), unit="s"),
            }
        )

    schema = mg.Schema.infer(sample(500))
    for n in (500, 2_000):
        result = schema.run(data=sample(n))
        assert result.verdict is PASS, result.reason


def test_parquet_file_is_judged_as_the_table(tmp_path):
    table = pa.table({"x": [1, -1] * 50, "s": ["a", "b"] * 50})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=7)
    schema = mg.Schema({"x": mg.Column("int", at_least=0), "s": mg.Column("string", unique=True)})
    assert schema.run(data=path) == schema.run(data=table)


def test_values_that_differ_only_in_case_or_blanks_get_a_hint():
    values = ["DE", "de", " DE", "D\u0045\u0301", "IT", None]
    schema = mg.Schema({"x": mg.Column("string", isin=["DE", "D\u00c9"], nullable=True)})
    (check,) = (c for c in schema.run(data={"x": values}).checks if c.metric == "isin")
    assert check.value == 4 / 5
    assert check.reason == (
        "4 of 5 values of `x` (80 %) are outside the allowed set, first at rows 1, 2, 3, 4 "
        "(hint: 3 of them differ from an allowed value only in case, blanks or Unicode form); "
        "the limit is at most 0 %"
    )


def test_allowed_values_get_no_hint():
    schema = mg.Schema({"x": mg.Column("string", isin=["DE", "de"])})
    result = schema.run(data={"x": ["DE", "de", "IT"]})
    assert "hint" not in result.reason


# the laws of all gates (tests/test_every_gate.py)

AGE = {"at_least": 18, "at_most": 80}
TYPES = {
    "id": "int",
    "age": "int",
    "country": "string",
    "income": "float",
    "member": "bool",
    "joined": "date",
    "seen": "timestamp",
}
RULES = {
    "id": mg.Column("int64", unique=True),
    "age": mg.Column("int", **AGE),
    "country": mg.Column("string", isin=["DE", "FR", "IT"], matches="[A-Z]{2}"),
    "income": mg.Column("float", at_least=0, max_invalid=0.1),
    "seen": mg.Column("timestamp", at_most=NOW),
    "nickname": mg.Column("string", required=False),
}


def one_rule(**options: object) -> mg.Schema:
    """A schema of one column with a range."""
    rules = {"at_least": 0, "at_most": 80, "max_invalid": 0.0} | options
    return mg.Schema({"age": mg.Column("int", **rules)}, extra="allow")


def one_set(**options: object) -> mg.Schema:
    return mg.Schema({"country": mg.Column("string", **options)}, extra="allow")


EXAMPLES = (
    Example("schema", mg.Schema(TYPES)),
    Example(
        "schema-rules",
        mg.Schema(RULES, extra="allow", ordered=True, name="rules", advisory=True),
        ordered=True,
    ),
    Example(
        "schema-range",
        one_rule(),
        make=one_rule,
        ladders={
            "at_least": (-5, 0, 18, 30, 79),
            "at_most": (10**6, 100, 80, 40, 0),
            "max_invalid": (1.0, 0.5, 0.1, 0.01, 0.0),
        },
    ),
    Example(
        "schema-set",
        one_set(isin=["DE", "FR", "IT"]),
        make=one_set,
        ladders={
            "isin": (["DE", "FR", "IT", "ES"], ["DE", "FR", "IT"], ["DE", "FR"], ["ES"]),
            "unique": (False, True),
            "nullable": (True, False),
            "matches": (None, ".*", "[A-Z]+", "[DF].", "X"),
        },
    ),
)
