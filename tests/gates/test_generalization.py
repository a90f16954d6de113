"""Generalization: the gap between training and test rows, its interval and its slices."""

import numpy as np
import pandas as pd
import pytest
from gate_examples import ROWS, Example, Incomes, adults, people, younger
from newcombe import newcombe_interval
from sklearn.linear_model import LogisticRegression

import mlgates as mg
from mlgates.verdict import Verdict

P, F, U, E = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR


def answers(right, n):
    """Return labels, and predictions of which so many are right."""
    true = np.arange(n) % 2
    return true, np.where(np.arange(n) < right, true, 1 - true)


def given(train, test):
    """Return evidence from pairs of right answers and rows."""
    (y_train, train_pred), (y_true, y_pred) = answers(*train), answers(*test)
    return {"y_train": y_train, "train_pred": train_pred, "y_true": y_true, "y_pred": y_pred}


def run(metric="accuracy", max_gap=0.05, *, of, **options):
    return mg.Generalization(metric, max_gap=max_gap, **options).run(**of)


# value and interval


def test_the_gap_of_a_share_has_newcombes_interval():
    result = run(of=given((1_500, 1_600), (300, 400)))
    (check,) = result.checks
    assert check.value == pytest.approx(0.1875)
    ends = newcombe_interval(1_500, 1_600, 300, 400)
    assert check.interval == pytest.approx(ends, abs=1e-12)
    assert (check.n, check.details["train_rows"], check.method) == (
        400,
        1_600,
        "square and add: Wilson",
    )
    assert (check.details["train"], check.details["test"]) == (0.9375, 0.75)
    assert result.verdict is F
    assert result.reason == (
        "`accuracy` has a gap of 0.1875 (0.9375 in training, 0.75 in test; 95 % interval 0.1455 to "
        "0.2335, n = 400 against 1,600 in training); the limit is at most 0.05"
    )


@pytest.mark.parametrize(
    ("max_gap", "decide_by", "verdict"),
    [
        (0.25, "interval", P),
        (0.2, "interval", U),
        (0.1, "interval", F),
        (0.2, "estimate", P),
        (0.1875, "estimate", P),
        (0.18, "estimate", F),
    ],
)
def test_rules(max_gap, decide_by, verdict):
    of = given((1_500, 1_600), (300, 400))
    assert run(max_gap=max_gap, decide_by=decide_by, of=of).verdict is verdict


def test_an_undecided_gap_says_how_many_rows_would_be_enough():
    reason = run(max_gap=0.2, of=given((1_500, 1_600), (300, 400))).reason
    assert reason.endswith(
        "the interval contains the limit; about 12,000 rows would be enough to decide (limit: at "
        "most 0.2)"
    )


def test_a_loss_that_is_smaller_in_training_is_a_positive_gap():
    rng = np.random.default_rng(0)
    true = rng.normal(size=900)
    of = {
        "y_train": true[:500],
        "train_pred": true[:500] + rng.normal(0, 0.5, 500),
        "y_true": true[500:],
        "y_pred": true[500:] + rng.normal(0, 2.0, 400),
    }
    check = run("mean_absolute_error", 0.1, of=of).checks[0]
    train, test = (
        mg.Performance("mean_absolute_error", at_most=9).run(y_true=t, y_pred=p).checks[0]
        for t, p in ((of["y_train"], of["train_pred"]), (of["y_true"], of["y_pred"]))
    )
    assert check.value == pytest.approx(test.value - train.value)
    low = check.value - np.hypot(test.value - test.interval[0], train.interval[1] - train.value)
    high = check.value + np.hypot(test.interval[1] - test.value, train.value - train.interval[0])
    assert check.interval == pytest.approx((low, high))
    assert check.verdict is F


def test_a_model_that_is_better_on_the_test_rows_passes():
    result = run(max_gap=0, of=given((1_000, 1_600), (390, 400)))
    assert result.verdict is P
    assert result.checks[0].value == pytest.approx(-0.35)


def test_the_model_predicts_both_samples():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(600, 30)))
    X.columns = [f"x{i}" for i in X]
    y = np.where(X["x0"] + rng.normal(size=600) > 0, "yes", "no")
    model = LogisticRegression(C=1e6).fit(X[:60], y[:60])
    of = {"model": model, "X_train": X[:60], "y_train": y[:60], "X": X[60:], "y_true": y[60:]}
    of["pos_label"] = "yes"
    for metric in ("roc_auc", "accuracy", "f1"):
        result = run(metric, 0.05, of=of)
        assert result.verdict is F
        assert result.checks[0].details["train"] == 1
    mixed = {name: of[name] for name in ("model", "X_train", "y_train", "y_true", "pos_label")}
    mixed["y_pred"] = model.predict(X[60:])
    assert run(of=mixed).checks == run(of=of).checks


