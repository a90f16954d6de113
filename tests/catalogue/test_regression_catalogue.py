"""Bad inputs of a comparison with production and their right verdicts: never a pass."""

import math

import numpy as np
import pandas as pd
import pytest

import mlgates as mg
from mlgates.verdict import Verdict

P, U, F, E = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
N = 200
RNG = np.random.default_rng(5)
TRUE = np.tile([0, 1, 1, 0], N // 4)
PRED = TRUE.copy()
PRED[:10] = 1 - PRED[:10]
WORSE = TRUE.copy()
WORSE[:60] = 1 - WORSE[:60]
SCORE = np.clip(0.3 + 0.4 * TRUE + RNG.normal(0, 0.1, N), 0, 1)
OTHER = np.clip(SCORE + RNG.normal(0, 0.02, N), 0, 1)
TARGET = RNG.normal(5, 1, N)
LABELS = {"y_true": TRUE, "y_pred": PRED, "production_pred": WORSE}
SCORES = {"y_true": TRUE, "y_score": SCORE, "production_score": OTHER}
VALUES = {"y_true": TARGET, "y_pred": TARGET + 0.1 * SCORE, "production_pred": TARGET + SCORE}
ACCURACY = mg.Regression("accuracy", tolerance=0.1)
AREA = mg.Regression("roc_auc", tolerance=0.1)
LOSS = mg.Regression("log_loss", tolerance=0.5)
ERROR = mg.Regression("mean_absolute_error", tolerance=1)
INF, NAN = math.inf, math.nan


def put(array, value, at=3):
    spoiled = np.array(array, object if isinstance(value, str | None) else float)
    spoiled[at] = value
    return spoiled


def series(array, start=0):
    return pd.Series(array, index=range(start, start + len(array)))


def test_honest_evidence_passes():
    for gate, evidence in ((ACCURACY, LABELS), (AREA, SCORES), (LOSS, SCORES), (ERROR, VALUES)):
        assert gate.run(**evidence).verdict is P


CASES = {
    # what: gate, evidence, changes, verdict, words of the reason
    "no rows": (ACCURACY, LABELS, {key: [] for key in LABELS}, U, "no rows to measure"),
    "one row": (ACCURACY, LABELS, {k: v[:1] for k, v in LABELS.items()}, U, "too few rows: 1"),
    "fewer rows than the least": (
        *(ACCURACY, LABELS, {k: v[:29] for k, v in LABELS.items()}, U),
        "too few rows: 29, at least 30",
    ),
    "fewer positives than the least": (
        *(AREA, SCORES, {"y_true": [1] * 9 + [0] * (N - 9)}, U),
        "9 positives, at least 10 are needed",
    ),
    "identical models": (ACCURACY, LABELS, {"production_pred": PRED}, P, "did not change"),
    "all labels missing": (ACCURACY, LABELS, {"y_true": [None] * N}, U, "every row needs one"),
    "a missing label": (ACCURACY, LABELS, {"y_true": put(TRUE, None)}, U, "1 row has no value"),
    "infinite score": (AREA, SCORES, {"y_score": put(SCORE, INF)}, E, "y_score"),
    "infinite score in production": (
        *(AREA, SCORES, {"production_score": put(OTHER, -INF)}, E),
        "production_score",
    ),
    "NaN prediction": (ERROR, VALUES, {"y_pred": put(TARGET, NAN)}, E, "y_pred"),
    "NaN prediction in production": (
        *(ERROR, VALUES, {"production_pred": put(TARGET, NAN)}, E),
        "production_pred",
    ),
    "missing predicted label": (ACCURACY, LABELS, {"y_pred": put(PRED, None)}, E, "y_pred"),
    "missing predicted label in production": (
        *(ACCURACY, LABELS, {"production_pred": put(PRED, None)}, E),
        "production_pred",
    ),
    "probability above 1": (LOSS, SCORES, {"y_score": put(SCORE, 1.5)}, E, "y_score"),
    "probability below 0 in production": (
        *(LOSS, SCORES, {"production_score": put(OTHER, -0.5)}, E),
        "production_score",
    ),
    "a ranking metric takes any score": (AREA, SCORES, {"y_score": 1e3 * SCORE - 7}, P, "roc_auc"),
    "scores where labels are due": (ACCURACY, LABELS, {"y_pred": SCORE}, E, "scores"),
    "labels of another type": (ACCURACY, LABELS, {"y_pred": PRED.astype(str)}, E, "y_pred"),
    "labels of another type in production": (
        *(ACCURACY, LABELS, {"production_pred": PRED.astype(str)}, E),
        "production_pred",
    ),
    "bools are 0 and 1": (ACCURACY, LABELS, {"y_pred": PRED.astype(bool)}, P, "accuracy"),
    "one class": (AREA, SCORES, {"y_true": np.ones(N, int)}, U, "only one class"),
    "other length": (ACCURACY, LABELS, {"y_pred": PRED[:-1]}, E, "199"),
    "other length in production": (
        *(ACCURACY, LABELS, {"production_pred": WORSE[:-1]}, E),
        "production_pred",
    ),
    "one column": (ACCURACY, LABELS, {"y_pred": PRED[:, None]}, P, "accuracy"),
    "one row of columns": (ACCURACY, LABELS, {"y_pred": PRED[None, :]}, E, "y_pred"),
    "two columns of scores": (
        *(AREA, SCORES, {"production_score": np.column_stack([1 - OTHER, OTHER])}, E),
        "[:, 1]",
    ),
    "other index": (
        *(ACCURACY, LABELS, {"y_true": series(TRUE), "y_pred": series(PRED, 1)}, E),
        "index",
    ),
    "other index in production": (
        *(ACCURACY, LABELS, {"y_true": series(TRUE), "production_pred": series(PRED, 1)}, E),
        "index",
    ),
    "nothing of production": (
        *(ACCURACY, {k: v for k, v in LABELS.items() if k != "production_pred"}, {}, E),
        "production",
    ),
    "nothing of the candidate": (
        *(ACCURACY, {k: v for k, v in LABELS.items() if k != "y_pred"}, {}, E),
        "y_pred",
    ),
    "no labels": (ACCURACY, {"y_pred": PRED, "production_pred": WORSE}, {}, E, "y_true"),
    "negative weight": (ACCURACY, LABELS, {"sample_weight": put(np.ones(N), -1)}, E, "negative"),
    "no weight": (ACCURACY, LABELS, {"sample_weight": np.zeros(N)}, E, "sample_weight"),
    "NaN weight": (ACCURACY, LABELS, {"sample_weight": put(np.ones(N), NAN)}, E, "sample_weight"),
    "one row has all the weight": (
        *(ACCURACY, LABELS, {"sample_weight": put(np.full(N, 1e-9), 1e9)}, U),
        "too few effective rows: 1",
    ),
    "errors too large to add up": (ERROR, VALUES, {"y_pred": np.full(N, 1.7e308)}, E, "overflows"),
    "errors too large to add up in production": (
        *(ERROR, VALUES, {"production_pred": np.full(N, 1.7e308)}, E),
        "for the predictions of production, `mean_absolute_error` must be finite",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_has_its_verdict(case):
    gate, evidence, changes, verdict, words = case
    result = gate.run(**(dict(evidence) | changes))
    assert result.verdict is verdict, result.reason
    assert words in result.reason


METRICS = {
    "no predicted positives": ("precision", LABELS, {"y_pred": np.zeros(N, int)}),
    "no predicted positives in production": (
        *("precision", LABELS),
        {"production_pred": np.zeros(N, int)},
    ),
    "no positives": ("recall", LABELS, {"y_true": np.zeros(N, int)}),
    "a target of 0": ("mean_absolute_percentage_error", VALUES, {"y_true": put(TARGET, 0)}),
    "a constant target": ("r2", VALUES, {"y_true": np.ones(N)}),
}


@pytest.mark.parametrize("case", METRICS.values(), ids=METRICS)
def test_undefined_metric_is_undecided(case):
    metric, evidence, changes = case
    gate = mg.Regression(metric, tolerance=1, inconclusive="allow")
    result = gate.run(**(evidence | changes))
    assert result.verdict is U
    assert "undefined" in result.reason
    assert not result.checks[0].by_chance


@pytest.mark.parametrize("answer", [NAN, INF, -INF, None, "0.9", [0.9]])
def test_function_that_returns_no_number_is_an_error(answer):
    gate = mg.Regression(lambda y_true, y_pred: answer, tolerance=0.1, greater_is_better=True)
    assert gate.run(**LABELS).verdict is E


def test_model_that_raises_is_an_error_of_its_gate_only():
    class Broken:
        def predict(self, X):
            msg = "no such column"
            raise RuntimeError(msg)

    class Works:
        def predict(self, X):
            return PRED

    suite = mg.GateSuite([ACCURACY, mg.Performance("accuracy", at_least=0.5)])
    for models in ((Broken(), Works()), (Works(), Broken())):
        report = suite.run(
            X=np.arange(N)[:, None], y_true=TRUE, model=models[0], production_model=models[1]
        )
        assert report["regression"].verdict is E
        assert "RuntimeError" in report["regression"].reason
    assert report["performance"].verdict is P


def test_more_rows_never_turn_a_worse_candidate_into_a_pass():
    for n in (30, 60, 120, N):
        evidence = {name: array[:n] for name, array in LABELS.items()}
        swapped = evidence | {"y_pred": evidence["production_pred"], "production_pred": PRED[:n]}
        assert ACCURACY.run(**swapped).verdict is F


def test_difference_beyond_the_limit_only_by_rounding_equals_it():
    """0.8 - 0.7 is 0.10000000000000009, and limits are inclusive."""
    true = np.zeros(40)
    evidence = {"y_true": true, "y_pred": true + 0.8, "production_pred": true + 0.7}
    gate = mg.Regression("mean_absolute_error", tolerance=0.1, decide_by="estimate")
    assert gate.run(**evidence).verdict is P
