"""The verdicts and messages of `Completeness`."""

import datetime as dt
import functools
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from example_counts import examples
from gate_examples import ROWS, Example, adults, people, younger
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.verdict import Verdict

PASS, INCONCLUSIVE, FAIL, ERROR = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
UTC = dt.UTC


def check_of(result, subject, metric="missing", group=None):
    (check,) = [
        c for c in result.checks if (c.subject, c.metric, c.group) == (subject, metric, group)
    ]
    return check


def verdicts(result):
    return {(c.subject, c.metric, c.group): c.verdict for c in result.checks}


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": []}, "`columns` must be a name or a non-empty sequence of names, got []"),
        ({"columns": [1]}, "`columns[0]` must be a non-empty string, got 1"),
        ({"columns": ["a", "a"]}, "`columns` must be names that are all different, got ['a', 'a']"),
        ({"columns": {"a"}}, "`columns` must be a name or a sequence of names, got {'a'}"),
        ({"max_missing": 5}, "shares are not percentages: write 0.05"),
        ({"max_missing": math.nan}, "`max_missing` must be a finite number"),
        ({"max_missing": "0.1"}, "`max_missing` must be a finite number"),
        ({"min_rows": -1}, "`min_rows` must be a whole number of at least 0, got -1"),
        ({"min_rows": 1.0}, "`min_rows` must be a whole number of at least 0, got 1.0"),
        ({"min_rows": True}, "`min_rows` must be a whole number of at least 0, got True"),
        (
            {"min_rows": 5, "max_rows": 4},
            "`min_rows` must not be greater than `max_rows`, got 5 and 4",
        ),
        ({"missing_values": "?"}, "`missing_values` must be a sequence of finite numbers, strings"),
        ({"missing_values": [None]}, "got None; null and NaN always count as missing"),
        ({"missing_values": [math.nan]}, "got nan; null and NaN always count as missing"),
        ({"missing_values": [[1]]}, "each value of `missing_values` must be a finite number,"),
        (
            {"expected": {}},
            "`expected` must be a non-empty mapping of column names to expected values",
        ),
        (
            {"expected": {1: ["a"]}},
            "`expected` must be a non-empty mapping of column names to expected values",
        ),
        (
            {"expected": {"a": []}},
            "`expected['a']` must be a non-empty sequence of finite numbers, strings",
        ),
        (
            {"expected": {"a": "S1"}},
            "`expected['a']` must be a non-empty sequence of finite numbers, strings",
        ),
        (
            {"expected": ["a"]},
            "`expected` must be a non-empty mapping of column names to expected values",
        ),
        ({"by": []}, "`by` must be a name or a non-empty sequence of names, got []"),
        (
            {"by": {}},
            (
                "`by` must be a non-empty mapping of slice names to conditions, which are strings "
                "such as 'age > 60' or functions, got {}"
            ),
        ),
        (
            {"by": {"a": 1}},
            "Completeness: `by['a']` must be a condition such as 'age > 60' or a function, got 1",
        ),
        (
            {"by": {1: bool}},
            "Completeness: names of slices in `by` must be strings, got 1",
        ),
        ({"by": len}, "slice names to conditions, got a value of type builtin_function_or_method"),
        (
            {"by": pd.Series(["a", "a"])},
            "or a mapping of slice names to conditions, got a value of type Series",
        ),
        ({"by": ["a", "a"]}, "`by` must be names that are all different, got ['a', 'a']"),
    ],
)
def test_bad_option_is_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Completeness(**options)
    assert str(caught.value).startswith("Completeness: ")
    assert message in str(caught.value)


def test_options_are_kept_as_values():
    gate = mg.Completeness("a", missing_values=[1, True, 1.0], expected={"s": np.array([1, 1, 2])})
    assert gate.columns == ("a",)
    assert gate.missing_values == (1, True)
    assert gate.expected == (("s", (1, 2)),)
    assert repr(gate) == ("Completeness(('a',), missing_values=(1, True), expected={'s': (1, 2)})")


# Cells


