"""Drift from raw tables to a report, against the loops that people write: a table of ratios.

    python benchmarks/speed.py [words of rows to run]

Each row runs both sides in turn in one process and prints the least time of each, and the time of
the other side divided by that of mlgates. The side of mlgates is `GateSuite.run`: missing cells,
p-values corrected over all columns, bins, fingerprints and provenance are in its time. The loops
are written without threads, as they are found.

The table is printed twice: as numpy is, and with its dispatched instructions off, because its fast
sort is not used on all processors. `CPU=1` prints processor seconds instead, which depend less on
what else runs on the machine.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from workloads import mixed, pair

import mlgates as mg

CLOCK = time.process_time if os.environ.get("CPU") else time.perf_counter
OFF = "NPY_DISABLE_CPU_FEATURES"
DECILES = np.arange(1, 10) / 10
Tables = tuple[pd.DataFrame, pd.DataFrame]


def numpy_psi(x: np.ndarray, y: np.ndarray) -> float:
    """As it is usually written: with clipped shares, without a test."""
    edges = np.unique(np.percentile(x, 100 * DECILES))
    edges = np.concatenate(([-np.inf], edges, [np.inf]))
    p = np.clip(np.histogram(x, edges)[0] / len(x), 1e-4, None)
    q = np.clip(np.histogram(y, edges)[0] / len(y), 1e-4, None)
    return float(((q - p) * np.log(q / p)).sum())


def pandas_chi2(x: pd.Series, y: pd.Series) -> float:
    """Chi-square over the counts of both sides."""
    counts = pd.concat([x.value_counts(), y.value_counts()], axis=1).fillna(0)
    return float(stats.chi2_contingency(counts.to_numpy()).pvalue)


LOOPS = {"ks": stats.ks_2samp, "psi": numpy_psi, "wasserstein": stats.wasserstein_distance}


def loop(method: str, tables: Tables) -> Callable[[], object]:
    reference, data = tables
    measure = LOOPS[method]
    return lambda: [measure(reference[c].to_numpy(), data[c].to_numpy()) for c in reference]


def suite(gates: list[mg.Drift], data: object, reference: object) -> Callable[[], object]:
    made = mg.GateSuite(gates)

    def run() -> None:
        report = made.run(data=data, reference=reference)
        if not report.passed:
            raise SystemExit(str(report))

    return run


def sized(method: str, rows: int, width: int) -> tuple[Callable[[], object], ...]:
    reference, data = pair(rows, width)
    return suite([mg.Drift(method)], data, reference), loop(method, (reference, data))


def stored() -> tuple[Callable[[], object], ...]:
    """KS against a saved baseline, and PSI against the same."""
    reference, data = pair(1_000_000, 10)
    path = Path(tempfile.mkdtemp()) / "baseline.json"
    mg.Baseline.from_data(reference).save(path)
    return suite([mg.Drift("ks")], data, path), suite([mg.Drift("psi")], data, path)


def of_both_kinds() -> tuple[Callable[[], object], ...]:
    names = [f"x{i}" for i in range(5)] + [f"kind_{i}" for i in range(0, 10, 2)]
    reference, data = (side[names] for side in mixed())
    gates = [mg.Drift("ks", columns=names[:5]), mg.Drift("psi", columns=names[5:])]

    def both() -> list[float]:
        return [
            stats.ks_2samp(reference[name], data[name]).pvalue
            if name.startswith("x")
            else pandas_chi2(reference[name], data[name])
            for name in reference
        ]

    return suite(gates, data, reference), both


#: Name, both sides, and the ratio to reach.
ROWS: list[tuple[str, Callable[[], tuple[Callable[[], object], ...]], float]] = [
    ("ks, 1 M x 10", lambda: sized("ks", 1_000_000, 10), 25),
    ("psi, 1 M x 10", lambda: sized("psi", 1_000_000, 10), 12),
    ("wasserstein, 1 M x 10", lambda: sized("wasserstein", 1_000_000, 10), 20),
    ("ks against psi, saved baseline, 1 M x 10", stored, 0.67),
    ("ks, 20 k x 200", lambda: sized("ks", 20_000, 200), 12),
    ("psi, 20 k x 200", lambda: sized("psi", 20_000, 200), 12),
    ("ks, 10 k x 20", lambda: sized("ks", 10_000, 20), 6),
    ("ks, 1 k x 20", lambda: sized("ks", 1_000, 20), 4),
    ("mixed, 500 k x (5 + 5)", of_both_kinds, 8),
]


def least(sides: tuple[Callable[[], object], ...]) -> list[float]:
    """Return the least time of each side; they run in turn, for half a second or three times."""
    times: list[list[float]] = [[] for _ in sides]
    for side in sides:
        side()
    while len(times[0]) < 3 or (sum(map(sum, times)) < 1 and len(times[0]) < 25):
        for side, taken in zip(sides, times, strict=True):
            start = CLOCK()
            side()
            taken.append(CLOCK() - start)
    return [min(taken) for taken in times]


def table(words: list[str]) -> None:
    print(f"{'':42}{'mlgates':>10}{'other':>10}{'ratio':>8}{'to reach':>10}")
    for name, make, reach in ROWS:
        if all(word in name for word in words):
            ours, theirs = least(make())
            print(
                f"{name:42}{ours:9.4f}s{theirs:9.4f}s{theirs / ours:8.1f}{reach:10.3g}", flush=True
            )


if __name__ == "__main__":
    if OFF in os.environ:
        print("\nwithout dispatched instructions of numpy")
    table(sys.argv[1:])
    if OFF not in os.environ:
        from numpy._core._multiarray_umath import __cpu_dispatch__ as dispatched

        command = [sys.executable, __file__, *sys.argv[1:]]
        subprocess.run(command, check=True, env=os.environ | {OFF: " ".join(dispatched)})  # noqa: S603
