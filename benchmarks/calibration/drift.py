"""Measure the false alarms, the power and the forecasts of `Drift` by simulation.

Run it with ``uv run --group bench benchmarks/calibration/drift.py``; it prints Markdown. Every
column is judged by ``Drift(...).run``. The columns of a draw are independent, so one run over 200
columns is also 20 gates over 10 columns each: the p-values of each group are adjusted again by
`holm` and decided by `decide`. Every draw checks that this gives the verdicts of the gate for all
200 columns.
"""

import argparse
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy import stats

import mlgates as mg
from mlgates.report import GateResult
from mlgates.stats.multiplicity import holm
from mlgates.verdict import Limit, Measurement, Verdict, decide

WIDTH = 200
WIDTHS = (1, 10, 50, 200)
LIMITS = {"ks": 0.1, "psi": 0.2}
LEVEL = 0.05
LEAST = 30
SIZES = [
    *((n, n) for n in (30, 50, 200, 5_000)),
    *((n, 5_000) for n in (30, 50, 200)),
    *((n, 20_000) for n in (30, 50, 200, 5_000)),
]
ADVISED = [(200, 200), (30, 5_000), (50, 20_000), (200, 20_000)]
Table = dict[str, object]
Draw = Callable[[np.random.Generator, tuple[int, int], int], Iterable[object]]


class Case(NamedTuple):
    """A cell of the tables: the method, the kind of column, and the rows of data and reference."""

    method: str
    kind: str
    sizes: tuple[int, int]

    def rng(self, seed: int, drift: int) -> np.random.Generator:
        return np.random.default_rng([seed, *self.sizes, *map(ord, self.method + self.kind), drift])


class Column(NamedTuple):
    """The result of the gate for one column."""

    value: float
    p_value: float
    n: int
    reason: str


def continuous(rng: np.random.Generator, shape: tuple[int, int], drift: int) -> np.ndarray:
    return rng.normal(0.5 * drift, 1.0, shape)


def heavy_tailed(rng: np.random.Generator, shape: tuple[int, int], drift: int) -> np.ndarray:
    return rng.standard_t(2, shape) + 0.6 * drift


def zero_inflated(rng: np.random.Generator, shape: tuple[int, int], drift: int) -> np.ndarray:
    return np.where(rng.random(shape) < 0.8 - 0.25 * drift, 0.0, rng.lognormal(0, 1, shape))


def five_levels(rng: np.random.Generator, shape: tuple[int, int], drift: int) -> np.ndarray:
    shares = (0.2, 0.25, 0.2, 0.2, 0.15) if drift else (0.4, 0.3, 0.15, 0.1, 0.05)
    return rng.choice(5, shape, p=shares)


def rare_texts(
    rng: np.random.Generator, shape: tuple[int, int], drift: int
) -> Iterator[pa.DictionaryArray]:
    """Texts of 1,000 values with shares proportional to 1/k; with drift, to 1/k^0.7."""
    share = np.arange(1, 1_001.0) ** (-0.7 if drift else -1.0)
    codes = rng.choice(1_000, shape, p=share / share.sum()).astype(np.int32)
    names = pa.array([f"value {i}" for i in range(1_000)])
    return (pa.DictionaryArray.from_arrays(row, names) for row in codes)


def eighteen_levels(rng: np.random.Generator, shape: tuple[int, int], _: int) -> np.ndarray:
    return rng.integers(0, 18, shape)


def half_levels(rng: np.random.Generator, shape: tuple[int, int], _: int) -> np.ndarray:
    numbers = rng.normal(4, 4, shape)
    return np.where(rng.random(shape) < 0.5, rng.integers(0, 9, shape), numbers)


def uneven_levels(rng: np.random.Generator, shape: tuple[int, int], _: int) -> np.ndarray:
    return rng.choice(6, shape, p=(0.5, 0.2, 0.1, 0.1, 0.05, 0.05))