def test_passing_table_in_full():
    result = mg.Completeness(max_missing=0.5, min_rows=2).run(data={"a": [1, None], "b": [1, 2]})
    assert result.verdict is PASS
    assert [(c.subject, c.metric, c.value, c.n, c.reason) for c in result.checks] == [
        ("rows", "rows", 2, 2, "the table has 2 rows; the limit is at least 2"),
        (
            "a",
            "missing",
            0.5,
            2,
            "1 of 2 cells of `a` (50 %) is missing, first at row 1; the limit is at most 50 %",
        ),
        (
            "b",
            "missing",
            0.0,
            2,
            "none of the 2 cells of `b` are missing; the limit is at most 50 %",
        ),
    ]


@pytest.mark.parametrize(
    "values",
    [
        [1.5, None, math.nan],
        np.array([1.5, np.nan, np.nan]),
        np.ma.masked_array([1.5, 2.5, 3.5], [False, True, True]),
        pd.Series([1.5, None, np.nan]),
        pd.Series([1.5, None, pd.NA], dtype="Float64"),
        pd.Series([1.5, None, pd.NA], dtype=object),
        pd.Series(["a", None, np.nan]),
        pd.Series(["a", None, np.nan], dtype=object),
        pd.Series(["a", None, None], dtype="category"),
        pd.Series([pd.Timestamp("2020"), pd.NaT, pd.NaT]),
        pd.Series([True, None, pd.NA], dtype="boolean"),
        pd.arrays.SparseArray([1.5, np.nan, np.nan]),
        pl.Series([1.5, None, math.nan]),
        pl.Series(["a", None, None], dtype=pl.Categorical),
        pa.array([1.5, None, math.nan]),
        pa.array([None, "a", None]).dictionary_encode(),
        pa.chunked_array([[None], [1], [None]], pa.int64()),
        [[1], None, None],
        [1, "a", None],
    ],
)
def test_missing_is_null_and_nan_in_every_container(values):
    check = check_of(mg.Completeness().run(data={"x": values}), "x")
    expected = 1 if isinstance(values, list) and values[1] == "a" else 2
    assert (check.verdict, check.n, check.details["count"]) == (FAIL, 3, expected)


def test_empty_text_infinity_and_zero_are_not_missing():
    table = {"s": ["", " "], "f": [math.inf, 0.0], "b": [False, True]}
    assert mg.Completeness().run(data=table).verdict is PASS


@pytest.mark.parametrize(("limit", "verdict"), [(0.28, FAIL), (0.29, PASS), (0.3, PASS)])
def test_limit_is_inclusive_and_judged_as_a_quotient(limit, verdict):
    # 0.29 * 100 is 28.999999999999996
    table = {"x": [None] * 29 + [1] * 71}
    assert mg.Completeness(max_missing=limit).run(data=table).verdict is verdict


def test_only_named_columns_are_judged():
    table = {"a": [1], "b": [None]}
    assert mg.Completeness("a").run(data=table).verdict is PASS
    assert mg.Completeness(["b"]).run(data=table).verdict is FAIL
    assert mg.Completeness().run(data=table).verdict is FAIL


def test_unknown_column_is_an_error_and_the_others_are_judged():
    result = mg.Completeness(["agee", "b"]).run(data={"age": [1], "b": [None]})
    check = check_of(result, "agee")
    assert (check.verdict, check.reason) == (
        ERROR,
        "`agee` is not in the table; did you mean 'age'?",
    )
    assert check_of(result, "b").verdict is FAIL
    assert check_of(result, "rows", "rows").verdict is PASS
    assert result.verdict is ERROR


# Rows


@pytest.mark.parametrize(
    ("options", "rows", "verdict", "reason"),
    [
        ({}, 0, FAIL, "the table has 0 rows; the limit is at least 1"),
        ({}, 1, PASS, "the table has 1 row; the limit is at least 1"),
        ({"min_rows": 3}, 2, FAIL, "the table has 2 rows; the limit is at least 3"),
        ({"min_rows": 3}, 3, PASS, "the table has 3 rows; the limit is at least 3"),
        ({"max_rows": 3}, 4, FAIL, "the table has 4 rows; the limit is from 1 to 3"),
        ({"min_rows": 3, "max_rows": 3}, 3, PASS, "the table has 3 rows; the limit is from 3 to 3"),
        (
            {"min_rows": 1_000_000},
            1_500,
            FAIL,
            "the table has 1,500 rows; the limit is at least 1,000,000",
        ),
    ],
)
def test_number_of_rows(options, rows, verdict, reason):
    result = mg.Completeness(**options).run(data={"x": list(range(rows))})
    check = check_of(result, "rows", "rows")
    assert (check.verdict, check.value, check.reason) == (verdict, rows, reason)


