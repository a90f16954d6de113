"""Predictions and scores of models: methods called, number of calls, and allowed outputs."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "b": [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]})
Y = [0, 0, 1, 0, 1, 1]


def refusal(need="labels", **given):
    with pytest.raises(EvidenceError) as caught:
        Evidence(given).outcomes(need)
    return str(caught.value)


class Model:
    """A model with given outputs that records the calls of its methods."""

    def __init__(self, predict=None, proba=None, decision=None, classes=None):
        self.called = []
        self._answers = {"predict": predict, "proba": proba, "decision": decision}
        if classes is not None:
            self.classes_ = classes
        for name, method in (("proba", "predict_proba"), ("decision", "decision_function")):
            if self._answers[name] is not None:
                setattr(self, method, lambda X, name=name: self._answer(name, X))

    def predict(self, X):
        return self._answer("predict", X)

    def _answer(self, name, X):
        self.called.append(name)
        answer = self._answers[name]
        if isinstance(answer, BaseException):
            raise answer
        return answer(X) if callable(answer) else answer


# real models


@pytest.mark.parametrize("need", ["labels", "scores", "probabilities", "given"])
def test_a_model_of_scikit_learn(need):
    model = LogisticRegression().fit(X, Y)
    found = Evidence({"X": X, "y_true": Y, "model": model}).outcomes(need)
    assert found.classes == (() if need == "given" else (0, 1))
    answer = found.score if need in ("scores", "probabilities") else found.pred
    wanted = model.predict_proba(X)[:, 1] if found.score is not None else model.predict(X)
    assert answer.tolist() == wanted.tolist()


def test_classes_are_found_by_classes_():
    texts = np.array(["yes", "no"])[Y]  # the first of the sorted is "no"
    model = LogisticRegression().fit(X, texts)
    said = "`pos_label` is required: set it to one of the labels 'no', 'yes'"
    assert refusal("scores", X=X, y_true=texts, model=model) == said
    for positive, column in (("no", 0), ("yes", 1)):
        evidence = Evidence({"X": X, "y_true": texts, "model": model, "pos_label": positive})
        assert evidence.outcomes("scores").score.tolist() == (
            model.predict_proba(X)[:, column].tolist()
        )


def test_decision_function_gives_scores_and_no_probabilities():
    model = RidgeClassifier().fit(X, Y)
    for positive, sign in ((1, 1), (0, -1)):
        evidence = Evidence({"X": X, "y_true": Y, "model": model, "pos_label": positive})
        assert evidence.outcomes("scores").score.tolist() == (
            (sign * model.decision_function(X)).tolist()
        )
    said = "probabilities are required, but `model` has no `predict_proba`: pass `y_score`"
    assert refusal("probabilities", X=X, y_true=Y, model=model) == said
    model = SVC().fit(X, [0, 1, 2, 0, 1, 2])
    found = Evidence({"X": X, "y_true": [0, 1, 2, 0, 1, 2], "model": model}).outcomes("scores")
    assert found.score.tolist() == model.decision_function(X).tolist()


def test_a_model_of_numbers_has_no_scores():
    model = LinearRegression().fit(X, Y)
    evidence = Evidence({"X": X, "y_true": Y, "model": model})
    assert evidence.outcomes("values").pred.tolist() == model.predict(X).tolist()
    said = "scores are required, but `{0}model` has no `predict_proba` or `decision_function`: "
    said += "pass `{1}_score`"
    assert refusal("scores", X=X, y_true=Y, model=model) == said.format("", "y")
    with pytest.raises(EvidenceError) as caught:
        Evidence({"X": X, "y_true": Y, "production_model": model}).outcomes(
            "scores", production=True
        )
    assert str(caught.value) == said.format("production_", "production")


def test_a_pipeline_that_needs_names_of_columns():
    table = X.assign(c=["u", "v", "w"] * 2)
    columns = make_column_transformer((OneHotEncoder(), ["c"]), (StandardScaler(), ["a"]))
    model = make_pipeline(columns, LogisticRegression()).fit(table, Y)
    found = Evidence({"X": table, "y_true": Y, "model": model}).outcomes("scores")
    assert found.score.tolist() == model.predict_proba(table)[:, 1].tolist()
    model = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(X, Y)
    assert Evidence({"X": X, "y_true": Y, "model": model}).outcomes("probabilities").n == 6


@pytest.mark.parametrize("kind", ["numpy", "polars", "arrow", "lists"])
def test_the_model_gets_the_table_as_it_is(kind):
    table = {"numpy": X.to_numpy(), "polars": pl.DataFrame(X.to_dict("list")),
             "arrow": pa.table(X), "lists": X.to_numpy().tolist()}[kind]  # fmt: skip
    seen = []
    model = Model(lambda got: seen.append(got) or Y)
    assert Evidence({"X": table, "y_true": Y, "model": model}).outcomes("labels").n == 6
    assert type(seen[0]) is type(table)


# number of calls


def test_each_method_is_called_once():
    model = Model(Y, proba=np.full((6, 2), 0.5))
    evidence = Evidence({"X": X, "y_true": Y, "model": model, "production_model": model})
    for need in ("labels", "scores", "values", "probabilities", "given"):
        evidence.outcomes(need)
        evidence.outcomes(need, production=True)
    assert sorted(model.called) == ["predict", "proba"]
    assert evidence.outcomes("labels") is evidence.outcomes("labels")


def test_an_exception_is_kept():
    model = Model(ValueError("no luck with 'Ann Lee'"))
    evidence = Evidence({"X": X, "y_true": Y, "model": model})
    for need in ("labels", "values"):
        with pytest.raises(EvidenceError) as caught:
            evidence.outcomes(need)
        said = "`model.predict` raised ValueError: no luck with '<text>'"
        assert str(caught.value) == said
    assert model.called == ["predict"]


@pytest.mark.parametrize("broken", [SystemExit(3), MemoryError(), RecursionError("deep")])
def test_exceptions_of_a_model_are_errors_of_the_gate(broken):
    kind = type(broken).__name__
    said = refusal(X=X, y_true=Y, model=Model(broken))
    assert said.startswith(f"`model.predict` raised {kind}")


def test_names_of_columns_are_shown_and_other_keys_are_not():
    @mg.gate
    def known(y_pred):
        return True

    for key, shown in (("a", "KeyError: 'a'"), ("Ann", "KeyError: '<text>'")):
        found = known.run(X=X, model=Model(KeyError(key)))
        assert found.reason == f"`model.predict` raised {shown}"


def test_given_predictions_are_preferred_to_the_model():
    model = Model(ValueError())
    evidence = Evidence({"X": X, "y_true": Y, "y_pred": Y, "y_score": Y, "model": model})
    assert evidence.outcomes("labels").pred.tolist() == Y
    assert evidence.outcomes("scores").score.tolist() == Y
    assert model.called == []


def test_the_model_cannot_write_to_the_table():
    table = X.copy()

    def spoil(got):
        got["a"] = 0.0
        del got["b"]
        return Y

    assert Evidence({"X": table, "y_true": Y, "model": spoil}).outcomes("labels").n == 6
    assert table.equals(X)

    def write(got):
        got[0, 0] = 9
        return Y

    said = refusal(X=X.to_numpy(), y_true=Y, model=write)
    assert said == (
        "`model` raised ValueError: assignment destination is read-only; "
        "the arguments are read-only: change a copy (`X = X.copy()`)"
    )


def test_a_model_is_not_called_without_rows():
    model = Model(ValueError(), proba=ValueError())
    evidence = Evidence({"X": X[:0], "y_true": [], "model": model})
    assert [evidence.outcomes(need).n for need in ("labels", "scores", "values", "given")] == [
        0
    ] * 4
    assert model.called == []


# allowed outputs


@pytest.mark.parametrize("make", [
    list, tuple, np.array, pd.Series, pl.Series, pa.array, lambda y: np.reshape(y, (-1, 1)),
    lambda y: pd.DataFrame({"p": y}), lambda y: pd.Series(y, index=list("uvwxyz")),
    lambda y: np.array(y, float), lambda y: np.array(y, bool),
], ids=range(11))  # fmt: skip
def test_outputs_in_any_container(make):
    table = X.set_axis(list("uvwxyz"))
    found = Evidence({"X": table, "y_true": pd.Series(Y, table.index), "model": Model(make(Y))})
    assert found.outcomes("labels").pred.tolist() == Y


SEVERAL = (
    "the output of `model.predict` has 2 columns, expected one. For several labels or outputs "
    "per row, make a long table: repeat each row once for each label, write the name of the "
    "label to a column `label` of `data`, and use by='label'. If the columns are scores "
    "of classes, pass them as `y_score`"
)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Y[:5], "`model.predict` returned 5 rows, but `X` has 6"),
        (lambda _: None, "`model.predict` returned None, expected one prediction per row"),
        (lambda _: (y for y in Y), ("the output of `model.predict` is of type generator, which can "
         "be read only once; give a list or an array")),
        (pd.DataFrame({"a": Y, "b": Y}), SEVERAL),
        (np.zeros((6, 2)), SEVERAL),
        (np.zeros((1, 6)), ("the output of `model.predict` has shape (1, 6): give one value per "
         "row, for example with .ravel()")),
        (1, ("the output of `model.predict` is of type int; give one value per row: a 1-D array, a "
         "Series, an Arrow array or a list")),
        (np.float64(1), "the output of `model.predict` is a single value: give one value per row"),
        ([1, None, 0, 0, 1, 1], "1 of 6 values of the output of `model.predict` is missing"),
        ([0.5] * 6, ("the output of `model.predict` holds non-integer numbers, but class labels "
         "are required; if these are scores, pass them as `y_score`, or threshold them, for "
         "example score >= 0.5")),
        (pd.Series(Y, index=[5, 4, 3, 2, 1, 0]), ("the output of `model.predict` has a different "
         "index from `X`: return one row for each row of `X`, in the same order, with the index of "
         "`X` or without an index")),
        (["0"] * 6, ("`y_true` holds numbers but the output of `model.predict` holds strings: "
         "convert one to the type of the other")),
    ],
)  # fmt: skip
def test_invalid_outputs_are_refused(answer, message):
    assert refusal(X=X, y_true=Y, model=Model(answer)) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the gate needs `y_pred`, or `model` and `X`; neither was given"),
        ({"model": len}, "`model` was given without `X`, the table to predict on"),
        ({"X": X, "model": LogisticRegression},
         "`model` must be a fitted instance, got the class LogisticRegression"),
        ({"X": X, "model": 3}, ("`model` must have a `predict` method or be callable, got an "
         "object of type int")),
        ({"X": X[:5], "model": len}, "`y_true` has 6 rows and `X` has 5"),
        ({"y_score": [0.5] * 6}, ("class labels are required, but only `y_score` was given: pass "
         "`y_pred`, for example y_score >= 0.5")),
    ],
)  # fmt: skip
def test_missing_evidence_is_named(given, message):
    assert refusal(y_true=Y, **given) == message


def test_labels_are_always_needed():
    assert refusal(y_pred=Y) == "the gate needs `y_true`, which was not given"


# columns of scores


HALF = np.array([[0.25, 0.75]] * 6)


def test_two_columns_without_classes_():
    found = Evidence({"X": X, "y_true": Y, "model": Model(proba=HALF)}).outcomes("probabilities")
    assert found.score.tolist() == [0.75] * 6
    found = Evidence({"X": X, "y_true": Y, "model": lambda table: HALF}).outcomes("scores")
    assert found.score.tolist() == [0.75] * 6
    evidence = Evidence({"X": X, "y_true": Y, "model": lambda table: HALF, "pos_label": 0})
    assert evidence.outcomes("scores").score.tolist() == [0.25] * 6
    said = "the columns of the output of `model.predict_proba` can't be matched to labels, because "
    said += "the model has no `classes_`: pass a model with `classes_`, or pass `y_score`"
    texts = ["a", "b"] * 3
    assert refusal("scores", X=X, y_true=texts, model=Model(proba=HALF), pos_label="b") == said


def test_a_single_column_is_the_score_of_the_positive_label():
    for answer in ([0.75] * 6, np.full((6, 1), 0.75)):
        found = Evidence({"X": X, "y_true": Y, "model": Model(proba=answer)}).outcomes("scores")
        assert found.score.tolist() == [0.75] * 6
    model = Model(proba=[0.75] * 6, classes=["a", "b"])
    evidence = Evidence({"X": X, "y_true": ["a", "b"] * 3, "model": model, "pos_label": "a"})
    assert evidence.outcomes("probabilities").score.tolist() == [0.25] * 6


def test_columns_follow_the_models_classes():
    wide = np.array([[0.5, 0.25, 0.25]] * 6)
    model = Model(proba=wide, classes=np.array(["c", "a", "b"]))
    found = Evidence({"X": X, "y_true": ["a", "b", "c"] * 2, "model": model}).outcomes("scores")
    assert found.score[0].tolist() == [0.25, 0.25, 0.5]
    found = Evidence({"X": X, "y_true": ["a", "b", "d"] * 2, "model": model}).outcomes(
        "probabilities"
    )
    assert found.classes == ("a", "b", "c", "d")
    assert found.score[0].tolist() == [0.25, 0.25, 0.5, 0.0]


def test_columns_that_do_not_match_the_classes():
    model = Model(proba=HALF, classes=[0, 1, 2])
    said = "the output of `model.predict_proba` must have one column per label (0, 1, 2), got 2 "
    assert refusal("scores", X=X, y_true=Y, model=model) == f"{said}columns for 3 labels"
    model = Model([0] * 6, decision=np.zeros((6, 3)), classes=[0, 1, 2])
    said = "the output of `model.decision_function` has no column for the label 3"
    assert refusal("scores", X=X, y_true=[0, 1, 3] * 2, model=model) == said


def test_probabilities_of_a_model_are_checked():
    said = "6 of 6 values of the output of `model.predict_proba` are outside [0, 1], but "
    said += "probabilities are required"
    model = Model(proba=np.array([[-1.0, 2.0]] * 6))
    assert refusal("probabilities", X=X, y_true=Y, model=model) == said


def test_classes_of_the_model_without_rows_are_classes():
    model = Model([0, 0, 1, 0, 1, 1], classes=np.array([0, 1, 2]))
    found = Evidence({"X": X, "y_true": Y, "model": model}).outcomes("labels")
    assert (found.classes, found.unseen, found.positive) == ((0, 1, 2), (), None)


def test_unreadable_classes_are_ignored():
    class Odd:
        @property
        def classes_(self):
            raise RuntimeError

        def predict(self, table):
            return Y

    assert Evidence({"X": X, "y_true": Y, "model": Odd()}).outcomes("labels").positive == 1
    for odd in ([[0, 1], [0, 1]], [0.5, 1.5], [None], 3):
        found = Evidence({"X": X, "y_true": Y, "model": Model(Y, classes=odd)}).outcomes("labels")
        assert found.positive == 1


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_model_of_several_outputs_is_refused(outputs):
    said = "the output of `model.predict_proba` must have one row per row of the data and one "
    said += (
        f"column per class, got a list of {outputs} array{'s' * (outputs > 1)}. For several "
        "labels or outputs per row, make a long table: repeat each row once for each label, write "
        "the name of the label to a column `label` of `data`, and use by='label'"
    )
    model = Model(proba=[np.full((6, 2), 0.5)] * outputs)
    assert refusal("scores", X=X, y_true=Y, model=model) == said


def test_production_has_its_own_predictions():
    one, other = Model(Y), Model([1] * 6)
    evidence = Evidence({"X": X, "y_true": Y, "model": one, "production_model": other})
    assert evidence.outcomes("labels").pred.tolist() == Y
    assert evidence.outcomes("labels", production=True).pred.tolist() == [1] * 6
    evidence = Evidence({"y_true": Y, "y_pred": Y, "production_pred": [0] * 6})
    assert evidence.outcomes("labels", production=True).pred.tolist() == [0] * 6
    with pytest.raises(EvidenceError) as caught:
        Evidence({"y_true": Y, "y_pred": Y}).outcomes("labels", production=True)
    said = "the gate needs `production_pred`, or `production_model` and `X`; neither was given"
    assert str(caught.value) == said


def test_sys_exit_in_a_model_is_the_error_of_one_gate():
    @mg.gate
    def all_known(y_pred):
        return True

    found = all_known.run(X=X, model=lambda table: sys.exit(3))
    assert found.verdict is mg.Verdict.ERROR
    assert found.reason == "`model` raised SystemExit: 3"