def rare_flags(rng: np.random.Generator, shape: tuple[int, int], _: int) -> np.ndarray:
    return rng.random(shape) < 0.07


KINDS: dict[str, Draw] = {
    "continuous": continuous,
    "heavy-tailed": heavy_tailed,
    "zero-inflated": zero_inflated,
    "five levels": five_levels,
    "rare texts": rare_texts,
}
#: Columns with a small reference or with rare values, for which simple tests are wrong.
HARD: dict[str, Draw] = {
    "eighteen equal levels": eighteen_levels,
    "half of nine levels": half_levels,
    "uneven levels": uneven_levels,
    "rare flags": rare_flags,
}
HARD_SIZES = [(100, 100), (1_000, 100), (20_000, 100), (3_000, 300), (10_000, 1_000), (100, 5_000)]
SHIFTS = {
    "continuous": "normal, the mean by half a standard deviation",
    "heavy-tailed": "Student's t with 2 degrees of freedom, moved by 0.6",
    "zero-inflated": "80 % zeros become 55 %, the others lognormal",
    "five levels": "40, 30, 15, 10, 5 % become 20, 25, 20, 20, 15 %",
    "rare texts": "1,000 values, the share of the k-th is proportional to 1/k, then to 1/k^0.7",
}


def table(kind: str, rng: np.random.Generator, shape: tuple[int, int], drift: int = 0) -> Table:
    return {f"c{i}": column for i, column in enumerate({**KINDS, **HARD}[kind](rng, shape, drift))}


def columns_of(result: GateResult) -> list[Column]:
    return [
        Column(
            math.nan if check.value is None else check.value,
            float(check.details["p_value_alone"]),
            check.n,
            check.reason,
        )
        for check in result.checks
        if "p_value_alone" in check.details  # texts with too many values are not judged
    ]


def verdicts(method: str, columns: list[Column]) -> list[Verdict]:
    """Verdicts of columns that are judged together by one gate."""
    limit = Limit(at_most=LIMITS[method])
    adjusted = holm([column.p_value for column in columns]).tolist()
    return [
        decide(
            Measurement(column.value, n=column.n, p_value=p_value),
            limit,
            "significance",
            min_n=LEAST,
            significance=LEVEL,
        ).verdict
        for column, p_value in zip(columns, adjusted, strict=True)
    ]


def columns(case: Case, draws: int, drift: int, seed: int) -> list[Column]:
    """Columns judged in a number of draws of 200; a large reference is used for several draws."""
    rng, (n, m) = case.rng(seed, drift), case.sizes
    gate, results, reference = mg.Drift(case.method, min_samples=LEAST), [], None
    for draw in range(draws):
        if reference is None or m <= 200 or draw % 4 == 0:
            reference = mg.Profile.of(table(case.kind, rng, (WIDTH, m)))
        data = table(case.kind, rng, (WIDTH, n), drift)
        result = gate.run(data=data, reference=reference)
        judged = columns_of(result)
        expected = [check.verdict for check in result.checks if "p_value_alone" in check.details]
        if verdicts(case.method, judged) != expected:
            message = f"{case}: the verdicts differ from those of the gate"
            raise AssertionError(message)
        results += judged
    return results


def not_passed(group: list[Verdict]) -> bool:
    """Whether a report of this gate alone does not pass; undecided columns are allowed."""
    return Verdict.FAIL in group or Verdict.PASS not in group


class Rates(NamedTuple):
    """Number of gates over some number of columns, of those that failed, and that did not pass."""

    gates: int
    failed: int
    not_passed: int


def rates(method: str, results: list[Column], width: int) -> Rates:
    groups = [
        verdicts(method, results[first : first + width])
        for first in range(0, len(results) - width + 1, width)
    ]
    failed = sum(Verdict.FAIL in group for group in groups)
    return Rates(len(groups), failed, sum(map(not_passed, groups)))