@pytest.mark.parametrize(
    "options",
    [{}, {"min_rows": 0}, {"min_rows": 0, "max_missing": 1.0}, {"by": "x"}, {"by": ["x", "y"]}],
    ids=repr,
)
def test_no_rows_never_pass(options):
    result = mg.Completeness(**options).run(data={"x": [], "y": []})
    assert result.verdict is (INCONCLUSIVE if "min_rows" in options else FAIL)
    check = check_of(result, "y")
    assert check.reason.startswith("`y` has no cells to judge; pass ")


# Values that mean missing


@pytest.mark.parametrize(
    ("values", "listed", "rows"),
    [
        (["a", "?", None, "NA"], ["?"], (1, 2)),
        (["a", "?", None, "NA"], ["NA", "?"], (1, 2, 3)),
        ([1, -999, None], [-999], (1, 2)),
        ([1.0, -999.0, math.nan], [-999], (1, 2)),
        ([1, -999], ["-999"], ()),
        (["1", "-999"], [-999], ()),
        ([True, False], [0], ()),
        ([1, 0], [False], ()),
        ([0.0, -0.0], [0], (0, 1)),
        ([Decimal("-9.90"), Decimal("1.00")], [Decimal("-9.9")], (0,)),
        ([dt.date(1900, 1, 1), dt.date(2020, 1, 1)], [dt.date(1900, 1, 1)], (0,)),
        (pd.Categorical(["a", "?", "a"]), ["?"], (1,)),
        ([[1], [2]], [1], ()),
    ],
)
def test_listed_values_are_counted_as_missing(values, listed, rows):
    check = check_of(mg.Completeness(missing_values=listed).run(data={"x": values}), "x")
    assert check.verdict is (FAIL if rows else PASS)
    assert check.details == {"count": len(rows), "rows": rows}


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        (["a"] * 98 + ["?"] * 2, "2 % of the values are empty, '?', 'NA' or similar"),
        ([""] * 50 + ["b"] * 50, "50 % of the values are empty, '?', 'NA' or similar"),
        ([None] * 50 + ["NA"] + ["b"] * 49, "2 % of the values are empty, '?', 'NA' or similar"),
        ([1] * 98 + [-999] * 2, "2 % of the values are -999 or similar"),
        ([1.5] * 98 + [-9999.0] * 2, "2 % of the values are -999 or similar"),
        ([Decimal("1.5")] * 98 + [Decimal(-999)] * 2, "2 % of the values are -999 or similar"),
    ],
)
def test_values_that_often_mean_missing_get_a_hint(values, hint):
    check = check_of(mg.Completeness(max_missing=0.6).run(data={"x": values}), "x")
    assert check.verdict is PASS
    told = f"(hint: {hint}; list them in `missing_values` if they mean missing)"
    assert told in check.reason
    assert told in " ".join(str(mg.Completeness(max_missing=0.6).run(data={"x": values})).split())


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (["a"] * 99 + ["?"], {}),
        (["a"] * 90 + ["?"] * 10, {"missing_values": ["?"]}),
        ([1] * 90 + [-999] * 10, {"missing_values": [-999]}),
        ([True, False], {}),
        ([dt.date(2020, 1, 1)], {}),
    ],
)
def test_rare_and_listed_values_get_no_hint(values, options):
    check = check_of(mg.Completeness(max_missing=0.5, **options).run(data={"x": values}), "x")
    assert "hint" not in check.reason


def test_values_that_are_not_listed_still_get_a_hint():
    values = ["?"] * 10 + ["NA"] * 10 + ["b"] * 80
    gate = mg.Completeness(max_missing=0.5, missing_values=["?"])
    check = check_of(gate.run(data={"x": values}), "x")
    assert check.details["count"] == 10
    assert "(hint: 10 % of the values are empty, '?', 'NA' or similar;" in check.reason


# Expected records


