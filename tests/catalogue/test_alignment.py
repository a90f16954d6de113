"""Bad evidence about models, and the right answer: an error, a count or a wrong prediction.

Each row is evidence for which scikit-learn, fairlearn or a validation library returns a number;
here it must be refused before a metric is computed.
"""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence

Y = [0, 1, 1, 0]
X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]})
INF, NAN = np.inf, np.nan


def frame(**given):
    return {"y_true": Y, **given}


# name, kind of outcome, evidence, and words of the error message
REFUSED = [
    ("infinite predictions", "values", frame(y_pred=[1, INF, INF, INF]), "infinite"),
    ("missing predictions", "values", frame(y_pred=[1, NAN, 0, 1]), "missing"),
    ("infinite labels predicted", "labels", frame(y_pred=[1, INF, 0, 1]), "infinite"),
    ("missing labels predicted", "labels", frame(y_pred=[1, None, 0, 1]), "missing"),
    ("missing scores", "scores", frame(y_score=[0.1, NAN, 0.2, 0.3]), "missing"),
    ("infinite scores", "scores", frame(y_score=[0.1, INF, 0.2, 0.3]), "infinite"),
    ("margins for probabilities", "probabilities", frame(y_score=[-2, 1, 3, 0]), "outside [0, 1]"),
    ("rows that do not add up", "probabilities",
     {"y_true": [0, 1, 2], "y_score": [[0.5, 0.5, 0.5]] * 3}, "must add up to 1"),
    ("scores for labels", "labels", frame(y_pred=[0.2, 0.8, 0.7, 0.1]), "are scores"),
    ("texts for labels 0 and 1", "labels", frame(y_pred=["no", "yes", "yes", "no"]), "convert one"),
    ("labels of another type", "labels", frame(y_pred=["0", "1", "1", "0"]), "convert one"),
    ("labels of another world", "labels", frame(y_pred=[2, 3, 2, 3]), "no label in common"),
    ("negative weights", "labels", frame(y_pred=Y, sample_weight=[1, -1, 1, 1]), "negative"),
    ("missing weights", "labels", frame(y_pred=Y, sample_weight=[1, NAN, 1, 1]), "missing"),
    ("zero weights", "labels", frame(y_pred=Y, sample_weight=[0] * 4), "are 0; at least one"),
    ("too few weights", "labels", frame(y_pred=Y, sample_weight=[1]), "has 4 rows and"),
    ("nested labels", "labels", frame(y_pred=[[1, 2]] * 4), "`y_pred` has 2 columns"),
    ("mixed labels", "labels", frame(y_pred=[0, "1", 1, 0]), "mixes values"),
    ("lengths", "labels", frame(y_pred=[0, 1]), "has 4 rows and `y_pred` has 2"),
    ("one prediction", "labels", frame(y_pred=[0]), "has 4 rows and `y_pred` has 1"),
    ("a row for a column", "labels", frame(y_pred=[[0, 1, 1, 0]]), "lists or dicts"),
    ("a row of an array", "labels", frame(y_pred=np.array([Y])), "shape (1, 4)"),
    ("a single value", "labels", frame(y_pred=np.array(1)), "single value"),
    ("two columns", "labels", frame(y_pred=np.zeros((4, 2))), "`y_pred` has 2 columns"),
    ("two columns of scores", "scores", frame(y_score=np.full((4, 2), 0.5)), "y_score[:, 1]"),
    ("a permuted index", "labels",
     {"y_true": pd.Series(Y), "y_pred": pd.Series(Y, [3, 2, 1, 0])}, ".loc[y_true.index]"),
    ("another index", "labels",
     {"y_true": pd.Series(Y), "y_pred": pd.Series(Y, range(7, 11))}, ".reset_index(drop=True)"),
    ("a repeated index", "labels",
     {"y_true": pd.Series(Y, [0, 0, 1, 1]), "y_pred": pd.Series(Y, [0, 1, 0, 1])},
     ".reset_index(drop=True)"),
    ("an index of weights", "labels",
     {"y_true": pd.Series(Y), "y_pred": Y, "sample_weight": pd.Series(Y, [3, 2, 1, 0])}, "indexes"),
    ("an index of features", "labels",
     {"y_true": pd.Series(Y, [3, 2, 1, 0]), "X": X, "model": lambda _: Y}, "`y_true` and `X`"),
    ("a generator", "labels", frame(y_pred=iter(Y)), "read only once"),
    ("a set", "labels", frame(y_pred={0, 1}), "no order"),
    ("a model that raises", "labels", frame(X=X, model=lambda _: 1 / 0), "ZeroDivisionError"),
    ("a model that answers nothing", "labels", frame(X=X, model=lambda _: None), "returned None"),
    ("a model that answers too little", "labels", frame(X=X, model=lambda _: Y[:3]), "`X` has 4"),
    ("a model that answers a generator", "labels", frame(X=X, model=iter), "read only once"),
    ("a model that answers a table", "labels",
     frame(X=X, model=lambda _: pd.DataFrame({"a": Y, "b": Y})), "the output of `model` has 2"),
    ("a model that is a class", "labels", frame(X=X, model=dict), "must be a fitted instance"),
    ("two columns of a name", "labels",
     frame(y_pred="a", X=pd.DataFrame(np.zeros((4, 2)), columns=["a", "a"])),
     "more than one column 'a'"),
    ("a column of another table", "labels",
     {"y_true": "y", "y_pred": "a", "X": X, "data": {"y": [0, 1]}},
     "`y_true`, column 'y' of `data`, has 2 rows and `y_pred`, column 'a' of `X`, has 4"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("need", "given", "words"), [pytest.param(*row, id=name) for name, *row in REFUSED]
)
def test_refused(need, given, words):
    with pytest.raises(EvidenceError) as caught:
        Evidence(given).outcomes(need)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("production", "named"),
    [(pd.Series(Y, [3, 2, 1, 0]), "`y_pred` and `production_pred`"), ([0], "`production_pred`")],
    ids=["index", "length"],
)
def test_candidate_and_production_must_have_the_same_rows(production, named):
    given = {"y_true": Y, "y_pred": pd.Series(Y), "production_pred": production}
    assert Evidence(given).outcomes("labels").n == 4
    with pytest.raises(EvidenceError) as caught:
        Evidence(given).outcomes("labels", production=True)
    words = str(caught.value)
    assert all(name in words for name in named.split(" and "))


