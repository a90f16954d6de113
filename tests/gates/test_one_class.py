"""The option `label`: a metric of one class of several."""

import functools

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from sklearn.linear_model import LogisticRegression

import mlgates as mg
from mlgates.metrics import METRICS
from mlgates.stats.proportions import wilson_interval

LABELS = ["a", "b", "c"]
rng = np.random.default_rng(1)
TRUE = rng.choice(LABELS, 600)
PRED = np.where(rng.random(600) < 0.7, TRUE, rng.choice(LABELS, 600))
WORSE = np.where(rng.random(600) < 0.5, TRUE, rng.choice(LABELS, 600))
WEIGHT = rng.uniform(0.5, 2, 600)
SCORE = rng.dirichlet([1, 1, 1], 600)
SCORE[np.arange(600), np.searchsorted(LABELS, TRUE)] += 0.4
SCORE /= SCORE.sum(1, keepdims=True)
SEX = rng.choice(["f", "m"], 600)

OF_LABELS = {
    "recall": sk.recall_score,
    "true_positive_rate": sk.recall_score,
    "precision": sk.precision_score,
    "f1": sk.f1_score,
    "false_negative_rate": lambda t, p, **w: 1 - sk.recall_score(t, p, **w),
    "specificity": lambda t, p, **w: sk.recall_score(~t, ~p, **w),
    "true_negative_rate": lambda t, p, **w: sk.recall_score(~t, ~p, **w),
    "false_positive_rate": lambda t, p, **w: 1 - sk.recall_score(~t, ~p, **w),
    "selection_rate": lambda t, p, sample_weight=None: np.average(p, weights=sample_weight),
}
OF_SCORES = {
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "log_loss": sk.log_loss,
    "brier_score": sk.brier_score_loss,
}


def performance(metric, label, **options):
    side = "at_most" if METRICS[metric].greater_is_better is False else "at_least"
    return mg.Performance(metric, label=label, **{side: 0.5}, **options)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["rows", "weights"])
@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("metric", [*OF_LABELS, *OF_SCORES])
def test_a_metric_of_one_class_is_that_of_the_class_against_the_rest(metric, label, weight):
    expected = {**OF_LABELS, **OF_SCORES}[metric]
    answers = label == PRED if metric in OF_LABELS else SCORE[:, LABELS.index(label)]
    value = expected(label == TRUE, answers, sample_weight=weight)
    given = {"y_pred": PRED} if metric in OF_LABELS else {"y_score": SCORE}
    result = performance(metric, label).run(y_true=TRUE, sample_weight=weight, **given)
    assert result.checks[0].value == pytest.approx(value, abs=1e-12)
    assert result.checks[0].interval is not None
    assert result.name == f"performance:{metric}:{label}"


def test_every_metric_of_one_class_is_tested():
    of_one = {name for name, metric in METRICS.items() if metric.binary}
    assert of_one == {*OF_LABELS, *OF_SCORES, "expected_calibration_error"}


def test_interval_and_reason_of_one_class():
    result = mg.Performance("recall", label="b", at_least=0.5).run(y_true=TRUE, y_pred=PRED)
    alone = mg.Performance("recall", at_least=0.5).run(y_true=TRUE == "b", y_pred=PRED == "b")
    assert result.checks[0].interval == alone.checks[0].interval
    assert result.reason == alone.reason.replace("`recall` is", "`recall` of 'b' is")


def test_calibration_of_one_class():
    gate = mg.Performance("expected_calibration_error", label="b", at_most=1)
    alone = mg.Performance("expected_calibration_error", at_most=1)
    value = gate.run(y_true=TRUE, y_score=SCORE).checks[0].value
    assert value == alone.run(y_true=TRUE == "b", y_score=SCORE[:, 1]).checks[0].value


