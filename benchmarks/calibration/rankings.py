"""Measure how often the intervals of ranking metrics contain the true value.

Run it with ``uv run --group bench benchmarks/calibration/rankings.py``; it prints Markdown. Every
interval is that of ``Performance(...).run`` or ``Regression(...).run`` at 95 %. The true value is
the one on 100,000 queries.
"""

import argparse
import time
from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits

import mlgates as mg

NUMBERS = (30, 100, 400)
MANY = 100_000
METRICS = ("ndcg@10", "map@10", "precision@5", "recall@10", "hit_rate@3")
Evidence = dict[str, np.ndarray]


def drawn(rng: np.random.Generator, queries: int) -> Evidence:
    """Return queries of 5 to 40 documents, of which some are easy and some have few relevant ones.

    The score of production has more noise than that of the candidate.
    """
    sizes = rng.integers(5, 41, queries)
    query = np.repeat(np.arange(queries), sizes)
    share = rng.beta(1, 4, queries)[query]
    relevant = (rng.random(len(query)) < share).astype(np.int64)
    relevant[np.cumsum(sizes) - 1] = 1  # no query is empty
    signal = rng.gamma(2, 0.5, queries)[query] * relevant + rng.normal(size=len(query))
    own, other = rng.normal(size=(2, len(query)))
    return {
        "y_true": relevant,
        "y_score": signal + 0.5 * own,
        "production_score": signal + 0.8 * other,
        "query_id": query,
    }


def checked(metric: str, given: Evidence, *, paired: bool) -> mg.Check:
    """Return the check of a metric, or with `paired` that of the difference of two models."""
    if paired:
        return mg.Regression(metric, tolerance=1, min_samples=1).run(**given).checks[0]
    mine = {name: value for name, value in given.items() if name != "production_score"}
    return mg.Performance(metric, at_least=0, min_samples=1).run(**mine).checks[0]


@cache
def truth(metric: str, *, paired: bool) -> float:
    check = checked(metric, drawn(np.random.default_rng(99), MANY), paired=paired)
    return float(check.value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--queries", nargs="*", type=int, default=NUMBERS)
    options = parser.parse_args()
    started = time.process_time()
    print("| metric | of | true value | queries | covers | too high | too low | no interval |")
    print("| " + " | ".join(["---"] * 8) + " |")
    counts = np.zeros((len(METRICS), 2, 4), np.int64)
    for queries in options.queries:
        counts[:] = 0
        for draw in range(options.draws):
            given = drawn(np.random.default_rng([queries, draw]), queries)
            for i, metric in enumerate(METRICS):
                for paired in (False, True):
                    ends = checked(metric, given, paired=paired).interval
                    goal = truth(metric, paired=paired)
                    at = 3 if ends is None else 1 if ends[0] > goal else 2 if ends[1] < goal else 0
                    counts[i, int(paired), at] += 1
        for i, metric in enumerate(METRICS):
            for paired in (False, True):
                shares = (f"{100 * each / options.draws:.1f}" for each in counts[i, int(paired)])
                of = "two models" if paired else "one model"
                goal = truth(metric, paired=paired)
                row = [f"`{metric}`", of, f"{goal:.3f}", f"{queries:,}", *shares]
                print("| " + " | ".join(row) + " |", flush=True)
    print(f"\n{time.process_time() - started:.0f} seconds of one processor.")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