def test_expected_records_in_full():
    gate = mg.Completeness(expected={"store": ["S1", "S2", "S3"], "day": [1, 2]})
    result = gate.run(data={"store": ["S1", "S1", None], "day": [1, 2, 2]})
    missing = check_of(result, "store", "expected")
    assert (missing.verdict, missing.value, missing.n) == (FAIL, 2, 3)
    assert missing.reason == (
        "2 of 3 expected values of `store` are absent: 'S2', 'S3'; the limit is at most 0"
    )
    there = check_of(result, "day", "expected")
    assert there.verdict is PASS
    assert there.reason == (
        "none of the 2 expected values of `day` are absent; the limit is at most 0"
    )


@pytest.mark.parametrize(
    ("values", "expected", "absent"),
    [
        ([1, 2], [1, 2.0], 0),
        (["1"], [1], 1),
        ([1], ["1"], 1),
        ([True], [1], 1),
        ([1], [True], 1),
        ([2**53 + 1], [2**53], 1),
        ([1.5, None], [1.5], 0),
        (["a", "b"], ["A"], 1),
        (pd.Categorical(["a"], categories=["a", "b"]), ["a", "b"], 1),
        ([dt.date(2020, 1, 1)], [dt.date(2020, 1, 1), dt.date(2020, 1, 2)], 1),
        ([None], ["a"], 1),
        ([], ["a"], 1),
    ],
)
def test_expected_values_are_compared_by_value_and_type(values, expected, absent):
    gate = mg.Completeness(max_missing=1.0, min_rows=0, expected={"x": expected})
    check = check_of(gate.run(data={"x": values}), "x", "expected")
    assert (check.verdict, check.value) == (FAIL if absent else PASS, absent)


@pytest.mark.parametrize(
    ("values", "expected", "reason"),
    [
        ([[1]], [1], "column 'x' has nested values (list<item: int64>)"),
        ([1, "a"], [1], "mixes"),
        (
            [dt.datetime(2020, 1, 1, tzinfo=UTC)],
            [dt.datetime(2020, 1, 1)],
            "the given value 2020-01-01 00:00:00 has no time zone",
        ),
    ],
    ids=["nested", "mixed", "naive"],
)
def test_values_that_can_not_be_counted_are_one_error(values, expected, reason):
    gate = mg.Completeness(expected={"x": expected, "z": [1], "y": [7]})
    result = gate.run(data={"x": values, "y": [7] * len(values)})
    assert check_of(result, "x", "expected").verdict is ERROR
    assert reason in check_of(result, "x", "expected").reason
    assert verdicts(result) == {
        ("rows", "rows", None): PASS,
        ("x", "missing", None): PASS,
        ("y", "missing", None): PASS,
        ("x", "expected", None): ERROR,
        ("z", "expected", None): ERROR,
        ("y", "expected", None): PASS,
    }


def test_many_expected_values():
    values = [f"v{i}" for i in range(20_000)]
    check = check_of(
        mg.Completeness(expected={"s": values}).run(data={"s": values[1::2]}), "s", "expected"
    )
    assert (check.verdict, check.value) == (FAIL, 10_000)
    assert check.reason.startswith("10,000 of 20,000 expected values of `s` are absent: 'v0', ")


# Slices


TABLE = {
    "sex": ["f", "m", "f", None],
    "smoker": [True, True, False, True],
    "bmi": [21.5, None, 30.1, None],
    "age": [30, 40, None, 50],
}


def test_slices_of_one_column_in_full():
    result = mg.Completeness(by="sex").run(data=TABLE)
    assert [(c.subject, c.group, c.value, c.n) for c in result.checks[1:]] == [
        ("sex", None, 0.25, 4),
        ("smoker", "sex=f", 0.0, 2),
        ("bmi", "sex=f", 0.0, 2),
        ("age", "sex=f", 0.5, 2),
        ("smoker", "sex=m", 0.0, 1),
        ("bmi", "sex=m", 1.0, 1),
        ("age", "sex=m", 0.0, 1),
        ("smoker", "sex=(missing)", 0.0, 1),
        ("bmi", "sex=(missing)", 1.0, 1),
        ("age", "sex=(missing)", 0.0, 1),
    ]
    assert check_of(result, "bmi", group="sex=m").reason == (
        "the only cell of `bmi` where sex=m is missing; the limit is at most 0 %"
    )


