"""Results from buckets equal those of scipy and of sorted values, for any grid and any numbers."""

import math
from bisect import bisect_right
from fractions import Fraction

import numpy as np
import pytest
from arrays import counted, ks_distance, wasserstein
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from samples import SHAPES, samples
from scipy import stats

from mlgates.stats import buckets
from mlgates.stats.buckets import Bucketed, Grid, grid_of, ks
from mlgates.stats.counting import ranks_of

#: Fine, coarse, far away, with nearly all values in one bucket, and with few buckets.
GRIDS = st.sampled_from(
    [
        Grid(-4.0, 8_000.0),
        Grid(-5.0, 1.0),
        Grid(1e6, 1.0),
        Grid(-1e300, 1e-296),
        Grid(0.0, 1e-9),
        Grid(-4.0, 1.5, 16),
        Grid(-2.0, 3.0, 2),
        None,
    ]
)
SIZE = 20_000


def brute_force(x, y):
    """Return the largest difference of exact shares over all values."""
    x, y = sorted(x.tolist()), sorted(y.tolist())
    shares = (
        Fraction(bisect_right(x, at), len(x)) - Fraction(bisect_right(y, at), len(y))
        for at in {*x, *y}
    )
    return float(max(map(abs, shares)))


def pairs(name, sizes=(SIZE, SIZE - 77)):
    rng = np.random.default_rng(sorted(SHAPES).index(name))
    return [SHAPES[name](rng, size) for size in sizes]


@examples(60)
@given(GRIDS, samples(), samples())
def test_ks_is_that_of_brute_force(grid, x, y):
    assert ks(Bucketed(x, grid), Bucketed(y, grid)) == brute_force(x, y)


@examples(60)
@given(GRIDS, samples(low=0), samples(low=0))
def test_counts_are_those_of_sorted_values(grid, x, points):
    low, high = Bucketed(x, grid).count(points)
    np.testing.assert_array_equal((low, high), ranks_of(np.sort(x), points))
    np.testing.assert_array_equal(high, Bucketed(x, grid).up_to(points))


@given(GRIDS, samples(), st.data())
def test_order_statistics_are_those_of_sorted_values(grid, x, data):
    ranks = np.array(data.draw(st.lists(st.integers(1, len(x)), min_size=1)))
    np.testing.assert_array_equal(Bucketed(x, grid).at(ranks), np.sort(x)[ranks - 1])


@given(GRIDS.filter(lambda grid: grid is not None), samples())
def test_no_larger_value_is_in_a_lower_bucket(grid, x):
    places = grid.places(np.sort(x))
    assert np.all(np.diff(places) >= 0)
    assert np.all((places >= 0) & (places < grid.size))


REASONABLE = st.floats(-1e6, 1e6, allow_subnormal=False) | st.integers(-4, 4).map(float)


@examples(60)
@given(GRIDS, samples(REASONABLE), samples(REASONABLE))
def test_wasserstein_is_scipys_in_any_grid(grid, x, y):
    found = buckets.wasserstein(Bucketed(x, grid, sums=True), Bucketed(y, grid, sums=True))
    # The rounding of a position depends on the width of the grid.
    width = 0 if grid is None else grid.size / grid.scale
    scale = max(abs(x).max(), abs(y).max(), width)
    theirs = stats.wasserstein_distance(x, y)
    assert found == pytest.approx(theirs, rel=1e-11, abs=1e-14 * scale)


