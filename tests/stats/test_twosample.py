"""Distances of two samples against scipy and brute force, and their properties."""

import itertools
import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from arrays import ks_distance, spread, wasserstein
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from mlgates.stats.counting import distance
from mlgates.stats.twosample import ks_chance, ks_pvalue

FLOATS = st.floats(allow_nan=False, allow_subnormal=False)
TIED = st.integers(-4, 4).map(float) | st.sampled_from([np.inf, -np.inf])


def samples(elements, dtype=np.float64, low=1, high=40):
    return hnp.arrays(dtype, st.integers(low, high), elements=elements).map(np.sort)


def brute_force(x, y):
    """Return the largest difference of exact shares over all values."""
    x, y = x.tolist(), y.tolist()
    return max(
        abs(
            Fraction(sum(value <= at for value in x), len(x))
            - Fraction(sum(value <= at for value in y), len(y))
        )
        for at in x + y
    )


@given(samples(FLOATS | TIED), samples(FLOATS | TIED))
def test_ks_distance_is_that_of_brute_force(x, y):
    assert ks_distance(x, y) == float(brute_force(x, y))


@examples(25)
@given(
    st.integers(2, 6_000),
    st.integers(2, 6_000),
    st.sampled_from([3, 50, 10**9]),
    st.floats(0, 1),
    st.integers(0, 2**32),
)
def test_ks_distance_is_scipys_where_blocks_are_bounded(n, m, levels, shift, seed):
    rng = np.random.default_rng(seed)
    x = np.sort(np.floor(rng.normal(size=n) * levels))
    y = np.sort(np.floor((rng.normal(size=m) + shift) * levels))
    theirs = stats.ks_2samp(x, y, method="asymp").statistic
    assert ks_distance(x, y) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("size", [50_000, 70_001, 100_000])
def test_ks_distance_of_large_samples(size):
    rng = np.random.default_rng(size)
    x, y = np.sort(rng.normal(size=100_000)), np.sort(rng.normal(size=size))
    theirs = stats.ks_2samp(x, y, method="asymp").statistic
    assert ks_distance(x, y) == pytest.approx(theirs, abs=1e-12)


def test_ks_distance_of_equal_and_of_nearly_equal_samples():
    x = np.sort(np.random.default_rng(0).normal(size=100_000))
    assert ks_distance(x, x.copy()) == 0
    y = x.copy()
    y[70_000] = 1e9
    y.sort()
    assert ks_distance(x, y) == 1 / 100_000


def test_ks_distance_is_exact_beyond_two_to_the_53():
    near = 2**53 + np.arange(4)
    assert ks_distance(near, near + 1) == 0.25
    assert ks_distance(near.astype(np.uint64), near + 1) == 0.25
    # As doubles, 2**53 + 1 is 2**53.
    assert ks_distance(near, near.astype(np.float64)) == 0.25
    huge = np.array([2**63, 2**63 + 1], np.uint64)
    assert ks_distance(huge, np.array([-1, 2**63 - 1])) == 1
    assert ks_distance(huge[:1], huge[1:]) == 1


@pytest.mark.parametrize("x", ["int8", "int64", "uint64", "float32", "float64"])
@pytest.mark.parametrize("y", ["uint8", "int64", "uint64", "float16", "float64"])
def test_ks_distance_does_not_depend_on_types(x, y):
    a, b = np.array([0, 1, 2, 3, 100]), np.array([2, 3, 4, 120])
    assert ks_distance(a.astype(x), b.astype(y)) == 0.4


def test_ks_distance_counts_infinities():
    x, y = np.array([0.0, 1, 2, np.inf]), np.array([-np.inf, 0, 1, 2])
    assert ks_distance(x, y) == 0.25
    assert ks_distance(np.array([np.inf]), np.array([np.inf])) == 0
    assert ks_distance(np.array([-np.inf]), np.array([np.inf])) == 1


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (3, 0)])
def test_empty_samples_have_no_distance(n, m):
    x, y = np.zeros(n), np.zeros(m)
    assert math.isnan(ks_distance(x, y))
    assert math.isnan(ks_pvalue(0.5, n, m))
    assert math.isnan(ks_chance(n, m, 0.05))
    assert math.isnan(wasserstein(x, y))
    assert math.isnan(spread(np.zeros(0)))


def test_one_row_a_side():
    assert ks_distance(np.array([1]), np.array([2])) == 1
    assert ks_pvalue(1.0, 1, 1) == 1.0
    assert wasserstein(np.array([1.0]), np.array([4.0])) == 3
    assert spread(np.array([4.0])) == 0


@given(samples(TIED), samples(TIED))
def test_ks_distance_does_not_depend_on_sides_or_repeated_rows(x, y):
    distance = ks_distance(x, y)
    assert ks_distance(y, x) == distance
    assert ks_distance(np.repeat(x, 3), y) == distance
    assert ks_distance(np.repeat(x, 2), np.repeat(y, 2)) == distance