def test_slices_of_several_and_of_selected_columns():
    gate = mg.Completeness(["bmi", "sex"], by=["sex", "smoker"], max_missing=0.25)
    assert verdicts(gate.run(data=TABLE)) == {
        ("rows", "rows", None): PASS,
        ("sex", "missing", None): PASS,
        ("bmi", "missing", "sex=f, smoker=True"): PASS,
        ("bmi", "missing", "sex=m, smoker=True"): FAIL,
        ("bmi", "missing", "sex=f, smoker=False"): PASS,
        ("bmi", "missing", "sex=(missing), smoker=True"): FAIL,
    }


def test_listed_values_are_counted_in_slices():
    table = {"sex": ["f", "f", "m"], "bmi": ["21", "?", "30"]}
    result = mg.Completeness("bmi", by="sex", missing_values=["?"], max_missing=0.4).run(data=table)
    assert check_of(result, "bmi", group="sex=f").value == 0.5
    assert check_of(result, "bmi", group="sex=m").value == 0.0


def women(table):
    return [sex == "f" for sex in table["sex"]]


def smokers(table):
    return table["smoker"]


def nobody(table):
    return [False] * len(table["sex"])


def raises(table):
    msg = f"never '{table['sex'][0]}' in a report"
    raise ValueError(msg)


def leaves(table):
    raise SystemExit


def too_short(table):
    return [True]


def of_texts(table):
    return table["sex"]


def test_slices_by_conditions_in_full():
    gate = mg.Completeness(["bmi", "age"], by={"women": women, "smokers": smokers}, max_missing=0.5)
    result = gate.run(data=TABLE)
    assert verdicts(result) == {
        ("rows", "rows", None): PASS,
        ("bmi", "missing", "women"): PASS,
        ("age", "missing", "women"): PASS,
        ("bmi", "missing", "smokers"): FAIL,
        ("age", "missing", "smokers"): PASS,
    }
    assert check_of(result, "bmi", group="smokers").reason == (
        "2 of 3 cells of `bmi` in slice `smokers` (66.7 %) are missing; the limit is at most 50 %"
    )


def test_empty_slice_is_inconclusive():
    result = mg.Completeness("bmi", by={"nobody": nobody}).run(data=TABLE)
    check = check_of(result, "bmi", group="nobody")
    assert (check.verdict, check.n) == (INCONCLUSIVE, 0)
    assert check.reason == (
        "`bmi` in slice `nobody` has no cells to judge; pass rows of this slice, or leave it out"
    )
    assert result.verdict is INCONCLUSIVE


CONDITION = "The condition of slice 'odd'"


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (raises, f"{CONDITION} raised ValueError: never '<text>' in a report."),
        (leaves, f"{CONDITION} raised SystemExit."),
        (too_short, f"{CONDITION} must return one bool per row, got 1 value for 4 rows"),
        (of_texts, f"{CONDITION} must return one bool per row"),
        (len, f"{CONDITION} must return one bool per row, got int."),
    ],
)
def test_condition_that_raises_is_one_error_and_the_others_are_judged(condition, reason):
    gate = mg.Completeness(
        "age", by={"odd": condition, "women": women}, max_missing=0.5, expected={"age": [30]}
    )
    suite = mg.GateSuite([gate, mg.Completeness("smoker", name="other")])
    report = suite.run(data=TABLE)
    result = report["completeness"]
    assert verdicts(result) == {
        ("rows", "rows", None): PASS,
        ("by", "missing", "odd"): ERROR,
        ("age", "missing", "women"): PASS,
        ("age", "expected", None): PASS,
    }
    told = check_of(result, "by", group="odd").reason
    assert told.casefold().startswith(
        f"the slices of `by` could not be judged: {reason.casefold()}"[:-1]
    )
    assert "never 'f" not in str(report)
    assert report["other"].verdict is PASS


def test_expected_bools_are_shown_as_bools():
    result = mg.Completeness(expected={"s": [True, False]}).run(data={"s": [1, 0]})
    said = "2 of 2 expected values of `s` are absent: True, False; the limit is at most 0"
    assert check_of(result, "s", "expected").reason == said


def overwrites(table):
    table["bmi"] = 0.0
    return [True] * 4


