"""Bad data that other libraries accept, and that must never PASS here.

Each row is one observation on an installed release of Evidently 0.7, Great Expectations 1.24,
pandera 0.35, deepchecks 0.19, whylogs 1.6 or a classic hand-written check; the gate is ours for the
same job.
"""

import math

import numpy as np
import pandas as pd
import pytest

import mlgates as mg
from mlgates.verdict import Verdict

C = mg.Column
NOTHING = {"x": np.array([], float), "c": pd.Series([], dtype="str")}
ALL_NAN = {"x": [math.nan] * 50, "c": ["a"] * 50}
ALL_NONE = {"x": [1.0] * 50, "c": pd.Series([None] * 50, dtype="str")}
MOSTLY_NULL = {"x": [math.nan] * 98 + [1.0, 2.0], "c": ["a"] * 100}
HALF_INF = {"x": [math.inf, 1.0] * 25, "c": ["a"] * 50}
ALL_INF = {"x": [math.inf] * 50, "c": ["a"] * 50}
TEXT_NUMBERS = {"x": ["9", "10", "9.5"] * 5, "c": ["a"] * 15}


def schema(**rules):
    return mg.Schema({"x": C("float", **rules)}, extra="allow")


def texts(**rules):
    return mg.Schema({"c": C("string", **rules)}, extra="allow")


ROWS = [
    # what another library accepts, the table, our gate, the verdict
    ("Evidently: missing count of 0 rows", NOTHING, mg.Completeness(), "fail"),
    ("Evidently: values out of range of 0 rows", NOTHING, schema(at_least=0), "inconclusive"),
    ("GX: between of 0 rows", NOTHING, schema(at_least=0, at_most=1), "inconclusive"),
    ("GX: in_set of 0 rows", NOTHING, texts(isin=["a"]), "inconclusive"),
    ("GX: not_be_null of 0 rows", NOTHING, schema(), "inconclusive"),
    ("GX: unique of 0 rows", NOTHING, schema(unique=True), "inconclusive"),
    ("GX: regex of 0 rows", NOTHING, texts(matches="a"), "inconclusive"),
    ("GX: distinct_in_set of 0 rows", NOTHING, texts(isin=["a"]), "inconclusive"),
    ("pandera: 0 rows", NOTHING, schema(at_least=0), "inconclusive"),
    ("whylogs: 0 rows", NOTHING, schema(at_least=0), "inconclusive"),
    ("Evidently: range of all NaN", ALL_NAN, schema(nullable=True, at_most=1), "inconclusive"),
    ("GX: between of all NaN", ALL_NAN, schema(nullable=True, at_most=1), "inconclusive"),
    ("GX: unique of all NaN", ALL_NAN, schema(nullable=True, unique=True), "inconclusive"),
    ("pandera: nullable of all NaN", ALL_NAN, schema(nullable=True, at_least=0), "inconclusive"),
    ("deepchecks: all NaN", ALL_NAN, mg.Completeness(max_missing=0.99), "fail"),
    ("whylogs: range of all NaN", ALL_NAN, schema(nullable=True, at_most=1), "inconclusive"),
    ("Evidently: list of all None", ALL_NONE, texts(nullable=True, isin=["a"]), "inconclusive"),
    ("GX: in_set of all None", ALL_NONE, texts(nullable=True, isin=["a"]), "inconclusive"),
    ("pandera: isin of all None", ALL_NONE, texts(nullable=True, isin=["a"]), "inconclusive"),
    ("GX: 98 % null", MOSTLY_NULL, mg.Completeness(max_missing=0.05), "fail"),
    ("pandera: 98 % null", MOSTLY_NULL, schema(), "fail"),
    ("Evidently: 50 % infinite", HALF_INF, schema(), "fail"),
    ("GX: between(0, None) of inf", ALL_INF, schema(at_least=0), "fail"),
    ("pandera: ge(0) of inf", ALL_INF, schema(at_least=0), "fail"),
    ("whylogs: > 0 of inf", ALL_INF, schema(at_least=0), "fail"),
    ("deepchecks: numbers as text", TEXT_NUMBERS, schema(at_least=0), "fail"),
    ("whylogs: range 0..1 of text 9..10", TEXT_NUMBERS, schema(at_least=0, at_most=1), "fail"),
    (
        "GX: range of a column of any type",
        TEXT_NUMBERS,
        mg.Schema({"x": C("any", at_most=1)}, extra="allow"),
        "inconclusive",
    ),
    ("pandera: str_matches('ab') of 'abXXX'", {"c": ["abXXX"]}, texts(matches="ab"), "fail"),
    ("pandera: head=1 of a bad tail", {"x": [1.0] * 99 + [-1.0]}, schema(at_least=0), "fail"),
    ("pandera: coerce of 1.9 to int", {"x": [1.9]}, mg.Schema({"x": "int"}), "fail"),
    ("pandera: drop_invalid_rows of all rows", {"x": [-1.0] * 3}, schema(at_least=0), "fail"),
    ("pandera#1626: nullable of floats", {"x": [1.0, None]}, schema(), "fail"),
    ("pandera#507: NaN coerced to True", {"x": [math.nan]}, mg.Schema({"x": "bool"}), "fail"),
    ("pandera: regex of column names selects nothing", {"y": [1]}, mg.Completeness(["x"]), "error"),
    (
        "pandera#904: null elsewhere in the row",
        {"x": [-1.0], "c": [None]},
        schema(at_least=0),
        "fail",
    ),
    ("GX#7082, soda#1755: a bound of 0", {"x": [-0.5]}, schema(at_least=0), "fail"),
    (
        "TFDV#127: a rule for another type",
        {"x": ["a"]},
        mg.Schema({"x": C("any", at_least=0)}),
        "inconclusive",
    ),
    (
        "hand-written: `nan > limit` is False",
        {"x": [math.nan]},
        mg.Completeness(max_missing=0.2),
        "fail",
    ),
    ("hand-written: all([]) is True", NOTHING, texts(unique=True), "inconclusive"),
    (
        "hand-written: groupby drops missing keys",
        {"x": [None, 1.0], "g": [None, "a"]},
        mg.Completeness("x", by="g"),
        "fail",
    ),
    ("exemplar#6: nothing was returned", NOTHING, mg.Completeness(), "fail"),
    ("soda#2407: a filter returns nothing", NOTHING, mg.Completeness(min_rows=0), "inconclusive"),
    (
        "TFMA#79: a slice that is gone",
        {"x": [1.0]},
        mg.Completeness(by={"s": lambda t: [False]}),
        "inconclusive",
    ),
]