def power(
    method: str, alone: list[Column], drifted: list[Column], width: int, rng: np.random.Generator
) -> float:
    """Share of drifted columns that FAIL in a gate whose other columns did not drift."""
    limit, failed = Limit(at_most=LIMITS[method]), 0
    chance = np.array([column.p_value for column in alone])
    for column in drifted:
        others = chance[rng.integers(0, len(chance), width - 1)]
        p_value = float(holm([column.p_value, *others])[0])
        measured = Measurement(column.value, n=column.n, p_value=p_value)
        decision = decide(measured, limit, "significance", min_n=LEAST, significance=LEVEL)
        failed += decision.verdict is Verdict.FAIL
    return failed / len(drifted)


FORECAST = re.compile(r"([\d,]+) rows would be enough")


def forecasts(case: Case, drift: int, wanted: int, seed: int) -> tuple[int, int, list[int]]:
    """Number of undecided draws with a forecast, of those decided with it, and the forecasts."""
    rng, (n, m) = case.rng(seed, drift), case.sizes
    gate, width = mg.Drift(case.method, min_samples=LEAST), 10
    undecided, decided, needed = 0, 0, []
    for _ in range(2 * wanted):
        reference = mg.Profile.of(table(case.kind, rng, (width, m)))
        data = table(case.kind, rng, (width, n), drift)
        checks = gate.run(data=data, reference=reference).checks
        open_ = [
            c for c in checks if c.verdict is Verdict.INCONCLUSIVE and FORECAST.search(c.reason)
        ]
        if not open_:
            continue
        rows = int(FORECAST.search(open_[0].reason)[1].replace(",", ""))
        data = table(case.kind, rng, (width, rows), drift)
        again = {c.subject: c for c in gate.run(data=data, reference=reference).checks}
        needed.append(rows)
        undecided += 1
        decided += again[open_[0].subject].verdict in (Verdict.PASS, Verdict.FAIL)
        if undecided == wanted:
            break
    return undecided, decided, needed


def percent(part: float, whole: float) -> str:
    if not whole:
        return ""
    share = 100 * part / whole
    return f"{share:.1f}" if share < 10 and share else f"{share:.0f}"


def too_many(failed: int, gates: int, level: float = LEVEL) -> bool:
    """Whether this many false alarms have a probability below 1 in 1,000 at the level."""
    return bool(stats.binom.sf(failed - 1, gates, level) < 0.001)