@given(samples(st.integers(-50, 50), np.int64), samples(st.integers(-50, 50), np.int64))
def test_increasing_transforms_keep_the_ks_distance(x, y):
    distance = ks_distance(x, y)
    assert ks_distance(x**3 - 7, y**3 - 7) == distance
    assert ks_distance(np.exp(x / 10), np.exp(y / 10)) == distance
    assert ks_distance(-y[::-1], -x[::-1]) == distance


def test_one_outlier_neither_makes_nor_hides_drift():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=5_000), rng.normal(size=5_000)
    shifted = np.sort(y + 0.5)
    x.sort()
    y.sort()
    y[-1] = x[-1] = 1e6
    assert ks_pvalue(ks_distance(x, y), 5_000, 5_000) > 0.05
    for wild in (1e6, np.inf):
        shifted[-1] = wild
        assert ks_distance(x, shifted) > 0.15


def test_ks_distance_with_constant_reference_and_heavy_atoms():
    ones = np.ones(1_000)
    assert ks_distance(ones, ones) == 0
    for other in (np.full(50, 2.0), np.full(50, 0.0)):
        assert ks_distance(ones, other) == 1
    mostly_zero = np.sort(np.r_[np.zeros(950), np.arange(1.0, 51)])
    half_zero = np.sort(np.r_[np.zeros(500), np.arange(1.0, 501)])
    assert ks_distance(mostly_zero, half_zero) == 0.45


@pytest.mark.parametrize(("n", "m"), [(5, 5), (7, 4), (40, 30), (30, 300), (100, 100), (99, 100)])
def test_ks_pvalue_is_exact_for_small_samples(n, m):
    rng = np.random.default_rng(n * m)
    for shift in (0, 0.3, 0.6, 1):
        x, y = np.sort(rng.normal(size=n)), np.sort(rng.normal(size=m) + shift)
        theirs = stats.ks_2samp(x, y, method="exact")
        assert ks_pvalue(ks_distance(x, y), n, m) == pytest.approx(
            theirs.pvalue, rel=1e-6, abs=1e-9
        )


@pytest.mark.parametrize("n", [1_000, 9_000])
@pytest.mark.parametrize("z", [0.4, 0.8, 1.36, 2.5, 4])
def test_ks_pvalue_of_equal_sizes_is_exact(n, z):
    steps = round(z * math.sqrt(2 * n))
    x, y = np.arange(n), np.arange(n) + steps
    assert ks_distance(x, y) == steps / n
    theirs = stats.ks_2samp(x, y, method="exact").pvalue
    assert ks_pvalue(steps / n, n, n) == pytest.approx(theirs, rel=1e-7)


@pytest.mark.parametrize(
    ("n", "m"),
    [
        (1_000, 1_001),
        (1_000, 1_500),
        (150, 9_999),
        pytest.param(2_001, 1_000, marks=pytest.mark.slow),
        pytest.param(4_000, 5_000, marks=pytest.mark.slow),
    ],
)
def test_ks_pvalue_by_the_series_is_near_the_exact_one(n, m):
    step = math.gcd(n, m) / (n * m)
    for z in np.linspace(0.5, 2.1, 12):
        distance = round(z * math.sqrt((n + m) / (n * m)) / step) * step
        exact = exact_pvalue(distance, n, m)
        ours = ks_pvalue(distance, n, m)
        assert ours == pytest.approx(exact, abs=0.004)
        if 0.001 < exact < 0.3:
            assert ours == pytest.approx(exact, rel=0.05)


def exact_pvalue(distance, n, m):
    """Return 1 minus the share of lattice paths with a smaller distance than `distance`."""
    share = np.arange(m + 1) / m
    paths, log = np.zeros(m + 1), 0.0
    paths[0] = 1.0
    for i in range(n + 1):
        inside = np.abs(i / n - share) < distance - 1e-12
        paths = np.where(inside, np.cumsum(np.where(inside, paths, 0.0)), 0.0)
        log += math.log(paths.max())
        paths /= paths.max()
    total = math.lgamma(n + m + 1) - math.lgamma(n + 1) - math.lgamma(m + 1)
    return -math.expm1(math.log(paths[-1]) + log - total)


@pytest.mark.slow
def test_ks_pvalue_of_large_samples_is_near_scipys():
    for n, m in [(1_000_000, 1_000_000), (1_000_000, 700_001)]:
        for z in (0.8, 1.2, 1.6, 2):
            distance = z * math.sqrt((n + m) / (n * m))
            theirs = stats.kstwo.sf(distance, round(n * m / (n + m)))
            assert ks_pvalue(distance, n, m) == pytest.approx(theirs, abs=1.5e-3)


def test_ks_pvalue_is_a_probability_and_decreases():
    for n, m in [(50, 50), (50, 70), (2_000, 3_000), (30, 10**6), (10**6, 10**6)]:
        values = [ks_pvalue(d, n, m) for d in (0, 0.05, 0.1, 0.2, 0.4, 0.8, 1)]
        assert values[0] == 1
        assert all(0 <= low <= high <= 1 for high, low in itertools.pairwise(values))
        assert values[-1] < 1e-12
    assert math.isnan(ks_pvalue(math.nan, 10, 10))


