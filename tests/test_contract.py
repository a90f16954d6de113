"""A complete example, from imports to the saved report, passes."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mlgates as mg

SUITE = mg.GateSuite(
    [
        mg.Schema(
            {
                "age": mg.Column("int", at_least=0, at_most=120),
                "country": mg.Column("string", isin=["DE", "FR"]),
                "income": mg.Column("float", nullable=True),
                "event_time": mg.Column("timestamp"),
            }
        ),
        mg.Completeness(max_missing=0.05, min_rows=1_000),
        mg.Freshness("event_time", max_age="24h"),
        mg.Drift("psi", at_most=0.2),
        mg.Drift("ks", at_most=0.1, columns=["age", "income"]),
        mg.Performance("roc_auc", at_least=0.80),
        mg.Fairness("demographic_parity_difference", at_most=0.10),
        mg.Regression("roc_auc", tolerance=0.01),
        mg.Latency("p99", at_most="20ms"),
        mg.Integration(),
    ],
    name="credit-release",
)


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    income = rng.lognormal(10, 0.5, rows)
    income[rng.random(rows) < 0.01] = np.nan
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "country": rng.choice(["DE", "FR"], rows),
            "income": income,
            "event_time": pd.Timestamp(datetime.now(UTC)) - pd.to_timedelta(rng.random(rows), "h"),
        }
    )


def features(rows: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(rows, 4)), columns=list("abcd"))
    y = pd.Series((X["a"] + X["b"] + rng.normal(size=rows) > 0).astype(int), name="repaid")
    return X.assign(sex=rng.integers(1, 3, rows)), y


@pytest.fixture(scope="module")
def evidence() -> dict[str, object]:
    X, y = features(4_000, 0)
    X_test, y_test = features(4_000, 1)
    champion = LogisticRegression().fit(X, y)
    candidate = LogisticRegression(C=0.5).fit(X, y)
    return {
        "data": people(2_000, 2),
        "reference": people(5_000, 3),
        "X": X_test,
        "y_true": y_test,
        "model": candidate,
        "production_model": champion,
        "sensitive_features": X_test[["sex"]],
        "latencies": np.random.default_rng(4).lognormal(-6, 0.4, 2_000),
    }


def test_the_example_of_a_release_passes(evidence, tmp_path):
    report = SUITE.run(**evidence)
    assert report.raise_for_verdict() is report
    assert [result.name for result in report.results] == [
        "schema",
        "completeness",
        "freshness:event_time",
        "drift:psi",
        "drift:ks",
        "performance:roc_auc",
        "fairness:demographic_parity_difference",
        "regression:roc_auc",
        "latency:p99",
        "integration",
    ]
    for suffix in ("html", "md", "json", "xml"):
        report.save(tmp_path / f"report.{suffix}")
    assert mg.Report.load(tmp_path / "report.json") == report
    assert eval(repr(SUITE), vars(mg)) == SUITE  # noqa: S307


def test_a_model_that_lost_a_feature_does_not_pass(evidence):
    X = evidence["X"]
    worse = LogisticRegression().fit(X.assign(a=0.0), evidence["y_true"])
    report = SUITE.run(**{**evidence, "model": worse, "now": datetime.now(UTC) + timedelta(days=3)})
    held = {result.name: result.verdict for result in report.failures}
    assert held["performance:roc_auc"] is mg.Verdict.FAIL
    assert held["regression:roc_auc"] is mg.Verdict.FAIL
    assert held["freshness:event_time"] is mg.Verdict.FAIL
    assert report["drift:psi"].passed