def test_unusual_but_valid_evidence():
    wrong = Evidence(frame(y_pred=[0, 2, 1, 0])).outcomes("labels")
    assert (wrong.unseen, wrong.cells.diagonal().sum()) == ((2,), 3)
    labels = Evidence({"y_true": [0, None, 1, NAN], "y_pred": Y}).outcomes("labels")
    assert (labels.n, labels.dropped) == (2, 2)
    big = Evidence({"y_true": np.full(4, 70_000, np.float32), "y_pred": np.zeros(4, np.float16)})
    assert big.outcomes("values").true.mean() == 70_000
    exact = Evidence({"y_true": [Decimal("0.1")], "y_pred": [0.1]}).outcomes("values")
    assert exact.true.tolist() == exact.pred.tolist()
    zero = Evidence({"y_true": [0.0, -0.0, 1.0], "y_pred": [-0.0, 0.0, 1]}).outcomes("labels")
    assert zero.cells.tolist() == [[2, 0], [0, 1]]
    weighed = Evidence(frame(y_pred=Y, sample_weight=[0, 0, 1, 1])).outcomes("labels")
    assert (weighed.n, weighed.effective) == (4, 2)


def test_missing_groups_are_kept():
    features = {"sex": ["f", None, "m", "f"], "race": ["a", "b", NAN, "a"]}
    found = Evidence(frame(sensitive_features=features)).groups()
    assert found.names == ("sex=f, race=a", "sex=m, race=missing", "sex=missing, race=b")
    assert found.missing == (False, True, True)
    found = Evidence(frame(sensitive_features=["A ", "a", "A", "a"])).groups()
    assert found.names == ("group=A", "group='A '", "group=a")
    found = Evidence(frame(sensitive_features=[True, False, True, True])).groups()
    assert found.names == ("group=False", "group=True")
