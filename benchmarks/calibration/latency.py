"""How often the intervals of `Latency` hold the true quantile, and how soon the gate decides.

Run it with ``uv run --group bench benchmarks/calibration/latency.py``; it prints Markdown. Series
are judged as `Latency` does, by its functions; the script checks that ``Latency(...).run`` gives
the same for the first of each kind and size. The true quantile of each kind is that of ten million
calls.

``--decisions 10`` measures scikit-learn models instead: how often and how soon the default options
decide, with a limit three times above and three times below the quantile of as many calls as fit
into `--seconds` just before. ``--busy`` keeps all processors busy by other processes meanwhile.
"""

import argparse
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
from scipy import signal

import mlgates as mg
from mlgates.stats.quantiles import (
    block_interval,
    dependence,
    least_calls,
    quantile,
    quantile_interval,
    ratio_interval,
)

QUANTILES = ("p50", "p95", "p99")
SIZES = (1_000, 5_000, 20_000)
MANY = 1_000_000
ASSERTED = 10
FEW = 10  # fewest independent calls of a FAIL
Draw = Callable[[np.random.Generator, int], np.ndarray]


def lognormal(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.lognormal(0, 0.5, n)


def bimodal(rng: np.random.Generator, n: int) -> np.ndarray:
    """About one call in thirty misses a cache."""
    slow = rng.random(n) < 0.03
    return np.where(slow, rng.lognormal(2, 0.3, n), rng.lognormal(0, 0.3, n))


def collector(every: int) -> Draw:
    """A pause after each `every` calls, from a random one on."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        found, first = rng.lognormal(0, 0.2, n), int(rng.integers(every))
        found[first::every] += rng.lognormal(3, 0.3, len(found[first::every]))
        return found

    return draw


def bursts(length: float, share: float = 0.03) -> Draw:
    """A share of the calls is slow, in runs of geometric length."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        between = length * (1 - share) / share
        rows = int(2 * n / (length + between)) + 50
        lengths = np.empty(2 * rows, np.int64)
        starts_slow = rng.random() < share
        lengths[int(not starts_slow) :: 2] = rng.geometric(1 / length, rows)
        lengths[int(starts_slow) :: 2] = rng.geometric(1 / between, rows)
        states = np.zeros(2 * rows, bool)
        states[int(not starts_slow) :: 2] = True
        slow = np.repeat(states, lengths)[:n]
        return np.where(slow, rng.lognormal(2, 0.5, n), rng.lognormal(0, 0.3, n))

    return draw


def autoregressive(rho: float, share: float = 1.0) -> Draw:
    """A lasting state of the machine has a share of the variance of the logarithm."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        noise = rng.normal(size=n)
        noise[1:] *= math.sqrt(1 - rho**2)
        state = signal.lfilter([1], [1, -rho], noise)
        return np.exp(0.5 * (math.sqrt(share) * state + math.sqrt(1 - share) * rng.normal(size=n)))

    return draw


KINDS: dict[str, Draw] = {
    "lognormal": lognormal,
    "bimodal": bimodal,
    "pause every 40": collector(40),
    "pause every 100": collector(100),
    "bursts of 5": bursts(5),
    "bursts of 20": bursts(20),
    "AR(1), 0.3": autoregressive(0.3),
    "AR(1), 0.6": autoregressive(0.6),
    "AR(1), 0.9": autoregressive(0.9),
    "drift in noise": autoregressive(0.98, 0.3),
}
SAID = {
    "lognormal": "independent",
    "bimodal": "independent; 3 % of the calls are seven times slower",
    "pause every 40": "as of a garbage collector: each 40th call is twenty times slower",
    "pause every 100": "each 100th call",
    "bursts of 5": "3 % of the calls are seven times slower, in rows of 5 on average",
    "bursts of 20": "in rows of 20 on average: 1,000 calls hold one or two",
    "AR(1), 0.3": "the logarithm is autoregressive of the first order",
    "AR(1), 0.6": "",
    "AR(1), 0.9": "",
    "drift in noise": "30 % of the logarithm's variance is autoregressive with 0.98",
}


def truth(draw: Draw) -> dict[str, float]:
    parts = [draw(np.random.default_rng([7, i]), MANY) for i in range(10)]
    ordered = np.sort(np.concatenate(parts))
    return {name: quantile(ordered, Fraction(name[1:]) / 100) for name in QUANTILES}


def judge(name: str, seconds: np.ndarray, true: float, ends: tuple[float, float]) -> None:
    """Raise unless the gate gives a series the verdicts that are counted here."""
    low, high = true * (1 - 1e-9), true * (1 + 1e-9)
    for limit, verdict, wrong in [
        (low, mg.Verdict.PASS, ends[1] <= low),
        (high, mg.Verdict.FAIL, ends[0] > high),
    ]:
        result = mg.Latency(name, at_most=limit).run(latencies=seconds)
        check = result.checks[0]
        few = int(check.details["effective_calls"]) < FEW and "blocks" not in check.method
        if check.interval != ends or ((result.verdict is verdict) is not wrong and not few):
            message = f"{name}: the gate gives another interval or verdict"
            raise AssertionError(message)


def block_ends(seconds: np.ndarray, share: float) -> tuple[float, float] | None:
    """Return the interval from blocks of calls, where the gate uses it."""
    calls, least = dependence(seconds, share), least_calls(share)
    if calls.inflation <= 1 or calls.effective >= max(least, 30):
        return None
    if calls.effective_beyond <= calls.effective < least:
        return None
    return block_interval(seconds, share)


class Tally:
    """Of so many series: intervals that held, that had no upper end, and wrong verdicts."""

    def __init__(self) -> None:
        self.runs = self.held = self.open = self.passed = self.failed = self.naive = 0
        self.effective: list[int] = []

    def add(self, name: str, seconds: np.ndarray, true: float) -> None:
        ordered, share, n = np.sort(seconds), float(Fraction(name[1:]) / 100), len(seconds)
        effective = dependence(seconds, share).effective
        by_blocks = block_ends(seconds, share)
        start, end = by_blocks or quantile_interval(ordered, share, effective)
        if self.runs < ASSERTED:
            judge(name, seconds, true, (start, end))
        self.runs += 1
        self.held += start <= true <= end
        self.open += end == math.inf
        # of a limit just below the true quantile, and of one just above
        self.passed += end < true
        enough = by_blocks or effective >= min(least_calls(share), FEW)
        self.failed += start > true and bool(enough)
        self.effective.append(effective)
        first, last = quantile_interval(ordered, share, n)
        self.naive += first <= true <= last

    def share(self, count: int) -> str:
        return f"{100 * count / self.runs:.1f}"


def coverage(runs: int, seed: int, kinds: list[str]) -> None:
    print("| calls | n | quantile | covered | covered, if taken as independent |", end="")
    print(" wrong PASS | wrong FAIL |", end="")
    print(" no upper end | effective calls |")
    print(f"|{' --- |' * 9}")
    for kind in kinds:
        draw, number = KINDS[kind], list(KINDS).index(kind)
        true = truth(draw)
        for n in SIZES:
            rng = np.random.default_rng([seed, number, n])
            tallies = {name: Tally() for name in QUANTILES}
            for _ in range(runs if n < SIZES[-1] else runs // 2):
                seconds = draw(rng, n)
                for name, tally in tallies.items():
                    tally.add(name, seconds, true[name])
            for name, tally in tallies.items():
                counts = (tally.held, tally.naive, tally.passed, tally.failed, tally.open)
                cells = [kind, f"{n:,}", name, *map(tally.share, counts)]
                print(f"| {' | '.join(cells)} | {np.median(tally.effective):,.0f} |", flush=True)


def slowdown(runs: int, seed: int, kinds: list[str]) -> None:
    """A model that is 20 % slower, in pairs of series that depend or don't."""
    print("\n| calls | n | quantile | covered | within 10 % shown | beyond 10 % shown |")
    print(f"|{' --- |' * 6}")
    for kind in kinds:
        draw, number = KINDS[kind], list(KINDS).index(kind)
        for n in SIZES[:2]:
            rng = np.random.default_rng([seed, number, n, 1])
            tallies = {name: [0, 0, 0] for name in QUANTILES}
            for run in range(runs):
                mine, theirs = 1.2 * draw(rng, n), draw(rng, n)
                for name, tally in tallies.items():
                    low, high = ratio(name, mine, theirs)
                    if run < ASSERTED:
                        gate = mg.Latency(name, max_slowdown=0.1)
                        (check,) = gate.run(latencies=mine, production_latencies=theirs).checks
                        if check.interval != (low, high):
                            message = f"{name}: the gate gives another interval"
                            raise AssertionError(message)
                    tally[0] += low <= 0.2 <= high
                    tally[1] += high <= 0.1
                    tally[2] += low > 0.1
            for name, tally in tallies.items():
                cells = [kind, f"{n:,}", name, *(f"{100 * count / runs:.1f}" for count in tally)]
                print(f"| {' | '.join(cells)} |", flush=True)


def ratio(name: str, mine: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    exact, parts = Fraction(name[1:]) / 100, []
    for seconds in (mine, theirs):
        ordered, effective = np.sort(seconds), dependence(seconds, float(exact)).effective
        ends = block_ends(seconds, float(exact))
        ends = ends or quantile_interval(ordered, float(exact), effective)
        parts += [quantile(ordered, exact), ends]
    low, high = ratio_interval(*parts)
    return low - 1, high - 1


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep processors busy by so many other processes."""
    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command) for _ in range(processes)]  # noqa: S603
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def decisions(repeats: int, seconds: float) -> None:
    """Print how often and how soon `Latency` decides on models of scikit-learn."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 10))
    y = X[:, 0] + rng.normal(size=2_000) > 0
    models = {
        "logistic regression": LogisticRegression().fit(X, y),
        "30 trees": RandomForestClassifier(30, random_state=0).fit(X, y),
    }
    print("| model | quantile | limit | PASS | FAIL | INCONCLUSIVE | seconds, median | largest |")
    print(f"|{' --- |' * 8}")
    for title, model in models.items():
        for name in QUANTILES:
            counts = {3.0: Counter[str](), 1 / 3: Counter[str]()}
            spent: dict[float, list[float]] = {factor: [] for factor in counts}
            for _ in range(repeats):
                true = true_quantile(model, X, name, seconds)
                for factor, verdicts in counts.items():
                    start = time.perf_counter()
                    result = mg.Latency(name, at_most=factor * true).run(model=model, X=X)
                    spent[factor].append(time.perf_counter() - start)
                    verdicts[str(result.verdict)] += 1
            for factor, verdicts in counts.items():
                limit = "3 times above" if factor > 1 else "3 times below"
                given = [str(verdicts[one]) for one in ("pass", "fail", "inconclusive")]
                times = [f"{np.median(spent[factor]):.1f}", f"{max(spent[factor]):.1f}"]
                print(f"| {' | '.join([title, name, limit, *given, *times])} |", flush=True)


def true_quantile(model: object, X: np.ndarray, name: str, seconds: float) -> float:
    """Return the quantile of as many calls as fit into so many seconds."""
    took, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end and len(took) < MANY:
        row = X[[len(took) % len(X)]]
        start = time.perf_counter()
        model.predict(row)  # type: ignore[attr-defined]
        took.append(time.perf_counter() - start)
    return quantile(np.sort(took), Fraction(name[1:]) / 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=1_000, help="series of each kind and size, half of the longest"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--decisions", type=int, metavar="N", help="measure models N times instead")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="of calls for the true quantile of a model"
    )
    parser.add_argument(
        "--busy", action="store_true", help="with other processes on all processors"
    )
    given = parser.parse_args()
    if given.decisions:
        processors = os.cpu_count() or 1
        with busy(processors if given.busy else 0):
            decisions(given.decisions, given.seconds)
        print(f"\nload of {processors} processors at the end: {os.getloadavg()[0]:.1f}")
        return
    began = time.perf_counter()
    coverage(given.runs, given.seed, given.kinds)
    slowdown(max(given.runs // 2, 1), given.seed, given.kinds)
    print(f"\n{given.runs:,} series of each kind and size, seed {given.seed}, ", end="")
    print(f"{(time.perf_counter() - began) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
