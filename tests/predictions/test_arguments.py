"""Arguments of function gates: labels, predictions and features."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "sex": [0, 1, 0, 1]})
Y = [0, 0, 1, 1]
PASS, INCONCLUSIVE, FAIL, ERROR, SKIP = mg.Verdict


@mg.gate
def agrees(y_true, y_pred):
    """All predictions are right."""
    return bool((np.asarray(y_true) == np.asarray(y_pred)).all())


@mg.gate(at_least=0)
def mean_score(y_score):
    return float(np.mean(y_score))


def test_predictions_are_computed_with_the_model():
    model = LogisticRegression().fit(X, Y)
    assert agrees.run(X=X, y_true=Y, model=model).verdict is PASS
    wanted = model.predict_proba(X)[:, 1].mean()
    assert mean_score.run(X=X, y_true=Y, model=model).checks[0].value == wanted
    assert mean_score.run(X=X, model=model).checks[0].value == wanted
    # three classes have three columns
    wide = LogisticRegression().fit(X, [0, 1, 2, 0])
    assert Evidence({"X": X, "model": wide}).read_only("y_score").shape == (4, 3)


def test_production_predictions_are_computed_with_the_production_model():
    @mg.gate
    def same(y_pred, production_pred):
        return bool((y_pred == production_pred).all())

    given = {"X": X, "model": lambda _: Y, "production_model": lambda _: [0] * 4}
    assert same.run(**given).verdict is FAIL
    assert same.run(**given | {"production_pred": np.array(Y)}).verdict is PASS
    found = Evidence(given | {"y_true": Y}).read_only("production_score")
    assert found.tolist() == [0.0] * 4


def test_predictions_without_a_usable_model_are_missing():
    said = "the gate needs `y_pred`, which was not given"
    assert agrees.run(y_true=Y).reason == said
    assert agrees.run(y_true=Y, X=X).reason == said
    assert agrees.run(y_true=Y, model=len).reason == said
    assert agrees.run(y_true=Y, X=X, model=3).reason == said

    class OnlyPredicts:
        def predict(self, table):
            return Y

    assert mean_score.run(X=X, model=OnlyPredicts()).reason == (
        "the gate needs `y_score`, which was not given"
    )

    @mg.gate
    def perhaps(y_true, y_score=None):
        return y_score is None

    assert perhaps.run(y_true=Y, X=X, model=OnlyPredicts()).verdict is PASS


def test_invalid_predictions_of_a_model_are_an_error():
    found = agrees.run(X=X, y_true=Y, model=lambda _: [0])
    assert found.verdict is ERROR
    assert found.reason == "`model` returned 1 row, but `X` has 4"
    found = agrees.run(X=X, y_true=Y, model=lambda _: [0, None, 1, 1])
    assert found.reason == "1 of 4 values of the output of `model` is missing"


def test_no_rows_are_inconclusive():
    assert agrees.run(X=X[:0], y_true=[], model=len).verdict is INCONCLUSIVE


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"y_true": Y, "y_pred": [0]}, "`y_true` has 4 rows and `y_pred` has 1"),
        ({"y_true": np.array(Y), "y_pred": np.zeros((1, 4))},
         "`y_true` has 4 rows and `y_pred` has 1"),
        ({"y_true": pd.Series(Y), "y_pred": pd.Series(Y, [3, 2, 1, 0])},
         ("the indexes of `y_true` and `y_pred` differ, so that it is not known which rows belong "
         "together: they hold the same labels in another order; write y_pred.loc[y_true.index]")),
    ],
    ids=["lengths", "a row", "indexes"],
)  # fmt: skip
def test_rows_that_do_not_match(given, reason):
    found = agrees.run(**given)
    assert found.verdict is ERROR
    assert found.reason == reason


def test_tables_and_weights_and_features_must_match_too():
    @mg.gate
    def every(X, y_true, sample_weight=None, sensitive_features=None):
        return True

    assert every.run(X=X, y_true=Y, sample_weight=[1] * 4, sensitive_features="sex")
    found = every.run(X=X, y_true=Y, sample_weight=[1])
    assert found.reason == "`y_true` has 4 rows and `sample_weight` has 1"
    found = every.run(X=X, y_true=Y, sensitive_features={"sex": [1]})
    assert found.reason == "`y_true` has 4 rows and `sensitive_features` has 1"
    assert every.run(X=X[:2], y_true=Y).reason == "`y_true` has 4 rows and `X` has 2"
    shuffled = X.loc[[3, 2, 1, 0]]
    assert every.run(X=shuffled, y_true=pd.Series(Y)).reason.startswith("the indexes of `y_true`")


def test_one_column_is_squeezed():
    given = {"y_true": np.array(Y), "y_pred": np.array(Y).reshape(-1, 1)}
    assert Evidence(given).read_only("y_pred").shape == (4,)
    assert agrees.run(**given).verdict is PASS


def test_names_of_columns_become_columns():
    data = pl.DataFrame({"label": Y, "guess": Y})
    given = Evidence({"X": X, "data": data, "y_true": "label", "sensitive_features": ["sex", "a"]})
    assert isinstance(given.read_only("y_true"), pl.Series)
    features = given.read_only("sensitive_features")
    assert list(features) == ["sex", "a"]
    assert isinstance(features["sex"], pd.Series)
    assert agrees.run(data=data, y_true="label", y_pred="guess").verdict is PASS
    found = agrees.run(data=data, y_true="label", y_pred="gues")
    said = "`y_pred` names column 'gues', which was not found in `data`; did you mean 'guess'?"
    assert (found.verdict, found.reason) == (ERROR, said)


def test_names_of_columns_of_files_and_arrays(tmp_path):
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"label": Y}).to_parquet(path)
    assert Evidence({"data": path, "y_true": "label"}).read_only("y_true").tolist() == Y
    found = Evidence({"X": np.array([[1, 2], [3, 4]]), "y_true": "x1"}).read_only("y_true")
    assert found.tolist() == [2, 4]


def test_arguments_are_read_only():
    given = Evidence({"X": X, "model": lambda _: Y, "y_true": np.array(Y), "data": X})
    for name in ("y_pred", "y_true"):
        with pytest.raises(ValueError, match="read-only"):
            given.read_only(name)[0] = 1
    with pytest.raises(EvidenceError):
        Evidence({"y_true": iter(Y)}).read_only("y_true")
