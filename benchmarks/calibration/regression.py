"""Measure how often `Regression` is wrong, and whether its numbers of rows decide.

Run it with ``uv run --group bench benchmarks/calibration/regression.py``; it prints Markdown. Every
verdict is that of ``Regression(...).run`` on two models whose true difference is known: 0 by
symmetry for equal ones, otherwise the difference on four million rows.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

import mlgates as mg
from mlgates.evidence import Evidence
from mlgates.metrics import find
from mlgates.stats.proportions import tango_interval

SIZES = (50, 200, 1_000, 5_000)
MANY = 4_000_000
DECIDED = (mg.Verdict.PASS, mg.Verdict.FAIL)
Arrays = dict[str, np.ndarray]
#: Takes a generator, a number of rows and how much worse the candidate is; returns evidence.
Law = Callable[[np.random.Generator, int, float], Arrays]


def labels(discordance: float, base: float = 0.3, right: float = 0.85) -> Law:
    """Two classifiers that disagree on a share of the rows, of which `worse` more are lost."""

    def law(rng: np.random.Generator, n: int, worse: float) -> Arrays:
        true = (rng.random(n) < base).astype(np.int64)
        kind = rng.random(n)
        gained = (discordance - worse) / 2
        lost = (discordance + worse) / 2
        alone = kind < gained
        other = (kind >= gained) & (kind < gained + lost)
        both = (kind >= gained + lost) & (kind < right + lost)
        return {
            "y_true": true,
            "y_pred": np.where(alone | both, true, 1 - true),
            "production_pred": np.where(other | both, true, 1 - true),
        }

    return law


def scores(base: float, apart: float) -> Law:
    """Two scores that share most of their noise."""

    def law(rng: np.random.Generator, n: int, worse: float) -> Arrays:
        true = (rng.random(n) < base).astype(np.int64)
        signal = 1.8 * true + rng.normal(size=n)
        noise, other_noise = rng.normal(0, apart, (2, n))
        score, other = signal * (1 - worse) + noise, signal + other_noise
        return {
            "y_true": true,
            "y_score": special.expit(score - 2),
            "production_score": special.expit(other - 2),
        }

    return law


def lost_scores(base: float, share: float) -> Law:
    """Two equal scores, except for a share of the rows, whose candidate's score is noise.

    Each model loses half of the rows that differ, the candidate a share of `worse` more and
    production as much less.
    """

    def law(rng: np.random.Generator, n: int, worse: float) -> Arrays:
        true = (rng.random(n) < base).astype(np.int64)
        signal = 1.8 * true + rng.normal(size=n)
        kind, noise = rng.random(n), 0.9 + rng.normal(size=n)
        mine, other = share * (1 + worse) / 2, share
        return {
            "y_true": true,
            "y_score": np.where(kind < mine, noise, signal),
            "production_score": np.where((kind >= mine) & (kind < other), noise, signal),
        }

    return law


def values(heavy: bool) -> Law:  # noqa: FBT001
    """Two regressions whose errors share most of their noise."""

    def law(rng: np.random.Generator, n: int, worse: float) -> Arrays:
        noise = rng.standard_t(3, n) if heavy else rng.normal(size=n)
        own, other = rng.normal(0, 0.3, (2, n))
        true = rng.normal(50, 10, n)
        return {
            "y_true": true,
            "y_pred": true + (noise + own) * (1 + worse),
            "production_pred": true + noise + other,
        }

    return law


class Case(NamedTuple):
    """A metric, a distribution, and the parameter of a candidate that is worse by the tolerance."""

    metric: str
    kind: str
    law: Law
    worse: float
    draws: float = 1.0  # share of the draws: fewer for metrics that resample rows


CASES = (
    Case("accuracy", "1 % discordant", labels(0.01), 0.005),
    Case("accuracy", "4 % discordant", labels(0.04), 0.01),
    Case("accuracy", "10 % discordant", labels(0.10), 0.02),
    Case("accuracy", "20 % discordant", labels(0.20), 0.04),
    Case("recall", "10 % positives, 4 % discordant", labels(0.04, 0.1), 0.02),
    Case("precision", "4 % discordant", labels(0.04), 0.01),
    Case("f1", "4 % discordant", labels(0.04), 0.01),
    Case("f1", "10 % discordant", labels(0.10), 0.02),
    Case("matthews_corrcoef", "10 % discordant", labels(0.10), 0.02),
    Case("balanced_accuracy", "10 % positives, 10 % discordant", labels(0.10, 0.1), 0.02),
    Case("matthews_corrcoef", "10 % positives, 10 % discordant", labels(0.10, 0.1), 0.02),
    Case("roc_auc", "30 % positives", scores(0.3, 0.4), 0.2),
    Case("roc_auc", "5 % positives", scores(0.05, 0.4), 0.2),
    Case("roc_auc", "30 % positives, 4 % of the scores differ", lost_scores(0.3, 0.04), 0.5),
    Case("roc_auc", "10 % positives, 4 % of the scores differ", lost_scores(0.1, 0.04), 0.5),
    Case("log_loss", "30 % positives", scores(0.3, 0.4), 0.2),
    Case("mean_absolute_error", "normal errors", values(heavy=False), 0.05),
    Case("mean_absolute_error", "t(3) errors", values(heavy=True), 0.05),
    Case("mean_squared_error", "t(3) errors", values(heavy=True), 0.05),
    Case("root_mean_squared_error", "normal errors", values(heavy=False), 0.05),
    Case("average_precision", "30 % positives", scores(0.3, 0.4), 0.2, 0.2),
    Case("r2", "normal errors", values(heavy=False), 0.05, 0.2),
    Case("median_absolute_error", "normal errors", values(heavy=False), 0.05, 0.2),
)


def truth(case: Case, worse: float) -> float:
    """Return the difference on four million rows."""
    metric = find(case.metric, "calibration")
    drawn = case.law(np.random.default_rng(1), MANY, worse)
    evidence = Evidence(drawn)
    found = [
        metric.measure(evidence.outcomes(metric.need, production=production), confidence=0)
        for production in (False, True)
    ]
    return (found[0].value or 0.0) - (found[1].value or 0.0)


def verdicts(gate: mg.Gate, law: Law, n: int, worse: float, draws: int) -> Iterator[mg.Check]:
    for draw in range(draws):
        rng = np.random.default_rng([n, draw, round(1e6 * worse)])
        yield gate.run(**law(rng, n, worse)).checks[0]


def percent(hits: int, draws: int) -> str:
    return f"{100 * hits / draws:.1f}"


def show_errors(draws: int, only: list[str]) -> None:
    print("| metric | models | n | equal: PASS | equal: FAIL | at the limit: PASS |", end="")
    print(" at the limit: FAIL | twice as far: PASS | twice as far: FAIL |")
    print("| " + " | ".join(["---"] * 9) + " |")
    for case in CASES:
        if only and case.metric not in only:
            continue
        tolerance = abs(truth(case, case.worse))
        gate = mg.Regression(case.metric, tolerance=tolerance)
        few = max(int(draws * case.draws), 50)
        for n in SIZES if case.draws == 1 else SIZES[:-1]:
            cells = []
            for times in (0, 1, 2):
                found = list(verdicts(gate, case.law, n, times * case.worse, few))
                cells += [percent(sum(c.verdict is v for c in found), few) for v in DECIDED]
            print(f"| `{case.metric}` | {case.kind} | {n:,} |", " | ".join(cells), "|", flush=True)


def wald_interval(
    gained: np.ndarray, lost: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Wald's 95 % interval of a paired difference."""
    difference = (gained - lost) / rows
    half = special.ndtri(0.975) * np.sqrt(gained + lost - (gained - lost) * difference) / rows
    return difference - half, difference + half


