"""Measure how often the interval of each metric covers, and whether its numbers of rows decide.

Run it with ``uv run --group bench benchmarks/calibration/intervals.py``; it prints Markdown. Every
interval is the one that ``Performance`` reports: ``find(metric).measure(outcomes)``. The true
value of a metric is the one on four million rows of the same distribution.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

import mlgates as mg
from mlgates.metrics import find
from mlgates.metrics.metric import Metric
from mlgates.predictions import Outcomes
from mlgates.stats.resampling import cells_interval

SIZES = (50, 200, 2_000)
RATES = (0.5, 0.1, 0.02)
MANY = 4_000_000
LABELS = (
    *("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1"),
    *("f1_macro", "f1_weighted", "precision_macro", "matthews_corrcoef", "selection_rate"),
)
SCORES = ("roc_auc", "average_precision", "log_loss", "brier_score", "expected_calibration_error")
CLASSES = (
    *("accuracy", "balanced_accuracy", "f1_macro", "f1_weighted", "precision_macro"),
    *("precision_weighted", "matthews_corrcoef", "roc_auc_ovr", "roc_auc_ovr_weighted"),
    *("log_loss", "expected_calibration_error"),
)
VALUES = (
    *("r2", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error"),
    *("median_absolute_error", "mean_absolute_percentage_error", "mean_error"),
)
#: Metrics that resample rows: a quarter of the draws.
SLOW = ("expected_calibration_error",)
Law = Callable[[np.random.Generator, int], dict[str, np.ndarray]]


class Case(NamedTuple):
    """A distribution of rows, its title in the table, and the metrics measured on it."""

    title: str
    law: Law
    metrics: tuple[str, ...]
    k: int


def binary(rate: float, distance: float = 1.5, slope: float = 1.0) -> Law:
    """Two normal classes; slope 1 gives calibrated probabilities."""

    def law(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        true = (rng.random(n) < rate).astype(np.intp)
        x = rng.standard_normal(n) + distance * true
        odds = special.logit(rate) + distance * (x - distance / 2)
        # about as many rows are predicted positive as are positive
        cut = distance + float(special.ndtri(0.6 if rate > 0.3 else 0.5)) * -1
        return {
            "true": true,
            "score": special.expit(slope * odds),
            "pred": (x > cut).astype(np.intp),
        }

    return law


def classes(k: int) -> Law:
    """Classes of decreasing size, with overconfident softmax scores."""
    shares = 1.0 / np.arange(1, k + 1)
    shares /= shares.sum()

    def law(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        true = np.searchsorted(np.cumsum(shares)[:-1], rng.random(n), "right")
        x = rng.standard_normal((n, k))
        x[np.arange(n), true] += 1.5
        score = special.softmax(1.7 * x + np.log(shares), axis=1)
        return {"true": true, "score": score, "pred": score.argmax(1)}

    return law


def values(kind: str) -> Law:
    def law(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
        true = 10 + rng.gamma(4, 2, n)
        if kind == "normal":
            errors = rng.standard_normal(n)
        elif kind == "t, 5 df":
            errors = rng.standard_t(5, n)
        else:
            errors = rng.exponential(1, n) - 0.5
        return {"true": true, "pred": true + 2 * errors}

    return law


CASES = (
    *(Case(f"base rate {rate}", binary(rate), LABELS, 2) for rate in RATES),
    *(Case(f"base rate {rate}", binary(rate), SCORES, 2) for rate in RATES),
    *(
        Case(f"base rate {r}, far", binary(r, 3.0), ("roc_auc", "average_precision"), 2)
        for r in RATES
    ),
    *(Case(f"base rate {r}, too sure", binary(r, 1.5, 2.0), SCORES[-1:], 2) for r in RATES),
    Case("4 classes", classes(4), CLASSES, 4),
    *(Case(f"errors {kind}", values(kind), VALUES, 0) for kind in ("normal", "t, 5 df", "skewed")),
)


def outcomes(metric: Metric, drawn: dict[str, np.ndarray], k: int) -> Outcomes:
    scored = metric.need in ("scores", "probabilities")
    return Outcomes(
        need=metric.need,
        n=len(drawn["true"]),
        dropped=0,
        kept=None,
        true=drawn["true"].copy(),
        pred=None if scored else drawn["pred"].copy(),
        score=drawn["score"].copy() if scored else None,
        classes=tuple(range(k)),
        positive=1 if k == 2 else None,
    )


class Own(NamedTuple):
    """A function of labels as a user writes it, and the same of tables of counts, shape (m, 4)."""

    of_labels: Callable[..., float]
    of_tables: Callable[[np.ndarray], np.ndarray]


OWN = {
    "accuracy": Own(
        lambda y_true, y_pred: np.mean(y_true == y_pred),
        lambda c: (c[:, 0] + c[:, 3]) / c.sum(1),
    ),
    "f1": Own(
        lambda y_true, y_pred: 2 * np.sum(y_true & y_pred) / (np.sum(y_true) + np.sum(y_pred)),
        lambda c: 2 * c[:, 3] / (2 * c[:, 3] + c[:, 1] + c[:, 2]),
    ),
    "cost": Own(
        lambda y_true, y_pred: np.mean(5 * (y_true > y_pred) + (y_true < y_pred)),
        lambda c: (5 * c[:, 2] + c[:, 1]) / c.sum(1),
    ),
    "informedness": Own(
        lambda y_true, y_pred: y_pred[y_true == 1].mean() - y_pred[y_true == 0].mean(),
        lambda c: c[:, 3] / (c[:, 2] + c[:, 3]) - c[:, 1] / (c[:, 0] + c[:, 1]),
    ),
}


class Coverage(NamedTuple):
    """Shares of the draws, and the median width of the interval."""

    covered: float
    above: float  # the interval lies above the true value
    below: float
    without: float  # undefined, too few of a class, or without an interval
    width: float


def truth(metric: Metric, case: Case) -> float:
    rng = np.random.default_rng(99)
    drawn = outcomes(metric, case.law(rng, MANY), case.k)
    if metric.name == "expected_calibration_error" and "too sure" not in case.title and case.k == 2:
        return 0.0  # the probabilities are calibrated
    return float(metric.measure(drawn, confidence=0).value)


def coverage(metric: Metric, case: Case, n: int, draws: int, goal: float) -> Coverage:
    counts = np.zeros(4)
    widths = []
    for draw in range(draws):
        rng = np.random.default_rng([7, n, draw])
        found = metric.measure(outcomes(metric, case.law(rng, n), case.k))
        if found.interval is None or "lacking" in found.details:
            counts[3] += 1
            continue
        low, high = found.interval
        widths.append(high - low)
        counts[1 if low > goal else 2 if high < goal else 0] += 1
    measured = max(1, draws - counts[3])
    width = float(np.median(widths)) if widths else float("nan")
    return Coverage(*(counts[:3] / measured), counts[3] / draws, width)


def rows(options: argparse.Namespace) -> Iterator[str]:
    yield "| metric | distribution | n | covers | too high | too low | no interval | median width |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for case in CASES:
        for name in case.metrics:
            if options.only and name not in options.only:
                continue
            metric = find(name, "calibration")
            goal = truth(metric, case)
            for n in SIZES:
                draws = options.draws // (4 if name in SLOW else 1)
                c = coverage(metric, case, n, draws, goal)
                shares = [f"{100 * share:.1f}" for share in c[:4]]
                if c.without > 0.8:
                    shares[:3] = ["-", "-", "-"]
                width = f"{c.width:.3g}"
                yield f"| {name} | {case.title} | {n:,} | {' | '.join(shares)} | {width} |"


def own_functions(draws: int) -> Iterator[str]:
    """Compare intervals from few calls of a function with those from all 2,000 resamples."""
    yield "| function | base rate | n | calls | covers | covers, all computed | ends differ by |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, own in OWN.items():
        calls = 0

        def counted(y_true: np.ndarray, y_pred: np.ndarray, own: Own = own) -> float:
            nonlocal calls
            calls += 1
            return float(own.of_labels(y_true, y_pred))

        metric = find(counted, "calibration", greater_is_better=True)
        for rate in (0.5, 0.2):
            law = binary(rate)
            many = law(np.random.default_rng(99), MANY)
            goal = own.of_labels(many["true"], many["pred"])
            for n in SIZES[1:]:
                covered, differences, calls = np.zeros(2), [], 0
                for draw in range(draws):
                    drawn = law(np.random.default_rng([7, n, draw]), n)
                    few = metric.measure(outcomes(metric, drawn, 2)).interval
                    cells = np.bincount(2 * drawn["true"] + drawn["pred"], minlength=4)
                    every = cells_interval(own.of_tables, cells.astype(float)).interval
                    covered += [ends[0] <= goal <= ends[1] for ends in (few, every)]
                    widest = np.abs(np.subtract(few, every)).max()
                    differences.append(widest / (every[1] - every[0]))
                shares = " | ".join(f"{100 * share:.1f}" for share in covered / draws)
                row = f"| {name} | {rate} | {n:,} | {calls / draws:.0f} | {shares} "
                yield f"{row}| {100 * np.quantile(differences, 0.9):.1f} % |"


class Advice(NamedTuple):
    """A gate by interval, with a limit not far from the true value."""

    metric: str
    law: Law
    k: int
    limit: dict[str, float]


ADVICE = (
    Advice("accuracy", binary(0.5), 2, {"at_least": 0.72}),
    Advice("recall", binary(0.1), 2, {"at_least": 0.40}),
    Advice("roc_auc", binary(0.1), 2, {"at_least": 0.82}),
    Advice("f1_macro", classes(4), 4, {"at_least": 0.50}),
    Advice("mean_absolute_error", values("normal"), 0, {"at_most": 1.75}),
    Advice("mean_squared_error", values("t, 5 df"), 0, {"at_most": 8.0}),
)


def given(drawn: dict[str, np.ndarray], metric: Metric) -> dict[str, np.ndarray]:
    evidence = {"y_true": drawn["true"]}
    if metric.need in ("scores", "probabilities"):
        return evidence | {"y_score": drawn["score"]}
    return evidence | {"y_pred": drawn["pred"]}


def advice(draws: int) -> Iterator[str]:
    """Compare the reported number of rows with the share of draws that it decides."""
    yield "| gate | true value | rows reported | decided | correctly |"
    yield "| --- | --- | --- | --- | --- |"
    for case in ADVICE:
        metric = find(case.metric, "calibration")
        gate = mg.Performance(case.metric, **case.limit, decide_by="interval")
        goal = truth(metric, Case("", case.law, (), case.k))
        reported = []
        for draw in range(draws):
            drawn = case.law(np.random.default_rng([3, draw]), 400)
            check = gate.run(**given(drawn, metric)).checks[0]
            needed = check.details.get("rows_needed")
            near = check.value is not None and abs(check.value - goal) < 0.1 * abs(
                goal - next(iter(case.limit.values()))
            )
            if needed is not None and near:
                reported.append(needed)
        if not reported:
            continue
        n = int(np.median(reported))
        verdicts = [
            gate.run(**given(case.law(np.random.default_rng([4, draw]), n), metric)).verdict
            for draw in range(draws)
        ]
        decided = sum(verdict is not mg.Verdict.INCONCLUSIVE for verdict in verdicts) / draws
        right = mg.Verdict.PASS if gate._limit.holds(goal) else mg.Verdict.FAIL  # noqa: SLF001
        rightly = sum(verdict is right for verdict in verdicts) / draws
        limit = " ".join(f"{side}={value:g}" for side, value in case.limit.items())
        share = f"{100 * decided:.0f} % | {100 * rightly:.0f} %"
        yield f"| `{case.metric}` {limit} | {goal:.4g} | {n:,} | {share} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--quick", action="store_true", help="200 draws, to see that it runs")
    parser.add_argument("--only", nargs="*", default=(), help="names of metrics")
    parser.add_argument("--own", action="store_true", help="only functions of the user")
    options = parser.parse_args()
    if options.quick:
        options.draws = 200
    start = time.perf_counter()
    if options.own:
        for line in own_functions(options.draws):
            print(line, flush=True)
        print(f"\n{time.perf_counter() - start:.0f} s")
        return
    for line in rows(options):
        print(line, flush=True)
    if not options.only:
        print()
        for line in advice(max(200, options.draws // 4)):
            print(line, flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
