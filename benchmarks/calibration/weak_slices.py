"""Measure how often `weak_slices` finds slices: of shuffled errors, and of planted segments.

Run it with ``uv run --group bench benchmarks/calibration/weak_slices.py``; it prints Markdown. Each
draw is a call of ``mlgates.weak_slices`` with the metric "accuracy".
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

import mlgates as mg
from mlgates.evidence import Evidence

BASE = 0.25
Table = dict[str, np.ndarray]
Segment = Callable[[Table], np.ndarray]


def table(rng: np.random.Generator, n: int) -> Table:
    """Return columns of numbers, of which one has gaps, of texts, and of bools."""
    columns = {f"x{i}": rng.normal(size=n) for i in range(2)}
    columns["income"] = np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(7, 0.5, n))
    columns |= {name: rng.choice(list("abcde"), n) for name in ("region", "product")}
    columns["channel"] = rng.choice(list("pqrs"), n, p=[0.08, 0.42, 0.3, 0.2])
    columns["member"] = rng.random(n) < 0.4
    return columns


SEGMENTS: dict[str, Segment] = {
    "one text that 8 % of the rows have": lambda X: X["channel"] == "p",
    "one text that 20 % of the rows have, and a bool that is true in 40 % of the rows": lambda X: (
        (X["region"] == "a") & X["member"]
    ),
    "one text that 20 % of the rows have, and the 40 % largest numbers of a column": lambda X: (
        (X["region"] == "a") & (X["x0"] > np.quantile(X["x0"], 0.6))
    ),
    "the 8 % largest numbers of a column": lambda X: X["x1"] > np.quantile(X["x1"], 0.92),
    "the 28 % largest numbers of one column, and the 28 % smallest of another": lambda X: (
        (X["x0"] > np.quantile(X["x0"], 0.717)) & (X["x1"] < np.quantile(X["x1"], 0.283))
    ),
}


def found(X: Table, wrong: np.ndarray, seed: int) -> list[np.ndarray]:
    """Return the rows of each slice that is found, if these rows are errors."""
    true = np.zeros(len(wrong), np.int64)
    true[::2] = 1
    by = mg.weak_slices(X, true, np.where(wrong, 1 - true, true), "accuracy", seed=seed)
    return [part.rows for part in Evidence({"X": X}).slices(by)] if by else []


def covers(rows: np.ndarray, segment: np.ndarray) -> bool:
    """Return whether a slice and a segment share at least half of the rows of each of them."""
    both = np.count_nonzero(rows & segment)
    return 2 * both >= max(np.count_nonzero(rows), np.count_nonzero(segment))


def percent(count: int, draws: int) -> str:
    return f"{100 * count / draws:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.process_time()
    print("| rows | share of errors | draws | a slice is returned, % of the draws |")
    print("| --- | --- | --- | --- |")
    for n, share in ((1_000, 0.25), (200, 0.25), (1_000, 0.05)):
        rng, hits = np.random.default_rng([given.seed, n, round(100 * share)]), 0
        draws = given.draws
        for draw in range(draws):
            X = table(rng, n)
            hits += bool(found(X, rng.random(n) < share, draw))
        print(f"| {n:,} | {share:.0%} | {draws} | {percent(hits, draws)} |", flush=True)
    print()
    print(
        "| how the segment is defined | errors in the segment | draws | a slice is returned, % | a "
        "slice matches the segment, % |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, segment in SEGMENTS.items():
        for error in (0.65,) if name != next(iter(SEGMENTS)) else (0.65, 0.5):
            rng, hits, right = np.random.default_rng([given.seed, round(100 * error)]), 0, 0
            draws = given.draws
            for draw in range(draws):
                X = table(rng, 1_000)
                inside = segment(X)
                wrong = rng.random(1_000) < np.where(inside, error, BASE)
                parts = found(X, wrong, draw)
                hits += bool(parts)
                right += any(covers(rows, inside) for rows in parts)
            shares = f"{percent(hits, draws)} | {percent(right, draws)}"
            print(f"| {name} | {error:.0%} | {draws} | {shares} |", flush=True)
    print(f"\nSeed {given.seed}, {time.process_time() - started:.0f} seconds of one processor.")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