def test_calibration_by_slice_has_the_points_of_a_reliability_curve():
    probability = np.tile([0.15, 0.25, 0.95], 200)
    true = np.tile([0, 0, 1, 1, 0, 1], 100)
    weight = np.where(np.arange(600) < 300, 1.0, 2.0)
    gate = mg.Performance("expected_calibration_error", at_most=1, by="part")
    data = {"part": np.where(np.arange(600) < 300, "first", "second")}
    result = gate.run(y_true=true, y_score=probability, data=data, sample_weight=weight)
    first, second = (check.details["reliability"] for check in result.checks)
    assert [(p["bin"], p["probability"], p["share"], p["n"]) for p in first] == [
        ("0.1 to 0.2", pytest.approx(0.15), pytest.approx(0.5), 100),
        ("0.2 to 0.3", pytest.approx(0.25), pytest.approx(0.0, abs=1e-12), 100),
        ("0.9 to 1", pytest.approx(0.95), pytest.approx(1.0), 100),
    ]
    low, high = wilson_interval(50, 100)
    assert (first[0]["low"], first[0]["high"]) == pytest.approx((low, high))
    assert [p["share"] for p in second] == pytest.approx([p["share"] for p in first], abs=1e-12)


def test_the_scores_of_a_class_come_from_a_column_with_its_name_or_from_a_model():
    table = pd.DataFrame(SCORE[:, [2, 0, 1]], columns=["c", "a", "b"])
    area = sk.roc_auc_score(TRUE == "b", SCORE[:, 1])
    gate = mg.Performance("roc_auc", label="b", at_least=0.5)
    assert gate.run(y_true=TRUE, y_score=table).checks[0].value == pytest.approx(area)
    model = LogisticRegression().fit(SCORE, TRUE)
    area = sk.roc_auc_score(TRUE == "b", model.predict_proba(SCORE)[:, 1])
    result = gate.run(y_true=TRUE, X=SCORE, model=model)
    assert result.checks[0].value == pytest.approx(area)


def test_of_two_classes_a_model_gives_the_scores_of_each_and_y_score_those_of_the_positive():
    true, x = np.where(TRUE == "a", "no", "yes"), SCORE[:, :2]
    model = LogisticRegression().fit(x, true)
    probability = model.predict_proba(x)
    for place, label in enumerate(["no", "yes"]):
        loss = sk.log_loss(true == label, probability[:, place])
        gate = mg.Performance("log_loss", label=label, at_most=1)
        assert gate.run(y_true=true, X=x, model=model).checks[0].value == pytest.approx(loss)
        given = gate.run(y_true=true, y_score=probability[:, 1], pos_label="yes")
        assert given.checks[0].value == pytest.approx(loss)
        area = mg.Performance("roc_auc", label=label, at_least=0)
        scores = {"y_score": 5 * probability[:, 1] - 9, "pos_label": "yes"}
        expected = sk.roc_auc_score(true == label, probability[:, place])
        assert area.run(y_true=true, **scores).checks[0].value == pytest.approx(expected)
    result = gate.run(y_true=true, y_score=probability[:, 1])
    assert result.verdict == mg.Verdict.ERROR
    assert result.reason == (
        "`label` needs `pos_label`, for example pos_label='yes'; the labels are 'no', 'yes'"
    )


def test_a_function_gets_0_and_1():
    f2 = functools.partial(sk.fbeta_score, beta=2)
    result = mg.Performance(f2, label="b", at_least=0.5).run(y_true=TRUE, y_pred=PRED)
    assert result.name == "performance:fbeta_score:b"
    assert result.checks[0].value == sk.fbeta_score(TRUE == "b", PRED == "b", beta=2)

    def positives(y_true, y_score):
        assert y_score.ndim == 1
        return float(y_true.mean())

    result = mg.Performance(positives, label="c", at_least=0).run(y_true=TRUE, y_score=SCORE)
    assert result.checks[0].value == (TRUE == "c").mean()


@pytest.mark.parametrize("label", LABELS)
def test_the_difference_of_one_class_is_that_of_the_class_against_the_rest(label):
    gate = mg.Regression("recall", label=label, tolerance=0.1)
    result = gate.run(y_true=TRUE, y_pred=PRED, production_pred=WORSE)
    alone = mg.Regression("recall", tolerance=0.1).run(
        y_true=label == TRUE, y_pred=label == PRED, production_pred=label == WORSE
    )
    assert result.name == f"regression:recall:{label}"
    assert result.checks[0].interval == alone.checks[0].interval
    assert result.checks[0].p_value == alone.checks[0].p_value


