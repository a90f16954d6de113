"""Intervals of quantiles against published constants and scipy, and effective numbers of calls."""

import math
from fractions import Fraction

import numpy as np
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from mlgates.stats.quantiles import (
    block_interval,
    corrected_for_omission,
    dependence,
    exceedance_interval,
    least_calls,
    mean_interval,
    order_ranks,
    quantile,
    quantile_interval,
    ratio_interval,
)

P99 = Fraction(99, 100)


def autoregressive(n: int, rho: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=n)
    found = np.empty(n)
    found[0] = noise[0]
    for i in range(1, n):
        found[i] = rho * found[i - 1] + math.sqrt(1 - rho**2) * noise[i]
    return found


@pytest.mark.parametrize(
    ("n", "share", "ranks", "coverage"),
    [
        (100, 0.5, (40, 61), 0.9648),
        (100, 0.9, (84, 96), 0.9557),
        (1_000, 0.99, (983, 997), 0.9761),
        (10_000, 0.99, (9_880, 9_920), 0.9558),
        (1_000, 0.95, (936, 964), 0.9581),
    ],
)
def test_ranks_and_their_coverage(n, share, ranks, coverage):
    low, high = order_ranks(n, share)
    assert (low, high) == ranks
    held = stats.binom.cdf(high - 1, n, share) - stats.binom.cdf(low - 1, n, share)
    assert round(held, 4) == coverage


def test_too_few_have_no_upper_rank():
    assert order_ranks(300, 0.99)[1] == 301


@given(
    st.integers(1, 10**6),
    st.sampled_from([0.001, 0.1, 0.5, 0.95, 0.99, 0.999]),
    st.sampled_from([0.8, 0.95, 0.999]),
)
def test_ranks_are_scipys_binomial_quantiles(n, share, confidence):
    alpha = (1 - confidence) / 2
    theirs = stats.binom.ppf(alpha, n, share), stats.binom.ppf(1 - alpha, n, share) + 1
    assert order_ranks(n, share, confidence) == theirs


@pytest.mark.parametrize(
    ("share", "confidence", "n"),
    [
        (0.95, 0.95, 72),
        (0.99, 0.95, 368),
        (0.999, 0.95, 3_688),
        (0.5, 0.95, 6),
        (0.05, 0.95, 72),
        # numbers of calls for one-sided bounds at 95 %, by Wilks
        (0.95, 0.90, 59),
        (0.99, 0.90, 299),
    ],
)
def test_least_calls(share, confidence, n):
    assert least_calls(share, confidence) == n
    assert order_ranks(n, share, confidence)[1] <= n
    low, high = order_ranks(n - 1, share, confidence)
    assert low < 1 or high > n - 1


@pytest.mark.parametrize(("k", "n"), [(0, 299), (1, 473), (2, 628), (3, 773), (4, 913), (5, 1_049)])
def test_fewest_calls_with_so_many_beyond_the_limit(k, n):
    assert exceedance_interval(k, n, 0.90)[1] <= 0.01
    assert exceedance_interval(k, n - 1, 0.90)[1] > 0.01


@given(st.integers(1, 10**6), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.999]))
def test_exceedance_interval_is_scipys(n, share, confidence):
    k = round(n * share)
    theirs = stats.binomtest(k, n).proportion_ci(confidence, method="exact")
    assert exceedance_interval(k, n, confidence) == pytest.approx((theirs.low, theirs.high), 1e-9)


@examples(200)
@given(st.integers(1, 2_000), st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.integers(0, 2_000))
def test_quantile_interval_agrees_with_that_of_the_share_beyond(n, share, k):
    """The interval of the quantile is within the limit exactly if that of the share is."""
    k = min(k, n)
    ordered = np.concatenate([np.ones(n - k), np.full(k, 3.0)])  # the limit is 2
    low, high = quantile_interval(ordered, share, n)
    least, most = exceedance_interval(k, n)
    assert (high <= 2) == (most <= 1 - share)
    assert (low > 2) == (least > 1 - share)


@pytest.mark.parametrize(
    ("share", "expected"), [("0.5", 500.0), ("0.99", 990.0), ("0.999", 999.0), ("0.9995", 1_000.0)]
)
def test_quantile_is_a_value_that_was_observed(share, expected):
    values = np.arange(1.0, 1_001.0)
    assert quantile(values, Fraction(share)) == expected
    assert expected == np.quantile(values, float(share), method="inverted_cdf")


def test_quantile_of_failed_calls_is_infinite():
    values = np.sort(np.concatenate([np.ones(98), [math.inf, math.inf]]))
    assert quantile(values, Fraction(98, 100)) == 1.0
    assert quantile(values, P99) == math.inf


@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=300),
    st.sampled_from([Fraction(1, 2), Fraction(9, 10), P99]),
    st.floats(1, 20),
)
def test_interval_holds_the_quantile_and_widens_with_dependence(values, share, inflation):
    ordered = np.sort(values)
    n = len(values)
    low, high = quantile_interval(ordered, float(share), n)
    assert low <= quantile(ordered, share) <= high
    wider = quantile_interval(ordered, float(share), max(int(n / inflation), 1))
    assert wider[0] <= quantile(ordered, share) <= wider[1]


def test_effective_number_of_independent_calls():
    found = dependence(np.random.default_rng(1).lognormal(size=2_000), 0.99)
    assert found.effective == 2_000
    assert found.inflation == 1
    assert abs(found.lag_1) < 0.05


