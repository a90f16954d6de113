"""Speed of metrics with their intervals, against the bootstrap through scikit-learn.

Run with ``uvx nox -s bench`` or ``python -m pytest benchmarks/test_metrics.py -s``. The bootstrap
is timed over 20 resamples, and 1,000 are taken to last fifty times as long.
"""

import time

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import mlgates as mg

ROWS = 200_000
RESAMPLES = 20
WANTED = 1_000


@pytest.fixture(scope="module")
def scored() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    y_true = (rng.random(ROWS) < 0.2).astype(np.int64)
    score = 1 / (1 + np.exp(-rng.normal(size=ROWS) - 1.2 * y_true))
    return {"y_true": y_true, "y_score": score, "y_pred": (score > 0.6).astype(np.int64)}


def least(function, times=5) -> float:
    """Seconds of the fastest of several runs."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        took.append(time.perf_counter() - start)
    return min(took)


def bootstrap(y_true, y_score, resamples=RESAMPLES) -> float:
    """Seconds of so many resamples through scikit-learn."""
    rng = np.random.default_rng(1)
    start = time.perf_counter()
    for _ in range(resamples):
        rows = rng.integers(len(y_true), size=len(y_true))
        roc_auc_score(y_true[rows], y_score[rows])
    return time.perf_counter() - start


def test_auc_with_interval_is_500_times_a_bootstrap(scored):
    """What `Performance` takes in all, evidence read and checked, against the resamples alone."""
    given = {name: scored[name] for name in ("y_true", "y_score")}
    gate = mg.Performance("roc_auc", at_least=0.7, decide_by="interval")
    assert gate.run(**given).passed
    mine = least(lambda: gate.run(**given))
    theirs = bootstrap(**given) * WANTED / RESAMPLES
    print(
        f"\nAUC with interval, {ROWS:,} rows: {mine * 1e3:.1f} ms; {WANTED:,} resamples "
        f"through scikit-learn: {theirs:.1f} s ({RESAMPLES} timed); ratio {theirs / mine:,.0f}"
    )
    assert theirs / mine >= 500


@pytest.mark.parametrize(
    "metric", ["accuracy", "f1_macro", "matthews_corrcoef", "log_loss", "average_precision"]
)
def test_metric_with_interval(benchmark, scored, metric):
    gate = mg.Performance(metric, **{"at_most" if metric == "log_loss" else "at_least": 0.5})
    need = "y_score" if metric in ("log_loss", "average_precision") else "y_pred"
    given = {"y_true": scored["y_true"], need: scored[need]}
    result = benchmark(lambda: gate.run(**given))
    assert result.checks[0].interval is not None


@pytest.mark.parametrize("metric", ["expected_calibration_error"])
def test_bootstrapped_metric(benchmark, scored, metric):
    gate = mg.Performance(metric, at_most=0.5)
    given = {"y_true": scored["y_true"], "y_score": scored["y_score"]}
    result = benchmark.pedantic(lambda: gate.run(**given), rounds=2)
    assert result.checks[0].details["resamples"] == 2_000
