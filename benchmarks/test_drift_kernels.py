"""Drift of columns against the loop over scipy and numpy that people write, raw arrays to numbers.

Both sides of a group do the same work in one run; the last column of the printed table is the ratio
to the fastest. Where several columns are large, both sides may use all processors: loops are
written without threads, as they are found.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from scipy import stats

from mlgates.stats.buckets import Bucketed, grid_of, ks
from mlgates.stats.counting import (
    Cells,
    Ends,
    count_sorted,
    count_unsorted,
    quantile_edges,
    tally,
)
from mlgates.stats.divergence import chi_square_pvalue, psi
from mlgates.stats.twosample import ks_distance, ks_pvalue, spread, wasserstein

Columns = list[tuple[np.ndarray, np.ndarray]]
MANY = 100_000
DECILES = np.arange(1, 10) / 10


@cache
def columns(rows: int, width: int) -> Columns:
    """Pairs of reference and current: normal, skewed, of few levels, and moved a little."""
    rng = np.random.default_rng(rows + width)
    kinds: list[Callable[[], np.ndarray]] = [
        lambda: rng.normal(size=rows),
        lambda: rng.gamma(2.0, 50.0, rows),
        lambda: rng.integers(0, 100, rows).astype(np.float64),
        lambda: rng.normal(size=rows) + 0.02 * rng.integers(0, 2),
    ]
    return [(kinds[i % 4](), kinds[i % 4]()) for i in range(width)]


def over(function: Callable, pairs: Columns) -> list:
    """Column by column, over threads where columns are large."""
    if len(pairs[0][0]) < MANY or len(pairs) == 1:
        return [function(*pair) for pair in pairs]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda pair: function(*pair), pairs))


def run(benchmark: Callable, function: Callable, rows: int) -> object:
    return benchmark.pedantic(function, rounds=3 if rows > MANY else 7, warmup_rounds=1)


def our_ks(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    distance = ks_distance(np.sort(x), np.sort(y))
    return distance, ks_pvalue(distance, len(x), len(y))


def our_ks_in_buckets(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    ends = [(float(np.min(side)), float(np.max(side))) for side in (x, y)]
    grid = grid_of(x, ends[0])
    if grid is None:
        return our_ks(x, y)
    sides = (
        Bucketed(side, grid, inside=grid.holds(end)) for side, end in zip((x, y), ends, strict=True)
    )
    distance = ks(*sides)
    return distance, ks_pvalue(distance, len(x), len(y))


def our_psi(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    x = np.sort(x)
    edges = quantile_edges(x, 10)
    cells = Cells.of(count_sorted(x, edges), count_unsorted(y, edges), ordered=True)
    p = chi_square_pvalue(cells.reference, cells.current, ordered=True)
    return psi(cells.reference, cells.current), p


def our_three(x: np.ndarray, y: np.ndarray) -> tuple[float, ...]:
    x, y = np.sort(x), np.sort(y)
    distance = ks_distance(x, y)
    edges = quantile_edges(x, 10)
    cells = Cells.of(count_sorted(x, edges), count_sorted(y, edges), ordered=True)
    p = chi_square_pvalue(cells.reference, cells.current, ordered=True)
    stability = psi(cells.reference, cells.current)
    return (
        distance,
        ks_pvalue(distance, len(x), len(y)),
        stability,
        p,
        wasserstein(x, y) / spread(x),
    )


def loop_psi(x: np.ndarray, y: np.ndarray) -> float:
    """As it is usually written: with clipped shares, without a test."""
    edges = np.unique(np.percentile(x, 100 * DECILES))
    edges = np.concatenate(([-np.inf], edges, [np.inf]))
    p = np.clip(np.histogram(x, edges)[0] / len(x), 1e-4, None)
    q = np.clip(np.histogram(y, edges)[0] / len(y), 1e-4, None)
    return float(((q - p) * np.log(q / p)).sum())


SHAPES = [
    pytest.param(rows, width, marks=pytest.mark.benchmark(group=group))
    for rows, width, group in [
        (1_000_000, 1, "ks, 1 M x 1 M, one column, one thread"),
        (1_000_000, 20, "ks, 1 M x 1 M, 20 columns"),
        (20_000, 500, "ks, 20 k x 20 k, 500 columns"),
        (10_000, 20, "ks, 10 k x 10 k, 20 columns"),
    ]
]


@pytest.mark.parametrize(("rows", "width"), SHAPES)
def test_ks_mlgates(benchmark: Callable, rows: int, width: int) -> None:
    pairs = columns(rows, width)
    run(benchmark, lambda: over(our_ks, pairs), rows)


@pytest.mark.parametrize(("rows", "width"), SHAPES)
def test_ks_in_buckets_mlgates(benchmark: Callable, rows: int, width: int) -> None:
    pairs = columns(rows, width)
    run(benchmark, lambda: over(our_ks_in_buckets, pairs), rows)


@pytest.mark.parametrize(("rows", "width"), SHAPES)
def test_ks_bare_sorts(benchmark: Callable, rows: int, width: int) -> None:
    pairs = columns(rows, width)
    run(benchmark, lambda: over(lambda x, y: (np.sort(x), np.sort(y)), pairs), rows)


@pytest.mark.parametrize(("rows", "width"), SHAPES)
def test_ks_psi_and_wasserstein_mlgates(benchmark: Callable, rows: int, width: int) -> None:
    pairs = columns(rows, width)
    run(benchmark, lambda: over(our_three, pairs), rows)


@pytest.mark.parametrize(("rows", "width"), SHAPES)
def test_ks_scipy_loop(benchmark: Callable, rows: int, width: int) -> None:
    pairs = columns(rows, width)
    run(benchmark, lambda: [stats.ks_2samp(x, y) for x, y in pairs], rows)


PSI_SHAPES = [
    pytest.param(rows, width, marks=pytest.mark.benchmark(group=f"psi, {name}"))
    for rows, width, name in [
        (1_000_000, 20, "1 M x 1 M, 20 columns"),
        (20_000, 500, "20 k x 20 k, 500 columns"),
        (10_000, 20, "10 k x 10 k, 20 columns"),
    ]
]


@pytest.mark.parametrize(("rows", "width"), PSI_SHAPES)
def test_psi_mlgates(benchmark: Callable, rows: int, width: int) -> None:
    pairs = columns(rows, width)
    run(benchmark, lambda: over(our_psi, pairs), rows)


@pytest.mark.parametrize(("rows", "width"), PSI_SHAPES)
def test_psi_numpy_loop(benchmark: Callable, rows: int, width: int) -> None:
    pairs = columns(rows, width)
    run(benchmark, lambda: [loop_psi(x, y) for x, y in pairs], rows)


@pytest.mark.parametrize(("rows", "width"), PSI_SHAPES)
def test_psi_mlgates_saved_baseline(benchmark: Callable, rows: int, width: int) -> None:
    pairs = columns(rows, width)
    known = []
    for x, y in pairs:
        edges = quantile_edges(np.sort(x), 10)
        known.append(((edges, count_unsorted(x, edges)), y))

    def against(baseline: tuple, y: np.ndarray) -> tuple[float, float]:
        edges, reference = baseline
        cells = Cells.of(reference, count_unsorted(y, edges, Ends(len(y))), ordered=True)
        p = chi_square_pvalue(cells.reference, cells.current, ordered=True)
        return psi(cells.reference, cells.current), p

    if rows < MANY:
        run(benchmark, lambda: [against(*one) for one in known], rows)
        return
    with ThreadPoolExecutor() as pool:
        run(benchmark, lambda: list(pool.map(lambda one: against(*one), known)), rows)


FEW = pytest.mark.benchmark(group="counting 1 M values in any order at 9 edges")
KNOTS = pytest.mark.benchmark(group="counting 1 M values in any order at 360 knots")


@FEW
def test_few_mlgates(benchmark: Callable) -> None:
    x, y = columns(1_000_000, 1)[0]
    edges = quantile_edges(np.sort(x), 10)
    benchmark(lambda: count_unsorted(y, edges, Ends(len(y))))


@FEW
def test_few_histogram(benchmark: Callable) -> None:
    x, y = columns(1_000_000, 1)[0]
    edges = np.concatenate(([-np.inf], quantile_edges(np.sort(x), 10).points, [np.inf]))
    benchmark(lambda: np.histogram(y, edges))


@KNOTS
def test_knots_mlgates(benchmark: Callable) -> None:
    x, y = columns(1_000_000, 1)[0]
    knots = quantile_edges(np.sort(x), 360).points
    benchmark(lambda: tally(y, knots))


@KNOTS
def test_knots_sort(benchmark: Callable) -> None:
    y = columns(1_000_000, 1)[0][1]
    benchmark(lambda: np.sort(y))


@KNOTS
def test_knots_histogram(benchmark: Callable) -> None:
    x, y = columns(1_000_000, 1)[0]
    edges = np.concatenate(([-np.inf], quantile_edges(np.sort(x), 360).points, [np.inf]))
    benchmark(lambda: np.histogram(y, edges))
