"""Measure how often the interval of the gap of `Generalization` contains the true gap.

Run it with ``uv run --group bench benchmarks/calibration/generalization.py``; it prints Markdown.
Every interval is that of ``Generalization(...).run`` at 95 %. The limit is the true gap, so that
each FAIL is a false alarm.
"""

import argparse
import time
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special
from threadpoolctl import threadpool_limits

import mlgates as mg

SIZES = ((50, 150), (200, 600), (200, 20_000), (1_000, 3_000))
MANY = 2_000_000
Side = dict[str, np.ndarray]


def labels(right: float) -> Callable[[np.random.Generator, int], Side]:
    def law(rng: np.random.Generator, n: int) -> Side:
        true = (rng.random(n) < 0.3).astype(np.int64)
        return {"true": true, "pred": np.where(rng.random(n) < right, true, 1 - true)}

    return law


def scores(apart: float) -> Callable[[np.random.Generator, int], Side]:
    def law(rng: np.random.Generator, n: int) -> Side:
        true = (rng.random(n) < 0.3).astype(np.int64)
        odds = special.logit(0.3) + apart * (apart * (true - 0.5) + rng.normal(size=n))
        return {"true": true, "score": special.expit(odds)}

    return law


def values(spread: float) -> Callable[[np.random.Generator, int], Side]:
    def law(rng: np.random.Generator, n: int) -> Side:
        true = rng.normal(50, 10, n)
        return {"true": true, "pred": true + spread * rng.standard_t(5, n)}

    return law


class Case(NamedTuple):
    """A metric, and the distributions of the training rows and of the test rows."""

    metric: str
    train: Callable[[np.random.Generator, int], Side]
    test: Callable[[np.random.Generator, int], Side]


CASES = (
    Case("accuracy", labels(0.9), labels(0.8)),
    Case("accuracy", labels(0.99), labels(0.93)),
    Case("accuracy", labels(1.0), labels(0.9)),
    Case("f1", labels(0.9), labels(0.8)),
    Case("roc_auc", scores(2.0), scores(1.5)),
    Case("log_loss", scores(2.0), scores(1.5)),
    Case("mean_absolute_error", values(0.8), values(1.0)),
    Case("r2", values(4.0), values(5.0)),
)


def run(case: Case, rng: np.random.Generator, test: int, train: int, **options: object) -> mg.Check:
    sides = (case.train(rng, train), case.test(rng, test))
    pairs = zip(("train", "y"), sides, strict=True)
    given = {f"{lead}_{k}": side[k] for lead, side in pairs for k in side if k != "true"}
    given |= {"y_train": sides[0]["true"], "y_true": sides[1]["true"]}
    return mg.Generalization(case.metric, **options).run(**given).checks[0]


@cache
def truth(case: Case) -> float:
    """Return the gap on two million rows on both sides."""
    options = {"max_gap": 0, "decide_by": "estimate", "confidence": None}
    return float(run(case, np.random.default_rng(99), MANY, MANY, **options).value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2_000)
    options = parser.parse_args()
    started = time.process_time()
    print("| metric | gap | test rows | training rows | covers | too high | too low | FAIL |")
    print("| " + " | ".join(["---"] * 8) + " |")
    for case in CASES:
        draws = options.draws // (10 if case.metric == "r2" else 1)  # it resamples rows
        goal = truth(case)
        for test, train in SIZES:
            counts = np.zeros(4, np.int64)
            for draw in range(draws):
                rng = np.random.default_rng([test, train, draw])
                check = run(case, rng, test, train, max_gap=goal)
                low, high = check.interval or (-np.inf, np.inf)
                counts[1 if low > goal else 2 if high < goal else 0] += 1
                counts[3] += check.verdict is mg.Verdict.FAIL
            shares = (f"{100 * each / draws:.1f}" for each in counts)
            row = [f"`{case.metric}`", f"{goal:.3f}", f"{test:,}", f"{train:,}", *shares]
            print("| " + " | ".join(row) + " |", flush=True)
    print(f"\n{time.process_time() - started:.0f} seconds of one processor.")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
