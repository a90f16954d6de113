"""How often the intervals of `Latency` hold the true quantile, and how often it decides wrongly.

Run it with ``uv run --group bench benchmarks/calibration/latency.py``; it prints Markdown. Series
are judged as `Latency` does, by its kernels; that ``Latency(...).run`` says the same is asserted
for the first of each kind and size. The true quantile of each kind is that of ten million calls.
"""

import argparse
import math
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from scipy import signal

import mlgates as mg
from mlgates.stats.quantiles import (
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
FEW = 30  # independent calls of which a FAIL may be said
Draw = Callable[[np.random.Generator, int], np.ndarray]


def lognormal(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.lognormal(0, 0.5, n)


def bimodal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Every thirtieth call or so misses a cache."""
    slow = rng.random(n) < 0.03
    return np.where(slow, rng.lognormal(2, 0.3, n), rng.lognormal(0, 0.3, n))


def collector(every: int) -> Draw:
    """A pause at every so many calls, from any of them on."""

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        found, first = rng.lognormal(0, 0.2, n), int(rng.integers(every))
        found[first::every] += rng.lognormal(3, 0.3, len(found[first::every]))
        return found

    return draw


def bursts(length: float, share: float = 0.03) -> Draw:
    """So much of the calls is slow, in rows of geometric length."""

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
    """A state of the machine that lasts, and makes up a share of the logarithm's variance."""

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
    """Raise unless the gate says of a series what is counted here."""
    low, high = true * (1 - 1e-9), true * (1 + 1e-9)
    for limit, verdict, wrong in [
        (low, mg.Verdict.PASS, ends[1] <= low),
        (high, mg.Verdict.FAIL, ends[0] > high),
    ]:
        result = mg.Latency(name, at_most=limit).run(latencies=seconds)
        check = result.checks[0]
        few = int(check.details["effective_calls"]) < FEW
        if check.interval != ends or ((result.verdict is verdict) is not wrong and not few):
            message = f"{name}: not what the gate says"
            raise AssertionError(message)


class Tally:
    """Of so many series: intervals that held, that had no upper end, and wrong verdicts."""

    def __init__(self) -> None:
        self.runs = self.held = self.open = self.passed = self.failed = self.naive = 0
        self.effective: list[int] = []

    def add(self, name: str, seconds: np.ndarray, true: float) -> None:
        ordered, share, n = np.sort(seconds), float(Fraction(name[1:]) / 100), len(seconds)
        effective = dependence(seconds, share).effective
        start, end = quantile_interval(ordered, share, effective)
        if self.runs < ASSERTED:
            judge(name, seconds, true, (start, end))
        self.runs += 1
        self.held += start <= true <= end
        self.open += end == math.inf
        # of a limit just below the true quantile, and of one just above
        self.passed += end < true
        self.failed += start > true and (effective >= least_calls(share) or effective >= FEW)
        self.effective.append(effective)
        first, last = quantile_interval(ordered, share, n)
        self.naive += first <= true <= last

    def share(self, count: int) -> str:
        return f"{100 * count / self.runs:.1f}"


def coverage(runs: int, seed: int, kinds: list[str]) -> None:
    print("| calls | n | quantile | held | if independent | wrong PASS | wrong FAIL |", end="")
    print(" no upper end | worth |")
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
    print("\n| calls | n | quantile | held | within 10 % shown | beyond 10 % shown |")
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
                            message = f"{name}: not what the gate says"
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
        ends = quantile_interval(ordered, float(exact), effective)
        parts += [quantile(ordered, exact), ends]
    low, high = ratio_interval(*parts)
    return low - 1, high - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=1_000, help="series of each kind and size, half of the longest"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    given = parser.parse_args()
    began = time.perf_counter()
    coverage(given.runs, given.seed, given.kinds)
    slowdown(max(given.runs // 2, 1), given.seed, given.kinds)
    print(f"\n{given.runs:,} series of each kind and size, seed {given.seed}, ", end="")
    print(f"{(time.perf_counter() - began) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
