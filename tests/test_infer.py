"""Drafted suites: they pass on their reference and on like data, and fail for damaged data."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets

import mlgates as mg
from mlgates.infer import _bounds, draft_toml
from mlgates.verdict import Verdict

DATA = Path(__file__).parent / "data"
LABELS = {"bikes": "cnt", "credit": "class-label"}


@cache
def table(name):
    """One of the two data sets; temperatures of the bikes are in degrees."""
    if name == "credit":
        return pd.read_csv(DATA / "german" / "german_data_credit.csv")
    bikes = pd.read_csv(DATA / "bike_sharing" / "hour.csv")
    return bikes.assign(celsius=(bikes["temp"] * 47 - 8).round(2))


def halves(frame, seed):
    chosen = np.random.default_rng(seed).random(len(frame)) < 0.5
    return frame[chosen].reset_index(drop=True), frame[~chosen].reset_index(drop=True)


def run(suite, data, reference):
    return suite.run(data=data, reference=reference)


@pytest.mark.parametrize("name", LABELS)
def test_a_draft_passes_on_its_reference_and_is_the_same_in_toml(name):
    frame = table(name)
    suite = mg.infer_suite(frame, name="draft")
    assert suite.name == "draft"
    assert run(suite, frame, frame).passed
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite
    assert eval(repr(suite), {"GateSuite": mg.GateSuite} | vars(mg)) == suite  # noqa: S307


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("seed", range(2))
def test_a_draft_of_one_half_passes_on_the_other(name, seed):
    one, other = halves(table(name), seed)
    suite = mg.infer_suite(one, y_true=LABELS[name])
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite
    report = run(suite, other, one)
    assert report.passed, str(report)


@pytest.mark.parametrize("name", ["wine", "diabetes", "iris"])
def test_a_draft_of_half_a_table_of_measurements_passes_on_the_other(name):
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    for seed in range(2):
        one, other = halves(frame, seed)
        suite = mg.infer_suite(one)
        # that one measurement is less than another in all rows is no rule
        assert not any(isinstance(gate, mg.Rule) for gate in suite)
        report = run(suite, other, one)
        assert report.passed, str(report)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(10, 10_000), name=st.sampled_from(sorted(LABELS)))
def test_drafts_of_random_halves_pass_on_the_other(seed, name):
    one, other = halves(table(name), seed)
    report = run(mg.infer_suite(one, y_true=LABELS[name]), other, one)
    assert report.passed, str(report)


def test_the_draft_of_the_bikes_is_the_one_a_person_would_write():
    suite = mg.infer_suite(table("bikes"))
    assert suite.names == (
        "columns",
        "values",
        "completeness",
        "unique:instant",
        "rule:casual <= cnt",
        "rule:registered <= cnt",
        "drift:psi",
    )
    schema, values, complete, *_, drift = suite
    assert [column.dtype for column in schema.rules.values()] == [
        *("int", "string", *["int"] * 8, *["float"] * 4, *["int"] * 3, "float")
    ]
    assert {name: (column.at_least, column.at_most) for name, column in values.rules.items()} == {
        "season": (1, 4),
        "yr": (0, 1),
        "mnth": (1, 12),
        "hr": (0, 23),
        "holiday": (0, 1),
        "weekday": (0, 6),
        "workingday": (0, 1),
        "weathersit": (1, 4),
        "temp": (0, 1),
        "atemp": (0, 1),
        "hum": (0, 1),
        "windspeed": (0, 1),
        "casual": (0, 460),
        "registered": (0, 1200),
        "cnt": (0, 1300),
        "celsius": (-20, 55),
    }
    assert {column.max_invalid for column in values.rules.values()} == {0.0005}
    assert complete == mg.Completeness(min_rows=8000)
    assert drift == mg.Drift("psi", at_most=0.2, exclude=("instant", "dteday"), after="columns")


def test_the_draft_of_the_credits_is_the_one_a_person_would_write():
    suite = mg.infer_suite(table("credit"), y_true="class-label")
    assert suite.names == (
        "columns",
        "values",
        "completeness",
        "unique",
        "drift:psi",
        "label_drift",
    )
    schema, values, complete, unique, drift, label = suite
    assert schema.rules["age"] == mg.Column("int")
    assert schema.rules["class-label"] == mg.Column("int", required=False)
    unlabelled = without(table("credit"), "class-label")
    report = run(suite, unlabelled, table("credit"))
    assert [result.name for result in report.failures] == ["label_drift"]
    expected = mg.Column("int", at_least=5, at_most=90, max_invalid=0.01)
    assert values.rules["age"] == expected
    assert values.rules["housing"].isin == ("for free", "own", "rent")
    assert complete == mg.Completeness(min_rows=500)
    assert unique == mg.Unique(after="columns")
    assert drift.exclude == ("class-label",)
    assert label.columns == ("class-label",)


# damaged data


def without(frame, column):
    return frame.drop(columns=column)


def as_text(frame, column):
    return frame.assign(**{column: frame[column].astype(str) + " "})


def as_float(frame, column):
    return frame.assign(**{column: frame[column].astype(float)})


def with_nulls(frame, column):
    lost = np.random.default_rng(1).random(len(frame)) < 0.2
    return frame.assign(**{column: frame[column].astype(object).mask(lost, None)})


def shifted(frame, column):
    move = max(1, round(frame[column].std())) if column != "celsius" else frame[column].std()
    return frame.assign(**{column: frame[column] + move})


def thousandfold(frame, column):
    return frame.assign(**{column: frame[column] * 1000})


def in_fahrenheit(frame, column):
    return frame.assign(**{column: (frame[column] * 9 / 5 + 32).round(2)})


def doubled(frame, _):
    return pd.concat([frame, frame], ignore_index=True)


FAULTS = [
    ("bikes", without, "hr"),
    ("credit", without, "housing"),
    ("bikes", as_text, "temp"),
    ("credit", as_text, "class-label"),
    ("bikes", as_float, "instant"),
    ("bikes", with_nulls, "cnt"),
    ("credit", with_nulls, "housing"),
    ("bikes", shifted, "celsius"),
    ("bikes", shifted, "registered"),
    ("credit", shifted, "age"),
    ("bikes", thousandfold, "windspeed"),
    ("credit", thousandfold, "credit-amount"),
    ("bikes", in_fahrenheit, "celsius"),
    ("bikes", doubled, ""),
    ("credit", doubled, ""),
]


@cache
def draft(name):
    one, other = halves(table(name), 0)
    return mg.infer_suite(one), one, other


@pytest.mark.parametrize(
    ("name", "damage", "column"),
    FAULTS,
    ids=[f"{name}-{damage.__name__}-{column}" for name, damage, column in FAULTS],
)
def test_a_draft_fails_for_damaged_data(name, damage, column):
    suite, reference, good = draft(name)
    report = run(suite, damage(good, column), reference)
    assert report.verdict is Verdict.FAIL, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("name", LABELS)
def test_a_draft_fails_for_damage_of_each_column(name):
    suite, reference, good = draft(name)
    for column, values in good.items():
        damages = [without, with_nulls]
        if values.dtype.kind in "if":
            damages += [as_text]
            # an identifier has no range and no distribution
            damages += [shifted, thousandfold] if column != "instant" else []
        damages += [as_float] if values.dtype.kind == "i" else []
        for damage in damages:
            report = run(suite, damage(good, column), reference)
            assert report.verdict is Verdict.FAIL, f"{damage.__name__} {column}\n{report}"


# other tables


def customers(n=400, seed=0):
    rng = np.random.default_rng(seed)
    begun = datetime(2025, 1, 1, tzinfo=UTC)
    start = [begun + timedelta(minutes=int(m)) for m in rng.integers(0, 10**6, n)]
    return pd.DataFrame(
        {
            "customer": [f"C{i:05}" for i in rng.permutation(10**5)[:n]],
            "note": [f"met {i} at {rng.integers(10**6)}" for i in range(n)],
            "income": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(8, 0.7, n)),
            "age": pd.array(rng.integers(18, 90, n), "Int64"),
            "member": rng.random(n) < 0.3,
            "plan": pd.Categorical(rng.choice(["free", "pro"], n)),
            "city": np.where(rng.random(n) < 0.3, None, rng.choice(["Bonn", "Ulm"], n)),
            "start": start,
            "end": [
                at + timedelta(minutes=int(m))
                for at, m in zip(start, rng.integers(0, 9, n), strict=False)
            ],
            "closed": None,
        }
    )


def test_missing_cells_identifiers_free_texts_and_times():
    frame = customers()
    suite = mg.infer_suite(frame)
    schema, values, complete, *others = suite
    assert suite.names[3:] == ("unique:customer", "rule:start <= end", "drift:psi")
    assert schema.rules["customer"] == mg.Column("string")
    assert schema.rules["note"] == mg.Column("string")
    assert schema.rules["member"] == mg.Column("bool")
    assert schema.rules["city"] == mg.Column("string", nullable=True)
    assert set(values.rules) == {"income", "age", "plan", "city"}
    assert values.rules["plan"].isin == ("free", "pro")
    assert schema.rules["start"] == mg.Column("timestamp")
    assert schema.rules["closed"] == mg.Column("any", nullable=True)
    limits = dict(complete.max_missing)
    assert set(limits) == {"income", "city", "closed", "*"}
    assert 0.1 < limits["income"] <= 0.2
    assert limits["closed"] == 1.0
    assert limits["*"] == 0.0
    assert set(others[-1].exclude) == {"customer", "note"}
    assert run(suite, frame, frame).passed
    for seed in range(2):
        report = run(suite, customers(seed=seed + 1), frame)
        assert report.passed, str(report)
    assert run(suite, without(frame, "income"), frame).verdict is Verdict.FAIL
    lost = with_nulls(frame, "income")
    assert run(suite, lost, frame).verdict is Verdict.FAIL
    swapped = frame.rename(columns={"start": "end", "end": "start"})
    assert run(suite, swapped, frame)["rule:start <= end"].verdict is Verdict.FAIL


FORMS = {
    "polars": pl.from_pandas,
    "arrow": pa.Table.from_pandas,
    "dict": lambda frame: frame.to_dict("list"),
    "records": lambda frame: frame.to_dict("records"),
}


@pytest.mark.parametrize("form", [*FORMS, "file"])
def test_every_kind_of_table_gives_the_same_draft(form, tmp_path):
    frame = table("credit")
    if form == "file":
        frame.to_parquet(tmp_path / "t.parquet", row_group_size=300)
        given = tmp_path / "t.parquet"
    else:
        given = FORMS[form](frame)
    assert mg.infer_suite(given) == mg.infer_suite(frame)


ODD = {
    "few rows": {"x": [1.5] * 30},
    "one row": {"x": [1.5], "c": ["a"], "t": [date(2026, 1, 1)]},
    "constants": {"x": [3.5] * 300, "i": [7] * 300, "c": ["a"] * 300},
    "decimals": {"x": [Decimal("1.25"), Decimal("9.75")] * 150},
    "infinite": {"x": [math.inf, 1.0, 2.0] * 100, "y": [-math.inf, math.nan, 0.5] * 100},
    "huge": {
        "x": [1e308, -1e308] * 150,
        "i": [2**63 - 1, -(2**63)] * 150,
        "s": [1e-320, 0.0] * 150,
    },
    "whole decimals": {
        "x": [2**70 + i for i in range(300)],
        "y": [2**71 + i % 40 for i in range(300)],
    },
    "parts with other texts": pa.table(
        {"c": pa.chunked_array([pa.array([x] * 150).dictionary_encode() for x in "ab"])}
    ),
    "negative": {"x": [-5.5, -0.5, -3.0] * 100},
    "nothing": {"x": [None] * 300, "y": [math.nan] * 300},
    "nested": {"x": [[1], [2, 3]] * 150, "y": [1, 2] * 150},
    "odd names": {"a b": range(300), "and": range(5, 305), "`": range(9, 309), "x\n": [1, 2] * 150},
    "names that differ in case": {"ID": range(300), "id": range(300, 600)},
    "label named as a method": {"psi": [0, 1] * 150},
    "quoted texts": {"c": ['a "b"', "c\\d", "#\n[[gates]]\n"] * 100},
    "repeated rows": {"c": ["a", "b"] * 300},
    "bools": {"b": [True, False, False] * 100},
}


@pytest.mark.parametrize("name", ODD)
def test_a_draft_of_an_odd_table_passes_on_it(name):
    given = ODD[name]
    suite = mg.infer_suite(given)
    report = run(suite, given, given)
    assert report.passed, str(report)
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite
    assert mg.GateSuite.from_toml(draft_toml(given)) == suite


NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**63), 2**64 - 1)


@given(low=NUMBERS, high=NUMBERS, dtype=st.sampled_from(["int", "float", "number"]))
def test_a_range_has_all_values_and_few_digits(low, high, dtype):
    if dtype == "int":
        # the largest integers of a table are decimals of 76 digits
        low, high = (int(x) if abs(x) < 1e76 else 0 for x in (low, high))
    low, high = sorted([low, high])
    found = _bounds(low, high, dtype)
    if found is not None:
        assert found[0] <= low <= high <= found[1]
        assert all(map(math.isfinite, found))
        assert found[1] - found[0] <= max(2 * (high - low), 1)
        mg.Column(dtype, at_least=found[0], at_most=found[1])
    elif dtype == "int":
        assert low == high


def test_a_label_named_like_a_gate_has_no_clash():
    assert mg.infer_suite(ODD["label named as a method"], y_true="psi").names[-1] == "label_drift"


def test_a_table_that_repeats_rows_may_repeat_rows():
    assert "unique" not in mg.infer_suite(ODD["repeated rows"]).names


def test_few_rows_have_no_drift_gate():
    assert mg.infer_suite(table("credit").head(199)).names == (
        "columns",
        "values",
        "completeness",
        "unique",
    )


# models


class Model:
    classes_ = (0, 1)

    def __init__(self, columns):
        self.columns = columns

    def predict_proba(self, X):
        assert list(X.columns) == self.columns
        risk = 1 / (1 + np.exp(X["duration"].to_numpy() / 10 - 3))
        return np.column_stack([1 - risk, risk])

    def predict(self, X):
        return (self.predict_proba(X)[:, 1] > 0.5).astype(int)


def test_the_performance_of_a_model_has_a_limit_below_its_interval():
    frame = table("credit")
    X = frame.drop(columns="class-label")
    model = Model(list(X.columns))
    suite = mg.infer_suite(frame, y_true="class-label", model=model)
    gate = list(suite)[-1]
    assert gate.name == "performance:roc_auc"
    evidence = {"X": X, "y_true": "class-label", "model": model, "reference": frame}
    report = suite.run(data=frame, **evidence)
    assert report.passed
    low, _ = report["performance"].checks[0].interval
    assert low - 0.05 < gate.at_least < low
    assert gate.at_least == round(gate.at_least, 2)
    assert mg.infer_suite(X, y_true=frame["class-label"], model=model).names[-1] == gate.name


def test_a_stream_is_read_once():
    frame = table("bikes")[["temp", "cnt"]]

    def model(X):
        return 400 * np.asarray(X["temp"])

    reader = pa.Table.from_pandas(frame).to_reader()
    suite = mg.infer_suite(reader, y_true="cnt", model=model)
    assert suite == mg.infer_suite(frame, y_true="cnt", model=model)


def test_a_model_of_numbers_is_judged_by_its_error():
    frame = table("bikes")[["temp", "hum", "cnt"]]

    def model(X):
        return 400 * X["temp"].to_numpy()

    suite = mg.infer_suite(frame, y_true="cnt", model=model)
    gate = list(suite)[-1]
    assert gate.name == "performance:mean_absolute_error"
    report = suite.run(
        data=frame, reference=frame, X=frame[["temp", "hum"]], y_true="cnt", model=model
    )
    assert report.passed
    _, high = report["performance"].checks[0].interval
    assert high < gate.at_most < 1.1 * high


def test_labels_that_are_texts_are_judged_without_a_positive_label():
    frame = pd.DataFrame({"x": [0.1, 0.9] * 100, "label": ["no", "yes"] * 100})

    class Texts:
        classes_ = ("no", "yes")

        def predict(self, X):
            return np.where(X["x"] > 0.5, "yes", "no")

    gate = list(mg.infer_suite(frame, y_true="label", model=Texts()))[-1]
    assert gate.metric == "balanced_accuracy"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"model": Model([])}, mg.OptionError, "infer_suite: `y_true` is required with `model`"),
        (
            {"y_true": "class_label"},
            mg.OptionError,
            (
                "infer_suite: `y_true` must be a column of the reference, got 'class_label'; "
                "did you mean 'class-label'?"
            ),
        ),
        (
            {"y_true": "class-label", "model": lambda X: 1 / 0},
            mg.EvidenceError,
            "infer_suite: no metric of `model` can be measured on the reference: ",
        ),
        (
            {"reference": np.ones((9, 3)), "y_true": "x2", "model": Model([])},
            mg.OptionError,
            "infer_suite: `y_true` must be an array if columns of the reference have no names",
        ),
    ],
)
def test_wrong_arguments_raise(given, error, message):
    with pytest.raises(error) as caught:
        mg.infer_suite(**{"reference": table("credit")} | given)
    assert str(caught.value).startswith(message)


def test_what_is_no_table_raises():
    with pytest.raises(mg.EvidenceError, match="which is not a table"):
        mg.infer_suite(5)
    with pytest.raises(mg.EvidenceError, match="must have at least one row, got 0 rows"):
        mg.infer_suite({"x": []})


def test_the_toml_says_where_limits_came_from():
    text = draft_toml(customers(), name="c")
    assert text.startswith("# A draft from 400 rows. Review each limit: ")
    assert "\n#   age: 18 to 89\n" in text
    assert "\n#   closed: 100 % missing\n" in text
    assert text.endswith(
        "\n# `start`, `end`: consider a Freshness gate, which old data would fail.\n"
    )
    assert mg.GateSuite.from_toml(text) == mg.infer_suite(customers(), name="c")