def test_condition_can_not_change_the_table():
    frame = pd.DataFrame(TABLE)
    result = mg.Completeness("bmi", by={"all": overwrites}).run(data=frame)
    assert check_of(result, "bmi", group="all").value == 0.5
    pd.testing.assert_frame_equal(frame, pd.DataFrame(TABLE))


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("sxe", "the table has no column 'sxe'; did you mean 'sex'?"),
        (["sex", "gone"], "the table has no column 'gone'"),
        ("tags", "column 'tags' has nested values"),
        ("mixed", "column 'mixed'"),
    ],
)
def test_column_that_can_not_be_grouped_is_one_error(by, reason):
    table = TABLE | {"tags": [[1]] * 4, "mixed": [1, "a", 2, 3]}
    result = mg.Completeness("age", by=by, expected={"age": [30]}).run(data=table)
    check = check_of(result, "by")
    assert check.verdict is ERROR
    assert check.reason.startswith(f"the slices of `by` could not be judged: {reason}")
    assert check_of(result, "rows", "rows").verdict is PASS
    assert check_of(result, "age", "expected").verdict is PASS


def test_too_many_slices_are_one_error():
    table = {"id": list(range(1_001)), "x": [1] * 1_001}
    result = mg.Completeness("x", by="id", max_groups=1_000).run(data=table)
    check = check_of(result, "by")
    assert check.verdict is ERROR
    assert check.reason == (
        "the slices of `by` could not be judged: `by` makes more than 1,000 slices; at most 1,000 "
        "are allowed"
    )
    fewer = {name: values[:1_000] for name, values in table.items()}
    assert mg.Completeness("x", by="id", max_groups=1_000).run(data=fewer).verdict is PASS


def test_more_slices_than_the_option_allows_are_one_error():
    table = {"age": [i % 70 for i in range(700)], "x": [1] * 700}
    check = check_of(mg.Completeness("x", by="age").run(data=table), "by")
    assert check.reason == (
        "the slices of `by` could not be judged: the 70 groups of `by` are more than the 50 "
        "allowed: bin "
        "the values first, or raise `max_groups`"
    )
    assert len(mg.Completeness("x", by="age", max_groups=70).run(data=table).checks) > 70
    for gate in (mg.Completeness, functools.partial(mg.Rule, "x > 0")):
        with pytest.raises(mg.OptionError, match="must be a whole number from 1 to 1,000"):
            gate(by="age", max_groups=1_001)


def test_long_values_are_shortened_in_names_of_slices():
    result = mg.Completeness("x", by="s").run(data={"s": ["a" * 10_000], "x": [1]})
    assert result.checks[1].group == f"s={'a' * 51}...{'a' * 26}"
    names = ["a" * 60 + middle + "b" * 60 for middle in "cd"]
    result = mg.Completeness("x", by="s").run(data={"s": names, "x": [1, 2]})
    assert len({check.group for check in result.checks}) == 1 + 2


