"""Counted rows (`row_counts`) give the results of the repeated rows."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from sampling import in_turn

import mlgates as mg
from mlgates.metrics import METRICS

BINARY = ["no", "yes"]
SEVERAL = ["a", "b", "c"]


def combinations(labels, *, seed=0, missing=True):
    """Return a table with each combination of values once, in `n` how often it occurs."""
    rng = np.random.default_rng(seed)
    true = [*labels, None] if missing else labels
    rows = pd.DataFrame(
        list(product(true, labels, labels, ["f", "m"], ["DE", "FR"])),
        columns=["true", "new", "old", "sex", "country"],
    )
    right = (rows["true"] == rows["new"]).to_numpy()
    rows["n"] = rng.integers(1, np.where(right, 60, 25))
    return rows


def evidence(rows):
    return {
        "y_true": rows["true"],
        "y_pred": rows["new"],
        "production_pred": rows["old"],
        "sensitive_features": rows[["sex"]],
        "X": rows[["country", "sex"]],
    }


def both(gate, rows, **more):
    """Return the results of a gate from counted rows and from repeated ones."""
    repeated = rows.loc[rows.index.repeat(rows["n"])].reset_index(drop=True)
    counted = gate.run(**evidence(rows), row_counts=rows["n"], **more)
    return counted, gate.run(**evidence(repeated), **more)


def counted_metrics():
    return [name for name, metric in METRICS.items() if metric.need == "labels"]


@pytest.mark.parametrize(
    ("metric", "by"),
    in_turn({name: name for name in counted_metrics()}, {"all rows": None, "slices": "country"}),
)
def test_performance_and_regression_of_counted_rows(metric, by):
    labels, more = (BINARY, {"pos_label": "yes"}) if METRICS[metric].binary else (SEVERAL, {})
    rows, worse = combinations(labels), {}
    if METRICS[metric].greater_is_better is None:
        worse = {"greater_is_better": True}
    limit = {"at_most": 0.3} if METRICS[metric].greater_is_better is False else {"at_least": 0.3}
    for gate in (
        mg.Performance(metric, **limit, by=by, decide_by="interval", resamples=200),
        mg.Regression(metric, tolerance=0.05, by=by, resamples=200, **worse),
    ):
        counted, repeated = both(gate, rows, **more)
        assert counted.verdict is not mg.Verdict.ERROR, counted.reason
        assert counted.checks == repeated.checks
        assert counted.reason == repeated.reason


@pytest.mark.parametrize(
    "gate",
    [
        mg.Fairness("demographic_parity_difference", at_most=0.1),
        mg.Fairness("demographic_parity_ratio", at_least=0.8, by="country"),
        mg.Fairness("equal_opportunity_difference", at_most=0.1, decide_by="interval"),
        mg.Fairness("equalized_odds_difference", at_most=0.05, min_group_size=900),
        mg.Fairness("f1_difference", at_most=0.02),
        mg.Performance("accuracy", at_least=0.6, min_samples=2_000),
        mg.Performance("precision", at_least=0.6, label="no"),
        mg.Performance("recall", at_least=0.6, by={"women": "sex == 'f'"}, decide_by="interval"),
        mg.Regression("recall", tolerance=0.01, by="sex", decide_by="significance"),
    ],
    ids=str,
)
@pytest.mark.parametrize("missing", [True, False])
def test_gates_of_counted_rows(gate, missing):
    more = {} if getattr(gate, "label", None) else {"pos_label": "yes"}
    counted, repeated = both(gate, combinations(BINARY, missing=missing), **more)
    assert counted.checks == repeated.checks
    assert counted.reason == repeated.reason
    assert counted.note == repeated.note
    assert any(check.n for check in counted.checks)


def test_counted_rows_need_little_memory():
    """A billion predictions are judged from four rows."""
    rows = {"y_true": [0, 0, 1, 1], "y_pred": [0, 1, 0, 1]}
    n = [450_000_000, 50_000_000, 50_000_000, 450_000_000]
    result = mg.Performance("accuracy", at_least=0.89, decide_by="interval").run(
        **rows, row_counts=n
    )
    assert result.passed
    assert result.reason == (
        "`accuracy` is 0.9 (95 % interval 0.9 to 0.9, n = 1,000,000,000); the limit is at least "
        "0.89"
    )


def test_metric_frame_of_counted_rows():
    rows = combinations(BINARY, missing=False)
    gate = mg.Fairness("equal_opportunity_difference", at_most=0.1)
    repeated = rows.loc[rows.index.repeat(rows["n"])]
    frames = [
        gate.metric_frame(
            y_true=table["true"],
            y_pred=table["new"],
            sensitive_features=table[["sex"]],
            pos_label="yes",
            **more,
        )
        for table, more in ((rows, {"row_counts": rows["n"]}), (repeated, {}))
    ]
    pd.testing.assert_frame_equal(frames[0].by_group, frames[1].by_group, check_dtype=False)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([3, 0, 2], "1 of 3 values of `row_counts` is not a whole number of at least 1"),
        ([3, -1, 1.5], "2 of 3 values of `row_counts` are not whole numbers of at least 1"),
        ([3, None, 1], "1 of 3 values of `row_counts` is missing"),
        ([3, np.inf, 1], "1 of 3 values of `row_counts` is infinite"),
        (["3", "1", "1"], "`row_counts` has type string, but numbers are required"),
        ([2**52, 2**52, 1], "the sum of `row_counts` must be below 2**53"),
        ([3, 1], "`y_true` has 3 rows and `row_counts` has 2"),
    ],
)
def test_wrong_counts(counts, reason):
    result = mg.Performance("accuracy", at_least=0.5).run(
        y_true=[0, 1, 1], y_pred=[0, 1, 1], row_counts=counts
    )
    assert result.verdict is mg.Verdict.ERROR
    assert result.reason.startswith(reason)


def test_metrics_and_arguments_that_need_single_rows():
    rows = {"y_true": [0, 1] * 50, "row_counts": [2] * 100}
    needs_counts = (
        "`row_counts` needs a metric of labels that counts rows, such as accuracy or recall; for "
        "other metrics, repeat the rows, for example with `numpy.repeat`"
    )
    scores = mg.Performance("roc_auc", at_least=0.5).run(**rows, y_score=[0.1, 0.9] * 50)
    values = mg.Performance("mean_absolute_error", at_most=0.5).run(**rows, y_pred=[0, 1] * 50)

    def agreement(y_true, y_pred):
        return float(np.mean(np.asarray(y_true) == np.asarray(y_pred)))

    own = mg.Performance(agreement, at_least=0.5, greater_is_better=True)
    for result in (scores, values, own.run(**rows, y_pred=[0, 1] * 50)):
        assert result.verdict is mg.Verdict.ERROR
        assert result.reason == needs_counts
    for name, values in (("sample_weight", [1.0] * 100), ("clusters", list(range(100)))):
        result = mg.Performance("accuracy", at_least=0.5).run(
            **rows, y_pred=[0, 1] * 50, **{name: values}
        )
        assert result.verdict is mg.Verdict.ERROR
        assert (
            result.reason == f"`{name}` can't be given with `row_counts`; repeat the rows instead"
        )
    gap = mg.Generalization("accuracy", max_gap=0.1).run(
        **rows, y_pred=[0, 1] * 50, y_train=[0, 1] * 50, train_pred=[0, 1] * 50
    )
    assert gap.verdict is mg.Verdict.ERROR
    assert (
        gap.reason
        == "`row_counts` can't be used, because there are none for the training rows; repeat the "
        "rows instead, for example with `numpy.repeat`"
    )