def test_models_that_agree_on_one_class_did_not_change():
    other = np.where(PRED == "c", "a", PRED)
    gate = mg.Regression("recall", label="b", tolerance=0)
    result = gate.run(y_true=TRUE, y_pred=PRED, production_pred=other)
    value = sk.recall_score(TRUE == "b", PRED == "b")
    assert result.reason == (
        "`recall` of 'b' did not change: candidate and production agree on this label in all rows "
        f"({value:.4} for both, n = 600); the limit is at least 0"
    )


def test_groups_are_compared_by_one_class():
    gate = mg.Fairness("recall_difference", label="b", at_most=0.5)
    given = {"sensitive_features": {"sex": SEX}}
    result = gate.run(y_true=TRUE, y_pred=PRED, **given)
    alone = mg.Fairness("recall_difference", at_most=0.5).run(
        y_true=TRUE == "b", y_pred=PRED == "b", **given
    )
    assert result.name == "fairness:recall_difference:b"
    assert result.reason == alone.reason.replace("` is", "` of 'b' is")
    assert result.checks[0].interval == alone.checks[0].interval


def test_slices_without_the_class_are_inconclusive_and_the_others_are_judged():
    gate = mg.Performance("recall", label="b", at_least=0.1, by="half", min_samples=10)
    half = np.where(TRUE == "b", "with", "without")
    result = gate.run(y_true=TRUE, y_pred=PRED, data={"half": half})
    verdicts = {check.group: check.verdict for check in result.checks}
    assert verdicts == {
        "half=with": mg.Verdict.PASS,
        "half=without": mg.Verdict.INCONCLUSIVE,
    }


@pytest.mark.parametrize(
    ("label", "true", "message"),
    [
        ("B", TRUE, "`label` must be one of the labels 'a', 'b', 'c', got 'B'; did you mean 'b'?"),
        (1, TRUE, ("`label` must be one of the labels 'a', 'b', 'c', got 1; if no row has it, give "
         "all labels as `classes`")),
        ("1", [0, 1, 2] * 200, ("`label` must be one of the labels 0, 1, 2, got '1'; did you mean "
         "the number 1?")),
        (1, ["0", "1", "2"] * 200, ("`label` must be one of the labels '0', '1', '2', got 1; did "
         "you mean the string '1'?")),
        (3, [0, 1, 2] * 200, ("`label` must be one of the labels 0, 1, 2, got 3; if no row has it, "
         "give all labels as `classes`")),
    ],
)  # fmt: skip
def test_a_label_that_is_not_in_the_data_is_an_error(label, true, message):
    gate = mg.Performance("recall", label=label, at_least=0.1)
    result = gate.run(y_true=true, y_pred=true)
    assert (result.verdict, result.reason) == (mg.Verdict.ERROR, message)


@pytest.mark.parametrize("label", [1, True, 1.0, np.int64(1), np.float32(1), np.True_])
@pytest.mark.parametrize("true", [[0, 1] * 50, [False, True] * 50, [0.0, 1.0] * 50])
def test_numbers_and_booleans_are_the_same_labels(label, true):
    gate = mg.Performance("recall", label=label, at_least=0.1)
    assert gate.run(y_true=true, y_pred=true).verdict == mg.Verdict.PASS


def test_the_other_of_the_labels_0_and_1_can_be_measured():
    gate = mg.Performance("recall", label=0, at_least=0.1)
    result = gate.run(y_true=[0, 0, 1, 1] * 25, y_pred=[0, 1, 1, 1] * 25)
    assert result.checks[0].value == 0.5


