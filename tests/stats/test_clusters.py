"""Variances and intervals for rows in clusters, against slow sums and against independent rows."""

import math

import numpy as np
import pytest
from scipy import stats

from mlgates.stats.clusters import (
    cluster_variance,
    clustered_share_interval,
    effective_rows,
    normal_equivalent,
    t_quantile,
)
from mlgates.stats.proportions import wilson_interval


def drawn(seed, clusters=30):
    """Return values, clusters in random order, and weights."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(1, 20, clusters))
    rng.shuffle(cluster)
    y = rng.normal(size=clusters)[cluster] + rng.normal(size=len(cluster))
    return y, cluster, rng.uniform(0.2, 3, len(cluster))


def slow_variance(y, cluster, weight):
    """Return the variance of a weighted mean, and the degrees of freedom, one cluster at a time."""
    total = weight.sum()
    mean = (weight * y).sum() / total
    variance, squares = 0.0, 0.0
    for g in np.unique(cluster):
        rows = cluster == g
        residual, size = (weight[rows] * (y[rows] - mean)).sum(), weight[rows].sum()
        variance += residual**2 / (1 - size / total) / total**2
        squares += size**2
    return variance, total**2 / squares - 1


@pytest.mark.parametrize("weighted", [False, True])
def test_the_variance_is_that_of_cluster_sums(weighted):
    y, cluster, weight = drawn(1)
    weight = weight if weighted else np.ones(len(y))
    influence = weight * (y - np.average(y, weights=weight)) / weight.sum()
    found = cluster_variance(influence, cluster, weight)
    variance, freedom = slow_variance(y, cluster, weight)
    assert found.variance == pytest.approx(variance, rel=1e-12)
    assert found.freedom == pytest.approx(freedom, rel=1e-12)
    own, own_freedom = slow_variance(y, np.arange(len(y)), weight)
    assert found.of_rows == pytest.approx(own, rel=1e-12)
    alone = cluster_variance(influence, np.arange(len(y)), weight)
    assert alone.variance == pytest.approx(own, rel=1e-12)
    assert alone.freedom == pytest.approx(own_freedom, rel=1e-12)


def test_a_cluster_for_each_row_gives_the_standard_error_of_the_mean():
    y, _, _ = drawn(2)
    influence = (y - y.mean()) / len(y)
    found = cluster_variance(influence, np.arange(len(y)), np.ones(len(y)))
    assert found.variance == pytest.approx(y.var(ddof=1) / len(y), rel=1e-12)
    assert found.freedom == pytest.approx(len(y) - 1)
    assert found.effective == pytest.approx((len(y),))


def test_a_cluster_of_equal_rows_counts_as_one_row():
    y, cluster, _ = drawn(3, clusters=20)
    cluster = np.repeat(np.arange(20), 7)
    y = y[:20][cluster]
    found = cluster_variance((y - y.mean()) / len(y), cluster, np.ones(len(y)))
    assert found.variance == pytest.approx(y[::7].var(ddof=1) / 20, rel=1e-12)
    assert found.freedom == pytest.approx(19)


def test_rows_of_weight_0_and_unused_codes_do_not_count():
    y, cluster, weight = drawn(4)
    weight[cluster % 3 == 0] = 0
    kept = weight > 0
    influence = weight * (y - np.average(y, weights=weight)) / weight.sum()
    found = cluster_variance(influence, cluster * 10, weight)
    fewer = cluster_variance(influence[kept], cluster[kept], weight[kept])
    assert found[:2] == pytest.approx(fewer[:2])
    assert found.effective == pytest.approx(fewer.effective)
    assert cluster_variance(np.zeros(0), np.zeros(0, int), np.zeros(0)).freedom == 0


@pytest.mark.parametrize("cluster", [np.zeros(6, int), np.full(6, 5)])
def test_one_cluster_has_no_degrees_of_freedom(cluster):
    found = cluster_variance(np.array([1.0, -1, 1, -1, 1, -1]), cluster, np.ones(6))
    assert found.freedom == 0
    assert clustered_share_interval(0.5, found) is None
    assert t_quantile(0.95, found.freedom) == math.inf


def test_clusters_that_balance_out_have_the_variance_of_independent_rows():
    y, cluster = np.tile([0.0, 1.0], 20), np.repeat(np.arange(20), 2)
    found = cluster_variance((y - 0.5) / 40, cluster, np.ones(40))
    assert found.variance == found.of_rows == pytest.approx(0.25 / 39)


def test_parts_have_their_own_shares_and_the_fewest_effective_clusters():
    cluster, part = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 0])
    influence = np.array([0.2, -0.1, 0.3, 0.1, -0.4, -0.1])
    found = cluster_variance(influence, cluster, np.ones(6), part)
    # the clusters have 1/4, 1/4, 2/4 of the first part and 1/2, 1/2, 0 of the second
    assert found.variance == pytest.approx(0.1**2 / 0.5 + 0.4**2 / 0.5 + 0.5**2 / 0.5)
    assert found.effective == pytest.approx((1 / (2 / 16 + 1 / 4), 2.0))
    assert found.freedom == pytest.approx(1.0)


def test_the_interval_of_a_share_is_wilsons_for_the_effective_number_of_rows():
    y, cluster, _ = drawn(7)
    hit = (y > -1).astype(float)
    p, n = hit.mean(), len(hit)
    found = cluster_variance((hit - p) / n, cluster, np.ones(n))
    rows = p * (1 - p) / found.variance
    assert effective_rows(p, found.variance, found.freedom) == pytest.approx(rows)
    t = stats.t.isf(0.025, found.freedom)
    centre = (p + t**2 / (2 * rows)) / (1 + t**2 / rows)
    half = t / (1 + t**2 / rows) * math.sqrt(p * (1 - p) / rows + t**2 / (4 * rows**2))
    assert clustered_share_interval(p, found) == pytest.approx((centre - half, centre + half))


def test_the_interval_approaches_that_of_independent_rows():
    hit = (np.arange(4_000) % 5 > 0).astype(float)
    found = cluster_variance((hit - 0.8) / 4_000, np.arange(4_000), np.ones(4_000))
    low, high = wilson_interval(3_200, 4_000)
    assert clustered_share_interval(0.8, found) == pytest.approx((low, high), abs=2e-5)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_0_or_1_counts_each_cluster_as_a_row(share):
    cluster = np.repeat(np.arange(50), 8)
    found = cluster_variance(np.zeros(400), cluster, np.ones(400))
    low, high = clustered_share_interval(share, found)
    rows = 50 * (stats.norm.isf(0.025) / stats.t.isf(0.025, 49)) ** 2
    assert (low, high) == pytest.approx(wilson_interval(share * rows, rows))


def test_the_factor_of_few_clusters_never_exceeds_1():
    freedoms = np.array([0.0, 1e-3, 1.0, 5.0, 1e9, np.inf])
    factors = normal_equivalent(0.95, freedoms)
    assert (np.diff(factors) >= 0).all()
    assert factors[0] == 0
    assert factors[2] == pytest.approx((1.959964 / 12.7062) ** 2, rel=1e-4)
    assert factors[-1] == 1