def test_names_of_columns_are_those_of_their_own_table():
    X = pd.DataFrame({"x": [1.0, 2.0] * 40, "y": [1, 0] * 40})
    other = pd.DataFrame({"x": [1.0, 2.0] * 30, "label": [1, 0] * 30})

    def model(table):
        return (table["x"] < 1.5).astype(int)

    of = {"model": model, "X": X, "y_true": "y", "X_train": other, "y_train": "label"}
    assert run(max_gap=0.2, of=of).checks[0].details["train_rows"] == 60


def test_a_function_of_ones_own():
    def hits(y_true, y_pred):
        return float(np.mean(y_true == y_pred))

    result = run(hits, greater_is_better=True, resamples=200, of=given((1_500, 1_600), (300, 400)))
    assert result.verdict is F
    assert result.checks[0].value == pytest.approx(0.1875)


def test_one_class_of_several():
    true, pred = ["a", "b", "c"] * 60, ["a", "b", "a"] * 60
    of = {"y_train": true, "train_pred": true, "y_true": true, "y_pred": pred}
    assert run("recall", label="b", max_gap=0.1, of=of).verdict is P
    assert run("recall", label="c", max_gap=0.1, of=of).verdict is F


def test_weights_and_clusters_are_columns_of_both_sides():
    of = given((1_500, 1_600), (300, 400))
    sides = {
        name: {"w": np.arange(n) % 3 + 1.0, "person": np.arange(n) // 10, "one": [0] * n}
        for name, n in (("X", 400), ("X_train", 1_600))
    }
    named = {"sample_weight": "w", "clusters": "person"}
    (check,) = run(of=of | sides | named).checks
    ends = {}
    for side, true, pred in (("X", "y_true", "y_pred"), ("X_train", "y_train", "train_pred")):
        alone = {"y_true": of[true], "y_pred": of[pred], "X": sides[side]}
        ends[side] = mg.Performance("accuracy", at_least=0).run(**alone, **named).checks[0]
    test, train = ends["X"], ends["X_train"]
    assert check.value == pytest.approx(train.value - test.value)
    low = np.hypot(train.value - train.interval[0], test.interval[1] - test.value)
    assert check.interval[0] == pytest.approx(check.value - low)
    assert check.n == test.n == 342
    one = run(of=of | sides | {"clusters": "one"}, max_gap=0.3)
    assert one.verdict is U
    assert "all counted rows are in one cluster; an interval needs several" in one.reason


@pytest.mark.parametrize("name", ["sample_weight", "clusters"])
def test_weights_and_clusters_of_the_test_rows_alone_are_an_error(name):
    result = run(of=given((1_500, 1_600), (300, 400)) | {name: np.arange(400.0) + 1})
    assert (result.verdict, result.reason) == (
        E,
        (
            f"`{name}` has values for the test rows alone: give the name of a column of `X` and "
            "`X_train`"
        ),
    )


@pytest.mark.parametrize("decide_by", ["interval", "estimate"])
def test_a_missing_label_in_training_is_undecided(decide_by):
    of = given((1_500, 1_600), (300, 400))
    of["y_train"] = np.where(np.arange(1_600) < 3, np.nan, of["y_train"])
    result = run(of=of, max_gap=0.4, decide_by=decide_by)
    assert result.verdict is U
    assert (
        "; 3 of 1,600 rows in training have no label in `y_train`; leave such rows out of "
        "`X_train` and `y_train` (" in result.reason
    )


# slices


def test_slices_have_rows_of_both_samples():
    of = given((80, 80), (60, 80))
    of |= {"X": {"part": ["a", "b"] * 40}, "X_train": {"part": ["a", "b"] * 40}}
    by_column = run(by="part", of=of)
    assert [(check.group, check.n) for check in by_column.checks] == [
        ("part=a", 40),
        ("part=b", 40),
    ]
    by_text = run(by={"part=a": "part == 'a'", "part=b": "part == 'b'"}, of=of)
    assert by_text.checks == by_column.checks


def test_a_slice_without_rows_on_one_side_is_undecided():
    of = given((80, 80), (60, 80))
    of |= {"X": {"part": ["a", "b"] * 40}, "X_train": {"part": ["a", "c"] * 40}}
    by_group = {check.group: check for check in run(by="part", of=of).checks}
    assert [str(by_group[f"part={part}"].verdict) for part in "bc"] == ["inconclusive"] * 2
    assert by_group["part=b"].reason == (
        "`accuracy` where part=b can't be compared (n = 40 against 0 in training); undefined in "
        "training: no rows (limit: at most 0.05)"
    )
    excluded = run(by="part", small_slices="exclude", of=of)
    assert excluded.reason.endswith("excluded slices: part=c (0 rows)")


# what decides nothing, and what is wrong


@pytest.mark.parametrize(
    ("metric", "of", "end"),
    [
        ("accuracy", given((20, 20), (400, 400)), "20 rows in training, at least 30 are needed"),
        ("accuracy", given((400, 400), (20, 20)), "too few rows: 20, at least 30 are needed"),
        ("recall", given((400, 400), (400, 400)) | {"y_train": [0] * 400, "train_pred": [0] * 400},
         "undefined in training: no positives in `y_true`"),
        ("recall", given((400, 400), (400, 400)) | {"y_true": [0] * 390 + [1] * 10,
                                                    "y_train": [0] * 391 + [1] * 9},
         "in training: 9 positives in `y_true`, at least 10 are needed"),
    ],
)  # fmt: skip
def test_too_little_on_either_side_is_inconclusive(metric, of, end):
    for decide_by in ("interval", "estimate"):
        result = run(metric, 1, decide_by=decide_by, of=of)
        assert result.verdict is U
        assert end in result.reason


def test_what_is_missing_or_wrong_in_training_is_named():
    of = given((80, 80), (60, 80))
    without = {name: value for name, value in of.items() if name != "train_pred"}
    assert run(of=without).reason == (
        "the gate needs `train_pred` or `train_score`, or `model` and `X_train`; none was given"
    )
    assert run(of=of | {"train_pred": [1]}).reason == (
        "training rows: `y_train` has 80 rows and `train_pred` has 1"
    )
    result = run(of=of | {"train_pred": np.where(np.arange(80) < 3, 2, of["train_pred"])})
    assert result.reason.endswith("labels predicted in training, but not in `y_train`: 2")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"metric": "accuracy", "max_gap": -0.1},
            "`max_gap` must be a finite number of at least 0 and at most 1, got -0.1",
        ),
        (
            {"metric": "accuracy", "max_gap": 5},
            "`max_gap` must be between 0 and 1, got 5; shares are not percentages: write 0.05",
        ),
        (
            {"metric": "selection_rate", "max_gap": 0.1},
            (
                "`greater_is_better` must be True or False, got None; it is required for "
                "`selection_rate`"
            ),
        ),
        (
            {"metric": "ndcg@5", "max_gap": 0.1},
            (
                "`metric` must be a metric of predictions or scores, got 'ndcg@5'; 'ndcg@5' is "
                "computed from `query_id`, which can be given for the test rows only, not for the "
                "training rows"
            ),
        ),
        (
            {"metric": "interval_width", "max_gap": 0.1},
            (
                "`metric` must be a metric of predictions or scores, got 'interval_width'; "
                "'interval_width' is computed from `y_interval`, which can be given for the test "
                "rows only, not for the training rows"
            ),
        ),
        (
            {"metric": "accuracy", "max_gap": 0.1, "decide_by": "significance"},
            "`decide_by` must be one of 'interval', 'estimate', got 'significance'",
        ),
    ],
)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Generalization(**options)
    assert str(caught.value) == f"Generalization: {message}"