def test_effective_number_of_autoregressive_calls():
    found = dependence(autoregressive(20_000, 0.9), 0.5)
    assert found.lag_1 == pytest.approx(0.89, abs=0.02)
    assert found.effective == pytest.approx(20_000 / 19, rel=0.3)
    assert dependence(autoregressive(2_000, 0.9), 0.99).effective < 368


def test_bursts_of_slow_calls_increase_dependence_of_the_tail():
    rng = np.random.default_rng(2)
    values = rng.lognormal(0, 0.2, 20_000)
    for start in rng.integers(0, 19_990, 40):
        values[start : start + 10] += 20
    found = dependence(values, 0.99)
    assert found.lag_1 < 0.2
    assert 20_000 / 40 < found.effective < 20_000 / 5


def test_periodic_pauses_do_not_inflate():
    values = np.random.default_rng(3).lognormal(0, 0.2, 5_000)
    values[::50] += 20
    assert dependence(values, 0.95).effective >= 4_500


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 500])
def test_equal_calls_have_no_dependence(values):
    assert dependence(np.array(values), 0.99) == (0.0, 1.0, len(values), len(values))


def test_effective_number_of_sorted_calls():
    assert dependence(np.arange(1_000.0), 0.5).effective < 10


def test_dependence_of_failed_calls():
    values = np.random.default_rng(4).lognormal(size=1_000)
    values[::100] = math.inf
    assert dependence(values, 0.99).effective == 1_000


@examples(50)
@given(st.integers(0, 10**6), st.floats(0, 0.95))
def test_dependence_is_the_same_backwards_and_on_every_scale(seed, rho):
    values = np.exp(autoregressive(300, rho, seed))
    found = dependence(values, 0.9)
    assert dependence(values**3, 0.9) == pytest.approx(found)
    backwards = dependence(values[::-1].copy(), 0.9)
    assert backwards.inflation == pytest.approx(found.inflation)


def test_block_interval_holds_the_quantile_of_calls_that_depend():
    held = []
    for seed in range(100):
        low, high = block_interval(np.exp(autoregressive(1_000, 0.9, seed)), 0.95)
        held.append(low <= math.exp(special.ndtri(0.95)) <= high)
    assert 92 <= sum(held) <= 100


def test_block_interval_is_on_the_scale_of_the_values():
    values = np.exp(autoregressive(1_000, 0.9))
    low, high = block_interval(values, 0.9)
    assert block_interval(1_000 * values, 0.9) == pytest.approx((1_000 * low, 1_000 * high))
    wider = block_interval(values, 0.9, confidence=0.99)
    assert wider[0] < low < high < wider[1]


def test_block_interval_needs_blocks_with_finite_quantiles():
    values = np.exp(autoregressive(300, 0.5))
    assert block_interval(values, 0.99) is None
    assert block_interval(np.tile(values, 2), 0.99) is not None
    values[100:110] = math.inf
    assert block_interval(values, 0.95) is None
    assert block_interval(np.ones(400), 0.95) == (1.0, 1.0)


def test_mean_interval_is_students():
    values = np.random.default_rng(5).lognormal(size=200)
    theirs = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
    assert mean_interval(values) == pytest.approx(theirs)
    assert mean_interval(np.array([1.0])) is None
    assert mean_interval(np.array([1.0, math.inf])) is None
    slow = np.exp(autoregressive(5_000, 0.9))
    plain = stats.t.interval(0.95, 4_999, slow.mean(), stats.sem(slow))
    low, high = mean_interval(slow)
    assert high - low > 2 * (plain[1] - plain[0])


def test_ratio_interval():
    assert ratio_interval(2.0, (2.0, 2.0), 1.0, (1.0, 1.0)) == (2.0, 2.0)
    low, high = ratio_interval(2.0, (1.5, math.inf), 1.0, (0.9, 1.1))
    assert 1 < low < 2
    assert high == math.inf
    assert ratio_interval(2.0, (1.5, 2.5), 1.0, (0.9, math.inf))[0] == 0
    assert ratio_interval(2.0, (-math.inf, 2.5), 1.0, (0.9, 1.1))[0] == 0
    mirrored = ratio_interval(1.0, (0.9, 1.1), 2.0, (1.5, 2.5))
    again = ratio_interval(2.0, (1.5, 2.5), 1.0, (0.9, 1.1))
    assert mirrored == pytest.approx((1 / again[1], 1 / again[0]))


def test_correction_gives_the_numbers_of_hdr_histogram():
    """10,000 calls of 1,000 and one of 100,000,000 at an interval of 10,000, in microseconds."""
    raw = np.array([1_000.0] * 10_000 + [100_000_000.0])
    corrected = np.sort(corrected_for_omission(raw, 10_000.0))
    assert len(corrected) == 20_000
    shares = {"0.5": 1e3, "0.75": 5e7, "0.9": 8e7, "0.99": 9.8e7, "0.99999": 1e8}
    for share, expected in shares.items():
        assert quantile(corrected, Fraction(share)) == expected
    assert quantile(np.sort(raw), Fraction("0.9999")) == 1_000


def test_correction_leaves_short_and_failed_calls():
    assert corrected_for_omission([1.0, math.inf, 0.5], 1.0).tolist() == [1.0, math.inf, 0.5]
    assert corrected_for_omission([], 1.0).tolist() == []
    # exactly three intervals, though 0.3 / 0.1 is a little less than 3
    assert corrected_for_omission([0.3], 0.1) == pytest.approx([0.3, 0.2, 0.1])


def test_correction_by_an_interval_in_a_wrong_unit_is_refused():
    with pytest.raises(ValueError, match=r"would be 1,000,000,000 latencies; at most 50,000,000 "):
        corrected_for_omission([1_000.0], 1e-6)
