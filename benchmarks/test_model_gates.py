"""Time of the gates on models: several over many slices, and rankings of many queries.

Run with ``uvx nox -s bench`` or ``python -m pytest benchmarks/test_model_gates.py -s``.
"""

import time

import numpy as np
import pytest

import mlgates as mg

ROWS, SLICES = 200_000, 50
DOCUMENTS, QUERIES = 1_000_000, 100_000


def test_five_gates_over_slices():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, ROWS)
    pred, before = (np.where(rng.random(ROWS) < 0.85, y_true, 1 - y_true) for _ in range(2))
    suite = mg.GateSuite(
        [
            mg.Performance("accuracy", at_least=0.5, by="shop"),
            mg.Performance("f1", at_least=0.5, by="shop"),
            mg.Performance("recall", at_least=0.5, by="shop"),
            mg.Regression("accuracy", tolerance=0.2, by="shop"),
            mg.Fairness("accuracy_difference", at_most=0.2),
        ]
    )
    shop = rng.integers(0, SLICES, ROWS)
    start = time.perf_counter()
    report = suite.run(
        X={"shop": shop},
        sensitive_features=shop,
        y_true=y_true,
        y_pred=pred,
        production_pred=before,
    )
    took = time.perf_counter() - start
    assert report.passed, str(report)
    print(f"\nfive gates, {ROWS:,} rows, {SLICES} slices: {took:.2f} s")


@pytest.mark.parametrize("metric", ["ndcg@10", "map@10", "hit_rate@10"])
def test_rankings(metric):
    rng = np.random.default_rng(0)
    relevant = rng.integers(0, 2, DOCUMENTS)
    given = {
        "y_true": relevant,
        "y_score": relevant + rng.normal(size=DOCUMENTS),
        "query_id": rng.integers(0, QUERIES, DOCUMENTS),
    }
    start = time.perf_counter()
    result = mg.Performance(metric, at_least=0.3, empty_queries="exclude").run(**given)
    took = time.perf_counter() - start
    assert result.passed, str(result)
    print(f"\n{metric}, {DOCUMENTS:,} rows in {QUERIES:,} queries: {took:.2f} s")
