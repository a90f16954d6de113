"""Drift from raw tables to a report, against the loops that people write, both in one run.

The side of mlgates is `GateSuite.run`: missing cells, p-values corrected over all columns, cells,
fingerprints and provenance are in its time. The loops are written without threads, as they are
found. The last column of the printed table is the ratio to the fastest of its group.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from workloads import mixed, pair

import mlgates as mg

MANY = 100_000
DECILES = np.arange(1, 10) / 10
SIZES = [(1_000_000, 20), (20_000, 500), (10_000, 20)]
THREE = ("ks", "psi", "wasserstein")


def sizes(what: str) -> list:
    return [
        pytest.param(
            rows, width, marks=pytest.mark.benchmark(group=f"{what}, {rows:,} rows x {width}")
        )
        for rows, width in SIZES
    ]


def run(benchmark: Callable, function: Callable, rows: int) -> object:
    return benchmark.pedantic(function, rounds=5 if rows > MANY else 11, warmup_rounds=1)


def judged(benchmark: Callable, methods: tuple[str, ...], tables: tuple, rows: int) -> None:
    reference, data = tables
    suite = mg.GateSuite([mg.Drift(method) for method in methods])
    report = run(benchmark, lambda: suite.run(data=data, reference=reference), rows)
    assert report.passed, report


def loop_psi(x: np.ndarray, y: np.ndarray) -> float:
    """As it is usually written: with clipped shares, without a test."""
    edges = np.unique(np.percentile(x, 100 * DECILES))
    edges = np.concatenate(([-np.inf], edges, [np.inf]))
    p = np.clip(np.histogram(x, edges)[0] / len(x), 1e-4, None)
    q = np.clip(np.histogram(y, edges)[0] / len(y), 1e-4, None)
    return float(((q - p) * np.log(q / p)).sum())


def loop_chi2(x: pd.Series, y: pd.Series) -> float:
    """Chi-square over the counts of both sides."""
    counts = pd.concat([x.value_counts(), y.value_counts()], axis=1).fillna(0)
    return float(stats.chi2_contingency(counts.to_numpy()).pvalue)


@pytest.mark.parametrize(("rows", "width"), sizes("ks"))
def test_ks_mlgates(benchmark: Callable, rows: int, width: int) -> None:
    judged(benchmark, ("ks",), pair(rows, width), rows)


@pytest.mark.parametrize(("rows", "width"), sizes("ks"))
def test_ks_psi_and_wasserstein_mlgates(benchmark: Callable, rows: int, width: int) -> None:
    judged(benchmark, THREE, pair(rows, width), rows)


@pytest.mark.parametrize(("rows", "width"), sizes("ks"))
def test_ks_bare_sorts(benchmark: Callable, rows: int, width: int) -> None:
    sides = [side[name].to_numpy() for side in pair(rows, width) for name in side]
    run(benchmark, lambda: [np.sort(x) for x in sides], rows)


@pytest.mark.parametrize(("rows", "width"), sizes("ks"))
def test_ks_scipy_loop(benchmark: Callable, rows: int, width: int) -> None:
    reference, data = pair(rows, width)
    columns = list(reference)
    run(benchmark, lambda: [stats.ks_2samp(reference[c], data[c]) for c in columns], rows)


@pytest.mark.parametrize(("rows", "width"), sizes("psi"))
def test_psi_mlgates(benchmark: Callable, rows: int, width: int) -> None:
    judged(benchmark, ("psi",), pair(rows, width), rows)


@pytest.mark.parametrize(("rows", "width"), sizes("psi"))
def test_psi_mlgates_saved_baseline(
    benchmark: Callable, rows: int, width: int, tmp_path: Path
) -> None:
    reference, data = pair(rows, width)
    path = tmp_path / "baseline.json"
    mg.Baseline.from_data(reference).save(path)
    judged(benchmark, ("psi",), (path, data), rows)


@pytest.mark.parametrize(("rows", "width"), sizes("psi"))
def test_psi_numpy_loop(benchmark: Callable, rows: int, width: int) -> None:
    reference, data = pair(rows, width)
    columns = list(reference)
    run(
        benchmark,
        lambda: [loop_psi(reference[c].to_numpy(), data[c].to_numpy()) for c in columns],
        rows,
    )


MIXED = pytest.mark.benchmark(group="ks and psi, 500,000 rows x (10 numbers + 10 texts)")


@MIXED
def test_mixed_mlgates(benchmark: Callable) -> None:
    reference, data = mixed()
    numbers = [name for name in reference if name.startswith("x")]
    texts = [name for name in reference if name not in numbers]
    suite = mg.GateSuite([mg.Drift("ks", columns=numbers), mg.Drift("psi", columns=texts)])
    report = run(benchmark, lambda: suite.run(data=data, reference=reference), MANY + 1)
    assert report.passed, report


@MIXED
def test_mixed_loop(benchmark: Callable) -> None:
    reference, data = mixed()

    def loop() -> list[float]:
        return [
            stats.ks_2samp(reference[name], data[name]).pvalue
            if name.startswith("x")
            else loop_chi2(reference[name], data[name])
            for name in reference
        ]

    run(benchmark, loop, MANY + 1)
