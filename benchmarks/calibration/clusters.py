"""Measure how often the intervals for rows in clusters contain the true value.

Run it with ``uv run --group bench benchmarks/calibration/clusters.py``; it prints Markdown. Every
interval is that of a metric of the library, at 95 %. The rows of a cluster are correlated (0.3),
and the clusters have different sizes. The column "independent" has the coverage of the interval
that the library gives without `clusters`.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special
from threadpoolctl import threadpool_limits

import mlgates as mg
from mlgates.metrics import METRICS
from mlgates.metrics.difference import difference
from mlgates.predictions import Outcomes

CORRELATION = 0.3
CLUSTERS = (40, 100, 1_000)
#: For metrics that are computed like others, this share of the draws is made. It is also the share
#: of the draws in which rows in so many clusters are judged as independent ones, too.
FEWER, MANY = 0.25, 1_000
Arrays = dict[str, np.ndarray]
Rng = np.random.Generator


def uniform(rng: Rng, clusters: int) -> np.ndarray:
    """Sizes from 1 to 39, all equally likely."""
    return rng.integers(1, 40, clusters)


def lognormal(rng: Rng, clusters: int) -> np.ndarray:
    """Sizes of mean 20 with a long tail."""
    sizes = 20 * np.exp(0.8 * rng.normal(size=clusters) - 0.32)
    return np.maximum(np.rint(sizes), 1).astype(np.int64)


SIZES = {"1 to 39": uniform, "lognormal": lognormal}


def normals(rng: Rng, cluster: np.ndarray, correlation: float = CORRELATION) -> np.ndarray:
    """Standard normal values, correlated within clusters."""
    shared = rng.normal(size=cluster.max() + 1)[cluster]
    own = rng.normal(size=len(cluster))
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own


def hits(rng: Rng, cluster: np.ndarray, share: float) -> np.ndarray:
    """Bools of a share that are correlated within clusters (beta-binomial)."""
    both = 1 / CORRELATION - 1
    shares = rng.beta(both * share, both * (1 - share), cluster.max() + 1)
    return rng.random(len(cluster)) < shares[cluster]


def labels(share: float) -> Callable[[Rng, np.ndarray], Arrays]:
    def law(rng: Rng, cluster: np.ndarray) -> Arrays:
        true = rng.integers(0, 2, len(cluster))
        right = hits(rng, cluster, share)
        # production is as good: a third of its answers are drawn again, by cluster
        again = rng.random(len(cluster)) < 1 / 3
        other = np.where(again, hits(rng, cluster, share), right)
        return {
            "y_true": true,
            "y_pred": np.where(right, true, 1 - true),
            "production_pred": np.where(other, true, 1 - true),
        }

    return law


def scores(apart: float) -> Callable[[Rng, np.ndarray], Arrays]:
    """Scores with a random effect of the cluster on the level and on the separation."""

    def law(rng: Rng, cluster: np.ndarray) -> Arrays:
        true = (normals(rng, cluster) > 0.5).astype(np.int64)
        sign = 2 * true - 1
        score = sign * (apart / 2 + normals(rng, cluster)) + 0.3 * normals(rng, cluster)
        other = score + 0.5 * sign * normals(rng, cluster)
        return {
            "y_true": true,
            "y_score": special.expit(score),
            "production_score": special.expit(other),
        }

    return law


def values(rng: Rng, cluster: np.ndarray) -> Arrays:
    """Normal errors; those of production are partly others, and a little larger."""
    error = normals(rng, cluster)
    other = 0.9 * error + 0.5 * normals(rng, cluster)
    true = rng.normal(50, 10, len(cluster))
    return {"y_true": true, "y_pred": true + error, "production_pred": true + other}


class Case(NamedTuple):
    """A metric and a distribution; `of` is what is measured, `part` the share of the draws."""

    metric: str
    kind: str
    law: Callable[[Rng, np.ndarray], Arrays]
    of: str = "value"
    part: float = 1.0


CASES = (
    Case("accuracy", "", labels(0.8)),
    Case("accuracy", "", labels(0.95)),
    Case("roc_auc", "", scores(1.2)),
    Case("roc_auc", "", scores(2.2)),
    Case("mean_absolute_error", "", values),
    Case("accuracy", "of two models, 0.8", labels(0.8), "difference"),
    Case("accuracy", "of two models, 0.95", labels(0.95), "difference"),
    Case("roc_auc", "of two models", scores(1.2), "difference"),
    Case("mean_absolute_error", "of two models", values, "difference"),
    Case("recall", "", labels(0.8), part=FEWER),
    Case("f1", "", labels(0.8), part=FEWER),
    Case("balanced_accuracy", "", labels(0.8), part=FEWER),
    Case("log_loss", "", scores(1.2), part=FEWER),
    Case("root_mean_squared_error", "", values, part=FEWER),
)


def drawn(case: Case, rng: Rng, sizes: np.ndarray) -> tuple[Outcomes, Outcomes]:
    """Return the outcomes of the candidate and of production."""
    need, cluster = METRICS[case.metric].need, np.repeat(np.arange(len(sizes)), sizes)
    rows = case.law(rng, cluster)
    classes, positive = ((), None) if need == "values" else ((0, 1), 1)
    candidate, production = (
        Outcomes(
            need=need,
            n=len(cluster),
            dropped=0,
            kept=None,
            true=rows["y_true"],
            pred=rows.get(f"{side}_pred"),
            score=rows.get(f"{side}_score"),
            cluster=cluster,
            classes=classes,
            positive=positive,
        )
        for side in ("y", "production")
    )
    return candidate, production


def measured(case: Case, both: tuple[Outcomes, Outcomes]) -> tuple[float, tuple[float, float]]:
    """Return the value that a case measures and its interval."""
    metric = METRICS[case.metric]
    if case.of == "value":
        found = metric.measure(both[0])
        return found.value or 0.0, found.interval or (-np.inf, np.inf)
    change = difference(metric, *both)
    return change.value or 0.0, change.change.ends(0.95) or (-np.inf, np.inf)


@cache
def truth(case: Case) -> float:
    """Return the value on two million rows in clusters of 2, in which it is the same."""
    rng = np.random.default_rng(1)
    return measured(case, drawn(case, rng, np.full(1_000_000, 2)))[0]


def measured_gap(
    rng: Rng, sizes: np.ndarray, *, nested: bool, apart: bool, alone: bool
) -> Iterator[bool]:
    """Yield whether the interval of a gap covers the truth, or whether equal groups FAIL.

    The first result is for rows in clusters, the second, with `alone`, for the same rows as
    independent ones. With `nested`, a cluster is in one group, otherwise its rows are in both. With
    `apart` the accuracy is 0.85 in one group and 0.75 in the other, and the interval is tested;
    otherwise it is 0.8 in both, and the verdict is.
    """
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    group = cluster % 2 if nested else rng.integers(0, 2, len(cluster))
    right = hits(rng, cluster, 0.85 if apart else 0.8)
    if apart:
        right &= (group == 0) | (rng.random(len(cluster)) < 0.75 / 0.85)
    gap, gate = 0.1 if apart else 0.0, mg.Fairness("accuracy_difference", at_most=0)
    true = np.ones(len(cluster), np.int64)
    true[::2] = 0
    for clusters in (cluster, None) if alone else (cluster,):
        check = gate.run(
            y_true=true,
            y_pred=np.where(right, true, 1 - true),
            sensitive_features=group,
            clusters=clusters,
        ).checks[0]
        low, high = check.interval or (-np.inf, np.inf)
        yield bool(low <= gap <= high) if apart else check.verdict is mg.Verdict.FAIL


def show_gaps(draws: int, numbers: Sequence[int]) -> None:
    print("\n| clusters are | sizes | clusters | gap covered | independent |", end="")
    print(" equal: FAIL | independent |")
    print("| " + " | ".join(["---"] * 7) + " |")
    for nested in (True, False):
        for kind, sizes in SIZES.items():
            for clusters in numbers:
                few = max(round(FEWER * draws), 40)
                counts = np.zeros((2, 2), np.int64)
                for draw in range(draws):
                    rng = np.random.default_rng([clusters, draw])
                    given = {"sizes": sizes(rng, clusters), "nested": nested, "alone": draw < few}
                    for row, apart in enumerate((True, False)):
                        for column, hit in enumerate(measured_gap(rng, apart=apart, **given)):
                            counts[row, column] += hit
                shares = " | ".join(
                    f"{100 * each:.1f}" for each in (counts / [draws, few]).ravel().tolist()
                )
                where = "in one group" if nested else "in both groups"
                print(f"| {where} | {kind} | {clusters:,} | {shares} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4_000)
    parser.add_argument("--quick", action="store_true", help="40 draws, to see that it runs")
    parser.add_argument("--only", nargs="*", default=(), help="names of metrics, or gap")
    parser.add_argument("--clusters", nargs="*", type=int, default=CLUSTERS)
    options = parser.parse_args()
    draws = 40 if options.quick else options.draws
    start = time.perf_counter()
    if options.only != ["gap"]:
        print("| metric | true value | sizes | clusters | covered | independent |")
        print("| " + " | ".join(["---"] * 6) + " |")
    for case in CASES:
        if options.only and case.metric not in options.only:
            continue
        for kind, sizes in SIZES.items():
            for clusters in options.clusters:
                covered = alone = 0
                few = max(round(case.part * draws), 40)
                fewer = max(round(FEWER * draws), 40) if clusters >= MANY else few
                for draw in range(few):
                    rng = np.random.default_rng([clusters, draw])
                    both = drawn(case, rng, sizes(rng, clusters))
                    _, (low, high) = measured(case, both)
                    covered += low <= truth(case) <= high
                    if draw >= fewer:
                        continue
                    without = replace(both[0], cluster=None), replace(both[1], cluster=None)
                    _, (low, high) = measured(case, without)
                    alone += low <= truth(case) <= high
                name = f"`{case.metric}`" + (f" {case.kind}" if case.kind else "")
                shares = f"{100 * covered / few:.1f} | {100 * alone / min(few, fewer):.1f}"
                row = f"| {name} | {truth(case):.3f} | {kind} | {clusters:,} | {shares} |"
                print(row, flush=True)
    if not options.only or "gap" in options.only:
        show_gaps(draws, options.clusters)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    with threadpool_limits(1):  # small sums are slower in several threads
        main()