@given(
    GRIDS,
    hnp.arrays(np.int64, st.integers(1, 40), elements=st.integers(-(2**63), 2**63 - 1)),
    samples(st.floats(-(2.0**63), 2.0**63)),
)
def test_integers_beyond_doubles_are_compared_exactly(grid, x, points):
    near = x // 4 * 4 + np.arange(len(x)) % 4
    for values in (x, near):
        low, high = Bucketed(values, grid).count(points)
        np.testing.assert_array_equal((low, high), ranks_of(np.sort(values), points))
        assert ks(Bucketed(values, grid), Bucketed(points, grid)) == brute_force(values, points)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_distances_of_large_samples_are_scipys(name):
    x, y = pairs(name)
    theirs = stats.ks_2samp(x, y, method="asymp").statistic
    assert ks_distance(x, y) == pytest.approx(theirs, abs=1e-12)
    assert ks_distance(y, x) == ks_distance(x, y)
    if name == "beyond 2**53":  # which scipy rounds to doubles
        x, y = x - 2**60, y - 2**60
        assert wasserstein(x + 2**60, y + 2**60) == pytest.approx(wasserstein(x, y), rel=1e-12)
    area = stats.wasserstein_distance(x.astype(float), y.astype(float))
    # With an outlier, scipy loses digits in the difference of two shares near 1.
    rel = 1e-9 if "outlier" in name else 1e-11
    assert wasserstein(x, y) == pytest.approx(area, rel=rel)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_results_do_not_depend_on_the_order_of_values(name):
    x, y = pairs(name)
    rng = np.random.default_rng(0)
    shuffled = [np.append(rng.permutation(side[:-1]), side[-1]) for side in (x, y)]
    grid = grid_of(x, y)

    def results(*sides):
        a, b = (Bucketed(side, grid, sums=True) for side in sides)
        return buckets.wasserstein(a, b), ks(a, b), a.at(np.array([1, 99, SIZE])).tolist()

    assert results(x, y) == results(*shuffled)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_order_statistics_and_counts_of_large_samples(name):
    x, y = pairs(name)
    ordered, ranks = np.sort(x), np.array([1, 7, SIZE // 2, SIZE])
    one, other = counted(x, y)
    np.testing.assert_array_equal(one.at(ranks), ordered[ranks - 1])
    np.testing.assert_array_equal(other.count(y[::500]), ranks_of(np.sort(y), y[::500]))
    np.testing.assert_array_equal(one.count(y[::500]), ranks_of(ordered, y[::500]))


@pytest.mark.parametrize("x", ["integers", "unsigned", "float32", "normal", "beyond 2**53"])
@pytest.mark.parametrize("y", ["integers", "float16", "beyond 2**53", "levels"])
def test_distances_of_two_types(x, y):
    a, b = pairs(x, (3_000, 1))[0], pairs(y, (2_500, 1))[0]
    assert ks_distance(a, b) == brute_force(a[:], b[:])
    area = stats.wasserstein_distance(a.astype(float), b.astype(float))
    rel = 1e-3 if (x, y) == ("beyond 2**53",) * 2 else 1e-11
    assert wasserstein(a, b) == pytest.approx(area, rel=rel, abs=1_000 if rel == 1e-3 else 0)


@pytest.mark.parametrize("shift", [0.0, 0.01, 1.0, 100.0, -1e9])
def test_distances_of_samples_that_differ(shift):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=SIZE), rng.normal(size=SIZE) * 1.01 + shift
    theirs = stats.ks_2samp(x, y, method="asymp").statistic
    assert ks_distance(x, y) == pytest.approx(theirs, abs=1e-12)
    assert wasserstein(x, y) == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-11)
    assert ks_distance(x, x[::-1].copy()) == 0
    assert wasserstein(x, x[::-1].copy()) == 0


def test_infinities_are_values_of_ks_and_undefined_for_wasserstein():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=SIZE), rng.normal(size=SIZE)
    x[::500], y[::1_000] = np.inf, -np.inf
    at = np.sort(np.concatenate([x, y]))
    share = [np.searchsorted(np.sort(side), at, side="right") / SIZE for side in (x, y)]
    assert ks_distance(x, y) == pytest.approx(np.abs(share[0] - share[1]).max(), abs=1e-12)
    assert math.isnan(wasserstein(x, y))
    assert math.isnan(wasserstein(y, np.ones(3)))
    assert ks_distance(np.full(SIZE, np.inf), np.full(SIZE, -np.inf)) == 1