def line(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |")


def head(*cells: str) -> None:
    print()
    line(*cells)
    line(*("---" for _ in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=8, help="draws of 200 columns without drift")
    parser.add_argument("--drifted", type=int, default=2, help="draws of 200 columns with drift")
    parser.add_argument("--forecasts", type=int, default=25, help="draws with a forecast of rows")
    parser.add_argument("--hard", type=int, default=20, help="draws of the hard columns")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.perf_counter()
    methods = [(m, k) for m in LIMITS for k in KINDS if (m, k) != ("ks", "rare texts")]
    cases = [Case(method, kind, sizes) for method, kind in methods for sizes in SIZES]
    alone = {case: columns(case, given.draws, 0, given.seed) for case in cases}
    drifted = {case: columns(case, given.drifted, 1, given.seed) for case in cases}
    show_alarms(alone)
    show_kinds(methods, alone)
    show_hard(given.hard, given.seed)
    show_power(methods, alone, drifted, given.seed)
    show_forecasts(methods, given.forecasts, given.seed)
    seconds = time.perf_counter() - started
    print(f"\n{given.draws} draws of {WIDTH} columns a cell, seed {given.seed}, {seconds:.0f} s.")


def show_alarms(alone: dict[Case, list[Column]]) -> None:
    print("\nWithout drift: share of gates that FAIL, in percent, all kinds of column together")
    head(
        "method",
        "rows, reference",
        *(f"FAIL, {w} columns" for w in WIDTHS),
        "columns undecided",
        *(f"not passed, {w}" for w in WIDTHS),
    )
    for method in LIMITS:
        for sizes in SIZES:
            results = [v for c, v in alone.items() if (c.method, c.sizes) == (method, sizes)]
            by_width = [[rates(method, v, width) for v in results] for width in WIDTHS]
            total = [Rates(*map(sum, zip(*each, strict=True))) for each in by_width]
            single = total[0]
            undecided = single.not_passed - single.failed
            flags = ["!" if too_many(each.failed, each.gates) else "" for each in total]
            line(
                method,
                f"{sizes[0]:,}, {sizes[1]:,}",
                *(percent(t.failed, t.gates) + f for t, f in zip(total, flags, strict=True)),
                percent(undecided, single.gates),
                *(percent(t.not_passed, t.gates) for t in total),
            )


def show_kinds(methods: list[tuple[str, str]], alone: dict[Case, list[Column]]) -> None:
    print("\nSize of the test: share of p-values up to 0.05, and up to 0.001, in percent")
    head("method", "columns", *(f"{n:,}, {m:,}" for n, m in SIZES), "up to 0.001")
    for method, kind in methods:
        cells, few, n = [], 0, 0
        for sizes in SIZES:
            p = np.array([c.p_value for c in alone[Case(method, kind, sizes)]])
            low = int((p <= LEVEL).sum())
            cells.append(percent(low, len(p)) + ("!" if too_many(low, len(p)) else ""))
            few, n = few + int((p <= 0.001).sum()), n + len(p)
        flag = "!" if too_many(few, n, 0.001) else ""
        line(method, kind, *cells, f"{100 * few / n:.2f}{flag}")


def show_hard(draws: int, seed: int) -> None:
    print("\nHard cases without drift: gates in which any column is significant, in percent")
    head("columns", "rows, reference", *(f"{w} columns" for w in WIDTHS))
    for kind in HARD:
        for sizes in HARD_SIZES:
            results = columns(Case("psi", kind, sizes), draws, 0, seed)
            p = np.array([column.p_value for column in results])
            cells = []
            for width in WIDTHS:
                groups = [holm(group).min() <= LEVEL for group in p.reshape(-1, width)]
                failed, gates = int(np.sum(groups)), len(groups)
                cells.append(percent(failed, gates) + ("!" if too_many(failed, gates) else ""))
            line(kind, f"{sizes[0]:,}, {sizes[1]:,}", *cells)


def show_power(
    methods: list[tuple[str, str]],
    alone: dict[Case, list[Column]],
    drifted: dict[Case, list[Column]],
    seed: int,
) -> None:
    print("\nOne column drifted: share of FAIL of that column, in percent, of 1 / 10 / 200 columns")
    head("method", "columns", "distance", *(f"{n:,}, {m:,}" for n, m in SIZES))
    for method, kind in methods:
        largest = drifted[Case(method, kind, SIZES[-1])]
        cells = []
        for sizes in SIZES:
            case = Case(method, kind, sizes)
            both, rng = (alone[case], drifted[case]), case.rng(seed, 2)
            shares = [power(method, *both, w, rng) for w in (1, 10, 200)] if all(both) else []
            cells.append(" / ".join(percent(share, 1) for share in shares))
        line(method, kind, f"{np.mean([c.value for c in largest]):.2f}", *cells)
    for kind, shift in SHIFTS.items():
        print(f"\n- {kind}: {shift}")


def show_forecasts(methods: list[tuple[str, str]], wanted: int, seed: int) -> None:
    print("\nUndecided draws with a forecast of the rows needed: decided with that many rows")
    head("method", "columns", "drift", *(f"{n:,}, {m:,} (rows)" for n, m in ADVISED))
    for method, kind in methods:
        for drift in (0, 1):
            cells = []
            for sizes in ADVISED:
                case = Case(method, kind, sizes)
                undecided, decided, needed = forecasts(case, drift, wanted, seed)
                rows = f"{int(np.median(needed)):,}" if needed else "none"
                cells.append(f"{percent(decided, undecided) or '-'} of {undecided} ({rows})")
            line(method, kind, "yes" if drift else "no", *cells)


if __name__ == "__main__":
    main()
