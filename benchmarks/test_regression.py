"""Two models of 200,000 rows compared, from arrays to a report, against a paired bootstrap.

The bootstrap is the loop that people write: scikit-learn's metric of both models on rows drawn
anew. It takes most of a minute for 1,000 draws, so that ten are timed; `extra_info` of the
benchmark holds the number, and the printed time is that of ten. Ratios to 1,000 draws: divide the
time of ten by that of mlgates and multiply by 100.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy import special
from sklearn.metrics import f1_score, roc_auc_score

import mlgates as mg

ROWS = 200_000
DRAWS = 10


@cache
def scores() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and the scores of two models that share most of their noise."""
    rng = np.random.default_rng(4)
    true = (rng.random(ROWS) < 0.3).astype(np.int64)
    signal = 1.8 * true + rng.normal(size=ROWS)
    mine, theirs = rng.normal(0, 0.3, (2, ROWS))
    return true, special.expit(signal + mine - 2), special.expit(signal + theirs - 2)


@cache
def labels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    true, mine, theirs = scores()
    return true, (mine > 0.4).astype(np.int64), (theirs > 0.4).astype(np.int64)


def judged(benchmark: Callable, metric: str, evidence: dict[str, np.ndarray]) -> None:
    suite = mg.GateSuite([mg.Regression(metric, tolerance=0.01)])
    report = benchmark.pedantic(lambda: suite.run(**evidence), rounds=7, warmup_rounds=1)
    assert report.passed, report


def bootstrapped(
    benchmark: Callable, function: Callable, arrays: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    true, mine, theirs = arrays
    rng = np.random.default_rng(0)

    def draws() -> list[float]:
        found = []
        for _ in range(DRAWS):
            rows = rng.integers(ROWS, size=ROWS)
            some = true[rows]
            found.append(function(some, mine[rows]) - function(some, theirs[rows]))
        return found

    benchmark.extra_info["draws"] = DRAWS
    assert len(benchmark.pedantic(draws, rounds=2)) == DRAWS


@pytest.mark.benchmark(group="roc_auc of two models, 200,000 rows")
def test_areas_mlgates(benchmark: Callable) -> None:
    true, mine, theirs = scores()
    evidence = {"y_true": true, "y_score": mine, "production_score": theirs}
    judged(benchmark, "roc_auc", evidence)


@pytest.mark.benchmark(group="roc_auc of two models, 200,000 rows")
def test_areas_of_ten_draws(benchmark: Callable) -> None:
    bootstrapped(benchmark, roc_auc_score, scores())


@pytest.mark.parametrize("metric", ["accuracy", "f1"])
@pytest.mark.benchmark(group="labels of two models, 200,000 rows")
def test_labels_mlgates(benchmark: Callable, metric: str) -> None:
    true, mine, theirs = labels()
    evidence = {"y_true": true, "y_pred": mine, "production_pred": theirs}
    judged(benchmark, metric, evidence)


@pytest.mark.benchmark(group="labels of two models, 200,000 rows")
def test_f1_of_ten_draws(benchmark: Callable) -> None:
    bootstrapped(benchmark, f1_score, labels())