@pytest.mark.parametrize("other", [9_000, 7_001])
@pytest.mark.parametrize("kind", ["heavy tails", "ties", "one changed", "of two types"])
def test_sorted_samples_have_the_distances_of_scipy(kind, other):
    rng = np.random.default_rng(6)
    x, y = rng.standard_cauchy(9_000), rng.standard_cauchy(other)
    if kind == "ties":
        x, y = np.floor(x), np.floor(y)
    elif kind == "one changed":
        y = np.append(x[1:other], 3.0)
    elif kind == "of two types":
        y = y.astype(np.float32)
    sides = Bucketed(x), Bucketed(y)
    expected = stats.ks_2samp(x, y, method="asymp").statistic
    assert ks(*sides) == pytest.approx(expected, abs=1e-15)
    expected = stats.wasserstein_distance(x, y.astype(float))
    assert buckets.wasserstein(*sides) == pytest.approx(expected, rel=1e-11)


def test_compared_samples_are_sorted_where_most_buckets_would_be_opened():
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(2, 100_000))
    heavy = rng.lognormal(0, 3, (2, 100_000))
    assert grid_of(x, y) is not None
    assert grid_of(*heavy) is None
    assert grid_of(x, x.copy()) is None
    assert grid_of(x) is not None


def test_few_and_constant_values_and_large_integers_are_sorted():
    for values in (np.arange(100.0), np.zeros(SIZE), 2**60 + np.arange(SIZE), np.empty(0)):
        assert grid_of(values) is None
    assert grid_of(np.full(SIZE, np.inf)) is None
    assert grid_of(np.arange(SIZE) * 5e-324) is None
    assert grid_of(np.arange(100.0), np.arange(float(SIZE))).size == 4_096


def test_buckets_of_equal_values_are_not_sorted():
    """With one of 100 levels in each bucket, all values of a sample are counted only."""
    x = np.random.default_rng(1).integers(0, 100, SIZE).astype(float)
    (one,) = counted(x)
    places = one._places
    one.open(np.ones(len(one.inside), np.bool_))
    assert len(np.unique(places)) == 100
    values, upto = one.distinct()
    assert len(one._opened) == 100
    assert values.tolist() == list(range(100))
    np.testing.assert_array_equal(upto, ranks_of(np.sort(x), values)[1])


@pytest.mark.parametrize("digits", [0, 1, 15])
def test_wasserstein_divides_buckets_in_which_distributions_cross(monkeypatch, digits):
    monkeypatch.setattr(buckets, "_FEW", 0)
    rng = np.random.default_rng(4)
    grid = Grid(-2.0, 16.0, 64)
    for n, m in ((3_000, 3_000), (2_000, 3_500), (900, 40)):
        x, y = rng.normal(size=n).round(digits), rng.normal(size=m).round(digits)
        found = [
            buckets.wasserstein(*(Bucketed(side, grid, sums=True) for side in sides))
            for sides in ((x, y), (y, x), (x[::-1], np.sort(y)))
        ]
        assert len({f"{distance:.12g}" for distance in found}) == 1
        assert found[0] == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-11)


@pytest.mark.parametrize("block", [77, 500, 1 << 18])
def test_results_do_not_depend_on_blocks(monkeypatch, block):
    rng = np.random.default_rng(3)
    x, y, points = rng.normal(size=1_000), rng.normal(size=900), rng.normal(size=30)
    grid = Grid(-3.0, 700.0, 4_096)
    whole = [Bucketed(side, grid, sums=True) for side in (x, y)]
    monkeypatch.setattr(buckets, "_BLOCK", block)
    parts = [Bucketed(side, grid, sums=True) for side in (x, y)]
    np.testing.assert_array_equal(whole[0].before, parts[0].before)
    np.testing.assert_array_equal(whole[0].left, parts[0].left)
    assert ks(*parts) == ks(*whole)
    assert buckets.wasserstein(*parts) == buckets.wasserstein(*whole)
    np.testing.assert_array_equal(parts[0].count(points), whole[0].count(points))


def test_empty_samples_have_no_distance():
    for grid in (Grid(0.0, 1.0), None):
        some, none = (Bucketed(side, grid, sums=True) for side in (np.ones(3), np.empty(0)))
        for pair in ((some, none), (none, some), (none, none)):
            assert math.isnan(ks(*pair))
            assert math.isnan(buckets.wasserstein(*pair))
        assert none.edges(4).points.tolist() == []
        assert none.cells(some.edges(4)).sum() == 0
