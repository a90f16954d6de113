"""Samples give the same results as sorted values, with and without sorting."""

import math

import numpy as np
import pytest

from mlgates.profile import distributions as module
from mlgates.profile.distributions import Ecdf, Sample
from mlgates.stats import buckets
from mlgates.stats.buckets import Bucketed
from mlgates.stats.counting import count_sorted, quantile_edges
from mlgates.stats.twosample import ks_distance

RNG = np.random.default_rng(0)
SIZE = 5_000


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(module, "_MANY", 4_096)


def sample(*parts):
    values = [part for part in parts if len(part)]
    low = min((float(part.min()) for part in values), default=math.nan)
    high = max((float(part.max()) for part in values), default=math.nan)
    return Sample(parts, (low, high))


PAIRS = {
    "normal": (RNG.normal(size=SIZE), RNG.normal(0.1, 1, SIZE - 9)),
    "integers": (RNG.integers(0, 10**6, SIZE), RNG.integers(0, 10**6, SIZE)),
    "integers against floats": (RNG.integers(0, 10**6, SIZE), RNG.uniform(0, 10**6, SIZE)),
    "floats against integers": (RNG.uniform(0, 10**6, SIZE), RNG.integers(0, 10**6, SIZE)),
    "other widths": (RNG.normal(size=SIZE), RNG.normal(size=SIZE).astype(np.float32)),
    "few against many": (RNG.normal(size=300), RNG.normal(size=SIZE)),
    "many against few": (RNG.normal(size=SIZE), RNG.normal(size=300)),
    "heavy tails": (RNG.standard_cauchy(SIZE), RNG.standard_cauchy(SIZE)),
    "atoms": (np.maximum(RNG.normal(size=SIZE), 0), np.maximum(RNG.normal(size=SIZE), 0)),
    "an atom in a grid": (
        np.where(np.arange(SIZE) % 8, RNG.normal(size=SIZE), 0.25),
        RNG.normal(size=SIZE),
    ),
    "infinities": (
        np.where(np.arange(SIZE) % 500, RNG.normal(size=SIZE), np.inf),
        np.where(np.arange(SIZE) % 500, RNG.normal(size=SIZE), -np.inf),
    ),
    "elsewhere": (RNG.normal(size=SIZE), RNG.normal(1e9, 1, SIZE)),
}


def test_which_samples_are_counted_in_buckets():
    in_buckets = {name for name, (x, _) in PAIRS.items() if sample(x).grid is not None}
    assert set(PAIRS) - in_buckets == {"few against many", "heavy tails", "atoms"}


@pytest.mark.parametrize("bins", [2, 10, 45])
@pytest.mark.parametrize("name", list(PAIRS))
def test_results_equal_those_of_sorted_values(name, bins):
    x, y = PAIRS[name]
    a, b = sample(x), sample(y)
    truth = quantile_edges(np.sort(x), bins)
    a.precompute(b)
    edges = a.edges(bins)
    np.testing.assert_array_equal(edges.points, truth.points)
    np.testing.assert_array_equal(edges.atoms, truth.atoms)
    for side, values in ((a, x), (b, y)):
        found = side.count(edges, a.grid)
        np.testing.assert_array_equal(found, count_sorted(np.sort(values), truth))
    assert a.ks(b) == ks_distance(np.sort(x), np.sort(y))


@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize("bins", [(), (10,), (10, 7)])
@pytest.mark.parametrize("name", list(PAIRS))
def test_results_after_precompute_are_the_same(name, bins, sort):
    x, y = PAIRS[name]
    a, b = sample(x), sample(y)
    a.precompute(b, bins, sort=sort)
    if sort:
        assert a._sorted is not None
        assert b._sorted is not None
    assert a.ks(b) == ks_distance(np.sort(x), np.sort(y))
    for number in (*bins, 5):
        truth = quantile_edges(np.sort(x), number)
        np.testing.assert_array_equal(a.edges(number).points, truth.points)
        counts = b.count(a.edges(number), a.grid)
        np.testing.assert_array_equal(counts, count_sorted(np.sort(y), truth))