@pytest.mark.parametrize("rows", [5, 100])
def test_slices_of_a_streamed_file_are_those_of_the_table(tmp_path, rows):
    table = pa.table(
        {
            "sex": [("f", "m", None)[i % 3] for i in range(rows)],
            "x": [None if i % 7 == 0 else i for i in range(rows)],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=4)
    for gate in (
        mg.Completeness(by="sex"),
        mg.Completeness("x", by={"f": is_f}),
        mg.Completeness(missing_values=[5], expected={"sex": ["f"]}),
    ):
        assert gate.run(data=tmp_path / "t.parquet") == gate.run(data=table)


def is_f(table):
    return pc.equal(table["sex"], "f")


# Laws


@examples(100, derandomize=True)
@given(
    st.lists(
        st.tuples(st.sampled_from(["f", "m", None]), st.sampled_from([1.5, None, math.nan, -9.0])),
        min_size=1,
        max_size=30,
    )
)
def test_slices_add_up_to_the_whole(rows):
    table = {"sex": [sex for sex, _ in rows], "x": [x for _, x in rows]}
    options = {"max_missing": 0.5, "missing_values": [-9]}
    whole = check_of(mg.Completeness("x", **options).run(data=table), "x")
    parts = [c for c in mg.Completeness("x", by="sex", **options).run(data=table).checks if c.group]
    assert sum(c.details["count"] for c in parts) == whole.details["count"]
    assert sum(c.n for c in parts) == whole.n == len(rows)
    assert whole.details["count"] == sum(x is None or x != x or x == -9 for _, x in rows)  # noqa: PLR0124


# Limits by column, and the number of rows of the reference

GAPS = {"age": [1, None, 3, 4], "city": ["a", None, None, "b"], "id": [1, 2, 3, 4]}


def test_columns_have_limits_of_their_own():
    result = mg.Completeness(max_missing={"age": 0.25, "*": 0.1}).run(data=GAPS)
    assert verdicts(result) == {
        ("rows", "rows", None): PASS,
        ("age", "missing", None): PASS,
        ("city", "missing", None): FAIL,
        ("id", "missing", None): PASS,
    }
    assert check_of(result, "city").reason.endswith("the limit is at most 10 %")
    result = mg.Completeness(max_missing={"age": 0.25, "city": 0.5}).run(data=GAPS)
    assert result.verdict is PASS
    assert check_of(result, "id").limit == mg.Limit(at_most=0)


def test_limits_by_column_hold_in_slices():
    gate = mg.Completeness(by="city", max_missing={"age": 1.0}, max_groups=3)
    result = gate.run(data=GAPS)
    assert check_of(result, "age", group="city=(missing)").limit == mg.Limit(at_most=1)
    assert check_of(result, "id", group="city=a").limit == mg.Limit(at_most=0)


def test_a_limit_of_a_column_that_is_not_there_is_an_error():
    result = mg.Completeness(max_missing={"agee": 0.5, "*": 1.0}).run(data=GAPS)
    assert check_of(result, "agee").verdict is ERROR
    assert check_of(result, "agee").reason == "`agee` is not in the table; did you mean 'age'?"
    with pytest.raises(mg.OptionError, match="`max_missing` has 'agee', which is not in `columns`"):
        mg.Completeness(["age", "id"], max_missing={"agee": 0.5})


@pytest.mark.parametrize("given", [{}, {1: 0.5}, {"age": 5}, {"age": "5"}, {"age": None}])
def test_bad_limits_by_column_are_refused(given):
    with pytest.raises(mg.OptionError, match="Completeness: `max_missing"):
        mg.Completeness(max_missing=given)


def test_limits_by_column_are_written_as_given():
    gate = mg.Completeness(max_missing={"age": 0.25, "*": 0.1})
    assert repr(gate) == "Completeness(max_missing={'age': 0.25, '*': 0.1})"
    assert repr(mg.Completeness(max_missing=0.5)) == "Completeness(max_missing=0.5)"
    suite = mg.GateSuite([gate], name="s")
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite


@pytest.mark.parametrize(
    ("rows", "most", "verdict", "reason"),
    [
        (10, 0.0, PASS, "the table has 10 rows, the reference 10; the limit is from 0 % to 0 %"),
        (5, 0.5, PASS, "the table has 5 rows, the reference 10: 50 % fewer; the limit is from "),
        (15, 0.5, PASS, "the table has 15 rows, the reference 10: 50 % more; the limit is from "),
        (4, 0.5, FAIL, "the table has 4 rows, the reference 10: 60 % fewer; the limit is from "),
        (16, 0.5, FAIL, "the table has 16 rows, the reference 10: 60 % more; the limit is from "),
        (0, 0.5, FAIL, "the table has 0 rows, the reference 10: 100 % fewer"),
        (0, 1.0, INCONCLUSIVE, "no rows to measure"),
    ],
)
@pytest.mark.parametrize("stored", [False, True])
def test_number_of_rows_against_the_reference(rows, most, verdict, reason, stored):
    reference = {"x": range(10)}
    reference = mg.Baseline.from_data(reference) if stored else reference
    gate = mg.Completeness("x", max_row_change=most, min_rows=0)
    result = gate.run(data={"x": pa.array(range(rows), pa.int64())}, reference=reference)
    check = check_of(result, "rows", "row_change")
    assert check.verdict is verdict
    assert reason in check.reason
    assert check.details["reference"] == 10


@pytest.mark.parametrize(
    ("reference", "reason"),
    [({"x": []}, "the reference has no rows"), ("none.json", "No such file"), (7, "")],
)
def test_without_a_usable_reference_the_cells_are_still_judged(reference, reason):
    result = mg.Completeness(max_row_change=0.5).run(data={"x": [1]}, reference=reference)
    check = check_of(result, "rows", "row_change")
    assert check.verdict is ERROR
    assert reason in check.reason
    assert check_of(result, "x").passed


def test_a_change_of_rows_needs_the_reference():
    result = mg.Completeness(max_row_change=0.5).run(data={"x": [1]})
    assert result.verdict is ERROR
    assert result.reason == "the gate needs `reference`, which was not given"
    assert mg.Completeness().needs == {"data"}


# Slices by conditions in words


def test_conditions_in_words_are_those_of_functions():
    texts = {"old": "age >= 3", "none": "age > 9", "wrong": "agee > 9"}
    result = mg.Completeness("city", by=texts, max_missing=0.5).run(data=GAPS)
    assert verdicts(result) == {
        ("rows", "rows", None): PASS,
        ("city", "missing", "old"): PASS,
        ("city", "missing", "none"): INCONCLUSIVE,
        ("by", "missing", "wrong"): ERROR,
    }
    assert "did you mean 'age'?" in check_of(result, "by", group="wrong").reason
    with pytest.raises(
        mg.OptionError, match="Completeness: `by\\['old'\\]`: 'age >' is incomplete"
    ):
        mg.Completeness(by={"old": "age >"})


@pytest.mark.parametrize(("by", "rows"), [({"old": "age >= 3"}, [3]), ("id", [2, 3])])
def test_rows_outside_the_slices_do_not_offend(by, rows):
    gate = mg.Completeness(["city", "id"], by=by)
    assert gate.offending_rows(GAPS)["id"] == rows


def test_conditions_in_words_are_counted_in_streams(tmp_path):
    rows = 150_000
    table = pa.table({"age": [i % 90 for i in range(rows)], "x": [None, 1.0, 2.0] * (rows // 3)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=40_000)
    gate = mg.Completeness("x", by={"old": "age > 60"}, max_missing=0.5)
    whole, streamed = (gate.run(data=data) for data in (table, tmp_path / "t.parquet"))
    assert whole.checks[1].n == streamed.checks[1].n == sum(i % 90 > 60 for i in range(rows))
    assert whole.checks[1].value == streamed.checks[1].value


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example(
        "completeness",
        mg.Completeness(),
        ladders={
            "max_missing": (1.0, 0.5, 0.1, 0.01, 0.0),
            "min_rows": (0, 1, ROWS - 1, ROWS, ROWS + 1, 1000),
            "max_rows": (None, 10**6, ROWS, ROWS - 1, 5),
        },
    ),
    Example(
        "completeness-options",
        mg.Completeness(
            ["country", "income"],
            max_missing=0.2,
            min_rows=10,
            max_rows=1_000,
            missing_values=["?", -999],
            expected={"country": ["DE", "FR", "IT"]},
            name="delivery",
            inconclusive="allow",
        ),
        ladders={
            "missing_values": ((), ("?",), ("?", -999), ("?", -999, "DE")),
            "expected": ({"country": ["DE"]}, {"country": ["DE", "FR"]}, {"country": ["XX"]}),
        },
    ),
    Example(
        "completeness-change",
        mg.Completeness(
            max_missing={"income": 0.1, "*": 0.0}, max_row_change=0.5, by={"old": "age > 40"}
        ),
        others={"reference": people().slice(20)},
        ladders={"max_row_change": (2.0, 0.5, 0.0)},
    ),
    Example("completeness-by", mg.Completeness("income", by=["country", "member"], max_groups=20)),
    Example(
        "completeness-where",
        mg.Completeness(by={"adults": adults, "younger": younger}),
        literal=False,
    ),
)


def test_written_numbers_match_numpy_floats_in_columns_of_objects():
    values = [np.float32(-999.99), np.float32(1), None]
    for table in (
        {"x": np.array(values, dtype=object)},
        pd.DataFrame({"x": pd.Series(values, dtype=object)}),
        [{"x": value} for value in values],
    ):
        result = mg.Completeness(max_missing=1, missing_values=[-999.99]).run(data=table)
        (check,) = (check for check in result.checks if check.metric == "missing")
        assert check.details["count"] == 2
