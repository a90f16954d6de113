"""Results from buckets equal those from sorted values, for any grid."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlgates.stats import buckets
from mlgates.stats.buckets import Bucketed, Grid, grid_of, ks
from mlgates.stats.counting import ranks_of
from mlgates.stats.twosample import ks_distance

TIED = st.integers(-4, 4).map(float) | st.sampled_from([np.inf, -np.inf, 0.0, -0.0, 1e300, 5e-324])
FLOATS = st.floats(allow_nan=False)
#: Fine, coarse, far away, and with nearly all in one bucket.
GRIDS = st.sampled_from(
    [Grid(-4.0, 8_000.0), Grid(-5.0, 1.0), Grid(1e6, 1.0), Grid(-1e300, 1e-296), Grid(0.0, 1e-9)]
)
SIZE = 250_000


def samples(elements=FLOATS | TIED, dtype=np.float64, low=1, high=40):
    return hnp.arrays(dtype, st.integers(low, high), elements=elements)


def shapes(rng):
    """Return large samples, some of which are counted in a grid and some sorted."""
    normal = rng.normal(size=SIZE)
    holed = normal.copy()
    holed[::1_000] = np.inf
    holed[1::1_000] = -np.inf
    far = normal.copy()
    far[:5] = [1e300, -1e300, 1e17, 5e-324, -0.0]
    return {
        "normal": normal,
        "uniform": rng.uniform(size=SIZE),
        "exponential": rng.exponential(size=SIZE),
        "two hills": np.where(rng.uniform(size=SIZE) < 0.5, normal - 8, normal + 8),
        "infinities": holed,
        "far away": far,
        "float32": normal.astype(np.float32),
        "integers": rng.integers(-(10**9), 10**9, SIZE),
        "unsigned": rng.integers(0, 60_000, SIZE).astype(np.uint16),
        "sorted": np.sort(normal),
    }


@given(GRIDS, samples(), samples())
def test_ks_is_that_of_sorted_values(grid, x, y):
    assert ks(Bucketed(x, grid), Bucketed(y, grid)) == ks_distance(np.sort(x), np.sort(y))


@given(GRIDS, samples(low=0), samples(low=0))
def test_counts_are_those_of_sorted_values(grid, x, points):
    low, high = Bucketed(x, grid).count(points)
    np.testing.assert_array_equal((low, high), ranks_of(np.sort(x), points))


@given(GRIDS, samples(), st.data())
def test_order_statistics_are_those_of_sorted_values(grid, x, data):
    ranks = np.array(data.draw(st.lists(st.integers(1, len(x)), min_size=1)))
    np.testing.assert_array_equal(Bucketed(x, grid).at(ranks), np.sort(x)[ranks - 1])


@given(GRIDS, samples())
def test_no_larger_value_is_in_a_lower_bucket(grid, x):
    assert np.all(np.diff(grid.places(np.sort(x)).astype(int)) >= 0)


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


@pytest.mark.parametrize("name", list(shapes(np.random.default_rng(0))))
def test_large_samples_of_every_shape(name):
    x, other = (shapes(np.random.default_rng(seed))[name] for seed in (0, 1))
    y = other[: SIZE - 77]
    grid = grid_of(x, (float(x.min()), float(x.max())))
    assert grid is not None
    ends = float(y.min()), float(y.max())
    a = Bucketed(x, grid, inside=grid.holds((float(x.min()), float(x.max()))))
    b = Bucketed(y, grid, inside=grid.holds(ends))
    by_rank, sorted_x, sorted_y = np.array([1, 7, SIZE // 2, SIZE]), np.sort(x), np.sort(y)
    assert ks(a, b) == ks_distance(sorted_x, sorted_y)
    np.testing.assert_array_equal(a.at(by_rank), sorted_x[by_rank - 1])
    points = sorted_y[:: SIZE // 20]
    np.testing.assert_array_equal(a.count(points), ranks_of(sorted_x, points))


@pytest.mark.parametrize("shift", [0.0, 0.01, 1.0, 100.0, -1e9])
def test_ks_of_samples_that_differ(shift):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=SIZE), rng.normal(size=SIZE) * 1.01 + shift
    grid = grid_of(x, (float(x.min()), float(x.max())))
    assert ks(Bucketed(x, grid), Bucketed(y, grid)) == ks_distance(np.sort(x), np.sort(y))
    assert ks(Bucketed(x, grid), Bucketed(x.copy(), grid)) == 0


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(SIZE),
        np.arange(SIZE) % 5,
        np.random.default_rng(0).standard_cauchy(SIZE),
        np.random.default_rng(0).lognormal(0, 3, SIZE),
        np.where(np.arange(SIZE) % 2, 0.0, np.random.default_rng(0).normal(size=SIZE)),
        2.0**60 + np.arange(SIZE),
        np.full(SIZE, np.inf),
        np.where(np.arange(SIZE) % 3, np.inf, 1.0),
        np.arange(1_000.0),
    ],
)
def test_sorting_is_better_for_ties_heavy_tails_and_few(values):
    assert grid_of(values, (float(values.min()), float(values.max()))) is None


def test_results_do_not_depend_on_blocks(monkeypatch):
    rng = np.random.default_rng(3)
    x, y, points = rng.normal(size=1_000), rng.normal(size=900), rng.normal(size=30)
    grid = Grid(-3.0, 10_000.0)
    whole = Bucketed(x, grid), Bucketed(y, grid)
    monkeypatch.setattr(buckets, "_BLOCK", 77)
    parts = Bucketed(x, grid), Bucketed(y, grid)
    np.testing.assert_array_equal(whole[0].before, parts[0].before)
    assert ks(*parts) == ks(*whole)
    np.testing.assert_array_equal(parts[0].count(points), whole[0].count(points))


def test_requested_buckets_are_opened_with_the_next():
    x = np.random.default_rng(4).normal(size=1_000)
    sample = Bucketed(x, Grid(-3.0, 10_000.0))
    sample.request(np.arange(100, 200))
    first = sample.open(np.array([7]))
    assert first.inside[100:200].all()
    assert sample.open(np.array([150])) is first
    assert sample.open(np.array([300])) is not first


def test_empty_samples_have_no_distance():
    grid = Grid(0.0, 1.0)
    some, none = Bucketed(np.ones(3), grid), Bucketed(np.empty(0), grid)
    assert math.isnan(ks(some, none))
    assert math.isnan(ks(none, some))


def test_grid_holds():
    grid = Grid(0.0, 1.0)
    assert grid.holds((0.0, 65_535.9))
    assert not grid.holds((-0.1, 5.0))
    assert not grid.holds((0.0, 65_536.0))
    assert not grid.holds((0.0, np.inf))