def test_a_label_without_rows_is_inconclusive():
    gate = mg.Performance("recall", label="c", at_least=0.1)
    result = gate.run(y_true=["a", "b"] * 50, y_pred=["a", "c"] * 50)
    assert result.verdict == mg.Verdict.INCONCLUSIVE
    assert result.reason == (
        "`recall` of 'c' is undefined (n = 100); no positives in `y_true` (limit: at least 0.1); "
        "labels predicted, but not in `y_true`: 'c'"
    )
    none = gate.run(y_true=[], y_pred=[])
    assert none.reason == (
        "`recall` of 'c' is undefined (n = 0); no rows to measure (limit: at least 0.1)"
    )
    missing = gate.run(y_true=[None] * 50, y_pred=["c"] * 50)
    assert missing.verdict == mg.Verdict.INCONCLUSIVE


def test_predicted_labels_that_may_be_a_misspelt_label_are_refused():
    gate = mg.Performance("false_positive_rate", label="b", at_most=0.1)
    result = gate.run(y_true=["a", "b", "c"] * 50, y_pred=["a", "b", "B"] * 50)
    assert result.verdict == mg.Verdict.ERROR
    assert result.reason == (
        "`false_positive_rate` needs predicted labels that are in `y_true`, got 'B', which may be "
        "a misspelt positive label"
    )


@pytest.mark.parametrize("label", [1.5, np.nan, np.inf, [1], ("a",), b"a", 10**101])
def test_labels_of_other_types_are_refused(label):
    with pytest.raises(mg.OptionError) as caught:
        mg.Performance("recall", label=label, at_least=0.1)
    assert str(caught.value).startswith(
        "Performance: `label` must be an integer, a boolean or a string, got "
    )


@pytest.mark.parametrize("metric", ["accuracy", "f1_macro", "roc_auc_ovr", "r2"])
def test_a_label_is_refused_for_metrics_that_are_not_of_one_class(metric):
    with pytest.raises(mg.OptionError) as caught:
        mg.Regression(metric, label="b", tolerance=0.1)
    assert str(caught.value) == (
        f"Regression: `label` must be left out for `{metric}`, got 'b'; metrics of one class are, "
        "for example, recall, precision, f1 and roc_auc"
    )
    with pytest.raises(mg.OptionError, match=f"Fairness: `label` must be left out for `{metric}`"):
        mg.Fairness(f"{metric}_difference", label="b", at_most=0.1)


def test_gates_of_several_labels_in_one_suite():
    gates = [mg.Performance("recall", label=label, at_least=0.5) for label in LABELS]
    suite = mg.GateSuite(gates)
    assert suite.names == tuple(f"performance:recall:{label}" for label in LABELS)
    assert suite.run(y_true=TRUE, y_pred=PRED).verdict == mg.Verdict.PASS
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite
    odd = mg.Performance("recall", label="a/b *", at_least=0.5)
    assert odd.name == "performance:recall:a_b _"


@pytest.mark.parametrize("weight", [1e-300, 1e300])
def test_points_of_a_reliability_curve_do_not_depend_on_the_unit_of_the_weights(weight):
    rng = np.random.default_rng(0)
    score = rng.random(400)
    given = {"y_true": (rng.random(400) < score).astype(int), "y_score": score}
    gate = mg.Performance("expected_calibration_error", at_most=0.5)
    points = [
        gate.run(**given, sample_weight=np.full(400, each)).checks[0].details["reliability"]
        for each in (1.0, weight)
    ]
    for one, other in zip(*points, strict=True):
        assert one["bin"] == other["bin"]
        for key in set(one) - {"bin"}:
            assert one[key] == pytest.approx(other[key], rel=1e-9)


def test_one_huge_weight_leaves_the_other_bins_their_points():
    rng = np.random.default_rng(0)
    score = rng.random(400)
    given = {"y_true": (rng.random(400) < score).astype(int), "y_score": score}
    weight = np.r_[1e300, np.ones(399)]
    gate = mg.Performance("expected_calibration_error", at_most=0.5)
    points = gate.run(**given, sample_weight=weight).checks[0].details["reliability"]
    assert len(points) == 10
    assert all(np.isfinite([point[k] for k in set(point) - {"bin"}]).all() for point in points)
