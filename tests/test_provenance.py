"""The provenance of a run: data, values and models, besides the environment."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

import mlgates as mg
from mlgates import provenance as module
from mlgates.evidence import Evidence
from mlgates.provenance import provenance

MOMENT = datetime(2024, 1, 31, 12, 30, tzinfo=UTC)


def test_provenance_in_full(monkeypatch):
    monkeypatch.setattr(module, "environment", lambda: {"commit": None})
    found = provenance(Evidence({"now": MOMENT}), "GateSuite([])", MOMENT, 0.5)
    assert found == {
        "started": "2024-01-31T12:30:00+00:00",
        "seconds": 0.5,
        "now": "2024-01-31T12:30:00+00:00",
        "commit": None,
        "tables": {},
        "values": {},
        "models": {},
        "seed": None,
        "seeds": {},
        "suite": "GateSuite([])",
    }
    assert provenance(Evidence({"now": 5}), "s", MOMENT, 0.5)["now"] is None


# values

ACCURACY = mg.GateSuite([mg.Performance("accuracy", at_least=0.1)])


def values(**evidence):
    return ACCURACY.run(**evidence).provenance["values"]


CONTAINERS = [
    list,
    tuple,
    np.array,
    pd.Series,
    pl.Series,
    pa.array,
    lambda v: pd.DataFrame({"y": v}),
]


@pytest.mark.parametrize("labels", [[1, 0, 1, 1], ["a", "b", "a", "a"]], ids=["int", "text"])
@pytest.mark.parametrize("make", CONTAINERS, ids=range(7))
def test_the_hash_of_values_does_not_depend_on_the_container(labels, make):
    expected = values(y_true=labels, y_pred=labels)
    assert set(expected) == {"y_true", "y_pred"}
    assert expected["y_true"]["rows"] == 4
    found = values(y_true=make(labels), y_pred=labels)
    assert found["y_pred"] == expected["y_pred"]
    assert found["y_true"]["sha256"] == expected["y_true"]["sha256"]


def test_the_hash_of_values_depends_on_values_and_order():
    marks = {
        values(y_true=labels, y_pred=[1, 0])["y_true"]["sha256"]
        for labels in ([1, 0], [0, 1], [1, 1], [1, 0, 1])
    }
    assert len(marks) == 4


def test_values_in_several_columns():
    suite = mg.GateSuite([mg.Performance("log_loss", at_most=9)])
    scores = np.array([[0.2, 0.8], [0.7, 0.3]])
    one = suite.run(y_true=[1, 0], y_score=scores).provenance["values"]["y_score"]
    other = suite.run(y_true=[1, 0], y_score=scores[:, ::-1]).provenance["values"]["y_score"]
    assert (one["rows"], other["rows"]) == (2, 2)
    assert one["sha256"] != other["sha256"]


def test_values_that_no_gate_uses_or_that_name_a_column_are_left_out():
    data = {"y": [1, 0], "p": [1, 0]}
    found = ACCURACY.run(data=data, y_true="y", y_pred=[1, 0], sample_weight=None)
    assert set(found.provenance["values"]) == {"y_pred"}
    report = mg.GateSuite([mg.Completeness()]).run(data=data, y_true=[1, 0])
    assert report.provenance["values"] == {}


def test_values_that_can_not_be_read_are_left_out():
    report = ACCURACY.run(y_true=object(), y_pred=[1, 0])
    assert report.verdict is mg.Verdict.ERROR
    assert set(report.provenance["values"]) == {"y_pred"}


# models

X = pd.DataFrame({"a": np.linspace(-1, 1, 40), "b": np.zeros(40)})
Y = (X["a"] > 0).astype(int)


def models(**evidence):
    report = mg.GateSuite([mg.Regression("accuracy", tolerance=0.5)]).run(X=X, y_true=Y, **evidence)
    return report.provenance["models"]


def test_models_in_the_provenance():
    model, other = LogisticRegression().fit(X, Y), LogisticRegression(C=2).fit(X, Y)
    found = models(model=model, production_model=other)
    assert set(found) == {"model", "production_model"}
    assert found["model"]["class"] == "sklearn.linear_model._logistic.LogisticRegression"
    assert found["model"]["params"]["C"] == 1.0
    assert found["production_model"]["params"]["C"] == 2
    assert found["model"]["sha256"] != found["production_model"]["sha256"]
    again = models(model=LogisticRegression().fit(X, Y), production_model=other)
    assert again == found


def test_a_model_is_described_as_it_was_before_the_run():
    class Counting:
        calls = 0

        def predict(self, X):
            self.calls += 1
            return np.zeros(len(X), int)

    Counting.__qualname__ = "Counting"
    module = sys.modules[__name__]
    module.Counting = Counting
    fresh = models(model=Counting(), production_model=Counting())
    assert fresh["model"]["sha256"] == fresh["production_model"]["sha256"] is not None


def test_a_model_that_no_gate_uses_is_not_described():
    report = mg.GateSuite([mg.Completeness()]).run(data=X, model=LogisticRegression())
    assert report.provenance["models"] == {}


def test_a_model_that_can_not_be_described_changes_no_verdict():
    class Hostile:
        def get_params(self):
            raise SystemExit

        def __reduce__(self):
            raise KeyError

        def predict(self, X):
            return np.asarray(X["a"] > 0, int)

    model = Hostile()
    found = models(model=model, production_model=model)["model"]
    name = "test_a_model_that_can_not_be_described_changes_no_verdict.<locals>.Hostile"
    assert found == {"class": f"{__name__}.{name}", "params": None, "sha256": None}


def test_secrets_in_parameters_are_hidden_in_every_form():
    class Remote:
        def get_params(self):
            return {"api_key": "sk-123", "url": "https://ann:pw@example.org/m", "depth": 3}

        def predict(self, X):
            return np.asarray(X["a"] > 0, int)

    report = mg.GateSuite([mg.Performance("accuracy", at_least=0.1)]).run(
        X=X, y_true=Y, model=Remote()
    )
    assert report.provenance["models"]["model"]["params"] == {
        "api_key": "<hidden>",
        "depth": 3,
        "url": "<address>",
    }
    for form in (report.to_json(), report.to_html(), str(report), report.to_markdown()):
        assert "sk-123" not in form
        assert "ann:pw" not in form


PROGRAM = """
import json
import mlgates as mg
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
X, y = load_iris(return_X_y=True, as_frame=True)
model = RandomForestClassifier(5, random_state=0).fit(X, y)
suite = mg.GateSuite([mg.Schema.infer(X), mg.Performance("accuracy", at_least=0.5)])
report = suite.run(data=X, X=X, y_true=y, model=model)
print(json.dumps(report.to_dict()["provenance"]))
"""


def test_the_same_run_in_two_processes_has_the_same_provenance_but_for_times():
    found = []
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        )
        found.append(json.loads(done.stdout))
    for each in found:
        assert each["models"]["model"]["sha256"]
        assert set(each["values"]) == {"y_true"}
        for time in ("started", "seconds", "now"):
            del each[time]
    assert found[0] == found[1]
