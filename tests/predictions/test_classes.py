"""The evidence `classes`: the labels in the order of the columns of scores."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from sklearn.linear_model import LogisticRegression

import mlgates as mg

LABELS = ["low", "mid", "top"]
rng = np.random.default_rng(2)
TRUE = rng.choice(LABELS, 300)
SCORE = rng.dirichlet([1, 1, 1], 300)  # in the order of LABELS
SHORT = np.where(TRUE == "top", "mid", TRUE)  # without the class "top"
LOSS = mg.Performance("log_loss", at_most=9)


def value(gate, **evidence):
    result = gate.run(**evidence)
    assert result.verdict == mg.Verdict.PASS, result.reason
    return result.checks[0].value


def refusal(gate=LOSS, **evidence):
    result = gate.run(**evidence)
    assert result.verdict == mg.Verdict.ERROR, result.reason
    return result.reason


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 0, 2]])
@pytest.mark.parametrize("as_", [list, tuple, np.array, pd.Series])
def test_classes_name_the_columns_of_scores(order, as_):
    classes = as_([LABELS[at] for at in order])
    found = value(LOSS, y_true=TRUE, y_score=SCORE[:, order], classes=classes)
    assert found == pytest.approx(sk.log_loss(TRUE, SCORE, labels=LABELS))


def test_names_of_columns_that_are_no_labels_are_ignored_and_others_must_agree():
    odd = pd.DataFrame(SCORE, columns=["x", "y", "z"])
    expected = pytest.approx(sk.log_loss(TRUE, SCORE, labels=LABELS))
    assert value(LOSS, y_true=TRUE, y_score=odd, classes=LABELS) == expected
    named = pd.DataFrame(SCORE, columns=LABELS)
    assert value(LOSS, y_true=TRUE, y_score=named, classes=LABELS) == expected
    assert refusal(y_true=TRUE, y_score=named, classes=LABELS[::-1]) == (
        "the columns of `y_score` are 'low', 'mid', 'top', but `classes` are 'top', 'mid', 'low': "
        "give `classes` the order of the columns"
    )


def test_metrics_that_need_no_row_of_each_class_are_judged():
    evidence = {"y_true": SHORT, "y_score": SCORE, "classes": LABELS}
    assert value(LOSS, **evidence) == pytest.approx(sk.log_loss(SHORT, SCORE, labels=LABELS))
    one_hot = np.array(LABELS) == SHORT[:, None]
    brier = value(mg.Performance("brier_score", at_most=2), **evidence)
    assert brier == pytest.approx(((SCORE - one_hot) ** 2).sum(1).mean())
    assert value(mg.Performance("expected_calibration_error", at_most=1), **evidence) > 0
    area = value(mg.Performance("roc_auc", label="mid", at_least=0), **evidence)
    assert area == pytest.approx(sk.roc_auc_score(SHORT == "mid", SCORE[:, 1]))
    regression = mg.Regression("log_loss", tolerance=0.1)
    assert regression.run(production_score=SCORE, **evidence).verdict == mg.Verdict.PASS


@pytest.mark.parametrize(
    ("gate", "evidence", "reason"),
    [
        (mg.Performance("roc_auc_ovr", at_least=0), {"y_score": SCORE},
         ("`roc_auc_ovr` is undefined (n = 300); the class 'top' has no row in `y_true` "
          "(limit: at least 0)")),
        (mg.Performance("roc_auc", label="top", at_least=0), {"y_score": SCORE},
         ("`roc_auc` of 'top' is undefined (n = 300); only one class in `y_true` "
          "(limit: at least 0)")),
        (mg.Performance("recall", label="top", at_least=0), {"y_pred": SHORT},
         ("`recall` of 'top' is undefined (n = 300); no positives in `y_true` "
          "(limit: at least 0)")),
        (mg.Performance("recall_macro", at_least=0), {"y_pred": TRUE},
         ("`recall_macro` is undefined (n = 300); a predicted class is not in `y_true` "
          "(limit: at least 0)")),
    ],
)  # fmt: skip
def test_metrics_that_need_a_row_of_each_class_are_inconclusive(gate, evidence, reason):
    result = gate.run(y_true=SHORT, classes=LABELS, **evidence)
    assert (result.verdict, result.reason) == (mg.Verdict.INCONCLUSIVE, reason)


def test_of_two_classes_the_column_of_the_positive_label_is_read():
    true, score = np.where(TRUE == "low", "no", "yes"), np.column_stack([SCORE[:, 0]] * 2)
    score[:, 1] = 1 - score[:, 0]
    evidence = {"y_true": true, "y_score": score, "classes": ["no", "yes"]}
    for place, label in enumerate(["no", "yes"]):
        expected = pytest.approx(sk.log_loss(true == label, score[:, place]))
        assert value(LOSS, pos_label=label, **evidence) == expected
        assert value(mg.Performance("log_loss", label=label, at_most=9), **evidence) == expected
    assert refusal(**evidence) == "`pos_label` is required: set it to one of the labels 'no', 'yes'"


def test_a_model_keeps_the_order_of_its_own_classes():
    model = LogisticRegression().fit(SCORE, TRUE)
    expected = pytest.approx(sk.log_loss(TRUE, model.predict_proba(SCORE)))
    evidence = {"y_true": TRUE, "X": SCORE, "model": model}
    assert value(LOSS, classes=LABELS[::-1], **evidence) == expected
    assert value(LOSS, classes=[*LABELS, "new"], **evidence) == expected
    short = {**evidence, "y_true": SHORT, "classes": LABELS[:2]}
    assert refusal(**short) == (
        "`model.classes_` has 'top', which is not in `classes` ('low', 'mid')"
    )


class Scorer:
    """A model without `classes_`."""

    def predict_proba(self, X):
        return X


def test_classes_are_those_of_a_model_without_classes():
    evidence = {"y_true": TRUE, "X": SCORE[:, [1, 2, 0]], "model": Scorer()}
    expected = pytest.approx(sk.log_loss(TRUE, SCORE, labels=LABELS))
    assert value(LOSS, classes=["mid", "top", "low"], **evidence) == expected


def test_predicted_labels_that_are_not_in_classes_count_as_wrong_and_are_reported():
    gate = mg.Performance("accuracy", at_least=0.5)
    predicted = np.where(np.arange(300) < 30, "odd", SHORT)
    result = gate.run(y_true=SHORT, y_pred=predicted, classes=LABELS)
    assert result.checks[0].value == 0.9
    assert result.reason.endswith("; labels predicted, but not in `y_true`: 'odd'")
    known = gate.run(y_true=SHORT, y_pred=TRUE, classes=LABELS)
    assert "not in `y_true`" not in known.reason


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["low", "mid"], "`y_true` has 'top', which is not in `classes` ('low', 'mid')"),
        (["low", "mid", "top", "max"], ("`y_score` must have one column per label "
         "('low', 'mid', 'top', 'max'), got 3 columns for 4 labels")),
        (["low", "mid", "top", "top"],
         ("`classes` must have at least two labels, each of them once and none of them "
         "missing, got 'top' 2 times")),
        (["low", None, "top"],
         ("`classes` must have at least two labels, each of them once and none of them "
         "missing, got a missing value")),
        (["low"], ("`classes` must have at least two labels, each of them once and none of them "
         "missing, got 1 label")),
        ([], ("`classes` must have at least two labels, each of them once and none of them "
         "missing, got 0 labels")),
        ([0, 1, 2], ("`classes` holds numbers but `y_true` holds strings: convert one to the type "
         "of the other")),
        ("abc", ("`classes` must be a list of labels in the order of the columns of scores, got a "
         "value of type str")),
        ({"low", "mid", "top"}, ("`classes` must be a list of labels in the order of the columns "
         "of scores, got a value of type set")),
        ({"low": 0}, ("`classes` must be a list of labels in the order of the columns of scores, "
         "got a value of type dict")),
        ([0.5, 1.5, 2.5], "`classes` holds non-integer numbers, but class labels are required"),
    ],
)  # fmt: skip
def test_invalid_classes_are_refused(classes, message):
    assert refusal(y_true=TRUE, y_score=SCORE, classes=classes) == message


def test_scores_of_a_class_without_rows_are_refused_with_the_way():
    assert refusal(y_true=SHORT, y_score=SCORE) == (
        "`y_score` must have one column per label, in the order of the labels ('low', 'mid'), got "
        "3 columns for 2 labels; if a label has no rows, pass all labels as `classes`"
    )