def test_ks_chance():
    assert ks_chance(200, 200, 0.05) == pytest.approx(0.13581, abs=1e-5)
    assert ks_chance(2, 2, 0.05) > 1


REASONABLE = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(samples(REASONABLE), samples(REASONABLE))
def test_wasserstein_is_scipys(x, y):
    theirs = stats.wasserstein_distance(x, y)
    scale = max(abs(x).max(), abs(y).max())
    assert wasserstein(x, y) == pytest.approx(theirs, rel=1e-12, abs=1e-14 * scale)
    assert wasserstein(y, x) == pytest.approx(wasserstein(x, y), rel=1e-12)
    assert wasserstein(np.repeat(x, 2), y) == pytest.approx(wasserstein(x, y), rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(50_000, 50_000), (50_000, 49_999), (50_000, 7), (3, 40_000)])
def test_wasserstein_of_large_samples_is_scipys(n, m):
    rng = np.random.default_rng(m)
    x, y = np.sort(rng.normal(size=n)), np.sort(rng.gamma(2, size=m))
    theirs = stats.wasserstein_distance(x, y)
    assert wasserstein(x, y) == pytest.approx(theirs, rel=1e-12)
    x, y = np.sort(rng.integers(0, 90, n)), np.sort(rng.integers(0, 99, m))
    assert wasserstein(x, y) == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-12)
    assert wasserstein(x, y.astype(np.float32)) == wasserstein(x, y)


def test_wasserstein_of_distant_or_large_values():
    assert math.isnan(wasserstein(np.array([1.0, np.inf]), np.array([1.0])))
    assert math.isnan(wasserstein(np.array([1.0]), np.array([-np.inf, 1.0])))
    assert wasserstein(np.array([-1e308, 1e308]), np.array([-1e308, -1e308])) == 1e308
    late = 1_700_000_000_000_000_000 + np.arange(3)
    assert wasserstein(late, late + 1) == 1
    assert wasserstein(np.array([-(2**63)]), np.array([2**63 - 1])) == 2.0**64
    assert wasserstein(np.array([0, 200], np.uint8), np.array([100, 255], np.uint8)) == 77.5


def test_spread_is_that_of_a_normal_distribution():
    x = np.sort(np.random.default_rng(2).normal(3, 7, 100_000))
    assert spread(x) == pytest.approx(7, rel=0.02)
    wild = x.copy()
    wild[-3:] = 1e9, 1e300, np.inf
    assert spread(wild) == spread(x)


def test_spread_where_quartiles_are_equal():
    mostly_zero = np.sort(np.r_[np.zeros(90), np.arange(1.0, 11)])
    assert spread(mostly_zero) == pytest.approx(mostly_zero.std(), rel=1e-12)
    assert spread(mostly_zero.astype(np.int64)) == pytest.approx(mostly_zero.std(), rel=1e-12)
    assert spread(-mostly_zero[::-1]) == pytest.approx(mostly_zero.std(), rel=1e-12)
    assert math.isnan(spread(np.array([1.0, 1, 1, 1, np.inf])))
    assert math.isnan(spread(np.array([1.0, 2, np.inf, np.inf])))
    assert spread(np.array([1.0, 1, 1, 1, 1.7e308])) == pytest.approx(0.68e308)
    assert spread(np.array([-1.7e308, 0, 0, 0, 1e-300])) == pytest.approx(0.68e308)
    assert spread(np.array([2**62, 2**62, 2**62, 2**62, 2**62 + 5])) == 2.0
    assert spread(np.full(5, 2**62)) == 0


SIDES = st.sampled_from(
    [
        np.array([2**60 + 1]),
        np.array([2.0**60]),
        np.array([-(2**63), -1, 2**63 - 1]),
        np.array([0, 2**63 + 1, 2**64 - 1], np.uint64),
        np.array([-0.5, 0.25, 2.0**53]),
        np.array([-(2**53) - 1, 2**53 + 1]),
        np.array([-1e30, 5e-324, 1e30]),
        np.array([3, 7]),
    ]
)


@given(SIDES, SIDES)
def test_wasserstein_of_any_two_types_is_exact(x, y):
    # The mean distance of quantile functions, with fractions.
    n, m = len(x), len(y)
    cuts = sorted({Fraction(i, n) for i in range(n + 1)} | {Fraction(j, m) for j in range(m + 1)})
    exact = sum(
        (b - a) * abs(Fraction(x[int(a * n)].item()) - Fraction(y[int(a * m)].item()))
        for a, b in pairwise(cuts)
    )
    assert wasserstein(x, y) == pytest.approx(float(exact), rel=1e-12)


@given(SIDES, SIDES)
def test_distance_of_any_two_types_is_exact(x, y):
    for a in x:
        exact = [float(abs(Fraction(a.item()) - Fraction(b.item()))) for b in y]
        assert distance(np.array([a]), y).tolist() == pytest.approx(exact, rel=1e-15)
