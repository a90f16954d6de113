"""Measure the false alarms and the power of `MultivariateDrift` by simulation.

Run it with ``uv run --group bench benchmarks/calibration/multivariate_drift.py``; it prints
Markdown. Each draw of two tables is judged by ``MultivariateDrift().run``.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

import mlgates as mg
from mlgates.verdict import Verdict

WIDTH = 10
Table = dict[str, np.ndarray]
Pair = tuple[Table, Table]
Draw = Callable[[np.random.Generator, int], Pair]


def named(columns: np.ndarray) -> Table:
    return {f"c{i}": column for i, column in enumerate(columns)}


def normal(rng: np.random.Generator, n: int) -> Table:
    return named(rng.normal(size=(WIDTH, n)))


def mixed(rng: np.random.Generator, n: int) -> Table:
    """Correlated numbers, of which some are missing, whole numbers, texts and bools."""
    common = rng.normal(size=n)
    table = named(common + rng.normal(size=(4, n)))
    table["gaps"] = np.where(rng.random(n) < 0.3, np.nan, common)
    table["count"] = rng.poisson(3, n)
    table["zeros"] = np.where(rng.random(n) < 0.8, 0.0, rng.lognormal(size=n))
    table["city"] = rng.choice([f"city {i}" for i in range(300)], n)
    table["size"] = rng.choice(["s", "m", "l"], n)
    table["member"] = rng.random(n) < 0.3
    return table


def repeated(rng: np.random.Generator, n: int) -> Table:
    """Rows that are each there twice."""
    return {name: np.repeat(column, 2) for name, column in normal(rng, n // 2).items()}


def patients(rng: np.random.Generator, n: int) -> Table:
    """Rows of patients, who have 1 to 9 rows each; the values of a patient are alike."""
    patient = np.repeat(np.arange(n), rng.integers(1, 10, n))[:n]
    shared, own = rng.normal(size=(2, WIDTH, n))
    table = named(np.sqrt(0.5) * shared[:, patient] + np.sqrt(0.5) * own)
    return table | {"patient": patient + int(rng.integers(1 << 40))}  # other patients in each table


def unchanged(draw: Callable[[np.random.Generator, int], Table]) -> Draw:
    return lambda rng, n: (draw(rng, n), draw(rng, n))


def identical(rng: np.random.Generator, n: int) -> Pair:
    table = normal(rng, n)
    return table, table


def turned(correlation: float) -> Draw:
    """Two of the columns have a correlation, and in the data its opposite."""

    def draw(rng: np.random.Generator, n: int) -> Pair:
        data, reference = normal(rng, n), normal(rng, n)
        rest = np.sqrt(1 - correlation**2)
        for table, sign in ((data, -1), (reference, 1)):
            table["c1"] = sign * correlation * table["c0"] + rest * table["c1"]
        return data, reference

    return draw


def moved(columns: int, by: float) -> Draw:
    def draw(rng: np.random.Generator, n: int) -> Pair:
        data, reference = normal(rng, n), normal(rng, n)
        for i in range(columns):
            data[f"c{i}"] += by
        return data, reference

    return draw


class Case(NamedTuple):
    """A row of the table: what is drawn, the rows a side, and the number of draws.

    `given` is evidence besides the two tables, and `exclude` an option of the gate.
    """

    name: str
    draw: Draw
    rows: int
    draws: int
    given: Mapping[str, str] = MappingProxyType({})
    exclude: tuple[str, ...] = ()


NULL = [
    *(Case("normal", unchanged(normal), *size) for size in ((200, 300), (500, 300))),
    *(Case("normal", unchanged(normal), *size) for size in ((2_000, 150), (5_000, 60))),
    *(Case("mixed", unchanged(mixed), *size) for size in ((200, 150), (500, 150), (2_000, 100))),
    *(Case("each row twice", unchanged(repeated), *size) for size in ((500, 150), (2_000, 100))),
    Case("both tables identical", identical, 500, 20),
]
CLUSTERED = [
    case
    for n, draws in ((500, 300), (2_000, 150))
    for case in (
        Case("patients", unchanged(patients), n, draws, exclude=("patient",)),
        Case("patients, with `clusters`", unchanged(patients), n, draws, {"clusters": "patient"}),
    )
]
CHANGED = [
    Case("a correlation of 0.9 becomes -0.9", turned(0.9), 500, 100),
    Case("a correlation of 0.5 becomes -0.5", turned(0.5), 500, 100),
    Case("a correlation of 0.3 becomes -0.3", turned(0.3), 2_000, 100),
    Case("all ten columns move by 0.2 sd", moved(10, 0.2), 2_000, 100),
    Case("one column moves by 0.5 sd", moved(1, 0.5), 2_000, 100),
]


TABLES = {"nothing": NULL, "clusters": CLUSTERED, "changed": CHANGED}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="share of the draws to make")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=TABLES, nargs="*", default=list(TABLES))
    given = parser.parse_args()
    started = time.process_time()
    for title in given.only:
        print(f"\n{title}\n")
        print("| rows | what | draws | mean AUC | sd | mean error | p <= 0.05 | FAIL | undecided |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for case in TABLES[title]:
            show(case, max(2, round(given.share * case.draws)), given.seed)
    print(f"\nSeed {given.seed}, {time.process_time() - started:.0f} seconds of one processor.")


def show(case: Case, draws: int, seed: int) -> None:
    rng = np.random.default_rng([seed, case.rows, *map(ord, case.name)])
    checks = []
    for _ in range(draws):
        data, reference = case.draw(rng, case.rows)
        gate = mg.MultivariateDrift(exclude=case.exclude)
        checks += gate.run(data=data, reference=reference, **case.given).checks
    areas = np.array([check.value for check in checks])
    # the half length of a 95 % interval is 1.96 standard errors
    errors = np.array([check.interval[1] - check.value for check in checks]) / 1.96
    shares = [
        np.mean([check.p_value <= 0.05 for check in checks]),
        *(
            np.mean([check.verdict is verdict for check in checks])
            for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)
        ),
    ]
    numbers = (f"{value:.3f}" for value in (areas.mean(), areas.std(), errors.mean()))
    rates = (f"{100 * share:.1f}" for share in shares)
    print("|", " | ".join([f"{case.rows:,}", case.name, str(draws), *numbers, *rates]), "|")


if __name__ == "__main__":
    main()