@pytest.mark.parametrize(
    ("table", "gate", "verdict"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_never_passes(table, gate, verdict):
    result = gate.run(data=table)
    assert not result.passed
    assert str(result.verdict) == verdict


def test_gate_without_a_condition_is_refused():
    with pytest.raises(
        mg.OptionError, match="`columns` must be a mapping with at least one column"
    ):
        mg.Schema({})
    with pytest.raises(mg.OptionError, match="`at_least` or `at_most` must be given"):
        mg.Limit()
    with pytest.raises(TypeError, match="max_age"):
        mg.Freshness("at")


def test_nan_is_refused_as_a_limit():
    for build in (
        lambda: mg.Completeness(max_missing=math.nan),
        lambda: C("float", at_least=math.nan),
        lambda: mg.Limit(at_most=math.nan),
    ):
        with pytest.raises(mg.OptionError, match="must be a finite number"):
            build()


def test_environment_variables_do_not_disable_gates(monkeypatch):
    for name in ("PANDERA_VALIDATION_ENABLED", "MLGATES_ENABLED", "MLGATES_VALIDATION_ENABLED"):
        monkeypatch.setenv(name, "False")
    assert schema(at_least=0).run(data={"x": [-1.0]}).verdict is Verdict.FAIL


def test_bad_column_does_not_affect_the_others():
    table = {"x": [object()] * 3, "y": [1.0, 2.0, 3.0], "z": [math.nan] * 3}
    result = mg.Schema({"x": "float", "y": "float", "z": "float"}).run(data=table)
    assert {c.subject for c in result.checks if not c} == {"x", "z"}
    assert all(c for c in result.checks if c.subject == "y")