def forbid(monkeypatch, *names):
    """Make these methods of bucketed samples raise."""

    def never(*_, **__):
        msg = "another pass over the values"
        raise AssertionError(msg)

    for name in names:
        monkeypatch.setattr(Bucketed, name, never)


def test_precompute_reads_the_values_once(monkeypatch):
    x, y = map(sample, PAIRS["normal"])
    passes = []
    opened = buckets.Opened
    monkeypatch.setattr(buckets, "Opened", lambda *a: passes.append(1) or opened(*a))
    x.precompute(y, (4, 10))
    assert len(passes) == 2
    assert x._sorted is None
    assert y._sorted is None
    forbid(monkeypatch, "__init__")
    x.precompute(y, (4, 10))
    for bins in (4, 10):
        assert y.count(x.edges(bins), x.grid).sum() == y.n
    assert x.ks(y) > 0
    assert len(passes) == 2


def test_sorted_sample_keeps_only_sorted_values():
    values = RNG.normal(size=50)
    for one in (Sample([values], (-9.0, 9.0), np.sort(values)), sample(values, values)):
        _ = one.values
        assert [part is one.values for part in one._parts] == [True]


def test_results_belong_to_the_pair_of_samples():
    x, y = map(sample, PAIRS["normal"])
    other = sample(PAIRS["few against many"][1])
    assert x.ks(y) != x.ks(other)
    assert (x.ks(other), other.ks(y), x.ks(y)) == (other.ks(x), y.ks(other), y.ks(x))


def test_counts_are_kept_after_release():
    x, y = map(sample, PAIRS["normal"])
    edges = x.edges(10)
    counts, distance = x.count(edges, x.grid), x.ks(y)
    x.release()
    assert x.edges(10) is edges
    assert x.count(edges, x.grid) is counts
    assert x.ks(y) == distance


def test_parts_are_one_sample():
    x, y = PAIRS["normal"]
    whole, parts = sample(x), sample(x[:100]).merge(sample(x[100:]))
    assert parts.n == len(x)
    assert parts.ends == whole.ends
    assert parts.grid == whole.grid
    assert parts == whole
    assert parts.ks(sample(y)) == whole.ks(sample(y))
    assert parts != sample(y)
    assert parts != "a sample"


def test_parts_of_two_types_are_sorted_as_one():
    x, y = PAIRS["integers against floats"]
    both = sample(x).merge(sample(y))
    assert both.grid is None
    np.testing.assert_array_equal(both.values, np.sort(np.concatenate([x, y])))
    assert both.ks(sample(y)) == ks_distance(both.values, np.sort(y))
    assert sample(y).ks(both) == both.ks(sample(y))


def test_sorted_values_replace_those_of_batches():
    x, _ = PAIRS["heavy tails"]
    batches = sample(x[:700].copy()).merge(sample(x[700:].copy()))
    assert batches.grid is None
    held = batches.values
    assert [part is held for part in batches._parts] == [True]
    assert not np.shares_memory(x, held)
    assert batches.merge(sample(x)).n == 2 * len(x)


def test_empty_samples():
    none, some = sample(), sample(PAIRS["normal"][0])
    assert none.n == 0
    assert none == sample(np.empty(0))
    assert none.merge(some) == some.merge(none) == some
    assert none.merge(some).ends == some.ends
    assert len(none.edges(10).points) == 0
    assert math.isnan(none.ks(some))
    assert math.isnan(some.ks(none))
    assert none.count(some.edges(4), some.grid).sum() == 0


def test_values_equal_those_of_an_ecdf_and_inputs_are_unchanged():
    x = np.array([3.0, -0.0, 1.0])
    before = x.copy()
    assert Ecdf.of(x).values.tolist() == sample(x).values.tolist() == [0.0, 1.0, 3.0]
    np.testing.assert_array_equal(np.signbit(x), np.signbit(before))
    assert repr(sample(x)) == "Sample(n=3)"