def show_intervals(draws: int) -> None:
    """Print how often Tango's and Wald's intervals miss the true difference."""
    print("\n| discordant | n | Tango: below | above | Wald: below | above |")
    print("| " + " | ".join(["---"] * 6) + " |")
    for discordance in (0.01, 0.04, 0.10, 0.20):
        for n in SIZES:
            rng = np.random.default_rng(n)
            worse = discordance / 4
            shares = [(discordance - worse) / 2, (discordance + worse) / 2, 1 - discordance]
            b, c, _ = rng.multinomial(n, shares, draws).T
            cells = []
            for interval in (tango_interval, wald_interval):
                low, high = interval(b, c, np.full(draws, n))
                rounding = 1e-12
                cells += [percent(int((high < -worse - rounding).sum()), draws)]
                cells += [percent(int((low > -worse + rounding).sum()), draws)]
            print(f"| {100 * discordance:g} % | {n:,} |", " | ".join(cells), "|", flush=True)


def show_advice(draws: int) -> None:
    """Draw as many rows as an INCONCLUSIVE check reports, and count how many draws decide."""
    print("\n| metric | models | n | INCONCLUSIVE | rows reported | decided with them |")
    print("| " + " | ".join(["---"] * 6) + " |")
    for case in CASES:
        if case.draws < 1 or case.metric == "matthews_corrcoef":
            continue
        tolerance = abs(truth(case, case.worse))
        gate = mg.Regression(case.metric, tolerance=tolerance)
        n, reported, decided, undecided = 400, [], 0, 0
        for draw in range(draws):
            rng = np.random.default_rng([7, draw])
            drawn = case.law(rng, n, 0.0 if draw % 2 else 2 * case.worse)
            check = gate.run(**drawn).checks[0]
            if check.verdict is not mg.Verdict.INCONCLUSIVE:
                continue
            undecided += 1
            needed = check.details.get("rows_needed")
            if not isinstance(needed, int) or needed > 200_000:
                continue
            reported.append(needed)
            rows = rng.integers(n, size=needed)
            again = gate.run(**{name: array[rows] for name, array in drawn.items()})
            decided += again.verdict is not mg.Verdict.INCONCLUSIVE
        if reported:
            share = f"{percent(decided, len(reported))} of {len(reported)}"
            middle = f"{int(np.median(reported)):,}"
            inconclusive = f"{percent(undecided, draws)} %"
            print(f"| `{case.metric}` | {case.kind} | {n} | {inconclusive} | {middle} | {share} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--quick", action="store_true", help="100 draws, to see that it runs")
    parser.add_argument("--only", nargs="*", default=(), help="names of metrics")
    options = parser.parse_args()
    draws = 100 if options.quick else options.draws
    start = time.perf_counter()
    show_errors(draws, options.only)
    if not options.only:
        show_intervals(50 * draws)
        show_advice(max(draws // 4, 50))
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
