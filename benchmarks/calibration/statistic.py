"""Measure how often the intervals of `Statistic` and of its changes cover the true value.

Run it with ``uv run --group bench benchmarks/calibration/statistic.py``; it prints Markdown. Every
interval is the one that the gate reports. A wrong PASS is that of a gate by interval with its limit
at the true value: ``at_most`` and ``at_least`` in turn. Changes are measured between two samples of
one distribution, the reference twice as large; a limit at a true change passes wrongly as often as
the interval lies below it.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

import mlgates as mg
from mlgates.verdict import Verdict

SIZES = (30, 200, 2_000)
MANY = 4_000_000
STATISTICS = ("mean", "std", "median", "quantile:0.9")
Law = Callable[[np.random.Generator, int], np.ndarray]


def with_atoms(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw 60 % zeros, 20 % tens, and exponential values."""
    kind = rng.random(n)
    return np.where(kind < 0.6, 0.0, np.where(kind < 0.8, 10.0, rng.exponential(5, n)))


LAWS: dict[str, Law] = {
    "normal": lambda rng, n: rng.normal(5, 2, n),
    "exponential": lambda rng, n: rng.exponential(3, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n),
    "atoms": with_atoms,
}
RATES = (0.02, 0.3)


class Rates(NamedTuple):
    """Shares of the draws, in percent."""

    covered: float
    above: float  # the interval lies above the true value
    below: float
    none: float
    passed_high: float  # PASS with `at_most` at the true value
    passed_low: float  # PASS with `at_least` at it

    def cells(self) -> str:
        shares = ["-" if np.isnan(share) else f"{share:.1f}" for share in self]
        return " | ".join(shares)


def rates_of(runs: Iterator[tuple[mg.Check, float]], draws: int) -> Rates:
    """Count where the interval of each check lies, and how often a limit at the truth passes."""
    counts, passes = np.zeros(4), np.zeros(2)
    for check, goal in runs:
        ends = check.interval
        if ends is None:
            counts[3] += 1
            continue
        counts[1 if ends[0] > goal else 2 if ends[1] < goal else 0] += 1
        for side, limit in enumerate((mg.Limit(at_most=goal), mg.Limit(at_least=goal))):
            measured = mg.Measurement(check.value, n=check.n, interval=ends)
            judged = mg.Check.judge("x", "x", measured, limit, rule="interval")
            passes[side] += judged.verdict is Verdict.PASS
    known = max(1.0, draws - counts[3])
    return Rates(*(100 * counts[:3] / known), 100 * counts[3] / draws, *(100 * passes / draws))


def table(values: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": values}


def truth(of: str, values: np.ndarray) -> float:
    if values.dtype == np.bool_:
        return float(values.mean())
    low = mg.Statistic(of, "x", at_least=0, decide_by="estimate")
    return float(low.run(data=table(values)).checks[0].value)


def gate_of(of: str, change: str) -> mg.Statistic:
    limit = {"at_least": 0.0} if not change else {f"max_{change}": 1.0}
    return mg.Statistic(of, "x", **limit)


def cases(only: list[str]) -> Iterator[tuple[str, str, Law]]:
    for name, law in LAWS.items():
        for of in STATISTICS:
            if not only or of in only:
                yield of, name, law
    if not only or "rate" in only:
        for rate in RATES:
            yield "rate", f"rate {rate}", lambda rng, n, rate=rate: rng.random(n) < rate


def rows(draws: int, only: list[str]) -> Iterator[str]:
    yield (
        "| statistic | distribution | n | covers | too high | too low | no interval | wrong PASS, "
        "`at_most` | `at_least` |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for of, name, law in cases(only):
        goal = truth(of, law(np.random.default_rng(99), MANY))
        gate = gate_of(of, "")
        for n in SIZES:
            runs = (
                (gate.run(data=table(law(np.random.default_rng([1, n, i]), n))).checks[0], goal)
                for i in range(draws)
            )
            yield f"| `{of}` | {name} | {n:,} | {rates_of(runs, draws).cells()} |"


def changes(draws: int, only: list[str]) -> Iterator[str]:
    yield "| change of | distribution | n | covers | too high | too low | no interval |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for of, name, law in cases(only):
        for change, goal in (("change", 0.0), ("relative_change", 0.0)):
            gate = gate_of(of, change)
            for n in SIZES:
                runs = (
                    (gate.run(data=table(law(rng, n)), reference=table(law(rng, 2 * n))), goal)
                    for rng in (np.random.default_rng([2, n, i]) for i in range(draws))
                )
                checks = ((result.checks[0], zero) for result, zero in runs)
                cells = " | ".join(rates_of(checks, draws).cells().split(" | ")[:4])
                title = of if change == "change" else f"{of}, relative"
                yield f"| {title} | {name} | {n:,} | {cells} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2_000)
    parser.add_argument("--quick", action="store_true", help="100 draws, to see that it runs")
    parser.add_argument("--only", nargs="*", default=[], help="names of statistics")
    options = parser.parse_args()
    draws = 100 if options.quick else options.draws
    start = time.perf_counter()
    for line in rows(draws, options.only):
        print(line, flush=True)
    print()
    for line in changes(draws, options.only):
        print(line, flush=True)
    print(f"\n{draws:,} draws, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
