"""Five rates of eight groups on 200,000 rows against fairlearn's `MetricFrame`, both in one run.

The side of mlgates is `GateSuite.run` of five gates: values, Wilson's intervals of all groups, the
simultaneous interval of the largest gap, p-values, provenance and the report are in its time.
fairlearn gives values alone, and bootstrap intervals when it is asked for them; three resamples
stand for the hundreds that an interval takes. The last column of the printed table is the ratio to
the fastest.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from sklearn import metrics as sklearn

import mlgates as mg

ROWS, GROUPS = 200_000, 8
RESAMPLES = 3
RATES = {
    "selection_rate": fairlearn.selection_rate,
    "true_positive_rate": fairlearn.true_positive_rate,
    "false_positive_rate": fairlearn.false_positive_rate,
    "precision": sklearn.precision_score,
    "accuracy": sklearn.accuracy_score,
}

pytestmark = pytest.mark.benchmark(group=f"five rates of {GROUPS} groups, {ROWS:,} rows")


def evidence(kind: str) -> dict[str, object]:
    rng = np.random.default_rng(0)
    group = rng.integers(0, GROUPS, ROWS)
    true = rng.integers(0, 2, ROWS)
    told = np.where(rng.random(ROWS) < 0.3, 1 - true, true)
    names = np.array([f"group {g}" for g in range(GROUPS)])[group]
    given = {"codes": group, "texts": pd.Series(names), "categories": pd.Categorical(names)}[kind]
    return {"y_true": true, "y_pred": told, "sensitive_features": given}


def frame(given: dict[str, object], **options: object) -> fairlearn.MetricFrame:
    return fairlearn.MetricFrame(
        metrics=RATES,
        y_true=given["y_true"],
        y_pred=given["y_pred"],
        sensitive_features=given["sensitive_features"],
        **options,
    )


@pytest.mark.parametrize("kind", ["codes", "categories", "texts"])
def test_mlgates_values_and_intervals(benchmark: Callable, kind: str) -> None:
    given = evidence(kind)
    suite = mg.GateSuite([mg.Fairness(f"{rate}_difference", at_most=0.1) for rate in RATES])
    report = benchmark.pedantic(lambda: suite.run(**given), rounds=11, warmup_rounds=2)
    assert report.passed, report
    theirs = frame(given).difference()
    for result, rate in zip(report.results, RATES, strict=True):
        assert result.checks[0].value == pytest.approx(theirs[rate], abs=1e-12)


@pytest.mark.parametrize("kind", ["codes", "texts"])
def test_fairlearn_values(benchmark: Callable, kind: str) -> None:
    given = evidence(kind)
    benchmark.pedantic(lambda: frame(given).difference(), rounds=2)


def test_fairlearn_values_and_three_resamples(benchmark: Callable) -> None:
    given = evidence("codes")
    options = {"n_boot": RESAMPLES, "ci_quantiles": [0.025, 0.975], "random_state": 0}
    benchmark.pedantic(lambda: frame(given, **options).difference_ci(), rounds=1)
