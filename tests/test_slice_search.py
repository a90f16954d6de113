"""weak_slices: what it finds, in conditions that `by=` takes, and what it does not find."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates.evidence import Evidence

N = 1_200
rng = np.random.default_rng(0)
TRUE = np.arange(N) % 2
NOISE = rng.normal(size=N)


def predicted(segment, inside=0.9, outside=0.1):
    """Return predictions that are wrong more often in a segment."""
    drawn = np.random.default_rng(1).random(N)  # the same for every test, whichever are run
    wrong = drawn < np.where(np.asarray(segment, bool), inside, outside)
    return np.where(wrong, 1 - TRUE, TRUE)


def only(column, segment, name="c", **options):
    """Return the single condition that is found, on one column and one of noise."""
    X = {name: column, "noise": NOISE}
    by = mg.weak_slices(X, TRUE, predicted(segment), "accuracy", **options)
    assert len(by) == 1
    ((key, text),) = by.items()
    assert key == text
    (part,) = Evidence({"X": X, "y_true": TRUE}).slices(by)
    inside = np.asarray(segment, bool)
    assert np.count_nonzero(part.rows & inside) >= 0.7 * max(part.rows.sum(), inside.sum())
    return text


# what conditions look like

CODES = rng.integers(0, 6, N)
TEXTS = np.array(["it's", 'a "b"', "v", "w"], object)[rng.integers(0, 4, N)]
FLAGS = rng.random(N) < 0.3
NUMBERS = rng.normal(50, 10, N).round(3)
GAPS = np.where(FLAGS, np.nan, NUMBERS)
DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 400, N)]
HOURS = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9_600, N), unit="h")


@pytest.mark.parametrize(
    ("column", "segment", "text"),
    [
        (CODES, CODES == 3, "c == 3"),
        (-CODES, CODES == 3, "c == -3"),
        (TEXTS, TEXTS == "it's", "c == 'it''s'"),
        (TEXTS, TEXTS == 'a "b"', "c == 'a \"b\"'"),
        (pd.Categorical(TEXTS), TEXTS == "v", "c == 'v'"),
        (FLAGS, FLAGS, "c"),
        (FLAGS, ~FLAGS, "not c"),
        (GAPS, FLAGS, "c is missing"),
        (np.where(FLAGS, None, TEXTS), FLAGS, "c is missing"),
    ],
)
def test_values(column, segment, text):
    assert only(column, segment) == text


@pytest.mark.parametrize(
    ("column", "segment", "start"),
    [
        (NUMBERS, NUMBERS > 60, "c > "),
        (NUMBERS.astype(np.float32), NUMBERS < 41, "c <= "),
        ((NUMBERS * 1e12).astype(np.int64), NUMBERS > 60, "c > 5"),
        (pa.array([Decimal(f"{x:.3f}") for x in NUMBERS]), NUMBERS > 60, "c > "),
        (np.where(FLAGS, np.inf, NUMBERS), FLAGS, "c > "),
        (DAYS, [day < dt.date(2024, 3, 1) for day in DAYS], "c <= date('2024-0"),
        (HOURS, pd.Timestamp("2024-03-01") > HOURS, "c <= timestamp('2024-0"),
        (HOURS.tz_localize("UTC"), pd.Timestamp("2024-03-01") > HOURS, "c <= timestamp('2024-0"),
    ],
)
def test_cuts(column, segment, start):
    assert only(column, segment).startswith(start)


def test_cuts_are_short():
    text = only(NUMBERS, NUMBERS > 60)
    assert len(text.removeprefix("c > ")) <= 4
    assert only(HOURS, pd.Timestamp("2024-03-01") > HOURS).endswith("T00:00:00')")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("net pay", "`net pay`"),
        ("a`b", "`a``b`"),
        ("in", "`in`"),
        ("len", "len"),
        ("Größe", "Größe"),
        ("x\ny", "`x\ny`"),
        ("1st", "`1st`"),
    ],
)
def test_odd_names_of_columns(name, written):
    assert only(CODES, CODES == 3, name) == f"{written} == 3"


def test_two_conditions_and_three():
    X = pd.DataFrame({"a": CODES, "b": FLAGS, "c": NUMBERS})
    pair = (CODES == 3) & FLAGS
    by = mg.weak_slices(X, TRUE, predicted(pair, 1, 0), "accuracy")
    assert next(iter(by)) == "a == 3 and b"
    assert all(" and " not in text for text in mg.weak_slices(
        X, TRUE, predicted(pair), "accuracy", max_depth=1
    ))  # fmt: skip
    triple = (CODES >= 3) & FLAGS & (NUMBERS > 50)
    by = mg.weak_slices(X, TRUE, predicted(triple, 1, 0), "accuracy", max_depth=3)
    assert next(iter(by)).count(" and ") == 2


@pytest.mark.parametrize("make", [
    pd.DataFrame, pl.DataFrame, pa.table, dict, lambda X: pl.DataFrame(X).lazy(),
], ids=["pandas", "polars", "arrow", "dict", "lazy"])  # fmt: skip
def test_any_table(make):
    X = {"a": CODES.tolist(), "b": FLAGS.tolist()}
    by = mg.weak_slices(make(X), TRUE, predicted(CODES == 2), "accuracy")
    assert next(iter(by)) == "a == 2"


def test_columns_of_an_array_have_the_names_that_gates_give_them():
    X = np.column_stack([NOISE, CODES])
    by = mg.weak_slices(X, TRUE, predicted(CODES == 5), "accuracy")
    (text,) = by
    assert text.startswith("x1 > ")
    assert mg.Performance("accuracy", at_least=0.5, by=by).run(
        X=X, y_true=TRUE, y_pred=predicted(CODES == 5)
    ).verdict == "fail"  # fmt: skip


# the metrics


def test_labels_may_be_columns_which_define_no_slices():
    X = pd.DataFrame({"a": CODES, "label": TRUE, "guess": predicted(CODES == 1)})
    assert list(mg.weak_slices(X, "label", "guess", "accuracy")) == ["a == 1"]


def test_a_metric_of_some_rows():
    """Only positives are missed, so that recall is low and the false positive rate is not."""
    missed = (CODES == 4) & (TRUE == 1)
    X, pred = {"a": CODES, "noise": NOISE}, np.where(missed, 0, TRUE)
    assert list(mg.weak_slices(X, TRUE, pred, "recall")) == ["a == 4"]
    assert list(mg.weak_slices(X, TRUE, pred, "false_negative_rate")) == ["a == 4"]
    assert mg.weak_slices(X, TRUE, pred, "false_positive_rate") == {}
    assert mg.weak_slices(X, TRUE, pred, "specificity") == {}
    names = np.array(["no", "yes"])
    by = mg.weak_slices(X, names[TRUE], names[pred], "recall", pos_label="yes")
    assert list(by) == ["a == 4"]


def test_rows_without_a_label_are_left_out():
    X, pred = {"a": CODES, "noise": NOISE}, predicted(CODES == 4)
    true = [None if i % 3 == 0 else int(y) for i, y in enumerate(TRUE)]
    assert next(iter(mg.weak_slices(X, true, pred, "accuracy"))).startswith("a == 4")


def test_the_result_is_an_option_of_gates():
    X = pd.DataFrame({"it's": TEXTS, "b": FLAGS})
    pred = predicted(TEXTS == "v")
    by = mg.weak_slices(X, TRUE, pred, "accuracy")
    result = mg.Performance("accuracy", at_least=0.6, by=by).run(X=X, y_true=TRUE, y_pred=pred)
    assert result.verdict == "fail"
    (check,) = result.checks
    assert check.group == "`it's` == 'v'"
    assert check.value == pytest.approx(np.mean((pred == TRUE)[TEXTS == "v"]))


# nothing is found

NOTHING = {
    "constant": np.zeros(N),
    "identifiers": [f"id{i}" for i in range(N)],
    "free texts": [f"text {i} " * 30 for i in range(N)],
    "objects": np.array([object() for _ in range(N)]),
    "lists": pa.array([[i] for i in range(N)]),
    "nothing": pa.nulls(N),
}


@pytest.mark.parametrize("column", NOTHING.values(), ids=NOTHING)
def test_columns_that_define_no_slices(column):
    X = {"c": column, "constant": np.ones(N)}
    assert mg.weak_slices(X, TRUE, predicted(CODES == 4), "accuracy") == {}


@pytest.mark.parametrize("pred", [TRUE, 1 - TRUE], ids=["all right", "all wrong"])
def test_errors_that_do_not_differ(pred):
    assert mg.weak_slices({"a": CODES, "b": NUMBERS}, TRUE, pred, "accuracy") == {}


@pytest.mark.parametrize("n", [0, 1, 2, 29, 59])
def test_few_rows(n):
    X = {"a": CODES[:n], "b": NUMBERS[:n]}
    assert mg.weak_slices(X, TRUE[:n], predicted(CODES == 4, 1, 0)[:n], "accuracy") == {}


def test_shuffled_errors_are_rarely_a_slice():
    """At most 5 % of draws; at most 6 of 60 with a probability of 96 %."""
    X = {"a": CODES, "b": NUMBERS, "t": TEXTS}
    found = 0
    for seed in range(60):
        wrong = np.random.default_rng(seed).permutation(N) < 300
        found += bool(mg.weak_slices(X, TRUE, np.where(wrong, 1 - TRUE, TRUE), "accuracy"))
    assert found <= 6


def test_the_same_seed_gives_the_same_slices():
    X, pred = {"a": CODES, "b": NUMBERS}, predicted((CODES == 4) & (NUMBERS > 50), 0.6)
    twice = [mg.weak_slices(X, TRUE, pred, "accuracy", seed=seed) for seed in (3, 3)]
    assert twice[0] == twice[1]


# what is wrong raises

KIND = "a share of rows, such as 'accuracy' or 'recall'"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "roc_auc"}, f"`metric` must be {KIND}, got 'roc_auc'"),
        ({"metric": "f1"}, f"`metric` must be {KIND}, got 'f1'"),
        ({"metric": "selection_rate"}, f"`metric` must be {KIND}, got 'selection_rate'"),
        ({"max_depth": 0}, "`max_depth` must be a whole number of at least 1, got 0"),
        ({"max_depth": 5}, "`max_depth` must be a whole number from 1 to 4, got 5"),
        ({"seed": -1}, "`seed` must be a whole number of at least 0, got -1"),
    ],
)
def test_invalid_options(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.weak_slices({"a": CODES}, TRUE, TRUE, **{"metric": "accuracy"} | options)
    assert str(caught.value) == f"weak_slices: {message}"


def test_an_unknown_metric():
    with pytest.raises(mg.OptionError, match="did you mean 'accuracy'"):
        mg.weak_slices({"a": CODES}, TRUE, TRUE, "accuracyy")


@pytest.mark.parametrize(
    ("X", "y_true", "message"),
    [
        (
            7,
            TRUE,
            "weak_slices: `X` has no named columns other than the labels and predictions; slices",
        ),
        (pd.DataFrame({"y": TRUE}), "y", "weak_slices: `X` has no named columns other than "),
        ({"a": CODES}, TRUE[:5], "`y_true` has 5 rows and `y_pred` has 1,200"),
        ({"a": CODES[:5]}, TRUE, "`y_true` has 1,200 rows and column 'a' of `X` has 5"),
        ({"a": CODES}, "b", "`y_true` names column 'b', which was not found in `X`"),
    ],
)
def test_evidence_that_does_not_fit(X, y_true, message):
    with pytest.raises(mg.EvidenceError) as caught:
        mg.weak_slices(X, y_true, TRUE, "accuracy")
    assert str(caught.value).startswith(message)


def test_a_table_in_which_no_column_can_be_read_is_refused():
    twice = pd.DataFrame([[1, 2]] * 100, columns=["a", "a"])
    with pytest.raises(mg.EvidenceError) as caught:
        mg.weak_slices(twice, [0, 1] * 50, [0, 1] * 50, "accuracy")
    assert str(caught.value) == "`X` has more than one column 'a'; rename or drop the others"
