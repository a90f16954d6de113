"""Predicted statistics of resampled tables: near the computed ones, and only if they are smooth."""

import math

import numpy as np
import pytest

from mlgates.stats.response_surface import resampled_statistic

TABLES = np.random.default_rng(0).multinomial(200, [0.4, 0.1, 0.1, 0.4], 2_000)


class Called:
    """A statistic that counts its calls."""

    def __init__(self, statistic):
        self.statistic, self.calls = statistic, 0

    def __call__(self, table):
        self.calls += 1
        return self.statistic(table)


def f1(table):
    return 2 * table[3] / (2 * table[3] + table[1] + table[2])


def geometric_mean(table):
    return math.sqrt(table[3] / (table[3] + table[2]) * table[0] / (table[0] + table[1]))


def cost(table):
    return (5 * table[1] + table[2]) / table.sum()


@pytest.mark.parametrize("statistic", [f1, geometric_mean, cost])
def test_smooth_statistics_are_predicted(statistic):
    counted = Called(statistic)
    values = resampled_statistic(counted, TABLES, 2_000)
    assert counted.calls <= 80
    every = np.array([statistic(table) for table in TABLES])
    spread = every.std()
    assert values == pytest.approx(every, abs=0.2 * spread)
    assert np.sqrt(np.mean((values - every) ** 2)) < 0.02 * spread
    levels = [0.0025, 0.025, 0.5, 0.975, 0.9975]
    assert np.quantile(values, levels) == pytest.approx(
        np.quantile(every, levels), abs=0.05 * spread
    )


def test_fewer_resamples_in_turn_allow_fewer_calls():
    counted = Called(f1)
    assert len(resampled_statistic(counted, TABLES, 200)) == 2_000
    assert counted.calls <= 80


@pytest.mark.parametrize(
    "statistic",
    [
        lambda table: round(f1(table), 1),
        lambda table: float(table[1] > 25),
        lambda table: 1.0,
        lambda table: math.nan if table[1] > 30 else f1(table),
        lambda table: math.nan,
        lambda table: f1(table) + (table[1] > 32),
    ],
    ids=["rounded", "step", "constant", "rarely undefined", "undefined", "a jump at one end"],
)
@pytest.mark.parametrize("most", [200, 2_000])
def test_other_statistics_are_computed(statistic, most):
    counted = Called(statistic)
    values = resampled_statistic(counted, TABLES, most)
    every = np.array([statistic(table) for table in TABLES[:most]])
    np.testing.assert_array_equal(values, every)
    distinct = len(np.unique(TABLES[:most], axis=0))
    assert distinct <= counted.calls <= distinct + 60


def test_equal_tables_are_computed_once():
    tables = np.random.default_rng(0).multinomial(30, [0.1, 0.9], 2_000)
    counted = Called(lambda table: float(table[0] > 2))
    values = resampled_statistic(counted, tables, 2_000)
    np.testing.assert_array_equal(values, tables[:, 0] > 2)
    assert counted.calls == len(np.unique(tables[:, 0]))


@pytest.mark.parametrize("most", [40, 60])
def test_nothing_is_predicted_from_as_many_calls_as_resamples(most):
    counted = Called(f1)
    values = resampled_statistic(counted, TABLES[:most], most)
    np.testing.assert_array_equal(values, [f1(table) for table in TABLES[:most]])


def test_sums_of_counts_that_do_not_vary_need_fewer_calls():
    rng = np.random.default_rng(0)
    tables = np.hstack([rng.multinomial(100, [0.3, 0.3, 0.4], 2_000) for _ in range(2)])
    counted, other = Called(cost), Called(cost)
    resampled_statistic(counted, tables, 2_000, parts=2)
    resampled_statistic(other, tables, 2_000)
    assert counted.calls <= 3 * 15 + 20
    assert counted.calls < other.calls <= 3 * 21 + 20
