"""Bad labels, predictions and models and their right verdicts, never a PASS.

Every limit is as loose as it can be, so that a PASS would be one by absence.
"""

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import mlgates as mg
from mlgates.verdict import Verdict

P, U, F, E = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
N = 120
RNG = np.random.default_rng(0)
TRUE = np.arange(N) % 2
PRED = np.where(RNG.random(N) < 0.8, TRUE, 1 - TRUE)
SCORE = np.where(TRUE == 1, 0.5, 0.3) + RNG.random(N) / 3
VALUES = 10 + RNG.normal(size=N)
TOLD = VALUES + RNG.normal(size=N)
NAN, INF = math.nan, math.inf


def put(values, at, value, dtype=float):
    changed = np.array(values, dtype)
    changed[at] = value
    return changed


def series(values, start=0):
    return pd.Series(values, index=range(start, start + len(values)))


LOOSE = {
    "mean_absolute_error": {"at_most": 1e9},
    "root_mean_squared_error": {"at_most": 1e9},
    "mean_absolute_percentage_error": {"at_most": 1e9},
    "max_error": {"at_most": 1e9},
    "log_loss": {"at_most": 1e9},
    "brier_score": {"at_most": 2},
    "expected_calibration_error": {"at_most": 1},
    "r2": {"at_least": -1e9},
    "matthews_corrcoef": {"at_least": -1},
}


def judged(metric, **given):
    return mg.Performance(metric, **LOOSE.get(metric, {"at_least": 0})).run(**given)


