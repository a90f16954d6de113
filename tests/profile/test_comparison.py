"""Distributions that are compared without sorting give the results of sorted values."""

import math

import numpy as np
import pytest
from arrays import count_in, ks_distance, quantile_edges, spread, wasserstein

from mlgates.profile.distributions import Ecdf
from mlgates.stats import buckets
from mlgates.stats.buckets import Bucketed

RNG = np.random.default_rng(0)
SIZE = 5_000


def sample(*parts):
    return Ecdf(parts, ordered=False)


PAIRS = {
    "normal": (RNG.normal(size=SIZE), RNG.normal(0.1, 1, SIZE - 9)),
    "integers": (RNG.integers(0, 10**6, SIZE), RNG.integers(0, 10**6, SIZE)),
    "integers against floats": (RNG.integers(0, 10**6, SIZE), RNG.uniform(0, 10**6, SIZE)),
    "floats against integers": (RNG.uniform(0, 10**6, SIZE), RNG.integers(0, 10**6, SIZE)),
    "other widths": (RNG.normal(size=SIZE), RNG.normal(size=SIZE).astype(np.float32)),
    "few against many": (RNG.normal(size=300), RNG.normal(size=SIZE)),
    "few": (RNG.normal(size=300), RNG.normal(size=200)),
    "heavy tails": (RNG.standard_cauchy(SIZE), RNG.standard_cauchy(SIZE)),
    "atoms": (np.maximum(RNG.normal(size=SIZE), 0), np.maximum(RNG.normal(size=SIZE), 0)),
    "infinities": (
        np.where(np.arange(SIZE) % 500, RNG.normal(size=SIZE), np.inf),
        np.where(np.arange(SIZE) % 500, RNG.normal(size=SIZE), -np.inf),
    ),
    "elsewhere": (RNG.normal(size=SIZE), RNG.normal(1e9, 1, SIZE)),
}


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("name", list(PAIRS))
def test_results_equal_those_of_sorted_values(name, ordered):
    x, y = PAIRS[name]
    a, b = (Ecdf.of(side) if ordered else sample(side) for side in (x, y))
    found = a.compare(b, (2, 10), area=True)
    x, y = np.sort(x), np.sort(y)
    assert found.ks == ks_distance(x, y)
    assert found.area == pytest.approx(wasserstein(x, y), rel=1e-11, nan_ok=True)
    assert math.isnan(found.area) == (name == "infinities")
    assert found.spread == spread(x)
    assert found.beyond == (np.count_nonzero(y < x[0]), np.count_nonzero(y > x[-1]))
    for bins in (2, 10, 45):
        truth = quantile_edges(x, bins)
        edges = a.edges(bins)
        np.testing.assert_array_equal(edges.points, truth.points)
        np.testing.assert_array_equal(edges.atoms, truth.atoms)
        np.testing.assert_array_equal(a.count(edges), count_in(x, truth))
        np.testing.assert_array_equal(b.count(edges), count_in(y, truth))


def test_edges_have_64_bits():
    for kind, wide in (("f4", "f8"), ("i2", "i8"), ("u8", "i8")):
        assert sample(np.arange(100).astype(kind)).edges(4).points.dtype == wide
    assert sample(np.array([2**63, 1], np.uint64)).edges(2).points.tolist() == [1]


def test_a_comparison_reads_the_values_once(monkeypatch):
    x, y = (sample(RNG.normal(shift, 1, 20_000)) for shift in (0, 0.1))
    passes = []
    sort = np.sort
    monkeypatch.setattr(buckets.np, "sort", lambda a, **_: passes.append(a) or sort(a))
    x.compare(y, (4, 10), area=True)
    # some values of both for the grid, each sample, and the edges of both numbers of bins
    assert len(passes) == 6
    assert not x._ordered
    assert not y._ordered
    monkeypatch.setattr(Bucketed, "__init__", lambda *_, **__: pytest.fail("another pass"))
    assert x.compare(y, (4, 10)).ks > 0
    for bins in (4, 10):
        assert y.count(x.edges(bins)).sum() == y.n


def test_results_belong_to_the_pair_of_samples():
    x, y = (sample(side) for side in PAIRS["normal"])
    other = sample(PAIRS["few against many"][1])
    assert x.compare(y).ks != x.compare(other).ks
    assert math.isnan(x.compare(y).area)
    assert x.compare(y, area=True).area > 0
    assert (x.compare(other).ks, x.compare(y).ks) == (other.compare(x).ks, y.compare(x).ks)


def test_parts_are_one_sample():
    x, y = PAIRS["normal"]
    whole, parts = sample(x), sample(x[:100]).merge(sample(x[100:]))
    assert parts.n == len(x)
    found, truth = (side.compare(sample(y), area=True) for side in (parts, whole))
    assert found == truth
    assert parts == whole
    assert parts != sample(y)
    assert parts != "a sample"
    mixed = Ecdf.of(x[:100]).merge(sample(x[100:]))
    assert mixed == whole
    assert mixed._ordered


def test_parts_of_two_types_are_one_sample():
    x, y = PAIRS["integers against floats"]
    both = sample(x).merge(sample(y))
    assert both.compare(sample(y)).ks == ks_distance(np.concatenate([x, y]), y)
    assert sample(y).compare(both).ks == both.compare(sample(y)).ks
    np.testing.assert_array_equal(both.values, np.sort(np.concatenate([x, y])))
    widths = sample(np.array([-1], np.int8)).merge(sample(np.array([2**60 + 1])))
    assert widths.unsorted.tolist() == [-1, 2**60 + 1]


def test_sorted_values_replace_those_of_batches():
    x, _ = PAIRS["heavy tails"]
    batches = sample(x[:700]).merge(sample(x[700:]))
    held = batches.values
    assert [part is held for part in batches._parts] == [True]
    assert not np.shares_memory(x, held)
    assert batches.merge(sample(x)).n == 2 * len(x)


def test_empty_samples():
    none, some = sample(), sample(PAIRS["normal"][0])
    assert none.n == 0
    assert none == sample(np.empty(0))
    assert none.merge(some) == some.merge(none) == some
    assert len(none.edges(10).points) == 0
    for found in (none.compare(some, (4,), area=True), some.compare(none, (4,), area=True)):
        assert math.isnan(found.ks)
        assert math.isnan(found.area)
        assert found.beyond == (0, 0)
    assert none.count(some.edges(4)).sum() == 0


def test_inputs_are_unchanged():
    x = np.array([3.0, -0.0, 1.0])
    before = x.copy()
    assert Ecdf.of(x).values.tolist() == sample(x).values.tolist() == [0.0, 1.0, 3.0]
    np.testing.assert_array_equal(np.signbit(x), np.signbit(before))
    assert repr(sample(x)) == "Ecdf(n=3, min=0.0, max=3.0)"
