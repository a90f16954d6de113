"""Resampling: Efron's law schools, scipy's BCa, and draws that give no interval."""

import numpy as np
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlgates.stats.resampling import (
    RESAMPLES,
    bca_interval,
    cells_interval,
    multinomial_cells,
    row_counts,
    row_indices,
    smoothed_cells,
)

LSAT = [576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594]
GPA = [3.39, 3.30, 2.81, 3.03, 3.44, 3.07, 3.00, 3.43, 3.36, 3.13, 3.12, 2.74, 2.76, 2.88, 2.96]


def correlation(rows):
    x, y = np.array(LSAT, float)[rows], np.array(GPA)[rows]
    x, y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    return (x * y).sum(-1) / np.sqrt((x**2).sum(-1) * (y**2).sum(-1))


def test_bca_interval_of_efrons_law_schools():
    every = np.arange(15)
    value = correlation(every)
    assert value == pytest.approx(0.77637, abs=1e-5)
    batches = row_indices(15, 20_000, np.random.default_rng(1))
    draws = np.concatenate([correlation(batch) for batch in batches])
    left_out = [correlation(every != i) for i in every]
    found = bca_interval(value, draws, left_out, 0.9)
    assert found.how == "BCa"
    assert found.interval == pytest.approx((0.426, 0.927), abs=0.02)
    assert np.quantile(draws, [0.05, 0.95]) == pytest.approx((0.525, 0.948), abs=0.01)


def test_bca_interval_is_scipys():
    values = np.random.default_rng(3).exponential(size=40)
    rng = np.random.default_rng(5)
    draws = values[rng.integers(40, size=(4_000, 40))].var(axis=1)
    left_out = [np.delete(values, i).var() for i in range(40)]
    theirs = stats.bootstrap(
        (values,), np.var, vectorized=True, n_resamples=0, bootstrap_result=_Drawn(draws)
    )
    found = bca_interval(values.var(), draws, left_out)
    assert found.interval == pytest.approx(tuple(theirs.confidence_interval), rel=5e-3)


class _Drawn:
    """A stand-in for the result of an earlier bootstrap of scipy."""

    def __init__(self, draws):
        self.bootstrap_distribution = draws


def test_no_interval_where_draws_are_equal_or_undefined():
    assert bca_interval(1.0, np.ones(100), [1.0]).how == "degenerate"
    assert bca_interval(1.0, np.ones(100), [1.0]).interval is None
    holes = np.where(np.arange(100) < 11, np.nan, np.arange(100.0))
    assert bca_interval(50.0, holes, [50.0]) == (None, "undefined")
    holes[10] = 10
    assert bca_interval(50.0, holes, [50.0, 51.0]).how == "BCa"


def test_percentiles_without_a_correction():
    draws = np.arange(1001.0)
    found = bca_interval(900.0, draws, None, 0.9)
    assert found.how == "percentile"
    assert found.interval == pytest.approx((50, 950))


def test_percentiles_where_the_correction_is_undefined():
    draws = np.arange(1.0, 1_001.0)
    found = bca_interval(0.0, draws, [0.0, 1.0])
    assert found.how == "percentile"
    assert found.interval == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))
    extreme = bca_interval(900.0, draws, [0.0, 0.0, 0.0, 0.0, 1e9])
    assert extreme.how in ("BCa", "percentile")


def test_interval_of_cells_is_that_of_rows():
    cells = np.array([[400.0, 100.0], [60.0, 240.0]])

    def right(c):
        return np.trace(c, axis1=-2, axis2=-1) / c.sum((-2, -1))

    low, high = cells_interval(right, cells).interval
    z = stats.norm.ppf(0.975) * np.sqrt(0.8 * 0.2 / 800)
    assert (low, high) == pytest.approx((0.8 - z, 0.8 + z), abs=0.003)
    assert cells_interval(right, cells) == cells_interval(right, cells)


@examples(30)
@given(st.lists(st.integers(0, 200), min_size=4, max_size=4).filter(any))
def test_tables_of_cells(counts):
    cells = np.array(counts, np.float64).reshape(2, 2)
    free = np.concatenate(list(multinomial_cells(cells)))
    assert free.shape == (RESAMPLES, 2, 2)
    assert np.all(free.sum((1, 2)) == cells.sum())
    assert np.all(free[:, cells == 0] == 0)
    smooth = np.concatenate(list(smoothed_cells(cells)))
    assert np.all(smooth > -1e-12)
    assert np.allclose(smooth.sum((1, 2)), cells.sum() + 2)
    # the sample, its resamples, and one table per filled cell that lacks one of its rows
    tables = []
    cells_interval(lambda given: tables.append(given) or given.sum((1, 2)), cells)
    lacking = cells - np.concatenate(tables)[1 + RESAMPLES :]
    assert np.all(np.sort(lacking.reshape(-1, 4)) == [0, 0, 0, 1])
    assert np.array_equal(lacking.sum(0), cells > 0)


@pytest.mark.parametrize("n", [7, 9_999, 10_000, 30_000])
def test_rows_drawn_keep_their_number(n):
    rng = np.random.default_rng(2)
    counts = np.concatenate([batch.sum(1, dtype=np.int64) for batch in row_counts(n, 40, rng)])
    assert len(counts) == 40
    spread = 0 if n < 10_000 else 5 * np.sqrt(n)
    assert np.all(np.abs(counts - n) <= spread)


def test_rows_drawn_within_strata():
    codes = np.array(["b"] * 3 + ["a"] * 17)
    drawn = np.concatenate([*row_indices(20, 30, np.random.default_rng(0), codes)])
    assert (codes[drawn] == "b").sum(1).tolist() == [3] * 30
    counts = np.concatenate([*row_counts(20, 30, np.random.default_rng(0), codes)])
    assert counts[:, :3].sum(1).tolist() == [3] * 30
    assert counts.sum(1).tolist() == [20] * 30


def test_poisson_counts_have_poissons_law():
    drawn = np.concatenate([b.ravel() for b in row_counts(20_000, 20, np.random.default_rng(0))])
    shares = np.bincount(drawn, minlength=6)[:6] / len(drawn)
    assert shares == pytest.approx(stats.poisson.pmf(np.arange(6), 1), abs=0.004)


def test_batches_are_of_bounded_memory():
    sizes = [batch.size for batch in row_counts(1_000_000, 3, np.random.default_rng(0))]
    assert sizes == [2_000_000, 1_000_000]
    wide = np.ones((60, 60))
    batches = multinomial_cells(wide)
    assert max(batch.size for batch in batches) <= 1 << 21