CASES = {
    # what: metric, evidence, verdict, a part of the reason
    # size and emptiness
    "honest": ("accuracy", {"y_true": TRUE, "y_pred": PRED}, P, ""),
    "no rows": ("accuracy", {"y_true": [], "y_pred": []}, U, "no rows to measure"),
    "one row": ("accuracy", {"y_true": [1], "y_pred": [1]}, U, "too few rows: 1"),
    "too few rows": ("accuracy", {"y_true": TRUE[:29], "y_pred": PRED[:29]}, U, "at least 30"),
    "too few of a class": (
        "roc_auc",
        {"y_true": put(np.zeros(N), slice(9), 1), "y_score": SCORE},
        U,
        "9 positives, at least 10 are needed",
    ),
    "no predictions": ("accuracy", {"y_true": TRUE}, E, "y_pred"),
    "no labels": ("accuracy", {"y_pred": PRED}, E, "needs `y_true`"),
    # values
    "infinite scores": ("roc_auc", {"y_true": TRUE, "y_score": put(SCORE, 3, INF)}, E, "y_score"),
    "missing scores": ("roc_auc", {"y_true": TRUE, "y_score": put(SCORE, 3, NAN)}, E, "y_score"),
    "infinite predictions": ("r2", {"y_true": VALUES, "y_pred": put(TOLD, 3, INF)}, E, "y_pred"),
    "all but one infinite": (
        "root_mean_squared_error",
        {"y_true": VALUES, "y_pred": put(np.full(N, INF), 0, 10)},
        E,
        "y_pred",
    ),
    "missing predictions": ("r2", {"y_true": VALUES, "y_pred": put(TOLD, 3, NAN)}, E, "y_pred"),
    "missing labels": (
        "accuracy",
        {"y_true": put(TRUE, 3, NAN), "y_pred": PRED},
        U,
        "1 row has no value in `y_true`; every row needs one",
    ),
    "all labels missing": ("accuracy", {"y_true": [None] * N, "y_pred": PRED}, U, ""),
    "probabilities beyond 1": (
        "brier_score",
        {"y_true": TRUE, "y_score": put(SCORE, 3, 1.2)},
        E,
        "y_score",
    ),
    "margins rank as well": ("roc_auc", {"y_true": TRUE, "y_score": 10 * SCORE - 5}, P, ""),
    "scores for labels": (
        "accuracy",
        {"y_true": TRUE, "y_pred": SCORE},
        E,
        "if these are scores",
    ),
    "texts for numbers": (
        "accuracy",
        {"y_true": TRUE, "y_pred": [str(label) for label in PRED]},
        E,
        "",
    ),
    "bools are 0 and 1": ("accuracy", {"y_true": TRUE.astype(bool), "y_pred": PRED * 1.0}, P, ""),
    "a label nobody has": (
        "accuracy",
        {"y_true": TRUE, "y_pred": put(PRED, 3, 7, int)},
        P,
        "labels predicted, but not in `y_true`: 7",
    ),
    "one class, area": ("roc_auc", {"y_true": np.ones(N, int), "y_score": SCORE}, U, "one class"),
    "one class, balanced": (
        "balanced_accuracy",
        {"y_true": np.ones(N, int), "y_pred": np.ones(N, int)},
        U,
        "only one class",
    ),
    "one class, correlation": (
        "matthews_corrcoef",
        {"y_true": TRUE, "y_pred": np.ones(N, int)},
        U,
        "only one predicted",
    ),
    "no positives": ("recall", {"y_true": np.zeros(N, int), "y_pred": PRED}, U, "no positives"),
    "nothing told": (
        "precision",
        {"y_true": TRUE, "y_pred": 0 * PRED},
        U,
        "no predicted positives",
    ),
    "a constant target": ("r2", {"y_true": np.full(N, 0.1), "y_pred": TOLD}, U, "constant"),
    "zeros in the target": (
        "mean_absolute_percentage_error",
        {"y_true": put(VALUES, 3, 0), "y_pred": TOLD},
        U,
        "zeros",
    ),
    "small floats": (
        "mean_absolute_error",
        {"y_true": np.full(N, 6e4, np.float16), "y_pred": np.full(N, 5e4, np.float16)},
        P,
        "",
    ),
    "decimals": ("r2", {"y_true": [Decimal(str(v)) for v in VALUES], "y_pred": TOLD}, P, ""),
    "negative weights": (
        "accuracy",
        {"y_true": TRUE, "y_pred": PRED, "sample_weight": put(np.ones(N), 3, -1)},
        E,
        "sample_weight",
    ),
    "weights of zero": (
        "accuracy",
        {"y_true": TRUE, "y_pred": PRED, "sample_weight": np.zeros(N)},
        E,
        "sample_weight",
    ),
    "weight on one row": (
        "accuracy",
        {"y_true": TRUE, "y_pred": PRED, "sample_weight": put(np.zeros(N), 3, 1)},
        U,
        "too few rows: 1",
    ),
    "weights missing": (
        "accuracy",
        {"y_true": TRUE, "y_pred": PRED, "sample_weight": put(np.ones(N), 3, NAN)},
        E,
        "sample_weight",
    ),
    # structure and alignment
    "lengths differ": ("accuracy", {"y_true": TRUE, "y_pred": PRED[:-1]}, E, ""),
    "indexes differ": (
        "accuracy",
        {"y_true": series(TRUE), "y_pred": series(PRED, start=1)},
        E,
        "index",
    ),
    "a column is squeezed": ("accuracy", {"y_true": TRUE, "y_pred": PRED[:, None]}, P, ""),
    "a row is not": ("accuracy", {"y_true": TRUE, "y_pred": PRED[None, :]}, E, ""),
    "a number": ("accuracy", {"y_true": TRUE, "y_pred": 1}, E, ""),
    "two columns of scores": (
        "roc_auc",
        {"y_true": TRUE, "y_score": np.column_stack([1 - SCORE, SCORE])},
        E,
        "[:, 1]",
    ),
    "texts without a positive label": (
        "f1",
        {"y_true": np.where(TRUE, "yes", "no"), "y_pred": np.where(PRED, "yes", "no")},
        E,
        "pos_label",
    ),
    "three classes for two": (
        "f1",
        {"y_true": np.arange(N) % 3, "y_pred": np.arange(N) % 3},
        E,
        "f1_macro",
    ),
    # better than possible
    "too large to be added": (
        "root_mean_squared_error",
        {"y_true": VALUES, "y_pred": np.full(N, 1e200)},
        E,
        "must be finite, got inf",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_performance_has_the_right_verdict(case):
    metric, given, verdict, part = case
    result = judged(metric, **given)
    assert result.verdict is verdict, result.reason
    assert part in result.reason
    if verdict is not P:
        assert not result.passed


@pytest.mark.parametrize("name", ["AUC", "accuracy_score", "rocauc", "mean absolute error", ""])
def test_misspelt_metrics_raise(name):
    with pytest.raises(mg.OptionError, match="`metric` must be"):
        mg.Performance(name, at_least=0.5)


@pytest.mark.parametrize("decide_by", ["estimate", "interval", "significance"])
def test_declared_slices_without_rows_do_not_vanish(decide_by):
    by = {"there": lambda table: table["x"] >= 0, "gone": lambda table: table["x"] < 0}
    gate = mg.Performance("accuracy", at_least=0, by=by, decide_by=decide_by)
    result = gate.run(y_true=TRUE, y_pred=PRED, data=pd.DataFrame({"x": np.arange(N)}))
    assert [check.group for check in result.checks] == ["there", "gone"]
    assert result.checks[1].verdict is U
    assert result.verdict is U


class Liar:
    """A model that returns given answers, whatever the rows are."""

    def __init__(self, answer):
        self.answer = answer

    def predict(self, X):
        return self.answer(len(X))


MODELS = {
    "raises": (lambda n: 1 / 0, E),
    "too few answers": (lambda n: np.ones(n - 1), E),
    "nothing": (lambda n: None, E),
    "NaN": (lambda n: np.full(n, NAN), E),
    "right": (lambda n: TRUE[:n], P),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_models(model):
    answer, verdict = model
    X = pd.DataFrame({"x": np.arange(N)})
    result = mg.Performance("accuracy", at_least=0).run(y_true=TRUE, X=X, model=Liar(answer))
    assert result.verdict is verdict, result.reason