# the laws of all gates (tests/test_every_gate.py)

TRAINING = {"X_train": people(), "model": Incomes()}
EXAMPLES = (
    Example(
        "generalization",
        mg.Generalization("mean_absolute_error", max_gap=1_000),
        others={**TRAINING, "y_true": "income", "y_train": "income"},
        place="X",
        ladders={"min_samples": (1, ROWS, ROWS + 1, 10**6), "max_gap": (1e4, 1e3, 0)},
    ),
    Example(
        "generalization-options",
        mg.Generalization(
            "selection_rate",
            max_gap=0.5,
            by={"old": adults, "young": younger},
            min_samples=20,
            small_slices="exclude",
            decide_by="estimate",
            confidence=0.9,
            greater_is_better=True,
            max_groups=20,
            resamples=100,
            name="told",
            after="schema",
        ),
        others={
            "y_true": "member",
            "y_pred": "member",
            "X_train": people(),
            "y_train": "member",
            "train_pred": [True, False] * (ROWS // 2),
        },
        place="X",
        literal=False,
    ),
    Example(
        "generalization-label",
        mg.Generalization("recall", max_gap=0.1, label="DE"),
        others={
            "y_true": "country",
            "y_pred": "country",
            "y_train": ["DE", "FR", "IT"] * (ROWS // 3),
            "train_pred": ["DE", "FR", "IT"] * (ROWS // 3),
        },
        place="X",
    ),
)
