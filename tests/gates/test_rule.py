"""Rules over the columns of a row: verdicts, reasons in full, containers, slices, streams."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gate_examples import Example

import mlgates as mg
from mlgates.profile.rules import RuleCounter, RuleCounts
from mlgates.profile.scan import Profile
from mlgates.verdict import Verdict

PASS, INCONCLUSIVE, FAIL, ERROR = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
SPANS = {"start": [1, 5, 2, 7], "end": [2, 4, None, 9], "shop": ["a", "b", "b", None]}


def run(condition, data, **options):
    return mg.Rule(condition, **options).run(data=data)


def verdicts(result):
    return {check.group: check.verdict for check in result.checks}


def later(table):
    """The condition start <= end as a function of a batch."""
    pairs = zip(table["start"].to_pylist(), table["end"].to_pylist(), strict=True)
    return [None if None in pair else pair[0] <= pair[1] for pair in pairs]


# options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition": ""}, "`condition` must be a "),
        ({"condition": 3}, "`condition` must be a condition such as 'start <= end', or a function"),
        ({"condition": "a & b"}, "Rule: `condition`: at character 3 of 'a & b': unexpected '&'"),
        ({"condition": later}, "Rule: `name` is required when `condition` is a function"),
        ({"max_invalid": 5}, "shares are not percentages: write 0.05"),
        ({"missing": "drop"}, "`missing` must be one of 'ignore', 'invalid', got 'drop'"),
        ({"by": {"old": "age >"}}, "Rule: `by['old']`: 'age >' is incomplete"),
        (
            {"by": {"old": 3}},
            "Rule: `by['old']` must be a condition such as 'age > 60' or a function",
        ),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Rule(**({"condition": "a > 1"} | options))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ("start <= end", "rule:start <= end"),
        ("a * b / c > 0", "rule:a _ b _ c > 0"),
        ("`a[0]?`\n is missing", "rule:`a_0__` is missing"),
        ("x > 1" + " and x > 1" * 20, "rule:" + ("x > 1" + " and x > 1" * 20)[:60]),
    ],
)
def test_the_default_name_can_be_used_in_patterns(condition, name):
    gate = mg.Rule(condition)
    assert gate.name == name
    assert mg.GateSuite([gate, mg.Completeness()]).only(name).names == (name,)


def test_rules_are_equal_by_value_and_written_as_they_are_built():
    gate = mg.Rule("a > 1", max_invalid=0.1, missing="invalid", by={"old": "age > 60"})
    assert eval(repr(gate), {"Rule": mg.Rule}) == gate  # noqa: S307
    assert mg.Rule("a > 1") != mg.Rule("a > 2")


# verdicts and reasons


@pytest.mark.parametrize(
    ("condition", "options", "verdict", "reason"),
    [
        (
            "start <= end",
            {},
            FAIL,
            (
                "1 of 3 rows (33.3 %) breaks `start <= end`, first at row 1; 1 row has a missing "
                "value (not counted); the limit is at most 0 %"
            ),
        ),
        (
            "start <= end",
            {"missing": "invalid"},
            FAIL,
            (
                "2 of 4 rows (50 %) break `start <= end`, first at rows 1, 2; 1 of them has a "
                "missing value, which counts as breaking the rule; the limit is at most 0 %"
            ),
        ),
        ("start <= end", {"max_invalid": 0.34}, PASS, None),
        ("start <= end", {"max_invalid": 0.33}, FAIL, None),
        ("start <= end", {"max_invalid": 0.5, "missing": "invalid"}, PASS, None),
        ("start <= end or start == 5", {}, PASS, None),
        (
            "shop != 'b' or end > 3",
            {},
            PASS,
            None,
        ),
        (
            "strt <= end",
            {},
            ERROR,
            "`strt` is not in the table; did you mean 'start'?",
        ),
        ("start <= shop", {}, ERROR, "can't compare a value of type int64 with a value of type"),
        ("end * 9223372036854775807 > 0", {}, ERROR, "overflows 64 bits in at least one row"),
        ("start", {}, ERROR, "a condition must be true or false"),
    ],
)
def test_verdict_and_reason(condition, options, verdict, reason):
    result = run(condition, SPANS, **options)
    assert result.verdict is verdict, str(result)
    if reason:
        assert reason in result.reason


@pytest.mark.parametrize(
    ("data", "verdict", "reason"),
    [
        (
            {"start": [None], "end": [3]},
            INCONCLUSIVE,
            "`start <= end` can't be judged: the only row has a missing value",
        ),
        (
            {"start": pa.array([], pa.int64()), "end": pa.array([], pa.int64())},
            INCONCLUSIVE,
            "there are no rows to judge; pass a table with at least one row",
        ),
    ],
)
@pytest.mark.parametrize("inconclusive", ["block", "allow"])
def test_nothing_to_judge_is_never_a_pass(data, verdict, reason, inconclusive):
    result = run("start <= end", data, inconclusive=inconclusive)
    assert (result.verdict, result.passed) == (verdict, False)
    assert reason in result.reason
    empty = run("start <= end", data, missing="invalid", inconclusive=inconclusive)
    assert not empty.passed


def test_what_is_measured():
    (check,) = run("start <= end", SPANS).checks
    assert (check.subject, check.metric, check.group) == ("start <= end", "rule", None)
    assert (check.value, check.n) == (pytest.approx(1 / 3), 3)
    assert dict(check.details) == {"count": 1, "missing": 1, "rows": (1,)}


# slices


def test_slices_by_the_values_of_columns():
    result = run("start <= end", SPANS, by="shop")
    assert verdicts(result) == {"shop=a": PASS, "shop=b": FAIL, "shop=(missing)": PASS}
    two = run("start <= end", SPANS, by=["shop", "start"])
    assert verdicts(two)["shop=b, start=2"] is INCONCLUSIVE
    assert run("start <= end", SPANS, by="start_").verdict is ERROR


def test_slices_by_conditions():
    by = {"late": "start > 4", "early": "start <= 4", "none": "start > 100"}
    result = run("start <= end", SPANS, by=by)
    assert verdicts(result) == {"late": FAIL, "early": PASS, "none": INCONCLUSIVE}
    own = run("start <= end", SPANS, by={"late": lambda table: [False, True, False, True]})
    assert verdicts(own) == {"late": FAIL}
    broken = run("start <= end", SPANS, by={"late": "star > 4", "early": "start <= 4"})
    assert verdicts(broken) == {"late": ERROR, "early": PASS}


def test_too_many_slices_are_refused():
    data = {"x": range(1_001), "id": range(1_001)}
    result = run("x >= 0", data, by="id")
    assert result.verdict is ERROR
    assert "at most 1,000 are allowed" in result.reason
    data = {"x": range(70), "age": range(70)}
    result = run("x >= 0", data, by="age")
    assert result.verdict is ERROR
    assert "the 70 groups of `by` are more than the 50 allowed" in result.reason
    assert run("x >= 0", data, by="age", max_groups=70).passed


# functions


def test_a_function_is_called_with_batches():
    result = run(later, SPANS, name="spans")
    assert result.verdict is FAIL
    assert result.reason.startswith("1 of 3 rows (33.3 %) breaks `spans`, first at row 1")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda table: 1 / 0, "the rule raised ZeroDivisionError: division by zero"),
        (lambda table: [True], "must return one bool per row, got 1 value for 4 rows"),
        (lambda table: [1, 0, 1, 1], "must return one bool per row, got list of int64 values"),
        (lambda table: True, "must return one bool per row, got bool"),
    ],
)
def test_a_function_that_answers_wrongly_is_an_error(function, reason):
    result = run(function, SPANS, name="own")
    assert result.verdict is ERROR
    assert reason in result.reason


# containers and streams


def of_decimals(table):
    ends = [None if end is None else Decimal(end) for end in SPANS["end"]]
    return table.set_column(1, "end", pa.array(ends))


def with_shop(values):
    return pa.table(SPANS).set_column(2, "shop", values)


SHOPS = pa.array(SPANS["shop"])
HALVES = pa.array(np.array([2, 4, 0, 9], "f2"), mask=np.array([False, False, True, False]))
CONTAINERS = {
    "arrow": pa.table(SPANS),
    "pandas": pd.DataFrame(SPANS),
    "polars": pl.DataFrame(SPANS),
    "lazy": pl.DataFrame(SPANS).lazy(),
    "dicts": pa.table(SPANS).to_pylist(),
    "dictionary": with_shop(SHOPS.dictionary_encode()),
    "string view": with_shop(SHOPS.cast(pa.string_view())),
    "half floats": pa.table(SPANS).set_column(1, "end", HALVES),
    "decimals": of_decimals(pa.table(SPANS)),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same(name):
    result = run(
        "start <= end and (shop in ('a', 'b') or shop is missing)", CONTAINERS[name], by="shop"
    )
    assert verdicts(result) == {"shop=a": PASS, "shop=b": FAIL, "shop=(missing)": PASS}


def test_a_file_is_streamed_and_equals_the_table(tmp_path):
    rng = np.random.default_rng(0)
    table = pa.table({"x": rng.integers(0, 1_000, 300_000), "g": rng.integers(0, 3, 300_000)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=50_000)
    for options in ({}, {"by": "g"}, {"by": {"one": "g == 1"}}):
        of_file = run("x < 990", tmp_path / "t.parquet", max_invalid=0.01, **options)
        of_table = run("x < 990", table, max_invalid=0.01, **options)
        assert [c.reason for c in of_file.checks] == [c.reason for c in of_table.checks]
        assert of_file.checks == of_table.checks


def test_states_merge_and_have_a_byte_form():
    from mlgates.expressions.condition import Condition

    rule = RuleCounter(Condition("x > 1"), by=("g", "day"))
    days = [dt.date(2026, 1, 1), dt.date(2026, 1, 2), None, dt.date(2026, 1, 1)]
    table = pa.table({"x": [1, 2, None, 0], "g": ["a", "b", "a", "a"], "day": days})
    whole = Profile.of(table, [rule])[rule]
    parts = [Profile.of(table.slice(i, 2), [rule])[rule] for i in (0, 2)]
    assert parts[0].merge(parts[1], shift=2) == whole
    assert RuleCounts.from_bytes(whole.to_bytes()) == whole
    total = Profile.of(table, [RuleCounter(Condition("x > 1"))])[RuleCounter(Condition("x > 1"))]
    assert RuleCounts.from_bytes(total.to_bytes()) == total


def test_an_unreadable_column_is_an_error_with_the_reason():
    result = run("x == 'object'", pd.DataFrame({"x": [object(), object()]}))
    assert result.verdict is ERROR
    assert "column 'x' holds Python objects of type object" in result.reason


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example(
        "rule",
        mg.Rule("income > 0 and age >= 18"),
        ladders={"max_invalid": (1.0, 0.5, 0.0)},
    ),
    Example(
        "rule-options",
        mg.Rule(
            "income > 1200 or country == 'DE'",
            name="incomes",
            max_invalid=0.1,
            missing="invalid",
            by="country",
            max_groups=20,
            after="schema",
        ),
    ),
    Example(
        "rule-slices",
        mg.Rule("income > 1000", by={"old": "age >= 30", "young": "age < 30"}),
    ),
)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("x >= 0.1 and x in (0.1, -0.2)", [True, False]),
        ("x == 0.1 or x == -0.2", [True, True]),
        ("0.1 != x", [False, True]),
        ("-0.2 <= x <= 0.1", [True, True]),
        ("x < 0.1", [False, True]),
        ("x < 1e6 and x > -1e6 and x != 1", [True, True]),
    ],
)
def test_numbers_mean_the_nearest_value_of_a_column_of_half_floats(condition, holds):
    cells = np.array([0.1, -0.2], np.float16)
    for table in ({"x": cells}, pa.table({"x": pa.array(cells)}), pd.DataFrame({"x": cells})):
        (check,) = mg.Rule(condition, max_invalid=1).run(data=table).checks
        assert check.details["count"] == holds.count(False)
